"""Listings requested before the private stream was up do not count, and are requested again."""

from __future__ import annotations

from arbkit_binance.adapter import Binance
from arbkit_binance.dialect import BinanceDialect

from arbkit.core.desk import Desk, Setup
from arbkit.core.trading.running import RunningStrategy
from arbkit.core.types import Catalogue, HttpRequest, Instrument, Secret, VenueSettings
from arbkit.core.venues.signer import LocalSigner
from arbkit.core.venues.venue import VenueSetup
from arbkit.sim.wire import Answer, SimFrame
from arbkit.sim.world import World
from arbkit.strategies import TakerExecutor
from arbkit.testing.virtual import Make, VirtualRun, endpoints

START = 1_763_000_000_000_000_000


class Watcher:
    """Uses one book, proposes nothing."""

    def instruments(self, catalogue: Catalogue) -> list[Instrument]:
        return catalogue.symbol("BTC-USDT")

    def decide(self, view: object, touched: object, now_ns: int) -> tuple[()]:
        return ()


class LateLists(VirtualRun):
    """Listings requested before the private stream was up are answered just after it is up."""

    def __init__(self, world: World, make: Make, start_ns: int) -> None:
        self.lists: set[int] = set()
        self.held: list[Answer] = []
        super().__init__(world, make, start_ns)

    def request(self, link: str, ref: int, request: HttpRequest, timeout_ns: int) -> None:
        super().request(link, ref, request, timeout_ns)
        url = request.url.reveal() if isinstance(request.url, Secret) else request.url
        if "/openOrders" in url or "/account?" in url:
            self.lists.add(ref)

    def _answer(self, out: Answer) -> None:
        flight = self._refs.get(out.ref)
        if flight is not None and flight[0] in self.lists and not self.desk.links["binance.main.private"].ready:
            self.held.append(out)
        else:
            super()._answer(out)

    def _frame(self, frame: SimFrame) -> None:
        super()._frame(frame)
        if self.held and self.desk.links["binance.main.private"].ready:
            late, self.held = self.held, []
            assert len(late) == 3  # open orders, balances, and what the account may do
            for out in late:
                super()._answer(out)


def test_a_list_from_before_the_private_stream_is_asked_for_again() -> None:
    """The answer to the early request must not cancel the request that the start of the stream triggered."""
    world = World([BinanceDialect], seed=1, start_ns=START)
    where = endpoints(world, "binance")
    urls = {name: url for name, url in where.items() if url and name.startswith(("rest", "ws_"))}

    def make(port: VirtualRun, now_ns: int) -> Desk:
        exchange = Binance(VenueSettings(environment="sim", endpoints=urls))
        signer = LocalSigner(where["key"] or "", where["secret"] or "")
        venue = VenueSetup(exchange=exchange, account="binance:main", signer=signer)
        return Desk(Setup(venues=[venue], strategies=[RunningStrategy("w", Watcher(), TakerExecutor())]), port, now_ns)

    run = LateLists(world, make, START)
    run.run_for(6)

    assert run.held == []
    assert run.desk.venues["binance"].readiness.missing() == []
