"""The deal: N legs in waves, and the one place that knows how far it got.

A deal owns all orders sent on its behalf. Its states and moves are one table (``MOVES``); ``docs/design.md`` draws it.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING

from arbkit.core.errors import LocalProtocolError
from arbkit.core.types import Fill, Opportunity, Side

if TYPE_CHECKING:
    from arbkit.core.orders.orders import Order

__all__ = ["MOVES", "Deal", "DealLeg", "DealState", "Outcome"]


class DealState(Enum):
    PLANNED = "planned"
    RESERVED = "reserved"
    SENT = "sent"
    IN_DOUBT = "in_doubt"
    """An order of it is UNKNOWN: nothing is sent for it until the resolver has proof."""
    UNWINDING = "unwinding"
    """Legs filled unequally: it is being completed or reversed."""
    HELD = "held"
    """Neither could be done within the risk budget: exposure stays, its pair is halted, an alarm is up."""
    CLOSED = "closed"


class Outcome(Enum):
    HEDGED = "hedged"
    """All legs filled equally by their first orders."""
    COMPLETED = "completed"
    """Equal after a second order on the short leg."""
    REVERSED = "reversed"
    """Equal (flat) after the long leg was taken back."""
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
    DealState.CLOSED: frozenset(),
}


class DealLeg:
    """One leg, exact. Fills of hedge and unwind orders count on the leg whose instrument they trade."""

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
        """The worst price of the first order."""
        self.wave = wave
        self.maker = maker
        self.bought = Decimal(0)
        self.sold = Decimal(0)
        self.paid = Decimal(0)
        """Quote given for what was bought."""
        self.received = Decimal(0)
        """Quote taken for what was sold."""
        self.fees: dict[str, Decimal] = {}
        """By asset, positive = paid."""

    @property
    def net_base(self) -> Decimal:
        """Base gained on this leg, less fees taken in base."""
        return self.bought - self.sold - self.fees.get(self.base, Decimal(0))

    @property
    def filled(self) -> Decimal:
        """What has filled in the leg's own direction, less what was taken back."""
        return self.bought - self.sold if self.side is Side.BUY else self.sold - self.bought


class Deal:
    """One trade over N legs."""

    __slots__ = (
        "asset",
        "closed_ns",
        "created_ns",
        "deadline_ns",
        "expected_net",
        "id",
        "legs",
        "opportunity",
        "orders",
        "outcome",
        "pair",
        "sent_ns",
        "state",
        "strategy",
        "tries",
        "wave",
        "why",
    )

    def __init__(self, opportunity: Opportunity, legs: list[DealLeg], *, created_ns: int, deadline_ns: int) -> None:
        self.id = 0
        """Given by the engine."""
        self.strategy = ""
        self.opportunity = opportunity
        self.legs = legs
        self.pair = "+".join(sorted([leg.instrument for leg in legs]))
        """Its instruments, sorted: what cools down and is restricted together."""
        self.state = DealState.PLANNED
        self.asset = opportunity.asset
        self.expected_net = opportunity.expected_net
        self.created_ns = created_ns
        self.deadline_ns = deadline_ns
        self.sent_ns = 0
        self.closed_ns = 0
        self.outcome: Outcome | None = None
        self.why = ""
        """What decided the outcome, for a person."""
        self.wave = 0
        self.tries = 0
        """Hedge and unwind orders sent so far."""
        self.orders: dict[str, Order] = {}
        """All orders of this deal by ``cl_ord_id``: the live objects of the order table."""

    def move(self, state: DealState) -> None:
        """Go to ``state``; a move that the table lacks is our bug."""
        if state is self.state:
            return
        if state not in MOVES[self.state]:
            raise LocalProtocolError(f"deal {self.id}: {self.state.value} -> {state.value} is no move")
        self.state = state

    def close(self, outcome: Outcome, why: str, now_ns: int) -> None:
        """The end, once. Raises ``LocalProtocolError`` for a deal that is closed or may not be closed from here."""
        if self.state is DealState.CLOSED:
            raise LocalProtocolError(f"deal {self.id} is closed already ({self.why}), now: {why}")
        self.move(DealState.CLOSED)
        self.outcome = outcome
        self.why = why
        self.closed_ns = now_ns

    def hold(self, why: str) -> None:
        """Neither completed nor reversed: the exposure stays, with its reason."""
        self.move(DealState.HELD)
        self.why = why

    def fill(self, fill: Fill) -> None:
        """Count a fill on the leg of its instrument and account (the order table has made sure that it is new).

        A row that only tells a fee (``qty`` 0) counts like any. Raises ``LocalProtocolError`` without such a leg."""
        for leg in self.legs:
            if leg.instrument == fill.instrument and leg.account == fill.account:
                break
        else:
            raise LocalProtocolError(f"deal {self.id} has no leg {fill.instrument} of {fill.account}")
        if fill.side is Side.BUY:
            leg.bought += fill.qty
            leg.paid += fill.qty * fill.px
        else:
            leg.sold += fill.qty
            leg.received += fill.qty * fill.px
        if fill.fee:
            leg.fees[fill.fee_asset] = leg.fees.get(fill.fee_asset, Decimal(0)) + fill.fee

    def net(self) -> dict[str, Decimal]:
        """Gained per asset over all legs, fees taken off; a leg that names no ``quote`` has the deal's ``asset``."""
        net: dict[str, Decimal] = {}
        for leg in self.legs:
            net[leg.base] = net.get(leg.base, Decimal(0)) + leg.bought - leg.sold
            quote = leg.quote or self.asset
            net[quote] = net.get(quote, Decimal(0)) + leg.received - leg.paid
            for asset, fee in leg.fees.items():
                net[asset] = net.get(asset, Decimal(0)) - fee
        return net

    @property
    def open_orders(self) -> list[Order]:
        """Orders whose story is not over: not terminal, or terminal with fills still to come."""
        return [order for order in self.orders.values() if not order.done]

    @property
    def in_doubt(self) -> bool:
        return any(order.unknown for order in self.orders.values())
