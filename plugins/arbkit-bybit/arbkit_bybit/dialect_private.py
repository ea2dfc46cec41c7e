"""Bybit's private stream for the dialect: subscriptions, and frames of orders, executions and the wallet."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final

import msgspec

from arbkit.sim.venue import BalanceReport, OrderReport, SimExchange, SimOrder
from arbkit.sim.wire import SimWire

from .dialect_wire import coin_rows, execution_row, fast_row, order_push, wallet_row

__all__ = ["Private"]

_encode: Final = msgspec.json.Encoder().encode
_MS: Final = 1_000_000
_PLAIN: Final = ("order", "execution", "execution.fast", "wallet", "position", "greeks", "dcp")
"""A spot account never hears of the last three."""
_SPOT: Final = ("order.spot", "execution.spot", "execution.fast.spot")
_ALONE: Final = ("wallet", "greeks", "dcp")
"""Topics that have no category."""


class Private:
    """v5/websocket/private/*: no snapshots, changes only."""

    def __init__(self, exchange: SimExchange, wire: SimWire) -> None:
        self._exchange = exchange
        self._wire = wire
        self._conns: dict[int, tuple[str, dict[str, None]]] = {}
        """Connection -> (account, topics)."""
        self._ids = 0

    def login(self, conn: int, account: str) -> None:
        self._conns[conn] = account, {}

    def closed(self, conn: int) -> None:
        self._conns.pop(conn, None)

    def refuses(self, conn: int, args: Sequence[str]) -> str:
        """Why a subscription is refused, or ""."""
        if conn not in self._conns:
            return "Request not authorized"
        mine = self._conns[conn][1]
        for name in args:
            if name not in _PLAIN and name not in _SPOT:
                return f"Invalid topic: {name}"
            if name in mine:
                return f"error:already subscribed,topic:{name}"
        # v5/websocket/private/order: all-in-one topics and topics of a category cannot be in one request
        if any(name in _SPOT for name in args) and any(name in _PLAIN and name not in _ALONE for name in args):
            return "Invalid topic: all-in-one and categorised topics in one request"
        return ""

    def subscribe(self, conn: int, args: Sequence[str]) -> None:
        self._conns[conn][1].update(dict.fromkeys(args))

    def unsubscribe(self, conn: int, args: Sequence[str]) -> None:
        if conn in self._conns:
            for name in args:
                self._conns[conn][1].pop(name, None)

    # --- events -----------------------------------------------------------------------------------------------------

    def reports(self, reports: Sequence[OrderReport | BalanceReport], now_ns: int) -> None:
        """Send the reports of one action.

        The venue guarantees no sequence between ``order`` and ``execution``. Here orders with an even id report every
        step, each execution before its order; orders with an odd id report only the last state, before the executions.
        """
        for _, group in groupby(reports, lambda r: r.order.id if isinstance(r, OrderReport) else 0):
            batch = list(group)
            changes = [report for report in batch if isinstance(report, OrderReport)]
            for report in batch:
                if isinstance(report, BalanceReport):
                    self._wallet(report, now_ns)
            if not changes:
                continue
            if changes[0].order.id % 2:
                self._order(changes[-1], now_ns)
                self._executions([report for report in changes if report.fill is not None], now_ns)
            else:
                for report in changes:
                    if report.fill is not None:
                        self._executions([report], now_ns)
                    self._order(report, now_ns)

    def _order(self, report: OrderReport, now_ns: int) -> None:
        rows = [order_push(self._exchange, report.order, report)]
        self._send(report.order.account, ("order", "order.spot"), rows, now_ns)

    def too_late(self, order: SimOrder, now_ns: int) -> None:
        """v5/websocket/private/order: after a cancel of a filled order, the order is sent a second time."""
        row = order_push(self._exchange, order) | {"rejectReason": "EC_OrigClOrdIDDoesNotExist"}
        self._send(order.account, ("order", "order.spot"), [row], now_ns)

    def _executions(self, reports: Sequence[OrderReport], now_ns: int) -> None:
        fills = [(report.order, report.fill) for report in reports if report.fill is not None]
        if not fills:
            return
        account = fills[0][0].account
        rows = [execution_row(self._exchange, order, fill) for order, fill in fills]
        self._send(account, ("execution", "execution.spot"), rows, now_ns)
        fast = [fast_row(self._exchange, fill) for _, fill in fills]
        self._send(account, ("execution.fast", "execution.fast.spot"), fast, now_ns)

    def _wallet(self, report: BalanceReport, now_ns: int) -> None:
        row = wallet_row(self._exchange, report.account, coin_rows(self._exchange, report.balances))
        self._send(report.account, ("wallet",), [row], now_ns)

    def _send(self, account: str, names: Sequence[str], rows: list[dict[str, Any]], now_ns: int) -> None:
        self._ids += 1
        for conn, (owner, topics) in self._conns.items():
            for name in names:
                if owner == account and name in topics:
                    frame = {"id": f"sim-{self._ids}", "topic": name, "creationTime": now_ns // _MS, "data": rows}
                    self._wire.send(conn, _encode(frame).decode(), "user")
