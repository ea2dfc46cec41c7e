"""``arbkit demo``: runs the live engine against simulated venues with five faults, then compares the balances.

The venues run in a separate process (``arbkit sim``) with their own clock, ledger and matching, and are reached over
real sockets. At the end every balance must be exactly equal in arbkit's ledger and in the venues' ledgers.
"""

from __future__ import annotations

import tempfile
from asyncio import AbstractEventLoop
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from arbkit.app.ending import last_line
from arbkit.app.installed import installed
from arbkit.app.launch import Finished, start
from arbkit.app.plan import make_exchanges
from arbkit.app.simulated import AROUND, EDGE_EVERY_S, PARAMS, PREFERRED, SYMBOLS, admin, plan_of, venues_beside
from arbkit.core.errors import ConfigError
from arbkit.core.runtime.journal_file import StateFolder
from arbkit.core.venues.signer import LocalSigner
from arbkit.monitor.terminal import emit, show
from arbkit.sim.faults import default_script
from arbkit.strategies import SpreadArb, TriangularArb
from arbkit.testing.simulated import unequal

__all__ = ["run"]

_WORDS = {
    "lose_ack": "ack lost",
    "skip": "sequence skipped",
    "close": "socket closed",
    "partial": "partial fill",
    "throttle": "429",
}


def run(
    *,
    seconds: float,
    seed: int,
    venues: Sequence[str],
    around: bool = False,
    capture: str | None,
    as_json: bool,
    loop_factory: Callable[[], AbstractEventLoop],
) -> int:
    """Run the demo on these venues (none = the preferred ones, ``all`` = each with a simulator). Returns the exit code:
    0 only if deals were made, everything is resolved and all balances are equal. ``around``: ``TriangularArb`` in place
    of ``SpreadArb``. Raises ``ConfigError`` for a venue without a simulator."""
    registry = installed(dialects=True)
    simulated = [name for name in registry.exchanges if name in registry.dialects]
    if "all" in venues:
        venues = sorted(simulated)
    if missing := [name for name in venues if name not in simulated]:
        raise ConfigError(
            f"--venues {','.join(missing)}: no venue with a simulator; installed: {', '.join(simulated) or 'none'}"
        )
    venues = list(dict.fromkeys(venues)) or [name for name in PREFERRED if name in simulated]
    least = 1 if around else 2
    if len(venues) < least:
        raise ConfigError(
            f"the demo needs {least} venues with a simulator; installed: {', '.join(simulated) or 'none'}; "
            "pip install arbkit-binance arbkit-okx"
        )
    screen = Screen(as_json)
    faults = default_script(venues, seconds)
    what = f"TriangularArb on {', '.join(AROUND['assets'])}" if around else f"SpreadArb on {', '.join(SYMBOLS)}"
    screen.say(
        f"arbkit demo: {what}, {seconds:g} s, seed {seed}. The venues "
        f"({', '.join(venues)}) are simulated on this\nmachine, with planted edges and {len(faults)} faults; "
        "orders go over real sockets, signed, in each venue's own protocol.\n"
    )
    with (
        tempfile.TemporaryDirectory(prefix="arbkit-demo-") as folder,
        venues_beside(
            venues,
            seed,
            faults=faults,
            edge_every_s=0.0 if around else EDGE_EVERY_S,
            cycle_every_s=EDGE_EVERY_S if around else 0.0,
        ) as where,
    ):
        signers = {
            name: LocalSigner(site["key"], site["secret"], site["passphrase"]) for name, site in where["venues"].items()
        }
        secrets = [site[part] for site in where["venues"].values() for part in ("key", "secret", "passphrase")]
        plan = plan_of(where, seed, around=around)
        state = StateFolder(Path(folder), "live")
        try:
            done = start(
                plan,
                TriangularArb(**AROUND) if around else SpreadArb(**PARAMS),
                exchanges=make_exchanges(plan, registry),
                signers=signers,
                secrets=secrets,
                folder=state,
                seconds=seconds,
                as_json=as_json,
                loop_factory=loop_factory,
                capture=capture,
                screen=screen,
            )
        finally:
            state.close()
        ledger, fired = admin(where["admin"], "ledger"), admin(where["admin"], "faults")
    return _verdict(done, ledger, fired, len(faults), as_json)


def _verdict(done: Finished, ledger: dict[str, Any], faults: dict[str, Any], planted: int, as_json: bool) -> int:
    desk = done.desk
    differences = unequal(desk, ledger)
    fired = faults["counts"]
    line = {**last_line(desk), "ledger_equal": not differences, "faults": fired}
    code = done.code or (1 if differences or not line["deals"] else 0)
    if as_json:
        emit(line)
        return code
    tick = line["tick_to_order_us"]
    outcomes = ", ".join(f"{count} {name}" for name, count in line["outcomes"].items()) or "none"
    handled = ", ".join(_WORDS.get(kind, kind) for kind in fired) or "none"
    show(
        f"\ndeals    {line['deals']} closed ({outcomes}) with {line['legs']} orders; {line['unresolved']} unresolved\n"
        f"gained   {_amounts(line['pnl'])}: from planted edges, no forecast for a real market\n"
        f"faults   {len(fired)} of {planted} handled: {handled}\n"
        f"speed    {line['messages']} messages; tick to order {tick['p50'] / 1000:.1f} ms median, "
        f"{tick['p99'] / 1000:.1f} ms p99\n"
        f"ledger   {'exactly equal: every asset, every venue' if not differences else 'NOT EQUAL'}"
    )
    for text in differences:
        show(f"  {text}")
    if not line["deals"]:
        show("No deal was made, so the run counts as failed.")
    return code


def _amounts(net: Mapping[str, str]) -> str:
    """A gain as text: dollar assets to 0.01, other assets to 0.0001. Smaller amounts are left out."""
    shown = []
    for asset, text in net.items():
        amount = Decimal(text).quantize(Decimal("0.01" if asset.startswith("USD") else "0.0001"))
        if amount:
            shown.append((not asset.startswith("USD"), f"{amount:+f} {asset}"))
    return ", ".join(text for _, text in sorted(shown)) or "nothing"


def _where(pair: str) -> str:
    """A deal's pair, shorter: its symbol and venues; of several symbols the assets."""
    legs = [leg.partition(":") for leg in pair.split("+")]
    venues = "+".join(dict.fromkeys(venue for venue, _, _ in legs))
    symbols = dict.fromkeys(symbol for _, _, symbol in legs)
    assets = dict.fromkeys(asset for symbol in symbols for asset in symbol.split("-"))
    return f"{'+'.join(symbols if len(symbols) == 1 else assets)} {venues}"


class Screen:
    """A ``Log`` that prints the run's log events as plain text."""

    def __init__(self, silent: bool) -> None:
        self._silent = silent
        self._deals = 0

    def say(self, text: str) -> None:
        if not self._silent:
            show(text)

    def __call__(self, event: str, /, **fields: Any) -> None:
        if event == "deal.closed":
            self._deals += 1
            where = _where(str(fields["pair"]))
            self.say(
                f"DEAL {self._deals:06d} {fields['outcome']:<9} {where:<24} {_amounts(fields['net']):<28} "
                f"{fields['ms']:4.0f} ms"
            )
        elif event == "venue.waiting":
            self.say(f"  {fields['venue']} cannot trade yet: {fields['why']}")
        elif event == "order.unknown":
            self.say(
                f"  no answer for {fields['cl_ord_id']} ({fields['instrument']}): querying it, not sending it again"
            )
        elif event == "book.lost":
            self.say(f"  {fields['instrument']} lost: {fields['why']}; not traded until the next snapshot")
        elif event == "link.down":
            self.say(f"  {fields['link']} down: {fields['why']}; dialled again in {fields['retry_ms']:.0f} ms")
        elif event == "venue.throttled":
            self.say(f"  {fields['venue']} answered too many requests: no requests for {fields['ms'] / 1000:.1f} s")
        elif event.startswith("alarm.") or event in ("strategy.failed", "risk.restricted", "link.quarantined"):
            self.say(f"  {event}: {fields}")
