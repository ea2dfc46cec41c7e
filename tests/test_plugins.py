"""Plugins: found by entry point, each loaded alone, and a name that two want is nobody's."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from arbkit.core.errors import ConfigError, PluginError
from arbkit.plugins import registry as plugins

GOOD = """
import arbkit

class Kraken:
    venue = "krakenish"
    def __init__(self, settings): ...
    def links(self, instruments, account): return ()
    def session(self, link, catalogue, signer): ...
    def route(self, command): return ()

class Patient(arbkit.Strategy):
    '''Waits for better prices.'''

@arbkit.hookimpl
def register_exchanges(register):
    register(Kraken)

@arbkit.hookimpl
def register_dialects(register):
    class Fake:
        venue = "krakenish"
    register(Fake)

@arbkit.hookimpl
def register_strategies(register):
    register("patient", Patient)
"""


class Shelf:
    """A folder on sys.path that holds distributions as an installer would leave them."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        monkeypatch.syspath_prepend(str(folder))
        self._before = set(sys.modules)

    def add(self, distribution: str, code: str, version: str = "1.0") -> None:
        module = distribution.replace("-", "_")
        (self.folder / f"{module}.py").write_text(code)
        info = self.folder / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[arbkit]\nmain = {module}\n")

    def clear(self) -> None:
        for name in set(sys.modules) - self._before:
            if getattr(sys.modules[name], "__file__", None) and str(self.folder) in str(sys.modules[name].__file__):
                del sys.modules[name]


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]  # a generator fixture
    made = Shelf(tmp_path, monkeypatch)
    yield made
    made.clear()


def find(registry: plugins.Registry, distribution: str) -> plugins.Plugin:
    return next(plugin for plugin in registry.plugins if plugin.distribution == distribution)


def test_a_third_party_package_is_found_without_touching_ours(shelf: Shelf) -> None:
    """A stranger's distribution registers a venue and a strategy."""
    shelf.add("someones-venue", GOOD, "3.1")
    registry = plugins.load()
    assert registry.exchange("krakenish").__name__ == "Kraken"
    assert registry.strategy("patient").__name__ == "Patient"
    plugin = find(registry, "someones-venue")
    assert (plugin.version, plugin.error, plugin.venues, plugin.strategies) == ("3.1", "", ["krakenish"], ["patient"])
    assert registry.home["krakenish"] is plugin


def test_simulated_venues_load_only_when_asked_for(shelf: Shelf) -> None:
    """A trading process never imports a dialect."""
    shelf.add("someones-venue", GOOD)
    assert "krakenish" not in plugins.load().dialects
    assert plugins.load(dialects=True).dialect("krakenish").__name__ == "Fake"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import nothing_of_that_name", "ModuleNotFoundError"),
        ("x = 1\n\nraise ValueError('not today')", r"ValueError: not today \(.*bad_venue\.py:3\)"),
        ("def f(:\n", r"SyntaxError: .*bad_venue\.py:1"),
        ("raise SystemExit(3)", "SystemExit"),
        ("import arbkit\n@arbkit.hookimpl\ndef register_exchanges(register): register(3)", "needs a class"),
        (
            "import arbkit\nclass A: venue = 'A B'\n@arbkit.hookimpl\ndef register_exchanges(register): register(A)",
            "lower-case",
        ),
        ("import arbkit\n@arbkit.hookimpl\ndef register_exchange(register): pass", "register_exchange"),
        ("import arbkit\n@arbkit.hookimpl\ndef register_exchanges(registry): pass", "registry"),
        (
            "import arbkit\nclass A: venue = 'abc'\n@arbkit.hookimpl\ndef register_exchanges(register): register(A)",
            "lacks",
        ),
        ("import arbkit\n@arbkit.hookimpl\ndef register_strategies(register): register('x', 3)", "is not a class"),
        ("import arbkit\n@arbkit.hookimpl\ndef register_strategies(register): 1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_broken_plugin_is_listed_with_its_reason_and_stops_nobody(shelf: Shelf, code: str, words: str) -> None:
    """Whatever a package does wrong, the one beside it works."""
    shelf.add("bad-venue", code)
    shelf.add("someones-venue", GOOD)
    registry = plugins.load()
    assert registry.exchange("krakenish")
    assert re.search(words, find(registry, "bad-venue").error)


def test_a_plugin_that_fails_halfway_registers_nothing(shelf: Shelf) -> None:
    """Its venue was fine, its strategies raise: a half-loaded package would surprise later."""
    shelf.add("half", GOOD.replace('register("patient", Patient)', "1 / 0"))
    registry = plugins.load()
    assert "krakenish" not in registry.exchanges
    with pytest.raises(ConfigError, match="broken: half"):
        registry.exchange("krakenish")


def test_two_distributions_with_one_venue_are_both_refused_by_name(shelf: Shelf) -> None:
    """Nobody can slip in under a venue's name: neither gets it, and both are named."""
    shelf.add("someones-venue", GOOD)
    shelf.add("evil-twin", GOOD.replace("patient", "other"), "6.6")
    registry = plugins.load()
    assert "krakenish" not in registry.exchanges
    with pytest.raises(PluginError, match=r"evil-twin 6\.6 and someones-venue 1\.0 both register it"):
        registry.exchange("krakenish")
    assert "both are refused" in find(registry, "evil-twin").error
    assert "both are refused" in find(registry, "someones-venue").error


def test_live_imports_only_the_distributions_that_are_named(shelf: Shelf) -> None:
    """An unnamed package is not even imported."""
    shelf.add("someones-venue", GOOD)
    shelf.add("spy", "raise RuntimeError('imported')")
    registry = plugins.load(["Someones_Venue"])
    assert {plugin.distribution for plugin in registry.plugins} == {"arbkit", "someones-venue"}
    assert "spy" not in sys.modules
    with pytest.raises(
        ConfigError, match="live mode loads only the distributions that the config names: Someones_Venue"
    ):
        registry.exchange("binance")


def test_a_named_distribution_that_is_not_installed(shelf: Shelf) -> None:
    """A typo in ``distributions`` is told, not ignored."""
    with pytest.raises(PluginError, match="not installed or not an arbkit plugin: arbkit-krakn"):
        plugins.load(["arbkit-krakn"])


def test_the_nearest_name_is_suggested(shelf: Shelf) -> None:
    """A venue that nobody registers: the nearest that somebody does."""
    shelf.add("someones-venue", GOOD)
    with pytest.raises(ConfigError, match="did you mean 'krakenish'"):
        plugins.load().exchange("krakenis")
