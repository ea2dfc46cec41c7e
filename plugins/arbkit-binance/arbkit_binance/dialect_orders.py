"""Binance's orders for the dialect: place, cancel and query (trading-endpoints.md, account-endpoints.md)."""

from __future__ import annotations

from typing import Any, Final

from arbkit import sim
from arbkit.core.types import Side, Tif

from . import dialect_wire as wire

__all__ = ["ORDER_WINDOWS", "Orders", "limit_row"]

_Window = tuple[str, int, int, int]
ORDER_WINDOWS: Final[tuple[_Window, ...]] = (
    ("SECOND", 10, 100, 10_000_000_000),
    ("DAY", 1, 200_000, 86_400_000_000_000),
)
_STPS: Final = {word: stp for stp, word in wire.STP.items()}


class Orders:
    """Orders and fills of one exchange."""

    def __init__(self, exchange: sim.SimExchange) -> None:
        self._exchange = exchange
        self.windows = [sim.Window(limit, window_ns) for _, _, limit, window_ns in ORDER_WINDOWS]
        """Unfilled orders, by account."""
        self.cancel_ids: dict[int, str] = {}
        """Order id -> the id of the cancel that ended it."""
        self._ids = 0

    def symbol(self, call: sim.SimCall) -> str:
        """The canonical symbol of the call's ``symbol`` (-1121)."""
        call.need("symbol")
        symbol = call.facts.symbols.get(call.match("symbol", wire.SYMBOL))
        if symbol is None or self._exchange.halted.get(symbol) == sim.DELISTED:
            raise sim.Problem(-1121, "Invalid symbol.", 400)
        return symbol

    def stp(self, symbol: str) -> sim.Stp:
        """The symbol's default self-trade prevention."""
        return "none" if self._exchange.pairs[symbol].quote == "USDT" else "maker"

    # --- place ------------------------------------------------------------------------------------------------------

    def place(self, call: sim.SimCall) -> dict[str, Any]:
        # "newOrderRespType": FULL for LIMIT and MARKET, ACK for all others
        default = "ACK" if call.text("type") == "LIMIT_MAKER" else "FULL"
        kind = call.choice("newOrderRespType", ("ACK", "RESULT", "FULL"), default)
        return wire.order_ack(call.facts, self._new(call), kind)

    def test(self, call: sim.SimCall) -> None:
        """Check an order against the filters."""
        symbol, order = self._read(call)
        named = ("side", "kind", "qty", "px", "quote_qty")
        self._exchange.check(symbol, **{name: value for name, value in order.items() if name in named})

    def _new(self, call: sim.SimCall) -> sim.SimOrder:
        symbol, order = self._read(call)
        for window, (interval, count, limit, _) in zip(self.windows, ORDER_WINDOWS, strict=True):
            if window.used(call.owner, call.now_ns) >= limit:
                said = f"Too many new orders; current limit is {limit} orders per {count} {interval}."
                raise sim.Problem(-1015, said, 429)
        order["cl_ord_id"] = order["cl_ord_id"] or self._generated()
        placed = self._exchange.place(call.owner, symbol, now_ns=call.now_ns, **order)
        for window in self.windows:
            window.add(call.owner, 0 if placed.fills else 1, call.now_ns)  # a fill gives the count back
        return placed

    def _read(self, call: sim.SimCall) -> tuple[str, dict[str, Any]]:
        symbol = self.symbol(call)
        side, kind = Side[call.choice("side", ("BUY", "SELL"))], call.choice("type", ("LIMIT", "LIMIT_MAKER", "MARKET"))
        stp = call.choice("selfTradePreventionMode", _STPS, wire.STP[self.stp(symbol)])
        order: dict[str, Any] = {
            "side": side,
            "kind": "market" if kind == "MARKET" else "limit",
            "post_only": kind == "LIMIT_MAKER",
            "cl_ord_id": call.match("newClientOrderId", wire.CLIENT_ID),
            "stp": _STPS[stp],
        }
        # trading-endpoints.md: mandatory parameters per type; parameters that a type does not have are refused
        if kind == "MARKET":
            _without(call, "price", "timeInForce")
            if ("quantity" in call.params) == ("quoteOrderQty" in call.params):
                call.need("quantity")
                _without(call, "quoteOrderQty")
            name = "qty" if "quantity" in call.params else "quote_qty"
            order[name] = wire.decimal(call, "quantity" if name == "qty" else "quoteOrderQty")
            return symbol, order
        _without(call, "quoteOrderQty", *(("timeInForce",) if kind == "LIMIT_MAKER" else ()))
        if kind == "LIMIT":
            order["tif"] = Tif[call.choice("timeInForce", ("GTC", "IOC", "FOK"))]
        order["qty"], order["px"] = wire.decimal(call, "quantity"), wire.decimal(call, "price")
        return symbol, order

    def _generated(self) -> str:
        self._ids += 1
        return f"sim{self._ids:019d}"

    # --- cancel -----------------------------------------------------------------------------------------------------

    def _which(self, call: sim.SimCall) -> dict[str, Any]:
        """The order that a call names: symbol, its id or 0, its client id or ""."""
        symbol = self.symbol(call)
        order_id, cl_ord_id = call.integer("orderId"), call.params.get("origClientOrderId", "")
        if not order_id and not cl_ord_id:
            said = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
            raise sim.Problem(-1102, said, 400)
        return {"symbol": symbol, "order_id": order_id, "cl_ord_id": cl_ord_id}

    def cancel(self, call: sim.SimCall) -> dict[str, Any]:
        which, cancel_id = self._which(call), call.match("newClientOrderId", wire.CLIENT_ID)
        named = self._exchange.orders.get(which["order_id"])
        if named is not None and which["cl_ord_id"] not in ("", named.cl_ord_id):
            raise sim.Refused("unknown_order")  # "if both are sent, both must belong to the same order"
        return self._canceled(self._exchange.cancel(call.owner, now_ns=call.now_ns, **which), call, cancel_id)

    def cancel_all(self, call: sim.SimCall) -> list[dict[str, Any]]:
        orders = self._exchange.cancel_all(call.owner, self.symbol(call), now_ns=call.now_ns)
        if not orders:
            raise sim.Refused("unknown_order")
        return [self._canceled(order, call) for order in orders]

    def _canceled(self, order: sim.SimOrder, call: sim.SimCall, cancel_id: str = "") -> dict[str, Any]:
        # the reply and the report contain the cancel's id, and the order's id as the original id
        cancel_id = self.cancel_ids[order.id] = cancel_id or self._generated()
        row = wire.order_ack(call.facts, order)
        del row["workingTime"]
        return row | {"origClientOrderId": order.cl_ord_id, "clientOrderId": cancel_id}

    # --- query ------------------------------------------------------------------------------------------------------

    def status(self, call: sim.SimCall) -> dict[str, Any]:
        which = self._which(call)
        order = self._exchange.find(call.owner, **which)
        if order is None or which["cl_ord_id"] not in ("", order.cl_ord_id):
            raise sim.Problem(-2013, "Order does not exist.", 400)
        return wire.order_row(call.facts, order)

    def listed(self, call: sim.SimCall) -> list[dict[str, Any]]:
        """The open orders."""
        symbol = self.symbol(call) if "symbol" in call.params else ""
        return [wire.order_row(call.facts, order) for order in self._exchange.open_orders(call.owner, symbol)]

    def history(self, call: sim.SimCall) -> list[dict[str, Any]]:
        """All orders: from the oldest if an id is given, else the newest."""
        orders = self._exchange.orders_of(call.owner, self.symbol(call))
        first, since_ns, limit = call.integer("orderId"), wire.since_ns(call), call.limit(500, 1000)
        orders = [order for order in orders if order.id >= first and order.ns >= since_ns]
        return [wire.order_row(call.facts, order) for order in (orders[:limit] if first else orders[-limit:])]

    def trades(self, call: sim.SimCall) -> list[dict[str, Any]]:
        """Fills: from the oldest if a start is given, else the newest."""
        symbol, since_ns, first = self.symbol(call), wire.since_ns(call), call.integer("fromId")
        fills = self._exchange.fills_of(call.owner, symbol, call.integer("orderId"), since_ns)
        fills, limit = [fill for fill in fills if fill.id >= first], call.limit(500, 1000)
        fills = fills[:limit] if first or since_ns else fills[-limit:]
        return [wire.MY_TRADE.of(call.facts.fill(fill)) for fill in fills]

    def limits(self, call: sim.SimCall) -> list[dict[str, Any]]:
        return self.counts(call.owner, call.now_ns)

    def counts(self, account: str, now_ns: int) -> list[dict[str, Any]]:
        """The unfilled-order windows with their counts."""
        return [
            limit_row("ORDERS", spec) | {"count": window.used(account, now_ns)}
            for spec, window in zip(ORDER_WINDOWS, self.windows, strict=True)
        ]


def limit_row(kind: str, spec: _Window) -> dict[str, Any]:
    """A limit as exchangeInfo and replies tell it."""
    return {"rateLimitType": kind, "interval": spec[0], "intervalNum": spec[1], "limit": spec[2]}


def _without(call: sim.SimCall, *names: str) -> None:
    for name in names:
        sim.refuse(name in call.params, -1106, f"Parameter '{name}' sent when not required.", 400)
