"""The helpers that venues share."""

from __future__ import annotations

from base64 import b64decode
from decimal import Decimal

import msgspec
import pytest

from arbkit.adapters.links import Hosts, site
from arbkit.adapters.signing import ed25519_base64, hmac_base64, hmac_hex
from arbkit.adapters.wire import (
    S,
    check_amount,
    is_present,
    iso_ns,
    json_text,
    number,
    own_id,
    query,
    read_json,
    retry_ns,
    whole,
)
from arbkit.core.errors import ConfigError
from arbkit.core.orders.ids import format_cl_ord_id
from arbkit.core.types import HttpAnswer, VenueSettings
from arbkit.core.venues.signer import LocalSigner


def test_query_keeps_order_and_encodes() -> None:
    """Nothing is sorted; everything outside the unreserved set is percent-encoded, also the slash."""
    assert query([("b", "x y"), ("a", "1/2&3+4"), ("c", "é~")]) == "b=x%20y&a=1%2F2%263%2B4&c=%C3%A9~"
    assert query([]) == ""


def test_bodies_that_are_not_json_prove_nothing() -> None:
    """They give None, never an exception."""
    decoder = msgspec.json.Decoder(dict[str, int])
    assert read_json(decoder, b'{"a":1}') == {"a": 1}
    for body in (b"", b"<html>", b'{"a":', b'{"a":"x"}', b"\xff", b"[" * 100_000):
        assert read_json(decoder, body) is None


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "-Infinity", "1e18", "-1e18", "1e400"])
def test_numbers_no_market_has(text: str) -> None:
    """Not finite, or beyond any market."""
    with pytest.raises(ValueError, match="not a finite number below"):
        check_amount(Decimal(1), None, Decimal(text))


@pytest.mark.parametrize("text", ["1e-999999", "0e-999999", "0." + "1" * 100, "1_000", "\u0661", "9" * 5000])
def test_a_number_has_a_length_and_an_alphabet(text: str) -> None:
    """What ``Decimal`` would read, and what a million digits would make of every sum after it."""
    with pytest.raises(ValueError, match="not a"):
        number(text)


@pytest.mark.parametrize("text", ["", "-1", "1.0", "\u00b2", "\u0663", "9" * 20, "1e3"])
def test_a_whole_number_has_a_length_and_an_alphabet(text: str) -> None:
    """ASCII digits, as many as a time in nanoseconds has."""
    assert whole("1780000000000000000") == 1780000000000000000
    with pytest.raises(ValueError, match="not a whole number"):
        whole(text)


def test_ordinary_numbers_pass() -> None:
    """None means that the message has no such number."""
    check_amount(None, Decimal(0), Decimal("-5"), Decimal("1e17"), Decimal("1e-30"))


def test_retry_after() -> None:
    """Seconds from now; the default if it is missing or invalid."""

    def until(**headers: str) -> int:
        return retry_ns(HttpAnswer(429, {name.replace("_", "-"): text for name, text in headers.items()}, b""), 10, 3)

    assert until(retry_after="2") == 2 * S + 10
    assert until(retry_after="0.5") == S // 2 + 10
    for text in ("", "soon", "-1", "inf", "1e30", "nan"):
        assert until(retry_after=text) == 3 * S + 10
    assert until() == 3 * S + 10


def test_foreign_client_ids_are_not_ours() -> None:
    """Only ids with valid check digits are ours."""
    assert own_id(format_cl_ord_id(7)) == format_cl_ord_id(7)
    for text in ("", "x-TKT5PX2F", format_cl_ord_id(7)[:-1] + "!", format_cl_ord_id(7).upper()):
        assert own_id(text) == ""


def test_fields_decoded_later() -> None:
    """Absent and null are not present."""
    assert is_present(msgspec.Raw(b'{"a":1}'))
    assert not is_present(msgspec.Raw(b"null"))
    assert not is_present(msgspec.Raw())


def test_json_is_compact() -> None:
    """The same text as is signed."""
    assert json_text({"a": [1, "x"]}) == '{"a":[1,"x"]}'


def test_signature_test_vectors() -> None:
    """Against RFC 4231 (case 2) and RFC 8032 (test 1)."""
    jefe = LocalSigner("k", "Jefe")
    wanted = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert hmac_hex(jefe, "what do ya want for nothing?") == wanted
    assert hmac_base64(jefe, "what do ya want for nothing?") == "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="
    seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
    edwards = LocalSigner("k", seed, encoding="hex")
    wanted = (
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b"
    )
    assert b64decode(ed25519_base64(edwards, "")).hex() == wanted


def test_a_mistyped_endpoint_in_the_table_of_hosts_is_refused() -> None:
    """Else the sockets would have no host, and nothing would say so before the first connection."""
    with pytest.raises(ValueError, match="hosts of x: no endpoint is called ws_pubic; known: rest, ws_public"):
        Hosts("x", {("prod", ""): {"rest": "https://a.example", "ws_pubic": "wss://b.example"}})


def test_a_site_names_the_endpoints_that_the_venue_has() -> None:
    """Sockets with a key share the public host unless they have their own; without order entry there is no endpoint
    for it."""
    assert site("r", "p") == {"rest": "r", "ws_public": "p", "ws_private": "p"}
    assert site("r", "p", "a") == {"rest": "r", "ws_public": "p", "ws_private": "a"}
    assert site("r", "p", trade=True) == {"rest": "r", "ws_public": "p", "ws_private": "p", "ws_trade": "p"}
    assert site("r", "p", "a", trade=True) == {"rest": "r", "ws_public": "p", "ws_private": "a", "ws_trade": "a"}


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2026-08-09T21:05:48.228568804Z", 1_786_309_548_228_568_804),
        ("2026-08-09T21:05:48.5Z", 1_786_309_548_500_000_000),
        ("2026-08-09T21:05:48Z", 1_786_309_548_000_000_000),
        ("1970-01-01T00:00:00Z", 0),
        ("0001-01-01T00:00:00Z", 0),
        ("", 0),
        ("never", 0),
        ("2026-08-09T21:05:48", 0),
        ("2026-08-09T21:05:48.1234567890Z", 0),
        ("2026-08-09T21:05:48+02:00Z", 0),
        ("2026-13-09T21:05:48Z", 0),
        ("2026-08-09T21:05:4²Z", 0),
    ],
)
def test_iso_times(text: str, ns: int) -> None:
    """To the nanosecond; what is no UTC time is 0."""
    assert iso_ns(text) == ns


def test_an_endpoint_that_the_venue_has_nowhere_is_not_asked_for() -> None:
    """A simulated venue has the endpoints of the real one: without a trade socket there is none to name."""
    hosts = Hosts("x", {("prod", ""): {"rest": "https://a.example", "ws_public": "wss://b.example", "ws_trade": ""}})
    given = {"rest": "http://127.0.0.1:1", "ws_public": "ws://127.0.0.1:1"}
    assert hosts.urls(VenueSettings(environment="sim", endpoints=given)) == {
        **given,
        "ws_private": "",
        "ws_trade": "",
    }
    with pytest.raises(ConfigError, match="needs endpoints ws_public "):
        hosts.urls(VenueSettings(environment="sim", endpoints={"rest": "http://127.0.0.1:1"}))
