"""The data types: rounding to the safe side, plain numbers, bounds of wire numbers, secrets that are not shown."""

from __future__ import annotations

import copy
import json
import pickle  # noqa: TID251 - it must refuse
from decimal import Decimal as Dec
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbkit.core import types
from arbkit.core.types import (
    AccountStatus,
    Balance,
    BookLost,
    Catalogue,
    ClockSample,
    Instrument,
    Level,
    NoAnswer,
    Notice,
    OrderUpdate,
    OrdStatus,
    RateReport,
    Secret,
    Side,
    plain,
)

steps = st.sampled_from(["1", "10", "0.5", "0.05", "0.1", "0.01", "0.00000001", "0.0025"]).map(Dec)
decimals = st.decimals(min_value=0, max_value=10**9, places=8)
floats = st.floats(min_value=1e-8, max_value=1e9)


def instrument(tick: Dec = Dec("0.1"), lot: Dec = Dec("0.01"), **kw: object) -> Instrument:
    fields: dict[str, object] = {"venue": "okx", "symbol": "BTC-USDT", "native": "BTCUSDT", "base": "BTC"}
    return Instrument(quote="USDT", tick=tick, lot=lot, **(fields | kw))  # type: ignore[arg-type]


@given(decimals | floats, steps, st.sampled_from(Side))
def test_a_price_is_rounded_toward_safety(px: Dec | float, tick: Dec, side: Side) -> None:
    """On the tick; a buy never pays more, a sell never asks less; never more than one tick away."""
    exact = Fraction(px) if isinstance(px, Dec) else Fraction(Dec(repr(px)))
    got = Fraction(instrument(tick=tick).quantize_px(px, side))
    assert (got / Fraction(tick)).denominator == 1
    assert got <= exact < got + Fraction(tick) if side is Side.BUY else got - Fraction(tick) < exact <= got


@given(decimals | floats, steps)
def test_a_size_is_rounded_down(qty: Dec | float, lot: Dec) -> None:
    """On the lot, never more than asked."""
    exact = Fraction(qty) if isinstance(qty, Dec) else Fraction(Dec(repr(qty)))
    got = Fraction(instrument(lot=lot).quantize_qty(qty))
    assert (got / Fraction(lot)).denominator == 1
    assert got <= exact < got + Fraction(lot)


def test_a_float_means_the_number_it_prints() -> None:
    """0.3 is 0.3, not 0.299999999999999988: it must not lose a tick or a lot."""
    one = instrument(tick=Dec("0.1"), lot=Dec("0.1"))
    assert (one.quantize_px(0.3, Side.BUY), one.quantize_px(0.3, Side.SELL), one.quantize_qty(0.7)) == (
        Dec("0.3"),
        Dec("0.3"),
        Dec("0.7"),
    )


def test_no_step_is_no_rounding() -> None:
    """A venue without a tick takes the price as it is."""
    assert instrument(tick=Dec(0)).quantize_px(1.2345, Side.BUY) == Dec("1.2345")


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=Dec("-1e20"), max_value=Dec("1e20")))
def test_plain_is_the_same_number_without_an_exponent(value: Dec) -> None:
    """Reads back equal; no exponent, no trailing zeros, no minus zero."""
    text = plain(value)
    assert Dec(text) == value
    assert "e" not in text.lower()
    assert text != "-0"
    assert "." not in text or text[-1] not in "0."


@pytest.mark.parametrize(
    ("value", "text"),
    [("1E-8", "0.00000001"), ("1E+3", "1000"), ("-0.00", "0"), ("100", "100"), ("1.50", "1.5"), ("-2.0", "-2")],
)
def test_plain_examples(value: str, text: str) -> None:
    """Known difficult cases."""
    assert plain(Dec(value)) == text


LEVELS = msgspec.json.Decoder(list[Level], strict=False)


@pytest.mark.parametrize("row", ['["1.5","0"]', "[1.5,0]", '["1.5","-0"]', '["1.5","1e-400"]', '["1.5","0","3","x"]'])
def test_a_wire_level_reads_quoted_and_bare(row: str) -> None:
    """Further columns are ignored; minus zero and underflow are a delete."""
    (level,) = LEVELS.decode(f"[{row}]")
    assert (level.px, level.qty) == (1.5, 0)
    assert not level.qty


@pytest.mark.parametrize(
    "row",
    [
        '["0","1"]',
        '["-1","1"]',
        '["NaN","1"]',
        '["nan","1"]',
        '["Infinity","1"]',
        '["1","-1"]',
        '["1","NaN"]',
        '["1","inf"]',
        '["1e400","1"]',
        "[1e400,1]",
        '["1e15","1"]',
        '["1","1e15"]',
        '[" 1","1"]',
        '["1_0","1"]',
        '["","1"]',
        "[null,1]",
        '["1"]',
        '["0x1","1"]',
    ],
)
def test_a_wire_level_refuses_what_is_no_price_or_size(row: str) -> None:
    """D03: bounds hold at decode, so nothing behind it needs to check."""
    with pytest.raises(msgspec.ValidationError):
        LEVELS.decode(f"[{row}]")


def test_a_secret_shows_nothing_but_to_the_socket() -> None:
    """Formatting, repr, f-strings, % and containers show stars; msgspec refuses; reveal gives the text."""
    secret = Secret("hunter2")
    shown = f"{secret} {secret!r} {secret!s:>8} {'%s' % secret} {[secret]} {str(secret)} {'{}'.format(secret)}"  # noqa: UP031, UP032, RUF010
    assert "hunter2" not in shown
    assert secret.reveal() == "hunter2"
    assert type(secret.reveal()) is str
    with pytest.raises(TypeError):
        msgspec.json.encode({"a": secret})


@pytest.mark.parametrize(
    "use",
    [
        lambda secret: "url " + secret,
        lambda secret: secret + " url",
        lambda secret: " ".join(["url", secret]),  # noqa: FLY002 - join is meant
        lambda secret: secret[2:],
        lambda secret: secret.upper() + secret.replace("a", "b") + "".join(secret.split()),
        lambda secret: json.dumps({"url": secret}),
        lambda secret: f"{secret!r:>30} {secret:>30}" + "%s %r" % (secret, secret),  # noqa: UP031 - percent is meant
        lambda secret: secret.encode(),
        pickle.dumps,
        msgspec.json.encode,
        lambda secret: msgspec.msgpack.encode([secret]),
        lambda secret: ValueError("cannot send " + secret),
        lambda secret: copy.deepcopy([secret]),
    ],
)
def test_a_secret_keeps_itself_or_refuses(use: Any) -> None:
    """Joined, cut, formatted, packed: the result shows nothing, or there is none."""
    secret = Secret("canary-hunter2")
    try:
        made = use(secret)
    except TypeError as error:
        made = error
    for shown in (str(made), repr(made), f"{made}"):
        assert "hunter2" not in shown
        assert "canary" not in shown


def test_a_secret_is_itself_where_it_is_compared_or_put_together() -> None:
    """For the code that makes the wire's text: equality, truth, length, and ``+``."""
    secret = Secret("hunter2")
    assert secret == "hunter2"
    assert secret != "***"
    assert {secret: 1}["hunter2"] == 1
    assert not Secret("")
    assert "unter" in secret
    assert ("x" + secret + "y")[1:].reveal() == "hunter2y"
    assert "".join(secret) == Secret(secret).reveal() == "hunter2"


LONG = "x" * 15_000_000


@pytest.mark.parametrize(
    "event",
    [
        Notice("okx", LONG),
        BookLost("okx:BTC-USDT", LONG),
        NoAnswer(LONG),
        AccountStatus("okx:main", LONG, [LONG]),
        OrderUpdate(account="a", instrument="i", cl_ord_id="c", ord_status=OrdStatus.REJECTED, text=LONG),
    ],
    ids=lambda event: type(event).__name__,
)
def test_a_text_of_a_venue_is_cut_where_it_becomes_an_event(event: Any) -> None:
    """15 MB of a venue reach neither the log nor the journal."""
    assert len(repr(event)) < 2000


@pytest.mark.parametrize("field", ["cl_ord_id", "order_id", "trade_id", "instrument", "fee_asset"])
def test_an_id_of_an_impossible_length_is_unreadable(field: str) -> None:
    """An id cannot be cut without being another one."""
    fields = {"account": "a", "instrument": "i", "cl_ord_id": "c", "ord_status": OrdStatus.NEW}
    OrderUpdate(**{**fields, field: "x" * 64})
    with pytest.raises(ValueError, match="characters"):
        OrderUpdate(**{**fields, field: LONG})
    with pytest.raises(ValueError, match="characters"):
        Balance(account="a", asset=LONG, free=Dec(1))


@pytest.mark.parametrize("number", [1 << 62, 10**400, -(10**400)])
def test_a_whole_number_that_nothing_can_hold_is_unreadable(number: int) -> None:
    """Python would go on with 400 digits, until a float, the journal or a tape is made of them."""
    makers = (
        lambda: ClockSample("v", number, 1),
        lambda: RateReport(venue="v", bucket="b", used=number),
        lambda: RateReport(venue="v", bucket="b", until_ns=number),
        lambda: Balance(account="a", asset="b", free=Dec(1), exch_ns=number),
        lambda: NoAnswer("no", retry_ns=number),
        lambda: OrderUpdate(account="a", instrument="i", cl_ord_id="c", ord_status=OrdStatus.NEW, exch_ns=number),
    )
    for make in makers:
        with pytest.raises(ValueError, match="62 bits"):
            make()


def test_the_catalogue_knows_by_id_and_by_native_name() -> None:
    """Learned twice is known once, with the newer rules."""
    one, other = instrument(), instrument(venue="bybit")
    catalogue = Catalogue([one, other])
    newer = instrument(tick=Dec("0.5"))
    catalogue.add(newer)
    assert (len(catalogue), catalogue["okx:BTC-USDT"], catalogue.native("okx", "BTCUSDT")) == (2, newer, newer)
    assert (catalogue.venue("okx"), catalogue.symbol("BTC-USDT")) == ([newer], [newer, other])
    assert ("okx:X" in catalogue, catalogue.get("okx:X"), catalogue.native("okx", "X")) == (False, None, None)
    assert list(catalogue) == [newer, other]
    with pytest.raises(KeyError):
        catalogue["okx:X"]


def test_terminal_statuses() -> None:
    """UNKNOWN is not terminal."""
    assert {status for status in OrdStatus if status.terminal} == {
        OrdStatus.FILLED,
        OrdStatus.CANCELED,
        OrdStatus.EXPIRED,
        OrdStatus.REJECTED,
    }


def test_the_other_side() -> None:
    """Twice is the same."""
    assert [side.opposite for side in Side] == [Side.SELL, Side.BUY]


def test_the_public_names_exist_once() -> None:
    """``__all__`` lists every public name."""
    assert all(hasattr(types, name) for name in types.__all__)
    assert len(set(types.__all__)) == len(types.__all__)
