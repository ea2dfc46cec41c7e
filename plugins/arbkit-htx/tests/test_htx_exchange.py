"""What HTX alone declares: sockets, routes, costs, and guarantees that no page gives."""

from __future__ import annotations

from arbkit_htx.adapter import Htx
from wires import Wires, instrument

from arbkit.core.types import CancelAll, ClientIdScope, Role

BTC = instrument("htx", "btcusdt", "0.01", "0.000001")
WIRES = Wires(Htx, BTC)
HTX = WIRES.exchange


def test_books_and_trades_have_sockets_of_their_own() -> None:
    """Twenty books on one; trades are on another path, so no link has both."""
    many = [instrument("htx", f"c{number}usdt", "1", "1", f"C{number}-USDT") for number in range(45)]
    links = [link for link in HTX.links(many, WIRES.me, many[:3]) if link.role is Role.PUBLIC]
    assert [(len(link.instruments), len(link.trades)) for link in links] == [(20, 0), (20, 0), (5, 0), (0, 3)]
    assert len({link.link for link in links}) == 4


def test_whole_books_are_asked_for_slowly() -> None:
    """100 ms between two requests of a connection."""
    (link,) = [link for link in HTX.links([BTC], WIRES.me) if link.role is Role.PUBLIC]
    assert link.send_burst is not None
    assert (link.send_burst.limit, link.send_burst.window_ns) == (1, 100_000_000)


def test_orders_go_over_rest() -> None:
    assert HTX.route(WIRES.buy) == HTX.route(WIRES.cancel) == (Role.REST,)
    assert HTX.route(CancelAll(account=WIRES.me)) == ()
    assert HTX.cost(WIRES.buy, Role.REST) == ((f"place:{WIRES.me}", 1),)


def test_what_no_page_promises_is_not_claimed() -> None:
    capabilities = HTX.capabilities
    assert capabilities.client_id_scope is ClientIdScope.WINDOW
    assert capabilities.order_timeout_source.startswith("assumed")
    assert not capabilities.keeps_deadlines
    assert not capabilities.end_reasons
