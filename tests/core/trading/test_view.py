"""What a view says beside books and balances: prices through other assets, the basis of a pair, limits, why not."""

from __future__ import annotations

from itertools import permutations

import pytest

from arbkit.core.market.rates import MOST_HOPS
from arbkit.core.types import BookState, Mode, Side

A, B = "aa:BTC-USDT", "bb:BTC-USDT"
SYMBOLS = ("BTC-USDT", "ETH-BTC", "ETH-USDC", "SOL-ETH", "SOL-XRP", "XRP-DOT")


@pytest.fixture
def rig(kit):
    """One venue with a chain of pairs, and another with one of them."""

    class Wants(kit.strategy):
        def instruments(self, catalogue):
            return list(catalogue)

    rig = kit.rig(kit.venue("aa", symbols=SYMBOLS), kit.venue("bb"), strategies=[Wants()]).boot()
    for symbol, px in zip(SYMBOLS, (60_000, 0.04, 2_500, 0.06, 70, 0.5), strict=True):
        rig.book(f"aa:{symbol}", px * 0.999, px * 1.001)
    rig.book(B, 60_060 * 0.999, 60_060 * 1.001)
    return rig


def longhand(rig, asset: str, other: str) -> list[tuple[float, tuple[str, ...]]]:
    """By trying every order of every books: the prices with the fewest books."""
    names = [name for name in rig.desk.books if rig.desk.view.book(name) is not None]
    for hops in range(1, MOST_HOPS + 1):
        found = []
        for path in permutations(names, hops):
            px, at = 1.0, asset
            for name in path:
                base, quote = name.partition(":")[2].split("-")
                book = rig.desk.books[name]
                mid = (book.bid_px + book.ask_px) / 2
                if at not in (base, quote):
                    break
                px, at = (px * mid, quote) if at == base else (px / mid, base)
            else:
                if at == other:
                    found.append((px, path))
        if found:
            return found
    return []


def test_a_price_goes_through_as_few_trusted_books_as_possible(rig):
    """As a brute-force search finds it; also after a book on the way is lost."""
    rig.desk.view.now_ns = rig.now
    assets = ("BTC", "USDT", "ETH", "USDC", "SOL", "XRP", "DOT", "DOGE")

    def compare() -> int:
        seen = 0
        for asset, other in permutations(assets, 2):
            rate, expected = rig.desk.view.price(asset, other), longhand(rig, asset, other)
            assert (rate is None) == (not expected), (asset, other)
            if rate is not None:
                px = {path: px for px, path in expected}
                assert rate.px == pytest.approx(px[rate.path]), (asset, other)
                seen += 1
        return seen

    whole = compare()
    assert whole > 20
    assert rig.desk.view.price("BTC", "USDT").path == (A,)
    rig.desk.market.lose(A, "gap")
    assert rig.desk.view.price("BTC", "USDT").path == (B,)
    rig.desk.market.lose("aa:ETH-BTC", "gap")
    assert rig.desk.view.price("ETH", "USDT") is None
    assert 0 < compare() < whole
    assert rig.desk.view.price("BTC", "BTC").path == ()


def test_a_basis_is_sampled_once_a_second_from_when_it_is_asked_for(rig):
    """Mean, extremes and deviation of the window; seconds without a trusted book are left out."""
    view = rig.desk.view
    assert view.basis(A, B) is None
    for ratio in (1.001, 1.002, 1.003):
        rig.book(B, 60_000 * ratio * 0.999, 60_000 * ratio * 1.001)
        rig.book(A, 60_000 * 0.999, 60_000 * 1.001)
        rig.run(1)
    found = view.basis(A, B)
    assert (found.samples, found.last) == (3, pytest.approx(0.003))
    assert (found.low, found.high, found.mean) == pytest.approx((0.001, 0.003, 0.002))
    assert found.deviation == pytest.approx((2 / 3) ** 0.5 / 1000)
    assert view.basis(A, B, 2).low == pytest.approx(0.002)
    assert view.basis(B, A) is None
    rig.desk.market.lose(A, "gap")
    rig.run(1)
    assert view.basis(A, B).samples == 3
    with pytest.raises(ValueError, match="a basis is kept for 1 to 3600 s"):
        view.basis(A, B, 0)


def test_why_no_deal_can_begin_is_told(rig):
    """The venue, the mode, the book; "" while one can."""
    view = rig.desk.view
    view.now_ns = rig.now
    assert view.why_not(A) == ""
    assert view.why_not("aa:BTC-EUR") == "no venue of this run lists aa:BTC-EUR"
    rig.desk.market.lose(A, "sequence gap")
    assert view.why_not(A) == "its book is not trusted: sequence gap"
    rig.desk.mode("bb", Mode.REDUCING.value, "person", "me", "lunch", rig.now)
    assert view.why_not(B) == "mode reducing: lunch"
    rig.close("aa.private")
    assert view.why_not(A).startswith("aa is not ready: private stream not confirmed")


def test_limits_positions_fees_and_deals_are_there_to_read(kit):
    """They follow a deal from its start to its end."""
    rig = kit.rig().boot()
    view, strategy = rig.desk.view, rig.desk.engine.strategies[0].strategy
    rig.run(1.2)
    before = view.limits()
    assert (before.deals, before.deals_this_minute, before.loss_run) == (4, 30, 100)
    assert view.maker_fee(A) == 0.001
    buy, sell = rig.trade(0.1)
    view.now_ns = rig.now
    (deal,) = view.deals(strategy)
    assert (deal.closed, [leg.side for leg in deal.legs]) == (False, [Side.BUY, Side.SELL])
    assert view.deals(object()) == []
    open_now = view.limits()
    assert (open_now.deals, open_now.deals_this_minute) == (3, 29)
    assert open_now.notional < before.notional
    rig.fill(buy)
    rig.fill(sell)
    assert view.deals(strategy) == []
    assert (float(view.position(A)), float(view.position(B))) == (0.1, -0.1)
    assert float(view.held(A, "BTC")) == 10.1
    rig.run(1.2)
    assert view.limits().loss_run == rig.desk.audit.gain + 100
    assert rig.desk.books[A].state is BookState.SYNCED
