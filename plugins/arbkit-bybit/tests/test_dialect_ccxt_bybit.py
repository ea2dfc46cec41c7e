"""ccxt, which nobody here wrote, trades on the simulated Bybit over real sockets (``ccxt_rig``)."""

from __future__ import annotations

from typing import Any

import ccxt
import pytest
from arbkit_bybit.dialect import BybitDialect
from ccxt_rig import SYMBOL, Pro, Rest, Site

DIALECT = BybitDialect
QUERY = {"acknowledged": True}  # only the last 500 orders can be queried, ccxt warns


def settings(site: dict[str, Any]) -> dict[str, Any]:
    rest, private = site["rest"], f"{site['ws_private']}/v5/private"
    sockets = {
        "public": {"spot": f"{site['ws_public']}/v5/public/spot"},
        "private": {"spot": {"unified": private}, "contract": private, "trade": f"{site['ws_trade']}/v5/trade"},
    }
    return {
        "apiKey": site["key"],
        "secret": site["secret"],
        "options": {"fetchMarkets": {"types": ["spot"]}, "defaultType": "spot"},
        "urls": {"api": {"public": rest, "private": rest, "ws": sockets}},
    }


async def test_ccxt_rest_trades(site: Site, rest: Rest) -> None:
    """The synchronous client loads markets, reads the book, creates, queries and cancels signed orders, and settles."""

    def trades() -> None:
        api, market = rest.api, rest.markets()
        assert market["precision"] == {"amount": 1e-6, "price": 0.1}
        assert market["limits"]["cost"]["min"] == 5
        assert api.fetch_trading_fee(SYMBOL)["taker"] == 0.001
        assert api.fetch_currencies()["BTC"]["deposit"]

        resting = rest.rests(50_000, {"clientOrderId": "mine-1"})
        rest.refuses(ccxt.InvalidOrder, "buy", 0.01, 50_000, "170141", clientOrderId="mine-1")
        rest.cancels(resting, ccxt.OrderNotFound)
        assert rest.order(resting)["clientOrderId"] == "mine-1"
        assert [order["id"] for order in api.fetch_canceled_orders(SYMBOL)] == [resting["id"]]
        api.create_order(SYMBOL, "limit", "buy", 0.01, 50_000)
        assert len(api.cancel_all_orders(SYMBOL)) == 1

        taken = rest.takes(62_300, "BTC", 0.001)
        assert taken["fee"]["cost"] == pytest.approx(0.02 * 0.001)
        assert api.fetch_closed_order(taken["id"], SYMBOL)["status"] == "closed"

        rest.refuses(ccxt.InsufficientFunds, "sell", 5, 70_000)
        rest.refuses(ccxt.InvalidOrder, "buy", 0.00002, 60_000, "170140")
        maker = api.create_order(SYMBOL, "limit", "buy", 0.001, 62_300, {"postOnly": True})
        refused = rest.order(maker)
        assert refused["info"]["rejectReason"] == "EC_PostOnlyWillTakeLiquidity"
        assert refused["status"] in ("canceled", "rejected")
        api.secret = "wrong" + api.secret
        with pytest.raises(ccxt.AuthenticationError):
            rest.balance()

    await site.serve(trades)


async def test_ccxt_pro_watches_the_book(pro: Pro) -> None:
    """The streaming client keeps a book from a snapshot and its deltas, equal to the venue's."""
    await pro.same_book(50, 50)


async def test_ccxt_pro_trades_over_the_trade_socket(site: Site, pro: Pro) -> None:
    """Orders over the trade socket; orders, fills and balances arrive on the private one."""
    await pro.api.load_markets()
    await pro.rests_and_is_cancelled()
    await pro.takes(px=61_300)
    with pytest.raises(ccxt.InsufficientFunds):
        await pro.soon(pro.api.create_order_ws(SYMBOL, "limit", "sell", 50, 70_000))
    site.adds_up()


async def test_ccxt_pro_is_refused_with_a_wrong_secret(pro: Pro) -> None:
    """A login signed with another secret fails."""
    await pro.api.load_markets()
    pro.api.options |= {"enableUnifiedMargin": False, "enableUnifiedAccount": True}
    pro.api.secret = "wrong" + pro.api.secret
    with pytest.raises(ccxt.AuthenticationError):
        await pro.soon(pro.api.watch_orders(SYMBOL))
