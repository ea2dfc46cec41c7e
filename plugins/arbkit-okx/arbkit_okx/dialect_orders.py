"""OKX's order entry for the dialect. REST and WebSocket use the same items and rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from arbkit.core.types import Side, Tif
from arbkit.sim.limits import Window
from arbkit.sim.matching import Stp
from arbkit.sim.venue import OrderReport, Refused, SimExchange, SimOrder

from .dialect_wire import ID, Problem, decimal, ms, order_row, refusal

__all__ = ["Orders"]

_TWO_S: Final = 2_000_000_000
_TIF: Final = {"limit": Tif.GTC, "post_only": Tif.GTC, "ioc": Tif.IOC, "fok": Tif.FOK, "market": Tif.IOC}
_STP: Final[dict[str, Stp]] = {"cancel_maker": "maker", "cancel_taker": "taker", "cancel_both": "both"}
_CODE: Final = 1_000_000_000
_BATCH: Final = 20


class Orders:
    """Place and cancel orders, single or in batches (Order Book Trading > Trade)."""

    def __init__(self, exchange: SimExchange) -> None:
        self._exchange = exchange
        self.codes = {symbol: _CODE + 1_000 * i + 7 for i, symbol in enumerate(exchange.pairs)}
        """``instIdCode`` by instrument: an arbitrary integer."""
        self._symbols = {code: symbol for symbol, code in self.codes.items()}
        self.tags: dict[int, str] = {}
        """Order id -> the tag given by its owner."""
        # "Rate limit": per user and instrument, REST and WebSocket together; batches have a limit of their own
        self._limits = {
            "order": Window(60, _TWO_S),
            "batch-orders": Window(300, _TWO_S),
            "cancel-order": Window(60, _TWO_S),
            "batch-cancel-orders": Window(300, _TWO_S),
        }

    def run(
        self, op: str, owner: str, items: Sequence[dict[str, Any]], now_ns: int, *, coded: bool, expire_ns: int = 0
    ) -> tuple[str, list[dict[str, Any]]]:
        """Do ``order``, ``batch-orders``, ``cancel-order`` or ``batch-cancel-orders``.

        Returns the reply's code (0 = all, 1 = none, 2 = some succeeded) and one row per item. ``coded``: instruments
        are given by ``instIdCode`` (WebSocket), else by ``instId`` (REST). Raises ``Problem`` if no item was processed.
        """
        if "trade" not in self._exchange.accounts[owner].settings.get("perm", "read_only,trade").split(","):
            raise Problem("50120", "This API key doesn't have permission to use this function.", 401)
        if len(items) > _BATCH:
            raise Problem("50025", f"Parameter args count exceeds the limit {_BATCH}.", 400)
        if expire_ns and now_ns > expire_ns:
            raise Problem("50036", "The expTime can't be earlier than the current system time.")
        # a batch of one counts as a single call
        limit = self._limits[op.removeprefix("batch-").removesuffix("s") if len(items) == 1 else op]
        place = op in ("order", "batch-orders")
        for item in items:
            given = item.get("instIdCode" if coded else "instId")
            name = self._symbols.get(given) if coded and isinstance(given, int) else given
            if not limit.add(f"{owner}:{name}", 1, now_ns):
                raise Problem("50011", "Too Many Requests", 429)
        rows = [self._one(place, owner, item, now_ns, coded, expire_ns) for item in items]
        failed = sum(row["sCode"] != "0" for row in rows)
        return "0" if not failed else "1" if failed == len(rows) else "2", rows

    def row(self, order: SimOrder) -> dict[str, Any]:
        """The present state of an order."""
        pair = self._exchange.pairs[order.symbol]
        tag = self.tags.get(order.id, "")
        return order_row(pair, order, tag, order.status, order.cum, order.cum_quote, order.fills, order.updated_ns)

    def reported(self, report: OrderReport) -> dict[str, Any]:
        """The state of an order at ``report``."""
        order, cum, fills = report.order, 0, []
        for fill in order.fills:
            if cum == report.cum:
                break
            cum += fill.qty
            fills.append(fill)
        pair, tag = self._exchange.pairs[order.symbol], self.tags.get(order.id, "")
        return order_row(pair, order, tag, report.status, report.cum, report.cum_quote, fills, report.ns)

    def _one(
        self, place: bool, owner: str, item: dict[str, Any], now_ns: int, coded: bool, expire_ns: int
    ) -> dict[str, Any]:
        row = {
            "clOrdId": _echo(item, "clOrdId"),
            "ordId": "" if place else _echo(item, "ordId"),
            "ts": ms(now_ns),
            "sCode": "0",
            "sMsg": "",
        }
        if place:
            row |= {"tag": _echo(item, "tag"), "subCode": ""}
        try:
            symbol = self._symbol(item, coded)
            if place:
                order = self._place(owner, symbol, item, now_ns, expire_ns)
            else:
                order = self._cancel(owner, symbol, item, now_ns)
        except Refused as refused:
            return row | _failed(refusal(refused), place)
        except Problem as problem:
            return row | _failed(problem, place)
        return row | {"ordId": str(order.id), "clOrdId": order.cl_ord_id}

    def _symbol(self, item: dict[str, Any], coded: bool) -> str:
        """Since 2026-02-03 WebSocket order entry accepts only ``instIdCode``; REST uses ``instId``."""
        name = "instIdCode" if coded else "instId"
        given = item.get(name)
        if given is None or given == "":
            raise Problem("50014", f"Parameter {name} can not be empty.")
        symbol: str | None = None
        if coded and isinstance(given, int):
            symbol = self._symbols.get(given)
        elif not coded and isinstance(given, str) and given in self.codes:
            symbol = given
        if symbol is None:
            raise refusal(Refused("symbol"))
        return symbol

    def _place(self, owner: str, symbol: str, item: dict[str, Any], now_ns: int, expire_ns: int) -> SimOrder:
        mode, side, kind = (_word(item, name) for name in ("tdMode", "side", "ordType"))
        if mode != "cash":
            raise Problem("51010", "This operation is not supported in the current account mode.")
        if side not in ("buy", "sell"):
            raise Problem("51000", "Parameter side error")
        if kind not in _TIF:
            raise Problem("51000", "Parameter ordType error")
        cl_ord_id, tag = _echo(item, "clOrdId"), _echo(item, "tag")
        if cl_ord_id and not ID.match(cl_ord_id):
            raise Problem("51000", "Parameter clOrdId error")
        if tag and not (ID.match(tag) and len(tag) <= 16):
            raise Problem("51000", "Parameter tag error")
        stp = item.get("stpMode") or "cancel_maker"
        if stp not in _STP:
            raise Problem("51000", "Parameter stpMode error")
        order: dict[str, Any] = {"qty": decimal(item, "sz")}
        if kind == "market":
            # "tgtCcy": the unit of sz; by default the quote currency for a buy and the base currency for a sell
            target = item.get("tgtCcy") or ("quote_ccy" if side == "buy" else "base_ccy")
            if target not in ("base_ccy", "quote_ccy"):
                raise Problem("51000", "Parameter tgtCcy error")
            if target == "quote_ccy":
                order = {"quote_qty": order["qty"]}
        else:
            order["px"] = decimal(item, "px")
        try:
            placed = self._exchange.place(
                owner,
                symbol,
                Side(side),
                now_ns=now_ns,
                kind="market" if kind == "market" else "limit",
                tif=_TIF[kind],
                post_only=kind == "post_only",
                cl_ord_id=cl_ord_id,
                stp=_STP[stp],
                expire_ns=expire_ns,
                **order,
            )
        except Refused as refused:
            if refused.rule == "max_qty" and kind == "market":
                raise Problem("51202", "The order amount exceeds the limit of the market order size.") from None
            raise
        if tag:
            self.tags[placed.id] = tag
        return placed

    def find(self, owner: str, symbol: str, item: dict[str, Any]) -> SimOrder | None:
        """By ``ordId`` or ``clOrdId``; ``ordId`` if both are given. For a reused client id: the newest order."""
        order_id, cl_ord_id = _echo(item, "ordId"), _echo(item, "clOrdId")
        if not order_id and not cl_ord_id:
            raise Problem("51003", "Either client order ID or order ID is required.", 400)
        if order_id:
            if not (order_id.isascii() and order_id.isdigit()):
                raise Problem("51000", "Parameter ordId error", 400)
            return self._exchange.find(owner, order_id=int(order_id), symbol=symbol) if int(order_id) else None
        return self._exchange.find(owner, cl_ord_id=cl_ord_id, symbol=symbol)

    def _cancel(self, owner: str, symbol: str, item: dict[str, Any], now_ns: int) -> SimOrder:
        order = self.find(owner, symbol, item)
        if order is None or order.status.terminal:
            raise Refused("unknown_order")
        return self._exchange.cancel(owner, symbol, now_ns=now_ns, order_id=order.id)


def _failed(problem: Problem, place: bool) -> dict[str, str]:
    row = {"sCode": problem.code, "sMsg": problem.msg}
    return row | {"subCode": problem.sub} if place else row


def _word(item: dict[str, Any], name: str) -> str:
    value = item.get(name)
    if not isinstance(value, str) or not value:
        raise Problem("50014", f"Parameter {name} can not be empty.")
    return value


def _echo(item: dict[str, Any], name: str) -> str:
    value = item.get(name, "")
    return value if isinstance(value, str) else str(value)
