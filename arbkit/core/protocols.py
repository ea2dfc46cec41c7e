"""What a venue, a strategy and an executor must offer. All synchronous; time is passed in; results compare with ``==``.

These are ``typing.Protocol`` classes with defaults: ``class Mine(Strategy)`` and a class that merely has the methods
both work.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from arbkit.core.types import (
    Ask,
    BookLost,
    BookState,
    BookUpdate,
    Capabilities,
    Catalogue,
    Command,
    Dial,
    HttpAnswer,
    Instrument,
    LinkSpec,
    NoAnswer,
    Opportunity,
    OrderUpdate,
    Output,
    RateLimit,
    Role,
    Send,
    Wire,
)

if TYPE_CHECKING:
    from decimal import Decimal

    from arbkit.core.market.book import Book
    from arbkit.core.orders.deals import Deal


@runtime_checkable
class Signer(Protocol):
    """Makes signatures without handing out the secret. It keeps honest adapters from logging it; it is no sandbox."""

    offset_ns: int
    """Venue clock less ours, as measured; the desk sets it."""

    @property
    def key(self) -> str:
        """The public part: goes into headers and login frames."""
        ...

    def passphrase(self) -> str:
        """The passphrase as a ``Secret``, "" where there is none."""
        ...

    def hmac(self, algorithm: str, payload: bytes) -> bytes:
        """Raw HMAC digest (``sha256``, ``sha384``, ``sha512``) of ``payload`` under the secret."""
        ...

    def ed25519(self, payload: bytes) -> bytes: ...

    def ecdsa(self, payload: bytes) -> bytes: ...

    def nonce(self, now_ns: int) -> int:
        """A number that rises with each call, never below ``now_ns``."""
        ...

    def venue_ns(self, now_ns: int) -> int:
        """``now_ns`` on the venue's clock (the measured offset added): what a signature must carry."""
        ...


class Session(Protocol):
    """One conversation with a venue over one link: bytes in, facts out.

    It holds login, subscriptions and sequences, and nothing about orders. Request ids on the wire are made from the
    client order id, so that any session, also one born after a reconnect, can read any answer.
    It raises ``BadFrame`` for a frame it cannot read and ``RemoteProtocolError`` when the link should be dropped;
    ``ValueError``, ``KeyError`` and ``RecursionError`` out of ``receive`` count as ``BadFrame`` (one guard for all
    venues), so a plugin needs no ``try``.
    """

    due_ns: int
    """When ``tick`` wants to be called, ``NEVER`` if not."""

    def dial(self, now_ns: int) -> Dial | Ask:
        """Where to connect, or what must be asked first (a token). REST sessions are never dialled."""
        ...

    def start(self, now_ns: int) -> Sequence[Output]:
        """The link is up: log in, subscribe."""
        ...

    def receive(self, data: str | bytes, now_ns: int) -> Sequence[Output]:
        """One whole message."""
        ...

    def answered(self, what: Ask | Command, answer: HttpAnswer | NoAnswer, now_ns: int) -> Sequence[Output]:
        """The outcome of something this session asked, or (REST session) of a command it encoded.

        A ``NoAnswer`` for an Ask comes only when the gateway has given up on it. Every command gets a verdict:
        ``OrderUpdate``, ``OrderAbsent``, ``Listing``; what proves nothing is ``()``, and the order stays UNKNOWN.
        """
        ...

    def tick(self, now_ns: int) -> Sequence[Output]:
        """A timer of the session's own came due (keep-alive, a lost acknowledgement)."""
        ...

    def encode(self, what: Ask | Sequence[Command], now_ns: int) -> Sequence[Wire]:
        """The wire form, called only once tokens are granted, so that no signature ages. Commands of one turn for one
        account come together (a batch where the venue has one). One wire per command, or one for all of them."""
        ...


@runtime_checkable
class Exchange(Protocol):
    """A venue: what it guarantees, which links it needs, how to talk on each. Made as ``Exchange(VenueSettings)``."""

    venue: str
    capabilities: Capabilities
    rate_limits: Sequence[RateLimit]

    def links(self, instruments: Sequence[Instrument], account: str) -> Sequence[LinkSpec]:
        """All links wanted for these instruments; without an account ("") only public ones and the keyless REST link.

        Subscriptions are cut by the venue's per-connection limits. Exactly one REST link."""
        ...

    def session(self, link: LinkSpec, catalogue: Catalogue, signer: Signer | None) -> Session: ...

    def route(self, command: Command) -> Sequence[Role]:
        """Which roles can carry it, preferred first."""
        ...

    def cost(self, what: Ask | Command, role: Role) -> Sequence[tuple[str, int]]:
        """(bucket or ``bucket:key``, units) that it takes from ``rate_limits``."""
        ...


class BookNormalizer(Protocol):
    """Keeps one book's sequence: turns a venue's depth messages into updates that are right, or says that it cannot.

    It asks for its own snapshot, again with growing delay when refused (``Ask.not_before_ns``)."""

    state: BookState

    def update(self, message: object, now_ns: int) -> Sequence[BookUpdate | BookLost | Ask | Send]: ...

    def snapshot(self, message: object, now_ns: int) -> Sequence[BookUpdate | BookLost | Ask | Send]: ...


class Fees(Protocol):
    maker: Decimal
    taker: Decimal


class View(Protocol):
    """What a strategy and an executor may see: trusted books and the facts of the account. Reading is cheap."""

    catalogue: Catalogue

    def book(self, instrument: str) -> Book | None:
        """The book if it is SYNCED, young and not crossed, else None."""
        ...

    def account(self, instrument: str) -> str:
        """The account that trades ``instrument``."""
        ...

    def free(self, instrument: str, asset: str) -> Decimal:
        """Free balance of ``asset`` on the account that trades ``instrument``, less what is reserved."""
        ...

    def taker_fee(self, instrument: str) -> float:
        """The account's own rate as a fraction; the venue's worst known tier where it is not known."""
        ...

    def latency_ns(self, venue: str) -> int:
        """Typical time from sending an order to its acknowledgement."""
        ...

    def movable(self, venue: str, asset: str, direction: str) -> bool | None:
        """Whether ``asset`` can be moved (``deposit`` into or ``withdraw`` out of the venue); None = unknown."""
        ...

    def may_trade(self, venue: str) -> bool:
        """The venue is ready for new orders (see ``core.venues.readiness``)."""
        ...

    def room(self, instrument: str) -> Decimal:
        """Notional (in quote) that the limits still allow for a new order of this instrument."""
        ...


class Strategy(Protocol):
    """Finds trades. ``decide`` runs once per socket read that touched a book and must only compute."""

    def instruments(self, catalogue: Catalogue) -> Iterable[Instrument]:
        """What to hold books of."""
        ...

    def decide(self, view: View, touched: Sequence[str], now_ns: int) -> Sequence[Opportunity]:
        """Opportunities among the ``touched`` instruments, any number; the engine ranks them by ``expected_net``."""
        return ()


class Executor(Protocol):
    """Carries a deal out. UNKNOWN orders are not its business: ``core.venues.resolver`` proves them for everybody."""

    due_ns: int

    def plan(self, opportunity: Opportunity, view: View, now_ns: int) -> Deal | None:
        """Exact, rounded legs in waves; None when nothing tradable is left after rounding."""
        ...

    def on_order(self, deal: Deal, update: OrderUpdate, view: View, now_ns: int) -> Sequence[Command]:
        """An order of the deal changed: hedge from fills, never from acks."""
        ...

    def on_book(self, deal: Deal, view: View, now_ns: int) -> Sequence[Command]:
        """A book of an open deal changed."""
        return ()

    def on_timer(self, deal: Deal, view: View, now_ns: int) -> Sequence[Command]:
        """``due_ns`` came."""
        return ()
