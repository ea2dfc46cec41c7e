"""Faults that are put into the book code at run time are seen in the generated frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from generated import Played

from arbkit.adapters.chained import Chained
from arbkit.adapters.checksummed import Checksummed, _Texts
from arbkit.adapters.joined import Joined
from arbkit.adapters.snapshot_only import SnapshotOnly
from arbkit.core.market.speed import ladder
from arbkit.core.types import BookState

SYNCED = BookState.SYNCED
Patch = Callable[[pytest.MonkeyPatch], None]
BEFORE = {cls: (cls.update, cls.snapshot) for cls in (Joined, Chained, Checksummed, SnapshotOnly)}
CHANGE = ladder.change


def method(cls: type[Any], name: str, replacement: Callable[..., Any]) -> Patch:
    return lambda patch: patch.setattr(cls, name, replacement)


# --- joined


def joined_off_by_one(self: Joined, message: Any, now_ns: int) -> Any:
    if self.state is SYNCED and message.first == self.last + 2:
        self.last += 1
    return BEFORE[Joined][0](self, message, now_ns)


def joined_off_by_one_prev(self: Joined, message: Any, now_ns: int) -> Any:
    if self.state is SYNCED and message.prev == self.last + 1:
        self.last += 1
    return BEFORE[Joined][0](self, message, now_ns)


def joined_without_buffer(self: Joined, message: Any, now_ns: int) -> Any:
    self._buffer = []
    return BEFORE[Joined][1](self, message, now_ns)


def joined_any_snapshot(self: Joined, message: Any, now_ns: int) -> Any:
    follows = Joined._follows
    Joined._follows = lambda *_: True  # type: ignore[method-assign]
    try:
        return BEFORE[Joined][1](self, message, now_ns)
    finally:
        Joined._follows = follows  # type: ignore[method-assign]


def joined_without_straddle(self: Joined, message: Any, now_ns: int) -> Any:
    if self.state is SYNCED and not self._spliced and message.first <= self.last < message.last:
        return ()
    return BEFORE[Joined][0](self, message, now_ns)


def joined_copy_is_a_gap(self: Joined, message: Any, now_ns: int) -> Any:
    if self.state is SYNCED and message.last == self.last:
        self.last = -1
    return BEFORE[Joined][0](self, message, now_ns)


# --- chained


def chained_off_by_one(self: Chained, message: Any, now_ns: int) -> Any:
    if message.prev == self._seq + 1:
        self._seq += 1
    return BEFORE[Chained][0](self, message, now_ns)


def chained_unchecked(self: Chained, message: Any, now_ns: int) -> Any:
    self._check = False
    return BEFORE[Chained][0](self, message, now_ns)


def chained_copy_is_a_gap(self: Chained, message: Any, now_ns: int) -> Any:
    self._prev = -2
    return BEFORE[Chained][0](self, message, now_ns)


def chained_idle_is_a_gap(self: Chained, message: Any, now_ns: int) -> Any:
    if self.state is SYNCED and message.prev == message.seq:
        return self.lose("idle", now_ns)
    return BEFORE[Chained][0](self, message, now_ns)


def chained_restart_ignored(self: Chained, message: Any, now_ns: int) -> Any:
    if self.state is SYNCED and message.seq < self._seq:
        return ()
    return BEFORE[Chained][1](self, message, now_ns)


def chained_reset_ignored(self: Chained, message: Any, now_ns: int) -> Any:
    if self.state is SYNCED and message.seq < self._seq:
        return ()
    return BEFORE[Chained][0](self, message, now_ns)


def chained_starts_with_a_delta(self: Chained, message: Any, now_ns: int) -> Any:
    if self.state is BookState.SYNCING:
        return self.snapshot(message, now_ns)
    return BEFORE[Chained][0](self, message, now_ns)


def chained_never_asks(self: Chained, reason: str, now_ns: int) -> Any:
    self.state = SYNCED
    return ()


# --- checksummed


class Everything:
    """Equal to everything."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False


def unchecked_update(self: Checksummed, message: Any, now_ns: int) -> Any:
    self._checksum = lambda *_: Everything()
    return BEFORE[Checksummed][0](self, message, now_ns)


def texts_without_delete(self: _Texts, levels: Sequence[Any], texts: Sequence[Any]) -> None:
    kept = [(level, text) for level, text in zip(levels, texts, strict=True) if level.qty]
    APPLY(self, [level for level, _ in kept], [text for _, text in kept])


APPLY = _Texts.apply


def texts_not_cleared(self: _Texts) -> None:
    pass


# --- whole books, and the ladder of all


def older_accepted(self: SnapshotOnly, message: Any, now_ns: int) -> Any:
    self._seq = 0
    return BEFORE[SnapshotOnly][1](self, message, now_ns)


def without_delete(side: Any, levels: Sequence[Any]) -> float:
    return CHANGE(side, [level for level in levels if level.qty])


def window_kept(side: Any, levels: Sequence[Any]) -> float:
    """The far levels that leave the window stay."""
    held = list(side)
    far = held[len(held) * 4 // 5][0] if held else 0
    return CHANGE(side, [level for level in levels if level.qty or side.sign * level.px > side.sign * far])


def merged(side: Any, levels: Sequence[Any], keep: int = 0, most: int = 0) -> float:
    """A snapshot is added to the old book."""
    return CHANGE(side, levels)


def on_ladder(name: str, replacement: Callable[..., Any]) -> Patch:
    return lambda patch: patch.setattr(ladder, name, replacement)


JOINED = (("binance", ""), ("binance", "-futures"))
CHAINED = (("okx", ""), ("bybit", ""))
WINDOWS = (*CHAINED, ("bybit", "-200"), ("okx", "-2022"))
COUNTED = (*JOINED, *CHAINED)

MUTANTS: list[tuple[str, Patch, Sequence[str], Sequence[tuple[str, str]]]] = [
    ("off by one accepted", method(Joined, "update", joined_off_by_one), ("gap",), JOINED[:1]),
    ("off by one accepted", method(Joined, "update", joined_off_by_one_prev), ("gap",), JOINED[1:]),
    ("off by one accepted", method(Chained, "update", chained_off_by_one), ("gap",), CHAINED),
    ("gap ignored", method(Joined, "_follows", lambda *_: True), ("gap",), JOINED),
    ("gap ignored", method(Chained, "update", chained_unchecked), ("gap",), CHAINED),
    ("gap ignored when reordered", method(Joined, "_follows", lambda *_: True), ("reordered",), JOINED),
    ("gap ignored when reordered", method(Chained, "update", chained_unchecked), ("reordered",), CHAINED),
    ("loss not told", method(Chained, "lose", chained_never_asks), ("gap",), CHAINED),
    ("delete ignored", on_ladder("change", without_delete), (), (*COUNTED, ("okx", "-2022"))),
    ("delete ignored", method(_Texts, "apply", texts_without_delete), (), (("okx", "-2022"),)),
    ("snapshot not joined", method(Joined, "snapshot", joined_without_buffer), ("late snapshot",), JOINED),
    ("old snapshot joined", method(Joined, "snapshot", joined_any_snapshot), ("old snapshot", "gap"), JOINED),
    ("straddling delta dropped", method(Joined, "update", joined_without_straddle), ("straddle",), JOINED),
    ("repeated frame is a gap", method(Joined, "update", joined_copy_is_a_gap), ("repeated",), JOINED),
    ("repeated frame is a gap", method(Chained, "update", chained_copy_is_a_gap), ("repeated",), CHAINED),
    ("idle frame is a gap", method(Chained, "update", chained_idle_is_a_gap), ("idle",), CHAINED[:1]),
    ("restart ignored", method(Chained, "snapshot", chained_restart_ignored), ("restart",), CHAINED),
    ("restart ignored", method(Chained, "snapshot", chained_restart_ignored), ("restart by delta",), CHAINED[1:]),
    ("reset ignored", method(Chained, "update", chained_reset_ignored), ("reset",), CHAINED[:1]),
    (
        "delta taken for a snapshot",
        method(Chained, "update", chained_starts_with_a_delta),
        ("early deltas", "late snapshot"),
        CHAINED,
    ),
    ("window levels kept", on_ladder("change", window_kept), (), WINDOWS),
    ("snapshot added to the old book", on_ladder("replace", merged), ("unasked snapshot", "gap"), WINDOWS),
    ("snapshot added to the old book", on_ladder("replace", merged), ("reconnect",), JOINED),
    ("snapshot added to the old book", on_ladder("replace", merged), (), (("okx", "-books5"), ("bybit", "-1"))),
    ("checksum skipped", method(Checksummed, "update", unchecked_update), ("gap",), (("okx", "-2022"),)),
    ("snapshot added to the old texts", method(_Texts, "clear", texts_not_cleared), ("gap",), (("okx", "-2022"),)),
    ("older book accepted", method(SnapshotOnly, "snapshot", older_accepted), ("reordered",), (("okx", "-books5"),)),
]
CASES = [
    pytest.param(patch, quirks, home, id=f"{name}: {home[0]}{home[1]} {'+'.join(quirks) or 'plain'}")
    for name, patch, quirks, homes in MUTANTS
    for home in homes
]


CLEAN: set[tuple[Any, ...]] = set()
"""Plays that are known to be without fault."""


@pytest.mark.parametrize(("mutant", "quirks", "home"), CASES)
def test_a_mutant_is_caught(
    venues: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    mutant: Patch,
    quirks: Sequence[str],
    home: tuple[str, str],
) -> None:
    """With the same frames, the judge finds no fault in the right code and at least one in the mutant."""
    venue = venues[home[0]]
    wire = venue.facts.WIRES[home[1]]
    if (home, quirks) not in CLEAN:
        assert Played(venue, wire, quirks, 3, count=150).faults == []
        CLEAN.add((home, quirks))
    mutant(monkeypatch)
    assert Played(venue, wire, quirks, 3, count=150).faults != []


@pytest.mark.parametrize("family", [Joined, Chained, Checksummed, SnapshotOnly])
def test_every_family_has_mutants(family: type[Any]) -> None:
    """At least one mutant changes the family's own class."""
    changed = 0
    for _, mutant, _, _ in MUTANTS:
        before = dict(vars(family))
        with pytest.MonkeyPatch.context() as patch:
            mutant(patch)
            changed += dict(vars(family)) != before
    assert changed
