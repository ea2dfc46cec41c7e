"""Orders, fills, balances and rules, by messages with the documented fields; and bad input."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from arbkit_htx.adapter import Htx
from wires import ID, MS, NOW_NS, Wires, instrument

from arbkit.core.errors import BadFrame, CredentialsError, RemoteProtocolError
from arbkit.core.types import (
    AccountStatus,
    Ask,
    AskKind,
    AssetStatus,
    Balance,
    FeeUpdate,
    InstrumentUpdate,
    Listing,
    ListOpenOrders,
    NoAnswer,
    OrderAbsent,
    OrderUpdate,
    OrdStatus,
    RejectReason,
    Role,
)

BTC = instrument("htx", "btcusdt", "0.01", "0.000001")
WIRES = Wires(Htx, BTC, order_id="4", qty="0.3")
told = WIRES.told
AT = 1_749_999_123_456
SPOT = [{"id": 3, "type": "otc", "state": "working"}, {"id": 7, "type": "spot", "state": "working"}]


def rest() -> Any:
    """A session that knows the number of the spot account."""
    made = WIRES.session(Role.REST)
    ok(Ask(kind=AskKind.ACCOUNT), SPOT, made)
    return made


def ok(what: Any, data: Any, session: Any = None) -> list[Any]:
    return WIRES.answered(what, {"status": "ok", "data": data}, rest=session)


def no(what: Any, code: str, status: int = 200, text: str = "") -> list[Any]:
    return WIRES.answered(what, {"status": "error", "err-code": code, "err-msg": text, "data": None}, status)


def push(channel: str, **row: Any) -> list[Any]:
    return told(WIRES.session(Role.PRIVATE), {"action": "push", "ch": channel, "data": row})


def order_push(event: str, status: str, kind: str = "buy-limit", **more: Any) -> Any:
    row = {"symbol": "btcusdt", "orderId": 4, "clientOrderId": ID, "orderPrice": "50000", "orderSize": "0.3"}
    (found,) = push("orders#btcusdt", **row, eventType=event, orderStatus=status, type=kind, **more)
    return found


# --- pushes ---


@pytest.mark.parametrize(
    ("event", "status", "kind", "filled", "state"),
    [
        ("creation", "submitted", "buy-limit", None, OrdStatus.NEW),
        ("trade", "partial-filled", "buy-limit", "0.1", OrdStatus.PARTIALLY_FILLED),
        ("trade", "filled", "buy-limit", "0.3", OrdStatus.FILLED),
        ("cancellation", "canceled", "buy-limit", "0", OrdStatus.CANCELED),
        ("cancellation", "partial-canceled", "buy-limit", "0.1", OrdStatus.CANCELED),
        ("cancellation", "canceled", "buy-ioc", "0", OrdStatus.EXPIRED),
        ("cancellation", "canceled", "buy-limit-fok", "0", OrdStatus.EXPIRED),
        ("creation", "a word of tomorrow", "buy-limit", None, OrdStatus.UNKNOWN),
    ],
)
def test_the_states_of_an_order_on_the_stream(
    event: str, status: str, kind: str, filled: str | None, state: OrdStatus
) -> None:
    """What an IOC or FOK did not fill has expired; a push has no fill of its own."""
    found = order_push(event, status, kind, tradeTime=AT, **({} if filled is None else {"execAmt": filled}))
    assert (found.ord_status, found.cl_ord_id, found.order_id) == (state, ID, "4")
    assert (found.qty, found.px, found.last_qty) == (Decimal("0.3"), Decimal(50000), 0)
    assert found.exch_ns == AT * MS
    assert found.cum_qty == (None if filled is None else Decimal(filled))


def test_a_market_buy_says_nothing_of_its_quantity() -> None:
    """Its size is in the quote asset; such an order is not ours."""
    assert order_push("creation", "submitted", "buy-market", orderSize2="").qty is None


CLEARED = {
    "eventType": "trade",
    "symbol": "btcusdt",
    "orderId": 4,
    "clientOrderId": ID,
    "orderSide": "buy",
    "tradePrice": "49999",
    "tradeVolume": "0.1",
    "tradeId": 17,
    "tradeTime": AT,
    "aggressor": True,
    "transactFee": "0.0002",
    "feeCurrency": "btc",
    "orderStatus": "partial-filled",
    "feeDeduct": "0",
    "feeDeductType": "",
}


def test_a_fill_has_its_fee() -> None:
    (fill,) = push("trade.clearing#btcusdt#0", **CLEARED)
    assert (fill.last_px, fill.last_qty, fill.trade_id, fill.maker) == (Decimal(49999), Decimal("0.1"), "17", False)
    assert (fill.fee, fill.fee_asset, list(fill.extra_fees)) == (Decimal("0.0002"), "BTC", [])
    assert fill.cl_ord_id == ID


def test_a_fee_that_is_paid_in_points_is_booked_there() -> None:
    row = CLEARED | {"transactFee": "0", "feeDeduct": "0.31", "feeDeductType": "ht"}
    (fill,) = push("trade.clearing#btcusdt#0", **row)
    assert list(fill.extra_fees) == [("HT", Decimal("0.31"))]


def test_a_cancellation_on_the_clearing_channel_is_no_fill() -> None:
    assert push("trade.clearing#btcusdt#0", eventType="cancellation", symbol="btcusdt", orderId=4) == []


def test_balances_of_the_own_spot_account_only() -> None:
    """The first rows have no time and are no changes; other accounts push too."""
    row = {"currency": "usdt", "accountId": 7, "balance": "10", "available": "7", "accountType": "trade"}
    (money,) = push("accounts.update#2", **row, changeTime=AT)
    assert isinstance(money, Balance)
    assert (money.asset, money.free, money.locked, money.exch_ns) == ("USDT", Decimal(7), Decimal(3), AT * MS)
    assert push("accounts.update#2", **row, changeTime=None) == []
    assert push("accounts.update#2", **(row | {"accountType": "margin"}), changeTime=AT) == []
    assert push("accounts.update#2", currency="usdt", accountType="trade", balance="1", changeTime=AT) == []


# --- the socket of the account ---


def test_login_then_channels_then_ready() -> None:
    private = WIRES.session(Role.PRIVATE)
    assert len(private.start(NOW_NS)) == 1
    asked = told(private, {"action": "req", "code": 200, "ch": "auth", "data": {}})
    channels = [json.loads(out.data)["ch"] for out in asked]
    assert channels == ["orders#*", "trade.clearing#*#0", "accounts.update#2"]
    assert told(private, {"action": "sub", "code": 200, "ch": channels[0], "data": {}}) == []
    told(private, {"action": "sub", "code": 200, "ch": channels[1], "data": {}})
    (ready,) = told(private, {"action": "sub", "code": 200, "ch": channels[2], "data": {}})
    assert ready.link == "htx.main.private"


@pytest.mark.parametrize(
    ("code", "error"), [(2002, CredentialsError), (2000, CredentialsError), (500, RemoteProtocolError)]
)
def test_a_refused_login(code: int, error: type[Exception]) -> None:
    """A server error does not blame the key."""
    private = WIRES.session(Role.PRIVATE)
    private.start(NOW_NS)
    with pytest.raises(error, match="htx"):
        told(private, {"action": "req", "code": code, "ch": "auth", "message": "auth.fail"})


def test_both_forms_of_a_ping_are_answered() -> None:
    private = WIRES.session(Role.PRIVATE)
    (pong,) = told(private, {"action": "ping", "data": {"ts": AT}})
    assert (json.loads(pong.data), pong.cost) == ({"action": "pong", "data": {"ts": AT}}, 0)
    (pong,) = told(private, {"op": "ping", "ts": AT})
    assert json.loads(pong.data) == {"op": "pong", "ts": AT}


@pytest.mark.parametrize(
    "frame", ["", "{", "[]", "{}", '{"action":"push","ch":"orders#*","data":4}', '{"action":"push","ch":"orders#*"}']
)
def test_garbage_on_the_socket_of_the_account(frame: str) -> None:
    private = WIRES.session(Role.PRIVATE)
    with pytest.raises((BadFrame, ValueError)):
        told(private, frame)


# --- answers ---


@pytest.mark.parametrize(
    ("row", "state"),
    [
        ({"state": "submitted", "field-amount": "0"}, OrdStatus.NEW),
        ({"state": "submitted", "field-amount": "0.1"}, OrdStatus.PARTIALLY_FILLED),
        ({"state": "canceling", "field-amount": "0"}, OrdStatus.NEW),
        ({"state": "partial-filled", "field-amount": "0.1"}, OrdStatus.PARTIALLY_FILLED),
        ({"state": "filled", "field-amount": "0.3"}, OrdStatus.FILLED),
        ({"state": "canceled", "field-amount": "0"}, OrdStatus.CANCELED),
        ({"state": "partial-canceled", "field-amount": "0.1"}, OrdStatus.CANCELED),
        ({"state": "suspense", "field-amount": "0"}, OrdStatus.UNKNOWN),
    ],
)
def test_the_states_of_a_queried_order(row: dict[str, str], state: OrdStatus) -> None:
    """An order that is being cancelled may still fill."""
    full = {"id": 4, "client-order-id": ID, "symbol": "btcusdt", "price": "50000", "amount": "0.3", "created-at": AT}
    (found,) = ok(WIRES.query, full | row | {"type": "buy-ioc"})
    assert (found.ord_status, found.cl_ord_id, found.order_id) == (state, ID, "4")


def test_an_order_that_is_not_found_is_looked_for_in_the_history() -> None:
    """A query remembers two to eight hours, the history two days."""
    (look,) = no(WIRES.query, "base-record-invalid")
    assert (look.kind, look.ref) == (AskKind.ORDER, ID)
    assert [type(out) for out in ok(look, [])] == [OrderAbsent]
    row = {"id": 4, "client-order-id": ID, "symbol": "btcusdt", "price": "50000", "amount": "0.3", "type": "buy-ioc"}
    (found,) = ok(look, [row | {"state": "filled", "field-amount": "0.3"}])
    assert found.ord_status is OrdStatus.FILLED


UNKNOWN = [
    ("rate-too-many-requests", 200),
    ("rate-too-many-requests", 429),
    ("base-request-exceed-frequency-limit", 200),
    ("gateway-internal-error", 200),
    ("account-frozen-balance-insufficient-error", 500),
    ("order-value-min-error", 502),
    ("a-code-of-tomorrow", 200),
]


@pytest.mark.parametrize(("code", "status"), UNKNOWN)
def test_a_new_order_of_which_nothing_is_known(code: str, status: int) -> None:
    """Throttles and server errors never prove that there is no order, also with a code that would."""
    found = [out for out in no(WIRES.buy, code, status) if isinstance(out, OrderUpdate)]
    assert [one.ord_status for one in found] == [OrdStatus.UNKNOWN]


@pytest.mark.parametrize(("body", "status"), [("<html>maintenance</html>", 200), ("", 503), ("<h1>403</h1>", 403)])
def test_a_page_in_place_of_an_answer(body: str, status: int) -> None:
    found = [out for out in WIRES.answered(WIRES.buy, body, status) if isinstance(out, OrderUpdate)]
    assert [one.ord_status for one in found] == [OrdStatus.UNKNOWN]


def test_an_accepted_order_has_its_number() -> None:
    (found,) = ok(WIRES.buy, "4")
    assert (found.ord_status, found.order_id, found.cl_ord_id) == (OrdStatus.NEW, "4", ID)


def test_a_cancel_that_found_nothing_open() -> None:
    """The order may have been filled: it is asked for."""
    (found,) = no(WIRES.cancel, "order-orderstate-error")
    assert (found.ord_status, found.reason, found.about_cancel) == (OrdStatus.UNKNOWN, RejectReason.UNKNOWN_ORDER, True)


def listed(number: int) -> dict[str, Any]:
    row = {"id": number, "client-order-id": "", "symbol": "btcusdt", "price": "50000", "amount": "0.3"}
    return row | {"created-at": AT, "type": "buy-limit", "state": "submitted", "filled-amount": "0"}


def test_all_pages_of_the_open_orders() -> None:
    """A page begins with the last row of the one before: it counts once."""
    session = rest()
    ask = ListOpenOrders(account=WIRES.me, instrument=BTC.id)
    (first,) = session.encode([ask], NOW_NS)
    assert {"account-id=7", "symbol=btcusdt"} <= set(first.url.reveal().split("&"))
    page = [listed(number) for number in range(1000, 500, -1)]
    out = list(session.answered(ask, WIRES.answer({"status": "ok", "data": page}), NOW_NS))
    (more,) = [one for one in out if isinstance(one, Ask | ListOpenOrders)]
    (request,) = session.encode(more if isinstance(more, Ask) else [more], NOW_NS)
    assert "from=501" in request.url.reveal()
    last = [listed(501), listed(500)]
    out += session.answered(more, WIRES.answer({"status": "ok", "data": last}), NOW_NS)
    orders = [one.order_id for listing in out if isinstance(listing, Listing) for one in listing.updates]
    assert sorted(map(int, orders)) == list(range(500, 1001))


def test_a_listed_fill() -> None:
    row = {"symbol": "btcusdt", "order-id": 4, "trade-id": 17, "id": 9, "price": "49999", "filled-amount": "0.1"}
    row |= {"filled-fees": "0.0002", "fee-currency": "btc", "role": "maker", "type": "sell-limit", "created-at": AT}
    row |= {"filled-points": "0.0"}
    (found,) = ok(WIRES.fills, [row])
    assert isinstance(found, Listing)
    assert [(one.order_id, one.trade_id, one.maker, one.fee, one.fee_asset) for one in found.updates] == [
        ("4", "17", True, Decimal("0.0002"), "BTC")
    ]


# --- the account ---


@pytest.mark.parametrize(
    ("accounts", "problem"),
    [(SPOT, ""), ([SPOT[0]], "missing"), ([SPOT[1] | {"state": "lock"}], "lock"), ([], "missing")],
)
def test_a_locked_or_missing_spot_account_does_not_trade(accounts: list[dict[str, Any]], problem: str) -> None:
    (found,) = ok(Ask(kind=AskKind.ACCOUNT), accounts)
    assert isinstance(found, AccountStatus)
    assert problem in found.problem
    assert bool(found.problem) is bool(problem)


def test_balances_join_what_is_free_and_what_is_locked() -> None:
    """After the number of the account is known; other kinds of rows are not spot money."""
    session = rest()
    ask = Ask(kind=AskKind.BALANCES)
    (then,) = [out for out in ok(ask, SPOT, session) if isinstance(out, Ask)]
    (request,) = session.encode(then, NOW_NS)
    assert "/v1/account/accounts/7/balance" in request.url.reveal()
    rows = [("usdt", "trade", "7"), ("usdt", "frozen", "3"), ("btc", "trade", "1"), ("btc", "loan", "-5")]
    body = {"id": 7, "list": [dict(zip(("currency", "type", "balance"), row, strict=True)) for row in rows]}
    found = [out for out in ok(then, body, session) if isinstance(out, Balance)]
    assert [(one.asset, one.free, one.locked) for one in found] == [
        ("USDT", Decimal(7), Decimal(3)),
        ("BTC", Decimal(1), Decimal(0)),
    ]


def test_own_fees_and_coins() -> None:
    """Answers of v2 have a code in place of a status."""
    row = {"symbol": "btcusdt", "actualMakerRate": "0.001", "actualTakerRate": "0.0015", "makerFeeRate": "0.002"}
    fees = WIRES.answered(Ask(kind=AskKind.FEES, instrument=BTC.id), {"code": 200, "data": [row]})
    assert [(one.maker, one.taker) for one in fees if isinstance(one, FeeUpdate)] == [
        (Decimal("0.001"), Decimal("0.0015"))
    ]
    chains = [
        {"depositStatus": "prohibited", "withdrawStatus": "allowed"},
        {"depositStatus": "allowed", "withdrawStatus": "prohibited"},
    ]
    coins = WIRES.answered(Ask(kind=AskKind.ASSETS), {"code": 200, "data": [{"currency": "btc", "chains": chains}]})
    assert [(one.asset, one.deposit, one.withdraw) for one in coins if isinstance(one, AssetStatus)] == [
        ("BTC", True, True)
    ]


# --- the catalogue ---


def pair(**more: Any) -> dict[str, Any]:
    row = {"symbol": "btcusdt", "bc": "btc", "qc": "usdt", "state": "online", "at": "enabled", "tags": "", "pp": 2}
    return row | {"ap": 6, "minov": 10, "lominoa": 0.0001, "lomaxoa": 1000, "lomaxba": 900} | more


def catalogue(*rows: dict[str, Any]) -> list[Any]:
    return ok(Ask(kind=AskKind.CATALOGUE), list(rows))


@pytest.mark.parametrize(
    ("more", "tradable"),
    [
        ({}, True),
        ({"state": "suspend"}, False),
        ({"state": "offline"}, False),
        ({"state": "pre-online"}, False),
        ({"at": "disabled"}, False),
        ({"castate": "auction"}, False),
        ({"pp": -2}, False),
        ({"pp": 400}, False),
        ({"ap": "x"}, False),
        ({"pp": None}, False),
    ],
)
def test_a_pair_is_tradable_only_when_it_is_open_with_sane_rules(more: dict[str, Any], tradable: bool) -> None:
    (found,) = catalogue(pair(**more))
    assert isinstance(found, InstrumentUpdate)
    assert found.instrument.tradable is tradable


def test_the_rules_of_a_pair() -> None:
    (found,) = catalogue(pair())
    one = found.instrument
    assert (one.symbol, one.native, one.tick, one.lot) == ("BTC-USDT", "btcusdt", Decimal("0.01"), Decimal("0.000001"))
    assert (one.min_qty, one.max_qty, one.min_notional) == (Decimal("0.0001"), Decimal(900), Decimal(10))


def test_tokens_with_leverage_and_nameless_rows_are_left_out() -> None:
    assert catalogue(pair(tags="etp,nav"), pair(symbol=""), pair(bc=None)) == []


def test_an_absurd_answer_makes_no_catalogue() -> None:
    (found,) = ok(Ask(kind=AskKind.CATALOGUE), 4)
    assert isinstance(found, NoAnswer)
