"""How much may be at risk: reservations, caps, breakers.

A deal reserves what its first wave and the worst unwind of it can use, or nothing. Exposure is counted from the
reservation to the close of the deal: UNKNOWN orders and HELD deals stay counted in full.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from arbkit.core.deals import Deal
from arbkit.core.ledger import Ledger
from arbkit.core.types import Catalogue, Fill, Instrument, Mode

__all__ = ["Limits", "LimitsConfig", "ModeChange", "Need", "Refusal", "needs_of"]


class Refusal(Struct, frozen=True, gc=False):
    """Why not. ``rule`` is the config key or the gate's rule (a metric label), ``text`` is for a person."""

    rule: str
    text: str


class ModeChange(Struct, frozen=True, gc=False):
    """A breaker wants a stricter mode: ``Gate.restrict(scope, mode, why)``."""

    scope: str
    """"" = everything, a venue (``binance``), or a pair as ``pair_of(deal)`` names it."""
    mode: Mode
    why: str


class LimitsConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The defaults suit a first small run. Notionals are in ``asset``."""

    asset: str = "USDT"
    """The reporting asset."""
    max_order_notional: Decimal = Decimal(200)
    max_deal_notional: Decimal = Decimal(500)
    """The largest leg counts, not the sum of legs."""
    max_open_deals: int = 4
    max_open_notional: Decimal = Decimal(1000)
    max_venue_notional: Decimal = Decimal(1000)
    max_asset_notional: Decimal = Decimal(500)
    """Per base asset, over all venues."""
    max_deals_per_minute: int = 30
    cooldown_ns: int = 5_000_000_000
    """A pair rests so long after a broken deal (one that did not end hedged or with nothing)."""
    max_broken: int = 3
    """So many broken deals in a row: REDUCING."""
    max_loss_day: Decimal = Decimal(50)
    """Marked loss since midnight UTC (of the run's clock): REDUCING."""
    max_loss_run: Decimal = Decimal(100)
    """Marked loss of the run: HALTED."""
    unwind_allowance: Decimal = Decimal("0.01")
    """How much worse than a leg's own limit price its completion or reversal may be, as a fraction."""
    max_stock: Mapping[str, Decimal] = {}
    """``venue:ASSET`` -> the most of an asset to hold there (for what cannot be moved away)."""


class Need(Struct, frozen=True, gc=False, kw_only=True):
    """What one order may use of one asset, worst case."""

    account: str
    asset: str
    amount: Decimal


def needs_of(deal: Deal, catalogue: Catalogue, fee_of: Callable[[str], Decimal], allowance: Decimal) -> list[Need]:
    """Wave 0 and its worst unwind: a buy needs its quote at the limit price made worse by ``allowance``, with the fee;
    a sell needs its base with the fee, and the quote by which buying back may cost more than it brought."""
    raise NotImplementedError


def pair_of(deal: Deal) -> str:
    """The instruments of a deal, sorted and joined: what cools down and halts together."""
    raise NotImplementedError


class Limits:
    """Reservations and breakers. ``price_of(held, asset)`` is the same marker as the ledger's; None = no price."""

    def __init__(
        self, config: LimitsConfig, ledger: Ledger, catalogue: Catalogue,
        price_of: Callable[[str, str], Decimal | None],
    ) -> None:  # fmt: skip
        raise NotImplementedError

    def reserve(self, deal: Deal, needs: Sequence[Need], now_ns: int) -> Refusal | None:
        """All of it, or nothing and why. ``deal.id`` must be set."""
        raise NotImplementedError

    def fill(self, deal_id: int, fill: Fill, instrument: Instrument) -> None:
        """A fill spent some of its deal's reservation (call it together with ``Ledger.fill``)."""
        raise NotImplementedError

    def release(self, deal_id: int) -> None:
        """Give back what is left (the deal is closed). Nothing to do for an unknown deal."""
        raise NotImplementedError

    def reserved(self, account: str, asset: str) -> Decimal:
        raise NotImplementedError

    def free(self, account: str, asset: str) -> Decimal:
        """``Ledger.available`` less ``reserved``, never below 0."""
        raise NotImplementedError

    def room(self, instrument: Instrument) -> Decimal:
        """Notional (in its quote) that a new order of this instrument may still have; 0 when its quote has no price."""
        raise NotImplementedError

    def outcome(self, deal: Deal, now_ns: int) -> list[ModeChange]:
        """A deal closed or is HELD: drives cooldowns and breakers. Releases nothing by itself."""
        raise NotImplementedError

    def pnl(self, marked: Decimal | None, now_ns: int) -> list[ModeChange]:
        """The marked PnL of the run in the reporting asset (``Ledger.marked``); call it after deals and now and then."""
        raise NotImplementedError

    def pair_may_trade(self, pair: str, now_ns: int) -> Refusal | None:
        """Cooling down or not; ``reserve`` asks it too."""
        raise NotImplementedError
