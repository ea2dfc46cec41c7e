"""ccxt, which nobody here wrote, trades on the simulated Crypto.com over real sockets (``ccxt_rig``).

It cannot cancel by a client order id: it sends it under a name that the venue does not know.
"""

from __future__ import annotations

from typing import Any

import ccxt
import pytest
from arbkit_cryptocom.dialect import CryptocomDialect
from ccxt_rig import SYMBOL, Pro, Rest, Site

DIALECT = CryptocomDialect


def settings(site: dict[str, Any]) -> dict[str, Any]:
    rest, ws = f"{site['rest']}/exchange/v1", f"{site['ws_public']}/exchange/v1"
    return {
        "apiKey": site["key"],
        "secret": site["secret"],
        "enableRateLimit": True,  # balances may be asked for three times in 100 ms, which ccxt knows
        "rateLimit": 12,
        "urls": {"api": {"v1": rest, "ws": {"public": f"{ws}/market", "private": f"{ws}/user"}}},
    }


async def test_ccxt_rest_trades(site: Site, rest: Rest) -> None:
    """The synchronous client loads markets, reads the book, creates, queries and cancels signed orders, and settles."""

    def trades() -> None:
        api = rest.api
        market = rest.markets()
        assert (market["precision"]["amount"], market["precision"]["price"]) == (1e-5, 0.01)
        resting = rest.rests(50_000, {})
        assert api.cancel_order(resting["id"], SYMBOL)["id"] == resting["id"]
        assert rest.order(resting)["status"] == "canceled"
        with pytest.raises(ccxt.OrderNotFound):
            api.fetch_order("1", SYMBOL)
        rest.takes(63_000, "BTC", 0.005)
        rest.refuses(ccxt.InsufficientFunds, "sell", 500, 70_000)
        api.create_order(SYMBOL, "limit", "buy", 0.001, 50_000)
        api.cancel_all_orders(SYMBOL)
        assert api.fetch_open_orders(SYMBOL) == []
        api.secret = "wrong" + api.secret
        with pytest.raises(ccxt.AuthenticationError, match="40101"):
            rest.balance()

    await site.serve(trades)


async def test_ccxt_pro_watches_the_book(pro: Pro) -> None:
    """ccxt writes the book's parameters in another spelling than the pages, so it gets whole books every 500 ms."""
    for _ in range(3):
        book = await pro.soon(pro.api.watch_order_book(SYMBOL))
        assert len(book["bids"]) == len(book["asks"]) == 50
        assert book["bids"][0][0] < book["asks"][0][0]


async def test_ccxt_pro_watches_the_account(site: Site, pro: Pro) -> None:
    """Orders, fills and balances arrive on their channels. An order is placed on the socket, which ccxt can do once in
    a connection: it takes a second request for a copy of the first."""
    await pro.api.load_markets()
    await pro.rests_and_is_cancelled("")
    await pro.takes()
    site.adds_up()
