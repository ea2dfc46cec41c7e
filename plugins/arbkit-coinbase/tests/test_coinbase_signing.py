"""Signatures against ccxt, an independent client: the tokens of requests and of the private stream."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64decode
from decimal import Decimal
from typing import Any

import ccxt
import ccxt.pro
import pytest
from arbkit_coinbase.adapter import Coinbase
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from wires import instrument

from arbkit.core.errors import CredentialsError
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
from arbkit.testing import corpus

NOW_MS = 1_781_234_567_123
NOW_NS = NOW_MS * 1_000_000
ME = "coinbase:main"
KEY = "organizations/7c0e0000-1111-4222-8333-944445555666/apiKeys/8d1f0000-1111-4222-8333-944445555666"
EC_KEY = ec.derive_private_key(0xA4B1_2026, ec.SECP256R1())
PEM = EC_KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
).decode()
ED_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(7, 39)))
ED_TEXT = b64encode(ED_KEY.private_bytes_raw() + ED_KEY.public_key().public_bytes_raw()).decode()
ETH = instrument("coinbase", "ETH-USD", "0.01", "0.00001", "ETH-USD")


def session(role: Role, key_type: str = "ecdsa", secret: str = PEM, key: str = KEY) -> Any:
    exchange = Coinbase(VenueSettings(options={"key_type": key_type}))
    link = LinkSpec(link=f"x.{role.value}", venue="coinbase", role=role, account=ME)
    return exchange.session(link, Catalogue([ETH]), LocalSigner(key, secret))


def part(text: str) -> Any:
    return json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def read(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    """Header, claims, the signed text, the signature."""
    head, claims, sign = token.split(".")
    return part(head), part(claims), f"{head}.{claims}".encode(), urlsafe_b64decode(sign + "=" * (-len(sign) % 4))


def verify(token: str, private: ec.EllipticCurvePrivateKey = EC_KEY) -> None:
    _, _, text, sign = read(token)
    assert len(sign) == 64
    r, s = int.from_bytes(sign[:32], "big"), int.from_bytes(sign[32:], "big")
    private.public_key().verify(utils.encode_dss_signature(r, s), text, ec.ECDSA(hashes.SHA256()))


def bearer(request: HttpRequest) -> str:
    text = dict(request.headers)["Authorization"]
    assert isinstance(text, Secret)
    kind, _, token = text.reveal().partition(" ")
    assert kind == "Bearer"
    return token


ORDER = NewOrder(
    account=ME, instrument=ETH.id, cl_ord_id="mine", side=Side.BUY, qty=Decimal("0.789"), px=Decimal("2345.67")
)
CALLS: list[tuple[Ask | Command, str, str]] = [
    (Ask(kind=AskKind.BALANCES), "GET", "/api/v3/brokerage/accounts"),
    (Ask(kind=AskKind.FEES), "GET", "/api/v3/brokerage/transaction_summary"),
    (Ask(kind=AskKind.ASSETS), "GET", "/v2/accounts"),
    (ORDER, "POST", "/api/v3/brokerage/orders"),
    (
        CancelOrder(account=ME, instrument=ETH.id, cl_ord_id="", order_id="7f3a"),
        "POST",
        "/api/v3/brokerage/orders/batch_cancel",
    ),
    (
        QueryOrder(account=ME, instrument=ETH.id, cl_ord_id="", order_id="7f3a"),
        "GET",
        "/api/v3/brokerage/orders/historical/7f3a",
    ),
    (ListOpenOrders(account=ME, instrument=ETH.id), "GET", "/api/v3/brokerage/orders/historical/batch"),
]


@pytest.mark.parametrize(("what", "method", "path"), CALLS)
def test_a_request_names_its_method_host_and_path(what: Any, method: str, path: str) -> None:
    """Without the query; the token is valid for two minutes and has a number of its own."""
    rest = session(Role.REST)
    tokens = []
    for _ in range(2):
        (request,) = rest.encode(what if isinstance(what, Ask) else [what], NOW_NS)
        assert (request.method, request.url.partition("?")[0]) == (method, f"https://api.coinbase.com{path}")
        tokens.append(bearer(request))
    (head, claims, _, _), (other, _, _, _) = map(read, tokens)
    assert head | {"nonce": ""} == {"alg": "ES256", "kid": KEY, "typ": "JWT", "nonce": ""}
    assert len(head["nonce"]) == 32
    assert head["nonce"] != other["nonce"]
    seconds = NOW_MS // 1000
    uri = f"{method} api.coinbase.com{path}"
    assert claims == {"iss": "cdp", "sub": KEY, "nbf": seconds, "exp": seconds + 120, "uri": uri}
    verify(tokens[0])
    with pytest.raises(InvalidSignature):
        verify(tokens[0], ec.derive_private_key(5, ec.SECP256R1()))


def test_the_same_calls_of_ccxt_make_the_same_claims(ccxt_client: Any) -> None:
    """But for the issuer, for which ccxt has the name of older pages, with an audience."""
    client = ccxt_client(ccxt.coinbase({"apiKey": KEY, "secret": PEM}), "ETH-USD", NOW_MS)
    for what, method, path in CALLS:
        if path.startswith("/v2"):
            continue
        (request,) = session(Role.REST).encode(what if isinstance(what, Ask) else [what], NOW_NS)
        made = client.client.sign(path.removeprefix("/api/v3/"), ["v3", "private"], method, {"x": "y"})
        _, ours, _, _ = read(bearer(request))
        _, theirs, _, _ = read(made["headers"]["Authorization"].removeprefix("Bearer "))
        ours.pop("iss")
        assert {name: theirs[name] for name in ours} == ours


def test_an_ed25519_key_signs_with_eddsa() -> None:
    """The secret is base64 of the seed and the public key, as the venue shows it."""
    (request,) = session(Role.REST, "ed25519", ED_TEXT).encode(Ask(kind=AskKind.BALANCES), NOW_NS)
    head, _, text, sign = read(bearer(request))
    assert head["alg"] == "EdDSA"
    ED_KEY.public_key().verify(sign, text)


def test_a_key_of_the_other_kind_is_named() -> None:
    """``key_type`` is wrong: nothing is sent, and the error says so."""
    with pytest.raises(CredentialsError, match="not a readable ecdsa"):
        session(Role.REST, "ecdsa", ED_TEXT).encode(Ask(kind=AskKind.BALANCES), NOW_NS)
    with pytest.raises(CredentialsError, match="not a ed25519 key"):
        session(Role.REST, "ed25519", PEM).encode(Ask(kind=AskKind.BALANCES), NOW_NS)


def test_the_private_stream_has_a_token_in_each_message() -> None:
    """Without the address of a request."""
    sends = session(Role.PRIVATE).start(NOW_NS)
    messages = [json.loads(send.data.reveal()) for send in sends]
    assert [(one["type"], one["channel"], "product_ids" in one) for one in messages] == [
        ("subscribe", "user", False),
        ("subscribe", "heartbeats", False),
    ]
    for one in messages:
        _, claims, _, _ = read(one["jwt"])
        assert set(claims) == {"iss", "sub", "nbf", "exp"}
        verify(one["jwt"])


def test_the_venues_clock_is_signed() -> None:
    """The measured offset is added."""
    rest = session(Role.REST)
    rest._context.signer.offset_ns = 90 * 1_000_000_000
    (request,) = rest.encode(Ask(kind=AskKind.BALANCES), NOW_NS)
    assert read(bearer(request))[1]["nbf"] == NOW_MS // 1000 + 90


def test_nothing_secret_is_shown() -> None:
    """Tokens print as ***."""
    shown = repr([*session(Role.REST).encode([ORDER], NOW_NS), *session(Role.PRIVATE).start(NOW_NS)])
    (request,) = session(Role.REST).encode([ORDER], NOW_NS)
    for secret in (bearer(request).rpartition(".")[2], PEM[40:80], "jwt"):
        assert secret not in shown
    assert not isinstance(Send("x").data, Secret)


def test_without_a_key_the_public_calls_work() -> None:
    """Catalogue and time need none."""
    rest = Coinbase(VenueSettings()).session(LinkSpec(link="x", venue="coinbase", role=Role.REST), Catalogue(), None)
    base = "https://api.coinbase.com/api/v3/brokerage/"
    for kind, path in ((AskKind.CATALOGUE, "market/products?product_type=SPOT"), (AskKind.TIME, "time")):
        assert rest.encode(Ask(kind=kind), 0) == [HttpRequest("GET", base + path, [])]


# --- vectors that another program made


def calls(exchange_order: Any) -> dict[str, Ask | Command]:
    """The calls of the vectors that we make too, by name. Market orders and cancels by our id are not the venue's, or
    not ours."""
    sell = {"side": Side.SELL, "tif": Tif.GTC}
    made = {"account": ME, "instrument": ETH.id, "cl_ord_id": exchange_order, "qty": Decimal("0.789")}
    price = {"px": Decimal("2345.67")}
    order_id = "7f3a1c2e-5b6d-4e8f-9a0b-1c2d3e4f5a6b"
    known = {"account": ME, "instrument": ETH.id, "cl_ord_id": "", "order_id": order_id}
    return {
        "limit IOC buy with client id": NewOrder(**made, **price, side=Side.BUY),
        "limit GTC sell": NewOrder(**made, **price, **sell),
        "limit post-only buy": NewOrder(**made, **price, side=Side.BUY, tif=Tif.GTC, post_only=True),
        "cancel by id": CancelOrder(**known),
        "query order": QueryOrder(**known),
        "open orders": ListOpenOrders(account=ME, instrument=ETH.id),
    }


@pytest.mark.recordings("coinbase", "frames")
def test_the_vectors() -> None:
    """The body, the claims and, with the vector's own claims, the signature to the last bit (RFC 6979)."""
    folder = corpus.folder()
    assert folder is not None
    vectors = json.loads((folder / "coinbase/signing.json").read_text())
    key, pem = (vectors["credentials"][name] for name in ("apiKey", "secret"))
    signer, compared, equal = LocalSigner(key, pem), 0, 0
    for call in vectors["rest"]:
        for theirs in call["requests"]:
            token = theirs["headers"]["Authorization"].removeprefix("Bearer ")
            head, claims, text, sign = read(token)
            ours = signer.ecdsa(text)
            order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
            mirrored = ours[:32] + (order - int.from_bytes(ours[32:], "big")).to_bytes(32, "big")
            equal += sign in (ours, mirrored)
            compared += 1
            body = json.loads(theirs["body"] or "{}")
            what = calls(body.get("client_order_id")).get(call["name"])
            if what is None:
                continue
            (request,) = session(Role.REST, "ecdsa", pem, key).encode([what], vectors["clock_ms"] * 1_000_000)
            assert json.loads(request.body or b"{}") == body
            own_head, own, _, _ = read(bearer(request))
            assert {name: own_head[name] for name in ("alg", "typ", "kid")} == {
                name: head[name] for name in ("alg", "typ", "kid")
            }
            assert {name: own[name] for name in ("sub", "nbf", "exp", "uri")} == {
                name: claims[name] for name in ("sub", "nbf", "exp", "uri")
            }
    assert compared == equal == 9
    frame = vectors["ws"][0]["frames"][0]["frame"]
    _, claims, text, _ = read(frame["jwt"])
    assert "uri" not in claims
    assert frame["channel"] == "user"
