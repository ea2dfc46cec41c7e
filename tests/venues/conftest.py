"""Tests that hold for every installed venue.

A venue joins by being installed. What a test must know about it stands in ``plugins/<distribution>/tests/facts.py``:

``native(number)``  the venue's own name of the invented pair ``C<number>-USDT``
``RECORDINGS``      name of a recording (``arbkit.testing.corpus``) -> (expected lines, books), and the number of
                    books of which no line is expected, if there are some
``READ_ONLY``       name of a recording of another product or an old format -> what it is; no wrong book may come of it
``TAPES``           name of a recording -> its book frames and how ``test_tape_faults`` plays them
``TELLER``          a ``TapeServer`` teller
``ENDPOINTS``       (settings, {role: address that the link of this role dials, or asks for the time})
``BAD_SETTINGS``    (settings, words of the ``ConfigError``)
``WIRES``           suffix -> a writer of generated frames (``generated``)
``CCXT_QUIRKS``     the quirks that ccxt.pro can follow; ``CCXT_GAP`` its error after a lost frame, "" = none (without
                    this name, its book does not come right again). ``CCXT_WIRE``: the suffix of the wire that it can
                    read; ``CCXT_READS(data)``: what it gets of a frame, if that is no JSON
``WORDS, KEYS``     texts and field names of the venue's frames
``FRAMES``          whole frames, as text
``CODES``           reason -> codes with another meaning than ccxt's (``test_codes``); for adapters with ``verdicts``
``CODES_LEFT_OUT``  reason -> codes of ccxt that the table lacks
``ANSWERS``         (code, text, "status reason lasting" of a new order that is answered so)
``GONE``            codes of a cancel that found no open order
``QUERIES``         code of a query -> "absent", "ended" or "" (says nothing)
``LOGINS``          code of a login -> words of the error, "" = the key is not refused
``ACCEPTED``        a body that says that an order was accepted; for adapters that report a server error as UNKNOWN

A venue without this file, or without one of the names, runs the tests that do not need it.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from msgspec import Struct

from arbkit.plugins import registry as plugins
from arbkit.testing import corpus

ROOT = Path(__file__).parents[2]
sys.path.append(str(Path(__file__).parent))  # for ``model`` and ``generated``


class Venue(Struct):
    """An installed venue, its package and its facts."""

    name: str
    exchange: type[Any]
    package: str
    dialect: type[Any]
    facts: ModuleType


def _load() -> list[Venue]:
    registry = plugins.load(dialects=True)
    found = []
    for name in sorted(registry.dialects):
        plugin = registry.home[name]
        folder = ROOT / "plugins" / plugin.distribution / "tests"
        facts = ModuleType(f"facts of {name}")
        if (folder / "facts.py").is_file():
            spec = importlib.util.spec_from_file_location(f"arbkit_facts_{name}", folder / "facts.py")
            assert spec is not None
            assert spec.loader is not None
            facts = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(facts)
        found.append(Venue(name, registry.exchange(name), plugin.module, registry.dialects[name], facts))
    return found


VENUES = _load()


def _rows(table: str) -> list[tuple[Venue, Any]]:
    """(venue, row) of every venue's ``table``: the pairs of a dict, the elements of a list."""
    found = []
    for venue in VENUES:
        rows = getattr(venue.facts, table, ())
        found += [(venue, row) for row in (rows.items() if isinstance(rows, dict) else rows)]
    return found


def _recorded() -> list[tuple[Venue, Any]]:
    """The recordings that the facts name, and those that somebody added to the folder: (name, None)."""
    found = _rows("RECORDINGS")
    known = {(venue.name, row[0]) for venue, row in (*found, *_rows("READ_ONLY"))}
    for venue in VENUES:
        found += [(venue, (name, None)) for name in corpus.names(venue.name) if (venue.name, name) not in known]
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``venue``: each installed one; if the test is marked ``needs("NAME", ...)``, each that has these facts.
    ``recording``, ``foreign``, ``tape``, ``wire``, ``endpoints``, ``mistake``, ``answer``: a row of the venue's table,
    beside its ``venue``."""
    tables = {
        "recording": "RECORDINGS",
        "foreign": "READ_ONLY",
        "tape": "TAPES",
        "wire": "WIRES",
        "endpoints": "ENDPOINTS",
        "mistake": "BAD_SETTINGS",
        "answer": "ANSWERS",
    }
    for fixture, table in tables.items():
        if fixture in metafunc.fixturenames:
            rows = _recorded() if fixture == "recording" else _rows(table)
            assert rows
            params = []
            for number, (venue, row) in enumerate(rows):
                files = [f"frames{row[0]}"] if fixture in ("recording", "foreign", "tape") else []
                marks = [pytest.mark.recordings(venue.name, *files)] if files else []
                params.append(pytest.param(venue, row, marks=marks, id=_id(venue, number, row)))
            metafunc.parametrize(("venue", fixture), params)
            return
    if "venue" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("needs")
        names = mark.args if mark is not None else ()
        venues = [venue for venue in VENUES if all(hasattr(venue.facts, name) for name in names)]
        assert venues
        metafunc.parametrize("venue", venues, ids=[venue.name for venue in venues])


def _id(venue: Venue, number: int, row: Any) -> str:
    named = isinstance(row[0], str)
    return f"{venue.name}{row[0]}" if named else f"{venue.name}-{number}"


@pytest.fixture
def venues() -> dict[str, Venue]:
    """The installed venues by name, for a test of a judge that needs one certain recording."""
    return {venue.name: venue for venue in VENUES}
