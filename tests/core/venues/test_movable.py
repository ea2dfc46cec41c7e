"""Whether an asset can be moved: what the venue tells, and what the user knows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from arbkit.core.types import AssetStatus
from arbkit.core.venues.venue import Venue


@pytest.mark.parametrize(
    ("told", "own", "deposit", "withdraw"),
    [
        (None, None, None, None),
        (None, True, True, True),
        (None, False, False, False),
        ((True, False), None, True, False),
        ((True, False), True, True, False),
        ((True, True), False, False, False),
        ((None, True), True, True, True),
    ],
)
def test_the_venue_is_believed_and_the_user_where_it_is_silent(
    told: tuple[bool | None, bool | None] | None, own: bool | None, deposit: bool | None, withdraw: bool | None
) -> None:
    """``true`` of the user never opens what the venue says is closed; ``false`` always holds."""
    venue: Any = SimpleNamespace(
        setup=SimpleNamespace(movable={} if own is None else {"BTC": own}),
        assets={} if told is None else {"BTC": AssetStatus("aa", "BTC", *told)},
    )
    assert (Venue.movable(venue, "BTC", "deposit"), Venue.movable(venue, "BTC", "withdraw")) == (deposit, withdraw)
