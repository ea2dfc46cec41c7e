"""``arbkit journal``: what the journal holds, whether it is whole, and the history made anew from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import msgspec

from arbkit.cli.past import TIME, state_options, when, where_is
from arbkit.core.errors import ConfigError
from arbkit.core.orders.journal import Record
from arbkit.core.runtime.journal_file import StateFolder
from arbkit.history import schema
from arbkit.history.chain import Chain
from arbkit.history.intake import JOURNAL, at_of
from arbkit.history.rebuild import contents, rebuild
from arbkit.history.schema import open_to_read
from arbkit.monitor.terminal import emit, say, show


@click.group()
def command() -> None:
    """The journal is what a run writes before it acts. The history is made from it."""


@command.command("show")
@click.option("--since", type=TIME, metavar="TIME", help="From this time on: 12h, 1d, today, 2026-11-30.")
@click.option("--until", type=TIME, metavar="TIME", help="Before this time.")
@click.option("--limit", type=click.IntRange(min=0), default=0, help="The newest N records; default: all.")
@state_options
def show_(
    since: int | None,
    until: int | None,
    limit: int,
    state_folder: str | None,
    paper: bool,
    config_file: str | None,
    as_json: bool,
) -> int:
    """Print the records, one a line, the oldest first: also those that later runs do not need any more."""
    wanted: Iterator[Record] = (
        record for record in _records(_folder(state_folder, paper, config_file)) if _in(record, since, until)
    )
    if limit:
        from collections import deque

        wanted = iter(deque(wanted, limit))
    for record in wanted:
        if as_json:
            emit(record)
        else:
            show(_line(record))
    return 0


@command.command("verify")
@state_options
def verify(state_folder: str | None, paper: bool, config_file: str | None, as_json: bool) -> int:
    """Read every record, and compare the history with one that is made from them. Exit code 2: something is wrong.

    While a run goes on, what it has written in the last moment is not compared.
    """
    folder = _folder(state_folder, paper, config_file)
    counts: Counter[str] = Counter()
    with closing(Chain(folder / JOURNAL)) as chain:
        files = chain.paths
        size = sum(file.stat().st_size for file in files)
        for record in chain.records():
            counts[type(record).__struct_config__.tag] += 1  # type: ignore[index]  # every record has a tag
        problems = [*chain.problems, *chain.damage()]
    problems += _compare(folder)
    if as_json:
        emit({"files": [str(file) for file in files], "bytes": size, "records": counts, "problems": problems})
    else:
        show(f"{folder / JOURNAL}: {sum(counts.values())} records in {len(files)} files, {size} bytes")
        for tag, count in sorted(counts.items()):
            show(f"  {tag:<8} {count}")
        for problem in problems:
            show(f"PROBLEM: {problem}")
        if not problems:
            show("whole; the history is what the journal and the diary say")
    return 2 if problems else 0


@command.command("rebuild")
@click.option("--force", is_flag=True, help="Although runs are lost that only the present history has.")
@state_options
def rebuild_(force: bool, state_folder: str | None, paper: bool, config_file: str | None, as_json: bool) -> int:
    """Make the history anew from the journal and the diary. No run may be on the state folder. Exit code 2: it is
    made, but a part of the journal is lost or damaged."""
    folder = _folder(state_folder, paper, config_file)
    with _locked(folder):
        try:
            done = rebuild(folder, force=force)
        except OSError as error:
            raise ConfigError(f"{folder}: the history cannot be made: {error.strerror}; the old one stays") from None
    if as_json:
        emit(done)
        return 2 if done.problems else 0
    for problem in done.problems:
        say(f"PROBLEM: {problem}")
    per_deal = f", {done.bytes / done.deals:.0f} bytes a deal" if done.deals >= 1000 else ""
    show(f"{folder / schema.NAME}: {done.bytes / 1e6:.1f} MB{per_deal}")
    show(f"  {done.runs} runs, {done.deals} deals, {done.orders} orders, {done.fills} fills")
    return 2 if done.problems else 0


def _folder(state_folder: str | None, paper: bool, config_file: str | None) -> Path:
    folder = where_is(state_folder, paper, config_file)
    if not (folder / JOURNAL).exists():
        raise ConfigError(
            f"{folder}: holds no journal: no run has used it yet, or --state names another folder than state.folder"
        )
    return folder


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with ExitStack() as stack:
        stack.callback(StateFolder(folder.parent, folder.name).close)
        yield


def _records(folder: Path) -> Iterator[Record]:
    with closing(Chain(folder / JOURNAL)) as chain:
        yield from chain.records()
        for problem in [*chain.problems, *chain.damage()]:
            say(f"PROBLEM: {problem}")


def _in(record: Any, since: int | None, until: int | None) -> bool:
    return (since is None or record.at_ns >= since) and (until is None or record.at_ns < until)


def _line(record: Any) -> str:
    fields = msgspec.to_builtins(record, builtin_types=())
    at_ns, tag = fields.pop("at_ns"), fields.pop("type")
    flat = _flat(fields)
    return f"{when(at_ns)}  {tag:<8} " + " ".join(f"{name}={value}" for name, value in flat.items() if value != "")


def _flat(fields: dict[str, Any], before: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in fields.items():
        if isinstance(value, dict) and before == "" and name == "order":
            found.update(_flat(value, "order."))
        elif value not in (None, "", [], {}, False):
            found[name] = _word(value)
    return found


def _word(value: Any) -> str:
    if isinstance(value, list | tuple):
        pairs = all(isinstance(one, list | tuple) for one in value)
        return ",".join(":".join(map(_word, one)) if pairs else _word(one) for one in value)
    if isinstance(value, dict):
        kept = ((name, one) for name, one in value.items() if name not in ("type", "at_ns"))
        return "{" + " ".join(f"{name}:{_word(one)}" for name, one in kept) + "}"
    text = str(value)
    return f"'{text}'" if " " in text else text


def _compare(folder: Path) -> list[str]:
    """What differs between the history and one that is made anew."""
    path = folder / schema.NAME
    try:
        with closing(open_to_read(path)) as old, TemporaryDirectory(prefix="arbkit-verify-") as place:
            old.execute("BEGIN")  # a run may write meanwhile
            (checked,) = old.execute("PRAGMA quick_check(1)").fetchone()
            if checked != "ok":
                return [f"{path}: {checked}: `arbkit journal rebuild` makes it anew"]
            fresh = Path(place) / schema.NAME
            rebuild(folder, into=fresh, until=at_of(old))
            with closing(open_to_read(fresh)) as new:
                told, made = contents(old), contents(new)
    except FileNotFoundError:
        return [f"{path}: there is no history: `arbkit journal rebuild` makes it"]
    return [f"{path}: the table {table} is not what the journal says" for table in told if told[table] != made[table]]
