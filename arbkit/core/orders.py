"""The order life cycle: evidence in, one state out, whatever its order of arrival.

One ``Orders`` table per account. Every report (stream, ack, poll) only *adds* facts: statuses seen, the largest
cumulative quantity, a set of fills. The state is computed from the facts, so that late, repeated and reordered reports
converge, and a poll can never take back what the stream has proved.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from msgspec import Struct

from arbkit.core.types import Fill, NewOrder, OrderUpdate, OrdStatus, RejectReason, Role

__all__ = ["Change", "Order", "Orders"]


class Order:
    """One intent and all that is known of it. Live: the table changes it in place; nobody else writes to it."""

    __slots__ = ("acked_ns", "cancel_asked", "channel", "cum_qty", "fees_pending", "fills", "filled_qty", "final",
                 "intent", "link", "order_id", "paid", "reason", "seen", "sent_ns", "status", "terminal_ns",
                 "text")  # fmt: skip

    def __init__(self, intent: NewOrder) -> None:
        self.intent = intent
        self.status = OrdStatus.PENDING_NEW
        self.order_id = ""
        self.cum_qty = Decimal(0)
        """All that has filled by the best evidence; never falls."""
        self.filled_qty = Decimal(0)
        """What is counted fill by fill in ``fills``; ``cum_qty`` never stays below it."""
        self.paid = Decimal(0)
        """Sum of px * qty over ``fills``."""
        self.fills: dict[str, Fill] = {}
        """By trade id."""
        self.fees_pending: set[str] = set()
        """Trade ids whose fee has not been told yet."""
        self.sent_ns = 0
        self.acked_ns = 0
        """When the venue first proved that it has the order (an ack, a fill, a poll)."""
        self.terminal_ns = 0
        self.channel: Role | None = None
        """Chosen once per intent; never changed once a byte may have left."""
        self.link = ""
        self.cancel_asked = False
        self.reason: RejectReason | None = None
        """Why it was rejected or ended."""
        self.text = ""
        """The venue's words to ``reason``."""
        self.final = False
        """A terminal report told its cumulative quantity: ``cum_qty`` is proved."""
        self.seen: set[OrdStatus] = set()
        """Statuses reported, the facts behind ``status``."""

    @property
    def cl_ord_id(self) -> str:
        return self.intent.cl_ord_id

    @property
    def avg_px(self) -> Decimal:
        """Volume-weighted price of the counted fills, 0 without one."""
        return self.paid / self.filled_qty if self.filled_qty else Decimal(0)

    @property
    def unknown(self) -> bool:
        """Its existence or end is unproved: full exposure, to be queried, nothing is to be sent for its deal."""
        raise NotImplementedError

    @property
    def missing_fills(self) -> Decimal:
        """Quantity that is proved to have filled but whose fills have not come: ask ``ListFills``."""
        raise NotImplementedError

    @property
    def needs_fills(self) -> bool:
        """Fills or fees are missing: ask ``ListFills`` (a plain ``QueryOrder`` does not bring them)."""
        raise NotImplementedError

    @property
    def done(self) -> bool:
        """Terminal, its final quantity proved, all its fills and their fees counted."""
        raise NotImplementedError

    @property
    def leaves(self) -> Decimal:
        """The worst case that may still be added to ``filled_qty``."""
        raise NotImplementedError


class Change(Struct, frozen=True, gc=False, kw_only=True):
    """What one report changed."""

    order: Order | None
    """None: a foreign order (manual, or of another program)."""
    fills: tuple[Fill, ...] = ()
    """To be booked now, each exactly once (``Ledger.fill``, ``Deal.fill``, ``Limits.fill``).

    A fill told without its fee is here at once with fee 0 (a hedge must not wait for a fee). When a later copy tells
    the fee, a second row comes: same trade id with ``/fee`` behind it, qty 0, the fee. Both book like any fill.
    """
    old: OrdStatus = OrdStatus.UNKNOWN
    new: OrdStatus = OrdStatus.UNKNOWN
    changed: bool = False
    """Anything became known: status, quantity, fill, fee, order id. False: an echo, ignore it."""
    ask: bool = False
    """Ask for the final state now (``QueryOrder``): duplicate id, cancel of an order that was not open, contradiction."""
    anomalies: tuple[str, ...] = ()
    """For a person and an alarm; the facts are counted all the same."""


class Orders:
    """All orders of one account.

    ``fill_ids`` (``Capabilities.fill_ids``): with it, a fill counts only by trade id, and a report without one is
    evidence of quantity whose fills are missing. Without it, a fill's key is made from the cumulative quantity.
    """

    def __init__(self, account: str, *, fill_ids: bool = True, keep: int = 100_000) -> None:
        self.account = account
        self.foreign = 0
        """Reports about orders that are not ours (O24)."""

    def add(self, intent: NewOrder, now_ns: int) -> Order:
        """Take a new intent: PENDING_NEW. Raises ``LocalProtocolError`` for an id seen before or another account's."""
        raise NotImplementedError

    def sent(self, cl_ord_id: str, role: Role, link: str, now_ns: int) -> None:
        """A byte may have left on this link. Raises ``LocalProtocolError`` when it already left on another."""
        raise NotImplementedError

    def not_sent(self, cl_ord_id: str, why: str, now_ns: int) -> Change:
        """Provably nothing left (gate, no link, journal failed): REJECTED with reason GATE."""
        raise NotImplementedError

    def apply(self, update: OrderUpdate) -> Change:
        """Add one report's facts. Never raises for what a venue says."""
        raise NotImplementedError

    def link_lost(self, link: str, now_ns: int) -> list[Order]:
        """Intents in flight there (sent, not acked) are UNKNOWN from now on, and returned; acked ones stay."""
        raise NotImplementedError

    def timed_out(self, cl_ord_id: str, now_ns: int) -> Order | None:
        """No answer in time: UNKNOWN; returned when that changed it, None when it was answered before."""
        raise NotImplementedError

    def absent(self, cl_ord_id: str, now_ns: int) -> Change:
        """The resolver has *proof* that the venue has no such order: REJECTED (or CANCELED where it was once seen)."""
        raise NotImplementedError

    def cancel_asked(self, cl_ord_id: str) -> None:
        """A cancel goes out for it. Cancel means please: the status waits for the venue's word."""
        raise NotImplementedError

    def get(self, cl_ord_id: str) -> Order | None:
        """Also finished ones, while the archive keeps them."""
        raise NotImplementedError

    def by_order_id(self, order_id: str) -> Order | None:
        raise NotImplementedError

    def open(self) -> list[Order]:
        """Not ``done``, in the order of ``add``."""
        raise NotImplementedError

    def unresolved(self) -> list[Order]:
        """Those that ``core.resolver`` must work on: ``unknown``, or terminal with something unproved or missing."""
        raise NotImplementedError

    def in_doubt(self, instrument: str) -> bool:
        """Whether an order of this instrument is UNKNOWN. O(1): the gate asks before each entry."""
        raise NotImplementedError

    def __len__(self) -> int:
        """Orders that are not archived."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[Order]:
        raise NotImplementedError
