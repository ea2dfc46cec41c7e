"""Kraken's account: REST calls, the stream of executions, order entry, and what each answer proves."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import pytest
from arbkit_kraken import tables
from arbkit_kraken.adapter import Kraken

from arbkit.core.errors import CredentialsError, LocalProtocolError, RemoteProtocolError
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
    Send,
    Side,
    Tif,
    VenueSettings,
)
from arbkit.core.venues.signer import LocalSigner

NOW_NS = 1_780_000_000_000_000_000  # 2026-05-28T20:26:40Z
S = 10**9
ME = "kraken:main"
OURS = "a0000001z141z421"
AT = "2026-05-28T20:26:40.123456Z"
AT_NS = NOW_NS + 123_456_000


def pair(base: str, quote: str, ref: str, tick: str = "0.1") -> Instrument:
    return Instrument(
        venue="kraken",
        symbol=f"{base}-{quote}",
        native=f"{base}/{quote}",
        base=base,
        quote=quote,
        tick=Decimal(tick),
        lot=Decimal("0.00000001"),
        venue_ref=ref,
    )


BTC, ETH, DOGE = pair("BTC", "USD", "XXBTZUSD"), pair("ETH", "BTC", "XETHXXBT"), pair("DOGE", "USDT", "XDGUSDT")
KNOWN = [BTC, ETH, DOGE]
BUY = NewOrder(
    account=ME,
    instrument=BTC.id,
    cl_ord_id=OURS,
    side=Side.BUY,
    qty=Decimal("0.00000001"),
    px=Decimal("61000.1"),
    tif=Tif.IOC,
)
CANCEL = CancelOrder(account=ME, instrument=BTC.id, cl_ord_id=OURS)
QUERY = QueryOrder(account=ME, instrument=BTC.id, cl_ord_id=OURS)
OPEN = ListOpenOrders(account=ME)
FILLS = ListFills(account=ME, instrument=BTC.id, since_ns=NOW_NS)


def session(role: Role, catalogue: Catalogue | None = None) -> Any:
    link = LinkSpec(link=f"kraken.main.{role.value}", venue="kraken", role=role, account=ME)
    return Kraken(VenueSettings()).session(link, catalogue or Catalogue(KNOWN), LocalSigner("k", "c2VjcmV0"))


def form(made: Any) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(made.body.decode()).items() if name != "nonce"}


def reply(result: Any, *errors: str) -> HttpAnswer:
    return HttpAnswer(200, {}, json.dumps({"error": list(errors), "result": result}).encode(), NOW_NS, NOW_NS)


def rest(what: Any, result: Any, *errors: str) -> list[Any]:
    return list(session(Role.REST).answered(what, reply(result, *errors), NOW_NS))


def token(private: Any) -> list[Any]:
    (asked,) = private.start(NOW_NS)
    assert asked.kind is AskKind.TOKEN
    return list(private.answered(asked, reply({"token": "t0ken", "expires": 900}), NOW_NS))


def said(send: Any) -> dict[str, Any]:
    """The token is in it, so its text is hidden."""
    assert "t0ken" not in repr(send)
    whole: dict[str, Any] = json.loads(send.data.reveal())
    return whole


def ready(role: Role) -> Any:
    """A session that is subscribed."""
    private = session(role)
    (request,) = [said(send) for send in token(private)]
    result = {"channel": request["params"]["channel"]}
    answer = {"method": "subscribe", "req_id": 0, "success": True, "result": result}
    assert private.receive(json.dumps(answer), NOW_NS) == (Ready(f"kraken.main.{role.value}", NOW_NS),)
    return private


def push(private: Any, sequence: int, *rows: dict[str, Any], kind: str = "update") -> list[Any]:
    frame = {"channel": "executions", "type": kind, "sequence": sequence, "data": rows}
    return list(private.receive(json.dumps(frame), NOW_NS))


FIRST = {
    "order_id": "O1",
    "cl_ord_id": OURS,
    "symbol": "BTC/USD",
    "side": "buy",
    "order_qty": 0.5,
    "limit_price": 61000.1,
    "time_in_force": "IOC",
    "exec_type": "pending_new",
    "order_status": "pending_new",
    "timestamp": AT,
}


def later(kind: str, status: str, **more: Any) -> dict[str, Any]:
    return {"order_id": "O1", "exec_type": kind, "order_status": status, "timestamp": AT, **more}


# --- names ---


@pytest.mark.parametrize(
    ("native", "names"),
    [
        ("BTC/USD", ("XBTUSD", "XXBTZUSD")),
        ("ETH/BTC", ("ETHXBT", "XETHXXBT")),
        ("DOGE/USDT", ("XDGUSDT", "XXDGUSDT")),
        ("SOL/EUR", ("SOLEUR", "SOLZEUR")),
    ],
)
def test_the_three_names_of_a_pair(native: str, names: tuple[str, str]) -> None:
    assert tables.pair_names(native) == names


def test_assets_have_one_name() -> None:
    names = {"XXBT": "BTC", "XBT": "BTC", "XXDG": "DOGE", "ZUSD": "USD", "XETH": "ETH", "SOL": "SOL", "USDT": "USDT"}
    assert {name: tables.asset(name) for name in names} == names


ROW = {
    "wsname": "XBT/USD",
    "aclass_base": "currency",
    "lot_decimals": 8,
    "ordermin": "0.00005",
    "costmin": "0.5",
    "tick_size": "0.1",
    "status": "online",
}


def test_the_catalogue_leaves_odd_rows_out() -> None:
    """Dark pools, the US route of a pair, tokenised stocks, pairs without a socket, and rows that make no sense."""
    rows = {
        "XXBTZUSD": ROW,
        "XDGUSD": ROW | {"wsname": "XDG/USD", "status": "limit_only"},
        "HALTED": ROW | {"wsname": "HLT/USD", "status": "cancel_only"},
        "XXBTZUSD.d": ROW,
        "XBTUSD:BTNL": ROW | {"wsname": "XBT/USD:BTNL"},
        "AAPLxUSD": ROW | {"wsname": "AAPLx/USD", "aclass_base": "tokenized_asset"},
        "OLD": {**ROW, "wsname": None},
        "ODD1": ROW | {"wsname": "ODD/USD", "tick_size": "0,1"},
        "ODD2": ROW | {"wsname": "ODD/USD", "lot_decimals": "many"},
        "ODD3": ROW | {"wsname": "ODD/USD", "ordermin": "NaN"},
        "NEG": ROW | {"wsname": "NEG/USD", "ordermin": "-1"},
    }
    found = [out.instrument for out in rest(Ask(kind=AskKind.CATALOGUE), rows) if isinstance(out, InstrumentUpdate)]
    assert [(one.symbol, one.native, one.venue_ref, one.tradable) for one in found] == [
        ("BTC-USD", "BTC/USD", "XXBTZUSD", True),
        ("DOGE-USD", "DOGE/USD", "XDGUSD", True),
        ("HLT-USD", "HLT/USD", "HALTED", False),
        ("NEG-USD", "NEG/USD", "NEG", False),
    ]
    one = found[0]
    assert (one.tick, one.lot, one.min_qty, one.min_notional) == tuple(
        map(Decimal, ("0.1", "0.00000001", "0.00005", "0.5"))
    )
    assert one.fee_in_quote


# --- REST ---


def test_an_order_over_rest() -> None:
    """By the REST id of the pair, with a plain number and the fee in the quote asset; the deadline is the window's."""
    (made,) = session(Role.REST).encode([BUY], NOW_NS)
    assert made.url == "https://api.kraken.com/0/private/AddOrder"
    assert form(made) == {
        "pair": "XXBTZUSD",
        "type": "buy",
        "ordertype": "limit",
        "volume": "0.00000001",
        "price": "61000.1",
        "timeinforce": "IOC",
        "oflags": "fciq",
        "cl_ord_id": OURS,
        "deadline": "2026-05-28T20:26:45.000Z",
    }


def test_the_deadline_is_the_orders_or_the_nearest_that_kraken_takes() -> None:
    """By the venue's clock: two seconds over REST, half a second over WebSocket, at most the window."""
    private = session(Role.REST)
    signer = LocalSigner("k", "c2VjcmV0")
    signer.offset_ns = 60 * S
    for ahead_ns, expected in ((3 * S, "27:43.000"), (S, "27:42.000"), (600 * S, "27:45.000")):
        order = NewOrder(
            account=ME,
            instrument=BTC.id,
            cl_ord_id=OURS,
            side=Side.SELL,
            qty=Decimal(1),
            px=Decimal(1),
            deadline_ns=NOW_NS + ahead_ns,
        )
        private._context._signer = signer
        (made,) = private.encode([order], NOW_NS)
        assert form(made)["deadline"] == f"2026-05-28T20:{expected}Z"


def test_the_answer_to_an_order() -> None:
    (update,) = rest(BUY, {"descr": {"order": "buy"}, "txid": ["O1"]})
    assert (update.ord_status, update.order_id, update.cl_ord_id) == (OrdStatus.NEW, "O1", OURS)


@pytest.mark.parametrize(
    ("errors", "status", "reason"),
    [
        (("EOrder:Insufficient funds (insufficient user funds)",), OrdStatus.REJECTED, RejectReason.INSUFFICIENT_FUNDS),
        (("WGeneral:Careful", "EOrder:Cost minimum not met"), OrdStatus.REJECTED, RejectReason.MIN_NOTIONAL),
        (("EGeneral:Invalid arguments:volume",), OrdStatus.REJECTED, RejectReason.BAD_QTY),
        (("EGeneral:Invalid arguments:deadline",), OrdStatus.REJECTED, RejectReason.OTHER),
        (("EGeneral:Invalid arguments:cl_ord_id not unique",), OrdStatus.UNKNOWN, RejectReason.DUPLICATE),
        (("EAPI:Rate limit exceeded",), OrdStatus.UNKNOWN, RejectReason.THROTTLED),
        (("EService: Throttled: 1780000060",), OrdStatus.UNKNOWN, RejectReason.THROTTLED),
        (("EService:Unavailable",), OrdStatus.UNKNOWN, None),
        (("EService:Deadline elapsed",), OrdStatus.UNKNOWN, None),
        (("WGeneral:Careful",), OrdStatus.UNKNOWN, None),
        (("ENew:Never seen",), OrdStatus.UNKNOWN, None),
    ],
)
def test_what_an_error_proves_about_an_order(
    errors: tuple[str, ...], status: OrdStatus, reason: RejectReason | None
) -> None:
    """Only a documented refusal ends it; a text may go on after the part that counts."""
    update = next(out for out in rest(BUY, {}, *errors) if isinstance(out, OrderUpdate))
    assert (update.ord_status, update.reason) == (status, reason)


def test_throttles_say_until_when() -> None:
    """A throttle closes the call's bucket; its own time counts; a lockout closes all for 15 minutes."""
    reports = [out for out in rest(OPEN, {}, "EService: Throttled: 1780000060") if isinstance(out, RateReport)]
    assert ("calls", NOW_NS + 60 * S) in [(one.bucket, one.until_ns) for one in reports]
    reports = [out for out in rest(OPEN, {}, "EGeneral:Temporary lockout") if isinstance(out, RateReport)]
    assert ("*", NOW_NS + 900 * S) in [(one.bucket, one.until_ns) for one in reports]


def test_a_full_counter_is_told_as_full() -> None:
    """It may hold what an earlier process used, of which this one knows nothing."""
    reports = [out for out in rest(OPEN, {}, "EAPI:Rate limit exceeded") if isinstance(out, RateReport)]
    assert ("calls", 20) in [(one.bucket, one.used) for one in reports]


def test_a_cancel_over_rest() -> None:
    (made,) = session(Role.REST).encode([CANCEL], NOW_NS)
    assert form(made) == {"cl_ord_id": OURS}
    assert rest(CANCEL, {"count": 1})[0].ord_status is OrdStatus.NEW
    for gone in (rest(CANCEL, {"count": 0}), rest(CANCEL, {}, "EOrder:Unknown order")):
        assert (gone[0].about_cancel, gone[0].reason) == (True, RejectReason.UNKNOWN_ORDER)


LISTED = {
    "status": "open",
    "cl_ord_id": OURS,
    "opentm": 1780000000.12345,
    "descr": {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "61000.1"},
    "vol": "0.50000000",
    "vol_exec": "0.00000000",
}


def test_a_query_by_our_id_looks_at_open_and_then_at_closed_orders() -> None:
    """Absent only when neither has it. Rows of other orders are not taken for it."""
    private = session(Role.REST)
    (made,) = private.encode([QUERY], NOW_NS)
    assert (made.url.rpartition("/")[2], form(made)) == ("OpenOrders", {"cl_ord_id": OURS})
    other = {"O9": LISTED | {"cl_ord_id": "someone"}}
    (asked,) = private.answered(QUERY, reply({"open": other}), NOW_NS)
    assert (asked.kind, asked.ref) == (AskKind.ORDER, OURS)
    (made,) = private.encode(asked, NOW_NS)
    assert (made.url.rpartition("/")[2], form(made)) == ("ClosedOrders", {"cl_ord_id": OURS})
    absent = OrderAbsent(ME, BTC.id, OURS, NOW_NS)
    assert list(private.answered(asked, reply({"closed": other, "count": 1}), NOW_NS)) == [absent]
    closed = LISTED | {"status": "canceled", "vol_exec": "0.2", "closetm": 1780000001.5, "reason": "User requested"}
    (found,) = private.answered(asked, reply({"closed": {"O1": closed}}), NOW_NS)
    assert (found.ord_status, found.cum_qty, found.order_id, found.source) == (
        OrdStatus.CANCELED,
        Decimal("0.2"),
        "O1",
        "poll",
    )
    assert found.exch_ns == NOW_NS + 1_500_000_000


def test_a_query_by_krakens_id_finds_any_state() -> None:
    private = session(Role.REST)
    what = QueryOrder(account=ME, instrument=BTC.id, cl_ord_id=OURS, order_id="O1")
    (made,) = private.encode([what], NOW_NS)
    assert (made.url.rpartition("/")[2], form(made)) == ("QueryOrders", {"txid": "O1"})
    (found,) = private.answered(what, reply({"O1": LISTED | {"status": "closed", "vol_exec": "0.5"}}), NOW_NS)
    assert (found.ord_status, found.side, found.px) == (OrdStatus.FILLED, Side.BUY, Decimal("61000.1"))
    (nothing,) = private.answered(what, reply({}, "EOrder:Unknown order"), NOW_NS)
    assert isinstance(nothing, NoAnswer)


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ({"status": "pending"}, OrdStatus.NEW),
        ({"vol_exec": "0.1"}, OrdStatus.PARTIALLY_FILLED),
        ({"status": "closed", "vol_exec": "0.5"}, OrdStatus.FILLED),
        ({"status": "closed", "vol_exec": "0.1"}, OrdStatus.EXPIRED),
        ({"status": "canceled"}, OrdStatus.CANCELED),
        ({"status": "expired"}, OrdStatus.EXPIRED),
        ({"status": "tomorrow"}, OrdStatus.UNKNOWN),
    ],
)
def test_states_of_listed_orders(row: dict[str, Any], status: OrdStatus) -> None:
    (listing,) = rest(OPEN, {"open": {"O1": LISTED | row}})
    assert isinstance(listing, Listing)
    assert [(one.ord_status, one.instrument) for one in listing.updates] == [(status, BTC.id)]


def test_open_orders_of_one_instrument_and_of_others() -> None:
    """Kraken lists all pairs at once; orders of somebody else have no id of ours."""
    eth = LISTED | {"descr": {"pair": "ETHXBT", "type": "sell", "price": "0.05"}, "cl_ord_id": None}
    rows = {"O1": LISTED, "O2": eth, "O3": LISTED | {"descr": {"pair": "UNKNOWN", "type": "buy", "price": "1"}}}
    (every,) = rest(OPEN, {"open": rows})
    assert [(one.instrument, one.cl_ord_id) for one in every.updates] == [
        (BTC.id, OURS),
        (ETH.id, ""),
        ("kraken:UNKNOWN", OURS),
    ]
    (some,) = rest(ListOpenOrders(account=ME, instrument=ETH.id), {"open": rows})
    assert [one.order_id for one in some.updates] == ["O2", "O3"]
    assert every.complete
    assert some.complete


def trade(number: int, name: str = "XXBTZUSD") -> dict[str, Any]:
    row = {"ordertxid": "O1", "pair": name, "time": 1780000000.25, "type": "buy", "price": "61000.10000"}
    return row | {"fee": "12.2", "vol": "0.1", "maker": False, "trade_id": number}


def test_fills_of_all_pages() -> None:
    """50 a page, by offset; each fill alone; the fee in the quote asset; those of other pairs are left out."""
    private = session(Role.REST)
    (made,) = private.encode([FILLS], NOW_NS)
    assert form(made) == {"consolidate_taker": "false", "without_count": "true", "start": "1779999999"}
    first = {f"T{number}": trade(number) for number in range(50)}
    (asked,) = private.answered(FILLS, reply({"trades": first}), NOW_NS)
    (made,) = private.encode(asked, NOW_NS)
    assert form(made)["ofs"] == "50"
    rest_of_it = {"T50": trade(50), "T51": trade(51, "XETHXXBT"), "T52": trade(52, "SOMETHING")}
    (listing,) = private.answered(asked, reply({"trades": rest_of_it}), NOW_NS)
    assert listing.complete
    assert [one.trade_id for one in listing.updates] == [*first, "T50", "T52"]
    fill = listing.updates[0]
    assert (fill.last_px, fill.last_qty, fill.fee, fill.fee_asset) == (
        Decimal("61000.1"),
        Decimal("0.1"),
        Decimal("12.2"),
        "USD",
    )
    assert (fill.order_id, fill.side, fill.maker, fill.exch_ns) == ("O1", Side.BUY, False, NOW_NS + 250_000_000)


def test_a_missing_page_makes_the_listing_incomplete() -> None:
    private = session(Role.REST)
    (asked,) = private.answered(FILLS, reply({"trades": {f"T{n}": trade(n) for n in range(50)}}), NOW_NS)
    out = private.answered(asked, reply({}, "EGeneral:Internal error"), NOW_NS)
    assert [one.complete for one in out if isinstance(one, Listing)] == [False]


def test_balances() -> None:
    """Held amounts are locked; earning and tokenised balances are left out."""
    rows = {
        "XXBT": {"balance": "1.5", "hold_trade": "0.5"},
        "ZUSD": {"balance": "100.0", "credit": "50", "credit_used": "20", "hold_trade": "30"},
        "SOL.F": {"balance": "9", "hold_trade": "0"},
    }
    found = [out for out in rest(Ask(kind=AskKind.BALANCES), rows) if isinstance(out, Balance)]
    assert [(one.asset, one.free, one.locked, one.snapshot) for one in found] == [
        ("BTC", Decimal("1.0"), Decimal("0.5"), True),
        ("USD", Decimal(100), Decimal(30), True),
    ]


def test_own_fees_are_percent() -> None:
    """A pair without maker rates has one rate for both."""
    what = Ask(kind=AskKind.FEES, instrument=BTC.id)
    (made,) = session(Role.REST).encode(what, NOW_NS)
    assert form(made) == {"pair": "XXBTZUSD"}
    both = {"fees": {"XXBTZUSD": {"fee": "0.8000"}}, "fees_maker": {"XXBTZUSD": {"fee": "0.4000"}}}
    assert rest(what, both) == [FeeUpdate(ME, BTC.id, Decimal("0.004"), Decimal("0.008"))]
    assert rest(what, {"fees": {"XBTUSD": {"fee": "0.2"}}, "fees_maker": None}) == [
        FeeUpdate(ME, BTC.id, Decimal("0.002"), Decimal("0.002"))
    ]
    assert rest(what, {"fees": None}) == []


def test_the_key_must_have_its_permissions() -> None:
    """What it lacks is named; it is told whether the key may withdraw."""
    every = ["query-funds", "query-open-trades", "query-closed-trades", "modify-trades", "create-ws-token"]
    what = Ask(kind=AskKind.ACCOUNT)
    good = AccountStatus(ME, withdraw=False, rights=every)
    assert rest(what, {"permissions": every, "ipAllowlist": ["1.2.3.4"]}) == [good]
    (status,) = rest(what, {"permissions": [*every[:-2], "withdraw-funds"], "ipAllowlist": []})
    assert "Create & modify orders, WebSocket interface" in status.problem
    assert (len(status.warnings), status.withdraw) == (1, True)


def test_assets_and_time() -> None:
    rows = {"XXBT": {"status": "enabled"}, "SOL": {"status": "deposit_only"}, "ZUSD": {"status": "withdrawal_only"}}
    assert rest(Ask(kind=AskKind.ASSETS), rows | {"XXDG": {"status": "funding_temporarily_disabled"}}) == [
        AssetStatus("kraken", "BTC", True, True),
        AssetStatus("kraken", "SOL", True, False),
        AssetStatus("kraken", "USD", False, True),
        AssetStatus("kraken", "DOGE", False, False),
    ]
    (sample,) = rest(Ask(kind=AskKind.TIME), {"unixtime": NOW_NS // S, "rfc1123": ""})
    assert isinstance(sample, ClockSample)
    assert abs(sample.offset_ns) <= sample.error_ns <= S // 2 + 1


@pytest.mark.parametrize("body", [b"", b"<html>error code: 1015</html>", b"[]", b'{"result":{}}'])
def test_what_is_not_krakens_json_proves_nothing(body: bytes) -> None:
    out = session(Role.REST).answered(BUY, HttpAnswer(200, {}, body), NOW_NS)
    assert [one.ord_status for one in out if isinstance(one, OrderUpdate)] == [OrdStatus.UNKNOWN]


# --- the private stream ---


def test_the_stream_is_subscribed_with_a_token() -> None:
    private = session(Role.PRIVATE)
    (request,) = [said(send) for send in token(private)]
    assert request["params"] == {"channel": "executions", "snap_orders": True, "token": "t0ken"}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply({}, "EAPI:Invalid key"), CredentialsError),
        (reply({}, "EGeneral:Permission denied"), CredentialsError),
        (reply({}, "EAPI:Rate limit exceeded"), RemoteProtocolError),
        (HttpAnswer(502, {}, b"<html>"), RemoteProtocolError),
        (NoAnswer("timed out"), RemoteProtocolError),
    ],
)
def test_no_token(answer: Any, error: type[Exception]) -> None:
    """A refused key is told; anything else is tried again by a new connection."""
    private = session(Role.PRIVATE)
    (asked,) = private.start(NOW_NS)
    with pytest.raises(error):
        private.answered(asked, answer, NOW_NS)


def test_a_token_that_ended_ends_the_link() -> None:
    private = session(Role.PRIVATE)
    token(private)
    with pytest.raises(RemoteProtocolError, match="Invalid session"):
        private.receive('{"method":"subscribe","success":false,"error":"ESession:Invalid session"}', NOW_NS)


def test_reports_after_the_first_leave_out_what_stays_the_same() -> None:
    """The order's id, pair and side come once; fills have their own fee."""
    private = ready(Role.PRIVATE)
    (first,) = push(private, 1, FIRST)
    assert (first.ord_status, first.cl_ord_id, first.instrument) == (OrdStatus.NEW, OURS, BTC.id)
    (new,) = push(private, 2, later("new", "new"))
    assert (new.ord_status, new.cl_ord_id, new.side, new.qty) == (OrdStatus.NEW, OURS, Side.BUY, Decimal("0.5"))
    made = {"exec_id": "T1", "last_qty": 0.2, "last_price": 61000.0, "liquidity_ind": "t", "cum_qty": 0.2}
    (fill,) = push(
        private,
        3,
        later("trade", "partially_filled", fees=[{"asset": "USD", "qty": 12.2}, {"asset": "X", "qty": 1}], **made),
    )
    assert (fill.trade_id, fill.last_px, fill.last_qty, fill.maker) == ("T1", Decimal(61000), Decimal("0.2"), False)
    assert (fill.fee, fill.fee_asset, fill.extra_fees) == (Decimal("12.2"), "USD", [("X", Decimal(1))])
    assert fill.exch_ns == AT_NS
    (end,) = push(private, 4, later("canceled", "canceled", cum_qty=0.2))
    assert (end.ord_status, end.cum_qty, end.last_qty, end.trade_id) == (
        OrdStatus.EXPIRED,
        Decimal("0.2"),
        Decimal(0),
        "",
    )
    (unknown,) = push(private, 5, later("new", "new"))
    assert isinstance(unknown, Notice)


@pytest.mark.parametrize(
    ("first", "why", "status", "reason"),
    [
        ({"time_in_force": "IOC"}, "", OrdStatus.EXPIRED, RejectReason.NO_MATCH),
        ({"time_in_force": "GTC"}, "User requested", OrdStatus.CANCELED, None),
        ({"time_in_force": "IOC"}, "User requested", OrdStatus.CANCELED, None),
        ({"time_in_force": "GTC"}, "", OrdStatus.CANCELED, None),
        ({"time_in_force": "GTC"}, "Self trade prevention", OrdStatus.EXPIRED, RejectReason.NO_MATCH),
        ({"time_in_force": "GTC", "post_only": True}, "Post only order", OrdStatus.EXPIRED, RejectReason.POST_ONLY),
    ],
)
def test_who_ended_an_order(first: dict[str, Any], why: str, status: OrdStatus, reason: RejectReason | None) -> None:
    private = ready(Role.PRIVATE)
    push(private, 1, FIRST | first)
    (end,) = push(private, 2, later("canceled", "canceled", cum_qty=0, **({"reason": why} if why else {})))
    assert (end.ord_status, end.reason, end.text) == (status, reason, why)


def test_a_missing_message_ends_the_link() -> None:
    """A new one begins with a snapshot, whose number may be any."""
    private = ready(Role.PRIVATE)
    push(private, 7, FIRST, kind="snapshot")
    push(private, 8, later("new", "new"))
    with pytest.raises(RemoteProtocolError, match="sequence 10 after 8"):
        push(private, 10, later("new", "new"))


# --- order entry ---


def test_order_entry_keeps_a_subscription_of_its_own() -> None:
    """Its token and its connection live as long as that; what it says is not read."""
    trade_link = session(Role.TRADE)
    (request,) = [said(send) for send in token(trade_link)]
    assert request["params"] == {"channel": "balances", "snapshot": False, "token": "t0ken"}
    row = {"channel": "balances", "type": "update", "sequence": 1, "data": [{"asset": "BTC", "balance": 1}]}
    assert trade_link.receive(json.dumps(row), NOW_NS) == ()


def test_no_order_without_a_token() -> None:
    trade_link = session(Role.TRADE)
    trade_link.start(NOW_NS)
    with pytest.raises(LocalProtocolError):
        trade_link.encode([BUY], NOW_NS)


def test_orders_have_exact_numbers() -> None:
    (send,) = ready(Role.TRADE).encode([BUY], NOW_NS)
    assert isinstance(send, Send)
    assert '"order_qty":0.00000001,"limit_price":61000.1' in send.data.reveal()  # type: ignore[union-attr]  # a Secret
    whole = said(send)
    del whole["params"]["order_qty"]
    assert whole == {
        "method": "add_order",
        "params": {
            "order_type": "limit",
            "side": "buy",
            "symbol": "BTC/USD",
            "limit_price": 61000.1,
            "time_in_force": "ioc",
            "cl_ord_id": OURS,
            "fee_preference": "quote",
            "deadline": "2026-05-28T20:26:45.000Z",
            "token": "t0ken",
        },
        "req_id": 1,
    }


def answer(trade_link: Any, number: int, method: str = "add_order", **more: Any) -> list[Any]:
    whole = {"method": method, "req_id": number, "time_out": AT, **more}
    return list(trade_link.receive(json.dumps(whole), NOW_NS))


def test_answers_find_their_order_by_the_requests_number() -> None:
    trade_link = ready(Role.TRADE)
    other = NewOrder(
        account=ME, instrument=ETH.id, cl_ord_id="a2", side=Side.SELL, qty=Decimal(1), px=Decimal(1), post_only=True
    )
    numbers = [said(send)["req_id"] for send in trade_link.encode([BUY, other, CANCEL], NOW_NS)]
    (refused,) = answer(trade_link, numbers[1], success=False, error="EOrder:Post only order")
    assert (refused.instrument, refused.cl_ord_id, refused.ord_status, refused.reason) == (
        ETH.id,
        "a2",
        OrdStatus.REJECTED,
        RejectReason.POST_ONLY,
    )
    (taken,) = answer(trade_link, numbers[0], success=True, result={"order_id": "O1", "cl_ord_id": OURS})
    assert (taken.instrument, taken.ord_status, taken.order_id, taken.exch_ns) == (BTC.id, OrdStatus.NEW, "O1", AT_NS)
    (gone,) = answer(trade_link, numbers[2], "cancel_order", success=False, error="EOrder:Unknown order")
    assert (gone.about_cancel, gone.reason, gone.cl_ord_id) == (True, RejectReason.UNKNOWN_ORDER, OURS)
    (again,) = answer(trade_link, numbers[0], success=True, result={"order_id": "O1"})
    assert isinstance(again, Notice)


def test_success_without_an_order_proves_nothing() -> None:
    trade_link = ready(Role.TRADE)
    trade_link.encode([BUY], NOW_NS)
    (update,) = answer(trade_link, 1, success=True)
    assert update.ord_status is OrdStatus.UNKNOWN


def test_a_throttle_closes_the_pairs_counter() -> None:
    """The order may exist all the same."""
    trade_link = ready(Role.TRADE)
    trade_link.encode([BUY], NOW_NS)
    update, report = answer(trade_link, 1, success=False, error="EOrder:Rate limit exceeded")
    assert (update.ord_status, update.reason) == (OrdStatus.UNKNOWN, RejectReason.THROTTLED)
    assert (report.bucket, report.until_ns) == (f"trading:{BTC.id}", NOW_NS + 5 * S)


def test_a_session_that_ended_refuses_the_order_and_is_replaced() -> None:
    trade_link = ready(Role.TRADE)
    trade_link.encode([BUY], NOW_NS)
    update, notice = answer(trade_link, 1, success=False, error="ESession:Invalid session")
    assert (update.ord_status, update.reason) == (OrdStatus.REJECTED, RejectReason.OTHER)
    assert notice.going_away


def test_a_cancel_by_either_id() -> None:
    trade_link = ready(Role.TRADE)
    by_theirs = CancelOrder(account=ME, instrument=BTC.id, cl_ord_id=OURS, order_id="O1")
    params = [said(send)["params"] for send in trade_link.encode([CANCEL, by_theirs], NOW_NS)]
    assert [{k: v for k, v in one.items() if k != "token"} for one in params] == [
        {"cl_ord_id": [OURS]},
        {"order_id": ["O1"]},
    ]


def test_unexpected_rows_of_an_unknown_pair_keep_the_name_that_was_asked_for() -> None:
    """The catalogue lacks a pair after a delisting: its orders can still be asked for."""
    private = session(Role.REST, Catalogue())
    assert len(private.encode([QUERY], NOW_NS)) == 1
    (found,) = private.answered(QUERY, reply({"open": {"O1": LISTED}}), NOW_NS)
    assert found.instrument == BTC.id
