"""ccxt, which nobody here wrote, trades on the simulated Kraken over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import ccxt
import ccxt.pro
import pytest
from arbkit_kraken.dialect import KrakenDialect

from arbkit.core.runtime.clock import Clock
from arbkit.sim.shell import serve
from arbkit.sim.world import World

CLOCK = Clock()
HANGS_S = 60
SUBSCRIBED_S = 1.0
"""How long the client is given to subscribe: it does not say when it has."""


def _settings(venue: dict[str, Any]) -> dict[str, Any]:
    sockets = {"publicV2": f"{venue['ws_public']}/v2", "privateV2": f"{venue['ws_private']}/v2"}
    return {
        "apiKey": venue["key"],
        "secret": venue["secret"],
        "enableRateLimit": False,
        "urls": {"api": {"public": venue["rest"], "private": venue["rest"], "ws": sockets}},
    }


@pytest.fixture
async def world() -> AsyncIterator[tuple[World, dict[str, Any]]]:
    world = World([KrakenDialect], seed=3, start_ns=CLOCK.now_ns())
    async with serve(world, now_ns=CLOCK.now_ns) as served:
        yield world, served["venues"]["kraken"]


@pytest.fixture
async def pro(world: tuple[World, dict[str, Any]]) -> AsyncIterator[Any]:
    client = ccxt.pro.kraken(_settings(world[1]))
    yield client
    await client.close()


async def test_ccxt_rest_reads_the_market(world: tuple[World, dict[str, Any]]) -> None:
    client = ccxt.kraken(_settings(world[1]))

    def run() -> None:
        markets = client.load_markets()
        assert set(markets) == {"BTC/USDT", "ETH/USDT"}
        market = markets["BTC/USDT"]
        assert (market["id"], market["precision"]["amount"], market["precision"]["price"]) == ("XBTUSDT", 1e-8, 0.1)
        assert (market["limits"]["amount"]["min"], market["active"], market["spot"]) == (1e-5, True, True)
        book = client.fetch_order_book("BTC/USDT", 20)
        assert len(book["bids"]) == len(book["asks"]) == 20
        assert book["bids"][0][0] < book["asks"][0][0]
        assert client.fetch_ticker("BTC/USDT")["ask"] > 0
        assert abs(client.fetch_time() - CLOCK.now_ns() / 10**6) < 60_000
        assert client.fetch_currencies()["BTC"]["active"]
        fee = client.fetch_trading_fee("BTC/USDT")
        assert (fee["maker"], fee["taker"]) == (0.002, 0.002)

    await asyncio.to_thread(run)


async def test_ccxt_rest_trades(world: tuple[World, dict[str, Any]]) -> None:
    """The synchronous client creates, queries and cancels signed orders, and settles."""
    client = ccxt.kraken(_settings(world[1]))

    def run() -> None:
        client.load_markets()
        before = client.fetch_balance()
        resting = client.create_order("BTC/USDT", "limit", "buy", 0.01, 50_000, {"clientOrderId": "mine1"})
        assert client.fetch_order(resting["id"])["status"] == "open"
        assert [o["id"] for o in client.fetch_open_orders("BTC/USDT")] == [resting["id"]]
        assert client.fetch_balance()["USDT"]["used"] == 500
        with pytest.raises(ccxt.ExchangeError, match="not unique"):
            client.create_order("BTC/USDT", "limit", "buy", 0.01, 50_000, {"clientOrderId": "mine1"})
        client.cancel_order(resting["id"])
        (gone,) = client.fetch_closed_orders("BTC/USDT", None, None, {"clientOrderId": "mine1"})
        assert (gone["id"], gone["status"], gone["clientOrderId"]) == (resting["id"], "canceled", "mine1")
        with pytest.raises(ccxt.OrderNotFound):
            client.cancel_order(resting["id"])

        sent = client.create_order("BTC/USDT", "limit", "buy", 0.02, 63_000, {"timeInForce": "IOC"})
        taken = client.fetch_order(sent["id"])
        assert (taken["status"], taken["filled"]) == ("closed", 0.02)
        assert client.fetch_open_orders("BTC/USDT") == []
        trades = client.fetch_my_trades("BTC/USDT")
        assert sum(t["amount"] for t in trades) == pytest.approx(0.02)
        assert {t["order"] for t in trades} == {taken["id"]}
        assert {t["fee"]["currency"] for t in trades} == {"USDT"}
        after = client.fetch_balance()
        fee, cost = (
            sum(t[name] for t in rows) for name, rows in (("cost", [t["fee"] for t in trades]), ("cost", trades))
        )
        assert fee == pytest.approx(cost * 0.002)
        assert after["BTC"]["total"] == pytest.approx(before["BTC"]["total"] + 0.02, abs=1e-12)
        assert after["USDT"]["total"] == pytest.approx(before["USDT"]["total"] - cost - fee, abs=1e-6)
        sold = client.create_order("BTC/USDT", "market", "sell", 0.01)
        assert client.fetch_order(sold["id"])["filled"] == 0.01

        with pytest.raises(ccxt.InsufficientFunds):
            client.create_order("BTC/USDT", "limit", "sell", 5, 70_000)
        with pytest.raises(ccxt.ExchangeError, match="Post only"):
            client.create_order("BTC/USDT", "limit", "buy", 0.001, 63_000, {"postOnly": True})
        client.secret = "A" * 4 + client.secret
        with pytest.raises(ccxt.ExchangeError, match="EAPI:Invalid signature"):
            client.fetch_balance()

    await asyncio.to_thread(run)
    assert world[0].ledger()["kraken"]["conserved"]


async def test_ccxt_pro_watches_the_book(world: tuple[World, dict[str, Any]], pro: Any) -> None:
    """The streaming client checks the checksum of every update, and its book stays equal to the venue's."""
    exchange, equal = world[0].sites["kraken"].exchange, 0
    pair = exchange.pairs["BTC-USDT"]
    for _ in range(60):
        book = await asyncio.wait_for(pro.watch_order_book("BTC/USDT", 10), HANGS_S)
        # the stream lags by up to 50 ms
        sides = exchange.books["BTC-USDT"].depth(10)
        want = [[[float(pair.px_text(px)), float(pair.qty_text(lots))] for px, lots in side] for side in sides]
        equal += [[level[:2] for level in book[side]] for side in ("bids", "asks")] == want
    assert equal > 20
    assert (await asyncio.wait_for(pro.watch_order_book("ETH/USDT", 10), HANGS_S))["asks"][0][0] > 1000


async def test_ccxt_pro_trades_on_the_private_socket(world: tuple[World, dict[str, Any]], pro: Any) -> None:
    """Orders over the socket with a token from REST; orders, fills and balances arrive on its channels.

    Orders of one pair cannot be watched: ccxt looks for the pair in each report, and only the first one has it."""
    await pro.load_markets()
    assert (await asyncio.wait_for(pro.watch_balance(), HANGS_S))["USDT"]["total"] == 200_000
    watching = asyncio.create_task(pro.watch_orders())
    await asyncio.sleep(SUBSCRIBED_S)
    order = await asyncio.wait_for(pro.create_order_ws("BTC/USDT", "limit", "buy", 0.01, 50_000), HANGS_S)
    seen = (await asyncio.wait_for(watching, HANGS_S))[-1]
    assert seen["id"] == order["id"]
    watching = asyncio.create_task(pro.watch_orders())
    await asyncio.sleep(0.05)
    await asyncio.wait_for(pro.cancel_order_ws(order["id"]), HANGS_S)
    seen = (await asyncio.wait_for(watching, HANGS_S))[-1]
    assert (seen["id"], seen["status"]) == (order["id"], "canceled")
    balance = asyncio.create_task(pro.watch_balance())
    trades = asyncio.create_task(pro.watch_my_trades("BTC/USDT"))
    await asyncio.sleep(0.2)
    taken = await pro.create_order_ws("BTC/USDT", "limit", "sell", 0.01, 60_000, {"timeInForce": "IOC"})
    fill = (await asyncio.wait_for(trades, HANGS_S))[-1]
    assert (fill["order"], fill["fee"]["currency"], fill["takerOrMaker"]) == (taken["id"], "USDT", "taker")
    assert (await asyncio.wait_for(balance, HANGS_S))["BTC"]["total"] == pytest.approx(2.99)
    with pytest.raises(ccxt.ExchangeError, match="Insufficient funds"):
        await pro.create_order_ws("BTC/USDT", "limit", "sell", 500, 60_000)
    assert world[0].ledger()["kraken"]["conserved"]


async def test_ccxt_pro_gets_no_token_with_a_wrong_secret(world: tuple[World, dict[str, Any]], pro: Any) -> None:
    await pro.load_markets()
    pro.secret = "A" * 4 + pro.secret
    with pytest.raises(ccxt.ExchangeError, match="EAPI:Invalid signature"):
        await asyncio.wait_for(pro.watch_orders(), HANGS_S)
