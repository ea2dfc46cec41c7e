"""Coinbase's REST calls for the dialect, by method and path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final

from arbkit import sim
from arbkit.core.types import Side, plain

from . import dialect_wire as wire

__all__ = ["LISTS", "Calls"]

LISTS: Final = ("order_ids", "product_ids", "product_id", "order_status", "trade_ids")
"""Parameters that may be given several times."""
_MINUTES: Final = {
    "ONE_MINUTE": 1,
    "FIVE_MINUTE": 5,
    "FIFTEEN_MINUTE": 15,
    "THIRTY_MINUTE": 30,
    "ONE_HOUR": 60,
    "TWO_HOUR": 120,
    "SIX_HOUR": 360,
    "ONE_DAY": 1440,
}
_PERMISSIONS: Final = {"can_view": True, "can_trade": True, "can_transfer": False, "can_receive": False}


def _public(handler: Callable[[sim.SimCall], Any], limit: sim.Window) -> sim.Route:
    return sim.Route(handler, limit=limit, by="ip")


class Calls:
    """The calls of one exchange. A handler returns the body of the reply."""

    def __init__(self, facts: sim.Facts) -> None:
        self._exchange = facts.exchange
        # gocryptotrader, ccxt: 10 requests a second by address, 30 by user; the pages name no numbers any more
        public, private = sim.Window(10, wire.S), sim.Window(30, wire.S)
        mine = partial(sim.Route, limit=private, signed=True)
        v3 = {
            "GET time": _public(self._time, public),
            "GET market/products": _public(self._products, public),
            "GET market/products/{id}": _public(self._product, public),
            "GET market/products/{id}/ticker": _public(self._trades, public),
            "GET market/products/{id}/candles": _public(self._candles, public),
            "GET market/product_book": _public(self._book, public),
            "GET products": mine(self._products),
            "GET products/{id}": mine(self._product),
            "GET products/{id}/ticker": mine(self._trades),
            "GET products/{id}/candles": mine(self._candles),
            "GET product_book": mine(self._book),
            "GET best_bid_ask": mine(self._best),
            "GET accounts": mine(self._accounts),
            "GET key_permissions": mine(self._permissions),
            "GET transaction_summary": mine(self._summary),
            "GET orders/historical/batch": mine(self._orders),
            "GET orders/historical/fills": mine(self._fills),
            "GET orders/historical/{id}": mine(self._order),
            "POST orders": mine(self._create, trade=True),
            "POST orders/batch_cancel": mine(self._cancel, trade=True),
        }
        v2 = {
            "GET time": _public(self._app_time, public),
            "GET accounts": mine(self._app_accounts),
            "GET currencies": _public(lambda call: {"data": []}, public),
            "GET currencies/crypto": _public(self._currencies, public),
            "GET exchange-rates": _public(lambda call: {"data": {"currency": "USD", "rates": {}}}, public),
        }
        self._table = sim.routes("/api/v3/brokerage/", v3) | sim.routes("/v2/", v2)

    def route(self, method: str, path: str) -> tuple[sim.Route, dict[str, str]] | None:
        """The call, and the id in its path."""
        exact = self._table.get((method, path))
        if exact is not None:
            return exact, {}
        parts = path.split("/")
        for (verb, pattern), route in self._table.items():
            names = pattern.split("/")
            if verb == method and len(names) == len(parts) and "{id}" in names:
                at = names.index("{id}")
                if parts[at] and names == [*parts[:at], "{id}", *parts[at + 1 :]]:
                    return route, {"id": parts[at]}
        return None

    # --- market -----------------------------------------------------------------------------------------------------

    def _time(self, call: sim.SimCall) -> dict[str, Any]:
        seconds, ms = call.now_ns // wire.S, call.now_ns // wire.MS
        return {"iso": wire.iso(call.now_ns, 3), "epochSeconds": str(seconds), "epochMillis": str(ms)}

    def _app_time(self, call: sim.SimCall) -> dict[str, Any]:
        return {"data": {"iso": wire.iso(call.now_ns, 0)[:-2] + "Z", "epoch": call.now_ns // wire.S}}

    def _symbol(self, call: sim.SimCall, name: str = "id") -> str:
        symbol = call.need(name)
        if symbol not in self._exchange.pairs:
            raise sim.Problem("NOT_FOUND", "Product not found", 404)
        return symbol

    def _products(self, call: sim.SimCall) -> dict[str, Any]:
        """Paged by ``offset`` or ``cursor``, if ``limit`` is given."""
        wanted = call.params.get("product_ids") or list(self._exchange.pairs)
        spot = call.text("product_type") in ("", "SPOT", "UNKNOWN_PRODUCT_TYPE")
        rows = [wire.product(call.facts, name) for name in self._exchange.pairs if name in wanted and spot]
        page, more = wire.cut(rows, call.text("cursor") or call.text("offset"), call.integer("limit") or len(rows) or 1)
        paging = {"prev_cursor": "", "next_cursor": more, "has_next": bool(more), "has_prev": False}
        return {"products": page, "num_products": len(page), "pagination": paging}

    def _product(self, call: sim.SimCall) -> dict[str, Any]:
        return wire.product(call.facts, self._symbol(call))

    def _book(self, call: sim.SimCall) -> dict[str, Any]:
        [name] = call.params.get("product_id") or [""]
        if name not in self._exchange.pairs:
            raise wire.wrong("product_id", "invalid" if name else "missing")
        book = wire.book_row(call.facts, name, call.integer("limit") or 500, call.now_ns)
        day = wire.ticker_row(call.facts, name)
        return {"pricebook": book, "last": day["price"], "mid_market": "", "spread_bps": "", "spread_absolute": ""}

    def _best(self, call: sim.SimCall) -> dict[str, Any]:
        names = call.params.get("product_ids") or list(self._exchange.pairs)
        known = [name for name in names if name in self._exchange.pairs]
        return {"pricebooks": [wire.book_row(call.facts, name, 1, call.now_ns) for name in known]}

    def _trades(self, call: sim.SimCall) -> dict[str, Any]:
        symbol = self._symbol(call)
        newest, _ = sim.page(self._exchange.trades[symbol].newest, lambda one: one.id, call.limit(100, 1000))
        day = wire.ticker_row(call.facts, symbol)
        rows = [wire.trade_row(call.facts, one) | {"bid": "", "ask": "", "exchange": "CBE"} for one in newest]
        return {"trades": rows, "best_bid": day["best_bid"], "best_ask": day["best_ask"]}

    def _candles(self, call: sim.SimCall) -> dict[str, Any]:
        """The newest first, at most 350."""
        symbol = self._symbol(call)
        period_ns = _MINUTES[call.choice("granularity", _MINUTES)] * sim.MINUTE
        since_ns, until_ns = call.integer("start") * wire.S, call.integer("end") * wire.S
        rows = call.facts.candles(symbol, period_ns, since_ns, call.now_ns, until_ns)
        return {"candles": [wire.candle_row(one) for one in wire.newest(rows)[: call.limit(350, 350)]]}

    def _currencies(self, call: sim.SimCall) -> dict[str, Any]:
        assets = dict.fromkeys(name for pair in self._exchange.pairs.values() for name in (pair.base, pair.quote))
        rows = [
            {"asset_id": wire.uuid(wire.wallet(asset)), "code": asset, "name": asset, "color": "", "sort_index": 1}
            | {"exponent": 8, "type": "crypto", "address_regex": ""}
            for asset in assets
        ]
        return {"data": rows}

    # --- account ----------------------------------------------------------------------------------------------------

    def _uid(self, call: sim.SimCall) -> int:
        assert call.account is not None
        return call.account.uid

    def _accounts(self, call: sim.SimCall) -> dict[str, Any]:
        """49 a page if no ``limit`` is given, 250 at most."""
        rows, more = wire.cut(self._exchange.balances(call.owner), call.text("cursor"), call.limit(49, 250))
        page = [wire.account_row(call.facts, row, self._uid(call), call.now_ns) for row in rows]
        return {"accounts": page, "has_next": bool(more), "cursor": more, "size": len(page)}

    def _app_accounts(self, call: sim.SimCall) -> dict[str, Any]:
        """25 a page if no ``limit`` is given, 100 at most; ``starting_after`` is the id of the last row."""
        owned = self._exchange.balances(call.owner)
        ids = [wire.uuid(wire.wallet(row[0])) for row in owned]
        after, limit = call.text("starting_after"), call.limit(25, 100)
        rows, more = wire.cut(owned, str(ids.index(after) + 1 if after in ids else 0), limit)
        page = [wire.app_account(call.facts, row) for row in rows]
        paging = {"ending_before": None, "starting_after": after or None, "limit": limit, "order": "desc"}
        paging |= {"previous_ending_before": None, "next_starting_after": page[-1]["id"] if more else None}
        return {"pagination": paging | {"previous_uri": None, "next_uri": None}, "data": page}

    def _permissions(self, call: sim.SimCall) -> dict[str, Any]:
        ids = {"portfolio_uuid": wire.uuid(self._uid(call)), "portfolio_type": "DEFAULT"}
        return call.settled({**_PERMISSIONS, **ids})

    def _summary(self, call: sim.SimCall) -> dict[str, Any]:
        maker, taker = (plain(rate) for rate in self._exchange.rates(call.owner))
        tier: dict[str, Any] = sim.fields("aop_from aop_to") | {"pricing_tier": "Intro 1", "volume_types_and_range": []}
        tier |= {"taker_fee_rate": taker, "maker_fee_rate": maker}
        volumes = "total_fees advanced_trade_only_volume advanced_trade_only_fees coinbase_pro_volume coinbase_pro_fees"
        row = sim.fields(volumes, 0) | sim.fields("margin_rate goods_and_services_tax", None)
        row |= {"fee_tier": tier, "total_balance": "0", "volume_breakdown": [], "has_cost_plus_commission": False}
        return call.settled(row)

    # --- orders -----------------------------------------------------------------------------------------------------

    def _create(self, call: sim.SimCall) -> dict[str, Any]:
        """Create order: HTTP 200 also for a refusal. An id that was used before gives the first order again."""
        body = call.item(call.body if isinstance(call.body, dict) else {})
        cl_ord_id, product = body.need("client_order_id"), body.need("product_id")
        side = Side[body.choice("side", ("BUY", "SELL"))]
        given = body.params.get("order_configuration")
        if not isinstance(given, dict) or len(given) != 1:
            raise wire.wrong("order_configuration", "missing" if not given else "invalid")
        [(kind, values)] = given.items()
        if kind not in wire.KINDS or not isinstance(values, dict):
            said = {"error": "UNSUPPORTED_ORDER_CONFIGURATION", "message": "The order configuration was invalid"}
            more = {"error_details": "", "preview_failure_reason": "UNKNOWN_PREVIEW_FAILURE_REASON"}
            refusal = {**said, **more, "new_order_failure_reason": said["error"]}
            return {"success": False, "error_response": refusal, "order_configuration": given}
        try:
            order = self._place(body.item(values), cl_ord_id, product, side, kind)
        except sim.Refused as refused:
            if refused.rule != "duplicate":
                return {"success": False, "error_response": wire.refusal(refused), "order_configuration": given}
            order = sim.found(self._exchange.find(call.owner, cl_ord_id=cl_ord_id), "INTERNAL", "", 500)
        if self._exchange.strikes("overrun", "orders"):
            raise sim.Problem("rate_limit_exceeded", "Too many requests", 429)
        ids = {"order_id": str(order.id), "product_id": order.symbol, "side": order.side.name}
        return {
            "success": True,
            "failure_reason": "UNKNOWN_FAILURE_REASON",
            "order_id": str(order.id),
            "success_response": ids | {"client_order_id": cl_ord_id, "attached_order_id": ""},
            "order_configuration": given,
        }

    def _place(self, call: sim.SimCall, cl_ord_id: str, product: str, side: Side, kind: str) -> sim.SimOrder:
        tif, type_ = wire.KINDS[kind]
        amount: dict[str, Any] = {}
        if type_ == "market" and call.params.get("quote_size"):
            amount["quote_qty"] = call.decimal("quote_size")
        else:
            amount["qty"] = call.decimal("base_size")
        if type_ == "limit":
            amount["px"] = call.decimal("limit_price")
        return self._exchange.place(
            call.owner,
            product,
            side,
            now_ns=call.now_ns,
            kind="market" if type_ == "market" else "limit",
            tif=tif,
            post_only=kind == "limit_limit_gtc" and call.params.get("post_only") is True,
            cl_ord_id=cl_ord_id,
            **amount,
        )

    def _cancel(self, call: sim.SimCall) -> dict[str, Any]:
        """Cancel orders: by the venue's own ids only; one result for each."""
        ids = call.body.get("order_ids") if isinstance(call.body, dict) else None
        if not isinstance(ids, list) or not ids or not all(isinstance(one, str) for one in ids):
            raise wire.wrong("order_ids", "missing" if not ids else "invalid")
        return {"results": [self._canceled(call, one) for one in ids]}

    def _canceled(self, call: sim.SimCall, order_id: str) -> dict[str, Any]:
        why = "UNKNOWN_CANCEL_FAILURE_REASON"
        try:
            known = self._exchange.find(call.owner, order_id=wire.number(order_id)) if wire.number(order_id) else None
            if known is None:
                raise sim.Refused("unknown_order")
            self._exchange.cancel(call.owner, known.symbol, now_ns=call.now_ns, order_id=known.id)
        except sim.Refused:
            return {"success": False, "failure_reason": "UNKNOWN_CANCEL_ORDER", "order_id": order_id}
        return {"success": True, "failure_reason": why, "order_id": order_id}

    def _order(self, call: sim.SimCall) -> dict[str, Any]:
        at = wire.number(call.need("id"))
        order = self._exchange.find(call.owner, order_id=at) if at else None
        order = sim.found(order, "NOT_FOUND", "order with this orderID was not found", 404)
        return {"order": wire.order_row(call.facts, order, self._uid(call))}

    def _orders(self, call: sim.SimCall) -> dict[str, Any]:
        """List orders: the newest first. OPEN cannot be asked for together with another status."""
        states = call.params.get("order_status") or []
        if "OPEN" in states and len(states) > 1:
            raise sim.Problem("INVALID_ARGUMENT", "OPEN orders cannot be queried with other statuses", 400)
        ids, names = call.params.get("order_ids"), _names(call)
        since_ns, until_ns = _moment(call, "start_date"), _moment(call, "end_date")
        rows = [
            wire.order_row(call.facts, order, self._uid(call))
            for order in wire.newest(self._exchange.orders_of(call.owner))
            if (not names or order.symbol in names)
            and (not ids or str(order.id) in ids)
            and since_ns <= order.ns
            and (not until_ns or order.ns < until_ns)
        ]
        rows = [row for row in rows if not states or row["status"] in states]
        page, more = wire.cut(rows, call.text("cursor"), call.integer("limit") or 1000)
        return {"orders": page, "sequence": "0", "has_next": bool(more), "cursor": more}

    def _fills(self, call: sim.SimCall) -> dict[str, Any]:
        """List fills: the newest first."""
        ids, names = call.params.get("order_ids"), _names(call)
        since_ns, until_ns = _moment(call, "start_sequence_timestamp"), _moment(call, "end_sequence_timestamp")
        rows = [
            wire.fill_row(call.facts, fill, self._uid(call))
            for fill in wire.newest(self._exchange.fills_of(call.owner, since_ns=since_ns))
            if (not names or fill.symbol in names)
            and (not ids or str(fill.order_id) in ids)
            and (not until_ns or fill.ns < until_ns)
        ]
        page, more = wire.cut(rows, call.text("cursor"), call.limit(100, 1000))
        return {"fills": page, "cursor": more}


def _names(call: sim.SimCall) -> list[str]:
    names: list[str] = call.params.get("product_ids") or call.params.get("product_id") or []
    return names


def _moment(call: sim.SimCall, name: str) -> int:
    """An RFC 3339 time; 0 if it is not given."""
    text = call.text(name)
    if not text:
        return 0
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise wire.wrong(name, "invalid") from None
    if at.tzinfo is None:
        raise wire.wrong(name, "invalid")
    return round(at.timestamp() * 1_000_000) * 1000


def params(pairs: list[tuple[str, str]]) -> Mapping[str, Any]:
    """The parameters of a query: lists are texts of their own."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in LISTS:
            found.setdefault(name, []).extend(value.split(","))
        else:
            found[name] = value
    return found
