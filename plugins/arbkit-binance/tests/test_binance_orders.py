"""Answers and events about orders, and what each error code proves.

The messages have the fields of the venue's pages, and values of our own.
"""

from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from arbkit_binance.adapter import Binance
from hypothesis import given, settings
from hypothesis import strategies as st
from wires import instrument

from arbkit.core.errors import CredentialsError, ProtocolError, RemoteProtocolError
from arbkit.core.orders.ids import format_cl_ord_id
from arbkit.core.types import (
    Ask,
    AskKind,
    Balance,
    CancelAll,
    CancelOrder,
    Catalogue,
    ClockSample,
    Command,
    HttpAnswer,
    HttpRequest,
    Instrument,
    LinkSpec,
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
    Side,
    VenueSettings,
)
from arbkit.core.venues.signer import LocalSigner

CL = format_cl_ord_id(4711)
ACCOUNT = "binance:main"
ID = "binance:BTC-USDT"
NOW = 1_750_000_000_000_000_000


def market(base: str, quote: str) -> Instrument:
    return instrument("binance", base + quote, "0.01", "0.00001", f"{base}-{quote}")


CATALOGUE = Catalogue([market("BTC", "USDT"), market("ETH", "USDT"), market("ETH", "BTC"), market("LTC", "BTC")])


def session(role: Role, **options: str) -> Any:
    link = LinkSpec(link=f"binance.main.{role.value}", venue="binance", role=role, account=ACCOUNT)
    venue = Binance(VenueSettings(options=options))
    return venue.session(link, CATALOGUE, LocalSigner("key", "secret"))


def new(**changes: Any) -> NewOrder:
    return NewOrder(
        **{
            "account": ACCOUNT,
            "instrument": ID,
            "cl_ord_id": CL,
            "side": Side.BUY,
            "qty": Decimal(1),
            "px": Decimal(100),
            **changes,
        }
    )


CANCEL = CancelOrder(account=ACCOUNT, instrument=ID, cl_ord_id=CL)
QUERY = QueryOrder(account=ACCOUNT, instrument=ID, cl_ord_id=CL)


def answered(command: Command, body: str | bytes, status: int = 200, **headers: str) -> list[Any]:
    raw = body.encode() if isinstance(body, str) else body
    return list(session(Role.REST).answered(command, HttpAnswer(status, headers, raw, NOW, NOW), NOW))


def error(code: int, msg: str) -> str:
    return json.dumps({"code": code, "msg": msg})


# --- messages: developers.binance.com/docs/binance-spot-api-docs/rest-api/trading-endpoints

AT_MS = 1_749_999_123_456


def new_order_answer() -> dict[str, Any]:
    """``POST /api/v3/order`` with newOrderRespType FULL: five fills of one order."""
    fills = [("0.4", "0.0401"), ("1.1", "0.11022"), ("0.5", "0.0501"), ("2", "0.2"), ("1", "0.0999")]
    return {
        "symbol": "BTCUSDT",
        "orderId": 880_001,
        "orderListId": -1,
        "clientOrderId": "desk-of-somebody",
        "transactTime": AT_MS,
        "price": "99.50000000",
        "origQty": "5.00000000",
        "executedQty": "5.00000000",
        "origQuoteOrderQty": "0.00000000",
        "cummulativeQuoteQty": "500.32000000",
        "status": "FILLED",
        "timeInForce": "IOC",
        "type": "LIMIT",
        "side": "SELL",
        "workingTime": AT_MS,
        "selfTradePreventionMode": "NONE",
        "fills": [
            {
                "price": f"{100.25 - number / 4:.8f}",
                "qty": qty,
                "commission": fee,
                "commissionAsset": "USDT",
                "tradeId": 71_001 + number,
            }
            for number, (qty, fee) in enumerate(fills)
        ],
    }


def cancel_answer(order_id: int = 880_002, **changes: Any) -> dict[str, Any]:
    """``DELETE /api/v3/order``: the order's own client id is ``origClientOrderId``."""
    return {
        "symbol": "LTCBTC",
        "origClientOrderId": "first-of-somebody",
        "orderId": order_id,
        "orderListId": -1,
        "clientOrderId": "cancel-of-somebody",
        "transactTime": AT_MS,
        "price": "0.00150000",
        "origQty": "7.00000000",
        "executedQty": "0.00000000",
        "origQuoteOrderQty": "0.00000000",
        "cummulativeQuoteQty": "0.00000000",
        "status": "CANCELED",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "BUY",
        "selfTradePreventionMode": "NONE",
        **changes,
    }


def cancel_all_answer() -> list[dict[str, Any]]:
    """``DELETE /api/v3/openOrders``: two orders, and an order list of two more."""
    plain = [cancel_answer(number, symbol="BTCUSDT", origClientOrderId=f"o-{number}") for number in (880_010, 880_011)]
    listed = [
        cancel_answer(number, symbol="BTCUSDT", origClientOrderId=f"o-{number}", orderListId=55, type=kind)
        for number, kind in ((880_012, "STOP_LOSS_LIMIT"), (880_013, "LIMIT_MAKER"))
    ]
    names = {"symbol": "symbol", "orderId": "orderId", "origClientOrderId": "clientOrderId"}
    order_list = {
        "orderListId": 55,
        "contingencyType": "OCO",
        "listStatusType": "ALL_DONE",
        "listOrderStatus": "ALL_DONE",
        "listClientOrderId": "list-of-somebody",
        "transactionTime": AT_MS,
        "symbol": "BTCUSDT",
        "orders": [{new: one[old] for old, new in names.items()} for one in listed],
        "orderReports": listed,
    }
    return [*plain, order_list]


def order_state() -> dict[str, Any]:
    """``GET /api/v3/order``; the rows of ``GET /api/v3/openOrders`` are the same."""
    return {
        "symbol": "LTCBTC",
        "orderId": 880_003,
        "orderListId": -1,
        "clientOrderId": "open-of-somebody",
        "price": "0.00140000",
        "origQty": "3.00000000",
        "executedQty": "0.00000000",
        "cummulativeQuoteQty": "0.00000000",
        "status": "NEW",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "BUY",
        "stopPrice": "0.00000000",
        "icebergQty": "0.00000000",
        "time": AT_MS,
        "updateTime": AT_MS,
        "isWorking": True,
        "workingTime": AT_MS,
        "origQuoteOrderQty": "0.00000000",
        "selfTradePreventionMode": "NONE",
    }


# --- messages: developers.binance.com/docs/binance-spot-api-docs/rest-api/account-endpoints


def my_trade() -> dict[str, Any]:
    """A row of ``GET /api/v3/myTrades``."""
    return {
        "symbol": "BTCUSDT",
        "id": 71_100,
        "orderId": 880_004,
        "orderListId": -1,
        "price": "61234.56000000",
        "qty": "0.02500000",
        "quoteQty": "1530.86400000",
        "commission": "0.00240000",
        "commissionAsset": "BNB",
        "time": AT_MS,
        "isBuyer": True,
        "isMaker": False,
        "isBestMatch": True,
    }


# --- messages: developers.binance.com/docs/binance-spot-api-docs/user-data-stream


def execution_report(execution: str, status: str, **changes: Any) -> dict[str, Any]:
    """``executionReport`` of a buy order of 2 ETH for 1500.5 USDT."""
    return {
        "e": "executionReport",
        "E": AT_MS + 3,
        "s": "ETHUSDT",
        "c": "stream-of-somebody",
        "S": "BUY",
        "o": "LIMIT",
        "f": "GTC",
        "q": "2.00000000",
        "p": "1500.50000000",
        "P": "0.00000000",
        "F": "0.00000000",
        "g": -1,
        "C": "",
        "x": execution,
        "X": status,
        "r": "NONE",
        "i": 880_005,
        "l": "0.00000000",
        "z": "0.00000000",
        "L": "0.00000000",
        "n": "0",
        "N": None,
        "T": AT_MS,
        "t": -1,
        "I": 990_001,
        "w": False,
        "m": False,
        "M": False,
        "O": AT_MS - 400,
        "Z": "0.00000000",
        "Y": "0.00000000",
        "Q": "0.00000000",
        "W": AT_MS - 400,
        "V": "NONE",
        **changes,
    }


FILL = execution_report(
    "TRADE", "FILLED", l="2.00000000", z="2.00000000", L="1500.25000000", n="0.00200000", N="ETH", t=71_200, m=True
)
PART = execution_report(
    "TRADE", "PARTIALLY_FILLED", l="0.75000000", z="0.75000000", L="1500.50000000", n="0.00075000", N="ETH", t=71_201
)
CANCELED = execution_report("CANCELED", "CANCELED")
STATES = [
    (execution_report("NEW", "NEW", w=True), OrdStatus.NEW),
    (CANCELED, OrdStatus.CANCELED),
    (execution_report("CANCELED", "CANCELED", S="SELL", z="0.25000000", Z="375.12500000"), OrdStatus.CANCELED),
    (execution_report("EXPIRED", "EXPIRED", f="IOC", eR="INSUFFICIENT_LIQUIDITY"), OrdStatus.EXPIRED),
    (execution_report("REJECTED", "REJECTED", f="GTX", r="GTX_ORDER_REJECT"), OrdStatus.REJECTED),
    (execution_report("CANCELED", "PENDING_CANCEL", z="0.25000000"), OrdStatus.UNKNOWN),
]
PREVENTED = execution_report(
    "TRADE_PREVENTION",
    "EXPIRED_IN_MATCH",
    r="SELF_TRADE_PREVENTION",
    l="0.75000000",
    L="1500.50000000",
    V="EXPIRE_MAKER",
)
WITHOUT_PRICE = execution_report("TRADE", "FILLED", q="0.30000000", l="0.30000000", z="0.30000000", t=71_202, m=True)
POSITION = {
    "e": "outboundAccountPosition",
    "E": AT_MS + 7,
    "u": AT_MS + 5,
    "B": [{"a": "ETH", "f": "41.50000000", "l": "1.25000000"}],
}


def forms(event: dict[str, Any]) -> list[str]:
    """The event of a subscription, of a combined stream, and alone."""
    return [json.dumps(form) for form in ({"subscriptionId": 0, "event": event}, {"stream": "x", "data": event}, event)]


# --- placements


def test_full_answer_gives_one_update_a_fill_and_the_final_state() -> None:
    """Five fills; ids, fees and sums as told."""
    updates = answered(new(), json.dumps(new_order_answer()))
    assert [one.trade_id for one in updates] == ["71001", "71002", "71003", "71004", "71005", ""]
    assert [one.cum_qty for one in updates] == [Decimal(t) for t in ("0.4", "1.5", "2", "4", "5", "5")]
    assert [one.fee for one in updates[:5]] == [Decimal(t) for t in ("0.0401", "0.11022", "0.0501", "0.2", "0.0999")]
    assert {one.fee_asset for one in updates[:5]} == {"USDT"}
    assert all(one.ord_status is OrdStatus.PARTIALLY_FILLED and not one.maker for one in updates[:5])
    assert updates[5].ord_status is OrdStatus.FILLED
    assert updates[5].last_qty == 0
    assert {one.cl_ord_id for one in updates} == {CL}
    assert {one.source for one in updates} == {"ack"}


def test_rest_and_socket_tell_the_same() -> None:
    """One order, both channels: equal events."""
    body = json.dumps(new_order_answer())
    frame = f'{{"id":"n{CL}BTCUSDT","status":200,"result":{body},"rateLimits":[]}}'
    assert list(session(Role.TRADE).receive(frame, NOW)) == answered(new(), body)


REFUSALS = [
    (-2010, "Account has insufficient balance for requested action.", RejectReason.INSUFFICIENT_FUNDS),
    (-2010, "Order would immediately match and take.", RejectReason.POST_ONLY),
    (-2010, "Market is closed.", RejectReason.INSTRUMENT),
    (-2010, "This account may not place or cancel orders.", RejectReason.AUTH),
    (-1013, "Filter failure: PRICE_FILTER", RejectReason.BAD_PRICE),
    (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE", RejectReason.BAD_PRICE),
    (-1013, "Filter failure: LOT_SIZE", RejectReason.BAD_QTY),
    (-1013, "Filter failure: NOTIONAL", RejectReason.MIN_NOTIONAL),
    (-1013, "Filter failure: MIN_NOTIONAL", RejectReason.MIN_NOTIONAL),
    (-1111, "Parameter 'quantity' has too much precision.", RejectReason.BAD_QTY),
    (-1111, "Parameter 'price' has too much precision.", RejectReason.BAD_PRICE),
    (-1121, "Invalid symbol.", RejectReason.INSTRUMENT),
    (-1021, "Timestamp for this request is outside of the recvWindow.", RejectReason.CLOCK),
    (-1022, "Signature for this request is not valid.", RejectReason.AUTH),
    (-2015, "Invalid API-key, IP, or permissions for action.", RejectReason.AUTH),
]


@pytest.mark.parametrize(("code", "msg", "reason"), REFUSALS)
def test_listed_codes_reject(code: int, msg: str, reason: RejectReason) -> None:
    """A definite no, over REST and over the socket, with the venue's words."""
    (update,) = [one for one in answered(new(), error(code, msg), 400) if isinstance(one, OrderUpdate)]
    assert (update.ord_status, update.reason, update.cl_ord_id) == (OrdStatus.REJECTED, reason, CL)
    assert update.text == f"{code} {msg}"
    frame = f'{{"id":"n{CL}BTCUSDT","status":400,"error":{error(code, msg)}}}'
    assert list(session(Role.TRADE).receive(frame, NOW)) == [update]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, error(-1001, "Internal error; unable to process your request.")),
        (400, error(-1006, "An unexpected response was received from the message bus.")),
        (408, error(-1007, "Timeout waiting for response from backend server.")),
        (400, error(-1008, "Server is currently overloaded.")),
        (400, error(-9999, "Something nobody has seen.")),
        (503, error(-2010, "Account has insufficient balance for requested action.")),
        (500, error(-1013, "Filter failure: LOT_SIZE")),
        (502, "<html>bad gateway</html>"),
        (403, "<html>blocked</html>"),
        (200, "<html>welcome</html>"),
        (200, '{"symbol":"BTCUSDT","orderId":1,"executedQty":"NaN","status":"FILLED"}'),
        (200, '{"symbol":"BTCUSDT","ord'),
        (200, ""),
        (200, b"\xff\xfe"),
        (400, '{"code":"x"}'),
        (400, "[" * 5000),
        (200, "[" * 5000),
    ],
)
@pytest.mark.parametrize("command", [new(), CANCEL], ids=["new", "cancel"])
def test_what_proves_nothing_never_rejects(command: Command, status: int, body: str | bytes) -> None:
    """5xx whatever it says, pages, cut bodies, codes outside the list: UNKNOWN, or nothing at all."""
    updates = []
    for one in answered(command, body, status):
        if isinstance(one, OrderUpdate):
            updates.append(one)
        else:  # the firewall: nothing more for a while; and what the venue said, for a person
            assert isinstance(one, RateReport) if status < 403 else isinstance(one, RateReport | Notice)
    (update,) = updates
    assert (update.ord_status, update.cum_qty) == (OrdStatus.UNKNOWN, None)
    assert update.reason is (RejectReason.THROTTLED if status == 403 else None)


@pytest.mark.parametrize("code", [-1003, -1015])
def test_throttle_codes_leave_an_order_unknown(code: int) -> None:
    """The venue may have taken it; over REST and over the socket. A cancel is refused by them."""
    for command, about_cancel in ((new(), False), (CANCEL, True)):
        (update,) = [one for one in answered(command, error(code, "Too many."), 400) if isinstance(one, OrderUpdate)]
        assert (update.ord_status, update.reason) == (OrdStatus.UNKNOWN, RejectReason.THROTTLED)
        assert update.about_cancel is about_cancel
        letter = "c" if about_cancel else "n"
        frame = f'{{"id":"{letter}{CL}BTCUSDT","status":400,"error":{error(code, "Too many.")}}}'
        said, *closed = session(Role.TRADE).receive(frame, NOW)
        assert said == update
        buckets = {one.bucket: one.until_ns - NOW for one in closed if isinstance(one, RateReport)}
        assert buckets["weight"] == 10_000_000_000, "the command's buckets are closed"


def test_taken_client_id_is_no_rejection() -> None:
    """The first copy may be alive: unknown, with the reason, so that it is queried."""
    (update,) = answered(new(), error(-2010, "Duplicate order sent."), 400)
    assert (update.ord_status, update.reason) == (OrdStatus.UNKNOWN, RejectReason.DUPLICATE)


def test_no_answer_proves_nothing() -> None:
    """A timeout says nothing about the order."""
    assert list(session(Role.REST).answered(new(), NoAnswer("timeout"), NOW)) == []


# --- cancels and queries


def test_cancel_answer_is_about_the_order_it_cancels() -> None:
    """The answer's own client id is the cancel's; ours is the original one."""
    (update,) = answered(CANCEL, json.dumps(cancel_answer()))
    assert (update.ord_status, update.cl_ord_id, update.order_id) == (OrdStatus.CANCELED, CL, "880002")
    assert update.cum_qty == 0


def test_cancel_of_a_finished_order_asks_for_its_state() -> None:
    """-2011 answers the cancel, not the order."""
    (update,) = answered(CANCEL, error(-2011, "Unknown order sent."), 400)
    assert update.about_cancel
    assert update.reason is RejectReason.UNKNOWN_ORDER
    assert not update.ord_status.terminal
    frame = f'{{"id":"c{CL}BTCUSDT","status":400,"error":{error(-2011, "Unknown order sent.")}}}'
    assert list(session(Role.TRADE).receive(frame, NOW)) == [update]


def test_cancel_all_tells_each_order() -> None:
    """Plain orders and those inside an order list, by their own ids, which are not ours."""
    updates = answered(CancelAll(account=ACCOUNT, instrument=ID), json.dumps(cancel_all_answer()))
    assert [one.order_id for one in updates] == ["880010", "880011", "880012", "880013"]
    assert {one.ord_status for one in updates} == {OrdStatus.CANCELED}
    assert [one.cl_ord_id for one in updates] == ["o-880010", "o-880011", "o-880012", "o-880013"]


def test_unknown_order_on_query_is_evidence_of_absence() -> None:
    """-2013 over both channels; nothing else is read as absence."""
    wanted = [OrderAbsent(ACCOUNT, ID, CL, NOW)]
    assert answered(QUERY, error(-2013, "Order does not exist."), 400) == wanted
    frame = f'{{"id":"q{CL}BTCUSDT","status":400,"error":{error(-2013, "Order does not exist.")}}}'
    assert list(session(Role.TRADE).receive(frame, NOW)) == wanted
    for body, status in ((error(-1001, "Internal error"), 400), ("<html>", 404)):
        (one,) = answered(QUERY, body, status)
        assert isinstance(one, NoAnswer)
    frame = f'{{"id":"q{CL}BTCUSDT","status":400,"error":{error(-1001, "Internal error")}}}'
    assert list(session(Role.TRADE).receive(frame, NOW)) == []


def test_archived_order_is_final() -> None:
    """-2026: cancelled or expired without a fill more than 90 days ago."""
    (update,) = answered(QUERY, error(-2026, "Order was canceled or expired with no executed qty."), 400)
    assert (update.ord_status, update.cum_qty) == (OrdStatus.CANCELED, 0)


def test_listings() -> None:
    """Open orders are told completely; fills carry the venue's order id, price, fee and maker flag."""
    (orders,) = answered(ListOpenOrders(account=ACCOUNT), json.dumps([order_state()]))
    assert isinstance(orders, Listing)
    assert (orders.kind, orders.complete, orders.instrument) == ("open_orders", True, "")
    assert [(one.instrument, one.ord_status, one.cl_ord_id) for one in orders.updates] == [
        ("binance:LTC-BTC", OrdStatus.NEW, "open-of-somebody")
    ]
    (fills,) = answered(ListFills(account=ACCOUNT, instrument=ID), json.dumps([my_trade()]))
    (fill,) = fills.updates
    assert (fill.trade_id, fill.order_id) == ("71100", "880004")
    assert (fill.last_px, fill.last_qty) == (Decimal("61234.56"), Decimal("0.025"))
    assert (fill.fee, fill.fee_asset, fill.maker, fill.side) == (Decimal("0.0024"), "BNB", False, Side.BUY)


def test_all_pages_of_fills_are_listed() -> None:
    """A full page has a next one, which begins after its last id and not at the time of the first."""
    rest = session(Role.REST)
    command = ListFills(account=ACCOUNT, instrument=ID, since_ns=NOW)

    def url(what: Any) -> str:
        (wire,) = rest.encode(what, NOW)
        found: str = wire.url.reveal()
        return found

    def answer(ids: range) -> HttpAnswer:
        return HttpAnswer(200, {}, json.dumps([my_trade() | {"id": number} for number in ids]).encode(), NOW, NOW)

    assert f"&limit=1000&startTime={NOW // 10**6}&" in url([command])
    (page,) = rest.answered(command, answer(range(1, 1001)), NOW)
    assert page.kind is AskKind.PAGE
    assert "&limit=1000&fromId=1001&" in url(page)
    assert "startTime" not in url(page)
    (listing,) = rest.answered(page, answer(range(1001, 1004)), NOW)
    assert (listing.kind, listing.complete, listing.since_ns) == ("fills", True, NOW)
    assert [one.trade_id for one in listing.updates] == [str(number) for number in range(1, 1004)]


def test_fills_without_a_start_are_listed_from_the_first() -> None:
    """Without a start Binance lists the newest page only; orderId and startTime may not be combined."""
    rest = session(Role.REST)
    for command, wanted in (
        (ListFills(account=ACCOUNT, instrument=ID), "&limit=1000&fromId=0&"),
        (ListFills(account=ACCOUNT, instrument=ID, since_ns=NOW, order_id="7"), "&limit=1000&orderId=7&fromId=0&"),
    ):
        (wire,) = rest.encode([command], NOW)
        assert wanted in wire.url.reveal()
        assert "startTime" not in wire.url.reveal()


GONE_ID = "binance:FTM-USDT"


@pytest.mark.parametrize("role", [Role.REST, Role.TRADE])
def test_an_instrument_that_the_catalogue_lacks_can_be_asked_for(role: Role) -> None:
    """An order of an earlier run, whose pair was delisted since: all answers have the name that was asked for."""
    link = LinkSpec(link="x", venue="binance", role=role, account=ACCOUNT)
    one = Binance(VenueSettings()).session(link, Catalogue(), LocalSigner("key", "secret"))
    state = order_state() | {"symbol": "FTMUSDT", "clientOrderId": CL}
    trade = my_trade() | {"symbol": "FTMUSDT"}
    commands: list[tuple[Command, Any]] = [
        (QueryOrder(account=ACCOUNT, instrument=GONE_ID, cl_ord_id=CL), state),
        (CancelOrder(account=ACCOUNT, instrument=GONE_ID, cl_ord_id=CL), state | {"origClientOrderId": CL}),
    ]
    if role is Role.REST:
        commands += [
            (ListOpenOrders(account=ACCOUNT, instrument=GONE_ID), [state]),
            (ListFills(account=ACCOUNT, instrument=GONE_ID), [trade]),
        ]
    for command, body in commands:
        (wire,) = one.encode([command], NOW)
        found: list[Any]
        if isinstance(wire, HttpRequest):
            assert "symbol=FTMUSDT" in wire.url.reveal()  # type: ignore[attr-defined]  # it is signed: a Secret
            found = list(one.answered(command, HttpAnswer(200, {}, json.dumps(body).encode(), NOW, NOW), NOW))
        else:
            request = json.loads(wire.data.reveal())  # type: ignore[union-attr]  # it is signed: a Secret
            assert request["params"]["symbol"] == "FTMUSDT"
            found = list(one.receive(json.dumps({"id": request["id"], "status": 200, "result": body}), NOW))
        updates = found[0].updates if isinstance(found[0], Listing) else found
        assert [update.instrument for update in updates] == [GONE_ID]


def test_request_ids_fit_the_venue_and_carry_the_order() -> None:
    """At most 36 characters; a foreign id is not repeated; the answer is still read."""
    trade = session(Role.TRADE)

    def request(command: Command) -> str:
        (wire,) = trade.encode([command], NOW)
        found: str = json.loads(wire.data.reveal())["id"]
        return found

    assert request(new()) == f"n{CL}BTCUSDT"
    assert request(CANCEL) == f"c{CL}BTCUSDT"
    foreign = request(CancelOrder(account=ACCOUNT, instrument=ID, cl_ord_id="x" * 36, order_id="4"))
    assert len(foreign) <= 36
    frame = f'{{"id":"{foreign}","status":200,"result":{json.dumps(cancel_answer(4))}}}'
    (update,) = trade.receive(frame, NOW)
    assert (update.cl_ord_id, update.order_id, update.instrument) == ("first-of-somebody", "4", ID)


# --- the event stream


def told(event: dict[str, Any]) -> Any:
    """The one output for an event, the same in each form."""
    found = [session(Role.PRIVATE).receive(text, NOW) for text in forms(event)]
    ((update,),) = {tuple(one) for one in found}
    return update


def test_stream_fill() -> None:
    """A trade report becomes one fill with its fee and maker flag, wrapped or bare."""
    update = told(FILL)
    assert (update.instrument, update.ord_status, update.trade_id) == ("binance:ETH-USDT", OrdStatus.FILLED, "71200")
    assert (update.last_px, update.last_qty, update.cum_qty) == (Decimal("1500.25"), 2, 2)
    assert (update.fee, update.fee_asset, update.maker) == (Decimal("0.002"), "ETH", True)
    part = told(PART)
    assert (part.ord_status, part.last_qty, part.maker) == (OrdStatus.PARTIALLY_FILLED, Decimal("0.75"), False)


def test_stream_states() -> None:
    """New, cancelled, expired and rejected, without a fill."""
    for event, status in STATES:
        update = told(event)
        assert (update.ord_status, update.last_qty, update.trade_id) == (status, 0, ""), event
        assert (update.reason is RejectReason.POST_ONLY) == (status is OrdStatus.REJECTED)


def test_self_trade_prevention_is_no_fill() -> None:
    """TRADE_PREVENTION reports a size that never traded."""
    update = told(PREVENTED)
    assert (update.ord_status, update.last_qty, update.fee) == (OrdStatus.EXPIRED, 0, None)


def test_a_trade_without_a_price_is_not_booked() -> None:
    """The state counts (and shows that a fill is missing), a price of 0 does not."""
    update = told(WITHOUT_PRICE)
    assert (update.ord_status, update.last_qty, update.cum_qty) == (OrdStatus.FILLED, 0, Decimal("0.3"))


def test_cancelled_order_keeps_its_own_client_id() -> None:
    """On CANCELED the venue puts the cancel's id into c and the order's into C."""
    assert told(CANCELED | {"c": "cancel-of-somebody", "C": CL}).cl_ord_id == CL


def test_balances() -> None:
    """The stream tells touched assets; the listing is a snapshot."""
    assert told(POSITION) == Balance(
        account=ACCOUNT,
        asset="ETH",
        free=Decimal("41.5"),
        locked=Decimal("1.25"),
        exch_ns=(AT_MS + 5) * 10**6,
        recv_ns=NOW,
    )


def test_stream_start_ready_and_end() -> None:
    """Ready after the confirmation; an ended stream and a lost confirmation drop the link; bad keys say so."""
    private = session(Role.PRIVATE)
    private.start(NOW)
    with pytest.raises(RemoteProtocolError, match="not confirmed"):
        private.tick(private.due_ns)
    confirmed = private.receive('{"id":"subscribe","status":200,"result":{"subscriptionId":0}}', NOW)
    assert list(confirmed) == [Ready("binance.main.private", NOW)]
    with pytest.raises(RemoteProtocolError, match="ended"):
        private.receive('{"subscriptionId":0,"event":{"e":"eventStreamTerminated","E":1}}', NOW)
    refusal = f'{{"id":"subscribe","status":401,"error":{error(-2015, "Invalid API-key")}}}'
    with pytest.raises(CredentialsError, match="-2015"):
        private.receive(refusal, NOW)
    (notice,) = private.receive('{"event":{"e":"serverShutdown","E":1}}', NOW)
    assert isinstance(notice, Notice)
    assert notice.going_away


def test_trade_link_with_an_hmac_key_is_ready_at_once_and_reads_the_clock() -> None:
    """The clock's round trip is in the request's own id."""
    trade = session(Role.TRADE)
    clock, ready = trade.start(NOW)
    assert isinstance(clock, Send)
    assert ready == Ready("binance.main.trade", NOW)
    request = json.loads(clock.data)["id"]
    frame = f'{{"id":"{request}","status":200,"result":{{"serverTime":{NOW // 10**6 + 70}}}}}'
    (found,) = trade.receive(frame, NOW + 40_000_000)
    assert found == ClockSample("binance", 50_500_000, 20_500_000, NOW + 40_000_000)


def test_socket_rate_limits_and_bans() -> None:
    """Counts come with each answer; 429 closes the venue until the time it names."""
    trade = session(Role.TRADE)
    entry = {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 50, "count": 12}
    (seen,) = trade.receive(json.dumps({"id": None, "status": 200, "rateLimits": [entry]}), NOW)
    assert seen == RateReport(venue="binance", bucket=f"orders_10s:{ACCOUNT}", used=12, limit=50, recv_ns=NOW)
    retry = NOW // 10**6 + 5000
    ban = {"code": -1003, "msg": "Way too much.", "data": {"retryAfter": retry}}
    found = trade.receive(json.dumps({"id": f"n{CL}BTCUSDT", "status": 429, "error": ban}), NOW)
    assert found[0] == RateReport(venue="binance", bucket="*", until_ns=retry * 10**6, recv_ns=NOW)
    assert (found[1].ord_status, found[1].reason) == (OrdStatus.UNKNOWN, RejectReason.THROTTLED)


# --- garbage

BODIES = [new_order_answer(), cancel_answer(), cancel_all_answer(), order_state(), [order_state()], [my_trade()]]
EVENTS = [FILL, PART, PREVENTED, WITHOUT_PRICE, POSITION, *(event for event, _ in STATES)]
TEXTS = [json.dumps(body).encode() for body in BODIES] + [text.encode() for event in EVENTS for text in forms(event)]
WRAPPED = [
    b'{"id":"%s%sBTCUSDT","status":200,"result":%s}' % (kind, CL.encode(), text)
    for kind in (b"n", b"c", b"q", b"t")
    for text in TEXTS
]
COMMANDS: list[Command | Ask] = [
    new(),
    CANCEL,
    QUERY,
    CancelAll(account=ACCOUNT, instrument=ID),
    ListOpenOrders(account=ACCOUNT),
    ListFills(account=ACCOUNT, instrument=ID),
    *(Ask(kind=kind, instrument=ID) for kind in AskKind if kind.name not in ("TOKEN", "ORDER", "PAGE")),
]


@settings(max_examples=400, deadline=None)
@given(
    text=st.sampled_from(TEXTS + WRAPPED),
    at=st.floats(0, 1),
    junk=st.sampled_from(
        [b"", b"null", b'"NaN"', b"1e999", b"-", b"[" * 2000, b'"', b"\xff", b"{}", b"[]", b"99999999999999999999999"]
    ),
    cut=st.integers(0, 40),
    status=st.sampled_from([200, 400, 418, 429, 500]),
    command=st.sampled_from(COMMANDS),
)
def test_mutated_answers_and_events_raise_nothing_but_what_the_link_counts(
    text: bytes, at: float, junk: bytes, cut: int, status: int, command: Command | Ask
) -> None:
    """On sockets: read, or refused in the agreed ways. Over HTTP nothing is ever raised."""
    place = int(at * len(text))
    mutated = text[:place] + junk + text[place + cut :]
    for role in (Role.PRIVATE, Role.TRADE):
        with suppress(ProtocolError, ValueError, KeyError, RecursionError):
            for one in session(role).receive(mutated, NOW):
                if isinstance(one, OrderUpdate):
                    assert one.last_qty.is_finite()
    session(Role.REST).answered(command, HttpAnswer(status, {}, mutated, NOW, NOW), NOW)
