"""What a journal hands to later runs: all that is open, on the right accounts, and nothing of what is over."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

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


def outcome(number: int, account: str = V, filled: str = "1", paid: str = "0", **fees: str) -> OrderOutcome:
    return OrderOutcome(
        at_ns=number,
        account=account,
        cl_ord_id=format_cl_ord_id(number),
        status=OrdStatus.FILLED,
        filled=Decimal(filled),
        paid=Decimal(paid),
        fees=tuple((asset, Decimal(amount)) for asset, amount in fees.items()),
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
        assert {name: one.filled for name, one in deal.ended.items()} == {format_cl_ord_id(1): Decimal("0.25")}
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
        self.account: dict[int, str] = {}
        self.closed = 0
        self.began = 1

    def play(self, move: int, which: int) -> None:
        if move == 0:
            deal = 100 + len(self.records)
            self.deals.append(deal)
            self.records.append(opened(deal))
            for account in (V, W):
                self.orders.append(number := self.ids.next())
                self.account[number] = account
                self.records.append(intent(number, deal, account))
        elif move == 1 and self.orders:
            number = self.orders.pop(which % len(self.orders))
            self.records.append(outcome(number, self.account[number], "0.3", str(which + 1), BNB="0.001"))
        elif move == 2 and self.deals:
            deal = self.deals.pop(which % len(self.deals))
            self.records.append(
                DealClosed(at_ns=1, deal=deal, outcome="hedged", booked=[brought(V, 3), brought(W, -2)])
            )
            self.closed += 1
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
            most = 3 + 3 * len(player.deals) + 2 * (len(player.orders) + 2 * len(player.deals))
            assert len(fresh.records()) <= most + 4  # what two accounts gained, and the run that knew them
    for record in player.records[told:]:
        fresh.take(record)
    whole, anew = carried(player.records).of(PROD), fresh.of(PROD)
    assert sorted(ids(anew)) == sorted(player.orders)
    assert [deal.deal.deal for deal in anew.interrupted] == player.deals
    assert (anew.interrupted, anew.elsewhere) == (whole.interrupted, whole.elsewhere)
    assert booked(anew) == booked(whole)
    open_ = [one for deal in anew.interrupted for one in deal.ended.values()]
    gained = booked(anew)
    assert sum(flows.get("BNB", Decimal(0)) for flows, _ in gained.values()) == -Decimal("0.001") * len(open_)
    assert sum(left.get("BTC", Decimal(0)) for _, left in gained.values()) == player.closed


def brought(account: str, base: int) -> Booked:
    """Of a closed deal."""
    flows = {"BTC": Decimal(base), "USDT": Decimal(-100 * base)}
    return Booked(at_ns=1, account=account, flows=flows, left={"BTC": Decimal(base)})


def booked(left: Left) -> dict[str, tuple[dict[str, Decimal], dict[str, Decimal]]]:
    return {one.account: (dict(one.flows), dict(one.left)) for one in left.booked}


def test_gains_and_leftovers_are_carried() -> None:
    """By account: what closed deals brought and left. The ended orders of an open deal count in the gain; what it
    leaves is known when it is closed. A deal that is opened again takes back what its end had booked."""
    happened = [
        *start(1),
        opened(7),
        intent(1, 7),
        intent(2, 7, W),
        outcome(1),
        outcome(2, W, filled="0"),
        DealClosed(at_ns=9, deal=7, outcome="left", booked=[brought(V, 1)]),
        opened(8),
        intent(3, 8, W),
        outcome(3, W, filled="0.5", paid="49", BNB="0.01", BTC="0.001"),
    ]
    again = [
        *happened,
        opened(7),
        brought(V, -1),
        intent(1, 7),
        outcome(1, filled="1.5", paid="150"),
        DealClosed(at_ns=10, deal=7, outcome="left", booked=[brought(V, 2)]),
    ]
    for records, left_over in ((happened, 1), (again, 2)):
        whole = carried(records)
        for found in (whole, carried(whole.records()), carried(carried(whole.records()).records())):
            assert booked(found.of(PROD)) == {
                V: ({"BTC": left_over, "USDT": -100 * left_over}, {"BTC": left_over}),
                W: ({"BTC": Decimal("0.499"), "USDT": -49, "BNB": Decimal("-0.01")}, {}),
            }
            assert booked(found.of({V: "testnet", W: "testnet"})) == {}
    assert booked(carried(again[:-1]).of(PROD))[V] == ({"BTC": Decimal("1.5"), "USDT": -150}, {"BTC": 0})


def test_the_newest_ended_orders_are_known_by_their_order_ids() -> None:
    """A process that starts after a crash need not ask whose they are. Also through fresh journals; only the newest."""
    happened: list[Record] = start(1)
    for number in range(1, 301):
        happened += [intent(number, 0), replace(outcome(number), order_id=f"o{number}")]
    happened += [intent(301, 0), outcome(301)]  # proved absent: the venue has no id for it
    found = carried(happened)
    for again in (found, carried(found.records()), carried(carried(found.records()).records())):
        (told,) = again.of(PROD).booked
        assert told.account == V
        assert told.orders == tuple(("v:BTC-USDT", f"o{number}") for number in range(45, 301))
        assert again.of({V: "testnet"}).booked == ()


def test_what_a_person_settled_begins_anew() -> None:
    """On the accounts of that run: gains, leftovers, modes and the day. What is open stays open, and only what it
    brings from then on counts."""
    happened = [
        *start(1, "testnet"),
        DealClosed(at_ns=1, deal=6, outcome="left", booked=[brought(V, 2)]),
        *start(2),
        DealClosed(at_ns=2, deal=7, outcome="left", booked=[brought(V, 1)]),
        opened(8),
        intent(3, 8, W),
        outcome(3, W, paid="99"),
        Control(at_ns=3, mode=Mode.REDUCING, scope="v", rule="max_broken"),
        DayBegan(at_ns=3, asset="USDT", marked=Decimal(-3)),
        *start(4),
        Settled(at_ns=4),
    ]
    found = carried(happened)
    for again in (found, carried(found.records())):
        left = again.of(PROD)
        assert {amount for one in left.booked for amount in (*one.flows.values(), *one.left.values())} <= {0}
        assert (left.kept, [one.deal.deal for one in left.interrupted]) == ([], [8])
        assert [one.left for one in again.of({V: "testnet"}).booked] == [{"BTC": 2}]
    closed = carried([*happened, DealClosed(at_ns=5, deal=8, outcome="x", booked=[brought(W, 1)])]).of(PROD)
    assert booked(closed)[W] == ({"BTC": 0, "USDT": -1}, {"BTC": 1})


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
