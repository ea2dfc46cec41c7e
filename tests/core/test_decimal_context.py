"""Money does not depend on the decimal context that other code has set, at import or in a hook."""

from __future__ import annotations

import decimal
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from arbkit_binance.adapter import Binance
from arbkit_binance.dialect import BinanceDialect
from arbkit_okx.adapter import Okx
from arbkit_okx.dialect import OkxDialect
from hypothesis import given
from hypothesis import strategies as st

import arbkit
from arbkit.core.money.ledger import Ledger
from arbkit.core.types import Balance, Instrument, Side
from arbkit.core.types.exact import exactly
from arbkit.testing.simulated import differences, simulate

AMOUNTS = st.decimals(min_value=0, max_value=10**9, places=8)


@pytest.fixture
def hostile() -> Iterator[None]:
    """What another library may do to the process: six digits, rounded away from zero."""
    with decimal.localcontext(prec=6, rounding=decimal.ROUND_UP):
        yield


class Spread(arbkit.SpreadArb):
    symbols = ("BTC-USDT", "ETH-USDT")
    min_edge = 0.0003


class Meddles(Spread):
    """Sets the context in a hook."""

    def on_start(self, view: Any, now_ns: int) -> None:
        decimal.getcontext().prec = 6


def trades() -> tuple[Any, str]:
    run = simulate(Spread(), {Binance: BinanceDialect, Okx: OkxDialect}, seed=4)
    run.run_for(6)
    assert run.stop()
    assert run.desk.engine.legs_sent >= 4
    return run, run.desk.commands_hash()


def test_a_run_makes_the_same_commands_and_an_equal_ledger(hostile: None) -> None:
    """The same orders to the last digit, and every balance is the venue's."""
    run, commands = trades()
    with decimal.localcontext(decimal.DefaultContext):
        assert differences(run) == []
        assert commands == trades()[1]


def test_a_strategy_that_sets_the_context_is_told_and_stopped() -> None:
    """Its mistake is named, with what to do instead; it trades nothing, and the caller's context is as it was."""
    before = decimal.getcontext().prec
    run = simulate(Meddles(), {Binance: BinanceDialect, Okx: OkxDialect})
    with pytest.raises(AttributeError, match=r"with decimal.localcontext\(\)"):
        run.run_for(10)
    assert run.desk.engine.legs_sent == 0
    assert decimal.getcontext().prec == before


def test_own_arithmetic_inside_is_possible() -> None:
    """A local context has its own digits."""
    with exactly(), decimal.localcontext(prec=4):
        assert Decimal(1) / 3 == Decimal("0.3333")


@given(value=AMOUNTS, step=st.sampled_from([Decimal("0.01"), Decimal("0.00001"), Decimal("0.00000001"), Decimal(5)]))
def test_rounding_to_a_step_is_exact(value: Decimal, step: Decimal) -> None:
    """By integers: the multiple of the step below for a size and a purchase, above for a sale."""
    with decimal.localcontext(prec=6, rounding=decimal.ROUND_UP):
        one = Instrument(venue="a", symbol="X-Y", native="XY", base="X", quote="Y", tick=step, lot=step)
        found = [one.quantize_qty(value), one.quantize_px(value, Side.BUY), one.quantize_px(value, Side.SELL)]
    units, size = int(value.scaleb(8)), int(step.scaleb(8))
    low = units // size * size
    assert [int(each.scaleb(8)) for each in found] == [low, low, low if low == units else low + size]


@given(opening=AMOUNTS, moves=st.lists(AMOUNTS, max_size=8))
def test_the_ledger_adds_exactly(opening: Decimal, moves: list[Decimal]) -> None:
    """Movements from outside: the total is their sum in integers."""
    ledger = Ledger()
    with decimal.localcontext(prec=6, rounding=decimal.ROUND_UP):
        ledger.balance(Balance(account="a:main", asset="X", free=opening, recv_ns=1))
        for move in moves:
            ledger.external("a:main", "X", move)
        total = ledger.total("a:main", "X")
    assert int(total.scaleb(8)) == sum(int(one.scaleb(8)) for one in (opening, *moves))
