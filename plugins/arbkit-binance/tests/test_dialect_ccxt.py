"""ccxt, which nobody here wrote, trades on the simulated Binance over real sockets (``ccxt_rig``)."""

from __future__ import annotations

from typing import Any

import ccxt
import pytest
from arbkit_binance.dialect import BinanceDialect
from ccxt_rig import SYMBOL, Pro, Rest, Site

DIALECT = BinanceDialect


def settings(site: dict[str, Any]) -> dict[str, Any]:
    rest = site["rest"]
    sockets = {"spot": f"{site['ws_public']}/ws", "ws-api": {"spot": f"{site['ws_trade']}/ws-api/v3"}}
    api = {"public": f"{rest}/api/v3", "private": f"{rest}/api/v3", "sapi": f"{rest}/sapi/v1", "ws": sockets}
    return {
        "apiKey": site["key"],
        "secret": site["secret"],
        "options": {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False, "defaultType": "spot"},
        "urls": {"api": api},
    }


async def test_ccxt_rest_trades(site: Site, rest: Rest) -> None:
    """The synchronous client loads markets, reads the book, creates, queries and cancels signed orders, and settles."""

    def trades() -> None:
        api, market = rest.api, rest.markets()
        assert market["precision"] == {"amount": 0.00001, "price": 0.01, "base": 1e-8, "quote": 1e-8}
        own = api.private_get_account_commission({"symbol": "BTCUSDT"})
        assert own["standardCommission"]["taker"] == "0.00100000"
        assert api.fetch_currencies()["BTC"]["deposit"]

        resting = rest.rests(50_000, {"newClientOrderId": "mine-1"})
        rest.refuses(ccxt.InvalidOrder, "buy", 0.01, 50_000, newClientOrderId="mine-1")
        rest.cancels(resting, ccxt.OrderNotFound)
        gone = api.fetch_order(None, SYMBOL, {"origClientOrderId": "mine-1"})
        assert (gone["status"], gone["clientOrderId"]) == ("canceled", "mine-1")

        rest.takes(63_000, "BTC", 0.001)

        rest.refuses(ccxt.InsufficientFunds, "sell", 5, 70_000)
        rest.refuses(ccxt.BadRequest, "buy", 0.00002, 60_000, "NOTIONAL")
        rest.refuses(ccxt.OrderImmediatelyFillable, "buy", 0.001, 63_000, postOnly=True)
        api.secret = "wrong" + api.secret
        with pytest.raises(ccxt.AuthenticationError):
            rest.balance()

    await site.serve(trades)


async def test_ccxt_pro_watches_the_book(pro: Pro) -> None:
    """The streaming client joins the diff stream with a REST snapshot, and its book stays equal to the venue's."""
    await pro.same_book(90)


async def test_ccxt_pro_trades_over_the_ws_api(site: Site, pro: Pro) -> None:
    """Orders over the WS API, and the user stream on the same socket: reports, fills and balances arrive."""
    await pro.api.load_markets()
    order = await pro.rests_and_is_cancelled()
    assert (await pro.api.fetch_order_ws(order["id"], SYMBOL))["status"] == "canceled"
    await pro.takes()
    site.adds_up()
