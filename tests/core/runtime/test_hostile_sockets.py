"""No attack of one socket holds the loop for long or fills the memory (``hostile_sockets``)."""

from __future__ import annotations

import pytest

from tests.core.runtime import hostile_sockets

WORKED_MS = 60.0
"""Of the processor, which other tests beside this one change little. Without limits it was seconds."""
OPEN = {
    *("no attack", "messages of 1 byte without end", "messages of 1 MiB without end"),
    *("200 compressed messages of 1 MiB", *hostile_sockets.WHOLE),
}
"""What a venue may do: the connection stays."""
SAMPLE = (
    *("no attack", "empty fragments without end", "pongs without end"),
    *("a compressed message of 500 MB in fragments", "ten messages of 16 MiB, allowed", "a head without end"),
)


@pytest.mark.parametrize(
    "name", [name if name in SAMPLE else pytest.param(name, marks=pytest.mark.long) for name in hostile_sockets.ATTACKS]
)
def test_an_attack_costs_a_moment(name: str) -> None:
    """It ends the connection, or others get their turns in between."""
    said = hostile_sockets.measure(name)
    assert said.worked_ms < WORKED_MS
    assert said.grown_mib < (80 if name in hostile_sockets.WHOLE else 16)
    assert (said.end == "") is (name in OPEN), said.end
