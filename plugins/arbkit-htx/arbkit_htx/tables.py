"""HTX's rows as events, its signatures, and its REST calls. https://www.htx.com/en-us/opend/newApiPages/ (spot)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlsplit

from msgspec.structs import replace

import arbkit.venue as kit
from arbkit_htx import rows
from arbkit_htx.verdicts import OK, VERDICTS

WINDOW_NS = 300 * kit.S
"""A signature is good for so long. HTX has no nearer end of an order."""
LIMITS = {
    **dict.fromkeys(("place", "cancel", "balance"), (100, 2)),
    **dict.fromkeys(("query", "open", "fee"), (50, 2)),
    **dict.fromkeys(("fills", "history"), (20, 2)),
    "accounts": (10, 1),  # no figure on its page
    "public": (120, 3),
}
"""Requests in so many seconds: of each call by user, those without a key together by address."""
_PAGE = 500
_MEMORY_NS = 48 * 3600 * kit.S
"""Fills and finished orders are listed for so long."""
_WORDS = {kit.Tif.GTC: "limit", kit.Tif.IOC: "ioc", kit.Tif.FOK: "limit-fok"}
_AT_ONCE = ("ioc", "limit-fok")
_LEVERAGED = "etp"
_MOMENTS = ("finished-at", "created-at", "tradeTime", "lastActTime", "orderCreateTime")
"""When an order changed last, in a row of REST and in a push."""

ORDER = kit.OrderFields(
    order_id="id",
    cl_ord_id="client-order-id",
    status="state",
    statuses=kit.statuses(
        new="created submitted canceling",
        partially_filled="partial-filled",
        filled="filled",
        canceled="canceled partial-canceled",
    ),
    qty="amount",
    cum_qty="field-amount",
    exch_ms="at",
)
_OPEN = replace(ORDER, cum_qty="filled-amount")
_PUSHED = replace(
    ORDER,
    order_id="orderId",
    cl_ord_id="clientOrderId",
    status="orderStatus",
    px="orderPrice",
    qty="orderSize",
    cum_qty="execAmt",
)
_FILL = ORDER.fill(
    maker=("role", "maker"),
    fee_asset="fee-currency",
    fee="filled-fees",
    qty="filled-amount",
    exch_ms="created-at",
    trade_id="trade-id",
    order_id="order-id",
)
_CLEARED = _PUSHED.fill(
    maker=("aggressor", False),
    fee_asset="feeCurrency",
    fee="transactFee",
    qty="tradeVolume",
    px="tradePrice",
    exch_ms="tradeTime",
    trade_id="tradeId",
    side="orderSide",
)
_PAIR = kit.InstrumentFields(
    status="state",
    trading=("online",),
    base="bc",
    quote="qc",
    min_notional="minov",
    min_qty="lominoa",
    max_qty="most",
    lot="lot",
    tick="tick",
)


# --- rows as events ---


def _order(fields: kit.OrderFields, context: kit.Context, row: kit.Row, source: str, now_ns: int) -> kit.OrderUpdate:
    """``type`` has the side and the time in force: ``buy-limit-fok``. The amount of a market buy, which is not ours, is
    in the quote asset. What an IOC or FOK did not fill ends as canceled; a push tells it at once."""
    side, _, kind = kit.text(row, "type").partition("-")
    at = next((text for name in _MOMENTS if (text := kit.text(row, name)) not in ("", "0")), "")
    amounts = {fields.qty: ""} if (side, kind) == ("buy", "market") else {}
    state = fields.read(context, {**row, "side": side, "at": at, **amounts}, source, now_ns)
    if source == "stream" and state.ord_status is kit.OrdStatus.CANCELED and kind in _AT_ONCE:
        reason = None if state.cum_qty else kit.RejectReason.NO_MATCH
        return replace(state, ord_status=kit.OrdStatus.EXPIRED, reason=reason)
    if state.ord_status is kit.OrdStatus.NEW and state.cum_qty:
        return replace(state, ord_status=kit.OrdStatus.PARTIALLY_FILLED)
    return state


def order(context: kit.Context, row: kit.Row, source: str, now_ns: int) -> kit.OrderUpdate:
    return _order(ORDER, context, row, source, now_ns)


def listed(context: kit.Context, row: kit.Row, source: str, now_ns: int) -> kit.OrderUpdate:
    """A row of the open orders, where the filled amount has another name."""
    return _order(_OPEN, context, row, source, now_ns)


def pushed(context: kit.Context, row: kit.Row, now_ns: int) -> kit.OrderUpdate:
    """A row of ``orders``, without the fill: ``trade.clearing`` has it with its fee."""
    return _order(_PUSHED, context, row, "stream", now_ns)


def _deducted(made: kit.OrderUpdate, row: kit.Row, paid: str, asset: str) -> kit.OrderUpdate:
    """A fee that is paid in points or in HTX's own coin, in whole or in part."""
    amount = kit.amount(row, paid)
    return replace(made, extra_fees=[(kit.text(row, asset).upper(), amount)]) if amount else made


def _upper(row: kit.Row, name: str) -> dict[str, Any]:
    return {**row, name: kit.text(row, name).upper()}


def fill(context: kit.Context, row: kit.Row, source: str, now_ns: int) -> kit.OrderUpdate:
    """A listed fill. It names its order by the venue's id only."""
    side = kit.text(row, "type").partition("-")[0]
    made = _FILL.read(context, {**_upper(row, "fee-currency"), "side": side}, source, now_ns)
    return _deducted(made, row, "filled-points", "fee-deduct-currency")


def cleared(context: kit.Context, row: kit.Row, now_ns: int) -> kit.OrderUpdate:
    """A row of ``trade.clearing``."""
    made = _CLEARED.read(context, _upper(row, "feeCurrency"), "stream", now_ns)
    return _deducted(made, row, "feeDeduct", "feeDeductType")


def _step(row: kit.Row, name: str) -> Decimal:
    """A number of decimals as a step; 0 if it is none, and the pair is not tradable then."""
    places = kit.text(row, name)
    return (
        Decimal(1).scaleb(-int(places)) if places.isascii() and places.isdecimal() and len(places) < 3 else Decimal(0)
    )


def _instruments(got: kit.Got) -> list[kit.InstrumentUpdate]:
    """Spot pairs, without tokens with leverage. ``castate``: a call auction, in which orders wait."""
    updates = []
    for row in got.rows:
        if not all(kit.text(row, name) for name in ("symbol", "bc", "qc")):
            continue
        if _LEVERAGED in kit.text(row, "tags").split(","):
            continue
        most = [amount for name in ("lomaxoa", "lomaxba", "lomaxsa") if (amount := kit.amount(row, name))]
        own = {"tick": _step(row, "pp"), "lot": _step(row, "ap"), "most": min(most, default=None)}
        one = _PAIR.read("htx", {**_upper(row, "bc"), "qc": kit.text(row, "qc").upper(), **own})
        if kit.text(row, "at") != "enabled" or kit.text(row, "castate"):
            one = replace(one, tradable=False)
        updates.append(kit.InstrumentUpdate(one))
    return updates


def _time(got: kit.Got) -> list[kit.ClockSample]:
    return [kit.time_sample("htx", got.rows * kit.MS, kit.MS, got.answer.sent_ns, got.answer.recv_ns)]


_fees = kit.fees("actualMakerRate", "actualTakerRate")
"""``actual``: with the deduction of the account, if it has one."""


def _assets(got: kit.Got) -> list[kit.AssetStatus]:
    found = []
    for row in got.rows:
        chains = [
            {way: chain.get(f"{way}Status") == "allowed" for way in ("deposit", "withdraw")}
            for chain in kit.inner(row, "chains")
        ]
        found.append(kit.movable("htx", kit.text(row, "currency").upper(), chains, "deposit", "withdraw"))
    return found


# --- signatures ---


def stamp(venue_ns: int) -> str:
    """UTC, to the second."""
    return f"{datetime.fromtimestamp(venue_ns // kit.S, UTC):%Y-%m-%dT%H:%M:%S}"


def proof(context: kit.Context, method: str, url: str, params: Mapping[str, str]) -> tuple[str, str]:
    """The query in the order of its names, and its signature. The signed text is method, host, path and query, one a
    line, so the host is the one that is asked."""
    parts = urlsplit(url)
    query = kit.query(sorted(params.items()))
    signed = f"{method}\n{parts.netloc.lower()}\n{parts.path}\n{query}"
    return query, kit.hmac_base64(context.signer, signed)


def sign(context: kit.Context, request: kit.RestRequest, now_ns: int, *, url: str) -> kit.HttpRequest:
    """The parameters of a GET are signed, those of a POST stand in the body and are not."""
    target = url + request.path
    post = request.method == "POST"
    params = {} if post else {name: str(value) for name, value in request.params}
    if not request.signed:
        query = kit.query(params.items())
        return kit.HttpRequest(request.method, f"{target}?{query}" if query else target)
    signer = context.signer
    params |= {
        "AccessKeyId": signer.key,
        "SignatureMethod": "HmacSHA256",
        "SignatureVersion": "2",
        "Timestamp": stamp(signer.venue_ns(now_ns)),
    }
    query, signature = proof(context, request.method, target, params)
    full = kit.Secret(f"{target}?{query}&Signature={quote(signature, safe='')}")
    if not post:
        return kit.HttpRequest("GET", full)
    body = kit.json_text(dict(request.params)).encode()
    return kit.HttpRequest("POST", full, [("Content-Type", "application/json")], body)


def unwrap(answer: kit.HttpAnswer) -> kit.RestReply | None:
    found = kit.read_json(rows.ENVELOPE, answer.body)
    if found is None:
        return None
    if found.status:
        code = OK if found.status == "ok" else found.err_code or found.status
        return kit.RestReply(code, found.err_msg or "", found.data)
    if not found.code:
        return None
    return kit.RestReply(OK if found.code == 200 else str(found.code), found.message or "", found.data)


# --- the calls ---


def _symbol(context: kit.Context, what: Any) -> list[tuple[str, str]]:
    return [("symbol", context.native(what.instrument))] if what.instrument else []


def _fill_params(context: kit.Context, what: kit.ListFills) -> kit.Params:
    since = [("start-time", str(what.since_ns // kit.MS))] if what.since_ns else []
    return [*_symbol(context, what), *since, ("size", str(_PAGE)), ("direct", "next")]


def _more(got: kit.Got, found: Sequence[kit.OrderUpdate], name: str) -> list[kit.OrderUpdate]:
    """Those that no page before has: a page begins with the last row of the one before."""
    known = {getattr(one, name, "") for one in got.before}
    return [one for one in found if getattr(one, name) not in known]


def _fills(got: kit.Got) -> list[kit.OrderUpdate]:
    """Those of the order, if one is asked for."""
    made = [one for one in kit.each(fill)(got) if got.what.order_id in ("", one.order_id)]
    return _more(got, made, "trade_id")


def _opened(got: kit.Got) -> list[kit.OrderUpdate]:
    return _more(got, kit.each(listed)(got), "order_id")


def _finished(got: kit.Got) -> list[kit.OrderUpdate]:
    """The one that is looked for, among the orders of the last two days."""
    return [one for one in kit.each(order)(got) if got.what.ref in (one.cl_ord_id, one.order_id)][:1]


def _one(got: kit.Got) -> list[kit.OrderUpdate]:
    return kit.each(order)(replace(got, rows=[got.rows]))


def _ack(got: kit.Got) -> list[kit.OrderUpdate]:
    """The answer is the order's id, and means that it was accepted."""
    return got.acknowledged(got.rows)


def _older(name: str) -> kit.Pages:
    """Newest first. The next page begins at the ``name`` of the last row."""
    return kit.Pages("from", lambda page: kit.text(page[-1], name) if len(page) >= _PAGE else "")


@dataclass
class Spot:
    """The spot accounts of the users, whose numbers orders and balances need. They are learned with the balances;
    nothing is traded before."""

    numbers: dict[str, str] = field(default_factory=dict)
    """HTX's number by our account."""

    def number(self, context: kit.Context) -> str:
        """ "" before it is known: HTX refuses such an order."""
        return self.numbers.get(context.account, "")

    def learn(self, got: kit.Got) -> list[kit.AccountStatus]:
        """``GET /v1/account/accounts``. A locked account does not trade."""
        spot: kit.Row = next((row for row in got.rows if kit.text(row, "type") == "spot"), {})
        self.numbers[got.context.account] = kit.text(spot, "id")
        state = kit.text(spot, "state") or "missing"
        problem = "" if state == "working" else f"the spot account is {state}: see the account's page at HTX"
        return [kit.AccountStatus(got.context.account, problem)]

    def balances(self, got: kit.Got) -> list[kit.Balance]:
        """A row for what is free and one for what is locked."""
        held: dict[str, dict[str, Decimal]] = {}
        for row in kit.inner(got.rows, "list"):
            kind = kit.text(row, "type")
            if kind in ("trade", "frozen"):
                held.setdefault(kit.text(row, "currency").upper(), {})[kind] = kit.amount(row, "balance") or Decimal(0)
        return [
            kit.Balance(
                account=got.context.account,
                asset=asset,
                free=amounts.get("trade", Decimal(0)),
                locked=amounts.get("frozen", Decimal(0)),
                snapshot=True,
                recv_ns=got.now_ns,
            )
            for asset, amounts in held.items()
        ]

    def pushed(self, context: kit.Context, row: kit.Row, now_ns: int) -> list[kit.Balance]:
        """A row of ``accounts.update#2``: all there is, and what is free of it. Other accounts push too. The first rows
        are no changes and have no time: the listing tells them."""
        balance, free = kit.amount(row, "balance"), kit.amount(row, "available")
        own = kit.text(row, "accountId") in ("", self.number(context) or kit.text(row, "accountId"))
        at = kit.text(row, "changeTime")
        if not at or not own or kit.text(row, "accountType") != "trade" or balance is None or free is None:
            return []
        return [
            kit.Balance(
                account=context.account,
                asset=kit.text(row, "currency").upper(),
                free=free,
                locked=balance - free,
                exch_ns=kit.ms_ns(at),
                recv_ns=now_ns,
            )
        ]

    def new(self, context: kit.Context, what: kit.NewOrder) -> kit.Params:
        kind = "limit-maker" if what.post_only else _WORDS[what.tif]
        return [
            ("account-id", self.number(context)),
            ("symbol", context.native(what.instrument)),
            ("type", f"{what.side.value}-{kind}"),
            ("amount", kit.plain(what.qty)),
            ("price", kit.plain(what.px)),
            ("source", "spot-api"),
            ("client-order-id", what.cl_ord_id),
        ]

    def open(self, context: kit.Context, what: kit.ListOpenOrders) -> kit.Params:
        """Account and symbol are given together or not at all."""
        own = [("account-id", self.number(context)), *_symbol(context, what)] if what.instrument else []
        return [*own, ("size", str(_PAGE)), ("direct", "next")]

    def calls(self) -> kit.CallTable:
        balances = kit.Call(
            "/v1/account/accounts/{account-id}/balance",
            self.balances,
            "balance",
            rows=dict[str, Any],
            params=lambda context, what: [("account-id", self.number(context))],
        )
        by_name = kit.Call(
            "/v1/order/orders/getClientOrder",
            _one,
            "query",
            rows=dict[str, Any],
            params=lambda context, what: [("clientOrderId", what.cl_ord_id)],
            elsewhere=True,
        )
        return kit.CallTable(
            "htx",
            {
                kit.AskKind.CATALOGUE: kit.Call(
                    "/v1/settings/common/market-symbols", _instruments, "public", signed=False
                ),
                kit.AskKind.TIME: kit.Call("/v1/common/timestamp", _time, "public", rows=int, signed=False),
                kit.AskKind.ACCOUNT: kit.Call("/v1/account/accounts", self.learn, "accounts"),
                kit.AskKind.BALANCES: kit.Call("/v1/account/accounts", self._first, "accounts", then=balances),
                kit.AskKind.FEES: kit.Call(
                    "/v2/reference/transact-fee-rate",
                    _fees,
                    "fee",
                    params=lambda context, what: [("symbols", context.native(what.instrument))],
                ),
                kit.AskKind.ASSETS: kit.Call("/v2/reference/currencies", _assets, "public", signed=False),
                kit.AskKind.ORDER: kit.Call(
                    "/v1/order/history",
                    _finished,
                    "history",
                    params=lambda context, what: [*_symbol(context, what), ("size", "1000")],
                ),
                kit.NewOrder: kit.Call(
                    "/v1/order/orders/place", _ack, [("place", 1, "account")], method="POST", rows=str, params=self.new
                ),
                # an unknown client order id in a cancel could not be used for an order any more, so it is looked up
                kit.CancelOrder: kit.Call(
                    "/v1/order/orders/{order-id}/submitcancel",
                    _ack,
                    [("cancel", 1, "account")],
                    method="POST",
                    rows=str,
                    params=lambda context, what: [("order-id", what.order_id)],
                    lookup=by_name,
                ),
                kit.QueryOrder: kit.Call(
                    "/v1/order/orders/{order-id}",
                    _one,
                    "query",
                    rows=dict[str, Any],
                    params=lambda context, what: [("order-id", what.order_id)],
                    elsewhere=True,
                    lookup=by_name,
                ),
                kit.ListOpenOrders: kit.Call(
                    "/v1/order/openOrders", _opened, "open", params=self.open, pages=_older("id")
                ),
                kit.ListFills: kit.Call(
                    "/v1/order/matchresults",
                    _fills,
                    "fills",
                    params=_fill_params,
                    pages=_older("id"),
                    memory_ns=_MEMORY_NS,
                ),
            },
            verdicts=VERDICTS,
            pauses=kit.Pauses(window_ns=2 * kit.S, pages={403: ("*", 60 * kit.S)}),
        )

    def _first(self, got: kit.Got) -> Sequence[kit.Output]:
        """The first of two calls: the number of the account."""
        self.learn(got)
        return ()
