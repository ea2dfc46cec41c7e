"""ccxt, which nobody here wrote, trades on the simulated MEXC over real sockets.

Its class needs the package ``protobuf`` to read MEXC's sockets, and does not check the sequence of a book; the tests
do not install it. So ccxt is the judge of the REST calls here, and ``test_mexc_dialect.py`` reads the sockets by the
published field numbers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import ccxt
import pytest
from arbkit_mexc.dialect import MexcDialect

from arbkit.core.runtime.clock import Clock
from arbkit.sim.shell import serve
from arbkit.sim.world import World

CLOCK = Clock()


def _settings(venue: dict[str, Any]) -> dict[str, Any]:
    rest = venue["rest"]
    return {
        "apiKey": venue["key"],
        "secret": venue["secret"],
        "enableRateLimit": False,
        "urls": {"api": {"spot": {"public": rest, "private": rest}}},
    }


@pytest.fixture
async def world() -> AsyncIterator[tuple[World, dict[str, Any]]]:
    world = World([MexcDialect], seed=3, start_ns=CLOCK.now_ns())
    async with serve(world, now_ns=CLOCK.now_ns) as served:
        yield world, served["venues"]["mexc"]


async def test_ccxt_rest_trades(world: tuple[World, dict[str, Any]]) -> None:
    """The synchronous client loads markets, reads the book, creates, queries and cancels signed orders, and settles."""
    client = ccxt.mexc(_settings(world[1]))
    client.fetch_swap_markets = lambda params=None: []  # contracts are another API, and ccxt always asks for both

    def run() -> None:
        markets = client.load_markets()
        assert set(markets) == {"BTC/USDT", "ETH/USDT"}
        market = markets["BTC/USDT"]
        assert (market["precision"]["amount"], market["precision"]["price"]) == (1e-6, 0.01)
        assert (market["limits"]["cost"]["min"], market["active"], market["spot"]) == (1, True, True)
        book = client.fetch_order_book("BTC/USDT", 20)
        assert len(book["bids"]) == len(book["asks"]) == 20
        assert book["bids"][0][0] < book["asks"][0][0]
        assert client.fetch_ticker("BTC/USDT")["ask"] > 0
        assert abs(client.fetch_time() - CLOCK.now_ns() / 10**6) < 60_000
        before = client.fetch_balance()

        resting = client.create_order("BTC/USDT", "limit", "buy", 0.01, 50_000, {"clientOrderId": "mine1"})
        assert client.fetch_order(resting["id"], "BTC/USDT")["status"] == "open"
        (listed,) = client.fetch_open_orders("BTC/USDT")
        assert (listed["id"], listed["clientOrderId"], listed["price"]) == (resting["id"], "mine1", 50_000)
        assert client.fetch_balance()["USDT"]["used"] == 500
        assert client.cancel_order(resting["id"], "BTC/USDT")["id"] == resting["id"]
        gone = client.fetch_order(None, "BTC/USDT", {"clientOrderId": "mine1"})
        assert (gone["status"], gone["clientOrderId"]) == ("canceled", "mine1")
        with pytest.raises(ccxt.ExchangeError, match="-2011"):
            client.cancel_order(resting["id"], "BTC/USDT")
        with pytest.raises(ccxt.ExchangeError, match="-2013"):
            client.fetch_order("1", "BTC/USDT")

        sent = client.create_order("BTC/USDT", "limit", "buy", 0.02, 63_000, {"timeInForce": "IOC"})
        taken = client.fetch_order(sent["id"], "BTC/USDT")
        assert (taken["status"], taken["filled"]) == ("closed", 0.02)
        assert client.fetch_open_orders("BTC/USDT") == []
        trades = client.fetch_my_trades("BTC/USDT")
        assert sum(t["amount"] for t in trades) == pytest.approx(0.02)
        assert {t["order"] for t in trades} == {taken["id"]}
        assert {t["fee"]["currency"] for t in trades} == {"BTC"}
        after = client.fetch_balance()
        fee = sum(t["fee"]["cost"] for t in trades)
        assert fee == pytest.approx(0.02 * 0.0005)
        assert after["BTC"]["total"] == pytest.approx(before["BTC"]["total"] + 0.02 - fee, abs=1e-12)
        sold = client.create_order("BTC/USDT", "market", "sell", 0.01)
        assert client.fetch_order(sold["id"], "BTC/USDT")["filled"] == 0.01

        with pytest.raises(ccxt.InsufficientFunds):
            client.create_order("BTC/USDT", "limit", "sell", 500, 70_000)
        passive = client.create_order("BTC/USDT", "limit", "buy", 0.001, 63_000, {"postOnly": True})
        assert client.fetch_order(passive["id"], "BTC/USDT")["status"] == "canceled"
        client.create_order("BTC/USDT", "limit", "buy", 0.001, 50_000)
        client.cancel_all_orders("BTC/USDT")
        assert client.fetch_open_orders("BTC/USDT") == []
        client.secret = "wrong" + client.secret
        with pytest.raises(ccxt.AuthenticationError, match="700002"):
            client.fetch_balance()

    await asyncio.to_thread(run)
    assert world[0].ledger()["mexc"]["conserved"]
