"""KuCoin's channels for the dialect: books and trades of the Pro socket, and the topics of the Classic one."""

from __future__ import annotations

from typing import Any, Final

from arbkit import sim

from . import dialect_wire as wire

__all__ = ["Streams"]

_MS: Final = 1_000_000
_DEPTHS: Final = {"5": 5, "50": 50}
"""Depths that send the whole book every 100 ms, changed or not."""
_INCREMENT: Final = "increment@10ms"
_BATCH_NS: Final = 50 * _MS
"""The venue's changes come every 10 ms; five times as many messages would only cost time here."""
_LEVELS: Final = 500
_PRIVATE: Final = ("/spotMarket/tradeOrdersV2", "/spotMarket/tradeOrders", "/account/balance")


class Streams:
    """The subscriptions and pushes of one exchange."""

    def __init__(self, facts: sim.Facts, conns: sim.Conns) -> None:
        self._facts, self._exchange = facts, facts.exchange
        self._conns, self._timers = conns, conns.timers
        self._subs = sim.Subs(conns)

    # --- Pro socket -------------------------------------------------------------------------------------------------

    def change(self, conn: sim.Conn, message: dict[str, Any], now_ns: int) -> None:
        """A request of the Pro socket. An unknown pair is acknowledged and stays silent; a second subscription of a
        channel is acknowledged, and is not a second stream. Raises ``Problem`` if it is refused."""
        op, channel, native = (str(message.get(name, "")).lower() for name in ("action", "channel", "symbol"))
        native, depth = native.upper(), str(message.get("depth", ""))
        sim.refuse(op not in ("subscribe", "unsubscribe"), "400", "invalid action")
        sim.refuse(message.get("tradeType") != "SPOT" or not native, "400", "invalid tradeType or symbol")
        sim.refuse(channel not in ("obu", "trade"), "400", "channel not supported")
        sim.refuse(channel == "obu" and depth not in (*_DEPTHS, _INCREMENT), "400", "depth not supported")
        conn.tell({"id": str(message.get("id", "")), "result": True})
        key = (channel, depth if channel == "obu" else "", native)
        if op == "unsubscribe":
            self._subs.drop(conn.id, key)
        elif native in self._facts.symbols:
            sub = self._subs.add(conn.id, key, key, message, now_ns)
            if sub is not None and channel == "obu":
                self._start(sub, depth, self._facts.symbols[native], now_ns)

    def _start(self, sub: sim.Sub, depth: str, symbol: str, now_ns: int) -> None:
        if depth == _INCREMENT:
            sub.depth = published = sim.SimDepth(self._exchange.books[symbol], _LEVELS)
            sub.last = published.seq
            self._book(sub, "snapshot", symbol, (published.bids, published.asks), sub.last, now_ns)
            sub.timer = self._timers.every(_BATCH_NS, lambda now: self._delta(sub, symbol, now), now_ns)
            return
        self._whole(sub, symbol, _DEPTHS[depth], now_ns)
        sub.timer = self._timers.every(100 * _MS, lambda now: self._whole(sub, symbol, _DEPTHS[depth], now), now_ns)

    def _delta(self, sub: sim.Sub, symbol: str, now_ns: int) -> None:
        """``O`` is the number after the last ``C``; nothing is sent without a change."""
        change = sub.depth.step() if sub.depth is not None else None
        if change is None or sub.depth is None:
            return
        lost, first, bids, asks = change
        if bids or asks or lost:
            # a fault: earlier changes are lost, and O shows the gap
            begin = first if lost else sub.last + 1
            sub.last = sub.depth.seq
            self._book(sub, "delta", symbol, (bids, asks), begin, now_ns)

    def _whole(self, sub: sim.Sub, symbol: str, levels: int, now_ns: int) -> None:
        book = self._exchange.books[symbol]
        sub.last = book.seq
        self._book(sub, "snapshot", symbol, book.depth(levels), book.seq, now_ns)

    def _book(
        self, sub: sim.Sub, kind: str, symbol: str, sides: tuple[sim.Levels, sim.Levels], first: int, now_ns: int
    ) -> None:
        bids, asks = (self._facts.levels(symbol, side) for side in sides)
        row = {"s": self._facts.native(symbol), "O": first, "C": sub.last, "M": str(now_ns), "a": asks, "b": bids}
        body = {"T": "obu.SPOT", "dp": sub.arg["depth"], "t": kind, "P": str(now_ns), "d": row}
        self._conns[sub.conn].tell(body, "book", symbol)

    def trade(self, report: sim.TradeReport, now_ns: int) -> None:
        body = {"T": "trade.SPOT", "P": str(now_ns), "d": wire.trade_push(self._facts, report)}
        for sub in self._subs.of(("trade", "", self._facts.native(report.symbol))):
            self._conns[sub.conn].tell(body, "trades", report.symbol)

    # --- Classic socket ---------------------------------------------------------------------------------------------

    def topic(self, conn: sim.Conn, message: dict[str, Any], now_ns: int) -> None:
        """A request of the Classic socket. Raises ``Problem`` if it is refused."""
        topic, op = str(message.get("topic", "")), message["type"]
        if topic not in _PRIVATE or message.get("privateChannel") is not True or conn.account is None:
            raise sim.Problem(404, f"topic {topic} is not found")
        if op == "unsubscribe":
            self._subs.drop(conn.id, topic)
        else:
            self._subs.add(conn.id, topic, (topic, conn.account.name), message, now_ns)
        if message.get("response") is True:
            conn.tell({"id": str(message.get("id", "")), "type": "ack"})

    def order(self, report: sim.OrderReport, now_ns: int) -> None:
        """The older topic has no ``received``."""
        for row in wire.order_events(self._facts, report):
            for topic in _PRIVATE[:2]:
                if topic.endswith("V2") or row["type"] != "received":
                    self._push(topic, report.order.account, "orderChange", row)

    def balance(self, report: sim.BalanceReport, now_ns: int) -> None:
        """One message for each coin."""
        for row in report.balances:
            pushed = wire.money_push(self._facts, row, report.ns)
            self._push("/account/balance", report.account, "account.balance", pushed)

    def _push(self, topic: str, account: str, subject: str, row: dict[str, Any]) -> None:
        user = str(self._exchange.accounts[account].uid)
        head = {"topic": topic, "type": "message", "subject": subject, "userId": user, "channelType": "private"}
        for sub in self._subs.of((topic, account)):
            self._conns[sub.conn].tell(head | {"data": row}, "user")
