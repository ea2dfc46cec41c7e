"""What a journal hands to later runs: all that is open, on the right accounts, and nothing of what is over."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbkit.core.errors import ConfigError
from arbkit.core.orders.carried import Carried, Left
from arbkit.core.orders.ids import IntentIds, format_cl_ord_id, parse_cl_ord_id
from arbkit.core.orders.journal import decode, encode
from arbkit.core.orders.records import (
    BlockReserved,
    Booked,
    Control,
    DayBegan,
    DealClosed,
    DealOpened,
    Intent,
    Note,
    OrderOutcome,
    Record,
    RunStart,
    Settled,
)
from arbkit.core.types import Mode, NewOrder, OrdStatus, Side, Tif

V, W = "v:main", "w:main"


def start(at_ns: int, environment: str = "prod", mode: str = "live", accounts: Sequence[str] = (V, W)) -> list[Record]:
    return [
        RunStart(at_ns=at_ns, mode=mode, account=account, environment=environment, code="1") for account in accounts
    ]


def opened(deal: int) -> DealOpened:
    return DealOpened(at_ns=deal, deal=deal, strategy="s", instruments=["v:BTC-USDT", "w:BTC-USDT"])


def intent(number: int, deal: int, account: str = V) -> Intent:
    venue = account.partition(":")[0]
    order = NewOrder(
        account=account,
        instrument=f"{venue}:BTC-USDT",
        cl_ord_id=format_cl_ord_id(number),
        side=Side.BUY,
        qty=Decimal(1),
        px=Decimal(100),
        tif=Tif.IOC,
        deal=deal,
    )
    return Intent(at_ns=number, order=order, channel="trade", link=f"{venue}.trade")


def outcome(number: int, account: str = V, filled: str = "1", **flows: str) -> OrderOutcome:
    return OrderOutcome(
        at_ns=number,
        account=account,
        cl_ord_id=format_cl_ord_id(number),
        status=OrdStatus.FILLED,
        filled=Decimal(filled),
        base="BTC" if flows else "",
        flows={asset: Decimal(amount) for asset, amount in flows.items()},
    )


def carried(records: Sequence[Record]) -> Carried:
    found = Carried()
    for record in records:
        found.take(record)
    return found


def ids(left: Left) -> list[int | None]:
    return [parse_cl_ord_id(one.order.cl_ord_id) for one in left.unresolved]


PROD = {V: "prod", W: "prod"}


def test_what_is_over_is_not_carried() -> None:
    """A closed deal with proved orders leaves nothing; so does an order that is proved after its deal was closed."""
    over = [*start(1), opened(7), intent(1, 7), intent(2, 7, W), outcome(1), DealClosed(at_ns=9, deal=7, outcome="x")]
    assert ids(carried(over).of(PROD)) == [2]
    done = carried([*over, outcome(2, W)])
    assert done.of(PROD) == Left(unresolved=[], interrupted=[], kept=[], elsewhere=[])
    assert [type(record) for record in done.records()] == [RunStart, RunStart]


def test_the_filled_quantities_of_an_open_deal_are_carried() -> None:
    """They are what is naked: also when only one of its orders is left to prove, and through a fresh journal."""
    found = carried([*start(1), opened(7), intent(1, 7), intent(2, 7, W), outcome(1, filled="0.25")])
    for again in (found, carried(found.records()), carried(carried(found.records()).records())):
        left = again.of(PROD)
        (deal,) = left.interrupted
        assert deal.filled == {format_cl_ord_id(1): Decimal("0.25")}
        assert [one.order.cl_ord_id for one in deal.intents] == [format_cl_ord_id(1), format_cl_ord_id(2)]
        assert ids(left) == [2]


def test_testnet_first_and_production_later() -> None:
    """The same account names in another environment: nothing of the testnet is proved on production, it is told, and it
    is there again for the next run on the testnet. Both ways also after a fresh journal."""
    before = [*start(1, "testnet"), opened(7), intent(1, 7), intent(2, 7, W)]
    both = carried([*before, *start(2, "prod"), opened(8), intent(3, 8), intent(4, 8, W)])
    for found in (both, carried(both.records())):
        left = found.of(PROD)
        assert ids(left) == [3, 4]
        assert [deal.deal.deal for deal in left.interrupted] == [8]
        assert left.elsewhere == ["deal 7 (v:BTC-USDT+w:BTC-USDT) on v:main (testnet), w:main (testnet)"]
        assert ids(found.of({V: "testnet", W: "testnet"})) == [1, 2]


def test_a_deal_on_an_account_that_is_missing_now_is_refused() -> None:
    """Its exposure cannot be told from one side. On none of its accounts, it is told and kept."""
    found = carried([*start(1), opened(7), intent(1, 7), intent(2, 7, W)])
    with pytest.raises(ConfigError, match=r"deal 7 .* on v:main \(prod\), w:main \(prod\).*run with them configured"):
        found.of({V: "prod", "x:main": "prod"})
    with pytest.raises(ConfigError, match="deal 7"):
        found.of({V: "prod", W: "demo"})
    assert len(found.of({"x:main": "prod", "y:main": "prod"}).elsewhere) == 1


def test_a_deal_whose_orders_were_not_written_counts_too() -> None:
    """Its accounts are those of its run."""
    found = carried([*start(1), opened(7)])
    assert [deal.deal.deal for deal in found.of(PROD).interrupted] == [7]
    with pytest.raises(ConfigError, match="deal 7"):
        found.of({V: "prod"})


def test_a_paper_account_ends_with_its_run() -> None:
    """The next paper run begins with the configured balances: no order of before can be asked for."""
    found = carried([*start(1, mode="paper"), opened(7), intent(1, 7), *start(2, mode="paper", accounts=(V,))])
    assert found.of({V: "prod"}) == Left(unresolved=[], interrupted=[], kept=[], elsewhere=[])


def test_the_newest_of_each_key_is_kept() -> None:
    """Of a kind in ``KEPT``, for its environment only; notes are for people and are not kept."""
    found = carried(
        [
            *start(1, "testnet"),
            Control(at_ns=1, mode=Mode.HALTED, venue="v"),
            *start(2),
            Control(at_ns=2, mode=Mode.HALTED),
            Control(at_ns=3, mode=Mode.REDUCING, venue="v"),
            Control(at_ns=4, mode=Mode.ACTIVE, venue="v"),
            Note(at_ns=5, text="a note"),
        ]
    )
    for again in (found, carried(found.records())):
        assert [record.at_ns for record in again.of(PROD).kept] == [2, 4]
        assert [record.at_ns for record in again.of({V: "testnet"}).kept] == [1]


def test_ids_rise_whatever_was_lost() -> None:
    """Above every block that was reserved or used, and at least the time in seconds; also through a fresh journal."""
    now_ns = 1_780_000_000 * 10**9 + 5
    assert carried([]).next_block(now_ns) == 1_780_000_000
    used = carried([*start(1), BlockReserved(at_ns=1, account=V, block=3), intent(9 << 32, 0), outcome(9 << 32)])
    assert used.next_block() == carried(used.records()).next_block() == 10
    ahead = carried([BlockReserved(at_ns=1, account=V, block=1_900_000_000)])
    assert ahead.next_block(now_ns) == 1_900_000_001


class _Player:
    """A run as it happens: opens deals, sends their orders, learns their ends, closes deals, is started anew."""

    def __init__(self) -> None:
        self.records: list[Record] = [*start(1), BlockReserved(at_ns=1, account=V, block=5)]
        self.ids = IntentIds(5)
        self.deals: list[int] = []
        self.orders: list[int] = []
        self.began = 1

    def play(self, move: int, which: int) -> None:
        if move == 0:
            deal = 100 + len(self.records)
            self.deals.append(deal)
            self.records.append(opened(deal))
            for account in (V, W):
                self.orders.append(number := self.ids.next())
                self.records.append(intent(number, deal, account))
        elif move == 1 and self.orders:
            number = self.orders.pop(which % len(self.orders))
            self.records.append(outcome(number, (V, W)[which % 2], BTC="0.3", USDT=f"-{which + 1}", BNB="-0.001"))
        elif move == 2 and self.deals:
            deal = self.deals.pop(which % len(self.deals))
            self.records.append(DealClosed(at_ns=1, deal=deal, outcome="hedged"))
        elif move == 3:
            self.began += 1
            self.records += start(self.began)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), max_size=60), st.integers(1, 7))
def test_a_fresh_journal_tells_the_same(moves: list[tuple[int, int]], every: int) -> None:
    """Whatever happened, and however often the journal was made anew on the way: what is open is what a journal that
    was never made anew says, which is what the run itself had open."""
    player = _Player()
    fresh = Carried()
    told = 0
    for count, (move, which) in enumerate(moves):
        player.play(move, which)
        for record in player.records[told:]:
            fresh.take(record)
        told = len(player.records)
        if count % every == 0:
            data = b"".join(map(encode, fresh.records()))
            fresh = decode(data).carried()
            assert (
                len(fresh.records()) <= 3 + 3 * len(player.deals) + 2 * (len(player.orders) + 2 * len(player.deals)) + 2
            )
    for record in player.records[told:]:
        fresh.take(record)
    whole, anew = carried(player.records).of(PROD), fresh.of(PROD)
    assert sorted(ids(anew)) == sorted(player.orders)
    assert [deal.deal.deal for deal in anew.interrupted] == player.deals
    assert (anew.interrupted, anew.elsewhere) == (whole.interrupted, whole.elsewhere)
    assert booked(anew) == booked(whole)
    told_of = [record for record in player.records if isinstance(record, OrderOutcome)]
    for asset in ("BTC", "USDT", "BNB"):
        total = sum(flows.get(asset, Decimal(0)) for _, (flows, _) in booked(anew).items())
        assert total == sum((record.flows[asset] for record in told_of), Decimal(0))


def booked(left: Left) -> dict[str, tuple[dict[str, Decimal], dict[str, Decimal]]]:
    return {one.account: (dict(one.flows), dict(one.left)) for one in left.booked}


def test_gains_and_leftovers_are_carried() -> None:
    """By account: the gain of all ended orders, and what closed deals left. The orders of an open deal count in the
    gain and are told with the deal. A fill that comes after the end of its order is added."""
    happened = [
        *start(1),
        opened(7),
        intent(1, 7),
        intent(2, 7, W),
        outcome(1, BTC="0.5", USDT="-50"),
        outcome(2, W, filled="0", BTC="0"),
        DealClosed(at_ns=9, deal=7, outcome="left"),
        outcome(1, BTC="0.1", USDT="-10"),
        opened(8),
        intent(3, 8, W),
        outcome(3, W, BTC="-1", USDT="99", BNB="-0.01"),
        outcome(3, W, BTC="-0.5", USDT="49"),
    ]
    for found in (carried(happened), carried(carried(happened).records())):
        left = found.of(PROD)
        assert booked(left) == {
            V: ({"BTC": Decimal("0.6"), "USDT": -60}, {"BTC": Decimal("0.6")}),
            W: ({"BTC": Decimal("-1.5"), "USDT": 148, "BNB": Decimal("-0.01")}, {"BTC": 0}),
        }
        (deal,) = left.interrupted
        assert [one.flows["BTC"] for one in deal.ended] == [Decimal("-1.5")]
        assert booked(found.of({V: "testnet", W: "testnet"})) == {}


def test_what_a_person_settled_begins_anew() -> None:
    """On the accounts of that run: gains, leftovers, modes and the day. What is open stays open."""
    found = carried(
        [
            *start(1, "testnet"),
            intent(8, 0),
            outcome(8, BTC="2", USDT="-7"),
            *start(2),
            intent(9, 0),
            outcome(9, BTC="1", USDT="-9"),
            opened(8),
            intent(3, 8, W),
            outcome(3, W, BTC="-1", USDT="99"),
            Control(at_ns=3, mode=Mode.REDUCING, scope="v", rule="max_broken"),
            DayBegan(at_ns=3, asset="USDT", marked=Decimal(-3)),
            *start(4),
            Settled(at_ns=4),
        ]
    )
    for again in (found, carried(found.records())):
        left = again.of(PROD)
        assert (left.booked, left.kept, [one.deal.deal for one in left.interrupted]) == ((), [], [8])
        assert [one.left for one in again.of({V: "testnet"}).booked] == [{"BTC": 2}]
    assert sum(isinstance(record, Booked) for record in found.records()) == 1


def test_each_rule_keeps_its_own_mode() -> None:
    """What one rule has set is not lifted by the record of another, and each is told with its scope."""
    found = carried(
        [
            *start(1),
            Control(at_ns=1, mode=Mode.REDUCING, rule="max_broken"),
            Control(at_ns=2, mode=Mode.REDUCING, rule="max_loss_day"),
            Control(at_ns=3, mode=Mode.ACTIVE, rule="max_loss_day"),
        ]
    )
    kept = [(one.rule, one.mode) for one in found.of(PROD).kept if isinstance(one, Control)]
    assert kept == [("max_broken", Mode.REDUCING), ("max_loss_day", Mode.ACTIVE)]
