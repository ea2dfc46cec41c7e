"""What the commands that read the history share: their options, times, amounts, and how rows are printed."""

from __future__ import annotations

import csv
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec
from msgspec import Struct

from arbkit.cli.output import config_option, json_option
from arbkit.core.types import plain
from arbkit.history.views import Span
from arbkit.monitor.terminal import clean, emit, show

if TYPE_CHECKING:
    from arbkit.history.read import Past

__all__ = [
    "TIME",
    "Question",
    "amount",
    "fold",
    "nothing",
    "options",
    "print_rows",
    "state_options",
    "when",
    "where_is",
    "width",
]

_Command = TypeVar("_Command", bound=Callable[..., Any])
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
SHOWN = 50
"""So many rows a table has without ``--limit``."""
WIDTH = 80
CONTROL = "control"
"""Socket of a desk that runs, in its folder: ``core.runtime.control``, which a reader need not load."""


class _Time(click.ParamType):  # type: ignore[type-arg]  # generic in the newest click only
    """A time in ns: so long ago, or a date and time (UTC)."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from arbkit.core.runtime.clock import Clock

        now_ns = Clock().now_ns()
        text = str(value).strip().lower()
        if found := _SPAN.fullmatch(text):
            return now_ns - round(float(found[1]) * _SECONDS[found[2]] * 1e9)
        if text in ("today", "yesterday"):
            day = datetime.fromtimestamp(now_ns // 10**9, UTC).replace(hour=0, minute=0, second=0)
            return _ns(day - timedelta(days=text == "yesterday"))
        try:
            found_time = datetime.fromisoformat(str(value).strip())
        except ValueError:
            self.fail(
                f"{value!r} is no time: write 30m, 12h, 1d or 2w (so long ago), today, 2026-11-30 or "
                "2026-11-30T14:05 (UTC)",
                param,
                ctx,
            )
        return _ns(found_time if found_time.tzinfo else found_time.replace(tzinfo=UTC))


TIME = _Time()


def _ns(time: datetime) -> int:
    return round(time.timestamp()) * 10**9


class Question(Struct, kw_only=True):
    """The options of such a command."""

    folder: Path
    span: Span
    form: str
    """``table``, ``json`` or ``csv``."""
    limited: bool = False
    """The limit of the span is ours, not the user's."""


def state_options(command: _Command) -> _Command:
    """``--state``, ``--paper``, ``--config``, ``--json``."""
    for option in (
        json_option,
        config_option,
        click.option("--paper", is_flag=True, help="The paper run of this state folder, if a live one is there too."),
        click.option("--state", "state_folder", type=click.Path(file_okay=False), help="State folder of the run."),
    ):
        command = option(command)
    return command


def options(command: _Command) -> _Command:
    """The options of a command that lists rows. It is called with one ``Question`` in place of them."""

    def asked(*args: Any, **given: Any) -> Any:
        names = (
            "since",
            "until",
            "symbol",
            "venue",
            "limit",
            "as_csv",
            "state_folder",
            "paper",
            "config_file",
            "as_json",
        )
        return command(*args, _asked(*(given.pop(name) for name in names)), **given)

    asked.__doc__, asked.__name__ = command.__doc__, command.__name__
    wrapped: Any = asked
    wrapped.__click_params__ = getattr(command, "__click_params__", [])
    for option in (
        click.option("--csv", "as_csv", is_flag=True, help="Print CSV with a header on stdout."),
        click.option("--limit", type=click.IntRange(min=0), help=f"The newest N rows, 0 = all; default {SHOWN}."),
        click.option("--venue", default="", help="Only this venue, as okx."),
        click.option("--symbol", default="", help="Only this symbol, as BTC-USDT."),
        click.option("--until", type=TIME, metavar="TIME", help="Before this time."),
        click.option("--since", type=TIME, metavar="TIME", help="From this time on: 12h, 1d, today, 2026-11-30."),
    ):
        wrapped = option(wrapped)
    done: _Command = state_options(wrapped)
    return done


def _asked(
    since: int | None,
    until: int | None,
    symbol: str,
    venue: str,
    limit: int | None,
    as_csv: bool,
    state_folder: str | None,
    paper: bool,
    config_file: str | None,
    as_json: bool,
) -> Question:
    if as_csv and as_json:
        raise click.UsageError("--csv and --json: choose one")
    if since is not None and until is not None and since >= until:
        raise click.UsageError("--since is not before --until")
    form = "csv" if as_csv else "json" if as_json else "table"
    span = Span(symbol=symbol.upper(), venue=venue.lower(), limit=limit or 0)
    if limit is None and form == "table":
        span = msgspec.structs.replace(span, limit=SHOWN)
    if since is not None:
        span = msgspec.structs.replace(span, since_ns=since)
    if until is not None:
        span = msgspec.structs.replace(span, until_ns=until)
    return Question(folder=where_is(state_folder, paper, config_file), span=span, form=form, limited=limit is None)


def where_is(state_folder: str | None, paper: bool, config_file: str | None) -> Path:
    """The folder of the live run; of the paper run with ``--paper``, where there is no other, and where it is the one
    that runs."""
    if state_folder:
        root = Path(state_folder)
    else:
        from arbkit.config.load import load

        root = load(config_file).state.path
    live, other = root / "live", root / "paper"
    runs = (other / CONTROL).exists() and not (live / CONTROL).exists()
    return other if paper or not live.exists() or runs else live


# --- words


def when(at_ns: int, *, day: bool = True) -> str:
    """A time (UTC) with milliseconds; without the day: to the second."""
    time = datetime.fromtimestamp(at_ns // 10**9, UTC)
    return f"{time:%Y-%m-%d %H:%M:%S}.{at_ns // 10**6 % 1000:03d}" if day else f"{time:%H:%M:%S}"


def amount(value: Decimal | None, *, sign: bool = True) -> str:
    """An amount in 8 characters or few more; "-" = not known."""
    if value is None:
        return "-"
    size = abs(value)
    if size and size < Decimal("0.0001"):
        return f"{value:{'+' if sign else ''}.1e}"
    places = 4 if size < 100 else 3 if size < 1000 else 2
    text = f"{value:{'+' if sign and value else ''}.{places}f}"
    return "0" if not value else text


def width() -> int:
    """Columns that a line may have: those of the terminal, elsewhere ``WIDTH``."""
    return max(shutil.get_terminal_size((WIDTH, 24)).columns, WIDTH) if sys.stdout.isatty() else WIDTH


def fold(name: str, names: Sequence[str]) -> str:
    """The legs of a deal: ``BTC-USDT binance>okx``, or every leg where the symbols differ."""
    symbols = {one.partition(":")[2] for one in names}
    if len(symbols) == 1:
        return f"{symbols.pop()} {'>'.join(one.partition(':')[0] for one in names)}"
    return ">".join(names) or name


# --- rows


def nothing(history: Past, asked: Question, what: str) -> str:
    """That there is none, and what there is instead if the symbol or the venue was never traded here."""
    from arbkit.history.read import traded  # imported late: it loads SQLite

    known = traded(history)
    for option, wanted, there in (
        ("--symbol", asked.span.symbol, {name.partition(":")[2] for name in known}),
        ("--venue", asked.span.venue, {name.partition(":")[0] for name in known}),
    ):
        if wanted and wanted not in there:
            near = get_close_matches(wanted, there, 1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(sorted(there)) or 'none'}"
            return f"no {what}: {option} {wanted} is not in this history; {hint}"
    return f"no {what}"


def print_rows(
    asked: Question,
    rows: Iterable[Struct],
    columns: Sequence[str],
    cells: Callable[[Any], Sequence[str]],
    empty: Callable[[], str],
) -> None:
    """Rows as JSON, CSV or a table. ``columns``: of the table; ``>`` before a name = to the right. The first is the
    time of the row in ns, of which the day stands above. ``cells`` makes the texts of a row, ``empty`` that of
    no row."""
    if asked.form == "json":
        emit([msgspec.to_builtins(row) for row in rows])
    elif asked.form == "csv":
        _csv(list(rows))
    elif found := list(rows):
        _table(columns, [cells(row) for row in found])
    else:
        show(empty())


def _csv(rows: Sequence[Struct]) -> None:
    if not rows:
        return
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(rows[0].__struct_fields__)
    for row in rows:
        out.writerow([_cell(getattr(row, name)) for name in row.__struct_fields__])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, (list, tuple)):
        return ";".join(" ".join(map(_cell, one)) if isinstance(one, tuple) else _cell(one) for one in value)
    text = clean(msgspec.json.encode(value).decode() if isinstance(value, dict) else str(value))
    return f"'{text}" if text[:1] in ("=", "+", "@") else text  # a spreadsheet would run it


def _told(lines: Sequence[Sequence[str]], days: Sequence[str], widths: Sequence[int], most: int) -> None:
    """Rows that end with a sentence, which goes on below itself."""
    indent = widths[0] + widths[1] + 4
    day = ""
    for line, its in zip(lines, days, strict=True):
        if its != day:
            show(its)
            day = its
        told = wrap(line[2], max(most - indent, 20), break_on_hyphens=False) or [""]
        show(f"{line[0].ljust(widths[0])}  {line[1].ljust(widths[1])}  {told[0]}".rstrip())
        for rest in told[1:]:
            show(" " * indent + rest)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """With the day as a heading where it changes. Where the rows are too wide, the second column has its own line."""
    right = [column.startswith(">") for column in columns]
    lines = [[column.lstrip(">") for column in columns]]
    days: list[str] = [""]
    for row in rows:
        at, *rest = row
        days.append(when(int(at))[:10] if at.isdecimal() else "")
        lines.append([when(int(at), day=False) if at.isdecimal() else at, *(one.replace("\n", " ") for one in rest)])
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    most = width()
    if len(columns) == 3:
        _told(lines, days, widths, most)
        return
    wide = sum(widths) + 2 * (len(widths) - 1) > most
    day = ""
    for line, its in zip(lines, days, strict=True):
        if its != day:
            show(its)
            day = its
        padded = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ]
        if wide:
            show(f"{padded[0]}  {line[1]}".rstrip())
            padded = [" " * widths[0], *padded[2:]]
        show("  ".join(padded).rstrip())
