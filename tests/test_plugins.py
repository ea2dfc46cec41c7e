"""Plugins: found by entry point, each loaded alone, and a name that two want is nobody's."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from arbkit import cli
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
    with pytest.raises(ConfigError, match="only the distributions that the config names are loaded: Someones_Venue"):
        registry.exchange("binance")


class Planted:
    """Files of a distribution as a stranger can leave them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, folder: str, name: str, module: str, *, path: str = "", record: str = "") -> None:
        place = self.folder / path
        place.mkdir(exist_ok=True)
        (self.folder / f"{module}.py").write_text("raise RuntimeError('ran')")
        info = place / folder
        info.mkdir()
        about = "PKG-INFO" if folder.endswith(".egg-info") else "METADATA"
        said = f"Name: {name}\n" if name else ""
        (info / about).write_text(f"Metadata-Version: 2.1\n{said}Version: 9.9\nAuthor: Mallory\n")
        if module:
            (info / "entry_points.txt").write_text(f"[arbkit]\nx = {module}\n")
        if record:
            (info / "RECORD").write_text(record)


@pytest.mark.parametrize(
    ("folder", "name", "words"),
    [
        ("stray_pkg-9.9.dist-info", "arbkit-binance", "must agree"),
        ("stray_pkg-9.9.dist-info", "Arbkit.Binance", "must agree"),
        ("stray_pkg-9.9.dist-info", "arbkit", "must agree"),
        ("stray_pkg-9.9.dist-info", "", "no name"),
        ("arbkit_binance-9.9.dist-info", "arbkit_binance", "more than once"),
        ("ARBKIT.binance-9.9.dist-info", "ARBKIT.binance", "more than once"),
        ("other.egg-info", "arbkit-binance", "no installed package"),
    ],
)
@pytest.mark.parametrize("only", [None, ["arbkit-binance"]])
def test_a_name_does_not_open_the_door(
    shelf: Shelf, folder: str, name: str, words: str, only: list[str] | None
) -> None:
    """Whoever plants a name that the configuration trusts: none of the planted code runs, and the list says why."""
    Planted(shelf.folder).add(folder, name, "evil_planted")
    registry = plugins.load(only)
    assert "evil_planted" not in sys.modules
    said = {plugin.error for plugin in registry.plugins if plugin.module == "evil_planted"}
    listed = only is None or name.lower().replace(".", "-") in ("arbkit", "arbkit-binance", "arbkit_binance")
    assert any(words in text for text in said) if listed else not said
    twins = words == "more than once"
    assert ("binance" not in registry.exchanges) is twins  # nobody knows which of two is the right one


def test_what_another_package_installed_is_not_loaded(shelf: Shelf) -> None:
    """A wheel that carries a second distribution's folder, whose files the installer noted as its own; the named
    package beside it works."""
    planted = Planted(shelf.folder)
    shelf.add("someones-venue", GOOD)
    planted.add(
        "harmless-1.0.dist-info", "harmless", "", record="harmless.py,,\nother_venue-0.1.dist-info/METADATA,,\n"
    )
    planted.add("other_venue-0.1.dist-info", "other-venue", "evil_carried")
    registry = plugins.load()
    assert "evil_carried" not in sys.modules
    assert "installed by harmless" in find(registry, "other-venue").error
    assert registry.exchange("krakenish")


def test_the_current_folder_is_no_place_for_a_package(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever can write it could stand in for an installed one."""
    shelf.add("someones-venue", GOOD)
    monkeypatch.chdir(shelf.folder)
    assert "current folder" in find(plugins.load(), "someones-venue").error


def test_python_m_finds_what_the_command_finds(tmp_path: Path) -> None:
    """``python -m`` puts the current folder first: modules and packages that lie there are not imported."""
    Planted(tmp_path).add("arbkit_okx-9.9.dist-info", "arbkit-okx", "evil_cwd")
    for name in ("click.py", "msgspec.py", "arbkit_okx.py"):
        (tmp_path / name).write_text("open('ran', 'w')")
    done = subprocess.run(
        [sys.executable, "-m", "arbkit", "adapters", "list", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "ran").exists()
    assert "okx" in [row["venue"] for row in json.loads(done.stdout)["adapters"]]


def test_the_build_folder_of_an_editable_package_is_no_second_one(shelf: Shelf) -> None:
    """Some installers leave ``.egg-info`` beside the source, which is on the path: it is one package."""
    shelf.add("someones-venue", GOOD)
    source = shelf.folder / "source"
    noted = {"url": source.as_uri(), "dir_info": {"editable": True}}
    (shelf.folder / "someones_venue-1.0.dist-info" / "direct_url.json").write_text(json.dumps(noted))
    Planted(shelf.folder).add("someones_venue.egg-info", "someones-venue", "someones_venue_x", path="source")
    sys.path.append(str(source))
    try:
        registry = plugins.load()
    finally:
        sys.path.remove(str(source))
    plugin = find(registry, "someones-venue")
    assert (plugin.error, plugin.source, plugin.location) == ("", "editable", str(source))
    assert registry.exchange("krakenish")


@pytest.mark.parametrize(
    "command",
    [
        ("adapters", "list"),
        ("strategies", "list"),
        ("config", "check"),
        ("adapters", "test", "nobody"),
        ("sim", "nobody"),
        ("replay", "frames.jsonl", "--venue", "nobody"),
        ("chaos", "--venues", "nobody", "--seeds", "1"),
        ("run", "spread"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("where", ["file", "variable"])
def test_every_command_loads_only_what_the_configuration_names(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], where: str
) -> None:
    """Paper mode too, and commands that need nothing else of the configuration."""
    shelf.add("spy", "raise RuntimeError('imported')")
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "frames.jsonl").touch()
    if where == "file":
        (folder / "arbkit.toml").write_text('distributions = ["arbkit-okx"]\n')
    else:
        monkeypatch.setenv("ARBKIT_DISTRIBUTIONS", '["arbkit-okx"]')
    seen: list[plugins.Registry] = []
    load = plugins.Registry.__init__

    def note(registry: plugins.Registry) -> None:
        load(registry)
        seen.append(registry)

    monkeypatch.setattr(plugins.Registry, "__init__", note)
    cli._run(list(command))
    assert [{one.distribution for one in registry.plugins} for registry in seen] == [{"arbkit", "arbkit-okx"}]


def test_a_named_distribution_that_is_not_installed(shelf: Shelf) -> None:
    """A typo in ``distributions`` is told, not ignored."""
    with pytest.raises(PluginError, match="not installed or not an arbkit plugin: arbkit-krakn"):
        plugins.load(["arbkit-krakn"])


def test_the_nearest_name_is_suggested(shelf: Shelf) -> None:
    """A venue that nobody registers: the nearest that somebody does."""
    shelf.add("someones-venue", GOOD)
    with pytest.raises(ConfigError, match="did you mean 'krakenish'"):
        plugins.load().exchange("krakenis")
