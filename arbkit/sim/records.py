"""The records of a simulated exchange: accounts, orders, fills, and reports of changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from arbkit.core.types import OrdStatus, RejectReason, Side, Tif
from arbkit.sim.keys import Ed25519, Es256
from arbkit.sim.matching import Stp
from arbkit.sim.pair import Pair

__all__ = [
    "Account",
    "Band",
    "BalanceReport",
    "EndReason",
    "InstrumentReport",
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
    "band_high",
    "band_low",
]


class Refused(Exception):
    """A rejection by the exchange. ``rule`` names the violated rule; the dialect makes the venue's text."""

    def __init__(self, rule: Rule, text: str = "") -> None:
        super().__init__(text or rule)
        self.rule: Rule = rule


class Lost(Exception):
    """A fault lost the request before it arrived, so it gets no answer. Only the world catches it."""


@dataclass(frozen=True, slots=True)
class Band:
    """The prices at which a limit order may be placed, as multiples of the middle of the book; None = no limit."""

    buy_most: Decimal
    sell_least: Decimal
    buy_least: Decimal | None = None
    sell_most: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """The exchange rules in which venues differ."""

    maker: Decimal = Decimal("0.001")
    taker: Decimal = Decimal("0.001")
    """Default fee rates as fractions. Fees are taken from the received asset and rounded down to ``fee_decimals``."""
    special: Mapping[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    """Other default rates (maker, taker), by symbol or by quote asset."""
    fee_decimals: int = 8
    client_ids: Literal["none", "open", "window", "always"] = "open"
    """How long a client order id cannot be used again: not at all (a query by it finds the newest order), while the
    order is open, for ``client_id_window_ns`` after placing, or always."""
    client_id_window_ns: int = 0
    ed25519: bool = False
    """Whether clients may sign with an Ed25519 key as well."""
    es256: bool = False
    """Whether an account's secret is a P-256 private key (PEM), for signatures ES256, not a text for HMAC."""
    fee_asset: str = ""
    """Where an account has no ``fee_asset`` of its own."""
    post_only_reports: bool = False
    """A post-only order that would match: True = accepted, then cancelled (OKX, Bybit); False = refused (Binance)."""
    stp: Stp = "none"
    """Default self-trade prevention."""
    band: Band | None = None
    vague: frozenset[RejectReason] = frozenset()
    """Refusals of an order over HTTP that do not prove that there is no such order: they have the words of an internal
    error, or a status from 500."""
    fee_discount: Decimal = Decimal(1)
    """Multiplies a fee that is paid in an asset which is not of the pair (``Account.fee_asset``)."""
    pairs: tuple[Pair, ...] = ()
    """Pairs with the venue's own tick and lot, if they differ from the world's."""
    first_order_id: int = 1_000_000
    first_trade_id: int = 5_000_000

    def rates(self, symbol: str) -> tuple[Decimal, Decimal]:
        """The default rates (maker, taker) of a symbol; "" = of most."""
        return self.special.get(symbol) or self.special.get(symbol.partition("-")[2]) or (self.maker, self.taker)


@dataclass(slots=True)
class Account:
    """A trading account. ``synthetic`` accounts quote the order flow and get no reports."""

    name: str
    key: str = ""
    secret: str = ""
    passphrase: str = ""
    uid: int = 0
    ed25519: Ed25519 | None = None
    """A second key of the account."""
    es256: Es256 | None = None
    """The key of which ``secret`` is the PEM, where the venue takes ES256."""
    synthetic: bool = False
    maker: Decimal | None = None
    """Own fee rates; None = the venue's default."""
    taker: Decimal | None = None
    fee_asset: str = ""
    """The asset in which fees are paid if the account has enough of it, such as "BNB"; "quote" = the pair's quote on
    both sides; "" = the asset that is received."""
    extra_fee: Decimal = Decimal(0)
    """The rate of a tax on each execution, off the received asset (Bybit's ``extraFees``)."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Account and key settings by the venue's own names, where they differ from the dialect's defaults, such as
    ``perm`` (OKX), ``readOnly`` (Bybit) or ``canTrade`` (Binance)."""


@dataclass(slots=True)
class SimFill:
    """One account's side of an execution. ``px`` in ticks, ``qty`` in lots, ``quote`` and ``fee`` in ledger units."""

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
    extra_fee: int = 0
    """A tax, off the received asset, in ledger units."""


EndReason: TypeAlias = Literal["", "user", "ioc", "fok", "stp", "post_only", "no_liquidity", "venue"]
"""``venue``: the exchange itself ended it."""
ReportKind: TypeAlias = Literal["new", "trade", "canceled", "expired", "rejected"]


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
    """The quote amount of a market order that has one, in ledger units; else 0."""
    reason: EndReason = ""
    """Why it ended before it was filled."""
    updated_ns: int = 0
    middle: int = 0
    """The middle of the book when it was placed, in ticks."""
    locked: int = 0
    stp: Stp = "none"
    fills: list[SimFill] = field(default_factory=list)


@dataclass(slots=True, frozen=True)
class OrderReport:
    """An order changed. The fields are the values after this change; ``order`` itself may have changed again."""

    kind: ReportKind
    order: SimOrder
    status: OrdStatus
    cum: int
    cum_quote: int
    fill: SimFill | None
    ns: int
    seq: int
    """Increases by one per report, per exchange."""


@dataclass(slots=True, frozen=True)
class BalanceReport:
    """Absolute balances of the assets that one action changed: (asset, free, locked), in ledger units."""

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
    """The best bid or ask changed (price or size). For best bid-ask streams."""

    symbol: str
    seq: int
    """The book's update id at this state."""
    bid_px: int
    bid_qty: int
    ask_px: int
    ask_qty: int


@dataclass(slots=True, frozen=True)
class InstrumentReport:
    """A pair was halted, resumed, delisted, or its rules changed."""

    symbol: str


Report: TypeAlias = OrderReport | BalanceReport | TradeReport | TopReport | InstrumentReport
