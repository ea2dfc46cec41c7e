"""What the venue declares: links, limits, endpoints, options; and that importing it costs nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from decimal import Decimal

import pytest
from arbkit_bybit.adapter import Bybit
from hypothesis import given, settings
from hypothesis import strategies as st

from arbkit.core.errors import ConfigError, CredentialsError, ProtocolError
from arbkit.core.protocols import Exchange
from arbkit.core.types import (
    Ask,
    AskKind,
    CancelAll,
    CancelOrder,
    Catalogue,
    Instrument,
    LinkSpec,
    ListFills,
    ListOpenOrders,
    NewOrder,
    QueryOrder,
    Role,
    Side,
    VenueSettings,
)
from arbkit.core.venues.signer import LocalSigner

ME = "bybit:main"


def spot(number: int) -> Instrument:
    name = f"C{number}USDT"
    return Instrument(
        venue="bybit",
        symbol=f"C{number}-USDT",
        native=name,
        base=f"C{number}",
        quote="USDT",
        tick=Decimal(1),
        lot=Decimal(1),
    )


ONE = spot(1)
BYBIT = Bybit(VenueSettings())
BUY = NewOrder(account=ME, instrument=ONE.id, cl_ord_id="a", side=Side.BUY, qty=Decimal(1), px=Decimal(1))
COMMANDS = (
    BUY,
    CancelOrder(account=ME, instrument=ONE.id, cl_ord_id="a"),
    QueryOrder(account=ME, instrument=ONE.id, cl_ord_id="a"),
    ListOpenOrders(account=ME),
    ListFills(account=ME, instrument=ONE.id),
)


def test_links_are_cut_by_the_venues_limits() -> None:
    """21,000 characters of topics a connection, ten topics a request; each book exactly once."""
    instruments = [spot(number) for number in range(2500)]
    links = [link for link in BYBIT.links(instruments, ME) if link.role is Role.PUBLIC]
    assert [name for link in links for name in link.instruments] == [one.id for one in instruments]
    catalogue = Catalogue(instruments)
    sizes = []
    for link in links:
        args = [json.loads(send.data)["args"] for send in BYBIT.session(link, catalogue, None).start(0)]
        assert max(len(topics) for topics in args) == 10
        sizes.append(sum(len(topic) for topics in args for topic in topics))
    assert len(sizes) == 3
    assert all(20_900 < size <= 21_000 for size in sizes[:-1])


def test_an_account_has_one_private_one_trade_and_one_rest_link() -> None:
    """Without an account: public links and a keyless REST link."""
    roles = {link.role: link for link in BYBIT.links([ONE], ME)}
    assert {role: link.link for role, link in roles.items()} == {
        Role.PUBLIC: "bybit.public.0",
        Role.PRIVATE: "bybit.main.private",
        Role.TRADE: "bybit.main.trade",
        Role.REST: "bybit.main.rest",
    }
    assert [link.link for link in BYBIT.links([ONE], "")] == ["bybit.public.0", "bybit.rest"]
    with pytest.raises(CredentialsError, match=r"bybit\.main\.trade"):
        BYBIT.session(roles[Role.TRADE], Catalogue(), None)


def test_every_command_and_ask_has_a_route_and_a_declared_bucket() -> None:
    """Costs name buckets that ``rate_limits`` declares."""
    buckets = {limit.bucket for limit in BYBIT.rate_limits}
    assert isinstance(BYBIT, Exchange)
    for command in COMMANDS:
        for role in BYBIT.route(command):
            costs = BYBIT.cost(command, role)
            assert costs
            assert {name.partition(":")[0] for name, _ in costs} <= buckets
    for kind in (AskKind.CATALOGUE, AskKind.TIME, AskKind.FEES, AskKind.BALANCES, AskKind.ASSETS, AskKind.ORDER):
        assert {name for name, _ in BYBIT.cost(Ask(kind=kind), Role.REST)} <= buckets
    assert BYBIT.cost(BUY, Role.TRADE) == (("create", 1), ("ws", 1))
    assert BYBIT.cost(BUY, Role.REST) == (("create", 1), ("ip", 1))


def test_the_trade_link_is_preferred_but_demo_has_none() -> None:
    """Demo takes orders over REST alone."""
    demo = Bybit(VenueSettings(environment="demo"))
    assert BYBIT.route(BUY) == (Role.TRADE, Role.REST)
    assert demo.route(BUY) == (Role.REST,)
    assert Role.TRADE not in {link.role for link in demo.links([ONE], ME)}
    assert BYBIT.route(CancelAll(account=ME)) == (Role.REST,)


def urls(exchange: Bybit) -> dict[Role, str]:
    signer = LocalSigner("k", "s", "p")
    found = {}
    for link in exchange.links([ONE], ME):
        session = exchange.session(link, Catalogue([ONE]), signer)
        if link.role is Role.REST:
            found[link.role] = session.encode(Ask(kind=AskKind.TIME), 0)[0].url
        else:
            found[link.role] = session.dial(0).url
    return found


def test_endpoints() -> None:
    """Production, testnet, demo, a local site; each replaceable."""
    assert urls(BYBIT) == {
        Role.PUBLIC: "wss://stream.bybit.com/v5/public/spot",
        Role.PRIVATE: "wss://stream.bybit.com/v5/private",
        Role.TRADE: "wss://stream.bybit.com/v5/trade",
        Role.REST: "https://api.bybit.com/v5/market/time",
    }
    assert urls(Bybit(VenueSettings(environment="testnet")))[Role.TRADE] == "wss://stream-testnet.bybit.com/v5/trade"
    demo = urls(Bybit(VenueSettings(environment="demo")))
    assert (demo[Role.PUBLIC], demo[Role.PRIVATE]) == (
        "wss://stream.bybit.com/v5/public/spot",
        "wss://stream-demo.bybit.com/v5/private",
    )
    site = Bybit(VenueSettings(options={"domain": "bybit.eu"}, endpoints={"ws_trade": "wss://other/"}))
    assert urls(site)[Role.REST] == "https://api.bybit.eu/v5/market/time"
    assert urls(site)[Role.TRADE] == "wss://other/v5/trade"
    sim = dict.fromkeys(("rest", "ws_public", "ws_private", "ws_trade"), "ws://127.0.0.1:1")
    assert urls(Bybit(VenueSettings(environment="sim", endpoints=sim)))[Role.TRADE] == "ws://127.0.0.1:1/v5/trade"


@pytest.mark.parametrize(
    ("bad", "hint"),
    [
        (VenueSettings(environment="sim"), "needs endpoints"),
        (VenueSettings(environment="staging"), "testnet"),
        (VenueSettings(options={"dept": "50"}), "did you mean 'depth'"),
        (VenueSettings(options={"depth": "5"}), "200"),
    ],
)
def test_a_setting_that_bybit_lacks(bad: VenueSettings, hint: str) -> None:
    """The text says what to write instead."""
    with pytest.raises(ConfigError, match=hint):
        Bybit(bad)


def test_importing_the_plugin_loads_no_socket() -> None:
    """Nor asyncio, nor ssl; nor the simulated venue."""
    code = (
        "import sys, arbkit_bybit; found = [name for name in ('asyncio', 'ssl', 'socket', 'arbkit.sim', "
        "'arbkit_bybit.dialect') if name in sys.modules]; assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


GUARDED = (ProtocolError, CredentialsError, ValueError, KeyError, RecursionError)
"""What a link takes for a bad frame or a refused key; anything else would be our own fault."""
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(["orderbook.50.C1USDT", "order", "execution", "wallet", "0", "NaN", "auth", "order.create"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "topic",
                    "type",
                    "data",
                    "b",
                    "a",
                    "u",
                    "ts",
                    "cts",
                    "op",
                    "success",
                    "retCode",
                    "reqId",
                    "ret_msg",
                    "header",
                    "symbol",
                    "orderId",
                    "orderStatus",
                    "cumExecQty",
                    "coin",
                    "execId",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(VALUES.map(json.dumps) | st.text(max_size=40) | st.binary(max_size=40), st.sampled_from(list(Role)[:3]))
def test_whatever_comes_is_events_or_a_bad_frame(data: str | bytes, role: Role) -> None:
    """Never another exception: the link guards these kinds and no other."""
    link = LinkSpec(link="x", venue="bybit", role=role, account=ME)
    session = BYBIT.session(link, Catalogue([ONE]), LocalSigner("k", "s", "p"))
    with suppress(*GUARDED):
        list(session.receive(data, 0))


FRAMES = [
    (
        '{"topic":"orderbook.50.C1USDT","ts":1,"type":"snapshot","data":{"s":"C1USDT","b":[["16493.50","0.006"]],'
        '"a":[["16611.00","0.029"]],"u":18521288,"seq":7961638724},"cts":1672304484976}'
    ),
    (
        '{"topic":"order","creationTime":1,"data":[{"category":"spot","symbol":"C1USDT","orderId":"1","price":"72.5",'
        '"qty":"1","orderStatus":"Filled","cumExecQty":"1","updatedTime":"1672364262457"}]}'
    ),
    '{"reqId":"a-1-C1USDT","retCode":0,"retMsg":"OK","op":"order.create","data":{"orderId":"a"},"header":{"a":"b"}}',
]


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(FRAMES),
    st.integers(0, 400),
    st.integers(0, 6),
    st.sampled_from(["", "0", '"', "[", "}", ",", "-", "e", "null", "\x00", "NaN", "9" * 400]),
    st.sampled_from(list(Role)[:3]),
)
def test_a_bent_frame_is_events_or_a_bad_frame(frame: str, start: int, size: int, put: str, role: Role) -> None:
    """The same for real frames with something cut out and something put in."""
    start %= len(frame)
    link = LinkSpec(link="x", venue="bybit", role=role, account=ME)
    session = BYBIT.session(link, Catalogue([ONE]), LocalSigner("k", "s", "p"))
    with suppress(*GUARDED):
        list(session.receive(frame[:start] + put + frame[start + size :], 0))
