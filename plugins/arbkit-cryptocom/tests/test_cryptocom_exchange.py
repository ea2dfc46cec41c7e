"""What Crypto.com alone declares: how links are cut, the routes and costs of orders."""

from __future__ import annotations

from functools import partial

from arbkit_cryptocom.adapter import Cryptocom
from wires import S, buy, spot

from arbkit.core.types import (
    CancelAll,
    CancelOrder,
    Catalogue,
    ClientIdScope,
    Role,
    Send,
    VenueSettings,
)

ME = "cryptocom:main"

CRYPTOCOM = Cryptocom(VenueSettings())
SPOT = partial(spot, "cryptocom", "COIN{}_USDT")
BUY = buy("cryptocom", SPOT(1))


def test_links_are_cut_by_the_venues_limits() -> None:
    """At most 400 channels a connection, also with the trades of each book; 100 in a request."""
    instruments = [SPOT(number) for number in range(230)]
    links = [link for link in CRYPTOCOM.links(instruments, ME, instruments) if link.role is Role.PUBLIC]
    assert [len(link.instruments) for link in links] == [100, 100, 30]
    for link in links:
        session = CRYPTOCOM.session(link, Catalogue(instruments), None)
        session.start(0)
        counts = [str(out.data).count("COIN") for out in session.tick(S) if isinstance(out, Send)]
        assert sum(counts) == 2 * len(link.instruments) <= 400
        assert max(counts) <= 100


def test_a_connection_keeps_the_venues_limit() -> None:
    """100 requests a second on the market socket, 150 on the user socket."""
    for link in CRYPTOCOM.links([SPOT(1)], ME):
        if link.role is not Role.REST:
            assert link.send_limit is not None
            assert link.send_limit.limit < (100 if link.role is Role.PUBLIC else 150)
            assert link.send_limit.window_ns == S


def test_orders_go_over_the_user_socket_first() -> None:
    """Cancel-all is not offered."""
    assert CRYPTOCOM.route(BUY) == (Role.TRADE, Role.REST)
    assert CRYPTOCOM.route(CancelOrder(account=ME, instrument=SPOT(1).id, cl_ord_id="a")) == (Role.TRADE, Role.REST)
    assert CRYPTOCOM.route(CancelAll(account=ME)) == ()
    assert CRYPTOCOM.cost(BUY, Role.TRADE) == ((f"place:{ME}", 1),)


def test_what_no_page_promises_is_not_claimed() -> None:
    """Ids are unique for an unknown time, the engine's timeout is assumed, an order has no deadline of its own, and
    balances are pushed without a time."""
    capabilities = CRYPTOCOM.capabilities
    assert capabilities.client_id_scope is ClientIdScope.OPEN_ONLY
    assert capabilities.order_timeout_source.startswith("assumed")
    assert "assumed for orders over WebSocket" in capabilities.order_window_source
    assert not capabilities.keeps_deadlines
    assert not capabilities.streams_balances
    assert capabilities.clock_step_ns == S
