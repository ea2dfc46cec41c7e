"""Connections that end as planned: the next one takes over, and what a strategy sees stays as if nothing had happened.

The judge is a second desk, whose connections have no planned end, in a world of the same seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace
from rotated import rotated

from arbkit.core.protocols import Exchange
from arbkit.core.types import LinkSpec, Role, VenueSettings
from arbkit.plugins import registry
from arbkit.strategies import SpreadArb
from arbkit.testing.simulated import simulate
from arbkit.testing.virtual import VirtualRun

REGISTRY = registry.load(dialects=True)
VENUES = sorted(REGISTRY.dialects)
LIFE_NS = 8_000_000_000
SYMBOLS = ("BTC-USDT", "ETH-USDT")


def short_lived(made: type[Exchange]) -> Any:
    """The adapter, for a venue that cuts its public connections after a short time."""

    def make(settings: VenueSettings) -> Exchange:
        exchange = made(settings)
        links = exchange.links

        def short(*args: Any, **kwargs: Any) -> Sequence[LinkSpec]:
            return [replace(one, life_ns=LIFE_NS) if one.role is Role.PUBLIC else one for one in links(*args, **kwargs)]

        exchange.links = short  # type: ignore[method-assign]
        return exchange

    return make


def started(venue: str, short: bool, told: list[str]) -> VirtualRun:
    other = "okx" if venue != "okx" else "binance"
    exchange = REGISTRY.exchange(venue)
    strategy = SpreadArb(symbols=SYMBOLS, min_edge=0.02, max_edge=0.03)
    return simulate(
        strategy,
        {
            short_lived(exchange) if short else exchange: REGISTRY.dialect(venue),
            REGISTRY.exchange(other): REGISTRY.dialect(other),
        },
        seed=4,
        edge_every_s=0,
        log=lambda event, **fields: told.append(event),
    )


@pytest.mark.parametrize("venue", rotated(VENUES, 2))
def test_what_is_seen_stays_as_if_no_connection_had_ended(venue: str) -> None:
    told: list[str] = []
    ends, calm = started(venue, True, told), started(venue, False, [])
    ends.run_for(6)
    calm.run_for(6)
    newer = 0
    for _ in range(160):
        ends.run_for(0.1)
        calm.run_for(0.1)
        for symbol in SYMBOLS:
            seen, expected = (run.desk.view.book(f"{venue}:{symbol}") for run in (ends, calm))
            assert seen is not None
            assert expected is not None
            if (seen.bids.top(10), seen.asks.top(10)) != (expected.bids.top(10), expected.asks.top(10)):
                newer += 1  # the snapshot of a new connection may be newer than the last push of an old one
                assert seen.seq > expected.seq
    assert newer <= 2 * told.count("link.taken_over")
    assert told.count("link.taken_over") >= 2
    assert not {"book.lost", "link.heir_failed", "book.stale"} & set(told)
    public = [name for name, link in ends.desk.links.items() if link.spec.role is Role.PUBLIC and venue in name]
    assert len(public) == 1
    assert ends.desk.books[f"{venue}:BTC-USDT"].epoch > calm.desk.books[f"{venue}:BTC-USDT"].epoch
