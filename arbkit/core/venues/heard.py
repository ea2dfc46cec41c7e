"""What venues say of themselves and of the account: fees, assets that move, clocks, limits."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from arbkit.core.log import Log
from arbkit.core.trading.view import DeskView
from arbkit.core.types import AssetStatus, ClockSample, FeeUpdate, RateReport
from arbkit.core.venues.link import Link
from arbkit.core.venues.venue import Venue

__all__ = ["Heard"]


class Heard:
    """Puts each fact where it is read. A link speaks for its own venue only."""

    def __init__(self, venues: Mapping[str, Venue], view: DeskView, log: Log) -> None:
        self._venues = venues
        self._view = view
        self._log = log

    def fee_update(self, link: Link, fee: FeeUpdate, now_ns: int) -> None:
        self._view.fees[fee.instrument] = float(fee.taker)

    def asset(self, link: Link, status: AssetStatus, now_ns: int) -> None:
        self._view.assets[status.venue, status.asset] = (status.deposit, status.withdraw)

    def clock(self, link: Link, sample: ClockSample, now_ns: int) -> None:
        venue = self._venues[link.spec.venue]
        if venue.sample(sample, now_ns):
            signer = venue.setup.signer
            if signer is not None:
                signer.offset_ns = sample.offset_ns
            venue.resolver.clock_error_ns = sample.error_ns
        venue.readiness.clock(venue.clock or sample)

    def rate(self, link: Link, report: RateReport, now_ns: int) -> None:
        self._venues[link.spec.venue].throttle.report(report, now_ns)
        if report.until_ns > now_ns:
            self._log(
                "venue.throttled", venue=link.spec.venue, bucket=report.bucket, ms=(report.until_ns - now_ns) / 1e6
            )

    def fee(self, instrument: str) -> Decimal:
        """The account's own taker rate, or the worst to assume."""
        fee = self._view.fees.get(instrument)
        return Decimal(repr(fee)) if fee is not None else self._venues[instrument.partition(":")[0]].setup.taker
