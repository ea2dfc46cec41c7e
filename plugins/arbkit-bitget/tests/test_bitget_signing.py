"""Signatures against ccxt, an independent client, and against values that were computed from the page's rule."""

from __future__ import annotations

import json
from base64 import b64encode
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import ccxt
import ccxt.pro
import pytest
from arbkit_bitget import tables
from arbkit_bitget.adapter import Bitget
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
KEYS = {"apiKey": "arbkit-bitget-test-key", "secret": "arbkit-bitget-test-secret", "password": "arbkit-pass"}
SIGNER = LocalSigner(*KEYS.values())
BTC = instrument("bitget", "BTCUSDT", "0.01", "0.000001")
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
    "what",
    [
        ORDER,
        NewOrder(
            account=ME,
            instrument=BTC.id,
            cl_ord_id=ID,
            side=Side.SELL,
            qty=Decimal("0.1"),
            px=Decimal(1),
            tif=Tif.GTC,
            post_only=True,
        ),
        CancelOrder(account=ME, instrument=BTC.id, cl_ord_id=ID),
        QueryOrder(account=ME, instrument=BTC.id, cl_ord_id=ID),
        Ask(kind=AskKind.BALANCES),
        Ask(kind=AskKind.ACCOUNT),
    ],
    ids=["order", "post-only", "cancel", "query", "balances", "account"],
)
def test_the_independent_client_signs_our_parameters_so(what: Ask | Command) -> None:
    """ccxt is given the parameters that we send, also those that it would not send itself: the same body, URL and
    signature."""
    independent = ccxt.bitget(client())
    independent.nonce = lambda: NOW_MS
    (request,) = session(Role.REST).encode(what if isinstance(what, Ask) else [what], NOW_NS)
    parts = urlsplit(request.url)
    params = json.loads(request.body) if request.body else dict(parse_qsl(parts.query))
    made = independent.sign(parts.path.removeprefix("/api/"), ["private", "spot"], request.method, params)
    assert (request.url, request.body.decode()) == (made["url"], made["body"] or "")
    for name in ("ACCESS-KEY", "ACCESS-SIGN", "ACCESS-TIMESTAMP", "ACCESS-PASSPHRASE"):
        assert shown(request.headers)[name] == made["headers"][name]


def test_a_query_is_signed_as_it_reads() -> None:
    """Percent-encoded on the wire, raw in the signed text: the names of some pairs are not ASCII. First the page's own
    example of a signed text, with an invented secret; the signature was computed with another program."""
    signer = LocalSigner("k", "my-secret-0123456789", "p")
    made = signed(
        signer, "GET", "/api/mix/v2/market/depth", {"limit": "20", "symbol": "BTCUSDT"}, 16273667805456 * 10**6
    )
    assert shown(made.headers)["ACCESS-SIGN"] == "O5D1gBuHITQHxkTh8eWvH5M74FuIe3eclOxfkotqlJo="
    odd = signed(SIGNER, "GET", "/x", {"symbol": "$漢USDT"}, NOW_NS)
    digest = SIGNER.hmac("sha256", f"{NOW_MS}GET/x?symbol=$漢USDT".encode())
    assert odd.url == "https://x/x?symbol=%24%E6%BC%A2USDT"
    assert shown(odd.headers)["ACCESS-SIGN"] == b64encode(digest).decode()


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
