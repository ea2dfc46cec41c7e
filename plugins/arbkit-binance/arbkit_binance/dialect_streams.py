"""Binance's public streams for the dialect: subscriptions of market stream connections, and their frames."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from arbkit import sim

from . import dialect_wire as wire

__all__ = ["Streams"]

_NAME: Final = re.compile(
    r"([a-z0-9]+)@(depth(?:5|10|20)?|bookTicker$|trade$|aggTrade$|ticker$|miniTicker$"
    rf"|kline_(?:{'|'.join(wire.PERIODS)})$)(@100ms|@1000ms)?"
)
_MOST_BYTES: Final = 4_090
"""A longer control message gets no answer at all."""


@dataclass(slots=True)
class _Conn:
    """One market stream connection."""

    combined: bool
    """Whether payloads are wrapped with the name of their stream."""
    facts: sim.Facts


class Streams:
    """web-socket-streams.md: connections, subscriptions and payloads."""

    def __init__(self, exchange: sim.SimExchange, out: sim.SimWire, timers: sim.Timers) -> None:
        self._exchange = exchange
        self._wire = out
        self._timers = timers
        self._conns: dict[int, _Conn] = {}
        self._subs = sim.Subs()
        # "WebSocket connections have a limit of 5 incoming messages per second"
        self._incoming = sim.Window(5, 1_000_000_000)

    def connect(self, conn: int, streams: str, combined: bool, facts: sim.Facts, now_ns: int) -> bool:
        """Open a connection with ``streams``, separated by slashes. False if one is not served. A text that is no name
        of a stream is accepted, as clients use it."""
        names = [name for name in streams.split("/") if "@" in name]
        if not all(_NAME.fullmatch(name) for name in names):
            return False
        self._conns[conn] = _Conn(combined, facts)
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
        state, names = self._conns[conn], [str(name) for name in params]
        result: Any = None
        match method:
            case "SUBSCRIBE":
                strange = [name for name in names if not _NAME.fullmatch(name)]
                if self._exchange.strikes("refuse", str(names)):
                    self._refuse(conn, ref, "too many subscriptions", 3)
                elif strange:
                    self._refuse(conn, ref, f"stream {strange[0]} is not served")
                elif len(self._subs.keys(conn)) + len(names) > 1024:
                    self._refuse(conn, ref, "1024 streams at most", 3)
                else:
                    # the answer comes before the first frame of the new streams
                    self._wire.tell(conn, {"result": None, "id": ref})
                    for name in names:
                        self._subscribe(conn, name, now_ns)
                return
            case "UNSUBSCRIBE":
                for name in names:
                    self._subs.drop(conn, name)
            case "LIST_SUBSCRIPTIONS":
                result = self._subs.keys(conn)
            case "SET_PROPERTY" if names[:1] == ["combined"] and len(params) == 2:
                state.combined = bool(params[1])
            case "GET_PROPERTY" if params == ["combined"]:
                result = state.combined
            case _:
                self._refuse(conn, ref, f"unknown method or property {method}")
                return
        self._wire.tell(conn, {"result": result, "id": ref})

    def _refuse(self, conn: int, ref: Any, why: str, code: int = 2) -> None:
        self._wire.tell(conn, {"error": {"code": code, "msg": f"Invalid request: {why}"}, "id": ref})

    def _subscribe(self, conn: int, name: str, now_ns: int) -> None:
        """A stream of an unknown symbol has no data: the venue does not report it."""
        match = _NAME.fullmatch(name)
        assert match is not None
        kind, symbol = match[2], self._conns[conn].facts.symbols.get(match[1].upper(), "")
        sub = self._subs.add(conn, name, (kind, symbol), symbol)
        if sub is None or not symbol or kind in ("trade", "aggTrade", "bookTicker"):
            return
        send = self._ticker if "icker" in kind else self._kline if kind.startswith("kline") else self._partial
        if kind == "depth":
            sub.feed, send = self._exchange.books[symbol].feed(), self._diff
        period_ns = (100 if match[3] == "@100ms" else 2000 if send == self._kline else 1000) * wire.MS
        sub.timer = self._timers.every(period_ns, lambda now: send(sub, now), now_ns)

    # --- payloads ---------------------------------------------------------------------------------------------------

    def top(self, report: sim.TopReport) -> None:
        """bookTicker: pushed at every change of the best bid or ask; ``u`` is an update id of the depth stream."""
        for sub in self._subs.of(("bookTicker", report.symbol)):
            self._send(sub, wire.TOP_EVENT.of(self._conns[sub.conn].facts.top(report)), "top")

    def trades(self, reports: Sequence[sim.TradeReport], now_ns: int) -> None:
        """The trade stream: every match. The aggTrade stream: the matches of one taker order at one price. ``m``: the
        buyer was the maker."""
        for one in reports:
            for sub in self._subs.of(("trade", one.symbol)):
                self._event(sub, "trade", now_ns, wire.TRADE_EVENT.of(self._conns[sub.conn].facts.trade(one)))
        for group in wire.aggregated(reports):
            for sub in self._subs.of(("aggTrade", group[0].symbol)):
                self._event(sub, "aggTrade", now_ns, wire.aggregate_row(self._conns[sub.conn].facts, group))

    def _ticker(self, sub: sim.Sub, now_ns: int) -> None:
        """ticker and miniTicker: each second, if something changed."""
        mini = sub.topic[0] == "miniTicker"
        told = (wire.MINI_EVENT if mini else wire.DAY_EVENT).of(self._conns[sub.conn].facts.day(sub.arg, now_ns))
        if sub.news(told):
            self._event(sub, "24hrMiniTicker" if mini else "24hrTicker", now_ns, told, "control")

    def _kline(self, sub: sim.Sub, now_ns: int) -> None:
        """kline: each 2 seconds, if something changed; ``x``: the candle is closed."""
        interval, facts = sub.topic[0].removeprefix("kline_"), self._conns[sub.conn].facts
        for known in sub.candles(facts, sub.arg, wire.PERIODS[interval], now_ns):
            self._event(sub, "kline", now_ns, {"k": wire.KLINE_EVENT.of(known, i=interval)}, "control")

    def _diff(self, sub: sim.Sub, now_ns: int) -> None:
        """Diff depth: the levels that changed, absolute; ``U`` is the last ``u`` + 1. Nothing when nothing changed."""
        assert sub.feed is not None
        if sub.feed.pending:
            first, last, bids, asks = sub.feed.take()
            facts = self._conns[sub.conn].facts
            sides = {"b": facts.levels(sub.arg, bids), "a": facts.levels(sub.arg, asks)}
            self._event(sub, "depthUpdate", now_ns, {"U": first, "u": last, **sides}, "book")

    def _partial(self, sub: sim.Sub, now_ns: int) -> None:
        """Partial depth: a snapshot of the best levels. It contains no symbol."""
        self._send(sub, wire.snapshot(self._conns[sub.conn].facts, sub.arg, int(sub.topic[0][5:])), "book")

    def _event(self, sub: sim.Sub, name: str, now_ns: int, row: dict[str, Any], kind: str = "trades") -> None:
        facts = self._conns[sub.conn].facts
        self._send(sub, {"e": name, "E": facts.time(now_ns), "s": facts.native(sub.arg), **row}, kind)

    def _send(self, sub: sim.Sub, row: dict[str, Any], kind: str) -> None:
        body = {"stream": sub.key, "data": row} if self._conns[sub.conn].combined else row
        self._wire.tell(sub.conn, body, kind, sub.arg)
