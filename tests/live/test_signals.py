"""Ctrl-C, SIGTERM and SIGHUP in the middle of live trading, once and twice."""

from __future__ import annotations

import collections
import json
import signal
from datetime import datetime
from pathlib import Path
from typing import Any

from arbkit.core.orders.journal import DealOpened, decode

# Acknowledgements are lost, private reports too after the first, and look-ups lag: an order is in doubt for a while.
SILENCE = [
    {"kind": "mute", "venue": "binance", "on": "user", "for_s": 3600},
    {"kind": "lose_ack", "venue": "binance", "count": 0},
    {"kind": "blind", "venue": "binance", "for_s": 1.5},
]


def start(stage: Any, tmp_path: Path, as_json: bool = True) -> tuple[Any, Any]:
    """A run that has an order of unknown outcome."""
    (tmp_path / "faults.json").write_text(json.dumps(SILENCE))
    venues = stage.sim("binance", "okx", "--edge-every", "0.3", "--faults", str(tmp_path / "faults.json"))
    run = stage.run(venues, as_json=as_json)
    run.wait("order.unknown")
    return venues, run


def test_a_stop_finishes_what_is_open(stage: Any, tmp_path: Path) -> None:
    """One signal (here the terminal closes): no deal after it, the open one is proved and ended, nothing rests at a
    venue, exit 0, last line."""
    venues, run = start(stage, tmp_path)
    run.stop(signal.SIGHUP)
    code, out = run.ended()
    assert code == 0, out + run.text
    last = json.loads(out)
    assert (last["unresolved"], last["held"], last["open_orders"], last["ending"]) == (0, 0, 0, "idle")
    (stopping,) = run.facts("desk.stopping")
    assert stopping["deals"] >= 1
    orders = venues.orders()
    assert not [order for order in orders if order["status"] in ("new", "partially_filled")]
    assert max(collections.Counter(order["cl_ord_id"] for order in orders).values()) == 1
    assert last["deals"] == len(run.facts("deal.closed"))
    stopped_ns = datetime.fromisoformat(stopping["t"]).timestamp() * 1e9
    journal = tmp_path / "state" / "live" / "journal"
    opened = [record for record in decode(journal.read_bytes()).records if isinstance(record, DealOpened)]
    assert len(opened) == last["deals"]
    assert all(deal.at_ns < stopped_ns + 5_000_000 for deal in opened)


def test_a_second_signal_cuts_it_short_and_says_what_is_left(stage: Any, tmp_path: Path) -> None:
    """Two signals: it ends at once with 6, names what is unresolved, and the next run proves it."""
    venues, run = start(stage, tmp_path, as_json=False)
    run.stop(signal.SIGINT)
    run.wait("desk.stopping")
    run.stop(signal.SIGINT)
    code, out = run.ended()
    assert code == 6, run.text
    assert ", 0 unresolved" not in out
    left = [line.split()[1] for line in out.splitlines() if line.startswith("  unresolved: ")]
    assert left
    assert {fact["cl_ord_id"] for fact in run.facts("order.unknown")} >= set(left)
    again = stage.run(venues, args=("--seconds", "8"))
    code, out = again.ended()
    assert code == 0, again.text
    assert json.loads(out)["unresolved"] == 0
    assert max(collections.Counter(order["cl_ord_id"] for order in venues.orders()).values()) == 1
