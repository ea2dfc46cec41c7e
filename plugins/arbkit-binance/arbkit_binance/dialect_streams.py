"""Binance's public streams for the dialect: subscriptions of market stream connections, and their frames."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from arbkit.core.types import Side
from arbkit.sim.limits import Window
from arbkit.sim.matching import Feed
from arbkit.sim.pair import Pair
from arbkit.sim.timers import Timer, Timers
from arbkit.sim.venue import SimExchange, TopReport, TradeReport
from arbkit.sim.wire import SimWire

from .dialect_wire import aggregate_row, aggregated, native

__all__ = ["Streams"]

_encode: Final = msgspec.json.Encoder().encode
_NAME: Final = re.compile(r"^([a-z0-9]+)@(depth(?:5|10|20)?|bookTicker|trade|aggTrade)(@100ms)?$")
_MS: Final = 1_000_000
_MOST_BYTES: Final = 4_088
"""A longer control message gets no answer at all."""


class _Conn:
    """One market stream connection."""

    __slots__ = ("combined", "conn", "div", "streams")

    def __init__(self, conn: int, combined: bool, div: int) -> None:
        self.conn = conn
        self.combined = combined
        """Whether payloads are wrapped with the name of their stream."""
        self.div = div
        self.streams: dict[str, _Stream | None] = {}
        """By name; None for a stream without data (the venue does not report unknown symbols)."""


class _Stream:
    """One subscription of one connection."""

    __slots__ = ("feed", "kind", "name", "symbol", "timer")

    def __init__(self, name: str, symbol: str, kind: str, feed: Feed | None) -> None:
        self.name = name
        self.symbol = symbol
        self.kind = kind
        self.feed = feed
        self.timer: Timer | None = None


class Streams:
    """web-socket-streams.md: connections, subscriptions and payloads."""

    def __init__(self, exchange: SimExchange, wire: SimWire, timers: Timers) -> None:
        self._exchange = exchange
        self._wire = wire
        self._timers = timers
        self._natives = {native(symbol).lower(): symbol for symbol in exchange.pairs}
        self._conns: dict[int, _Conn] = {}
        # "WebSocket connections have a limit of 5 incoming messages per second"
        self._incoming = Window(5, 1_000_000_000)

    def connect(self, conn: int, names: Sequence[str], combined: bool, div: int, now_ns: int) -> None:
        self._conns[conn] = _Conn(conn, combined, div)
        for name in names:
            self._subscribe(self._conns[conn], name, now_ns)

    def closed(self, conn: int) -> None:
        state = self._conns.pop(conn, None)
        for name in list(state.streams) if state else ():
            self._unsubscribe(state, name)

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
            self._reply(conn, {"code": 2, "msg": "Invalid request: the message is not a request object"})
            return
        if not isinstance(params, list) or (ref is not None and not isinstance(ref, int | str)):
            self._reply(conn, {"code": 2, "msg": "Invalid request: params or id of a wrong type", "id": None})
            return
        result: Any = None
        if method == "SUBSCRIBE":
            if len(state.streams) + len(params) > 1024:
                self._reply(conn, {"code": 3, "msg": "Too many subscriptions: 1024 at most", "id": ref})
                return
            # the answer comes before the first frame of the new streams
            self._reply(conn, {"result": None, "id": ref})
            for name in params:
                self._subscribe(state, str(name), now_ns)
            return
        if method == "UNSUBSCRIBE":
            for name in params:
                self._unsubscribe(state, str(name))
        elif method == "LIST_SUBSCRIPTIONS":
            result = list(state.streams)
        elif method == "SET_PROPERTY" and params[:1] == ["combined"] and len(params) == 2:
            state.combined = bool(params[1])
        elif method == "GET_PROPERTY" and params == ["combined"]:
            result = state.combined
        else:
            self._reply(conn, {"code": 2, "msg": f"Invalid request: unknown method or property {method}", "id": ref})
            return
        self._reply(conn, {"result": result, "id": ref})

    def top(self, report: TopReport, now_ns: int) -> None:
        """bookTicker: pushed at every change of the best bid or ask; ``u`` is an update id of the depth stream."""
        body = ""
        for state, stream in self._of("bookTicker", report.symbol):
            if not body:
                pair = self._exchange.pairs[report.symbol]
                body = (
                    f'{{"u":{report.seq},"s":"{native(report.symbol)}"'
                    f',"b":"{pair.px_text(report.bid_px, 8)}","B":"{pair.qty_text(report.bid_qty, 8)}"'
                    f',"a":"{pair.px_text(report.ask_px, 8)}","A":"{pair.qty_text(report.ask_qty, 8)}"}}'
                )
            self._send(state, stream, body)

    def trades(self, reports: Sequence[TradeReport], now_ns: int) -> None:
        """The trade stream: every match. The aggTrade stream: the matches of one taker order at one price."""
        for report in reports:
            self._trade(report, now_ns)
        for group in aggregated(reports):
            pair = self._exchange.pairs[group[0].symbol]
            for state, stream in self._of("aggTrade", pair.symbol):
                head = {"e": "aggTrade", "E": now_ns // state.div, "s": native(pair.symbol)}
                self._send(state, stream, _encode(head | aggregate_row(pair, group, state.div)).decode())

    def _trade(self, report: TradeReport, now_ns: int) -> None:
        """The trade stream; ``m``: the buyer was the maker."""
        for state, stream in self._of("trade", report.symbol):
            pair = self._exchange.pairs[report.symbol]
            maker = "true" if report.side is Side.SELL else "false"
            self._send(
                state,
                stream,
                (
                    f'{{"e":"trade","E":{now_ns // state.div},"s":"{native(report.symbol)}","t":{report.id}'
                    f',"p":"{pair.px_text(report.px, 8)}","q":"{pair.qty_text(report.qty, 8)}"'
                    f',"T":{report.ns // state.div},"m":{maker},"M":true}}'
                ),
            )

    def _of(self, kind: str, symbol: str) -> list[tuple[_Conn, _Stream]]:
        return [
            (state, stream)
            for state in self._conns.values()
            for stream in state.streams.values()
            if stream is not None and stream.kind == kind and stream.symbol == symbol
        ]

    def _subscribe(self, state: _Conn, name: str, now_ns: int) -> None:
        if name in state.streams:
            return
        match = _NAME.match(name)
        symbol = self._natives.get(match[1]) if match else None
        if match is None or symbol is None:
            state.streams[name] = None
            return
        kind = match[2]
        feed = self._exchange.books[symbol].feed() if kind == "depth" else None
        stream = state.streams[name] = _Stream(name, symbol, kind, feed)
        if kind.startswith("depth"):
            period = 100 * _MS if match[3] else 1000 * _MS
            due_ns = (now_ns // period + 1) * period
            send = self._diff if kind == "depth" else self._partial
            stream.timer = self._timers.at(due_ns, lambda now: send(state, stream, now), period)

    @staticmethod
    def _unsubscribe(state: _Conn | None, name: str) -> None:
        stream = state.streams.pop(name, None) if state else None
        if stream is not None:
            if stream.feed is not None:
                stream.feed.close()
            if stream.timer is not None:
                stream.timer.cancel()

    def _diff(self, state: _Conn, stream: _Stream, now_ns: int) -> None:
        """Diff depth: the levels that changed, absolute; ``U`` is the last ``u`` + 1. Nothing when nothing changed."""
        assert stream.feed is not None
        if not stream.feed.pending:
            return
        first, last, bids, asks = stream.feed.take()
        pair = self._exchange.pairs[stream.symbol]
        self._send(
            state,
            stream,
            (
                f'{{"e":"depthUpdate","E":{now_ns // state.div},"s":"{native(stream.symbol)}","U":{first},"u":{last}'
                f',"b":{_levels(pair, bids)},"a":{_levels(pair, asks)}}}'
            ),
        )

    def _partial(self, state: _Conn, stream: _Stream, now_ns: int) -> None:
        """Partial depth: a snapshot of the best levels. It contains no symbol."""
        book, pair = self._exchange.books[stream.symbol], self._exchange.pairs[stream.symbol]
        bids, asks = book.depth(int(stream.kind[5:]))
        body = f'{{"lastUpdateId":{book.seq},"bids":{_levels(pair, bids)},"asks":{_levels(pair, asks)}}}'
        self._send(state, stream, body)

    def _send(self, state: _Conn, stream: _Stream, body: str) -> None:
        text = f'{{"stream":"{stream.name}","data":{body}}}' if state.combined else body
        kind = {"trade": "trades", "aggTrade": "trades", "bookTicker": "top"}.get(stream.kind, "book")
        self._wire.send(state.conn, text, kind, stream.symbol)

    def _reply(self, conn: int, body: dict[str, Any]) -> None:
        self._wire.send(conn, _encode(body).decode(), "reply")


def _levels(pair: Pair, levels: list[tuple[int, int]]) -> str:
    px, qty = pair.px_text, pair.qty_text
    return "[" + ",".join([f'["{px(ticks, 8)}","{qty(lots, 8)}"]' for ticks, lots in levels]) + "]"
