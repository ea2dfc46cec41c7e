"""Two processes on one account, whatever their state folders."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from arbkit.core.errors import ConfigError
from arbkit.core.runtime import locks
from arbkit.core.runtime.locks import AccountLocks

HOLD = """
import sys, time
from arbkit.core.runtime.locks import AccountLocks
held = AccountLocks(sys.argv[1:])
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_another_process_on_an_account_is_refused_until_it_ends(home: Path) -> None:
    """One account in common is enough; the sentence names it and the process. SIGKILL releases it."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, "binance.prod.main", "okx.prod.main"], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(ConfigError, match=rf"\(process {other.pid}\) trades on okx.prod.main"):
            AccountLocks(["bybit.prod.main", "okx.prod.main"])
        AccountLocks(["bybit.prod.main", "okx.demo.main", "okx.prod.second"]).close()  # nothing of it is held now
        other.send_signal(signal.SIGKILL)
        other.wait(60)
    AccountLocks(["okx.prod.main"]).close()


def test_the_folder_is_private_and_no_file_is_left(home: Path) -> None:
    """~/.local/state/arbkit/locks, 0700, files 0600, and a file goes with its lock."""
    held = AccountLocks(["sim.sim.main.127.0.0.1:80/../x"])
    folder = home / ".local" / "state" / "arbkit" / "locks"
    (file,) = folder.iterdir()
    assert file.name == "sim.sim.main.127.0.0.1_80_.._x"
    assert file.read_text() == str(os.getpid())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    held.close()
    assert list(folder.iterdir()) == []


def test_a_file_that_went_between_two_calls_locks_nobody_out(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The holder removed the file after we opened it: the lock is taken on the file that is there now, so a third
    process sees it."""
    path = home / "lock"
    real = locks.fcntl.flock
    gone = [False]

    def flock(fd: int, how: int) -> None:
        if not gone[0]:
            gone[0] = True
            path.unlink()
        real(fd, how)

    monkeypatch.setattr(locks.fcntl, "flock", flock)
    fd = locks.lock(path)
    assert os.path.samestat(os.fstat(fd), path.stat())
    with pytest.raises(locks.Held):
        locks.lock(path)
    os.close(fd)


def test_without_a_home_there_is_a_second_place(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home that is not there or cannot be written: /tmp/arbkit-UID. One that others can write is refused."""
    (home / "file").write_text("")
    monkeypatch.setenv("HOME", str(home / "file"))
    held = AccountLocks(["a.sim.main"])
    place = Path(f"/tmp/arbkit-{os.getuid()}/a.sim.main")  # noqa: S108 - the documented place
    assert place.exists()
    held.close()
    assert not place.exists()
    open_home = home / "open"
    folder = open_home / ".local" / "state" / "arbkit" / "locks"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    monkeypatch.setenv("HOME", str(open_home))
    monkeypatch.setattr(os, "access", lambda path, how: False)
    with pytest.raises(ConfigError, match="no place for the locks"):
        AccountLocks(["a.sim.main"])
