"""What each venue's codes mean for an order, against lists that were written by hand from the venue's pages (facts)."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from arbkit.core.types import CancelOrder, Catalogue, NewOrder, OrderAbsent, OrdStatus, RejectReason, rest_link
from arbkit.venue import Asked, Context, Verdicts

NOW_NS = 1_750_000_000_000_000_000
BTC = "toy:BTC-USDT"
ASKED = Asked("n", "a1", BTC)
CONTEXT = Context(rest_link("toy", "toy:main"), Catalogue(), None)


def test_the_answer_to_a_new_order(venue: Any, answer: tuple[int | str, str, str]) -> None:
    """Rejected only where the venue says that nothing was executed; lasting where it would say so again."""
    code, text, expected = answer
    update = _table(venue).answer(CONTEXT, NewOrder, ASKED, code, text, NOW_NS)
    words = [update.ord_status.value]
    if update.reason is not None:
        words.append(update.reason.value)
    if update.lasting:
        words.append("lasting")
    assert " ".join(words) == expected


@pytest.mark.needs("ANSWERS")
def test_the_list_has_every_status_and_most_reasons(venue: Any) -> None:
    """At least 15 codes, with success, unknown outcomes, passing and lasting refusals, and these reasons."""
    words = {word for _, _, expected in venue.facts.ANSWERS for word in expected.split()}
    assert len({code for code, _, _ in venue.facts.ANSWERS}) >= 15
    assert words >= {"new", "unknown", "rejected", "lasting", "duplicate", "throttled", "clock", "auth", "instrument"}
    assert words <= {*(status.value for status in OrdStatus), *(reason.value for reason in RejectReason), "lasting"}


@pytest.mark.needs("GONE")
def test_a_cancel_that_found_no_open_order(venue: Any) -> None:
    """The order ended before, or is ending: its end must be asked for."""
    for code in venue.facts.GONE:
        update = _table(venue).answer(CONTEXT, CancelOrder, ASKED, code, "", NOW_NS)
        assert (update.ord_status, update.reason) == (OrdStatus.UNKNOWN, RejectReason.UNKNOWN_ORDER), code
        assert update.about_cancel
        assert _table(venue).answer(CONTEXT, NewOrder, ASKED, code, "", NOW_NS).ord_status is OrdStatus.UNKNOWN, code


@pytest.mark.needs("QUERIES")
def test_the_answer_to_a_query(venue: Any) -> None:
    """No such order, ended without a fill, or an error that says nothing about the order."""
    for code, expected in venue.facts.QUERIES.items():
        found = _table(venue).queried(CONTEXT, ASKED, code, "", NOW_NS)
        if expected == "absent":
            assert found == OrderAbsent("toy:main", BTC, "a1", NOW_NS), code
        elif expected == "ended":
            assert not isinstance(found, OrderAbsent)
            assert found is not None, code
            assert (found.ord_status, found.cum_qty) == (OrdStatus.CANCELED, 0), code
        else:
            assert found is None, code


@pytest.mark.needs("LOGINS")
def test_a_refused_login_says_what_to_do(venue: Any) -> None:
    """The error has these words; a clock, a throttle and a restart refuse no key."""
    for code, words in venue.facts.LOGINS.items():
        error = _table(venue).refused_login(venue.name, code, "no")
        assert (error is not None) == bool(words), code
        assert words in str(error or ""), code


def _table(venue: Any) -> Verdicts:
    table: Verdicts = importlib.import_module(f"{venue.package}.verdicts").VERDICTS
    return table
