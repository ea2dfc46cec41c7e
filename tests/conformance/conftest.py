"""Prints the conformance table: venue by venue, what each rule found."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # for ``mutants``

_RULE = re.compile(r"test_conformance_rules\.py::test_rule\[(\w+)-(\w+)\]")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Under xdist too: the reports of all workers are here."""
    found: dict[str, dict[str, str]] = {}
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            match = _RULE.search(report.nodeid)
            if match is not None and report.when == "call":
                note = dict(report.user_properties).get("note", "")
                found.setdefault(match[2], {})[match[1]] = _short(note, {"passed": "yes", "failed": "FAIL"}[outcome])
    if not found:
        return
    venues = sorted({venue for row in found.values() for venue in row})
    terminalreporter.section("conformance rules")
    terminalreporter.write_line(f"{'':<22} " + " ".join(f"{venue:<12}" for venue in venues))
    for name, row in found.items():
        terminalreporter.write_line(f"{name:<22} " + " ".join(f"{row.get(venue, '-'):<12}" for venue in venues))


def _short(note: str, outcome: str) -> str:
    """What fits into a column: a short note, or the two words before the reason."""
    words = note.partition(":")[0] if note.startswith("not ") else note
    return words if 0 < len(words) <= 14 else outcome
