"""Killed at the worst moments and started again: the journal is read, every order is proved, none is sent twice."""

from __future__ import annotations

import collections
import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from arbkit.core.journal import Intent, Outcome, decode

HERE = Path(__file__).parent


def journal_of(folder: Path) -> tuple[dict[str, Intent], set[str]]:
    """(intents by client id, ids with an outcome)."""
    (file,) = folder.glob("state/live/*/journal")
    recovery = decode(file.read_bytes())
    assert not recovery.damaged
    intents = [record for record in recovery.records if isinstance(record, Intent)]
    by_id = {intent.order.cl_ord_id: intent for intent in intents}
    assert len(by_id) == len(intents)
    return by_id, {record.cl_ord_id for record in recovery.records if isinstance(record, Outcome)}


@pytest.mark.parametrize(("where", "nth"), [("written", 1), ("written", 4), ("sent", 1), ("sent", 4)])
def test_killed_around_a_send(stage: Any, tmp_path: Path, where: str, nth: int) -> None:
    """SIGKILL after an intent was written, or after an order was handed to its socket: the next run proves what
    became of each intent, trades again within 5 s, and no intent is at a venue twice."""
    venues = stage.sim("binance", "okx", "--edge-every", "0.3")
    first = stage.run(venues, crash=(where, nth))
    code, _ = first.ended()
    assert code == -signal.SIGKILL, first.text
    intents, ended = journal_of(tmp_path)
    open_then = intents.keys() - ended
    assert open_then
    second = stage.run(venues)
    second.wait("deal.closed")
    print(where, nth, "open at the kill:", len(open_then), "first deal after", time.monotonic() - second.began)
    second.wait("deal.closed", 3)
    second.stop()
    code, out = second.ended()
    assert code == 0, second.text
    last = json.loads(out)
    assert (last["unresolved"], last["open_orders"]) == (0, 0)
    intents, ended = journal_of(tmp_path)
    assert intents.keys() == ended
    sent = collections.Counter(order["cl_ord_id"] for order in venues.orders())
    assert max(sent.values()) == 1
    assert set(sent) <= intents.keys()
    print({i: i in sent for i in open_then})
    assert second.began
