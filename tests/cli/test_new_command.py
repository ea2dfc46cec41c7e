"""``arbkit new``: the packages that it makes pass their own tests at once, and arbkit finds them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from arbkit import cli

BIN = Path(sys.executable).parent
NAMES = {"strategy": "wide-spread", "adapter": "toy-x"}


def said(env: dict[str, str], cwd: Path, *command: object) -> str:
    """What a command prints; it must end with 0."""
    done = subprocess.run(
        [str(word) for word in command], env=env, cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Made:
    """A package that ``arbkit new`` made, installed in a folder of its own."""

    def __init__(self, kind: str, into: Path) -> None:
        printed = said(dict(os.environ), into, BIN / "arbkit", "new", kind, NAMES[kind]).splitlines()
        self.folder = into / Path(printed[0]).parts[0]
        self.printed = [Path(line).relative_to(self.folder.name).as_posix() for line in printed[:-2]]
        site = into / "site"
        self.env = {**os.environ, "PYTHONPATH": str(site)}
        uv = [BIN / "uv", "pip", "install", "--quiet", "--offline", "--no-deps", "--no-build-isolation"]
        said(self.env, into, *uv, "--python", sys.executable, "--target", site, self.folder)

    def said(self, *command: object) -> str:
        return said(self.env, self.folder, *command)


@pytest.fixture(scope="module")
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(request.param, tmp_path_factory.mktemp(request.param))


each = pytest.mark.parametrize("made", NAMES, indirect=True)
adapter = pytest.mark.parametrize("made", ["adapter"], indirect=True)
strategy = pytest.mark.parametrize("made", ["strategy"], indirect=True)


@each
def test_a_new_package_passes_its_own_tests(made: Made) -> None:
    """At once, without a change, as its README says."""
    assert " passed" in made.said(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")


@each
def test_a_new_package_is_clean(made: Made) -> None:
    """No name of the template is left, the linter of the repository finds nothing, and all its files are printed."""
    files = {file.relative_to(made.folder).as_posix(): file for file in made.folder.rglob("*") if file.is_file()}
    files = {name: file for name, file in files.items() if "__pycache__" not in name}
    assert sorted(files) == sorted(made.printed)
    assert {"pyproject.toml", "README.md", ".github/workflows/ci.yml"} <= set(files)
    for name, file in files.items():
        assert "new-name" not in name + file.read_text()
        assert "new_name" not in name + file.read_text()
        assert "NewName" not in file.read_text()
    rules = Path(__file__).parents[2] / "pyproject.toml"
    made.said(BIN / "ruff", "check", "--no-cache", "--config", rules, ".")


@strategy
def test_a_new_strategy_is_listed_and_run_by_its_name(made: Made, tmp_path: Path) -> None:
    """``strategies list`` shows it. ``run`` makes it with the settings of the configuration: a wrong one is refused."""
    rows = json.loads(made.said(BIN / "arbkit", "strategies", "list", "--json"))["strategies"]
    (row,) = [row for row in rows if row["distribution"] == "wide-spread"]
    assert (row["name"], row["status"]) == ("wide-spread", "ok")
    (tmp_path / "arbkit.toml").write_text("strategy.params = { width = 1 }\n[venues.okx]\n[venues.binance]\n")
    done = subprocess.run(
        [BIN / "arbkit", "run", "wide-spread"], env=made.env, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == cli.USAGE
    assert "arbkit.toml:1: strategy.params.width: is no setting of WideSpread" in done.stderr
    assert "Traceback" not in done.stderr


@adapter
def test_a_new_adapter_is_listed_and_replays_frames(made: Made, tmp_path: Path) -> None:
    """``adapters list`` shows it. Of a snapshot, a delete and a gap, ``replay`` makes two books and a loss."""
    rows = json.loads(made.said(BIN / "arbkit", "adapters", "list", "--json"))["adapters"]
    (row,) = [row for row in rows if row["distribution"] == "arbkit-toy-x"]
    assert (row["venue"], row["status"], row["reason"]) == ("toy_x", "ok", "")
    push = {"type": "book", "symbol": "BTCUSDT", "ms": 1, "asks": [["10", "3"]]}
    pushes = [
        push | {"seq": 7, "bids": [["9", "1"], ["8", "2"]]},
        push | {"seq": 8, "prev": 7, "bids": [["9", "0"]]},
        push | {"seq": 11, "prev": 10, "bids": [["9", "5"]]},
    ]
    lines = [json.dumps({"dir": "in", "kind": "ws", "data": json.dumps(each), "t": 1.0}) for each in pushes]
    (tmp_path / "frames.jsonl").write_text("\n".join(lines) + "\n")
    printed = made.said(BIN / "arbkit", "replay", tmp_path / "frames.jsonl", "--venue", "toy_x", "--json").splitlines()
    books = [json.loads(line) for line in printed]
    assert [(book["i"], book["bid"], book["ask"]) for book in books[:-1]] == [
        (0, ["9", "1"], ["10", "3"]),
        (1, ["8", "2"], ["10", "3"]),
    ]
    assert books[-1]["summary"] == {"frames": 3, "books": 1, "gaps": 1, "errors": 0}


@adapter
def test_a_new_adapter_breaks_no_conformance_rule(made: Made) -> None:
    """``adapters test`` runs the rules that need no simulated venue. They include the imports of the package."""
    rules = json.loads(made.said(BIN / "arbkit", "adapters", "test", "toy_x", "--json"))["rules"]
    outcomes = {rule["rule"]: rule["outcome"] for rule in rules}
    assert outcomes["pure"] == outcomes["subscriptions"] == outcomes["pings"] == "pass"
    assert "FAIL" not in outcomes.values()


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("strategy", "Wide", "small letters"),
        ("strategy", "wide_spread", "small letters"),
        ("strategy", "2wide", "small letters"),
        ("strategy", "../wide", "small letters"),
        ("strategy", "wide--spread", "small letters"),
        ("strategy", "spread", "an installed plugin registers this strategy"),
        ("strategy", "json", "module or keyword 'json'"),
        ("strategy", "class", "module or keyword 'class'"),
        ("strategy", "opportunity", "uses the class Opportunity"),
        ("adapter", "binance", "an installed plugin registers this adapter"),
        ("adapter", "arbkit-toy", "leave out arbkit-"),
        ("adapter", "book-socket", "uses the class BookSocket"),
    ],
)
def test_a_name_that_cannot_work_is_refused_with_its_reason(
    kind: str, name: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, exit 2, and nothing is written."""
    assert cli._run(["new", kind, "--into", str(tmp_path), "--", name]) == cli.USAGE
    told = capsys.readouterr().err
    assert words in told
    assert repr(name) in told
    assert told.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder or file of that name stays as it is."""
    for name in ("mine", "yours"):
        (tmp_path / name).write_text("old") if name == "mine" else (tmp_path / name).mkdir()
        assert cli._run(["new", "strategy", name, "--into", str(tmp_path)]) == cli.USAGE
        assert f"{tmp_path / name} exists already, nothing was written" in capsys.readouterr().err
    assert (tmp_path / "mine").read_text() == "old"
    assert list((tmp_path / "yours").iterdir()) == []


def test_a_folder_that_is_missing_or_cannot_be_written_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``--into`` must be a folder that exists, and that lets us write."""
    assert cli._run(["new", "strategy", "mine", "--into", str(tmp_path / "none")]) == cli.USAGE
    assert "'--into'" in capsys.readouterr().err
    assert cli._run(["new", "strategy", "mine", "--into", "/proc"]) == cli.USAGE
    assert "/proc/mine cannot be written: " in capsys.readouterr().err


def test_the_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    """A command line to copy."""
    for kind in ("strategy", "adapter"):
        cli._run(["new", kind, "--help"])
        assert f"\n    arbkit new {kind} " in capsys.readouterr().out
