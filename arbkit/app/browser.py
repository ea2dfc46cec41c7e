"""Opens a link with a secret in the browser of this machine."""

from __future__ import annotations

import os
import tempfile
import webbrowser
from html import escape
from threading import Timer

__all__ = ["open_link"]

_READ_S = 3.0
"""The browser has read the file by then."""


def open_link(link: str) -> bool:
    """False if there is no browser. The link is in a file for the owner only, which leads to it: arguments of a process
    can be seen by every user of the machine."""
    with tempfile.NamedTemporaryFile("w", prefix="arbkit-", suffix=".html", delete=False) as file:
        file.write(f'<!doctype html><meta http-equiv="refresh" content="0;url={escape(link)}">')
    if not webbrowser.open(f"file://{file.name}"):
        os.unlink(file.name)
        return False
    gone = Timer(_READ_S, os.unlink, (file.name,))
    gone.daemon = False
    gone.start()
    return True
