"""Violations that are known: what the desk cannot do yet, by judge, sentence and weather. A test plays an example of
each, and fails when one is repaired, so that its row is removed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from arbkit.testing.chaos.plan import ChaosPlan
from arbkit.testing.chaos.report import Violation

__all__ = ["KNOWN", "Known", "known"]


class Known(Struct, frozen=True, kw_only=True):
    """One kind of violation. It is known if all three fit: judge, sentence, weather."""

    judge: str
    says: str
    """A regular expression that is found in the sentence."""
    weather: Sequence[str]
    """One of these kinds is needed."""
    also: Sequence[str] = ()
    """One of these too, unless it is empty."""
    reason: str
    seed: int
    """An example: a storm of 60 s with only ``kinds``, or with only ``weather``."""
    kinds: Sequence[str] = ()

    def fits(self, plan: ChaosPlan, violation: Violation) -> bool:
        kinds = set(plan.kinds)
        return (
            violation.judge == self.judge
            and not kinds.isdisjoint(self.weather)
            and (not self.also or not kinds.isdisjoint(self.also))
            and re.search(self.says, violation.text) is not None
        )


_REMOVED: Final = (
    "a venue answers no question about a symbol that it has removed, so an order that was open then is never proved, "
    "and its deal never ends"
)
_LOST: Final = "hedges that left while no record could be written are unknown to the next process"

KNOWN: Final[tuple[Known, ...]] = (
    *(
        Known(judge=judge, says=says, weather=("delist",), reason=_REMOVED, seed=2, kinds=("lose_request", "delist"))
        for judge, says in (
            ("unproved", ":ETH-USDT .* is unproved"),
            ("open", "^not idle .*(in_doubt|held)|:ETH-USDT .* is (not proved|open in arbkit)$"),
            ("deals", "^deal [0-9]+ is in_doubt$"),
        )
    ),
    *(
        Known(
            judge=judge,
            says=says,
            weather=("disk_dead",),
            reason=_LOST,
            seed=seed,
            kinds=("disk_dead", "lose_request", "crash"),
        )
        for judge, seed, says in (
            ("fills", 0, "^[a-z]+ [0-9a-z]+ is unknown to arbkit$"),
            ("deals", 0, "^deal [0-9]+ closed as Outcome"),
            ("naked", 4, "are naked, the cap is"),
            ("carried", 0, "^the gain is .*, by the venues' ledgers | are left over and .* are naked$"),
        )
    ),
)


def known(plan: ChaosPlan, violation: Violation) -> str:
    """The reason why this violation is expected under the weather of a plan; "" = it is new."""
    return next((row.reason for row in KNOWN if row.fits(plan, violation)), "")
