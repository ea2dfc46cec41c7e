"""The rows of book messages, ``[[price, size, ...], ...]``, as fields of a message type:

    class Push(BookMessage):
        bids: Levels
        asks: Levels

A decoder with ``strict=False`` reads both into sequences of ``Level``, with the bounds of ``Level``. With arbkit-speed
the decoder only passes over their text, and compiled code reads it when the message is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from msgspec import MsgspecError, Raw, Struct
from msgspec.json import Decoder

from arbkit.core.market.speed import speed
from arbkit.core.types import Level

__all__ = ["BookMessage", "Levels"]

if TYPE_CHECKING:
    Levels: TypeAlias = Sequence[Level]
    BookMessage = Struct
elif speed is None:
    Levels = list[Level]
    BookMessage = Struct
else:
    Levels = Raw
    _decode = Decoder(list[Level], strict=False).decode

    def _judge(text: Raw) -> list[Level]:
        """Text that is not plain, or out of bounds: msgspec decides, as it does without arbkit-speed."""
        try:
            return _decode(text)
        except MsgspecError as error:
            raise type(error)(f"{error} of the rows of a side") from None

    _read = speed.reader(_judge)

    class BookMessage(Struct):
        """A message with the fields ``bids`` and ``asks``, which are ``Levels`` or unset. Not frozen."""

        __post_init__ = _read
