"""The calls of Binance's REST API and the same calls of the WS API, for the dialect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from arbkit.core.types import Side, Tif, plain
from arbkit.sim.limits import Window
from arbkit.sim.matching import Stp
from arbkit.sim.pair import text
from arbkit.sim.venue import Refused, SimExchange, SimOrder

from .dialect_wire import Call, Problem, decimal8, native, order_ack, order_row, refusal, trade_row

__all__ = ["ORDER_WINDOWS", "WEIGHT", "Calls", "Route"]

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
_PARTS: Final = ("maker", "taker", "buyer", "seller")


class Route:
    """A call: its handler, its weight (a number, or a function of the call), and whether it is signed."""

    __slots__ = ("handler", "order", "signed", "weight")

    def __init__(
        self,
        handler: Callable[[Call], Any],
        weight: int | Callable[[Call], int],
        signed: bool = False,
        order: bool = False,
    ) -> None:
        self.handler = handler
        self.weight = weight
        self.signed = signed
        self.order = order
        """Whether it writes an order: then its weight counts only if it fails (since 2026-04-02)."""


class Calls:
    """The calls of one exchange: ``rest`` by (method, path), ``ws`` by the WS API's method."""

    def __init__(self, exchange: SimExchange) -> None:
        self.exchange = exchange
        self.symbols = {native(symbol): symbol for symbol in exchange.pairs}
        self.order_counts = [Window(limit, window_ns) for _, _, limit, window_ns in ORDER_WINDOWS]
        self.cancel_ids: dict[int, str] = {}
        """Order id -> the id of the cancel that ended it."""
        self._ids = 0
        signed = True
        table = [
            ("GET", "/api/v3/ping", "ping", Route(lambda call: {}, 1)),
            ("GET", "/api/v3/time", "time", Route(lambda call: {"serverTime": call.now_ns // call.div}, 1)),
            ("GET", "/api/v3/exchangeInfo", "exchangeInfo", Route(self._info, 20)),
            ("GET", "/api/v3/depth", "depth", Route(self._depth, _depth_weight)),
            ("GET", "/api/v3/ticker/bookTicker", "ticker.book", Route(self._tops, lambda c: 2 if _one(c) else 4)),
            ("GET", "/api/v3/ticker/price", "ticker.price", Route(self._prices, lambda c: 2 if _one(c) else 4)),
            ("GET", "/api/v3/ticker/24hr", "ticker.24hr", Route(self._day, lambda c: 2 if _one(c) else 80)),
            ("POST", "/api/v3/order", "order.place", Route(self._place, 1, signed, order=True)),
            ("POST", "/api/v3/order/test", "order.test", Route(self._test, 1, signed)),
            ("GET", "/api/v3/order", "order.status", Route(self._status, 4, signed)),
            ("DELETE", "/api/v3/order", "order.cancel", Route(self._cancel, 1, signed, order=True)),
            ("GET", "/api/v3/openOrders", "openOrders.status", Route(self._open, _open_weight, signed)),
            ("DELETE", "/api/v3/openOrders", "openOrders.cancelAll", Route(self._cancel_all, 1, signed, order=True)),
            ("GET", "/api/v3/allOrders", "allOrders", Route(self._all, 20, signed)),
            ("GET", "/api/v3/myTrades", "myTrades", Route(self._trades, _trades_weight, signed)),
            ("GET", "/api/v3/account", "account.status", Route(self._account, 20, signed)),
            ("GET", "/api/v3/account/commission", "account.commission", Route(self._commission, 20, signed)),
            ("GET", "/api/v3/rateLimit/order", "account.rateLimits.orders", Route(self._order_limits, 40, signed)),
            ("GET", "/sapi/v1/capital/config/getall", "", Route(self._coins, 10, signed)),
            ("GET", "/sapi/v1/account/apiRestrictions", "", Route(self._restrictions, 1, signed)),
            ("GET", "/sapi/v1/asset/tradeFee", "", Route(self._trade_fee, 1, signed)),
        ]
        self.rest = {(method, path): route for method, path, _, route in table}
        self.ws = {name: route for _, _, name, route in table if name}

    # --- market -----------------------------------------------------------------------------------------------------

    def symbol(self, call: Call) -> str:
        """The canonical symbol of the call's ``symbol`` (-1121)."""
        symbol = self.symbols.get(call.need("symbol"))
        if symbol is None:
            raise Problem(-1121, "Invalid symbol.")
        return symbol

    def _wanted(self, call: Call) -> list[str]:
        """The symbols in the call's ``symbol`` or ``symbols``; all if it has neither."""
        if "symbol" in call.params:
            return [self.symbol(call)]
        if "symbols" in call.params:
            names = call.params["symbols"].strip("[]").replace('"', "").split(",")
            if not all(name in self.symbols for name in names):
                raise Problem(-1121, "Invalid symbol.")
            return [self.symbols[name] for name in names]
        return list(self.exchange.pairs)

    def _info(self, call: Call) -> dict[str, Any]:
        return {
            "timezone": "UTC",
            "serverTime": call.now_ns // call.div,
            "rateLimits": [
                _limit("REQUEST_WEIGHT", WEIGHT),
                *(_limit("ORDERS", window) for window in ORDER_WINDOWS),
                _limit("RAW_REQUESTS", _RAW),
            ],
            "exchangeFilters": [],
            "symbols": [self._symbol(symbol) for symbol in self._wanted(call)],
        }

    def _symbol(self, symbol: str) -> dict[str, Any]:
        pair = self.exchange.pairs[symbol]
        lot, smallest, largest = text(pair.lot_units, pad=8), f"{pair.min_qty:.8f}", f"{pair.max_qty:.8f}"
        return {
            "symbol": native(symbol),
            "status": self._state(symbol),
            "baseAsset": pair.base,
            "baseAssetPrecision": 8,
            "quoteAsset": pair.quote,
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "baseCommissionPrecision": 8,
            "quoteCommissionPrecision": 8,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
            "icebergAllowed": False,
            "ocoAllowed": False,
            "quoteOrderQtyMarketAllowed": True,
            "allowTrailingStop": False,
            "cancelReplaceAllowed": False,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": [
                {
                    "filterType": "PRICE_FILTER",
                    "minPrice": text(pair.tick_units, pad=8),
                    "maxPrice": "1000000.00000000",
                    "tickSize": text(pair.tick_units, pad=8),
                },
                {"filterType": "LOT_SIZE", "minQty": smallest, "maxQty": largest, "stepSize": lot},
                {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": largest, "stepSize": "0.00000000"},
                {
                    "filterType": "NOTIONAL",
                    "minNotional": f"{pair.min_notional:.8f}",
                    "applyMinToMarket": True,
                    "maxNotional": "9000000.00000000",
                    "applyMaxToMarket": False,
                    "avgPriceMins": 5,
                },
            ],
            "permissions": [],
            "permissionSets": [["SPOT"]],
            "defaultSelfTradePreventionMode": "NONE",
            "allowedSelfTradePreventionModes": ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
        }

    def _state(self, symbol: str) -> str:
        """enums.md, "Symbol status". The reason of a halt may be one of the venue's own words, else it is HALT."""
        why = self.exchange.halted.get(symbol)
        return "TRADING" if why is None else why if why in _HALTS else "HALT"

    def _depth(self, call: Call) -> dict[str, Any]:
        symbol, limit = self.symbol(call), call.limit(100, 5000)
        return self.levels(symbol, limit)

    def levels(self, symbol: str, limit: int) -> dict[str, Any]:
        """A snapshot of the best levels."""
        book, pair = self.exchange.books[symbol], self.exchange.pairs[symbol]
        bids, asks = (
            [[pair.px_text(px, 8), pair.qty_text(lots, 8)] for px, lots in side] for side in book.depth(limit)
        )
        return {"lastUpdateId": book.seq, "bids": bids, "asks": asks}

    def _tops(self, call: Call) -> Any:
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

    def _prices(self, call: Call) -> Any:
        rows = [
            {"symbol": native(s), "price": self.exchange.pairs[s].px_text(self.exchange.books[s].top()[2], 8)}
            for s in self._wanted(call)
        ]
        return rows[0] if "symbol" in call.params else rows

    def _day(self, call: Call) -> Any:
        """24-hour statistics. The simulator has none, so every price is the best ask."""
        tops, now = self._tops(call), call.now_ns // call.div
        rows = [tops] if isinstance(tops, dict) else tops
        for row in rows:
            px = row["askPrice"]
            row |= dict.fromkeys(("lastPrice", "openPrice", "highPrice", "lowPrice", "weightedAvgPrice"), px)
            row |= {
                "prevClosePrice": px,
                "priceChange": "0.00000000",
                "priceChangePercent": "0.000",
                "lastQty": "0",
                "volume": "0",
                "quoteVolume": "0",
                "openTime": now,
                "closeTime": now,
                "firstId": -1,
                "lastId": -1,
                "count": 0,
            }
        return tops

    # --- orders -----------------------------------------------------------------------------------------------------

    def _place(self, call: Call) -> dict[str, Any]:
        kind = call.params.get("newOrderRespType", "FULL")
        return order_ack(self.exchange, self._new(call), call, kind)

    def _test(self, call: Call) -> dict[str, Any]:
        self._read_order(call)
        return {}

    def _new(self, call: Call) -> SimOrder:
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

    def _read_order(self, call: Call) -> tuple[str, dict[str, Any]]:
        symbol = self.symbol(call)
        side = {"BUY": Side.BUY, "SELL": Side.SELL}.get(call.need("side"))
        if side is None:
            raise Problem(-1117, "Invalid side.")
        kind = call.need("type")
        if kind not in ("LIMIT", "LIMIT_MAKER", "MARKET"):
            raise Problem(-1116, "Invalid orderType.")
        stp = call.params.get("selfTradePreventionMode", "NONE")
        if stp not in _STPS:
            raise Problem(-1102, "Mandatory parameter 'selfTradePreventionMode' was not sent or malformed.")
        order: dict[str, Any] = {
            "side": side,
            "kind": "market" if kind == "MARKET" else "limit",
            "post_only": kind == "LIMIT_MAKER",
            "cl_ord_id": call.client_id("newClientOrderId"),
            "stp": _STPS[stp],
        }
        # trading-endpoints.md: mandatory parameters per type; parameters that a type does not have are refused
        if kind == "MARKET":
            _without(call, "price", "timeInForce")
            if ("quantity" in call.params) == ("quoteOrderQty" in call.params):
                call.need("quantity")
                raise Problem(-1106, "Parameter 'quoteOrderQty' sent when not required.")
            name = "qty" if "quantity" in call.params else "quote_qty"
            order[name] = call.decimal("quantity" if name == "qty" else "quoteOrderQty")
            return symbol, order
        _without(call, "quoteOrderQty", *(("timeInForce",) if kind == "LIMIT_MAKER" else ()))
        if kind == "LIMIT":
            tif = call.need("timeInForce")
            if tif not in ("GTC", "IOC", "FOK"):
                raise Problem(-1115, "Invalid timeInForce.")
            order["tif"] = Tif[tif]
        order["qty"], order["px"] = call.decimal("quantity"), call.decimal("price")
        return symbol, order

    def _which(self, call: Call) -> tuple[str, int, str]:
        """The order that a call names: symbol, its id or 0, its client id or ""."""
        symbol = self.symbol(call)
        order_id, cl_ord_id = call.integer("orderId"), call.params.get("origClientOrderId", "")
        if not order_id and not cl_ord_id:
            raise Problem(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
        return symbol, order_id, cl_ord_id

    def _status(self, call: Call) -> dict[str, Any]:
        symbol, order_id, cl_ord_id = self._which(call)
        order = self.exchange.find(call.owner, order_id=order_id, cl_ord_id=cl_ord_id, symbol=symbol)
        if order is None or cl_ord_id not in ("", order.cl_ord_id):
            raise Problem(-2013, "Order does not exist.")
        return order_row(self.exchange, order, call)

    def _cancel(self, call: Call) -> dict[str, Any]:
        symbol, order_id, cl_ord_id = self._which(call)
        cancel_id = call.client_id("newClientOrderId")
        try:
            order = self.exchange.cancel(call.owner, symbol, now_ns=call.now_ns, order_id=order_id, cl_ord_id=cl_ord_id)
        except Refused as refused:
            raise refusal(refused) from None
        return self._cancelled(order, call, cancel_id)

    def _cancelled(self, order: SimOrder, call: Call, cancel_id: str) -> dict[str, Any]:
        # the reply and the report contain the cancel's id, and the order's id as the original id
        cancel_id = self.cancel_ids[order.id] = cancel_id or self._generated()
        row = order_ack(self.exchange, order, call, "RESULT")
        del row["workingTime"]
        return row | {"origClientOrderId": order.cl_ord_id, "clientOrderId": cancel_id}

    def _cancel_all(self, call: Call) -> list[dict[str, Any]]:
        orders = self.exchange.cancel_all(call.owner, self.symbol(call), now_ns=call.now_ns)
        if not orders:
            raise Problem(-2011, "Unknown order sent.")
        return [self._cancelled(order, call, "") for order in orders]

    def _open(self, call: Call) -> list[dict[str, Any]]:
        symbol = self.symbol(call) if "symbol" in call.params else ""
        return [order_row(self.exchange, order, call) for order in self.exchange.open_orders(call.owner, symbol)]

    def _all(self, call: Call) -> list[dict[str, Any]]:
        orders = self.exchange.orders_of(call.owner, self.symbol(call))
        first, since = call.integer("orderId"), call.integer("startTime") * call.div
        orders = [order for order in orders if order.id >= first and order.ns >= since]
        limit = call.limit(500, 1000)
        return [order_row(self.exchange, order, call) for order in (orders[:limit] if first else orders[-limit:])]

    def _trades(self, call: Call) -> list[dict[str, Any]]:
        symbol, since = self.symbol(call), call.integer("startTime") * call.div
        fills = self.exchange.fills_of(call.owner, symbol, call.integer("orderId"), since)
        first, limit = call.integer("fromId"), call.limit(500, 1000)
        fills = [fill for fill in fills if fill.id >= first]
        # from the oldest if a start is given, else the newest
        fills = fills[:limit] if first or since else fills[-limit:]
        return [trade_row(self.exchange, fill, call) for fill in fills]

    # --- account ----------------------------------------------------------------------------------------------------

    def _account(self, call: Call) -> dict[str, Any]:
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
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": _rates(maker, taker),
            "canTrade": True,
            "canWithdraw": False,
            "canDeposit": True,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": call.now_ns // call.div,
            "accountType": "SPOT",
            "balances": balances,
            "permissions": ["SPOT"],
            "uid": call.account.uid if call.account else 0,
        }
        return self._set(call, row)

    def _commission(self, call: Call) -> dict[str, Any]:
        maker, taker = self.exchange.rates(call.owner)
        none = _rates(Decimal(0), Decimal(0))
        return {
            "symbol": native(self.symbol(call)),
            "standardCommission": _rates(maker, taker),
            "specialCommission": none,
            "taxCommission": none,
            "discount": {
                "enabledForAccount": False,
                "enabledForSymbol": False,
                "discountAsset": "BNB",
                "discount": "0.75000000",
            },
        }

    def _order_limits(self, call: Call) -> list[dict[str, Any]]:
        return self.order_limits(call.owner, call.now_ns)

    def order_limits(self, account: str, now_ns: int) -> list[dict[str, Any]]:
        """The unfilled-order windows with their counts."""
        return [
            _limit("ORDERS", spec) | {"count": window.used(account, now_ns)}
            for spec, window in zip(ORDER_WINDOWS, self.order_counts, strict=True)
        ]

    def _restrictions(self, call: Call) -> dict[str, Any]:
        """What the key may do (wallet docs, "Get API Key Permission")."""
        rights = (
            "enableWithdrawals",
            "enableInternalTransfer",
            "permitsUniversalTransfer",
            "enableVanillaOptions",
            "enableFutures",
            "enableMargin",
            "enablePortfolioMarginTrading",
            "enableFixApiTrade",
            "enableFixReadOnly",
        )
        row = dict.fromkeys(rights, False) | {
            "ipRestrict": False,
            "createTime": call.now_ns // _MS,
            "enableReading": True,
            "enableSpotAndMarginTrading": True,
        }
        return self._set(call, row)

    def _trade_fee(self, call: Call) -> list[dict[str, str]]:
        """The rates of one symbol or of all (wallet docs, "Trade Fee")."""
        maker, taker = (plain(rate) for rate in self.exchange.rates(call.owner))
        wanted = self._wanted(call)
        return [{"symbol": native(name), "makerCommission": maker, "takerCommission": taker} for name in wanted]

    @staticmethod
    def _set(call: Call, row: dict[str, Any]) -> dict[str, Any]:
        """The row with the account's own settings."""
        settings = call.account.settings if call.account else {}
        return row | {name: value for name, value in settings.items() if name in row}

    def _coins(self, call: Call) -> list[dict[str, Any]]:
        rows = []
        for asset, free, locked in self.exchange.balances(call.owner):
            deposit, withdraw = self.exchange.immovable.get(asset, (True, True))
            network = {
                "network": asset,
                "coin": asset,
                "name": asset,
                "isDefault": True,
                "depositEnable": deposit,
                "withdrawEnable": withdraw,
                "withdrawFee": "0",
                "withdrawMin": "0",
                "withdrawMax": "1000000",
                "withdrawIntegerMultiple": "0.00000001",
                "busy": False,
            }
            rows.append(
                {
                    "coin": asset,
                    "name": asset,
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


def _one(call: Call) -> bool:
    return "symbol" in call.params


def _depth_weight(call: Call) -> int:
    """market-data-endpoints.md: 1-100 -> 5, 101-500 -> 25, 501-1000 -> 50, 1001-5000 -> 250."""
    limit = call.limit(100, 5000)
    return 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1000 else 250


def _open_weight(call: Call) -> int:
    return 6 if _one(call) else 80


def _trades_weight(call: Call) -> int:
    return 5 if "orderId" in call.params else 20


def _limit(kind: str, spec: tuple[str, int, int, int]) -> dict[str, Any]:
    return {"rateLimitType": kind, "interval": spec[0], "intervalNum": spec[1], "limit": spec[2]}


def _rates(maker: Decimal, taker: Decimal) -> dict[str, str]:
    return {part: f"{rate:.8f}" for part, rate in zip(_PARTS, (maker, taker, 0, 0), strict=True)}


def _without(call: Call, *names: str) -> None:
    for name in names:
        if name in call.params:
            raise Problem(-1106, f"Parameter '{name}' sent when not required.")
