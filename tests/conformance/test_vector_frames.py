"""Which messages of a socket the rule of signing vectors compares."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

import arbkit.venue as kit
from arbkit.testing.conformance.rules import Nonconforming, VenueUnderTest
from arbkit.testing.conformance.vector_rules import signing_vectors

KEY, SECRET = "invented-key", "invented-secret"
ORDER = {"op": "order", "pair": "BTC_USDT", "side": "buy", "kind": "limit", "key": KEY, "sign": "ab" * 32}
"""The other client signs each order as well; the adapter below logs in once."""


class Entry:
    """An adapter with order entry on a socket that logs in."""

    venue = "toy"
    word = "login"

    def links(self, instruments: Sequence[kit.Instrument], account: str) -> Sequence[kit.LinkSpec]:
        return [kit.LinkSpec(link="toy.trade", venue="toy", role=kit.Role.TRADE, account=account)]

    def session(self, link: kit.LinkSpec, catalogue: kit.Catalogue, signer: Any) -> kit.Session:
        def login(context: kit.Context, now_ns: int) -> kit.Send:
            proof = kit.hmac_hex(context.signer, self.word)
            return kit.Send(kit.json_text({"op": "login", "key": context.signer.key, "sign": proof}))

        def write(socket: kit.AccountSocket, what: kit.Command, now_ns: int) -> kit.Send:
            return kit.Send(kit.json_text({"op": "order", "pair": "BTC_USDT", "side": "buy", "kind": "limit"}))

        calls = kit.CallTable("toy", {}, verdicts=kit.Verdicts(ok=[0], rejected={}), pauses=kit.Pauses(window_ns=kit.S))
        return kit.AccountSocket(
            kit.Context(link, catalogue, signer),
            url="wss://toy",
            calls=calls,
            read=lambda socket, data, now_ns: (),
            login=login,
            write=write,
        )

    def route(self, command: kit.Command) -> Sequence[kit.Role]:
        return (kit.Role.TRADE,) if isinstance(command, kit.NewOrder) else ()


class Mistaken(Entry):
    word = "log in"


def checked(made: type[Entry], folder: Path, *frames: dict[str, str]) -> str:
    vectors = {
        "clock_ms": 1_750_000_000_000,
        "credentials": {"apiKey": KEY, "secret": SECRET},
        "market": {"id": "BTC_USDT", "base": "BTC", "quote": "USDT"},
        "ws": [{"name": "orders", "frames": [{"frame": frame} for frame in frames]}],
    }
    path = folder / "vectors.json"
    path.write_text(json.dumps(vectors))
    subject = VenueUnderTest(
        exchange=cast("Any", lambda settings: made()), vectors=path
    )  # of an Exchange, what the rule uses
    return str(signing_vectors(subject))


LOGIN = {
    "op": "login",
    "key": KEY,
    "sign": "6eed831b9e08a83ecf63eb92649a17edacbb7be85822b28e32f0de369a293b26",
}


def test_a_login_is_compared_and_an_order_of_a_socket_that_is_logged_in_is_not(tmp_path: Path) -> None:
    """The right login passes with the order beside it; a wrong login fails; the order alone compares nothing."""
    assert checked(Entry, tmp_path, LOGIN, ORDER) == "1 signatures compared"
    with pytest.raises(Nonconforming, match="the param sign differs"):
        checked(Mistaken, tmp_path, LOGIN, ORDER)
    with pytest.raises(Nonconforming, match="no request of the adapter"):
        checked(Entry, tmp_path, ORDER)
