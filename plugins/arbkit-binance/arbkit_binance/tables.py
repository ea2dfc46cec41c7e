"""Binance's rows as events, its signatures, its rate limits, and its REST calls.

https://developers.binance.com/docs/binance-spot-api-docs/rest-api
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from msgspec.structs import replace

from arbkit.venue import (
    MS,
    AccountStatus,
    AskKind,
    AssetStatus,
    BalanceFields,
    Call,
    CallTable,
    CancelAll,
    CancelOrder,
    Context,
    FeeUpdate,
    FillFields,
    Got,
    HttpAnswer,
    HttpRequest,
    Instrument,
    InstrumentFields,
    InstrumentUpdate,
    ListFills,
    ListOpenOrders,
    LocalProtocolError,
    NewOrder,
    OrderFields,
    OrderUpdate,
    OrdStatus,
    Output,
    Pages,
    Params,
    Pauses,
    QueryOrder,
    RateLimit,
    RateReport,
    RejectReason,
    RestReply,
    RestRequest,
    Row,
    S,
    Secret,
    Side,
    Tif,
    amount,
    each,
    ed25519_base64,
    filled,
    hmac_hex,
    inner,
    number,
    plain,
    query,
    read_json,
    text,
    time_sample,
)
from arbkit_binance import rows

LIMITS = (
    RateLimit("weight", 6000, 60 * S),
    RateLimit("orders_10s", 50, 10 * S),
    RateLimit("orders_1d", 160_000, 86_400 * S),
    RateLimit("connections", 300, 300 * S),
)
"""The smallest of the documented values; ``exchangeInfo`` and each answer report the real ones."""
PAUSES = Pauses(
    window_ns=10 * S,
    statuses={429: ("*", 60 * S), 418: ("*", 120 * S), 403: ("*", 120 * S)},
)
"""429 = limit, 418 = ban of the address (2 minutes to 3 days), 403 = firewall, which gives no time."""
_HEADERS = {
    "x-mbx-used-weight-1m": "weight",
    "x-mbx-order-count-10s": "orders_10s",
    "x-mbx-order-count-1d": "orders_1d",
}
_COUNTED = {
    ("REQUEST_WEIGHT", "MINUTE", 1): "weight",
    ("ORDERS", "SECOND", 10): "orders_10s",
    ("ORDERS", "DAY", 1): "orders_1d",
}
_PAGE = 1000
_ROW = dict[str, Any]
_TIFS = {Tif.GTC: "GTC", Tif.IOC: "IOC", Tif.FOK: "FOK"}

_LISTED = OrderFields(
    native="symbol",
    order_id="orderId",
    cl_ord_id="clientOrderId",
    status="status",
    statuses={
        "NEW": OrdStatus.NEW,
        "PENDING_NEW": OrdStatus.NEW,
        "PARTIALLY_FILLED": OrdStatus.PARTIALLY_FILLED,
        "FILLED": OrdStatus.FILLED,
        "CANCELED": OrdStatus.CANCELED,
        "REJECTED": OrdStatus.REJECTED,
        "EXPIRED": OrdStatus.EXPIRED,
        "EXPIRED_IN_MATCH": OrdStatus.EXPIRED,
    },
    side="side",
    px="price",
    qty="origQty",
    cum_qty="executedQty",
    exch_ms="updateTime",
)
_PLACED = replace(_LISTED, exch_ms="transactTime")
_CANCELED = replace(_PLACED, cl_ord_id="origClientOrderId")
_PUSHED = OrderFields(
    native="s",
    order_id="i",
    cl_ord_id="c",
    status="X",
    statuses=_LISTED.statuses,
    side="S",
    px="p",
    qty="q",
    cum_qty="z",
    exch_ms="T",
)
_PUSHED_CANCEL = replace(_PUSHED, cl_ord_id="C")
"""``c`` is the id of the cancel, ``C`` that of the order."""
_PUSHED_FILL = FillFields(
    native="s",
    order_id="i",
    trade_id="t",
    px="L",
    qty="l",
    fee="n",
    fee_asset="N",
    maker=("m", True),
    exch_ms="T",
)
_LISTED_FILL = FillFields(
    native="symbol",
    order_id="orderId",
    trade_id="id",
    px="price",
    qty="qty",
    fee="commission",
    fee_asset="commissionAsset",
    maker=("isMaker", True),
    exch_ms="time",
)
_ANSWERED_FILL = replace(_LISTED_FILL, trade_id="tradeId")
_HELD = BalanceFields(asset="asset", free="free", locked="locked")
_TOUCHED = BalanceFields(asset="a", free="f", locked="l")
_PAIR = InstrumentFields(
    native="symbol",
    base="baseAsset",
    quote="quoteAsset",
    tick="tickSize",
    lot="stepSize",
    min_qty="minQty",
    max_qty="maxQty",
    min_notional="minNotional",
    max_notional="maxNotional",
    status="status",
    trading=("TRADING",),
)


# --- rows as events ---


def order(context: Context, row: Row, source: str, now_ns: int) -> OrderUpdate:
    """An order in the answer to a query, a listing, a new order or a cancel; without fills. ``KeyError`` if the row is
    no order."""
    _must_have(row, "symbol", "orderId")
    fields = _CANCELED if text(row, "origClientOrderId") else _PLACED if "transactTime" in row else _LISTED
    words = (text(row, "status"), text(row, "expiryReason"))
    return replace(fields.read(context, row, source, now_ns), text=" ".join(word for word in words if word))


def _must_have(row: Row, *names: str) -> None:
    """There is no envelope, so a body of another kind shows by what it lacks. Raises ``KeyError``."""
    for name in names:
        if not text(row, name):
            raise KeyError(name)


def report(context: Context, row: Row, source: str, now_ns: int, what: Any) -> list[OrderUpdate]:
    """The answer to an order's command: one update per fill, then the order's state. They carry the names by which it
    was asked for, because the catalogue may lack the symbol."""
    state = order(context, row, source, now_ns)
    state = replace(state, instrument=what.instrument or state.instrument, cl_ord_id=what.cl_ord_id or state.cl_ord_id)
    updates = []
    cum = Decimal(0)
    for found in inner(row, "fills"):
        fill = _ANSWERED_FILL.read(context, found, source, now_ns)
        cum += fill.last_qty
        part = replace(state, ord_status=OrdStatus.PARTIALLY_FILLED, cum_qty=cum, text="")
        updates.append(filled(part, fill))
    return [*updates, state]


def execution(context: Context, row: Row, now_ns: int) -> OrderUpdate:
    """``executionReport``. A fill only for execution type TRADE: ``TRADE_PREVENTION`` reports a size that was not
    traded."""
    _must_have(row, "s", "i")
    fields = _PUSHED_CANCEL if text(row, "C") else _PUSHED
    refusal = text(row, "r").replace("NONE", "")
    state = fields.read(context, row, "stream", now_ns)
    words = (text(row, "X"), refusal, text(row, "eR"))
    reason = _reason(refusal) if state.ord_status is OrdStatus.REJECTED else None
    state = replace(state, text=" ".join(word for word in words if word), reason=reason)
    if text(row, "x") != "TRADE" or not amount(row, "l") or not amount(row, "L"):
        return state
    return filled(state, _PUSHED_FILL.read(context, row, "stream", now_ns))


def _fill(context: Context, row: Row, source: str, now_ns: int) -> OrderUpdate:
    """A row of ``myTrades``, which has no client order id; its side is a flag."""
    _must_have(row, "symbol", "orderId", "id")
    side = Side.BUY if row.get("isBuyer") is True else Side.SELL
    return replace(_LISTED_FILL.read(context, row, source, now_ns), side=side)


def _reason(refusal: str) -> RejectReason:
    if "INSUFFICIENT" in refusal:
        return RejectReason.INSUFFICIENT_FUNDS
    if refusal == "GTX_ORDER_REJECT" or "WOULD_MATCH" in refusal:
        return RejectReason.POST_ONLY
    return RejectReason.OTHER


def position(context: Context, row: Row, now_ns: int) -> Sequence[Output]:
    """``outboundAccountPosition``: absolute balances of the changed assets only."""
    exch_ns = int(text(row, "u") or 0) * MS
    return [_TOUCHED.read(context, one, False, now_ns, exch_ns) for one in inner(row, "B")]


def _balances(got: Got) -> Sequence[Output]:
    exch_ns = int(text(got.rows, "updateTime") or 0) * MS
    return [_HELD.read(got.context, row, True, got.now_ns, exch_ns) for row in inner(got.rows, "balances")]


def instrument(row: Row) -> Instrument:
    """A symbol. Each filter may be missing; 0 means that its rule is disabled. Of the permission sets one of each must
    be ours: a symbol without SPOT (a tokenised stock) is not tradable."""
    rules = {text(rule, "filterType"): rule for rule in inner(row, "filters")}
    notional = rules.get("NOTIONAL") or rules.get("MIN_NOTIONAL", {})
    found = _PAIR.read("binance", {**row, **rules.get("PRICE_FILTER", {}), **rules.get("LOT_SIZE", {}), **notional})
    sets = msgspec.convert(row.get("permissionSets") or [], list[list[str]])
    spot = row.get("isSpotTradingAllowed", True) and all("SPOT" in one for one in sets)
    return found if spot else replace(found, tradable=False)


def _catalogue(got: Got) -> Sequence[Output]:
    spot = [row for row in got.rows.symbols if not text(row, "contractType")]  # recordings of futures have it
    updates = [InstrumentUpdate(instrument(row)) for row in spot]
    return [*updates, *counted(got.context, got.rows.rate_limits, got.now_ns)]


def _fees(got: Got) -> Sequence[Output]:
    """Standard, special and tax parts, each with the higher of the buyer's and the seller's addition. The BNB discount
    is ignored, so that the rates are not too low."""
    maker = taker = Decimal(0)
    _must_have(got.rows, "standardCommission.maker", "standardCommission.taker")
    for name in ("standardCommission", "specialCommission", "taxCommission"):
        parts = {one: number(text(got.rows, f"{name}.{one}")) for one in ("maker", "taker", "buyer", "seller")}
        side = max(parts["buyer"], parts["seller"])
        maker += parts["maker"] + side
        taker += parts["taker"] + side
    return [FeeUpdate(got.context.account, got.what.instrument, maker, taker)]


def _assets(got: Got) -> Sequence[Output]:
    return [
        AssetStatus("binance", text(row, "coin"), row.get("depositAllEnable"), row.get("withdrawAllEnable"))
        for row in got.rows
    ]


def _account(got: Got) -> Sequence[Output]:
    """What the account may do (``GET /api/v3/account``). Its permissions are SPOT, or trading groups."""
    row, problems = got.rows, []
    _must_have(row, "accountType")
    permissions = msgspec.convert(row.get("permissions") or [], list[str])
    kind = text(row, "accountType")
    if row.get("canTrade") is False:
        problems.append("the account may not trade (canTrade is false): ask Binance what blocks it")
    if kind != "SPOT":
        problems.append(f"accountType {kind} is not supported: use the key of a spot account")
    if permissions and not any(one == "SPOT" or one.startswith("TRD_GRP_") for one in permissions):
        problems.append(f"the account may not trade spot (permissions {', '.join(permissions)}): use another account")
    return [AccountStatus(got.context.account, "; ".join(problems))]


def _key(got: Got) -> Sequence[Output]:
    """What the key may do (``GET /sapi/v1/account/apiRestrictions``)."""
    row, problem, warnings = got.rows, "", []
    until_ns = int(text(row, "tradingAuthorityExpirationTime") or 0) * MS
    if row.get("enableSpotAndMarginTrading") is False:
        problem = "the key has no trade permission: enable spot and margin trading in the API management"
    elif until_ns and until_ns <= got.now_ns:
        problem = "the key's trade permission has expired: enable spot and margin trading in the API management again"
    elif until_ns:
        days = (until_ns - got.now_ns) // (86_400 * S)
        warnings.append(
            f"the key's trade permission expires in {days} days: restrict the key to addresses, or renew it"
        )
    if row.get("ipRestrict") is False:
        warnings.append("the key has no address list: anybody who has it can use it from anywhere")
    return [AccountStatus(got.context.account, problem, warnings)]


# --- rate limits ---


def counted(context: Context, said: Iterable[rows.Limit], now_ns: int) -> list[RateReport]:
    """The reports in ``rateLimits`` (of ``exchangeInfo`` and of each answer over the WebSocket API)."""
    reports = []
    for one in said:
        name = _COUNTED.get((one.rate_limit_type, one.interval, one.interval_num))
        if name is not None:
            bucket = _bucket(context, name)
            reports.append(RateReport(venue="binance", bucket=bucket, used=one.count, limit=one.limit, recv_ns=now_ns))
    return reports


def usage(context: Context, buckets: Sequence[str], answer: HttpAnswer, now_ns: int) -> list[RateReport]:
    """Used weight and order counts in the headers of an answer."""
    reports = []
    for header, name in _HEADERS.items():
        used = answer.headers.get(header, "")
        if used.isascii() and used.isdecimal():
            bucket = _bucket(context, name)
            reports.append(RateReport(venue="binance", bucket=bucket, used=int(used), recv_ns=now_ns))
    return reports


def _bucket(context: Context, name: str) -> str:
    return name if name == "weight" or not context.account else f"{name}:{context.account}"


# --- signatures ---


SIGNATURES = {"hmac": hmac_hex, "ed25519": ed25519_base64}
"""The signature of the text exactly as sent, by the type of the key."""


def sign(
    context: Context, request: RestRequest, now_ns: int, *, url: str, key_type: str, window_ms: int
) -> HttpRequest:
    """All parameters in the query, in the signed order, the signature last. ``recvWindow`` ends with the order's own
    deadline."""
    if not request.signed:
        params = f"?{query(request.params)}" if request.params else ""
        return HttpRequest(request.method, f"{url}{request.path}{params}")
    signer = context.signer
    stamp = ("timestamp", str(signer.venue_ns(now_ns) // MS))
    left_ms = (request.deadline_ns - now_ns) // MS if request.deadline_ns else window_ms
    limit = ("recvWindow", str(max(1, min(left_ms, window_ms))))
    signed = query([stamp, *request.params, limit])
    proof = query([("signature", SIGNATURES[key_type](signer, signed))])
    headers = (("X-MBX-APIKEY", signer.key),)
    return HttpRequest(request.method, Secret(f"{url}{request.path}?{signed}&{proof}"), headers=headers)


def unwrap(answer: HttpAnswer) -> RestReply | None:
    """There is no envelope: the body is the data, or an error."""
    if answer.status == 200:
        return RestReply(0, "", answer.body)
    error = read_json(rows.ERROR, answer.body)
    return None if error is None else RestReply(error.code, error.msg, b"")


# --- the calls ---


def order_params(what: NewOrder, native: str) -> list[tuple[str, str]]:
    tif = [] if what.post_only else [("timeInForce", _TIFS[what.tif])]
    return [
        ("symbol", native),
        ("side", what.side.value.upper()),
        ("newClientOrderId", what.cl_ord_id),
        ("newOrderRespType", "FULL"),
        ("type", "LIMIT_MAKER" if what.post_only else "LIMIT"),
        ("quantity", plain(what.qty)),
        ("price", plain(what.px)),
        *tif,
    ]


def key_params(what: CancelOrder | QueryOrder, native: str) -> list[tuple[str, str]]:
    """The order's key: the venue's id if it is known (the fastest query), else our own id."""
    own = ("orderId", what.order_id) if what.order_id else ("origClientOrderId", what.cl_ord_id)
    return [("symbol", native), own]


def _symbol(context: Context, what: Any, now_ns: int) -> Params:
    return [("symbol", context.native(what.instrument))] if what.instrument else []


def _key_params(context: Context, what: CancelOrder | QueryOrder, now_ns: int) -> Params:
    return key_params(what, context.native(what.instrument))


def _one_symbol(context: Context, what: CancelAll, now_ns: int) -> Params:
    if not what.instrument:
        raise LocalProtocolError("Binance cancels all orders of one symbol only")
    return _symbol(context, what, now_ns)


def _fill_params(context: Context, what: ListFills, now_ns: int) -> Params:
    """The oldest first: without a start, Binance lists the newest page only."""
    own = [("orderId", what.order_id)] if what.order_id else []
    since = not own and what.since_ns
    start = ("startTime", str(what.since_ns // MS)) if since else ("fromId", "0")
    return [*_symbol(context, what, now_ns), ("limit", str(_PAGE)), *own, start]


def _acknowledged(got: Got) -> list[OrderUpdate]:
    source = "poll" if isinstance(got.what, QueryOrder) else "ack"
    return report(got.context, got.rows, source, got.now_ns, got.what)


def _all_cancelled(got: Got) -> list[OrderUpdate]:
    """Orders, and order lists with their orders inside."""
    found = [one for row in got.rows for one in inner(row, "orderReports") or [row]]
    return [replace(order(got.context, row, "ack", got.now_ns), instrument=got.what.instrument) for row in found]


def _weight(units: int | Callable[[Any], int]) -> Sequence[tuple[str, int | Callable[[Any], int], str]]:
    return [("weight", units, "")]


def snapshot_weight(depth: int) -> int:
    """The weight of ``GET /api/v3/depth``."""
    return 5 if depth <= 100 else 25 if depth <= 500 else 50 if depth <= 1000 else 250


def calls(depth: int, sapi: bool) -> CallTable:
    """``sapi``: the environment has the wallet API too. Since April 2026 an order or cancel has weight 0 if it succeeds
    and 1 if it fails; 1 is counted."""
    key = Call(path="/sapi/v1/account/apiRestrictions", rows=_ROW, read=_key)
    return CallTable(
        "binance",
        {
            AskKind.CATALOGUE: Call(
                path="/api/v3/exchangeInfo", signed=False, rows=rows.Info, read=_catalogue, cost=_weight(20)
            ),
            AskKind.SNAPSHOT: Call(
                path="/api/v3/depth",
                signed=False,
                params=lambda context, what, now_ns: [*_symbol(context, what, now_ns), ("limit", str(depth))],
                read=lambda got: (),  # the public socket reads it
                cost=_weight(snapshot_weight(depth)),
            ),
            AskKind.TIME: Call(
                path="/api/v3/time",
                signed=False,
                rows=dict[str, int],
                read=lambda got: [
                    time_sample("binance", got.rows["serverTime"] * MS, MS, got.answer.sent_ns, got.answer.recv_ns)
                ],
                cost=_weight(1),
            ),
            AskKind.ACCOUNT: Call(
                path="/api/v3/account", rows=_ROW, read=_account, then=key if sapi else None, cost=_weight(20)
            ),
            AskKind.FEES: Call(
                path="/api/v3/account/commission", params=_symbol, rows=_ROW, read=_fees, cost=_weight(20)
            ),
            AskKind.BALANCES: Call(path="/api/v3/account", rows=_ROW, read=_balances, cost=_weight(20)),
            AskKind.ASSETS: Call(path="/sapi/v1/capital/config/getall", read=_assets, cost=_weight(10)),
            NewOrder: Call(
                path="/api/v3/order",
                method="POST",
                params=lambda context, what, now_ns: order_params(what, context.native(what.instrument)),
                rows=_ROW,
                read=_acknowledged,
                cost=[("weight", 1, ""), ("orders_10s", 1, "account"), ("orders_1d", 1, "account")],
            ),
            CancelOrder: Call(
                path="/api/v3/order",
                method="DELETE",
                params=_key_params,
                rows=_ROW,
                read=_acknowledged,
                cost=_weight(1),
            ),
            CancelAll: Call(
                path="/api/v3/openOrders", method="DELETE", params=_one_symbol, read=_all_cancelled, cost=_weight(1)
            ),
            QueryOrder: Call(path="/api/v3/order", params=_key_params, rows=_ROW, read=_acknowledged, cost=_weight(4)),
            ListOpenOrders: Call(
                path="/api/v3/openOrders",
                params=_symbol,
                read=each(order),
                cost=_weight(lambda what: 6 if what.instrument else 80),
            ),
            ListFills: Call(
                path="/api/v3/myTrades",
                params=_fill_params,
                read=each(_fill),
                cost=_weight(lambda what: 5 if isinstance(what, ListFills) and what.order_id else 20),
                pages=Pages(
                    "fromId",
                    lambda page: str(int(text(page[-1], "id")) + 1) if len(page) >= _PAGE else "",
                    instead_of="startTime",
                ),
            ),
        },
    )
