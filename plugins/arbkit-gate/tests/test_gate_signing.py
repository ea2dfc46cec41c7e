"""Signatures against ccxt, an independent client."""

from __future__ import annotations

import hmac
import json
from decimal import Decimal
from hashlib import sha512
from typing import Any

import ccxt
import ccxt.pro
import pytest
from arbkit_gate import tables
from arbkit_gate.adapter import Gate
from wires import instrument

from arbkit.core.types import (
    Ask,
    AskKind,
    CancelOrder,
    Catalogue,
    Command,
    HttpRequest,
    LinkSpec,
    NewOrder,
    QueryOrder,
    Role,
    Secret,
    Side,
    Tif,
    VenueSettings,
)
from arbkit.core.venues.signer import LocalSigner
from arbkit.venue import Context, RestRequest

NOW_MS = 1_750_000_000_000
NOW_NS = NOW_MS * 1_000_000
KEYS = {"apiKey": "arbkit-gate-test-key", "secret": "arbkit-gate-test-secret"}
SIGNER = LocalSigner(KEYS["apiKey"], KEYS["secret"])
BTC = instrument("gate", "BTC_USDT", "0.1", "0.00001")
GATE = Gate(VenueSettings())
ME = "gate:main"
HOST = "https://api.gateio.ws"
ID = "arbkit0000000001"


def session(role: Role) -> Any:
    return GATE.session(LinkSpec(link="x", venue="gate", role=role, account=ME), Catalogue([BTC]), SIGNER)


def shown(headers: Any) -> dict[str, str]:
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in headers}


def signed(signer: LocalSigner, request: RestRequest, now_ns: int) -> HttpRequest:
    """Any request."""
    context = Context(LinkSpec(link="x", venue="gate", role=Role.REST, account=ME), Catalogue([BTC]), signer)
    return tables.sign(context, request, now_ns, url=HOST)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (("fetch_balance",), Ask(kind=AskKind.BALANCES)),
        (
            ("cancel_order", "1234567890", "BTC/USDT"),
            CancelOrder(account=ME, instrument=BTC.id, cl_ord_id="", order_id="1234567890"),
        ),
        (
            ("fetch_order", "1234567890", "BTC/USDT"),
            QueryOrder(account=ME, instrument=BTC.id, cl_ord_id="", order_id="1234567890"),
        ),
        (("fetch_trading_fee", "BTC/USDT"), Ask(kind=AskKind.FEES, instrument=BTC.id)),
    ],
    ids=["balances", "cancel by id", "query", "fees"],
)
def test_our_requests_equal_the_independent_clients(
    ccxt_client: Any, call: tuple[Any, ...], what: Ask | Command
) -> None:
    """Method, path, query, body and each header."""
    client = ccxt.gate(KEYS | {"options": {"unifiedAccount": False}})
    made = ccxt_client(client, "BTC_USDT", NOW_MS).request(*call)
    (request,) = session(Role.REST).encode(what if isinstance(what, Ask) else [what], NOW_NS)
    assert isinstance(request, HttpRequest)
    assert (request.method, request.url, request.body.decode()) == (made.method, made.url, made.body)
    assert shown(request.headers) == made.headers


def test_an_order_is_signed_as_the_independent_client_signs_it(ccxt_client: Any) -> None:
    """The same body, but for what ccxt leaves out (``action_mode``), and the order of its fields."""
    client = ccxt.gate(KEYS | {"options": {"unifiedAccount": False}})
    params = {"timeInForce": "IOC", "clientOrderId": f"t-{ID}", "action_mode": "RESULT"}
    made = ccxt_client(client, "BTC_USDT", NOW_MS).request(
        "create_order", "BTC/USDT", "limit", "buy", 0.0123, 65000.5, params
    )
    order = NewOrder(
        account=ME,
        instrument=BTC.id,
        cl_ord_id=ID,
        side=Side.BUY,
        qty=Decimal("0.0123"),
        px=Decimal("65000.5"),
        tif=Tif.IOC,
    )
    (request,) = session(Role.REST).encode([order], NOW_NS)
    assert json.loads(request.body) == json.loads(made.body)
    again = RestRequest("POST", "/spot/orders", list(json.loads(made.body).items()), True)
    headers = shown(signed(SIGNER, again, NOW_NS).headers)
    assert headers.pop("x-gate-exptime") == str(NOW_MS + 5_000)
    assert headers == made.headers


def test_the_query_is_signed_without_percent_encoding() -> None:
    """It is sent encoded: a pair in another script."""
    made = signed(SIGNER, RestRequest("GET", "/spot/open_orders", [("currency_pair", "币_USDT")], True), NOW_NS)
    assert made.url == f"{HOST}/api/v4/spot/open_orders?currency_pair=%E5%B8%81_USDT"
    text = f"GET\n/api/v4/spot/open_orders\ncurrency_pair=币_USDT\n{sha512(b'').hexdigest()}\n{NOW_MS // 1000}"
    assert shown(made.headers)["SIGN"] == hmac.digest(KEYS["secret"].encode(), text.encode(), "sha512").hex()


@pytest.mark.parametrize(
    ("call", "channel"),
    [(("watch_orders", "BTC/USDT"), "spot.orders"), (("watch_my_trades", "BTC/USDT"), "spot.usertrades")],
)
def test_the_subscriptions_equal_the_independent_clients(ccxt_client: Any, call: tuple[str, ...], channel: str) -> None:
    """Channel, event, time and proof; ours are for all pairs."""
    made = ccxt_client(ccxt.pro.gate(KEYS), "BTC_USDT", NOW_MS).frame(*call)
    ours = {}
    for send in session(Role.PRIVATE).start(NOW_NS):
        assert isinstance(send.data, Secret)
        frame = json.loads(send.data.reveal())
        ours[frame["channel"]] = frame
    assert ours.keys() == {"spot.orders", "spot.usertrades", "spot.balances"}
    assert ours[channel]["payload"] == ["!all"]
    assert {name: ours[channel][name] for name in ("time", "channel", "event", "auth")} == {
        name: made[name] for name in ("time", "channel", "event", "auth")
    }


def test_the_login_equals_the_independent_clients(ccxt_client: Any) -> None:
    """Also its empty parameters, which are signed as they are sent."""
    made = ccxt_client(ccxt.pro.gate(KEYS), "BTC_USDT", NOW_MS).frame("authenticate", "wss://x", "spot")
    (send,) = session(Role.TRADE).start(NOW_NS)
    assert isinstance(send.data, Secret)
    ours = json.loads(send.data.reveal())
    assert ours["payload"].pop("req_id") != made["payload"].pop("req_id")
    del made["id"]
    assert ours == made


def test_the_venues_clock_is_signed() -> None:
    """The measured offset is added; so it is to the end of an order."""
    signer = LocalSigner("k", "s")
    signer.offset_ns = 90 * 10**9
    made = signed(signer, RestRequest("POST", "/spot/orders", [], True, NOW_NS + 250_000_000), NOW_NS)
    assert shown(made.headers)["Timestamp"] == str(NOW_MS // 1000 + 90)
    assert shown(made.headers)["x-gate-exptime"] == str(NOW_MS + 90_250)


def test_nothing_secret_is_shown() -> None:
    """Signatures print as ***."""
    order = NewOrder(account=ME, instrument=BTC.id, cl_ord_id=ID, side=Side.BUY, qty=Decimal("0.1"), px=Decimal(50000))
    rest = session(Role.REST).encode([order], NOW_NS)
    text = repr([*rest, *session(Role.TRADE).start(NOW_NS), *session(Role.PRIVATE).start(NOW_NS)])
    assert KEYS["secret"] not in text
    assert shown(rest[0].headers)["SIGN"] not in text
    assert len(shown(rest[0].headers)["SIGN"]) == 128


def test_without_a_key_the_public_calls_work() -> None:
    """Catalogue, time and the state of assets need none."""
    rest = GATE.session(LinkSpec(link="x", venue="gate", role=Role.REST), Catalogue(), None)
    for kind, path in (
        (AskKind.CATALOGUE, "currency_pairs"),
        (AskKind.TIME, "time"),
        (AskKind.ASSETS, "currencies"),
    ):
        (request,) = rest.encode(Ask(kind=kind), 0)
        assert request == HttpRequest("GET", f"{HOST}/api/v4/spot/{path}", [])
