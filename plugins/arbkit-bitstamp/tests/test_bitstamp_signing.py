"""Signatures against ccxt, against its recorded requests, and by hand."""

from __future__ import annotations

import hmac
import re
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import ccxt
import pytest
from arbkit_bitstamp.adapter import Bitstamp
from wires import instrument

from arbkit.core.types import (
    Ask,
    AskKind,
    CancelOrder,
    Catalogue,
    HttpRequest,
    LinkSpec,
    ListFills,
    ListOpenOrders,
    NewOrder,
    QueryOrder,
    Role,
    Secret,
    Side,
    VenueSettings,
)
from arbkit.core.venues.signer import LocalSigner
from arbkit.testing import corpus
from arbkit.testing.conformance import RULES, VenueUnderTest

NOW_NS = 1_780_000_000_123_456_789
ME = "bitstamp:main"
BTC = instrument("bitstamp", "btcusd", "1", "0.00000001", "BTC-USD")
LINK = LinkSpec(link="bitstamp.main.rest", venue="bitstamp", role=Role.REST, account=ME)
WHATS = [
    NewOrder(account=ME, instrument=BTC.id, cl_ord_id="a1", side=Side.BUY, qty=Decimal("0.5"), px=Decimal(61000)),
    CancelOrder(account=ME, instrument=BTC.id, cl_ord_id="a1"),
    QueryOrder(account=ME, instrument=BTC.id, cl_ord_id="a1"),
    ListFills(account=ME, instrument=BTC.id, since_ns=NOW_NS),
]
BARE = [Ask(kind=AskKind.TOKEN), Ask(kind=AskKind.BALANCES), Ask(kind=AskKind.FEES), ListOpenOrders(account=ME)]


def made(what: Any) -> HttpRequest:
    session: Any = Bitstamp(VenueSettings()).session(LINK, Catalogue([BTC]), LocalSigner("the-key", "the-secret"))
    (request,) = session.encode(what if isinstance(what, Ask) else [what], NOW_NS)
    assert isinstance(request, HttpRequest)
    return request


def headers(request: HttpRequest) -> dict[str, str]:
    return {name: text.reveal() if isinstance(text, Secret) else text for name, text in request.headers}


@pytest.mark.parametrize("what", WHATS, ids=str)
def test_ccxt_signs_each_request_alike(what: Any) -> None:
    """Its parameters in our order, its path, its nonce and time: the same headers and the same body."""
    ours = made(what)
    assert (ours.method, urlsplit(ours.url).query) == ("POST", "")
    client: Any = ccxt.bitstamp({"apiKey": "the-key", "secret": "the-secret"})
    client.uuid = lambda: headers(ours)["X-Auth-Nonce"]
    client.milliseconds = lambda: NOW_NS // 10**6
    path = urlsplit(ours.url).path.removeprefix("/api/v2/")
    theirs = client.sign(path, ["private"], "POST", dict(parse_qsl(ours.body.decode())))
    assert theirs["url"] == ours.url
    assert theirs["body"] == ours.body.decode()
    assert theirs["headers"] == headers(ours)


@pytest.mark.parametrize("what", BARE, ids=str)
def test_a_call_without_parameters_has_no_body_and_no_content_type(what: Any) -> None:
    """ccxt sends a body that means nothing instead, so this one is made by hand."""
    ours = headers(made(what))
    assert made(what).body == b""
    assert "Content-Type" not in ours
    path = urlsplit(made(what).url).path
    text = f"BITSTAMP the-keyPOSTwww.bitstamp.net{path}{ours['X-Auth-Nonce']}1780000000123v2"
    assert ours["X-Auth-Signature"] == hmac.new(b"the-secret", text.encode(), "sha256").hexdigest()


def test_nonces_are_uuids_and_never_the_same() -> None:
    """Also when the clock stands still."""
    session: Any = Bitstamp(VenueSettings()).session(LINK, Catalogue(), LocalSigner("k", "s"))
    found = [headers(session.encode(Ask(kind=AskKind.BALANCES), NOW_NS)[0])["X-Auth-Nonce"] for _ in range(100)]
    assert len(set(found)) == 100
    pattern = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
    assert all(pattern.fullmatch(nonce) for nonce in found)


def test_the_signature_is_no_secret_that_is_shown() -> None:
    assert headers(made(WHATS[0]))["X-Auth-Signature"] not in repr(made(WHATS[0]))


@pytest.mark.recordings("bitstamp", "frames")
def test_recorded_requests_of_ccxt() -> None:
    """The signed requests that stand beside the recordings."""
    folder = corpus.folder()
    assert folder is not None
    path = folder / "bitstamp" / "signing.json"
    assert RULES["signing_vectors"](VenueUnderTest(Bitstamp, None, vectors=path)) == "9 signatures compared"
