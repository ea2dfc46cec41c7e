"""Random faults of six kinds a seed, all venues: whatever goes wrong, the books of account must come out right."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any, get_args

import pytest
from arbkit_binance.adapter import Binance
from arbkit_binance.dialect import BinanceDialect
from arbkit_bybit.adapter import Bybit
from arbkit_bybit.dialect import BybitDialect
from arbkit_okx.adapter import Okx
from arbkit_okx.dialect import OkxDialect

from arbkit import SpreadArb
from arbkit.core.limits import LimitsConfig
from arbkit.sim.faults import Fault, FaultKind
from arbkit.testing.simulated import differences, simulate

VENUES: dict[Any, Any] = {Binance: BinanceDialect, Okx: OkxDialect, Bybit: BybitDialect}
LIMITS = LimitsConfig(max_deals_per_minute=600, cooldown_ns=0, max_broken=100)


def swarm(rng: Random) -> list[Fault]:
    """Six kinds, each at some of the venues, some times, in the first forty seconds."""
    faults = []
    for kind in rng.sample(get_args(FaultKind), 6):
        for dialect in VENUES.values():
            if rng.random() < 0.6:
                more: dict[str, Any] = {}
                if kind in ("close", "mute"):
                    more["on"] = rng.choice(["any", "book", "user", "reply"])
                if kind == "status":
                    more |= {"status": rng.choice([500, 502, 503]), "body": rng.choice(["json", "html"])}
                    more["applied"] = rng.random() < 0.5
                if kind == "lose_ack":
                    more["cut"] = rng.random() < 0.5
                if kind in ("mute", "delay", "throttle", "blind"):
                    more["for_s"] = rng.choice([0.3, 1.5] if kind == "blind" else [0.3, 2.0, 12.0])
                faults.append(
                    Fault(
                        kind=kind, venue=dialect.venue, at_s=rng.uniform(3, 40), count=rng.randint(1, 5),
                        every_s=rng.uniform(0.5, 6), **more,
                    )
                )  # fmt: skip
    return faults


@pytest.mark.parametrize("seed", range(1, 7))
def test_a_swarm_of_faults_loses_and_doubles_nothing(seed: int) -> None:
    """Everything ends proved, no intent is accepted twice, every balance is the venue's: to the last unit."""
    run = simulate(
        SpreadArb(symbols=("BTC-USDT", "ETH-USDT"), min_edge=0.0003, max_notional=150.0), VENUES, seed=seed,
        faults=swarm(Random(seed)), limits=LIMITS,
    )  # fmt: skip
    run.run_for(60)

    assert run.stop(60)
    assert run.world.faults()["fired"]
    assert run.desk.unresolved() == []
    ids = Counter(order["cl_ord_id"] for orders in run.world.orders().values() for order in orders)
    assert set(ids.values()) == {1}
    assert differences(run) == []
