"""Calls the hooks of the strategies, beside ``decide``: trades of others, their own deals, timers, start, stop, state.

All are plain calls on the desk's thread, with the time as an argument, and each is caused by an input of the desk: so a
replay makes the same calls. What happens to a deal is told at the end of the turn, when the orders of the turn have
left. A hook that raises takes its strategy out of service like ``decide``; executors go on with its deals. A hook that
takes long is named in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from arbkit.core.counters import Counters, Histogram
from arbkit.core.errors import ConfigError
from arbkit.core.log import Log
from arbkit.core.orders.deals import Deal
from arbkit.core.orders.journal import Record, StrategyState
from arbkit.core.orders.reports import DealReport, report_of
from arbkit.core.trading.hooks import hook_of
from arbkit.core.trading.running import RunningStrategy, where
from arbkit.core.trading.view import DeskView
from arbkit.core.types import NEVER, Trade

__all__ = ["MOST_STATE", "SLOW_NS", "Callbacks"]

Call: TypeAlias = Callable[..., Any]

MOST_STATE = 64 * 1024
"""Bytes that ``save`` may return."""
SLOW_NS = 10_000_000
"""A call that takes longer is named in the log."""
_SECOND = 1_000_000_000
_TELL_NS = 60 * _SECOND
"""So often a slow hook is named at most."""
_FLOOR_NS = 1_000_000
"""A timer that stays due is called a thousand times a second, not without end."""


class Callbacks:
    """See the module. ``probe`` reads the time for histograms and the log only."""

    def __init__(
        self,
        strategies: Sequence[RunningStrategy],
        view: DeskView,
        journal: Callable[[Record], object],
        counters: Counters,
        log: Log,
        probe: Callable[[], int] | None,
    ) -> None:
        self._view = view
        self._journal = journal
        self._counters = counters
        self._log = log
        self._probe = probe
        self.strategies = list(strategies)
        self._readers: dict[str, list[tuple[RunningStrategy, Call]]] = {}
        """Who is told of the trades of an instrument."""
        self._told: dict[int, DealReport] = {}
        """The last report of each open deal."""
        self.changed: dict[int, tuple[RunningStrategy, Deal]] = {}
        """Deals of which something may be told at the end of the turn."""
        self._unsaved: list[RunningStrategy] = []
        """Those whose state is to be asked for."""
        self._timed = [running for running in strategies if hook_of(running.strategy, "on_timer") is not None]
        self._timers_ns = 0
        self.waits = bool(self._timed)
        """``due_ns`` may be reached one day."""
        self._told_slow: dict[tuple[str, str], int] = {}
        """When a slow hook was last named."""
        for running in strategies:
            running.listens = any(hook_of(running.strategy, name) is not None for name in ("on_deal", "save"))

    # --- one call

    def fault(self, running: RunningStrategy, error: Exception, hook: str = "decide") -> None:
        """Take a strategy out of service; its deals are finished, the rest goes on."""
        running.failed = f"{type(error).__name__}: {error}"
        running.error = error
        self._counters.strategy_faults[running.name] += 1
        place = where(error, running.strategy, hook)
        self._log("strategy.failed", strategy=running.name, error=running.failed, where=place)

    def out(self, running: RunningStrategy, error: ConfigError) -> None:
        """A strategy that cannot begin trades nothing; what earlier runs left of its deals is worked off."""
        running.failed, running.error = str(error), error
        self._log("strategy.out", strategy=running.name, why=str(error))

    def _call(self, running: RunningStrategy, name: str, *arguments: object) -> Any:
        """What a hook returned; None if there is none, if its strategy has failed, or if it raises."""
        hook = hook_of(running.strategy, name)
        if hook is None or running.failed:
            return None
        return self._timed_call(running, name, hook, arguments)

    def _timed_call(self, running: RunningStrategy, name: str, hook: Call, arguments: tuple[object, ...]) -> Any:
        began = self._probe() if self._probe is not None else 0
        returned = None
        try:
            returned = hook(*arguments)
            if returned is not None and name != "save":
                raise TypeError(f"{name}() returned {returned!r:.60}; return nothing: trades are proposed by decide()")
        except Exception as error:
            self.fault(running, error, name)
        if self._probe is not None:
            self.took(running.name, name, self._probe() - began, self._view.now_ns)
        return returned

    def took(self, strategy: str, name: str, ns: int, now_ns: int) -> None:
        """A call took so long."""
        timed = self._counters.callbacks.get((strategy, name))
        if timed is None:
            timed = self._counters.callbacks[strategy, name] = Histogram()
        timed.observe(ns / 1000)
        if ns > SLOW_NS:
            self.slow(strategy, name, ns, now_ns)

    def slow(self, strategy: str, name: str, ns: int, now_ns: int) -> None:
        """Name a slow call: nothing else went on meanwhile."""
        if now_ns - self._told_slow.get((strategy, name), -_TELL_NS) >= _TELL_NS:
            self._told_slow[strategy, name] = now_ns
            self._log("strategy.slow", strategy=strategy, hook=name, ms=ns / 1e6)

    # --- start and stop

    def load(self) -> None:
        """Give each strategy the state that an earlier run saved. Raises ``ConfigError`` if it cannot take it."""
        for running in self.strategies:
            load = hook_of(running.strategy, "load")
            if load is None or not running.state:
                continue
            try:
                load(running.state)
            except Exception as error:
                raise ConfigError(
                    f"strategy {running.name}: load() cannot read what save() returned in an earlier run: "
                    f"{type(error).__name__}: {error} ({where(error, running.strategy, 'load')}); let it read this "
                    "too, or begin without it: catch this error in load(), or use another state folder"
                ) from error

    def started(self, running: RunningStrategy, now_ns: int) -> None:
        """A strategy has named its instruments: its first decision may follow."""
        self._view.now_ns = now_ns
        self._call(running, "on_start", self._view, now_ns)

    def stop(self, now_ns: int) -> None:
        """No new deals from now on."""
        self._view.now_ns = now_ns
        for running in self.strategies:
            if running.placed:
                self._call(running, "on_stop", self._view, now_ns)
                self._wants_saving(running)
        self.save(now_ns, at_once=True)

    # --- trades of others

    def reads(self, running: RunningStrategy, instruments: Sequence[str]) -> None:
        """A strategy wants the trades of these instruments."""
        on_trade = hook_of(running.strategy, "on_trade")
        assert on_trade is not None  # ``read`` has looked
        for instrument in instruments:
            readers = self._readers.setdefault(instrument, [])
            if all(running is not other for other, _ in readers):
                readers.append((running, on_trade))

    def traded(self, trade: Trade, now_ns: int) -> None:
        """A trade at a venue: tell the strategies that read it."""
        for running, on_trade in self._readers.get(trade.instrument, ()):
            if not running.failed:
                self._view.now_ns = now_ns
                self._timed_call(running, "on_trade", on_trade, (trade, self._view, now_ns))

    # --- their own deals

    def note(self, running: RunningStrategy, deal: Deal) -> None:
        """Something may have happened to a deal: look at it at the end of the turn."""
        if running.listens and deal.strategy == running.name:
            self.changed[deal.id] = running, deal

    def tell(self, now_ns: int) -> None:
        """The end of a turn: tell what has changed, and ask for the state of a strategy whose deal has ended."""
        changed, self.changed = self.changed, {}
        self._view.now_ns = now_ns
        for running, deal in changed.values():
            report = report_of(deal)
            if report == self._told.get(deal.id):
                continue
            self._call(running, "on_deal", report, self._view, now_ns)
            if report.closed:
                self._told.pop(deal.id, None)
                self._wants_saving(running)
            else:
                self._told[deal.id] = report
        if self._unsaved:
            self.save(now_ns)

    # --- state

    def _wants_saving(self, running: RunningStrategy) -> None:
        if hook_of(running.strategy, "save") is not None and all(running is not one for one in self._unsaved):
            self._unsaved.append(running)
            self.waits = True

    def save(self, now_ns: int, *, at_once: bool = False) -> None:
        """Ask for the states that are wanted, each at most once a second, and journal what has changed."""
        later = []
        for running in self._unsaved:
            if not at_once and now_ns - running.saved_ns < _SECOND:
                later.append(running)
                continue
            running.saved_ns = now_ns
            state = self._call(running, "save")
            if running.failed:
                continue
            if problem := _no_state(state):
                self.fault(running, TypeError(problem), "save")
            elif state != running.state:
                running.state = bytes(state)
                self._journal(StrategyState(at_ns=now_ns, strategy=running.name, state=running.state))
        self._unsaved = later

    @property
    def saving(self) -> bool:
        """A state is still to be asked for: the run does not end before."""
        return bool(self._unsaved)

    # --- timers

    @property
    def due_ns(self) -> int:
        """When ``timers`` wants to be called."""
        due = min(map(_due, self._timed), default=NEVER)
        for running in self._unsaved:
            due = min(due, running.saved_ns + _SECOND)
        return max(due, self._timers_ns + _FLOOR_NS)

    def timers(self, now_ns: int) -> None:
        """Call the timers that are due. One that leaves its ``due_ns`` as it was is off."""
        self._timers_ns = now_ns
        self._view.now_ns = now_ns
        for running in self._timed:
            due_ns = _due(running)
            if due_ns > now_ns:
                continue
            told = getattr(running.strategy, "due_ns", None)
            if type(told) is not int:
                problem = f"due_ns is {told!r}; it is a time in ns, a whole number"
                self.fault(running, TypeError(problem), "on_timer")
                continue
            self._call(running, "on_timer", self._view, now_ns)
            if _due(running) == due_ns:
                running.strategy.due_ns = NEVER  # type: ignore[attr-defined]  # it has the hook on_timer
        if self._unsaved:
            self.save(now_ns)


def _due(running: RunningStrategy) -> int:
    """When its timer is due; one that says so in no whole number is due now, and fails there."""
    if running.failed or not running.placed:
        return NEVER
    due_ns = getattr(running.strategy, "due_ns", None)
    return due_ns if type(due_ns) is int else 0


def _no_state(state: object) -> str:
    """Why this is no state to keep; "" = it is one."""
    if not isinstance(state, bytes | bytearray):
        return f"save() returned {state!r:.60}; return bytes"
    if len(state) > MOST_STATE:
        return f"save() returned {len(state)} bytes; at most {MOST_STATE} are kept"
    return ""
