"""The compiled rows against msgspec's decoder: whatever the text, the same levels or the same refusal."""

from __future__ import annotations

import json
import struct
from importlib import import_module
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from arbkit.core.types import Level

pytestmark = pytest.mark.compiled
DECODE = msgspec.json.Decoder(list[Level], strict=False).decode

digits = st.text("0123456789", min_size=1, max_size=24)
plain = st.builds("{}.{}".format, digits, digits) | digits
ODD = """1e5 1E-3 1e400 1e-400 -0 -0.0 -1 +1 .5 1. 00 01 0x1 nan NaN inf -Infinity null true 1_0 9007199254740993
18446744073709551616 1e15 \\u0031 999999999999999.9 1000000000000000 0.0000000000000000000001 1,5 [1] {}
4.9406564584124654e-324"""
odd = st.sampled_from([*ODD.split(), "", " 1", "1 "])
number = plain | odd | st.floats().map(repr) | st.integers(-(2**70), 2**70).map(str)
value = number | number.map('"{}"'.format)
more = value | st.sampled_from(['"a\\n"', '"\\ud83d"', '"\u00e9"', "[[]]", '{"a":1}', "tru", '"', "\x01"])
row = st.builds("[{}]".format, st.lists(value | more, max_size=2).map(",".join)) | st.builds(
    lambda px, qty, rest: f"[{','.join([px, qty, *rest])}]", value, value, st.lists(more, max_size=2)
)
good = st.builds('["{}","{}"]'.format, st.integers(1, 10**9).map(lambda n: n / 100), st.integers(0, 10**9))
text = st.builds("[{}]".format, st.lists(row | good, max_size=6).map(",".join))
spaced = st.builds(
    lambda text, space: text.replace(",", f"{space},{space}").replace("[", f"[{space}"),
    text,
    st.sampled_from([" ", "\n\t", "\r ", "\x0b", "\xa0", "\x00"]),
)


def bits(levels: Any) -> list[bytes]:
    """The doubles, exactly. "-0" and 0 are the same size: both delete."""
    return [struct.pack("dd", level.px, level.qty or 0.0) for level in levels]


def judged(read: Any, raw: msgspec.Raw) -> Any:
    try:
        return bits(read(raw))
    except (msgspec.MsgspecError, RecursionError) as error:
        return str(error)


def same(data: bytes) -> None:
    """Both ways give the same; also where the text is a part of a longer one."""
    rows = import_module("arbkit_speed").rows
    want = judged(DECODE, msgspec.Raw(data))
    assert judged(lambda raw: rows(raw, DECODE), msgspec.Raw(data)) == want
    cut = memoryview(b"1" + data + b'1,"9"]]')[1 : 1 + len(data)]
    assert judged(lambda raw: rows(raw, DECODE), msgspec.Raw(cut)) == want


@settings(max_examples=300)
@given(text | spaced)
@example("[]")
@example(" [ ] ")
@example('[["1","2"],]')
@example('[["123456789.123456789","1"]]')
@example('[["0.30000000000000004","9007199254740993"]]')
@example('[["1","2","\x7f"]]')
@example("[" * 5000 + "]" * 5000)
def test_any_text_is_read_or_refused_as_by_msgspec(text: str) -> None:
    """Exponents, 64 bit integers, NaN, nested, escapes, unquoted numbers, white space, further columns."""
    same(text.encode("utf-8", "surrogatepass"))


@settings(max_examples=150)
@given(st.lists(good, max_size=4), st.data())
def test_damaged_text_is_read_or_refused_as_by_msgspec(rows: list[str], data: st.DataObject) -> None:
    """Truncated anywhere, and with any byte changed, dropped or doubled."""
    whole = f"[{','.join(rows)}]".encode()
    at = data.draw(st.integers(0, len(whole)))
    byte = data.draw(st.binary(max_size=2))
    same(whole[:at])
    same(whole[:at] + byte + whole[at:])
    same(whole[:at] + byte + whole[at + 1 :])


@settings(max_examples=300)
@given(st.from_regex(r"(0|[1-9][0-9]{0,17})(\.[0-9]{1,20})?", fullmatch=True))
def test_each_number_is_the_nearest_double(number: str) -> None:
    """Also where the digits do not fit in a double: as ``float`` reads it."""
    compiled = import_module("arbkit_speed")
    (level,) = compiled.rows(msgspec.Raw(f'[["1","{number}"]]'.encode()), lambda raw: [Level(1.0, float(number))])
    assert level.qty == float(number)
    same(f'[[{number},"{number}"]]'.encode())


@pytest.mark.parametrize("count", [1, 64, 65, 128, 129, 20_000])
def test_any_number_of_rows_is_read(count: int) -> None:
    """Few are kept on the stack while they are read, more in memory that grows."""
    compiled = import_module("arbkit_speed")
    text = json.dumps([[f"{n}.5", str(n)] for n in range(1, count + 1)])
    found = compiled.rows(msgspec.Raw(text.encode()), lambda raw: pytest.fail("this is plain text"))
    assert type(found) is compiled.Rows
    assert [(level.px, level.qty) for level in found] == [(n + 0.5, float(n)) for n in range(1, count + 1)]


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "1" * 1_000_000, '[["1","' + "9" * 1_000_000 + '"]]', "[" + " " * 10**6]
)
def test_hostile_length_is_refused_at_once(text: str) -> None:
    """No recursion, and no time that grows faster than the text."""
    same(text.encode())


def test_other_values_pass_unchanged() -> None:
    """A field that is unset, or was read by somebody else, is returned as it is."""
    rows = import_module("arbkit_speed").rows
    for value in (msgspec.UNSET, None, [Level(1.0, 2.0)], b'[["1","2"]]', '[["1","2"]]'):
        assert rows(value, DECODE) is value
    with pytest.raises(TypeError, match="2 arguments"):
        rows(msgspec.Raw(b"[]"))
    with pytest.raises(ZeroDivisionError):
        rows(msgspec.Raw(b"x"), lambda raw: 1 // 0)


def test_rows_are_a_sequence_of_levels() -> None:
    """Items, slices, equality with a list of levels, text; no hash and no way to make or change them."""
    compiled = import_module("arbkit_speed")
    levels = [Level(1.0, 2.0), Level(3.0, 0.0)]
    found = compiled.rows(msgspec.Raw(b'[["1","2"],["3","0"]]'), DECODE)
    assert (len(found), list(found), found[0], found[-1], found[1:]) == (2, levels, levels[0], levels[1], levels[1:])
    assert found == levels
    assert levels == found
    assert found == compiled.rows(msgspec.Raw(b"[[1,2],[3,0.0]]"), DECODE)
    assert found != levels[:1]
    assert found != compiled.rows(msgspec.Raw(b"[[1,2],[3,1]]"), DECODE)
    assert (found == (), repr(found)) == (False, repr(levels))
    for at in (2, -3, 10**30):
        with pytest.raises(IndexError):
            found[at]
    for wrong in (lambda: hash(found), compiled.Rows, lambda: found["0"]):
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(TypeError):
        found[0] = levels[1]
