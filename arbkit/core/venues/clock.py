"""The clock of one venue, estimated from its answers. The venue owns it; resolver and desk read it.

A sample says: the venue's clock is ours plus ``offset_ns``, at most ``error_ns`` off. The sharpest sample is used. The
error of an estimate grows with its age, because both clocks drift; a new sample is used as soon as it is sharper, or
excludes the old estimate. So a step of either clock is followed with the next sample.

Some venues tell whole seconds only. There a sample and the estimate hold together, so the estimate is what both allow;
and the venue is asked when its second should just turn, because that answer halves what is not known.
"""

from __future__ import annotations

from arbkit.core.types import NEVER, ClockSample

__all__ = ["VenueClock"]

SHARP_NS = 50_000_000
"""A clock in steps is asked once a step until it is known so well, and then every ``STEPS`` steps."""
STEPS = 5
DRIFT_PPM = 1000
"""How fast two clocks may drift apart, in parts per million: the kernel slews a clock by up to 500 (adjtimex(2)), and
there are two of them."""


class VenueClock:
    """``offset_ns`` is 0 and ``error_ns`` is ``NEVER`` until the first sample. ``step_ns``: the venue tells its time in
    such steps (``Capabilities.clock_step_ns``; 0 = finely)."""

    __slots__ = ("_at_ns", "_side", "_step_ns", "_way_ns", "error_ns", "offset_ns")

    def __init__(self, error_ns: int = NEVER, step_ns: int = 0) -> None:
        self.offset_ns = 0
        """The venue's clock minus ours."""
        self.error_ns = error_ns
        """Bound of the error of ``offset_ns``, at the time of the last sample."""
        self._at_ns = 0
        self._step_ns = step_ns
        self._way_ns = 0
        """Half of the round trip of the last sample."""
        self._side = 1

    @property
    def known(self) -> bool:
        return self.error_ns != NEVER

    def venue_ns(self, our_ns: int) -> int:
        """A time of our clock, as the venue's clock shows it."""
        return our_ns + self.offset_ns

    def sample(self, sample: ClockSample, now_ns: int) -> None:
        """Use the sample if it is sharper than the estimate, or excludes it. Where the venue tells steps: what both
        allow."""
        aged_ns = self.error_ns
        if self.known:
            aged_ns += max(0, now_ns - self._at_ns) * DRIFT_PPM // 1_000_000
        self._at_ns = now_ns
        self._way_ns = max(0, sample.error_ns - self._step_ns // 2)
        excluded = abs(sample.offset_ns - self.offset_ns) > aged_ns + sample.error_ns
        if self._step_ns and self.known and not excluded:
            low = max(self.offset_ns - aged_ns, sample.offset_ns - sample.error_ns)
            high = min(self.offset_ns + aged_ns, sample.offset_ns + sample.error_ns)
            self.offset_ns, self.error_ns = (low + high) // 2, (high - low + 1) // 2
        elif excluded or sample.error_ns <= aged_ns:
            self.offset_ns, self.error_ns = sample.offset_ns, sample.error_ns
        else:
            self.error_ns = aged_ns

    def ask_ns(self, due_ns: int, now_ns: int) -> int:
        """When to ask for the time that is due at ``due_ns``. Where the venue tells steps it is sooner: when a step is
        just due by the middle of what is known; once that is sharp, when it is due just beyond one end of it, and the
        other in turn: an answer that says otherwise excludes the estimate, so that a jump of the clock shows."""
        if not self._step_ns or not self.known:
            return due_ns
        sharp = self.error_ns <= SHARP_NS
        at_ns = now_ns + (STEPS if sharp else 1) * self._step_ns
        told_ns = self.venue_ns(at_ns + self._way_ns)
        if sharp:
            self._side = -self._side
            aging_ns = (STEPS + 1) * self._step_ns * DRIFT_PPM // 1_000_000
            told_ns += self._side * (self.error_ns + 2 * self._way_ns + aging_ns)
        return at_ns + -told_ns % self._step_ns

    def lost(self) -> None:
        """Our own clock jumped: the offset is worth nothing until the next sample."""
        self.error_ns = NEVER
