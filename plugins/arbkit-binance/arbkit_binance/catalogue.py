"""Decodes ``exchangeInfo`` and the account's commissions into instruments and fee rates."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from arbkit.adapters.wire import check_amount
from arbkit.core.types import FeeUpdate, Instrument
from arbkit_binance.limits import LimitSaid

__all__ = ["Commission", "ExchangeInfo", "instrument"]


class Filter(Struct, gc=False, rename="camel"):
    filter_type: str
    tick_size: Decimal = Decimal(0)
    min_qty: Decimal = Decimal(0)
    max_qty: Decimal = Decimal(0)
    step_size: Decimal = Decimal(0)
    min_notional: Decimal = Decimal(0)
    max_notional: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        check_amount(self.tick_size, self.step_size, self.min_qty, self.min_notional)


class Symbol(Struct, gc=False, rename="camel"):
    symbol: str
    base_asset: str
    quote_asset: str
    status: str = ""
    filters: list[Filter] = []
    is_spot_trading_allowed: bool = True
    contract_type: str = ""
    """Futures only."""


class ExchangeInfo(Struct, gc=False, rename="camel"):
    symbols: list[Symbol]
    rate_limits: list[LimitSaid] = []


def instrument(said: Symbol) -> Instrument:
    """The instrument of a symbol. Each filter may be missing; 0 means that its rule is disabled."""
    rules = {one.filter_type: one for one in said.filters}
    none = Filter("")
    lot = rules.get("LOT_SIZE", none)
    notional = rules.get("NOTIONAL") or rules.get("MIN_NOTIONAL", none)
    return Instrument(
        venue="binance",
        symbol=f"{said.base_asset}-{said.quote_asset}",
        native=said.symbol,
        base=said.base_asset,
        quote=said.quote_asset,
        tick=rules.get("PRICE_FILTER", none).tick_size,
        lot=lot.step_size,
        min_qty=lot.min_qty,
        max_qty=lot.max_qty or None,
        min_notional=notional.min_notional,
        max_notional=notional.max_notional or None,
        tradable=said.status == "TRADING" and said.is_spot_trading_allowed,
        status=said.status,
    )


class Rates(Struct, frozen=True, gc=False):
    maker: Decimal = Decimal(0)
    taker: Decimal = Decimal(0)
    buyer: Decimal = Decimal(0)
    seller: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        check_amount(self.maker, self.taker, self.buyer, self.seller)

    def fees(self) -> tuple[Decimal, Decimal]:
        """(maker, taker), with the higher of the buyer's and the seller's part."""
        side = max(self.buyer, self.seller)
        return self.maker + side, self.taker + side


class Commission(Struct, gc=False, rename="camel"):
    """``/api/v3/account/commission``. The BNB discount is ignored, so the rates are not too low."""

    standard_commission: Rates
    special_commission: Rates = Rates()
    tax_commission: Rates = Rates()

    def update(self, account: str, instrument_id: str) -> FeeUpdate:
        parts = [one.fees() for one in (self.standard_commission, self.special_commission, self.tax_commission)]
        maker = sum((part[0] for part in parts), Decimal(0))
        taker = sum((part[1] for part in parts), Decimal(0))
        return FeeUpdate(account, instrument_id, maker, taker)
