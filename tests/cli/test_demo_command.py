"""``arbkit demo`` as a newcomer meets it: short runs, an impatient hand on the keyboard."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from arbkit_binance.adapter import Binance
from arbkit_binance.dialect import BinanceDialect
from arbkit_bybit.adapter import Bybit
from arbkit_bybit.dialect import BybitDialect
from arbkit_okx.adapter import Okx
from arbkit_okx.dialect import OkxDialect
from screens import Terminal

from arbkit import SpreadArb
from arbkit.app.healing import Healing
from arbkit.app.simulated import GATE, LIMITS, PARAMS
from arbkit.monitor.words import Words, amounts, line
from arbkit.sim.faults import default_script
from arbkit.testing.simulated import simulate

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
    """80 columns: every deal is one line, the first planted fault is named, a header shows the run. Ctrl-C, as the
    terminal sends it, ends the run as time does and leaves a clean screen."""
    terminal = Terminal()
    try:
        with terminal.start([ARBKIT, "demo", "--seconds", "50"]) as process:
            terminal.until(
                lambda text: len(deals(text)) >= 2 and "planted at" in text and "-- demo active, up " in text
            )
            terminal.press(b"\x03")
            while process.poll() is None or terminal.read():
                terminal.read()
        text = terminal.text
    finally:
        terminal.close()
    assert process.returncode == 0, text
    assert all(len(shown) <= 80 for shown in text.splitlines())
    for shown in deals(text):
        assert re.search(r" [+-]\d+\.\d\d( USDT)?( +\d+ ?m?s)?( [a-z]+)?$", shown), shown
    assert "-- demo" not in text
    assert text.splitlines()[-1] == "ledger   exactly equal: every asset, every venue"
    assert "Traceback" not in text


def deals(text: str) -> list[str]:
    return [row for row in text.splitlines() if re.match(r"\d\d:\d\d:\d\d (BTC|ETH)-USDT ", row)]


def test_all_five_faults_of_the_demo_and_their_end_are_named() -> None:
    """In virtual time: what is planted, what the desk notices, and that it is over, in this order."""
    words, shown, wall = Words(), list[str](), [0]

    def told(event: str, /, **fields: Any) -> None:
        shown.extend(line(each) for each in words(wall[0], event, fields))

    log = Healing(told, lambda: wall[0])
    venues: Any = {Binance: BinanceDialect, Okx: OkxDialect, Bybit: BybitDialect}
    script = default_script(["binance", "okx", "bybit"], 40)
    run = simulate(SpreadArb(**PARAMS), venues, faults=script, limits=LIMITS, gate=GATE, log=log)
    planted = 0
    for _ in range(500):
        run.run_for(0.1)
        wall[0] = run.now_ns
        fired = run.world.faults()["fired"]
        for one in fired[planted:]:
            log("demo.planted", kind=one["kind"], venue=one["venue"])
        planted = len(fired)
        log.look(run.desk, run.now_ns)
    assert run.stop()
    text = "\n".join(shown)
    for what in ("is skipped", "in part", "is lost", "429", "is closed"):
        assert re.search(rf"planted at \w+: .*{what}", text), what
    for fault, over in (
        (r"book binance:\S+ lost: sequence gap", r"book binance:\S+ is trusted again"),
        (r"planted at okx: an order is filled in part", r"its legs filled unequally: \S+ (completed|reversed)"),
        (r"planted at bybit: the answer to an order is lost", r"bybit: the private stream told the order"),
        (r"planted at binance: .* 429", r"binance takes requests again|order \w+ \(binance:\S+\) is known|never was"),
        (r"okx.public.0 down: ", r"okx.public.0 is back"),
    ):
        assert re.search(rf"{fault}.*\n(.*\n)*.*{over}|{over}.*\n(.*\n)?.*{fault}", text), (fault, over, text)


def test_a_demo_that_is_killed_leaves_no_venues() -> None:
    """SIGKILL: nothing can be tidied up, and the process of the venues ends by itself."""
    with subprocess.Popen(
        [ARBKIT, "demo", "--venues", "okx,bybit"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        until(children.read_text)
        venues = Path(f"/proc/{children.read_text().split()[0]}")
        until(lambda: b"--with-parent" in (venues / "cmdline").read_bytes())
        process.kill()
    until(lambda: not venues.exists() or "Z" in (venues / "stat").read_text().rpartition(")")[2])


def until(true: Callable[[], object]) -> None:
    for _ in range(300):
        if true():
            return
        threading.Event().wait(0.1)
    raise AssertionError("it did not come true within 30 s")


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
    assert amounts({"ETH": "-4.81E-7", "BTC": "0.00000603407", "USDT": "0.001"}, small=True) == (
        "+0.0000060 BTC, -0.00000048 ETH"
    )
