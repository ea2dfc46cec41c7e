"""Structured log: one event per line, no secret in any form, and it never blocks the caller."""

from __future__ import annotations

import ast
import io
import json
import logging
import resource
import threading
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from arbkit.core.types import Secret, Side
from arbkit.monitor.board import Board
from arbkit.monitor.log_writer import LogFile, LogWriter, capture_libraries
from arbkit.monitor.redactor import LONGEST, Redactor
from arbkit.monitor.words import line

CANARY = "CANARYdeadbeef0123"
NOON = 1_700_000_000_123_456_789


def lines(say: Callable[[LogWriter], None], *, human: bool = False, **settings: Any) -> list[str]:
    """What is written; ``human``: what a terminal shows."""
    stream, board = io.StringIO(), Board()
    log = LogWriter(lambda: NOON, stream, sinks=[board], **settings)
    say(log)
    log.close()
    return [line(told) for told in board.watched(0).lines] if human else stream.getvalue().splitlines()


def test_an_event_is_one_json_line_for_programs() -> None:
    """Time, event and fields; exact numbers as text."""
    (written,) = lines(
        lambda log: log("deal.closed", deal=7, outcome="hedged", net=Decimal("0.42"), side=Side.BUY, ms=1.5)
    )
    assert json.loads(written) == {
        "t": "2023-11-14T22:13:20.123456Z",
        "event": "deal.closed",
        "deal": 7,
        "outcome": "hedged",
        "net": "0.42",
        "side": "Side.BUY",
        "ms": 1.5,
    }


def test_a_terminal_gets_readable_text() -> None:
    """Not JSON, but also one line per event."""
    (shown,) = lines(lambda log: log("book.stale", instrument="okx:BTC-USDT", why="old"), human=True)
    assert shown == "22:13:20 book okx:BTC-USDT is too old: old; not traded"


@pytest.mark.parametrize("human", [False, True])
@pytest.mark.parametrize(
    "fields",
    [
        {"secret": CANARY},
        {"api_key": CANARY},
        {"okx_passphrase": CANARY},
        {"headers": {"X-MBX-APIKEY": CANARY, "Authorization": f"Bearer {CANARY}"}},
        {"headers": [("signature", "x"), {"OK-ACCESS-SIGN-TOKEN": CANARY}]},
        {"url": f"https://x/y?a=1&signature={CANARY}&b=2"},
        {"url": Secret(f"https://x/y?listen={CANARY}")},
        {"nested": [{"deep": (Secret(CANARY),)}]},
        {"text": f"the venue said: {CANARY}!"},
        {"raw": f"...{CANARY}...".encode()},
        {"body": f'{{"apiKey": "{CANARY}", "x": 1}}'},
        {CANARY: 1},
        {"error": ValueError(f"bad key {CANARY}")},
    ],
)
def test_no_secret_is_ever_written(fields: dict[str, Any], human: bool) -> None:
    """By field name, by type, by form and by its known text: a planted key never reaches the stream."""
    written = "\n".join(lines(lambda log: log("x", **fields), secrets=[Secret(CANARY)], human=human))
    assert CANARY not in written
    assert "***" in written


AWKWARD = 'pass"word/with+ä\nlines='


@pytest.mark.parametrize(
    "form",
    [
        AWKWARD,
        quote(AWKWARD, safe=""),
        quote_plus(AWKWARD),
        json.dumps(AWKWARD),
        json.dumps(AWKWARD, ensure_ascii=False),
        repr(AWKWARD),
        repr(AWKWARD.encode()),
        *(b64encode(before + AWKWARD.encode() + b" and more").decode() for before in (b"", b"k", b"ke")),
        urlsafe_b64encode(b"key:" + AWKWARD.encode()).decode(),
    ],
)
def test_a_secret_is_struck_in_every_form_in_which_it_can_be_echoed(form: str) -> None:
    """A venue or a library echoes a header, a URL, a body: percent, JSON, Python or base64, alone or in the middle."""
    shown = Redactor([AWKWARD]).strike(f"you sent {form}!")
    assert "***" in shown
    for part in ("word", "with", "lines", quote(AWKWARD)[:20], b64encode(AWKWARD.encode()).decode()[8:24]):
        assert part not in shown


def test_a_long_text_is_cut_and_its_secret_not_in_half() -> None:
    """15 MB of a venue are a line of a few kB, made at once; a secret across the cut is not half visible."""
    redactor = Redactor([CANARY])
    assert len(redactor.strike("token " * 2_500_000)) <= LONGEST
    for at in range(LONGEST - 2 * len(CANARY), LONGEST + 5):
        assert CANARY[:6] not in redactor.strike("x" * at + CANARY + "x" * 100)


def test_the_queue_counts_bytes() -> None:
    """A stuck disk and long texts: the queue holds no more than its bytes, and none of them whole."""
    gate = threading.Event()

    class Stuck(io.StringIO):
        def write(self, text: str) -> int:
            gate.wait(5)
            return super().write(text)

    stream = Stuck()
    log = LogWriter(lambda: NOON, stream, most_bytes=100_000)
    for _ in range(100):
        log("x", text="x" * 1_000_000)
    assert 80 <= log.dropped < 100
    gate.set()
    log.close()
    assert len(stream.getvalue()) < 100_000
    written = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert sum(line["count"] for line in written if line["event"] == "log.dropped") == log.dropped


def test_a_secret_that_was_cut_is_not_half_visible() -> None:
    """By the redactor itself, where struck secrets before it make the text shorter, or by who made the text."""
    redactor = Redactor([CANARY])
    for space in range(1, 40):
        struck = redactor.strike((CANARY + " " * space) * 1000)
        assert CANARY[:6] not in struck
        assert len(struck) <= LONGEST
    for size in range(6, len(CANARY)):
        said = f"TypeError: {CANARY[:2]}{CANARY[:size]}... (link a)"
        assert redactor.strike(said) == redactor.known(said) == f"TypeError: {CANARY[:2]}***... (link a)"
    assert redactor.strike(f"{CANARY[:10]} ...") == f"{CANARY[:10]} ..."


def test_fields_that_only_sound_secret_in_part_keep_their_value() -> None:
    """Instruments, client order ids and the word monkey are not masked."""
    event = {"instrument": "okx:KEY-USDT", "cl_ord_id": "a0000000000000xx", "monkey": "m", "link": "binance.main.trade"}
    assert Redactor().event(event) == event


@pytest.mark.parametrize("human", [False, True])
def test_control_characters_are_escaped(human: bool) -> None:
    """A venue's text cannot fake a line or control the terminal."""
    (shown,) = lines(lambda log: log("x", text="a\nb\x1b[2J\x9b\u2028\u202e\u061cc"), human=human)
    for character in ("\x1b", "\x9b", "\u2028", "\u202e", "\u061c"):
        assert character not in shown
    assert "a\\" in shown


def test_a_full_queue_drops_and_counts_and_never_waits() -> None:
    """A stuck disk costs log lines, not trades."""
    gate = threading.Event()

    class Stuck(io.StringIO):
        def write(self, text: str) -> int:
            gate.wait(5)
            return super().write(text)

    stream = Stuck()
    log = LogWriter(lambda: NOON, stream, most_waiting=10)
    for i in range(100):
        log("x", i=i)
    assert log.dropped >= 88
    gate.set()
    log.close()
    written = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert sum(line["count"] for line in written if line["event"] == "log.dropped") == log.dropped
    assert [line["i"] for line in written if line["event"] == "x"] == list(range(100 - log.dropped))


def test_a_field_that_cannot_be_written_costs_its_line_only() -> None:
    """An object whose ``str`` raises: counted, and the next event is written."""

    class Bad:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    found = lines(lambda log: (log("bad", x=Bad()), log("good", x=1)))  # type: ignore[func-returns-value]
    assert [json.loads(line)["event"] for line in found] == ["log.dropped", "good"]


def test_a_closed_stream_stops_nobody() -> None:
    """stderr is closed: log events are dropped and counted."""
    stream = io.StringIO()
    log = LogWriter(lambda: NOON, stream)
    stream.close()
    log("x")
    log.close()
    assert log.dropped == 1


def test_warnings_of_libraries_become_log_events() -> None:
    """Warnings and errors of aiohttp and asyncio (``logging``) are written to the same log, masked."""

    def say(log: LogWriter) -> None:
        with capture_libraries(log):
            logging.getLogger("aiohttp.client").warning("bad header token=%s", CANARY)
            logging.getLogger("aiohttp.client").info("not this")

    (written,) = lines(say)
    said = json.loads(written)
    assert (said["event"], said["logger"], said["level"]) == ("library", "aiohttp.client", "warning")
    assert CANARY not in written


def test_a_file_is_renamed_when_it_is_full(tmp_path: Path) -> None:
    """So many old ones stay; no line is lost or broken at the change, and each has the number of its run."""
    file = LogFile(tmp_path / "log" / "log.jsonl", most_bytes=2_000, keep=3)
    log = LogWriter(lambda: NOON, file, ids={"run": 7})
    for i in range(200):
        log("x", i=i, text="y" * 40)
    log.close()
    file.close()
    files = sorted((tmp_path / "log").iterdir())
    assert [each.name for each in files] == ["log.jsonl", "log.jsonl.1", "log.jsonl.2", "log.jsonl.3"]
    assert all(each.stat().st_size <= 2_000 and each.stat().st_mode & 0o777 == 0o600 for each in files)
    rows = [
        json.loads(text) for each in (files[3], files[2], files[1], files[0]) for text in each.read_text().splitlines()
    ]
    assert [row["i"] for row in rows] == list(range(200))[-len(rows) :]
    assert {row["run"] for row in rows} == {7}
    with pytest.raises(FileExistsError):
        LogFile(tmp_path / "log" / "log.jsonl" / "below", most_bytes=1, keep=1)


def test_the_page_lists_every_event() -> None:
    """docs/log.md has a row for each event in the code, because users build alarms on these names."""
    root = Path(__file__).parent.parent.parent
    page = (root / "docs/log.md").read_text()
    named = set()
    for file in (root / "arbkit").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("log", "_log")
            ):
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    named.add(first.value)
    assert "link.up" in named
    assert {name for name in named if f"| `{name}` |" not in page} == set()


def test_flush_waits_for_the_lines_and_for_a_reader_that_came_later() -> None:
    stream, later = io.StringIO(), []
    log = LogWriter(lambda: NOON, stream)
    log("one")
    log.flush()
    log.pass_to(lambda at_ns, event, fields: later.append(event))
    log("two")
    log.flush()
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["one", "two"]
    assert later == ["two"]
    log.close()


@contextmanager
def small_disk(most: int) -> Iterator[None]:
    """No file of this process gets larger."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_costs_whole_lines_and_is_told_once(tmp_path: Path) -> None:
    """Who watches the run gets one line with the reason and one when it is over, not one more for each lost line. The
    file has no half line, and its end is no error."""
    file, board, spare = LogFile(tmp_path / "log.jsonl", 10_000, 1), Board(), io.StringIO()
    log = LogWriter(lambda: NOON, file, sinks=[board], spare=spare)
    with small_disk(1_000):
        for i in range(50):
            log("x", i=i, text="y" * 40)
        log.flush()
    log("x", i=50)
    log.close()
    with small_disk(file.path.stat().st_size):
        file.close()
    rows = [json.loads(text) for text in file.path.read_text().splitlines()]
    kept = [row["i"] for row in rows if row["event"] == "x"]
    assert kept == [*range(len(kept) - 1), 50]
    assert 0 < log.dropped == 51 - len(kept)
    assert [row["count"] for row in rows if row["event"] == "log.dropped"] == [log.dropped]
    told = [line(one) for one in board.watched(0).lines if "event" not in one.text and not one.text.startswith("x:")]
    assert told == [
        "22:13:20 the log cannot be written, trading goes on: File too large",
        f"22:13:20 {log.dropped} lines of the log are lost",
    ]
    (alarm,) = spare.getvalue().splitlines()
    assert json.loads(alarm)["event"] == "alarm.log"


def test_a_log_on_a_full_disk_ends_without_an_error(tmp_path: Path) -> None:
    """Nothing is left that has to be written when it is closed."""
    (tmp_path / "log.jsonl").symlink_to("/dev/full")
    file = LogFile(tmp_path / "log.jsonl", 10_000, 1)
    log = LogWriter(lambda: NOON, file)
    log("x")
    log.close()
    file.close()
    assert log.dropped == 1
