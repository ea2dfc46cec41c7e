"""ccxt, which nobody here wrote, trades on the simulated Coinbase over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import ccxt
import ccxt.pro
import pytest
from arbkit_coinbase.dialect import CoinbaseDialect

from arbkit.core.runtime.clock import Clock
from arbkit.sim.keys import Es256
from arbkit.sim.shell import serve
from arbkit.sim.world import World

CLOCK = Clock()
HANGS_S = 60
SUBSCRIBED_S = 1.0
"""How long the client is given to subscribe: it does not say when it has."""


def _settings(venue: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiKey": venue["key"],
        "secret": venue["secret"],
        "enableRateLimit": False,
        "urls": {"api": {"rest": venue["rest"], "ws": venue["ws_public"]}},
    }


@pytest.fixture
async def world() -> AsyncIterator[tuple[World, dict[str, Any]]]:
    world = World([CoinbaseDialect], seed=3, start_ns=CLOCK.now_ns())
    async with serve(world, now_ns=CLOCK.now_ns) as served:
        yield world, served["venues"]["coinbase"]


@pytest.fixture
async def pro(world: tuple[World, dict[str, Any]]) -> AsyncIterator[Any]:
    client = ccxt.pro.coinbase(_settings(world[1]))
    yield client
    await client.close()


async def test_ccxt_rest_trades(world: tuple[World, dict[str, Any]]) -> None:
    """The synchronous client loads markets, reads the book, creates, queries and cancels signed orders, and settles."""
    client = ccxt.coinbase(_settings(world[1]))

    def run() -> None:
        markets = client.load_markets()
        assert {"BTC/USDT", "ETH/USDT"} <= set(markets)
        market = markets["BTC/USDT"]
        assert (market["precision"]["amount"], market["precision"]["price"]) == (1e-8, 0.01)
        assert (market["limits"]["cost"]["min"], market["active"], market["spot"]) == (1, True, True)
        assert (market["maker"], market["taker"]) == (0.006, 0.012)
        book = client.fetch_order_book("BTC/USDT", 20)
        assert len(book["bids"]) == len(book["asks"]) == 20
        assert book["bids"][0][0] < book["asks"][0][0]
        assert client.fetch_ticker("BTC/USDT")["ask"] > 0
        assert abs(client.fetch_time() - CLOCK.now_ns() / 10**6) < 60_000
        fees = client.fetch_trading_fees()
        assert (fees["BTC/USDT"]["maker"], fees["BTC/USDT"]["taker"]) == (0.006, 0.012)
        before = client.fetch_balance({"v3": True})

        resting = client.create_order("BTC/USDT", "limit", "buy", 0.01, 50_000, {"clientOrderId": "mine1"})
        assert client.fetch_order(resting["id"])["status"] == "open"
        assert [one["id"] for one in client.fetch_open_orders("BTC/USDT")] == [resting["id"]]
        assert client.fetch_balance({"v3": True})["USDT"]["used"] == 500
        again = client.create_order("BTC/USDT", "limit", "buy", 0.01, 50_000, {"client_order_id": "mine1"})
        mine = client.fetch_order(again["id"])
        assert mine["clientOrderId"] == "mine1"
        assert client.cancel_order(resting["id"], "BTC/USDT")["id"] == resting["id"]
        assert client.fetch_order(resting["id"])["status"] == "canceled"
        with pytest.raises(ccxt.BadRequest, match=r"cancelOrders\(\) has failed"):
            client.cancel_order(resting["id"], "BTC/USDT")
        with pytest.raises(ccxt.ExchangeError, match="was not found"):
            client.fetch_order("1")
        client.cancel_orders([again["id"]])

        sent = client.create_order("BTC/USDT", "limit", "buy", 0.02, 63_000, {"timeInForce": "IOC"})
        taken = client.fetch_order(sent["id"])
        assert (taken["status"], taken["filled"]) == ("closed", 0.02)
        assert client.fetch_open_orders("BTC/USDT") == []
        assert [one["id"] for one in client.fetch_closed_orders("BTC/USDT")] == [taken["id"]]
        trades = client.fetch_my_trades("BTC/USDT")
        assert sum(trade["amount"] for trade in trades) == pytest.approx(0.02)
        assert {trade["order"] for trade in trades} == {taken["id"]}
        assert {trade["fee"]["currency"] for trade in trades} == {"USDT"}
        after = client.fetch_balance({"v3": True})
        fee = sum(trade["fee"]["cost"] for trade in trades)
        cost = sum(trade["cost"] for trade in trades)
        assert fee == pytest.approx(cost * 0.012)
        assert after["BTC"]["total"] == pytest.approx(before["BTC"]["total"] + 0.02, abs=1e-12)
        assert after["USDT"]["total"] == pytest.approx(before["USDT"]["total"] - cost - fee, abs=1e-6)
        sold = client.create_order("BTC/USDT", "market", "sell", 0.01)
        assert client.fetch_order(sold["id"])["filled"] == 0.01

        with pytest.raises(ccxt.InsufficientFunds):
            client.create_order("BTC/USDT", "limit", "sell", 5, 70_000)
        with pytest.raises(ccxt.ExchangeError, match="INVALID_LIMIT_PRICE_POST_ONLY"):
            client.create_order("BTC/USDT", "limit", "buy", 0.001, 63_000, {"postOnly": True})
        client.secret = Es256("another key").pem
        with pytest.raises(ccxt.ExchangeError, match="401"):
            client.fetch_balance({"v3": True})

    await asyncio.to_thread(run)
    assert world[0].ledger()["coinbase"]["conserved"]


async def test_ccxt_pro_watches_the_book(world: tuple[World, dict[str, Any]], pro: Any) -> None:
    """The book of the streaming client stays equal to the venue's."""
    for _ in range(20):
        book = await asyncio.wait_for(pro.watch_order_book("BTC/USDT"), HANGS_S)
    exchange = world[0].sites["coinbase"].exchange
    pair = exchange.pairs["BTC-USDT"]
    equal = False
    for _ in range(200):  # the stream lags by up to 50 ms
        want = [
            [[float(pair.px_text(px)), float(pair.qty_text(lots))] for px, lots in side]
            for side in exchange.books["BTC-USDT"].depth(400)
        ]
        equal = [[level[:2] for level in book[side]] for side in ("bids", "asks")] == want
        if equal:
            break
        book = await asyncio.wait_for(pro.watch_order_book("BTC/USDT"), HANGS_S)
    assert equal
    assert len(book["bids"]) > 50
    trades = await asyncio.wait_for(pro.watch_trades("BTC/USDT"), HANGS_S)
    assert trades[0]["amount"] > 0


async def test_ccxt_pro_follows_its_orders(world: tuple[World, dict[str, Any]], pro: Any) -> None:
    """The channel ``user`` tells the states of orders that are placed over REST."""
    await pro.load_markets()
    watching = asyncio.create_task(pro.watch_orders("BTC/USDT"))
    await asyncio.sleep(SUBSCRIBED_S)
    order = await pro.create_order("BTC/USDT", "limit", "buy", 0.01, 50_000)
    seen = (await asyncio.wait_for(watching, HANGS_S))[0]
    assert (seen["id"], seen["status"]) == (order["id"], "open")
    watching = asyncio.create_task(pro.watch_orders("BTC/USDT"))
    await asyncio.sleep(0.05)
    await pro.cancel_order(order["id"], "BTC/USDT")
    seen = (await asyncio.wait_for(watching, HANGS_S))[-1]
    assert (seen["id"], seen["status"]) == (order["id"], "canceled")
    assert world[0].ledger()["coinbase"]["conserved"]
