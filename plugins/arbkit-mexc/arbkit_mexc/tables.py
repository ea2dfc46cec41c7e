"""MEXC's rows as events, its signatures, its rate limits, and its REST calls. https://www.mexc.com/api-docs/spot-v3"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

import arbkit.venue as kit
from arbkit_mexc import rows
from arbkit_mexc.verdicts import VERDICTS

WINDOW_MS = 5_000
"""``recvWindow`` of requests without a deadline; MEXC refuses one that arrives later after its ``timestamp``."""
LIMITS = (
    kit.RateLimit("ip", 300, 10 * kit.S),
    kit.RateLimit("account", 500, 10 * kit.S),
    kit.RateLimit("place", 12, kit.S),
    kit.RateLimit("requests", 20, kit.S),
    kit.RateLimit("connections", 3, kit.S),  # assumed: MEXC states no limit
)
"""The lower of the documented values; support adds 12 orders and 20 requests in a second."""
PAUSES = kit.Pauses(
    window_ns=10 * kit.S,
    bucket="*",
    statuses={418: ("*", 120 * kit.S)},
    pages={403: ("*", 120 * kit.S)},
)
"""429 = limit, 418 = ban of the address (2 minutes to 3 days). A page with 403 is the firewall's; as an answer of MEXC
itself it refuses the key."""
STREAM = "/api/v3/userDataStream"
_PAGE = 100
_DIGITS = range(19)
_FILLS_NS = 30 * kit.DAY
_ROW = dict[str, Any]
_TYPES = {kit.Tif.GTC: "LIMIT", kit.Tif.IOC: "IMMEDIATE_OR_CANCEL", kit.Tif.FOK: "FILL_OR_KILL"}
_AT_ONCE = ("3", "4")
"""``orderType`` of IOC and FOK on the stream."""

ORDER = kit.OrderFields(
    order_id="orderId",
    cl_ord_id="clientOrderId",
    statuses=kit.statuses(
        new="NEW", partially_filled="PARTIALLY_FILLED", filled="FILLED", canceled="CANCELED PARTIALLY_CANCELED"
    ),
    qty="origQty",
    cum_qty="executedQty",
    exch_ms="updateTime",
)
_PUSHED = kit.OrderFields(
    order_id="id",
    cl_ord_id="clientId",
    statuses=kit.statuses(new="1", filled="2", partially_filled="3", canceled="4 5"),
    qty="quantity",
    cum_qty="cumulativeQuantity",
    exch_ms="sendTime",
)
_LISTED_FILL = ORDER.fill(
    trade_id="id",
    qty="qty",
    fee="commission",
    fee_asset="commissionAsset",
    maker=("isMaker", True),
    exch_ms="time",
)
PUSHED_FILL = replace(_LISTED_FILL, trade_id="tradeId", qty="quantity", fee="feeAmount", fee_asset="feeCurrency")
_HELD = kit.BalanceFields(asset="asset", free="free", locked="locked")
PUSHED_BALANCE = kit.BalanceFields(asset="vcoinName", free="balanceAmount", locked="frozenAmount", exch_ms="time")
"""``balanceAmount`` is what is free."""
_PAIR = kit.InstrumentFields(
    base="baseAsset",
    quote="quoteAsset",
    tick="tick",
    lot="lot",
    min_qty="baseSizePrecision",
    min_notional="quoteAmountPrecision",
    max_notional="maxQuoteAmount",
    trading=("1",),
)
"""The smallest size and value stand in fields whose names say precision."""


# --- rows as events ---


def _ended(state: kit.OrderUpdate, kind: str) -> kit.OrderUpdate:
    """An IOC or FOK that ended with a rest has expired. Over REST no page says what ``type`` such an order shows."""
    if state.ord_status is kit.OrdStatus.CANCELED and kind in _AT_ONCE:
        reason = None if state.cum_qty else kit.RejectReason.NO_MATCH
        return replace(state, ord_status=kit.OrdStatus.EXPIRED, reason=reason)
    return state


def order(context: kit.Context, row: kit.Row, source: str, now_ns: int) -> kit.OrderUpdate:
    """A row of a query or a listing. ``KeyError`` if it is no order: answers have no envelope."""
    if not kit.text(row, "symbol") or not kit.text(row, "orderId"):
        raise KeyError("orderId")
    return ORDER.read(context, row, source, now_ns)


def pushed_order(context: kit.Context, row: kit.Row, now_ns: int) -> kit.OrderUpdate:
    """A push that does not say how much is filled proves nothing about it: proto3 leaves out empty texts only."""
    return _ended(_PUSHED.read(context, row, "stream", now_ns), kit.text(row, "orderType"))


def _fill(context: kit.Context, row: kit.Row, source: str, now_ns: int) -> kit.OrderUpdate:
    """A row of ``myTrades``; its side is a flag."""
    side = kit.Side.BUY if row.get("isBuyer") is True else kit.Side.SELL
    return replace(_LISTED_FILL.read(context, row, source, now_ns), side=side)


def _listed_fills(got: kit.Got) -> list[kit.OrderUpdate]:
    """Pages overlap, so each fill counts once."""
    seen = {one.trade_id for one in got.before if isinstance(one, kit.OrderUpdate)}
    return [one for one in kit.each(_fill)(got) if one.trade_id not in seen]


def _step(row: kit.Row, name: str) -> str:
    """The step of a number of decimals; "" for an absurd number, and the pair is not tradable then."""
    digits = kit.number(kit.text(row, name) or "-1")
    return f"{Decimal(1).scaleb(-int(digits)):f}" if digits in _DIGITS else ""


def _instruments(got: kit.Got) -> list[kit.InstrumentUpdate]:
    """A pair that may be only bought or sold, or only on the web, is listed and not tradable. A row whose rules cannot
    be read is left out: the others count."""
    updates = []
    for row in got.rows.symbols:
        try:
            if not (kit.text(row, "symbol") and kit.text(row, "baseAsset") and kit.text(row, "quoteAsset")):
                continue
            steps = {"tick": _step(row, "quotePrecision"), "lot": _step(row, "baseAssetPrecision")}
            one = _PAIR.read("mexc", {**row, **steps})
            web_only = row.get("isSpotTradingAllowed") is not True or "SPOT" not in (row.get("permissions") or ["SPOT"])
            one_way = kit.text(row, "tradeSideType") != "1"
        except (ValueError, TypeError):
            continue
        if web_only or one_way:
            one = replace(one, tradable=False, status=f"{one.status} ({'not by API' if web_only else 'one side only'})")
        updates.append(kit.InstrumentUpdate(one))
    return updates


_fees = kit.fees("data.makerCommission", "data.takerCommission")


def _balances(got: kit.Got) -> list[kit.Balance]:
    if not isinstance(got.rows.get("balances"), list):
        raise KeyError("balances")
    return [_HELD.read(got.context, row, True, got.now_ns) for row in got.rows["balances"]]


def _account(got: kit.Got) -> list[kit.AccountStatus]:
    """What the account may do. No page tells what the key may do."""
    may = got.rows["canTrade"] is not False
    problem = "" if may else "the account may not trade (canTrade is false): ask MEXC what blocks it"
    return [kit.AccountStatus(got.context.account, problem)]


_assets = kit.assets("coin", "networkList", "depositEnable", "withdrawEnable", "contract")


# --- signatures ---


def sign(context: kit.Context, request: kit.RestRequest, now_ns: int, *, url: str) -> kit.HttpRequest:
    """All parameters stand in the query, in the signed order, the signature last; the body is empty. ``recvWindow``
    ends with the order's own deadline. A listen key is made by POST, and renewed by PUT with the key."""
    params = [(name, value.reveal() if isinstance(value, kit.Secret) else value) for name, value in request.params]
    if not request.signed:
        return kit.HttpRequest(request.method, f"{url}{request.path}" + (f"?{kit.query(params)}" if params else ""))
    signer = context.signer
    left_ms = (request.deadline_ns - now_ns) // kit.MS if request.deadline_ns else WINDOW_MS
    params.append(("timestamp", str(signer.venue_ns(now_ns) // kit.MS)))
    params.append(("recvWindow", str(max(1, min(left_ms, WINDOW_MS)))))
    signed = kit.query(params)
    target = f"{url}{request.path}?{signed}&signature={kit.hmac_hex(signer, signed)}"
    method = "PUT" if request.path == STREAM and request.params else request.method
    headers = [("X-MEXC-APIKEY", signer.key)]
    if method != "GET":
        headers.append(("Content-Type", "application/json"))
    return kit.HttpRequest(method, kit.Secret(target), headers)


def unwrap(answer: kit.HttpAnswer) -> kit.RestReply | None:
    """Most answers have no envelope: the body is the data, or an error. An error without a code proves nothing."""
    error = kit.read_json(rows.ERROR, answer.body)
    if error is not None and error.code not in VERDICTS.ok:
        return kit.RestReply(error.code, error.msg or "", b"")
    return kit.RestReply(0, "", answer.body) if answer.status == 200 else None


# --- the calls ---


def _symbol(context: kit.Context, what: Any) -> list[tuple[str, str]]:
    return [("symbol", context.native(what.instrument))] if what.instrument else []


def _new(context: kit.Context, what: kit.NewOrder) -> kit.Params:
    return [
        *_symbol(context, what),
        ("side", what.side.value.upper()),
        ("type", "LIMIT_MAKER" if what.post_only else _TYPES[what.tif]),
        ("quantity", kit.plain(what.qty)),
        ("price", kit.plain(what.px)),
        ("newClientOrderId", what.cl_ord_id),
    ]


def _which(context: kit.Context, what: kit.CancelOrder | kit.QueryOrder) -> kit.Params:
    own = ("orderId", what.order_id) if what.order_id else ("origClientOrderId", what.cl_ord_id)
    return [*_symbol(context, what), own]


def _fills(context: kit.Context, what: kit.ListFills) -> kit.Params:
    own = [("orderId", what.order_id)] if what.order_id else []
    since = [("startTime", str(what.since_ns // kit.MS))] if what.since_ns else []
    return [*_symbol(context, what), *own, *since, ("limit", str(_PAGE))]


def _before(page: Sequence[kit.Row]) -> str:
    """The page before: up to the oldest row of this one, and once more its millisecond, in which others may be."""
    return str(min(int(kit.text(row, "time")) for row in page) + 1) if len(page) >= _PAGE else ""


def _one_symbol(context: kit.Context, what: kit.CancelAll) -> kit.Params:
    if not what.instrument:
        raise kit.LocalProtocolError("MEXC cancels all orders of one symbol only")
    return _symbol(context, what)


def _accepted(got: kit.Got) -> list[kit.OrderUpdate]:
    """Accepted, not final: a new order's answer has no state, and that of a cancel may still say NEW."""
    if not kit.text(got.rows, "orderId"):
        raise KeyError("orderId")
    return got.acknowledged(kit.text(got.rows, "orderId"), kit.ms_ns(kit.text(got.rows, "transactTime")))


def _queried(got: kit.Got) -> list[kit.OrderUpdate]:
    """The names by which it was asked for: the catalogue may lack the symbol."""
    state = order(got.context, got.rows, "poll", got.now_ns)
    what = got.what
    named = {"instrument": what.instrument or state.instrument, "cl_ord_id": what.cl_ord_id or state.cl_ord_id}
    return [replace(state, **named)]


def _all_cancelled(got: kit.Got) -> list[kit.OrderUpdate]:
    """The rows say NEW or CANCELED; which of them ended is told by the stream."""
    return []


def _weight(ip: int, account: int = 0) -> list[tuple[str, int, str]]:
    return [("ip", ip, ""), *([("account", account, "account")] if account else [])]


def calls(depth: int, traded: Callable[[], Sequence[kit.Instrument]]) -> kit.CallTable:
    """``depth``: levels a side of a snapshot. ``traded``: what is traded here. Open orders are listed for one symbol
    each, so they are asked for where something is locked."""

    def locked(got: kit.Got) -> list[kit.Ask]:
        """An open order locks its base or its quote."""
        held = {one.asset for one in _balances(got) if one.locked}
        return [kit.Ask(kind=kit.AskKind.PAGE, instrument=one.id) for one in traded() if held & {one.base, one.quote}]

    return kit.CallTable(
        "mexc",
        {
            kit.AskKind.CATALOGUE: kit.Call(
                "/api/v3/exchangeInfo", _instruments, _weight(25), signed=False, rows=rows.Info
            ),
            kit.AskKind.SNAPSHOT: kit.Call(
                "/api/v3/depth",
                kit.by_socket,
                _weight(3),
                signed=False,
                params=lambda context, what: [*_symbol(context, what), ("limit", str(depth))],
            ),
            kit.AskKind.TIME: kit.Call(
                "/api/v3/time", kit.clock("serverTime", kit.MS), _weight(1), signed=False, rows=_ROW
            ),
            kit.AskKind.TOKEN: kit.Call(
                STREAM,
                kit.by_socket,
                _weight(1, 1),
                method="POST",
                params=lambda context, what: [("listenKey", what.ref)] if what.ref else [],
            ),
            kit.AskKind.ACCOUNT: kit.Call("/api/v3/account", _account, _weight(10, 10), rows=_ROW),
            kit.AskKind.BALANCES: kit.Call("/api/v3/account", _balances, _weight(10, 10), rows=_ROW),
            kit.AskKind.FEES: kit.Call("/api/v3/tradeFee", _fees, _weight(20, 20), rows=_ROW, params=_symbol),
            kit.AskKind.ASSETS: kit.Call("/api/v3/capital/config/getall", _assets, _weight(10)),
            kit.NewOrder: kit.Call(
                "/api/v3/order",
                _accepted,
                [*_weight(1, 1), ("place", 1, "account")],
                method="POST",
                rows=_ROW,
                params=_new,
            ),
            kit.CancelOrder: kit.Call(
                "/api/v3/order", _accepted, _weight(1, 1), method="DELETE", rows=_ROW, params=_which
            ),
            kit.CancelAll: kit.Call(
                "/api/v3/openOrders", _all_cancelled, _weight(1, 1), method="DELETE", params=_one_symbol
            ),
            kit.QueryOrder: kit.Call("/api/v3/order", _queried, _weight(2, 2), rows=_ROW, params=_which),
            kit.ListOpenOrders: kit.Call(
                "/api/v3/openOrders",
                kit.each(order),
                _weight(3, 3),
                params=_symbol,
                among=kit.Call("/api/v3/account", locked, rows=_ROW),
            ),
            kit.ListFills: kit.Call(
                "/api/v3/myTrades",
                _listed_fills,
                _weight(10, 10),
                params=_fills,
                pages=kit.Pages("endTime", _before),
                memory_ns=_FILLS_NS,
            ),
        },
        verdicts=VERDICTS,
        pauses=PAUSES,
        every={kit.Role.REST: [("requests", 1)]},
    )
