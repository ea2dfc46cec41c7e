"""Checks the ledger once a second: the gain against the loss limits, and balance changes that no order explains.

The desk calls ``tick`` when ``due_ns`` is reached, and ``restore`` before. What earlier runs gained, and when the day
began, is in the journal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from arbkit.core.counters import Counters
from arbkit.core.execution.sender import Sender
from arbkit.core.log import Log
from arbkit.core.market.prices import Prices
from arbkit.core.money.ledger import Difference, Ledger
from arbkit.core.money.limits import DAY_NS, DRIFT_NS, Limits, ModeChange
from arbkit.core.orders.journal import Booked, DayBegan
from arbkit.core.trading.modes import HEALTH, Modes
from arbkit.core.types import NEVER, AskKind, ListFills, Mode, assets_of
from arbkit.core.venues.venue import Venue

__all__ = ["EVERY_NS", "Audit"]

EVERY_NS = 1_000_000_000
_PATIENCE_NS = 20_000_000_000
_DOUBLINGS = 4
"""A listing of fills that did not come is asked for again after this, doubled each time so often: some venues need a
minute for its pages, and what waits there delays the proofs of orders."""
_BACK_NS = 300_000_000_000
"""A fill that explains a difference may be older than the first balance that showed it: balances are polled once a
minute, and a stream may have been mute."""


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
        self._asked: dict[tuple[str, str], tuple[int, int]] = {}
        """When the fills of an account's instrument ("" = of all) were last asked for, because a balance differs, and
        how often so far."""
        self.due_ns = now_ns + EVERY_NS
        self.gain: Decimal | None = None
        """Of this and earlier runs, in the reporting asset, at the last look; None = not known."""

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
        for name, venue in self._venues.items():
            if venue.health.tick(now_ns):
                why = venue.health.why
                mode, why = (Mode.REDUCING, why) if why else (Mode.ACTIVE, "it was well for a while: on probation")
                self._modes.change(ModeChange(name, mode, why, HEALTH), now_ns)
        day = self._limits.day
        self.gain = self._ledger.at_least(self._prices.last, self._asset)
        for change in self._limits.pnl(self.gain, now_ns):
            self._modes.change(change, now_ns)
        if self._limits.day != day:
            self._sender.journal(DayBegan(at_ns=now_ns, asset=self._asset, marked=self._limits.day_began))

    def _is_external(self, drift: Difference, now_ns: int) -> bool:
        """True only if no open order of ours can explain the difference, no fill that the venue lists does, and a
        balance listing requested at least ``DRIFT_NS`` after it began still shows it. Otherwise a fill that is found
        late would be booked twice."""
        venue = self._venues[drift.account.partition(":")[0]]
        if any(drift.asset in assets_of(order.intent.instrument) for order in venue.orders.open()):
            return False
        listed = self._fills_listed(venue, drift, now_ns)  # some venues need a minute for it: ask both at once
        poll = venue.polls.get(AskKind.BALANCES)
        if poll is None or venue.balances_ns >= drift.since_ns + DRIFT_NS:
            return listed
        if poll.due_ns != NEVER:  # NEVER: a request is already in progress
            venue.ask_at(poll, now_ns)
        return False

    def _fills_listed(self, venue: Venue, drift: Difference, now_ns: int) -> bool:
        """Whether the venue has listed the fills of all instruments with this asset since the difference was there.
        Asks for those that are missing."""
        able = venue.exchange.capabilities
        wanted_ns = drift.since_ns + able.lookup_lag_ns
        whole = True
        for name in [""] if able.fills_by_account else self._with(venue, drift.asset):
            if venue.fills_ns.get(name, 0) >= wanted_ns:
                self._asked.pop((drift.account, name), None)
                continue
            whole = False
            asked_ns, tries = self._asked.get((drift.account, name), (0, 0))
            if now_ns >= wanted_ns and now_ns - asked_ns > _PATIENCE_NS << min(tries, _DOUBLINGS):
                self._asked[drift.account, name] = now_ns, tries + 1
                since_ns = venue.clock.venue_ns(drift.since_ns) - _BACK_NS
                self._sender.submit([ListFills(account=drift.account, instrument=name, since_ns=since_ns)], "", now_ns)
        return whole

    def _with(self, venue: Venue, asset: str) -> list[str]:
        """The venue's instruments with the asset."""
        known = [(name, venue.catalogue.get(name)) for name in venue.instruments]
        return [name for name, rules in known if rules is not None and asset in (rules.base, rules.quote)]
