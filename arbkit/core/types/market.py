"""Instruments, prices, the catalogue and opportunities.

Prices and sizes are float64 from the wire to the strategy, and ``Decimal`` from the executor to the wire.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from difflib import get_close_matches
from enum import Enum
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from arbkit.core.types.exact import EXACT

__all__ = [
    "BookState",
    "Catalogue",
    "Idle",
    "Instrument",
    "Leg",
    "Level",
    "Opportunity",
    "Px",
    "Qty",
    "Side",
    "Tif",
    "assets_of",
    "is_amount",
    "plain",
]


_LETTERS = re.compile("[^A-Z0-9]")

Px: TypeAlias = Annotated[float, Meta(gt=0, lt=1e15)]
"""A price in a message, as a JSON number or string (decode with ``strict=False``). NaN, infinity, zero and negative
values are rejected."""


Qty: TypeAlias = Annotated[float, Meta(ge=0, lt=1e15)]
"""A size in a message; 0 (also "-0" and underflow) deletes a level."""


class Side(Enum):
    """FIX Side(54)."""

    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY


class Tif(Enum):
    """FIX TimeInForce(59)."""

    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"

    __hash__ = object.__hash__  # Enum hashes the name, in Python: these are keys on the way of an order


class BookState(Enum):
    SYNCING = "syncing"
    SYNCED = "synced"
    STALE = "stale"
    LOST = "lost"


def plain(value: Decimal) -> str:
    """Decimal text as venues expect it: no exponent, no trailing zeros. (``str(Decimal("1E-8"))`` has an exponent.)"""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def assets_of(instrument: str) -> tuple[str, str]:
    """Base and quote of an instrument, from its id. Used where the venue's catalogue may not have it any more."""
    base, _, quote = instrument.partition(":")[2].removesuffix("-PERP").partition("-")
    return base, quote


def is_amount(value: Decimal) -> bool:
    """Whether ``value`` is a valid amount: finite and below 10**18 (not ``NaN``, ``Infinity`` or ``1e999999``)."""
    return value.is_finite() and value.adjusted() < 18


class Level(Struct, array_like=True, frozen=True, gc=False):
    """One price level. ``[px, qty, ...]`` in a message decodes directly into it; further columns are ignored."""

    px: Px
    qty: Qty


class Instrument(Struct, frozen=True, gc=False, kw_only=True):
    """A tradable instrument and its order rules. A rule that the venue does not have is 0 (minimum) or None."""

    venue: str
    symbol: str
    """Canonical ``BASE-QUOTE``; perpetuals ``BASE-QUOTE-PERP``."""
    native: str
    """The venue's own symbol, as in its messages."""
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    min_qty: Decimal = Decimal(0)
    max_qty: Decimal | None = None
    min_notional: Decimal = Decimal(0)
    max_notional: Decimal | None = None
    tradable: bool = True
    status: str = ""
    """The venue's own trading status."""
    venue_ref: str = ""
    """A second id that some APIs require (OKX ``instIdCode``)."""
    fee_group: str = ""
    fee_in_quote: bool = False
    """The fee of a purchase is paid in the quote asset, beside the price, and not taken from what is bought."""
    kind: str = "spot"
    multiplier: Decimal = Decimal(1)
    settle: str = ""
    inverse: bool = False

    @property
    def id(self) -> str:
        return f"{self.venue}:{self.symbol}"

    @property
    def rules(self) -> tuple[Decimal | None, ...]:
        """The steps and limits that an order must keep."""
        return self.tick, self.lot, self.min_qty, self.max_qty, self.min_notional, self.max_notional

    def quantize_px(self, px: float | Decimal, side: Side) -> Decimal:
        """The price as a multiple of the tick. Rounded down for a buy and up for a sell, so never worse than ``px``."""
        return _step(px, self.tick, ROUND_FLOOR if side is Side.BUY else ROUND_CEILING)

    def quantize_qty(self, qty: float | Decimal) -> Decimal:
        """The size as a multiple of the lot, rounded down; 0 if it is less than one lot."""
        return _step(qty, self.lot, ROUND_FLOOR)


_ONE = Decimal(1)


def _step(value: float | Decimal, step: Decimal, rounding: str) -> Decimal:
    exact = value if isinstance(value, Decimal) else Decimal(repr(value))
    if not step:
        return exact
    steps = EXACT.divide(exact, step).quantize(_ONE, rounding, EXACT)
    return EXACT.multiply(steps, step)


class Catalogue:
    """The known instruments, by instrument id and by the venue's own symbol."""

    __slots__ = ("_by_id", "_by_native", "_by_symbol", "get", "missed")

    def __init__(self, instruments: Iterable[Instrument] = ()) -> None:
        self._by_id: dict[str, Instrument] = {}
        self.get: Callable[[str], Instrument | None] = self._by_id.get
        """The instrument of an id; None = not known. Bound once: it is called for every order."""
        self._by_native: dict[tuple[str, str], Instrument] = {}
        self._by_symbol: dict[str, dict[str, Instrument]] = {}
        self.missed: dict[str, str] = {}
        """Symbols that were asked for and cannot be used, with the reason; "" = no venue lists it, so that it is
        probably misspelt."""
        for instrument in instruments:
            self.add(instrument)

    def add(self, instrument: Instrument) -> None:
        """Add an instrument, or replace its rules."""
        self._by_id[instrument.id] = instrument
        self._by_native[instrument.venue, instrument.native] = instrument
        self._by_symbol.setdefault(instrument.symbol, {})[instrument.id] = instrument

    def __getitem__(self, instrument_id: str) -> Instrument:
        return self._by_id[instrument_id]

    def __contains__(self, instrument_id: str) -> bool:
        return instrument_id in self._by_id

    def __iter__(self) -> Iterator[Instrument]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def native(self, venue: str, name: str) -> Instrument | None:
        """The instrument that ``venue`` calls ``name``."""
        return self._by_native.get((venue, name))

    def venue(self, venue: str) -> list[Instrument]:
        """All instruments of one venue."""
        return [instrument for instrument in self._by_id.values() if instrument.venue == venue]

    def symbol(self, symbol: str) -> list[Instrument]:
        """The instruments with this canonical symbol on all venues, in the order in which the venues were loaded."""
        found = list(self._by_symbol.get(symbol, {}).values())
        if not found:
            self.missed[symbol] = ""
        return found

    def like(self, symbol: str) -> list[str]:
        """Known symbols with a similar name, best first: ``BTC-USDT`` for ``BTCUSDT``."""
        known = sorted({instrument.symbol for instrument in self})
        bare = _LETTERS.sub("", symbol.upper())
        return [one for one in known if _LETTERS.sub("", one) == bare] or get_close_matches(symbol.upper(), known, 3)


class Leg(Struct, frozen=True, gc=False, kw_only=True):
    """One order of an opportunity, in floats. The executor rounds it to tick and lot."""

    instrument: str
    side: Side
    qty: float
    px: float
    """The worst acceptable price: the price of the last level used, plus the slippage allowance."""
    wave: int = 0
    maker: bool = False


class Opportunity(Struct, frozen=True, gc=False, kw_only=True):
    """A trade that a strategy proposes. The engine ranks opportunities by ``expected_net``."""

    legs: Sequence[Leg]
    expected_net: float
    """Expected profit in ``asset``, after fees, slippage allowance and latency penalty."""
    asset: str
    edge: float
    """``expected_net`` divided by the notional."""
    seen_ns: int
    """The time of the event that caused the decision."""
    deadline_ns: int = 0
    note: str = ""
    fees: float = 0.0
    """The fees that are subtracted in ``expected_net``; likewise ``slippage`` and ``penalty``, the allowances for
    slippage and latency. The history compares them with what a deal really cost. 0: fees are taken to be at the
    account's rates."""
    slippage: float = 0.0
    penalty: float = 0.0


class Idle(Struct, frozen=True, gc=False, kw_only=True):
    """Why a trade is not made now. What ``Strategy.reasons`` returns, for a person and as a metric."""

    instruments: Sequence[str]
    """The legs in their order: what is bought, then what is sold."""
    reason: str
    """A fixed word, as ``balance``; "" = nothing is in the way."""
    text: str = ""
    """With numbers, and with what to do where somebody can."""

    @property
    def name(self) -> str:
        return ">".join(self.instruments)
