"""Bitget's rows as events, its signatures, and its REST calls (v2, classic account). https://www.bitget.com/api-doc/spot"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from msgspec import json
from msgspec.structs import replace

import arbkit.venue as kit
from arbkit_bitget import rows
from arbkit_bitget.verdicts import VERDICTS

WINDOW_NS = 5 * kit.S
"""``receiveWindow`` of orders without a deadline: Bitget refuses an order that arrives later after ``requestTime``."""
PLACE = "/api/v2/spot/trade/place-order"
TIME = "/api/v2/public/time"
DOLLARS = ("USDT", "USDC", "USD")
"""Quotes in which ``minTradeUSDT`` is a notional. Other pairs' minimum is not known before an order is refused."""
EACH_SECOND = {
    **dict.fromkeys(("place", "cancel", "fills", "balance", "fee"), 10),
    **dict.fromkeys(("query", "pending", "symbols", "time"), 20),
    "deduction": 5,
    "coins": 3,
    "info": 1,
}
"""Requests of each call in a second: by account, those without a key by address."""
_PAGE = 100
_FILLS_NS = 90 * kit.DAY
_DIGITS = 18
_TIFS = {kit.Tif.GTC: "gtc", kit.Tif.IOC: "ioc", kit.Tif.FOK: "fok"}

ORDER = kit.OrderFields(
    order_id="orderId",
    cl_ord_id="clientOid",
    statuses=kit.statuses(
        new="init new live", partially_filled="partially_filled", filled="filled", canceled="cancelled"
    ),
    qty="size",
    cum_qty="baseVolume",
    exch_ms="uTime",
)
_OPEN = replace(ORDER, px="priceAvg")
"""In the listing of open orders ``priceAvg`` is the limit price."""
_PUSHED = replace(ORDER, native="instId", qty="newSize", cum_qty="accBaseVolume")
_LISTED_FILL = ORDER.fill(
    maker=("tradeScope", "maker"),
    trade_id="tradeId",
    px="priceAvg",
    qty="size",
    charged=-1,
    fee="feeDetail.totalFee",
    fee_asset="feeDetail.feeCoin",
    exch_ms="cTime",
)
_PUSHED_FILL = replace(_LISTED_FILL, charged=1)
_LAST_FILL = _PUSHED.fill(
    maker=("tradeScope", "M"),
    trade_id="tradeId",
    px="fillPrice",
    qty="baseVolume",
    charged=-1,
    fee="fillFee",
    fee_asset="fillFeeCoin",
    exch_ms="fillTime",
)
_COIN = kit.BalanceFields(asset="coin", free="available", locked="frozen", exch_ms="uTime")
_PAIR = kit.InstrumentFields(
    base="baseCoin",
    quote="quoteCoin",
    trading=("online",),
    tick="tick",
    lot="lot",
    min_qty="lot",
    max_qty="most",
)
"""``minTradeAmount`` is obsolete: the least size is one lot. So is ``maxTradeAmount`` (mostly 9e20: no limit), but a
size above it is not tried."""


# --- rows as events ---


def _upper(row: kit.Row, name: str) -> dict[str, Any]:
    """The row with this name in capitals: some answers have "btcusdt" and "usdt"."""
    return {**row, name: kit.text(row, name).upper()}


def queried(context: kit.Context, row: kit.Row, source: str, now_ns: int) -> kit.OrderUpdate:
    return ORDER.read(context, _upper(row, "symbol"), source, now_ns)


def listed(context: kit.Context, row: kit.Row, source: str, now_ns: int) -> kit.OrderUpdate:
    return _OPEN.read(context, _upper(row, "symbol"), source, now_ns)


def pushed(context: kit.Context, row: kit.Row, now_ns: int) -> kit.OrderUpdate:
    """A row of the channel ``orders``, with the fill that caused it."""
    state = _PUSHED.read(context, row, "stream", now_ns)
    if state.ord_status is kit.OrdStatus.CANCELED and kit.text(row, "force").lower() in ("ioc", "fok"):
        reason = None if state.cum_qty else kit.RejectReason.NO_MATCH
        state = replace(state, ord_status=kit.OrdStatus.EXPIRED, reason=reason)
    if not kit.text(row, "tradeId") or not kit.amount(row, "baseVolume"):
        return state
    return kit.filled(state, _LAST_FILL.read(context, row, "stream", now_ns))


def listed_fill(context: kit.Context, row: kit.Row, source: str, now_ns: int) -> kit.OrderUpdate:
    return _LISTED_FILL.read(context, _upper(row, "symbol"), source, now_ns)


def pushed_fill(context: kit.Context, row: kit.Row, now_ns: int) -> kit.OrderUpdate:
    """A row of the channel ``fill``, a second report of each fill; it has no client order id. Fees were seen with both
    signs there, so each counts as charged."""
    first, *others = kit.inner(row, "feeDetail") or [{}]
    made = _PUSHED_FILL.read(context, {**row, "feeDetail": first}, "stream", now_ns)
    fees = [(kit.text(fee, "feeCoin"), abs(kit.number(kit.text(fee, "totalFee")))) for fee in others]
    return replace(made, fee=None if made.fee is None else abs(made.fee), extra_fees=fees)


def balances(context: kit.Context, coins: Sequence[kit.Row], snapshot: bool, now_ns: int) -> list[kit.Balance]:
    """``locked`` coins (a merchant's deposit) are no part of the account's money here."""
    return [_COIN.read(context, _upper(row, "coin"), snapshot, now_ns) for row in coins]


def _step(row: kit.Row, name: str) -> str:
    """The step of a number of decimals; "" if it is none, and the pair is not tradable then."""
    digits = kit.text(row, name)
    usual = digits.isascii() and digits.isdecimal() and len(digits) < 3 and int(digits) <= _DIGITS
    return f"{Decimal(1).scaleb(-int(digits)):f}" if usual else ""


def _instruments(got: kit.Got) -> list[kit.InstrumentUpdate]:
    """``areaSymbol`` marks pairs that are offered in some regions only, so they are listed and not tradable."""
    updates = []
    for row in got.rows:
        if not kit.text(row, "symbol") or not kit.text(row, "baseCoin") or not kit.text(row, "quoteCoin"):
            continue
        steps = {"tick": _step(row, "pricePrecision"), "lot": _step(row, "quantityPrecision")}
        most = kit.text(row, "maxTradeAmount")
        steps["most"] = most if len(most.partition(".")[0]) <= _DIGITS else ""
        least = kit.amount(row, "minTradeUSDT") if kit.text(row, "quoteCoin") in DOLLARS else None
        one = _PAIR.read("bitget", {**row, **steps}, min_notional=least or Decimal(0))
        regional = kit.text(row, "areaSymbol") == "yes"
        if regional or one.min_notional < 0:
            one = replace(one, tradable=False, status=f"{one.status} (some regions)" if regional else one.status)
        updates.append(kit.InstrumentUpdate(one))
    return updates


_fees = kit.fees("makerFeeRate", "takerFeeRate")


def _assets(got: kit.Got) -> list[kit.AssetStatus]:
    """Chains have "true" and "false" as text."""
    found = []
    for row in got.rows:
        chains = [
            {name: str(value).lower() == "true" for name, value in one.items()} for one in kit.inner(row, "chains")
        ]
        found.append(kit.movable("bitget", kit.text(row, "coin").upper(), chains, "rechargeable", "withdrawable"))
    return found


def _key(got: kit.Got) -> list[kit.AccountStatus]:
    """What the key may do (``GET /api/v2/spot/account/info``): the page's table has ``stow`` for spot orders, its
    sample ``trade``."""
    rights = [str(right) for right in got.rows.get("authorities") or ()]
    poor = "" if {"stow", "trade"} & set(rights) else "the key may not trade spot: make one that may"
    warnings = () if kit.text(got.rows, "ips") else ("the key has no address list",)
    # no page says which of them is for withdrawals
    return [kit.AccountStatus(got.context.account, poor, warnings, rights=rights)]


def _deduction(got: kit.Got) -> list[kit.AccountStatus]:
    """Fees in BGB: no page says which field of a fill is in which coin then."""
    paid = kit.text(got.rows, "deduct") == "on"
    problem = "fees are paid in BGB, which is not supported: switch it off in the account's settings" if paid else ""
    return [kit.AccountStatus(got.context.account, problem)]


# --- signatures ---


def sign(context: kit.Context, request: kit.RestRequest, now_ns: int, *, url: str, demo: bool) -> kit.HttpRequest:
    """The signed text is time, method, path with the query as it reads before it is encoded, and body. A new order
    carries ``requestTime`` and ``receiveWindow``: the window ends at the deadline if that is before ``WINDOW_NS``."""
    signer = context.signer if request.signed else None
    stamp = "" if signer is None else str(signer.venue_ns(now_ns) // kit.MS)
    headers: list[tuple[str, str]] = []
    path, target, body = request.path, url + request.path, b""
    if request.method == "POST":
        fields = dict(request.params)
        if path == PLACE:
            left_ns = request.deadline_ns - now_ns if request.deadline_ns else WINDOW_NS
            fields["requestTime"] = stamp
            fields["receiveWindow"] = str(max(min(left_ns, WINDOW_NS) // kit.MS, 1))
        body = json.encode(fields)
        headers.append(("Content-Type", "application/json"))
    elif request.params:
        path += "?" + "&".join([f"{name}={value}" for name, value in request.params])
        target += "?" + kit.query(request.params)
    if signer is not None:
        text = f"{stamp}{request.method}{path}{body.decode()}"
        headers += [
            ("ACCESS-KEY", signer.key),
            ("ACCESS-PASSPHRASE", signer.passphrase()),
            ("ACCESS-TIMESTAMP", stamp),
            ("ACCESS-SIGN", kit.Secret(b64encode(signer.hmac("sha256", text.encode())).decode())),
        ]
    if demo and request.path != TIME:
        headers.append(("PAPTRADING", "1"))
    return kit.HttpRequest(request.method, target, headers, body)


def login(context: kit.Context, now_ns: int) -> kit.Send:
    """The time in seconds, as every client sends it; one page says milliseconds."""
    signer = context.signer
    stamp = str(signer.venue_ns(now_ns) // kit.S)
    who = {"apiKey": signer.key, "passphrase": "".join(signer.passphrase())}
    when = {"timestamp": stamp, "sign": kit.hmac_base64(signer, f"{stamp}GET/user/verify")}
    return kit.Send(kit.Secret(kit.json_text({"op": "login", "args": [who | when]})))


def unwrap(answer: kit.HttpAnswer) -> kit.RestReply | None:
    found = kit.read_json(rows.ENVELOPE, answer.body)
    if found is None:
        return None
    return kit.RestReply(found.code, found.msg or found.message or "", found.data, found.request_time * kit.MS)


# --- the calls ---


def _inst(context: kit.Context, what: Any) -> list[tuple[str, str]]:
    return [("symbol", context.native(what.instrument))] if what.instrument else []


def _new(context: kit.Context, what: kit.NewOrder) -> kit.Params:
    return [
        ("symbol", context.native(what.instrument)),
        ("side", what.side.value),
        ("orderType", "limit"),
        ("force", "post_only" if what.post_only else _TIFS[what.tif]),
        ("price", kit.plain(what.px)),
        ("size", kit.plain(what.qty)),
        ("clientOid", what.cl_ord_id),
    ]


def _which(what: kit.CancelOrder | kit.QueryOrder) -> list[tuple[str, str]]:
    return [("orderId", what.order_id)] if what.order_id else [("clientOid", what.cl_ord_id)]


def _fills(context: kit.Context, what: kit.ListFills) -> kit.Params:
    own = [("orderId", what.order_id)] if what.order_id else []
    since = [("startTime", str(what.since_ns // kit.MS))] if what.since_ns else []
    return [*_inst(context, what), *own, *since, ("limit", str(_PAGE))]


def _ack(got: kit.Got) -> list[kit.OrderUpdate]:
    """Accepted, not final."""
    return got.acknowledged(got.rows.order_id, got.reply.exch_ns)


def _pages(name: str) -> kit.Pages:
    """Newest first; the next page is what is older than the ``name`` of the last row."""
    return kit.Pages("idLessThan", lambda page: kit.text(page[-1], name) if len(page) >= _PAGE else "")


def _fixed(*params: tuple[str, str]) -> Callable[[kit.Context, Any], kit.Params]:
    return lambda context, what: [*_inst(context, what), *params]


_DEDUCTION = kit.Call("/api/v2/spot/account/deduct-info", _deduction, "deduction", rows=dict[str, Any])
CALLS = kit.CallTable(
    "bitget",
    {
        kit.AskKind.CATALOGUE: kit.Call("/api/v2/spot/public/symbols", _instruments, "symbols", signed=False),
        kit.AskKind.TIME: kit.Call(TIME, kit.clock("serverTime", kit.MS), "time", rows=dict[str, Any], signed=False),
        kit.AskKind.ACCOUNT: kit.Call("/api/v2/spot/account/info", _key, "info", rows=dict[str, Any], then=_DEDUCTION),
        kit.AskKind.FEES: kit.Call(
            "/api/v2/common/trade-rate",
            _fees,
            "fee",
            rows=dict[str, Any],
            params=_fixed(("businessType", "spot")),
        ),
        kit.AskKind.BALANCES: kit.Call(
            "/api/v2/spot/account/assets",
            lambda got: balances(got.context, got.rows, True, got.now_ns),
            "balance",
            params=lambda context, what: [("assetType", "hold_only")],
        ),
        kit.AskKind.ASSETS: kit.Call("/api/v2/spot/public/coins", _assets, "coins", signed=False),
        kit.NewOrder: kit.Call(PLACE, _ack, [("place", 1, "account")], method="POST", params=_new, rows=rows.Ids),
        kit.CancelOrder: kit.Call(
            "/api/v2/spot/trade/cancel-order",
            _ack,
            [("cancel", 1, "account")],
            method="POST",
            params=lambda context, what: [*_inst(context, what), *_which(what)],
            rows=rows.Ids,
        ),
        # by clientOid it finds the orders of the last two hours
        kit.QueryOrder: kit.Call(
            "/api/v2/spot/trade/orderInfo", kit.each(queried), "query", params=lambda context, what: _which(what)
        ),
        kit.ListOpenOrders: kit.Call(
            "/api/v2/spot/trade/unfilled-orders",
            kit.each(listed),
            "pending",
            params=_fixed(("limit", str(_PAGE))),
            pages=_pages("orderId"),
        ),
        kit.ListFills: kit.Call(
            "/api/v2/spot/trade/fills",
            kit.each(listed_fill),
            "fills",
            params=_fills,
            pages=_pages("tradeId"),
            memory_ns=_FILLS_NS,
        ),
    },
    verdicts=VERDICTS,
    pauses=kit.Pauses(window_ns=kit.S, pages={403: ("*", 60 * kit.S)}),
    every={kit.Role.REST: [("ip", 1)]},
)
"""Limits are counted over one second, for each call alone; after a 429 its bucket is closed for so long. No Retry-After
is documented, and no length of a block: a page with 403 in place of Bitget's own answer stops all calls for a minute,
and twice as long when it comes again."""
