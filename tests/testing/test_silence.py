"""What says nothing, or the wrong thing for long, is noticed and healed. The judge is the simulated venues' own
books and connections."""

from __future__ import annotations

from typing import Any

import pytest
from arbkit_binance.adapter import Binance
from arbkit_binance.dialect import BinanceDialect
from arbkit_bybit.adapter import Bybit
from arbkit_bybit.dialect import BybitDialect
from arbkit_okx.adapter import Okx
from arbkit_okx.dialect import OkxDialect
from msgspec.structs import replace

from arbkit import SpreadArb
from arbkit.core.types import BookState
from arbkit.sim.faults import Fault
from arbkit.testing.simulated import START_NS, differences, simulate
from arbkit.testing.virtual import VirtualRun

VENUES: dict[str, dict[type, type]] = {
    "binance": {Binance: BinanceDialect, Okx: OkxDialect},
    "okx": {Okx: OkxDialect, Binance: BinanceDialect},
    "bybit": {Bybit: BybitDialect, Okx: OkxDialect},
}
ALL = pytest.mark.parametrize("venue", VENUES)
S = 1_000_000_000


class Diary:
    """What the desk tells: (seconds since the start, event, fields)."""

    def __init__(self) -> None:
        self.rows: list[tuple[float, str, dict[str, Any]]] = []
        self.run: VirtualRun | None = None

    def log(self, event: str, **fields: Any) -> None:
        now_ns = START_NS if self.run is None else self.run.now_ns
        self.rows.append(((now_ns - START_NS) / S, event, fields))

    def drops(self, name: str) -> list[float]:
        """When we dropped links of this name."""
        return [at for at, event, fields in self.rows if event == "link.drop" and name in fields["link"]]

    def lost(self, instrument: str) -> list[str]:
        rows = [row for row in self.rows if row[1] == "book.lost" and row[2]["instrument"] == instrument]
        return [fields["why"] for _, _, fields in rows]


def begun(venue: str, *faults: Fault, symbols: tuple[str, ...] = ("BTC-USDT", "ETH-USDT"), every_s: float = 3.0) -> Any:
    diary = Diary()
    strategy = SpreadArb(symbols=symbols, min_edge=0.0003, max_notional=150.0)
    run = simulate(strategy, VENUES[venue], faults=faults, edge_every_s=every_s, log=diary.log)
    diary.run = run
    return run, diary


def as_the_venue_has_it(run: VirtualRun, venue: str, symbol: str) -> bool:
    """The best prices of our book are those of the venue's own, within the time that a frame takes."""
    book = run.desk.books[f"{venue}:{symbol}"]
    own = run.world.sites[venue].exchange.books[symbol]
    tick = float(run.desk.catalogue[book.instrument].tick)
    for _ in range(50):
        bid, _, ask, _ = own.top()
        if book.trusted and (round(book.bid_px / tick), round(book.ask_px / tick)) == (bid, ask):
            return True
        run.run_for(0.05)
    return False


def swallow(run: VirtualRun, venue: str, connections: int) -> None:
    """The first connections carry no book of ETH-USDT."""
    seen: list[int] = []
    arrives = run._frame

    def frame(one: Any) -> None:
        if one.symbol == "ETH-USDT" and one.kind in ("book", "top") and run._links.get(one.conn, "").startswith(venue):
            if one.conn not in seen:
                seen.append(one.conn)
            if len(seen) <= connections:
                return
        arrives(one)

    run._frame = frame  # type: ignore[method-assign]


@ALL
def test_a_symbol_that_never_sends_on_a_connection_gets_another_one(venue: str) -> None:
    """Subscribed and acknowledged, other symbols send: its first connection carries nothing of ETH-USDT."""
    run, diary = begun(venue)
    swallow(run, venue, connections=1)
    run.run_for(40)
    assert run.desk.books[f"{venue}:BTC-USDT"].state is BookState.SYNCED
    assert run.desk.books[f"{venue}:ETH-USDT"].state is BookState.LOST
    assert diary.drops(venue) == []
    run.run_for(20)
    assert len(diary.drops(f"{venue}.public")) == 1
    assert as_the_venue_has_it(run, venue, "ETH-USDT")
    assert as_the_venue_has_it(run, venue, "BTC-USDT")


def test_a_symbol_that_cannot_be_traded_may_be_silent() -> None:
    run, diary = begun("okx", every_s=0)
    swallow(run, "okx", connections=100)
    run.run_for(5)
    instrument = run.desk.catalogue["okx:ETH-USDT"]
    run.desk.catalogue.add(replace(instrument, tradable=False, status="halted"))
    run.run_for(120)
    assert diary.drops("okx") == []


@ALL
def test_a_mute_private_stream_is_dialled_again(venue: str) -> None:
    """The socket lives and carries no report any more. Polls and answers find the fills; the stream is dialled again,
    and tells the next ones."""
    run, diary = begun(venue, Fault(kind="mute", venue=venue, on="user", at_s=20, for_s=1e6), symbols=("BTC-USDT",))
    run.run_for(50)
    drops = diary.drops(f"{venue}.main.private")
    assert len(drops) == 1
    assert 29 < drops[0] < 40
    assert differences(run) == []


@ALL
def test_a_stream_that_is_only_late_is_not_called_mute(venue: str) -> None:
    run, diary = begun(
        venue, Fault(kind="late_fill", venue=venue, at_s=5, count=0, every_s=1, for_s=5), symbols=("BTC-USDT",)
    )
    run.run_for(40)
    assert diary.drops(f"{venue}.main.private") == []
    assert run.stop()
    assert differences(run) == []


@ALL
def test_a_book_that_stays_crossed_is_asked_for_again(venue: str) -> None:
    """The venue never tells that its best bid is gone; the sequence has no gap."""
    run, diary = begun(
        venue, Fault(kind="ghost", venue=venue, symbol="BTC-USDT", at_s=1, for_s=1e6), symbols=("BTC-USDT",), every_s=0
    )
    run.run_for(0.5)
    name = f"{venue}:BTC-USDT"
    book = run.desk.books[name]
    longest_ns = 0
    for _ in range(6000):
        run.run_for(0.05)
        if book.crossed_ns:
            longest_ns = max(longest_ns, run.now_ns - book.crossed_ns)
        if any("crossed" in why for why in diary.lost(name)):
            break
    assert 2 * S <= longest_ns < 3.2 * S
    run.run_for(2)
    assert as_the_venue_has_it(run, venue, "BTC-USDT")


@ALL
def test_ids_that_start_lower_on_a_living_socket_are_followed(venue: str) -> None:
    run, diary = begun(
        venue, Fault(kind="restart", venue=venue, symbol="BTC-USDT", at_s=20), symbols=("BTC-USDT",), every_s=0
    )
    run.run_for(22)
    assert as_the_venue_has_it(run, venue, "BTC-USDT")
    assert diary.drops(venue) == []
    seq = run.desk.books[f"{venue}:BTC-USDT"].seq
    run.run_for(2)
    assert run.desk.books[f"{venue}:BTC-USDT"].seq > seq
