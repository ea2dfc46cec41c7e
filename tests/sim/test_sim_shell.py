"""The shell: the simulated world on real sockets, with its admin pages; cut connections end without a handshake."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import struct
from collections.abc import Mapping
from decimal import Decimal

import aiohttp
import pytest
from arbkit_binance.dialect import BinanceDialect

from arbkit.core.runtime.clock import Clock
from arbkit.core.types import Side, Tif
from arbkit.sim.faults import Fault
from arbkit.sim.shell import serve
from arbkit.sim.venue import SimExchange
from arbkit.sim.wire import Reply, SimWire
from arbkit.sim.world import World

CLOCK = Clock()


async def test_admin_pages_and_endpoints() -> None:
    """The addresses have the documented names; the admin pages give the simulator's own records as JSON."""
    world = World([BinanceDialect], seed=1, start_ns=CLOCK.now_ns())
    async with serve(world, now_ns=CLOCK.now_ns) as served, aiohttp.ClientSession() as http:
        json.dumps(served)
        venue = served["venues"]["binance"]
        keys = {"key", "secret", "passphrase", "ed25519_key", "ed25519_pem"}
        assert set(venue) == {"rest", "ws_public", "ws_private", "ws_trade"} | keys
        exchange = world.sites["binance"].exchange
        exchange.place(
            "main", "BTC-USDT", Side.BUY, px=Decimal(70_000), qty=Decimal("0.01"), tif=Tif.IOC, cl_ord_id="a", now_ns=1
        )
        async with http.get(f"{served['admin']}/orders") as reply:
            (order,) = (await reply.json())["binance"]
            assert (order["cl_ord_id"], order["status"], order["cum_qty"]) == ("a", "filled", "0.01")
        async with http.get(f"{served['admin']}/ledger") as reply:
            ledger = (await reply.json())["binance"]
            assert ledger["conserved"]
            assert Decimal(ledger["accounts"]["main"]["BTC"]["free"]) == Decimal("3.00999")
        async with http.get(f"{served['admin']}/faults") as reply:
            assert (await reply.json()) == {"counts": {}, "fired": [], "edges": []}
        for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
            async with http.get(f"{served['admin']}/ledger", headers=headers) as reply:
                assert reply.status == 421
        async with http.get(f"{served['admin']}/secrets") as reply:
            assert reply.status == 404


async def test_frames_flow_and_cuts_are_cuts() -> None:
    """Depth frames arrive over a socket until a fault cuts it, without a closing handshake; a lost reply ends the TCP
    connection."""
    script = [Fault(kind="close", on="book", at_s=0.5)]
    world = World([BinanceDialect], seed=1, start_ns=CLOCK.now_ns(), faults=script)
    async with serve(world, now_ns=CLOCK.now_ns) as served, aiohttp.ClientSession() as http:
        venue = served["venues"]["binance"]
        url = f"{venue['ws_public']}/stream?streams=btcusdt@depth@100ms"
        last, seen = 0, 0
        async with http.ws_connect(url) as socket:
            async for message in socket:
                data = json.loads(message.data)["data"]
                assert not last or data["U"] == last + 1
                last, seen = data["u"], seen + 1
            assert socket.close_code == 1006
        assert seen >= 3
        assert not world.sites["binance"].conns
        async with http.get(f"{venue['rest']}/api/v3/time") as reply:
            assert abs((await reply.json())["serverTime"] - CLOCK.now_ns() / 10**6) < 60_000
            assert reply.headers["x-mbx-used-weight-1m"] == "1"
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(f"{venue['ws_public']}/nowhere")

        world._http = lambda site, request, now_ns: None  # type: ignore[method-assign]  # every reply is lost
        with pytest.raises(aiohttp.ClientError):
            await http.get(f"{venue['rest']}/api/v3/time")


async def test_many_clients_get_every_frame() -> None:
    """Forty sockets on both books: no frame is missing on any, however slow the machine is."""
    world = World([BinanceDialect], seed=1, start_ns=CLOCK.now_ns())
    async with serve(world, now_ns=CLOCK.now_ns) as served, aiohttp.ClientSession() as http:
        url = f"{served['venues']['binance']['ws_public']}/ws/btcusdt@depth@100ms/ethusdt@depth@100ms"

        async def read() -> int:
            last: dict[str, int] = {}
            count = 0
            async with http.ws_connect(url) as socket:
                while count < 16:
                    event = json.loads((await socket.receive()).data)
                    assert event["U"] == last.get(event["s"], event["U"] - 1) + 1
                    last[event["s"]] = event["u"]
                    count += 1
            return count

        assert sum(await asyncio.wait_for(asyncio.gather(*(read() for _ in range(40))), 120)) == 640


async def test_a_venue_closes_with_its_code() -> None:
    """A connection that the venue closes in order tells the client the reason."""
    world = World([BinanceDialect], seed=1, start_ns=CLOCK.now_ns())
    async with serve(world, now_ns=CLOCK.now_ns) as served, aiohttp.ClientSession() as http:
        async with http.ws_connect(f"{served['venues']['binance']['ws_public']}/ws") as socket:
            for number in range(6):
                await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": number})
            answers = [message.data async for message in socket]
            assert len(answers) == 5
            assert socket.close_code == 1008
        assert not world.sites["binance"].conns


async def test_a_client_that_leaves_in_the_handshake_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    """A reset right after the upgrade request: nothing is logged, nothing is kept, others are served."""
    world = World([BinanceDialect], seed=1, start_ns=CLOCK.now_ns())
    upgrade = (
        b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )

    def leave_at_once(port: int) -> None:
        for _ in range(50):
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.sendall(upgrade)

    with caplog.at_level(logging.WARNING):
        async with serve(world, now_ns=CLOCK.now_ns) as served, aiohttp.ClientSession() as http:
            port = int(served["venues"]["binance"]["rest"].rpartition(":")[2])
            await asyncio.get_running_loop().run_in_executor(None, leave_at_once, port)
            async with asyncio.timeout(120):
                while world.sites["binance"].conns:
                    await asyncio.sleep(0.01)
            async with http.get(f"{served['venues']['binance']['rest']}/api/v3/time") as reply:
                assert reply.status == 200
    assert not caplog.records


async def test_a_client_that_never_pongs_is_cut() -> None:
    """web-socket-streams.md: a ping each 20 seconds, and no pong within a minute is the end; who answers stays."""
    clock = [CLOCK.now_ns()]
    world = World([BinanceDialect], seed=1, start_ns=clock[0])
    async with serve(world, now_ns=lambda: clock[0]) as served, aiohttp.ClientSession() as http:
        url = served["venues"]["binance"]["ws_public"] + "/ws/btcusdt@depth"
        good, bad = await http.ws_connect(url), await http.ws_connect(url, autoping=False)

        async def until_the_end(ws: aiohttp.ClientWebSocketResponse) -> None:
            async for message in ws:
                assert message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.PING)

        readers = [asyncio.create_task(until_the_end(ws)) for ws in (good, bad)]
        for _ in range(17):
            clock[0] += 5_000_000_000
            await asyncio.sleep(0.05)
        await asyncio.wait_for(readers[1], 10)
        assert not readers[0].done()
        assert not good.closed
        readers[0].cancel()


async def test_a_packed_frame_arrives_as_binary() -> None:
    """As gzip of HTX; the other frames stay text."""

    class Packed(BinanceDialect):
        def __init__(self, exchange: SimExchange, out: SimWire) -> None:
            super().__init__(exchange, out)
            self._out = out

        def connect(self, conn: int, target: str, headers: Mapping[str, str], now_ns: int) -> Reply | None:
            self._out.send(conn, "packed", pack=bytes.upper)
            self._out.send(conn, "plain")
            return super().connect(conn, target, headers, now_ns)

    world = World([Packed], seed=1, start_ns=CLOCK.now_ns())
    async with (
        serve(world, now_ns=CLOCK.now_ns) as served,
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{served['venues']['binance']['ws_public']}/ws") as client,
    ):
        assert await client.receive_bytes() == b"PACKED"
        assert await client.receive_str() == "plain"
