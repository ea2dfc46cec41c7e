"""Binary frames and the books that they make: the decoder, joins, gaps, answers that name topics, bad rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from arbkit_mexc import rows, sockets
from arbkit_mexc.adapter import Mexc
from arbkit_mexc.dialect import MexcDialect
from arbkit_mexc.dialect_pack import pack
from arbkit_okx.adapter import Okx
from arbkit_okx.dialect import OkxDialect

import arbkit.venue as kit
from arbkit.core.venues.signer import LocalSigner
from arbkit.strategies import SpreadArb
from arbkit.testing.simulated import differences, simulate

NOW = 1_750_000_000_000_000_000
DEPTH = "spot@public.aggre.depth.v3.api.pb@100ms"
DEALS = "spot@public.aggre.deals.v3.api.pb@100ms"
BTC = "mexc:BTC-USDT"
WORKED = bytes.fromhex(
    "0a2f73706f74407075626c69632e61676772652e64657074682e76332e6170692e7062403130306d7340425443555344541a0742544355534454"
    "30a8e3eef58833ca136c0a0e0a093131373134352e343912013012170a093131373035332e3431120a312e38363833373237311a2773706f7440"
    "7075626c69632e61676772652e64657074682e76332e6170692e7062403130306d73220b34333239363336333233362a0b343332393633363332"
    "3535"
)
"""Bytes by the published field numbers, written by another program."""


def info(**more: Any) -> dict[str, Any]:
    """A row of exchangeInfo."""
    row = {
        "symbol": "BTCUSDT",
        "status": "1",
        "baseAsset": "BTC",
        "quoteAsset": "USDT",
        "baseAssetPrecision": 6,
        "quotePrecision": 2,
        "baseSizePrecision": "0.000005",
        "quoteAmountPrecision": "1",
        "maxQuoteAmount": "2000000",
        "isSpotTradingAllowed": True,
        "permissions": ["SPOT"],
        "tradeSideType": "1",
    }
    return row | more


def catalogue(*found: dict[str, Any]) -> list[kit.Instrument]:
    session = Mexc(kit.VenueSettings()).session(kit.rest_link("mexc"), kit.Catalogue(), None)
    body = json.dumps({"symbols": list(found)}).encode()
    ask = kit.Ask(kind=kit.AskKind.CATALOGUE)
    said = session.answered(ask, kit.HttpAnswer(200, {}, body, NOW, NOW), NOW)
    return [one.instrument for one in said if isinstance(one, kit.InstrumentUpdate)]


class Socket:
    """A public session of one pair."""

    def __init__(self) -> None:
        (one,) = catalogue(info())
        link = kit.LinkSpec(link="x", venue="mexc", role=kit.Role.PUBLIC, instruments=[BTC], trades=[BTC])
        self.session: Any = Mexc(kit.VenueSettings()).session(link, kit.Catalogue([one]), None)
        self.sent = [json.loads(out.data) for out in self.session.start(NOW) if isinstance(out, kit.Send)]

    def hear(self, data: str | bytes) -> list[Any]:
        return list(self.session.receive(data, NOW))

    def depth(self, first: int, last: int, bids: Any = (), asks: Any = ()) -> list[Any]:
        body = {
            "asks": [{"price": px, "quantity": qty} for px, qty in asks],
            "bids": [{"price": px, "quantity": qty} for px, qty in bids],
            "fromVersion": str(first),
            "toVersion": str(last),
        }
        frame = {"channel": f"{DEPTH}@BTCUSDT", "symbol": "BTCUSDT", "sendTime": 7, "publicAggreDepths": body}
        return self.hear(pack(json.dumps(frame).encode()))

    def whole(self, last: int, status: int = 200) -> list[Any]:
        body = json.dumps({"lastUpdateId": last, "bids": [["99", "1"]], "asks": [["101", "2"]]}).encode()
        ask = kit.Ask(kind=kit.AskKind.SNAPSHOT, instrument=BTC)
        return list(self.session.answered(ask, kit.HttpAnswer(status, {}, body, NOW, NOW), NOW))


# --- the decoder ---


def test_a_frame_written_by_another_program() -> None:
    frame = rows.push(WORKED)
    found = rows.depths(frame)
    assert (frame.channel, frame.symbol, frame.sendTime) == (f"{DEPTH}@BTCUSDT", "BTCUSDT", 1754741322152)
    assert (found.first, found.last, found.exch_ns) == (43296363236, 43296363255, 1754741322152 * kit.MS)
    assert ([(one.px, one.qty) for one in found.asks]) == [(117145.49, 0.0)]
    assert ([(one.px, one.qty) for one in found.bids]) == [(117053.41, 1.86837271)]


def test_the_dialects_frame_is_the_same_to_the_byte() -> None:
    """Two programs that share no module read and write the same bytes."""
    body = {
        "asks": [{"price": "117145.49", "quantity": "0"}],
        "bids": [{"price": "117053.41", "quantity": "1.86837271"}],
        "eventType": DEPTH,
        "fromVersion": "43296363236",
        "toVersion": "43296363255",
    }
    head = {"channel": f"{DEPTH}@BTCUSDT", "symbol": "BTCUSDT", "sendTime": 1754741322152}
    assert pack(json.dumps({**head, "publicAggreDepths": body}).encode()) == WORKED


def test_a_field_that_the_schema_lacks_is_skipped() -> None:
    """The venue adds fields without notice: here one of each wire type, in the message and before it."""
    strange = bytes([0xF8, 0x3F, 0x96, 0x01]) + bytes([0xF9, 0x3F]) + bytes(8) + bytes([0xFD, 0x3F]) + bytes(4)
    strange += bytes([0xFA, 0x3F, 2]) + b"ab"
    assert rows.depths(rows.push(strange + WORKED + strange)) == rows.depths(rows.push(WORKED))


@pytest.mark.parametrize(
    ("data", "value"), [(b"\x30\x00", 0), (b"\x30\xac\x02", 300), (b"\x30" + b"\xff" * 9 + b"\x01", -1)]
)
def test_numbers(data: bytes, value: int) -> None:
    assert rows.push(data).sendTime == value


@pytest.mark.parametrize(
    "data",
    [
        b"\x0a",
        b"\x0a\x05ab",
        b"\x30",
        b"\x30\xff",
        b"\x30" + b"\xff" * 11,
        b"\x0b",
        b"\x08\x01",
        b"\x32\x00",
        b"\x31\x00",
        b"\x0a\x02\xff\xfe",
        b'{"id":1}',
    ],
)
def test_what_is_no_such_message_is_a_bad_frame(data: bytes) -> None:
    """Cut off, an endless number, a group, a field of another wire type, a text that is not UTF-8, and JSON."""
    with pytest.raises(kit.BadFrame):
        Socket().hear(data)


def bent(random: Random) -> Iterator[bytes]:
    for _ in range(2_000):
        data = bytearray(WORKED)
        for _ in range(random.randint(1, 4)):
            kind, at = random.randrange(3), random.randrange(len(data))
            if kind == 0:
                data[at] = random.randrange(256)
            elif kind == 1:
                del data[at:]
                data += bytes(random.randrange(256) for _ in range(random.randrange(8)))
            else:
                data[at:at] = bytes(random.randrange(256) for _ in range(random.randrange(12)))
        yield bytes(data)


def test_bent_frames_raise_only_what_counts_as_unreadable() -> None:
    """And no level that comes of one is absurd."""
    fine, socket = 0, Socket()
    for data in bent(Random(20261130)):
        try:
            said = socket.hear(data)
        except (kit.BadFrame, ValueError, KeyError):
            continue
        fine += 1
        for out in said:
            if isinstance(out, kit.BookUpdate):
                assert all(0 < level.px < 1e12 and 0 <= level.qty < 1e15 for level in [*out.bids, *out.asks])
    assert fine > 100


@pytest.mark.parametrize("px", ["NaN", "Infinity", "-1", "0", "1e400", "", "1_0", "x"])
def test_an_absurd_price_is_a_bad_frame(px: str) -> None:
    socket = Socket()
    with pytest.raises(ValueError, match=r".+"):
        socket.depth(1, 2, asks=[(px, "1")])


# --- books ---


def test_changes_wait_for_the_snapshot_and_must_follow() -> None:
    """Numbers overlap at the seam; after it each change begins at the last number + 1."""
    socket = Socket()
    (asked,) = socket.depth(11, 12, bids=[("98", "3")])
    assert (asked.kind, asked.instrument) == (kit.AskKind.SNAPSHOT, BTC)
    assert socket.depth(13, 15, bids=[("99", "0")]) == []
    book, one, two = socket.whole(11)
    assert (book.snapshot, book.seq, one.seq, two.seq) == (True, 11, 12, 15)
    (more,) = socket.depth(16, 16, asks=[("100", "1")])
    assert (more.seq, more.exch_ns) == (16, 7 * kit.MS)
    lost, asked = socket.depth(18, 19)
    assert isinstance(lost, kit.BookLost)
    assert asked.kind is kit.AskKind.SNAPSHOT


def test_a_snapshot_that_is_too_old_or_refused_is_asked_for_again() -> None:
    """Later: the REST side lags."""
    socket = Socket()
    socket.depth(11, 12)
    *_, again = socket.whole(5)
    assert again.not_before_ns > NOW
    *_, third = socket.whole(0, status=500)
    assert third.not_before_ns > again.not_before_ns
    report, *_ = socket.whole(0, status=429)
    assert (report.bucket, report.until_ns > NOW) == ("*", True)


def test_prints_have_the_takers_side() -> None:
    deals = [{"price": "100.5", "quantity": "2", "tradeType": 2, "time": 9, "tradeId": "t1"}]
    frame = {"channel": f"{DEALS}@BTCUSDT", "symbol": "BTCUSDT", "publicAggreDeals": {"deals": deals}}
    assert Socket().hear(pack(json.dumps(frame).encode())) == [
        kit.Trade(BTC, kit.Side.SELL, 100.5, 2.0, "t1", 9 * kit.MS, NOW)
    ]


# --- answers ---


def test_an_answer_counts_for_the_topics_that_it_names() -> None:
    """Code 0 and the number stand in failures too. The link is ready when each topic is confirmed or refused."""
    socket = Socket()
    (asked,) = socket.sent
    assert asked == {"id": 1, "method": "SUBSCRIPTION", "params": [f"{DEPTH}@BTCUSDT", f"{DEALS}@BTCUSDT"]}
    assert socket.hear(json.dumps({"id": 1, "code": 0, "msg": f"{DEPTH}@BTCUSDT"})) == []
    said = socket.hear(
        json.dumps({"id": 0, "code": 0, "msg": f"Not Subscribed successfully! [{DEALS}@BTCUSDT]. Reason: Blocked!"})
    )
    assert [type(one) for one in said] == [kit.Notice, kit.Ready]
    assert "Blocked" in said[0].text


def test_an_answer_without_number_confirms_by_topic() -> None:
    socket = Socket()
    said = socket.hear(json.dumps({"id": 0, "code": 0, "msg": f"{DEPTH}@BTCUSDT,{DEALS}@BTCUSDT"}))
    assert [type(one) for one in said] == [kit.Ready]


def test_an_answer_to_unsubscribing_confirms_nothing() -> None:
    socket = Socket()
    assert socket.hear(json.dumps({"id": 9, "code": 0, "msg": f"{DEPTH}@BTCUSDT,{DEALS}@BTCUSDT"})) == []


def test_requests_stay_within_the_limits() -> None:
    """30 topics on a connection, and 1,024 bytes in a request."""
    adapter = Mexc(kit.VenueSettings())
    many = catalogue(*(info(symbol=f"COIN{n}USDT", baseAsset=f"COIN{n}") for n in range(40)))
    for link in adapter.links(many, "", many):
        if link.role is kit.Role.PUBLIC:
            session = adapter.session(link, kit.Catalogue(many), None)
            sends = [out for out in session.start(NOW) if isinstance(out, kit.Send)]
            assert sum(len(json.loads(send.data)["params"]) for send in sends) <= 30
            assert all(len(send.data) <= 1024 for send in sends)


# --- pairs ---


def test_a_pair_has_the_rules_of_its_row() -> None:
    (one,) = catalogue(info())
    found = (one.symbol, str(one.tick), str(one.lot), str(one.min_qty), one.max_qty)
    assert found == ("BTC-USDT", "0.01", "0.000001", "0.000005", None)
    assert (str(one.min_notional), str(one.max_notional), one.tradable) == ("1", "2000000", True)


@pytest.mark.parametrize(
    "more",
    [
        {"status": "2"},
        {"status": "3"},
        {"status": "ENABLED"},
        {"isSpotTradingAllowed": False},
        {"tradeSideType": "2"},
        {"tradeSideType": 4},
        {"permissions": ["MARGIN"]},
        {"quotePrecision": -2},
        {"quotePrecision": 400},
        {"baseSizePrecision": "-1"},
    ],
)
def test_an_odd_pair_is_listed_and_not_tradable(more: dict[str, Any]) -> None:
    """Paused, offline, an unknown state, closed to API keys, one side only, absurd steps."""
    (one,) = catalogue(info(**more))
    assert not one.tradable


@pytest.mark.parametrize(
    "more",
    [{"baseAsset": ""}, {"baseAssetPrecision": "x"}, {"symbol": None}, {"baseSizePrecision": "x"}, {"status": [1]}],
)
def test_a_row_that_cannot_be_read_leaves_the_others(more: dict[str, Any]) -> None:
    found = catalogue(info(**more), info(symbol="ETHUSDT", baseAsset="ETH"))
    assert [one.native for one in found] == ["ETHUSDT"]


# --- the listen key ---


def private() -> Any:
    link = kit.LinkSpec(link="x", venue="mexc", role=kit.Role.PRIVATE, account="mexc:main")
    return Mexc(kit.VenueSettings()).session(link, kit.Catalogue(catalogue(info())), LocalSigner("k", "s"))


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, b'{"code":10072,"msg":"Api key info invalid"}', kit.CredentialsError),
        (400, b'{"code":700007,"msg":"No permission"}', kit.CredentialsError),
        (400, b'{"code":730708,"msg":"gone"}', kit.RemoteProtocolError),
        (429, b'{"code":429,"msg":"Too many"}', kit.RemoteProtocolError),
        (503, b"<html>maintenance</html>", kit.RemoteProtocolError),
        (200, b'{"listenKey":"a&b"}', kit.RemoteProtocolError),
        (200, b"{}", kit.RemoteProtocolError),
    ],
)
def test_without_a_listen_key_the_link_ends(status: int, body: bytes, error: type[Exception]) -> None:
    """For good if the key is refused, else it is dialled again."""
    session = private()
    asked = session.dial(NOW)
    with pytest.raises(error):
        session.answered(asked, kit.HttpAnswer(status, {}, body, NOW, NOW), NOW)


def test_the_listen_key_is_in_the_address_and_shown_nowhere() -> None:
    session = private()
    session.answered(session.dial(NOW), kit.HttpAnswer(200, {}, b'{"listenKey":"abc123"}', NOW, NOW), NOW)
    dial = session.dial(NOW)
    assert dial.url.reveal() == "wss://wbs-api.mexc.com/ws?listenKey=abc123"
    assert "abc123" not in repr(dial)


def test_a_listen_key_that_dies_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The venue forgets all keys while the stream lives. The link ends, a new key makes the next one, and the account
    trades again; the ledgers are equal in the end. Before that the key was renewed."""
    monkeypatch.setattr(sockets, "RENEW_NS", 2 * kit.S)
    told: list[str] = []
    run = simulate(
        SpreadArb(symbols=("BTC-USDT",)),
        {Mexc: MexcDialect, Okx: OkxDialect},
        seed=3,
        log=lambda event, **fields: told.append(event) if "mexc.main.private" in str(fields) else None,
    )
    run.run_for(3)
    venue: Any = run.world.sites["mexc"].dialect
    before = set(venue._calls._keys)
    assert len(before) == 1
    venue._calls._keys.clear()
    run.run_for(12)
    assert len(set(venue._calls._keys) - before) == 1
    assert told.count("link.ready") == 2, told
    assert "link.down" in told
    assert run.desk.links["mexc.main.private"].ready
    run.stop()
    assert differences(run) == []


def test_a_dead_listen_key_ends_the_link() -> None:
    session = private()
    with pytest.raises(kit.RemoteProtocolError, match="not valid"):
        session.receive("Invalid listen key", NOW)
