"""pybit: REST, the book that it keeps, the private socket, and orders over REST and over the trade socket."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

from checks import SIM, admin, check, extra, finish, has, ledger, now_ms, same, same_balances, wait_here
from pybit import _http_manager, _websocket_stream, _websocket_trading, unified_trading
from pybit.exceptions import FailedRequestError, InvalidRequestError

logging.disable(logging.CRITICAL)
SITE = SIM["venues"]["bybit"]
SYMBOL = "BTCUSDT"
PAIR = {"category": "spot", "symbol": SYMBOL}
_http_manager.HTTP_URL = SITE["rest"]
unified_trading.PUBLIC_WSS = SITE["ws_public"] + "/v5/public/{CHANNEL_TYPE}"
unified_trading.PRIVATE_WSS = SITE["ws_private"] + "/v5/private"
_websocket_trading.TRADE_WSS = SITE["ws_trade"] + "/v5/trade"
BOOKS_COMPARED = 3

# v5: market/instrument, order/open-order, websocket/private/order, websocket/private/execution, account/wallet-balance
INSTRUMENT = "symbol baseCoin quoteCoin status marginTrading lotSizeFilter priceFilter riskParameters"
ORDER = (
    "orderId orderLinkId symbol price qty side orderStatus cancelType rejectReason avgPrice leavesQty leavesValue"
    " cumExecQty cumExecValue cumExecFee timeInForce orderType isLeverage createdTime updatedTime smpType"
)
EXECUTION = (
    "category symbol execFee execId execPrice execQty execType execValue feeRate leavesQty orderId orderLinkId"
    " orderPrice orderQty orderType side execTime isMaker seq feeCurrency"
)
COIN = "coin equity usdValue walletBalance locked borrowAmount spotBorrow accruedInterest totalOrderIM cumRealisedPnl"

RESTING = {**PAIR, "side": "Buy", "orderType": "Limit", "qty": "0.001"}
REFUSED: tuple[tuple[str, dict[str, str], int], ...] = (
    ("a price between two ticks", {"price": "60000.01"}, 170134),
    ("a quantity between two steps", {"qty": "0.0010000001"}, 170137),
    ("less than the minimum", {"qty": "0.0000001"}, 170136),
    ("too little money", {"qty": "0.00001"}, 170140),
    ("more than the balance", {"qty": "50"}, 170131),
    ("a price over the band", {"price": "100000"}, 170372),
    ("a price under the band, to sell", {"price": "30000", "side": "Sell"}, 170371),
    ("an unknown symbol", {"symbol": "AAABBB"}, 170121),
)
"""What is refused, what is changed in a good order, and the code."""


def late_answers(real: Callable[[Any, str], None]) -> Callable[[Any, str], None]:
    """pybit notes a subscription after it has sent it, and fails if the answer is quicker than that."""

    def take(manager: Any, message: str) -> None:
        if '"success"' in message:
            time.sleep(0.05)
        real(manager, message)

    return take


_websocket_stream._WebSocketManager._on_message = late_answers(_websocket_stream._WebSocketManager._on_message)


def client(key: str = SITE["key"], secret: str = SITE["secret"]) -> Any:
    """A REST client that repeats nothing. The CA is set, because pybit uses requests so that it reads no variable."""
    made = unified_trading.HTTP(api_key=key, api_secret=secret, max_retries=1, retry_codes={0})
    made.client.verify = os.environ["REQUESTS_CA_BUNDLE"]
    return made


rest = client()


def good(reply: dict[str, Any]) -> Any:
    same(reply["retCode"], 0)
    return reply["result"]


def code_of(call: Callable[..., Any], **arguments: Any) -> int:
    """The code that the call is refused with; 0 = it is not."""
    try:
        call(**arguments)
    except (InvalidRequestError, FailedRequestError) as error:
        return int(error.status_code)
    return 0


def stored(link_id: str) -> dict[str, Any]:
    """The order as the simulator keeps it."""
    (row,) = [row for row in admin("orders")["bybit"] if row["cl_ord_id"] == link_id]
    return row


def balances(coins: list[dict[str, Any]]) -> dict[str, tuple[Decimal, Decimal]]:
    return {
        row["coin"]: (Decimal(row["walletBalance"]) - Decimal(row["locked"]), Decimal(row["locked"])) for row in coins
    }


def wallet() -> Any:
    (row,) = good(rest.get_wallet_balance(accountType="UNIFIED"))["list"]
    return row


def reads() -> None:
    with check("market/time"):
        assert abs(int(good(rest.get_server_time())["timeNano"]) / 1e6 - now_ms()) < 2000
    with check("market/instruments-info: twelve, with the documented fields"):
        rows = good(rest.get_instruments_info(category="spot"))["list"]
        same(len(rows), 12)
        for row in rows:
            has(row, INSTRUMENT)
    for name, call in (
        ("market/tickers", lambda: rest.get_tickers(**PAIR)),
        ("market/recent-trade", lambda: rest.get_public_trade_history(**PAIR)),
        ("market/price-limit", lambda: rest.get_price_limit(**PAIR)),
        ("account/info", rest.get_account_info),
        ("account/fee-rate", lambda: rest.get_fee_rates(**PAIR)),
        ("asset/coin/query-info", lambda: rest.get_coin_info(coin="USDT")),
        ("user/query-api", rest.get_api_key_information),
    ):
        with check(f"REST {name}"):
            assert good(call())
    with check("REST position/list of another category is empty"):
        same(good(rest.get_positions(category="linear", settleCoin="USDT"))["list"], [])
    with extra("REST market/kline"):
        good(rest.get_kline(**PAIR, interval="1"))
    with check("wallet-balance: the ledger's, with the documented fields"):
        row = wallet()
        for coin in row["coin"]:
            has(coin, COIN)
            assert Decimal(coin["usdValue"]) > 0, coin
        assert Decimal(row["totalEquity"]) > 0, row
        same_balances("bybit", balances(row["coin"]))


def public_socket() -> None:
    socket = unified_trading.WebSocket(channel_type="spot", testnet=False)
    with check("orderbook.1000: the book that pybit keeps is the REST book of the same update id"):
        books: dict[int, Any] = {}

        def keep(message: dict[str, Any]) -> None:
            sides = (message["data"]["b"], message["data"]["a"])
            # pybit goes on changing its lists
            books[message["data"]["u"]] = [[(Decimal(row[0]), Decimal(row[1])) for row in side] for side in sides]

        # market/orderbook: the u of a REST book is that of the stream with 1000 levels
        socket.orderbook_stream(1000, SYMBOL, keep)
        compared = 0

        def met() -> bool:
            nonlocal compared
            page = good(rest.get_orderbook(**PAIR, limit=50))
            if page["u"] in books:
                mine = [
                    sorted(side, reverse=highest)[:50]
                    for side, highest in zip(books[page["u"]], (True, False), strict=True)
                ]
                same(mine, [[(Decimal(row[0]), Decimal(row[1])) for row in page[side]] for side in "ba"])
                compared += 1
            return compared >= BOOKS_COMPARED

        wait_here(met, f"{BOOKS_COMPARED} equal books", every_s=0.1)
    with check("orderbook.1, publicTrade and tickers push"):
        came: dict[str, Any] = {}
        socket.orderbook_stream(1, SYMBOL, lambda message: came.update(book=message))
        socket.trade_stream(SYMBOL, lambda message: came.update(trade=message))
        socket.ticker_stream(SYMBOL, lambda message: came.update(ticker=message))
        wait_here(lambda: len(came) == 3, "a push of each")
        has(came["trade"]["data"][0], "T s S v p i BT seq")


def private_socket(low: str) -> None:
    pushed: dict[str, list[dict[str, Any]]] = {"order": [], "execution": [], "wallet": []}

    def keep(topic: str) -> Callable[[dict[str, Any]], None]:
        return lambda message: pushed[topic].extend(message["data"])

    with check("private socket: login; order, execution, wallet and position are accepted"):
        socket = unified_trading.WebSocket(
            channel_type="private", testnet=False, api_key=SITE["key"], api_secret=SITE["secret"], private_auth_expire=5
        )
        socket.order_stream(keep("order"))
        socket.execution_stream(keep("execution"))
        socket.wallet_stream(keep("wallet"))
        socket.position_stream(keep("order"))
        time.sleep(0.5)
        assert socket.is_connected(), "the socket was closed"
    orders(low)
    with check("the order topic told of both states of the first order, with the documented fields"):

        def told() -> list[dict[str, Any]]:
            return [row for row in pushed["order"] if row["orderLinkId"] == "first"]

        wait_here(lambda: len(told()) == 2, "two pushes")
        same([row["orderStatus"] for row in told()], ["New", "Cancelled"])
        for row in told():
            has(row, ORDER + " category feeCurrency")
    with check("the execution topic told of each fill"):
        rows = [row for row in admin("orders")["bybit"] if row["account"] == "main"]
        true = {fill["trade_id"] for row in rows for fill in row["fills"]}
        wait_here(lambda: {row["execId"] for row in pushed["execution"]} == true, "the simulator's fills")
        for row in pushed["execution"]:
            has(row, EXECUTION)
    trade_socket(low)
    with check("at the end the balances of REST and of the wallet topic are the ledger's"):
        same_balances("bybit", balances(wallet()["coin"]))
        last = {}
        for row in pushed["wallet"]:
            last |= balances(row["coin"])
        same(last, {asset: row for asset, row in ledger("bybit").items() if asset in last})


def orders(low: str) -> None:
    """Over REST."""
    resting = {**RESTING, "price": low}
    with check("a limit order rests; query by either id has it"):
        placed = good(rest.place_order(**resting, orderLinkId="first"))
        (one,) = good(rest.get_open_orders(**PAIR, orderId=placed["orderId"]))["list"]
        has(one, ORDER)
        same((one["orderStatus"], Decimal(one["price"]), stored("first")["status"]), ("New", Decimal(low), "new"))
        same(good(rest.get_open_orders(**PAIR, orderLinkId="first"))["list"], [one])
    with check("a second order with its link id: 170141"):
        same(code_of(rest.place_order, **resting, orderLinkId="first"), 170141)
    with check("cancel, and again: 170213; the history has it"):
        good(rest.cancel_order(**PAIR, orderLinkId="first"))
        same(code_of(rest.cancel_order, **PAIR, orderLinkId="first"), 170213)
        (row,) = good(rest.get_order_history(**PAIR, orderLinkId="first"))["list"]
        same((row["orderStatus"], row["cancelType"]), ("Cancelled", "CancelByUser"))
    over = f"{Decimal(low) * Decimal('1.035'):.1f}"
    for name, change, status, reason in (
        ("market-by-base", {"orderType": "Market", "marketUnit": "baseCoin"}, "Filled", "EC_NoError"),
        ("market-by-quote", {"orderType": "Market", "qty": "50"}, None, None),
        ("ioc-over-the-ask", {"timeInForce": "IOC", "price": over}, "Filled", "EC_NoError"),
        ("ioc-away", {"timeInForce": "IOC"}, "Cancelled", "EC_NoImmediateQtyToFill"),
        ("fok-away", {"timeInForce": "FOK"}, "Cancelled", "EC_NoEnoughQtyToFill"),
        ("post-only-over-the-ask", {"timeInForce": "PostOnly", "price": over}, None, "EC_PostOnlyWillTakeLiquidity"),
    ):
        with check(f"order {name}: {status or 'ends'}, with the quantity and fee that the simulator keeps"):
            made = {
                key: value
                for key, value in {**resting, **change}.items()
                if change.get("orderType") is None or key != "price"
            }
            good(rest.place_order(**made, orderLinkId=name))
            (row,) = good(rest.get_order_history(**PAIR, orderLinkId=name))["list"]
            assert status in (None, row["orderStatus"]), row["orderStatus"]
            assert reason in (None, row["rejectReason"]), row["rejectReason"]
            true = stored(name)
            same(Decimal(row["cumExecQty"]), Decimal(true["cum_qty"]))
            fees = [fill["execFee"] for fill in good(rest.get_executions(**PAIR, orderLinkId=name))["list"]]
            same(sum(map(Decimal, fees)), sum(Decimal(fill["fee"]) for fill in true["fills"]))
    with check("a batch of a good and a bad order: a code for each; cancel all"):
        two = [{**resting, "orderLinkId": "batch"}, {**resting, "qty": "0.0000001"}]
        reply = rest.place_batch_order(
            category="spot", request=[{k: v for k, v in one.items() if k != "category"} for one in two]
        )
        same([row["code"] for row in reply["retExtInfo"]["list"]], [0, 170136])
        same(len(good(rest.cancel_all_orders(**PAIR))["list"]), 1)
    with extra("REST order/amend"):
        same(code_of(rest.amend_order, **PAIR, orderLinkId="first", price=low), 170213)
    time.sleep(1)  # 20 new orders a second are allowed
    for what, change, code in REFUSED:
        with check(f"{what}: {code}"):
            same(code_of(rest.place_order, **{**resting, **change}), code)


def trade_socket(low: str) -> None:
    answers: list[dict[str, Any]] = []
    time.sleep(1)  # as above
    socket = unified_trading.WebSocketTrading(
        testnet=False, api_key=SITE["key"], api_secret=SITE["secret"], private_auth_expire=5
    )
    wait_here(lambda: socket.auth, "the login")

    def answer(call: Callable[..., None], **arguments: Any) -> dict[str, Any]:
        answers.clear()
        call(answers.append, error_callback=answers.append, **arguments)
        reply: dict[str, Any] = wait_here(lambda: answers and answers[0], "an answer")
        return reply

    with check("trade socket: placed, cancelled, refused"):
        reply = answer(socket.place_order, **RESTING, price=low, orderLinkId="over-socket")
        has(reply, "reqId retCode retMsg op data retExtInfo header connId")
        same((reply["retCode"], stored("over-socket")["status"]), (0, "new"))
        same(answer(socket.cancel_order, **PAIR, orderLinkId="over-socket")["retCode"], 0)
        same(answer(socket.place_order, **{**RESTING, "qty": "50"}, price=low)["retCode"], 170131)
    with extra("trade socket: order.amend"):
        same(answer(socket.amend_order, **PAIR, orderLinkId="none", qty="0.002")["retCode"], 170213)


def refused_keys() -> None:
    for what, other, code in (
        ("a wrong secret", client(secret="wrong"), 10004),
        ("an unknown key", client(key="wrong"), 10003),
    ):
        with check(f"{what}: {code}"):
            same(code_of(other.get_account_info), code)
    with check("20 orders a second, then 10006"):
        time.sleep(1)
        bad = {**RESTING, "qty": "50", "price": "60000"}
        with ThreadPoolExecutor(8) as pool:
            codes = set(pool.map(lambda _: code_of(client().place_order, **bad), range(60)))
        same(codes, {170131, 10006})


reads()
public_socket()
best = Decimal(good(rest.get_orderbook(**PAIR, limit=1))["b"][0][0])
private_socket(f"{best * Decimal('0.97'):.1f}")
refused_keys()
finish()
