"""The adapter of new-name: instruments, the venue's time and order books. https://docs.new-name.example/

THE PROTOCOL IN THIS FILE IS INVENTED. Replace it by the venue's, part by part, and name the page of each fact.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec
from arbkit.venue import (
    MS,
    Ask,
    AskKind,
    BookFeed,
    BookSocket,
    Call,
    CallTable,
    Capabilities,
    Catalogue,
    Chained,
    ClientIdScope,
    Command,
    Context,
    Depth,
    Got,
    Heartbeat,
    Hosts,
    HttpAnswer,
    HttpRequest,
    Instrument,
    InstrumentUpdate,
    Level,
    LinkSpec,
    Output,
    Pauses,
    RateLimit,
    RestReply,
    RestRequest,
    RestSession,
    Role,
    S,
    Session,
    Signer,
    Stream,
    VenueSettings,
    Verdicts,
    check_amount,
    json_text,
    options,
    query,
    time_sample,
    usual_links,
)

HOSTS = Hosts(
    "new_name",
    {("prod", ""): {"rest": "https://api.new-name.example", "ws_public": "wss://stream.new-name.example"}},
)

# --- the socket: https://docs.new-name.example/websocket

FEEDS = {"book": BookFeed(50, Chained)}
"""Channel -> levels per side, and the family of its books. ``book``: a snapshot, then changes with sequence numbers."""
BOOKS_PER_LINK = 100
"""The venue allows so many subscriptions on one connection, in one request."""
PING_NS = 20 * S
"""The venue closes a connection after 60 s without a message of the client."""


class Push(msgspec.Struct, tag="book"):
    """A snapshot (without ``prev``), or the changes since message ``prev``. A level is ``["price", "size"]``; size 0
    deletes it."""

    symbol: str
    seq: int
    ms: int
    bids: list[Level]
    asks: list[Level]
    prev: int | None = None


class Ack(msgspec.Struct, tag="ack"):
    """The answer to request ``id``. ``error``: why it was refused."""

    id: int
    error: str = ""


_MESSAGE: msgspec.json.Decoder[Push | Ack] = msgspec.json.Decoder(Push | Ack, strict=False)


def streams(native: str) -> Sequence[Stream]:
    """What is subscribed for the book of an instrument."""
    return [("book", native)]


def write(op: str, wanted: Sequence[Stream], number: int) -> str:
    """A request: ``op`` is ``subscribe`` or ``unsubscribe``."""
    return json_text({"id": number, "op": op, "books": [native for _, native in wanted]})


def read(socket: BookSocket, data: str | bytes, now_ns: int) -> Sequence[Output]:
    """Called for each message. It needs no ``try`` around the decoding: the desk counts what cannot be read."""
    if data == "pong":
        return ()
    message = _MESSAGE.decode(data)
    if isinstance(message, Ack):
        if message.error:
            return socket.refused(message.id, message.error, now_ns)
        return socket.confirmed(message.id, now_ns)
    try:
        book = socket.books[message.symbol]
    except KeyError:
        book = socket.open(message.symbol, "book", message.symbol)
    if book is None:
        return ()
    depth = Depth(message.bids, message.asks, message.seq, message.prev or 0, message.ms * MS)
    out: Sequence[Output] = book.snapshot(depth, now_ns) if message.prev is None else book.update(depth, now_ns)
    return out


# --- REST: https://docs.new-name.example/rest


class Listed(msgspec.Struct):
    """One instrument."""

    symbol: str
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    least: Decimal
    """Smallest notional of an order, in quote."""
    status: str

    def __post_init__(self) -> None:
        check_amount(self.tick, self.lot, self.least)


def instruments(got: Got) -> Sequence[Output]:
    """Every instrument with its order rules."""
    return [
        InstrumentUpdate(
            Instrument(
                venue="new_name",
                symbol=f"{row.base}-{row.quote}",
                native=row.symbol,
                base=row.base,
                quote=row.quote,
                tick=row.tick,
                lot=row.lot,
                min_notional=row.least,
                tradable=row.status == "open",
                status=row.status,
            )
        )
        for row in got.rows
    ]


def venue_time(got: Got) -> Sequence[Output]:
    """The venue's time, in ms."""
    return [time_sample("new_name", got.rows["ms"] * MS, MS, got.answer.sent_ns, got.answer.recv_ns)]


REQUEST = (("requests", 1, ""),)
CALLS = CallTable(
    "new_name",
    {
        AskKind.CATALOGUE: Call(
            path="/v1/instruments", rows=list[Listed], read=instruments, cost=REQUEST, signed=False
        ),
        AskKind.TIME: Call(path="/v1/time", rows=dict[str, int], read=venue_time, cost=REQUEST, signed=False),
    },
)
VERDICTS = Verdicts(ok=[200], rejected={})
"""What codes mean; here they are HTTP statuses. A venue with orders lists its whole table of errors."""


def unwrap(answer: HttpAnswer) -> RestReply:
    """Code, error text and data of an answer. The venue has no envelope."""
    return RestReply(
        answer.status, "" if answer.status == 200 else answer.body[:100].decode(errors="replace"), answer.body
    )


# --- the venue


class NewName:
    """The adapter. Raises ``ConfigError`` for an unknown environment, endpoint or option."""

    venue = "new_name"
    capabilities = Capabilities(
        client_id_scope=ClientIdScope.NONE,
        order_window_ns=5 * S,
        checked="1970-01-01",  # the day on which you last compared this file with the venue's pages
    )
    rate_limits: Sequence[RateLimit] = (RateLimit("requests", 10, S), RateLimit("connections", 5, S))

    def __init__(self, settings: VenueSettings) -> None:
        options(settings, {}, self.venue)  # it has none
        self._urls = HOSTS.urls(settings)

    def links(
        self, instruments: Sequence[Instrument], account: str, trades: Sequence[Instrument] = ()
    ) -> Sequence[LinkSpec]:
        return usual_links(self.venue, instruments, account, trades, most=BOOKS_PER_LINK)

    def session(self, link: LinkSpec, catalogue: Catalogue, signer: Signer | None) -> Session:
        context = Context(link, catalogue, signer)
        if link.role is Role.REST:
            return RestSession(context, CALLS, VERDICTS, sign=self._unsigned, unwrap=unwrap, pauses=Pauses(window_ns=S))
        return BookSocket(
            context,
            url=self._urls["ws_public"] + "/v1",
            read=read,
            feeds=FEEDS,
            streams=streams,
            write=write,
            most=BOOKS_PER_LINK,
            heartbeat=Heartbeat("ping", PING_NS),
        )

    def _unsigned(self, context: Context, request: RestRequest, now_ns: int) -> HttpRequest:
        params = [(name, str(value)) for name, value in request.params]
        return HttpRequest(request.method, self._urls["rest"] + request.path + (f"?{query(params)}" if params else ""))

    def route(self, command: Command) -> Sequence[Role]:
        return ()  # no orders: the venue can be used on paper, not live

    def cost(self, what: Ask | Command, role: Role) -> Sequence[tuple[str, int]]:
        return CALLS.cost(what, role)
