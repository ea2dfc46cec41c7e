"""The journal: all records are read back up to the first wrong byte, and none after it."""

from __future__ import annotations

import struct
from decimal import Decimal
from zlib import crc32

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbkit.core.errors import ConfigError, JournalFailed
from arbkit.core.orders.ids import IntentIds, format_cl_ord_id
from arbkit.core.orders.journal import (
    BlockReserved,
    Control,
    DealClosed,
    DealOpened,
    Intent,
    JournalStart,
    Note,
    OrderOutcome,
    RunStart,
    decode,
    encode,
    scan,
)
from arbkit.core.types import Mode, NewOrder, OrdStatus, Purpose, Secret, Side, Tif

IDS = IntentIds(3)
ORDERS = [
    NewOrder(
        account="v:main",
        instrument="v:BTC-USDT",
        cl_ord_id=format_cl_ord_id(IDS.next()),
        side=Side.SELL,
        qty=Decimal("0.00000001"),
        px=Decimal("12345.678901234567890"),
        tif=Tif.IOC,
        deal=9,
        purpose=Purpose.UNWIND,
    )
    for _ in range(2)
]
RECORDS = [
    JournalStart(at_ns=1),
    RunStart(at_ns=1, mode="live", account="v:main", environment="prod", code="0.1.0"),
    BlockReserved(at_ns=2, account="v:main", block=3),
    DealOpened(at_ns=3, deal=9, strategy="spread", instruments=["v:BTC-USDT", "w:BTC-USDT"]),
    Intent(at_ns=4, order=ORDERS[0], channel="trade", link="v.main.trade"),
    Intent(at_ns=5, order=ORDERS[1], channel="rest", link="v.main.rest"),
    OrderOutcome(
        at_ns=6, account="v:main", cl_ord_id=ORDERS[0].cl_ord_id, status=OrdStatus.EXPIRED, filled=Decimal("0.5")
    ),
    Control(at_ns=7, mode=Mode.HALTED, venue="v", who="person", why="stop"),
    DealOpened(at_ns=8, deal=10, strategy="spread", instruments=[]),
    DealClosed(at_ns=9, deal=9, outcome="hedged"),
    Note(at_ns=10, text="naïve \N{EURO SIGN}"),
]
DATA = b"".join(map(encode, RECORDS))
ENDS = [len(b"".join(map(encode, RECORDS[:count]))) for count in range(len(RECORDS) + 1)]


def test_what_is_written_is_read():
    """Every kind of record, with exact decimals."""
    recovery = decode(DATA)
    assert list(recovery.records) == RECORDS
    assert (recovery.good_until, recovery.torn, recovery.damaged, recovery.text) == (len(DATA), False, False, "")


def test_what_is_left_to_do_after_a_crash():
    """Intents without an outcome, deals never closed, the next free id block, and the run of the journal."""
    recovery = decode(DATA)
    assert [intent.order for intent in recovery.unresolved()] == [ORDERS[1]]
    assert [one.deal.deal for one in recovery.interrupted()] == [10]
    assert recovery.next_block() == 4
    assert recovery.run() == RECORDS[1]
    empty = decode(b"")
    assert (empty.unresolved(), empty.interrupted(), empty.next_block(), empty.run()) == ([], [], 1, None)


def test_a_block_seen_only_in_an_id_is_not_used_again():
    """An id found in an intent counts, even without the reservation of its block."""
    assert decode(encode(RECORDS[5])).next_block() == 4


def test_cut_anywhere_gives_the_whole_records_before_the_cut():
    """A write cut off at any byte loses only its own record, and this is reported."""
    for cut in range(len(DATA) + 1):
        recovery = decode(DATA[:cut])
        whole = max(index for index, end in enumerate(ENDS) if end <= cut)
        assert list(recovery.records) == RECORDS[:whole]
        assert recovery.good_until == ENDS[whole]
        assert recovery.torn == (cut != ENDS[whole] and bool(DATA[ENDS[whole] : cut].strip(b"\0")))
        assert not recovery.damaged


@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_a_changed_byte_is_found(at, flip):
    """A record with a changed byte is never accepted; complete records after it show that it was not a cut-off
    write."""
    data = bytearray(DATA)
    data[at] ^= flip
    recovery = decode(bytes(data))
    record = max(index for index, end in enumerate(ENDS) if end <= at)
    assert list(recovery.records) == RECORDS[:record]
    assert recovery.good_until == ENDS[record]
    assert recovery.torn
    assert recovery.damaged == (record < len(RECORDS) - 1)
    assert recovery.text


@given(st.binary(max_size=200))
def test_garbage_after_the_records_costs_nothing(tail):
    """Whatever follows, the records before it are read; reading never raises for it."""
    recovery = decode(DATA + tail)
    assert list(recovery.records) == RECORDS
    assert recovery.torn == bool(tail.strip(b"\0"))


def test_preallocated_space_is_no_damage():
    """A preallocated file ends in zeros: that is a clean end."""
    recovery = decode(DATA + bytes(4096))
    assert (recovery.good_until, recovery.torn) == (len(DATA), False)


def test_a_newer_journal_is_refused():
    """A record of an unknown version or kind is refused, not skipped: it may be an order."""
    body = b"\x81\xa4type\xa5other"
    for version, match in ((3, "version 3"), (2, "this arbkit cannot read it"), (1, "this arbkit cannot read it")):
        start = struct.pack("<BI", version, len(body))
        data = start + struct.pack("<I", crc32(body, crc32(start))) + body
        with pytest.raises(ConfigError, match=match):
            decode(DATA + data)


def test_no_secret_gets_in():
    """A secret in any field is refused, not written."""
    with pytest.raises(TypeError):
        encode(Note(at_ns=1, text=Secret("hunter2")))


OLD = [
    {"type": "run", "at_ns": 1, "mode": "live", "account": "v:main", "environment": "prod", "code": "0.1.0"},
    {"type": "block", "at_ns": 1, "account": "v:main", "block": 3},
    {"type": "deal", "at_ns": 3, "deal": 9, "strategy": "spread", "instruments": ["v:BTC-USDT", "w:BTC-USDT"]},
    {
        "type": "intent",
        "at_ns": 4,
        "order": {
            "account": "v:main",
            "instrument": "v:BTC-USDT",
            "cl_ord_id": ORDERS[0].cl_ord_id,
            "side": "sell",
            "qty": "1E-8",
            "px": "12345.678901234567890",
            "tif": "ioc",
            "post_only": False,
            "reduce_only": False,
            "deadline_ns": 0,
            "deal": 9,
            "leg": 0,
            "purpose": "unwind",
        },
        "channel": "trade",
        "link": "v.main.trade",
    },
    {"type": "outcome", "at_ns": 6, "account": "v:main", "cl_ord_id": ORDERS[0].cl_ord_id, "status": "expired"}
    | {"filled": "0.5", "order_id": "77", "absent": False, "text": ""},
    {"type": "control", "at_ns": 7, "mode": "halted", "venue": "v", "who": "person", "why": "stop"},
    {"type": "closed", "at_ns": 9, "deal": 8, "outcome": "hedged", "why": ""},
    {"type": "note", "at_ns": 10, "text": "by hand"},
]
"""The kinds of version 1, as that version wrote them."""


def old_record(fields):
    """A record of version 1, made without our code."""
    body = msgspec.msgpack.encode(fields)
    start = struct.pack("<BI", 1, len(body))
    return start + struct.pack("<I", crc32(body, crc32(start))) + body


def test_the_previous_version_is_read():
    """A journal of version 1, without a first record of its own, gives the same as one of today."""
    found = decode(b"".join(map(old_record, OLD)))
    assert (found.version, found.torn) == (1, False)
    assert [type(record) for record in found.records] == [
        *(RunStart, BlockReserved, DealOpened, Intent, OrderOutcome, Control, DealClosed, Note)
    ]
    assert found.records[3] == RECORDS[4]
    (deal,) = found.interrupted()
    assert {name: one.filled for name, one in deal.ended.items()} == {ORDERS[0].cl_ord_id: Decimal("0.5")}
    assert found.unresolved() == []
    assert found.next_block() == 4


def test_an_older_arbkit_refuses_this_journal():
    """What version 1 did with a record: it looked at the version byte of a complete one, and at nothing else before."""
    version, length = struct.unpack_from("<BI", DATA)
    body = DATA[9 : 9 + length]
    assert version == 2
    assert struct.unpack_from("<I", DATA, 5) == (crc32(body, crc32(DATA[:5])),)


@given(st.lists(st.integers(1, 60), min_size=1), st.integers(0, len(DATA)))
def test_the_pieces_of_a_journal_do_not_matter(sizes, cut):
    """Read in pieces of any size it gives the same as in one."""
    data = DATA[:cut]
    pieces, at = [], 0
    while at < len(data):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(data[at : at + size])
        at += size
    records = []
    found = scan(pieces, records.append)
    whole = decode(data)
    assert records == whole.records
    assert (found.good_until, found.torn, found.text) == (whole.good_until, whole.torn, whole.text)


def test_a_long_unreadable_rest_is_no_cut_off_write():
    """More bytes than a write has, and no record in them: a person must look, nothing is cut off."""
    assert decode(DATA + b"\xff" * 100).damaged is False
    assert decode(DATA + b"\xff" * (5 << 20)).damaged is True


def test_a_record_that_could_not_be_read_back_is_not_written() -> None:
    """The reader takes a longer record for damage, so the writer refuses it; one byte less is written and read."""

    def note(size: int) -> Note:
        return Note(at_ns=1, text="x" * size)

    longest = (1 << 20) - 1
    fitting = longest - len(encode(note(70_000))) + 9 + 70_000
    found = decode(encode(note(fitting)) + encode(RECORDS[0]))
    assert [type(record) for record in found.records] == [Note, JournalStart]
    with pytest.raises(JournalFailed, match="a Note of 1048576 bytes"):
        encode(note(fitting + 1))
