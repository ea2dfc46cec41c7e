"""Balances, positions, fees and PnL, exact. The engine books fills here; desk and audit pass balance reports and ask
for differences.

Amounts are ints in units of 10**-24 of an asset; the methods take and return ``Decimal``. The ledger keeps its *own*
totals: an opening balance plus movements (fills, fees, external movements). A balance report never overwrites a total;
it is compared with it. A report that equals the total without our newest movements is only older than they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Context, Decimal

from msgspec import Struct

from arbkit.core.types import Balance, Fill, Instrument, Side, is_amount

__all__ = ["Difference", "Ledger"]


_PLACES = 24
_ONE = 10**_PLACES
_WIDE = Context(prec=96)
"""The default context rounds to 28 digits, also in ``scaleb``."""


def _int(value: Decimal) -> int:
    """In units of 10**-24. Finer digits, which no venue has, are cut off."""
    return int(value.scaleb(_PLACES, _WIDE))


def _decimal(units: int) -> Decimal:
    whole, rest = divmod(units, _ONE)
    return _WIDE.normalize(Decimal(units).scaleb(-_PLACES, _WIDE)) if rest else Decimal(whole)


class Difference(Struct, frozen=True, gc=False):
    """One asset for which our total and the venue's differ."""

    account: str
    asset: str
    ours: Decimal
    reported: Decimal
    since_ns: int = 0
    """``recv_ns`` of the first of the reports that have differed without interruption; 0 if not known."""

    @property
    def drift(self) -> Decimal:
        """The venue's total minus ours."""
        return self.reported - self.ours


class _Row:
    """One asset of one account."""

    __slots__ = (
        "differs_ns",
        "exch_ns",
        "flows",
        "free",
        "free_units",
        "locked",
        "opened",
        "opened_ns",
        "reported",
        "since_ns",
        "total",
    )

    def __init__(self) -> None:
        self.total = 0
        self.opened = False
        self.opened_ns = 0
        """Movements up to this venue time are part of the opening balance."""
        self.reported = 0
        self.locked = 0
        self.exch_ns = 0
        """Venue time of the newest report."""
        self.since_ns = 0
        """The newest report contains all movements before this venue time; 0 = not known."""
        self.differs_ns = 0
        """Since when the newest report cannot be explained; 0 = it can."""
        self.free_units, self.free = 0, Decimal(0)
        """What ``Ledger.available`` returned last, in both forms."""
        self.flows: list[tuple[int, int]] = []
        """The newest movements as (venue time, units), ascending by time, at most ``_RECENT``."""

    def has(self, exch_ns: int) -> bool:
        """Whether the total contains a movement of this venue time, although it was not booked: the opening balance
        had it, or the newest report, which has it, equals the total."""
        if not self.opened or not exch_ns:
            return False
        return exch_ns <= self.opened_ns or (exch_ns < self.since_ns and not self.differs_ns)

    def move(self, units: int, exch_ns: int) -> None:
        """Add one movement."""
        flows = self.flows
        place = len(flows)
        while exch_ns and place and flows[place - 1][0] > exch_ns:
            place -= 1
        flows.insert(place, (exch_ns or (flows[-1][0] if flows else 0), units))
        if len(flows) > _RECENT:
            del flows[0]
        self.total += units
        if self.differs_ns and self.explained():
            self.differs_ns = 0

    def explained(self) -> bool:
        """Whether the newest report equals our total, now or before some of the newest movements: those that it may
        not contain yet."""
        total = self.total
        if total == self.reported:
            return True
        for at_ns, units in reversed(self.flows):
            if at_ns < self.since_ns:
                return False
            total -= units
            if total == self.reported:
                return True
        return False

    def open(self, exch_ns: int) -> None:
        """Set the total from the newest report."""
        self.opened = True
        self.opened_ns = exch_ns
        self.flows = [flow for flow in self.flows if flow[0] > exch_ns] if exch_ns else []
        self.total = self.reported + sum(units for _, units in self.flows)
        self.differs_ns = 0


_RECENT = 64
_WORST_FEE = Decimal("0.002")
"""Twice the highest rate of the venues' first tiers: discounts for a fee asset make it lower."""
_KEYS_NS = 900_000_000_000
"""The keys of fills are kept for at least this long, at most twice as long, to recognize repeated fills."""


class Ledger:
    """The balances of all accounts. Paper accounts are opened by ``balance`` with a ``Balance`` made from the
    config."""

    def __init__(self) -> None:
        self._listed: set[str] = set()
        """Accounts whose full listing has come. An asset that it does not contain is 0."""
        self._began: dict[str, int] = {}
        """When the run began, by the clock of the account's venue."""
        self._rows: dict[tuple[str, str], _Row] = {}
        self.differing: set[tuple[str, str]] = set()
        """(account, asset) whose newest report was not explained when it came. To read."""
        self._booked: set[tuple[str, str, Side, str]] = set()
        """The newest fills, and those of the time before."""
        self._booked_before: set[tuple[str, str, Side, str]] = set()
        self._aged_ns = 0
        self._pnl: dict[str, int] = {}
        self._fees: dict[str, int] = {}
        self._externals: dict[tuple[str, str], int] = {}
        self._positions: dict[tuple[str, str], int] = {}
        self._before: dict[str, int] = {}
        """The gain of earlier runs."""
        self._third: dict[str, dict[str, int]] = {}
        """What was traded (in quote assets) of which the fee was paid in an asset beside base and quote, by fee
        asset."""

    def _row(self, account: str, asset: str, *, opening: bool = False) -> _Row:
        row = self._rows.get((account, asset))
        if row is None:
            row = self._rows[account, asset] = _Row()
            row.opened = not opening and account in self._listed
            row.opened_ns = self._began.get(account, 0)
        return row

    def began(self, account: str, venue_ns: int) -> None:
        """The run began at this time of the venue's clock: what moved before is part of every opening balance, also of
        one that has no venue time. Only the first call for an account counts."""
        if account in self._began:
            return
        self._began[account] = venue_ns
        for (owner, _), row in self._rows.items():
            if owner == account:
                row.opened_ns = max(row.opened_ns, venue_ns)

    def balance(self, report: Balance, since_ns: int = 0) -> Difference | None:
        """Process a balance report. The first one of an (account, asset) opens it. Later ones are compared; one with an
        earlier venue time than the newest is ignored. Returns the difference if the report cannot be explained. That is
        normal while a fill has not arrived yet: see ``drifts``. ``since_ns``: the report contains all movements before
        this time of the venue's clock; only later ones can explain a difference (0 = not known).

        A fill with a venue time (``exch_ns``) up to that of the opening is part of the opening, even if it arrives
        later. If the opening has no venue time, a fill since the run ``began`` that arrives after it counts as later.
        An asset that a full listing (``snapshot``) does not contain opens with 0. A report with an invalid amount is
        ignored.
        """
        if not is_amount(report.free) or not is_amount(report.locked):
            return None
        row = self._row(report.account, report.asset, opening=report.snapshot)
        if report.snapshot:
            self._listed.add(report.account)
        if row.opened and 0 < report.exch_ns < row.exch_ns:
            return None
        row.exch_ns = report.exch_ns or row.exch_ns
        row.since_ns = max(row.since_ns, since_ns)
        row.locked = _int(report.locked)
        row.reported = _int(report.free) + row.locked
        if not row.opened:
            row.open(report.exch_ns or self._began.get(report.account, 0))
            return None
        if row.explained():
            row.differs_ns = 0
            return None
        row.differs_ns = row.differs_ns or report.recv_ns or 1
        self.differing.add((report.account, report.asset))
        return self._difference(report.account, report.asset, row)

    def listed(self, account: str, listing: Sequence[Balance], since_ns: int = 0) -> None:
        """A full listing has come (each of its reports was passed to ``balance``): an asset of the account that it does
        not contain is 0. That counts like a report with the listing's newest venue time. ``since_ns``: see
        ``balance``."""
        exch_ns = max((report.exch_ns for report in listing), default=0)
        recv_ns = max((report.recv_ns for report in listing), default=0)
        named = {report.asset for report in listing}
        missing = [asset for owner, asset in self._rows if owner == account and asset not in named]
        for asset in missing:
            gone = Balance(
                account=account, asset=asset, free=Decimal(0), snapshot=True, exch_ns=exch_ns, recv_ns=recv_ns
            )
            self.balance(gone, since_ns)

    def _difference(self, account: str, asset: str, row: _Row) -> Difference:
        return Difference(account, asset, _decimal(row.total), _decimal(row.reported), row.differs_ns)

    def fill(self, fill: Fill, instrument: Instrument, *, external: bool = False) -> bool:
        """Book a fill once, by (account, instrument, side, trade_id). Returns False for a repeated one. The side is in
        the key because a self-trade gives two fills with one trade id.

        A fill counts in the PnL but not in the total if the total already includes it: it is from before the account's
        opening (``exch_ns``), or a report that has it equals our total. That is so for all assets of the fill or for
        none, because they move together. ``external``: a fill of a foreign order; it changes the total but not the PnL.
        """
        key = (fill.account, fill.instrument, fill.side, fill.trade_id)
        if key in self._booked or key in self._booked_before:
            return False
        self._booked.add(key)
        qty = _int(fill.qty)
        paid = _int(fill.px) * qty // 10**_PLACES
        if fill.side is Side.SELL:
            qty, paid = -qty, -paid
        flows = {instrument.base: qty}
        flows[instrument.quote] = flows.get(instrument.quote, 0) - paid
        for asset, amount in fill.fees:
            fee = _int(amount)
            flows[asset] = flows.get(asset, 0) - fee
            if not external:
                self._fees[asset] = self._fees.get(asset, 0) + fee
                if fee > 0 and asset not in (instrument.base, instrument.quote):
                    traded = self._third.setdefault(asset, {})
                    traded[instrument.quote] = traded.get(instrument.quote, 0) + abs(paid)
        position = (fill.account, fill.instrument)
        self._positions[position] = self._positions.get(position, 0) + qty
        moved = [(asset, units, self._row(fill.account, asset)) for asset, units in flows.items() if units]
        old = any(row.has(fill.exch_ns) for _, _, row in moved)
        for asset, units, row in moved:
            if not old:
                row.move(units, fill.exch_ns)
            if external:
                self._externals[fill.account, asset] = self._externals.get((fill.account, asset), 0) + units
            else:
                self._pnl[asset] = self._pnl.get(asset, 0) + units
        return True

    def age(self, now_ns: int) -> None:
        """Forget the keys of old fills. Call it from time to time."""
        if now_ns - self._aged_ns >= _KEYS_NS:
            self._aged_ns = now_ns
            self._booked_before, self._booked = self._booked, set()

    def external(self, account: str, asset: str, amount: Decimal) -> None:
        """Book a deposit, withdrawal or manual trade. It changes the total and ``externals``, but not the PnL."""
        units = _int(amount)
        self._externals[account, asset] = self._externals.get((account, asset), 0) + units
        self._row(account, asset).move(units, 0)

    def drifts(self, now_ns: int, older_ns: int) -> list[Difference]:
        """Differences that have lasted for ``older_ns`` or longer, so that no fill explains them. The caller books them
        with ``external`` and raises an alarm."""
        return [
            self._difference(account, asset, row)
            for (account, asset), row in self._rows.items()
            if row.differs_ns and now_ns - row.differs_ns >= older_ns
        ]

    def doubted(self, account: str, asset: str, now_ns: int, older_ns: int) -> Difference | None:
        """The difference of an asset of ``differing``, if it has lasted for ``older_ns`` or longer."""
        row = self._rows[account, asset]
        if not row.differs_ns:
            self.differing.discard((account, asset))
            return None
        if now_ns - row.differs_ns < older_ns:
            return None
        return self._difference(account, asset, row)

    def total(self, account: str, asset: str) -> Decimal:
        """Our total: opening plus movements; 0 for an unknown asset."""
        row = self._rows.get((account, asset))
        return _decimal(row.total) if row is not None else Decimal(0)

    def available(self, account: str, asset: str) -> Decimal:
        """What can be used now, before reservations of ``Limits``; at least 0. It is our total minus the locked amount
        of the newest report. If the newest report is lower and not explained, it is used instead of our total. Before
        the opening: 0."""
        row = self._rows.get((account, asset))
        if row is None or not row.opened:
            return Decimal(0)
        total = min(row.total, row.reported) if row.differs_ns else row.total
        units = max(total - row.locked, 0)
        if units != row.free_units:
            row.free_units, row.free = units, _decimal(units)
        return row.free

    def totals(self, account: str) -> dict[str, Decimal]:
        """The totals of all assets of one account, including zeros."""
        return {asset: _decimal(row.total) for (owner, asset), row in self._rows.items() if owner == account}

    def position(self, account: str, instrument: str) -> Decimal:
        """Net base quantity bought by fills of this instrument since the start."""
        return _decimal(self._positions.get((account, instrument), 0))

    def pnl(self) -> dict[str, Decimal]:
        """PnL per asset over all accounts, from fills and fees only."""
        return {asset: _decimal(units) for asset, units in self._pnl.items()}

    def fees(self) -> dict[str, Decimal]:
        """Fees paid per asset (negative: earned). They are included in ``pnl``."""
        return {asset: _decimal(units) for asset, units in self._fees.items()}

    def externals(self) -> dict[tuple[str, str], Decimal]:
        """External movements per (account, asset)."""
        return {key: _decimal(units) for key, units in self._externals.items()}

    def marked(self, price_of: Callable[[str, str], Decimal | None], asset: str) -> Decimal | None:
        """The PnL valued in ``asset`` with ``price_of(held, asset)``. None (unknown, not 0) if an asset with PnL has no
        price."""
        worth = Decimal(0)
        for held, units in self._pnl.items():
            if not units:
                continue
            price = Decimal(1) if held == asset else price_of(held, asset)
            if price is None:
                return None
            worth += _decimal(units) * price
        return worth

    def restore(self, flows: Mapping[str, Decimal]) -> None:
        """The gain of earlier runs, which counts in ``at_least``."""
        for asset, amount in flows.items():
            self._before[asset] = self._before.get(asset, 0) + _int(amount)

    def gained(self) -> dict[str, Decimal]:
        """The gain of this and earlier runs by asset."""
        return {
            held: _decimal(self._pnl.get(held, 0) + self._before.get(held, 0))
            for held in self._pnl.keys() | self._before.keys()
        }

    def unpriced(self, price_of: Callable[[str, str], Decimal | None], asset: str) -> list[str]:
        """The assets with a gain or loss, of this or earlier runs, that have no price in ``asset`` now."""
        return [held for held, gain in self.gained().items() if gain and held != asset and not price_of(held, asset)]

    def at_least(self, price_of: Callable[[str, str], Decimal | None], asset: str) -> Decimal | None:
        """The gain of this and earlier runs in ``asset``, for the loss limits: never more than it may be. What was paid
        as fees in an asset without a price counts as ``_WORST_FEE`` of what was traded. None if another asset with a
        gain or loss has no price."""
        worth = Decimal(0)
        for held, gain in self.gained().items():
            if not gain:
                continue
            price = Decimal(1) if held == asset else price_of(held, asset)
            if price is not None:
                worth += gain * price
                continue
            traded = self._third.get(held)
            if traded is None or gain > 0:
                return None
            for quote, amount in traded.items():
                price = Decimal(1) if quote == asset else price_of(quote, asset)
                if price is None:
                    return None
                worth -= _decimal(amount) * price * _WORST_FEE
        return worth

    def compare(self, account: str, reported: Mapping[str, Decimal]) -> list[Difference]:
        """Every asset whose totals differ, even by the smallest unit. An asset that one side does not have counts as
        0."""
        rows = {asset: row for (owner, asset), row in self._rows.items() if owner == account}
        zero = Decimal(0)
        found = []
        for asset in sorted(rows.keys() | reported.keys()):
            units = rows[asset].total if asset in rows else 0
            if Decimal(units).scaleb(-_PLACES, _WIDE) != (theirs := reported.get(asset, zero)):
                found.append(Difference(account, asset, _decimal(units), theirs))
        return found
