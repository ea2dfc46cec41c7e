"""ccxt, which nobody here wrote, trades on the simulated Gate over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import ccxt
import ccxt.pro
import pytest
from arbkit_gate.dialect import GateDialect

from arbkit.core.runtime.clock import Clock
from arbkit.sim.shell import serve
from arbkit.sim.world import World

CLOCK = Clock()
HANGS_S = 60
SUBSCRIBED_S = 1.0
"""How long the client is given to subscribe: it does not say when it has."""
CALLS = ("wallet", "margin", "spot", "account")


def _settings(venue: dict[str, Any]) -> dict[str, Any]:
    calls = dict.fromkeys(CALLS, f"{venue['rest']}/api/v4")
    return {
        "apiKey": venue["key"],
        "secret": venue["secret"],
        "enableRateLimit": False,
        "options": {"fetchMarkets": {"types": ["spot"]}, "defaultType": "spot"},
        "urls": {"api": {"public": calls, "private": calls, "spot": f"{venue['ws_public']}/ws/v4/"}},
    }


@pytest.fixture
async def world() -> AsyncIterator[tuple[World, dict[str, Any]]]:
    world = World([GateDialect], seed=3, start_ns=CLOCK.now_ns())
    async with serve(world, now_ns=CLOCK.now_ns) as served:
        yield world, served["venues"]["gate"]


@pytest.fixture
async def pro(world: tuple[World, dict[str, Any]]) -> AsyncIterator[Any]:
    client = ccxt.pro.gate(_settings(world[1]))
    yield client
    await client.close()


async def test_ccxt_rest_trades(world: tuple[World, dict[str, Any]]) -> None:
    """The synchronous client loads markets, reads the book, creates, queries and cancels signed orders, and settles."""
    client = ccxt.gate(_settings(world[1]))

    def run() -> None:
        markets = client.load_markets()
        assert set(markets) == {"BTC/USDT", "ETH/USDT"}
        market = markets["BTC/USDT"]
        assert (market["precision"]["amount"], market["precision"]["price"]) == (1e-5, 0.1)
        assert (market["limits"]["amount"]["min"], market["limits"]["cost"]["min"]) == (1e-5, 3)
        assert (market["active"], market["spot"]) == (True, True)
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

        mine = {"clientOrderId": "t-mine1"}
        resting = client.create_order("BTC/USDT", "limit", "buy", 0.01, 60_000, mine)
        assert resting["clientOrderId"] == "t-mine1"
        assert client.fetch_order(resting["id"], "BTC/USDT")["status"] == "open"
        assert client.fetch_order("t-mine1", "BTC/USDT")["id"] == resting["id"]
        assert [o["id"] for o in client.fetch_open_orders("BTC/USDT")] == [resting["id"]]
        assert client.fetch_balance()["USDT"]["used"] == 600
        second = client.create_order("BTC/USDT", "limit", "buy", 0.01, 60_000, mine)  # a text is not reserved
        assert client.fetch_order("t-mine1", "BTC/USDT")["id"] == second["id"]
        for order in (resting, second):
            assert client.cancel_order(order["id"], "BTC/USDT")["status"] == "canceled"
        with pytest.raises(ccxt.InvalidOrder):
            client.cancel_order(resting["id"], "BTC/USDT")
        with pytest.raises(ccxt.OrderNotFound):
            client.cancel_order("1", "BTC/USDT")
        with pytest.raises(ccxt.OrderNotFound):
            client.fetch_order("1", "BTC/USDT")
        with pytest.raises(ccxt.OrderNotFound, match="CLIENT_ID_NOT_FOUND"):
            client.fetch_order("t-never", "BTC/USDT")

        taken = client.create_order("BTC/USDT", "limit", "buy", 0.02, 63_000, {"timeInForce": "IOC"})
        assert (taken["status"], taken["filled"]) == ("closed", 0.02)
        assert client.fetch_open_orders("BTC/USDT") == []
        assert [o["id"] for o in client.fetch_closed_orders("BTC/USDT")] == [taken["id"]]
        trades = client.fetch_my_trades("BTC/USDT")
        assert sum(t["amount"] for t in trades) == pytest.approx(0.02)
        assert {t["order"] for t in trades} == {taken["id"]}
        assert {t["fee"]["currency"] for t in trades if t["fee"]["cost"]} == {"BTC"}
        after = client.fetch_balance()
        fee = sum(one["cost"] for t in trades for one in t["fees"] if one["currency"] == "BTC")
        assert fee == pytest.approx(0.02 * 0.001)
        assert after["BTC"]["total"] == pytest.approx(before["BTC"]["total"] + 0.02 - fee, abs=1e-12)
        cost = sum(t["cost"] for t in trades)
        assert after["USDT"]["total"] == pytest.approx(before["USDT"]["total"] - cost, abs=1e-6)
        sold = client.create_order("BTC/USDT", "market", "sell", 0.01)
        assert sold["status"] == "closed"
        assert {fee["currency"] for fee in sold["fees"] if fee["cost"]} == {"USDT"}
        client.options["createMarketBuyOrderRequiresPrice"] = False
        bought = client.create_order("BTC/USDT", "market", "buy", 100)
        assert bought["cost"] == pytest.approx(100, abs=1)

        with pytest.raises(ccxt.InsufficientFunds):
            client.create_order("BTC/USDT", "limit", "sell", 5, 63_000)
        with pytest.raises(ccxt.OrderImmediatelyFillable):
            client.create_order("BTC/USDT", "limit", "buy", 0.001, 63_000, {"postOnly": True})
        with pytest.raises(ccxt.BadRequest, match="Your order size"):
            client.create_order("BTC/USDT", "limit", "buy", 0.00002, 60_000)
        client.secret = "wrong" + client.secret
        with pytest.raises(ccxt.AuthenticationError, match="INVALID_SIGNATURE"):
            client.fetch_balance()
        client.apiKey = "nobody"
        with pytest.raises(ccxt.AuthenticationError, match="INVALID_KEY"):
            client.fetch_balance()

    await asyncio.to_thread(run)
    assert world[0].ledger()["gate"]["conserved"]


async def test_ccxt_pro_watches_the_book(world: tuple[World, dict[str, Any]], pro: Any) -> None:
    """The streaming client's book, from ``spot.obu``, stays equal to the venue's best 50 levels."""
    for _ in range(20):
        book = await asyncio.wait_for(pro.watch_order_book("BTC/USDT"), HANGS_S)
    exchange = world[0].sites["gate"].exchange
    # the stream lags by up to 20 ms: wait until it carries the venue's present id
    for _ in range(400):
        bids, asks = exchange.books["BTC-USDT"].depth(50)
        if book["nonce"] == exchange.books["BTC-USDT"].seq:
            break
        book = await asyncio.wait_for(pro.watch_order_book("BTC/USDT"), HANGS_S)
    pair = exchange.pairs["BTC-USDT"]
    want = [[[float(pair.px_text(px)), float(pair.qty_text(lots))] for px, lots in side] for side in (bids, asks)]
    assert len(bids) == 50
    assert [[level[:2] for level in book[side]] for side in ("bids", "asks")] == want
    assert (await asyncio.wait_for(pro.watch_order_book("ETH/USDT"), HANGS_S))["asks"][0][0] > 2000


async def test_ccxt_pro_trades_on_the_socket(world: tuple[World, dict[str, Any]], pro: Any) -> None:
    """Orders after a login; orders, fills and balances arrive on their channels."""
    await pro.load_markets()
    watching = asyncio.create_task(pro.watch_orders("BTC/USDT"))
    balance = asyncio.create_task(pro.watch_balance())
    await asyncio.sleep(SUBSCRIBED_S)
    order = await asyncio.wait_for(pro.create_order_ws("BTC/USDT", "limit", "buy", 0.01, 60_000), HANGS_S)
    seen = (await asyncio.wait_for(watching, HANGS_S))[0]
    assert (seen["id"], seen["status"]) == (order["id"], "open")
    assert (await asyncio.wait_for(balance, HANGS_S))["USDT"]["used"] == 600
    assert (await asyncio.wait_for(pro.fetch_order_ws(order["id"], "BTC/USDT"), HANGS_S))["status"] == "open"
    with pytest.raises(ccxt.NotSupported):  # ccxt lists orders on the socket for swaps only
        await pro.fetch_open_orders_ws("BTC/USDT")
    watching = asyncio.create_task(pro.watch_orders("BTC/USDT"))
    await asyncio.sleep(0.05)
    await asyncio.wait_for(pro.cancel_order_ws(order["id"], "BTC/USDT"), HANGS_S)
    seen = (await asyncio.wait_for(watching, HANGS_S))[-1]
    assert (seen["id"], seen["status"]) == (order["id"], "canceled")
    trades = asyncio.create_task(pro.watch_my_trades("BTC/USDT"))
    await asyncio.sleep(SUBSCRIBED_S)
    taken = await pro.create_order_ws("BTC/USDT", "limit", "sell", 0.01, 60_000, {"timeInForce": "IOC"})
    fill = (await asyncio.wait_for(trades, HANGS_S))[-1]
    assert (fill["order"], fill["takerOrMaker"]) == (taken["id"], "taker")
    assert {fee["currency"] for fee in fill["fees"] if fee["cost"]} == {"USDT"}
    with pytest.raises(ccxt.InsufficientFunds):
        await asyncio.wait_for(pro.create_order_ws("BTC/USDT", "limit", "sell", 500, 60_000), HANGS_S)
    assert world[0].ledger()["gate"]["conserved"]


async def test_ccxt_pro_login_is_refused(world: tuple[World, dict[str, Any]], pro: Any) -> None:
    """A wrong secret, on a private channel."""
    await pro.load_markets()
    pro.secret = "wrong"
    with pytest.raises(ccxt.AuthenticationError, match="INVALID_SIGNATURE"):
        await asyncio.wait_for(pro.watch_orders("BTC/USDT"), HANGS_S)
