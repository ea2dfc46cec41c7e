"""What KuCoin alone declares: links, routes, costs, and guarantees that no page gives."""

from __future__ import annotations

from decimal import Decimal

from arbkit_kucoin.adapter import Kucoin
from wires import instrument

from arbkit.core.types import CancelAll, ClientIdScope, Instrument, NewOrder, Role, Side, VenueSettings

ME = "kucoin:main"
KUCOIN = Kucoin(VenueSettings())


def spot(number: int) -> Instrument:
    return instrument("kucoin", f"C{number}-USDT", "1", "1", f"C{number}-USDT")


def test_links_are_cut_by_the_venues_limits() -> None:
    """At most 200 topics a connection, also with the trades of each book."""
    instruments = [spot(number) for number in range(100)]
    links = [link for link in KUCOIN.links(instruments, ME, instruments) if link.role is Role.PUBLIC]
    assert [len(link.instruments) + len(link.trades) for link in links] == [180, 20]


def test_orders_go_over_rest() -> None:
    buy = NewOrder(account=ME, instrument=spot(1).id, cl_ord_id="a", side=Side.BUY, qty=Decimal(1), px=Decimal(1))
    assert KUCOIN.route(buy) == (Role.REST,)
    assert KUCOIN.route(CancelAll(account=ME)) == ()
    assert KUCOIN.cost(buy, Role.REST) == (("spot", 1),)


def test_what_no_page_promises_is_not_claimed() -> None:
    capabilities = KUCOIN.capabilities
    assert capabilities.client_id_scope is ClientIdScope.OPEN_ONLY
    assert capabilities.order_timeout_source.startswith("assumed")
    assert not capabilities.end_reasons
    assert not capabilities.streams_fees
