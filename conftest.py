"""For all tests.

Examples in the documentation are tests: Python blocks run, ``arbkit.toml`` blocks are read by the real loader. Tests of
recordings run if their files are there (``arbkit.testing.corpus``); otherwise one line at the end counts them.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser

from arbkit.config import load as config
from arbkit.core.errors import ConfigError
from arbkit.testing import corpus


class ConfigParser(CodeBlockParser):
    """A ``toml`` block that begins with ``# arbkit.toml`` is a configuration without mistakes."""

    language = "toml"

    def evaluate(self, example: Example) -> None:
        text = str(example.parsed)
        if text.startswith("# arbkit.toml"):
            with TemporaryDirectory() as folder:
                file = Path(folder) / "arbkit.toml"
                file.write_text(text)
                config.load(file, env={})


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), ConfigParser(), SkipParser()],
    patterns=["*.md"],
    excludes=[".venv/**", "CHANGELOG.md"],
).pytest()

NOT_RUN = pytest.StashKey[int]()
"""The number of tests whose recordings are missing."""


def pytest_configure(config: pytest.Config) -> None:
    """A wrong folder ends the run with one line."""
    config.stash[NOT_RUN] = 0
    try:
        corpus.folder()
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests whose recordings are missing."""
    missing = [item for item in items if _lacks_recordings(item)]
    if missing:
        items[:] = [item for item in items if item not in missing]
        config.hook.pytest_deselected(items=missing)
        config.stash[NOT_RUN] = len(missing)


def _lacks_recordings(item: pytest.Item) -> bool:
    for mark in item.iter_markers("recordings"):
        venue, *files = mark.args
        if any(corpus.find(venue, file) is None for file in files):
            return True
    return False


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Every worker of xdist collects all tests; it tells its count."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["not_run"] = session.config.stash[NOT_RUN]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take the count of a worker."""
    count = getattr(node, "workeroutput", {}).get("not_run", 0)
    node.config.stash[NOT_RUN] = max(node.config.stash[NOT_RUN], count)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """One line about the tests that did not run."""
    if count := config.stash[NOT_RUN]:
        lack = "has no files for them" if corpus.folder() else "is not set"
        terminalreporter.write_line(
            f"recording tests that did not run: {count} ({corpus.VARIABLE} {lack}; recordings are made with a recorder "
            "of your own, in the format that CONTRIBUTING.md describes)"
        )
