"""ccxt, which nobody here wrote, trades on the simulated HTX over real sockets (``ccxt_rig``).

It writes the host into its addresses, always with TLS, and signs what is left of one without ``wss://``: so
it dials without TLS only at the end.
"""

from __future__ import annotations

from typing import Any

import ccxt
import pytest
from arbkit_htx.dialect import HtxDialect
from ccxt_rig import SYMBOL, Pro, Rest, Site

DIALECT = HtxDialect


def settings(site: dict[str, Any]) -> dict[str, Any]:
    host = site["rest"].removeprefix("http://")
    base = ccxt.htx().urls["api"]
    ws = {"public": f"wss://{host}/ws", "private": f"wss://{host}/ws/v2", "feed": f"wss://{host}/feed"}
    return {
        "apiKey": site["key"],
        "secret": site["secret"],
        "hostname": host,
        "options": {"fetchMarkets": {"types": {"spot": True, "linear": False, "inverse": False}}},
        "urls": {
            "hostnames": {"contract": host, "spot": host},
            "api": {**dict.fromkeys(base, site["rest"]), "ws": {"api": {"spot": ws}}},
        },
    }


def client(kind: Any, site: dict[str, Any]) -> Any:
    class Local(kind):  # type: ignore[misc]  # ccxt has no types
        def client(self, url: str) -> Any:
            return super().client(url.replace("wss://", "ws://"))

    return Local


async def test_ccxt_rest_trades(site: Site, rest: Rest) -> None:
    """The synchronous client loads markets, reads the book, creates, queries and cancels signed orders, and settles."""

    def trades() -> None:
        api, market = rest.api, rest.markets()
        assert (market["precision"]["amount"], market["precision"]["price"]) == (1e-6, 0.01)
        assert api.fetch_currencies()["BTC"]["deposit"]
        assert api.fetch_trading_fee(SYMBOL)["taker"] == 0.002

        resting = rest.rests(58_000, {"clientOrderId": "mine1"})
        rest.cancels(resting, ccxt.OrderNotFound)
        rest.takes(63_000, "BTC", 0.002)
        sold = api.create_order(SYMBOL, "market", "sell", 0.01)
        assert rest.order(sold)["filled"] == 0.01
        rest.refuses(ccxt.InsufficientFunds, "sell", 500, 63_000)
        passive = api.create_order(SYMBOL, "limit", "buy", 0.001, 63_000, {"postOnly": True})
        assert rest.order(passive)["status"] == "canceled"
        api.create_order(SYMBOL, "limit", "buy", 0.001, 58_000)
        api.cancel_all_orders(SYMBOL)
        assert api.fetch_open_orders(SYMBOL) == []
        api.secret = "wrong" + api.secret
        with pytest.raises(ccxt.AuthenticationError):
            rest.balance()

    await site.serve(trades)


async def test_ccxt_pro_watches_the_book(pro: Pro) -> None:
    """The streaming client's book becomes equal to the venue's present one, 20 levels deep, and trades arrive."""
    await pro.same_book(20, 150)
    assert (await pro.soon(pro.api.watch_trades(SYMBOL)))[0]["price"] > 10_000


async def test_ccxt_pro_watches_the_account(site: Site, pro: Pro) -> None:
    """Orders and fills arrive after a login on the private socket. It reads a balance as a list, which it is not."""
    await pro.api.load_markets()
    await pro.rests_and_is_cancelled("", 58_000, held=False)
    await pro.takes("")
    site.adds_up()
