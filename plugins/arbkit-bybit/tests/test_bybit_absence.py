"""An order that never arrived, through the whole desk: queried in both places, listed, and only then proved absent."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from arbkit_bybit.adapter import Bybit
from unresolved import ID, prove

from arbkit.core.desk import Desk
from arbkit.core.types import HttpAnswer, HttpRequest, OrdStatus

ME = "bybit:main"
SPOT = {
    "symbol": "BTCUSDT",
    "baseCoin": "BTC",
    "quoteCoin": "USDT",
    "status": "Trading",
    "lotSizeFilter": {"basePrecision": "0.000001", "minOrderAmt": "5"},
    "priceFilter": {"tickSize": "0.1"},
}
GONE = {
    "category": "spot",
    "symbol": "BTCUSDT",
    "orderId": "9",
    "orderLinkId": ID,
    "side": "Buy",
    "price": "50000",
    "qty": "1",
    "orderStatus": "Cancelled",
    "timeInForce": "IOC",
    "cumExecQty": "0",
    "updatedTime": "1700000000001",
}


class Outside:
    """The venue's side."""

    def __init__(self, history: list[dict[str, str]]) -> None:
        self.history = history
        self.asked: list[str] = []

    def answer(self, request: HttpRequest, now_ns: int) -> HttpAnswer:
        parts = urlsplit(request.url)
        result: dict[str, object] = {"list": [], "category": "spot"}
        match parts.path:
            case "/v5/market/time":
                result = {"timeNano": str(now_ns)}
            case "/v5/market/instruments-info":
                result["list"] = [SPOT]
            case "/v5/order/history":
                result["list"] = self.history
        self.asked.append(parts.path + ("?one" if "orderLinkId" in parse_qs(parts.query) else ""))
        return HttpAnswer(200, {}, json.dumps({"retCode": 0, "retMsg": "", "result": result}).encode(), now_ns, now_ns)


def run(history: list[dict[str, str]], seconds: int) -> tuple[Desk, Outside]:
    outside = Outside(history)
    return prove(Bybit, outside.answer, seconds), outside


@pytest.mark.parametrize("found", [False, True])
def test_an_order_without_an_answer_is_proved(found: bool) -> None:
    """Not in ``realtime``: history decides. Known there: its end. Unknown in both, twice after the window: absent."""
    desk, outside = run([GONE] if found else [], 30)
    order = desk.orders[ME].get(ID)
    assert order is not None
    assert "/v5/order/realtime?one" in outside.asked
    assert "/v5/order/history?one" in outside.asked
    assert desk.unresolved() == []
    assert order.status is (OrdStatus.EXPIRED if found else OrdStatus.REJECTED)


def test_before_the_window_has_passed_nothing_is_proved() -> None:
    """recv_window, clock error and lag first: an order under way may still arrive."""
    desk, _ = run([], 4)
    assert [order.cl_ord_id for order in desk.unresolved()] == [ID]
