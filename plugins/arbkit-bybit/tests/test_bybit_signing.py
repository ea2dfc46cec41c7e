"""Signatures against ccxt, an independent client (the venue's page prints none that can be checked)."""

from __future__ import annotations

import hmac
import json
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import ccxt
import ccxt.pro
from arbkit_bybit import tables
from arbkit_bybit.adapter import Bybit
from wires import instrument

from arbkit.core.types import (
    Ask,
    AskKind,
    Catalogue,
    HttpRequest,
    LinkSpec,
    NewOrder,
    Role,
    Secret,
    Side,
    VenueSettings,
)
from arbkit.core.venues.signer import LocalSigner
from arbkit.venue import Context, Params, RestRequest, Signer

MS = 1_000_000
NOW_MS = 1_750_000_000_000
KEYS = {"apiKey": "arbkit-bybit-test-key", "secret": "arbkit-bybit-test-secret"}
SIGNER = LocalSigner(KEYS["apiKey"], KEYS["secret"])
BTC = instrument("bybit", "BTCUSDT", "0.1", "0.000001")
BYBIT = Bybit(VenueSettings())
ME = "bybit:main"


LINK = LinkSpec(link="x", venue="bybit", role=Role.REST, account=ME)


def headers(method: str, params: Params, ms: int = NOW_MS, signer: Signer = SIGNER) -> dict[str, str]:
    """The signature headers of a request, as they are sent."""
    request = RestRequest(method, "/v5/x", params, True)
    signed = tables.sign(Context(LINK, Catalogue(), signer), request, ms * MS, url="")
    found = {name: value.reveal() if isinstance(value, Secret) else value for name, value in signed.headers}
    return {name: value for name, value in found.items() if name.startswith("X-BAPI")}


def test_rest_signatures_equal_ccxt(ccxt_client: Any) -> None:
    """The query string of a GET, the body of a POST."""
    client = ccxt_client(ccxt.bybit(KEYS), "BTCUSDT", NOW_MS)
    made = [
        client.signed("GET", "v5/account/fee-rate", category="spot", symbol="BTCUSDT"),
        client.signed("POST", "v5/order/cancel-all", category="spot", symbol="BTCUSDT"),
        client.request("fetch_open_orders", "BTC/USDT"),
        client.request("cancel_order", "1234567890", "BTC/USDT"),
    ]
    for request in made:
        params = json.loads(request.body) if request.body else dict(parse_qsl(request.url.partition("?")[2]))
        signed = {name: value for name, value in request.headers.items() if name.startswith("X-BAPI")}
        assert signed.items() <= headers(request.method, list(params.items())).items()


def test_the_auth_frame_equals_ccxt(ccxt_client: Any) -> None:
    """Expires as a number of ms ahead of the venue's clock (ccxt writes it as text); the signature of ``GET/realtime``
    and it."""
    made = ccxt_client(ccxt.pro.bybit(KEYS), "BTCUSDT", NOW_MS).frame(
        "authenticate", "wss://stream.bybit.com/v5/private"
    )
    key, expires, sign = made["args"]
    frame = tables.login(Context(LINK, Catalogue(), SIGNER), NOW_MS * MS)
    assert isinstance(frame.data, Secret)
    assert json.loads(frame.data.reveal()) == {"req_id": "auth", "op": "auth", "args": [key, int(expires), sign]}


def test_a_request_is_signed_as_it_is_sent() -> None:
    """The signed text is the query of the url, the body of the request, byte for byte."""
    rest = BYBIT.session(LINK, Catalogue([BTC]), SIGNER)
    order = NewOrder(account=ME, instrument=BTC.id, cl_ord_id="a1", side=Side.BUY, qty=Decimal("1e-6"), px=Decimal(5))
    now_ns = 1_700_000_000_000 * MS
    for what in (Ask(kind=AskKind.BALANCES), [order]):
        (request,) = rest.encode(what, now_ns)
        assert isinstance(request, HttpRequest)
        payload = request.body.decode() or request.url.partition("?")[2]
        sent: dict[str, Any] = dict(request.headers)
        text = f"1700000000000{KEYS['apiKey']}5000{payload}"
        good = hmac.new(KEYS["secret"].encode(), text.encode(), "sha256").hexdigest()
        assert sent["X-BAPI-SIGN"].reveal() == good
        assert (sent["X-BAPI-TIMESTAMP"], sent["X-BAPI-RECV-WINDOW"]) == ("1700000000000", "5000")
        assert good not in repr(request)


def test_the_window_ends_at_the_deadline() -> None:
    """A request that comes later than its recv_window is refused: Bybit's own expiry."""
    assert tables.window_ms(0, 0) == "5000"
    assert tables.window_ms(250 * MS, 0) == "250"
    assert tables.window_ms(60_000 * MS, 0) == "5000"
    assert tables.window_ms(5 * MS, 10 * MS) == "1"


def test_the_venues_clock_is_signed() -> None:
    """The measured offset is added."""
    signer = LocalSigner("k", "s")
    signer.offset_ns = -3 * MS
    assert headers("GET", [], 10, signer)["X-BAPI-TIMESTAMP"] == "7"
