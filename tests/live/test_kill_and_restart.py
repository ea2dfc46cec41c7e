"""Killed at the worst moments and started again: the journal is read, every order is proved, none is sent twice."""

from __future__ import annotations

import collections
import json
import signal
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from arbkit.core.orders.journal import Intent, OrderOutcome, decode

HERE = Path(__file__).parent


def journal_of(folder: Path) -> tuple[dict[str, Intent], set[str]]:
    """(intents by client id, ids with an outcome)."""
    recovery = decode((folder / "state" / "live" / "journal").read_bytes())
    assert not recovery.damaged
    intents = [record for record in recovery.records if isinstance(record, Intent)]
    by_id = {intent.order.cl_ord_id: intent for intent in intents}
    assert len(by_id) == len(intents)
    return by_id, {record.cl_ord_id for record in recovery.records if isinstance(record, OrderOutcome)}


@pytest.mark.parametrize(
    ("nth", "ready_s"),
    [
        (1, None),
        (4, None),
        pytest.param(1, 12.0, marks=pytest.mark.quiet),
        pytest.param(4, 5.0, marks=pytest.mark.quiet),
    ],
)
def test_killed_around_a_send(stage: Any, tmp_path: Path, nth: int, ready_s: float | None) -> None:
    """SIGKILL after an order was handed to its socket: the next run proves what became of each intent and trades
    again, no intent is at a venue twice, and a deal that died with one leg is told and worked off.

    The first order of a deal: the other leg is in the journal and never left, so the next run must wait until the
    venue could not take it any more (5 s), and as long as its look-ups may lag. The second order: both are found at
    once. How long that takes is judged on a quiet machine only.
    """
    venues = stage.sim("binance", "okx", "--edge-every", "0.3")
    first = stage.run(venues, crash=("sent", nth))
    code, _ = first.ended()
    assert code == -signal.SIGKILL, first.text
    intents, ended = journal_of(tmp_path)
    open_then = intents.keys() - ended
    assert len(open_then) in (2, 4)  # one deal, or two begun in one turn
    second = stage.run(venues)
    began = datetime.fromisoformat(second.wait("run.metrics")[0]["t"])
    ready = datetime.fromisoformat(second.wait("venue.ready", 2)[1]["t"])
    took = (ready - began).total_seconds()
    second.wait("deal.closed")
    arrived = {order["cl_ord_id"] for order in venues.orders()} & open_then
    assert len(arrived) == (1 if nth == 1 else len(open_then))
    assert ready_s is None or took < ready_s, second.text
    halves = nth % 2
    if halves:
        (alarm,) = second.wait("alarm.deal_interrupted")
        assert "unhedged" in alarm["why"]
    time.sleep(1.2)
    second.stop()
    code, out = second.ended()
    assert code == 0, second.text
    last = json.loads(out)
    assert (last["unresolved"], last["open_orders"], last["left_over"]) == (0, 0, 0)
    assert len(second.facts("alarm.deal_interrupted")) == halves
    intents, ended = journal_of(tmp_path)
    assert intents.keys() == ended
    sent = collections.Counter(order["cl_ord_id"] for order in venues.orders())
    assert max(sent.values()) == 1
    assert sent.keys() <= intents.keys()


def test_a_second_instance_is_refused(stage: Any) -> None:
    """Two runs on one state folder, or on one account with two folders: the second says who holds it and exits with 2;
    the first trades on."""
    venues = stage.sim("binance", "okx", "--edge-every", "0")
    first = stage.run(venues)
    first.wait("link.ready", 6)
    second = stage.run(venues)
    code, _ = second.ended()
    assert code == 2
    said = f"arbkit: another arbkit (process {first.process.pid}) runs on"
    assert said in second.text
    assert "Traceback" not in second.text
    elsewhere = stage.run(venues, args=("--state", "elsewhere"))
    assert elsewhere.ended()[0] == 2
    assert f"arbkit: another arbkit (process {first.process.pid}) trades on binance.sim.main" in elsewhere.text
    first.stop()
    assert first.ended()[0] == 0


def test_an_order_that_cannot_be_proved_is_left_and_said(stage: Any) -> None:
    """Killed with orders out, and the venue is gone at the restart: exit 6, the orders are listed; with the venue back
    the next run resolves them, works off what the deal left, and exits with 0."""
    venues = stage.sim("binance", "okx", "--edge-every", "0.3")
    first = stage.run(venues, crash=("sent", 2))
    first.ended()
    venues.process.send_signal(signal.SIGSTOP)
    second = stage.run(venues, args=("--seconds", "2"))
    code, out = second.ended()
    assert code == 6, second.text
    last = json.loads(out)
    assert last["unresolved"] == 2
    venues.process.send_signal(signal.SIGCONT)
    third = stage.run(venues)
    third.wait("deal.closed")
    third.wait("risk.lifted")  # nothing of the deal is left
    third.stop()
    code, out = third.ended()
    assert code == 0, third.text
    assert json.loads(out)["unresolved"] == 0
    assert max(collections.Counter(order["cl_ord_id"] for order in venues.orders()).values()) == 1
