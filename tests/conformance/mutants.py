"""A reference adapter that keeps every rule, and adapters made from it that violate one each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import count
from typing import Any

import msgspec
from arbkit_okx.adapter import Okx
from msgspec.structs import replace

from arbkit.adapters.calls import CallTable
from arbkit.core.types import (
    AssetStatus,
    Balance,
    BookLost,
    BookUpdate,
    ClockSample,
    Command,
    FeeUpdate,
    HttpAnswer,
    InstrumentUpdate,
    Level,
    LinkSpec,
    ListFills,
    Listing,
    ListOpenOrders,
    NewOrder,
    NoAnswer,
    Notice,
    OrderAbsent,
    OrderUpdate,
    OrdStatus,
    Output,
    QueryOrder,
    RateReport,
    RejectReason,
    Role,
    Secret,
    Send,
    Side,
    Tif,
    Trade,
    VenueSettings,
)

SECOND = 1_000_000_000
Lie = Callable[[Any], Sequence[Any]]


class Reference(Okx):
    """An adapter that keeps every rule."""


class RestOnly(Reference):
    """No fault: a venue without order entry over WebSocket."""

    def route(self, command: Command) -> Sequence[Role]:
        return (Role.REST,) if super().route(command) else ()

    def links(self, instruments: Any, account: str, *more: Any) -> Any:
        return [link for link in super().links(instruments, account) if link.role is not Role.TRADE]


class BooksOnly(Reference):
    """No fault: an adapter that does not trade."""

    def route(self, command: Command) -> Sequence[Role]:
        return ()

    def links(self, instruments: Any, account: str, *more: Any) -> Any:
        return [link for link in super().links(instruments, account) if link.role in (Role.PUBLIC, Role.REST)]


class Liar:
    """A session whose words are changed."""

    def __init__(self, session: Any, lie: Lie) -> None:
        self._session = session
        self._lie = lie

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._session, name)
        if name not in ("start", "receive", "answered", "tick"):
            return found

        def call(*args: Any) -> list[Output]:
            return [lied for out in found(*args) for lied in self._lie(out)]

        return call


def wrapped(wrap: Callable[[Any, LinkSpec], Any], base: type[Okx] = Reference) -> type[Okx]:
    """The reference with another session around each of its sessions, also in a replay."""

    def around(make: Callable[..., Any]) -> Callable[..., Any]:
        def session(self: Any, link: LinkSpec, catalogue: Any, signer: Any) -> Any:
            return wrap(make(self, link, catalogue, signer), link)

        return session

    names = [name for name in ("session", "replay_session") if hasattr(base, name)]
    return type("Wrapped", (base,), {name: around(getattr(base, name)) for name in names})


def lying(lie: Lie) -> type[Okx]:
    """The reference, all of whose sessions lie."""
    return wrapped(lambda session, link: Liar(session, lie))


def only(kind: Any, lie: Lie, when: Callable[[Any], object] = lambda out: True) -> Lie:
    """A lie about one kind of output."""
    return lambda out: lie(out) if isinstance(out, kind) and when(out) else [out]


def streamed(update: OrderUpdate) -> object:
    return update.source == "stream" and update.last_qty


LIES: dict[str, tuple[str, Lie]] = {
    "a level twice as large": (
        "book",
        only(
            BookUpdate, lambda u: [replace(u, bids=[Level(b.px, 2 * b.qty) for b in u.bids])], lambda u: not u.snapshot
        ),
    ),
    "a delta left out": ("book", only(BookUpdate, lambda u: [], lambda u: not u.snapshot and u.seq % 7 == 0)),
    "a gap not told": ("book_faults", only(BookLost, lambda u: [])),
    "a clock a millisecond off": (
        "clock",
        only(ClockSample, lambda s: [replace(s, offset_ns=s.offset_ns + 4_000_000)]),
    ),
    "a trade with the maker's side": (
        "prints",
        only(Trade, lambda t: [replace(t, side=Side.BUY if t.side is Side.SELL else Side.SELL)]),
    ),
    "a trade twice": ("prints", only(Trade, lambda t: [t, t])),
    "a trade of another instrument": ("prints", only(Trade, lambda t: [replace(t, instrument="okx:BTC-USDT")])),
    "a coarser tick": (
        "catalogue",
        only(InstrumentUpdate, lambda u: [InstrumentUpdate(replace(u.instrument, tick=u.instrument.tick * 10))]),
    ),
    "fees with the wrong sign": ("fees", only(FeeUpdate, lambda f: [replace(f, taker=-f.taker)])),
    "an asset that moves": ("assets", only(AssetStatus, lambda a: [replace(a, deposit=True)])),
    "a free balance that is the total": ("balances", only(Balance, lambda b: [replace(b, free=b.free + b.locked)])),
    "a fill twice": ("ioc_full", only(OrderUpdate, lambda u: [u, u], streamed)),
    "a fill never": ("ioc_full", only(OrderUpdate, lambda u: [replace(u, last_qty=Decimal(0))], streamed)),
    "a fee as a rebate": ("ioc_full", only(OrderUpdate, lambda u: [replace(u, fee=-u.fee)], streamed)),
    "a fee in the other asset": ("ioc_full", only(OrderUpdate, lambda u: [replace(u, fee_asset="USDT")], streamed)),
    "a taker as maker": ("ioc_full", only(OrderUpdate, lambda u: [replace(u, maker=True)], streamed)),
    "a maker as taker": ("maker", only(OrderUpdate, lambda u: [replace(u, maker=False)])),
    "cum_qty of the last fill alone": (
        "ioc_full",
        only(OrderUpdate, lambda u: [replace(u, cum_qty=u.last_qty)], streamed),
    ),
    "no time": ("ioc_full", only(OrderUpdate, lambda u: [replace(u, exch_ns=0)])),
    "an end that is not told": (
        "ioc_none",
        only(OrderUpdate, lambda u: [replace(u, ord_status=OrdStatus.NEW)], lambda u: u.ord_status.terminal),
    ),
    "another client id": ("rest_and_cancel", only(OrderUpdate, lambda u: [replace(u, cl_ord_id="")])),
    "a cancel's no as the order's": (
        "cancel_gone",
        only(OrderUpdate, lambda u: [replace(u, ord_status=OrdStatus.REJECTED)], lambda u: u.about_cancel),
    ),
    "absence of what is there": (
        "query",
        only(OrderUpdate, lambda u: [OrderAbsent(u.account, u.instrument, u.cl_ord_id)], lambda u: u.source == "poll"),
    ),
    "a listing short of one": ("listings", only(Listing, lambda one: [replace(one, updates=one.updates[1:])])),
    "a duplicate as a refusal": (
        "duplicate",
        only(
            OrderUpdate,
            lambda u: [replace(u, ord_status=OrdStatus.REJECTED)],
            lambda u: u.reason is RejectReason.DUPLICATE,
        ),
    ),
    "no answer as a refusal": (
        "broken_answers",
        only(
            OrderUpdate,
            lambda u: [replace(u, ord_status=OrdStatus.REJECTED)],
            lambda u: u.ord_status is OrdStatus.UNKNOWN,
        ),
    ),
    "a throttle as a refusal": (
        "throttled",
        only(
            OrderUpdate,
            lambda u: [replace(u, ord_status=OrdStatus.REJECTED)],
            lambda u: u.reason is RejectReason.THROTTLED,
        ),
    ),
    "no word of a limit": ("throttled", only(RateReport, lambda r: [])),
    "a login in the open": (
        "secrets",
        only(Send, lambda s: [Send(s.data.reveal())], lambda s: isinstance(s.data, Secret)),
    ),
}


def changed(**fields: Any) -> type[Okx]:
    """The reference with other attributes or methods."""
    return type("Changed", (Reference,), fields)


def declared(**fields: Any) -> type[Okx]:
    """The reference with other guarantees than it has."""
    return changed(capabilities=replace(Reference.capabilities, **fields))


class Answering:
    """A session whose answers to some inputs are replaced."""

    def __init__(self, session: Any, method: str, instead: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        self._session = session
        self._method = method
        self._instead = instead

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._session, name)
        return self._instead(found) if name == self._method else found


def answering(
    method: str,
    instead: Callable[[Callable[..., Any]], Callable[..., Any]],
    *roles: Role,
    base: type[Okx] = Reference,
) -> type[Okx]:
    """The reference, a method of whose sessions (of ``roles``, or all) is replaced."""
    return wrapped(
        lambda session, link: Answering(session, method, instead) if link.role in (roles or Role) else session, base
    )


def _text(send: Send) -> str:
    return send.data.reveal() if isinstance(send.data, Secret) else send.data


def once(seen: Callable[[], set[str]]) -> type[Okx]:
    """The reference, whose public sessions send nothing twice, pings apart. ``seen``: what was sent so far."""

    def wrap(session: Any, link: LinkSpec) -> Any:
        texts = seen()

        def lie(out: Send) -> list[Send]:
            message = msgspec.json.decode(_text(out))
            message.pop("id", None)
            said = str(message)
            if said in texts:
                return []
            texts.add(said)
            return [out]

        return Liar(session, only(Send, lie, lambda s: _text(s) != "ping")) if link.role is Role.PUBLIC else session

    return wrapped(wrap)


def together(start: Callable[[int], Sequence[Any]]) -> Callable[[int], Sequence[Any]]:
    """All subscriptions in one message."""
    return lambda now_ns: [Send("".join(_text(out) for out in start(now_ns)))]


def raising(error: type[Exception]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """What cannot be read raises ``error``."""

    def instead(call: Callable[..., Any]) -> Callable[..., Any]:
        def read(*args: Any) -> Any:
            try:
                return call(*args)
            except ValueError as cause:
                raise error("a bug") from cause

        return read

    return instead


def _raises_without_rows(call: Callable[..., Any]) -> Callable[..., Any]:
    def answered(what: Any, answer: Any, now_ns: int) -> Any:
        said = call(what, answer, now_ns)
        if any(isinstance(out, NoAnswer) for out in said):
            raise AttributeError("'NoneType' object has no attribute 'rows'")
        return said

    return answered


def commanding(change: Callable[[NewOrder], Command]) -> type[Okx]:
    """The reference, which sends other orders than it was given."""

    def instead(encode: Callable[..., Any]) -> Callable[..., Any]:
        def call(what: Any, now_ns: int) -> Any:
            if isinstance(what, list):
                what = [change(one) if isinstance(one, NewOrder) else one for one in what]
            return encode(what, now_ns)

        return call

    return answering("encode", instead)


def _no_answer_is_a_refusal(call: Callable[..., Any]) -> Callable[..., Any]:
    def answered(what: Any, answer: Any, now_ns: int) -> Any:
        if isinstance(answer, NoAnswer) and isinstance(what, NewOrder):
            refused = OrderUpdate(
                account=what.account,
                instrument=what.instrument,
                cl_ord_id=what.cl_ord_id,
                ord_status=OrdStatus.REJECTED,
                source="ack",
            )
            return [refused]
        return call(what, answer, now_ns)

    return answered


def _any_answer_is_absence(call: Callable[..., Any]) -> Callable[..., Any]:
    def answered(what: Any, answer: HttpAnswer | NoAnswer, now_ns: int) -> Any:
        said = call(what, answer, now_ns)
        if isinstance(what, QueryOrder) and not any(isinstance(out, OrderUpdate) for out in said):
            return [OrderAbsent(what.account, what.instrument, what.cl_ord_id)]
        return said

    return answered


class Crooked:
    """A signer that signs a little less than it is given."""

    def __init__(self, signer: Any) -> None:
        self._signer = signer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._signer, name)

    def hmac(self, algorithm: str, payload: bytes, encoding: str = "") -> bytes:
        digest: bytes = self._signer.hmac(algorithm, payload[:-1], encoding)
        return digest


class Unsigned(Reference):
    """Signs without the last character of each payload."""

    def session(self, link: LinkSpec, catalogue: Any, signer: Any) -> Any:
        return super().session(link, catalogue, signer and Crooked(signer))


class Generous(Reference):
    """Takes any option and any environment."""

    def __init__(self, settings: VenueSettings) -> None:
        super().__init__(replace(settings, options={}, environment="prod"))


class Careless(Reference):
    """Takes any endpoint name."""

    def __init__(self, settings: VenueSettings) -> None:
        known = {name: url for name, url in settings.endpoints.items() if not name.startswith("no_such")}
        super().__init__(replace(settings, endpoints=known))


class Deaf(Reference):
    """Ignores the endpoints of the settings."""

    def __init__(self, settings: VenueSettings) -> None:
        super().__init__(settings if settings.environment == "sim" else replace(settings, endpoints={}))


class Short(Reference):
    """Leaves out an instrument of many."""

    def links(self, instruments: Any, account: str, *more: Any) -> Any:
        return super().links(instruments[:-1] if len(instruments) > 1 else instruments, account)


class Packed(Reference):
    """Has one public link for all instruments."""

    def links(self, instruments: Any, account: str, *more: Any) -> Any:
        found = super().links(instruments, account)
        public = [link for link in found if link.role is Role.PUBLIC]
        every = [one for link in public for one in link.instruments]
        return [*(replace(link, instruments=every) for link in public[:1]), *(x for x in found if x not in public)]


class Costly(Reference):
    """Names a limit that is not declared."""

    def __init__(self, settings: VenueSettings) -> None:
        super().__init__(settings)
        self.cost = lambda what, role: (("no_such_bucket", 1),)


class Free(Reference):
    """No request costs anything."""

    def __init__(self, settings: VenueSettings) -> None:
        super().__init__(settings)
        self.cost = lambda what, role: ()


class Listed(Reference):
    """Encodes a command only for an instrument of the catalogue."""

    def session(self, link: LinkSpec, catalogue: Any, signer: Any) -> Any:
        def instead(encode: Callable[..., Any]) -> Callable[..., Any]:
            def call(what: Any, now_ns: int) -> Any:
                for command in what if isinstance(what, list) else ():
                    if getattr(command, "instrument", ""):
                        catalogue[command.instrument]
                return encode(what, now_ns)

            return call

        return Answering(super().session(link, catalogue, signer), "encode", instead)


def _counted(numbers: Iterator[int]) -> Lie:
    return only(Send, lambda s: [Send(f"{_text(s)} {next(numbers)}")])


def _every_second(numbers: Iterator[int]) -> Lie:
    return only(Send, lambda s: [s] if next(numbers) % 2 else [], lambda s: _text(s) == "ping")


def unpaged(kind: type[Any]) -> type[Okx]:
    """The first page is taken for all of it."""

    class Unpaged(Reference):
        def __init__(self, settings: VenueSettings) -> None:
            super().__init__(settings)
            own = self._calls
            unpaged = {**own._calls, kind: replace(own._calls[kind], pages=None)}
            self._calls = CallTable("okx", unpaged, verdicts=own.verdicts, pauses=own.pauses)

    return Unpaged


def mutants() -> dict[str, tuple[str, type[Okx]]]:
    """What is wrong with it -> (the rule that must notice it, the adapter). New ones: some remember what they did."""
    everywhere: set[str] = set()
    return {
        **{name: (rule, lying(lie)) for name, (rule, lie) in LIES.items()},
        "a guarantee without a page": ("capability_card", declared(order_timeout_source="")),
        "a guarantee without a date": ("capability_card", declared(checked="last year")),
        "a cost of a limit that is not declared": ("declared", Costly),
        "a catalogue that costs nothing": ("declared", Free),
        "an instrument without a link": ("links", Short),
        "any option taken": ("options", Generous),
        "endpoints ignored": ("endpoints", Deaf),
        "any endpoint name taken": ("endpoints", Careless),
        "a number that rises over all sessions": ("same_twice", lying(_counted(count()))),
        "an exception for an unreadable catalogue": (
            "catalogue_garbage",
            answering("answered", _raises_without_rows, Role.REST),
        ),
        "a negative tick that can be traded": (
            "catalogue_garbage",
            lying(only(InstrumentUpdate, lambda u: [InstrumentUpdate(replace(u.instrument, tick=Decimal(-1)))])),
        ),
        "no pair that can be traded": (
            "recording",
            lying(only(InstrumentUpdate, lambda u: [InstrumentUpdate(replace(u.instrument, tradable=False))])),
        ),
        "an exception for an unreadable frame": ("frame_garbage", answering("receive", raising(TypeError))),
        "an exception for a cut frame": ("broken_frames", answering("receive", raising(AttributeError))),
        "all subscriptions in one message": ("subscriptions", answering("start", together, Role.PUBLIC, base=Packed)),
        "pings too rare": ("pings", lying(_every_second(count()))),
        "no pings": ("quiet", lying(only(Send, lambda s: [], lambda s: _text(s) == "ping"))),
        "a subscription never asked for again": ("overdue_subscription", once(set)),
        "a snapshot never asked for again": ("overdue_snapshot", once(set)),
        "a silent symbol not noticed": ("silent_symbol", lying(only(BookLost | Notice, lambda out: []))),
        "a silent symbol noticed and not asked for": ("silent_symbol", once(set)),
        "a subscription remembered over connections": ("venue_restart", once(lambda: everywhere)),
        "a deadline not sent": ("deadline", commanding(lambda order: replace(order, deadline_ns=0))),
        "a payload cut short": ("signing_vectors", Unsigned),
        "sells that never rest": (
            "round_trips",
            commanding(lambda o: replace(o, tif=Tif.IOC) if o.side is Side.SELL and o.tif is Tif.GTC else o),
        ),
        "one page as all open orders": ("open_orders_pages", unpaged(ListOpenOrders)),
        "one page as all fills": ("fills_pages", unpaged(ListFills)),
        "every refusal for the same reason": (
            "rejects",
            lying(only(OrderUpdate, lambda u: [replace(u, reason=RejectReason.OTHER)], lambda u: u.reason)),
        ),
        "a lost answer as a refusal": ("lost_answers", answering("answered", _no_answer_is_a_refusal, Role.REST)),
        "a KeyError for a delisted instrument": ("delisted", Listed),
        "a size rounded to three decimals": (
            "exact_numbers",
            commanding(lambda order: replace(order, qty=round(order.qty, 3))),
        ),
        "an unlisted code as a refusal": (
            "unlisted_code",
            lying(
                only(
                    OrderUpdate,
                    lambda u: [replace(u, ord_status=OrdStatus.REJECTED)],
                    lambda u: u.ord_status is OrdStatus.UNKNOWN and not u.about_cancel,
                )
            ),
        ),
        "any answer to a query as absence": (
            "broken_answers",
            answering("answered", _any_answer_is_absence, Role.REST),
        ),
        "a recorded level twice as large": (
            "recording",
            lying(only(BookUpdate, lambda u: [replace(u, bids=[Level(b.px, 2 * b.qty) for b in u.bids])])),
        ),
    }
