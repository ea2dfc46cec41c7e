"""Kraken's rows as events, its names, its signatures, and its REST calls. https://docs.kraken.com/api/docs/guides/"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

from msgspec import Raw
from msgspec.structs import replace

import arbkit.venue as kit
from arbkit_kraken import rows
from arbkit_kraken.verdicts import VERDICTS, coded

ORDER_WINDOW_NS = 5 * kit.S
"""``deadline`` of orders without one of their own. It is also Kraken's default for orders over WebSocket."""
CALLS_MOST = 20
"""Of the counter of REST calls (Intermediate)."""
NO_SESSION = "ESession:Invalid session"
PAUSES = kit.Pauses(window_ns=5 * kit.S)
"""After a throttle: "a few seconds" (guide "spot-rest-ratelimits"). Kraken sends HTTP 200 with it."""
_LOCKOUT_NS = 900 * kit.S
"""After too many wrong keys; a few minutes by the page, 15 by the venue's support."""
SOONEST_NS = {"ws": kit.S // 2, "rest": 2 * kit.S}
"""Kraken refuses a deadline that is nearer."""
_PAGES = kit.Pages("ofs", lambda answer: "more" if len(answer.get("trades", {})) >= 50 else "", size=50)
"""Newest first: a trade that comes meanwhile only repeats a row."""
_TIFS = {kit.Tif.GTC: "GTC", kit.Tif.IOC: "IOC", kit.Tif.FOK: "FOK"}
_NEEDED = {
    "query-funds": "Query (funds)",
    "query-open-trades": "Query open orders & trades",
    "query-closed-trades": "Query closed orders & trades",
    "modify-trades": "Create & modify orders",
    "create-ws-token": "WebSocket interface",
}
"""Permissions of a key that this adapter uses, and their names on Kraken's page."""


# --- names ---

_TICKERS = {"XBT": "BTC", "XDG": "DOGE"}
"""Assets whose REST name is another one than that of WebSocket v2."""
_ASSETS = {
    **{f"X{name}": name for name in ("ETC", "ETH", "LTC", "MLN", "REP", "XBT", "XDG", "XLM", "XMR", "XRP", "ZEC")},
    **{f"Z{name}": name for name in ("AUD", "CAD", "EUR", "GBP", "JPY", "USD")},
}
"""REST ids of the assets that have a prefix; assets listed since have none."""
_SPELLED = {ours: theirs for theirs, ours in _TICKERS.items()}
_PREFIXED = {name: prefixed for prefixed, name in _ASSETS.items()}


def asset(name: str) -> str:
    """``XXBT`` and ``XBT`` -> ``BTC``."""
    name = _ASSETS.get(name, name)
    return _TICKERS.get(name, name)


def pair_names(native: str) -> tuple[str, str]:
    """The REST names of a pair: ``BTC/USD`` -> ``XBTUSD`` (altname) and ``XXBTZUSD`` (id)."""
    assets = [_SPELLED.get(name, name) for name in native.split("/")]
    return "".join(assets), "".join([_PREFIXED.get(name, name) for name in assets])


def _places(context: kit.Context) -> Mapping[str, str]:
    """Instrument ids by REST name."""
    return {name: one.id for one in context.catalogue.venue("kraken") for name in pair_names(one.native)}


# --- rows as events ---

STATUSES = kit.statuses(
    new="pending_new new pending open",
    partially_filled="partially_filled",
    filled="filled closed",
    canceled="canceled",
    expired="expired",
)
_PUSHED = kit.OrderFields(
    order_id="order_id",
    status="order_status",
    statuses=STATUSES,
    cl_ord_id="cl_ord_id",
    px="limit_price",
    qty="order_qty",
    cum_qty="cum_qty",
)
_PUSHED_FILL = _PUSHED.fill(trade_id="exec_id", px="last_price", qty="last_qty", maker=("liquidity_ind", "m"))
KEPT = ("symbol", "side", "cl_ord_id", "order_qty", "limit_price", "time_in_force", "post_only")
"""Fields of an execution report that only the first one of an order has."""
_PAIR = kit.InstrumentFields(
    base="base",
    quote="quote",
    tick="price_increment",
    lot="qty_increment",
    min_qty="qty_min",
    min_notional="cost_min",
    trading=("online", "limit_only"),  # our orders are limit orders
)


def _ended(state: kit.OrderUpdate, at_once: bool, why: str) -> kit.OrderUpdate:
    """Kraken reports as ``canceled`` what its owner cancelled and what the engine ended: an IOC or FOK, self-trade
    prevention, a post-only order that would take. The reason says which."""
    if state.ord_status is not kit.OrdStatus.CANCELED or "user" in why.lower() or not (at_once or why):
        return replace(state, text=why)
    reason = None
    if not state.cum_qty:
        reason = kit.RejectReason.POST_ONLY if "post" in why.lower() else kit.RejectReason.NO_MATCH
    return replace(state, ord_status=kit.OrdStatus.EXPIRED, reason=reason, text=why)


def execution(context: kit.Context, whole: kit.Row, row: kit.Row, now_ns: int) -> kit.OrderUpdate:
    """A report of the ``executions`` channel. ``whole``: with what earlier reports of the order said."""
    at_once = kit.text(whole, "time_in_force").upper() in ("IOC", "FOK")
    state = _PUSHED.read(context, whole, "stream", now_ns)
    state = replace(_ended(state, at_once, kit.text(row, "reason")), exch_ns=kit.iso_ns(kit.text(row, "timestamp")))
    if kit.text(row, "exec_type") != "trade":
        return state
    fees = [(kit.text(fee, "asset"), kit.amount(fee, "qty") or Decimal(0)) for fee in kit.inner(row, "fees")]
    known = kit.filled(state, _PUSHED_FILL.read(context, whole, "stream", now_ns))
    if not fees:
        return known
    return replace(known, fee_asset=fees[0][0], fee=fees[0][1], extra_fees=fees[1:])


def _seconds_ns(row: kit.Row, *names: str) -> int:
    """The first of these times, given in seconds, that is set."""
    return next((int(at * kit.S) for name in names if (at := kit.amount(row, name))), 0)


def _order(context: kit.Context, txid: str, row: kit.Row, instrument: str, now_ns: int) -> kit.OrderUpdate:
    """A row of OpenOrders, ClosedOrders or QueryOrders, under the names of an execution report."""
    descr, words = row.get("descr") or {}, ("price", "type")
    px, side = (kit.text(descr, word) for word in words)
    named = {"order_id": txid, "order_status": row.get("status"), "cl_ord_id": row.get("cl_ord_id"), "side": side}
    sizes = {"limit_price": px, "order_qty": row.get("vol"), "cum_qty": row.get("vol_exec")}
    state = _ended(_PUSHED.read(context, named | sizes, "poll", now_ns), False, kit.text(row, "reason"))
    status, cum_qty, qty = state.ord_status, state.cum_qty or Decimal(0), state.qty or Decimal(0)
    if status is kit.OrdStatus.NEW and cum_qty:
        status = kit.OrdStatus.PARTIALLY_FILLED
    elif status is kit.OrdStatus.FILLED and cum_qty < qty:
        status = kit.OrdStatus.EXPIRED
    return replace(
        state,
        instrument=instrument,
        ord_status=status,
        exch_ns=_seconds_ns(row, "closetm", "opentm"),
        px=state.px or None,
    )


def _found(got: kit.Got) -> list[kit.OrderUpdate]:
    """The order that was asked for. Rows of other orders would mean that the venue ignored what was asked."""
    what, answer = got.what, got.rows
    wanted = what.ref if isinstance(what, kit.Ask) else what.cl_ord_id
    by_id = not isinstance(what, kit.Ask) and what.order_id
    orders: Mapping[str, kit.Row] = answer if by_id else answer.get("open", answer.get("closed", {}))
    return [
        _order(got.context, txid, row, what.instrument, got.now_ns)
        for txid, row in orders.items()
        if (txid == by_id if by_id else kit.text(row, "cl_ord_id") == wanted)
    ]


def _open(got: kit.Got) -> list[kit.OrderUpdate]:
    places, asked = _places(got.context), got.what.instrument
    found = []
    for txid, row in got.rows.get("open", {}).items():
        name = kit.text(row, "descr.pair")
        place = places.get(name, f"kraken:{name}")
        if place == asked or not asked or name not in places:
            found.append(_order(got.context, txid, row, place, got.now_ns))
    return found


def _fills(got: kit.Got) -> list[kit.OrderUpdate]:
    """Fees are in the quote asset (see ``order_params``). The rows have no client order ids."""
    context, what, places = got.context, got.what, _places(got.context)
    found = []
    for txid, row in got.rows.get("trades", {}).items():
        name, order_id = kit.text(row, "pair"), kit.text(row, "ordertxid")
        place = places.get(name, f"kraken:{name}")
        if (what.instrument and place != what.instrument and name in places) or what.order_id not in ("", order_id):
            continue
        known = context.catalogue.get(place)
        found.append(
            kit.OrderUpdate(
                account=context.account,
                instrument=place,
                cl_ord_id="",
                order_id=order_id,
                ord_status=kit.OrdStatus.PARTIALLY_FILLED,
                side=kit.Side(kit.text(row, "type")),
                last_px=kit.amount(row, "price") or Decimal(0),
                last_qty=kit.amount(row, "vol") or Decimal(0),
                trade_id=txid,
                fee=kit.amount(row, "fee"),
                fee_asset=known.quote if known is not None else "",
                maker=row.get("maker") is True,
                source="poll",
                exch_ns=_seconds_ns(row, "time"),
                recv_ns=got.now_ns,
            )
        )
    return found


def _balances(got: kit.Got) -> list[kit.Balance]:
    """Names with a suffix (``.F``, ``.S``, ``.B``, ``.M``, ``.T``) are earning or tokenised balances, left out."""
    found = []
    for name, row in got.rows.items():
        if "." in name:
            continue
        total, credit, used, held = (
            kit.amount(row, field) or Decimal(0) for field in ("balance", "credit", "credit_used", "hold_trade")
        )
        found.append(
            kit.Balance(
                account=got.context.account,
                asset=asset(name),
                free=total + credit - used - held,
                locked=held,
                snapshot=True,
                recv_ns=got.now_ns,
            )
        )
    return found


def _fees(got: kit.Got) -> list[kit.FeeUpdate]:
    """Rates in percent. A pair without maker rates has one rate."""
    known = got.context.catalogue.get(got.what.instrument)
    if known is None:
        return []
    taker, maker = (
        next((fees[name] for name in pair_names(known.native) if name in fees), None)
        for fees in (got.rows.get("fees") or {}, got.rows.get("fees_maker") or {})
    )
    if taker is None:
        return []
    rates = [(kit.amount(row, "fee") or Decimal(0)) / 100 for row in (maker or taker, taker)]
    return [kit.FeeUpdate(got.context.account, known.id, *rates)]


def _assets(got: kit.Got) -> list[kit.AssetStatus]:
    return [_movable(asset(name), kit.text(row, "status")) for name, row in got.rows.items()]


def _movable(name: str, status: str) -> kit.AssetStatus:
    """REST and WebSocket write the states with and without underscores."""
    status = status.replace("_", "")
    return kit.AssetStatus(
        "kraken", name, status in ("enabled", "depositonly"), status in ("enabled", "withdrawalonly")
    )


def instruments(got: kit.Got) -> list[kit.InstrumentUpdate]:
    """Left out: pairs without a WebSocket name, dark pools (``.d``), the US route of the same pair (``:BTNL``), and
    tokenised stocks. So is a row whose rules cannot be read: the others count."""
    updates = []
    for key, row in got.rows.items():
        name = kit.text(row, "wsname")
        if not name or ".d" in key or ":" in name or kit.text(row, "aclass_base") not in ("", "currency"):
            continue
        base, quote = (asset(part) for part in name.split("/"))
        try:
            rules = {
                "symbol": f"{base}/{quote}",
                "base": base,
                "quote": quote,
                "price_increment": kit.text(row, "tick_size"),
                "qty_increment": f"1e-{int(kit.text(row, 'lot_decimals'))}",
                "qty_min": kit.text(row, "ordermin"),
                "cost_min": kit.text(row, "costmin"),
                "status": kit.text(row, "status"),
            }
            updates.append(kit.InstrumentUpdate(_PAIR.read("kraken", rules, venue_ref=key, fee_in_quote=True)))
        except ValueError:
            continue
    return updates


def pushed_rules(context: kit.Context, data: Mapping[str, Any]) -> list[kit.Output]:
    """The ``instrument`` channel. It does not know the REST id of a pair."""
    out: list[kit.Output] = []
    for row in kit.inner(data, "pairs"):
        known = context.known(kit.text(row, "symbol"))
        if known is not None:
            out.append(kit.InstrumentUpdate(_PAIR.read("kraken", row, venue_ref=known.venue_ref, fee_in_quote=True)))
    out += [_movable(kit.text(row, "id"), kit.text(row, "status")) for row in kit.inner(data, "assets")]
    return out


def _account(got: kit.Got) -> list[kit.AccountStatus]:
    """What the key may do (``GetApiKeyInfo``)."""
    has = got.rows.get("permissions") or []
    missing = [name for permission, name in _NEEDED.items() if permission not in has]
    problem = f"the key lacks permissions: give it {', '.join(missing)}" if missing else ""
    warnings = () if got.rows.get("ipAllowlist") else ("the key has no address list",)
    rights = [str(right) for right in has]
    return [kit.AccountStatus(got.context.account, problem, warnings, "withdraw-funds" in rights, rights)]


# --- signatures ---


def sign(context: kit.Context, request: kit.RestRequest, now_ns: int, *, url: str) -> kit.HttpRequest:
    params = [(name, str(value)) for name, value in request.params]
    if not request.signed:
        return kit.unsigned(url)(context, request, now_ns)
    if request.path.endswith("/AddOrder"):
        params.append(("deadline", _deadline(context, request.deadline_ns, now_ns, "rest")))
    nonce = str(context.signer.nonce(now_ns))
    body = kit.query([("nonce", nonce), *params])
    headers = [
        ("API-Key", context.signer.key),
        ("API-Sign", kit.Secret(proof(context.signer, request.path, nonce, body))),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ]
    return kit.HttpRequest("POST", url + request.path, headers, body.encode())


def proof(signer: kit.Signer, path: str, nonce: str, body: str) -> str:
    """HMAC-SHA512, with the decoded secret, of the path and the SHA-256 of nonce and body (guide "spot-rest-auth")."""
    payload = path.encode() + sha256(f"{nonce}{body}".encode()).digest()
    return b64encode(signer.hmac("sha512", payload, "base64")).decode()


def _deadline(context: kit.Context, deadline_ns: int, now_ns: int, way: str) -> str:
    """``deadline`` by the venue's clock, in ms. One that is too near for Kraken becomes the nearest that it takes."""
    at_ns = max(min(deadline_ns or now_ns + ORDER_WINDOW_NS, now_ns + ORDER_WINDOW_NS), now_ns + SOONEST_NS[way])
    seconds, rest = divmod(context.signer.venue_ns(at_ns), kit.S)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // kit.MS:03d}Z"


def unwrap(answer: kit.HttpAnswer) -> kit.RestReply | None:
    """Kraken answers HTTP 200 also to what it refuses. Warnings (W) stand in the list of errors (E) too."""
    found = kit.read_json(rows.ENVELOPE, answer.body)
    if found is None:
        return None
    errors = sorted(found.error, key=lambda text: not text.startswith("E"))
    return kit.RestReply(*(coded(errors[0]) if errors else ("ok", "")), found.result)


_THROTTLED = re.compile(rb"EService: ?Throttled: ?([0-9]{10})(?![0-9])")


def usage(context: kit.Context, buckets: Sequence[str], answer: kit.HttpAnswer, now_ns: int) -> list[kit.RateReport]:
    """``EService: Throttled: <unix time>``, the lockout after wrong keys, and a counter that is full: also with what an
    earlier process used."""
    until = _THROTTLED.search(answer.body[:400])
    out = []
    if until is not None:
        until_ns = now_ns + max(0, int(until[1]) * kit.S - context.signer.venue_ns(now_ns))
        out += [kit.RateReport(venue="kraken", bucket=name, until_ns=until_ns, recv_ns=now_ns) for name in buckets]
    if b"EAPI:Rate limit exceeded" in answer.body[:400]:
        out.append(kit.RateReport(venue="kraken", bucket="calls", used=CALLS_MOST, recv_ns=now_ns))
    if b"EGeneral:Temporary lockout" in answer.body[:400]:
        out.append(kit.RateReport(venue="kraken", bucket="*", until_ns=now_ns + _LOCKOUT_NS, recv_ns=now_ns))
    return out


# --- the calls ---


def order_message(context: kit.Context, what: kit.NewOrder, now_ns: int) -> Mapping[str, Any]:
    """Of ``add_order``, with exact numbers. The fee is always taken in the quote asset, because Kraken's reports tell
    it in the quote asset only."""
    return {
        "deadline": _deadline(context, what.deadline_ns, now_ns, "ws"),
        "order_type": "limit",
        "side": what.side.value,
        "symbol": context.native(what.instrument),
        "order_qty": Raw(f"{what.qty:f}".encode()),
        "limit_price": Raw(f"{what.px:f}".encode()),
        "time_in_force": _TIFS[what.tif].lower(),
        **({"post_only": True} if what.post_only else {}),
        "cl_ord_id": what.cl_ord_id,
        "fee_preference": "quote",
    }


def _order_params(context: kit.Context, what: kit.NewOrder) -> kit.Params:
    return [
        ("pair", _rest_name(context, what.instrument)),
        ("type", what.side.value),
        ("ordertype", "limit"),
        ("volume", kit.plain(what.qty)),
        ("price", kit.plain(what.px)),
        ("timeinforce", _TIFS[what.tif]),
        ("oflags", "post,fciq" if what.post_only else "fciq"),
        ("cl_ord_id", what.cl_ord_id),
    ]


def _rest_name(context: kit.Context, instrument: str) -> str:
    known = context.catalogue.get(instrument)
    return known.venue_ref if known is not None and known.venue_ref else pair_names(context.native(instrument))[0]


def _query_params(context: kit.Context, what: kit.QueryOrder) -> kit.Params:
    """By Kraken's id the order is found in any state; by ours among the open ones, and then among the closed ones."""
    context.native(what.instrument)
    if what.order_id:
        return [("list", "QueryOrders"), ("txid", what.order_id)]
    return [("list", "OpenOrders"), ("cl_ord_id", what.cl_ord_id)]


def _fill_params(context: kit.Context, what: kit.ListFills) -> kit.Params:
    """Each fill alone, as the stream reports them. ``start`` is exclusive, in whole seconds."""
    since = [("start", str(what.since_ns // kit.S - 1))] if what.since_ns else []
    return [("consolidate_taker", "false"), ("without_count", "true"), *since]


def _ack(got: kit.Got) -> list[kit.OrderUpdate]:
    names = got.rows.get("txid") or [""]
    return got.acknowledged(str(names[0]))


def _cancelled(got: kit.Got) -> list[kit.OrderUpdate]:
    """``count``: how many orders were cancelled."""
    return got.acknowledged(got.what.order_id, 0, "ok" if got.rows.get("count") else "EOrder:Unknown order")


def _call(path: str, read: Any, cost: int = 1, **more: Any) -> kit.Call:
    return kit.Call(f"/0/private/{path}", read, [("calls", cost, "")], method="POST", rows=dict[str, Any], **more)


def _public(path: str, read: Any) -> kit.Call:
    return kit.Call(f"/0/public/{path}", read, "public", rows=dict[str, Any], signed=False)


CALLS = kit.CallTable(
    "kraken",
    {
        kit.AskKind.CATALOGUE: _public("AssetPairs", instruments),
        kit.AskKind.TIME: _public("Time", kit.clock("unixtime", kit.S)),
        kit.AskKind.ASSETS: _public("Assets", _assets),
        kit.AskKind.TOKEN: _call("GetWebSocketsToken", kit.by_socket),
        kit.AskKind.ACCOUNT: _call("GetApiKeyInfo", _account),
        kit.AskKind.FEES: _call(
            "TradeVolume",
            _fees,
            params=lambda context, what: [("pair", _rest_name(context, what.instrument))] if what.instrument else [],
        ),
        kit.AskKind.BALANCES: _call("BalanceEx", _balances),
        kit.AskKind.ORDER: _call("ClosedOrders", _found, params=lambda context, what: [("cl_ord_id", what.ref)]),
        kit.QueryOrder: _call("{list}", _found, params=_query_params, elsewhere=True),
        kit.ListOpenOrders: _call("OpenOrders", _open),
        kit.ListFills: _call("TradesHistory", _fills, 4, params=_fill_params, pages=_PAGES),
        kit.NewOrder: kit.Call(
            "/0/private/AddOrder",
            _ack,
            [("trading", 1, "instrument")],
            method="POST",
            rows=dict[str, Any],
            params=_order_params,
        ),
        kit.CancelOrder: kit.Call(
            "/0/private/CancelOrder",
            _cancelled,
            [("trading", 8, "instrument")],  # of an order that is younger than 5 s; less later
            method="POST",
            rows=dict[str, Any],
            params=lambda context, what: (
                [("txid", what.order_id)] if what.order_id else [("cl_ord_id", what.cl_ord_id)]
            ),
        ),
    },
    verdicts=VERDICTS,
    pauses=PAUSES,
)
