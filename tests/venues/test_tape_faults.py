"""A lost, torn, swapped or doubled frame never leaves a wrong book that looks right."""

from __future__ import annotations

from typing import Any

import pytest

from arbkit.adapters.joined import Joined
from arbkit.core.types import BookLost, BookState, VenueSettings
from arbkit.testing.recording import Summary, read_frames
from arbkit.testing.tapeserver import MUTATIONS, TapeServer

SERVED: dict[tuple[str, str], TapeServer] = {}


def served(venue: Any, suffix: str, facts: dict[str, Any]) -> TapeServer:
    """The venue played from the recording; made once, since reading it takes a while."""
    if (venue.name, suffix) not in SERVED:
        exchange = venue.exchange(VenueSettings(options=facts.get("options", {})))
        frames = [frame for _, frame in read_frames(venue.data / f"frames{suffix}.jsonl.gz", Summary())]
        SERVED[venue.name, suffix] = TapeServer(exchange, venue.facts.TELLER, frames, levels=facts["levels"])
    return SERVED[venue.name, suffix]


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_every_book_frame_may_suffer(venue: Any, tape: tuple[str, dict[str, Any]], mutation: str) -> None:
    """Dropped and torn frames are flagged by the next one and healed; swapped ones too; doubled ones change nothing.
    The other books of the socket keep their epoch. A keep-alive may be lost: it holds nothing."""
    suffix, facts = tape
    server = served(venue, suffix, facts)
    keep_alive = facts.get("keep_alive", lambda data: False)
    keep_alives = [index for index, frame in enumerate(server.frames) if keep_alive(frame.payload)]
    assert len(server.frames) == facts["frames"]
    assert set(server.symbols) == facts["symbols"]
    assert len(keep_alives) == facts.get("keep_alives", 0)
    spared = keep_alives if mutation in ("dropped", "truncated") else ()
    only = [index for index in range(len(server.frames)) if index not in spared]
    assert server.faults(mutation, window=facts.get("window"), only=only) == []


@pytest.fixture
def thin(venues: dict[str, Any]) -> TapeServer:
    """Four thin markets of Binance: books that join a snapshot with a stream."""
    venue = venues["binance"]
    return served(venue, "-small2021", venue.facts.TAPES["-small2021"])


def test_the_judge_sees_a_book_that_ignores_gaps(thin: TapeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the sequence check taken out every mutation but doubling is reported."""
    monkeypatch.setattr(Joined, "_follows", lambda self, message: True)
    assert "was still trusted" in thin.faults("dropped", only=[20])[0]
    assert thin.faults("truncated", only=[20])
    assert any("differs from the true book" in text for text in thin.faults("swapped"))


def test_the_judge_sees_a_book_that_takes_a_copy_for_a_gap(thin: TapeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was merely doubled must not be flagged."""
    right = Joined.update

    def wrong(self: Joined, message: Any, now_ns: int) -> Any:
        if self.state is BookState.SYNCED and message.last == self.last:
            return (BookLost(self.instrument, "a copy"),)
        return right(self, message, now_ns)

    monkeypatch.setattr(Joined, "update", wrong)
    assert "was declared lost" in thin.faults("doubled", only=[20])[0]
