"""A third-party plugin with an invented venue (books only) and a strategy. arbkit finds it by its entry point.

The venue's protocol: ``{"op": "subscribe", "symbols": ["BTCUSDT"], "id": 1}`` is answered by ``{"ack": 1}`` and a
snapshot (a frame without ``prev``), and then by changes, each with the previous sequence number in ``prev``. Prices and
sizes are strings; size 0 deletes a level.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import arbkit
import msgspec
from arbkit.venue import (
    MS,
    Ask,
    AskKind,
    BookFeed,
    BookSocket,
    Call,
    CallTable,
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
    InstrumentUpdate,
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
    Stream,
    Verdicts,
    check_amount,
    json_text,
    options,
    time_sample,
    usual_links,
)

VENUE = "toy"
HOSTS = Hosts(VENUE, {("prod", ""): {"rest": "https://api.toy.example", "ws_public": "wss://stream.toy.example"}})
BOOKS_PER_LINK = 50


class Frame(msgspec.Struct):
    """Any message: a book, or the answer to request ``ack``."""

    symbol: str = ""
    seq: int = 0
    bids: list[arbkit.Level] = []
    asks: list[arbkit.Level] = []
    prev: int | None = None
    ms: int = 0
    ack: int = 0


class Listed(msgspec.Struct):
    """One instrument."""

    symbol: str
    base: str
    quote: str
    tick: Decimal
    lot: Decimal

    def __post_init__(self) -> None:
        check_amount(self.tick, self.lot)


_FRAME = msgspec.json.Decoder(Frame, strict=False)


def write(op: str, streams: Sequence[Stream], number: int) -> str:
    return json_text({"op": op, "symbols": [native for _, native in streams], "id": number})


def read(socket: BookSocket, data: str | bytes, now_ns: int) -> Sequence[Output]:
    """No ``try`` is needed: the desk catches and counts decoding errors."""
    if data == "pong":
        return ()
    frame = _FRAME.decode(data)
    if frame.ack:
        return socket.confirmed(frame.ack, now_ns)
    try:
        book = socket.books[frame.symbol]
    except KeyError:
        book = socket.open(frame.symbol, "book", frame.symbol)
    if book is None:
        return ()
    depth = Depth(frame.bids, frame.asks, frame.seq, frame.prev or 0, frame.ms * MS)
    out: Sequence[Output] = book.snapshot(depth, now_ns) if frame.prev is None else book.update(depth, now_ns)
    return out


def instruments(got: Got) -> Sequence[Output]:
    return [
        InstrumentUpdate(
            arbkit.Instrument(
                venue=VENUE,
                symbol=f"{one.base}-{one.quote}",
                native=one.symbol,
                base=one.base,
                quote=one.quote,
                tick=one.tick,
                lot=one.lot,
                tradable=one.tick > 0 and one.lot > 0,
            )
        )
        for one in got.rows
    ]


def venue_time(got: Got) -> Sequence[Output]:
    return [time_sample(VENUE, got.rows["ms"] * MS, MS, got.answer.sent_ns, got.answer.recv_ns)]


COST = (("requests", 1, ""),)
CALLS = CallTable(
    VENUE,
    {
        AskKind.CATALOGUE: Call(path="/v1/instruments", rows=list[Listed], read=instruments, cost=COST, signed=False),
        AskKind.TIME: Call(path="/v1/time", rows=dict[str, int], read=venue_time, cost=COST, signed=False),
    },
)
VERDICTS = Verdicts(ok=[200], rejected={})  # the codes are HTTP statuses


class Toy:
    """The venue adapter."""

    venue = VENUE
    capabilities = arbkit.Capabilities(
        client_id_scope=ClientIdScope.NONE,
        order_window_ns=5 * S,
        order_window_source="invented",
        order_timeout_ns=5 * S,
        order_timeout_source="invented",
        checked="2026-11-30",
    )
    rate_limits = (RateLimit("requests", 10, S),)

    def __init__(self, settings: arbkit.VenueSettings) -> None:
        options(settings, {}, VENUE)  # it has none
        self._urls = HOSTS.urls(settings)

    def links(
        self, instruments: Sequence[arbkit.Instrument], account: str, trades: Sequence[arbkit.Instrument] = ()
    ) -> Sequence[LinkSpec]:
        return usual_links(VENUE, instruments, account, trades, most=BOOKS_PER_LINK)

    def session(self, link: LinkSpec, catalogue: Catalogue, signer: arbkit.Signer | None) -> Session:
        context = Context(link, catalogue, signer)
        if link.role is Role.REST:
            return RestSession(context, CALLS, VERDICTS, sign=self._get, unwrap=_body, pauses=Pauses(window_ns=S))
        return BookSocket(
            context,
            url=self._urls["ws_public"] + "/v1",
            read=read,
            feeds={"book": BookFeed(0, Chained)},
            streams=lambda native: [("book", native)],
            write=write,
            most=BOOKS_PER_LINK,
            heartbeat=Heartbeat("ping", 20 * S),
        )

    def _get(self, context: Context, request: RestRequest, now_ns: int) -> HttpRequest:
        return HttpRequest("GET", self._urls["rest"] + request.path)

    def route(self, command: Command) -> Sequence[Role]:
        return ()  # no orders: the venue can be used on paper, not live

    def cost(self, what: Ask | Command, role: Role) -> Sequence[tuple[str, int]]:
        return CALLS.cost(what, role)


def _body(answer: HttpAnswer) -> RestReply:
    return RestReply(answer.status, "" if answer.status == 200 else f"HTTP {answer.status}", answer.body)


class Widest(arbkit.SpreadArb):
    """Trades only wide spreads of one symbol."""

    symbols = ("BTC-USDT",)
    min_edge = 0.003


@arbkit.hookimpl
def register_exchanges(register: Callable[[type[Any]], None]) -> None:
    register(Toy)


@arbkit.hookimpl
def register_strategies(register: Callable[[str, Callable[..., Any]], None]) -> None:
    register("widest", Widest)
