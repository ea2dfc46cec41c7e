"""A minute of trading in virtual time, with the real adapters and simulated venues. It takes less than a second.

``python virtual_time.py [seed]``. The faults are those of ``arbkit demo``: a sequence gap, a closed socket, a lost
answer, a partial fill, "too many requests". At the end arbkit's ledger is compared with the venues' own ledgers.
"""

import sys

from arbkit import SpreadArb
from arbkit.sim.faults import default_script
from arbkit.testing.simulated import differences, simulate
from arbkit_binance.adapter import Binance
from arbkit_binance.dialect import BinanceDialect
from arbkit_okx.adapter import Okx
from arbkit_okx.dialect import OkxDialect

SECONDS = 60.0


def main(seed: int = 1) -> None:
    run = simulate(
        SpreadArb(symbols=("BTC-USDT",), min_edge=0.0003, max_notional=150.0),
        {Binance: BinanceDialect, Okx: OkxDialect},
        seed=seed,
        faults=default_script(["binance", "okx"], SECONDS),
    )
    run.run_for(SECONDS)
    finished = run.stop()

    desk = run.desk
    print(f"deals      {dict(desk.counters.deals)}")
    print(f"gained     { {asset: str(amount) for asset, amount in desk.ledger.pnl().items()} }")
    print(f"faults     {run.world.faults()['counts']}")
    print(f"unresolved {len(desk.unresolved())}, finished {finished}")
    print(f"ledger     {differences(run) or 'exactly equal on every venue'}")
    print(f"commands   {desk.commands_hash()}")  # the same for the same seed, on every machine


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
