"""The book: state and trust, the faster best prices, what is dropped. Its sides are in ``test_ladder``."""

from __future__ import annotations

import pytest

from arbkit.core.market.book import Book
from arbkit.core.market.books import Books, _mark
from arbkit.core.market.ladder import SLACK
from arbkit.core.types import BookState, BookUpdate, Level, TopUpdate

BTC = "okx:BTC-USDT"
Pairs = list[tuple[float, float]]


def update(bids: Pairs, asks: Pairs, **kw: object) -> BookUpdate:
    return BookUpdate(BTC, [Level(*one) for one in bids], [Level(*one) for one in asks], **kw)  # type: ignore[arg-type]


def synced(bids: Pairs, asks: Pairs, **kw: object) -> tuple[Books, Book]:
    market = Books()
    return market, market.apply(update(bids, asks, snapshot=True, **kw))


def test_a_snapshot_makes_an_epoch() -> None:
    """Levels of two epochs never mix; a delta before any snapshot is ignored."""
    market = Books()
    book = market.create(BTC)
    market.apply(update([(1.0, 1.0)], []))
    assert (len(book.bids), book.state, book.updates, book.trusted) == (0, BookState.SYNCING, 0, False)
    market.apply(update([(1.0, 1.0)], [(2.0, 1.0)], snapshot=True, seq=5, exch_ns=6, recv_ns=7))
    market.apply(update([(0.9, 1.0)], [(2.1, 1.0)], snapshot=True, seq=9))
    assert (book.epoch, book.seq, list(book.bids), list(book.asks)) == (2, 9, [(0.9, 1.0)], [(2.1, 1.0)])


@pytest.mark.parametrize("state", [BookState.LOST, BookState.SYNCING])
def test_a_lost_book_needs_a_snapshot(state: BookState) -> None:
    """Deltas do not heal it; the reason says why."""
    market, book = synced([(1.0, 1.0)], [(2.0, 1.0)])
    _mark(book, state, "gap 5..7")
    market.apply(update([(1.1, 1.0)], []))
    assert (book.trusted, book.reason, book.best_bid()) == (False, "gap 5..7", (1.0, 1.0))
    market.apply(update([(1.1, 1.0)], [(2.0, 1.0)], snapshot=True))
    assert (book.trusted, book.reason) == (True, "")


def test_a_stale_book_is_healed_by_its_next_update() -> None:
    """STALE is a matter of time: the next update in sequence makes the book SYNCED again."""
    market, book = synced([(1.0, 1.0)], [(2.0, 1.0)])
    market.stale((BTC,), "silent")
    assert not book.trusted
    market.apply(update([(1.1, 1.0)], []))
    assert book.trusted


def test_a_crossed_book_is_not_trusted_and_says_since_when() -> None:
    """Locked counts as crossed; the time is that of the first crossed frame."""
    market, book = synced([(1.0, 1.0)], [(2.0, 1.0)], recv_ns=5)
    market.apply(update([(2.0, 1.0)], [], recv_ns=6))
    market.apply(update([(2.1, 1.0)], [], recv_ns=7))
    assert (book.trusted, book.crossed_ns) == (False, 6)
    market.apply(update([(2.0, 0.0), (2.1, 0.0)], [], recv_ns=8))
    assert (book.trusted, book.crossed_ns) == (True, 0)


def test_memory_is_bounded_and_walks_stop_at_the_depth() -> None:
    """Pruned well beyond the depth that the venue vouches for; what is kept beyond the depth is never walked."""
    market, book = synced([(1.0, 1.0)], [(200.0, 1.0)], depth=5)
    for number in range(190):
        market.apply(update([(1.0 + number / 10, 1.0)], [(300.0 - number, 1.0)]))
        assert len(book.bids) <= 10 + SLACK
        assert len(book.asks) <= 10 + SLACK
        assert len(list(book.levels_to_sell())) <= 5
        assert len(list(book.levels_to_buy())) <= 5
    assert [px for px, _ in book.levels_to_sell()] == [19.9, 19.8, 19.7, 19.6, 19.5]
    assert next(book.levels_to_buy()) == (111.0, 1.0)


def top(bid: tuple[float, float], ask: tuple[float, float], seq: int, recv_ns: int = 0) -> TopUpdate:
    return TopUpdate(BTC, Level(*bid), Level(*ask), seq, recv_ns=recv_ns)


def test_a_newer_top_overlays_until_the_book_is_newer() -> None:
    """It counts while its seq is newer; older and equal ones are refused; the depth feed takes over by its own seq."""
    market, book = synced([(10.0, 1.0), (9.0, 2.0)], [(11.0, 1.0), (12.0, 2.0)], seq=100, recv_ns=1)
    assert not market.overlay(top((10.5, 1.0), (11.0, 1.0), 100))
    assert market.overlay(top((10.5, 3.0), (11.5, 4.0), 105, recv_ns=9))
    assert not market.overlay(top((10.6, 3.0), (11.5, 4.0), 105))
    assert (book.best_bid(), book.best_ask(), book.recv_ns) == ((10.5, 3.0), (11.5, 4.0), 9)
    assert list(book.levels_to_sell()) == [(10.5, 3.0), (10.0, 1.0), (9.0, 2.0)]
    assert list(book.levels_to_buy()) == [(11.5, 4.0), (12.0, 2.0)]
    market.apply(update([(10.0, 5.0)], [], seq=104))
    assert book.best_bid() == (10.5, 3.0)
    market.apply(update([(10.0, 6.0)], [], seq=105))
    assert (book.best_bid(), book.top) == ((10.0, 6.0), None)


def test_a_top_replaces_the_size_at_its_price_and_hides_what_is_better() -> None:
    """A bid of the depth feed above the newer best bid is gone."""
    market, book = synced([(10.0, 1.0), (9.0, 2.0)], [(11.0, 1.0)], seq=100)
    market.overlay(top((9.0, 7.0), (11.0, 8.0), 101))
    assert list(book.levels_to_sell()) == [(9.0, 7.0)]
    assert list(book.levels_to_buy()) == [(11.0, 8.0)]


def test_only_a_synced_book_is_overlaid() -> None:
    """A lost book drops its overlay and takes none."""
    market, book = synced([(10.0, 1.0)], [(11.0, 1.0)], seq=1)
    market.overlay(top((10.5, 1.0), (11.0, 1.0), 5))
    market.lose(BTC, "gap")
    assert book.top is None
    assert not market.overlay(top((10.5, 1.0), (11.0, 1.0), 6))


def test_a_crossed_top_is_not_trusted() -> None:
    """A best bid at or above the best ask, from any stream: the book is not traded on."""
    market, book = synced([(10.0, 1.0)], [(11.0, 1.0)], seq=1)
    market.overlay(top((11.0, 1.0), (11.0, 1.0), 2, recv_ns=4))
    assert (book.trusted, book.crossed_ns) == (False, 4)
    market.overlay(top((10.5, 1.0), (11.0, 1.0), 3))
    assert book.trusted


def test_the_age_counts_from_the_venue_on() -> None:
    """The silence since the last frame, and how late that frame came."""
    _, book = synced([(10.0, 1.0)], [(11.0, 1.0)], recv_ns=100)
    assert book.age_ns(150) == 50
    book.transit_ns = 70
    assert (book.age_ns(150), book.age_ns(200)) == (120, 170)


def test_an_empty_side_has_no_best() -> None:
    """One-sided and empty books are data, not errors (D20)."""
    _, book = synced([], [(1.0, 1.0)])
    assert (book.best_bid(), book.best_ask(), list(book.levels_to_sell()), book.trusted) == (None, (1.0, 1.0), [], True)
