"""ccxt, which nobody here wrote, trades on the simulated Bitstamp over real sockets (``ccxt_rig``).

It signs the address that it calls, and the venue wants its own name there, so the client signs with that name. It sends
its time in force under a name that the venue does not have, so the tests give the venue's own flag.
"""

from __future__ import annotations

from typing import Any

import ccxt
import pytest
from arbkit_bitstamp.dialect import BitstampDialect
from ccxt_rig import SYMBOL, Pro, Rest, Site

DIALECT = BitstampDialect
HOST = "https://www.bitstamp.net"


def settings(site: dict[str, Any]) -> dict[str, Any]:
    urls = {"public": f"{HOST}/api", "private": f"{HOST}/api", "ws": site["ws_public"]}
    return {"apiKey": site["key"], "secret": site["secret"], "urls": {"api": urls}}


def client(kind: Any, site: dict[str, Any]) -> Any:
    """It signs for the venue's name and calls the simulator."""

    class Local(kind):  # type: ignore[misc]  # ccxt has no types
        def sign(self, *args: Any, **more: Any) -> Any:
            made = super().sign(*args, **more)
            return made | {"url": made["url"].replace(HOST, site["rest"])}

        def create_order(self, *args: Any) -> Any:
            *order, params = args if isinstance(args[-1], dict) else (*args, {})
            flag = {"ioc_order": "True"} if params.get("timeInForce") == "IOC" else params
            return super().create_order(*order, flag)

    return Local


async def test_ccxt_rest_trades(site: Site, rest: Rest) -> None:
    """The synchronous client reads the market, creates, queries and cancels signed orders, and settles."""

    def trades() -> None:
        api = rest.api
        market = rest.markets(whole=True)
        assert (market["id"], market["precision"]["amount"], market["precision"]["price"]) == ("btcusdt", 1e-8, 1)
        resting = rest.rests(55_000, {"client_order_id": "mine1"})
        rest.refuses(ccxt.ExchangeError, "buy", 0.01, 55_000, r"400\.019", client_order_id="mine1")
        rest.cancels(resting, ccxt.OrderNotFound)
        rest.takes(64_000, "USDT", 0.004)
        rest.refuses(ccxt.InsufficientFunds, "sell", 50, 64_000)
        rest.refuses(ccxt.InvalidOrder, "buy", 0.0001, 55_000, "Minimum order size")
        api.secret = "wrong"
        with pytest.raises(ccxt.AuthenticationError):
            rest.balance()

    await site.serve(trades)


async def test_ccxt_pro_watches_the_book(pro: Pro) -> None:
    """It joins the changes to a snapshot as the venue's page says; its book becomes that of the venue."""
    await pro.same_book(20)
    assert (await pro.soon(pro.api.watch_trades(SYMBOL)))[0]["price"] > 10_000


async def test_ccxt_pro_watches_the_account(site: Site, pro: Pro) -> None:
    """Orders arrive on the private channel of a token. There is no channel of balances, and ccxt has no name for the
    state of a new order."""
    await pro.api.load_markets()
    await pro.rests_and_is_cancelled("", 55_000, held=False, opened=None)
    site.adds_up()
