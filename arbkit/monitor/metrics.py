"""Prometheus metrics, made from the engine's counters at each scrape.

The engine does not depend on Prometheus: ``app`` passes its counters and some callbacks in ``Sources``. ``METRICS`` is
the list of all metrics; ``docs/metrics.md`` shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from msgspec import Struct
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from arbkit.core.counters import BOUNDS_US, Counters, Histogram
from arbkit.core.types import BookState, Idle
from arbkit.monitor.redactor import safe

__all__ = ["METRICS", "BookFact", "EngineCollector", "Headroom", "MetricInfo", "Sources", "exposition"]


class BookFact(Struct, frozen=True):
    """The present state of one book."""

    instrument: str
    state: BookState
    age_ns: int


class Headroom(Struct, frozen=True):
    """One rate-limit bucket and its free share (0 to 1)."""

    venue: str
    bucket: str
    free: float


class Sources(Struct, kw_only=True):
    """The inputs of the collector. Callbacks run at each scrape on the engine's thread; they only read."""

    counters: Counters
    books: Callable[[], Iterable[BookFact]] = tuple
    headroom: Callable[[], Iterable[Headroom]] = tuple
    pnl: Callable[[], Mapping[str, Decimal]] = dict
    """Booked gain per asset."""
    marked_pnl: Callable[[], tuple[str, Decimal] | None] = lambda: None
    """(reporting asset, total gain at the present book prices); None while a book for it is missing."""
    idle: Callable[[], Iterable[Idle]] = tuple
    """Why each pair is not traded now."""
    open_deals: Callable[[], int] = lambda: 0
    unresolved: Callable[[], int] = lambda: 0
    """Number of orders whose outcome is not proved."""
    mode: Callable[[], str] = lambda: ""
    """The gate's mode: active, reducing or halted."""
    log_dropped: Callable[[], int] = lambda: 0


class MetricInfo(Struct, frozen=True):
    name: str
    kind: str
    labels: tuple[str, ...]
    help: str


_LINK = {
    "messages": ("messages_received_total", "Messages received."),
    "bytes": ("bytes_received_total", "Bytes of the received messages, after decompression."),
    "sent": ("messages_sent_total", "Messages and requests passed to the transport."),
    "gaps": ("book_gaps_total", "Books lost because of a sequence gap or a wrong checksum."),
    "reconnects": ("reconnects_total", "Reconnects of the link."),
    "bad_frames": ("bad_frames_total", "Frames that could not be read. They were not applied."),
}
_HISTOGRAMS = {
    "decode": ("decode_seconds", "Time to decode a message into events (one message in 16)."),
    "book": ("book_seconds", "Time to apply events to books (one message in 16)."),
    "decision": ("decision_seconds", "Time of strategies and ranking (one socket read in 16)."),
    "tick_to_order": (
        "tick_to_order_seconds",
        "Time from the receive timestamp of a socket read until its last order is passed to the transport.",
    ),
    "durable": ("durable_seconds", "Time from writing an intent until it is on the disk."),
    "ack": ("ack_seconds", "Time from sending an order to its first report."),
}
_CALLS = MetricInfo(
    "strategy_call_seconds",
    "histogram",
    ("strategy", "hook"),
    "Time of the calls of a strategy's methods, beside decide.",
)
_COUNTS = {
    "turns": ("decisions_total", "Decisions made."),
    "late_turns": ("late_turns_total", "Times the event loop was so late that books became stale."),
    "opportunities_seen": ("opportunities_seen_total", "Opportunities that strategies proposed."),
    "opportunities_taken": ("opportunities_taken_total", "Opportunities that became deals."),
}
_BY_LABEL = {
    "opportunities_dropped": ("opportunities_dropped_total", "reason", "Opportunities that did not become deals."),
    "deals": ("deals_total", "outcome", "Closed deals."),
    "refused": ("commands_refused_total", "rule", "Commands that the gate refused."),
    "strategy_faults": ("strategy_faults_total", "strategy", "Exceptions raised by a strategy."),
    "alarms": ("alarms_total", "kind", "Alarms: conditions that need an operator."),
}
_GAUGES = (
    MetricInfo("link_up", "gauge", ("link",), "1 while the link is ready for use."),
    MetricInfo(
        "transit_excess_seconds", "gauge", ("link",), "How late the last frame arrived, by the venue's measured clock."
    ),
    MetricInfo("book_state", "gauge", ("instrument", "state"), "1 for the state that the book is in."),
    MetricInfo(
        "book_age_seconds",
        "gauge",
        ("instrument",),
        "Age by the venue's clock: since the last frame, and how late that frame came.",
    ),
    MetricInfo("rate_headroom_ratio", "gauge", ("venue", "bucket"), "Share of a rate limit that is free."),
    MetricInfo("pair_idle", "gauge", ("pair", "reason"), "1 for the reason why a pair is not traded now."),
    MetricInfo("pnl", "gauge", ("asset",), "Booked gain per asset, after fees."),
    MetricInfo("pnl_marked", "gauge", ("asset",), "Total gain in the reporting asset, at present book prices."),
    MetricInfo("open_deals", "gauge", (), "Deals that are not closed."),
    MetricInfo("orders_unresolved", "gauge", (), "Orders whose outcome is not proved yet."),
    MetricInfo("gate_mode", "gauge", ("mode",), "1 for the mode that the gate is in."),
)
_ORDERS = MetricInfo("orders_total", "counter", ("venue", "status"), "Orders by venue and final (or unknown) status.")
_LOG = MetricInfo("log_dropped_total", "counter", (), "Log lines lost because the writer was too slow or failed.")

METRICS: tuple[MetricInfo, ...] = tuple(
    MetricInfo(f"arbkit_{info.name}", info.kind, info.labels, info.help)
    for info in (
        *(MetricInfo(name, "counter", ("link",), text) for name, text in _LINK.values()),
        *(MetricInfo(name, "histogram", (), text) for name, text in _HISTOGRAMS.values()),
        _CALLS,
        *(MetricInfo(name, "counter", (), text) for name, text in _COUNTS.values()),
        *(MetricInfo(name, "counter", (label,), text) for name, label, text in _BY_LABEL.values()),
        _ORDERS,
        *_GAUGES,
        _LOG,
    )
)
"""All metrics. Label values are links, venues, instruments, assets and fixed words, so the number is bounded."""
_INFO = {info.name: info for info in METRICS}


class EngineCollector(Collector):
    """Reads the engine at each scrape."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        sources, counters = self._sources, self._sources.counters
        for field, (name, _) in _LINK.items():
            yield _counter(name, [((link,), getattr(one, field)) for link, one in counters.links.items()])
        for field, (name, _) in _HISTOGRAMS.items():
            yield _histogram(name, [((), getattr(counters, field))])
        yield _histogram(_CALLS.name, list(counters.callbacks.items()))
        for field, (name, _) in _COUNTS.items():
            yield _counter(name, [((), getattr(counters, field))])
        for field, (name, _, _) in _BY_LABEL.items():
            yield _counter(name, [((key,), count) for key, count in getattr(counters, field).items()])
        yield _counter(_ORDERS.name, list(counters.orders.items()))
        yield _counter(_LOG.name, [((), sources.log_dropped())])
        yield _gauge("link_up", [((link,), one.up) for link, one in counters.links.items()])
        yield _gauge(
            "transit_excess_seconds", [((link,), one.transit_ns / 1e9) for link, one in counters.links.items()]
        )
        books = list(sources.books())
        yield _gauge(
            "book_state",
            [((book.instrument, state.value), int(book.state is state)) for book in books for state in BookState],
        )
        yield _gauge("book_age_seconds", [((book.instrument,), book.age_ns / 1e9) for book in books])
        yield _gauge("rate_headroom_ratio", [((room.venue, room.bucket), room.free) for room in sources.headroom()])
        yield _gauge("pair_idle", [((one.name, one.reason or "none"), 1) for one in sources.idle()])
        yield _gauge("pnl", [((asset,), float(amount)) for asset, amount in sources.pnl().items()])
        marked = sources.marked_pnl()
        yield _gauge("pnl_marked", [((marked[0],), float(marked[1]))] if marked else [])
        yield _gauge("open_deals", [((), sources.open_deals())])
        yield _gauge("orders_unresolved", [((), sources.unresolved())])
        now = sources.mode()
        yield _gauge(
            "gate_mode", [((mode,), int(mode == now)) for mode in ("active", "reducing", "halted")] if now else []
        )


def exposition(sources: Sources) -> Callable[[], bytes]:
    """A function that returns the text of one scrape."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(EngineCollector(sources))
    return lambda: generate_latest(registry)


Samples = list[tuple[tuple[str, ...], float]]


def _counter(name: str, samples: Samples) -> Metric:
    info = _INFO[f"arbkit_{name}"]
    family = CounterMetricFamily(info.name, info.help, labels=info.labels)
    for labels, value in samples:
        family.add_metric([safe(label) for label in labels], value)
    return family


def _gauge(name: str, samples: Samples) -> Metric:
    info = _INFO[f"arbkit_{name}"]
    family = GaugeMetricFamily(info.name, info.help, labels=info.labels)
    for labels, value in samples:
        family.add_metric([safe(label) for label in labels], value)
    return family


def _histogram(name: str, samples: Sequence[tuple[tuple[str, ...], Histogram]]) -> Metric:
    info = _INFO[f"arbkit_{name}"]
    family = HistogramMetricFamily(info.name, info.help, labels=info.labels)
    for labels, histogram in samples:
        buckets: list[tuple[str, float]] = []
        seen = 0
        for bound, inside in zip(BOUNDS_US, histogram.buckets, strict=False):
            seen += inside
            buckets.append((f"{bound / 1e6:.10g}", seen))
        buckets.append(("+Inf", seen + histogram.buckets[-1]))
        family.add_metric([safe(label) for label in labels], buckets, histogram.sum_us / 1e6)
    return family
