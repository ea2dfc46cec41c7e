"""Who may call a simulated venue: the ways in which venues sign."""

from __future__ import annotations

import base64
import hmac
from decimal import Decimal

import pytest

from arbkit import sim
from arbkit.core.venues.signer import LocalSigner
from arbkit.sim.keys import Es256
from arbkit.sim.venue import SimExchange

SECRET = base64.b64encode(b"a secret of the venue").decode()
REFUSED = {"key": ("no key", ""), "sign": ("no sign", "")}


def door(**more: object) -> sim.Door:
    exchange = SimExchange("toy", sim.Profile(), [sim.Pair("A-B", "A", "B", Decimal(1), Decimal(1), Decimal(1))])
    exchange.open(sim.Account("main", key="k", secret=SECRET))
    return sim.Door(exchange, "base64", REFUSED, **more)  # type: ignore[arg-type]  # the options of one test


@pytest.mark.parametrize(
    ("more", "key", "algorithm"),
    [
        ({}, SECRET.encode(), "sha256"),
        ({"algorithm": "sha512"}, SECRET.encode(), "sha512"),
        ({"algorithm": "sha512", "decode": base64.b64decode}, b"a secret of the venue", "sha512"),
    ],
)
def test_algorithm_and_form_of_the_secret(more: dict[str, object], key: bytes, algorithm: str) -> None:
    """The right signature enters; another text, key or algorithm does not."""
    sign = base64.b64encode(hmac.digest(key, b"payload", algorithm)).decode()
    assert door(**more).account("k", b"payload", sign).name == "main"
    for wrong in ("", sign[:-4] + "AAA=", base64.b64encode(hmac.digest(key, b"payload", "sha384")).decode()):
        with pytest.raises(sim.Problem) as refused:
            door(**more).account("k", b"payload", wrong)
        assert refused.value.code == "no sign"
    with pytest.raises(sim.Problem) as refused:
        door(**more).account("other", b"payload", sign)
    assert refused.value.code == "no key"


def test_an_es256_key_is_checked() -> None:
    """A signature of the client's PEM key passes; one of another text, a cut one, and another key's do not."""
    key, other = Es256("one"), Es256("two")
    sign = LocalSigner("k", key.pem).ecdsa(b"payload")
    assert key.good(b"payload", sign)
    assert not key.good(b"other", sign)
    assert not key.good(b"payload", sign[:-1])
    assert not key.good(b"payload", b"")
    assert not other.good(b"payload", sign)
    assert Es256("one").pem == key.pem
