"""Finds recordings of real exchanges. They are not part of the repository; CONTRIBUTING.md describes layout and format.

The environment variable ``ARBKIT_RECORDINGS`` names a folder with one folder per venue. ``<venue>/frames<name>.jsonl``
has the frames and ``<venue>/expected<name>.jsonl`` the books after them. Both may be gzipped (``.jsonl.gz``).
``<name>`` is empty or begins with ``-``.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from arbkit.core.errors import ConfigError

__all__ = ["VARIABLE", "expected", "find", "folder", "names"]

VARIABLE = "ARBKIT_RECORDINGS"
_ENDINGS = (".jsonl", ".jsonl.gz")


def folder() -> Path | None:
    """The folder of the recordings; None if the variable is not set. Raises ``ConfigError`` for a wrong folder."""
    text = os.environ.get(VARIABLE, "")
    if not text:
        return None
    path = Path(text)
    if not path.is_dir():
        raise ConfigError(f"{VARIABLE}: {text} is not a folder")
    if not any(file for ending in _ENDINGS for file in path.glob(f"*/frames*{ending}")):
        raise ConfigError(f"{VARIABLE}: {text} contains no recordings; expected files like binance/frames.jsonl.gz")
    return path


def find(venue: str, file: str) -> Path | None:
    """The file of a venue, for example ``find("okx", "frames-mine")``; None if there is none."""
    found = folder()
    if found is None:
        return None
    paths = [found / venue / f"{file}{ending}" for ending in _ENDINGS]
    return next((path for path in paths if path.is_file()), None)


def names(venue: str) -> Sequence[str]:
    """The names of the venue's recordings that have expected books: "" or "-mine"."""
    found = folder()
    files = [] if found is None else [file for end in _ENDINGS for file in (found / venue).glob(f"expected*{end}")]
    return sorted({file.name.partition(".")[0].removeprefix("expected") for file in files})


def expected(venue: str, name: str) -> list[dict[str, Any]]:
    """The lines of ``expected<name>``."""
    path = find(venue, f"expected{name}")
    if path is None:
        raise FileNotFoundError(f"{VARIABLE}: no file {venue}/expected{name}.jsonl or .jsonl.gz")
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        return [msgspec.json.decode(line) for line in file]
