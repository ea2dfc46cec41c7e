"""The order table: any order of arrival and any repetition give one final state."""

from __future__ import annotations

from decimal import Decimal as Dec

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from arbkit.core.errors import LocalProtocolError
from arbkit.core.orders import orders as orders_module
from arbkit.core.orders.ids import format_cl_ord_id
from arbkit.core.orders.orders import Change, Order, Orders
from arbkit.core.types import Fill, NewOrder, OrderUpdate, OrdStatus, RejectReason, Role, Side

ACCOUNT = "okx:main"
BTC = "okx:BTC-USDT"
ID = format_cl_ord_id(7)
S = OrdStatus


def intent(cl_ord_id: str = ID, *, side: Side = Side.BUY, qty: str = "10", px: str = "100") -> NewOrder:
    return NewOrder(account=ACCOUNT, instrument=BTC, cl_ord_id=cl_ord_id, side=side, qty=Dec(qty), px=Dec(px), deal=1)


def report(status: OrdStatus, **kw: object) -> OrderUpdate:
    fields: dict[str, object] = {"account": ACCOUNT, "instrument": BTC, "cl_ord_id": ID, "ord_status": status}
    for key, value in kw.items():
        fields[key] = Dec(value) if key in ("cum_qty", "last_qty", "last_px", "fee") and value is not None else value  # type: ignore[arg-type]
    return OrderUpdate(**fields)  # type: ignore[arg-type]


def fill(
    trade_id: str,
    qty: str,
    cum: str | None,
    *,
    px: str = "99",
    fee: str | None = "0.1",
    status: OrdStatus = S.PARTIALLY_FILLED,
    **kw: object,
) -> OrderUpdate:
    return report(
        status, trade_id=trade_id, last_qty=qty, last_px=px, cum_qty=cum, fee=fee, fee_asset="USDT", order_id="v1", **kw
    )


def table(*, sent: bool = True, **kw: object) -> tuple[Orders, Order]:
    orders = Orders(ACCOUNT, **kw)  # type: ignore[arg-type]
    order = orders.add(intent(), 1)
    if sent:
        orders.sent(ID, Role.TRADE, "okx.main.trade", 2)
    return orders, order


def outcome(order: Order) -> tuple[object, ...]:
    """The final state, without arrival times."""
    return (
        order.status,
        order.cum_qty,
        order.filled_qty,
        order.paid,
        dict(order.fills),
        order.fees_pending,
        order.done,
        order.leaves,
        order.order_id,
    )


# --- the property: evidence in any order, any number of times ---------------------------------------------------------


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[OrderUpdate], list[OrderUpdate], tuple[object, ...]]:
    """Histories: (reports that come at least once, reports that may come besides, the true outcome)."""
    parts = draw(st.lists(st.integers(1, 4), max_size=3))
    final = draw(st.sampled_from([S.CANCELED, S.EXPIRED, S.FILLED] + ([] if parts else [S.REJECTED])))
    if final is S.FILLED:
        parts.append(draw(st.integers(1, 4)))
    qty = sum(parts) + (0 if final is S.FILLED else draw(st.integers(1, 5)))
    must: list[OrderUpdate] = []
    may: list[OrderUpdate] = []
    if final is S.REJECTED:
        must.append(report(S.REJECTED, reason=RejectReason.INSUFFICIENT_FUNDS, cum_qty="0"))
    else:
        may.append(report(S.NEW, order_id="v1", cum_qty="0"))
        may.append(report(S.NEW, order_id="v1", source="ack"))
        may.append(report(S.REJECTED, reason=RejectReason.DUPLICATE, source="ack"))
    may.append(report(S.UNKNOWN, source="ack", text="503"))
    may.append(report(S.REJECTED, reason=RejectReason.UNKNOWN_ORDER, about_cancel=True))
    cum = 0
    for number, part in enumerate(parts):
        cum += part
        last = final is S.FILLED and number == len(parts) - 1
        status = S.FILLED if last else S.PARTIALLY_FILLED
        whole = fill(f"t{number}", str(part), str(cum), status=status)
        must.append(whole)
        may.append(whole)
        may.append(fill(f"t{number}", str(part), str(cum), status=status, fee=None))
        may.append(fill(f"t{number}", str(part), None, status=status, source="poll"))
        may.append(report(status, cum_qty=str(cum), source="poll", order_id="v1"))
    if final in (S.CANCELED, S.EXPIRED):
        must.append(report(final, cum_qty=str(cum), order_id="v1"))
        may.append(report(final, cum_qty=str(cum), order_id="v1", source="poll"))
    truth = (final, Dec(cum), qty, [Dec(part) for part in parts])
    return must, may, truth


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[OrderUpdate], tuple[object, ...]]:
    must, may, truth = draw(histories())
    extra = draw(st.lists(st.sampled_from(may), max_size=12))
    return draw(st.permutations(must + extra)), truth


def play(updates: list[OrderUpdate], qty: int, doubt_at: int = -1) -> tuple[Orders, Order, list[Change]]:
    orders = Orders(ACCOUNT)
    order = orders.add(intent(qty=str(qty)), 1)
    orders.sent(ID, Role.TRADE, "link", 2)
    changes = []
    for place, update in enumerate(updates):
        if place == doubt_at:
            orders.link_lost("link", 3)
        changes.append(orders.apply(update))
    return orders, order, changes


def check_converged(updates: list[OrderUpdate], truth: tuple[object, ...], doubt_at: int = -1) -> None:
    final, cum, qty, parts = truth
    orders, order, changes = play(updates, qty, doubt_at)  # type: ignore[arg-type]
    assert order.status is final
    assert order.cum_qty == order.filled_qty == cum
    assert order.done
    assert order.leaves == 0
    assert not orders.open()
    assert not orders.unresolved()
    assert not orders.in_doubt(BTC)
    booked = [row for change in changes for row in change.fills]
    assert sorted(row.qty for row in booked if row.qty) == sorted(parts)  # type: ignore[type-var]
    assert sum(row.fee for row in booked) == Dec("0.1") * len(parts)  # type: ignore[arg-type]
    assert len({row.trade_id for row in booked}) == len(booked)


@settings(max_examples=400)
@given(arrivals(), st.integers(-1, 10))
def test_evidence_in_any_order_and_number_converges(
    case: tuple[list[OrderUpdate], tuple[object, ...]], doubt: int
) -> None:
    """The state is the strongest evidence; each fill and each fee is returned exactly once."""
    check_converged(*case, doubt)


@settings(max_examples=200)
@given(arrivals())
def test_at_every_step_the_worst_case_covers_the_truth(case: tuple[list[OrderUpdate], tuple[object, ...]]) -> None:
    """filled + leaves is never below what the order really fills, and cum_qty never falls."""
    updates, (_, truth_cum, qty, _) = case
    orders = Orders(ACCOUNT)
    order = orders.add(intent(qty=str(qty)), 1)
    cum = Dec(0)
    for update in updates:
        orders.apply(update)
        assert order.filled_qty + order.leaves >= truth_cum or order.status is S.REJECTED  # type: ignore[operator]
        assert order.cum_qty >= cum
        assert order.cum_qty >= order.filled_qty
        assert orders.in_doubt(BTC) == order.unknown
        cum = order.cum_qty


@settings(max_examples=200)
@given(histories())
def test_the_archive_forgets_nothing(case: tuple[list[OrderUpdate], list[OrderUpdate], tuple[object, ...]]) -> None:
    """All reports again after the end: no fill is returned twice, nothing changes."""
    must, may, truth = case
    orders, order, _ = play(must, truth[2])  # type: ignore[arg-type]
    before = outcome(order)
    for update in must + [one for one in may if one.fee is not None or not one.last_qty]:
        change = orders.apply(update)
        assert change.fills == ()
    assert outcome(order)[:5] == before[:5]


class _Forgetful(dict):  # type: ignore[type-arg]
    """A fill set that recognizes no trade id."""

    def get(self, key: object, default: object = None) -> None:
        return None


def test_the_property_sees_a_dedupe_that_is_off() -> None:
    """Without the fill set the convergence check must fail."""
    one = fill("t0", "10", "10", status=S.FILLED)
    check_converged([one, one], (S.FILLED, Dec(10), 10, [Dec(10)]))
    orders, order = table()
    order.fills = _Forgetful()
    orders.apply(one)
    orders.apply(one)
    assert order.filled_qty == 20


def test_the_property_sees_a_poll_that_outranks(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the last report wins instead of the strongest evidence, a late NEW reopens a filled order: the check must
    fail."""
    updates = [fill("t0", "10", "10", status=S.FILLED), report(S.NEW, source="poll", cum_qty="0")]
    check_converged(updates, (S.FILLED, Dec(10), 10, [Dec(10)]))
    monkeypatch.setattr(orders_module, "_status", lambda order: S.NEW)
    with pytest.raises(AssertionError):
        check_converged(updates, (S.FILLED, Dec(10), 10, [Dec(10)]))


# --- one rule per test ------------------------------------------------------------------------------------------------


def test_a_new_intent_is_full_exposure() -> None:
    """PENDING_NEW counts with its whole quantity."""
    orders, order = table(sent=False)
    assert (order.status, order.leaves, order.done, order.unknown) == (S.PENDING_NEW, 10, False, False)
    assert orders.open() == [order]
    assert orders.get(ID) is order
    assert orders.unresolved() == []


def test_one_id_per_intent() -> None:
    """An id that was used, also by a finished order, is refused; so are empty ids, foreign accounts and no quantity."""
    orders, _ = table()
    orders.apply(report(S.REJECTED, reason=RejectReason.BAD_QTY))
    for bad in (intent(), intent(""), intent("x", qty="0")):
        with pytest.raises(LocalProtocolError):
            orders.add(bad, 5)
    with pytest.raises(LocalProtocolError):
        Orders("okx:other").add(intent(), 5)


def test_an_order_is_sent_once() -> None:
    """After a byte may have left, the order is sent neither again nor on another channel."""
    orders, order = table()
    assert (order.channel, order.link, order.sent_ns) == (Role.TRADE, "okx.main.trade", 2)
    with pytest.raises(LocalProtocolError, match="query it"):
        orders.sent(ID, Role.REST, "okx.main.rest", 3)


def test_provably_not_sent_is_rejected_here() -> None:
    """not_sent: terminal, no fills, reason GATE, no exposure."""
    orders, order = table(sent=False)
    change = orders.not_sent(ID, "kill", 3)
    assert (change.new, order.reason, order.text, order.done, order.leaves) == (
        S.REJECTED,
        RejectReason.GATE,
        "kill",
        True,
        0,
    )
    assert len(orders) == 0


def test_life_after_not_sent_is_an_anomaly_and_counts() -> None:
    """The venue's report outweighs our own conclusion: the order is open, with an anomaly."""
    orders, order = table(sent=False)
    orders.not_sent(ID, "kill", 3)
    change = orders.apply(fill("t", "4", "4"))
    assert change.new is S.PARTIALLY_FILLED
    assert change.anomalies
    assert (order.leaves, orders.open(), order.reason) == (6, [order], None)


def test_link_lost_makes_only_unacked_intents_unknown() -> None:
    """Orders sent and not acked on this link become UNKNOWN at once; acked ones, other links' and unsent ones stay."""
    orders = Orders(ACCOUNT)
    names = ["flying", "acked", "other", "unsent"]
    made = {name: orders.add(intent(name), 1) for name in names}
    for name, link in (("flying", "a"), ("acked", "a"), ("other", "b")):
        orders.sent(name, Role.TRADE, link, 2)
    orders.apply(report(S.NEW, cl_ord_id="acked"))
    assert orders.link_lost("a", 3) == [made["flying"]]
    assert [made[name].status for name in names] == [S.UNKNOWN, S.NEW, S.PENDING_NEW, S.PENDING_NEW]
    assert made["flying"].leaves == 10
    assert orders.in_doubt(BTC)
    assert orders.unresolved() == [made["flying"]]
    assert orders.link_lost("a", 4) == []


def test_timed_out_and_then_proved_absent() -> None:
    """No answer is UNKNOWN; proof of absence ends it with nothing filled and frees the instrument."""
    orders, order = table()
    assert orders.timed_out(ID, 5) is order
    assert orders.timed_out(ID, 6) is None
    assert order.unknown
    change = orders.absent(ID, 9)
    assert (change.old, change.new, order.done, orders.in_doubt(BTC)) == (S.UNKNOWN, S.REJECTED, True, False)
    assert order.terminal_ns == 9


def test_timed_out_after_an_answer_is_nothing() -> None:
    """An order that the venue has answered for does not fall back to UNKNOWN."""
    orders, order = table()
    orders.apply(report(S.NEW))
    assert orders.timed_out(ID, 5) is None
    assert orders.timed_out("nobody", 5) is None
    assert order.status is S.NEW


def test_a_fill_after_the_proof_of_absence_counts_and_alarms() -> None:
    """The proof was wrong: the fill is booked, the order is open again, an anomaly names it."""
    orders, order = table()
    orders.timed_out(ID, 5)
    orders.absent(ID, 9)
    change = orders.apply(fill("t", "10", "10", status=S.FILLED))
    assert len(change.fills) == 1
    assert "proved absent" in change.anomalies[0]
    assert (order.status, order.done) == (S.FILLED, True)


def test_an_acked_order_that_the_venue_lost_is_cancelled() -> None:
    """``absent`` for an order that was seen before (the venue restarted) ends it as CANCELED; a repeated old report
    does not reopen it."""
    orders, order = table()
    orders.apply(fill("t", "3", "3"))
    assert orders.absent(ID, 9).new is S.CANCELED
    orders.apply(report(S.NEW, cum_qty="0"))
    assert (order.status, order.done, order.filled_qty) == (S.CANCELED, True, 3)
    assert orders.absent(ID, 10).changed is False


def test_a_duplicate_id_means_that_the_first_copy_landed() -> None:
    """DUPLICATE gives UNKNOWN and ``ask``, never REJECTED; on an acked order it changes nothing."""
    orders, order = table()
    change = orders.apply(report(S.REJECTED, reason=RejectReason.DUPLICATE, source="ack"))
    assert (order.status, change.ask, change.changed, order.leaves) == (S.UNKNOWN, True, True, 10)
    orders.apply(report(S.NEW))
    change = orders.apply(report(S.REJECTED, reason=RejectReason.DUPLICATE, source="ack"))
    assert (order.status, change.ask) == (S.NEW, False)


def test_a_throttle_answer_is_no_refusal() -> None:
    """A venue may report a rate limit although it has accepted the order: UNKNOWN until queried, never REJECTED."""
    orders, order = table()
    change = orders.apply(report(S.REJECTED, reason=RejectReason.THROTTLED, source="ack"))
    assert (order.status, order.unknown, change.changed, order.leaves) == (S.UNKNOWN, True, True, 10)
    assert orders.apply(report(S.NEW)).new is S.NEW


def test_a_refused_cancel_says_nothing_of_the_order_but_ask() -> None:
    """``about_cancel`` never changes the status; the final state must be queried, and a cancel may be sent again."""
    orders, order = table()
    orders.apply(report(S.NEW))
    orders.cancel_asked(ID)
    assert order.cancel_asked
    change = orders.apply(report(S.REJECTED, reason=RejectReason.UNKNOWN_ORDER, about_cancel=True))
    assert (order.status, change.ask, change.new, order.cancel_asked) == (S.NEW, True, S.NEW, False)
    orders.apply(report(S.CANCELED, cum_qty="0"))
    change = orders.apply(report(S.REJECTED, reason=RejectReason.UNKNOWN_ORDER, about_cancel=True))
    assert (order.status, change.ask) == (S.CANCELED, False)


def test_a_fill_before_the_ack_proves_existence() -> None:
    """A fill that arrives before the ack makes the order acked (O03)."""
    orders, order = table()
    change = orders.apply(fill("t", "4", "4", recv_ns=50))
    assert (order.status, order.acked_ns, order.order_id, len(change.fills)) == (S.PARTIALLY_FILLED, 50, "v1", 1)
    assert orders.knows(BTC, "v1")


def test_cancelled_is_done_only_with_its_fills() -> None:
    """A terminal report that tells more quantity than the fills we have: not done, fills missing, to be resolved."""
    orders, order = table()
    orders.apply(report(S.CANCELED, cum_qty="4"))
    assert (order.status, order.done, order.missing_fills, order.leaves) == (S.CANCELED, False, 4, 4)
    assert orders.unresolved() == [order]
    orders.apply(fill("t", "4", "4"))
    assert (order.done, order.missing_fills, order.avg_px) == (True, 0, 99)


def test_a_terminal_report_without_quantity_proves_no_quantity() -> None:
    """CANCELED without cum_qty: the whole rest stays exposure until a report tells how much filled."""
    orders, order = table()
    orders.apply(report(S.CANCELED))
    assert (order.status.terminal, order.done, order.leaves) == (True, False, 10)
    assert orders.unresolved() == [order]
    orders.apply(report(S.CANCELED, cum_qty="0", source="poll"))
    assert order.done


def test_filled_without_quantity_is_all_of_it() -> None:
    """FILLED says cum_qty by itself."""
    orders, order = table()
    orders.apply(report(S.FILLED))
    assert (order.cum_qty, order.missing_fills, order.done) == (10, 10, False)


def test_late_fills_on_terminal_orders_count_forever() -> None:
    """A fill after CANCELED (cum 0) is booked, and the order is as done as before."""
    orders, order = table()
    orders.apply(report(S.CANCELED, cum_qty="0"))
    assert order.done
    change = orders.apply(fill("t", "2", None))
    assert [row.qty for row in change.fills] == [2]
    assert (order.status, order.cum_qty, order.done, change.changed) == (S.CANCELED, 2, True, True)


def test_late_quantity_reopens_an_archived_order() -> None:
    """A finished order that turns out to have filled more is open again until its fills came."""
    orders, order = table()
    orders.apply(report(S.CANCELED, cum_qty="0"))
    assert len(orders) == 0
    orders.apply(report(S.CANCELED, cum_qty="3", source="poll"))
    assert orders.unresolved() == [order]
    orders.apply(fill("t", "3", "3"))
    assert len(orders) == 0


@pytest.mark.parametrize("rejected_first", [True, False])
def test_rejected_with_fills_is_an_anomaly_not_a_state(rejected_first: bool) -> None:
    """Both cannot be true: UNKNOWN until a terminal report, with an anomaly, whichever came first."""
    orders, order = table()
    reject = report(S.REJECTED, reason=RejectReason.OTHER)
    both = [reject, fill("t", "4", "4")]
    changes = [orders.apply(update) for update in (both if rejected_first else both[::-1])]
    assert (order.status, order.filled_qty, order.leaves) == (S.UNKNOWN, 4, 6)
    assert any("as rejected and as filled" in text for change in changes for text in change.anomalies)
    assert changes[-1].ask
    orders.apply(report(S.CANCELED, cum_qty="4", source="poll"))
    assert (order.status, order.done) == (S.CANCELED, True)


def test_a_fill_is_booked_before_its_fee_is_known() -> None:
    """The first report gives the fill with fee 0, the later one a row of qty 0 with the fee; ``done`` only then."""
    orders, order = table()
    fast = orders.apply(fill("t", "10", "10", status=S.FILLED, fee=None))
    assert [(row.qty, row.fee) for row in fast.fills] == [(10, 0)]
    assert (order.done, order.needs_fills, order.fees_pending) == (False, True, {"t"})
    slow = orders.apply(fill("t", "10", "10", status=S.FILLED, fee="-0.5"))
    assert [(row.trade_id, row.qty, row.fee, row.fee_asset) for row in slow.fills] == [
        ("t/fee", 0, Dec("-0.5"), "USDT")
    ]
    assert (order.done, order.fills["t"].fee, slow.changed) == (True, Dec("-0.5"), True)
    assert orders.apply(fill("t", "10", "10", status=S.FILLED, fee="-0.5")).changed is False


def test_a_fill_without_a_trade_id_is_only_quantity_where_fills_have_ids() -> None:
    """An ack that tells a fill without its id must not be counted beside the stream's copy with the id."""
    orders, order = table()
    change = orders.apply(report(S.PARTIALLY_FILLED, last_qty="4", last_px="99", source="ack"))
    assert (change.fills, order.cum_qty, order.missing_fills) == ((), 4, 4)
    orders.apply(fill("t", "4", "4"))
    assert order.missing_fills == 0


def test_a_venue_without_fill_ids_gets_stable_keys() -> None:
    """Without ids the cumulative quantity is the key: a repeated report is one fill, the next one another."""
    orders, order = table(fill_ids=False)
    first = report(S.PARTIALLY_FILLED, last_qty="4", last_px="99", cum_qty="4.0", fee="0")
    again = report(S.PARTIALLY_FILLED, last_qty="4", last_px="99", cum_qty="4", fee="0")
    second = report(S.PARTIALLY_FILLED, last_qty="4", last_px="99", cum_qty="8", fee="0")
    bare = report(S.PARTIALLY_FILLED, last_qty="1", last_px="99", fee="0", exch_ns=5)
    assert [len(orders.apply(one).fills) for one in (second, first, again, second, bare, bare)] == [1, 1, 0, 0, 1, 0]
    assert order.filled_qty == 9


@pytest.mark.parametrize(
    ("side", "px", "bad"),
    [(Side.BUY, "100", False), (Side.BUY, "100.1", True), (Side.SELL, "100", False), (Side.SELL, "99.9", True)],
)
def test_a_fill_worse_than_its_limit_is_booked_with_an_alarm(side: Side, px: str, bad: bool) -> None:
    """O29: the balance changed, so the fill counts; one anomaly."""
    orders = Orders(ACCOUNT)
    orders.add(intent(side=side), 1)
    change = orders.apply(fill("t", "1", "1", px=px))
    assert len(change.fills) == 1
    assert bool(change.anomalies) is bad
    assert orders.apply(fill("t", "1", "1", px=px)).anomalies == ()


def test_filled_with_less_than_was_ordered_is_an_anomaly() -> None:
    """The venue's word counts, or the order would never end; but FILLED means the whole order, so the two are told.
    Without a quantity it means the whole order."""
    orders, order = table()
    change = orders.apply(report(S.FILLED, cum_qty="4"))
    assert change.anomalies == (f"{order.cl_ord_id}: reported as filled, but only 4 of 10",)
    assert order.final
    assert orders.apply(report(S.FILLED, cum_qty="4")).anomalies == ()
    orders, order = table()
    assert orders.apply(report(S.FILLED)).anomalies == ()
    assert order.cum_qty == 10


def test_more_than_ordered_and_other_oddities_are_anomalies() -> None:
    """Overfill, wrong side, two versions of one fill, wrong instrument: fills are counted, and each gives an
    anomaly."""
    orders, order = table()
    assert "filled 11, more than its quantity 10" in orders.apply(fill("t", "11", "11", status=S.FILLED)).anomalies[0]
    assert order.leaves == 0
    assert "is a sell" in orders.apply(fill("u", "1", "12", side=Side.SELL)).anomalies[0]
    assert "reported twice" in orders.apply(fill("t", "3", "11")).anomalies[0]
    stray = report(S.CANCELED, instrument="okx:ETH-USDT")
    change = orders.apply(stray)
    assert change.anomalies
    assert change.changed is False


def test_taxes_beside_the_fee_are_returned_once() -> None:
    """They come with the fill, or later with its fee, or later than that; a repeated report brings nothing new."""
    taxes = (("USDT", Dec("0.03")), ("BRL", Dec("0.2")))
    orders, _ = table()
    whole = orders.apply(fill("t", "4", "4", extra_fees=taxes))
    assert [(row.trade_id, row.fees) for row in whole.fills] == [("t", (("USDT", Dec("0.1")), *taxes))]
    assert orders.apply(fill("t", "4", "4", extra_fees=taxes)).fills == ()
    bare = orders.apply(fill("u", "2", "6", fee=None))
    assert [row.fees for row in bare.fills] == [()]
    late = orders.apply(fill("u", "2", "6", extra_fees=taxes))
    assert [(row.trade_id, row.qty, row.fees) for row in late.fills] == [("u/fee", 0, (("USDT", Dec("0.1")), *taxes))]
    orders.apply(fill("v", "1", "7"))
    later = orders.apply(fill("v", "1", "7", extra_fees=taxes))
    assert [(row.trade_id, row.qty, row.fees) for row in later.fills] == [("v/extra", 0, taxes)]
    for again in ("u", "v"):
        assert orders.apply(fill(again, "2" if again == "u" else "1", None, extra_fees=taxes)).fills == ()
    early = orders.apply(fill("w", "1", "8", fee=None, extra_fees=taxes))
    assert [row.fees for row in early.fills] == [taxes]
    assert [row.fees for row in orders.apply(fill("w", "1", "8", extra_fees=taxes)).fills] == [(("USDT", Dec("0.1")),)]


def test_a_tax_that_is_no_amount_makes_the_report_unreadable() -> None:
    """Like an unreadable fee: nothing of the report is counted, and the order is queried."""
    orders, _ = table()
    change = orders.apply(fill("t", "4", "4", extra_fees=(("USDT", Dec("NaN")),)))
    assert (change.fills, change.ask, len(change.anomalies)) == ((), True, 1)


def test_a_lasting_refusal_is_kept_with_the_order() -> None:
    """Whoever reads the order knows that the same one would be refused again."""
    orders, order = table()
    orders.apply(report(S.REJECTED, reason=RejectReason.OTHER, lasting=True, text="account mode"))
    assert (order.status, order.lasting) == (S.REJECTED, True)
    assert not table()[1].lasting


@pytest.mark.parametrize("bad", ["NaN", "sNaN", "Infinity", "-Infinity", "1e999999999", "1e18"])
@pytest.mark.parametrize("field", ["cum_qty", "last_qty", "last_px", "fee"])
def test_numbers_that_are_no_amounts_are_dropped_with_an_alarm(field: str, bad: str) -> None:
    """Invalid numbers in a report: no exception, nothing changes, and the order is queried."""
    orders, order = table()
    before = outcome(order)
    for cl_ord_id in (ID, "web-1"):
        change = orders.apply(replace(fill("t", "1", "1", cl_ord_id=cl_ord_id), **{field: Dec(bad)}))
        assert change.anomalies
        assert (change.fills, change.changed, change.ask) == ((), False, cl_ord_id == ID)
    assert outcome(order) == before


def test_a_fill_for_nothing_is_only_quantity() -> None:
    """Price 0 means that the price is missing: the fill is missing until a report has its price."""
    orders, order = table()
    change = orders.apply(fill("t", "4", "4", px="0"))
    assert (change.fills, order.missing_fills, len(change.anomalies)) == ((), 4, 1)
    assert len(orders.apply(fill("t", "4", "4")).fills) == 1


def listed(trade_id: str, order_id: str) -> OrderUpdate:
    """A row of a fills listing that names no client id."""
    return replace(fill(trade_id, "4", None, source="poll"), cl_ord_id="", order_id=order_id, side=Side.BUY)


def test_a_fill_without_client_id_is_not_foreign_while_it_may_be_ours() -> None:
    """Some venues list fills by order id only. While an order of ours on the instrument has no order id yet, such a
    fill proves nothing: it is booked when the order id is known, and once."""
    orders, order = table()
    orders.timed_out(ID, 6)
    early = orders.apply(listed("t1", "77"))
    assert (early.order, early.fills, early.unclaimed, orders.foreign) == (None, (), True, 0)
    orders.apply(report(S.PARTIALLY_FILLED, cum_qty="4", order_id="77", source="poll"))
    assert [one.trade_id for one in orders.apply(listed("t1", "77")).fills] == ["t1"]
    assert orders.apply(listed("t1", "77")).fills == ()
    assert order.filled_qty == 4


def test_a_fill_of_another_order_is_foreign_once_ours_have_ids() -> None:
    """With the order ids of all our orders known, a fill of another order id is not ours."""
    orders, _ = table()
    orders.apply(report(S.NEW, order_id="77"))
    found = orders.apply(listed("t1", "78"))
    assert (found.order, len(found.fills), found.unclaimed, orders.foreign) == (None, 1, False, 1)


def test_a_fill_of_an_ended_order_of_an_earlier_run_is_none_of_ours() -> None:
    """The journal has its order id, so the venue is not asked whose it is; another fill may still be ours."""
    orders, order = table()
    orders.timed_out(ID, 6)
    instrument = order.intent.instrument
    orders.ended([(instrument, "70")])
    known = orders.apply(listed("t0", "70"))
    assert (len(known.fills), known.unclaimed, orders.knows(instrument, "70")) == (1, False, True)
    other = orders.apply(listed("t1", "71"))
    assert (len(other.fills), other.unclaimed, orders.knows(instrument, "71")) == (0, True, False)


def test_foreign_orders_are_counted_and_their_fills_told_once() -> None:
    """O24: no order, but its fills are handed out (for the ledger's external account), each once."""
    orders, _ = table()
    foreign = fill("z", "1", "1", cl_ord_id="web-123", side=Side.SELL)
    assert [len(orders.apply(one).fills) for one in (foreign, foreign)] == [1, 0]
    assert orders.apply(foreign).order is None
    assert orders.foreign == 3
    assert orders.apply(report(S.NEW, cl_ord_id="web-123")).fills == ()


def test_maker_fills_without_a_client_id_are_found_by_the_venues() -> None:
    """Some venues leave the client id out of fills: the order id finds it, per instrument."""
    orders, order = table()
    orders.apply(report(S.NEW, order_id="v1"))
    change = orders.apply(fill("t", "4", "4", cl_ord_id=""))
    assert change.order is order
    other = orders.apply(fill("t", "4", "4", cl_ord_id="", instrument="okx:ETH-USDT"))
    assert other.order is None


def test_the_archive_is_bounded_and_says_what_it_forgot() -> None:
    """Finished orders beyond ``keep`` are forgotten, oldest first; a report on one is foreign with an anomaly."""
    orders = Orders(ACCOUNT, keep=3)
    ids = [format_cl_ord_id(number) for number in range(10)]
    for number, name in enumerate(ids):
        orders.add(intent(name), number)
        orders.apply(report(S.REJECTED, cl_ord_id=name, order_id=f"v{number}", reason=RejectReason.OTHER))
    assert [orders.get(name) is not None for name in ids] == [False] * 7 + [True] * 3
    assert len(orders) == 0
    assert len(orders._by_order_id) == 3
    assert orders.apply(report(S.NEW, cl_ord_id=ids[0])).anomalies
    assert list(orders) == []


def test_a_finished_order_is_dropped_in_its_time() -> None:
    """After ``keep_ns``, and not before: not while its deal is open, nor while an older order is UNKNOWN, because a
    listing of fills may then name it. What still waits is never dropped."""
    minute = 60_000_000_000
    orders = Orders(ACCOUNT, keep_ns=10 * minute)
    ids = [format_cl_ord_id(number) for number in range(4)]
    for number, name in enumerate(ids):
        orders.add(replace(intent(name), deal=number), 0)
    orders.sent(ids[3], Role.TRADE, "link", 1)
    for number, name in enumerate(ids[:3]):
        orders.apply(
            report(
                S.REJECTED,
                cl_ord_id=name,
                order_id=f"v{number}",
                reason=RejectReason.OTHER,
                recv_ns=(number + 1) * minute,
            )
        )

    def kept() -> list[bool]:
        return [orders.get(name) is not None for name in ids]

    orders.forget(11 * minute, ())
    assert kept() == [True, True, True, True]
    orders.timed_out(ids[3], 11 * minute)
    orders.forget(60 * minute, ())
    assert kept() == [True, True, True, True]
    orders.absent(ids[3], 60 * minute)
    orders.forget(60 * minute, {1})
    assert kept() == [False, True, False, True]
    orders.forget(69 * minute, ())
    assert kept() == [False, False, False, True]
    orders.forget(71 * minute, ())
    assert kept() == [False] * 4
    assert not orders._by_order_id
    assert not orders._doubts


def test_an_echo_changes_nothing() -> None:
    """The same report again: changed is False, the same statuses before and after."""
    orders, _ = table()
    assert orders.apply(report(S.NEW, order_id="v1")).changed
    change = orders.apply(report(S.NEW, order_id="v1"))
    assert (change.changed, change.old, change.new, change.ask) == (False, S.NEW, S.NEW, False)


def test_a_venue_id_learned_late_is_a_change() -> None:
    """Commands that use the venue's order id can find the order."""
    orders, order = table()
    orders.apply(report(S.NEW))
    assert orders.apply(report(S.NEW, order_id="v9")).changed
    assert order.order_id == "v9"


def test_a_fill_carries_what_the_ledger_needs() -> None:
    """Side, ids and account come from the intent, price, size, fee and time from the report."""
    orders, _ = table()
    change = orders.apply(fill("t", "4", "4", maker=True, exch_ns=77))
    expected = Fill(
        account=ACCOUNT,
        instrument=BTC,
        cl_ord_id=ID,
        order_id="v1",
        trade_id="t",
        side=Side.BUY,
        px=Dec(99),
        qty=Dec(4),
        fee=Dec("0.1"),
        fee_asset="USDT",
        maker=True,
        exch_ns=77,
    )
    assert change.fills == (expected,)
