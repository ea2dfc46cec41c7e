"""Orders, balances, tokens and rules, by messages with the documented fields; and bad input."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from arbkit_kucoin.adapter import Kucoin
from wires import S, instrument

from arbkit.core.errors import CredentialsError, RemoteProtocolError
from arbkit.core.types import (
    Ask,
    AskKind,
    Balance,
    CancelOrder,
    Catalogue,
    Dial,
    HttpAnswer,
    InstrumentUpdate,
    LinkSpec,
    NewOrder,
    NoAnswer,
    OrderAbsent,
    OrderUpdate,
    OrdStatus,
    QueryOrder,
    RejectReason,
    Role,
    Secret,
    Send,
    Side,
    VenueSettings,
)
from arbkit.core.venues.signer import LocalSigner

ME = "kucoin:main"
BTC = instrument("kucoin", "BTC-USDT", "0.1", "0.00001")
TOKEN = Ask(kind=AskKind.TOKEN)


def session(role: Role, **endpoints: str) -> Any:
    exchange = Kucoin(VenueSettings(endpoints=endpoints))
    link = LinkSpec(link="kucoin.main.x", venue="kucoin", role=role, account=ME)
    return exchange.session(link, Catalogue([BTC]), LocalSigner("k", "s", "p"))


def answer(data: Any, code: str = "200000", status: int = 200, msg: str = "") -> HttpAnswer:
    return HttpAnswer(status, {}, json.dumps({"code": code, "msg": msg, "data": data}).encode(), 1, 2)


def granted(endpoint: str = "wss://ws-api-spot.kucoin.com/") -> HttpAnswer:
    return answer({"token": "t/1==", "instanceServers": [{"endpoint": endpoint, "pingInterval": 18000}]})


def opened() -> Any:
    private = session(Role.PRIVATE)
    private.answered(TOKEN, granted(), S)
    private.start(S)
    return private


def event(kind: str, **more: Any) -> str:
    row = {"symbol": "BTC-USDT", "side": "buy", "orderId": "4", "clientOid": "mine", "originSize": "0.3", "type": kind}
    row |= {"orderType": "limit", "price": "100", "ts": 1749999123456000000, **more}
    return json.dumps({"type": "message", "topic": "/spotMarket/tradeOrdersV2", "data": row})


def test_a_token_comes_before_the_dial_and_the_welcome_before_the_subscriptions() -> None:
    private = session(Role.PRIVATE)
    asked = private.dial(0)
    assert isinstance(asked, Ask)
    private.answered(asked, granted(), S)
    dial = private.dial(S)
    assert isinstance(dial, Dial)
    assert isinstance(dial.url, Secret)
    assert dial.url.reveal() == "wss://ws-api-spot.kucoin.com/?token=t%2F1%3D%3D&connectId=arbkit"
    assert list(private.start(S)) == []
    sends = private.receive('{"id":"arbkit","type":"welcome"}', S)
    topics = [json.loads(out.data)["topic"] for out in sends if isinstance(out, Send)]
    assert topics == ["/spotMarket/tradeOrdersV2", "/account/balance"]
    for topic in topics:
        assert not private.is_ready
        private.receive(json.dumps({"id": topic, "type": "ack"}), S)
    assert private.is_ready


def test_a_host_of_the_users_own_is_used() -> None:
    private = session(Role.PRIVATE, ws_private="ws://127.0.0.1:1")
    private.answered(TOKEN, granted(), S)
    assert private.dial(S).url.reveal().startswith("ws://127.0.0.1:1/?token=")


@pytest.mark.parametrize(
    ("told", "error"),
    [
        (answer(None, "400005", msg="Invalid KC-API-SIGN"), CredentialsError),
        (answer(None, "411100", msg="User are frozen"), CredentialsError),
        (answer(None, "429000", 429, "Too many requests"), RemoteProtocolError),
        (granted("ws://evil"), RemoteProtocolError),
        (answer({"token": "", "instanceServers": []}), RemoteProtocolError),
        (HttpAnswer(200, {}, b"<html>maintenance</html>"), RemoteProtocolError),
        (NoAnswer("timed out"), RemoteProtocolError),
    ],
)
def test_without_a_token_the_link_ends(told: Any, error: type[Exception]) -> None:
    """The key is refused, or it is dialled again: a socket that is not encrypted is not used."""
    with pytest.raises(error):
        session(Role.PRIVATE).answered(TOKEN, told, S)


def test_a_refused_topic_ends_the_link() -> None:
    with pytest.raises(RemoteProtocolError, match="token is invalid"):
        opened().receive('{"id":"x","type":"error","code":401,"data":"token is invalid"}', S)


def test_events_of_an_order() -> None:
    """From ``received`` to ``canceled``; a match has no fee, and ``feeType`` says the role."""
    private = opened()
    match = {"filledSize": "0.1", "matchPrice": "99", "matchSize": "0.1", "tradeId": "7", "liquidity": "taker"}
    found = [
        update
        for text in (
            event("received", status="new"),
            event("open", filledSize="0", status="open"),
            event("match", **match, feeType="makerFee", status="match"),
            event("filled", filledSize="0.3", status="done"),
            event("canceled", filledSize="0.1", canceledSize="0.2", status="done"),
            event("something", filledSize="0.1"),
        )
        for update in private.receive(text, S)
    ]
    assert [one.ord_status for one in found] == [
        OrdStatus.NEW,
        OrdStatus.NEW,
        OrdStatus.PARTIALLY_FILLED,
        OrdStatus.FILLED,
        OrdStatus.CANCELED,
        OrdStatus.UNKNOWN,
    ]
    fill = found[2]
    assert (fill.last_px, fill.last_qty, fill.trade_id, fill.maker) == (Decimal(99), Decimal("0.1"), "7", True)
    assert (fill.fee, fill.cum_qty, fill.cl_ord_id) == (None, Decimal("0.1"), "mine")
    assert fill.exch_ns == 1749999123456 * 1_000_000


def test_balances_of_the_trading_account_only() -> None:
    private = opened()

    def push(kind: str) -> list[Any]:
        row = {"currency": "USDT", "available": "2", "hold": "1", "relationEvent": kind, "time": "1749999123456"}
        return list(private.receive(json.dumps({"type": "message", "topic": "/account/balance", "data": row}), S))

    for kind in ("trade.hold", "trade_hf.setted"):
        (balance,) = push(kind)
        assert isinstance(balance, Balance)
        assert (balance.asset, balance.free, balance.locked) == ("USDT", Decimal(2), Decimal(1))
    assert push("main.deposit") == []


QUERY = QueryOrder(account=ME, instrument=BTC.id, cl_ord_id="mine")


@pytest.mark.parametrize(
    "told",
    [
        answer(None),
        answer(None, "400100", msg="order_not_exist"),
        answer(None, "400100", msg="The order does not exist."),
    ],
)
def test_an_order_that_is_not_there(told: HttpAnswer) -> None:
    """``null``, or one of the texts."""
    assert [type(out) for out in session(Role.REST).answered(QUERY, told, S)] == [OrderAbsent]


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ({"active": True, "cancelExist": False, "dealSize": "0"}, OrdStatus.NEW),
        ({"active": True, "cancelExist": False, "dealSize": "0.1"}, OrdStatus.PARTIALLY_FILLED),
        ({"active": False, "cancelExist": False, "dealSize": "0.3"}, OrdStatus.FILLED),
        ({"active": False, "cancelExist": False, "dealSize": "0.1"}, OrdStatus.UNKNOWN),
        ({"active": False, "cancelExist": False, "dealSize": "0"}, OrdStatus.UNKNOWN),
        ({"active": False, "cancelExist": True, "dealSize": "0.1"}, OrdStatus.CANCELED),
        ({"active": False, "cancelExist": True, "dealSize": "0", "timeInForce": "IOC"}, OrdStatus.EXPIRED),
        ({"dealSize": "0"}, OrdStatus.UNKNOWN),
    ],
)
def test_the_state_of_a_queried_order(row: dict[str, Any], status: OrdStatus) -> None:
    full = {"id": "4", "clientOid": "mine", "symbol": "BTC-USDT", "side": "buy", "price": "1", "size": "0.3", **row}
    (found,) = session(Role.REST).answered(QUERY, answer(full), S)
    assert (found.ord_status, found.cl_ord_id, found.order_id) == (status, "mine", "4")


@pytest.mark.parametrize(
    "told",
    [
        answer(None, "429000", 429, "Too many requests. System-level rate limit exceeded."),
        answer(None, "429000", 200, "Too many requests. System-level rate limit exceeded."),
        answer(None, "200002", 200, "blocked"),
        answer(None, "200004", 500, "Balance insufficient!"),
        answer(None, "500000", 200, "Internal Server Error"),
        HttpAnswer(403, {}, b"<html>Error 1015</html>"),
        HttpAnswer(200, {}, b"<html>maintenance</html>"),
    ],
)
def test_a_new_order_that_nothing_is_known_of(told: HttpAnswer) -> None:
    """Throttles, firewalls, server errors and pages never prove that there is no order."""
    order = NewOrder(account=ME, instrument=BTC.id, cl_ord_id="a", side=Side.BUY, qty=Decimal(1), px=Decimal(1))
    found = [out for out in session(Role.REST).answered(order, told, S) if isinstance(out, OrderUpdate)]
    assert [one.ord_status for one in found] == [OrdStatus.UNKNOWN]


def test_a_cancel_that_found_nothing() -> None:
    cancel = CancelOrder(account=ME, instrument=BTC.id, cl_ord_id="a", order_id="4")
    told = answer(None, "400100", msg="order_not_exist_or_not_allow_to_cancel")
    (found,) = session(Role.REST).answered(cancel, told, S)
    assert (found.ord_status, found.reason, found.about_cancel) == (OrdStatus.UNKNOWN, RejectReason.UNKNOWN_ORDER, True)


def symbol(**more: Any) -> dict[str, Any]:
    row = {
        "symbol": "BTC-USDT",
        "baseCurrency": "BTC",
        "quoteCurrency": "USDT",
        "feeCurrency": "USDT",
        "market": "USDS",
    }
    row |= {"baseMinSize": "0.00001", "baseMaxSize": "10000000000", "baseIncrement": "0.00000001"}
    rules: dict[str, Any] = {
        "priceIncrement": "0.1",
        "minFunds": "0.1",
        "enableTrading": True,
        "tradingStartTime": None,
    }
    return row | rules | {"callauctionIsEnabled": False} | more


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({}, "trading"),
        ({"enableTrading": False}, "closed"),
        ({"callauctionIsEnabled": True}, "closed"),
        ({"tradingStartTime": 9_999_999_999_999}, "waits"),
        ({"feeCurrency": "KCS"}, "other fees"),
        ({"priceIncrement": "0"}, "trading"),
        ({"baseMinSize": "-1"}, "trading"),
    ],
)
def test_a_pair_is_tradable_only_with_a_continuous_book_and_sane_rules(more: dict[str, Any], status: str) -> None:
    rest = session(Role.REST)
    (found,) = rest.answered(Ask(kind=AskKind.CATALOGUE), answer([symbol(**more)]), S)
    assert isinstance(found, InstrumentUpdate)
    assert (found.instrument.status, found.instrument.tradable) == (status, more == {})
    assert found.instrument.fee_in_quote


def test_tokens_with_leverage_and_nameless_rows_are_left_out() -> None:
    told = answer([symbol(market="ETF"), symbol(symbol=""), symbol(baseCurrency=None)])
    assert list(session(Role.REST).answered(Ask(kind=AskKind.CATALOGUE), told, S)) == []


def test_an_absurd_row_makes_no_catalogue() -> None:
    """The whole answer is unreadable: nothing is delisted by it."""
    (found,) = session(Role.REST).answered(Ask(kind=AskKind.CATALOGUE), answer([symbol(priceIncrement="1e99")]), S)
    assert isinstance(found, NoAnswer)


@pytest.mark.parametrize(
    ("permission", "problem", "withdraw"),
    [("General, Spot", "", None), ("General", "may not trade spot", None), ("General, Spot, Transfer", "", True)],
)
def test_what_the_key_may_do(permission: str, problem: str, withdraw: bool | None) -> None:
    """Over two calls: the rights of the key, and the mode of the account. With ``Transfer`` money can leave."""
    rest = session(Role.REST)
    key = answer({"permission": permission, "ipWhitelist": "10.0.0.1", "apiKey": "k"})
    (page,) = rest.answered(Ask(kind=AskKind.ACCOUNT), key, S)
    (status,) = rest.answered(page, answer({"selfAccountMode": "CLASSIC"}), S)
    assert problem in status.problem
    assert bool(problem) == bool(status.problem)
    assert (status.withdraw, ", ".join(status.rights)) == (withdraw, permission)
