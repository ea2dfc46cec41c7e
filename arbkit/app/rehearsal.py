"""A desk that connects, logs in and reads as in a run, and trades nothing: what a run would meet.

``arbkit instruments``, ``arbkit keys``, ``arbkit doctor`` and ``arbkit adapters check`` use it. Its journal is in a
temporary folder, so that it knows nothing of earlier runs and leaves nothing to later ones.
"""

from __future__ import annotations

import asyncio
import tempfile
from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

from arbkit.app.plan import RunPlan, make_desk
from arbkit.app.recovery import open_journal
from arbkit.core.desk import Desk
from arbkit.core.protocols import Exchange, Signer, Strategy, View
from arbkit.core.runtime.clock import Clock
from arbkit.core.runtime.dialing import tls_context
from arbkit.core.runtime.journal_file import StateFolder
from arbkit.core.runtime.supervisor import Runtime, run
from arbkit.core.types import Catalogue, Instrument, Opportunity

__all__ = ["WAIT_S", "Looker", "Rehearsal", "hold", "of_each_venue", "prepared", "rehearse"]

WAIT_S = 20.0
"""Venues that have not answered by then are given up."""
_LOOK_S = 0.05
_HOPE_NS = 6_000_000_000
"""If no venue can be reached until then, there is no network to wait for."""
_USUAL = ("BTC-USDT", "BTC-USDC", "BTC-USD", "ETH-USDT", "ETH-USD")

LoopFactory = Callable[[], AbstractEventLoop]


class Looker(Strategy):
    """Wants books and makes no deal. ``choose``: the instruments, given the catalogue."""

    def __init__(self, choose: Callable[[Catalogue], Iterable[Instrument]]) -> None:
        self._choose = choose

    def instruments(self, catalogue: Catalogue) -> Iterable[Instrument]:
        return list(self._choose(catalogue))

    def decide(self, view: View, touched: Sequence[str], now_ns: int) -> Sequence[Opportunity]:
        return ()


def of_each_venue(catalogue: Catalogue) -> list[Instrument]:
    """One liquid instrument of each venue, or any that is tradable."""
    chosen: dict[str, Instrument] = {}
    for one in catalogue:
        if one.tradable and (one.venue not in chosen or _rank(one) < _rank(chosen[one.venue])):
            chosen[one.venue] = one
    return list(chosen.values())


def _rank(one: Instrument) -> int:
    return _USUAL.index(one.symbol) if one.symbol in _USUAL else len(_USUAL)


def _silent(desk: Desk, runtime: Runtime) -> bool:
    """Whether every request to every venue failed so far."""
    return not any(venue.catalogued for venue in desk.venues.values()) and all(
        rest.trouble and not rest.fastest_ns for rest in runtime.rests.values()
    )


class Rehearsal(Struct):
    """What is known at its end. ``log``: the events, in order."""

    desk: Desk
    runtime: Runtime
    log: Sequence[tuple[str, Mapping[str, Any]]]

    def trouble(self, venue: str) -> str:
        """Why the last request to the venue failed; "" = it did not."""
        rest = self.runtime.rests.get(self.desk.venues[venue].rest.spec.link)
        return "" if rest is None else rest.trouble

    def fastest_ms(self, venue: str) -> float | None:
        """The shortest time that an answer took; None = there was none."""
        rest = self.runtime.rests.get(self.desk.venues[venue].rest.spec.link)
        return None if rest is None or not rest.fastest_ns else rest.fastest_ns / 1e6

    def told(self, event: str, **fields: object) -> Mapping[str, Any] | None:
        """The last event of that name with these fields."""
        wanted = fields.items()
        return next((said for name, said in reversed(self.log) if name == event and wanted <= said.items()), None)


@contextmanager
def prepared(
    plan: RunPlan,
    exchanges: Mapping[str, Exchange],
    strategy: Strategy | None,
    signers: Mapping[str, Signer],
    *,
    ca_file: str = "",
) -> Iterator[Rehearsal]:
    """A desk that is not connected yet; ``hold`` runs it."""
    clock = Clock()
    log: list[tuple[str, Mapping[str, Any]]] = []

    def note(event: str, /, **fields: object) -> None:
        log.append((event, fields))

    with tempfile.TemporaryDirectory(prefix="arbkit-") as folder:
        state = StateFolder(Path(folder), "paper")
        try:
            journal, _ = open_journal(state, clock)
            runtime = Runtime(clock, journal, tls=tls_context(ca_file or None))
            desk = make_desk(plan, exchanges, strategy, signers, runtime, clock.now_ns(), log=note)
            yield Rehearsal(desk, runtime, log)
        finally:
            state.close()


async def hold(held: Rehearsal, enough: Callable[[Desk], bool], most_s: float, *, signals: bool = True) -> None:
    """Run the desk until ``enough``, at most ``most_s`` seconds. Ctrl-C ends it earlier, if ``signals``."""
    clock, desk, runtime = held.runtime.clock, held.desk, held.runtime

    async def watch() -> None:
        began_ns = now_ns = clock.now_ns()
        while now_ns < began_ns + most_s * 1e9 and not enough(desk):
            await asyncio.sleep(_LOOK_S)
            now_ns = clock.now_ns()
            if now_ns > began_ns + _HOPE_NS and _silent(desk, runtime):
                break
        runtime.stop()

    watching = asyncio.create_task(watch())
    try:
        await run(desk, runtime, signals=signals)
    finally:
        watching.cancel()


def rehearse(
    plan: RunPlan,
    exchanges: Mapping[str, Exchange],
    strategy: Strategy | None,
    signers: Mapping[str, Signer],
    loop_factory: LoopFactory,
    *,
    ca_file: str = "",
    enough: Callable[[Desk], bool],
    most_s: float = WAIT_S,
) -> Rehearsal:
    """Run until ``enough``, at most ``most_s`` seconds. Ctrl-C ends it earlier."""
    with (
        prepared(plan, exchanges, strategy, signers, ca_file=ca_file) as held,
        asyncio.Runner(loop_factory=loop_factory) as runner,
    ):
        runner.run(hold(held, enough, most_s))
    return held
