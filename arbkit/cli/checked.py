"""Prints the report of ``arbkit adapters check`` for a person."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from arbkit.app.remedies import remedy
from arbkit.monitor.terminal import show

if TYPE_CHECKING:
    from arbkit.app.check.report import CheckedBook, Report

_WIDE = 69


def show_report(report: Report) -> None:
    """What was measured, then what does not match, and for what could not be reached what to do."""
    where = (
        f"{report.environment} of {report.venue}" if report.against == "venue" else f"the simulator of {report.venue}"
    )
    _line("", f"{report.distribution} {report.version} against {where}, {report.seconds:g} s, {report.at}")
    for one in report.endpoints:
        _line("endpoint", one)
        if not one.endswith(": ok"):
            _line(" ", f"-> {remedy(one)}")
    if not report.reached:
        show(f"\n{report.venue} could not be reached: nothing was compared")
        return
    answer = "" if report.answer_ms is None else f", the fastest answer took {report.answer_ms:g} ms"
    _line("catalogue", f"{report.instruments} instruments, {report.tradable} tradable{answer}")
    if report.clock_ms is not None:
        _line("clock", f"{report.clock_ms:+g} ms against ours, known to {report.clock_error_ms:g} ms")
    for book in report.books:
        _line("book", _book(book))
    for event, count in report.events.items():
        if event.startswith(("book.", "link.d", "link.b", "link.q", "venue.", "loop.")):
            _line("event", f"{event}: {count} times")
    show("")
    if not report.mismatches:
        _line("", f"all that was looked at matches the claims of {report.distribution}")
        return
    for text in report.mismatches:
        _line("MISMATCH", text)
    _line("", f"{len(report.mismatches)} mismatches; --json prints the report for the author of {report.distribution}")


def _book(book: CheckedBook) -> str:
    if book.state != "SYNCED":
        return f"{book.instrument} {book.state}: {book.why}"
    late = "no times of the venue"
    if book.transit_p50_ms is not None:
        late = f"transit {book.transit_p50_ms:g} ms, p99 {book.transit_p99_ms:g} ms"
    same = book.compared
    equal = f"; {same.equal} of {same.compared} states equal to the {same.to}" if same.to else ""
    cadence = f"{book.per_s:g} updates/s, p99 gap {book.gap_p99_ms:g} ms, longest {book.longest_gap_ms:g} ms"
    return f"{book.instrument} first after {book.first_ms or 0:.0f} ms; {cadence}; {late}{equal}"


def _line(head: str, text: str) -> None:
    """A text beside its head, folded for a terminal of 80 columns."""
    for i, line in enumerate(wrap(text, _WIDE, break_long_words=False, break_on_hyphens=False)):
        show(f"{'' if i else head:<9}  {line}" if head else line)
