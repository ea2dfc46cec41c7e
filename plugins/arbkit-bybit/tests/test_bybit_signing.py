"""Signatures against vectors computed apart from this code (the venue's page prints none that can be checked)."""

from __future__ import annotations

import json
from decimal import Decimal

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
SIGNER = LocalSigner("XXXXXXXXXX", "arbkit-test-secret")
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


def test_rest_vectors() -> None:
    """The query string of a GET, the body of a POST."""
    get = signature("category=spot&symbol=BTCUSDT", 1658384314791)
    assert get == "3dd90fa18de98511542e23b9b09a357a6f0deeca57211b57902e96838f27370a"
    post = signature('{"category":"spot","symbol":"BTCUSDT"}', 1658385579423)
    assert post == "92713143d54c48bfac217b7b8dc41493869dd7bf6920ca87d7833abdb773a3f0"


def test_the_auth_frame() -> None:
    """Expires as a number of ms ahead of the venue's clock; hex signature of ``GET/realtime`` and it."""
    frame = login.frame(SIGNER, (1662350400000 - 10_000) * MS)
    assert isinstance(frame.data, Secret)
    assert json.loads(frame.data.reveal()) == {
        "req_id": "auth",
        "op": "auth",
        "args": [
            "XXXXXXXXXX",
            1662350400000,
            "618fcbd63a5e9271eb720178c2d4a6f8e50c24b52c80c6ce14d797cf901d3f3e",
        ],
    }


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
