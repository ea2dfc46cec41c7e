"""The live lines of a terminal: the state of a run, written for a width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from rich.cells import cell_len

from arbkit.monitor.picture import Picture, Shown
from arbkit.monitor.words import amounts, clock, hours, line, span

__all__ = ["Part", "folded", "header", "indent", "lines"]

SECOND = 1_000_000_000
SILENT_NS = 5 * SECOND
"""A picture is made once a second. With an older one the header says that the desk is silent."""
_LABEL = 9

Part = tuple[str, str]
"""Style and text."""


def header(picture: Picture, now_ns: int, width: int, most: int) -> list[Part]:
    """At most ``most`` lines that are shorter than ``width``. The styles are those of ``Shown.kind``, and ``rule``."""
    room = max(width - 1, 1)
    lines = [("rule", _rule(picture, now_ns, room))]
    silent_ns = now_ns - picture.at_ns
    if silent_ns > SILENT_NS:
        lines += [("alarm", text) for text in _rows("desk", [f"no sign of life for {span(silent_ns)}"], room)]
    marked = "not known yet" if picture.marked is None else amounts({picture.asset: picture.marked})
    bad = picture.marked is not None and picture.marked.startswith("-")
    lines += [("fault" if bad else "healed", text) for text in _rows("gain", [f"{marked} at book prices"], room)]
    lines += [("note", text) for text in _rows("deals", _deals(picture), room)]
    ready = [venue.name for venue in picture.venues if not venue.why]
    if ready:
        trusted, books = picture.books
        lines += [("note", text) for text in _rows("ready", [*ready, f"({trusted} of {books} books)"], room, " ")]
    for venue in picture.venues:
        if venue.why:
            lines += [("fault", text) for text in _rows("waiting", [f"{venue.name}: {venue.why}"], room)[:2]]
    why = "stopping: no new deals" if picture.stopping else picture.idle
    if why:
        lines += [("note", text) for text in _rows("no trade", [why], room)[:3]]
    return lines[: max(most, 1)]


def _rule(picture: Picture, now_ns: int, room: int) -> str:
    up = hours(max(now_ns - picture.began_ns, 0))
    text = f"-- {picture.kind} {picture.mode}, up {up}, {clock(now_ns)} UTC "
    return text[:room].ljust(room, "-")


def _deals(picture: Picture) -> list[str]:
    outcomes = ", ".join(f"{count} {name}" for name, count in sorted(picture.deals.items()))
    parts = [
        f"{sum(picture.deals.values())} closed" + (f" ({outcomes})" if outcomes else ""),
        f"{picture.open_deals} open",
    ]
    parts += [f"{picture.held} held"] * bool(picture.held)
    parts += [f"{picture.unresolved} orders in doubt"] * bool(picture.unresolved)
    return parts


def _rows(label: str, items: Sequence[str], room: int, between: str = ", ") -> list[str]:
    """The items after a label, on as many lines as they need; none is cut."""
    rows, row = [], label.ljust(_LABEL)
    for text in _pieces(items, room - _LABEL):
        joined = row + (between if row.strip() and row.strip() != label else "") + text
        if cell_len(joined) > room and row.strip() not in ("", label):
            rows.append(row)
            row = " " * _LABEL + text
        else:
            row = joined
    return [*rows, row]


def _pieces(items: Sequence[str], room: int) -> Iterator[str]:
    for item in items:
        yield from folded(item, room) if cell_len(item) > room else [item]


def folded(text: str, width: int, indent: str = "") -> list[str]:
    """The text on lines of at most ``width``, broken between words; a longer word stays whole."""
    if width <= len(indent) or cell_len(text) <= width:
        return [text]
    indent = max(indent, " " * (len(text) - len(text.lstrip())))
    return wrap(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) or [text]


def lines(told: Shown, width: int) -> list[str]:
    """``words.line`` on lines of at most ``width`` (0 = as long as they are)."""
    return [part for text in line(told, width).split("\n") for part in folded(text, width, " " * 9)]


def indent(text: str) -> str:
    """Where the further lines of a text of two columns begin: below the second."""
    head, _, rest = text.partition("  ")
    return " " * (len(text) - len(rest.lstrip())) if rest and len(head) < 12 else "  "
