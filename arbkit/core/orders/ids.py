"""Client order ids: one 64-bit intent number per order, increasing per account, also across restarts. The engine takes
numbers from ``IntentIds``; adapters only read ids.

On the wire an id is ``a``, 13 base-36 digits of the number and 2 check digits: 16 characters of ``[0-9a-z]``, which
every venue accepts. The number is block (32 bits), shard (8 bits), counter (24 bits). A block is written to the journal
before it is used.
"""

from __future__ import annotations

from arbkit.core.errors import LocalProtocolError

__all__ = ["IntentIds", "format_cl_ord_id", "parse_cl_ord_id"]

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_CHECK = 36 * 36 - 5
"""1291, the largest prime below 36**2: detects every single wrong digit and every swap of two neighbours."""


def format_cl_ord_id(intent: int) -> str:
    """The wire form of an intent number. Raises ``LocalProtocolError`` outside 0 <= intent < 2**64."""
    if not 0 <= intent < 1 << 64:
        raise LocalProtocolError(f"intent {intent} is not a 64-bit number")
    digits = []
    rest = intent
    for _ in range(13):
        rest, digit = divmod(rest, 36)
        digits.append(_DIGITS[digit])
    high, low = divmod(intent % _CHECK, 36)
    return "a" + "".join(reversed(digits)) + _DIGITS[high] + _DIGITS[low]


def parse_cl_ord_id(text: str) -> int | None:
    """The intent number of one of our ids; None for a foreign id."""
    if len(text) != 16 or text[0] != "a" or not text.isascii() or not text.isalnum() or text != text.lower():
        return None
    intent = int(text[1:14], 36)
    if intent >= 1 << 64 or int(text[14:], 36) != intent % _CHECK:
        return None
    return intent


class IntentIds:
    """Hands out the intent numbers of one reserved block."""

    __slots__ = ("_next", "block", "shard")

    def __init__(self, block: int, shard: int = 0) -> None:
        if not 0 <= block < 1 << 32 or not 0 <= shard < 1 << 8:
            raise LocalProtocolError(f"intent block {block} does not fit 32 bits, or shard {shard} does not fit 8 bits")
        self.block = block
        self.shard = shard
        self._next = ((block << 8) | shard) << 24

    def next(self) -> int:
        """The next number. Raises ``LocalProtocolError`` when the block is used up (16 million orders)."""
        intent = self._next
        if intent >> 24 != (self.block << 8) | self.shard:
            raise LocalProtocolError(f"intent block {self.block} is used up: reserve the next block")
        self._next += 1
        return intent

    def unused(self, count: int) -> None:
        """Give back the last ``count`` numbers. Only for numbers under which nothing was written or sent."""
        self._next -= count
