"""Orders, fills, balances: what goes out, and what each answer and push proves."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from arbkit_gate.adapter import Gate
from wires import ID, MS, NOW_NS, S, Wires, instrument

from arbkit.core.errors import BadFrame, CredentialsError, LocalProtocolError, RemoteProtocolError
from arbkit.core.types import (
    Ask,
    AskKind,
    AssetStatus,
    Balance,
    CancelAll,
    ClockSample,
    FeeUpdate,
    HttpAnswer,
    Instrument,
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
    RateReport,
    Ready,
    RejectReason,
    Role,
    Secret,
    Side,
    Tif,
)

BTC = instrument("gate", "BTC_USDT", "0.1", "0.00001")
WIRES = Wires(Gate, BTC)
GATE, ME, BUY, CANCEL, QUERY, LOOK = WIRES.exchange, WIRES.me, WIRES.buy, WIRES.cancel, WIRES.query, WIRES.look
session, told, answered = WIRES.session, WIRES.told, WIRES.answered


def refused(label: str, message: str = "words") -> dict[str, str]:
    return {"label": label, "message": message}


def row(**fields: Any) -> dict[str, Any]:
    """An order as queries and answers have it."""
    made = {
        "id": "77",
        "text": f"t-{ID}",
        "create_time_ms": 1_700_000_000_000,
        "update_time_ms": 1_700_000_000_001,
        "status": "open",
        "currency_pair": "BTC_USDT",
        "type": "limit",
        "account": "spot",
        "side": "buy",
        "amount": "2",
        "price": "50000",
        "time_in_force": "ioc",
        "left": "2",
        "filled_amount": "0",
        "finish_as": "open",
    }
    return {name: value for name, value in (made | fields).items() if value is not None}


def pushed(event: str, **fields: Any) -> OrderUpdate:
    """What a push of an order says; pushes have no status, and times as texts."""
    one = row(status=None, event=event, update_time_ms="1700000000001", **fields)
    frame = {"time": 1, "channel": "spot.orders", "event": "update", "result": [one]}
    (update,) = told(session(Role.PRIVATE), frame)
    assert isinstance(update, OrderUpdate)
    return update


def entry(name: str, result: Any = None, errs: Any = None, status: str = "200", **more: Any) -> dict[str, Any]:
    """An answer on the order socket."""
    data = {"result": result} if errs is None else {"errs": errs}
    header = {"status": status, "channel": "spot.order_place", "event": "api", **more.pop("header", {})}
    return {"request_id": name, "header": header, "data": data, **more}


# --- links -----------------------------------------------------------------------------------------------------------


def test_a_private_link_is_ready_when_its_channels_are_confirmed() -> None:
    """Orders, fills and balances, each with a proof of its own; there is no login."""
    link = session(Role.PRIVATE)
    sent = [json.loads(send.data.reveal()) for send in link.start(NOW_NS)]
    assert [one["channel"] for one in sent] == ["spot.orders", "spot.usertrades", "spot.balances"]
    acks = [{"channel": one["channel"], "event": "subscribe", "error": None, "result": {}} for one in sent]
    assert told(link, acks[0]) == told(link, acks[2]) == []
    assert told(link, acks[1]) == [Ready("gate.main.private", NOW_NS)]


def test_a_trade_link_is_ready_when_logged_in() -> None:
    """Nothing to subscribe."""
    link = session(Role.TRADE)
    (login,) = link.start(NOW_NS)
    assert isinstance(login.data, Secret)
    name = json.loads(login.data.reveal())["payload"]["req_id"]
    assert told(link, entry(name, {"api_key": "key", "uid": "1"})) == [Ready("gate.main.trade", NOW_NS)]


@pytest.mark.parametrize(
    ("label", "error"), [("INVALID_KEY", CredentialsError), ("REQUEST_EXPIRED", RemoteProtocolError)]
)
def test_a_refused_key_is_final_and_a_refused_clock_is_tried_again(label: str, error: type[Exception]) -> None:
    """On both sockets; a subscription's error holds the REST error as text."""
    link = session(Role.TRADE)
    name = json.loads(link.start(NOW_NS)[0].data.reveal())["payload"]["req_id"]
    with pytest.raises(error, match=label):
        told(link, entry(name, errs=refused(label), status="401"))
    private = session(Role.PRIVATE)
    private.start(NOW_NS)
    frame = {"channel": "spot.orders", "event": "subscribe", "result": None}
    with pytest.raises(error, match=label):
        told(private, frame | {"error": {"code": 4, "message": json.dumps(refused(label))}})


def test_a_private_link_that_is_not_confirmed_is_dialled_again() -> None:
    """Ten seconds."""
    link = session(Role.PRIVATE)
    link.start(NOW_NS)
    with pytest.raises(RemoteProtocolError, match="not confirmed"):
        link.tick(NOW_NS + 10 * S)


@pytest.mark.parametrize("role", [Role.PRIVATE, Role.TRADE])
def test_notices_pongs_and_frames_without_sense(role: Role) -> None:
    """The venue announces an upgrade; a message without a channel is refused."""
    (notice,) = told(session(role), {"type": "upgrade", "msg": "soon"})
    assert isinstance(notice, Notice)
    assert notice.going_away
    assert told(session(role), {"channel": "spot.pong", "event": "", "result": None}) == []
    with pytest.raises(BadFrame):
        told(session(role), {"result": 1})


# --- orders out ------------------------------------------------------------------------------------------------------


def test_an_order_on_the_socket() -> None:
    """Plain decimals, our id behind ``t-``, the account named, and a time after which the venue refuses it."""
    (wire,) = session(Role.TRADE).encode([BUY], NOW_NS)
    frame = json.loads(wire.data)
    assert frame == {
        "time": NOW_NS // S,
        "channel": "spot.order_place",
        "event": "api",
        "payload": {
            "req_id": f"n{ID}BTCUSDT",
            "req_param": {
                "text": f"t-{ID}",
                "currency_pair": "BTC_USDT",
                "type": "limit",
                "account": "spot",
                "side": "buy",
                "amount": "0.00000001",
                "price": "50000",
                "time_in_force": "ioc",
                "action_mode": "RESULT",
            },
            "req_header": {"x-gate-exptime": "1700000005000"},
        },
    }
    assert len(frame["payload"]["req_param"]["text"]) <= 30


@pytest.mark.parametrize(
    ("tif", "post_only", "word"), [(Tif.GTC, False, "gtc"), (Tif.FOK, False, "fok"), (Tif.GTC, True, "poc")]
)
def test_order_types_and_deadlines(tif: Tif, post_only: bool, word: str) -> None:
    """Post-only is a time in force here; a deadline of ours ends the order earlier, over both ways."""
    order = NewOrder(
        account=ME,
        instrument=BTC.id,
        cl_ord_id=ID,
        side=Side.SELL,
        qty=Decimal(1),
        px=Decimal(2),
        tif=tif,
        post_only=post_only,
        deadline_ns=NOW_NS + 250 * MS,
    )
    payload = json.loads(session(Role.TRADE).encode([order], NOW_NS)[0].data)["payload"]
    (request,) = session(Role.REST).encode([order], NOW_NS)
    assert payload["req_param"] == json.loads(request.body)
    assert (payload["req_param"]["time_in_force"], payload["req_param"]["side"]) == (word, "sell")
    assert payload["req_header"]["x-gate-exptime"] == dict(request.headers)["x-gate-exptime"] == "1700000000250"


def test_cancels_and_queries_use_the_venues_id_where_it_is_known() -> None:
    """A later order with the same text would take the text over."""
    rest = session(Role.REST)
    for what, method in ((CANCEL, "DELETE"), (QUERY, "GET")):
        for order_id, name in (("", f"t-{ID}"), ("77", "77")):
            made = type(what)(account=ME, instrument=BTC.id, cl_ord_id=ID, order_id=order_id)
            (request,) = rest.encode([made], NOW_NS)
            assert request.method == method
            assert request.url.endswith(f"/api/v4/spot/orders/{name}?account=spot&currency_pair=BTC_USDT")
    payload = json.loads(session(Role.TRADE).encode([CANCEL], NOW_NS)[0].data)["payload"]
    assert payload["req_param"] == {"order_id": f"t-{ID}", "account": "spot", "currency_pair": "BTC_USDT"}
    with pytest.raises(LocalProtocolError):
        session(Role.TRADE).encode([QUERY], NOW_NS)
    with pytest.raises(LocalProtocolError):
        session(Role.PRIVATE).encode([BUY], NOW_NS)


# --- answers ---------------------------------------------------------------------------------------------------------


def test_the_gateways_receipt_proves_nothing() -> None:
    """``ack`` only means that the request arrived; the answer has the same id."""
    link, name = session(Role.TRADE), f"n{ID}BTCUSDT"
    assert told(link, entry(name, {"req_id": name, "req_param": {}}, ack=True)) == []
    (update,) = told(link, entry(name, row(finish_as="ioc", status="cancelled")))
    assert (update.ord_status, update.cum_qty, update.reason) == (
        OrdStatus.EXPIRED,
        0,
        RejectReason.NO_MATCH,
    )
    assert (update.cl_ord_id, update.instrument, update.order_id, update.source) == (ID, BTC.id, "77", "ack")


def test_an_answer_of_a_session_before_is_read() -> None:
    """The request's id says what was asked, also where the row has no text and no state."""
    (update,) = told(session(Role.TRADE), entry(f"n{ID}BTCUSDT", {"id": "9", "text": "-", "amend_text": "-"}))
    assert (update.ord_status, update.cl_ord_id, update.instrument, update.order_id) == (
        OrdStatus.NEW,
        ID,
        BTC.id,
        "9",
    )
    (unknown,) = told(session(Role.TRADE), entry(f"n{ID}BTCUSDT", {}))
    assert unknown.ord_status is OrdStatus.UNKNOWN
    (update,) = answered(BUY, {"id": "9", "text": f"t-{ID}", "amend_text": "-"}, 201)
    assert (update.ord_status, update.order_id) == (OrdStatus.NEW, "9")


@pytest.mark.parametrize(
    ("label", "status", "reason"),
    [
        ("BALANCE_NOT_ENOUGH", OrdStatus.REJECTED, RejectReason.INSUFFICIENT_FUNDS),
        ("INVALID_CURRENCY_PAIR", OrdStatus.REJECTED, RejectReason.INSTRUMENT),
        ("POC_FILL_IMMEDIATELY", OrdStatus.REJECTED, RejectReason.POST_ONLY),
        ("REQUEST_EXPIRED", OrdStatus.REJECTED, RejectReason.CLOCK),
        ("INVALID_SIGNATURE", OrdStatus.REJECTED, RejectReason.AUTH),
        ("REPEATED_CREATION", OrdStatus.UNKNOWN, RejectReason.DUPLICATE),
        ("TOO_BUSY", OrdStatus.UNKNOWN, None),
        ("SERVER_TIMEOUT", OrdStatus.UNKNOWN, None),
        ("SOMETHING_NEW", OrdStatus.UNKNOWN, None),
    ],
)
def test_only_listed_labels_reject(label: str, status: OrdStatus, reason: RejectReason | None) -> None:
    """The same over both ways; what is not on the list proves nothing."""
    (update,) = told(session(Role.TRADE), entry(f"n{ID}BTCUSDT", errs=refused(label), status="400"))
    assert (update.ord_status, update.reason, update.text) == (status, reason, f"{label} words")
    (polled,) = answered(BUY, refused(label), 400)
    assert (polled.ord_status, polled.reason) == (status, reason)


@pytest.mark.parametrize("status", ["500", "503", "504"])
def test_a_server_error_on_the_socket_leaves_the_order_unknown(status: str) -> None:
    """Whatever its label says."""
    (update,) = told(session(Role.TRADE), entry(f"n{ID}BTCUSDT", errs=refused("BALANCE_NOT_ENOUGH"), status=status))
    assert (update.ord_status, update.reason) == (OrdStatus.UNKNOWN, None)
    (update,) = told(session(Role.TRADE), entry(f"n{ID}BTCUSDT", status=status))
    assert (update.ord_status, update.reason) == (OrdStatus.UNKNOWN, None)


@pytest.mark.parametrize("name", ["x_gate_ratelimit_reset_timestamp", "x_gat_ratelimit_reset_timestamp"])
def test_a_throttle_on_the_socket_leaves_the_order_unknown(name: str) -> None:
    """The end of the pause is in ms there, under one of two names; only this pair's orders wait."""
    header = {name: NOW_NS // MS + 700}
    frame = entry(f"n{ID}BTCUSDT", errs=refused("TOO_MANY_REQUESTS"), status="429", header=header)
    update, report = told(session(Role.TRADE), frame)
    assert (update.ord_status, update.reason) == (OrdStatus.UNKNOWN, RejectReason.THROTTLED)
    assert report == RateReport(venue="gate", bucket="place:gate:BTC-USDT", until_ns=NOW_NS + 700 * MS, recv_ns=NOW_NS)


def test_a_throttle_over_rest_leaves_the_order_unknown() -> None:
    """The end of the pause is in seconds there; a label without the status counts too."""
    headers = {"x-gate-ratelimit-reset-timestamp": str(NOW_NS // S + 9)}
    *reports, update = answered(BUY, refused("TOO_MANY_REQUESTS"), 429, headers)
    assert (update.ord_status, update.reason) == (OrdStatus.UNKNOWN, RejectReason.THROTTLED)
    assert max(report.until_ns for report in reports) == NOW_NS + 9 * S
    assert {report.bucket for report in reports} == {"place:gate:BTC-USDT"}
    *_, update = answered(BUY, refused("TOO_FAST"), 400)
    assert update.ord_status is OrdStatus.UNKNOWN


def test_a_firewall_closes_everything_for_a_minute() -> None:
    """A 403 without a label says nothing about the order; one with a label is the venue's, and refuses the key."""
    answer = HttpAnswer(403, {}, b"<html>Forbidden</html>", NOW_NS, NOW_NS)
    report, _, update = session(Role.REST).answered(BUY, answer, NOW_NS)
    assert report == RateReport(venue="gate", bucket="*", until_ns=NOW_NS + 60 * S, recv_ns=NOW_NS)
    assert update.ord_status is OrdStatus.UNKNOWN
    _, update = answered(BUY, refused("FORBIDDEN"), 403)
    assert (update.ord_status, update.reason) == (OrdStatus.REJECTED, RejectReason.AUTH)


def test_the_headers_tell_what_is_left() -> None:
    """``X-Gate-RateLimit-Requests-Remain`` of ``X-Gate-RateLimit-Limit``."""
    headers = {"x-gate-ratelimit-limit": "10", "x-gate-ratelimit-requests-remain": "3"}
    report, _ = answered(BUY, row(), 201, headers)
    assert (report.bucket, report.used, report.limit) == ("place:gate:BTC-USDT", 7, 10)
    assert len(answered(BUY, row(), 201, {"x-gate-ratelimit-limit": "many"})) == 1


def test_a_cancel_that_found_no_open_order_asks_for_its_end() -> None:
    """Over both ways."""
    for label in ("ORDER_NOT_FOUND", "ORDER_CLOSED", "CANCEL_FAIL"):
        for update in (
            *answered(CANCEL, refused(label), 400),
            *told(session(Role.TRADE), entry(f"c{ID}BTCUSDT", errs=refused(label), status="400")),
        ):
            assert (update.ord_status, update.reason, update.about_cancel) == (
                OrdStatus.UNKNOWN,
                RejectReason.UNKNOWN_ORDER,
                True,
            )


def test_a_cancel_is_answered_by_the_order() -> None:
    """Its end, with what was filled before."""
    done = row(status="cancelled", finish_as="cancelled", left="1.5", filled_amount="0.5")
    for update in (*answered(CANCEL, done), *told(session(Role.TRADE), entry(f"c{ID}BTCUSDT", done))):
        assert (update.ord_status, update.cum_qty) == (OrdStatus.CANCELED, Decimal("0.5"))
    everything = CancelAll(account=ME, instrument=BTC.id)
    (request,) = session(Role.REST).encode([everything], NOW_NS)
    assert (request.method, request.url.partition("?")[2]) == ("DELETE", "account=spot&currency_pair=BTC_USDT")


# --- rows ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "fields", "status", "cum", "reason"),
    [
        ("put", {}, OrdStatus.NEW, "0", None),
        ("update", {"left": "1.5", "filled_amount": "0.5"}, OrdStatus.PARTIALLY_FILLED, "0.5", None),
        ("finish", {"finish_as": "filled", "left": "0", "filled_amount": "2"}, OrdStatus.FILLED, "2", None),
        ("finish", {"finish_as": "cancelled"}, OrdStatus.CANCELED, "0", None),
        ("finish", {"finish_as": "ioc", "left": "1", "filled_amount": "1"}, OrdStatus.EXPIRED, "1", None),
        ("finish", {"finish_as": "ioc"}, OrdStatus.EXPIRED, "0", RejectReason.NO_MATCH),
        ("finish", {"finish_as": "fok"}, OrdStatus.EXPIRED, "0", RejectReason.NO_MATCH),
        ("finish", {"finish_as": "poc"}, OrdStatus.EXPIRED, "0", RejectReason.POST_ONLY),
        ("finish", {"finish_as": "stp"}, OrdStatus.EXPIRED, "0", RejectReason.NO_MATCH),
        ("finish", {"finish_as": "liquidate_cancelled"}, OrdStatus.EXPIRED, "0", None),
        ("finish", {"finish_as": "something_new"}, OrdStatus.UNKNOWN, "0", None),
        ("something_new", {}, OrdStatus.UNKNOWN, "0", None),
    ],
)
def test_what_a_push_says(
    event: str, fields: dict[str, str], status: OrdStatus, cum: str, reason: RejectReason | None
) -> None:
    """What happened, how it ended, and what was filled; a word that is not known makes the order UNKNOWN."""
    update = pushed(event, **fields)
    assert (update.ord_status, update.cum_qty, update.reason) == (status, Decimal(cum), reason)
    assert (update.cl_ord_id, update.instrument, update.order_id, update.exch_ns) == (
        ID,
        BTC.id,
        "77",
        1_700_000_000_001 * MS,
    )


@pytest.mark.parametrize(
    ("fields", "status", "cum"),
    [
        ({"status": "open"}, OrdStatus.NEW, "0"),
        ({"status": "open", "filled_amount": None, "left": "0.5"}, OrdStatus.PARTIALLY_FILLED, "1.5"),
        ({"status": "closed", "finish_as": "filled", "filled_amount": "2"}, OrdStatus.FILLED, "2"),
        ({"status": "cancelled", "finish_as": "-"}, OrdStatus.CANCELED, "0"),
        ({"status": "cancelled", "finish_as": "depth_not_enough"}, OrdStatus.EXPIRED, "0"),
        ({"status": "strange"}, OrdStatus.UNKNOWN, "0"),
    ],
)
def test_what_a_query_says(fields: dict[str, Any], status: OrdStatus, cum: str) -> None:
    """``filled_amount`` is newer than ``left``."""
    (update,) = answered(QUERY, row(**fields))
    assert (update.ord_status, update.cum_qty, update.source) == (status, Decimal(cum), "poll")


def test_a_market_buy_of_somebody_else_has_its_amount_in_quote() -> None:
    """Nothing is worked out of it; an order without a text of a client is nobody's."""
    (update,) = answered(QUERY, row(type="market", text="apiv4", price="0", amount="20", left="1", filled_amount=None))
    assert (update.cum_qty, update.cl_ord_id) == (None, "apiv4")
    (update,) = answered(QUERY, row(text="-"))
    assert update.cl_ord_id == ""


def fill_row(**fields: Any) -> dict[str, Any]:
    made = {
        "id": 5_736_713,
        "order_id": "77",
        "currency_pair": "BTC_USDT",
        "create_time_ms": "1700000000123.456",
        "side": "buy",
        "amount": "0.5",
        "role": "maker",
        "price": "49999.5",
        "fee": "0.0005",
        "fee_currency": "BTC",
        "point_fee": "0",
        "gt_fee": "0",
        "text": f"t-{ID}",
    }
    return {name: value for name, value in (made | fields).items() if value is not None}


def test_a_fill_on_the_stream_and_in_a_listing() -> None:
    """The trade's id may be a number; its time has decimals."""
    frame = {"time": 1, "channel": "spot.usertrades", "event": "update", "result": [fill_row()]}
    (update,) = told(session(Role.PRIVATE), frame)
    what = ListFills(account=ME, instrument=BTC.id, since_ns=NOW_NS - S)
    (listing,) = answered(what, [fill_row(id="5736713")])
    assert isinstance(listing, Listing)
    assert (listing.kind, listing.complete) == ("fills", True)
    for one in (update, *listing.updates):
        assert (one.trade_id, one.last_px, one.last_qty, one.maker) == (
            "5736713",
            Decimal("49999.5"),
            Decimal("0.5"),
            True,
        )
        assert (one.fee, one.fee_asset, one.cl_ord_id, one.order_id) == (Decimal("0.0005"), "BTC", ID, "77")
        assert (one.exch_ns, one.side) == (1_700_000_000_123 * MS, Side.BUY)


@pytest.mark.parametrize(
    ("fields", "fee", "asset", "extra"),
    [
        ({"fee_currency": None}, "0.0005", "BTC", []),
        ({"fee_currency": None, "side": "sell"}, "0.0005", "USDT", []),
        ({"fee": "0", "gt_fee": "0.03"}, "0.03", "GT", []),
        ({"fee": "0", "point_fee": "0.1"}, "0.1", "POINT", []),
        ({"gt_fee": "0.03"}, "0.0005", "BTC", [("GT", Decimal("0.03"))]),
        ({"fee": "0"}, "0", "BTC", []),
        ({"fee": "-0.0001"}, "-0.0001", "BTC", []),
    ],
)
def test_what_a_fill_costs(fields: dict[str, Any], fee: str, asset: str, extra: list[Any]) -> None:
    """In what was received, in GT, or in points; several are all told."""
    frame = {"time": 1, "channel": "spot.usertrades", "event": "update", "result": [fill_row(**fields)]}
    (update,) = told(session(Role.PRIVATE), frame)
    assert (update.fee, update.fee_asset, list(update.extra_fees)) == (Decimal(fee), asset, extra)


def test_balances() -> None:
    """A listing is the whole account; a push is one event's currencies."""
    (listed,) = answered(Ask(kind=AskKind.BALANCES), [{"currency": "ETH", "available": "1.5", "locked": "2"}])
    assert listed == Balance(
        account=ME, asset="ETH", free=Decimal("1.5"), locked=Decimal(2), snapshot=True, recv_ns=NOW_NS
    )
    one = {"timestamp_ms": "1700000000002", "currency": "USDT", "total": "7", "available": "5.00000000000000000001"}
    frame = {"channel": "spot.balances", "event": "update", "result": [one | {"freeze": "2", "change": "0"}]}
    (push,) = told(session(Role.PRIVATE), frame)
    assert (push.free, push.locked, push.exch_ns, push.snapshot) == (
        Decimal("5.00000000000000000001"),
        Decimal(2),
        1_700_000_000_002 * MS,
        False,
    )


# --- listings and queries --------------------------------------------------------------------------------------------


def test_open_orders_come_by_pair_and_in_pages() -> None:
    """The pages are of each pair: the next one is asked for while one pair's is full."""
    rest = session(Role.REST)
    what: Any = ListOpenOrders(account=ME)
    asked, found = [], []
    pages = [[("BTC_USDT", 100), ("ETH_USDT", 1)], [("BTC_USDT", 3)]]
    for page in pages:
        (request,) = rest.encode(what if isinstance(what, Ask) else [what], NOW_NS)
        asked.append(request.url.partition("?")[2])
        groups = [
            {
                "currency_pair": pair,
                "total": 1,
                "orders": [row(id=f"{pair}{n}", currency_pair=pair) for n in range(many)],
            }
            for pair, many in page
        ]
        (what,) = rest.answered(what, HttpAnswer(200, {}, json.dumps(groups).encode(), 1, 2), NOW_NS)
        found.append(what)
    assert asked == ["account=spot&limit=100", "account=spot&limit=100&page=2"]
    assert isinstance(what, Listing)
    assert (what.complete, len(what.updates)) == (True, 104)
    groups = [{"currency_pair": pair, "orders": [row(currency_pair=pair)]} for pair in ("BTC_USDT", "ETH_USDT")]
    (one,) = answered(ListOpenOrders(account=ME, instrument=BTC.id), groups)
    assert [update.instrument for update in one.updates] == [BTC.id]


def test_fills_are_listed_from_a_time_and_at_most_thirty_days() -> None:
    """Without a time the venue lists a week, so such a listing is not complete."""
    rest = session(Role.REST)
    (request,) = rest.encode([ListFills(account=ME, instrument=BTC.id, since_ns=NOW_NS, order_id="77")], NOW_NS)
    assert request.url.partition("?")[2] == (f"currency_pair=BTC_USDT&limit=1000&order_id=77&from={NOW_NS // S}")
    for since_ns, complete in ((NOW_NS - 29 * 86_400 * S, True), (NOW_NS - 31 * 86_400 * S, False), (0, False)):
        (listing,) = answered(ListFills(account=ME, instrument=BTC.id, since_ns=since_ns), [])
        assert listing.complete is complete


def test_an_order_that_a_query_does_not_find_is_looked_for_among_the_finished_ones() -> None:
    """A text is found only while its order is open, by the weakest reading of the pages."""
    (ask,) = answered(QUERY, refused("CLIENT_ID_NOT_FOUND"), 404)
    assert (ask.kind, ask.ref, ask.instrument) == (AskKind.ORDER, ID, BTC.id)
    (request,) = session(Role.REST).encode(ask, NOW_NS)
    assert request.url.partition("?")[2] == "currency_pair=BTC_USDT&status=finished&limit=100&account=spot"
    done = row(status="closed", finish_as="filled", filled_amount="2")
    (update,) = answered(ask, [row(id="1", text="t-other", status="closed"), done])
    assert (update.ord_status, update.cl_ord_id) == (OrdStatus.FILLED, ID)
    assert answered(ask, [row(id="1", text="t-other")]) == [OrderAbsent(ME, BTC.id, ID, NOW_NS)]
    (no,) = answered(ask, [{}])
    assert isinstance(no, NoAnswer)


def test_a_query_that_failed_says_nothing() -> None:
    """No absence out of a throttle, a refused key or a page of the web server."""
    for label, status in (("INVALID_KEY", 401), ("TOO_MANY_REQUESTS", 400), ("SERVER_ERROR", 500)):
        assert isinstance(answered(QUERY, refused(label), status)[-1], NoAnswer)
    (no,) = session(Role.REST).answered(QUERY, HttpAnswer(404, {}, b"<html>Not Found</html>", 1, 2), NOW_NS)
    assert isinstance(no, NoAnswer)


# --- the venue -------------------------------------------------------------------------------------------------------


def pair(**fields: Any) -> dict[str, Any]:
    made = {
        "id": "A_USDT",
        "base": "A",
        "quote": "USDT",
        "fee": "0.2",
        "min_base_amount": "0.5",
        "min_quote_amount": "3",
        "max_base_amount": "1000",
        "amount_precision": 3,
        "precision": 6,
        "trade_status": "tradable",
        "sell_start": 1_600_000_000,
        "buy_start": 1_600_000_000,
        "delisting_time": 0,
        "type": "normal",
    }
    return {name: value for name, value in (made | fields).items() if value is not None}


def instruments(*rows: dict[str, Any]) -> list[Instrument]:
    found = answered(Ask(kind=AskKind.CATALOGUE), list(rows))
    return [out.instrument for out in found if isinstance(out, InstrumentUpdate)]


def test_the_rules_of_a_pair() -> None:
    """Precisions are numbers of decimals; a limit that is absent or null does not exist."""
    (one,) = instruments(pair())
    assert (one.id, one.native, one.tradable) == ("gate:A-USDT", "A_USDT", True)
    assert (one.tick, one.lot, one.min_qty, one.max_qty, one.min_notional) == (
        Decimal("0.000001"),
        Decimal("0.001"),
        Decimal("0.5"),
        Decimal(1000),
        Decimal(3),
    )
    (one,) = instruments(pair(precision=0, min_base_amount=None, max_base_amount=None, type=None, delisting_time=None))
    assert (one.tick, one.min_qty, one.max_qty, one.tradable) == (Decimal(1), Decimal(0), None, True)


@pytest.mark.parametrize(
    "fields",
    [
        {"trade_status": "untradable"},
        {"trade_status": "buyable"},
        {"trade_status": "sellable"},
        {"trade_status": "x"},
        {"buy_start": NOW_NS // S + 60},
        {"sell_start": NOW_NS // S + 60},
        {"delisting_time": NOW_NS // S - 1},
        {"precision": None},
        {"precision": -1},
        {"precision": 400},
        {"precision": "2.5"},
        {"amount_precision": None},
        {"min_quote_amount": "-3"},
        {"max_base_amount": "-1"},
    ],
)
def test_a_pair_that_cannot_be_traded_now_is_listed_and_not_tradable(fields: dict[str, Any]) -> None:
    """Halted, one-sided, not begun, delisted; or with rules that make no sense. The good pair beside it stays."""
    one, other = instruments(pair(**fields), pair(id="B_USDT", base="B"))
    assert (one.tradable, other.tradable) == (False, True)


@pytest.mark.parametrize(
    "fields",
    [
        {"base": "BTC3L", "id": "BTC3L_USDT"},
        {"base": "ETH5S", "id": "ETH5S_USDT"},
        {"type": "premarket"},
        {"id": ""},
        {"id": None},
    ],
)
def test_odd_rows_are_left_out(fields: dict[str, Any]) -> None:
    """Tokens with leverage, the market before a listing, rows without a name."""
    assert [one.native for one in instruments(pair(**fields), pair(id="B_USDT", base="B"))] == ["B_USDT"]


def test_absurd_rows_are_no_answer() -> None:
    """The catalogue of before stays."""
    for rows in ([pair(precision="many")], [pair(min_base_amount={})], [pair(min_base_amount="1e400")], {"label": 1}):
        out = answered(Ask(kind=AskKind.CATALOGUE), rows)
        assert [type(one) for one in out] == [NoAnswer]


@pytest.mark.parametrize(("discount", "maker", "taker"), [(False, "0.001", "0.002"), (True, "0.0009", "0.0018")])
def test_the_accounts_own_fees(discount: bool, maker: str, taker: str) -> None:
    """Those in GT where the account pays so. Without its fields an answer is none: never a fee of 0."""
    rates = {"maker_fee": "0.001", "taker_fee": "0.002", "gt_maker_fee": "0.0009", "gt_taker_fee": "0.0018"}
    what = Ask(kind=AskKind.FEES, instrument=BTC.id)
    assert answered(what, rates | {"gt_discount": discount}) == [FeeUpdate(ME, BTC.id, Decimal(maker), Decimal(taker))]
    (no,) = answered(what, {"user_id": 1})
    assert isinstance(no, NoAnswer)


def test_the_time_and_the_state_of_assets() -> None:
    """An asset can be moved if one of its chains is open; what is not said is not open."""
    (sample,) = answered(Ask(kind=AskKind.TIME), {"server_time": NOW_NS // MS + 1_000})
    assert isinstance(sample, ClockSample)
    assert abs(sample.offset_ns - 1_000 * MS) < 4 * MS
    chains = [
        {"name": "ETH", "deposit_disabled": True, "withdraw_disabled": True},
        {"name": "TRX", "deposit_disabled": False, "withdraw_disabled": True},
    ]
    rows = [
        {"currency": "USDT", "deposit_disabled": True, "withdraw_disabled": True, "chains": chains},
        {"currency": "GT", "deposit_disabled": False, "withdraw_disabled": False},
        {"currency": "ZIL"},
    ]
    assert answered(Ask(kind=AskKind.ASSETS), rows) == [
        AssetStatus("gate", "USDT", True, False),
        AssetStatus("gate", "GT", True, True),
        AssetStatus("gate", "ZIL", False, False),
    ]
