"""How much may be at risk: reservations, caps and breakers. The engine asks before each deal and reports fills and
ends.

A deal reserves what its legs and their worst-case unwind can use, or nothing. Exposure counts from the reservation
until the deal is closed; deals that are IN_DOUBT or HELD count in full.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TypeVar

from msgspec import Struct

from arbkit.core.errors import LocalProtocolError
from arbkit.core.money.ledger import Ledger
from arbkit.core.money.leftovers import Leftovers
from arbkit.core.money.needs import Need
from arbkit.core.orders.deals import Deal, DealLeg, DealState, Outcome
from arbkit.core.types import Catalogue, Fill, Instrument, Mode, Side, plain

__all__ = [
    "DAY_NS",
    "DRIFT_NS",
    "HELD",
    "LASTING",
    "Limits",
    "LimitsConfig",
    "LimitsLeft",
    "ModeChange",
    "PERSON",
    "Refusal",
    "Used",
]

_K = TypeVar("_K")
_ZERO = Decimal(0)
_ONE = Decimal(1)
_MINUTE_NS = 60_000_000_000
DAY_NS = 86_400_000_000_000
_UNPRICED_NS = _MINUTE_NS
"""The gain may be unknown for so long, because a book is not trusted."""
HELD = "held"
"""The rule of a pair of which a deal is HELD. It is lifted when none is."""
_NO_PRICE = "no_price"
PERSON = "person"
"""The rule of what a person asked for, by signal or by ``arbkit mode``."""
DRIFT_NS = 10_000_000_000
"""A balance that differs from ours for so long: a fill was lost, or it was changed from outside (deposit, withdrawal,
manual trade)."""
LASTING = frozenset({"max_broken", "max_loss_day", "max_loss_run", PERSON})
"""Rules whose modes are in the journal."""


class Refusal(Struct, frozen=True, gc=False):
    """A refusal. ``rule`` is the config key or the name of the gate's rule (it is a metric label), ``text`` is for
    people."""

    rule: str
    text: str


class ModeChange(Struct, frozen=True, gc=False):
    """A rule makes a scope stricter, or lifts what it has set (ACTIVE): pass it to ``trading.modes``."""

    scope: str
    """"" = everything; or a venue (``binance``); or a pair (``Deal.pair``)."""
    mode: Mode
    why: str
    rule: str
    """What requires it. One of ``LASTING`` holds in later runs too; the causes of others each run finds itself."""


class LimitsLeft(Struct, frozen=True, kw_only=True):
    """What the limits still allow over all venues. Amounts are in ``LimitsConfig.asset``."""

    notional: Decimal
    """Of new deals, beside what is open and left over. ``room`` says it for one instrument."""
    deals: int
    """Deals that may be open besides."""
    deals_this_minute: int
    loss_day: Decimal | None
    """Until ``max_loss_day`` is reached; None = the gain is not known."""
    loss_run: Decimal | None


class Used(Struct, frozen=True, gc=False):
    """What is used of one limit. ``scope``: "" = everything, a venue, an asset, or a pair."""

    rule: str
    scope: str
    used: Decimal
    most: Decimal


class LimitsConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The limits. The defaults suit a first small run. Notionals are in ``asset``."""

    asset: str = "USDT"
    """The reporting asset."""
    max_order_notional: Decimal = Decimal(200)
    max_deal_notional: Decimal = Decimal(500)
    """The largest leg counts, not the sum of the legs."""
    max_drift: Decimal = Decimal(20)
    """While a balance of the venue differs from ours by more, and no fill, deposit or withdrawal explains it, no deal
    begins that needs this asset of this account."""
    max_mishaps: float = 80.0
    """Points of mishaps (``venues.health``) with which a venue is taken out for a while."""
    max_open_deals: int = 4
    max_open_notional: Decimal = Decimal(1000)
    max_venue_notional: Decimal = Decimal(1000)
    max_asset_notional: Decimal = Decimal(500)
    """Per base asset, over all venues."""
    max_deals_per_minute: int = 30
    cooldown_ns: int = 5_000_000_000
    """How long a pair takes no new deals after a broken deal (one that ended neither hedged nor with nothing
    filled)."""
    max_broken: int = 3
    """This many deals of a pair reversed, held or one-sided, without a hedged one of that pair in between: mode
    REDUCING for the pair. So many of all pairs, without any hedged one in between: REDUCING for all."""
    max_loss_day: Decimal = Decimal(50)
    """Marked loss since midnight UTC (of the run's clock), of earlier runs too: mode REDUCING until the next day."""
    max_loss_run: Decimal = Decimal(100)
    """Marked loss since a person last settled what runs had left (``arbkit run --settled``): mode REDUCING."""
    unwind_allowance: Decimal = Decimal("0.01")
    """How much worse than its limit price a leg may be completed or reversed, as a fraction."""
    max_left: Decimal = Decimal(10)
    """What deals left of an asset and is worth less only waits for the next deal of the asset: roundings leave that
    much. More is told, is traded off, and counts as open at the end of a run (exit code 6)."""
    trade_off: bool = True
    """What deals and earlier runs left is traded off by deals of its own, once it is large enough. False: it is told
    and counted, and only the next deal of the asset takes it into its legs."""
    max_stock: Mapping[str, Decimal] = {}
    """``venue:ASSET`` -> the largest total of an asset on an account there (for assets that cannot be withdrawn)."""


class _Held:
    """What one open deal reserves."""

    __slots__ = ("assets", "incoming", "notional", "reserved", "venues")

    def __init__(self) -> None:
        self.reserved: dict[tuple[str, str], Decimal] = {}
        self.incoming: dict[tuple[str, str], Decimal] = {}
        """Base still to be bought, for ``max_stock``."""
        self.notional = _ZERO
        self.venues: dict[str, Decimal] = {}
        self.assets: dict[str, Decimal] = {}


def _add(into: dict[_K, Decimal], what: Mapping[_K, Decimal]) -> None:
    for key, amount in what.items():
        into[key] = into[key] + amount if key in into else amount


def _subtract(what: Mapping[_K, Decimal], into: dict[_K, Decimal]) -> None:
    for key, amount in what.items():
        into[key] = into.get(key, _ZERO) - amount


class Limits:
    """Reservations and breakers. ``price_of(held, asset)`` gives the same prices as for the ledger; None = no price."""

    def __init__(
        self,
        config: LimitsConfig,
        ledger: Ledger,
        catalogue: Catalogue,
        price_of: Callable[[str, str], Decimal | None],
        leftovers: Leftovers | None = None,
    ) -> None:
        self.config = config
        self.ledger = ledger
        self.leftovers = leftovers or Leftovers(price_of, config.asset)
        """What closed deals left. It counts in the caps."""
        self.catalogue = catalogue
        self.price_of = price_of
        self.notional = _ZERO
        """Open notional of all deals, in the reporting asset."""
        self.broken = 0
        """Number of deals reversed or held since the last hedged one."""
        self.broken_of: dict[str, int] = {}
        """The same by pair: a hedged deal of another pair does not reset it."""
        self._deals: dict[int, _Held] = {}
        self._reserved: dict[tuple[str, str], Decimal] = {}
        self._incoming: dict[tuple[str, str], Decimal] = {}
        self._venues: dict[str, Decimal] = {}
        self._assets: dict[str, Decimal] = {}
        self._started: deque[int] = deque()
        """Start times of the deals of the last minute."""
        self._rests: dict[str, tuple[int, str]] = {}
        """Pair -> end of its cooldown, and why."""
        self.day = -1
        """The day (UTC) of the last mark, and the gain at its first mark."""
        self.day_began = _ZERO
        self._unpriced_ns = 0
        """Since when the gain is unknown; 0 = it is known."""
        self._marked: Decimal | None = None
        """The gain at the last look."""

    @property
    def open_deals(self) -> int:
        return len(self._deals)

    def price(self, asset: str) -> Decimal | None:
        """In the reporting asset."""
        return Decimal(1) if asset == self.config.asset else self.price_of(asset, self.config.asset)

    def reserve(self, deal: Deal, needs: Sequence[Need], now_ns: int) -> Refusal | None:
        """Reserve everything and return None, or reserve nothing and return the reason. Raises ``LocalProtocolError``
        for a deal without id or one that has a reservation already."""
        if not deal.id or deal.id in self._deals:
            raise LocalProtocolError(f"deal {deal.id} has no id, or has a reservation already")
        held = _Held()
        refusal = self.pair_may_trade(deal.pair, now_ns) or self._pace(now_ns) or self._exposure(deal, held)
        if deal.reduces:  # its exposure is counted, but is no reason against it
            refusal = None
        refusal = refusal or self._funds(needs, held, now_ns)
        if refusal is not None:
            return refusal
        self._started.append(now_ns)
        self._hold(deal.id, held)
        return None

    def count(self, deal: Deal) -> None:
        """Count the exposure of a deal that exists already, over every cap: one of an earlier run, or a closed one that
        goes on. Does nothing for one that is counted."""
        if deal.id in self._deals:
            return
        held = _Held()
        for leg in deal.legs:
            quote = leg.quote or self.catalogue[leg.instrument].quote
            notional = leg.qty * leg.px * (self.price(quote) or _ONE)
            venue = leg.account.partition(":")[0]
            held.notional = max(held.notional, notional)
            held.venues[venue] = held.venues.get(venue, _ZERO) + notional
            held.assets[leg.base] = max(held.assets.get(leg.base, _ZERO), notional)
            spare = leg.bought - leg.sold
            if spare > 0:  # to sell it again
                held.reserved[leg.account, leg.base] = spare
            elif spare < 0:  # to buy it back
                held.reserved[leg.account, quote] = leg.received - leg.paid
        self._hold(deal.id, held)

    def widen(self, deal: Deal, leg: DealLeg, taker: Decimal, now_ns: int) -> Refusal | None:
        """Reserve what a leg needs that an open deal gets in addition, or return why not. It is a hedge: the caps on
        open exposure are no reason against it, those of its venue and its stock are."""
        held, more = self._deals.get(deal.id), _Held()
        if held is None:
            raise LocalProtocolError(f"deal {deal.id} has no reservation")
        venue, notional = leg.account.partition(":")[0], leg.qty * leg.px
        need = Need(account=leg.account, asset=leg.base, amount=leg.qty)
        if leg.side is Side.BUY:
            need = Need(account=leg.account, asset=leg.quote, amount=notional * (1 + max(taker, _ZERO)))
            more.incoming[leg.account, leg.base] = leg.qty
        more.venues[venue] = notional * (self.price(leg.quote) or _ONE)
        total = self._venues.get(venue, _ZERO) + self.leftovers.by_venue.get(venue, _ZERO) + more.venues[venue]
        if total > self.config.max_venue_notional:
            return _over("max_venue_notional", venue, total, self.config.max_venue_notional)
        refusal = self._stock(more) or self._funds([need], more, now_ns)
        if refusal is None:
            _add(self._venues, more.venues)
            _add(held.venues, more.venues)
            for sums, mine, added in (
                (self._reserved, held.reserved, more.reserved),
                (self._incoming, held.incoming, more.incoming),
            ):
                _add(sums, added)
                _add(mine, added)
        return refusal

    def _hold(self, deal_id: int, held: _Held) -> None:
        self._deals[deal_id] = held
        self.notional += held.notional
        _add(self._reserved, held.reserved)
        _add(self._incoming, held.incoming)
        _add(self._venues, held.venues)
        _add(self._assets, held.assets)

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
        """Check the caps on notional and stock. Fills ``held`` with what the deal would add."""
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
            if quote in deal.assets:
                held.assets[quote] = max(held.assets.get(quote, _ZERO), notional)
            if leg.side is Side.BUY:
                key = (leg.account, leg.base)
                held.incoming[key] = held.incoming.get(key, _ZERO) + leg.qty
        if config.max_stock and (refusal := self._stock(held)):
            return refusal
        if held.notional > config.max_deal_notional:
            return _over("max_deal_notional", deal.pair, held.notional, config.max_deal_notional)
        left = self.leftovers
        total = self.notional + left.total + held.notional
        if total > config.max_open_notional:
            return _over("max_open_notional", "all", total, config.max_open_notional)
        for venue, notional in held.venues.items():
            total = self._venues.get(venue, _ZERO) + left.by_venue.get(venue, _ZERO) + notional
            if total > config.max_venue_notional:
                return _over("max_venue_notional", venue, total, config.max_venue_notional)
        for asset, notional in held.assets.items():
            total = self._assets.get(asset, _ZERO) + left.by_asset.get(asset, _ZERO) + notional
            if total > config.max_asset_notional:
                return _over("max_asset_notional", asset, total, config.max_asset_notional)
        return None

    def _stock(self, held: _Held) -> Refusal | None:
        """Check the caps on stock for what would be bought."""
        for (account, asset), qty in held.incoming.items():
            name = f"{account.partition(':')[0]}:{asset}"
            most = self.config.max_stock.get(name)
            if most is not None:
                stock = self.ledger.total(account, asset) + self._incoming.get((account, asset), _ZERO) + qty
                if stock > most:
                    return _over("max_stock", name, stock, most)
        return None

    def _funds(self, needs: Sequence[Need], held: _Held, now_ns: int) -> Refusal | None:
        for need in needs:
            key = (need.account, need.asset)
            held.reserved[key] = held.reserved.get(key, _ZERO) + need.amount
        for (account, asset), amount in held.reserved.items():
            if (account, asset) in self.ledger.differing and (
                drift := self.ledger.doubted(account, asset, now_ns, DRIFT_NS)
            ):
                worth = abs(drift.drift) * (self.price(asset) or _ONE)
                if worth > self.config.max_drift:
                    return _over(
                        "max_drift", f"the venue's {asset} of {account} minus ours", worth, self.config.max_drift
                    )
            free = self.ledger.available(account, asset) - self._reserved.get((account, asset), _ZERO)
            if amount > free:
                return Refusal("funds", f"{account} needs {plain(amount)} {asset}, free: {plain(max(free, _ZERO))}")
        return None

    def fill(self, deal_id: int, fill: Fill, instrument: Instrument) -> None:
        """A fill used a part of its deal's reservation. What it brought is reserved for the same deal until the deal is
        closed, so that a later wave or an unwind can use it. Call it together with ``Ledger.fill``."""
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
        for asset, fee in fill.fees:
            if fee > 0:
                side = got if asset in got else spent
                side[asset] = side.get(asset, _ZERO) + (-fee if side is got else fee)
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
        """Reduce both by ``amount``, but by no more than the deal has reserved."""
        amount = min(amount, one.get(key, _ZERO))
        if amount:
            one[key] -= amount
            all_[key] -= amount

    def release(self, deal_id: int) -> None:
        """Release what is left (the deal is closed). Does nothing for an unknown deal."""
        held = self._deals.pop(deal_id, None)
        if held is None:
            return
        if not self._deals:
            # Sums of Decimals are rounded to 28 digits and may leave a tiny rest: without open deals, everything is 0.
            self.notional = _ZERO
            for sums in (self._reserved, self._incoming, self._venues, self._assets):
                sums.clear()
            return
        self.notional -= held.notional
        _subtract(held.reserved, self._reserved)
        _subtract(held.incoming, self._incoming)
        _subtract(held.venues, self._venues)
        _subtract(held.assets, self._assets)

    def undo(self, deal_id: int) -> None:
        """Release the newest reservation, of a deal that was not started. It does not count for
        ``max_deals_per_minute``."""
        self.release(deal_id)
        self._started.pop()

    def reserved(self, account: str, asset: str) -> Decimal:
        """Reserved by all open deals."""
        return self._reserved.get((account, asset), _ZERO)

    def free(self, account: str, asset: str) -> Decimal:
        """``Ledger.available`` minus ``reserved``, at least 0."""
        return max(self.ledger.available(account, asset) - self.reserved(account, asset), _ZERO)

    def room(self, instrument: Instrument, legs: int = 1) -> Decimal:
        """Notional (in its quote asset) that the limits still allow for a new order of this instrument, in a deal with
        so many legs on its venue; 0 if the quote asset has no price."""
        config, left = self.config, self.leftovers
        price = self.price(instrument.quote)
        if not price or len(self._deals) >= config.max_open_deals:
            return _ZERO
        room = min(
            config.max_order_notional,
            config.max_deal_notional,
            config.max_open_notional - self.notional - left.total,
            (
                config.max_venue_notional
                - self._venues.get(instrument.venue, _ZERO)
                - left.by_venue.get(instrument.venue, _ZERO)
            )
            / legs,
            config.max_asset_notional
            - self._assets.get(instrument.base, _ZERO)
            - left.by_asset.get(instrument.base, _ZERO),
        )
        return max(room / price, _ZERO)

    def left(self, now_ns: int) -> LimitsLeft:
        """What they still allow."""
        config, marked = self.config, self._marked
        recent = sum(1 for began_ns in self._started if now_ns - began_ns < _MINUTE_NS)
        return LimitsLeft(
            notional=max(config.max_open_notional - self.notional - self.leftovers.total, _ZERO),
            deals=max(config.max_open_deals - len(self._deals), 0),
            deals_this_minute=max(config.max_deals_per_minute - recent, 0),
            loss_day=None if marked is None else max(config.max_loss_day + marked - self.day_began, _ZERO),
            loss_run=None if marked is None else max(config.max_loss_run + marked, _ZERO),
        )

    def used(self, now_ns: int) -> list[Used]:
        """How much is used of each limit that counts what is there now. A loss that is not known is left out."""
        config, left, marked = self.config, self.leftovers, self._marked
        recent = sum(1 for began_ns in self._started if now_ns - began_ns < _MINUTE_NS)
        found = [
            Used("max_open_deals", "", Decimal(len(self._deals)), Decimal(config.max_open_deals)),
            Used("max_deals_per_minute", "", Decimal(recent), Decimal(config.max_deals_per_minute)),
            Used("max_broken", "", Decimal(self.broken), Decimal(config.max_broken)),
            Used("max_open_notional", "", self.notional + left.total, config.max_open_notional),
        ]
        for rule, sums, more, most in (
            ("max_venue_notional", self._venues, left.by_venue, config.max_venue_notional),
            ("max_asset_notional", self._assets, left.by_asset, config.max_asset_notional),
        ):
            both = {scope: sums.get(scope, _ZERO) + more.get(scope, _ZERO) for scope in sorted({*sums, *more})}
            found += [Used(rule, scope, amount, most) for scope, amount in both.items()]
        counts = sorted(self.broken_of.items())
        found += [Used("max_broken", pair, Decimal(count), Decimal(config.max_broken)) for pair, count in counts]
        if marked is not None:
            found.append(Used("max_loss_day", "", max(self.day_began - marked, _ZERO), config.max_loss_day))
            found.append(Used("max_loss_run", "", max(-marked, _ZERO), config.max_loss_run))
        return found

    def outcome(self, deal: Deal, now_ns: int) -> list[ModeChange]:
        """A deal was closed or is HELD: updates cooldowns and breakers. It does not release the reservation."""
        if deal.reduces:
            return []
        outcome = Outcome.HELD if deal.state is DealState.HELD else deal.outcome
        pair = deal.pair
        if outcome is Outcome.HEDGED:
            self.broken = 0
            self.broken_of.pop(pair, None)
        if outcome is None or outcome in (Outcome.HEDGED, Outcome.NOTHING):
            return []
        self._rests[pair] = now_ns + self.config.cooldown_ns, f"a deal was {outcome.value}"
        if outcome is Outcome.COMPLETED:
            return []
        changes = []
        self.broken += 1
        of_pair = self.broken_of[pair] = self.broken_of.get(pair, 0) + 1
        if outcome is Outcome.HELD:
            changes.append(ModeChange(pair, Mode.REDUCING, f"deal {deal.id} is HELD: {deal.why}", HELD))
        if of_pair >= self.config.max_broken:
            why = f"{of_pair} of its deals in a row were reversed, held or one-sided"
            changes.append(ModeChange(pair, Mode.REDUCING, why, "max_broken"))
        if self.broken >= self.config.max_broken:
            why = f"{self.broken} deals in a row were reversed, held or one-sided"
            changes.append(ModeChange("", Mode.REDUCING, why, "max_broken"))
        return changes

    def pnl(self, marked: Decimal | None, now_ns: int) -> list[ModeChange]:
        """Check the gain in the reporting asset (``Ledger.at_least``) against the loss limits. Call it after deals and
        from time to time. None = an asset has no price: a loss cannot be excluded, so that no deal begins after a
        minute of it. A new day lifts what the loss of the day before has set."""
        config = self.config
        self._marked = marked
        if marked is None:
            self._unpriced_ns = self._unpriced_ns or now_ns
            if now_ns - self._unpriced_ns < _UNPRICED_NS:
                return []
            return [
                ModeChange("", Mode.REDUCING, f"the gain is unknown: an asset has no {config.asset} price", _NO_PRICE)
            ]
        changes = []
        if self._unpriced_ns:
            self._unpriced_ns = 0
            changes.append(ModeChange("", Mode.ACTIVE, "all assets have prices", _NO_PRICE))
        day = now_ns // DAY_NS
        if day != self.day:
            self.day_began = _ZERO
            if self.day >= 0:
                self.day_began = marked
                changes.append(ModeChange("", Mode.ACTIVE, "a new day (UTC)", "max_loss_day"))
            self.day = day
        if -marked >= config.max_loss_run:
            why = f"loss of {plain(-marked)} {config.asset} since the accounts were last settled"
            changes.append(ModeChange("", Mode.REDUCING, why, "max_loss_run"))
        lost = self.day_began - marked
        if lost >= config.max_loss_day:
            why = f"loss of {plain(lost)} {config.asset} today"
            changes.append(ModeChange("", Mode.REDUCING, why, "max_loss_day"))
        return changes

    def pair_may_trade(self, pair: str, now_ns: int) -> Refusal | None:
        """A refusal while the pair is in its cooldown. ``reserve`` checks it too."""
        rest = self._rests.get(pair)
        if rest is None:
            return None
        until, why = rest
        if now_ns < until:
            return Refusal(
                "cooldown", f"{pair} is in its cooldown for another {(until - now_ns) // 1_000_000} ms: {why}"
            )
        return None


def _over(rule: str, what: str, value: Decimal, most: Decimal) -> Refusal:
    return Refusal(rule, f"{what}: {plain(value)} is over {plain(most)}")
