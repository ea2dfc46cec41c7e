"""ccxt, which nobody here wrote, trades on the simulated MEXC over real sockets (``ccxt_rig``).

It has no order entry on a socket, as the venue. It asks for the contracts with the markets, which are another API on
another host, so the tests answer that call in its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import ccxt
import pytest
from arbkit_mexc.dialect import MexcDialect
from ccxt_rig import SYMBOL, Pro, Rest, Site

DIALECT = MexcDialect


def settings(site: dict[str, Any]) -> dict[str, Any]:
    spot = {"public": site["rest"], "private": site["rest"]}
    return {
        "apiKey": site["key"],
        "secret": site["secret"],
        "urls": {"api": {"spot": spot, "ws": {"spot": f"{site['ws_public']}/ws"}}},
    }


async def test_ccxt_rest_trades(site: Site, rest: Rest) -> None:
    """The synchronous client loads markets, reads the book, creates, queries and cancels signed orders, and settles."""

    def trades() -> None:
        api = rest.api
        api.fetch_swap_markets = lambda params=None: []  # contracts are another API, and ccxt always asks for both
        market = rest.markets()
        assert (market["precision"]["amount"], market["precision"]["price"]) == (1e-6, 0.01)
        assert market["limits"]["cost"]["min"] == 1
        resting = rest.rests(50_000, {"clientOrderId": "mine1"})
        rest.cancels(resting, ccxt.ExchangeError, "-2011")
        gone = api.fetch_order(None, SYMBOL, {"clientOrderId": "mine1"})
        assert (gone["status"], gone["clientOrderId"]) == ("canceled", "mine1")
        with pytest.raises(ccxt.ExchangeError, match="-2013"):
            api.fetch_order("1", SYMBOL)

        rest.takes(63_000, "BTC", 0.0005)
        sold = api.create_order(SYMBOL, "market", "sell", 0.01)
        assert rest.order(sold)["filled"] == 0.01
        rest.refuses(ccxt.InsufficientFunds, "sell", 500, 70_000)
        passive = api.create_order(SYMBOL, "limit", "buy", 0.001, 63_000, {"postOnly": True})
        assert rest.order(passive)["status"] == "canceled"
        api.create_order(SYMBOL, "limit", "buy", 0.001, 50_000)
        api.cancel_all_orders(SYMBOL)
        assert api.fetch_open_orders(SYMBOL) == []
        api.secret = "wrong" + api.secret
        with pytest.raises(ccxt.AuthenticationError, match="700002"):
            rest.balance()

    await site.serve(trades)


async def _no_contracts(params: object = None) -> list[Any]:
    return []


async def test_ccxt_pro_watches_the_book(pro: Pro) -> None:
    """The streaming client's book becomes equal to the venue's present one. It asks for a snapshot of 100 levels, so 20
    remain known for a while. Its best bid and ask stream still reads the frames of before protocol buffers."""
    pro.api.fetch_swap_markets = _no_contracts
    await pro.same_book(20)
    assert (await pro.soon(pro.api.watch_trades(SYMBOL)))[0]["price"] > 10_000


async def test_ccxt_pro_watches_the_account(site: Site, pro: Pro) -> None:
    """Orders, fills and balances arrive on the stream of a listen key."""
    pro.api.fetch_swap_markets = _no_contracts
    await pro.api.load_markets()
    await pro.rests_and_is_cancelled("")
    await pro.takes("")
    site.adds_up()


async def test_ccxt_pro_pings_in_its_own_spelling(pro: Pro) -> None:
    """``ping`` is answered like ``PING``: without a pong the client ends its connection."""
    pro.api.fetch_swap_markets = _no_contracts
    await pro.soon(pro.api.watch_order_book(SYMBOL))
    (client,) = pro.api.clients.values()
    await client.send(pro.api.ping(client))
    before = client.lastPong
    await pro.soon(_until(lambda: client.lastPong != before))


async def _until(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0.01)
