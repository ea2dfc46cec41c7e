"""What deals left: assets that were bought and not sold, or sold and not bought, by account and asset.

Rounding, fees in the base asset, fills too small to be traded back and late fills leave such amounts. They are
positions: ``Limits`` counts them in its caps, the next deal of the asset takes them into its legs (``Executor.plan``),
and what is large enough is traded off by a deal of its own (``trading.reducing``). The engine books what each deal left
when it is closed; the journal carries the sums to later runs.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from decimal import Decimal

from arbkit.core.orders.deals import Deal
from arbkit.core.orders.records import Booked
from arbkit.core.types import Fill, Instrument, Side

__all__ = ["Leftovers", "booked", "booked_fill"]

_ZERO = Decimal(0)


def booked(deal: Deal, now_ns: int, sign: int = 1) -> tuple[Booked, ...]:
    """What a deal brought and left, by account. ``sign`` -1: what takes that back."""
    found = []
    for account in dict.fromkeys(leg.account for leg in deal.legs):
        flows = {asset: sign * amount for asset, amount in deal.net(account).items() if amount}
        left = {asset: flows[asset] for asset in deal.assets if asset in flows}
        if flows:
            found.append(Booked(at_ns=now_ns, account=account, flows=flows, left=left))
    return tuple(found)


def booked_fill(fill: Fill, instrument: Instrument, positions: Container[str], now_ns: int) -> Booked:
    """What a fill brought and left that belongs to no open deal. The quote is left too if it is one of ``positions``,
    the assets that deals of this desk trade and do not gain."""
    qty = fill.qty if fill.side is Side.BUY else -fill.qty
    flows = {instrument.base: qty, instrument.quote: -qty * fill.px}
    for asset, fee in fill.fees:
        flows[asset] = flows.get(asset, _ZERO) - fee
    left = {asset: flows[asset] for asset in flows if asset == instrument.base or asset in positions}
    return Booked(at_ns=now_ns, account=fill.account, flows=flows, left=left)


class Leftovers:
    """``price_of(held, asset)``: the last known price; None = there never was one. ``asset``: the reporting asset."""

    __slots__ = ("_asset", "_left", "_price_of", "by_asset", "by_venue", "net", "total")

    def __init__(self, price_of: Callable[[str, str], Decimal | None], asset: str) -> None:
        self._price_of = price_of
        self._asset = asset
        self._left: dict[tuple[str, str], Decimal] = {}
        self.net: dict[str, Decimal] = {}
        """By asset, over all accounts, without what open deals have taken into their legs. To read. It has all assets
        that deals trade and do not gain, those of which nothing is left too."""
        self.by_asset: dict[str, Decimal] = {}
        """Notional in the reporting asset. An asset without a price counts at the last one, or is not in here."""
        self.by_venue: dict[str, Decimal] = {}
        self.total = _ZERO

    def opened(self, deal: Deal) -> None:
        """A deal has taken ``carried`` into its legs."""
        for asset in deal.assets:
            self.net.setdefault(asset, _ZERO)
        if deal.carried:
            self._take(deal.assets[0], deal.carried)

    def closed(self, deal: Deal, now_ns: int) -> tuple[Booked, ...]:
        """A deal is closed: what it left is there from now on. Returns what it brought, for the journal."""
        what = booked(deal, now_ns)
        if deal.carried:
            self._take(deal.assets[0], -deal.carried)
        self.book(what)
        return what

    def reopened(self, deal: Deal, now_ns: int) -> tuple[Booked, ...]:
        """A closed deal goes on. Returns what takes back what ``closed`` has booked, for the journal."""
        what = booked(deal, now_ns, -1)
        self.book(what)
        self.opened(deal)
        return what

    def book(self, what: Iterable[Booked]) -> None:
        """What deals left, of this or earlier runs."""
        for one in what:
            for asset, qty in one.left.items():
                self.add(one.account, asset, qty)

    def add(self, account: str, asset: str, qty: Decimal) -> None:
        """A purchase, or a sale (negative). It first makes up for what is left of the asset with the opposite sign, on
        any account."""
        rest = qty
        for key, held in self._left.items():
            if key[1] == asset and held * rest < 0:
                made_up = min(abs(held), abs(rest)).copy_sign(rest)
                self._left[key] += made_up
                rest -= made_up
        self._left[account, asset] = self._left.get((account, asset), _ZERO) + rest
        self._take(asset, -qty)

    def _take(self, asset: str, qty: Decimal) -> None:
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
        """Value everything at the present prices. It is done once a second, and with each change."""
        self.by_asset.clear()
        self.by_venue.clear()
        self.total = _ZERO
        prices = {}
        for asset, qty in self.net.items():
            if qty and (price := self.price(asset)) is not None:
                prices[asset] = price
                worth = self.by_asset[asset] = abs(qty) * price
                self.total += worth
        for (account, asset), qty in self._left.items():
            if qty and asset in prices:
                venue = account.partition(":")[0]
                self.by_venue[venue] = self.by_venue.get(venue, _ZERO) + abs(qty) * prices[asset]
