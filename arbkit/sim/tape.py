"""The recorded market data that synthetic accounts quote: a short tape, scaled to any pair, played in a loop."""

from __future__ import annotations

import gzip
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Final, TypeAlias

import msgspec

from arbkit.sim.pair import Pair

__all__ = ["Changes", "Track", "track"]

Changes: TypeAlias = list[tuple[int, int]]
"""(px in ticks, lots; 0 = none) of one side."""
_Recorded: TypeAlias = tuple[int, list[tuple[int, int]], list[tuple[int, int]]]

_FILE: Final = "btcusdt-20240808.jsonl.gz"  # see data/PROVENANCE.md
_TICK: Final = Decimal("0.01")
_LOT: Final = Decimal("0.00001")


class Track:
    """A tape in one pair's ticks and lots: the levels at its start, and the changes of each frame.

    It contains the recording forward and then backward, so that the end equals the start. A price jump there would
    make an edge that was not planted.
    """

    __slots__ = ("asks", "bids", "frames", "length_ns")

    def __init__(self, bids: dict[int, int], asks: dict[int, int], frames: list[tuple[int, Changes, Changes]]) -> None:
        self.bids = bids
        self.asks = asks
        self.length_ns = 2 * frames[-1][0] + 100_000_000
        back: list[tuple[int, Changes, Changes]] = []
        now = ({**bids}, {**asks})
        for at_ns, *sides in frames:
            undo: list[Changes] = []
            for book, changes in zip(now, sides, strict=True):
                undo.append([(px, book.get(px, 0)) for px, _ in changes])
                book.update(changes)
            back.append((self.length_ns - at_ns, undo[0], undo[1]))
        self.frames = frames + back[::-1]


def track(pair: Pair, price: Decimal) -> Track:
    """The recorded tape scaled to ``price`` and the pair's ticks and lots. The notional of each size is unchanged."""
    return _scaled(pair.tick, pair.lot, price)


@cache
def _scaled(tick: Decimal, lot: Decimal, price: Decimal) -> Track:
    frames = _recorded()
    mid = max(px for px, _ in frames[0][1])
    px_num, px_den = int(price / tick), mid
    lot_num, lot_den = (_LOT * mid * _TICK / price / lot).as_integer_ratio()
    out: list[tuple[int, Changes, Changes]] = []
    raw: tuple[dict[int, int], dict[int, int]] = ({}, {})
    levels: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for at_ms, *sides in frames:
        changed: list[Changes] = []
        for side, changes in enumerate(sides):
            touched: dict[int, None] = {}
            for px, qty in changes:
                # Several recorded prices can share a tick. Bids are rounded down and asks up, so they never cross.
                ticks = px * px_num // px_den if side == 0 else -(-px * px_num // px_den)
                lots = max(1, qty * lot_num // lot_den) if qty else 0
                levels[side][ticks] = levels[side].get(ticks, 0) + lots - raw[side].get(px, 0)
                raw[side][px] = lots
                touched[ticks] = None
            changed.append([(ticks, levels[side][ticks]) for ticks in touched])
        out.append((at_ms * 1_000_000, changed[0], changed[1]))
    start = out.pop(0)
    return Track(dict(start[1]), dict(start[2]), out)


@cache
def _recorded() -> list[_Recorded]:
    raw = resources.files("arbkit.sim").joinpath("data", _FILE).read_bytes()
    decode = msgspec.json.Decoder(_Recorded).decode
    return [decode(line) for line in gzip.decompress(raw).splitlines()]
