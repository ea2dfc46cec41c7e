"""The shape of the code: names, ownership, and the length of the way of an order."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import FrameType

import pytest

from arbkit import SpreadArb, venue
from arbkit.core.market.book import Book
from arbkit.core.market.books import Books
from arbkit.core.types import BookUpdate, Level
from arbkit.plugins import registry as plugins
from arbkit.testing.simulated import simulate

ROOT = Path(__file__).parent.parent
REGISTRY = plugins.load(dialects=True)
TRADED = sorted(REGISTRY.dialects)
"""The venues with a simulated side. Each is tested with the next one."""


def trees(folder: str = "arbkit") -> Iterator[tuple[Path, ast.Module]]:
    """The files of arbkit; those of its templates belong to other packages."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        if "templates" not in path.parts:
            yield path, ast.parse(path.read_text())


def test_no_two_classes_have_one_name() -> None:
    """A class name stands once in the package. The rows of the API have the words of the desk, and are used by the name
    of their module (``shapes.Book``)."""
    found: dict[str, list[str]] = defaultdict(list)
    for path, tree in trees():
        if path.name == "shapes.py":
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(str(path.relative_to(ROOT)))
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


def assigned_on_others(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Assignments to an attribute of an attribute: ``self.gateway.sent = ...``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if (
                    isinstance(target, ast.Attribute)
                    and isinstance(target.value, ast.Attribute)
                    and isinstance(target.value.value, ast.Name)
                    and target.value.value.id == "self"
                ):
                    yield node.lineno, ast.unparse(target)


def test_no_collaborator_is_assigned_after_construction() -> None:
    """What the desk and its rooms are made of is given to the constructor: nobody writes an attribute of another's
    collaborator. The exceptions are numbers: times, a clock's offset, counters."""
    numbers = {
        "self._view.now_ns",
        "self._view.version",
        "self.view.version",
        "self.view.now_ns",
        "self.counted.up",
        "self.counted.bad_frames",
        "self.setup.signer.offset_ns",
    }
    found = [
        f"{path.relative_to(ROOT)}:{line}: {what}"
        for path, tree in trees("arbkit/core")
        if "runtime" not in path.parts
        for line, what in assigned_on_others(tree)
        if what not in numbers and "counters" not in what.lower()
    ]
    assert found == []


def test_the_check_sees_a_late_assignment() -> None:
    """The form that it looks for is found."""
    assert list(assigned_on_others(ast.parse("self.gateway.sent = self.dispatch.sent")))


def test_a_strategy_gets_a_book_that_it_cannot_change() -> None:
    """``Book`` has no method that changes it, and neither have its sides: only ``Books`` writes."""
    market = Books()
    book = market.apply(BookUpdate("x:A-B", [Level(1.0, 2.0)], [Level(3.0, 4.0)], snapshot=True))
    reading = {"age_ns", "best_ask", "best_bid", "levels_to_buy", "levels_to_sell", "trusted"}
    assert {name for name in vars(Book) if not name.startswith("_")} - set(Book.__slots__) == reading
    held = {"keys", "most", "sizes", "sweep_at"}  # which only the Python ladder shows
    side = {"best", "best_px", "keep", "sign", "size_at", "top"}
    assert {name for name in dir(book.bids) if not name.startswith("_")} - held == side


# --- the way of an order ----------------------------------------------------------------------------------------------


def way_of_a_deal(*venues: str) -> list[str]:
    """The files of our code in the order in which they are called, from the strategy's decision to the second order
    handed over, of a deal after warm-up, in virtual time."""
    run = simulate(
        SpreadArb(symbols=("BTC-USDT",), min_edge=0.0003, max_notional=150.0),
        {REGISTRY.exchange(venue): REGISTRY.dialect(venue) for venue in venues},
        seed=3,
        edge_every_s=3.0,
    )
    ways: list[list[str]] = []
    calls: list[tuple[str, str]] = []
    decide = run.desk.engine.decide

    def look(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            calls.append((frame.f_code.co_filename, frame.f_code.co_qualname))
        elif event == "return" and frame.f_code.co_qualname == "SpreadArb.decide":
            calls.clear()

    def traced(now_ns: int) -> None:
        calls.clear()
        before = run.desk.engine.legs_sent
        sys.setprofile(look)
        try:
            decide(now_ns)
        finally:
            sys.setprofile(None)
        if run.desk.engine.legs_sent == before + 2:
            last = max(i for i, (_, name) in enumerate(calls) if name in ("VirtualRun.send", "VirtualRun.request"))
            ours = [
                file for file, _ in calls[: last + 1] if "arbkit" in file and not file.endswith("testing/virtual.py")
            ]
            ways.append(ours)

    run.desk.engine.decide = traced  # type: ignore[method-assign]
    run.run_for(30)
    assert len(ways) > 3
    return ways[2]


@pytest.mark.parametrize("venues", [*zip(TRADED, TRADED[1:] + TRADED[:1], strict=True)], ids="+".join)
def test_a_deal_of_two_legs_is_a_short_way(venues: tuple[str, str]) -> None:
    """From decision to both orders handed over: at most 200 calls of our code and 90 changes of file."""
    files = way_of_a_deal(*venues)
    changes = sum(one != other for one, other in pairwise(files))
    assert len(files) <= 200
    assert changes <= 90


# --- the face for venue authors ---------------------------------------------------------------------------------------


def test_the_face_for_venue_authors_is_sorted_and_has_no_private_name() -> None:
    """``arbkit.venue``: one import for all that an adapter needs. Adding a name is a decision."""
    assert sorted(venue.__all__) == venue.__all__
    assert len(venue.__all__) == 150
    assert all(hasattr(venue, name) for name in venue.__all__)
    assert {"Ask", "BadFrame", "Capabilities", "Chained", "Exchange", "Joined", "Session", "hookimpl"} <= set(
        venue.__all__
    )
