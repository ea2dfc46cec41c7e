"""The ledger compared with exact fractions, and how it handles balance reports."""

from __future__ import annotations

from decimal import Decimal as Dec
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from arbkit.core.money.ledger import Difference, Ledger
from arbkit.core.types import Balance, Fill, Instrument, Side

ACCOUNT = "okx:main"
BTC_USDT = Instrument(
    venue="okx", symbol="BTC-USDT", native="BTC-USDT", base="BTC", quote="USDT", tick=Dec("0.1"), lot=Dec("0.00000001")
)
ETH_BTC = Instrument(
    venue="okx", symbol="ETH-BTC", native="ETH-BTC", base="ETH", quote="BTC", tick=Dec("0.000001"), lot=Dec("0.0001")
)
INSTRUMENTS = {one.id: one for one in (BTC_USDT, ETH_BTC)}


def bal(asset: str, free: str, locked: str = "0", **kw: object) -> Balance:
    return Balance(account=ACCOUNT, asset=asset, free=Dec(free), locked=Dec(locked), **kw)  # type: ignore[arg-type]


def make_fill(
    trade_id: str, side: Side, qty: str, px: str, *, fee: str = "0", fee_asset: str = "USDT", exch_ns: int = 0
) -> Fill:
    return Fill(
        account=ACCOUNT,
        instrument=BTC_USDT.id,
        cl_ord_id="a",
        order_id="1",
        trade_id=trade_id,
        side=side,
        px=Dec(px),
        qty=Dec(qty),
        fee=Dec(fee),
        fee_asset=fee_asset,
        exch_ns=exch_ns,
    )


def opened(btc: str = "1", usdt: str = "1000", exch_ns: int = 0) -> Ledger:
    ledger = Ledger()
    ledger.balance(bal("BTC", btc, snapshot=True, exch_ns=exch_ns))
    ledger.balance(bal("USDT", usdt, snapshot=True, exch_ns=exch_ns))
    return ledger


amounts = st.decimals(min_value="0.00000001", max_value="9999999", places=8)
prices = st.decimals(min_value="0.0000000001", max_value="999999", places=10)
fees = st.decimals(min_value="-10", max_value="10", places=12)


@st.composite
def one_fill(draw: st.DrawFn, number: int) -> Fill:
    return Fill(
        account=draw(st.sampled_from([ACCOUNT, "bybit:main"])),
        instrument=draw(st.sampled_from(sorted(INSTRUMENTS))),
        cl_ord_id="a",
        order_id="1",
        trade_id=f"t{number}",
        side=draw(st.sampled_from(Side)),
        px=draw(prices),
        qty=draw(amounts),
        fee=draw(fees),
        fee_asset=draw(st.sampled_from(["BTC", "USDT", "BNB"])),
    )


fills = st.integers(0, 12).flatmap(lambda count: st.tuples(*(one_fill(number) for number in range(count)))).map(list)


def oracle(openings: dict[tuple[str, str], Dec], booked: list[Fill]) -> dict[tuple[str, str], Fraction]:
    """Totals computed with fractions."""
    totals = {key: Fraction(value) for key, value in openings.items()}

    def move(account: str, asset: str, amount: Fraction) -> None:
        totals[account, asset] = totals.get((account, asset), Fraction(0)) + amount

    for one in booked:
        instrument = INSTRUMENTS[one.instrument]
        sign = 1 if one.side is Side.BUY else -1
        move(one.account, instrument.base, sign * Fraction(one.qty))
        move(one.account, instrument.quote, -sign * Fraction(one.qty) * Fraction(one.px))
        move(one.account, one.fee_asset, -Fraction(one.fee))
    return totals


@settings(max_examples=200)
@given(fills, st.data())
def test_totals_and_pnl_equal_the_oracle_to_the_last_unit(made: list[Fill], data: st.DataObject) -> None:
    """Any order, any repetition of fills: totals are opening plus flows, PnL the flows alone, both exact."""
    openings = {(ACCOUNT, "BTC"): Dec("1.5"), (ACCOUNT, "USDT"): Dec("123456789.12345678")}
    ledger = Ledger()
    for (account, asset), amount in openings.items():
        ledger.balance(Balance(account=account, asset=asset, free=amount, snapshot=True))
    told = data.draw(st.permutations(made + made[: len(made) // 2]))
    assert sum(ledger.fill(one, INSTRUMENTS[one.instrument]) for one in told) == len(made)
    expected = oracle(openings, made)
    for account in (ACCOUNT, "bybit:main"):
        totals = {asset: value for (owner, asset), value in expected.items() if owner == account}
        assert {asset: Fraction(value) for asset, value in ledger.totals(account).items() if value} == {
            asset: value for asset, value in totals.items() if value
        }
        for asset, value in totals.items():
            assert Fraction(ledger.total(account, asset)) == value
    pnl: dict[str, Fraction] = {}
    for (_, asset), value in oracle({}, made).items():
        pnl[asset] = pnl.get(asset, Fraction(0)) + value
    assert {k: Fraction(v) for k, v in ledger.pnl().items() if v} == {k: v for k, v in pnl.items() if v}


@settings(max_examples=100)
@given(fills)
def test_the_sum_over_both_accounts_loses_only_fees(made: list[Fill]) -> None:
    """Conservation: each fill booked for both sides leaves, over both accounts, minus the fees."""
    ledger = Ledger()
    for one in made:
        other = Fill(
            account="other:x",
            instrument=one.instrument,
            cl_ord_id="",
            order_id="",
            trade_id=one.trade_id,
            side=one.side.opposite,
            px=one.px,
            qty=one.qty,
            fee=Dec(0),
            fee_asset="",
        )
        ledger.fill(one, INSTRUMENTS[one.instrument])
        ledger.fill(other, INSTRUMENTS[one.instrument])
    paid = ledger.fees()
    for asset, value in ledger.pnl().items():
        assert value == -paid.get(asset, Dec(0))


def test_the_keys_of_old_fills_are_forgotten() -> None:
    """A repeated fill is recognized for a quarter of an hour at least. The keys of older ones go, so the ledger of a
    long run does not grow: forgotten too early, a fill is booked twice, which this test sees."""
    minute = 60_000_000_000
    one, two = make_fill("a", Side.BUY, "1", "10"), make_fill("b", Side.BUY, "1", "10")
    ledger = opened()
    ledger.age(20 * minute)
    ledger.fill(one, BTC_USDT)
    for at_ns in (20 * minute, 34 * minute, 36 * minute, 49 * minute):
        ledger.age(at_ns)
        assert not ledger.fill(one, BTC_USDT)
    ledger.fill(two, BTC_USDT)
    ledger.age(52 * minute)
    assert not ledger.fill(two, BTC_USDT)
    assert ledger.fill(one, BTC_USDT)
    assert ledger.total(ACCOUNT, "BTC") == 4
    for at in range(60, 6000):
        ledger.fill(make_fill(str(at), Side.BUY, "1", "10"), BTC_USDT)
        ledger.age(at * minute)
    assert len(ledger._booked) + len(ledger._booked_before) <= 30


def test_a_trade_with_oneself_is_two_fills() -> None:
    """Both sides of a self-trade have the same trade id, so the side is in the key."""
    ledger = opened()
    assert ledger.fill(make_fill("t", Side.BUY, "1", "10"), BTC_USDT)
    assert ledger.fill(make_fill("t", Side.SELL, "1", "10"), BTC_USDT)
    assert not ledger.fill(make_fill("t", Side.SELL, "1", "10"), BTC_USDT)
    assert ledger.pnl() == {"BTC": 0, "USDT": 0}


def test_an_old_balance_report_changes_no_total() -> None:
    """O25: a report from before the newest fills is recognised as old; total and available stay ours."""
    ledger = opened()
    ledger.fill(make_fill("a", Side.BUY, "1", "10", exch_ns=100), BTC_USDT)
    ledger.fill(make_fill("b", Side.BUY, "1", "10", exch_ns=200), BTC_USDT)
    assert ledger.balance(bal("BTC", "2", exch_ns=100)) is None
    assert (ledger.total(ACCOUNT, "BTC"), ledger.available(ACCOUNT, "BTC")) == (3, 3)
    assert ledger.balance(bal("BTC", "3", exch_ns=200)) is None
    assert ledger.drifts(10**18, 0) == []


def test_a_balance_ahead_of_its_fills_is_a_difference_until_they_come() -> None:
    """A report that arrives before its fill differs, is no drift within the grace period, and is explained by the
    fill."""
    ledger = opened()
    difference = ledger.balance(bal("USDT", "990", recv_ns=50, exch_ns=5))
    assert difference == Difference(ACCOUNT, "USDT", Dec(1000), Dec(990), 50)
    assert difference.drift == -10
    assert ledger.available(ACCOUNT, "USDT") == 990
    assert ledger.drifts(60, 100) == []
    ledger.fill(make_fill("b", Side.BUY, "1", "20", exch_ns=9), BTC_USDT)
    assert len(ledger.drifts(200, 100)) == 1
    ledger.fill(make_fill("a", Side.BUY, "1", "10", exch_ns=4), BTC_USDT)
    assert ledger.drifts(10**18, 0) == []
    assert ledger.total(ACCOUNT, "USDT") == 970


def test_drift_is_booked_as_external_not_as_pnl() -> None:
    """A deposit: it lasts longer than the grace period, is booked, and then nothing differs and the PnL is
    unchanged."""
    ledger = opened()
    ledger.balance(bal("USDT", "1500", recv_ns=50))
    (drift,) = ledger.drifts(1_000, 100)
    ledger.external(ACCOUNT, "USDT", drift.drift)
    assert ledger.drifts(10**18, 0) == []
    assert (ledger.total(ACCOUNT, "USDT"), ledger.pnl(), ledger.externals()) == (1500, {}, {(ACCOUNT, "USDT"): 500})


def test_while_unexplained_the_lower_total_is_available() -> None:
    """A withdrawal lowers what is available at once, a deposit raises it only when booked; locked amounts are never
    available."""
    ledger = opened()
    ledger.balance(bal("USDT", "300", recv_ns=50))
    assert ledger.available(ACCOUNT, "USDT") == 300
    ledger.balance(bal("USDT", "5000", "100", recv_ns=60))
    assert ledger.available(ACCOUNT, "USDT") == 900
    ledger.balance(bal("USDT", "0", "1000", recv_ns=70))
    assert ledger.available(ACCOUNT, "USDT") == 0


def test_only_a_movement_that_a_report_may_lack_explains_it() -> None:
    """A withdrawal of as much as was bought a minute ago is no old report."""
    ledger = opened()
    ledger.fill(make_fill("a", Side.BUY, "1", "10", exch_ns=100), BTC_USDT)
    ledger.fill(make_fill("b", Side.BUY, "2", "10", exch_ns=300), BTC_USDT)
    assert ledger.balance(bal("BTC", "2", recv_ns=400), 200) is None  # without b
    gone = ledger.balance(bal("BTC", "1", recv_ns=400), 200)
    assert gone is not None
    assert gone.drift == -3
    assert ledger.available(ACCOUNT, "BTC") == 1


def test_an_older_report_is_ignored() -> None:
    """By venue time, where both reports have one."""
    ledger = opened(exch_ns=10)
    assert ledger.balance(bal("USDT", "1", exch_ns=9)) is None
    assert ledger.drifts(10**18, 0) == []


def test_a_fill_from_before_the_opening_is_inside_it() -> None:
    """If it arrives late, it counts in the PnL but not in the total; if it arrives early, the opening includes it."""
    ledger = opened(exch_ns=100)
    ledger.fill(make_fill("a", Side.BUY, "1", "10", exch_ns=90), BTC_USDT)
    assert (ledger.total(ACCOUNT, "BTC"), ledger.pnl()["BTC"]) == (1, 1)
    early = Ledger()
    early.fill(make_fill("a", Side.BUY, "1", "10", exch_ns=90), BTC_USDT)
    early.fill(make_fill("b", Side.BUY, "1", "10", exch_ns=110), BTC_USDT)
    assert early.available(ACCOUNT, "BTC") == 0
    early.balance(bal("BTC", "5", exch_ns=100))
    assert (early.total(ACCOUNT, "BTC"), early.pnl()["BTC"]) == (6, 2)


@pytest.mark.parametrize("first", [True, False])
def test_what_moved_before_the_run_began_is_in_an_opening_without_a_time(first: bool) -> None:
    """A restart on a venue whose balances have no time: fills of an earlier process come by a listing, or late. They
    are in the balances already, whether the clock was measured before them or after."""
    ledger = Ledger()
    if first:
        ledger.began(ACCOUNT, 1_000)
    ledger.balance(bal("BTC", "5"))
    ledger.balance(bal("USDT", "1000"))
    if not first:
        ledger.began(ACCOUNT, 1_000)
    ledger.fill(make_fill("a", Side.BUY, "1", "10", exch_ns=900), BTC_USDT)
    ledger.fill(make_fill("b", Side.BUY, "1", "10", exch_ns=900), BTC_USDT, external=True)
    assert (ledger.total(ACCOUNT, "BTC"), ledger.total(ACCOUNT, "USDT")) == (5, 1000)
    ledger.fill(make_fill("c", Side.BUY, "1", "10", exch_ns=1_100), BTC_USDT)
    assert (ledger.total(ACCOUNT, "BTC"), ledger.total(ACCOUNT, "USDT")) == (6, 990)


def test_a_fill_that_an_equal_report_has_is_not_added_again() -> None:
    """A manual trade between the start of a process and its first balances is listed a minute later. A report that has
    it equalled our total, so the total has it too; a deposit of the other asset meanwhile changes nothing of that."""
    ledger = Ledger()
    ledger.began(ACCOUNT, 1_000)
    ledger.balance(bal("BTC", "5", recv_ns=1))
    ledger.balance(bal("USDT", "1000", recv_ns=1))
    ledger.balance(bal("BTC", "5", recv_ns=2), since_ns=2_000)
    ledger.balance(bal("USDT", "1500", recv_ns=2), since_ns=2_000)
    hand = make_fill("hand", Side.BUY, "1", "10", exch_ns=1_100)
    assert ledger.fill(hand, BTC_USDT, external=True)
    assert [(one.asset, one.drift) for one in ledger.drifts(10, 0)] == [("USDT", Dec(500))]
    assert ledger.total(ACCOUNT, "BTC") == 5
    later = make_fill("later", Side.BUY, "1", "10", exch_ns=2_100)
    ledger.fill(later, BTC_USDT)
    assert (ledger.total(ACCOUNT, "BTC"), ledger.total(ACCOUNT, "USDT")) == (6, 990)


def test_a_fill_that_a_report_has_and_our_total_lacks_is_added() -> None:
    """The report differs until the fill comes, however old it is then."""
    ledger = opened()
    ledger.balance(bal("BTC", "2", recv_ns=2), since_ns=2_000)
    ledger.balance(bal("USDT", "990", recv_ns=2), since_ns=2_000)
    assert len(ledger.drifts(10, 0)) == 2
    ledger.fill(make_fill("late", Side.BUY, "1", "10", exch_ns=1_100), BTC_USDT)
    assert (ledger.total(ACCOUNT, "BTC"), ledger.total(ACCOUNT, "USDT")) == (2, 990)
    assert ledger.drifts(10, 0) == []


@given(st.data())
def test_totals_agree_at_the_end_whatever_comes_late(data: st.DataObject) -> None:
    """Trades before and after the opening reach the ledger in any order, or late; reports have what moved before them.
    Once all fills and a last report are there, both totals are the venue's; only what moved between the start of the
    process and its opening balances may need the report for it."""
    trades = data.draw(
        st.lists(
            st.tuples(st.integers(1, 100), st.sampled_from(Side), st.integers(1, 5)),
            max_size=8,
            unique_by=lambda one: one[0],
        )
    )
    opens = data.draw(st.integers(1, 100))
    looks = sorted({opens, *data.draw(st.lists(st.integers(opens, 200), max_size=4))})
    made = [
        (at, make_fill(f"t{at}", side, str(qty), "10", exch_ns=at))
        for at, side, qty in sorted(trades, key=lambda one: one[0])
    ]
    told = sorted((data.draw(st.integers(max(at, opens), 210)), at, fill) for at, fill in made)

    def true(until: int) -> tuple[int, int]:
        signed = [int(fill.qty) * (1 if fill.side is Side.BUY else -1) for at, fill in made if at <= until]
        return 1_000 + sum(signed), 100_000 - 10 * sum(signed)

    ledger = Ledger()
    began = data.draw(st.integers(0, opens))
    ledger.began(ACCOUNT, began)
    for now in range(1, 230):
        for at, _, fill in told:
            if at == now:
                ledger.fill(fill, BTC_USDT)
        if now in looks or now == 225:
            for asset, amount in zip(("BTC", "USDT"), true(now), strict=True):
                ledger.balance(bal(asset, str(amount), recv_ns=now, snapshot=True), since_ns=now if now > opens else 0)
    drifts = ledger.drifts(230, 0)
    assert not drifts or any(began < at <= opens for at, _ in made)
    for drift in drifts:
        ledger.external(ACCOUNT, drift.asset, drift.drift)
    btc, usdt = true(1_000)
    assert (ledger.total(ACCOUNT, "BTC"), ledger.total(ACCOUNT, "USDT")) == (btc, usdt)


def test_an_asset_that_the_listing_lacks_opens_with_zero() -> None:
    """What is bought afterwards can be sold before any balance report names it."""
    ledger = Ledger()
    ledger.balance(bal("USDT", "1000", snapshot=True))
    ledger.fill(make_fill("a", Side.BUY, "1", "10", fee="0.001", fee_asset="BTC"), BTC_USDT)
    assert ledger.available(ACCOUNT, "BTC") == Dec("0.999")
    assert ledger.balance(bal("BTC", "0.999")) is None
    assert ledger.balance(bal("DOGE", "5", recv_ns=3)) == Difference(ACCOUNT, "DOGE", Dec(0), Dec(5), 3)


def test_an_asset_that_a_later_listing_lacks_is_zero() -> None:
    """Venues list what is there: what an account no longer has is missing from the listing."""
    ledger = opened()
    usdt = bal("USDT", "1000", snapshot=True, recv_ns=7)
    assert ledger.balance(usdt) is None
    ledger.listed(ACCOUNT, [usdt])
    assert ledger.available(ACCOUNT, "BTC") == 0
    assert ledger.drifts(8, 1) == [Difference(ACCOUNT, "BTC", Dec(1), Dec(0), 7)]
    assert ledger.available(ACCOUNT, "USDT") == 1000


def test_a_listing_older_than_a_report_leaves_it() -> None:
    """The zero of a missing asset has the listing's newest time, and is ignored like any report that is too old."""
    ledger = Ledger()
    rows = [bal("USDT", "9", exch_ns=100), bal("BNB", "9", exch_ns=150)]
    for report in (bal("BTC", "1", exch_ns=200), *rows):
        ledger.balance(report)
    ledger.listed(ACCOUNT, rows)
    assert ledger.available(ACCOUNT, "BTC") == 1
    ledger.listed(ACCOUNT, [bal("USDT", "9", exch_ns=201)])
    assert (ledger.available(ACCOUNT, "BTC"), ledger.available(ACCOUNT, "BNB")) == (0, 0)


def test_a_listing_from_before_a_fill_does_not_take_it_away() -> None:
    """What was bought after the listing was made is explained by the fill: it stays available."""
    ledger = Ledger()
    ledger.balance(bal("USDT", "1000", snapshot=True))
    ledger.fill(make_fill("a", Side.BUY, "1", "10"), BTC_USDT)
    ledger.listed(ACCOUNT, [bal("USDT", "1000", snapshot=True)])
    assert ledger.available(ACCOUNT, "BTC") == 1
    assert ledger.drifts(10**18, 1) == []


def test_a_late_fee_is_booked_as_a_row_of_its_own() -> None:
    """The row ``id/fee`` moves the fee asset and nothing else, once."""
    ledger = opened()
    ledger.fill(make_fill("a", Side.SELL, "1", "10"), BTC_USDT)
    row = make_fill("a/fee", Side.SELL, "0", "10", fee="0.01")
    assert ledger.fill(row, BTC_USDT)
    assert not ledger.fill(row, BTC_USDT)
    assert (ledger.pnl(), ledger.fees()) == ({"BTC": -1, "USDT": Dec("9.99")}, {"USDT": Dec("0.01")})
    assert ledger.position(ACCOUNT, BTC_USDT.id) == -1


def test_taxes_are_booked_like_the_fee() -> None:
    """In any asset: they leave the balance and the PnL, and count as fees; twice the same asset is added up."""
    ledger = opened()
    taxed = replace(
        make_fill("a", Side.SELL, "1", "10", fee="0.01"), extra_fees=(("USDT", Dec("0.02")), ("BNB", Dec(3)))
    )
    assert ledger.fill(taxed, BTC_USDT)
    assert not ledger.fill(taxed, BTC_USDT)
    assert ledger.pnl() == {"BTC": -1, "USDT": Dec("9.97"), "BNB": -3}
    assert ledger.fees() == {"USDT": Dec("0.03"), "BNB": 3}
    assert (ledger.total(ACCOUNT, "USDT"), ledger.total(ACCOUNT, "BNB")) == (Dec("1009.97"), -3)


def test_a_foreign_fill_moves_the_total_and_no_pnl() -> None:
    """A manual order's fill is external: booked once, fee included."""
    ledger = opened()
    assert ledger.fill(make_fill("z", Side.SELL, "1", "10", fee="1"), BTC_USDT, external=True)
    assert (ledger.total(ACCOUNT, "USDT"), ledger.pnl(), ledger.fees()) == (1009, {}, {})
    assert ledger.externals() == {(ACCOUNT, "BTC"): -1, (ACCOUNT, "USDT"): 9}


def test_marked_pnl_and_what_has_no_price() -> None:
    """Valued in one asset; an asset without a price makes the result unknown, not 0."""
    ledger = opened()
    ledger.fill(make_fill("a", Side.BUY, "2", "10", fee="0.5", fee_asset="BNB"), BTC_USDT)
    prices_ = {"BTC": Dec(12), "BNB": Dec(2)}
    assert ledger.marked(lambda held, asset: prices_.get(held), "USDT") == 24 - 20 - 1
    del prices_["BNB"]
    assert ledger.marked(lambda held, asset: prices_.get(held), "USDT") is None


def test_compare_lists_every_asset_that_differs() -> None:
    """Exact to the smallest unit, in both directions, sorted; equal totals and zeros are not listed."""
    ledger = opened()
    assert ledger.compare(ACCOUNT, {"BTC": Dec(1), "USDT": Dec(1000), "X": Dec(0)}) == []
    found = ledger.compare(ACCOUNT, {"BTC": Dec("1.00000000000000000001"), "DOGE": Dec(1)})
    assert [one.asset for one in found] == ["BTC", "DOGE", "USDT"]


def test_decimals_come_back_exact_and_without_exponent() -> None:
    """More than 28 digits survive, and round numbers do not come back as 1E+3."""
    ledger = opened(usdt="123456789012345.123456789012345678")
    assert str(ledger.total(ACCOUNT, "USDT")) == "123456789012345.123456789012345678"
    assert str(opened().total(ACCOUNT, "USDT")) == "1000"


@pytest.mark.parametrize("bad", ["NaN", "Infinity", "1e999999999"])
def test_a_report_that_is_no_amount_is_ignored(bad: str) -> None:
    """The total stays, nothing raises."""
    ledger = opened()
    assert ledger.balance(bal("BTC", bad)) is ledger.balance(bal("BTC", "1", bad)) is None
    assert ledger.available(ACCOUNT, "BTC") == 1


def test_an_unknown_asset_is_zero() -> None:
    """An unknown asset: total 0, nothing available."""
    assert (Ledger().total("x:y", "BTC"), Ledger().available("x:y", "BTC")) == (0, 0)


def test_the_recent_flows_are_bounded() -> None:
    """A long run keeps no more than a window of movements per asset, and still counts."""
    ledger = opened()
    for number in range(1000):
        ledger.fill(make_fill(f"t{number}", Side.BUY, "0.001", "1", exch_ns=number + 1), BTC_USDT)
    assert max(len(row.flows) for row in ledger._rows.values()) == 64
    assert ledger.total(ACCOUNT, "BTC") == 2


def test_the_gain_for_the_limits_is_never_more_than_it_may_be() -> None:
    """Fees in a coin without a price count as more than they are, an unknown position as unknown, and what earlier runs
    gained or lost belongs to it."""
    ledger = Ledger()
    known = {"BTC": Dec(60_000)}

    def price_of(held: str, asset: str) -> Dec | None:
        return known.get(held)

    ledger.fill(make_fill("1", Side.BUY, "1", "60000", fee="0.05", fee_asset="BNB"), BTC_USDT)
    ledger.fill(make_fill("2", Side.SELL, "1", "60000", fee="0.05", fee_asset="BNB"), BTC_USDT)
    assert ledger.marked(price_of, "USDT") is None
    assert ledger.at_least(price_of, "USDT") == -240
    assert ledger.unpriced(price_of, "USDT") == ["BNB"]
    known["BNB"] = Dec(600)
    assert ledger.at_least(price_of, "USDT") == -60
    ledger.restore({"USDT": Dec(-5), "BTC": Dec("-0.001")})
    assert ledger.at_least(price_of, "USDT") == -125
    assert ledger.marked(price_of, "USDT") == -60
    del known["BTC"]
    assert ledger.at_least(price_of, "USDT") is None
