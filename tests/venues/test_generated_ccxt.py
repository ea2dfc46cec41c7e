"""ccxt.pro reads the same generated frames, without a network, and has the same books as the model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import ccxt.pro
import pytest
from generated import COMPARED, Played


class Subscriptions(dict[str, Any]):
    """Lets ccxt.pro delete what nobody subscribed."""

    def __delitem__(self, key: str) -> None:
        self.pop(key, None)


class Client:
    """What ccxt.pro needs of a socket."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.subscriptions = Subscriptions()
        self.errors: list[str] = []

    def resolve(self, result: Any, message_hash: str) -> None:
        pass

    def reject(self, error: Exception, message_hash: str = "") -> None:
        self.errors.append(type(error).__name__)


class Reader:
    """A ccxt.pro exchange that is fed from a log."""

    def __init__(self, venue: Any, joins: bool, natives: Sequence[str]) -> None:
        self.name = venue.name
        self.joins = joins
        self.read = getattr(venue.facts, "CCXT_READS", json.loads)
        self.client = Client("wss://x/spot/stream")
        self.symbols = {native: f"{native[:2]}/USDT" for native in natives}
        self.open()

    def open(self) -> None:
        exchange = self.exchange = getattr(ccxt.pro, self.name)({"options": {"defaultType": "spot"}})
        markets = [
            {"id": native, "symbol": symbol, "base": symbol[:2], "quote": "USDT", "spot": True, "type": "spot"}
            for native, symbol in self.symbols.items()
        ]
        exchange.set_markets([exchange.safe_market_structure(market) for market in markets])
        exchange.spawn = lambda *_: None  # it would ask for a snapshot

    def watch(self, symbol: str) -> None:
        """Where a snapshot is joined, ccxt.pro begins with an empty book; also after an error."""
        if self.joins and symbol not in self.exchange.orderbooks:
            self.exchange.orderbooks[symbol] = self.exchange.order_book({}, 5000)

    def frame(self, native: str, data: str) -> None:
        symbol = self.symbols[native]
        self.watch(symbol)
        self.exchange.handle_message(self.client, self.read(data))

    def answer(self, native: str, body: bytes) -> None:
        symbol = self.symbols[native]
        exchange = self.exchange
        self.watch(symbol)

        async def fetched(*_: Any) -> Any:
            raw = json.loads(body)
            number = next(raw[name] for name in ("lastUpdateId", "microtimestamp") if name in raw)
            return exchange.parse_order_book(raw, symbol) | {"nonce": int(number)}

        exchange.fetch_rest_order_book_safe = fetched
        if hasattr(exchange, "fetch_order_book_snapshot"):
            asyncio.run(exchange.fetch_order_book_snapshot(self.client, None, {"symbol": symbol, "limit": 5000}))
        else:
            asyncio.run(exchange.load_order_book(self.client, symbol, symbol))

    def top(self, native: str) -> tuple[Any, Any]:
        book = self.exchange.orderbooks[self.symbols[native]]
        bids, asks = ([(row[0], row[1]) for row in book[side][:COMPARED]] for side in ("bids", "asks"))
        return bids, asks


def compared(venue: Any, played: Played) -> tuple[Reader, int]:
    """Feed the log to ccxt.pro; the number of books that were compared and equal."""
    reader = Reader(venue, played.wire.kind == "rest", list(played.lines))
    equal = 0
    for entry in played.log:
        frame = entry.frame
        if frame is None:
            reader.open()
            continue
        (reader.frame if entry.kind == "frame" else reader.answer)(frame.native, frame.data)
        if entry.truth is not None:
            found, truth = reader.top(frame.native), entry.truth
            assert found == truth, f"seed {played.seed}: {frame.data!r}"
            equal += 1
    return reader, equal


@pytest.mark.parametrize("seed", [11, 12])
@pytest.mark.needs("WIRES", "CCXT_QUIRKS")
def test_ccxt_has_the_same_books(venue: Any, seed: int) -> None:
    """After each of hundreds of frames, across restarts and reconnects: the model, this adapter and ccxt.pro agree."""
    wire = venue.facts.WIRES[getattr(venue.facts, "CCXT_WIRE", "")]
    played = Played(venue, wire, venue.facts.CCXT_QUIRKS, seed, count=500)
    assert played.faults == []
    assert set(played.seen) == set(venue.facts.CCXT_QUIRKS)
    reader, equal = compared(venue, played)
    assert equal > 200
    assert reader.client.errors == []


@pytest.mark.needs("WIRES", "CCXT_QUIRKS", "CCXT_GAP")
def test_ccxt_sees_the_same_gaps(venue: Any) -> None:
    """One error of ccxt.pro for each loss of the adapter. It has none for Bybit: only the model judges gaps there."""
    played = Played(venue, venue.facts.WIRES[""], ("gap",), 5)
    assert played.faults == []
    assert 5 < played.losses <= played.seen["gap"]
    told = venue.facts.CCXT_GAP
    reader, _ = compared(venue, played)
    assert reader.client.errors == ([told] * played.losses if told else [])
