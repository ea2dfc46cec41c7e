"""A table of codes: what it refuses, and the report that each class of code makes of an answer."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest

from arbkit.core.types import (
    CancelOrder,
    Catalogue,
    NewOrder,
    OrderAbsent,
    OrderUpdate,
    OrdStatus,
    RejectReason,
    rest_link,
)
from arbkit.venue import Asked, Context, Saying, Verdicts

NOW_NS = 1_750_000_000_000_000_000
BTC = "toy:BTC-USDT"
ASKED = Asked("n", "a1", BTC)
REFUSALS = {reason: number for number, reason in enumerate(RejectReason, 100) if reason.definite}
"""A code for each reason that proves that an order does not exist."""
TABLE: dict[str, Any] = {
    "ok": (0,),
    "rejected": {reason: (code,) for reason, code in REFUSALS.items()},
    "lasting": (REFUSALS[RejectReason.AUTH],),
    "duplicate": (1,),
    "gone": (2,),
    "absent": (3,),
    "ended": (4,),
    "throttled": (5,),
    "ambiguous": (6,),
    "login": {7: "ask for another key"},
    "sayings": (
        Saying(1, "market is closed", RejectReason.INSTRUMENT, lasting=True),
        Saying(6, "same id", RejectReason.DUPLICATE),
        Saying(6, "same", RejectReason.OTHER),
    ),
}
TOY = Verdicts(**TABLE)


@pytest.fixture
def context() -> Context:
    return Context(rest_link("toy", "toy:main"), Catalogue(), None)


def created(context: Context, code: int | None, text: str = "no") -> OrderUpdate:
    return TOY.answer(context, NewOrder, ASKED, code, text, NOW_NS, order_id="77", exch_ns=5)


@pytest.mark.parametrize("reason", REFUSALS)
def test_a_listed_refusal_ends_a_new_order(context: Context, reason: RejectReason) -> None:
    """Each reason that proves absence: REJECTED with this reason, the code and the text."""
    update = created(context, REFUSALS[reason])
    assert (update.ord_status, update.reason, update.text) == (OrdStatus.REJECTED, reason, f"{REFUSALS[reason]} no")
    assert update.lasting is (reason is RejectReason.AUTH)
    assert not update.about_cancel


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (1, RejectReason.DUPLICATE),
        (2, None),
        (3, None),
        (4, None),
        (5, RejectReason.THROTTLED),
        (6, None),
        (7, None),
        (99, None),
        (None, None),
    ],
)
def test_any_other_answer_leaves_a_new_order_unknown(
    context: Context, code: int | None, reason: RejectReason | None
) -> None:
    """A duplicate, a throttle, a listed ambiguous code, an unlisted code and no code prove nothing."""
    update = created(context, code)
    assert (update.ord_status, update.reason, update.lasting) == (OrdStatus.UNKNOWN, reason, False)


def test_success_is_a_new_order(context: Context) -> None:
    """The report carries the venue's id and times, and no text."""
    assert created(context, 0, "OK") == OrderUpdate(
        account="toy:main",
        instrument=BTC,
        cl_ord_id="a1",
        order_id="77",
        ord_status=OrdStatus.NEW,
        source="ack",
        exch_ns=5,
        recv_ns=NOW_NS,
    )


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (1, "The MARKET is Closed.", (OrdStatus.REJECTED, RejectReason.INSTRUMENT, True)),
        (1, "seen before", (OrdStatus.UNKNOWN, RejectReason.DUPLICATE, False)),
        (6, "the same id", (OrdStatus.UNKNOWN, RejectReason.DUPLICATE, False)),
        (6, "the same", (OrdStatus.REJECTED, RejectReason.OTHER, False)),
        (6, "market is closed", (OrdStatus.UNKNOWN, None, False)),
    ],
)
def test_the_text_decides(context: Context, code: int, text: str, expected: object) -> None:
    """The first saying of this code that fits, without case; else the class of the code."""
    update = created(context, code, text)
    assert (update.ord_status, update.reason, update.lasting) == expected


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (2, RejectReason.UNKNOWN_ORDER),
        (3, RejectReason.UNKNOWN_ORDER),
        (4, RejectReason.UNKNOWN_ORDER),
        (5, RejectReason.THROTTLED),
        (REFUSALS[RejectReason.AUTH], RejectReason.AUTH),
        (6, None),
        (99, None),
        (None, None),
    ],
)
def test_a_refused_cancel_says_nothing_final(context: Context, code: int | None, reason: RejectReason | None) -> None:
    """The order stays UNKNOWN until its state is known; that there is no open order is a reason of its own."""
    update = TOY.answer(context, CancelOrder, ASKED, code, "no", NOW_NS)
    assert (update.ord_status, update.reason, update.about_cancel) == (OrdStatus.UNKNOWN, reason, True)
    done = TOY.answer(context, CancelOrder, ASKED, 0, "", NOW_NS)
    assert (done.ord_status, done.reason, done.about_cancel) == (OrdStatus.NEW, None, False)


def test_a_query_answers_only_with_what_it_found(context: Context) -> None:
    """No such order; ended without a fill; any other error says nothing about the order."""
    assert TOY.queried(context, ASKED, 3, "none", NOW_NS) == OrderAbsent("toy:main", BTC, "a1", NOW_NS)
    ended = TOY.queried(context, ASKED, 4, "archived", NOW_NS)
    assert isinstance(ended, OrderUpdate)
    assert (ended.ord_status, ended.cum_qty, ended.text) == (OrdStatus.CANCELED, Decimal(0), "4 archived")
    for code in (2, 5, 6, 99, None, *REFUSALS.values()):
        assert TOY.queried(context, ASKED, code, "no", NOW_NS) is None


def test_a_login_is_refused_by_a_key_code_or_by_one_that_a_person_must_mend() -> None:
    """The error names venue, code and text, and what to do; other codes leave the link alone."""
    assert "toy refused the login: 7 no (ask for another key)" in str(TOY.refused_login("toy", 7, "no"))
    auth = REFUSALS[RejectReason.AUTH]
    assert f"toy refused the key: {auth} no" in str(TOY.refused_login("toy", auth, "no"))
    for code in (None, 0, 5, 6, 99, REFUSALS[RejectReason.CLOCK]):
        assert TOY.refused_login("toy", code, "no") is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gone": (1,)}, "two classes: [1]"),
        ({"absent": (2,)}, "two classes: [2]"),
        ({"login": {0: "?"}}, "two classes: [0]"),
        ({"throttled": (5, 5)}, "two classes: [5]"),
        ({"rejected": {RejectReason.OTHER: (6,)}, "lasting": ()}, "two classes: [6]"),
        ({"rejected": {RejectReason.OTHER: (50,), RejectReason.CLOCK: (50,)}, "lasting": ()}, "two classes: [50]"),
        ({"lasting": (5,)}, "not in rejected: [5]"),
        ({"rejected": {RejectReason.THROTTLED: (50,)}, "lasting": ()}, "['throttled']"),
        ({"rejected": {RejectReason.DUPLICATE: (50,)}, "lasting": ()}, "['duplicate']"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(change: dict[str, Any], words: str) -> None:
    """A code in two classes, a lasting code that rejects nothing, a refusal that proves nothing."""
    with pytest.raises(ValueError, match=re.escape(words)):
        Verdicts(**TABLE | change)


def test_codes_are_all_that_stand_in_a_class() -> None:
    """``codes`` is what a comparison with another table goes through."""
    assert TOY.codes == {*range(8), *REFUSALS.values()}
