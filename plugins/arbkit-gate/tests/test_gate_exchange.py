"""What Gate alone declares; its other book channels; desks that trade on the simulated Gate in bad weather."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from arbkit_gate.adapter import Gate
from arbkit_gate.dialect import GateDialect
from wires import instrument

from arbkit.core.types import (
    CancelAll,
    CancelOrder,
    Catalogue,
    ClientIdScope,
    Instrument,
    NewOrder,
    QueryOrder,
    Role,
    Side,
    VenueSettings,
)
from arbkit.core.venues.signer import LocalSigner
from arbkit.plugins import registry as plugins
from arbkit.sim.faults import Fault
from arbkit.testing import chaos
from arbkit.testing.conformance import RULES, VenueUnderTest

ME = "gate:main"


def spot(number: int) -> Instrument:
    base = f"C{number}"
    return instrument("gate", f"{base}_USDT", "1", "1", f"{base}-USDT")


ONE = spot(1)
GATE = Gate(VenueSettings())
BUY = NewOrder(account=ME, instrument=ONE.id, cl_ord_id="a", side=Side.BUY, qty=Decimal(1), px=Decimal(1))


def test_links_have_a_hundred_books_at_most() -> None:
    """Gate names no limit, and 150 were seen: each book exactly once, a lost socket affects few."""
    instruments = [spot(number) for number in range(250)]
    links = [link for link in GATE.links(instruments, ME) if link.role is Role.PUBLIC]
    assert [len(link.instruments) for link in links] == [100, 100, 50]
    assert [name for link in links for name in link.instruments] == [one.id for one in instruments]
    session: Any = GATE.session(links[0], Catalogue(instruments), None)
    names = [json.loads(send.data)["payload"] for send in session.start(0)]
    assert names == [[f"ob.{one.native}.50"] for one in instruments[:100]]


def test_orders_go_over_the_socket_and_queries_over_rest() -> None:
    """All sockets are the same address; each link is one connection."""
    assert GATE.route(BUY) == (Role.TRADE, Role.REST)
    assert GATE.route(CancelOrder(account=ME, instrument=ONE.id, cl_ord_id="a")) == (Role.TRADE, Role.REST)
    assert GATE.route(QueryOrder(account=ME, instrument=ONE.id, cl_ord_id="a")) == (Role.REST,)
    assert GATE.route(CancelAll(account=ME)) == (Role.REST,)
    dials = {
        GATE.session(link, Catalogue([ONE]), LocalSigner("k", "s")).dial(0)
        for link in GATE.links([ONE], ME)
        if link.role is not Role.REST
    }
    assert len(dials) == 1


def test_orders_are_counted_by_pair_and_cancels_together() -> None:
    """Ten orders a second and pair; 200 cancels a second."""
    assert GATE.cost(BUY, Role.TRADE) == GATE.cost(BUY, Role.REST) == (("place:gate:C1-USDT", 1),)
    assert GATE.cost(CancelOrder(account=ME, instrument=ONE.id, cl_ord_id="a"), Role.TRADE) == (("cancel", 1),)


def test_a_text_protects_from_nothing() -> None:
    """The same text is accepted twice: no order may ever be sent again in the hope that it is refused."""
    assert Gate.capabilities.client_id_scope is ClientIdScope.NONE


@pytest.mark.parametrize(
    ("channel", "rule"),
    [
        ("obu.400", "book"),
        ("obu.400", "book_reconnect"),
        ("order_book_update", "book_faults"),
        ("order_book_update", "book_reconnect"),
        ("order_book_update", "broken_frames"),
        ("order_book_update", "quiet"),
        ("order_book_update", "silent_symbol"),
        ("order_book_update", "venue_restart"),
    ],
)
def test_the_other_book_channels_keep_the_rules(channel: str, rule: str) -> None:
    """The conformance rules about books, with each channel that can be chosen."""
    RULES[rule](VenueUnderTest(Gate, GateDialect, options={"channel": channel}))


def test_a_snapshot_over_rest_that_never_comes() -> None:
    """Of the older channel only."""
    RULES["overdue_rest_snapshot"](VenueUnderTest(Gate, GateDialect, options={"channel": "order_book_update"}))


WEATHER = {
    "a pair is halted while it is held": Fault(
        kind="halt", venue="gate", at_s=4, for_s=5, on="reply", symbol="BTC-USDT"
    ),
    "maintenance": Fault(kind="maintenance", venue="gate", at_s=6, for_s=5, amount=0.002),
    "a pair is delisted": Fault(kind="delist", venue="gate", at_s=8, symbol="ETH-USDT"),
    "answers to orders are lost": Fault(kind="lose_ack", venue="gate", at_s=3, count=4, every_s=2),
    "an accepted order is answered as throttled": Fault(kind="overrun", venue="gate", at_s=3, count=4, every_s=2),
}


@pytest.mark.parametrize("name", WEATHER)
def test_a_desk_survives(name: str) -> None:
    """Judged by the venues' own ledgers: no order is lost or sent twice, every balance is right at the end."""
    installed = plugins.load(dialects=True)
    okx: Any = installed.exchange("okx")
    subject = chaos.DeskUnderTest(exchanges=[Gate, okx], dialects=[GateDialect, installed.dialects["okx"]])
    report = chaos.run(subject, 3, 15.0, faults=[WEATHER[name]], venues=["gate", "okx"])
    assert report.violations == []
    assert report.fired[WEATHER[name].kind] > 0
    assert report.orders > 10
