"""The kill file: a file in the state folder that stops a desk, whoever writes it and whatever else is out of order.

``touch STATE/kill`` halts everything; deleting it lifts that. It may hold lines ``MODE`` or ``MODE SCOPE``, such as
``reducing binance``. What cannot be understood halts everything: somebody wanted to stop.
"""

from __future__ import annotations

import os
from pathlib import Path

from arbkit.core.types import Mode

__all__ = ["NAME", "KillFile", "asked"]

NAME = "kill"
_MOST = 4096
"""More bytes are not read."""


def asked(text: str) -> dict[str, Mode]:
    """The mode of each scope ("" = everything) that the text of a kill file asks for."""
    found: dict[str, Mode] = {}
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] not in ("reducing", "halted") or len(words) > 2:
            return {"": Mode.HALTED}
        scope = words[1] if len(words) == 2 else ""
        if found.get(scope) is not Mode.HALTED:  # of two lines about one scope the stricter one counts
            found[scope] = Mode(words[0])
    return found or {"": Mode.HALTED}


class KillFile:
    """Looks at the file. One look is one ``stat``, as long as nothing changes."""

    __slots__ = ("_mark", "path")

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._mark: tuple[int, int, int] | None = None
        """Of the file that was read last; None = there was none."""

    def look(self) -> dict[str, Mode] | None:
        """What the file asks for, if that may have changed since the last look; {} = it is gone."""
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            gone, self._mark = self._mark is not None, None
            return {} if gone else None
        except OSError:  # something is there
            mark = (0, 0, 0)
        else:
            mark = (found.st_ino, found.st_mtime_ns, found.st_size)
        if mark == self._mark:
            return None
        self._mark = mark
        try:
            with open(self.path, "rb") as file:
                return asked(file.read(_MOST).decode(errors="replace"))
        except OSError:
            return {"": Mode.HALTED}
