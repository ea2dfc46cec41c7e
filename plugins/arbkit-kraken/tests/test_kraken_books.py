"""Kraken's public socket: books and their checksum, trades, rules, the state of the venue, the clock."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from zlib import crc32

import pytest
from arbkit_kraken.adapter import Kraken

from arbkit.core.errors import BadFrame
from arbkit.core.market.books import Books
from arbkit.core.types import (
    AssetStatus,
    BookLost,
    BookState,
    BookUpdate,
    Catalogue,
    ClockSample,
    Instrument,
    InstrumentUpdate,
    LinkSpec,
    Notice,
    Ready,
    Role,
    Send,
    Side,
    Trade,
    VenueSettings,
)

NOW_NS = 1_780_000_000_000_000_000
GUIDE_ASKS = "45285.2/0.00100000 45286.4/1.54571953 45286.6/1.54571109 45289.6/1.54560911 45290.2/0.15890660"
GUIDE_ASKS += " 45291.8/1.54553491 45294.7/0.04454749 45296.1/0.35380000 45297.5/0.09945542 45299.5/0.18772827"
GUIDE_BIDS = "45283.5/0.10000000 45283.4/1.54582015 45282.1/0.10000000 45281.0/0.10000000 45280.3/1.54592586"
GUIDE_BIDS += " 45279.0/0.07990000 45277.6/0.03310103 45277.5/0.30000000 45277.3/1.54602737 45276.6/0.15445238"
GUIDE_SUM = 3310070434
"""The levels and the result of https://docs.kraken.com/api/docs/guides/spot-ws-book-v2."""

Levels = Sequence[tuple[str, str]]


def pair(native: str, tick: str = "0.1", lot: str = "0.00000001") -> Instrument:
    base, _, quote = native.partition("/")
    return Instrument(
        venue="kraken",
        symbol=f"{base}-{quote}",
        native=native,
        base=base,
        quote=quote,
        tick=Decimal(tick),
        lot=Decimal(lot),
        venue_ref=base + quote,
    )


BTC, ETH = pair("BTC/USD"), pair("ETH/USD", "0.01")


class Feed:
    """A public session that began, and the books that come out of it."""

    def __init__(self, *instruments: Instrument, **options: str) -> None:
        many = instruments or (BTC, ETH)
        link = LinkSpec(
            link="kraken.public.0",
            venue="kraken",
            role=Role.PUBLIC,
            instruments=[one.id for one in many],
            trades=[many[0].id],
        )
        self.session: Any = Kraken(VenueSettings(options=options)).session(link, Catalogue(many), None)
        self.books = Books()
        self.sent = [json.loads(send.data) for send in self.session.start(NOW_NS)]

    def get(self, data: str | dict[str, Any], now_ns: int = NOW_NS) -> list[Any]:
        text = data if isinstance(data, str) else json.dumps(data)
        out = list(self.session.receive(text, now_ns))
        for one in out:
            if isinstance(one, BookUpdate):
                self.books.apply(one)
            elif isinstance(one, BookLost):
                self.books.lose(one.instrument, one.reason)
        return out

    def book(self, kind: str, bids: Levels = (), asks: Levels = (), *, of: Instrument = BTC, total: Any = None) -> Any:
        total = plain_sum(bids, asks) if total is None else total
        return self.get(frame(kind, bids, asks, total, of.native))

    def confirm(self) -> list[Any]:
        answers = []
        for request in self.sent:
            params = request["params"]
            for symbol in params.get("symbol", [""]):
                result = {"channel": params["channel"], "symbol": symbol}
                answer = {"method": "subscribe", "req_id": request["req_id"], "success": True, "result": result}
                answers += self.get(answer)
        return answers


def levels(text: str) -> Levels:
    return [(px, qty) for px, _, qty in (word.partition("/") for word in text.split())]


def plain_sum(bids: Levels, asks: Levels) -> int:
    words = [word for side in (asks[:10], bids[:10]) for level in side for word in level]
    return crc32("".join(word.replace(".", "").lstrip("0") for word in words).encode())


def frame(kind: str, bids: Levels, asks: Levels, total: Any, symbol: str) -> str:
    """Numbers digit by digit."""
    sides = {
        name: "[" + ",".join(f'{{"price":{px},"qty":{qty}}}' for px, qty in side) + "]"
        for name, side in (("bids", bids), ("asks", asks))
    }
    more = f',"checksum":{total}' if total != "" else ""
    row = f'{{"symbol":"{symbol}","bids":{sides["bids"]},"asks":{sides["asks"]}{more},"timestamp":"{AT}"}}'
    return f'{{"channel":"book","type":"{kind}","data":[{row}]}}'


AT = "2026-05-28T20:26:40.123456Z"


def test_the_guides_example_has_the_guides_checksum() -> None:
    """Numbers with all their zeros: the text counts, not the value."""
    feed = Feed()
    (update,) = feed.book("snapshot", levels(GUIDE_BIDS), levels(GUIDE_ASKS), total=GUIDE_SUM)
    assert (update.snapshot, update.depth, update.exch_ns) == (True, 10, 1_780_000_000_123_456_000)
    assert feed.books.by_id[BTC.id].best_bid() == (45283.5, 0.1)
    assert feed.books.by_id[BTC.id].best_ask() == (45285.2, 0.001)


def test_zeros_that_were_cut_off_are_put_back() -> None:
    """As in the samples of the documentation: the instrument's steps say how many there are."""
    feed = Feed()
    cut = [[(px, qty.rstrip("0")) for px, qty in levels(side)] for side in (GUIDE_BIDS, GUIDE_ASKS)]
    (update,) = feed.book("snapshot", *cut, total=GUIDE_SUM)
    assert isinstance(update, BookUpdate)


def test_small_numbers_may_have_an_exponent() -> None:
    feed = Feed()
    (update,) = feed.book("snapshot", [("45283.5", "5e-05")], [], total=crc32(b"4528355000"))
    assert update.bids[0].qty == 0.00005


def test_a_wrong_checksum_loses_one_book_and_asks_for_that_one_again() -> None:
    """The other books of the socket stay."""
    feed = Feed()
    feed.book("snapshot", [("10.0", "1.00000000")], [("11.0", "1.00000000")])
    feed.book("snapshot", [("20.00", "1.00000000")], [("21.00", "1.00000000")], of=ETH)
    lost, *sends = feed.book("update", [("10.0", "2.00000000")], total=1)
    assert isinstance(lost, BookLost)
    assert "checksum" in lost.reason
    asked = [json.loads(send.data) for send in sends]
    assert [(one["method"], one["params"]["symbol"]) for one in asked] == [
        ("unsubscribe", ["BTC/USD"]),
        ("subscribe", ["BTC/USD"]),
    ]
    assert feed.books.by_id[BTC.id].state is BookState.LOST
    assert feed.books.by_id[ETH.id].state is BookState.SYNCED
    assert feed.book("update", [("10.0", "3.00000000")], total=1) == []
    feed.book("snapshot", [("12.0", "1.00000000")], [("13.0", "1.00000000")])
    assert feed.books.by_id[BTC.id].best_bid() == (12.0, 1.0)


def test_levels_outside_of_the_depth_are_dropped() -> None:
    """Kraken does not delete what a better level pushed out; when that goes, another level comes in its place."""
    feed = Feed()
    bids = [(f"{100 - n}.0", "1.00000000") for n in range(10)]
    feed.book("snapshot", bids)
    better = [("100.5", "1.00000000"), *bids[:9]]
    (update,) = feed.book("update", [better[0]], total=plain_sum(better, []))
    assert [(level.px, level.qty) for level in update.bids] == [(100.5, 1.0), (91.0, 0.0)]
    worse = [*bids[:9], ("90.0", "7.00000000")]
    feed.book("update", [("100.5", "0"), ("90.0", "7.00000000")], total=plain_sum(worse, []))
    assert feed.books.by_id[BTC.id].bids.top(20) == [(float(px), float(qty)) for px, qty in worse]


def test_one_price_may_come_twice_in_an_update() -> None:
    """The last one counts; a delete of a level that is not there is nothing."""
    feed = Feed()
    feed.book("snapshot", [("10.0", "1.00000000")])
    feed.book(
        "update",
        [("10.0", "2.00000000"), ("9.0", "0"), ("10.0", "3.00000000")],
        total=plain_sum([("10.0", "3.00000000")], []),
    )
    assert feed.books.by_id[BTC.id].best_bid() == (10.0, 3.0)


def test_a_frame_without_checksum_loses_the_book() -> None:
    feed = Feed()
    feed.book("snapshot", [("10.0", "1.00000000")])
    assert isinstance(feed.book("update", [("10.0", "2.00000000")], total="")[0], BookLost)


def test_each_stream_is_subscribed_by_a_request_of_its_own() -> None:
    """Books with the depth that is wanted, trades without the past, rules without the whole list; then ready."""
    feed = Feed(depth="25")
    params = [request["params"] for request in feed.sent]
    assert params == [
        {"channel": "book", "snapshot": True, "symbol": ["BTC/USD"], "depth": 25},
        {"channel": "book", "snapshot": True, "symbol": ["ETH/USD"], "depth": 25},
        {"channel": "trade", "snapshot": False, "symbol": ["BTC/USD"]},
        {"channel": "instrument", "snapshot": False},
    ]
    assert feed.confirm() == [Ready("kraken.public.0", NOW_NS)]


def test_a_refused_pair_costs_that_pair_only() -> None:
    """It is told and asked for again later; the link becomes ready with the others."""
    feed = Feed()
    refused = {"method": "subscribe", "req_id": 1, "success": False, "error": "Currency pair not supported BTC/USD"}
    notice, lost = feed.get(refused | {"symbol": "BTC/USD"})
    assert (type(notice), lost.instrument) == (Notice, BTC.id)
    feed.sent = feed.sent[1:]
    assert feed.confirm() == [Ready("kraken.public.0", NOW_NS)]
    sends = [out for out in feed.session.tick(NOW_NS + 2 * 10**9) if isinstance(out, Send)]
    assert json.loads(sends[0].data)["params"]["symbol"] == ["BTC/USD"]


def test_trades() -> None:
    feed = Feed()
    row = {"symbol": "BTC/USD", "side": "sell", "price": 5117.5, "qty": 0.25, "ord_type": "limit", "trade_id": 77}
    rows = [row | {"timestamp": AT}, row | {"symbol": "ETH/USD", "trade_id": 78, "side": "buy", "timestamp": AT}]
    assert feed.get({"channel": "trade", "type": "update", "data": rows}) == [
        Trade(BTC.id, Side.SELL, 5117.5, 0.25, "77", 1_780_000_000_123_456_000, NOW_NS),
        Trade(ETH.id, Side.BUY, 5117.5, 0.25, "78", 1_780_000_000_123_456_000, NOW_NS),
    ]


def test_changed_rules_and_assets_are_told() -> None:
    """A halted pair is not tradable from now on, also while it is held; the REST id stays. Unknown pairs are left
    out."""
    feed = Feed()
    row = {"symbol": "BTC/USD", "base": "BTC", "quote": "USD", "status": "cancel_only", "qty_min": 0.0001}
    row |= {"qty_increment": 1e-08, "price_increment": 0.5, "cost_min": 0.5}
    other = row | {"symbol": "NEW/USD", "base": "NEW"}
    assets = [{"id": "BTC", "status": "depositonly"}, {"id": "ETH", "status": "enabled"}]
    data = {"pairs": [row, other], "assets": assets}
    update, *states = feed.get({"channel": "instrument", "type": "update", "data": data})
    assert isinstance(update, InstrumentUpdate)
    one = update.instrument
    assert (one.id, one.tradable, one.status, one.venue_ref) == (BTC.id, False, "cancel_only", "BTCUSD")
    assert (one.tick, one.lot, one.min_qty) == (Decimal("0.5"), Decimal("0.00000001"), Decimal("0.0001"))
    assert states == [AssetStatus("kraken", "BTC", True, False), AssetStatus("kraken", "ETH", True, True)]


@pytest.mark.parametrize("state", ["maintenance", "cancel_only", "post_only"])
def test_maintenance_is_told(state: str) -> None:
    """The usual "online" of each new connection is not."""
    feed = Feed()
    rows = [{"system": state, "api_version": "v2", "connection_id": 2**63, "version": "2.0.10"}]
    (notice,) = feed.get({"channel": "status", "type": "update", "data": rows})
    assert state in notice.text
    assert feed.get({"channel": "status", "type": "update", "data": [{"system": "online"}]}) == []
    assert feed.get({"channel": "heartbeat"}) == []


def test_a_pong_measures_the_clock() -> None:
    """The number of the ping is when it was sent; Kraken answers with its own time, in microseconds."""
    feed = Feed()
    sent_ns = NOW_NS + 5 * 10**9
    (ping,) = [out for out in feed.session.tick(sent_ns) if isinstance(out, Send)]
    request = json.loads(ping.data)
    assert request["method"] == "ping"
    pong = {"method": "pong", "req_id": request["req_id"], "time_in": "2026-05-28T20:26:45.210000Z"}
    (sample,) = feed.get(pong, sent_ns + 20_000_000)
    assert isinstance(sample, ClockSample)
    assert sample.offset_ns == pytest.approx(200_000_000, abs=1_000)
    assert sample.error_ns == pytest.approx(10_000_000, abs=1_000)


@pytest.mark.parametrize(
    "data",
    [
        "[]",
        "{}",
        '[0,{"as":[]},"book-10","XBT/USD"]',
        '{"channel":"book","type":"snapshot","data":[]}',
        '{"channel":"book","type":"snapshot","data":{}}',
        frame("snapshot", [("-1", "1")], [], 0, "BTC/USD"),
        frame("snapshot", [("1e400", "1")], [], 0, "BTC/USD"),
        frame("snapshot", [("null", "1")], [], 0, "BTC/USD"),
        frame("merge", [("1", "1")], [], 0, "BTC/USD"),
    ],
)
def test_garbage_is_a_bad_frame(data: str) -> None:
    """It changes no book."""
    feed = Feed()
    with pytest.raises((BadFrame, ValueError)):
        feed.get(data)
    assert not [book for book in feed.books.by_id.values() if book.state is BookState.SYNCED]
