"""Chaos runs of the installed venues with SpreadArb."""

from __future__ import annotations

import pytest

from arbkit.app.chaos import subject as installed
from arbkit.testing.chaos import DeskUnderTest

SUBJECT = installed()


@pytest.fixture(scope="session")
def subject() -> DeskUnderTest:
    return SUBJECT
