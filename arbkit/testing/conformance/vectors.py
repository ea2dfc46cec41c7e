"""Signing vectors: requests and login frames that an independent client signed with an invented key at a fixed time.

The file is one JSON object; docs/conformance.md has an example:

- ``clock_ms``: the time at which everything was signed;
- ``credentials``: ``apiKey``, ``secret``, and ``password`` (the passphrase) if the venue has one;
- ``market``: the one instrument that is used: ``id`` (the venue's name), ``symbol``, ``base``, ``quote``;
- ``rest``: calls, each with a ``name`` and ``requests``: ``method``, ``url``, ``headers``, ``body``;
- ``ws``: logins, each with a ``name`` and ``frames``: ``url`` and ``frame`` (the JSON message).

A call with ``valid`` false and a request with ``preliminary`` true are not compared. Other fields are ignored.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from arbkit.core.errors import ConfigError

__all__ = [
    "VectorCall",
    "VectorKey",
    "VectorFrame",
    "VectorLogin",
    "VectorMarket",
    "SignedRequest",
    "Vectors",
    "read_vectors",
]


class VectorKey(Struct, frozen=True, rename="camel"):
    api_key: str
    secret: str
    password: str = ""
    encoding: str = "utf-8"
    """How the text of the secret becomes key bytes, as in the configuration."""

    def __repr__(self) -> str:
        return "VectorKey(***)"


class VectorMarket(Struct, frozen=True):
    id: str
    base: str
    quote: str


class SignedRequest(Struct, frozen=True):
    """One HTTP request as the independent client sends it."""

    method: str
    url: str
    headers: dict[str, str] = {}
    body: str | None = None
    preliminary: bool = False


class VectorCall(Struct, frozen=True):
    name: str
    requests: list[SignedRequest] = []
    valid: bool = True


class VectorFrame(Struct, frozen=True):
    frame: Any = None
    url: str = ""


class VectorLogin(Struct, frozen=True):
    name: str
    frames: list[VectorFrame] = []
    valid: bool = True


class Vectors(Struct, frozen=True):
    """The whole file."""

    clock_ms: int
    credentials: VectorKey
    market: VectorMarket
    rest: list[VectorCall] = []
    ws: list[VectorLogin] = []


def read_vectors(path: Path) -> Vectors:
    """Read the file. Raises ``ConfigError`` with the line or the field that is wrong."""
    try:
        text = path.read_bytes()
        found = msgspec.json.decode(text, type=Vectors)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}; docs/conformance.md has an example") from None
    except msgspec.DecodeError as error:
        place = re.search(r"byte (\d+)", str(error))
        line = text[: int(place[1])].count(b"\n") + 1 if place else text.count(b"\n") + 1
        raise ConfigError(f"{path}: line {line}: not valid JSON: {error}") from None
    if not found.rest and not found.ws:
        raise ConfigError(f"{path}: contains neither rest nor ws vectors; docs/conformance.md has an example")
    return found
