"""One deal: its legs, its orders and its state. The executor plans, moves and closes it; the engine reserves funds
and sends its first orders.

States (``DealState``). ``MOVES`` lists the allowed moves:

=========  ==========================================  ==============================================================
state      entered by                                  left by
=========  ==========================================  ==============================================================
PLANNED    ``Executor.plan``                           reserved -> RESERVED; given up -> CLOSED
RESERVED   limits and rate tokens are reserved         first orders sent -> SENT; given up -> CLOSED
SENT       the first orders are sent                   an order UNKNOWN -> IN_DOUBT; unequal fills -> UNWINDING;
                                                       the executor failed -> HELD; balanced -> CLOSED
IN_DOUBT   an order of it is UNKNOWN                   proved -> SENT (UNWINDING after a hedge or unwind order);
                                                       the executor failed -> HELD; closed by its executor -> CLOSED
UNWINDING  legs are unequal: complete or reverse them  an order UNKNOWN -> IN_DOUBT; not possible within the risk
                                                       budget -> HELD; balanced -> CLOSED
HELD       it could not be balanced yet, or the        balanced -> CLOSED; an executor may also go back to
           executor failed: the exposure stays         UNWINDING or IN_DOUBT
CLOSED     ``Deal.close``                              a late fill -> UNWINDING
=========  ==========================================  ==============================================================
"""

from __future__ import annotations

from decimal import Context, Decimal
from enum import Enum
from typing import TYPE_CHECKING

from arbkit.core.errors import LocalProtocolError
from arbkit.core.types import Fill, Opportunity, Side, plain

if TYPE_CHECKING:
    from arbkit.core.orders.orders import Order

__all__ = ["MOVES", "Deal", "DealLeg", "DealState", "Outcome"]

_MEAN = Context(prec=10)
"""Significant digits of a mean price."""

_ZERO = Decimal(0)


class DealState(Enum):
    """Where a deal is on its way. ``MOVES`` says what follows what."""

    PLANNED = "planned"
    RESERVED = "reserved"
    SENT = "sent"
    IN_DOUBT = "in_doubt"
    """An order of the deal is UNKNOWN. Nothing is sent for the deal until the resolver has proof."""
    UNWINDING = "unwinding"
    """The legs filled unequally; the deal is being completed or reversed."""
    HELD = "held"
    """Neither was possible within the risk budget yet. The exposure stays, the pair takes no new deals, an alarm is
    raised, and the executor tries again from time to time, also in later runs."""
    CLOSED = "closed"

    __hash__ = object.__hash__  # Enum hashes the name, in Python: each move looks up two


class Outcome(Enum):
    """How a deal ended."""

    HEDGED = "hedged"
    """All legs filled equally by their first orders."""
    COMPLETED = "completed"
    """Equal after more orders on the short leg."""
    REVERSED = "reversed"
    """Equal (flat) after the excess of the long leg was closed again."""
    LEFT = "left"
    """The legs filled unequally, and the difference is too small to trade: it is carried as a leftover."""
    NOTHING = "nothing"
    """No leg filled."""
    HELD = "held"


MOVES: dict[DealState, frozenset[DealState]] = {
    DealState.PLANNED: frozenset({DealState.RESERVED, DealState.CLOSED}),
    DealState.RESERVED: frozenset({DealState.SENT, DealState.CLOSED}),
    DealState.SENT: frozenset({DealState.IN_DOUBT, DealState.UNWINDING, DealState.HELD, DealState.CLOSED}),
    DealState.IN_DOUBT: frozenset({DealState.SENT, DealState.UNWINDING, DealState.HELD, DealState.CLOSED}),
    DealState.UNWINDING: frozenset({DealState.IN_DOUBT, DealState.SENT, DealState.HELD, DealState.CLOSED}),
    DealState.HELD: frozenset({DealState.UNWINDING, DealState.IN_DOUBT, DealState.CLOSED}),
    DealState.CLOSED: frozenset({DealState.UNWINDING}),
}


class DealLeg:
    """One leg, with exact amounts. Fills of hedge and unwind orders count on the leg of their instrument."""

    __slots__ = (
        "account",
        "base",
        "bought",
        "fees",
        "instrument",
        "maker",
        "paid",
        "px",
        "qty",
        "quote",
        "received",
        "side",
        "sold",
        "wave",
    )

    def __init__(
        self,
        *,
        account: str,
        instrument: str,
        base: str,
        side: Side,
        qty: Decimal,
        px: Decimal,
        wave: int = 0,
        maker: bool = False,
        quote: str = "",
    ) -> None:
        self.account = account
        self.instrument = instrument
        self.base = base
        self.quote = quote
        """"" = the deal's ``asset``."""
        self.side = side
        self.qty = qty
        self.px = px
        """Limit price of the first order."""
        self.wave = wave
        self.maker = maker
        self.bought = self.sold = _ZERO
        self.paid = _ZERO
        """Quote paid for what was bought."""
        self.received = _ZERO
        """Quote received for what was sold."""
        self.fees: dict[str, Decimal] = {}
        """By asset; positive = paid."""

    @property
    def net_base(self) -> Decimal:
        """Base gained on this leg, minus fees taken in base."""
        return self.bought - self.sold - self.fees.get(self.base, _ZERO)

    @property
    def filled(self) -> Decimal:
        """Filled quantity in the leg's direction, minus what was traded back."""
        return self.bought - self.sold if self.side is Side.BUY else self.sold - self.bought


class Deal:
    """One trade over N legs. It ends with more of ``asset``, and with as much of ``assets`` as it began with."""

    __slots__ = (
        "asset",
        "assets",
        "carried",
        "closed_ns",
        "counted",
        "created_ns",
        "deadline_ns",
        "expected_net",
        "id",
        "legs",
        "naked",
        "opportunity",
        "orders",
        "outcome",
        "pair",
        "reduces",
        "sent_ns",
        "state",
        "strategy",
        "tries",
        "wave",
        "waves",
        "why",
    )

    def __init__(self, opportunity: Opportunity, legs: list[DealLeg], *, created_ns: int, deadline_ns: int) -> None:
        self.id = 0
        """Set by the engine."""
        self.strategy = ""
        self.opportunity = opportunity
        self.legs = legs
        self.pair = "+".join(sorted([leg.instrument for leg in legs]))
        """Its instruments, sorted and joined by "+". Cooldowns and modes apply per pair."""
        self.state = DealState.PLANNED
        self.asset = opportunity.asset
        """What it gains is in this asset; "home" in the text of ``strategies``."""
        assets: dict[str, None] = {}
        self.waves = 0
        """The number of the last wave; 0 = all orders go out at once."""
        for leg in legs:
            assets[leg.base] = assets[leg.quote] = None
            if leg.wave > self.waves:
                self.waves = leg.wave
        assets.pop(self.asset, None)
        assets.pop("", None)
        self.assets = tuple(assets)
        """The other assets of its legs: their surplus is exposure."""
        self.expected_net = opportunity.expected_net
        self.created_ns = created_ns
        self.deadline_ns = deadline_ns
        self.sent_ns = 0
        self.closed_ns = 0
        self.outcome: Outcome | None = None
        self.why = ""
        """What decided the outcome, as text."""
        self.naked = ""
        """What is unhedged although the proof of an order takes too long, as text: told with an alarm."""
        self.carried = _ZERO
        """What earlier deals left of the first of ``assets`` and this one trades off: its legs are planned to differ by
        it, the other way round."""
        self.reduces = False
        """It only trades off what is left: it passes in mode REDUCING and is not refused by a cap."""
        self.wave = 0
        """The last wave whose orders were made."""
        self.counted = False
        """Its outcome is in the counters: a deal that is reopened counts once."""
        self.tries = 0
        """Number of hedge and unwind orders sent so far."""
        self.orders: dict[str, Order] = {}
        """All orders of this deal by ``cl_ord_id``. They are the live objects of the order table."""

    def move(self, state: DealState) -> None:
        """Change the state. Raises ``LocalProtocolError`` for a move that ``MOVES`` does not allow."""
        if state is self.state:
            return
        if state not in MOVES[self.state]:
            raise LocalProtocolError(f"deal {self.id}: the move {self.state.value} -> {state.value} is not allowed")
        self.state = state

    def close(self, outcome: Outcome, why: str, now_ns: int) -> None:
        """Close the deal. Raises ``LocalProtocolError`` if it is closed already or cannot be closed from its state."""
        if self.state is DealState.CLOSED:
            raise LocalProtocolError(f"deal {self.id} is already closed ({self.why}); refused: {why}")
        self.move(DealState.CLOSED)
        self.outcome = outcome
        self.why = why
        self.closed_ns = now_ns

    def hold(self, why: str) -> None:
        """Hold the deal: it was neither completed nor reversed yet, and its exposure stays."""
        self.move(DealState.HELD)
        self.outcome = Outcome.HELD
        self.why = why

    def reopen(self, why: str) -> None:
        """A fill came after the end: the deal goes on. Raises ``LocalProtocolError`` if it is not closed."""
        if self.state is not DealState.CLOSED:
            raise LocalProtocolError(f"deal {self.id} is {self.state.value}, not closed")
        self.move(DealState.UNWINDING)
        self.outcome = None
        self.closed_ns = 0
        self.why = why

    def fill(self, fill: Fill) -> None:
        """Count a fill on the leg of its instrument and account. The order table passes each fill once.

        A row that only brings a fee (``qty`` 0) is counted like any other. Raises ``LocalProtocolError`` if there is no
        such leg.
        """
        leg = self.leg_at(fill.instrument, fill.account)
        if leg is None:
            raise LocalProtocolError(f"deal {self.id} has no leg {fill.instrument} of {fill.account}")
        if fill.side is Side.BUY:
            leg.bought += fill.qty
            leg.paid += fill.qty * fill.px
        else:
            leg.sold += fill.qty
            leg.received += fill.qty * fill.px
        for asset, fee in fill.fees:
            leg.fees[asset] = leg.fees.get(asset, _ZERO) + fee

    @property
    def overs(self) -> dict[str, Decimal]:
        """Surplus (negative: shortage) of each of ``assets`` over all legs, with what was carried into them. A deal of
        which nothing filled has none."""
        overs = dict.fromkeys(self.assets, _ZERO)
        if not any(leg.bought or leg.sold for leg in self.legs):
            return overs
        for asset, amount in self.net().items():
            if asset in overs:
                overs[asset] += amount
        if self.carried:
            overs[self.assets[0]] += self.carried
        return overs

    @property
    def over(self) -> Decimal:
        """The surplus of the first of ``assets``: of the base, where all legs have one."""
        return self.overs[self.assets[0]]

    def leg_at(self, instrument: str, account: str) -> DealLeg | None:
        """Its leg at this place."""
        return next((leg for leg in self.legs if leg.instrument == instrument and leg.account == account), None)

    def add(self, leg: DealLeg) -> None:
        """One more leg, for a hedge at a place where the plan has none."""
        self.legs.append(leg)

    def traded(self) -> list[dict[str, str]]:
        """What filled, by leg and side, in the order of the legs: ``side``, ``instrument``, ``qty`` and the mean
        ``px``, as text."""
        return [
            {"side": side.value, "instrument": leg.instrument, "qty": plain(qty), "px": plain(_MEAN.divide(worth, qty))}
            for leg in self.legs
            for side, qty, worth in ((Side.BUY, leg.bought, leg.paid), (Side.SELL, leg.sold, leg.received))
            if qty
        ]

    def net(self, account: str = "") -> dict[str, Decimal]:
        """Net gain per asset over all legs (of one account), after fees. A leg without ``quote`` uses the deal's
        ``asset``."""
        net: dict[str, Decimal] = {}
        for leg in self.legs:
            if account and leg.account != account:
                continue
            net[leg.base] = net.get(leg.base, _ZERO) + leg.bought - leg.sold
            quote = leg.quote or self.asset
            net[quote] = net.get(quote, _ZERO) + leg.received - leg.paid
            for asset, fee in leg.fees.items():
                net[asset] = net.get(asset, _ZERO) - fee
        return net

    @property
    def open_orders(self) -> list[Order]:
        """Orders that are not ``done``: not terminal, or terminal with fills or fees still missing."""
        return [order for order in self.orders.values() if not order.done]

    @property
    def in_doubt(self) -> bool:
        return any(order.unknown for order in self.orders.values())
