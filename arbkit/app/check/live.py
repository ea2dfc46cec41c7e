"""The check against the venue itself: public endpoints only, without any key."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

from arbkit.app.check.report import Comparison, Other, Report
from arbkit.app.check.subject import Subject, reported
from arbkit.app.check.watcher import Seen, Watcher
from arbkit.app.plan import plan_of
from arbkit.app.rehearsal import LoopFactory, Rehearsal, hold, prepared
from arbkit.config.load import Config
from arbkit.core.desk import Desk
from arbkit.core.protocols import Exchange
from arbkit.core.types import Ask, AskKind, Role

__all__ = ["check"]

_FRESH_S = 15.0
"""So long a second connection holds the same books, to compare them; less in a short check."""
_NEAR_NS = 5_000_000_000


def check(subject: Subject, seconds: float, loop_factory: LoopFactory, ca_file: str = "") -> Report:
    """Hold books for ``seconds``. At the end a second connection takes them anew, and the states of both are
    compared."""
    watcher, second = Watcher(subject.choose), Watcher(subject.choose)
    plan = plan_of(Config(venues={subject.name: subject.venue}), False, 0)
    with prepared(plan, {subject.name: subject.exchange()}, watcher, {}, ca_file=ca_file) as held:
        began_ns = held.runtime.clock.now_ns()

        async def fresh() -> None:
            extra_s = min(_FRESH_S, seconds / 2)
            await asyncio.sleep(seconds - extra_s)
            if not watcher.seen:
                return  # there is nothing to compare with
            with prepared(plan, {subject.name: subject.exchange()}, second, {}, ca_file=ca_file) as other:
                await hold(other, _never, extra_s, signals=False)

        async def both() -> None:
            beside = asyncio.create_task(fresh())
            try:
                await hold(held, _never, seconds)
            finally:
                beside.cancel()
                await asyncio.gather(beside, return_exceptions=True)

        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(both())
    exchange = held.desk.venues[subject.name].exchange
    how: Other = "REST snapshot" if _by_rest(exchange) else "fresh connection"
    compared = {
        name: Comparison(to=how, **_equal(seen, second.seen[name]))
        for name, seen in watcher.seen.items()
        if name in second.seen
    }
    return reported(
        subject,
        "venue",
        held.desk,
        watcher,
        held.log,
        began_ns=began_ns,
        now_ns=held.runtime.clock.now_ns(),
        compared=compared,
        trouble=held.trouble(subject.name),
        host=_host(held, subject),
        answer_ms=held.fastest_ms(subject.name),
    )


def _never(desk: Desk) -> bool:
    return False


def _by_rest(exchange: Exchange) -> bool:
    """Whether a book begins with a snapshot by REST; otherwise the socket sends it."""
    return bool(exchange.cost(Ask(kind=AskKind.SNAPSHOT, instrument=f"{exchange.venue}:BTC-USDT"), Role.REST))


def _equal(held: Seen, fresh: Seen) -> Mapping[str, int]:
    """How many states of a book that began anew the held one had at about the same time."""
    near = [
        state
        for state, at_ns in fresh.states.items()
        if state in held.states and abs(held.states[state] - at_ns) < _NEAR_NS
    ]
    return {"compared": len(fresh.states), "equal": len(near)}


def _host(held: Rehearsal, subject: Subject) -> str:
    """The REST host, as the adapter names it."""
    session = held.desk.venues[subject.name].rest.session
    for wire in session.encode(Ask(kind=AskKind.CATALOGUE), held.runtime.clock.now_ns()):
        if url := getattr(wire, "url", ""):
            return urlsplit(str(url)).netloc
    return ""
