"""The adapter: instruments, clock and subscriptions, by messages as the venue's pages show them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal

from arbkit.core.types import (
    Ask,
    AskKind,
    BookLost,
    Catalogue,
    ClockSample,
    HttpAnswer,
    HttpRequest,
    Instrument,
    InstrumentUpdate,
    Output,
    Ready,
    Send,
    VenueSettings,
    rest_link,
)
from arbkit.plugins import registry

from arbkit_new_name import NewName

REST = "https://api.new-name.example"
BTC = Instrument(
    venue="new_name",
    symbol="BTC-USDT",
    native="BTCUSDT",
    base="BTC",
    quote="USDT",
    tick=Decimal("0.1"),
    lot=Decimal("0.00001"),
    min_notional=Decimal(5),
    status="open",
)
LISTED = """[
    {"symbol": "BTCUSDT", "base": "BTC", "quote": "USDT", "tick": "0.1", "lot": "1e-5", "least": "5", "status": "open"},
    {"symbol": "OLDUSDT", "base": "OLD", "quote": "USDT", "tick": "1", "lot": "1", "least": "5", "status": "closed"}
]"""
S = 1_000_000_000
"""Nanoseconds in a second."""


def asked(kind: AskKind, body: str) -> tuple[str, Sequence[Output]]:
    """The URL that is asked, and what the answer gives. The request leaves at 1 s, the answer arrives at 2 s."""
    session = NewName(VenueSettings()).session(rest_link("new_name"), Catalogue(), None)
    (request,) = session.encode(Ask(kind=kind), S)
    assert isinstance(request, HttpRequest)
    return str(request.url), session.answered(Ask(kind=kind), HttpAnswer(200, {}, body.encode(), S, 2 * S), 2 * S)


def subscribed(error: str) -> Sequence[Output]:
    """What a socket says when the venue answers its subscription; ``error`` "" = accepted."""
    exchange, catalogue = NewName(VenueSettings()), Catalogue()
    catalogue.add(BTC)
    link = exchange.links([BTC], "")[0]
    session = exchange.session(link, catalogue, None)
    (sent,) = session.start(S)
    assert isinstance(sent, Send)
    request = json.loads(str(sent.data))
    assert request == {"id": request["id"], "op": "subscribe", "books": ["BTCUSDT"]}
    return session.receive(json.dumps({"type": "ack", "id": request["id"], "error": error}), S)


def test_the_instruments_have_the_venues_rules() -> None:
    """Exact, and what is closed is not tradable."""
    url, found = asked(AskKind.CATALOGUE, LISTED)
    assert url == f"{REST}/v1/instruments"
    first, second = [output.instrument for output in found if isinstance(output, InstrumentUpdate)]
    assert first == BTC
    assert (second.id, second.tradable) == ("new_name:OLD-USDT", False)


def test_the_clock_of_the_venue() -> None:
    """The answer of 5 s was made between 1 s and 2 s of our clock: the venue is 3.5 s ahead, give or take 0.5 s."""
    url, (sample,) = asked(AskKind.TIME, '{"ms": 5000}')
    assert url == f"{REST}/v1/time"
    assert isinstance(sample, ClockSample)
    assert abs(sample.offset_ns - 3.5 * S) < 0.002 * S
    assert abs(sample.error_ns - 0.5 * S) < 0.002 * S


def test_a_confirmed_link_is_ready() -> None:
    """Only the venue's answer makes it so."""
    assert [output.link for output in subscribed("") if isinstance(output, Ready)] == ["new_name.public.0"]


def test_a_refused_book_is_lost_with_the_venues_words() -> None:
    """It is not traded, and the log says why."""
    (lost,) = [output for output in subscribed("too many books") if isinstance(output, BookLost)]
    assert lost.instrument == "new_name:BTC-USDT"
    assert "too many books" in lost.reason


def test_arbkit_finds_it_by_its_name() -> None:
    """``[venues.new_name]`` in a configuration."""
    assert registry.load().exchange("new_name") is NewName
