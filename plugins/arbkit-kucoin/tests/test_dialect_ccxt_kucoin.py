"""ccxt, which nobody here wrote, trades on the simulated KuCoin over real sockets.

Its class applies no delta of ``increment@10ms``, so it watches depth 50 of the Pro socket. Its private streams ask REST
for the host of the socket, which the simulator cannot know; so they are not tested with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import ccxt
import ccxt.pro
import pytest
from arbkit_kucoin.dialect import KucoinDialect

from arbkit.core.runtime.clock import Clock
from arbkit.sim.shell import serve
from arbkit.sim.world import World

CLOCK = Clock()
HANGS_S = 60


def _settings(venue: dict[str, Any]) -> dict[str, Any]:
    parts = (
        "public",
        "private",
        "earn",
        "uta",
        "utaPrivate",
        "broker",
        "webExchange",
        "futuresPublic",
        "futuresPrivate",
    )
    return {
        "apiKey": venue["key"],
        "secret": venue["secret"],
        "password": venue["passphrase"],
        "enableRateLimit": False,
        "options": {"fetchMarkets": {"types": ["spot"]}, "defaultType": "spot", "hf": True, "uta": False},
        "urls": {"api": {**dict.fromkeys(parts, venue["rest"]), "ws": {"spot": venue["ws_public"]}}},
    }


@pytest.fixture
async def world() -> AsyncIterator[tuple[World, dict[str, Any]]]:
    world = World([KucoinDialect], seed=3, start_ns=CLOCK.now_ns())
    async with serve(world, now_ns=CLOCK.now_ns) as served:
        yield world, served["venues"]["kucoin"]


async def test_ccxt_rest_trades(world: tuple[World, dict[str, Any]]) -> None:
    """The synchronous client loads markets, reads the book, creates, queries and cancels signed orders, and settles."""
    client = ccxt.kucoin(_settings(world[1]))

    def run() -> None:
        market = client.load_markets()["BTC/USDT"]
        assert (market["precision"]["price"], market["active"], market["spot"]) == (0.1, True, True)
        book = client.fetch_order_book("BTC/USDT", 20)
        assert book["bids"][0][0] < book["asks"][0][0]
        assert abs(client.fetch_time() - CLOCK.now_ns() / 10**6) < 60_000
        fee = client.fetch_trading_fee("BTC/USDT")
        assert (fee["maker"], fee["taker"]) == (0.001, 0.001)
        before = client.fetch_balance()

        resting = client.create_order("BTC/USDT", "limit", "buy", 0.01, 60_000, {"clientOrderId": "mine1"})
        assert client.fetch_order(resting["id"], "BTC/USDT")["status"] == "open"
        (listed,) = client.fetch_open_orders("BTC/USDT")
        assert (listed["id"], listed["clientOrderId"], listed["price"]) == (resting["id"], "mine1", 60_000)
        with pytest.raises(ccxt.ExchangeError, match="clientOidDuplicated"):
            client.create_order("BTC/USDT", "limit", "buy", 0.01, 60_000, {"clientOrderId": "mine1"})
        client.cancel_order(resting["id"], "BTC/USDT")
        assert client.fetch_order(resting["id"], "BTC/USDT")["status"] == "canceled"
        with pytest.raises(ccxt.OrderNotFound):
            client.cancel_order(resting["id"], "BTC/USDT")

        sent = client.create_order("BTC/USDT", "limit", "buy", 0.02, 63_000, {"timeInForce": "IOC"})
        taken = client.fetch_order(sent["id"], "BTC/USDT")
        assert (taken["status"], taken["filled"]) == ("closed", 0.02)
        trades = client.fetch_my_trades("BTC/USDT")
        assert sum(trade["amount"] for trade in trades) == pytest.approx(0.02)
        assert {trade["fee"]["currency"] for trade in trades} == {"USDT"}
        after = client.fetch_balance()
        assert after["BTC"]["total"] == pytest.approx(before["BTC"]["total"] + 0.02, abs=1e-12)
        cost = sum(trade["cost"] + trade["fee"]["cost"] for trade in trades)
        assert after["USDT"]["total"] == pytest.approx(before["USDT"]["total"] - cost, abs=1e-6)

        with pytest.raises(ccxt.InsufficientFunds):
            client.create_order("BTC/USDT", "limit", "sell", 500, 63_000)
        with pytest.raises(ccxt.InvalidOrder):
            client.create_order("BTC/USDT", "limit", "buy", 0.01, 90_000)
        client.secret = "wrong" + client.secret
        with pytest.raises(ccxt.AuthenticationError):
            client.fetch_balance()

    await asyncio.to_thread(run)
    assert world[0].ledger()["kucoin"]["conserved"]


async def test_ccxt_pro_watches_the_book(world: tuple[World, dict[str, Any]]) -> None:
    """The streaming client's book becomes equal to the venue's present one. The stream lags by up to 100 ms, so a
    moment of equality is waited for."""
    pro = ccxt.pro.kucoin(_settings(world[1]))
    exchange = world[0].sites["kucoin"].exchange
    pair = exchange.pairs["BTC-USDT"]
    equal = False
    try:
        for _ in range(200):
            watching = pro.watch_order_book("BTC/USDT", None, {"uta": True, "utaDepth": "50"})
            book = await asyncio.wait_for(watching, HANGS_S)
            sides = exchange.books["BTC-USDT"].depth(50)
            want = [[[float(pair.px_text(px)), float(pair.qty_text(lots))] for px, lots in side] for side in sides]
            equal = [[level[:2] for level in book[side]] for side in ("bids", "asks")] == want
            if equal:
                break
    finally:
        await pro.close()
    assert equal
