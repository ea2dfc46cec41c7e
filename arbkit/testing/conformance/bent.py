"""Messages that are no venue's: garbage, and real messages with parts replaced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

__all__ = ["BODIES", "GARBAGE", "HTML", "bent"]

HTML = b"<html><head><title>502 Bad Gateway</title></head></html>"
GARBAGE: tuple[str, ...] = (
    "",
    " ",
    "null",
    "0",
    "-1",
    "1e400",
    '"text"',
    "{}",
    "[]",
    "[{}]",
    "[[]]",
    "{",
    '{"a":',
    "\x00",
    "\ufffd",
    HTML.decode(),
    "[" * 100_000,
    '{"a":' * 100_000,
    "9" * 5_000,
    '{"data":null,"stream":null,"arg":null,"topic":null,"event":null,"op":null,"result":null,"id":null}',
    '{"data":[],"stream":"x","arg":[],"topic":7,"event":{},"op":[],"result":0,"id":{}}',
    '{"data":{},"stream":[],"arg":"x","topic":{},"event":7,"op":{},"result":[],"id":1e400}',
)
"""Texts that are valid JSON or not, and never a message of a venue."""

BODIES: tuple[tuple[int, bytes], ...] = (
    *((status, body) for status in (500, 502, 503, 504) for body in (b"", HTML, b'{"error":"internal"}')),
    *((200, text.encode()) for text in GARBAGE if text not in ("[]",)),
    (200, b"\xff\xfe"),
    (403, HTML),
    (404, HTML),
    (408, b""),
    (301, b""),
    (204, b""),
)
"""HTTP answers (status, body) that prove nothing. ``[]`` is not among them: it can be an empty list of orders."""

NUMBERS: tuple[Any, ...] = ("NaN", "Infinity", "1e400", "-1", "9" * 400, "", None, [], {}, True)
"""What is put in the place of a number."""


def bent(text: str | bytes, most: int = 150) -> Iterator[str]:
    """The JSON message with one number (or text of a number) replaced, for ``most`` of its numbers; nothing if the
    message is not JSON. Which replacement a number gets changes from number to number."""
    try:
        whole = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return
    places = list(_numbers(whole))
    step = max(1, len(places) // most)
    for count, (holder, key) in enumerate(places[::step]):
        kept = holder[key]
        for value in (NUMBERS[count % len(NUMBERS)], NUMBERS[(count // len(NUMBERS) + 3) % len(NUMBERS)]):
            holder[key] = value
            yield msgspec.json.encode(whole).decode()
        holder[key] = kept


def _numbers(node: Any) -> Iterator[tuple[Any, Any]]:
    """The places (holder, key) of all numbers."""
    for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
        if isinstance(value, dict | list):
            yield from _numbers(value)
        elif isinstance(value, int | float) or (isinstance(value, str) and _is_number(value)):
            yield node, key


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
