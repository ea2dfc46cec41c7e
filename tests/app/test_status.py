"""What ``arbkit run`` says while it waits for its end."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from arbkit_binance.adapter import Binance
from arbkit_binance.dialect import BinanceDialect
from arbkit_okx.adapter import Okx
from arbkit_okx.dialect import OkxDialect

from arbkit import SpreadArb
from arbkit.app.ending import last_words
from arbkit.app.plan import RunPlan, VenuePlan, make_desk
from arbkit.app.status import Watch, waits
from arbkit.core.runtime.supervisor import Ending
from arbkit.core.types import Mode, VenueSettings
from arbkit.monitor.picture import Picture
from arbkit.monitor.redactor import PROCESS
from arbkit.sim.faults import Fault
from arbkit.testing.simulated import simulate


def test_a_stop_says_what_it_waits_for() -> None:
    """An order that never arrived: the deal, the order and the time that its proof needs are told at once and then
    every five seconds, with the end of the grace time; nothing more once all is over."""
    faults = [Fault(kind="lose_request", venue="okx", count=1)]
    strategy = SpreadArb(symbols=("BTC-USDT",), min_edge=0.0003, max_notional=150.0)
    run = simulate(strategy, {Binance: BinanceDialect, Okx: OkxDialect}, faults=faults)
    run.run_for(60, lambda: bool(run.desk.unresolved()))
    (order,) = run.desk.unresolved()
    stopped_ns = run.now_ns
    run.desk.stop(stopped_ns)
    told: list[tuple[int, dict[str, Any]]] = []
    runtime: Any = SimpleNamespace(
        stops=1,
        rests={},
        clock=SimpleNamespace(now_ns=lambda: run.now_ns),
        ends_ns=lambda desk: stopped_ns + 60 * 10**9,
    )
    watch = Watch(run.desk, runtime, lambda event, **fields: told.append((run.now_ns, {"event": event, **fields})))
    seconds = 0
    while not run.desk.idle:
        watch.tell_waits()
        run.run_for(1)
        seconds += 1
    watch.tell_waits()
    assert {fields["event"] for _, fields in told} == {"desk.waits"}
    assert len(told) == (seconds + 4) // 5
    first, later = told[0][1], told[-1][1]
    assert first["at_most_s"] == 60
    assert later["at_most_s"] < 60
    assert any(re.fullmatch(rf"deal {order.intent.deal} \(.*\) is in_doubt", text) for text in first["what"])
    (proof,) = (text for text in first["what"] if order.cl_ord_id in text)
    found = re.fullmatch(r"order \w+ \(okx:BTC-USDT\) is unknown, proved in (\d+) s at the latest if .*", proof)
    assert found
    assert seconds <= int(found[1]) + 5
    assert waits(run.desk, run.now_ns) == []


def test_held_deals_are_told_at_once_and_every_minute() -> None:
    """Each with its present reason, by every run, until none is left; a later one is told at once again."""
    told: list[dict[str, Any]] = []
    held: list[Any] = []
    desk: Any = SimpleNamespace(held=lambda: held, venues={})
    runtime: Any = SimpleNamespace(stops=0, rests={})
    watch = Watch(desk, runtime, lambda event, **fields: told.append({"event": event, **fields}))
    watch.tell_held()
    assert told == []
    held.append(SimpleNamespace(id=7, pair="a:X-Y+b:X-Y", why="1 X unhedged"))
    for _ in range(60):
        watch.tell_held()
    assert told == [{"event": "deal.held", "deal": 7, "pair": "a:X-Y+b:X-Y", "why": "1 X unhedged"}]
    held[0].why = "0.4 X unhedged"
    watch.tell_held()
    assert [row["why"] for row in told] == ["1 X unhedged", "0.4 X unhedged"]
    left = held.pop()
    watch.tell_held()
    held.append(left)
    watch.tell_held()
    assert len(told) == 3


def test_what_a_venue_says_of_itself_is_shown_without_secrets_and_control_characters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A refused login whose text repeats the key and drives the terminal: the reason that the header, ``arbkit top``,
    ``arbkit status`` and the API show has neither, nor has the reason why nothing is traded."""
    run = simulate(SpreadArb(symbols=("BTC-USDT",)), {Binance: BinanceDialect, Okx: OkxDialect})
    run.run_for(3)
    secret = run.world.sites["okx"].exchange.accounts["main"].secret
    monkeypatch.setattr(PROCESS, "_known", PROCESS._known)
    PROCESS.add(secret)
    run.desk.venues["okx"].readiness.stop(f"okx refused the key: \x1b]0;owned\x07\x1b[2J you sent {secret}")
    pictures: list[Picture] = []
    runtime: Any = SimpleNamespace(stops=0, rests={}, clock=SimpleNamespace(now_ns=lambda: run.now_ns))
    watch = Watch(run.desk, runtime, lambda event, **fields: None, show=pictures.append)
    watch.look()
    watch.paint()
    why = "stopped: okx refused the key: \\x1b]0;owned\\x07\\x1b[2J you sent ***"
    assert watch.why["okx"] == why
    assert [venue.why for venue in pictures[0].venues] == ["", why]
    assert why in pictures[0].idle
    assert all(why in one.text for one in watch.painter.reasons)


def test_the_desk_of_a_run_keeps_no_secret_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a venue says of an order goes into the journal and the history: the secrets that were read are struck before
    (``Setup.strike``)."""
    monkeypatch.setattr(PROCESS, "_known", PROCESS._known)
    PROCESS.add("open sesame, please")
    port: Any = SimpleNamespace()
    venue = VenuePlan(venue="okx", account="okx:main", environment="prod")
    made = {"okx": Okx(VenueSettings())}
    desk = make_desk(RunPlan(venues=[venue], target="none:None"), made, None, {}, port, 1)
    assert desk.setup.strike("bad passphrase: open sesame, please") == "bad passphrase: ***"


def test_a_tape_that_ends_early_is_told_at_once_and_once() -> None:
    """Not at the end of the run: who records for days can make room."""
    tape: Any = SimpleNamespace(failure="", path="run.tape")
    runtime: Any = SimpleNamespace(tape=tape)
    told: list[Any] = []
    desk: Any = SimpleNamespace()
    watch = Watch(desk, runtime, lambda event, **fields: told.append((event, fields)))  # type: ignore[arg-type]
    watch.tell_tape()
    tape.failure = "the disk is full"
    watch.tell_tape()
    watch.tell_tape()
    assert told == [("run.capture", {"file": "run.tape", "why": "the disk is full"})]


def test_pairs_with_the_same_reason_are_one_line() -> None:
    """The end of a run that traded nothing is no list of the same sentence."""
    strategy = SpreadArb(symbols=("BTC-USDT", "ETH-USDT"), min_edge=0.02)
    run = simulate(strategy, {Binance: BinanceDialect, Okx: OkxDialect})
    run.run_for(5)
    run.desk.gate.restrict("binance", Mode.REDUCING, "a person asked for it", "person")
    said = str(last_words(run.desk, Ending.IDLE, 0, {}, as_json=False))
    told = [text for text in said.splitlines() if "not traded" in text]
    assert told == ["  binance:BTC-USDT>okx:BTC-USDT and 3 more pairs were not traded: mode: a person asked for it"]
