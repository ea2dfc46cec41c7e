"""What the desk does not keep: the curve of the gain, and the messages of each link in a second. ``server`` calls
``take`` once a second."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from decimal import Decimal

from arbkit.core.desk import Desk
from arbkit.core.types import plain
from arbkit.monitor.api.shapes import Gain

__all__ = ["POINT_NS", "Samples", "rounded", "worth"]

POINT_NS = 5_000_000_000
_FINE = 3600 // 5
_COARSE = 23 * 60
_MINUTE_US = 60_000_000


class Samples:
    """The curve has a point each five seconds of the newest hour, and one each minute of the day before it: whoever
    asks for it gets it in one message, which must not take long."""

    def __init__(self) -> None:
        self._fine: deque[Gain] = deque()
        self._coarse: deque[Gain] = deque(maxlen=_COARSE)
        self.rates: dict[str, float] = {}
        """Messages in a second, by link."""
        self._counted: dict[str, int] = {}
        self._at_ns = 0
        self._point_ns = 0

    def take(self, desk: Desk, now_ns: int) -> None:
        passed_s = (now_ns - self._at_ns) / 1e9
        for name, link in desk.counters.links.items():
            self.rates[name] = round((link.messages - self._counted.get(name, link.messages)) / passed_s, 1)
            self._counted[name] = link.messages
        self._at_ns = now_ns
        if now_ns - self._point_ns >= POINT_NS:
            self._point_ns = now_ns
            self.add(_point(desk, now_ns))

    def add(self, point: Gain) -> None:
        """The next point of the curve."""
        self._fine.append(point)
        if len(self._fine) > _FINE:
            old = self._fine.popleft()
            if not self._coarse or self._coarse[-1].at_us // _MINUTE_US != old.at_us // _MINUTE_US:
                self._coarse.append(old)

    @property
    def curve(self) -> list[Gain]:
        """The oldest point first."""
        return [*self._coarse, *self._fine]


def _point(desk: Desk, now_ns: int) -> Gain:
    asset = desk.setup.limits.asset
    marked = desk.ledger.marked(desk.prices.last, asset)
    opened: dict[str, Decimal] = {}
    for deal in desk.engine.deals.values():
        for held, amount in deal.net().items():
            opened[held] = opened.get(held, Decimal(0)) + amount
    value = worth(desk, opened, asset)
    booked = None if marked is None or value is None else marked - value
    return Gain(at_us=now_ns // 1000, marked=rounded(marked), booked=rounded(booked))


def rounded(value: Decimal | None) -> str | None:
    """A value at some price, as text with 8 places at most."""
    return None if value is None else plain(round(value, 8))


def worth(desk: Desk, amounts: Mapping[str, Decimal], asset: str) -> Decimal | None:
    """Amounts by asset, together in ``asset`` at the last prices; None = one has none."""
    total = Decimal(0)
    for held, amount in amounts.items():
        if not amount:
            continue
        price = desk.prices.last(held, asset)
        if price is None:
            return None
        total += amount * price
    return total
