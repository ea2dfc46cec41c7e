"""Books, ladders and spreads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized
from itertools import islice
from math import isfinite

from arbkit.core.market.book import Book
from arbkit.monitor.api import shapes
from arbkit.monitor.api.facts import RunFacts
from arbkit.monitor.api.samples import Samples
from arbkit.monitor.api.shapes import Subscribe
from arbkit.monitor.api.table import Cell
from arbkit.monitor.api.topics.said import said

__all__ = ["books", "ladders", "spreads"]


def _wanted(facts: RunFacts, symbols: Sequence[str]) -> list[Book]:
    found = list(facts.desk.books.values())
    return [book for book in found if book.instrument.partition(":")[2] in symbols] if symbols else found


def _stamp(book: Book) -> object:
    """Another one when the book has changed."""
    return book.updates, book.state, book.crossed_ns, book.top


def _aged(book: Book, now_ns: int) -> object:
    """``_stamp``, and another one each second that a book is quiet: a frozen book must not look fresh."""
    return _stamp(book), _age_us(book, now_ns) // 1_000_000


def _state(book: Book) -> tuple[str, str]:
    """Its state in a word, and why it is not trusted."""
    if book.crossed_ns:
        return "crossed" if book.state.value == "synced" else book.state.value, said(book.reason) or "crossed"
    return book.state.value, said(book.reason)


def books(facts: RunFacts, samples: Samples, ask: Subscribe) -> Iterator[Cell]:
    now_ns = facts.now_ns()

    def row(book: Book) -> shapes.Book:
        bid, ask = book.best_bid(), book.best_ask()
        state, reason = _state(book)
        return shapes.Book(
            instrument=book.instrument,
            state=state,
            reason=reason,
            bid_px=bid and bid[0],
            bid_qty=bid and bid[1],
            ask_px=ask and ask[0],
            ask_qty=ask and ask[1],
            age_us=_age_us(book, now_ns),
            updates=book.updates,
            levels=_size(book.bids) + _size(book.asks),
        )

    for book in _wanted(facts, ask.symbols):
        yield (book.instrument,), _aged(book, now_ns), row, book


def _size(ladder: Sized) -> int:
    """Of a ladder in Python ``len`` is linear."""
    keys: Sized = getattr(ladder, "keys", ladder)
    return len(keys)


def _age_us(book: Book, now_ns: int) -> int:
    return max(book.age_ns(now_ns) // 1000, 0) if book.recv_ns else 0


def ladders(facts: RunFacts, samples: Samples, ask: Subscribe) -> Iterator[Cell]:
    now_ns = facts.now_ns()

    def row(book: Book) -> shapes.Ladder:
        return shapes.Ladder(
            instrument=book.instrument,
            state=_state(book)[0],
            age_us=_age_us(book, now_ns),
            bids=list(islice(book.levels_to_sell(), ask.depth)),
            asks=list(islice(book.levels_to_buy(), ask.depth)),
        )

    for book in _wanted(facts, ask.symbols):
        yield (book.instrument,), _aged(book, now_ns), row, book


class _Side:
    """A book as the spreads see it: what a purchase costs here and what a sale brings, fees included."""

    __slots__ = ("ask", "ask_qty", "bid", "bid_qty", "cost", "gain", "ok", "venue")

    def __init__(self, facts: RunFacts, book: Book) -> None:
        self.venue = book.instrument.partition(":")[0]
        bid, ask = book.best_bid(), book.best_ask()
        self.ok = book.trusted and bid is not None and ask is not None
        self.bid, self.bid_qty = bid or (0.0, 0.0)
        self.ask, self.ask_qty = ask or (0.0, 0.0)
        fee = float(facts.desk.venues[self.venue].fee(book.instrument).taker)
        self.cost, self.gain = self.ask * (1 + fee), self.bid * (1 - fee)


def spreads(facts: RunFacts, samples: Samples, ask: Subscribe) -> Iterator[Cell]:
    """With ``symbols`` all pairs of venues; without, the best pair of each symbol."""
    by_symbol: dict[str, list[Book]] = {}
    for book in _wanted(facts, ask.symbols):
        by_symbol.setdefault(book.instrument.partition(":")[2], []).append(book)

    def row(what: tuple[str, _Side, _Side]) -> shapes.Spread:
        symbol, buy, sell = what
        known = buy.ok and sell.ok
        return shapes.Spread(
            symbol=symbol,
            buy=buy.venue,
            sell=sell.venue,
            gross=_share(sell.bid, buy.ask) if known else None,
            net=_share(sell.gain, buy.cost) if known else None,
            notional=min(buy.ask_qty, sell.bid_qty) * buy.ask if known else None,
        )

    version = facts.desk.view.version  # fees
    for symbol, found in by_symbol.items():
        if len(found) < 2:
            continue
        stamps = {book.instrument.partition(":")[0]: _stamp(book) for book in found}
        sides = [_Side(facts, book) for book in found]
        pairs = [(buy, sell) for buy in sides for sell in sides if buy is not sell] if ask.symbols else [_best(sides)]
        for buy, sell in pairs:
            stamp = version, stamps[buy.venue], stamps[sell.venue]
            yield (symbol, buy.venue, sell.venue), stamp, row, (symbol, buy, sell)


def _share(gain: float, cost: float) -> float | None:
    share = gain / cost - 1 if cost else float("inf")
    return share if isfinite(share) else None


def _best(sides: list[_Side]) -> tuple[_Side, _Side]:
    """The pair with the highest net edge. The best purchase and the best sale may be at one venue: then one of them is
    the second best."""
    known = [side for side in sides if side.ok]
    if len(known) < 2:
        return sides[0], sides[1]
    buys = sorted(known, key=lambda side: side.cost)[:2]
    sells = sorted(known, key=lambda side: -side.gain)[:2]
    return max(
        ((buy, sell) for buy in buys for sell in sells if buy is not sell), key=lambda pair: pair[1].gain / pair[0].cost
    )
