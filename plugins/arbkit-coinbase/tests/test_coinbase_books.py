"""The public link: subscriptions, the numbers of messages, aliases, trades, errors."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from arbkit_coinbase.adapter import Coinbase

from arbkit.core.errors import BadFrame, RemoteProtocolError
from arbkit.core.types import (
    BookLost,
    BookUpdate,
    Catalogue,
    Dial,
    Instrument,
    Notice,
    Ready,
    Role,
    Send,
    Side,
    Trade,
    VenueSettings,
)

MS = 1_000_000
S = 1_000 * MS
AT = "2026-03-01T10:20:30.123456Z"
AT_NS = 1_772_360_430_123_456_000


def spot(native: str, alias: str = "") -> Instrument:
    base, _, quote = native.partition("-")
    step = Decimal("0.01")
    return Instrument(
        venue="coinbase", symbol=native, native=native, base=base, quote=quote, tick=step, lot=step, venue_ref=alias
    )


BTC, ETH, BTC_USDC = spot("BTC-USD"), spot("ETH-USD"), spot("BTC-USDC", "BTC-USD")


def opened(*instruments: Instrument, trades: tuple[Instrument, ...] = ()) -> Any:
    exchange = Coinbase(VenueSettings())
    link = next(one for one in exchange.links(instruments, "", trades) if one.role is Role.PUBLIC)
    return exchange.session(link, Catalogue([BTC, ETH, BTC_USDC]), None)


def asked(outputs: Any) -> list[dict[str, Any]]:
    return [json.loads(out.data) for out in outputs if isinstance(out, Send)]


def message(number: int, channel: str, *events: dict[str, Any], **more: Any) -> str:
    return json.dumps({"channel": channel, "timestamp": AT, "sequence_num": number, "events": list(events), **more})


def level2(number: int, kind: str = "update", product: str = "BTC-USD", **more: Any) -> str:
    """A message that bids 1 at 100 and offers nothing at 102 any more."""
    rows = [("bid", "100.01", "1.5"), ("offer", "102", "0.00000000" if kind == "update" else "2")]
    updates = [
        {"side": side, "event_time": more.get("at", AT), "price_level": px, "new_quantity": qty}
        for side, px, qty in rows
    ]
    return message(number, "l2_data", {"type": kind, "product_id": product, "updates": updates})


def test_subscriptions_have_one_channel_each_and_the_link_is_ready_when_all_are_listed() -> None:
    """The confirmation has no number: it lists what is subscribed."""
    session = opened(BTC, ETH, trades=(ETH,))
    assert session.dial(0) == Dial("wss://advanced-trade-ws.coinbase.com", most=16 << 20)  # books of any depth
    assert asked(session.start(0)) == [
        {"type": "subscribe", "channel": "level2", "product_ids": ["BTC-USD", "ETH-USD"]},
        {"type": "subscribe", "channel": "market_trades", "product_ids": ["ETH-USD"]},
        {"type": "subscribe", "channel": "heartbeats"},
    ]
    listed: dict[str, Any] = {"market_trades": ["ETH-USD"]}
    assert session.receive(message(0, "subscriptions", {"subscriptions": listed}), 1) == []
    listed["level2"] = ["ETH-USD", "BTC-USD"]
    assert session.receive(message(1, "subscriptions", {"subscriptions": listed}), 2) == []
    listed["heartbeats"] = ["heartbeats"]
    said = session.receive(message(2, "subscriptions", {"subscriptions": listed}), 3)
    assert said == [Ready("coinbase.public.0", 3)]


def test_a_snapshot_and_a_change() -> None:
    """Bids and offers, size 0 deletes, the time of the engine; a snapshot may have none, so the message's counts."""
    session = opened(BTC)
    (first,) = session.receive(level2(7, "snapshot", at="1970-01-01T00:00:00Z"), 5)
    assert (first.instrument, first.snapshot, first.exch_ns, first.recv_ns) == (BTC.id, True, AT_NS, 5)
    assert [(level.px, level.qty) for level in (*first.bids, *first.asks)] == [(100.01, 1.5), (102.0, 2.0)]
    (change,) = session.receive(level2(8, at="2026-03-01T10:20:30.1Z"), 6)
    assert (change.snapshot, change.seq, change.exch_ns) == (False, 8, AT_NS - 23_456_000)
    assert [(level.px, level.qty) for level in change.asks] == [(102.0, 0.0)]


def test_the_messages_of_all_channels_are_counted_together() -> None:
    """Heartbeats too, with a counter that is a text or a number; other channels and fields are ignored."""
    session = opened(BTC)
    session.receive(level2(0, "snapshot"), 1)
    beats = [{"current_time": AT, "heartbeat_counter": counter} for counter in ("3049", 3050)]
    assert session.receive(message(1, "heartbeats", beats[0], client_id=""), 2) == []
    assert session.receive(message(2, "heartbeats", beats[1]), 3) == []
    assert session.receive(message(3, "candles", {"type": "snapshot", "candles": [{"start": "1"}]}), 3) == []
    assert [type(out) for out in session.receive(level2(4), 4)] == [BookUpdate]


def test_a_gap_loses_every_book_of_the_connection_by_one_request() -> None:
    """Of whatever book the missing message was. All are asked for again, and healed by their snapshots."""
    session = opened(BTC, ETH)
    for number, product in enumerate(("BTC-USD", "ETH-USD")):
        session.receive(level2(number, "snapshot", product), 1)
    out = session.receive(message(3, "heartbeats"), 2)
    assert [one.instrument for one in out if isinstance(one, BookLost)] == [BTC.id, ETH.id]
    assert "message 3 follows 1" in next(one.reason for one in out if isinstance(one, BookLost))
    products = ["BTC-USD", "ETH-USD"]
    assert asked(out) == [
        {"type": op, "channel": "level2", "product_ids": products} for op in ("unsubscribe", "subscribe")
    ]
    assert session.receive(level2(4), 3) == []
    (healed,) = session.receive(level2(5, "snapshot"), 4)
    assert healed.snapshot
    assert session.receive(level2(6, product="ETH-USD"), 5) == []


def test_a_repeated_message_changes_nothing_and_a_late_one_loses_the_books() -> None:
    """A late one is not applied: what it would have said may be in none of the later snapshots."""
    session = opened(BTC)
    session.receive(level2(4, "snapshot"), 1)
    session.receive(level2(5), 2)
    assert not session.receive(level2(5), 3)
    out = session.receive(level2(3, "snapshot"), 4)
    assert [type(one) for one in out] == [BookLost, Send, Send]
    assert session.receive(level2(6), 5) == []


def test_a_message_that_cannot_be_read_is_missing() -> None:
    """An unknown side or type, NaN, a torn text: the next message shows the gap."""
    for bad in (level2(1).replace('"bid"', '"buy"'), level2(1).replace('"100.01"', '"NaN"'), level2(1)[:-9]):
        session = opened(BTC)
        session.receive(level2(0, "snapshot"), 1)
        with pytest.raises(ValueError):  # noqa: PT011 - of several kinds
            session.receive(bad, 2)
        assert BookLost in [type(out) for out in session.receive(level2(2), 3)]
    session = opened(BTC)
    with pytest.raises(BadFrame, match="unknown type 'delta'"):
        session.receive(level2(0, "delta"), 1)


def test_a_usdc_pair_has_the_book_of_its_usd_pair() -> None:
    """One subscription under the name that messages carry; both instruments get each change, and their confirmation."""
    session = opened(BTC, BTC_USDC, trades=(BTC_USDC,))
    assert asked(session.start(0))[0]["product_ids"] == ["BTC-USD"]
    out = session.receive(level2(0, "snapshot"), 1)
    assert [one.instrument for one in out] == [BTC.id, BTC_USDC.id]
    listed = {"level2": ["BTC-USD"], "market_trades": ["BTC-USD"], "heartbeats": ["heartbeats"]}
    assert session.receive(message(1, "subscriptions", {"subscriptions": listed}), 2) == [Ready("coinbase.public.0", 2)]
    row = {"trade_id": "7", "product_id": "BTC-USD", "price": "100", "size": "1", "side": "SELL", "time": AT}
    (trade,) = session.receive(message(2, "market_trades", {"type": "update", "trades": [row]}), 3)
    assert trade.instrument == BTC_USDC.id


def test_trades_name_the_side_of_the_maker() -> None:
    """The taker's is the other one. What the snapshot repeats was before the subscription."""
    session = opened(trades=(ETH,))
    rows = [
        {"trade_id": "995", "product_id": "ETH-USD", "price": "2500.5", "size": "0.25", "side": side, "time": AT}
        for side in ("BUY", "SELL")
    ]
    assert session.receive(message(0, "market_trades", {"type": "snapshot", "trades": rows}), 1) == []
    at_ns = AT_NS // MS * MS
    assert session.receive(message(1, "market_trades", {"type": "update", "trades": rows}), 2) == [
        Trade(ETH.id, Side.SELL, 2500.5, 0.25, "995", at_ns, 2),
        Trade(ETH.id, Side.BUY, 2500.5, 0.25, "995", at_ns, 2),
    ]


def test_an_error_is_the_answer_to_the_oldest_request() -> None:
    """Its products are asked for one by one; one that is refused alone is told and lost."""
    session = opened(BTC, ETH)
    session.start(0)
    error = json.dumps({"type": "error", "message": "no such product"})
    assert asked(session.receive(error, 1)) == [
        {"type": "subscribe", "channel": "level2", "product_ids": [name]} for name in ("BTC-USD", "ETH-USD")
    ]
    session.receive(message(0, "subscriptions", {"subscriptions": {"heartbeats": ["heartbeats"]}}), 2)
    told = session.receive(error, 2)
    assert [type(out) for out in told] == [Notice, BookLost]
    assert "no such product" in told[0].text


def test_too_many_books_on_a_connection_ends_it_with_what_it_means() -> None:
    """The same set would be refused again: it is no error of the key."""
    session = opened(BTC)
    error = {"type": "error", "message": "too many L2 streams requested in a single session"}
    with pytest.raises(RemoteProtocolError, match="fewer than 16 books on a connection"):
        session.receive(json.dumps(error), 1)


def test_sixteen_books_a_connection_and_messages_within_the_limit() -> None:
    """30 are accepted by the venue; 8 messages a second may be sent by one address."""
    exchange = Coinbase(VenueSettings())
    many = [spot(f"C{number}-USD") for number in range(40)]
    links = [link for link in exchange.links(many, "", many) if link.role is Role.PUBLIC]
    assert [len(link.instruments) for link in links] == [16, 16, 8]
    catalogue = Catalogue(many)
    for link in links:
        assert link.send_limit is not None
        sent = asked(exchange.session(link, catalogue, None).start(0))
        assert len(sent) == 3 <= link.send_limit.limit
    dials = next(limit for limit in exchange.rate_limits if limit.bucket == "connections")
    assert dials.limit * 4 <= 8


def test_frames_of_coinbase_exchange_mean_nothing() -> None:
    """The institutional feed has other messages: they are read, and change no book."""
    session = opened(BTC)
    for frame in (
        {"type": "snapshot", "product_id": "BTC-USD", "bids": [["1", "2"]], "asks": []},
        {"type": "l2update", "product_id": "BTC-USD", "changes": [["buy", "1", "2"]], "time": AT},
        {"type": "subscriptions", "channels": [{"name": "level2", "product_ids": ["BTC-USD"]}]},
    ):
        assert session.receive(json.dumps(frame), 1) == ()
