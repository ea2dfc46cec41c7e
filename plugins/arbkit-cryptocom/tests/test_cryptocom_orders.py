"""Orders, fills, balances, clock: what goes out, and what each answer and push proves."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from arbkit_cryptocom.adapter import Cryptocom
from wires import ID, MS, NOW_NS, S, Wires, instrument

from arbkit.core.errors import BadFrame, CredentialsError, RemoteProtocolError
from arbkit.core.types import (
    Ask,
    AskKind,
    AssetStatus,
    Balance,
    ClockSample,
    FeeUpdate,
    HttpAnswer,
    InstrumentUpdate,
    ListFills,
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
    Send,
    Tif,
)

BTC = instrument("cryptocom", "BTC_USDT", "0.01", "0.00001")
WIRES = Wires(Cryptocom, BTC, qty="0.00002")
ME, BUY, CANCEL, QUERY = WIRES.me, WIRES.buy, WIRES.cancel, WIRES.query
session, told = WIRES.session, WIRES.told


def answered(what: Any, result: Any = None, code: int = 0, status: int = 200, **headers: str) -> list[Any]:
    body = {"id": 1, "method": "x", "code": code} | ({"result": result} if result is not None else {})
    body |= {"message": "WHY"} if code else {}
    return WIRES.answered(what, body, status, headers)


def sent(what: Any) -> tuple[str, dict[str, Any]]:
    """Method and parameters of a request."""
    (request,) = session(Role.REST).encode(what if isinstance(what, Ask) else [what], NOW_NS)
    body = json.loads(request.body)
    assert request.url == f"https://api.crypto.com/exchange/v1/{body['method']}"
    return body["method"], body["params"]


def push(channel: str, *rows: dict[str, Any]) -> list[Any]:
    result = {"instrument_name": "BTC_USDT", "subscription": channel, "channel": channel, "data": list(rows)}
    return told(session(Role.PRIVATE), {"id": -1, "method": "subscribe", "code": 0, "result": result})


def row(**fields: Any) -> dict[str, Any]:
    return {
        "account_id": "1",
        "order_id": "6142909895036331486",
        "client_oid": ID,
        "order_type": "LIMIT",
        "time_in_force": "IMMEDIATE_OR_CANCEL",
        "side": "BUY",
        "exec_inst": [],
        "quantity": "0.00002",
        "limit_price": "50000.0",
        "avg_price": "0.0",
        "cumulative_quantity": "0.0000",
        "status": "ACTIVE",
        "instrument_name": "BTC_USDT",
        "create_time": 1_700_000_000_000,
        "update_time": 1_700_000_000_001,
    } | fields


def trade(**fields: Any) -> dict[str, Any]:
    return {
        "account_id": "1",
        "side": "BUY",
        "instrument_name": "BTC_USDT",
        "fees": "-0.0000000525",
        "trade_id": "901",
        "trade_match_id": "902",
        "create_time": 1_700_000_000_002,
        "create_time_ns": "1700000000002000123",
        "traded_price": "49999",
        "traded_quantity": "0.00001",
        "fee_instrument_name": "BTC",
        "client_oid": ID,
        "taker_side": "TAKER",
        "order_id": "6142909895036331486",
    } | fields


def trading() -> Any:
    """A trade socket that is logged in."""
    link = session(Role.TRADE)
    link.start(NOW_NS)
    link.tick(NOW_NS + S)
    assert told(link, {"id": 1, "method": "public/auth", "code": 0}) == [Ready("cryptocom.main.trade", NOW_NS)]
    return link


# --- what goes out ---


@pytest.mark.parametrize(
    ("tif", "post_only", "words"),
    [
        (Tif.GTC, False, {"time_in_force": "GOOD_TILL_CANCEL"}),
        (Tif.IOC, False, {"time_in_force": "IMMEDIATE_OR_CANCEL"}),
        (Tif.FOK, False, {"time_in_force": "FILL_OR_KILL"}),
        (Tif.GTC, True, {"time_in_force": "GOOD_TILL_CANCEL", "exec_inst": ["POST_ONLY"]}),
    ],
)
def test_an_order_is_the_same_on_both_ways(tif: Tif, post_only: bool, words: dict[str, Any]) -> None:
    """Numbers are texts; never margin."""
    order = NewOrder(
        **{name: getattr(BUY, name) for name in BUY.__struct_fields__} | {"tif": tif, "post_only": post_only}
    )
    want = {
        "instrument_name": "BTC_USDT",
        "side": "BUY",
        "type": "LIMIT",
        "price": "50000",
        "quantity": "0.00002",
        "client_oid": ID,
        "spot_margin": "SPOT",
    } | words
    assert sent(order) == ("private/create-order", want)
    (frame,) = trading().encode([order], NOW_NS)
    assert json.loads(frame.data) == {
        "id": 11,
        "method": "private/create-order",
        "params": want,
        "nonce": NOW_NS // MS,
    }


def test_reads_and_cancels() -> None:
    """By the venue's id if it is known; fills from the given time, a week ago at most."""
    assert sent(CANCEL) == ("private/cancel-order", {"client_oid": ID})
    assert sent(QUERY) == ("private/get-order-detail", {"client_oid": ID})
    by_id = QueryOrder(account=ME, instrument=BTC.id, cl_ord_id=ID, order_id="5")
    assert sent(by_id) == ("private/get-order-detail", {"order_id": "5"})
    assert sent(ListOpenOrders(account=ME)) == ("private/get-open-orders", {})
    since = ListFills(account=ME, instrument=BTC.id, since_ns=NOW_NS - S)
    named = {"instrument_name": "BTC_USDT", "limit": "100"}
    assert sent(since) == ("private/get-trades", named | {"start_time": str(NOW_NS - S)})
    week_ns = 7 * 86_400 * S
    always = ListFills(account=ME, instrument=BTC.id)
    assert sent(always) == ("private/get-trades", named | {"start_time": str(NOW_NS - week_ns + S)})


# --- order entry over WebSocket ---


def test_an_answer_is_matched_by_its_number() -> None:
    """In any order; success means accepted."""
    link = trading()
    link.encode([BUY, CANCEL], NOW_NS)
    (cancel,) = told(link, {"id": 12, "method": "private/cancel-order", "code": 316, "message": "NO_ACTIVE_ORDER"})
    assert (cancel.ord_status, cancel.reason, cancel.about_cancel) == (
        OrdStatus.UNKNOWN,
        RejectReason.UNKNOWN_ORDER,
        True,
    )
    result = {"client_oid": ID, "order_id": "6142909895036331486"}
    (new,) = told(link, {"id": 11, "method": "private/create-order", "code": 0, "result": result})
    assert (new.ord_status, new.order_id, new.cl_ord_id) == (OrdStatus.NEW, "6142909895036331486", ID)
    (second,) = told(link, {"id": 11, "method": "private/create-order", "code": 0, "result": result})
    assert isinstance(second, Notice)


def test_a_success_without_an_order_proves_nothing() -> None:
    link = trading()
    link.encode([BUY], NOW_NS)
    (update,) = told(link, {"id": 11, "method": "private/create-order", "code": 0})
    assert update.ord_status is OrdStatus.UNKNOWN


def test_an_error_without_a_number_ends_no_order() -> None:
    """It does not say what it is about."""
    link = trading()
    link.encode([BUY], NOW_NS)
    assert [type(out) for out in told(link, {"id": -1, "method": "ERROR", "code": 40004, "message": "x"})] == [Notice]
    assert told(link, {"id": -1, "method": "private/create-order", "code": 306})[0].text.startswith("private/create")


def test_a_throttled_order_is_unknown_and_its_bucket_closed() -> None:
    link = trading()
    link.encode([BUY], NOW_NS)
    update, report = told(link, {"id": 11, "method": "private/create-order", "code": 42901, "message": "x"})
    assert (update.ord_status, update.reason) == (OrdStatus.UNKNOWN, RejectReason.THROTTLED)
    assert isinstance(report, RateReport)
    assert (report.bucket, report.until_ns) == (f"place:{ME}", NOW_NS + S)


# --- answers over REST ---


@pytest.mark.parametrize(
    ("code", "status", "want"),
    [
        (306, 500, OrdStatus.UNKNOWN),
        (306, 200, OrdStatus.REJECTED),
        (40004, 400, OrdStatus.REJECTED),
        (40101, 401, OrdStatus.REJECTED),
        (50001, 400, OrdStatus.UNKNOWN),
        (50001, 500, OrdStatus.UNKNOWN),
        (40801, 408, OrdStatus.UNKNOWN),
        (120009, 500, OrdStatus.UNKNOWN),
        (77777, 400, OrdStatus.UNKNOWN),
        (42901, 429, OrdStatus.UNKNOWN),
        (306, 429, OrdStatus.UNKNOWN),
        (9010001, 503, OrdStatus.UNKNOWN),
        (204, 500, OrdStatus.UNKNOWN),
        (0, 500, OrdStatus.UNKNOWN),
    ],
)
def test_the_code_decides_about_a_new_order(code: int, status: int, want: OrdStatus) -> None:
    """A refusal for the balance has HTTP 500 and an internal error 400; but a status from 500 on a new order leaves it
    UNKNOWN whatever the code, and a 429 proves nothing at all."""
    (update,) = (out for out in answered(BUY, {"order_id": "1"}, code, status) if isinstance(out, OrderUpdate))
    assert update.ord_status is want


@pytest.mark.parametrize(("status", "body"), [(500, b"<html>"), (502, b""), (404, b'{"code":10004}'), (200, b"{")])
def test_what_is_not_the_venues_proves_nothing(status: int, body: bytes) -> None:
    """Also the answer to an unknown path, which has another shape."""
    out = session(Role.REST).answered(BUY, HttpAnswer(status, {}, body), NOW_NS)
    assert [one.ord_status for one in out if isinstance(one, OrderUpdate)] == [OrdStatus.UNKNOWN]


def test_a_query() -> None:
    """The order, that there is none (HTTP 200), or nothing."""
    (found,) = answered(QUERY, row(status="FILLED", cumulative_quantity="0.00002"))
    assert (found.ord_status, found.cum_qty, found.px) == (OrdStatus.FILLED, Decimal("0.00002"), Decimal(50000))
    assert answered(QUERY, code=40401) == [OrderAbsent(ME, BTC.id, ID, NOW_NS)]
    assert isinstance(answered(QUERY, code=50001, status=400)[-1], NoAnswer)
    assert not any(isinstance(out, OrderAbsent) for out in answered(QUERY, code=40401, status=500))


def test_open_orders_are_complete() -> None:
    (listing,) = answered(ListOpenOrders(account=ME), {"data": [row(), row(order_id="5", client_oid="hand")]})
    assert isinstance(listing, Listing)
    assert (listing.complete, [one.order_id for one in listing.updates]) == (True, ["6142909895036331486", "5"])


def test_fills_are_listed_over_pages() -> None:
    """The second page ends where the first began; what stands on both counts once."""
    rest = session(Role.REST)
    what = ListFills(account=ME, instrument=BTC.id, since_ns=NOW_NS - S)
    pages = [[trade(trade_id=str(n), create_time_ns=str(NOW_NS - n)) for n in some] for some in (range(100), (99, 100))]

    def page(asked: Any, rows: list[Any]) -> list[Any]:
        body = json.dumps({"id": 1, "code": 0, "result": {"data": rows}}).encode()
        return list(rest.answered(asked, HttpAnswer(200, {}, body, NOW_NS, NOW_NS), NOW_NS))

    (more,) = page(what, pages[0])
    (request,) = rest.encode(more, NOW_NS)
    assert json.loads(request.body)["params"]["end_time"] == str(NOW_NS - 99 + 1)
    (listing,) = page(more, pages[1])
    assert listing.complete
    assert sorted(int(one.trade_id) for one in listing.updates) == list(range(101))


def test_fills_of_one_order() -> None:
    what = ListFills(account=ME, instrument=BTC.id, order_id="6142909895036331486")
    (listing,) = answered(what, {"data": [trade(), trade(trade_id="2", order_id="5")]})
    assert [one.trade_id for one in listing.updates] == ["901"]
    assert not listing.complete


def test_balances_fees_and_networks() -> None:
    """Reserved coins are part of ``quantity``; rates are in bps; a coin moves if one network is open."""
    coin = {"instrument_name": "CRO", "quantity": "24422.7", "reserved_qty": "22.7", "max_withdrawal_balance": "1"}
    wallet = {"instrument_name": "USD", "total_cash_balance": "7890.0", "position_balances": [coin]}
    (balance,) = answered(Ask(kind=AskKind.BALANCES), {"data": [wallet]})
    assert isinstance(balance, Balance)
    assert (balance.asset, balance.free, balance.locked) == ("CRO", Decimal(24400), Decimal("22.7"))
    fee = {"instrument_name": "BTC_USDT", "effective_maker_rate_bps": "6.5", "effective_taker_rate_bps": "-1"}
    assert answered(Ask(kind=AskKind.FEES, instrument=BTC.id), fee) == [
        FeeUpdate(ME, BTC.id, Decimal("0.00065"), Decimal("-0.0001"))
    ]
    networks = [{"network_id": "A", "withdraw_enabled": False, "deposit_enabled": True}]
    networks += [{"network_id": "B", "withdraw_enabled": False, "deposit_enabled": False}]
    one = {"full_name": "Cronos", "default_network": None, "network_list": networks}
    assert answered(Ask(kind=AskKind.ASSETS), {"currency_map": {"CRO": one}}) == [
        AssetStatus("cryptocom", "CRO", True, False)
    ]


def test_the_clock_is_the_date_of_an_answer() -> None:
    """In whole seconds. One from a cache, or none, says nothing."""
    time, result = Ask(kind=AskKind.TIME), {"data": []}
    (sample,) = answered(time, result, date="Tue, 14 Nov 2023 22:13:21 GMT")
    assert isinstance(sample, ClockSample)
    assert (sample.offset_ns, sample.error_ns) == (S + S // 2 + 2 * MS, S // 2 + 2 * MS)
    for headers in ({"date": "Tue, 14 Nov 2023 22:13:21 GMT", "age": "9"}, {"date": "soon"}, {}):
        assert [type(out) for out in answered(time, result, **headers)] == [NoAnswer]


# --- instruments ---


def pair(**fields: Any) -> dict[str, Any]:
    return {
        "symbol": "BTC_USDT",
        "inst_type": "CCY_PAIR",
        "base_ccy": "BTC",
        "quote_ccy": "USDT",
        "price_tick_size": "0.01",
        "qty_tick_size": "0.00001",
        "tradable": True,
        "beta_product": False,
    } | fields


def test_a_pair() -> None:
    (update,) = answered(Ask(kind=AskKind.CATALOGUE), {"data": [pair()]})
    assert isinstance(update, InstrumentUpdate)
    one = update.instrument
    assert (one.symbol, one.native, one.tick, one.lot, one.min_qty, one.tradable) == (
        "BTC-USDT",
        "BTC_USDT",
        Decimal("0.01"),
        Decimal("0.00001"),
        Decimal("0.00001"),
        True,
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"tradable": False},
        {"tradable": "yes"},
        {"tradable": None},
        {"beta_product": True},
        {"price_tick_size": "0"},
        {"price_tick_size": "-0.01"},
        {"qty_tick_size": ""},
        {"qty_tick_size": None},
    ],
)
def test_a_pair_that_is_closed_or_absurd_is_not_tradable(fields: dict[str, Any]) -> None:
    """The others stay."""
    rows = [pair(**fields), pair(symbol="ETH_USDT", base_ccy="ETH")]
    first, second = answered(Ask(kind=AskKind.CATALOGUE), {"data": rows})
    assert (first.instrument.tradable, second.instrument.tradable) == (False, True)


@pytest.mark.parametrize(
    "fields", [{"inst_type": "PERPETUAL_SWAP"}, {"inst_type": "FUTURE"}, {"symbol": ""}, {"base_ccy": None}]
)
def test_what_is_no_spot_pair_is_left_out(fields: dict[str, Any]) -> None:
    assert [
        one.instrument.base for one in answered(Ask(kind=AskKind.CATALOGUE), {"data": [pair(**fields), pair()]})
    ] == ["BTC"]


# --- the stream ---


def test_login_channels_ready() -> None:
    """Nothing in the first second; each channel is confirmed alone."""
    link = session(Role.PRIVATE)
    assert link.start(NOW_NS) == ()
    assert len(link.tick(NOW_NS + S)) == 1
    (request,) = told(link, {"id": 1, "method": "public/auth", "code": 0})
    assert isinstance(request, Send)
    assert json.loads(str(request.data))["params"] == {"channels": ["user.order", "user.trade"]}
    assert told(link, {"id": 2, "method": "subscribe", "code": 0, "channel": "user.trade"}) == []
    assert told(link, {"id": 2, "method": "subscribe", "code": 0, "channel": "user.order"}) == [
        Ready("cryptocom.main.private", NOW_NS)
    ]
    beat = {"id": 1749999123456, "method": "public/heartbeat", "code": 0}
    assert told(link, beat) == [Send('{"id":1749999123456,"method":"public/respond-heartbeat"}', 0)]


@pytest.mark.parametrize(
    ("code", "error"),
    [(40101, CredentialsError), (40103, CredentialsError), (40102, RemoteProtocolError), (42901, RemoteProtocolError)],
)
def test_a_refused_login(code: int, error: type[Exception]) -> None:
    """A wrong key ends the link; a wrong time or a throttle dials again."""
    with pytest.raises(error, match=str(code)):
        told(session(Role.PRIVATE), {"id": 1, "method": "public/auth", "code": code, "message": "no"})
    link = session(Role.PRIVATE)
    link.start(NOW_NS)
    with pytest.raises(error, match=str(code)):
        told(link, {"id": 2, "method": "subscribe", "code": code, "message": "no"})


@pytest.mark.parametrize(
    ("fields", "status", "reason"),
    [
        ({"status": "NEW"}, OrdStatus.NEW, None),
        ({"status": "PENDING"}, OrdStatus.NEW, None),
        ({"status": "ACTIVE"}, OrdStatus.NEW, None),
        ({"status": "ACTIVE", "cumulative_quantity": "0.00001"}, OrdStatus.PARTIALLY_FILLED, None),
        ({"status": "FILLED", "cumulative_quantity": "0.00002"}, OrdStatus.FILLED, None),
        ({"status": "CANCELED"}, OrdStatus.EXPIRED, RejectReason.NO_MATCH),
        ({"status": "CANCELED", "reason": 43004}, OrdStatus.EXPIRED, RejectReason.NO_MATCH),
        ({"status": "CANCELED", "cumulative_quantity": "0.00001"}, OrdStatus.EXPIRED, None),
        ({"status": "CANCELED", "time_in_force": "GOOD_TILL_CANCEL"}, OrdStatus.CANCELED, None),
        ({"status": "REJECTED", "reason": "43005"}, OrdStatus.REJECTED, RejectReason.POST_ONLY),
        ({"status": "REJECTED", "reason": 306}, OrdStatus.REJECTED, RejectReason.INSUFFICIENT_FUNDS),
        ({"status": "REJECTED", "reason": 99999}, OrdStatus.REJECTED, RejectReason.OTHER),
        ({"status": "REJECTED"}, OrdStatus.REJECTED, RejectReason.OTHER),
        ({"status": "REJECTED", "cumulative_quantity": "0.00001"}, OrdStatus.CANCELED, None),
        ({"status": "SLEEPING"}, OrdStatus.UNKNOWN, None),
    ],
)
def test_states_of_an_order(fields: dict[str, Any], status: OrdStatus, reason: RejectReason | None) -> None:
    """The same on the stream and in a query. A rejection comes after the order was accepted, with a code."""
    (pushed,) = push("user.order", row(**fields))
    (queried,) = answered(QUERY, row(**fields))
    for update in (pushed, queried):
        assert (update.ord_status, update.reason) == (status, reason)
        assert (update.cl_ord_id, update.order_id, update.exch_ns) == (ID, "6142909895036331486", NOW_NS + MS)


def test_a_fill() -> None:
    """Negative fees are charged."""
    (fill,) = push("user.trade", trade())
    assert (fill.last_px, fill.last_qty, fill.trade_id) == (Decimal(49999), Decimal("0.00001"), "901")
    assert (fill.fee, fill.fee_asset, fill.maker) == (Decimal("0.0000000525"), "BTC", False)
    (rebate,) = push("user.trade", trade(fees="0.01", taker_side="MAKER"))
    assert (rebate.fee, rebate.maker) == (Decimal("-0.01"), True)


@pytest.mark.parametrize(
    "frame", ["", "pong", "{}", "[]", '{"id":"x"}', '{"result":{"channel":"user.order","data":7}}']
)
def test_garbage_on_the_stream(frame: str) -> None:
    with pytest.raises((BadFrame, ValueError)):
        told(trading(), frame)
