"""Binance's public streams for the dialect: subscriptions of market stream connections, and their frames."""

from __future__ import annotations

import re
from collections.abc import Sequence
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


class _Message(msgspec.Struct):
    """A control message."""

    method: str
    params: list[Any] | None = None
    id: int | str | None = None


class Streams:
    """web-socket-streams.md: subscriptions and payloads. The path of a connection is ``combined`` if payloads are
    wrapped with the name of their stream, else ``raw``."""

    def __init__(self, exchange: sim.SimExchange, conns: sim.Conns) -> None:
        self._exchange = exchange
        self._conns = conns
        self._wire, self._timers = conns.wire, conns.timers
        self._subs = sim.Subs(conns)
        # "WebSocket connections have a limit of 5 incoming messages per second"
        self._incoming = sim.Window(5, 1_000_000_000)

    def connect(self, conn: sim.Conn, streams: str, now_ns: int) -> bool:
        """Begin with ``streams``, separated by slashes. False if one is not served. A text that is no name
        of a stream is accepted, as clients use it."""
        names = [name for name in streams.split("/") if "@" in name]
        if not all(_NAME.fullmatch(name) for name in names):
            return False
        for name in names:
            self._subscribe(conn, name, now_ns)
        return True

    def frame(self, conn: sim.Conn, text: str, now_ns: int) -> None:
        """A client's control message."""
        if not self._incoming.add(str(conn.id), 1, now_ns):
            self._wire.close(conn.id, 1008, "Too many requests")
            return
        if len(text.encode()) > _MOST_BYTES:
            return
        ref: int | str | None = None
        try:
            try:
                message = msgspec.json.decode(text, type=_Message)
            except msgspec.DecodeError:
                raise sim.Problem(2, "the message is not a request object") from None
            ref = message.id
            reply = {"result": self._control(conn, message.method, message.params or [], now_ns)}
        except sim.Problem as problem:
            reply = {"error": {"code": problem.code, "msg": f"Invalid request: {problem.msg}"}}
        conn.tell(reply | {"id": ref})

    def _control(self, conn: sim.Conn, method: str, params: list[Any], now_ns: int) -> Any:
        """ "Live Subscribing/Unsubscribing to streams": the result. First frames come after the answer."""
        names, had = [str(name) for name in params], self._subs.keys(conn.id)
        match method:
            case "SUBSCRIBE":
                sim.refuse(self._exchange.strikes("refuse", str(names)), 3, "too many subscriptions")
                for name in names:
                    sim.refuse(not _NAME.fullmatch(name), 2, f"stream {name} is not served")
                sim.refuse(len(had) + len(names) > 1024, 3, "1024 streams at most")
                for name in names:
                    self._subscribe(conn, name, now_ns)
            case "UNSUBSCRIBE":
                for name in names:
                    self._subs.drop(conn.id, name)
            case "LIST_SUBSCRIPTIONS":
                return had
            case "SET_PROPERTY" if names[:1] == ["combined"] and len(params) == 2:
                conn.path = "combined" if params[1] else "raw"
            case "GET_PROPERTY" if params == ["combined"]:
                return conn.path == "combined"
            case _:
                raise sim.Problem(2, f"unknown method or property {method}")
        return None

    def _subscribe(self, conn: sim.Conn, name: str, now_ns: int) -> None:
        """A stream of an unknown symbol has no data: the venue does not report it."""
        match = _NAME.fullmatch(name)
        assert match is not None
        kind, symbol = match[2], conn.facts.symbols.get(match[1].upper(), "")
        sub = self._subs.add(conn.id, name, (kind, symbol), symbol)
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
        conn = self._conns[sub.conn]
        conn.tell({"stream": sub.key, "data": row} if conn.path == "combined" else row, kind, sub.arg)
