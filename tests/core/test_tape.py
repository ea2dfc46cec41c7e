"""The run tape: the inputs are read back in order, with their times, also from an incomplete tape."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbkit.core import tape as tapes
from arbkit.core.errors import ConfigError, RemoteProtocolError
from arbkit.core.tape import MAGIC, ReplayPort, TapeHead, TapeReader, TapeWriter, TapingDesk, replay
from arbkit.core.types import HttpAnswer, NoAnswer

HEAD = TapeHead(began_ns=1_700_000_000_000_000_000, code="0.1", seed=7, journal=100, setup=b"\x01config")

link = st.sampled_from(["binance.public.0", "okx.main.trade", "bybit.ü"])
when = st.integers(0, 2**62)
answer = st.builds(
    HttpAnswer, st.integers(100, 599), st.dictionaries(st.text(), st.text()), st.binary(), when, when
) | st.builds(NoAnswer, st.text(), st.booleans(), st.integers(0, 599), when, when)
an_input = st.one_of(
    st.tuples(st.just("opened"), link, when),
    st.tuples(st.just("frame"), link, st.text(st.characters(exclude_categories=["Cs"])) | st.binary(), when),
    st.tuples(st.just("read_end"), link, when),
    st.tuples(st.just("activity"), link, when),
    st.tuples(st.just("closed"), link, st.text(st.characters(exclude_categories=["Cs"])), when),
    st.tuples(st.just("answered"), st.integers(0, 2**40), answer, when),
    st.tuples(st.sampled_from(["wake", "jumped", "stop", "halt"]), when),
    st.tuples(st.just("late"), st.integers(0, 10**12), when),
    st.tuples(st.just("durable"), st.integers(0, 2**50), when),
)


class Recorder:
    """Accepts and records every input of a desk."""

    def __init__(self) -> None:
        self.inputs: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.inputs.append((name, *arguments))


def record(inputs: list[tuple[Any, ...]], every: int = 10**9) -> tuple[bytes, Recorder]:
    """A tape of ``inputs``, a block for each ``every`` of them, and the desk behind it."""
    tape = TapeWriter(HEAD)
    desk = Recorder()
    taping = TapingDesk(desk, tape)
    data = MAGIC
    for number, (name, *arguments) in enumerate(inputs, 1):
        getattr(taping, name)(*arguments)
        if number % every == 0:
            data += tape.pack(tape.take())
    tape.end("hash", 5)
    return data + tape.pack(tape.take()), desk


def _end() -> bytes:
    tape = TapeWriter(HEAD)
    tape.take()
    tape.end("hash", 5)
    return tape.pack(tape.take())


END = _end()
"""The last block of every tape here."""


@given(st.lists(an_input), st.integers(1, 5))
def test_round_trip(inputs: list[tuple[Any, ...]], every: int) -> None:
    """All inputs reach the desk behind the tape, and again out of it: same order, same types, same times."""
    data, desk = record(inputs, every)
    assert desk.inputs == inputs
    reader = TapeReader(data)
    again = Recorder()
    assert replay(reader, again, ReplayPort(reader.head)) == len(inputs)
    assert again.inputs == inputs
    assert [type(each[2]) for each in again.inputs if each[0] == "frame"] == [
        type(each[2]) for each in inputs if each[0] == "frame"
    ]
    assert (reader.head, reader.commands_hash, reader.torn) == (HEAD, "hash", False)


@given(st.lists(an_input, min_size=1, max_size=8), st.data())
def test_a_torn_tail_costs_the_last_block(inputs: list[tuple[Any, ...]], data: st.DataObject) -> None:
    """Cut anywhere: a prefix of the inputs, and ``torn`` is set; or, without a head, an error."""
    whole, _ = record(inputs, 1)
    cut = data.draw(st.integers(len(MAGIC), len(whole) - 1))
    first = len(record(inputs[:1], 1)[0]) - len(END)
    if cut < first:
        with pytest.raises(ConfigError, match="no head"):
            TapeReader(whole[:cut])
        return
    reader = TapeReader(whole[:cut])
    again = Recorder()
    count = replay(reader, again, ReplayPort(reader.head))
    assert again.inputs == inputs[:count]
    assert reader.commands_hash == ""
    assert reader.torn or whole[:cut] == record(inputs[:count], 1)[0][:cut]


def test_damage_in_the_middle_is_an_error() -> None:
    """A changed byte before the last block is an error, not an end."""
    data, _ = record([("wake", number) for number in range(100)], 10)
    changed = bytearray(data)
    changed[len(data) // 2] ^= 0x40
    with pytest.raises(RemoteProtocolError, match="damaged"):
        list(TapeReader(bytes(changed)).inputs())


@pytest.mark.parametrize("data", [b"", b"{}", b"arbkit tape 9\n", MAGIC, MAGIC + b"\0" * 5])
def test_what_is_no_tape(data: bytes) -> None:
    """Any other data is refused with a clear error."""
    with pytest.raises(ConfigError, match="tape"):
        TapeReader(data)


@pytest.mark.parametrize(
    ("kind", "number", "payload"),
    [
        (99, 0, b""),
        (tapes._TEXT, 7, b"x"),
        (tapes._TEXT, 0, b"\xff"),
        (tapes._LINK, 1, b"\xff"),
        (tapes._ANSWER, 0, b"\xc1"),
        (tapes._ANSWER, 0, b"\x92\x01\x01"),
        (tapes._LATE, 0, b"x"),
        (tapes._LATE, 0, b"-1"),
        (tapes._LATE, 0, b"9" * 5000),
        (tapes._DURABLE, 0, "\u0663".encode()),
        (tapes._REFUSED, 0, b""),
        (tapes._END, 0, b"\xff"),
    ],
)
def test_a_damaged_record_is_told(kind: int, number: int, payload: bytes) -> None:
    """A record that nobody wrote, with a good checksum: a clear error, whatever is in it."""
    tape = TapeWriter(HEAD)
    tape.link("binance.public.0")
    tape.add(kind, number, payload, 1)
    with pytest.raises(RemoteProtocolError, match="damaged tape: record"):
        list(TapeReader(MAGIC + tape.pack(tape.take())).inputs())


@pytest.mark.parametrize("tail", [b"\x03\0\0", tapes._RECORD.pack(tapes._TEXT, 0, 1 << 30, 5)])
def test_a_record_longer_than_its_block_is_told(tail: bytes) -> None:
    """Cut inside of a block whose checksum is right."""
    tape = TapeWriter(HEAD)
    with pytest.raises(RemoteProtocolError, match="longer than its block"):
        list(TapeReader(MAGIC + tape.pack(bytes(tape.take()) + tail)).inputs())


def test_inputs_of_a_link_that_the_run_does_not_have_are_told() -> None:
    """The desk is never asked for a link that it cannot know."""
    data, _ = record([("opened", "binance.public.0", 1), ("opened", "evil", 2)])
    reader = TapeReader(data)
    with pytest.raises(RemoteProtocolError, match="no link 'evil'"):
        replay(reader, Recorder(), ReplayPort(reader.head), ["binance.public.0"])


def test_what_cannot_be_recorded_ends_the_tape_and_reaches_the_desk() -> None:
    """A header with a lone surrogate cannot be encoded: the desk gets the answer, the tape says why it ended."""
    tape, desk = TapeWriter(HEAD), Recorder()
    taping = TapingDesk(desk, tape)
    answer = HttpAnswer(200, {"x": "\udcff"}, b"", 1, 2)
    taping.answered(1, answer, 3)
    taping.frame("link", "\udcff", 4)
    assert desk.inputs == [("answered", 1, answer, 3), ("frame", "link", "\udcff", 4)]
    assert "cannot be recorded: UnicodeEncodeError" in tape.failure


def test_a_bomb_is_not_inflated() -> None:
    """A block with too large a size, or with more data than its size, is an error."""
    tape = TapeWriter(HEAD)
    good = tape.pack(tape.take())
    tape.add(3, 0, b"0" * 100_000_000, 1)
    bomb = bytearray(tape.pack(tape.take()))
    bomb[4:8] = (1000).to_bytes(4, "little")
    with pytest.raises(RemoteProtocolError, match="damaged"):
        list(TapeReader(MAGIC + good + bytes(bomb) + good).inputs())
    bomb[4:8] = (2**32 - 1).to_bytes(4, "little")
    with pytest.raises(RemoteProtocolError, match="damaged"):
        list(TapeReader(MAGIC + good + bytes(bomb) + good).inputs())


def test_learned_secrets_are_struck() -> None:
    """A token in an answer is masked, also if it became known after the answer was recorded; the rest can be read."""
    tape = TapeWriter(HEAD)
    taping = TapingDesk(Recorder(), tape)
    taping.answered(1, HttpAnswer(200, {}, b'{"token": "canary-token"}', 1, 2), 3)
    tape.strike("canary-token")
    taping.frame("link", "echo canary-token", 4)
    data = MAGIC + tape.pack(tape.take())
    inputs = list(TapeReader(data).inputs())
    assert "canary" not in repr(inputs)
    assert inputs[0][1][1].body == b'{"token": "************"}'
    assert inputs[1] == ("frame", ("link", "echo ************", 4))


def test_refused_sends_are_refused_again() -> None:
    """The result of a send is the only answer that a desk gets directly: it is on the tape."""

    class Sender(Recorder):
        def __init__(self, port: Any) -> None:
            super().__init__()
            self.port = port
            self.results: list[bool] = []

        def wake(self, now_ns: int) -> None:
            self.results += [self.port.send("link", "order") for _ in range(now_ns)]

    class Outside:
        def __init__(self, tape: TapeWriter) -> None:
            self.tape = tape
            self.count = 0

        def send(self, link: str, text: str) -> bool:
            self.count += 1
            sent = self.count % 3 != 0
            self.tape.sent(sent)
            return sent

    tape = TapeWriter(HEAD)
    desk = Sender(Outside(tape))
    taping = TapingDesk(desk, tape)
    for count in (1, 0, 4, 2, 7):
        taping.wake(count)
    reader = TapeReader(MAGIC + tape.pack(tape.take()))
    port = ReplayPort(reader.head)
    again = Sender(port)
    replay(reader, again, port)
    assert again.results == desk.results
    assert False in again.results


def test_replayed_journal_positions() -> None:
    """Journal positions continue from the run's start position."""
    port = ReplayPort(HEAD)
    assert port.journal(b"12345") == 105
    assert port.journal(b"1") == 106
