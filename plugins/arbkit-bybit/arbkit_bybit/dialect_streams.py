"""Bybit's public spot stream for the dialect: subscriptions of connections, and their frames."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from arbkit.sim.depth import Levels, SimDepth
from arbkit.sim.pair import text
from arbkit.sim.subs import Subs
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
_NAME: Final = re.compile(r"(?:orderbook\.(1|50|200|1000)|publicTrade|tickers)\.([A-Z0-9]+)", re.ASCII)
_ARGS: Final = 10  # v5/ws/connect: spot, args in one request
_LENGTH: Final = 21_000  # v5/ws/connect: characters of all args on one connection


class _Book:
    """A book topic, shared by all its subscribers: the last published levels, and its update count."""

    __slots__ = ("depth", "kind", "levels", "name", "sent_ns", "seq", "symbol", "timer", "u")

    def __init__(self, count: int, symbol: str) -> None:
        self.name = f"orderbook.{count}.{native(symbol)}"
        self.levels = count
        self.kind = "top" if count == 1 else "book"
        self.symbol = symbol
        self.u = 18_000_000 + 1000 * count
        self.seq = 0
        self.depth: SimDepth | None = None
        """None while nobody subscribes it."""
        self.timer: Timer | None = None
        self.sent_ns = 0


class Streams:
    """v5/ws/connect, v5/websocket/public/{orderbook,trade,ticker}: subscriptions and payloads."""

    def __init__(self, exchange: SimExchange, wire: SimWire, timers: Timers) -> None:
        self._exchange = exchange
        self._wire = wire
        self._timers = timers
        self._natives = {native(symbol): symbol for symbol in exchange.pairs}
        self._books = {(count, symbol): _Book(count, symbol) for symbol in exchange.pairs for count in _INTERVAL}
        self._named = {book.name: book for book in self._books.values()}
        self._subs = Subs()

    # --- subscriptions ----------------------------------------------------------------------------------------------

    def closed(self, conn: int) -> None:
        self.unsubscribe(conn, self._subs.keys(conn))

    def refuses(self, conn: int, args: Sequence[str]) -> str:
        """Why a subscription is refused, or "". One bad topic refuses the whole request (not fully documented)."""
        if len(args) > _ARGS:
            return f"args size >{_ARGS}"
        if sum(map(len, (*self._subs.keys(conn), *args))) > _LENGTH:
            return f"args length exceeds {_LENGTH}"
        for name in args:
            match = _NAME.fullmatch(name)
            if match is None or match[2] not in self._natives:
                return f"Invalid topic: {name}"
            if self._subs.has(conn, name):
                return f"error:already subscribed,topic:{name}"
        return ""

    def subscribe(self, conn: int, args: Sequence[str], now_ns: int) -> None:
        """Subscribe topics that ``refuses`` accepted. A snapshot of each book is sent immediately."""
        for name in args:
            self._subs.add(conn, name, name)
            book = self._named.get(name)
            if book is not None:
                if book.depth is None:
                    self._open(book, now_ns)
                self._wire.send(conn, self._snapshot(book, now_ns), book.kind, book.symbol)
            elif name.startswith("tickers."):
                symbol = self._natives[name[8:]]
                self._wire.send(conn, self._ticker(symbol, now_ns), "control", symbol)

    def unsubscribe(self, conn: int, args: Sequence[str]) -> None:
        """Unsubscribe topics; names that are not subscribed are ignored."""
        for name in args:
            if self._subs.drop(conn, name) and (book := self._named.get(name)) and not self._subs.of(name):
                self._close(book)

    def _open(self, book: _Book, now_ns: int) -> SimDepth:
        """Start to follow the book. The changes while nobody did count as one update."""
        depth = book.depth = SimDepth(self._exchange.books[book.symbol], book.levels)
        if depth.seq != book.seq:
            book.u, book.seq = book.u + 1, depth.seq
        period_ns = _INTERVAL[book.levels]
        book.timer = self._timers.at(
            (now_ns // period_ns + 1) * period_ns, lambda now: self._push(book, now), period_ns
        )
        book.sent_ns = now_ns
        return depth

    @staticmethod
    def _close(book: _Book) -> None:
        if book.depth is not None and book.timer is not None:
            book.depth.close()
            book.timer.cancel()
        book.depth = book.timer = None

    # --- books ------------------------------------------------------------------------------------------------------

    def book(self, symbol: str, limit: int, now_ns: int) -> dict[str, Any]:
        """v5/market/orderbook: ``u`` uses the update ids of the 1000-level stream."""
        book = self._books[1000, symbol]
        followed = book.depth is not None
        depth = book.depth or self._open(book, now_ns)
        pair, now = self._exchange.pairs[symbol], now_ns // _MS
        bids, asks = (levels(pair, list(side.items())[:limit]) for side in (depth.bids, depth.asks))
        if not followed:
            self._close(book)
        return {"s": native(symbol), "b": bids, "a": asks, "ts": now, "u": book.u, "seq": book.seq, "cts": now}

    def _push(self, book: _Book, now_ns: int) -> None:
        """One interval is over. ``u`` increases by one per frame; only level changes within the depth make a frame."""
        assert book.depth is not None
        change = book.depth.step()
        if change is None:
            # orderbook.1 alone: the same frame, with the same ``u``, when nothing happened for 3 s
            if book.levels == 1 and now_ns - book.sent_ns >= 3 * _S:
                self._publish(book, self._snapshot(book, now_ns), now_ns)
            return
        lost, _, bids, asks = change
        restarted, book.seq = book.depth.seq < book.seq, book.depth.seq
        if restarted:  # "u" is 1: the service was restarted, the book is replaced
            book.u = 1
            self._publish(book, self._snapshot(book, now_ns), now_ns)
            return
        if not (lost or bids or asks):
            return
        book.u += 1
        if lost:  # a fault skipped an id: this frame's changes are not sent
            return
        one = book.levels == 1
        frame = self._snapshot(book, now_ns) if one else self._frame(book, "delta", bids, asks, now_ns)
        self._publish(book, frame, now_ns)

    def _publish(self, book: _Book, text: str, now_ns: int) -> None:
        book.sent_ns = now_ns
        for sub in self._subs.of(book.name):
            self._wire.send(sub.conn, text, book.kind, book.symbol)

    def _snapshot(self, book: _Book, now_ns: int) -> str:
        assert book.depth is not None
        return self._frame(book, "snapshot", list(book.depth.bids.items()), list(book.depth.asks.items()), now_ns)

    def _frame(self, book: _Book, kind: str, bids: Levels, asks: Levels, now_ns: int) -> str:
        pair, now = self._exchange.pairs[book.symbol], now_ns // _MS
        sides = {"b": levels(pair, bids), "a": levels(pair, asks)}
        data = {"s": native(book.symbol), **sides, "u": book.u, "seq": book.seq}
        return _encode({"topic": book.name, "ts": now, "type": kind, "data": data, "cts": now}).decode()

    # --- trades and tickers -----------------------------------------------------------------------------------------

    def trades(self, reports: Sequence[TradeReport], now_ns: int) -> None:
        """publicTrade: the trades of one moment in one frame per symbol; ``S`` is the taker's side."""
        rows: dict[str, list[dict[str, Any]]] = {}
        for report in reports:
            pair = self._exchange.pairs[report.symbol]
            row = {
                "i": str(report.id),
                "T": report.ns // _MS,
                "p": pair.px_text(report.px),
                "v": pair.qty_text(report.qty),
                "S": report.side.name.capitalize(),
                "seq": self._exchange.books[report.symbol].seq,
                "s": native(report.symbol),
                "BT": False,
                "RPI": False,
            }
            rows.setdefault(report.symbol, []).append(row)
        for symbol, data in rows.items():
            topic = f"publicTrade.{native(symbol)}"
            frame = {"topic": topic, "ts": now_ns // _MS, "type": "snapshot", "data": data}
            self._broadcast(topic, _encode(frame).decode(), "trades", symbol)
            self._broadcast(f"tickers.{native(symbol)}", self._ticker(symbol, now_ns), "control", symbol)

    def _broadcast(self, name: str, text: str, kind: str, symbol: str) -> None:
        for sub in self._subs.of(name):
            self._wire.send(sub.conn, text, kind, symbol)

    def _ticker(self, symbol: str, now_ns: int) -> str:
        """tickers: spot pushes snapshots only."""
        head = {"topic": f"tickers.{native(symbol)}", "ts": now_ns // _MS, "type": "snapshot"}
        return _encode(head | {"cs": self._exchange.books[symbol].seq, "data": self.day(symbol)}).decode()

    def day(self, symbol: str) -> dict[str, str]:
        """24-hour statistics. The day begins with the world; before the first trade all prices are the best ask."""
        pair, day, ask = (
            self._exchange.pairs[symbol],
            self._exchange.days[symbol],
            self._exchange.books[symbol].top()[2],
        )
        prices = {"lastPrice": day.last, "highPrice24h": day.high, "lowPrice24h": day.low, "prevPrice24h": day.open}
        return {
            "symbol": native(symbol),
            **{name: pair.px_text(px or ask) for name, px in prices.items()},
            "volume24h": pair.qty_text(day.qty),
            "turnover24h": text(day.turnover * pair.unit),
            "price24hPcnt": f"{day.last / day.open - 1 if day.open else 0:.4f}",
            "usdIndexPrice": "",
        }
