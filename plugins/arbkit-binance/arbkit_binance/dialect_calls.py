"""The calls of Binance's REST API and the same calls of the WS API, for the dialect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from arbkit.core.types import Side, Tif, plain
from arbkit.sim.calls import Problem, Route, SimCall, routes
from arbkit.sim.limits import Window
from arbkit.sim.matching import Stp
from arbkit.sim.rows import fields
from arbkit.sim.venue import DELISTED, Refused, SimExchange, SimOrder

from .dialect_wire import (
    CLIENT_ID,
    STP,
    SYMBOL,
    aggregate_row,
    aggregated,
    day_row,
    decimal,
    decimal8,
    native,
    order_ack,
    order_row,
    refusal,
    symbol_row,
    trade_row,
)

__all__ = ["ORDER_WINDOWS", "WEIGHT", "Calls"]

# binance-spot-api-docs, rest-api.md "LIMITS"; the numbers as exchangeInfo gives them
WEIGHT: Final = ("MINUTE", 1, 6000, 60_000_000_000)
ORDER_WINDOWS: Final = (("SECOND", 10, 100, 10_000_000_000), ("DAY", 1, 200_000, 86_400_000_000_000))
_RAW: Final = ("MINUTE", 5, 300_000, 300_000_000_000)
_STPS: Final[Mapping[str, Stp]] = {
    "NONE": "none",
    "EXPIRE_TAKER": "taker",
    "EXPIRE_MAKER": "maker",
    "EXPIRE_BOTH": "both",
}
_MS: Final = 1_000_000
_HALTS: Final = ("BREAK", "END_OF_DAY", "CANCEL_ONLY")
_COMMON: Final = "recvWindow timestamp signature apiKey returnRateLimits"
_TICKER: Final = "symbol symbols symbolStatus type"
_ORDER: Final = (
    "symbol side type timeInForce quantity quoteOrderQty price newClientOrderId strategyId strategyType"
    " newOrderRespType selfTradePreventionMode"
)
_CANCEL: Final = "symbol orderId origClientOrderId newClientOrderId cancelRestrictions"
_KINDS: Final = ("LIMIT", "LIMIT_MAKER", "MARKET")
_PARTS: Final = ("maker", "taker", "buyer", "seller")


def _read(handler: Callable[[SimCall], Any], weight: int | Callable[[SimCall], int], names: str) -> Route:
    return Route(handler, weight, names=names)


def _private(
    handler: Callable[[SimCall], Any], weight: int | Callable[[SimCall], int], names: str | None = None
) -> Route:
    return Route(handler, weight, signed=True, names=None if names is None else f"{names} {_COMMON}")


def _write(handler: Callable[[SimCall], Any], names: str) -> Route:
    """An order write: its weight counts only if it fails (since 2026-04-02)."""
    return Route(handler, 1, signed=True, trade=True, names=f"{names} {_COMMON}")


class Calls:
    """The calls of one exchange: ``rest`` by (method, path), ``ws`` by the WS API's method."""

    def __init__(self, exchange: SimExchange) -> None:
        self.exchange = exchange
        self.symbols = {native(symbol): symbol for symbol in exchange.pairs}
        self.order_counts = [Window(limit, window_ns) for _, _, limit, window_ns in ORDER_WINDOWS]
        self.cancel_ids: dict[int, str] = {}
        """Order id -> the id of the cancel that ended it."""
        self._ids = 0
        table = [
            ("GET ping", "ping", Route(lambda call: {}, 1, names="")),
            ("GET time", "time", Route(lambda call: {"serverTime": call.now_ns // call.div}, 1, names="")),
            (
                "GET exchangeInfo",
                "exchangeInfo",
                _read(self._info, 20, "symbol symbols permissions showPermissionSets symbolStatus"),
            ),
            ("GET depth", "depth", _read(self._depth, _depth_weight, "symbol limit symbolStatus")),
            ("GET trades", "trades.recent", _read(self._prints, 25, "symbol limit")),
            ("GET aggTrades", "trades.aggregate", _read(self._aggregates, 4, "symbol limit fromId startTime endTime")),
            ("GET avgPrice", "avgPrice", _read(self._average, 2, "symbol")),
            ("GET ticker/bookTicker", "ticker.book", _read(self._tops, _by_symbol(2, 4), _TICKER)),
            ("GET ticker/price", "ticker.price", _read(self._prices, _by_symbol(2, 4), _TICKER)),
            ("GET ticker/24hr", "ticker.24hr", _read(self._day, _by_symbol(2, 80), _TICKER)),
            ("POST order", "order.place", _write(self._place, _ORDER)),
            ("POST order/test", "order.test", _private(self._test, 1, f"{_ORDER} computeCommissionRates")),
            ("GET order", "order.status", _private(self._status, 4, "symbol orderId origClientOrderId")),
            ("DELETE order", "order.cancel", _write(self._cancel, _CANCEL)),
            ("GET openOrders", "openOrders.status", _private(self._open, _by_symbol(6, 80), "symbol")),
            ("DELETE openOrders", "openOrders.cancelAll", _write(self._cancel_all, "symbol")),
            ("GET allOrders", "allOrders", _private(self._all, 20, "symbol orderId startTime endTime limit")),
            (
                "GET myTrades",
                "myTrades",
                _private(self._trades, _trades_weight, f"{_CANCEL} fromId startTime endTime limit"),
            ),
            ("GET account", "account.status", _private(self._account, 20, "omitZeroBalances")),
            ("GET account/commission", "account.commission", _private(self._commission, 20, "symbol")),
            ("GET rateLimit/order", "account.rateLimits.orders", _private(self._order_limits, 40, "")),
        ]
        self.ws = {name: route for _, name, route in table}
        self.rest = routes("/api/v3/", {key: route for key, _, route in table}) | routes(
            "/sapi/v1/",
            {
                "GET capital/config/getall": _private(self._coins, 10),
                "GET account/apiRestrictions": _private(self._restrictions, 1),
                "GET asset/tradeFee": _private(self._trade_fee, 1),
            },
        )

    # --- market -----------------------------------------------------------------------------------------------------

    def symbol(self, call: SimCall) -> str:
        """The canonical symbol of the call's ``symbol`` (-1121)."""
        call.need("symbol")
        symbol = self.symbols.get(call.match("symbol", SYMBOL))
        if symbol is None or self.exchange.halted.get(symbol) == DELISTED:
            raise Problem(-1121, "Invalid symbol.", 400)
        return symbol

    def _wanted(self, call: SimCall) -> list[str]:
        """The symbols in the call's ``symbol`` or ``symbols``; all if it has neither."""
        if "symbol" in call.params:
            return [self.symbol(call)]
        if "symbols" in call.params:
            names = call.params["symbols"].strip("[]").replace('"', "").split(",")
            if not all(name in self.symbols for name in names):
                raise Problem(-1121, "Invalid symbol.", 400)
            return [self.symbols[name] for name in names]
        return [symbol for symbol in self.exchange.pairs if self.exchange.halted.get(symbol) != DELISTED]

    def _info(self, call: SimCall) -> dict[str, Any]:
        return {
            "timezone": "UTC",
            "serverTime": call.now_ns // call.div,
            "rateLimits": [
                _limit("REQUEST_WEIGHT", WEIGHT),
                *(_limit("ORDERS", window) for window in ORDER_WINDOWS),
                _limit("RAW_REQUESTS", _RAW),
            ],
            "exchangeFilters": [],
            "symbols": [
                symbol_row(self.exchange, symbol, self._state(symbol), STP[self.stp(symbol)])
                for symbol in self._wanted(call)
            ],
        }

    def stp(self, symbol: str) -> Stp:
        """The symbol's default self-trade prevention."""
        return "none" if self.exchange.pairs[symbol].quote == "USDT" else "maker"

    def _state(self, symbol: str) -> str:
        """enums.md, "Symbol status". The reason of a halt may be one of the venue's own words, else it is HALT."""
        why = self.exchange.halted.get(symbol)
        return "TRADING" if why is None else why if why in _HALTS else "HALT"

    def _depth(self, call: SimCall) -> dict[str, Any]:
        symbol, limit = self.symbol(call), _limited(call, 100, 5000)
        return self.levels(symbol, limit)

    def levels(self, symbol: str, limit: int) -> dict[str, Any]:
        """A snapshot of the best levels."""
        book, pair = self.exchange.books[symbol], self.exchange.pairs[symbol]
        bids, asks = (
            [[pair.px_text(px, 8), pair.qty_text(lots, 8)] for px, lots in side] for side in book.depth(limit)
        )
        return {"lastUpdateId": book.seq, "bids": bids, "asks": asks}

    def _tops(self, call: SimCall) -> Any:
        rows = []
        for symbol in self._wanted(call):
            pair = self.exchange.pairs[symbol]
            bid, bids, ask, asks = self.exchange.books[symbol].top()
            rows.append(
                {
                    "symbol": native(symbol),
                    "bidPrice": pair.px_text(bid, 8),
                    "bidQty": pair.qty_text(bids, 8),
                    "askPrice": pair.px_text(ask, 8),
                    "askQty": pair.qty_text(asks, 8),
                }
            )
        return rows[0] if "symbol" in call.params else rows

    def _prices(self, call: SimCall) -> Any:
        rows = [
            {"symbol": native(s), "price": self.exchange.pairs[s].px_text(self.exchange.books[s].top()[2], 8)}
            for s in self._wanted(call)
        ]
        return rows[0] if "symbol" in call.params else rows

    def _day(self, call: SimCall) -> Any:
        rows = [day_row(self.exchange, symbol, call.now_ns // call.div) for symbol in self._wanted(call)]
        return rows[0] if "symbol" in call.params else rows

    def _prints(self, call: SimCall) -> list[dict[str, Any]]:
        """Recent trades, oldest first."""
        symbol, most = self.symbol(call), _limited(call, 500, 1000)
        pair = self.exchange.pairs[symbol]
        return [
            {
                "id": one.id,
                "price": pair.px_text(one.px, 8),
                "qty": pair.qty_text(one.qty, 8),
                "quoteQty": decimal8(one.px * one.qty * pair.unit),
                "time": one.ns // call.div,
                "isBuyerMaker": one.side is Side.SELL,
                "isBestMatch": True,
            }
            for one in list(self.exchange.prints[symbol])[-most:]
        ]

    def _aggregates(self, call: SimCall) -> list[dict[str, Any]]:
        symbol, most = self.symbol(call), _limited(call, 500, 1000)
        groups = aggregated(self.exchange.prints[symbol])
        return [aggregate_row(self.exchange.pairs[symbol], group, call.div) for group in groups[-most:]]

    def _average(self, call: SimCall) -> dict[str, Any]:
        symbol, now = self.symbol(call), call.now_ns // call.div
        return {"mins": 5, "price": day_row(self.exchange, symbol, now)["weightedAvgPrice"], "closeTime": now}

    # --- orders -----------------------------------------------------------------------------------------------------

    def _place(self, call: SimCall) -> dict[str, Any]:
        # "newOrderRespType": FULL for LIMIT and MARKET, ACK for all others
        default = "ACK" if call.text("type") == "LIMIT_MAKER" else "FULL"
        kind = call.choice("newOrderRespType", ("ACK", "RESULT", "FULL"), default)
        return order_ack(self.exchange, self._new(call), call, kind)

    def _test(self, call: SimCall) -> dict[str, Any]:
        """order/test: the filters are checked, the balance is not."""
        symbol, order = self._read_order(call)
        for name in ("post_only", "cl_ord_id", "stp", "tif"):
            order.pop(name, None)
        try:
            self.exchange.check(symbol, **order)
        except Refused as refused:
            raise refusal(refused) from None
        if call.text("computeCommissionRates").lower() != "true":
            return {}
        own = self._commission(call)
        rates = {f"{kind}CommissionForOrder": own[f"{kind}Commission"] for kind in ("standard", "special", "tax")}
        sides = {name: {side: row[side] for side in ("maker", "taker")} for name, row in rates.items()}
        return sides | {"discount": own["discount"]}

    def _new(self, call: SimCall) -> SimOrder:
        symbol, order = self._read_order(call)
        for window, (interval, count, limit, _) in zip(self.order_counts, ORDER_WINDOWS, strict=True):
            if window.used(call.owner, call.now_ns) >= limit:
                said = f"Too many new orders; current limit is {limit} orders per {count} {interval}."
                raise Problem(-1015, said, 429)
        if not order["cl_ord_id"]:
            order["cl_ord_id"] = self._generated()
        try:
            placed = self.exchange.place(call.owner, symbol, now_ns=call.now_ns, **order)
        except Refused as refused:
            raise refusal(refused) from None
        for window in self.order_counts:
            window.add(call.owner, 0 if placed.fills else 1, call.now_ns)  # a fill gives the count back
        return placed

    def _read_order(self, call: SimCall) -> tuple[str, dict[str, Any]]:
        symbol = self.symbol(call)
        side, kind = Side[call.choice("side", ("BUY", "SELL"))], call.choice("type", _KINDS)
        stp = call.choice("selfTradePreventionMode", _STPS, STP[self.stp(symbol)])
        order: dict[str, Any] = {
            "side": side,
            "kind": "market" if kind == "MARKET" else "limit",
            "post_only": kind == "LIMIT_MAKER",
            "cl_ord_id": call.match("newClientOrderId", CLIENT_ID),
            "stp": _STPS[stp],
        }
        # trading-endpoints.md: mandatory parameters per type; parameters that a type does not have are refused
        if kind == "MARKET":
            _without(call, "price", "timeInForce")
            if ("quantity" in call.params) == ("quoteOrderQty" in call.params):
                call.need("quantity")
                raise Problem(-1106, "Parameter 'quoteOrderQty' sent when not required.", 400)
            name = "qty" if "quantity" in call.params else "quote_qty"
            order[name] = decimal(call, "quantity" if name == "qty" else "quoteOrderQty")
            return symbol, order
        _without(call, "quoteOrderQty", *(("timeInForce",) if kind == "LIMIT_MAKER" else ()))
        if kind == "LIMIT":
            order["tif"] = Tif[call.choice("timeInForce", ("GTC", "IOC", "FOK"))]
        order["qty"], order["px"] = decimal(call, "quantity"), decimal(call, "price")
        return symbol, order

    def _which(self, call: SimCall) -> tuple[str, int, str]:
        """The order that a call names: symbol, its id or 0, its client id or ""."""
        symbol = self.symbol(call)
        order_id, cl_ord_id = call.integer("orderId"), call.params.get("origClientOrderId", "")
        if not order_id and not cl_ord_id:
            raise Problem(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!", 400)
        return symbol, order_id, cl_ord_id

    def _status(self, call: SimCall) -> dict[str, Any]:
        symbol, order_id, cl_ord_id = self._which(call)
        order = self.exchange.find(call.owner, order_id=order_id, cl_ord_id=cl_ord_id, symbol=symbol)
        if order is None or cl_ord_id not in ("", order.cl_ord_id):
            raise Problem(-2013, "Order does not exist.", 400)
        return order_row(self.exchange, order, call)

    def _cancel(self, call: SimCall) -> dict[str, Any]:
        symbol, order_id, cl_ord_id = self._which(call)
        cancel_id = call.match("newClientOrderId", CLIENT_ID)
        named = self.exchange.orders.get(order_id)
        try:
            if cl_ord_id and named is not None and named.cl_ord_id != cl_ord_id:
                raise Refused("unknown_order")  # "if both are sent, both must belong to the same order"
            order = self.exchange.cancel(call.owner, symbol, now_ns=call.now_ns, order_id=order_id, cl_ord_id=cl_ord_id)
        except Refused as refused:
            raise refusal(refused) from None
        return self._cancelled(order, call, cancel_id)

    def _cancelled(self, order: SimOrder, call: SimCall, cancel_id: str) -> dict[str, Any]:
        # the reply and the report contain the cancel's id, and the order's id as the original id
        cancel_id = self.cancel_ids[order.id] = cancel_id or self._generated()
        row = order_ack(self.exchange, order, call, "RESULT")
        del row["workingTime"]
        return row | {"origClientOrderId": order.cl_ord_id, "clientOrderId": cancel_id}

    def _cancel_all(self, call: SimCall) -> list[dict[str, Any]]:
        orders = self.exchange.cancel_all(call.owner, self.symbol(call), now_ns=call.now_ns)
        if not orders:
            raise refusal(Refused("unknown_order"))
        return [self._cancelled(order, call, "") for order in orders]

    def _open(self, call: SimCall) -> list[dict[str, Any]]:
        symbol = self.symbol(call) if "symbol" in call.params else ""
        return [order_row(self.exchange, order, call) for order in self.exchange.open_orders(call.owner, symbol)]

    def _all(self, call: SimCall) -> list[dict[str, Any]]:
        orders = self.exchange.orders_of(call.owner, self.symbol(call))
        first, since = call.integer("orderId"), call.integer("startTime") * call.div
        orders = [order for order in orders if order.id >= first and order.ns >= since]
        limit = _limited(call, 500, 1000)
        return [order_row(self.exchange, order, call) for order in (orders[:limit] if first else orders[-limit:])]

    def _trades(self, call: SimCall) -> list[dict[str, Any]]:
        symbol, since = self.symbol(call), call.integer("startTime") * call.div
        fills = self.exchange.fills_of(call.owner, symbol, call.integer("orderId"), since)
        first, limit = call.integer("fromId"), _limited(call, 500, 1000)
        fills = [fill for fill in fills if fill.id >= first]
        # from the oldest if a start is given, else the newest
        fills = fills[:limit] if first or since else fills[-limit:]
        return [trade_row(self.exchange, fill, call) for fill in fills]

    # --- account ----------------------------------------------------------------------------------------------------

    def _account(self, call: SimCall) -> dict[str, Any]:
        maker, taker = self.exchange.rates(call.owner)
        omit = call.params.get("omitZeroBalances") == "true"
        balances = [
            {"asset": asset, "free": decimal8(free), "locked": decimal8(locked)}
            for asset, free, locked in self.exchange.balances(call.owner)
            if free or locked or not omit
        ]
        row = {
            "makerCommission": int(maker * 10_000),
            "takerCommission": int(taker * 10_000),
            **fields("buyerCommission sellerCommission", 0),
            "commissionRates": _rates(maker, taker),
            **fields("canTrade canDeposit", True),
            **fields("canWithdraw brokered requireSelfTradePrevention preventSor", False),
            "updateTime": call.now_ns // call.div,
            "accountType": "SPOT",
            "balances": balances,
            "permissions": ["SPOT"],
            "uid": call.account.uid if call.account else 0,
        }
        return call.settled(row)

    def _commission(self, call: SimCall) -> dict[str, Any]:
        maker, taker = self.exchange.rates(call.owner, self.symbol(call))
        none = _rates(Decimal(0), Decimal(0))
        return {
            "symbol": native(self.symbol(call)),
            "standardCommission": _rates(maker, taker),
            "specialCommission": none,
            "taxCommission": none,
            "discount": {
                "enabledForAccount": self.exchange.accounts[call.owner].fee_asset == "BNB",
                "enabledForSymbol": True,
                "discountAsset": "BNB",
                "discount": "0.75000000",
            },
        }

    def _order_limits(self, call: SimCall) -> list[dict[str, Any]]:
        return self.order_limits(call.owner, call.now_ns)

    def order_limits(self, account: str, now_ns: int) -> list[dict[str, Any]]:
        """The unfilled-order windows with their counts."""
        return [
            _limit("ORDERS", spec) | {"count": window.used(account, now_ns)}
            for spec, window in zip(ORDER_WINDOWS, self.order_counts, strict=True)
        ]

    def _restrictions(self, call: SimCall) -> dict[str, Any]:
        """What the key may do (wallet docs, "Get API Key Permission")."""
        rights = (
            "enableWithdrawals enableInternalTransfer permitsUniversalTransfer enableVanillaOptions enableFutures"
            " enableMargin enablePortfolioMarginTrading enableFixApiTrade enableFixReadOnly ipRestrict"
        )
        row = fields(rights, False) | {
            "createTime": call.now_ns // _MS,
            "enableReading": True,
            "enableSpotAndMarginTrading": True,
        }
        return call.settled(row)

    def _trade_fee(self, call: SimCall) -> list[dict[str, str]]:
        """The rates of one symbol or of all (wallet docs, "Trade Fee")."""
        rates = {name: self.exchange.rates(call.owner, name) for name in self._wanted(call)}
        return [
            {"symbol": native(name), "makerCommission": plain(maker), "takerCommission": plain(taker)}
            for name, (maker, taker) in rates.items()
        ]

    def _coins(self, call: SimCall) -> list[dict[str, Any]]:
        rows = []
        for asset, free, locked in self.exchange.balances(call.owner):
            deposit, withdraw = self.exchange.immovable.get(asset, (True, True))
            network = {
                **fields("network coin name", asset),
                "isDefault": True,
                "depositEnable": deposit,
                "withdrawEnable": withdraw,
                **fields("withdrawFee withdrawMin", "0"),
                "withdrawMax": "1000000",
                "withdrawIntegerMultiple": "0.00000001",
                "busy": False,
            }
            rows.append(
                {
                    **fields("coin name", asset),
                    "depositAllEnable": deposit,
                    "withdrawAllEnable": withdraw,
                    "free": decimal8(free),
                    "locked": decimal8(locked),
                    "freeze": "0",
                    "trading": True,
                    "isLegalMoney": False,
                    "networkList": [network],
                }
            )
        return rows

    def _generated(self) -> str:
        self._ids += 1
        return f"sim{self._ids:019d}"


def _limited(call: SimCall, default: int, most: int) -> int:
    """``limit``, at most ``most``."""
    return min(call.integer("limit") or default, most)


def _by_symbol(one: int, several: int) -> Callable[[SimCall], int]:
    """The weight with ``symbol``, and without."""
    return lambda call: one if "symbol" in call.params else several


def _depth_weight(call: SimCall) -> int:
    """market-data-endpoints.md: 1-100 -> 5, 101-500 -> 25, 501-1000 -> 50, 1001-5000 -> 250."""
    limit = _limited(call, 100, 5000)
    return 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1000 else 250


def _trades_weight(call: SimCall) -> int:
    return 5 if "orderId" in call.params else 20


def _limit(kind: str, spec: tuple[str, int, int, int]) -> dict[str, Any]:
    return {"rateLimitType": kind, "interval": spec[0], "intervalNum": spec[1], "limit": spec[2]}


def _rates(maker: Decimal, taker: Decimal) -> dict[str, str]:
    return {part: f"{rate:.8f}" for part, rate in zip(_PARTS, (maker, taker, 0, 0), strict=True)}


def _without(call: SimCall, *names: str) -> None:
    for name in names:
        if name in call.params:
            raise Problem(-1106, f"Parameter '{name}' sent when not required.", 400)
