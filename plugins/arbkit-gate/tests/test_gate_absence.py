"""An order that never arrived, through the whole desk: queried, looked for, listed, and only then proved absent."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from arbkit_gate.adapter import Gate
from arbkit_gate.dialect import GateDialect
from unresolved import ID, prove

from arbkit.core.desk import Desk
from arbkit.core.types import (
    CancelOrder,
    HttpAnswer,
    HttpRequest,
    NewOrder,
    OrderAbsent,
    OrderUpdate,
    OrdStatus,
    QueryOrder,
    Role,
    Tif,
)
from arbkit.sim.world import ACCOUNT
from arbkit.testing.conformance import VenueUnderTest

ME = "gate:main"
PAIR = {"id": "BTC_USDT", "base": "BTC", "quote": "USDT", "precision": 1, "amount_precision": 5}
PAIR |= {"trade_status": "tradable", "type": "normal", "min_quote_amount": "3"}
DONE: dict[str, Any] = {
    "id": "9",
    "text": f"t-{ID}",
    "currency_pair": "BTC_USDT",
    "side": "buy",
    "price": "50000",
    "amount": "1",
}
DONE |= {"status": "closed", "finish_as": "filled", "left": "0", "filled_amount": "1", "update_time_ms": 1}
FILL = {"id": "5", "order_id": "9", "text": f"t-{ID}", "currency_pair": "BTC_USDT", "side": "buy", "price": "50000"}
FILL |= {"amount": "1", "fee": "0.001", "fee_currency": "BTC", "role": "taker", "create_time_ms": "1700000000000.5"}


class Outside:
    """The venue's side. No query by text finds anything."""

    def __init__(self, done: bool) -> None:
        self.done = done
        self.asked: list[str] = []

    def answer(self, request: HttpRequest, now_ns: int) -> HttpAnswer:
        path = urlsplit(request.url).path.removeprefix("/api/v4/")
        self.asked.append(path)
        status = 200
        found: Any = []
        match path:
            case "spot/time":
                found = {"server_time": now_ns // 1_000_000}
            case "spot/currency_pairs":
                found = [PAIR]
            case "spot/orders":
                found = [DONE] if self.done else []
            case "spot/my_trades":
                found = [FILL] if self.done else []
            case _ if path.startswith("spot/orders/"):
                status, found = 404, {"label": "CLIENT_ID_NOT_FOUND", "message": "no"}
        return HttpAnswer(status, {}, json.dumps(found).encode(), now_ns, now_ns)


def run(done: bool, seconds: int) -> tuple[Desk, Outside]:
    outside = Outside(done)
    return prove(Gate, outside.answer, seconds), outside


@pytest.mark.parametrize("done", [False, True])
def test_an_order_whose_text_is_not_found_is_proved(done: bool) -> None:
    """Gate forgets the text of a filled order: it stands among the finished ones, and so it was no loss. Unknown
    everywhere, twice after the window: absent. Nothing is sent again."""
    desk, outside = run(done, 30)
    order = desk.orders[ME].get(ID)
    assert order is not None
    assert {f"spot/orders/t-{ID}", "spot/orders"} <= {*outside.asked}
    assert done or {"spot/open_orders", "spot/my_trades"} <= {*outside.asked}
    assert desk.unresolved() == []
    assert order.status is (OrdStatus.FILLED if done else OrdStatus.REJECTED)
    assert order.filled_qty == (1 if done else 0)


def test_before_the_window_has_passed_nothing_is_proved() -> None:
    """The end of the order, the engine's time, clock error and lag first: an order under way may still arrive."""
    desk, _ = run(False, 4)
    assert [order.cl_ord_id for order in desk.unresolved()] == [ID]


def test_the_weakest_reading_of_the_pages() -> None:
    """A venue that forgets every text at once: a filled order is found all the same, a cancelled one by its id."""
    rig = VenueUnderTest(Gate, GateDialect).rig().boot()
    rig.truth.accounts[ACCOUNT].settings["forgets_texts"] = True
    filled, cancelled = rig.order(), rig.order(tif=Tif.GTC, px=rig.best("BTC-USDT", ask=False) - 500)
    for order in (filled, cancelled):
        rig.do(order)
    ids = {order.cl_ord_id: str(rig.true_order(order.cl_ord_id).id) for order in (filled, cancelled)}  # type: ignore[union-attr]  # both were placed
    rig.do(CancelOrder(account=rig.account, instrument=cancelled.instrument, cl_ord_id=cancelled.cl_ord_id))

    def query(order: NewOrder, order_id: str = "") -> list[Any]:
        what = QueryOrder(
            account=rig.account, instrument=order.instrument, cl_ord_id=order.cl_ord_id, order_id=order_id
        )
        return [out for out in rig.do(what, Role.REST) if isinstance(out, OrderUpdate | OrderAbsent)]

    assert [out.ord_status for out in query(filled)] == [OrdStatus.FILLED]
    assert [out.ord_status for out in query(cancelled, ids[cancelled.cl_ord_id])] == [OrdStatus.CANCELED]
    assert [type(out) for out in query(cancelled)] == [OrderAbsent]
