"""Decimal arithmetic that does not depend on what other code in the process has set (ccxt sets a rounding when it is
imported). Sums and products of money are exact within 28 digits; what is rounded to a step names its rounding."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import ROUND_HALF_EVEN, Context, DivisionByZero, InvalidOperation, Overflow, getcontext, setcontext
from typing import Final

__all__ = ["EXACT", "WIDE", "exactly"]


class _Fixed(Context):
    """A context that nobody can change in place."""

    def __setattr__(self, name: str, value: object) -> None:
        """Raises ``AttributeError``."""
        raise AttributeError(
            f"decimal.getcontext().{name} cannot be set while arbkit runs, because money is computed in this context: "
            "set it at the top of your module, or compute inside `with decimal.localcontext():`"
        )


EXACT: Final = _Fixed(
    prec=28, rounding=ROUND_HALF_EVEN, capitals=1, clamp=0, flags=[], traps=[InvalidOperation, DivisionByZero, Overflow]
)
"""For single operations: ``EXACT.divide(a, b)``."""


WIDE: Final = _Fixed(
    prec=60, rounding=ROUND_HALF_EVEN, capitals=1, clamp=0, flags=[], traps=[InvalidOperation, DivisionByZero, Overflow]
)
"""For chains of products of amounts and prices, which have more than 28 digits."""


@contextmanager
def exactly(context: Context = EXACT) -> Iterator[None]:
    """A desk runs inside: Decimals are computed in ``EXACT``. To set the context's fields raises there. Also a
    decorator. The caller's context is back afterwards."""
    before = getcontext()
    setcontext(context)
    try:
        yield
    finally:
        setcontext(before)
