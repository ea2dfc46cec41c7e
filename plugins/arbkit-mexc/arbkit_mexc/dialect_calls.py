"""MEXC's REST calls for the dialect, by method and path (v3 spot)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from arbkit import sim
from arbkit.core.types import Side, Tif

from . import dialect_wire as wire

__all__ = ["Calls"]

_S: Final = 1_000_000_000
_KEY_NS: Final = 3600 * _S
_FILLS_NS: Final = 30 * 86_400 * _S
_MOST_OPEN: Final = 500
_TIFS: Final = {
    **sim.fields("LIMIT LIMIT_MAKER", Tif.GTC),
    "IMMEDIATE_OR_CANCEL": Tif.IOC,
    "FILL_OR_KILL": Tif.FOK,
    "MARKET": Tif.IOC,
}
_ACCOUNT: Final = {
    **sim.fields("makerCommission takerCommission buyerCommission sellerCommission updateTime", None),
    **sim.fields("canTrade canWithdraw canDeposit", True),
    "accountType": "SPOT",
    "permissions": ["SPOT"],
}
_Handler = Callable[[sim.SimCall], Any]


class Calls:
    """The calls of one exchange. A handler returns the body."""

    def __init__(self, facts: sim.Facts) -> None:
        self._exchange = facts.exchange
        self._facts = facts
        self._keys: dict[str, tuple[sim.Account, int]] = {}
        """Listen keys: whose, and until when."""
        self._made = 0
        # weights: those that ccxt counts where they are higher than the page's
        public: list[tuple[str, _Handler, int]] = [
            ("GET ping", lambda call: {}, 1),
            ("GET time", lambda call: {"serverTime": call.now}, 1),
            ("GET defaultSymbols", lambda call: _whole(list(self._facts.symbols)), 1),
            ("GET exchangeInfo", self._info, 25),
            ("GET depth", self._depth, 3),
            ("GET trades", self._prints, 5),
            ("GET ticker/24hr", lambda call: self._ticker(wire.DAY, call), 25),
            ("GET ticker/price", lambda call: self._ticker(wire.PRICE, call), 10),
            ("GET ticker/bookTicker", lambda call: self._ticker(wire.TOP, call), 10),
        ]
        private: list[tuple[str, _Handler, int]] = [
            ("POST order", self._place, 1),
            ("POST order/test", self._test, 1),
            ("DELETE order", self._cancel, 1),
            ("DELETE openOrders", self._cancel_all, 1),
            ("GET order", self._order, 2),
            ("GET openOrders", self._open, 3),
            ("GET allOrders", self._history, 10),
            ("GET myTrades", self._fills, 10),
            ("GET account", self._account, 10),
            ("GET tradeFee", self._fee, 20),
            ("GET selfSymbols", lambda call: _whole(list(self._facts.symbols)), 1),
            ("GET capital/config/getall", self._coins, 10),
            ("POST userDataStream", self._new_key, 1),
            ("PUT userDataStream", self._keep_key, 1),
            ("GET userDataStream", self._list_keys, 1),
            ("DELETE userDataStream", self._end_key, 1),
        ]
        # each endpoint has a budget of its own, by address and by user: 500 in ten seconds
        table = {path: sim.Route(call, cost, sim.Window(500, 10 * _S), "ip") for path, call, cost in public}
        for path, call, cost in private:
            trade = path.startswith(("POST order", "DELETE"))
            table[path] = sim.Route(call, cost, sim.Window(500, 10 * _S), signed=True, trade=trade)
        self.routes = sim.routes("/api/v3/", table)

    # --- market -----------------------------------------------------------------------------------------------------

    def _symbol(self, call: sim.SimCall) -> str:
        known = self._facts.symbols.get(call.need("symbol"))
        if known is None or self._exchange.halted.get(known) == sim.DELISTED:
            raise sim.Refused("symbol")
        return known

    def _wanted(self, call: sim.SimCall) -> list[str]:
        """The pairs of ``symbol`` or ``symbols``; all without them. A delisted one is not there any more."""
        if call.text("symbol"):
            return [self._symbol(call)]
        names = call.text("symbols").split(",") if call.text("symbols") else list(self._facts.symbols)
        found = [self._facts.symbols[name] for name in names if name in self._facts.symbols]
        return [symbol for symbol in found if self._exchange.halted.get(symbol) != sim.DELISTED]

    def _info(self, call: sim.SimCall) -> dict[str, Any]:
        pairs = [wire.symbol_row(call.facts, symbol) for symbol in self._wanted(call)]
        head = {"timezone": "CST", "serverTime": call.now, "rateLimits": [], "exchangeFilters": []}
        return head | {"symbols": pairs}

    def _depth(self, call: sim.SimCall) -> dict[str, Any]:
        symbol = self._symbol(call)
        book = self._exchange.books[symbol]
        bids, asks = (call.facts.levels(symbol, side) for side in book.depth(call.limit(100, 5000)))
        return {"lastUpdateId": book.seq, "bids": bids, "asks": asks, "timestamp": call.now}

    def _prints(self, call: sim.SimCall) -> list[dict[str, Any]]:
        """The newest first."""
        newest = self._exchange.trades[self._symbol(call)].newest
        rows, _ = sim.page(newest, lambda one: one.id, call.limit(500, 1000))
        return [wire.PRINT.of(call.facts.trade(one)) for one in rows]

    def _ticker(self, row: sim.RowType, call: sim.SimCall) -> Any:
        rows = [row.of(call.facts.day(symbol, call.now_ns)) for symbol in self._wanted(call)]
        return rows[0] if call.text("symbol") else rows

    # --- orders -----------------------------------------------------------------------------------------------------

    def _read(self, call: sim.SimCall) -> tuple[str, Side, dict[str, Any]]:
        """New Order: what each type needs. There is no ``timeInForce``: it is the type."""
        symbol = self._symbol(call)
        side, kind = Side[call.choice("side", ("BUY", "SELL"))], call.choice("type", _TIFS)
        order: dict[str, Any] = {}
        if kind != "MARKET":
            order = {"qty": call.decimal("quantity"), "px": call.decimal("price")}
        elif call.text("quoteOrderQty"):
            order["quote_qty"] = call.decimal("quoteOrderQty")
        else:
            order["qty"] = call.decimal("quantity")
        return symbol, side, order | {"kind": "market" if kind == "MARKET" else "limit"}

    def _place(self, call: sim.SimCall) -> dict[str, Any]:
        symbol, side, order = self._read(call)
        sim.refuse(self._exchange.halted.get(symbol) == "api", 10007, "symbol not support api", 400)
        open_now = len(self._exchange.open_orders(call.owner))
        sim.refuse(open_now >= _MOST_OPEN, 30029, "the number of open orders is at its limit", 400)
        kind = call.text("type")
        placed = self._exchange.place(
            *(call.owner, symbol, side),
            tif=_TIFS[kind],
            post_only=kind == "LIMIT_MAKER",
            cl_ord_id=call.match("newClientOrderId", wire.CLIENT_ID),
            stp=wire.STP[call.choice("stpMode", wire.STP, "")],
            expire_ns=call.expire_ns,
            now_ns=call.now_ns,
            **order,
        )
        return wire.placed_row(call.facts, placed)

    def _test(self, call: sim.SimCall) -> dict[str, Any]:
        symbol, side, order = self._read(call)
        self._exchange.check(symbol, side, **order)
        return {}

    def _which(self, call: sim.SimCall) -> dict[str, Any]:
        symbol, own, given = self._symbol(call), call.text("origClientOrderId"), call.text("orderId")
        said = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
        sim.refuse(not own and not given, 700004, said, 400)
        return {"symbol": symbol, "order_id": wire.order_number(given) if given else 0, "cl_ord_id": own}

    def _cancel(self, call: sim.SimCall) -> dict[str, Any]:
        """Accepted; the row may still say what the order was before."""
        order = self._exchange.cancel(call.owner, now_ns=call.now_ns, **self._which(call))
        return self._gone(call, order)

    def _gone(self, call: sim.SimCall, order: sim.SimOrder) -> dict[str, Any]:
        return wire.order_row(call.facts, order) | {"origClientOrderId": order.cl_ord_id or None}

    def _cancel_all(self, call: sim.SimCall) -> list[dict[str, Any]]:
        """Of at most five symbols."""
        names = call.need("symbol").split(",")
        known = [self._facts.symbols.get(name) for name in names]
        if len(names) > 5 or None in known:
            raise sim.Refused("symbol")
        return [
            self._gone(call, order)
            for symbol in known
            for order in self._exchange.cancel_all(call.owner, symbol or "", now_ns=call.now_ns)
        ]

    def _order(self, call: sim.SimCall) -> dict[str, Any]:
        order = sim.found(self._exchange.find(call.owner, **self._which(call)), -2013, "Order does not exist.", 400)
        return wire.order_row(call.facts, order)

    def _open(self, call: sim.SimCall) -> list[dict[str, Any]]:
        """Of one symbol, which is mandatory."""
        orders = self._exchange.open_orders(call.owner, self._symbol(call))
        return [wire.order_row(call.facts, order) for order in orders]

    def _span(self, call: sim.SimCall) -> tuple[int, int]:
        since_ns, until_ns = call.integer("startTime") * wire.MS, call.integer("endTime") * wire.MS
        return max(since_ns, call.now_ns - _FILLS_NS), until_ns or call.now_ns

    def _history(self, call: sim.SimCall) -> list[dict[str, Any]]:
        """The newest first."""
        since_ns, until_ns = self._span(call)
        orders = self._exchange.orders_of(call.owner, self._symbol(call))
        rows, _ = sim.page(
            [order for order in orders if since_ns <= order.ns <= until_ns],
            lambda order: order.id,
            call.limit(500, 1000),
        )
        return [wire.order_row(call.facts, order) for order in rows]

    def _fills(self, call: sim.SimCall) -> list[dict[str, Any]]:
        """The newest first, at most 100, of the last 30 days."""
        symbol, given = self._symbol(call), call.text("orderId")
        since_ns, until_ns = self._span(call)
        number = wire.order_number(given) if given else 0
        found = self._exchange.fills_of(call.owner, symbol, number, since_ns)
        rows, _ = sim.page(
            [fill for fill in found if fill.ns // wire.MS * wire.MS <= until_ns],
            lambda fill: fill.id,
            call.limit(100, 100),
        )
        return [wire.fill_row(call.facts, fill) for fill in rows]

    # --- account ----------------------------------------------------------------------------------------------------

    def _account(self, call: sim.SimCall) -> dict[str, Any]:
        held = [row for row in self._exchange.balances(call.owner) if row[1] or row[2]]
        return call.settled(_ACCOUNT) | {"balances": [wire.MONEY.of(call.facts.money(*row)) for row in held]}

    def _fee(self, call: sim.SimCall) -> dict[str, Any]:
        """The rates are numbers."""
        maker, taker = self._exchange.rates(call.owner, self._symbol(call))
        rates = {"makerCommission": float(maker), "takerCommission": float(taker)}
        return {"data": rates, "code": 0, "msg": "success", "timestamp": call.now}

    def _coins(self, call: sim.SimCall) -> list[dict[str, Any]]:
        pairs = self._exchange.pairs.values()
        assets = dict.fromkeys(asset for pair in pairs for asset in (pair.base, pair.quote))
        return [wire.coin_row(call.facts, asset) for asset in assets]

    # --- listen keys ------------------------------------------------------------------------------------------------

    def holder(self, key: str, now_ns: int) -> tuple[sim.Account | None, int]:
        """Whose listen key it is, and until when; None if it is none, or has ended."""
        account, until_ns = self._keys.get(key, (None, 0))
        return (account, until_ns) if now_ns < until_ns else (None, 0)

    def _live(self, call: sim.SimCall) -> list[str]:
        return [key for key in self._keys if self.holder(key, call.now_ns)[0] is call.account]

    def _new_key(self, call: sim.SimCall) -> dict[str, str]:
        """Valid for 60 minutes; at most 60 of an account."""
        assert call.account is not None
        sim.refuse(len(self._live(call)) >= 60, 730000, "too many listen keys", 400)
        self._made += 1
        key = hashlib.sha256(f"{call.owner} {self._made} {call.now_ns}".encode()).hexdigest()
        self._keys[key] = call.account, call.now_ns + _KEY_NS
        return {"listenKey": key}

    def _known(self, call: sim.SimCall) -> str:
        key = call.need("listenKey")
        sim.refuse(self.holder(key, call.now_ns)[0] is not call.account, 730708, "listen key does not exist", 400)
        return key

    def _keep_key(self, call: sim.SimCall) -> dict[str, str]:
        assert call.account is not None
        key = self._known(call)
        self._keys[key] = call.account, call.now_ns + _KEY_NS
        return {"listenKey": key}

    def _list_keys(self, call: sim.SimCall) -> dict[str, list[str]]:
        return {"listenKey": self._live(call)}

    def _end_key(self, call: sim.SimCall) -> dict[str, str]:
        key = self._known(call)
        del self._keys[key]
        return {"listenKey": key}


def _whole(data: Any) -> Mapping[str, Any]:
    return {"code": 200, "data": data, "msg": None}
