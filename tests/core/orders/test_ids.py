"""Client order ids: reversible, checked, rising, and used once."""

from __future__ import annotations

import re
import string
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbkit.core.errors import LocalProtocolError
from arbkit.core.orders.ids import IntentIds, format_cl_ord_id, parse_cl_ord_id

intents = st.integers(0, (1 << 64) - 1)
ALPHABET = string.digits + string.ascii_lowercase


@given(intents)
def test_every_intent_reads_back(intent: int) -> None:
    """16 characters of [0-9a-z], and the same number when parsed."""
    text = format_cl_ord_id(intent)
    assert re.fullmatch(r"a[0-9a-z]{15}", text)
    assert parse_cl_ord_id(text) == intent


@given(intents, st.integers(1, 15), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_found(intent: int, place: int, character: str) -> None:
    """Any single wrong digit makes the id foreign."""
    text = format_cl_ord_id(intent)
    wrong = text[:place] + character + text[place + 1 :]
    assert (parse_cl_ord_id(wrong) == intent) is (wrong == text)
    assert parse_cl_ord_id(wrong) is None or wrong == text


@given(intents, st.integers(1, 14))
def test_two_neighbours_swapped_are_found(intent: int, place: int) -> None:
    """Also between the last digit of the number and the first check digit."""
    text = format_cl_ord_id(intent)
    wrong = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    assert parse_cl_ord_id(wrong) is None or wrong == text


@given(intents, intents)
def test_text_order_is_number_order(one: int, two: int) -> None:
    """Ids of equal length sort as their intents do (logs and venue listings stay in order)."""
    assert (format_cl_ord_id(one)[:14] < format_cl_ord_id(two)[:14]) is (one < two)


@given(st.text(max_size=20))
def test_foreign_text_is_foreign_and_never_an_error(text: str) -> None:
    """Any text of a venue: only ids in our own form are ours."""
    intent = parse_cl_ord_id(text)
    assert intent is None or format_cl_ord_id(intent) == text


@pytest.mark.parametrize(
    "text",
    ["", "a", "A000000000000707", "a00000000000070_", "a\u066000000000000707", "azzzzzzzzzzzzzzz", "b000000000000707"],
)
def test_near_misses_are_foreign(text: str) -> None:
    """Upper case, underscores, other alphabets' digits, numbers over 64 bits, another prefix."""
    assert parse_cl_ord_id(text) is None


@pytest.mark.parametrize("intent", [-1, 1 << 64])
def test_only_64_bits(intent: int) -> None:
    """More would not fit the 13 digits."""
    with pytest.raises(LocalProtocolError, match="64-bit"):
        format_cl_ord_id(intent)


def test_a_block_is_used_in_order_and_then_refused() -> None:
    """Increasing numbers within the block; at its end an error asks for the next block."""
    ids = IntentIds(block=5, shard=3)
    first = ids.next()
    assert (first >> 32, first >> 24 & 0xFF, first & 0xFFFFFF) == (5, 3, 0)
    assert ids.next() == first + 1
    ids._next = first + (1 << 24) - 1
    assert ids.next() == first + (1 << 24) - 1
    with pytest.raises(LocalProtocolError, match="used up"):
        ids.next()
    assert IntentIds(block=6).next() > first + (1 << 24)


@pytest.mark.parametrize(("block", "shard"), [(-1, 0), (1 << 32, 0), (0, 256), (0, -1)])
def test_a_shard_cannot_reach_into_another_block(block: int, shard: int) -> None:
    """Numbers larger than their bits would collide with other ids."""
    with pytest.raises(LocalProtocolError, match="does not fit"):
        IntentIds(block, shard)


def test_blocks_and_shards_never_share_a_number() -> None:
    """First and last numbers of neighbouring (block, shard) spaces do not overlap."""
    spaces = []
    for block in range(3):
        for shard in (0, 1, 255):
            first = IntentIds(block, shard).next()
            spaces.append((first, first + (1 << 24) - 1))
    assert all(before[1] < after[0] for before, after in pairwise(spaces))
