"""The plan of a seed: everything that a run depends on. ``draw`` makes it; the same arguments give the same plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from arbkit.sim.faults import Fault
from arbkit.testing.chaos.weather import WEATHER, Dice, Profile, Upset, chosen, drawn

__all__ = ["ALL", "ChaosPlan", "Deals", "draw", "read_plan", "swarm"]

ALL = tuple(kind.name for kind in WEATHER)
Deals: TypeAlias = Literal["pair", "staged", "triangle", "chain"]
"""What the desk trades: one purchase and one sale at once, or the one after the other; three legs on one venue at once,
or one after the other."""
_MOST_VENUES = 5
_NEW = 4
"""Kinds beside the foundation in one storm: more at once would hide each other."""


class ChaosPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A run in full. As JSON it is what a failing seed prints, and what ``arbkit chaos --plan`` reads."""

    seed: int
    profile: Profile = "storm"
    seconds: float = 60.0
    venues: Sequence[str]
    kinds: Sequence[str] = ()
    """The kinds of weather that are switched on."""
    faults: Sequence[Fault] = ()
    upsets: Sequence[Upset] = ()
    edge_every_s: float = 1.5
    poor: bool = False
    """Small balances: they are used up from time to time."""
    tight: bool = False
    """Small loss limits."""
    deals: Deals = "pair"
    durability: Literal["process", "power"] = "process"

    def __str__(self) -> str:
        """As JSON, without what is usual."""
        return msgspec.json.encode(
            {
                **{name: value for name, value in trimmed(self).items() if name not in ("faults", "upsets")},
                "faults": [trimmed(fault) for fault in self.faults],
                "upsets": [trimmed(upset) for upset in self.upsets],
            }
        ).decode()

    @property
    def around(self) -> bool:
        """Whether the edges are planted around three pairs of one venue, and not between two venues."""
        return self.deals in ("triangle", "chain")

    @property
    def third_fee(self) -> bool:
        """Whether a fee is taken in an asset that the pair does not have."""
        return any(fault.kind == "fee" and fault.asset for fault in self.faults)


def trimmed(what: Struct) -> dict[str, Any]:
    """The fields that differ from their defaults."""
    whole = msgspec.to_builtins(what)
    usual = {field.encode_name: field.default for field in msgspec.structs.fields(what)}
    return {name: value for name, value in whole.items() if usual[name] != value}


def read_plan(text: str) -> ChaosPlan:
    """Read a plan. Raises ``msgspec.ValidationError`` or ``msgspec.DecodeError``."""
    return msgspec.json.decode(text, type=ChaosPlan)


def draw(
    seed: int,
    profile: Profile,
    venues: Sequence[str],
    *,
    kinds: Sequence[str] = ALL,
    seconds: float = 60.0,
    deals: Deals = "pair",
) -> ChaosPlan:
    """The plan of a seed. ``venues``: the possible ones; two to five of them take part. Raises ``ValueError`` for an
    unknown kind."""
    dice = Dice(f"run:{seed}:{profile}")
    most = min(_MOST_VENUES, len(venues))
    part = dice.sample(venues, dice.one_of(range(min(2, most), most + 1)))
    poor, tight = dice.happens(0.3), dice.happens(0.3)
    edge_every_s = dice.one_of((0.7, 1.5, 3.0))
    names, faults, upsets = swarm(seed, part, kinds, profile)
    power = any(upset.power for upset in upsets) or dice.happens(0.2)
    return ChaosPlan(
        seed=seed,
        profile=profile,
        seconds=seconds,
        venues=part,
        kinds=names,
        faults=faults,
        upsets=upsets,
        edge_every_s=edge_every_s,
        poor=poor,
        tight=tight and profile == "storm",
        durability="power" if power else "process",
        deals=deals,
    )


def swarm(
    seed: int, venues: Sequence[str], kinds: Sequence[str] = ALL, profile: Profile = "storm"
) -> tuple[list[str], list[Fault], list[Upset]]:
    """The weather of a seed: names, faults, upsets. A storm has a random half of the foundation's kinds, with one or
    two faults each, and up to four others; the other profiles have all of theirs once."""
    dice = Dice(f"chaos:{seed}:{profile}")
    rows = chosen(kinds, profile)
    if profile == "storm":
        old, new = [row for row in rows if row.foundation], [row for row in rows if not row.foundation]
        picked = dice.sample(old, (len(old) + 1) // 2) + dice.sample(new, min(len(new), _NEW))
        rows = sorted(picked, key=rows.index)
    faults: list[Fault] = []
    upsets: list[Upset] = []
    for row in rows:
        for _ in range(dice.one_of((1, 1, 2)) if profile == "storm" and not row.whole else 1):
            what = drawn(row, profile, venues, dice)
            if isinstance(what, Upset):
                upsets.append(what)
            elif what.venue in ("", *venues):
                faults.append(what)
    return [row.name for row in rows], faults, upsets
