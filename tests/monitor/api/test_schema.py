"""Somebody else's program reads the OpenAPI document and tries what it says, and what it forbids.

The default gate tries a few requests of each operation; ``make long`` many.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import schemathesis
from api_rig import Log, Rig, serving
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode

from arbkit.core.orders.journal import RunStart, encode
from arbkit.history.rebuild import rebuild
from arbkit.monitor.api.access import Failures
from arbkit.monitor.api.schema import document
from arbkit.testing.simulated import START_NS, Simulation

FEW, MANY = 3, 400


@pytest.fixture(scope="module")
def served(traded: tuple[Simulation, Log], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """The server on a thread of its own: the tester waits for each answer."""
    patch = pytest.MonkeyPatch()
    patch.setattr(Failures, "PER_ADDRESS", 1_000_000)  # the tester shows many wrong tokens
    patch.setattr(Failures, "OF_ALL", 1_000_000)
    made: list[Rig] = []
    began, over = threading.Event(), threading.Event()

    async def main(folder: Path) -> None:
        begun = RunStart(at_ns=START_NS, mode="sim", account="okx:main", environment="sim", code="1")
        (folder / "journal").write_bytes(encode(begun) + b"".join(traded[0].records))
        rebuild(folder)
        async with serving(*traded, folder) as rig:
            made.append(rig)
            began.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=lambda: asyncio.run(main(tmp_path_factory.mktemp("state"))))
    thread.start()
    assert began.wait(60)
    yield made[0]
    over.set()
    thread.join(60)
    patch.undo()


def check(rig: Rig, most: int, seed: int) -> int:
    """Returns how many requests were judged."""
    schema = schemathesis.openapi.from_dict(msgspec.json.decode(msgspec.json.encode(document("1"))))
    token = {"Authorization": rig.headers()["Authorization"]}
    count = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        cases = operation.as_strategy(generation_mode=GenerationMode.POSITIVE) | operation.as_strategy(
            generation_mode=GenerationMode.NEGATIVE
        )

        def one(case: Any) -> None:
            nonlocal count
            count += 1
            case.call_and_validate(base_url=rig.url, headers=token, timeout=30)  # no header that the document names

        strict = settings(
            max_examples=most,
            deadline=None,
            database=None,
            derandomize=seed == 0,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        )
        strict(given(cases)(one))()
    return count


def test_the_api_does_what_its_document_says(served: Rig) -> None:
    """No operation fails, each answer has a documented status and the documented shape, and what the document forbids
    is refused."""
    assert check(served, FEW, 0) > 60


@pytest.mark.long
def test_the_api_does_what_its_document_says_for_long(served: Rig) -> None:
    assert check(served, MANY, 1) > 5_000
