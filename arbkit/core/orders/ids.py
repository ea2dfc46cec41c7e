"""Client order ids: one 64-bit intent number per order, increasing per account, also across restarts. The engine takes
numbers from ``IntentIds``; adapters only read ids.

On the wire an id is ``a``, 13 base-36 digits of the number and 2 check digits: 16 characters of ``[0-9a-z]``, which
every venue accepts. The number is block (32 bits), shard (8 bits), counter (24 bits). A block is written to the
journal before it is used. It is at least the time of the start in seconds, and the counter begins at the fraction of
the second: so no id is used again when the journal was lost, nor by two runs that begin within one second.
"""

from __future__ import annotations

from functools import lru_cache

from arbkit.core.errors import LocalProtocolError

__all__ = ["IntentIds", "first_in", "format_cl_ord_id", "parse_cl_ord_id"]

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PAIRS = [high + low for high in _DIGITS for low in _DIGITS]
_LOW = 1296 * 1296
_SECOND = 1_000_000_000
_CHECK = 36 * 36 - 5
"""1291, the largest prime below 36**2: detects every single wrong digit and every swap of two neighbours."""


def format_cl_ord_id(intent: int) -> str:
    """The wire form of an intent number. Raises ``LocalProtocolError`` outside 0 <= intent < 2**64."""
    if not 0 <= intent < 1 << 64:
        raise LocalProtocolError(f"intent {intent} is not a 64-bit number")
    rest, low = divmod(intent, _LOW)
    high, pair = divmod(low, 1296)
    return f"{_upper(rest)}{_PAIRS[high]}{_PAIRS[pair]}{_PAIRS[intent % _CHECK]}"


@lru_cache(16)
def _upper(rest: int) -> str:
    """The digits that stay the same for many ids."""
    text = ""
    for _ in range(4):
        rest, pair = divmod(rest, 1296)
        text = _PAIRS[pair] + text
    return "a" + _DIGITS[rest] + text


def parse_cl_ord_id(text: str) -> int | None:
    """The intent number of one of our ids; None for a foreign id."""
    if len(text) != 16 or text[0] != "a" or not text.isascii() or not text.isalnum() or text != text.lower():
        return None
    intent = int(text[1:14], 36)
    if intent >= 1 << 64 or int(text[14:], 36) != intent % _CHECK:
        return None
    return intent


def first_in(now_ns: int) -> int:
    """Where in its block a run begins that starts now: the fraction of the second, in the lower half of the counter."""
    return (now_ns % _SECOND << 23) // _SECOND


class IntentIds:
    """Hands out the intent numbers of one reserved block."""

    __slots__ = ("_begin", "_next", "block", "shard")

    def __init__(self, block: int, shard: int = 0, first: int = 0) -> None:
        if not 0 <= block < 1 << 32 or not 0 <= shard < 1 << 8 or not 0 <= first < 1 << 24:
            raise LocalProtocolError(
                f"intent block {block} does not fit 32 bits, shard {shard} 8 bits, or first number {first} 24 bits"
            )
        self.block = block
        self.shard = shard
        self._begin = self._next = (((block << 8) | shard) << 24) + first

    def next(self) -> int:
        """The next number. Raises ``LocalProtocolError`` when the block is used up (at least 8 million orders)."""
        intent = self._next
        if intent >> 24 != (self.block << 8) | self.shard:
            raise LocalProtocolError(f"intent block {self.block} is used up: reserve the next block")
        self._next += 1
        return intent

    def unused(self, count: int) -> None:
        """Give back the last ``count`` numbers. Only for numbers under which nothing was written or sent."""
        self._next -= count

    def made(self, intent: int) -> bool:
        """Whether it was handed out here."""
        return self._begin <= intent < self._next
