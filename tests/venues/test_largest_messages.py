"""The longest message that a venue's public socket allows is long enough for its books, and does not hold the loop.

A message is read in one piece, so its length limits how long nothing else has its turn.
"""

from __future__ import annotations

import gzip
import json
import time
from decimal import Decimal
from typing import Any

import pytest

from arbkit.core.types import Dial
from arbkit.plugins import registry as plugins
from arbkit.strategies import SpreadArb
from arbkit.testing import corpus
from arbkit.testing.recording import Summary, read_frames
from arbkit.testing.simulated import Simulation, simulate

PRICES = {"BTC-USDT": Decimal(60_000), "ETH-USDT": Decimal(3_000)}
GZIP = b"\x1f\x8b"
HELD_S = 0.25
"""Of the processor, also where other tests run beside this one."""


class Heard:
    """A short run of a venue: what its public sockets dialled, and what came."""

    def __init__(self, venue: Any) -> None:
        self.dials: dict[str, Dial] = {}
        self.frames: list[tuple[str, str | bytes]] = []
        registry = plugins.load(dialects=True)
        names = [venue.name, next(name for name in sorted(registry.dialects) if name != venue.name)]
        classes = {registry.exchange(name): registry.dialect(name) for name in names}
        strategy = SpreadArb(symbols=tuple(PRICES), min_edge=0.0003, max_notional=200.0)
        self.run: Simulation = simulate(strategy, classes, seed=1, edge_every_s=0.3, prices=PRICES)
        dial, self.frame = self.run.dial, self.run.desk.frame

        def dialled(link: str, said: Dial) -> None:
            if link.startswith(f"{venue.name}.public"):
                self.dials[link] = said
            dial(link, said)

        def heard(link: str, data: str | bytes, now_ns: int) -> None:
            if link in self.dials:
                self.frames.append((link, data))
            self.frame(link, data, now_ns)

        self.run.dial = dialled  # type: ignore[method-assign]
        self.run.desk.frame = heard  # type: ignore[method-assign]
        self.run.run_for(5)


@pytest.fixture
def heard(venue: Any) -> Heard:
    return Heard(venue)


def longest(value: Any) -> list[Any]:
    """The longest list of rows in a message."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = value if isinstance(value, list) and value and isinstance(value[0], list | dict) else []
    return max([own, *map(longest, parts)], key=len)


def moved(row: Any, number: int) -> Any:
    """The same row at another price."""
    key = 0 if isinstance(row, list) else next(key for key in ("price_level", "price", "p") if key in row)
    px = 10 + number / 100
    other = row.copy()
    other[key] = f"{px:.2f}" if isinstance(row[key], str) else px
    return other


def test_it_is_several_times_the_largest_recorded(venue: Any, heard: Heard) -> None:
    """A larger book than ever recorded is read; what is far longer is not."""
    paths = [corpus.find(venue.name, f"frames{name}") for name in corpus.names(venue.name)]
    frames = [frame for path in paths if path is not None for _, frame in read_frames(path, Summary())]
    largest = max((len(frame.data) for frame in frames if frame.kind != "http"), default=0)
    assert heard.dials
    for dial in heard.dials.values():
        assert dial.most >= 4 * largest


def plain(data: str | bytes) -> str:
    """The text of a frame, also of one that is packed by gzip; "" = its form is another one."""
    if isinstance(data, bytes) and data[:2] == GZIP:
        data = gzip.decompress(data)
    text = data.decode("latin-1") if isinstance(data, bytes) else data
    return text if text[:1] in ("{", "[") else ""


def whole(heard: Heard, link: str, text: str) -> str:
    """The message with as many rows as it can hold."""
    message, most = json.loads(text), heard.dials[link].most
    row = longest(message)[0]
    size = len(json.dumps(moved(row, 99_999), separators=(",", ":"))) + 1
    longest(message)[:] = [moved(row, number) for number in range((most - len(text)) // size)]
    return json.dumps(message, separators=(",", ":"))


def test_it_is_read_within_a_short_time(venue: Any, heard: Heard) -> None:
    """A book with as many rows as the message can hold. In a binary frame (protocol buffers) the rows of a message that
    is repeated add up."""
    texts = [(link, data, plain(data)) for link, data in heard.frames]
    link, data, text = max(texts, key=lambda one: (len(longest(json.loads(one[2] or "[]"))), len(one[1])))
    most = heard.dials[link].most
    if text:
        text = whole(heard, link, text)
        long: str | bytes = text if isinstance(data, str) else gzip.compress(text.encode(), 1)
        assert most / 2 < len(text) <= most
    else:
        assert isinstance(data, bytes)
        long = data * (most // len(data))
    began = time.thread_time()
    heard.frame(link, long, heard.run.now_ns)
    held = time.thread_time() - began
    assert held < HELD_S, f"{len(text or long)} characters hold the loop for {1000 * held:.0f} ms"
