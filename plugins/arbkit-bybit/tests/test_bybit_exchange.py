"""What Bybit alone declares: how links are cut, the routes and costs of orders."""

from __future__ import annotations

import json
from decimal import Decimal

from arbkit_bybit.adapter import Bybit
from wires import instrument

from arbkit.core.types import (
    CancelAll,
    Catalogue,
    Instrument,
    NewOrder,
    Role,
    Side,
    VenueSettings,
)

ME = "bybit:main"


def spot(number: int) -> Instrument:
    name = f"C{number}USDT"
    return instrument("bybit", name, "1", "1", f"C{number}-USDT")


ONE = spot(1)
BYBIT = Bybit(VenueSettings())
BUY = NewOrder(account=ME, instrument=ONE.id, cl_ord_id="a", side=Side.BUY, qty=Decimal(1), px=Decimal(1))


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


def test_the_trade_link_is_preferred_but_demo_has_none() -> None:
    """Demo takes orders over REST alone."""
    demo = Bybit(VenueSettings(environment="demo"))
    assert BYBIT.route(BUY) == (Role.TRADE, Role.REST)
    assert demo.route(BUY) == (Role.REST,)
    assert Role.TRADE not in {link.role for link in demo.links([ONE], ME)}
    assert BYBIT.route(CancelAll(account=ME)) == (Role.REST,)


def test_an_order_counts_for_the_account_and_for_the_way_it_goes() -> None:
    """Over the trade link as a socket message, over REST for the address."""
    assert BYBIT.cost(BUY, Role.TRADE) == (("create", 1), ("ws", 1))
    assert BYBIT.cost(BUY, Role.REST) == (("create", 1), ("ip", 1))
