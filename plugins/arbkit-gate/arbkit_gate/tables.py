"""Gate's rows as events, its signatures, and its REST calls. https://www.gate.com/docs/developers/apiv4/en/"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from hashlib import sha512
from typing import Any

from msgspec.structs import replace

import arbkit.venue as kit
from arbkit_gate import rows
from arbkit_gate.verdicts import OK, VERDICTS

PREFIX = "/api/v4"
UPDATES_LEVELS = 100
"""Levels per side of ``spot.order_book_update`` at 100 ms, and of the snapshot that it is joined to: levels of a larger
snapshot would never be updated, and Gate EU answers more than 100 with empty sides."""
ORDER_WINDOW_NS = 5 * kit.S
"""``x-gate-exptime`` of orders without a deadline. Gate has no default window."""
PAUSES = kit.Pauses(window_ns=kit.S, pages={403: ("*", 60 * kit.S)})
"""Orders are counted over one second. The end of a longer pause is in a header; Gate sends no Retry-After. No ban
is documented: a page with 403 in place of Gate's own answer stops all calls for a minute, then twice as long."""
_PAGE = 100
_FILLS_PAGE = 1000
_FILLS_NS = 30 * kit.DAY
_LEVERAGED = re.compile(r"[0-9A-Z]+[2-9][LS]", re.ASCII)
"""Tokens with leverage: BTC3L, ETH5S."""
_TIFS = {kit.Tif.GTC: "gtc", kit.Tif.IOC: "ioc", kit.Tif.FOK: "fok"}
_SPOT = ("account", "spot")
"""A unified account would use its own default."""
_UNMATCHED = {
    "poc": kit.RejectReason.POST_ONLY,
    **dict.fromkeys(("ioc", "fok", "small", "depth_not_enough", "trader_not_enough", "stp"), kit.RejectReason.NO_MATCH),
}
"""``finish_as`` of an order that the venue itself ended -> why, if nothing was filled."""

ORDER = kit.OrderFields(
    native="currency_pair",
    order_id="id",
    cl_ord_id="text",
    statuses={
        **dict.fromkeys(("open", "put"), kit.OrdStatus.NEW),
        "update": kit.OrdStatus.PARTIALLY_FILLED,
        **dict.fromkeys(("closed", "filled"), kit.OrdStatus.FILLED),
        "cancelled": kit.OrdStatus.CANCELED,
        **dict.fromkeys((*_UNMATCHED, "liquidate_cancelled"), kit.OrdStatus.EXPIRED),
    },
    qty="amount",
    cum_qty="filled_amount",
    exch_ms="update_time_ms",
)
FILL = ORDER.fill(
    trade_id="id",
    qty="amount",
    fee="fee",
    fee_asset="fee_currency",
    maker=("role", "maker"),
    exch_ms="create_time_ms",
    order_id="order_id",
)
_BALANCE = kit.BalanceFields(asset="currency", free="available", locked="locked")
PUSHED_BALANCE = kit.BalanceFields(asset="currency", free="available", locked="freeze", exch_ms="timestamp_ms")
_PAIR = kit.InstrumentFields(
    native="id",
    base="base",
    quote="quote",
    tick="precision",
    lot="amount_precision",
    min_qty="min_base_amount",
    max_qty="max_base_amount",
    min_notional="min_quote_amount",
    max_notional="max_quote_amount",
    status="trade_status",
    trading=("tradable",),
)


# --- rows as events ---


def _named(row: kit.Row, at: str) -> dict[str, Any]:
    """The row with our client order id, which Gate has behind ``t-``, and with its time ``at`` in whole ms."""
    name = kit.text(row, "text")
    own = "" if name == "-" else name.removeprefix("t-")
    return {**row, "text": own, at: kit.text(row, at).partition(".")[0]}


def order(context: kit.Context, row: kit.Row, source: str, now_ns: int) -> kit.OrderUpdate:
    """One order row. A push says what happened (``event``), a polled row the ``status``; both say how it ended
    (``finish_as``). The fills come from ``spot.usertrades``, possibly after the order's last report.

    A market buy (not one of ours) has its amount in quote, so only ``filled_amount`` counts there."""
    ended, word = kit.text(row, "finish_as"), kit.text(row, "event") or kit.text(row, "status")
    if word == "finish" or (word in ("closed", "cancelled") and ended in ORDER.statuses):
        word = ended
    full = _named(row, "update_time_ms") | {"status": word}
    amount, left = kit.amount(row, "amount"), kit.amount(row, "left")
    limit = kit.text(row, "type") != "market"
    if not kit.text(row, "filled_amount") and amount is not None and left is not None and limit:
        full["filled_amount"] = amount - left
    state = ORDER.read(context, full, source, now_ns)
    if state.ord_status is kit.OrdStatus.NEW and state.cum_qty:
        return replace(state, ord_status=kit.OrdStatus.PARTIALLY_FILLED)
    if state.ord_status is kit.OrdStatus.EXPIRED:
        return replace(state, reason=None if state.cum_qty else _UNMATCHED.get(ended), text=f"finish_as {ended}")
    return state


def fill(context: kit.Context, row: kit.Row, source: str, now_ns: int) -> kit.OrderUpdate:
    """One fill of ours. The fee is in the received currency, or in GT, or in points; a row without ``fee_currency``
    means the received one."""
    made = FILL.read(context, _named(row, "create_time_ms"), source, now_ns)
    received = made.fee_asset
    if not received:
        base, _, quote = kit.text(row, "currency_pair").partition("_")
        received = base if made.side is kit.Side.BUY else quote
    paid = [
        (asset, amount)
        for asset, name in ((received, "fee"), ("GT", "gt_fee"), ("POINT", "point_fee"))
        if (amount := kit.amount(row, name))
    ]
    if not paid:
        return replace(made, fee_asset="" if made.fee is None else received)
    (asset, fee), *more = paid
    return replace(made, fee=fee, fee_asset=asset, extra_fees=more)


def _rows(found: Sequence[kit.Row], name: str) -> Sequence[kit.Row]:
    """The rows. ``ValueError`` if one lacks the field: it is not the venue's."""
    if not all(kit.text(row, name) for row in found):
        raise ValueError(f"a row without {name}")
    return found


def _step(row: kit.Row, name: str) -> Decimal:
    """A number of decimals as a step; 0 if there is none."""
    places = kit.amount(row, name)
    known = places is not None and 0 <= places <= 30 and places == int(places)
    return Decimal(1).scaleb(-int(places or 0)) if known else Decimal(0)


def _instruments(got: kit.Got) -> list[kit.InstrumentUpdate]:
    """Spot pairs, without tokens with leverage and without the market before a listing. A pair whose trading has not
    begun, or that is delisted, is not tradable."""
    updates, now = [], got.now_ns // kit.S
    for row in got.rows:
        odd = kit.text(row, "type") not in ("", "normal") or _LEVERAGED.fullmatch(kit.text(row, "base"))
        if odd or not kit.text(row, "id"):
            continue
        pair = _PAIR.read("gate", {**row, **{name: _step(row, name) for name in ("precision", "amount_precision")}})
        begin, other, end = (kit.amount(row, name) or 0 for name in ("buy_start", "sell_start", "delisting_time"))
        on = pair.tradable and max(begin, other) <= now and (not end or now < end)
        updates.append(kit.InstrumentUpdate(replace(pair, tradable=on)))
    return updates


def _fees(got: kit.Got) -> list[kit.FeeUpdate]:
    """The account's rates; those in GT if it pays so."""
    kind = "gt_" if got.rows.get("gt_discount") is True else ""
    maker, taker = (kit.number(got.rows[f"{kind}{side}_fee"]) for side in ("maker", "taker"))
    one = got.context.catalogue.get(got.what.instrument)
    known = [one] if one is not None else got.context.catalogue.venue("gate")
    return [kit.FeeUpdate(got.context.account, each.id, maker, taker) for each in known]


def _assets(got: kit.Got) -> list[kit.AssetStatus]:
    """An asset can be moved if one of its chains is open. The row itself counts where it lists no chains."""
    found = []
    for row in got.rows:
        chains = kit.inner(row, "chains") or [row]
        deposit, withdraw = (
            any(chain.get(f"{way}_disabled") is False for chain in chains) for way in ("deposit", "withdraw")
        )
        found.append(kit.AssetStatus("gate", kit.text(row, "currency"), deposit, withdraw))
    return found


# --- signatures ---


def sign(context: kit.Context, request: kit.RestRequest, now_ns: int, *, url: str) -> kit.HttpRequest:
    """The signed text is method, path, query (not percent-encoded, as it is sent), SHA-512 of the body, and the time in
    seconds, one a line. A new order carries ``x-gate-exptime`` in ms."""
    post = request.method == "POST"
    path, query = PREFIX + request.path, "" if post else kit.query(request.params)
    body = kit.json_text(dict(request.params)) if post else ""
    headers: list[tuple[str, str]] = []
    if request.signed:
        signer = context.signer
        stamp = str(signer.venue_ns(now_ns) // kit.S)
        plain = "" if post else "&".join(f"{name}={value}" for name, value in request.params)
        digest = sha512(body.encode()).hexdigest()
        proof = kit.hmac_hex(signer, f"{request.method}\n{path}\n{plain}\n{digest}\n{stamp}", "sha512")
        headers = [("KEY", signer.key), ("Timestamp", stamp), ("SIGN", kit.Secret(proof))]
        headers.append(("Content-Type", "application/json"))
    if request.deadline_ns or (post and request.path == "/spot/orders"):
        headers.append(("x-gate-exptime", expires(context.signer.venue_ns(now_ns), request.deadline_ns, now_ns)))
    return kit.HttpRequest(request.method, f"{url}{path}?{query}" if query else url + path, headers, body.encode())


def expires(venue_ns: int, deadline_ns: int, now_ns: int) -> str:
    """``x-gate-exptime`` in ms of the venue's clock, which is at ``venue_ns`` now."""
    return str((venue_ns + (deadline_ns - now_ns if deadline_ns else ORDER_WINDOW_NS)) // kit.MS)


def unwrap(answer: kit.HttpAnswer) -> kit.RestReply | None:
    """Any 2xx is success; an error has a label."""
    if 200 <= answer.status < 300:
        return kit.RestReply(OK, "", answer.body)
    found = kit.read_json(rows.REFUSAL, answer.body)
    return None if found is None or not found.label else kit.RestReply(found.label, found.message, b"")


def usage(context: kit.Context, buckets: Sequence[str], answer: kit.HttpAnswer, now_ns: int) -> list[kit.RateReport]:
    """The limits as the headers tell them: what is left, and after a 429 when the next window begins."""
    found = answer.headers
    limit, left = found.get("x-gate-ratelimit-limit", ""), found.get("x-gate-ratelimit-requests-remain", "")
    reset = found.get("x-gate-ratelimit-reset-timestamp", "")
    until_ns = 0
    if answer.status == 429 and reset.isdecimal() and len(reset) < 12:
        until_ns = int(reset) * kit.S
    known = limit.isdecimal() and left.isdecimal()
    if not known and not until_ns:
        return []
    used, most = (int(limit) - int(left), int(limit)) if known else (None, None)
    return [
        kit.RateReport(venue="gate", bucket=bucket, used=used, limit=most, until_ns=until_ns, recv_ns=now_ns)
        for bucket in buckets
    ]


# --- the calls ---


def order_params(what: kit.NewOrder, native: str) -> list[tuple[str, str]]:
    return [
        ("text", f"t-{what.cl_ord_id}"),
        ("currency_pair", native),
        ("type", "limit"),
        _SPOT,
        ("side", what.side.value),
        ("amount", kit.plain(what.qty)),
        ("price", kit.plain(what.px)),
        ("time_in_force", "poc" if what.post_only else _TIFS[what.tif]),
        ("action_mode", "RESULT"),  # without the fees, which take longer; the fills tell them
    ]


def key_params(what: kit.CancelOrder | kit.QueryOrder, native: str) -> list[tuple[str, str]]:
    """By the venue's id where it is known: a later order with the same text takes the text over."""
    name = what.order_id or f"t-{what.cl_ord_id}"
    return [("order_id", name), _SPOT, ("currency_pair", native)]


def _one(context: kit.Context, what: kit.CancelOrder | kit.QueryOrder) -> kit.Params:
    return key_params(what, context.native(what.instrument))


def _pair(context: kit.Context, what: Any) -> list[tuple[str, str]]:
    return [("currency_pair", context.native(what.instrument))] if what.instrument else []


def _fill_params(context: kit.Context, what: kit.ListFills) -> kit.Params:
    own = [("order_id", what.order_id)] if what.order_id else []
    since = [("from", str(what.since_ns // kit.S))] if what.since_ns else []
    return [*_pair(context, what), ("limit", str(_FILLS_PAGE)), *own, *since]


def report(got: kit.Got) -> list[kit.OrderUpdate]:
    """The answer to an order or a cancel is the order. A row without a state only says that it was accepted."""
    row = got.rows
    if not kit.text(row, "status"):
        return got.acknowledged(kit.text(row, "id"))
    return [answered(got.context, row, got.what, got.now_ns)]


def answered(context: kit.Context, row: kit.Row, about: Any, now_ns: int) -> kit.OrderUpdate:
    """The order in the answer to a command about it, under the names of the command."""
    state = order(context, row, "ack", now_ns)
    return replace(state, instrument=about.instrument, cl_ord_id=about.cl_ord_id or state.cl_ord_id)


def _open(got: kit.Got) -> list[kit.OrderUpdate]:
    """Orders by pair; those of the pair that was asked for, if one was."""
    asked = got.what.instrument
    native = got.context.native(asked) if asked else ""
    groups = [group for group in got.rows if native in ("", group.currency_pair)]
    return kit.each(order)(replace(got, rows=[row for group in groups for row in group.orders]))


def _finished(got: kit.Got) -> list[kit.OrderUpdate]:
    """The one that is looked for, among the newest finished orders of its pair."""
    _rows(got.rows, "id")
    return [one for one in kit.each(order)(got) if got.what.ref in (one.cl_ord_id, one.order_id)][:1]


def _pages(most: int, lists: Callable[[Any], Sequence[Any]] = lambda listed: [listed]) -> kit.Pages:
    """Pages by their number, as long as one of the lists is full."""
    return kit.Pages("page", lambda got: "more" if any(len(one) >= most for one in lists(got)) else "", numbered=True)


_ONE = "/spot/orders/{order_id}"
CALLS = kit.CallTable(
    "gate",
    {
        kit.AskKind.CATALOGUE: kit.Call("/spot/currency_pairs", _instruments, "pairs", signed=False),
        kit.AskKind.TIME: kit.Call(
            "/spot/time", kit.clock("server_time", kit.MS), "time", rows=dict[str, Any], signed=False
        ),
        kit.AskKind.SNAPSHOT: kit.Call(
            "/spot/order_book",
            kit.by_socket,
            "book",
            signed=False,
            params=lambda context, what: [*_pair(context, what), ("limit", str(UPDATES_LEVELS)), ("with_id", "true")],
        ),
        kit.AskKind.FEES: kit.Call("/wallet/fee", _fees, "fee", params=_pair, rows=dict[str, Any]),
        kit.AskKind.BALANCES: kit.Call(
            "/spot/accounts",
            lambda got: [_BALANCE.read(got.context, row, True, got.now_ns) for row in _rows(got.rows, "currency")],
            "balances",
        ),
        kit.AskKind.ASSETS: kit.Call("/spot/currencies", _assets, "currencies", signed=False),
        # a cancelled order without a fill is kept for a minute at most, and a text is found only while it is open
        kit.AskKind.ORDER: kit.Call(
            "/spot/orders",
            _finished,
            "orders",
            params=lambda context, what: [*_pair(context, what), ("status", "finished"), ("limit", str(_PAGE)), _SPOT],
        ),
        kit.NewOrder: kit.Call(
            "/spot/orders",
            report,
            [("place", 1, "instrument")],
            method="POST",
            params=lambda context, what: order_params(what, context.native(what.instrument)),
            rows=dict[str, Any],
        ),
        kit.CancelOrder: kit.Call(_ONE, report, "cancel", method="DELETE", params=_one, rows=dict[str, Any]),
        kit.CancelAll: kit.Call(
            "/spot/orders",
            lambda got: [order(got.context, row, "ack", got.now_ns) for row in got.rows],
            "cancel",
            method="DELETE",
            params=lambda context, what: [_SPOT, *_pair(context, what)],
        ),
        kit.QueryOrder: kit.Call(
            _ONE,
            lambda got: kit.each(order)(replace(got, rows=[got.rows])),
            "order",
            params=_one,
            rows=dict[str, Any],
            elsewhere=True,
        ),
        kit.ListOpenOrders: kit.Call(
            "/spot/open_orders",
            _open,
            "open",
            params=lambda context, what: [_SPOT, ("limit", str(_PAGE))],
            rows=list[rows.OpenOrders],
            pages=_pages(_PAGE, lambda groups: [group.orders for group in groups]),
        ),
        kit.ListFills: kit.Call(
            "/spot/my_trades",
            kit.each(fill),
            "fills",
            params=_fill_params,
            pages=_pages(_FILLS_PAGE),
            memory_ns=_FILLS_NS,
        ),
    },
    verdicts=VERDICTS,
    pauses=PAUSES,
)
