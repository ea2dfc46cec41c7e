"""The demo: real orders over real sockets at simulated venues, five faults on the way, and both sides' books compared.

The venues run in a process of their own (``arbkit sim``), with their own clock, ledger and matching; the engine runs as
it does live. At the end every balance must be equal on both sides, to the last unit.
"""

from __future__ import annotations

import json
import tempfile
from asyncio import AbstractEventLoop
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from arbkit.app.ending import last_line
from arbkit.app.launch import Finished, start
from arbkit.app.simulated import PARAMS, PREFERRED, SYMBOLS, admin, plan_of, venues_beside
from arbkit.core.errors import ConfigError
from arbkit.core.runtime.journal_file import StateFolder
from arbkit.core.venues.signer import LocalSigner
from arbkit.plugins import registry as plugins
from arbkit.sim.faults import default_script
from arbkit.strategies import SpreadArb
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
    *, seconds: float, seed: int, capture: str | None, as_json: bool, loop_factory: Callable[[], AbstractEventLoop]
) -> int:
    """``arbkit demo``; the exit code: 0 only if everything is resolved and every balance is equal on both sides."""
    registry = plugins.load(dialects=True)
    venues = [name for name in PREFERRED if name in registry.exchanges and name in registry.dialects]
    if len(venues) < 2:
        raise ConfigError(
            f"the demo needs two venues with a simulator, installed: {', '.join(venues) or 'none'}; "
            "pip install arbkit-binance arbkit-okx"
        )
    screen = Screen(as_json)
    faults = default_script(venues, seconds)
    screen.say(
        f"arbkit demo: SpreadArb on {', '.join(SYMBOLS)}, {seconds:g} s, seed {seed}. The venues "
        f"({', '.join(venues)}) are simulated on this\nmachine, with planted edges and {len(faults)} faults; "
        "orders go over real sockets, signed, in each venue's own protocol.\n"
    )
    with (
        tempfile.TemporaryDirectory(prefix="arbkit-demo-") as folder,
        venues_beside(venues, seed, faults=faults) as where,
    ):
        signers = {
            name: LocalSigner(said["key"], said["secret"], said["passphrase"]) for name, said in where["venues"].items()
        }
        secrets = [said[part] for said in where["venues"].values() for part in ("key", "secret", "passphrase")]
        plan = plan_of(where, seed)
        state = StateFolder(Path(folder), "live", {f"{name}:main": "sim" for name in venues})
        try:
            done = start(
                plan,
                SpreadArb(**PARAMS),
                registry=registry,
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
        click.echo(json.dumps(line))
        return code
    tick = line["tick_to_order_us"]
    outcomes = ", ".join(f"{count} {name}" for name, count in line["outcomes"].items()) or "none"
    survived = ", ".join(_WORDS.get(kind, kind) for kind in fired) or "none"
    click.echo(
        f"\ndeals    {line['deals']} closed ({outcomes}) with {line['legs']} orders; {line['unresolved']} unresolved\n"
        f"gained   {_amounts(line['pnl'])}: the edges were planted, so it says nothing about any market\n"
        f"faults   {len(fired)} of {planted} met and survived: {survived}\n"
        f"speed    {line['messages']} messages; tick to order {tick['p50'] / 1000:.1f} ms median, "
        f"{tick['p99'] / 1000:.1f} ms p99\n"
        f"ledger   {'equal to the last unit: every asset, every venue' if not differences else 'NOT EQUAL'}"
    )
    for text in differences:
        click.echo(f"  {text}")
    if not line["deals"]:
        click.echo("No deal was made: that is no good run, whatever else went well.")
    return code


def _amounts(net: Mapping[str, str]) -> str:
    """What is worth showing of a gain: dollars to the cent, coins to a ten-thousandth; dust is left out."""
    shown = []
    for asset, text in net.items():
        amount = Decimal(text).quantize(Decimal("0.01" if asset.startswith("USD") else "0.0001"))
        if amount:
            shown.append((not asset.startswith("USD"), f"{amount:+f} {asset}"))
    return ", ".join(text for _, text in sorted(shown)) or "nothing"


class Screen:
    """The facts of the run in a newcomer's words, as they come."""

    def __init__(self, silent: bool) -> None:
        self._silent = silent
        self._deals = 0

    def say(self, text: str) -> None:
        if not self._silent:
            click.echo(text)

    def __call__(self, event: str, /, **fields: Any) -> None:
        if event == "deal.closed":
            self._deals += 1
            legs = [leg.partition(":") for leg in str(fields["pair"]).split("+")]
            where = f"{legs[0][2]} {'+'.join(venue for venue, _, _ in legs)}"
            self.say(
                f"DEAL {self._deals:06d} {fields['outcome']:<9} {where:<24} {_amounts(fields['net']):<28} "
                f"{fields['ms']:4.0f} ms"
            )
        elif event == "venue.waiting":
            self.say(f"  {fields['venue']} cannot trade yet: {fields['why']}")
        elif event == "order.unknown":
            self.say(
                f"  no answer for {fields['cl_ord_id']} ({fields['instrument']}): asking the venue, not sending twice"
            )
        elif event == "book.lost":
            self.say(f"  {fields['instrument']} lost: {fields['why']}; not traded until it is whole again")
        elif event == "link.down":
            self.say(f"  {fields['link']} down: {fields['why']}; dialled again in {fields['retry_ms']:.0f} ms")
        elif event == "venue.throttled":
            self.say(f"  {fields['venue']} says too many requests: {fields['ms'] / 1000:.1f} s of silence kept")
        elif event.startswith("alarm.") or event in ("strategy.failed", "risk.restricted", "link.quarantined"):
            self.say(f"  {event}: {fields}")
