"""The server of a virtual run (``api_rig``)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from api_rig import Log, Rig, made, serving

from arbkit.testing.simulated import Simulation


@pytest.fixture(scope="session")
def traded() -> tuple[Simulation, Log]:
    """A virtual run that has traded. Tests of this fixture do not let it go on."""
    return made()


@pytest.fixture
async def rig(traded: tuple[Simulation, Log], tmp_path: Path) -> AsyncIterator[Rig]:
    async with serving(*traded, tmp_path) as found:
        yield found


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield session
