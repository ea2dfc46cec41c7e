"""ccxt, which nobody here wrote, trades on the simulated Kraken over real sockets (``ccxt_rig``)."""

from __future__ import annotations

from typing import Any

import ccxt
import pytest
from arbkit_kraken.dialect import KrakenDialect
from ccxt_rig import SYMBOL, Pro, Rest, Site

DIALECT = KrakenDialect


def settings(site: dict[str, Any]) -> dict[str, Any]:
    sockets = {"publicV2": f"{site['ws_public']}/v2", "privateV2": f"{site['ws_private']}/v2"}
    return {
        "apiKey": site["key"],
        "secret": site["secret"],
        "urls": {"api": {"public": site["rest"], "private": site["rest"], "ws": sockets}},
    }


async def test_ccxt_rest_trades(site: Site, rest: Rest) -> None:
    """The synchronous client loads markets, reads the book, creates, queries and cancels signed orders, and settles."""

    def trades() -> None:
        api, market = rest.api, rest.markets()
        assert (market["id"], market["precision"]["amount"], market["precision"]["price"]) == ("XBTUSDT", 1e-8, 0.1)
        assert market["limits"]["amount"]["min"] == 1e-5
        assert api.fetch_currencies()["BTC"]["active"]
        fee = api.fetch_trading_fee(SYMBOL)
        assert (fee["maker"], fee["taker"]) == (0.002, 0.002)

        resting = rest.rests(50_000, {"clientOrderId": "mine1"})
        rest.refuses(ccxt.ExchangeError, "buy", 0.01, 50_000, "not unique", clientOrderId="mine1")
        rest.cancels(resting, ccxt.OrderNotFound)
        (gone,) = api.fetch_closed_orders(SYMBOL, None, None, {"clientOrderId": "mine1"})
        assert (gone["id"], gone["status"], gone["clientOrderId"]) == (resting["id"], "canceled", "mine1")

        rest.takes(63_000, "USDT", 0.002)
        sold = api.create_order(SYMBOL, "market", "sell", 0.01)
        assert rest.order(sold)["filled"] == 0.01

        rest.refuses(ccxt.InsufficientFunds, "sell", 5, 70_000)
        rest.refuses(ccxt.ExchangeError, "buy", 0.001, 63_000, "Post only", postOnly=True)
        api.secret = "A" * 4 + api.secret
        with pytest.raises(ccxt.ExchangeError, match="EAPI:Invalid signature"):
            rest.balance()

    await site.serve(trades)


async def test_ccxt_pro_watches_the_book(pro: Pro) -> None:
    """The streaming client checks the checksum of every update, and its book stays equal to the venue's."""
    await pro.same_book(10, 10)
    assert (await pro.soon(pro.api.watch_order_book("ETH/USDT", 10)))["asks"][0][0] > 1000


async def test_ccxt_pro_trades_on_the_private_socket(site: Site, pro: Pro) -> None:
    """Orders over the socket with a token from REST; orders, fills and balances arrive on its channels.

    Orders of one pair cannot be watched: ccxt looks for the pair in each report, and only the first one has it."""
    await pro.api.load_markets()
    assert (await pro.soon(pro.api.watch_balance()))["USDT"]["total"] == 200_000
    await pro.rests_and_is_cancelled(held=False, watched=())
    balance = pro.begin(pro.api.watch_balance())
    await pro.takes()
    assert (await balance)["BTC"]["total"] == pytest.approx(2.99)
    with pytest.raises(ccxt.ExchangeError, match="Insufficient funds"):
        await pro.api.create_order_ws(SYMBOL, "limit", "sell", 500, 60_000)
    site.adds_up()


async def test_ccxt_pro_gets_no_token_with_a_wrong_secret(pro: Pro) -> None:
    """The error is that of the REST call."""
    await pro.api.load_markets()
    pro.api.secret = "A" * 4 + pro.api.secret
    with pytest.raises(ccxt.ExchangeError, match="EAPI:Invalid signature"):
        await pro.soon(pro.api.watch_orders())
