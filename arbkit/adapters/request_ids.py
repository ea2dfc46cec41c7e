"""Request ids from which any session can read an answer: what was asked, the client order id, and the instrument.

A session that was made after a reconnect knows nothing of the requests before it, so the id must tell all of it.
"""

from __future__ import annotations

from msgspec import Struct

from arbkit.adapters.context import Context

__all__ = ["Asked", "RequestIds"]

_LENGTH = 16
"""Characters of our client order ids."""
_FOREIGN = "0" * _LENGTH
"""In place of the id of an order that is not ours."""
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_WIDTH = 4


class Asked(Struct, frozen=True, gc=False):
    """What a request id says; texts are "" if it does not say it."""

    letter: str = ""
    cl_ord_id: str = ""
    instrument: str = ""


class RequestIds:
    """Ids of at most ``most`` letters and digits: a letter for the request, the client order id, the instrument.

    ``counted``: the venue refuses an id that was used before on the socket, so a number that repeats after 1.6 million
    is in it.
    """

    __slots__ = ("_context", "_count", "_counted", "_known", "_letters", "_most", "_shorts")

    def __init__(self, context: Context, most: int, *, counted: bool = False) -> None:
        self._context = context
        self._counted = counted
        self._most = most - 1 - _LENGTH - (_WIDTH if counted else 0)
        self._count = 0
        self._letters: dict[str, str] = {}
        """Instrument ids by the part of their names that an id has room for."""
        self._known = 0
        self._shorts: dict[str, str] = {}
        """The other way round: what of a name is in an id."""

    def make(self, letter: str, cl_ord_id: str, native: str) -> str:
        """``native``: the venue's name of the instrument."""
        own = cl_ord_id if len(cl_ord_id) == _LENGTH and cl_ord_id.isalnum() else _FOREIGN
        number = ""
        if self._counted:
            self._count += 1
            rest = self._count
            for _ in range(_WIDTH):
                rest, digit = divmod(rest, len(_DIGITS))
                number = _DIGITS[digit] + number
        return f"{letter}{own}{number}{self._short(native)}"

    def read(self, text: str, cl_ord_id: str = "") -> Asked:
        """Empty if the id is not one of these. ``cl_ord_id``: as the answer itself has it."""
        start = 1 + _LENGTH + (_WIDTH if self._counted else 0)
        if len(text) < start:
            return Asked(text[:1], cl_ord_id)
        own = text[1 : 1 + _LENGTH]
        return Asked(text[0], cl_ord_id or ("" if own == _FOREIGN else own), self._instrument(text[start:]))

    def _short(self, native: str) -> str:
        short = self._shorts.get(native)
        if short is None:
            short = self._shorts[native] = "".join(char for char in native if char.isalnum())[: self._most]
        return short

    def _instrument(self, short: str) -> str:
        catalogue = self._context.catalogue
        if len(catalogue) != self._known:
            self._known = len(catalogue)
            self._letters = {self._short(one.native): one.id for one in catalogue.venue(self._context.venue)}
        return self._letters.get(short) or self._context.asked.get(short, "")
