"""What a venue's answer proves about an order: a table of its codes by class, and the order report made of one.

A venue writes one ``Verdicts``, with every code of its documented table in a class. A code on no list proves nothing:
the order is UNKNOWN and gets queried.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from arbkit.adapters.context import Context
from arbkit.core.errors import CredentialsError
from arbkit.core.types import Command, NewOrder, OrderAbsent, OrderUpdate, OrdStatus, RejectReason

__all__ = ["Code", "Saying", "Verdict", "Verdicts"]

Code: TypeAlias = int | str
"""A venue's code as its messages write it."""


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
    """The venue's codes by class.

    ``ok``         success
    ``rejected``   definitive refusals of an order by reason; those of AUTH also refuse a login
    ``lasting``    of these: what cannot change by itself (permission, account mode, region, closed market)
    ``duplicate``  the client order id is in use: the first copy arrived, so the order is queried
    ``gone``       a cancel found no open order: its end is queried
    ``absent``     a query found no such order
    ``ended``      a query found an order that ended without a fill, and no details
    ``throttled``  too many requests: a new order may have been accepted all the same
    ``ambiguous``  documented as "outcome unknown"; listed so that the table is whole, treated as any unlisted code
    ``login``      a login refused for another reason than the key: code -> what a person must do
    ``sayings``    codes whose text decides; the first that fits counts, before the other classes
    """

    def __init__(
        self,
        *,
        ok: Collection[Code],
        rejected: Mapping[RejectReason, Iterable[Code]],
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
                if code in self.by_code:
                    raise ValueError(f"code {code!r} stands in two classes")
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
                known = saying.reason not in (RejectReason.DUPLICATE, RejectReason.THROTTLED)
                return Verdict(saying.reason, known, saying.lasting)
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
        what: type[Command],
        instrument: str,
        cl_ord_id: str,
        code: Code | None,
        text: str,
        now_ns: int,
        *,
        order_id: str = "",
        exch_ns: int = 0,
        limited: bool = False,
    ) -> OrderUpdate:
        """The report that answers a ``NewOrder`` or a ``CancelOrder``. ``limited``: the HTTP status of a rate limit, a
        ban or a firewall, which says nothing about the order, whatever the body says."""
        about = self.created if what is NewOrder else self.cancelled
        update = about(context, instrument, cl_ord_id, code, text, now_ns, order_id=order_id, exch_ns=exch_ns)
        return replace(update, ord_status=OrdStatus.UNKNOWN, reason=RejectReason.THROTTLED) if limited else update

    def created(
        self,
        context: Context,
        instrument: str,
        cl_ord_id: str,
        code: Code | None,
        text: str,
        now_ns: int,
        *,
        order_id: str = "",
        exch_ns: int = 0,
    ) -> OrderUpdate:
        """The answer to a new order. Success means that the venue took it; its state comes by the stream."""
        verdict = self.of(code, text)
        fine = code in self.ok
        return OrderUpdate(
            account=context.account,
            instrument=instrument,
            cl_ord_id=cl_ord_id,
            order_id=order_id,
            ord_status=OrdStatus.NEW if fine else OrdStatus.REJECTED if verdict.proved else OrdStatus.UNKNOWN,
            reason=verdict.reason,
            lasting=verdict.lasting,
            text="" if fine else _said(code, text),
            source="ack",
            exch_ns=exch_ns,
            recv_ns=now_ns,
        )

    def cancelled(
        self,
        context: Context,
        instrument: str,
        cl_ord_id: str,
        code: Code | None,
        text: str,
        now_ns: int,
        *,
        order_id: str = "",
        exch_ns: int = 0,
    ) -> OrderUpdate:
        """The answer to a cancel. Success means that the order exists; its end comes by the stream."""
        fine = code in self.ok
        reason = RejectReason.UNKNOWN_ORDER if code in self.gone else self.of(code, text).reason
        return OrderUpdate(
            account=context.account,
            instrument=instrument,
            cl_ord_id=cl_ord_id,
            order_id=order_id,
            ord_status=OrdStatus.NEW if fine else OrdStatus.UNKNOWN,
            reason=None if fine else reason,
            about_cancel=not fine,
            text="" if fine else _said(code, text),
            source="ack",
            exch_ns=exch_ns,
            recv_ns=now_ns,
        )

    def queried(
        self, context: Context, instrument: str, cl_ord_id: str, code: Code | None, text: str, now_ns: int
    ) -> OrderAbsent | OrderUpdate | None:
        """The error that answers a query; None when it says nothing about the order."""
        if code in self.absent:
            return OrderAbsent(context.account, instrument, cl_ord_id, now_ns)
        if code in self.ended:
            return OrderUpdate(
                account=context.account,
                instrument=instrument,
                cl_ord_id=cl_ord_id,
                ord_status=OrdStatus.CANCELED,
                cum_qty=Decimal(0),
                text=_said(code, text),
                source="poll",
                recv_ns=now_ns,
            )
        return None


def _said(code: Code | None, text: str) -> str:
    return text if code is None else f"{code} {text}".strip()
