"""A power failure after a process was killed: the file layer forgets what was not synced.

``crash.Evidence`` notes each sync. A file is found again with the bytes of its last ``fdatasync``, and under the names
that its folder had when the folder was last synced. What the page cache held beyond that is lost, or a part of it is
there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crash import FILES

__all__ = ["evidence", "lose_power"]


def evidence(folder: Path) -> Iterator[list[Any]]:
    """The lines of all processes so far, the oldest first."""
    path = folder / "evidence.jsonl"
    for line in path.read_text().splitlines() if path.exists() else ():
        yield json.loads(line)


def lose_power(folder: Path, state: Path, share: float) -> int:
    """Put the journal's files of ``state`` in the state of their last syncs. ``share``: the part of the bytes after the
    last sync that is on the disk nevertheless. Returns how many bytes were lost."""
    sizes: dict[int, int] = {}
    names: dict[str, int] = {}
    for what, *rest in evidence(folder):
        if what == "synced":
            sizes[rest[0]] = rest[1]
        elif what == "names":
            names = rest[0]
    lost = 0
    found = {name: (folder / "kept" / str(inode)).read_bytes() for name, inode in names.items()}
    for name in FILES:
        (state / name).unlink(missing_ok=True)
    made = {}
    for name, data in found.items():
        synced = min(sizes.get(names[name], 0), len(data))
        stays = synced + round((len(data) - synced) * share)
        lost += len(data) - stays
        path = state / name
        path.write_bytes(data[:stays])
        path.chmod(0o600)
        made[name] = path.stat().st_ino
        _note(folder, "synced", made[name], stays)
        (folder / "kept" / str(made[name])).write_bytes(data[:stays])
    _note(folder, "names", made)
    return lost


def _note(folder: Path, *what: object) -> None:
    with (folder / "evidence.jsonl").open("a") as file:
        file.write(json.dumps(what) + "\n")
