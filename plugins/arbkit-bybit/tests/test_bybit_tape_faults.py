"""A lost, torn, swapped or doubled frame never leaves a wrong book that looks right."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from arbkit_bybit.adapter import Bybit

from arbkit.core.types import HttpRequest, VenueSettings
from arbkit.testing.recording import Summary, read_frames
from arbkit.testing.tapeserver import MUTATIONS, TapeServer, TrueTop

DATA = Path(__file__).parent / "data"


class BybitTeller:
    """Bybit's side: a subscription is acknowledged and answered by a snapshot; one answer for all topics."""

    def symbol(self, data: str | bytes) -> str:
        frame = json.loads(data)
        return frame["data"]["s"] if frame.get("topic", "").startswith("orderbook.") else ""

    def http(self, request: HttpRequest, truths: Mapping[str, TrueTop]) -> bytes | None:
        return None

    def ws(self, text: str, truths: Mapping[str, TrueTop]) -> Sequence[str]:
        request = json.loads(text)
        frames = [json.dumps({"success": True, "ret_msg": "", "req_id": request["req_id"], "op": request["op"]})]
        for topic in request.get("args", ()) if request["op"] == "subscribe" else ():
            truth = truths.get(topic.split(".")[2])
            if truth is not None:
                sides = {
                    name: [[repr(px), repr(qty)] for px, qty in levels]
                    for name, levels in (("b", truth.bids), ("a", truth.asks))
                }
                data = {"s": truth.native, **sides, "u": truth.seq, "seq": 1}
                frames.append(json.dumps({"topic": topic, "ts": 1, "type": "snapshot", "data": data, "cts": 1}))
        return frames


def served(name: str) -> TapeServer:
    frames = [frame for _, frame in read_frames(DATA / name, Summary())]
    return TapeServer(Bybit(VenueSettings(options={"depth": "200"})), BybitTeller(), frames, levels=200)


@pytest.fixture(scope="module")
def spot() -> TapeServer:
    return served("frames.jsonl.gz")


@pytest.fixture(scope="module")
def linear() -> TapeServer:
    return served("frames-linear.jsonl.gz")


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_every_book_frame_of_spot_may_suffer(spot: TapeServer, mutation: str) -> None:
    """Dropped and torn frames are flagged by the next one and healed; swapped ones too; doubled ones change nothing."""
    assert len(spot.frames) == 300
    assert spot.faults(mutation, window=4) == []


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_the_other_books_of_the_socket_keep_their_epoch(linear: TapeServer, mutation: str) -> None:
    """The same with two books on one socket."""
    assert set(linear.symbols) == {"BTCUSDT", "DOGEUSDT"}
    assert linear.faults(mutation, window=6) == []
