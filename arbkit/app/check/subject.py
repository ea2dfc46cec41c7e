"""What is checked: an installed package, its venue's settings, and the instruments whose books are held."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from arbkit.app.check.report import Comparison, Report, endpoints, mismatches, of_books
from arbkit.app.check.watcher import Watcher
from arbkit.config.load import VenueConfig
from arbkit.core.desk import Desk
from arbkit.core.errors import ConfigError
from arbkit.core.protocols import Exchange
from arbkit.core.types import Catalogue, Instrument
from arbkit.plugins.registry import Registry

__all__ = ["Subject", "reported"]

_USUAL = ("BTC-USDT", "ETH-USDT", "SOL-USDT", "BTC-USDC", "BTC-USD", "ETH-USD")
_MOST = 3
"""Books that are held if no symbols are named."""


class Subject(Struct, frozen=True):
    """One package under check."""

    name: str
    registry: Registry
    venue: VenueConfig
    symbols: Sequence[str] = ()

    def exchange(self) -> Exchange:
        """A new one. Raises ``ConfigError`` for an unknown name or option."""
        made: Exchange = self.registry.exchange(self.name)(self.venue.settings)
        return made

    def choose(self, catalogue: Catalogue) -> Iterable[Instrument]:
        """The books to hold. Raises ``ConfigError`` for a symbol that the venue does not list."""
        listed = {one.symbol: one for one in catalogue if one.tradable}
        for symbol in self.symbols:
            if symbol not in listed:
                near = catalogue.like(symbol)
                hint = f", did you mean {near[0]}?" if near else ""
                raise ConfigError(f"--symbol {symbol}: {self.name} does not list it{hint}")
        names = self.symbols or [one for one in _USUAL if one in listed] or sorted(listed)
        return [listed[name] for name in list(names)[: max(_MOST, len(self.symbols))]]


def reported(
    subject: Subject,
    against: Literal["venue", "simulator"],
    desk: Desk,
    watcher: Watcher,
    log: Sequence[tuple[str, Mapping[str, Any]]],
    *,
    began_ns: int,
    now_ns: int,
    compared: Mapping[str, Comparison],
    trouble: str = "",
    host: str = "",
    answer_ms: float | None = None,
    clock_ns: Callable[[], int] | None = None,
) -> Report:
    """The report of a desk at the end of its check."""
    venue = desk.venues[subject.name]
    plugin, claims = subject.registry.home[subject.name], venue.exchange.capabilities
    lost: Counter[str] = Counter(said["instrument"] for event, said in log if event == "book.lost")
    listed = desk.catalogue.venue(subject.name)
    at_ns = now_ns if clock_ns is None else clock_ns()
    known = venue.clock.known
    report = Report(
        venue=subject.name,
        distribution=plugin.distribution,
        version=plugin.version,
        arbkit=version("arbkit"),
        python=f"{platform.python_version()} {platform.system()}",
        at=datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).isoformat(),
        against=against,
        environment=subject.venue.environment,
        seconds=round((now_ns - began_ns) / 1e9, 1),
        checked=claims.checked,
        reached=venue.catalogued,
        endpoints=endpoints(desk, trouble, host),
        instruments=len(listed),
        tradable=sum(one.tradable for one in listed),
        answer_ms=None if answer_ms is None else round(answer_ms, 1),
        clock_ms=round(venue.clock.offset_ns / 1e6, 1) if known else None,
        clock_error_ms=round(venue.clock.error_ns / 1e6, 1) if known else None,
        books=list(of_books(desk, watcher, began_ns, lost, compared)),
        events=dict(sorted(Counter(event for event, _ in log if not event.startswith("desk.")).items())),
        claims={
            "book_check": claims.book_check,
            "order_window_s": claims.order_window_ns / 1e9,
            "rate_limits": [
                f"{one.bucket}: {one.limit} in {one.window_ns / 1e9:g} s" for one in venue.exchange.rate_limits
            ],
            "changes": dict(claims.changes),
        },
    )
    return replace(report, mismatches=list(mismatches(report, desk)) if report.reached else ())
