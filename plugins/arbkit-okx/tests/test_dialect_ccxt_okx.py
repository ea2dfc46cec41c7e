"""ccxt, which nobody here wrote, trades on the simulated OKX over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import ccxt
import ccxt.pro
import pytest
from arbkit_okx.dialect import OkxDialect

from arbkit.core.runtime.clock import Clock
from arbkit.sim.shell import serve
from arbkit.sim.world import World

CLOCK = Clock()
HANGS_S = 60
SUBSCRIBED_S = 1.0
"""How long the client is given to log in and subscribe: it does not say when it has."""


def _settings(venue: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiKey": venue["key"],
        "secret": venue["secret"],
        "password": venue["passphrase"],
        "enableRateLimit": False,
        "options": {"fetchMarkets": {"types": ["spot"]}, "defaultType": "spot"},
        "urls": {"api": {"rest": venue["rest"], "ws": f"{venue['ws_public']}/ws/v5"}},
    }


@pytest.fixture
async def world() -> AsyncIterator[tuple[World, dict[str, Any]]]:
    world = World([OkxDialect], seed=3, start_ns=CLOCK.now_ns())
    async with serve(world, now_ns=CLOCK.now_ns) as served:
        yield world, served["venues"]["okx"]


@pytest.fixture
async def pro(world: tuple[World, dict[str, Any]]) -> AsyncIterator[Any]:
    client = ccxt.pro.okx(_settings(world[1]))
    yield client
    await client.close()


async def test_ccxt_rest_trades(world: tuple[World, dict[str, Any]]) -> None:
    """The synchronous client loads markets, reads the book, creates, queries and cancels signed orders, and settles."""
    client = ccxt.okx(_settings(world[1]))

    def run() -> None:
        markets = client.load_markets()
        assert set(markets) == {"BTC/USDT", "ETH/USDT"}
        market = markets["BTC/USDT"]
        assert (market["precision"]["amount"], market["precision"]["price"]) == (1e-8, 0.1)
        assert (market["limits"]["amount"]["min"], market["active"], market["spot"]) == (1e-5, True, True)
        book = client.fetch_order_book("BTC/USDT", 20)
        assert len(book["bids"]) == len(book["asks"]) == 20
        assert book["bids"][0][0] < book["asks"][0][0]
        assert client.fetch_ticker("BTC/USDT")["ask"] > 0
        assert set(client.fetch_tickers()) == {"BTC/USDT", "ETH/USDT"}
        assert abs(client.fetch_time() - CLOCK.now_ns() / 10**6) < 60_000
        assert client.fetch_currencies()["BTC"]["deposit"]
        fee = client.fetch_trading_fee("BTC/USDT")
        assert (fee["maker"], fee["taker"]) == (0.0008, 0.001)
        before = client.fetch_balance()

        resting = client.create_order("BTC/USDT", "limit", "buy", 0.01, 50_000, {"clientOrderId": "mine1"})
        assert client.fetch_order(resting["id"], "BTC/USDT")["status"] == "open"
        assert [o["id"] for o in client.fetch_open_orders("BTC/USDT")] == [resting["id"]]
        assert client.fetch_balance()["USDT"]["used"] == 500
        with pytest.raises(ccxt.InvalidOrder):
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
        assert [o["id"] for o in client.fetch_closed_orders("BTC/USDT")] == [taken["id"]]
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
        client.secret = "wrong" + client.secret
        with pytest.raises(ccxt.AuthenticationError, match="50113"):
            client.fetch_balance()
        client.secret, client.password = client.secret[5:], "wrong"
        with pytest.raises(ccxt.AuthenticationError, match="50105"):
            client.fetch_balance()

    await asyncio.to_thread(run)
    assert world[0].ledger()["okx"]["conserved"]


async def test_ccxt_pro_watches_the_book(world: tuple[World, dict[str, Any]], pro: Any) -> None:
    """The streaming client checks the sequence chain of every update, and its book stays equal to the venue's."""
    for _ in range(20):
        book = await asyncio.wait_for(pro.watch_order_book("BTC/USDT"), HANGS_S)
    exchange = world[0].sites["okx"].exchange
    # the stream lags by up to 100 ms: wait until it carries the venue's present id
    for _ in range(200):
        bids, asks = exchange.books["BTC-USDT"].depth(400)
        if book["nonce"] == exchange.books["BTC-USDT"].seq:
            break
        book = await asyncio.wait_for(pro.watch_order_book("BTC/USDT"), HANGS_S)
    pair = exchange.pairs["BTC-USDT"]
    want = [[[float(pair.px_text(px)), float(pair.qty_text(lots))] for px, lots in side] for side in (bids, asks)]
    assert len(bids) > 50
    assert [[level[:2] for level in book[side]] for side in ("bids", "asks")] == want
    assert (await asyncio.wait_for(pro.watch_order_book("ETH/USDT", 5), HANGS_S))["asks"][0][0] > 2000
    assert len((await asyncio.wait_for(pro.watch_order_book("ETH/USDT", 1), HANGS_S))["bids"]) == 1


async def test_ccxt_pro_trades_on_the_private_socket(world: tuple[World, dict[str, Any]], pro: Any) -> None:
    """Orders by instIdCode over the private socket; orders, fills and balances arrive on its channels."""
    await pro.load_markets()
    assert (await asyncio.wait_for(pro.watch_balance(), HANGS_S))["USDT"]["free"] == 200_000
    watching = asyncio.create_task(pro.watch_orders("BTC/USDT"))
    balance = asyncio.create_task(pro.watch_balance())
    await asyncio.sleep(SUBSCRIBED_S)
    order = await asyncio.wait_for(pro.create_order_ws("BTC/USDT", "limit", "buy", 0.01, 50_000), HANGS_S)
    seen = (await asyncio.wait_for(watching, HANGS_S))[0]
    assert (seen["id"], seen["status"]) == (order["id"], "open")
    assert (await asyncio.wait_for(balance, HANGS_S))["USDT"]["used"] == 500
    watching = asyncio.create_task(pro.watch_orders("BTC/USDT"))
    await asyncio.sleep(0.05)
    await asyncio.wait_for(pro.cancel_order_ws(order["id"], "BTC/USDT"), HANGS_S)
    seen = (await asyncio.wait_for(watching, HANGS_S))[-1]
    assert (seen["status"], seen["clientOrderId"]) == ("canceled", order["clientOrderId"])
    trades = asyncio.create_task(pro.watch_my_trades("BTC/USDT"))
    await asyncio.sleep(0.05)
    taken = await pro.create_order_ws("BTC/USDT", "limit", "sell", 0.01, 60_000, {"timeInForce": "IOC"})
    fill = (await asyncio.wait_for(trades, HANGS_S))[-1]
    assert (fill["order"], fill["fee"]["currency"], fill["takerOrMaker"]) == (taken["id"], "USDT", "taker")
    with pytest.raises(ccxt.ExchangeError, match="51008"):
        await pro.create_order_ws("BTC/USDT", "limit", "sell", 500, 60_000)
    assert world[0].ledger()["okx"]["conserved"]


async def test_ccxt_pro_login_is_refused(world: tuple[World, dict[str, Any]], pro: Any) -> None:
    """A wrong passphrase on the private socket."""
    await pro.load_markets()
    pro.password = "wrong"
    with pytest.raises(ccxt.AuthenticationError, match="60024"):
        await asyncio.wait_for(pro.watch_orders("BTC/USDT"), HANGS_S)
