"""One way to read book frames, in a process of its own: what ``arbkit bench peers`` starts for each.

Every way gets the same texts and brings its own book up with the same snapshot. A frame is timed from its text to the
decision: both best prices against those of a second book, after fees. What surrounds a frame in the libraries is left
out: their sockets, their event loops, and the wake-up of the task that waits for a book. A line on stdin is one round;
its answer is one JSON line.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from collections.abc import Callable, Coroutine
from decimal import Decimal
from importlib import import_module
from typing import Any, NamedTuple

from msgspec import Struct

from arbkit.bench.frame import CHANGES, WARM_UP, BookStream, ours, recorded, seeded
from arbkit.bench.measure import calibration_ns, perf_ns

__all__ = ["PeerRound", "sources"]

SYMBOL = "BTC/USDT"
_FEE = 0.001


class PeerRound(Struct):
    """One round of one way."""

    took: list[int]
    """ns per frame."""
    bid: float
    """The best prices at the end: equal for all ways."""
    ask: float
    calibration_us: float


class PeerSource(NamedTuple):
    """Frames of one book."""

    name: str
    changes: float
    tick: Decimal
    wire: BookStream


def sources(recording: str | None) -> list[PeerSource]:
    """The generated frames, and the recording. Raises ``ConfigError`` for an unusable recording."""
    made = [PeerSource("seeded", changes, Decimal("0.01"), seeded(changes)) for changes in CHANGES]
    if recording is not None:
        wire, name, changes = recorded(recording)
        made.append(PeerSource(name, changes, Decimal(0), wire))
    return made


def _arbkit(source: PeerSource) -> PeerRound:
    took, first, book, _, _ = ours(source.wire, source.tick)
    best = book.bids.best(), book.asks.best()
    assert best[0] is not None
    assert best[1] is not None
    return _round(took, source, first, best[0][0], best[1][0])


def _crosses(bid: Any, ask: Any, rival: tuple[Any, Any], fees: Any) -> bool:
    """The decision: may one book be bought from and the other sold to, fees paid?"""
    return bool(rival[0] > ask * fees or bid > rival[1] * fees)


def _cryptofeed(source: PeerSource) -> PeerRound:
    defines, types = import_module("cryptofeed.defines"), import_module("cryptofeed.symbols")
    binance = import_module("cryptofeed.exchanges.binance").Binance
    types.Symbols.set("BINANCE", {"BTC-USDT": source.wire.native}, {})
    rival, fees, crossed = (Decimal(1), Decimal(10**9)), Decimal(1 + 2 * _FEE), 0

    async def on_book(book: Any, receipt: float) -> None:
        nonlocal crossed
        crossed += _crosses(book.book.bids.index(0)[0], book.book.asks.index(0)[0], rival, fees)

    feed = binance(symbols=["BTC-USDT"], channels=[defines.L2_BOOK], callbacks={defines.L2_BOOK: on_book})

    async def snapshot(*args: Any, **named: Any) -> str:
        return source.wire.snapshot

    feed.http_conn.read = snapshot

    def one(text: str) -> None:
        _finish(feed.message_handler(text, None, 0.0))

    took = _each(source, one)
    book = feed._l2_book["BTC-USDT"].book
    return _round(took, source, 0, float(book.bids.index(0)[0]), float(book.asks.index(0)[0]))


def _finish(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that waits for nothing, as the task of a socket would."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits for something")


def _ccxt(source: PeerSource) -> PeerRound:
    return asyncio.run(_ccxt_round(source))


async def _ccxt_round(source: PeerSource) -> PeerRound:
    aiohttp, pro = import_module("aiohttp"), import_module("ccxt.pro")
    client_type = import_module("ccxt.async_support.base.ws.client").Client
    exchange = pro.binance()
    market = {"id": source.wire.native, "symbol": SYMBOL, "base": "BTC", "quote": "USDT", "type": "spot", "spot": True}
    exchange.set_markets([exchange.safe_market_structure(market)])
    ignore = [lambda *args: None] * 3
    client = client_type("wss://stream.binance.com:9443/ws/0", exchange.handle_message, *ignore)
    snapshot = exchange.parse_order_book(json.loads(source.wire.snapshot), SYMBOL)
    snapshot["nonce"] = json.loads(source.wire.snapshot)["lastUpdateId"]
    exchange.orderbooks[SYMBOL] = book = exchange.order_book({}, exchange.options["watchOrderBookLimit"])
    book.reset(snapshot)
    rival, fees, crossed = (1.0, 1e9), 1 + 2 * _FEE, 0
    text_type = aiohttp.WSMsgType.TEXT

    waiting = client.future("orderbook::" + SYMBOL)

    def one(text: str) -> None:
        nonlocal crossed
        client.handle_message(aiohttp.WSMessage(text_type, text, None))
        if waiting.done():  # as watch_order_book gives it
            found = waiting.result().limit()
            crossed += _crosses(found["bids"][0][0], found["asks"][0][0], rival, fees)

    def ready() -> None:
        nonlocal waiting
        waiting = client.future("orderbook::" + SYMBOL)

    took = _each(source, one, ready)
    best = book["bids"][0][0], book["asks"][0][0]
    waiting.cancel()
    await exchange.close()
    return _round(took, source, 0, *best)


def _each(source: PeerSource, one: Callable[[str], None], before: Callable[[], None] = lambda: None) -> list[int]:
    took = []
    gc.collect()
    gc.freeze()
    for text in source.wire.texts:
        before()
        began = perf_ns()
        one(text)
        took.append(perf_ns() - began)
    gc.unfreeze()
    return took


def _round(took: list[int], source: PeerSource, first: int, bid: float, ask: float) -> PeerRound:
    """Without the frames that brought the books up, and those that made the code warm."""
    texts = len(source.wire.texts)
    warm = min(WARM_UP, texts // 5)
    return PeerRound(took[max(0, warm - first) :], bid, ask, min(calibration_ns() for _ in range(3)) / 1000)


WAYS: dict[str, Callable[[PeerSource], PeerRound]] = {"arbkit": _arbkit, "cryptofeed": _cryptofeed, "ccxt.pro": _ccxt}


def _serve(way: str, recording: str | None) -> None:
    import msgspec

    made = sources(recording)
    print(flush=True)  # noqa: T201 - it is ready
    for line in sys.stdin:
        answer = WAYS[way](made[int(line)])
        print(msgspec.json.encode(answer).decode(), flush=True)  # noqa: T201 - read by the benchmark


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2] or None)
