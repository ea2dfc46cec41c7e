"""A lost, torn, swapped or doubled frame never leaves a wrong book that looks right."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from arbkit_binance.adapter import Binance

from arbkit.adapters.joined import Joined
from arbkit.core.types import BookLost, BookState, HttpRequest, VenueSettings
from arbkit.testing.recording import Summary, read_frames
from arbkit.testing.tapeserver import MUTATIONS, TapeServer, TrueTop

DATA = Path(__file__).parent / "data"


class BinanceTeller:
    """Binance's side: depth over REST, acknowledgements on the socket."""

    def symbol(self, data: str | bytes) -> str:
        frame = json.loads(data)
        return frame["data"]["s"] if "@depth" in frame["stream"] else ""

    def http(self, request: HttpRequest, truths: Mapping[str, TrueTop]) -> bytes | None:
        query = dict(part.split("=") for part in request.url.partition("?")[2].split("&"))
        truth = truths.get(query["symbol"])
        if truth is None:
            return None
        count = int(query["limit"])
        sides = {
            name: [[repr(px), repr(qty)] for px, qty in levels[:count]]
            for name, levels in (("bids", truth.bids), ("asks", truth.asks))
        }
        return json.dumps({"lastUpdateId": truth.seq, **sides}).encode()

    def ws(self, text: str, truths: Mapping[str, TrueTop]) -> Sequence[str]:
        return [json.dumps({"result": None, "id": json.loads(text)["id"]})]


@pytest.fixture(scope="module")
def btc() -> TapeServer:
    return served("frames.jsonl.gz")


@pytest.fixture(scope="module")
def thin() -> TapeServer:
    return served("frames-small2021.jsonl.gz")


def served(name: str) -> TapeServer:
    exchange = Binance(VenueSettings(options={"depth": "200"}))
    frames = [frame for _, frame in read_frames(DATA / name, Summary())]
    return TapeServer(exchange, BinanceTeller(), frames, levels=200)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_every_depth_frame_of_the_busy_recording_may_suffer(btc: TapeServer, mutation: str) -> None:
    """Dropped and torn frames are flagged by the next one and healed; swapped ones too; doubled ones change nothing."""
    assert len(btc.frames) == 997
    assert btc.faults(mutation, window=3) == []


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_every_depth_frame_of_four_thin_markets_may_suffer(thin: TapeServer, mutation: str) -> None:
    """The same with four books on one socket: the three others keep their epoch."""
    assert len(set(thin.symbols)) == 4
    assert thin.faults(mutation) == []


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
