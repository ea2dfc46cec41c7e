"""Signatures equal the venue's published examples and what ccxt sends."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import ccxt
import ccxt.pro
import pytest
from arbkit_binance.adapter import Binance
from arbkit_binance.sockets import Api
from arbkit_binance.tables import SIGNATURES
from wires import instrument

from arbkit.adapters.wire import query
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
    Send,
    Side,
    Tif,
    VenueSettings,
)
from arbkit.core.venues.signer import LocalSigner

NOW_MS = 1_750_000_000_000
NOW = NOW_MS * 1_000_000
ID = "binance:BTC-USDT"
CL = "arbkit0000000001"
ACCOUNT = "binance:main"
KEY, SECRET = "arbkit-binance-test-key", "arbkit-binance-test-secret"
KEYS = {"apiKey": KEY, "secret": SECRET}


def signer() -> LocalSigner:
    return LocalSigner(KEY, SECRET)


def session(role: Role) -> Any:
    market = instrument("binance", "BTCUSDT", "0.01", "0.00001")
    venue = Binance(VenueSettings(options={"recv_window_ms": "10000"}))
    link = LinkSpec(link=f"binance.main.{role.value}", venue="binance", role=role, account=ACCOUNT)
    return venue.session(link, Catalogue([market]), signer())


def sent(role: Role, what: Ask | Command) -> HttpRequest:
    (wire,) = session(role).encode(what if isinstance(what, Ask) else [what], NOW)
    assert isinstance(wire, HttpRequest)
    return wire


LIMIT = ("BTC/USDT", "limit", "buy", 0.0123, 65000.5)
MINE = {"clientOrderId": CL}


@pytest.mark.parametrize(
    ("call", "command"),
    [
        (("fetch_balance",), Ask(kind=AskKind.BALANCES)),
        (
            ("cancel_order", "1234567890", "BTC/USDT"),
            CancelOrder(account=ACCOUNT, instrument=ID, cl_ord_id=CL, order_id="1234567890"),
        ),
        (("cancel_order", None, "BTC/USDT", MINE), CancelOrder(account=ACCOUNT, instrument=ID, cl_ord_id=CL)),
        (
            ("fetch_order", "1234567890", "BTC/USDT"),
            QueryOrder(account=ACCOUNT, instrument=ID, cl_ord_id=CL, order_id="1234567890"),
        ),
        (("fetch_open_orders", "BTC/USDT"), ListOpenOrders(account=ACCOUNT, instrument=ID)),
    ],
    ids=["balances", "cancel by id", "cancel by client id", "query", "open orders"],
)
def test_whole_requests_equal_ccxt(ccxt_client: Any, call: tuple[Any, ...], command: Ask | Command) -> None:
    """Method, URL with signature, and key header, byte for byte."""
    wanted = ccxt_client(ccxt.binance(KEYS), "BTCUSDT", NOW_MS).request(*call)
    wire = sent(Role.REST, command)
    assert isinstance(wire.url, Secret)
    assert (wire.method, wire.url.reveal()) == (wanted.method, wanted.url)
    assert dict(wire.headers) == wanted.headers


@pytest.mark.parametrize("post_only", [False, True])
def test_new_orders_equal_ccxt(ccxt_client: Any, post_only: bool) -> None:
    """The same signed text; it travels in the query here and in the body there (the venue takes either)."""
    params = {**MINE, **({"postOnly": True} if post_only else {"timeInForce": "IOC"})}
    wanted = ccxt_client(ccxt.binance(KEYS), "BTCUSDT", NOW_MS).request("create_order", *LIMIT, params)
    wire = sent(
        Role.REST,
        NewOrder(
            account=ACCOUNT,
            instrument=ID,
            cl_ord_id=CL,
            side=Side.BUY,
            qty=Decimal("0.0123"),
            px=Decimal("65000.50"),
            tif=Tif.IOC,
            post_only=post_only,
        ),
    )
    assert isinstance(wire.url, Secret)
    assert wire.method == wanted.method == "POST"
    assert wire.url.reveal().partition("?")[2] == wanted.body


@pytest.mark.parametrize(
    "call",
    [
        ("create_order", *LIMIT, MINE),
        ("create_order", "BTC/USDT", "market", "sell", 0.0123),
        ("cancel_all_orders", "BTC/USDT"),
        ("fetch_my_trades", "BTC/USDT"),
    ],
    ids=lambda call: call[0],
)
def test_any_rest_payload_of_ccxt_signs_to_its_signature(ccxt_client: Any, call: tuple[Any, ...]) -> None:
    """The recipe itself, on texts that ccxt made."""
    request = ccxt_client(ccxt.binance(KEYS), "BTCUSDT", NOW_MS).request(*call)
    payload, _, wanted = (request.body or request.url.partition("?")[2]).partition("&signature=")
    assert SIGNATURES["hmac"](signer(), payload) == wanted


@pytest.mark.parametrize(
    "call",
    [
        ("watch_balance",),
        ("create_order_ws", *LIMIT, {"timeInForce": "IOC", **MINE}),
        ("cancel_order_ws", "1234567890", "BTC/USDT"),
    ],
    ids=lambda call: call[0],
)
def test_socket_requests_equal_ccxt(ccxt_client: Any, call: tuple[Any, ...]) -> None:
    """Parameters sorted by name and joined raw; the whole frame is equal."""
    wanted = ccxt_client(ccxt.pro.binance(KEYS), "BTCUSDT", NOW_MS).frame(*call)
    params = [
        (key, value)
        for key, value in wanted["params"].items()
        if key not in ("apiKey", "signature", "timestamp", "recvWindow", "returnRateLimits")
    ]
    if "returnRateLimits" in wanted["params"]:  # ccxt switches the counts off: in the signed text that is "false"
        params.append(("returnRateLimits", "false"))
    wire = Api(signer(), "hmac", 10_000, private=False).call(wanted["id"], wanted["method"], params, NOW)
    assert isinstance(wire.data, Secret)
    made = json.loads(wire.data.reveal())
    if "returnRateLimits" in made["params"]:
        made["params"]["returnRateLimits"] = False
    assert made == wanted


def test_user_stream_frame_of_the_private_session_equals_ccxt(ccxt_client: Any) -> None:
    """What the private session really sends first."""
    (wire,) = session(Role.PRIVATE).start(NOW)
    assert isinstance(wire, Send)
    assert isinstance(wire.data, Secret)
    made = json.loads(wire.data.reveal())
    wanted = ccxt_client(ccxt.pro.binance(KEYS), "BTCUSDT", NOW_MS).frame("watch_balance")
    assert made["method"] == wanted["method"]
    assert made["params"] == wanted["params"]


def test_published_examples() -> None:
    """The two HMAC examples of the venue's pages: developers.binance.com/docs/binance-spot-api-docs/rest-api/
    request-security and .../websocket-api/request-security."""
    theirs = LocalSigner(
        "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A",
        "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j",
    )
    rest = (
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
    )
    assert SIGNATURES["hmac"](theirs, rest) == "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
    place = [
        ("symbol", "BTCUSDT"),
        ("side", "SELL"),
        ("type", "LIMIT"),
        ("timeInForce", "GTC"),
        ("quantity", "0.01000000"),
        ("price", "52000.00"),
    ]
    api = Api(theirs, "hmac", 100, private=False)
    wire = api.call("1", "order.place", place, 1645423376532 * 1_000_000)
    assert isinstance(wire.data, Secret)
    made = json.loads(wire.data.reveal())["params"]["signature"]
    assert made == "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24"


def test_values_are_percent_encoded_before_signing() -> None:
    """A symbol outside ASCII is signed as it travels."""
    assert query([("symbol", "币安人生USDT")]) == "symbol=%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9FUSDT"


def test_nothing_signed_shows_its_text() -> None:
    """A signed URL or frame prints as ***."""
    command = QueryOrder(account=ACCOUNT, instrument=ID, cl_ord_id=CL)
    for wire in (sent(Role.REST, command), sent(Role.REST, Ask(kind=AskKind.BALANCES))):
        assert "signature" not in repr(wire)
    for role, made in ((Role.PRIVATE, session(Role.PRIVATE).start(NOW)), (Role.TRADE, session(Role.TRADE))):
        wires = made if role is Role.PRIVATE else made.encode([command], NOW)
        assert "signature" not in repr(wires)
        assert SECRET not in repr(wires)


def test_deadline_shortens_the_window() -> None:
    """recvWindow is the order's own deadline where that is nearer than the venue's window."""

    def window(deadline_ns: int) -> str:
        order = NewOrder(
            account=ACCOUNT,
            instrument=ID,
            cl_ord_id=CL,
            side=Side.SELL,
            qty=Decimal("1E-8"),
            px=Decimal(1),
            deadline_ns=deadline_ns,
        )
        wire = sent(Role.REST, order)
        assert isinstance(wire.url, Secret)
        return wire.url.reveal().partition("recvWindow=")[2].partition("&")[0]

    assert window(0) == "10000"
    assert window(NOW + 250_900_000) == "250"
    assert window(NOW + 60_000_000_000) == "10000"
    assert window(NOW - 1) == "1"


def test_numbers_are_plain() -> None:
    """No exponent ever reaches the venue."""
    order = NewOrder(
        account=ACCOUNT, instrument=ID, cl_ord_id=CL, side=Side.SELL, qty=Decimal("1E-8"), px=Decimal("1E+2")
    )
    (wire,) = session(Role.TRADE).encode([order], NOW)
    params = json.loads(wire.data.reveal())["params"]
    assert (params["quantity"], params["price"]) == ("0.00000001", "100")
