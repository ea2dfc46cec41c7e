"""Binance's public streams for the dialect: subscriptions of market stream connections, and their frames."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from arbkit.core.types import Side
from arbkit.sim.limits import Window
from arbkit.sim.pair import Pair
from arbkit.sim.subs import Sub, Subs
from arbkit.sim.timers import Timers
from arbkit.sim.venue import SimExchange, TopReport, TradeReport
from arbkit.sim.wire import SimWire

from .dialect_wire import aggregate_row, aggregated, day_row, native

__all__ = ["Streams"]

_encode: Final = msgspec.json.Encoder().encode
_NAME: Final = re.compile(
    r"([a-z0-9]+)@(depth(?:5|10|20)?|bookTicker$|trade$|aggTrade$|ticker$|miniTicker$)(@100ms|@1000ms)?"
)
_MINI: Final = {
    "c": "lastPrice",
    "o": "openPrice",
    "h": "highPrice",
    "l": "lowPrice",
    "v": "volume",
    "q": "quoteVolume",
}
_FULL: Final = {
    "p": "priceChange",
    "P": "priceChangePercent",
    "w": "weightedAvgPrice",
    "x": "prevClosePrice",
    "Q": "lastQty",
    "b": "bidPrice",
    "B": "bidQty",
    "a": "askPrice",
    "A": "askQty",
    "O": "openTime",
    "C": "closeTime",
    "F": "firstId",
    "L": "lastId",
    "n": "count",
}
_MS: Final = 1_000_000
_MOST_BYTES: Final = 4_090
"""A longer control message gets no answer at all."""


class _Conn:
    """One market stream connection."""

    __slots__ = ("combined", "div")

    def __init__(self, combined: bool, div: int) -> None:
        self.combined = combined
        """Whether payloads are wrapped with the name of their stream."""
        self.div = div


class Streams:
    """web-socket-streams.md: connections, subscriptions and payloads."""

    def __init__(self, exchange: SimExchange, wire: SimWire, timers: Timers) -> None:
        self._exchange = exchange
        self._wire = wire
        self._timers = timers
        self._natives = {native(symbol).lower(): symbol for symbol in exchange.pairs}
        self._conns: dict[int, _Conn] = {}
        self._subs = Subs()
        # "WebSocket connections have a limit of 5 incoming messages per second"
        self._incoming = Window(5, 1_000_000_000)

    def connect(self, conn: int, streams: str, combined: bool, div: int, now_ns: int) -> bool:
        """Open a connection with ``streams``, separated by slashes. False if one is not served. A text that is no name
        of a stream is accepted, as clients use it."""
        names = [name for name in streams.split("/") if "@" in name]
        if not all(_NAME.fullmatch(name) for name in names):
            return False
        self._conns[conn] = _Conn(combined, div)
        for name in names:
            self._subscribe(conn, name, now_ns)
        return True

    def closed(self, conn: int) -> None:
        self._conns.pop(conn, None)
        self._subs.closed(conn)

    def __contains__(self, conn: int) -> bool:
        return conn in self._conns

    def frame(self, conn: int, text: str, now_ns: int) -> None:
        """A client's control message."""
        state = self._conns[conn]
        if not self._incoming.add(str(conn), 1, now_ns):
            self._wire.close(conn, 1008, "Too many requests")
            return
        if len(text.encode()) > _MOST_BYTES:
            return
        try:
            message = msgspec.json.decode(text)
            method, params, ref = message["method"], message.get("params") or [], message.get("id")
        except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
            self._refuse(conn, None, "the message is not a request object")
            return
        if not isinstance(params, list) or (ref is not None and not isinstance(ref, int | str)):
            self._refuse(conn, None, "params or id of a wrong type")
            return
        names, result = [str(name) for name in params], None
        if method == "SUBSCRIBE":
            strange = [name for name in names if not _NAME.fullmatch(name)]
            if self._exchange.strikes("refuse", str(names)):
                self._refuse(conn, ref, "too many subscriptions", 3)
            elif strange:
                self._refuse(conn, ref, f"stream {strange[0]} is not served")
            elif len(self._subs.keys(conn)) + len(names) > 1024:
                self._refuse(conn, ref, "1024 streams at most", 3)
            else:
                # the answer comes before the first frame of the new streams
                self._reply(conn, {"result": None, "id": ref})
                for name in names:
                    self._subscribe(conn, name, now_ns)
            return
        if method == "UNSUBSCRIBE":
            for name in names:
                self._subs.drop(conn, name)
        elif method == "LIST_SUBSCRIPTIONS":
            result = self._subs.keys(conn)
        elif method == "SET_PROPERTY" and params[:1] == ["combined"] and len(params) == 2:
            state.combined = bool(params[1])
        elif method == "GET_PROPERTY" and params == ["combined"]:
            self._reply(conn, {"result": state.combined, "id": ref})
            return
        else:
            self._refuse(conn, ref, f"unknown method or property {method}")
            return
        self._reply(conn, {"result": result, "id": ref})

    def _refuse(self, conn: int, ref: Any, why: str, code: int = 2) -> None:
        self._reply(conn, {"error": {"code": code, "msg": f"Invalid request: {why}"}, "id": ref})

    def top(self, report: TopReport, now_ns: int) -> None:
        """bookTicker: pushed at every change of the best bid or ask; ``u`` is an update id of the depth stream."""
        body = ""
        for sub in self._subs.of(("bookTicker", report.symbol)):
            if not body:
                pair = self._exchange.pairs[report.symbol]
                body = (
                    f'{{"u":{report.seq},"s":"{native(report.symbol)}"'
                    f',"b":"{pair.px_text(report.bid_px, 8)}","B":"{pair.qty_text(report.bid_qty, 8)}"'
                    f',"a":"{pair.px_text(report.ask_px, 8)}","A":"{pair.qty_text(report.ask_qty, 8)}"}}'
                )
            self._send(sub, body, "top")

    def trades(self, reports: Sequence[TradeReport], now_ns: int) -> None:
        """The trade stream: every match. The aggTrade stream: the matches of one taker order at one price. ``m``: the
        buyer was the maker."""
        for one in reports:
            for sub in self._subs.of(("trade", one.symbol)):
                pair, div = self._exchange.pairs[one.symbol], self._conns[sub.conn].div
                row = {
                    "t": one.id,
                    "p": pair.px_text(one.px, 8),
                    "q": pair.qty_text(one.qty, 8),
                    "T": one.ns // div,
                    "m": one.side is Side.SELL,
                    "M": True,
                }
                self._event(sub, "trade", now_ns, row)
        for group in aggregated(reports):
            for sub in self._subs.of(("aggTrade", group[0].symbol)):
                pair = self._exchange.pairs[group[0].symbol]
                self._event(sub, "aggTrade", now_ns, aggregate_row(pair, group, self._conns[sub.conn].div))

    def _event(self, sub: Sub, kind: str, now_ns: int, row: dict[str, Any]) -> None:
        head = {"e": kind, "E": now_ns // self._conns[sub.conn].div, "s": native(sub.arg)}
        self._send(sub, _encode(head | row).decode(), "control" if "icker" in kind else "trades")

    def _subscribe(self, conn: int, name: str, now_ns: int) -> None:
        """A stream of an unknown symbol has no data: the venue does not report it."""
        match = _NAME.fullmatch(name)
        assert match is not None
        kind, symbol = match[2], self._natives.get(match[1], "")
        sub = self._subs.add(conn, name, (kind, symbol), symbol)
        if sub is None or not symbol:
            return
        send = self._ticker if "icker" in kind else self._partial
        if kind == "depth":
            sub.feed, send = self._exchange.books[symbol].feed(), self._diff
        if kind in ("trade", "aggTrade", "bookTicker"):
            return
        period = 100 * _MS if match[3] == "@100ms" else 1000 * _MS
        sub.timer = self._timers.at((now_ns // period + 1) * period, lambda now: send(sub, now), period)

    def _ticker(self, sub: Sub, now_ns: int) -> None:
        """ticker and miniTicker: each second, if something changed."""
        kind = sub.topic[0]
        row = day_row(self._exchange, sub.arg, now_ns // self._conns[sub.conn].div)
        names = _MINI if kind == "miniTicker" else _MINI | _FULL
        told = {letter: row[name] for letter, name in names.items()}
        if told != sub.last:
            sub.last = told
            self._event(sub, "24hrMiniTicker" if kind == "miniTicker" else "24hrTicker", now_ns, told)

    def _diff(self, sub: Sub, now_ns: int) -> None:
        """Diff depth: the levels that changed, absolute; ``U`` is the last ``u`` + 1. Nothing when nothing changed."""
        assert sub.feed is not None
        if not sub.feed.pending:
            return
        first, last, bids, asks = sub.feed.take()
        pair, now = self._exchange.pairs[sub.arg], now_ns // self._conns[sub.conn].div
        ids = f'"E":{now},"s":"{native(sub.arg)}","U":{first},"u":{last}'
        self._send(sub, f'{{"e":"depthUpdate",{ids},"b":{_levels(pair, bids)},"a":{_levels(pair, asks)}}}', "book")

    def _partial(self, sub: Sub, now_ns: int) -> None:
        """Partial depth: a snapshot of the best levels. It contains no symbol."""
        book, pair = self._exchange.books[sub.arg], self._exchange.pairs[sub.arg]
        bids, asks = book.depth(int(sub.topic[0][5:]))
        body = f'{{"lastUpdateId":{book.seq},"bids":{_levels(pair, bids)},"asks":{_levels(pair, asks)}}}'
        self._send(sub, body, "book")

    def _send(self, sub: Sub, body: str, kind: str) -> None:
        text = f'{{"stream":"{sub.key}","data":{body}}}' if self._conns[sub.conn].combined else body
        self._wire.send(sub.conn, text, kind, sub.arg)

    def _reply(self, conn: int, body: dict[str, Any]) -> None:
        self._wire.send(conn, _encode(body).decode(), "reply")


def _levels(pair: Pair, levels: list[tuple[int, int]]) -> str:
    px, qty = pair.px_text, pair.qty_text
    return "[" + ",".join([f'["{px(ticks, 8)}","{qty(lots, 8)}"]' for ticks, lots in levels]) + "]"
