"""The kit is a judge: an adapter that is made to lie fails the rule that is about the lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest
from arbkit_okx.adapter import Okx
from arbkit_okx.dialect import OkxDialect
from msgspec.structs import replace

from arbkit.core.types import (
    AssetStatus,
    Balance,
    BookLost,
    BookUpdate,
    ClientIdScope,
    ClockSample,
    FeeUpdate,
    HttpAnswer,
    InstrumentUpdate,
    Level,
    LinkSpec,
    Listing,
    NoAnswer,
    OrderAbsent,
    OrderUpdate,
    OrdStatus,
    Output,
    RateReport,
    RejectReason,
    Secret,
    Send,
    VenueSettings,
)
from arbkit.testing.conformance import RULES, Nonconforming, NotRun, VenueUnderTest

Lie = Callable[[Any], Sequence[Any]]


class Liar:
    """A session whose words are changed."""

    def __init__(self, session: Any, lie: Lie) -> None:
        self._session = session
        self._lie = lie

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._session, name)
        if name not in ("start", "receive", "answered", "tick"):
            return found

        def call(*args: Any) -> list[Output]:
            return [lied for out in found(*args) for lied in self._lie(out)]

        return call


def lying(lie: Lie) -> Callable[[VenueSettings], Any]:
    """An exchange all of whose sessions lie."""

    class Lying(Okx):
        def session(self, link: LinkSpec, catalogue: Any, signer: Any) -> Any:
            return Liar(super().session(link, catalogue, signer), lie)

    return Lying


def only(kind: type[Any], lie: Lie, when: Callable[[Any], object] = lambda out: True) -> Lie:
    """A lie about one kind of output."""
    return lambda out: lie(out) if isinstance(out, kind) and when(out) else [out]


def streamed(update: OrderUpdate) -> object:
    return update.source == "stream" and update.last_qty


LIES: dict[str, tuple[str, Lie]] = {
    "a level twice as large": (
        "book",
        only(
            BookUpdate, lambda u: [replace(u, bids=[Level(b.px, 2 * b.qty) for b in u.bids])], lambda u: not u.snapshot
        ),
    ),
    "a delta left out": ("book", only(BookUpdate, lambda u: [], lambda u: not u.snapshot and u.seq % 7 == 0)),
    "a gap not told": ("book_faults", only(BookLost, lambda u: [])),
    "a clock a millisecond off": (
        "clock",
        only(ClockSample, lambda s: [replace(s, offset_ns=s.offset_ns + 4_000_000)]),
    ),
    "a coarser tick": (
        "catalogue",
        only(InstrumentUpdate, lambda u: [InstrumentUpdate(replace(u.instrument, tick=u.instrument.tick * 10))]),
    ),
    "fees with the wrong sign": ("fees", only(FeeUpdate, lambda f: [replace(f, taker=-f.taker)])),
    "an asset that moves": ("assets", only(AssetStatus, lambda a: [replace(a, deposit=True)])),
    "a free balance that is the total": ("balances", only(Balance, lambda b: [replace(b, free=b.free + b.locked)])),
    "a fill twice": ("ioc_full", only(OrderUpdate, lambda u: [u, u], streamed)),
    "a fill never": ("ioc_full", only(OrderUpdate, lambda u: [replace(u, last_qty=Decimal(0))], streamed)),
    "a fee as a rebate": ("ioc_full", only(OrderUpdate, lambda u: [replace(u, fee=-u.fee)], streamed)),
    "a fee in the other asset": ("ioc_full", only(OrderUpdate, lambda u: [replace(u, fee_asset="USDT")], streamed)),
    "a taker as maker": ("ioc_full", only(OrderUpdate, lambda u: [replace(u, maker=True)], streamed)),
    "a maker as taker": ("maker", only(OrderUpdate, lambda u: [replace(u, maker=False)])),
    "cum_qty of the last fill alone": (
        "ioc_full",
        only(OrderUpdate, lambda u: [replace(u, cum_qty=u.last_qty)], streamed),
    ),
    "no time": ("ioc_full", only(OrderUpdate, lambda u: [replace(u, exch_ns=0)])),
    "an end that is not told": (
        "ioc_none",
        only(OrderUpdate, lambda u: [replace(u, ord_status=OrdStatus.NEW)], lambda u: u.ord_status.terminal),
    ),
    "another client id": ("rest_and_cancel", only(OrderUpdate, lambda u: [replace(u, cl_ord_id="")])),
    "a cancel's no as the order's": (
        "cancel_gone",
        only(OrderUpdate, lambda u: [replace(u, ord_status=OrdStatus.REJECTED)], lambda u: u.about_cancel),
    ),
    "absence of what is there": (
        "query",
        only(OrderUpdate, lambda u: [OrderAbsent(u.account, u.instrument, u.cl_ord_id)], lambda u: u.source == "poll"),
    ),
    "a listing short of one": ("listings", only(Listing, lambda one: [replace(one, updates=one.updates[1:])])),
    "a duplicate as a refusal": (
        "duplicate",
        only(
            OrderUpdate,
            lambda u: [replace(u, ord_status=OrdStatus.REJECTED)],
            lambda u: u.reason is RejectReason.DUPLICATE,
        ),
    ),
    "no answer as a refusal": (
        "broken_answers",
        only(
            OrderUpdate,
            lambda u: [replace(u, ord_status=OrdStatus.REJECTED)],
            lambda u: u.ord_status is OrdStatus.UNKNOWN,
        ),
    ),
    "a throttle as a refusal": (
        "throttled",
        only(
            OrderUpdate,
            lambda u: [replace(u, ord_status=OrdStatus.REJECTED)],
            lambda u: u.reason is RejectReason.THROTTLED,
        ),
    ),
    "no word of a limit": ("throttled", only(RateReport, lambda r: [])),
    "a login in the open": (
        "secrets",
        only(Send, lambda s: [Send(s.data.reveal())], lambda s: isinstance(s.data, Secret)),
    ),
}


@pytest.mark.parametrize("name", LIES)
def test_a_lie_fails_its_rule(name: str) -> None:
    """Without the lie the rule passes (test_conformance_rules); with it, it does not."""
    rule, lie = LIES[name]
    with pytest.raises(Nonconforming):
        RULES[rule](VenueUnderTest(lying(lie), OkxDialect))


def test_an_answer_taken_for_absence_fails_its_rule() -> None:
    """An adapter that reads any answer to a query as "no such order" is caught by the broken answers."""

    class Hasty(Okx):
        def session(self, link: LinkSpec, catalogue: Any, signer: Any) -> Any:
            session = super().session(link, catalogue, signer)
            if link.role.value != "rest":
                return session
            good = session.answered

            def answered(what: Any, answer: HttpAnswer | NoAnswer, now_ns: int) -> Sequence[Output]:
                said = good(what, answer, now_ns)
                if type(what).__name__ == "QueryOrder" and not any(isinstance(out, OrderUpdate) for out in said):
                    return [OrderAbsent(what.account, what.instrument, what.cl_ord_id)]
                return said

            session.answered = answered  # type: ignore[method-assign]  # the lie
            return session

    with pytest.raises(Nonconforming, match="QueryOrder"):
        RULES["broken_answers"](VenueUnderTest(Hasty, OkxDialect))


def declared(**changed: object) -> type[Okx]:
    """OKX with other guarantees than it has."""

    class Declared(Okx):
        capabilities = replace(Okx.capabilities, **changed)

    return Declared


def test_ids_declared_as_taken_for_ever_are_tried_again() -> None:
    """``client_id_scope`` is judged: this venue takes the id of an order that has ended."""
    with pytest.raises(Nonconforming, match="was reused"):
        RULES["duplicate"](VenueUnderTest(declared(client_id_scope=ClientIdScope.ALWAYS), OkxDialect))
    with pytest.raises(NotRun, match="client_id_scope"):
        RULES["duplicate"](VenueUnderTest(declared(client_id_scope=ClientIdScope.NONE), OkxDialect))


def test_a_book_without_a_check_is_not_expected_to_notice_gaps() -> None:
    """``book_check`` says whether lost frames can be noticed at all."""
    with pytest.raises(NotRun, match="book_check"):
        RULES["book_faults"](VenueUnderTest(declared(book_check="none"), OkxDialect))
