"""The simulated world: one seed gives one run, planted edges, and every fault of a script."""

from __future__ import annotations

import hmac
import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any, ClassVar

import pytest
from arbkit_binance.dialect import BinanceDialect
from arbkit_bybit.dialect import BybitDialect
from arbkit_okx.dialect import OkxDialect

from arbkit.core.errors import ConfigError
from arbkit.core.types import Side, Tif
from arbkit.sim.faults import Fault, default_script, read_script
from arbkit.sim.market import Divergence
from arbkit.sim.wire import Answer, Close, Out, Request, SimFrame
from arbkit.sim.world import ACCOUNT, MARKET, World

T0 = 1_780_000_000_000_000_000
MS = 1_000_000
S = 1_000 * MS


class Second(BinanceDialect):
    """A second venue with the same wire format."""

    venue: ClassVar[str] = "second"


def run(world: World, until_ns: int) -> list[tuple[int, Out]]:
    """Run the world in virtual time; returns what it sent, with times."""
    outs: list[tuple[int, Out]] = []
    while (now_ns := world.due_ns) <= until_ns:
        world.tick(now_ns)
        outs += [(now_ns, out) for out in world.drain()]
    return outs


def depth(world: World, venue: str = "binance", streams: str = "btcusdt@depth@100ms") -> int:
    return world.connect(venue, f"/ws/{streams}", {}, T0)[0]


def frames(outs: Sequence[tuple[int, Out]], conn: int) -> list[Any]:
    return [json.loads(out.text) for _, out in outs if isinstance(out, SimFrame) and out.conn == conn]


def holes(events: list[Any]) -> int:
    return sum(b["U"] != a["u"] + 1 for a, b in pairwise(events))


def buy(world: World, now_ns: int, cl_ord_id: str = "mine", qty: str = "0.01") -> Any:
    exchange = world.sites["binance"].exchange
    ask = exchange.books["BTC-USDT"].top()[2] * Decimal("0.01")
    return exchange.place(
        "main", "BTC-USDT", Side.BUY, px=ask + 50, qty=Decimal(qty), tif=Tif.IOC, cl_ord_id=cl_ord_id, now_ns=now_ns
    )


def test_the_same_seed_gives_the_same_bytes() -> None:
    """Frames, keys, ledger and faults are equal for one seed, and differ for another."""

    def once(seed: int) -> str:
        script = default_script(["binance", "second"], 10)
        world = World(
            [BinanceDialect, Second], seed=seed, start_ns=T0, faults=script, divergence=Divergence(edge_every_s=2)
        )
        depth(world)
        depth(world, "second", "ethusdt@bookTicker")
        outs = run(world, T0 + 10 * S)
        return repr([outs, world.ledger(), world.faults(), world.endpoints("second", "http://h", "ws://h")])

    assert once(5) == once(5)
    assert once(5) != once(6)


def test_depth_frames_chain_and_rebuild_the_book() -> None:
    """``U`` follows the last ``u``; applied to the first snapshot the frames give the venue's book at each step."""
    world = World([BinanceDialect], seed=1, start_ns=T0)
    book = world.sites["binance"].exchange.books["BTC-USDT"]
    bids, asks = (dict(side) for side in book.depth(5000))
    seq, conn = book.seq, depth(world)
    for second in range(1, 20):
        for event in frames(run(world, T0 + second * S), conn):
            assert event["U"] == seq + 1
            seq = event["u"]
            for side, key in ((bids, "b"), (asks, "a")):
                for px, qty in event[key]:
                    side[round(Decimal(px) * 100)] = round(Decimal(qty) * 100_000)
                for gone in [px for px, qty in side.items() if not qty]:
                    del side[gone]
        assert (sorted(bids.items(), reverse=True), sorted(asks.items())) == book.depth(5000)


def test_planted_edges_show_for_their_time_and_none_else() -> None:
    """The best prices give the planted net edge while it lasts, and no edge above the fees otherwise; frames are
    timed."""
    world = World([BinanceDialect, Second], seed=2, start_ns=T0)
    for venue in ("binance", "second"):
        depth(world, venue, "btcusdt@bookTicker")
    edges = [
        world.plant("BTC-USDT", *pair, net, T0 + (3 + 4 * i) * S, length * MS)
        for i, (pair, net, length) in enumerate(
            [
                (("binance", "second"), 0.001, 20),
                (("second", "binance"), 0.005, 300),
                (("binance", "second"), 0.003, 2000),
            ]
        )
    ]
    with pytest.raises(ValueError, match="already"):
        world.plant("BTC-USDT", "binance", "second", 0.001, T0 + 3 * S, 1)
    while (now_ns := world.due_ns) < T0 + 20 * S:
        world.tick(now_ns)
        world.drain()
        active = [e for e in edges if e.begun_ns and not e.ended_ns]
        for pair in (("binance", "second"), ("second", "binance")):
            net = world.market.net("BTC-USDT", *pair)
            if active and pair == (active[0].buy_venue, active[0].sell_venue):
                assert net == pytest.approx(active[0].net, abs=2e-5)
            else:
                assert net < 0
    for edge in edges:
        assert set(edge.shown_ns) == {"binance", "second"}
        assert all(edge.begun_ns <= at < edge.ended_ns for at in edge.shown_ns.values())
        assert set(edge.gone_ns) == {"binance", "second"}


def test_an_edge_around_three_pairs_shows_for_its_time_and_none_else() -> None:
    """Up or down: the way around gives the planted net while the edge lasts, and loses the fees before and after."""
    prices = {symbol: MARKET[symbol] for symbol in ("BTC-USDT", "ETH-USDT", "ETH-BTC", "ETH-USDC")}
    world = World([BinanceDialect], seed=2, start_ns=T0, prices=prices)
    edges = [
        world.plant_cycle("binance", "ETH-BTC", net, T0 + (3 + 3 * i) * S, 500 * MS, up=up)
        for i, (net, up) in enumerate([(0.002, True), (0.004, False), (0.0005, True)])
    ]
    with pytest.raises(ValueError, match="already"):
        world.plant_cycle("binance", "ETH-BTC", 0.001, T0 + 3 * S, 1)
    with pytest.raises(ValueError, match="no pairs around ETH-USDC with one dollar asset"):
        world.plant_cycle("binance", "ETH-USDC", 0.001, T0, 1)
    seen = 0
    while (now_ns := world.due_ns) < T0 + 12 * S:
        world.tick(now_ns)
        world.drain()
        active = [number for number, e in enumerate(edges) if e.begun_ns and not e.ended_ns]
        for up in (True, False):
            net = world.market.cycle_net("binance", "ETH-BTC", "USDT", up=up)
            if active and up == (active[0] != 1):
                seen += 1
                assert net == pytest.approx(edges[active[0]].net, abs=5e-4)
            else:
                assert net < 0
    assert seen > 10


def test_an_edge_around_three_pairs_pays_the_fees_of_each_of_them() -> None:
    """A venue that takes more on one quote asset: the way around, worked out with the account's own rates, gives the
    planted net."""

    class Dear(BinanceDialect):
        profile = replace(BinanceDialect.profile, special={"BTC": (Decimal("0.004"), Decimal("0.008"))})

    world = World([Dear], seed=2, start_ns=T0, prices={one: MARKET[one] for one in ("BTC-USDT", "ETH-USDT", "ETH-BTC")})
    edge = world.plant_cycle("binance", "ETH-BTC", 0.002, T0 + 3 * S, 500 * MS)
    exchange = world.sites["binance"].exchange
    seen = 0
    while (now_ns := world.due_ns) < T0 + 4 * S:
        world.tick(now_ns)
        world.drain()
        if edge.begun_ns and not edge.ended_ns:
            seen += 1
            gain = 1.0
            for symbol, selling in (("ETH-USDT", False), ("ETH-BTC", True), ("BTC-USDT", True)):
                bid, _, ask, _ = exchange.books[symbol].top()
                tick = float(exchange.pairs[symbol].tick)
                gain *= bid * tick if selling else 1 / (ask * tick)
                gain *= 1 - float(exchange.rates(ACCOUNT, symbol)[1])
            assert gain - 1 == pytest.approx(edge.net, abs=5e-4)
    assert seen > 3


def test_takers_eat_depth_and_makers_refill() -> None:
    """A taken quantity disappears from the book at once and comes back later; money is conserved."""
    world = World([BinanceDialect], seed=1, start_ns=T0, divergence=Divergence(noise=0))
    book = world.sites["binance"].exchange.books["BTC-USDT"]
    _, _, ask, lots = book.top()
    order = buy(world, T0 + 1, qty=str(lots * Decimal("0.00001")))
    assert order.cum == lots
    assert book.top()[2] > ask
    world.tick(T0 + 1)
    quoter = world.market._quoters["binance", "BTC-USDT"]
    run(world, T0 + S)
    assert dict(book.depth(5000)[1]).get(ask, 0) == quoter.flow.lots(False, ask)
    assert world.ledger()["binance"]["conserved"]


def test_trades_of_the_flow_are_public_and_fill_resting_orders() -> None:
    """A public trade happens at a price that the book had, on the side that the taker hits; a client's order that
    rests at the best price is filled by such trades, under the same trade ids."""
    world = World([BinanceDialect], seed=1, start_ns=T0, divergence=Divergence(noise=0))
    exchange = world.sites["binance"].exchange
    conn = world.connect("binance", "/ws/btcusdt@trade", {}, T0)[0]
    bid = exchange.books["BTC-USDT"].top()[0] * Decimal("0.01")
    own = exchange.place("main", "BTC-USDT", Side.BUY, px=bid, qty=Decimal("0.01"), now_ns=T0)
    prints: list[Any] = []
    while (now_ns := world.due_ns) < T0 + 120 * S:
        before = [dict(side) for side in exchange.books["BTC-USDT"].depth(5000)]
        world.tick(now_ns)
        for event in frames([(now_ns, out) for out in world.drain()], conn):
            assert int(Decimal(event["p"]) * 100) in before[0 if event["m"] else 1]
            prints.append(event)
    assert {event["m"] for event in prints} == {True, False}
    assert [event["t"] for event in prints] == sorted({event["t"] for event in prints})
    assert own.cum
    assert {fill.id for fill in own.fills} <= {event["t"] for event in prints}
    assert world.ledger()["binance"]["conserved"]


@pytest.mark.parametrize("kind", ["skip", "drop"])
def test_a_lost_frame_leaves_a_hole(kind: Any) -> None:
    """``skip`` and ``drop``: exactly one break of the chain each time, and the fault is logged."""
    world = World([BinanceDialect], seed=1, start_ns=T0, faults=[Fault(kind=kind, at_s=1, count=3, every_s=1)])
    conn = depth(world)
    assert holes(frames(run(world, T0 + 8 * S), conn)) == 3
    assert world.faults()["counts"] == {kind: 3}


def test_duplicate_reorder_and_corrupt() -> None:
    """A frame is repeated, swapped with the next one, or cut off."""
    world = World([BinanceDialect], seed=1, start_ns=T0, faults=[Fault(kind="duplicate", at_s=1)])
    conn = depth(world)
    events = frames(run(world, T0 + 3 * S), conn)
    assert sum(a == b for a, b in pairwise(events)) == 1

    world = World([BinanceDialect], seed=1, start_ns=T0, faults=[Fault(kind="reorder", at_s=1)])
    conn = depth(world)
    events = frames(run(world, T0 + 3 * S), conn)
    assert [e["u"] for e in events] != sorted(e["u"] for e in events)
    assert holes(sorted(events, key=lambda e: e["u"])) == 0

    world = World([BinanceDialect], seed=1, start_ns=T0, faults=[Fault(kind="corrupt", at_s=1)])
    depth(world)
    broken = 0
    for _, out in run(world, T0 + 3 * S):
        try:
            json.loads(out.text)  # type: ignore[union-attr]  # only frames are sent here
        except json.JSONDecodeError:
            broken += 1
    assert broken == 1


def test_close_cuts_a_connection_that_carries_books() -> None:
    """The socket ends without a handshake, its feeds are closed, and nothing is sent on it afterwards."""
    world = World([BinanceDialect], seed=1, start_ns=T0, faults=[Fault(kind="close", on="book", at_s=1)])
    idle = world.connect("binance", "/ws-api/v3", {}, T0)[0]
    conn = depth(world)
    outs = [out for _, out in run(world, T0 + 3 * S)]
    assert [out for out in outs if isinstance(out, Close)] == [Close(conn, 1006)]
    assert outs[-1] == Close(conn, 1006)
    assert not world.sites["binance"].exchange.books["BTC-USDT"].feeds
    assert list(world.sites["binance"].conns) == [idle]


@pytest.mark.parametrize(("on", "pings"), [("book", True), ("any", False)])
def test_mute_keeps_the_socket_and_loses_the_data(on: Any, pings: bool) -> None:
    """The books stop while the heartbeat goes on, or everything stops; afterwards the sequence has a gap."""
    world = World([BinanceDialect], seed=1, start_ns=T0, faults=[Fault(kind="mute", on=on, at_s=15, for_s=10)])
    conn = depth(world)
    run(world, T0 + 15 * S)
    outs = run(world, T0 + 24 * S)
    assert [type(out).__name__ for at, out in outs if at > T0 + 15_200 * MS] == ["Ping"] * pings
    assert conn in world.sites["binance"].conns
    last = world.sites["binance"].exchange.books["BTC-USDT"].seq
    events = frames(run(world, T0 + 27 * S), conn)
    assert events
    assert events[-1]["u"] > last


def test_blind_queries_miss_what_is_new() -> None:
    """A lagging replica: a fresh order is absent from queries and listings, yet it can be cancelled."""
    world = World([BinanceDialect], seed=1, start_ns=T0, faults=[Fault(kind="blind", for_s=1)])
    exchange = world.sites["binance"].exchange
    world.tick(T0 + 1)
    exchange.place("main", "BTC-USDT", Side.BUY, px=Decimal(50_000), qty=Decimal(1), cl_ord_id="new", now_ns=T0 + S)

    def known(now_ns: int) -> bool:
        world.http("binance", Request("GET", "/api/v3/ping"), 1, now_ns)
        found = exchange.find("main", cl_ord_id="new") is not None
        assert found == bool(exchange.open_orders("main")) == bool(exchange.orders_of("main"))
        return found

    assert not known(T0 + S + S // 2)
    assert known(T0 + 2 * S)
    assert not known(T0 + S + S // 2)
    assert exchange.cancel("main", "BTC-USDT", cl_ord_id="new", now_ns=T0 + 2 * S).reason == "user"


def test_throttle_status_and_delay() -> None:
    """429 with Retry-After for a while; a 5xx page before or instead of the answer; a delayed link keeps its order."""
    script = [
        Fault(kind="throttle", at_s=1, for_s=2),
        Fault(kind="status", at_s=5, status=502, body="html"),
        Fault(kind="delay", at_s=7, for_s=0.5),
    ]
    world = World([BinanceDialect], seed=1, start_ns=T0, faults=script)
    conn = depth(world)

    def ping(at_ns: int) -> Any:
        run(world, at_ns)
        world.http("binance", Request("GET", "/api/v3/ping"), 9, at_ns)
        answer = world.drain()[-1]
        assert isinstance(answer, Answer)
        return answer.reply

    assert ping(T0 + S // 2).status == 200
    limited = ping(T0 + 2 * S)
    assert (limited.status, json.loads(limited.body)["code"]) == (429, -1003)
    assert 1 <= int(limited.headers["retry-after"]) <= 2
    assert ping(T0 + 4 * S).status == 200
    assert ping(T0 + 6 * S).body.startswith(b"<html>")
    assert ping(T0 + 6 * S).status == 200
    outs = run(world, T0 + 9 * S)
    times = [at for at, out in outs if isinstance(out, SimFrame) and out.conn == conn]
    assert max(b - a for a, b in pairwise(times)) > 400 * MS
    assert holes(frames(outs, conn)) == 0


def test_a_5xx_may_come_after_the_order_was_executed() -> None:
    """``applied``: the order exists, its answer is an error that proves nothing; ``path`` chooses the request."""
    script = [Fault(kind="status", path="POST /api/v3/order", applied=True, status=503)]
    world = World([BinanceDialect], seed=1, start_ns=T0, faults=script)
    main = world.sites["binance"].exchange.accounts["main"]
    query = f"symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01&timestamp={T0 // MS}"
    query += "&signature=" + hmac.new(main.secret.encode(), query.encode(), "sha256").hexdigest()
    world.http("binance", Request("GET", "/api/v3/ping"), 1, T0)
    world.http("binance", Request("POST", "/api/v3/order", query, {"x-mbx-apikey": main.key}), 2, T0)
    answers = [out for out in world.drain() if isinstance(out, Answer)]
    assert [answer.reply.status for answer in answers if answer.reply] == [200, 503]
    assert len(world.orders()["binance"]) == 1
    assert world.faults()["fired"][0]["detail"] == "POST /api/v3/order"


def test_partial_takes_liquidity_away_before_the_match() -> None:
    """The order meets only a part of the shown quantity, and the withdrawn quotes return."""
    world = World([BinanceDialect], seed=1, start_ns=T0, faults=[Fault(kind="partial", fraction=0.3)])
    order = buy(world, T0 + 1)
    assert 0 < order.cum <= order.qty * 0.3
    assert world.faults()["counts"] == {"partial": 1}
    assert world.ledger()["binance"]["conserved"]
    run(world, T0 + S)
    assert buy(world, T0 + S, "third").cum == 1000


def test_scripts_are_checked() -> None:
    """A script that cannot be read, or names an unknown venue, is refused with the reason."""
    assert read_script(b'[{"kind": "drop", "venue": "okx", "at_s": 1.5, "count": 0}]')[0].count == 0
    with pytest.raises(ConfigError, match="kinds are"):
        read_script(b'[{"kind": "meteor"}]')
    with pytest.raises(ConfigError, match="fault script"):
        read_script(b'[{"kind": "drop", "chanse": 1}]')
    with pytest.raises(ConfigError, match="no venue 'okx'"):
        World([BinanceDialect], seed=1, start_ns=T0, faults=[Fault(kind="drop", venue="okx")])


def test_twelve_symbols_with_rules_and_fees_of_their_own() -> None:
    """The market of ``arbkit sim``: ticks, lots, minimums and fees differ, and each book has two sides."""
    world = World([BinanceDialect, OkxDialect, BybitDialect], seed=1, start_ns=T0, prices=MARKET)
    fees = set()
    for site in world.sites.values():
        pairs = site.exchange.pairs
        assert set(pairs) == set(MARKET)
        assert len({pair.tick for pair in pairs.values()}) > 3
        assert len({pair.lot for pair in pairs.values()}) > 4
        assert len({pair.min_notional for pair in pairs.values()} | {pair.min_qty for pair in pairs.values()}) > 4
        for symbol, book in site.exchange.books.items():
            bid, _, ask, _ = book.top()
            price = float(MARKET[symbol] / pairs[symbol].tick)
            assert price * 0.99 < bid < ask < price * 1.01
            fees.add(site.exchange.rates("main", symbol))
    assert len(fees) > 3
