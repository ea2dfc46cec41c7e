"""What the venue declares: links, limits, endpoints, options; and that importing it costs nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from decimal import Decimal
from urllib.parse import urlsplit

import pytest
from arbkit_okx.adapter import Okx
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

ME = "okx:main"


def spot(number: int) -> Instrument:
    name = f"C{number}-USDT"
    return Instrument(
        venue="okx", symbol=name, native=name, base=f"C{number}", quote="USDT", tick=Decimal(1), lot=Decimal(1)
    )


ONE = spot(1)
OKX = Okx(VenueSettings())
BUY = NewOrder(account=ME, instrument=ONE.id, cl_ord_id="a", side=Side.BUY, qty=Decimal(1), px=Decimal(1))
COMMANDS = (
    BUY,
    CancelOrder(account=ME, instrument=ONE.id, cl_ord_id="a"),
    QueryOrder(account=ME, instrument=ONE.id, cl_ord_id="a"),
    ListOpenOrders(account=ME),
    ListFills(account=ME, instrument=ONE.id),
)


def test_links_are_cut_by_the_venues_limits() -> None:
    """Fewer than 30 books a connection, a request under 64 KB, 480 requests an hour; each book exactly once."""
    instruments = [spot(number) for number in range(100)]
    links = [link for link in OKX.links(instruments, ME) if link.role is Role.PUBLIC]
    assert [len(link.instruments) for link in links] == [29, 29, 29, 13]
    assert [name for link in links for name in link.instruments] == [one.id for one in instruments]
    assert len({link.link for link in links}) == 4
    catalogue = Catalogue(instruments)
    for link in links:
        sent = OKX.session(link, catalogue, None).start(0)
        assert all(len(send.data) < 65_536 for send in sent)
        assert link.send_limit is not None
        assert sum(send.cost for send in sent) < link.send_limit.limit == 480


def test_an_account_has_one_private_one_trade_and_one_rest_link() -> None:
    """Without an account: public links and a keyless REST link."""
    roles = {link.role: link for link in OKX.links([ONE], ME)}
    assert {role: link.link for role, link in roles.items()} == {
        Role.PUBLIC: "okx.public.0",
        Role.PRIVATE: "okx.main.private",
        Role.TRADE: "okx.main.trade",
        Role.REST: "okx.main.rest",
    }
    assert [link.link for link in OKX.links([ONE], "")] == ["okx.public.0", "okx.rest"]
    with pytest.raises(CredentialsError, match=r"okx\.main\.trade"):
        OKX.session(roles[Role.TRADE], Catalogue(), None)


def test_every_command_and_ask_has_a_route_and_a_declared_bucket() -> None:
    """Costs name buckets that ``rate_limits`` declares."""
    buckets = {limit.bucket for limit in OKX.rate_limits}
    assert isinstance(OKX, Exchange)
    for command in COMMANDS:
        for role in OKX.route(command):
            costs = OKX.cost(command, role)
            assert costs
            assert {name.partition(":")[0] for name, _ in costs} <= buckets
    for kind in (AskKind.CATALOGUE, AskKind.TIME, AskKind.FEES, AskKind.BALANCES, AskKind.ASSETS):
        assert {name for name, _ in OKX.cost(Ask(kind=kind), Role.REST)} <= buckets
    assert OKX.cost(BUY, Role.TRADE) == (("place:okx:C1-USDT", 1),)


def test_the_trade_link_is_preferred_but_demo_goes_over_rest() -> None:
    """Demo refuses the instIdCode that it publishes; cancel-all does not exist for spot."""
    assert OKX.route(BUY) == (Role.TRADE, Role.REST)
    assert Okx(VenueSettings(environment="demo")).route(BUY) == (Role.REST,)
    assert OKX.route(CancelAll(account=ME)) == ()


def urls(exchange: Okx) -> dict[Role, str]:
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
    """Production, demo, a region; each replaceable."""
    assert urls(OKX) == {
        Role.PUBLIC: "wss://ws.okx.com:443/ws/v5/public",
        Role.PRIVATE: "wss://ws.okx.com:443/ws/v5/private",
        Role.TRADE: "wss://ws.okx.com:443/ws/v5/private",
        Role.REST: "https://openapi.okx.com/api/v5/public/time",
    }
    assert urls(Okx(VenueSettings(environment="demo")))[Role.PUBLIC] == "wss://wspap.okx.com:443/ws/v5/public"
    eea = Okx(VenueSettings(options={"region": "eea"}, endpoints={"ws_trade": "wss://other/"}))
    assert urls(eea)[Role.REST] == "https://eea.okx.com/api/v5/public/time"
    assert urls(eea)[Role.TRADE] == "wss://other/ws/v5/private"
    sim = dict.fromkeys(("rest", "ws_public", "ws_private", "ws_trade"), "ws://127.0.0.1:1")
    assert urls(Okx(VenueSettings(environment="sim", endpoints=sim)))[Role.TRADE] == "ws://127.0.0.1:1/ws/v5/private"


@pytest.mark.parametrize("environment", ["prod", "demo"])
@pytest.mark.parametrize("region", ["global", "us", "eea"])
def test_sockets_use_port_443(environment: str, region: str) -> None:
    """OKX closed port 8443 on 2026-10-31: every socket of every environment and region goes to 443."""
    found = urls(Okx(VenueSettings(environment=environment, options={"region": region})))
    assert {urlsplit(url).port for role, url in found.items() if role is not Role.REST} == {443}


@pytest.mark.parametrize(
    ("bad", "hint"),
    [
        (VenueSettings(environment="sim"), "needs endpoints"),
        (VenueSettings(environment="testnet"), "demo"),
        (VenueSettings(options={"chanel": "books"}), "did you mean 'channel'"),
        (VenueSettings(options={"channel": "book"}), "books5"),
    ],
)
def test_a_setting_that_okx_lacks(bad: VenueSettings, hint: str) -> None:
    """The text says what to write instead."""
    with pytest.raises(ConfigError, match=hint):
        Okx(bad)


def test_importing_the_plugin_loads_no_socket() -> None:
    """Nor asyncio, nor ssl; nor the simulated venue."""
    code = (
        "import sys, arbkit_okx; found = [name for name in ('asyncio', 'ssl', 'socket', 'arbkit.sim', "
        "'arbkit_okx.dialect') if name in sys.modules]; assert not found, found"
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
    | st.sampled_from(["books", "BTC-USDT", "0", "1e400", "NaN", "-1", "order", "login", "subscribe", "error"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "arg",
                    "channel",
                    "instId",
                    "data",
                    "action",
                    "bids",
                    "asks",
                    "ts",
                    "seqId",
                    "prevSeqId",
                    "event",
                    "code",
                    "op",
                    "id",
                    "msg",
                    "ordId",
                    "state",
                    "details",
                    "ccy",
                    "tradeId",
                    "sCode",
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
    link = LinkSpec(link="x", venue="okx", role=role, account=ME)
    session = OKX.session(link, Catalogue([ONE]), LocalSigner("k", "s", "p"))
    with suppress(*GUARDED):
        list(session.receive(data, 0))


FRAMES = [
    (
        '{"arg":{"channel":"books","instId":"C1-USDT"},"action":"snapshot","data":[{"asks":[["8476.98","415","0","13"]],'
        '"bids":[["8476.97","256","0","12"]],"ts":"1597026383085","checksum":0,"prevSeqId":-1,"seqId":123456}]}'
    ),
    (
        '{"arg":{"channel":"orders"},"data":[{"instId":"C1-USDT","ordId":"4","clOrdId":"","side":"sell","px":"31527.1",'
        '"sz":"0.001","state":"filled","accFillSz":"0.001","fillPx":"3","fillSz":"1","tradeId":"2","fillFee":"-0.02"}]}'
    ),
    '{"id":"1","op":"order","data":[{"clOrdId":"a","ordId":"1","ts":"16","sCode":"0","sMsg":""}],"code":"0","msg":""}',
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
    link = LinkSpec(link="x", venue="okx", role=role, account=ME)
    session = OKX.session(link, Catalogue([ONE]), LocalSigner("k", "s", "p"))
    with suppress(*GUARDED):
        list(session.receive(frame[:start] + put + frame[start + size :], 0))
