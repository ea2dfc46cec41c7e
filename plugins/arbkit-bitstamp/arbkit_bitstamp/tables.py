"""Bitstamp's rows as events, its signatures, and its REST calls. https://www.bitstamp.net/api/"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from msgspec.structs import replace

import arbkit.venue as kit
from arbkit_bitstamp import rows
from arbkit_bitstamp.verdicts import ABSENT, OK, TEXT, VERDICTS

ORDER_WINDOW_NS = 150 * kit.S
"""A request is refused when ``X-Auth-Timestamp`` is further from the server's time. Orders have no deadline."""
PAUSES = kit.Pauses(window_ns=60 * kit.S, bucket="requests", pages={403: ("*", 60 * kit.S)})
"""The venue says neither how long a limit lasts nor whom it bans: after a limit the account's calls rest for a minute,
after a page with 403 of the firewall in front all of them."""
HOST = "www.bitstamp.net"
"""As it is signed, whatever server is asked."""
_FORM = "application/x-www-form-urlencoded"
_PAGE = 1000
_FILLS_NS = 30 * kit.DAY
"""``since_timestamp`` goes back 30 days at most."""
_NO_PRICE = Decimal(999_999_999)
"""The price of a market order in pushes."""
_TIFS = {kit.Tif.IOC: "ioc_order", kit.Tif.FOK: "fok_order"}
_SIDES = {"0": "buy", "1": "sell"}
_PAIR = kit.InstrumentFields(
    native="market_symbol",
    base="base_currency",
    quote="counter_currency",
    tick="tick",
    lot="lot",
    min_notional="minimum_order_value",
    status="trading",
    trading=("Enabled",),
)
_ORDER = kit.OrderFields(
    native="native",
    order_id="id",
    cl_ord_id="client_order_id",
    statuses=kit.statuses(new="Open order_created order_changed", filled="Finished", canceled="Canceled order_deleted")
    | {"Cancel pending": kit.OrdStatus.NEW, "Expired": kit.OrdStatus.EXPIRED},
    qty="qty",
    cum_qty="cum",
)
_FILL = _ORDER.fill(trade_id="trade_id", qty="qty", fee="fee", fee_asset="fee_asset", maker=("maker", True))
"""No row says who was the maker."""
_BALANCE = kit.BalanceFields(asset="currency", free="available", locked="reserved")


# --- rows as events ---


def _native(market: str) -> str:
    """``BTC/USD`` or ``btcusd`` as the venue's symbol."""
    return market.replace("/", "").lower()


def _at(text: str) -> int:
    """``2026-08-09 21:05:48.228568``, UTC."""
    return kit.iso_ns(f"{text.replace(' ', 'T')}Z")


def _micros(row: kit.Row) -> int:
    found = kit.text(row, "microtimestamp")
    return int(found) * 1000 if found.isascii() and found.isdecimal() and len(found) <= 16 else 0


def _state(context: kit.Context, row: kit.Row, source: str, at_ns: int, now_ns: int) -> kit.OrderUpdate:
    """``row``: with ``native``, ``side``, ``qty`` and ``cum``, as ``_ORDER`` names them."""
    found = replace(_ORDER.read(context, row, source, now_ns), exch_ns=at_ns)
    if found.ord_status is kit.OrdStatus.NEW and found.cum_qty:
        return replace(found, ord_status=kit.OrdStatus.PARTIALLY_FILLED)
    return found


def pushed(context: kit.Context, native: str, event: str, row: kit.Row, now_ns: int) -> kit.OrderUpdate:
    """An event of ``private-my_orders_``. A deleted order of which nothing remains was filled. Numbers are floats; the
    fields with ``_str`` are exact. Clients read ``amount_traded`` in two ways (of the last trade, of all), so what was
    filled is what does not remain."""
    left, first = kit.amount(row, "amount_str"), kit.amount(row, "amount_at_create")
    cum = first - left if first is not None and left is not None else None
    px = kit.amount(row, "price_str")
    full = {
        "native": native,
        "id": kit.text(row, "id_str") or kit.text(row, "id"),
        "client_order_id": kit.text(row, "client_order_id"),
        "status": "Finished" if event == "order_deleted" and left == 0 else event,
        "side": _SIDES.get(kit.text(row, "order_type"), ""),
        "price": None if px == _NO_PRICE else px,
        "qty": first,
        "cum": cum,
    }
    return _state(context, full, "stream", _micros(row), now_ns)


def _quote(context: kit.Context, native: str, quote: str = "") -> str:
    """The asset of every fee."""
    known = context.known(native)
    return known.quote if known is not None else quote.upper()


def _queried(got: kit.Got) -> list[kit.OrderUpdate]:
    """``order_status/``: what remains, and the fills with amounts by currency. ``Finished`` means filled as a whole; no
    page says that all fills are listed as soon as it is told, so they do not tell the quantity then."""
    row = got.rows
    market, left = kit.text(row, "market"), kit.amount(row, "amount_remaining")
    base = market.partition("/")[0].lower()
    if not kit.text(row, "status") or not market or left is None:
        raise ValueError("no state of an order")
    listed = sum((kit.amount(fill, base) or Decimal(0) for fill in kit.inner(row, "transactions")), Decimal(0))
    cum = None if kit.text(row, "status") == "Finished" else listed
    full = {
        "native": _native(market),
        "id": kit.text(row, "id"),
        "client_order_id": kit.text(row, "client_order_id"),
        "status": kit.text(row, "status"),
        "side": _SIDES.get(kit.text(row, "type"), ""),
        "qty": None if cum is None else left + cum,
        "cum": cum,
    }
    return kit.each(lambda context, row, source, now_ns: _state(context, row, source, 0, now_ns))(
        replace(got, rows=[full])
    )


def _opened(context: kit.Context, row: kit.Row, source: str, now_ns: int) -> kit.OrderUpdate:
    """A row of ``open_orders/``. ``amount`` is what remains."""
    left, first = kit.amount(row, "amount"), kit.amount(row, "amount_at_create")
    if not kit.text(row, "id") or left is None:
        raise ValueError("a row that is no order")
    full = {
        **row,
        "native": _native(kit.text(row, "market") or kit.text(row, "currency_pair")),
        "status": "Open",
        "side": _SIDES.get(kit.text(row, "type"), ""),
        "qty": left if first is None else first,
        "cum": None if first is None else first - left,
    }
    return _state(context, full, source, 0, now_ns)


def _filled(context: kit.Context, row: kit.Row, source: str, now_ns: int) -> kit.OrderUpdate | None:
    """A row of ``user_transactions/``; type 2 is a trade. The pair is told by the field of the price, ``btc_usd``, and
    the side by the sign of the amount."""
    if kit.text(row, "type") != "2":
        return None
    split = ((name, *name.partition("_")[::2]) for name in row)
    pair, base, quote = next((one for one in split if one[1] in row and one[2] in row), ("", "", ""))
    qty = kit.amount(row, base)
    if not quote or not qty:
        raise ValueError(f"a trade without pair or amount: {kit.text(row, 'id')}")
    full = {
        "native": base + quote,
        "trade_id": kit.text(row, "id"),
        "id": kit.text(row, "order_id"),
        "side": "buy" if qty > 0 else "sell",
        "price": kit.text(row, pair),
        "qty": abs(qty),
        "fee": kit.text(row, "fee"),
        "fee_asset": _quote(context, base + quote, quote),
    }
    return replace(_FILL.read(context, full, source, now_ns), exch_ns=_at(kit.text(row, "datetime")))


def _fills(got: kit.Got) -> list[kit.OrderUpdate]:
    """The venue lists by pair; those of the order that was asked for, if one was."""
    return [one for one in kit.each(_filled)(got) if got.what.order_id in ("", one.order_id)]


def _created(got: kit.Got) -> list[kit.OrderUpdate]:
    """The answer says nothing about fills."""
    order_id = kit.text(got.rows, "id")
    if not order_id:
        raise ValueError("success without an order")
    return got.acknowledged(order_id)


def _canceled(got: kit.Got) -> list[kit.OrderUpdate]:
    """Success means that the cancel was accepted; the end of the order comes by the stream."""
    return got.acknowledged(got.what.order_id or kit.text(got.rows, "id"))


def _instruments(got: kit.Got) -> list[kit.InstrumentUpdate]:
    """Spot markets. A row whose rules cannot be read is left out: the others count. ``trading-pairs-info/``, the older
    form of this list, has other names for the symbol and the minimum, and no currencies."""
    updates = []
    for row in got.rows:
        name, symbol = kit.text(row, "name"), kit.text(row, "market_symbol") or kit.text(row, "url_symbol")
        base, _, quote = name.partition("/")
        if kit.text(row, "market_type") not in ("SPOT", "") or not symbol or not quote:
            continue
        least = kit.text(row, "minimum_order_value") or kit.text(row, "minimum_order").partition(" ")[0]
        rules = {
            **row,
            "market_symbol": symbol,
            "base_currency": kit.text(row, "base_currency") or base,
            "counter_currency": kit.text(row, "counter_currency") or quote,
            "minimum_order_value": least,
        }
        try:
            rules |= {"tick": _step(row, "counter_decimals"), "lot": _step(row, "base_decimals")}
            updates.append(kit.InstrumentUpdate(_PAIR.read("bitstamp", rules, fee_in_quote=True)))
        except ValueError:
            continue
    return updates


def _step(row: kit.Row, name: str) -> Decimal:
    """A number of decimals as a step."""
    places = kit.amount(row, name)
    if places is None or not 0 <= places <= 30 or places != int(places):
        raise ValueError(f"{name} is no number of decimals: {row.get(name)!r:.40}")
    return Decimal(1).scaleb(-int(places))


def _fees(got: kit.Got) -> list[kit.FeeUpdate]:
    """The account's rates, in percent: the page's sample has 0.3 and 0.4 beside a schedule of 0.30 % and 0.40 %."""
    out = []
    for row in got.rows:
        one = got.context.known(_native(kit.text(row, "market") or kit.text(row, "currency_pair")))
        maker, taker = (kit.amount(row, f"fees.{side}") for side in ("maker", "taker"))
        if one is not None and maker is not None and taker is not None:
            out.append(kit.FeeUpdate(got.context.account, one.id, maker / 100, taker / 100))
    return out


def _balances(got: kit.Got) -> list[kit.Balance]:
    if not all(kit.text(row, "currency") for row in got.rows):
        raise ValueError("a row without currency")
    return [
        _BALANCE.read(got.context, {**row, "currency": kit.text(row, "currency").upper()}, True, got.now_ns)
        for row in got.rows
    ]


def _assets(got: kit.Got) -> list[kit.AssetStatus]:
    """A currency can be moved if one of its networks is open; the row itself counts where it lists none."""
    found = []
    for row in got.rows:
        networks = kit.inner(row, "networks") or [row]
        deposit, withdraw = (any(one.get(way) == "Enabled" for one in networks) for way in ("deposit", "withdrawal"))
        found.append(kit.AssetStatus("bitstamp", kit.text(row, "currency").upper(), deposit, withdraw))
    return found


# --- signatures ---


def sign(context: kit.Context, request: kit.RestRequest, now_ns: int, *, url: str) -> kit.HttpRequest:
    """A private call is a POST; without parameters it has neither a body nor a content type. A book is asked for with
    the time as a parameter, because the answer to the same URL is up to a second old."""
    if not request.signed:
        fresh = [("_", str(now_ns // kit.MS))] if request.path.startswith("/api/v2/order_book/") else []
        return kit.unsigned(url)(context, replace(request, params=[*request.params, *fresh]), now_ns)
    signer, body = context.signer, kit.query(request.params)
    key, stamp, number = signer.key, str(signer.venue_ns(now_ns) // kit.MS), signer.nonce(now_ns)
    nonce = _nonce(number)
    proof = kit.hmac_hex(signer, signed_text(key, request.path, body, nonce, stamp))
    headers = [
        ("X-Auth", f"BITSTAMP {key}"),
        ("X-Auth-Nonce", nonce),
        ("X-Auth-Timestamp", stamp),
        ("X-Auth-Version", "v2"),
        ("X-Auth-Signature", kit.Secret(proof)),
    ]
    if body:
        headers.append(("Content-Type", _FORM))
    return kit.HttpRequest("POST", url + request.path, headers, body.encode())


def signed_text(key: str, path: str, body: str, nonce: str, stamp: str) -> str:
    """What is signed: no line ends, and no query because private calls have none."""
    return f"BITSTAMP {key}POST{HOST}{path}{_FORM if body else ''}{nonce}{stamp}v2{body}"


def _nonce(number: int) -> str:
    """A number that is never used twice, in the form of a UUID of version 4."""
    digits = f"{number:016x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[12:15]}-8{digits[15:16]}00-{digits[16:]:0<12}"


def unwrap(answer: kit.HttpAnswer) -> kit.RestReply | None:
    """There is no envelope. Errors come with any status, HTTP 200 too; a page of HTML proves nothing."""
    start = answer.body.lstrip()[:1]
    found = kit.read_json(rows.PROBLEM, answer.body) if start == b"{" else None
    if found is not None and (found.status == "error" or found.error is not None or found.response_code):
        text = " ".join(_said(part) for part in (found.reason, found.error, found.response_explanation) if part)
        code = found.response_code or found.code or (ABSENT if "order not found" in text.lower() else TEXT)
        return kit.RestReply(code, text, b"")
    return kit.RestReply(OK, "", answer.body) if start in (b"{", b"[") and answer.status == 200 else None


def _said(reason: Any) -> str:
    """The texts of an error; one of a parameter begins with its name."""
    if isinstance(reason, Mapping):
        pairs = [(name, text) for name, texts in reason.items() for text in (texts if texts else [])]
        return " ".join(f"{text}" if name == "__all__" else f"{name}: {text}" for name, text in pairs if text)
    return str(reason)


# --- the calls ---


def _new(context: kit.Context, what: kit.NewOrder) -> kit.Params:
    flag = "moc_order" if what.post_only else _TIFS.get(what.tif, "")  # none: good till cancelled
    return [
        ("side", what.side.value),
        ("pair", context.native(what.instrument)),
        ("amount", kit.plain(what.qty)),
        ("price", kit.plain(what.px)),
        ("client_order_id", what.cl_ord_id),
        *([(flag, "True")] if flag else []),
    ]


def _one(context: kit.Context, what: kit.CancelOrder | kit.QueryOrder) -> kit.Params:
    context.native(what.instrument)  # so that the row of a pair that left the catalogue is known again
    return [("id", what.order_id)] if what.order_id else [("client_order_id", what.cl_ord_id)]


def _pair_or(every: str, context: kit.Context, what: Any) -> list[tuple[str, str]]:
    return [("pair", context.native(what.instrument) if what.instrument else every)]


def _fill_params(context: kit.Context, what: kit.ListFills) -> kit.Params:
    """The oldest first, so that a new fill does not shift the pages."""
    since = [("since_timestamp", str(what.since_ns // kit.S))] if what.since_ns else []
    return [*_pair_or("", context, what), ("limit", str(_PAGE)), ("sort", "asc"), *since]


def _public(path: str, read: Any, **more: Any) -> kit.Call:
    return kit.Call(f"/api/v2/{path}", read, signed=False, **more)


def _private(path: str, read: Any, **more: Any) -> kit.Call:
    return kit.Call(f"/api/v2/{path}", read, method="POST", **more)


CALLS = kit.CallTable(
    "bitstamp",
    {
        kit.AskKind.CATALOGUE: _public("markets/", _instruments),
        kit.AskKind.TIME: _public("eur_usd/", kit.dated, rows=dict[str, Any]),
        kit.AskKind.SNAPSHOT: _public(
            "order_book/{pair}/",
            kit.by_socket,
            params=partial(_pair_or, ""),
        ),
        kit.AskKind.TOKEN: _private("websockets_token/", kit.by_socket),
        kit.AskKind.FEES: _private("fees/trading/", _fees),
        kit.AskKind.BALANCES: _private("account_balances/", _balances),
        kit.AskKind.ASSETS: _public("currencies/", _assets),
        kit.NewOrder: _private("{side}/{pair}/", _created, params=_new, rows=dict[str, Any]),
        kit.CancelOrder: _private("cancel_order/", _canceled, params=_one, rows=dict[str, Any]),
        kit.QueryOrder: _private("order_status/", _queried, params=_one, rows=dict[str, Any]),
        kit.ListOpenOrders: _private("open_orders/{pair}/", kit.each(_opened), params=partial(_pair_or, "all")),
        kit.ListFills: _private(
            "user_transactions/{pair}/",
            _fills,
            params=_fill_params,
            pages=kit.Pages("offset", lambda page: "more" if len(page) >= _PAGE else "", size=_PAGE),
            memory_ns=_FILLS_NS,
        ),
    },
    verdicts=VERDICTS,
    pauses=PAUSES,
    every={kit.Role.REST: (("requests", 1),)},
)
