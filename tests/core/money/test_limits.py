"""Reservations are all or nothing and never exceed the balance; breakers change the mode at their limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal as Dec

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule
from msgspec import ValidationError, convert
from msgspec.structs import replace

from arbkit.core.errors import LocalProtocolError
from arbkit.core.money.ledger import Ledger
from arbkit.core.money.limits import Limits, LimitsConfig
from arbkit.core.money.needs import Need, needs_of
from arbkit.core.orders.deals import Deal, DealLeg, DealState, Outcome
from arbkit.core.types import (
    Balance,
    Catalogue,
    Fill,
    Instrument,
    Leg,
    Mode,
    Opportunity,
    Side,
)

SECOND = 1_000_000_000
FEE = Dec("0.001")


def instrument(venue: str, base: str = "BTC", quote: str = "USDT") -> Instrument:
    symbol = f"{base}-{quote}"
    return Instrument(
        venue=venue, symbol=symbol, native=symbol, base=base, quote=quote, tick=Dec("0.1"), lot=Dec("0.001")
    )


CATALOGUE = Catalogue([instrument(venue, base) for venue in ("a", "b", "c") for base in ("BTC", "ETH")])
CATALOGUE.add(instrument("a", "ETH", "BTC"))
WIDE = LimitsConfig(
    max_order_notional=Dec(10**6),
    max_deal_notional=Dec(10**6),
    max_open_notional=Dec(10**7),
    max_open_deals=100,
    max_venue_notional=Dec(10**7),
    max_asset_notional=Dec(10**7),
    max_deals_per_minute=10**6,
)


def make_deal(
    number: int, buy: str = "a:BTC-USDT", sell: str = "b:BTC-USDT", qty: str = "1", px: str = "100", sell_px: str = ""
) -> Deal:
    legs = []
    for name, side, price in ((buy, Side.BUY, px), (sell, Side.SELL, sell_px or px)):
        base = CATALOGUE[name].base
        account = f"{CATALOGUE[name].venue}:main"
        legs.append(DealLeg(account=account, instrument=name, base=base, side=side, qty=Dec(qty), px=Dec(price)))
    seen = [Leg(instrument=leg.instrument, side=leg.side, qty=float(leg.qty), px=float(leg.px)) for leg in legs]
    opportunity = Opportunity(legs=seen, expected_net=1.0, asset="USDT", edge=0.001, seen_ns=0)
    deal = Deal(opportunity, legs, created_ns=0, deadline_ns=0)
    deal.id = number
    return deal


def no_price(held: str, asset: str) -> Dec | None:
    return None


def make(
    config: LimitsConfig = WIDE,
    usdt: str = "1000",
    btc: str = "10",
    price_of: Callable[[str, str], Dec | None] = no_price,
) -> Limits:
    ledger = Ledger()
    for venue in "abc":
        for asset, amount in (("USDT", usdt), ("BTC", btc), ("ETH", "10")):
            ledger.balance(Balance(account=f"{venue}:main", asset=asset, free=Dec(amount), snapshot=True))
    return Limits(config, ledger, CATALOGUE, price_of)


def needs(deal: Deal) -> list[Need]:
    return needs_of(deal, CATALOGUE, [FEE] * len(deal.legs), WIDE.unwind_allowance)


def reserve(limits: Limits, deal: Deal, now_ns: int = 0) -> str:
    refusal = limits.reserve(deal, needs(deal), now_ns)
    return refusal.rule if refusal is not None else ""


def fill_of(deal: Deal, leg: DealLeg, qty: Dec, trade_id: str, fee: str = "0", fee_asset: str = "USDT") -> Fill:
    return Fill(
        account=leg.account,
        instrument=leg.instrument,
        cl_ord_id="x",
        order_id="",
        trade_id=trade_id,
        side=leg.side,
        px=leg.px,
        qty=qty,
        fee=Dec(fee),
        fee_asset=fee_asset,
    )


def test_the_worst_case_of_all_legs() -> None:
    """A buy: quote at the worse price, with fee. A sell: base, and what buying back may cost more. A leg of a later
    wave needs the same where nothing brings what it spends to its account."""
    deal = make_deal(1)
    deal.legs.append(
        DealLeg(account="c:main", instrument="c:BTC-USDT", base="BTC", side=Side.BUY, qty=Dec(1), px=Dec(1), wave=1)
    )
    assert needs(deal) == [
        Need(account="a:main", asset="USDT", amount=Dec("101.101")),
        Need(account="b:main", asset="BTC", amount=Dec(1)),
        Need(account="b:main", asset="USDT", amount=Dec("1.201")),
        Need(account="c:main", asset="USDT", amount=Dec("1.01101")),
    ]


def test_a_wave_that_spends_what_the_one_before_brings_reserves_nothing() -> None:
    """USDT > BTC > ETH > USDT on one account, one leg after the other: only the first purchase needs funds. All at
    once, each leg needs its own. On another account nothing is brought."""
    assets = [
        ("BTC", "USDT", Side.BUY, 2, 100),
        ("ETH", "BTC", Side.BUY, 20, "0.1"),
        ("ETH", "USDT", Side.SELL, 20, 10),
    ]

    def found(waves: Sequence[int], last: str = "a:main") -> list[tuple[str, str, Dec]]:
        legs = []
        for (base, quote, side, qty, px), wave in zip(assets, waves, strict=True):
            account = last if wave == 2 else "a:main"
            name = f"{account[0]}:{base}-{quote}"
            legs.append(
                DealLeg(
                    account=account,
                    instrument=name,
                    base=base,
                    quote=quote,
                    side=side,
                    qty=Dec(qty),
                    px=Dec(px),
                    wave=wave,
                )
            )
        deal = Deal(make_deal(1).opportunity, legs, created_ns=0, deadline_ns=0)
        takers = [Dec("0.001")] * 3
        return [(one.account, one.asset, one.amount) for one in needs_of(deal, Catalogue(), takers, Dec("0.01"))]

    assert found((0, 1, 2)) == [("a:main", "USDT", Dec("202.202"))]
    assert [(account, asset) for account, asset, _ in found((0, 0, 0))] == [
        ("a:main", "USDT"),
        ("a:main", "BTC"),
        ("a:main", "ETH"),
        ("a:main", "USDT"),
    ]
    assert [one[:2] for one in found((0, 1, 2), "b:main")] == [
        ("a:main", "USDT"),
        ("b:main", "ETH"),
        ("b:main", "USDT"),
    ]


def test_a_reservation_is_all_or_nothing() -> None:
    """The second leg's lack of base leaves nothing reserved on the first."""
    limits = make(btc="0.5")
    assert reserve(limits, make_deal(1)) == "funds"
    assert (limits.reserved("a:main", "USDT"), limits.notional, limits.open_deals) == (0, 0, 0)
    assert limits.free("a:main", "USDT") == 1000


def test_two_deals_never_reserve_the_same_balance() -> None:
    """The second deal sees what the first one left; release gives all of it back."""
    limits = make(usdt="150")
    assert reserve(limits, make_deal(1)) == ""
    assert limits.free("a:main", "USDT") == Dec("48.899")
    assert reserve(limits, make_deal(2)) == "funds"
    limits.release(1)
    limits.release(1)
    assert reserve(limits, make_deal(2)) == ""


def test_a_deal_reserves_once_and_needs_an_id() -> None:
    """Both are programming errors."""
    limits = make()
    reserve(limits, make_deal(1))
    for number in (0, 1):
        with pytest.raises(LocalProtocolError):
            reserve(limits, make_deal(number))


def test_proceeds_are_held_for_their_deal() -> None:
    """What a fill spends leaves the reservation, what it brings joins it: an unwind finds it, another deal does not."""
    limits = make()
    deal = make_deal(1)
    reserve(limits, deal)
    free = limits.free("a:main", "BTC")
    one = fill_of(deal, deal.legs[0], Dec(1), "t", fee="0.001", fee_asset="BTC")
    limits.ledger.fill(one, CATALOGUE["a:BTC-USDT"])
    limits.fill(1, one, CATALOGUE["a:BTC-USDT"])
    assert limits.reserved("a:main", "USDT") == Dec("1.101")
    assert limits.reserved("a:main", "BTC") == Dec("0.999")
    assert limits.free("a:main", "BTC") == free
    other = fill_of(deal, deal.legs[1], Dec(1), "t", fee="0.1")
    limits.ledger.fill(other, CATALOGUE["b:BTC-USDT"])
    limits.fill(1, other, CATALOGUE["b:BTC-USDT"])
    assert limits.reserved("b:main", "BTC") == 0
    assert limits.reserved("b:main", "USDT") == Dec("1.201") + Dec("99.9")
    limits.release(1)
    assert limits.free("a:main", "BTC") == Dec("10.999")
    assert limits.free("b:main", "USDT") == Dec("1099.9")


def test_a_late_fee_row_costs_the_reservation_its_fee() -> None:
    """The row of quantity 0 with the fee lowers what its deal holds."""
    limits = make()
    deal = make_deal(1)
    reserve(limits, deal)
    limits.fill(1, fill_of(deal, deal.legs[0], Dec(1), "t"), CATALOGUE["a:BTC-USDT"])
    limits.fill(1, fill_of(deal, deal.legs[0], Dec(0), "t/fee", "0.001", "BTC"), CATALOGUE["a:BTC-USDT"])
    assert limits.reserved("a:main", "BTC") == Dec("0.999")
    limits.fill(99, fill_of(deal, deal.legs[0], Dec(1), "u"), CATALOGUE["a:BTC-USDT"])
    assert limits.reserved("a:main", "BTC") == Dec("0.999")


CAPS = [
    ({"max_order_notional": Dec(99)}, "max_order_notional"),
    ({"max_deal_notional": Dec(99)}, "max_deal_notional"),
    ({"max_open_notional": Dec(199)}, "max_open_notional"),
    ({"max_venue_notional": Dec(199)}, "max_venue_notional"),
    ({"max_asset_notional": Dec(199)}, "max_asset_notional"),
    ({"max_open_deals": 1}, "max_open_deals"),
    ({"max_deals_per_minute": 1}, "max_deals_per_minute"),
    ({"max_stock": {"a:BTC": Dec("11.5")}}, "max_stock"),
]


@pytest.mark.parametrize(("caps", "expected"), CAPS, ids=[name for _, name in CAPS])
def test_each_cap_names_itself(caps: dict[str, object], expected: str) -> None:
    """Two equal deals of 100: one of them is refused by the limit that was lowered, and only by it."""
    assert [reserve(make(), make_deal(number)) for number in (1, 2)] == ["", ""]
    limits = make(replace(WIDE, **caps))
    rules = [reserve(limits, make_deal(number)) for number in (1, 2)]
    assert rules in (["", expected], [expected, expected])


def test_the_pace_recovers_after_a_minute() -> None:
    """Deals per minute is a sliding window."""
    limits = make(replace(WIDE, max_deals_per_minute=2))
    assert [reserve(limits, make_deal(n), n * SECOND) for n in (1, 2, 3)] == ["", "", "max_deals_per_minute"]
    assert reserve(limits, make_deal(4), 61 * SECOND) == ""


def test_other_quotes_need_a_price() -> None:
    """Notionals are in the reporting asset: BTC is valued at its price, and without a price the deal is refused."""
    deal = make_deal(1, buy="a:ETH-BTC", sell="b:ETH-USDT", qty="1", px="0.05", sell_px="3000")
    assert reserve(make(), deal) == "no_price"
    priced = make(replace(WIDE, max_order_notional=Dec(4000)), price_of=lambda held, asset: Dec(90_000))
    assert reserve(priced, deal) == "max_order_notional"
    assert priced.room(CATALOGUE["a:ETH-BTC"]) == Dec(4000) / Dec(90_000)
    assert make().room(CATALOGUE["a:ETH-BTC"]) == 0


def test_room_shrinks_with_what_is_open() -> None:
    """The smallest rest of all limits; 0 while no further deal may be opened."""
    limits = make(replace(WIDE, max_order_notional=Dec(500), max_open_notional=Dec(550), max_open_deals=2))
    assert limits.room(CATALOGUE["a:BTC-USDT"]) == 500
    reserve(limits, make_deal(1))
    assert limits.room(CATALOGUE["c:ETH-USDT"]) == 450
    reserve(limits, make_deal(2))
    assert limits.room(CATALOGUE["c:ETH-USDT"]) == 0


def closed(number: int, outcome: Outcome) -> Deal:
    deal = make_deal(number)
    deal.close(outcome, "test", 0)
    return deal


def test_a_broken_deal_starts_the_cooldown_of_its_pair_only() -> None:
    """Reversed, completed and held deals start the cooldown of their pair; other pairs are not affected."""
    for outcome in (Outcome.REVERSED, Outcome.COMPLETED, Outcome.HELD):
        limits = make()
        limits.outcome(closed(1, outcome), 0)
        assert reserve(limits, make_deal(2), 4 * SECOND) == "cooldown"
        assert reserve(limits, make_deal(3, sell="c:BTC-USDT"), 4 * SECOND) == ""
        assert reserve(limits, make_deal(4), 5 * SECOND) == ""
    limits = make()
    assert limits.outcome(closed(1, Outcome.HEDGED), 0) + limits.outcome(closed(2, Outcome.NOTHING), 0) == []
    assert reserve(limits, make_deal(3), 0) == ""


def test_broken_deals_of_a_pair_in_a_row_mean_reducing() -> None:
    """Three reversed without a hedged one between stop the pair, and as they are the last three of all, everything. A
    hedged deal of the pair starts the count anew."""
    limits = make()
    row = [Outcome.REVERSED, Outcome.REVERSED, Outcome.HEDGED, Outcome.REVERSED, Outcome.NOTHING, Outcome.REVERSED]
    assert [limits.outcome(closed(1, outcome), 0) for outcome in row] == [[]] * 6
    changes = limits.outcome(closed(1, Outcome.REVERSED), 0)
    assert [(one.scope, one.mode) for one in changes] == [
        ("a:BTC-USDT+b:BTC-USDT", Mode.REDUCING),
        ("", Mode.REDUCING),
    ]


def test_a_hedged_deal_of_another_pair_resets_no_breaker() -> None:
    """One pair that always breaks beside one that always works: the first one is stopped, the second is not."""
    limits = make()
    changes = []
    for number in range(1, 4):
        changes += limits.outcome(closed(2 * number, Outcome.REVERSED), 0)
        good = make_deal(2 * number + 1, sell="c:BTC-USDT")
        good.close(Outcome.HEDGED, "test", 0)
        changes += limits.outcome(good, 0)
    assert [(one.scope, one.mode) for one in changes] == [("a:BTC-USDT+b:BTC-USDT", Mode.REDUCING)]


def test_a_deal_of_an_earlier_run_counts_over_every_cap() -> None:
    """Its exposure exists: it is counted, though it is over the caps, and takes the room of new deals."""
    limits = make(replace(WIDE, max_open_notional=Dec(150)))
    for number in (1, 2):
        limits.count(make_deal(number))
        limits.count(make_deal(number))
    assert (limits.notional, limits.open_deals) == (200, 2)
    assert reserve(limits, make_deal(3)) == "max_open_notional"
    for number in (1, 2):
        limits.release(number)
    assert (limits.notional, reserve(limits, make_deal(3))) == (0, "")


def test_a_held_deal_reduces_its_pair_and_stays_counted() -> None:
    """Its exposure is open, so its reservation stays; the pair takes no entries, but may be unwound."""
    limits = make()
    deal = make_deal(1)
    reserve(limits, deal)
    for state in (DealState.RESERVED, DealState.SENT, DealState.HELD):
        deal.move(state)
    (change,) = limits.outcome(deal, 0)
    assert (change.scope, change.mode) == (deal.pair, Mode.REDUCING)
    assert (limits.notional, deal.pair) == (100, "a:BTC-USDT+b:BTC-USDT")


def test_losses_trip_the_day_and_the_run() -> None:
    """A loss stops entries, never what ends open deals: mode REDUCING. A new day lifts what the day before has set."""
    limits = make(replace(WIDE, max_loss_day=Dec(50), max_loss_run=Dec(100)))
    day = 86_400 * SECOND
    assert limits.pnl(Dec(-49), 1) == []
    assert [(one.rule, one.mode) for one in limits.pnl(Dec(-50), 2)] == [("max_loss_day", Mode.REDUCING)]
    assert [(one.rule, one.mode) for one in limits.pnl(Dec(-60), day)] == [("max_loss_day", Mode.ACTIVE)]
    assert [(one.rule, one.mode) for one in limits.pnl(Dec(-110), day + 1)] == [
        ("max_loss_run", Mode.REDUCING),
        ("max_loss_day", Mode.REDUCING),
    ]


def test_an_unknown_gain_is_no_gain() -> None:
    """For a minute a book may be silent; after that no deal begins until the loss can be excluded again."""
    limits = make(WIDE)
    assert limits.pnl(Dec(0), 1) == limits.pnl(None, SECOND) == limits.pnl(None, 60 * SECOND) == []
    assert [(one.rule, one.mode) for one in limits.pnl(None, 61 * SECOND)] == [("no_price", Mode.REDUCING)]
    assert [(one.rule, one.mode) for one in limits.pnl(Dec(0), 62 * SECOND)] == [("no_price", Mode.ACTIVE)]


def test_leftovers_count_in_the_caps() -> None:
    """What closed deals left takes room from new ones, of its asset, its venue and of all; a deal that makes it smaller
    is not refused for it."""
    limits = make(replace(WIDE, max_asset_notional=Dec(500)), price_of=lambda held, asset: Dec(100))
    limits.leftovers.add("a:main", "BTC", Dec("4.5"))
    assert (limits.leftovers.by_asset, limits.leftovers.by_venue) == ({"BTC": 450}, {"a": 450})
    assert limits.room(CATALOGUE["a:BTC-USDT"]) == 50
    refusal = limits.reserve(make_deal(1), (), 0)
    assert refusal is not None
    assert refusal.rule == "max_asset_notional"
    reducing = make_deal(2)
    reducing.reduces = True
    assert limits.reserve(reducing, (), 0) is None
    limits.leftovers.add("b:main", "BTC", Dec(-4))
    assert limits.leftovers.where("BTC") == {"a:main": Dec("0.5")}


def test_an_unknown_key_is_refused() -> None:
    """The config is strict."""
    with pytest.raises(ValidationError, match="max_opne_deals"):
        convert({"max_opne_deals": 1}, LimitsConfig)


class NeverExceeded(RuleBasedStateMachine):
    """Invariant I7: after any sequence of reserve, fill and release, no limit is exceeded and no balance is reserved
    twice."""

    deals = Bundle("deals")

    def __init__(self) -> None:
        super().__init__()
        self.config = LimitsConfig(max_open_deals=3, max_open_notional=Dec(600), max_venue_notional=Dec(500))
        self.limits = make(self.config, usdt="700", btc="4")
        self.open: dict[int, Deal] = {}
        self.count = 0
        self.now = 0

    @rule(
        target=deals,
        pair=st.permutations("abc"),
        base=st.sampled_from(["BTC", "ETH"]),
        qty=st.integers(1, 4),
        px=st.integers(10, 120),
    )
    def reserve(self, pair: list[str], base: str, qty: int, px: int) -> Deal:
        self.count += 1
        self.now += SECOND
        deal = make_deal(self.count, f"{pair[0]}:{base}-USDT", f"{pair[1]}:{base}-USDT", str(qty), str(px))
        if reserve(self.limits, deal, self.now) == "":
            self.open[deal.id] = deal
        return deal

    @rule(deal=deals, leg=st.integers(0, 1), share=st.sampled_from(["0.25", "0.5", "1"]))
    def fill(self, deal: Deal, leg: int, share: str) -> None:
        if deal.id not in self.open:
            return
        one = deal.legs[leg]
        left = one.qty - one.filled
        qty = left * Dec(share)
        if not qty:
            return
        fill = fill_of(deal, one, qty, f"{deal.id}/{leg}/{one.filled}", str(qty * one.px * FEE))
        self.limits.ledger.fill(fill, CATALOGUE[one.instrument])
        self.limits.fill(deal.id, fill, CATALOGUE[one.instrument])
        deal.fill(fill)

    @rule(deal=deals)
    def release(self, deal: Deal) -> None:
        self.limits.release(deal.id)
        self.open.pop(deal.id, None)

    @invariant()
    def never_exceeded(self) -> None:
        limits, config = self.limits, self.config
        assert len(self.open) == limits.open_deals <= config.max_open_deals
        notionals = [max(leg.qty * leg.px for leg in deal.legs) for deal in self.open.values()]
        assert sum(notionals) == limits.notional <= config.max_open_notional
        for venue in "abc":
            legs = [leg for deal in self.open.values() for leg in deal.legs if leg.account == f"{venue}:main"]
            assert sum(leg.qty * leg.px for leg in legs) <= config.max_venue_notional
            for asset in ("USDT", "BTC", "ETH"):
                account = f"{venue}:main"
                assert 0 <= limits.reserved(account, asset) <= limits.ledger.available(account, asset)
                if not self.open:
                    assert limits.reserved(account, asset) == 0


TestNeverExceeded = NeverExceeded.TestCase
TestNeverExceeded.settings = settings(max_examples=60, stateful_step_count=30)


def test_a_balance_that_nothing_explains_stops_its_asset_and_no_other() -> None:
    """More than ``max_drift`` for ten seconds: no deal begins that needs this asset of this account."""
    limits = make()
    second = 1_000_000_000
    report = Balance(account="a:main", asset="USDT", free=Dec(1030), snapshot=True, recv_ns=second)
    limits.ledger.balance(report)
    assert reserve(limits, make_deal(1), 5 * second) == ""
    limits.release(1)
    assert reserve(limits, make_deal(2), 20 * second) == "max_drift"
    other = make_deal(3)
    for leg, account in zip(other.legs, ("b:main", "c:main"), strict=True):
        leg.account = account
        leg.instrument = leg.instrument.replace(leg.instrument.partition(":")[0], account.partition(":")[0])
    assert reserve(limits, other, 20 * second) == ""
    limits.ledger.external("a:main", "USDT", Dec(30))
    assert reserve(limits, make_deal(4), 20 * second) == ""


def test_the_invariant_sees_a_limits_that_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without reservations two deals get the same balance, which the invariant above must find."""
    monkeypatch.setattr(
        Limits,
        "_funds",
        lambda self, needs, held, now_ns: held.reserved.update({(n.account, n.asset): n.amount for n in needs}),
    )
    limits = make(usdt="150")
    assert [reserve(limits, make_deal(number)) for number in (1, 2)] == ["", ""]
    assert limits._reserved["a:main", "USDT"] > limits.ledger.available("a:main", "USDT")
