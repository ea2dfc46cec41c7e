"""Clients that are told of changes: whatever they missed, they know the present rows; a slow one costs no memory."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from api_rig import Rig, made, passed, serving

from arbkit.monitor.api import feeds as feeds_module
from arbkit.monitor.api import table as table_module
from arbkit.monitor.api.feeds import Feeds
from arbkit.monitor.api.samples import Samples
from arbkit.monitor.api.shapes import TOPICS, Gain, Subscribe
from arbkit.monitor.api.table import Table
from arbkit.monitor.api.topics import SOURCES


class Model:
    """What a client knows: the contract of ``shapes`` and nothing else."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[tuple[Any, ...], Any]] = {}
        self.kinds: list[tuple[str, str]] = []

    def take(self, text: str | bytes) -> None:
        message = json.loads(text)
        topic = message["topic"]
        self.kinds.append((message["kind"], topic))
        if message["kind"] == "snapshot":
            self.rows[topic] = {}
        rows, key = self.rows[topic], TOPICS[topic][1]
        for gone in message.get("gone", ()):
            rows.pop(tuple(gone), None)
        for row in message["rows"]:
            rows[tuple(row[name] for name in key)] = row


@pytest.mark.parametrize("seed", range(40))
def test_every_client_knows_the_rows(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows come, change and go; three clients read when they like. Whoever has read knows exactly the rows that there
    are, whatever was forgotten meanwhile."""
    rng = random.Random(seed)
    monkeypatch.setattr(table_module, "MOST_GONE", rng.randint(1, 4))
    monkeypatch.setattr(table_module, "FAR_BEHIND", rng.randint(1, 6))
    table = Table("pnl")
    clients = [(Model(), [0]) for _ in range(3)]
    for _ in range(30):
        rows = {rng.randrange(7): str(rng.randrange(3)) for _ in range(rng.randrange(7))}
        table.begin(1_000)
        for at_us, marked in rows.items():
            table.put(((at_us,), None, lambda gain: gain, Gain(at_us=at_us, marked=marked, booked=None)))
        table.end()
        for model, known in rng.sample(clients, rng.randrange(4)):
            if known[0] != table.version:
                model.take(table.message(known[0]))
                known[0] = table.version
            assert {at_us: row["marked"] for (at_us,), row in model.rows["pnl"].items()} == rows


def test_a_row_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ten clients and twenty passes, and only when its stamp says that it changed."""
    table, count = Table("pnl"), 0

    def make(what: int) -> Gain:
        nonlocal count
        count += 1
        return Gain(at_us=what, marked=None, booked=None)

    for _ in range(20):
        table.begin(0)
        for number in range(50):
            table.put(((number,), "same", make, number))
        table.end()
    assert {len(table.message(0)) for _ in range(10)} == {len(table.message(0))}
    assert (count, table.version) == (50, 1)


async def subscribe(socket: aiohttp.ClientWebSocketResponse, **ask: Any) -> None:
    await socket.send_json({"do": "subscribe", **ask})


async def read(socket: aiohttp.ClientWebSocketResponse, model: Model, seconds: float) -> int:
    """Take what comes for some time. Returns the number of messages."""
    count = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                model.take((await socket.receive()).data)
                count += 1
    return count


async def test_changes_lead_to_what_a_get_returns(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    """The run goes on, and whoever followed it knows the same rows as who asks only now, in every topic."""
    run, log = made(("binance", "okx"), 2.0)
    async with serving(run, log, tmp_path) as rig, http.ws_connect(f"{rig.url}/api/v1/ws", headers=rig.headers()) as ws:
        model = Model()
        asked = [topic for topic in TOPICS if topic != "ladders"]
        for topic in asked:
            await subscribe(ws, topic=topic)
        await subscribe(ws, topic="ladders", symbols=["BTC-USDT"], depth=5)
        for _ in range(4):
            run.run_for(0.7)
            await read(ws, model, 0.3)
        run.stop()
        await read(ws, model, 2.5)  # the slowest topic comes once a second
        assert {topic for kind, topic in model.kinds if kind == "snapshot"} == set(TOPICS)
        assert len(model.rows["deals"]) == len(run.deals) > 0
        own = {"status", "venues", "pnl", "latency", "log", "ladders"}  # these change by themselves
        for topic in TOPICS.keys() - own:
            rows = await rig.rows(http, topic)
            key = TOPICS[topic][1]
            now = {tuple(row[name] for name in key): row for row in rows}
            known = model.rows[topic]
            for row in [*now.values(), *known.values()]:
                row.pop("age_us", None)
            assert known == now, topic
        ladders = (await rig.get(http, "/api/v1/ladders?symbols=BTC-USDT&depth=5"))["rows"]
        assert [len(row["bids"]) for row in ladders] == [5, 5]


@pytest.mark.parametrize("turns", range(4))
async def test_a_wish_in_the_moment_of_the_end_does_not_keep_the_run(rig: Rig, turns: int) -> None:
    """The task that makes rows ends when it is cancelled, also if somebody asks for rows just then: a run that stops
    waits for it."""
    feeds = Feeds(rig.server._facts, Samples())
    feed = feeds.join(Subscribe(topic="pnl", every_ms=10_000), lambda: None)
    making = asyncio.create_task(feeds.run())
    async with asyncio.timeout(10):
        while not feed.table.version:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)  # it waits for the next time
    feeds._wanted.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    making.cancel()
    done, _ = await asyncio.wait({making}, timeout=2)
    assert making in done


async def test_a_frozen_book_grows_old(rig: Rig, http: aiohttp.ClientSession) -> None:
    """No update comes any more: whoever follows it is told how old each book is, again and again."""
    model, first = Model(), {}
    async with http.ws_connect(f"{rig.url}/api/v1/ws", headers=rig.headers()) as socket:
        await subscribe(socket, topic="books")
        await subscribe(socket, topic="ladders", symbols=["BTC-USDT"])
        async with asyncio.timeout(30):
            while True:
                model.take((await socket.receive()).data)
                ages = {(topic, key): row["age_us"] for topic, rows in model.rows.items() for key, row in rows.items()}
                first = {key: first.get(key, age) for key, age in ages.items()}
                if len(model.rows) == 2 and all(ages[key] >= first[key] + 2_000_000 for key in first):
                    break


async def test_a_client_that_does_not_read_costs_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads nothing while 300 rows change many times: at most one message waits in its buffer, and the first few
    that it reads then make it know all. Somebody else is served all the time."""
    turn = 0

    def cells(*_: Any) -> Iterator[Any]:
        nonlocal turn
        turn += 1
        for number in range(300):
            gain = Gain(at_us=number, marked=str(turn), booked="1" * 2_000)
            yield (number,), None, lambda one: one, gain

    monkeypatch.setattr(feeds_module, "SOURCES", {**SOURCES, "pnl": (cells, 1)})
    message = 300 * 2_100
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.server.port, limit=2_000)
    await handshake(reader, writer, rig)
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{rig.url}/api/v1/ws", headers=rig.headers(), max_msg_size=0) as other,
    ):
        model, served = Model(), 0
        await subscribe(other, topic="pnl")
        for _ in range(1_000):
            served += await read(other, model, 0.1)
            if served >= 25:
                break
        waiting = [one.transport.get_write_buffer_size() for one in rig.server.connections if one.transport is not None]
        assert max(waiting) <= message, waiting
        stalled, frames = Model(), 0
        while max((int(row["marked"]) for row in stalled.rows.get("pnl", {}).values()), default=0) < turn - 5:
            stalled.take(await raw_frame(reader))
            frames += 1
        assert len(stalled.rows["pnl"]) == 300
        assert all(int(row["marked"]) >= turn - 6 for row in stalled.rows["pnl"].values())
        assert frames <= 10  # what the kernel held, the one that waited, and one with all the rest
        assert turn >= 25
    writer.close()
    await writer.wait_closed()


async def handshake(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rig: Rig) -> None:
    """A WebSocket by hand, which reads only when it is told to, and its subscription."""
    socket = writer.get_extra_info("socket")
    assert socket is not None
    head = (
        f"GET /api/v1/ws HTTP/1.1\r\nHost: 127.0.0.1:{rig.server.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {'A' * 22}==\r\n"
        f"Authorization: Bearer {rig.access.tokens['read']}\r\n\r\n"
    )
    writer.write(head.encode())
    await reader.readuntil(b"\r\n\r\n")
    body = b'{"do":"subscribe","topic":"pnl"}'
    writer.write(bytes([0x81, 0x80 | len(body), 0, 0, 0, 0]) + body)
    await writer.drain()


async def raw_frame(reader: asyncio.StreamReader) -> bytes:
    """The next text."""
    while True:
        first, second = await reader.readexactly(2)
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
        data = await reader.readexactly(size)
        if first & 0x0F == 1:
            return data


async def test_nothing_is_made_for_nobody(
    rig: Rig, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are made for topics that somebody follows, once for all who ask for the same, and not after they left."""
    passes = dict.fromkeys(SOURCES, 0)

    def counted(topic: Any) -> Any:
        source, every_ms = SOURCES[topic]

        def cells(*given: Any) -> Any:
            passes[topic] += 1
            return source(*given)

        return cells, every_ms

    monkeypatch.setattr(feeds_module, "SOURCES", {topic: counted(topic) for topic in SOURCES})
    await passed(0.3)
    assert not any(passes.values())
    opened = [await http.ws_connect(f"{rig.url}/api/v1/ws", headers=rig.headers()) for _ in range(5)]
    for number, socket in enumerate(opened):
        await subscribe(socket, topic="books", symbols=["ETH-USDT", "BTC-USDT"][:: 1 if number % 2 else -1])
    await passed(0.65)
    assert 3 <= passes.pop("books") <= 8
    assert not any(passes.values())
    for socket in opened:
        await socket.close()
    await passed(0.2)
    passes["books"] = 0
    await passed(0.3)
    assert passes["books"] == 0


async def test_a_slice_is_short(rig: Rig, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass over many rows lets the loop go on after each half millisecond, and rests nine times as long."""
    now_ns, slept, worked, rows = 0, [], [], 0

    def cells(*_: Any) -> Iterator[Any]:
        nonlocal now_ns, rows
        for number in range(1_000):
            now_ns += 10_000
            rows += 1
            yield (number,), "same", lambda what: Gain(at_us=what, marked=None, booked=None), number

    class Clock:
        now_ns = staticmethod(lambda: now_ns)

    async def sleep(seconds: float) -> None:
        nonlocal rows
        slept.append(seconds)
        worked.append(rows)
        rows = 0

    feeds = feeds_module.Feeds(Clock(), None)  # type: ignore[arg-type]
    monkeypatch.setattr(feeds_module, "SOURCES", {**SOURCES, "pnl": (cells, 1)})
    monkeypatch.setattr(feeds_module.asyncio, "sleep", sleep)
    await feeds._make(feeds_module.RowFeed(Subscribe(topic="pnl")))
    monkeypatch.undo()
    assert max(worked) * 10_000 <= feeds_module.SLICE_NS + 10_000
    assert sum(worked) == 1_000
    assert sum(slept) * 1e9 == pytest.approx(9 * 1_000 * 10_000)


def test_the_curve_of_a_day_is_short() -> None:
    """Of thirty hours, the newest 24: each five seconds of the newest hour, one point of each minute before."""
    samples = Samples()
    for number in range(30 * 720):
        samples.add(Gain(at_us=number * 5_000_000, marked=None, booked=None))
    times = [point.at_us // 1_000_000 for point in samples.curve]
    assert times == sorted(set(times))
    assert times[-1] == 30 * 3600 - 5
    assert times[-720:] == list(range(29 * 3600, 30 * 3600, 5))
    assert {later - earlier for earlier, later in pairwise(times[:1380])} == {60}
    assert len(times) == 720 + 23 * 60


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("junk", "not a subscription"),
        ('{"do":"subscribe","topic":"nothing"}', "not a subscription"),
        ('{"do":"subscribe","topic":"books","more":1}', "not a subscription"),
        ('{"do":"subscribe","topic":"ladders"}', "ladders: symbols: ladders need them"),
        ('{"do":"subscribe","topic":"books","symbols":["btc usdt"]}', "books: symbols: 'btc usdt' is no symbol"),
        ('{"do":"subscribe","topic":"books","every_ms":1}', "every_ms: 1 is not in 100 to 10000"),
        ('{"do":"subscribe","topic":"ladders","symbols":["BTC-USDT"],"depth":51}', "depth: 51 is not in 1 to 50"),
        (json.dumps({"do": "subscribe", "topic": "books", "symbols": ["X-Y"] * 101}), "ask for 100 at most"),
        (json.dumps({"do": "subscribe", "topic": "spreads", "symbols": ["X-Y"] * 21}), "ask for 20 at most"),
    ],
)
async def test_a_wrong_subscription_is_told(rig: Rig, http: aiohttp.ClientSession, text: str, told: str) -> None:
    """And the next one works."""
    async with http.ws_connect(f"{rig.url}/api/v1/ws", headers=rig.headers()) as socket:
        await socket.send_str(text)
        failure = await socket.receive_json(timeout=5)
        assert failure["kind"] == "error"
        assert told in failure["error"]
        await subscribe(socket, topic="status")
        assert (await socket.receive_json(timeout=5))["topic"] == "status"


async def test_clients_are_bounded(rig: Rig, http: aiohttp.ClientSession) -> None:
    """In number, and in what they send."""
    opened = [await http.ws_connect(f"{rig.url}/api/v1/ws", headers=rig.headers()) for _ in range(16)]
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await http.ws_connect(f"{rig.url}/api/v1/ws", headers=rig.headers())
    assert refused.value.status == 503
    await opened[0].send_str("x" * 20_000)
    assert (await opened[0].receive(5)).type is aiohttp.WSMsgType.CLOSE
    await opened[1].send_bytes(b"{}")
    assert (await opened[1].receive(5)).type is aiohttp.WSMsgType.CLOSE
    for socket in opened:
        await socket.close()
    async with http.ws_connect(f"{rig.url}/api/v1/ws", headers=rig.headers()):
        pass


async def test_a_topic_that_fails_costs_itself_only(
    rig: Rig, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in one is told in the log and to who asks; the others go on, and it too when it can."""

    def cells(*_: Any) -> Iterator[Any]:
        yield ("x",), None, lambda _: 1 / 0, None

    monkeypatch.setattr(feeds_module, "SOURCES", {**SOURCES, "pnl": (cells, 1)})
    told = await rig.get(http, "/api/v1/pnl", 500)
    assert told["error"] == "the rows of pnl cannot be made: see api.fault in the log"
    assert ("api.fault", {"topic": "pnl", "error": "ZeroDivisionError: division by zero"}) in rig.log.events
    assert await rig.rows(http, "status")
    monkeypatch.undo()
    assert await rig.rows(http, "pnl")


async def test_the_end_waits_for_nobody(traded: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that does not read cannot keep the run from its end."""
    async with serving(*traded, tmp_path) as rig:
        many = [Gain(at_us=number, marked=None, booked="1" * 10_000) for number in range(500)]
        monkeypatch.setattr(
            feeds_module,
            "SOURCES",
            {**SOURCES, "pnl": (lambda *_: (((one.at_us,), None, lambda what: what, one) for one in many), 1)},
        )
        reader, writer = await asyncio.open_connection("127.0.0.1", rig.server.port, limit=2_000)
        await handshake(reader, writer, rig)
        for _ in range(600):
            await passed(0.05)
            if any(one.transport and one.transport.get_write_buffer_size() for one in rig.server.connections):
                break
        async with asyncio.timeout(30):
            await rig.server.close()
        writer.close()
