"""What the history tells, as plain structs. ``read`` makes them.

Amounts are exact; times are in ns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from msgspec import Struct

__all__ = [
    "ALARMS",
    "REASONS",
    "Alarm",
    "BalanceRow",
    "DealRow",
    "DealSum",
    "FillRow",
    "GainRow",
    "OrderRow",
    "ReasonRow",
    "RunRow",
    "Span",
]

ALARMS = frozenset(
    {
        "journal.elsewhere",
        "link.quarantined",
        "link.refused",
        "order.anomaly",
        "order.foreign",
        "order.unresolved",
        "risk.lifted",
        "risk.restricted",
        "run.capture",
        "side.refused",
        "strategy.failed",
        "venue.account",
    }
)
"""Events of the log that are kept beside ``alarm.*``: what an operator must know."""
REASONS = frozenset(
    {"basis.over", "basis.standing", "pairs.idle", "pairs.tradable", "strategy.waits", "venue.ready", "venue.waiting"}
)
"""Events of the log that say why nothing is traded, and that it is again."""


class Span(Struct, frozen=True, kw_only=True):
    """What of the history is wanted. Empty = all."""

    since_ns: int = 0
    until_ns: int = 1 << 62
    symbol: str = ""
    """A canonical symbol as ``BTC-USDT``; of balances, an asset."""
    venue: str = ""
    limit: int = 0
    """The newest so many; 0 = all."""

    def has(self, instrument: str) -> bool:
        """Whether an instrument as ``okx:BTC-USDT`` is wanted."""
        venue, _, symbol = instrument.partition(":")
        return self.venue in ("", venue) and self.symbol in ("", symbol)


class RunRow(Struct, frozen=True, kw_only=True):
    at_ns: int
    mode: str
    code: str
    accounts: Mapping[str, str]
    """Environment by account."""
    ended_ns: int | None
    """None = it runs, or was killed."""
    ending: str | None
    exit: int | None


class DealRow(Struct, frozen=True, kw_only=True):
    """A deal. ``realised - expected`` is the sum of the five parts (``history.split``), positive = better; all are None
    while it is open, or if something has no price."""

    id: int
    run_ns: int
    opened_ns: int
    closed_ns: int | None
    strategy: str
    instruments: Sequence[str]
    """Of its legs, in their order."""
    asset: str
    outcome: str | None
    why: str | None
    expected: Decimal | None
    realised: Decimal | None
    slippage: Decimal | None
    fees: Decimal | None
    latency: Decimal | None
    unwind: Decimal | None
    leftovers: Decimal | None


class DealSum(Struct, frozen=True, kw_only=True):
    """All deals of a span in one asset."""

    asset: str
    deals: int
    expected: Decimal
    realised: Decimal
    unvalued: int
    """Deals that are open, or have no value because a price was missing."""


class OrderRow(Struct, frozen=True, kw_only=True):
    cl_ord_id: str
    deal: int
    account: str
    instrument: str
    purpose: str
    side: str
    qty: Decimal
    px: Decimal
    tif: str
    channel: str
    sent_ns: int
    ended_ns: int | None
    status: str | None
    """None = its end is not known."""
    filled: Decimal | None
    paid: Decimal | None
    """Price times quantity over its fills."""
    fees: Sequence[tuple[str, Decimal]]
    order_id: str | None
    text: str | None


class FillRow(Struct, frozen=True, kw_only=True):
    at_ns: int
    cl_ord_id: str
    deal: int
    account: str
    instrument: str
    side: str
    trade_id: str
    qty: Decimal
    """0 = the row only brings a fee."""
    px: Decimal
    fees: Sequence[tuple[str, Decimal]]
    maker: bool
    exch_ns: int


class BalanceRow(Struct, frozen=True, kw_only=True):
    """An asset of an account: the newest total of the span, and what it was at its beginning."""

    account: str
    asset: str
    at_ns: int
    total: Decimal
    before: Decimal | None
    """None = there is none before."""


class GainRow(Struct, frozen=True, kw_only=True):
    """One day (UTC) in one asset."""

    day_ns: int
    asset: str
    deals: int
    """Deals that ended."""
    realised: Decimal
    """What they brought."""
    marked: Decimal | None
    """The last gain of the day at present prices, of all runs since they were settled; None = not known."""
    change: Decimal | None
    """Of it, since the day before."""


class Alarm(Struct, frozen=True, kw_only=True):
    at_ns: int
    event: str
    fields: Mapping[str, Any]


class ReasonRow(Struct, frozen=True, kw_only=True):
    """Why a pair was not traded, or a venue could not be used, when it was last told."""

    at_ns: int
    name: str
    text: str
