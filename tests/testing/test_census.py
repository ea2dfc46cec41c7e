"""A census of apparent edges: one symbol for each cause. Which are traded is judged by the venues' own list of orders;
which are named, by what the desk tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from arbkit_binance.adapter import Binance
from arbkit_binance.dialect import BinanceDialect
from arbkit_okx.adapter import Okx
from arbkit_okx.dialect import OkxDialect

from arbkit import SpreadArb
from arbkit.core.desk import Desk, Setup
from arbkit.core.market.identity import Identity
from arbkit.core.market.watchdog import Transit
from arbkit.core.money.limits import LimitsConfig
from arbkit.core.trading.running import RunningStrategy
from arbkit.core.types import VenueSettings
from arbkit.core.venues.signer import LocalSigner
from arbkit.core.venues.venue import Venue, VenueSetup
from arbkit.sim.faults import Fault
from arbkit.sim.market import PlantedEdge
from arbkit.sim.pair import Pair
from arbkit.sim.venue import SimExchange
from arbkit.sim.world import World
from arbkit.strategies import TakerExecutor
from arbkit.strategies.basis import Basis
from arbkit.testing.simulated import START_NS
from arbkit.testing.virtual import VirtualRun, endpoints

S = 1_000_000_000
STRANGE = Pair("CAT-USDT", "CAT", "USDT", Decimal("0.01"), Decimal("0.001"), Decimal("0.001"), Decimal(5))
PRICES = {
    "ETH-USDT": Decimal(2400),
    "SOL-USDT": Decimal(150),
    "BTC-USDT": Decimal(61800),
    "CAT-USDT": Decimal(90),
    "XRP-USDT": Decimal("2.2"),
    "DOGE-USDT": Decimal("0.17"),
}
TAKEABLE, STANDING, LAGGING, CLASH, CLOSED, THIN = PRICES
PURSE = {"USDT": Decimal(200_000)} | {symbol.partition("-")[0]: (200_000 // px) / 10 for symbol, px in PRICES.items()}
LAG_S = (66, 80)
LIMITS = LimitsConfig(
    max_open_notional=Decimal(5000),
    max_venue_notional=Decimal(5000),
    max_asset_notional=Decimal(2000),
    max_deals_per_minute=300,
    max_loss_day=Decimal(5000),
    max_loss_run=Decimal(10_000),
)


def listing(dialect: Any) -> Any:
    """The venue with the strange asset, and a pair that needs large orders."""
    small = Pair("DOGE-USDT", "DOGE", "USDT", Decimal("0.00001"), Decimal(1), Decimal(1), Decimal(50), Decimal(10**7))
    profile = replace(dialect.profile, pairs=(*dialect.profile.pairs, STRANGE, small))
    return type(f"Census{dialect.__name__}", (dialect,), {"profile": profile})


VENUES = ((Binance, listing(BinanceDialect)), (Okx, listing(OkxDialect)))


class Census:
    """One run. ``causes``: the symbols with planted edges."""

    def __init__(self, causes: Sequence[str], patch: pytest.MonkeyPatch, **settings: Any) -> None:
        requote = SimExchange.requote

        def thin(self: SimExchange, account: str, symbol: str, levels: Any, now_ns: int) -> None:
            most = 1 if symbol == THIN else 1 << 60
            requote(self, account, symbol, [(buy, px, min(lots, most)) for buy, px, lots in levels], now_ns)

        patch.setattr(SimExchange, "requote", thin)
        lag = Fault(kind="lag", venue="okx", at_s=LAG_S[0], amount=2.0, for_s=LAG_S[1] - LAG_S[0])
        self.world = World(
            [dialect for _, dialect in VENUES],
            seed=5,
            start_ns=START_NS,
            prices={symbol: PRICES[symbol] for symbol in causes},
            purse=PURSE,
            faults=[lag] if LAGGING in causes else [],
        )
        self.rows: list[tuple[str, dict[str, Any]]] = []
        self.strategy = SpreadArb(
            symbols=tuple(causes), min_edge=0.0003, max_notional=150.0, max_stock_immovable=1e6, **settings
        )
        self.world.sites["okx"].exchange.immovable["XRP"] = (False, True)
        self.run = VirtualRun(self.world, self._desk, START_NS)
        self.named: dict[str, dict[str, str]] = {symbol: {} for symbol in causes}
        """What was told of each symbol while there was an edge: a text by reason."""
        self._plant(causes)

    def _desk(self, port: VirtualRun, now_ns: int) -> Desk:
        setups = []
        for exchange, dialect in VENUES:
            urls = {name: text for name, text in endpoints(self.world, dialect.venue).items() if text}
            key, secret, passphrase = (urls.pop(part, "") for part in ("key", "secret", "passphrase"))
            made = exchange(VenueSettings(environment="sim", endpoints=urls))
            signer = LocalSigner(key, secret, passphrase)
            setups.append(VenueSetup(exchange=made, account=f"{dialect.venue}:main", signer=signer))
        running = RunningStrategy("SpreadArb", self.strategy, TakerExecutor())
        return Desk(
            Setup(venues=setups, strategies=[running], limits=LIMITS, block=1),
            port,
            now_ns,
            log=self._log,
        )

    def _log(self, event: str, /, **fields: Any) -> None:
        self.rows.append((event, fields))

    def _plant(self, causes: Sequence[str]) -> None:
        """Short edges, one every five seconds; the standing one is there before the desk is."""
        self.edges: dict[str, list[PlantedEdge]] = {symbol: [] for symbol in causes}

        def plant(symbol: str, net: float, at_s: float, for_s: float) -> None:
            if symbol in causes:
                at_ns = START_NS + round(at_s * S)
                self.edges[symbol].append(self.world.plant(symbol, "binance", "okx", net, at_ns, round(for_s * S)))

        plant(STANDING, 0.004, 0.05, 60.0)
        for at_s in range(20, 60, 5):
            for symbol, net in ((TAKEABLE, 0.003), (CLASH, 0.006), (CLOSED, 0.003), (THIN, 0.004)):
                plant(symbol, net, at_s, 0.6)
        for at_s in range(LAG_S[0] + 3, LAG_S[1] - 3, 2):
            plant(LAGGING, 0.004, at_s, 0.6)

    def play(self) -> Census:
        while self.run.now_ns < START_NS + (LAG_S[1] + 4) * S:
            self.run.run_for(0.1)
            now_ns = self.run.now_ns
            for row in self.run.desk.reasons.now(now_ns):
                symbol = row.instruments[0].partition(":")[2]
                if row.instruments[0].startswith("binance:") and any(
                    edge.start_ns + S // 10 < now_ns < edge.end_ns for edge in self.edges[symbol]
                ):
                    self.named[symbol][row.reason] = row.text
        assert self.run.stop()
        return self

    def traded(self, symbol: str) -> list[int]:
        """Which of the planted edges of this symbol an order reached, by the venues' lists."""
        times = [row["ns"] for rows in self.world.orders().values() for row in rows if row["symbol"] == symbol]
        return [
            index
            for index, edge in enumerate(self.edges[symbol])
            if any(edge.start_ns <= at_ns <= edge.end_ns + S for at_ns in times)
        ]


def test_the_census(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every takeable edge is traded, as it is alone and without looking for a basis; no edge of another cause is, and
    each is named with its cause."""
    alone = Census([TAKEABLE], monkeypatch, standing_s=0.0).play()
    census = Census(list(PRICES), monkeypatch).play()
    assert alone.traded(TAKEABLE) == census.traded(TAKEABLE) == list(range(8))
    assert {symbol: census.traded(symbol) for symbol in PRICES if symbol != TAKEABLE} == {
        STANDING: [],
        LAGGING: [],
        CLASH: [],
        CLOSED: [],
        THIN: [],
    }
    named = census.named
    assert named[TAKEABLE].keys() <= {"", "cooldown"}
    assert "above the ask since 60 s or the first look: perhaps SOL is another asset" in named[STANDING]["basis"]
    assert named[LAGGING].keys() == {"book"}
    assert "okx:BTC-USDT: its link is behind" in named[LAGGING]["book"]
    assert named[CLASH].keys() == {"identity"}
    assert named[CLOSED].keys() == {"immovable"}
    assert "needs 0.500%: deposits of XRP are closed at okx" in named[CLOSED]["immovable"]
    assert named[THIN].keys() == {"thin"}


@pytest.mark.parametrize(
    ("symbol", "wrong"),
    [
        (STANDING, lambda patch: patch.setattr(Basis, "look", lambda *_: 0.0)),
        (CLASH, lambda patch: patch.setattr(Identity, "unlike", lambda *_: "")),
        (CLOSED, lambda patch: patch.setattr(Venue, "movable", lambda *_: True)),
        (LAGGING, lambda patch: patch.setattr(Transit, "sample", lambda *_: 0)),
    ],
    ids=["no basis", "no identity", "all moves", "no transit"],
)
def test_without_the_check_the_edge_is_traded(
    symbol: str, wrong: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mutants: the census finds what each check keeps out."""
    wrong(monkeypatch)
    assert Census([symbol], monkeypatch).play().traded(symbol)
