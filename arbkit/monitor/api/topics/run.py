"""The run itself: its status, venues, latencies and log."""

from __future__ import annotations

from collections.abc import Iterator

from arbkit.core.counters import BOUNDS_US, Histogram
from arbkit.core.types import NEVER
from arbkit.core.venues.venue import Venue
from arbkit.monitor.api import shapes
from arbkit.monitor.api.facts import RunFacts
from arbkit.monitor.api.samples import Samples, rounded
from arbkit.monitor.api.shapes import Subscribe
from arbkit.monitor.api.table import Cell
from arbkit.monitor.api.topics.said import said
from arbkit.monitor.picture import Shown
from arbkit.monitor.words import line

__all__ = ["latency", "log", "status", "venues"]


def status(facts: RunFacts, samples: Samples, ask: Subscribe) -> Iterator[Cell]:
    def row(_: None) -> shapes.Status:
        desk, picture = facts.desk, facts.board.picture
        books = desk.books.values()
        gate = desk.gate
        marked = desk.ledger.marked(desk.prices.last, desk.setup.limits.asset)
        return shapes.Status(
            at_us=facts.now_ns() // 1000,
            began_us=facts.began_ns // 1000,
            kind=facts.kind,
            version=facts.version,
            mode=gate.mode().value,
            why=said(gate.why()),
            restricted={scope: said(why) for scope, (_, why) in gate.restricted().items() if scope},
            idle="" if picture is None else picture.idle,
            asset=desk.setup.limits.asset,
            marked=rounded(marked),
            deals=dict(desk.counters.deals),
            open_deals=len(desk.engine.deals),
            held=len(desk.held()),
            unresolved=len(desk.unresolved()),
            books=len(books),
            trusted=sum(1 for book in books if book.trusted),
            messages=sum(link.messages for link in desk.counters.links.values()),
            stopping=facts.stopping(),
        )

    yield (), None, row, None


def venues(facts: RunFacts, samples: Samples, ask: Subscribe) -> Iterator[Cell]:
    desk = facts.desk
    now_ns = facts.now_ns()
    books: dict[str, list[bool]] = {}
    for book in list(desk.books.values()):
        books.setdefault(book.instrument.partition(":")[0], []).append(book.trusted)

    def row(what: tuple[str, Venue]) -> shapes.Venue:
        name, venue = what
        links = [link for link in desk.links.values() if link.spec.venue == name]
        known = venue.clock.known and venue.clock.error_ns < NEVER
        mine = books.get(name, [])
        return shapes.Venue(
            name=name,
            environment=facts.environments.get(name, ""),
            why=facts.why.get(name, "connecting"),
            mode=desk.gate.mode(name).value,
            links=[
                shapes.Link(
                    name=link.spec.link,
                    role=link.spec.role.value,
                    up=link.up,
                    messages=link.counted.messages,
                    messages_per_s=samples.rates.get(link.spec.link, 0.0),
                    bytes=link.counted.bytes,
                    gaps=link.counted.gaps,
                    reconnects=link.counted.reconnects,
                    transit_us=link.counted.transit_ns // 1000 if link.counted.messages else None,
                )
                for link in links
            ],
            clock_us=venue.clock.offset_ns // 1000 if known else None,
            clock_error_us=venue.clock.error_ns // 1000 if known else None,
            latency_us=venue.latency_ns // 1000,
            headroom={bucket: round(free, 3) for bucket, free in venue.throttle.headroom(now_ns).items()},
            mishaps=round(venue.health.points(now_ns)),
            books=len(mine),
            trusted=sum(mine),
        )

    for name, venue in desk.venues.items():
        yield (name,), None, row, (name, venue)


def latency(facts: RunFacts, samples: Samples, ask: Subscribe) -> Iterator[Cell]:
    counters = facts.desk.counters

    def row(what: tuple[str, str, Histogram]) -> shapes.Latency:
        stage, venue, histogram = what
        return shapes.Latency(
            stage=stage,
            venue=venue,
            bounds_us=BOUNDS_US,
            counts=list(histogram.buckets),
            p50_us=round(histogram.quantile(0.5), 1),
            p95_us=round(histogram.quantile(0.95), 1),
            p99_us=round(histogram.quantile(0.99), 1),
            count=histogram.count,
        )

    for stage in ("decode", "book", "decision", "tick_to_order", "durable", "ack"):
        histogram = getattr(counters, stage)
        yield (stage, ""), histogram.count, row, (stage, "", histogram)
    for venue, histogram in sorted(counters.ack_of.items()):
        yield ("ack", venue), histogram.count, row, ("ack", venue, histogram)
    for (strategy, hook), histogram in sorted(counters.callbacks.items()):
        stage = f"callback {strategy}.{hook}"
        yield (stage, ""), histogram.count, row, (stage, "", histogram)


def log(facts: RunFacts, samples: Samples, ask: Subscribe) -> Iterator[Cell]:
    def row(what: tuple[int, Shown]) -> shapes.Line:
        number, told = what
        return shapes.Line(n=number, at_us=told.at_ns // 1000, kind=told.kind, text=line(told))

    for number, told in facts.board.lines():
        yield (number,), number, row, (number, told)
