"""Orders, fills, balances: what goes out, and what each answer and push proves."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from arbkit_okx.adapter import Okx
from wires import ID, MS, NOW_NS, Wires, instrument

from arbkit.core.errors import CredentialsError, LocalProtocolError, RemoteProtocolError
from arbkit.core.types import (
    Ask,
    AskKind,
    AssetStatus,
    Balance,
    CancelAll,
    Catalogue,
    ClockSample,
    FeeUpdate,
    HttpAnswer,
    HttpRequest,
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
    RateReport,
    Ready,
    RejectReason,
    Role,
    Side,
    Tif,
)
from arbkit.core.venues.signer import LocalSigner

BTC = instrument("okx", "BTC-USDT", "0.1", "0.00001", venue_ref="123456", fee_group="1")
WIRES = Wires(Okx, BTC, passphrase="pass")
OKX, ME, BUY, CANCEL, QUERY = WIRES.exchange, WIRES.me, WIRES.buy, WIRES.cancel, WIRES.query
session, told = WIRES.session, WIRES.told


def answered(what: Any, data: object = (), code: str = "0", status: int = 200, msg: str = "") -> list[Any]:
    return WIRES.answered(what, {"code": code, "msg": msg, "data": data}, status)


def order_row(**fields: str) -> dict[str, str]:
    row = {
        "instId": "BTC-USDT",
        "ordId": "77",
        "clOrdId": ID,
        "side": "buy",
        "ordType": "ioc",
        "px": "50000",
        "sz": "2",
        "state": "live",
        "accFillSz": "0",
        "fillPx": "",
        "fillSz": "",
        "tradeId": "",
        "execType": "",
        "fillFee": "0",
        "fillFeeCcy": "",
        "fee": "0",
        "feeCcy": "BTC",
        "cancelSource": "",
        "uTime": "1700000000001",
    }
    return {**row, **fields}


def push(**fields: str) -> OrderUpdate:
    (update,) = told(
        session(Role.PRIVATE), {"arg": {"channel": "orders", "instType": "SPOT"}, "data": [order_row(**fields)]}
    )
    return update


def test_a_private_link_is_ready_when_both_channels_are_confirmed() -> None:
    """Login, then orders and account."""
    link = session(Role.PRIVATE)
    link.start(NOW_NS)
    (subscribe,) = told(link, {"event": "login", "code": "0", "msg": "", "connId": "a"})
    args = json.loads(subscribe.data)["args"]
    assert args == [
        {"channel": "orders", "instType": "SPOT"},
        {"channel": "account", "extraParams": '{"updateInterval":"0"}'},
    ]
    assert told(link, {"event": "subscribe", "arg": args[0]}) == []
    assert told(link, {"event": "channel-conn-count", "channel": "orders", "connCount": "1"}) == []
    assert told(link, {"event": "subscribe", "arg": args[1]}) == [Ready("okx.main.private", NOW_NS)]


def test_a_trade_link_is_ready_when_logged_in() -> None:
    """Nothing to subscribe."""
    assert told(session(Role.TRADE), {"event": "login", "code": "0"}) == [Ready("okx.main.trade", NOW_NS)]


def test_a_refused_key_is_final_and_a_refused_clock_is_tried_again() -> None:
    """Credentials stop the link; a timestamp error only drops it."""
    with pytest.raises(CredentialsError, match="60005"):
        told(session(Role.TRADE), {"event": "error", "code": "60005", "msg": "Invalid apiKey"})
    with pytest.raises(RemoteProtocolError, match="60006"):
        told(session(Role.TRADE), {"event": "error", "code": "60006", "msg": "Timestamp request expired"})
    with pytest.raises(RemoteProtocolError, match="60011"):
        told(session(Role.TRADE), {"event": "error", "code": "60011", "msg": "Please log in"})
    assert isinstance(told(session(Role.TRADE), {"event": "error", "code": "60012", "msg": "x"})[0], Notice)


def test_an_order_travels_with_its_number_and_its_deadline() -> None:
    """``instIdCode`` as an integer, plain decimals, ``expTime`` on the venue's clock; the id names the instrument."""
    (wire,) = session(Role.TRADE).encode([BUY], NOW_NS)
    assert json.loads(wire.data) == {
        "id": "n" + ID + "BTCUSDT",
        "op": "order",
        "args": [
            {
                "instIdCode": 123456,
                "tdMode": "cash",
                "side": "buy",
                "ordType": "ioc",
                "px": "50000",
                "sz": "0.00000001",
                "clOrdId": ID,
            }
        ],
        "expTime": "1700000005000",
    }
    assert json.loads(wire.data)["id"].isalnum()
    assert len(json.loads(wire.data)["id"]) <= 32


@pytest.mark.parametrize(
    ("tif", "post_only", "word"),
    [(Tif.GTC, False, "limit"), (Tif.FOK, False, "fok"), (Tif.GTC, True, "post_only")],
)
def test_order_types(tif: Tif, post_only: bool, word: str) -> None:
    """OKX folds time in force and post-only into ``ordType``."""
    order = NewOrder(
        account=ME,
        instrument=BTC.id,
        cl_ord_id=ID,
        side=Side.SELL,
        qty=Decimal(1),
        px=Decimal(2),
        tif=tif,
        post_only=post_only,
        deadline_ns=NOW_NS + 250 * MS,
    )
    frame = json.loads(session(Role.TRADE, trade_mode="cross").encode([order], NOW_NS)[0].data)
    assert (frame["args"][0]["ordType"], frame["args"][0]["side"], frame["args"][0]["tdMode"]) == (
        word,
        "sell",
        "cross",
    )
    assert frame["expTime"] == "1700000000250"


def test_the_same_order_over_rest() -> None:
    """``instId`` there, and ``expTime`` as a header."""
    (request,) = session(Role.REST).encode([BUY], NOW_NS)
    assert isinstance(request, HttpRequest)
    assert request.url == "https://openapi.okx.com/api/v5/trade/order"
    assert json.loads(request.body)["instId"] == "BTC-USDT"
    assert dict(request.headers)["expTime"] == "1700000005000"


def test_an_accepted_order_is_new_and_names_its_instrument() -> None:
    """Any session reads any answer: the request id carries client id and instrument."""
    row = {"clOrdId": ID, "ordId": "9", "sCode": "0", "sMsg": "", "ts": "1749999123456"}
    frame = {"id": "n" + ID + "BTCUSDT", "op": "order", "data": [row], "code": "0", "msg": ""}
    (update,) = told(session(Role.TRADE), frame)
    assert (update.cl_ord_id, update.instrument, update.order_id) == (ID, BTC.id, "9")
    assert (update.ord_status, update.source, update.account) == (OrdStatus.NEW, "ack", ME)


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("51008", OrdStatus.REJECTED, RejectReason.INSUFFICIENT_FUNDS),
        ("51138", OrdStatus.REJECTED, RejectReason.BAD_PRICE),
        ("51020", OrdStatus.REJECTED, RejectReason.BAD_QTY),
        ("51001", OrdStatus.REJECTED, RejectReason.INSTRUMENT),
        ("50102", OrdStatus.REJECTED, RejectReason.CLOCK),
        ("50036", OrdStatus.REJECTED, RejectReason.CLOCK),
        ("50113", OrdStatus.REJECTED, RejectReason.AUTH),
        ("60011", OrdStatus.REJECTED, RejectReason.OTHER),
        ("51016", OrdStatus.UNKNOWN, RejectReason.DUPLICATE),
        ("50004", OrdStatus.UNKNOWN, None),
        ("51149", OrdStatus.UNKNOWN, None),
        ("50026", OrdStatus.UNKNOWN, None),
        ("50001", OrdStatus.UNKNOWN, None),
        ("59999", OrdStatus.UNKNOWN, None),
    ],
)
def test_only_listed_codes_reject(code: str, status: OrdStatus, reason: RejectReason | None) -> None:
    """The item's code counts, not the frame's; what is not on the list proves nothing. The same over REST."""
    row = {"clOrdId": ID, "ordId": "", "sCode": code, "sMsg": "words", "ts": "1"}
    (update,) = told(
        session(Role.TRADE), {"id": "n" + ID + "BTCUSDT", "op": "order", "data": [row], "code": "1", "msg": ""}
    )
    assert (update.ord_status, update.reason, update.text) == (status, reason, f"{code} words")
    (polled,) = answered(BUY, [row], code="1")
    assert (polled.ord_status, polled.reason) == (status, reason)


def test_a_format_error_has_no_item_but_still_its_order() -> None:
    """``data`` is empty: the request id tells whose."""
    (update,) = told(
        session(Role.TRADE),
        {"id": "n" + ID + "BTCUSDT", "op": "order", "data": [], "code": "60013", "msg": "Invalid args"},
    )
    assert (update.cl_ord_id, update.instrument, update.ord_status) == (ID, BTC.id, OrdStatus.REJECTED)


def test_throttling_leaves_the_order_unknown_and_reports_the_bucket() -> None:
    """50011 or a bare 429: the venue may have taken it; nothing more in this bucket for the 2 s window."""
    row = {"clOrdId": ID, "sCode": "50011", "sMsg": "Rate limit reached"}
    update, report = told(session(Role.TRADE), {"id": "n" + ID + "BTCUSDT", "op": "order", "data": [row], "code": "1"})
    assert (update.ord_status, update.reason) == (OrdStatus.UNKNOWN, RejectReason.THROTTLED)
    assert report == RateReport(venue="okx", bucket="place:okx:BTC-USDT", until_ns=NOW_NS + 2_000 * MS, recv_ns=NOW_NS)
    out = session(Role.REST).answered(BUY, HttpAnswer(429, {}, b""), NOW_NS)
    assert report in out
    assert [one.reason for one in out if isinstance(one, OrderUpdate)] == [RejectReason.THROTTLED]


def test_cancel_answers() -> None:
    """Yes = there is such an order; gone = ask for its end; anything else is about the cancel only."""
    (wire,) = session(Role.TRADE).encode([CANCEL], NOW_NS)
    assert json.loads(wire.data)["args"] == [{"instIdCode": 123456, "clOrdId": ID}]
    answers = {}
    for code in ("0", "51400", "51410", "50011", "50004"):
        row = {"clOrdId": ID, "ordId": "9", "sCode": code, "sMsg": ""}
        frame = {"id": "c" + ID + "BTCUSDT", "op": "cancel-order", "data": [row], "code": "1"}
        update = told(session(Role.TRADE), frame)[0]
        answers[code] = (update.ord_status, update.reason, update.about_cancel)
    assert answers == {
        "0": (OrdStatus.NEW, None, False),
        "51400": (OrdStatus.UNKNOWN, RejectReason.UNKNOWN_ORDER, True),
        "51410": (OrdStatus.UNKNOWN, RejectReason.UNKNOWN_ORDER, True),
        "50011": (OrdStatus.UNKNOWN, RejectReason.THROTTLED, True),
        "50004": (OrdStatus.UNKNOWN, None, True),
    }


def test_a_fill_push() -> None:
    """``fillFee`` is negative when charged; ours is positive when paid."""
    update = push(
        state="partially_filled",
        accFillSz="0.5",
        fillPx="49999.5",
        fillSz="0.5",
        tradeId="71300",
        execType="T",
        fillFee="-0.0005",
        fillFeeCcy="BTC",
        fee="-0.0005",
    )
    assert (update.ord_status, update.cum_qty) == (OrdStatus.PARTIALLY_FILLED, Decimal("0.5"))
    assert (update.trade_id, update.last_px, update.last_qty) == ("71300", Decimal("49999.5"), Decimal("0.5"))
    assert (update.fee, update.fee_asset, update.maker) == (Decimal("0.0005"), "BTC", False)
    assert (update.side, update.px, update.qty) == (Side.BUY, Decimal(50000), Decimal(2))
    assert (update.exch_ns, update.recv_ns) == (1_700_000_000_001 * MS, NOW_NS)
    rebate = push(tradeId="1", fillSz="1", fillPx="1", fillFee="0.1", fillFeeCcy="USDT", execType="M")
    assert (rebate.fee, rebate.maker) == (Decimal("-0.1"), True)


def test_a_push_without_a_fee_tells_none() -> None:
    """Unknown is not zero."""
    assert push(tradeId="1", fillSz="1", fillPx="1", fillFee="").fee is None


@pytest.mark.parametrize(
    ("fields", "status", "reason"),
    [
        ({"state": "live"}, OrdStatus.NEW, None),
        ({"state": "filled", "accFillSz": "2"}, OrdStatus.FILLED, None),
        ({"state": "canceled", "ordType": "ioc"}, OrdStatus.EXPIRED, RejectReason.NO_MATCH),
        ({"state": "canceled", "ordType": "ioc", "accFillSz": "1"}, OrdStatus.EXPIRED, None),
        ({"state": "canceled", "ordType": "post_only"}, OrdStatus.EXPIRED, RejectReason.POST_ONLY),
        ({"state": "canceled", "ordType": "limit"}, OrdStatus.CANCELED, None),
        ({"state": "mmp_canceled"}, OrdStatus.EXPIRED, None),
        ({"state": "a new word"}, OrdStatus.UNKNOWN, None),
    ],
)
def test_states(fields: dict[str, str], status: OrdStatus, reason: RejectReason | None) -> None:
    """Each with its cumulative quantity, so that the order table knows what is missing."""
    update = push(**fields)
    assert (update.ord_status, update.reason) == (status, reason)
    assert update.cum_qty == Decimal(fields.get("accFillSz", "0"))
    assert update.last_qty == 0


def test_a_polled_order_tells_no_fill() -> None:
    """It repeats the last fill with the fee of all: the fills come from the fills listing."""
    row = order_row(state="filled", accFillSz="2", fillPx="5", fillSz="1", tradeId="9", fee="-3")
    (update,) = answered(QUERY, [row])
    assert (update.ord_status, update.cum_qty, update.last_qty, update.source) == (
        OrdStatus.FILLED,
        Decimal(2),
        Decimal(0),
        "poll",
    )


def test_an_order_that_okx_does_not_know() -> None:
    """51603 is evidence of absence; any other error of a query proves nothing."""
    assert answered(QUERY, [], code="51603") == [OrderAbsent(ME, BTC.id, ID, NOW_NS)]
    (nothing,) = answered(QUERY, [], code="50001", msg="busy")
    assert nothing == NoAnswer("50001 busy", status=200, recv_ns=NOW_NS)
    assert answered(QUERY, "garbage")[0].reason.startswith("unreadable")


def test_all_pages_of_a_listing_are_read() -> None:
    """A full page may go on: the next one is asked for after its last row. The listing is told once, whole."""
    rest = session(Role.REST)
    wanted = ListOpenOrders(account=ME)

    def page(rows: list[dict[str, Any]], sent_ns: int) -> HttpAnswer:
        return HttpAnswer(200, {}, json.dumps({"code": "0", "data": rows}).encode(), sent_ns, sent_ns)

    rows = [order_row(ordId=str(1000 - number), clOrdId="") for number in range(130)]
    (ask,) = rest.answered(wanted, page(rows[:100], 5), NOW_NS)
    assert ask.kind is AskKind.PAGE
    (request,) = rest.encode(ask, NOW_NS)
    assert request.url.endswith("/api/v5/trade/orders-pending?instType=SPOT&after=901")
    # a refusal of a page is repeated by the core, and does not end the listing
    assert not any(isinstance(out, Listing) for out in rest.answered(ask, HttpAnswer(429, {}, b""), NOW_NS))
    (listing,) = rest.answered(ask, page(rows[100:], 9), NOW_NS)
    assert (listing.complete, listing.sent_ns, len(listing.updates)) == (True, 5, 130)
    (ask,) = rest.answered(wanted, page(rows[:100], 5), NOW_NS)
    _, short = rest.answered(ask, NoAnswer("timed out"), NOW_NS)
    assert (short.complete, len(short.updates)) == (False, 100)


def test_listings() -> None:
    """Open orders, and the fills of an order."""
    (listing,) = answered(ListOpenOrders(account=ME, instrument=BTC.id), [order_row()])
    assert isinstance(listing, Listing)
    assert (listing.kind, listing.complete, len(listing.updates)) == ("open_orders", True, 1)
    fill = {
        "instId": "BTC-USDT",
        "tradeId": "5",
        "ordId": "77",
        "clOrdId": ID,
        "side": "sell",
        "fillPx": "10",
        "fillSz": "2",
        "execType": "M",
        "fee": "-0.01",
        "feeCcy": "USDT",
        "ts": "1700000000000",
    }
    command = ListFills(account=ME, instrument=BTC.id, since_ns=NOW_NS, order_id="77")
    (fills,) = answered(command, [fill])
    (update,) = fills.updates
    assert (fills.since_ns, update.trade_id, update.fee, update.maker) == (NOW_NS, "5", Decimal("0.01"), True)
    (request,) = session(Role.REST).encode([command], NOW_NS)
    assert request.url.endswith("/api/v5/trade/fills?instType=SPOT&instId=BTC-USDT&ordId=77&begin=1700000000000")


def test_balances_of_a_push_and_of_a_listing() -> None:
    """Free is ``availBal``, ``availEq`` in the margin modes; locked is ``frozenBal``."""
    details = [
        {"ccy": "USDT", "availBal": "5120.25", "availEq": "4000", "frozenBal": "79.75", "uTime": "1749999123457"}
    ]
    frame = {"arg": {"channel": "account"}, "data": [{"details": details}]}
    want = Balance(
        account=ME,
        asset="USDT",
        free=Decimal("5120.25"),
        locked=Decimal("79.75"),
        exch_ns=1749999123457 * MS,
        recv_ns=NOW_NS,
    )
    assert told(session(Role.PRIVATE), frame) == [want]
    assert told(session(Role.PRIVATE, trade_mode="cross"), frame)[0].free == Decimal(4000)
    (listed,) = answered(Ask(kind=AskKind.BALANCES), [{"details": details}])
    assert (listed.free, listed.snapshot) == (Decimal("5120.25"), True)
    assert told(session(Role.PRIVATE), {"arg": {"channel": "account"}, "data": []}) == []


def test_fees_by_group() -> None:
    """A charge is written as a negative rate; the instrument's group decides, else the dearest."""
    groups = [{"groupId": "1", "maker": "-0.0006", "taker": "-0.0009"}, {"groupId": "2", "maker": "0", "taker": "-0.1"}]
    row = {"feeGroup": groups, "maker": "-9", "taker": "-9"}
    assert answered(Ask(kind=AskKind.FEES, instrument=BTC.id), [row]) == [
        FeeUpdate(ME, BTC.id, Decimal("0.0006"), Decimal("0.0009"))
    ]
    assert answered(Ask(kind=AskKind.FEES, instrument=BTC.id), [{"feeGroup": groups[1:]}])[0].taker == Decimal("0.1")


def listed(rows: list[dict[str, Any]], own: list[dict[str, Any]] | None = None) -> Any:
    """The catalogue of these rows; ``own``: what the account's own list adds (None = it is refused)."""
    rest = session(Role.REST)
    body = json.dumps({"code": "0", "data": rows}).encode()
    (second,) = rest.answered(Ask(kind=AskKind.CATALOGUE), HttpAnswer(200, {}, body), NOW_NS)
    (request,) = rest.encode(second, NOW_NS)
    assert "/api/v5/account/instruments?instType=SPOT" in request.url
    body = json.dumps({"code": "50113" if own is None else "0", "data": own or []}).encode()
    return [out for out in rest.answered(second, HttpAnswer(200, {}, body), NOW_NS) if not isinstance(out, Notice)]


def test_the_account_chooses_the_currency_that_pays() -> None:
    """``tradeQuoteCcy`` is sent if the account's own list leaves a choice, or names another currency."""
    row = {"instType": "SPOT", "instId": "BTC-USD", "baseCcy": "BTC", "quoteCcy": "USD", "tickSz": "1", "lotSz": "1"}
    row |= {"minSz": "1", "state": "live"}
    for payers, want in ((["USD"], ""), (["USD", "USDC"], "USD"), (["USDC"], "USDC")):
        gone = {**row, "instId": "OLD-USD", "baseCcy": "OLD"}  # delisted: in the account's list only
        *_, last = told = listed([row], [{**row, "tradeQuoteCcyList": payers}, gone])
        assert {update.instrument.id for update in told} == {"okx:BTC-USD"}
        assert last.instrument.settle == want
        rest = OKX.session(
            LinkSpec(link="x", venue="okx", role=Role.REST, account=ME),
            Catalogue([last.instrument]),
            LocalSigner("key", "secret", "pass"),
        )
        order = NewOrder(
            account=ME, instrument="okx:BTC-USD", cl_ord_id=ID, side=Side.BUY, qty=Decimal(1), px=Decimal(1)
        )
        (request,) = rest.encode([order], NOW_NS)
        assert json.loads(request.body).get("tradeQuoteCcy", "") == want


@pytest.mark.parametrize(
    ("mode", "row", "words"),
    [
        ("cash", {}, []),
        ("cash", {"acctLv": "3"}, ["trade_mode = 'cross'"]),
        ("cross", {}, ["trade_mode = 'cash'"]),
        ("cash", {"feeType": "1"}, ["feeType 1"]),
        ("cash", {"perm": "read_only"}, ["trade permission"]),
        ("cash", {"perm": "", "acctLv": "4"}, ["trade permission", "cross"]),
    ],
)
def test_an_account_that_cannot_trade_here_is_told_what_to_change(
    mode: str, row: dict[str, str], words: list[str]
) -> None:
    """``account/config``: mode, fee type, permissions."""
    config = {"acctLv": "2", "feeType": "0", "perm": "read_only,trade", "ip": "10.0.0.1", **row}
    rest = session(Role.REST, trade_mode=mode)
    body = json.dumps({"code": "0", "data": [config]}).encode()
    (status,) = rest.answered(Ask(kind=AskKind.ACCOUNT), HttpAnswer(200, {}, body), NOW_NS)
    assert bool(status.problem) == bool(words)
    assert all(word in status.problem for word in words)
    assert status.withdraw is False


def test_a_key_that_may_withdraw_is_told() -> None:
    """``perm`` names it."""
    row = {"acctLv": "1", "feeType": "0", "perm": "read_only,withdraw,trade", "ip": "10.0.0.1"}
    body = json.dumps({"code": "0", "data": [row]}).encode()
    (status,) = session(Role.REST).answered(Ask(kind=AskKind.ACCOUNT), HttpAnswer(200, {}, body), NOW_NS)
    assert (status.withdraw, status.rights) == (True, ["read_only", "withdraw", "trade"])


def test_movability_clock_and_catalogue() -> None:
    """An asset moves if one of its chains does, and has the contract of each chain; the clock's error is half the way
    there and back."""
    chains = [
        {"ccy": "USDT", "chain": "a", "canDep": False, "canWd": False, "ctAddr": ""},
        {"ccy": "USDT", "chain": "b", "canDep": True, "canWd": False, "ctAddr": "831ec7"},
    ]
    assert answered(Ask(kind=AskKind.ASSETS), chains) == [AssetStatus("okx", "USDT", True, False, ("831ec7",))]
    stamp = str(1_700_000_000_000 + 100)
    (sample,) = answered(Ask(kind=AskKind.TIME), [{"ts": stamp}])
    assert sample == ClockSample("okx", 102 * MS + MS // 2, 2 * MS + MS // 2, NOW_NS)
    row = {
        "instType": "SPOT",
        "instId": "BTC-USDT",
        "instIdCode": 1000000000,
        "baseCcy": "BTC",
        "quoteCcy": "USDT",
        "tickSz": "0.1",
        "lotSz": "0.00000001",
        "minSz": "0.00001",
        "maxLmtSz": "9999999999",
        "groupId": "1",
        "state": "live",
        "maxMktSz": "",
    }
    (update,) = listed([row])
    assert isinstance(update, InstrumentUpdate)
    assert update.instrument == instrument(
        "okx",
        "BTC-USDT",
        "0.1",
        "0.00000001",
        min_qty=Decimal("0.00001"),
        max_qty=Decimal(9999999999),
        status="live",
        venue_ref="1000000000",
        fee_group="1",
    )
    assert not listed([{**row, "state": "suspend"}])[0].instrument.tradable


def test_what_okx_lacks_is_refused_here() -> None:
    """No link carries a cancel-all; a REST link has no socket."""
    everything = CancelAll(account=ME)
    assert OKX.route(everything) == ()
    for role in (Role.TRADE, Role.REST):
        with pytest.raises(LocalProtocolError):
            session(role).encode([everything], NOW_NS)
    with pytest.raises(LocalProtocolError):
        session(Role.REST).receive("{}", NOW_NS)


def test_a_number_no_market_has_is_a_bad_frame() -> None:
    """NaN must not reach the ledger."""
    with pytest.raises(ValueError, match="NaN"):
        push(accFillSz="NaN")


def test_the_link_pings_and_heeds_the_farewell() -> None:
    """Text ping every 20 s; notice 64008 asks for a new link."""
    link = session(Role.PRIVATE)
    link.start(NOW_NS)
    told(link, {"event": "login", "code": "0"})
    for channel in ("orders", "account"):
        told(link, {"event": "subscribe", "arg": {"channel": channel}})
    assert link.due_ns == NOW_NS + 20_000 * MS
    (ping,) = link.tick(NOW_NS + 20_000 * MS)
    assert (ping.data, ping.cost) == ("ping", 0)
    (notice,) = told(link, {"event": "notice", "code": "64008", "msg": "service upgrade", "connId": "a"})
    assert notice.going_away


def test_a_login_that_is_not_answered_ends_the_link() -> None:
    """Within ten seconds."""
    link = session(Role.PRIVATE)
    link.start(NOW_NS)
    assert link.due_ns == NOW_NS + 10_000 * MS
    with pytest.raises(RemoteProtocolError, match="not confirmed within 10 s"):
        link.tick(NOW_NS + 10_000 * MS)


@pytest.mark.parametrize(
    "frame",
    [
        {"event": "error", "code": "60031", "msg": "x"},
        {"event": "error", "code": "60032", "msg": "API key doesn't exist"},
        {"event": "error", "code": "63999", "msg": "x"},
        {"event": "channel-conn-count-error", "channel": "orders", "connCount": "30"},
    ],
)
def test_a_refused_login_ends_the_link_with_a_sentence(frame: dict[str, str]) -> None:
    """A person must act, so it is never only a notice."""
    with pytest.raises(CredentialsError, match="okx"):
        told(session(Role.PRIVATE), frame)
