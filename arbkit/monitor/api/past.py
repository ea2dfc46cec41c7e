"""``/api/v1/history``: the history of this and earlier runs. It is read on a thread, a page at a time.

The rows are those of ``history.views``, with times in microseconds (``_us``) and amounts as plain text.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from arbkit.core.types import plain
from arbkit.history import read
from arbkit.history.views import Alarm, BalanceRow, DealRow, FillRow, GainRow, OrderRow, RunRow, Span
from arbkit.monitor.api.shapes import Amount

__all__ = ["PAGES", "Page", "PastPages", "page_of", "span_of"]

MOST = 500
"""Rows of a page."""
_AT_ONCE = 1
_SWITCH_S = 0.0005
"""The loop gets the interpreter back from the thread so soon."""
_Row = type[Struct]


class Page(Struct, frozen=True, kw_only=True):
    """One kind of rows: how they are read, and which of the parameters it knows."""

    read: Callable[[read.Past, Span], Sequence[Struct]]
    row: _Row
    """As it is in ``history.views``."""
    takes: Sequence[str] = ("since", "until", "symbol", "venue", "limit")


PAGES: Mapping[str, Page] = {
    "runs": Page(read=lambda past, span: read.runs(past, span.limit), row=RunRow, takes=("limit",)),
    "deals": Page(read=read.deals, row=DealRow),
    "orders": Page(read=read.orders, row=OrderRow),
    "fills": Page(read=read.fills, row=FillRow),
    "balances": Page(read=read.balances, row=BalanceRow),
    "pnl": Page(read=read.gains, row=GainRow),
    "alarms": Page(read=read.alarms, row=Alarm),
}
_IDS = frozenset({"deal", "id"})
"""Numbers that are too large for JavaScript."""


def _name(field: str) -> str:
    return f"{field.removesuffix('_ns')}_us" if field.endswith("_ns") else field


def _type(name: str, kind: Any) -> Any:
    """The type of a field as the API has it."""
    if kind is Decimal:
        return Amount
    if kind is int and name in _IDS:
        return str
    if get_origin(kind) in (Union, UnionType):
        found = [_type(name, one) for one in get_args(kind) if one is not NoneType]
        return Union[(*found, None)]
    if name == "fees":
        return Mapping[str, Amount]
    return kind


def page_of(name: str) -> type[Struct]:
    """The type of a page, for the schema."""
    row = PAGES[name].row
    hints = get_type_hints(row)
    made = msgspec.defstruct(
        f"Past{row.__name__.removesuffix('Row')}",
        [(_name(field), _type(field, hints[field])) for field in row.__struct_fields__],
        kw_only=True,
        namespace={"__doc__": row.__doc__},
    )
    return msgspec.defstruct(
        f"PastPage{row.__name__.removesuffix('Row')}",
        [("rows", list[made]), ("more", Annotated[bool, Meta(description="There are older rows.")])],  # type: ignore[valid-type]  # made above
    )


def _told(name: str, value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain(value)
    if name.endswith("_ns") and isinstance(value, int):
        return value // 1000
    if name in _IDS and isinstance(value, int):
        return str(value)
    if name == "fees" and value is not None:  # the part of an open deal is not known
        return {asset: plain(fee) for asset, fee in value}
    return value


class PastPages:
    """The history in the state folder ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def page(self, name: str, span: Span) -> bytes:
        """A page as JSON: the newest row first. ``span.limit`` rows at most. Raises ``ConfigError`` if there is no
        history, or it is damaged."""
        async with self._turns:
            return await asyncio.to_thread(self._read, name, span)

    def _read(self, name: str, span: Span) -> bytes:
        page, limit = PAGES[name], span.limit
        with _polite(), read.open_history(self._folder) as past:
            rows = page.read(past, msgspec.structs.replace(span, limit=limit + 1))
        shown = rows if name == "balances" else rows[::-1]
        found = [{_name(field): _told(field, getattr(row, field)) for field in row.__struct_fields__} for row in shown]
        return msgspec.json.encode({"rows": found[:limit], "more": len(found) > limit})


@contextmanager
def _polite() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def span_of(query: Mapping[str, str], takes: Sequence[str]) -> Span:
    """The parameters of a request. Times are microseconds since 1970. Raises ``ValueError``."""
    for name in query:
        if name not in takes:
            raise ValueError(f"{name}: is no parameter of it; it has {', '.join(takes)}")
    limit = _number(query, "limit", 100, MOST)
    if not limit:
        raise ValueError(f"limit: must be 1 to {MOST}")
    most_us = (1 << 62) // 1000
    return Span(
        since_ns=_number(query, "since", 0, most_us) * 1000,
        until_ns=_number(query, "until", most_us, most_us) * 1000,
        symbol=_short(query, "symbol"),
        venue=_short(query, "venue"),
        limit=limit,
    )


def _short(query: Mapping[str, str], name: str) -> str:
    text = query.get(name, "")
    if len(text) > 64:
        raise ValueError(f"{name}: has {len(text)} characters, 64 at most")
    return text


def _number(query: Mapping[str, str], name: str, usual: int, most: int) -> int:
    text = query.get(name)
    if text is None:
        return usual
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= most):
        raise ValueError(f"{name}: {text[:30]!r} is no whole number from 0 to {most}")
    return int(text)
