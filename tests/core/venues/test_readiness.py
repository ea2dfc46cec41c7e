"""Readiness: every condition is needed, and each missing one is named."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from arbkit.core.types import Capabilities, ClientIdScope, LinkSpec, Role
from arbkit.core.venues.readiness import Readiness

S = 1_000_000_000
CAPABILITIES = Capabilities(
    client_id_scope=ClientIdScope.NONE, order_window_ns=2 * S, order_timeout_ns=0, lookup_lag_ns=0
)
LINKS = [LinkSpec(link=role.value, venue="v", role=role, account="v:main") for role in Role]


def ready(*skip: str) -> Readiness:
    """An account that meets all conditions but those of ``skip``."""
    table = Readiness("v:main", CAPABILITIES)
    table.expect(LINKS)
    steps = {
        "private": lambda: table.link_ready("private", 10),
        "trade": lambda: table.link_ready("trade", 11),
        "balances": lambda: table.balances_listed(12),
        "orders": lambda: table.orders_listed(13),
        "fees": table.fees_known,
        "clock": lambda: table.clock(S // 4),
    }
    for name, step in steps.items():
        assert not table.ready
        if name not in skip:
            step()
    return table


def test_all_facts_together_make_it_ready():
    """Private stream, a channel for orders, listings, fees, clock: then it may trade."""
    table = ready()
    assert table.ready
    assert table.missing() == []


@pytest.mark.parametrize(
    ("skip", "words"),
    [
        ("private", "private stream not confirmed: private"),
        ("trade", "no way for orders: trade not logged in"),
        ("balances", "balances not listed"),
        ("orders", "open orders not listed"),
        ("fees", "own fees unknown"),
        ("clock", "clock not measured"),
    ],
)
def test_each_fact_is_needed(skip, words):
    """One condition missing: not ready, and the reason names it."""
    table = ready(skip)
    assert not table.ready
    [text] = table.missing()
    assert words in text


def test_the_clock_is_measured_by_the_window_of_the_gateway():
    """The engine's own timeout says nothing about clocks: a quarter of the order window stays the limit."""
    table = Readiness("v:main", replace(CAPABILITIES, order_timeout_ns=60 * S))
    table.clock(S // 2)
    assert "venue clock known to 500 ms only, needs under 500 ms" in table.missing()


def test_rest_stands_in_for_the_trade_link():
    """Orders may go by REST while there is no trade link."""
    table = ready("trade")
    table.rest_warm()
    assert table.ready
    table.rest_warm(False)
    assert not table.ready


def test_a_lost_private_stream_voids_the_listings():
    """After a reconnect, balances and open orders are asked for again before it trades."""
    table = ready()
    table.link_lost("private")
    assert not table.ready
    table.link_ready("private", 20)
    assert len(table.missing()) == 2
    table.balances_listed(19)
    table.orders_listed(21)
    assert table.missing() == ["balances not listed since the private stream came up"]
    table.balances_listed(22)
    assert table.ready


def test_a_lost_trade_link_needs_no_new_listing():
    """Orders sent on that link become UNKNOWN and count as such; the private stream was not interrupted."""
    table = ready()
    table.link_lost("trade")
    assert not table.ready
    table.link_ready("trade", 30)
    assert table.ready


def test_unknown_orders_keep_it_from_trading():
    """An intent without an outcome stops new deals until it is proved."""
    table = ready()
    table.unresolved(2)
    assert table.missing() == ["2 orders of unknown outcome"]
    assert not table.ready
    table.unresolved(0)
    assert table.ready


def test_the_clock_must_be_known_to_a_quarter_of_the_window():
    """With a larger clock error, a request could be refused, or stay valid for too long."""
    table = ready()
    table.clock(S // 2)
    assert table.missing() == ["venue clock known to 500 ms only, needs under 500 ms"]
    table.clock(S // 2 - 1)
    assert table.ready


def test_a_person_or_refused_credentials_stop_it():
    """A stopped venue stays stopped until this is undone; public links do not matter here."""
    table = ready()
    table.link_lost("public")
    assert table.ready
    table.stop("key refused")
    assert table.missing() == ["stopped: key refused"]
    table.stop("")
    assert table.ready
