"""A third-party plugin with an invented venue (books only) and a strategy. arbkit finds it by its entry point.

The venue's protocol: ``{"op": "subscribe", "symbols": ["BTCUSDT"]}`` is answered by a snapshot (a frame without
``prev``) and then by changes, each with the previous sequence number in ``prev``. Prices and sizes are strings; size 0
deletes a level.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import arbkit
import msgspec
from arbkit.venue import (
    MS,
    NEVER,
    Ask,
    AskKind,
    Catalogue,
    Chained,
    ClientIdScope,
    ClockSample,
    Command,
    Depth,
    Dial,
    HttpAnswer,
    HttpRequest,
    InstrumentUpdate,
    LinkSpec,
    NoAnswer,
    Output,
    RateLimit,
    Ready,
    Role,
    S,
    Send,
    Session,
    Wire,
    base_url,
    json_text,
    read_json,
    rest_link,
)

VENUE = "toy"
ENVIRONMENTS = {"prod": {"rest": "https://api.toy.example", "ws_public": "wss://stream.toy.example"}}


class Book(msgspec.Struct):
    """One ``book`` frame."""

    symbol: str
    seq: int
    bids: list[arbkit.Level]
    asks: list[arbkit.Level]
    prev: int | None = None
    ms: int = 0


class Listed(msgspec.Struct):
    symbol: str
    base: str
    quote: str
    tick: Decimal
    lot: Decimal


_BOOK = msgspec.json.Decoder(Book, strict=False)
_LISTED = msgspec.json.Decoder(list[Listed], strict=False)
_TIME = msgspec.json.Decoder(dict[str, int])


class Public:
    """The books of one socket."""

    due_ns = NEVER

    def __init__(self, link: LinkSpec, catalogue: Catalogue, url: str) -> None:
        self._link = link
        self._catalogue = catalogue
        self._url = url
        self._books: dict[str, Chained] = {}

    def dial(self, now_ns: int) -> Dial:
        return Dial(f"{self._url}/v1")

    def start(self, now_ns: int) -> Sequence[Output]:
        natives = [self._catalogue[instrument].native for instrument in self._link.instruments]
        return (_request("subscribe", *natives), Ready(self._link.link, now_ns))

    def receive(self, data: str | bytes, now_ns: int) -> Sequence[Output]:
        frame = _BOOK.decode(data)  # no try needed: the desk catches and counts decoding errors
        book = self._books.get(frame.symbol)
        if book is None:
            known = self._catalogue.native(VENUE, frame.symbol)
            if known is None:
                return ()
            again = (_request("unsubscribe", frame.symbol), _request("subscribe", frame.symbol))
            book = self._books[frame.symbol] = Chained(known.id, lambda now_ns: again)
        depth = Depth(frame.bids, frame.asks, frame.seq, frame.prev or 0, frame.ms * MS)
        out = book.snapshot(depth, now_ns) if frame.prev is None else book.update(depth, now_ns)
        self.due_ns = min(one.due_ns for one in self._books.values())
        return out

    def tick(self, now_ns: int) -> Sequence[Output]:
        out = [each for book in self._books.values() if book.due_ns <= now_ns for each in book.tick(now_ns)]
        self.due_ns = min(one.due_ns for one in self._books.values())
        return out

    def answered(self, what: Ask | Command, answer: HttpAnswer | NoAnswer, now_ns: int) -> Sequence[Output]:
        return ()

    def encode(self, what: Ask | Sequence[Command], now_ns: int) -> Sequence[Wire]:
        return ()


class Rest:
    """Requests over HTTP: the instruments and the venue's time."""

    due_ns = NEVER

    def __init__(self, url: str) -> None:
        self._url = url

    def dial(self, now_ns: int) -> Dial:
        raise NotImplementedError("a REST link has no socket")

    def start(self, now_ns: int) -> Sequence[Output]:
        return ()

    def receive(self, data: str | bytes, now_ns: int) -> Sequence[Output]:
        return ()

    def tick(self, now_ns: int) -> Sequence[Output]:
        return ()

    def encode(self, what: Ask | Sequence[Command], now_ns: int) -> Sequence[Wire]:
        paths = {AskKind.CATALOGUE: "/v1/instruments", AskKind.TIME: "/v1/time"}
        path = paths.get(what.kind) if isinstance(what, Ask) else None
        return (HttpRequest("GET", self._url + path),) if path else ()

    def answered(self, what: Ask | Command, answer: HttpAnswer | NoAnswer, now_ns: int) -> Sequence[Output]:
        if not isinstance(what, Ask) or not isinstance(answer, HttpAnswer) or answer.status != 200:
            return ()
        if what.kind is AskKind.CATALOGUE:
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
                    )
                )
                for one in read_json(_LISTED, answer.body) or ()
            ]
        time = read_json(_TIME, answer.body)
        if time is None:
            return ()
        round_ns = answer.recv_ns - answer.sent_ns
        return (ClockSample(VENUE, time["ms"] * MS - answer.sent_ns - round_ns // 2, round_ns // 2 + MS, now_ns),)


class Toy:
    """The venue adapter."""

    venue = VENUE
    capabilities = arbkit.Capabilities(client_id_scope=ClientIdScope.NONE, order_window_ns=5 * S, checked="2026-11-22")
    rate_limits = (RateLimit("requests", 10, S),)

    def __init__(self, settings: arbkit.VenueSettings) -> None:
        self._rest = base_url(settings, ENVIRONMENTS, "rest", VENUE)
        self._ws = base_url(settings, ENVIRONMENTS, "ws_public", VENUE)

    def links(self, instruments: Sequence[arbkit.Instrument], account: str) -> Sequence[LinkSpec]:
        ids = [instrument.id for instrument in instruments]
        public = LinkSpec(link="toy.public.0", venue=VENUE, role=Role.PUBLIC, instruments=ids)
        return (*([public] if ids else []), rest_link(VENUE, account))

    def session(self, link: LinkSpec, catalogue: Catalogue, signer: arbkit.Signer | None) -> Session:
        return Rest(self._rest) if link.role is Role.REST else Public(link, catalogue, self._ws)

    def route(self, command: Command) -> Sequence[Role]:
        return ()  # no orders: the venue can be used on paper, not live

    def cost(self, what: Ask | Command, role: Role) -> Sequence[tuple[str, int]]:
        return (("requests", 1),)


class Widest(arbkit.SpreadArb):
    """Trades only wide spreads of one symbol."""

    symbols = ("BTC-USDT",)
    min_edge = 0.003


def _request(op: str, *natives: str) -> Send:
    return Send(json_text({"op": op, "symbols": natives}))


@arbkit.hookimpl
def register_exchanges(register: Callable[[type[Any]], None]) -> None:
    register(Toy)


@arbkit.hookimpl
def register_strategies(register: Callable[[str, Callable[..., Any]], None]) -> None:
    register("widest", Widest)
