"""What a venue says of a key, for ``arbkit keys`` and ``arbkit doctor``. They log in as a run does and send nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from arbkit.app.plan import plan_of
from arbkit.app.rehearsal import Looker, LoopFactory, Rehearsal, of_each_venue, rehearse
from arbkit.config.load import Config
from arbkit.core.desk import Desk
from arbkit.core.protocols import Exchange, Signer
from arbkit.core.types import plain
from arbkit.core.venues.venue import Venue

__all__ = ["Judged", "judge", "judged"]

_STOPPED = "stopped: "


class Judged(Struct, frozen=True, kw_only=True):
    """A key, as its venue sees it."""

    venue: str
    problem: str = ""
    """What keeps it from trading, and what to do; "" = nothing."""
    reached: bool = True
    """False: the venue did not answer, so that nothing is known of the key."""
    withdraw: bool | None = None
    """Whether it may withdraw; None = the venue does not tell."""
    rights: Sequence[str] = ()
    warnings: Sequence[str] = ()
    holds: Mapping[str, str] = {}
    """Balances that are not 0, by asset."""
    taker: Mapping[str, str] = {}
    """The account's own taker fee as a fraction, of the instruments that were looked at."""
    clock_ms: float | None = None
    """The venue's clock minus ours."""


def judge(
    config: Config, exchanges: Mapping[str, Exchange], signers: Mapping[str, Signer], loop_factory: LoopFactory
) -> list[Judged]:
    """Log in with each of ``signers``, by venue. It takes 20 s at most."""
    tested = replace(config, venues={name: venue for name, venue in config.venues.items() if name in signers})
    held = rehearse(
        plan_of(tested, True, 0),
        exchanges,
        Looker(of_each_venue),
        signers,
        loop_factory,
        ca_file=config.ca_file,
        enough=known,
    )
    return [judged(held, name) for name in held.desk.venues]


def known(desk: Desk) -> bool:
    """Whether every venue has said all that it will say."""
    return all(map(_settled, desk.venues.values()))


def _settled(venue: Venue) -> bool:
    missing = venue.readiness.missing()
    return missing in ([], [venue.readiness.problem]) or missing[0].startswith(_STOPPED)


def judged(held: Rehearsal, name: str) -> Judged:
    """What is known of the key of one venue."""
    venue = held.desk.venues[name]
    missing, status = venue.readiness.missing(), venue.status
    reached, problem = True, ""
    if missing and missing[0].startswith(_STOPPED):
        problem = missing[0].removeprefix(_STOPPED)
    elif missing == [venue.readiness.problem]:
        problem = venue.readiness.problem
    elif missing:
        down = next((link.reason for link in held.desk.links.values() if link.spec.venue == name and link.reason), "")
        reached = False
        problem = held.trouble(name) or down or "; ".join(missing)
    balances = held.desk.ledger.totals(venue.account)
    return Judged(
        venue=name,
        problem=problem,
        reached=reached,
        withdraw=None if status is None else status.withdraw,
        rights=() if status is None else status.rights,
        warnings=() if status is None else status.warnings,
        holds={asset: plain(amount) for asset, amount in sorted(balances.items()) if amount},
        taker={one: plain(venue.fees[one].taker) for one in venue.instruments if one in venue.fees},
        clock_ms=round(venue.clock.offset_ns / 1e6, 1) if venue.clock.known else None,
    )
