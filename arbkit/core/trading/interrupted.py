"""Deals that an earlier run opened and did not close: reports what is left of each one when all its orders are proved.

It does not hedge: the prices of the deal are no longer valid. What is left is a leftover like any other
(``money.leftovers``): counted, told until it is gone, and traded off. The desk calls ``tick`` from time to time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from arbkit.core.counters import Counters
from arbkit.core.log import Log
from arbkit.core.orders.journal import DealClosed, Interrupted
from arbkit.core.orders.orders import Orders
from arbkit.core.types import Catalogue, Side, plain

__all__ = ["InterruptedDeals"]

_FEES = Decimal("0.005")
"""Fraction of the quantity. A difference up to this size between the two sides can be fees taken in the base asset."""
_ZERO = Decimal(0)


class InterruptedDeals:
    """See the module."""

    __slots__ = ("_catalogue", "_counters", "_journal", "_log", "_open", "_orders", "left")

    def __init__(
        self,
        deals: Sequence[Interrupted],
        orders: Mapping[str, Orders],
        catalogue: Catalogue,
        counters: Counters,
        log: Log,
    ) -> None:
        self._open = list(deals)
        self._orders = orders
        self._catalogue = catalogue
        self._counters = counters
        self._log = log
        self.left: list[str] = []
        """One line per deal that left something."""

    @property
    def deals(self) -> list[int]:
        """Those that wait for a proof."""
        return [deal.deal.deal for deal in self._open]

    def tick(self, now_ns: int) -> list[DealClosed]:
        """Close the deals whose orders are all proved. Each deal is returned once; write the result to the journal."""
        closed: list[DealClosed] = []
        for deal in list(self._open):
            left = self._left(deal)
            if left is None:
                continue
            self._open.remove(deal)
            why = ", ".join(f"{plain(abs(qty))} {asset} {_word(qty)}" for asset, qty in left.items())
            closed.append(DealClosed(at_ns=now_ns, deal=deal.deal.deal, outcome="interrupted", why=why))
            if why:
                pair = "+".join(deal.deal.instruments)
                self.left.append(f"deal {deal.deal.deal} {pair} of an earlier run: {why}")
                self._counters.alarms["deal_interrupted"] += 1
                self._log("alarm.deal_interrupted", deal=deal.deal.deal, pair=pair, why=why)
        return closed

    def _left(self, deal: Interrupted) -> dict[str, Decimal] | None:
        """Bought minus sold per base asset, where it is more than fees and dust. None = an order is not proved yet."""
        bought: dict[str, Decimal] = {}
        sold: dict[str, Decimal] = {}
        dust: dict[str, Decimal] = {}
        for intent in deal.intents:
            wanted = intent.order
            filled = deal.filled.get(wanted.cl_ord_id)
            if filled is None:
                table = self._orders.get(wanted.account)
                order = None if table is None else table.get(wanted.cl_ord_id)
                if order is None or not order.done:
                    return None
                filled = order.filled_qty
            instrument = self._catalogue.get(wanted.instrument)
            asset = instrument.base if instrument else wanted.instrument.partition(":")[2].partition("-")[0]
            side = bought if wanted.side is Side.BUY else sold
            side[asset] = side.get(asset, _ZERO) + filled
            dust[asset] = max(dust.get(asset, _ZERO), instrument.min_qty if instrument else _ZERO)
        net = {asset: bought.get(asset, _ZERO) - sold.get(asset, _ZERO) for asset in dust}
        return {
            asset: qty
            for asset, qty in net.items()
            if abs(qty) > max(dust[asset], _FEES * max(bought.get(asset, _ZERO), sold.get(asset, _ZERO)))
        }


def _word(qty: Decimal) -> str:
    return "bought and not sold" if qty > 0 else "sold and not bought"
