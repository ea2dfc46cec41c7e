"""Small helpers that nearly every venue's wire needs. All pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import TypeVar
from urllib.parse import quote

import msgspec

from arbkit.core.errors import ConfigError
from arbkit.core.orders.ids import parse_cl_ord_id
from arbkit.core.types import ClockSample, HttpAnswer, VenueSettings

__all__ = [
    "MS",
    "NOTHING",
    "S",
    "base_url",
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
    "is_complete",
]

MS = 1_000_000
"""Nanoseconds in a millisecond."""
S = 1_000_000_000
"""Nanoseconds in a second."""

_HUGE = Decimal(10) ** 18

NOTHING = msgspec.Raw()
"""Default of a field that is decoded later."""

T = TypeVar("T")


def check_amount(*values: Decimal | None) -> None:
    """For ``__post_init__`` of decoded structs: ``ValueError`` for NaN, infinity and sizes no market has.

    (msgspec bounds floats and ints, but takes any text that ``Decimal`` takes.)"""
    for value in values:
        if value is not None and not (value.is_finite() and -_HUGE < value < _HUGE):
            raise ValueError(f"not a number a market has: {value}")


def number(text: str) -> Decimal:
    """Decimal of wire text where "" stands for none (0); ``ValueError`` for what is no number a market has."""
    if not text:
        return Decimal(0)
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"not a number: {text[:40]!r}") from None
    check_amount(value)
    return value


def read_json(decoder: msgspec.json.Decoder[T], data: str | bytes) -> T | None:
    """Typed decoding of an HTTP body; None for what is not it (an HTML page, a cut body): it proves nothing."""
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def is_present(field: msgspec.Raw) -> bool:
    """Whether a field that is decoded later was there and not null."""
    return bytes(field) not in (b"", b"null")


def json_text(value: object) -> str:
    """Compact JSON."""
    return msgspec.json.encode(value).decode()


def query(params: Iterable[tuple[str, str]]) -> str:
    """``a=1&b=2`` in the given order, names and values percent-encoded."""
    return "&".join([f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in params])


def retry_ns(answer: HttpAnswer, now_ns: int, default_s: float = 0.0) -> int:
    """When ``Retry-After`` (seconds) ends; ``default_s`` from now where the header is missing or not a number."""
    text = answer.headers.get("retry-after", "")
    try:
        seconds = float(text)
    except ValueError:
        seconds = default_s
    if not 0 <= seconds < 1e7:
        seconds = default_s
    return now_ns + int(seconds * S)


def ms_ns(text: str) -> int:
    """Nanoseconds of a time in milliseconds as text; 0 where it is none."""
    return int(text) * MS if text.isdecimal() and len(text) < 20 else 0


def time_sample(venue: str, venue_ns: int, step_ns: int, sent_ns: int, recv_ns: int) -> ClockSample:
    """The venue's clock, read somewhere between sending and receiving and cut down to its ``step_ns``."""
    offset_ns = venue_ns + step_ns // 2 - (sent_ns + recv_ns) // 2
    return ClockSample(venue, offset_ns, (recv_ns - sent_ns) // 2 + step_ns // 2, recv_ns)


def is_complete(rows: int, most: int, since_ns: int, memory_ns: int, now_ns: int) -> bool:
    """Whether a listing since ``since_ns`` is complete: not a full page, and the venue remembers that far back.

    A listing that names no beginning is one of the venue's own memory: it proves nothing of what came before."""
    return rows < most and since_ns > now_ns - memory_ns


def own_id(cl_ord_id: str) -> str:
    """The client id if it is one of ours, "" for a foreign one."""
    return cl_ord_id if parse_cl_ord_id(cl_ord_id) is not None else ""


def base_url(settings: VenueSettings, environments: Mapping[str, Mapping[str, str]], name: str, venue: str) -> str:
    """The base URL ``name`` of the settings' environment, or the one that ``settings.endpoints`` puts in its place.

    Raises ``ConfigError`` for an environment the venue lacks (``sim`` has none of its own: its endpoints are given)."""
    given = settings.endpoints.get(name)
    if given:
        return given.rstrip("/")
    known = environments.get(settings.environment)
    if known is None:
        raise ConfigError(
            f"venues.{venue}: environment {settings.environment!r} needs endpoints.{name} "
            f"(known without: {', '.join(environments)})"
        )
    return known[name]


def options(settings: VenueSettings, allowed: Mapping[str, Sequence[str]], venue: str) -> dict[str, str]:
    """The settings' options, each checked against its allowed values (none listed = the venue checks it itself).

    Raises ``ConfigError`` for an unknown one, with the nearest name, and for a value that is not allowed."""
    for name, value in settings.options.items():
        if name not in allowed:
            near = get_close_matches(name, allowed, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(allowed)}"
            raise ConfigError(f"venues.{venue}.options.{name}: no such option; {hint}")
        if allowed[name] and value not in allowed[name]:
            raise ConfigError(f"venues.{venue}.options.{name}: {value!r} is not one of {', '.join(allowed[name])}")
    return dict(settings.options)
