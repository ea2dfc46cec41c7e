"""Signatures against ccxt, an independent client, and against texts that were computed from the page's rule."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import ccxt
import pytest
from arbkit_cryptocom import tables
from arbkit_cryptocom.adapter import Cryptocom
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
    Side,
    Tif,
    VenueSettings,
)
from arbkit.core.venues.signer import LocalSigner
from arbkit.venue import Context

NOW_MS = 1_750_000_000_000
NOW_NS = NOW_MS * 1_000_000
KEYS = {"apiKey": "arbkit-cryptocom-test-key", "secret": "arbkit-cryptocom-test-secret"}
BTC = instrument("cryptocom", "BTC_USDT", "0.01", "0.00001")
ME = "cryptocom:main"
ID = "arbkit0000000001"
ORDER = NewOrder(account=ME, instrument=BTC.id, cl_ord_id=ID, side=Side.BUY, qty=Decimal("0.1"), px=Decimal(50000))
POST_ONLY = NewOrder(
    account=ME,
    instrument=BTC.id,
    cl_ord_id=ID,
    side=Side.SELL,
    qty=Decimal("0.1"),
    px=Decimal(1),
    tif=Tif.GTC,
    post_only=True,
)


def session(role: Role) -> Any:
    link = LinkSpec(link="x", venue="cryptocom", role=role, account=ME)
    return Cryptocom(VenueSettings()).session(link, Catalogue([BTC]), LocalSigner(*KEYS.values()))


@pytest.mark.parametrize(
    "what",
    [
        ORDER,
        POST_ONLY,
        CancelOrder(account=ME, instrument=BTC.id, cl_ord_id=ID),
        CancelOrder(account=ME, instrument=BTC.id, cl_ord_id="", order_id="6142909895036331486"),
        QueryOrder(account=ME, instrument=BTC.id, cl_ord_id=ID),
        ListOpenOrders(account=ME, instrument=BTC.id),
        Ask(kind=AskKind.BALANCES),
        Ask(kind=AskKind.FEES, instrument=BTC.id),
    ],
    ids=["order", "post-only", "cancel", "cancel by id", "query", "open orders", "balances", "fees"],
)
def test_the_independent_client_signs_our_parameters_so(what: Ask | Command) -> None:
    """The same URL, key, parameters, time and signature; ccxt writes id and time as text."""
    independent = ccxt.cryptocom(KEYS)
    independent.nonce = lambda: NOW_MS
    (request,) = session(Role.REST).encode(what if isinstance(what, Ask) else [what], NOW_NS)
    body = json.loads(request.body)
    made = independent.sign(body["method"], ["v1", "private"], "POST", body["params"])
    theirs = json.loads(made["body"])
    assert request.url == made["url"]
    assert dict(request.headers) == made["headers"]
    assert body == theirs | {"id": NOW_MS, "nonce": NOW_MS}


@pytest.mark.parametrize(
    ("method", "number", "params", "ms", "proof"),
    [
        ("public/auth", 11, {}, 1589594102779, "9dcebf6eeec155f829227ee447dee73120e0aead42fab74d38ed5d8271793dc8"),
        (
            "private/get-order-detail",
            11,
            {"order_id": "53287421324"},
            1587846358253,
            "02ef0a52c9428e5d3dcc5dd24d534ca39ef73f35acd3f6945f139a2364ef67a9",
        ),
    ],
)
def test_signatures_of_the_pages_requests(method: str, number: int, params: Any, ms: int, proof: str) -> None:
    """The page gives no result; these were computed by another program, with an invented key."""
    link = LinkSpec(link="x", venue="cryptocom", role=Role.REST, account=ME)
    context = Context(link, Catalogue(), LocalSigner("token", "secretKey"))
    assert tables.signed(context, method, params, ms * 1_000_000, number)["sig"] == proof


def test_parameters_are_signed_by_their_sorted_names() -> None:
    """Lists in their order, objects in lists by the same rule, nothing between."""
    orders = [{"side": "BUY", "price": "1"}, {"side": "SELL", "exec_inst": ["POST_ONLY", "X"]}]
    assert tables.flat({"b": orders, "a": "7"}) == "a7bprice1sideBUYexec_instPOST_ONLYXsideSELL"


def test_no_two_requests_have_one_time() -> None:
    """A repeated request would be refused."""
    rest = session(Role.REST)
    bodies = [json.loads(request.body) for _ in range(3) for request in rest.encode([ORDER], NOW_NS)]
    assert [body["nonce"] for body in bodies] == [body["id"] for body in bodies] == [NOW_MS + n for n in range(3)]


def test_the_login_frame() -> None:
    """After the first second; as ccxt writes it, but for the types of id and time."""
    private = session(Role.PRIVATE)
    assert private.start(NOW_NS) == ()
    (frame,) = private.tick(NOW_NS + 1_000_000_000)
    assert isinstance(frame.data, Secret)
    told = json.loads(frame.data.reveal())
    independent = ccxt.cryptocom(KEYS)
    text = f"public/auth{told['id']}{KEYS['apiKey']}{told['nonce']}"
    proof = independent.hmac(independent.encode(text), independent.encode(KEYS["secret"]), "sha256")
    assert told == {
        "id": 1,
        "method": "public/auth",
        "api_key": KEYS["apiKey"],
        "params": {},
        "nonce": NOW_MS + 1000,
        "sig": proof,
    }


def test_nothing_secret_is_shown() -> None:
    """Key and signature stand in the body of a request, which is not shown."""
    (request,) = session(Role.REST).encode([ORDER], NOW_NS)
    private = session(Role.PRIVATE)
    private.start(0)
    text = repr([request, *private.tick(10**9)])
    for secret in (*KEYS.values(), json.loads(request.body)["sig"]):
        assert secret not in text


def test_without_a_key_the_public_calls_work() -> None:
    """Pairs and time need none."""
    rest = Cryptocom(VenueSettings()).session(LinkSpec(link="x", venue="cryptocom", role=Role.REST), Catalogue(), None)
    base = "https://api.crypto.com/exchange/v1/public/"
    for kind, path in (
        (AskKind.CATALOGUE, "get-instruments"),
        (AskKind.TIME, "get-book?instrument_name=BTC_USDT&depth=1"),
    ):
        assert rest.encode(Ask(kind=kind), 0) == [HttpRequest("GET", f"{base}{path}")]
