"""Bybit's streams for the dialect, public and private: subscriptions of connections, and their frames."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from itertools import groupby
from typing import Any, Final

from arbkit import sim

from . import dialect_wire as wire

__all__ = ["Private", "Streams"]

_S: Final = 1_000_000_000
# v5/websocket/public/orderbook, spot: depth -> push interval
_INTERVAL: Final = {1: 10 * wire.MS, 50: 20 * wire.MS, 200: 100 * wire.MS, 1000: 200 * wire.MS}
_NAME: Final = re.compile(r"(?:orderbook\.(1|50|200|1000)|publicTrade|tickers|kline\.(\w+))\.([A-Z0-9]+)", re.ASCII)
_ARGS: Final = 10  # v5/ws/connect: spot, args in one request
_LENGTH: Final = 21_000  # v5/ws/connect: characters of all args on one connection
_PLAIN: Final = ("order", "execution", "execution.fast", "wallet", "position", "greeks", "dcp")
"""A spot account never hears of the last three."""
_SPOT: Final = ("order.spot", "execution.spot", "execution.fast.spot")
_ALONE: Final = ("wallet", "greeks", "dcp")
"""Topics that have no category."""


class _Book:
    """A book topic, shared by all its subscribers: the last published levels, and its update count."""

    __slots__ = ("depth", "kind", "levels", "name", "sent_ns", "seq", "symbol", "timer", "u")

    def __init__(self, count: int, native: str, symbol: str) -> None:
        self.name = f"orderbook.{count}.{native}"
        self.levels = count
        self.kind = "top" if count == 1 else "book"
        self.symbol = symbol
        self.u = 18_000_000 + 1000 * count
        self.seq = 0
        self.depth: sim.SimDepth | None = None
        """None while nobody subscribes it."""
        self.timer: sim.Timer | None = None
        self.sent_ns = 0


class Streams:
    """v5/ws/connect, v5/websocket/public/{orderbook,trade,ticker}: subscriptions and payloads."""

    def __init__(self, facts: sim.Facts, conns: sim.Conns) -> None:
        self._facts, self._exchange = facts, facts.exchange
        self._wire, self._timers = conns.wire, conns.timers
        symbols = facts.symbols.items()
        self._books = {
            (count, symbol): _Book(count, native, symbol) for native, symbol in symbols for count in _INTERVAL
        }
        self._named = {book.name: book for book in self._books.values()}
        conns.on_close(self._closed)  # before the subscriptions end
        self._subs = sim.Subs(conns)

    # --- subscriptions ----------------------------------------------------------------------------------------------

    def _closed(self, conn: int) -> None:
        for name in self._subs.keys(conn):
            self._drop(conn, name)

    def refuses(self, conn: sim.Conn, args: Sequence[str]) -> str:
        """Why a subscription is refused, or "". One bad topic refuses the whole request (not fully documented)."""
        if len(args) > _ARGS:
            return f"args size >{_ARGS}"
        if sum(map(len, (*self._subs.keys(conn.id), *args))) > _LENGTH:
            return f"args length exceeds {_LENGTH}"
        for name in args:
            match = _NAME.fullmatch(name)
            if match is None or match[3] not in self._facts.symbols or match[2] not in (None, *wire.PERIODS):
                return f"Invalid topic: {name}"
            if self._subs.has(conn.id, name):
                return f"error:already subscribed,topic:{name}"
        return ""

    def subscribe(self, conn: sim.Conn, args: Sequence[str], now_ns: int) -> None:
        """Subscribe topics that ``refuses`` accepted. A snapshot of each book is sent immediately."""
        for name in args:
            sub = self._subs.add(conn.id, name, name)
            if book := self._named.get(name):
                if book.depth is None:
                    self._open(book, now_ns)
                conn.tell(self._snapshot(book, now_ns), book.kind, book.symbol)
            elif name.startswith("tickers."):
                symbol = self._facts.symbols[name[8:]]
                conn.tell(self._ticker(symbol, now_ns), "control", symbol)
            elif name.startswith("kline.") and sub is not None:
                sub.timer = self._timers.every(_S, partial(self._kline, sub), now_ns)

    def unsubscribe(self, conn: sim.Conn, args: Sequence[str], now_ns: int) -> None:
        """Unsubscribe topics; names that are not subscribed are ignored."""
        for name in args:
            self._drop(conn.id, name)

    def _drop(self, conn: int, name: str) -> None:
        if self._subs.drop(conn, name) and (book := self._named.get(name)) and not self._subs.of(name):
            self._close(book)

    def _send(self, name: str, frame: dict[str, Any], kind: str, symbol: str) -> None:
        if subs := self._subs.of(name):
            text = sim.encode(frame).decode()
            for sub in subs:
                self._wire.send(sub.conn, text, kind, symbol)

    # --- books ------------------------------------------------------------------------------------------------------

    def _open(self, book: _Book, now_ns: int) -> sim.SimDepth:
        """Start to follow the book. The changes while nobody did count as one update."""
        depth = book.depth = sim.SimDepth(self._exchange.books[book.symbol], book.levels)
        if depth.seq != book.seq:
            book.u, book.seq = book.u + 1, depth.seq
        book.timer = self._timers.every(_INTERVAL[book.levels], lambda now: self._push(book, now), now_ns)
        book.sent_ns = now_ns
        return depth

    @staticmethod
    def _close(book: _Book) -> None:
        if book.depth is not None and book.timer is not None:
            book.depth.close()
            book.timer.cancel()
        book.depth = book.timer = None

    def book(self, symbol: str, limit: int, now_ns: int) -> dict[str, Any]:
        """v5/market/orderbook: ``u`` uses the update ids of the 1000-level stream."""
        book = self._books[1000, symbol]
        followed = book.depth is not None
        depth = book.depth or self._open(book, now_ns)
        data = self._data(book, depth.bids[:limit], depth.asks[:limit])
        if not followed:
            self._close(book)
        return data | {"ts": now_ns // wire.MS, "cts": now_ns // wire.MS}

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
        if not (restarted or lost or bids or asks):
            return
        book.u = 1 if restarted else book.u + 1  # "u" is 1: the service was restarted, the book is replaced
        if restarted or (book.levels == 1 and not lost):
            self._publish(book, self._snapshot(book, now_ns), now_ns)
        elif not lost:  # a fault skipped an id: this frame's changes are not sent
            self._publish(book, self._frame(book, "delta", bids, asks, now_ns), now_ns)

    def _publish(self, book: _Book, frame: dict[str, Any], now_ns: int) -> None:
        book.sent_ns = now_ns
        self._send(book.name, frame, book.kind, book.symbol)

    def _snapshot(self, book: _Book, now_ns: int) -> dict[str, Any]:
        assert book.depth is not None
        return self._frame(book, "snapshot", book.depth.bids, book.depth.asks, now_ns)

    def _frame(self, book: _Book, kind: str, bids: sim.Levels, asks: sim.Levels, now_ns: int) -> dict[str, Any]:
        now = now_ns // wire.MS
        return {"topic": book.name, "ts": now, "type": kind, "data": self._data(book, bids, asks), "cts": now}

    def _data(self, book: _Book, bids: sim.Levels, asks: sim.Levels) -> dict[str, Any]:
        sides = {name: self._facts.levels(book.symbol, side) for name, side in (("b", bids), ("a", asks))}
        return {"s": self._facts.native(book.symbol), **sides, "u": book.u, "seq": book.seq}

    # --- trades and tickers -----------------------------------------------------------------------------------------

    def trades(self, reports: Sequence[sim.TradeReport], now_ns: int) -> None:
        """publicTrade: the trades of one moment in one frame per symbol; ``S`` is the taker's side."""
        for symbol in dict.fromkeys(report.symbol for report in reports):
            if self._subs.of(topic := f"publicTrade.{self._facts.native(symbol)}"):
                seq = self._exchange.books[symbol].seq
                data = [
                    wire.TRADE_PUSH.of(self._facts.trade(report), T=report.ns // wire.MS, seq=seq)
                    for report in reports
                    if report.symbol == symbol
                ]
                frame = {"topic": topic, "ts": now_ns // wire.MS, "type": "snapshot", "data": data}
                self._send(topic, frame, "trades", symbol)
            if self._subs.of(topic := f"tickers.{self._facts.native(symbol)}"):
                self._send(topic, self._ticker(symbol, now_ns), "control", symbol)

    def _kline(self, sub: sim.Sub, now_ns: int) -> None:
        """kline: at most each second, if something changed; ``confirm``: the candle is closed."""
        _, interval, native = str(sub.topic).split(".")
        symbol, period_ns = self._facts.symbols[native], wire.PERIODS[interval]
        now = now_ns // wire.MS
        for known in sub.candles(self._facts, symbol, period_ns, now_ns):
            start = known["ns"] // wire.MS
            times = {"start": start, "end": start + period_ns // wire.MS - 1, "timestamp": now}
            row = wire.KLINE_PUSH.of(known, interval=interval, **times)
            frame = {"topic": sub.topic, "ts": now, "type": "snapshot", "data": [row]}
            self._wire.tell(sub.conn, frame, "control", symbol)

    def _ticker(self, symbol: str, now_ns: int) -> dict[str, Any]:
        """tickers: spot pushes snapshots only."""
        day = self._facts.day(symbol)
        head = {"topic": f"tickers.{day['native']}", "ts": now_ns // wire.MS, "type": "snapshot"}
        return head | {"cs": day["seq"], "data": wire.DAY.of(day)}


class Private:
    """v5/websocket/private/*: no snapshots, changes only."""

    def __init__(self, facts: sim.Facts, out: sim.SimWire, conns: sim.Conns) -> None:
        self._facts = facts
        self._wire = out
        self._subs = sim.Subs(conns)
        self._ids = 0

    def refuses(self, conn: sim.Conn, args: Sequence[str]) -> str:
        """Why a subscription is refused, or ""."""
        if conn.account is None:
            return "Request not authorized"
        for name in args:
            if name not in _PLAIN and name not in _SPOT:
                return f"Invalid topic: {name}"
            if self._subs.has(conn.id, name):
                return f"error:already subscribed,topic:{name}"
        # v5/websocket/private/order: all-in-one topics and topics of a category cannot be in one request
        if any(name in _SPOT for name in args) and any(name in _PLAIN and name not in _ALONE for name in args):
            return "Invalid topic: all-in-one and categorised topics in one request"
        return ""

    def subscribe(self, conn: sim.Conn, args: Sequence[str], now_ns: int) -> None:
        assert conn.account is not None
        for name in args:
            self._subs.add(conn.id, name, (conn.account.name, name))

    def unsubscribe(self, conn: sim.Conn, args: Sequence[str], now_ns: int) -> None:
        for name in args:
            self._subs.drop(conn.id, name)

    def reports(self, reports: Sequence[sim.OrderReport | sim.BalanceReport], now_ns: int) -> None:
        """Send the reports of one action.

        The venue guarantees no sequence between ``order`` and ``execution``. Here orders with an even id report every
        step, each execution before its order; orders with an odd id report only the last state, before the executions.
        """
        for _, group in groupby(reports, lambda r: r.order.id if isinstance(r, sim.OrderReport) else 0):
            batch = list(group)
            changes = [report for report in batch if isinstance(report, sim.OrderReport)]
            for report in batch:
                if isinstance(report, sim.BalanceReport):
                    row = wire.wallet_row(self._facts, report.account, report.balances)
                    self._send(report.account, ("wallet",), [row], now_ns)
            if changes and changes[0].order.id % 2:
                self._order(changes[-1], now_ns)
                self._executions([report for report in changes if report.fill is not None], now_ns)
                continue
            for report in changes:
                if report.fill is not None:
                    self._executions([report], now_ns)
                self._order(report, now_ns)

    def _order(self, report: sim.OrderReport, now_ns: int) -> None:
        row = wire.order_push(self._facts, report.order, report)
        self._send(report.order.account, ("order", "order.spot"), [row], now_ns)

    def too_late(self, order: sim.SimOrder, now_ns: int) -> None:
        """v5/websocket/private/order: after a cancel of a filled order, the order is sent a second time."""
        row = wire.order_push(self._facts, order) | {"rejectReason": "EC_OrigClOrdIDDoesNotExist"}
        self._send(order.account, ("order", "order.spot"), [row], now_ns)

    def _executions(self, reports: Sequence[sim.OrderReport], now_ns: int) -> None:
        fills = [(report.order, report.fill) for report in reports if report.fill is not None]
        if fills:
            account = fills[0][0].account
            rows = [wire.execution_row(self._facts, order, fill) for order, fill in fills]
            self._send(account, ("execution", "execution.spot"), rows, now_ns)
            fast = [wire.fast_row(self._facts, fill) for _, fill in fills]
            self._send(account, ("execution.fast", "execution.fast.spot"), fast, now_ns)

    def _send(self, account: str, names: Sequence[str], rows: list[dict[str, Any]], now_ns: int) -> None:
        self._ids += 1
        for name in names:
            for sub in self._subs.of((account, name)):
                frame = {"id": f"sim-{self._ids}", "topic": name, "creationTime": now_ns // wire.MS, "data": rows}
                self._wire.tell(sub.conn, frame, "user")
