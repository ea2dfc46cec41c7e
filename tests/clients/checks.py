"""What the check scripts share: the simulator's addresses and records, and how a check is told.

``run.py`` starts the simulator and a script, and reads one line per check from the script's output.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from urllib.request import urlopen

SIM: dict[str, Any] = json.loads(os.environ["ARBKIT_SIM"])
"""What ``arbkit sim --json`` printed."""
PATIENCE_S = 15.0
"""A bound that only catches what never comes."""


@contextmanager
def check(what: str) -> Iterator[None]:
    """Print OK if the block ends, FAIL and the reason if it raises. The script continues either way."""
    yield from _told("FAIL", what)


@contextmanager
def extra(what: str) -> Iterator[None]:
    """As ``check``, for what the simulators may leave out: MISS in place of FAIL."""
    yield from _told("MISS", what)


def _told(bad: str, what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # whatever a client raises is a result of the check
        words = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
        print(f"{bad} {what}: {' '.join(words.split())[:300]}", flush=True)
    else:
        print(f"OK   {what}", flush=True)


def finish() -> None:
    """End the script, also if the client has left threads that do not end."""
    print("END", flush=True)
    sys.stdout.flush()
    os._exit(0)


def same(told: object, wanted: object) -> None:
    assert told == wanted, f"got {told!r}, expected {wanted!r}"


def has(row: Mapping[str, Any], names: str) -> None:
    """The row has each of these fields."""
    absent = [name for name in names.split() if name not in row]
    assert not absent, f"the row lacks {' '.join(absent)}"


async def wait(ready: Callable[[], Any], what: str, every_s: float = 0.02) -> Any:
    """Wait until ``ready()`` is true, and return it.

    A ``ready`` that asks the venue needs a longer ``every_s``, because the venue limits requests.
    """
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not (found := ready()):
                await asyncio.sleep(every_s)
    except TimeoutError:
        raise TimeoutError(f"{what}: not within {PATIENCE_S:g} s") from None
    return found


def wait_here(ready: Callable[[], Any], what: str, every_s: float = 0.02) -> Any:
    """``wait`` for clients that use threads."""
    return asyncio.run(wait(ready, what, every_s))


def now_ms() -> float:
    return time.time() * 1000  # noqa: TID251 - arbkit, which has the clock, is not installed where this runs


def admin(page: str) -> Any:
    """A page of the simulator's own records."""
    with urlopen(f"{SIM['admin']}/{page}", timeout=PATIENCE_S) as answer:
        return json.load(answer)


def ledger(venue: str) -> dict[str, tuple[Decimal, Decimal]]:
    """Free and locked by asset, of the client's account, as the simulator keeps it. Assets without any are left out."""
    records = admin("ledger")[venue]
    assert records["conserved"], "the simulator's ledger has lost or made money"
    rows = {name: (Decimal(row["free"]), Decimal(row["locked"])) for name, row in records["accounts"]["main"].items()}
    return {name: row for name, row in rows.items() if any(row)}


def same_balances(venue: str, told: Mapping[str, tuple[object, object]]) -> None:
    """What the client was told equals the simulator's ledger; venues round to 8 decimals."""
    step = Decimal("1e-8")
    mine = {name: tuple(Decimal(str(part)).quantize(step) for part in row) for name, row in told.items()}
    true = {name: tuple(part.quantize(step) for part in row) for name, row in ledger(venue).items()}
    same({name: row for name, row in mine.items() if any(row)}, true)
