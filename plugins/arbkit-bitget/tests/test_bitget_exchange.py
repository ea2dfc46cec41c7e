"""What Bitget alone declares: how links are cut, the routes and costs of orders, demo."""

from __future__ import annotations

from functools import partial

from arbkit_bitget.adapter import Bitget
from wires import S, buy, spot

from arbkit.core.types import (
    Ask,
    AskKind,
    CancelAll,
    CancelOrder,
    Catalogue,
    ClientIdScope,
    HttpRequest,
    Role,
    Send,
    VenueSettings,
)
from arbkit.core.venues.signer import LocalSigner

ME = "bitget:main"

BITGET = Bitget(VenueSettings())
SPOT = partial(spot, "bitget", "COIN{}USDT")
BUY = buy("bitget", SPOT(1))


def test_links_are_cut_by_the_venues_limits() -> None:
    """Fewer than 50 channels a connection, also with the trades of each book; a request of at most 4,096 bytes."""
    instruments = [SPOT(number) for number in range(50)]
    links = [link for link in BITGET.links(instruments, ME, instruments) if link.role is Role.PUBLIC]
    assert [len(link.instruments) for link in links] == [24, 24, 2]
    assert [name for link in links for name in link.instruments] == [one.id for one in instruments]
    for link in links:
        sends = [out for out in BITGET.session(link, Catalogue(instruments), None).start(0) if isinstance(out, Send)]
        assert sum(str(send.data).count('"channel"') for send in sends) < 50
        assert all(len(str(send.data).encode()) <= 4096 for send in sends)


def test_a_connection_has_both_of_the_venues_limits() -> None:
    """240 subscription requests an hour, and 10 messages a second with the pings."""
    for link in BITGET.links([SPOT(1)], ME):
        if link.role is Role.REST:
            continue
        assert link.send_limit is not None
        assert link.send_burst is not None
        assert (link.send_limit.limit, link.send_limit.window_ns) == (240, 3600 * S)
        assert (link.send_burst.limit + 1, link.send_burst.window_ns) == (10, S)
        assert link.send_limit.bucket == link.send_burst.bucket


def test_orders_go_over_rest() -> None:
    """Order entry over WebSocket needs a permission that not every account has; cancel-all needs a symbol."""
    assert BITGET.route(BUY) == (Role.REST,)
    assert BITGET.route(CancelOrder(account=ME, instrument=SPOT(1).id, cl_ord_id="a")) == (Role.REST,)
    assert BITGET.route(CancelAll(account=ME)) == ()
    assert {link.role for link in BITGET.links([SPOT(1)], ME)} == {Role.PUBLIC, Role.PRIVATE, Role.REST}
    assert BITGET.cost(BUY, Role.REST) == ((f"place:{ME}", 1), ("ip", 1))


def test_what_no_page_promises_is_not_claimed() -> None:
    """Ids are unique for an unknown time, the engine's timeout is assumed, and reports give no reasons of an end."""
    capabilities = BITGET.capabilities
    assert capabilities.client_id_scope is ClientIdScope.OPEN_ONLY
    assert capabilities.order_timeout_source.startswith("assumed")
    assert capabilities.order_window_source.startswith("https://www.bitget.com/api-doc/spot/trade/Place-Order")
    assert not capabilities.end_reasons


def test_demo_marks_each_request_except_the_clock() -> None:
    """The header PAPTRADING: a demo key is refused without it; public/time refuses it."""
    demo = Bitget(VenueSettings(environment="demo"))
    (link,) = [link for link in demo.links([], ME) if link.role is Role.REST]
    rest = demo.session(link, Catalogue(), LocalSigner("k", "s", "p"))
    for kind, marked in ((AskKind.BALANCES, True), (AskKind.CATALOGUE, True), (AskKind.TIME, False)):
        (request,) = rest.encode(Ask(kind=kind), 0)
        assert isinstance(request, HttpRequest)
        assert (("PAPTRADING", "1") in request.headers) is marked
