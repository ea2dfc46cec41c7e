"""OKX's rows as events, its signatures, and its REST calls. https://www.okx.com/docs-v5/en/"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from arbkit.venue import (
    MS,
    AccountStatus,
    AskKind,
    AssetStatus,
    Balance,
    BalanceFields,
    Call,
    CallTable,
    CancelOrder,
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
    RejectReason,
    RestReply,
    RestRequest,
    Row,
    S,
    Secret,
    Send,
    Tif,
    amount,
    each,
    filled,
    hmac_base64,
    inner,
    json_text,
    movable,
    ms_ns,
    number,
    plain,
    query,
    read_json,
    text,
    time_sample,
)
from arbkit_okx import rows
from arbkit_okx.verdicts import VERDICTS

ORDER_WINDOW_NS = 5 * S
"""``expTime`` of orders without a deadline. OKX has no default window."""
PAUSES = Pauses(window_ns=2 * S)
"""Limits are counted over 2 s. OKX sends no Retry-After."""
_PAGE = 100
_TIFS = {Tif.GTC: "limit", Tif.IOC: "ioc", Tif.FOK: "fok"}
_MODES = {"1": "cash", "2": "cash", "3": "cross", "4": "cross"}
"""The ``tdMode`` of spot orders in the account modes (``acctLv``) spot, futures, multi-currency, portfolio."""

ORDER = OrderFields(
    native="instId",
    order_id="ordId",
    cl_ord_id="clOrdId",
    status="state",
    statuses={
        "live": OrdStatus.NEW,
        "partially_filled": OrdStatus.PARTIALLY_FILLED,
        "filled": OrdStatus.FILLED,
        "canceled": OrdStatus.CANCELED,
        "mmp_canceled": OrdStatus.EXPIRED,
    },
    side="side",
    px="px",
    qty="sz",
    cum_qty="accFillSz",
    exch_ms="uTime",
)
_PUSHED_FILL = FillFields(
    native="instId",
    order_id="ordId",
    cl_ord_id="clOrdId",
    trade_id="tradeId",
    side="side",
    px="fillPx",
    qty="fillSz",
    fee="fillFee",
    fee_asset="fillFeeCcy",
    charged=-1,
    maker=("execType", "M"),
    exch_ms="uTime",
)
_LISTED_FILL = replace(_PUSHED_FILL, fee="fee", fee_asset="feeCcy", exch_ms="ts")
_PAIR = InstrumentFields(
    native="instId",
    base="baseCcy",
    quote="quoteCcy",
    tick="tickSz",
    lot="lotSz",
    min_qty="minSz",
    max_qty="maxLmtSz",
    status="state",
    trading=("live",),
    venue_ref="instIdCode",
    fee_group="groupId",
)


# --- rows as events ---


def order(context: Context, row: Row, source: str, now_ns: int) -> OrderUpdate:
    """One order row. A push contains the fill that caused it; a polled row only repeats the last fill, without fee."""
    state = ORDER.read(context, row, source, now_ns)
    kind, canceled_by = text(row, "ordType"), text(row, "cancelSource")
    if canceled_by:
        state = replace(state, text=f"cancelSource {canceled_by}")
    at_once = kind in ("ioc", "fok", "optimal_limit_ioc", "post_only") and canceled_by != "1"  # 1 = by its owner
    if state.ord_status is OrdStatus.CANCELED and at_once:
        reason = RejectReason.POST_ONLY if kind == "post_only" else RejectReason.NO_MATCH
        state = replace(state, ord_status=OrdStatus.EXPIRED, reason=None if state.cum_qty else reason)
    if source != "stream" or text(row, "tradeId") in ("", "0") or not amount(row, "fillSz"):
        return state
    return filled(state, _PUSHED_FILL.read(context, row, source, now_ns))


def balances(context: Context, accounts: Sequence[Row], mode: str, snapshot: bool, now_ns: int) -> list[Balance]:
    """Free is ``availBal``, or ``availEq`` in the margin modes."""
    free = "availBal" if mode == "cash" else "availEq"
    fields = BalanceFields(asset="ccy", free=free, locked="frozenBal", exch_ms="uTime")
    found = [row for account in accounts for row in inner(account, "details")]
    return [fields.read(context, row, snapshot, now_ns) for row in found]


def instruments(found: Sequence[Row]) -> list[InstrumentUpdate]:
    """Rows of spot pairs. ``settle`` is the currency that pays, where the account may or must choose it. A new listing
    has only id, time and state at first, so it is not tradable."""
    updates = []
    for row in found:
        native, base, quote = (text(row, name) for name in ("instId", "baseCcy", "quoteCcy"))
        if not native or text(row, "instType") != "SPOT":
            continue
        if not base:
            base, _, quote = native.partition("-")
        payers = row.get("tradeQuoteCcyList") or [quote]
        settle = "" if payers == [quote] else quote if quote in payers else payers[0]
        updates.append(InstrumentUpdate(_PAIR.read("okx", row, symbol=native, base=base, quote=quote, settle=settle)))
    return updates


def _fees(got: Got) -> list[FeeUpdate]:
    """Fee rates by the instrument's fee group; without a group the highest rates. OKX writes charges as negative
    numbers."""
    groups = {text(group, "groupId"): group for row in got.rows for group in inner(row, "feeGroup")}
    if not groups:
        return []
    dearest = min(groups.values(), key=lambda group: amount(group, "taker") or Decimal(0))
    one = got.context.catalogue.get(got.what.instrument)
    updates = []
    for known in [one] if one is not None else got.context.catalogue.venue("okx"):
        maker, taker = (-number(text(groups.get(known.fee_group, dearest), side)) for side in ("maker", "taker"))
        updates.append(FeeUpdate(got.context.account, known.id, maker, taker))
    return updates


def _assets(got: Got) -> list[AssetStatus]:
    """One row per chain."""
    chains: dict[str, list[Row]] = {}
    for row in got.rows:
        chains.setdefault(text(row, "ccy"), []).append(row)
    return [movable("okx", asset, found, "canDep", "canWd") for asset, found in chains.items()]


def _account(got: Got, trade_mode: str) -> list[AccountStatus]:
    """What the account must be for this adapter (``GET /api/v5/account/config``)."""
    row = got.rows[0]
    mode = _MODES.get(text(row, "acctLv"), "")
    problems = []
    if mode != trade_mode:
        problems.append(
            f"account mode {text(row, 'acctLv')} does not trade spot as {trade_mode!r}: "
            f"set venues.okx.options.trade_mode = {mode!r}, or change the mode in the account settings"
        )
    if text(row, "feeType") == "1":
        problems.append(
            "feeType 1 (all fees in the quote currency) is not supported: "
            "set the fee type to the received currency in the account settings"
        )
    if "trade" not in text(row, "perm").split(","):
        problems.append("the key has no trade permission: make one that has it")
    warnings = () if text(row, "ip") else ("the key has no address list: it expires after 14 days without use",)
    return [AccountStatus(got.context.account, "; ".join(problems), warnings)]


# --- signatures ---


def sign(context: Context, request: RestRequest, now_ns: int, *, url: str, demo: bool) -> HttpRequest:
    """The signed text is time, method, path with query, and body. A new order carries ``expTime``."""
    path, body = request.path, ""
    if request.method == "POST":
        body = json_text(dict(request.params))
    elif request.params:
        path = f"{path}?{query(request.params)}"
    headers = proof(context, request.method, path, body, now_ns) if request.signed else []
    if body:
        headers.append(("Content-Type", "application/json"))
    if request.path == "/api/v5/trade/order" and body:
        headers.append(("expTime", expires(context, request.deadline_ns, now_ns)))
    if demo:
        headers.append(("x-simulated-trading", "1"))
    return HttpRequest(request.method, url + path, headers, body.encode())


def proof(context: Context, method: str, path: str, body: str, now_ns: int) -> list[tuple[str, str]]:
    """The headers that sign a request. ``path``: with its query, exactly as sent."""
    signer = context.signer
    seconds, rest = divmod(signer.venue_ns(now_ns), S)
    stamp = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // MS:03d}Z"
    return [
        ("OK-ACCESS-KEY", signer.key),
        ("OK-ACCESS-PASSPHRASE", signer.passphrase()),
        ("OK-ACCESS-TIMESTAMP", stamp),
        ("OK-ACCESS-SIGN", Secret(hmac_base64(signer, f"{stamp}{method}{path}{body}"))),
    ]


def login(context: Context, now_ns: int) -> Send:
    signer = context.signer
    stamp = str(signer.venue_ns(now_ns) // S)
    arg = {
        "apiKey": signer.key,
        "passphrase": "".join(signer.passphrase()),
        "timestamp": stamp,
        "sign": hmac_base64(signer, f"{stamp}GET/users/self/verify"),
    }
    return Send(Secret(json_text({"op": "login", "args": [arg]})))


def expires(context: Context, deadline_ns: int, now_ns: int) -> str:
    """``expTime`` in ms of the venue's clock."""
    return str(context.signer.venue_ns(deadline_ns or now_ns + ORDER_WINDOW_NS) // MS)


def unwrap(answer: HttpAnswer) -> RestReply | None:
    """The envelope's code and data."""
    found = read_json(rows.ENVELOPE, answer.body)
    return None if found is None or not found.code else RestReply(*item(found), found.data)


def item(found: rows.Envelope) -> tuple[str, str]:
    """The code and text of a refusal: an order's item has a code of its own, which decides."""
    if found.code in ("1", "2"):
        ack = next(iter(rows.acks(found.data)), rows.Ack())
        return ack.s_code or found.code, ack.s_msg or found.msg
    return found.code, found.msg


# --- the calls ---


def order_params(context: Context, what: NewOrder, trade_mode: str) -> list[tuple[str, str]]:
    """All parameters of a new order except the instrument."""
    known = context.catalogue.get(what.instrument)
    payer = [("tradeQuoteCcy", known.settle)] if known is not None and known.settle else []
    return [
        ("tdMode", trade_mode),
        ("side", what.side.value),
        ("ordType", "post_only" if what.post_only else _TIFS[what.tif]),
        ("px", plain(what.px)),
        ("sz", plain(what.qty)),
        ("clOrdId", what.cl_ord_id),
        *payer,
    ]


def key_params(what: CancelOrder | QueryOrder) -> list[tuple[str, str]]:
    return [("ordId", what.order_id)] if what.order_id else [("clOrdId", what.cl_ord_id)]


def _ack(got: Got) -> list[OrderUpdate]:
    what, row = got.what, got.rows[0]
    ids = {"order_id": row.ord_id, "exch_ns": ms_ns(row.ts)}
    return [
        VERDICTS.answer(
            got.context, type(what), what.instrument, what.cl_ord_id, row.s_code or None, row.s_msg, got.now_ns, **ids
        )
    ]


def _pages(name: str) -> Pages:
    """By the ``name`` of the last row, as long as pages are full."""
    return Pages("after", lambda page: text(page[-1], name) if len(page) >= _PAGE else "")


def calls(trade_mode: str) -> CallTable:
    """Under ``cross``, spot orders are of the type MARGIN, so listings are not restricted to SPOT."""
    spot = [("instType", "SPOT")]
    orders = spot if trade_mode == "cash" else []

    def inst(context: Context, what: Any, now_ns: int) -> list[tuple[str, str]]:
        return [("instId", context.native(what.instrument))] if what.instrument else []

    def one(context: Context, what: CancelOrder | QueryOrder, now_ns: int) -> Params:
        return [*inst(context, what, now_ns), *key_params(what)]

    def fills(context: Context, what: ListFills, now_ns: int) -> Params:
        own = [("ordId", what.order_id)] if what.order_id else []
        since = [("begin", str(what.since_ns // MS))] if what.since_ns else []
        return [*orders, *inst(context, what, now_ns), *own, *since]

    def fixed(*params: tuple[str, str]) -> Callable[[Context, Any, int], Params]:
        return lambda context, what, now_ns: [*params, *inst(context, what, now_ns)]

    def read_instruments(got: Got) -> list[InstrumentUpdate]:
        return instruments(got.rows)

    def refine(got: Got) -> list[InstrumentUpdate]:
        """The account's own list says which currency pays. A pair must stand in the public list too."""
        public = {out.instrument.id for out in got.before if isinstance(out, InstrumentUpdate)}
        return [update for update in instruments(got.rows) if update.instrument.id in public]

    own_instruments = Call(path="/api/v5/account/instruments", params=fixed(*spot), read=refine)
    return CallTable(
        "okx",
        {
            AskKind.CATALOGUE: Call(
                path="/api/v5/public/instruments",
                signed=False,
                params=fixed(*spot),
                read=read_instruments,
                then=own_instruments,
                cost=[("instruments", 1, "")],
            ),
            AskKind.TIME: Call(
                path="/api/v5/public/time",
                signed=False,
                read=lambda got: [
                    time_sample("okx", int(got.rows[0]["ts"]) * MS, MS, got.answer.sent_ns, got.answer.recv_ns)
                ],
                cost=[("time", 1, "")],
            ),
            AskKind.ACCOUNT: Call(
                path="/api/v5/account/config",
                read=lambda got: _account(got, trade_mode),
                cost=[("config", 1, "")],
            ),
            AskKind.FEES: Call(
                path="/api/v5/account/trade-fee",  # without the instrument, special rates are missing
                params=fixed(*spot),
                read=_fees,
                cost=[("fee", 1, "")],
            ),
            AskKind.BALANCES: Call(
                path="/api/v5/account/balance",
                read=lambda got: balances(got.context, got.rows, trade_mode, True, got.now_ns),
                cost=[("balance", 1, "")],
            ),
            AskKind.ASSETS: Call(path="/api/v5/asset/currencies", read=_assets, cost=[("currencies", 1, "")]),
            NewOrder: Call(
                path="/api/v5/trade/order",
                method="POST",
                params=lambda context, what, now_ns: [
                    *inst(context, what, now_ns),
                    *order_params(context, what, trade_mode),
                ],
                rows=list[rows.Ack],
                read=_ack,
                cost=[("place", 1, "instrument")],
            ),
            CancelOrder: Call(
                path="/api/v5/trade/cancel-order",
                method="POST",
                params=one,
                rows=list[rows.Ack],
                read=_ack,
                cost=[("cancel", 1, "instrument")],
            ),
            QueryOrder: Call(path="/api/v5/trade/order", params=one, read=each(order), cost=[("query", 1, "")]),
            ListOpenOrders: Call(
                path="/api/v5/trade/orders-pending",
                params=lambda context, what, now_ns: inst(context, what, now_ns) or orders,
                read=each(order),
                cost=[("pending", 1, "")],
                pages=_pages("ordId"),
            ),
            ListFills: Call(
                path="/api/v5/trade/fills",
                params=fills,
                read=each(_LISTED_FILL.read),
                cost=[("fills", 1, "")],
                pages=_pages("billId"),
                memory_ns=3 * 86_400 * S,
            ),
        },
    )
