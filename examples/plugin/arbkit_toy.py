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
import arbkit.venue as kit
import msgspec

VENUE = "toy"
HOSTS = kit.Hosts(VENUE, {("prod", ""): {"rest": "https://api.toy.example", "ws_public": "wss://stream.toy.example"}})
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
        kit.check_amount(self.tick, self.lot)


_FRAME = msgspec.json.Decoder(Frame, strict=False)


def write(op: str, streams: Sequence[kit.Stream], number: int) -> str:
    return kit.json_text({"op": op, "symbols": [native for _, native in streams], "id": number})


def read(socket: kit.BookSocket, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
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
    depth = kit.Depth(frame.bids, frame.asks, frame.seq, frame.prev or 0, frame.ms * kit.MS)
    out: Sequence[kit.Output] = book.snapshot(depth, now_ns) if frame.prev is None else book.update(depth, now_ns)
    return out


def instruments(got: kit.Got) -> Sequence[kit.Output]:
    return [
        kit.InstrumentUpdate(
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


CALLS = kit.CallTable(
    VENUE,
    {
        kit.AskKind.CATALOGUE: kit.Call("/v1/instruments", instruments, "requests", rows=list[Listed], signed=False),
        kit.AskKind.TIME: kit.Call("/v1/time", kit.clock("ms", kit.MS), "requests", rows=dict[str, int], signed=False),
    },
    verdicts=kit.Verdicts(ok=[200], rejected={}),  # the codes are HTTP statuses
    pauses=kit.Pauses(window_ns=kit.S),
)


class Toy:
    """The venue adapter."""

    venue = VENUE
    capabilities = arbkit.Capabilities(
        client_id_scope=kit.ClientIdScope.NONE,
        order_window_ns=5 * kit.S,
        order_window_source="invented",
        order_timeout_ns=5 * kit.S,
        order_timeout_source="invented",
        checked="2026-11-30",
    )
    rate_limits = (kit.RateLimit("requests", 10, kit.S),)

    def __init__(self, settings: arbkit.VenueSettings) -> None:
        kit.options(settings, {}, VENUE)  # it has none
        self._urls = HOSTS.urls(settings)

    def links(
        self, instruments: Sequence[kit.Instrument], account: str, trades: Sequence[kit.Instrument] = ()
    ) -> Sequence[kit.LinkSpec]:
        return kit.usual_links(VENUE, instruments, account, trades, most=BOOKS_PER_LINK)

    def route(self, command: kit.Command) -> Sequence[kit.Role]:
        return CALLS.route(command)  # no orders: the venue can be used on paper, not live

    def cost(self, what: kit.Ask | kit.Command, role: kit.Role) -> Sequence[tuple[str, int]]:
        return CALLS.cost(what, role)

    def session(self, link: kit.LinkSpec, catalogue: kit.Catalogue, signer: arbkit.Signer | None) -> kit.Session:
        context = kit.Context(link, catalogue, signer)
        if link.role is kit.Role.REST:
            return kit.RestSession(context, CALLS, sign=kit.unsigned(self._urls["rest"]), unwrap=kit.bare)
        return kit.BookSocket(
            context,
            url=self._urls["ws_public"] + "/v1",
            read=read,
            feeds={"book": kit.BookFeed(0, kit.Chained)},
            streams=lambda native: [("book", native)],
            write=write,
            most=BOOKS_PER_LINK,
            heartbeat=kit.Heartbeat("ping", 20 * kit.S),
        )


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
