"""The adapter of new-name: instruments, the venue's time and order books. https://docs.new-name.example/

THE PROTOCOL IN THIS FILE IS INVENTED. Replace it by the venue's, part by part, and name the page of each fact.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import arbkit.venue as kit
import msgspec

HOSTS = kit.Hosts(
    "new_name",
    {("prod", ""): {"rest": "https://api.new-name.example", "ws_public": "wss://stream.new-name.example"}},
)

# --- the socket: https://docs.new-name.example/websocket

FEEDS = {"book": kit.BookFeed(50, kit.Chained)}
"""Channel -> levels per side, and the family of its books. ``book``: a snapshot, then changes with sequence numbers."""
BOOKS_PER_LINK = 100
"""The venue allows so many subscriptions on one connection, in one request."""
PING_NS = 20 * kit.S
"""The venue closes a connection after 60 s without a message of the client."""


class Push(kit.BookMessage, tag="book"):
    """A snapshot (without ``prev``), or the changes since message ``prev``. A level is ``["price", "size"]``; size 0
    deletes it."""

    symbol: str
    seq: int
    ms: int
    bids: kit.Levels
    asks: kit.Levels
    prev: int | None = None


class Ack(msgspec.Struct, tag="ack"):
    """The answer to request ``id``. ``error``: why it was refused."""

    id: int
    error: str = ""


_MESSAGE: msgspec.json.Decoder[Push | Ack] = msgspec.json.Decoder(Push | Ack, strict=False)


def streams(native: str) -> Sequence[kit.Stream]:
    """What is subscribed for the book of an instrument."""
    return [("book", native)]


def write(op: str, wanted: Sequence[kit.Stream], number: int) -> str:
    """A request: ``op`` is ``subscribe`` or ``unsubscribe``."""
    return kit.json_text({"id": number, "op": op, "books": [native for _, native in wanted]})


def read(socket: kit.BookSocket, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
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
    depth = kit.Depth(message.bids, message.asks, message.seq, message.prev or 0, message.ms * kit.MS)
    out: Sequence[kit.Output] = book.snapshot(depth, now_ns) if message.prev is None else book.update(depth, now_ns)
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
        kit.check_amount(self.tick, self.lot, self.least)


def instruments(got: kit.Got) -> Sequence[kit.Output]:
    """Every instrument with its order rules."""
    return [
        kit.InstrumentUpdate(
            kit.Instrument(
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


CALLS = kit.CallTable(
    "new_name",
    {
        kit.AskKind.CATALOGUE: kit.Call("/v1/instruments", instruments, "requests", rows=list[Listed], signed=False),
        kit.AskKind.TIME: kit.Call("/v1/time", kit.clock("ms", kit.MS), "requests", rows=dict[str, int], signed=False),
    },
    # the codes are HTTP statuses: see ``kit.bare``. A venue with orders lists its whole table of errors
    verdicts=kit.Verdicts(ok=[200], rejected={}),
    pauses=kit.Pauses(window_ns=kit.S),
)
"""path, reader of the answer, and the rate limit that it counts against"""


# --- the venue


class NewName:
    """The adapter. Raises ``ConfigError`` for an unknown environment, endpoint or option."""

    venue = "new_name"
    capabilities = kit.Capabilities(
        client_id_scope=kit.ClientIdScope.NONE,
        order_window_ns=5 * kit.S,
        checked="1970-01-01",  # the day on which you last compared this file with the venue's pages
    )
    rate_limits: Sequence[kit.RateLimit] = (
        kit.RateLimit("requests", 10, kit.S),
        kit.RateLimit("connections", 5, kit.S),
    )

    def __init__(self, settings: kit.VenueSettings) -> None:
        kit.options(settings, {}, self.venue)  # it has none
        self._urls = HOSTS.urls(settings)

    def links(self, instruments: kit.Instruments, account: str, trades: kit.Instruments = ()) -> Sequence[kit.LinkSpec]:
        return kit.usual_links(self.venue, instruments, account, trades, most=BOOKS_PER_LINK)

    def route(self, command: kit.Command) -> Sequence[kit.Role]:
        return CALLS.route(command)  # no call for orders yet: the venue can be used on paper, not live

    def cost(self, what: kit.Ask | kit.Command, role: kit.Role) -> Sequence[tuple[str, int]]:
        return CALLS.cost(what, role)

    def session(self, link: kit.LinkSpec, catalogue: kit.Catalogue, signer: kit.Signer | None) -> kit.Session:
        context = kit.Context(link, catalogue, signer)
        if link.role is kit.Role.REST:
            return kit.RestSession(context, CALLS, sign=kit.unsigned(self._urls["rest"]), unwrap=kit.bare)
        return kit.BookSocket(
            context,
            url=self._urls["ws_public"] + "/v1",
            read=read,
            feeds=FEEDS,
            streams=streams,
            write=write,
            most=BOOKS_PER_LINK,
            heartbeat=kit.Heartbeat("ping", PING_NS),
        )
