"""What Bitstamp alone declares: how links are cut, the routes and costs of orders, what no page promises."""

from __future__ import annotations

from functools import partial

import pytest
from arbkit_bitstamp.adapter import Bitstamp
from wires import S, buy, spot

from arbkit.core.errors import ConfigError, CredentialsError
from arbkit.core.types import (
    CancelAll,
    CancelOrder,
    Catalogue,
    Role,
    Send,
    VenueSettings,
)

ME = "bitstamp:main"

BITSTAMP = Bitstamp(VenueSettings())
SPOT = partial(spot, "bitstamp", "coin{}usdt")
BUY = buy("bitstamp", SPOT(1))


def test_links_are_small_enough_to_be_subscribed_in_time() -> None:
    """One channel a request of less than 512 bytes, 20 a second: 50 books with their trades take five seconds."""
    instruments = [SPOT(number) for number in range(120)]
    links = [link for link in BITSTAMP.links(instruments, ME, instruments) if link.role is Role.PUBLIC]
    assert [len(link.instruments) for link in links] == [50, 50, 20]
    for link in links:
        sends = [out for out in BITSTAMP.session(link, Catalogue(instruments), None).start(0) if isinstance(out, Send)]
        assert len(sends) == 2 * len(link.instruments) <= 1024
        assert max(len(str(send.data).encode()) for send in sends) < 512
        assert link.send_limit is not None
        assert len(sends) / link.send_limit.limit * link.send_limit.window_ns < 20 * S


def test_the_private_link_names_the_markets_that_are_traded() -> None:
    """Its channels are by market."""
    (private,) = [link for link in BITSTAMP.links([SPOT(1), SPOT(2)], ME) if link.role is Role.PRIVATE]
    assert private.trades == [SPOT(1).id, SPOT(2).id]
    with pytest.raises(CredentialsError, match=r"venues\.bitstamp\.key"):
        BITSTAMP.session(private, Catalogue(), None)


def test_orders_go_over_rest_and_count_as_any_request() -> None:
    """There is no order entry over WebSocket. Cancel-all over one call is not offered."""
    assert BITSTAMP.route(BUY) == (Role.REST,)
    assert BITSTAMP.route(CancelOrder(account=ME, instrument=SPOT(1).id, cl_ord_id="a")) == (Role.REST,)
    assert BITSTAMP.route(CancelAll(account=ME)) == ()
    assert tuple(BITSTAMP.cost(BUY, Role.REST)) == (("requests", 1),)
    (limit,) = [one for one in BITSTAMP.rate_limits if one.bucket == "requests"]
    assert limit.limit / limit.window_ns < 10_000 / (600 * S)  # the lower one of the two that are documented


def test_what_no_page_promises_is_not_claimed() -> None:
    """Books cannot be checked, the clock is told in whole seconds, no report names the maker or a reason."""
    able = BITSTAMP.capabilities
    assert (able.book_check, able.clock_step_ns, able.tells_maker, able.end_reasons) == ("none", S, False, False)
    assert (able.streams_fills, able.streams_balances, able.keeps_deadlines) == (False, False, False)
    assert able.order_window_ns == 150 * S


def test_there_is_no_test_environment() -> None:
    with pytest.raises(ConfigError, match="testnet"):
        Bitstamp(VenueSettings(environment="testnet"))
