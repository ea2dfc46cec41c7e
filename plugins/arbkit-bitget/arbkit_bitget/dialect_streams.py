"""Bitget's channels for the dialect, public and private (v2/ws/public, v2/ws/private)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from arbkit import sim

from . import dialect_wire as wire
from .dialect_calls import Calls

__all__ = ["Streams"]

Key = tuple[str, str]
"""Channel and instrument (or coin) of a subscription."""
_EVERY: Final = {"books": 100, "books15": 200, "books5": 200, "books1": 20, "ticker": 200}
"""Public channels that are pushed at intervals if they changed, in ms. The page has 200 for ``books``, and 100 were
measured for BTC; ``books1`` has 10 for some pairs."""
_LEVELS: Final = {"books15": 15, "books5": 5, "books1": 1}
_BOOK: Final = 400
"""Levels a side of ``books``; 500 and 200 were seen too."""
_RECENT: Final = 50
_PRIVATE: Final = {"orders": "instId", "fill": "instId", "account": "coin"}
"""The private channels, and what names their subject."""
_ALL: Final = "default"


class Streams:
    """The subscriptions and pushes of one exchange."""

    def __init__(self, facts: sim.Facts, calls: Calls, conns: sim.Conns) -> None:
        self._facts, self._exchange = facts, facts.exchange
        self._calls = calls
        self._conns, self._timers = conns, conns.timers
        self._subs = sim.Subs(conns)

    # --- subscriptions ----------------------------------------------------------------------------------------------

    def change(self, conn: sim.Conn, op: str, arg: Any, now_ns: int) -> None:
        """One argument: an answer that repeats it, before its data. Raises ``Problem`` if the venue refuses it."""
        if not isinstance(arg, dict) or not all(isinstance(value, str) for value in arg.values()):
            raise sim.Problem("30016", "Param error")
        channel = arg.get("channel", "")
        name = arg.get(_PRIVATE.get(channel, "instId"), "")
        private = channel in _PRIVATE
        sim.refuse(private and conn.account is None, "30004", "User needs to log in")
        known = name in self._facts.symbols or (private and name == _ALL)
        served = channel in _PRIVATE if conn.path == "private" else channel in (*_EVERY, "trade")
        sim.refuse(channel == "books50", "30016", "Param error")
        if not served or not known or "instType" not in arg:
            told = ",".join(f"{key}:{value}" for key, value in arg.items())
            raise sim.Problem("30001", f"{told} doesn't exist")
        conn.tell({"event": op, "arg": arg})
        if op == "unsubscribe":
            self._subs.drop(conn.id, (channel, name))
        elif arg["instType"] == "SPOT":  # of another type, a known name is acknowledged and then silent
            topic = (channel, conn.account.name) if private and conn.account else (channel, name)
            sub = self._subs.add(conn.id, (channel, name), topic, arg, now_ns)
            if sub is not None:
                self._start(conn, sub, channel, now_ns)

    def _start(self, conn: sim.Conn, sub: sim.Sub, channel: str, now_ns: int) -> None:
        symbol = self._facts.symbols.get(sub.arg.get("instId", ""), "")
        if channel == "account" and conn.account is not None:
            self._push(sub, self._calls.coins(self._facts, conn.account.name, now_ns), "user", "", now_ns)
        elif channel == "trade":
            newest, _ = sim.page(self._exchange.trades[symbol].newest, lambda one: one.id, _RECENT)
            if newest:
                self._push(sub, [wire.TRADE.of(self._facts.trade(one)) for one in newest], "trades", symbol, now_ns)
        elif channel == "books":
            sub.depth = depth = sim.SimDepth(self._exchange.books[symbol], _BOOK)
            sub.last = depth.seq
            self._book(sub, "snapshot", symbol, (depth.bids, depth.asks), 0, now_ns)
            self._repeat(sub, channel, lambda now: self._delta(sub, symbol, now), now_ns)
        elif channel in _EVERY:
            self._whole(sub, channel, symbol, now_ns)
            self._repeat(sub, channel, lambda now: self._whole(sub, channel, symbol, now), now_ns)

    def _repeat(self, sub: sim.Sub, channel: str, call: Any, now_ns: int) -> None:
        sub.timer = self._timers.every(_EVERY[channel] * wire.MS, call, now_ns)

    # --- public -----------------------------------------------------------------------------------------------------

    def trade(self, report: sim.TradeReport, now_ns: int) -> None:
        row = wire.TRADE.of(self._facts.trade(report))
        for sub in self._subs.of(("trade", self._facts.native(report.symbol))):
            self._push(sub, [row], "trades", report.symbol, now_ns, "update")

    def _delta(self, sub: sim.Sub, symbol: str, now_ns: int) -> None:
        """``pseq`` is the ``seq`` of the message before; nothing is sent without a change."""
        change = sub.depth.step() if sub.depth is not None else None
        if change is None or sub.depth is None:
            return
        lost, first, bids, asks = change
        if bids or asks or lost:
            # a fault: earlier changes are lost, and pseq shows the gap
            previous, sub.last = first - 1 if lost else sub.last, sub.depth.seq
            self._book(sub, "update", symbol, (bids, asks), previous, now_ns)

    def _book(
        self, sub: sim.Sub, action: str, symbol: str, sides: tuple[sim.Levels, sim.Levels], previous: int, now_ns: int
    ) -> None:
        bids, asks = (self._facts.levels(symbol, side) for side in sides)
        row = {"asks": asks, "bids": bids, "ts": self._facts.time(now_ns), "seq": sub.last, "pseq": previous}
        self._push(sub, [row], "book", symbol, now_ns, action)

    def _whole(self, sub: sim.Sub, channel: str, symbol: str, now_ns: int) -> None:
        """A channel that sends all it has in each push."""
        book = self._exchange.books[symbol]
        if channel == "ticker":
            row = wire.ticker_row(self._facts, symbol, 0, "instId")
            if sub.news(row):
                self._push(sub, [row | {"ts": self._facts.time(now_ns)}], "control", symbol, now_ns)
            return
        sides = book.depth(_LEVELS[channel])
        if sub.news(sides):
            bids, asks = (self._facts.levels(symbol, side) for side in sides)
            row = {"asks": asks, "bids": bids, "ts": self._facts.time(now_ns), "seq": book.seq}
            self._push(sub, [row], "book", symbol, now_ns)

    # --- private ----------------------------------------------------------------------------------------------------

    def order(self, report: sim.OrderReport, now_ns: int) -> None:
        """One push for each change, and one on the fill channel for each fill."""
        order, symbol = report.order, self._facts.native(report.order.symbol)
        rows: list[tuple[str, Mapping[str, Any]]] = [("orders", wire.order_push(self._facts, report))]
        if report.fill is not None:
            rows.append(("fill", wire.fill_row(self._facts, report.fill, pushed=True)))
        for channel, row in rows:
            for sub in self._subs.of((channel, order.account)):
                if sub.arg["instId"] in (_ALL, symbol):
                    self._push(sub, [row], "user", "", now_ns)

    def balance(self, report: sim.BalanceReport, now_ns: int) -> None:
        """The coins that one event changed."""
        for asset, _, _ in report.balances:
            self._calls.balance_ns[report.account, asset] = report.ns
        rows = [wire.money_row(self._facts, row, report.ns) for row in report.balances]
        for sub in self._subs.of(("account", report.account)):
            self._push(sub, rows, "user", "", now_ns)

    def _push(
        self, sub: sim.Sub, rows: list[Any], kind: str, symbol: str, now_ns: int, action: str = "snapshot"
    ) -> None:
        body = {"action": action, "arg": sub.arg, "data": rows, "ts": now_ns // wire.MS}
        self._conns[sub.conn].tell(body, kind, symbol)
