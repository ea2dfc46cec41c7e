"""A lost, torn, swapped or doubled frame never leaves a wrong book that looks right."""

from __future__ import annotations

from typing import Any

import pytest

from arbkit.adapters.joined import Joined
from arbkit.core.types import BookLost, BookState, VenueSettings
from arbkit.testing import corpus
from arbkit.testing.recorder import record
from arbkit.testing.recording import Summary, read_frames
from arbkit.testing.tapeserver import MUTATIONS, TapeServer

SERVED: dict[tuple[str, str], TapeServer] = {}
GENERATED_S = 8
WINDOW = 4
SAMPLE = 24
"""Frames of a tape that suffer each fault in the default gate; of each kind of frame two or more."""


def served(venue: Any, name: str, facts: dict[str, Any]) -> TapeServer:
    """The venue played from the recording; made once, since reading it takes a while."""
    if (venue.name, name) not in SERVED:
        exchange = venue.exchange(VenueSettings(options=facts.get("options", {})))
        path = corpus.find(venue.name, f"frames{name}")
        assert path is not None
        frames = [frame for _, frame in read_frames(path, Summary())]
        SERVED[venue.name, name] = TapeServer(exchange, venue.facts.TELLER, frames, levels=facts["levels"])
    return SERVED[venue.name, name]


def simulated(venue: Any) -> TapeServer:
    """The venue played from frames of its simulation: two symbols on one socket."""
    if (venue.name, "simulated") not in SERVED:
        frames = record(venue.exchange, venue.dialect, GENERATED_S)
        exchange = venue.exchange(VenueSettings())
        SERVED[venue.name, "simulated"] = TapeServer(exchange, venue.facts.TELLER, frames, levels=200)
    return SERVED[venue.name, "simulated"]


def suffering(server: TapeServer, mutation: str, facts: dict[str, Any], *, every: bool) -> list[str]:
    """The violations if ``every`` frame of the tape suffers, or a sample of each kind of frame. A text names its frame:
    ``server.faults(mutation, window=..., only=[frame])`` plays it again.

    A keep-alive may be lost: it holds nothing. Frames that are ``left_out`` stand just before a whole book that nobody
    asked for: it heals them without a loss."""
    keep_alive = facts.get("keep_alive", lambda data: False)
    keep_alives = [index for index, frame in enumerate(server.frames) if keep_alive(frame.payload)]
    assert len(keep_alives) == facts.get("keep_alives", 0)
    spared = {*(keep_alives if mutation in ("dropped", "truncated") else ()), *facts.get("left_out", ())}
    only = [index for index in range(len(server.frames)) if index not in spared]
    if not every:
        only = server.spread(SAMPLE, among=only)
        assert len(only) >= SAMPLE
    return server.faults(mutation, window=facts.get("window"), only=only)


@pytest.mark.needs("TELLER")
def test_simulated_book_frames_may_suffer(venue: Any) -> None:
    """The rule of the next test, on frames that need no recording."""
    server = simulated(venue)
    assert len(set(server.symbols) - {""}) == 2
    assert len(server.frames) > 100
    for mutation in MUTATIONS:
        assert suffering(server, mutation, {"window": WINDOW}, every=False) == []


def test_book_frames_may_suffer(venue: Any, tape: tuple[str, dict[str, Any]]) -> None:
    """Dropped and torn frames are flagged by the next one and healed; swapped ones too; doubled ones change nothing.
    The other books of the socket keep their epoch."""
    name, facts = tape
    server = served(venue, name, facts)
    assert len(server.frames) == facts["frames"]
    assert set(server.symbols) == facts["symbols"]
    for mutation in MUTATIONS:
        assert suffering(server, mutation, facts, every=False) == []


@pytest.mark.long
@pytest.mark.needs("TELLER")
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_every_simulated_book_frame_may_suffer(venue: Any, mutation: str) -> None:
    """Each frame in turn."""
    assert suffering(simulated(venue), mutation, {"window": WINDOW}, every=True) == []


@pytest.mark.long
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_every_book_frame_may_suffer(venue: Any, tape: tuple[str, dict[str, Any]], mutation: str) -> None:
    """Each frame in turn."""
    name, facts = tape
    assert suffering(served(venue, name, facts), mutation, facts, every=True) == []


@pytest.fixture
def joined(venues: dict[str, Any]) -> TapeServer:
    """Two markets of the simulated Binance: books that join a snapshot with a stream."""
    return simulated(venues["binance"])


def test_the_judge_sees_a_book_that_ignores_gaps(joined: TapeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the sequence check taken out every mutation but doubling is reported for the sample."""
    monkeypatch.setattr(Joined, "_follows", lambda self, message: True)
    only = joined.spread(SAMPLE)
    assert "was still trusted" in joined.faults("dropped", window=WINDOW, only=only)[0]
    assert joined.faults("truncated", window=WINDOW, only=only)
    assert any("differs from the true book" in text for text in joined.faults("swapped", window=WINDOW, only=only))


def test_the_judge_sees_a_book_that_takes_a_copy_for_a_gap(joined: TapeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was merely doubled must not be flagged."""
    right = Joined.update

    def wrong(self: Joined, message: Any, now_ns: int) -> Any:
        if self.state is BookState.SYNCED and message.last == self.last:
            return (BookLost(self.instrument, "a copy"),)
        return right(self, message, now_ns)

    monkeypatch.setattr(Joined, "update", wrong)
    assert "was declared lost" in joined.faults("doubled", only=[20])[0]
