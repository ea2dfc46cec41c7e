"""ccxt, which nobody here wrote, trades on the simulated HTX over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import ccxt
import ccxt.pro
import pytest
from arbkit_htx.dialect import HtxDialect

from arbkit.core.runtime.clock import Clock
from arbkit.sim.shell import serve
from arbkit.sim.world import World

CLOCK = Clock()
HANGS_S = 60


def _settings(venue: dict[str, Any]) -> dict[str, Any]:
    """ccxt writes the host into its addresses, always with TLS, so the schemes are replaced too."""
    host = venue["rest"].removeprefix("http://")
    base = ccxt.htx().urls["api"]
    ws = {"public": f"ws://{host}/ws", "private": f"ws://{host}/ws/v2", "feed": f"ws://{host}/feed"}
    return {
        "apiKey": venue["key"],
        "secret": venue["secret"],
        "enableRateLimit": False,
        "hostname": host,
        "options": {"fetchMarkets": {"types": {"spot": True, "linear": False, "inverse": False}}},
        "urls": {
            "hostnames": {"contract": host, "spot": host},
            "api": {**dict.fromkeys(base, venue["rest"]), "ws": {"api": {"spot": ws}}},
        },
    }


@pytest.fixture
async def world() -> AsyncIterator[tuple[World, dict[str, Any]]]:
    world = World([HtxDialect], seed=3, start_ns=CLOCK.now_ns())
    async with serve(world, now_ns=CLOCK.now_ns) as served:
        yield world, served["venues"]["htx"]


async def test_ccxt_rest_trades(world: tuple[World, dict[str, Any]]) -> None:
    """The synchronous client loads markets, reads the book, creates, queries and cancels signed orders, and settles."""
    client = ccxt.htx(_settings(world[1]))

    def run() -> None:
        markets = client.load_markets()
        assert {"BTC/USDT", "ETH/USDT"} <= set(markets)
        assert markets["BTC/USDT"]["precision"]["amount"] == 1e-6
        book = client.fetch_order_book("BTC/USDT", 20)
        assert book["bids"][0][0] < book["asks"][0][0]
        assert client.fetch_currencies()["BTC"]["deposit"]
        assert client.fetch_trading_fee("BTC/USDT")["taker"] == 0.002
        before = client.fetch_balance()
        resting = client.create_order("BTC/USDT", "limit", "buy", 0.01, 58_000, {"clientOrderId": "mine1"})
        assert client.fetch_order(resting["id"], "BTC/USDT")["status"] == "open"
        (listed,) = client.fetch_open_orders("BTC/USDT")
        assert (listed["id"], listed["clientOrderId"], listed["price"]) == (resting["id"], "mine1", 58_000)
        assert client.fetch_balance()["USDT"]["used"] == 580
        client.cancel_order(resting["id"], "BTC/USDT")
        assert client.fetch_order(resting["id"], "BTC/USDT")["status"] == "canceled"
        with pytest.raises(ccxt.OrderNotFound):
            client.cancel_order(resting["id"], "BTC/USDT")
        sent = client.create_order("BTC/USDT", "limit", "buy", 0.02, 63_000, {"timeInForce": "IOC"})
        taken = client.fetch_order(sent["id"], "BTC/USDT")
        assert (taken["status"], taken["filled"]) == ("closed", 0.02)
        trades = client.fetch_my_trades("BTC/USDT")
        assert sum(trade["amount"] for trade in trades) == pytest.approx(0.02)
        fee = sum(trade["fee"]["cost"] for trade in trades)
        assert fee == pytest.approx(0.02 * 0.002)
        after = client.fetch_balance()
        assert after["BTC"]["total"] == pytest.approx(before["BTC"]["total"] + 0.02 - fee, abs=1e-12)
        with pytest.raises(ccxt.InsufficientFunds):
            client.create_order("BTC/USDT", "limit", "sell", 500, 63_000)
        client.secret = "wrong" + client.secret
        with pytest.raises(ccxt.AuthenticationError):
            client.fetch_balance()

    await asyncio.to_thread(run)
    assert world[0].ledger()["htx"]["conserved"]


async def test_ccxt_pro_watches_the_book(world: tuple[World, dict[str, Any]]) -> None:
    """The streaming client's book becomes equal to the venue's, and trades arrive. It cannot log in: it signs what is
    left of its address without ``wss://``, and this one is ``ws://``."""
    client = ccxt.pro.htx(_settings(world[1]))
    try:
        exchange = world[0].sites["htx"].exchange
        pair, equal = exchange.pairs["BTC-USDT"], False
        for _ in range(200):
            book = await asyncio.wait_for(client.watch_order_book("BTC/USDT", 150), HANGS_S)
            sides = exchange.books["BTC-USDT"].depth(20)
            want = [[[float(pair.px_text(px)), float(pair.qty_text(lots))] for px, lots in side] for side in sides]
            equal = want == [[level[:2] for level in book[side][:20]] for side in ("bids", "asks")]
            if equal:
                break
        assert equal
        assert (await asyncio.wait_for(client.watch_trades("BTC/USDT"), HANGS_S))[0]["price"] > 10_000
    finally:
        await client.close()
