"""The order flow of the simulated venues: repeatable books that are never crossed, with the claimed statistics."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from itertools import pairwise
from random import Random
from statistics import correlation, mean, median, pvariance, quantiles
from typing import Any, ClassVar

import pytest
from arbkit_binance.dialect import BinanceDialect

from arbkit.core.types import Side, Tif
from arbkit.sim.flow import LAG_STEPS, Flow
from arbkit.sim.market import MAKER, Divergence, Market
from arbkit.sim.price import DOLLARS, MAX_STEP, STEP_NS, STYLES, WILD, Price, walk
from arbkit.sim.venue import Account, SimExchange
from arbkit.sim.world import MARKET, PAIRS, PRICES, World

T0 = 1_780_000_000_000_000_000
S = 1_000_000_000
HOUR = 3600 * S // STEP_NS
ALL_PRICES = {**PRICES, "SOL-USDT": Decimal(150), "ETH-BTC": Decimal("0.0388")}
NAMES = ["binance", "okx", "bybit", "kraken", "gate", "htx"]


class Second(BinanceDialect):
    """A second venue with the same wire format."""

    venue: ClassVar[str] = "second"


def flow(symbol: str, seed: str = "1", venue: str = "binance", **how: Any) -> Flow:
    return Flow(PAIRS[symbol], ALL_PRICES[symbol], seed, venue, **how)


def apply(book: tuple[dict[int, int], dict[int, int]], changes: Iterable[tuple[bool, int, int]]) -> None:
    for buy, px, lots in changes:
        side = book[0] if buy else book[1]
        if lots:
            side[px] = lots
        else:
            side.pop(px, None)  # a level can come and go within one step


@dataclass
class Hour:
    """What an hour of one flow was like, step by step."""

    spreads: list[int] = field(default_factory=list)
    depths: list[tuple[int, int]] = field(default_factory=list)
    mids: list[float] = field(default_factory=list)
    changes: list[int] = field(default_factory=list)
    events: list[int] = field(default_factory=list)
    swept: int = 0
    """How often two or more levels at the top disappeared while the other side stayed."""
    sizes: list[int] = field(default_factory=list)


@cache
def hour(symbol: str) -> Hour:
    """Play an hour and check each step: the changes lead from book to book, no side is crossed or empty."""
    played, found = flow(symbol), Hour()
    book: tuple[dict[int, int], dict[int, int]] = ({}, {})
    apply(book, played.levels())
    bid, ask = played.top()
    for _ in range(HOUR):
        changes = played.step()
        taken = sum(not lots and px <= bid for buy, px, lots in changes if buy and px > played.top()[0])
        apply(book, changes)
        now = played.top()
        assert now[0] < now[1]
        assert len({(buy, px) for buy, px, _ in changes}) == len(changes)
        for _, px, lots in changes:
            assert type(px) is int
            assert type(lots) is int
            assert px > 0
            assert lots >= 0
        found.swept += taken >= 2 and now[1] == ask
        bid, ask = now
        found.spreads.append(ask - bid)
        found.depths.append((len(book[0]), len(book[1])))
        found.mids.append((bid + ask) / 2)
        found.changes.append(len(changes))
        found.events.append(played.events)
        found.sizes += [lots for buy, px, lots in changes if lots and px not in (bid, ask)][:1]
    assert (max(book[0]), min(book[1])) == (bid, ask)
    assert sorted(played.levels()) == sorted((side == 0, px, q) for side in (0, 1) for px, q in book[side].items())
    return found


def test_a_seed_gives_the_same_book_whatever_else_is_played() -> None:
    """The flows of two venues and two symbols, played alone, in turns or one after the other, change equally."""
    keys = [(symbol, venue) for symbol in ("BTC-USDT", "ETH-USDT") for venue in ("binance", "okx")]

    def played(seed: str, order: Sequence[tuple[str, str]], run: int) -> dict[tuple[str, str], list[Any]]:
        flows = {key: flow(key[0], seed, key[1]) for key in order}
        seen: dict[tuple[str, str], list[Any]] = {key: [one.levels()] for key, one in flows.items()}
        for _ in range(600 // run):
            for key, one in flows.items():
                seen[key] += [one.step() for _ in range(run)]
        return seen

    first = played("7", keys, 1)
    assert played("7", keys[::-1], 1) == first
    assert played("7", keys, 600) == first
    assert played("7", keys[:1], 1)[keys[0]] == first[keys[0]]
    assert played("8", keys, 1) != first


def market(venues: Sequence[str], symbols: Sequence[str], seed: str) -> tuple[Market, dict[str, SimExchange]]:
    """Default settings."""
    exchanges, divergence = {}, Divergence()
    for venue in venues:
        exchange = exchanges[venue] = SimExchange(venue, BinanceDialect.profile, [PAIRS[symbol] for symbol in symbols])
        maker = Account(MAKER, synthetic=True, maker=Decimal(0), taker=Decimal(0))
        exchange.open(maker, [(asset, Decimal(10**9)) for asset in ("BTC", "ETH", "USDT")])
    flows = {
        (venue, symbol): flow(symbol, seed, venue, noise=divergence.noise, step_s=divergence.step_s)
        for venue in venues
        for symbol in symbols
    }
    return Market(exchanges, flows, T0, divergence, Random(seed)), exchanges


def test_books_do_not_depend_on_how_often_the_market_is_ticked() -> None:
    """Two venues in either order, ticked at each step or once in a second: equal books at each second."""

    def books(venues: Sequence[str], every_ns: int) -> list[Any]:
        made, exchanges = market(venues, ["BTC-USDT", "ETH-USDT"], "3")
        seen = []
        for now_ns in range(T0, T0 + 20 * S + 1, every_ns):
            made.tick(now_ns)
            if not (now_ns - T0) % S:
                seen.append(
                    [exchanges[v].books[s].depth(999) for v in sorted(venues) for s in ("BTC-USDT", "ETH-USDT")]
                )
        return seen

    assert books(["okx", "binance"], STEP_NS // 4) == books(["binance", "okx"], S)


@pytest.mark.parametrize("symbol", list(ALL_PRICES))
def test_an_hour_of_sane_books(symbol: str) -> None:
    """Never crossed or empty (checked in each step), on tick and lot, at least 100 levels a side, and a spread near
    that of the symbol's style."""
    found, pair, price = hour(symbol), PAIRS[symbol], float(ALL_PRICES[symbol])
    tick = float(pair.tick)
    usual = max(1, round(STYLES[symbol].spread * price / tick))
    assert min(min(both) for both in found.depths) >= 100
    assert max(max(both) for both in found.depths) < 300
    assert usual <= median(found.spreads) <= 2 * usual + 1
    assert max(found.spreads) * tick / price < 0.0006 + 10 * tick / price
    assert 0.97 < found.mids[-1] * tick / price < 1.03
    assert 1 <= mean(found.changes) < 60


def test_a_price_of_few_ticks_has_a_book() -> None:
    """Ten ticks: all bids are above zero, and the book is not crossed for a minute."""
    played = Flow(PAIRS["ETH-BTC"], Decimal("0.0001"), "1", "binance")
    for _ in range(600):
        played.step()
        bid, ask = played.top()
        assert 0 < bid < ask < 20
        assert min(px for _, px, _ in played.levels()) > 0


def test_sizes_have_a_heavy_tail() -> None:
    """The largest hundredth of the orders is at least eight times the median; a light tail has three or four."""
    for symbol in ALL_PRICES:
        sizes = hour(symbol).sizes
        assert quantiles(sizes, n=100)[-1] > 8 * median(sizes)


def test_symbols_differ_in_activity() -> None:
    """BTC has more changes than ETH, that more than SOL, and ETH-BTC the fewest, in quiet hours and in their sum."""
    rates = [mean(hour(symbol).events) for symbol in ALL_PRICES]
    assert rates[0] > rates[2] > rates[3]
    assert rates[0] > 3 * rates[3]
    busiest = [STYLES[symbol].events for symbol in ALL_PRICES]
    assert busiest == sorted(busiest, reverse=True)


def test_large_trades_take_several_levels_and_the_best_price_returns() -> None:
    """In an hour some trades take two levels or more at once; the spread is back within three seconds."""
    found = hour("BTC-USDT")
    assert found.swept > 10
    wide = [spread > 20 for spread in found.spreads]
    assert any(wide)
    assert not any(all(wide[i : i + 30]) for i in range(len(wide) - 30))


@pytest.mark.parametrize("symbol", list(ALL_PRICES))
def test_events_cluster(symbol: str) -> None:
    """In windows of ten seconds of one regime the variance of the number of events is over twice its mean; without
    clusters the two are equal."""
    played = flow(symbol, seed="2")
    windows: dict[bool, list[int]] = {False: [], True: []}
    for _ in range(360):
        wild, count = played.wild, 0
        for _ in range(100):
            played.step()
            count += played.events
        if played.wild is wild:
            windows[wild].append(count)
    longest = max(windows.values(), key=len)
    assert len(longest) > 100
    assert pvariance(longest) / mean(longest) > 2


def test_quiet_and_wild_hours_differ() -> None:
    """Both occur in a day. In wild hours the price has at least twice the variance and at most six times, and there are
    about ``WILD`` times as many events."""
    price = Price(STYLES["BTC-USDT"], 61_800.0, "day")
    moves: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(24 * HOUR // 10):
        wild, before = price.wild, price.value
        for _ in range(10):
            price.step()
        moves[wild].append(price.value / before - 1.0)
    assert min(len(some) for some in moves.values()) > HOUR // 10
    assert 2 < pvariance(moves[True]) / pvariance(moves[False]) < 6
    played = flow("ETH-BTC", seed="2")
    events: dict[bool, list[int]] = {False: [], True: []}
    for _ in range(4 * HOUR):
        played.step()
        events[played.wild].append(played.events)
    assert min(len(some) for some in events.values()) > 1000
    assert WILD * 0.7 < mean(events[True]) / mean(events[False]) < WILD * 1.3


def test_large_moves_are_more_frequent_than_normal_and_cluster() -> None:
    """Moves in ten seconds: the kurtosis is over that of the normal distribution (3), and absolute moves are
    correlated with the next ones, the moves themselves are not."""
    price = Price(STYLES["ETH-USDT"], 2400.0, "tails")
    moves = []
    for _ in range(6000):
        before = price.value
        for _ in range(100):
            last = price.value
            price.step()
            assert abs(price.value / last - 1.0) < MAX_STEP * 1.0001
        moves.append(price.value / before - 1.0)
    assert mean(move**4 for move in moves) / pvariance(moves) ** 2 > 4
    sizes = [abs(move) for move in moves]
    assert correlation(sizes[:-1], sizes[1:]) > 0.06
    assert abs(correlation(moves[:-1], moves[1:])) < 0.05


def test_prices_of_all_symbols_agree() -> None:
    """BTC costs the same in USDT and in USDC; ETH in BTC costs what its dollars buy. No round of three pairs gains."""
    names = {name.partition("-")[::2]: price for name, price in MARKET.items()}
    assert len(names) >= 12
    assert {quote for _, quote in names} == {"USDT", "USDC", "BTC", "ETH", "BNB"}
    walks = {pair: walk(*pair, float(price), "agree") for pair, price in names.items()}
    for _ in range(HOUR):
        for one in walks.values():
            one.step()
    assert walks["BTC", "USDC"].value == walks["BTC", "USDT"].value != 61_800
    for (base, quote), one in walks.items():
        if quote not in DOLLARS:
            assert one.value * walks[quote, "USDT"].value == pytest.approx(walks[base, "USDT"].value, rel=1e-9)


def lags(seed: str) -> list[str]:
    """The venues from the fastest to the slowest."""
    return sorted(NAMES, key=lambda venue: flow("BTC-USDT", seed, venue).lag_ns)


def test_the_slower_venue_follows() -> None:
    """The mids of two venues correlate most with a delay that is the difference of their lags, and the leader's moves
    say more of the laggard's next ones than the other way round."""
    first, *_, last = lags("5")
    pair = [flow("BTC-USDT", "5", venue, noise=0.0) for venue in (first, last)]
    behind = (pair[1].lag_ns - pair[0].lag_ns) / STEP_NS
    assert behind > 2
    assert behind < LAG_STEPS + 1
    mids = [[sum(one.top()) / 2 for _ in range(12_000) if one.step() is not None] for one in pair]
    lead, follow = ([b - a for a, b in pairwise(mid)] for mid in mids)

    def at(delay: int) -> float:
        pairs = [(lead[i], follow[i + delay]) for i in range(10, len(lead) - 10)]
        return correlation([a for a, _ in pairs], [b for _, b in pairs])

    by_delay = {delay: at(delay) for delay in range(-6, 7)}
    best = max(by_delay, key=lambda delay: by_delay[delay])
    assert abs(best - behind) <= 1
    assert by_delay[best] > 0.2
    assert sum(by_delay[i] for i in range(1, 7)) > 5 * abs(sum(by_delay[-i] for i in range(1, 7)))


def test_venues_diverge_and_meet_again() -> None:
    """The difference of two venues' mids is small, changes its sign often, and is within what ``Divergence`` says."""
    pair = [flow("BTC-USDT", "6", venue) for venue in ("binance", "okx")]
    gaps = []
    for _ in range(HOUR):
        for one in pair:
            one.step()
        bid, other = (sum(one.top()) / 2 for one in pair)
        gaps.append(bid / other - 1.0)
    assert max(map(abs, gaps)) < 2 * 0.0003 + (LAG_STEPS + 1) * MAX_STEP + 0.0003
    assert max(gaps) > 0.0002
    assert min(gaps) < -0.0002
    signs = [gap > 0 for gap in gaps if abs(gap) > 0.00005]
    assert sum(a != b for a, b in pairwise(signs)) > 50


@pytest.mark.parametrize("symbol", ["BTC-USDT", "ETH-BTC"])
def test_no_edge_without_planting(symbol: str) -> None:
    """An hour of the fastest and the slowest of six venues: no edge after two taker fees in either direction. The
    largest possible difference, of drift and lag, is also less than the fees."""
    assert 2 * Divergence().noise + (LAG_STEPS + 1) * MAX_STEP < 0.0016
    first, *_, last = lags("9")
    made, _ = market([first, last], [symbol], "9")
    best = -1.0
    while made.due_ns <= T0 + 3600 * S:
        made.tick(made.due_ns)
        best = max(best, made.net(symbol, first, last), made.net(symbol, last, first))
    assert -0.002 < best < 0


def test_planted_edges_are_exact_and_stay() -> None:
    """From its start to its end each edge has its net at the best prices, rounded up to a tick on each side, also in
    wild times and when a taker has just taken the best price; before and after there is none."""
    world = World([BinanceDialect, Second], seed=4, start_ns=T0)
    rng, at_ns = Random("edges"), T0 + S
    for _ in range(40):
        venues = rng.sample(["binance", "second"], 2)
        lasting_ns = round(rng.uniform(0.02, 2) * S)
        world.plant("BTC-USDT", *venues, rng.uniform(0.0005, 0.006), at_ns, lasting_ns)
        at_ns += lasting_ns + round(rng.uniform(0.05, 1.0) * S)
    edges = world.market.edges
    exchange = world.sites["binance"].exchange
    begun: Callable[[], int] = lambda: sum(bool(edge.begun_ns) for edge in edges)  # noqa: E731
    while world.due_ns < at_ns:
        if begun() < len(edges) and edges[begun()].start_ns - world.due_ns < S // 5 and not begun() % 4:
            ask = exchange.books["BTC-USDT"].top()[2:]
            lots, px = ask[1] * PAIRS["BTC-USDT"].lot, ask[0] * PAIRS["BTC-USDT"].tick
            if not exchange.orders or px * lots < Decimal(20_000):
                order = exchange.place("main", "BTC-USDT", Side.BUY, px=px, qty=lots, tif=Tif.IOC, now_ns=world.due_ns)
                assert order.cum == order.qty
        world.tick(world.due_ns)
        world.drain()
        active = [edge for edge in edges if edge.begun_ns and not edge.ended_ns]
        for venues in (("binance", "second"), ("second", "binance")):
            net = world.market.net("BTC-USDT", *venues)
            if active and venues == (active[0].buy_venue, active[0].sell_venue):
                assert -1e-12 <= net - active[0].net < 3 * 0.01 / 60_000
            else:
                assert net < 0
    assert begun() == len(edges)
    assert exchange.orders


def weight(thing: Any) -> int:
    """The bytes of a flow's book and of its other attributes."""
    parts = [getattr(thing, name) for name in thing.__slots__]
    parts += [getattr(side, name) for side in (thing._bids, thing._asks) for name in side.__slots__]
    return sum(sys.getsizeof(part) for part in parts)


def test_a_day_takes_no_more_memory_than_an_hour() -> None:
    """24 hours of one pair: the book has as many levels and bytes as after an hour."""
    played = flow("ETH-BTC", seed="day")
    weights = []
    for _ in range(24):
        for _ in range(HOUR):
            played.step()
        weights.append(weight(played))
    assert max(weights[1:]) < 1.5 * weights[0]
    assert len(played.levels()) < 500
