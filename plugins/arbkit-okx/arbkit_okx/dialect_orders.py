"""OKX's order entry for the dialect. REST and WebSocket use the same items and rows."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from arbkit import sim
from arbkit.core.types import Side, Tif

from . import dialect_wire as wire

__all__ = ["OPS", "Orders"]

OPS: Final = sim.texts(
    "order:order batch-orders:batch-orders cancel-order:cancel-order batch-cancel-orders:cancel-batch-orders"
)
"""The operations -> the last part of their REST paths."""
_TWO_S: Final = 2_000_000_000
_TIF: Final = {"limit": Tif.GTC, "post_only": Tif.GTC, "ioc": Tif.IOC, "fok": Tif.FOK, "market": Tif.IOC}
_STP: Final[dict[str, sim.Stp]] = {"cancel_maker": "maker", "cancel_taker": "taker", "cancel_both": "both"}
_CODE: Final = 1_000_000_000
_BATCH: Final = 20


class Orders:
    """Place and cancel orders, single or in batches (Order Book Trading > Trade)."""

    def __init__(self, exchange: sim.SimExchange) -> None:
        self._exchange = exchange
        self.codes = {symbol: _CODE + 1_000 * i + 7 for i, symbol in enumerate(exchange.pairs)}
        """``instIdCode`` by instrument: an arbitrary integer."""
        self._symbols = {code: symbol for symbol, code in self.codes.items()}
        self._marks: dict[int, wire.Mark] = {}
        # "Rate limit": per user and instrument, REST and WebSocket together; batches have a limit of their own
        self._limits = {op: sim.Window(300 if op.startswith("batch-") else 60, _TWO_S) for op in OPS}

    def run(
        self, op: str, call: sim.SimCall, items: Sequence[dict[str, Any]], *, coded: bool
    ) -> tuple[str, list[dict[str, Any]]]:
        """Do ``order``, ``batch-orders``, ``cancel-order`` or ``batch-cancel-orders``.

        Returns the reply's code (0 = all, 1 = none, 2 = some succeeded) and one row per item. ``coded``: instruments
        are given by ``instIdCode`` (WebSocket), else by ``instId`` (REST). Raises ``Problem`` if no item was processed.
        """
        assert call.account is not None
        if "trade" not in call.account.settings.get("perm", "read_only,trade").split(","):
            raise sim.Problem("50120", "This API key doesn't have permission to use this function.", 401)
        sim.refuse(len(items) > _BATCH, "50025", f"Parameter args count exceeds the limit {_BATCH}.", 400)
        if call.expire_ns and call.now_ns > call.expire_ns:
            raise sim.Problem("50036", "The expTime can't be earlier than the current system time.")
        # a batch of one counts as a single call
        limit = self._limits[op.removeprefix("batch-").removesuffix("s") if len(items) == 1 else op]
        for item in items:
            given = item.get("instIdCode" if coded else "instId")
            name = self._symbols.get(given) if coded and isinstance(given, int) else given
            sim.refuse(not limit.add(f"{call.owner}:{name}", 1, call.now_ns), "50011", "Too Many Requests", 429)
        rows = [self._one(op in ("order", "batch-orders"), call.item(item), coded) for item in items]
        failed = sum(row["sCode"] != "0" for row in rows)
        return "0" if not failed else "1" if failed == len(rows) else "2", rows

    def mark(self, order_id: int) -> wire.Mark:
        return self._marks.get(order_id) or wire.Mark()

    def _one(self, place: bool, call: sim.SimCall, coded: bool) -> dict[str, Any]:
        echo = {name: str(call.params.get(name) or "") for name in ("clOrdId", "ordId", "tag")}
        row = {**echo, "ts": call.now, "sCode": "0", "sMsg": ""}
        if place:
            row |= {"ordId": "", "subCode": ""}
        else:
            del row["tag"]
        try:
            symbol = self._symbol(call, coded)
            order = self._place(call, symbol) if place else self._cancel(call, symbol)
        except (sim.Refused, sim.Problem) as error:
            problem = wire.problem(error)
            row |= {"sCode": problem.code, "sMsg": problem.msg}
            return row | {"subCode": problem.more.get("sub", "")} if place else row
        return row | {"ordId": str(order.id), "clOrdId": order.cl_ord_id}

    def _symbol(self, call: sim.SimCall, coded: bool) -> str:
        """Since 2026-02-03 WebSocket order entry accepts only ``instIdCode``; REST uses ``instId``."""
        name = "instIdCode" if coded else "instId"
        given = call.params.get(name)
        if given is None or given == "":
            raise wire.wrong(name, "missing")
        symbol = self._symbols.get(given) if coded and isinstance(given, int) else None
        symbol = given if not coded and isinstance(given, str) and given in self.codes else symbol
        if symbol is None:
            raise sim.Refused("symbol")
        return symbol

    def _place(self, call: sim.SimCall, symbol: str) -> sim.SimOrder:
        assert call.account is not None
        settings = call.account.settings
        # Account mode: cash in the Spot and the Futures mode, cross in the two modes with margin
        cross = settings.get("acctLv", "1") in ("3", "4")
        if call.need("tdMode") != ("cross" if cross else "cash"):
            raise sim.Problem("51010", "This operation is not supported in the current account mode.")
        pays = settings.get("tradeQuoteCcyList", {}).get(symbol, [self._exchange.pairs[symbol].quote])
        if call.text("tradeQuoteCcy", pays[0] if len(pays) == 1 else "") not in pays:
            raise wire.wrong("tradeQuoteCcy", "invalid")
        side, kind = Side(call.choice("side", ("buy", "sell"))), call.choice("ordType", _TIF)
        cl_ord_id, tag = call.match("clOrdId", wire.ID), call.match("tag", wire.ID)
        if len(tag) > 16:
            raise wire.wrong("tag", "invalid")
        stp = _STP[call.choice("stpMode", _STP, "cancel_maker")]
        order: dict[str, Any] = {"qty": call.decimal("sz")}
        if kind == "market":
            # "tgtCcy": the unit of sz; by default the quote currency for a buy and the base currency for a sell
            units = ("base_ccy", "quote_ccy")
            if call.choice("tgtCcy", units, units[side is Side.BUY]) == "quote_ccy":
                order = {"quote_qty": order["qty"]}
            if call.params.get("banAmend") not in (True, "true"):
                self._reduce(call.owner, self._exchange.pairs[symbol], side, order)
        else:
            order["px"] = call.decimal("px")
        try:
            placed = self._exchange.place(
                call.owner,
                symbol,
                side,
                now_ns=call.now_ns,
                kind="market" if kind == "market" else "limit",
                tif=_TIF[kind],
                post_only=kind == "post_only",
                cl_ord_id=cl_ord_id,
                stp=stp,
                expire_ns=call.expire_ns,
                **order,
            )
        except sim.Refused as refused:
            if refused.rule == "max_qty" and kind == "market":
                raise sim.Problem("51202", "The order amount exceeds the limit of the market order size.") from None
            raise
        self._marks[placed.id] = wire.Mark(tag, cross)
        return placed

    def _reduce(self, owner: str, pair: sim.Pair, side: Side, order: dict[str, Decimal]) -> None:
        """ "banAmend": unless it is true, a market order larger than the balance is reduced to the balance."""
        asset = pair.quote if side is Side.BUY else pair.base
        free = self._exchange.ledger.free(owner, asset)
        if "quote_qty" in order and side is Side.BUY:
            order["quote_qty"] = min(order["quote_qty"], Decimal(free) / sim.UNIT)
        elif "qty" in order and order["qty"] <= pair.max_qty:
            lots = int(order["qty"] / pair.lot)
            if side is Side.SELL:
                most = free // pair.lot_units
            else:
                most = 0
                for resting, qty in self._exchange.books[pair.symbol].makers(True, None, lots or 1):
                    fits = min(qty, free // (resting.px * pair.unit))
                    most, free = most + fits, free - fits * resting.px * pair.unit
            if 0 < most < lots:
                order["qty"] = most * pair.lot

    def find(self, call: sim.SimCall, symbol: str) -> sim.SimOrder | None:
        """By ``ordId`` or ``clOrdId``; ``ordId`` if both are given. For a reused client id: the newest order."""
        order_id, cl_ord_id = call.integer("ordId"), call.text("clOrdId")
        if not call.text("ordId") and not cl_ord_id:
            raise sim.Problem("51003", "Either client order ID or order ID is required.", 400)
        if call.text("ordId"):
            return self._exchange.find(call.owner, order_id=order_id, symbol=symbol) if order_id else None
        return self._exchange.find(call.owner, cl_ord_id=cl_ord_id, symbol=symbol)

    def _cancel(self, call: sim.SimCall, symbol: str) -> sim.SimOrder:
        order = self.find(call, symbol)
        if order is None or order.status.terminal:
            raise sim.Refused("unknown_order")
        return self._exchange.cancel(call.owner, symbol, now_ns=call.now_ns, order_id=order.id)
