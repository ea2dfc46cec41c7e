"""ccxt, which nobody here wrote, trades on the simulated Coinbase over real sockets (``ccxt_rig``)."""

from __future__ import annotations

from typing import Any

import ccxt
import pytest
from arbkit_coinbase.dialect import CoinbaseDialect
from ccxt_rig import SYMBOL, Pro, Rest, Site

from arbkit.sim.keys import Es256

DIALECT = CoinbaseDialect
BALANCE = {"v3": True}


def settings(site: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiKey": site["key"],
        "secret": site["secret"],
        "urls": {"api": {"rest": site["rest"], "ws": site["ws_public"]}},
    }


async def test_ccxt_rest_trades(site: Site, rest: Rest) -> None:
    """The synchronous client loads markets, reads the book, creates, queries and cancels signed orders, and settles."""

    def trades() -> None:
        api, market = rest.api, rest.markets()
        assert (market["precision"]["amount"], market["precision"]["price"]) == (1e-8, 0.01)
        assert market["limits"]["cost"]["min"] == 1
        assert (market["maker"], market["taker"]) == (0.006, 0.012)
        fees = api.fetch_trading_fees()
        assert (fees[SYMBOL]["maker"], fees[SYMBOL]["taker"]) == (0.006, 0.012)

        resting = rest.rests(50_000, {"clientOrderId": "mine1"})
        again = api.create_order(SYMBOL, "limit", "buy", 0.01, 50_000, {"client_order_id": "mine1"})
        assert rest.order(again)["clientOrderId"] == "mine1"
        rest.cancels(resting, ccxt.BadRequest, r"cancelOrders\(\) has failed")
        with pytest.raises(ccxt.ExchangeError, match="was not found"):
            api.fetch_order("1")
        api.cancel_orders([again["id"]])

        taken = rest.takes(63_000, "USDT", 0.012)
        assert [order["id"] for order in api.fetch_closed_orders(SYMBOL)] == [taken["id"]]
        sold = api.create_order(SYMBOL, "market", "sell", 0.01)
        assert rest.order(sold)["filled"] == 0.01

        rest.refuses(ccxt.InsufficientFunds, "sell", 5, 70_000)
        rest.refuses(ccxt.ExchangeError, "buy", 0.001, 63_000, "INVALID_LIMIT_PRICE_POST_ONLY", postOnly=True)
        api.secret = Es256("another key").pem
        with pytest.raises(ccxt.ExchangeError, match="401"):
            rest.balance()

    await site.serve(trades)


async def test_ccxt_pro_watches_the_book(pro: Pro) -> None:
    """The book of the streaming client stays equal to the venue's."""
    await pro.same_book(400)
    assert (await pro.soon(pro.api.watch_trades(SYMBOL)))[0]["amount"] > 0


async def test_ccxt_pro_follows_its_orders(site: Site, pro: Pro) -> None:
    """The channel ``user`` tells the states of orders that are placed over REST."""
    await pro.api.load_markets()
    await pro.rests_and_is_cancelled("", held=False)
    site.adds_up()
