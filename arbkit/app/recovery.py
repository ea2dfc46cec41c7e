"""What a run takes over from earlier runs: reads the journal, reserves client order ids. ``app.launch`` calls it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from arbkit.app.plan import RunPlan
from arbkit.core.errors import ConfigError
from arbkit.core.orders.carried import Carried, Left
from arbkit.core.orders.journal import VERSION, Scan
from arbkit.core.recovery import resume
from arbkit.core.runtime.clock import Clock
from arbkit.core.runtime.journal_file import FRESH_AT, JournalFile, StateFolder, clear, scan_file

__all__ = ["code_version", "open_journal", "recover"]


def open_journal(folder: StateFolder, clock: Clock) -> tuple[JournalFile, Carried]:
    """The journal, and what earlier runs left in it. It is of this version then, of modest size, and without a torn
    last record; journals of the version before are taken over. Raises ``ConfigError`` for a damaged one."""
    carried = Carried()
    journal = JournalFile(folder.journal, clock, carried)
    older = [path for path in folder.older() if _whole(path, scan_file(path, carried.take)).version < VERSION]
    found = _whole(folder.journal, journal.scan(carried.take))
    if found.torn:
        journal.cut(found.good_until)
    try:
        if older or found.version < VERSION or journal.size >= FRESH_AT:
            journal.renew()
        for path in older:
            clear(path, clock.now_ns())
    except OSError as error:
        raise ConfigError(f"the journal {folder.journal} cannot be made anew: {error.strerror}") from None
    return journal, carried


def _whole(path: Path, found: Scan) -> Scan:
    if found.damaged:
        raise ConfigError(
            f"the journal {path} is damaged: {found.text}; close open orders by hand, then move the file away"
        )
    return found


def recover(
    plan: RunPlan, journal: JournalFile, carried: Carried, now_ns: int, *, settled: bool = False
) -> tuple[RunPlan, Left]:
    """The plan with what earlier runs left on its accounts, and with the next id block, which is reserved in the
    journal. The orders of a paper account end with its run. ``settled``: a person has settled what earlier runs left
    (``journal.Settled``). Raises ``ConfigError`` for a deal that is also on an account that the plan does not have."""
    live = any(venue.balances is None for venue in plan.venues)
    accounts = {venue.account: venue.environment for venue in plan.venues}
    resumed = resume(
        carried, accounts, mode="live" if live else "paper", code=code_version(), now_ns=now_ns, settled=settled
    )
    for record in resumed.starts:
        journal.append(record)
    journal.flush()
    left = resumed.left
    plan = msgspec.structs.replace(
        plan,
        block=resumed.block,
        first=resumed.first,
        unresolved=left.unresolved,
        interrupted=left.interrupted,
        booked=left.booked,
        kept=left.kept,
        state=resumed.states.get(plan.strategy, b""),
    )
    return plan, left


def code_version() -> str:
    """Of the installed package."""
    from importlib.metadata import version

    return version("arbkit")
