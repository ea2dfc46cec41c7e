"""ccxt, which nobody here wrote, trades on the simulated Bitget over real sockets.

Its class has no call for order entry over WebSocket on a classic account (``create_order_ws`` is for unified accounts),
so orders go over REST, as those of the adapter.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import ccxt
import ccxt.pro
import pytest
from arbkit_bitget.dialect import BitgetDialect

from arbkit.core.runtime.clock import Clock
from arbkit.sim.shell import serve
from arbkit.sim.world import World

CLOCK = Clock()
HANGS_S = 60
SUBSCRIBED_S = 1.0
"""How long the client is given to log in and subscribe: it does not say when it has."""


def _settings(venue: dict[str, Any]) -> dict[str, Any]:
    parts = ("spot", "mix", "user", "p2p", "broker", "margin", "common", "tax", "convert", "copy", "earn", "uta")
    sockets = {"public": f"{venue['ws_public']}/v2/ws/public", "private": f"{venue['ws_private']}/v2/ws/private"}
    return {
        "apiKey": venue["key"],
        "secret": venue["secret"],
        "password": venue["passphrase"],
        "enableRateLimit": False,
        "options": {"fetchMarkets": {"types": ["spot"]}, "defaultType": "spot"},
        "urls": {"api": {**dict.fromkeys(parts, venue["rest"]), "ws": sockets}},
    }


@pytest.fixture
async def world() -> AsyncIterator[tuple[World, dict[str, Any]]]:
    world = World([BitgetDialect], seed=3, start_ns=CLOCK.now_ns())
    async with serve(world, now_ns=CLOCK.now_ns) as served:
        yield world, served["venues"]["bitget"]


@pytest.fixture
async def pro(world: tuple[World, dict[str, Any]]) -> AsyncIterator[Any]:
    client = ccxt.pro.bitget(_settings(world[1]))
    yield client
    await client.close()


async def test_ccxt_rest_trades(world: tuple[World, dict[str, Any]]) -> None:
    """The synchronous client loads markets, reads the book, creates, queries and cancels signed orders, and settles."""
    client = ccxt.bitget(_settings(world[1]))

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
        assert set(client.fetch_tickers()) == {"BTC/USDT", "ETH/USDT"}
        assert abs(client.fetch_time() - CLOCK.now_ns() / 10**6) < 60_000
        assert client.fetch_currencies()["BTC"]["deposit"]
        fee = client.fetch_trading_fee("BTC/USDT")
        assert (fee["maker"], fee["taker"]) == (0.001, 0.001)
        before = client.fetch_balance()

        resting = client.create_order("BTC/USDT", "limit", "buy", 0.01, 50_000, {"clientOrderId": "mine1"})
        assert client.fetch_order(resting["id"], "BTC/USDT")["status"] == "open"
        (listed,) = client.fetch_open_orders("BTC/USDT")
        assert (listed["id"], listed["clientOrderId"], listed["price"]) == (resting["id"], "mine1", 50_000)
        assert client.fetch_balance()["USDT"]["used"] == 500
        with pytest.raises(ccxt.ExchangeError, match="43118"):
            client.create_order("BTC/USDT", "limit", "buy", 0.01, 50_000, {"clientOrderId": "mine1"})
        assert client.cancel_order(resting["id"], "BTC/USDT")["id"] == resting["id"]
        gone = client.fetch_order(None, "BTC/USDT", {"clientOrderId": "mine1"})
        assert (gone["status"], gone["clientOrderId"]) == ("canceled", "mine1")
        with pytest.raises(ccxt.OrderNotFound):
            client.cancel_order(resting["id"], "BTC/USDT")
        with pytest.raises(ccxt.OrderNotFound):
            client.fetch_order("1", "BTC/USDT")

        sent = client.create_order("BTC/USDT", "limit", "buy", 0.02, 63_000, {"timeInForce": "IOC"})
        taken = client.fetch_order(sent["id"], "BTC/USDT")
        assert (taken["status"], taken["filled"]) == ("closed", 0.02)
        assert client.fetch_open_orders("BTC/USDT") == []
        assert taken["id"] in [o["id"] for o in client.fetch_closed_orders("BTC/USDT")]
        trades = client.fetch_my_trades("BTC/USDT")
        assert sum(t["amount"] for t in trades) == pytest.approx(0.02)
        assert {t["order"] for t in trades} == {taken["id"]}
        assert {t["fee"]["currency"] for t in trades} == {"BTC"}
        after = client.fetch_balance()
        fee = sum(t["fee"]["cost"] for t in trades)
        assert fee == pytest.approx(0.02 * 0.001)
        assert after["BTC"]["total"] == pytest.approx(before["BTC"]["total"] + 0.02 - fee, abs=1e-12)
        cost = sum(t["cost"] for t in trades)
        assert after["USDT"]["total"] == pytest.approx(before["USDT"]["total"] - cost, abs=1e-6)
        sold = client.create_order("BTC/USDT", "market", "sell", 0.01)
        assert client.fetch_order(sold["id"], "BTC/USDT")["fee"]["currency"] == "USDT"

        with pytest.raises(ccxt.InsufficientFunds):
            client.create_order("BTC/USDT", "limit", "sell", 5, 70_000)
        passive = client.create_order("BTC/USDT", "limit", "buy", 0.001, 63_000, {"postOnly": True})
        assert client.fetch_order(passive["id"], "BTC/USDT")["status"] == "canceled"
        client.create_order("BTC/USDT", "limit", "buy", 0.001, 50_000)
        client.cancel_all_orders("BTC/USDT")
        assert client.fetch_open_orders("BTC/USDT") == []
        client.secret = "wrong" + client.secret
        with pytest.raises(ccxt.AuthenticationError, match="40009"):
            client.fetch_balance()
        client.secret, client.password = client.secret[5:], "wrong"
        with pytest.raises(ccxt.AuthenticationError, match="40012"):
            client.fetch_balance()

    await asyncio.to_thread(run)
    assert world[0].ledger()["bitget"]["conserved"]


async def test_ccxt_pro_watches_the_book(world: tuple[World, dict[str, Any]], pro: Any) -> None:
    """The streaming client's book becomes equal to the venue's present one, 100 levels deep. ccxt keeps no number of
    the update, and the stream lags by up to 100 ms, so a moment of equality is waited for."""
    for _ in range(20):
        book = await asyncio.wait_for(pro.watch_order_book("BTC/USDT"), HANGS_S)
    exchange = world[0].sites["bitget"].exchange
    pair = exchange.pairs["BTC-USDT"]
    equal = False
    for _ in range(200):
        bids, asks = exchange.books["BTC-USDT"].depth(100)
        want = [[[float(pair.px_text(px)), float(pair.qty_text(lots))] for px, lots in side] for side in (bids, asks)]
        found = [[level[:2] for level in book[side][:100]] for side in ("bids", "asks")]
        equal = equal or (found == want and len(want[0]) > 50)
        if equal:
            break
        book = await asyncio.wait_for(pro.watch_order_book("BTC/USDT"), HANGS_S)
    assert equal
    assert (await asyncio.wait_for(pro.watch_order_book("ETH/USDT", 5), HANGS_S))["asks"][0][0] > 2000
    assert (await asyncio.wait_for(pro.watch_ticker("ETH/USDT"), HANGS_S))["last"] > 2000
    assert (await asyncio.wait_for(pro.watch_trades("BTC/USDT"), HANGS_S))[0]["price"] > 10_000


async def test_ccxt_pro_watches_the_account(world: tuple[World, dict[str, Any]], pro: Any) -> None:
    """Orders, fills and balances arrive on the private channels."""
    await pro.load_markets()
    assert (await asyncio.wait_for(pro.watch_balance(), HANGS_S))["USDT"]["free"] == 200_000
    watching = asyncio.create_task(pro.watch_orders("BTC/USDT"))
    balance = asyncio.create_task(pro.watch_balance())
    await asyncio.sleep(SUBSCRIBED_S)
    order = await asyncio.wait_for(pro.create_order("BTC/USDT", "limit", "buy", 0.01, 50_000), HANGS_S)
    seen = (await asyncio.wait_for(watching, HANGS_S))[-1]
    assert (seen["id"], seen["status"], seen["price"], seen["amount"]) == (order["id"], "open", 50_000, 0.01)
    assert (await asyncio.wait_for(balance, HANGS_S))["USDT"]["used"] == 500
    watching = asyncio.create_task(pro.watch_orders("BTC/USDT"))
    await asyncio.sleep(0.05)
    await asyncio.wait_for(pro.cancel_order(order["id"], "BTC/USDT"), HANGS_S)
    assert (await asyncio.wait_for(watching, HANGS_S))[-1]["status"] == "canceled"
    trades = asyncio.create_task(pro.watch_my_trades("BTC/USDT"))
    await asyncio.sleep(SUBSCRIBED_S)
    taken = await pro.create_order("BTC/USDT", "limit", "sell", 0.01, 60_000, {"timeInForce": "IOC"})
    fill = (await asyncio.wait_for(trades, HANGS_S))[-1]
    assert (fill["order"], fill["fee"]["currency"], fill["takerOrMaker"]) == (taken["id"], "USDT", "taker")
    assert fill["fee"]["cost"] > 0
    assert world[0].ledger()["bitget"]["conserved"]


async def test_ccxt_pro_login_is_refused(world: tuple[World, dict[str, Any]], pro: Any) -> None:
    """A wrong passphrase on the private socket."""
    await pro.load_markets()
    pro.password = "wrong"
    with pytest.raises(ccxt.AuthenticationError, match="30012"):
        await asyncio.wait_for(pro.watch_orders("BTC/USDT"), HANGS_S)
