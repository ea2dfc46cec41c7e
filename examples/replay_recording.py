"""Feeds recorded frames to an adapter, as ``arbkit replay FILE --venue binance`` does.

``python replay_recording.py FRAMES.jsonl[.gz]`` reads a recording of Binance. A recording has one JSON object per line:
``t`` (seconds), ``dir`` (``in`` or ``out``), ``kind`` (``ws`` or ``http``), ``url``, ``data`` and ``b64``.
``python replay_recording.py`` first records ten seconds of the simulated Binance.
"""

import sys
from collections.abc import Iterable

from arbkit import VenueSettings
from arbkit.testing.recorder import record
from arbkit.testing.recording import RecordedFrame, Replay, Summary, read_frames
from arbkit_binance.adapter import Binance
from arbkit_binance.dialect import BinanceDialect


def main(path: str = "") -> None:
    frames: Iterable[RecordedFrame]
    if path:
        frames = (frame for _, frame in read_frames(path, Summary()))
    else:
        frames = record(Binance, BinanceDialect, 10)
    replay = Replay(Binance(VenueSettings()))
    fed = changes = 0
    for frame in frames:
        fed += 1
        for instrument in replay.feed(frame):
            changes += 1
            book = replay.books[instrument]
            if changes % 100 == 1:
                print(f"{frame.t:.3f}  {replay.native(instrument)}  {book.best_bid()}  {book.best_ask()}")
    print(f"{fed} frames, {changes} changes of books, {replay.gaps} gaps, {replay.errors} errors")


if __name__ == "__main__":
    main(*sys.argv[1:])
