"""Conformance rules about recorded frames of the real venue (``--recording FILE``)."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from arbkit.core.errors import ConfigError
from arbkit.core.types import plain
from arbkit.testing.conformance.rules import NotRun, VenueUnderTest, must, rule
from arbkit.testing.recording import RecordedFrame, Replay, Summary, book_line, read_frames

__all__ = ["expected_beside", "read_recording"]

_TOP = 5
_COMPARED = 20
"""Levels per side that are compared."""
_AFTER = 25
"""Frames that are played after a fault."""
_BUDGET = 40_000
"""Frames that are played per kind of fault: each fault is played from the beginning of the recording."""

Tops = tuple[Sequence[tuple[float, float]], Sequence[tuple[float, float]]]


def read_recording(path: Path) -> Sequence[RecordedFrame]:
    """The frames. Raises ``ConfigError`` with the line that cannot be read."""
    frames: list[RecordedFrame] = []
    summary = Summary()
    for number, frame in read_frames(path, summary):
        if summary.errors:
            raise ConfigError(f"{path}: line {number} is no frame: a JSON object with dir, kind, url and data")
        frames.append(frame)
    if summary.torn is not None or summary.errors:
        raise ConfigError(f"{path}: line {len(frames) + 1} is no frame: a JSON object with dir, kind, url and data")
    if not frames:
        raise ConfigError(f"{path}: contains no frames; expected JSON objects with dir, kind, url and data")
    return frames


def expected_beside(path: Path) -> Path | None:
    """The file of expected books beside the recording ``frames<name>``; None if there is none."""
    name = path.name.removesuffix(".gz").removesuffix(".jsonl")
    if not name.startswith("frames"):
        return None
    found = [path.with_name(f"expected{name.removeprefix('frames')}.jsonl{end}") for end in ("", ".gz")]
    return next((file for file in found if file.is_file()), None)


def _expected(path: Path) -> Iterator[Mapping[str, Any]]:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                row = msgspec.json.decode(line)
                row["i"], row["symbol"]
            except (msgspec.DecodeError, TypeError, KeyError):
                raise ConfigError(f"{path}: line {number} is no expected book: an object with i, symbol, ...") from None
            yield row


def _frames(subject: VenueUnderTest) -> Sequence[RecordedFrame]:
    assert subject.recording is not None
    return read_recording(subject.recording)


@rule("recordings", "recording")
def recording(subject: VenueUnderTest) -> str:
    """Each recorded frame is read without an error, and no book has a gap; a recorded catalogue has a tradable
    instrument; where ``expected*.jsonl`` is beside the recording, each book equals the expected one, to the last
    digit."""
    assert subject.recording is not None
    replay = Replay(subject.made())
    books: dict[tuple[int, str], dict[str, Any]] = {}
    lost = ""
    for number, frame in enumerate(_frames(subject)):
        for instrument in replay.feed(frame):
            native = replay.native(instrument)
            books[number, native] = book_line(native, replay.books[instrument], _TOP)
        problems = "; ".join(replay.problems)
        must(not replay.errors, f"line {number + 1} {problems}: {frame.data[:120]!r}")
        lost = lost or (f"; line {number + 1}: {problems}" if problems else "")
    must(books, f"the recording changed no book{lost}")
    listed = [one for one in replay.catalogue.venue(replay.exchange.venue) if one.base]  # the others are made by replay
    if listed and not any(one.tradable for one in listed):
        one = listed[0]
        rules = f"tick {plain(one.tick)}, lot {plain(one.lot)}, status {one.status!r}"
        must(False, f"none of {len(listed)} recorded instruments is tradable; {one.id}: {rules}")
    beside = expected_beside(subject.recording)
    if beside is None:
        return f"{len(books)} books without comparison: no expected file is beside the recording"
    compared = 0
    for want in _expected(beside):
        key = (want["i"], want["symbol"])
        have = books.get(key)
        must(have is not None, f"no book of {key[1]} after line {key[0] + 1}{lost}")
        assert have is not None
        for part in ("bid", "ask", "bids5", "asks5"):
            must(
                part not in want or (have[part] or None) == (want[part] or None),
                f"{key[1]} after line {key[0] + 1}: {part} is {have[part]}, expected {want.get(part)}",
            )
        compared += 1
    must(compared, f"{beside.name} is empty")
    must(not replay.gaps, f"{replay.gaps} gaps in a recording whose expected books have none{lost}")
    return f"{compared} books compared"


class _Reference:
    """What the books were without faults."""

    def __init__(self, subject: VenueUnderTest, frames: Sequence[RecordedFrame]) -> None:
        replay = Replay(subject.made())
        self.tops: list[Mapping[str, Tops]] = []
        """The SYNCED books after each frame."""
        self.changed: list[Sequence[str]] = []
        """The books that each frame changed."""
        known: dict[str, Tops] = {}
        for frame in frames:
            changed = replay.feed(frame)
            for instrument in changed:
                book = replay.books[instrument]
                known = {**known, instrument: (book.bids.top(_COMPARED), book.asks.top(_COMPARED))}
            self.tops.append(known)
            self.changed.append(changed if frame.kind == "ws" else ())


def _payload(frame: RecordedFrame, text: str) -> RecordedFrame:
    return msgspec.structs.replace(frame, data=text)


def _faults(
    frames: Sequence[RecordedFrame], index: int, following: int | None
) -> Iterator[tuple[str, Mapping[int, Sequence[RecordedFrame]]]]:
    """Each fault of the frame ``index``: its name and the frames that are played in the place of others."""
    frame = frames[index]
    middle = len(frame.data) // 2
    yield "dropped", {index: ()}
    yield "doubled", {index: (frame, frame)}
    if following is not None:
        yield "swapped with the next", {index: (frames[following],), following: (frame,)}
    if not frame.b64:
        yield "truncated", {index: (_payload(frame, frame.data[: len(frame.data) * 2 // 3]),)}
        yield "garbled", {index: (_payload(frame, frame.data[:middle] + "\x00\x00\x00" + frame.data[middle + 3 :]),)}


@rule("recordings", "recording")
def recording_faults(subject: VenueUnderTest) -> str:
    """A recorded book frame is dropped, doubled, swapped with the next of its book, truncated or garbled: from then on
    no SYNCED book differs from the true one, where the venue lets one check (``Capabilities.book_check``)."""
    if subject.made().capabilities.book_check == "none":
        raise NotRun("capabilities.book_check is none: the venue gives nothing to check a book by")
    frames = _frames(subject)
    reference = _Reference(subject, frames)
    hit = [index for index, changed in enumerate(reference.changed) if changed]
    must(hit, "the recording changed no book")
    # the first frame of a book makes it; a fault of it leaves no book
    hit = hit[:: max(1, -(-len(hit) * len(frames) // 2 // _BUDGET))]
    played = 0
    for index in hit:
        later = range(index + 1, len(frames))
        following = next((n for n in later if set(reference.changed[n]) & set(reference.changed[index])), None)
        stop = min(len(frames), (index if following is None else following) + _AFTER)
        for name, instead in _faults(frames, index, following):
            played += 1
            replay = Replay(subject.made())
            for number in range(stop):
                for frame in instead.get(number, (frames[number],)):
                    for instrument in replay.feed(frame):
                        book = replay.books[instrument]
                        have = (book.bids.top(_COMPARED), book.asks.top(_COMPARED))
                        true = [reference.tops[number].get(instrument, have)]
                        if (
                            len(instead) > 1 and number in instead
                        ):  # two swapped frames: a true book, of before or of after
                            true += [reference.tops[place].get(instrument, have) for place in instead]
                        must(
                            number < index or have in true,
                            f"{instrument} is SYNCED and wrong after line {number + 1}: line {index + 1} was {name}",
                        )
    return f"{played} faults in {len(hit)} of {sum(map(bool, reference.changed))} book frames"
