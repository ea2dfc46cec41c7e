"""Text that must not be shown as it is: secrets, and what a venue says."""

from __future__ import annotations

from typing import Any, NoReturn, Self, SupportsIndex

__all__ = ["LONGEST_TEXT", "Secret", "check_ids", "check_whole", "cut"]

LONGEST_TEXT = 500
"""Characters of a venue's text that an event keeps. A venue can send 16 MB, which would be logged and journaled."""
_LONGEST_ID = 128
_LARGEST = 1 << 62


class Secret(str):
    """Text for the wire that contains a secret.

    As a string it is ``***``: printed, formatted, joined, or as JSON. ``+`` and slices give a ``Secret`` again.
    Encoding, pickling and msgspec refuse it. Call ``reveal()`` only where the text is written to a socket.
    """

    __slots__ = ("_text",)
    _text: str

    def __new__(cls, text: str = "") -> Self:
        made = str.__new__(cls, "***" if text else "")
        made._text = text._text if isinstance(text, Secret) else text
        return made

    def reveal(self) -> str:
        """The secret text."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return self._text == (other._text if isinstance(other, Secret) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self._text)

    def __len__(self) -> int:
        return len(self._text)

    def __iter__(self) -> Any:
        """The characters: for ``"".join(secret)``, which is ``reveal()``."""
        return iter(self._text)

    def __contains__(self, part: object) -> bool:
        return isinstance(part, str) and Secret(part)._text in self._text

    def __add__(self, other: str) -> Secret:
        return Secret(self._text + Secret(other)._text)

    def __radd__(self, other: str) -> Secret:
        return Secret(Secret(other)._text + self._text)

    def __getitem__(self, key: SupportsIndex | slice) -> Secret:
        return Secret(self._text[key])

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled")

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> NoReturn:
        raise TypeError("a secret cannot be encoded: call reveal() where it is written to a socket")


def cut(text: str, longest: int = LONGEST_TEXT) -> str:
    """The text with at most ``longest`` characters."""
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def check_whole(*numbers: int | None) -> None:
    """Raises ``ValueError`` for a number that does not fit into 63 bits: Python would go on, but no float, journal or
    tape can hold it."""
    for one in numbers:
        if one is not None and not -_LARGEST < one < _LARGEST:
            raise ValueError("a whole number of over 62 bits")


def check_ids(*ids: str) -> None:
    """Raises ``ValueError`` for an id or a name that no venue gives: it would be kept and written as it is."""
    for one in ids:
        if len(one) > _LONGEST_ID:
            raise ValueError(f"an id of {len(one)} characters")
