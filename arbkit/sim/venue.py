"""The simulated exchange behind a dialect: accounts, orders, fills and the books they meet in. Pure, integers only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, TypeAlias

from arbkit.core.types import OrdStatus, Side, Tif
from arbkit.sim.ledger import Ledger
from arbkit.sim.matching import Book
from arbkit.sim.pair import Pair

__all__ = [
    "Account", "BalanceReport", "Exchange", "Fill", "Lost", "Order", "OrderReport", "Profile", "Refused", "Report",
    "TradeReport",
]  # fmt: skip

Rule: TypeAlias = Literal[
    "symbol", "halted", "tick", "lot", "min_qty", "max_qty", "min_notional", "balance", "duplicate", "post_only",
    "expired", "unknown_order",
]  # fmt: skip
Stp: TypeAlias = Literal["none", "taker", "maker", "both"]
"""Which of two orders of one account is cancelled when they would meet."""


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
class Fill:
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


@dataclass(slots=True)
class Order:
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
    reason: Literal["", "user", "ioc", "fok", "stp", "post_only", "no_liquidity"] = ""
    """Why it ended unfilled."""
    updated_ns: int = 0
    locked: int = 0
    stp: Stp = "none"
    fills: list[Fill] = field(default_factory=list)


@dataclass(slots=True, frozen=True)
class OrderReport:
    """An order changed; the values are those after this change, also when ``order`` has moved on since."""

    kind: Literal["new", "trade", "canceled", "expired"]
    order: Order
    status: OrdStatus
    cum: int
    cum_quote: int
    fill: Fill | None
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


Report: TypeAlias = OrderReport | BalanceReport | TradeReport


class Exchange:
    """One venue's accounts, orders and books.

    ``place`` and ``cancel`` act at once; what happened is returned and also queued as reports. Ids are the venue's
    own and rise. Nothing here reads a clock: ``now_ns`` is the venue's time.
    """

    name: str
    profile: Profile
    pairs: dict[str, Pair]
    """By canonical symbol."""
    accounts: dict[str, Account]
    """By name."""
    ledger: Ledger
    books: dict[str, Book]
    """By canonical symbol; ``books[s].feed()`` collects changed levels for a stream."""
    orders: dict[int, Order]
    """All orders of accounts that are not synthetic, by id."""
    limited_until_ns: int
    """Set by a fault: until then the dialect answers everything as throttled (HTTP through ``limited``)."""

    def __init__(self, name: str, profile: Profile, pairs: Iterable[Pair]) -> None: ...

    def by_key(self, key: str) -> Account | None:
        """The account that owns an API key."""

    def rates(self, account: str) -> tuple[Decimal, Decimal]:
        """(maker, taker) of an account."""

    def balances(self, account: str) -> list[tuple[str, int, int]]:
        """(asset, free, locked) of every asset that the account ever held, sorted by asset."""

    def place(
        self, account: str, symbol: str, side: Side, *, now_ns: int, qty: Decimal | None = None,
        px: Decimal | None = None, quote_qty: Decimal | None = None, kind: Literal["limit", "market"] = "limit",
        tif: Tif = Tif.GTC, post_only: bool = False, cl_ord_id: str = "", stp: Stp | None = None, expire_ns: int = 0,
    ) -> Order:  # fmt: skip
        """Check, lock, match. Raises ``Refused``; ``Lost`` under a fault.

        A refused order leaves no record. ``expire_ns``: not executed when the exchange handles it later than that.
        """

    def cancel(self, account: str, symbol: str, *, now_ns: int, order_id: int = 0, cl_ord_id: str = "") -> Order:
        """End an open order; ``Refused("unknown_order")`` when none such is open."""

    def cancel_all(self, account: str, symbol: str = "", *, now_ns: int) -> list[Order]:
        """End all open orders, of one symbol or all."""

    def find(self, account: str, *, order_id: int = 0, cl_ord_id: str = "", symbol: str = "") -> Order | None:
        """An order in any state; by client id the newest that carried it."""

    def open_orders(self, account: str, symbol: str = "") -> list[Order]:
        """Open orders, oldest first."""

    def orders_of(self, account: str, symbol: str = "") -> list[Order]:
        """All orders, oldest first."""

    def fills_of(self, account: str, symbol: str = "", order_id: int = 0, since_ns: int = 0) -> list[Fill]:
        """Fills, oldest first."""

    def take_reports(self) -> Sequence[Report]:
        """Reports since the last call; the world hands them to the dialect."""
