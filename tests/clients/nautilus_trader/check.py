"""A ``TradingNode`` of nautilus_trader on a simulated venue: ``check.py binance`` (or okx, bybit).

It starts with reconciliation, keeps its own book, sends orders of each kind and hears of them on the user stream. Its
risk engine is off, so that the venue refuses what is wrong.
"""

from __future__ import annotations

import asyncio
import os
import sys
from decimal import Decimal
from typing import Any

from checks import admin, check, extra, finish, ledger, same, same_balances, wait
from nautilus_trader.config import LiveExecEngineConfig, LiveRiskEngineConfig, LoggingConfig, TradingNodeConfig
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import GenerateFillReports, GenerateOrderStatusReports
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.book import OrderBook
from nautilus_trader.model.data import OrderBookDeltas, QuoteTick, TradeTick
from nautilus_trader.model.enums import BookType, OrderSide, OrderStatus, TimeInForce
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.model.orders import Order
from nautilus_trader.trading.config import StrategyConfig
from nautilus_trader.trading.strategy import Strategy
from venues import VENUES, Top

NAME = sys.argv[1]
VENUE = VENUES[NAME]()
ID = InstrumentId.from_str(VENUE.instrument)
REFUSED = {
    "binance": [
        ("more than the balance", "50", "0.97", "-2010"),
        ("below the minimum", "0.00001", "0.97", "NOTIONAL"),
        ("a price outside the band", "0.001", "0.15", "PERCENT_PRICE_BY_SIDE"),
    ],
    "okx": [
        ("more than the balance", "50", "0.97", "Insufficient USDT balance"),
        ("below the minimum", "0.000001", "0.97", "minimum order"),
        ("a price outside the band", "0.001", "1.4", "above the price limit"),
    ],
    "bybit": [
        ("more than the balance", "50", "0.97", "Insufficient balance"),
        ("below the minimum", "0.00001", "0.97", "lower limit"),
        ("a price outside the band", "0.001", "1.4", "above the price limit"),
    ],
}
"""Refused buys: what, quantity, price as a part of the bid, and words of the venue's reason."""
BOOKS_COMPARED = 3
DEPTH = 20


class Hand(Strategy):
    """Keeps what comes; ``main`` decides."""

    def __init__(self) -> None:
        super().__init__(StrategyConfig(use_hyphens_in_client_order_ids=False))
        self.events: list[Any] = []
        self.trades: list[TradeTick] = []
        self.quotes: list[QuoteTick] = []
        self.books: dict[int, Top] = {}
        """The best levels of the own book by update id."""
        self.book = OrderBook(ID, BookType.L2_MBP)

    def on_start(self) -> None:
        self.subscribe_order_book_deltas(ID, depth=VENUE.depth)
        self.subscribe_trade_ticks(ID)

    def on_order_book_deltas(self, deltas: OrderBookDeltas) -> None:
        self.book.apply_deltas(deltas)
        sides = [
            [(level.price.as_decimal(), Decimal(str(level.size()))) for level in side[:DEPTH]]
            for side in (self.book.bids(), self.book.asks())
        ]
        self.books[deltas.sequence] = (sides[0], sides[1])

    def on_trade_tick(self, tick: TradeTick) -> None:
        self.trades.append(tick)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        self.quotes.append(tick)

    def on_event(self, event: Any) -> None:
        self.events.append(event)


async def main() -> None:
    venue = ID.venue.value
    node = TradingNode(
        TradingNodeConfig(
            logging=LoggingConfig(log_level=os.environ.get("NAUTILUS_LOG", "OFF")),
            data_clients={venue: VENUE.data},
            exec_clients={venue: VENUE.execution},
            risk_engine=LiveRiskEngineConfig(bypass=True),
            exec_engine=LiveExecEngineConfig(reconciliation=True),
            timeout_disconnection=3.0,
            timeout_post_stop=1.0,
        )
    )
    node.add_data_client_factory(venue, VENUE.data_factory)
    node.add_exec_client_factory(venue, VENUE.execution_factory)
    hand = Hand()
    node.trader.add_strategy(hand)
    node.build()
    running = asyncio.create_task(node.run_async())
    with check("start: key, account, instruments, streams, reconciliation"):
        await wait(lambda: hand.is_running or running.done(), "the strategy's start")
        assert hand.is_running, "the node gave up; NAUTILUS_LOG=INFO shows why"
    if hand.is_running:
        await market(node, hand)
        await orders(node, hand)
        await refusals(hand)
        await reports(node, hand)
        with check("stop"):
            await node.stop_async()
    finish()


async def market(node: TradingNode, hand: Hand) -> None:
    """Rules, balances, book, trades."""
    with check("instruments: all twelve, with ticks, lots and minimums"):
        found = node.cache.instruments()
        same(len(found), 12)
        for one in found:
            assert min(one.price_increment, one.size_increment) > 0, one
        btc = node.cache.instrument(ID)
        same((btc.base_currency.code, btc.quote_currency.code), ("BTC", "USDT"))
    with check("balances are the ledger's"):
        same_balances(NAME, balances(node))
    with check("the own book is the REST book of the same update id"):
        compared = seen = 0

        def met() -> bool:
            nonlocal compared, seen
            if len(hand.books) == seen:
                return False
            seen = len(hand.books)  # asked for at once after a change, because then both are likely the same
            number, top = VENUE.book(DEPTH)
            if number in hand.books:
                same(hand.books[number], top)
                compared += 1
            return compared >= BOOKS_COMPARED

        await wait(met, f"{BOOKS_COMPARED} equal books")
    with check("quotes: bid below ask"):
        # not before the books are compared: of Bybit they come as changes of the same book, with one level a side
        hand.subscribe_quote_ticks(ID)
        quote = await wait(lambda: hand.quotes and hand.quotes[-1], "a quote")
        assert quote.bid_price < quote.ask_price, quote
    with check("trades: the venue's time is ours"):
        trade = await wait(lambda: hand.trades and hand.trades[-1], "a trade")
        assert abs(trade.ts_init - trade.ts_event) < 2_000_000_000, trade


async def orders(node: TradingNode, hand: Hand) -> None:
    """Each kind of order, as the user stream tells of it."""
    make = hand.order_factory
    resting = make.limit(ID, OrderSide.BUY, qty("0.001"), price(hand, "0.97"))
    with check("a limit order rests: accepted, and its money is locked"):
        await sent(hand, resting, OrderStatus.ACCEPTED)
        row = stored(resting)
        same((row["status"], Decimal(row["qty"])), ("new", Decimal("0.001")))
        assert ledger(NAME)["USDT"][1] > 0
        if not VENUE.streams_locked:
            hand.query_account(node.portfolio.account(ID.venue).id)
        await wait(lambda: balances(node)["USDT"][1] == ledger(NAME)["USDT"][1], "the locked amount")
    if VENUE.amends:
        with extra("an order is amended in place"):
            hand.modify_order(resting, price=price(hand, "0.96"))
            await wait(lambda: resting.price == price(hand, "0.96"), "the new price")
    with check("cancel: told, and the money is free again"):
        hand.cancel_order(resting)
        await until(resting, OrderStatus.CANCELED)
        same(stored(resting)["status"], "canceled")
        await wait(lambda: balances(node)["USDT"][1] == 0, "the free money on the user stream")
    for what, order in (
        ("market buy", make.market(ID, OrderSide.BUY, qty("0.002"))),
        ("market sell", make.market(ID, OrderSide.SELL, qty("0.001"))),
        ("limit IOC over the ask", make.limit(ID, OrderSide.BUY, qty("0.001"), price(hand, "1.005"), TimeInForce.IOC)),
        (
            "limit FOK under the bid",
            make.limit(ID, OrderSide.SELL, qty("0.001"), price(hand, "0.995"), TimeInForce.FOK),
        ),
    ):
        with check(f"{what}: filled, with price, fee and trade ids as stored"):
            await sent(hand, order, OrderStatus.FILLED)
            same(told(order), true(order))
    with check("market buy by quote amount: its fills are told"):
        order = make.market(ID, OrderSide.BUY, qty("50"), quote_quantity=True)
        hand.submit_order(order)
        await wait(lambda: stored(order) and told(order) == true(order), "equal fills")
        same(stored(order)["status"], "filled")
    for what, tif in (("IOC", TimeInForce.IOC), ("FOK", TimeInForce.FOK)):
        with check(f"limit {what} far away: ends without a fill"):
            order = make.limit(ID, OrderSide.BUY, qty("0.001"), price(hand, "0.97"), tif)
            hand.submit_order(order)
            await wait(lambda order=order: order.is_closed, "the end of the order")
            same(order.filled_qty, qty("0"))
    with check("post-only rests; a post-only order that would take does not trade"):
        maker = make.limit(ID, OrderSide.SELL, qty("0.001"), price(hand, "1.03"), post_only=True)
        await sent(hand, maker, OrderStatus.ACCEPTED)
        taker = make.limit(ID, OrderSide.BUY, qty("0.001"), price(hand, "1.005"), post_only=True)
        hand.submit_order(taker)
        await wait(lambda: taker.is_closed, "the end of the order")
        same(taker.filled_qty, qty("0"))
    with check("two orders, then cancel all"):
        two = [make.limit(ID, OrderSide.BUY, qty("0.001"), price(hand, part)) for part in ("0.97", "0.96")]
        for order in two:
            await sent(hand, order, OrderStatus.ACCEPTED)
        hand.cancel_all_orders(ID)
        for order in (*two, maker):
            await until(order, OrderStatus.CANCELED)
        assert not [row for row in admin("orders")[NAME] if row["status"] == "new" and row["account"] == "main"]
    with check("balances after all that are the ledger's"):
        await wait(lambda: equal(node), "equal balances")
        same_balances(NAME, balances(node))


async def refusals(hand: Hand) -> None:
    """What the venue refuses, in its own words."""
    make = hand.order_factory
    for what, size, at, words in REFUSED[NAME]:
        with check(f"{what} is rejected: {words}"):
            order = make.limit(ID, OrderSide.BUY, qty(size), price(hand, at))
            await sent(hand, order, OrderStatus.REJECTED)
            assert words in order.last_event.reason, order.last_event.reason
    with check("half a tick is rejected"):
        fine = Price.from_str(f"{price(hand, '0.97')}1")
        await sent(hand, make.limit(ID, OrderSide.BUY, qty("0.001"), fine), OrderStatus.REJECTED)


async def reports(node: TradingNode, hand: Hand) -> None:
    """What a restart would read: open orders and fills over REST."""
    client = node.kernel.exec_engine._clients[next(iter(node.kernel.exec_engine._clients))]
    left = hand.order_factory.limit(ID, OrderSide.BUY, qty("0.001"), price(hand, "0.97"))
    with check("reports of open orders and of all fills are the simulator's"):
        await sent(hand, left, OrderStatus.ACCEPTED)
        common = {"instrument_id": ID, "start": None, "end": None, "command_id": UUID4(), "ts_init": 0}
        opened = await client.generate_order_status_reports(GenerateOrderStatusReports(open_only=True, **common))
        same([report.client_order_id for report in opened], [left.client_order_id])
        fills = await client.generate_fill_reports(GenerateFillReports(venue_order_id=None, **common))
        mine = {fill["trade_id"] for row in admin("orders")[NAME] if row["account"] == "main" for fill in row["fills"]}
        same({report.trade_id.value for report in fills}, mine)
    hand.cancel_order(left)
    await until(left, OrderStatus.CANCELED)


def balances(node: TradingNode) -> dict[str, tuple[Decimal, Decimal]]:
    """Free and locked by asset, as the node has it."""
    account = node.portfolio.account(ID.venue)
    return {
        currency.code: (row.free.as_decimal(), row.locked.as_decimal()) for currency, row in account.balances().items()
    }


def equal(node: TradingNode) -> bool:
    try:
        same_balances(NAME, balances(node))
    except AssertionError:
        return False
    return True


def qty(text: str) -> Quantity:
    return Quantity.from_str(text)


def price(hand: Hand, part: str) -> Price:
    """A part of the bid, on the tick."""
    return hand.cache.instrument(ID).make_price(hand.book.best_bid_price().as_decimal() * Decimal(part))


async def until(order: Order, status: OrderStatus) -> None:
    def there() -> bool:
        assert order.status == status or not order.is_closed, f"{order.status_string()}: {order.last_event}"
        return order.status == status

    try:
        await wait(there, status.name)
    except TimeoutError as error:
        raise AssertionError(f"{error}; the order is {order.status_string()}") from None


async def sent(hand: Hand, order: Order, status: OrderStatus) -> None:
    hand.submit_order(order)
    await until(order, status)


def stored(order: Order) -> dict[str, Any]:
    """The order as the simulator keeps it; {} if it has none."""
    return next((row for row in admin("orders")[NAME] if row["cl_ord_id"] == order.client_order_id.value), {})


def told(order: Order) -> set[tuple[Any, ...]]:
    """The fills that the node was told of: trade, price, quantity, fee. The node rounds fees to 8 decimals."""
    return {
        (
            event.trade_id.value,
            event.last_px.as_decimal(),
            event.last_qty.as_decimal(),
            event.commission.as_decimal(),
            event.commission.currency.code,
        )
        for event in order.events
        if isinstance(event, OrderFilled)
    }


def true(order: Order) -> set[tuple[Any, ...]]:
    """The same as the simulator keeps it."""
    return {
        (
            fill["trade_id"],
            Decimal(fill["px"]),
            Decimal(fill["qty"]),
            Decimal(fill["fee"]).quantize(Decimal("1e-8")),
            fill["fee_asset"],
        )
        for fill in stored(order)["fills"]
    }


asyncio.run(main())
