"""Gate's REST calls for the dialect, by method and path."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from arbkit import sim
from arbkit.core.types import plain

from . import dialect_wire as wire
from .dialect_orders import Orders, paged

__all__ = ["Calls"]

_DAY: Final = 86_400 * wire.S
_MOST_LEVELS: Final = 1000
_FEE: Final = {
    **sim.texts("gt_taker_fee:0 gt_maker_fee:0 loan_fee:0.18 point_type:1 futures_taker_fee:0.0005"),
    **sim.texts("futures_maker_fee:0.0002 delivery_taker_fee:0.0005 delivery_maker_fee:0.0002"),
    "gt_discount": False,
    "debit_fee": 3,
}


class Calls:
    """The calls of one exchange. A handler returns the reply's body."""

    def __init__(self, facts: sim.Facts, orders: Orders) -> None:
        self._exchange = facts.exchange
        self._orders = orders
        public, private = partial(self._route, by="ip"), partial(self._route, signed=True)
        table = {
            "GET spot/time": public(lambda call: {"server_time": call.now}),
            "GET spot/currencies": public(self._currencies),
            "GET spot/currency_pairs": public(self._pairs),
            "GET spot/currency_pairs/{name}": public(
                lambda call: wire.pair_row(facts, self._orders.symbol(call, "name"))
            ),
            "GET spot/tickers": public(self._tickers),
            "GET spot/order_book": public(self._book),
            "GET spot/trades": public(self._trades),
            "GET margin/currency_pairs": public(lambda call: []),
            "GET account/detail": private(self._detail),
            "GET wallet/fee": private(self._fee),
            "GET spot/accounts": private(self._balances),
            "GET spot/open_orders": private(self._open),
            "GET spot/orders": private(lambda call: self._rows(call, self._orders.listed(call))),
            "GET spot/orders/{order_id}": private(lambda call: wire.order_row(facts, self._orders.find(call))),
            "GET spot/my_trades": private(self._fills),
            "DELETE spot/orders": private(lambda call: self._rows(call, self._orders.cancel_all(call))),
            # orders and cancels have their own limits
            "POST spot/orders": sim.Route(self._place, signed=True),
            "DELETE spot/orders/{order_id}": sim.Route(self._cancel, signed=True),
        }
        self._routes = sim.routes("/api/v4/", table)

    @staticmethod
    def _route(handler: Callable[[sim.SimCall], Any], by: str = "user", *, signed: bool = False) -> sim.Route:
        """200 requests in 10 seconds, by endpoint, and by address or user."""
        return sim.Route(handler, limit=sim.Window(200, 10 * wire.S), by=by, signed=signed)

    def route(self, method: str, path: str) -> tuple[sim.Route, dict[str, str]]:
        """The call of a path, and the parameter that stands at its end."""
        if (method, path) in self._routes:
            return self._routes[method, path], {}
        head, _, name = path.rpartition("/")
        for param in ("order_id", "name"):
            if name and (method, f"{head}/{{{param}}}") in self._routes:
                return self._routes[method, f"{head}/{{{param}}}"], {param: name}
        raise sim.Problem("NOT_FOUND", "Not found", 404)

    # --- market -----------------------------------------------------------------------------------------------------

    def _pairs(self, call: sim.SimCall) -> list[dict[str, Any]]:
        return [wire.pair_row(call.facts, symbol) for symbol in self._exchange.listed]

    def _currencies(self, call: sim.SimCall) -> list[dict[str, Any]]:
        pairs = self._exchange.pairs.values()
        return [
            wire.asset_row(call.facts, asset) for asset in sorted({a for one in pairs for a in (one.base, one.quote)})
        ]

    def _tickers(self, call: sim.SimCall) -> list[dict[str, Any]]:
        symbols = [self._orders.symbol(call)] if call.text("currency_pair") else self._exchange.listed
        return [wire.ticker_row(call.facts, symbol) for symbol in symbols]

    def _book(self, call: sim.SimCall) -> dict[str, Any]:
        """Get market depth: the id only if it is asked for."""
        symbol, limit = self._orders.symbol(call), call.integer("limit", 10)
        if limit > _MOST_LEVELS:
            raise sim.Problem("TOO_BIG", "limit too big", 400)
        book = self._exchange.books[symbol]
        bids, asks = (call.facts.levels(symbol, side) for side in book.depth(limit))
        number = {"id": book.seq} if call.text("with_id") == "true" else {}
        return number | {"current": call.now, "update": call.now, "asks": asks, "bids": bids}

    def _trades(self, call: sim.SimCall) -> list[dict[str, Any]]:
        """Query market transaction records: the newest first."""
        newest = list(reversed(self._exchange.trades[self._orders.symbol(call)].newest))
        return [wire.trade_row(call.facts, one, pushed=False) for one in paged(call, newest, 1000)]

    # --- account ----------------------------------------------------------------------------------------------------

    def _detail(self, call: sim.SimCall) -> dict[str, Any]:
        """Retrieve user account information. Mode 1: a classic account."""
        assert call.account is not None
        row = {"ip_whitelist": [], "currency_pairs": [], "user_id": call.account.uid, "tier": 0, "key": {"mode": 1}}
        return call.settled(row | {"copy_trading_role": 0})

    def _fee(self, call: sim.SimCall) -> dict[str, Any]:
        """Retrieve personal trading fee."""
        assert call.account is not None
        symbol = self._orders.symbol(call) if call.text("currency_pair") else ""
        maker, taker = self._exchange.rates(call.owner, symbol)
        return call.settled(_FEE | {"user_id": call.account.uid, "maker_fee": plain(maker), "taker_fee": plain(taker)})

    def _balances(self, call: sim.SimCall) -> list[dict[str, Any]]:
        """List spot trading accounts: currencies that were never held are missing."""
        rows = []
        for number, (asset, free, locked) in enumerate(self._exchange.balances(call.owner)):
            if call.text("currency") in ("", asset):
                known = call.facts.money(asset, free, locked)
                row = {"currency": asset, "available": known["free"], "locked": known["locked"]}
                rows.append(row | {"update_id": number, "refresh_time": call.now // 1000})
        return rows

    def _fills(self, call: sim.SimCall) -> list[dict[str, Any]]:
        """Query personal trading records: newest first, of 7 days if no time is given, at most 30 days."""
        self._orders.account(call)
        symbol = self._orders.symbol(call) if call.text("currency_pair") else ""
        until_ns = call.integer("to") * wire.S or call.now_ns
        since_ns = call.integer("from") * wire.S or until_ns - 7 * _DAY
        sim.refuse(until_ns - since_ns > 30 * _DAY, "INVALID_PARAM_VALUE", "The time range exceeds 30 days", 400)
        fills = self._exchange.fills_of(call.owner, symbol, call.integer("order_id"), since_ns)
        wanted = [fill for fill in reversed(fills) if fill.ns <= until_ns]
        return [wire.fill_row(call.facts, fill) for fill in paged(call, wanted, 1000)]

    # --- orders -----------------------------------------------------------------------------------------------------

    def _rows(self, call: sim.SimCall, orders: list[sim.SimOrder]) -> list[dict[str, Any]]:
        return [wire.order_row(call.facts, order) for order in orders]

    def _open(self, call: sim.SimCall) -> list[dict[str, Any]]:
        """List all open orders: by pair, and so are the pages."""
        self._orders.account(call)
        groups = []
        for symbol in self._exchange.pairs:
            orders = self._exchange.open_orders(call.owner, symbol)
            if orders:
                rows = self._rows(call, paged(call, orders[::-1], 100))
                groups.append({"currency_pair": call.facts.native(symbol), "total": len(orders), "orders": rows})
        return groups

    def _place(self, call: sim.SimCall) -> dict[str, Any]:
        sim.refuse(not isinstance(call.body, dict), "INVALID_REQUEST_BODY", "Invalid request body", 400)
        item = call.item(call.body)
        return self._orders.placed(item, self._orders.place(item, "rest"))

    def _cancel(self, call: sim.SimCall) -> dict[str, Any]:
        return wire.order_row(call.facts, self._orders.cancel(call))
