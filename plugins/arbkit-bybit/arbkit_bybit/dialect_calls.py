"""The calls of Bybit's REST API and of its trade socket, for the dialect."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Final, TypeVar

from arbkit import sim
from arbkit.core.types import OrdStatus, Side, Tif

from . import dialect_wire as wire
from .dialect_streams import Private, Streams

__all__ = ["BATCH", "Calls", "orders_of"]

BATCH: Final = 10
"""v5/order/batch-place: spot orders in one request."""
_S: Final = 1_000_000_000
_WEEK: Final = 7 * 86_400 * _S
_QUOTE_STEP: Final = Decimal("0.0000001")
_RECENT: Final = 500  # v5/order/open-order: number of ended orders that it still returns
_OPEN_MAX: Final = 500  # v5/error 170810: open spot orders
_ID: Final = re.compile(r"[0-9]{1,19}", re.ASCII)
_INFO: Final = sim.texts("marginMode:REGULAR_MARGIN dcpStatus:OFF spotHedgingStatus:OFF") | {
    "unifiedMarginStatus": 6,
    **sim.fields("timeWindow smpGroup", 0),
    "isMasterTrader": False,
}
_RIGHTS: Final = "ContractTrade Wallet Options Derivatives CopyTrading BlockTrade Exchange NFT Affiliate Earn"
_KEY: Final = {
    **sim.texts("note: secret: rsaPublicKey: kycRegion: kycLevel:LEVEL_DEFAULT parentUid:0 mktMakerLevel:0"),
    **sim.texts("createdAt:2025-01-01T00:00:00Z expiredAt:2027-01-01T00:00:00Z"),
    **sim.fields("readOnly unified inviterID affiliateID", 0),
    **sim.fields("type uta", 1),
    "permissions": {right: [] for right in _RIGHTS.split()} | {"Spot": ["SpotTrade"]},
    "ips": ["*"],
    "deadlineDay": 83,
    "isMaster": True,
    "vipLevel": "No VIP",
}
_CHAIN: Final = sim.texts(
    "confirmation:1 safeConfirmNumber:1 withdrawFee:0 depositMin:0 withdrawMin:0 withdrawPercentageFee:0"
    " minAccuracy:8 contractAddress:"
)
_T = TypeVar("_T")
_Handler = Callable[[sim.SimCall], Any]


class Calls:
    """The calls of one exchange: ``rest`` by (method, path), ``ws`` by the trade socket's op."""

    def __init__(self, facts: sim.Facts, streams: Streams, private: Private) -> None:
        self._exchange = facts.exchange
        self._streams = streams
        self._private = private

        def read(handler: _Handler) -> sim.Route:
            return sim.Route(handler, limit=sim.Rolling(50), signed=True)

        # v5/rate-limit, spot: requests a second; REST and the trade socket share them
        def write(handler: _Handler, limit: sim.Rolling | None = None, batch: bool = False) -> sim.Route:
            return sim.Route(handler, limit=limit or sim.Rolling(20), signed=True, trade=True, batch=batch)

        batch, ones = sim.Rolling(20), (self._create, self._cancel)
        place, end = (write(one) for one in ones)
        place_many, end_many = (write(partial(self._batch, one), batch, batch=True) for one in ones)
        instruments = _spot(self._instruments)
        self.ws = {
            "order.create": place,
            "order.cancel": end,
            "order.create-batch": place_many,
            "order.cancel-batch": end_many,
        }
        table = {
            "GET market/time": sim.Route(_time),
            "GET market/instruments-info": sim.Route(instruments),
            "GET market/orderbook": sim.Route(self._orderbook),
            "GET market/kline": sim.Route(self._klines),
            "GET market/tickers": sim.Route(self._tickers),
            "GET market/recent-trade": sim.Route(self._trades),
            "GET market/price-limit": sim.Route(self._price_limit),
            "POST order/create": place,
            "POST order/cancel": end,
            "POST order/create-batch": place_many,
            "POST order/cancel-batch": end_many,
            "POST order/cancel-all": write(self._cancel_all),
            "POST order/pre-check": write(self._pre_check),
            "POST order/disconnected-cancel-all": write(lambda call: {}),
            "GET order/spot-borrow-check": read(self._borrow_check),
            "GET order/realtime": read(_spot(self._realtime)),
            "GET order/history": read(_spot(self._history)),
            "GET execution/list": read(_spot(self._executions)),
            "GET position/list": read(_spot(lambda call: {})),
            "GET account/wallet-balance": read(self._wallet),
            "GET account/fee-rate": read(self._fee_rate),
            "GET account/info": read(lambda call: call.settled(_INFO | {"updatedTime": call.now})),
            "GET account/instruments-info": read(instruments),
            "GET account/transaction-log": read(lambda call: {"list": [], "nextPageCursor": ""}),
            "GET user/query-api": read(self._key),
            "GET asset/coin/query-info": read(self._coins),
            "GET asset/transfer/query-account-coins-balance": read(self._coin_balances),
        }
        self.rest = sim.routes("/v5/", table)

    # --- market -----------------------------------------------------------------------------------------------------

    def _symbol(self, call: sim.SimCall) -> str:
        """The canonical symbol of the call's ``symbol``. The simulator supports spot only."""
        call.choice("category", ("spot",))
        return sim.found(call.facts.symbols.get(call.need("symbol")), 170121, "Invalid symbol.")

    def _wanted(self, call: sim.SimCall) -> str:
        """The canonical symbol if the call has one, else ""."""
        call.choice("category", ("spot",))
        return self._symbol(call) if call.text("symbol") else ""

    def _symbols(self, call: sim.SimCall) -> list[str]:
        """The symbol that the call names, or all."""
        wanted = self._wanted(call)
        return [wanted] if wanted else list(self._exchange.pairs)

    def _instruments(self, call: sim.SimCall) -> dict[str, Any]:
        """v5/market/instrument: what cannot be traded is not listed."""
        numbers = {symbol: number for number, symbol in enumerate(self._exchange.pairs, 9)}
        listed = [symbol for symbol in self._symbols(call) if symbol not in self._exchange.halted]
        step = f"{_QUOTE_STEP:f}"
        return _listed([wire.instrument_row(call.facts, symbol, numbers[symbol], step) for symbol in listed])

    def _orderbook(self, call: sim.SimCall) -> dict[str, Any]:
        return self._streams.book(self._symbol(call), max(1, call.limit(1, 1000)), call.now_ns)

    def _tickers(self, call: sim.SimCall) -> dict[str, Any]:
        days = [call.facts.day(symbol) for symbol in self._symbols(call)]
        return _listed([wire.DAY.of(day) | wire.TOP.of(day) for day in days])

    def _trades(self, call: sim.SimCall) -> dict[str, Any]:
        """v5/market/recent-trade: newest first, at most 60."""
        newest = self._exchange.trades[self._symbol(call)].newest
        rows, _ = sim.page(newest, lambda one: one.id, call.limit(60, 60))
        return _listed([wire.TRADE.of(call.facts.trade(one), seq=str(one.id % 10**12)) for one in rows])

    def _klines(self, call: sim.SimCall) -> dict[str, Any]:
        """v5/market/kline: newest first."""
        symbol, period_ns = self._symbol(call), wire.PERIODS[call.choice("interval", wire.PERIODS)]
        since_ns, until_ns = (call.integer(name) * wire.MS for name in ("start", "end"))
        known = call.facts.candles(symbol, period_ns, since_ns, call.now_ns, until_ns)
        told = [list(wire.KLINE.of(one).values()) for one in known[-call.limit(200, 1000) :][::-1]]
        return {"category": "spot", "symbol": call.facts.native(symbol), "list": told}

    def _price_limit(self, call: sim.SimCall) -> dict[str, Any]:
        """v5/market/order-price-limit: the highest buy price and the lowest sell price."""
        return wire.LIMIT.of(call.facts.band(self._symbol(call)), ts=call.now)

    # --- orders -----------------------------------------------------------------------------------------------------

    def _create(self, call: sim.SimCall) -> dict[str, Any]:
        """v5/order/create-order: the answer means only that the request was accepted."""
        symbol, order = self._read_order(call)
        if len(self._exchange.open_orders(call.owner)) >= _OPEN_MAX:
            raise sim.Problem(170810, "Cannot exceed maximum of 500 conditional, TP/SL and active orders.")
        return _ids(self._exchange.place(call.owner, symbol, now_ns=call.now_ns, **order))

    def _batch(self, one: _Handler, call: sim.SimCall) -> tuple[dict[str, Any], dict[str, Any]]:
        """v5/order/batch-place: each order is processed separately; its code and message are in ``retExtInfo``."""
        call.choice("category", ("spot",))
        rows, notes = [], []
        for params in orders_of(call.params):
            row = {name: str(params.get(name, "")) for name in ("symbol", "orderLinkId")}
            row |= {"category": "spot", "orderId": "", "createAt": ""}
            note: dict[str, Any] = {"code": 0, "msg": "OK"}
            try:
                row |= one(call.item({**params, "category": "spot"})) | {"createAt": call.now}
            except (sim.Problem, sim.Refused) as error:
                problem = wire.problem(error)
                note = {"code": problem.code, "msg": problem.msg}
            rows.append(row)
            notes.append(note)
        return {"list": rows}, {"list": notes}

    def _read_order(self, call: sim.SimCall) -> tuple[str, dict[str, Any]]:
        symbol = self._symbol(call)
        side = Side[call.choice("side", ("Buy", "Sell")).upper()]
        kind, qty = call.choice("orderType", ("Limit", "Market")), call.decimal("qty")
        order: dict[str, Any] = {"side": side, "cl_ord_id": call.match("orderLinkId", wire.LINK_ID), "qty": qty}
        if kind == "Market":
            # "qty": the size of a market buy is in quote unless marketUnit is baseCoin
            units = ("baseCoin", "quoteCoin")
            if call.choice("marketUnit", units, units[side is Side.BUY]) == "quoteCoin":
                sim.refuse(bool(qty % _QUOTE_STEP), 170137, "Order volume decimal too long.")
                order["quote_qty"] = order.pop("qty")
            return symbol, order | {"kind": "market"}
        tif = call.choice("timeInForce", ("GTC", "IOC", "FOK", "PostOnly"), "GTC")
        order |= {"px": call.decimal("price"), "post_only": tif == "PostOnly"}
        order["tif"] = Tif.GTC if tif == "PostOnly" else Tif[tif]
        return symbol, order

    def _pre_check(self, call: sim.SimCall) -> dict[str, Any]:
        self._read_order(call)
        rates = sim.fields("preImrE4 preMmrE4 postImrE4 postMmrE4", 0)
        return {"orderId": "", "orderLinkId": call.text("orderLinkId"), **rates}

    def _borrow_check(self, call: sim.SimCall) -> dict[str, Any]:
        """v5/order/spot-borrow-quota: what can be traded; nothing is borrowed here."""
        symbol, side = self._symbol(call), call.choice("side", ("Buy", "Sell"))
        pair = self._exchange.pairs[symbol]
        asset, kind = (pair.quote, "Amount") if side == "Buy" else (pair.base, "Qty")
        most = sim.fields("maxTradeQty spotMaxTradeQty maxTradeAmount spotMaxTradeAmount", "0")
        most |= sim.fields(
            f"maxTrade{kind} spotMaxTrade{kind}", sim.text(self._exchange.ledger.free(call.owner, asset))
        )
        return most | {"symbol": call.facts.native(symbol), "side": side, "borrowCoin": asset}

    def _which(self, call: sim.SimCall) -> dict[str, Any]:
        """The order in a call: its id or 0, its client id or "". ``orderId`` is used if both are given."""
        order_id, link_id, symbol = call.text("orderId"), call.text("orderLinkId"), self._wanted(call)
        if not (order_id or link_id):
            raise wire.wrong("orderId or orderLinkId", "missing")
        # ids are numbers; another text matches no order
        number = (int(order_id) if _ID.fullmatch(order_id) else -1) if order_id else 0
        return {"order_id": number, "cl_ord_id": "" if order_id else link_id, "symbol": symbol}

    def _named(self, call: sim.SimCall) -> list[sim.SimOrder]:
        """The order that a query names, if there is one."""
        order = self._exchange.find(call.owner, **self._which(call))
        return [] if order is None else [order]

    def _cancel(self, call: sim.SimCall) -> dict[str, Any]:
        """v5/order/cancel-order: the answer means accepted; the stream reports the end of the order."""
        self._symbol(call)
        which = self._which(call)
        try:
            return _ids(self._exchange.cancel(call.owner, now_ns=call.now_ns, **which))
        except sim.Refused:
            order = self._exchange.find(call.owner, **which)
            if order is not None and order.status is OrdStatus.FILLED:
                self._private.too_late(order, call.now_ns)
            raise

    def _cancel_all(self, call: sim.SimCall) -> dict[str, Any]:
        """v5/order/cancel-all: ``success`` is returned for unified accounts."""
        orders = self._exchange.cancel_all(call.owner, self._wanted(call), now_ns=call.now_ns)
        return {"list": [_ids(order) for order in orders], "success": "1"}

    # --- queries ----------------------------------------------------------------------------------------------------

    def _realtime(self, call: sim.SimCall) -> dict[str, Any]:
        """v5/order/open-order: open orders; with an id, or ``openOnly=1``, also the 500 newest ended ones."""
        wanted, named = self._wanted(call), _names_one(call)
        if not named and call.text("openOnly") != "1":
            return self._orders(call, self._exchange.open_orders(call.owner, wanted))
        ended = [order for order in self._exchange.orders_of(call.owner) if order.status.terminal][-_RECENT:]
        if not named:
            return self._orders(call, [order for order in ended if wanted in ("", order.symbol)])
        found = self._named(call)
        return self._orders(call, [o for o in found if not o.status.terminal or o.id >= ended[0].id])

    def _history(self, call: sim.SimCall) -> dict[str, Any]:
        """v5/order/order-list: ended orders."""
        if _names_one(call):
            orders = self._named(call)
        else:
            since, until = _range(call)
            every = self._exchange.orders_of(call.owner, self._wanted(call))
            orders = [order for order in every if since <= order.ns <= until]
        return self._orders(call, [order for order in orders if order.status.terminal])

    def _orders(self, call: sim.SimCall, orders: list[sim.SimOrder]) -> dict[str, Any]:
        part, cursor = _page(call, orders, lambda order: order.id, 20, 50)
        return _listed([wire.order_row(call.facts, order) for order in part], nextPageCursor=cursor)

    def _executions(self, call: sim.SimCall) -> dict[str, Any]:
        """v5/order/execution: newest first, the last 7 days unless a time is given."""
        wanted, (since, until) = self._wanted(call), _range(call)
        order_id = next((order.id for order in self._named(call)), -1) if _names_one(call) else 0
        fills = [fill for fill in self._exchange.fills_of(call.owner, wanted, order_id, since) if fill.ns <= until]
        part, cursor = _page(call, fills, lambda fill: fill.id, 50, 100)
        orders = self._exchange.orders
        rows = [wire.execution_row(call.facts, orders[fill.order_id], fill) for fill in part]
        return _listed(rows, nextPageCursor=cursor)

    # --- account ----------------------------------------------------------------------------------------------------

    def _wallet(self, call: sim.SimCall) -> dict[str, Any]:
        """v5/account/wallet-balance: coins with a zero balance are left out unless they are requested."""
        sim.refuse(call.need("accountType") != "UNIFIED", 10001, "accountType only support UNIFIED.")
        coins, owned = [name for name in call.text("coin").split(",") if name], self._exchange.balances(call.owner)
        rows = [row for row in owned if (row[0] in coins if coins else row[1] or row[2])]
        return {"list": [wire.wallet_row(call.facts, call.owner, rows)]}

    def _coin_balances(self, call: sim.SimCall) -> dict[str, Any]:
        call.need("accountType")
        rows = [wire.TRANSFERABLE.of(call.facts.money(*row)) for row in self._exchange.balances(call.owner)]
        return {"accountType": "UNIFIED", "memberId": str(self._exchange.accounts[call.owner].uid), "balance": rows}

    def _fee_rate(self, call: sim.SimCall) -> dict[str, Any]:
        return _listed([wire.RATES.of(call.facts.rates(call.owner, symbol)) for symbol in self._symbols(call)])

    def _key(self, call: sim.SimCall) -> dict[str, Any]:
        """v5/user/apikey-info: a key that may trade spot and read the wallet, of a unified account."""
        assert call.account is not None
        uid = call.account.uid
        return call.settled(_KEY | {"id": str(uid), "userID": uid, "apiKey": call.account.key})

    def _coins(self, call: sim.SimCall) -> dict[str, Any]:
        """v5/asset/coin-info: a chain's deposits and withdrawals, 1 = open."""
        only, rows = call.text("coin"), []
        for asset, _, _ in self._exchange.balances(call.owner):
            if only in ("", asset):
                known = call.facts.asset(asset)
                ways = {f"chain{way.title()}": str(int(known[way])) for way in ("deposit", "withdraw")}
                chain = _CHAIN | ways | sim.fields("chain chainType", asset)
                rows.append({**sim.fields("name coin", asset), "remainAmount": "1000000", "chains": [chain]})
        return {"rows": rows}


def _time(call: sim.SimCall) -> dict[str, Any]:
    return {"timeSecond": str(call.now_ns // _S), "timeNano": str(call.now_ns)}


def orders_of(params: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The orders of a batch (10001: none, too many, or not a list of orders)."""
    orders = params.get("request")
    if not isinstance(orders, list) or not 0 < len(orders) <= BATCH or not all(isinstance(o, dict) for o in orders):
        raise sim.Problem(10001, f"params error: request must hold 1 to {BATCH} orders.")
    return orders


def _listed(rows: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"category": "spot", "list": rows, **more}


def _spot(handler: _Handler) -> _Handler:
    """A call that has nothing to say about other categories than spot."""

    def answer(call: sim.SimCall) -> Any:
        category = call.choice("category", ("spot", "linear", "inverse", "option"))
        return handler(call) if category == "spot" else {"category": category, "list": [], "nextPageCursor": ""}

    return answer


def _names_one(call: sim.SimCall) -> bool:
    return bool(call.text("orderId") or call.text("orderLinkId"))


def _ids(order: sim.SimOrder) -> dict[str, Any]:
    return {"orderId": str(order.id), "orderLinkId": order.cl_ord_id}


def _range(call: sim.SimCall) -> tuple[int, int]:
    """``startTime`` and ``endTime``; at most 7 days (10001); the last 7 days if neither is given."""
    until = call.integer("endTime", 0) * wire.MS
    since = call.integer("startTime", 0) * wire.MS
    since = since or (until or call.now_ns) - _WEEK
    until = until or since + _WEEK
    sim.refuse(not 0 <= until - since <= _WEEK, 10001, "params error: the time range exceeds 7 days.")
    return since, until


def _page(
    call: sim.SimCall, rows: Sequence[_T], key: Callable[[_T], int], default: int, most: int
) -> tuple[list[_T], str]:
    """One page, newest first, and the cursor of the next, empty at the end."""
    limit = call.integer("limit", default)
    sim.refuse(not 0 < limit <= most, 10001, f"params error: limit must be between 1 and {most}.")
    part, more = sim.page(rows, key, limit, call.integer("cursor"))
    return part, str(key(part[-1])) if more else ""
