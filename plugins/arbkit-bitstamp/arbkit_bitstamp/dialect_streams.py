"""Bitstamp's channels for the dialect, public and private (www.bitstamp.net/websocket/v2)."""

from __future__ import annotations

import re
from typing import Any, Final

from arbkit import sim

from . import dialect_wire as wire
from .dialect_calls import Calls

__all__ = ["Streams"]

_PUBLIC: Final = ("diff_order_book", "order_book", "live_trades")
_PRIVATE: Final = ("private-my_orders", "private-my_trades")
_CHANNEL: Final = re.compile(r"([a-z_-]+)_([a-z0-9]+)(?:-([0-9]+))?", re.ASCII)
_EVERY_NS: Final = 100_000_000
"""Books are pushed when they changed, so often at most. No page states it."""
_TOP: Final = 100
MOST: Final = 1024
"""Channels of a connection."""
_INVALID: Final = ("", "Invalid channel provided.")


class Streams:
    """The subscriptions of all connections, and the time at which each book changed last."""

    def __init__(self, facts: sim.Facts, conns: sim.Conns) -> None:
        self._facts, self._exchange = facts, facts.exchange
        self._conns, self._timers, self._subs = conns, conns.timers, sim.Subs(conns)
        self._changed: dict[str, tuple[int, int]] = {}
        self._events = 0

    def stamp(self, symbol: str, now_ns: int) -> int:
        """When a book changed last, in microseconds: no two states of it have the same."""
        seq, us = self._changed.get(symbol, (-1, 0))
        if (now := self._exchange.books[symbol].seq) != seq:
            us = max(us + 1, now_ns // 1000)
            self._changed[symbol] = now, us
        return us

    def full(self, conn: int) -> bool:
        return len(self._subs.keys(conn)) >= MOST

    def subscribe(self, conn: sim.Conn, channel: str, token: str, calls: Calls, now_ns: int) -> None:
        """An unknown pair is acknowledged, and silent. Raises ``Problem`` for a channel of another form."""
        kind, native = self._known(channel)
        topic: tuple[str, ...] = (kind, native)
        if kind in _PRIVATE:
            account = calls.holder(token, now_ns) or conn.account
            wanted = channel.rpartition("-")[2]
            if account is None or wanted != str(account.uid):
                raise sim.Problem(4009, "Connection is unauthorized.")
            conn.account = account
            topic = (kind, native, account.name)
        sub = self._subs.add(conn.id, channel, topic, channel, now_ns)
        symbol = self._facts.symbols.get(native)
        if sub is None or symbol is None:
            return
        if kind.endswith("order_book"):
            sub.depth = sim.SimDepth(self._exchange.books[symbol], 1 << 20 if kind == "diff_order_book" else _TOP)
            self.stamp(symbol, now_ns)
            sub.timer = self._timers.every(_EVERY_NS, lambda now: self._book(sub, kind, symbol, now), now_ns)

    def unsubscribe(self, conn: sim.Conn, channel: str) -> None:
        self._known(channel)
        self._subs.drop(conn.id, channel)

    @staticmethod
    def _known(channel: str) -> tuple[str, str]:
        found = _CHANNEL.fullmatch(channel)
        if found is None or found[1] not in (*_PUBLIC, *_PRIVATE):
            raise sim.Problem(*_INVALID)
        return found[1], found[2]

    def _book(self, sub: sim.Sub, kind: str, symbol: str, now_ns: int) -> None:
        """The levels that changed, or the best 100 of each side. There is no push at the beginning."""
        assert sub.depth is not None
        change = sub.depth.step()
        if change is None:
            return
        _, _, bids, asks = change
        if kind == "order_book":
            bids, asks = sub.depth.bids, sub.depth.asks
        us = self.stamp(symbol, now_ns)
        sides = {"bids": self._facts.levels(symbol, bids), "asks": self._facts.levels(symbol, asks)}
        data = {"timestamp": str(us // 1_000_000), "microtimestamp": str(us), **sides}
        self._push(sub, "data", data, "book", symbol)

    def trade(self, report: sim.TradeReport) -> None:
        for sub in self._subs.of(("live_trades", self._facts.native(report.symbol))):
            self._push(sub, "trade", wire.trade_push(self._facts, report), "trades", report.symbol)

    def order(self, report: sim.OrderReport) -> None:
        """An event of the order, and one of the trade that caused it."""
        order, native = report.order, self._facts.native(report.order.symbol)
        event = "order_created" if report.kind == "new" else "order_changed"
        if report.status.terminal:
            event = "order_deleted"
        for sub in self._subs.of(("private-my_orders", native, order.account)):
            self._events += 1
            chain = {"event_id": f"{self._events:032x}", "pre_event_id": f"{self._events - 1:032x}"}
            row = wire.order_push(self._facts, report)
            self._push(sub, event, row, "user", **chain, order_source="orderbook")
        if report.fill is not None:
            for sub in self._subs.of(("private-my_trades", native, order.account)):
                self._push(sub, "trade", wire.fill_push(self._facts, report.fill), "user")

    def _push(self, sub: sim.Sub, event: str, data: Any, kind: str, symbol: str = "", **more: Any) -> None:
        self._conns[sub.conn].tell({"data": data, "channel": sub.arg, "event": event, **more}, kind, symbol)
