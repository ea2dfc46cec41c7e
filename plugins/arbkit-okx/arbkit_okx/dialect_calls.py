"""OKX's REST calls for the dialect, by method and path."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec

from arbkit.core.types import plain
from arbkit.sim.calls import Problem, Route, SimCall, routes
from arbkit.sim.limits import Window
from arbkit.sim.pair import Pair, text
from arbkit.sim.rows import fields, page
from arbkit.sim.timers import Timer, Timers
from arbkit.sim.venue import DELISTED, SimExchange, SimOrder

from .dialect_orders import Orders
from .dialect_wire import (
    MS,
    account_row,
    balance_row,
    fill_row,
    group,
    instrument_row,
    levels,
    limit_row,
    ms,
    ticker_row,
    wrong,
)

__all__ = ["TYPES", "Calls"]

TYPES: Final = ("SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION")
_S: Final = 1_000_000_000
_DAY: Final = 86_400 * _S
_OPS: Final = {
    "order": "order",
    "batch-orders": "batch-orders",
    "cancel-order": "cancel-order",
    "cancel-batch-orders": "batch-cancel-orders",
}
"""The last part of a trade path -> the operation."""


def _public(handler: Callable[[SimCall], Any], limit: int, seconds: int = 2) -> Route:
    return Route(handler, limit=Window(limit, seconds * _S), by="ip")


def _private(handler: Callable[[SimCall], Any], limit: int, seconds: int = 2, by: str = "user") -> Route:
    return Route(handler, limit=Window(limit, seconds * _S), by=by, signed=True)


class Calls:
    """The calls of one exchange. A handler returns the reply's ``data``; for order entry the whole reply."""

    def __init__(self, exchange: SimExchange, orders: Orders, timers: Timers) -> None:
        self.exchange = exchange
        self.orders = orders
        self._timers = timers
        self._dead_man: dict[str, Timer] = {}
        self.balance_ns: dict[tuple[str, str], int] = {}
        """(account, asset) -> when its balance last changed."""
        table = {
            "GET public/time": _public(lambda call: [{"ts": ms(call.now_ns)}], 10),
            "GET public/instruments": _public(self._instruments, 20),
            "GET public/price-limit": _public(lambda call: self._of(call, limit_row), 20),
            "GET market/books": _public(self._books, 40),
            "GET market/ticker": _public(lambda call: self._of(call, ticker_row), 20),
            "GET market/tickers": _public(self._tickers, 20),
            "GET market/trades": _public(self._trades, 100),
            "GET system/status": _public(lambda call: [], 1, 5),
            "GET account/instruments": _private(self._instruments, 20),
            "GET account/balance": _private(self._balance, 10),
            "GET account/config": _private(self._config, 5),
            "GET account/trade-fee": _private(self._fee, 5),
            "GET account/positions": _private(lambda call: [], 10),
            "GET account/bills": _private(lambda call: [], 5, 1),
            "GET account/max-size": _private(partial(self._most, ("maxBuy", "maxSell")), 20),
            "GET account/max-avail-size": _private(partial(self._most, ("availBuy", "availSell")), 20),
            "GET asset/balances": _private(lambda call: [], 6, 1),
            "GET asset/currencies": _private(self._currencies, 6, 1),
            "GET trade/order": _private(self._order, 60, by="instrument"),
            "GET trade/orders-pending": _private(partial(self._listed, open_only=True), 60),
            "GET trade/orders-history": _private(self._history, 40),
            "GET trade/orders-history-archive": _private(self._history, 20),
            "GET trade/fills": _private(partial(self._fills, days=3), 60),
            "GET trade/fills-history": _private(partial(self._fills, days=90), 10),
            "POST trade/cancel-all-after": _private(self._cancel_all_after, 1, 1),
        }
        # order entry has its own limits, shared with WebSocket
        table |= {f"POST trade/{name}": Route(partial(self._trade, op), signed=True) for name, op in _OPS.items()}
        self.routes = routes("/api/v5/", table)

    # --- market -----------------------------------------------------------------------------------------------------

    def _pair(self, name: str) -> Pair:
        """The instrument of that name (51001)."""
        pair = self.exchange.pairs.get(name)
        if pair is None or self.exchange.halted.get(name) == DELISTED:
            raise Problem("51001", f"Instrument ID, Instrument ID code, or Spread ID {name} doesn't exist.")
        return pair

    def _of(self, call: SimCall, row: Callable[[SimExchange, str], dict[str, Any]]) -> list[dict[str, Any]]:
        """The row of the instrument that the call names."""
        return [row(self.exchange, self._pair(call.need("instId")).symbol) | {"ts": ms(call.now_ns)}]

    def _instruments(self, call: SimCall) -> list[dict[str, Any]]:
        if call.choice("instType", TYPES) != "SPOT":
            return []
        name = call.text("instId")
        listed = [symbol for symbol in self.exchange.pairs if self.exchange.halted.get(symbol) != DELISTED]
        rows = [self.instrument(symbol) for symbol in ([self._pair(name).symbol] if name else listed)]
        # account/instruments: the currencies in which this account may settle a pair
        own = call.account.settings.get("tradeQuoteCcyList", {}) if call.account else {}
        return [row | {"tradeQuoteCcyList": own.get(row["instId"], row["tradeQuoteCcyList"])} for row in rows]

    def instrument(self, symbol: str) -> dict[str, Any]:
        """The row of one instrument."""
        return instrument_row(self.exchange, symbol, self.orders.codes[symbol])

    def _books(self, call: SimCall) -> list[Any]:
        pair = self._pair(call.need("instId"))
        book, size = self.exchange.books[pair.symbol], call.integer("sz", 1)
        if not 1 <= size <= 400:
            raise wrong("sz", "invalid")
        bids, asks = (msgspec.Raw(levels(pair, side).encode()) for side in book.depth(size))
        return [{"asks": asks, "bids": bids, "ts": ms(call.now_ns), "seqId": book.seq}]

    def _tickers(self, call: SimCall) -> list[dict[str, Any]]:
        symbols = self.exchange.pairs if call.choice("instType", TYPES) == "SPOT" else ()
        return [ticker_row(self.exchange, symbol) | {"ts": ms(call.now_ns)} for symbol in symbols]

    def _trades(self, call: SimCall) -> list[dict[str, Any]]:
        """Get trades: the newest first."""
        pair = self._pair(call.need("instId"))
        rows, _ = page(self.exchange.prints[pair.symbol], lambda one: one.id, min(call.integer("limit", 100), 500))
        return [
            {
                "instId": pair.symbol,
                "tradeId": str(one.id),
                "px": pair.px_text(one.px),
                "sz": pair.qty_text(one.qty),
                "side": one.side.value,
                "source": "0",
                "ts": ms(one.ns),
            }
            for one in rows
        ]

    # --- orders -----------------------------------------------------------------------------------------------------

    def _trade(self, op: str, call: SimCall) -> dict[str, Any]:
        items = call.body if op.startswith("batch-") else [call.body]
        if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
            raise Problem("50002", "JSON syntax error", 400)
        assert call.account is not None
        expire_ns = 0 if "cancel" in op else call.expire_ns  # "expTime": on place and amend
        code, rows = self.orders.run(op, call.account, items, call.now_ns, coded=False, expire_ns=expire_ns)
        said = {"0": "", "1": "All operations failed", "2": "Bulk operation partially succeeded"}[code]
        at = str(call.now_ns // 1000)
        return {"code": code, "data": rows, "inTime": at, "msg": said, "outTime": at}

    def _cancel_all_after(self, call: SimCall) -> list[dict[str, Any]]:
        """Cancel All After: all orders end unless it is called again within ``timeOut`` seconds; 0 = disable."""
        given = call.body.get("timeOut") if isinstance(call.body, dict) else None
        if not isinstance(given, str) or not re.fullmatch("0|[1-9][0-9]|1[01][0-9]|120", given, re.ASCII):
            raise wrong("timeOut", "invalid")
        owner, due_ns = call.owner, call.now_ns + int(given) * _S
        if owner in self._dead_man:
            self._dead_man.pop(owner).cancel()
        if given != "0":
            self._dead_man[owner] = self._timers.at(due_ns, lambda now: self._cancel_all(owner, now))
        return [{"triggerTime": ms(due_ns) if given != "0" else "0", "tag": "", "ts": ms(call.now_ns)}]

    def _cancel_all(self, owner: str, now_ns: int) -> None:
        self.exchange.cancel_all(owner, now_ns=now_ns)

    def _order(self, call: SimCall) -> list[dict[str, Any]]:
        order = self.orders.find(call, self._pair(call.need("instId")).symbol)
        if order is None or _vanished(order, call.now_ns):
            raise Problem("51603", "Order does not exist")
        return [self.orders.row(order)]

    def _wanted(self, call: SimCall, order_id: int) -> bool:
        """Whether an order is of the call's ``instType``. An order in cross mode is of type MARGIN."""
        kind = call.text("instType")
        return kind in ("", self.orders.mark(order_id).kind)

    def _named(self, call: SimCall) -> str:
        if call.text("instType"):
            call.choice("instType", TYPES)
        name = call.text("instId")
        return self._pair(name).symbol if name else ""

    def _listed(self, call: SimCall, *, open_only: bool) -> list[dict[str, Any]]:
        """Newest first, at most 100, paged by order id: ``after`` = older ones, ``before`` = newer ones."""
        name, (begin, end) = self._named(call), _since(call)
        kind, state = call.text("ordType"), call.text("state")
        rows = [
            self.orders.row(order)
            for order in self.exchange.orders_of(call.owner, name)
            if order.status.terminal is not open_only
            and not _vanished(order, call.now_ns)
            and begin <= order.ns <= end
            and self._wanted(call, order.id)
        ]
        rows = [row for row in rows if kind in ("", row["ordType"]) and state in ("", row["state"])]
        return page(rows, lambda row: int(row["ordId"]), *_part(call))[0]

    def _history(self, call: SimCall) -> list[dict[str, Any]]:
        call.need("instType")
        return self._listed(call, open_only=False)

    def _fills(self, call: SimCall, *, days: int) -> list[dict[str, Any]]:
        name, (begin, end) = self._named(call), _since(call)
        begin = max(begin, call.now_ns - days * _DAY)
        fills = self.exchange.fills_of(call.owner, name, call.integer("ordId"), begin)
        # a self-trade has two fills with the same trade id; bill ids are unique
        bills = [(fill.id * 10 + (1 if fill.maker else 2), fill) for fill in fills if fill.ns <= end]
        bills = [(bill, fill) for bill, fill in bills if self._wanted(call, fill.order_id)]
        rates = {name: self.exchange.rates(call.owner, name) for name in self.exchange.pairs}
        return [
            fill_row(
                self.exchange.pairs[fill.symbol],
                fill,
                self.orders.mark(fill.order_id),
                bill,
                plain(-rates[fill.symbol][0 if fill.maker else 1]),
            )
            for bill, fill in page(bills, lambda row: row[0], *_part(call))[0]
        ]

    # --- account ----------------------------------------------------------------------------------------------------

    def details(self, account: str, now_ns: int, only: str = "") -> list[dict[str, Any]]:
        """All balances that are not zero; ``only``: of these assets, comma-separated."""
        wanted = only.split(",") if only else None
        return [
            balance_row(self.exchange, asset, free, locked, self.balance_ns.get((account, asset), now_ns))
            for asset, free, locked in self.exchange.balances(account)
            if (free or locked) and (wanted is None or asset in wanted)
        ]

    def _balance(self, call: SimCall) -> list[dict[str, Any]]:
        details = self.details(call.owner, call.now_ns, call.text("ccy"))
        return [account_row(details, self.exchange.prices.total(self.exchange.balances(call.owner)), call.now_ns)]

    def _most(self, names: tuple[str, str], call: SimCall) -> list[dict[str, Any]]:
        """What the balances allow to buy and to sell; ``availBuy`` is in the quote currency."""
        pair = self._pair(call.need("instId"))
        call.need("tdMode")
        quote, base = (self.exchange.ledger.free(call.owner, asset) for asset in (pair.quote, pair.base))
        ask = self.exchange.books[pair.symbol].top()[2]
        buy = quote // (ask * pair.unit) * pair.lot_units if names[0] == "maxBuy" and ask else quote
        return [{"instId": pair.symbol, "ccy": "", names[0]: text(buy), names[1]: text(base)}]

    def _config(self, call: SimCall) -> list[dict[str, Any]]:
        assert call.account is not None
        row = fields("uid mainUid", str(call.account.uid)) | {
            "acctLv": "1",
            "acctStpMode": "cancel_maker",
            "posMode": "net_mode",
            "autoLoan": False,
            "greeksType": "PA",
            "feeType": "1" if call.account.fee_asset == "quote" else "0",
            "level": "Lv1",
            **fields("levelTmp spotOffsetType ip"),
            **fields("ctIsoMode mgnIsoMode", "automatic"),
            **fields("stgyType roleType spotRoleType opAuth type", "0"),
            "perm": "read_only,trade",
            "traderInsts": [],
            "spotTraderInsts": [],
            "label": "simulated",
            "kycLv": "3",
            "liquidationGear": "-1",
            "enableSpotBorrow": False,
            "spotBorrowAutoRepay": False,
            "settleCcy": "USDT",
            "settleCcyList": ["USDT"],
        }
        return [call.settled(row)]

    def _fee(self, call: SimCall) -> list[dict[str, Any]]:
        """Get fee rates: an instrument's group is ``groupId`` of Get instruments; negative = charged."""
        name = self._pair(call.text("instId")).symbol if call.text("instId") else ""
        symbols = [name] if name else list(self.exchange.pairs)
        groups = {group(self.exchange, symbol): self.exchange.rates(call.owner, symbol) for symbol in symbols}
        rows = [
            {"groupId": key, "maker": plain(-maker), "taker": plain(-taker)} for key, (maker, taker) in groups.items()
        ]
        own = {side: rows[0][side] for side in ("maker", "taker")}
        row = {
            "instType": call.choice("instType", TYPES),
            "level": "Lv1",
            "ruleType": "normal",
            "category": "1",
            **own,
            **fields("makerU takerU makerUSDC takerUSDC delivery exercise"),
            "fiat": [],
            "feeGroup": [{"groupId": "9", "maker": "0", "taker": "0"}, *rows],
            "ts": ms(call.now_ns),
        }
        return [row]

    def _currencies(self, call: SimCall) -> list[dict[str, Any]]:
        assets = dict.fromkeys(asset for pair in self.exchange.pairs.values() for asset in (pair.base, pair.quote))
        only, rows = call.text("ccy"), []
        for asset in only.split(",") if only else assets:
            deposit, withdraw = self.exchange.immovable.get(asset, (True, True))
            rows.append(
                {
                    **fields("ccy name", asset),
                    "chain": f"{asset}-{asset}",
                    "canDep": deposit,
                    "canWd": withdraw,
                    **fields("canInternal mainNet", True),
                    "needTag": False,
                    **fields("ctAddr logoLink depQuotaFixed usedDepQuotaFixed depQuoteDailyLayer2 burningFeeRate"),
                    **fields("fee minFee maxFee minDep minWd minInternal usedWdQuota", "0"),
                    **fields("maxWd wdQuota", "1000000"),
                    "wdTickSz": "8",
                    **fields("minDepArrivalConfirm minWdUnlockConfirm", "1"),
                }
            )
        return rows


def _vanished(order: SimOrder, now_ns: int) -> bool:
    """Whether the order cannot be queried any more: two hours after a cancel without a fill."""
    return order.status.terminal and not order.cum and now_ns - order.updated_ns > 7200 * _S


def _since(call: SimCall) -> tuple[int, int]:
    begin, end = call.integer("begin") * MS, call.integer("end") * MS
    return begin, end or 1 << 62


def _part(call: SimCall) -> tuple[int, int, int]:
    """Paging: the size, and the ids below and above which the rows are; ``after`` = older than that id."""
    return min(call.integer("limit", 100), 100), call.integer("after"), call.integer("before")
