"""Signatures against ccxt, an independent client."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import ccxt
import ccxt.pro
import pytest
from arbkit_okx import tables
from arbkit_okx.adapter import Okx
from wires import instrument

from arbkit.core.types import (
    Ask,
    AskKind,
    CancelOrder,
    Catalogue,
    Command,
    HttpRequest,
    LinkSpec,
    ListOpenOrders,
    NewOrder,
    QueryOrder,
    Role,
    Secret,
    Send,
    Side,
    VenueSettings,
)
from arbkit.core.venues.signer import LocalSigner
from arbkit.venue import Context

NOW_MS = 1_750_000_000_000
NOW_NS = NOW_MS * 1_000_000
KEYS = {"apiKey": "arbkit-okx-test-key", "secret": "arbkit-okx-test-secret", "password": "arbkit-pass"}
SIGNER = LocalSigner(KEYS["apiKey"], KEYS["secret"], KEYS["password"])
BTC = instrument("okx", "BTC-USDT", "0.1", "0.00001", venue_ref="1000000000")
OKX = Okx(VenueSettings())
ME = "okx:main"


def session(role: Role) -> Any:
    return OKX.session(LinkSpec(link="x", venue="okx", role=role, account=ME), Catalogue([BTC]), SIGNER)


def signed(signer: LocalSigner, method: str, path: str, body: str, now_ns: int) -> list[tuple[str, str]]:
    """The headers of any request."""
    context = Context(LinkSpec(link="x", venue="okx", role=Role.REST, account=ME), Catalogue([BTC]), signer)
    return tables.proof(context, method, path, body, now_ns)


def shown(headers: Any) -> dict[str, str]:
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in headers}


ID = "arbkit0000000001"
MINE = {"clientOrderId": ID}
LIMIT = ("create_order", "BTC/USDT", "limit", "buy", 0.0123, 65000.5)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (("fetch_balance",), Ask(kind=AskKind.BALANCES)),
        (
            ("cancel_order", "1234567890", "BTC/USDT"),
            CancelOrder(account=ME, instrument=BTC.id, cl_ord_id="", order_id="1234567890"),
        ),
        (("cancel_order", None, "BTC/USDT", MINE), CancelOrder(account=ME, instrument=BTC.id, cl_ord_id=ID)),
        (
            ("fetch_order", "1234567890", "BTC/USDT"),
            QueryOrder(account=ME, instrument=BTC.id, cl_ord_id="", order_id="1234567890"),
        ),
        (("fetch_open_orders", "BTC/USDT"), ListOpenOrders(account=ME, instrument=BTC.id)),
    ],
    ids=["balances", "cancel by id", "cancel by client id", "query", "open orders"],
)
def test_our_requests_equal_the_independent_clients(
    ccxt_client: Any, call: tuple[Any, ...], what: Ask | Command
) -> None:
    """Method, path, body and each header; only the host differs (the docs name openapi.okx.com now)."""
    made = ccxt_client(ccxt.okx(KEYS), "BTC-USDT", NOW_MS).request(*call)
    (request,) = session(Role.REST).encode(what if isinstance(what, Ask) else [what], NOW_NS)
    assert isinstance(request, HttpRequest)
    assert request.method == made.method
    assert request.url.replace("https://openapi.okx.com", "https://www.okx.com") == made.url
    assert request.body.decode() == made.body
    assert shown(request.headers) == made.headers


@pytest.mark.parametrize(
    "call",
    [
        (*LIMIT, {"timeInForce": "IOC", **MINE}),
        (*LIMIT, {"postOnly": True}),
        ("create_order", "BTC/USDT", "limit", "sell", 0.0123, 65000.5),
        ("create_order", "BTC/USDT", "market", "sell", 0.0123),
        ("fetch_my_trades", "BTC/USDT"),
    ],
)
def test_any_request_is_signed_as_the_independent_client_signs_it(ccxt_client: Any, call: tuple[Any, ...]) -> None:
    """Also bodies that we would write otherwise (it places orders in batches of one)."""
    made = ccxt_client(ccxt.okx(KEYS), "BTC-USDT", NOW_MS).request(*call)
    path = made.url.removeprefix("https://www.okx.com")
    headers = shown(signed(SIGNER, made.method, path, made.body, NOW_NS))
    assert headers["OK-ACCESS-SIGN"] == made.headers["OK-ACCESS-SIGN"]


def test_the_login_frame_equals_the_independent_clients(ccxt_client: Any) -> None:
    """Seconds, as text; the same signature."""
    made = ccxt_client(ccxt.pro.okx(KEYS), "BTC-USDT", NOW_MS).frame("authenticate")
    (frame,) = session(Role.PRIVATE).start(NOW_NS)
    assert isinstance(frame.data, Secret)
    assert json.loads(frame.data.reveal()) == made


@pytest.mark.parametrize("ms", [1_607_418_537_715, 1_538_054_050_000, 1_999_999_999_001])
def test_any_time_is_signed_as_the_independent_client_signs_it(ccxt_client: Any, ms: int) -> None:
    """Milliseconds in the text of the time, queries of a GET, with another secret."""
    keys = {"apiKey": "k", "secret": "arbkit-test-secret", "password": "p"}
    made = ccxt_client(ccxt.okx(keys), "BTC-USDT", ms).signed("GET", "account/balance", ccy="BTC")
    signer = LocalSigner("k", "arbkit-test-secret", "p")
    headers = shown(signed(signer, "GET", "/api/v5/account/balance?ccy=BTC", "", ms * 1_000_000))
    assert headers == made.headers


def test_the_venues_clock_is_signed() -> None:
    """The measured offset is added."""
    signer = LocalSigner("k", "s", "p")
    signer.offset_ns = 250_000_000
    assert dict(signed(signer, "GET", "/", "", 0))["OK-ACCESS-TIMESTAMP"] == "1970-01-01T00:00:00.250Z"


def test_nothing_secret_is_shown() -> None:
    """Passphrase and signatures print as ***."""
    order = NewOrder(account=ME, instrument=BTC.id, cl_ord_id=ID, side=Side.BUY, qty=Decimal("0.1"), px=Decimal(50000))
    shown_text = repr([*session(Role.REST).encode([order], NOW_NS), *session(Role.TRADE).start(NOW_NS)])
    sign = shown(session(Role.REST).encode([order], NOW_NS)[0].headers)["OK-ACCESS-SIGN"]
    for secret in ("arbkit-pass", "arbkit-okx-test-secret", sign):
        assert secret not in shown_text


def test_without_a_key_the_public_calls_work() -> None:
    """Catalogue and time need none."""
    rest = OKX.session(LinkSpec(link="x", venue="okx", role=Role.REST), Catalogue(), None)
    for kind, path in ((AskKind.CATALOGUE, "public/instruments?instType=SPOT"), (AskKind.TIME, "public/time")):
        (request,) = rest.encode(Ask(kind=kind), 0)
        assert request == HttpRequest("GET", f"https://openapi.okx.com/api/v5/{path}", [])


def test_demo_marks_each_request() -> None:
    """``x-simulated-trading: 1``; a demo key is refused without it."""
    demo = Okx(VenueSettings(environment="demo"))
    rest = demo.session(LinkSpec(link="x", venue="okx", role=Role.REST, account=ME), Catalogue([BTC]), SIGNER)
    for what in (Ask(kind=AskKind.TIME), Ask(kind=AskKind.BALANCES)):
        (request,) = rest.encode(what, 0)
        assert ("x-simulated-trading", "1") in request.headers
    assert not isinstance(Send("x").data, Secret)
