"""Files that a run relies on: nobody else can have put them there, whatever stands in their place."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from arbkit.core.errors import ConfigError
from arbkit.core.runtime import files
from arbkit.core.runtime.clock import Clock
from arbkit.core.runtime.journal_file import JournalFile, StateFolder
from arbkit.core.runtime.locks import lock
from arbkit.core.runtime.tape_file import TapeFile
from arbkit.core.tape import TapeHead, TapeWriter

HEAD = TapeHead(began_ns=1, code="test", seed=1)


def modes(root: Path) -> set[int]:
    return {stat.S_IMODE(path.lstat().st_mode) for path in (root, *root.rglob("*"))}


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_all_that_a_run_makes_is_for_its_user_alone(tmp_path: Path, mask: int) -> None:
    """Whatever the umask: folders 0700 with those above them, files 0600."""
    before = os.umask(mask)
    try:
        root = tmp_path / "new" / "state"
        folder = StateFolder(root, "live")
        journal = JournalFile(folder.journal, Clock())
        TapeFile(tmp_path / "new" / "run.tape", TapeWriter(HEAD)).close()
        found = modes(tmp_path / "new")
        journal.close()
        folder.close()
    finally:
        os.umask(before)
    assert found == {0o700, 0o600}


PLANTED: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "a link": (lambda path, target: path.symlink_to(target), "symbolic link"),
    "a link to nothing": (lambda path, target: path.symlink_to(target / "none"), "symbolic link"),
    "a second name": (lambda path, target: os.link(target, path), "hard link"),
    "a pipe": (lambda path, target: os.mkfifo(path), "not a regular file"),
    "a folder": (lambda path, target: path.mkdir(), "not a regular file"),
    "open to others": (lambda path, target: (path.touch(), path.chmod(0o644)), "chmod 600"),
}


@pytest.mark.parametrize("what", PLANTED)
@pytest.mark.parametrize("use", ["journal", "reserve", "lock", "tape"])
def test_what_somebody_planted_is_not_used(tmp_path: Path, what: str, use: str) -> None:
    """Journal, its reserve, lock and tape: refused in words, and the target of a planted link is as it was."""
    target = tmp_path / "authorized_keys"
    target.write_text("mine")
    path = tmp_path / (f"journal.{use}" if use == "reserve" else use)
    plant, words = PLANTED[what]
    plant(path, target)
    uses: dict[str, Callable[[], object]] = {
        "journal": lambda: JournalFile(path, Clock()),
        "reserve": lambda: JournalFile(tmp_path / "journal", Clock()),
        "lock": lambda: lock(path),
        "tape": lambda: TapeFile(path, TapeWriter(HEAD)),
    }
    with pytest.raises(ConfigError, match=words):
        uses[use]()
    assert target.read_text() == "mine"


def test_a_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the descriptor's owner: the journal, and the folders."""
    StateFolder(tmp_path / "state", "live").close()
    files.open_own(tmp_path / "journal", os.O_RDWR)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(ConfigError, match="another user"):
        files.open_own(tmp_path / "journal", os.O_RDWR)
    with pytest.raises(ConfigError, match="another user"):
        StateFolder(tmp_path / "state", "live")


@pytest.mark.parametrize("part", ["", "live"])
def test_a_folder_that_others_can_write_is_refused(tmp_path: Path, part: str) -> None:
    """The state folder or the one of the mode: told with the command; after it, the run starts."""
    root = tmp_path / "state"
    StateFolder(root, "live").close()
    (root / part).chmod(0o770)
    with pytest.raises(ConfigError, match=f"chmod 700 {root / part}"):
        StateFolder(root, "live")
    (root / part).chmod(0o700)
    StateFolder(root, "live").close()


def test_a_folder_that_can_be_exchanged_is_refused(tmp_path: Path) -> None:
    """Everybody can write the folder above; a sticky one (/tmp) is fine."""
    above = tmp_path / "above"
    above.mkdir()
    above.chmod(0o777)
    with pytest.raises(ConfigError, match="others can exchange"):
        StateFolder(above / "state", "live")
    above.chmod(0o1777)
    StateFolder(above / "state", "live").close()


def test_a_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    """The folder of a mode must be there itself; the state folder may be a link to one of ours."""
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "linked").symlink_to(tmp_path / "elsewhere")
    StateFolder(tmp_path / "linked", "paper").close()
    (tmp_path / "elsewhere" / "live").symlink_to(tmp_path)
    with pytest.raises(ConfigError, match="symbolic link"):
        StateFolder(tmp_path / "linked", "live")
