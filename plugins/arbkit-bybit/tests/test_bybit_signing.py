"""Signatures against ccxt, an independent client (the venue's page prints none that can be checked)."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import ccxt
import ccxt.pro
from arbkit_bybit import login
from arbkit_bybit.adapter import Bybit

from arbkit.core.types import (
    Ask,
    AskKind,
    Catalogue,
    HttpRequest,
    Instrument,
    LinkSpec,
    NewOrder,
    Role,
    Secret,
    Side,
    VenueSettings,
)
from arbkit.core.venues.signer import LocalSigner

MS = 1_000_000
NOW_MS = 1_750_000_000_000
KEYS = {"apiKey": "arbkit-bybit-test-key", "secret": "arbkit-bybit-test-secret"}
SIGNER = LocalSigner(KEYS["apiKey"], KEYS["secret"])
BTC = Instrument(
    venue="bybit",
    symbol="BTC-USDT",
    native="BTCUSDT",
    base="BTC",
    quote="USDT",
    tick=Decimal("0.1"),
    lot=Decimal("0.000001"),
)
BYBIT = Bybit(VenueSettings())
ME = "bybit:main"


def signature(payload: str, ms: int) -> str:
    return dict(login.headers(SIGNER, payload, ms * MS, "5000"))["X-BAPI-SIGN"].reveal()


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
        payload = request.body or request.url.partition("?")[2]
        headers = login.headers(SIGNER, payload, NOW_MS * MS, "5000")
        ours = {name: value.reveal() if isinstance(value, Secret) else value for name, value in headers}
        signed = {name: value for name, value in request.headers.items() if name.startswith("X-BAPI")}
        assert signed.items() <= ours.items()


def test_the_auth_frame_equals_ccxt(ccxt_client: Any) -> None:
    """Expires as a number of ms ahead of the venue's clock (ccxt writes it as text); the signature of ``GET/realtime``
    and it."""
    made = ccxt_client(ccxt.pro.bybit(KEYS), "BTCUSDT", NOW_MS).frame(
        "authenticate", "wss://stream.bybit.com/v5/private"
    )
    key, expires, sign = made["args"]
    frame = login.frame(SIGNER, NOW_MS * MS)
    assert isinstance(frame.data, Secret)
    assert json.loads(frame.data.reveal()) == {"req_id": "auth", "op": "auth", "args": [key, int(expires), sign]}


def test_a_request_is_signed_as_it_is_sent() -> None:
    """The signed text is the query of the url, the body of the request, byte for byte."""
    link = LinkSpec(link="x", venue="bybit", role=Role.REST, account=ME)
    rest = BYBIT.session(link, Catalogue([BTC]), SIGNER)
    order = NewOrder(account=ME, instrument=BTC.id, cl_ord_id="a1", side=Side.BUY, qty=Decimal("1e-6"), px=Decimal(5))
    now_ns = 1_700_000_000_000 * MS
    for what in (Ask(kind=AskKind.BALANCES), [order]):
        (request,) = rest.encode(what, now_ns)
        assert isinstance(request, HttpRequest)
        payload = request.body.decode() or request.url.partition("?")[2]
        headers = dict(request.headers)
        assert headers["X-BAPI-SIGN"].reveal() == signature(payload, 1_700_000_000_000)
        assert (headers["X-BAPI-TIMESTAMP"], headers["X-BAPI-RECV-WINDOW"]) == ("1700000000000", "5000")
        assert headers["X-BAPI-SIGN"].reveal() not in repr(request)


def test_the_window_ends_at_the_deadline() -> None:
    """A request that comes later than its recv_window is refused: Bybit's own expiry."""
    assert login.window_ms(0, 0) == "5000"
    assert login.window_ms(250 * MS, 0) == "250"
    assert login.window_ms(60_000 * MS, 0) == "5000"
    assert login.window_ms(5 * MS, 10 * MS) == "1"


def test_the_venues_clock_is_signed() -> None:
    """The measured offset is added."""
    signer = LocalSigner("k", "s")
    signer.offset_ns = -3 * MS
    assert dict(login.headers(signer, "", 10 * MS, "5000"))["X-BAPI-TIMESTAMP"] == "7"
