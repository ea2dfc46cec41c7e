"""The check that every command passes right before the journal and the socket. There is no way around it.

Entries need ACTIVE. Hedges and unwinds of open deals pass in ACTIVE and REDUCING. In HALTED only cancels and queries
pass: HALTED is for when our own numbers or the venue's are not believed, and a wrong unwind doubles an exposure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from decimal import Decimal
from math import inf

from msgspec import Struct

from arbkit.core.market.book import Book
from arbkit.core.money.limits import Refusal
from arbkit.core.orders.deals import Deal, DealLeg
from arbkit.core.orders.orders import Order, Orders
from arbkit.core.types import (
    BookState,
    Catalogue,
    Command,
    Instrument,
    Mode,
    NewOrder,
    Purpose,
    RejectReason,
    ReplaceOrder,
    Side,
    plain,
)

__all__ = ["Gate", "GateConfig"]

_ZERO = Decimal(0)
_ONE = Decimal(1)
_SECOND_NS = 1_000_000_000
_MINUTE_NS = 60_000_000_000
_STRICT = {Mode.ACTIVE: 0, Mode.REDUCING: 1, Mode.HALTED: 2}


class GateConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hard caps; the defaults suit a first small run. Notionals are in ``asset``."""

    asset: str = "USDT"
    max_order_notional: Decimal = Decimal(250)
    """Of any order, hedges too."""
    orders_per_second: int = 20
    """New and replaced orders over all venues. Entries may use half of it, so that hedges find room."""
    notional_per_minute: Decimal = Decimal(20_000)
    """Of entries; a hedge counts but is not refused for it."""
    price_band: Decimal = Decimal("0.05")
    """How far on the losing side of the book's mid a price may stand, as a fraction."""
    max_hedges: int = 20
    """Hedge and unwind orders that a deal may send."""
    hedge_factor: Decimal = Decimal(3)
    """All orders of a deal on one instrument together never exceed its planned quantity times this."""


class Gate:
    """Holds the modes and the counters. ``orders`` (by account) and ``books`` (by instrument) are live mappings.

    ``price_of(held, asset)`` is the ledger's marker; None = no price."""

    def __init__(
        self,
        config: GateConfig,
        catalogue: Catalogue,
        orders: Mapping[str, Orders],
        books: Mapping[str, Book],
        price_of: Callable[[str, str], Decimal | None],
    ) -> None:
        self.config = config
        self.catalogue = catalogue
        self.orders = orders
        self.books = books
        self.price_of = price_of
        self.killed = ""
        """Why, "" = it is not."""
        self._modes: dict[str, tuple[Mode, str]] = {}
        """Scopes that are not ACTIVE."""
        self._sent: deque[int] = deque()
        """When the orders of the last second passed."""
        self._spent: deque[tuple[int, Decimal]] = deque()
        """When and what notional passed in the last minute."""
        self._minute = _ZERO
        """The sum of ``_spent``."""
        self._band_low = 1 - float(config.price_band)
        self._band_high = 1 + float(config.price_band)

    def check(self, command: Command, deal: Deal | None, now_ns: int) -> Refusal | None:
        """None = pass, and counted; a refusal counts nothing. New and replaced orders need their deal.

        Call it after ``cl_ord_id`` is given and before ``Orders.add``, and put each order that passed into
        ``deal.orders`` before the next one is checked. Cancels, queries and listings always pass."""
        if isinstance(command, NewOrder):
            intent, replaced = command, None
        elif isinstance(command, ReplaceOrder):
            table = self.orders.get(command.account)
            replaced = table.get(command.cl_ord_id) if table is not None else None
            if replaced is None:
                return Refusal("order", f"{command.cl_ord_id}: no such order to replace")
            intent = replaced.intent
        else:
            return None
        if deal is None or (intent.deal and intent.deal != deal.id):
            return Refusal("deal", f"{intent.cl_ord_id}: an order needs its own deal")
        instrument = self.catalogue.get(intent.instrument)
        if instrument is None or not instrument.tradable:
            return Refusal("instrument", f"{intent.instrument} is not tradable")
        entry = intent.purpose is Purpose.ENTRY
        refusal = (
            self._may(intent, deal, instrument, entry, now_ns)
            or self._rules(command, instrument)
            or self._children(command, intent, replaced, deal, entry)
            or self._price(command, intent.side, instrument)
        )
        return refusal or self._pace(command, instrument, entry, now_ns)

    def _may(self, intent: NewOrder, deal: Deal, instrument: Instrument, entry: bool, now_ns: int) -> Refusal | None:
        """Modes, deadlines, doubt."""
        if self._modes or self.killed:
            mode = self.mode(instrument.venue, deal.pair)
            if mode is Mode.HALTED or (entry and mode is Mode.REDUCING):
                return Refusal("mode", f"{mode.value}: no {intent.purpose.value} on {instrument.id} now")
        deadline_ns = intent.deadline_ns
        if deadline_ns and now_ns >= deadline_ns:
            return Refusal("deadline", f"{intent.cl_ord_id}: its deadline passed {now_ns - deadline_ns} ns ago")
        if entry:
            if deal.deadline_ns and now_ns >= deal.deadline_ns:
                return Refusal("deadline", f"deal {deal.id}: its deadline passed {now_ns - deal.deadline_ns} ns ago")
            table = self.orders.get(intent.account)
            if table is None:
                return Refusal("account", f"{intent.account} has no order table")
            if table.in_doubt(intent.instrument):
                return Refusal("in_doubt", f"an order on {intent.instrument} is unknown: no entry until it is proved")
        if deal.orders and deal.in_doubt:
            return Refusal("in_doubt", f"an order of deal {deal.id} is unknown: nothing is sent for it until proof")
        return None

    @staticmethod
    def _rules(command: NewOrder | ReplaceOrder, instrument: Instrument) -> Refusal | None:
        """The venue's own rules, exactly; it would refuse a hedge for them too."""
        qty, px = command.qty, command.px
        if qty <= 0 or px <= 0:
            return Refusal("rules", f"{instrument.id}: {qty} at {px} is no order")
        if (instrument.lot and qty % instrument.lot) or (instrument.tick and px % instrument.tick):
            text = (
                f"{plain(qty)} at {plain(px)} is off the lot {plain(instrument.lot)} or tick {plain(instrument.tick)}"
            )
            return Refusal("rules", f"{instrument.id}: {text}")
        notional = qty * px
        if qty < instrument.min_qty or notional < instrument.min_notional:
            return Refusal("rules", f"{instrument.id}: {plain(qty)} at {plain(px)} is below the venue's minimum")
        most = instrument.max_notional
        if (instrument.max_qty is not None and qty > instrument.max_qty) or (most is not None and notional > most):
            return Refusal("rules", f"{instrument.id}: {plain(qty)} at {plain(px)} is over the venue's maximum")
        return None

    def _children(
        self, command: NewOrder | ReplaceOrder, intent: NewOrder, replaced: Order | None, deal: Deal, entry: bool
    ) -> Refusal | None:
        """The sum of a deal's orders on a leg, each at its worst case, against the leg's plan."""
        leg: DealLeg | None = None
        for leg in deal.legs:
            if leg.instrument == intent.instrument and leg.account == intent.account:
                break
        else:
            return Refusal("children", f"deal {deal.id} has no leg {intent.instrument} of {intent.account}")
        if entry and intent.side is not leg.side:
            return Refusal("children", f"deal {deal.id}: an entry {intent.side.value} on a {leg.side.value} leg")
        worst = command.qty
        hedges = 0
        for order in deal.orders.values():
            if order.reason is RejectReason.GATE and order.done:
                continue  # it never left, and an executor may ask many times before one may
            other = order.intent
            if other.purpose is not Purpose.ENTRY:
                hedges += 1
                if entry:
                    continue
            if other.instrument == intent.instrument and order is not replaced:
                worst += order.filled_qty + order.leaves
        if replaced is not None:
            worst += replaced.filled_qty
        most = leg.qty if entry else leg.qty * self.config.hedge_factor
        if worst > most:
            text = f"deal {deal.id}: {plain(worst)} on {intent.instrument}, planned {plain(leg.qty)}"
            return Refusal("children", text)
        if not entry and hedges >= self.config.max_hedges and replaced is None:
            return Refusal("max_hedges", f"deal {deal.id}: {hedges} hedges and unwinds sent")
        return None

    def _price(self, command: NewOrder | ReplaceOrder, side: Side, instrument: Instrument) -> Refusal | None:
        """The band around the mid of a book that is trusted now; without such a book nothing new goes out."""
        book = self.books.get(command.instrument)
        if book is None or book.state is not BookState.SYNCED or book.crossed_ns:
            return Refusal("book", f"{instrument.id}: no trusted book")
        mid = (book.bid_px + book.ask_px) / 2
        if not book.bid_px or mid == inf:
            return Refusal("book", f"{instrument.id}: the book has an empty side")
        px = float(command.px)
        if px > mid * self._band_high if side is Side.BUY else px < mid * self._band_low:
            return Refusal("price_band", f"{instrument.id}: {side.value} at {plain(command.px)}, the mid is {mid!r}")
        return None

    def _pace(
        self, command: NewOrder | ReplaceOrder, instrument: Instrument, entry: bool, now_ns: int
    ) -> Refusal | None:
        """Size, rate and turnover; the last check, for it counts what passes."""
        config = self.config
        quote = instrument.quote
        price = _ONE if quote == config.asset else self.price_of(quote, config.asset)
        if price is None:
            return Refusal("no_price", f"{quote} has no price in {config.asset}: {instrument.id}")
        notional = command.qty * command.px * price
        if notional > config.max_order_notional:
            return Refusal("max_order_notional", f"{instrument.id}: {plain(notional)} {config.asset} in one order")
        sent, spent = self._sent, self._spent
        while sent and now_ns - sent[0] >= _SECOND_NS:
            sent.popleft()
        if len(sent) >= (config.orders_per_second // 2 if entry else config.orders_per_second):
            return Refusal("orders_per_second", f"{len(sent)} orders in the last second")
        while spent and now_ns - spent[0][0] >= _MINUTE_NS:
            self._minute -= spent.popleft()[1]
        if entry and self._minute + notional > config.notional_per_minute:
            text = f"{plain(self._minute)} {config.asset} in the last minute, {plain(notional)} more asked"
            return Refusal("notional_per_minute", text)
        sent.append(now_ns)
        spent.append((now_ns, notional))
        self._minute += notional
        return None

    def restrict(self, scope: str, mode: Mode, why: str) -> bool:
        """Make a scope stricter ("" = all, a venue, a pair); True when that changed it. Never makes it looser."""
        current = self._modes.get(scope)
        if _STRICT[mode] <= (_STRICT[current[0]] if current is not None else 0):
            return False
        self._modes[scope] = (mode, why)
        return True

    def kill(self, why: str) -> None:
        """HALTED everywhere until the process ends."""
        self.killed = self.killed or why or "killed"

    def mode(self, venue: str = "", pair: str = "") -> Mode:
        """The strictest that applies."""
        if self.killed:
            return Mode.HALTED
        modes = self._modes
        strictest = Mode.ACTIVE
        for scope in ("", venue, pair):
            found = modes.get(scope)
            if found is not None and _STRICT[found[0]] > _STRICT[strictest]:
                strictest = found[0]
        return strictest

    def why(self, scope: str = "") -> str:
        """What set the scope's mode; "" when it is ACTIVE."""
        if self.killed:
            return self.killed
        found = self._modes.get(scope)
        return found[1] if found is not None else ""

    def restricted(self) -> dict[str, tuple[Mode, str]]:
        """All scopes that are not ACTIVE, with why."""
        return dict(self._modes)
