"""Checks the ledger once a second: the gain against the loss limits, and balance changes that no order explains.

The desk calls ``tick`` when ``due_ns`` is reached, and ``restore`` before. What earlier runs gained, and when the day
began, is in the journal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from arbkit.core.counters import Counters
from arbkit.core.execution.sender import Sender
from arbkit.core.log import Log
from arbkit.core.market.prices import Prices
from arbkit.core.money.ledger import Difference, Ledger
from arbkit.core.money.limits import DAY_NS, Limits
from arbkit.core.orders.journal import Booked, DayBegan
from arbkit.core.trading.modes import Modes
from arbkit.core.types import NEVER, AskKind
from arbkit.core.venues.venue import Venue

__all__ = ["DRIFT_NS", "EVERY_NS", "Audit"]

EVERY_NS = 1_000_000_000
DRIFT_NS = 10_000_000_000
"""A balance that differs from ours for this long was changed from outside (deposit, withdrawal, manual trade)."""


class Audit:
    """See the module."""

    def __init__(
        self,
        ledger: Ledger,
        limits: Limits,
        modes: Modes,
        sender: Sender,
        prices: Prices,
        asset: str,
        venues: Mapping[str, Venue],
        counters: Counters,
        log: Log,
        now_ns: int,
    ) -> None:
        self._ledger = ledger
        self._limits = limits
        self._modes = modes
        self._sender = sender
        self._prices = prices
        self._asset = asset
        self._venues = venues
        self._counters = counters
        self._log = log
        self.due_ns = now_ns + EVERY_NS

    def restore(self, booked: Iterable[Booked], days: Iterable[DayBegan]) -> None:
        """What earlier runs gained, and the first mark of the day."""
        for one in booked:
            self._ledger.restore(one.flows)
        for day in days:
            if day.asset == self._asset:
                self._limits.day, self._limits.day_began = day.at_ns // DAY_NS, day.marked

    def tick(self, now_ns: int) -> None:
        """Book balance changes from outside (deposits, withdrawals, manual trades), and set the modes that the gain
        requires."""
        self.due_ns = now_ns + EVERY_NS
        self._ledger.age(now_ns)
        for drift in self._ledger.drifts(now_ns, DRIFT_NS):
            if not self._is_external(drift, now_ns):
                continue
            self._ledger.external(drift.account, drift.asset, drift.drift)
            self._counters.alarms["external_movement"] += 1
            self._log("alarm.external_movement", account=drift.account, asset=drift.asset, amount=str(drift.drift))
        day = self._limits.day
        for change in self._limits.pnl(self._ledger.at_least(self._prices.last, self._asset), now_ns):
            self._modes.change(change, now_ns)
        if self._limits.day != day:
            self._sender.journal(DayBegan(at_ns=now_ns, asset=self._asset, marked=self._limits.day_began))

    def _is_external(self, drift: Difference, now_ns: int) -> bool:
        """True only if no open order of ours can explain the difference, and a balance listing requested at least
        ``DRIFT_NS`` after it began still shows it. Otherwise a fill that is found late would be booked twice."""
        venue = self._venues[drift.account.partition(":")[0]]
        if venue.orders.open():
            return False
        poll = venue.poll(AskKind.BALANCES)
        if poll is None or venue.balances_ns >= drift.since_ns + DRIFT_NS:
            return True
        if poll.due_ns != NEVER:  # NEVER: a request is already in progress
            poll.due_ns = now_ns
        return False
