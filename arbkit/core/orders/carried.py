"""What a journal still says: the records that a later run needs, and nothing else.

``take`` is called for every record of a journal, in order. ``records`` gives those of a fresh journal, which reads back
to the same; ``of`` gives what is left on the accounts of a run. The size is that of what is open, not of what has been.

An account is a venue, an environment and a name: ``binance:main`` of the testnet and of production are two accounts,
and one journal can hold both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from arbkit.core.errors import ConfigError
from arbkit.core.orders.ids import parse_cl_ord_id
from arbkit.core.orders.records import (
    KEPT,
    BlockReserved,
    Booked,
    Control,
    DayBegan,
    DealClosed,
    DealOpened,
    Intent,
    Interrupted,
    OrderOutcome,
    Record,
    RunStart,
    Settled,
    StrategyState,
)
from arbkit.core.types import Side, assets_of

__all__ = ["Carried", "Left"]

_ZERO = Decimal(0)
_STATES = 32
"""So many states of strategies are kept; the oldest go first."""
_ENDED = 256
"""So many ended orders of an account are kept by their order ids: those that a listing of fills may name when a process
dies and starts again."""


class Left(Struct, frozen=True, kw_only=True):
    """What earlier runs left on the accounts of a run."""

    unresolved: Sequence[Intent] = ()
    """Intents without an outcome, the oldest first. Each must be proved before new deals are opened."""
    interrupted: Sequence[Interrupted] = ()
    """Deals that were opened and never closed. Their exposure may still exist."""
    kept: Sequence[Control | DayBegan] = ()
    """The newest of each key of the kinds in ``KEPT``."""
    booked: Sequence[Booked] = ()
    """By account: the gain of all ended orders, and what closed deals left. (What ``interrupted`` ones leave is known
    when they are closed.)"""
    elsewhere: Sequence[str] = ()
    """What is open on accounts that this run does not have, as text. It stays in the journal."""

    def settled(self) -> Left:
        """What is left after a ``Settled`` record: orders and deals that are still open."""
        return replace(self, booked=(), kept=())


class _Run:
    """One run: its ``RunStart`` by account."""

    __slots__ = ("at_ns", "starts")

    def __init__(self, at_ns: int) -> None:
        self.at_ns = at_ns
        self.starts: dict[str, RunStart] = {}

    def environment(self, account: str) -> str:
        """ "" = the journal does not say."""
        start = self.starts.get(account)
        return "" if start is None else start.environment

    def has(self, account: str, accounts: Mapping[str, str]) -> bool:
        """Whether this account, in the environment of this run, is one of ``accounts``."""
        return account in accounts and self.environment(account) in ("", accounts[account])


class _Order:
    __slots__ = ("intent", "outcome", "run")

    def __init__(self, intent: Intent, run: _Run) -> None:
        self.intent = intent
        self.run = run
        self.outcome: OrderOutcome | None = None


class _Deal:
    __slots__ = ("opened", "orders", "run")

    def __init__(self, opened: DealOpened, run: _Run) -> None:
        self.opened = opened
        self.run = run
        self.orders: list[_Order] = []

    def accounts(self) -> dict[str, str]:
        """The accounts of its orders, or of its instruments while it has none, with their environments."""
        found = {order.intent.order.account: order.run for order in self.orders}
        if not found:
            venues = {instrument.partition(":")[0] for instrument in self.opened.instruments}
            found = {name: self.run for name in self.run.starts if name.partition(":")[0] in venues}
        return {account: run.environment(account) for account, run in found.items()}

    def __str__(self) -> str:
        where = ", ".join(f"{account} ({environment or '?'})" for account, environment in self.accounts().items())
        return f"deal {self.opened.deal} ({'+'.join(self.opened.instruments)}) on {where or 'no account'}"


class _Sums:
    """What closed deals brought on one account, and the newest ended orders of it."""

    __slots__ = ("ended", "flows", "left", "run")

    def __init__(self, run: _Run) -> None:
        self.run = run
        """The newest run that knew the account."""
        self.flows: dict[str, Decimal] = {}
        self.left: dict[str, Decimal] = {}
        self.ended: dict[tuple[str, str], None] = {}
        """(instrument, order id), the oldest first."""

    def add(self, booked: Booked) -> None:
        _add(self.flows, booked.flows)
        _add(self.left, booked.left)
        for instrument, order_id in booked.orders:
            self.name(instrument, order_id)

    def name(self, instrument: str, order_id: str) -> None:
        """An order of the account has ended."""
        self.ended[instrument, order_id] = None
        if len(self.ended) > _ENDED:
            del self.ended[next(iter(self.ended))]

    def booked(self, account: str) -> Booked:
        return Booked(at_ns=self.run.at_ns, account=account, flows=self.flows, left=self.left, orders=tuple(self.ended))


class Carried:
    """See the module."""

    def __init__(self, block: int = 0) -> None:
        self.block = block
        """The last block of client order ids that was reserved; 0 = none."""
        self._last_id = ""
        self._run = _Run(0)
        self._orders: dict[str, _Order] = {}
        self._deals: dict[int, _Deal] = {}
        self._kept: dict[tuple[type, object, object], tuple[Control | DayBegan, _Run]] = {}
        self._sums: dict[tuple[str, str], _Sums] = {}
        """By account and environment."""
        self._states: dict[tuple[str, object], tuple[StrategyState, _Run]] = {}
        """By strategy and the environments of its run, the newest last."""

    # --- in

    def take(self, record: Record) -> None:
        """The next record of the journal."""
        if isinstance(record, Intent):
            self._intent(record)
        elif isinstance(record, OrderOutcome):
            self._outcome(record)
        elif isinstance(record, DealOpened):
            self._opened(record)
        elif isinstance(record, DealClosed):
            self._closed(record)
        elif isinstance(record, RunStart):
            if record.at_ns != self._run.at_ns or record.account in self._run.starts:
                self._run = _Run(record.at_ns)
            self._run.starts[record.account] = record
            if record.mode == "paper":  # the orders of a paper account end with its run
                self._orders.clear()
                self._deals.clear()
                self._sums.clear()
        elif isinstance(record, BlockReserved):
            self.block = max(self.block, record.block)
        elif isinstance(record, Booked):
            self._booked(record)
        elif isinstance(record, Control | DayBegan):
            self._kept[type(record), KEPT[type(record)](record), self._scope(record)] = record, self._run
        elif isinstance(record, Settled):
            self._settled()
        elif isinstance(record, StrategyState):
            key = record.strategy, self._scope(record)
            self._states.pop(key, None)
            self._states[key] = record, self._run
            while len(self._states) > _STATES:
                del self._states[next(iter(self._states))]

    def _opened(self, record: DealOpened) -> None:
        deal = self._deals.get(record.deal)
        if deal is None:
            self._deals[record.deal] = _Deal(record, self._run)
        else:  # a leg more
            deal.opened = record

    def _intent(self, intent: Intent) -> None:
        cl_ord_id = intent.order.cl_ord_id
        order = self._orders[cl_ord_id] = _Order(intent, self._run)
        self._last_id = max(self._last_id, cl_ord_id)  # ids of one length and digits sort like their numbers
        deal = self._deals.get(intent.order.deal)
        if deal is not None:
            deal.orders.append(order)

    def _outcome(self, outcome: OrderOutcome) -> None:
        order = self._orders.get(outcome.cl_ord_id)
        if order is None:
            return
        order.outcome = outcome
        account = order.intent.order.account
        if outcome.order_id:
            sums = self._sums.setdefault((account, order.run.environment(account)), _Sums(order.run))
            sums.name(order.intent.order.instrument, outcome.order_id)
        if order.intent.order.deal not in self._deals:
            del self._orders[outcome.cl_ord_id]

    def _closed(self, closed: DealClosed) -> None:
        deal = self._deals.pop(closed.deal, None)
        for order in () if deal is None else deal.orders:
            if order.outcome is not None:
                self._orders.pop(order.intent.order.cl_ord_id, None)
        for booked in closed.booked:
            self._booked(booked)

    def _booked(self, booked: Booked) -> None:
        key = booked.account, self._run.environment(booked.account)
        sums = self._sums.setdefault(key, _Sums(self._run))
        sums.run = self._run
        sums.add(booked)

    def _settled(self) -> None:
        """The gain of the accounts of the present run is 0 from now on, open deals included, and nothing is left."""
        accounts = {account: start.environment for account, start in self._run.starts.items()}
        for key in [key for key, sums in self._sums.items() if sums.run.has(key[0], accounts)]:
            del self._sums[key]
        for booked in self._gains(accounts):
            self._booked(replace(booked, flows={asset: -amount for asset, amount in booked.flows.items()}))
        for kept in [key for key, (record, run) in self._kept.items() if _applies(record, run, accounts)]:
            del self._kept[kept]

    def _scope(self, record: Record) -> object:
        account = getattr(record, "account", "")
        if account:
            return self._run.environment(account)
        return frozenset(start.environment for start in self._run.starts.values())

    # --- out

    def next_block(self, now_ns: int = 0) -> int:
        """The id block to reserve next: above every block that was reserved or appears in an id, and at least the time
        in seconds. So ids go on rising also when the journal was lost."""
        last = (parse_cl_ord_id(self._last_id) or 0) >> 32
        return max(self.block + 1, last + 1, now_ns // 1_000_000_000)

    def records(self) -> list[Record]:
        """The records of a fresh journal. The newest run comes last, because what is appended belongs to it."""
        runs: dict[_Run, list[Record]] = {}
        for deal in self._deals.values():
            runs.setdefault(deal.run, []).append(deal.opened)
        for order in self._orders.values():
            mine = runs.setdefault(order.run, [])
            mine += [order.intent] if order.outcome is None else [order.intent, order.outcome]
        for record, run in self._kept.values():
            runs.setdefault(run, []).append(record)
        for state, run in self._states.values():
            runs.setdefault(run, []).append(state)
        for (account, _), sums in self._sums.items():
            runs.setdefault(sums.run, []).append(sums.booked(account))
        runs[self._run] = runs.pop(self._run, [])
        block = self.next_block() - 1
        found: list[Record] = [BlockReserved(at_ns=0, account="", block=block)] if block else []
        for run, records in runs.items():
            found += run.starts.values()
            found += records
        return found

    def states(self, accounts: Mapping[str, str]) -> dict[str, bytes]:
        """What strategies saved in these environments, by their names."""
        return {
            record.strategy: record.state for record, run in self._states.values() if _applies(record, run, accounts)
        }

    def of(self, accounts: Mapping[str, str]) -> Left:
        """What is left on these accounts (environment by account id).

        Raises ``ConfigError`` for a deal that is open on one of them and on another account too: its exposure cannot be
        told from one side."""
        interrupted: list[Interrupted] = []
        elsewhere: list[str] = []
        for deal in self._deals.values():
            there = deal.accounts()
            ours = [account for account in there if account in accounts and there[account] in ("", accounts[account])]
            if not ours and there:
                elsewhere.append(str(deal))
            elif len(ours) < len(there):
                raise ConfigError(
                    f"the journal holds {deal}, which an earlier run did not finish, and this run does not have all of "
                    "these accounts: run with them configured, or settle the deal by hand and move the journal away"
                )
            else:
                interrupted.append(_interrupted(deal))
        unresolved: list[Intent] = []
        for order in self._orders.values():
            wanted = order.intent.order
            if order.outcome is not None:
                continue
            if order.run.has(wanted.account, accounts):
                unresolved.append(order.intent)
            elif wanted.deal not in self._deals:
                where = f"{wanted.account} ({order.run.environment(wanted.account) or '?'})"
                elsewhere.append(f"order {wanted.cl_ord_id} ({wanted.instrument}) on {where}")
        kept = [record for record, run in self._kept.values() if _applies(record, run, accounts)]
        return Left(
            unresolved=unresolved,
            interrupted=interrupted,
            kept=kept,
            booked=self._gains(accounts),
            elsewhere=elsewhere,
        )

    def _gains(self, accounts: Mapping[str, str]) -> tuple[Booked, ...]:
        """By account: see ``Left.booked``."""
        found: dict[str, _Sums] = {}
        for (account, _), sums in self._sums.items():
            if sums.run.has(account, accounts):
                found.setdefault(account, _Sums(sums.run)).add(sums.booked(account))
        for order in self._orders.values():
            account = order.intent.order.account
            if order.outcome is not None and order.run.has(account, accounts):
                _add(found.setdefault(account, _Sums(order.run)).flows, _flows(order.intent, order.outcome))
        return tuple(sums.booked(account) for account, sums in found.items())


def _applies(record: Record, run: _Run, accounts: Mapping[str, str]) -> bool:
    account = getattr(record, "account", "")
    if account:
        return run.has(account, accounts)
    return {start.environment for start in run.starts.values()} <= set(accounts.values())


def _interrupted(deal: _Deal) -> Interrupted:
    ended = [order.outcome for order in deal.orders if order.outcome is not None]
    return Interrupted(
        deal=deal.opened,
        intents=[order.intent for order in deal.orders],
        ended={outcome.cl_ord_id: outcome for outcome in ended},
    )


def _flows(intent: Intent, outcome: OrderOutcome) -> dict[str, Decimal]:
    """What an ended order brought, by asset. An older arbkit did not tell what it paid: its limit price counts then."""
    wanted = intent.order
    base, quote = assets_of(wanted.instrument)
    sign = 1 if wanted.side is Side.BUY else -1
    flows: dict[str, Decimal] = {}
    _add(flows, {base: sign * outcome.filled})
    _add(flows, {quote: -sign * (outcome.paid or outcome.filled * wanted.px)})
    for asset, fee in outcome.fees:
        _add(flows, {asset: -fee})
    return flows


def _add(into: dict[str, Decimal], flows: Mapping[str, Decimal]) -> None:
    for asset, amount in flows.items():
        into[asset] = into.get(asset, _ZERO) + amount
