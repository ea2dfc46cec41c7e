"""``arbkit demo``: runs the live engine against simulated venues with five faults, then compares the balances.

The venues run in a separate process (``arbkit sim``) with their own clock, ledger and matching, and are reached over
real sockets. At the end every balance must be exactly equal in arbkit's ledger and in the venues' ledgers.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from asyncio import AbstractEventLoop
from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from arbkit.app import target
from arbkit.app.browser import open_link
from arbkit.app.ending import gain, last_line, not_traded
from arbkit.app.installed import installed
from arbkit.app.launch import Finished, start
from arbkit.app.plan import make_exchanges
from arbkit.app.simulated import AROUND, EDGE_EVERY_S, PARAMS, PREFERRED, SYMBOLS, admin, plan_of, venues_beside
from arbkit.config.load import StrategyConfig
from arbkit.core.errors import ConfigError
from arbkit.core.log import Log
from arbkit.core.runtime.clock import Clock
from arbkit.core.runtime.journal_file import StateFolder
from arbkit.core.venues.signer import LocalSigner
from arbkit.monitor.api.config import ApiConfig
from arbkit.monitor.face import Face
from arbkit.monitor.terminal import filled, last, show
from arbkit.sim.faults import default_script
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
    strategy: str | None = None,
    around: bool = False,
    capture: str | None,
    dashboard: bool = False,
    as_json: bool,
    loop_factory: Callable[[], AbstractEventLoop],
) -> int:
    """Run the demo on these venues (none = the preferred ones, ``all`` = each with a simulator). Returns the exit code:
    0 only if everything is resolved, all balances are equal, and deals were made (by a ``strategy`` of the user it may
    also make none). ``around``: ``TriangularArb`` in place of ``SpreadArb``. Raises ``ConfigError`` for a venue without
    a simulator, or a strategy that cannot be made."""
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
    if strategy:
        config, what = StrategyConfig(target=strategy), f"{strategy} on {', '.join(SYMBOLS)}"
    elif around:
        config, what = (
            StrategyConfig(target="triangular", params=AROUND),
            f"TriangularArb on {', '.join(AROUND['assets'])}",
        )
    else:
        config, what = StrategyConfig(target="spread", params=PARAMS), f"SpreadArb on {', '.join(SYMBOLS)}"
    made = target.make(target.load(config.target, registry), config)
    faults = default_script(venues, seconds)
    if not as_json:
        text = (
            f"The venues ({', '.join(venues)}) are simulated on this machine, with planted edges and {len(faults)} "
            "faults; orders go over real sockets, signed, in each venue's own protocol."
        )
        show(filled(f"arbkit demo: {what}, {seconds:g} s, seed {seed}.\n{fill(text, 78)}\n", sys.stdout))
    face = None if as_json else Face(sys.stdout, Clock().now_ns)
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
        plan = plan_of(where, seed, config)
        state = StateFolder(Path(folder), "live")
        try:
            done = start(
                plan,
                made,
                exchanges=make_exchanges(plan, registry),
                signers=signers,
                secrets=secrets,
                folder=state,
                seconds=seconds,
                loop_factory=loop_factory,
                kind="demo",
                face=face,
                beside=lambda log: _planted(where["admin"], log),
                capture=capture,
                api=ApiConfig(port=0 if dashboard else None),
                linked=_show if dashboard else None,
            )
        finally:
            if face is not None:
                face.close()
            state.close()
        ledger, fired = admin(where["admin"], "ledger"), admin(where["admin"], "faults")
    return _verdict(done, ledger, fired, len(faults), as_json, own=strategy is not None)


def _show(link: str) -> None:
    """Open the dashboard, where there is a display: without one a browser of texts would take the terminal."""
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        open_link(link)


async def _planted(where: str, log: Log) -> None:
    """Tell each planted fault when it fires."""
    told = 0
    while True:
        await asyncio.sleep(0.1)
        fired = (await asyncio.to_thread(admin, where, "faults"))["fired"]
        for one in fired[told:]:
            log("demo.planted", kind=one["kind"], venue=one["venue"])
        told = len(fired)


def _verdict(
    done: Finished, ledger: dict[str, Any], faults: dict[str, Any], planted: int, as_json: bool, *, own: bool
) -> int:
    desk = done.desk
    differences = unequal(desk, ledger)
    fired = faults["counts"]
    line = {**last_line(desk), "ledger_equal": not differences, "faults": fired}
    code = done.code or (1 if differences or not (line["deals"] or own) else 0)
    if as_json:
        last(line)
        return code
    tick = line["tick_to_order_us"]
    outcomes = ", ".join(f"{count} {name}" for name, count in line["outcomes"].items()) or "none"
    handled = ", ".join(_WORDS.get(kind, kind) for kind in fired) or "none"
    text = (
        f"\ndeals    {line['deals']} closed ({outcomes}) with {line['legs']} orders; {line['unresolved']} unresolved\n"
        f"gained   {gain(line)}\n"
        "         from planted edges, no forecast for a real market\n"
        f"faults   {len(fired)} of {planted} handled: {handled}\n"
        f"speed    {line['messages']} messages; tick to order {tick['p50'] / 1000:.1f} ms median, "
        f"{tick['p99'] / 1000:.1f} ms p99\n"
        f"ledger   {'exactly equal: every asset, every venue' if not differences else 'NOT EQUAL'}"
    )
    text += "".join(f"\n  {one}" for one in differences)
    if not line["deals"]:
        text += "".join(f"\n{one}" for one in not_traded(line))
        text += "\nNo deal was made." if own else "\nNo deal was made, so the run counts as failed."
    last(text)
    return code
