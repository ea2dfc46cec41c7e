"""The venues: a rehearsal with the configuration's venues, strategy and keys, and what it met. No order is sent."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal

from msgspec.structs import replace

from arbkit.app.doctor.finding import CREDENTIALS, VENUE, Finding, bad, good, poor
from arbkit.app.keys import Judged, judged, known
from arbkit.app.plan import RunPlan, plan_of
from arbkit.app.rehearsal import Looker, LoopFactory, Rehearsal, of_each_venue, rehearse
from arbkit.app.remedies import remedy
from arbkit.config.load import Config
from arbkit.core.desk import Desk
from arbkit.core.protocols import Exchange, Signer, Strategy
from arbkit.core.types import BookState, Role, plain

__all__ = ["venues"]

_OFF_MS = 1000.0
_SLOW_MS = 250.0
_ROOM = 0.3
"""Of a rate limit that should be left after the start."""
_LONG_NS = 60_000_000_000


def venues(
    config: Config,
    exchanges: Mapping[str, Exchange],
    strategy: Strategy | None,
    signers: Mapping[str, Signer],
    loop_factory: LoopFactory,
) -> Iterator[Finding]:
    """Connect to all of them, log in where there is one of ``signers``, and wait for the strategy's books."""
    choose = of_each_venue if strategy is None else strategy.instruments
    held = rehearse(
        _plan(config, signers),
        exchanges,
        Looker(choose),
        signers,
        loop_factory,
        ca_file=config.ca_file,
        enough=lambda desk: _enough(desk, signers),
    )
    for name in held.desk.venues:
        yield from _venue(held, name, config)
        if name in signers:
            yield from _key(held, judged(held, name), config)
    if (problem := held.told("strategy.waits")) is not None:
        yield bad("strategy", str(problem["why"]), "name symbols that the venues list: arbkit instruments")
    for running in held.desk.engine.strategies:
        if running.failed:
            yield bad("strategy", running.failed, "mend it")


def _plan(config: Config, signers: Collection[str]) -> RunPlan:
    """Live for venues with a key, paper for the others."""
    live, paper = plan_of(config, True, 0), plan_of(config, False, 0)
    both = zip(live.venues, paper.venues, strict=True)
    return replace(live, venues=[one if one.venue in signers else other for one, other in both])


def _enough(desk: Desk, signers: Collection[str]) -> bool:
    """Whether all is known: keys, clocks, and a synchronised book of each instrument."""
    ready = all(venue.catalogued and venue.clock.known for venue in desk.venues.values())
    books = bool(desk.books) and all(book.state is BookState.SYNCED for book in desk.books.values())
    return ready and books and (not signers or known(desk))


def _venue(held: Rehearsal, name: str, config: Config) -> Iterator[Finding]:
    """What everybody may ask."""
    desk, venue = held.desk, held.desk.venues[name]
    if not venue.catalogued:
        why = held.trouble(name) or "no instruments within the time"
        yield bad("endpoints", f"{name}: {why}", remedy(why), VENUE)
        return
    count = sum(1 for _ in desk.catalogue.venue(name))
    took = held.fastest_ms(name) or 0.0
    yield good("endpoints", f"{name}: REST answers in {took:.0f} ms, {count} instruments")
    if venue.clock.known:
        off = venue.clock.offset_ns / 1e6
        text = f"{name}: the venue's clock is {off:+.0f} ms against ours, known to {venue.clock.error_ns / 1e6:.0f} ms"
        most = venue.exchange.capabilities.order_window_ns / 4e6
        if most and venue.clock.error_ns / 1e6 >= most:
            yield bad("clock", text, f"orders need it to {most:.0f} ms: a faster network", VENUE)
        elif abs(off) - venue.clock.error_ns / 1e6 > _OFF_MS:
            yield poor("clock", text, "set this machine's clock: chrony or systemd-timesyncd")
        else:
            yield good("clock", text)
    for link in desk.links.values():
        if link.spec.venue == name and link.spec.role is not Role.REST:
            if link.up:
                yield good("endpoints", f"{link.spec.link}: connected{'' if link.ready else ', not subscribed yet'}")
            elif not venue.readiness.missing() or link.spec.role is Role.PUBLIC:
                yield bad(
                    "endpoints", f"{link.spec.link}: {link.reason or 'no connection yet'}", remedy(link.reason), VENUE
                )
    for one in venue.instruments:
        book = desk.books[one]
        if book.state is BookState.SYNCED:
            late = max(book.transit_ns, 0) / 1e6
            text = f"{one}: SYNCED, {book.updates} updates, last one {late:.0f} ms late"
            yield good("books", text) if late < _SLOW_MS else poor("books", text, "a machine nearer to the venue")
        else:
            yield bad("books", f"{one}: {book.state.name}: {book.reason}", "look at the endpoints above", VENUE)
    yield from _rooms(held, name)
    for warning in (said for event, said in held.log if event == "venue.notice" and said["venue"] == name):
        yield poor("endpoints", f"{name} says: {warning['text']}", "read it on the venue's page")


def _rooms(held: Rehearsal, name: str) -> Iterator[Finding]:
    """What is left of the rate limits by the minute or longer: what our own start used of shorter ones says nothing."""
    venue = held.desk.venues[name]
    long = {one.bucket for one in venue.exchange.rate_limits if one.window_ns >= _LONG_NS}
    rooms = venue.throttle.headroom(held.runtime.clock.now_ns())
    found = [(room, bucket) for bucket, room in rooms.items() if bucket.partition(":")[0] in long]
    if not found:
        return
    room, bucket = min(found)
    text = f"{name}: {room:.0%} left of {bucket}"
    if room < _ROOM:
        yield poor("rate limits", text, "look what else uses this key or this address")
    else:
        yield good("rate limits", text)


def _key(held: Rehearsal, told: Judged, config: Config) -> Iterator[Finding]:
    """What the key may do, and whether its fees are those of the configuration."""
    name, setup = told.venue, config.venues[told.venue]
    if not held.desk.venues[name].catalogued:
        return  # told already
    if told.problem:
        remedy = "make a key that can, then arbkit keys rotate" if told.reached else "try again; arbkit keys test"
        yield bad("keys", f"{name}: {told.problem}", remedy, CREDENTIALS if told.reached else VENUE)
        return
    scope = ", ".join(told.rights) or "logged in; the venue does not tell its permissions"
    yield good("keys", f"{name}: {scope}")
    for warning in told.warnings:
        yield poor("keys", f"{name}: {warning}", "see the API page of the venue")
    for instrument, fee in told.taker.items():
        text = f"{instrument}: taker fee {plain(Decimal(fee) * 100)} %"
        if Decimal(fee) != setup.taker_fee:
            theirs = f"{text}, the configuration says {plain(setup.taker_fee * 100)} %"
            yield poor("fees", theirs, f"taker_fee = {fee} in [venues.{name}], for paper runs")
        else:
            yield good("fees", text)
    if not told.holds:
        yield poor("balances", f"{name}: the account holds nothing", "deposit what the strategy sells and pays with")
