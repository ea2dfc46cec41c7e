"""Bybit's rows as events, its signatures, and its REST calls. https://bybit-exchange.github.io/docs/v5/intro"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from msgspec.structs import replace

import arbkit.venue as kit
from arbkit_bybit import rows
from arbkit_bybit.verdicts import VERDICTS

WINDOW_NS = 5 * kit.S
"""recv_window: Bybit refuses a request that arrives later than this after its timestamp."""
PAUSES = kit.Pauses(window_ns=kit.S, statuses={403: ("ip", 600 * kit.S)})
"""Limits are counted over one second. HTTP 403 "access too frequent": the address is blocked for ten minutes."""
_LOGIN_NS = 10 * kit.S
_FILLS_NS = 7 * kit.DAY
"""The time span of a fills listing without an end time."""
_SPOT = ("category", "spot")
_SIDES = {kit.Side.BUY: "Buy", kit.Side.SELL: "Sell"}
_TIFS = {kit.Tif.GTC: "GTC", kit.Tif.IOC: "IOC", kit.Tif.FOK: "FOK"}
_REASONS = {
    "EC_PostOnlyWillTakeLiquidity": kit.RejectReason.POST_ONLY,
    "EC_NoImmediateQtyToFill": kit.RejectReason.NO_MATCH,
    "EC_NoEnoughQtyToFill": kit.RejectReason.NO_MATCH,
    "EC_DuplicatedClOrdID": kit.RejectReason.DUPLICATE,
}
"""``rejectReason`` of an order."""

ORDER = kit.OrderFields(
    order_id="orderId",
    cl_ord_id="orderLinkId",
    status="orderStatus",
    statuses=kit.statuses(
        new="New Untriggered Triggered",
        partially_filled="PartiallyFilled",
        filled="Filled",
        canceled="Cancelled PartiallyFilledCanceled Deactivated",
        rejected="Rejected",
    ),
    qty="qty",
    cum_qty="cumExecQty",
    exch_ms="updatedTime",
)
FILL = ORDER.fill(
    trade_id="execId",
    px="execPrice",
    qty="execQty",
    fee="execFee",
    fee_asset="feeCurrency",
    maker=("isMaker", True),
    exch_ms="execTime",
)
_COIN = kit.BalanceFields(asset="coin", free="walletBalance", locked="locked")
_PAIR = kit.InstrumentFields(
    base="baseCoin",
    quote="quoteCoin",
    tick="priceFilter.tickSize",
    lot="lotSizeFilter.basePrecision",
    min_notional="lotSizeFilter.minOrderAmt",
    max_qty="lotSizeFilter.maxLimitOrderQty",
    trading=("Trading",),
)
"""``minOrderQty`` and ``maxOrderQty`` are ignored, because Bybit no longer checks them."""


# --- rows as events ---


def order(context: kit.Context, row: kit.Row, source: str, now_ns: int) -> kit.OrderUpdate | None:
    """One order row of spot. It contains quantities; the fills come from ``execution``, possibly after the order's last
    report."""
    if kit.text(row, "category") not in ("", "spot"):
        return None
    state = ORDER.read(context, row, source, now_ns)
    said = kit.text(row, "rejectReason")
    status, reason = state.ord_status, _REASONS.get(said)
    if status is kit.OrdStatus.REJECTED:
        reason = reason or kit.RejectReason.OTHER
        if reason is kit.RejectReason.DUPLICATE:
            status = kit.OrdStatus.UNKNOWN  # the first order with this id may be open
        elif state.cum_qty:
            status = kit.OrdStatus.EXPIRED  # "Rejected" has been seen after a partial fill
    elif (
        status is kit.OrdStatus.CANCELED
        and kit.text(row, "timeInForce") in ("IOC", "FOK", "PostOnly")
        and kit.text(row, "cancelType") != "CancelByUser"
    ):
        status = kit.OrdStatus.EXPIRED
    return replace(
        state,
        ord_status=status,
        reason=None if status is kit.OrdStatus.FILLED else reason,
        text="" if said == "EC_NoError" else said,
    )


def fill(context: kit.Context, row: kit.Row, source: str, now_ns: int) -> kit.OrderUpdate | None:
    """One execution of a spot trade; funding and settlement use the same rows. ``execFee`` is positive when paid;
    without a fee currency, a buy pays in base. ``extraFees`` are taxes beside it."""
    if kit.text(row, "execType") not in ("", "Trade") or kit.text(row, "category") not in ("", "spot"):
        return None
    made = FILL.read(context, row, source, now_ns)
    if made.fee is not None and not made.fee_asset:
        known = context.known(kit.text(row, "symbol"))
        if known is None or made.fee < 0:
            made = replace(made, fee=None)
        else:
            made = replace(made, fee_asset=known.base if made.side is kit.Side.BUY else known.quote)
    taxes = kit.inner(row, "extraFees")
    return replace(made, extra_fees=[(kit.text(tax, "feeCoin"), kit.number(kit.text(tax, "fee"))) for tax in taxes])


def balances(
    context: kit.Context, wallets: Sequence[kit.Row], snapshot: bool, now_ns: int, exch_ns: int = 0
) -> list[kit.Balance]:
    """Free is neither locked nor borrowed, and never below 0: the locked amount has been seen to exceed the wallet."""
    found = []
    for row in (coin for wallet in wallets for coin in kit.inner(wallet, "coin")):
        coin = _COIN.read(context, row, snapshot, now_ns, exch_ns)
        free = coin.free - coin.locked - kit.number(kit.text(row, "spotBorrow"))
        found.append(replace(coin, free=max(free, Decimal(0))))
    return found


def _instruments(got: kit.Got) -> list[kit.InstrumentUpdate]:
    """The spot list without tokenised stocks. ``stTag`` 1 marks a pair under special treatment, as its status shows."""
    updates = []
    for row in got.rows if got.rows.category == "spot" else ():
        if kit.text(row, "symbolType") == "xstocks":
            continue
        special = {"status": f"{kit.text(row, 'status')} (special treatment)"} if kit.text(row, "stTag") == "1" else {}
        updates.append(kit.InstrumentUpdate(_PAIR.read("bybit", row, **special)))
    return updates


def _fees(got: kit.Got) -> list[kit.FeeUpdate]:
    updates = []
    for row in got.rows:
        known = got.context.known(kit.text(row, "symbol"))
        if known is not None:
            maker, taker = kit.number(row["makerFeeRate"]), kit.number(row["takerFeeRate"])
            updates.append(kit.FeeUpdate(got.context.account, known.id, maker, taker))
    return updates


def _assets(got: kit.Got) -> list[kit.AssetStatus]:
    return [
        kit.movable(
            "bybit", kit.text(row, "coin"), kit.inner(row, "chains"), "chainDeposit", "chainWithdraw", "contractAddress"
        )
        for row in kit.inner(got.rows, "rows")
    ]


def _key(got: kit.Got) -> list[kit.AccountStatus]:
    """What the key may do (``GET /v5/user/query-api``)."""
    row = got.rows
    problems, warnings = [], []
    if kit.text(row, "readOnly") == "1":
        problems.append("the key is read-only: make one that may read and write")
    if "SpotTrade" not in row["permissions"].get("Spot", ()):
        problems.append("the key may not trade spot: give it the permission Spot - Trade")
    if row.get("ips") in (None, [], ["*"]):
        end = kit.text(row, "expiredAt")
        warnings.append(f"the key has no address list: it expires {end or 'after three months'}")
    rights = [str(right) for group in row["permissions"].values() for right in group]
    return [kit.AccountStatus(got.context.account, "; ".join(problems), warnings, "Withdraw" in rights, rights)]


def _mode(got: kit.Got) -> list[kit.AccountStatus]:
    """The kind of the account (``GET /v5/account/info``)."""
    mode = kit.text(got.rows, "unifiedMarginStatus")
    classic = "this is a classic account: upgrade it to a Unified Trading Account on Bybit's website"
    return [kit.AccountStatus(got.context.account, classic if mode == "1" else "")]


def _margin(got: kit.Got) -> list[kit.AccountStatus]:
    """Whether derivatives or loans use the balances: what is free does not subtract it."""
    used = [kit.amount(wallet, "totalInitialMargin") for wallet in got.rows]
    warning = "margin is in use: the coins that serve as its collateral are counted as free. Use an account of its own"
    return [kit.AccountStatus(got.context.account, "", [warning] if any(used) else [])]


# --- signatures ---


def window_ms(deadline_ns: int, now_ns: int) -> str:
    """The recv_window in ms as text; it ends at the deadline if that is earlier than ``WINDOW_NS``."""
    if not deadline_ns:
        return str(WINDOW_NS // kit.MS)
    return str(max(1, min(deadline_ns - now_ns, WINDOW_NS) // kit.MS))


def sign(context: kit.Context, request: kit.RestRequest, now_ns: int, *, url: str) -> kit.HttpRequest:
    """The signed text is time, key, window, and the query or the body as it is sent."""
    post = request.method == "POST"
    payload = kit.json_text(dict(request.params)) if post else kit.query(request.params)
    target = f"{url}{request.path}?{payload}" if payload and not post else url + request.path
    headers: list[tuple[str, str]] = []
    if request.signed:
        signer = context.signer
        stamp, window = str(signer.venue_ns(now_ns) // kit.MS), window_ms(request.deadline_ns, now_ns)
        headers = [
            ("X-BAPI-API-KEY", signer.key),
            ("X-BAPI-TIMESTAMP", stamp),
            ("X-BAPI-RECV-WINDOW", window),
            ("X-BAPI-SIGN", kit.Secret(kit.hmac_hex(signer, f"{stamp}{signer.key}{window}{payload}"))),
        ]
    if post:
        headers.append(("Content-Type", "application/json"))
    return kit.HttpRequest(request.method, target, headers, payload.encode() if post else b"")


def login(context: kit.Context, now_ns: int) -> kit.Send:
    signer = context.signer
    expires = (signer.venue_ns(now_ns) + _LOGIN_NS) // kit.MS
    args = [signer.key, expires, kit.hmac_hex(signer, f"GET/realtime{expires}")]
    return kit.Send(kit.Secret(kit.json_text({"req_id": "auth", "op": "auth", "args": args})))


def unwrap(answer: kit.HttpAnswer) -> kit.RestReply | None:
    """The envelope's code and result."""
    found = kit.read_json(rows.ENVELOPE, answer.body)
    return None if found is None else kit.RestReply(found.ret_code, found.ret_msg, found.result, found.time * kit.MS)


def usage(
    context: kit.Context, buckets: Sequence[str], headers: Mapping[str, Any], now_ns: int
) -> list[kit.RateReport]:
    """The account's limits as the headers tell them (of REST, or of an answer on the trade socket)."""
    found = {name.lower(): str(value) for name, value in headers.items()}
    limit, left = found.get("x-bapi-limit", ""), found.get("x-bapi-limit-status", "")
    if not (limit.isdecimal() and left.isdecimal()):
        return []
    used = int(limit) - int(left)
    return [
        kit.RateReport(venue="bybit", bucket=bucket, used=used, limit=int(limit), recv_ns=now_ns)
        for bucket in buckets
        if bucket != "ip"
    ]


# --- the calls ---


def order_params(what: kit.NewOrder, native: str) -> list[tuple[str, Any]]:
    return [
        _SPOT,
        ("symbol", native),
        ("side", _SIDES[what.side]),
        ("orderType", "Limit"),
        ("qty", kit.plain(what.qty)),
        ("price", kit.plain(what.px)),
        ("timeInForce", "PostOnly" if what.post_only else _TIFS[what.tif]),
        ("orderLinkId", what.cl_ord_id),
        ("isLeverage", 0),
    ]


def key_params(what: kit.CancelOrder, native: str) -> list[tuple[str, Any]]:
    which = ("orderId", what.order_id) if what.order_id else ("orderLinkId", what.cl_ord_id)
    return [_SPOT, ("symbol", native), which]


def _inst(context: kit.Context, what: Any) -> list[tuple[str, str]]:
    return [_SPOT, *([("symbol", context.native(what.instrument))] if what.instrument else [])]


def _one(context: kit.Context, what: kit.QueryOrder) -> kit.Params:
    which = ("orderLinkId", what.cl_ord_id) if what.cl_ord_id else ("orderId", what.order_id)
    return [*_inst(context, what), which]


def _ended(context: kit.Context, what: kit.Ask) -> kit.Params:
    which = "orderId" if kit.parse_cl_ord_id(what.ref) is None else "orderLinkId"
    return [*_inst(context, what), (which, what.ref)]


def _fill_params(context: kit.Context, what: kit.ListFills) -> kit.Params:
    own = [("orderId", what.order_id)] if what.order_id else []
    since = [("startTime", str(what.since_ns // kit.MS))] if what.since_ns else []
    return [*_inst(context, what), ("limit", "100"), *own, *since]


def _fixed(*params: tuple[str, str]) -> Callable[[kit.Context, Any], kit.Params]:
    return lambda context, what: params


def _ack(got: kit.Got) -> list[kit.OrderUpdate]:
    return got.acknowledged(got.rows.order_id, got.reply.exch_ns)


_PAGES = kit.Pages("cursor", lambda page: unquote(page.next_page_cursor) if page.rows else "")
"""A cursor comes percent-encoded, and the query is encoded again."""
_BALANCES = kit.Call(
    "/v5/account/wallet-balance",
    lambda got: balances(got.context, got.rows.rows, True, got.now_ns),
    "wallet",
    params=_fixed(("accountType", "UNIFIED")),
    rows=rows.Page,
)
CALLS = kit.CallTable(
    "bybit",
    {
        kit.AskKind.CATALOGUE: kit.Call(
            "/v5/market/instruments-info", _instruments, signed=False, params=_fixed(_SPOT), rows=rows.Page
        ),
        kit.AskKind.TIME: kit.Call("/v5/market/time", kit.clock("timeNano", 1), signed=False, rows=dict[str, Any]),
        kit.AskKind.ACCOUNT: kit.Call(
            "/v5/user/query-api",
            _key,
            "key",
            rows=dict[str, Any],
            then=kit.Call("/v5/account/info", _mode, rows=dict[str, Any], then=replace(_BALANCES, read=_margin)),
        ),
        kit.AskKind.FEES: kit.Call("/v5/account/fee-rate", _fees, "fee", params=_inst, rows=rows.Page),
        kit.AskKind.BALANCES: _BALANCES,
        kit.AskKind.ASSETS: kit.Call("/v5/asset/coin/query-info", _assets, "assets", rows=dict[str, Any]),
        kit.AskKind.ORDER: kit.Call(
            "/v5/order/history",
            kit.each(order),
            "history",
            rows=rows.Page,
            params=_ended,
        ),
        kit.NewOrder: kit.Call(
            "/v5/order/create",
            _ack,
            "create",
            method="POST",
            rows=rows.Ids,
            params=lambda context, what: order_params(what, context.native(what.instrument)),
        ),
        kit.CancelOrder: kit.Call(
            "/v5/order/cancel",
            _ack,
            "cancel",
            method="POST",
            rows=rows.Ids,
            params=lambda context, what: key_params(what, context.native(what.instrument)),
        ),
        kit.CancelAll: kit.Call(
            "/v5/order/cancel-all", lambda got: (), "cancel_all", method="POST", params=_inst, rows=Any
        ),
        # knows open orders and the last 500 closed ones, until a restart
        kit.QueryOrder: kit.Call(
            "/v5/order/realtime", kit.each(order), "realtime", params=_one, rows=rows.Page, elsewhere=True
        ),
        kit.ListOpenOrders: kit.Call(
            "/v5/order/realtime",
            kit.each(order),
            "realtime",
            rows=rows.Page,
            params=lambda context, what: [*_inst(context, what), ("openOnly", "0"), ("limit", "50")],
            pages=_PAGES,
        ),
        kit.ListFills: kit.Call(
            "/v5/execution/list",
            kit.each(fill),
            "executions",
            params=_fill_params,
            rows=rows.Page,
            pages=_PAGES,
            memory_ns=_FILLS_NS,
        ),
    },
    verdicts=VERDICTS,
    pauses=PAUSES,
    every={kit.Role.REST: [("ip", 1)], kit.Role.TRADE: [("ws", 1)]},
)
