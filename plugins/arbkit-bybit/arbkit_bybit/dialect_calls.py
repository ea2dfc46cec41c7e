"""The calls of Bybit's REST API and of its trade socket, for the dialect."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeVar

from arbkit.core.types import OrdStatus, Side, Tif
from arbkit.sim.pair import text
from arbkit.sim.venue import Refused, SimExchange, SimOrder

from .dialect_private import Private
from .dialect_streams import Streams
from .dialect_wire import Call, Problem, coin_rows, execution_row, levels, ms, native, order_row, refusal

__all__ = ["BATCH", "Calls", "Rolling", "Route"]

BATCH: Final = 10
"""v5/order/batch-place: spot orders in one request."""
_S: Final = 1_000_000_000
_MS: Final = 1_000_000
_WEEK: Final = 7 * 86_400 * _S
_QUOTE_STEP: Final = Decimal("0.0000001")
_RECENT: Final = 500  # v5/order/open-order: number of ended orders that it still returns
_OPEN_MAX: Final = 500  # v5/error 170810: open spot orders
_ID: Final = re.compile(r"^[0-9]{1,19}$", re.ASCII)
_RIGHTS: Final = (
    "ContractTrade",
    "Spot",
    "Wallet",
    "Options",
    "Derivatives",
    "CopyTrading",
    "BlockTrade",
    "Exchange",
    "NFT",
    "Affiliate",
    "Earn",
)
_T = TypeVar("_T")


class Rolling:
    """``limit`` requests in any ``window_ns``, per key (v5/rate-limit: rolling, per user and call)."""

    __slots__ = ("_times", "limit", "window_ns")

    def __init__(self, limit: int, window_ns: int = _S) -> None:
        self.limit = limit
        self.window_ns = window_ns
        self._times: dict[str, deque[int]] = {}

    def take(self, key: str, cost: int, now_ns: int) -> bool:
        """Count a request. False, and nothing is counted, if it would exceed the limit."""
        times = self._times.setdefault(key, deque())
        while times and times[0] <= now_ns - self.window_ns:
            times.popleft()
        if len(times) + cost > self.limit:
            return False
        times.extend([now_ns] * cost)
        return True

    def left(self, key: str) -> int:
        """Remaining requests after the last ``take``."""
        return self.limit - len(self._times.get(key, ()))

    def reset_ns(self, key: str, now_ns: int) -> int:
        """When the oldest counted request leaves the window."""
        times = self._times.get(key)
        return times[0] + self.window_ns if times else now_ns


class Route:
    """A call: its handler, whether it is signed, its limit and its cost."""

    __slots__ = ("batch", "handler", "limit", "signed", "trade")

    def __init__(
        self,
        handler: Callable[[Call], Any],
        limit: Rolling | None = None,
        signed: bool = False,
        batch: bool = False,
        trade: bool = False,
    ) -> None:
        self.trade = trade
        """Whether the key needs the permission to trade."""
        self.handler = handler
        self.limit = limit
        self.signed = signed
        self.batch = batch
        """Whether the handler returns ``(result, retExtInfo)`` and each order of the request counts."""


class Calls:
    """The calls of one exchange: ``rest`` by (method, path), ``ws`` by the trade socket's op."""

    def __init__(self, exchange: SimExchange, streams: Streams, private: Private) -> None:
        self.exchange = exchange
        self._streams = streams
        self._private = private
        self._natives = {native(symbol): symbol for symbol in exchange.pairs}
        # v5/rate-limit, spot: requests a second; REST and the trade socket share them
        create, cancel, cancel_all, batch = Rolling(20), Rolling(20), Rolling(20), Rolling(20)

        def reads() -> dict[str, Any]:
            return {"limit": Rolling(50), "signed": True}

        place, end = (
            Route(self._create, create, signed=True, trade=True),
            Route(self._cancel, cancel, signed=True, trade=True),
        )
        place_many = Route(self._create_batch, batch, signed=True, batch=True, trade=True)
        self.ws = {"order.create": place, "order.cancel": end, "order.create-batch": place_many}
        self.rest = {
            ("GET", "/v5/market/time"): Route(self._time),
            ("GET", "/v5/market/instruments-info"): Route(self._instruments),
            ("GET", "/v5/market/orderbook"): Route(self._orderbook),
            ("GET", "/v5/market/tickers"): Route(self._tickers),
            ("POST", "/v5/order/create"): place,
            ("POST", "/v5/order/cancel"): end,
            ("POST", "/v5/order/create-batch"): place_many,
            ("POST", "/v5/order/cancel-all"): Route(self._cancel_all, cancel_all, signed=True, trade=True),
            ("GET", "/v5/order/realtime"): Route(self._realtime, **reads()),
            ("GET", "/v5/order/history"): Route(self._history, **reads()),
            ("GET", "/v5/execution/list"): Route(self._executions, **reads()),
            ("GET", "/v5/account/wallet-balance"): Route(self._wallet, **reads()),
            ("GET", "/v5/account/fee-rate"): Route(self._fee_rate, **reads()),
            ("GET", "/v5/account/info"): Route(self._info, **reads()),
            ("GET", "/v5/user/query-api"): Route(self._key, **reads()),
            ("GET", "/v5/asset/coin/query-info"): Route(self._coins, **reads()),
        }

    # --- market -----------------------------------------------------------------------------------------------------

    def _spot(self, call: Call) -> None:
        """Check the category: the simulator supports spot only."""
        if call.need("category") != "spot":
            raise Problem(10001, "params error: category must be spot.")

    def _symbol(self, call: Call) -> str:
        """The canonical symbol of the call's ``symbol``."""
        self._spot(call)
        symbol = self._natives.get(call.need("symbol"))
        if symbol is None:
            raise Problem(170121, "Invalid symbol.")
        return symbol

    def _wanted(self, call: Call) -> str:
        """The canonical symbol if the call has one, else ""."""
        if call.text("symbol"):
            return self._symbol(call)
        self._spot(call)
        return ""

    def _time(self, call: Call) -> dict[str, Any]:
        return {"timeSecond": str(call.now_ns // _S), "timeNano": str(call.now_ns)}

    def _instruments(self, call: Call) -> dict[str, Any]:
        """v5/market/instrument: every listed spot symbol is ``Trading``; others are not listed."""
        wanted = self._wanted(call)
        rows = []
        for number, (symbol, pair) in enumerate(self.exchange.pairs.items(), 9):
            if wanted not in ("", symbol) or symbol in self.exchange.halted:
                continue
            most = f"{pair.max_qty:f}"
            rows.append(
                {
                    "symbolId": number,
                    "symbol": native(symbol),
                    "baseCoin": pair.base,
                    "quoteCoin": pair.quote,
                    "innovation": "0",
                    "status": "Trading",
                    "marginTrading": "utaOnly",
                    "stTag": "0",
                    "lotSizeFilter": {
                        "basePrecision": text(pair.lot_units),
                        "quotePrecision": f"{_QUOTE_STEP:f}",
                        "minOrderQty": f"{pair.min_qty:f}",
                        "maxOrderQty": most,
                        "minOrderAmt": f"{pair.min_notional:f}",
                        "maxOrderAmt": "8000000",
                        "maxLimitOrderQty": most,
                        "maxMarketOrderQty": most,
                        "postOnlyMaxLimitOrderSize": most,
                    },
                    "priceFilter": {"tickSize": text(pair.tick_units)},
                    "riskParameters": {"priceLimitRatioX": "0.005", "priceLimitRatioY": "0.01"},
                    "symbolType": "",
                    "xstockMultiplier": "1",
                }
            )
        return {"category": "spot", "list": rows}

    def _orderbook(self, call: Call) -> dict[str, Any]:
        symbol, limit = self._symbol(call), call.integer("limit", 1)
        return self._streams.book(symbol, max(1, min(limit, 1000)), call.now_ns)

    def _tickers(self, call: Call) -> dict[str, Any]:
        wanted = self._wanted(call)
        rows = []
        for symbol, pair in self.exchange.pairs.items():
            if wanted in ("", symbol):
                bids, asks = (levels(pair, side) for side in self.exchange.books[symbol].depth(1))
                (bid, bid_qty), (ask, ask_qty) = (side[0] if side else ["", ""] for side in (bids, asks))
                rows.append(
                    self._streams.day(symbol)
                    | {
                        "bid1Price": bid,
                        "bid1Size": bid_qty,
                        "ask1Price": ask,
                        "ask1Size": ask_qty,
                    }
                )
        return {"category": "spot", "list": rows}

    # --- orders -----------------------------------------------------------------------------------------------------

    def _create(self, call: Call) -> dict[str, Any]:
        """v5/order/create-order: the answer means only that the request was accepted."""
        symbol, order = self._read_order(call)
        if len(self.exchange.open_orders(call.owner)) >= _OPEN_MAX:
            raise Problem(170810, "Cannot exceed maximum of 500 conditional, TP/SL and active orders.")
        try:
            placed = self.exchange.place(call.owner, symbol, now_ns=call.now_ns, **order)
        except Refused as refused:
            raise refusal(refused) from None
        return _ids(placed)

    def _create_batch(self, call: Call) -> tuple[dict[str, Any], dict[str, Any]]:
        """v5/order/batch-place: each order is processed separately; its code and message are in ``retExtInfo``."""
        self._spot(call)
        rows, notes = [], []
        for params in orders_of(call.params):
            row = {name: str(params.get(name, "")) for name in ("symbol", "orderLinkId")}
            row |= {"category": "spot", "orderId": "", "createAt": ""}
            note: dict[str, Any] = {"code": 0, "msg": "OK"}
            try:
                row |= self._create(Call({**params, "category": "spot"}, call.account, call.now_ns))
                row["createAt"] = ms(call.now_ns)
            except Problem as problem:
                note = {"code": problem.code, "msg": problem.msg}
            rows.append(row)
            notes.append(note)
        return {"list": rows}, {"list": notes}

    def _read_order(self, call: Call) -> tuple[str, dict[str, Any]]:
        symbol = self._symbol(call)
        side = {"Buy": Side.BUY, "Sell": Side.SELL}.get(call.need("side"))
        if side is None:
            raise Problem(10001, "params error: side invalid.")
        kind, qty = call.need("orderType"), call.decimal("qty")
        order: dict[str, Any] = {"side": side, "cl_ord_id": call.link_id(), "qty": qty}
        if kind == "Market":
            # "qty": the size of a market buy is in quote unless marketUnit is baseCoin
            unit = call.text("marketUnit") or ("quoteCoin" if side is Side.BUY else "baseCoin")
            if unit == "quoteCoin":
                if qty % _QUOTE_STEP:
                    raise Problem(170137, "Order volume decimal too long.")
                order["quote_qty"] = order.pop("qty")
            return symbol, order | {"kind": "market"}
        if kind != "Limit":
            raise Problem(10001, "params error: orderType invalid.")
        tif = call.text("timeInForce") or "GTC"
        if tif not in ("GTC", "IOC", "FOK", "PostOnly"):
            raise Problem(10001, "params error: timeInForce invalid.")
        order |= {"px": call.decimal("price"), "post_only": tif == "PostOnly"}
        order["tif"] = Tif.GTC if tif == "PostOnly" else Tif[tif]
        return symbol, order

    @staticmethod
    def _which(call: Call) -> tuple[int, str]:
        """The order in a call: its id or 0, its client id or "". ``orderId`` is used if both are given."""
        order_id, link_id = call.text("orderId"), call.text("orderLinkId")
        if order_id:
            # ids are numbers; another text matches no order
            return int(order_id) if _ID.match(order_id) else -1, ""
        if link_id:
            return 0, link_id
        raise Problem(10001, "params error: orderId or orderLinkId missing.")

    def _named(self, call: Call) -> SimOrder | None:
        """The order that a query names."""
        order_id, link_id = self._which(call)
        return self.exchange.find(call.owner, order_id=order_id, cl_ord_id=link_id, symbol=self._wanted(call))

    def _cancel(self, call: Call) -> dict[str, Any]:
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

    def _cancel_all(self, call: Call) -> dict[str, Any]:
        """v5/order/cancel-all: ``success`` is returned for unified accounts."""
        orders = self.exchange.cancel_all(call.owner, self._wanted(call), now_ns=call.now_ns)
        return {"list": [_ids(order) for order in orders], "success": "1"}

    def _realtime(self, call: Call) -> dict[str, Any]:
        """v5/order/open-order: open orders; with an id, or ``openOnly=1``, also the 500 newest ended ones."""
        wanted = self._wanted(call)
        named = bool(call.text("orderId") or call.text("orderLinkId"))
        if named or call.text("openOnly") == "1":
            ended = [o for o in self.exchange.orders_of(call.owner) if o.status.terminal][-_RECENT:]
            if not named:
                return self._orders(call, [order for order in ended if wanted in ("", order.symbol)])
            order = self._named(call)
            forgotten = order is not None and order.status.terminal and order.id < ended[0].id
            return self._orders(call, [] if order is None or forgotten else [order])
        return self._orders(call, self.exchange.open_orders(call.owner, wanted))

    def _history(self, call: Call) -> dict[str, Any]:
        """v5/order/order-list: ended orders."""
        wanted = self._wanted(call)
        if call.text("orderId") or call.text("orderLinkId"):
            order = self._named(call)
            orders = [] if order is None else [order]
        else:
            since, until = _range(call)
            orders = [o for o in self.exchange.orders_of(call.owner, wanted) if since <= o.ns <= until]
        return self._orders(call, [order for order in orders if order.status.terminal])

    def _orders(self, call: Call, orders: list[SimOrder]) -> dict[str, Any]:
        page, cursor = _page(call, orders, lambda order: order.id, 20, 50)
        return {"category": "spot", "list": [order_row(self.exchange, o) for o in page], "nextPageCursor": cursor}

    def _executions(self, call: Call) -> dict[str, Any]:
        """v5/order/execution: newest first, the last 7 days unless a time is given."""
        wanted, order_id = self._wanted(call), 0
        if call.text("orderId") or call.text("orderLinkId"):
            order = self._named(call)
            order_id = -1 if order is None else order.id
        since, until = _range(call)
        fills = [fill for fill in self.exchange.fills_of(call.owner, wanted, order_id, since) if fill.ns <= until]
        page, cursor = _page(call, fills, lambda fill: fill.id, 50, 100)
        rows = [execution_row(self.exchange, self.exchange.orders[fill.order_id], fill) for fill in page]
        return {"category": "spot", "list": rows, "nextPageCursor": cursor}

    # --- account ----------------------------------------------------------------------------------------------------

    def _wallet(self, call: Call) -> dict[str, Any]:
        """v5/account/wallet-balance: coins with a zero balance are left out unless they are requested."""
        if call.need("accountType") != "UNIFIED":
            raise Problem(10001, "accountType only support UNIFIED.")
        coins = [name for name in call.text("coin").split(",") if name]
        rows = [row for row in self.exchange.balances(call.owner) if (row[0] in coins if coins else row[1] or row[2])]
        empty = dict.fromkeys(
            (
                "totalEquity",
                "totalWalletBalance",
                "totalMarginBalance",
                "totalAvailableBalance",
                "accountIMRate",
                "accountMMRate",
                "totalInitialMargin",
                "totalMaintenanceMargin",
                "totalPerpUPL",
                "accountLTV",
            ),
            "",
        )
        return {"list": [{"accountType": "UNIFIED", **empty, "coin": coin_rows(rows)}]}

    def _fee_rate(self, call: Call) -> dict[str, Any]:
        wanted = self._wanted(call)
        maker, taker = self.exchange.rates(call.owner)
        return {
            "category": "spot",
            "list": [
                {"symbol": native(symbol), "takerFeeRate": f"{taker:f}", "makerFeeRate": f"{maker:f}"}
                for symbol in self.exchange.pairs
                if wanted in ("", symbol)
            ],
        }

    def _info(self, call: Call) -> dict[str, Any]:
        row = {
            "marginMode": "REGULAR_MARGIN",
            "updatedTime": ms(call.now_ns),
            "unifiedMarginStatus": 6,
            "dcpStatus": "OFF",
            "timeWindow": 0,
            "smpGroup": 0,
            "isMasterTrader": False,
            "spotHedgingStatus": "OFF",
        }
        return _set(call, row)

    def _key(self, call: Call) -> dict[str, Any]:
        """v5/user/apikey-info: a key that may trade spot and read the wallet, of a unified account."""
        assert call.account is not None
        row = {
            "id": str(call.account.uid),
            "note": "",
            "apiKey": call.account.key,
            "readOnly": 0,
            "secret": "",
            "permissions": {right: ["SpotTrade"] if right == "Spot" else [] for right in _RIGHTS},
            "ips": ["*"],
            "type": 1,
            "deadlineDay": 83,
            "expiredAt": "2027-01-01T00:00:00Z",
            "createdAt": "2025-01-01T00:00:00Z",
            "unified": 0,
            "uta": 1,
            "userID": call.account.uid,
            "inviterID": 0,
            "vipLevel": "No VIP",
            "mktMakerLevel": "0",
            "affiliateID": 0,
            "rsaPublicKey": "",
            "isMaster": True,
            "parentUid": "0",
            "kycLevel": "LEVEL_DEFAULT",
            "kycRegion": "",
        }
        return _set(call, row)

    def _coins(self, call: Call) -> dict[str, Any]:
        """v5/asset/coin-info: a chain's deposits and withdrawals, 1 = open."""
        only, rows = call.text("coin"), []
        for asset, _, _ in self.exchange.balances(call.owner):
            if only in ("", asset):
                deposit, withdraw = self.exchange.immovable.get(asset, (True, True))
                chain = {
                    "chain": asset,
                    "chainType": asset,
                    "confirmation": "1",
                    "withdrawFee": "0",
                    "depositMin": "0",
                    "withdrawMin": "0",
                    "chainDeposit": str(int(deposit)),
                    "chainWithdraw": str(int(withdraw)),
                    "minAccuracy": "8",
                    "withdrawPercentageFee": "0",
                    "contractAddress": "",
                    "safeConfirmNumber": "1",
                }
                rows.append({"name": asset, "coin": asset, "remainAmount": "1000000", "chains": [chain]})
        return {"rows": rows}


def _set(call: Call, row: dict[str, Any]) -> dict[str, Any]:
    """The row with the account's own settings."""
    settings = call.account.settings if call.account else {}
    return row | {name: value for name, value in settings.items() if name in row}


def orders_of(params: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The orders of a batch (10001: none, too many, or not a list of orders)."""
    orders = params.get("request")
    if not isinstance(orders, list) or not 0 < len(orders) <= BATCH or not all(isinstance(o, dict) for o in orders):
        raise Problem(10001, f"params error: request must hold 1 to {BATCH} orders.")
    return orders


def _ids(order: SimOrder) -> dict[str, Any]:
    return {"orderId": str(order.id), "orderLinkId": order.cl_ord_id}


def _range(call: Call) -> tuple[int, int]:
    """``startTime`` and ``endTime``; at most 7 days (10001); the last 7 days if neither is given."""
    until = call.integer("endTime", 0) * _MS
    since = call.integer("startTime", 0) * _MS
    since = since or (until or call.now_ns) - _WEEK
    until = until or since + _WEEK
    if not 0 <= until - since <= _WEEK:
        raise Problem(10001, "params error: the time range exceeds 7 days.")
    return since, until


def _page(call: Call, rows: Sequence[_T], key: Callable[[_T], int], default: int, most: int) -> tuple[list[_T], str]:
    """One page, newest first, and the cursor of the next, empty at the end."""
    below = call.integer("cursor", 0)
    rows = [row for row in reversed(rows) if not below or key(row) < below]
    limit = call.integer("limit", default)
    if not 0 < limit <= most:
        raise Problem(10001, f"params error: limit must be between 1 and {most}.")
    page = list(rows[:limit])
    return page, str(key(page[-1])) if len(rows) > limit else ""
