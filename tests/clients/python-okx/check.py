"""python-okx: REST, a book kept from the public socket, the private socket, and orders over both."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

from checks import SIM, admin, check, extra, finish, has, now_ms, same, same_balances, wait
from okx.Account import AccountAPI
from okx.MarketData import MarketAPI
from okx.PublicData import PublicAPI
from okx.Trade import TradeAPI
from okx.websocket.WsPrivateAsync import WsPrivateAsync
from okx.websocket.WsPublicAsync import WsPublicAsync

SITE = SIM["venues"]["okx"]
SYMBOL = "BTC-USDT"
KEYS = (SITE["key"], SITE["secret"], SITE["passphrase"])
BOOKS_COMPARED = 3


def api(kind: Any, key: str = KEYS[0], secret: str = KEYS[1], phrase: str = KEYS[2], flag: str = "0") -> Any:
    return kind(key, secret, phrase, flag=flag, domain=SITE["rest"])


public, market, trade, account = api(PublicAPI), api(MarketAPI), api(TradeAPI), api(AccountAPI)

# docs-v5: "Get instruments", "Get balance" (details), "Get order details"
INSTRUMENT = (
    "instId instIdCode instType baseCcy quoteCcy tickSz lotSz minSz maxLmtSz maxMktSz maxLmtAmt maxMktAmt state"
)
DETAIL = "ccy eq cashBal uTime availBal frozenBal ordFrozen availEq eqUsd spotBal accAvgPx liab maxSpotInUse disEq"
ORDER = (
    "instType instId ordId clOrdId px sz ordType side tdMode tgtCcy accFillSz fillPx tradeId fillSz fillTime avgPx"
    " state stpMode feeCcy fee rebateCcy rebate source category cancelSource cTime uTime tradeQuoteCcy"
)

RESTING = {"instId": SYMBOL, "tdMode": "cash", "side": "buy", "ordType": "limit", "sz": "0.001"}
REFUSED: tuple[tuple[str, dict[str, str], str], ...] = (
    ("a price between two ticks", {"px": "60000.001"}, "51000"),
    ("a size between two lots", {"sz": "0.001000001"}, "51121"),
    ("less than the minimum", {"sz": "0.000001"}, "51020"),
    ("more than the balance", {"sz": "20"}, "51008"),
    ("a price over the band", {"px": "100000"}, "51137"),
    ("a price under the band, to sell", {"px": "30000", "side": "sell"}, "51138"),
    ("a client id with a sign", {"clOrdId": "no-sign"}, "51000"),
    ("cross margin in Spot mode", {"tdMode": "cross"}, "51010"),
    ("an unknown instrument", {"instId": "AAA-BBB"}, "51001"),
)
"""What is refused, what is changed in a good order, and the code."""


def good(reply: dict[str, Any]) -> Any:
    same((reply["code"], reply["msg"]), ("0", ""))
    return reply["data"]


def code_of(reply: dict[str, Any]) -> str:
    """The code of the first row, or else of the reply."""
    return next((row["sCode"] for row in reply["data"] if "sCode" in row), reply["code"])


def stored(client_id: str) -> dict[str, Any]:
    """The order as the simulator keeps it."""
    (row,) = [row for row in admin("orders")["okx"] if row["cl_ord_id"] == client_id]
    return row


def balances(rows: list[dict[str, Any]]) -> dict[str, tuple[str, str]]:
    return {row["ccy"]: (row["availBal"], row["frozenBal"]) for row in rows}


class Socket:
    """A socket of the client, and the messages that came."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.came: list[dict[str, Any]] = []

    def take(self, text: str) -> None:
        self.came.append(json.loads(text))

    def pushes(self, channel: str) -> list[dict[str, Any]]:
        return [one for one in self.came if "data" in one and one.get("arg", {}).get("channel") == channel]

    async def answer(self, **wanted: str) -> dict[str, Any]:
        """The first message with these fields."""

        def found() -> dict[str, Any] | None:
            return next((one for one in self.came if wanted.items() <= one.items()), None)

        answer: dict[str, Any] = await wait(found, f"a message with {wanted}")
        return answer


class Book:
    """A book from the pushes of ``books``; each must follow the one before."""

    def __init__(self) -> None:
        self.number = -1
        self.sides: tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]] = ({}, {})

    def apply(self, push: dict[str, Any]) -> None:
        (row,) = push["data"]
        if push["action"] == "snapshot":
            self.number, self.sides = -1, ({}, {})
        same(row["prevSeqId"], self.number)
        self.number = row["seqId"]
        for side, levels in zip(self.sides, (row["bids"], row["asks"]), strict=True):
            for level in levels:
                side[Decimal(level[0])] = Decimal(level[1])

    def top(self, depth: int) -> list[list[tuple[Decimal, Decimal]]]:
        return [
            sorted((level for level in side.items() if level[1]), reverse=highest)[:depth]
            for side, highest in zip(self.sides, (True, False), strict=True)
        ]


def reads() -> None:
    with check("public/time"):
        assert abs(int(good(public.get_system_time())[0]["ts"]) - now_ms()) < 2000
    with check("public/instruments: twelve, with every field that an order needs"):
        rows = good(public.get_instruments("SPOT"))
        same(len(rows), 12)
        for row in rows:
            has(row, INSTRUMENT)
            assert isinstance(row["instIdCode"], int), row
    for name, call in (
        ("market/ticker", lambda: market.get_ticker(SYMBOL)),
        ("market/trades", lambda: market.get_trades(SYMBOL)),
        ("public/price-limit", lambda: public.get_price_limit(SYMBOL)),
        ("account/config", account.get_account_config),
        ("account/instruments", lambda: account.get_instruments("SPOT", instId=SYMBOL)),
        ("account/trade-fee", lambda: account.get_fee_rates("SPOT", SYMBOL)),
        ("account/max-size", lambda: account.get_max_order_size(SYMBOL, "cash")),
    ):
        with check(f"REST {name}"):
            assert good(call())
    with check("REST account/positions"):
        same(good(account.get_positions()), [])
    with extra("REST market/candles"):
        good(market.get_candlesticks(SYMBOL))
    with check("account/balance: the ledger's, with the documented fields"):
        (row,) = good(account.get_account_balance())
        for detail in row["details"]:
            has(detail, DETAIL)
            assert Decimal(detail["eqUsd"]) > 0, detail
        same_balances("okx", balances(row["details"]))


async def public_socket() -> None:
    socket = Socket(WsPublicAsync(SITE["ws_public"] + "/ws/v5/public"))
    await socket.socket.start()
    with check("books: the chain is whole, and the book is the REST book of the same seqId"):
        await socket.socket.subscribe([{"channel": "books", "instId": SYMBOL}], socket.take, id="1")
        await socket.answer(event="subscribe", id="1")
        book, read, compared = Book(), 0, 0

        def met() -> bool:
            nonlocal read, compared
            pushes = socket.pushes("books")
            for push in pushes[read:]:
                book.apply(push)
            if len(pushes) > read:
                (page,) = good(market.get_orderbook(SYMBOL, "20"))
                if page["seqId"] == book.number:
                    levels = [[(Decimal(row[0]), Decimal(row[1])) for row in page[side]] for side in ("bids", "asks")]
                    same(book.top(20), levels)
                    compared += 1
            read = len(pushes)
            return compared >= BOOKS_COMPARED

        await wait(met, f"{BOOKS_COMPARED} equal books")
    with check("bbo-tbt, books5, trades and tickers push"):
        names = ("bbo-tbt", "books5", "trades", "tickers")
        await socket.socket.subscribe([{"channel": name, "instId": SYMBOL} for name in names], socket.take)
        await wait(lambda: all(socket.pushes(name) for name in names), "a push of each")
    for what, arg in (
        ("an unknown instrument", {"channel": "books", "instId": "AAA-BBB"}),
        ("a private channel", {"channel": "orders", "instType": "SPOT"}),
    ):
        with check(f"{what} is refused on the public socket"):
            socket.came.clear()
            await socket.socket.subscribe([arg], socket.take)
            assert (await socket.answer(event="error"))["code"] in ("60018", "60011", "51001"), socket.came


async def private_socket(low: str) -> None:
    socket = Socket(
        WsPrivateAsync(*(SITE[name] for name in ("key", "passphrase", "secret")), SITE["ws_private"] + "/ws/v5/private")
    )
    await socket.socket.start()
    with check("login; account pushes a snapshot that is the ledger's"):
        channels = [{"channel": "orders", "instType": "ANY"}, {"channel": "account"}]
        await socket.socket.subscribe(channels, socket.take, id="2")
        await socket.answer(event="login", code="0")
        (push,) = await wait(lambda: socket.pushes("account"), "a push of account")
        same(push["eventType"], "snapshot")
        same_balances("okx", balances(push["data"][0]["details"]))
    with check("a second login: 60031"):
        await socket.socket.login()
        await socket.answer(event="error", code="60031")
    orders(low)
    with check("the orders channel told of both states of the first order, with the documented fields"):

        def told() -> list[dict[str, Any]]:
            return [row for push in socket.pushes("orders") for row in push["data"] if row["clOrdId"] == "first"]

        await wait(lambda: len(told()) == 2, "two pushes")
        same([row["state"] for row in told()], ["live", "canceled"])
        for row in told():
            has(row, ORDER)
    code = good(public.get_instruments("SPOT", instId=SYMBOL))[0]["instIdCode"]
    resting = {name: value for name, value in RESTING.items() if name != "instId"} | {"instIdCode": code, "px": low}
    with check("orders over the socket: placed, cancelled, refused"):
        await socket.socket.place_order([{**resting, "clOrdId": "oversocket"}], id="10")
        same((await socket.answer(id="10"))["code"], "0")
        same(stored("oversocket")["status"], "new")
        await socket.socket.cancel_order([{"instIdCode": code, "clOrdId": "oversocket"}], id="11")
        same((await socket.answer(id="11"))["code"], "0")
        await socket.socket.place_order([{**resting, "sz": "0.000001"}], id="12")
        answer = await socket.answer(id="12")
        same((answer["code"], answer["data"][0]["sCode"], answer["data"][0]["ordId"]), ("1", "51020", ""))
    with check("an order over the socket that names instId is refused (instIdCode since 2026-02-03)"):
        await socket.socket.place_order([{**RESTING, "px": low}], id="13")
        assert (await socket.answer(id="13"))["code"] != "0", socket.came[-1]
    with extra("amend-order over the socket"):
        await socket.socket.amend_order([{"instIdCode": code, "clOrdId": "none", "newPx": low}], id="14")
        assert (await socket.answer(id="14")).get("event") != "error", socket.came[-1]
    with check("at the end the balances of REST and of the account channel are the ledger's"):
        same_balances("okx", balances(good(account.get_account_balance())[0]["details"]))
        last: dict[str, tuple[str, str]] = {}
        for push in socket.pushes("account"):
            last |= balances(push["data"][0]["details"])
        same_balances("okx", last)


def orders(low: str) -> None:
    """Over REST."""
    resting = {**RESTING, "px": low}
    with check("a limit order rests; query by either id and orders-pending have it"):
        (placed,) = good(trade.place_order(**resting, clOrdId="first"))
        (one,) = good(trade.get_order(SYMBOL, ordId=placed["ordId"]))
        has(one, ORDER)
        same((one["state"], one["px"], stored("first")["status"]), ("live", low, "new"))
        same(good(trade.get_order(SYMBOL, clOrdId="first")), [one])
        same([row["ordId"] for row in good(trade.get_order_list(instType="SPOT"))], [placed["ordId"]])
    with check("a second order with the id of a live one: 51016"):
        same(code_of(trade.place_order(**resting, clOrdId="first")), "51016")
    with check("cancel, and again: 51400; an unknown order: 51603"):
        good(trade.cancel_order(SYMBOL, clOrdId="first"))
        same(code_of(trade.cancel_order(SYMBOL, clOrdId="first")), "51400")
        same(code_of(trade.get_order(SYMBOL, ordId="7")), "51603")
    over = f"{Decimal(low) * Decimal('1.035'):.1f}"
    for name, change, state, source in (
        ("market", {"ordType": "market", "px": "", "tgtCcy": "base_ccy"}, "filled", ""),
        ("byquote", {"ordType": "market", "px": "", "sz": "50"}, "filled", ""),
        ("iocover", {"ordType": "ioc", "px": over}, "filled", ""),
        ("iocaway", {"ordType": "ioc"}, "canceled", "14"),
        ("fokaway", {"ordType": "fok"}, "canceled", None),
        ("postonly", {"ordType": "post_only", "px": over}, "canceled", "31"),
    ):
        with check(f"order {name}: {state}, with the size and fee that the simulator keeps"):
            good(trade.place_order(**{**resting, **change}, clOrdId=name))
            (row,) = good(trade.get_order(SYMBOL, clOrdId=name))
            same(row["state"], state)
            assert source is None or row["cancelSource"] == source, row["cancelSource"]
            true = stored(name)
            same(Decimal(row["accFillSz"]), Decimal(true["cum_qty"]))
            same(-Decimal(row["fee"] or 0), sum(Decimal(fill["fee"]) for fill in true["fills"]))
    with check("fills are the simulator's"):
        rows = [row for row in admin("orders")["okx"] if row["account"] == "main"]
        mine = {row["tradeId"] for row in good(trade.get_fills(instType="SPOT"))}
        same(mine, {fill["trade_id"] for row in rows for fill in row["fills"]})
    with check("a batch of a good and a bad order: code 2, and a code for each"):
        reply = trade.place_multiple_orders([{**resting, "clOrdId": "batch"}, {**resting, "sz": "0.000001"}])
        same((reply["code"], [row["sCode"] for row in reply["data"]]), ("2", ["0", "51020"]))
        good(trade.cancel_multiple_orders([{"instId": SYMBOL, "clOrdId": "batch"}]))
    with extra("REST trade/amend-order"):
        same(code_of(trade.amend_order(SYMBOL, clOrdId="first", newPx=low)), "51509")
    for what, change, code in REFUSED:
        with check(f"{what}: {code}"):
            same(code_of(trade.place_order(**{**resting, **change})), code)


def refused_keys() -> None:
    for what, client, code in (
        ("a wrong secret", api(AccountAPI, secret="wrong"), "50113"),
        ("a wrong passphrase", api(AccountAPI, phrase="wrong"), "50105"),
        ("an unknown key", api(AccountAPI, key="wrong"), "50111"),
        ("a live key in the demo environment", api(AccountAPI, flag="1"), "50101"),
    ):
        with check(f"{what}: {code}"):
            same(code_of(client.get_account_balance() | {"data": []}), code)
    with check("60 orders in two seconds, then 50011"):
        bad = {**RESTING, "sz": "0.000001", "px": "60000"}
        with ThreadPoolExecutor(8) as pool:
            replies = pool.map(lambda _: code_of(trade.place_order(**bad)), range(150))
        same(set(replies), {"51020", "50011"})


async def main() -> None:
    reads()
    await public_socket()
    (book,) = good(market.get_orderbook(SYMBOL, "1"))
    await private_socket(f"{Decimal(book['bids'][0][0]) * Decimal('0.97'):.1f}")
    refused_keys()
    finish()


asyncio.run(main())
