"""What OKX alone declares: how links are cut, the routes and costs of orders."""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import urlsplit

import pytest
from arbkit_okx.adapter import Okx

from arbkit.core.types import (
    CancelAll,
    Catalogue,
    Dial,
    Instrument,
    NewOrder,
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


def test_the_trade_link_is_preferred_but_demo_goes_over_rest() -> None:
    """Demo refuses the instIdCode that it publishes; cancel-all does not exist for spot."""
    assert OKX.route(BUY) == (Role.TRADE, Role.REST)
    assert Okx(VenueSettings(environment="demo")).route(BUY) == (Role.REST,)
    assert OKX.route(CancelAll(account=ME)) == ()


def test_orders_are_counted_by_instrument() -> None:
    """The bucket of orders is one instrument's."""
    assert OKX.cost(BUY, Role.TRADE) == (("place:okx:C1-USDT", 1),)


@pytest.mark.parametrize(("region", "name"), [("global", "wspap"), ("us", "wsuspap"), ("eea", "wseeapap")])
def test_a_demo_account_of_a_region_uses_the_demo_sockets_of_its_region(region: str, name: str) -> None:
    """A demo key never works on a production host: https://www.okx.com/docs-v5/en/#overview-demo-trading-services."""
    exchange = Okx(VenueSettings(environment="demo", options={"region": region}))
    dials = [
        exchange.session(link, Catalogue([ONE]), LocalSigner("k", "s", "p")).dial(0)
        for link in exchange.links([ONE], ME)
        if link.role is not Role.REST
    ]
    assert len(dials) == 3
    for dial in dials:
        assert isinstance(dial, Dial)
        assert urlsplit(dial.url).hostname == f"{name}.okx.com"


@pytest.mark.parametrize("environment", ["prod", "demo"])
@pytest.mark.parametrize("region", ["global", "us", "eea"])
def test_sockets_use_port_443(environment: str, region: str) -> None:
    """OKX closed port 8443 on 2026-10-31: every socket of every environment and region goes to 443."""
    exchange = Okx(VenueSettings(environment=environment, options={"region": region}))
    for link in exchange.links([ONE], ME):
        if link.role is Role.REST:
            continue
        dial = exchange.session(link, Catalogue([ONE]), LocalSigner("k", "s", "p")).dial(0)
        assert isinstance(dial, Dial)
        assert urlsplit(dial.url).port == 443
