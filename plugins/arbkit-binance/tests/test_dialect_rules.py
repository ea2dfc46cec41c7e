"""The simulated Binance keeps the venue's rules: signatures, time windows, filters, limits, ids and reports."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import ccxt
import pytest
from arbkit_binance.dialect import BinanceDialect
from hypothesis import given, settings
from hypothesis import strategies as st

from arbkit.core.types import Side
from arbkit.sim.faults import Fault
from arbkit.sim.market import Divergence
from arbkit.sim.venue import Account
from arbkit.sim.wire import Answer, Close, Request, SimFrame
from arbkit.sim.world import World

T0 = 1_750_000_000_000_000_000
MS = 1_000_000
S = 1_000 * MS
# An example that the venue publishes: developers.binance.com/docs/binance-spot-api-docs/rest-api/request-security
DOC_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
DOC_SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"


class Client:
    """One client of a simulated Binance, in virtual time that stands still unless moved."""

    def __init__(self, faults: list[Fault] | None = None) -> None:
        self.world = World([BinanceDialect], seed=1, start_ns=T0, faults=faults or [], divergence=Divergence(noise=0))
        self.exchange = self.world.sites["binance"].exchange
        self.now_ns = T0
        main = self.exchange.accounts["main"]
        self.key, self.secret = main.key, main.secret
        self.ref = 0
        self.outs: list[Any] = []

    def raw(self, method: str, path: str, query: str = "", body: str = "", key: str | None = None) -> Any:
        self.ref += 1
        headers = {"x-mbx-apikey": self.key if key is None else key}
        self.world.http("binance", Request(method, path, query, headers, body.encode()), self.ref, self.now_ns)
        self.outs = self.world.drain()
        for out in self.outs:
            if isinstance(out, Answer) and out.ref == self.ref:
                return out.reply
        raise AssertionError("no answer")

    def signed(self, method: str, path: str, **params: Any) -> tuple[int, Any]:
        query = urlencode({"timestamp": self.now_ns // MS, **params})
        signature = hmac.new(self.secret.encode(), query.encode(), "sha256").hexdigest()
        reply = self.raw(method, path, f"{query}&signature={signature}")
        return reply.status, json.loads(reply.body)

    def order(self, **params: Any) -> tuple[int, Any]:
        base = {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": "0.01",
            "price": "60000",
        }
        merged = {name: value for name, value in (base | params).items() if value is not None}
        return self.signed("POST", "/api/v3/order", **merged)

    def api(self) -> int:
        return self.world.connect("binance", "/ws-api/v3", {}, self.now_ns)[0]

    def call(self, conn: int, method: str, sign: bool = True, **params: Any) -> list[Any]:
        """Send a WS API request; all frames that come at once on this connection."""
        if sign:
            params |= {"apiKey": self.key, "timestamp": self.now_ns // MS}
            payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
            params["signature"] = hmac.new(self.secret.encode(), payload.encode(), "sha256").hexdigest()
        self.world.frame(conn, json.dumps({"id": "r1", "method": method, "params": params}), self.now_ns)
        return [json.loads(o.text) for o in self.world.drain() if isinstance(o, SimFrame) and o.conn == conn]

    def place(self, conn: int, **params: Any) -> list[Any]:
        ask = Decimal(self.exchange.books["BTC-USDT"].top()[2]) / 100
        base = {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "IOC",
            "quantity": "0.01",
            "price": str(ask + 5),
        }
        return self.call(conn, "order.place", **(base | params))


def test_documented_signatures_are_accepted(ccxt_client: Any) -> None:
    """The vectors of the venue's page (request-security) and what ccxt signs pass; a changed byte does not."""
    client = Client()
    client.exchange.open(Account("doc", key=DOC_KEY, secret=DOC_SECRET))
    payload = (
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
    )
    good = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
    client.now_ns = 1499827319559 * MS

    def code(query: str, body: str = "", of: str = DOC_KEY) -> int:
        return int(json.loads(client.raw("POST", "/api/v3/order", query, body, of).body)["code"])

    assert code(f"{payload}&signature={good}") == -1121  # past the signature: no such symbol here
    assert code("", f"{payload}&signature={good}") == -1121
    cut = payload.index("&quantity")  # query and body are joined without a separator
    joined = hmac.new(DOC_SECRET.encode(), (payload[:cut] + payload[cut + 1 :]).encode(), "sha256").hexdigest()
    assert code(payload[:cut], f"{payload[cut + 1 :]}&signature={joined}") == -1121
    assert code(f"{payload}&signature={good[:-1]}0") == -1022
    assert code(f"signature={good}&{payload}") == -1022  # the signature comes last
    assert code(f"{payload}&signature={good}", of="nobody") == -2015
    assert code(f"{payload}&signature={good}", of="") == -2014

    client.exchange.open(Account("ccxt", key="ccxt-key", secret="ccxt-secret"))
    client.now_ns = T0
    keys = {"apiKey": "ccxt-key", "secret": "ccxt-secret"}
    query = ccxt_client(ccxt.binance(keys), "BTCUSDT", T0 // MS).request("fetch_balance").url.partition("?")[2]
    assert client.raw("GET", "/api/v3/account", query, key="ccxt-key").status == 200
    assert client.raw("GET", "/api/v3/account", f"a=1&{query}", key="ccxt-key").status == 400


def test_ws_signature_sorts_the_parameters() -> None:
    """The WS API's documented vector: sorted names, raw text, in whatever order they are sent."""
    client = Client()
    client.exchange.open(Account("doc", key=DOC_KEY, secret=DOC_SECRET))
    client.now_ns = 1645423376532 * MS
    conn = client.api()
    params = {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01000000",
        "price": "52000.00",
        "recvWindow": 100,
        "timestamp": 1645423376532,
        "apiKey": DOC_KEY,
        "signature": "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24",
    }
    (reply,) = client.call(conn, "order.place", sign=False, **params)
    assert reply["error"]["code"] == -2010  # signature accepted: that account is empty
    (reply,) = client.call(conn, "order.place", sign=False, **(params | {"quantity": "0.02"}))
    assert (reply["status"], reply["error"]["code"]) == (400, -1022)


@pytest.mark.parametrize(
    ("ahead_ms", "window", "code"),
    [(0, 5000, 0), (999, 5000, 0), (1000, 5000, -1021), (-5000, 5000, 0), (-5001, 5000, -1021), (0, 60_001, -1131)],
)
def test_time_window(ahead_ms: int, window: int, code: int) -> None:
    """Less than 1 s ahead and at most recvWindow behind the venue's clock."""
    client = Client()
    stamp = client.now_ns // MS + ahead_ms
    _, body = client.signed("GET", "/api/v3/account", timestamp=stamp, recvWindow=window)
    assert body.get("code", 0) == code


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"price": "60000.001"}, -1013, "PRICE_FILTER"),
        ({"quantity": "0.010001"}, -1013, "LOT_SIZE"),
        ({"quantity": "0.000001"}, -1013, "LOT_SIZE"),
        ({"quantity": "0.00001"}, -1013, "NOTIONAL"),
        ({"quantity": "0.000010001"}, -1111, "too much precision"),
        ({"quantity": "1e-2"}, -1100, "Illegal characters"),
        ({"quantity": "100"}, -2010, "insufficient balance"),
        ({"timeInForce": None}, -1102, "timeInForce"),
        ({"timeInForce": "GTX"}, -1115, "timeInForce"),
        ({"type": "LIMIT_MAKER"}, -1106, "timeInForce"),
        ({"type": "LIMIT_MAKER", "timeInForce": None, "price": "63000"}, -2010, "immediately match"),
        ({"type": "MARKET", "timeInForce": None}, -1106, "price"),
        ({"symbol": "NOPE"}, -1121, "Invalid symbol"),
        ({"side": "HOLD"}, -1117, "side"),
        ({"newClientOrderId": "has.dot"}, -1100, "newClientOrderId"),
        ({"newClientOrderId": "x" * 37}, -1100, "newClientOrderId"),
    ],
)
def test_order_rules(change: Mapping[str, Any], code: int, said: str) -> None:
    """Each broken rule is refused with its own code, and no order is born."""
    client = Client()
    status, body = client.order(**change)
    assert (status, body["code"]) == (400, code)
    assert said in body["msg"]
    assert not client.exchange.orders


def test_client_ids_are_unique_among_open_orders_only() -> None:
    """A second order with an open one's id is a duplicate; once that has ended the id is free again."""
    client = Client()
    assert client.order(newClientOrderId="a")[0] == 200
    assert client.order(newClientOrderId="a")[1] == {"code": -2010, "msg": "Duplicate order sent."}
    assert client.signed("DELETE", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="a")[1]["status"] == "CANCELED"
    first = client.order(newClientOrderId="a", price="63000", timeInForce="IOC")[1]
    second = client.order(newClientOrderId="a", price="63000", timeInForce="IOC")[1]
    assert first["status"] == second["status"] == "FILLED"
    newest = client.signed("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="a")[1]
    assert newest["orderId"] == second["orderId"]
    assert client.signed("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="b")[1]["code"] == -2013
    assert client.signed("DELETE", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="a")[1]["code"] == -2011
    assert client.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")[1]["code"] == -2011


def test_weights_429_and_418() -> None:
    """Weight is counted in headers; over 6000 a minute comes 429, and insisting gets a ban."""
    client = Client()
    assert client.raw("GET", "/api/v3/depth", "symbol=BTCUSDT&limit=5000").headers["x-mbx-used-weight-1m"] == "250"
    statuses = [client.raw("GET", "/api/v3/depth", "symbol=BTCUSDT&limit=5000").status for _ in range(60)]
    assert statuses[:23] == [200] * 23
    assert 429 in statuses
    assert statuses[-1] == 418
    reply = client.raw("GET", "/api/v3/ping")
    assert (reply.status, json.loads(reply.body)["code"], int(reply.headers["retry-after"])) == (418, -1003, 120)
    client.now_ns += 121 * S
    assert client.raw("GET", "/api/v3/ping").status == 200


def test_unfilled_orders_are_limited() -> None:
    """100 unfilled orders in 10 s; orders that fill give their count back; writes that succeed cost no weight."""
    client = Client()
    for _ in range(3):
        client.order(price="63000", timeInForce="IOC", quantity="0.001")
    for _ in range(100):
        assert client.order(quantity="0.0001")[0] == 200
    status, body = client.order(quantity="0.0001")
    assert (status, body["code"]) == (429, -1015)
    assert client.raw("GET", "/api/v3/time").headers["x-mbx-used-weight"] == "2"  # the refused order, and this
    assert client.signed("GET", "/api/v3/rateLimit/order")[1][0]["count"] == 100


def test_user_stream_of_one_order() -> None:
    """Reply first, then NEW, TRADE and balances; on a cancel ``c`` is the cancel's id and ``C`` the order's."""
    client = Client()
    conn = client.api()
    assert client.call(conn, "userDataStream.subscribe.signature")[0]["result"] == {"subscriptionId": 0}
    ack, *events = client.place(conn, newClientOrderId="take")
    assert ack["result"]["status"] == "FILLED"
    reports = [e["event"] for e in events if e["event"]["e"] == "executionReport"]
    assert [r["x"] for r in reports] == ["NEW"] + ["TRADE"] * len(ack["result"]["fills"])
    assert reports[-1]["X"] == "FILLED"
    assert reports[-1]["z"] == "0.01000000"
    assert sum(Decimal(r["l"]) for r in reports) == Decimal("0.01")
    assert [f["tradeId"] for f in ack["result"]["fills"]] == [r["t"] for r in reports[1:]]
    position = events[-1]["event"]
    assert position["e"] == "outboundAccountPosition"
    free = {row["a"]: Decimal(row["f"]) for row in position["B"]}
    fee = sum(Decimal(f["commission"]) for f in ack["result"]["fills"])
    assert free["BTC"] == Decimal(3) + Decimal("0.01") - fee
    client.place(conn, newClientOrderId="rest", timeInForce="GTC", price="50000")
    _, *events = client.call(conn, "order.cancel", symbol="BTCUSDT", origClientOrderId="rest", newClientOrderId="stop")
    report = events[0]["event"]
    assert (report["x"], report["c"], report["C"]) == ("CANCELED", "stop", "rest")
    _, *events = client.place(conn, price="50000", newClientOrderId="ioc")
    assert [e["event"].get("x") for e in events[:2]] == ["NEW", "EXPIRED"]
    assert events[1]["event"]["eR"] == "INSUFFICIENT_LIQUIDITY"


@pytest.mark.parametrize("cut", [False, True])
def test_a_lost_ack_leaves_exactly_one_order(cut: bool) -> None:
    """The order is accepted; the reply never comes, and with ``cut`` the socket and its events are gone too."""
    client = Client([Fault(kind="lose_ack", cut=cut)])
    conn = client.api()
    client.call(conn, "userDataStream.subscribe.signature")
    frames = client.place(conn, newClientOrderId="once")
    assert [o.cl_ord_id for o in client.exchange.orders.values()] == ["once"]
    assert not any("id" in frame for frame in frames)
    assert bool(frames) is not cut  # the user stream told, unless it died too
    assert (conn in client.world.sites["binance"].conns) is not cut
    assert client.world.faults()["counts"] == {"lose_ack": 1}


def test_an_answer_of_too_many_requests_may_come_after_the_order() -> None:
    """``overrun``: the answer is 429 with -1003, and the order is there."""
    client = Client([Fault(kind="overrun")])
    reply, *_ = client.place(client.api(), timeInForce="GTC", price="50000")
    assert (reply["status"], reply["error"]["code"]) == (429, -1003)
    assert len(client.exchange.open_orders("main")) == 1


def test_a_lost_request_leaves_no_order_and_rest_answers_are_cut() -> None:
    """``lose_request``: nothing arrived, nobody answers. ``lose_ack`` over REST: an order, and no reply."""
    client = Client([Fault(kind="lose_request"), Fault(kind="lose_ack")])
    conn = client.api()
    assert client.place(conn) == []
    assert not client.exchange.orders
    query = urlencode({"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01", "timestamp": T0 // MS})
    signature = hmac.new(client.secret.encode(), query.encode(), "sha256").hexdigest()
    assert client.raw("POST", "/api/v3/order", f"{query}&signature={signature}") is None
    assert len(client.exchange.orders) == 1


def test_stream_control_and_keep_alive() -> None:
    """Subscriptions answer first and list; unknown symbols give no data; more than 5 messages a second disconnect."""
    client = Client()
    conn = client.world.connect("binance", "/stream", {}, T0)[0]

    def say(**message: Any) -> list[Any]:
        client.now_ns += 300 * MS
        client.world.frame(conn, json.dumps(message), client.now_ns)
        return [json.loads(o.text) for o in client.world.drain() if isinstance(o, SimFrame)]

    names = ["btcusdt@depth@100ms", "nopeusdt@depth", "ethusdt@depth5@100ms"]
    assert say(method="SUBSCRIBE", params=names, id=1) == [{"result": None, "id": 1}]
    assert say(method="LIST_SUBSCRIPTIONS", id="two") == [{"result": names, "id": "two"}]
    assert say(method="DANCE", id=3)[0]["error"]["code"] == 2
    assert say(method="SUBSCRIBE", params=["x" * 4_090], id=4) == []  # too long: not answered, not even refused
    client.now_ns += 1
    client.world.frame(conn, "not json", client.now_ns)
    client.world.drain()
    outs = []
    while client.world.due_ns < T0 + 21 * S:
        client.world.tick(client.world.due_ns)
        outs += client.world.drain()
    seen = {json.loads(o.text)["stream"] for o in outs if isinstance(o, SimFrame)}
    assert seen == {"btcusdt@depth@100ms", "ethusdt@depth5@100ms"}
    assert any(type(o).__name__ == "Ping" for o in outs)
    client.now_ns = T0 + 22 * S
    for i in range(6):
        client.world.frame(conn, json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": i}), client.now_ns)
    assert Close(conn, 1008, "Too many requests") in client.world.drain()


def test_asset_status_and_account() -> None:
    """Deposit and withdrawal state by asset, own rates, and balances without the empty ones."""
    client = Client()
    client.exchange.immovable["BTC"] = (False, True)
    coins = {c["coin"]: c for c in client.signed("GET", "/sapi/v1/capital/config/getall")[1]}
    assert (coins["BTC"]["depositAllEnable"], coins["BTC"]["withdrawAllEnable"]) == (False, True)
    assert coins["USDT"]["depositAllEnable"]
    account = client.signed("GET", "/api/v3/account", omitZeroBalances="true")[1]
    assert {b["asset"]: b["free"] for b in account["balances"]}["USDT"] == "200000.00000000"
    own = client.signed("GET", "/api/v3/account/commission", symbol="BTCUSDT")[1]
    assert own["standardCommission"]["taker"] == "0.00100000"
    assert client.raw("POST", "/api/v3/userDataStream").status == 410
    conn = client.api()
    assert client.call(conn, "session.logon")[0]["error"]["code"] == -4056
    assert client.call(conn, "time", sign=False)[0]["result"] == {"serverTime": T0 // MS}


def test_what_a_key_may_do() -> None:
    """Wallet docs, "Get API Key Permission": the permissions of a key, and -2015 or -2010 for an order without them."""
    client = Client()
    settings = client.exchange.accounts["main"].settings
    path = "/sapi/v1/account/apiRestrictions"
    rights = client.signed("GET", path)[1]
    assert (rights["enableSpotAndMarginTrading"], rights["enableWithdrawals"], rights["ipRestrict"]) == (
        True,
        False,
        False,
    )
    settings["enableSpotAndMarginTrading"] = False
    assert client.signed("GET", path)[1]["enableSpotAndMarginTrading"] is False
    status, body = client.order()
    assert (status, body["code"]) == (401, -2015)
    settings.clear()
    settings["canTrade"] = False
    assert client.signed("GET", "/api/v3/account")[1]["canTrade"] is False
    assert client.order()[1] == {"code": -2010, "msg": "This action is disabled on this account."}


def test_trade_fees_of_one_symbol_or_all() -> None:
    """Wallet docs, "Trade Fee": one row a symbol."""
    client = Client()
    row = {"symbol": "BTCUSDT", "makerCommission": "0.001", "takerCommission": "0.001"}
    assert client.signed("GET", "/sapi/v1/asset/tradeFee", symbol="BTCUSDT") == (200, [row])
    assert {one["symbol"] for one in client.signed("GET", "/sapi/v1/asset/tradeFee")[1]} == {"BTCUSDT", "ETHUSDT"}


def test_aggregate_trades_add_up_to_the_trades() -> None:
    """aggTrade: one event for the matches of one order at one price, with the ids of its first and last trade."""
    client = Client()
    exchange = client.exchange
    conn, _ = client.world.connect("binance", "/stream?streams=btcusdt@trade/btcusdt@aggTrade", {}, T0)
    _, _, ticks, lots = exchange.books["BTC-USDT"].top()
    ask, quantity = Decimal(ticks) / 100, lots * Decimal("0.00001") + Decimal("0.03")
    exchange.open(Account("other"), [("BTC", Decimal(1))])
    for _ in range(2):  # three makers at the best price
        exchange.place("other", "BTC-USDT", Side.SELL, px=ask, qty=Decimal("0.01"), now_ns=T0)
    client.order(timeInForce="IOC", quantity=str(quantity), price=str(ask + 500))
    events = [json.loads(out.text)["data"] for out in client.outs if isinstance(out, SimFrame) and out.conn == conn]
    trades = [event for event in events if event["e"] == "trade"]
    sums = [event for event in events if event["e"] == "aggTrade"]
    assert len(trades) > len(sums) > 1
    for one in sums:
        mine = [event for event in trades if one["f"] <= event["t"] <= one["l"]]
        assert {(event["p"], event["m"], event["T"]) for event in mine} == {(one["p"], one["m"], one["T"])}
        assert sum(Decimal(event["q"]) for event in mine) == Decimal(one["q"])
    assert sum(Decimal(one["q"]) for one in sums) == quantity


def test_halts_have_the_venues_words() -> None:
    """enums.md, "Symbol status": BREAK, END_OF_DAY and CANCEL_ONLY beside HALT."""
    client = Client()
    client.exchange.halted |= {"BTC-USDT": "BREAK", "ETH-USDT": "maintenance"}
    info = json.loads(client.raw("GET", "/api/v3/exchangeInfo").body)
    assert {row["symbol"]: row["status"] for row in info["symbols"]} == {"BTCUSDT": "BREAK", "ETHUSDT": "HALT"}


def test_prices_out_of_the_band() -> None:
    """filters.md, PERCENT_PRICE_BY_SIDE: -1013 outside the multiples of the average price; order/test says it too."""
    client = Client()
    info = json.loads(client.raw("GET", "/api/v3/exchangeInfo", "symbol=BTCUSDT").body)["symbols"][0]
    (band,) = [row for row in info["filters"] if row["filterType"] == "PERCENT_PRICE_BY_SIDE"]
    bid, _, ask, _ = client.exchange.books["BTC-USDT"].top()
    middle = Decimal((bid + ask) // 2) / 100
    cents = Decimal("0.01")
    for side, bound, outside in (
        ("BUY", "bidMultiplierUp", cents),
        ("BUY", "bidMultiplierDown", -cents),
        ("SELL", "askMultiplierUp", cents),
        ("SELL", "askMultiplierDown", -cents),
    ):
        edge = (middle * Decimal(band[bound])).quantize(cents)
        for price, code in ((edge + outside * 2, -1013), (edge - outside * 2, 0)):
            for path in ("order/test", "order"):
                order = {"symbol": "BTCUSDT", "side": side, "type": "LIMIT", "timeInForce": "IOC", "quantity": "0.001"}
                _, body = client.signed("POST", f"/api/v3/{path}", **order, price=str(price))
                assert body.get("code", 0) == code
                assert code == 0 or body["msg"] == "Filter failure: PERCENT_PRICE_BY_SIDE"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"clientOid": "7"}, -1104),
        ({"newClientOrderId": ""}, -1105),
        ({"symbol": "btcusdt"}, -1100),
        ({"quantity": "0.010001"}, -1013),
    ],
)
def test_parameters_are_read_or_refused(change: Mapping[str, str], code: int) -> None:
    """errors.md: -1104 for a parameter that the call does not have, -1105 for an empty one, -1100 for small letters.
    order/test checks what order checks, and places nothing."""
    client = Client()
    order = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01",
        "price": "60000",
    }
    assert client.signed("POST", "/api/v3/order/test", **order) == (200, {})
    for path in ("order", "order/test"):
        assert client.signed("POST", f"/api/v3/{path}", **(order | change))[1]["code"] == code
    assert not client.exchange.orders


def test_a_parameter_sent_twice_is_refused() -> None:
    """errors.md, -1101: duplicate values for a parameter."""
    reply = Client().raw("GET", "/api/v3/depth", "symbol=BTCUSDT&symbol=ETHUSDT")
    assert (reply.status, json.loads(reply.body)["code"]) == (400, -1101)


def test_a_cancel_names_one_order() -> None:
    """trading-endpoints.md: with both ids a cancel is refused unless they are of the same order."""
    client = Client()
    first = client.order(newClientOrderId="a")[1]["orderId"]
    second = client.order(newClientOrderId="b")[1]["orderId"]
    cancel = {"symbol": "BTCUSDT", "orderId": first}
    assert client.signed("DELETE", "/api/v3/order", **cancel, origClientOrderId="b")[1]["code"] == -2011
    assert client.signed("DELETE", "/api/v3/order", **cancel, origClientOrderId="a")[1]["status"] == "CANCELED"
    assert [order.id for order in client.exchange.open_orders("main")] == [second]


def test_streams_that_are_not_served_are_refused() -> None:
    """An unknown stream is refused in the live form of errors, never accepted and silent; the others go on."""
    client = Client()
    conn = client.world.connect("binance", "/stream", {}, T0)[0]
    text = {"method": "SUBSCRIBE", "params": ["btcusdt@trade", "btcusdt@blockTrade"], "id": 7}
    client.world.frame(conn, json.dumps(text), T0)
    (out,) = [out for out in client.world.drain() if isinstance(out, SimFrame)]
    reply = json.loads(out.text)
    assert (reply["id"], reply["error"]["code"]) == (7, 2)
    assert "blockTrade" in reply["error"]["msg"]
    client.world.frame(conn, '{"method":"LIST_SUBSCRIPTIONS","id":8}', T0)
    assert json.loads(client.world.drain()[0].text)["result"] == []  # type: ignore[union-attr]  # a frame
    refused = client.world.connect("binance", "/ws/btcusdt@blockTrade", {}, T0)[1]
    assert refused is not None
    assert refused.status == 400


def test_one_user_stream_an_account() -> None:
    """errors.md: -2035 for a second subscription of the account, -2036 to end one that is not there."""
    client = Client()
    conn = client.api()
    assert client.call(conn, "userDataStream.unsubscribe", sign=False)[0]["error"]["code"] == -2036
    assert client.call(conn, "userDataStream.subscribe.signature")[0]["status"] == 200
    assert client.call(conn, "userDataStream.subscribe.signature")[0]["error"]["code"] == -2035
    assert client.call(conn, "userDataStream.unsubscribe", sign=False)[0]["result"] == {}


def test_what_replies_say() -> None:
    """rest-api.md: LIMIT_MAKER is answered with ACK, the others with FULL; an order that expired has its reason; the
    symbol's own self-trade prevention; replies of the WS API count both limits."""
    client = Client()
    ack = client.order(type="LIMIT_MAKER", timeInForce=None)[1]
    assert set(ack) == {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
    for kind, has in (("RESULT", False), ("FULL", True)):
        reply = client.order(newOrderRespType=kind, timeInForce="IOC")[1]
        assert (reply["status"], reply["expiryReason"], "fills" in reply) == ("EXPIRED", "INSUFFICIENT_LIQUIDITY", has)
    query = client.signed("GET", "/api/v3/order", symbol="BTCUSDT", orderId=reply["orderId"])[1]
    assert query["expiryReason"] == "INSUFFICIENT_LIQUIDITY"
    conn = client.api()
    (placed, *_) = client.place(conn)
    assert [row["rateLimitType"] for row in placed["rateLimits"]] == ["ORDERS", "ORDERS", "REQUEST_WEIGHT"]
    assert "expiryReason" not in placed["result"]
    assert "rateLimits" not in client.call(conn, "time", sign=False, returnRateLimits="false")[0]


def test_commission_of_an_order() -> None:
    """order/test with computeCommissionRates: the rates of that order, as account/commission has them."""
    client = Client()
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01", "computeCommissionRates": "true"}
    rates = client.signed("POST", "/api/v3/order/test", **order)[1]
    assert rates["standardCommissionForOrder"] == {"maker": "0.00100000", "taker": "0.00100000"}


def test_fees_in_bnb() -> None:
    """Fees: three quarters, in BNB, while the account has BNB."""
    client = Client()
    main = client.exchange.accounts["main"]
    main.fee_asset = "ETH"  # in the place of BNB, which has no book here
    order = {"type": "MARKET", "price": None, "timeInForce": None}
    (fill, *more) = client.order(**order)[1]["fills"]
    assert {row["commissionAsset"] for row in (fill, *more)} == {"ETH"}
    btc, eth = (Decimal(client.exchange.books[name].top()[0]) / 100 for name in ("BTC-USDT", "ETH-USDT"))
    paid = sum(Decimal(row["commission"]) for row in (fill, *more))
    assert abs(paid / (Decimal("0.0000075") * btc / eth) - 1) < Decimal("0.001")
    assert client.world.ledger()["binance"]["conserved"]


def test_tickers_and_recent_trades() -> None:
    """ticker and miniTicker: the prices and volume of the trades; trades and aggTrades: the trades of the streams."""
    client = Client()
    names = "btcusdt@trade/btcusdt@ticker/btcusdt@miniTicker"
    client.world.connect("binance", f"/stream?streams={names}", {}, T0)
    events: dict[str, list[Any]] = {"trade": [], "24hrTicker": [], "24hrMiniTicker": []}
    while client.world.due_ns <= T0 + 30 * S:
        client.world.tick(client.world.due_ns)
        for out in client.world.drain():
            if isinstance(out, SimFrame):
                event = json.loads(out.text)["data"]
                events[event["e"]].append(event)
    trades, prices = events["trade"], [Decimal(event["p"]) for event in events["trade"]]
    for kind in ("24hrTicker", "24hrMiniTicker"):
        last = events[kind][-1]
        assert (Decimal(last["c"]), Decimal(last["h"]), Decimal(last["l"])) == (prices[-1], max(prices), min(prices))
        assert Decimal(last["v"]) == sum(Decimal(event["q"]) for event in trades)
    recent = json.loads(client.raw("GET", "/api/v3/trades", "symbol=BTCUSDT&limit=9").body)
    assert [row["id"] for row in recent] == [event["t"] for event in trades][-9:]
    sums = json.loads(client.raw("GET", "/api/v3/aggTrades", "symbol=BTCUSDT&limit=1000").body)
    assert sum(Decimal(row["q"]) for row in sums) == sum(Decimal(event["q"]) for event in trades)


def test_an_ed25519_key_signs_and_logs_on() -> None:
    """request-security.md and session-authentication.md: REST and WS requests signed with Ed25519; after session.logon
    neither key nor signature; the user stream without a signature; logout ends it."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    client = Client()
    where = client.world.second_key("binance")
    private = load_pem_private_key(str(where["ed25519_pem"]).encode(), None)
    key, stamp = str(where["ed25519_key"]), client.now_ns // MS

    def sign(payload: str) -> str:
        return base64.b64encode(private.sign(payload.encode())).decode()  # type: ignore[union-attr, call-arg]  # Ed25519

    query = f"timestamp={stamp}"
    good = urlencode({"timestamp": stamp, "signature": sign(query)})
    assert client.raw("GET", "/api/v3/account", good, key=key).status == 200
    bad = urlencode({"timestamp": stamp, "signature": sign(query + "0")})
    assert json.loads(client.raw("GET", "/api/v3/account", bad, key=key).body)["code"] == -1022
    conn = client.api()
    assert client.call(conn, "account.status", sign=False, timestamp=stamp)[0]["error"]["code"] == -2014
    logon = {"apiKey": key, "timestamp": stamp, "signature": sign(f"apiKey={key}&timestamp={stamp}")}
    wrong = logon | {"signature": sign("x")}
    assert client.call(conn, "session.logon", sign=False, **wrong)[0]["error"]["code"] == -1022
    status = client.call(conn, "session.logon", sign=False, **logon)[0]["result"]
    assert (status["apiKey"], status["authorizedSince"]) == (key, stamp)
    assert client.call(conn, "userDataStream.subscribe", sign=False)[0]["result"] == {"subscriptionId": 0}
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
    reply, *events = client.call(conn, "order.place", sign=False, timestamp=stamp, **order)
    assert reply["result"]["status"] == "FILLED"
    assert events
    late = client.call(conn, "order.place", sign=False, timestamp=stamp - 6000, **order)
    assert late[0]["error"]["code"] == -1021
    assert client.call(conn, "session.logout", sign=False)[0]["result"]["apiKey"] is None
    assert client.call(conn, "account.status", sign=False, timestamp=stamp)[0]["error"]["code"] == -2014


_words = st.sampled_from(
    ["order.place", "depth", "SUBSCRIBE", "UNSUBSCRIBE", "SET_PROPERTY", "userDataStream.unsubscribe", "session.x", ""]
)
_json = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=8) | _words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_message = st.fixed_dictionaries({}, optional={"id": _json, "method": _words | _json, "params": _json}) | _json


@given(st.lists(_message, max_size=8), st.text(max_size=30), st.binary(max_size=30))
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_nonsense_is_answered_and_never_crashes(messages: list[Any], query: str, body: bytes) -> None:
    """Whatever a client sends, the venue answers with an error of its own or stays silent."""
    client = Client()
    api, stream = client.api(), client.world.connect("binance", "/ws", {}, T0)[0]
    for message in messages:
        for conn in (api, stream):
            client.now_ns += S
            client.world.frame(conn, json.dumps(message), client.now_ns)
    for path in ("/api/v3/order", "/api/v3/depth", "/nothing"):
        for extra in ("", "&symbol=BTCUSDT&limit=9&timestamp=NaN&recvWindow=NaN&signature=x"):
            headers = {"x-mbx-apikey": client.key}
            client.world.http("binance", Request("POST", path, query + extra, headers, body), 1, client.now_ns)
            client.world.http("binance", Request("GET", path, query + extra, headers, body), 1, client.now_ns)
    for out in client.world.drain():
        assert not isinstance(out, Answer) or (out.reply is not None and json.loads(out.reply.body) is not None)


def test_connection_attempts_are_limited() -> None:
    """300 attempts in 5 minutes from one address, accepted or not; then 429 at the handshake."""
    client = Client()
    replies = [client.world.connect("binance", "/ws", {}, T0)[1] for _ in range(301)]
    assert replies[:300] == [None] * 300
    assert replies[300] is not None
    assert replies[300].status == 429


def test_candles_are_those_of_the_trades() -> None:
    """klines and the kline stream tell what the trade stream told: first, highest, lowest and last price and the sums
    of each minute; a closed candle is told once as closed. Other intervals are refused (-1120)."""
    client = Client()
    streams = "btcusdt@trade/btcusdt@kline_1m"
    conn, refused = client.world.connect("binance", f"/stream?streams={streams}", {}, client.now_ns)
    assert refused is None
    heard: dict[str, list[Any]] = {name: [] for name in streams.split("/")}
    while client.now_ns < T0 + 90 * S:
        client.now_ns = client.world.due_ns
        client.world.tick(client.now_ns)
        for out in client.world.drain():
            if isinstance(out, SimFrame) and out.conn == conn:
                frame = json.loads(out.text)
                heard[frame["stream"]].append(frame["data"])
    minutes: dict[int, list[Any]] = {}
    for trade in heard["btcusdt@trade"]:
        minutes.setdefault(trade["T"] // 60_000 * 60_000, []).append(trade)
    assert len(minutes) == 3
    wanted = []
    for start, trades in minutes.items():
        prices, sizes = [Decimal(t["p"]) for t in trades], [Decimal(t["q"]) for t in trades]
        bought = sum(Decimal(t["q"]) for t in trades if not t["m"])
        value = sum(px * size for px, size in zip(prices, sizes, strict=True))
        ends = prices[0], max(prices), min(prices), prices[-1]
        wanted.append((start, *ends, sum(sizes), start + 59_999, value, len(trades), bought))
    rows = json.loads(client.raw("GET", "/api/v3/klines", "symbol=BTCUSDT&interval=1m").body)
    assert [(r[0], *map(Decimal, r[1:6]), r[6], Decimal(r[7]), r[8], Decimal(r[9])) for r in rows] == wanted
    assert (
        json.loads(
            client.raw("GET", "/api/v3/klines", f"symbol=BTCUSDT&interval=1m&startTime={T0 // MS + 1}&limit=1").body
        )
        == rows[1:2]
    )
    whole = json.loads(client.raw("GET", "/api/v3/klines", "symbol=BTCUSDT&interval=1d").body)
    assert [Decimal(row[5]) for row in whole] == [sum(row[5] for row in wanted)]
    told = [event["k"] for event in heard["btcusdt@kline_1m"]]
    closed = [
        (k["t"], Decimal(k["o"]), Decimal(k["h"]), Decimal(k["l"]), Decimal(k["c"]), Decimal(k["v"]))
        for k in told
        if k["x"]
    ]
    assert closed == [row[:6] for row in wanted[:-1]]
    assert json.loads(client.raw("GET", "/api/v3/klines", "symbol=BTCUSDT&interval=7m").body)["code"] == -1120
