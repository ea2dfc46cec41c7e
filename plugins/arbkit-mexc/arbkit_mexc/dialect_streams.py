"""MEXC's channels for the dialect, public and private, on one kind of socket. Pushes are binary, answers are text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from arbkit import sim

from . import dialect_wire as wire
from .dialect_pack import pack

__all__ = ["Streams"]

_PUBLIC: Final = re.compile(
    r"spot@public\.(?:aggre\.(depth|deals|bookTicker)\.v3\.api\.pb@(100ms|10ms)@([A-Z0-9]+)"
    r"|limit\.depth\.v3\.api\.pb@([A-Z0-9]+)@(5|10|20))"
)
_PRIVATE: Final = {f"spot@private.{name}.v3.api.pb": name for name in ("orders", "deals", "account")}
_COLON: Final = "\uff1a"
"""The venue's text has a colon of full width."""
_MOST: Final = 30
"""Topics of a connection."""


class Streams:
    """The subscriptions and pushes of one exchange."""

    def __init__(self, facts: sim.Facts, conns: sim.Conns) -> None:
        self._facts, self._exchange = facts, facts.exchange
        self._conns, self._timers, self._wire = conns, conns.timers, conns.wire
        self._subs = sim.Subs(conns)

    def count(self, conn: int) -> int:
        return len(self._subs.keys(conn))

    def change(self, conn: sim.Conn, method: str, topics: Sequence[str], number: int, now_ns: int) -> None:
        """The answer names the topics that succeeded, and another one those that failed; code 0 stands for both. First
        data comes after it."""
        if method == "UNSUBSCRIPTION":
            for topic in topics:
                self._subs.drop(conn.id, topic)
            self._answer(conn, number, ",".join(topics))
            return
        blocked = now_ns < self._exchange.limited_until_ns or self._exchange.strikes("refuse", str(topics))
        fine: list[str] = []
        for topic in topics:
            full = self.count(conn.id) + len(fine) >= _MOST
            if not blocked and not full and self._served(conn, topic):
                fine.append(topic)
        failed = [topic for topic in topics if topic not in fine]
        if fine:
            self._answer(conn, number, ",".join(fine))
        if failed:
            self._answer(conn, number, f"Not Subscribed successfully! [{','.join(failed)}].  Reason{_COLON} Blocked! ")
        for topic in fine:
            self._start(conn, topic, now_ns)

    def _answer(self, conn: sim.Conn, number: int, text: str) -> None:
        conn.tell({"id": number, "code": 0, "msg": text})

    def _served(self, conn: sim.Conn, topic: str) -> bool:
        if topic in _PRIVATE:
            return conn.account is not None
        match = _PUBLIC.fullmatch(topic)
        return match is not None and (match[3] or match[4]) in self._facts.symbols

    def _start(self, conn: sim.Conn, topic: str, now_ns: int) -> None:
        if topic in _PRIVATE and conn.account is not None:
            self._subs.add(conn.id, topic, (topic, conn.account.name))
            return
        match = _PUBLIC.fullmatch(topic)
        assert match is not None
        symbol = self._facts.symbols[match[3] or match[4]]
        sub = self._subs.add(conn.id, topic, (match[1], symbol) if match[1] == "deals" else topic, symbol)
        if sub is None or match[1] == "deals":
            return
        period_ns = (10 if match[2] == "10ms" else 100) * wire.MS
        if match[1] == "depth":
            sub.feed = self._exchange.books[symbol].feed()
            sub.timer = self._timers.every(period_ns, lambda now: self._changes(sub, now), now_ns)
        elif match[1] == "bookTicker":
            sub.timer = self._timers.every(period_ns, lambda now: self._top(sub, now), now_ns)
        else:
            levels = int(match[5])
            sub.timer = self._timers.every(period_ns, lambda now: self._whole(sub, levels, now), now_ns)

    # --- public -----------------------------------------------------------------------------------------------------

    def _sides(self, sub: sim.Sub, sides: tuple[Any, Any]) -> dict[str, Any]:
        bids, asks = (wire.level_rows(self._facts.levels(sub.arg, side)) for side in sides)
        return {"asks": asks, "bids": bids, "eventType": _event(sub)}

    def _changes(self, sub: sim.Sub, now_ns: int) -> None:
        """``fromVersion`` is the ``toVersion`` before it + 1. Nothing is sent without a change."""
        assert sub.feed is not None
        if sub.feed.pending:
            first, last, bids, asks = sub.feed.take()
            body = self._sides(sub, (bids, asks)) | {"fromVersion": str(first), "toVersion": str(last)}
            self._push(sub, {"publicAggreDepths": body}, "book", sub.arg, now_ns)

    def _whole(self, sub: sim.Sub, levels: int, now_ns: int) -> None:
        book = self._exchange.books[sub.arg]
        if sub.news(sides := book.depth(levels)):
            body = self._sides(sub, sides) | {"version": str(book.seq)}
            self._push(sub, {"publicLimitDepths": body}, "book", sub.arg, now_ns)

    def _top(self, sub: sim.Sub, now_ns: int) -> None:
        book = self._exchange.books[sub.arg]
        body = wire.TOP_PUSH.of(self._facts.top(sim.TopReport(sub.arg, book.seq, *book.top())))
        if sub.news(body):
            self._push(sub, {"publicAggreBookTicker": body | {"version": str(book.seq)}}, "top", sub.arg, now_ns)

    def trades(self, reports: Sequence[sim.TradeReport], now_ns: int) -> None:
        for symbol in dict.fromkeys(one.symbol for one in reports):
            rows = [wire.print_push(self._facts, one) for one in reports if one.symbol == symbol]
            for sub in self._subs.of(("deals", symbol)):
                body = {"deals": rows, "eventType": _event(sub)}
                self._push(sub, {"publicAggreDeals": body}, "trades", symbol, now_ns)

    # --- private ----------------------------------------------------------------------------------------------------

    def order(self, report: sim.OrderReport, now_ns: int) -> None:
        """The order after each change, and the fill on its own channel."""
        account, symbol = report.order.account, report.order.symbol
        self._tell("orders", account, {"privateOrders": wire.order_push(self._facts, report)}, symbol, now_ns)
        if report.fill is not None:
            self._tell("deals", account, {"privateDeals": wire.deal_push(self._facts, report.fill)}, symbol, now_ns)

    def balance(self, report: sim.BalanceReport, now_ns: int) -> None:
        for row in report.balances:
            body = {"privateAccount": wire.money_push(self._facts, row, report.ns)}
            self._tell("account", report.account, body, "", now_ns)

    def _tell(self, name: str, account: str, body: dict[str, Any], symbol: str, now_ns: int) -> None:
        for sub in self._subs.of((f"spot@private.{name}.v3.api.pb", account)):
            sub.arg = symbol
            self._push(sub, body, "user", "", now_ns)

    def _push(self, sub: sim.Sub, body: dict[str, Any], kind: str, symbol: str, now_ns: int) -> None:
        names = {"symbol": self._facts.native(sub.arg)} if sub.arg else {}
        frame = {"channel": sub.key, **names, "sendTime": self._facts.time(now_ns), **body}
        self._wire.tell(sub.conn, frame, kind, symbol, pack)


def _event(sub: sim.Sub) -> str:
    """``eventType``: the topic without its pair."""
    return str(sub.key).rpartition("@")[0]
