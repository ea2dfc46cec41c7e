"""Frames of simulated venues in the format of recordings, and the folder where recordings are found."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from rotated import rotated

from arbkit.core.errors import ConfigError
from arbkit.core.types import BookState, VenueSettings
from arbkit.plugins import registry as plugins
from arbkit.testing import corpus
from arbkit.testing.recorder import record, write_frames
from arbkit.testing.recording import Replay, Summary, read_frames

REGISTRY = plugins.load(dialects=True)


@pytest.mark.parametrize("venue", rotated(sorted(REGISTRY.dialects), 3))
@pytest.mark.parametrize("file", ["frames.jsonl", "frames.jsonl.gz"])
def test_a_simulated_venue_is_recorded(venue: str, file: str, tmp_path: Path) -> None:
    """The file has all frames; the adapter makes two books of them, without a gap. The same seed, the same frames."""
    exchange, dialect = REGISTRY.exchange(venue), REGISTRY.dialects[venue]
    frames = record(exchange, dialect, 5)
    write_frames(tmp_path / file, frames)
    summary = Summary()
    assert [frame for _, frame in read_frames(tmp_path / file, summary)] == frames == record(exchange, dialect, 5)
    assert (summary.errors, summary.torn) == (0, None)
    assert {(frame.dir, frame.kind) for frame in frames} == {("out", "ws"), ("in", "ws"), ("in", "http")}
    replay = Replay(exchange(VenueSettings()))
    for frame in frames:
        replay.feed(frame)
    assert [book.state for book in replay.books.values()] == [BookState.SYNCED] * 2
    assert (replay.gaps, replay.errors) == (0, 0)


def test_recordings_are_found_plain_or_gzipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By venue and name, in the folder that the variable names; nothing is found without it."""
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy/frames.jsonl").write_text("")
    (tmp_path / "toy/expected.jsonl").write_text('{"i":1}\n')
    with gzip.open(tmp_path / "toy/expected-mine.jsonl.gz", "wt") as file:
        file.write('{"i":2}\n{"i":3}\n')
    monkeypatch.setenv(corpus.VARIABLE, str(tmp_path))
    assert corpus.find("toy", "frames") == tmp_path / "toy/frames.jsonl"
    assert corpus.find("toy", "frames-mine") is None
    assert corpus.names("toy") == ["", "-mine"]
    assert corpus.names("other") == []
    assert (corpus.expected("toy", ""), corpus.expected("toy", "-mine")) == ([{"i": 1}], [{"i": 2}, {"i": 3}])
    with pytest.raises(FileNotFoundError, match="no file toy/expected-else"):
        corpus.expected("toy", "-else")
    monkeypatch.delenv(corpus.VARIABLE)
    assert (corpus.folder(), corpus.find("toy", "frames"), corpus.names("toy")) == (None, None, [])


def test_a_wrong_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is not there, and one without recordings."""
    for folder, text in ((tmp_path / "none", "is not a folder"), (tmp_path, "contains no recordings")):
        monkeypatch.setenv(corpus.VARIABLE, str(folder))
        with pytest.raises(ConfigError, match=text):
            corpus.folder()
