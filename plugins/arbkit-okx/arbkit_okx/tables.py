"""OKX's rows as events, its signatures, and its REST calls. https://www.okx.com/docs-v5/en/"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

import arbkit.venue as kit
from arbkit_okx import rows
from arbkit_okx.verdicts import VERDICTS

ORDER_WINDOW_NS = 5 * kit.S
"""``expTime`` of orders without a deadline. OKX has no default window."""
PAUSES = kit.Pauses(window_ns=2 * kit.S)
"""Limits are counted over 2 s. OKX sends no Retry-After."""
_PAGE = 100
_TIFS = {kit.Tif.GTC: "limit", kit.Tif.IOC: "ioc", kit.Tif.FOK: "fok"}
_MODES = {"1": "cash", "2": "cash", "3": "cross", "4": "cross"}
"""The ``tdMode`` of spot orders in the account modes (``acctLv``) spot, futures, multi-currency, portfolio."""

ORDER = kit.OrderFields(
    native="instId",
    order_id="ordId",
    cl_ord_id="clOrdId",
    status="state",
    statuses=kit.statuses(
        new="live", partially_filled="partially_filled", filled="filled", canceled="canceled", expired="mmp_canceled"
    ),
    px="px",
    qty="sz",
    cum_qty="accFillSz",
    exch_ms="uTime",
)
_PUSHED_FILL = ORDER.fill(
    trade_id="tradeId",
    px="fillPx",
    qty="fillSz",
    fee="fillFee",
    fee_asset="fillFeeCcy",
    charged=-1,
    maker=("execType", "M"),
    exch_ms="uTime",
)
_LISTED_FILL = replace(_PUSHED_FILL, fee="fee", fee_asset="feeCcy", exch_ms="ts")
_PAIR = kit.InstrumentFields(
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


def order(context: kit.Context, row: kit.Row, source: str, now_ns: int) -> kit.OrderUpdate:
    """One order row. A push contains the fill that caused it; a polled row only repeats the last fill, without fee."""
    state = ORDER.read(context, row, source, now_ns)
    kind, canceled_by = kit.text(row, "ordType"), kit.text(row, "cancelSource")
    if canceled_by:
        state = replace(state, text=f"cancelSource {canceled_by}")
    at_once = kind in ("ioc", "fok", "optimal_limit_ioc", "post_only") and canceled_by != "1"  # 1 = by its owner
    if state.ord_status is kit.OrdStatus.CANCELED and at_once:
        reason = kit.RejectReason.POST_ONLY if kind == "post_only" else kit.RejectReason.NO_MATCH
        state = replace(state, ord_status=kit.OrdStatus.EXPIRED, reason=None if state.cum_qty else reason)
    if source != "stream" or kit.text(row, "tradeId") in ("", "0") or not kit.amount(row, "fillSz"):
        return state
    return kit.filled(state, _PUSHED_FILL.read(context, row, source, now_ns))


def balances(
    context: kit.Context, accounts: Sequence[kit.Row], mode: str, snapshot: bool, now_ns: int
) -> list[kit.Balance]:
    """Free is ``availBal``, or ``availEq`` in the margin modes."""
    free = "availBal" if mode == "cash" else "availEq"
    fields = kit.BalanceFields(asset="ccy", free=free, locked="frozenBal", exch_ms="uTime")
    found = [row for account in accounts for row in kit.inner(account, "details")]
    return [fields.read(context, row, snapshot, now_ns) for row in found]


def instruments(found: Sequence[kit.Row]) -> list[kit.InstrumentUpdate]:
    """Rows of spot pairs. ``settle`` is the currency that pays, where the account may or must choose it. A new listing
    has only id, time and state at first, so it is not tradable."""
    updates = []
    for row in found:
        native, base, quote = (kit.text(row, name) for name in ("instId", "baseCcy", "quoteCcy"))
        if not native or kit.text(row, "instType") != "SPOT":
            continue
        if not base:
            base, _, quote = native.partition("-")
        payers = row.get("tradeQuoteCcyList") or [quote]
        settle = "" if payers == [quote] else quote if quote in payers else payers[0]
        updates.append(
            kit.InstrumentUpdate(_PAIR.read("okx", row, symbol=native, base=base, quote=quote, settle=settle))
        )
    return updates


def _fees(got: kit.Got) -> list[kit.FeeUpdate]:
    """Fee rates by the instrument's fee group; without a group the highest rates. OKX writes charges as negative
    numbers."""
    groups = {kit.text(group, "groupId"): group for row in got.rows for group in kit.inner(row, "feeGroup")}
    if not groups:
        return []
    dearest = min(groups.values(), key=lambda group: kit.amount(group, "taker") or Decimal(0))
    one = got.context.catalogue.get(got.what.instrument)
    updates = []
    for known in [one] if one is not None else got.context.catalogue.venue("okx"):
        maker, taker = (
            -kit.number(kit.text(groups.get(known.fee_group, dearest), side)) for side in ("maker", "taker")
        )
        updates.append(kit.FeeUpdate(got.context.account, known.id, maker, taker))
    return updates


def _assets(got: kit.Got) -> list[kit.AssetStatus]:
    """One row per chain. ``ctAddr`` is the end of the contract address (its last 6 characters)."""
    chains: dict[str, list[kit.Row]] = {}
    for row in got.rows:
        chains.setdefault(kit.text(row, "ccy"), []).append(row)
    return [kit.movable("okx", asset, found, "canDep", "canWd", "ctAddr") for asset, found in chains.items()]


def _account(got: kit.Got, trade_mode: str) -> list[kit.AccountStatus]:
    """What the account must be for this adapter (``GET /api/v5/account/config``)."""
    row = got.rows[0]
    mode = _MODES.get(kit.text(row, "acctLv"), "")
    problems = []
    if mode != trade_mode:
        problems.append(
            f"account mode {kit.text(row, 'acctLv')} does not trade spot as {trade_mode!r}: "
            f"set venues.okx.options.trade_mode = {mode!r}, or change the mode in the account settings"
        )
    if kit.text(row, "feeType") == "1":
        problems.append(
            "feeType 1 (all fees in the quote currency) is not supported: "
            "set the fee type to the received currency in the account settings"
        )
    rights = kit.text(row, "perm").split(",")
    if "trade" not in rights:
        problems.append("the key has no trade permission: make one that has it")
    warnings = () if kit.text(row, "ip") else ("the key has no address list: it expires after 14 days without use",)
    return [kit.AccountStatus(got.context.account, "; ".join(problems), warnings, "withdraw" in rights, rights)]


# --- signatures ---


def sign(context: kit.Context, request: kit.RestRequest, now_ns: int, *, url: str, demo: bool) -> kit.HttpRequest:
    """The signed text is time, method, path with query, and body. A new order carries ``expTime``."""
    path, body = request.path, ""
    if request.method == "POST":
        body = kit.json_text(dict(request.params))
    elif request.params:
        path = f"{path}?{kit.query(request.params)}"
    headers = proof(context, request.method, path, body, now_ns) if request.signed else []
    if body:
        headers.append(("Content-Type", "application/json"))
    if request.path == "/api/v5/trade/order" and body:
        headers.append(("expTime", expires(context, request.deadline_ns, now_ns)))
    if demo:
        headers.append(("x-simulated-trading", "1"))
    return kit.HttpRequest(request.method, url + path, headers, body.encode())


def proof(context: kit.Context, method: str, path: str, body: str, now_ns: int) -> list[tuple[str, str]]:
    """The headers that sign a request. ``path``: with its query, exactly as sent."""
    signer = context.signer
    seconds, rest = divmod(signer.venue_ns(now_ns), kit.S)
    stamp = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // kit.MS:03d}Z"
    return [
        ("OK-ACCESS-KEY", signer.key),
        ("OK-ACCESS-PASSPHRASE", signer.passphrase()),
        ("OK-ACCESS-TIMESTAMP", stamp),
        ("OK-ACCESS-SIGN", kit.Secret(kit.hmac_base64(signer, f"{stamp}{method}{path}{body}"))),
    ]


def login(context: kit.Context, now_ns: int) -> kit.Send:
    signer = context.signer
    stamp = str(signer.venue_ns(now_ns) // kit.S)
    arg = {
        "apiKey": signer.key,
        "passphrase": "".join(signer.passphrase()),
        "timestamp": stamp,
        "sign": kit.hmac_base64(signer, f"{stamp}GET/users/self/verify"),
    }
    return kit.Send(kit.Secret(kit.json_text({"op": "login", "args": [arg]})))


def expires(context: kit.Context, deadline_ns: int, now_ns: int) -> str:
    """``expTime`` in ms of the venue's clock."""
    return str(context.signer.venue_ns(deadline_ns or now_ns + ORDER_WINDOW_NS) // kit.MS)


def unwrap(answer: kit.HttpAnswer) -> kit.RestReply | None:
    """The envelope's code and data."""
    found = kit.read_json(rows.ENVELOPE, answer.body)
    return None if found is None or not found.code else kit.RestReply(*item(found), found.data)


def item(found: rows.Envelope) -> tuple[str, str]:
    """The code and text of a refusal: an order's item has a code of its own, which decides."""
    if found.code in ("1", "2"):
        ack = next(iter(rows.acks(found.data)), rows.Ack())
        return ack.s_code or found.code, ack.s_msg or found.msg
    return found.code, found.msg


# --- the calls ---


def order_params(context: kit.Context, what: kit.NewOrder, trade_mode: str) -> list[tuple[str, str]]:
    """All parameters of a new order except the instrument."""
    known = context.catalogue.get(what.instrument)
    payer = [("tradeQuoteCcy", known.settle)] if known is not None and known.settle else []
    return [
        ("tdMode", trade_mode),
        ("side", what.side.value),
        ("ordType", "post_only" if what.post_only else _TIFS[what.tif]),
        ("px", kit.plain(what.px)),
        ("sz", kit.plain(what.qty)),
        ("clOrdId", what.cl_ord_id),
        *payer,
    ]


def key_params(what: kit.CancelOrder | kit.QueryOrder) -> list[tuple[str, str]]:
    return [("ordId", what.order_id)] if what.order_id else [("clOrdId", what.cl_ord_id)]


def _ack(got: kit.Got) -> list[kit.OrderUpdate]:
    row = got.rows[0]
    return got.acknowledged(row.ord_id, kit.ms_ns(row.ts), row.s_code, row.s_msg)


def _pages(name: str) -> kit.Pages:
    """By the ``name`` of the last row, as long as pages are full."""
    return kit.Pages("after", lambda page: kit.text(page[-1], name) if len(page) >= _PAGE else "")


def calls(trade_mode: str) -> kit.CallTable:
    """Under ``cross``, spot orders are of the type MARGIN, so listings are not restricted to SPOT."""
    spot = [("instType", "SPOT")]
    orders = spot if trade_mode == "cash" else []

    def inst(context: kit.Context, what: Any) -> list[tuple[str, str]]:
        return [("instId", context.native(what.instrument))] if what.instrument else []

    def one(context: kit.Context, what: kit.CancelOrder | kit.QueryOrder) -> kit.Params:
        return [*inst(context, what), *key_params(what)]

    def fills(context: kit.Context, what: kit.ListFills) -> kit.Params:
        own = [("ordId", what.order_id)] if what.order_id else []
        since = [("begin", str(what.since_ns // kit.MS))] if what.since_ns else []
        return [*orders, *inst(context, what), *own, *since]

    def fixed(*params: tuple[str, str]) -> Callable[[kit.Context, Any], kit.Params]:
        return lambda context, what: [*params, *inst(context, what)]

    def read_instruments(got: kit.Got) -> list[kit.InstrumentUpdate]:
        return instruments(got.rows)

    def refine(got: kit.Got) -> list[kit.InstrumentUpdate]:
        """The account's own list says which currency pays. A pair must stand in the public list too."""
        public = {out.instrument.id for out in got.before if isinstance(out, kit.InstrumentUpdate)}
        return [update for update in instruments(got.rows) if update.instrument.id in public]

    own_instruments = kit.Call("/api/v5/account/instruments", refine, params=fixed(*spot))
    return kit.CallTable(
        "okx",
        {
            kit.AskKind.CATALOGUE: kit.Call(
                "/api/v5/public/instruments",
                read_instruments,
                "instruments",
                signed=False,
                params=fixed(*spot),
                then=own_instruments,
            ),
            kit.AskKind.TIME: kit.Call("/api/v5/public/time", kit.clock("ts", kit.MS), "time", signed=False),
            kit.AskKind.ACCOUNT: kit.Call("/api/v5/account/config", lambda got: _account(got, trade_mode), "config"),
            # without the instrument, special rates are missing
            kit.AskKind.FEES: kit.Call("/api/v5/account/trade-fee", _fees, "fee", params=fixed(*spot)),
            kit.AskKind.BALANCES: kit.Call(
                "/api/v5/account/balance",
                lambda got: balances(got.context, got.rows, trade_mode, True, got.now_ns),
                "balance",
            ),
            kit.AskKind.ASSETS: kit.Call("/api/v5/asset/currencies", _assets, "currencies"),
            kit.NewOrder: kit.Call(
                "/api/v5/trade/order",
                _ack,
                [("place", 1, "instrument")],
                method="POST",
                params=lambda context, what: [*inst(context, what), *order_params(context, what, trade_mode)],
                rows=list[rows.Ack],
            ),
            kit.CancelOrder: kit.Call(
                "/api/v5/trade/cancel-order",
                _ack,
                [("cancel", 1, "instrument")],
                method="POST",
                params=one,
                rows=list[rows.Ack],
            ),
            kit.QueryOrder: kit.Call("/api/v5/trade/order", kit.each(order), "query", params=one),
            kit.ListOpenOrders: kit.Call(
                "/api/v5/trade/orders-pending",
                kit.each(order),
                "pending",
                params=lambda context, what: inst(context, what) or orders,
                pages=_pages("ordId"),
            ),
            kit.ListFills: kit.Call(
                "/api/v5/trade/fills",
                kit.each(_LISTED_FILL.read),
                "fills",
                params=fills,
                pages=_pages("billId"),
                memory_ns=3 * kit.DAY,
            ),
        },
        verdicts=VERDICTS,
        pauses=PAUSES,
    )
