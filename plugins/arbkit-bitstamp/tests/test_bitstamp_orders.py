"""Orders, fills, balances: what goes out, and what each answer and push proves."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from arbkit_bitstamp.adapter import Bitstamp
from arbkit_bitstamp.dialect import BitstampDialect
from wires import Wires, instrument

from arbkit.core.errors import CredentialsError, RemoteProtocolError
from arbkit.core.types import (
    Ask,
    AskKind,
    Catalogue,
    FeeUpdate,
    HttpAnswer,
    InstrumentUpdate,
    LinkSpec,
    ListFills,
    Listing,
    ListOpenOrders,
    NewOrder,
    NoAnswer,
    OrderAbsent,
    OrderUpdate,
    OrdStatus,
    QueryOrder,
    RateReport,
    Ready,
    RejectReason,
    Role,
    Secret,
    Side,
    Tif,
    VenueSettings,
)
from arbkit.core.venues.signer import LocalSigner
from arbkit.sim.faults import Fault
from arbkit.testing.conformance.rig import Rig

NOW_NS = 1_772_360_430 * 10**9
BTC = instrument("bitstamp", "btcusd", "1", "0.00000001", "BTC-USD")
WIRES = Wires(Bitstamp, BTC, now_ns=NOW_NS, cl_ord_id="a")
ME, BUY, CANCEL, QUERY = WIRES.me, WIRES.buy, WIRES.cancel, WIRES.query
FILLS = ListFills(account=ME, instrument=BTC.id)
STATUS = {"id": 77, "client_order_id": "a", "type": "0", "status": "Open", "market": "BTC/USD"}
STATUS |= {"amount_remaining": "0.5", "transactions": [], "datetime": "2026-03-01 10:20:29"}
PUSH = {"id": 77, "id_str": "77", "order_type": 1, "microtimestamp": "1772360430000001", "amount": 0.5}
PUSH |= {"amount_str": "0.50000000", "amount_traded": "0.1", "amount_at_create": "2.00000000", "price": 1e9}
PUSH |= {"price_str": "50000", "client_order_id": "a"}


def session(role: Role = Role.REST) -> Any:
    link = LinkSpec(link=f"bitstamp.main.{role.value}", venue="bitstamp", role=role, account=ME, trades=[BTC.id])
    return Bitstamp(VenueSettings()).session(link, Catalogue([BTC]), LocalSigner("key", "secret"))


def sent(what: Any) -> tuple[str, list[tuple[str, str]]]:
    (request,) = session().encode(what if isinstance(what, Ask) else [what], NOW_NS)
    return urlsplit(request.url).path, parse_qsl(request.body.decode())


def answered(what: Any, data: Any, status: int = 200) -> Any:
    return WIRES.answered(what, data, status)


@pytest.mark.parametrize(
    ("more", "flag"),
    [
        ({"tif": Tif.IOC}, [("ioc_order", "True")]),
        ({"tif": Tif.FOK}, [("fok_order", "True")]),
        ({"tif": Tif.GTC}, []),
        ({"tif": Tif.GTC, "post_only": True}, [("moc_order", "True")]),
    ],
)
def test_an_order_is_a_form_by_side_and_pair(more: dict[str, Any], flag: list[tuple[str, str]]) -> None:
    order = NewOrder(account=ME, instrument=BTC.id, cl_ord_id="a", side=Side.SELL, qty=BUY.qty, px=BUY.px, **more)
    form = [("amount", "0.00000001"), ("price", "50000"), ("client_order_id", "a")]
    assert sent(order) == ("/api/v2/sell/btcusd/", form + flag)


def test_orders_are_named_by_the_venues_id_if_it_is_known() -> None:
    named = QueryOrder(account=ME, instrument=BTC.id, cl_ord_id="a", order_id="77")
    assert sent(named) == ("/api/v2/order_status/", [("id", "77")])
    assert sent(QUERY) == ("/api/v2/order_status/", [("client_order_id", "a")])
    assert sent(CANCEL) == ("/api/v2/cancel_order/", [("client_order_id", "a")])
    assert sent(ListOpenOrders(account=ME)) == ("/api/v2/open_orders/all/", [])
    assert sent(ListOpenOrders(account=ME, instrument=BTC.id)) == ("/api/v2/open_orders/btcusd/", [])


def test_success_says_only_that_the_order_is_there() -> None:
    (update,) = answered(BUY, {"id": "77", "type": "0", "amount": "1"})
    assert (update.ord_status, update.order_id, update.cum_qty) == (OrdStatus.NEW, "77", None)
    (update,) = answered(BUY, {"type": "0"})
    assert (update.ord_status, update.reason) == (OrdStatus.UNKNOWN, None)


@pytest.mark.parametrize("status", [200, 400, 404])
def test_an_error_counts_whatever_the_status(status: int) -> None:
    body = {"status": "error", "reason": {"__all__": ["You have only 1 USD. Check your account balance for details."]}}
    (update,) = answered(BUY, body, status)
    assert (update.ord_status, update.reason) == (OrdStatus.REJECTED, RejectReason.INSUFFICIENT_FUNDS)
    (update,) = answered(BUY, {"error": "Order could not be placed."}, status)
    assert (update.ord_status, update.reason) == (OrdStatus.UNKNOWN, None)


def test_a_limit_leaves_the_order_unknown_and_rests_the_calls() -> None:
    for body, status in (({"status": "error", "response_code": "400.002"}, 400), ({}, 429)):
        report, update = answered(BUY, body, status)
        assert isinstance(report, RateReport)
        assert report.until_ns == NOW_NS + 60 * 10**9
        assert (update.ord_status, update.reason) == (OrdStatus.UNKNOWN, RejectReason.THROTTLED)


def test_a_query_tells_the_state_by_what_remains() -> None:
    """A finished order was filled as a whole, also while its fills are not listed yet."""
    fills = [{"tid": 1, "btc": "0.25", "usd": "9", "price": "36"}, {"tid": 2, "btc": "0.25", "usd": "9", "price": "36"}]
    for status, transactions, left, state, cum in (
        ("Open", [], "0.5", OrdStatus.NEW, "0"),
        ("Open", fills[:1], "0.25", OrdStatus.PARTIALLY_FILLED, "0.25"),
        ("Finished", fills, "0", OrdStatus.FILLED, None),
        ("Finished", fills[:1], "0", OrdStatus.FILLED, None),
        ("Finished", [], "0", OrdStatus.FILLED, None),
        ("Canceled", fills[:1], "0.25", OrdStatus.CANCELED, "0.25"),
        ("Expired", [], "0.5", OrdStatus.EXPIRED, "0"),
        ("Cancel pending", [], "0.5", OrdStatus.NEW, "0"),
        ("Strange", [], "0.5", OrdStatus.UNKNOWN, "0"),
    ):
        row = STATUS | {"status": status, "transactions": transactions, "amount_remaining": left}
        (update,) = answered(QUERY, row)
        amounts = (None, None) if cum is None else (Decimal(cum), Decimal("0.5"))
        assert (update.ord_status, update.cum_qty, update.qty) == (state, *amounts)
        assert (update.instrument, update.order_id, update.side) == (BTC.id, "77", Side.BUY)


def test_an_order_that_is_not_there() -> None:
    for body in ({"error": "Order not found"}, {"status": "error", "reason": "", "response_code": "404.002"}):
        (absent,) = answered(QUERY, body, 404)
        assert isinstance(absent, OrderAbsent)
        (update,) = answered(CANCEL, body, 404)
        assert (update.reason, update.about_cancel) == (RejectReason.UNKNOWN_ORDER, True)
    assert isinstance(answered(QUERY, {"status": "error", "code": "API0001"}, 400)[0], NoAnswer)


def test_fills_tell_pair_side_and_fee_in_the_quote_asset() -> None:
    """Other rows are no trades; currencies that were not touched may stand in a row as zeros."""
    row = {"id": 5, "order_id": 77, "type": "2", "fee": "0.04", "btc": "-0.5", "usd": "30000", "btc_usd": 60000.0}
    row |= {"datetime": "2026-03-01 10:20:30.000001", "eur": "0.0", "self_trade": False}
    (listing,) = answered(FILLS, [row, {"id": 6, "type": "0", "usd": "100", "datetime": "2026-03-01 10:20:30"}])
    (fill,) = listing.updates
    assert isinstance(listing, Listing)
    assert (fill.side, fill.last_px, fill.last_qty, fill.trade_id) == (Side.SELL, 60000, Decimal("0.5"), "5")
    assert (fill.fee, fill.fee_asset, fill.exch_ns) == (Decimal("0.04"), "USD", NOW_NS + 1000)
    own = ListFills(account=ME, instrument=BTC.id, order_id="78")
    assert answered(own, [row])[0].updates == []


def test_the_account() -> None:
    rows = [{"market": "btcusd", "currency_pair": "btcusd", "fees": {"maker": "0.3", "taker": "0.4"}}]
    assert answered(Ask(kind=AskKind.FEES), rows) == [FeeUpdate(ME, BTC.id, Decimal("0.003"), Decimal("0.004"))]
    rows = [{"currency": "usd", "total": "100.00", "available": "80.00", "reserved": "20.00"}]
    (balance,) = answered(Ask(kind=AskKind.BALANCES), rows)
    assert (balance.asset, balance.free, balance.locked, balance.snapshot) == ("USD", 80, 20, True)


def test_absurd_rows_of_markets_cost_themselves_only() -> None:
    good = {"name": "BTC/USD", "market_symbol": "btcusd", "base_currency": "BTC", "counter_currency": "USD"}
    good |= {"base_decimals": 8, "counter_decimals": 0, "minimum_order_value": "10", "trading": "Enabled"}
    changes: list[dict[str, Any]] = [
        {"market_type": "PERPETUAL"},
        {"market_type": "SPOT", "base_decimals": 99},
        {"base_decimals": None},
        {"counter_decimals": "many"},
        {"minimum_order_value": "ten"},
        {"name": ""},
        {},
        {"trading": "Disabled"},
        {"minimum_order_value": "-1"},
    ]
    out = answered(Ask(kind=AskKind.CATALOGUE), [good | change for change in changes])
    found = [one.instrument for one in out if isinstance(one, InstrumentUpdate)]
    assert [one.tradable for one in found] == [True, False, False]
    assert (found[0].id, found[0].tick, found[0].lot, found[0].fee_in_quote) == (BTC.id, 1, Decimal("1e-8"), True)


def private() -> Any:
    """A private session that has its token."""
    made = session(Role.PRIVATE)
    (ask,) = made.start(NOW_NS)
    body = b'{"valid_sec":60,"token":"the-token","user_id":12}'
    (subscribe,) = made.answered(ask, HttpAnswer(200, {}, body), NOW_NS)
    assert isinstance(subscribe.data, Secret)
    assert json.loads(subscribe.data.reveal()) == {
        "event": "bts:subscribe",
        "data": {"channel": "private-my_orders_btcusd-12", "auth": "the-token"},
    }
    confirmed = {"event": "bts:subscription_succeeded", "channel": "private-my_orders_btcusd-12", "data": {}}
    assert isinstance(made.receive(json.dumps(confirmed), NOW_NS)[0], Ready)
    return made


def test_the_stream_tells_what_was_filled_by_what_remains() -> None:
    """``amount_traded`` is read in two ways by clients, so it is not used."""
    made = private()
    for event, left, state, cum in (
        ("order_created", "2.00000000", OrdStatus.NEW, "0"),
        ("order_changed", "0.50000000", OrdStatus.PARTIALLY_FILLED, "1.5"),
        ("order_deleted", "0.50000000", OrdStatus.CANCELED, "1.5"),
        ("order_deleted", "0.00000000", OrdStatus.FILLED, "2"),
        ("order_replaced", "2.00000000", OrdStatus.UNKNOWN, "0"),
    ):
        row = {"event": event, "channel": "private-my_orders_btcusd-12", "data": PUSH | {"amount_str": left}}
        (update,) = made.receive(json.dumps(row), NOW_NS)
        assert isinstance(update, OrderUpdate)
        assert (update.ord_status, update.cum_qty, update.qty) == (state, Decimal(cum), 2)
        assert (update.instrument, update.side, update.px, update.order_id) == (BTC.id, Side.SELL, 50000, "77")
        assert update.exch_ns == NOW_NS + 1000


def test_a_refused_token() -> None:
    for body, error in (
        (b'{"status":"error","reason":"Invalid signature","code":"API0005"}', CredentialsError),
        (b'{"status":"error","reason":"","response_code":"400.002"}', RemoteProtocolError),
        (b"<html>", RemoteProtocolError),
    ):
        made = session(Role.PRIVATE)
        (ask,) = made.start(NOW_NS)
        with pytest.raises(error):
            made.answered(ask, HttpAnswer(403, {}, body), NOW_NS)


def test_a_pair_that_is_halted_while_it_is_held() -> None:
    """The words of the refusal prove nothing, so the sale is UNKNOWN; the pair is tradable again afterwards."""
    rig = Rig(Bitstamp, BitstampDialect, faults=[Fault(kind="halt", symbol="BTC-USDT", at_s=8, for_s=4)]).boot()
    rig.do(rig.order())
    rig.run_for(9)
    sale = rig.order(side=Side.SELL, px=rig.best("BTC-USDT", ask=False))
    (refused,) = rig.outs(OrderUpdate, rig.do(sale))
    assert (refused.ord_status, refused.reason) == (OrdStatus.UNKNOWN, None)
    rig.run_for(6)
    sale = rig.order(side=Side.SELL, px=rig.best("BTC-USDT", ask=False) / 2 // 1)
    assert rig.outs(OrderUpdate, rig.do(sale))[-1].reason is RejectReason.BAD_PRICE  # the band
    sale = rig.order(side=Side.SELL, px=rig.best("BTC-USDT", ask=False) - 500)
    rig.do(sale)
    assert OrdStatus.FILLED in {one.ord_status for one in rig.updates(sale.cl_ord_id)}


def test_maintenance_is_unknown_for_an_order_and_passes() -> None:
    rig = Rig(Bitstamp, BitstampDialect, faults=[Fault(kind="maintenance", at_s=8, for_s=3)]).boot()
    order = rig.order(tif=Tif.GTC, px=rig.best("BTC-USDT", ask=False) - 500)
    rig.run_for(9)
    assert {one.ord_status for one in rig.outs(OrderUpdate, rig.do(order))} <= {OrdStatus.UNKNOWN}
    rig.run_for(15)
    assert all(line.ready for line in rig.lines.values())
