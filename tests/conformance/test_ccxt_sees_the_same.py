"""An order placed through our adapter over loopback is the same order to ccxt: state, filled size, trades, fees."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import aiohttp
import ccxt
import pytest
from arbkit_binance.adapter import Binance
from arbkit_binance.dialect import BinanceDialect
from arbkit_bybit.adapter import Bybit
from arbkit_bybit.dialect import BybitDialect
from arbkit_okx.adapter import Okx
from arbkit_okx.dialect import OkxDialect

from arbkit.core.orders.ids import format_cl_ord_id
from arbkit.core.runtime.clock import Clock
from arbkit.core.types import (
    Ask,
    AskKind,
    CancelOrder,
    Catalogue,
    Command,
    HttpAnswer,
    HttpRequest,
    InstrumentUpdate,
    ListFills,
    Listing,
    NewOrder,
    OrderUpdate,
    OrdStatus,
    Output,
    QueryOrder,
    Secret,
    Side,
    Tif,
    VenueSettings,
    rest_link,
)
from arbkit.core.venues.signer import LocalSigner
from arbkit.sim.shell import serve
from arbkit.sim.world import World

CLOCK = Clock()


def _ccxt(venue: str, site: dict[str, Any]) -> Any:
    rest = site["rest"]
    api: dict[str, Any] = {
        "binance": {"public": f"{rest}/api/v3", "private": f"{rest}/api/v3", "sapi": f"{rest}/sapi/v1"},
        "okx": {"rest": rest},
        "bybit": {"public": rest, "private": rest},
    }[venue]
    return getattr(ccxt, venue)(
        {
            "apiKey": site["key"],
            "secret": site["secret"],
            "password": site["passphrase"],
            "enableRateLimit": False,
            "options": {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False, "defaultType": "spot"},
            "urls": {"api": api},
        }
    )


class Over:
    """The REST session of an adapter on real HTTP."""

    def __init__(self, exchange: type[Any], site: dict[str, Any], http: aiohttp.ClientSession) -> None:
        hosts = {name: site[name] for name in ("rest", "ws_public", "ws_private", "ws_trade")}
        adapter = exchange(VenueSettings(environment="sim", endpoints=hosts))
        self.account = f"{adapter.venue}:main"
        self.catalogue = Catalogue()
        link = rest_link(adapter.venue, self.account)
        signer = LocalSigner(site["key"], site["secret"], site["passphrase"] or "")
        self._session = adapter.session(link, self.catalogue, signer)
        self._http = http

    async def say(self, what: Ask | Command) -> list[Output]:
        [wire] = self._session.encode(what if isinstance(what, Ask) else [what], CLOCK.now_ns())
        assert isinstance(wire, HttpRequest)
        headers = {name: _reveal(value) for name, value in wire.headers}
        sent_ns = CLOCK.now_ns()
        async with self._http.request(wire.method, _reveal(wire.url), headers=headers, data=wire.body) as answer:
            body = await answer.read()
            names = {name.lower(): value for name, value in answer.headers.items()}
        now_ns = CLOCK.now_ns()
        said = list(self._session.answered(what, HttpAnswer(answer.status, names, body, sent_ns, now_ns), now_ns))
        pages = [out for out in said if isinstance(out, Ask) and out.kind is AskKind.PAGE]
        return await self.say(pages[0]) if pages else said


def _reveal(text: str) -> str:
    return text.reveal() if isinstance(text, Secret) else text


_STATES = {OrdStatus.FILLED: "closed", OrdStatus.CANCELED: "canceled", OrdStatus.NEW: "open"}


@pytest.mark.parametrize(
    ("exchange", "dialect"),
    [(Binance, BinanceDialect), (Okx, OkxDialect), (Bybit, BybitDialect)],
    ids=["binance", "okx", "bybit"],
)
async def test_ccxt_sees_our_orders_as_we_do(exchange: type[Any], dialect: type[Any]) -> None:
    """A bought, a resting and a cancelled order: two clients, one truth, to the last digit of the fee."""
    venue = dialect.venue
    world = World([dialect], seed=5, start_ns=CLOCK.now_ns())
    async with serve(world, now_ns=CLOCK.now_ns) as served, aiohttp.ClientSession() as http:
        site = served["venues"][venue]
        ours, theirs = Over(exchange, site, http), _ccxt(venue, site)
        for out in await ours.say(Ask(kind=AskKind.CATALOGUE)):
            if isinstance(out, InstrumentUpdate):
                ours.catalogue.add(out.instrument)
        one = ours.catalogue[f"{venue}:BTC-USDT"]
        px = Decimal(world.sites[venue].exchange.books["BTC-USDT"].top()[2]) * one.tick
        orders = [
            NewOrder(
                account=ours.account,
                instrument=one.id,
                cl_ord_id=format_cl_ord_id(number),
                side=Side.BUY,
                qty=Decimal("0.02"),
                px=px * factor // 1,
                tif=tif,
            )
            for number, (factor, tif) in enumerate(
                ((Decimal("1.01"), Tif.IOC), (Decimal("0.9"), Tif.GTC), (Decimal("0.8"), Tif.GTC))
            )
        ]
        for order in orders:
            await ours.say(order)
        last = orders[-1]
        await ours.say(CancelOrder(account=ours.account, instrument=one.id, cl_ord_id=last.cl_ord_id))
        statuses = []
        extra = {"acknowledged": True} if venue == "bybit" else {}  # its last 500 orders only, ccxt warns
        for order in orders:
            told = await ours.say(QueryOrder(account=ours.account, instrument=one.id, cl_ord_id=order.cl_ord_id))
            mine = next(out for out in told if isinstance(out, OrderUpdate))
            statuses.append(mine.ord_status)
            seen = await asyncio.to_thread(theirs.fetch_order, mine.order_id, "BTC/USDT", extra)
            assert seen["clientOrderId"] == order.cl_ord_id
            assert seen["status"] == _STATES[mine.ord_status]
            assert (Decimal(str(seen["filled"])), Decimal(str(seen["amount"]))) == (mine.cum_qty, mine.qty)
            assert Decimal(str(seen["price"])) == mine.px == order.px
        assert statuses == [OrdStatus.FILLED, OrdStatus.NEW, OrdStatus.CANCELED]
        [listing] = [
            out
            for out in await ours.say(
                ListFills(account=ours.account, instrument=one.id, since_ns=CLOCK.now_ns() - 60 * 10**9)
            )
            if isinstance(out, Listing)
        ]
        mine_by_id = {
            u.trade_id: (u.last_px, u.last_qty, u.fee, u.fee_asset, u.order_id, u.maker) for u in listing.updates
        }
        trades = await asyncio.to_thread(theirs.fetch_my_trades, "BTC/USDT")
        assert mine_by_id == {
            trade["id"]: (
                Decimal(str(trade["price"])),
                Decimal(str(trade["amount"])),
                Decimal(str(trade["fee"]["cost"])),
                trade["fee"]["currency"],
                trade["order"],
                trade["takerOrMaker"] == "maker",
            )
            for trade in trades
        }
        assert mine_by_id
