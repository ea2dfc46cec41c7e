"""Orders whose answer is lost or proves nothing: each venue counts one order per intent."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest
from msgspec.structs import replace
from rotated import rotated

from arbkit.core.types import NewOrder, RejectReason, Role, Side, VenueSettings
from arbkit.plugins import registry as plugins
from arbkit.sim.faults import Fault
from arbkit.testing import chaos
from arbkit.testing.chaos import START_NS, client_ids

REGISTRY = plugins.load(dialects=True)
VENUES = sorted(REGISTRY.dialects)
ORDER = NewOrder(
    account="a", instrument="a:BTC-USDT", cl_ord_id="a", side=Side.BUY, qty=Decimal(1), px=Decimal(1), deal=1
)
STATUSES = (429, 500, 503)
PLACED = {
    "bitstamp": ("/buy/", "/sell/"),
    "cryptocom": ("/create-order",),
    "kraken": ("/AddOrder",),
    "kucoin": ("POST /api/v1/hf/orders",),
    "mexc": ("POST /api/v3/order",),
}
"""Where an order is placed at venues that also read, or ask for a token, by POST."""
BY_SOCKET = [venue for venue in VENUES if Role.TRADE in REGISTRY.exchange(venue)(VenueSettings()).route(ORDER)]


def counting(sends, told):
    """Count how often each order is marked as sent."""

    def sent(cl_ord_id, *rest):
        sends[cl_ord_id] += 1
        told(cl_ord_id, *rest)

    return sent


class Run:
    """A run of ``venue`` and another one, prepared by ``cut(watched, is_order)``."""

    def __init__(self, subject, venue, cut=None, faults=(), seconds=40.0):
        other = {"binance": "okx", "okx": "bybit"}.get(venue, "binance")
        patient = replace(subject.limits, max_mishaps=1e9)  # a venue whose orders are all in doubt is left alone
        subject = replace(subject, limits=patient)
        self.account = f"{venue}:main"
        self.cuts = []
        self.sends = Counter()

        def is_order(link, text):
            """The first frame on the trade link that carries a new client id is the order. None in fair weather."""
            if link != f"{venue}.main.trade" or self.watched.now_ns >= self.watched.healed_ns:
                return False
            new = [one for one in client_ids(text) if one not in self.watched.left]
            self.cuts += new
            return bool(new)

        def prepare(watched):
            self.watched = watched
            for table in watched.desk.orders.values():
                table.sent = counting(self.sends, table.sent)
            if cut is not None:
                cut(watched, is_order)

        self.report = chaos.run(
            subject,
            3,
            seconds,
            venues=(venue, other),
            faults=faults,
            prepare=prepare,
        )
        healed = {one for one, sent_ns in self.watched.sent_ns.items() if sent_ns >= self.watched.healed_ns}
        accepted = [order["cl_ord_id"] for order in self.watched.world.orders()[venue]]
        self.accepted = Counter(one for one in accepted if one not in healed)
        """Of the orders that left before the weather ended."""
        sent = [one for one in self.watched.left if one not in healed]
        self.left = [one for one in sent if self.watched.left[one].startswith(f"{venue}.")]
        self.on_trade = [one for one in self.left if self.watched.left[one] == f"{venue}.main.trade"]
        assert not self.report.broken, str(self.report)


def after_it_reached_the_venue(watched, is_order):
    watched.on_send = lambda link, text: not is_order(link, text)


def before_it_reached_the_venue(watched, is_order):
    watched.reaches = lambda link, text: not is_order(link, text)


@pytest.mark.parametrize("venue", rotated(BY_SOCKET, 0))
def test_cut_after_the_venue_has_it(everyone, venue):
    """Every order of the run: the venue has exactly one of each, all are found and booked, the deals end balanced.

    An order that was still on the wire when the link was cut for another one is lost with it, and proved absent.
    """
    run = Run(everyone, venue, after_it_reached_the_venue)
    assert len(run.cuts) >= 4
    assert run.cuts == run.on_trade
    lost = [one for one in run.left if not run.accepted[one]]
    assert run.accepted == Counter(one for one in run.left if one not in lost)
    assert run.report.paths["proved absent"] == len(lost) <= 1
    assert run.report.paths["unknown"] >= len(run.cuts)
    assert run.report.deals.total() >= 5


@pytest.mark.parametrize("venue", rotated(BY_SOCKET, 2))
def test_cut_before_the_venue_has_it(everyone, venue):
    """The venue has none of them, nothing is sent again, each is proved absent, and the other leg is reversed."""
    run = Run(everyone, venue, before_it_reached_the_venue, seconds=180.0)
    assert len(run.cuts) >= 3
    assert not any(run.accepted[one] for one in run.cuts)
    assert run.accepted == Counter([one for one in run.left if one not in run.cuts])
    assert run.report.paths["proved absent"] == len(run.cuts)


@pytest.mark.parametrize("venue", rotated(VENUES, 1))
def test_every_answer_is_lost(everyone, venue):
    """By socket or by REST (the trade link is never up in the second half): one order per intent."""
    lost = Fault(kind="lose_ack", venue=venue, count=0, cut=True)

    def no_trade_link(watched, _):
        dial = watched.dial

        def only_at_first(link, what):
            if link == f"{venue}.main.trade" and watched.now_ns > START_NS + 10**9:
                watched._later(10**6, lambda: watched.desk.closed(link, "refused by the test", watched.now_ns))
            else:
                dial(link, what)

        watched.dial = only_at_first

    run = Run(everyone, venue, no_trade_link, [lost])
    by_rest = [one for one in run.left if one not in run.on_trade]
    assert len(by_rest) >= 5
    assert run.report.fired["lose_ack"] >= len(run.left)
    assert run.accepted == Counter(run.left)


@pytest.mark.parametrize("venue", rotated(VENUES, 2))
def test_every_request_is_lost(everyone, venue):
    """No order arrives, on any channel, until the faults end: all are proved absent and none is sent again."""
    run = Run(everyone, venue, None, [Fault(kind="lose_request", venue=venue, count=0)], seconds=60.0)
    assert len(run.left) >= 1
    lost = run.report.fired["lose_request"]
    assert run.accepted.total() + lost == len(run.left)
    assert run.report.paths["proved absent"] == lost


@pytest.mark.parametrize("venue", rotated(VENUES, 3))
def test_throttled_orders_are_never_sent_again(everyone, venue):
    """A "too many requests" answer to an order: UNKNOWN, queried, proved absent, and sent once."""
    throttle = Fault(kind="throttle", venue=venue, at_s=2.0, every_s=9.0, for_s=2.0, count=0)
    run = Run(everyone, venue, None, [throttle], seconds=120.0)
    throttled = [one for one in run.left if not run.accepted[one]]
    table = run.watched.desk.orders[run.account]
    assert throttled
    assert {table.get(one).reason for one in throttled} == {RejectReason.UNKNOWN_ORDER}
    assert run.report.paths["proved absent"] == len(throttled)
    assert set(run.sends.values()) == {1}


@pytest.mark.parametrize(
    ("venue", "status"),
    [
        pytest.param(venue, status, marks=() if number == place % len(STATUSES) else pytest.mark.long)
        for place, venue in enumerate(VENUES)
        for number, status in enumerate(STATUSES)
    ],
)
def test_orders_taken_behind_an_error_are_found(everyone, venue, status):
    """A rate-limit refusal or a 5xx for REST orders that the venue has accepted: each is found, none is sent twice."""

    def over_rest(watched, _):
        dial = watched.dial

        def refused(link, what):
            if link == f"{venue}.main.trade":
                watched._later(10**6, lambda: watched.desk.closed(link, "refused by the test", watched.now_ns))
            else:
                dial(link, what)

        watched.dial = refused

    faults = [
        Fault(kind="status", venue=venue, path=path, status=status, applied=True, count=0)
        for path in PLACED.get(venue, ("POST",))
    ]
    run = Run(everyone, venue, over_rest, faults)
    assert run.report.fired["status"] == len(run.left) >= 1
    assert run.accepted == Counter(run.left)
    assert set(run.sends.values()) == {1}
