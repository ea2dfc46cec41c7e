"""Orders, fills, balances: what goes out, and what each answer and push proves."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import pytest
from arbkit_bybit.adapter import Bybit
from wires import ID, MS, NOW_NS, Wires, instrument

from arbkit.core.errors import CredentialsError, LocalProtocolError, RemoteProtocolError
from arbkit.core.types import (
    Ask,
    AskKind,
    AssetStatus,
    Balance,
    CancelAll,
    ClockSample,
    Dial,
    FeeUpdate,
    HttpAnswer,
    InstrumentUpdate,
    Lane,
    ListFills,
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
    ReplaceOrder,
    Role,
    Side,
    Tif,
)

BTC = instrument("bybit", "BTCUSDT", "0.1", "0.000001")
WIRES = Wires(Bybit, BTC, qty="0.000001")
BYBIT, ME, BUY, CANCEL, QUERY = WIRES.exchange, WIRES.me, WIRES.buy, WIRES.cancel, WIRES.query
session, told = WIRES.session, WIRES.told
REF = f"n{ID}0003BTCUSDT"
"""A request id: the request, client id, counter and symbol."""
HISTORY = Ask(kind=AskKind.ORDER, instrument=BTC.id, ref=ID, lane=Lane.QUERY)


def answered(
    what: Any, result: object = None, code: int = 0, status: int = 200, headers: dict[str, str] | None = None
) -> list[Any]:
    body = {"retCode": code, "retMsg": "words", "result": result or {}, "time": 1}
    return WIRES.answered(what, body, status, headers)


def order_row(**fields: str) -> dict[str, str]:
    row = {
        "category": "spot",
        "symbol": "BTCUSDT",
        "orderId": "77",
        "orderLinkId": ID,
        "side": "Buy",
        "orderType": "Limit",
        "price": "50000",
        "qty": "2",
        "timeInForce": "IOC",
        "orderStatus": "New",
        "cancelType": "UNKNOWN",
        "rejectReason": "EC_NoError",
        "cumExecQty": "0",
        "updatedTime": "1700000000001",
    }
    return {**row, **fields}


def execution(**fields: Any) -> dict[str, Any]:
    row = {
        "category": "spot",
        "symbol": "BTCUSDT",
        "execId": "e1",
        "execPrice": "49999.5",
        "execQty": "0.5",
        "execFee": "0.0005",
        "feeCurrency": "BTC",
        "execType": "Trade",
        "isMaker": False,
        "orderId": "77",
        "orderLinkId": ID,
        "side": "Buy",
        "execTime": "1700000000001",
    }
    return {**row, **fields}


def push(topic: str, *rows: object) -> list[Any]:
    return told(session(Role.PRIVATE), {"id": "5", "topic": topic, "creationTime": 1700000000002, "data": rows})


def test_a_private_link_is_ready_when_its_topics_are_confirmed() -> None:
    """Auth, then the three topics in one style."""
    link = session(Role.PRIVATE)
    assert link.dial(NOW_NS) == Dial("wss://stream.bybit.com/v5/private")
    link.start(NOW_NS)
    (subscribe,) = told(link, {"success": True, "ret_msg": "", "op": "auth", "conn_id": "c"})
    assert json.loads(subscribe.data)["args"] == ["order", "execution", "wallet"]
    assert told(link, {"success": True, "ret_msg": "", "op": "subscribe", "conn_id": "c"}) == [
        Ready("bybit.main.private", NOW_NS)
    ]
    assert told(link, {"req_id": "ping", "op": "pong", "args": ["1"], "conn_id": "c"}) == []


def test_a_trade_link_is_ready_when_logged_in() -> None:
    """Its replies are written in another style than the private link's; "already authed" is a yes."""
    for code in (0, 20001):
        reply = {"retCode": code, "retMsg": "OK", "op": "auth", "connId": "c"}
        assert told(session(Role.TRADE), reply) == [Ready("bybit.main.trade", NOW_NS)]
    assert told(session(Role.TRADE), {"retCode": 0, "retMsg": "OK", "op": "pong", "data": ["1"]}) == []


def test_a_refused_key_is_final_and_a_refused_clock_is_tried_again() -> None:
    """Both links, both styles of reply."""
    for role in (Role.PRIVATE, Role.TRADE):
        with pytest.raises(CredentialsError, match="10004"):
            told(session(role), {"op": "auth", "success": False, "retCode": 10004, "retMsg": "Error sign"})
        with pytest.raises(RemoteProtocolError, match="10002"):
            told(session(role), {"op": "auth", "success": False, "retCode": 10002, "retMsg": "expired"})


def test_ten_thousand_and_three_is_a_bad_key_except_on_the_trade_link() -> None:
    """There it means too many sessions: dialled again later, and no word about the key or the order."""
    reply = {"op": "auth", "success": False, "retCode": 10003, "retMsg": "words"}
    with pytest.raises(CredentialsError, match="10003"):
        told(session(Role.PRIVATE), reply)
    with pytest.raises(RemoteProtocolError, match="too many trade sockets"):
        told(session(Role.TRADE), reply)
    (update,) = told(session(Role.TRADE), {"reqId": REF, "retCode": 10003, "retMsg": "words", "op": "order.create"})
    assert (update.ord_status, update.reason, update.lasting) == (OrdStatus.UNKNOWN, None, False)
    assert "too many trade sockets" in update.text
    polled = answered(BUY, code=10003)[0]
    assert (polled.ord_status, polled.reason, polled.lasting) == (OrdStatus.REJECTED, RejectReason.AUTH, True)


def test_a_refused_private_channel_ends_the_link() -> None:
    """It is dialled again, and waits for no order that nobody would tell."""
    link = session(Role.PRIVATE)
    link.start(NOW_NS)
    told(link, {"success": True, "ret_msg": "", "op": "auth", "conn_id": "c"})
    with pytest.raises(RemoteProtocolError, match="error:handler not found"):
        told(link, {"success": False, "ret_msg": "error:handler not found", "op": "subscribe", "conn_id": "c"})


def test_an_order_on_the_trade_link() -> None:
    """The request id is client id, counter and symbol: unique in a session, at most 36 characters."""
    link = session(Role.TRADE)
    (wire,) = link.encode([BUY], NOW_NS)
    assert json.loads(wire.data) == {
        "reqId": f"n{ID}0001BTCUSDT",
        "header": {"X-BAPI-TIMESTAMP": "1700000000000", "X-BAPI-RECV-WINDOW": "5000"},
        "op": "order.create",
        "args": [
            {
                "category": "spot",
                "symbol": "BTCUSDT",
                "side": "Buy",
                "orderType": "Limit",
                "qty": "0.000001",
                "price": "50000",
                "timeInForce": "IOC",
                "orderLinkId": ID,
                "isLeverage": 0,
            }
        ],
    }
    first, second = (json.loads(link.encode([CANCEL], NOW_NS)[0].data) for _ in range(2))
    assert first["reqId"] != second["reqId"]
    assert first["args"] == [{"category": "spot", "symbol": "BTCUSDT", "orderLinkId": ID}]


@pytest.mark.parametrize(
    ("tif", "post_only", "word"),
    [(Tif.GTC, False, "GTC"), (Tif.FOK, False, "FOK"), (Tif.GTC, True, "PostOnly")],
)
def test_time_in_force_over_rest(tif: Tif, post_only: bool, word: str) -> None:
    """The same parameters there."""
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
    (request,) = session(Role.REST).encode([order], NOW_NS)
    assert request.url == "https://api.bybit.com/v5/order/create"
    body = json.loads(request.body)
    assert (body["timeInForce"], body["side"]) == (word, "Sell")
    assert dict(request.headers)["X-BAPI-RECV-WINDOW"] == "250"


def test_an_accepted_order_is_evidence_of_an_order() -> None:
    """Whatever session reads the answer; the header tells how much of the limit is used."""
    reply = {
        "reqId": REF,
        "retCode": 0,
        "retMsg": "OK",
        "op": "order.create",
        "data": {"orderId": "9", "orderLinkId": ID},
        "retExtInfo": {},
        "connId": "c",
        "header": {"X-Bapi-Limit": "20", "X-Bapi-Limit-Status": "19", "X-Bapi-Limit-Reset-Timestamp": "1"},
    }
    update, report = told(session(Role.TRADE), reply)
    assert (update.cl_ord_id, update.instrument, update.order_id) == (ID, BTC.id, "9")
    assert (update.ord_status, update.source, update.account) == (OrdStatus.NEW, "ack", ME)
    assert report == RateReport(venue="bybit", bucket="create", used=1, limit=20, recv_ns=NOW_NS)


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        (170131, OrdStatus.REJECTED, RejectReason.INSUFFICIENT_FUNDS),
        (170134, OrdStatus.REJECTED, RejectReason.BAD_PRICE),
        (170137, OrdStatus.REJECTED, RejectReason.BAD_QTY),
        (170140, OrdStatus.REJECTED, RejectReason.MIN_NOTIONAL),
        (170218, OrdStatus.REJECTED, RejectReason.POST_ONLY),
        (170151, OrdStatus.REJECTED, RejectReason.INSTRUMENT),
        (10002, OrdStatus.REJECTED, RejectReason.CLOCK),
        (10004, OrdStatus.REJECTED, RejectReason.AUTH),
        (170141, OrdStatus.UNKNOWN, RejectReason.DUPLICATE),
        (110072, OrdStatus.UNKNOWN, RejectReason.DUPLICATE),
        (10014, OrdStatus.UNKNOWN, RejectReason.DUPLICATE),
        (10000, OrdStatus.UNKNOWN, None),
        (10016, OrdStatus.UNKNOWN, None),
        (10019, OrdStatus.UNKNOWN, None),
        (170007, OrdStatus.UNKNOWN, None),
        (170035, OrdStatus.UNKNOWN, None),
        (999999, OrdStatus.UNKNOWN, None),
    ],
)
def test_only_listed_codes_reject(code: int, status: OrdStatus, reason: RejectReason | None) -> None:
    """What is not on the list proves nothing. The same over REST."""
    reply = {"reqId": REF, "retCode": code, "retMsg": "words", "op": "order.create", "data": {}}
    update = told(session(Role.TRADE), reply)[0]
    assert (update.ord_status, update.reason, update.text) == (status, reason, f"{code} words")
    assert (update.cl_ord_id, update.instrument) == (ID, BTC.id)
    polled = answered(BUY, code=code)[0]
    assert (polled.ord_status, polled.reason) == (status, reason)


def test_throttling_leaves_the_order_unknown_and_reports() -> None:
    """10006 or a bare 429: the venue may have taken it; nothing more in this bucket for a second. 403: no REST for ten
    minutes."""
    closed = RateReport(venue="bybit", bucket="create", until_ns=NOW_NS + 1000 * MS, recv_ns=NOW_NS)
    out = answered(BUY, code=10006, headers={"x-bapi-limit": "20", "x-bapi-limit-status": "0"})
    (update,) = [one for one in out if isinstance(one, OrderUpdate)]
    assert (update.ord_status, update.reason) == (OrdStatus.UNKNOWN, RejectReason.THROTTLED)
    assert [one for one in out if isinstance(one, RateReport)] == [
        closed,
        RateReport(venue="bybit", bucket="create", used=20, limit=20, recv_ns=NOW_NS),
    ]
    on_socket = told(session(Role.TRADE), {"reqId": REF, "retCode": 10006, "retMsg": "", "op": "order.create"})
    assert on_socket[1:] == [closed]
    out = session(Role.REST).answered(BUY, HttpAnswer(429, {}, b""), NOW_NS)
    assert [one.reason for one in out if isinstance(one, OrderUpdate)] == [RejectReason.THROTTLED]
    assert closed in out
    blocked = HttpAnswer(403, {}, b"<html>access too frequent</html>")
    out = session(Role.REST).answered(Ask(kind=AskKind.TIME), blocked, NOW_NS)
    assert RateReport(venue="bybit", bucket="ip", until_ns=NOW_NS + 600_000 * MS, recv_ns=NOW_NS) in out
    assert NoAnswer("HTTP 403 access too frequent", status=403, recv_ns=NOW_NS) in out


def test_requests_in_flight_make_no_second_ban_but_a_repeated_one_doubles() -> None:
    """Ten requests under way when the address is blocked: ten minutes. Blocked again after them: twenty."""
    rest = session(Role.REST)
    minutes = []
    for seconds in (0, 1, 601, 602):
        now_ns = NOW_NS + seconds * 1000 * MS
        out = rest.answered(Ask(kind=AskKind.TIME), HttpAnswer(403, {}, b"access too frequent"), now_ns)
        minutes += [(one.until_ns - now_ns) / (60_000 * MS) for one in out if isinstance(one, RateReport)]
    assert minutes == [10, 10, 20, 20]


def test_a_node_that_restarts_says_farewell() -> None:
    """10016, 10019: finish here, take a new connection; the order of that answer is UNKNOWN."""
    for code in (10016, 10019):
        reply = {"reqId": REF, "retCode": code, "retMsg": "restarting", "op": "order.create"}
        update, notice = told(session(Role.TRADE), reply)
        assert update.ord_status is OrdStatus.UNKNOWN
        assert isinstance(notice, Notice)
        assert notice.going_away


def test_cancel_answers() -> None:
    """Yes = there is such an order; gone = ask for its end; anything else is about the cancel only."""
    answers = {}
    for code in (0, 170213, 170139, 10006, 10016):
        reply = {"reqId": REF, "retCode": code, "retMsg": "", "op": "order.cancel", "data": {}}
        update = told(session(Role.TRADE), reply)[0]
        answers[code] = (update.ord_status, update.reason, update.about_cancel)
    assert answers == {
        0: (OrdStatus.NEW, None, False),
        170213: (OrdStatus.UNKNOWN, RejectReason.UNKNOWN_ORDER, True),
        170139: (OrdStatus.UNKNOWN, RejectReason.UNKNOWN_ORDER, True),
        10006: (OrdStatus.UNKNOWN, RejectReason.THROTTLED, True),
        10016: (OrdStatus.UNKNOWN, None, True),
    }


def test_a_fill() -> None:
    """``execFee`` is positive when paid; where its currency is missing, a buy pays in base and a sell in quote."""
    (update,) = push("execution", execution())
    assert (update.ord_status, update.trade_id, update.cl_ord_id) == (OrdStatus.PARTIALLY_FILLED, "e1", ID)
    assert (update.last_px, update.last_qty, update.maker) == (Decimal("49999.5"), Decimal("0.5"), False)
    assert (update.fee, update.fee_asset, update.side) == (Decimal("0.0005"), "BTC", Side.BUY)
    assert (update.exch_ns, update.recv_ns) == (1_700_000_000_001 * MS, NOW_NS)
    (rebate,) = push("execution", execution(execFee="-0.1", feeCurrency="USDT", isMaker=True))
    assert (rebate.fee, rebate.maker) == (Decimal("-0.1"), True)
    (bought, sold) = push("execution", execution(feeCurrency=""), execution(feeCurrency="", side="Sell"))
    assert (bought.fee_asset, sold.fee_asset) == ("BTC", "USDT")
    (unclear,) = push("execution", execution(feeCurrency="", execFee="-0.1"))
    assert unclear.fee is None


def test_taxes_are_booked_beside_the_fee() -> None:
    """``extraFees`` of some sites, in the coin of the fee or in another; "" or [] elsewhere."""
    taxes = [
        {"feeCoin": "BTC", "feeType": "GST", "subFeeType": "IND_GST", "feeRate": "0.00018", "fee": "0.00009"},
        {"feeCoin": "IDR", "feeType": "TAX", "subFeeType": "TAX_PPH", "feeRate": "0.0021", "fee": "1500"},
    ]
    (update,) = push("execution", execution(extraFees=taxes))
    assert (update.fee, update.fee_asset) == (Decimal("0.0005"), "BTC")
    assert list(update.extra_fees) == [("BTC", Decimal("0.00009")), ("IDR", Decimal(1500))]
    for none in ("", [], None):
        assert list(push("execution", execution(extraFees=none))[0].extra_fees) == []


def test_the_fast_topic_tells_no_fee() -> None:
    """``execution.fast`` is read, although not subscribed: unknown is not zero."""
    row = {name: value for name, value in execution().items() if name not in ("execFee", "feeCurrency", "execType")}
    (update,) = push("execution.fast.spot", {**row, "orderLinkId": ""})
    assert (update.fee, update.order_id, update.cl_ord_id) == (None, "77", "")


@pytest.mark.parametrize(
    ("fields", "status", "reason"),
    [
        ({}, OrdStatus.NEW, None),
        ({"orderStatus": "PartiallyFilled", "cumExecQty": "1"}, OrdStatus.PARTIALLY_FILLED, None),
        ({"orderStatus": "Filled", "cumExecQty": "2"}, OrdStatus.FILLED, None),
        (
            {"orderStatus": "Filled", "cumExecQty": "2", "rejectReason": "EC_OrigClOrdIDDoesNotExist"},
            OrdStatus.FILLED,
            None,
        ),
        ({"orderStatus": "PartiallyFilledCanceled", "cumExecQty": "1"}, OrdStatus.EXPIRED, None),
        ({"orderStatus": "PartiallyFilledCanceled", "cumExecQty": "1", "timeInForce": "GTC"}, OrdStatus.CANCELED, None),
        ({"orderStatus": "Cancelled", "timeInForce": "GTC"}, OrdStatus.CANCELED, None),
        (
            {"orderStatus": "Cancelled", "rejectReason": "EC_NoImmediateQtyToFill"},
            OrdStatus.EXPIRED,
            RejectReason.NO_MATCH,
        ),
        (
            {"orderStatus": "Rejected", "rejectReason": "EC_PostOnlyWillTakeLiquidity"},
            OrdStatus.REJECTED,
            RejectReason.POST_ONLY,
        ),
        ({"orderStatus": "Rejected", "rejectReason": "EC_New"}, OrdStatus.REJECTED, RejectReason.OTHER),
        (
            {"orderStatus": "Rejected", "rejectReason": "EC_DuplicatedClOrdID"},
            OrdStatus.UNKNOWN,
            RejectReason.DUPLICATE,
        ),
        (
            {"orderStatus": "Rejected", "rejectReason": "UNKNOWN", "cumExecQty": "1"},
            OrdStatus.EXPIRED,
            RejectReason.OTHER,
        ),
        ({"orderStatus": "Deactivated", "timeInForce": "GTC"}, OrdStatus.CANCELED, None),
        ({"orderStatus": "A new word"}, OrdStatus.UNKNOWN, None),
    ],
)
def test_states(fields: dict[str, str], status: OrdStatus, reason: RejectReason | None) -> None:
    """Each with its cumulative quantity: the last report may come before the executions."""
    (update,) = push("order", order_row(**fields))
    assert (update.ord_status, update.reason) == (status, reason)
    assert update.cum_qty == Decimal(fields.get("cumExecQty", "0"))
    assert update.last_qty == 0
    assert (update.px, update.qty, update.side) == (Decimal(50000), Decimal(2), Side.BUY)


def test_rows_of_other_categories_are_left_out() -> None:
    """BTCUSDT is also a perpetual: its orders and fills are not ours to book."""
    assert push("order", order_row(category="linear"), order_row()) == push("order", order_row())
    assert push("execution", execution(category="linear"), execution(execType="Funding")) == []


def test_an_order_is_looked_for_in_two_places() -> None:
    """``realtime`` first, then history; only when both know nothing is the order absent."""
    (request,) = session(Role.REST).encode([QUERY], NOW_NS)
    assert request.url.endswith(f"/v5/order/realtime?category=spot&symbol=BTCUSDT&orderLinkId={ID}")
    (found,) = answered(QUERY, {"list": [order_row(orderStatus="Filled", cumExecQty="2")], "nextPageCursor": ""})
    assert (found.ord_status, found.source) == (OrdStatus.FILLED, "poll")
    assert answered(QUERY, {"list": []}) == [HISTORY]
    assert answered(QUERY, code=170213) == [HISTORY]
    (request,) = session(Role.REST).encode(HISTORY, NOW_NS)
    assert request.url.endswith(f"/v5/order/history?category=spot&symbol=BTCUSDT&orderLinkId={ID}")
    assert answered(HISTORY, {"list": []}) == [OrderAbsent(ME, BTC.id, ID, NOW_NS)]
    assert answered(HISTORY, {"list": [order_row(orderStatus="Cancelled")]})[0].ord_status is OrdStatus.EXPIRED
    assert answered(QUERY, code=10016) == [NoAnswer("10016 words", status=200, recv_ns=NOW_NS)]
    assert answered(QUERY, {"list": 5})[0].reason.startswith("unreadable")


def pages(command: Any, *results: dict[str, Any]) -> tuple[list[Any], list[str]]:
    """What the pages of a listing give together, and the addresses that were asked for."""
    rest = session(Role.REST)
    what, urls, out = command, [], []
    for result in results:
        (request,) = rest.encode(what if isinstance(what, Ask) else [what], NOW_NS)
        urls.append(request.url.partition("?")[2])
        body = json.dumps({"retCode": 0, "retMsg": "", "result": result}).encode()
        out = list(rest.answered(what, HttpAnswer(200, {}, body, NOW_NS, NOW_NS), NOW_NS))
        what = out[0]
    return out, urls


def test_open_orders_follow_the_cursor_to_the_end() -> None:
    """Fifty a page. A cursor comes percent-encoded and is sent as it came; a page without rows is the last."""
    command = ListOpenOrders(account=ME, instrument=BTC.id)
    (listing,), urls = pages(
        command,
        {"list": [order_row(orderId=str(number)) for number in range(50)], "nextPageCursor": "9%3A1%2C8%3A1"},
        {"list": [order_row(orderId="50")], "nextPageCursor": "7%3A1"},
        {"list": [], "nextPageCursor": "7%3A1"},
    )
    first = "category=spot&symbol=BTCUSDT&openOnly=0&limit=50"
    assert urls == [first, f"{first}&cursor=9%3A1%2C8%3A1", f"{first}&cursor=7%3A1"]
    assert (listing.kind, listing.complete, len({one.order_id for one in listing.updates})) == ("open_orders", True, 51)
    (listing,), _ = pages(command, {"list": [order_row()], "nextPageCursor": ""})
    assert (listing.complete, len(listing.updates)) == (True, 1)


def test_fills_follow_the_cursor_within_seven_days() -> None:
    """A hundred a page. A listing that begins earlier than the venue's span proves nothing about what it lacks."""
    fills = ListFills(account=ME, instrument=BTC.id, since_ns=NOW_NS, order_id="77")
    (listing,), urls = pages(
        fills,
        {"list": [execution(), execution(execType="Settle")], "category": "spot", "nextPageCursor": "x"},
        {"list": [execution(execId="e2")], "category": "spot", "nextPageCursor": ""},
    )
    first = "category=spot&symbol=BTCUSDT&limit=100&orderId=77&startTime=1700000000000"
    assert urls == [first, f"{first}&cursor=x"]
    assert (listing.kind, listing.since_ns, listing.complete) == ("fills", NOW_NS, True)
    assert [one.trade_id for one in listing.updates] == ["e1", "e2"]
    old = ListFills(account=ME, instrument=BTC.id, since_ns=NOW_NS - 8 * 86_400_000 * MS)
    (listing,), _ = pages(old, {"list": [], "category": "spot", "nextPageCursor": ""})
    assert not listing.complete


def permitted(**fields: Any) -> dict[str, Any]:
    row = {
        "apiKey": "key",
        "readOnly": 0,
        "secret": "",
        "permissions": {"ContractTrade": ["Order"], "Spot": ["SpotTrade"], "Wallet": []},
        "ips": ["127.0.0.1"],
        "expiredAt": "2026-02-28T09:00:00Z",
    }
    return {**row, **fields}


INFO = {"unifiedMarginStatus": 5, "marginMode": "REGULAR_MARGIN"}
WALLET = {"list": [{"accountType": "UNIFIED", "totalInitialMargin": "0", "coin": []}]}


@pytest.mark.parametrize(
    ("key", "info", "wallet", "problem", "warning"),
    [
        ({}, INFO, WALLET, "", ""),
        ({"readOnly": 1}, INFO, WALLET, "read-only.*make one", ""),
        ({"permissions": {"Spot": [], "Wallet": ["AccountTransfer"]}}, INFO, WALLET, "may not trade spot.*give it", ""),
        ({"ips": ["*"]}, INFO, WALLET, "", "expires 2026-02-28"),
        ({}, {"unifiedMarginStatus": 1}, WALLET, "classic account.*upgrade it", ""),
        ({}, INFO, {"list": [{"accountType": "UNIFIED", "totalInitialMargin": "10.5"}]}, "", "margin is in use"),
        ({}, INFO, {"list": [{"accountType": "UNIFIED", "totalInitialMargin": ""}]}, "", ""),
    ],
)
def test_the_key_and_the_account_are_checked_before_trading(
    key: dict[str, Any], info: dict[str, Any], wallet: dict[str, Any], problem: str, warning: str
) -> None:
    """Permissions of the key, the kind of the account, margin in use. A problem says what to change."""
    (status,), urls = pages(Ask(kind=AskKind.ACCOUNT), permitted(**key), info, wallet)
    assert len(urls) == 3
    assert status.account == ME
    assert bool(status.problem) == bool(problem)
    assert re.search(problem, status.problem)
    assert len(status.warnings) == bool(warning)
    assert warning in "".join(status.warnings)
    assert status.withdraw is False


def test_a_key_that_may_withdraw_is_told() -> None:
    """``Wallet`` has ``Withdraw``; transfers between own accounts are none."""
    rights = {"Spot": ["SpotTrade"], "Wallet": ["AccountTransfer", "Withdraw"]}
    (status,), _ = pages(Ask(kind=AskKind.ACCOUNT), permitted(permissions=rights), INFO, WALLET)
    assert (status.withdraw, list(status.rights)) == (True, ["SpotTrade", "AccountTransfer", "Withdraw"])


def test_balances_never_show_more_than_there_is() -> None:
    """Free = wallet less locked less borrowed, at least 0."""
    coins = [
        {"coin": "BTC", "walletBalance": "1.5", "locked": "0.5", "spotBorrow": "0.25"},
        {"coin": "USDT", "walletBalance": "100", "locked": "120", "spotBorrow": ""},
    ]
    got = push("wallet", {"accountType": "UNIFIED", "coin": coins})
    assert got == [
        Balance(
            account=ME,
            asset=asset,
            free=Decimal(free),
            locked=Decimal(locked),
            exch_ns=1700000000002 * MS,
            recv_ns=NOW_NS,
        )
        for asset, free, locked in (("BTC", "0.75", "0.5"), ("USDT", "0", "120"))
    ]
    (first, _) = answered(Ask(kind=AskKind.BALANCES), {"list": [{"accountType": "UNIFIED", "coin": coins}]})
    assert (first.free, first.snapshot) == (Decimal("0.75"), True)


def test_fees_movability_clock_and_catalogue() -> None:
    """Rates are positive charges; ``1`` is open; spot rows only."""
    rates = {"list": [{"symbol": "BTCUSDT", "takerFeeRate": "0.001", "makerFeeRate": "0.0008"}]}
    assert answered(Ask(kind=AskKind.FEES, instrument=BTC.id), rates) == [
        FeeUpdate(ME, BTC.id, Decimal("0.0008"), Decimal("0.001"))
    ]
    everything = {"list": [*rates["list"], {"symbol": "NEWUSDT", "takerFeeRate": "0.001", "makerFeeRate": "0.001"}]}
    assert answered(Ask(kind=AskKind.FEES), everything) == answered(Ask(kind=AskKind.FEES, instrument=BTC.id), rates)
    (request,) = session(Role.REST).encode(Ask(kind=AskKind.FEES), NOW_NS)
    assert request.url == "https://api.bybit.com/v5/account/fee-rate?category=spot"
    chains = [
        {"chainDeposit": "0", "chainWithdraw": "0", "contractAddress": "0x12ab34"},
        {"chainDeposit": "1", "chainWithdraw": "0", "contractAddress": ""},
    ]
    assert answered(Ask(kind=AskKind.ASSETS), {"rows": [{"coin": "USDT", "chains": chains}]}) == [
        AssetStatus("bybit", "USDT", True, False, ("0x12ab34",))
    ]
    time = {"timeSecond": "1700000000", "timeNano": "1700000000100000000"}
    assert answered(Ask(kind=AskKind.TIME), time) == [ClockSample("bybit", 102 * MS, 2 * MS, NOW_NS)]
    lots = {
        "basePrecision": "0.000001",
        "quotePrecision": "0.0000001",
        "minOrderQty": "0.000011",
        "maxOrderQty": "83",
        "minOrderAmt": "5",
        "maxOrderAmt": "8000000",
        "maxLimitOrderQty": "83",
        "maxMarketOrderQty": "41.5",
    }
    row = {
        "symbol": "BTCUSDT",
        "baseCoin": "BTC",
        "quoteCoin": "USDT",
        "status": "Trading",
        "lotSizeFilter": lots,
        "priceFilter": {"tickSize": "0.1"},
    }
    assert answered(Ask(kind=AskKind.CATALOGUE), {"category": "spot", "list": [row]}) == [
        InstrumentUpdate(
            instrument(
                "bybit", "BTCUSDT", "0.1", "0.000001", min_notional=Decimal(5), max_qty=Decimal(83), status="Trading"
            )
        )
    ]
    assert answered(Ask(kind=AskKind.CATALOGUE), {"category": "linear", "list": [row]}) == []
    share = {**row, "symbol": "TSLAXUSDT", "symbolType": "xstocks"}
    marked = {**row, "stTag": "1", "symbolType": "adventure"}
    (only,) = answered(Ask(kind=AskKind.CATALOGUE), {"category": "spot", "list": [share, marked]})
    assert (only.instrument.tradable, only.instrument.status) == (True, "Trading (special treatment)")


def test_cancel_all_goes_over_rest() -> None:
    """One instrument, or all of spot."""
    (request,) = session(Role.REST).encode([CancelAll(account=ME, instrument=BTC.id)], NOW_NS)
    assert json.loads(request.body) == {"category": "spot", "symbol": "BTCUSDT"}
    assert answered(CancelAll(account=ME), {"list": [], "success": "1"}) == []


def test_what_the_adapter_does_not_do_is_refused_here() -> None:
    """Replace; and a REST link has no socket."""
    replace = ReplaceOrder(
        account=ME, instrument=BTC.id, cl_ord_id=ID, new_cl_ord_id="b", qty=Decimal(1), px=Decimal(1)
    )
    assert BYBIT.route(replace) == ()
    for role in (Role.TRADE, Role.REST):
        with pytest.raises(LocalProtocolError):
            session(role).encode([replace], NOW_NS)
    with pytest.raises(LocalProtocolError):
        session(Role.REST).receive("{}", NOW_NS)


def test_a_number_no_market_has_is_a_bad_frame() -> None:
    """NaN must not reach the ledger."""
    with pytest.raises(ValueError, match="NaN"):
        push("order", order_row(cumExecQty="NaN"))


def test_both_links_ping_every_twenty_seconds() -> None:
    """JSON ping; Bybit drops a private or trade socket that neither pings nor is pushed to."""
    for role in (Role.PRIVATE, Role.TRADE):
        link = session(role)
        link.start(NOW_NS)
        told(link, {"op": "auth", "retCode": 0})
        told(link, {"op": "subscribe", "success": True})
        assert link.due_ns == NOW_NS + 20_000 * MS
        (ping,) = link.tick(link.due_ns)
        assert json.loads(ping.data) == {"req_id": "ping", "op": "ping"}
        assert link.due_ns == NOW_NS + 40_000 * MS
