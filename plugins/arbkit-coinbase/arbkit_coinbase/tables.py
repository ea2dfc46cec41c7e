"""Coinbase's rows as events, its signatures, and its REST calls.

https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/introduction
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from msgspec.json import encode
from msgspec.structs import replace

import arbkit.venue as kit
from arbkit_coinbase import rows
from arbkit_coinbase.verdicts import VERDICTS

TOKEN_S = 120
"""How long a signature is valid: the only limit for the age of an order."""
PAUSES = kit.Pauses(window_ns=kit.S)
"""Limits are counted by the second. Coinbase sends no Retry-After."""
_PATH = "/api/v3/brokerage"
_PAGE = 250
_CLOCK_MARGIN_S = 3600
"""An order is looked for from so long before the run that made it began: our clock may have been wrong then."""
_FLAGS = ("is_disabled", "trading_disabled", "cancel_only", "view_only", "auction_mode", "post_only")
"""With one of them a product takes no order that trades at once. ``limit_only`` concerns market orders only."""
_WALLETS = ("CRYPTO", "FIAT", "ACCOUNT_TYPE_CRYPTO", "ACCOUNT_TYPE_FIAT")
_NO_ORDER = "order with this orderid was not found"
_TIFS = {kit.Tif.GTC: "limit_limit_gtc", kit.Tif.IOC: "sor_limit_ioc", kit.Tif.FOK: "limit_limit_fok"}
KEY_TYPES = {"ecdsa": "ES256", "ed25519": "EdDSA"}
"""The algorithm of a token by the type of the key."""

PAIR = kit.InstrumentFields(
    native="product_id",
    base="base_currency_id",
    quote="quote_currency_id",
    tick="price_increment",
    lot="base_increment",
    min_qty="base_min_size",
    max_qty="base_max_size",
    min_notional="quote_min_size",
    max_notional="quote_max_size",
    trading=("online",),
    venue_ref="alias",
)
_STATUSES = kit.statuses(
    pending_new="PENDING QUEUED",
    new="OPEN CANCEL_QUEUED EDIT_QUEUED",
    filled="FILLED",
    canceled="CANCELLED",
    expired="EXPIRED",
    rejected="FAILED",
)
_LISTED = kit.OrderFields(
    native="product_id",
    order_id="order_id",
    cl_ord_id="client_order_id",
    statuses=_STATUSES,
    px="",
    qty="",
    cum_qty="filled_size",
)
_PUSHED = replace(_LISTED, side="order_side", px="limit_price", cum_qty="cumulative_quantity")
_FILL = _LISTED.fill(
    trade_id="trade_id",
    qty="size",
    fee="commission",
    maker=("liquidity_indicator", "MAKER"),
)


# --- rows as events ---


def pushed(context: kit.Context, row: kit.Row, timestamp: str, now_ns: int) -> kit.OrderUpdate:
    """An order of the channel ``user``. It tells what was filled so far; the fills themselves are listed over REST."""
    state = replace(_PUSHED.read(context, row, "stream", now_ns), exch_ns=kit.iso_ns(timestamp))
    return _ended(state, row, kit.text(row, "reject_reason") or kit.text(row, "reject_Reason"), "cancel_reason")


def order(context: kit.Context, row: kit.Row, source: str, now_ns: int) -> kit.OrderUpdate:
    """An order of a list, or one that was asked for."""
    given: kit.Row = next(iter((row.get("order_configuration") or {}).values()), {})
    moments = (kit.iso_ns(kit.text(row, name)) for name in ("last_update_time", "last_fill_time", "created_time"))
    state = replace(
        _LISTED.read(context, row, source, now_ns),
        px=kit.amount(given, "limit_price"),
        qty=kit.amount(given, "base_size"),
        exch_ns=next((at_ns for at_ns in moments if at_ns), 0),
    )
    return _ended(state, row, kit.text(row, "reject_reason"), "cancel_message")


def _ended(state: kit.OrderUpdate, row: kit.Row, rejected: str, canceled: str) -> kit.OrderUpdate:
    """Partly filled, or why it ended: the unfilled part of an IOC or FOK is ``CANCELLED``."""
    match state.ord_status:
        case kit.OrdStatus.NEW if state.cum_qty:
            return replace(state, ord_status=kit.OrdStatus.PARTIALLY_FILLED)
        case kit.OrdStatus.CANCELED if kit.text(row, "time_in_force") in ("IMMEDIATE_OR_CANCEL", "FILL_OR_KILL"):
            reason = None if state.cum_qty else kit.RejectReason.NO_MATCH
            return replace(state, ord_status=kit.OrdStatus.EXPIRED, reason=reason, text=kit.text(row, canceled))
        case kit.OrdStatus.CANCELED:
            return replace(state, text=kit.text(row, canceled))
        case kit.OrdStatus.REJECTED:
            verdict = VERDICTS.of(rejected)
            reason = verdict.reason if verdict.proved and verdict.reason else kit.RejectReason.OTHER
            said = f"{rejected} {kit.text(row, 'reject_message')}".strip()
            return replace(state, reason=reason, text=said)
    return state


def _fill(context: kit.Context, row: kit.Row, source: str, now_ns: int) -> kit.OrderUpdate | None:
    """A fill. The fee is in the quote currency. Corrections of the venue (``trade_type``) are no fills."""
    if kit.text(row, "trade_type") not in ("FILL", ""):
        return None
    found = _FILL.read(context, row, source, now_ns)
    known = context.catalogue.get(found.instrument)
    quote = known.quote if known is not None else kit.text(row, "product_id").rpartition("-")[2]
    qty = found.last_qty / found.last_px if row.get("size_in_quote") is True and found.last_px else found.last_qty
    fee_asset = "" if found.fee is None else quote
    return replace(found, last_qty=qty, fee_asset=fee_asset, exch_ns=kit.iso_ns(kit.text(row, "trade_time")))


def _every(found: Sequence[dict[str, Any]] | None) -> Sequence[dict[str, Any]]:
    """The rows of a list. Raises ``ValueError`` if there is no list: nothing is proved by that."""
    if found is None:
        raise ValueError("the answer has no list")
    return found


def instruments(found: Sequence[dict[str, Any]] | None) -> list[kit.InstrumentUpdate]:
    """Spot pairs; futures, equities and whatever comes with another type are left out. ``venue_ref`` is the product
    whose book is this one's too (``alias``)."""
    updates = []
    for row in _every(found):
        if kit.text(row, "product_type") != "SPOT" or not kit.text(row, "base_currency_id"):
            continue
        one = PAIR.read("coinbase", row, fee_in_quote=True)
        flags = [name for name in _FLAGS if row.get(name)]
        if flags:
            one = replace(one, tradable=False, status=f"{one.status} {' '.join(flags)}")
        updates.append(kit.InstrumentUpdate(one))
    return updates


def _own_products(got: kit.Got) -> list[kit.InstrumentUpdate]:
    """The account's own list (``view_only``: it may not trade there). A pair must stand in the public list too."""
    public = {out.instrument.id for out in got.before if isinstance(out, kit.InstrumentUpdate)}
    return [update for update in instruments(got.rows.products) if update.instrument.id in public]


def _balances(got: kit.Got) -> list[kit.Balance]:
    """The wallets of the key's portfolio; vaults and margin are left out."""
    found = [row for row in _every(got.rows.accounts) if kit.text(row, "type") in _WALLETS]
    return [_WALLET.read(got.context, row, True, got.now_ns) for row in found]


_WALLET = kit.BalanceFields(asset="currency", free="available_balance.value", locked="hold.value")


def _fees(got: kit.Got) -> list[kit.FeeUpdate]:
    """The rates of the account's tier, for all pairs; those for pairs of stablecoins are lower and not told. A tax that
    is charged on top (India, Singapore ...) counts as part of the fee."""
    tier = got.rows
    tax = Decimal(1)
    if kit.text(tier, "goods_and_services_tax.type") == "EXCLUSIVE":
        rate = kit.amount(tier, "goods_and_services_tax.rate") or Decimal(0)
        tax += rate if rate < 1 else rate / 100  # no page says which
    maker, taker = (kit.amount(tier, f"fee_tier.{side}_fee_rate") for side in ("maker", "taker"))
    if maker is None or taker is None:
        return []
    known = got.context.catalogue.venue("coinbase")
    return [kit.FeeUpdate(got.context.account, one.id, maker * tax, taker * tax) for one in known]


def _assets(got: kit.Got) -> list[kit.AssetStatus]:
    """By the wallets of the Coinbase App; several of one currency: what one of them allows."""
    wallets: dict[str, list[kit.Row]] = {}
    for row in _every(got.rows.data):
        wallets.setdefault(kit.text(row, "currency.code"), []).append(row)
    return [
        kit.movable("coinbase", asset, found, "allow_deposits", "allow_withdrawals") for asset, found in wallets.items()
    ]


def _account(got: kit.Got) -> list[kit.AccountStatus]:
    """What the key may do."""
    lacking = [name for name in ("view", "trade") if got.rows.get(f"can_{name}") is not True]
    problem = f"the key may not {' and '.join(lacking)}: make one that may" if lacking else ""
    rights = [name for name, value in got.rows.items() if name.startswith("can_") and value is True]
    return [kit.AccountStatus(got.context.account, problem, (), "can_transfer" in rights, rights)]


# --- signatures ---


def token(context: kit.Context, key_type: str, now_ns: int, uri: str = "") -> str:
    """A JWT. ``uri``: method, host and path of a request; messages of sockets have none."""
    signer = context.signer
    key, now, nonce = signer.key, signer.venue_ns(now_ns) // kit.S, signer.nonce(now_ns)
    head = {"alg": KEY_TYPES[key_type], "kid": key, "nonce": f"{nonce:032x}", "typ": "JWT"}
    claims: dict[str, Any] = {"iss": "cdp", "sub": key, "nbf": now, "exp": now + TOKEN_S}
    if uri:
        claims["uri"] = uri
    text = urlsafe_b64encode(encode(head)).rstrip(b"=") + b"." + urlsafe_b64encode(encode(claims)).rstrip(b"=")
    proof = signer.ecdsa(text) if key_type == "ecdsa" else signer.ed25519(text)
    return (text + b"." + urlsafe_b64encode(proof).rstrip(b"=")).decode()


def sign(context: kit.Context, request: kit.RestRequest, now_ns: int, *, url: str, key_type: str) -> kit.HttpRequest:
    """The token names method, host and path; neither the query nor the body is signed."""
    target, body, headers = url + request.path, b"", []
    if request.method == "POST":
        body = encode(dict(request.params))
        headers.append(("Content-Type", "application/json"))
    elif request.params:
        target = f"{target}?{kit.query(request.params)}"
    if request.signed:
        uri = f"{request.method} {urlsplit(url).netloc}{request.path}"
        headers.append(("Authorization", kit.Secret(f"Bearer {token(context, key_type, now_ns, uri)}")))
    return kit.HttpRequest(request.method, target, headers, body)


def unwrap(answer: kit.HttpAnswer) -> kit.RestReply | None:
    """There is no envelope. An error has a code in one of two places; a refused token is a text only. Any other text is
    of a web server in front, and proves nothing."""
    if answer.status == 200:
        return kit.RestReply(200, "", answer.body)
    found = kit.read_json(rows.PROBLEM, answer.body) or rows.Problem(message=answer.body[:200].decode(errors="replace"))
    first = found.errors[0] if found.errors else {}
    code = found.error or kit.text(first, "id") or (401 if answer.status == 401 else "")
    said = " ".join(filter(None, (found.message or kit.text(first, "message"), found.error_details))).strip()
    if _NO_ORDER in said.lower():  # it may come with the code "unknown"
        code = "NOT_FOUND"
    return kit.RestReply(code, said, b"") if code else None


# --- the calls ---


def iso(at_ns: int) -> str:
    """``2026-08-09T21:05:48.228568Z``"""
    seconds, rest = divmod(at_ns, kit.S)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"


def _new(context: kit.Context, what: kit.NewOrder) -> kit.Params:
    product = context.native(what.instrument)
    given: dict[str, Any] = {"base_size": kit.plain(what.qty), "limit_price": kit.plain(what.px)}
    if what.tif is kit.Tif.GTC:
        given["post_only"] = what.post_only
    return [
        ("client_order_id", what.cl_ord_id),
        ("product_id", product),
        ("side", what.side.value.upper()),
        ("order_configuration", {_TIFS[what.tif]: given}),
    ]


def _created(got: kit.Got) -> list[kit.OrderUpdate]:
    """HTTP 200 also for a refusal, which has its reason in up to three fields: the most precise one counts."""
    if got.rows.get("success") is True:
        order_id = kit.text(got.rows, "success_response.order_id")
        if not order_id:
            raise ValueError("success without an order")
        return got.acknowledged(order_id)
    fields = ("new_order_failure_reason", "preview_failure_reason", "error")
    reasons = (kit.text(got.rows, f"error_response.{name}") for name in fields)
    code = next((code for code in reasons if code and not code.startswith("UNKNOWN_")), "UNKNOWN_FAILURE_REASON")
    said = (kit.text(got.rows, f"error_response.{name}") for name in ("message", "error_details"))
    return got.acknowledged("", code=code, text=" ".join(filter(None, said)))


def _canceled(got: kit.Got) -> list[kit.OrderUpdate]:
    """Success means that the cancel was accepted; the end of the order comes on the stream."""
    order_id = got.what.order_id
    one = next((one for one in kit.inner(got.rows, "results") if one.get("order_id") in (order_id, "")), {})
    if one.get("success") is True:
        return got.acknowledged(order_id)
    return got.acknowledged(order_id, code=kit.text(one, "failure_reason") or "UNKNOWN_CANCEL_FAILURE_REASON")


def _one(got: kit.Got) -> list[kit.OrderUpdate]:
    row = got.rows.get("order")
    return [order(got.context, row, "poll", got.now_ns)] if isinstance(row, Mapping) else []


def _orders(got: kit.Got) -> list[kit.OrderUpdate]:
    return kit.each(order)(replace(got, rows=_every(got.rows.orders)))


def _fills(got: kit.Got) -> list[kit.OrderUpdate]:
    return kit.each(_fill)(replace(got, rows=_every(got.rows.fills)))


def _product(context: kit.Context, what: Any) -> list[tuple[str, str]]:
    return [("product_ids", context.native(what.instrument))] if what.instrument else []


def _listed(context: kit.Context, what: Any) -> kit.Params:
    return [("order_status", "OPEN"), *_product(context, what), ("limit", str(_PAGE))]


def _looked_for(context: kit.Context, what: kit.CancelOrder | kit.QueryOrder) -> kit.Params:
    """All orders of the product since the run began that made this one: its number tells when."""
    intent = kit.parse_cl_ord_id(what.cl_ord_id)
    began_s = max((intent >> 32) - _CLOCK_MARGIN_S, 0) if intent is not None else 0
    since = [("start_date", iso(began_s * kit.S))] if 0 < began_s < 1 << 32 else []
    return [*_product(context, what), *since, ("limit", str(_PAGE))]


def _filled(context: kit.Context, what: kit.ListFills) -> kit.Params:
    own = [("order_ids", what.order_id)] if what.order_id else []
    since = [("start_sequence_timestamp", iso(what.since_ns))] if what.since_ns else []
    return [*own, *_product(context, what), *since, ("limit", str(_PAGE))]


def _fixed(*params: tuple[str, str]) -> Callable[[kit.Context, Any], kit.Params]:
    return lambda context, what: params


def _after(page: rows.Page, name: str) -> str:
    paging = page.pagination or {}
    return "" if paging.get("has_next") is False else kit.text(paging, name)


_CURSOR = kit.Pages("cursor", lambda page: page.cursor if page.has_next else "")
_private = partial(kit.Call, cost=[("private", 1, "account")], rows=dict[str, Any])
_LOOKUP = _private(
    f"{_PATH}/orders/historical/batch",
    lambda got: [one for one in _orders(got) if one.cl_ord_id == got.what.cl_ord_id],
    rows=rows.Page,
    params=_looked_for,
    pages=_CURSOR,
)
_PRODUCTS = kit.Pages("cursor", lambda page: _after(page, "next_cursor"))

CALLS = kit.CallTable(
    "coinbase",
    {
        kit.AskKind.CATALOGUE: kit.Call(
            f"{_PATH}/market/products",
            lambda got: instruments(got.rows.products),
            "public",
            rows=rows.Page,
            params=_fixed(("product_type", "SPOT")),
            signed=False,
            pages=_PRODUCTS,
            then=_private(
                f"{_PATH}/products",
                _own_products,
                rows=rows.Page,
                params=_fixed(("product_type", "SPOT"), ("get_tradability_status", "true")),
                pages=_PRODUCTS,
            ),
        ),
        kit.AskKind.TIME: kit.Call(
            f"{_PATH}/time", kit.clock("epochMillis", kit.MS), "public", rows=dict[str, Any], signed=False
        ),
        kit.AskKind.ACCOUNT: _private(f"{_PATH}/key_permissions", _account),
        kit.AskKind.FEES: _private(f"{_PATH}/transaction_summary", _fees, params=_fixed(("product_type", "SPOT"))),
        kit.AskKind.BALANCES: _private(
            f"{_PATH}/accounts", _balances, rows=rows.Page, params=_fixed(("limit", "250")), pages=_CURSOR
        ),
        kit.AskKind.ASSETS: _private(
            "/v2/accounts",
            _assets,
            rows=rows.Page,
            params=_fixed(("limit", "100")),
            pages=kit.Pages("starting_after", lambda page: _after(page, "next_starting_after")),
        ),
        kit.NewOrder: _private(f"{_PATH}/orders", _created, method="POST", params=_new),
        kit.CancelOrder: _private(
            f"{_PATH}/orders/batch_cancel",
            _canceled,
            method="POST",
            params=lambda context, what: [("order_ids", [what.order_id])],
            lookup=_LOOKUP,
        ),
        kit.QueryOrder: _private(
            f"{_PATH}/orders/historical/{{order_id}}",
            _one,
            params=lambda context, what: [("order_id", what.order_id)],
            lookup=_LOOKUP,
        ),
        kit.ListOpenOrders: _private(
            f"{_PATH}/orders/historical/batch", _orders, rows=rows.Page, params=_listed, pages=_CURSOR
        ),
        kit.ListFills: _private(
            f"{_PATH}/orders/historical/fills",
            _fills,
            rows=rows.Page,
            params=_filled,
            pages=kit.Pages("cursor", lambda page: page.cursor if page.fills else ""),
        ),
    },
    verdicts=VERDICTS,
    pauses=PAUSES,
)
