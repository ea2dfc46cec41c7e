"""What the history notes of a run beside the journal: alarms and reasons from the log, balances and the gain once a
minute. ``app.launch`` runs it."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from arbkit.core.desk import Desk
from arbkit.core.runtime.clock import Clock
from arbkit.core.runtime.supervisor import Ending
from arbkit.history.diary import Ended, Marked, Owned, Told
from arbkit.history.views import ALARMS, REASONS
from arbkit.history.writer import History
from arbkit.monitor.log_writer import Sink

__all__ = ["Notes", "noted"]

EVERY_S = 60.0
FIRST_S = 5.0
"""Books and accounts need some seconds."""


def noted(history: History) -> Sink:
    """Passes alarms and reasons of the log to the history. The log has struck secrets from them."""

    def sink(at_ns: int, event: str, fields: dict[str, Any]) -> None:
        if event.startswith("alarm.") or event in ALARMS or event in REASONS:
            history.tell(Told(at_ns=at_ns, event=event, fields=fields))

    return sink


class Notes:
    """See the module. Without a history it does nothing."""

    def __init__(self, desk: Desk, history: History | None) -> None:
        self._desk = desk
        self._history = history
        self._owned: dict[tuple[str, str], Decimal] = {}

    async def run(self, clock: Clock) -> None:
        """Until cancelled."""
        await asyncio.sleep(FIRST_S)
        while self._history is not None:
            self.look(clock.now_ns())
            await asyncio.sleep(EVERY_S)

    def look(self, now_ns: int) -> None:
        """Note the gain, and the balances that changed."""
        if self._history is None:
            return
        desk, asset = self._desk, self._desk.setup.limits.asset
        run = desk.ledger.marked(desk.prices.last, asset)
        gain = desk.ledger.at_least(desk.prices.last, asset)
        self._history.tell(Marked(at_ns=now_ns, asset=asset, gain=gain, run=run))
        for account in desk.orders:
            changed = {
                held: total
                for held, total in desk.ledger.totals(account).items()
                if total != self._owned.get((account, held), Decimal(0))
            }
            if changed:
                self._owned.update(((account, held), total) for held, total in changed.items())
                self._history.tell(Owned(at_ns=now_ns, account=account, totals=changed))

    def end(self, ending: Ending, code: int, began_ns: int, now_ns: int) -> None:
        """The run is over."""
        self.look(now_ns)
        if self._history is not None:
            self._history.tell(Ended(at_ns=now_ns, run_ns=began_ns, ending=ending.value, exit=code))
