"""Types of messages that venues share."""

from __future__ import annotations

import msgspec
import pytest
from msgspec import Struct, field
from msgspec.json import Decoder

import arbkit.venue as kit


class Whole(kit.WholeBook, gc=False, kw_only=True):
    """With the names of a venue."""

    last: int = field(name="lastUpdateId")
    ms: int = field(default=0, name="T")


class Row(Struct):
    px: kit.Px


BODY = b'{"lastUpdateId": 7, "T": 5, "bids": [["9.9", "1"]], "asks": [["10.1", "2", "0"]]}'


def test_a_whole_book_is_read_by_the_names_of_the_venue() -> None:
    """Its levels are quick to read, and its time is in nanoseconds. Nothing else names the fields."""
    book = Decoder(Whole, strict=False).decode(BODY)
    assert (book.last, book.exch_ns) == (7, 5 * kit.MS)
    assert list(book.bids) == [kit.Level(9.9, 1.0)]
    assert list(book.asks) == [kit.Level(10.1, 2.0)]
    usual = Decoder(kit.WholeBook, strict=False).decode(b'{"last": 7, "ms": 5, "bids": [], "asks": []}')
    assert (usual.last, usual.exch_ns) == (7, 5 * kit.MS)


@pytest.mark.parametrize("gone", ["lastUpdateId", "bids", "asks"])
def test_a_whole_book_without_a_number_or_a_side_is_none(gone: str) -> None:
    """It cannot be joined to changes."""
    body = msgspec.json.decode(BODY)
    del body[gone]
    with pytest.raises(msgspec.ValidationError):
        Decoder(Whole, strict=False).decode(msgspec.json.encode(body))


def test_of_a_message_the_data_is_read() -> None:
    """With its type; what else is in it is passed over."""
    decode = Decoder(kit.Data[list[Row]], strict=False).decode
    assert decode(b'{"topic": "x", "data": [{"px": "1.5"}]}').data == [Row(1.5)]
    for wrong in (b"{}", b'{"data": {}}', b'{"data": [{"px": "-1"}]}'):
        with pytest.raises(msgspec.ValidationError):
            decode(wrong)
