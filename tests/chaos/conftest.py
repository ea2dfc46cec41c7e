"""Chaos runs: the installed venues with SpreadArb, and the safeguards that can be switched off."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from itertools import count
from typing import Any
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from arbkit.adapters.chained import Chained
from arbkit.adapters.joined import Joined
from arbkit.core.execution.sender import Outgoing
from arbkit.core.execution.tracker import Tracker
from arbkit.core.market.watchdog import LinkWatch
from arbkit.core.money.gate import Gate
from arbkit.core.money.limits import Limits
from arbkit.core.orders.deals import Outcome
from arbkit.core.orders.orders import Order, Orders
from arbkit.core.trading.engine import RunningStrategy
from arbkit.core.trading.view import DeskView
from arbkit.core.types import BookUpdate, RejectReason
from arbkit.core.venues.resolver import Resolver, _Case
from arbkit.plugins import registry as plugins
from arbkit.sim.faults import Fault
from arbkit.strategies import SpreadArb, TakerExecutor
from arbkit.testing.chaos.runner import DeskUnderTest


def spread() -> RunningStrategy:
    strategy = SpreadArb(symbols=("BTC-USDT", "ETH-USDT"), min_edge=0.0003, max_notional=500.0)
    return RunningStrategy("spread", strategy, TakerExecutor())


REGISTRY = plugins.load(dialects=True)
SUBJECT = DeskUnderTest(
    exchanges=[REGISTRY.exchange(venue) for venue in sorted(REGISTRY.dialects)],
    dialects=[REGISTRY.dialect(venue) for venue in sorted(REGISTRY.dialects)],
    slot=spread,
)


@pytest.fixture(scope="session")
def subject() -> DeskUnderTest:
    return SUBJECT


# --- safeguards, each switched off by a patch -----------------------------------------------------------------------

_copies = count()
_fills, _apply, _settle, _sent, _timed_out = (
    Orders._fills,
    Orders.apply,
    TakerExecutor._settle,
    Orders.sent,
    Tracker._timed_out,
)


def every_copy_counts(self, order, update, anomalies):
    if update.trade_id:
        update = replace(update, trade_id=f"{update.trade_id}#{next(_copies)}")
    return _fills(self, order, update, anomalies)


def doubt_is_a_no(self, order, now_ns):
    self._conclude(order, RejectReason.OTHER, "no answer", now_ns)


def sent_again(self, venue, cl_ord_id, now_ns):
    order = venue.orders.get(cl_ord_id)
    if order is not None and order.status.value == "pending_new":
        self._sender._send([Outgoing(order.intent, venue, order.channel, "")], now_ns)
    return _timed_out(self, venue, cl_ord_id, now_ns)


def sent_as_often_as_you_like(self, cl_ord_id, role, link, now_ns):
    if not self._live[cl_ord_id].sent_ns:
        _sent(self, cl_ord_id, role, link, now_ns)


def a_poll_knows_better(self, update):
    order = self.get(update.cl_ord_id)
    if order is not None and update.source == "poll" and update.ord_status.terminal and update.cum_qty is not None:
        order.cum_qty = update.cum_qty
        order.filled_qty = update.cum_qty
        order.fees_pending = frozenset()
    return _apply(self, update)


def an_ack_is_a_fill(self, deal, view, now_ns):
    if deal.orders and all(order.acked_ns for order in deal.orders.values()) and deal.state.value == "sent":
        deal.close(Outcome.HEDGED, "all acknowledged", now_ns)
        return ()
    return _settle(self, deal, view, now_ns)


def unchecked(self, message, now_ns):
    return (BookUpdate(self.instrument, message.bids, message.asks, False, message.seq, message.exch_ns, now_ns),)


def _updated(self, instrument, exch_ns, recv_ns):
    _real_updated(self, instrument, exch_ns, recv_ns)
    self.behind = False
    return 0


_real_updated = LinkWatch.updated

SWITCHES: Mapping[str, tuple[tuple[Any, str, Any], ...]] = {
    "every copy of a fill counts": ((Orders, "_fills", every_copy_counts),),
    "no answer is a no": ((Orders, "_doubt", doubt_is_a_no),),
    "sent again when nobody answers": (
        (Tracker, "_timed_out", sent_again),
        (Orders, "sent", sent_as_often_as_you_like),
    ),
    "a poll outranks the stream": ((Orders, "apply", a_poll_knows_better),),
    "no wait for the venue's expiry": (
        (Resolver, "_proof_ns", lambda self, case: 0),
        # No fault makes a request arrive late, so the early questions show only if their answers are booked at once.
        (Orders, "_has_unnamed", lambda self, instrument, side: False),
    ),
    "one not-found proves absence": ((_Case, "proved", property(lambda self: self.missed)),),
    "an ack is a fill": ((TakerExecutor, "_settle", an_ack_is_a_fill),),
    "no sequence check": (
        (Joined, "_follows", lambda self, message: True),
        (Chained, "update", unchecked),
    ),
    "lost books are traded on": (
        (DeskView, "book", lambda self, instrument: self._books.get(instrument)),
        (Gate, "_price", lambda self, command, instrument: None),
    ),
    "nothing is reserved": (
        (Limits, "_exposure", lambda self, deal, held: None),
        (Limits, "_funds", lambda self, needs, held: None),
        (Limits, "_pace", lambda self, now_ns: None),
        (Limits, "room", lambda self, instrument: Decimal(1000)),
    ),
    "late frames are fresh": ((LinkWatch, "updated", _updated),),
    "fills that never came are not fetched": ((Order, "needs_fills", property(lambda self: False)),),
}
"""Name -> what to patch. The invariants must notice each of them."""


HIDDEN = (
    Fault(kind="lose_ack", count=0, chance=0.5),
    Fault(kind="mute", count=0, every_s=3.0, for_s=2.5, on="user"),
    Fault(kind="blind", at_s=1.0, for_s=1.9),
)
"""Orders that only a lagging replica can show. Without these faults, some switches have no visible effect."""
SLOW = (Fault(kind="lose_request", count=0, chance=0.4), Fault(kind="mute", count=0, every_s=9.0, for_s=6.0, on="book"))
"""Faults with which deals stay open for a long time."""
PLANS = {
    "no wait for the venue's expiry": HIDDEN,
    "one not-found proves absence": HIDDEN,
    "fills that never came are not fetched": HIDDEN,
    "nothing is reserved": SLOW,
}
"""The faults with which a switch shows soonest; the others use the faults of the seed."""


class Off:
    """A safeguard switched off: ``with Off("no sequence check"): ...``."""

    def __init__(self, name: str) -> None:
        self._patches = [patch.object(*each) for each in SWITCHES[name]]

    def __enter__(self) -> None:
        global _copies
        _copies = count()
        for each in self._patches:
            each.start()

    def __exit__(self, *_: object) -> None:
        for each in self._patches:
            each.stop()


@pytest.fixture(scope="session")
def off() -> Callable[[str], Off]:
    return Off
