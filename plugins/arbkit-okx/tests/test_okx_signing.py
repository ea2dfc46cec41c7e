"""Signatures against an independent client and against vectors computed apart."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from arbkit_okx import login
from arbkit_okx.adapter import Okx

from arbkit.core.types import (
    Ask,
    AskKind,
    CancelOrder,
    Catalogue,
    Command,
    HttpRequest,
    Instrument,
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

MADE = json.loads((Path(__file__).parent / "data" / "signing.json").read_text())
NOW_NS = MADE["clock_ms"] * 1_000_000
SIGNER = LocalSigner(MADE["credentials"]["apiKey"], MADE["credentials"]["secret"], MADE["credentials"]["password"])
BTC = Instrument(
    venue="okx",
    symbol="BTC-USDT",
    native="BTC-USDT",
    base="BTC",
    quote="USDT",
    tick=Decimal("0.1"),
    lot=Decimal("0.00001"),
    venue_ref="1000000000",
)
OKX = Okx(VenueSettings())
ME = "okx:main"


def session(role: Role) -> Any:
    return OKX.session(LinkSpec(link="x", venue="okx", role=role, account=ME), Catalogue([BTC]), SIGNER)


def shown(headers: Any) -> dict[str, str]:
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in headers}


ID = "arbkit0000000001"
ASKED: dict[str, Ask | Command] = {
    "fetch balances": Ask(kind=AskKind.BALANCES),
    "cancel by id": CancelOrder(account=ME, instrument=BTC.id, cl_ord_id="", order_id="1234567890"),
    "cancel by client id": CancelOrder(account=ME, instrument=BTC.id, cl_ord_id=ID),
    "query order": QueryOrder(account=ME, instrument=BTC.id, cl_ord_id="", order_id="1234567890"),
    "open orders": ListOpenOrders(account=ME, instrument=BTC.id),
}


@pytest.mark.parametrize("name", ASKED)
def test_our_requests_equal_the_independent_clients(name: str) -> None:
    """Method, path, body and each header; only the host differs (the docs name openapi.okx.com now)."""
    (made,) = next(call for call in MADE["rest"] if call["name"] == name)["requests"]
    what = ASKED[name]
    (request,) = session(Role.REST).encode(what if isinstance(what, Ask) else [what], NOW_NS)
    assert isinstance(request, HttpRequest)
    assert request.method == made["method"]
    assert request.url.replace("https://openapi.okx.com", "https://www.okx.com") == made["url"]
    assert request.body.decode() == (made["body"] or "")
    assert shown(request.headers) == made["headers"]


@pytest.mark.parametrize(
    "call", [call for call in MADE["rest"] if call["requests"][0]["body"]], ids=lambda c: c["name"]
)
def test_any_body_is_signed_as_the_independent_client_signs_it(call: dict[str, Any]) -> None:
    """Also bodies that we would write otherwise (it places orders in batches of one)."""
    (made,) = call["requests"]
    path = made["url"].removeprefix("https://www.okx.com")
    headers = shown(login.headers(SIGNER, made["method"], path, made["body"], NOW_NS))
    assert headers["OK-ACCESS-SIGN"] == made["headers"]["OK-ACCESS-SIGN"]


def test_the_login_frame_equals_the_independent_clients() -> None:
    """Seconds, as text; the same signature."""
    made = MADE["ws"][0]["frames"][0]["frame"]
    (frame,) = session(Role.PRIVATE).start(NOW_NS)
    assert isinstance(frame.data, Secret)
    assert json.loads(frame.data.reveal()) == made


def test_the_fact_sheets_own_vectors() -> None:
    """Computed apart from this code, with another secret."""
    signer = LocalSigner("k", "arbkit-test-secret", "p")
    now_ns = 1607418537_715_000_000
    sign = dict(login.headers(signer, "GET", "/api/v5/account/balance?ccy=BTC", "", now_ns))["OK-ACCESS-SIGN"]
    assert sign.reveal() == "zQ0YGGT9N/Vgd0SAYnDseFdO8lpylANcKHCyeHbsa4Q="
    body = '{"instId":"BTC-USDT","tdMode":"cash","side":"buy","ordType":"ioc","px":"50000","sz":"0.001"}'
    sign = dict(login.headers(signer, "POST", "/api/v5/trade/order", body, now_ns))["OK-ACCESS-SIGN"]
    assert sign.reveal() == "52EvyZW7qZrCxWjWRBqPACsD/myN0tUpuC53D/uk4Rg="
    text = login.frame(signer, 1538054050_000_000_000).data.reveal()
    assert json.loads(text)["args"][0]["sign"] == "3pwB4jK/V/PNYl4vIADfM45NsJIHYPO7h4x73KzDe0c="


def test_the_venues_clock_is_signed() -> None:
    """The measured offset is added."""
    signer = LocalSigner("k", "s", "p")
    signer.offset_ns = 250_000_000
    assert dict(login.headers(signer, "GET", "/", "", 0))["OK-ACCESS-TIMESTAMP"] == "1970-01-01T00:00:00.250Z"


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
