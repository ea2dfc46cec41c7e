"""Who is let in, and what is refused before anything is done for it."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from api_rig import Rig, serving

from arbkit.monitor.api.access import Access, Failures

PRIVATE = [
    "/api/v1/status",
    "/api/v1/ws",
    "/api/v1/history/deals",
    "/api/v1/session",
    "/api/v1/openapi.json",
    "/metrics",
]


async def status(http: aiohttp.ClientSession, url: str, method: str = "GET", **given: Any) -> int:
    async with http.request(method, url, **given) as answer:
        await answer.read()
        return answer.status


@pytest.mark.parametrize("path", ["/", "/healthz", *PRIVATE])
async def test_a_wrong_host_is_refused(rig: Rig, http: aiohttp.ClientSession, path: str) -> None:
    """A page whose name resolves to this machine sends its own name: it reaches nothing, with the right token too."""
    port = rig.server.port
    for host in (f"evil.example:{port}", "evil.example", f"127.0.0.1.evil.example:{port}", f"127.0.0.1:{port + 1}", ""):
        assert await status(http, rig.url + path, headers=rig.headers(Host=host)) in (400, 421), host
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}"):
        assert await status(http, rig.url + path, headers=rig.headers(Host=host)) not in (421, 401, 403), host


async def test_a_named_host_is_let_in(traded: Any, tmp_path: Path, http: aiohttp.ClientSession) -> None:
    async with serving(*traded, tmp_path, hosts=("desk.example:8443", "tunnel")) as rig:
        for host, told in (("desk.example:8443", 200), ("desk.example", 421), (f"tunnel:{rig.server.port}", 200)):
            found = await status(http, f"http://127.0.0.1:{rig.server.port}/healthz", headers={"Host": host})
            assert found == told, host


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost.evil.example"]
)
async def test_a_foreign_origin_is_refused(rig: Rig, http: aiohttp.ClientSession, origin: str) -> None:
    """Also with a cookie or a token, also at the handshake of the WebSocket."""
    for path in PRIVATE:
        assert await status(http, rig.url + path, headers=rig.headers(Origin=origin)) == 403, path
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await http.ws_connect(f"{rig.url}/api/v1/ws", headers=rig.headers(Origin=origin))
    assert refused.value.status == 403
    body = {"headers": rig.headers(Origin=origin), "json": {}}
    assert await status(http, f"{rig.url}/api/v1/actions/kill", "POST", **body) == 403
    assert rig.asked == []


async def test_our_own_origin_is_let_in(rig: Rig, http: aiohttp.ClientSession) -> None:
    own = rig.headers(Origin=rig.url, **{"Sec-Fetch-Site": "same-origin"})
    assert await status(http, f"{rig.url}/api/v1/status", headers=own) == 200
    async with http.ws_connect(f"{rig.url}/api/v1/ws", headers=own):
        pass
    for site in ("cross-site", "same-site"):
        found = await status(http, f"{rig.url}/api/v1/status", headers=rig.headers(**{"Sec-Fetch-Site": site}))
        assert found == 403, site


async def test_without_a_token_nothing_is_told(rig: Rig, http: aiohttp.ClientSession) -> None:
    """The page itself, and whether the process lives, are for everybody; they say nothing of the desk."""
    for path in PRIVATE:
        async with http.get(rig.url + path) as answer:
            assert answer.status == 401, path
            assert set(json.loads(await answer.text())) == {"kind", "error"}
    for path in ("/healthz", "/readyz"):
        async with http.get(rig.url + path) as answer:
            assert await answer.text() in ("ok\n", "not ready\n")


async def test_wrong_tokens_are_refused_and_counted(rig: Rig, http: aiohttp.ClientSession) -> None:
    """The eleventh failure of a minute is told to wait; the right token is never kept out. The log has one line of it,
    without the token."""
    url = f"{rig.url}/api/v1/status"
    wrong = {"Authorization": "Bearer wrong-CANARY-wrong"}
    found = [await status(http, url, headers=wrong) for _ in range(12)]
    assert found == [401] * 10 + [429] * 2
    assert await status(http, url, headers=rig.headers("read")) == 200
    told = [fields for event, fields in rig.log.events if event == "api.refused"]
    assert told[-1:] == [{"address": "127.0.0.1", "failures": 1}]
    assert "CANARY" not in repr(rig.log.events)


async def test_a_read_token_may_not_act(rig: Rig, http: aiohttp.ClientSession) -> None:
    for name in ("kill", "mode", "venue", "resolve", "release"):
        given = {"headers": rig.headers("read"), "json": {"mode": "halted"}}
        assert await status(http, f"{rig.url}/api/v1/actions/{name}", "POST", **given) == 403, name
    assert rig.asked == []
    assert await rig.get(http, "/api/v1/session") == {"scope": "trade"}


async def test_an_action_needs_the_header_and_json(rig: Rig, http: aiohttp.ClientSession) -> None:
    """A form of another site can send neither."""
    url = f"{rig.url}/api/v1/actions/kill"
    headers = rig.headers()
    del headers["X-Arbkit"]
    assert await status(http, url, "POST", headers=headers, json={}) == 403
    plain = rig.headers(**{"Content-Type": "text/plain"})
    assert await status(http, url, "POST", headers=plain, data=b"{}") == 415
    form = {"headers": rig.headers(), "data": {"why": "x"}}
    assert await status(http, url, "POST", **form) == 415
    assert await status(http, url, "POST", headers=rig.headers(), json={"why": "x" * 20_000}) == 413
    assert await status(http, url, "POST", headers=rig.headers(), json={"wyh": "x"}) == 400
    assert rig.asked == []


async def test_a_link_logs_in_once(rig: Rig, http: aiohttp.ClientSession) -> None:
    """The cookie cannot be read by scripts, is sent to no other site, and may do what the link may. To log out ends all
    pages of the session."""
    url = f"{rig.url}/api/v1/login"
    for scope in ("read", "trade"):
        link = rig.access.link(scope)
        found = re.fullmatch(rf"{rig.url}/#token=([\w-]{{43}})", link)
        assert found, link
        given = {"headers": {"X-Arbkit": "1"}, "json": {"token": found[1]}}
        async with http.post(url, **given) as answer:
            assert await answer.json() == {"scope": scope}
            (cookie,) = answer.cookies.values()
        assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/")
        assert cookie.key.endswith(str(rig.server.port))
        session = {"Cookie": f"{cookie.key}={cookie.value}", "X-Arbkit": "1"}
        async with http.get(f"{rig.url}/api/v1/session", headers=session) as answer:
            assert await answer.json() == {"scope": scope}
        assert await status(http, url, "POST", **given) == 401  # used
        act = {"headers": session, "json": {}}
        assert await status(http, f"{rig.url}/api/v1/actions/resolve", "POST", **act) == (
            200 if scope == "trade" else 403
        )
        async with http.ws_connect(f"{rig.url}/api/v1/ws", headers={"Cookie": session["Cookie"]}) as another_page:
            assert await status(http, f"{rig.url}/api/v1/logout", "POST", **act) == 204
            assert (await another_page.receive(10)).type is aiohttp.WSMsgType.CLOSE
        assert await status(http, f"{rig.url}/api/v1/session", headers=session) == 401
    assert await status(http, url, "POST", json={"token": "x"}) == 403  # no X-Arbkit


async def test_every_answer_has_the_headers(rig: Rig, http: aiohttp.ClientSession) -> None:
    for path in ("/", "/nowhere", "/healthz", "/api/v1/status", "/api/v1/nowhere"):
        async with http.get(rig.url + path, headers=rig.headers()) as answer:
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert "Access-Control-Allow-Origin" not in answer.headers
            assert answer.headers["Server"] == "arbkit"
    async with http.options(f"{rig.url}/api/v1/status", headers=rig.headers()) as answer:
        assert answer.status == 405


async def test_tokens_are_in_no_text(rig: Rig, http: aiohttp.ClientSession) -> None:
    """Not in what the API says, in the log, or in how the parts print."""
    link = rig.access.link("trade").partition("=")[2]
    said = [repr(rig.access), repr(rig.server), repr(rig.log.events)]
    for path in ("/api/v1/status", "/api/v1/log", "/metrics", "/"):
        async with http.get(rig.url + path, headers=rig.headers()) as answer:
            said += [await answer.text(), str(dict(answer.headers))]
    for secret in (link, *rig.access.tokens.values()):
        assert len(secret) >= 43  # 256 bits
        assert not any(secret in text for text in said)


async def test_who_sends_nothing_is_cut(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a head, sent slowly, and connections without end."""
    monkeypatch.setattr("arbkit.monitor.api.listen.HEAD_S", 0.2)
    monkeypatch.setattr("arbkit.monitor.api.listen.MOST_CONNECTIONS", 8)
    port = rig.server.port
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(12)]
    try:
        for _, writer in opened:
            writer.write(b"GET / HTTP/1.1\r\nHost: 127.0")
        ends = await asyncio.wait_for(asyncio.gather(*(end(reader) for reader, _ in opened)), 10)
        assert ends == [b""] * 12
    finally:
        for _, writer in opened:
            writer.close()


async def end(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""


def test_secrets_end() -> None:
    """A link after a quarter of an hour, a session after twelve hours; old ones give way, none holds for ever."""
    now = 0.0
    count = 0

    def entropy(size: int) -> bytes:
        nonlocal count
        count += 1
        return count.to_bytes(size, "big")

    access = Access(entropy, lambda: now)
    access.opened("http://x/")
    link = access.link("read").partition("=")[2]
    late = access.link("trade").partition("=")[2]
    session, _ = access.login(link) or ("", "")
    assert access.session(session) == "read"
    now = 901.0
    assert access.login(late) is None
    assert access.session(session) == "read"
    now = 13 * 3600.0
    assert access.session(session) is None
    first = access.login(access.tokens["read"])
    assert first is not None
    for _ in range(64):
        access.login(access.tokens["read"])
    assert access.session(first[0]) is None


def test_failures_are_bounded_and_forgotten() -> None:
    now = 0.0
    failures = Failures(lambda: now)
    assert not any(failures.add("a") for _ in range(10))
    assert failures.add("a")
    assert not failures.add("b")
    now = 61.0
    assert not failures.add("a")
    now = 200.0
    assert [failures.add(str(number)) for number in range(101)].index(True) == 100
    assert [failures.add(str(number)) for number in range(5_000)][-1]
    assert len(failures._by_address) <= 1_000
