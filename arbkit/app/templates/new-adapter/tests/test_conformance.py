"""The rules of arbkit for every adapter, one test each.

A rule that needs a recording, signing vectors or a simulated venue is skipped, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable

arbkit_adapter = "new_name"


def test_conformance(adapter_rule: Callable[[], None]) -> None:
    adapter_rule()
