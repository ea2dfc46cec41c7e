"""What every venue's exchange class declares, and what it does with settings and frames that make no sense."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbkit.core.errors import ConfigError, CredentialsError, ProtocolError
from arbkit.core.protocols import Exchange
from arbkit.core.types import (
    Ask,
    AskKind,
    CancelOrder,
    Catalogue,
    Dial,
    HttpAnswer,
    Instrument,
    LinkSpec,
    ListFills,
    ListOpenOrders,
    NewOrder,
    OrderUpdate,
    OrdStatus,
    QueryOrder,
    Role,
    Side,
    VenueSettings,
)
from arbkit.core.venues.signer import LocalSigner

NOW_NS = 1_700_000_000_000_000_000
GUARDED = (ProtocolError, CredentialsError, ValueError, KeyError, RecursionError)
"""What a link takes for a bad frame or a refused key; anything else would be our own fault."""


def one(venue: Any) -> Instrument:
    """The invented pair C1-USDT."""
    return Instrument(
        venue=venue.name,
        symbol="C1-USDT",
        native=venue.facts.native(1) if hasattr(venue.facts, "native") else "C1USDT",
        base="C1",
        quote="USDT",
        tick=Decimal(1),
        lot=Decimal(1),
    )


def buy(venue: Any) -> NewOrder:
    """An order for it."""
    return NewOrder(
        account=f"{venue.name}:main",
        instrument=one(venue).id,
        cl_ord_id="a",
        side=Side.BUY,
        qty=Decimal(1),
        px=Decimal(1),
    )


def session(venue: Any, role: Role) -> Any:
    """A session of an account that has a key."""
    link = LinkSpec(link="x", venue=venue.name, role=role, account=f"{venue.name}:main")
    exchange = venue.exchange(VenueSettings())
    return exchange.session(link, Catalogue([one(venue)]), LocalSigner("k", "s", "p"))


def test_links_have_the_names_that_operators_read(venue: Any) -> None:
    """One private, one trade and one REST link an account, named after it. Without an account: public links and a
    REST link without a key. A link that needs a key says so by its name."""
    exchange = venue.exchange(VenueSettings())
    links = exchange.links([one(venue)], f"{venue.name}:main")
    roles = {link.role: link for link in links}
    assert len(roles) == len(links)
    assert {Role.PUBLIC, Role.PRIVATE, Role.REST} <= roles.keys()
    assert {role: link.link for role, link in roles.items()} == {
        role: f"{venue.name}.public.0" if role is Role.PUBLIC else f"{venue.name}.main.{role.value}" for role in roles
    }
    assert [link.link for link in exchange.links([one(venue)], "")] == [f"{venue.name}.public.0", f"{venue.name}.rest"]
    for role in roles.keys() & {Role.PRIVATE, Role.TRADE}:
        with pytest.raises(CredentialsError, match=rf"{venue.name}\.main\.{role.value}"):
            exchange.session(roles[role], Catalogue(), None)


def test_every_command_and_ask_has_a_route_and_a_declared_bucket(venue: Any) -> None:
    """Costs name buckets that ``rate_limits`` declares; commands go over links that there are."""
    exchange = venue.exchange(VenueSettings())
    assert isinstance(exchange, Exchange)
    buckets = {limit.bucket for limit in exchange.rate_limits}
    me, instrument = f"{venue.name}:main", one(venue).id
    roles = {link.role for link in exchange.links([one(venue)], me)}
    for command in (
        buy(venue),
        CancelOrder(account=me, instrument=instrument, cl_ord_id="a"),
        QueryOrder(account=me, instrument=instrument, cl_ord_id="a"),
        ListOpenOrders(account=me),
        ListFills(account=me, instrument=instrument),
    ):
        ways = exchange.route(command)
        assert ways
        assert set(ways) <= roles
        for role in ways:
            costs = exchange.cost(command, role)
            assert costs
            assert {name.partition(":")[0] for name, _ in costs} <= buckets
    for kind in AskKind:
        assert {name for name, _ in exchange.cost(Ask(kind=kind), Role.REST)} <= buckets


def test_endpoints(venue: Any, endpoints: tuple[VenueSettings, dict[Role, str]]) -> None:
    """Each environment has its own hosts; each of them can be replaced, and the venue's paths are appended."""
    made, expected = endpoints
    exchange = venue.exchange(made)
    found = {}
    for link in exchange.links([one(venue)], f"{venue.name}:main"):
        session = exchange.session(link, Catalogue([one(venue)]), LocalSigner("k", "s", "p"))
        if link.role is Role.REST:
            (request,) = session.encode(Ask(kind=AskKind.TIME), NOW_NS)
            assert (request.method, request.body) == ("GET", b"")
            assert made.environment == "demo" or not request.headers
            found[link.role] = request.url
        elif isinstance(dial := session.dial(NOW_NS), Dial):  # else it asks for a token that the address contains
            found[link.role] = dial.url
    assert {role: found[role] for role in expected} == expected


def test_a_mistake_in_the_settings_is_told(venue: Any, mistake: tuple[VenueSettings, str]) -> None:
    """The text names the key or says what to write instead."""
    with pytest.raises(ConfigError, match=mistake[1]):
        venue.exchange(mistake[0])


def test_importing_the_package_loads_no_loop_and_no_socket(venue: Any) -> None:
    """Nor the simulated venue. Also not when the exchange class is loaded."""
    code = (
        f"import sys, {venue.package} as package; package.register_exchanges(lambda found: None);"
        "names = ('asyncio', 'ssl', 'socket', 'aiohttp', 'arbkit.sim', f'{package.__name__}.dialect');"
        "print([name for name in names if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.needs("ACCEPTED")
@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("kind", ["empty", "page", "accepted", "cut"])
def test_a_server_error_leaves_the_order_unknown(venue: Any, status: int, kind: str) -> None:
    """Whatever the body says."""
    accepted = venue.facts.ACCEPTED
    body = {"empty": b"", "page": b"<html>Bad gateway</html>", "accepted": accepted, "cut": accepted[:4]}[kind]
    out = session(venue, Role.REST).answered(buy(venue), HttpAnswer(status, {}, body), NOW_NS)
    (update,) = [one for one in out if isinstance(one, OrderUpdate)]
    assert (update.ord_status, update.reason) == (OrdStatus.UNKNOWN, None)


@cache
def frames(words: tuple[str, ...], keys: tuple[str, ...]) -> st.SearchStrategy[str | bytes]:
    """Frames of the venue's words and field names, and frames of anything. Made once: making it takes longer than a
    frame."""
    leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
    values = st.recursive(
        leaves | st.sampled_from(words),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(keys), inner, max_size=6),
        max_leaves=12,
    )
    return values.map(json.dumps) | st.text(max_size=40) | st.binary(max_size=40)


@pytest.mark.needs("WORDS", "KEYS")
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_whatever_comes_is_events_or_a_bad_frame(venue: Any, data: st.DataObject) -> None:
    """Never another exception: the link guards these kinds and no other."""
    frame = data.draw(frames(tuple(venue.facts.WORDS), tuple(venue.facts.KEYS)))
    role = data.draw(st.sampled_from([Role.PUBLIC, Role.PRIVATE, Role.TRADE]))
    with suppress(*GUARDED):
        list(session(venue, role).receive(frame, NOW_NS))


@pytest.mark.needs("FRAMES")
@settings(max_examples=200, deadline=None)
@given(
    data=st.data(),
    start=st.integers(0, 400),
    size=st.integers(0, 6),
    put=st.sampled_from(["", "0", '"', "[", "}", ",", "-", "e", "null", "\x00", "NaN", "9" * 400]),
    role=st.sampled_from([Role.PUBLIC, Role.PRIVATE, Role.TRADE]),
)
def test_a_bent_frame_is_events_or_a_bad_frame(
    venue: Any, data: st.DataObject, start: int, size: int, put: str, role: Role
) -> None:
    """The same for whole frames with something cut out and something put in."""
    frame = data.draw(st.sampled_from(venue.facts.FRAMES))
    start %= len(frame)
    with suppress(*GUARDED):
        list(session(venue, role).receive(frame[:start] + put + frame[start + size :], NOW_NS))


@pytest.mark.needs("FRAMES")
def test_the_whole_frames_are_read(venue: Any) -> None:
    """Whole, each of them means something to one link; otherwise bending them would test nothing."""
    for frame in venue.facts.FRAMES:
        events = []
        for role in (Role.PUBLIC, Role.PRIVATE, Role.TRADE):
            with suppress(*GUARDED):
                events += session(venue, role).receive(frame, NOW_NS)
        assert events, frame
