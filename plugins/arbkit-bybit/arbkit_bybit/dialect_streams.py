"""Bybit's public spot stream for the dialect: subscriptions of connections, and their frames."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from arbkit.core.types import Side
from arbkit.sim.matching import Feed
from arbkit.sim.timers import Timer, Timers
from arbkit.sim.venue import SimExchange, TradeReport
from arbkit.sim.wire import SimWire

from .dialect_wire import levels, native

__all__ = ["Streams"]

_encode: Final = msgspec.json.Encoder().encode
_MS: Final = 1_000_000
_S: Final = 1_000_000_000
# v5/websocket/public/orderbook, spot: depth -> push interval
_INTERVAL: Final = {1: 10 * _MS, 50: 20 * _MS, 200: 100 * _MS, 1000: 200 * _MS}
_NAME: Final = re.compile(r"^(?:orderbook\.(1|50|200|1000)|(publicTrade|tickers))\.([A-Z0-9]+)$", re.ASCII)
_ARGS: Final = 10  # v5/ws/connect: spot, args in one request
_LENGTH: Final = 21_000  # v5/ws/connect: characters of all args on one connection


class Topic:
    """A book topic, shared by all its subscribers: the last published levels, and its update count."""

    __slots__ = ("asks", "bids", "conns", "depth", "feed", "kind", "name", "sent_ns", "seq", "symbol", "timer", "u")

    def __init__(self, depth: int, symbol: str) -> None:
        self.name = f"orderbook.{depth}.{native(symbol)}"
        self.depth = depth
        self.kind = "top" if depth == 1 else "book"
        self.symbol = symbol
        self.u = 18_000_000 + 1000 * depth
        self.seq = 0
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.conns: dict[int, None] = {}
        self.feed: Feed | None = None
        self.timer: Timer | None = None
        self.sent_ns = 0


class Streams:
    """v5/ws/connect, v5/websocket/public/{orderbook,trade,ticker}: subscriptions and payloads."""

    def __init__(self, exchange: SimExchange, wire: SimWire, timers: Timers) -> None:
        self._exchange = exchange
        self._wire = wire
        self._timers = timers
        self._natives = {native(symbol): symbol for symbol in exchange.pairs}
        self._books = {(depth, symbol): Topic(depth, symbol) for symbol in exchange.pairs for depth in _INTERVAL}
        self._named = {topic.name: topic for topic in self._books.values()}
        self._conns: dict[int, dict[str, None]] = {}
        self._last: dict[str, str] = {}
        """Price of the last trade, by symbol."""

    # --- subscriptions ----------------------------------------------------------------------------------------------

    def connect(self, conn: int) -> None:
        self._conns[conn] = {}

    def closed(self, conn: int) -> None:
        for name in self._conns.pop(conn, {}):
            self._leave(conn, name)

    def refuses(self, conn: int, args: Sequence[str]) -> str:
        """Why a subscription is refused, or "". One bad topic refuses the whole request (not fully documented)."""
        mine = self._conns[conn]
        if len(args) > _ARGS:
            return f"args size >{_ARGS}"
        if sum(map(len, (*mine, *args))) > _LENGTH:
            return f"args length exceeds {_LENGTH}"
        for name in args:
            match = _NAME.match(name)
            if match is None or match[3] not in self._natives:
                return f"Invalid topic: {name}"
            if name in mine:
                return f"error:already subscribed,topic:{name}"
        return ""

    def subscribe(self, conn: int, args: Sequence[str], now_ns: int) -> None:
        """Subscribe topics that ``refuses`` accepted. A snapshot of each book is sent immediately."""
        for name in args:
            self._conns[conn][name] = None
            topic = self._named.get(name)
            if topic is not None:
                self._join(conn, topic, now_ns)
            elif name.startswith("tickers."):
                symbol = self._natives[name[8:]]
                self._wire.send(conn, self._ticker(symbol, now_ns), "control", symbol)

    def unsubscribe(self, conn: int, args: Sequence[str]) -> None:
        """Unsubscribe topics; names that are not subscribed are ignored."""
        for name in args:
            if name in self._conns[conn]:
                del self._conns[conn][name]
                self._leave(conn, name)

    def _join(self, conn: int, topic: Topic, now_ns: int) -> None:
        if topic.feed is None:
            self._catch_up(topic)
            topic.feed = self._exchange.books[topic.symbol].feed()
            period_ns = _INTERVAL[topic.depth]
            due_ns = (now_ns // period_ns + 1) * period_ns
            topic.timer = self._timers.at(due_ns, lambda now: self._push(topic, now), period_ns)
            topic.sent_ns = now_ns
        topic.conns[conn] = None
        self._wire.send(conn, self._snapshot(topic, now_ns), topic.kind, topic.symbol)

    def _leave(self, conn: int, name: str) -> None:
        topic = self._named.get(name)
        if topic is None:
            return
        topic.conns.pop(conn, None)
        if not topic.conns and topic.feed is not None and topic.timer is not None:
            topic.feed.close()
            topic.timer.cancel()
            topic.feed = topic.timer = None

    # --- books ------------------------------------------------------------------------------------------------------

    def book(self, symbol: str, limit: int, now_ns: int) -> dict[str, Any]:
        """v5/market/orderbook: ``u`` uses the update ids of the 1000-level stream."""
        topic = self._books[1000, symbol]
        if topic.feed is None:
            self._catch_up(topic)
        pair, now = self._exchange.pairs[symbol], now_ns // _MS
        return {
            "s": native(symbol),
            "b": levels(pair, list(topic.bids.items())[:limit]),
            "a": levels(pair, list(topic.asks.items())[:limit]),
            "ts": now,
            "u": topic.u,
            "seq": topic.seq,
            "cts": now,
        }

    def _catch_up(self, topic: Topic) -> None:
        """The topic had no subscriber: the changes since then count as one update."""
        book = self._exchange.books[topic.symbol]
        if topic.seq != book.seq:
            topic.u += 1
            self._take(topic, book.seq)

    def _take(self, topic: Topic, seq: int) -> None:
        bids, asks = self._exchange.books[topic.symbol].depth(topic.depth)
        topic.bids, topic.asks, topic.seq = dict(bids), dict(asks), seq

    def _push(self, topic: Topic, now_ns: int) -> None:
        """One interval is over. ``u`` increases by one per frame; only level changes within the depth make a frame."""
        assert topic.feed is not None
        first, last, _, _ = topic.feed.take()
        if first > last:
            # orderbook.1 alone: the same frame, with the same ``u``, when nothing happened for 3 s
            if topic.depth == 1 and now_ns - topic.sent_ns >= 3 * _S:
                self._publish(topic, self._snapshot(topic, now_ns), now_ns)
            return
        lost = first != topic.seq + 1  # a fault skipped an id: this frame's changes are not sent
        bids, asks = topic.bids, topic.asks
        self._take(topic, last)
        if not lost and bids == topic.bids and asks == topic.asks:
            return
        topic.u += 1
        if lost:
            return
        if topic.depth == 1:
            self._publish(topic, self._snapshot(topic, now_ns), now_ns)
        else:
            body = _changes(bids, topic.bids), _changes(asks, topic.asks)
            self._publish(topic, self._frame(topic, "delta", *body, now_ns), now_ns)

    def _publish(self, topic: Topic, text: str, now_ns: int) -> None:
        topic.sent_ns = now_ns
        for conn in topic.conns:
            self._wire.send(conn, text, topic.kind, topic.symbol)

    def _snapshot(self, topic: Topic, now_ns: int) -> str:
        return self._frame(topic, "snapshot", list(topic.bids.items()), list(topic.asks.items()), now_ns)

    def _frame(
        self, topic: Topic, kind: str, bids: list[tuple[int, int]], asks: list[tuple[int, int]], now_ns: int
    ) -> str:
        pair, now = self._exchange.pairs[topic.symbol], now_ns // _MS
        data = {
            "s": native(topic.symbol),
            "b": levels(pair, bids),
            "a": levels(pair, asks),
            "u": topic.u,
            "seq": topic.seq,
        }
        return _encode({"topic": topic.name, "ts": now, "type": kind, "data": data, "cts": now}).decode()

    # --- trades and tickers -----------------------------------------------------------------------------------------

    def trades(self, reports: Sequence[TradeReport], now_ns: int) -> None:
        """publicTrade: the trades of one moment in one frame per symbol; ``S`` is the taker's side."""
        rows: dict[str, list[dict[str, Any]]] = {}
        for report in reports:
            pair = self._exchange.pairs[report.symbol]
            self._last[report.symbol] = px = pair.px_text(report.px)
            rows.setdefault(report.symbol, []).append(
                {
                    "i": str(report.id),
                    "T": report.ns // _MS,
                    "p": px,
                    "v": pair.qty_text(report.qty),
                    "S": "Buy" if report.side is Side.BUY else "Sell",
                    "seq": self._exchange.books[report.symbol].seq,
                    "s": native(report.symbol),
                    "BT": False,
                    "RPI": False,
                }
            )
        for symbol, data in rows.items():
            topic = f"publicTrade.{native(symbol)}"
            frame = {"topic": topic, "ts": now_ns // _MS, "type": "snapshot", "data": data}
            self._broadcast(topic, _encode(frame).decode(), "trades", symbol)
            self._broadcast(f"tickers.{native(symbol)}", self._ticker(symbol, now_ns), "control", symbol)

    def _broadcast(self, name: str, text: str, kind: str, symbol: str) -> None:
        for conn, names in self._conns.items():
            if name in names:
                self._wire.send(conn, text, kind, symbol)

    def _ticker(self, symbol: str, now_ns: int) -> str:
        """tickers: spot pushes snapshots only."""
        frame = {
            "topic": f"tickers.{native(symbol)}",
            "ts": now_ns // _MS,
            "type": "snapshot",
            "cs": self._exchange.books[symbol].seq,
            "data": self.day(symbol),
        }
        return _encode(frame).decode()

    def day(self, symbol: str) -> dict[str, str]:
        """24-hour statistics. The simulator has none, so every price is the last trade's, or the best ask."""
        px = self._last.get(symbol) or self._exchange.pairs[symbol].px_text(self._exchange.books[symbol].top()[2])
        return {
            "symbol": native(symbol),
            "lastPrice": px,
            "highPrice24h": px,
            "lowPrice24h": px,
            "prevPrice24h": px,
            "volume24h": "0",
            "turnover24h": "0",
            "price24hPcnt": "0",
            "usdIndexPrice": "",
        }


def _changes(old: dict[int, int], new: dict[int, int]) -> list[tuple[int, int]]:
    """Levels that differ; 0 lots = no longer within the depth."""
    gone = [(px, 0) for px in old if px not in new]
    return gone + [(px, lots) for px, lots in new.items() if old.get(px) != lots]
