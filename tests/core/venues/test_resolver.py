"""The resolver with a model venue in virtual time: it must never report an order as absent that the venue has."""

from __future__ import annotations

import random
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from arbkit.core.orders.ids import format_cl_ord_id
from arbkit.core.orders.orders import Order, Orders
from arbkit.core.types import (
    NEVER,
    Capabilities,
    ClientIdScope,
    ListFills,
    Listing,
    ListOpenOrders,
    NewOrder,
    OrderAbsent,
    OrderUpdate,
    OrdStatus,
    QueryOrder,
    Role,
    Side,
    Tif,
)
from arbkit.core.venues.clock import VenueClock
from arbkit.core.venues.resolver import ProvedAbsent, Resolver, Unresolved

MS = 1_000_000
S = 1000 * MS
T0 = 1_700_000_000 * S
WINDOW, LAG, ERROR = 1 * S, 200 * MS, 50 * MS
MOMENT = T0 + WINDOW + LAG + ERROR
FILLS = T0 - 2 * S - ERROR
"""Fills are listed from here on: a second for rounded timestamps, one for a clock that moves."""
CAPABILITIES = Capabilities(
    client_id_scope=ClientIdScope.OPEN_ONLY, order_window_ns=WINDOW, order_timeout_ns=0, lookup_lag_ns=LAG
)
A, I, J = "v:main", "v:BTC-USDT", "v:ETH-USDT"  # noqa: E741 - short because it is everywhere


class Desk:
    """An order table, a resolver and a clock, connected as in the desk."""

    def __init__(
        self,
        capabilities: Capabilities = CAPABILITIES,
        *,
        status: OrdStatus | None = OrdStatus.UNKNOWN,
        tif: Tif = Tif.IOC,
        deadline: int = 0,
    ) -> None:
        self.orders = Orders(A)
        self.clock = VenueClock(ERROR)
        self.resolver = Resolver(A, capabilities, clock=self.clock, known=self.orders.knows)
        self.now = T0
        self.order = self.new(1, tif, deadline)
        if status is OrdStatus.UNKNOWN:
            self.orders.timed_out(self.order.cl_ord_id, self.now)
        elif status is not None:
            self.feed(self.report(ord_status=status, order_id="7"))
        self.resolver.see(self.order, self.now)

    def new(self, intent: int, tif: Tif = Tif.IOC, deadline: int = 0, instrument: str = I) -> Order:
        order = self.orders.add(
            NewOrder(
                account=A,
                instrument=instrument,
                cl_ord_id=format_cl_ord_id(intent),
                side=Side.BUY,
                qty=Decimal(5),
                px=Decimal(100),
                tif=tif,
                deadline_ns=deadline,
            ),
            self.now,
        )
        self.orders.sent(order.cl_ord_id, Role.TRADE, "l", self.now)
        return order

    def report(self, **fields: object) -> OrderUpdate:
        base = {"account": A, "instrument": I, "cl_ord_id": self.order.cl_ord_id, "ord_status": OrdStatus.NEW}
        return OrderUpdate(**(base | {"side": Side.BUY, "recv_ns": self.now} | fields))  # type: ignore[arg-type]

    def fill(self, qty: int, trade_id: str, **fields: object) -> OrderUpdate:
        return self.report(
            ord_status=OrdStatus.PARTIALLY_FILLED,
            last_qty=Decimal(qty),
            last_px=Decimal(100),
            trade_id=trade_id,
            fee=Decimal(0),
            fee_asset="BTC",
            **fields,
        )

    def feed(self, update: OrderUpdate) -> None:
        change = self.orders.apply(update)
        if change.order is not None:
            self.resolver.see(change.order, self.now)

    def tick(self) -> list[object]:
        """The next due time."""
        self.now = max(self.now, self.resolver.due_ns)
        found = list(self.resolver.tick(self.now))
        assert self.resolver.due_ns > self.now
        return found

    def absent(self, sent: int | None = None) -> None:
        sent = self.now if sent is None else sent
        self.resolver.absent(OrderAbsent(A, I, self.order.cl_ord_id), sent, self.now)

    def listing(
        self, kind: str, *updates: OrderUpdate, sent: int | None = None, instrument: str = I, **fields: object
    ) -> None:
        for update in updates:
            self.feed(update)
        listing = Listing(account=A, kind=kind, instrument=instrument, updates=updates, **fields)  # type: ignore[arg-type]
        self.resolver.listed(listing, self.now if sent is None else sent, self.now)

    def answer(self, *, query: str = "absent", opens: str = "empty", fills: str = "empty", until: int) -> list[object]:
        """Run to ``until`` and answer each question at once as the test says; returns the verdicts."""
        verdicts: list[object] = []
        while self.resolver.due_ns <= until:
            for item in self.tick():
                match item:
                    case QueryOrder():
                        if query == "absent":
                            self.absent()
                        elif query == "failed":
                            self.resolver.failed(item, self.now)
                        elif query == "early":
                            self.absent(sent=min(self.now, 2 * MOMENT - self.now))
                        elif query == "first":
                            self.absent()
                            query = "failed" if self.now > MOMENT else query
                    case ListOpenOrders():
                        self.list_reply("open_orders", opens, item, 0)
                    case ListFills():
                        self.list_reply("fills", fills, item, item.since_ns)
                    case _:
                        verdicts.append(item)
        self.now = max(self.now, until)
        return verdicts

    def list_reply(self, kind: str, how: str, item: ListOpenOrders | ListFills, since: int) -> None:
        match how:
            case "empty":
                self.listing(kind, since_ns=since, instrument=item.instrument)
            case "cut":
                self.listing(kind, complete=False, since_ns=since)
            case "late start":
                self.listing(kind, since_ns=T0 + 1)
            case "early":
                self.listing(
                    kind, sent=min(self.now, MOMENT if kind == "open_orders" else MOMENT + LAG), since_ns=since
                )
            case "failed":
                self.resolver.failed(item, self.now)
            case "stranger":
                update = OrderUpdate(
                    account=A,
                    instrument=I,
                    cl_ord_id="",
                    ord_status=OrdStatus.PARTIALLY_FILLED,
                    order_id="99",
                    side=Side.BUY,
                    last_qty=Decimal(1),
                    last_px=Decimal(100),
                    trade_id="t",
                    exch_ns=T0,
                )
                self.listing(kind, update, since_ns=since)
            case "shown":
                # The order table is not fed here: the listing alone must stop the proof.
                listing = Listing(account=A, kind=kind, instrument=I, updates=(self.report(),), since_ns=since)
                self.resolver.listed(listing, self.now, self.now)


def absences(verdicts: list[object]) -> list[ProvedAbsent]:
    return [verdict for verdict in verdicts if isinstance(verdict, ProvedAbsent)]


def test_nothing_in_question_nothing_due():
    """No timer runs for orders that are done, resting, or not sent."""
    desk = Desk(status=OrdStatus.NEW, tif=Tif.GTC)
    assert desk.resolver.due_ns == NEVER
    desk = Desk(status=OrdStatus.REJECTED)
    assert desk.resolver.due_ns == NEVER


def test_a_lost_ack_is_resolved_at_once():
    """O01: the order exists; the first query, sent in the same turn, finds it, and its missing fills are fetched."""
    desk = Desk()
    assert desk.tick() == [QueryOrder(account=A, instrument=I, cl_ord_id=desk.order.cl_ord_id)]
    desk.now += 20 * MS
    desk.feed(desk.report(ord_status=OrdStatus.FILLED, order_id="7", cum_qty=Decimal(5), source="poll"))
    assert desk.resolver.in_doubt() == []
    [fills] = desk.tick()
    assert fills == ListFills(account=A, instrument=I, since_ns=FILLS)
    assert desk.now == T0 + 320 * MS
    desk.listing("fills", desk.fill(5, "t1"), sent=desk.now)
    assert desk.order.done
    assert desk.resolver.due_ns == NEVER


def test_a_replica_that_lags_is_asked_again_soon():
    """O22: a not-found that comes too early is followed by queries at growing delays, well within a second."""
    desk = Desk()
    at = []
    while desk.now < T0 + S:
        if any(isinstance(item, QueryOrder) for item in desk.tick()):
            at.append(desk.now - T0)
            desk.absent()
    assert at[:4] == [0, 50 * MS, 150 * MS, 350 * MS]


def test_an_order_that_never_arrived_is_proved_absent():
    """O02: soon after the expiry at the venue its exposure is released, once."""
    desk = Desk()
    [verdict] = desk.answer(until=T0 + 60 * S)
    assert isinstance(verdict, ProvedAbsent)
    assert verdict.cl_ord_id == desk.order.cl_ord_id
    assert desk.now > MOMENT
    desk.orders.absent(desk.order.cl_ord_id, desk.now)
    assert desk.order.status is OrdStatus.REJECTED
    assert desk.resolver.due_ns == NEVER


def test_a_clock_that_moves_while_fills_are_listed_does_not_prevent_the_proof():
    """Each new measure of the venue's clock differs a little, and a venue may need a minute to list."""
    desk = Desk()
    verdicts = []
    while desk.resolver.due_ns <= T0 + 60 * S and not verdicts:
        for item in desk.tick():
            if isinstance(item, QueryOrder):
                desk.absent()
            elif isinstance(item, ListOpenOrders):
                desk.listing("open_orders")
            elif isinstance(item, ListFills):
                desk.clock.offset_ns -= 1
                desk.listing("fills", since_ns=item.since_ns)
            elif isinstance(item, ProvedAbsent):
                verdicts.append(item.cl_ord_id)
    assert verdicts == [desk.order.cl_ord_id]


def test_the_proof_is_quick_once_it_can_be_had():
    """Queries and listings are sent as soon as they count: the proof needs little more than the venue's lag after the
    expiry."""
    assert absences(Desk().answer(until=MOMENT - 1)) == []
    assert len(absences(Desk().answer(until=MOMENT + LAG + 110 * MS))) == 1


@pytest.mark.parametrize(
    "replies",
    [
        {"query": "early"},  # clauses 1 and 2: answered after, sent before
        {"query": "first"},  # clause 2: one reply is not two
        {"query": "failed"},  # a failure is never "not found"
        {"query": "silent"},
        {"opens": "early"},
        {"opens": "failed"},
        {"opens": "silent"},
        {"opens": "cut"},
        {"opens": "shown"},  # clause 3: the listing has the order
        {"fills": "early"},
        {"fills": "failed"},
        {"fills": "silent"},
        {"fills": "cut"},
        {"fills": "late start"},
        {"fills": "shown"},  # clause 4: the listing has a fill
        {"fills": "stranger"},
    ],
    ids=str,
)
def test_with_one_clause_short_there_is_no_proof(replies):
    """Each clause is needed: with all others met, the order stays UNKNOWN, with one alarm."""
    desk = Desk()
    [alarm] = desk.answer(**replies, until=T0 + 600 * S)
    assert isinstance(alarm, Unresolved)
    assert alarm.cl_ord_id == desk.order.cl_ord_id
    assert desk.resolver.in_doubt() == [desk.order.cl_ord_id]
    assert desk.resolver.due_ns < NEVER


@pytest.mark.parametrize(
    ("capabilities", "deadline"),
    [({"order_window_ns": 0}, None), ({"order_window_ns": 20 * S}, 20 * S), ({"lookup_lag_ns": 30 * S}, 31 * S)],
)
def test_no_proof_before_the_venue_says_it_can_be_had(capabilities, deadline):
    """Clause 1: without an order window there is never a proof; a longer window or lag delays it."""
    base = {"client_id_scope": ClientIdScope.NONE, "order_window_ns": WINDOW, "lookup_lag_ns": 0}
    desk = Desk(Capabilities(**(base | capabilities)))  # type: ignore[arg-type]
    early = desk.answer(until=T0 + (deadline or 10_000 * S))
    assert absences(early) == []
    assert len(absences(desk.answer(until=T0 + 10_100 * S))) == (deadline is not None)


def test_the_window_of_the_gateway_alone_is_no_proof():
    """Clause 1: an order that arrived within its window may wait for the matching engine until the venue's timeout. All
    other clauses are met from the first second on; no alarm is raised for this wait."""
    timeout = 20 * S
    desk = Desk(replace(CAPABILITIES, order_timeout_ns=timeout))
    assert desk.answer(until=MOMENT + timeout) == []
    desk = Desk(replace(CAPABILITIES, order_timeout_ns=timeout))
    assert len(absences(desk.answer(until=MOMENT + timeout + S))) == 1


def test_fills_listed_before_the_order_left_the_book_prove_nothing():
    """Clause 4: a resting order that fills between the two listings is in neither; the later one counts."""
    desk = Desk(tif=Tif.GTC)
    desk.answer(query="first", opens="silent", until=MOMENT + S)
    desk.listing("fills", sent=desk.now)
    desk.now += 10 * MS
    desk.listing("open_orders", sent=desk.now)
    desk.absent()
    assert absences(desk.answer(fills="silent", until=MOMENT + 60 * S)) == []
    assert len(absences(desk.answer(until=MOMENT + 90 * S))) == 1


def test_an_order_that_shows_up_again_voids_the_listings():
    """Clause 3: a listing with the order outweighs an earlier one without it."""
    desk = Desk()
    desk.answer(query="failed", until=MOMENT + S)
    while not any(isinstance(item, QueryOrder) for item in desk.tick()):
        pass
    desk.absent()
    desk.listing("open_orders")
    desk.now += LAG + 1
    desk.listing("fills")
    desk.list_reply("open_orders", "shown", ListOpenOrders(account=A, instrument=I), 0)
    assert absences(desk.answer(opens="silent", until=MOMENT + 60 * S)) == []
    assert absences(desk.answer(fills="silent", until=MOMENT + 120 * S)) == []
    assert len(absences(desk.answer(until=MOMENT + 180 * S))) == 1


def test_a_late_reply_on_a_socket_is_not_taken_for_a_fresh_one():
    """Clause 2: three queries sent before the moment are answered after it, together with one sent after it."""
    desk = Desk()
    queries = 0
    while desk.now <= MOMENT or queries < 4:
        for item in desk.tick():
            queries += isinstance(item, QueryOrder)
        desk.resolver.see(desk.order, desk.now)  # the order changed meanwhile: the next question comes sooner
    for _ in range(queries):
        desk.now += 1
        desk.absent()
    desk.listing("open_orders")
    desk.now += LAG + 1
    desk.listing("fills")
    late = sum(isinstance(item, ProvedAbsent) for item in desk.tick())
    assert late == 0
    assert len(absences(desk.answer(until=MOMENT + 60 * S))) == 1


def test_fills_of_our_other_orders_are_explained():
    """Clause 4: a venue that lists fills only by its own order id does not delay the proof."""
    desk = Desk()
    other = desk.new(2)
    desk.feed(
        OrderUpdate(
            account=A,
            instrument=I,
            cl_ord_id=other.cl_ord_id,
            ord_status=OrdStatus.FILLED,
            order_id="99",
            cum_qty=Decimal(5),
        )
    )
    verdicts = desk.answer(fills="stranger", until=MOMENT + 2 * S)
    assert [verdict.cl_ord_id for verdict in absences(verdicts)] == [desk.order.cl_ord_id]


def test_one_reply_told_twice_is_one():
    """Clause 2: a repeated frame does not count as the second reply."""
    desk = Desk()
    desk.answer(query="failed", until=MOMENT + S)
    desk.listing("open_orders")
    desk.now += LAG + 1
    desk.listing("fills")
    asked: list[int] = []
    while len(asked) < 2:
        asked += [desk.now for item in desk.tick() if isinstance(item, QueryOrder)]
    for _ in range(3):
        desk.absent(sent=asked[0])
    assert absences(desk.answer(query="failed", until=MOMENT + 60 * S)) == []


def test_clock_error_and_deadline_put_the_proof_off():
    """Clause 1 includes the error of the clock estimate, and a deadline later than the window."""
    desk = Desk()
    desk.clock.error_ns = 5 * S
    assert absences(desk.answer(until=T0 + 6 * S)) == []
    assert len(absences(desk.answer(until=T0 + 7 * S))) == 1
    desk = Desk(deadline=T0 + 9 * S)
    assert absences(desk.answer(until=T0 + 9 * S)) == []
    assert len(absences(desk.answer(until=T0 + 10 * S))) == 1


def test_a_fill_that_comes_first_ends_the_doubt():
    """O03: a report of the stream shows that the order exists; the missing end of the IOC is queried."""
    desk = Desk()
    desk.tick()
    desk.now += 100 * MS
    desk.feed(desk.fill(2, "t1"))
    assert desk.resolver.in_doubt() == []
    [query] = desk.tick()
    assert isinstance(query, QueryOrder)
    assert desk.now == T0 + 400 * MS
    desk.feed(desk.report(ord_status=OrdStatus.EXPIRED, cum_qty=Decimal(2), source="poll"))
    assert desk.order.done
    assert desk.resolver.due_ns == NEVER


def test_an_acked_ioc_that_stays_silent_is_queried():
    """An IOC whose end is not reported is queried again and again; after a while there is an alarm."""
    desk = Desk(status=OrdStatus.NEW)
    assert desk.resolver.due_ns == T0 + 400 * MS
    verdicts = desk.answer(query="silent", until=T0 + 30 * S)
    assert [type(verdict) for verdict in verdicts] == [Unresolved]
    assert "its end was not reported" in verdicts[0].why  # type: ignore[attr-defined]


def test_an_acked_ioc_that_is_nowhere_has_ended():
    """If the venue does not return finished orders, the same proof ends the order with the fills that were listed."""
    desk = Desk(status=OrdStatus.NEW)
    desk.feed(desk.fill(2, "t1"))
    [verdict] = desk.answer(until=T0 + 60 * S)
    assert isinstance(verdict, ProvedAbsent)
    desk.orders.absent(desk.order.cl_ord_id, desk.now)
    assert desk.order.status is OrdStatus.CANCELED
    assert desk.order.filled_qty == 2
    assert desk.order.done


def test_a_lost_cancel_is_followed_up():
    """O12: a resting order whose cancel is not answered is queried."""
    desk = Desk(status=OrdStatus.NEW, tif=Tif.GTC)
    desk.orders.cancel_asked(desk.order.cl_ord_id)
    desk.resolver.see(desk.order, desk.now)
    [query] = desk.tick()
    assert isinstance(query, QueryOrder)
    assert query.order_id == "7"
    desk.feed(desk.report(ord_status=OrdStatus.CANCELED, cum_qty=Decimal(0)))
    assert desk.resolver.due_ns == NEVER


def test_missing_fills_are_fetched_after_a_grace_until_they_come():
    """O16: the stream has 300 ms to bring them; then they are listed, again with growing delays, also after
    failures."""
    desk = Desk(status=OrdStatus.NEW)
    desk.now += 10 * MS
    desk.feed(desk.report(ord_status=OrdStatus.FILLED, cum_qty=Decimal(5)))
    assert desk.resolver.due_ns == T0 + 310 * MS

    def listings() -> list[object]:
        found: list[object] = []
        while not found:
            found = [item for item in desk.tick() if not isinstance(item, Unresolved)]
        return found

    for how in ("failed", "empty", "silent", "empty"):
        items = listings()
        assert items == [ListFills(account=A, instrument=I, since_ns=FILLS)]
        desk.list_reply("fills", how, items[0], T0 - S)  # type: ignore[arg-type]
    listings()
    desk.listing("fills", desk.fill(3, "t1"), desk.fill(2, "t2"))
    assert desk.order.done
    assert desk.resolver.due_ns == NEVER


def test_fills_are_listed_at_once_where_the_stream_has_none():
    """``streams_fills`` false: nothing comes by itself, and a hedge waits for them."""
    desk = Desk(replace(CAPABILITIES, streams_fills=False), status=OrdStatus.NEW)
    desk.feed(desk.report(ord_status=OrdStatus.FILLED, cum_qty=Decimal(5)))
    assert desk.resolver.due_ns == T0
    assert desk.tick() == [ListFills(account=A, instrument=I, since_ns=FILLS)]


def test_fills_that_the_stream_brings_in_time_cost_no_request():
    """The usual case: the report first, its fills a few milliseconds later."""
    desk = Desk(status=OrdStatus.NEW)
    desk.feed(desk.report(ord_status=OrdStatus.FILLED, cum_qty=Decimal(5)))
    desk.now += 5 * MS
    desk.feed(desk.fill(5, "t1"))
    assert desk.resolver.due_ns == NEVER


@pytest.mark.parametrize("by_account", [False, True])
def test_orders_of_one_instrument_share_their_listings(by_account):
    """Two UNKNOWN orders on one instrument share one pair of listings, and both are proved by it. Where one listing has
    the fills of all instruments, orders of two instruments share it too."""
    desk = Desk(replace(CAPABILITIES, fills_by_account=by_account))
    other = desk.new(2, instrument=J if by_account else I)
    desk.orders.timed_out(other.cl_ord_id, desk.now)
    desk.resolver.see(other, desk.now)
    asked = []
    verdicts = []
    while desk.resolver.due_ns < T0 + 60 * S:
        for item in desk.tick():
            asked.append(type(item))
            match item:
                case QueryOrder():
                    desk.resolver.absent(OrderAbsent(A, item.instrument, item.cl_ord_id), desk.now, desk.now)
                case ListOpenOrders():
                    desk.list_reply("open_orders", "empty", item, 0)
                case ListFills():
                    assert item.instrument == ("" if by_account else I)
                    desk.list_reply("fills", "empty", item, item.since_ns)
                case ProvedAbsent():
                    verdicts.append(item.cl_ord_id)
                    desk.orders.absent(item.cl_ord_id, desk.now)
    assert verdicts == [desk.order.cl_ord_id, other.cl_ord_id]
    assert asked.count(ListOpenOrders) == 1 + by_account
    assert asked.count(ListFills) == 1


def test_a_listing_for_the_account_that_fails_is_asked_for_again():
    """Without it an order of any instrument has no proof; the next one comes after a second."""
    desk = Desk(replace(CAPABILITIES, fills_by_account=True))
    other = desk.new(2, instrument=J)
    desk.orders.timed_out(other.cl_ord_id, desk.now)
    desk.resolver.see(other, desk.now)
    listed, verdicts = [], []
    while desk.resolver.due_ns < T0 + 60 * S:
        for item in desk.tick():
            match item:
                case QueryOrder():
                    desk.resolver.absent(OrderAbsent(A, item.instrument, item.cl_ord_id), desk.now, desk.now)
                case ListOpenOrders():
                    desk.list_reply("open_orders", "empty", item, 0)
                case ListFills():
                    listed.append(desk.now)
                    desk.list_reply("fills", "failed" if len(listed) < 3 else "empty", item, item.since_ns)
                case ProvedAbsent():
                    verdicts.append(item.cl_ord_id)
    assert len(listed) == 3
    assert all(later - earlier >= S for earlier, later in pairwise(listed))
    assert sorted(verdicts) == sorted([desk.order.cl_ord_id, other.cl_ord_id])


def test_a_listing_whose_pages_wait_is_not_begun_again():
    """Its pages may need many tokens: a second listing beside it would take them. Only if no end of it is ever told, it
    is asked for again, after a minute."""
    desk = Desk(status=OrdStatus.NEW)
    desk.feed(desk.report(ord_status=OrdStatus.FILLED, cum_qty=Decimal(5)))
    asked: list[int] = []
    while desk.resolver.due_ns < T0 + 100 * S:
        asked += [desk.now for item in desk.tick() if isinstance(item, ListFills)]
    assert len(asked) == 2
    assert asked[1] - asked[0] == 60 * S


class Venue:
    """The model venue: when the order arrives, what happens to it, and replicas that lag by up to ``LAG``."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.arrives = T0 + rng.randrange(WINDOW + ERROR) if rng.random() < 0.6 else NEVER
        self.fills = rng.randrange(6)
        self.tif = rng.choice([Tif.IOC, Tif.GTC])
        """A GTC order fills and ends in one moment, some seconds after its arrival."""
        lives = 50 * MS if self.tif is Tif.IOC else 3 * S
        self.ends = self.arrives + rng.randrange(lives) if rng.random() < 0.9 else NEVER
        self.forgets = rng.random() < 0.3
        self.trouble = rng.random() * 0.7

    def lost(self) -> bool:
        return self.rng.random() < self.trouble

    def seen(self, at: int) -> int:
        """The state that a replica shows at ``at``."""
        return at - self.rng.randrange(LAG)


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 1 << 30), st.booleans())
def test_against_a_lagging_lossy_venue_no_order_is_called_absent_that_lives(seed, by_account):
    """Whatever is lost or late: a verdict is true, and once the venue works again there is one."""
    venue = Venue(random.Random(seed))
    desk = Desk(replace(CAPABILITIES, fills_by_account=by_account), tif=venue.tif)
    name = desk.order.cl_ord_id
    healthy = T0 + 20 * S
    while desk.resolver.due_ns < T0 + 200 * S and not desk.order.done:
        for item in desk.tick():
            sent = desk.now
            if isinstance(item, ProvedAbsent):
                known = desk.order.filled_qty
                desk.orders.absent(name, desk.now)
                assert venue.arrives == NEVER or (venue.ends <= desk.now and venue.fills == known)
                continue
            if isinstance(item, Unresolved):
                continue
            if sent < healthy and venue.lost():
                if venue.lost():
                    desk.resolver.failed(item, desk.now)  # type: ignore[arg-type]
                continue
            at = venue.seen(sent)
            desk.now += venue.rng.randrange(30 * MS)
            exists = venue.arrives <= at
            ended = venue.ends <= at
            cum = Decimal(venue.fills if ended else 0)
            fills = [desk.fill(1, f"t{i}", order_id="7") for i in range(venue.fills)] if ended else []
            match item:
                case QueryOrder():
                    if not exists or (ended and venue.forgets):
                        desk.absent(sent)
                    elif ended:
                        desk.feed(desk.report(ord_status=OrdStatus.EXPIRED, cum_qty=cum, order_id="7"))
                    else:
                        desk.feed(desk.report(ord_status=OrdStatus.NEW, cum_qty=cum, order_id="7"))
                case ListOpenOrders():
                    desk.listing("open_orders", *[desk.report(order_id="7")] * (exists and not ended), sent=sent)
                case ListFills():
                    desk.listing("fills", *fills, sent=sent, since_ns=item.since_ns, instrument=item.instrument)
    if venue.arrives == NEVER:
        assert desk.order.status is OrdStatus.REJECTED
    elif venue.ends < NEVER and (venue.tif is Tif.IOC or desk.order.done):
        assert desk.order.done
        assert desk.order.filled_qty == venue.fills
    else:
        assert desk.order.status in (OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED)


def test_it_says_when_a_proof_can_be_complete():
    """With a venue that answers, the absence is proved by that time and not long before it; nothing open needs no time,
    and a venue without an order window gives no proof at all."""
    desk = Desk()
    by_ns = desk.resolver.proved_by_ns
    assert by_ns - 10 * S < MOMENT < by_ns
    (proved,) = desk.answer(until=by_ns)
    assert isinstance(proved, ProvedAbsent)
    desk.orders.absent(desk.order.cl_ord_id, desk.now)
    desk.resolver.see(desk.order, desk.now)
    assert desk.resolver.proved_by_ns == 0
    assert Desk(replace(CAPABILITIES, order_window_ns=0)).resolver.proved_by_ns == NEVER
