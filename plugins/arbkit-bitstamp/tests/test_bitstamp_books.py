"""The public link: subscriptions, the order of pushes by their time, snapshots, trades, errors."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from arbkit_bitstamp.adapter import Bitstamp
from arbkit_bitstamp.dialect import BitstampDialect
from arbkit_okx.adapter import Okx
from arbkit_okx.dialect import OkxDialect

from arbkit.core.errors import BadFrame, RemoteProtocolError
from arbkit.core.types import (
    Ask,
    AskKind,
    BookLost,
    BookUpdate,
    Catalogue,
    Dial,
    HttpAnswer,
    Instrument,
    Level,
    LinkSpec,
    Notice,
    RateReport,
    Ready,
    Role,
    Send,
    Side,
    Trade,
    VenueSettings,
)
from arbkit.strategies.spread import SpreadArb
from arbkit.testing.simulated import simulate

S = 10**9
US = 1_772_360_430_123_456


def spot(name: str) -> Instrument:
    base, _, quote = name.partition("-")
    native = (base + quote).lower()
    return Instrument(
        venue="bitstamp", symbol=name, native=native, base=base, quote=quote, tick=Decimal(1), lot=Decimal(1)
    )


BTC, ETH = spot("BTC-USD"), spot("ETH-USD")


def opened(*instruments: Instrument, trades: tuple[Instrument, ...] = ()) -> Any:
    exchange = Bitstamp(VenueSettings())
    link = next(one for one in exchange.links(instruments, "", trades) if one.role is Role.PUBLIC)
    return exchange.session(link, Catalogue([BTC, ETH]), None)


def message(event: str, channel: str, **data: Any) -> str:
    return json.dumps({"event": event, "channel": channel, "data": data})


def push(us: int, bid: str = "100", qty: str = "1.50000000", name: str = "btcusd") -> str:
    sides = {"bids": [[bid, qty]], "asks": []}
    return message("data", f"diff_order_book_{name}", timestamp="1", microtimestamp=str(us), **sides)


def snapshot(session: Any, us: int, *bids: tuple[str, str], asks: Any = (("102", "3"),), status: int = 200) -> Any:
    body = {"timestamp": "1", "microtimestamp": str(us), "bids": bids or [("99", "2")], "asks": asks}
    ask = Ask(kind=AskKind.SNAPSHOT, instrument=BTC.id, ref="1")
    return session.answered(ask, HttpAnswer(status, {}, json.dumps(body).encode()), 5)


def test_each_channel_is_asked_for_by_its_own_short_request() -> None:
    """The answer names the channel; a request may not have 512 bytes."""
    session = opened(BTC, ETH, trades=(ETH,))
    assert session.dial(0) == Dial("wss://ws.bitstamp.net")
    sends = [out.data for out in session.start(0) if isinstance(out, Send)]
    channels = ["diff_order_book_btcusd", "diff_order_book_ethusd", "live_trades_ethusd"]
    assert [json.loads(text) for text in sends] == [
        {"event": "bts:subscribe", "data": {"channel": channel}} for channel in channels
    ]
    assert max(map(len, sends)) < 512
    out = [session.receive(message("bts:subscription_succeeded", channel), 1) for channel in channels]
    assert [len(one) for one in out] == [0, 0, 1]
    assert isinstance(out[-1][0], Ready)


def test_the_first_push_asks_for_the_book() -> None:
    """Pushes up to the snapshot are in it; the others are applied in their order."""
    session = opened(BTC)
    session.start(0)
    (ask,) = session.receive(push(US), 1)
    assert (ask.kind, ask.instrument) == (AskKind.SNAPSHOT, BTC.id)
    assert session.receive(push(US + 10, "101"), 2) == ()
    assert session.receive(push(US + 20, "101", "0.00000000"), 3) == ()
    whole, last = snapshot(session, US + 10, ("101", "7"))
    assert (whole.snapshot, whole.seq, whole.exch_ns) == (True, US + 10, 0)
    assert (last.bids, last.seq, last.exch_ns) == ([Level(101.0, 0.0)], US + 20, (US + 20) * 1000)
    (update,) = session.receive(push(US + 21), 6)
    assert (update.bids, update.snapshot) == ([Level(100.0, 1.5)], False)


def test_a_snapshot_from_before_the_first_push_came_out_of_a_cache() -> None:
    """It is asked for again; so is one that cannot be had."""
    session = opened(BTC)
    session.start(0)
    session.receive(push(US), 1)
    (again,) = snapshot(session, US - 1)
    assert (again.kind, again.ref) == (AskKind.SNAPSHOT, "2")
    assert again.not_before_ns > 5
    (third,) = snapshot(session, US, status=503)
    assert third.ref == "3"
    assert isinstance(snapshot(session, US)[0], BookUpdate)


def test_the_same_url_is_never_asked_for_twice() -> None:
    """The server in front answers it out of its cache for a second."""
    exchange = Bitstamp(VenueSettings())
    rest: Any = exchange.session(
        LinkSpec(link="bitstamp.rest", venue="bitstamp", role=Role.REST), Catalogue([BTC]), None
    )
    ask = Ask(kind=AskKind.SNAPSHOT, instrument=BTC.id, ref="1")
    urls = [rest.encode(ask, US * 1000 + n * 10**6)[0].url for n in (0, 1)]
    assert urls[0] == f"https://www.bitstamp.net/api/v2/order_book/btcusd/?_={US // 1000}"
    assert urls[0] != urls[1]


def test_old_and_repeated_pushes_change_nothing() -> None:
    session = opened(BTC)
    session.start(0)
    session.receive(push(US), 1)
    snapshot(session, US + 10)
    assert session.receive(push(US + 10), 6) == ()
    assert session.receive(push(US + 5), 6) == ()
    (update,) = session.receive(push(US + 11), 6)
    assert isinstance(update, BookUpdate)
    assert session.receive(push(US + 11), 7) == ()


def test_a_level_without_price_is_none() -> None:
    """A price of 0 was seen in a snapshot."""
    session = opened(BTC)
    session.start(0)
    session.receive(push(US), 1)
    (whole,) = snapshot(session, US, ("99", "2"), ("0.00", "5"))
    assert whole.bids == [Level(99.0, 2.0)]
    assert [type(out) for out in session.resync(BTC.id, "crossed for 2.1 s", 8)] == [BookLost, Ask]
    assert isinstance(snapshot(session, US, ("99", "2"), ("x", "5"))[0], Ask)


def test_trades_are_the_takers() -> None:
    session = opened(BTC, trades=(BTC,))
    session.start(0)
    row = {"id": 7, "microtimestamp": str(US), "amount": 0.25, "amount_str": "0.25", "price": 100.5}
    row |= {"price_str": "100.5", "timestamp": "1"}
    out = [session.receive(message("trade", "live_trades_btcusd", **row, type=kind), 9)[0] for kind in (0, 1)]
    assert out == [Trade(BTC.id, side, 100.5, 0.25, "7", US * 1000, 9) for side in (Side.BUY, Side.SELL)]


def test_a_refusal_without_a_name_is_of_the_oldest_request() -> None:
    session = opened(BTC, ETH)
    session.start(0)
    out = session.receive(message("bts:error", "", code=None, message="Invalid channel provided."), 1)
    assert [type(one) for one in out] == [Notice, BookLost]
    assert "diff_order_book btcusd refused" in out[0].text
    (ready,) = session.receive(message("bts:subscription_succeeded", "diff_order_book_ethusd"), 1)
    assert isinstance(ready, Ready)


def test_a_pair_that_is_acknowledged_and_silent_is_told() -> None:
    """As the venue does with pairs that it does not know."""
    session = opened(BTC)
    session.start(0)
    session.receive(message("bts:subscription_succeeded", "diff_order_book_btcusd"), 1)
    out = session.tick(11 * S)
    assert [type(one) for one in out if not isinstance(one, Send)] == [Notice, BookLost]
    assert len([one for one in out if isinstance(one, Send) and "subscribe" in one.data]) == 2


def test_a_server_that_will_close_is_left() -> None:
    with pytest.raises(RemoteProtocolError, match="connect again"):
        opened(BTC).receive('{"event":"bts:request_reconnect","channel":"","data":""}', 1)


@pytest.mark.parametrize("text", ["{}", "[]", "null", "x", '{"event":"","channel":""}'])
def test_what_is_no_message_is_told(text: str) -> None:
    with pytest.raises((BadFrame, ValueError)):
        opened(BTC).receive(text, 1)


def test_a_torn_push_costs_itself_only() -> None:
    """A book that is SYNCED stays so: the next push has absolute sizes."""
    session = opened(BTC)
    session.start(0)
    session.receive(push(US), 1)
    snapshot(session, US)
    for bad in (push(US + 1, "-1"), push(US + 1, "1e400"), push(US + 1, "1", "NaN"), push(US + 1)[:-9]):
        with pytest.raises(ValueError):  # noqa: PT011  # msgspec's texts
            session.receive(bad, 6)
    assert isinstance(session.receive(push(US + 2), 7)[0], BookUpdate)


@pytest.mark.parametrize(
    ("status", "body", "bucket"), [(429, b"{}", "requests"), (429, b"", "requests"), (403, b"<html>no</html>", "*")]
)
def test_a_throttled_snapshot_closes_the_budget(status: int, body: bytes, bucket: str) -> None:
    """For a minute, the calls of the account, or all if a firewall answers; the book is asked for again."""
    session = opened(BTC)
    session.start(0)
    session.receive(push(US), 1)
    ask = Ask(kind=AskKind.SNAPSHOT, instrument=BTC.id, ref="1")
    report, again = session.answered(ask, HttpAnswer(status, {}, body), 5)
    assert report == RateReport(venue="bitstamp", bucket=bucket, until_ns=5 + 60 * S, recv_ns=5)
    assert again.kind is AskKind.SNAPSHOT


def test_the_desk_prices_the_doubt() -> None:
    """Nothing shows a lost push, so its books count as two seconds older than they are; those of OKX do not."""
    pair = {Bitstamp: BitstampDialect, Okx: OkxDialect}
    run = simulate(SpreadArb(symbols=("BTC-USDT",)), pair, seed=3)
    assert [run.desk.view.doubt_ns(venue) for venue in ("bitstamp", "okx")] == [2 * S, 0]
