"""Crypto.com's channels for the dialect, of the market and the user socket."""

from __future__ import annotations

from typing import Any, Final

from arbkit import sim

from . import dialect_wire as wire

__all__ = ["Streams"]

_MOST: Final = 400
"""Channels of a connection."""
_AFTER: Final = 1 * wire.S
"""The first book comes so long after the answer, as measured."""
_IDLE: Final = 5 * wire.S
_DELTAS: Final = ("10", "50")
_PRIVATE: Final = ("user.order", "user.trade", "user.balance")
_RECENT: Final = 20


class Streams:
    """The subscriptions and pushes of one exchange."""

    def __init__(self, facts: sim.Facts, conns: sim.Conns) -> None:
        self._facts, self._exchange = facts, facts.exchange
        self._conns, self._timers = conns, conns.timers
        self._subs = sim.Subs(conns)

    # --- subscriptions ----------------------------------------------------------------------------------------------

    def change(self, conn: sim.Conn, op: str, number: int, name: str, params: dict[str, Any], now_ns: int) -> None:
        """One channel: an answer of its own, before its data. Raises ``Problem`` if the venue refuses it."""
        kind, topic, symbol = self._known(conn, name)
        answer = {"id": number, "method": op, "code": 0, "channel": name}
        if op == "unsubscribe":  # also of something that is not subscribed
            self._subs.drop(conn.id, name)
            conn.tell(answer)
            return
        deltas = kind == "book" and params.get("book_subscription_type") == "SNAPSHOT_AND_UPDATE"
        every_ms = str(params.get("book_update_frequency") or ("10" if deltas else "500"))
        if kind == "book":
            depths, times = (_DELTAS, ("10", "100")) if deltas else ((*_DELTAS, "150"), ("500",))
            if name.split(".")[2] not in depths or every_ms not in times:
                raise wire.problem(40003, "Unsupported depth/interval combination")
        if len(self._subs.keys(conn.id)) >= _MOST and not self._subs.has(conn.id, name):
            raise wire.problem(40107, "EXCEED_MAX_SUBSCRIPTIONS")
        conn.tell(answer)
        sub = self._subs.add(conn.id, name, topic, kind, now_ns)
        if sub is None:
            return
        if kind == "book":
            period_ns = int(every_ms) * wire.MS
            sub.timer = self._timers.at(now_ns + _AFTER, lambda now: self._open(sub, symbol, period_ns, deltas, now))
        elif kind == "trade":
            self._recent(sub, symbol)
        elif kind == "ticker":
            sub.timer = self._timers.every(100 * wire.MS, lambda now: self._ticker(sub, symbol, now), now_ns)

    def _known(self, conn: sim.Conn, name: str) -> tuple[str, tuple[str, str], str]:
        """(kind, topic, canonical symbol) of a channel."""
        if conn.path == "user":
            kind = next((one for one in _PRIVATE if name == one or name.startswith(f"{one}.")), "")
            if not kind or (len(name) > len(kind) and name[len(kind) + 1 :] not in self._facts.symbols):
                raise wire.problem(40003, f"Unknown channel {name}")
            if conn.account is None:
                raise wire.problem(40101, "UNAUTHORIZED")
            return kind, (kind, conn.account.name), ""
        kind, *rest = name.split(".")
        parts = {"book": 2, "trade": 1, "ticker": 1}.get(kind)
        if parts != len(rest) or rest[0] not in self._facts.symbols:
            raise wire.problem(40003, f"Unknown symbol or channel {name}")
        symbol = self._facts.symbols[rest[0]]
        return kind, (kind, symbol), symbol

    # --- public -----------------------------------------------------------------------------------------------------

    def _open(self, sub: sim.Sub, symbol: str, period_ns: int, deltas: bool, now_ns: int) -> None:
        """The first book, and what follows."""
        levels = int(sub.key.split(".")[2])  # type: ignore[attr-defined]  # keys are names of channels
        if not deltas:
            self._whole(sub, symbol, levels, now_ns)
            sub.timer = self._timers.every(period_ns, lambda now: self._whole(sub, symbol, levels, now), now_ns)
            return
        sub.depth = depth = sim.SimDepth(self._exchange.books[symbol], levels)
        sub.last, sub.sent_ns = depth.seq, now_ns
        self._book(sub, symbol, "book", wire.levels(self._facts, symbol, depth.bids, depth.asks), now_ns)
        sub.timer = self._timers.every(period_ns, lambda now: self._delta(sub, symbol, now), now_ns)

    def _whole(self, sub: sim.Sub, symbol: str, levels: int, now_ns: int) -> None:
        book = self._exchange.books[symbol]
        sub.last = book.seq
        self._book(sub, symbol, "book", wire.levels(self._facts, symbol, *book.depth(levels)), now_ns)

    def _delta(self, sub: sim.Sub, symbol: str, now_ns: int) -> None:
        """``pu`` is the ``u`` of the message before. Without a change, an empty one comes every five seconds."""
        change = sub.depth.step() if sub.depth is not None else None
        if change is None or sub.depth is None:
            if now_ns - sub.sent_ns >= _IDLE:
                sides = wire.levels(self._facts, symbol, [], [])
                self._book(sub, symbol, "book.update", {"update": sides, "pu": sub.last}, now_ns)
            return
        lost, first, bids, asks = change
        if bids or asks or lost:
            # a fault: earlier changes are lost, and pu shows the gap
            previous, sub.last = first - 1 if lost else sub.last, sub.depth.seq
            sides = wire.levels(self._facts, symbol, bids, asks)
            self._book(sub, symbol, "book.update", {"update": sides, "pu": previous}, now_ns)

    def _book(self, sub: sim.Sub, symbol: str, kind: str, row: dict[str, Any], now_ns: int) -> None:
        sub.sent_ns = now_ns
        at = self._facts.time(now_ns)
        more = {"depth": int(sub.key.split(".")[2])}  # type: ignore[attr-defined]  # keys are names of channels
        self._push(sub, kind, [row | {"t": at, "tt": at, "u": sub.last}], "book", symbol, **more)

    def _recent(self, sub: sim.Sub, symbol: str) -> None:
        rows, _ = sim.page(self._exchange.trades[symbol].newest, lambda one: one.id, _RECENT)
        if rows:
            self._push(sub, "trade", [wire.TRADE.of(self._facts.trade(one)) for one in rows], "trades", symbol)

    def trade(self, report: sim.TradeReport) -> None:
        row = wire.TRADE.of(self._facts.trade(report))
        for sub in self._subs.of(("trade", report.symbol)):
            self._push(sub, "trade", [row], "trades", report.symbol)

    def _ticker(self, sub: sim.Sub, symbol: str, now_ns: int) -> None:
        row = wire.ticker_row(self._facts, symbol, 0)
        if sub.news(row):
            self._push(sub, "ticker", [row | {"t": self._facts.time(now_ns)}], "control", symbol)

    # --- private ----------------------------------------------------------------------------------------------------

    def order(self, report: sim.OrderReport) -> None:
        """Each change of an order, and each fill on a channel of its own."""
        order = report.order
        rows = {"user.order": wire.order_row(self._facts, order, report)}
        if report.fill is not None:
            rows["user.trade"] = wire.fill_row(self._facts, report.fill)
        for channel, row in rows.items():
            for sub in self._subs.of((channel, order.account)):
                if sub.key in (channel, f"{channel}.{self._facts.native(order.symbol)}"):
                    self._push(sub, channel, [row], "user", order.symbol)

    def balance(self, report: sim.BalanceReport) -> None:
        """The coins that one event changed."""
        for sub in self._subs.of(("user.balance", report.account)):
            self._push(sub, "user.balance", [wire.wallet_row(self._facts, list(report.balances))], "user", "")

    def _push(self, sub: sim.Sub, kind: str, rows: list[Any], group: str, symbol: str, **more: Any) -> None:
        names = {"instrument_name": self._facts.native(symbol)} if symbol else {}
        result = {**names, "subscription": sub.key, "channel": kind, **more, "data": rows}
        body = {"id": -1, "method": "subscribe", "code": 0, "result": result}
        self._conns[sub.conn].tell(body, group, "" if group == "user" else symbol)
