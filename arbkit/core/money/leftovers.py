"""What deals left: assets that were bought and not sold, or sold and not bought, by account and asset.

Rounding, fees in the base asset, fills too small to be traded back and crashes leave such amounts. They are positions:
``Limits`` counts them in its caps, the next deal of the asset takes them into its legs (``Executor.plan``), and what is
large enough is traded off by a deal of its own (``trading.reducing``). The engine adds what each deal left when it is
closed; the journal carries the sums to later runs.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

__all__ = ["Leftovers"]

_ZERO = Decimal(0)


class Leftovers:
    """``price_of(held, asset)``: the last known price; None = there never was one. ``asset``: the reporting asset."""

    __slots__ = ("_asset", "_left", "_price_of", "by_asset", "by_venue", "net", "total")

    def __init__(self, price_of: Callable[[str, str], Decimal | None], asset: str) -> None:
        self._price_of = price_of
        self._asset = asset
        self._left: dict[tuple[str, str], Decimal] = {}
        self.net: dict[str, Decimal] = {}
        """By asset, over all accounts, without what open deals have taken into their legs. To read."""
        self.by_asset: dict[str, Decimal] = {}
        """Notional in the reporting asset. An asset without a price counts at the last one, or is not in here."""
        self.by_venue: dict[str, Decimal] = {}
        self.total = _ZERO

    def add(self, account: str, asset: str, qty: Decimal) -> None:
        """A closed deal left this: a purchase, or a sale (negative). It first makes up for what is left of the asset
        with the opposite sign, on any account."""
        if not qty:
            return
        rest = qty
        for key, held in self._left.items():
            if key[1] == asset and held * rest < 0:
                made_up = min(abs(held), abs(rest)).copy_sign(rest)
                self._left[key] += made_up
                rest -= made_up
        self._left[account, asset] = self._left.get((account, asset), _ZERO) + rest
        self.take(asset, -qty)

    def take(self, asset: str, qty: Decimal) -> None:
        """An open deal has taken this into its legs; negative: it gives it back."""
        self.net[asset] = self.net.get(asset, _ZERO) - qty
        self.value()

    def of(self, asset: str) -> Decimal:
        """What no open deal trades off: positive = bought and not sold."""
        return self.net.get(asset, _ZERO)

    def assets(self) -> list[str]:
        """Those with something left, sorted."""
        return sorted(asset for asset, qty in self.net.items() if qty)

    def where(self, asset: str) -> dict[str, Decimal]:
        """By account, with what open deals have taken."""
        return {account: qty for (account, held), qty in sorted(self._left.items()) if held == asset and qty}

    def price(self, asset: str) -> Decimal | None:
        """In the reporting asset."""
        return self._price_of(asset, self._asset)

    def value(self) -> None:
        """Value everything at the present prices. The engine does it once a second, and each change does."""
        self.by_asset.clear()
        self.by_venue.clear()
        self.total = _ZERO
        for asset, qty in self.net.items():
            if qty and (price := self.price(asset)) is not None:
                worth = self.by_asset[asset] = abs(qty) * price
                self.total += worth
        for (account, asset), qty in self._left.items():
            if qty and asset in self.by_asset:
                venue = account.partition(":")[0]
                worth = abs(qty / self.net[asset]) * self.by_asset[asset]
                self.by_venue[venue] = self.by_venue.get(venue, _ZERO) + worth
