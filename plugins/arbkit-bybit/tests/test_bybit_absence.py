"""An order that never arrived, through the whole desk: queried in both places, listed, and only then proved absent."""

from __future__ import annotations

import json
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest
from arbkit_bybit.adapter import Bybit

from arbkit.core.desk import Desk, Setup
from arbkit.core.orders.ids import format_cl_ord_id
from arbkit.core.orders.journal import Intent
from arbkit.core.types import Dial, HttpAnswer, HttpRequest, NewOrder, OrdStatus, Side, VenueSettings
from arbkit.core.venues.signer import LocalSigner
from arbkit.core.venues.venue import VenueSetup

START_NS = 1_700_000_000_000_000_000
S = 1_000_000_000
ME = "bybit:main"
ID = format_cl_ord_id(7)
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
    """Answers REST calls 5 ms later; connects nothing."""

    def __init__(self, history: list[dict[str, str]]) -> None:
        self.history = history
        self.asked: list[str] = []
        self.waiting: list[tuple[int, HttpRequest]] = []

    def dial(self, link: str, dial: Dial) -> None: ...

    def send(self, link: str, text: str) -> bool:
        return False

    def drop(self, link: str, reason: str) -> None: ...

    def journal(self, record: bytes) -> int:
        return len(record)

    def request(self, link: str, ref: int, request: HttpRequest, timeout_ns: int) -> None:
        self.waiting.append((ref, request))

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
    order = NewOrder(
        account=ME, instrument="bybit:BTC-USDT", cl_ord_id=ID, side=Side.BUY, qty=Decimal(1), px=Decimal(50000)
    )
    intent = Intent(at_ns=START_NS - S, order=order, channel="trade", link="bybit.main.trade")
    venue = VenueSetup(exchange=Bybit(VenueSettings()), account=ME, signer=LocalSigner("k", "s"))
    desk = Desk(Setup(venues=[venue], strategies=[], unresolved=[intent], block=1), outside, START_NS)
    now_ns = START_NS
    while now_ns < START_NS + seconds * S:
        now_ns = max(now_ns + 5_000_000, min(desk.due_ns, now_ns + S) if not outside.waiting else now_ns)
        waiting, outside.waiting = outside.waiting, []
        for ref, request in waiting:
            desk.answered(ref, outside.answer(request, now_ns), now_ns)
        desk.wake(now_ns)
    return desk, outside


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
