"""HTX's channels for the dialect: books on ``/feed``, trades on ``/ws``, the account on ``/ws/v2``."""

from __future__ import annotations

import re
from typing import Any, Final

from arbkit import sim

from . import dialect_wire as wire
from .dialect_calls import ACCOUNTS

__all__ = ["Streams"]

_TOPIC: Final = re.compile(r"market\.([a-z0-9]+)\.([a-z0-9.]+)", re.ASCII)
_BOOKS: Final = {"mbp.5": (5, 20), "mbp.20": (20, 20), "mbp.150": (150, 100), "mbp.400": (400, 100)}
"""Levels a side, and how often changes are pushed, in ms; of the small ones each change is."""
_OWN: Final = re.compile(r"(orders)#([a-z0-9]+|\*)|(trade\.clearing)#([a-z0-9]+|\*)#([01])|(accounts\.update)#([012])")
_GAP_NS: Final = 100 * wire.MS
"""Between two requests for a whole book on a connection."""


class Streams:
    """The subscriptions and pushes of one exchange."""

    def __init__(self, facts: sim.Facts, conns: sim.Conns) -> None:
        self._facts, self._exchange = facts, facts.exchange
        self._conns, self._timers = conns, conns.timers
        self._subs = sim.Subs(conns)
        self._asked_ns: dict[int, int] = {}
        conns.on_close(lambda conn: self._asked_ns.pop(conn, None))

    # --- public -----------------------------------------------------------------------------------------------------

    def _named(self, conn: sim.Conn, topic: str) -> tuple[str, str]:
        """Symbol and channel. Raises the venue's error for a topic that this socket does not have."""
        match = _TOPIC.fullmatch(topic)
        symbol = self._facts.symbols.get(match[1]) if match else None
        channel = match[2] if match else ""
        served = channel in _BOOKS if conn.path == "feed" else channel in ("trade.detail", "ticker", "detail")
        if symbol is None or not served:
            raise sim.Problem("bad-request", f"invalid topic {topic}")
        return symbol, channel

    def subscribe(self, conn: sim.Conn, topic: str, name: str, now_ns: int) -> None:
        """The answer, and what begins. A suspended symbol is acknowledged and stays silent."""
        symbol, channel = self._named(conn, topic)
        conn.tell({"id": name, "status": "ok", "subbed": topic, "ts": now_ns // wire.MS})
        if symbol in self._exchange.halted:
            return
        sub = self._subs.add(conn.id, topic, topic, None, now_ns)
        if sub is None:
            return
        if channel in _BOOKS:
            depth, every = _BOOKS[channel]
            sub.depth = sim.SimDepth(self._exchange.books[symbol], depth)
            sub.last = sub.depth.seq
            sub.timer = self._timers.every(every * wire.MS, lambda now: self._change(sub, symbol, now), now_ns)
        elif channel != "trade.detail":
            sub.timer = self._timers.every(wire.S, lambda now: self._ticker(sub, symbol, now), now_ns)

    def unsubscribe(self, conn: sim.Conn, topic: str, name: str, now_ns: int) -> None:
        self._named(conn, topic)
        self._subs.drop(conn.id, topic)
        conn.tell({"id": name, "status": "ok", "unsubbed": topic, "ts": now_ns // wire.MS})

    def request(self, conn: sim.Conn, topic: str, name: str, now_ns: int) -> None:
        """The whole book, at the number of the last change that was pushed, where the topic is subscribed."""
        symbol, channel = self._named(conn, topic)
        early = now_ns - self._asked_ns.get(conn.id, -_GAP_NS) < _GAP_NS
        sim.refuse(early or channel not in _BOOKS, "bad-request", "429 too many request" if early else "invalid topic")
        self._asked_ns[conn.id] = now_ns
        if symbol in self._exchange.halted:
            return
        book = self._exchange.books[symbol]
        sub = next((one for one in self._subs.of(topic) if one.conn == conn.id), None)
        if sub is not None and sub.depth is not None:
            seq, sides = sub.last, (sub.depth.bids, sub.depth.asks)
        else:
            seq, sides = book.seq, book.depth(_BOOKS[channel][0])
        bids, asks = (wire.levels(self._facts, symbol, side) for side in sides)
        data = {"seqNum": seq, "bids": bids, "asks": asks}
        conn.tell({"id": name, "rep": topic, "status": "ok", "ts": now_ns // wire.MS, "data": data}, "book", symbol)

    def _change(self, sub: sim.Sub, symbol: str, now_ns: int) -> None:
        """``prevSeqNum`` is the ``seqNum`` of the push before. What falls out of the depth is not told."""
        change = sub.depth.step() if sub.depth is not None else None
        if change is None or sub.depth is None:
            return
        lost, first, *sides = change
        previous, sub.last = first - 1 if lost else sub.last, sub.depth.seq
        book, levels = self._exchange.books[symbol], sub.depth.levels
        low, high = book.last_px(True, levels), book.last_px(False, levels) or 1 << 62
        told = [[(px, lots) for px, lots in side if lots or low < px < high] for side in sides]
        bids, asks = (wire.levels(self._facts, symbol, side) for side in told)
        tick = {"seqNum": sub.last, "prevSeqNum": previous, "bids": bids, "asks": asks}
        self._push(sub, tick, "book", symbol, now_ns)

    def _ticker(self, sub: sim.Sub, symbol: str, now_ns: int) -> None:
        row = wire.ticker(self._facts, symbol)
        best = {f"{side}{more}": row[side][at] for side in ("bid", "ask") for at, more in enumerate(("", "Size"))}
        self._push(sub, {**row, **best}, "control", symbol, now_ns)

    def trade(self, report: sim.TradeReport, now_ns: int) -> None:
        row = wire.trade_row(self._facts, report)
        for sub in self._subs.of(f"market.{self._facts.native(report.symbol)}.trade.detail"):
            tick = {"id": report.id, "ts": now_ns // wire.MS, "data": [row]}
            self._push(sub, tick, "trades", report.symbol, now_ns)

    def _push(self, sub: sim.Sub, tick: dict[str, Any], kind: str, symbol: str, now_ns: int) -> None:
        body = {"ch": sub.topic, "ts": now_ns // wire.MS, "tick": tick}
        self._conns[sub.conn].tell(body, kind, symbol)

    # --- the account ------------------------------------------------------------------------------------------------

    def own(self, conn: sim.Conn, op: str, channel: str, now_ns: int) -> None:
        """A channel of the account: an answer, then its data. Raises the venue's error."""
        match = _OWN.fullmatch(channel)
        sim.refuse(conn.account is None, 2002, "invalid.auth.state")
        if match is None or conn.account is None:
            raise sim.Problem(2001, "invalid.ch")
        kind = next(name for name in match.groups()[::1] if name)
        conn.tell({"action": op, "code": 200, "ch": channel, "data": {}})
        if op == "unsub":
            self._subs.drop(conn.id, channel)
            return
        owner = conn.account.name
        sub = self._subs.add(conn.id, channel, (kind, owner), match, now_ns)
        if sub is not None and kind == "accounts.update":
            for row in self._exchange.balances(owner):  # one message a currency
                self._tell(sub, channel, wire.money_push(self._facts, row, self._number(owner), None, now_ns))

    def _number(self, owner: str) -> int:
        return ACCOUNTS + self._exchange.accounts[owner].uid

    def order(self, report: sim.OrderReport) -> None:
        order, number = report.order, self._number(report.order.account)
        native = self._facts.native(order.symbol)
        for sub in self._subs.of(("orders", order.account)):
            if sub.arg[2] in ("*", native):
                self._tell(sub, f"orders#{native}", wire.order_push(self._facts, report, number))
        if report.fill is None:
            return
        for sub in self._subs.of(("trade.clearing", order.account)):
            if sub.arg[4] in ("*", native):
                row = wire.cleared(self._facts, report, report.fill, number)
                self._tell(sub, f"trade.clearing#{native}#{sub.arg[5]}", row)

    def balance(self, report: sim.BalanceReport) -> None:
        number = self._number(report.account)
        for sub in self._subs.of(("accounts.update", report.account)):
            for row in report.balances:
                told = wire.money_push(self._facts, row, number, "order.match", report.ns)
                self._tell(sub, str(sub.key), told)

    def _tell(self, sub: sim.Sub, channel: str, data: dict[str, Any]) -> None:
        self._conns[sub.conn].tell({"action": "push", "ch": channel, "data": data}, "user")
