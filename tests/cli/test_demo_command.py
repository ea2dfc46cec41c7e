"""``arbkit demo`` as a newcomer meets it: short runs, an impatient hand on the keyboard."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from arbkit.app.demo import Screen, _amounts

ARBKIT = Path(sys.executable).parent / "arbkit"


def test_a_short_demo_ends_with_equal_books() -> None:
    """The JSON contract: deals closed, nothing unresolved, the engine's ledger equal to each venue's own; exit 0."""
    command = [ARBKIT, "demo", "--seconds", "8", "--seed", "3", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout)
    assert line["deals"] >= 1
    assert line["legs"] >= 2 * line["hedged"] > 0
    assert (line["unresolved"], line["held"], line["ledger_equal"]) == (0, 0, True)
    assert set(line["tick_to_order_us"]) == {"p50", "p99"}
    assert line["messages"] > 0
    assert line["pnl"]
    assert set(line["faults"]) <= {"skip", "partial", "lose_ack", "throttle", "close"}


def test_the_venues_of_the_demo_can_be_chosen() -> None:
    """A new venue is tried beside one that works; a name without a simulator is refused with the known ones."""
    command = [ARBKIT, "demo", "--seconds", "6", "--venues", "okx, bybit", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ledger_equal"]
    done = subprocess.run([ARBKIT, "demo", "--venues", "okx,nowhere"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "nowhere" in done.stderr
    assert "bybit" in done.stderr


def test_all_venues_of_the_demo() -> None:
    command = [ARBKIT, "demo", "--seconds", "6", "--venues", "okx,all", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ledger_equal"]


def test_ctrl_c_ends_the_demo_as_cleanly_as_time_does() -> None:
    """The terminal sends it to the whole group; the venues stay until the last order is wound down and compared."""
    with subprocess.Popen(
        [ARBKIT, "demo", "--seconds", "50"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.startswith("DEAL 000002"):
                    break
            os.killpg(process.pid, signal.SIGINT)
            out, err = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode == 0, out + err
    assert err == ""
    assert out.splitlines()[-1] == "ledger   exactly equal: every asset, every venue"


def test_amounts_are_rounded_and_dust_is_left_out() -> None:
    """Dollars to the cent first, coins to a ten-thousandth."""
    assert _amounts({"BTC": "-0.00000316", "USDT": "0.7414336440000000"}) == "+0.74 USDT"
    assert _amounts({"BTC": "0.01", "USDT": "-700.999"}) == "-701.00 USDT, +0.0100 BTC"
    assert _amounts({"ETH": "-4.81E-7"}) == "nothing"


def test_the_screen_says_why_a_venue_does_not_trade(capsys: object) -> None:
    """In words, once it is told."""
    screen = Screen(silent=False)
    screen("venue.waiting", venue="okx", why="own fees unknown")
    assert capsys.readouterr().out == "  okx cannot trade yet: own fees unknown\n"  # type: ignore[attr-defined]
