"""What a person does over the API reaches the desk by the one way of a person, and is in the journal with who."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from api_rig import Rig, made, serving

from arbkit.core.money.limits import HELD, ModeChange
from arbkit.core.orders.journal import Control, PersonAsked, decode
from arbkit.core.types import Mode

PAIR = "binance:BTC-USDT+okx:BTC-USDT"
WHO = "api:trade 127.0.0.1"


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[Rig]:
    """The server of a run of this test only."""
    run, log = made(("binance", "okx"), 2.0)
    async with serving(run, log, tmp_path) as rig:
        yield rig


async def act(rig: Rig, http: aiohttp.ClientSession, name: str, **body: Any) -> tuple[int, dict[str, Any]]:
    async with http.post(f"{rig.url}/api/v1/actions/{name}", headers=rig.headers(), json=body) as answer:
        return answer.status, await answer.json()


def journal(rig: Rig) -> list[Any]:
    records = decode(b"".join(rig.run.records)).records
    return [one for one in records if isinstance(one, Control | PersonAsked)]


async def test_kill_halts_everything(own: Rig, http: aiohttp.ClientSession) -> None:
    """No venue accepts an order after it, in spite of edges that would be taken; a later run would find it halted."""
    assert await act(own, http, "kill", why="smoke in the room") == (200, {"mode": "halted", "restricted": {}})
    sent = sum(map(len, own.run.orders.values()))
    own.run.run_for(4.0)
    assert sum(map(len, own.run.orders.values())) == sent
    (asked, control) = journal(own)
    assert (asked.who, asked.what, asked.why) == (WHO, "halted", "smoke in the room")
    assert (control.who, control.mode, control.scope, control.rule) == (WHO, Mode.HALTED, "", "person")
    status = (await own.rows(http, "status"))[0]
    assert (status["mode"], status["why"]) == ("halted", "smoke in the room")
    assert (await act(own, http, "mode", mode="active"))[0] == 200
    own.run.run_for(4.0)
    assert sum(map(len, own.run.orders.values())) > sent


async def test_a_venue_is_switched_off_and_on(own: Rig, http: aiohttp.ClientSession) -> None:
    status, told = await act(own, http, "venue", scope="okx", mode="reducing", why="maintenance")
    assert (status, told) == (200, {"mode": "active", "restricted": {"okx": "reducing: maintenance"}})
    taken = own.run.desk.counters.opportunities_taken
    own.run.run_for(3.0)
    assert own.run.desk.counters.opportunities_taken == taken
    venues = {row["name"]: row["mode"] for row in await own.rows(http, "venues")}
    assert venues == {"binance": "active", "okx": "reducing"}
    assert await act(own, http, "venue", scope="okx", mode="active") == (200, {"mode": "active", "restricted": {}})
    own.run.run_for(3.0)
    assert own.run.desk.counters.opportunities_taken > taken


async def test_a_held_pair_is_released_and_unresolved_orders_are_asked_for(
    own: Rig, http: aiohttp.ClientSession
) -> None:
    """Both are answered with the modes after it, and written down with who, what and why. A second release finds
    nothing that is held."""
    desk, now_ns = own.run.desk, own.run.clock_ns
    desk.modes.change(ModeChange(PAIR, Mode.REDUCING, "waits: no book of okx is trusted", HELD), now_ns)
    assert desk.gate.restricted() == {PAIR: (Mode.REDUCING, "waits: no book of okx is trusted")}
    told = 200, {"mode": "active", "restricted": {}}
    assert await act(own, http, "release", scope=PAIR, why="looked at it") == told
    assert (await act(own, http, "release", scope=PAIR))[0] == 409
    assert await act(own, http, "resolve", why="before lunch") == told
    asked = [(one.who, one.what, one.scope, one.why) for one in journal(own) if isinstance(one, PersonAsked)]
    assert asked == [(WHO, "release", PAIR, "looked at it"), (WHO, "resolve", "", "before lunch")]


@pytest.mark.parametrize(
    ("name", "body", "status", "told"),
    [
        ("mode", {}, 400, "mode"),
        ("mode", {"mode": "halt"}, 400, "Invalid enum value 'halt'"),
        ("mode", {"mode": "halted", "scope": "okex"}, 404, "'okex' is no venue of this run (binance, okx, bybit)"),
        ("venue", {"mode": "active", "scope": "okex"}, 404, "'okex' is no venue of this run: binance, okx, bybit"),
        ("venue", {"mode": "halted", "scope": "okx"}, 400, "Invalid enum value 'halted'"),
        ("venue", {"mode": "active"}, 400, "scope"),
        ("kill", {"scope": "okx"}, 400, "unknown field `scope`"),
        ("release", {"scope": PAIR}, 409, f"no deal of '{PAIR}' is HELD"),
        ("kill", {"why": "x" * 501}, 400, "why"),
    ],
)
async def test_what_makes_no_sense_is_told(
    rig: Rig, http: aiohttp.ClientSession, name: str, body: dict[str, Any], status: int, told: str
) -> None:
    found, answer = await act(rig, http, name, **body)
    rig.asked.clear()
    assert found == status
    assert told in answer["error"]
