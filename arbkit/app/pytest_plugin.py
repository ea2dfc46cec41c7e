"""The pytest plugin of arbkit: the conformance rules as tests of an author's own adapter (docs/conformance.md).

    def test_conformance(adapter_rule):
        adapter_rule()

The rules are loaded only if a test has the argument ``adapter_rule``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from arbkit.testing.conformance import Rule, VenueUnderTest

_FILES = ("arbkit_recording", "arbkit_vectors")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the configuration file."""
    parser.addini("arbkit_adapter", "name of the installed adapter that the conformance rules test", default="")
    for name in _FILES:
        parser.addini(name, "file for the conformance rules, relative to the configuration file", default="")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each rule."""
    if "adapter_rule" not in metafunc.fixturenames:
        return
    from arbkit.app.conformance import subject
    from arbkit.core.errors import ConfigError
    from arbkit.testing.conformance import RULES

    config = metafunc.config
    name = getattr(metafunc.module, "arbkit_adapter", "") or config.getini("arbkit_adapter")
    if not name:
        raise pytest.UsageError(
            'adapter_rule: set arbkit_adapter = "NAME" in the configuration of pytest or in the test module'
        )
    folder = config.rootpath if config.inipath is None else config.inipath.parent
    recording, vectors = (_file(folder, config.getini(option)) for option in _FILES)
    try:
        tested = subject(name, recording, vectors)
    except (ConfigError, OSError) as error:
        # a test that fails, and not an error here: that would stop the collection of all other tests
        metafunc.parametrize("adapter_rule", [_failed(f"adapter_rule: {error}")], ids=["adapter"])
        return
    metafunc.parametrize("adapter_rule", [_test(rule, tested) for rule in RULES.values()], ids=list(RULES))


def _file(folder: Path, name: str) -> Path | None:
    return folder / name if name else None


def _failed(why: str) -> Callable[[], None]:
    return lambda: pytest.fail(why, pytrace=False)


def _test(rule: Rule, tested: VenueUnderTest) -> Callable[[], None]:
    def check() -> None:
        from arbkit.testing.conformance import Nonconforming, NotRun

        try:
            rule(tested)
        except NotRun as reason:
            pytest.skip(str(reason))
        except Nonconforming as error:
            pytest.fail(f"{rule.about}\n{error}", pytrace=False)

    check.__doc__ = rule.about
    return check
