"""ccxt, which nobody here wrote, trades on the simulated Binance over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import ccxt
import ccxt.pro
import pytest
from arbkit_binance.dialect import BinanceDialect

from arbkit.core.runtime.clock import Clock
from arbkit.sim.shell import serve
from arbkit.sim.world import World

CLOCK = Clock()
HANGS_S = 60
SUBSCRIBED_S = 1.0
"""How long the client is given to log in and subscribe: it does not say when it has."""


def _settings(venue: dict[str, Any]) -> dict[str, Any]:
    rest, public, trade = venue["rest"], venue["ws_public"], venue["ws_trade"]
    return {
        "apiKey": venue["key"],
        "secret": venue["secret"],
        "enableRateLimit": False,
        "options": {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False, "defaultType": "spot"},
        "urls": {
            "api": {
                "public": f"{rest}/api/v3",
                "private": f"{rest}/api/v3",
                "sapi": f"{rest}/sapi/v1",
                "ws": {"spot": f"{public}/ws", "ws-api": {"spot": f"{trade}/ws-api/v3"}},
            }
        },
    }


@pytest.fixture
async def world() -> AsyncIterator[tuple[World, dict[str, Any]]]:
    world = World([BinanceDialect], seed=3, start_ns=CLOCK.now_ns())
    async with serve(world, now_ns=CLOCK.now_ns) as served:
        yield world, served["venues"]["binance"]


@pytest.fixture
async def pro(world: tuple[World, dict[str, Any]]) -> AsyncIterator[Any]:
    client = ccxt.pro.binance(_settings(world[1]))
    yield client
    await client.close()


async def test_ccxt_rest_trades(world: tuple[World, dict[str, Any]]) -> None:
    """The synchronous client loads markets, reads the book, creates, queries and cancels signed orders, and settles."""
    client = ccxt.binance(_settings(world[1]))

    def run() -> None:
        markets = client.load_markets()
        assert set(markets) == {"BTC/USDT", "ETH/USDT"}
        assert markets["BTC/USDT"]["precision"] == {"amount": 0.00001, "price": 0.01, "base": 1e-8, "quote": 1e-8}
        book = client.fetch_order_book("BTC/USDT", 20)
        assert len(book["bids"]) == len(book["asks"]) == 20
        assert book["bids"][0][0] < book["asks"][0][0]
        assert client.fetch_ticker("BTC/USDT")["ask"] > 0
        assert abs(client.fetch_time() - CLOCK.now_ns() / 10**6) < 60_000
        before = client.fetch_balance()

        resting = client.create_order("BTC/USDT", "limit", "buy", 0.01, 50_000, {"newClientOrderId": "mine-1"})
        assert resting["status"] == "open"
        assert [o["id"] for o in client.fetch_open_orders("BTC/USDT")] == [resting["id"]]
        assert client.fetch_balance()["USDT"]["used"] == 500
        with pytest.raises(ccxt.InvalidOrder):
            client.create_order("BTC/USDT", "limit", "buy", 0.01, 50_000, {"newClientOrderId": "mine-1"})
        assert client.cancel_order(resting["id"], "BTC/USDT")["status"] == "canceled"
        gone = client.fetch_order(None, "BTC/USDT", {"origClientOrderId": "mine-1"})
        assert (gone["status"], gone["clientOrderId"]) == ("canceled", "mine-1")
        with pytest.raises(ccxt.OrderNotFound):
            client.cancel_order(resting["id"], "BTC/USDT")

        taken = client.create_order("BTC/USDT", "limit", "buy", 0.02, 63_000, {"timeInForce": "IOC"})
        assert (taken["status"], taken["filled"]) == ("closed", 0.02)
        trades = client.fetch_my_trades("BTC/USDT")
        assert sum(t["amount"] for t in trades) == pytest.approx(0.02)
        assert {t["order"] for t in trades} == {taken["id"]}
        after = client.fetch_balance()
        fee = sum(t["fee"]["cost"] for t in trades)
        assert {t["fee"]["currency"] for t in trades} == {"BTC"}
        assert after["BTC"]["total"] == pytest.approx(before["BTC"]["total"] + 0.02 - fee, abs=1e-12)
        cost = sum(t["cost"] for t in trades)
        assert after["USDT"]["total"] == pytest.approx(before["USDT"]["total"] - cost, abs=1e-6)
        own = client.private_get_account_commission({"symbol": "BTCUSDT"})
        assert own["standardCommission"]["taker"] == "0.00100000"
        assert client.fetch_currencies()["BTC"]["deposit"]

        with pytest.raises(ccxt.InsufficientFunds):
            client.create_order("BTC/USDT", "limit", "sell", 5, 70_000)
        with pytest.raises(ccxt.BadRequest, match="NOTIONAL"):
            client.create_order("BTC/USDT", "limit", "buy", 0.00002, 60_000)
        with pytest.raises(ccxt.OrderImmediatelyFillable):
            client.create_order("BTC/USDT", "limit", "buy", 0.001, 63_000, {"postOnly": True})
        client.secret = "wrong" + client.secret
        with pytest.raises(ccxt.AuthenticationError):
            client.fetch_balance()

    await asyncio.to_thread(run)
    assert world[0].ledger()["binance"]["conserved"]


async def test_ccxt_pro_watches_the_book(world: tuple[World, dict[str, Any]], pro: Any) -> None:
    """The streaming client joins the diff stream with a REST snapshot, and its book stays equal to the venue's."""
    book = await asyncio.wait_for(pro.watch_order_book("BTC/USDT"), HANGS_S)
    for _ in range(20):
        book = await asyncio.wait_for(pro.watch_order_book("BTC/USDT"), HANGS_S)
    exchange = world[0].sites["binance"].exchange
    assert len(book["bids"]) > 90
    # the stream lags by up to 100 ms: wait until it carries the venue's present id
    for _ in range(200):
        bids, asks = exchange.books["BTC-USDT"].depth(20)
        if book["nonce"] == exchange.books["BTC-USDT"].seq:
            break
        book = await asyncio.wait_for(pro.watch_order_book("BTC/USDT"), HANGS_S)
    assert [[px / 100, lots / 100_000] for px, lots in bids] == [list(level[:2]) for level in book["bids"][:20]]
    assert [[px / 100, lots / 100_000] for px, lots in asks] == [list(level[:2]) for level in book["asks"][:20]]


async def test_ccxt_pro_trades_over_the_ws_api(world: tuple[World, dict[str, Any]], pro: Any) -> None:
    """Orders over the WS API, and the user stream on the same socket: reports, fills and balances arrive."""
    await pro.load_markets()
    watching = asyncio.create_task(pro.watch_orders("BTC/USDT"))
    balance = asyncio.create_task(pro.watch_balance())
    await asyncio.sleep(SUBSCRIBED_S)
    order = await asyncio.wait_for(pro.create_order_ws("BTC/USDT", "limit", "buy", 0.01, 50_000), HANGS_S)
    assert order["status"] == "open"
    assert (await asyncio.wait_for(watching, HANGS_S))[0]["id"] == order["id"]
    assert (await asyncio.wait_for(balance, HANGS_S))["USDT"]["used"] == 500
    assert (await pro.fetch_order_ws(order["id"], "BTC/USDT"))["status"] == "open"
    watching = asyncio.create_task(pro.watch_orders("BTC/USDT"))
    await asyncio.sleep(0.05)
    cancelled = await asyncio.wait_for(pro.cancel_order_ws(order["id"], "BTC/USDT"), HANGS_S)
    assert cancelled["status"] == "canceled"
    seen = (await asyncio.wait_for(watching, HANGS_S))[-1]
    assert (seen["status"], seen["clientOrderId"]) == ("canceled", order["clientOrderId"])
    trades = asyncio.create_task(pro.watch_my_trades("BTC/USDT"))
    await asyncio.sleep(0.05)
    taken = await pro.create_order_ws("BTC/USDT", "limit", "sell", 0.01, 60_000, {"timeInForce": "IOC"})
    assert taken["status"] == "closed"
    assert (await asyncio.wait_for(trades, HANGS_S))[-1]["fee"]["currency"] == "USDT"
    assert world[0].ledger()["binance"]["conserved"]
