"""ccxt, which nobody here wrote, trades on the simulated MEXC over real sockets (``ccxt_rig``).

Its streams are not tested: its watches hang on the simulated sockets, and why is not known. Its copy of the published
schema reads the binary frames in ``test_mexc_dialect.py``.
"""

from __future__ import annotations

from typing import Any

import ccxt
import pytest
from arbkit_mexc.dialect import MexcDialect
from ccxt_rig import SYMBOL, Rest, Site

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
