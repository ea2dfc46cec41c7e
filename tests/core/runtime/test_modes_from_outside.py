"""The kill file and the control port: what a person asks for reaches the desk, whatever state the file is in."""

from __future__ import annotations

import asyncio
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbkit.core.runtime.control import ModeAsked, ModesTold
from arbkit.core.runtime.kill_file import KillFile, asked
from arbkit.core.types import Mode

HALTED, REDUCING, ACTIVE = Mode.HALTED, Mode.REDUCING, Mode.ACTIVE


@pytest.mark.parametrize(
    ("text", "modes"),
    [
        ("", {"": HALTED}),
        ("\n# by Ann, until the venue is back\n", {"": HALTED}),
        ("reducing", {"": REDUCING}),
        ("reducing binance\nhalted okx\n", {"binance": REDUCING, "okx": HALTED}),
        ("halted okx\nreducing okx", {"okx": HALTED}),
        ("HALTED", {"": HALTED}),
        ("active", {"": HALTED}),
        ("reducing binance okx", {"": HALTED}),
        ("reducing binance\nstop!", {"": HALTED}),
    ],
)
def test_what_a_kill_file_asks_for(text: str, modes: dict[str, Mode]) -> None:
    assert asked(text) == modes


@given(st.text())
def test_a_kill_file_always_asks_for_something(text: str) -> None:
    modes = asked(text)
    assert modes
    assert ACTIVE not in modes.values()


def test_a_look_tells_changes_only(tmp_path: Path) -> None:
    file = KillFile(tmp_path)
    assert file.look() is None
    file.path.write_text("reducing okx")
    assert file.look() == {"okx": REDUCING}
    assert file.look() is None
    file.path.write_text("halted okx binance")
    assert file.look() == {"": HALTED}
    file.path.unlink()
    assert file.look() == {}
    assert file.look() is None


def test_what_cannot_be_read_halts(tmp_path: Path) -> None:
    """A folder, a link to itself: something is there, so somebody wanted to stop."""
    file = KillFile(tmp_path)
    file.path.mkdir()
    assert file.look() == {"": HALTED}
    file.path.rmdir()
    file.path.symlink_to(file.path)
    assert file.look() == {"": HALTED}
    assert file.look() is None


async def test_the_kill_file_reaches_the_desk(running: Any, tmp_path: Path) -> None:
    """Written, changed and removed while the desk runs; a scope that the run does not have halts everything."""
    async with running(state=tmp_path) as (desk, _):
        kill = tmp_path / "kill"
        kill.write_text("reducing binance")
        await desk.until("mode")
        kill.write_text("halted nowhere")
        await desk.until("mode", 3)
        kill.unlink()
        await desk.until("mode", 4)
        assert [entry[:3] for entry in desk.named("mode")] == [
            ("binance", "reducing", "kill_file"),
            ("binance", "active", "kill_file"),
            ("", "halted", "kill_file"),
            ("", "active", "kill_file"),
        ]


async def test_a_kill_file_that_is_there_halts_the_run_before_its_first_input(running: Any, tmp_path: Path) -> None:
    (tmp_path / "kill").touch()
    async with running(state=tmp_path) as (desk, _):
        await desk.until("mode")
        assert desk.inputs[0][:4] == ("mode", "", "halted", "kill_file")


async def gone(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def ask(folder: Path, line: bytes) -> ModesTold:
    reader, writer = await asyncio.open_unix_connection(folder / "control")
    writer.write(line + b"\n")
    answer = await reader.readline()
    await gone(writer)
    return msgspec.json.decode(answer, type=ModesTold)


async def test_the_control_port_asks_the_desk(running: Any, tmp_path: Path) -> None:
    async with running(state=tmp_path) as (desk, _):
        assert stat.S_IMODE(os.stat(tmp_path / "control").st_mode) == 0o600
        told = await ask(tmp_path, msgspec.json.encode(ModeAsked(mode=REDUCING, scope="binance", why="maintenance")))
        assert told == ModesTold()
        assert desk.named("mode") == [("binance", "reducing", "person", "control port", "maintenance")]
        assert (await ask(tmp_path, msgspec.json.encode(ModeAsked(mode=HALTED, scope="okx")))).error == "no scope okx"
        assert await ask(tmp_path, b"{}") == ModesTold()
        assert len(desk.named("mode")) == 1
    assert not (tmp_path / "control").exists()


@pytest.mark.parametrize("line", [b"", b"mode halted", b'{"mode": "stopped"}', b'{"mod": "halted"}', b"\xff" * 100])
async def test_a_line_that_is_no_question_is_answered_with_its_mistake(
    running: Any, tmp_path: Path, line: bytes
) -> None:
    async with running(state=tmp_path) as (desk, _):
        assert (await ask(tmp_path, line)).error
        assert desk.named("mode") == []


async def test_a_client_that_sends_too_much_or_goes_away_harms_nothing(running: Any, tmp_path: Path) -> None:
    async with running(state=tmp_path) as (desk, _):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "control")
        writer.write(b"x" * 100_000)
        with suppress(ConnectionError):
            assert await reader.read() == b""
        await gone(writer)
        _, other = await asyncio.open_unix_connection(tmp_path / "control")
        await gone(other)
        assert await ask(tmp_path, b"{}") == ModesTold()
        assert desk.named("mode") == []


async def test_a_path_that_is_too_long_is_told(running: Any, tmp_path: Path) -> None:
    """The name of a Unix socket has about 100 bytes. The run goes on; the kill file works."""
    folder = tmp_path / ("a" * 120)
    folder.mkdir()
    async with running(state=folder) as (desk, _):
        (folder / "kill").touch()
        await desk.until("mode")
        assert desk.said == ["control.off"]
