"""ccxt, which nobody here wrote, trades on the simulated KuCoin over real sockets (``ccxt_rig``).

Its class applies no delta of ``increment@10ms``, so it watches depth 50 of the Pro socket. The venue tells the host of
the private socket in the answer to a REST call; the client dials the simulator in its place.
"""

from __future__ import annotations

from typing import Any

import ccxt
import pytest
from arbkit_kucoin.dialect import KucoinDialect
from ccxt_rig import SYMBOL, Pro, Rest, Site

DIALECT = KucoinDialect
PARTS = ("public", "private", "earn", "uta", "utaPrivate", "broker", "webExchange", "futuresPublic", "futuresPrivate")


def settings(site: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiKey": site["key"],
        "secret": site["secret"],
        "password": site["passphrase"],
        "options": {"fetchMarkets": {"types": ["spot"]}, "defaultType": "spot", "hf": True, "uta": False},
        "urls": {"api": {**dict.fromkeys(PARTS, site["rest"]), "ws": {"spot": site["ws_public"]}}},
    }


def client(kind: Any, site: dict[str, Any]) -> Any:
    class Local(kind):  # type: ignore[misc]  # ccxt has no types
        def client(self, url: str) -> Any:
            return super().client(url.replace("wss://ws-api-spot.kucoin.com", site["ws_private"]))

    return Local


async def test_ccxt_rest_trades(site: Site, rest: Rest) -> None:
    """The synchronous client loads markets, reads the book, creates, queries and cancels signed orders, and settles."""

    def trades() -> None:
        api, market = rest.api, rest.markets()
        assert (market["precision"]["amount"], market["precision"]["price"]) == (1e-8, 0.1)
        assert market["limits"]["cost"]["min"] == 0.1
        fee = api.fetch_trading_fee(SYMBOL)
        assert (fee["maker"], fee["taker"]) == (0.001, 0.001)

        resting = rest.rests(60_000, {"clientOrderId": "mine1"})
        rest.refuses(ccxt.ExchangeError, "buy", 0.01, 60_000, "clientOidDuplicated", clientOrderId="mine1")
        rest.cancels(resting, ccxt.OrderNotFound)
        assert api.fetch_order("1", SYMBOL)["id"] is None  # the venue answers null

        rest.takes(63_000, "USDT", 0.001)
        sold = api.create_order(SYMBOL, "market", "sell", 0.01)
        assert rest.order(sold)["filled"] == 0.01
        rest.refuses(ccxt.InsufficientFunds, "sell", 500, 63_000)
        rest.refuses(ccxt.InvalidOrder, "buy", 0.01, 90_000)
        passive = api.create_order(SYMBOL, "limit", "buy", 0.001, 63_000, {"postOnly": True})
        assert rest.order(passive)["status"] == "canceled"
        api.create_order(SYMBOL, "limit", "buy", 0.001, 60_000)
        api.cancel_all_orders(SYMBOL)
        assert api.fetch_open_orders(SYMBOL) == []
        api.password, right = "wrong", api.password
        with pytest.raises(ccxt.AuthenticationError, match="PASSPHRASE"):
            rest.balance()
        api.password, api.secret = right, "wrong" + api.secret  # the passphrase is signed with it too
        with pytest.raises(ccxt.AuthenticationError, match="40000"):
            rest.balance()

    await site.serve(trades)


async def test_ccxt_pro_watches_the_book(pro: Pro) -> None:
    """The streaming client's book becomes equal to the venue's present one, 50 levels deep."""
    await pro.same_book(50, params={"uta": True, "utaDepth": "50"})


async def test_ccxt_pro_watches_the_account(site: Site, pro: Pro) -> None:
    """Orders, fills and balances arrive on the socket of a token. Fees are told over REST only."""
    await pro.api.load_markets()
    await pro.rests_and_is_cancelled("", 60_000)
    await pro.takes("", fees=False)
    site.adds_up()
