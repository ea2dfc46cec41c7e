"""The calls of Binance's REST API and the same calls of the WS API, for the dialect: market data and the account."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any, Final

from arbkit import sim

from . import dialect_wire as wire
from .dialect_orders import ORDER_WINDOWS, Orders, limit_row

__all__ = ["WEIGHT", "Calls"]

# binance-spot-api-docs, rest-api.md "LIMITS"; the numbers as exchangeInfo gives them
WEIGHT: Final = ("MINUTE", 1, 6000, 60_000_000_000)
_RAW: Final = ("MINUTE", 5, 300_000, 300_000_000_000)
_HALTS: Final = ("BREAK", "END_OF_DAY", "CANCEL_ONLY")
_COMMON: Final = "recvWindow timestamp signature apiKey returnRateLimits"
_INFO: Final = "symbol symbols permissions showPermissionSets symbolStatus"
_TICKER: Final = "symbol symbols symbolStatus type"
_ORDER: Final = (
    "symbol side type timeInForce quantity quoteOrderQty price newClientOrderId strategyId strategyType"
    " newOrderRespType selfTradePreventionMode"
)
_CANCEL: Final = "symbol orderId origClientOrderId newClientOrderId cancelRestrictions"
_KLINES: Final = "symbol interval startTime endTime timeZone limit"
_PAGE: Final = "fromId startTime endTime limit"
_ACCOUNT: Final = sim.RowType(
    "makerCommission=maker takerCommission=taker commissionRates=rates updateTime=now balances uid accountType:SPOT",
    sim.fields("buyerCommission sellerCommission", 0),
    sim.fields("canTrade canDeposit", True),
    sim.fields("canWithdraw brokered requireSelfTradePrevention preventSor", False),
    {"permissions": ["SPOT"]},
)
_RESTRICTIONS: Final = sim.fields("enableReading enableSpotAndMarginTrading", True) | sim.fields(
    "enableWithdrawals enableInternalTransfer permitsUniversalTransfer enableVanillaOptions enableFutures enableMargin"
    " enablePortfolioMarginTrading enableFixApiTrade enableFixReadOnly ipRestrict",
    False,
)
_COIN: Final = sim.RowType(
    "coin=asset name=asset depositAllEnable=deposit withdrawAllEnable=withdraw free locked freeze:0",
    {"trading": True, "isLegalMoney": False},
)
_NETWORK: Final = sim.RowType(
    "network=asset coin=asset name=asset depositEnable=deposit withdrawEnable=withdraw withdrawFee:0 withdrawMin:0"
    " withdrawMax:1000000 withdrawIntegerMultiple:0.00000001",
    {"isDefault": True, "busy": False},
)
_FEE: Final = sim.RowType("symbol=native makerCommission=maker takerCommission=taker")
_Handler = Callable[[sim.SimCall], Any]
_Weight = int | Callable[[sim.SimCall], int]


def _read(handler: _Handler, weight: _Weight, names: str) -> sim.Route:
    return sim.Route(handler, weight, names=names)


def _private(handler: _Handler, weight: _Weight, names: str | None = None) -> sim.Route:
    return sim.Route(handler, weight, signed=True, names=None if names is None else f"{names} {_COMMON}")


def _write(handler: _Handler, names: str) -> sim.Route:
    """An order write: its weight counts only if it fails (since 2026-04-02)."""
    return sim.Route(handler, 1, signed=True, trade=True, names=f"{names} {_COMMON}")


class Calls:
    """The calls of one exchange: ``rest`` by (method, path), ``ws`` by the WS API's method."""

    def __init__(self, exchange: sim.SimExchange, orders: Orders) -> None:
        self._exchange = exchange
        self._orders = orders

        def ticker(row: sim.RowType) -> _Handler:
            return partial(self._ticker, row)

        table = [
            ("GET ping", "ping", _read(lambda call: {}, 1, "")),
            ("GET time", "time", _read(lambda call: {"serverTime": call.now}, 1, "")),
            ("GET exchangeInfo", "exchangeInfo", _read(self._info, 20, _INFO)),
            ("GET depth", "depth", _read(self._depth, _depth_weight, "symbol limit symbolStatus")),
            ("GET trades", "trades.recent", _read(self._prints, 25, "symbol limit")),
            ("GET aggTrades", "trades.aggregate", _read(self._aggregates, 4, f"symbol {_PAGE}")),
            ("GET klines", "klines", _read(self._klines, 2, _KLINES)),
            ("GET uiKlines", "uiKlines", _read(self._klines, 2, _KLINES)),
            ("GET avgPrice", "avgPrice", _read(self._average, 2, "symbol")),
            ("GET ticker/bookTicker", "ticker.book", _read(ticker(wire.TOP), _by_symbol(2, 4), _TICKER)),
            ("GET ticker/price", "ticker.price", _read(ticker(wire.PRICE), _by_symbol(2, 4), _TICKER)),
            ("GET ticker/24hr", "ticker.24hr", _read(ticker(wire.DAY), _by_symbol(2, 80), _TICKER)),
            ("POST order", "order.place", _write(orders.place, _ORDER)),
            ("POST order/test", "order.test", _private(self._test, 1, f"{_ORDER} computeCommissionRates")),
            ("GET order", "order.status", _private(orders.status, 4, "symbol orderId origClientOrderId")),
            ("DELETE order", "order.cancel", _write(orders.cancel, _CANCEL)),
            ("GET openOrders", "openOrders.status", _private(orders.listed, _by_symbol(6, 80), "symbol")),
            ("DELETE openOrders", "openOrders.cancelAll", _write(orders.cancel_all, "symbol")),
            ("GET allOrders", "allOrders", _private(orders.history, 20, "symbol orderId startTime endTime limit")),
            ("GET myTrades", "myTrades", _private(orders.trades, _trades_weight, f"{_CANCEL} {_PAGE}")),
            ("GET account", "account.status", _private(self._account, 20, "omitZeroBalances")),
            ("GET account/commission", "account.commission", _private(self._commission, 20, "symbol")),
            ("GET rateLimit/order", "account.rateLimits.orders", _private(orders.limits, 40, "")),
        ]
        wallet = {
            "GET capital/config/getall": _private(self._coins, 10),
            "GET account/apiRestrictions": _private(self._restrictions, 1),
            "GET asset/tradeFee": _private(self._trade_fee, 1),
        }
        self.ws = {name: route for _, name, route in table}
        self.rest = sim.routes("/api/v3/", {key: route for key, _, route in table}) | sim.routes("/sapi/v1/", wallet)

    # --- market -----------------------------------------------------------------------------------------------------

    def _wanted(self, call: sim.SimCall) -> list[str]:
        """The symbols in the call's ``symbol`` or ``symbols``; all if it has neither."""
        if "symbol" in call.params:
            return [self._orders.symbol(call)]
        if "symbols" in call.params:
            known, names = call.facts.symbols, call.params["symbols"].strip("[]").replace('"', "").split(",")
            sim.refuse(not all(name in known for name in names), -1121, "Invalid symbol.", 400)
            return [known[name] for name in names]
        return self._exchange.listed

    def _ticker(self, row: sim.RowType, call: sim.SimCall) -> Any:
        """One row if the call names a symbol, else the rows of all."""
        rows = [row.of(call.facts.day(symbol, call.now_ns)) for symbol in self._wanted(call)]
        return rows[0] if "symbol" in call.params else rows

    def _info(self, call: sim.SimCall) -> dict[str, Any]:
        limits = [limit_row("REQUEST_WEIGHT", WEIGHT), *(limit_row("ORDERS", window) for window in ORDER_WINDOWS)]
        return {
            "timezone": "UTC",
            "serverTime": call.now,
            "rateLimits": [*limits, limit_row("RAW_REQUESTS", _RAW)],
            "exchangeFilters": [],
            "symbols": [
                wire.symbol_row(call.facts, symbol, self._state(symbol), wire.STP[self._orders.stp(symbol)])
                for symbol in self._wanted(call)
            ],
        }

    def _state(self, symbol: str) -> str:
        """enums.md, "Symbol status". The reason of a halt may be one of the venue's own words, else it is HALT."""
        why = self._exchange.halted.get(symbol)
        return "TRADING" if why is None else why if why in _HALTS else "HALT"

    def _depth(self, call: sim.SimCall) -> dict[str, Any]:
        symbol, limit = self._orders.symbol(call), call.limit(100, 5000)
        return wire.snapshot(call.facts, symbol, limit)

    def _prints(self, call: sim.SimCall) -> list[dict[str, Any]]:
        """Recent trades, oldest first."""
        symbol, most = self._orders.symbol(call), call.limit(500, 1000)
        newest = list(self._exchange.trades[symbol].newest)[-most:]
        return [wire.TRADE.of(call.facts.trade(one)) for one in newest]

    def _aggregates(self, call: sim.SimCall) -> list[dict[str, Any]]:
        symbol, most = self._orders.symbol(call), call.limit(500, 1000)
        groups = wire.aggregated(self._exchange.trades[symbol].newest)
        return [wire.aggregate_row(call.facts, group) for group in groups[-most:]]

    def _klines(self, call: sim.SimCall) -> list[list[Any]]:
        """Candles, oldest first: from the start if it is given, else the newest. The last field is not used."""
        symbol, period_ns = self._orders.symbol(call), wire.PERIODS[call.choice("interval", wire.PERIODS)]
        since_ns, until_ns, limit = wire.since_ns(call), wire.since_ns(call, "endTime"), call.limit(500, 1000)
        known = call.facts.candles(symbol, period_ns, since_ns, call.now_ns, until_ns)
        return [[*wire.KLINE.of(one).values(), "0"] for one in (known[:limit] if since_ns else known[-limit:])]

    def _average(self, call: sim.SimCall) -> dict[str, Any]:
        return {"mins": 5, "price": call.facts.day(self._orders.symbol(call))["average"], "closeTime": call.now}

    # --- account ----------------------------------------------------------------------------------------------------

    def _test(self, call: sim.SimCall) -> dict[str, Any]:
        """order/test: the filters are checked, the balance is not."""
        self._orders.test(call)
        if call.text("computeCommissionRates").lower() != "true":
            return {}
        own, kinds = self._commission(call), [f"{kind}Commission" for kind in ("standard", "special", "tax")]
        sides = {f"{kind}ForOrder": {side: own[kind][side] for side in ("maker", "taker")} for kind in kinds}
        return sides | {"discount": own["discount"]}

    def _account(self, call: sim.SimCall) -> dict[str, Any]:
        assert call.account is not None
        maker, taker = self._exchange.rates(call.owner)
        omit = call.params.get("omitZeroBalances") == "true"
        owned = [row for row in self._exchange.balances(call.owner) if row[1] or row[2] or not omit]
        known = {
            "maker": int(maker * 10_000),
            "taker": int(taker * 10_000),
            "rates": _rates(maker, taker),
            "now": call.now,
            "uid": call.account.uid,
            "balances": [wire.BALANCE.of(call.facts.money(*row)) for row in owned],
        }
        return call.settled(_ACCOUNT.of(known))

    def _commission(self, call: sim.SimCall) -> dict[str, Any]:
        symbol, none = self._orders.symbol(call), _rates(Decimal(0), Decimal(0))
        pays = self._exchange.accounts[call.owner].fee_asset == "BNB"
        return {
            "symbol": call.facts.native(symbol),
            "standardCommission": _rates(*self._exchange.rates(call.owner, symbol)),
            **sim.fields("specialCommission taxCommission", none),
            "discount": {
                "enabledForAccount": pays,
                "enabledForSymbol": True,
                "discountAsset": "BNB",
                "discount": "0.75000000",
            },
        }

    def _restrictions(self, call: sim.SimCall) -> dict[str, Any]:
        """What the key may do (wallet docs, "Get API Key Permission")."""
        return call.settled(_RESTRICTIONS | {"createTime": call.now_ns // wire.MS})

    def _trade_fee(self, call: sim.SimCall) -> list[dict[str, str]]:
        """The rates of one symbol or of all (wallet docs, "Trade Fee")."""
        return [_FEE.of(call.facts.rates(call.owner, symbol)) for symbol in self._wanted(call)]

    def _coins(self, call: sim.SimCall) -> list[dict[str, Any]]:
        """Wallet docs, "All Coins' Information": whether an asset can be moved."""
        rows = []
        for owned in self._exchange.balances(call.owner):
            known = call.facts.money(*owned) | call.facts.asset(owned[0])
            rows.append(_COIN.of(known, networkList=[_NETWORK.of(known)]))
        return rows


def _by_symbol(one: int, several: int) -> Callable[[sim.SimCall], int]:
    """The weight with ``symbol``, and without."""
    return lambda call: one if "symbol" in call.params else several


def _depth_weight(call: sim.SimCall) -> int:
    """market-data-endpoints.md: 1-100 -> 5, 101-500 -> 25, 501-1000 -> 50, 1001-5000 -> 250."""
    limit = call.limit(100, 5000)
    return 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1000 else 250


def _trades_weight(call: sim.SimCall) -> int:
    return 5 if "orderId" in call.params else 20


def _rates(maker: Decimal, taker: Decimal) -> dict[str, str]:
    parts = {"maker": maker, "taker": taker, **sim.fields("buyer seller", Decimal(0))}
    return {part: f"{rate:.8f}" for part, rate in parts.items()}
