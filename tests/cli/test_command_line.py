"""The command line: exit codes, one-line errors, nothing imported before it is needed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from arbkit import cli
from arbkit.app import demo, launch, replay
from arbkit.app.plan import RunPlan, VenuePlan
from arbkit.core.errors import ConnectFailed, LocalProtocolError, RemoteProtocolError
from arbkit.core.tape import MAGIC, TapeHead, TapeWriter

STRATEGY = """
from arbkit import Strategy

class Mine(Strategy):
    def __init__(self, min_edge: float = 0.001, symbols: object = ()) -> None:
        self.min_edge = min_edge
    def instruments(self, catalogue):
        return ()
    def decide(self, view, touched, now_ns):
        return ()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, and the import state as it was."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    for name in list(os.environ):
        if name.startswith("ARBKIT_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ARBKIT_STRATEGY__PARAMS__SYMBOLS", '["BTC-USDT"]')
    return tmp_path


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stands for the composition root and notes what it was called with."""
    calls = SimpleNamespace(run=[], demo=[], replay=[], code=0, replayed={"commands_hash": "ab", "same": True})
    monkeypatch.setattr(launch, "run", lambda *args, **named: calls.run.append((args, named)) or calls.code)
    monkeypatch.setattr(replay, "replay", lambda *args: calls.replay.append(args) or calls.replayed)
    monkeypatch.setattr(demo, "run", lambda **named: calls.demo.append(named) or calls.code)
    return calls


def run(*args: str) -> int:
    return cli._run(list(args))


def test_help_lists_the_commands_and_exits_0(capsys: pytest.CaptureFixture[str]) -> None:
    """Every command has one line of help."""
    assert run("--help") == 0
    text = capsys.readouterr().out
    for name in ("adapters", "bench", "config", "demo", "replay", "run", "sim", "strategies"):
        assert f"\n  {name} " in text


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The installed distribution's, read only when asked for."""
    assert run("--version") == 0
    assert capsys.readouterr().out == f"arbkit {metadata.version('arbkit')}\n"


@pytest.mark.parametrize("name", sorted(cli._COMMANDS))
def test_each_command_has_help_of_its_own(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """``arbkit NAME --help`` imports it and exits 0."""
    assert run(name, "--help") == 0
    assert "Usage: arbkit" in capsys.readouterr().out


def test_help_imports_no_machinery() -> None:
    """``--help`` stays fast: a fresh interpreter loads click and nothing heavy, not even our nouns."""
    code = (
        "import sys\nfrom arbkit import cli\ncli._run(['--help'])\n"
        "heavy = ['aiohttp', 'asyncio', 'msgspec', 'rich', 'ssl', 'structlog', 'uvloop', 'arbkit.core.types']\n"
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_a_wrong_command_suggests_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, one hint."""
    assert run("adaptors") == 2
    assert "Did you mean 'adapters'?" in capsys.readouterr().err


def test_wrong_options_are_usage_errors() -> None:
    """click's own errors are exit 2, too."""
    assert run("run", "--nope") == 2
    assert run("bench", "nope") == 2
    assert run("replay", "no-such-file.jsonl") == 2


@pytest.mark.parametrize(
    ("error", "code"), [(ConnectFailed("okx: refused"), 4), (RemoteProtocolError("okx: nonsense"), 4)]
)
def test_errors_of_the_world_are_one_line_and_an_exit_code(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unreachable or broken venue is no traceback."""

    def fail(*_args: object, **_named: object) -> None:
        raise error

    monkeypatch.setattr(cli.group, "main", fail)
    assert run("x") == code
    assert capsys.readouterr().err == f"arbkit: {error}\n"


def test_our_own_bugs_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is our fault must be reportable."""

    def fail(*_args: object, **_named: object) -> None:
        raise LocalProtocolError("impossible")

    monkeypatch.setattr(cli.group, "main", fail)
    with pytest.raises(LocalProtocolError):
        run("x")


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    """``arbkit replay ... | head -1``: exit 0, no traceback."""
    frames = tmp_path / "frames.jsonl"
    frames.write_text("not a frame\n" * 10)
    script = (
        "import sys\nfrom arbkit import cli\nfrom arbkit.testing import recording\n"
        "def talk(*args, out, **named):\n    for _ in range(100000): out('x' * 100)\n"
        "recording.print_books = talk\n"
        f"cli.main(['replay', {str(frames)!r}, '--venue', 'binance', '--json'])\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert (process.wait(20), process.stderr.read()) == (0, b"")


def test_adapters_list_tells_changes_ahead_and_old_checks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A change that a venue has announced, and a package that was not compared for half a year."""
    from arbkit_okx.adapter import Okx

    told = replace(Okx.capabilities, checked="2020-02-01", changes={"2031-01-02": "books end: use the new ones"})
    monkeypatch.setattr(Okx, "capabilities", told)
    assert run("adapters", "list") == 0
    shown = capsys.readouterr().out
    assert "okx changes on 2031-01-02: books end: use the new ones" in shown
    assert re.search(r"okx was compared with its documentation \d{4} days ago", shown)
    assert shown.count("days ago") == 1


def test_adapters_list_tells_what_is_installed(capsys: pytest.CaptureFixture[str]) -> None:
    """The table and its JSON say the same."""
    assert run("adapters", "list", "--json") == 0
    rows = json.loads(capsys.readouterr().out)["adapters"]
    ok = [row for row in rows if row["status"] == "ok"]
    assert "binance" in [row["venue"] for row in ok]
    assert all(row["distribution"].startswith("arbkit-") and row["checked"] and row["order_expiry_s"] for row in ok)
    for row in ok:  # an order window is no proof: both times are told, each with its page, or as an assumption
        assert row["order_window_source"].startswith("https://")
        assert row["order_timeout_s"] == 10.0
        assert row["order_timeout_source"].startswith(("https://", "assumed: "))
    assert run("adapters", "list") == 0
    text = capsys.readouterr().out
    assert text.startswith("venue ")
    assert f"\n{len(ok)} adapter" in text


def test_strategies_list_names_ours(capsys: pytest.CaptureFixture[str]) -> None:
    """The built-in strategies come through the same hook as a stranger's."""
    assert run("strategies", "list", "--json") == 0
    rows = json.loads(capsys.readouterr().out)["strategies"]
    assert ("spread", "arbkit", "ok") in [(row["name"], row["distribution"], row["status"]) for row in rows]


def test_text_of_strangers_cannot_drive_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Escape sequences in a plugin's error are shown, not obeyed."""
    from arbkit.cli.output import table
    from arbkit.monitor.terminal import say

    say("bad \x1b[2J \x9b1m\r name")
    table(("a",), [("x\x1b]0;owned\x07\ny",)])
    printed = capsys.readouterr()
    assert "\x1b" not in printed.err + printed.out
    assert "\x9b" not in printed.err
    assert "\\x1b" in printed.err
    assert printed.out.count("\n") == 2


# --- config check ---------------------------------------------------------------------------------------------------


def test_config_check_says_ok(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A good file: exit 0; as JSON with what was read."""
    (folder / "arbkit.toml").write_text('[venues.binance]\nkey = "env:K"\n')
    assert run("config", "check") == 0
    assert "ok: paper, 1 venue" in capsys.readouterr().out
    assert run("config", "check", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["ok"] is True
    assert said["config"]["venues"]["binance"]["key"] == "env:K"


def test_config_check_tells_all_mistakes_with_exit_2(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown key and an unknown venue come at once, with the nearest names, as text and as JSON."""
    (folder / "arbkit.toml").write_text("[venues.binanse]\ntakr_fee = 1\n[limts]\n")
    assert run("config", "check") == 2
    text = capsys.readouterr().err
    assert "3 mistakes" in text
    assert "arbkit.toml:1: venues.binanse: no plugin registers this venue, did you mean 'binance'?" in text
    assert "arbkit.toml:2: venues.binanse.takr_fee: is not a configuration key, did you mean 'taker_fee'?" in text
    assert "arbkit.toml:3: limts: is not a configuration key, did you mean 'limits'?" in text
    assert run("config", "check", "--json") == 2
    said = json.loads(capsys.readouterr().out)
    assert [mistake["key"] for mistake in said["mistakes"]] == ["venues.binanse", "venues.binanse.takr_fee", "limts"]


def test_config_schema_describes_every_key(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON Schema with the tables, their keys and defaults; an amount may be a number, as TOML writes it."""
    assert run("config", "schema") == 0
    schema = json.loads(capsys.readouterr().out)
    parts = {part["title"]: part["properties"] for part in schema["$defs"].values()}
    assert set(parts["Config"]) >= {"mode", "venues", "strategy", "limits", "gate", "metrics", "state", "distributions"}
    assert parts["VenueConfig"]["taker_fee"]["type"] == ["number", "string"]
    assert parts["VenueConfig"]["environment"]["default"] == "prod"
    assert parts["LimitsConfig"]["max_open_deals"] == {"type": "integer", "default": 4}


def test_config_check_of_a_live_file_without_keys_is_exit_3(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only keys are wrong: exit 3, both named."""
    (folder / "arbkit.toml").write_text('mode = "live"\ndistributions = ["arbkit-binance"]\n[venues.binance]\n')
    assert run("config", "check") == 3
    text = capsys.readouterr().err
    assert "venues.binance.key: is missing" in text
    assert "venues.binance.secret: is missing" in text


def test_a_venue_option_that_the_plugin_refuses_is_a_mistake(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each plugin knows its own options; its refusal is told as any other mistake."""
    (folder / "arbkit.toml").write_text("[venues.binance.options]\nno_such_option = 'x'\n")
    assert run("config", "check") == 2
    assert "venues.binance" in capsys.readouterr().err


# --- run ------------------------------------------------------------------------------------------------------------


def test_run_loads_a_class_from_the_current_folder_by_path(
    folder: Path, app: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    """``strategy:Mine`` is ./strategy.py; the first screen says paper, venue and limits."""
    (folder / "strategy.py").write_text(STRATEGY)
    (folder / "arbkit.toml").write_text(
        "[venues.binance]\nbalances = { usdt = 1e3, BTC = 0.50 }\ntaker_fee = 0.00075\n"
        "[venues.okx]\n[strategy]\nparams = { min_edge = 0.5 }\n"
    )
    assert run("run", "strategy:Mine", "--seconds", "3") == 0
    (config, strategy), named = app.run[0]
    assert type(strategy).__name__ == "Mine"
    assert strategy.min_edge == 0.5
    assert config.strategy.target == "strategy:Mine"
    assert (named["live"], named["seconds"]) == (False, 3.0)
    first = capsys.readouterr().err
    assert first.startswith("PAPER - live books, simulated fills\n")
    assert (
        "venue     binance: prod, account main; configured: holds 1000 USDT, 0.5 BTC; "
        "taker fee 0.075 %; orders take 50 ms\n"
    ) in first
    assert "okx: prod, account main; configured: holds nothing, so nothing can be traded" in first
    assert "limits    order 200" in first
    assert sys.path[-1] == str(folder)


MOVES = """
from arbkit import SpreadArb

class Moves(SpreadArb):
    symbols = ("BTC-USDT", "ETH-USDT")
"""


@pytest.mark.parametrize(
    ("binance", "okx", "told"),
    [
        ("", "", "BTC, ETH: a trade needs an edge of 0.50% (min_edge_immovable), not of 0.10% (min_edge)"),
        ("movable = { BTC = true, ETH = true }", "movable = { BTC = true }", "for ETH: a trade needs"),
        ("movable = { btc = true, ETH = false }", "movable = { BTC = true, ETH = false }", ""),
    ],
)
def test_a_run_without_keys_says_what_it_does_not_know(
    binance: str,
    okx: str,
    told: str,
    folder: Path,
    app: SimpleNamespace,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No venue tells it whether an asset can be moved; the first screen says which threshold that costs, and what to
    set. It says nothing where the user has said it all."""
    monkeypatch.delenv("ARBKIT_STRATEGY__PARAMS__SYMBOLS")
    (folder / "strategy.py").write_text(MOVES)
    (folder / "arbkit.toml").write_text(f"[venues.binance]\n{binance}\n[venues.okx]\n{okx}\n")
    assert run("run", "strategy:Moves") == 0
    first = capsys.readouterr().err
    assert ("movable" in first) == bool(told)
    assert told in first
    assert ("set movable = { ETH = true } in [venues.okx]" in first) == ("for ETH" in told)


def test_a_neighbour_called_ssl_shadows_nothing(folder: Path, app: SimpleNamespace) -> None:
    """The folder is last on sys.path, and a target of a standard name gets a name of its own."""
    (folder / "random.py").write_text("raise RuntimeError('shadowed')")
    (folder / "ssl.py").write_text(STRATEGY)
    (folder / "arbkit.toml").write_text("[venues.binance]\n")
    assert run("run", "ssl:Mine") == 0
    import random
    import ssl

    assert hasattr(ssl, "create_default_context")
    assert hasattr(random, "Random")


def test_run_by_registered_name(folder: Path, app: SimpleNamespace) -> None:
    """A name without a colon is one of the registry's."""
    (folder / "arbkit.toml").write_text("[venues.binance]\n")
    assert run("run", "spread") == 0
    assert type(app.run[0][0][1]).__name__ == "SpreadArb"


@pytest.mark.parametrize(
    ("target", "code", "words"),
    [
        ("nope:Mine", STRATEGY, "there is no"),
        ("strategy:Mien", STRATEGY, "did you mean 'Mine'?"),
        ("strategy:Strategi", STRATEGY, "did you mean 'Strategy'?"),
        ("other.py:Mine", STRATEGY, "there is no file"),
        ("strategy:Mine", "import nothing_there", "ModuleNotFoundError: No module named 'nothing_there'"),
        ("strategy:Mine", "a = 1\nraise ValueError('no')\n", "strategy.py:2"),
        ("strategy:Mine", "def f(:\n", "strategy.py:1"),
        ("strategy:Mine", "raise SystemExit", "SystemExit"),
        ("strategy:Mine", "class Mine: pass", "is not a strategy: it lacks instruments, decide"),
        ("strategy:Mine", STRATEGY.replace("self.min_edge = min_edge", "1 / 0"), "ZeroDivisionError"),
        ("spraed", STRATEGY, "did you mean 'spread'?"),
        ("strategy", STRATEGY, "name the class in this file, as strategy:Class"),
        (":Mine", STRATEGY, "a target is module:Class"),
        ("strategy:", STRATEGY, "a target is module:Class"),
    ],
)
def test_a_target_that_cannot_be_loaded_is_exit_2_with_its_place(
    target: str, code: str, words: str, folder: Path, app: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing file or class and a raising import: one text, no traceback, nothing runs."""
    (folder / "strategy.py").write_text(code)
    (folder / "arbkit.toml").write_text("[venues.binance]\n")
    assert run("run", target) == 2
    text = capsys.readouterr().err
    assert words in text
    assert "Traceback" not in text
    assert not app.run


def test_params_that_the_class_does_not_take(
    folder: Path, app: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    """Names only: a parameter's value is not printed."""
    (folder / "strategy.py").write_text(STRATEGY)
    (folder / "arbkit.toml").write_text('[venues.binance]\n[strategy.params]\nmin_edg = "CANARY0"\n')
    assert run("run", "strategy:Mine") == 2
    text = capsys.readouterr().err
    assert "arbkit.toml:3: strategy.params.min_edg: is no setting of Mine" in text
    assert "CANARY0" not in text


def test_live_needs_flag_and_mode(folder: Path, app: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    """The flag without the mode is refused; the mode without the flag runs on paper and says so."""
    (folder / "arbkit.toml").write_text("[venues.binance]\n")
    assert run("run", "spread", "--live") == 2
    assert '--live needs mode = "live"' in capsys.readouterr().err
    (folder / "arbkit.toml").write_text('mode = "live"\n[venues.binance]\n')
    assert run("run", "spread") == 0
    assert app.run[0][1]["live"] is False
    assert "nothing is sent" in capsys.readouterr().err


def test_live_with_everything_says_live(
    folder: Path, app: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Flag, mode, distributions and keys: the first line says LIVE, and no key is printed."""
    monkeypatch.setenv("B_KEY", "CANARYkey")
    monkeypatch.setenv("B_SECRET", "CANARYsecret")
    (folder / "arbkit.toml").write_text(
        'mode = "live"\ndistributions = ["arbkit-binance"]\n'
        '[venues.binance]\nkey = "env:B_KEY"\nsecret = "env:B_SECRET"\n'
    )
    assert run("run", "spread", "--live") == 0
    assert app.run[0][1]["live"] is True
    assert [*app.run[0][1]["exchanges"]] == ["binance"]
    printed = capsys.readouterr()
    assert printed.err.startswith("LIVE - real orders, real money\n")
    assert "CANARY" not in printed.err + printed.out


def test_run_hands_the_exit_code_through(folder: Path, app: SimpleNamespace) -> None:
    """Unresolved exposure (6) and a risk stop (5) are the engine's to say."""
    (folder / "arbkit.toml").write_text("[venues.binance]\n")
    for code in (5, 6):
        app.code = code
        assert run("run", "spread") == code


def test_run_without_venues_or_target_says_what_is_missing(
    folder: Path, app: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty folder: what to write where."""
    assert run("run", "spread") == 2
    assert "[venues.binance]" in capsys.readouterr().err
    assert run("run") == 2
    assert "no strategy: use" in capsys.readouterr().err


def test_the_demo_gets_its_options(app: SimpleNamespace) -> None:
    """They arrive as they were given."""
    assert run("demo", "--seconds", "9", "--seed", "4", "--json") == 0
    asked: dict[str, Any] = app.demo[0]
    assert (asked["seconds"], asked["seed"], asked["as_json"]) == (9.0, 4, True)


def test_a_tape_is_replayed_and_must_give_the_same_commands(
    folder: Path, app: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    """The hash of its commands as JSON; exit 1 when they are not those of the run."""
    tape = folder / "run.tape"
    tape.touch()
    assert run("replay", str(tape), "--json") == 0
    assert app.replay[0][0] == str(tape)
    assert json.loads(capsys.readouterr().out) == {"commands_hash": "ab", "same": True}
    app.replayed["same"] = False
    assert run("replay", str(tape)) == 1
    printed = capsys.readouterr()
    assert "ab" in printed.out
    assert "differ" in printed.err


def stranger_tape(file: Path, target: str, *, ends: bool = True) -> str:
    """A tape whose head names this strategy."""
    venue = VenuePlan(venue="okx", account="okx:main", environment="prod", balances={})
    plan = RunPlan(venues=[venue], target=target, params={"symbols": ["BTC-USDT"]})
    tape = TapeWriter(TapeHead(began_ns=1, code="x", seed=1, setup=msgspec.msgpack.encode(plan)))
    if ends:
        tape.end("ab", 2)
    file.write_bytes(MAGIC + tape.pack(tape.take()))
    return str(file)


@pytest.mark.parametrize("module", ["{0}/evil.py", "../downloads/evil.py", "evil.py", "evil", "evil_module"])
def test_a_tape_cannot_name_the_code_that_runs(
    folder: Path, module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Path, file or module: nothing that a tape names is loaded. The text says how to name it yourself; then it is."""
    there = folder / "downloads"
    there.mkdir()
    for place in (there / "evil.py", folder / "evil.py", folder / "evil_module.py"):
        place.write_text("import pathlib\npathlib.Path('ran').touch()\n")
    monkeypatch.syspath_prepend(str(folder))
    tape = stranger_tape(folder / "a.tape", module.format(there) + ":Evil")
    assert run("replay", tape) == 2
    assert not (folder / "ran").exists()
    assert "name it: arbkit replay" in capsys.readouterr().err
    (folder / "mine.py").write_text(
        "import arbkit\nclass Mine(arbkit.Strategy):\n"
        "    def __init__(self, symbols): ...\n"
        "    def instruments(self, catalogue): return ()\n"
        "    def decide(self, view, touched, now_ns): return ()\n"
    )
    assert run("replay", tape, "mine.py:Mine") == 1  # its hash is another one
    assert "differ" in capsys.readouterr().err
    assert not (folder / "ran").exists()


def test_a_tape_of_a_registered_strategy_needs_no_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An installed strategy is loaded by its registered name."""
    assert run("replay", stranger_tape(folder / "a.tape", "spread")) == 1
    assert "differ" in capsys.readouterr().err


def test_a_tape_that_ends_early_is_no_other_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The disk was full or the process was killed: nobody is told to look for a bug."""
    assert run("replay", stranger_tape(folder / "a.tape", "spread", ends=False)) == 2
    said = capsys.readouterr().err
    assert "the tape ends before its run did" in said
    assert "differ" not in said


def test_a_damaged_tape_is_exit_2(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file and what is wrong, without a traceback."""
    tape = folder / "a.tape"
    stranger_tape(tape, "spread")
    writer = TapeWriter(TapeHead(began_ns=1, code="x", seed=1, setup=b"\xc1"))
    for data in (tape.read_bytes()[:20], MAGIC + writer.pack(writer.take())):
        tape.write_bytes(data)
        assert run("replay", str(tape)) == 2
        assert "tape" in capsys.readouterr().err


def test_replay_needs_the_venue_of_frames(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Frames do not say whose they are; an unknown venue is exit 2."""
    frames = folder / "frames.jsonl"
    frames.write_text("")
    assert run("replay", str(frames)) == 2
    assert run("replay", str(frames), "--venue", "binanc") == 2
    assert "did you mean 'binance'?" in capsys.readouterr().err


def test_a_file_that_is_no_recording_is_exit_2(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every line is counted as an error, and the format is told."""
    file = folder / "frames.jsonl"
    file.write_bytes(b"\x00\xff not frames\n" * 3)
    assert run("replay", str(file), "--venue", "binance", "--json") == 2
    printed = capsys.readouterr()
    assert json.loads(printed.out)["summary"] == {"frames": 0, "books": 0, "gaps": 0, "errors": 3}
    assert "contains no frames" in printed.err


def test_replay_reads_up_to_a_torn_line_and_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A recording cut in the middle of a line: the summary, and one text on stderr."""
    frames = folder / "frames.jsonl"
    frame = {"t": 1.0, "dir": "in", "kind": "ws", "url": "wss://x/ws", "conn": "a", "data": "{}"}
    frames.write_text(json.dumps(frame) + "\n" + '{"t": 2.0, "dir"')
    run("replay", str(frames), "--venue", "binance", "--json")
    printed = capsys.readouterr()
    assert json.loads(printed.out.splitlines()[-1])["summary"]["frames"] == 1
    assert "line 2 cannot be read" in printed.err
