"""The kinds of journal records: what must survive a crash. ``journal`` writes and reads them, ``carried`` says which of
them a later run needs.

A new kind needs three things: its class with a tag of its own, its place in ``Record``, and a line in ``KEPT`` if a
later run needs it. Fields may be added with a default. A field is never removed or given another meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

from msgspec import Struct

from arbkit.core.types import Mode, NewOrder, OrdStatus, Side

__all__ = [
    "KEPT",
    "BlockReserved",
    "Booked",
    "Control",
    "DayBegan",
    "DealClosed",
    "DealOpened",
    "Filled",
    "Intent",
    "Interrupted",
    "JournalStart",
    "Note",
    "OrderOutcome",
    "PersonAsked",
    "Planned",
    "Record",
    "RunStart",
    "Settled",
    "StrategyState",
]


class JournalStart(Struct, frozen=True, gc=False, kw_only=True, tag="journal"):
    """The first record of a file. An older arbkit refuses the file because of its version, and reads nothing of it."""

    at_ns: int
    """When the file was made: by a first run, or fresh from an older file."""
    file: int = 0
    """Its number: a fresh file has the next one. The files before it are in the folder ``past``."""
    carried: int = 0
    """So many records after this one are repeated from the file before, because a later run needs them."""
    until: int = 0
    """So many bytes of the file before count; what follows them there is in this file too."""


class RunStart(Struct, frozen=True, gc=False, kw_only=True, tag="run"):
    """A run began with this account. The records of a run follow its ``RunStart``s, which have one ``at_ns``."""

    at_ns: int
    mode: str
    """``paper``, ``live`` or ``sim``."""
    account: str
    environment: str
    code: str
    """Code version."""


class BlockReserved(Struct, frozen=True, gc=False, kw_only=True, tag="block"):
    """Reserves a block of client order ids. It is on the disk before an id of the block is used."""

    at_ns: int
    account: str
    block: int


class Intent(Struct, frozen=True, gc=False, kw_only=True, tag="intent"):
    """An order, written before its first byte leaves, with the one link that it uses."""

    at_ns: int
    order: NewOrder
    channel: str
    """The link's role (``trade`` or ``rest``). The order is never sent on another."""
    link: str


class OrderOutcome(Struct, frozen=True, gc=False, kw_only=True, tag="outcome"):
    """An order ended (terminal, all fills counted) or was proved absent."""

    at_ns: int
    account: str
    cl_ord_id: str
    status: OrdStatus
    filled: Decimal = Decimal(0)
    order_id: str = ""
    absent: bool = False
    text: str = ""
    paid: Decimal = Decimal(0)
    """Sum of price times quantity over its fills."""
    fees: tuple[tuple[str, Decimal], ...] = ()
    """Paid: (asset, amount) each."""


class Planned(Struct, frozen=True, gc=False, kw_only=True, array_like=True):
    """A leg of a deal, as planned."""

    instrument: str
    account: str
    side: Side
    qty: Decimal
    px: Decimal
    wave: int = 0


class Filled(Struct, frozen=True, gc=False, kw_only=True, tag="fill"):
    """A fill that was booked, once. A later run needs only the sum in ``OrderOutcome``; this is for the history."""

    at_ns: int
    cl_ord_id: str
    trade_id: str
    qty: Decimal
    """0 = the row only brings a fee."""
    px: Decimal
    fees: tuple[tuple[str, Decimal], ...] = ()
    """Paid: (asset, amount) each."""
    maker: bool = False
    exch_ns: int = 0


class DealOpened(Struct, frozen=True, gc=False, kw_only=True, tag="deal"):
    """A deal begins, gets a leg more, or goes on after its end: the newest record of a deal counts, but ``expected``
    and what belongs to it count from the first time."""

    at_ns: int
    deal: int
    strategy: str
    instruments: Sequence[str]
    asset: str = ""
    """Of the amounts below; "" = they are not told."""
    expected: float = 0.0
    """The net gain that the strategy expected, after the three amounts below."""
    fees: float = 0.0
    slippage: float = 0.0
    """Allowance for it."""
    penalty: float = 0.0
    """Allowance for latency."""
    legs: tuple[Planned, ...] = ()
    """Empty for one purchase and one sale of the same size, sent at once: their orders tell it."""
    gains: str = ""
    """With ``legs``: the asset in which the deal gains."""


class Booked(Struct, frozen=True, gc=False, kw_only=True, tag="booked"):
    """What closed deals brought on one account. As a record of its own: of a fill after the end of its deal, of a deal
    that is opened again (what its end had booked, with the opposite sign), or the sum of all in a fresh journal."""

    at_ns: int
    account: str
    flows: Mapping[str, Decimal]
    """The gain by asset, fees included."""
    left: Mapping[str, Decimal]
    """What is left of the assets that were bought and sold: positive = bought and not sold."""
    orders: tuple[tuple[str, str], ...] = ()
    """In a sum: (instrument, order id) of the newest orders that ended. A listing of fills may name nothing else."""


class DealClosed(Struct, frozen=True, gc=False, kw_only=True, tag="closed"):
    at_ns: int
    deal: int
    outcome: str
    why: str = ""
    booked: tuple[Booked, ...] = ()
    """By account."""
    prices: tuple[tuple[str, Decimal], ...] = ()
    """The last price of each asset of ``booked`` in the deal's asset, where it is known."""


class Control(Struct, frozen=True, gc=False, kw_only=True, tag="control"):
    """A person or a breaker changed the mode of the gate."""

    at_ns: int
    mode: Mode
    """ACTIVE lifts what the rule has set."""
    venue: str = ""
    """"" = all venues."""
    scope: str = ""
    """A venue or a pair; "" = see ``venue``."""
    rule: str = ""
    """What set it. Each rule lifts only its own mode."""
    who: str = ""
    why: str = ""


class PersonAsked(Struct, frozen=True, gc=False, kw_only=True, tag="asked"):
    """A person asked for something, written before it is done. What a mode changed is in ``Control``."""

    at_ns: int
    who: str
    """``control port``, ``signal``, or ``api:trade ADDRESS``."""
    what: str
    """``resolve``, ``release``, or a mode."""
    scope: str = ""
    why: str = ""


class DayBegan(Struct, frozen=True, gc=False, kw_only=True, tag="day"):
    """The first mark of a day (UTC): the loss of the day is counted from it."""

    at_ns: int
    asset: str
    marked: Decimal
    """The gain until then, in ``asset``."""


class Settled(Struct, frozen=True, gc=False, kw_only=True, tag="settled"):
    """A person has settled what earlier runs left on the accounts of this run: gains, leftovers and modes begin anew.
    Open orders and deals stay."""

    at_ns: int


class StrategyState(Struct, frozen=True, gc=False, kw_only=True, tag="state"):
    """What ``save`` of a strategy returned. Kept by strategy and environments, on paper too, until the next one."""

    at_ns: int
    strategy: str
    state: bytes


class Note(Struct, frozen=True, gc=False, kw_only=True, tag="note"):
    """A note for a person who reads the journal."""

    at_ns: int
    text: str


Record: TypeAlias = (
    JournalStart
    | RunStart
    | BlockReserved
    | Intent
    | OrderOutcome
    | Filled
    | DealOpened
    | DealClosed
    | Booked
    | Control
    | PersonAsked
    | DayBegan
    | Settled
    | StrategyState
    | Note
)


class Interrupted(Struct, frozen=True, gc=False, kw_only=True):
    """A deal that was opened and never closed, with all its orders and what is proved about them. It is no record."""

    deal: DealOpened
    intents: Sequence[Intent]
    ended: Mapping[str, OrderOutcome] = {}
    """By client order id: the orders whose end is known."""


KEPT: Mapping[type[Struct], Callable[[Any], object]] = {
    Control: lambda record: (record.scope or record.venue, record.rule),
    DayBegan: lambda record: record.asset,
}
"""Kinds that a later run needs, beside orders and deals: the newest record of each key is kept, per environment (of the
record's ``account`` where it has one, else of the whole run)."""
