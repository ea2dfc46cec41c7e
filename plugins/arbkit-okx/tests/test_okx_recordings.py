"""The checksummed books of 2022. The recorded books are compared in ``tests/venues``."""

from __future__ import annotations

import pytest
from arbkit_okx.adapter import Okx

from arbkit.core.types import BookLost, BookUpdate, LinkSpec, Role, VenueSettings
from arbkit.testing import corpus
from arbkit.testing.recording import AnyCatalogue, RecordedFrame, Summary, read_frames

pytestmark = pytest.mark.recordings("okx", "frames")


def frames() -> list[RecordedFrame]:
    path = corpus.find("okx", "frames")
    assert path is not None
    return [frame for _, frame in read_frames(path, Summary()) if frame.dir == "in"]


def test_a_live_session_refuses_books_without_prev_seq_id() -> None:
    """The frames of 2022 are no longer OKX's format: each book is lost and subscribed again, nothing is applied."""
    catalogue = AnyCatalogue()
    link = LinkSpec(link="okx.public.0", venue="okx", role=Role.PUBLIC)
    session = Okx(VenueSettings()).session(link, catalogue, None)
    events = []
    for frame in frames():
        if frame.kind == "ws":
            events += session.receive(frame.payload, frame.now_ns)
    assert not [event for event in events if isinstance(event, BookUpdate)]
    lost = {event.instrument for event in events if isinstance(event, BookLost)}
    assert lost == {"okx:BTC-USDT", "okx:UNI-USD-SWAP", "okx:BTC-USD-220527"}


def test_a_wrong_checksum_loses_the_book_of_2022() -> None:
    """A dropped frame of the checksummed format shows in the next one that touches the best 25 levels."""
    session = Okx(VenueSettings()).replay_session(
        LinkSpec(link="x", venue="okx", role=Role.PUBLIC), AnyCatalogue(), None
    )
    books = [f for f in frames() if '"books","instId":"BTC-USDT"' in f.data and "action" in f.data]
    events = [event for frame in (*books[:5], *books[6:]) for event in session.receive(frame.payload, 0)]
    assert [event.reason for event in events if isinstance(event, BookLost)] == ["checksum does not match"]
