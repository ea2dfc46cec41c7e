"""How a call of the table becomes requests: parameters in the path, pages by number; and the time of a heartbeat."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

import arbkit.venue as kit

ME = "toy:main"
BTC = "toy:BTC-USDT"
STATES = {"open": kit.OrdStatus.NEW}
ORDER = kit.OrderFields(
    order_id="id", status="state", statuses=STATES, cl_ord_id="cl", px="px", qty="qty", cum_qty="", exch_ms=""
)


def session(**how: Any) -> kit.RestSession:
    calls = kit.CallTable(
        "toy",
        {
            kit.QueryOrder: kit.Call(
                "/orders/{id}/state",
                kit.each(ORDER.read),
                params=lambda context, what: [("pair", "BTCUSDT"), ("id", what.order_id)],
            ),
            kit.ListOpenOrders: kit.Call(
                "/orders",
                kit.each(ORDER.read),
                params=lambda context, what: [("limit", "2")],
                pages=kit.Pages("page", lambda rows: "more" if len(rows) == 2 else "", **(how or {"numbered": True})),
            ),
        },
        verdicts=kit.Verdicts(ok=[200], rejected={}),
        pauses=kit.Pauses(window_ns=kit.S),
    )
    context = kit.Context(kit.rest_link("toy", ME), kit.Catalogue(), None)
    return kit.RestSession(context, calls, sign=kit.unsigned("https://toy"), unwrap=kit.bare)


def url(made: Any) -> str:
    (request,) = made
    assert isinstance(request, kit.HttpRequest)
    return request.url


def test_a_parameter_that_the_path_names_stands_in_it_and_nowhere_else() -> None:
    """Percent-encoded, so that an id cannot change the path."""
    query = kit.QueryOrder(account=ME, instrument=BTC, cl_ord_id="", order_id="a/b?c")
    assert url(session().encode([query], 0)) == "https://toy/orders/a%2Fb%3Fc/state?pair=BTCUSDT"


@pytest.mark.parametrize(("how", "pages"), [({"numbered": True}, ("2", "3")), ({"size": 2}, ("2", "4"))])
def test_pages_that_are_asked_for_by_their_number(how: dict[str, Any], pages: Sequence[str]) -> None:
    """Page 2 and 3 follow a full page, by their number or by the number of rows before; the listing has all rows."""
    rest = session(**how)
    what = kit.ListOpenOrders(account=ME)
    asked: Any = what
    urls = [url(rest.encode([what], 0))]
    outputs: Any = ()
    for rows in (["1", "2"], ["3", "4"], ["5"]):
        body = json.dumps([{"id": name, "state": "open", "symbol": "BTCUSDT"} for name in rows])
        outputs = rest.answered(asked, kit.HttpAnswer(200, {}, body.encode(), 1, 2), 2)
        if isinstance(outputs[0], kit.Ask):
            asked = outputs[0]
            urls.append(url(rest.encode(asked, 0)))
    assert urls == [f"https://toy/orders?limit=2{more}" for more in ("", *(f"&page={page}" for page in pages))]
    (listing,) = outputs
    assert [one.order_id for one in listing.updates] == ["1", "2", "3", "4", "5"]


def test_pages_that_do_not_move_on_are_an_incomplete_listing() -> None:
    """More rows of one time than a page holds, where pages are asked for by time: nothing comes after it."""
    calls = kit.CallTable(
        "toy",
        {
            kit.ListOpenOrders: kit.Call(
                "/orders", kit.each(ORDER.read), pages=kit.Pages("until", lambda rows: str(rows[-1]["at"]))
            )
        },
        verdicts=kit.Verdicts(ok=[200], rejected={}),
        pauses=kit.Pauses(window_ns=kit.S),
    )
    context = kit.Context(kit.rest_link("toy", ME), kit.Catalogue(), None)
    rest = kit.RestSession(context, calls, sign=kit.unsigned("https://toy"), unwrap=kit.bare)
    body = b'[{"id": "1", "state": "open", "at": 7}]'
    (asked,) = rest.answered(kit.ListOpenOrders(account=ME), kit.HttpAnswer(200, {}, body, 1, 2), 2)
    assert isinstance(asked, kit.Ask)
    notice, listing = rest.answered(asked, kit.HttpAnswer(200, {}, body, 1, 2), 2)
    assert isinstance(notice, kit.Notice)
    assert isinstance(listing, kit.Listing)
    assert not listing.complete


def test_a_heartbeat_tells_when_it_was_last_looked_at() -> None:
    """For requests that carry a time, and are written where no time is given."""
    beat = kit.Heartbeat("ping", 10)
    beat.start(5)
    assert beat.now_ns == 5
    assert beat.tick(9) == []
    assert beat.now_ns == 9


# --- an order that the venue finds only by its own id


MINE = kit.OrderFields(
    order_id="id",
    status="state",
    statuses={"open": kit.OrdStatus.NEW, "done": kit.OrdStatus.FILLED},
    cl_ord_id="cl",
    px="",
    qty="",
    cum_qty="",
    exch_ms="",
)


def looking() -> kit.RestSession:
    def mine(got: kit.Got) -> list[kit.OrderUpdate]:
        return [one for one in kit.each(MINE.read)(got) if one.cl_ord_id == got.what.cl_ord_id]

    lookup = kit.Call("/orders", mine, pages=kit.Pages("after", lambda rows: rows[-1]["id"] if len(rows) > 1 else ""))
    by_id = {"params": lambda context, what: [("id", what.order_id)], "lookup": lookup}
    calls = kit.CallTable(
        "toy",
        {
            kit.QueryOrder: kit.Call("/orders/{id}", kit.each(MINE.read), **by_id),
            kit.CancelOrder: kit.Call("/cancel/{id}", lambda got: got.acknowledged("9"), method="POST", **by_id),
        },
        verdicts=kit.Verdicts(ok=[200], rejected={}),
        pauses=kit.Pauses(window_ns=kit.S),
    )
    context = kit.Context(kit.rest_link("toy", ME), kit.Catalogue(), None)
    return kit.RestSession(context, calls, sign=kit.unsigned("https://toy"), unwrap=kit.bare)


def answer(rest: kit.RestSession, what: Any, *orders: tuple[str, str, str], status: int = 200) -> list[Any]:
    body = json.dumps([{"id": name, "cl": cl, "state": state} for name, cl, state in orders])
    return list(rest.answered(what, kit.HttpAnswer(status, {}, body.encode(), 1, 2), 2))


CANCEL = kit.CancelOrder(account=ME, instrument=BTC, cl_ord_id="mine")
QUERY = kit.QueryOrder(account=ME, instrument=BTC, cl_ord_id="mine")


def test_a_cancel_by_our_id_finds_the_venues_id_first() -> None:
    """On the second page; then the cancel is sent with it, and its answer is about our order."""
    rest = looking()
    assert url(rest.encode([CANCEL], 0)) == "https://toy/orders"
    (more,) = answer(rest, CANCEL, ("1", "other", "open"), ("2", "", "open"))
    assert url(rest.encode(more, 0)) == "https://toy/orders?after=2"
    state, go = answer(rest, more, ("9", "mine", "open"))
    assert (state.order_id, state.ord_status, go.lane) == ("9", kit.OrdStatus.NEW, kit.Lane.CANCEL)
    (request,) = rest.encode(go, 0)
    assert (request.method, request.url) == ("POST", "https://toy/cancel/9")  # type: ignore[union-attr]
    (done,) = answer(rest, go)
    assert (done.cl_ord_id, done.about_cancel) == ("mine", False)


def test_a_cancel_of_an_order_that_ended_or_is_not_there_is_not_sent() -> None:
    """The answer is about the cancel, so that the order's end is queried; an error says nothing of either."""
    for orders in ((), (("9", "mine", "done"),)):
        *_, gone = answer(looking(), CANCEL, *orders)
        assert (gone.about_cancel, gone.reason) == (True, kit.RejectReason.UNKNOWN_ORDER)
    *_, failed = answer(looking(), CANCEL, status=500)
    assert (failed.about_cancel, failed.ord_status, failed.reason) == (True, kit.OrdStatus.UNKNOWN, None)


def test_a_query_by_our_id_is_answered_by_the_lookup() -> None:
    """It is absent only after the last page; with the venue's id there is no lookup."""
    rest = looking()
    (more,) = answer(rest, QUERY, ("1", "", "open"), ("2", "", "open"))
    (found,) = answer(rest, more, ("3", "mine", "done"))
    assert (found.order_id, found.ord_status) == ("3", kit.OrdStatus.FILLED)
    (absent,) = answer(rest, QUERY, ("1", "", "open"))
    assert isinstance(absent, kit.OrderAbsent)
    known = kit.QueryOrder(account=ME, instrument=BTC, cl_ord_id="mine", order_id="3")
    assert url(rest.encode([known], 0)) == "https://toy/orders/3"


def test_a_page_that_was_answered_before_says_nothing() -> None:
    """A second answer to it proves neither an end nor an absence."""
    rest = looking()
    (more,) = answer(rest, QUERY, ("1", "", "open"), ("2", "", "open"))
    assert answer(rest, more)
    assert answer(rest, more) == []


# --- open orders of one instrument at a time


def test_open_orders_are_listed_for_each_instrument_that_has_some() -> None:
    """One listing, without the instrument; a page that is missing makes it incomplete."""
    asking = kit.Call(
        "/with-orders",
        lambda got: [kit.Ask(kind=kit.AskKind.PAGE, instrument=f"toy:{name}") for name in got.rows],
        rows=list[str],
    )
    listing = kit.Call(
        "/orders",
        kit.each(ORDER.read),
        params=lambda context, what: [("pair", context.native(what.instrument))],
        among=asking,
    )
    table = kit.CallTable(
        "toy",
        {kit.ListOpenOrders: listing},
        verdicts=kit.Verdicts(ok=[200], rejected={}),
        pauses=kit.Pauses(window_ns=kit.S),
    )

    def answers(*bodies: tuple[int, bytes]) -> tuple[list[str], Any]:
        context = kit.Context(kit.rest_link("toy", ME), kit.Catalogue(), None)
        rest = kit.RestSession(context, table, sign=kit.unsigned("https://toy"), unwrap=kit.bare)
        asked: Any = kit.ListOpenOrders(account=ME)
        urls: list[str] = []
        for status, body in bodies:
            urls.append(url(rest.encode(asked if isinstance(asked, kit.Ask) else [asked], 0)))
            outputs = rest.answered(asked, kit.HttpAnswer(status, {}, body, 1, 2), 2)
            asked = outputs[0]
        return urls, outputs[-1]

    row = b'[{"id":"%d","state":"open","symbol":"x"}]'
    urls, whole = answers((200, b'["A-B","C-D"]'), (200, row % 1), (200, row % 2))
    assert urls == ["https://toy/with-orders", "https://toy/orders?pair=AB", "https://toy/orders?pair=CD"]
    assert (whole.instrument, whole.complete, [one.order_id for one in whole.updates]) == ("", True, ["1", "2"])
    assert answers((200, b"[]"))[1].updates == []
    assert not answers((200, b'["A-B","C-D"]'), (200, row % 1), (400, b"no"))[1].complete
    one = kit.RestSession(
        kit.Context(kit.rest_link("toy", ME), kit.Catalogue(), None),
        table,
        sign=kit.unsigned("https://toy"),
        unwrap=kit.bare,
    )
    assert url(one.encode([kit.ListOpenOrders(account=ME, instrument="toy:A-B")], 0)) == "https://toy/orders?pair=AB"


@pytest.mark.parametrize("by_5xx", [False, True])
def test_a_status_from_500_leaves_a_new_order_unknown_and_refuses_a_cancel_where_the_venue_writes_so(
    by_5xx: bool,
) -> None:
    """A cancel only by a listed code in the venue's own envelope; a 429 never proves anything."""
    calls = kit.CallTable(
        "toy",
        {
            kit.NewOrder: kit.Call("/orders", lambda got: [], method="POST"),
            kit.CancelOrder: kit.Call("/orders", lambda got: [], method="DELETE"),
        },
        verdicts=kit.Verdicts(
            ok=[0], rejected={kit.RejectReason.INSUFFICIENT_FUNDS: [306], kit.RejectReason.INSTRUMENT: [309]}
        ),
        pauses=kit.Pauses(window_ns=kit.S),
    )

    def unwrap(answer: kit.HttpAnswer) -> kit.RestReply | None:
        return kit.RestReply(int(answer.body), "no money", b"null") if answer.body.isdigit() else None

    context = kit.Context(kit.rest_link("toy", ME), kit.Catalogue(), None)
    rest = kit.RestSession(context, calls, sign=kit.unsigned("https://toy"), unwrap=unwrap, refuses_by_5xx=by_5xx)
    buy = kit.NewOrder(
        account=ME, instrument=BTC, cl_ord_id="a", side=kit.Side.BUY, qty=kit.number("1"), px=kit.number("1")
    )
    cancel = kit.CancelOrder(account=ME, instrument=BTC, cl_ord_id="a", order_id="7")

    def reasons(what: Any, http: int, body: bytes) -> list[Any]:
        outputs = rest.answered(what, kit.HttpAnswer(http, {}, body), 1)
        return [(out.ord_status, out.reason) for out in outputs if isinstance(out, kit.OrderUpdate)]

    for http, body in ((500, b"306"), (500, b"0"), (500, b"307"), (500, b"<html>"), (429, b"306")):
        assert {status for status, _ in reasons(buy, http, body)} == {kit.OrdStatus.UNKNOWN}
    refused = [reason for _, reason in reasons(cancel, 500, b"309")]
    assert refused == ([kit.RejectReason.INSTRUMENT] if by_5xx else [None]) or refused == []
    assert reasons(cancel, 500, b"0") == reasons(cancel, 500, b"<html>")


def _nested(got: kit.Got) -> list[kit.OrderUpdate]:
    """A reader of rows without a type, which takes a field for an object."""
    return [ORDER.read(got.context, row["order"] | {"id": row["order"].get("id")}, "poll", 0) for row in got.rows]


@pytest.mark.parametrize("lie", [[], 7, "x", None, True, {"id": 7, "px": []}, {"id": [1], "px": "1"}])
@pytest.mark.parametrize(
    "what", [kit.ListOpenOrders(account=ME), kit.QueryOrder(account=ME, instrument=BTC, cl_ord_id="c")]
)
def test_a_field_of_another_type_makes_the_answer_unreadable(what: Any, lie: Any) -> None:
    """It is the venue's fault: the answer proves nothing, and is asked for again. The plugin is not at fault."""
    calls = {kind: kit.Call("/orders", _nested) for kind in (kit.ListOpenOrders, kit.QueryOrder)}
    table = kit.CallTable(
        "toy", calls, verdicts=kit.Verdicts(ok=[200], rejected={}), pauses=kit.Pauses(window_ns=kit.S)
    )
    context = kit.Context(kit.rest_link("toy", ME), kit.Catalogue(), None)
    rest = kit.RestSession(context, table, sign=kit.unsigned("https://toy"), unwrap=kit.bare)
    answer = kit.HttpAnswer(200, {}, json.dumps([{"order": lie}]).encode(), 0, 0)
    (out,) = rest.answered(what, answer, 0)
    assert isinstance(out, kit.NoAnswer)
    assert out.reason.startswith("unreadable: ")


@pytest.mark.parametrize("name", ["\x00", "BTC\nUSDT", "\x1b[2J"])
def test_an_instrument_whose_name_no_venue_could_have_is_refused(name: str) -> None:
    """A listing with it is unreadable and asked for again: a subscription of such a name would be refused for ever."""
    fields = kit.InstrumentFields(
        native="id", base="base", quote="quote", tick="tick", lot="lot", status="on", trading=("yes",)
    )
    row = {"id": "BTCUSDT", "base": "BTC", "quote": "USDT", "tick": "0.01", "lot": "0.1", "on": "yes"}
    assert fields.read("toy", row).tradable
    with pytest.raises(ValueError, match="id is no name"):
        fields.read("toy", row | {"id": name})
