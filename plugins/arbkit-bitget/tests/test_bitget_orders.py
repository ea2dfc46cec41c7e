"""Orders, fills, balances, account: what goes out, and what each answer and push proves."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from arbkit_bitget.adapter import Bitget
from wires import ID, MS, NOW_NS, Wires, instrument

from arbkit.core.errors import BadFrame, CredentialsError, RemoteProtocolError
from arbkit.core.types import (
    AccountStatus,
    Ask,
    AskKind,
    AssetStatus,
    Balance,
    CancelOrder,
    Catalogue,
    ClockSample,
    FeeUpdate,
    HttpAnswer,
    Instrument,
    InstrumentUpdate,
    LinkSpec,
    ListFills,
    Listing,
    ListOpenOrders,
    NewOrder,
    NoAnswer,
    Notice,
    OrderAbsent,
    OrderUpdate,
    OrdStatus,
    QueryOrder,
    RateReport,
    Ready,
    RejectReason,
    Role,
    Side,
    Tif,
)
from arbkit.core.venues.signer import LocalSigner

BTC = instrument("bitget", "BTCUSDT", "0.01", "0.000001")
WIRES = Wires(Bitget, BTC, passphrase="pass", qty="0.00002")
BITGET, ME, BUY, CANCEL, QUERY = WIRES.exchange, WIRES.me, WIRES.buy, WIRES.cancel, WIRES.query
session, told = WIRES.session, WIRES.told


def answer(data: Any, code: str = "00000", status: int = 200, **more: Any) -> HttpAnswer:
    body = {"code": code, "msg": "success", "requestTime": 1_700_000_000_003, "data": data} | more
    return WIRES.answer(body, status)


def answered(what: Any, data: Any = None, code: str = "00000", status: int = 200, **more: Any) -> list[Any]:
    return list(session(Role.REST).answered(what, answer(data, code, status, **more), NOW_NS))


def sent(what: Any) -> tuple[str, str, dict[str, str]]:
    """Method, path and parameters of a request."""
    (request,) = session(Role.REST).encode(what if isinstance(what, Ask) else [what], NOW_NS)
    parts = urlsplit(request.url)
    return request.method, parts.path, json.loads(request.body) if request.body else dict(parse_qsl(parts.query))


def push(channel: str, *rows: dict[str, Any]) -> list[Any]:
    name = "coin" if channel == "account" else "instId"
    arg = {"instType": "SPOT", "channel": channel, name: "default"}
    frame = {"action": "snapshot", "arg": arg, "data": list(rows), "ts": 1_700_000_000_003}
    return told(session(Role.PRIVATE), frame)


def order_push(**fields: Any) -> dict[str, Any]:
    row = {
        "instId": "BTCUSDT",
        "orderId": "77",
        "clientOid": ID,
        "price": "50000",
        "size": "1",
        "newSize": "0.00002",
        "orderType": "limit",
        "force": "ioc",
        "side": "buy",
        "accBaseVolume": "0.0000",
        "priceAvg": "0",
        "status": "live",
        "cTime": "1700000000000",
        "uTime": "1700000000001",
        "feeDetail": [],
    }
    return row | fields


FILLED = {
    "fillPrice": "49999",
    "tradeId": "901",
    "baseVolume": "0.00001",
    "fillTime": "1700000000002",
    "fillFee": "-0.00000001",
    "fillFeeCoin": "BTC",
    "tradeScope": "T",
    "accBaseVolume": "0.00001",
}


def order_row(**fields: Any) -> dict[str, Any]:
    row = {
        "userId": "1",
        "symbol": "BTCUSDT",
        "orderId": "77",
        "clientOid": ID,
        "price": "50000.0000000000000000",
        "size": "0.0000200000000000",
        "orderType": "limit",
        "side": "buy",
        "status": "live",
        "priceAvg": "0",
        "baseVolume": "0.0000000000000000",
        "quoteVolume": "0.0000000000000000",
        "feeDetail": "",
        "cancelReason": "",
        "cTime": "1700000000000",
        "uTime": "1700000000001",
    }
    return row | fields


# --- the private socket ----------------------------------------------------------------------------------------------


def test_the_private_link_is_ready_when_all_channels_are_confirmed() -> None:
    """Login, then orders, fills and balances, of all instruments and coins."""
    link = session(Role.PRIVATE)
    link.start(NOW_NS)
    (subscribe,) = told(link, {"event": "login", "code": 0, "msg": ""})
    args = json.loads(subscribe.data)["args"]
    assert [{**arg} for arg in args] == [
        {"instType": "SPOT", "channel": "orders", "instId": "default"},
        {"instType": "SPOT", "channel": "fill", "instId": "default"},
        {"instType": "SPOT", "channel": "account", "coin": "default"},
    ]
    assert told(link, {"event": "subscribe", "arg": args[2]}) == []
    assert told(link, {"event": "subscribe", "arg": args[0]}) == []
    assert told(link, {"event": "subscribe", "arg": args[1]}) == [Ready("bitget.main.private", NOW_NS)]


@pytest.mark.parametrize("code", ["30005", 30011, "30012", 30015, "40085"])
def test_a_refused_key_ends_the_link(code: str | int) -> None:
    """As a number or a text; the person must do something."""
    link = session(Role.PRIVATE)
    link.start(NOW_NS)
    with pytest.raises(CredentialsError, match="key, passphrase"):
        told(link, {"event": "error", "code": code, "msg": "no"})


@pytest.mark.parametrize("code", [30006, 30013, 30014, 30004, 99999])
def test_a_login_that_may_succeed_later_is_tried_again(code: int) -> None:
    """A throttle, our clock, an unknown code: the link is dialled again."""
    link = session(Role.PRIVATE)
    link.start(NOW_NS)
    with pytest.raises(RemoteProtocolError, match=str(code)):
        told(link, {"event": "error", "code": code, "msg": "no"})


def test_an_error_on_a_ready_link_is_told() -> None:
    """It keeps its channels."""
    link = session(Role.PRIVATE)
    link.start(NOW_NS)
    told(link, {"event": "login", "code": "0"})
    for channel in ("orders", "fill", "account"):
        told(link, {"event": "subscribe", "arg": {"instType": "SPOT", "channel": channel}})
    (notice,) = told(link, {"event": "error", "code": 30016, "msg": "Param error"})
    assert isinstance(notice, Notice)
    assert told(link, "pong") == []
    with pytest.raises(BadFrame):
        told(link, {"action": "snapshot", "data": []})


def test_an_order_that_rests() -> None:
    """``newSize`` is its quantity; ``size`` may be an amount of the quote coin."""
    (update,) = push("orders", order_push(force="gtc"))
    assert (update.ord_status, update.qty, update.px, update.cum_qty) == (
        OrdStatus.NEW,
        BUY.qty,
        BUY.px,
        Decimal(0),
    )
    assert (update.cl_ord_id, update.order_id, update.source) == (ID, "77", "stream")
    assert update.exch_ns == 1_700_000_000_001 * MS


def test_a_push_with_the_fill_that_caused_it() -> None:
    """The order channel writes a charge as a negative number."""
    (update,) = push("orders", order_push(status="partially_filled", **FILLED))
    assert (update.ord_status, update.cum_qty) == (OrdStatus.PARTIALLY_FILLED, Decimal("0.00001"))
    assert (update.last_px, update.last_qty, update.trade_id) == (Decimal(49999), Decimal("0.00001"), "901")
    assert (update.fee, update.fee_asset, update.maker) == (Decimal("0.00000001"), "BTC", False)
    (rebate,) = push("orders", order_push(status="filled", **FILLED | {"fillFee": "0.00000001", "tradeScope": "M"}))
    assert (rebate.fee, rebate.maker) == (Decimal("-0.00000001"), True)


@pytest.mark.parametrize(
    ("force", "filled", "status", "reason"),
    [
        ("ioc", "0", OrdStatus.EXPIRED, RejectReason.NO_MATCH),
        ("IOC", "0.00001", OrdStatus.EXPIRED, None),
        ("fok", "0", OrdStatus.EXPIRED, RejectReason.NO_MATCH),
        ("gtc", "0", OrdStatus.CANCELED, None),
        ("post_only", "0", OrdStatus.CANCELED, None),
    ],
)
def test_how_an_order_ended(force: str, filled: str, status: OrdStatus, reason: RejectReason | None) -> None:
    """The venue says ``cancelled`` for all; the time in force tells an IOC and an FOK apart, and nothing tells why a
    post-only order ended."""
    (update,) = push("orders", order_push(status="cancelled", force=force, accBaseVolume=filled))
    assert (update.ord_status, update.reason, update.cum_qty) == (status, reason, Decimal(filled))


def test_a_state_that_no_page_has_is_unknown() -> None:
    """So the order is queried."""
    (update,) = push("orders", order_push(status="freezing"))
    assert update.ord_status is OrdStatus.UNKNOWN


@pytest.mark.parametrize("fee", ["0.00001", "-0.00001"])
def test_the_fill_channel_repeats_a_fill(fee: str) -> None:
    """Without our id of the order; both signs of a charge were seen, and a charge it is."""
    row = {
        "orderId": "77",
        "tradeId": "901",
        "symbol": "BTCUSDT",
        "side": "sell",
        "priceAvg": "49999",
        "size": "0.00001",
        "tradeScope": "maker",
        "feeDetail": [
            {"feeCoin": "USDT", "deduction": "no", "totalFee": fee},
            {"feeCoin": "BGB", "deduction": "yes", "totalFee": "-0.2"},
        ],
        "cTime": "1700000000002",
    }
    (update,) = push("fill", row)
    assert (update.cl_ord_id, update.order_id, update.trade_id, update.side) == ("", "77", "901", Side.SELL)
    assert (update.fee, update.fee_asset, update.maker) == (Decimal("0.00001"), "USDT", True)
    assert update.extra_fees == [("BGB", Decimal("0.2"))]
    assert update.exch_ns == 1_700_000_000_002 * MS
    (unpaid,) = push("fill", row | {"feeDetail": []})
    assert (unpaid.fee, unpaid.fee_asset) == (None, "")


def test_balances_of_the_stream_are_changes() -> None:
    """Free is ``available``, locked ``frozen``; coins in capitals, as pairs have them."""
    rows = [{"coin": "usdt", "available": "5.5", "frozen": "1", "locked": "9", "uTime": "1700000000001"}]
    assert push("account", *rows) == [
        Balance(
            account=ME,
            asset="USDT",
            free=Decimal("5.5"),
            locked=Decimal(1),
            snapshot=False,
            exch_ns=1_700_000_000_001 * MS,
            recv_ns=NOW_NS,
        )
    ]


# --- what goes out ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tif", "post_only", "force"),
    [
        (Tif.IOC, False, "ioc"),
        (Tif.FOK, False, "fok"),
        (Tif.GTC, False, "gtc"),
        (Tif.GTC, True, "post_only"),
    ],
)
def test_the_parameters_of_an_order(tif: Tif, post_only: bool, force: str) -> None:
    """All values are texts without exponent."""
    order = NewOrder(
        account=ME,
        instrument=BTC.id,
        cl_ord_id=ID,
        side=Side.SELL,
        qty=Decimal("1E-6"),
        px=Decimal("6.1E+4"),
        tif=tif,
        post_only=post_only,
    )
    method, path, body = sent(order)
    assert (method, path) == ("POST", "/api/v2/spot/trade/place-order")
    assert body == {
        "symbol": "BTCUSDT",
        "side": "sell",
        "orderType": "limit",
        "force": force,
        "price": "61000",
        "size": "0.000001",
        "clientOid": ID,
        "requestTime": "1700000000000",
        "receiveWindow": "5000",
    }


def test_cancels_and_reads() -> None:
    """The venue's id counts before ours where we have it. A query names no symbol."""
    by_id = CancelOrder(account=ME, instrument=BTC.id, cl_ord_id=ID, order_id="77")
    path = "/api/v2/spot/trade/cancel-order"
    assert sent(CANCEL) == ("POST", path, {"symbol": "BTCUSDT", "clientOid": ID})
    assert sent(by_id) == ("POST", path, {"symbol": "BTCUSDT", "orderId": "77"})
    assert sent(QUERY) == ("GET", "/api/v2/spot/trade/orderInfo", {"clientOid": ID})
    assert sent(QueryOrder(account=ME, instrument=BTC.id, cl_ord_id="", order_id="77"))[2] == {"orderId": "77"}
    assert sent(ListOpenOrders(account=ME)) == ("GET", "/api/v2/spot/trade/unfilled-orders", {"limit": "100"})
    assert sent(ListOpenOrders(account=ME, instrument=BTC.id))[2] == {"symbol": "BTCUSDT", "limit": "100"}
    fills = ListFills(account=ME, instrument=BTC.id, since_ns=NOW_NS, order_id="77")
    wanted = {"symbol": "BTCUSDT", "orderId": "77", "startTime": "1700000000000", "limit": "100"}
    assert sent(fills) == ("GET", "/api/v2/spot/trade/fills", wanted)
    assert sent(Ask(kind=AskKind.BALANCES))[2] == {"assetType": "hold_only"}
    fee = ("GET", "/api/v2/common/trade-rate", {"symbol": "BTCUSDT", "businessType": "spot"})
    assert sent(Ask(kind=AskKind.FEES, instrument=BTC.id)) == fee


# --- what comes back -------------------------------------------------------------------------------------------------


def test_an_accepted_order() -> None:
    """Accepted, not more: its state comes by the stream."""
    (update,) = answered(BUY, {"orderId": "77", "clientOid": ID})
    assert (update.ord_status, update.order_id, update.source) == (OrdStatus.NEW, "77", "ack")
    assert update.exch_ns == 1_700_000_000_003 * MS


@pytest.mark.parametrize(
    ("code", "status", "expected", "reason"),
    [
        ("43012", 400, OrdStatus.REJECTED, RejectReason.INSUFFICIENT_FUNDS),
        ("40034", 400, OrdStatus.REJECTED, RejectReason.OTHER),
        ("41114", 400, OrdStatus.REJECTED, RejectReason.INSTRUMENT),
        ("40078", 400, OrdStatus.REJECTED, RejectReason.CLOCK),
        ("40009", 401, OrdStatus.REJECTED, RejectReason.AUTH),
        ("43118", 400, OrdStatus.UNKNOWN, RejectReason.DUPLICATE),
        ("429", 429, OrdStatus.UNKNOWN, RejectReason.THROTTLED),
        ("43012", 429, OrdStatus.UNKNOWN, RejectReason.THROTTLED),
        ("00000", 429, OrdStatus.UNKNOWN, RejectReason.THROTTLED),
        ("40015", 400, OrdStatus.UNKNOWN, None),
        ("43012", 503, OrdStatus.UNKNOWN, None),
        ("98765", 400, OrdStatus.UNKNOWN, None),
    ],
)
def test_a_refused_order(code: str, status: int, expected: OrdStatus, reason: RejectReason | None) -> None:
    """A code of the table ends it. A throttle and a server error say nothing about it, whatever the body says."""
    updates = [out for out in answered(BUY, None, code, status) if isinstance(out, OrderUpdate)]
    assert [(one.ord_status, one.reason) for one in updates] == [(expected, reason)]


def test_the_text_of_an_error_may_be_called_message() -> None:
    """Both names occur."""
    body = {"code": "40808", "message": "Parameter verification exception price checkBDScale error", "data": None}
    (update,) = session(Role.REST).answered(BUY, HttpAnswer(400, {}, json.dumps(body).encode(), 0, 0), NOW_NS)
    assert (update.ord_status, update.reason) == (OrdStatus.REJECTED, RejectReason.BAD_PRICE)


def test_a_throttle_closes_the_bucket_of_its_call() -> None:
    """For a second: limits are counted by call and second."""
    out = answered(BUY, None, "429", 429)
    reports = [(one.bucket, one.until_ns) for one in out if isinstance(one, RateReport)]
    assert (f"place:{ME}", NOW_NS + 1000 * MS) in reports


@pytest.mark.parametrize("code", ["43001", "43004", "22001", "45055"])
def test_a_cancel_that_found_no_open_order(code: str) -> None:
    """Its end is queried."""
    (update,) = answered(CANCEL, None, code, 400)
    assert (update.about_cancel, update.reason) == (True, RejectReason.UNKNOWN_ORDER)


def test_a_query_finds_an_order_or_nothing() -> None:
    """The answer is a list; an empty one means that there is no such order (of the last two hours, by our id)."""
    (update,) = answered(QUERY, [order_row(symbol="btcusdt", status="filled", baseVolume="0.00002")])
    assert (update.instrument, update.ord_status, update.cum_qty) == (BTC.id, OrdStatus.FILLED, BUY.qty)
    assert (update.px, update.qty, update.source) == (BUY.px, BUY.qty, "poll")
    assert answered(QUERY, []) == [OrderAbsent(ME, BTC.id, ID, NOW_NS)]
    assert answered(QUERY, None, "43001", 400) == [OrderAbsent(ME, BTC.id, ID, NOW_NS)]
    (unsaid,) = answered(QUERY, None, "40725", 400)
    assert isinstance(unsaid, NoAnswer)


def test_open_orders_have_their_price_elsewhere() -> None:
    """``priceAvg`` is the limit price, there is no ``price``, and states of older samples count."""
    row = order_row(priceAvg="50000", basePrice="0", status="init")
    del row["price"]
    (listing,) = answered(ListOpenOrders(account=ME), [row])
    assert isinstance(listing, Listing)
    assert (listing.complete, [(one.px, one.ord_status) for one in listing.updates]) == (
        True,
        [(BUY.px, OrdStatus.NEW)],
    )


def test_fills_of_the_listing() -> None:
    """They name the order by the venue's id only; a charge is negative."""
    row = {
        "symbol": "BTCUSDT",
        "orderId": "77",
        "tradeId": "901",
        "side": "buy",
        "priceAvg": "49999",
        "size": "0.00001",
        "feeDetail": {"deduction": "no", "feeCoin": "BTC", "totalDeductionFee": "", "totalFee": "-0.00000001"},
        "tradeScope": "taker",
        "cTime": "1700000000002",
        "uTime": "1700000000009",
    }
    (listing,) = answered(ListFills(account=ME, instrument=BTC.id, since_ns=NOW_NS), [row])
    (fill,) = listing.updates
    assert (fill.order_id, fill.cl_ord_id, fill.trade_id, fill.maker) == ("77", "", "901", False)
    assert (fill.fee, fill.fee_asset, fill.exch_ns) == (Decimal("0.00000001"), "BTC", 1_700_000_000_002 * MS)


def test_a_listing_follows_its_pages() -> None:
    """A full page is followed by what is older than its last row; a missing page makes the listing incomplete."""
    rest = session(Role.REST)
    first = [order_row(orderId=str(1000 - number), priceAvg="50000") for number in range(100)]
    what = ListOpenOrders(account=ME)
    (ask,) = rest.answered(what, answer(first), NOW_NS)
    assert ask.kind is AskKind.PAGE
    (request,) = rest.encode(ask, NOW_NS)
    assert dict(parse_qsl(urlsplit(request.url).query)) == {"limit": "100", "idLessThan": "901"}
    (listing,) = rest.answered(ask, answer([order_row(orderId="900", priceAvg="1")]), NOW_NS)
    assert (len(listing.updates), listing.complete) == (101, True)
    (ask,) = rest.answered(what, answer(first), NOW_NS)
    (listing,) = [out for out in rest.answered(ask, NoAnswer("gone"), NOW_NS) if isinstance(out, Listing)]
    assert (len(listing.updates), listing.complete) == (100, False)


def test_fills_are_listed_for_90_days() -> None:
    """A listing from before that is not complete."""
    day = 86_400 * 1000 * MS
    for days, complete in ((89, True), (91, False)):
        (listing,) = answered(ListFills(account=ME, instrument=BTC.id, since_ns=NOW_NS - days * day), [])
        assert listing.complete is complete


def test_fees_clock_and_balances() -> None:
    """Own rates of one pair; the venue's time; all coins that are held."""
    rates = answered(Ask(kind=AskKind.FEES, instrument=BTC.id), {"makerFeeRate": "-0.0001", "takerFeeRate": "0.001"})
    assert rates == [FeeUpdate(ME, BTC.id, Decimal("-0.0001"), Decimal("0.001"))]
    (unread,) = answered(Ask(kind=AskKind.FEES, instrument=BTC.id), {})
    assert isinstance(unread, NoAnswer)
    (sample,) = answered(Ask(kind=AskKind.TIME), {"serverTime": "1700000000498"})
    assert isinstance(sample, ClockSample)
    assert abs(sample.offset_ns - 500 * MS) < 3 * MS
    coins = [{"coin": "BTC", "available": "0.5", "frozen": "0.25", "locked": "0", "uTime": "1700000000001"}]
    (balance,) = answered(Ask(kind=AskKind.BALANCES), coins)
    assert (balance.free, balance.locked, balance.snapshot) == (Decimal("0.5"), Decimal("0.25"), True)


def test_an_asset_moves_if_one_of_its_chains_does() -> None:
    """Truth values are texts."""
    shut, half = ({"rechargeable": "false", "withdrawable": way} for way in ("false", "true"))
    rows = [{"coin": "btc", "chains": [shut, half]}, {"coin": "ETH", "chains": [shut]}, {"coin": "X", "chains": []}]
    assert answered(Ask(kind=AskKind.ASSETS), rows) == [
        AssetStatus("bitget", "BTC", False, True),
        AssetStatus("bitget", "ETH", False, False),
        AssetStatus("bitget", "X", False, False),
    ]


def test_what_the_account_must_be() -> None:
    """The key may trade spot, and fees are not paid in BGB; a person reads why not."""
    rest = session(Role.REST)

    def asked(rights: list[str], deduct: str) -> AccountStatus:
        what = Ask(kind=AskKind.ACCOUNT)
        (page,) = rest.answered(what, answer({"userId": "1", "ips": "1.2.3.4", "authorities": rights}), NOW_NS)
        (status,) = rest.answered(page, answer({"deduct": deduct}), NOW_NS)
        assert isinstance(status, AccountStatus)
        return status

    assert asked(["stor", "stow"], "off").problem == ""
    assert asked(["trade", "readonly"], "off").problem == ""
    assert "may not trade spot" in asked(["stor"], "off").problem
    assert "BGB" in asked(["stow"], "on").problem


def test_a_unified_account_is_told() -> None:
    """This API is that of classic accounts: the first private call says so, and nothing is taken for an answer."""
    (unsaid,) = answered(Ask(kind=AskKind.BALANCES), None, "40085", 400)
    assert isinstance(unsaid, NoAnswer)
    assert "40085" in unsaid.reason
    (update,) = answered(BUY, None, "40085", 400)
    assert (update.ord_status, update.reason, update.lasting) == (OrdStatus.REJECTED, RejectReason.AUTH, True)


# --- instruments -----------------------------------------------------------------------------------------------------


def pair_row(**fields: Any) -> dict[str, Any]:
    row = {
        "symbol": "XYZUSDT",
        "baseCoin": "XYZ",
        "quoteCoin": "USDT",
        "minTradeAmount": "0",
        "maxTradeAmount": "900000000000000000000",
        "takerFeeRate": "0.002",
        "makerFeeRate": "0.002",
        "pricePrecision": "4",
        "quantityPrecision": "2",
        "quotePrecision": "8",
        "status": "online",
        "minTradeUSDT": "1",
        "areaSymbol": "no",
        "orderQuantity": "200",
    }
    return row | fields


def listed(**fields: Any) -> Instrument:
    (update,) = answered(Ask(kind=AskKind.CATALOGUE), [pair_row(**fields)])
    assert isinstance(update, InstrumentUpdate)
    return update.instrument


def test_a_pair() -> None:
    """Steps are numbers of decimals; the least size is one step; obsolete limits are none."""
    one = listed()
    assert (one.id, one.native, one.base, one.quote) == ("bitget:XYZ-USDT", "XYZUSDT", "XYZ", "USDT")
    assert (one.tick, one.lot, one.min_qty) == (Decimal("0.0001"), Decimal("0.01"), Decimal("0.01"))
    assert (one.min_notional, one.max_qty, one.tradable) == (Decimal(1), None, True)
    assert listed(pricePrecision="0", quantityPrecision="0").tick == 1
    assert listed(maxTradeAmount="10000000000").max_qty == Decimal(10_000_000_000)


def test_the_minimum_in_dollars_is_no_minimum_in_another_coin() -> None:
    """``minTradeUSDT`` of a pair in BTC is not known in BTC: error 45110 tells."""
    assert listed(quoteCoin="BTC").min_notional == 0
    assert listed(quoteCoin="USDC", minTradeUSDT="5").min_notional == 5


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "halt"},
        {"status": "offline"},
        {"status": "gray"},
        {"status": ""},
        {"pricePrecision": ""},
        {"pricePrecision": "-1"},
        {"pricePrecision": "1e9"},
        {"quantityPrecision": "99"},
        {"quantityPrecision": "x"},
        {"minTradeUSDT": "-5"},
        {"areaSymbol": "yes"},
    ],
)
def test_a_pair_that_cannot_be_traded(fields: dict[str, str]) -> None:
    """Halted, in trial, of some regions only, or with rules that make no sense. It stays known: we may hold it."""
    one = listed(**fields)
    assert (one.id, one.tradable) == ("bitget:XYZ-USDT", False)


def test_rows_that_are_no_pairs_are_left_out() -> None:
    """And cost no other row."""
    out = answered(Ask(kind=AskKind.CATALOGUE), [{}, pair_row(symbol=""), pair_row(baseCoin=None), pair_row()])
    assert [update.instrument.native for update in out] == ["XYZUSDT"]


@pytest.mark.parametrize("data", [None, {}, "x", [1], [{"symbol": ["X"]}]])
def test_a_catalogue_that_cannot_be_read_is_no_catalogue(data: Any) -> None:
    """No pair becomes untradable by it."""
    out = answered(Ask(kind=AskKind.CATALOGUE), data)
    assert [type(one) for one in out] == [NoAnswer]


def test_a_halted_pair_is_still_cancelled_and_listed() -> None:
    """While we hold it: the order's row is read, and its cancel goes out."""
    halted = listed(status="halt")
    link = LinkSpec(link="bitget.main.rest", venue="bitget", role=Role.REST, account=ME)
    rest = BITGET.session(link, Catalogue([halted]), LocalSigner("key", "secret", "pass"))
    cancel = CancelOrder(account=ME, instrument=halted.id, cl_ord_id=ID)
    (request,) = rest.encode([cancel], NOW_NS)
    assert json.loads(request.body)["symbol"] == "XYZUSDT"
    (listing,) = rest.answered(ListOpenOrders(account=ME), answer([order_row(symbol="XYZUSDT", priceAvg="1")]), NOW_NS)
    assert [one.instrument for one in listing.updates] == [halted.id]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (503, b"<html><body>Maintenance</body></html>"),
        (200, b"<html><body>Maintenance</body></html>"),
        (200, b'{"code":"40200","msg":"Server upgrade, please try again later","requestTime":1,"data":null}'),
        (400, b'{"code":"40200","msg":"Server upgrade, please try again later","requestTime":1,"data":null}'),
        (200, b'{"code":"00000","data":{"orderId":'),
        (200, b'{"code":"00000","msg":"success","requestTime":1,"data":null}'),
        (200, b""),
    ],
)
def test_maintenance_proves_nothing(status: int, body: bytes) -> None:
    """Pages of the web server, the code of an upgrade, torn and empty answers: nothing is ended, nothing is absent."""
    reply = HttpAnswer(status, {}, body, NOW_NS, NOW_NS)
    updates = [out for out in session(Role.REST).answered(BUY, reply, NOW_NS) if isinstance(out, OrderUpdate)]
    assert [one.ord_status for one in updates] == [OrdStatus.UNKNOWN]
    for what in (QUERY, ListOpenOrders(account=ME)):
        out = session(Role.REST).answered(what, reply, NOW_NS)
        assert not [one for one in out if isinstance(one, OrderAbsent | OrderUpdate | Listing)]
