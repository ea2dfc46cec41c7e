"""The reports of a simulated exchange: what has changed since they were last taken."""

from __future__ import annotations

from collections.abc import Mapping

from arbkit.sim.ledger import SimLedger
from arbkit.sim.matching import SimBook
from arbkit.sim.pair import Pair
from arbkit.sim.records import (
    BalanceReport,
    InstrumentReport,
    OrderReport,
    Report,
    ReportKind,
    SimFill,
    SimOrder,
    TopReport,
    TradeReport,
)

__all__ = ["SimReports"]


class SimReports:
    """Queues reports. ``SimExchange`` owns one and tells it of each change; it sees changes of best prices and of pairs
    itself."""

    __slots__ = ("_books", "_halted", "_ledger", "_pairs", "_queue", "_rules", "_seen", "_seq", "_tops", "_touched")

    def __init__(
        self, pairs: Mapping[str, Pair], halted: Mapping[str, str], books: Mapping[str, SimBook], ledger: SimLedger
    ) -> None:
        self._pairs = pairs
        self._halted = halted
        self._books = books
        self._ledger = ledger
        self._queue: list[Report] = []
        self._touched: dict[tuple[str, str], None] = {}
        self._tops: dict[str, tuple[int, int, int, int]] = {}
        self._seen = dict.fromkeys(books, -1)
        """The update id of each book when its best prices were last looked at."""
        self._rules = dict(pairs), dict(halted)
        """The pairs and halts that were last reported."""
        self._seq = 0

    def order(self, kind: ReportKind, order: SimOrder, fill: SimFill | None, now_ns: int) -> None:
        """An order changed."""
        self._seq += 1
        report = OrderReport(kind, order, order.status, order.cum, order.cum_quote, fill, now_ns, self._seq)
        self._queue.append(report)

    def trade(self, report: TradeReport) -> None:
        self._queue.append(report)

    def touch(self, account: str, asset: str) -> None:
        """A balance changed; it is reported by ``balances``."""
        self._touched[account, asset] = None

    def balances(self, now_ns: int) -> None:
        """Queue one balance report per account with all assets that the action changed."""
        by_account: dict[str, list[tuple[str, int, int]]] = {}
        for account, asset in self._touched:
            row = (asset, self._ledger.free(account, asset), self._ledger.locked(account, asset))
            by_account.setdefault(account, []).append(row)
        self._touched.clear()
        for account, rows in by_account.items():
            self._seq += 1
            self._queue.append(BalanceReport(account, tuple(rows), now_ns, self._seq))

    @property
    def quiet(self) -> bool:
        """Whether nothing has changed since the last ``take``."""
        books, seen = self._books, self._seen
        for symbol in seen:
            if books[symbol].seq != seen[symbol]:
                return False
        return not self._queue and self._rules == (self._pairs, self._halted)

    def take(self) -> list[Report]:
        """The reports since the last call."""
        reports, self._queue = self._queue, []
        seen = self._seen
        for symbol, book in self._books.items():
            if book.seq != seen.get(symbol):
                seen[symbol] = book.seq
                top = book.top()
                if self._tops.get(symbol) != top:
                    reports.append(TopReport(symbol, book.seq, *top))
                    self._tops[symbol] = top
        if self._rules != (self._pairs, self._halted):
            (pairs, halted), self._rules = self._rules, (dict(self._pairs), dict(self._halted))
            for symbol in {**pairs, **self._pairs}:
                changed = pairs.get(symbol) is not self._pairs.get(symbol)
                if changed or halted.get(symbol) != self._halted.get(symbol):
                    reports.append(InstrumentReport(symbol))
        return reports
