"""ccxt, which nobody here wrote, trades on the simulated Bitget over real sockets (``ccxt_rig``).

Its class has no call for order entry over WebSocket on a classic account (``create_order_ws`` is for unified accounts),
so orders go over REST, as those of the adapter.
"""

from __future__ import annotations

from typing import Any

import ccxt
import pytest
from arbkit_bitget.dialect import BitgetDialect
from ccxt_rig import SYMBOL, Pro, Rest, Site

DIALECT = BitgetDialect
PARTS = ("spot", "mix", "user", "p2p", "broker", "margin", "common", "tax", "convert", "copy", "earn", "uta")


def settings(site: dict[str, Any]) -> dict[str, Any]:
    sockets = {"public": f"{site['ws_public']}/v2/ws/public", "private": f"{site['ws_private']}/v2/ws/private"}
    return {
        "apiKey": site["key"],
        "secret": site["secret"],
        "password": site["passphrase"],
        "options": {"fetchMarkets": {"types": ["spot"]}, "defaultType": "spot"},
        "urls": {"api": {**dict.fromkeys(PARTS, site["rest"]), "ws": sockets}},
    }


async def test_ccxt_rest_trades(site: Site, rest: Rest) -> None:
    """The synchronous client loads markets, reads the book, creates, queries and cancels signed orders, and settles."""

    def trades() -> None:
        api, market = rest.api, rest.markets()
        assert (market["precision"]["amount"], market["precision"]["price"]) == (1e-6, 0.01)
        assert market["limits"]["cost"]["min"] == 1
        assert set(api.fetch_tickers()) == {SYMBOL, "ETH/USDT"}
        assert api.fetch_currencies()["BTC"]["deposit"]
        fee = api.fetch_trading_fee(SYMBOL)
        assert (fee["maker"], fee["taker"]) == (0.001, 0.001)

        resting = rest.rests(50_000, {"clientOrderId": "mine1"})
        rest.refuses(ccxt.ExchangeError, "buy", 0.01, 50_000, "43118", clientOrderId="mine1")
        rest.cancels(resting, ccxt.OrderNotFound)
        gone = api.fetch_order(None, SYMBOL, {"clientOrderId": "mine1"})
        assert (gone["status"], gone["clientOrderId"]) == ("canceled", "mine1")
        with pytest.raises(ccxt.OrderNotFound):
            api.fetch_order("1", SYMBOL)

        taken = rest.takes(63_000, "BTC", 0.001)
        assert taken["id"] in [order["id"] for order in api.fetch_closed_orders(SYMBOL)]
        sold = api.create_order(SYMBOL, "market", "sell", 0.01)
        assert rest.order(sold)["fee"]["currency"] == "USDT"

        rest.refuses(ccxt.InsufficientFunds, "sell", 5, 70_000)
        passive = api.create_order(SYMBOL, "limit", "buy", 0.001, 63_000, {"postOnly": True})
        assert rest.order(passive)["status"] == "canceled"
        api.create_order(SYMBOL, "limit", "buy", 0.001, 50_000)
        api.cancel_all_orders(SYMBOL)
        assert api.fetch_open_orders(SYMBOL) == []
        api.secret = "wrong" + api.secret
        with pytest.raises(ccxt.AuthenticationError, match="40009"):
            rest.balance()
        api.secret, api.password = api.secret[5:], "wrong"
        with pytest.raises(ccxt.AuthenticationError, match="40012"):
            rest.balance()

    await site.serve(trades)


async def test_ccxt_pro_watches_the_book(pro: Pro) -> None:
    """The streaming client's book becomes equal to the venue's present one, 100 levels deep."""
    await pro.same_book(100)
    assert (await pro.soon(pro.api.watch_order_book("ETH/USDT", 5)))["asks"][0][0] > 2000
    assert (await pro.soon(pro.api.watch_ticker("ETH/USDT")))["last"] > 2000
    assert (await pro.soon(pro.api.watch_trades(SYMBOL)))[0]["price"] > 10_000


async def test_ccxt_pro_watches_the_account(site: Site, pro: Pro) -> None:
    """Orders, fills and balances arrive on the private channels."""
    await pro.api.load_markets()
    assert (await pro.soon(pro.api.watch_balance()))["USDT"]["free"] == 200_000
    await pro.rests_and_is_cancelled("")
    await pro.takes("")
    site.adds_up()


async def test_ccxt_pro_login_is_refused(pro: Pro) -> None:
    """A wrong passphrase on the private socket."""
    await pro.api.load_markets()
    pro.api.password = "wrong"
    with pytest.raises(ccxt.AuthenticationError, match="30012"):
        await pro.soon(pro.api.watch_orders(SYMBOL))
