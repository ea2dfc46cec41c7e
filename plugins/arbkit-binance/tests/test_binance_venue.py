"""What Binance alone declares: links, costs, catalogue, clock, fees, balances."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from arbkit_binance.adapter import Binance

from arbkit.core.errors import CredentialsError, LocalProtocolError
from arbkit.core.protocols import Exchange
from arbkit.core.types import (
    AccountStatus,
    Ask,
    AskKind,
    AssetStatus,
    Balance,
    CancelAll,
    CancelOrder,
    Catalogue,
    ClockSample,
    FeeUpdate,
    HttpAnswer,
    Instrument,
    InstrumentUpdate,
    LinkSpec,
    ListOpenOrders,
    NewOrder,
    NoAnswer,
    Notice,
    QueryOrder,
    RateReport,
    Ready,
    ReplaceOrder,
    Role,
    Secret,
    Side,
    VenueSettings,
)
from arbkit.core.venues.signer import LocalSigner
from arbkit.testing import corpus
from arbkit.testing.recording import Summary, read_frames

NOW = 1_750_000_000_000_000_000
ACCOUNT = "binance:main"
BTC = Instrument(
    venue="binance", symbol="BTC-USDT", native="BTCUSDT", base="BTC", quote="USDT", tick=Decimal(1), lot=Decimal(1)
)


def rest(signer: LocalSigner | None = None) -> Any:
    link = LinkSpec(link="r", venue="binance", role=Role.REST, account=ACCOUNT, instruments=[BTC.id])
    return Binance(VenueSettings()).session(link, Catalogue([BTC]), signer)


def asked(kind: AskKind, body: Any, *, status: int = 200, instrument: str = "", **headers: str) -> list[Any]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = HttpAnswer(status, {name.replace("_", "-"): text for name, text in headers.items()}, raw, NOW, NOW + 10**7)
    return list(rest().answered(Ask(kind=kind, instrument=instrument), answer, NOW + 10**7))


def test_it_is_an_exchange() -> None:
    """The protocol is met."""
    venue = Binance(VenueSettings())
    assert isinstance(venue, Exchange)
    assert venue.capabilities.order_window_ns == 5_000_000_000


def test_links_are_cut_and_named() -> None:
    """200 symbols a public socket; one private, trade and REST link an account; keyless: public and one REST."""
    many = [
        Instrument(
            venue="binance",
            symbol=f"C{n}-USDT",
            native=f"C{n}USDT",
            base=f"C{n}",
            quote="USDT",
            tick=Decimal(1),
            lot=Decimal(1),
        )
        for n in range(450)
    ]
    venue = Binance(VenueSettings())
    links = venue.links(many, ACCOUNT)
    assert [(one.link, one.role, len(one.instruments)) for one in links] == [
        ("binance.public.0", Role.PUBLIC, 200),
        ("binance.public.1", Role.PUBLIC, 200),
        ("binance.public.2", Role.PUBLIC, 50),
        ("binance.main.private", Role.PRIVATE, 0),
        ("binance.main.trade", Role.TRADE, 0),
        ("binance.main.rest", Role.REST, 0),
    ]
    assert [one.role for one in venue.links(many[:1], "")] == [Role.PUBLIC, Role.REST]


def test_links_that_need_a_key_say_so() -> None:
    """No signer, no private link; and no signed read."""
    venue = Binance(VenueSettings())
    for link in venue.links([], ACCOUNT)[:2]:
        with pytest.raises(CredentialsError):
            venue.session(link, Catalogue(), None)
    with pytest.raises(LocalProtocolError, match="has no key"):
        rest().encode(Ask(kind=AskKind.BALANCES), NOW)


def test_costs_name_declared_buckets() -> None:
    """Weights as the venue's pages give them; orders count per account."""
    venue = Binance(VenueSettings())
    order = NewOrder(account=ACCOUNT, instrument=BTC.id, cl_ord_id="x", side=Side.BUY, qty=Decimal(1), px=Decimal(1))
    cancel = CancelOrder(account=ACCOUNT, instrument=BTC.id, cl_ord_id="x")
    for what, weight in (
        (Ask(kind=AskKind.SNAPSHOT), 50),
        (Ask(kind=AskKind.CATALOGUE), 20),
        (Ask(kind=AskKind.TIME), 1),
        (order, 1),
        (cancel, 1),
        (QueryOrder(account=ACCOUNT, instrument=BTC.id, cl_ord_id="x"), 4),
        (ListOpenOrders(account=ACCOUNT), 80),
        (ListOpenOrders(account=ACCOUNT, instrument=BTC.id), 6),
    ):
        costs = dict(venue.cost(what, Role.REST))
        assert costs["weight"] == weight
        assert {name.partition(":")[0] for name in costs} <= {limit.bucket for limit in venue.rate_limits}
    assert dict(venue.cost(order, Role.TRADE))[f"orders_10s:{ACCOUNT}"] == 1
    assert venue.route(order) == (Role.TRADE, Role.REST)
    assert venue.route(CancelAll(account=ACCOUNT, instrument=BTC.id)) == (Role.REST,)


def test_catalogue() -> None:
    """Exact rules, found by filter type, and the limits it names. Fields of ``GET /api/v3/exchangeInfo``:
    developers.binance.com/docs/binance-spot-api-docs/rest-api/general-endpoints and .../filters."""
    said = {
        "timezone": "UTC",
        "serverTime": 1_749_999_000_000,
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 4800},
            {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 40},
            {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 90_000},
            {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 50_000},
        ],
        "exchangeFilters": [],
        "symbols": [
            {
                "symbol": "KIWIUSDT",
                "status": "TRADING",
                "baseAsset": "KIWI",
                "quoteAsset": "USDT",
                "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
                "isSpotTradingAllowed": True,
                "filters": [
                    {"filterType": "NOTIONAL", "minNotional": "6.00000000", "maxNotional": "7000000.00000000"},
                    {"filterType": "LOT_SIZE", "minQty": "0.2", "maxQty": "9000.0", "stepSize": "0.20000000"},
                    {"filterType": "ICEBERG_PARTS", "limit": 10},
                    {"filterType": "PRICE_FILTER", "minPrice": "0.0005", "maxPrice": "80.0", "tickSize": "0.00050000"},
                ],
            }
        ],
    }
    events = asked(AskKind.CATALOGUE, said)
    kiwi = next(one.instrument for one in events if isinstance(one, InstrumentUpdate))
    assert (kiwi.id, kiwi.native, kiwi.base, kiwi.quote) == ("binance:KIWI-USDT", "KIWIUSDT", "KIWI", "USDT")
    assert (kiwi.tick, kiwi.lot, kiwi.min_notional) == (Decimal("0.0005"), Decimal("0.2"), Decimal(6))
    assert (kiwi.min_qty, kiwi.max_qty, kiwi.tradable) == (Decimal("0.2"), 9000, True)
    limits = {one.bucket: one.limit for one in events if isinstance(one, RateReport)}
    assert limits == {"weight": 4800, f"orders_10s:{ACCOUNT}": 40, f"orders_1d:{ACCOUNT}": 90_000}


@pytest.mark.recordings("binance", "frames-small2021")
def test_catalogue_of_the_recording() -> None:
    """The same from a real answer, with the older names of filters."""
    path = corpus.find("binance", "frames-small2021")
    assert path is not None
    body = next(frame.data for _, frame in read_frames(path, Summary()) if frame.url.endswith("exchangeInfo"))
    events = asked(AskKind.CATALOGUE, body.encode())
    found = {one.instrument.native: one.instrument for one in events if isinstance(one, InstrumentUpdate)}
    nkn = found["NKNUSDT"]
    assert (nkn.id, nkn.base, nkn.quote, nkn.tradable) == ("binance:NKN-USDT", "NKN", "USDT", True)
    assert (nkn.tick, nkn.lot, nkn.min_notional) == (Decimal("0.0001"), Decimal(1), Decimal(10))
    limits = {one.bucket: one.limit for one in events if isinstance(one, RateReport)}
    assert limits == {"weight": 1200, f"orders_10s:{ACCOUNT}": 50, f"orders_1d:{ACCOUNT}": 160_000}


def test_either_notional_filter_and_a_halt() -> None:
    """NOTIONAL, the older MIN_NOTIONAL or none; only TRADING with spot allowed may trade; 0 = no rule."""

    def symbol(filters: list[dict[str, str]], status: str = "TRADING", allowed: bool = True) -> Instrument:
        said = {
            "symbol": "AB",
            "baseAsset": "A",
            "quoteAsset": "B",
            "status": status,
            "filters": filters,
            "isSpotTradingAllowed": allowed,
        }
        (update,) = asked(AskKind.CATALOGUE, {"symbols": [said]})
        made: Instrument = update.instrument
        return made

    new = symbol([{"filterType": "NOTIONAL", "minNotional": "5", "maxNotional": "900"}])
    assert (new.min_notional, new.max_notional) == (5, 900)
    assert symbol([{"filterType": "MIN_NOTIONAL", "minNotional": "7"}]).min_notional == 7
    bare = symbol([])
    assert (bare.min_notional, bare.max_qty, bare.tick) == (0, None, 0)
    assert not symbol([], "HALT").tradable
    assert not symbol([], "CANCEL_ONLY").tradable
    assert not symbol([], allowed=False).tradable


def test_a_symbol_without_spot_is_not_tradable() -> None:
    """Of each set one permission is enough; tokenised stocks have none that we use, and come with a state as others."""
    filters = [{"filterType": "PRICE_FILTER", "tickSize": "0.01"}, {"filterType": "LOT_SIZE", "stepSize": "1"}]

    def tradable(sets: list[list[str]], status: str = "TRADING") -> bool:
        said = {"symbol": "AB", "baseAsset": "A", "quoteAsset": "B", "status": status, "filters": filters}
        (update,) = asked(AskKind.CATALOGUE, {"symbols": [said | {"permissionSets": sets, "permissions": []}]})
        made: Instrument = update.instrument
        assert made.status == status
        return made.tradable

    assert tradable([["SPOT", "MARGIN", "TRD_GRP_004"]])
    assert not tradable([["STOCK", "TRD_GRP_300"]])
    assert not tradable([["SPOT"], ["STOCK"]])
    assert not any(tradable([["SPOT"]], status) for status in ("HALT", "BREAK", "CANCEL_ONLY", "END_OF_DAY"))


def reads(venue: Binance, *bodies: Any) -> list[Any]:
    """What the answers to ``AskKind.ACCOUNT`` say, page by page."""
    link = LinkSpec(link="r", venue="binance", role=Role.REST, account=ACCOUNT)
    session = venue.session(link, Catalogue(), LocalSigner("key", "secret"))
    out: list[Any] = [Ask(kind=AskKind.ACCOUNT)]
    paths = []
    for body in bodies:
        (wire,) = session.encode(out[-1], NOW)
        paths.append(wire.url.reveal().partition("?")[0].rpartition("/")[2])  # type: ignore[union-attr]  # a Secret
        out = list(session.answered(out[-1], HttpAnswer(200, {}, json.dumps(body).encode(), NOW, NOW), NOW))
    assert paths == ["account", "apiRestrictions"][: len(bodies)]
    return out


GOOD_ACCOUNT = {"canTrade": True, "accountType": "SPOT", "permissions": ["SPOT"], "balances": []}
GOOD_KEY = {"ipRestrict": True, "enableReading": True, "enableSpotAndMarginTrading": True}


@pytest.mark.parametrize(
    ("account", "key", "problem", "warning"),
    [
        ({}, {}, "", ""),
        ({"permissions": ["TRD_GRP_004"]}, {}, "", ""),
        ({"canTrade": False}, {}, "ask Binance what blocks it", ""),
        ({"accountType": "MARGIN"}, {}, "use the key of a spot account", ""),
        ({"permissions": ["LEVERAGED"]}, {}, "use another account", ""),
        ({}, {"enableSpotAndMarginTrading": False}, "enable spot and margin trading", ""),
        ({}, {"tradingAuthorityExpirationTime": NOW // 10**6}, "has expired", ""),
        ({}, {"tradingAuthorityExpirationTime": NOW // 10**6 + 9 * 86_400_000}, "", "expires in 9 days"),
        ({}, {"ipRestrict": False}, "", "no address list"),
    ],
)
def test_what_account_and_key_may_do(account: Any, key: Any, problem: str, warning: str) -> None:
    """Two calls, one status; a problem says what to change. Fields of ``GET /api/v3/account`` and
    ``GET /sapi/v1/account/apiRestrictions`` (developers.binance.com/docs/wallet/account/api-key-permission)."""
    (status,) = reads(Binance(VenueSettings()), GOOD_ACCOUNT | account, GOOD_KEY | key)
    assert isinstance(status, AccountStatus)
    assert (problem in status.problem) if problem else not status.problem
    assert [text for text in status.warnings if warning in text] == list(status.warnings)
    assert bool(status.warnings) == bool(warning)


@pytest.mark.parametrize("withdraw", [True, False])
def test_a_key_that_may_withdraw_is_told(withdraw: bool) -> None:
    """``enableWithdrawals``; the rights are those that are true."""
    (status,) = reads(Binance(VenueSettings()), GOOD_ACCOUNT, {**GOOD_KEY, "enableWithdrawals": withdraw})
    assert isinstance(status, AccountStatus)
    assert status.withdraw is withdraw
    assert ("enableWithdrawals" in status.rights) is withdraw
    assert "enableReading" in status.rights


@pytest.mark.parametrize("environment", ["testnet", "demo"])
def test_without_the_wallet_api_the_account_alone_tells(environment: str) -> None:
    """The test networks have no /sapi."""
    assert reads(Binance(VenueSettings(environment=environment)), GOOD_ACCOUNT) == [AccountStatus(ACCOUNT)]


@pytest.mark.parametrize(("status", "seconds"), [(429, 60), (418, 120), (403, 120)])
def test_a_ban_closes_the_venue_until_the_time_it_names(status: int, seconds: int) -> None:
    """By itself; by a text with a time; and over the answer to a snapshot, which the public socket reads."""
    at = NOW + 10**7
    until = NOW // 10**6 + 900_000
    text = {"code": -1003, "msg": f"Way too much request weight used; IP banned until {until}."}
    wanted = [(b"<html>", at + seconds * 10**9), (json.dumps(text).encode(), until * 10**6)]
    for body, end in wanted:
        assert RateReport(venue="binance", bucket="*", until_ns=end, recv_ns=at) in asked(
            AskKind.TIME, body, status=status
        )
        link = LinkSpec(link="p", venue="binance", role=Role.PUBLIC, instruments=[BTC.id])
        public = Binance(VenueSettings()).session(link, Catalogue([BTC]), None)
        ask = Ask(kind=AskKind.SNAPSHOT, instrument=BTC.id)
        assert list(public.answered(ask, HttpAnswer(status, {}, body, NOW, at), at)) == [
            RateReport(venue="binance", bucket="*", until_ns=end, recv_ns=at)
        ]


def test_clock_has_an_error_bound() -> None:
    """Half the round trip and half a millisecond."""
    (sample,) = asked(AskKind.TIME, {"serverTime": NOW // 10**6 + 100})
    assert sample == ClockSample("binance", 95_500_000, 5_500_000, NOW + 10**7)


def test_balances_fees_and_assets() -> None:
    """Exact, with ids; the dearer of the buyer's and the seller's part; standard, special and tax parts add up. Fields:
    developers.binance.com/docs/binance-spot-api-docs/rest-api/account-endpoints (``GET /api/v3/account``)."""
    account = {
        "balances": [
            {"asset": "BTC", "free": "0.75000000", "locked": "0.12500000"},
            {"asset": "USDT", "free": "1234.56000000", "locked": "0.00000000"},
        ],
        "commissionRates": {"maker": "0.001", "taker": "0.001", "buyer": "0", "seller": "0"},
        "canTrade": True,
        "accountType": "SPOT",
        "permissions": ["SPOT"],
        "uid": 20_001,
        "updateTime": 1_749_999_000_000,
    }
    balances = asked(AskKind.BALANCES, account)
    assert all(isinstance(one, Balance) and one.snapshot and one.account == ACCOUNT for one in balances)
    assert [(one.asset, one.free, one.locked) for one in balances] == [
        ("BTC", Decimal("0.75"), Decimal("0.125")),
        ("USDT", Decimal("1234.56"), 0),
    ]
    rates = {"maker": "0.001", "taker": "0.002", "buyer": "0.0001", "seller": "0.0003"}
    zero = {"maker": "0", "taker": "0", "buyer": "0", "seller": "0"}
    tax = {**zero, "taker": "0.0005"}
    said = {"symbol": "BTCUSDT", "standardCommission": rates, "specialCommission": zero, "taxCommission": tax}
    assert asked(AskKind.FEES, said, instrument=BTC.id) == [
        FeeUpdate(ACCOUNT, BTC.id, Decimal("0.0013"), Decimal("0.0028"))
    ]
    chains = [{"network": "A", "contractAddress": "0x12ab34"}]
    coins = [
        {"coin": "BTC", "depositAllEnable": True, "withdrawAllEnable": False, "networkList": chains},
        {"coin": "XYZ"},
    ]
    assert asked(AskKind.ASSETS, coins) == [
        AssetStatus("binance", "BTC", True, False, ("0x12ab34",)),
        AssetStatus("binance", "XYZ", None, None),
    ]


def test_unreadable_reads_are_no_answer() -> None:
    """Pages, cut bodies, wrong shapes."""
    for kind in (AskKind.CATALOGUE, AskKind.TIME, AskKind.BALANCES, AskKind.FEES, AskKind.ASSETS):
        for body, status in ((b"<html>", 200), (b"{", 200), (b'{"code":-1000,"msg":"x"}', 500), (b"", 204)):
            (event,) = [one for one in asked(kind, body, status=status) if not isinstance(one, Notice)]
            assert isinstance(event, NoAnswer)
            assert event.status == status


def test_limits_and_bans_in_headers() -> None:
    """Used weight and order counts; Retry-After closes everything, also when it is missing or nonsense."""
    events = asked(
        AskKind.TIME, b"", status=429, x_mbx_used_weight_1m="6001", x_mbx_order_count_10s="3", retry_after="7"
    )
    assert RateReport(venue="binance", bucket="weight", used=6001, recv_ns=NOW + 10**7) in events
    assert RateReport(venue="binance", bucket=f"orders_10s:{ACCOUNT}", used=3, recv_ns=NOW + 10**7) in events
    bans = {
        text: next(
            one.until_ns
            for one in asked(AskKind.TIME, b"", status=418, retry_after=text)
            if isinstance(one, RateReport) and one.bucket == "*"
        )
        for text in ("7", "", "nan", "-1", "1e99")
    }
    start = NOW + 10**7
    assert bans == {"7": start + 7 * 10**9, **dict.fromkeys(("", "nan", "-1", "1e99"), start + 120 * 10**9)}


def test_what_the_venue_cannot_do_is_our_fault_to_ask() -> None:
    """Cancel-all needs a symbol; replace is not offered."""
    session = rest(LocalSigner("key", "secret"))
    with pytest.raises(LocalProtocolError):
        session.encode([CancelAll(account=ACCOUNT)], NOW)
    replace = ReplaceOrder(
        account=ACCOUNT, instrument=BTC.id, cl_ord_id="a", new_cl_ord_id="b", qty=Decimal(1), px=Decimal(1)
    )
    with pytest.raises(LocalProtocolError):
        session.encode([replace], NOW)
    venue = Binance(VenueSettings())
    assert venue.route(replace) == venue.route(CancelAll(account=ACCOUNT)) == ()


def test_ed25519_keys_log_on_once_and_then_send_unsigned() -> None:
    """Before the log-on nothing is ready; after it requests carry only their time."""
    seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
    venue = Binance(VenueSettings(options={"key_type": "ed25519"}))
    link = venue.links([BTC], ACCOUNT)[2]
    session = venue.session(link, Catalogue([BTC]), LocalSigner("key", seed, encoding="hex"))
    (logon,) = session.start(NOW)
    assert isinstance(logon.data, Secret)  # type: ignore[union-attr]
    made = json.loads(logon.data.reveal())  # type: ignore[union-attr]
    assert made["method"] == "session.logon"
    assert set(made["params"]) == {"apiKey", "signature", "timestamp", "recvWindow"}
    session.receive('{"id":"logon","status":200,"result":{"apiKey":"key","authorizedSince":1}}', NOW)
    order = NewOrder(
        account=ACCOUNT, instrument=BTC.id, cl_ord_id="a" * 16, side=Side.BUY, qty=Decimal(1), px=Decimal(1)
    )
    (wire,) = session.encode([order], NOW)
    assert {"apiKey", "signature"}.isdisjoint(json.loads(wire.data.reveal())["params"])  # type: ignore[union-attr]


def test_ed25519_event_stream_logs_on_and_then_subscribes() -> None:
    """Two steps, Ready after the second; a refused log-on is a matter of the key."""
    venue = Binance(VenueSettings(options={"key_type": "ed25519"}))
    signer = LocalSigner("key", "00" * 32, encoding="hex")
    session = venue.session(venue.links([BTC], ACCOUNT)[1], Catalogue([BTC]), signer)
    (logon,) = session.start(NOW)
    assert "session.logon" in logon.data.reveal()  # type: ignore[union-attr]
    (subscribe,) = session.receive('{"id":"logon","status":200,"result":{"apiKey":"key"}}', NOW)
    assert json.loads(subscribe.data) == {"id": "subscribe", "method": "userDataStream.subscribe"}  # type: ignore[union-attr]
    (ready,) = session.receive('{"id":"subscribe","status":200,"result":{"subscriptionId":0}}', NOW)
    assert ready == Ready("binance.main.private", NOW)
    with pytest.raises(CredentialsError, match="-1022"):
        session.receive('{"id":"logon","status":400,"error":{"code":-1022,"msg":"Signature is not valid."}}', NOW)
