"""ccxt, which nobody here wrote, trades on a simulated venue over real sockets: what is the same for every venue.

A pytest plugin. A test module of a venue has

``DIALECT``   the venue's side of the simulator
``settings``  ``settings(site)``: the settings of a ccxt client for the URLs and keys of ``site``
``QUERY``     parameters that ccxt needs to query an order ({} = none), ``BALANCE`` the same for the balances
``client``    ``client(kind, site)``: the class to use in the place of ccxt's ``kind``, where ccxt must be bent to
              reach a venue on loopback (optional)

and its tests use the fixtures ``site``, ``rest`` and ``pro``:

    async def test_ccxt_rest_trades(site, rest):
        def trades():
            market = rest.markets()
            order = rest.rests(50_000, {"clientOrderId": "mine1"})
            ...

        await site.serve(trades)

A test says only what differs: rules, ids, errors. The clients are ``rest.api`` and ``pro.api``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import ccxt
import ccxt.pro
import pytest

from arbkit.core.runtime.clock import Clock
from arbkit.sim.shell import serve
from arbkit.sim.venue import SimExchange
from arbkit.sim.world import World

T = TypeVar("T")

CLOCK = Clock()
HANGS_S = 60
SUBSCRIBED_S = 1.0
"""How long a client is given to log in and subscribe: it does not say when it has."""
SYMBOL = "BTC/USDT"


class Site:
    """The simulated venue of a test module, on loopback."""

    def __init__(self, world: World, served: dict[str, Any], module: Any) -> None:
        self.world = world
        self.name: str = module.DIALECT.venue
        self._served = served
        self._settings = {"enableRateLimit": False, **module.settings(served)}
        self._client = getattr(module, "client", lambda kind, site: kind)

    def api(self, package: Any) -> Any:
        """A client of ``ccxt`` or ``ccxt.pro``."""
        return self._client(getattr(package, self.name), self._served)(self._settings)

    @property
    def exchange(self) -> SimExchange:
        return self.world.sites[self.name].exchange

    async def serve(self, calls: Callable[[], None]) -> None:
        """Make the calls of a synchronous client. After them the venue's ledger adds up."""
        await asyncio.to_thread(calls)
        self.adds_up()

    def adds_up(self) -> None:
        assert self.world.ledger()[self.name]["conserved"]

    def book(self, depth: int) -> list[list[list[float]]]:
        """The present bids and asks of BTC-USDT."""
        pair = self.exchange.pairs["BTC-USDT"]
        return [
            [[float(pair.px_text(px)), float(pair.qty_text(lots))] for px, lots in side]
            for side in self.exchange.books["BTC-USDT"].depth(depth)
        ]


class Rest:
    """The synchronous client."""

    def __init__(self, api: Any, query: dict[str, Any], balance: dict[str, Any]) -> None:
        self.api = api
        self._query = query
        self._balance = balance

    def markets(self, *others: str, whole: bool = False) -> dict[str, Any]:
        """Read the public data. Returns the market BTC/USDT. ``others``: symbols beside the two of the simulator.
        ``whole``: the venue sends its whole book, whatever depth is asked for."""
        api = self.api
        markets = api.load_markets()
        assert set(markets) == {SYMBOL, "ETH/USDT", *others}
        book = api.fetch_order_book(SYMBOL, 20)
        assert len(book["bids"]) > 20 if whole else len(book["bids"]) == len(book["asks"]) == 20
        assert book["bids"][0][0] < book["asks"][0][0]
        assert api.fetch_ticker(SYMBOL)["ask"] > 0
        if api.has["fetchTime"]:
            assert abs(api.fetch_time() - CLOCK.now_ns() / 10**6) < 60_000
        market: dict[str, Any] = markets[SYMBOL]
        assert market["spot"]
        assert market["active"]
        return market

    def balance(self) -> Any:
        return self.api.fetch_balance(self._balance)

    def order(self, order: dict[str, Any]) -> Any:
        """The order as the venue has it now."""
        return self.api.fetch_order(order["id"], SYMBOL, self._query)

    def rests(self, px: float, params: dict[str, Any], *, qty: float = 0.01) -> Any:
        """Place a buy that does not match. It is open, it is the only one that is listed, and its money is held."""
        free = self.balance()["USDT"]["free"]
        order = self.api.create_order(SYMBOL, "limit", "buy", qty, px, params)
        assert self.order(order)["status"] == "open"
        (listed,) = self.api.fetch_open_orders(SYMBOL)
        assert (listed["id"], listed["price"], listed["amount"]) == (order["id"], px, qty)
        held = self.balance()["USDT"]
        assert (held["used"], held["free"]) == pytest.approx((px * qty, free - px * qty))
        return order

    def cancels(self, order: dict[str, Any], again: type[Exception], match: str | None = None) -> None:
        """Cancel it. A second cancel raises ``again``."""
        self.api.cancel_order(order["id"], SYMBOL)
        assert self.order(order)["status"] == "canceled"
        with pytest.raises(again, match=match):
            self.api.cancel_order(order["id"], SYMBOL)

    def takes(self, px: float, fee_asset: str, rate: float) -> Any:
        """Buy 0.02 at once, IOC. Trades, fees and balances agree, to the last digit of the fee."""
        before = self.balance()
        sent = self.api.create_order(SYMBOL, "limit", "buy", 0.02, px, {"timeInForce": "IOC"})
        taken = self.order(sent)
        assert (taken["status"], taken["filled"]) == ("closed", 0.02)
        assert self.api.fetch_open_orders(SYMBOL) == []
        trades = self.api.fetch_my_trades(SYMBOL)
        assert sum(trade["amount"] for trade in trades) == pytest.approx(0.02)
        assert {trade["order"] for trade in trades} == {taken["id"]}
        fees = [fee for trade in trades for fee in trade["fees"] if fee["cost"]]
        assert {fee["currency"] for fee in fees} == {fee_asset}
        fee, cost = sum(fee["cost"] for fee in fees), sum(trade["cost"] for trade in trades)
        assert fee == pytest.approx(rate * (0.02 if fee_asset == "BTC" else cost))
        got = {"BTC": 0.02, "USDT": -cost}
        got[fee_asset] -= fee
        after = self.balance()
        for asset, digits in (("BTC", 1e-12), ("USDT", 1e-6)):
            assert after[asset]["total"] == pytest.approx(before[asset]["total"] + got[asset], abs=digits)
        return taken

    def refuses(
        self, error: type[Exception], side: str, qty: float, px: float, match: str | None = None, **params: Any
    ) -> None:
        """A limit order raises this."""
        with pytest.raises(error, match=match):
            self.api.create_order(SYMBOL, "limit", side, qty, px, params)


class Pro:
    """The streaming client."""

    def __init__(self, api: Any, site: Site) -> None:
        self.api = api
        self._site = site

    async def soon(self, what: Awaitable[T]) -> T:
        """Its result; a client that hangs fails the test."""
        return await asyncio.wait_for(what, HANGS_S)

    def begin(self, watch: Awaitable[T]) -> asyncio.Future[T]:
        """Watch from now on. Await the result after what it should show."""
        return asyncio.ensure_future(self.soon(watch))

    async def same_book(self, depth: int, *limit: int, params: dict[str, str] | None = None) -> None:
        """The client's book of BTC/USDT has all ``depth`` levels of the venue's, again and again. The stream lags, so
        only some moments can be equal."""
        equal = 0
        for number in range(400):
            book = await self.soon(self.api.watch_order_book(SYMBOL, *limit, params=params or {}))
            want = self._site.book(depth)
            found = [[level[:2] for level in book[side][:depth]] for side in ("bids", "asks")]
            equal += number >= 20 and found == want
            if equal == 3:
                assert len(want[0]) >= min(depth, 50)
                return
        raise AssertionError(f"of 400 books {equal} were the venue's")

    async def rests_and_is_cancelled(
        self,
        entry: str = "_ws",
        px: float = 50_000,
        *,
        held: bool = True,
        watched: tuple[str, ...] = (SYMBOL,),
        opened: str | None = "open",
    ) -> Any:
        """An order that rests and is cancelled, and its states on the stream. ``entry``: the ending of the calls that
        place and cancel it ("" = over REST). ``held``: the stream shows the money that it holds. ``watched``: the
        symbol to watch and to name in the cancel. ``opened``: what ccxt calls the first state. Returns the order."""
        create, cancel = (getattr(self.api, f"{call}_order{entry}") for call in ("create", "cancel"))
        watching = self.begin(self.api.watch_orders(*watched))
        balance = self.begin(self.api.watch_balance()) if held else None
        await asyncio.sleep(SUBSCRIBED_S)
        order = await self.soon(create(SYMBOL, "limit", "buy", 0.01, px))
        seen = (await watching)[-1]
        assert (seen["id"], seen["status"]) == (order["id"], opened)
        assert balance is None or (await balance)["USDT"]["used"] == px * 0.01
        watching = self.begin(self.api.watch_orders(*watched))
        await asyncio.sleep(0.05)
        await self.soon(cancel(order["id"], *watched))
        seen = (await watching)[-1]
        assert (seen["id"], seen["status"]) == (order["id"], "canceled")
        return order

    async def takes(self, entry: str = "_ws", px: float = 60_000, *, fees: bool = True) -> None:
        """Sell 0.01 at once: the fill arrives, and with it its fee (``fees``: the venue's stream has it)."""
        trades = self.begin(self.api.watch_my_trades(SYMBOL))
        await asyncio.sleep(SUBSCRIBED_S)
        create = getattr(self.api, f"create_order{entry}")
        taken = await self.soon(create(SYMBOL, "limit", "sell", 0.01, px, {"timeInForce": "IOC"}))
        fill = (await trades)[-1]
        assert (fill["order"], fill["takerOrMaker"]) == (taken["id"], "taker")
        paid = {fee["currency"] for fee in fill.get("fees", [fill["fee"]]) if fee["cost"]}
        assert paid == ({"USDT"} if fees else set())


@pytest.fixture
async def site(request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    """The simulated venue of the module."""
    dialect = request.module.DIALECT
    world = World([dialect], seed=3, start_ns=CLOCK.now_ns())
    async with serve(world, now_ns=CLOCK.now_ns) as served:
        yield Site(world, served["venues"][dialect.venue], request.module)


@pytest.fixture
def rest(request: pytest.FixtureRequest, site: Site) -> Rest:
    """ccxt, synchronous: call it in ``site.serve``."""
    return Rest(site.api(ccxt), getattr(request.module, "QUERY", {}), getattr(request.module, "BALANCE", {}))


@pytest.fixture
async def pro(site: Site) -> AsyncIterator[Pro]:
    """ccxt.pro."""
    api = site.api(ccxt.pro)
    yield Pro(api, site)
    await api.close()
