"""Signatures against ccxt, an independent client; and what orders carry."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import ccxt
import ccxt.pro
import pytest
from arbkit_htx.adapter import Htx
from wires import instrument

from arbkit.core.types import (
    Ask,
    AskKind,
    CancelOrder,
    Catalogue,
    HttpAnswer,
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
KEYS = {"apiKey": "arbkit-htx-test-key", "secret": "arbkit-htx-test-secret"}
ME = "htx:main"
BTC = instrument("htx", "btcusdt", "0.01", "0.000001")
ACCOUNTS = b'{"status":"ok","data":[{"id":4,"type":"otc","state":"working"},{"id":7,"type":"spot","state":"working"}]}'


def session(role: Role, **settings: Any) -> Any:
    link = LinkSpec(link="x", venue="htx", role=role, account=ME)
    made = Htx(VenueSettings(**settings)).session(link, Catalogue([BTC]), LocalSigner(*KEYS.values()))
    if role is Role.REST:
        made.answered(Ask(kind=AskKind.ACCOUNT), HttpAnswer(200, {}, ACCOUNTS, 0, 0), 0)
    return made


def order(**fields: Any) -> NewOrder:
    given = {"side": Side.BUY, "qty": Decimal("0.1"), "px": Decimal(50000), **fields}
    return NewOrder(account=ME, instrument=BTC.id, cl_ord_id="arbkit0000000001", **given)


def shown(request: Any) -> tuple[str, str, str]:
    return request.method, request.url.reveal(), request.body.decode()


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (
            ("cancel_order", "1234567890", "BTC/USDT"),
            CancelOrder(account=ME, instrument=BTC.id, cl_ord_id="", order_id="1234567890"),
        ),
        (
            ("fetch_order", "1234567890", "BTC/USDT"),
            QueryOrder(account=ME, instrument=BTC.id, cl_ord_id="", order_id="1234567890"),
        ),
    ],
    ids=["cancel", "query"],
)
def test_our_signatures_equal_the_independent_clients(ccxt_client: Any, call: tuple[Any, ...], what: Any) -> None:
    made = ccxt_client(ccxt.htx(KEYS), "btcusdt", NOW_MS).request(*call)
    (request,) = session(Role.REST).encode([what], NOW_NS)
    assert shown(request)[:2] == (made.method, made.url)


def test_the_login_frame_equals_the_independent_clients() -> None:
    """Made by ccxt's own rule: the names in order, each in the form of the socket."""
    (frame,) = session(Role.PRIVATE).start(NOW_NS)
    assert isinstance(frame.data, Secret)
    params = json.loads(frame.data.reveal())["params"]
    signature = params.pop("signature")
    assert params.pop("authType") == "api"
    client = ccxt.htx(KEYS)
    text = "\n".join(["GET", "api.huobi.pro", "/ws/v2", client.urlencode(client.keysort(params), True)])
    assert signature == client.hmac(text.encode(), KEYS["secret"].encode(), "sha256", "base64")


def test_the_host_is_signed() -> None:
    """The same order on another host has another signature."""
    urls = [
        urlsplit(shown(session(Role.REST, options={"region": region}).encode([order()], NOW_NS)[0])[1])
        for region in ("global", "aws")
    ]
    assert [url.netloc for url in urls] == ["api.huobi.pro", "api-aws.huobi.pro"]
    assert urls[0].query.rpartition("&")[0] == urls[1].query.rpartition("&")[0]
    assert urls[0].query != urls[1].query


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"tif": Tif.IOC}, "buy-ioc"),
        ({"tif": Tif.FOK, "side": Side.SELL}, "sell-limit-fok"),
        ({"tif": Tif.GTC}, "buy-limit"),
        ({"tif": Tif.GTC, "post_only": True}, "buy-limit-maker"),
    ],
)
def test_an_order_has_the_number_of_the_spot_account(fields: dict[str, Any], kind: str) -> None:
    (request,) = session(Role.REST).encode([order(**fields)], NOW_NS)
    assert json.loads(request.body) == {
        "account-id": "7",
        "symbol": "btcusdt",
        "type": kind,
        "amount": "0.1",
        "price": "50000",
        "source": "spot-api",
        "client-order-id": "arbkit0000000001",
    }


def test_nothing_secret_is_shown() -> None:
    (request,) = session(Role.REST).encode([order()], NOW_NS)
    signature = shown(request)[1].rpartition("Signature=")[2]
    text = repr([request, *session(Role.PRIVATE).start(NOW_NS)])
    assert signature not in text
    assert KEYS["secret"] not in text
