"""python-binance: REST, its depth cache, streams, the user stream, and orders over REST and the WebSocket API."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from decimal import Decimal
from typing import Any

from binance import AsyncClient, BinanceSocketManager, DepthCacheManager
from binance.exceptions import BinanceAPIException
from checks import PATIENCE_S, SIM, admin, check, extra, finish, has, now_ms, same, same_balances, wait

SITE = SIM["venues"]["binance"]
SYMBOL = "BTCUSDT"
AsyncClient.API_URL = SITE["rest"] + "/api"
AsyncClient.MARGIN_API_URL = SITE["rest"] + "/sapi"
AsyncClient.WS_API_URL = SITE["ws_trade"] + "/ws-api/v3"
BinanceSocketManager.STREAM_URL = SITE["ws_public"] + "/"
BOOKS_COMPARED = 3

# rest-api.md, response of "New order" (RESULT), of "Query order", and user-data-stream.md, "Order update"
ORDER = (
    "symbol orderId orderListId clientOrderId transactTime price origQty executedQty origQuoteOrderQty"
    " cummulativeQuoteQty status timeInForce type side workingTime fills selfTradePreventionMode"
)
QUERIED = (
    "symbol orderId orderListId clientOrderId price origQty executedQty cummulativeQuoteQty status timeInForce type"
    " side stopPrice icebergQty time updateTime isWorking workingTime origQuoteOrderQty selfTradePreventionMode"
)
REPORT = "e E s c S o f q p P F g C x X r i l z L n N T t I w m M O Z Y Q W V"

RESTING = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001"}
REFUSED: tuple[tuple[str, dict[str, str], int, str], ...] = (
    ("a price between two ticks", {"price": "60000.001"}, -1013, "PRICE_FILTER"),
    ("a quantity between two steps", {"quantity": "0.0010001"}, -1013, "LOT_SIZE"),
    ("too little money", {"quantity": "0.00001"}, -1013, "NOTIONAL"),
    ("a price far from the market", {"price": "500", "quantity": "0.1"}, -1013, "PERCENT_PRICE_BY_SIDE"),
    ("more than the balance", {"quantity": "60"}, -2010, "insufficient balance"),
    ("nine decimals", {"price": "60000.123456789"}, -1111, "too much precision"),
    ("an exponent", {"quantity": "1e-3"}, -1100, "Illegal characters"),
    ("a parameter that nobody reads", {"colour": "red"}, -1104, "Not all sent parameters were read"),
    ("an empty parameter", {"newClientOrderId": ""}, -1105, "was empty"),
    ("an unknown symbol", {"symbol": "AAABBB"}, -1121, "Invalid symbol"),
)
"""What is refused, what is changed in a good order, the code and words of the message."""


async def refused(call: Awaitable[Any], code: int, words: str = "", status: int = 400) -> None:
    try:
        answer = await call
    except BinanceAPIException as error:
        said = error
    else:
        raise AssertionError(f"accepted: {answer}")
    same((said.status_code, said.code), (status, code))
    assert words in said.message, said.message


def stored(client_id: str) -> dict[str, Any]:
    """The order as the simulator keeps it."""
    (row,) = [row for row in admin("orders")["binance"] if row["cl_ord_id"] == client_id]
    return row


async def market(client: AsyncClient, sockets: BinanceSocketManager) -> None:
    with check("server time"):
        assert abs((await client.get_server_time())["serverTime"] - now_ms()) < 2000
    with check("exchangeInfo: twelve symbols, each with the filters that orders are checked by"):
        rows = (await client.get_exchange_info())["symbols"]
        same(len(rows), 12)
        for row in rows:
            kinds = {one["filterType"] for one in row["filters"]}
            assert kinds >= {"PRICE_FILTER", "LOT_SIZE", "NOTIONAL", "PERCENT_PRICE_BY_SIDE"}, (row["symbol"], kinds)
    for name, call in (
        ("trades", client.get_recent_trades(symbol=SYMBOL)),
        ("aggTrades", client.get_aggregate_trades(symbol=SYMBOL)),
        ("ticker/24hr", client.get_ticker(symbol=SYMBOL)),
        ("avgPrice", client.get_avg_price(symbol=SYMBOL)),
        ("asset/tradeFee", client.get_trade_fee(symbol=SYMBOL)),
    ):
        with check(f"REST {name}"):
            assert await call
    with extra("REST klines"):
        await client.get_klines(symbol=SYMBOL, interval="1m")
    for speed in (100, None):
        with check(f"the depth cache at {speed or 1000} ms is the REST book of the same update id"):
            async with DepthCacheManager(client, SYMBOL, bm=sockets, limit=1000, ws_interval=speed) as manager:
                await same_books(client, manager)
    with check("streams bookTicker, depth20, aggTrade and trade over one socket"):
        names = [f"btcusdt@{kind}" for kind in ("bookTicker", "depth20@100ms", "aggTrade", "trade")]
        seen: set[str] = set()
        async with sockets.multiplex_socket(names) as stream:
            await client.order_market_buy(symbol=SYMBOL, quantity="0.0002")
            while seen != set(names):
                seen.add((await asyncio.wait_for(stream.recv(), PATIENCE_S))["stream"])


async def same_books(client: AsyncClient, manager: DepthCacheManager) -> None:
    """Compare when both have the same update id."""
    compared = 0
    async with asyncio.timeout(2 * PATIENCE_S):
        while compared < BOOKS_COMPARED:
            cache = await manager.recv()
            page = await client.get_order_book(symbol=SYMBOL, limit=20)
            if page["lastUpdateId"] == manager._last_update_id:
                for mine, side in ((cache.get_bids(), "bids"), (cache.get_asks(), "asks")):
                    same(mine[:20], [[float(part) for part in row] for row in page[side]])
                compared += 1


async def orders(client: AsyncClient, low: str, events: list[dict[str, Any]]) -> None:
    resting = {**RESTING, "price": low}
    placed: dict[str, Any] = {}
    with check("a limit order rests; query by either id and openOrders have it"):
        placed = await client.create_order(**resting, newClientOrderId="first")
        has(placed, ORDER)
        same((placed["status"], placed["fills"], stored("first")["status"]), ("NEW", [], "new"))
        one = await client.get_order(symbol=SYMBOL, orderId=placed["orderId"])
        has(one, QUERIED)
        same(await client.get_order(symbol=SYMBOL, origClientOrderId="first"), one)
        same([row["orderId"] for row in await client.get_open_orders(symbol=SYMBOL)], [placed["orderId"]])
    with check("a second order with the id of a live one: -2010"):
        await refused(client.create_order(**resting, newClientOrderId="first"), -2010, "Duplicate order sent")
    with check("a cancel whose two ids name two orders: -2011"):
        await client.create_order(**resting, newClientOrderId="second")
        ids = {"orderId": placed["orderId"], "origClientOrderId": "second"}
        await refused(client.cancel_order(symbol=SYMBOL, **ids), -2011)
    with check("cancel, and again: -2011; cancel all"):
        same((await client.cancel_order(symbol=SYMBOL, orderId=placed["orderId"]))["status"], "CANCELED")
        await refused(client.cancel_order(symbol=SYMBOL, orderId=placed["orderId"]), -2011, "Unknown order sent")
        gone = await client._delete("openOrders", True, data={"symbol": SYMBOL})
        same([row["origClientOrderId"] for row in gone], ["second"])
        await refused(client._delete("openOrders", True, data={"symbol": SYMBOL}), -2011)
    with check("the user stream told of both states, with every documented field"):

        def told() -> list[dict[str, Any]]:
            return [
                event for event in events if event.get("e") == "executionReport" and "first" in (event["c"], event["C"])
            ]

        await wait(lambda: len(told()) == 2, "two reports")
        for event in told():
            has(event, REPORT)
        same([(event["x"], event["X"]) for event in told()], [("NEW", "NEW"), ("CANCELED", "CANCELED")])
    for what, kind, ends in (
        ("market buy by quantity", {"type": "MARKET", "quantity": "0.002"}, "FILLED"),
        ("market buy by quote amount", {"type": "MARKET", "quoteOrderQty": "50"}, "FILLED"),
        ("limit IOC far away", {**resting, "timeInForce": "IOC"}, "EXPIRED"),
        ("limit FOK far away", {**resting, "timeInForce": "FOK"}, "EXPIRED"),
        ("limit IOC over the ask", {**resting, "timeInForce": "IOC", "price": f"{Decimal(low) * 2:.2f}"}, "FILLED"),
    ):
        with check(f"{what}: {ends}, with the fills and fees that the simulator keeps"):
            made = await client.create_order(**({"symbol": SYMBOL, "side": "BUY"} | kind))
            same(made["status"], ends)
            fills = [(one["price"], one["qty"], one["commission"], one["commissionAsset"]) for one in made["fills"]]
            true = [
                (one["px"], one["qty"], one["fee"], one["fee_asset"]) for one in stored(made["clientOrderId"])["fills"]
            ]
            for mine, kept in zip(fills, true, strict=True):
                same((*map(Decimal, mine[:3]), mine[3]), (*map(Decimal, kept[:3]), kept[3]))
            same(bool(fills), ends == "FILLED")
    with check("LIMIT_MAKER rests; over the ask: -2010"):
        maker = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT_MAKER", "quantity": "0.001"}
        made = await client.create_order(**maker, price=low)
        await client.cancel_order(symbol=SYMBOL, orderId=made["orderId"])
        await refused(client.create_order(**maker, price=f"{Decimal(low) * 2:.2f}"), -2010, "immediately match")
    with check("myTrades are the simulator's fills"):
        mine = {str(row["id"]) for row in await client.get_my_trades(symbol=SYMBOL)}
        rows = [row for row in admin("orders")["binance"] if row["account"] == "main"]
        same(mine, {fill["trade_id"] for row in rows for fill in row["fills"]})
    with check("order/test: {} for a good order, -1013 for a bad one"):
        same(await client.create_test_order(**resting), {})
        await refused(client.create_test_order(**{**resting, "price": "60000.001"}), -1013, "PRICE_FILTER")
    with extra("order/cancelReplace"):
        await client.cancel_replace_order(**resting, cancelReplaceMode="ALLOW_FAILURE", cancelOrderId=1)
    with check("WebSocket API: place, status, openOrders, cancel, unknown order"):
        made = await client.ws_create_order(**resting, newClientOrderId="over-ws")
        same(made["status"], "NEW")
        same((await client.ws_get_order(symbol=SYMBOL, origClientOrderId="over-ws"))["orderId"], made["orderId"])
        same(len(await client.ws_get_open_orders(symbol=SYMBOL)), 1)
        same((await client.ws_cancel_order(symbol=SYMBOL, orderId=made["orderId"]))["status"], "CANCELED")
        await refused(client.ws_cancel_order(symbol=SYMBOL, orderId=made["orderId"]), -2011)


async def refusals(client: AsyncClient, low: str) -> None:
    for what, change, code, words in REFUSED:
        with check(f"{what}: {code}"):
            await refused(client.create_order(**{**RESTING, "price": low, **change}), code, words)
    with check("an unknown order: -2013"):
        await refused(client.get_order(symbol=SYMBOL, orderId=7), -2013)
    for what, late_ms, words in (("late", -20_000, "outside of the recvWindow"), ("early", 20_000, "1000ms ahead")):
        with check(f"a timestamp that is too {what}: -1021"):
            client.timestamp_offset = late_ms
            try:
                await refused(client.get_account(), -1021, words)
            finally:
                client.timestamp_offset = 0
    for what, key, secret, code, status in (
        ("a wrong secret", SITE["key"], "wrong", -1022, 400),
        ("an unknown key", "x" * 64, SITE["secret"], -2015, 401),
    ):
        with check(f"{what}: {code}, HTTP {status}"):
            other = AsyncClient(key, secret)
            try:
                await refused(other.get_account(), code, status=status)
            finally:
                await other.close_connection()


async def main() -> None:
    client = await AsyncClient.create(SITE["key"], SITE["secret"])
    sockets = BinanceSocketManager(client)
    events: list[dict[str, Any]] = []

    async def listen() -> None:
        while True:
            events.append(await user.recv())

    user = sockets.user_socket()
    with check("the user stream starts"):
        await user.__aenter__()
    listening = asyncio.create_task(listen())
    await market(client, sockets)
    with check("balances are the ledger's"):
        await told_balances(client)
    bid = Decimal((await client.get_order_book(symbol=SYMBOL, limit=5))["bids"][0][0])
    low = f"{bid * Decimal('0.97'):.2f}"
    await orders(client, low, events)
    await refusals(client, low)
    with check("at the end balances are the ledger's, and those of the user stream too"):
        await told_balances(client)
        last = {row["a"]: (row["f"], row["l"]) for event in events for row in event.get("B", ())}
        true = {row["asset"]: (row["free"], row["locked"]) for row in (await client.get_account())["balances"]}
        assert last, "no outboundAccountPosition came"
        same(last, {asset: true[asset] for asset in last})
    with check("too many requests: 429 with Retry-After, then 418"):
        seen = []
        while 418 not in seen and len(seen) < 500:
            try:
                await client.get_order_book(symbol=SYMBOL, limit=5000)
            except BinanceAPIException as error:
                seen.append(error.status_code)
                assert int(client.response.headers["Retry-After"]) > 0
        same(sorted(set(seen)), [418, 429])
    listening.cancel()
    finish()


async def told_balances(client: AsyncClient) -> None:
    rows = (await client.get_account(omitZeroBalances="true"))["balances"]
    same_balances("binance", {row["asset"]: (row["free"], row["locked"]) for row in rows})


asyncio.run(main())
