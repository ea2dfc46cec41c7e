"""Two taker legs at once, and what happens when they do not fill alike."""

from __future__ import annotations

from collections.abc import Sequence

from arbkit.core.deals import Deal
from arbkit.core.protocols import NEVER, Executor, View
from arbkit.core.types import Command, Opportunity, OrderUpdate

__all__ = ["TakerExecutor"]


class TakerExecutor(Executor):
    def __init__(
        self, *, max_unwind_loss: float = 0.01, tries: int = 4, spacing_s: float = 0.05, hold_after_s: float = 10.0,
        order_life_s: float = 1.0,
    ) -> None:  # fmt: skip
        self.due_ns = NEVER

    def plan(self, opportunity: Opportunity, view: View, now_ns: int) -> Deal | None:
        raise NotImplementedError

    def on_order(self, deal: Deal, update: OrderUpdate, view: View, now_ns: int) -> Sequence[Command]:
        raise NotImplementedError

    def on_book(self, deal: Deal, view: View, now_ns: int) -> Sequence[Command]:
        raise NotImplementedError

    def on_timer(self, deal: Deal, view: View, now_ns: int) -> Sequence[Command]:
        raise NotImplementedError
