"""Helper functions for venue adapters: decoding, query strings, times, options. None of them does I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from functools import lru_cache
from typing import Generic, TypeVar
from urllib.parse import quote

import msgspec

from arbkit.core.errors import ConfigError
from arbkit.core.orders.ids import parse_cl_ord_id
from arbkit.core.types import ClockSample, HttpAnswer, VenueSettings

__all__ = [
    "DAY",
    "Data",
    "MS",
    "NOTHING",
    "S",
    "iso_ns",
    "json_text",
    "ms_ns",
    "number",
    "options",
    "own_id",
    "query",
    "read_json",
    "retry_ns",
    "check_amount",
    "time_sample",
    "is_present",
    "whole",
]

MS = 1_000_000
"""Nanoseconds in a millisecond."""
S = 1_000_000_000
DAY = 86_400 * S
"""Nanoseconds in a second."""

_HUGE = Decimal(10) ** 18
_LONGEST = 60
"""Characters of an amount as text. No venue writes more; a million digits would hold whoever computes with them."""
_SMALLEST = -40
"""The power of ten of the first digit of the smallest amount."""
_DIGITS = 19
"""Of a whole number: a time in nanoseconds has as many."""

NOTHING = msgspec.Raw()
"""Default of a ``msgspec.Raw`` field that is decoded later."""

T = TypeVar("T")


class Data(msgspec.Struct, Generic[T], gc=False):
    """A message of which only the field ``data`` is read: ``Decoder(Data[list[TradeRow]])``."""

    data: T


def check_amount(*values: Decimal | None) -> None:
    """For ``__post_init__`` of decoded structs: raises ``ValueError`` for NaN, infinity, values from 10**18 and below
    10**-40, and more than 60 characters.

    Needed because msgspec accepts any text for a ``Decimal`` field that ``Decimal`` accepts."""
    for value in values:
        if value is not None and not (
            value.is_finite()
            and -_HUGE < value < _HUGE
            and value.adjusted() > _SMALLEST
            and len(str(value)) <= _LONGEST
        ):
            raise ValueError(f"not a finite number below 10**18 of usual length: {str(value)[:40]}")


def number(text: str) -> Decimal:
    """The ``Decimal`` of a text field; "" gives 0. Raises ``ValueError`` as ``check_amount`` does."""
    if not text:
        return Decimal(0)
    try:
        value = Decimal(text) if len(text) <= _LONGEST and text.isascii() and "_" not in text else None
    except InvalidOperation:
        value = None
    if value is None:
        raise ValueError(f"not a number: {text[:40]!r}")
    check_amount(value)
    return value


def whole(text: str) -> int:
    """A whole number of at most 19 ASCII digits. Raises ``ValueError`` for other text, "" too."""
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        raise ValueError(f"not a whole number: {text[:40]!r}")
    return int(text)


def read_json(decoder: msgspec.json.Decoder[T], data: str | bytes) -> T | None:
    """Decode an HTTP body. None if it does not have the type (an HTML page, a truncated body): it proves nothing."""
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def is_present(field: msgspec.Raw) -> bool:
    """Whether a ``msgspec.Raw`` field was in the message and not null."""
    return bytes(field) not in (b"", b"null")


def json_text(value: object) -> str:
    """Compact JSON."""
    return msgspec.json.encode(value).decode()


def query(params: Iterable[tuple[str, str]]) -> str:
    """``a=1&b=2`` in the given order, names and values percent-encoded."""
    return "&".join([f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in params])


def retry_ns(answer: HttpAnswer, now_ns: int, default_s: float = 0.0) -> int:
    """The time at which ``Retry-After`` (seconds) ends. Without a valid header: ``default_s`` from now."""
    text = answer.headers.get("retry-after", "")
    try:
        seconds = float(text) if len(text) <= _LONGEST and text.isascii() else default_s
    except ValueError:
        seconds = default_s
    if not 0 <= seconds < 1e7:
        seconds = default_s
    return now_ns + int(seconds * S)


def ms_ns(text: str) -> int:
    """Nanoseconds of a time given as text in milliseconds; 0 if the text is not a number."""
    return int(text) * MS if text.isascii() and text.isdecimal() and len(text) <= _DIGITS else 0


def iso_ns(text: str) -> int:
    """Nanoseconds of a UTC time such as ``2026-08-09T21:05:48.228568804Z``, with up to nine decimals; 0 if the text is
    no such time, or one before 1970 (venues write years such as 1 for "never")."""
    second, fraction = text[17:19], text[20:-1]
    if text[19:20] not in (".", "Z") or text[-1:] != "Z" or not (second + fraction).isascii():
        return 0
    minute_ns = _minute_ns(text[:17])
    if not minute_ns or not second.isdecimal() or len(fraction) > 9 or not (fraction.isdecimal() or not fraction):
        return 0
    return minute_ns + int(second) * S + int(fraction.ljust(9, "0"))


@lru_cache(maxsize=64)
def _minute_ns(text: str) -> int:
    """Of ``2026-08-09T21:05:``. Cached: the messages of a minute begin alike."""
    try:
        at = datetime.fromisoformat(f"{text}00+00:00")
    except ValueError:
        return 0
    return max(int(at.timestamp()), 0) * S


def time_sample(venue: str, venue_ns: int, step_ns: int, sent_ns: int, recv_ns: int) -> ClockSample:
    """A clock sample from the venue's time ``venue_ns`` (truncated to ``step_ns``), which was read between ``sent_ns``
    and ``recv_ns``."""
    offset_ns = venue_ns + step_ns // 2 - (sent_ns + recv_ns) // 2
    return ClockSample(venue, offset_ns, (recv_ns - sent_ns) // 2 + step_ns // 2, recv_ns)


def own_id(cl_ord_id: str) -> str:
    """The client order id if it is one of ours, else ""."""
    return cl_ord_id if parse_cl_ord_id(cl_ord_id) is not None else ""


def options(settings: VenueSettings, allowed: Mapping[str, Sequence[str]], venue: str) -> dict[str, str]:
    """The settings' options, checked against their allowed values (an empty list = the adapter checks the value).

    Raises ``ConfigError`` for an unknown option, with the nearest name, and for a value that is not allowed."""
    for name, value in settings.options.items():
        if name not in allowed:
            near = get_close_matches(name, allowed, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(allowed)}"
            raise ConfigError(f"venues.{venue}.options.{name}: no such option; {hint}")
        if allowed[name] and value not in allowed[name]:
            raise ConfigError(f"venues.{venue}.options.{name}: {value!r} is not one of {', '.join(allowed[name])}")
    return dict(settings.options)
