"""Paper execution: a venue's order path that fills against the live books. Same commands in, same events out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from arbkit.core.book import Book
from arbkit.core.protocols import NEVER
from arbkit.core.types import Balance, Catalogue, Command, Event

__all__ = ["Paper"]


class Paper:
    """One paper account at one venue.

    ``latency_ns`` is the time from ``submit`` to execution; the report comes in the same instant. ``fees`` gives
    (maker, taker) of an instrument id. Fees are taken in the asset received.
    """

    due_ns: int
    latency_ns: int
    """May be set while running (measured latency)."""

    def __init__(
        self, account: str, catalogue: Catalogue, *, balances: Mapping[str, Decimal],
        fees: Callable[[str], tuple[Decimal, Decimal]], latency_ns: int,
    ) -> None:  # fmt: skip
        self.due_ns = NEVER

    def balances(self, now_ns: int) -> list[Balance]:
        """All balances, as a venue's full listing (``snapshot``)."""
        return []

    def submit(self, commands: Sequence[Command], now_ns: int) -> None:
        """The commands left now; they arrive ``latency_ns`` later."""

    def tick(self, now_ns: int, book_of: Callable[[str], Book | None]) -> list[Event]:
        """Carry out what has arrived. ``book_of`` gives the trusted book of an instrument id, or None: then an IOC
        expires unfilled and resting orders wait."""
        return []

    def touched(self, instrument: str, book: Book, now_ns: int) -> list[Event]:
        """A book with resting paper orders changed: fills of what it traded through. ``resting`` says which have any."""
        return []
