"""Signatures against the venue's published example, against ccxt, and against its recorded requests."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import ccxt
import pytest
from arbkit_kraken import tables
from arbkit_kraken.adapter import Kraken
from wires import instrument

from arbkit.core.errors import CredentialsError
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

NOW_NS = 1_780_000_000_000_000_000
# https://docs.kraken.com/api/docs/guides/spot-rest-auth
SECRET = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
PUBLISHED = "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="
ME = "kraken:main"
BTC = instrument("kraken", "BTC/USD", "0.1", "0.00000001", "BTC-USD", venue_ref="XXBTZUSD")
LINK = LinkSpec(link="kraken.main.rest", venue="kraken", role=Role.REST, account=ME)


def header(request: HttpRequest, name: str) -> str:
    text = dict(request.headers)[name]
    return text.reveal() if isinstance(text, Secret) else text


def test_the_published_example() -> None:
    body = "nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25"
    assert tables.proof(LocalSigner("k", SECRET), "/0/private/AddOrder", "1616492376594", body) == PUBLISHED


WHATS = [
    Ask(kind=AskKind.TOKEN),
    Ask(kind=AskKind.BALANCES),
    Ask(kind=AskKind.ACCOUNT),
    Ask(kind=AskKind.FEES, instrument=BTC.id),
    NewOrder(account=ME, instrument=BTC.id, cl_ord_id="a1", side=Side.BUY, qty=Decimal("0.5"), px=Decimal("61000.1")),
    CancelOrder(account=ME, instrument=BTC.id, cl_ord_id="a1"),
    QueryOrder(account=ME, instrument=BTC.id, cl_ord_id="a1"),
    ListOpenOrders(account=ME),
    ListFills(account=ME, instrument=BTC.id),
]


@pytest.mark.parametrize("what", WHATS, ids=str)
def test_ccxt_signs_each_request_alike(what: Any) -> None:
    """Its parameters in our order, its path, its nonce: the same body and the same signature."""
    session: Any = Kraken(VenueSettings()).session(LINK, Catalogue([BTC]), LocalSigner("the-key", SECRET))
    (made,) = session.encode(what if isinstance(what, Ask) else [what], NOW_NS)
    assert made.method == "POST"
    assert header(made, "API-Key") == "the-key"
    params = {name: values[0] for name, values in parse_qs(made.body.decode()).items()}
    client: Any = ccxt.kraken({"apiKey": "the-key", "secret": SECRET})
    nonce = params.pop("nonce")
    client.nonce = lambda: int(nonce)
    theirs = client.sign(made.url.rpartition("/")[2], ["private"], "POST", params)
    assert theirs["body"] == made.body.decode()
    assert theirs["headers"]["API-Sign"] == header(made, "API-Sign")
    assert "API-Sign" not in repr(made).replace(header(made, "API-Sign"), "") or header(made, "API-Sign") not in repr(
        made
    )


def test_nonces_rise() -> None:
    """Also when the clock stands still."""
    session: Any = Kraken(VenueSettings()).session(LINK, Catalogue(), LocalSigner("k", SECRET))
    bodies = [session.encode(Ask(kind=AskKind.BALANCES), NOW_NS)[0].body for _ in range(3)]
    nonces = [int(parse_qs(body.decode())["nonce"][0]) for body in bodies]
    assert nonces == [NOW_NS, NOW_NS + 1, NOW_NS + 2]


def test_a_secret_of_another_form_is_told() -> None:
    """Kraken's secrets are base64; the text is not repeated."""
    session: Any = Kraken(VenueSettings()).session(LINK, Catalogue(), LocalSigner("k", "no base64!"))
    with pytest.raises(CredentialsError, match="not base64") as told:
        session.encode(Ask(kind=AskKind.BALANCES), NOW_NS)
    assert "no base64!" not in str(told.value)


@pytest.mark.recordings("kraken", "frames-transcoded-v2")
def test_recorded_requests_of_ccxt() -> None:
    """The signed requests that stand beside the recordings."""
    folder = corpus.folder()
    assert folder is not None
    path = folder / "kraken" / "signing.json"
    assert RULES["signing_vectors"](VenueUnderTest(Kraken, None, vectors=path)) == "9 signatures compared"
