"""The check of every command before it is written to the journal and sent. Nothing bypasses it. The engine calls
``check``; desk, engine and breakers set modes.

Entries need mode ACTIVE and a tradable instrument; those of later waves pass in REDUCING too, because they make an open
deal whole. Hedges and unwinds of open deals pass in ACTIVE and REDUCING, also
on an instrument that is not tradable by our catalogue: it may be old, and an unhedged leg is the larger risk. They need
the book of their own instrument and no other.
In HALTED only cancels and queries pass: HALTED is used when our numbers or the venue's may be wrong, and a wrong unwind
would double an exposure. A loss is no reason for it: what is open must still be closed.
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
from arbkit.core.orders.orders import Orders
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
    """The gate's limits. The defaults suit a first small run. Notionals are in ``asset``."""

    asset: str = "USDT"
    max_order_notional: Decimal = Decimal(250)
    """Of any order, including hedges."""
    orders_per_second: int = 20
    """New orders over all venues. Entries may use half of it, so that hedges always find room."""
    notional_per_minute: Decimal = Decimal(20_000)
    """Of entries. A hedge counts, but is not refused for it."""
    price_band: Decimal = Decimal("0.05")
    """How far a price may be beyond the mid of the book on the losing side (above it for a buy, below it for a sell),
    as a fraction."""
    max_hedges: int = 20
    """Number of hedge and unwind orders that a deal may send in a minute."""
    hedge_factor: Decimal = Decimal(3)
    """The orders of a deal on one instrument together may not exceed its planned quantity times this."""


class Gate:
    """Holds the modes and the counts. ``orders`` (by account) and ``books`` (by instrument) are live mappings.

    ``price_of(held, asset)`` gives the same prices as for the ledger; None = no price.
    """

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
        """Why the kill switch was used; "" = it was not."""
        self._modes: dict[str, tuple[Mode, str]] = {}
        """Scopes that are not ACTIVE, with the strictest mode and its reason."""
        self._set: dict[tuple[str, str], tuple[Mode, str]] = {}
        """What each rule has set, by scope and rule."""
        self._sent: deque[int] = deque()
        """When the orders of the last second passed."""
        self._spent: deque[tuple[int, Decimal]] = deque()
        """Time and notional of the orders that passed in the last minute."""
        self._minute = _ZERO
        """The sum of ``_spent``."""
        self._priced: dict[str, Decimal] = {}
        """The last price of each quote asset in the reporting asset."""
        self._band_low = 1 - float(config.price_band)
        self._band_high = 1 + float(config.price_band)

    def check(self, command: Command, deal: Deal | None, now_ns: int) -> Refusal | None:
        """Returns None if the command passes; it is then counted. A refusal counts nothing. New orders need their
        deal. Cancels, queries and listings always pass. A replace is always refused: between two orders of one deal
        the venue may fill both, and the limits of the deal do not count that yet.

        Call it after ``cl_ord_id`` is set and before ``Orders.add``. Put each order that passed into ``deal.orders``
        before you check the next one.
        """
        if isinstance(command, ReplaceOrder):
            return Refusal("replace", f"{command.cl_ord_id}: orders are not replaced; cancel it, then send a new one")
        if not isinstance(command, NewOrder):
            return None
        if deal is None or (command.deal and command.deal != deal.id):
            return Refusal("deal", f"{command.cl_ord_id}: the order has no deal, or belongs to another one")
        instrument = self.catalogue.get(command.instrument)
        entry = command.purpose is Purpose.ENTRY
        if instrument is None or (entry and not instrument.tradable):
            return Refusal("instrument", f"{command.instrument} is not tradable")
        refusal = (
            self._may(command, deal, instrument, entry, now_ns)
            or self._rules(command, instrument)
            or self._children(command, deal, entry, now_ns)
            or self._price(command, instrument)
        )
        return refusal or self._pace(command, instrument, entry and not deal.wave, now_ns)

    def _may(self, command: NewOrder, deal: Deal, instrument: Instrument, entry: bool, now_ns: int) -> Refusal | None:
        """Modes, deadlines and UNKNOWN orders."""
        if self._modes or self.killed:
            mode = self.mode(instrument.venue, deal.pair)
            if mode is Mode.HALTED or (entry and mode is Mode.REDUCING and not deal.wave):
                return Refusal("mode", f"{mode.value}: no {command.purpose.value} on {instrument.id} now")
        deadline_ns = command.deadline_ns
        if deadline_ns and now_ns >= deadline_ns:
            return Refusal("deadline", f"{command.cl_ord_id}: its deadline passed {now_ns - deadline_ns} ns ago")
        if entry:
            if deal.deadline_ns and now_ns >= deal.deadline_ns:
                return Refusal("deadline", f"deal {deal.id}: its deadline passed {now_ns - deal.deadline_ns} ns ago")
            table = self.orders.get(command.account)
            if table is None:
                return Refusal("account", f"{command.account} has no order table")
            if table.in_doubt(command.instrument):
                return Refusal("in_doubt", f"an order on {command.instrument} is UNKNOWN: no entry until it is proved")
        if deal.orders and deal.in_doubt and not _takes_back(command, deal):
            return Refusal(
                "in_doubt",
                f"an order of deal {deal.id} is UNKNOWN: until it is proved, nothing is sent for the deal, except to "
                "take back what is known to have filled on another leg",
            )
        return None

    @staticmethod
    def _rules(command: NewOrder, instrument: Instrument) -> Refusal | None:
        """The venue's trading rules, exactly. They apply to hedges too: the venue would refuse them."""
        qty, px = command.qty, command.px
        if qty <= 0 or px <= 0:
            return Refusal("rules", f"{instrument.id}: quantity {qty} and price {px} must be positive")
        if (instrument.lot and qty % instrument.lot) or (instrument.tick and px % instrument.tick):
            steps = f"lot {plain(instrument.lot)} or tick {plain(instrument.tick)}"
            return Refusal("rules", f"{instrument.id}: {plain(qty)} at {plain(px)} is not a multiple of {steps}")
        notional = qty * px
        if qty < instrument.min_qty or notional < instrument.min_notional:
            return Refusal("rules", f"{instrument.id}: {plain(qty)} at {plain(px)} is below the venue's minimum")
        most = instrument.max_notional
        if (instrument.max_qty is not None and qty > instrument.max_qty) or (most is not None and notional > most):
            return Refusal("rules", f"{instrument.id}: {plain(qty)} at {plain(px)} is over the venue's maximum")
        return None

    def _children(self, command: NewOrder, deal: Deal, entry: bool, now_ns: int) -> Refusal | None:
        """The sum of a deal's orders on a leg, each at its worst case, against the planned quantity of the leg."""
        leg: DealLeg | None = None
        for leg in deal.legs:
            if leg.instrument == command.instrument and leg.account == command.account:
                break
        else:
            return Refusal("children", f"deal {deal.id} has no leg {command.instrument} of {command.account}")
        if entry and command.side is not leg.side:
            return Refusal("children", f"deal {deal.id}: a {command.side.value} entry on a {leg.side.value} leg")
        worst = command.qty
        hedges = 0
        for order in deal.orders.values():
            if order.reason is RejectReason.GATE and order.done:
                continue  # it never left: an executor may try many times before an order passes
            other = order.intent
            if other.purpose is not Purpose.ENTRY:
                hedges += now_ns - order.sent_ns < _MINUTE_NS or not order.sent_ns
                if entry:
                    continue
            if other.instrument == command.instrument:
                worst += order.filled_qty + order.leaves
        most = leg.qty if entry else leg.qty * self.config.hedge_factor
        if worst > most:
            text = f"{plain(worst)} on {command.instrument} is over {plain(most)}, planned: {plain(leg.qty)}"
            return Refusal("children", f"deal {deal.id}: {text}")
        if not entry and hedges >= self.config.max_hedges:
            return Refusal("max_hedges", f"deal {deal.id}: {hedges} hedge and unwind orders in the last minute")
        return None

    def _price(self, command: NewOrder, instrument: Instrument) -> Refusal | None:
        """The price band around the mid of a trusted book. Without a trusted book no order passes."""
        book = self.books.get(command.instrument)
        if book is None or book.state is not BookState.SYNCED or book.crossed_ns:
            return Refusal("book", f"{instrument.id}: no trusted book")
        mid = (book.bid_px + book.ask_px) / 2
        if not book.bid_px or mid == inf:
            return Refusal("book", f"{instrument.id}: the book has an empty side")
        px = float(command.px)
        if px > mid * self._band_high if command.side is Side.BUY else px < mid * self._band_low:
            return Refusal(
                "price_band",
                f"{instrument.id}: {command.side.value} at {plain(command.px)} is too far from the mid {mid!r}",
            )
        return None

    def _pace(self, command: NewOrder, instrument: Instrument, entry: bool, now_ns: int) -> Refusal | None:
        """Order size, order rate and turnover. The last check, because it counts what passes. ``entry``: of a deal that
        begins."""
        config = self.config
        quote = instrument.quote
        price = _ONE if quote == config.asset else self.price_of(quote, config.asset)
        if price is None:
            if entry:
                return Refusal("no_price", f"{quote} has no price in {config.asset}: {instrument.id}")
            price = self._priced.get(quote, _ZERO)  # another book must not stop a hedge
        elif quote != config.asset:
            self._priced[quote] = price
        notional = command.qty * command.px * price
        if notional > config.max_order_notional:
            return Refusal("max_order_notional", f"{instrument.id}: an order of {plain(notional)} {config.asset}")
        sent, spent = self._sent, self._spent
        while sent and now_ns - sent[0] >= _SECOND_NS:
            sent.popleft()
        if len(sent) >= (config.orders_per_second // 2 if entry else config.orders_per_second):
            return Refusal("orders_per_second", f"{len(sent)} orders in the last second")
        while spent and now_ns - spent[0][0] >= _MINUTE_NS:
            self._minute -= spent.popleft()[1]
        if entry and self._minute + notional > config.notional_per_minute:
            text = f"{plain(self._minute)} {config.asset} in the last minute, {plain(notional)} more requested"
            return Refusal("notional_per_minute", text)
        sent.append(now_ns)
        spent.append((now_ns, notional))
        self._minute += notional
        return None

    def restrict(self, scope: str, mode: Mode, why: str, rule: str = "") -> bool:
        """A rule makes a scope stricter ("" = everything, a venue, or a pair). Returns True if that changed what the
        rule has set. Never makes it less strict."""
        current = self._set.get((scope, rule))
        if _STRICT[mode] <= (_STRICT[current[0]] if current is not None else 0):
            return False
        self._set[scope, rule] = (mode, why)
        self._strictest(scope)
        return True

    def lift(self, scope: str, rule: str) -> bool:
        """A rule is met again: the scope has the mode that the other rules have set. Returns True if the rule had set
        one."""
        lifted = self._set.pop((scope, rule), None) is not None
        if lifted:
            self._strictest(scope)
        return lifted

    def set_by(self, scope: str, rule: str) -> Mode | None:
        """What the rule has set for the scope; None = nothing."""
        found = self._set.get((scope, rule))
        return None if found is None else found[0]

    def _strictest(self, scope: str) -> None:
        self._modes.pop(scope, None)
        for (where, _), (mode, why) in self._set.items():
            if where == scope and (scope not in self._modes or _STRICT[mode] > _STRICT[self._modes[scope][0]]):
                self._modes[scope] = (mode, why)

    def kill(self, why: str) -> None:
        """Kill switch: HALTED everywhere until the process ends."""
        self.killed = self.killed or why or "killed"

    def mode(self, venue: str = "", pair: str = "") -> Mode:
        """The strictest mode that applies."""
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
        """Why the scope has its mode; "" if it is ACTIVE."""
        if self.killed:
            return self.killed
        found = self._modes.get(scope)
        return found[1] if found is not None else ""

    def restricted(self) -> dict[str, tuple[Mode, str]]:
        """All scopes that are not ACTIVE, with mode and reason."""
        return dict(self._modes)


def _takes_back(command: NewOrder, deal: Deal) -> bool:
    """Whether the order only takes back what is known to have filled on its leg, where nothing else is open: then it
    cannot make the imbalance larger than the doubt itself."""
    return (
        command.purpose is Purpose.UNWIND
        and any(
            (leg.instrument, leg.account) == (command.instrument, command.account)
            and command.side is not leg.side
            and command.qty <= leg.filled
            for leg in deal.legs
        )
        and not any(order.leaves for order in deal.orders.values() if order.intent.instrument == command.instrument)
    )
