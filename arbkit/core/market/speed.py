"""Which code keeps the books and reads the rows of book messages: the package ``arbkit-speed`` (compiled) where it is
installed, else our own modules. Chosen once, when this module is imported.

``ARBKIT_SPEED=off`` in the environment chooses Python, to compare: both give the same books, events and refusals.
"""

from __future__ import annotations

import os
from types import ModuleType
from typing import TYPE_CHECKING

from arbkit.core.market import ladder as python

__all__ = ["USED", "ladder", "speed"]

FACE = 2
"""What we use of the package, as a number: another number would be other names, or names with another meaning."""


def _find() -> tuple[ModuleType | None, str]:
    """The package, and what to call the choice."""
    if os.environ.get("ARBKIT_SPEED", "").lower() == "off":
        return None, "Python (ARBKIT_SPEED=off)"
    try:
        import arbkit_speed as found
    except ModuleNotFoundError as error:
        if error.name == "arbkit_speed":
            return None, "Python"
        return None, f"Python (arbkit-speed cannot be loaded: {error})"
    except ImportError as error:
        return None, f"Python (arbkit-speed cannot be loaded: {error})"
    if found.FACE != FACE:
        return None, "Python (the installed arbkit-speed is for another version of arbkit)"
    return found, "arbkit-speed"


speed, USED = _find()
"""The package or None; and for people, what keeps the books and why."""
if TYPE_CHECKING:
    from arbkit.core.market import ladder as ladder
else:
    ladder = speed or python
