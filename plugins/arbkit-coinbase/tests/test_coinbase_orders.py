"""Orders, fills, balances: what goes out, and what each answer and push proves."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from arbkit_coinbase.adapter import Coinbase
from wires import MS, S, Wires, instrument

from arbkit.core.errors import CredentialsError, RemoteProtocolError
from arbkit.core.orders.ids import IntentIds, format_cl_ord_id
from arbkit.core.types import (
    AccountStatus,
    Ask,
    AskKind,
    AssetStatus,
    Balance,
    CancelAll,
    CancelOrder,
    Catalogue,
    ClockSample,
    FeeUpdate,
    HttpRequest,
    Instrument,
    InstrumentUpdate,
    LinkSpec,
    Listing,
    ListOpenOrders,
    NewOrder,
    NoAnswer,
    Notice,
    OrderAbsent,
    OrderUpdate,
    OrdStatus,
    QueryOrder,
    RateReport,
    Ready,
    RejectReason,
    Role,
    Side,
    Tif,
    VenueSettings,
)
from arbkit.core.venues.signer import LocalSigner
from arbkit.sim.keys import Es256

NOW_NS = 1_772_360_430_000 * MS
AT = "2026-03-01T10:20:30.123456Z"
AT_NS = 1_772_360_430_123_456_000
ID = format_cl_ord_id(IntentIds(NOW_NS // S).next())
"""Of a run that began now."""
BTC = instrument("coinbase", "BTC-USD", "0.01", "0.00000001", "BTC-USD")
WIRES = Wires(Coinbase, BTC, secret=Es256("tests").pem, now_ns=NOW_NS, cl_ord_id=ID, order_id="77")
COINBASE, ME, BUY, CANCEL, QUERY, FILLS = (
    WIRES.exchange,
    WIRES.me,
    WIRES.buy,
    WIRES.cancel,
    WIRES.query,
    WIRES.fills,
)
session = WIRES.session


def sent(what: Any) -> tuple[HttpRequest, Any]:
    """A request, and its body or query."""
    (request,) = session(Role.REST).encode(what if isinstance(what, Ask) else [what], NOW_NS)
    query = parse_qsl(urlsplit(request.url).query)
    return request, json.loads(request.body) if request.body else query


def answered(what: Any, data: Any = None, status: int = 200, rest: Any = None, text: str = "") -> list[Any]:
    return WIRES.answered(what, text or data, status, rest=rest)


def order_row(**fields: Any) -> dict[str, Any]:
    row = {
        "order_id": "77",
        "product_id": "BTC-USD",
        "order_configuration": {"sor_limit_ioc": {"base_size": "2", "limit_price": "50000"}},
        "side": "BUY",
        "client_order_id": ID,
        "status": "OPEN",
        "time_in_force": "IMMEDIATE_OR_CANCEL",
        "created_time": "2026-03-01T10:20:29Z",
        "last_update_time": AT,
        "filled_size": "0",
        "reject_reason": "REJECT_REASON_UNSPECIFIED",
        "reject_message": "",
        "cancel_message": "",
    }
    return row | fields


def user_row(**fields: Any) -> dict[str, Any]:
    row = {
        "order_id": "77",
        "client_order_id": ID,
        "product_id": "BTC-USD",
        "order_side": "SELL",
        "order_type": "Limit",
        "status": "OPEN",
        "time_in_force": "GOOD_UNTIL_CANCELLED",
        "limit_price": "50000",
        "cumulative_quantity": "0",
        "leaves_quantity": "2",
        "cancel_reason": "",
        "reject_reason": "",
    }
    return row | fields


def user(number: int, *rows: dict[str, Any], kind: str = "update") -> str:
    events = [{"type": kind, "orders": list(rows)}]
    return json.dumps({"channel": "user", "timestamp": AT, "sequence_num": number, "events": events})


def pushed(**fields: Any) -> OrderUpdate:
    (update,) = session(Role.PRIVATE).receive(user(0, user_row(**fields)), NOW_NS)
    assert isinstance(update, OrderUpdate)
    return update


# --- orders out ---


@pytest.mark.parametrize(
    ("more", "configuration"),
    [
        ({}, {"sor_limit_ioc": {"base_size": "0.00000001", "limit_price": "50000"}}),
        ({"tif": Tif.FOK}, {"limit_limit_fok": {"base_size": "0.00000001", "limit_price": "50000"}}),
        (
            {"tif": Tif.GTC, "post_only": True},
            {"limit_limit_gtc": {"base_size": "0.00000001", "limit_price": "50000", "post_only": True}},
        ),
    ],
)
def test_a_new_order(more: dict[str, Any], configuration: dict[str, Any]) -> None:
    """Texts without exponents; nothing that the reference of the call does not have."""
    request, body = sent(NewOrder(**{name: getattr(BUY, name) for name in BUY.__struct_fields__} | more))
    assert (request.method, request.url) == ("POST", "https://api.coinbase.com/api/v3/brokerage/orders")
    assert body == {
        "client_order_id": ID,
        "product_id": "BTC-USD",
        "side": "BUY",
        "order_configuration": configuration,
    }


def test_orders_go_over_rest_and_cost_one_request_of_the_account() -> None:
    """There is no order entry over sockets, and no cancel-all."""
    assert COINBASE.route(BUY) == COINBASE.route(CANCEL) == (Role.REST,)
    assert COINBASE.route(CancelAll(account=ME)) == ()
    assert COINBASE.cost(BUY, Role.REST) == (("private:coinbase:main", 1),)


def test_an_accepted_order_has_its_id() -> None:
    """``success`` decides: UNKNOWN_FAILURE_REASON beside it means nothing."""
    body = {"success": True, "failure_reason": "UNKNOWN_FAILURE_REASON", "success_response": {"order_id": "77"}}
    (update,) = answered(BUY, body)
    assert (update.ord_status, update.order_id, update.cl_ord_id) == (OrdStatus.NEW, "77", ID)


@pytest.mark.parametrize(
    ("reasons", "status", "reason"),
    [
        ({"error": "INSUFFICIENT_FUND"}, OrdStatus.REJECTED, RejectReason.INSUFFICIENT_FUNDS),
        (
            {
                "error": "UNKNOWN_FAILURE_REASON",
                "preview_failure_reason": "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL",
                "new_order_failure_reason": "UNKNOWN_FAILURE_REASON",
            },
            OrdStatus.REJECTED,
            RejectReason.MIN_NOTIONAL,
        ),
        (
            {
                "error": "INVALID_REQUEST",
                "preview_failure_reason": "UNKNOWN_PREVIEW_FAILURE_REASON",
                "new_order_failure_reason": "INVALID_LIMIT_PRICE_POST_ONLY",
            },
            OrdStatus.REJECTED,
            RejectReason.POST_ONLY,
        ),
        ({"error": "UNKNOWN_FAILURE_REASON"}, OrdStatus.UNKNOWN, None),
        ({"error": "A_REASON_OF_NEXT_YEAR"}, OrdStatus.UNKNOWN, None),
        ({}, OrdStatus.UNKNOWN, None),
    ],
)
def test_a_refusal_counts_by_its_most_precise_reason(
    reasons: dict[str, str], status: OrdStatus, reason: RejectReason | None
) -> None:
    """HTTP 200. A reason that is not known, or none, proves nothing."""
    (update,) = answered(BUY, {"success": False, "error_response": {"message": "no", **reasons}})
    assert (update.ord_status, update.reason) == (status, reason)


@pytest.mark.parametrize(
    ("status", "text", "outcome", "reason"),
    [
        (200, '{"success":true}', OrdStatus.UNKNOWN, None),
        (200, '{"success":true,"success_response":{"order_id":""}}', OrdStatus.UNKNOWN, None),
        (200, "<html>", OrdStatus.UNKNOWN, None),
        (401, "Unauthorized\n", OrdStatus.REJECTED, RejectReason.AUTH),
        (403, '{"error":"PERMISSION_DENIED","message":"no scope"}', OrdStatus.REJECTED, RejectReason.AUTH),
        (403, "<html>403 Forbidden</html>", OrdStatus.UNKNOWN, None),
        (400, '{"error":"INVALID_ARGUMENT","error_details":"x","message":"y"}', OrdStatus.REJECTED, RejectReason.OTHER),
        (429, '{"errors":[{"id":"rate_limit_exceeded"}]}', OrdStatus.UNKNOWN, RejectReason.THROTTLED),
        (429, '{"error":"INSUFFICIENT_FUND"}', OrdStatus.UNKNOWN, RejectReason.THROTTLED),
        (429, "slow down", OrdStatus.UNKNOWN, RejectReason.THROTTLED),
        (500, '{"error":"INSUFFICIENT_FUND"}', OrdStatus.UNKNOWN, None),
        (503, "<html>", OrdStatus.UNKNOWN, None),
        (404, "page not found", OrdStatus.UNKNOWN, None),
    ],
)
def test_what_an_http_answer_proves_of_a_new_order(
    status: int, text: str, outcome: OrdStatus, reason: RejectReason | None
) -> None:
    """Throttles, server errors and whatever is not the venue's JSON: UNKNOWN."""
    out = answered(BUY, status=status, text=text)
    update = next(one for one in out if isinstance(one, OrderUpdate))
    assert (update.ord_status, update.reason) == (outcome, reason)
    closed = [one.bucket for one in out if isinstance(one, RateReport)]
    assert closed == (["private:coinbase:main"] if status == 429 else [])


def test_a_cancel() -> None:
    """By the venue's id. Success means accepted; a failure is queried."""
    request, body = sent(CANCEL)
    assert request.url.endswith("/orders/batch_cancel")
    assert body == {"order_ids": ["77"]}
    fine = {"success": True, "failure_reason": "UNKNOWN_CANCEL_FAILURE_REASON", "order_id": "77"}
    (update,) = answered(CANCEL, {"results": [fine]})
    assert (update.ord_status, update.about_cancel) == (OrdStatus.NEW, False)
    for code, reason in (("UNKNOWN_CANCEL_ORDER", RejectReason.UNKNOWN_ORDER), ("ORDER_IS_BEING_REPLACED", None)):
        (update,) = answered(CANCEL, {"results": [{"success": False, "failure_reason": code, "order_id": "77"}]})
        assert (update.ord_status, update.about_cancel, update.reason) == (OrdStatus.UNKNOWN, True, reason)
    (update,) = answered(CANCEL, {"results": []})
    assert (update.ord_status, update.about_cancel, update.reason) == (OrdStatus.UNKNOWN, True, None)


def test_an_order_without_the_venues_id_is_looked_for_since_its_run_began() -> None:
    """Over the pages of its product; then it is cancelled by the id that was found."""
    rest = session(Role.REST)
    nameless = CancelOrder(account=ME, instrument=BTC.id, cl_ord_id=ID)
    (request,) = rest.encode([nameless], NOW_NS)
    parts = urlsplit(request.url)
    assert parts.path == "/api/v3/brokerage/orders/historical/batch"
    assert parse_qsl(parts.query) == [
        ("product_ids", "BTC-USD"),
        ("start_date", "2026-03-01T09:20:30.000000Z"),
        ("limit", "250"),
    ]
    page = {"orders": [order_row(order_id="1", client_order_id="other")], "has_next": True, "cursor": "c2"}
    (more,) = answered(nameless, page, rest=rest)
    (request,) = rest.encode(more, NOW_NS)
    assert parse_qsl(urlsplit(request.url).query)[-1] == ("cursor", "c2")
    found, go = answered(more, {"orders": [order_row()], "has_next": False, "cursor": ""}, rest=rest)
    assert (found.order_id, found.ord_status) == ("77", OrdStatus.NEW)
    (request,) = rest.encode(go, NOW_NS)
    assert (request.method, json.loads(request.body)) == ("POST", {"order_ids": ["77"]})
    query = QueryOrder(account=ME, instrument=BTC.id, cl_ord_id=ID)
    (absent,) = answered(query, {"orders": [], "has_next": False, "cursor": ""})
    assert isinstance(absent, OrderAbsent)


# --- orders in ---


@pytest.mark.parametrize(
    ("fields", "status", "reason"),
    [
        ({}, OrdStatus.NEW, None),
        ({"status": "PENDING"}, OrdStatus.PENDING_NEW, None),
        ({"status": "CANCEL_QUEUED"}, OrdStatus.NEW, None),
        ({"filled_size": "1"}, OrdStatus.PARTIALLY_FILLED, None),
        ({"status": "FILLED", "filled_size": "2"}, OrdStatus.FILLED, None),
        ({"status": "CANCELLED"}, OrdStatus.EXPIRED, RejectReason.NO_MATCH),
        ({"status": "CANCELLED", "filled_size": "1"}, OrdStatus.EXPIRED, None),
        ({"status": "CANCELLED", "time_in_force": "GOOD_UNTIL_CANCELLED"}, OrdStatus.CANCELED, None),
        ({"status": "EXPIRED"}, OrdStatus.EXPIRED, None),
        ({"status": "FAILED", "reject_reason": "HOLD_FAILURE"}, OrdStatus.REJECTED, RejectReason.INSUFFICIENT_FUNDS),
        ({"status": "FAILED", "reject_reason": "RATE_LIMIT_EXCEEDED"}, OrdStatus.REJECTED, RejectReason.OTHER),
        ({"status": "FAILED"}, OrdStatus.REJECTED, RejectReason.OTHER),
        ({"status": "A_WORD_OF_NEXT_YEAR"}, OrdStatus.UNKNOWN, None),
    ],
)
def test_an_order_that_was_asked_for(fields: dict[str, str], status: OrdStatus, reason: RejectReason | None) -> None:
    """One path for one order; the words of its state, and why it ended."""
    request, _ = sent(QUERY)
    assert request.url == "https://api.coinbase.com/api/v3/brokerage/orders/historical/77"
    (update,) = answered(QUERY, {"order": order_row(**fields)})
    assert (update.ord_status, update.reason, update.source) == (status, reason, "poll")
    assert (update.instrument, update.order_id, update.cl_ord_id, update.side) == (BTC.id, "77", ID, Side.BUY)
    assert (update.px, update.qty, update.exch_ns) == (Decimal(50000), Decimal(2), AT_NS)


def test_a_query_that_finds_nothing_and_one_that_says_nothing() -> None:
    """The text may come with any code."""
    for body in (
        {"error": "NOT_FOUND", "message": "gone"},
        {"error": "unknown", "message": "order with this orderID was not found"},
    ):
        (absent,) = answered(QUERY, body, 404)
        assert isinstance(absent, OrderAbsent)
    for status, text in ((404, "page not found"), (429, "{}"), (401, "Unauthorized"), (200, "<html>")):
        kinds = [type(out) for out in answered(QUERY, status=status, text=text)]
        assert NoAnswer in kinds
        assert OrderAbsent not in kinds


def test_open_orders_have_all_pages() -> None:
    """A page that is missing makes the list incomplete."""
    rest, what = session(Role.REST), ListOpenOrders(account=ME)
    (request,) = rest.encode([what], NOW_NS)
    assert parse_qsl(urlsplit(request.url).query) == [("order_status", "OPEN"), ("limit", "250")]
    (more,) = answered(what, {"orders": [order_row()], "has_next": True, "cursor": "9"}, rest=rest)
    (listing,) = answered(more, {"orders": [order_row(order_id="78")], "has_next": False}, rest=rest)
    assert isinstance(listing, Listing)
    assert ([one.order_id for one in listing.updates], listing.complete) == (["77", "78"], True)
    (more,) = answered(what, {"orders": [order_row()], "has_next": True, "cursor": "9"}, rest=rest)
    *_, cut = answered(more, {"error": "INVALID_ARGUMENT"}, 400, rest=rest)
    assert not cut.complete


def test_fills_have_all_pages_and_are_charged_in_the_quote_asset() -> None:
    """There is no ``has_next``: an empty page, or one without a cursor, is the last. Corrections are no fills."""
    fill = {
        "trade_id": "9",
        "order_id": "77",
        "trade_time": AT,
        "trade_type": "FILL",
        "price": "50000",
        "size": "0.5",
        "commission": "3",
        "product_id": "BTC-USD",
        "liquidity_indicator": "MAKER",
        "size_in_quote": False,
        "side": "SELL",
    }
    rest = session(Role.REST)
    _, query = sent(FILLS)
    assert ("start_sequence_timestamp", "2026-03-01T10:20:30.000000Z") in query
    (more,) = answered(FILLS, {"fills": [fill, fill | {"trade_type": "REVERSAL"}], "cursor": "2"}, rest=rest)
    last = fill | {"trade_id": "10", "size": "25000", "size_in_quote": True, "liquidity_indicator": "TAKER"}
    (more,) = answered(more, {"fills": [last], "cursor": "3"}, rest=rest)
    (listing,) = answered(more, {"fills": [], "cursor": "3"}, rest=rest)
    assert listing.complete
    first, second = listing.updates
    assert (first.trade_id, first.last_px, first.last_qty, first.maker) == ("9", Decimal(50000), Decimal("0.5"), True)
    assert (first.fee, first.fee_asset, first.order_id, first.cl_ord_id) == (Decimal(3), "USD", "77", "")
    assert (first.side, first.exch_ns, first.instrument) == (Side.SELL, AT_NS, BTC.id)
    assert (second.last_qty, second.maker) == (Decimal("0.5"), False)


LISTS = [Ask(kind=kind) for kind in (AskKind.BALANCES, AskKind.ASSETS, AskKind.CATALOGUE)]


@pytest.mark.parametrize("what", [ListOpenOrders(account=ME), FILLS, *LISTS])
def test_an_answer_without_the_list_is_no_empty_list(what: Any) -> None:
    """Nothing is absent because of it."""
    for body in ({}, {"accounts": None}, {"other": []}):
        assert [type(out) for out in answered(what, body)] == [NoAnswer]


# --- the private stream ---


def test_the_private_link_is_ready_when_both_channels_are_listed() -> None:
    """Open orders may come before."""
    link = session(Role.PRIVATE)
    link.start(NOW_NS)
    assert len(link.receive(user(0, user_row(), kind="snapshot"), NOW_NS)) == 1
    listed = [{"subscriptions": {"user": ["u"]}}, {"subscriptions": {"user": ["u"], "heartbeats": ["heartbeats"]}}]
    said = [
        link.receive(json.dumps({"channel": "subscriptions", "sequence_num": n + 1, "events": [event]}), NOW_NS)
        for n, event in enumerate(listed)
    ]
    assert said == [[], [Ready("coinbase.main.private", NOW_NS)]]


def test_a_pushed_order_tells_how_much_is_filled_and_no_fill() -> None:
    """Cumulative: the fills are listed over REST (``streams_fills`` is false)."""
    update = pushed(cumulative_quantity="0.5", number_of_fills="2", filled_value="25000", total_fees="300")
    assert (update.ord_status, update.cum_qty, update.last_qty) == (OrdStatus.PARTIALLY_FILLED, Decimal("0.5"), 0)
    assert (update.side, update.px, update.order_id, update.exch_ns) == (Side.SELL, Decimal(50000), "77", AT_NS)
    assert (update.cl_ord_id, update.source) == (ID, "stream")
    assert not COINBASE.capabilities.streams_fills


@pytest.mark.parametrize(
    ("fields", "status", "reason"),
    [
        ({"status": "CANCELLED", "time_in_force": "FILL_OR_KILL"}, OrdStatus.EXPIRED, RejectReason.NO_MATCH),
        ({"status": "CANCELLED", "cancel_reason": "User requested cancel"}, OrdStatus.CANCELED, None),
        ({"status": "FAILED", "reject_Reason": "INVALID_NO_LIQUIDITY"}, OrdStatus.REJECTED, RejectReason.NO_MATCH),
        ({"status": "CANCEL_QUEUED", "cumulative_quantity": "1"}, OrdStatus.PARTIALLY_FILLED, None),
    ],
)
def test_pushed_ends(fields: dict[str, str], status: OrdStatus, reason: RejectReason | None) -> None:
    """As for an order that was asked for."""
    update = pushed(**fields)
    assert (update.ord_status, update.reason) == (status, reason)


def test_a_missing_user_message_ends_the_link_and_a_repeated_one_does_not() -> None:
    """Dialled again, the link lists the open orders, and the core queries the others."""
    link = session(Role.PRIVATE)
    link.receive(user(0, user_row()), NOW_NS)
    assert link.receive(user(0, user_row()), NOW_NS) == ()
    with pytest.raises(RemoteProtocolError, match="2 follows 0"):
        link.receive(user(2, user_row()), NOW_NS)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("authentication failure", CredentialsError),
        ("invalid JWT", CredentialsError),
        ("internal error", RemoteProtocolError),
    ],
)
def test_a_refused_login(text: str, error: type[Exception]) -> None:
    """The key is refused for good; anything else is tried again."""
    link = session(Role.PRIVATE)
    link.start(NOW_NS)
    with pytest.raises(error, match=text):
        link.receive(json.dumps({"type": "error", "message": text}), NOW_NS)


def test_without_a_key_there_is_no_private_link() -> None:
    """The error names the settings."""
    link = LinkSpec(link="x", venue="coinbase", role=Role.PRIVATE, account=ME)
    with pytest.raises(CredentialsError, match=r"venues\.coinbase\.key"):
        COINBASE.session(link, Catalogue(), None)


# --- the catalogue and the account ---


PRODUCT = {
    "product_id": "BTC-USD",
    "base_increment": "0.00000001",
    "quote_increment": "0.01",
    "price_increment": "0.01",
    "quote_min_size": "1",
    "quote_max_size": "150000000",
    "base_min_size": "0.00000001",
    "base_max_size": "3400",
    "status": "online",
    "product_type": "SPOT",
    "base_currency_id": "BTC",
    "quote_currency_id": "USD",
    "alias": "",
    **dict.fromkeys(("is_disabled", "trading_disabled", "cancel_only", "limit_only", "post_only"), False),
    **dict.fromkeys(("auction_mode", "view_only"), False),
}


def listed(*products: dict[str, Any]) -> list[Instrument]:
    rest = Coinbase(VenueSettings()).session(LinkSpec(link="x", venue="coinbase", role=Role.REST), Catalogue(), None)
    out = answered(Ask(kind=AskKind.CATALOGUE), {"products": list(products)}, rest=rest)
    return [one.instrument for one in out if isinstance(one, InstrumentUpdate)]


def test_an_instrument_has_the_venues_rules() -> None:
    """Tick, lot, sizes in both assets; fees in the quote asset; whose book it shares."""
    one, other = listed(PRODUCT, PRODUCT | {"product_id": "BTC-USDC", "quote_currency_id": "USDC", "alias": "BTC-USD"})
    assert (one.id, one.native, one.tradable, one.venue_ref) == ("coinbase:BTC-USD", "BTC-USD", True, "")
    assert (one.tick, one.lot, one.min_qty) == (Decimal("0.01"), Decimal("1E-8"), Decimal("1E-8"))
    assert (one.max_qty, one.min_notional, one.max_notional) == (Decimal(3400), Decimal(1), Decimal(150000000))
    assert one.fee_in_quote
    assert (other.id, other.venue_ref) == ("coinbase:BTC-USDC", "BTC-USD")


@pytest.mark.parametrize(
    "fields",
    [
        {"product_type": "FUTURE"},
        {"product_type": "EQUITY"},
        {"product_type": "PREDICTION"},
        {"product_type": None},
        {"base_currency_id": ""},
    ],
)
def test_what_is_no_spot_pair_is_left_out(fields: dict[str, Any]) -> None:
    """Futures, equities, prediction markets, and what comes next year."""
    assert listed(PRODUCT | fields) == []


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"status": "delisted"}, "delisted"),
        ({"trading_disabled": True}, "online trading_disabled"),
        ({"cancel_only": True}, "online cancel_only"),
        ({"post_only": True}, "online post_only"),
        ({"auction_mode": True, "view_only": True}, "online view_only auction_mode"),
        ({"is_disabled": True}, "online is_disabled"),
        ({"price_increment": ""}, "online"),
        ({"base_increment": "0"}, "online"),
        ({"base_min_size": "-1"}, "online"),
    ],
)
def test_a_product_that_takes_no_orders_is_not_tradable(fields: dict[str, Any], status: str) -> None:
    """``limit_only`` is no hindrance: our orders are limits."""
    (one,) = listed(PRODUCT | fields)
    assert (one.tradable, one.status) == (False, status)
    assert listed(PRODUCT | {"limit_only": True})[0].tradable


def test_a_product_that_is_halted_while_we_hold_it() -> None:
    """It stays known with its rules: what is held is counted, what rests is told and can be cancelled."""
    (halted,) = listed(PRODUCT | {"trading_disabled": True, "cancel_only": True})
    assert (halted.id, halted.tick, halted.tradable) == (BTC.id, BTC.tick, False)
    link = LinkSpec(link="x", venue="coinbase", role=Role.REST, account=ME)
    rest = COINBASE.session(link, Catalogue([halted]), LocalSigner("key", Es256("tests").pem))
    (update,) = answered(QUERY, {"order": order_row()}, rest=rest)
    assert (update.instrument, update.ord_status) == (BTC.id, OrdStatus.NEW)
    (request,) = rest.encode([CANCEL], NOW_NS)  # type: ignore[arg-type]  # a request
    assert json.loads(request.body) == {"order_ids": ["77"]}  # type: ignore[union-attr]


@pytest.mark.parametrize("text", ["NaN", "1e999", "a", "-Infinity"])
def test_a_rule_that_is_no_number_makes_the_list_unreadable(text: str) -> None:
    """The last list stays in force."""
    out = answered(Ask(kind=AskKind.CATALOGUE), {"products": [PRODUCT | {"base_increment": text}]})
    assert [type(one) for one in out] == [NoAnswer]


def test_the_accounts_own_list_refines_the_public_one() -> None:
    """With a key: a product that it may only view is not tradable; one that is not public is not there."""
    rest, what = session(Role.REST), Ask(kind=AskKind.CATALOGUE)
    (more,) = answered(what, {"products": [PRODUCT]}, rest=rest)
    (request,) = rest.encode(more, NOW_NS)
    assert request.url.endswith("/products?product_type=SPOT&get_tradability_status=true")
    own = [PRODUCT | {"view_only": True}, PRODUCT | {"product_id": "X-USD", "base_currency_id": "X"}]
    out = answered(more, {"products": own, "pagination": {"has_next": False}}, rest=rest)
    assert [(one.instrument.id, one.instrument.tradable) for one in out] == [
        ("coinbase:BTC-USD", True),
        ("coinbase:BTC-USD", False),
    ]


def test_balances_are_those_of_wallets() -> None:
    """All pages; available and held; a vault is not for trading."""
    wallet = {
        "currency": "BTC",
        "available_balance": {"value": "1.5", "currency": "BTC"},
        "hold": {"value": "0.25", "currency": "BTC"},
        "type": "ACCOUNT_TYPE_CRYPTO",
    }
    rest, what = session(Role.REST), Ask(kind=AskKind.BALANCES)
    (more,) = answered(what, {"accounts": [wallet], "has_next": True, "cursor": "49"}, rest=rest)
    rows = [wallet | {"currency": "USD", "type": "FIAT"}, wallet | {"currency": "ETH", "type": "ACCOUNT_TYPE_VAULT"}]
    out = answered(more, {"accounts": rows, "has_next": False, "cursor": ""}, rest=rest)
    assert out == [
        Balance(account=ME, asset=asset, free=Decimal("1.5"), locked=Decimal("0.25"), snapshot=True, recv_ns=NOW_NS)
        for asset in ("BTC", "USD")
    ]


@pytest.mark.parametrize(
    ("tax", "taker"),
    [
        (None, "0.012"),
        ({"rate": "0.18", "type": "INCLUSIVE"}, "0.012"),
        ({"rate": "0.18", "type": "EXCLUSIVE"}, "0.01416"),
        ({"rate": "18", "type": "EXCLUSIVE"}, "0.01416"),
    ],
)
def test_the_fees_of_the_tier(tax: Any, taker: str) -> None:
    """One answer for all pairs; a tax on top is part of the fee."""
    body = {"fee_tier": {"maker_fee_rate": "0.006", "taker_fee_rate": "0.012"}, "goods_and_services_tax": tax}
    (fee,) = answered(Ask(kind=AskKind.FEES), body)
    assert isinstance(fee, FeeUpdate)
    assert (fee.instrument, fee.taker) == (BTC.id, Decimal(taker))
    assert answered(Ask(kind=AskKind.FEES), {"fee_tier": {}}) == []


def test_what_can_be_moved() -> None:
    """By the wallets of the Coinbase App, over their pages."""
    rest, what = session(Role.REST), Ask(kind=AskKind.ASSETS)

    def wallet(code: str, deposit: bool, withdraw: bool) -> dict[str, Any]:
        return {"currency": {"code": code}, "allow_deposits": deposit, "allow_withdrawals": withdraw}

    first = {"data": [wallet("BTC", True, False)], "pagination": {"next_starting_after": "b1"}}
    (more,) = answered(what, first, rest=rest)
    (request,) = rest.encode(more, NOW_NS)
    assert request.url == "https://api.coinbase.com/v2/accounts?limit=100&starting_after=b1"
    out = answered(more, {"data": [wallet("ETH", False, True)], "pagination": {"next_starting_after": None}}, rest=rest)
    assert out == [AssetStatus("coinbase", "BTC", True, False), AssetStatus("coinbase", "ETH", False, True)]


def test_what_the_key_may_do() -> None:
    """Trading needs both permissions; it is told whether the key can withdraw."""
    what = Ask(kind=AskKind.ACCOUNT)
    good = AccountStatus(ME, withdraw=False, rights=["can_view", "can_trade"])
    assert answered(what, {"can_view": True, "can_trade": True, "can_transfer": False}) == [good]
    (status,) = answered(what, {"can_view": True, "can_trade": False, "can_transfer": True})
    assert "may not trade" in status.problem
    assert (status.withdraw, status.rights) == (True, ["can_view", "can_transfer"])


def test_the_venues_time() -> None:
    """In ms, as a text."""
    body = {"iso": AT, "epochSeconds": "1", "epochMillis": str(NOW_NS // MS + 998)}
    (sample,) = answered(Ask(kind=AskKind.TIME), body)
    assert isinstance(sample, ClockSample)
    assert abs(sample.offset_ns - S) < 2 * MS


def test_maintenance_is_told_and_proves_nothing() -> None:
    """A page of the web server in front: a notice, and no answer."""
    kinds = {type(out) for out in answered(Ask(kind=AskKind.BALANCES), status=503, text="<h1>We'll be back</h1>")}
    assert kinds == {Notice, NoAnswer}
