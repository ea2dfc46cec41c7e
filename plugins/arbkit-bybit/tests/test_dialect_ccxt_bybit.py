"""ccxt, which nobody here wrote, trades on the simulated Bybit over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import ccxt
import ccxt.pro
import pytest
from arbkit_bybit.dialect import BybitDialect

from arbkit.core.runtime.clock import Clock
from arbkit.sim.shell import serve
from arbkit.sim.world import World

CLOCK = Clock()
HANGS_S = 60
SUBSCRIBED_S = 1.0
"""How long the client is given to log in and subscribe: it does not say when it has."""


def _settings(venue: dict[str, Any]) -> dict[str, Any]:
    rest, private = venue["rest"], f"{venue['ws_private']}/v5/private"
    return {
        "apiKey": venue["key"],
        "secret": venue["secret"],
        "enableRateLimit": False,
        "options": {"fetchMarkets": {"types": ["spot"]}, "defaultType": "spot"},
        "urls": {
            "api": {
                "public": rest,
                "private": rest,
                "ws": {
                    "public": {"spot": f"{venue['ws_public']}/v5/public/spot"},
                    "private": {
                        "spot": {"unified": private},
                        "contract": private,
                        "trade": f"{venue['ws_trade']}/v5/trade",
                    },
                },
            }
        },
    }


@pytest.fixture
async def world() -> AsyncIterator[tuple[World, dict[str, Any]]]:
    world = World([BybitDialect], seed=3, start_ns=CLOCK.now_ns())
    async with serve(world, now_ns=CLOCK.now_ns) as served:
        yield world, served["venues"]["bybit"]


@pytest.fixture
async def pro(world: tuple[World, dict[str, Any]]) -> AsyncIterator[Any]:
    client = ccxt.pro.bybit(_settings(world[1]))
    yield client
    await client.close()


async def test_ccxt_rest_trades(world: tuple[World, dict[str, Any]]) -> None:
    """The synchronous client loads markets, reads the book, creates, queries and cancels signed orders, and settles."""
    client = ccxt.bybit(_settings(world[1]))

    def run() -> None:
        markets = client.load_markets()
        assert set(markets) == {"BTC/USDT", "ETH/USDT"}
        assert markets["BTC/USDT"]["precision"] == {"amount": 1e-6, "price": 0.1}
        assert markets["BTC/USDT"]["limits"]["cost"]["min"] == 5
        book = client.fetch_order_book("BTC/USDT", 20)
        assert len(book["bids"]) == len(book["asks"]) == 20
        assert book["bids"][0][0] < book["asks"][0][0]
        assert client.fetch_ticker("BTC/USDT")["ask"] > 0
        assert abs(client.fetch_time() - CLOCK.now_ns() / 10**6) < 60_000
        assert client.fetch_trading_fee("BTC/USDT")["taker"] == 0.001
        assert client.fetch_currencies()["BTC"]["deposit"]
        before = client.fetch_balance()

        resting = client.create_order("BTC/USDT", "limit", "buy", 0.01, 50_000, {"clientOrderId": "mine-1"})
        assert [o["id"] for o in client.fetch_open_orders("BTC/USDT")] == [resting["id"]]
        held = client.fetch_balance()["USDT"]
        assert (held["used"], held["free"]) == (500, before["USDT"]["free"] - 500)
        with pytest.raises(ccxt.InvalidOrder, match="170141"):
            client.create_order("BTC/USDT", "limit", "buy", 0.01, 50_000, {"clientOrderId": "mine-1"})
        assert client.cancel_order(resting["id"], "BTC/USDT")["id"] == resting["id"]
        gone = client.fetch_order(resting["id"], "BTC/USDT", {"acknowledged": True})
        assert (gone["status"], gone["clientOrderId"]) == ("canceled", "mine-1")
        assert [o["id"] for o in client.fetch_canceled_orders("BTC/USDT")] == [resting["id"]]
        with pytest.raises(ccxt.OrderNotFound):
            client.cancel_order(resting["id"], "BTC/USDT")
        client.create_order("BTC/USDT", "limit", "buy", 0.01, 50_000)
        assert len(client.cancel_all_orders("BTC/USDT")) == 1

        taken = client.create_order("BTC/USDT", "limit", "buy", 0.02, 62_300, {"timeInForce": "IOC"})
        done = client.fetch_closed_order(taken["id"], "BTC/USDT")
        assert (done["status"], done["filled"]) == ("closed", 0.02)
        trades = client.fetch_my_trades("BTC/USDT")
        assert sum(t["amount"] for t in trades) == pytest.approx(0.02)
        assert {t["order"] for t in trades} == {taken["id"]}
        assert {t["fee"]["currency"] for t in trades} == {"BTC"}
        after, fee = client.fetch_balance(), sum(t["fee"]["cost"] for t in trades)
        assert done["fee"]["cost"] == pytest.approx(fee)
        assert after["BTC"]["total"] == pytest.approx(before["BTC"]["total"] + 0.02 - fee, abs=1e-12)
        cost = sum(t["cost"] for t in trades)
        assert after["USDT"]["total"] == pytest.approx(before["USDT"]["total"] - cost, abs=1e-6)

        with pytest.raises(ccxt.InsufficientFunds):
            client.create_order("BTC/USDT", "limit", "sell", 5, 70_000)
        with pytest.raises(ccxt.InvalidOrder, match="170140"):
            client.create_order("BTC/USDT", "limit", "buy", 0.00002, 60_000)
        maker = client.create_order("BTC/USDT", "limit", "buy", 0.001, 62_300, {"postOnly": True})
        refused = client.fetch_order(maker["id"], "BTC/USDT", {"acknowledged": True})
        assert refused["info"]["rejectReason"] == "EC_PostOnlyWillTakeLiquidity"
        assert refused["status"] in ("canceled", "rejected")
        client.secret = "wrong" + client.secret
        with pytest.raises(ccxt.AuthenticationError):
            client.fetch_balance()

    await asyncio.to_thread(run)
    assert world[0].ledger()["bybit"]["conserved"]


async def test_ccxt_pro_watches_the_book(world: tuple[World, dict[str, Any]], pro: Any) -> None:
    """The streaming client keeps a book from a snapshot and its deltas, equal to the venue's."""
    exchange = world[0].sites["bybit"].exchange
    for _ in range(200):
        book = await asyncio.wait_for(pro.watch_order_book("BTC/USDT", 50), HANGS_S)
        bids, asks = ([[px / 10, lots / 1e6] for px, lots in side] for side in exchange.books["BTC-USDT"].depth(50))
        # the stream lags by up to 20 ms: look when it has caught up
        if [bids, asks] == [[list(level[:2]) for level in book[side]] for side in ("bids", "asks")] and _ > 20:
            break
    else:
        raise AssertionError("the client's book never was the venue's")


async def test_ccxt_pro_trades_over_the_trade_socket(world: tuple[World, dict[str, Any]], pro: Any) -> None:
    """Orders over the trade socket; orders, fills and balances arrive on the private one."""
    await pro.load_markets()
    watching = asyncio.create_task(pro.watch_orders("BTC/USDT"))
    balance = asyncio.create_task(pro.watch_balance())
    await asyncio.sleep(SUBSCRIBED_S)
    order = await asyncio.wait_for(pro.create_order_ws("BTC/USDT", "limit", "buy", 0.01, 50_000), HANGS_S)
    seen = (await asyncio.wait_for(watching, HANGS_S))[0]
    assert (seen["id"], seen["status"]) == (order["id"], "open")
    assert (await asyncio.wait_for(balance, HANGS_S))["USDT"]["used"] == 500
    watching = asyncio.create_task(pro.watch_orders("BTC/USDT"))
    await asyncio.sleep(0.05)
    assert (await asyncio.wait_for(pro.cancel_order_ws(order["id"], "BTC/USDT"), HANGS_S))["id"] == order["id"]
    assert (await asyncio.wait_for(watching, HANGS_S))[-1]["status"] == "canceled"
    trades = asyncio.create_task(pro.watch_my_trades("BTC/USDT"))
    await asyncio.sleep(SUBSCRIBED_S)
    await pro.create_order_ws("BTC/USDT", "limit", "sell", 0.01, 61_300, {"timeInForce": "IOC"})
    assert (await asyncio.wait_for(trades, HANGS_S))[-1]["fee"]["currency"] == "USDT"
    with pytest.raises(ccxt.InsufficientFunds):
        await asyncio.wait_for(pro.create_order_ws("BTC/USDT", "limit", "sell", 50, 70_000), HANGS_S)
    assert world[0].ledger()["bybit"]["conserved"]


async def test_ccxt_pro_is_refused_with_a_wrong_secret(world: tuple[World, dict[str, Any]], pro: Any) -> None:
    """A login signed with another secret fails."""
    await pro.load_markets()
    pro.options |= {"enableUnifiedMargin": False, "enableUnifiedAccount": True}
    pro.secret = "wrong" + pro.secret
    with pytest.raises(ccxt.AuthenticationError):
        await asyncio.wait_for(pro.watch_orders("BTC/USDT"), HANGS_S)
