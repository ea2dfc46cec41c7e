"""Rows read by tables of field names."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

import arbkit.venue as kit

D = Decimal
ME = "toy:main"
BTC = kit.Instrument(
    venue="toy", symbol="BTC-USD", native="BTCUSD", base="BTC", quote="USD", tick=D("0.1"), lot=D("0.001")
)
CONTEXT = kit.Context(kit.rest_link("toy", ME), kit.Catalogue([BTC]), None)
ORDER = kit.OrderFields(
    order_id="id", cl_ord_id="cl", statuses=kit.statuses(new="open"), qty="size", cum_qty="done", side="way"
)


def got(rows: Any, what: kit.Ask) -> kit.Got:
    return kit.Got(
        CONTEXT,
        what,
        rows,
        kit.HttpAnswer(200, {}, b""),
        kit.RestReply("", "", b""),
        5,
        kit.Verdicts(ok=[200], rejected={}),
    )


def test_an_order_is_read_by_the_usual_names() -> None:
    """``status`` and ``price`` need not be said; a time that is not named is not read."""
    row = {
        "symbol": "BTCUSD",
        "id": 7,
        "cl": "c",
        "status": "open",
        "price": "10",
        "size": "2",
        "done": "1",
        "way": "buy",
    }
    update = ORDER.read(CONTEXT, row, "poll", 5)
    assert (update.instrument, update.order_id, update.ord_status) == (BTC.id, "7", kit.OrdStatus.NEW)
    assert (update.px, update.qty, update.cum_qty, update.exch_ns) == (D(10), D(2), D(1), 0)


def test_a_fill_names_its_order_as_the_order_does_unless_it_says_otherwise() -> None:
    """By id, client id and side."""
    row = {"symbol": "BTCUSD", "id": 7, "order": 8, "cl": "c", "way": "buy", "side": "sell", "price": "10", "size": "2"}
    usual = ORDER.fill(trade_id="id", qty="size", maker=("m", True)).read(CONTEXT, row, "poll", 5)
    assert (usual.order_id, usual.cl_ord_id, usual.side) == ("7", "c", kit.Side.BUY)
    assert (usual.trade_id, usual.last_px, usual.last_qty, usual.fee, usual.fee_asset) == ("7", D(10), D(2), None, "")
    own = ORDER.fill(trade_id="id", order_id="order", side="side", qty="size", maker=("m", True))
    read = own.read(CONTEXT, row, "poll", 5)
    assert (read.order_id, read.cl_ord_id, read.side) == ("8", "c", kit.Side.SELL)


def test_fee_rates_of_one_row_are_of_the_instrument_that_was_asked_for() -> None:
    """A list names them row by row."""
    read = kit.fees("rates.m", "rates.t")
    ask = kit.Ask(kind=kit.AskKind.FEES, instrument="toy:X")
    rates = {"rates": {"m": "0.001", "t": "0.002"}}
    assert read(got(rates, ask)) == [kit.FeeUpdate(ME, "toy:X", D("0.001"), D("0.002"))]
    assert read(got([{**rates, "symbol": "BTCUSD"}], ask)) == [kit.FeeUpdate(ME, BTC.id, D("0.001"), D("0.002"))]
    assert kit.fees("m", "t", "pair")(got([{"m": 0, "t": 1, "pair": "BTCUSD"}], ask)) == [
        kit.FeeUpdate(ME, BTC.id, D(0), D(1))
    ]


@pytest.mark.parametrize("row", [{"m": "0.001"}, {"m": "0.001", "t": None}, {"m": "0.001", "t": ""}, {}])
def test_a_missing_fee_rate_is_not_zero(row: dict[str, Any]) -> None:
    """Trading for free by mistake would open deals that lose."""
    with pytest.raises(ValueError, match="not a number"):
        kit.fees("m", "t")(got(row, kit.Ask(kind=kit.AskKind.FEES, instrument=BTC.id)))


def test_assets_are_read_with_their_chains() -> None:
    """One open chain is enough, for each way. An asset without chains cannot be moved."""
    read = kit.assets("coin", "nets", "in", "out", "contract")
    rows = [
        {"coin": "BTC", "nets": [{"in": True, "out": False, "contract": "0x1"}, {"in": False, "out": "1"}]},
        {"coin": "XRP", "nets": None},
    ]
    assert read(got(rows, kit.Ask(kind=kit.AskKind.ASSETS))) == [
        kit.AssetStatus("toy", "BTC", True, True, ("0x1",)),
        kit.AssetStatus("toy", "XRP", False, False),
    ]


def test_an_answer_that_goes_to_a_socket_says_nothing_here() -> None:
    """The socket that asked reads it."""
    assert not kit.by_socket(got({"token": "t"}, kit.Ask(kind=kit.AskKind.TOKEN)))
