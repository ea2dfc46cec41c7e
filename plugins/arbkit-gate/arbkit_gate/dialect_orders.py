"""Gate's order entry for the dialect. REST and WebSocket use the same parameters and rows."""

from __future__ import annotations

import re
from typing import Any, Final

from arbkit import sim
from arbkit.core.types import Side, Tif

from . import dialect_wire as wire

__all__ = ["Orders"]

_TEXT: Final = re.compile(r"t-[0-9A-Za-z_.-]{0,28}", re.ASCII)
_TIF: Final = {"gtc": Tif.GTC, "ioc": Tif.IOC, "fok": Tif.FOK, "poc": Tif.GTC}
_KEPT_NS: Final = 60 * wire.S


class Orders:
    """Place, cancel, find and list orders."""

    def __init__(self, exchange: sim.SimExchange) -> None:
        self._exchange = exchange
        # "Rate limit": orders by user and pair (REST and WebSocket each), cancels by user
        self.places = {path: sim.Window(10, wire.S) for path in ("rest", "ws")}
        self.cancels = sim.Window(200, wire.S)

    def symbol(self, call: sim.SimCall, name: str = "currency_pair") -> str:
        """The pair that the call names."""
        symbol = call.facts.symbols.get(call.need(name))
        if symbol is None or self._exchange.halted.get(symbol) == sim.DELISTED:
            raise wire.problem(sim.Refused("symbol"))
        return symbol

    def permit(self, call: sim.SimCall) -> None:
        """The key may trade."""
        assert call.account is not None
        sim.refuse(bool(call.account.settings.get("read_only")), "READ_ONLY", "The key is read-only", 403)

    def account(self, call: sim.SimCall) -> None:
        """``account`` is spot: the simulated accounts are no unified ones."""
        call.choice("account", ("spot",), "spot")

    def place(self, call: sim.SimCall, path: str) -> sim.SimOrder:
        """Create an order. A market order needs ``ioc`` or ``fok``; its amount is in quote if it buys."""
        self.permit(call)
        key = f"{call.owner}:{call.text('currency_pair')}"
        if not self.places[path].add(key, 1, call.now_ns):
            raise sim.Problem("TOO_MANY_REQUESTS", "Request Rate limit Exceeded (211)", 429)
        sim.refuse(
            bool(call.expire_ns) and call.now_ns > call.expire_ns, "REQUEST_EXPIRED", "Request expired (exptime)", 400
        )
        self.account(call)
        text = call.text("text")
        if text and not _TEXT.fullmatch(text):
            raise wire.wrong("text", "invalid")
        if call.text("stp_act"):
            raise sim.Problem("INVALID_PARAM_VALUE", "Invalid param value: stp_act: not in an STP group", 400)
        symbol, side = self.symbol(call), Side(call.choice("side", ("buy", "sell")))
        kind = call.choice("type", ("limit", "market"), "limit")
        tif = call.choice("time_in_force", _TIF, "gtc")
        call.choice("action_mode", ("ACK", "RESULT", "FULL"), "FULL")
        order: dict[str, Any] = {"qty": call.decimal("amount")}
        if kind == "market":
            if tif not in ("ioc", "fok"):
                raise wire.wrong("time_in_force", "invalid")
            if side is Side.BUY:
                order = {"quote_qty": order["qty"], "kind": "market"}
            else:
                order["kind"] = "market"
        else:
            order["px"] = call.decimal("price")
        try:
            return self._exchange.place(
                call.owner,
                symbol,
                side,
                now_ns=call.now_ns,
                tif=_TIF[tif],
                post_only=tif == "poc",
                cl_ord_id=text.removeprefix("t-"),
                expire_ns=call.expire_ns,
                **order,
            )
        except sim.Refused as refused:
            raise wire.problem(refused) from None

    def placed(self, call: sim.SimCall, order: sim.SimOrder) -> dict[str, Any]:
        """The answer, by ``action_mode``."""
        mode = call.text("action_mode", "FULL")
        row = wire.order_row(call.facts, order, fees=mode == "FULL")
        return {name: row[name] for name in ("id", "text", "amend_text")} if mode == "ACK" else row

    def cancel(self, call: sim.SimCall) -> sim.SimOrder:
        """Cancel an open order, by its id or its text."""
        self.permit(call)
        sim.refuse(
            not self.cancels.add(call.owner, 1, call.now_ns),
            "TOO_MANY_REQUESTS",
            "Request Rate limit Exceeded (211)",
            429,
        )
        order = self._named(call)
        if order is None:
            raise self._unknown(call)
        if order.status.terminal:
            filled = order.cum == order.qty
            raise sim.Problem("ORDER_CLOSED" if filled else "ORDER_CANCELLED", "The order has ended", 400)
        return self._exchange.cancel(call.owner, order.symbol, now_ns=call.now_ns, order_id=order.id)

    def find(self, call: sim.SimCall) -> sim.SimOrder:
        """Query an order. One that ended without a fill is kept for a minute. By text one that ended may be found for
        some time or not at all: the page and reports of users disagree (``settings["forgets_texts"]``: not at all)."""
        order = self._named(call)
        if order is not None and order.status.terminal:
            assert call.account is not None
            by_text = call.text("order_id").startswith("t-")
            forgotten = by_text and call.account.settings.get("forgets_texts")
            if forgotten or ((by_text or not order.cum) and call.now_ns - order.updated_ns > _KEPT_NS):
                order = None
        if order is None:
            raise self._unknown(call)
        return order

    def _named(self, call: sim.SimCall) -> sim.SimOrder | None:
        name, symbol = call.need("order_id"), self.symbol(call)
        self.account(call)
        if name.startswith("t-"):
            return self._exchange.find(call.owner, cl_ord_id=name.removeprefix("t-"), symbol=symbol)
        number = call.integer("order_id")
        return self._exchange.find(call.owner, order_id=number, symbol=symbol) if number else None

    def _unknown(self, call: sim.SimCall) -> sim.Problem:
        by_text = call.text("order_id").startswith("t-")
        return sim.Problem("CLIENT_ID_NOT_FOUND" if by_text else "ORDER_NOT_FOUND", "Order not found", 404)

    def cancel_all(self, call: sim.SimCall) -> list[sim.SimOrder]:
        """Cancel the open orders of a pair, or all, of one side or both."""
        self.permit(call)
        self.account(call)
        symbol, side = self.symbol(call) if call.text("currency_pair") else "", call.choice("side", ("buy", "sell"), "")
        wanted = [order for order in self._exchange.open_orders(call.owner, symbol) if side in ("", order.side.value)]
        return [self._exchange.cancel(call.owner, one.symbol, now_ns=call.now_ns, order_id=one.id) for one in wanted]

    def listed(self, call: sim.SimCall) -> list[sim.SimOrder]:
        """List orders: one page, newest first. Finished orders without a fill are not kept."""
        done = call.choice("status", ("open", "finished")) == "finished"
        self.account(call)
        symbol = self.symbol(call) if call.text("currency_pair") or not done else ""
        since, until = call.integer("from") * wire.S, call.integer("to") * wire.S or 1 << 62
        side = call.choice("side", ("buy", "sell"), "")
        orders = [
            order
            for order in reversed(self._exchange.orders_of(call.owner, symbol))
            if order.status.terminal is done
            and (order.cum or not done)
            and (not done or since <= order.updated_ns <= until)
            and side in ("", order.side.value)
        ]
        return paged(call, orders, 100)


def paged(call: sim.SimCall, rows: list[Any], most: int) -> list[Any]:
    """One page, by ``page`` (from 1) and ``limit``."""
    page, limit = call.integer("page", 1), call.integer("limit", 100)
    if not 1 <= limit <= most:
        raise wire.wrong("limit", "invalid")
    if not page:
        raise wire.wrong("page", "invalid")
    return rows[(page - 1) * limit : page * limit]
