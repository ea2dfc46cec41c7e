"""Feeds recorded frames to an adapter, as ``arbkit replay FILE --venue binance`` does.

``python replay_recording.py FRAMES.jsonl[.gz]``. A recording has one JSON object per line: ``t`` (seconds), ``dir``
(``in`` or ``out``), ``kind`` (``ws`` or ``http``), ``url``, ``data`` and ``b64``.
"""

import sys
from pathlib import Path

from arbkit import VenueSettings
from arbkit.testing.recording import Replay, Summary, read_frames
from arbkit_binance.adapter import Binance

FRAMES = Path(__file__).parent.parent / "plugins/arbkit-binance/tests/data/frames.jsonl.gz"


def main(path: str = str(FRAMES)) -> None:
    summary = Summary()
    replay = Replay(Binance(VenueSettings()))
    changes = 0
    for _, frame in read_frames(path, summary):
        summary.frames += 1
        for instrument in replay.feed(frame):
            changes += 1
            book = replay.books[instrument]
            if changes % 100 == 1:
                print(f"{frame.t:.3f}  {replay.native(instrument)}  {book.best_bid()}  {book.best_ask()}")
    print(f"{summary.frames} frames, {changes} changes of books, {replay.gaps} gaps, {replay.errors} errors")


if __name__ == "__main__":
    main(*sys.argv[1:])
