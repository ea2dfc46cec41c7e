"""Trades (prints) of venues: who is told of them, how they are subscribed, and that a replay sees the same."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from arbkit.core.desk import Desk
from arbkit.core.errors import ConfigError
from arbkit.core.tape import MAGIC, ReplayPort, TapeHead, TapeReader, TapeWriter, TapingDesk
from arbkit.core.tape import replay as replay_tape
from arbkit.core.trading.running import RunningStrategy
from arbkit.core.types import Leg, LinkSpec, Opportunity, Role, Side, Trade
from arbkit.strategies import TakerExecutor

A, B, ETH = "aa:BTC-USDT", "bb:BTC-USDT", "aa:ETH-USDT"


@pytest.fixture
def prints(kit):
    """A venue that also offers trades: beside the books where both are wanted, on a link of its own otherwise."""

    class Prints(kit.venue):
        def __init__(self, name: str = "aa", **how: Any) -> None:
            super().__init__(name, symbols=("BTC-USDT", "ETH-USDT"), **how)
            self.asked: list[list[str]] = []
            self.texts: list[Any] = []

        def links(self, instruments, account, trades=()):
            self.asked.append([one.id for one in trades])
            found = super().links(instruments, account)
            if trades:
                ids = [one.id for one in trades]
                found = [*found, LinkSpec(link=f"{self.venue}.trades", venue=self.venue, role=Role.PUBLIC, trades=ids)]
            return found

        def session(self, spec, catalogue, signer):
            made = super().session(spec, catalogue, signer)
            receive = made.receive
            made.receive = lambda data, now_ns: receive(
                self.texts[int(data)] if isinstance(data, str) else data, now_ns
            )
            return made

    return Prints


class Reader:
    """A duck: no base class. It keeps what it is told."""

    def __init__(self, *ids: str) -> None:
        self.ids = ids
        self.told: list[Trade] = []
        self.raises: Exception | None = None

    def instruments(self, catalogue):
        return catalogue.symbol("BTC-USDT")

    def trades(self, catalogue):
        return [catalogue[one] for one in self.ids]

    def on_trade(self, trade, view, now_ns):
        assert view.now_ns == now_ns
        if self.raises is not None:
            raise self.raises
        self.told.append(trade)

    def decide(self, view, touched, now_ns):
        return ()


def a_trade(instrument: str = A, number: int = 1) -> Trade:
    return Trade(instrument, Side.BUY, 100.0, 0.5, str(number))


def test_trades_reach_those_who_asked_for_them(kit, prints):
    """Each strategy gets the trades of its own instruments, in their order, at once; nobody else is disturbed."""
    one, two, none = Reader(A, ETH), Reader(A), kit.strategy()
    rig = kit.rig(prints(), kit.venue("bb"), strategies=[one, two, none]).boot()
    decided = len(none.touched)
    rig.say("aa.trades", a_trade(A, 1), a_trade(ETH, 2), a_trade(A, 3))
    rig.say("aa.public", a_trade(A, 4), a_trade("aa:ETH-BTC", 5))
    assert [trade.trade_id for trade in one.told] == ["1", "2", "3", "4"]
    assert [trade.trade_id for trade in two.told] == ["1", "3", "4"]
    assert len(none.touched) == decided, "a trade starts no decision"


def test_only_what_is_read_is_subscribed(kit, prints):
    """The adapter is asked for the trades of exactly these instruments, also of one whose book nobody wants."""
    venue = prints()
    rig = kit.rig(venue, kit.venue("bb"), strategies=[Reader(ETH)]).boot()
    assert venue.asked == [[ETH]]
    assert rig.desk.links["aa.trades"].spec.trades == [ETH]
    assert set(rig.desk.books) == {A, B}


def test_without_readers_an_adapter_is_asked_as_before(kit, prints):
    """A strategy without ``trades`` works, and adapters whose ``links`` has two parameters work."""
    venue = prints()
    rig = kit.rig(venue, kit.venue("bb")).boot()
    assert venue.asked == [[]]
    assert len(rig.trade()) == 2
    assert kit.rig(kit.venue("aa"), kit.venue("bb"), strategies=[Reader()]).boot().desk.venues["aa"].may_trade


def test_trades_wanted_later_get_a_link_of_their_own(kit, prints):
    """A venue whose catalogue comes late: its trades are subscribed then, and those of the others stay as they are."""
    reader = Reader()
    reader.trades = lambda catalogue: catalogue.symbol("ETH-USDT")
    aa, bb = prints(), prints("bb")
    rig = kit.rig(aa, bb, strategies=[reader])
    rig.mute = {"bb"}
    rig.run(16)
    assert aa.asked == [[ETH]]
    assert bb.asked == []
    rig.mute = set()
    rig.run(70)
    assert (aa.asked, bb.asked) == ([[ETH]], [["bb:ETH-USDT"]])
    rig.open("bb.trades")
    rig.say("bb.trades", a_trade("bb:ETH-USDT"))
    assert len(reader.told) == 1


def test_a_venue_without_trades_is_a_clear_error(kit):
    """The user reads which strategy, which venue, and what is missing."""
    rig = kit.rig(strategies=[Reader(A)])
    with pytest.raises(ConfigError, match=r"strategy s0: trades\(\) names aa, whose adapter offers no trades"):
        rig.run(1)


def test_trades_without_on_trade_are_a_clear_error(kit, prints):
    """Half of the two methods would be silence without a reason."""
    reader = Reader(A)
    reader.on_trade = None
    with pytest.raises(ConfigError, match=r"strategy s0: trades\(\) needs on_trade"):
        kit.rig(prints(), kit.venue("bb"), strategies=[reader]).run(1)


def test_a_strategy_that_raises_on_a_trade_is_out_and_the_other_reads_on(kit, prints):
    """As in ``decide``: it is stopped, counted and logged once; its deals would be finished."""
    bad, good = Reader(A), Reader(A)
    rig = kit.rig(prints(), kit.venue("bb"), strategies=[bad, good]).boot()
    bad.raises = ZeroDivisionError("bug")
    rig.say("aa.trades", a_trade(A, 1), a_trade(A, 2))
    assert [trade.trade_id for trade in good.told] == ["1", "2"]
    assert rig.desk.counters.strategy_faults == {"s0": 1}
    assert rig.log.of("strategy.failed")[0]["strategy"] == "s0"


def test_a_link_of_trades_alone_may_be_quiet(kit, prints):
    """Nobody trades for minutes: that is no lost subscription."""
    venue = prints()
    links = venue.links

    def quiet(instruments, account, trades=()):
        return [replace(one, quiet_ns=5 * kit.S) if one.trades else one for one in links(instruments, account, trades)]

    venue.links = quiet
    rig = kit.rig(venue, kit.venue("bb"), strategies=[Reader(A)]).boot()
    for _ in range(60):
        rig.run(1)
        rig.desk.activity("aa.trades", rig.now)
    assert ("drop", "aa.trades") not in [one[:2] for one in rig.port.log]


class Follower(Reader):
    """After a trade on aa it buys there and sells on bb, at its next decision."""

    def __init__(self) -> None:
        super().__init__(A)
        self.wanted = False

    def on_trade(self, trade, view, now_ns):
        super().on_trade(trade, view, now_ns)
        self.wanted = True

    def decide(self, view, touched, now_ns):
        if not self.wanted:
            return ()
        self.wanted = False
        legs = (
            Leg(instrument=A, side=Side.BUY, qty=0.1, px=100.2),
            Leg(instrument=B, side=Side.SELL, qty=0.1, px=99.9),
        )
        return [Opportunity(legs=legs, expected_net=1.0, asset="USDT", edge=0.01, seen_ns=now_ns)]


class Taped(TapingDesk):
    """A desk whose inputs are recorded; what a test reads is that of the desk itself."""

    def __init__(self, desk: Desk, tape: TapeWriter) -> None:
        super().__init__(desk, tape)
        self.desk = desk

    def __getattr__(self, name: str) -> Any:
        return getattr(self.desk, name)


def test_a_replay_reads_the_same_trades(kit, prints):
    """A strategy that acts on trades sends the same commands when the run's tape is replayed."""
    strategy = Follower()
    rig = kit.rig(prints(), prints("bb"), strategies=[strategy])
    head = TapeHead(began_ns=rig.now, code="0", seed=0, journal=0, setup=b"")
    tape, live = TapeWriter(head), rig.desk
    rig.desk = Taped(live, tape)

    def say(link: str, *outputs: Any) -> None:
        texts = rig.venues[link[:2]].texts
        texts.append(list(outputs))
        rig.desk.frame(link, str(len(texts) - 1), rig.now)
        rig.desk.read_end(link, rig.now)

    rig.say = say
    rig.boot()
    rig.say("aa.trades", a_trade())
    rig.book(A, 100.0, 100.1)
    assert len(rig.orders()) == 2
    tape.end(live.commands_hash(), rig.now)

    again = Follower()
    reader = TapeReader(MAGIC + tape.pack(tape.take()))
    port = ReplayPort(reader.head)
    running = RunningStrategy("s0", again, TakerExecutor())
    copy = Desk(replace(live.setup, strategies=[running]), port, head.began_ns)
    replay_tape(reader, copy, port)
    assert again.told == strategy.told
    assert copy.sender.commands == 2
    assert copy.commands_hash() == live.commands_hash()
