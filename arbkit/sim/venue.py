"""The simulated exchange behind a dialect: accounts, orders, fills and order books. Integer arithmetic, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Literal

from arbkit.core.types import OrdStatus, Side, Tif
from arbkit.sim import rules
from arbkit.sim.faults import FaultKind
from arbkit.sim.fees import SimFees
from arbkit.sim.ledger import SimLedger
from arbkit.sim.matching import Match, Resting, SimBook, Stp
from arbkit.sim.pair import Pair, units
from arbkit.sim.prices import SimPrices
from arbkit.sim.records import (
    Account,
    BalanceReport,
    Band,
    EndReason,
    InstrumentReport,
    Lost,
    OrderReport,
    Profile,
    Refused,
    Report,
    ReportKind,
    SimFill,
    SimOrder,
    TopReport,
    TradeReport,
)
from arbkit.sim.reports import SimReports
from arbkit.sim.trades import Trades

__all__ = [
    "Account",
    "DELISTED",
    "BalanceReport",
    "Band",
    "InstrumentReport",
    "SimExchange",
    "SimFill",
    "Lost",
    "SimOrder",
    "OrderReport",
    "Profile",
    "Refused",
    "Report",
    "TopReport",
    "TradeReport",
]

DELISTED = "delisted"
"""The reason of a halt that is for ever."""


class SimExchange:
    """One venue's accounts, orders and books.

    ``place`` and ``cancel`` act immediately. They return the order and queue reports. Order and trade ids increase.
    ``now_ns`` is the venue's time.
    """

    def __init__(self, name: str, profile: Profile, pairs: Iterable[Pair]) -> None:
        self.name = name
        self.profile = profile
        self.pairs = {pair.symbol: pair for pair in pairs}
        """By canonical symbol."""
        self.accounts: dict[str, Account] = {}
        """By name."""
        self.ledger = SimLedger()
        self.books = {symbol: SimBook(seq=1000) for symbol in self.pairs}
        """By canonical symbol; ``books[s].feed()`` makes a feed of changed levels for a stream."""
        self.orders: dict[int, SimOrder] = {}
        """All orders of accounts that are not synthetic, by id, oldest first."""
        self._open: dict[int, SimOrder] = {}
        """Those that have not ended."""
        self.fills: list[SimFill] = []
        """All fills of accounts that are not synthetic, oldest first."""
        self.halted: dict[str, str] = {}
        """Symbols that cannot be traded now, with the reason. It and ``pairs`` may be changed at any time (a halt, new
        rules); clients are told with the next reports."""
        self.immovable: dict[str, tuple[bool, bool]] = {}
        """Assets that cannot be moved freely: (deposit open, withdraw open). All others are open."""
        self.accepted = 0
        """Number of accepted orders. A fault uses it to detect that a call placed an order."""
        self.limited_until_ns = 0
        """Set by a fault: until this time the dialect answers everything as throttled (HTTP with ``limited``)."""
        self.visible_ns = 1 << 62
        """Queries and listings show nothing newer than this (a fault: a lagging replica)."""
        self.on_arrival: Callable[[], None] | None = None
        """Hook of a fault, called when an order arrives; may raise ``Lost``."""
        self.on_match: Callable[[Pair, bool, int | None, int], None] | None = None
        """Hook of a fault, called before an order (pair, buy, px, lots) matches; may ``pull`` liquidity."""
        self.on_hold: Callable[[SimOrder], bool] | None = None
        """Hook of a fault: whether an accepted order is not matched (``reject`` ends it later)."""
        self.on_fault: Callable[[FaultKind, str], bool] | None = None
        """Hook of faults that the dialect performs; see ``strikes``."""
        self.eaten: dict[str, list[tuple[bool, int]]] = {symbol: [] for symbol in self.pairs}
        """(buy, px) of synthetic quotes that takers consumed and that ``Market`` has not yet scheduled for refill."""
        self.prices = SimPrices(self.pairs, self.books)
        self.trades = {symbol: Trades() for symbol in self.pairs}
        """The public trades, by symbol."""
        self._fees = SimFees(profile, self.accounts, self.ledger, self.prices)
        self._quotes: dict[str, tuple[dict[int, Resting], dict[int, Resting]]] = {
            symbol: ({}, {}) for symbol in self.pairs
        }
        """The synthetic quotes by symbol, side (asks, bids) and price."""
        self._keys: dict[str, Account] = {}
        self._by_client: dict[tuple[str, str], list[SimOrder]] = {}
        self._reports = SimReports(self.pairs, self.halted, self.books, self.ledger)
        self._order_id = profile.first_order_id
        self._trade_id = profile.first_trade_id
        self._quote_id = 0
        self._held: set[int] = set()  # asked for membership only

    # --- accounts ---------------------------------------------------------------------------------------------------

    def open(self, account: Account, balances: Iterable[tuple[str, Decimal]] = ()) -> None:
        """Add an account with its opening balances."""
        self.accounts[account.name] = account
        if account.key:
            self._keys[account.key] = account
        if account.ed25519 is not None:
            self._keys[account.ed25519.key] = account
        for symbol in self.pairs:
            self._fees.open(account.name, symbol)
        for asset, amount in balances:
            self.ledger.deposit(account.name, asset, units(amount))

    def deposit(self, account: str, asset: str, amount: Decimal, now_ns: int) -> None:
        """Money from outside; the account is told its new balance."""
        self.ledger.deposit(account, asset, units(amount))
        self._reports.touch(account, asset)
        self._reports.balances(now_ns)

    def by_key(self, key: str) -> Account | None:
        """The account that owns an API key."""
        return self._keys.get(key)

    def charge(self, account: str, taker: Decimal) -> None:
        """From now on the account pays this rate as a taker."""
        self.accounts[account].taker = taker
        for symbol in self.pairs:
            self._fees.open(account, symbol)

    def rates(self, account: str, symbol: str = "") -> tuple[Decimal, Decimal]:
        """(maker, taker) of an account, for a symbol or in general."""
        return self._fees.rates(account, symbol)

    def balances(self, account: str) -> list[tuple[str, int, int]]:
        """(asset, free, locked) of every asset with an entry for the account, sorted by asset, in ledger units."""
        return [(asset, free, locked) for _, asset, free, locked in self.ledger.rows(account)]

    # --- orders -----------------------------------------------------------------------------------------------------

    def place(
        self,
        account: str,
        symbol: str,
        side: Side,
        *,
        now_ns: int,
        qty: Decimal | None = None,
        px: Decimal | None = None,
        quote_qty: Decimal | None = None,
        kind: Literal["limit", "market"] = "limit",
        tif: Tif = Tif.GTC,
        post_only: bool = False,
        cl_ord_id: str = "",
        stp: Stp | None = None,
        expire_ns: int = 0,
    ) -> SimOrder:
        """Check the order, lock the balance and match. Raises ``Refused``, or ``Lost`` under a fault.

        A refused order leaves no record. ``expire_ns``: refused if the exchange handles it later than this.
        Limit orders need ``px`` and ``qty``; market orders need ``qty`` (base) or ``quote_qty``.
        """
        if self.on_arrival is not None:
            self.on_arrival()
        if expire_ns and now_ns > expire_ns:
            raise Refused("expired")
        buy = side is Side.BUY
        pair, ticks, lots, budget = self.check(symbol, side, qty=qty, px=px, quote_qty=quote_qty, kind=kind)
        book = self.books[symbol]
        if cl_ord_id and self._taken(account, cl_ord_id, now_ns):
            raise Refused("duplicate")
        crosses = post_only and book.crosses(buy, ticks)
        if crosses and not self.profile.post_only_reports:
            raise Refused("post_only")
        order = SimOrder(
            id=self._order_id,
            account=account,
            symbol=symbol,
            cl_ord_id=cl_ord_id,
            side=side,
            kind=kind,
            tif=tif,
            post_only=post_only,
            px=ticks,
            qty=lots,
            ns=now_ns,
            updated_ns=now_ns,
            middle=self.prices.middle(symbol),
            quote_qty=budget,
            stp=self.profile.stp if stp is None else stp,
        )
        asset, need = self._need(pair, order)
        if self.ledger.free(account, asset) < need:
            raise Refused("balance", asset)
        self._order_id += 1
        self.accepted += 1
        self.orders[order.id] = self._open[order.id] = order
        if cl_ord_id:
            self._by_client.setdefault((account, cl_ord_id), []).append(order)
        if kind == "limit" or not buy:
            self._lock(order, asset, need)
        self._reports.order("new", order, None, now_ns)
        if crosses:
            self._end(order, "post_only", OrdStatus.CANCELED, now_ns)
        elif self.on_hold is not None and self.on_hold(order):
            self._held.add(order.id)
        else:
            self._match(pair, order, now_ns)
        self._reports.balances(now_ns)
        return order

    def check(
        self,
        symbol: str,
        side: Side,
        *,
        qty: Decimal | None = None,
        px: Decimal | None = None,
        quote_qty: Decimal | None = None,
        kind: Literal["limit", "market"] = "limit",
    ) -> tuple[Pair, int, int, int]:
        """Check an order against the rules of its pair: (pair, ticks, lots, quote amount). Raises ``Refused``."""
        pair, buy = self.pairs.get(symbol), side is Side.BUY
        if pair is None:
            raise Refused("symbol")
        if symbol in self.halted:
            why = self.halted[symbol]
            raise Refused("symbol" if why == DELISTED else "halted", why)
        ticks = rules.ticks(pair, px) if kind == "limit" else 0
        lots = rules.lots(pair, qty) if quote_qty is None else 0
        budget = units(quote_qty) if quote_qty is not None else 0
        if kind == "limit" and self.profile.band is not None and (middle := self.prices.middle(symbol)):
            rules.band(self.profile.band, buy, ticks, middle)
        best = self.books[symbol].top()[2 if buy else 0]
        rules.notional(pair, budget or (ticks or best) * lots * pair.unit)
        return pair, ticks, lots, budget

    def cancel(self, account: str, symbol: str, *, now_ns: int, order_id: int = 0, cl_ord_id: str = "") -> SimOrder:
        """Cancel an open order. Raises ``Refused("unknown_order")`` if there is no such open order."""
        order = self._newest(account, order_id, cl_ord_id, symbol, 1 << 62)
        if order is None or order.status.terminal:
            raise Refused("unknown_order")
        self._cancel(order, now_ns)
        self._reports.balances(now_ns)
        return order

    def cancel_all(self, account: str, symbol: str = "", *, now_ns: int) -> list[SimOrder]:
        """Cancel all open orders, of one symbol or all."""
        orders = [order for order in self._open.values() if order.account == account and symbol in ("", order.symbol)]
        for order in orders:
            self._cancel(order, now_ns)
        self._reports.balances(now_ns)
        return orders

    def reject(self, order: SimOrder, now_ns: int) -> None:
        """End an order that ``on_hold`` kept, unless it has ended."""
        if order.id in self._held:
            self._held.discard(order.id)
            self._end(order, "venue", OrdStatus.REJECTED, now_ns)
            self._reports.balances(now_ns)

    def delist(self, symbol: str, now_ns: int) -> None:
        """Remove a symbol: its orders are cancelled, and no new one is accepted."""
        self.halted[symbol] = DELISTED
        for order in list(self._open.values()):
            if order.symbol == symbol:
                self._cancel(order, now_ns, "venue")
        self._reports.balances(now_ns)

    @property
    def listed(self) -> list[str]:
        """The symbols that are not delisted."""
        return [symbol for symbol in self.pairs if self.halted.get(symbol) != DELISTED]

    def strikes(self, kind: FaultKind, detail: str = "") -> bool:
        """Whether a fault that the dialect performs happens now: ``login``, ``refuse`` or ``overrun``."""
        return self.on_fault is not None and self.on_fault(kind, detail)

    def find(self, account: str, *, order_id: int = 0, cl_ord_id: str = "", symbol: str = "") -> SimOrder | None:
        """An order in any state; by client id the newest with this id. Only for queries: it lags by ``visible_ns``."""
        return self._newest(account, order_id, cl_ord_id, symbol, self.visible_ns)

    def _newest(self, account: str, order_id: int, cl_ord_id: str, symbol: str, until_ns: int) -> SimOrder | None:
        if order_id:
            order = self.orders.get(order_id)
            found = [order] if order is not None and order.account == account else []
        else:
            found = self._by_client.get((account, cl_ord_id), [])
        for order in reversed(found):
            if symbol in ("", order.symbol) and order.ns <= until_ns:
                return order
        return None

    def open_orders(self, account: str, symbol: str = "") -> list[SimOrder]:
        """Open orders, oldest first."""
        return self._visible(self._open, account, symbol)

    def orders_of(self, account: str, symbol: str = "") -> list[SimOrder]:
        """All orders, oldest first."""
        return self._visible(self.orders, account, symbol)

    def _visible(self, orders: Mapping[int, SimOrder], account: str, symbol: str) -> list[SimOrder]:
        """Those that a query of the account shows now."""
        return [
            order
            for order in orders.values()
            if order.account == account and symbol in ("", order.symbol) and order.ns <= self.visible_ns
        ]

    def fills_of(self, account: str, symbol: str = "", order_id: int = 0, since_ns: int = 0) -> list[SimFill]:
        """Fills, oldest first."""
        fills = self.fills
        if order_id:
            order = self.orders.get(order_id)
            fills = [] if order is None else order.fills
        return [
            fill
            for fill in fills
            if fill.account == account and symbol in ("", fill.symbol) and since_ns <= fill.ns <= self.visible_ns
        ]

    @property
    def quiet(self) -> bool:
        """Whether ``take_reports`` would have none, and no book changed since."""
        return self._reports.quiet

    def take_reports(self) -> list[Report]:
        """Reports since the last call; the world passes them to the dialect."""
        return self._reports.take()

    # --- synthetic quotes -------------------------------------------------------------------------------------------

    def quote(self, account: str, symbol: str, buy: bool, px: int, lots: int, now_ns: int) -> None:
        """Set a synthetic account's total size at a price (0 = none). See ``requote``."""
        self.requote(account, symbol, ((buy, px, lots),), now_ns)

    def requote(self, account: str, symbol: str, levels: Sequence[tuple[bool, int, int]], now_ns: int) -> None:
        """Set a synthetic account's total size at each price of ``levels``: (buy, px, lots), 0 = none. Levels are
        removed first, then added, so that new quotes never cross old ones of the account.

        A quote that crosses other orders matches them. The sizes are limited by the account's balance.
        """
        pair, book, sides = self.pairs[symbol], self.books[symbol], self._quotes[symbol]
        unit, lot_units = pair.unit, pair.lot_units
        free = self._free(account, pair)
        base, quote = free
        kept = []
        gone: tuple[list[Resting], list[Resting]] = [], []
        for level in levels:
            buy, px, lots = level
            if lots:
                kept.append(level)
            elif (resting := sides[buy].pop(px, None)) is not None:
                gone[buy].append(resting)
                if buy:
                    quote += resting.qty * px * unit
                else:
                    base += resting.qty * lot_units
        book.withdraw(True, gone[True])
        book.withdraw(False, gone[False])
        for buy, px, lots in kept:
            resting = sides[buy].get(px)
            have = 0 if resting is None else resting.qty
            more = lots - have
            if more > 0:
                if more * px * unit > quote if buy else more * lot_units > base:
                    more = quote // (px * unit) if buy else base // lot_units
                if more > 0 and resting is None and book.crosses(buy, px):
                    self._lock_quotes(account, pair, free, (base, quote))
                    more = self._cross(pair, account, buy, px, more, now_ns)
                    base, quote = free = self._free(account, pair)
            if not more:
                continue
            if buy:
                quote -= more * px * unit
            else:
                base -= more * lot_units
            if resting is not None:
                book.resize(resting, have + more)
            else:
                self._quote_id -= 1
                resting = sides[buy][px] = Resting(self._quote_id, account, buy, px, more)
                book.add(resting)
        self._lock_quotes(account, pair, free, (base, quote))

    def _free(self, account: str, pair: Pair) -> tuple[int, int]:
        """The free amounts of a pair: base, quote."""
        return self.ledger.free(account, pair.base), self.ledger.free(account, pair.quote)

    def _lock_quotes(self, account: str, pair: Pair, before: tuple[int, int], after: tuple[int, int]) -> None:
        """Lock what is less free than before."""
        self.ledger.lock(account, pair.base, before[0] - after[0])
        self.ledger.lock(account, pair.quote, before[1] - after[1])

    def _cross(self, pair: Pair, account: str, buy: bool, px: int, lots: int, now_ns: int) -> int:
        """Match a new quote of a synthetic account; the lots that are left."""
        met = self.books[pair.symbol].match(account, buy, px, lots, stp="maker")
        for own in met.cancelled:
            del self._quotes[pair.symbol][own.buy][own.px]
            self._unlock_quote(pair, own, own.qty)
        for maker, qty in met.fills:
            self._trade(pair, account, None, buy, maker, qty, now_ns)
        self._reports.balances(now_ns)
        return met.left

    def take(self, account: str, symbol: str, buy: bool, px: int, lots: int, now_ns: int) -> None:
        """A market order of a synthetic account, down to ``px``: it matches the book, also the orders of clients."""
        pair, eaten = self.pairs[symbol], self.eaten[symbol]
        known = len(eaten)
        for maker, qty in self.books[symbol].match(account, buy, px, lots).fills:
            self._trade(pair, account, None, buy, maker, qty, now_ns)
        del eaten[known:]  # the flow has taken these lots from its own levels
        self._reports.balances(now_ns)

    def pull(self, pair: Pair, resting: Resting, lots: int) -> None:
        """Remove ``lots`` from a synthetic quote (a fault)."""
        self._unlock_quote(pair, resting, lots)
        self.books[pair.symbol].resize(resting, resting.qty - lots)
        if not resting.qty:
            del self._quotes[pair.symbol][resting.buy][resting.px]
        self.eaten[pair.symbol].append((resting.buy, resting.px))

    def _unlock_quote(self, pair: Pair, resting: Resting, lots: int) -> None:
        asset, each = (pair.quote, resting.px * pair.unit) if resting.buy else (pair.base, pair.lot_units)
        self.ledger.lock(resting.owner, asset, -lots * each)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _taken(self, account: str, cl_ord_id: str, now_ns: int) -> bool:
        orders = self._by_client.get((account, cl_ord_id))
        if not orders or self.profile.client_ids == "none":
            return False
        if self.profile.client_ids == "always" or not orders[-1].status.terminal:
            return True
        return self.profile.client_ids == "window" and now_ns - orders[-1].ns < self.profile.client_id_window_ns

    def _need(self, pair: Pair, order: SimOrder) -> tuple[str, int]:
        """The amount that an order locks: (asset, units)."""
        if order.side is Side.SELL:
            if order.quote_qty:
                bid = self.books[pair.symbol].top()[0]
                order.qty = order.quote_qty // (bid * pair.unit) if bid else 0
            return pair.base, order.qty * pair.lot_units
        if order.kind == "limit":
            return pair.quote, order.px * order.qty * pair.unit
        if order.quote_qty:
            return pair.quote, order.quote_qty
        met = self.books[pair.symbol].makers(True, None, order.qty)
        return pair.quote, sum(resting.px * lots for resting, lots in met) * pair.unit

    def _lock(self, order: SimOrder, asset: str, amount: int) -> None:
        self.ledger.lock(order.account, asset, amount)
        order.locked = amount
        self._reports.touch(order.account, asset)

    def _match(self, pair: Pair, order: SimOrder, now_ns: int) -> None:
        book = self.books[pair.symbol]
        buy = order.side is Side.BUY
        limit = order.px if order.kind == "limit" else None
        spend = buy and order.quote_qty > 0
        want = (1 << 62) if spend else order.qty
        if self.on_match is not None:
            self.on_match(pair, buy, limit, want)
        if order.tif is Tif.FOK and not spend:
            met = book.makers(buy, limit, want)
            others = sum(lots for resting, lots in met if order.stp == "none" or resting.owner != order.account)
            if others < want:
                self._end(order, "fok", OrdStatus.EXPIRED, now_ns)
                return
        budget = order.quote_qty // pair.unit if spend else None
        result = book.match(order.account, buy, limit, want, order.stp, budget)
        if spend:
            order.qty = sum(lots for _, lots in result.fills)
            result.left = 0
        self._book_fills(pair, order, result, now_ns)
        if order.status is OrdStatus.FILLED:
            return
        if result.stopped:
            self._end(order, "stp", OrdStatus.EXPIRED, now_ns)
        elif order.kind == "market":
            self._end(order, "no_liquidity", OrdStatus.EXPIRED, now_ns)
        elif order.tif is not Tif.GTC:
            self._end(order, "ioc", OrdStatus.EXPIRED, now_ns)
        else:
            book.add(Resting(order.id, order.account, buy, order.px, result.left))

    def _book_fills(self, pair: Pair, order: SimOrder, result: Match, now_ns: int) -> None:
        for own in result.cancelled:
            self._end(self.orders[own.id], "stp", OrdStatus.EXPIRED, now_ns)
        for maker, lots in result.fills:
            self._trade(pair, order.account, order, order.side is Side.BUY, maker, lots, now_ns)

    def _trade(
        self, pair: Pair, taker: str, order: SimOrder | None, buy: bool, maker: Resting, lots: int, now_ns: int
    ) -> None:
        """Settle one execution; ``order`` is the taker's, None for a synthetic taker."""
        self._trade_id += 1
        trade_id, symbol = self._trade_id, pair.symbol
        self._settle(pair, taker, order, buy, False, maker.px, lots, trade_id, now_ns)
        resting = self.orders.get(maker.id)
        if resting is None:
            amount = maker.px * lots * pair.unit if maker.buy else lots * pair.lot_units
            self.ledger.lock(maker.owner, pair.quote if maker.buy else pair.base, -amount)
            self.eaten[symbol].append((maker.buy, maker.px))
            if not maker.qty:
                del self._quotes[symbol][maker.buy][maker.px]
        self._settle(pair, maker.owner, resting, maker.buy, True, maker.px, lots, trade_id, now_ns)
        side = Side.BUY if buy else Side.SELL
        trade = TradeReport(trade_id, symbol, side, maker.px, lots, now_ns)
        self.trades[symbol].add(trade)
        self._reports.trade(trade)

    def _settle(
        self,
        pair: Pair,
        account: str,
        order: SimOrder | None,
        buy: bool,
        maker: bool,
        px: int,
        lots: int,
        trade_id: int,
        now_ns: int,
    ) -> None:
        """One account's side of an execution: pay, receive, fee."""
        ledger = self.ledger
        quote, base = px * lots * pair.unit, lots * pair.lot_units
        give, paid, get, got = (pair.quote, quote, pair.base, base) if buy else (pair.base, base, pair.quote, quote)
        if order is not None and order.locked:
            freed = order.px * lots * pair.unit if buy else base
            order.locked -= freed
            ledger.lock(account, give, -freed)
        ledger.lock(account, give, paid)
        ledger.spend(account, give, paid)
        ledger.credit(account, get, got)
        fee, asset, extra = self._fees.charge(pair, account, get, got, quote, maker)
        if order is None:
            return
        order.cum += lots
        order.cum_quote += quote
        order.updated_ns = now_ns
        order.status = OrdStatus.PARTIALLY_FILLED
        if order.cum == order.qty:
            order.status = OrdStatus.FILLED
            del self._open[order.id]
        fill = SimFill(
            trade_id,
            account,
            order.symbol,
            order.id,
            order.cl_ord_id,
            order.side,
            px,
            lots,
            quote,
            fee,
            asset,
            maker,
            now_ns,
            extra,
        )
        order.fills.append(fill)
        self.fills.append(fill)
        self._reports.touch(account, give)
        self._reports.touch(account, get)
        self._reports.touch(account, asset)
        self._reports.order("trade", order, fill, now_ns)

    def _cancel(self, order: SimOrder, now_ns: int, reason: EndReason = "user") -> None:
        if order.id in self._held:
            self._held.discard(order.id)
        else:
            self.books[order.symbol].remove(self._resting(order))
        self._end(order, reason, OrdStatus.CANCELED, now_ns)

    def _resting(self, order: SimOrder) -> Resting:
        return self.books[order.symbol].resting(order.id, order.side is Side.BUY, order.px)

    def _end(self, order: SimOrder, reason: EndReason, status: OrdStatus, now_ns: int) -> None:
        pair = self.pairs[order.symbol]
        if order.locked:
            asset = pair.quote if order.side is Side.BUY else pair.base
            self.ledger.lock(order.account, asset, -order.locked)
            order.locked = 0
            self._reports.touch(order.account, asset)
        order.status, order.reason, order.updated_ns = status, reason, now_ns
        del self._open[order.id]
        kinds: dict[OrdStatus, ReportKind] = {OrdStatus.CANCELED: "canceled", OrdStatus.REJECTED: "rejected"}
        self._reports.order(kinds.get(status, "expired"), order, None, now_ns)
