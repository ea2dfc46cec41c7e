"""Crypto.com's rows as events, its signatures, and its REST calls (Exchange v1).

https://exchange-developer.crypto.com/exchange/v1/docs
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import json
from msgspec.structs import replace

import arbkit.venue as kit
from arbkit_cryptocom import rows
from arbkit_cryptocom.verdicts import VERDICTS

BASE = "/exchange/v1/"
PLACE, CANCEL, FILLS = "private/create-order", "private/cancel-order", "private/get-trades"
WINDOW_NS = 60 * kit.S
"""A request whose ``nonce`` (a time in ms) is further off is refused."""
LIMITS = {
    **dict.fromkeys(("place", "cancel"), (15, 100 * kit.MS)),
    "query": (30, 100 * kit.MS),
    "fills": (1, kit.S),
    **dict.fromkeys(("pending", "balance", "fee", "networks"), (3, 100 * kit.MS)),
    **dict.fromkeys(("instruments", "book"), (100, kit.S)),
}
"""Requests of each method and their time: by key, those without a key by address."""
_PAGE = 100
_FILLS_NS = 7 * kit.DAY
"""One request for fills covers so long at most."""
_TIFS = {kit.Tif.GTC: "GOOD_TILL_CANCEL", kit.Tif.IOC: "IMMEDIATE_OR_CANCEL", kit.Tif.FOK: "FILL_OR_KILL"}
_AT_ONCE = (_TIFS[kit.Tif.IOC], _TIFS[kit.Tif.FOK])

ORDER = kit.OrderFields(
    native="instrument_name",
    order_id="order_id",
    cl_ord_id="client_oid",
    statuses=kit.statuses(
        new="NEW PENDING ACTIVE", filled="FILLED", canceled="CANCELED", rejected="REJECTED", expired="EXPIRED"
    ),
    px="limit_price",
    qty="quantity",
    cum_qty="cumulative_quantity",
    exch_ms="update_time",
)
FILL = ORDER.fill(
    trade_id="trade_id",
    exch_ms="create_time",
    px="traded_price",
    qty="traded_quantity",
    charged=-1,
    maker=("taker_side", "MAKER"),
    fee="fees",
    fee_asset="fee_instrument_name",
)
_COIN = kit.BalanceFields(asset="instrument_name", free="quantity", locked="reserved_qty")
_PAIR = kit.InstrumentFields(
    trading=("tradable",),
    base="base_ccy",
    quote="quote_ccy",
    tick="price_tick_size",
    **dict.fromkeys(("lot", "min_qty"), "qty_tick_size"),
)


# --- rows as events ---


def state(context: kit.Context, row: kit.Row, source: str, now_ns: int) -> kit.OrderUpdate:
    """An order, of a query or of the stream. ``reason`` is one of the codes of answers."""
    update = ORDER.read(context, row, source, now_ns)
    said = kit.text(row, "reason")
    match update.ord_status:
        case kit.OrdStatus.NEW if update.cum_qty:
            return replace(update, ord_status=kit.OrdStatus.PARTIALLY_FILLED)
        case kit.OrdStatus.REJECTED:
            verdict = VERDICTS.of(int(said) if said.isascii() and said.isdecimal() else None)
            if update.cum_qty:
                return replace(update, ord_status=kit.OrdStatus.CANCELED, text=said)
            reason = verdict.reason if verdict.proved else kit.RejectReason.OTHER
            return replace(update, reason=reason, lasting=verdict.lasting, text=said)
        case kit.OrdStatus.CANCELED | kit.OrdStatus.EXPIRED if kit.text(row, "time_in_force") in _AT_ONCE:
            reason = None if update.cum_qty else kit.RejectReason.NO_MATCH
            return replace(update, ord_status=kit.OrdStatus.EXPIRED, reason=reason)
    return update


def fill(context: kit.Context, row: kit.Row, source: str, now_ns: int) -> kit.OrderUpdate:
    return FILL.read(context, row, source, now_ns)


def _balances(got: kit.Got) -> list[kit.Balance]:
    """The coins of the wallet: what is reserved is part of ``quantity``. The totals are margin figures in USD."""
    found = []
    for row in (coin for wallet in got.rows for coin in kit.inner(wallet, "position_balances")):
        coin = _COIN.read(got.context, row, True, got.now_ns)
        found.append(replace(coin, free=coin.free - coin.locked))
    return found


def _instruments(got: kit.Got) -> list[kit.InstrumentUpdate]:
    """Spot pairs; beta products are listed and not tradable."""
    updates = []
    for row in got.rows:
        if kit.text(row, "inst_type") != "CCY_PAIR" or not all(
            kit.text(row, name) for name in ("symbol", "base_ccy", "quote_ccy")
        ):
            continue
        state = "beta" if row.get("beta_product") is True else "tradable" if row.get("tradable") is True else "closed"
        updates.append(kit.InstrumentUpdate(_PAIR.read("cryptocom", {**row, "status": state})))
    return updates


def _fees(got: kit.Got) -> list[kit.FeeUpdate]:
    """In hundredths of a percent."""
    maker, taker = (
        kit.number(kit.text(got.rows, f"effective_{side}_rate_bps") or "x").scaleb(-4) for side in ("maker", "taker")
    )
    return [kit.FeeUpdate(got.context.account, got.what.instrument, maker, taker)]


def _assets(got: kit.Got) -> list[kit.AssetStatus]:
    return [
        kit.movable("cryptocom", asset, kit.inner(row, "network_list"), "deposit_enabled", "withdraw_enabled")
        for asset, row in got.rows["currency_map"].items()
    ]


# --- signatures ---


def flat(value: Any) -> str:
    """How parameters are signed: names in order, each with its value, without anything between; lists likewise."""
    if isinstance(value, Mapping):
        return "".join([f"{name}{flat(value[name])}" for name in sorted(value)])
    if isinstance(value, list | tuple):
        return "".join([flat(one) for one in value])
    return str(value)


def signed(context: kit.Context, method: str, params: Mapping[str, Any], now_ns: int, number: int = 0) -> Any:
    """A request with its signature. ``nonce``: the time in ms, which no two requests have; it is the id too unless
    there is a ``number``."""
    signer = context.signer
    nonce = signer.nonce(signer.venue_ns(now_ns) // kit.MS)
    number = number or nonce
    text = f"{method}{number}{signer.key}{flat(params)}{nonce}"
    return {
        "id": number,
        "method": method,
        "api_key": signer.key,
        "params": params,
        "nonce": nonce,
        "sig": kit.hmac_hex(signer, text),
    }


def sign(context: kit.Context, request: kit.RestRequest, now_ns: int, *, url: str) -> kit.HttpRequest:
    """Private calls are POST with all in the body. The time of fills does not begin earlier than the venue allows."""
    target = url + request.path
    if not request.signed:
        asked = kit.query(request.params)
        return kit.HttpRequest("GET", f"{target}?{asked}" if asked else target)
    method, params = request.path.removeprefix(BASE), dict(request.params)
    if method == FILLS:
        earliest_ns = context.signer.venue_ns(now_ns) - _FILLS_NS + kit.S
        params["start_time"] = str(max(int(params["start_time"]), earliest_ns))
    body = json.encode(signed(context, method, params, now_ns))
    return kit.HttpRequest("POST", target, [("Content-Type", "application/json")], body)


def unwrap(answer: kit.HttpAnswer) -> kit.RestReply | None:
    found = kit.read_json(rows.ENVELOPE, answer.body)
    if found is None:
        return None
    inner = kit.read_json(rows.DATA, bytes(found.result))
    data = inner.data if inner is not None and bytes(inner.data) else found.result
    return kit.RestReply(found.code, found.message or "", data)


# --- the calls ---


def order(context: kit.Context, what: kit.NewOrder) -> list[tuple[str, Any]]:
    """Numbers are texts, because that is what is signed."""
    post_only = [("exec_inst", ["POST_ONLY"])] if what.post_only else []
    return [
        ("instrument_name", context.native(what.instrument)),
        ("side", what.side.value.upper()),
        ("type", "LIMIT"),
        ("price", kit.plain(what.px)),
        ("quantity", kit.plain(what.qty)),
        ("client_oid", what.cl_ord_id),
        ("time_in_force", _TIFS[what.tif]),
        *post_only,
        ("spot_margin", "SPOT"),
    ]


def which(what: kit.CancelOrder | kit.QueryOrder) -> list[tuple[str, Any]]:
    return [("order_id", what.order_id)] if what.order_id else [("client_oid", what.cl_ord_id)]


def _inst(context: kit.Context, what: Any) -> list[tuple[str, str]]:
    return [("instrument_name", context.native(what.instrument))] if what.instrument else []


def _fills(context: kit.Context, what: kit.ListFills) -> kit.Params:
    """Times in ns."""
    return [*_inst(context, what), ("start_time", str(what.since_ns)), ("limit", str(_PAGE))]


def _listed_fills(got: kit.Got) -> list[kit.OrderUpdate]:
    """The call does not know orders, so the fills of others are left out here; and those of the page before, whose end
    is the beginning of this one."""
    seen = {one.trade_id for one in got.before if isinstance(one, kit.OrderUpdate)}
    found = [one for one in kit.each(fill)(got) if one.trade_id not in seen]
    return [one for one in found if got.what.order_id in ("", one.order_id)]


def _older(page: Sequence[kit.Row]) -> str:
    """Where the next page ends."""
    oldest = min((int(kit.text(row, "create_time_ns")) for row in page), default=0)
    return str(oldest + 1) if len(page) >= _PAGE else ""


def _ack(got: kit.Got) -> list[kit.OrderUpdate]:
    """Accepted, not final."""
    return got.acknowledged(got.rows.order_id)


def _call(method: str, read: Callable[[kit.Got], Sequence[kit.Output]], cost: Any, **more: Any) -> kit.Call:
    return kit.Call(BASE + method, read, cost, method="POST", **more)


CALLS = kit.CallTable(
    "cryptocom",
    {
        kit.AskKind.CATALOGUE: kit.Call(BASE + "public/get-instruments", _instruments, "instruments", signed=False),
        kit.AskKind.TIME: kit.Call(
            BASE + "public/get-book",
            kit.dated,
            "book",
            params=lambda context, what: [("instrument_name", "BTC_USDT"), ("depth", "1")],
            signed=False,
        ),
        kit.AskKind.FEES: _call("private/get-instrument-fee-rate", _fees, "fee", rows=dict[str, Any], params=_inst),
        kit.AskKind.BALANCES: _call("private/user-balance", _balances, "balance"),
        kit.AskKind.ASSETS: _call("private/get-currency-networks", _assets, "networks", rows=dict[str, Any]),
        kit.NewOrder: _call(PLACE, _ack, [("place", 1, "account")], rows=rows.Ids, params=order),
        kit.CancelOrder: _call(
            CANCEL, _ack, [("cancel", 1, "account")], rows=rows.Ids, params=lambda context, what: which(what)
        ),
        kit.QueryOrder: _call(
            "private/get-order-detail",
            lambda got: kit.each(state)(replace(got, rows=[got.rows])),
            "query",
            rows=dict[str, Any],
            params=lambda context, what: which(what),
        ),
        # all of them at once: at most 200 of a pair and 1,000 of an account
        kit.ListOpenOrders: _call("private/get-open-orders", kit.each(state), "pending", params=_inst),
        # the newest before end_time, which is not part of it; those of the same nanosecond come twice
        kit.ListFills: _call(
            FILLS,
            _listed_fills,
            "fills",
            params=_fills,
            pages=kit.Pages("end_time", _older),
            memory_ns=_FILLS_NS - 2 * kit.S,
        ),
    },
    verdicts=VERDICTS,
    pauses=kit.Pauses(window_ns=kit.S, pages={403: ("*", 60 * kit.S)}),
)
"""After a throttle the bucket is closed for a second: no waiting time is told. A page with 403 in place of the venue's
own answer stops all calls for a minute, and twice as long when it comes again."""
