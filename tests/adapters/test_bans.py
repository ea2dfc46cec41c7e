"""What an answer about the caller closes, and for how long: throttles, bans, pages of a server in front."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

import arbkit.venue as kit
from arbkit.core.types import OrderUpdate, OrdStatus, RateReport

S = 1_000_000_000
PAGE, OWN = b"<html>Request blocked</html>", json.dumps({"code": "40", "msg": "no right"}).encode()
ORDER = kit.NewOrder(
    account="toy:main", instrument="toy:A-B", cl_ord_id="a", side=kit.Side.BUY, qty=Decimal(1), px=Decimal(1)
)


def unwrap(answer: kit.HttpAnswer) -> kit.RestReply | None:
    return kit.RestReply("40", "no right", b"{}") if answer.body == OWN else None


def session() -> kit.RestSession:
    calls = kit.CallTable(
        "toy",
        {kit.NewOrder: kit.Call("/order", lambda got: [], "place", method="POST")},
        verdicts=kit.Verdicts(ok=["0"], rejected={kit.RejectReason.AUTH: ["40"]}),
        pauses=kit.Pauses(window_ns=S, statuses={418: ("place", 5 * S)}, pages={403: ("*", 60 * S)}),
    )
    context = kit.Context(kit.rest_link("toy", "toy:main"), kit.Catalogue(), None)
    return kit.RestSession(context, calls, sign=kit.unsigned("https://x"), unwrap=unwrap)


@pytest.mark.parametrize(
    ("status", "body", "closed", "order"),
    [
        (403, OWN, [], (OrdStatus.REJECTED, kit.RejectReason.AUTH)),
        (403, PAGE, [("*", 60 * S)], (OrdStatus.UNKNOWN, kit.RejectReason.THROTTLED)),
        (418, OWN, [("place", 5 * S)], (OrdStatus.UNKNOWN, kit.RejectReason.THROTTLED)),
        (418, PAGE, [("place", 5 * S)], (OrdStatus.UNKNOWN, kit.RejectReason.THROTTLED)),
        (429, OWN, [("place", S)], (OrdStatus.UNKNOWN, kit.RejectReason.THROTTLED)),
        (404, PAGE, [], (OrdStatus.UNKNOWN, None)),
    ],
)
def test_a_page_of_the_server_in_front_is_no_refusal(
    status: int, body: bytes, closed: list[tuple[str, int]], order: tuple[OrdStatus, kit.RejectReason | None]
) -> None:
    """One status for refusals of the venue and for a block of the address: the venue's own answer counts as what it
    says, and a page closes everything and proves nothing about the order."""
    out = session().answered(ORDER, kit.HttpAnswer(status, {}, body, 0, 0), 0)
    assert [(one.bucket, one.until_ns) for one in out if isinstance(one, RateReport)] == closed
    assert [(one.ord_status, one.reason) for one in out if isinstance(one, OrderUpdate)] == [order]


def test_a_page_that_comes_again_closes_for_longer() -> None:
    """Twice as long each time."""
    link, now_ns, ends = session(), 0, []
    for _ in range(3):
        out = link.answered(ORDER, kit.HttpAnswer(403, {}, PAGE, now_ns, now_ns), now_ns)
        (until_ns,) = [one.until_ns for one in out if isinstance(one, RateReport)]
        ends.append(until_ns - now_ns)
        now_ns = until_ns + 1
    assert ends == [60 * S, 120 * S, 240 * S]
