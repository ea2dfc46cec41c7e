"""The calls of Bybit's REST API and of its trade socket, for the dialect."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Final, TypeVar

from arbkit.core.types import OrdStatus, Side, Tif, plain
from arbkit.sim.calls import Problem, Route, SimCall, routes
from arbkit.sim.limits import Rolling
from arbkit.sim.pair import text
from arbkit.sim.rows import fields, page
from arbkit.sim.timers import Timers
from arbkit.sim.venue import Refused, SimExchange, SimOrder

from .dialect_private import Private
from .dialect_streams import Streams
from .dialect_wire import (
    LINK_ID,
    coin_rows,
    execution_row,
    instrument_row,
    levels,
    ms,
    native,
    order_row,
    refusal,
    trade_row,
    wallet_row,
    wrong,
)

__all__ = ["BATCH", "Calls", "orders_of"]

BATCH: Final = 10
"""v5/order/batch-place: spot orders in one request."""
_S: Final = 1_000_000_000
_MS: Final = 1_000_000
_WEEK: Final = 7 * 86_400 * _S
_QUOTE_STEP: Final = Decimal("0.0000001")
_RECENT: Final = 500  # v5/order/open-order: number of ended orders that it still returns
_OPEN_MAX: Final = 500  # v5/error 170810: open spot orders
_ID: Final = re.compile(r"[0-9]{1,19}", re.ASCII)
_CATEGORIES: Final = ("spot", "linear", "inverse", "option")
_RIGHTS: Final = "ContractTrade Wallet Options Derivatives CopyTrading BlockTrade Exchange NFT Affiliate Earn"
_T = TypeVar("_T")


class Calls:
    """The calls of one exchange: ``rest`` by (method, path), ``ws`` by the trade socket's op."""

    def __init__(self, exchange: SimExchange, streams: Streams, private: Private, timers: Timers) -> None:
        self.exchange = exchange
        self._streams = streams
        self._private = private
        self._timers = timers
        self._natives = {native(symbol): symbol for symbol in exchange.pairs}

        def read(handler: Callable[[SimCall], Any]) -> Route:
            return Route(handler, limit=Rolling(50), signed=True)

        # v5/rate-limit, spot: requests a second; REST and the trade socket share them
        def write(handler: Callable[[SimCall], Any], limit: Rolling | None = None, batch: bool = False) -> Route:
            return Route(handler, limit=limit or Rolling(20), signed=True, trade=True, batch=batch)

        batch = Rolling(20)
        place, end = write(self._create), write(self._cancel)
        place_many, end_many = (
            write(partial(self._batch, one), batch, batch=True) for one in (self._create, self._cancel)
        )
        self.ws = {
            "order.create": place,
            "order.cancel": end,
            "order.create-batch": place_many,
            "order.cancel-batch": end_many,
        }
        table = {
            "GET market/time": Route(self._time),
            "GET market/instruments-info": Route(self._instruments),
            "GET market/orderbook": Route(self._orderbook),
            "GET market/tickers": Route(self._tickers),
            "GET market/recent-trade": Route(self._trades),
            "GET market/price-limit": Route(self._price_limit),
            "POST order/create": place,
            "POST order/cancel": end,
            "POST order/create-batch": place_many,
            "POST order/cancel-batch": end_many,
            "POST order/cancel-all": write(self._cancel_all),
            "POST order/pre-check": write(self._pre_check),
            "POST order/disconnected-cancel-all": write(lambda call: {}),
            "GET order/spot-borrow-check": read(self._borrow_check),
            "GET order/realtime": read(self._realtime),
            "GET order/history": read(self._history),
            "GET execution/list": read(self._executions),
            "GET position/list": read(lambda call: _nothing(call) or {}),
            "GET account/wallet-balance": read(self._wallet),
            "GET account/fee-rate": read(self._fee_rate),
            "GET account/info": read(self._info),
            "GET account/instruments-info": read(self._instruments),
            "GET account/transaction-log": read(lambda call: {"list": [], "nextPageCursor": ""}),
            "GET user/query-api": read(self._key),
            "GET asset/coin/query-info": read(self._coins),
            "GET asset/transfer/query-account-coins-balance": read(self._coin_balances),
        }
        self.rest = routes("/v5/", table)

    # --- market -----------------------------------------------------------------------------------------------------

    def _symbol(self, call: SimCall) -> str:
        """The canonical symbol of the call's ``symbol``. The simulator supports spot only."""
        if call.need("category") != "spot":
            raise wrong("category", "invalid")
        symbol = self._natives.get(call.need("symbol"))
        if symbol is None:
            raise Problem(170121, "Invalid symbol.")
        return symbol

    def _wanted(self, call: SimCall) -> str:
        """The canonical symbol if the call has one, else ""."""
        if call.text("symbol"):
            return self._symbol(call)
        if call.need("category") != "spot":
            raise wrong("category", "invalid")
        return ""

    def _time(self, call: SimCall) -> dict[str, Any]:
        return {"timeSecond": str(call.now_ns // _S), "timeNano": str(call.now_ns)}

    def _instruments(self, call: SimCall) -> dict[str, Any]:
        """v5/market/instrument: what cannot be traded is not listed."""
        if other := _nothing(call):
            return other
        wanted = self._wanted(call)
        rows = [
            instrument_row(pair, number, f"{_QUOTE_STEP:f}")
            for number, (symbol, pair) in enumerate(self.exchange.pairs.items(), 9)
            if wanted in ("", symbol) and symbol not in self.exchange.halted
        ]
        return {"category": "spot", "list": rows}

    def _orderbook(self, call: SimCall) -> dict[str, Any]:
        symbol, limit = self._symbol(call), call.integer("limit", 1)
        return self._streams.book(symbol, max(1, min(limit, 1000)), call.now_ns)

    def _tickers(self, call: SimCall) -> dict[str, Any]:
        wanted, rows = self._wanted(call), []
        for symbol, pair in self.exchange.pairs.items():
            if wanted in ("", symbol):
                bids, asks = (levels(pair, side) for side in self.exchange.books[symbol].depth(1))
                (bid, bid_qty), (ask, ask_qty) = (side[0] if side else ["", ""] for side in (bids, asks))
                top = {"bid1Price": bid, "bid1Size": bid_qty, "ask1Price": ask, "ask1Size": ask_qty}
                rows.append(self._streams.day(symbol) | top)
        return {"category": "spot", "list": rows}

    def _trades(self, call: SimCall) -> dict[str, Any]:
        """v5/market/recent-trade: newest first, at most 60."""
        symbol = self._symbol(call)
        rows, _ = page(self.exchange.prints[symbol], lambda one: one.id, min(call.integer("limit", 60), 60))
        return {
            "category": "spot",
            "list": [
                trade_row(self.exchange.pairs[symbol], one.px, one.qty, one.side)
                | {"execId": str(one.id), "symbol": native(symbol), "time": ms(one.ns), "seq": str(one.id % 10**12)}
                | fields("isBlockTrade isRPITrade", False)
                for one in rows
            ],
        }

    def _price_limit(self, call: SimCall) -> dict[str, Any]:
        """v5/market/order-price-limit: the highest buy price and the lowest sell price."""
        symbol, band = self._symbol(call), self.exchange.profile.band
        assert band is not None
        buy, sell = self.exchange.prices.bounds(symbol, band)
        return {"symbol": native(symbol), "buyLmt": buy, "sellLmt": sell, "ts": ms(call.now_ns)}

    # --- orders -----------------------------------------------------------------------------------------------------

    def _create(self, call: SimCall) -> dict[str, Any]:
        """v5/order/create-order: the answer means only that the request was accepted."""
        symbol, order = self._read_order(call)
        if len(self.exchange.open_orders(call.owner)) >= _OPEN_MAX:
            raise Problem(170810, "Cannot exceed maximum of 500 conditional, TP/SL and active orders.")
        try:
            placed = self.exchange.place(call.owner, symbol, now_ns=call.now_ns, **order)
        except Refused as refused:
            raise refusal(refused) from None
        return _ids(placed)

    def _batch(self, one: Callable[[SimCall], dict[str, Any]], call: SimCall) -> tuple[dict[str, Any], dict[str, Any]]:
        """v5/order/batch-place: each order is processed separately; its code and message are in ``retExtInfo``."""
        if call.need("category") != "spot":
            raise wrong("category", "invalid")
        rows, notes = [], []
        for params in orders_of(call.params):
            row = {name: str(params.get(name, "")) for name in ("symbol", "orderLinkId")}
            row |= {"category": "spot", "orderId": "", "createAt": ""}
            note: dict[str, Any] = {"code": 0, "msg": "OK"}
            try:
                row |= one(SimCall({**params, "category": "spot"}, call.account, call.now_ns, wrong))
                row["createAt"] = ms(call.now_ns)
            except Problem as problem:
                note = {"code": problem.code, "msg": problem.msg}
            rows.append(row)
            notes.append(note)
        return {"list": rows}, {"list": notes}

    def _read_order(self, call: SimCall) -> tuple[str, dict[str, Any]]:
        symbol = self._symbol(call)
        side = Side[call.choice("side", ("Buy", "Sell")).upper()]
        kind, qty = call.choice("orderType", ("Limit", "Market")), call.decimal("qty")
        order: dict[str, Any] = {"side": side, "cl_ord_id": call.match("orderLinkId", LINK_ID), "qty": qty}
        if kind == "Market":
            # "qty": the size of a market buy is in quote unless marketUnit is baseCoin
            units = ("baseCoin", "quoteCoin")
            if call.choice("marketUnit", units, units[side is Side.BUY]) == "quoteCoin":
                if qty % _QUOTE_STEP:
                    raise Problem(170137, "Order volume decimal too long.")
                order["quote_qty"] = order.pop("qty")
            return symbol, order | {"kind": "market"}
        tif = call.choice("timeInForce", ("GTC", "IOC", "FOK", "PostOnly"), "GTC")
        order |= {"px": call.decimal("price"), "post_only": tif == "PostOnly"}
        order["tif"] = Tif.GTC if tif == "PostOnly" else Tif[tif]
        return symbol, order

    def _pre_check(self, call: SimCall) -> dict[str, Any]:
        self._read_order(call)
        rates = fields("preImrE4 preMmrE4 postImrE4 postMmrE4", 0)
        return {"orderId": "", "orderLinkId": call.text("orderLinkId"), **rates}

    def _borrow_check(self, call: SimCall) -> dict[str, Any]:
        """v5/order/spot-borrow-quota: what can be traded; nothing is borrowed here."""
        symbol, side = self._symbol(call), call.choice("side", ("Buy", "Sell"))
        pair = self.exchange.pairs[symbol]
        asset = pair.quote if side == "Buy" else pair.base
        row = fields("maxTradeQty spotMaxTradeQty maxTradeAmount spotMaxTradeAmount borrowCoin", "0")
        kind = "Amount" if side == "Buy" else "Qty"
        row |= fields(f"maxTrade{kind} spotMaxTrade{kind}", text(self.exchange.ledger.free(call.owner, asset)))
        return row | {"symbol": native(symbol), "side": side, "borrowCoin": asset}

    @staticmethod
    def _which(call: SimCall) -> tuple[int, str]:
        """The order in a call: its id or 0, its client id or "". ``orderId`` is used if both are given."""
        order_id, link_id = call.text("orderId"), call.text("orderLinkId")
        if order_id:
            # ids are numbers; another text matches no order
            return int(order_id) if _ID.fullmatch(order_id) else -1, ""
        if link_id:
            return 0, link_id
        raise wrong("orderId or orderLinkId", "missing")

    def _named(self, call: SimCall) -> SimOrder | None:
        """The order that a query names."""
        order_id, link_id = self._which(call)
        return self.exchange.find(call.owner, order_id=order_id, cl_ord_id=link_id, symbol=self._wanted(call))

    def _cancel(self, call: SimCall) -> dict[str, Any]:
        """v5/order/cancel-order: the answer means accepted; the stream reports the end of the order."""
        symbol, (order_id, link_id) = self._symbol(call), self._which(call)
        which: dict[str, Any] = {"order_id": order_id, "cl_ord_id": link_id, "symbol": symbol}
        try:
            return _ids(self.exchange.cancel(call.owner, now_ns=call.now_ns, **which))
        except Refused as refused:
            order = self.exchange.find(call.owner, **which)
            if order is not None and order.status is OrdStatus.FILLED:
                self._private.too_late(order, call.now_ns)
            raise refusal(refused) from None

    def _cancel_all(self, call: SimCall) -> dict[str, Any]:
        """v5/order/cancel-all: ``success`` is returned for unified accounts."""
        orders = self.exchange.cancel_all(call.owner, self._wanted(call), now_ns=call.now_ns)
        return {"list": [_ids(order) for order in orders], "success": "1"}

    def _realtime(self, call: SimCall) -> dict[str, Any]:
        """v5/order/open-order: open orders; with an id, or ``openOnly=1``, also the 500 newest ended ones."""
        if other := _nothing(call):
            return other
        wanted, named = self._wanted(call), bool(call.text("orderId") or call.text("orderLinkId"))
        if named or call.text("openOnly") == "1":
            ended = [o for o in self.exchange.orders_of(call.owner) if o.status.terminal][-_RECENT:]
            if not named:
                return self._orders(call, [order for order in ended if wanted in ("", order.symbol)])
            order = self._named(call)
            forgotten = order is not None and order.status.terminal and order.id < ended[0].id
            return self._orders(call, [] if order is None or forgotten else [order])
        return self._orders(call, self.exchange.open_orders(call.owner, wanted))

    def _history(self, call: SimCall) -> dict[str, Any]:
        """v5/order/order-list: ended orders."""
        if other := _nothing(call):
            return other
        wanted = self._wanted(call)
        if call.text("orderId") or call.text("orderLinkId"):
            order = self._named(call)
            orders = [] if order is None else [order]
        else:
            since, until = _range(call)
            orders = [o for o in self.exchange.orders_of(call.owner, wanted) if since <= o.ns <= until]
        return self._orders(call, [order for order in orders if order.status.terminal])

    def _orders(self, call: SimCall, orders: list[SimOrder]) -> dict[str, Any]:
        part, cursor = _page(call, orders, lambda order: order.id, 20, 50)
        return {"category": "spot", "list": [order_row(self.exchange, o) for o in part], "nextPageCursor": cursor}

    def _executions(self, call: SimCall) -> dict[str, Any]:
        """v5/order/execution: newest first, the last 7 days unless a time is given."""
        if other := _nothing(call):
            return other
        wanted, order_id = self._wanted(call), 0
        if call.text("orderId") or call.text("orderLinkId"):
            order = self._named(call)
            order_id = -1 if order is None else order.id
        since, until = _range(call)
        fills = [fill for fill in self.exchange.fills_of(call.owner, wanted, order_id, since) if fill.ns <= until]
        part, cursor = _page(call, fills, lambda fill: fill.id, 50, 100)
        rows = [execution_row(self.exchange, self.exchange.orders[fill.order_id], fill) for fill in part]
        return {"category": "spot", "list": rows, "nextPageCursor": cursor}

    # --- account ----------------------------------------------------------------------------------------------------

    def _wallet(self, call: SimCall) -> dict[str, Any]:
        """v5/account/wallet-balance: coins with a zero balance are left out unless they are requested."""
        if call.need("accountType") != "UNIFIED":
            raise Problem(10001, "accountType only support UNIFIED.")
        coins = [name for name in call.text("coin").split(",") if name]
        rows = [row for row in self.exchange.balances(call.owner) if (row[0] in coins if coins else row[1] or row[2])]
        return {"list": [wallet_row(self.exchange, call.owner, coin_rows(self.exchange, rows))]}

    def _coin_balances(self, call: SimCall) -> dict[str, Any]:
        call.need("accountType")
        rows = [
            {"coin": asset, "walletBalance": text(free + locked), "transferBalance": text(free), "bonus": ""}
            for asset, free, locked in self.exchange.balances(call.owner)
        ]
        return {"accountType": "UNIFIED", "memberId": str(self.exchange.accounts[call.owner].uid), "balance": rows}

    def _fee_rate(self, call: SimCall) -> dict[str, Any]:
        wanted = self._wanted(call)
        rates = {symbol: self.exchange.rates(call.owner, symbol) for symbol in self.exchange.pairs}
        return {
            "category": "spot",
            "list": [
                {"symbol": native(symbol), "takerFeeRate": plain(taker), "makerFeeRate": plain(maker)}
                for symbol, (maker, taker) in rates.items()
                if wanted in ("", symbol)
            ],
        }

    def _info(self, call: SimCall) -> dict[str, Any]:
        row = {
            "marginMode": "REGULAR_MARGIN",
            "updatedTime": ms(call.now_ns),
            "unifiedMarginStatus": 6,
            **fields("dcpStatus spotHedgingStatus", "OFF"),
            **fields("timeWindow smpGroup", 0),
            "isMasterTrader": False,
        }
        return call.settled(row)

    def _key(self, call: SimCall) -> dict[str, Any]:
        """v5/user/apikey-info: a key that may trade spot and read the wallet, of a unified account."""
        assert call.account is not None
        row = {
            "id": str(call.account.uid),
            "userID": call.account.uid,
            "apiKey": call.account.key,
            **fields("note secret rsaPublicKey kycRegion"),
            **fields("readOnly unified inviterID affiliateID", 0),
            **fields("type uta", 1),
            "permissions": {right: [] for right in _RIGHTS.split()} | {"Spot": ["SpotTrade"]},
            "ips": ["*"],
            "deadlineDay": 83,
            "expiredAt": "2027-01-01T00:00:00Z",
            "createdAt": "2025-01-01T00:00:00Z",
            "isMaster": True,
            **fields("parentUid mktMakerLevel", "0"),
            "vipLevel": "No VIP",
            "kycLevel": "LEVEL_DEFAULT",
        }
        return call.settled(row)

    def _coins(self, call: SimCall) -> dict[str, Any]:
        """v5/asset/coin-info: a chain's deposits and withdrawals, 1 = open."""
        only, rows = call.text("coin"), []
        for asset, _, _ in self.exchange.balances(call.owner):
            if only in ("", asset):
                deposit, withdraw = self.exchange.immovable.get(asset, (True, True))
                chain = {
                    **fields("chain chainType", asset),
                    **fields("confirmation safeConfirmNumber", "1"),
                    **fields("withdrawFee depositMin withdrawMin withdrawPercentageFee", "0"),
                    "chainDeposit": str(int(deposit)),
                    "chainWithdraw": str(int(withdraw)),
                    "minAccuracy": "8",
                    "contractAddress": "",
                }
                rows.append({**fields("name coin", asset), "remainAmount": "1000000", "chains": [chain]})
        return {"rows": rows}


def orders_of(params: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The orders of a batch (10001: none, too many, or not a list of orders)."""
    orders = params.get("request")
    if not isinstance(orders, list) or not 0 < len(orders) <= BATCH or not all(isinstance(o, dict) for o in orders):
        raise Problem(10001, f"params error: request must hold 1 to {BATCH} orders.")
    return orders


def _nothing(call: SimCall) -> dict[str, Any] | None:
    """The empty list of another category; None for spot."""
    category = call.choice("category", _CATEGORIES)
    return None if category == "spot" else {"category": category, "list": [], "nextPageCursor": ""}


def _ids(order: SimOrder) -> dict[str, Any]:
    return {"orderId": str(order.id), "orderLinkId": order.cl_ord_id}


def _range(call: SimCall) -> tuple[int, int]:
    """``startTime`` and ``endTime``; at most 7 days (10001); the last 7 days if neither is given."""
    until = call.integer("endTime", 0) * _MS
    since = call.integer("startTime", 0) * _MS
    since = since or (until or call.now_ns) - _WEEK
    until = until or since + _WEEK
    if not 0 <= until - since <= _WEEK:
        raise Problem(10001, "params error: the time range exceeds 7 days.")
    return since, until


def _page(call: SimCall, rows: Sequence[_T], key: Callable[[_T], int], default: int, most: int) -> tuple[list[_T], str]:
    """One page, newest first, and the cursor of the next, empty at the end."""
    limit = call.integer("limit", default)
    if not 0 < limit <= most:
        raise Problem(10001, f"params error: limit must be between 1 and {most}.")
    part, more = page(rows, key, limit, call.integer("cursor"))
    return part, str(key(part[-1])) if more else ""
