"""How much may be at risk: reservations, caps, breakers.

A deal reserves what its first wave and the worst unwind of it can use, or nothing. Exposure is counted from the
reservation to the close of the deal: UNKNOWN orders and HELD deals stay counted in full.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TypeVar

from msgspec import Struct

from arbkit.core.errors import LocalProtocolError
from arbkit.core.money.ledger import Ledger
from arbkit.core.orders.deals import Deal, DealState, Outcome
from arbkit.core.types import Catalogue, Fill, Instrument, Mode, Side, plain

__all__ = ["Limits", "LimitsConfig", "ModeChange", "Need", "Refusal", "needs_of"]

_K = TypeVar("_K")
_ZERO = Decimal(0)
_ONE = Decimal(1)
_MINUTE_NS = 60_000_000_000
_DAY_NS = 86_400_000_000_000


class Refusal(Struct, frozen=True, gc=False):
    """Why not. ``rule`` is the config key or the gate's rule (a metric label), ``text`` is for a person."""

    rule: str
    text: str


class ModeChange(Struct, frozen=True, gc=False):
    """A breaker wants a stricter mode: ``Gate.restrict(scope, mode, why)``."""

    scope: str
    """"" = everything, a venue (``binance``), or a pair as ``Deal.pair`` names it."""
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
    """So many deals reversed or held without a hedged one between: REDUCING."""
    max_loss_day: Decimal = Decimal(50)
    """Marked loss since midnight UTC (of the run's clock): REDUCING."""
    max_loss_run: Decimal = Decimal(100)
    """Marked loss of the run: HALTED."""
    unwind_allowance: Decimal = Decimal("0.01")
    """How much worse than a leg's own limit price its completion or reversal may be, as a fraction."""
    max_stock: Mapping[str, Decimal] = {}
    """``venue:ASSET`` -> the most of an asset that an account there may hold (for what cannot be moved away)."""


class Need(Struct, frozen=True, gc=False, kw_only=True):
    """What one order may use of one asset, worst case."""

    account: str
    asset: str
    amount: Decimal


def needs_of(deal: Deal, catalogue: Catalogue, takers: Sequence[Decimal], allowance: Decimal) -> list[Need]:
    """Wave 0 and its worst unwind: a buy needs its quote at the limit price made worse by ``allowance``, with the fee;
    a sell needs its base, and the quote by which buying back may cost more than it brought.

    ``takers``: the taker fee of each leg as a fraction."""
    needs = []
    for leg, taker in zip(deal.legs, takers, strict=True):
        if leg.wave:
            continue
        quote = leg.quote or catalogue[leg.instrument].quote
        notional = leg.qty * leg.px
        fee = max(taker, _ZERO)
        if leg.side is Side.BUY:
            needs.append(Need(account=leg.account, asset=quote, amount=notional * (1 + allowance) * (1 + fee)))
        else:
            needs.append(Need(account=leg.account, asset=leg.base, amount=leg.qty))
            back = notional * ((1 + allowance) * (1 + fee) - (1 - fee))
            needs.append(Need(account=leg.account, asset=quote, amount=back))
    return needs


class _Held:
    """What one open deal holds."""

    __slots__ = ("assets", "incoming", "notional", "reserved", "venues")

    def __init__(self) -> None:
        self.reserved: dict[tuple[str, str], Decimal] = {}
        self.incoming: dict[tuple[str, str], Decimal] = {}
        """Still to be bought, for the stock caps."""
        self.notional = _ZERO
        self.venues: dict[str, Decimal] = {}
        self.assets: dict[str, Decimal] = {}


def _add(into: dict[_K, Decimal], what: Mapping[_K, Decimal], sign: int = 1) -> None:
    for key, amount in what.items():
        into[key] = into.get(key, _ZERO) + sign * amount


class Limits:
    """Reservations and breakers. ``price_of(held, asset)`` is the same marker as the ledger's; None = no price."""

    def __init__(
        self,
        config: LimitsConfig,
        ledger: Ledger,
        catalogue: Catalogue,
        price_of: Callable[[str, str], Decimal | None],
    ) -> None:
        self.config = config
        self.ledger = ledger
        self.catalogue = catalogue
        self.price_of = price_of
        self.notional = _ZERO
        """Open, over all deals, in the reporting asset."""
        self.broken = 0
        """Deals reversed or held in a row."""
        self._deals: dict[int, _Held] = {}
        self._reserved: dict[tuple[str, str], Decimal] = {}
        self._incoming: dict[tuple[str, str], Decimal] = {}
        self._venues: dict[str, Decimal] = {}
        self._assets: dict[str, Decimal] = {}
        self._started: deque[int] = deque()
        """When the deals of the last minute began."""
        self._rests: dict[str, int] = {}
        """Pair -> until when it cools down."""
        self._day = -1
        self._day_began = _ZERO

    @property
    def open_deals(self) -> int:
        return len(self._deals)

    def _price(self, asset: str) -> Decimal | None:
        return Decimal(1) if asset == self.config.asset else self.price_of(asset, self.config.asset)

    def reserve(self, deal: Deal, needs: Sequence[Need], now_ns: int) -> Refusal | None:
        """All of it, or nothing and why. Raises ``LocalProtocolError`` for a deal without id or reserved before."""
        if not deal.id or deal.id in self._deals:
            raise LocalProtocolError(f"deal {deal.id}: no id, or reserved twice")
        held = _Held()
        refusal = (
            self.pair_may_trade(deal.pair, now_ns)
            or self._pace(now_ns)
            or self._exposure(deal, held)
            or self._funds(needs, held)
        )
        if refusal is not None:
            return refusal
        self._deals[deal.id] = held
        self._started.append(now_ns)
        self.notional += held.notional
        _add(self._reserved, held.reserved)
        _add(self._incoming, held.incoming)
        _add(self._venues, held.venues)
        _add(self._assets, held.assets)
        return None

    def _pace(self, now_ns: int) -> Refusal | None:
        config = self.config
        if len(self._deals) >= config.max_open_deals:
            return Refusal("max_open_deals", f"{len(self._deals)} deals are open")
        started = self._started
        while started and now_ns - started[0] >= _MINUTE_NS:
            started.popleft()
        if len(started) >= config.max_deals_per_minute:
            return Refusal("max_deals_per_minute", f"{len(started)} deals began in the last minute")
        return None

    def _exposure(self, deal: Deal, held: _Held) -> Refusal | None:
        """The caps on notional and stock; fills ``held`` with what the deal would add."""
        config = self.config
        for leg in deal.legs:
            quote = leg.quote or self.catalogue[leg.instrument].quote
            venue = leg.account.partition(":")[0]
            price = _ONE if quote == config.asset else self.price_of(quote, config.asset)
            if price is None:
                return Refusal("no_price", f"{quote} has no price in {config.asset}: {leg.instrument}")
            notional = leg.qty * leg.px * price
            if notional > config.max_order_notional:
                return _over("max_order_notional", leg.instrument, notional, config.max_order_notional)
            held.notional = max(held.notional, notional)
            held.venues[venue] = held.venues.get(venue, _ZERO) + notional
            held.assets[leg.base] = max(held.assets.get(leg.base, _ZERO), notional)
            if leg.side is Side.BUY:
                key = (leg.account, leg.base)
                held.incoming[key] = held.incoming.get(key, _ZERO) + leg.qty
                most = config.max_stock.get(f"{venue}:{leg.base}")
                if most is not None:
                    stock = self.ledger.total(*key) + self._incoming.get(key, _ZERO) + held.incoming[key]
                    if stock > most:
                        return _over("max_stock", f"{venue}:{leg.base}", stock, most)
        if held.notional > config.max_deal_notional:
            return _over("max_deal_notional", deal.pair, held.notional, config.max_deal_notional)
        if self.notional + held.notional > config.max_open_notional:
            return _over("max_open_notional", "all", self.notional + held.notional, config.max_open_notional)
        for venue, notional in held.venues.items():
            if self._venues.get(venue, _ZERO) + notional > config.max_venue_notional:
                total = self._venues.get(venue, _ZERO) + notional
                return _over("max_venue_notional", venue, total, config.max_venue_notional)
        for asset, notional in held.assets.items():
            if self._assets.get(asset, _ZERO) + notional > config.max_asset_notional:
                total = self._assets.get(asset, _ZERO) + notional
                return _over("max_asset_notional", asset, total, config.max_asset_notional)
        return None

    def _funds(self, needs: Sequence[Need], held: _Held) -> Refusal | None:
        for need in needs:
            key = (need.account, need.asset)
            held.reserved[key] = held.reserved.get(key, _ZERO) + need.amount
        for (account, asset), amount in held.reserved.items():
            free = self.ledger.available(account, asset) - self._reserved.get((account, asset), _ZERO)
            if amount > free:
                return Refusal("funds", f"{account} needs {plain(amount)} {asset}, free are {plain(max(free, _ZERO))}")
        return None

    def fill(self, deal_id: int, fill: Fill, instrument: Instrument) -> None:
        """A fill spent some of its deal's reservation, and what it brought is held for the deal until its close, so
        that a later wave or an unwind finds it. Call it together with ``Ledger.fill``."""
        held = self._deals.get(deal_id)
        if held is None:
            return
        quote = fill.qty * fill.px
        if fill.side is Side.BUY:
            spent, got = {instrument.quote: quote}, {instrument.base: fill.qty}
            key = (fill.account, instrument.base)
            self._take(held.incoming, self._incoming, key, fill.qty)
        else:
            spent, got = {instrument.base: fill.qty}, {instrument.quote: quote}
        if fill.fee > 0:
            side = got if fill.fee_asset in got else spent
            side[fill.fee_asset] = side.get(fill.fee_asset, _ZERO) + (-fill.fee if side is got else fill.fee)
        for asset, amount in spent.items():
            self._take(held.reserved, self._reserved, (fill.account, asset), amount)
        for asset, amount in got.items():
            if amount < 0:
                self._take(held.reserved, self._reserved, (fill.account, asset), -amount)
            else:
                _add(held.reserved, {(fill.account, asset): amount})
                _add(self._reserved, {(fill.account, asset): amount})

    @staticmethod
    def _take(
        one: dict[tuple[str, str], Decimal], all_: dict[tuple[str, str], Decimal], key: tuple[str, str], amount: Decimal
    ) -> None:
        """Lower both by ``amount``, but a deal never gives back more than it holds."""
        amount = min(amount, one.get(key, _ZERO))
        if amount:
            one[key] -= amount
            all_[key] -= amount

    def release(self, deal_id: int) -> None:
        """Give back what is left (the deal is closed). Nothing to do for an unknown deal."""
        held = self._deals.pop(deal_id, None)
        if held is None:
            return
        if not self._deals:
            # Decimal sums of 28 digits may leave a crumb: nothing open is nothing reserved.
            self.notional = _ZERO
            for sums in (self._reserved, self._incoming, self._venues, self._assets):
                sums.clear()
            return
        self.notional -= held.notional
        _add(self._reserved, held.reserved, -1)
        _add(self._incoming, held.incoming, -1)
        _add(self._venues, held.venues, -1)
        _add(self._assets, held.assets, -1)

    def undo(self, deal_id: int) -> None:
        """Give back the newest reservation, of a deal that was not begun: it does not count for the pace either."""
        self.release(deal_id)
        self._started.pop()

    def reserved(self, account: str, asset: str) -> Decimal:
        """Held by all open deals."""
        return self._reserved.get((account, asset), _ZERO)

    def free(self, account: str, asset: str) -> Decimal:
        """``Ledger.available`` less ``reserved``, never below 0."""
        return max(self.ledger.available(account, asset) - self.reserved(account, asset), _ZERO)

    def room(self, instrument: Instrument) -> Decimal:
        """Notional (in its quote) that a new order of this instrument may still have; 0 when its quote has no price."""
        config = self.config
        price = self._price(instrument.quote)
        if not price or len(self._deals) >= config.max_open_deals:
            return _ZERO
        room = min(
            config.max_order_notional,
            config.max_deal_notional,
            config.max_open_notional - self.notional,
            config.max_venue_notional - self._venues.get(instrument.venue, _ZERO),
            config.max_asset_notional - self._assets.get(instrument.base, _ZERO),
        )
        return max(room / price, _ZERO)

    def outcome(self, deal: Deal, now_ns: int) -> list[ModeChange]:
        """A deal closed or is HELD: drives cooldowns and breakers. Releases nothing by itself."""
        outcome = Outcome.HELD if deal.state is DealState.HELD else deal.outcome
        if outcome is Outcome.HEDGED:
            self.broken = 0
        if outcome is None or outcome in (Outcome.HEDGED, Outcome.NOTHING):
            return []
        pair = deal.pair
        self._rests[pair] = now_ns + self.config.cooldown_ns
        if outcome is Outcome.COMPLETED:
            return []
        changes = []
        self.broken += 1
        if outcome is Outcome.HELD:
            changes.append(ModeChange(pair, Mode.REDUCING, f"deal {deal.id} is held: {deal.why}"))
        if self.broken >= self.config.max_broken:
            changes.append(ModeChange("", Mode.REDUCING, f"{self.broken} deals in a row were reversed or held"))
        return changes

    def pnl(self, marked: Decimal | None, now_ns: int) -> list[ModeChange]:
        """The marked PnL of the run in the reporting asset (``Ledger.marked``); call it after deals and now and then.
        None (an asset has no price now) changes nothing."""
        if marked is None:
            return []
        day = now_ns // _DAY_NS
        if day != self._day:
            self._day_began = marked if self._day >= 0 else _ZERO
            self._day = day
        config = self.config
        changes = []
        if -marked >= config.max_loss_run:
            changes.append(ModeChange("", Mode.HALTED, f"the run has lost {plain(-marked)} {config.asset}"))
        lost = self._day_began - marked
        if lost >= config.max_loss_day:
            changes.append(ModeChange("", Mode.REDUCING, f"{plain(lost)} {config.asset} lost today"))
        return changes

    def pair_may_trade(self, pair: str, now_ns: int) -> Refusal | None:
        """Cooling down or not; ``reserve`` asks it too."""
        until = self._rests.get(pair)
        if until is None:
            return None
        if now_ns < until:
            return Refusal("cooldown", f"{pair} rests for another {(until - now_ns) // 1_000_000} ms")
        del self._rests[pair]
        return None


def _over(rule: str, what: str, value: Decimal, most: Decimal) -> Refusal:
    return Refusal(rule, f"{what}: {plain(value)} is over {plain(most)}")
