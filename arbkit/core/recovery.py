"""What a process takes over from the ones before it, and the first records that it writes. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from arbkit.core.orders.carried import Carried, Left
from arbkit.core.orders.ids import first_in
from arbkit.core.orders.journal import BlockReserved, RunStart, Settled, encode

__all__ = ["Resumed", "resume"]


class Resumed(Struct, frozen=True, kw_only=True):
    """What ``resume`` finds."""

    left: Left
    """What earlier processes left on the accounts."""
    block: int
    """The block of client order ids of this process, and the first number that it uses of it."""
    first: int
    states: Mapping[str, bytes]
    """What strategies saved, by their names."""
    starts: Sequence[bytes]
    """Records to append to the journal and to flush before anything is sent: they reserve the block."""


def resume(
    carried: Carried,
    accounts: Mapping[str, str],
    *,
    mode: Literal["live", "paper"],
    code: str,
    now_ns: int,
    settled: bool = False,
) -> Resumed:
    """``accounts``: the environment of each account of this process, by account id. ``code``: the version.

    The orders of a paper account end with its process, so nothing is left of them. ``settled``: a person has settled
    what earlier runs left (``journal.Settled``). Raises ``ConfigError`` for a deal
    that is also on an account which this process does not have."""
    left = carried.of(accounts) if mode == "live" else Left()
    block = carried.next_block(now_ns)
    starts = [
        encode(RunStart(at_ns=now_ns, mode=mode, account=account, environment=environment, code=code))
        + encode(BlockReserved(at_ns=now_ns, account=account, block=block))
        for account, environment in accounts.items()
    ]
    if settled:
        starts.append(encode(Settled(at_ns=now_ns)))
        left = left.settled()
    return Resumed(left=left, block=block, first=first_in(now_ns), states=carried.states(accounts), starts=starts)
