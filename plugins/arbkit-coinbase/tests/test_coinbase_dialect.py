"""The simulated Coinbase keeps the venue's rules: tokens, refusals, rows, numbers of messages, limits."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from arbkit_coinbase.dialect import CoinbaseDialect
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from arbkit.core.types import Side
from arbkit.core.venues.signer import LocalSigner
from arbkit.sim.faults import Fault
from arbkit.sim.market import MAKER, Divergence
from arbkit.sim.venue import DELISTED
from arbkit.sim.wire import Answer, Close, Request, SimFrame
from arbkit.sim.world import World

T0 = 1_750_000_000_000_000_000
S = 1_000_000_000
V3 = "/api/v3/brokerage/"
IOC = "sor_limit_ioc"
GTC = "limit_limit_gtc"


def encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


class Client:
    """One client of a simulated Coinbase, in virtual time that stands still unless moved."""

    def __init__(self, faults: list[Fault] | None = None) -> None:
        self.world = World([CoinbaseDialect], seed=1, start_ns=T0, faults=faults or [], divergence=Divergence(noise=0))
        self.exchange = self.world.sites["coinbase"].exchange
        self.now_ns = T0
        self.main = self.exchange.accounts["main"]
        self.ref = 0

    def token(self, uri: str = "", head: Mapping[str, Any] | None = None, **claims: Any) -> str:
        """A token as the pages describe it, with other claims where a test wants them."""
        now, key = self.now_ns // S, self.main.key
        header = {"alg": "ES256", "kid": key, "nonce": "6e6f", "typ": "JWT"} | dict(head or {})
        said: dict[str, Any] = {"iss": "cdp", "sub": key, "nbf": now, "exp": now + 120}
        said |= ({"uri": uri} if uri else {}) | claims
        text = ".".join(encoded(json.dumps(one).encode()) for one in (header, said))
        return f"{text}.{encoded(LocalSigner(key, self.main.secret).ecdsa(text.encode()))}"

    def raw(self, request: Request) -> Any:
        self.ref += 1
        self.world.http("coinbase", request, self.ref, self.now_ns)
        for out in self.world.drain():
            if isinstance(out, Answer) and out.ref == self.ref:
                return out.reply
        raise AssertionError("no answer")

    def call(self, method: str, path: str, query: Any = (), body: Any = None, token: str | None = None) -> Any:
        path = path if path.startswith("/") else V3 + path
        token = self.token(f"{method} api.coinbase.com{path}") if token is None else token
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return self.raw(Request(method, path, urlencode(query), headers, json.dumps(body).encode() if body else b""))

    def get(self, path: str, *query: tuple[str, str]) -> Any:
        reply = self.call("GET", path, query)
        assert reply.status == 200, reply
        return json.loads(reply.body)

    def order(self, kind: str = GTC, side: str = "BUY", cl: str = "", **values: Any) -> Any:
        self.ref += 1
        values = {"base_size": "0.01", "limit_price": "60000", **values}
        body = {"client_order_id": cl or f"c{self.ref}", "product_id": "BTC-USDT", "side": side}
        return json.loads(self.call("POST", "orders", (), body | {"order_configuration": {kind: values}}).body)

    def placed(self, kind: str = GTC, side: str = "BUY", **values: Any) -> str:
        answer = self.order(kind, side, **values)
        assert answer["success"], answer
        order_id: str = answer["success_response"]["order_id"]
        return order_id

    def cancel(self, *ids: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(
            self.call("POST", "orders/batch_cancel", (), {"order_ids": list(ids)}).body
        )["results"]
        return rows

    def connect(self, path: str = "market") -> int:
        conn, refused = self.world.connect("coinbase", f"/ws/{path}", {}, self.now_ns)
        assert refused is None
        return conn

    def say(self, conn: int, channel: str, *products: str, op: str = "subscribe", **more: Any) -> list[Any]:
        message: dict[str, Any] = {"type": op, "channel": channel, **more}
        return self.text(conn, json.dumps(message | ({"product_ids": products} if products else {})))

    def text(self, conn: int, text: str) -> list[Any]:
        """Send a frame; what comes at once on that connection."""
        self.world.frame(conn, text, self.now_ns)
        return self.read(conn, self.world.drain())

    def read(self, conn: int, outs: Any) -> list[Any]:
        return [
            json.loads(out.text) if isinstance(out, SimFrame) else out
            for out in outs
            if not isinstance(out, Answer) and out.conn == conn
        ]

    def run(self, seconds: float) -> list[Any]:
        """Let time pass; all that was sent."""
        until, outs = self.now_ns + round(seconds * S), []
        while self.world.due_ns <= until:
            self.now_ns = max(self.now_ns, self.world.due_ns)
            self.world.tick(self.now_ns)
            outs += self.world.drain()
        self.now_ns = until
        return outs


# --- tokens


def test_a_token_is_checked_whole() -> None:
    """Key, algorithm, signature, issuer, subject, nonce, times, method and path: else 401 without JSON."""
    client = Client()
    uri = f"GET api.coinbase.com{V3}accounts"
    good = client.token(uri)
    assert client.call("GET", "accounts", token=good).status == 200
    now = T0 // S
    wrong = [
        "",
        "x.y.z",
        good[:-4],
        good[:-6] + "AAAAAA",
        client.token(),
        client.token(uri.replace("GET", "POST")),
        client.token(uri + "/"),
        client.token(uri, {"kid": "another"}),
        client.token(uri, {"alg": "HS256"}),
        client.token(uri, {"alg": "EdDSA"}),
        client.token(uri, {"nonce": ""}),
        client.token(uri, iss="me"),
        client.token(uri, sub="another"),
        client.token(uri, nbf=now + 5, exp=now + 125),
        client.token(uri, nbf=now - 125, exp=now - 5),
        client.token(uri, exp=now + 600),
        client.token(uri, exp="later"),
    ]
    for token in wrong:
        reply = client.call("GET", "accounts", token=token)
        assert (reply.status, reply.body) == (401, b"Unauthorized\n"), token
    assert client.call("GET", "accounts", token=client.token(uri, iss="coinbase-cloud")).status == 200


def test_the_second_key_signs_with_eddsa() -> None:
    """Both key types are known at the same time."""
    client = Client()
    second = client.main.ed25519
    assert second is not None
    private: Any = load_pem_private_key(second.pem.encode(), None)
    now, path = T0 // S, f"{V3}accounts"
    head = {"alg": "EdDSA", "kid": second.key, "nonce": "1", "typ": "JWT"}
    said = {"iss": "cdp", "sub": second.key, "nbf": now, "exp": now + 120, "uri": f"GET api.coinbase.com{path}"}
    text = ".".join(encoded(json.dumps(one).encode()) for one in (head, said))
    token = f"{text}.{encoded(private.sign(text.encode()))}"
    assert client.call("GET", path, token=token).status == 200


def test_public_calls_need_no_token() -> None:
    """The others do; a key may lack the permission to trade."""
    client = Client()
    for path in ("time", "market/products", "market/products/BTC-USDT", "/v2/time", "/v2/currencies/crypto"):
        assert client.call("GET", path, token="").status == 200
    assert client.call("GET", "products", token="").status == 401
    client.main.settings["can_trade"] = False
    reply = client.call("POST", "orders", (), {"x": 1})
    assert (reply.status, json.loads(reply.body)["error"]) == (403, "PERMISSION_DENIED")
    assert client.get("key_permissions")["can_trade"] is False


# --- orders


@pytest.mark.parametrize(
    ("order", "code"),
    [
        ({"limit_price": "60000.001"}, "INVALID_PRICE_PRECISION"),
        ({"base_size": "0.010000001"}, "INVALID_SIZE_PRECISION"),
        ({"base_size": "0.00000001"}, "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL"),
        ({"base_size": "9001"}, "PREVIEW_INVALID_BASE_SIZE_TOO_LARGE"),
        ({"base_size": "100"}, "INSUFFICIENT_FUND"),
        ({"limit_price": "90000", "post_only": True}, "INVALID_LIMIT_PRICE_POST_ONLY"),
    ],
)
def test_a_refused_order_has_its_reason_in_the_field_of_its_kind(order: dict[str, Any], code: str) -> None:
    """HTTP 200, ``success`` false, nothing placed."""
    client = Client()
    answer = client.order(**order)
    assert answer["success"] is False
    why = answer["error_response"]
    preview = code.startswith("PREVIEW_")
    assert why["preview_failure_reason" if preview else "new_order_failure_reason"] == code
    assert why["error"] == ("UNKNOWN_FAILURE_REASON" if preview else code)
    assert answer["order_configuration"][GTC]["limit_price"] == order.get("limit_price", "60000")
    assert not client.exchange.orders


def test_what_is_no_order_is_an_http_error() -> None:
    """Missing and invalid parameters, and configurations that are not served."""
    client = Client()
    fine = {"client_order_id": "a", "product_id": "BTC-USDT", "side": "BUY"}
    values = {"base_size": "0.01", "limit_price": "60000"}
    for body in (
        {},
        fine,
        fine | {"order_configuration": {}},
        fine | {"order_configuration": {GTC: values, IOC: values}},
        fine | {"side": "HOLD", "order_configuration": {GTC: values}},
        fine | {"client_order_id": "", "order_configuration": {GTC: values}},
        fine | {"order_configuration": {GTC: {"base_size": "0.01"}}},
        fine | {"order_configuration": {GTC: values | {"base_size": "1e5"}}},
        fine | {"order_configuration": {GTC: values | {"base_size": 5}}},
    ):
        reply = client.call("POST", "orders", (), body or {"x": 1})
        assert (reply.status, json.loads(reply.body)["error"]) == (400, "INVALID_ARGUMENT"), body
    body = fine | {"order_configuration": {"stop_limit_stop_limit_gtc": values}}
    answer = json.loads(client.call("POST", "orders", (), body).body)
    assert answer["error_response"]["new_order_failure_reason"] == "UNSUPPORTED_ORDER_CONFIGURATION"
    body = fine | {"product_id": "NO-USDT", "order_configuration": {GTC: values}}
    answer = json.loads(client.call("POST", "orders", (), body).body)
    assert answer["error_response"]["error"] == "INVALID_PRODUCT_ID"


def test_a_repeated_client_id_gives_the_first_order() -> None:
    """Create order: "the order corresponding with that ID will be returned instead"; also after its end."""
    client = Client()
    first = client.order(cl="mine", limit_price="50000")["success_response"]["order_id"]
    assert client.order(cl="mine", limit_price="40000")["success_response"]["order_id"] == first
    client.cancel(first)
    assert client.order(cl="mine")["success_response"]["order_id"] == first
    assert len(client.exchange.orders) == 1


def test_an_order_as_it_is_told() -> None:
    """A part is filled, the rest of an IOC is cancelled; all documented fields are there."""
    client = Client()
    pair = client.exchange.pairs["BTC-USDT"]
    _, _, ask, lots = client.exchange.books["BTC-USDT"].top()
    size = Decimal(pair.qty_text(lots)) + Decimal("0.01")
    order_id = client.placed(IOC, base_size=str(size), limit_price=pair.px_text(ask))
    row = client.get(f"orders/historical/{order_id}")["order"]
    assert (row["status"], row["time_in_force"]) == ("CANCELLED", "IMMEDIATE_OR_CANCEL")
    assert Decimal(row["filled_size"]) == Decimal(pair.qty_text(lots))
    assert 0 <= Decimal(row["filled_value"]) * Decimal("0.012") - Decimal(row["total_fees"]) < Decimal("1E-9")
    assert row["order_configuration"] == {IOC: {"base_size": str(size), "limit_price": pair.px_text(ask)}}
    fills = client.get("orders/historical/fills", ("order_ids", order_id))["fills"]
    assert sum(Decimal(fill["size"]) for fill in fills) == Decimal(row["filled_size"])
    assert {fill["liquidity_indicator"] for fill in fills} == {"TAKER"}
    documented = (
        "order_id product_id user_id order_configuration side client_order_id status time_in_force created_time"
        " completion_percentage filled_size average_filled_price fee number_of_fills filled_value pending_cancel"
        " size_in_quote total_fees size_inclusive_of_fees total_value_after_fees trigger_status order_type"
        " reject_reason settled product_type reject_message cancel_message order_placement_source"
        " outstanding_hold_amount is_liquidation last_fill_time edit_history leverage margin_type"
        " retail_portfolio_id originating_order_id attached_order_id attached_order_configuration"
        " current_pending_replace commission_detail_total workable_size workable_size_completion_pct product_details"
        " cost_basis_method displayed_order_config equity_trading_session prediction_side last_update_time"
    )
    assert set(row) == set(documented.split())
    documented = (
        "entry_id trade_id order_id trade_time trade_type price size commission product_id sequence_timestamp"
        " liquidity_indicator size_in_quote user_id side retail_portfolio_id fillSource commission_detail_total"
    )
    assert set(fills[0]) == set(documented.split())


def test_fees_are_charged_in_the_quote_currency_on_both_sides() -> None:
    """Intro 1: 60 and 120 bps."""
    client = Client()
    client.placed(IOC, "BUY", limit_price="90000")
    client.placed(IOC, "SELL", limit_price="30000")
    fills = client.get("orders/historical/fills")["fills"]
    assert {fill["side"] for fill in fills} == {"BUY", "SELL"}
    for fill in fills:
        assert Decimal(fill["commission"]) == Decimal(fill["price"]) * Decimal(fill["size"]) * Decimal("0.012")
    tier = client.get("transaction_summary")["fee_tier"]
    assert (tier["maker_fee_rate"], tier["taker_fee_rate"]) == ("0.006", "0.012")
    assert client.world.ledger()["coinbase"]["conserved"]


def test_cancels_have_one_result_each() -> None:
    """By the venue's ids; one that is unknown or has ended is UNKNOWN_CANCEL_ORDER."""
    client = Client()
    order_id = client.placed(limit_price="50000")
    rows = client.cancel(order_id, order_id, "12345")
    assert [row["success"] for row in rows] == [True, False, False]
    assert [row["failure_reason"] for row in rows[1:]] == ["UNKNOWN_CANCEL_ORDER"] * 2
    assert client.call("POST", "orders/batch_cancel", (), {"order_ids": []}).status == 400
    assert client.get(f"orders/historical/{order_id}")["order"]["cancel_message"] == "User requested cancel"
    reply = client.call("GET", "orders/historical/12345")
    assert (reply.status, json.loads(reply.body)["error"]) == (404, "NOT_FOUND")


def test_listings_are_filtered_and_paged() -> None:
    """The newest first; OPEN with no other status; lists of ids and products; RFC 3339 times."""
    client = Client()
    ids = []
    for _ in range(3):
        ids.append(client.placed(limit_price="50000"))
        client.run(1)
    batch = "orders/historical/batch"
    assert [row["order_id"] for row in client.get(batch)["orders"]] == ids[::-1]
    first = client.get(batch, ("order_status", "OPEN"), ("limit", "2"))
    assert ([row["order_id"] for row in first["orders"]], first["has_next"]) == (ids[:0:-1], True)
    last = client.get(batch, ("limit", "2"), ("cursor", first["cursor"]))
    assert ([row["order_id"] for row in last["orders"]], last["has_next"]) == (ids[:1], False)
    assert client.get(batch, ("product_ids", "ETH-USDT"))["orders"] == []
    assert len(client.get(batch, ("order_ids", ids[0]), ("order_ids", ids[1]))["orders"]) == 2
    assert len(client.get(batch, ("start_date", "2025-06-15T15:06:41Z"))["orders"]) == 2
    assert client.call("GET", batch, [("start_date", "yesterday")]).status == 400
    assert client.call("GET", batch, [("order_status", "OPEN"), ("order_status", "FILLED")]).status == 400


def test_halts_are_listed_and_refused() -> None:
    """``trading_disabled``; a delisted product has another status too. What rests can be cancelled."""
    client = Client()
    order_id = client.placed(limit_price="50000")
    client.exchange.halted["BTC-USDT"] = "maintenance"
    rows = {row["product_id"]: row for row in client.get("market/products")["products"]}
    assert (rows["BTC-USDT"]["trading_disabled"], rows["BTC-USDT"]["status"]) == (True, "online")
    assert rows["ETH-USDT"]["trading_disabled"] is False
    assert client.order()["error_response"]["error"] == "PRODUCT_TRADING_HALTED"
    assert client.cancel(order_id)[0]["success"]
    client.exchange.halted["BTC-USDT"] = DELISTED
    assert client.get("market/products/BTC-USDT")["status"] == "delisted"
    assert client.order()["error_response"]["error"] == "INVALID_PRODUCT_ID"


def test_limits_by_address_and_by_user() -> None:
    """10 public and 30 private requests a second, then 429 with its own body."""
    client = Client()
    public = [client.call("GET", "time", token="").status for _ in range(11)]
    assert public == [200] * 10 + [429]
    private = [client.call("GET", "accounts") for _ in range(31)]
    assert [reply.status for reply in private] == [200] * 30 + [429]
    assert json.loads(private[-1].body) == {"errors": [{"id": "rate_limit_exceeded", "message": "Too many requests"}]}
    client.run(1.1)
    assert client.call("GET", "accounts").status == 200


# --- sockets


def test_messages_of_a_connection_are_counted_over_all_channels() -> None:
    """From 0; snapshots come before the list of what is subscribed; each connection has numbers of its own."""
    client = Client()
    conn = client.connect()
    first, confirmed = client.say(conn, "level2", "BTC-USDT")
    assert (first["channel"], first["sequence_num"], first["events"][0]["type"]) == ("l2_data", 0, "snapshot")
    assert confirmed["events"] == [{"subscriptions": {"level2": ["BTC-USDT"]}}]
    _, listed = client.say(conn, "market_trades", "ETH-USDT")
    assert listed["events"] == [{"subscriptions": {"level2": ["BTC-USDT"], "market_trades": ["ETH-USDT"]}}]
    (beats,) = client.say(conn, "heartbeats")
    assert beats["events"][0]["subscriptions"]["heartbeats"] == ["heartbeats"]
    client.exchange.quote(MAKER, "BTC-USDT", True, 100, 5, client.now_ns)
    later = client.read(conn, client.run(3))
    assert [one["sequence_num"] for one in later] == list(range(5, 5 + len(later)))
    assert {one["channel"] for one in later} >= {"heartbeats", "l2_data"}
    assert client.say(client.connect(), "level2", "BTC-USDT")[0]["sequence_num"] == 0


def test_the_book_of_the_stream_is_the_venues() -> None:
    """Snapshot and changes, in texts; size 0 deletes."""
    client = Client()
    conn = client.connect()
    sides: dict[str, dict[str, str]] = {"bid": {}, "offer": {}}
    for message in (*client.say(conn, "level2", "BTC-USDT"), *client.read(conn, client.run(5))):
        for event in message["events"] if message["channel"] == "l2_data" else ():
            for level in event["updates"]:
                sides[level["side"]][level["price_level"]] = level["new_quantity"]
    pair, book = client.exchange.pairs["BTC-USDT"], client.exchange.books["BTC-USDT"]
    for side, levels in zip(("bid", "offer"), book.depth(1 << 20), strict=True):
        want = {pair.px_text(px): pair.qty_text(lots) for px, lots in levels}
        assert {px: qty for px, qty in sides[side].items() if Decimal(qty)} == want


def test_trades_are_batched_and_name_the_makers_side() -> None:
    """Every 250 ms at most."""
    client = Client()
    conn = client.connect()
    client.say(conn, "market_trades", "BTC-USDT")
    client.placed(IOC, "BUY", limit_price="90000")
    client.placed(IOC, "SELL", limit_price="30000")
    (message,) = [one for one in client.read(conn, client.run(0.3)) if one["channel"] == "market_trades"]
    sides = [row["side"] for row in message["events"][0]["trades"]]
    assert sides[0] == "SELL"
    assert sides[-1] == "BUY"


def test_the_user_channel() -> None:
    """It needs a token; open orders come first, in pages of 50, then each change as the state of the order."""
    client = Client()
    for number in range(51):
        client.exchange.place(
            "main", "BTC-USDT", Side.BUY, px=Decimal(40000), qty=Decimal("0.001"), cl_ord_id=f"o{number}", now_ns=T0
        )
    client.exchange.take_reports()
    conn = client.connect("user")
    one, two, confirmed = client.say(conn, "user", jwt=client.token())
    assert [len(page["events"][0]["orders"]) for page in (one, two)] == [50, 1]
    assert list(confirmed["events"][0]["subscriptions"]) == ["user"]
    order_id = client.placed(limit_price="50000")
    client.cancel(order_id)
    pushed = [one["events"][0]["orders"][0] for one in client.read(conn, client.run(0.1)) if one["channel"] == "user"]
    assert not pushed  # told at once, with the answers


def test_pushes_of_orders_are_cumulative() -> None:
    """One for each change; what was filled so far, its value and its fees."""
    client = Client()
    conn = client.connect("user")
    client.say(conn, "user", jwt=client.token())
    order = client.exchange.place(
        "main", "BTC-USDT", Side.BUY, px=Decimal(90000), qty=Decimal("0.5"), cl_ord_id="x", now_ns=T0
    )
    rows = [one["events"][0]["orders"][0] for one in client.read(conn, client.run(0.1)) if one.get("channel") == "user"]
    assert rows[0]["status"] == "OPEN"
    cums = [Decimal(row["cumulative_quantity"]) for row in rows]
    assert cums == sorted(cums)
    last = rows[-1]
    assert Decimal(last["cumulative_quantity"]) == Decimal(client.exchange.pairs["BTC-USDT"].qty_text(order.cum))
    assert 0 <= Decimal(last["filled_value"]) * Decimal("0.012") - Decimal(last["total_fees"]) < Decimal("1E-9")
    documented = (
        "avg_price cancel_reason client_order_id completion_percentage contract_expiry_type cumulative_quantity"
        " filled_value leaves_quantity limit_price number_of_fills order_id order_side order_type"
        " outstanding_hold_amount post_only product_id product_type reject_reason retail_portfolio_id risk_managed_by"
        " status stop_price time_in_force total_fees total_value_after_fees trigger_status creation_time end_time"
        " start_time"
    )
    assert set(last) == set(documented.split())


def test_what_a_socket_refuses() -> None:
    """Errors have no number. A missing or wrong token ends the connection."""
    client = Client()
    conn = client.connect()
    for sent in ("{", '{"channel":"level2"}', '{"type":"order","channel":"level2"}'):
        (error,) = client.text(conn, sent)
        assert error["type"] == "error"
    assert client.say(conn, "level3", "BTC-USDT")[0]["type"] == "error"
    assert client.say(conn, "level2", "NO-USDT")[0]["message"] == "invalid product_ids: NO-USDT"
    assert client.say(client.connect("user"), "level2", "BTC-USDT")[0]["type"] == "error"
    client.run(1.1)
    for jwt in ({}, {"jwt": "x.y.z"}):
        error, closed = client.say(client.connect("user"), "user", **jwt)
        assert "authentication failure" in error["message"]
        assert isinstance(closed, Close)


def test_thirty_books_a_connection() -> None:
    """One more is an error, and the end of the connection."""
    client = Client()
    pair = client.exchange.pairs["BTC-USDT"]
    names = [f"C{number}-USDT" for number in range(31)]
    for name in names:
        client.exchange.pairs[name] = pair
        client.exchange.books[name] = client.exchange.books["BTC-USDT"]
    conn = client.connect()
    assert len(client.say(conn, "level2", *names[:30])) == 31
    error, closed = client.say(conn, "level2", names[30])
    assert error["message"] == "too many L2 streams requested in a single session"
    assert isinstance(closed, Close)


def test_connections_and_messages_of_an_address_are_limited() -> None:
    """8 a second each; a message with a token is not counted."""
    client = Client()
    conns = [client.connect() for _ in range(8)]
    assert client.world.connect("coinbase", "/ws/market", {}, client.now_ns)[1] is not None
    answers = [client.say(conns[0], "heartbeats")[-1] for _ in range(9)]
    assert [one.get("type", "") for one in answers] == [""] * 8 + ["error"]
    assert client.say(conns[1], "heartbeats", jwt=client.token())[-1]["channel"] == "subscriptions"


def test_a_silent_connection_is_closed() -> None:
    """After 5 s without a subscription; the heartbeats keep one open."""
    client = Client()
    idle, busy = client.connect(), client.connect()
    client.say(busy, "heartbeats")
    outs = client.run(200)
    assert [out.conn for out in outs if isinstance(out, Close)] == [idle]


def test_an_order_may_be_taken_although_the_answer_says_throttled() -> None:
    """The fault that makes a 429 no proof."""
    client = Client([Fault(kind="overrun", at_s=1, for_s=5)])
    client.run(2)
    values = {"base_size": "0.01", "limit_price": "50000"}
    body = {"client_order_id": "a", "product_id": "BTC-USDT", "side": "BUY", "order_configuration": {GTC: values}}
    assert client.call("POST", "orders", (), body).status == 429
    assert len(client.exchange.orders) == 1
