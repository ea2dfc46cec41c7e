"""A lost, torn, swapped or doubled frame never leaves a wrong book that looks right."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from arbkit_okx.adapter import Okx

from arbkit.core.types import HttpRequest, VenueSettings
from arbkit.testing.recording import Summary, read_frames
from arbkit.testing.tapeserver import MUTATIONS, TapeServer, TrueTop

DATA = Path(__file__).parent / "data"


class OkxTeller:
    """OKX's side: a subscription to ``books`` is acknowledged and answered by a snapshot."""

    def symbol(self, data: str | bytes) -> str:
        frame = json.loads(data)
        return frame["arg"]["instId"] if "action" in frame else ""

    def http(self, request: HttpRequest, truths: Mapping[str, TrueTop]) -> bytes | None:
        return None

    def ws(self, text: str, truths: Mapping[str, TrueTop]) -> Sequence[str]:
        if text == "ping":
            return ["pong"]
        request = json.loads(text)
        frames = []
        for arg in request["args"]:
            frames.append(json.dumps({"id": request["id"], "event": request["op"], "arg": arg}))
            truth = truths.get(arg["instId"])
            if request["op"] == "subscribe" and truth is not None:
                sides = {
                    name: [[repr(px), repr(qty), "0", "1"] for px, qty in levels]
                    for name, levels in (("bids", truth.bids), ("asks", truth.asks))
                }
                row = {**sides, "ts": "1723161254137", "checksum": 0, "prevSeqId": -1, "seqId": truth.seq}
                frames.append(json.dumps({"arg": arg, "action": "snapshot", "data": [row]}))
        return frames


@pytest.fixture(scope="module")
def tape() -> TapeServer:
    frames = [frame for _, frame in read_frames(DATA / "frames-transcoded-seq.jsonl.gz", Summary())]
    return TapeServer(Okx(VenueSettings()), OkxTeller(), frames, levels=400)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_every_book_frame_may_suffer(tape: TapeServer, mutation: str) -> None:
    """Dropped and torn frames are flagged by the next one and healed; swapped ones too; doubled ones change nothing.

    A keep-alive (no levels, ``seqId`` = ``prevSeqId``) may be lost: it holds nothing."""
    rows = [json.loads(frame.data)["data"][0] for frame in tape.frames]
    keep_alives = [index for index, row in enumerate(rows) if row["seqId"] == row["prevSeqId"]]
    assert (len(rows), len(keep_alives)) == (452, 4)
    spared = keep_alives if mutation in ("dropped", "truncated") else []
    assert tape.faults(mutation, window=4, only=[index for index in range(452) if index not in spared]) == []
