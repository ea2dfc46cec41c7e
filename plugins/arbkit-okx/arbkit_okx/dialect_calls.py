"""OKX's REST calls for the dialect, by method and path."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeVar

from arbkit.core.types import plain
from arbkit.sim.limits import Window
from arbkit.sim.matching import SimBook
from arbkit.sim.pair import Pair
from arbkit.sim.timers import Timer, Timers
from arbkit.sim.venue import Account, SimExchange, SimOrder

from .dialect_orders import Orders
from .dialect_wire import MS, Problem, balance_row, fill_row, instrument_row, ms

__all__ = ["Call", "Calls", "Route", "account_row"]

_T = TypeVar("_T")
_S: Final = 1_000_000_000
_DAY: Final = 86_400 * _S
_TYPES: Final = ("SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION")
_OPS: Final = {
    "order": "order",
    "batch-orders": "batch-orders",
    "cancel-order": "cancel-order",
    "cancel-batch-orders": "batch-cancel-orders",
}
"""The last part of a trade path -> the operation."""


class Call:
    """One request: its query, body, account and time."""

    __slots__ = ("account", "body", "expire_ns", "now_ns", "params")

    def __init__(
        self, params: Mapping[str, str], body: Any, account: Account | None, now_ns: int, expire_ns: int
    ) -> None:
        self.params = params
        self.body = body
        self.account = account
        self.now_ns = now_ns
        self.expire_ns = expire_ns

    @property
    def owner(self) -> str:
        """The account's name; the call is signed."""
        assert self.account is not None
        return self.account.name

    def need(self, name: str) -> str:
        """A mandatory parameter (50014)."""
        value = self.params.get(name, "")
        if not value:
            raise Problem("50014", f"Parameter {name} can not be empty.", 400)
        return value

    def integer(self, name: str, default: int = 0) -> int:
        """A whole number (51000)."""
        value = self.params.get(name, "")
        if not value:
            return default
        if not (value.isascii() and value.isdigit()):
            raise Problem("51000", f"Parameter {name} error", 400)
        return int(value)

    def type(self) -> str:
        """The mandatory ``instType``."""
        kind = self.need("instType")
        if kind not in _TYPES:
            raise Problem("51000", "Parameter instType error", 400)
        return kind


class Route:
    """A call: its handler, its rate limit, and the key by which it counts. Calls not counted by ``ip`` are signed."""

    __slots__ = ("by", "handler", "window")

    def __init__(
        self,
        handler: Callable[[Call], Any],
        limit: int = 0,
        seconds: int = 2,
        by: Literal["ip", "user", "instrument", "orders"] = "user",
    ) -> None:
        self.handler = handler
        self.window = Window(limit, seconds * _S)
        self.by = by
        """The key of the limit. ``orders``: order entry has its own limits, shared with WebSocket."""


class Calls:
    """The calls of one exchange. A handler returns the reply's ``data``; for order entry the whole reply."""

    def __init__(self, exchange: SimExchange, orders: Orders, timers: Timers) -> None:
        self.exchange = exchange
        self.orders = orders
        self._timers = timers
        self._dead_man: dict[str, Timer] = {}
        self.balance_ns: dict[tuple[str, str], int] = {}
        """(account, asset) -> when its balance last changed."""
        table: list[tuple[str, Route]] = [
            ("GET public/time", Route(lambda call: [{"ts": ms(call.now_ns)}], 10, by="ip")),
            ("GET public/instruments", Route(self._instruments, 20, by="ip")),
            ("GET market/books", Route(self._books, 40, by="ip")),
            ("GET market/ticker", Route(self._ticker, 20, by="ip")),
            ("GET market/tickers", Route(self._tickers, 20, by="ip")),
            ("GET account/instruments", Route(self._instruments, 20)),
            ("GET account/balance", Route(self._balance, 10)),
            ("GET account/config", Route(self._config, 5)),
            ("GET account/trade-fee", Route(self._fee, 5)),
            ("GET asset/currencies", Route(self._currencies, 6, 1)),
            ("GET trade/order", Route(self._order, 60, by="instrument")),
            ("GET trade/orders-pending", Route(self._pending, 60)),
            ("GET trade/orders-history", Route(self._history, 40)),
            ("GET trade/orders-history-archive", Route(self._history, 20)),
            ("GET trade/fills", Route(lambda call: self._fills(call, 3), 60)),
            ("GET trade/fills-history", Route(lambda call: self._fills(call, 90), 10)),
            ("POST trade/cancel-all-after", Route(self._cancel_all_after, 1, 1)),
            *((f"POST trade/{name}", Route(self._trade(op), by="orders")) for name, op in _OPS.items()),
        ]
        self.routes: dict[tuple[str, str], Route] = {}
        for key, route in table:
            method, path = key.split()
            self.routes[method, f"/api/v5/{path}"] = route

    # --- market -----------------------------------------------------------------------------------------------------

    def pair(self, name: str) -> Pair:
        """The instrument of that name (51001)."""
        pair = self.exchange.pairs.get(name)
        if pair is None:
            raise Problem("51001", f"Instrument ID, Instrument ID code, or Spread ID {name} doesn't exist.")
        return pair

    def _instruments(self, call: Call) -> list[dict[str, Any]]:
        if call.type() != "SPOT":
            return []
        name = call.params.get("instId", "")
        pairs = [self.pair(name)] if name else list(self.exchange.pairs.values())
        rows = [self.instrument(pair.symbol) for pair in pairs]
        # account/instruments: the currencies in which this account may settle a pair
        own = call.account.settings.get("tradeQuoteCcyList", {}) if call.account else {}
        return [row | {"tradeQuoteCcyList": own.get(row["instId"], row["tradeQuoteCcyList"])} for row in rows]

    def instrument(self, symbol: str) -> dict[str, Any]:
        """The row of one instrument."""
        return instrument_row(self.exchange.pairs[symbol], self.orders.codes[symbol], self.exchange.halted.get(symbol))

    def _books(self, call: Call) -> list[dict[str, Any]]:
        pair = self.pair(call.need("instId"))
        book, size = self.exchange.books[pair.symbol], call.integer("sz", 1)
        if not 1 <= size <= 400:
            raise Problem("51000", "Parameter sz error", 400)
        bids, asks = (_levels(pair, side) for side in book.depth(size))
        return [{"asks": asks, "bids": bids, "ts": ms(call.now_ns), "seqId": book.seq}]

    def _ticker(self, call: Call) -> list[dict[str, Any]]:
        pair = self.pair(call.need("instId"))
        return [_ticker(pair, self.exchange.books[pair.symbol], call.now_ns)]

    def _tickers(self, call: Call) -> list[dict[str, Any]]:
        pairs = self.exchange.pairs.values() if call.type() == "SPOT" else ()
        return [_ticker(pair, self.exchange.books[pair.symbol], call.now_ns) for pair in pairs]

    # --- orders -----------------------------------------------------------------------------------------------------

    def _trade(self, op: str) -> Callable[[Call], dict[str, Any]]:
        many = op.startswith("batch-")

        def run(call: Call) -> dict[str, Any]:
            items = call.body if many else [call.body]
            if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
                raise Problem("50002", "JSON syntax error", 400)
            # "expTime": on place and amend
            expire_ns = 0 if "cancel" in op else call.expire_ns
            code, rows = self.orders.run(op, call.owner, items, call.now_ns, coded=False, expire_ns=expire_ns)
            said = {"0": "", "1": "All operations failed", "2": "Bulk operation partially succeeded"}[code]
            at = str(call.now_ns // 1000)
            return {"code": code, "data": rows, "inTime": at, "msg": said, "outTime": at}

        return run

    def _cancel_all_after(self, call: Call) -> list[dict[str, Any]]:
        """Cancel All After: all orders end unless it is called again within ``timeOut`` seconds; 0 = disable."""
        given = call.body.get("timeOut") if isinstance(call.body, dict) else None
        if not isinstance(given, str) or not re.fullmatch("0|[1-9][0-9]|1[01][0-9]|120", given, re.ASCII):
            raise Problem("51000", "Parameter timeOut error", 400)
        owner, due_ns = call.owner, call.now_ns + int(given) * _S
        if owner in self._dead_man:
            self._dead_man.pop(owner).cancel()
        if given != "0":
            self._dead_man[owner] = self._timers.at(due_ns, lambda now: self._cancel_all(owner, now))
        return [{"triggerTime": ms(due_ns) if given != "0" else "0", "tag": "", "ts": ms(call.now_ns)}]

    def _cancel_all(self, owner: str, now_ns: int) -> None:
        self.exchange.cancel_all(owner, now_ns=now_ns)

    def _order(self, call: Call) -> list[dict[str, Any]]:
        pair = self.pair(call.need("instId"))
        order = self.orders.find(call.owner, pair.symbol, dict(call.params))
        if order is None or _vanished(order, call.now_ns):
            raise Problem("51603", "Order does not exist")
        return [self.orders.row(order)]

    def _listed(self, call: Call, *, open_only: bool) -> list[dict[str, Any]]:
        """Newest first, at most 100, paged by order id: ``after`` = older ones, ``before`` = newer ones."""
        name = call.params.get("instId", "")
        if name:
            self.pair(name)
        if call.params.get("instType") and call.type() != "SPOT":
            return []
        begin, end = _since(call)
        kind, state = call.params.get("ordType", ""), call.params.get("state", "")
        rows = [
            self.orders.row(order)
            for order in self.exchange.orders_of(call.owner, name)
            if order.status.terminal is not open_only and not _vanished(order, call.now_ns) and begin <= order.ns <= end
        ]
        rows = [row for row in rows if kind in ("", row["ordType"]) and state in ("", row["state"])]
        return _page(call, rows, lambda row: int(row["ordId"]))

    def _pending(self, call: Call) -> list[dict[str, Any]]:
        return self._listed(call, open_only=True)

    def _history(self, call: Call) -> list[dict[str, Any]]:
        call.type()
        return self._listed(call, open_only=False)

    def _fills(self, call: Call, days: int) -> list[dict[str, Any]]:
        name = call.params.get("instId", "")
        if name:
            self.pair(name)
        if call.params.get("instType") and call.type() != "SPOT":
            return []
        begin, end = _since(call)
        begin = max(begin, call.now_ns - days * _DAY)
        fills = self.exchange.fills_of(call.owner, name, call.integer("ordId"), begin)
        # a self-trade has two fills with the same trade id; bill ids are unique
        bills = [(fill.id * 10 + (1 if fill.maker else 2), fill) for fill in fills if fill.ns <= end]
        tags, pairs = self.orders.tags, self.exchange.pairs
        return [
            fill_row(pairs[fill.symbol], fill, tags.get(fill.order_id, ""), bill)
            for bill, fill in _page(call, bills, lambda row: row[0])
        ]

    # --- account ----------------------------------------------------------------------------------------------------

    def details(self, account: str, now_ns: int, only: str = "") -> list[dict[str, Any]]:
        """All balances that are not zero; ``only``: of these assets, comma-separated."""
        wanted = only.split(",") if only else None
        return [
            balance_row(asset, free, locked, self.balance_ns.get((account, asset), now_ns))
            for asset, free, locked in self.exchange.balances(account)
            if (free or locked) and (wanted is None or asset in wanted)
        ]

    def _balance(self, call: Call) -> list[dict[str, Any]]:
        return [account_row(self.details(call.owner, call.now_ns, call.params.get("ccy", "")), call.now_ns)]

    def _config(self, call: Call) -> list[dict[str, Any]]:
        account = call.account
        assert account is not None
        uid = str(account.uid)
        row = {
            "uid": uid,
            "mainUid": uid,
            "acctLv": "1",
            "acctStpMode": "cancel_maker",
            "posMode": "net_mode",
            "autoLoan": False,
            "greeksType": "PA",
            "feeType": "0",
            "level": "Lv1",
            "levelTmp": "",
            "ctIsoMode": "automatic",
            "mgnIsoMode": "automatic",
            "spotOffsetType": "",
            "stgyType": "0",
            "perm": "read_only,trade",
            "roleType": "0",
            "traderInsts": [],
            "spotRoleType": "0",
            "spotTraderInsts": [],
            "opAuth": "0",
            "ip": "",
            "label": "simulated",
            "kycLv": "3",
            "type": "0",
            "liquidationGear": "-1",
            "enableSpotBorrow": False,
            "spotBorrowAutoRepay": False,
            "settleCcy": "USDT",
            "settleCcyList": ["USDT"],
        }
        return [row | {name: value for name, value in account.settings.items() if name in row}]

    def _fee(self, call: Call) -> list[dict[str, Any]]:
        """Get fee rates: an instrument's group is ``groupId`` of Get instruments; negative = charged."""
        if name := call.params.get("instId", ""):
            self.pair(name)
        maker, taker = (plain(-rate) for rate in self.exchange.rates(call.owner))
        groups = [{"groupId": "2", "maker": "0", "taker": "0"}, {"groupId": "1", "maker": maker, "taker": taker}]
        return [
            {
                "instType": call.type(),
                "level": "Lv1",
                "ruleType": "normal",
                "category": "1",
                "maker": maker,
                "taker": taker,
                "makerU": "",
                "takerU": "",
                "makerUSDC": "",
                "takerUSDC": "",
                "delivery": "",
                "exercise": "",
                "fiat": [],
                "feeGroup": groups,
                "ts": ms(call.now_ns),
            }
        ]

    def _currencies(self, call: Call) -> list[dict[str, Any]]:
        pairs = self.exchange.pairs.values()
        assets = dict.fromkeys(asset for pair in pairs for asset in (pair.base, pair.quote))
        only = call.params.get("ccy", "")
        rows = []
        for asset in only.split(",") if only else assets:
            deposit, withdraw = self.exchange.immovable.get(asset, (True, True))
            rows.append(
                {
                    "ccy": asset,
                    "name": asset,
                    "chain": f"{asset}-{asset}",
                    "ctAddr": "",
                    "canDep": deposit,
                    "canWd": withdraw,
                    "canInternal": True,
                    "mainNet": True,
                    "needTag": False,
                    "logoLink": "",
                    "fee": "0",
                    "minFee": "0",
                    "maxFee": "0",
                    "minDep": "0",
                    "minWd": "0",
                    "maxWd": "1000000",
                    "minInternal": "0",
                    "wdTickSz": "8",
                    "wdQuota": "1000000",
                    "usedWdQuota": "0",
                    "depQuotaFixed": "",
                    "usedDepQuotaFixed": "",
                    "depQuoteDailyLayer2": "",
                    "minDepArrivalConfirm": "1",
                    "minWdUnlockConfirm": "1",
                    "burningFeeRate": "",
                }
            )
        return rows


def account_row(details: list[dict[str, Any]], now_ns: int) -> dict[str, Any]:
    """The account row with ``details``; most fields are empty in Spot mode."""
    empty = dict.fromkeys(
        (
            "adjEq",
            "availEq",
            "borrowFroz",
            "imr",
            "isoEq",
            "mgnRatio",
            "mmr",
            "notionalUsd",
            "notionalUsdForBorrow",
            "notionalUsdForFutures",
            "notionalUsdForOption",
            "notionalUsdForSwap",
            "ordFroz",
            "totalEq",
            "upl",
        ),
        "",
    )
    return {**empty, "uTime": ms(now_ns), "details": details}


def _levels(pair: Pair, side: list[tuple[int, int]]) -> list[list[str]]:
    return [[pair.px_text(px), pair.qty_text(lots), "0", "1"] for px, lots in side]


def _ticker(pair: Pair, book: SimBook, now_ns: int) -> dict[str, Any]:
    """24-hour statistics. The simulator has none, so every price is the best ask."""
    bid, bids, ask, asks = book.top()
    last = pair.px_text(ask)
    row = {
        "instType": "SPOT",
        "instId": pair.symbol,
        "lastSz": "0",
        "askPx": last,
        "askSz": pair.qty_text(asks),
        "bidPx": pair.px_text(bid),
        "bidSz": pair.qty_text(bids),
        "vol24h": "0",
        "volCcy24h": "0",
        "ts": ms(now_ns),
    }
    return row | dict.fromkeys(("last", "open24h", "high24h", "low24h", "sodUtc0", "sodUtc8"), last)


def _vanished(order: SimOrder, now_ns: int) -> bool:
    """Whether the order cannot be queried any more: two hours after a cancel without a fill."""
    return order.status.terminal and not order.cum and now_ns - order.updated_ns > 7200 * _S


def _since(call: Call) -> tuple[int, int]:
    begin, end = call.integer("begin") * MS, call.integer("end") * MS
    return begin, end or 1 << 62


def _page(call: Call, rows: list[_T], key: Callable[[_T], int]) -> list[_T]:
    """Newest first; ``after`` = older than that id, ``before`` = newer than that id."""
    after, before, limit = call.integer("after", 1 << 100), call.integer("before"), call.integer("limit", 100)
    rows = [row for row in rows if before < key(row) < after]
    rows.sort(key=key, reverse=True)
    return rows[: min(limit, 100)]
