"""``arbkit demo`` as a newcomer meets it: short runs, an impatient hand on the keyboard."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from screens import Terminal

from arbkit.monitor.words import amounts

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


def test_the_demo_on_a_terminal() -> None:
    """80 columns: every deal is one line, each of the five planted faults is named, and what is over is told; a header
    shows the run. Ctrl-C, as the terminal sends it, ends the run as time does and leaves a clean screen."""
    terminal = Terminal()
    try:
        with terminal.start([ARBKIT, "demo", "--seconds", "16"]) as process:
            text = terminal.until(lambda text: text.count("planted at") == 5 and "is back" in text)
            assert "-- demo active, up " in text
            terminal.press(b"\x03")
            while process.poll() is None or terminal.read():
                terminal.read()
        text = terminal.text
    finally:
        terminal.close()
    assert process.returncode == 0, text
    lines = text.splitlines()
    assert all(len(line) <= 80 for line in lines)
    deals = [line for line in lines if re.match(r"\d\d:\d\d:\d\d (BTC|ETH)-USDT ", line)]
    assert len(deals) >= 5
    assert all(re.search(r" [+-]\d+\.\d\d( USDT)?( \d+ ?m?s)?( [a-z]+)?$", line) for line in deals), deals
    for what in ("skipped", "in part", "is lost", "429", "is closed"):
        assert re.search(rf"planted at \w+: .*{what}", text), what
    for healed in ("is trusted again", "told the order; nothing was sent twice", "public.0 is back"):
        assert healed in " ".join(text.split()), healed
    assert "-- demo" not in text
    assert lines[-1] == "ledger   exactly equal: every asset, every venue"
    assert "Traceback" not in text


def test_a_reader_that_leaves_stops_no_desk() -> None:
    """``arbkit demo | head -1``: the desk trades to its end, compares the ledgers, and nothing is raised."""
    command = [ARBKIT, "demo", "--seconds", "4", "--venues", "okx,bybit"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert (process.wait(120), process.stderr.read()) == (0, b"")


def test_amounts_are_rounded_and_dust_is_left_out() -> None:
    """Dollars to the cent first, coins to a ten-thousandth."""
    assert amounts({"BTC": "-0.00000316", "USDT": "0.7414336440000000"}) == "+0.74 USDT"
    assert amounts({"BTC": "0.01", "USDT": "-700.999"}) == "-701.00 USDT, +0.0100 BTC"
    assert amounts({"ETH": "-4.81E-7"}) == "+0.00"
