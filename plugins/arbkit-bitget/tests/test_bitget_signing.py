"""Signatures against ccxt, an independent client, and against values that were computed from the page's rule."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import ccxt
import ccxt.pro
import pytest
from arbkit_bitget import tables
from arbkit_bitget.adapter import Bitget

from arbkit.core.types import (
    Ask,
    AskKind,
    CancelOrder,
    Catalogue,
    Command,
    HttpRequest,
    Instrument,
    LinkSpec,
    NewOrder,
    QueryOrder,
    Role,
    Secret,
    Side,
    VenueSettings,
)
from arbkit.core.venues.signer import LocalSigner
from arbkit.venue import Context, RestRequest

NOW_MS = 1_750_000_000_000
NOW_NS = NOW_MS * 1_000_000
KEYS = {"apiKey": "arbkit-bitget-test-key", "secret": "arbkit-bitget-test-secret", "password": "arbkit-pass"}
SIGNER = LocalSigner(*KEYS.values())
BTC = Instrument(
    venue="bitget",
    symbol="BTC-USDT",
    native="BTCUSDT",
    base="BTC",
    quote="USDT",
    tick=Decimal("0.01"),
    lot=Decimal("0.000001"),
)
BITGET = Bitget(VenueSettings())
ME = "bitget:main"
ID = "arbkit0000000001"
ORDER = NewOrder(account=ME, instrument=BTC.id, cl_ord_id=ID, side=Side.BUY, qty=Decimal("0.1"), px=Decimal(50000))


def client(**options: Any) -> dict[str, Any]:
    """Settings of a ccxt client that does not ask first which kind of account it is."""
    return {**KEYS, "options": {"uta": False, "broker": "", **options}}


def session(role: Role) -> Any:
    return BITGET.session(LinkSpec(link="x", venue="bitget", role=role, account=ME), Catalogue([BTC]), SIGNER)


def shown(headers: Any) -> dict[str, str]:
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in headers}


def signed(signer: LocalSigner, method: str, path: str, params: dict[str, str], now_ns: int) -> HttpRequest:
    context = Context(LinkSpec(link="x", venue="bitget", role=Role.REST, account=ME), Catalogue([BTC]), signer)
    request = RestRequest(method, path, list(params.items()), True)
    return tables.sign(context, request, now_ns, url="https://x", demo=False)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (
            ("cancel_order", "1234567890", "BTC/USDT"),
            CancelOrder(account=ME, instrument=BTC.id, cl_ord_id="", order_id="1234567890"),
        ),
        (
            ("cancel_order", None, "BTC/USDT", {"clientOrderId": ID}),
            CancelOrder(account=ME, instrument=BTC.id, cl_ord_id=ID),
        ),
        (
            ("fetch_order", "1234567890", "BTC/USDT"),
            QueryOrder(account=ME, instrument=BTC.id, cl_ord_id="", order_id="1234567890"),
        ),
    ],
    ids=["cancel by id", "cancel by client id", "query"],
)
def test_our_requests_equal_the_independent_clients(ccxt_client: Any, call: tuple[Any, ...], what: Command) -> None:
    """Method, URL, body and each header but ccxt's own."""
    made = ccxt_client(ccxt.bitget(client()), "BTCUSDT", NOW_MS).request(*call)
    (request,) = session(Role.REST).encode([what], NOW_NS)
    assert (request.method, request.url, request.body.decode()) == (made.method, made.url, made.body)
    theirs = {name: value for name, value in made.headers.items() if name != "X-CHANNEL-API-CODE"}
    assert shown(request.headers) == theirs


@pytest.mark.parametrize(
    "call",
    [
        ("create_order", "BTC/USDT", "limit", "buy", 0.0123, 65000.5, {"timeInForce": "IOC", "clientOrderId": ID}),
        ("create_order", "BTC/USDT", "limit", "buy", 0.0123, 65000.5, {"postOnly": True}),
        ("create_order", "BTC/USDT", "market", "sell", 0.0123),
        ("fetch_balance",),
        ("fetch_open_orders", "BTC/USDT"),
        ("fetch_my_trades", "BTC/USDT", 1_749_000_000_000, 20),
    ],
    ids=lambda call: call[0],
)
def test_any_request_is_signed_as_the_independent_client_signs_it(ccxt_client: Any, call: tuple[Any, ...]) -> None:
    """Also bodies and queries that we would write otherwise."""
    made = ccxt_client(ccxt.bitget(client()), "BTCUSDT", NOW_MS).request(*call)
    parts = urlsplit(made.url)
    stamp, target = str(NOW_MS), parts.path + (f"?{parts.query}" if parts.query else "")
    context = Context(LinkSpec(link="x", venue="bitget", role=Role.REST, account=ME), Catalogue([BTC]), SIGNER)
    headers = shown(tables.proof(context, f"{stamp}{made.method}{target}{made.body}", stamp))
    assert headers["ACCESS-SIGN"] == made.headers["ACCESS-SIGN"]


def test_a_query_is_signed_as_it_reads() -> None:
    """Percent-encoded on the wire, raw in the signed text: the names of some pairs are not ASCII. First the page's own
    example of a signed text, with an invented secret; the signature was computed with another program."""
    signer = LocalSigner("k", "my-secret-0123456789", "p")
    made = signed(
        signer, "GET", "/api/mix/v2/market/depth", {"limit": "20", "symbol": "BTCUSDT"}, 16273667805456 * 10**6
    )
    assert shown(made.headers)["ACCESS-SIGN"] == "O5D1gBuHITQHxkTh8eWvH5M74FuIe3eclOxfkotqlJo="
    odd = signed(SIGNER, "GET", "/x", {"symbol": "$漢USDT"}, NOW_NS)
    context = Context(LinkSpec(link="x", venue="bitget", role=Role.REST, account=ME), Catalogue([BTC]), SIGNER)
    raw = tables.proof(context, f"{NOW_MS}GET/x?symbol=$漢USDT", str(NOW_MS))
    assert odd.url == "https://x/x?symbol=%24%E6%BC%A2USDT"
    assert shown(odd.headers) == shown(raw)


def test_the_login_frame_equals_the_independent_clients(ccxt_client: Any) -> None:
    """Seconds, as text; the passphrase and the signature."""
    made = ccxt_client(ccxt.pro.bitget(client()), "BTCUSDT", NOW_MS).frame("authenticate", {"url": "wss://x"})
    (frame,) = session(Role.PRIVATE).start(NOW_NS)
    assert isinstance(frame.data, Secret)
    assert json.loads(frame.data.reveal()) == {name: made[name] for name in ("op", "args")}


def test_an_order_carries_its_window() -> None:
    """``requestTime`` is the venue's clock; ``receiveWindow`` is 5 s, or ends at the order's deadline."""
    signer = LocalSigner("k", "s", "p")
    signer.offset_ns = 250_000_000
    link = LinkSpec(link="x", venue="bitget", role=Role.REST, account=ME)
    rest = BITGET.session(link, Catalogue([BTC]), signer)
    late = NewOrder(
        **{name: getattr(ORDER, name) for name in ORDER.__struct_fields__} | {"deadline_ns": NOW_NS + 10**9}
    )
    for order, window in ((ORDER, "5000"), (late, "1000")):
        (request,) = rest.encode([order], NOW_NS)
        body = json.loads(request.body)
        assert (body["requestTime"], body["receiveWindow"]) == (str(NOW_MS + 250), window)
        assert dict(request.headers)["ACCESS-TIMESTAMP"] == str(NOW_MS + 250)


def test_nothing_secret_is_shown() -> None:
    """Passphrase and signatures print as ***."""
    requests = session(Role.REST).encode([ORDER], NOW_NS)
    text = repr([*requests, *session(Role.PRIVATE).start(NOW_NS)])
    for secret in (KEYS["password"], KEYS["secret"], shown(requests[0].headers)["ACCESS-SIGN"]):
        assert secret not in text


def test_without_a_key_the_public_calls_work() -> None:
    """Pairs, time and coins need none."""
    rest = BITGET.session(LinkSpec(link="x", venue="bitget", role=Role.REST), Catalogue(), None)
    for kind, path in (
        (AskKind.CATALOGUE, "spot/public/symbols"),
        (AskKind.TIME, "public/time"),
        (AskKind.ASSETS, "spot/public/coins"),
    ):
        assert rest.encode(Ask(kind=kind), 0) == [HttpRequest("GET", f"https://api.bitget.com/api/v2/{path}", [])]
