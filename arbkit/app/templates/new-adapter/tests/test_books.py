"""The books against ``Server``, which plays the venue's side by the venue's pages. It shares no code with the adapter.

A recording of the real venue is a better judge: make one, and compare its books with those of another client.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from random import Random

import pytest
from arbkit.core.types import HttpRequest, VenueSettings
from arbkit.testing.recording import RecordedFrame, Replay
from arbkit.testing.tapeserver import MUTATIONS, TapeServer, TrueTop

from arbkit_new_name import NewName

SYMBOLS = ("BTCUSDT", "ETHUSDT")


class Server:
    """Two books that change at random. Each side: price -> size, in the text of the messages."""

    def __init__(self) -> None:
        self.random = Random("the same in every run")
        self.seq = dict.fromkeys(SYMBOLS, 100)
        self.sides = {symbol: {"bids": {"99.95": "1.0"}, "asks": {"100.05": "0.50"}} for symbol in SYMBOLS}

    def snapshot(self, symbol: str) -> str:
        """The whole book."""
        return push(symbol, self.seq[symbol], self.sides[symbol])

    def change(self, symbol: str) -> str:
        """Sets or deletes up to two levels a side; the sequence number may rise by more than 1."""
        prev = self.seq[symbol]
        self.seq[symbol] += self.random.randint(1, 9)
        changes = {
            side: {
                f"{self.random.uniform(*prices):.1f}": self.random.choice(("0", "0.000", "3", "0.25", "12.5000"))
                for _ in range(self.random.randint(0, 2))
            }
            for side, prices in (("bids", (98.0, 99.9)), ("asks", (100.1, 102.0)))
        }
        for side, levels in changes.items():
            self.sides[symbol][side] |= levels
        return push(symbol, self.seq[symbol], changes, prev=prev)

    def best(self, symbol: str, side: str) -> list[tuple[float, float]]:
        """The true levels of a side, best first."""
        levels = [(float(px), float(qty)) for px, qty in self.sides[symbol][side].items() if float(qty)]
        return sorted(levels, reverse=side == "bids")


def push(symbol: str, seq: int, sides: Mapping[str, Mapping[str, str]], **prev: int) -> str:
    """A message of a book, in the venue's form."""
    levels = {side: list(changes.items()) for side, changes in sides.items()}
    return json.dumps({"type": "book", "symbol": symbol, "seq": seq, "ms": 1_767_225_600_000} | levels | prev)


class Teller:
    """What the venue answers to a client that subscribes again; see ``arbkit.testing.tapeserver``."""

    def symbol(self, data: str | bytes) -> str:
        symbol: str = json.loads(data)["symbol"]
        return symbol

    def http(self, request: HttpRequest, truths: Mapping[str, TrueTop]) -> bytes | None:
        return None

    def ws(self, text: str, truths: Mapping[str, TrueTop]) -> Sequence[str]:
        if text == "ping":
            return ["pong"]
        request = json.loads(text)
        known = [truths[name] for name in request["books"] if name in truths and request["op"] == "subscribe"]
        sides = [
            {"bids": {str(px): str(qty) for px, qty in one.bids}, "asks": {str(px): str(qty) for px, qty in one.asks}}
            for one in known
        ]
        books = [push(one.native, one.seq, both) for one, both in zip(known, sides, strict=True)]
        return [json.dumps({"type": "ack", "id": request["id"]}), *books]


def frame(text: str, second: float) -> RecordedFrame:
    """A message as it is recorded."""
    return RecordedFrame(dir="in", kind="ws", data=text, t=second)


def test_every_book_is_the_venues_after_each_message() -> None:
    """Both sides, all levels, to the last digit."""
    server, replay = Server(), Replay(NewName(VenueSettings()))
    for symbol in SYMBOLS:
        replay.feed(frame(server.snapshot(symbol), 1.0))
    for number in range(300):
        symbol = SYMBOLS[number % 2]
        (changed,) = replay.feed(frame(server.change(symbol), 2.0 + number / 10))
        assert replay.native(changed) == symbol
        book = replay.books[changed]
        assert list(book.levels_to_sell()) == server.best(symbol, "bids")
        assert list(book.levels_to_buy()) == server.best(symbol, "asks")
    assert (replay.gaps, replay.errors) == (0, 0)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_lost_or_broken_message_never_leaves_a_wrong_book(mutation: str) -> None:
    """Each message in turn is dropped, cut, swapped with the next or doubled. The book is lost at once and comes back,
    or stays right. The other book of the socket is not touched."""
    server = Server()
    texts = [server.snapshot(symbol) for symbol in SYMBOLS] + [server.change(SYMBOLS[i % 2]) for i in range(40)]
    played = TapeServer(NewName(VenueSettings()), Teller(), [frame(text, 1.0 + i) for i, text in enumerate(texts)])
    assert len(played.frames) == len(texts)
    assert played.faults(mutation, window=4) == []
