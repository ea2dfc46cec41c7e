"""Balances, positions, fees, PnL: exact.

Money is int, 10**-24 of a unit, behind a Decimal face. The ledger keeps its *own* totals: an opening snapshot plus
flows (fills, fees, external movements). A balance report never overwrites a total; it is compared with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from msgspec import Struct

from arbkit.core.types import Balance, Fill, Instrument

__all__ = ["Difference", "Ledger"]


class Difference(Struct, frozen=True, gc=False):
    """One asset on which we and the venue disagree."""

    account: str
    asset: str
    ours: Decimal
    reported: Decimal
    since_ns: int = 0
    """``recv_ns`` of the first report that differed without a break, 0 where that is not known."""

    @property
    def drift(self) -> Decimal:
        """What the venue has more than we expect."""
        return self.reported - self.ours


class Ledger:
    """All accounts."""

    def balance(self, report: Balance) -> Difference | None:
        """A balance report. The first one of an (account, asset) opens it; later ones are compared (a report that is
        older than one before is ignored). Returns the difference if the newest report disagrees, which is normal
        while a fill is still under way: see ``drifts``."""
        raise NotImplementedError

    def fill(self, fill: Fill, instrument: Instrument, *, external: bool = False) -> bool:
        """Book a fill once, by (account, instrument, side, trade_id); False for a copy.

        A fill from before the account's opening snapshot (``exch_ns``) counts in PnL and not in the total, which
        already holds it. ``external`` (a foreign order's): moves the total and no PnL."""
        raise NotImplementedError

    def external(self, account: str, asset: str, amount: Decimal, now_ns: int) -> None:
        """A deposit, withdrawal or manual trade: moves the total, is no PnL, and is added up in ``externals``."""
        raise NotImplementedError

    def rebase(self, account: str) -> None:
        """The next report of each asset of this account opens it anew (start-up, once all intents are resolved).
        PnL is untouched."""
        raise NotImplementedError

    def drifts(self, now_ns: int, older_ns: int) -> list[Difference]:
        """Differences that have stood for ``older_ns`` or longer: no fill explained them. Book them by ``external``
        and say so."""
        raise NotImplementedError

    def total(self, account: str, asset: str) -> Decimal:
        """Ours: opening plus flows; 0 for an unknown asset."""
        raise NotImplementedError

    def available(self, account: str, asset: str) -> Decimal:
        """What may be used now, before ``Limits`` reservations, never below 0: the total, or the newest report's where
        that is lower and not older than our last flow, less what was locked there."""
        raise NotImplementedError

    free = available

    def totals(self, account: str) -> dict[str, Decimal]:
        """All assets of one account, zero ones too."""
        raise NotImplementedError

    def position(self, account: str, instrument: str) -> Decimal:
        """Net base bought by fills of this instrument since the start (the seat of derivatives)."""
        raise NotImplementedError

    def pnl(self) -> dict[str, Decimal]:
        """Per asset, from fills and fees alone, over all accounts."""
        raise NotImplementedError

    def fees(self) -> dict[str, Decimal]:
        """Paid per asset (negative: earned); part of ``pnl``."""
        raise NotImplementedError

    def externals(self) -> dict[tuple[str, str], Decimal]:
        """External movements per (account, asset)."""
        raise NotImplementedError

    def marked(self, price_of: Callable[[str, str], Decimal | None], asset: str) -> Decimal | None:
        """PnL in ``asset`` by ``price_of(held, asset)``; None when an asset with PnL has no price (unknown, not 0)."""
        raise NotImplementedError

    def compare(self, account: str, reported: Mapping[str, Decimal]) -> list[Difference]:
        """Every asset, ours or theirs, whose totals are not equal to the last unit (an asset one side lacks is 0)."""
        raise NotImplementedError
