"""The interfaces of venue adapters, strategies and executors. All methods are synchronous; the time is an argument.

These are ``typing.Protocol`` classes with default methods. A subclass (``class Mine(Strategy)``) and an unrelated class
with the same methods both work.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from arbkit.core.settings import apply
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
    Idle,
    Instrument,
    LinkSpec,
    NewOrder,
    NoAnswer,
    Opportunity,
    OrderUpdate,
    Output,
    RateLimit,
    Role,
    Send,
    Side,
    Trade,
    Wire,
)

if TYPE_CHECKING:
    from decimal import Decimal

    from arbkit.core.market.bases import PairBasis
    from arbkit.core.market.book import Book
    from arbkit.core.market.rates import Rate
    from arbkit.core.money.limits import LimitsLeft
    from arbkit.core.orders.deals import Deal
    from arbkit.core.orders.reports import DealReport


@runtime_checkable
class Signer(Protocol):
    """Signs requests without giving the secret to the adapter, so that the adapter cannot log it by mistake.

    It does not protect against malicious code in the same process.
    """

    offset_ns: int
    """Measured venue clock minus our clock. The desk sets it."""

    @property
    def key(self) -> str:
        """The API key, for headers and login messages."""
        ...

    def passphrase(self, signed: str = "") -> str:
        """The passphrase as a ``Secret``, or "" if there is none. ``signed``: as base64 of its HMAC with the secret, by
        this algorithm (KuCoin)."""
        ...

    def hmac(self, algorithm: str, payload: bytes, encoding: str = "") -> bytes:
        """Raw HMAC digest of ``payload`` with the secret. ``algorithm``: ``sha256``, ``sha384`` or ``sha512``.
        ``encoding``: how the venue writes its secrets (``base64``, ``hex``; "" = as they are used), for which the
        configuration needs no entry. Raises ``CredentialsError`` if the secret is not such a text."""
        ...

    def ed25519(self, payload: bytes) -> bytes: ...

    def ecdsa(self, payload: bytes) -> bytes: ...

    def nonce(self, now_ns: int) -> int:
        """A number that increases with each call and is at least ``now_ns``."""
        ...

    def venue_ns(self, now_ns: int) -> int:
        """``now_ns`` converted to the venue's clock (plus the measured offset). Use it for timestamps in signatures."""
        ...


class Session(Protocol):
    """The protocol state machine of one link: takes messages, returns events. The desk calls it.

    It keeps login, subscriptions and sequence numbers, but no order state. Request ids are derived from the client
    order id, so that a session created after a reconnect can read the answers to earlier requests.
    It raises ``BadFrame`` for a message it cannot read, and ``RemoteProtocolError`` when the link should be dropped.
    ``ValueError``, ``KeyError`` and ``RecursionError`` from ``receive`` count as ``BadFrame``, so a plugin needs no
    ``try`` around its decoding.
    """

    due_ns: int
    """When ``tick`` should be called next; ``NEVER`` if not."""

    def dial(self, now_ns: int) -> Dial | Ask:
        """The address to connect to, or a request that must be answered first (a token). Not called for REST links."""
        ...

    def start(self, now_ns: int) -> Sequence[Output]:
        """The link is up: log in, subscribe."""
        ...

    def receive(self, data: str | bytes, now_ns: int) -> Sequence[Output]:
        """Handle one complete message."""
        ...

    def answered(self, what: Ask | Command, answer: HttpAnswer | NoAnswer, now_ns: int) -> Sequence[Output]:
        """Handle the answer to an ``Ask`` of this session, or (REST session) to a command that it encoded.

        What the answer to a ``CATALOGUE`` ask (without instrument) leaves out is not listed any more, and an asset that
        the answer to ``BALANCES`` leaves out is 0. So return them whole: where the venue has several pages, return
        ``Ask(kind=AskKind.PAGE, ref=...)`` for the next one and keep what was read, then all of it with the last page.
        ``ref`` is unique in the session. The same holds for a ``Listing``: one, with the last page, with ``sent_ns`` of
        the first page; ``complete=False`` if a page failed.

        A ``NoAnswer`` for an ``Ask`` comes only after the core has stopped retrying. For a command, return what the
        answer proves (``OrderUpdate``, ``OrderAbsent``, ``Listing``). If it proves nothing, return ``()``; the order
        then stays UNKNOWN.
        """
        ...

    def tick(self, now_ns: int) -> Sequence[Output]:
        """``due_ns`` was reached (keep-alive, a missing acknowledgement)."""
        ...

    def encode(self, what: Ask | Sequence[Command], now_ns: int) -> Sequence[Wire]:
        """The wire form. Called only after rate tokens were granted, so that a signature is never old when it is sent.
        Commands of one turn for one account come together, so that they can form a batch. Return one wire per command,
        or one wire for all of them."""
        ...


@runtime_checkable
class Resyncable(Protocol):
    """What a public session has besides, if it can ask for one book again. Without it, the link is dialled again."""

    def resync(self, instrument: str, reason: str, now_ns: int) -> Sequence[Output]:
        """The book is wrong though its sequence is whole (it stays crossed): return ``BookLost`` and what asks for a
        snapshot."""
        ...


@runtime_checkable
class Exchange(Protocol):
    """A venue adapter: its guarantees, its links, and a session for each link. Made as ``Exchange(VenueSettings)``."""

    venue: str
    capabilities: Capabilities
    rate_limits: Sequence[RateLimit]

    def links(
        self, instruments: Sequence[Instrument], account: str, trades: Sequence[Instrument] = ()
    ) -> Sequence[LinkSpec]:
        """All links needed for the books of these instruments and for the trades (prints) of ``trades``, which may be
        others. Without an account (""): only public ones and the REST link without key. Asked once for the first
        instruments, and again without an account for instruments that are wanted later. ``trades`` is only passed if a
        strategy reads any, so an adapter that offers none needs no such parameter.

        Subscriptions are split by the venue's per-connection limits. There is exactly one REST link, named by
        ``rest_link``: the core makes it before it asks for the others, because the catalogue is read with it."""
        ...

    def session(self, link: LinkSpec, catalogue: Catalogue, signer: Signer | None) -> Session: ...

    def route(self, command: Command) -> Sequence[Role]:
        """The link roles that can carry the command, preferred first."""
        ...

    def cost(self, what: Ask | Command, role: Role) -> Sequence[tuple[str, int]]:
        """The rate-limit units it uses: (bucket or ``bucket:key`` of ``rate_limits``, units)."""
        ...


class BookNormalizer(Protocol):
    """Checks the sequence of one book: turns a venue's depth messages into ``BookUpdate``, or returns ``BookLost``.

    It requests its own snapshot, and repeats the request with growing delay after a refusal (``Ask.not_before_ns``)."""

    state: BookState

    def update(self, message: object, now_ns: int) -> Sequence[BookUpdate | BookLost | Ask | Send]: ...

    def snapshot(self, message: object, now_ns: int) -> Sequence[BookUpdate | BookLost | Ask | Send]: ...


class Fees(Protocol):
    maker: Decimal
    taker: Decimal


class View(Protocol):
    """What a strategy and an executor can read: trusted books and the state of the accounts. Reading is cheap."""

    catalogue: Catalogue
    version: int
    """Rises when a fee, a rule, the state of an asset or what is known of its identity changes. What you compute from
    them is good until then."""

    def book(self, instrument: str) -> Book | None:
        """The book if it is SYNCED, not stale and not crossed, else None."""
        ...

    def account(self, instrument: str) -> str:
        """The account that trades ``instrument``."""
        ...

    def free(self, instrument: str, asset: str) -> Decimal:
        """Free balance of ``asset`` on the account that trades ``instrument``, minus reservations of open deals."""
        ...

    def taker_fee(self, instrument: str) -> float:
        """The account's taker fee as a fraction. If it is not known: the venue's worst known tier."""
        ...

    def maker_fee(self, instrument: str) -> float:
        """The account's maker fee as a fraction, negative = a rebate. If it is not known: as ``taker_fee``."""
        ...

    def fee_in_base(self, instrument: str) -> bool:
        """Whether the fee of a purchase is taken from what is bought, as the last fill on this account says. True
        before the first. (It is not where the account pays in another coin: BNB, MNT, OKB.)"""
        ...

    def latency_ns(self, venue: str) -> int:
        """Typical time from sending an order to its acknowledgement."""
        ...

    def doubt_ns(self, venue: str) -> int:
        """By how much a book of this venue counts as older than it is, where nothing would show that a message was lost
        (``Capabilities.book_check``); else 0."""
        ...

    def movable(self, venue: str, asset: str, direction: str) -> bool | None:
        """Whether ``asset`` can be moved. ``direction``: ``deposit`` or ``withdraw``. None = unknown."""
        ...

    def unlike(self, one: Instrument, other: Instrument) -> str:
        """Why an asset that both instruments name is not known to be the same on both venues; "" = it is (see
        ``core.market.identity``)."""
        ...

    def may_trade(self, venue: str) -> bool:
        """The venue is ready for new orders (see ``core.venues.readiness``)."""
        ...

    def wait_ns(self, order: NewOrder) -> int:
        """How long a hedge or unwind would wait for rate tokens or for the end of a ban. 0 = it can leave now;
        ``NEVER`` = it costs more than the venue's limit."""
        ...

    def refused(self, instrument: str, side: Side) -> str:
        """Why this side of the instrument is left alone for a while: the venue refuses orders there. "" = it is not."""
        ...

    def left(self, asset: str) -> Decimal:
        """What earlier deals left of ``asset`` over all accounts: positive = bought and not sold. A deal that takes it
        into its legs says so in ``Deal.carried``."""
        ...

    def room(self, instrument: str, legs: int = 1) -> Decimal:
        """Notional (in the quote asset) that the limits still allow for a new order of this instrument, in a deal with
        so many legs on its venue; 0 if it is not tradable now."""
        ...

    def limits(self) -> LimitsLeft:
        """What the limits still allow over all venues: notional, deals, loss."""
        ...

    def price(self, asset: str, other: str) -> Rate | None:
        """The price of ``asset`` in ``other`` at the mids of trusted books, through up to three of them, which
        ``Rate.path`` names; None = no trusted books lead there."""
        ...

    def basis(self, one: str, other: str, window_s: int = 300) -> PairBasis | None:
        """How much dearer the instrument ``other`` was than ``one`` over the last seconds (up to an hour), as
        fractions. The first call begins to sample the pair, once a second; None before the first sample."""
        ...

    def held(self, instrument: str, asset: str) -> Decimal:
        """What the account that trades ``instrument`` has of ``asset``, reserved and locked parts included."""
        ...

    def position(self, instrument: str) -> Decimal:
        """Base that the orders of this run bought of ``instrument`` and did not sell; fees are not subtracted."""
        ...

    def deals(self, strategy: object) -> Sequence[DealReport]:
        """The open deals of this strategy: ``view.deals(self)``. HELD ones are open, also those of earlier runs."""
        ...

    def why_not(self, instrument: str) -> str:
        """Why no deal can begin with ``instrument`` now, whatever the price: its venue, its mode, its trading status or
        its book; "" = one can."""
        ...


class Strategy(Protocol):
    """Finds trades. ``decide`` runs once per socket read that changed a book. It must not block or do I/O.

    Its settings are the typed class attributes of a subclass (``core.settings``). ``core.trading.hooks`` lists the
    methods that it can have besides. An attribute ``executor`` replaces the usual executor.
    """

    def __init__(self, **settings: object) -> None:
        """Set what is given, and check all settings. Raises ``WrongSettings``, a ``ConfigError``. A subclass with an
        ``__init__`` of its own calls ``super().__init__(**settings)`` first."""
        apply(self, settings)

    def instruments(self, catalogue: Catalogue) -> Iterable[Instrument]:
        """The instruments whose books the strategy needs."""
        ...

    def decide(self, view: View, touched: Sequence[str], now_ns: int) -> Sequence[Opportunity]:
        """Opportunities that involve the ``touched`` instruments. The engine ranks them by ``expected_net``."""
        return ()


class AsksTop(Protocol):
    """What a strategy has besides, if it need not see every change of a book. Most changes move no best price."""

    asks: str
    """``"top"``: ``decide`` runs when a best price has moved or a book is trusted again, and for the instruments in
    ``near`` when anything has changed. ``"depth"``, as without it: always when anything has changed."""
    near: Collection[str]
    """Ids of the instruments of which every change matters now, for example while their best prices cross. Keep one set
    and change it."""


@runtime_checkable
class Explains(Protocol):
    """What a strategy has besides, if it can say why it does not trade. It is asked about every ten seconds and at each
    scrape of the metrics, so it may take its time, but it must not change anything."""

    def reasons(self, view: View, now_ns: int) -> Iterable[Idle]:
        """For each trade that it looks for, why it is not made now."""
        ...


class TradeReader(Protocol):
    """What a strategy has besides, if it reads the trades (prints) of venues. Without these methods it gets none.
    ``core.trading.hooks`` lists all hooks.

    A trade starts no decision: ``decide`` runs when a book changes.
    """

    def trades(self, catalogue: Catalogue) -> Iterable[Instrument]:
        """The instruments whose trades it reads. Their books are kept only if ``instruments`` names them too. Asked
        again when another venue is ready."""
        ...

    def on_trade(self, trade: Trade, view: View, now_ns: int) -> None:
        """One trade of such an instrument. It must not block or do I/O; an exception stops the strategy."""
        ...


class Executor(Protocol):
    """Executes a deal. UNKNOWN orders are handled by ``core.venues.resolver``, not by the executor."""

    due_ns: int

    def plan(self, opportunity: Opportunity, view: View, now_ns: int) -> Deal | None:
        """A deal with legs rounded to tick and lot; None if nothing tradable is left after rounding."""
        ...

    def on_order(self, deal: Deal, update: OrderUpdate, view: View, now_ns: int) -> Sequence[Command]:
        """An order of the deal changed. Hedge on fills only, not on acknowledgements."""
        ...

    def on_book(self, deal: Deal, view: View, now_ns: int) -> Sequence[Command]:
        """A book of an open deal changed."""
        return ()

    def on_timer(self, deal: Deal, view: View, now_ns: int) -> Sequence[Command]:
        """``due_ns`` was reached."""
        return ()


@runtime_checkable
class Retries(Protocol):
    """What an executor has besides, if it waits between two tries of a HELD deal. Without it ``on_book`` is asked."""

    def again(self, deal: Deal, view: View, now_ns: int) -> Sequence[Command]:
        """A person wants this HELD deal to be tried again now."""
        ...
