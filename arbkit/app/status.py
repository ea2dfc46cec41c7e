"""Reports why a venue does not trade (no connection, a refused key, missing data), and why a pair does not.
``app.launch`` runs it.

It reads the desk once per second and writes log events, after a stop about what the run waits for. It stops the run if
all keys were refused or all strategies failed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from arbkit.app.healing import Healing
from arbkit.app.pair_log import PairLog
from arbkit.app.picture import Painter
from arbkit.core.desk import Desk
from arbkit.core.orders.deals import DealState
from arbkit.core.runtime.supervisor import Runtime
from arbkit.core.types import NEVER, plain
from arbkit.core.venues.venue import Venue
from arbkit.monitor.picture import Picture
from arbkit.monitor.terminal import clean

__all__ = ["Watch", "waits"]

LOOK_S = 1.0
REPEAT_LOOKS = 10
"""Minimum number of checks between two events of a venue that waits for changing reasons."""
HELD_LOOKS = 60
"""Checks from one event about the HELD deals to the next."""
ALIVE_LOOKS = 60
"""Checks from one event that the run lives to the next."""
WAITS_LOOKS = 5
"""Checks from one event about what a stopped run waits for to the next."""
_STOPPED = "stopped: "
"""Prefix in ``Readiness.missing`` if the venue refused the key or its plugin failed."""


class Watch:
    """``why``: for each venue why it cannot trade, as text; "" = it can. ``show`` gets a picture at each check."""

    def __init__(
        self,
        desk: Desk,
        runtime: Runtime,
        log: Healing,
        *,
        show: Callable[[Picture], None] | None = None,
        kind: str = "live",
        began_ns: int = 0,
    ) -> None:
        self.why: dict[str, str] = {}
        self._desk = desk
        self._runtime = runtime
        self._log = log
        self._logged: dict[str, tuple[str, int]] = {}
        self._looks = 0
        self._held = 0
        self._waited = 0
        self._torn = False
        self._pairs = PairLog(desk, log)
        self._show = show
        self.painter = Painter(desk, kind, began_ns)

    async def run(self) -> None:
        """Check once per second, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()
            self.tell_held()
            self.tell_tape()
            self._log.look(self._desk, self._runtime.clock.now_ns())
            self.paint()
            if self._runtime.stops:
                self.tell_waits()
                continue
            self._pairs.look(self._runtime.clock.now_ns())
            if self._hopeless():
                self._runtime.stop()

    def paint(self) -> None:
        """Make a picture for who shows it; log now and then that the run lives."""
        if self._show is None:
            return
        now_ns = self._runtime.clock.now_ns()
        picture = self.painter.picture(self.why, stopping=bool(self._runtime.stops), now_ns=now_ns)
        self._show(picture)
        if self._looks % ALIVE_LOOKS == 0:
            self._log(
                "run.alive",
                mode=picture.mode,
                up_s=(now_ns - picture.began_ns) // 1_000_000_000,
                deals=sum(picture.deals.values()),
                open=picture.open_deals,
                gain=picture.marked,
                asset=picture.asset,
                books=list(picture.books),
                ready=[venue.name for venue in picture.venues if not venue.why],
            )

    def look(self) -> None:
        """Check all venues once and log the changes."""
        self._looks += 1
        for name in self._desk.venues:
            self.why[name] = why = clean(self._reason(name))  # a venue may repeat what it was sent, and more
            kind = re.sub(r"\d+", "", why)
            logged, at = self._logged.get(name, (None, -REPEAT_LOOKS))
            if kind == logged or (why and self._looks < at + REPEAT_LOOKS):
                continue
            self._logged[name] = kind, self._looks
            if why:
                self._log("venue.waiting", venue=name, why=why)
            else:
                self._log("venue.ready", venue=name, **account(self._desk, self._desk.venues[name]))

    def tell_held(self) -> None:
        """Every deal that is HELD, once at the first check that finds one, and then every ``HELD_LOOKS``."""
        held = self._desk.held()
        if held and not self._held % HELD_LOOKS:
            for deal in held:
                self._log("deal.held", deal=deal.id, pair=deal.pair, why=deal.why)
        self._held = self._held + 1 if held else 0

    def tell_tape(self) -> None:
        """Once, if the tape cannot be written."""
        tape = self._runtime.tape
        if tape is not None and tape.failure and not self._torn:
            self._torn = True
            self._log("run.capture", file=str(tape.path), why=tape.failure)

    def tell_waits(self) -> None:
        """At the first check after a stop, and then every ``WAITS_LOOKS``."""
        if not self._desk.idle and not self._waited % WAITS_LOOKS:
            now_ns = self._runtime.clock.now_ns()
            left_s = round((self._runtime.ends_ns(self._desk) - now_ns) / 1e9)
            self._log("desk.waits", what=waits(self._desk, now_ns), at_most_s=left_s)
        self._waited += 1

    def _reason(self, name: str) -> str:
        venue = self._desk.venues[name]
        rest = self._runtime.rests.get(venue.rest.spec.link)
        trouble = rest.trouble if rest is not None else ""
        if not venue.catalogued:
            return trouble or "its instruments have not arrived yet"
        if venue.paper is not None:
            return ""
        missing = venue.readiness.missing()
        if missing and missing[0].startswith(_STOPPED):
            return missing[0]  # the other reasons are consequences
        return "; ".join([*missing, trouble] if missing and trouble else missing)

    def _hopeless(self) -> bool:
        """Whether all keys were refused or all strategies failed."""
        live = [name for name, venue in self._desk.venues.items() if venue.paper is None]
        refused = bool(live) and all(self.why[name].startswith(_STOPPED) for name in live)
        return refused or all(running.failed for running in self._desk.engine.strategies)


def account(desk: Desk, venue: Venue) -> dict[str, Any]:
    """What the venue told of the account, of the instruments in use: what it holds, its fees, the smallest order."""
    used = [desk.catalogue[name] for name in venue.instruments if name in desk.catalogue]
    if not used:
        return {}
    assets = dict.fromkeys(asset for one in used for asset in (one.quote, one.base))
    fees = [venue.fee(one.id) for one in used]
    least: dict[str, Decimal] = {}
    for one in used:
        least[one.quote] = max(least.get(one.quote, one.min_notional), one.min_notional)
    return {
        "holds": {asset: plain(total) for asset in assets if (total := desk.ledger.total(venue.account, asset))},
        "taker": _percent([fee.taker for fee in fees]),
        "maker": _percent([fee.maker for fee in fees]),
        "least_order": ", ".join(f"{plain(amount)} {asset}" for asset, amount in least.items() if amount),
    }


def _percent(rates: list[Decimal]) -> str:
    low, high = min(rates), max(rates)
    return f"{plain(low * 100)} %" if low == high else f"{plain(low * 100)} to {plain(high * 100)} %"


def waits(desk: Desk, now_ns: int) -> list[str]:
    """What keeps a stopped desk from its end, as text: open deals, and orders with the time that a proof needs."""
    found = [
        f"deal {deal.id} ({deal.pair}) is {deal.state.value}"
        for deal in desk.engine.deals.values()
        if deal.state is not DealState.HELD
    ]
    for venue in desk.venues.values():
        proved_s = (venue.resolver.proved_by_ns - now_ns) / 1e9
        for order in venue.orders.open():
            text = f"order {order.cl_ord_id} ({order.intent.instrument}) is {order.status.value}"
            if order.unknown and venue.resolver.proved_by_ns < NEVER:
                text += f", proved in {max(proved_s, 0):.0f} s at the latest if the venue answers"
            found.append(text)
    return found
