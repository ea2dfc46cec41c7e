"""The clock of one venue, estimated from its answers. The venue owns it; resolver and desk read it.

A sample says: the venue's clock is ours plus ``offset_ns``, at most ``error_ns`` off. The sharpest sample is used. The
error of an estimate grows with its age, because both clocks drift; a new sample is used as soon as it is sharper, or
excludes the old estimate. So a step of either clock is followed with the next sample.
"""

from __future__ import annotations

from arbkit.core.types import NEVER, ClockSample

__all__ = ["VenueClock"]

DRIFT_PPM = 1000
"""How fast two clocks may drift apart, in parts per million: the kernel slews a clock by up to 500 (adjtimex(2)), and
there are two of them."""


class VenueClock:
    """``offset_ns`` is 0 and ``error_ns`` is ``NEVER`` until the first sample."""

    __slots__ = ("_at_ns", "error_ns", "offset_ns")

    def __init__(self, error_ns: int = NEVER) -> None:
        self.offset_ns = 0
        """The venue's clock minus ours."""
        self.error_ns = error_ns
        """Bound of the error of ``offset_ns``, at the time of the last sample."""
        self._at_ns = 0

    @property
    def known(self) -> bool:
        return self.error_ns != NEVER

    def venue_ns(self, our_ns: int) -> int:
        """A time of our clock, as the venue's clock shows it."""
        return our_ns + self.offset_ns

    def sample(self, sample: ClockSample, now_ns: int) -> None:
        """Use the sample if it is sharper than the estimate, or excludes it."""
        aged_ns = self.error_ns
        if self.known:
            aged_ns += max(0, now_ns - self._at_ns) * DRIFT_PPM // 1_000_000
        self._at_ns = now_ns
        if sample.error_ns <= aged_ns or abs(sample.offset_ns - self.offset_ns) > aged_ns + sample.error_ns:
            self.offset_ns, self.error_ns = sample.offset_ns, sample.error_ns
        else:
            self.error_ns = aged_ns

    def lost(self) -> None:
        """Our own clock jumped: the offset is worth nothing until the next sample."""
        self.error_ns = NEVER
