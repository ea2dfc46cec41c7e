"""ccxt, which nobody here wrote, trades on the simulated Crypto.com over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import ccxt
import ccxt.pro
import pytest
from arbkit_cryptocom.dialect import CryptocomDialect

from arbkit.core.runtime.clock import Clock
from arbkit.sim.shell import serve
from arbkit.sim.world import World

CLOCK = Clock()
HANGS_S = 60


def _settings(venue: dict[str, Any]) -> dict[str, Any]:
    rest, ws = f"{venue['rest']}/exchange/v1", f"{venue['ws_public']}/exchange/v1"
    return {
        "apiKey": venue["key"],
        "secret": venue["secret"],
        "enableRateLimit": False,
        "urls": {"api": {"v1": rest, "ws": {"public": f"{ws}/market", "private": f"{ws}/user"}}},
    }


@pytest.fixture
async def world() -> AsyncIterator[tuple[World, dict[str, Any]]]:
    world = World([CryptocomDialect], seed=3, start_ns=CLOCK.now_ns())
    async with serve(world, now_ns=CLOCK.now_ns) as served:
        yield world, served["venues"]["cryptocom"]


async def test_ccxt_rest_trades(world: tuple[World, dict[str, Any]]) -> None:
    """The synchronous client loads markets, reads the book, creates, queries and cancels signed orders, and settles.
    It cannot cancel by a client order id: it sends it under a name that the venue does not know."""
    client = ccxt.cryptocom(_settings(world[1]))

    def run() -> None:
        markets = client.load_markets()
        assert set(markets) == {"BTC/USDT", "ETH/USDT"}
        market = markets["BTC/USDT"]
        assert (market["precision"]["amount"], market["precision"]["price"]) == (1e-5, 0.01)
        assert (market["active"], market["spot"]) == (True, True)
        book = client.fetch_order_book("BTC/USDT", 20)
        assert len(book["bids"]) == len(book["asks"]) == 20
        assert book["bids"][0][0] < book["asks"][0][0]
        before = client.fetch_balance()
        resting = client.create_order("BTC/USDT", "limit", "buy", 0.01, 50_000)
        assert client.fetch_order(resting["id"], "BTC/USDT")["status"] == "open"
        assert [one["id"] for one in client.fetch_open_orders("BTC/USDT")] == [resting["id"]]
        assert client.fetch_balance()["USDT"]["used"] == 500
        assert client.cancel_order(resting["id"], "BTC/USDT")["id"] == resting["id"]
        assert client.fetch_order(resting["id"], "BTC/USDT")["status"] == "canceled"
        with pytest.raises(ccxt.OrderNotFound):
            client.fetch_order("1", "BTC/USDT")
        with pytest.raises(ccxt.InsufficientFunds):
            client.create_order("BTC/USDT", "limit", "sell", 500, 70_000)
        sent = client.create_order("BTC/USDT", "limit", "buy", 0.02, 63_000, {"timeInForce": "IOC"})
        taken = client.fetch_order(sent["id"], "BTC/USDT")
        assert (taken["status"], taken["filled"]) == ("closed", 0.02)
        trades = client.fetch_my_trades("BTC/USDT")
        assert sum(one["amount"] for one in trades) == pytest.approx(0.02)
        assert {one["order"] for one in trades} == {taken["id"]}
        fee = sum(one["fee"]["cost"] for one in trades)
        assert fee == pytest.approx(0.02 * 0.005)
        after = client.fetch_balance()
        assert after["BTC"]["total"] == pytest.approx(before["BTC"]["total"] + 0.02 - fee, abs=1e-12)
        client.secret = "wrong" + client.secret
        with pytest.raises(ccxt.AuthenticationError, match="40101"):
            client.fetch_balance()

    await asyncio.to_thread(run)
    assert world[0].ledger()["cryptocom"]["conserved"]


async def test_ccxt_pro_watches_the_book(world: tuple[World, dict[str, Any]]) -> None:
    """ccxt writes the book's parameters in another spelling than the pages, so it gets whole books every 500 ms."""
    client = ccxt.pro.cryptocom(_settings(world[1]))
    try:
        for _ in range(3):
            book = await asyncio.wait_for(client.watch_order_book("BTC/USDT"), HANGS_S)
            assert len(book["bids"]) == len(book["asks"]) == 50
            assert book["bids"][0][0] < book["asks"][0][0]
    finally:
        await client.close()
