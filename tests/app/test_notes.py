"""What the history notes of a run: alarms and reasons, without secrets."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from arbkit_binance.adapter import Binance
from arbkit_binance.dialect import BinanceDialect
from arbkit_okx.adapter import Okx
from arbkit_okx.dialect import OkxDialect

from arbkit.app.notes import Notes, noted
from arbkit.core.runtime.clock import Clock
from arbkit.history import read
from arbkit.history.diary import Marked
from arbkit.history.views import Span
from arbkit.history.writer import History
from arbkit.monitor.log_writer import LogWriter
from arbkit.strategies import SpreadArb
from arbkit.testing.simulated import simulate

CANARY = "CANARYdeadbeef0123456789"


def test_no_secret_reaches_the_diary_or_the_database(tmp_path: Path) -> None:
    """By its text, in its other forms, and by the name of its field; the other words stay."""
    history = History(tmp_path, 0, lambda event, /, **fields: pytest.fail(event))
    log = LogWriter(Clock().now_ns, secrets=[CANARY], sinks=[noted(history)])
    log("alarm.deal_held", deal=1, why=f"the venue said: {CANARY} is wrong", listen_key="abcdefghijkl")
    log("link.refused", link="okx.private", why="signature=0123456789abcdef refused")
    log("book.lost", instrument="okx:BTC-USDT", why=CANARY)
    log.flush()
    history.close()
    log.close()
    (tmp_path / "journal").touch()
    for file in tmp_path.iterdir():
        data = file.read_bytes()
        for secret in (CANARY.encode(), b"abcdefghijkl", b"0123456789abcdef"):
            assert secret not in data, file
    with read.open_history(tmp_path) as past:
        told: list[Any] = read.alarms(past, Span())
    assert [alarm.event for alarm in told] == ["alarm.deal_held", "link.refused"]
    assert told[0].fields["why"] == "the venue said: *** is wrong"


def test_the_gain_that_is_noted_has_the_last_deal() -> None:
    """At the end of a run it is what the run prints, also if a deal closed in its last moment."""
    strategy = SpreadArb(symbols=("BTC-USDT",), min_edge=0.0003, max_notional=150.0)
    run = simulate(strategy, {Binance: BinanceDialect, Okx: OkxDialect})
    run.run_for(60, lambda: bool(run.desk.counters.deals))
    told: list[Any] = []
    history: Any = SimpleNamespace(tell=told.append)
    Notes(run.desk, history).look(run.now_ns)
    (marked,) = [one for one in told if isinstance(one, Marked)]
    assert marked.run
    assert marked.gain == marked.run
