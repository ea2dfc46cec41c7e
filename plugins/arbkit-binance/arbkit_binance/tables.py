"""Binance's rows as events, its signatures, its rate limits, and its REST calls.

https://developers.binance.com/docs/binance-spot-api-docs/rest-api
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from msgspec.structs import replace

import arbkit.venue as kit
from arbkit_binance import rows
from arbkit_binance.verdicts import VERDICTS

LIMITS = (
    kit.RateLimit("weight", 6000, 60 * kit.S),
    kit.RateLimit("orders_10s", 50, 10 * kit.S),
    kit.RateLimit("orders_1d", 160_000, kit.DAY),
    kit.RateLimit("connections", 300, 300 * kit.S),
)
"""The smallest of the documented values; ``exchangeInfo`` and each answer report the real ones."""
PAUSES = kit.Pauses(
    window_ns=10 * kit.S,
    statuses={429: ("*", 60 * kit.S), 418: ("*", 120 * kit.S), 403: ("*", 120 * kit.S)},
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
_TIFS = {kit.Tif.GTC: "GTC", kit.Tif.IOC: "IOC", kit.Tif.FOK: "FOK"}

_LISTED = kit.OrderFields(
    order_id="orderId",
    cl_ord_id="clientOrderId",
    statuses=kit.statuses(
        new="NEW PENDING_NEW",
        partially_filled="PARTIALLY_FILLED",
        filled="FILLED",
        canceled="CANCELED",
        rejected="REJECTED",
        expired="EXPIRED EXPIRED_IN_MATCH",
    ),
    qty="origQty",
    cum_qty="executedQty",
    exch_ms="updateTime",
)
_PLACED = replace(_LISTED, exch_ms="transactTime")
_CANCELED = replace(_PLACED, cl_ord_id="origClientOrderId")
_PUSHED = kit.OrderFields(
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
_PUSHED_FILL = _PUSHED.fill(
    trade_id="t",
    px="L",
    qty="l",
    fee="n",
    fee_asset="N",
    maker=("m", True),
    exch_ms="T",
)
_LISTED_FILL = _LISTED.fill(
    trade_id="id",
    qty="qty",
    fee="commission",
    fee_asset="commissionAsset",
    maker=("isMaker", True),
    exch_ms="time",
)
_ANSWERED_FILL = replace(_LISTED_FILL, trade_id="tradeId")
_HELD = kit.BalanceFields(asset="asset", free="free", locked="locked")
_TOUCHED = kit.BalanceFields(asset="a", free="f", locked="l")
_PAIR = kit.InstrumentFields(
    base="baseAsset",
    quote="quoteAsset",
    tick="tickSize",
    lot="stepSize",
    min_qty="minQty",
    max_qty="maxQty",
    min_notional="minNotional",
    max_notional="maxNotional",
    trading=("TRADING",),
)


# --- rows as events ---


def order(context: kit.Context, row: kit.Row, source: str, now_ns: int) -> kit.OrderUpdate:
    """An order in the answer to a query, a listing, a new order or a cancel; without fills. ``KeyError`` if the row is
    no order."""
    _must_have(row, "symbol", "orderId")
    fields = _CANCELED if kit.text(row, "origClientOrderId") else _PLACED if "transactTime" in row else _LISTED
    words = (kit.text(row, "status"), kit.text(row, "expiryReason"))
    return replace(fields.read(context, row, source, now_ns), text=" ".join(word for word in words if word))


def _must_have(row: kit.Row, *names: str) -> None:
    """There is no envelope, so a body of another kind shows by what it lacks. Raises ``KeyError``."""
    for name in names:
        if not kit.text(row, name):
            raise KeyError(name)


def report(context: kit.Context, row: kit.Row, source: str, now_ns: int, what: Any) -> list[kit.OrderUpdate]:
    """The answer to an order's command: one update per fill, then the order's state. They carry the names by which it
    was asked for, because the catalogue may lack the symbol."""
    state = order(context, row, source, now_ns)
    state = replace(state, instrument=what.instrument or state.instrument, cl_ord_id=what.cl_ord_id or state.cl_ord_id)
    updates = []
    cum = Decimal(0)
    for found in kit.inner(row, "fills"):
        fill = _ANSWERED_FILL.read(context, found, source, now_ns)
        cum += fill.last_qty
        part = replace(state, ord_status=kit.OrdStatus.PARTIALLY_FILLED, cum_qty=cum, text="")
        updates.append(kit.filled(part, fill))
    return [*updates, state]


def execution(context: kit.Context, row: kit.Row, now_ns: int) -> kit.OrderUpdate:
    """``executionReport``. A fill only for execution type TRADE: ``TRADE_PREVENTION`` reports a size that was not
    traded."""
    _must_have(row, "s", "i")
    fields = _PUSHED_CANCEL if kit.text(row, "C") else _PUSHED
    refusal = kit.text(row, "r").replace("NONE", "")
    state = fields.read(context, row, "stream", now_ns)
    words = (kit.text(row, "X"), refusal, kit.text(row, "eR"))
    reason = _reason(refusal) if state.ord_status is kit.OrdStatus.REJECTED else None
    state = replace(state, text=" ".join(word for word in words if word), reason=reason)
    if kit.text(row, "x") != "TRADE" or not kit.amount(row, "l") or not kit.amount(row, "L"):
        return state
    return kit.filled(state, _PUSHED_FILL.read(context, row, "stream", now_ns))


def _fill(context: kit.Context, row: kit.Row, source: str, now_ns: int) -> kit.OrderUpdate:
    """A row of ``myTrades``, which has no client order id; its side is a flag."""
    _must_have(row, "symbol", "orderId", "id")
    side = kit.Side.BUY if row.get("isBuyer") is True else kit.Side.SELL
    return replace(_LISTED_FILL.read(context, row, source, now_ns), side=side)


def _reason(refusal: str) -> kit.RejectReason:
    if "INSUFFICIENT" in refusal:
        return kit.RejectReason.INSUFFICIENT_FUNDS
    if refusal == "GTX_ORDER_REJECT" or "WOULD_MATCH" in refusal:
        return kit.RejectReason.POST_ONLY
    return kit.RejectReason.OTHER


def position(context: kit.Context, row: kit.Row, now_ns: int) -> Sequence[kit.Output]:
    """``outboundAccountPosition``: absolute balances of the changed assets only."""
    exch_ns = int(kit.text(row, "u") or 0) * kit.MS
    return [_TOUCHED.read(context, one, False, now_ns, exch_ns) for one in kit.inner(row, "B")]


def _balances(got: kit.Got) -> Sequence[kit.Output]:
    exch_ns = int(kit.text(got.rows, "updateTime") or 0) * kit.MS
    return [_HELD.read(got.context, row, True, got.now_ns, exch_ns) for row in kit.inner(got.rows, "balances")]


def instrument(row: kit.Row) -> kit.Instrument:
    """A symbol. Each filter may be missing; 0 means that its rule is disabled. Of the permission sets one of each must
    be ours: a symbol without SPOT (a tokenised stock) is not tradable."""
    rules = {kit.text(rule, "filterType"): rule for rule in kit.inner(row, "filters")}
    notional = rules.get("NOTIONAL") or rules.get("MIN_NOTIONAL", {})
    found = _PAIR.read("binance", {**row, **rules.get("PRICE_FILTER", {}), **rules.get("LOT_SIZE", {}), **notional})
    sets = msgspec.convert(row.get("permissionSets") or [], list[list[str]])
    spot = row.get("isSpotTradingAllowed", True) and all("SPOT" in one for one in sets)
    return found if spot else replace(found, tradable=False)


def _catalogue(got: kit.Got) -> Sequence[kit.Output]:
    spot = [row for row in got.rows.symbols if not kit.text(row, "contractType")]  # recordings of futures have it
    updates = [kit.InstrumentUpdate(instrument(row)) for row in spot]
    return [*updates, *counted(got.context, got.rows.rate_limits, got.now_ns)]


def _fees(got: kit.Got) -> Sequence[kit.Output]:
    """Standard, special and tax parts, each with the higher of the buyer's and the seller's addition. The BNB discount
    is ignored, so that the rates are not too low."""
    maker = taker = Decimal(0)
    _must_have(got.rows, "standardCommission.maker", "standardCommission.taker")
    for name in ("standardCommission", "specialCommission", "taxCommission"):
        parts = {one: kit.number(kit.text(got.rows, f"{name}.{one}")) for one in ("maker", "taker", "buyer", "seller")}
        side = max(parts["buyer"], parts["seller"])
        maker += parts["maker"] + side
        taker += parts["taker"] + side
    return [kit.FeeUpdate(got.context.account, got.what.instrument, maker, taker)]


def _assets(got: kit.Got) -> Sequence[kit.Output]:
    return [
        kit.AssetStatus(
            "binance",
            kit.text(row, "coin"),
            row.get("depositAllEnable"),
            row.get("withdrawAllEnable"),
            tuple(kit.text(chain, "contractAddress") for chain in row.get("networkList", ())),
        )
        for row in got.rows
    ]


def _account(got: kit.Got) -> Sequence[kit.Output]:
    """What the account may do (``GET /api/v3/account``). Its permissions are SPOT, or trading groups."""
    row, problems = got.rows, []
    _must_have(row, "accountType")
    permissions = msgspec.convert(row.get("permissions") or [], list[str])
    kind = kit.text(row, "accountType")
    if row.get("canTrade") is False:
        problems.append("the account may not trade (canTrade is false): ask Binance what blocks it")
    if kind != "SPOT":
        problems.append(f"accountType {kind} is not supported: use the key of a spot account")
    if permissions and not any(one == "SPOT" or one.startswith("TRD_GRP_") for one in permissions):
        problems.append(f"the account may not trade spot (permissions {', '.join(permissions)}): use another account")
    return [kit.AccountStatus(got.context.account, "; ".join(problems))]


def _key(got: kit.Got) -> Sequence[kit.Output]:
    """What the key may do (``GET /sapi/v1/account/apiRestrictions``)."""
    row, problem, warnings = got.rows, "", []
    until_ns = int(kit.text(row, "tradingAuthorityExpirationTime") or 0) * kit.MS
    if row.get("enableSpotAndMarginTrading") is False:
        problem = "the key has no trade permission: enable spot and margin trading in the API management"
    elif until_ns and until_ns <= got.now_ns:
        problem = "the key's trade permission has expired: enable spot and margin trading in the API management again"
    elif until_ns:
        days = (until_ns - got.now_ns) // kit.DAY
        warnings.append(
            f"the key's trade permission expires in {days} days: restrict the key to addresses, or renew it"
        )
    if row.get("ipRestrict") is False:
        warnings.append("the key has no address list: anybody who has it can use it from anywhere")
    rights = [name for name, value in row.items() if name.startswith(("enable", "permits")) and value is True]
    withdraw = None if row.get("enableWithdrawals") is None else row["enableWithdrawals"] is not False
    return [kit.AccountStatus(got.context.account, problem, warnings, withdraw, rights)]


# --- rate limits ---


def counted(context: kit.Context, said: Iterable[rows.Limit], now_ns: int) -> list[kit.RateReport]:
    """The reports in ``rateLimits`` (of ``exchangeInfo`` and of each answer over the WebSocket API)."""
    reports = []
    for one in said:
        name = _COUNTED.get((one.rate_limit_type, one.interval, one.interval_num))
        if name is not None:
            bucket = _bucket(context, name)
            reports.append(
                kit.RateReport(venue="binance", bucket=bucket, used=one.count, limit=one.limit, recv_ns=now_ns)
            )
    return reports


def usage(context: kit.Context, buckets: Sequence[str], answer: kit.HttpAnswer, now_ns: int) -> list[kit.RateReport]:
    """Used weight and order counts in the headers of an answer."""
    reports = []
    for header, name in _HEADERS.items():
        used = answer.headers.get(header, "")
        if used.isascii() and used.isdecimal():
            bucket = _bucket(context, name)
            reports.append(kit.RateReport(venue="binance", bucket=bucket, used=int(used), recv_ns=now_ns))
    return reports


def _bucket(context: kit.Context, name: str) -> str:
    return name if name == "weight" or not context.account else f"{name}:{context.account}"


# --- signatures ---


SIGNATURES = {"hmac": kit.hmac_hex, "ed25519": kit.ed25519_base64}
"""The signature of the text exactly as sent, by the type of the key."""


def sign(
    context: kit.Context, request: kit.RestRequest, now_ns: int, *, url: str, key_type: str, window_ms: int
) -> kit.HttpRequest:
    """All parameters in the query, in the signed order, the signature last. ``recvWindow`` ends with the order's own
    deadline."""
    if not request.signed:
        params = f"?{kit.query(request.params)}" if request.params else ""
        return kit.HttpRequest(request.method, f"{url}{request.path}{params}")
    signer = context.signer
    stamp = ("timestamp", str(signer.venue_ns(now_ns) // kit.MS))
    left_ms = (request.deadline_ns - now_ns) // kit.MS if request.deadline_ns else window_ms
    limit = ("recvWindow", str(max(1, min(left_ms, window_ms))))
    signed = kit.query([stamp, *request.params, limit])
    proof = kit.query([("signature", SIGNATURES[key_type](signer, signed))])
    headers = (("X-MBX-APIKEY", signer.key),)
    return kit.HttpRequest(request.method, kit.Secret(f"{url}{request.path}?{signed}&{proof}"), headers=headers)


def unwrap(answer: kit.HttpAnswer) -> kit.RestReply | None:
    """There is no envelope: the body is the data, or an error."""
    if answer.status == 200:
        return kit.RestReply(0, "", answer.body)
    error = kit.read_json(rows.ERROR, answer.body)
    return None if error is None else kit.RestReply(error.code, error.msg, b"")


# --- the calls ---


def order_params(what: kit.NewOrder, native: str) -> list[tuple[str, str]]:
    tif = [] if what.post_only else [("timeInForce", _TIFS[what.tif])]
    return [
        ("symbol", native),
        ("side", what.side.value.upper()),
        ("newClientOrderId", what.cl_ord_id),
        ("newOrderRespType", "FULL"),
        ("type", "LIMIT_MAKER" if what.post_only else "LIMIT"),
        ("quantity", kit.plain(what.qty)),
        ("price", kit.plain(what.px)),
        *tif,
    ]


def key_params(what: kit.CancelOrder | kit.QueryOrder, native: str) -> list[tuple[str, str]]:
    """The order's key: the venue's id if it is known (the fastest query), else our own id."""
    own = ("orderId", what.order_id) if what.order_id else ("origClientOrderId", what.cl_ord_id)
    return [("symbol", native), own]


def _symbol(context: kit.Context, what: Any) -> kit.Params:
    return [("symbol", context.native(what.instrument))] if what.instrument else []


def _key_params(context: kit.Context, what: kit.CancelOrder | kit.QueryOrder) -> kit.Params:
    return key_params(what, context.native(what.instrument))


def _one_symbol(context: kit.Context, what: kit.CancelAll) -> kit.Params:
    if not what.instrument:
        raise kit.LocalProtocolError("Binance cancels all orders of one symbol only")
    return _symbol(context, what)


def _fill_params(context: kit.Context, what: kit.ListFills) -> kit.Params:
    """The oldest first: without a start, Binance lists the newest page only."""
    own = [("orderId", what.order_id)] if what.order_id else []
    since = not own and what.since_ns
    start = ("startTime", str(what.since_ns // kit.MS)) if since else ("fromId", "0")
    return [*_symbol(context, what), ("limit", str(_PAGE)), *own, start]


def _acknowledged(got: kit.Got) -> list[kit.OrderUpdate]:
    source = "poll" if isinstance(got.what, kit.QueryOrder) else "ack"
    return report(got.context, got.rows, source, got.now_ns, got.what)


def _all_cancelled(got: kit.Got) -> list[kit.OrderUpdate]:
    """Orders, and order lists with their orders inside."""
    found = [one for row in got.rows for one in kit.inner(row, "orderReports") or [row]]
    return [replace(order(got.context, row, "ack", got.now_ns), instrument=got.what.instrument) for row in found]


def _weight(units: int | Callable[[Any], int]) -> Sequence[tuple[str, int | Callable[[Any], int], str]]:
    return [("weight", units, "")]


def snapshot_weight(depth: int) -> int:
    """The weight of ``GET /api/v3/depth``."""
    return 5 if depth <= 100 else 25 if depth <= 500 else 50 if depth <= 1000 else 250


def calls(depth: int, sapi: bool) -> kit.CallTable:
    """``sapi``: the environment has the wallet API too. Since April 2026 an order or cancel has weight 0 if it succeeds
    and 1 if it fails; 1 is counted."""
    key = kit.Call("/sapi/v1/account/apiRestrictions", _key, rows=_ROW)
    return kit.CallTable(
        "binance",
        {
            kit.AskKind.CATALOGUE: kit.Call(
                "/api/v3/exchangeInfo", _catalogue, _weight(20), signed=False, rows=rows.Info
            ),
            kit.AskKind.SNAPSHOT: kit.Call(
                "/api/v3/depth",
                kit.by_socket,
                _weight(snapshot_weight(depth)),
                signed=False,
                params=lambda context, what: [*_symbol(context, what), ("limit", str(depth))],
            ),
            kit.AskKind.TIME: kit.Call(
                "/api/v3/time", kit.clock("serverTime", kit.MS), "weight", signed=False, rows=_ROW
            ),
            kit.AskKind.ACCOUNT: kit.Call(
                "/api/v3/account", _account, _weight(20), rows=_ROW, then=key if sapi else None
            ),
            kit.AskKind.FEES: kit.Call("/api/v3/account/commission", _fees, _weight(20), params=_symbol, rows=_ROW),
            kit.AskKind.BALANCES: kit.Call("/api/v3/account", _balances, _weight(20), rows=_ROW),
            kit.AskKind.ASSETS: kit.Call("/sapi/v1/capital/config/getall", _assets, _weight(10)),
            kit.NewOrder: kit.Call(
                "/api/v3/order",
                _acknowledged,
                [("weight", 1, ""), ("orders_10s", 1, "account"), ("orders_1d", 1, "account")],
                method="POST",
                rows=_ROW,
                params=lambda context, what: order_params(what, context.native(what.instrument)),
            ),
            kit.CancelOrder: kit.Call(
                "/api/v3/order", _acknowledged, "weight", method="DELETE", params=_key_params, rows=_ROW
            ),
            kit.CancelAll: kit.Call(
                "/api/v3/openOrders", _all_cancelled, "weight", method="DELETE", params=_one_symbol
            ),
            kit.QueryOrder: kit.Call("/api/v3/order", _acknowledged, _weight(4), params=_key_params, rows=_ROW),
            kit.ListOpenOrders: kit.Call(
                "/api/v3/openOrders",
                kit.each(order),
                _weight(lambda what: 6 if what.instrument else 80),
                params=_symbol,
            ),
            kit.ListFills: kit.Call(
                "/api/v3/myTrades",
                kit.each(_fill),
                _weight(lambda what: 5 if isinstance(what, kit.ListFills) and what.order_id else 20),
                params=_fill_params,
                pages=kit.Pages(
                    "fromId",
                    lambda page: str(int(kit.text(page[-1], "id")) + 1) if len(page) >= _PAGE else "",
                    instead_of="startTime",
                ),
            ),
        },
        verdicts=VERDICTS,
        pauses=PAUSES,
    )
