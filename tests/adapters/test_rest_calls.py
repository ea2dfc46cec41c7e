"""How a call of the table becomes requests: parameters in the path, pages by number; and the time of a heartbeat."""

from __future__ import annotations

import json
from typing import Any

import arbkit.venue as kit

ME = "toy:main"
BTC = "toy:BTC-USDT"
STATES = {"open": kit.OrdStatus.NEW}
ORDER = kit.OrderFields(
    order_id="id", status="state", statuses=STATES, cl_ord_id="cl", px="px", qty="qty", cum_qty="", exch_ms=""
)


def session() -> kit.RestSession:
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
                pages=kit.Pages("page", lambda rows: "more" if len(rows) == 2 else "", numbered=True),
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


def test_pages_that_are_asked_for_by_their_number() -> None:
    """Page 2 and 3 follow a full page; the listing has the rows of all."""
    rest = session()
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
    assert urls == [f"https://toy/orders?limit=2{more}" for more in ("", "&page=2", "&page=3")]
    (listing,) = outputs
    assert [one.order_id for one in listing.updates] == ["1", "2", "3", "4", "5"]


def test_a_heartbeat_tells_when_it_was_last_looked_at() -> None:
    """For requests that carry a time, and are written where no time is given."""
    beat = kit.Heartbeat("ping", 10)
    beat.start(5)
    assert beat.now_ns == 5
    assert beat.tick(9) == []
    assert beat.now_ns == 9
