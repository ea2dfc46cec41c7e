"""What a simulated exchange writes down: accounts, orders, fills, and the reports of what changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, TypeAlias

from arbkit.core.types import OrdStatus, Side, Tif
from arbkit.sim.matching import Stp
from arbkit.sim.pair import Pair

__all__ = [
    "Account",
    "BalanceReport",
    "EndReason",
    "SimFill",
    "Lost",
    "SimOrder",
    "OrderReport",
    "Profile",
    "Refused",
    "Report",
    "ReportKind",
    "Rule",
    "TopReport",
    "TradeReport",
]

Rule: TypeAlias = Literal[
    "symbol",
    "halted",
    "tick",
    "lot",
    "min_qty",
    "max_qty",
    "min_notional",
    "balance",
    "duplicate",
    "post_only",
    "expired",
    "unknown_order",
]


class Refused(Exception):
    """The exchange's definitive "no"; ``rule`` names the broken rule, the dialect words it."""

    def __init__(self, rule: Rule, text: str = "") -> None:
        super().__init__(text or rule)
        self.rule: Rule = rule


class Lost(Exception):
    """A fault lost the request before it arrived: nobody answers. Only the world catches it."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Where venues differ below the wire."""

    maker: Decimal = Decimal("0.001")
    taker: Decimal = Decimal("0.001")
    """Default fee rates, fractions; taken from the received asset, rounded down to ``fee_decimals``."""
    fee_decimals: int = 8
    client_ids: Literal["open", "window", "always"] = "open"
    """How long a client order id stays taken: while open, ``client_id_window_ns`` after it was placed, for good."""
    client_id_window_ns: int = 0
    post_only_reports: bool = False
    """True: a post-only order that would take is accepted, then cancelled (OKX, Bybit); False: refused (Binance)."""
    stp: Stp = "none"
    """Default self-trade prevention."""
    pairs: tuple[Pair, ...] = ()
    """The venue's own grids, where they differ from the world's."""
    first_order_id: int = 1_000_000
    first_trade_id: int = 5_000_000


@dataclass(slots=True)
class Account:
    """Who trades. ``synthetic`` accounts quote the tape and get no reports."""

    name: str
    key: str = ""
    secret: str = ""
    passphrase: str = ""
    uid: int = 0
    synthetic: bool = False
    maker: Decimal | None = None
    """Own fee rates; None = the venue's default."""
    taker: Decimal | None = None


@dataclass(slots=True)
class SimFill:
    """One execution, from one account's side. ``px`` in ticks, ``qty`` in lots, ``quote`` and ``fee`` in units."""

    id: int
    account: str
    symbol: str
    order_id: int
    cl_ord_id: str
    side: Side
    px: int
    qty: int
    quote: int
    fee: int
    fee_asset: str
    maker: bool
    ns: int


EndReason: TypeAlias = Literal["", "user", "ioc", "fok", "stp", "post_only", "no_liquidity"]
ReportKind: TypeAlias = Literal["new", "trade", "canceled", "expired"]


@dataclass(slots=True)
class SimOrder:
    """One order. ``px`` in ticks (0 for market), ``qty`` and ``cum`` in lots, ``cum_quote`` in ledger units."""

    id: int
    account: str
    symbol: str
    cl_ord_id: str
    side: Side
    kind: Literal["limit", "market"]
    tif: Tif
    post_only: bool
    px: int
    qty: int
    ns: int
    """When it was accepted."""
    status: OrdStatus = OrdStatus.NEW
    cum: int = 0
    cum_quote: int = 0
    quote_qty: int = 0
    """For a market order given by its quote amount, in ledger units; else 0."""
    reason: EndReason = ""
    """Why it ended unfilled."""
    updated_ns: int = 0
    locked: int = 0
    stp: Stp = "none"
    fills: list[SimFill] = field(default_factory=list)


@dataclass(slots=True, frozen=True)
class OrderReport:
    """An order changed; the values are those after this change, also when ``order`` has moved on since."""

    kind: ReportKind
    order: SimOrder
    status: OrdStatus
    cum: int
    cum_quote: int
    fill: SimFill | None
    ns: int
    seq: int
    """Rises by one a report, per exchange."""


@dataclass(slots=True, frozen=True)
class BalanceReport:
    """Absolute balances of the assets that one action touched: (asset, free, locked), in ledger units."""

    account: str
    balances: tuple[tuple[str, int, int], ...]
    ns: int
    seq: int


@dataclass(slots=True, frozen=True)
class TradeReport:
    """A public trade; ``side`` is the taker's."""

    id: int
    symbol: str
    side: Side
    px: int
    qty: int
    ns: int


@dataclass(slots=True, frozen=True)
class TopReport:
    """The best bid or ask changed (price or size): what real-time best-bid-ask streams send."""

    symbol: str
    seq: int
    """The book's update id at this state."""
    bid_px: int
    bid_qty: int
    ask_px: int
    ask_qty: int


Report: TypeAlias = OrderReport | BalanceReport | TradeReport | TopReport
