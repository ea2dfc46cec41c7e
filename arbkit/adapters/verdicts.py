"""What a venue's answer proves about an order: a table of its codes by class, and the order report made of one.

A venue writes one ``Verdicts``, with every code of its documented table in a class. A code on no list proves nothing:
the order is UNKNOWN and gets queried.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from itertools import chain
from typing import Protocol, TypeAlias

from msgspec import Struct

from arbkit.adapters.context import Context
from arbkit.core.errors import CredentialsError
from arbkit.core.types import Command, NewOrder, OrderAbsent, OrderUpdate, OrdStatus, RejectReason

__all__ = ["About", "Code", "Saying", "Verdict", "Verdicts"]

Code: TypeAlias = int | str
"""A venue's code as its messages write it."""


class About(Protocol):
    """What an answer is about: a command about an order, or what a request id says (``Asked``)."""

    @property
    def instrument(self) -> str: ...
    @property
    def cl_ord_id(self) -> str: ...


class Saying(Struct, frozen=True):
    """A code whose text decides: with these words in the text, it means ``reason``."""

    code: Code
    words: str
    """Compared without case."""
    reason: RejectReason
    lasting: bool = False


class Verdict(Struct, frozen=True, gc=False):
    """What a code means. ``proved``: a new order that was answered so does not exist."""

    reason: RejectReason | None = None
    proved: bool = False
    lasting: bool = False
    """The same order would be refused again until somebody changes something."""


_NOTHING = Verdict()


class Verdicts:
    """The venue's codes by class. A code stands in one class; ``ValueError`` otherwise.

    ``ok``         success
    ``rejected``   definitive refusals of an order by reason; those of AUTH also refuse a login
    ``lasting``    those of ``rejected`` that cannot change by themselves (permission, account mode, region, closed
                   market)
    ``duplicate``  the client order id is in use: the first copy arrived, so the order is queried
    ``gone``       a cancel found no open order: its end is queried
    ``absent``     a query found no such order; the answer to a cancel as ``gone``
    ``ended``      a query found an order that ended without a fill, and no details; to a cancel as ``gone``
    ``throttled``  too many requests: a new order may have been accepted all the same
    ``ambiguous``  documented as "outcome unknown"; listed so that the table is whole, treated as any unlisted code
    ``login``      a login refused for another reason than the key: code -> what a person must do
    ``sayings``    codes whose text decides; the first that fits counts, before the code's class
    """

    def __init__(
        self,
        *,
        ok: Collection[Code],
        rejected: Mapping[RejectReason, Collection[Code]],
        lasting: Collection[Code] = (),
        duplicate: Collection[Code] = (),
        gone: Collection[Code] = (),
        absent: Collection[Code] = (),
        ended: Collection[Code] = (),
        throttled: Collection[Code] = (),
        ambiguous: Collection[Code] = (),
        login: Mapping[Code, str] | None = None,
        sayings: Sequence[Saying] = (),
    ) -> None:
        classes = (ok, duplicate, gone, absent, ended, throttled, ambiguous, login or (), *rejected.values())
        if twice := [code for code, times in Counter(chain.from_iterable(classes)).items() if times > 1]:
            raise ValueError(f"codes that stand in two classes: {twice}")
        if unproved := [reason.value for reason in rejected if not reason.definite]:
            raise ValueError(f"these reasons do not prove that an order does not exist: {unproved}")
        if strange := set(lasting).difference(*rejected.values()):
            raise ValueError(f"lasting codes that are not in rejected: {sorted(strange, key=str)}")
        self.ok = frozenset(ok)
        self.gone = frozenset(gone)
        self.absent = frozenset(absent)
        self.ended = frozenset(ended)
        self.login = dict(login or {})
        self.sayings: dict[Code, list[Saying]] = {}
        for saying in sayings:
            self.sayings.setdefault(saying.code, []).append(saying)
        self.by_code: dict[Code, Verdict] = dict.fromkeys(ambiguous, _NOTHING)
        for code in throttled:
            self.by_code[code] = Verdict(RejectReason.THROTTLED)
        for code in duplicate:
            self.by_code[code] = Verdict(RejectReason.DUPLICATE)
        for reason, codes in rejected.items():
            for code in codes:
                self.by_code[code] = Verdict(reason, True, code in lasting)

    @property
    def codes(self) -> frozenset[Code]:
        """Every code that stands in a class."""
        return frozenset({*self.ok, *self.gone, *self.absent, *self.ended, *self.login, *self.sayings, *self.by_code})

    def of(self, code: Code | None, text: str = "") -> Verdict:
        """The meaning of a code and its text for a new order. None: no code could be read."""
        if code is None:
            return _NOTHING
        low = text.lower()
        for saying in self.sayings.get(code, ()):
            if saying.words.lower() in low:
                return Verdict(saying.reason, saying.reason.definite, saying.lasting)
        return self.by_code.get(code, _NOTHING)

    def refused_login(self, venue: str, code: Code | None, text: str) -> CredentialsError | None:
        """The error if the code refuses the login for good; None for other codes (clock, rate limit)."""
        if code in self.login:
            return CredentialsError(f"{venue} refused the login: {code} {text} ({self.login[code]})")
        if self.of(code, text).reason is not RejectReason.AUTH:
            return None
        return CredentialsError(
            f"{venue} refused the key: {code} {text} (key, passphrase, permissions, IP list, environment?)"
        )

    def is_throttle(self, code: Code | None, text: str = "") -> bool:
        """Whether the code says that there were too many requests."""
        return self.of(code, text).reason is RejectReason.THROTTLED

    def answer(
        self,
        context: Context,
        kind: type[Command],
        about: About,
        code: Code | None,
        text: str,
        now_ns: int,
        *,
        order_id: str = "",
        exch_ns: int = 0,
        limited: bool = False,
    ) -> OrderUpdate:
        """The report that answers a ``NewOrder`` or a ``CancelOrder``. Success means that the venue took the order, or
        has it; its state comes by the stream. ``limited``: the HTTP status of a rate limit, a ban or a firewall, which
        says nothing about the order, whatever the body says."""
        verdict = self.of(code, text)
        status, reason = OrdStatus.UNKNOWN, verdict.reason
        if limited:
            reason = RejectReason.THROTTLED
        elif code in self.ok:
            status, reason, text = OrdStatus.NEW, None, ""
        elif kind is not NewOrder:
            if code in self.gone or code in self.absent or code in self.ended:
                reason = RejectReason.UNKNOWN_ORDER
        elif verdict.proved:
            status = OrdStatus.REJECTED
        fine = status is OrdStatus.NEW
        return OrderUpdate(
            account=context.account,
            instrument=about.instrument,
            cl_ord_id=about.cl_ord_id,
            order_id=order_id,
            ord_status=status,
            reason=reason,
            lasting=verdict.lasting and kind is NewOrder,
            about_cancel=kind is not NewOrder and not fine,
            text="" if fine else _said(code, text),
            source="ack",
            exch_ns=exch_ns,
            recv_ns=now_ns,
        )

    def queried(
        self, context: Context, about: About, code: Code | None, text: str, now_ns: int
    ) -> OrderAbsent | OrderUpdate | None:
        """The error that answers a query; None when it says nothing about the order."""
        if code in self.absent:
            return OrderAbsent(context.account, about.instrument, about.cl_ord_id, now_ns)
        if code in self.ended:
            return OrderUpdate(
                account=context.account,
                instrument=about.instrument,
                cl_ord_id=about.cl_ord_id,
                ord_status=OrdStatus.CANCELED,
                cum_qty=Decimal(0),
                text=_said(code, text),
                source="poll",
                recv_ns=now_ns,
            )
        return None


def _said(code: Code | None, text: str) -> str:
    return text if code is None else f"{code} {text}".strip()
