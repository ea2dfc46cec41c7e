"""Several runs, one after another, on the same simulated venues and the same journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from arbkit_binance.adapter import Binance
from arbkit_binance.dialect import BinanceDialect
from arbkit_bybit.adapter import Bybit
from arbkit_bybit.dialect import BybitDialect
from arbkit_okx.adapter import Okx
from arbkit_okx.dialect import OkxDialect

from arbkit import SpreadArb
from arbkit.core.desk import Desk, Setup
from arbkit.core.money.gate import GateConfig
from arbkit.core.money.limits import LimitsConfig
from arbkit.core.orders.journal import Booked, DealClosed, RunStart, Settled, decode, encode
from arbkit.core.protocols import Strategy
from arbkit.core.trading.running import RunningStrategy
from arbkit.core.types import VenueSettings
from arbkit.core.venues.signer import LocalSigner
from arbkit.core.venues.venue import VenueSetup
from arbkit.sim.market import Divergence
from arbkit.sim.pair import Pair
from arbkit.sim.world import MARKET, World
from arbkit.strategies import TakerExecutor
from arbkit.testing.simulated import START_NS
from arbkit.testing.virtual import VirtualRun, endpoints, reveal

VENUES = {"binance": (Binance, BinanceDialect), "okx": (Okx, OkxDialect), "bybit": (Bybit, BybitDialect)}


class Died(Exception):
    """The process ended here."""


class Lives:
    """The venues, and the journal of all runs on them."""

    def __init__(self, *venues: str, seed: int = 1, start_ns: int = START_NS, symbols: tuple[str, ...] = ()) -> None:
        divergence = Divergence(edge_every_s=0)
        self.world = World(
            [VENUES[name][1] for name in venues],
            seed=seed,
            start_ns=start_ns,
            divergence=divergence,
            prices={symbol: MARKET[symbol] for symbol in ("BTC-USDT", *symbols)},
        )
        self.venues = venues
        self.journal: list[bytes] = []
        self.now_ns = start_ns
        self.count = 0
        self.facts: list[tuple[str, dict[str, Any]]] = []
        """Log events of the present run."""
        self.began = self.held("BTC")

    def held(self, asset: str) -> Decimal:
        """By the venues' own ledgers, over all of them."""
        total = Decimal(0)
        for ledger in self.world.ledger().values():
            row = ledger["accounts"]["main"].get(asset)
            total += Decimal(row["free"]) + Decimal(row["locked"]) if row else 0
        return total

    @property
    def naked(self) -> Decimal:
        """BTC bought and not sold since the first run, by the venues' own ledgers."""
        return self.held("BTC") - self.began

    def left(self, account: str, qty: str) -> None:
        """A deal of an earlier run has bought this much BTC and not sold it. The account holds it already."""
        flows = {"BTC": Decimal(qty), "USDT": Decimal(qty) * -61_800}
        booked = Booked(at_ns=self.now_ns, account=account, flows=flows, left={"BTC": Decimal(qty)})
        self._starts()
        self.journal.append(encode(DealClosed(at_ns=self.now_ns, deal=1, outcome="left", booked=(booked,))))
        self.began -= Decimal(qty)

    def edge(self, buy: str, sell: str, after_s: float, for_s: float = 3.0, edge: float = 0.002) -> None:
        """An edge that comes up in the present run."""
        at_ns = self.now_ns + round(after_s * 1e9)
        self.world.plant("BTC-USDT", buy, sell, edge, at_ns, round(for_s * 1e9))

    def thin(self, venue: str, qty: str) -> None:
        """From now on an order at the venue finds no more than ``qty`` BTC, at any price."""
        exchange = self.world.sites[venue].exchange
        most = int(Decimal(qty) / exchange.pairs["BTC-USDT"].lot)

        def match(pair: Pair, buy: bool, px: int, lots: int) -> None:
            keep = most
            for resting, _ in exchange.books[pair.symbol].makers(buy, px, 1 << 62):
                stays = min(keep, resting.qty)
                keep -= stays
                if resting.qty > stays and exchange.accounts[resting.owner].synthetic:
                    exchange.pull(pair, resting, resting.qty - stays)

        exchange.on_match = match

    def deep(self, venue: str) -> None:
        """The end of ``thin``."""
        self.world.sites[venue].exchange.on_match = None

    def fall(self, part: float, now_ns: int) -> None:
        """All prices fall and stay there."""
        for quoter in self.world.market._quoters.values():
            quoter.jump(-round(quoter.flow.top()[0] * part), now_ns)

    def run(
        self,
        limits: LimitsConfig | None = None,
        strategy: Strategy | None = None,
        executor: TakerExecutor | None = None,
        *,
        settled: bool = False,
    ) -> VirtualRun:
        """The next run, on what the journal says."""
        self.count += 1
        self.facts = []
        accounts = self._starts()
        if settled:
            self.journal.append(encode(Settled(at_ns=self.now_ns)))
        left = decode(b"".join(self.journal)).carried().of(accounts)
        setup = Setup(
            venues=[self._venue(name) for name in self.venues],
            strategies=[
                RunningStrategy(
                    "spread",
                    strategy or SpreadArb(symbols=("BTC-USDT",), min_edge=0.0003, max_notional=150.0),
                    executor or TakerExecutor(),
                )
            ],
            limits=limits or LimitsConfig(),
            gate=GateConfig(),
            seed=self.count,
            block=self.count,
            unresolved=left.unresolved,
            interrupted=left.interrupted,
            booked=left.booked,
            kept=left.kept,
        )
        return VirtualRun(self.world, lambda port, now_ns: Desk(setup, port, now_ns, log=self._log), self.now_ns)

    def _starts(self) -> dict[str, str]:
        """A run begins: its accounts, each with its environment."""
        accounts = {f"{name}:main": "sim" for name in self.venues}
        for account, environment in accounts.items():
            start = RunStart(at_ns=self.now_ns, mode="live", account=account, environment=environment, code="1")
            self.journal.append(encode(start))
        return accounts

    def _log(self, event: str, /, **fields: object) -> None:
        self.facts.append((event, fields))

    def _venue(self, name: str) -> VenueSetup:
        said = {key: text for key, text in endpoints(self.world, name).items() if text}
        key, secret, phrase = (said.pop(part, "") for part in ("key", "secret", "passphrase"))
        return VenueSetup(
            exchange=VENUES[name][0](VenueSettings(environment="sim", endpoints=said)),
            account=f"{name}:main",
            signer=LocalSigner(key, secret, phrase),
        )

    def ends(self, run: VirtualRun) -> None:
        """The process is gone: what it wrote is what is left, and its connections close."""
        self.journal += run.records
        for conn in list(run._links):
            self.world.closed(conn, run.now_ns)
        self.now_ns = run.now_ns + 1_000_000_000

    def dies_before(self, run: VirtualRun, part: str, seconds: float) -> bool:
        """Run until a text with ``part`` would leave, then die. What was sent before still arrives. False = it was not
        sent in that time."""
        send: Callable[[str, str], bool] = run.send

        def dying(link: str, text: str) -> bool:
            if part in reveal(text).replace(" ", ""):
                raise Died
            return send(link, text)

        run.send = dying  # type: ignore[method-assign]  # the port of this run
        try:
            run.run_for(seconds)
        except Died:
            self.dies(run)
            return True
        return False

    def dies(self, run: VirtualRun) -> None:
        """The process is gone. What was sent before still arrives, and no answer does."""
        for at_ns, _, call in sorted(run.events, key=lambda event: event[:2]):
            if at_ns <= run.now_ns + run.latency_ns and "send" in call.__qualname__:
                call()
        self.ends(run)

    def told(self, event: str) -> list[dict[str, Any]]:
        """The log events of this name."""
        return [fields for name, fields in self.facts if name == event]

    def counts(self) -> Counter[str]:
        return Counter(name for name, _ in self.facts)
