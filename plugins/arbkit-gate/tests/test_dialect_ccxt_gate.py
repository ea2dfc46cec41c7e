"""ccxt, which nobody here wrote, trades on the simulated Gate over real sockets (``ccxt_rig``)."""

from __future__ import annotations

from typing import Any

import ccxt
import pytest
from arbkit_gate.dialect import GateDialect
from ccxt_rig import SYMBOL, Pro, Rest, Site

DIALECT = GateDialect
CALLS = ("wallet", "margin", "spot", "account")


def settings(site: dict[str, Any]) -> dict[str, Any]:
    calls = dict.fromkeys(CALLS, f"{site['rest']}/api/v4")
    return {
        "apiKey": site["key"],
        "secret": site["secret"],
        "options": {"fetchMarkets": {"types": ["spot"]}, "defaultType": "spot"},
        "urls": {"api": {"public": calls, "private": calls, "spot": f"{site['ws_public']}/ws/v4/"}},
    }


async def test_ccxt_rest_trades(site: Site, rest: Rest) -> None:
    """The synchronous client loads markets, reads the book, creates, queries and cancels signed orders, and settles."""

    def trades() -> None:
        api, market = rest.api, rest.markets()
        assert (market["precision"]["amount"], market["precision"]["price"]) == (1e-5, 0.1)
        assert (market["limits"]["amount"]["min"], market["limits"]["cost"]["min"]) == (1e-5, 3)
        assert set(api.fetch_tickers()) == {SYMBOL, "ETH/USDT"}
        assert api.fetch_currencies()["BTC"]["deposit"]
        fee = api.fetch_trading_fee(SYMBOL)
        assert (fee["maker"], fee["taker"]) == (0.001, 0.001)

        mine = {"clientOrderId": "t-mine1"}
        resting = rest.rests(60_000, mine)
        assert resting["clientOrderId"] == "t-mine1"
        assert api.fetch_order("t-mine1", SYMBOL)["id"] == resting["id"]
        second = api.create_order(SYMBOL, "limit", "buy", 0.01, 60_000, mine)  # a text is not reserved
        assert api.fetch_order("t-mine1", SYMBOL)["id"] == second["id"]
        for order in (resting, second):
            rest.cancels(order, ccxt.InvalidOrder)
        with pytest.raises(ccxt.OrderNotFound):
            api.cancel_order("1", SYMBOL)
        with pytest.raises(ccxt.OrderNotFound):
            api.fetch_order("1", SYMBOL)
        with pytest.raises(ccxt.OrderNotFound, match="CLIENT_ID_NOT_FOUND"):
            api.fetch_order("t-never", SYMBOL)

        taken = rest.takes(63_000, "BTC", 0.001)
        assert [order["id"] for order in api.fetch_closed_orders(SYMBOL)] == [taken["id"]]
        sold = api.create_order(SYMBOL, "market", "sell", 0.01)
        assert sold["status"] == "closed"
        assert {fee["currency"] for fee in sold["fees"] if fee["cost"]} == {"USDT"}
        api.options["createMarketBuyOrderRequiresPrice"] = False
        assert api.create_order(SYMBOL, "market", "buy", 100)["cost"] == pytest.approx(100, abs=1)

        rest.refuses(ccxt.InsufficientFunds, "sell", 5, 63_000)
        rest.refuses(ccxt.OrderImmediatelyFillable, "buy", 0.001, 63_000, postOnly=True)
        rest.refuses(ccxt.BadRequest, "buy", 0.00002, 60_000, "Your order size")
        api.secret = "wrong" + api.secret
        with pytest.raises(ccxt.AuthenticationError, match="INVALID_SIGNATURE"):
            rest.balance()
        api.apiKey = "nobody"
        with pytest.raises(ccxt.AuthenticationError, match="INVALID_KEY"):
            rest.balance()

    await site.serve(trades)


async def test_ccxt_pro_watches_the_book(pro: Pro) -> None:
    """The streaming client's book, from ``spot.obu``, stays equal to the venue's best 50 levels."""
    await pro.same_book(50)
    assert (await pro.soon(pro.api.watch_order_book("ETH/USDT")))["asks"][0][0] > 2000


async def test_ccxt_pro_trades_on_the_socket(site: Site, pro: Pro) -> None:
    """Orders after a login; orders, fills and balances arrive on their channels."""
    await pro.api.load_markets()
    order = await pro.rests_and_is_cancelled(px=60_000)
    assert (await pro.soon(pro.api.fetch_order_ws(order["id"], SYMBOL)))["status"] == "canceled"
    with pytest.raises(ccxt.NotSupported):  # ccxt lists orders on the socket for swaps only
        await pro.api.fetch_open_orders_ws(SYMBOL)
    await pro.takes()
    with pytest.raises(ccxt.InsufficientFunds):
        await pro.soon(pro.api.create_order_ws(SYMBOL, "limit", "sell", 500, 60_000))
    site.adds_up()


async def test_ccxt_pro_login_is_refused(pro: Pro) -> None:
    """A wrong secret, on a private channel."""
    await pro.api.load_markets()
    pro.api.secret = "wrong"
    with pytest.raises(ccxt.AuthenticationError, match="INVALID_SIGNATURE"):
        await pro.soon(pro.api.watch_orders(SYMBOL))
