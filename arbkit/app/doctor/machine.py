"""This machine: Python, event loop, clock, open files, disk."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import shutil
import statistics
import struct
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from arbkit.app.doctor.finding import Finding, bad, good, poor
from arbkit.core.runtime.clock import Clock

__all__ = ["clock", "disk", "files", "port", "python"]

_MIB = 1 << 20
FREE_LEAST, FREE_GOOD = 64 * _MIB, 1024 * _MIB
"""Bytes: a journal is made anew at 32 MiB, so that two of them must fit."""
SLOW_SYNC_MS = 50.0
_UNSYNC = 0x40
"""``STA_UNSYNC`` of adjtimex(2)."""
_REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"})


def python() -> Iterator[Finding]:
    """The interpreter and the loop that a run would use."""
    yield good("python", f"{platform.python_implementation()} {platform.python_version()} on {platform.platform()}")
    try:
        yield good("loop", f"uvloop {version('uvloop')}")
    except PackageNotFoundError:
        yield poor("loop", "asyncio's own: slower than uvloop", "pip install uvloop")


def clock() -> Iterator[Finding]:
    """Whether the system's clock is kept in step, as the kernel knows it."""
    told = _adjtimex()
    if told is None:
        yield good("clock", "this system does not tell whether its clock is synchronised; --live compares it")
    elif told[0] & _UNSYNC:
        yield poor(
            "clock",
            "the kernel says that the clock is not synchronised",
            "run chrony or systemd-timesyncd; --live compares the clock with the venues'",
        )
    else:
        yield good("clock", f"synchronised, estimated error {told[1] / 1000:.1f} ms")


def _adjtimex() -> tuple[int, int] | None:
    """Status and estimated error in us, read only; None = not known."""
    if sys.platform != "linux" or struct.calcsize("l") != 8:
        return None
    buffer = ctypes.create_string_buffer(512)  # struct timex, all zero: nothing is to be set
    try:
        if ctypes.CDLL(None, use_errno=True).adjtimex(buffer) < 0:
            return None
    except (AttributeError, OSError):
        return None
    error, status = struct.unpack_from("=qi", buffer, 32)
    return status, error


def files(sockets: int) -> Iterator[Finding]:
    """Whether the process may open what it needs: ``sockets`` and its own files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    need = sockets + 64
    if soft != resource.RLIM_INFINITY and soft < need:
        yield bad(
            "open files", f"{soft} are allowed, this configuration needs about {need}", f"ulimit -n {max(need, 1024)}"
        )
    elif soft != resource.RLIM_INFINITY and soft < 256:
        yield poor("open files", f"only {soft} are allowed", "ulimit -n 1024")
    else:
        yield good("open files", f"{'no limit' if soft == resource.RLIM_INFINITY else soft}, about {need} needed")


def disk(folder: Path) -> Iterator[Finding]:
    """The place of the state: room, kind of file system, and how long a sync takes."""
    there = next(one for one in (folder, *folder.absolute().parents) if one.is_dir())
    free = shutil.disk_usage(there).free
    room = f"{free // _MIB} MiB free at {there}"
    if free < FREE_LEAST:
        yield bad("disk", room, f"make room: {FREE_LEAST // _MIB} MiB at least, {FREE_GOOD // _MIB} MiB are good")
    elif free < FREE_GOOD:
        yield poor("disk", room, f"make room: {FREE_GOOD // _MIB} MiB are good")
    else:
        yield good("disk", room)
    if not os.access(there, os.W_OK):
        yield bad("disk", f"{there} cannot be written", "set state.folder to a folder of yours")
        return
    kind = _file_system(there)
    if kind in _REMOTE:
        yield poor("disk", f"the state is on {kind}: locks and syncs are not certain there", "use a local disk")
    elif kind == "tmpfs":
        yield poor(
            "disk",
            f"the state is in memory ({there} is tmpfs): a restart of the machine loses the journal",
            "use a disk",
        )
    try:
        ms = _sync_ms(there)
    except OSError as error:
        yield bad("disk", f"{there} cannot be written: {error.strerror}", "set state.folder to a folder of yours")
        return
    if ms > SLOW_SYNC_MS:
        yield poor("disk", f"a sync takes {ms:.1f} ms", 'keep state.durability = "process", or use a faster disk')
    else:
        yield good("disk", f"a sync takes {ms:.1f} ms")


def _file_system(path: Path) -> str:
    """The type of the mount that holds it; "" = not known."""
    try:
        rows = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    except OSError:
        return ""
    whole = path.resolve()
    mounts = [(len(row[1]), row[2]) for row in rows if len(row) > 2 and whole.is_relative_to(row[1])]
    return max(mounts, default=(0, ""))[1]


def _sync_ms(folder: Path) -> float:
    """The median of some appends, as the journal makes them."""
    perf_ns, took = Clock().perf_ns, []
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(9):
            file.write(bytes(256))
            began = perf_ns()
            getattr(os, "fdatasync", os.fsync)(file.fileno())
            took.append((perf_ns() - began) / 1e6)
    return statistics.median(took)


def port(area: str, number: int, host: str = "127.0.0.1") -> Iterator[Finding]:
    """Whether ``metrics`` or ``api`` can be served there."""
    import socket

    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, number))
        except OSError as error:
            yield poor(
                area,
                f"{area}.port: {host}:{number} cannot be opened: {error.strerror}",
                "if no run of yours serves it, take another port",
            )
            return
    yield good(area, f"{host}:{number} is free")
