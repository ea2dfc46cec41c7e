"""Coinbase's channels for the dialect, and the numbers of a connection's messages.

docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-channels
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from arbkit import sim

from . import dialect_wire as wire

__all__ = ["CHANNELS", "Streams"]

CHANNELS: Final = ("heartbeats", "level2", "market_trades", "ticker", "user")
SILENT: Final = ("candles", "status", "ticker_batch", "futures_balance_summary")
"""Accepted, and nothing is sent."""
_NAMELESS: Final = ("heartbeats", "user", "futures_balance_summary")
_MOST: Final = 30
_PAGE: Final = 50


class Streams:
    """The messages of a connection are numbered from 0, over all channels."""

    def __init__(self, facts: sim.Facts, conns: sim.Conns) -> None:
        self._facts, self._exchange = facts, facts.exchange
        self._conns, self._timers = conns, conns.timers
        self._numbers: dict[int, int] = {}
        """The next number of each connection."""
        conns.on_close(lambda conn: self._numbers.pop(conn, None))
        self._beats = 0
        self._subs = sim.Subs(conns)

    def used(self, conn: int) -> bool:
        """Whether something is subscribed."""
        return bool(self._subs.keys(conn))

    def change(self, conn: sim.Conn, op: str, channel: str, products: Sequence[str], now_ns: int) -> None:
        """Subscribe: the snapshots come before the confirmation. Raises ``Problem`` for what is refused."""
        names = ["" if channel in _NAMELESS else name for name in products or ([""] if channel in _NAMELESS else [])]
        unknown = [name for name in names if name and name not in self._exchange.pairs]
        sim.refuse(channel not in (*CHANNELS, *SILENT), "", f"channel {channel} is not supported")
        sim.refuse(bool(unknown) or not names, "", f"invalid product_ids: {', '.join(unknown)}")
        if op == "subscribe" and channel == "level2":
            held = {key for key in self._subs.keys(conn.id) if key[0] == "level2"}
            sim.refuse(
                len(held | {(channel, name) for name in names}) > _MOST,
                "close",
                "too many L2 streams requested in a single session",
            )
        for name in names:
            if op == "unsubscribe":
                self._subs.drop(conn.id, (channel, name))
                continue
            topic = conn.account.name if channel == "user" and conn.account else name
            sub = self._subs.add(conn.id, (channel, name), (channel, topic), channel, now_ns)
            if sub is not None:
                self._start(sub, channel, name, now_ns)
        self._send(conn.id, "subscriptions", [{"subscriptions": self._held(conn)}], now_ns, "reply")

    def _held(self, conn: sim.Conn) -> dict[str, list[str]]:
        held: dict[str, list[str]] = {}
        for channel, name in self._subs.keys(conn.id):
            own = wire.uuid(conn.account.uid) if channel == "user" and conn.account else channel
            held.setdefault(channel, []).append(name or own)
        return dict(sorted(held.items()))

    def _start(self, sub: sim.Sub, channel: str, name: str, now_ns: int) -> None:
        if channel == "level2":
            sub.depth = depth = sim.SimDepth(self._exchange.books[name], 1 << 20)
            self._book(sub, name, "snapshot", depth.bids, depth.asks, now_ns)
            sub.timer = self._timers.every(50 * wire.MS, lambda now: self._step(sub, name, now), now_ns)
        elif channel == "market_trades":
            sub.last = []
            trades = list(self._exchange.trades[name].newest)[-100:]
            rows = [wire.trade_row(self._facts, one) for one in trades[::-1]]
            self._send(sub.conn, channel, [{"type": "snapshot", "trades": rows}], now_ns, "trades", name)
            # "collects all updates over the last 250 ms"
            sub.timer = self._timers.every(250 * wire.MS, lambda now: self._flush(sub, name, now), now_ns)
        elif channel == "heartbeats":
            sub.timer = self._timers.at(now_ns + wire.S, lambda now: self._beat(sub, now), wire.S)
        elif channel == "ticker":
            self._ticker(sub, name, "snapshot", now_ns)
        elif channel == "user":
            self._open_orders(sub, now_ns)

    # --- public -----------------------------------------------------------------------------------------------------

    def _step(self, sub: sim.Sub, name: str, now_ns: int) -> None:
        assert sub.depth is not None
        change = sub.depth.step()
        if change is None:
            return
        lost, _, bids, asks = change
        if lost:  # a fault: a message with earlier changes is missing
            self._numbers[sub.conn] = self._numbers.get(sub.conn, 0) + 1
        if bids or asks or lost:
            self._book(sub, name, "update", bids, asks, now_ns)

    def _book(self, sub: sim.Sub, name: str, kind: str, bids: sim.Levels, asks: sim.Levels, now_ns: int) -> None:
        levels = wire.updates(self._facts, name, bids, asks, now_ns)
        self._send(sub.conn, "l2_data", [{"type": kind, "product_id": name, "updates": levels}], now_ns, "book", name)

    def trade(self, report: sim.TradeReport, now_ns: int) -> None:
        for sub in self._subs.of(("market_trades", report.symbol)):
            sub.last.append(report)
        for sub in self._subs.of(("ticker", report.symbol)):
            self._ticker(sub, report.symbol, "update", now_ns)

    def _flush(self, sub: sim.Sub, name: str, now_ns: int) -> None:
        rows = [wire.trade_row(self._facts, one) for one in sub.last]
        sub.last = []
        if rows:
            self._send(sub.conn, "market_trades", [{"type": "update", "trades": rows}], now_ns, "trades", name)

    def _ticker(self, sub: sim.Sub, name: str, kind: str, now_ns: int) -> None:
        event = {"type": kind, "tickers": [wire.ticker_row(self._facts, name)]}
        self._send(sub.conn, "ticker", [event], now_ns, "control", name)

    def _beat(self, sub: sim.Sub, now_ns: int) -> None:
        self._beats += 1
        event = {"current_time": wire.iso(now_ns, 9), "heartbeat_counter": self._beats}
        self._send(sub.conn, "heartbeats", [event], now_ns)

    # --- private ----------------------------------------------------------------------------------------------------

    def _open_orders(self, sub: sim.Sub, now_ns: int) -> None:
        """All open orders, in pages of 50; a page with fewer is the last one."""
        account = self._conns[sub.conn].account
        assert account is not None
        rows = [wire.pushed(self._facts, one, account.uid) for one in self._exchange.open_orders(account.name)]
        for first in range(0, len(rows) + 1, _PAGE):
            event = {"type": "snapshot", "orders": rows[first : first + _PAGE], **_positions()}
            self._send(sub.conn, "user", [event], now_ns, "user")

    def order(self, report: sim.OrderReport, now_ns: int) -> None:
        """One message for each change."""
        account = self._exchange.accounts[report.order.account]
        row = wire.pushed(self._facts, report.order, account.uid, report)
        for sub in self._subs.of(("user", account.name)):
            self._send(sub.conn, "user", [{"type": "update", "orders": [row], **_positions()}], now_ns, "user")

    def _send(
        self,
        conn: int,
        channel: str,
        events: list[dict[str, Any]],
        now_ns: int,
        kind: str = "control",
        symbol: str = "",
    ) -> None:
        number = self._numbers.get(conn, 0)
        self._numbers[conn] = number + 1
        state = self._conns[conn]
        state.alive_ns = now_ns
        head = {"channel": channel, "timestamp": wire.iso(now_ns, 9), "sequence_num": number}
        state.tell(head | {"events": events}, kind, symbol)


def _positions() -> dict[str, Any]:
    return {"positions": {"perpetual_futures_positions": [], "expiring_futures_positions": []}}
