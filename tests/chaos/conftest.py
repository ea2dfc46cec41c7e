"""Chaos runs of the installed venues with SpreadArb."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from arbkit.app.chaos import subject as installed
from arbkit.testing.chaos import DeskUnderTest

sys.path.append(str(Path(__file__).parent))  # for ``hostile``
SUBJECT = installed(("binance", "bybit", "okx"))
"""The examples of ``known`` and the mutants are seeds on these."""
EVERYONE = installed()


@pytest.fixture(scope="session")
def subject() -> DeskUnderTest:
    return SUBJECT


@pytest.fixture(scope="session")
def everyone() -> DeskUnderTest:
    """All installed venues."""
    return EVERYONE
