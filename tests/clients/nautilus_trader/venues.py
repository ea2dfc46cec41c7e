"""How nautilus_trader is pointed at a simulated venue."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.request import urlopen

import msgspec
from checks import SIM
from nautilus_trader.config import InstrumentProviderConfig

Top = tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]


class Venue(NamedTuple):
    """What is needed for a node."""

    instrument: str
    data: Any
    """Configuration of the market data; ``execution``: of orders and account. The factories make the clients."""
    execution: Any
    data_factory: Any
    execution_factory: Any
    book: Callable[[int], tuple[int, Top]]
    """The REST book: its update id, and the best levels."""
    depth: int
    """Levels of the stream of the book; 0 = as the venue has it."""
    streams_locked: bool
    """Whether nautilus_trader reads locked amounts from the user stream, and not from REST alone."""
    amends: bool
    """Whether nautilus_trader changes orders of this venue in place."""


def _rest(venue: str, page: str) -> Any:
    with urlopen(f"{SIM['venues'][venue]['rest']}{page}", timeout=15) as answer:
        return json.load(answer)


def _levels(rows: list[list[str]]) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(row[0]), Decimal(row[1])) for row in rows]


def binance() -> Venue:
    """The user stream starts with ``session.logon``, so the key is the Ed25519 key."""
    from nautilus_trader.adapters import binance as adapter

    site = SIM["venues"]["binance"]
    both = {
        "api_key": site["ed25519_key"],
        "api_secret": site["ed25519_pem"],
        "base_url_http": site["rest"],
        "instrument_provider": InstrumentProviderConfig(load_all=True),
    }

    def book(depth: int) -> tuple[int, Top]:
        row = _rest("binance", f"/api/v3/depth?symbol=BTCUSDT&limit={depth}")
        return row["lastUpdateId"], (_levels(row["bids"]), _levels(row["asks"]))

    return Venue(
        "BTCUSDT.BINANCE",
        adapter.BinanceDataClientConfig(base_url_ws=site["ws_public"], **both),
        adapter.BinanceExecClientConfig(base_url_ws=f"{site['ws_trade']}/ws-api/v3", **both),
        adapter.BinanceLiveDataClientFactory,
        adapter.BinanceLiveExecClientFactory,
        book,
        depth=0,
        streams_locked=True,
        amends=False,
    )


def okx() -> Venue:
    """OKX allows three new connections a second, and nautilus_trader opens four at once where the network takes no
    time. So the private ones come later."""
    from nautilus_trader.adapters import okx as adapter
    from nautilus_trader.adapters.okx.execution import OKXExecutionClient

    site = SIM["venues"]["okx"]
    both = {
        "api_key": site["key"],
        "api_secret": site["secret"],
        "api_passphrase": site["passphrase"],
        "base_url_http": site["rest"],
        "instrument_provider": InstrumentProviderConfig(load_all=True),
    }

    class Later(OKXExecutionClient):
        async def _connect(self) -> None:
            await asyncio.sleep(1.5)
            await super()._connect()

    class Factory(adapter.OKXLiveExecClientFactory):
        @staticmethod
        def create(loop: Any, name: Any, config: Any, msgbus: Any, cache: Any, clock: Any) -> Any:
            from nautilus_trader.adapters.okx import factories

            plain, factories.OKXExecutionClient = factories.OKXExecutionClient, Later
            try:
                return adapter.OKXLiveExecClientFactory.create(loop, name, config, msgbus, cache, clock)
            finally:
                factories.OKXExecutionClient = plain

    def book(depth: int) -> tuple[int, Top]:
        row = _rest("okx", f"/api/v5/market/books?instId=BTC-USDT&sz={depth}")["data"][0]
        return row["seqId"], (_levels(row["bids"]), _levels(row["asks"]))

    return Venue(
        "BTC-USDT.OKX",
        adapter.OKXDataClientConfig(base_url_ws=f"{site['ws_public']}/ws/v5/public", **both),
        adapter.OKXExecClientConfig(base_url_ws=f"{site['ws_private']}/ws/v5/private", **both),
        adapter.OKXLiveDataClientFactory,
        Factory,
        book,
        depth=0,
        streams_locked=True,
        amends=True,
    )


def bybit() -> Venue:
    """nautilus_trader has no setting for the address of Bybit's public stream: its client takes ``base_url_http`` for
    both. So the stream's client is made again, with the other address."""
    from nautilus_trader.adapters import bybit as adapter
    from nautilus_trader.adapters.bybit.data import BybitDataClient

    site = SIM["venues"]["bybit"]
    both = {
        "api_key": site["key"],
        "api_secret": site["secret"],
        "base_url_http": site["rest"],
        "product_types": (adapter.BybitProductType.SPOT,),
        "instrument_provider": InstrumentProviderConfig(load_all=True),
    }
    stream = f"{site['ws_public']}/v5/public/spot"

    class Factory(adapter.BybitLiveDataClientFactory):
        @staticmethod
        def create(loop: Any, name: Any, config: Any, msgbus: Any, cache: Any, clock: Any) -> Any:
            made = adapter.BybitLiveDataClientFactory.create(loop, name, config, msgbus, cache, clock)
            return BybitDataClient(
                loop=loop,
                client=made._http_client,
                msgbus=msgbus,
                cache=cache,
                clock=clock,
                instrument_provider=made.instrument_provider,
                config=msgspec.structs.replace(config, base_url_http=stream),
                name=name,
            )

    def book(depth: int) -> tuple[int, Top]:
        row = _rest("bybit", f"/v5/market/orderbook?category=spot&symbol=BTCUSDT&limit={depth}")["result"]
        return row["seq"], (_levels(row["b"]), _levels(row["a"]))

    return Venue(
        "BTCUSDT-SPOT.BYBIT",
        adapter.BybitDataClientConfig(**both),
        adapter.BybitExecClientConfig(
            base_url_ws_private=f"{site['ws_private']}/v5/private",
            base_url_ws_trade=f"{site['ws_trade']}/v5/trade",
            **both,
        ),
        Factory,
        adapter.BybitLiveExecClientFactory,
        book,
        depth=50,
        streams_locked=False,
        amends=True,
    )


VENUES: dict[str, Callable[[], Venue]] = {"binance": binance, "okx": okx, "bybit": bybit}
