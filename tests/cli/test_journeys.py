"""What a stranger does: a strategy of a few lines, on paper and live, against ``arbkit sim`` in its own process."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

BROKEN = """
from arbkit import Strategy
from arbkit.strategies import SpreadArb

class Lacking(SpreadArb):
    symbols = ("ZRX-USDT",)

class Raising(SpreadArb):
    symbols = ("BTC-USDT",)
    def decide(self, view, touched, now_ns):
        raise ValueError("as strangers do")

class Nothing(Lacking):
    def instruments(self, catalogue):
        return None

class Names(Lacking):
    def instruments(self, catalogue):
        return ["BTC-USDT"]
"""


def test_a_strategy_of_a_few_lines_makes_deals_on_paper_and_its_tape_replays(desk: Any) -> None:
    """No key; the first screen says what is made up; simulated fills move the PnL; the tape gives the same commands."""
    assert len((desk.folder / "strategy.py").read_text().strip().splitlines()) <= 15
    desk.write("paper")
    code, out, err = desk.run("run", "strategy:Mine", "--capture", "run.tape", "--json", until=['"deal.closed"'])
    assert code == 0, err
    assert err.startswith("PAPER - live books, simulated fills\nstrategy  strategy:Mine\nvenue     binance: sim")
    assert "holds 10000 USDT, 0.03 BTC, 0.5 ETH; taker fee 0.1 %; orders take 50 ms" in err
    assert "\nlimits    order 200, deal 500" in err
    line = json.loads(out)
    assert line["deals"] >= 1
    assert line["legs"] >= 2
    assert line["pnl"]
    assert (line["unresolved"], line["open_orders"], line["held"]) == (0, 0, 0)
    code, out, err = desk.run("replay", "run.tape", "strategy:Mine", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["same"]
    assert found["commands"] >= 2
    assert found["commands_hash"] == line["commands_hash"]


def test_the_same_strategy_makes_deals_live(desk: Any) -> None:
    """Signed orders at both venues; Ctrl-C ends it with 0 and a last line that says what is left."""
    desk.write("live")
    code, out, err = desk.run("run", "strategy:Mine", "--live", until=['"deal.closed"'])
    assert code == 0, err
    last = out.splitlines()[-1]
    assert int(last.split()[0]) >= 1, last
    assert last.endswith("Left: 0 open orders, 0 unresolved, 0 deals held.")


def test_paper_without_balances_says_that_nothing_can_be_traded(desk: Any) -> None:
    """Also a live configuration without --live is paper, and says so."""
    desk.write("live")
    code, out, err = desk.run("run", "strategy:Mine", "--seconds", "2")
    assert code == 0, err
    assert 'PAPER - live books, simulated fills (mode = "live", but no --live: nothing is sent)' in err
    assert "holds nothing, so nothing can be traded (balances = { USDT = 1000 } in [venues.okx])" in err
    gain, deals = out.splitlines()[-2:]
    assert gain == "gain     nothing booked"
    assert deals.startswith("0 deals (none), 0 orders.")


def test_a_symbol_that_no_venue_has_is_exit_2_with_a_sentence(desk: Any) -> None:
    """The venues' own catalogues decide, so it is told when they have come."""
    desk.write("paper")
    (desk.folder / "broken.py").write_text(BROKEN)
    code, out, err = desk.run("run", "broken:Lacking")
    assert (code, out) == (2, ""), err
    assert "ZRX-USDT needs two venues, no loaded venue has it" in err.splitlines()[-1]


@pytest.mark.parametrize(
    ("target", "words"), [("Nothing", "returned None; return"), ("Names", "returned 'BTC-USDT' in its list; return")]
)
def test_instruments_that_are_none_are_the_strategys_mistake(desk: Any, target: str, words: str) -> None:
    """Exit 2 at once, with a sentence that says what to return."""
    desk.write("paper")
    (desk.folder / "broken.py").write_text(BROKEN)
    code, out, err = desk.run("run", f"broken:{target}")
    assert (code, out) == (2, ""), err
    assert f"strategy {target}: instruments() {words} instruments of the catalogue" in err.splitlines()[-1]


def test_a_strategy_that_raises_is_taken_out_of_service_and_the_run_ends_with_1(desk: Any) -> None:
    """One line with the place of the error, a clean end that nobody asked for, the reason again at the end."""
    desk.write("paper")
    (desk.folder / "broken.py").write_text(BROKEN)
    code, out, err = desk.run("run", "broken:Raising")
    assert code == 1, err
    (failed,) = [json.loads(line) for line in err.splitlines() if '"strategy.failed"' in line]
    assert failed["error"] == "ValueError: as strangers do"
    assert failed["where"].endswith("broken.py:11")
    assert "  strategy Raising failed: ValueError: as strangers do\n" in out


def test_venues_out_of_reach_are_told_at_once_and_are_exit_4(desk: Any) -> None:
    """Where nobody listens, the address and the reason are named while it runs and again at the end."""
    desk.write("paper", binance="http://127.0.0.1:9", okx="http://127.0.0.1:9")
    code, out, err = desk.run("run", "strategy:Mine", until=['"venue.waiting"', '"venue.waiting"'])
    assert code == 4, err
    waiting = [json.loads(line) for line in err.splitlines() if '"venue.waiting"' in line]
    assert [line["venue"] for line in waiting] == ["binance", "okx"]
    assert all(line["why"] == "127.0.0.1:9: no connection: Connection refused" for line in waiting)
    assert "  okx did not trade: 127.0.0.1:9: no connection: Connection refused\n" in out


def test_one_refused_key_stops_one_venue_and_is_exit_3(desk: Any) -> None:
    """The other venue stays; the sentence names the venue's own words; nothing was traded, so the code says keys."""
    desk.write("live")
    desk.env["OKX_PASSPHRASE"] = "wrong"
    code, out, err = desk.run("run", "strategy:Mine", "--live", until=["stopped: okx", '"venue.ready"'])
    assert code == 3, err
    told = {line["venue"]: line for line in map(json.loads, err.splitlines()[5:]) if line["event"].startswith("venue.")}
    assert told["binance"]["event"] == "venue.ready"
    assert told["okx"]["why"].startswith("stopped: okx refused the key: 60024 Wrong passphrase")
    assert "  okx did not trade: stopped: okx refused the key" in out


def test_a_port_in_use_is_exit_2(desk: Any) -> None:
    """The metrics endpoint's, before anything is traded."""
    desk.write("paper")
    port = desk.venues["okx"]["rest"].rpartition(":")[2]
    code, _, err = desk.run("run", "strategy:Mine", "--metrics-port", port)
    assert code == 2
    assert f"127.0.0.1:{port} cannot be opened" in err.splitlines()[-1]


def test_a_tape_or_a_state_folder_that_cannot_be_written_is_exit_2(desk: Any) -> None:
    """The option or key, the path and the reason."""
    desk.write("paper")
    code, _, err = desk.run("run", "strategy:Mine", "--capture", "nowhere/run.tape")
    assert (code, err.splitlines()[-1]) == (
        2,
        "arbkit: --capture nowhere/run.tape: cannot be written: No such file or directory",
    )
    (desk.folder / "file").write_text("")
    code, _, err = desk.run("run", "strategy:Mine", "--state", "file/state")
    assert (code, err.splitlines()[-1]) == (2, "arbkit: state.folder file/state: cannot be written: Not a directory")


def test_two_runs_on_one_state_folder(desk: Any) -> None:
    """The second one is exit 2 and names the first; the first goes on."""
    desk.write("paper")
    with desk.start("run", "strategy:Mine") as first:
        assert first.stderr is not None
        try:
            for line in first.stderr:
                if '"link.ready"' in line:
                    break
            code, _, err = desk.run("run", "strategy:Mine")
            assert code == 2
            assert f"another arbkit (process {first.pid}) runs on" in err.splitlines()[-1]
            first.send_signal(signal.SIGTERM)
            first.communicate(timeout=120)
        finally:
            first.kill()
    assert first.returncode == 0


def test_a_damaged_journal_is_named_and_nothing_is_traded_on_it(desk: Any) -> None:
    """A byte changed before whole records: exit 2. A torn tail is what a crash leaves: cut, and on it goes."""
    desk.write("paper")
    assert desk.run("run", "strategy:Mine", "--seconds", "1")[0] == 0
    journal = desk.folder / "state" / "paper" / "journal"
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-3])
    assert desk.run("run", "strategy:Mine", "--seconds", "1")[0] == 0
    changed = bytearray(journal.read_bytes())
    changed[len(whole) // 3] ^= 0xFF
    journal.write_bytes(changed)
    code, out, err = desk.run("run", "strategy:Mine", "--seconds", "1")
    assert (code, out) == (2, "")
    assert "arbkit: the journal state/paper/journal is damaged" in err.splitlines()[-1]
