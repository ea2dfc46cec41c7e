"""Connects the metrics to a desk. ``app.launch`` uses it."""

from __future__ import annotations

from decimal import Decimal

from arbkit.core.desk import Desk
from arbkit.monitor.log_writer import LogWriter
from arbkit.monitor.metrics import BookFact, Headroom, Sources

__all__ = ["sources"]

MOST_ASSETS = 200
"""A venue names the assets of fees: only those of listed instruments are labels, and no more than this."""


def sources(desk: Desk, log: LogWriter) -> Sources:
    """The inputs of the metrics collector, read from ``desk`` and ``log``."""

    def books() -> list[BookFact]:
        now_ns = desk.view.now_ns
        return [BookFact(name, book.state, book.age_ns(now_ns)) for name, book in desk.books.items()]

    def headroom() -> list[Headroom]:
        return [
            Headroom(name, bucket, free)
            for name, venue in desk.venues.items()
            for bucket, free in venue.throttle.headroom(desk.view.now_ns).items()
        ]

    def marked() -> tuple[str, Decimal] | None:
        asset = desk.setup.limits.asset
        value = desk.ledger.marked(desk.prices, asset)
        return None if value is None else (asset, value)

    def pnl() -> dict[str, Decimal]:
        listed = {asset for instrument in desk.catalogue for asset in (instrument.base, instrument.quote)}
        booked = [(asset, amount) for asset, amount in desk.ledger.pnl().items() if asset in listed]
        return dict(booked[:MOST_ASSETS])

    return Sources(
        counters=desk.counters,
        books=books,
        headroom=headroom,
        idle=lambda: desk.reasons.now(desk.view.now_ns),
        pnl=pnl,
        marked_pnl=marked,
        open_deals=lambda: len(desk.engine.deals),
        unresolved=lambda: len(desk.unresolved()),
        mode=lambda: desk.gate.mode().value,
        log_dropped=lambda: log.dropped,
    )
