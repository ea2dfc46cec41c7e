"""ccxt, which nobody here wrote, trades on the simulated Bitstamp over real sockets.

It signs the address that it calls, and the venue wants its own name there, so the test signs with that name. ccxt
sends its time in force under a name that the venue does not have, so the test gives the venue's own flag.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import ccxt
import ccxt.pro
import pytest
from arbkit_bitstamp.dialect import BitstampDialect

from arbkit.core.runtime.clock import Clock
from arbkit.sim.shell import serve
from arbkit.sim.world import World

CLOCK = Clock()
HOST = "https://www.bitstamp.net"


def client(kind: Any, venue: dict[str, Any]) -> Any:
    """A client that signs for the venue's name and calls the simulator."""

    class Local(kind):  # type: ignore[misc]  # ccxt has no types
        def sign(self, *args: Any, **more: Any) -> Any:
            made = super().sign(*args, **more)
            return made | {"url": made["url"].replace(HOST, venue["rest"])}

    settings = {"apiKey": venue["key"], "secret": venue["secret"], "enableRateLimit": False}
    made = Local(settings)
    made.urls["api"] |= {"public": f"{HOST}/api", "private": f"{HOST}/api", "ws": venue["ws_public"]}
    return made


@pytest.fixture
async def world() -> AsyncIterator[tuple[World, dict[str, Any]]]:
    world = World([BitstampDialect], seed=3, start_ns=CLOCK.now_ns())
    async with serve(world, now_ns=CLOCK.now_ns) as served:
        yield world, served["venues"]["bitstamp"]


async def test_ccxt_rest_trades(world: tuple[World, dict[str, Any]]) -> None:
    """The synchronous client reads the market, creates, queries and cancels signed orders, and settles."""
    made = client(ccxt.bitstamp, world[1])

    def run() -> None:
        market = made.load_markets()["BTC/USDT"]
        assert (market["id"], market["precision"]["amount"], market["precision"]["price"]) == ("btcusdt", 1e-8, 1)
        book = made.fetch_order_book("BTC/USDT")
        assert book["bids"][0][0] < book["asks"][0][0]
        before = made.fetch_balance()
        resting = made.create_order("BTC/USDT", "limit", "buy", 0.01, 55_000, {"client_order_id": "mine1"})
        assert made.fetch_order(resting["id"], "BTC/USDT")["status"] == "open"
        assert [one["id"] for one in made.fetch_open_orders("BTC/USDT")] == [resting["id"]]
        assert made.fetch_balance()["USDT"]["used"] == 550
        with pytest.raises(ccxt.ExchangeError, match=r"400\.019"):
            made.create_order("BTC/USDT", "limit", "buy", 0.01, 55_000, {"client_order_id": "mine1"})
        made.cancel_order(resting["id"])
        with pytest.raises(ccxt.OrderNotFound):
            made.cancel_order(resting["id"])
        sent = made.create_order("BTC/USDT", "limit", "buy", 0.02, 64_000, {"ioc_order": "True"})
        assert made.fetch_order(sent["id"], "BTC/USDT")["status"] == "closed"
        trades = made.fetch_my_trades("BTC/USDT")
        assert sum(one["amount"] for one in trades) == pytest.approx(0.02)
        assert {one["order"] for one in trades} == {sent["id"]}
        after = made.fetch_balance()
        assert after["BTC"]["total"] == pytest.approx(before["BTC"]["total"] + 0.02, abs=1e-9)
        with pytest.raises(ccxt.InsufficientFunds):
            made.create_order("BTC/USDT", "limit", "sell", 50, 64_000)
        with pytest.raises(ccxt.InvalidOrder, match="Minimum order size"):
            made.create_order("BTC/USDT", "limit", "buy", 0.0001, 55_000)
        made.secret = "wrong"
        with pytest.raises(ccxt.AuthenticationError):
            made.fetch_balance()

    await asyncio.to_thread(run)
    assert world[0].ledger()["bitstamp"]["conserved"]


async def test_ccxt_pro_watches_the_book(world: tuple[World, dict[str, Any]]) -> None:
    """It joins the changes to a snapshot as the venue's page says; its best levels become those of the venue."""
    made = client(ccxt.pro.bitstamp, world[1])
    exchange = world[0].sites["bitstamp"].exchange
    pair, equal = exchange.pairs["BTC-USDT"], 0
    try:
        for _ in range(60):
            book = await asyncio.wait_for(made.watch_order_book("BTC/USDT"), 30)
            bid, _, ask, _ = exchange.books["BTC-USDT"].top()
            equal += (book["bids"][0][0], book["asks"][0][0]) == (float(pair.px_text(bid)), float(pair.px_text(ask)))
    finally:
        await made.close()
    assert equal > 20
