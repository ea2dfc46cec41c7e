"""OKX's private channels for the dialect: orders and balances of an account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from arbkit.sim.timers import Timers
from arbkit.sim.venue import BalanceReport, OrderReport

from .dialect_calls import Calls, account_row
from .dialect_orders import Orders
from .dialect_streams import Conn, Sub, channel_key, missing
from .dialect_wire import Problem, balance_row, order_push

__all__ = ["Private"]

_encode: Final = msgspec.json.Encoder().encode
_EVERY_NS: Final = 5_000_000_000


class Private:
    """Order channel (Order Book Trading > Trade) and Account channel (Trading Account)."""

    def __init__(self, calls: Calls, orders: Orders, timers: Timers, conns: Mapping[int, Conn]) -> None:
        self._calls = calls
        self._orders = orders
        self._timers = timers
        self._conns = conns
        self._pairs = calls.exchange.pairs

    def check(self, arg: Mapping[str, Any]) -> None:
        """Raises ``Problem`` if the venue refuses the subscription."""
        if arg.get("channel") == "account":
            _interval(arg)
            return
        known = arg.get("instType") in ("SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION", "ANY")
        if arg.get("channel") != "orders" or not known or arg.get("instId", "") not in ("", *self._pairs):
            raise missing(arg)

    def subscribe(self, conn: Conn, arg: Mapping[str, Any], now_ns: int) -> None:
        """Subscribe: the orders channel sends no snapshot, the account channel does. A repeated subscription changes
        nothing."""
        key = channel_key(arg)
        if key in conn.subs:
            return
        sub = conn.subs[key] = Sub(arg, now_ns)
        # Connection count limit: both channels report the number of their connections
        count = len(list(self._of(conn.account, key[0])))
        conn.event("channel-conn-count", "", now_ns, channel=key[0], connCount=str(count))
        if key[0] != "account":
            return
        self._account(conn, sub, "snapshot", now_ns)
        if _interval(arg) != "0":
            # Account channel: by events, and at a fixed interval unless updateInterval is 0
            sub.timer = self._timers.at(
                now_ns + _EVERY_NS, lambda now: self._account(conn, sub, "interval_update", now), _EVERY_NS
            )

    def order(self, report: OrderReport, now_ns: int) -> None:
        """One push per change, one for each fill."""
        order = report.order
        row: dict[str, Any] | None = None
        for conn, sub in self._of(order.account, "orders"):
            if sub.arg["instType"] not in ("SPOT", "ANY") or sub.arg.get("instId", "") not in ("", order.symbol):
                continue
            if row is None:
                row = order_push(self._orders.reported(report), report.fill, self._pairs[order.symbol])
            _push(conn, sub, now_ns, data=[row])

    def balance(self, report: BalanceReport, now_ns: int) -> None:
        """The currencies that one event changed."""
        for asset, _, _ in report.balances:
            self._calls.balance_ns[report.account, asset] = report.ns
        for conn, sub in self._of(report.account, "account"):
            only = sub.arg.get("ccy", "")
            details = [balance_row(*row, report.ns) for row in report.balances if only in ("", row[0])]
            if details:
                _push(conn, sub, now_ns, eventType="event_update", data=[account_row(details, report.ns)])

    def _account(self, conn: Conn, sub: Sub, event: str, now_ns: int) -> None:
        details = self._calls.details(conn.account, now_ns, sub.arg.get("ccy", ""))
        row = account_row(details, now_ns)
        _push(conn, sub, now_ns, eventType=event, curPage=1, lastPage=True, data=[row])

    def _of(self, account: str, channel: str) -> Iterator[tuple[Conn, Sub]]:
        for conn in self._conns.values():
            if conn.account == account:
                for key, sub in conn.subs.items():
                    if key[0] == channel:
                        yield conn, sub


def _interval(arg: Mapping[str, Any]) -> str:
    """``updateInterval`` of ``extraParams``, which is JSON text inside JSON."""
    try:
        return str(msgspec.json.decode(arg.get("extraParams") or "{}", type=dict[str, Any]).get("updateInterval", ""))
    except msgspec.DecodeError:
        raise Problem("60012", "Invalid request: extraParams") from None


def _push(conn: Conn, sub: Sub, now_ns: int, **fields: Any) -> None:
    arg = {name: value for name, value in sub.arg.items() if name != "extraParams"} | {"uid": conn.uid}
    conn.send(_encode({"arg": arg, **fields}).decode(), "user", now_ns)
