"""OKX's REST calls for the dialect, by method and path."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from arbkit import sim
from arbkit.core.types import plain

from . import dialect_wire as wire
from .dialect_orders import OPS, Orders

__all__ = ["TYPES", "Calls"]

TYPES: Final = ("SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION")
_S: Final = 1_000_000_000
_DAY: Final = 86_400 * _S
_T = TypeVar("_T")


_CONFIG: Final = {
    **sim.texts(
        "acctLv:1 levelTmp: spotOffsetType: ip: ctIsoMode:automatic mgnIsoMode:automatic stgyType:0 roleType:0"
    ),
    **sim.texts("spotRoleType:0 opAuth:0 type:0 acctStpMode:cancel_maker posMode:net_mode greeksType:PA level:Lv1"),
    **sim.texts("perm:read_only,trade label:simulated kycLv:3 liquidationGear:-1 settleCcy:USDT"),
    **sim.fields("autoLoan enableSpotBorrow spotBorrowAutoRepay", False),
    **sim.fields("traderInsts spotTraderInsts", []),
    "settleCcyList": ["USDT"],
}
_FEE: Final = {
    **sim.texts("level:Lv1 ruleType:normal category:1 makerU: takerU: makerUSDC: takerUSDC: delivery: exercise:"),
    "fiat": [],
}
_CURRENCY: Final = sim.RowType(
    "ccy=asset name=asset canDep=deposit canWd=withdraw fee:0 minFee:0 maxFee:0 minDep:0 minWd:0 minInternal:0"
    " usedWdQuota:0 maxWd:1000000 wdQuota:1000000 minDepArrivalConfirm:1 minWdUnlockConfirm:1 wdTickSz:8",
    sim.fields("ctAddr logoLink depQuotaFixed usedDepQuotaFixed depQuoteDailyLayer2 burningFeeRate"),
    sim.fields("canInternal mainNet", True),
    {"needTag": False},
)


def _public(handler: Callable[[sim.SimCall], Any], limit: int, seconds: int = 2) -> sim.Route:
    return sim.Route(handler, limit=sim.Window(limit, seconds * _S), by="ip")


def _private(handler: Callable[[sim.SimCall], Any], limit: int, seconds: int = 2, by: str = "user") -> sim.Route:
    return sim.Route(handler, limit=sim.Window(limit, seconds * _S), by=by, signed=True)


class Calls:
    """The calls of one exchange. A handler returns the reply's ``data``; for order entry the whole reply."""

    def __init__(self, facts: sim.Facts, orders: Orders, timers: sim.Timers) -> None:
        self._exchange = facts.exchange
        self._orders = orders
        self._timers = timers
        self._dead_man: dict[str, sim.Timer] = {}
        self.balance_ns: dict[tuple[str, str], int] = {}
        """(account, asset) -> when its balance last changed."""
        table = {
            "GET public/time": _public(lambda call: [{"ts": call.now}], 10),
            "GET public/instruments": _public(self._instruments, 20),
            "GET public/price-limit": _public(partial(self._of, wire.limit_row), 20),
            "GET market/books": _public(self._books, 40),
            "GET market/ticker": _public(partial(self._of, wire.ticker_row), 20),
            "GET market/tickers": _public(self._tickers, 20),
            "GET market/candles": _public(partial(self._candles, 300), 40),
            "GET market/history-candles": _public(partial(self._candles, 300), 20),
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
        table |= {f"POST trade/{name}": sim.Route(partial(self._trade, op), signed=True) for op, name in OPS.items()}
        self.routes = sim.routes("/api/v5/", table)

    # --- market -----------------------------------------------------------------------------------------------------

    def _pair(self, name: str) -> sim.Pair:
        """The instrument of that name (51001)."""
        pair = self._exchange.pairs.get(name)
        if pair is None or self._exchange.halted.get(name) == sim.DELISTED:
            raise sim.Problem("51001", f"Instrument ID, Instrument ID code, or Spread ID {name} doesn't exist.")
        return pair

    def _of(self, row: Callable[[sim.Facts, str], dict[str, Any]], call: sim.SimCall) -> list[dict[str, Any]]:
        """The row of the instrument that the call names."""
        return [row(call.facts, self._pair(call.need("instId")).symbol) | {"ts": call.now}]

    def _instruments(self, call: sim.SimCall) -> list[dict[str, Any]]:
        if call.choice("instType", TYPES) != "SPOT":
            return []
        name, codes = call.text("instId"), self._orders.codes
        listed = self._exchange.listed
        symbols = [self._pair(name).symbol] if name else listed
        rows = [wire.instrument_row(call.facts, symbol, codes[symbol]) for symbol in symbols]
        # account/instruments: the currencies in which this account may settle a pair
        own = call.account.settings.get("tradeQuoteCcyList", {}) if call.account else {}
        return [row | {"tradeQuoteCcyList": own.get(row["instId"], row["tradeQuoteCcyList"])} for row in rows]

    def _books(self, call: sim.SimCall) -> list[Any]:
        symbol, size = self._pair(call.need("instId")).symbol, call.integer("sz", 1)
        if not 1 <= size <= 400:
            raise wire.wrong("sz", "invalid")
        book = self._exchange.books[symbol]
        return [{**wire.levels(call.facts, symbol, *book.depth(size)), "ts": call.now, "seqId": book.seq}]

    def _tickers(self, call: sim.SimCall) -> list[dict[str, Any]]:
        symbols = self._exchange.pairs if call.choice("instType", TYPES) == "SPOT" else ()
        return [wire.ticker_row(call.facts, symbol) | {"ts": call.now} for symbol in symbols]

    def _trades(self, call: sim.SimCall) -> list[dict[str, Any]]:
        """Get trades: the newest first."""
        newest = self._exchange.trades[self._pair(call.need("instId")).symbol].newest
        rows, _ = sim.page(newest, lambda one: one.id, call.limit(100, 500))
        return [wire.TRADE.of(call.facts.trade(one)) for one in rows]

    def _candles(self, most: int, call: sim.SimCall) -> list[list[str]]:
        """Get candlesticks: newest first, paged by time: ``after`` = older ones, ``before`` = newer ones."""
        symbol, bar = self._pair(call.need("instId")).symbol, call.choice("bar", wire.BARS, "1m")
        rows = [wire.candle_row(one) for one in call.facts.candles(symbol, wire.BARS[bar], 0, call.now_ns)]
        below, above = call.integer("after"), call.integer("before")
        return sim.page(rows, lambda row: int(row[0]), call.limit(100, most), below, above)[0]

    # --- orders -----------------------------------------------------------------------------------------------------

    def _trade(self, op: str, call: sim.SimCall) -> dict[str, Any]:
        items = call.body if op.startswith("batch-") else [call.body]
        if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
            raise sim.Problem("50002", "JSON syntax error", 400)
        if "cancel" in op:
            call.expire_ns = 0  # "expTime": on place and amend
        code, rows = self._orders.run(op, call, items, coded=False)
        said = {"0": "", "1": "All operations failed", "2": "Bulk operation partially succeeded"}[code]
        at = str(call.now_ns // 1000)
        return {"code": code, "data": rows, "inTime": at, "msg": said, "outTime": at}

    def _cancel_all_after(self, call: sim.SimCall) -> list[dict[str, Any]]:
        """Cancel All After: all orders end unless it is called again within ``timeOut`` seconds; 0 = disable."""
        given = call.body.get("timeOut") if isinstance(call.body, dict) else None
        if not isinstance(given, str) or not re.fullmatch("0|[1-9][0-9]|1[01][0-9]|120", given, re.ASCII):
            raise wire.wrong("timeOut", "invalid")
        owner, due_ns = call.owner, call.now_ns + int(given) * _S
        if owner in self._dead_man:
            self._dead_man.pop(owner).cancel()
        if given != "0":
            self._dead_man[owner] = self._timers.at(due_ns, lambda now: self._cancel_all(owner, now))
        return [{"triggerTime": call.facts.time(due_ns) if given != "0" else "0", "tag": "", "ts": call.now}]

    def _cancel_all(self, owner: str, now_ns: int) -> None:
        self._exchange.cancel_all(owner, now_ns=now_ns)

    def _row(self, call: sim.SimCall, order: sim.SimOrder) -> dict[str, Any]:
        return wire.order_row(call.facts, order, self._orders.mark(order.id))

    def _order(self, call: sim.SimCall) -> list[dict[str, Any]]:
        order = self._orders.find(call, self._pair(call.need("instId")).symbol)
        if order is None or _vanished(order, call.now_ns):
            raise sim.Problem("51603", "Order does not exist")
        return [self._row(call, order)]

    def _wanted(self, call: sim.SimCall) -> tuple[str, Callable[[int, int], bool]]:
        """The instrument that the call names, or ""; and whether an order of that id and time is wanted. An order in
        cross mode is of type MARGIN."""
        kind = call.text("instType") and call.choice("instType", TYPES)
        name, begin, end = call.text("instId"), call.integer("begin") * wire.MS, call.integer("end") * wire.MS
        symbol = self._pair(name).symbol if name else ""
        return (
            symbol,
            lambda order_id, ns: begin <= ns <= (end or ns) and kind in ("", self._orders.mark(order_id).kind),
        )

    def _listed(self, call: sim.SimCall, *, open_only: bool) -> list[dict[str, Any]]:
        """Newest first, at most 100, paged by order id: ``after`` = older ones, ``before`` = newer ones."""
        symbol, wanted = self._wanted(call)
        rows = [
            self._row(call, order)
            for order in self._exchange.orders_of(call.owner, symbol)
            if order.status.terminal is not open_only
            and not _vanished(order, call.now_ns)
            and wanted(order.id, order.ns)
        ]
        for name in ("ordType", "state"):
            rows = [row for row in rows if call.text(name) in ("", row[name])]
        return _page(call, rows, lambda row: int(row["ordId"]))

    def _history(self, call: sim.SimCall) -> list[dict[str, Any]]:
        call.need("instType")
        return self._listed(call, open_only=False)

    def _fills(self, call: sim.SimCall, *, days: int) -> list[dict[str, Any]]:
        symbol, wanted = self._wanted(call)
        fills = self._exchange.fills_of(call.owner, symbol, call.integer("ordId"), call.now_ns - days * _DAY)
        # a self-trade has two fills with the same trade id; bill ids are unique
        bills = [(fill.id * 10 + (1 if fill.maker else 2), fill) for fill in fills if wanted(fill.order_id, fill.ns)]
        return [
            wire.fill_row(call.facts, fill, self._orders.mark(fill.order_id), bill)
            for bill, fill in _page(call, bills, lambda row: row[0])
        ]

    # --- account ----------------------------------------------------------------------------------------------------

    def account(self, facts: sim.Facts, account: str, now_ns: int, only: str = "") -> dict[str, Any]:
        """The account with all balances that are not zero; ``only``: of these assets, comma-separated."""
        owned = [row for row in self._exchange.balances(account) if row[1] or row[2]]
        return wire.account_row(facts, account, self.details(facts, account, owned, now_ns, only), now_ns)

    def details(
        self, facts: sim.Facts, account: str, balances: Iterable[tuple[str, int, int]], now_ns: int, only: str
    ) -> list[dict[str, Any]]:
        """The facts of balances."""
        known = [facts.money(*row) for row in balances if not only or row[0] in only.split(",")]
        return [one | {"at": facts.time(self.balance_ns.get((account, one["asset"]), now_ns))} for one in known]

    def _balance(self, call: sim.SimCall) -> list[dict[str, Any]]:
        return [self.account(call.facts, call.owner, call.now_ns, call.text("ccy"))]

    def _most(self, names: tuple[str, str], call: sim.SimCall) -> list[dict[str, Any]]:
        """What the balances allow to buy and to sell; ``availBuy`` is in the quote currency."""
        pair = self._pair(call.need("instId"))
        call.need("tdMode")
        quote, base = (self._exchange.ledger.free(call.owner, asset) for asset in (pair.quote, pair.base))
        ask = self._exchange.books[pair.symbol].top()[2]
        buy = quote // (ask * pair.unit) * pair.lot_units if names[0] == "maxBuy" and ask else quote
        return [{"instId": pair.symbol, "ccy": "", names[0]: sim.text(buy), names[1]: sim.text(base)}]

    def _config(self, call: sim.SimCall) -> list[dict[str, Any]]:
        assert call.account is not None
        kind = "1" if call.account.fee_asset == "quote" else "0"
        return [call.settled(_CONFIG | sim.fields("uid mainUid", str(call.account.uid)) | {"feeType": kind})]

    def _fee(self, call: sim.SimCall) -> list[dict[str, Any]]:
        """Get fee rates: an instrument's wire.group is ``groupId`` of Get instruments; negative = charged."""
        name = self._pair(call.text("instId")).symbol if call.text("instId") else ""
        symbols = [name] if name else list(self._exchange.pairs)
        groups = {wire.group(self._exchange, symbol): self._exchange.rates(call.owner, symbol) for symbol in symbols}
        rows = [
            {"groupId": key, "maker": plain(-maker), "taker": plain(-taker)} for key, (maker, taker) in groups.items()
        ]
        kind = call.choice("instType", TYPES)
        own = {"instType": kind, "maker": rows[0]["maker"], "taker": rows[0]["taker"], "ts": call.now}
        return [_FEE | own | {"feeGroup": [{"groupId": "9", "maker": "0", "taker": "0"}, *rows]}]

    def _currencies(self, call: sim.SimCall) -> list[dict[str, Any]]:
        assets = dict.fromkeys(asset for pair in self._exchange.pairs.values() for asset in (pair.base, pair.quote))
        wanted = call.text("ccy").split(",") if call.text("ccy") else list(assets)
        return [_CURRENCY.of(call.facts.asset(asset), chain=f"{asset}-{asset}") for asset in wanted]


def _vanished(order: sim.SimOrder, now_ns: int) -> bool:
    """Whether the order cannot be queried any more: two hours after a cancel without a fill."""
    return order.status.terminal and not order.cum and now_ns - order.updated_ns > 7200 * _S


def _page(call: sim.SimCall, rows: Sequence[_T], key: Callable[[_T], int]) -> list[_T]:
    """Paging: ``after`` = older than that id, ``before`` = newer."""
    return sim.page(rows, key, call.limit(100, 100), call.integer("after"), call.integer("before"))[0]
