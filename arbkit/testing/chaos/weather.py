"""The kinds of weather, as a table: one row per kind. ``plan`` draws from it.

A row says how to draw the kind in each profile that has it. ``calm``: what happens on a good day. ``rough``: a day with
some lost messages and a short outage. ``storm``: many faults at once; there, each seed switches on a random half of the
kinds, because all kinds together would hide each other. ``foundation``: the kinds of the first chaos runs, for which
the desk must have no violation in calm and rough.

A ``Fault`` happens at a venue (``arbkit.sim.faults``), an ``Upset`` to our own process and machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from random import Random
from typing import Any, Final, Literal, TypeAlias, TypeVar, cast

from msgspec import Struct
from msgspec.structs import replace

from arbkit.sim.faults import Fault, FaultKind

__all__ = ["FOUNDATION", "PROFILES", "WEATHER", "Dice", "Kind", "Profile", "Upset", "UpsetKind", "chosen", "drawn"]

Profile: TypeAlias = Literal["calm", "rough", "storm"]
PROFILES: Final[tuple[Profile, ...]] = ("calm", "rough", "storm")
UpsetKind: TypeAlias = Literal[
    "crash", "skew", "drift", "jump", "stall", "slow_disk", "disk_full", "disk_dead", "slow_line"
]
_T = TypeVar("_T")


class Upset(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens to our process or machine.

    - ``crash``: the process dies at ``point``, and starts again ``for_s`` later from the journal; ``power``: what was
      not on the disk is lost (only with durability ``power``); ``forget``: the state folder is empty afterwards;
    - ``skew``: our clock is ``amount`` seconds ahead of the true time from the next start of the process on;
    - ``drift``: our clock gains ``amount`` seconds per second for ``for_s``;
    - ``jump``: the wall clock was set, or the machine slept; our own time goes on (``core.runtime.clock``);
    - ``stall``: the event loop is blocked for ``for_s``;
    - ``slow_disk``: each sync of the journal takes ``amount`` seconds for ``for_s``;
    - ``disk_full``: the journal reports a full disk (its reserve is in use) and the run stops; it starts again
      ``for_s`` later with room on the disk;
    - ``disk_dead``: no record can be written any more, and the run stops; it starts again ``for_s`` later;
    - ``slow_line``: from now on everything takes ``amount`` seconds to a venue and back each. No profile draws it; a
      mutant needs it.
    """

    kind: UpsetKind
    at_s: float = 0.0
    every_s: float = 0.0
    """``crash``: again so long after each start of the process."""
    count: int = 1
    for_s: float = 1.0
    amount: float = 0.0
    point: Literal["now", "before_write", "torn_write", "after_write", "before_send", "after_send"] = "now"
    """``crash``: at once, or at the next record of the journal, or at the next order handed to a link."""
    power: bool = False
    forget: bool = False


class Dice:
    """The random numbers of one plan."""

    def __init__(self, key: str) -> None:
        self._rng = Random(key)  # noqa: S311 - not a secret

    def some(self, low: float, high: float) -> float:
        """A number between the two, of few digits, so that a printed plan stays short."""
        return round(self._rng.uniform(low, high), 4)

    def one_of(self, choices: Sequence[_T]) -> _T:
        return self._rng.choice(choices)

    def sample(self, choices: Sequence[_T], count: int) -> list[_T]:
        return self._rng.sample(choices, count)

    def happens(self, chance: float) -> bool:
        return self._rng.random() < chance


Draw: TypeAlias = Callable[[Dice], Fault | Upset]


class Kind(Struct, frozen=True):
    """One row: how to draw the kind in each profile that has it."""

    name: str
    draws: Mapping[Profile, Draw]
    foundation: bool = False
    whole: bool = False
    """The drawn times and venues stay as they are; otherwise ``plan`` sets a venue, a start, and no end."""


_ON: Final = ("any", "book", "user", "reply")


def _fault(kind: FaultKind, **fields: Any) -> Fault:
    return Fault(kind=kind, **fields)


def _every(kind: FaultKind, low: float, high: float, **more: tuple[float, float] | Sequence[Any]) -> Draw:
    """A fault that comes again and again. A pair of numbers is a range, any other sequence a choice."""

    def draw(dice: Dice) -> Fault:
        return _fault(kind, every_s=dice.some(low, high), **_drawn(dice, more))

    return draw


def _chance(kind: FaultKind, low: float, high: float, **more: tuple[float, float] | Sequence[Any]) -> Draw:
    """A fault with a probability at each possible moment."""

    def draw(dice: Dice) -> Fault:
        return _fault(kind, chance=dice.some(low, high), **_drawn(dice, more))

    return draw


def _drawn(dice: Dice, more: Mapping[str, tuple[float, float] | Sequence[Any]]) -> dict[str, Any]:
    drawn: dict[str, Any] = {}
    for name, choices in more.items():
        if len(choices) == 2 and all(type(one) is float for one in choices):
            drawn[name] = dice.some(*cast("tuple[float, float]", choices))
        else:
            drawn[name] = dice.one_of(choices)
    return drawn


def _upset(kind: UpsetKind, **more: tuple[float, float] | Sequence[Any]) -> Draw:
    def draw(dice: Dice) -> Upset:
        return Upset(kind=kind, **_drawn(dice, more))

    return draw


_POINTS: Final = ("now", "before_write", "torn_write", "after_write", "before_send", "after_send")

WEATHER: Final[tuple[Kind, ...]] = (
    # --- the foundation: lost and late messages, refusals
    Kind("skip", {"storm": _every("skip", 2, 12)}, foundation=True),
    Kind("drop", {"storm": _chance("drop", 0.001, 0.02)}, foundation=True),
    Kind("duplicate", {"storm": _chance("duplicate", 0.01, 0.2)}, foundation=True),
    Kind("reorder", {"storm": _chance("reorder", 0.001, 0.02)}, foundation=True),
    Kind("corrupt", {"storm": _chance("corrupt", 0.001, 0.02)}, foundation=True),
    Kind(
        "close",
        {"rough": _every("close", 300, 600, on=_ON), "storm": _every("close", 3, 15, on=_ON)},
        foundation=True,
    ),
    Kind("mute", {"storm": _every("mute", 5, 20, for_s=(0.2, 6.0), on=_ON)}, foundation=True),
    Kind("throttle", {"storm": _every("throttle", 5, 15, for_s=(0.1, 3.0))}, foundation=True),
    Kind(
        "status",
        {
            "storm": _chance(
                "status", 0.02, 0.3, status=(500, 502, 503, 504), body=("json", "html"), applied=(True, False)
            )
        },
        foundation=True,
    ),
    Kind("delay", {"storm": _every("delay", 4, 12, for_s=(0.1, 3.0))}, foundation=True),
    Kind("blind", {"storm": _every("blind", 4, 12, for_s=(0.1, 1.9))}, foundation=True),
    Kind(
        "lose_ack",
        {
            "rough": _chance("lose_ack", 0.005, 0.0051),
            "storm": _chance("lose_ack", 0.02, 0.3, cut=(True, False)),
        },
        foundation=True,
    ),
    Kind(
        "lose_request",
        {"rough": _chance("lose_request", 0.01, 0.0101), "storm": _chance("lose_request", 0.02, 0.2)},
        foundation=True,
    ),
    Kind("partial", {"storm": _chance("partial", 0.1, 0.6, fraction=(0.05, 0.9))}, foundation=True),
    # --- venues
    Kind("ban", {"storm": _every("ban", 60, 180, for_s=(20.0, 180.0))}),
    Kind("maintenance", {"storm": _every("maintenance", 60, 120, for_s=(5.0, 40.0), amount=(-0.01, 0.01))}),
    Kind("halt", {"storm": _every("halt", 20, 60, for_s=(2.0, 60.0), on=("any", "reply"))}),
    Kind("delist", {"storm": lambda dice: _fault("delist", at_s=dice.some(10, 50), symbol="ETH-USDT")}, whole=True),
    Kind("rules", {"storm": lambda dice: _fault("rules", at_s=dice.some(10, 40))}, whole=True),
    Kind("late", {"storm": _every("late", 20, 60, for_s=(2.0, 20.0), fraction=(0.1, 0.9))}),
    Kind(
        "lag",
        {
            "rough": _every("lag", 600, 900, for_s=(30.0, 60.0), amount=(0.01, 0.15)),
            "storm": _every("lag", 60, 120, for_s=(30.0, 100.0), amount=(0.2, 5.0)),
        },
    ),
    Kind("silent", {"storm": _every("silent", 20, 60, for_s=(2.0, 40.0))}),
    Kind("ghost", {"storm": _every("ghost", 10, 30, for_s=(0.5, 10.0))}),
    Kind("restart", {"rough": _every("restart", 30, 60), "storm": _every("restart", 10, 40)}),
    Kind("reject", {"storm": _chance("reject", 0.02, 0.2, for_s=(0.05, 3.0))}),
    Kind("login", {"storm": _chance("login", 0.1, 0.5)}),
    Kind("refuse", {"storm": _chance("refuse", 0.05, 0.4)}),
    Kind("overrun", {"storm": _chance("overrun", 0.02, 0.2)}),
    Kind(
        "late_fill",
        {
            "rough": _chance("late_fill", 0.01, 0.05, for_s=(0.05, 0.5)),
            "storm": _chance("late_fill", 0.02, 0.5, for_s=(0.1, 20.0)),
        },
    ),
    Kind("private_mute", {"storm": _every("mute", 20, 60, for_s=(10.0, 60.0), on=("user",))}),
    Kind("venue_clock", {"storm": _every("clock", 10, 40, amount=(-3.0, 3.0))}),
    Kind(
        "venue_drift",
        {
            "calm": _every("clock", 1, 1.0001, amount=(-0.0002, 0.0002)),
            "rough": _every("clock", 1, 1.0001, amount=(-0.0005, 0.0005)),
            "storm": _every("clock", 1, 1.0001, amount=(-0.02, 0.02)),
        },
    ),
    # --- the account
    Kind(
        "deposit",
        {
            "calm": _every("deposit", 20, 60, amount=(10.0, 3000.0)),
            "rough": _every("deposit", 20, 60, amount=(10.0, 3000.0)),
            "storm": _every("deposit", 10, 60, amount=(10.0, 3000.0)),
        },
    ),
    Kind(
        "withdraw",
        {
            "calm": _every("withdraw", 20, 60, amount=(10.0, 500.0)),
            "rough": _every("withdraw", 20, 60, amount=(10.0, 500.0)),
            "storm": _every("withdraw", 10, 60, amount=(10.0, 1000.0)),
        },
    ),
    Kind(
        "hand_trade",
        {"rough": _every("trade", 30, 60, amount=(20.0, 300.0)), "storm": _every("trade", 5, 40, amount=(20.0, 300.0))},
    ),
    Kind(
        "foreign",
        {
            "rough": _every("foreign", 30, 60, amount=(20.0, 300.0), for_s=(1.0, 10.0)),
            "storm": _every("foreign", 5, 40, amount=(20.0, 300.0), for_s=(0.2, 20.0)),
        },
    ),
    Kind(
        "third_fee",
        {
            "calm": lambda dice: _fault("fee", venue="binance", asset="BNB"),
            "rough": lambda dice: _fault("fee", venue="binance", asset="BNB"),
            "storm": lambda dice: _fault("fee", venue="binance", asset="BNB"),
        },
        whole=True,
    ),
    # --- our own process and machine
    Kind(
        "crash",
        {
            "calm": _upset("crash", at_s=(20.0, 50.0), for_s=(0.5, 5.0)),
            "rough": _upset("crash", at_s=(10.0, 50.0), for_s=(0.5, 5.0), point=_POINTS),
            "storm": _upset("crash", at_s=(5.0, 50.0), for_s=(0.5, 10.0), point=_POINTS),
        },
        whole=True,
    ),
    Kind(
        "power_cut",
        {"storm": _upset("crash", at_s=(5.0, 50.0), for_s=(1.0, 10.0), point=_POINTS, power=(True,))},
        whole=True,
    ),
    Kind(
        "crash_loop",
        {
            "storm": _upset(
                "crash",
                at_s=(5.0, 20.0),
                every_s=(15.0, 25.0),
                count=(3, 5),
                for_s=(0.5, 2.0),
                point=("after_send", "after_write"),
            )
        },
        whole=True,
    ),
    Kind("amnesia", {"storm": _upset("crash", at_s=(10.0, 40.0), for_s=(1.0, 5.0), forget=(True,))}, whole=True),
    Kind(
        "own_skew",
        {"calm": _upset("skew", amount=(-1.5, 1.5)), "storm": _upset("skew", amount=(-5.0, 5.0))},
        whole=True,
    ),
    Kind(
        "own_drift",
        {
            "calm": _upset("drift", amount=(0.0, 0.00005), for_s=(200.0, 300.0)),
            "rough": _upset("drift", amount=(0.0, 0.0001), for_s=(200.0, 300.0)),
            "storm": _upset("drift", amount=(0.0, 0.005), for_s=(60.0, 300.0)),
        },
        whole=True,
    ),
    Kind(
        "own_jump", {"rough": _upset("jump", at_s=(10.0, 50.0)), "storm": _upset("jump", at_s=(5.0, 50.0))}, whole=True
    ),
    Kind(
        "stall",
        {
            "rough": _upset("stall", at_s=(5.0, 50.0), for_s=(0.06, 0.3)),
            "storm": _upset("stall", at_s=(5.0, 50.0), for_s=(0.06, 8.0)),
        },
        whole=True,
    ),
    Kind(
        "slow_disk",
        {
            "rough": _upset("slow_disk", at_s=(5.0, 40.0), for_s=(5.0, 30.0), amount=(0.005, 0.05)),
            "storm": _upset("slow_disk", at_s=(0.0, 40.0), for_s=(5.0, 30.0), amount=(0.01, 3.0)),
        },
        whole=True,
    ),
    Kind("disk_full", {"storm": _upset("disk_full", at_s=(10.0, 40.0), for_s=(15.0, 30.0))}, whole=True),
    Kind("disk_dead", {"storm": _upset("disk_dead", at_s=(10.0, 40.0), for_s=(15.0, 30.0))}, whole=True),
)
"""All kinds. To add one, add a row."""

FOUNDATION: Final[tuple[str, ...]] = tuple(kind.name for kind in WEATHER if kind.foundation)


def chosen(names: Sequence[str], profile: Profile) -> list[Kind]:
    """The rows of these kinds that the profile has, in the order of the table. Raises ``ValueError`` for an unknown
    name."""
    known = {kind.name for kind in WEATHER}
    unknown = [name for name in names if name not in known]
    if unknown:
        near = get_close_matches(unknown[0], known, 1)
        hint = f"did you mean {near[0]}?" if near else f"the kinds are {', '.join(sorted(known))}"
        raise ValueError(f"no weather {', '.join(unknown)}; {hint}")
    return [kind for kind in WEATHER if kind.name in names and profile in kind.draws]


def drawn(kind: Kind, profile: Profile, venues: Sequence[str], dice: Dice) -> Fault | Upset:
    """One fault or upset of this kind."""
    what = kind.draws[profile](dice)
    if isinstance(what, Upset) or kind.whole:
        return what
    at_s = dice.some(0, 15) if profile == "storm" else dice.some(0, max(1.0, what.every_s))
    return replace(what, venue=dice.one_of(("", *venues)), at_s=at_s, count=0)
