"""The recorded connection: one counter over five channels. The recorded books are compared in ``tests/venues``."""

from __future__ import annotations

import json
from typing import Any

import pytest
from arbkit_coinbase.adapter import Coinbase

from arbkit.core.types import BookLost, BookUpdate, LinkSpec, Role, VenueSettings
from arbkit.testing import corpus
from arbkit.testing.recording import AnyCatalogue, RecordedFrame, Summary, read_frames

pytestmark = pytest.mark.recordings("coinbase", "frames")


def frames() -> list[RecordedFrame]:
    path = corpus.find("coinbase", "frames")
    assert path is not None
    return [frame for _, frame in read_frames(path, Summary()) if frame.dir == "in"]


def events(recorded: list[RecordedFrame]) -> list[Any]:
    link = LinkSpec(link="x", venue="coinbase", role=Role.PUBLIC)
    session = Coinbase(VenueSettings()).session(link, AnyCatalogue(), None)
    return [event for frame in recorded for event in session.receive(frame.payload, frame.now_ns)]


def test_the_messages_have_one_counter() -> None:
    """Of all channels together, without a hole."""
    messages = [json.loads(frame.data) for frame in frames()]
    assert [message["sequence_num"] for message in messages] == list(range(len(messages)))
    assert {message["channel"] for message in messages} >= {"l2_data", "market_trades", "ticker", "heartbeats"}
    assert not [event for event in events(frames()) if isinstance(event, BookLost)]


@pytest.mark.parametrize("channel", ["heartbeats", "ticker", "market_trades", "l2_data"])
def test_a_lost_message_of_any_channel_loses_the_book(channel: str) -> None:
    """The next message shows it, whatever it is about; without a snapshot nothing is applied any more."""
    recorded = frames()
    gone = next(i for i in range(300, len(recorded)) if json.loads(recorded[i].data)["channel"] == channel)
    after = events([*recorded[:gone], *recorded[gone + 1 :]])
    lost = next(i for i, event in enumerate(after) if isinstance(event, BookLost))
    assert not [event for event in after[lost:] if isinstance(event, BookUpdate)]
    assert [event for event in after[:lost] if isinstance(event, BookUpdate)]
