"""A whole desk that begins with one order of which it does not know whether the venue has it, without any network.

    desk = prove(Bybit, answer, seconds=30)

``answer(request, now_ns)`` is the venue's side: it answers each REST call. No socket is ever up.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from arbkit.core.desk import Desk, Setup
from arbkit.core.orders.ids import format_cl_ord_id
from arbkit.core.orders.journal import Intent
from arbkit.core.types import Dial, HttpAnswer, HttpRequest, NewOrder, Side, VenueSettings
from arbkit.core.venues.signer import LocalSigner
from arbkit.core.venues.venue import VenueSetup

START_NS = 1_700_000_000_000_000_000
S = 1_000_000_000
ID = format_cl_ord_id(7)
"""The client id of the order: a buy of 1 BTC at 50000."""
Answer = Callable[[HttpRequest, int], HttpAnswer]


class _Outside:
    """The port of the desk: keeps REST calls, connects nothing."""

    def __init__(self) -> None:
        self.waiting: list[tuple[int, HttpRequest]] = []

    def dial(self, link: str, dial: Dial) -> None: ...

    def send(self, link: str, text: str) -> bool:
        return False

    def drop(self, link: str, reason: str) -> None: ...

    def journal(self, record: bytes) -> int:
        return len(record)

    def request(self, link: str, ref: int, request: HttpRequest, timeout_ns: int) -> None:
        self.waiting.append((ref, request))


def prove(exchange: type[Any], answer: Answer, seconds: int) -> Desk:
    """The desk after so many seconds. REST calls are answered 5 ms later."""
    made, outside = exchange(VenueSettings()), _Outside()
    account, instrument = f"{made.venue}:main", f"{made.venue}:BTC-USDT"
    order = NewOrder(
        account=account, instrument=instrument, cl_ord_id=ID, side=Side.BUY, qty=Decimal(1), px=Decimal(50000)
    )
    intent = Intent(at_ns=START_NS - S, order=order, channel="trade", link=f"{made.venue}.main.trade")
    venue = VenueSetup(exchange=made, account=account, signer=LocalSigner("k", "s"))
    desk = Desk(Setup(venues=[venue], strategies=[], unresolved=[intent], block=1), outside, START_NS)
    now_ns = START_NS
    while now_ns < START_NS + seconds * S:
        now_ns = max(now_ns + 5_000_000, min(desk.due_ns, now_ns + S) if not outside.waiting else now_ns)
        waiting, outside.waiting = outside.waiting, []
        for ref, request in waiting:
            desk.answered(ref, answer(request, now_ns), now_ns)
        desk.wake(now_ns)
    return desk
