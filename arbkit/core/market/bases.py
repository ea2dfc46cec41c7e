"""How far the prices of two instruments differ over time: sampled once a second for the pairs that a strategy asks for.

The desk takes the samples, so a replay has the same ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import islice
from math import inf, sqrt

from msgspec import Struct

from arbkit.core.market.book import Book

__all__ = ["LONGEST_S", "MOST_PAIRS", "Bases", "PairBasis"]

LONGEST_S = 3600
"""Samples, one a second, that are kept of a pair."""
MOST_PAIRS = 500


class PairBasis(Struct, frozen=True, kw_only=True):
    """The basis of a pair: the mid of the second instrument divided by that of the first, minus 1. All are fractions,
    0.001 = the second is 10 bps dearer."""

    last: float
    mean: float
    low: float
    high: float
    deviation: float
    """Standard deviation of the samples."""
    samples: int
    """How many of the window's seconds had both books trusted."""


class Bases:
    """``sample`` is called once a second; reading is for any time."""

    def __init__(self) -> None:
        self._samples: dict[tuple[str, str], deque[float | None]] = {}
        """The newest last; None = one of the books was not trusted."""
        self._worked_out: dict[tuple[str, str, int], PairBasis | None] = {}
        """Since the last sample."""

    def __call__(self, one: str, other: str, window_s: int) -> PairBasis | None:
        """The basis over the last seconds; None before the first sample. The first call begins to follow the pair.
        Raises ``ValueError`` for a window that is not kept, and for too many pairs."""
        key = one, other, window_s
        if key in self._worked_out:
            return self._worked_out[key]
        if not 0 < window_s <= LONGEST_S:
            raise ValueError(f"a basis is kept for 1 to {LONGEST_S} s, not for {window_s}")
        samples = self._samples.get((one, other))
        if samples is None:
            if len(self._samples) >= MOST_PAIRS:
                raise ValueError(f"the basis of {MOST_PAIRS} pairs is followed, no more")
            samples = self._samples[one, other] = deque(maxlen=LONGEST_S)
        found = [one for one in islice(reversed(samples), window_s) if one is not None]
        made = self._worked_out[key] = _basis(found) if found else None
        return made

    def sample(self, trusted: Callable[[str], Book | None]) -> None:
        """One sample of each pair. ``trusted``: the book of an instrument if it may be used, else None."""
        self._worked_out.clear()
        for (one, other), samples in self._samples.items():
            first, second = _mid(trusted(one)), _mid(trusted(other))
            samples.append(second / first - 1.0 if first and second else None)


def _basis(found: list[float]) -> PairBasis:
    mean = sum(found) / len(found)
    return PairBasis(
        last=found[0],
        mean=mean,
        low=min(found),
        high=max(found),
        deviation=sqrt(sum((one - mean) ** 2 for one in found) / len(found)),
        samples=len(found),
    )


def _mid(book: Book | None) -> float:
    return 0.0 if book is None or not book.bid_px or book.ask_px == inf else (book.bid_px + book.ask_px) / 2
