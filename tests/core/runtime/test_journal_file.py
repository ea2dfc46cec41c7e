"""The journal on disk and the folder around it."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from arbkit.core.errors import ConfigError, JournalFailed
from arbkit.core.runtime import journal_file
from arbkit.core.runtime.clock import Clock
from arbkit.core.runtime.journal_file import JournalFile, StateFolder
from arbkit.core.runtime.locks import lock


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[JournalFile]:
    file = JournalFile(tmp_path / "journal", Clock())
    yield file
    file.close()


def test_appended_is_readable_at_once(journal: JournalFile, tmp_path: Path) -> None:
    """When ``append`` returns, the operating system has the record, and the position is its end."""
    assert journal.append(b"one") == 3
    assert journal.append(b"three") == 8
    assert (tmp_path / "journal").read_bytes() == b"onethree" == journal.read()


def test_survives_a_kill(tmp_path: Path) -> None:
    """What was appended is there after SIGKILL, without any flush."""
    code = (
        "import os, signal, sys; from pathlib import Path;"
        "from arbkit.core.runtime.clock import Clock; from arbkit.core.runtime.journal_file import JournalFile;"
        "JournalFile(Path(sys.argv[1]), Clock()).append(b'intent'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "journal")], check=False)
    assert done.returncode == -9
    again = JournalFile(tmp_path / "journal", Clock())
    assert again.read() == b"intent"
    assert again.append(b"!") == 7
    again.close()


def test_a_torn_tail_is_cut(journal: JournalFile) -> None:
    """After a cut the next record stands where the torn one began."""
    journal.append(b"good")
    journal.append(b"to")
    journal.cut(4)
    assert journal.append(b"next") == 8
    assert journal.read() == b"goodnext"


def test_durable_is_reported_in_order_and_after_the_sync(journal: JournalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Positions increase, the last one is reported, many appends share one sync, and none is reported before its
    sync."""
    told: list[int] = []
    all_told = threading.Event()
    synced: list[int] = []
    real = os.fdatasync

    def sync(fd: int) -> None:
        size = os.fstat(fd).st_size
        real(fd)
        synced.append(size)

    def durable(position: int) -> None:
        assert synced[-1] >= position
        told.append(position)
        if position == 1000:
            all_told.set()

    monkeypatch.setattr(os, "fdatasync", sync)
    journal.start(durable, pytest.fail)
    for _ in range(1000):
        journal.append(b"x")
    assert all_told.wait(10)
    assert told == sorted(set(told))
    assert journal.durable == 1000
    assert 0 < journal.syncs == len(synced)


def test_close_makes_all_durable(tmp_path: Path) -> None:
    """Closing flushes, with or without the writer's thread, and deletes the reserve."""
    for started in (False, True):
        file = JournalFile(tmp_path / "journal", Clock())
        if started:
            file.start(lambda _: None, pytest.fail)
        end = file.append(b"record")
        file.close()
        assert file.durable == end
        assert os.listdir(tmp_path) == ["journal"]


def test_a_failed_sync_is_final(journal: JournalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an error of fdatasync nothing is durable, appends raise, and there is one report."""
    failed = threading.Event()
    reasons: list[str] = []

    def sync(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    def failure(reason: str) -> None:
        reasons.append(reason)
        failed.set()

    monkeypatch.setattr(os, "fdatasync", sync)
    journal.start(lambda _: pytest.fail("not durable"), failure)
    journal.append(b"record")
    assert failed.wait(5)
    with pytest.raises(JournalFailed, match="Input/output error"):
        journal.append(b"another")
    with pytest.raises(JournalFailed):
        journal.flush()
    assert journal.durable == 0
    assert len(reasons) == 1


def test_a_full_disk_uses_the_reserve_and_says_so(journal: JournalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record cut off by a full disk is undone and written completely with the reserve, with an alarm; the next one
    fails."""
    reasons: list[str] = []
    journal.start(lambda _: None, reasons.append)
    journal.append(b"before")
    real = os.write
    reserve = journal._ballast
    full = [True]

    def write(fd: int, data: bytes) -> int:
        if fd == journal._fd and (reserve.exists() or not full[0]):
            return real(fd, data[:2])  # a full disk often shows first as a short write
        return real(fd, data)

    monkeypatch.setattr(os, "write", write)
    assert journal.append(b"hedge") == 11
    assert journal.read() == b"beforehedge"
    assert reasons == ["the disk is full; the last reserve is in use"]
    full[0] = False
    with pytest.raises(JournalFailed, match="writing failed"):
        journal.append(b"entry")
    assert journal.read() == b"beforehedge"
    assert len(reasons) == 2


def test_a_real_limit_on_the_file_stops_it(tmp_path: Path) -> None:
    """With a file size limit of the system: the last complete record stays, the next one raises, nothing is written
    partly."""
    code = """
import resource, signal, sys
from pathlib import Path
from arbkit.core.errors import JournalFailed
from arbkit.core.runtime.clock import Clock
from arbkit.core.runtime import journal_file
journal_file.BALLAST = 4096
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
journal = journal_file.JournalFile(Path(sys.argv[1]), Clock())
try:
    while True:
        journal.append(b"r" * 300)
except JournalFailed as error:
    print(journal.position, error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "journal")], check=True, capture_output=True, text=True
    )
    assert done.stdout.startswith("4800 ")
    assert "File too large" in done.stdout
    assert (tmp_path / "journal").stat().st_size == 4800


def test_no_room_for_the_reserve_is_a_config_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run does not start on a disk that is already full."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(ConfigError, match="No space left"):
        JournalFile(tmp_path / "journal", Clock())


def test_files_are_private_and_links_refused(tmp_path: Path) -> None:
    """0600, 0700 for the folder, and a symbolic link in the journal's place is not followed."""
    folder = StateFolder(tmp_path / "state", "live")
    file = JournalFile(folder.journal, Clock())
    for path in folder.path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    file.close()
    folder.close()
    (tmp_path / "elsewhere").symlink_to(tmp_path / "target")
    with pytest.raises(ConfigError, match="symbolic link"):
        JournalFile(tmp_path / "elsewhere", Clock())


def test_a_second_instance_is_refused(tmp_path: Path) -> None:
    """One state folder, one process, which is named; after a close, or in the other mode, it starts."""
    first = StateFolder(tmp_path, "live")
    with pytest.raises(ConfigError, match=f"process {os.getpid()}"):
        StateFolder(tmp_path, "live")
    StateFolder(tmp_path, "paper").close()
    first.close()
    StateFolder(tmp_path, "live").close()


def test_an_older_arbkit_on_the_folder_is_seen(tmp_path: Path) -> None:
    """The version before kept a journal and a lock for each set of environments: it must not run beside this one."""
    old = tmp_path / "live" / "demo+prod"
    old.mkdir(parents=True)
    (old / "journal").touch(0o600)
    fd = lock(old / "lock")
    with pytest.raises(ConfigError, match=r"demo\+prod"):
        StateFolder(tmp_path, "live")
    os.close(fd)
    folder = StateFolder(tmp_path, "live")
    assert folder.older() == [old / "journal"]
    folder.close()


def test_the_reserve_uses_disk_blocks(journal: JournalFile) -> None:
    """The reserve uses real blocks on the disk, so that deleting it frees them."""
    found = journal._ballast.stat()
    assert found.st_size == journal_file.BALLAST
    assert found.st_blocks * 512 >= journal_file.BALLAST


def test_the_thread_is_woken_after_the_turn(journal: JournalFile) -> None:
    """With ``soon``, the records of a turn are in the file at once, and one later call hands them to the thread;
    ``close`` hands over what nobody did."""
    durable: list[int] = []
    later: list[Callable[[], object]] = []
    done = threading.Event()

    def on_durable(position: int) -> None:
        durable.append(position)
        if position == 6:
            done.set()

    journal.start(on_durable, lambda why: None, soon=later.append)
    journal.append(b"one")
    journal.append(b"two")
    assert (journal.read(), len(later), durable) == (b"onetwo", 1, [])
    later.pop()()
    assert done.wait(60)
    journal.append(b"three")
    journal.close()
    assert durable[-1] == 11
    journal._fd = os.open(os.devnull, os.O_RDWR)  # for the fixture, which closes it again
