"""The check that every command passes right before the journal and the socket. There is no way around it.

Entries need ACTIVE. Hedges and unwinds of open deals pass in ACTIVE and REDUCING. In HALTED only cancels and queries
pass: HALTED is for when our own numbers or the venue's are not believed, and a wrong unwind doubles an exposure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from msgspec import Struct

from arbkit.core.book import Book
from arbkit.core.deals import Deal
from arbkit.core.limits import Refusal
from arbkit.core.orders import Orders
from arbkit.core.types import Catalogue, Command, Mode

__all__ = ["Gate", "GateConfig"]


class GateConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hard caps; the defaults suit a first small run. Notionals are in ``asset``."""

    asset: str = "USDT"
    max_order_notional: Decimal = Decimal(250)
    """Of any order, hedges too."""
    orders_per_second: int = 20
    """New and replaced orders over all venues."""
    notional_per_minute: Decimal = Decimal(20_000)
    """Of entries; a hedge counts but is not refused for it."""
    price_band: Decimal = Decimal("0.05")
    """How far on the losing side of the book's mid a price may stand, as a fraction."""
    max_hedges: int = 20
    """Hedge and unwind orders a deal may send."""
    hedge_factor: Decimal = Decimal(3)
    """All orders of a deal on one instrument together never exceed its planned quantity times this."""


class Gate:
    """Holds the modes and the counters. ``orders`` (by account) and ``books`` (by instrument) are live mappings."""

    def __init__(
        self, config: GateConfig, catalogue: Catalogue, orders: Mapping[str, Orders], books: Mapping[str, Book],
        price_of: Callable[[str, str], Decimal | None],
    ) -> None:  # fmt: skip
        raise NotImplementedError

    def check(self, command: Command, deal: Deal | None, now_ns: int) -> Refusal | None:
        """None = pass, and counted; a refusal counts nothing. New orders need their deal.

        Call it after ``cl_ord_id`` is given and before ``Orders.add``."""
        raise NotImplementedError

    def restrict(self, scope: str, mode: Mode, why: str) -> bool:
        """Make a scope stricter ("" = all, a venue, a pair); True when that changed it. Never makes it looser."""
        raise NotImplementedError

    def allow(self, scope: str) -> None:
        """A person (through ``Control``) sets the scope back to ACTIVE."""
        raise NotImplementedError

    def kill(self, why: str) -> None:
        """HALTED everywhere until the process ends; ``allow`` does not undo it."""
        raise NotImplementedError

    def mode(self, venue: str = "", pair: str = "") -> Mode:
        """The strictest that applies."""
        raise NotImplementedError

    def why(self, scope: str = "") -> str:
        """What set the scope's mode; "" when it is ACTIVE."""
        raise NotImplementedError
