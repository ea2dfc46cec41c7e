"""KuCoin's rows as events, its signatures, and its REST calls (Classic account, HF). https://www.kucoin.com/docs-new/"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import json
from msgspec.structs import replace

import arbkit.venue as kit
from arbkit_kucoin import rows
from arbkit_kucoin.verdicts import VERDICTS, coded

WINDOW_NS = 5 * kit.S
"""``allowMaxTimeWindow`` of orders without a deadline: KuCoin refuses an order that arrives later after
``clientTimestamp``."""
PLACE = "/api/v1/hf/orders"
_BY_ID = "/api/v1/hf/orders/{orderId}"
_OURS = "/api/v1/hf/orders/client-order/{clientOid}"
_PAGE = 100
_FILLS_NS = 7 * kit.DAY
"""Fills are listed for at most seven days."""
_TIFS = {kit.Tif.GTC: "GTC", kit.Tif.IOC: "IOC", kit.Tif.FOK: "FOK"}
WINDOW_30_NS = 30 * kit.S
"""Budgets are counted over 30 s."""

ORDER = kit.OrderFields(
    order_id="id",
    cl_ord_id="clientOid",
    statuses=kit.statuses(new="active", filled="filled", canceled="cancelled"),
    qty="size",
    cum_qty="dealSize",
    exch_ms="lastUpdatedAt",
)
_PUSHED = replace(
    ORDER,
    order_id="orderId",
    status="type",
    statuses=kit.statuses(new="received open update", partially_filled="match", filled="filled", canceled="canceled"),
    qty="originSize",
    cum_qty="filledSize",
    exch_ms="ms",
)
_FILL = ORDER.fill(
    trade_id="tradeId",
    qty="size",
    fee="fee",
    fee_asset="feeCurrency",
    maker=("liquidity", "maker"),
    exch_ms="createdAt",
    order_id="orderId",
)
_MATCH = _PUSHED.fill(
    trade_id="tradeId",
    px="matchPrice",
    qty="matchSize",
    maker=("feeType", "makerFee"),
    exch_ms="ms",
)
"""``liquidity`` is wrong where the other order was hidden; ``feeType`` is right. The list of fills has the fee."""
_COIN = kit.BalanceFields(asset="currency", free="available", locked="holds")
PUSHED_BALANCE = kit.BalanceFields(asset="currency", free="available", locked="hold", exch_ms="time")
_PAIR = kit.InstrumentFields(
    base="baseCurrency",
    quote="quoteCurrency",
    tick="priceIncrement",
    lot="baseIncrement",
    min_qty="baseMinSize",
    max_qty="baseMaxSize",
    min_notional="minFunds",
    trading=("trading",),
)


# --- rows as events ---


def order(context: kit.Context, row: kit.Row, source: str, now_ns: int) -> kit.OrderUpdate:
    """A queried or listed order. ``active`` and ``cancelExist`` say its state. One that is neither is filled if all of
    it was dealt; else nothing is known: orders are queued, and no page says how one in the queue reads."""
    whole = kit.amount(row, "dealSize") == kit.amount(row, "size")
    ended = "cancelled" if row.get("cancelExist") is True else "filled" if whole else ""
    active = row.get("active")
    state = "active" if active is True else ended if active is False else ""
    update = ORDER.read(context, {**row, "status": state}, source, now_ns)
    if update.ord_status is kit.OrdStatus.NEW and update.cum_qty:
        return replace(update, ord_status=kit.OrdStatus.PARTIALLY_FILLED)
    if update.ord_status is kit.OrdStatus.CANCELED and kit.text(row, "timeInForce") in ("IOC", "FOK"):
        reason = None if update.cum_qty else kit.RejectReason.NO_MATCH
        return replace(update, ord_status=kit.OrdStatus.EXPIRED, reason=reason)
    return update


def pushed(context: kit.Context, row: kit.Row, now_ns: int) -> kit.OrderUpdate:
    """A row of the order topic; a ``match`` with its fill. ``ts`` is in ns."""
    row = {**row, "ms": kit.text(row, "ts")[:-6]}
    state = _PUSHED.read(context, row, "stream", now_ns)
    if state.ord_status is kit.OrdStatus.NEW and state.cum_qty:
        state = replace(state, ord_status=kit.OrdStatus.PARTIALLY_FILLED)
    if kit.text(row, "type") != "match":
        return state
    return kit.filled(state, _MATCH.read(context, row, "stream", now_ns))


def _instruments(got: kit.Got) -> list[kit.InstrumentUpdate]:
    """A pair before its listing, or in a call auction, has no continuous book. Fees are in ``feeCurrency``, mostly the
    quote; a pair with another one is not offered. So are pairs of tokens with leverage (market "ETF")."""
    updates = []
    for row in got.rows:
        base, quote = kit.text(row, "baseCurrency"), kit.text(row, "quoteCurrency")
        if not kit.text(row, "symbol") or not base or not quote or kit.text(row, "market") == "ETF":
            continue
        begin = kit.amount(row, "tradingStartTime") or 0
        on = row.get("enableTrading") is True and row.get("callauctionIsEnabled") is not True
        waits = begin * kit.MS > got.now_ns
        known = kit.text(row, "feeCurrency") == quote
        state = "other fees" if not known else "waits" if waits else "trading" if on else "closed"
        updates.append(kit.InstrumentUpdate(_PAIR.read("kucoin", {**row, "status": state}, fee_in_quote=True)))
    return updates


_fees = kit.fees("makerFeeRate", "takerFeeRate")
_assets = kit.assets("currency", "chains", "isDepositEnabled", "isWithdrawEnabled", "contractAddress")


def _balances(got: kit.Got) -> list[kit.Balance]:
    """Of the account that trades."""
    own = [row for row in got.rows if kit.text(row, "type") in ("trade", "trade_hf")]
    return [_COIN.read(got.context, row, True, got.now_ns) for row in own]


def _key(got: kit.Got) -> list[kit.AccountStatus]:
    """What the key may do."""
    rights = [right.strip() for right in kit.text(got.rows, "permission").split(",")]
    poor = "" if "Spot" in rights else "the key may not trade spot: make one with the permission Spot"
    warnings = () if kit.text(got.rows, "ipWhitelist") else ("the key has no address list",)
    # the page lists this right without saying what it is for: take it for one that lets money leave
    withdraw = True if "Transfer" in rights else None
    return [kit.AccountStatus(got.context.account, poor, warnings, withdraw, rights)]


def _mode(got: kit.Got) -> list[kit.AccountStatus]:
    unified = kit.text(got.rows, "selfAccountMode") == "UNIFIED"
    poor = "a unified trading account: only Classic accounts are supported" if unified else ""
    return [kit.AccountStatus(got.context.account, poor)]


# --- signatures ---


def sign(context: kit.Context, request: kit.RestRequest, now_ns: int, *, url: str) -> kit.HttpRequest:
    """The signed text is time, method, path with the query, and body. A new order carries ``clientTimestamp`` and
    ``allowMaxTimeWindow``: the window ends at the deadline if that is before ``WINDOW_NS``."""
    signer = context.signer if request.signed else None
    stamp = 0 if signer is None else signer.venue_ns(now_ns) // kit.MS
    headers: list[tuple[str, str]] = []
    path, body = request.path, b""
    if request.method == "POST":
        fields = dict(request.params)
        if path == PLACE:
            left_ns = request.deadline_ns - now_ns if request.deadline_ns else WINDOW_NS
            fields |= {"clientTimestamp": stamp, "allowMaxTimeWindow": max(min(left_ns, WINDOW_NS) // kit.MS, 1)}
        body = json.encode(fields) if fields else b""
        headers.append(("Content-Type", "application/json"))
    elif request.params:
        path += "?" + kit.query(request.params)
    if signer is not None:
        text = f"{stamp}{request.method}{path}{body.decode()}"
        headers += [
            ("KC-API-KEY", signer.key),
            ("KC-API-KEY-VERSION", "2"),
            ("KC-API-TIMESTAMP", str(stamp)),
            ("KC-API-PASSPHRASE", signer.passphrase("sha256")),
            ("KC-API-SIGN", kit.Secret(kit.hmac_base64(signer, text))),
        ]
    return kit.HttpRequest(request.method, url + path, headers, body)


def unwrap(answer: kit.HttpAnswer) -> kit.RestReply | None:
    found = kit.read_json(rows.ENVELOPE, answer.body)
    if found is None:
        return None
    return kit.RestReply(coded(found.code, found.msg or ""), found.msg or "", found.data)


def usage(context: kit.Context, buckets: Sequence[str], answer: kit.HttpAnswer, now_ns: int) -> list[kit.RateReport]:
    """``gw-ratelimit-remaining`` of ``gw-ratelimit-limit``; after a 429 ``gw-ratelimit-reset`` ms are left."""
    most, left, reset = (answer.headers.get(f"gw-ratelimit-{name}", "") for name in ("limit", "remaining", "reset"))
    if not all(one.isascii() and one.isdecimal() and len(one) < 10 for one in (most, left, reset)):
        return []
    until_ns = now_ns + int(reset) * kit.MS if answer.status == 429 else 0
    return [
        kit.RateReport(
            venue="kucoin",
            bucket=bucket,
            used=int(most) - int(left),
            limit=int(most),
            until_ns=until_ns,
            recv_ns=now_ns,
        )
        for bucket in buckets
    ]


def address(answer: kit.HttpAnswer, own: str) -> kit.Dial:
    """The private socket's address, with a token that is valid for one day. ``own``: a host that the user gave, in
    place of the one that KuCoin names."""
    reply = unwrap(answer)
    if reply is None:
        raise kit.RemoteProtocolError(f"kucoin gave no token: HTTP {answer.status}")
    if reply.code not in VERDICTS.ok:
        error = VERDICTS.refused_login("kucoin", reply.code, reply.text)
        raise error or kit.RemoteProtocolError(f"kucoin gave no token: {reply.code} {reply.text}")
    found = kit.read_json(rows.TOKEN, bytes(reply.data))
    if found is None or not found.token or not found.servers:
        raise kit.RemoteProtocolError("kucoin gave no token: unreadable")
    url = own or found.servers[0].endpoint
    if not own and not url.startswith("wss://"):
        raise kit.RemoteProtocolError(f"kucoin named a socket that is not encrypted: {url[:60]}")
    return kit.Dial(kit.Secret(f"{url.rstrip('/')}/?{kit.query([('token', found.token), ('connectId', 'arbkit')])}"))


# --- the calls ---


def _inst(context: kit.Context, what: Any) -> list[tuple[str, str]]:
    return [("symbol", context.native(what.instrument))]


def _new(context: kit.Context, what: kit.NewOrder) -> kit.Params:
    params: list[tuple[str, Any]] = [
        ("clientOid", what.cl_ord_id),
        ("symbol", context.native(what.instrument)),
        ("side", what.side.value),
        ("type", "limit"),
        ("price", kit.plain(what.px)),
        ("size", kit.plain(what.qty)),
        ("timeInForce", _TIFS[what.tif]),
    ]
    return [*params, ("postOnly", True)] if what.post_only else params


def _by_id(context: kit.Context, what: kit.CancelOrder | kit.QueryOrder) -> kit.Params:
    return [*_inst(context, what), ("orderId", what.order_id)]


def _ours(context: kit.Context, what: kit.CancelOrder | kit.QueryOrder) -> kit.Params:
    return [*_inst(context, what), ("clientOid", what.cl_ord_id)]


def _fill_params(context: kit.Context, what: kit.ListFills) -> kit.Params:
    own = [("orderId", what.order_id)] if what.order_id else []
    since = [("startAt", str(what.since_ns // kit.MS))] if what.since_ns else []
    return [*_inst(context, what), *own, *since, ("limit", str(_PAGE))]


def _one(got: kit.Got) -> list[kit.OrderUpdate]:
    """The order, or none: an unknown one is ``null``."""
    return kit.each(order)(replace(got, rows=[got.rows] if got.rows else []))


def _list(got: kit.Got) -> list[kit.OrderUpdate]:
    """The rows; no orders are ``null`` or an empty list."""
    return kit.each(order)(replace(got, rows=got.rows or []))


def _fills(got: kit.Got) -> list[kit.OrderUpdate]:
    rows = got.rows.items if got.rows is not None else []
    return kit.each(_FILL.read)(replace(got, rows=rows))


def _older(found: rows.Fills | None) -> str:
    """Newest first; the next page begins after ``lastId``."""
    return str(found.last_id) if found is not None and len(found.items) >= _PAGE and found.last_id else ""


_OPEN = dict[str, Any] | None
_LOOKUP = kit.Call(_OURS, _one, [("spot", 2, "")], rows=_OPEN, params=_ours)
CALLS = kit.CallTable(
    "kucoin",
    {
        kit.AskKind.CATALOGUE: kit.Call("/api/v2/symbols", _instruments, [("public", 4, "")], signed=False),
        kit.AskKind.TIME: kit.Call(
            "/api/v1/timestamp",
            lambda got: [kit.time_sample("kucoin", got.rows * kit.MS, kit.MS, got.answer.sent_ns, got.answer.recv_ns)],
            [("public", 3, "")],
            rows=int,
            signed=False,
        ),
        kit.AskKind.ASSETS: kit.Call("/api/v3/currencies", _assets, [("public", 3, "")], signed=False),
        kit.AskKind.TOKEN: kit.Call(
            "/api/v1/bullet-private",
            kit.by_socket,
            [("spot", 10, "")],
            rows=Any,
            method="POST",
        ),
        kit.AskKind.ACCOUNT: kit.Call(
            "/api/v1/user/api-key",
            _key,
            [("management", 20, "")],
            rows=dict[str, Any],
            then=kit.Call("/api/ua/v1/account/mode", _mode, [("management", 60, "")], rows=dict[str, Any]),
        ),
        kit.AskKind.FEES: kit.Call(
            "/api/v1/trade-fees",
            _fees,
            [("spot", 3, "")],
            params=lambda context, what: [("symbols", context.native(what.instrument))],
        ),
        kit.AskKind.BALANCES: kit.Call(
            "/api/v1/accounts",
            _balances,
            [("management", 5, "")],
            params=lambda context, what: [("type", "trade")],
        ),
        kit.NewOrder: kit.Call(
            PLACE,
            lambda got: got.acknowledged(got.rows.order_id),
            [("spot", 1, "")],
            method="POST",
            params=_new,
            rows=rows.Ids,
        ),
        kit.CancelOrder: kit.Call(
            _BY_ID,
            lambda got: got.acknowledged(got.rows.order_id),
            [("spot", 1, "")],
            method="DELETE",
            params=_by_id,
            rows=rows.Ids,
            lookup=_LOOKUP,
        ),
        kit.QueryOrder: kit.Call(_BY_ID, _one, [("spot", 2, "")], rows=_OPEN, params=_by_id, lookup=_LOOKUP),
        kit.ListOpenOrders: kit.Call(
            "/api/v1/hf/orders/active",
            _list,
            [("spot", 2, "")],
            rows=list[dict[str, Any]] | None,
            params=_inst,
            among=kit.Call(
                "/api/v1/hf/orders/active/symbols",
                lambda got: [
                    kit.Ask(kind=kit.AskKind.PAGE, instrument=got.context.instrument(native))
                    for native in (got.rows.symbols if got.rows is not None else ())
                ],
                rows=rows.Symbols | None,
            ),
        ),
        kit.ListFills: kit.Call(
            "/api/v1/hf/fills",
            _fills,
            [("spot", 2, "")],
            rows=rows.Fills | None,
            params=_fill_params,
            pages=kit.Pages("lastId", _older),
            memory_ns=_FILLS_NS,
        ),
    },
    verdicts=VERDICTS,
    pauses=kit.Pauses(window_ns=kit.S, pages={403: ("*", WINDOW_30_NS)}),
)
"""Weights are those of the pages. 429 also means an overload, so without the header a budget is closed for a second.
A page with 403 in place of KuCoin's own answer is the firewall in front: all calls stop for 30 s."""
