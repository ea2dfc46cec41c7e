"""Starts simulated venues in a separate process, and makes the plan of a run against them.

The demo and the benchmarks use it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import IO, Any
from urllib.request import urlopen

import msgspec

from arbkit.app.plan import RunPlan, VenuePlan
from arbkit.config.load import StrategyConfig
from arbkit.core.errors import ArbkitError
from arbkit.core.money.gate import GateConfig
from arbkit.core.money.limits import LimitsConfig
from arbkit.sim.faults import Fault

__all__ = [
    "AROUND",
    "EDGE_EVERY_S",
    "GATE",
    "LIMITS",
    "PARAMS",
    "PREFERRED",
    "SYMBOLS",
    "admin",
    "plan_of",
    "venues_beside",
]

SYMBOLS = ("BTC-USDT", "ETH-USDT")
EDGE_EVERY_S = 2.0
PREFERRED = ("binance", "okx", "bybit")
LIMITS = LimitsConfig(
    max_order_notional=Decimal(1_000),
    max_deal_notional=Decimal(1_000),
    max_open_notional=Decimal(8_000),
    max_venue_notional=Decimal(8_000),
    max_asset_notional=Decimal(8_000),
    max_deals_per_minute=600,
    cooldown_ns=500_000_000,
    max_broken=50,
    max_loss_day=Decimal(5_000),
    max_loss_run=Decimal(10_000),
)
GATE = GateConfig(max_order_notional=Decimal(3_000), orders_per_second=100, notional_per_minute=Decimal(1_000_000))
PARAMS: dict[str, Any] = {"symbols": SYMBOLS, "min_edge": 0.0003, "max_notional": 500.0}
"""Of ``SpreadArb``."""
AROUND: dict[str, Any] = {"assets": ("USDT", "BTC", "ETH", "SOL"), "min_edge": 0.0003, "max_notional": 500.0}
"""Of ``TriangularArb``."""


def plan_of(where: dict[str, Any], seed: int, strategy: StrategyConfig | None = None) -> RunPlan:
    """The plan of a live run, of ``SpreadArb`` by default. ``where``: the JSON that ``arbkit sim --json`` prints at its
    start."""
    named = strategy or StrategyConfig(target="spread", params=PARAMS)
    return RunPlan(
        venues=[
            VenuePlan(
                venue=name,
                account=f"{name}:main",
                environment="sim",
                signed=True,
                endpoints={key: url for key, url in site.items() if url and key.startswith(("rest", "ws_"))},
            )
            for name, site in where["venues"].items()
        ],
        target=named.target,
        params=named.params,
        limits=LIMITS,
        gate=GATE,
        seed=seed,
    )


@contextmanager
def venues_beside(
    venues: Sequence[str],
    seed: int,
    *,
    faults: Sequence[Fault],
    edge_every_s: float = EDGE_EVERY_S,
    cycle_every_s: float = 0.0,
) -> Iterator[dict[str, Any]]:
    """Run ``arbkit sim`` in a separate process until the block ends. Yields the JSON that it prints at its start."""
    with tempfile.NamedTemporaryFile(prefix="arbkit-faults-", suffix=".json") as script:
        script.write(msgspec.json.encode(faults))
        script.flush()
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [
                sys.executable,
                "-m",
                "arbkit",
                "sim",
                *venues,
                "--seed",
                str(seed),
                "--faults",
                script.name,
                "--edge-every",
                str(edge_every_s),
                "--cycle-every",
                str(cycle_every_s),
                "--with-parent",  # also if it is killed
                "--json",
            ],
            stdout=subprocess.PIPE,
            text=True,
            process_group=0,  # Ctrl-C must not stop the venues: the engine still needs them to finish its deals
        )
        try:
            assert process.stdout is not None
            yield _announced(process.stdout)
        finally:
            process.terminate()
            process.wait(10)


def _announced(stdout: IO[str]) -> dict[str, Any]:
    line = stdout.readline()
    if not line:
        raise ArbkitError("the simulated venues did not start; see the message above")
    announced: dict[str, Any] = json.loads(line)
    return announced


def admin(admin: str, page: str) -> dict[str, Any]:
    """The JSON of an admin page (``ledger``, ``orders``, ``faults``). Raises ``ArbkitError`` if it is unreachable."""
    try:
        with urlopen(f"{admin}/{page}", timeout=10) as answer:  # noqa: S310 - a loopback address of our own
            found: dict[str, Any] = json.load(answer)
    except OSError as error:
        raise ArbkitError(f"the simulated venues cannot be reached, so nothing can be compared: {error}") from None
    return found
