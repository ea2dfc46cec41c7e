"""The first minutes of a user: ``arbkit init``, ``config check``, a run on a terminal, ``arbkit top``."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from screens import Terminal

from arbkit import cli

ARBKIT = Path(sys.executable).parent / "arbkit"
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, and the import state as it was."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    for name in list(os.environ):
        if name.startswith("ARBKIT_"):
            monkeypatch.delenv(name)
    return tmp_path


def check(*args: str) -> int:
    return cli._run(["config", "check", *args])


# --- init


def test_init_changes_no_file_that_is_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is missing is written, the rest is named and stays byte for byte; twice is as once."""
    (folder / "strategy.py").write_text("mine = 1\n")
    assert cli._run(["init"]) == 0
    told = capsys.readouterr()
    assert told.err == "strategy.py is there already: not changed\n"
    assert "wrote arbkit.toml\nwrote .gitignore\n" in told.out
    assert (folder / "strategy.py").read_text() == "mine = 1\n"
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert set(before) == {"arbkit.toml", "strategy.py", ".gitignore"}
    assert cli._run(["init", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"written": [], "kept": ["arbkit.toml", "strategy.py", ".gitignore"]}
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_init_needs_two_venues_that_are_installed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli._run(["init", "--venues", "okx"]) == 2
    assert "arbitrage needs two venues" in capsys.readouterr().err
    assert cli._run(["init", "--venues", "okx,bynance"]) == 2
    assert "did you mean 'binance'?" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


def test_what_init_writes_is_right_and_runs_at_once(tmp_path: Path, venues: dict[str, Any]) -> None:
    """In an empty folder, with no change: ``config check`` finds nothing, ``demo strategy:Mine`` ends with equal
    ledgers, and ``run`` trades on paper (here the books are those of simulated venues, by variables).

    The run is on a terminal of 80 columns: one line a deal, a header. A second run on its state is refused with one
    line, ``top --json`` tells what the terminal shows, the log is in a file that only its owner can read, each line
    with the number of the run, and Ctrl-C leaves a clean screen.
    """
    env = {name: text for name, text in os.environ.items() if not name.startswith("ARBKIT_")} | {"HOME": str(tmp_path)}

    def arbkit(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [ARBKIT, *args], cwd=tmp_path / "desk", env=env, capture_output=True, text=True, timeout=120, check=False
        )

    subprocess.run([ARBKIT, "init", "desk", "--venues", "binance,okx"], cwd=tmp_path, env=env, check=True)
    checked = arbkit("config", "check")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout.splitlines()[-1] == "ok: paper, 2 venues, strategy:Mine"
    demo = arbkit("demo", "strategy:Mine", "--seconds", "5", "--json")
    assert demo.returncode == 0, demo.stderr
    assert json.loads(demo.stdout)["ledger_equal"]

    for name, venue in venues.items():
        env[f"ARBKIT_VENUES__{name.upper()}__ENVIRONMENT"] = "sim"
        for field in ("rest", "ws_public", "ws_private", "ws_trade"):
            env[f"ARBKIT_VENUES__{name.upper()}__ENDPOINTS__{field.upper()}"] = venue[field]
    terminal = Terminal()
    try:
        with terminal.start([ARBKIT, "run", "--state", "state"], cwd=tmp_path / "desk", env=env) as process:
            terminal.until(
                lambda text: len(re.findall(r"(BTC|ETH)-USDT buy ", text)) >= 2 and "-- paper active" in text
            )
            second = arbkit("run", "--state", "state")
            top = json.loads(arbkit("top", "--state", "state", "--json").stdout)
            terminal.press(b"\x03")
            while process.poll() is None or terminal.read():
                terminal.read()
        text = terminal.text
    finally:
        terminal.close()
    assert process.returncode == 0, text
    assert second.returncode == 2
    assert re.fullmatch(rf"arbkit: another arbkit \(process {process.pid}\) runs on .*", second.stderr.splitlines()[-1])
    assert top["picture"]["kind"] == "paper"
    assert [venue["name"] for venue in top["picture"]["venues"]] == ["binance", "okx"]
    assert any(told["deal"] for told in top["lines"])
    assert all(len(shown) <= 80 for shown in text.splitlines())
    assert "-- paper" not in text
    assert re.search(r"^gain     [+-]\d+\.\d\d USDT at book prices", text, re.M)
    log = tmp_path / "desk" / "state" / "paper" / "log.jsonl"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert len({row["run"] for row in rows}) == 1
    deals = [row for row in rows if row["event"] == "deal.closed"]
    assert {row["deal"] >> 20 for row in deals} == {rows[0]["run"]}  # the number of the run is in that of its deals
    assert all(leg["qty"] and leg["px"] for row in deals for leg in row["legs"])


# --- config check


def test_config_check_tells_everything_at_once(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """File, plugins, hosts, keys, strategy and executor in one list, each with its line and a remedy."""
    for name in ("BINANCE_KEY", "BINANCE_SECRET", "OKX_KEY", "OKX_SECRET"):
        monkeypatch.setenv(name, "a-key-of-some-length")
    (folder / "strategy.py").write_text("import nothing_like_this\n")
    (folder / "arbkit.toml").write_text(
        'mode = "live"\n'
        'distributions = ["arbkit-binance", "arbkit-okx", "arbkit-bybitt"]\n'
        "[venues.binance]\n"
        'key = "env:BINANCE_KEY"\n'
        'secret = "env:BINANCE_SECRET"\n'
        'environment = "testnet"\n'
        'endpoints.wss_public = "wss://127.0.0.1"\n'
        "[venues.okx]\n"
        'key = "env:OKX_KEY"\n'
        'secret = "env:OKX_SECRET"\n'
        'environment = "demo"\n'
        "[venues.gate]\n"
        "[strategy]\n"
        'target = "strategy:Mine"\n'
        "[executor]\n"
        "triess = 3\n"
        "[limits]\n"
        "max_order_notinal = 3\n"
        'max_stock = { "okxx:BTC" = 3 }\n'
    )
    assert check() == 2
    head, *told = capsys.readouterr().err.splitlines()
    wanted = {
        2: ["distributions: arbkit-bybitt is not installed, did you mean 'arbkit-bybit'?"],
        7: ["venues.binance.endpoints.wss_public: ", "did you mean 'ws_public'?"],
        8: ["venues.okx.passphrase: is missing: this venue signs with one"],
        12: ["venues.gate: its plugin arbkit-gate is installed, but distributions does not name it"],
        14: ["strategy.target: ", "ModuleNotFoundError: No module named 'nothing_like_this'"],
        16: ["executor.triess: unknown key; did you mean 'tries'?"],
        18: ["limits.max_order_notinal: is not a configuration key, did you mean 'max_order_notional'?"],
        19: ["limits.max_stock.okxx:BTC: names 'okxx'; the venues are binance, okx, gate"],
    }
    for number, texts in wanted.items():
        lines = [line for line in told if line.startswith(f"  arbkit.toml:{number}: ")]
        assert any(all(text in line for text in texts) for line in lines), (number, told)
    assert {line.split(":")[1] for line in told} == {str(number) for number in (*wanted,)}, told
    assert head == f"arbkit: {len(told)} mistakes in the configuration:"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ('[strategy]\ntarget = "spread"\nparams = { symbol = "BTC-USDT" }', "3: strategy.params"),
        ('[strategy]\ntarget = "nowhere:Mine"', "2: strategy.target: there is no"),
        (
            '[strategy]\ntarget = "sprad"',
            "2: strategy.target: no plugin registers the strategy 'sprad', did you mean 'spread'",
        ),
        ('[executor]\ntries = "x"', "executor"),
        ('[venues.okx]\nenvironment = "testnet"', "2: venues.okx.environment: environment 'testnet'"),
        ("[log]\nmost_mb = 0", "2: log.most_mb: must be 1 or more"),
    ],
)
def test_each_mistake_has_its_line(folder: Path, capsys: pytest.CaptureFixture[str], lines: str, told: str) -> None:
    (folder / "arbkit.toml").write_text(lines + "\n")
    assert check() == 2
    assert told in capsys.readouterr().err


def test_the_way_to_live_of_the_readme_works_as_it_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file, with its test networks, passes ``config check --live`` once the keys are there; without one it is exit
    3 that names the key."""
    page = (ROOT / "README.md").read_text()
    found = re.search(r"```toml\n(# arbkit\.toml\nmode = \"live\".*?)```", page, re.S)
    assert found
    assert 'environment = "testnet"' in found[1]
    assert 'environment = "demo"' in found[1]
    (folder / "arbkit.toml").write_text(found[1])
    (folder / "arbkit.toml").chmod(0o600)
    monkeypatch.setenv("HOME", str(folder))
    for name in re.findall(r'"env:(\w+)"', found[1]):
        monkeypatch.setenv(name, "a-key-of-some-length")
    for name in re.findall(r'"file:~/(.*?)"', found[1]):
        file = folder / name
        file.parent.mkdir(parents=True, mode=0o700)
        file.write_text("a-secret-of-some-length")
        file.chmod(0o600)
    assert check("--live") == 0, capsys.readouterr().err
    monkeypatch.delenv("OKX_PASSPHRASE")
    assert check("--live") == 3
    assert "venues.okx.passphrase: the variable OKX_PASSPHRASE is not set" in capsys.readouterr().err


# --- top


async def test_top_shows_a_run_elsewhere() -> None:
    """The header and the lines of the run, new ones as they come; when nobody answers it says so and goes on."""
    from captures import NOON, picture, play
    from textual.widgets import RichLog, Static

    from arbkit.core.errors import TransportError
    from arbkit.monitor.board import Board
    from arbkit.monitor.top import Top

    board, gone = Board(), False
    board.show(picture())
    play(board)

    def ask(after: int) -> Any:
        if gone:
            raise TransportError("no run answers in state")
        return board.watched(after)

    app = Top(ask, first=ask(0), every_s=0.01)
    async with app.run_test(size=(80, 24)) as pilot:

        async def until(text: str) -> None:
            for _ in range(500):
                await pilot.pause(0.01)
                state = str(app.query_one("#state", Static).render())
                lines = "\n".join(strip.text.rstrip() for strip in app.query_one("#lines", RichLog).lines)
                if text in state + lines:
                    return
            pytest.fail(f"{text} is not in\n{state}\n{lines}")

        await until("-- paper active")
        await until("12:01:05 BTC-USDT buy binance 61653.73 sell okx 61703.6 +0.42 USDT 14ms")
        board(NOON, "venue.notice", {"venue": "okx", "text": "a new line"})
        await until("okx says: a new line")
        gone = True
        await until("no run answers in state")
        gone = False
        await pilot.resize_terminal(120, 30)
        await until("buy 0.00812 binance 61653.73")
        await pilot.press("q")
    assert app.return_code == 0
    shown = board.watched(board.watched(0).next)
    assert shown.lines == []


def test_top_without_textual_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith(("textual.", "arbkit.monitor.top"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "textual", None)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert cli._run(["top", "--state", "nowhere"]) == 2
    assert "pip install 'arbkit[top]'" in capsys.readouterr().err


def test_top_in_a_pipe_or_without_a_run_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli._run(["top"]) == 2
    assert "needs a terminal; in a pipe use arbkit top --json" in capsys.readouterr().err
    assert cli._run(["top", "--json", "--state", "nowhere"]) == 4
    assert "no run answers in nowhere" in capsys.readouterr().err
