"""Replaying recordings, with a venue made up for the purpose: nothing here may depend on a real one."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from arbkit.core.errors import BadFrame
from arbkit.core.types import (
    NEVER,
    Ask,
    AskKind,
    BookLost,
    BookUpdate,
    Catalogue,
    HttpRequest,
    Instrument,
    InstrumentUpdate,
    Level,
    LinkSpec,
    Role,
    TopUpdate,
)
from arbkit.testing import recording
from arbkit.testing.recording import RecordedFrame, Replay, Summary, read_frames


class Toy:
    """A venue whose frames say outright what they mean."""

    venue = "toy"
    capabilities: Any = None
    rate_limits = ()

    def session(self, link: LinkSpec, catalogue: Catalogue, signer: object) -> Any:
        return ToySession(catalogue, rest=link.role is Role.REST)


class ToySession:
    due_ns = NEVER

    def __init__(self, catalogue: Catalogue, *, rest: bool) -> None:
        self.catalogue = catalogue

    def start(self, now_ns: int) -> Sequence[Any]:
        return ()

    def receive(self, data: str | bytes, now_ns: int) -> Sequence[Any]:
        said = json.loads(data)
        known = self.catalogue.native("toy", said.get("s", ""))
        name = known.id if known else ""
        match said["do"]:
            case "ask":
                return (Ask(kind=AskKind.SNAPSHOT, instrument=name),)
            case "book":
                bids = [Level(px, qty) for px, qty in said["bids"]]
                return (BookUpdate(name, bids, [Level(2e5, 1e-5)], bool(said.get("snapshot")), said.get("seq", 0)),)
            case "lost":
                return (BookLost(name, "gap"),)
            case "top":
                return (TopUpdate(name, Level(7.0, 1.0), Level(8.0, 1.0), 99),)
        raise BadFrame("?")

    def answered(self, what: Ask, answer: Any, now_ns: int) -> Sequence[Any]:
        said = json.loads(answer.body)
        if what.kind is AskKind.CATALOGUE:
            return [
                InstrumentUpdate(
                    Instrument(
                        venue="toy", symbol=symbol, native=native, base="", quote="", tick=Decimal(1), lot=Decimal(1)
                    )
                )
                for native, symbol in said.items()
            ]
        return (BookUpdate(what.instrument, [Level(said["bid"], 1.0)], [], True, 1),)

    def encode(self, what: Ask, now_ns: int) -> Sequence[Any]:
        if what.kind is AskKind.CATALOGUE:
            return [HttpRequest("GET", "https://toy/v9/markets?all=1")]
        return [HttpRequest("GET", f"https://toy/v9/book?market={self.catalogue[what.instrument].native}")]


def ws(conn: str = "a", **said: Any) -> dict[str, Any]:
    return {"t": 1.5, "dir": "in", "kind": "ws", "url": "wss://toy", "conn": conn, "data": json.dumps(said)}


def http(url: str, **said: Any) -> dict[str, Any]:
    return {"t": 1.5, "dir": "in", "kind": "http", "url": url, "data": json.dumps(said)}


def book(symbol: str, *bids: tuple[float, float], **more: Any) -> dict[str, Any]:
    return ws(do="book", s=symbol, bids=bids, **more)


def written(tmp_path: Path, *frames: dict[str, Any], tail: str = "") -> Path:
    path = tmp_path / "frames.jsonl"
    path.write_text("".join(json.dumps(frame) + "\n" for frame in frames) + tail)
    return path


def lines(path: Path, **options: Any) -> list[dict[str, Any]]:
    found: list[str] = []
    recording.print_books(path, Toy(), out=found.append, **options)  # type: ignore[arg-type]
    return [json.loads(text) for text in found]


def test_a_line_for_each_frame_that_changed_a_book(tmp_path: Path) -> None:
    """Numbers are plain text; the line number counts every line of the file; out-frames are not fed."""
    path = written(
        tmp_path,
        {"t": 1, "dir": "out", "kind": "ws", "url": "", "conn": "a", "data": '{"do":"lost","s":"X"}'},
        book("X", (1.0, 1e-5), (0.5, 1e-8), snapshot=True),
        ws(do="top", s="X"),
        book("X", (1e-05, 123456789.0)),
    )
    first, second, summary = lines(path, top=2)
    assert first == {
        "i": 1,
        "symbol": "X",
        "bid": ["1", "0.00001"],
        "ask": ["200000", "0.00001"],
        "bids2": [["1", "0.00001"], ["0.5", "0.00000001"]],
        "asks2": [["200000", "0.00001"]],
    }
    assert second["i"] == 3
    assert summary == {"summary": {"frames": 4, "books": 1, "gaps": 0, "errors": 0}}


def test_fused_lays_the_faster_top_over(tmp_path: Path) -> None:
    """Only on demand."""
    path = written(tmp_path, book("X", (1.0, 1.0), snapshot=True, seq=5), ws(do="top", s="X"))
    assert [line["bid"] for line in lines(path, fused=True)[:-1]] == [["1", "1"], ["7", "1"]]
    assert len(lines(path)) == 2


def test_answers_find_those_who_asked(tmp_path: Path) -> None:
    """By the last part of the path and the native name, whatever host and version; also when they came first."""
    path = written(
        tmp_path,
        http("https://else/v1/markets", X="A-B"),
        ws(do="ask", s="X"),
        ws(do="ask", s="Y"),
        http("https://else/v1/book?depth=9&market=Y", bid=2.0),
        http("https://else/v1/book?depth=9&market=X", bid=1.0),
        http("https://else/v1/book?market=Z", bid=3.0),
        ws(do="ask", s="Z"),
    )
    assert [(line["i"], line["symbol"], line["bid"]) for line in lines(path)[:-1]] == [
        (3, "Y", ["2", "1"]),
        (4, "X", ["1", "1"]),
        (6, "Z", ["3", "1"]),
    ]


def test_lost_books_print_nothing_until_they_are_whole(tmp_path: Path) -> None:
    """A gap is counted; deltas on a lost book are no book."""
    path = written(
        tmp_path,
        book("X", (1.0, 1.0), snapshot=True),
        ws(do="lost", s="X"),
        book("X", (2.0, 1.0)),
        book("X", (3.0, 1.0), snapshot=True),
    )
    *found, summary = lines(path)
    assert [line["i"] for line in found] == [0, 3]
    assert summary["summary"]["gaps"] == 1


def test_what_cannot_be_read_is_counted(tmp_path: Path) -> None:
    """Bad frames, bad lines and noise cost themselves, nothing else."""
    path = written(tmp_path, ws(do="nonsense"), book("X", (1.0, 1.0), snapshot=True))
    path.write_bytes(b"not json\n\xff\xfe\n{}\n" + path.read_bytes())
    *found, summary = lines(path)
    assert [line["i"] for line in found] == [4]
    assert summary["summary"] == {"frames": 2, "books": 1, "gaps": 0, "errors": 4}


def test_each_problem_is_told_with_its_line_and_its_reason(tmp_path: Path) -> None:
    """A frame that cannot be read, and a lost book. The next frame has no part of it."""
    path = written(
        tmp_path,
        ws(do="nonsense"),
        book("X", (1.0, 1.0), snapshot=True),
        ws(do="lost", s="X"),
        book("X", (1.0, 1.0), snapshot=True),
    )
    told: list[str] = []
    recording.print_books(path, Toy(), out=lambda line: None, warn=told.append)  # type: ignore[arg-type]
    assert told == ["line 1: cannot be read: BadFrame: ?", "line 3: X is lost: gap"]


@pytest.mark.parametrize("packed", [False, True])
def test_a_torn_end_is_read_up_to_and_said(tmp_path: Path, packed: bool) -> None:
    """Plain or gzipped."""
    whole = [book("X", (float(n), 1.0), snapshot=True) for n in range(1, 40)]
    path = written(tmp_path, *whole)
    data = path.read_bytes()
    if packed:
        data = gzip.compress(data)
        path = tmp_path / "frames.jsonl.gz"
    path.write_bytes(data[: len(data) - 30])
    *found, summary = lines(path)
    torn = summary["summary"]["torn"]
    assert torn == len(found) == summary["summary"]["frames"] <= 38
    assert [line["i"] for line in found] == list(range(torn))


def test_a_last_line_without_its_newline_is_whole_if_it_reads(tmp_path: Path) -> None:
    """No false alarm."""
    path = written(tmp_path, tail=json.dumps(book("X", (1.0, 1.0), snapshot=True)))
    assert lines(path)[-1] == {"summary": {"frames": 1, "books": 1, "gaps": 0, "errors": 0}}


def test_a_line_without_end_is_not_held_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger's file of one endless line: it is an error like any other, and the lines after it are read."""
    monkeypatch.setattr(recording, "LONGEST", 1000)
    path = written(tmp_path, book("X", (1.0, 1.0), snapshot=True))
    good = path.read_bytes()
    path.write_bytes(good + b'{"data": "' + b"x" * 10_000 + b'"}\n' + good)
    *found, summary = lines(path)
    assert [line["i"] for line in found] == [0, 2]
    assert summary["summary"]["errors"] == 1
    path.write_bytes(good + b"x" * 1000)
    assert lines(path)[-1]["summary"] == {"frames": 1, "books": 1, "gaps": 0, "errors": 0, "torn": 1}


@pytest.mark.parametrize("t", [1e300, -1, 1e10])
def test_a_time_that_cannot_be_is_a_bad_line(tmp_path: Path, t: float) -> None:
    """Neither infinite nor before 1970: the line is counted, and the next one is read."""
    bad, good = (book("X", (1.0, 1.0), snapshot=True) for _ in range(2))
    summary = lines(written(tmp_path, {**bad, "t": t}, good))[-1]["summary"]
    assert (summary["errors"], summary["frames"]) == (1, 1)


def test_binary_frames(tmp_path: Path) -> None:
    """base64 in the file, bytes to the session."""
    frame = book("X", (1.0, 1.0), snapshot=True)
    frame |= {"b64": True, "data": base64.b64encode(frame["data"].encode()).decode()}
    assert len(lines(written(tmp_path, frame))) == 2


def test_each_connection_has_its_session() -> None:
    """Sequences of two sockets never mix; a venue may read recordings with a session of its own."""

    class Old(Toy):
        made = 0

        def replay_session(self, *args: Any) -> Any:
            Old.made += 1
            return self.session(*args)

    played = Replay(Old())  # type: ignore[arg-type]
    for conn in ("a", "b", "a"):
        played.feed(msgspec.convert(ws(conn, do="top", s="X"), RecordedFrame))
    assert Old.made == 2


def test_missing_file(tmp_path: Path) -> None:
    """The reader says so in the system's words."""
    with pytest.raises(FileNotFoundError):
        list(read_frames(tmp_path / "none.jsonl", Summary()))
