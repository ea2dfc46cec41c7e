"""The supervisor: timers, late loops, faults, stopping, and the tape of a run."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from arbkit.core.errors import JournalFailed, LocalProtocolError
from arbkit.core.runtime import supervisor
from arbkit.core.runtime.clock import Clock
from arbkit.core.runtime.heap import Heap
from arbkit.core.runtime.inputs import WAKE_FLOOR_S
from arbkit.core.runtime.journal_file import JournalFile
from arbkit.core.runtime.supervisor import Ending, Runtime, run
from arbkit.core.runtime.tape_file import TapeFile
from arbkit.core.runtime.transport import Receiver
from arbkit.core.tape import ReplayPort, TapeHead, TapeReader, TapeWriter, replay
from arbkit.core.types import NEVER, Dial, HttpRequest, NoAnswer, Secret

CLOCK = Clock()

SECOND = 1_000_000_000
MS = 1_000_000


class MemoryTransport:
    """A transport without a socket: it receives what the test gives it and keeps what is sent."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.sent: list[str] = []
        self.closed = False

    def send(self, text: str) -> bool:
        if not self.closed:
            self.sent.append(text)
        return not self.closed

    def ping(self) -> None: ...

    def close(self) -> None:
        self.closed = True

    async def wait_closed(self) -> None: ...


class MemoryVenue:
    """An opener whose connections are in memory."""

    def __init__(self) -> None:
        self.transports: list[MemoryTransport] = []
        self.clock = Clock()

    async def __call__(self, dial: Dial, receiver: Receiver) -> None:
        self.transports.append(MemoryTransport(receiver))
        receiver.opened(self.transports[-1], self.clock.now_ns())


async def test_timers_fire_when_due(running: Any, make_desk: Any) -> None:
    """``wake`` is called once for each due time, never before it."""
    desk = make_desk()
    clock = Clock()
    due: list[int] = []

    def again(*_: Any) -> None:
        due.append(desk.due_ns)
        desk.due_ns = clock.now_ns() + 10 * MS if len(due) < 5 else NEVER

    desk.on["wake"] = again
    desk.due_ns = clock.now_ns() + 20 * MS
    async with running(desk, clock=clock):
        await desk.until("wake", 5)
        await asyncio.sleep(0.05)
    woken = [at for at, entry in zip(desk.times, desk.inputs, strict=True) if entry[0] == "wake"]
    assert len(woken) == 5
    assert all(at >= wanted for at, wanted in zip(woken, due, strict=True))


async def test_an_input_moves_the_timer(running: Any, make_desk: Any) -> None:
    """A due time that an input makes earlier counts at once; one that it makes later causes no wake."""
    desk, venue, clock = make_desk(), MemoryVenue(), Clock()
    desk.due_ns = clock.now_ns() + 60 * SECOND
    desk.on["wake"] = lambda *_: setattr(desk, "due_ns", NEVER)
    desk.on["opened"] = lambda *_: setattr(desk, "due_ns", clock.now_ns() + 5 * MS)
    async with running(desk, clock=clock, opener=venue) as (_, runtime):
        runtime.dial("a", Dial("memory:"))
        await desk.until("wake")
        desk.inputs.clear()
        desk.due_ns = clock.now_ns() + 20 * MS
        venue.transports[0].receiver.read_end(clock.now_ns())
        desk.due_ns = NEVER
        await asyncio.sleep(0.05)
        assert desk.named("wake") == []


async def test_a_desk_that_is_always_due_does_not_block_the_loop(running: Any, make_desk: Any) -> None:
    """There is a minimum time between two wakes, however long the run takes, so that the loop can go on."""
    desk = make_desk()
    desk.due_ns = 0
    async with running(desk):
        await desk.until("wake", 50)
        began_ns, before = CLOCK.now_ns(), len(desk.named("wake"))
        await asyncio.sleep(0.1)
        spent_ns, woken = CLOCK.now_ns() - began_ns, len(desk.named("wake")) - before
        assert woken <= spent_ns / (WAKE_FLOOR_S * 1e9) + 1


async def test_a_late_loop_is_reported_before_the_frames_that_waited(running: Any, make_desk: Any) -> None:
    """After a stall the desk gets ``late`` first, then the frames that waited in the buffers."""
    desk = make_desk()
    told: list[str] = []

    async def handler(socket: ServerConnection) -> None:
        async for message in socket:
            await socket.send(message)

    async with serve(handler, "127.0.0.1", 0) as server, running(desk) as (_, runtime):
        began_ns = runtime.clock.now_ns()
        runtime.dial("a", Dial(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"))
        await desk.until("opened")
        runtime.links["a"].send("one")
        await desk.until("frame")
        desk.inputs.clear()
        clock, inputs = runtime.clock, runtime._running()
        time.sleep(0.1)  # nothing may run in between: the loop itself stands still
        inputs.frame("a", "old", clock.now_ns())
        told = [entry[0] for entry in desk.inputs if entry[0] != "durable"]
        assert told == ["late", "frame"]
        (lag,) = desk.named("late")[0]
        assert 50 * MS < lag < clock.now_ns() - began_ns


async def test_a_stall_without_frames_is_late_too(running: Any, make_desk: Any) -> None:
    """The regular check of the loop detects it."""
    async with running() as (desk, _):
        await asyncio.sleep(0.06)
        time.sleep(0.12)
        await desk.until("late")
        assert desk.named("late")[0][0] >= 50 * MS


async def test_a_clock_jump_is_reported(running: Any) -> None:
    """Within two checks after it happened."""
    offset = [0]
    clock = Clock(wall=lambda: CLOCK.now_ns() + offset[0])
    async with running(clock=clock) as (desk, _):
        await asyncio.sleep(0.06)
        assert desk.named("jumped") == []
        offset[0] = -3600 * SECOND
        await desk.until("jumped")
        await asyncio.sleep(0.06)
        assert len(desk.named("jumped")) == 1


async def test_another_transport_can_be_used(running: Any) -> None:
    """An in-memory connection works like a socket."""
    venue = MemoryVenue()
    async with running(opener=venue) as (desk, runtime):
        runtime.dial("a", Dial("memory:"))
        await desk.until("opened")
        assert runtime.send("a", "order")
        (transport,) = venue.transports
        transport.receiver.message("ack", 5)
        transport.receiver.read_end(5)
        with pytest.raises(LocalProtocolError, match="drop it first"):
            runtime.dial("a", Dial("memory:"))
        runtime.drop("a", "enough")
        transport.receiver.message("late", 6)
        await desk.until("closed")
        assert desk.named("frame") == [("a", "ack")]
        assert transport.sent == ["order"]
        assert transport.closed
        runtime.dial("a", Dial("memory:"))
        await desk.until("opened", 2)


async def test_unknown_links_take_nothing(running: Any) -> None:
    """A send on a link that was never dialled fails; a drop of it does nothing."""
    async with running() as (desk, runtime):
        assert not runtime.send("nowhere", "order")
        runtime.drop("nowhere", "why not")
        await asyncio.sleep(0.01)
        assert desk.named("closed") == []


async def test_a_bug_in_the_desk_ends_the_run(tmp_path: Path, make_desk: Any) -> None:
    """``run`` raises the exception, no more inputs are passed to the desk, and the journal is flushed and closed."""
    clock, venue, desk = Clock(), MemoryVenue(), make_desk()
    journal = JournalFile(tmp_path / "journal", clock)
    runtime = Runtime(clock, journal, opener=venue)

    def broken(*_: Any) -> None:
        runtime.journal(b"intent")
        raise ZeroDivisionError("a bug")

    desk.on["frame"] = broken
    task = asyncio.create_task(run(desk, runtime, signals=False))
    await asyncio.sleep(0)
    runtime.dial("a", Dial("memory:"))
    await desk.until("opened")
    venue.transports[0].receiver.message("poison", 1)
    venue.transports[0].receiver.message("after", 2)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        await task
    assert desk.named("frame") == [("a", "poison")]
    assert journal.durable == len(b"intent")


async def test_a_journal_that_fails_stops_the_desk(running: Any, make_desk: Any, monkeypatch: Any) -> None:
    """fdatasync fails: the desk is stopped, and the append raises in the turn that wants to send."""

    def broken(fd: int) -> None:
        raise OSError(5, "Input/output error")

    async with running() as (desk, runtime):
        with monkeypatch.context() as patch:
            patch.setattr("os.fdatasync", broken)
            desk.idle = False
            runtime.journal(b"intent")
            await desk.until("stop")
        assert desk.told == ["fdatasync failed: Input/output error"]
        with pytest.raises(JournalFailed):
            runtime.journal(b"another")
        desk.idle = True
        runtime._running().after()


async def test_a_full_disk_stops_the_desk_with_its_reason(running: Any, monkeypatch: Any) -> None:
    """The record is written with the reserve, so nothing raises: the desk is told why it stops all the same."""
    real = os.write

    def full(fd: int, data: bytes) -> int:
        monkeypatch.undo()
        raise OSError(errno.ENOSPC, "No space left on device")

    async with running() as (desk, runtime):
        desk.idle = False
        monkeypatch.setattr("os.write", lambda fd, data: full(fd, data) if data == b"intent" else real(fd, data))
        runtime.journal(b"intent")
        await desk.until("stop")
        assert desk.told == ["the disk is full; the last reserve is in use"]
        desk.idle = True
        runtime._running().after()


async def test_durability_is_reported(running: Any) -> None:
    """The position is reported once it is on the disk."""
    async with running() as (desk, runtime):
        position = runtime.journal(b"intent")
        async with asyncio.timeout(60):
            while (position,) not in desk.named("durable"):
                await asyncio.sleep(0.005)


@pytest.mark.parametrize(("grace_ns", "ending"), [(3600 * SECOND, Ending.IDLE), (50 * MS, Ending.GRACE)])
async def test_stop_waits_for_idle_or_the_grace_time(
    tmp_path: Path, make_desk: Any, grace_ns: int, ending: Ending
) -> None:
    """After a stop the run goes on until nothing is open, or until the grace time is over. The bound of 60 seconds
    only catches a run that hangs."""
    desk, clock = make_desk(), Clock()
    desk.idle = False
    runtime = Runtime(clock, JournalFile(tmp_path / "journal", clock))
    task = asyncio.create_task(run(desk, runtime, grace_ns=grace_ns, signals=False))
    await asyncio.sleep(0.01)
    runtime.stop()
    if ending is Ending.IDLE:

        def wound_down(*_: Any) -> None:
            desk.idle, desk.due_ns = True, NEVER

        desk.on["wake"] = wound_down
        desk.due_ns = clock.now_ns() + 50 * MS
        runtime._running().rearm()
    async with asyncio.timeout(60):
        assert await task is ending
    assert desk.named("stop") == [()]
    assert desk.named("halt") == []


async def test_the_grace_time_is_as_long_as_an_open_proof_needs(
    tmp_path: Path, make_desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An order that can be proved later than the grace time ends is waited for, and then its deal; also one that turns
    unknown after the stop. Nothing is waited for where no proof can be told."""
    monkeypatch.setattr(supervisor, "UNWIND_NS", 20 * MS)
    for proof_ns, later_ns, most_ns, waited_ns in (
        (0, 0, 500 * MS, 50 * MS),
        (200 * MS, 0, 500 * MS, 220 * MS),
        (0, 300 * MS, 500 * MS, 320 * MS),
        (600 * MS, 0, 400 * MS, 400 * MS),
        (NEVER, 0, 400 * MS, 50 * MS),
    ):
        monkeypatch.setattr(supervisor, "MOST_GRACE_NS", most_ns)
        desk, clock = make_desk(), Clock()
        desk.idle = False
        runtime = Runtime(clock, JournalFile(tmp_path / "journal", clock))
        task = asyncio.create_task(run(desk, runtime, grace_ns=50 * MS, signals=False))
        await asyncio.sleep(0.01)
        began_ns = clock.now_ns()
        desk.proved_by_ns = proof_ns if proof_ns in (0, NEVER) else began_ns + proof_ns
        runtime.stop()
        if later_ns:
            await asyncio.sleep(0.01)
            desk.proved_by_ns = began_ns + later_ns
        async with asyncio.timeout(60):
            assert await task is Ending.GRACE
        assert clock.now_ns() - began_ns >= waited_ns
        told_ns = runtime.ends_ns(desk, 50 * MS) - runtime.stopped_ns
        assert waited_ns - 20 * MS <= told_ns <= waited_ns


async def test_the_second_stop_cuts(tmp_path: Path, make_desk: Any) -> None:
    """The second stop calls ``halt`` at once."""
    desk, clock = make_desk(), Clock()
    desk.idle = False
    runtime = Runtime(clock, JournalFile(tmp_path / "journal", clock))
    task = asyncio.create_task(run(desk, runtime, signals=False))
    await asyncio.sleep(0.01)
    runtime.stop()
    runtime.stop()
    assert await task is Ending.CUT
    assert [entry[0] for entry in desk.inputs if entry[0] != "durable"] == ["stop", "halt"]


CHILD = """
import asyncio, sys
from pathlib import Path
from arbkit.core.types import NEVER
from arbkit.core.runtime import supervisor
from arbkit.core.runtime.clock import Clock
from arbkit.core.runtime.journal_file import JournalFile
from arbkit.core.runtime.supervisor import Runtime, run

class Desk:
    due_ns, idle, calm, proved_by_ns = NEVER, False, True, 0
    def commands_hash(self): return ""
    def __getattr__(self, name):
        return lambda *_: None if name == "durable" else print(name, flush=True)

async def main():
    clock = Clock()
    runtime = Runtime(clock, JournalFile(Path(sys.argv[1]), clock))
    runtime.journal_file.append(b"intent")
    asyncio.get_running_loop().call_later(0.05, lambda: print("ready", flush=True))
    print((await run(Desk(), runtime)).value)

if len(sys.argv) > 2:
    import uvloop
    uvloop.run(main())
else:
    asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("loop", [(), ("uvloop",)], ids=["asyncio", "uvloop"])
def test_signals_stop_and_then_cut(tmp_path: Path, loop: tuple[str, ...], number: signal.Signals) -> None:
    """SIGTERM or SIGHUP (the terminal closed) stops in order, SIGINT after it stops at once; on both event loops,
    without a traceback."""
    child = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", CHILD, str(tmp_path / "journal"), *loop],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    child.send_signal(number)
    assert child.stdout.readline() == "stop\n"
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert out == "halt\ncut\n"
    assert child.returncode == 0
    assert err == ""


def test_a_hangup_that_is_ignored_stays_so(tmp_path: Path) -> None:
    """``nohup arbkit run`` goes on when the terminal closes."""
    child = subprocess.Popen(
        ["/bin/sh", "-c", 'trap "" HUP; exec "$@"', "sh", sys.executable, "-c", CHILD, str(tmp_path / "journal")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGHUP)
    child.send_signal(signal.SIGTERM)
    assert child.stdout.readline() == "stop\n"
    child.send_signal(signal.SIGTERM)
    assert child.communicate(timeout=60)[0] == "halt\ncut\n"


async def test_a_run_is_taped(running: Any, make_desk: Any, tmp_path: Path) -> None:
    """Every input of the run is on its tape, in order, with its time; the token of an address is masked."""
    clock, venue = Clock(), MemoryVenue()
    token = "canaryTOKEN0123456789"
    head = TapeHead(began_ns=clock.now_ns(), code="test", seed=1)
    file = TapeFile(tmp_path / "run.tape", TapeWriter(head))
    async with running(clock=clock, opener=venue, tape=file) as (desk, runtime):
        runtime.dial("a", Dial(Secret(f"memory://x?token={token}")))
        await desk.until("opened")
        venue.transports[0].receiver.message(f"welcome {token}", clock.now_ns())
        venue.transports[0].receiver.read_end(clock.now_ns())
        venue.transports[0].closed = True
        assert not runtime.send("a", "refused")
        runtime.request("rest", 3, HttpRequest("GET", "http://127.0.0.1:1/"), SECOND)
        ((_, answer),) = await desk.until("answered")
        assert isinstance(answer, NoAnswer)
    data = (tmp_path / "run.tape").read_bytes()
    reader = TapeReader(data)
    again = make_desk()
    replay(reader, again, ReplayPort(reader.head))
    struck = [
        (*entry[:2], entry[2].replace(token, "*" * len(token))) if entry[0] == "frame" else entry
        for entry in desk.inputs
    ]
    assert again.inputs == struck
    assert again.times == desk.times
    assert reader.commands_hash == "no commands"
    assert (reader.head, reader.torn, file.failure) == (head, False, "")


async def test_a_full_disk_ends_the_recording_only(
    running: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tape says why it ended; the run goes on."""
    file = TapeFile(tmp_path / "run.tape", TapeWriter(TapeHead(began_ns=0, code="test", seed=1)))
    file._file.close()
    monkeypatch.setattr(file, "_file", open("/dev/full", "wb", buffering=0))  # noqa: SIM115 - TapeFile closes it
    async with running(opener=MemoryVenue(), tape=file) as (desk, runtime):
        runtime.dial("a", Dial("memory:"))
        await desk.until("opened")
        file.flush(1)
        async with asyncio.timeout(60):
            while not file.failure:
                await asyncio.sleep(0.01)
        assert "No space left" in file.failure
        assert runtime.send("a", "order")


async def test_an_input_that_cannot_be_recorded_ends_the_recording_only(running: Any, tmp_path: Path) -> None:
    """The tape says why it ended; the run goes on."""
    venue = MemoryVenue()
    file = TapeFile(tmp_path / "run.tape", TapeWriter(TapeHead(began_ns=0, code="test", seed=1)))
    async with running(opener=venue, tape=file) as (desk, runtime):
        runtime.dial("a", Dial("memory:"))
        await desk.until("opened")
        venue.transports[0].receiver.message("\udcff", 1)
        await desk.until("frame")
        file.flush(1)
        assert "cannot be recorded" in file.failure
        assert runtime.send("a", "order")


async def test_the_heap_is_collected_only_without_open_deals() -> None:
    """The heap is frozen after the warm-up. Then there are full collections only without open deals, unless one is long
    overdue."""
    heap = Heap(Clock(), 0)
    try:
        heap.tick(True, 9 * SECOND)
        heap.tick(False, 11 * SECOND)
        assert gc.isenabled()
        heap.tick(True, 12 * SECOND)
        assert not gc.isenabled()
        assert gc.get_freeze_count() > 0
        assert heap.collections == 1
        heap.tick(False, 100 * SECOND)
        assert heap.collections == 1
        heap.tick(True, 100 * SECOND)
        assert heap.collections == 2
        heap.tick(False, 701 * SECOND)
        assert heap.collections == 3
        assert heap.worst_pause_ns >= heap.pause_ns > 0
    finally:
        heap.close()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
