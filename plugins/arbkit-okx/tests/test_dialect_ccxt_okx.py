"""ccxt, which nobody here wrote, trades on the simulated OKX over real sockets (``ccxt_rig``)."""

from __future__ import annotations

from typing import Any

import ccxt
import pytest
from arbkit_okx.dialect import OkxDialect
from ccxt_rig import SYMBOL, Pro, Rest, Site

DIALECT = OkxDialect


def settings(site: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiKey": site["key"],
        "secret": site["secret"],
        "password": site["passphrase"],
        "options": {"fetchMarkets": {"types": ["spot"]}, "defaultType": "spot"},
        "urls": {"api": {"rest": site["rest"], "ws": f"{site['ws_public']}/ws/v5"}},
    }


async def test_ccxt_rest_trades(site: Site, rest: Rest) -> None:
    """The synchronous client loads markets, reads the book, creates, queries and cancels signed orders, and settles."""

    def trades() -> None:
        api, market = rest.api, rest.markets()
        assert (market["precision"]["amount"], market["precision"]["price"]) == (1e-8, 0.1)
        assert market["limits"]["amount"]["min"] == 1e-5
        assert set(api.fetch_tickers()) == {SYMBOL, "ETH/USDT"}
        assert api.fetch_currencies()["BTC"]["deposit"]
        fee = api.fetch_trading_fee(SYMBOL)
        assert (fee["maker"], fee["taker"]) == (0.0008, 0.001)

        resting = rest.rests(50_000, {"clientOrderId": "mine1"})
        rest.refuses(ccxt.InvalidOrder, "buy", 0.01, 50_000, clientOrderId="mine1")
        rest.cancels(resting, ccxt.OrderNotFound)
        gone = api.fetch_order(None, SYMBOL, {"clientOrderId": "mine1"})
        assert (gone["status"], gone["clientOrderId"]) == ("canceled", "mine1")
        with pytest.raises(ccxt.OrderNotFound):
            api.fetch_order("1", SYMBOL)

        taken = rest.takes(63_000, "BTC", 0.001)
        assert [order["id"] for order in api.fetch_closed_orders(SYMBOL)] == [taken["id"]]
        sold = api.create_order(SYMBOL, "market", "sell", 0.01)
        assert rest.order(sold)["fee"]["currency"] == "USDT"

        rest.refuses(ccxt.InsufficientFunds, "sell", 5, 70_000)
        passive = api.create_order(SYMBOL, "limit", "buy", 0.001, 63_000, {"postOnly": True})
        assert rest.order(passive)["status"] == "canceled"
        api.secret = "wrong" + api.secret
        with pytest.raises(ccxt.AuthenticationError, match="50113"):
            rest.balance()
        api.secret, api.password = api.secret[5:], "wrong"
        with pytest.raises(ccxt.AuthenticationError, match="50105"):
            rest.balance()

    await site.serve(trades)


async def test_ccxt_pro_watches_the_book(pro: Pro) -> None:
    """The streaming client checks the sequence chain of every update, and its book stays equal to the venue's."""
    await pro.same_book(400)
    assert (await pro.soon(pro.api.watch_order_book("ETH/USDT", 5)))["asks"][0][0] > 2000
    assert len((await pro.soon(pro.api.watch_order_book("ETH/USDT", 1)))["bids"]) == 1


async def test_ccxt_pro_trades_on_the_private_socket(site: Site, pro: Pro) -> None:
    """Orders by instIdCode over the private socket; orders, fills and balances arrive on its channels."""
    await pro.api.load_markets()
    assert (await pro.soon(pro.api.watch_balance()))["USDT"]["free"] == 200_000
    await pro.rests_and_is_cancelled()
    await pro.takes()
    with pytest.raises(ccxt.ExchangeError, match="51008"):
        await pro.api.create_order_ws(SYMBOL, "limit", "sell", 500, 60_000)
    site.adds_up()


async def test_ccxt_pro_login_is_refused(pro: Pro) -> None:
    """A wrong passphrase on the private socket."""
    await pro.api.load_markets()
    pro.api.password = "wrong"
    with pytest.raises(ccxt.AuthenticationError, match="60024"):
        await pro.soon(pro.api.watch_orders(SYMBOL))
