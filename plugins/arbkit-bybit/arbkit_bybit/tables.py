"""Bybit's rows as events, its signatures, and its REST calls. https://bybit-exchange.github.io/docs/v5/intro"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from msgspec.structs import replace

from arbkit.venue import (
    MS,
    AccountStatus,
    Ask,
    AskKind,
    AssetStatus,
    Balance,
    BalanceFields,
    Call,
    CallTable,
    CancelAll,
    CancelOrder,
    ClockSample,
    Context,
    FeeUpdate,
    FillFields,
    Got,
    HttpAnswer,
    HttpRequest,
    InstrumentFields,
    InstrumentUpdate,
    ListFills,
    ListOpenOrders,
    NewOrder,
    OrderFields,
    OrderUpdate,
    OrdStatus,
    Pages,
    Params,
    Pauses,
    QueryOrder,
    RateReport,
    RejectReason,
    RestReply,
    RestRequest,
    Role,
    Row,
    S,
    Secret,
    Send,
    Side,
    Tif,
    amount,
    each,
    hmac_hex,
    inner,
    json_text,
    movable,
    number,
    parse_cl_ord_id,
    plain,
    query,
    read_json,
    text,
    time_sample,
)
from arbkit_bybit import rows
from arbkit_bybit.verdicts import VERDICTS

WINDOW_NS = 5 * S
"""recv_window: Bybit refuses a request that arrives later than this after its timestamp."""
PAUSES = Pauses(window_ns=S, statuses={403: ("ip", 600 * S)})
"""Limits are counted over one second. HTTP 403 "access too frequent": the address is blocked for ten minutes."""
_LOGIN_NS = 10 * S
_FILLS_NS = 7 * 86_400 * S
"""The time span of a fills listing without an end time."""
_SPOT = ("category", "spot")
_SIDES = {Side.BUY: "Buy", Side.SELL: "Sell"}
_TIFS = {Tif.GTC: "GTC", Tif.IOC: "IOC", Tif.FOK: "FOK"}
_REASONS = {
    "EC_PostOnlyWillTakeLiquidity": RejectReason.POST_ONLY,
    "EC_NoImmediateQtyToFill": RejectReason.NO_MATCH,
    "EC_NoEnoughQtyToFill": RejectReason.NO_MATCH,
    "EC_DuplicatedClOrdID": RejectReason.DUPLICATE,
}
"""``rejectReason`` of an order."""

ORDER = OrderFields(
    native="symbol",
    order_id="orderId",
    cl_ord_id="orderLinkId",
    status="orderStatus",
    statuses={
        "New": OrdStatus.NEW,
        "Untriggered": OrdStatus.NEW,
        "Triggered": OrdStatus.NEW,
        "PartiallyFilled": OrdStatus.PARTIALLY_FILLED,
        "Filled": OrdStatus.FILLED,
        "Cancelled": OrdStatus.CANCELED,
        "PartiallyFilledCanceled": OrdStatus.CANCELED,
        "Deactivated": OrdStatus.CANCELED,
        "Rejected": OrdStatus.REJECTED,
    },
    side="side",
    px="price",
    qty="qty",
    cum_qty="cumExecQty",
    exch_ms="updatedTime",
)
FILL = FillFields(
    native="symbol",
    order_id="orderId",
    cl_ord_id="orderLinkId",
    trade_id="execId",
    side="side",
    px="execPrice",
    qty="execQty",
    fee="execFee",
    fee_asset="feeCurrency",
    maker=("isMaker", True),
    exch_ms="execTime",
)
_COIN = BalanceFields(asset="coin", free="walletBalance", locked="locked")
_PAIR = InstrumentFields(
    native="symbol",
    base="baseCoin",
    quote="quoteCoin",
    tick="priceFilter.tickSize",
    lot="lotSizeFilter.basePrecision",
    min_notional="lotSizeFilter.minOrderAmt",
    max_qty="lotSizeFilter.maxLimitOrderQty",
    status="status",
    trading=("Trading",),
)
"""``minOrderQty`` and ``maxOrderQty`` are ignored, because Bybit no longer checks them."""


# --- rows as events ---


def order(context: Context, row: Row, source: str, now_ns: int) -> OrderUpdate | None:
    """One order row of spot. It contains quantities; the fills come from ``execution``, possibly after the order's last
    report."""
    if text(row, "category") not in ("", "spot"):
        return None
    state = ORDER.read(context, row, source, now_ns)
    said = text(row, "rejectReason")
    status, reason = state.ord_status, _REASONS.get(said)
    if status is OrdStatus.REJECTED:
        reason = reason or RejectReason.OTHER
        if reason is RejectReason.DUPLICATE:
            status = OrdStatus.UNKNOWN  # the first order with this id may be open
        elif state.cum_qty:
            status = OrdStatus.EXPIRED  # "Rejected" has been seen after a partial fill
    elif (
        status is OrdStatus.CANCELED
        and text(row, "timeInForce") in ("IOC", "FOK", "PostOnly")
        and text(row, "cancelType") != "CancelByUser"
    ):
        status = OrdStatus.EXPIRED
    return replace(
        state,
        ord_status=status,
        reason=None if status is OrdStatus.FILLED else reason,
        text="" if said == "EC_NoError" else said,
    )


def fill(context: Context, row: Row, source: str, now_ns: int) -> OrderUpdate | None:
    """One execution of a spot trade; funding and settlement use the same rows. ``execFee`` is positive when paid;
    without a fee currency, a buy pays in base. ``extraFees`` are taxes beside it."""
    if text(row, "execType") not in ("", "Trade") or text(row, "category") not in ("", "spot"):
        return None
    made = FILL.read(context, row, source, now_ns)
    if made.fee is not None and not made.fee_asset:
        known = context.known(text(row, "symbol"))
        if known is None or made.fee < 0:
            made = replace(made, fee=None)
        else:
            made = replace(made, fee_asset=known.base if made.side is Side.BUY else known.quote)
    taxes = inner(row, "extraFees")
    return replace(made, extra_fees=[(text(tax, "feeCoin"), number(text(tax, "fee"))) for tax in taxes])


def balances(context: Context, wallets: Sequence[Row], snapshot: bool, now_ns: int, exch_ns: int = 0) -> list[Balance]:
    """Free is neither locked nor borrowed, and never below 0: the locked amount has been seen to exceed the wallet."""
    found = []
    for row in (coin for wallet in wallets for coin in inner(wallet, "coin")):
        coin = _COIN.read(context, row, snapshot, now_ns, exch_ns)
        free = coin.free - coin.locked - number(text(row, "spotBorrow"))
        found.append(replace(coin, free=max(free, Decimal(0))))
    return found


def _instruments(got: Got) -> list[InstrumentUpdate]:
    """The spot list without tokenised stocks. ``stTag`` 1 marks a pair under special treatment, as its status shows."""
    updates = []
    for row in got.rows if got.rows.category == "spot" else ():
        if text(row, "symbolType") == "xstocks":
            continue
        special = {"status": f"{text(row, 'status')} (special treatment)"} if text(row, "stTag") == "1" else {}
        updates.append(InstrumentUpdate(_PAIR.read("bybit", row, **special)))
    return updates


def _fees(got: Got) -> list[FeeUpdate]:
    updates = []
    for row in got.rows:
        known = got.context.known(text(row, "symbol"))
        if known is not None:
            maker, taker = number(row["makerFeeRate"]), number(row["takerFeeRate"])
            updates.append(FeeUpdate(got.context.account, known.id, maker, taker))
    return updates


def _time(got: Got) -> list[ClockSample]:
    return [time_sample("bybit", int(got.rows["timeNano"]), 0, got.answer.sent_ns, got.answer.recv_ns)]


def _assets(got: Got) -> list[AssetStatus]:
    return [
        movable("bybit", text(row, "coin"), inner(row, "chains"), "chainDeposit", "chainWithdraw")
        for row in inner(got.rows, "rows")
    ]


def _key(got: Got) -> list[AccountStatus]:
    """What the key may do (``GET /v5/user/query-api``)."""
    row = got.rows
    problems, warnings = [], []
    if text(row, "readOnly") == "1":
        problems.append("the key is read-only: make one that may read and write")
    if "SpotTrade" not in row["permissions"].get("Spot", ()):
        problems.append("the key may not trade spot: give it the permission Spot - Trade")
    if row.get("ips") in (None, [], ["*"]):
        end = text(row, "expiredAt")
        warnings.append(f"the key has no address list: it expires {end or 'after three months'}")
    return [AccountStatus(got.context.account, "; ".join(problems), warnings)]


def _mode(got: Got) -> list[AccountStatus]:
    """The kind of the account (``GET /v5/account/info``)."""
    mode = text(got.rows, "unifiedMarginStatus")
    classic = "this is a classic account: upgrade it to a Unified Trading Account on Bybit's website"
    return [AccountStatus(got.context.account, classic if mode == "1" else "")]


def _margin(got: Got) -> list[AccountStatus]:
    """Whether derivatives or loans use the balances: what is free does not subtract it."""
    used = [amount(wallet, "totalInitialMargin") for wallet in got.rows]
    warning = "margin is in use: the coins that serve as its collateral are counted as free. Use an account of its own"
    return [AccountStatus(got.context.account, "", [warning] if any(used) else [])]


# --- signatures ---


def window_ms(deadline_ns: int, now_ns: int) -> str:
    """The recv_window in ms as text; it ends at the deadline if that is earlier than ``WINDOW_NS``."""
    if not deadline_ns:
        return str(WINDOW_NS // MS)
    return str(max(1, min(deadline_ns - now_ns, WINDOW_NS) // MS))


def sign(context: Context, request: RestRequest, now_ns: int, *, url: str) -> HttpRequest:
    """The signed text is time, key, window, and the query or the body as it is sent."""
    post = request.method == "POST"
    payload = json_text(dict(request.params)) if post else query(request.params)
    target = f"{url}{request.path}?{payload}" if payload and not post else url + request.path
    headers: list[tuple[str, str]] = []
    if request.signed:
        signer = context.signer
        stamp, window = str(signer.venue_ns(now_ns) // MS), window_ms(request.deadline_ns, now_ns)
        headers = [
            ("X-BAPI-API-KEY", signer.key),
            ("X-BAPI-TIMESTAMP", stamp),
            ("X-BAPI-RECV-WINDOW", window),
            ("X-BAPI-SIGN", Secret(hmac_hex(signer, f"{stamp}{signer.key}{window}{payload}"))),
        ]
    if post:
        headers.append(("Content-Type", "application/json"))
    return HttpRequest(request.method, target, headers, payload.encode() if post else b"")


def login(context: Context, now_ns: int) -> Send:
    signer = context.signer
    expires = (signer.venue_ns(now_ns) + _LOGIN_NS) // MS
    args = [signer.key, expires, hmac_hex(signer, f"GET/realtime{expires}")]
    return Send(Secret(json_text({"req_id": "auth", "op": "auth", "args": args})))


def unwrap(answer: HttpAnswer) -> RestReply | None:
    """The envelope's code and result."""
    found = read_json(rows.ENVELOPE, answer.body)
    return None if found is None else RestReply(found.ret_code, found.ret_msg, found.result, found.time * MS)


def usage(context: Context, buckets: Sequence[str], headers: Mapping[str, Any], now_ns: int) -> list[RateReport]:
    """The account's limits as the headers tell them (of REST, or of an answer on the trade socket)."""
    found = {name.lower(): str(value) for name, value in headers.items()}
    limit, left = found.get("x-bapi-limit", ""), found.get("x-bapi-limit-status", "")
    if not (limit.isdecimal() and left.isdecimal()):
        return []
    used = int(limit) - int(left)
    return [
        RateReport(venue="bybit", bucket=bucket, used=used, limit=int(limit), recv_ns=now_ns)
        for bucket in buckets
        if bucket != "ip"
    ]


# --- the calls ---


def order_params(what: NewOrder, native: str) -> list[tuple[str, Any]]:
    return [
        _SPOT,
        ("symbol", native),
        ("side", _SIDES[what.side]),
        ("orderType", "Limit"),
        ("qty", plain(what.qty)),
        ("price", plain(what.px)),
        ("timeInForce", "PostOnly" if what.post_only else _TIFS[what.tif]),
        ("orderLinkId", what.cl_ord_id),
        ("isLeverage", 0),
    ]


def key_params(what: CancelOrder, native: str) -> list[tuple[str, Any]]:
    which = ("orderId", what.order_id) if what.order_id else ("orderLinkId", what.cl_ord_id)
    return [_SPOT, ("symbol", native), which]


def _inst(context: Context, what: Any, now_ns: int) -> list[tuple[str, str]]:
    return [_SPOT, *([("symbol", context.native(what.instrument))] if what.instrument else [])]


def _one(context: Context, what: QueryOrder, now_ns: int) -> Params:
    which = ("orderLinkId", what.cl_ord_id) if what.cl_ord_id else ("orderId", what.order_id)
    return [*_inst(context, what, now_ns), which]


def _ended(context: Context, what: Ask, now_ns: int) -> Params:
    which = "orderId" if parse_cl_ord_id(what.ref) is None else "orderLinkId"
    return [*_inst(context, what, now_ns), (which, what.ref)]


def _fill_params(context: Context, what: ListFills, now_ns: int) -> Params:
    own = [("orderId", what.order_id)] if what.order_id else []
    since = [("startTime", str(what.since_ns // MS))] if what.since_ns else []
    return [*_inst(context, what, now_ns), ("limit", "100"), *own, *since]


def _fixed(*params: tuple[str, str]) -> Callable[[Context, Any, int], Params]:
    return lambda context, what, now_ns: params


def _ack(got: Got) -> list[OrderUpdate]:
    what, ids = got.what, got.rows
    more = {"order_id": ids.order_id, "exch_ns": got.reply.exch_ns}
    answer = VERDICTS.answer(
        got.context, type(what), what.instrument, what.cl_ord_id, got.reply.code, got.reply.text, got.now_ns, **more
    )
    return [answer]


_PAGES = Pages("cursor", lambda page: unquote(page.next_page_cursor) if page.rows else "")
"""A cursor comes percent-encoded, and the query is encoded again."""
_BALANCES = Call(
    path="/v5/account/wallet-balance",
    params=_fixed(("accountType", "UNIFIED")),
    rows=rows.Page,
    read=lambda got: balances(got.context, got.rows.rows, True, got.now_ns),
    cost=[("wallet", 1, "")],
)
CALLS = CallTable(
    "bybit",
    {
        AskKind.CATALOGUE: Call(
            path="/v5/market/instruments-info", signed=False, params=_fixed(_SPOT), rows=rows.Page, read=_instruments
        ),
        AskKind.TIME: Call(
            path="/v5/market/time",
            signed=False,
            rows=dict[str, Any],
            read=_time,
        ),
        AskKind.ACCOUNT: Call(
            path="/v5/user/query-api",
            rows=dict[str, Any],
            read=_key,
            cost=[("key", 1, "")],
            then=Call(
                path="/v5/account/info",
                rows=dict[str, Any],
                read=_mode,
                then=replace(_BALANCES, read=_margin),
            ),
        ),
        AskKind.FEES: Call(
            path="/v5/account/fee-rate", params=_inst, rows=rows.Page, read=_fees, cost=[("fee", 1, "")]
        ),
        AskKind.BALANCES: _BALANCES,
        AskKind.ASSETS: Call(
            path="/v5/asset/coin/query-info", rows=dict[str, Any], read=_assets, cost=[("assets", 1, "")]
        ),
        AskKind.ORDER: Call(
            path="/v5/order/history",
            params=_ended,
            rows=rows.Page,
            read=each(order),
            cost=[("history", 1, "")],
        ),
        NewOrder: Call(
            path="/v5/order/create",
            method="POST",
            params=lambda context, what, now_ns: order_params(what, context.native(what.instrument)),
            rows=rows.Ids,
            read=_ack,
            cost=[("create", 1, "")],
        ),
        CancelOrder: Call(
            path="/v5/order/cancel",
            method="POST",
            params=lambda context, what, now_ns: key_params(what, context.native(what.instrument)),
            rows=rows.Ids,
            read=_ack,
            cost=[("cancel", 1, "")],
        ),
        CancelAll: Call(
            path="/v5/order/cancel-all",
            method="POST",
            params=_inst,
            rows=Any,
            read=lambda got: (),
            cost=[("cancel_all", 1, "")],
        ),
        # knows open orders and the last 500 closed ones, until a restart
        QueryOrder: Call(
            path="/v5/order/realtime",
            params=_one,
            rows=rows.Page,
            read=each(order),
            cost=[("realtime", 1, "")],
            elsewhere=True,
        ),
        ListOpenOrders: Call(
            path="/v5/order/realtime",
            params=lambda context, what, now_ns: [
                *_inst(context, what, now_ns),
                ("openOnly", "0"),
                ("limit", "50"),
            ],
            rows=rows.Page,
            read=each(order),
            cost=[("realtime", 1, "")],
            pages=_PAGES,
        ),
        ListFills: Call(
            path="/v5/execution/list",
            params=_fill_params,
            rows=rows.Page,
            read=each(fill),
            cost=[("executions", 1, "")],
            pages=_PAGES,
            memory_ns=_FILLS_NS,
        ),
    },
    every={Role.REST: [("ip", 1)], Role.TRADE: [("ws", 1)]},
)
