"""REST links against real aiohttp servers and raw sockets."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from arbkit.core.runtime import http
from arbkit.core.types import HttpAnswer, HttpRequest, NoAnswer, Secret

SECOND = 1_000_000_000
PATIENT = 60 * SECOND
"""A deadline that no test reaches, however busy the machine is."""
Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def venue(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def raw_venue(handler: Raw) -> AsyncIterator[str]:
    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(guarded, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_request_arrives_as_it_was_signed(running: Any) -> None:
    """Target, headers and body arrive byte for byte as the adapter made them; the answer has its times and lower-case
    headers."""
    seen: list[Any] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.method, request.raw_path, dict(request.headers), await request.read()))
        return web.Response(status=418, text="teapot", headers={"X-MBX-Used-Weight": "7"})

    async with venue(handler) as base, running() as (desk, runtime):
        target = "/api/v3/order?symbol=A%2FB&q=a+b%20c&list=[1]&sig=%7e"
        request = HttpRequest("POST", base + target, (("X-Key", "k"), ("Content-Type", "application/json")), b'{"a":1}')
        runtime.request("rest", 7, request, PATIENT)
        ((ref, answer),) = await desk.until("answered")
        assert ref == 7
        method, path, headers, body = seen[0]
        assert (method, path, body) == ("POST", target, b'{"a":1}')
        assert headers["X-Key"] == "k"
        assert headers["Content-Type"] == "application/json"
        assert (answer.status, answer.body, answer.headers["x-mbx-used-weight"]) == (418, b"teapot", "7")
        assert 0 < answer.sent_ns <= answer.recv_ns <= desk.times[-1]


async def test_redirects_and_cookies_are_not_followed(running: Any) -> None:
    """A 307 is an answer like any other, and a cookie is not given back."""
    seen: list[tuple[str, bool]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.path, "Cookie" in request.headers))
        return web.Response(status=307, headers={"Location": "/stolen", "Set-Cookie": "a=b"})

    async with venue(handler) as base, running() as (desk, runtime):
        for ref in (1, 2):
            runtime.request("rest", ref, HttpRequest("GET", base + "/here"), PATIENT)
            answers = await desk.until("answered", ref)
            assert answers[-1][1].status == 307
        assert seen == [("/here", False), ("/here", False)]


async def test_gzip_is_unpacked_and_a_bomb_is_not(running: Any) -> None:
    """The limit applies to the decompressed body, without using the memory for all of it."""

    async def handler(request: web.Request) -> web.Response:
        size = int(request.path[1:])
        return web.Response(body=gzip.compress(b"\0" * size), headers={"Content-Encoding": "gzip"})

    async with venue(handler) as base, running() as (desk, runtime):
        runtime.request("rest", 1, HttpRequest("GET", f"{base}/500000"), PATIENT)
        await desk.until("answered")
        assert len(desk.named("answered")[0][1].body) == 500_000
        tracemalloc.start()
        runtime.request("rest", 2, HttpRequest("GET", f"{base}/100000000"), PATIENT)
        answer = (await desk.until("answered", 2))[1][1]
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert isinstance(answer, NoAnswer)
        assert answer.sent
        assert "over 1048576 bytes" in answer.reason
        assert answer.status == 200
        assert peak < 210_000_000  # the server in this process needs the 100 MB that it compresses


async def test_an_answer_may_be_as_long_as_its_request_says(running: Any) -> None:
    """2 MiB are read where the request allows them, and refused by its own limit where it does not."""

    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * (2 << 20))

    async with venue(handler) as base, running() as (desk, runtime):
        runtime.request("rest", 1, HttpRequest("GET", f"{base}/", most=3 << 20), PATIENT)
        runtime.request("rest", 2, HttpRequest("GET", f"{base}/"), PATIENT)
        answers = dict(await desk.until("answered", 2))
        assert len(answers[1].body) == 2 << 20
        assert "over 1048576 bytes" in answers[2].reason


async def test_a_header_that_is_not_text_is_made_text(running: Any) -> None:
    """A byte 0xFF in a header: the answer counts, and all of it can be encoded, as a tape does."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Any: \xff\r\n\r\n{}")
        await reader.read()

    async with raw_venue(handler) as base, running() as (desk, runtime):
        runtime.request("rest", 1, HttpRequest("GET", f"{base}/"), PATIENT)
        ((_, answer),) = await desk.until("answered")
        assert answer.body == b"{}"
        answer.headers["x-any"].encode()


async def test_a_slow_body_times_out(running: Any) -> None:
    """The deadline includes the last byte; a request without answer in time may have arrived."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with raw_venue(handler) as base, running() as (desk, runtime):
        runtime.request("rest", 1, HttpRequest("POST", base), SECOND)
        ((_, answer),) = await desk.until("answered")
        assert isinstance(answer, NoAnswer)
        assert (answer.sent, answer.reason) == (True, "no answer in time")


async def test_requests_that_were_certainly_not_sent_are_recognized(running: Any, unused_tcp_port: int) -> None:
    """Connection refused, name not found, TLS to a plain-text port, plain text to another host, no address: provably
    not sent."""

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with raw_venue(plain) as base, running() as (desk, runtime):
        cases = {
            f"http://127.0.0.1:{unused_tcp_port}/": "refused",
            "https://nothing.invalid/": "name not found",
            base.replace("http:", "https:"): "TLS",
            "http://venue.example/": "this machine only",
            "nonsense": "this machine only",
        }
        for ref, (url, words) in enumerate(cases.items()):
            runtime.request("rest", ref, HttpRequest("POST", url), PATIENT)
            answer = (await desk.until("answered", ref + 1))[-1][1]
            assert isinstance(answer, NoAnswer)
            assert not answer.sent, url
            assert words in answer.reason, answer


async def test_no_connection_in_time_is_not_sent(running: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deadline that passes before the request left proves that it did not leave."""

    async def never(*_: Any, **__: Any) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr("aiohttp.TCPConnector._create_connection", never)
    async with running() as (desk, runtime):
        runtime.request("rest", 1, HttpRequest("POST", "http://127.0.0.1/"), SECOND // 20)
        ((_, answer),) = await desk.until("answered")
        assert (answer.sent, answer.reason) == (False, "no connection in time")


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", b"garbage\r\n\r\n"])
@pytest.mark.parametrize("method", ["POST", "DELETE", "GET"])
async def test_lost_answers_may_have_been_sent_once(running: Any, reply: bytes, method: str) -> None:
    """A connection that ends after the request: maybe sent, and never repeated, on a new connection or a kept one."""
    requests: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(reply)
        await writer.drain()

    async with raw_venue(handler) as base, running() as (desk, runtime):
        monkey = HttpRequest(method, base + "/order")
        runtime.request("rest", 1, monkey, PATIENT)
        await desk.until("answered")
        runtime.request("rest", 2, monkey, PATIENT)
        first, second = await desk.until("answered", 2)
        assert isinstance(first[1], HttpAnswer)
        if isinstance(second[1], HttpAnswer):  # it used the other open connection, which answered it
            runtime.request("rest", 3, monkey, PATIENT)
            second = (await desk.until("answered", 3))[2]
        assert isinstance(second[1], NoAnswer)
        assert second[1].sent
        await asyncio.sleep(0.05)
        assert len(requests) == len(desk.named("answered"))


async def test_connections_are_opened_ahead_and_kept(
    running: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the first request a second connection is open, without a request on it."""
    monkeypatch.setattr(http, "WARM_EVERY_S", 0.05)
    peers: list[asyncio.StreamWriter] = []
    requests: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers.append(writer)
        while True:
            requests.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with raw_venue(handler) as base, running() as (desk, runtime):
        runtime.request("rest", 1, HttpRequest("GET", base), PATIENT)
        await desk.until("answered")
        await eventually(lambda: len(peers) >= 2)
        await asyncio.sleep(0.2)
        assert (len(peers), len(requests)) == (2, 1)
        for peer in peers:
            peer.close()
        await eventually(lambda: len(peers) >= 4)
        await asyncio.sleep(0.2)
        assert (len(peers), len(requests)) == (4, 1)


async def test_secrets_stay_out_of_answers_and_logs(running: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Signed addresses and keys reach the venue, but appear in no reason, log or exception text, whatever fails."""
    caplog.set_level("DEBUG")
    seen: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))

    async with raw_venue(handler) as base, running() as (desk, runtime):
        bad = ["ftp://x/?signature=canary", "http://[::1/?signature=canary", "http://127.0.0.1:1/?signature=canary"]
        for ref, url in enumerate([f"{base}/o?signature=canary", *bad]):
            request = HttpRequest("GET", Secret(url), (("X-Key", Secret("canary-key")),))
            runtime.request("rest", ref, request, PATIENT)
            await desk.until("answered", ref + 1)
        line_break = HttpRequest("GET", base, (("X-Key", Secret("canary\r\nX-Other: 1")),))
        runtime.request("rest", 9, line_break, PATIENT)
        await desk.until("answered", 5)
        assert b"signature=canary" in seen[0]
        assert b"X-Key: canary-key" in seen[0]
        assert all(isinstance(answer, NoAnswer) for _, answer in desk.named("answered"))
        assert "canary" not in repr(desk.inputs) + caplog.text


async def test_the_end_of_the_run_answers_open_requests(running: Any) -> None:
    """A request cut by the end of the run is reported as maybe sent before the inputs end."""
    arrived = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.set()
        await reader.read()

    async with raw_venue(handler) as base:
        async with running() as (desk, runtime):
            runtime.request("rest", 1, HttpRequest("POST", base), PATIENT)
            await arrived.wait()
        ((_, answer),) = desk.named("answered")
        assert isinstance(answer, NoAnswer)
        assert answer.sent
        assert "the run ended" in answer.reason
