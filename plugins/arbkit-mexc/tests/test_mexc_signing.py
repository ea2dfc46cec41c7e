"""Signatures against ccxt, an independent client, and against values that were computed from the page's rule."""

from __future__ import annotations

import hmac
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import ccxt
import pytest
from arbkit_mexc import tables
from arbkit_mexc.adapter import Mexc
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

NOW_MS = 1_750_000_000_000
NOW_NS = NOW_MS * 1_000_000
KEYS = {"apiKey": "arbkit-mexc-test-key", "secret": "arbkit-mexc-test-secret"}
BTC = instrument("mexc", "BTCUSDT", "0.01", "0.000001")
ME = "mexc:main"
ID = "arbkit0000000001"


def order(**more: Any) -> NewOrder:
    base: dict[str, Any] = {"side": Side.BUY, "qty": Decimal("0.1"), "px": Decimal(50000)}
    return NewOrder(account=ME, instrument=BTC.id, cl_ord_id=ID, **(base | more))


def sent(what: Ask | Command) -> HttpRequest:
    link = LinkSpec(link="x", venue="mexc", role=Role.REST, account=ME)
    session = Mexc(VenueSettings()).session(link, Catalogue([BTC]), LocalSigner(*KEYS.values()))
    (request,) = session.encode(what if isinstance(what, Ask) else [what], NOW_NS)
    assert isinstance(request, HttpRequest)
    return request


def shown(request: HttpRequest) -> tuple[str, dict[str, str]]:
    """The address and the parameters, with what is secret."""
    assert isinstance(request.url, Secret)
    path, _, query = request.url.reveal().partition("?")
    return path, dict(parse_qsl(query))


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (
            ("cancel_order", "12345", "BTC/USDT"),
            CancelOrder(account=ME, instrument=BTC.id, cl_ord_id="", order_id="12345"),
        ),
        (
            ("fetch_order", "12345", "BTC/USDT"),
            QueryOrder(account=ME, instrument=BTC.id, cl_ord_id="", order_id="12345"),
        ),
    ],
    ids=["cancel by id", "query"],
)
def test_our_requests_equal_the_independent_clients(ccxt_client: Any, call: tuple[Any, ...], what: Command) -> None:
    """Method, URL with its signature, body and each header but ccxt's own."""
    made = ccxt_client(ccxt.mexc({**KEYS}), "BTCUSDT", NOW_MS).request(*call)
    request = sent(what)
    assert isinstance(request.url, Secret)
    assert (request.method, request.url.reveal(), request.body) == (made.method, made.url, b"")
    theirs = {name: value for name, value in made.headers.items() if name != "source"}
    assert dict(request.headers) == theirs


@pytest.mark.parametrize(
    "what",
    [
        order(),
        order(post_only=True),
        Ask(kind=AskKind.BALANCES),
        Ask(kind=AskKind.TOKEN),
        Ask(kind=AskKind.FEES, instrument=BTC.id),
    ],
)
def test_the_signature_is_last_and_signs_the_query_as_sent(what: Any) -> None:
    request = sent(what)
    assert isinstance(request.url, Secret)
    query = request.url.reveal().partition("?")[2]
    signed, _, signature = query.rpartition("&signature=")
    assert signature == hmac.digest(KEYS["secret"].encode(), signed.encode(), "sha256").hex()
    assert dict(parse_qsl(signed))["timestamp"] == str(NOW_MS)
    assert KEYS["secret"] not in repr(request)
    assert signature not in repr(request)


def test_the_pages_rule_by_hand() -> None:
    """The parameters of the page's example, with a key of our own: the value comes from ``openssl dgst -sha256``."""
    text = "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=11&recvWindow=5000&timestamp=1644489390087"
    made = LocalSigner("k", "45d0b3c26f2644f19bfb98b07741b2f5").hmac("sha256", text.encode()).hex()
    assert made == "fd3e4e8543c5188531eb7279d68ae7d26a573d0fc5ab0d18eb692451654d837a"


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"tif": Tif.GTC}, "LIMIT"),
        ({"tif": Tif.IOC}, "IMMEDIATE_OR_CANCEL"),
        ({"tif": Tif.FOK}, "FILL_OR_KILL"),
        ({"post_only": True}, "LIMIT_MAKER"),
    ],
)
def test_the_time_in_force_is_the_type(more: dict[str, Any], kind: str) -> None:
    path, params = shown(sent(order(**more)))
    assert path == "https://api.mexc.com/api/v3/order"
    assert (params["type"], params["newClientOrderId"], "timeInForce" in params) == (kind, ID, False)


@pytest.mark.parametrize(("left_ms", "window"), [(0, 5000), (1500, 1500), (60_000, 5000), (-5, 1)])
def test_an_orders_window_ends_at_its_deadline(left_ms: int, window: int) -> None:
    deadline_ns = NOW_NS + left_ms * 1_000_000 if left_ms else 0
    assert shown(sent(order(deadline_ns=deadline_ns)))[1]["recvWindow"] == str(window)


def test_a_listen_key_is_made_by_post_and_renewed_by_put() -> None:
    made, renewed = sent(Ask(kind=AskKind.TOKEN)), sent(Ask(kind=AskKind.TOKEN, ref=Secret("abc123")))
    assert (made.method, renewed.method) == ("POST", "PUT")
    assert shown(renewed)[1]["listenKey"] == "abc123"
    assert "listenKey" not in shown(made)[1]
    assert shown(made)[0].endswith(tables.STREAM)
