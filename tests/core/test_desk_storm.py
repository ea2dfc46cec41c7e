"""Hundreds of random outside events; the result is compared with what the fake venues know."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest

from arbkit.core.errors import BadFrame
from arbkit.core.money.limits import LimitsConfig
from arbkit.core.orders.deals import DealState
from arbkit.core.types import (
    Balance,
    Listing,
    OrderAbsent,
    OrderUpdate,
    OrdStatus,
    RateReport,
    Side,
)
from arbkit.core.venues.link import Phase
from arbkit.strategies import TakerExecutor

D = Decimal
A, B = "aa:BTC-USDT", "bb:BTC-USDT"
S, MS = 1_000_000_000, 1_000_000


class Storm:
    """The venues: the fate of an order is drawn when it is sent. Reports may be late, repeated or lost."""

    def __init__(self, kit, seed: int) -> None:
        self.rng = Random(seed)
        self.kit = kit
        limits = LimitsConfig(
            max_deals_per_minute=10_000, cooldown_ns=0, max_broken=10_000, max_loss_day=D(10**6), max_loss_run=D(10**6)
        )
        venues = [kit.venue("aa", trade=self.rng.random() < 0.7), kit.venue("bb")]
        executor = TakerExecutor(hold_after_s=60.0)
        self.rig = kit.rig(*venues, limits=limits, seed=seed, executor=executor)
        facts_of = self.rig.facts_of
        self.rig.facts_of = lambda venue, kind, rest: (
            self.balances(venue.venue) if kind == "balances" else facts_of(venue, kind, rest)
        )
        self.fates: dict[str, tuple[str, Side, Decimal, Decimal]] = {}
        """Client id -> (venue, side, filled, px), of orders that arrived."""
        self.lost: set[str] = set()
        self.seen = 0
        self.rig.boot()

    def balances(self, venue: str) -> list[Balance]:
        btc, usdt = self.truth(venue)
        return [
            Balance(account=f"{venue}:main", asset=asset, free=free, snapshot=True, recv_ns=self.rig.now)
            for asset, free in (("BTC", btc), ("USDT", usdt))
        ]

    def truth(self, venue: str) -> tuple[Decimal, Decimal]:
        btc, usdt = D(10), D(1_000_000)
        for where, side, qty, px in self.fates.values():
            if where == venue:
                sign = 1 if side is Side.BUY else -1
                btc += sign * qty
                usdt -= sign * qty * px
        return btc, usdt

    def arrive(self) -> None:
        """Process the orders sent since the last call."""
        left = self.rig.orders()
        assert len(left) == len(set(left)), "an id left twice"
        for cl_ord_id in left[self.seen :]:
            intent = self.rig.order(cl_ord_id).intent
            if self.rng.random() < 0.1:
                self.lost.add(cl_ord_id)
                continue
            share = self.rng.choice((0, 0.5, 1, 1, 1))
            qty = (intent.qty * D(str(share))).quantize(D("0.0001"))
            self.fates[cl_ord_id] = (intent.account[:2], intent.side, qty, intent.px)
        self.seen = len(left)

    def report(self, cl_ord_id: str, source: str = "stream") -> OrderUpdate:
        _, _, qty, px = self.fates[cl_ord_id]
        intent = self.rig.order(cl_ord_id).intent
        fill = (
            {"last_qty": qty, "last_px": px, "trade_id": "t" + cl_ord_id, "fee": D(0), "fee_asset": "USDT"}
            if qty
            else {}
        )
        status = OrdStatus.FILLED if qty == intent.qty else OrdStatus.EXPIRED
        return self.rig.report(cl_ord_id, status, order_id="v" + cl_ord_id, cum_qty=qty, source=source, **fill)

    def answer(self, *, well: bool) -> None:
        """Answer requests, by REST and by socket."""
        rig = self.rig
        for _, link, ref, url, _ in rig.requests():
            venue = link[:2]
            word, _, cl_ord_id = url.removeprefix("fake://").partition(" ")
            if word not in ("NewOrder", "QueryOrder", "CancelOrder", "ListFills"):
                continue
            if not well and self.rng.random() < 0.4:
                rig.no_answer(ref)
            elif word == "ListFills":
                done = [one for one, fate in self.fates.items() if fate[0] == venue and fate[2]]
                fills = [self.report(one, "poll") for one in done]
                instrument = f"{venue}:BTC-USDT"
                listing = Listing(account=f"{venue}:main", kind="fills", instrument=instrument, updates=fills)
                rig.reply(ref, listing)
            elif cl_ord_id in self.fates:
                rig.reply(ref, self.report(cl_ord_id, "poll"))
            elif word == "QueryOrder":
                rig.reply(ref, OrderAbsent(f"{venue}:main", f"{venue}:BTC-USDT", cl_ord_id, rig.now))
            else:
                rig.no_answer(ref)
        for link, text in rig.sends("QueryOrder")[-6:]:
            cl_ord_id = text.split()[1]
            if rig.desk.links[link].up and (well or self.rng.random() < 0.5):
                venue = link[:2]
                if cl_ord_id in self.fates:
                    rig.say(link, self.report(cl_ord_id, "poll"))
                else:
                    rig.say(link, OrderAbsent(f"{venue}:main", f"{venue}:BTC-USDT", cl_ord_id, rig.now))

    def tell(self, share: float) -> None:
        """The streams report orders, repeatedly."""
        for cl_ord_id, (venue, *_) in list(self.fates.items())[-12:]:
            link = f"{venue}.private"
            if self.rig.desk.links[link].up and self.rng.random() < share:
                self.rig.say(link, self.report(cl_ord_id))

    def dial(self) -> None:
        for link in list(self.rig.desk.links.values()):
            if link.phase is Phase.DIALING:
                self.rig.open(link.spec.link)
            elif link.phase is Phase.CLOSING:
                self.rig.close(link.spec.link, "as asked")

    def quote(self) -> None:
        for instrument in (A, B):
            if self.rig.desk.links[f"{instrument[:2]}.public"].up:
                self.rig.book(instrument, 100.0, 100.1)

    def step(self) -> None:
        rig, rng = self.rig, self.rng
        links = [link for link in rig.desk.links.values() if link.phase is Phase.UP and link.spec.role.value != "rest"]
        match rng.randrange(14):
            case 0 | 1 | 2 | 3:
                self.quote()
                for scope in rig.desk.gate.restricted():  # as a person would after looking at a held deal
                    rig.desk.gate._modes.pop(scope, None)
                rig.trade(rng.choice((0.1, 0.5, 1.0)))
            case 4 if links:
                rig.close(rng.choice(links).spec.link)
            case 5 if links:
                rig.say(rng.choice(links).spec.link, BadFrame("?"))
            case 6:
                rig.desk.late(rng.randrange(200) * MS, rig.now)
            case 7 if rng.random() < 0.2:
                rig.desk.jumped(rig.now)
            case 8 if rng.random() < 0.3:
                venue = rng.choice(("aa", "bb"))
                rig.say(f"{venue}.public", RateReport(venue=venue, bucket="*", until_ns=rig.now + rng.randrange(3) * S))
            case 9:
                rig.port.dead = {rng.choice(("aa.trade", "bb.trade", "none"))}
            case 10 | 11:
                self.answer(well=False)
            case _:
                self.tell(0.4)
        self.arrive()
        rig.run(rng.choice((0.001, 0.02, 0.3, 1.0)))
        self.arrive()
        self.dial()


@pytest.mark.parametrize("seed", range(24))
def test_a_storm_ends_with_the_balances_of_the_venues(kit, seed):
    """Whatever happened: no id is sent twice and no wake repeats. At the end every balance is the venue's, nothing is
    open, only held deals have reservations, and every order has one intent and one outcome in the journal."""
    storm = Storm(kit, seed)
    rig = storm.rig
    for _ in range(300):
        storm.step()
    rig.port.dead.clear()
    rig.desk.stop(rig.now)
    for _ in range(80):
        storm.dial()
        storm.quote()
        storm.answer(well=True)
        storm.arrive()
        storm.tell(1.0)
        rig.run(0.5)
        storm.arrive()
    assert rig.desk.unresolved() == []
    assert rig.desk.idle
    for venue in ("aa", "bb"):
        totals = rig.desk.ledger.totals(f"{venue}:main")
        assert (totals["BTC"], totals["USDT"]) == storm.truth(venue)
    held = rig.desk.held()
    assert len(rig.deals) == len(held) == rig.desk.limits.open_deals
    if not held:
        assert rig.desk.limits.notional == 0
    assert all(deal.state is DealState.HELD for deal in rig.deals)
    assert rig.desk.counters.alarms["external_movement"] == 0
    intents = [one.order.cl_ord_id for one in rig.records("Intent")]
    outcomes = [one.cl_ord_id for one in rig.records("OrderOutcome")]
    assert len(intents) == len(set(intents))
    assert set(rig.orders()) <= set(intents)
    assert sorted(set(intents)) == sorted(set(outcomes) & set(intents))
    assert len(rig.orders()) > 15
