"""The short chaos run: seeds of all profiles, and a check that the judges notice a missing safeguard. ``make chaos``
does the rest."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from arbkit.plugins import registry as plugins
from arbkit.sim import Problem
from arbkit.sim.faults import Fault
from arbkit.sim.world import World
from arbkit.testing import chaos
from arbkit.testing.chaos.known import KNOWN, known
from arbkit.testing.chaos.mutants import MUTANTS, hunt, plan_of, planted
from arbkit.testing.chaos.shrink import shrink
from arbkit.testing.chaos.truth import Truth
from arbkit.testing.chaos.watched import START_NS

OTHERS = sorted(set(plugins.load(dialects=True).dialects) - {"binance", "bybit", "okx"})
BY_NAME = {mutant.name: mutant for mutant in MUTANTS}
FAST = (
    "an ack is a fill",
    "bans are ignored",
    "ids begin again at each start",
    "late frames are fresh",
    "no answer is a no",
    "the journal is written after the send",
    "the minimum notional is ignored",
    "the transit history is forgotten at a reconnect",
)
"""The mutants of the default gate: each is noticed within three seeds."""


@pytest.mark.parametrize(("profile", "seeds"), [("calm", range(4)), ("rough", range(8, 13)), ("storm", range(16))])
def test_seeds_of_the_foundation_hold_every_promise(subject, profile, seeds):
    """No judge says anything: one order per intent, equal ledgers, each fill once, nothing open, no wrong book, no cap
    exceeded, every alarm with a cause. Of the storms, each kind of fault fires and each recovery path is taken."""
    fired: Counter[str] = Counter()
    paths: Counter[str] = Counter()
    for seed in seeds:
        report = chaos.run(subject, seed, 20.0, profile=profile, kinds=chaos.FOUNDATION)
        assert not report.violations, str(report)
        fired.update(report.fired)
        paths.update(report.paths)
    assert paths["hedged"] > 10 * len(seeds)
    if profile == "storm":
        assert set(fired) == set(chaos.FOUNDATION)
        wanted = {"completed", "reversed", "unknown", "found again", "proved absent", "link lost", "link dropped"}
        wanted |= {"link behind", "bad frame", "book lost", "book stale", "throttled"}
        assert wanted <= set(paths)


@pytest.mark.parametrize("deals", ["staged", "triangle", "chain"])
def test_deals_in_waves_and_of_three_legs_hold_every_promise(subject, deals):
    """No judge says anything in a storm. ``make chaos`` plays many."""
    ended: Counter[str] = Counter()
    for seed in (2, 3):
        report = chaos.run(subject, seed, 12.0, kinds=chaos.FOUNDATION, deals=deals)
        assert not report.violations, str(report)
        ended.update(report.deals)
    assert ended["hedged"] > 10


def test_a_crash_between_two_waves_is_recovered(subject):
    """Three legs one after the other, and a process that dies when an order has left or is about to: the next one knows
    all legs, and works off what is open."""
    report = chaos.run(subject, 1, 30.0, kinds=("crash", "crash_loop"), deals="chain")
    assert not report.violations, str(report)
    assert report.fired["crash"] >= 2


def test_the_judges_see_every_rate_limit_of_a_venue(everyone):
    """Also a counter of the venue's own kind: Kraken's goes down by half a unit a second."""
    dialects = [dialect for dialect in everyone.dialects if dialect.venue in ("kraken", "okx")]
    world = World(dialects, seed=1, start_ns=START_NS)
    truth = Truth(world)
    assert truth.over_limits() == {"kraken": (0, 0), "okx": (0, 0)}
    calls = world.sites["kraken"].dialect._calls
    main = world.sites["kraken"].exchange.accounts["main"]
    for _ in range(21):
        with suppress(Problem):
            calls.admit(SimpleNamespace(account=main, now_ns=START_NS), *calls.private["OpenOrders"][1:])
    assert truth.over_limits() == {"kraken": (0, 1), "okx": (0, 0)}


def test_a_refusal_that_does_not_repeat_the_id_is_an_answer(everyone):
    """Bitget's errors have no data: the judges must not take an order that was refused for one of which nothing was
    heard."""
    halts = [Fault(kind="halt", venue="bitget", at_s=3, count=0, every_s=8, on="reply", for_s=5)]
    report = chaos.run(everyone, 0, 30.0, faults=halts, venues=("okx", "bitget"))
    assert not report.violations, str(report)
    assert report.fired["halt"] > 1


@pytest.mark.parametrize("venue", OTHERS)
def test_each_other_venue_holds_every_promise(everyone, venue):
    """Beside OKX, in calm weather of the foundation."""
    for seed in range(2):
        report = chaos.run(everyone, seed, 20.0, profile="calm", kinds=chaos.FOUNDATION, venues=(venue, "okx"))
        assert not report.violations, str(report)


def test_a_crash_is_recovered_from_the_journal(subject):
    """Processes that die at any point of the journal, also with a torn record, and with power lost: no new
    violation."""
    for seed in range(3):
        report = chaos.run(subject, seed, 60.0, kinds=("crash", "power_cut"))
        assert all(known(report.plan, one) for one in report.violations), str(report)
        assert report.fired["crash"] == 2


def test_seed_repeats_byte_for_byte(subject):
    """The same seed: the same plan, the same faults, the same commands, over a restart too."""
    first, second = (chaos.run(subject, 3, 15.0, profile="rough") for _ in range(2))
    assert first.plan == second.plan
    assert first.fired == second.fired
    assert first.orders
    assert first.commands_hash == second.commands_hash
    assert first.violations == second.violations


def test_failing_seed_prints_a_plan_that_plays_it_again_and_is_shrunk(subject):
    """The printed plan is read back and breaks the same promise; a smaller plan with a tenth of its faults does too."""
    mutant = BY_NAME["every copy of a fill counts"]
    with planted(mutant):
        report = chaos.play(subject, replace(plan_of(mutant, 1, subject.venues), seconds=5.0))
        again = chaos.play(subject, chaos.read_plan(str(report.plan)))
        judge = report.violations[0].judge
        small = shrink(report.plan, judge, lambda plan: chaos.play(subject, plan), most=10)
        assert any(one.judge == judge for one in chaos.play(subject, small).violations)
    assert report.violations
    assert again.violations == report.violations
    assert str(report.plan) in str(report)
    assert len(small.faults) < len(report.plan.faults)
    assert small.seconds < report.plan.seconds


@pytest.mark.parametrize("name", FAST)
def test_missing_safeguard_is_noticed(subject, name):
    """The judges notice within three seeds; ``make chaos`` hunts the others."""
    caught = hunt(BY_NAME[name], subject, most=3)
    assert caught.seeds, f"{name} was not noticed"


def test_every_mutant_that_cannot_be_noticed_says_why():
    """A row of the table either is noticed or has a reason; its promise is a sentence."""
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    assert all(mutant.promise and mutant.patches for mutant in MUTANTS)


EXAMPLES = {}


def example(subject, seed, kinds):
    """Several rows have the same example: it is run once."""
    if (seed, kinds) not in EXAMPLES:
        EXAMPLES[seed, kinds] = chaos.run(subject, seed, kinds=kinds)
    return EXAMPLES[seed, kinds]


@pytest.mark.parametrize("row", KNOWN, ids=lambda row: f"{row.judge}-{row.weather[0]}")
def test_known_violation_still_happens(subject, row):
    """Each known violation has an example. When this fails, the desk was repaired: remove the row."""
    report = example(subject, row.seed, tuple(row.kinds or row.weather))
    assert any(row.fits(report.plan, one) for one in report.violations), f"repaired: {row.reason}"
    assert all(known(report.plan, one) for one in report.violations), str(report)


def test_a_known_violation_is_one_of_its_judge_sentence_and_weather(subject):
    """A row excuses no other judge, no other sentence, and nothing in other weather."""
    plan = chaos.draw(0, "storm", subject.venues, kinds=("delist", "crash"))
    text = "deal 1848639488000009 is in_doubt"
    assert known(plan, chaos.Violation("deals", text))
    assert not known(plan, chaos.Violation("open", text))
    assert not known(plan, chaos.Violation("deals", "deal 1848639488000009 is unwinding"))
    assert not known(replace(plan, kinds=("crash",)), chaos.Violation("deals", text))


def test_no_violation_of_the_foundation_is_known():
    """The foundation's weather must have none, so no row may excuse one."""
    assert not {kind for row in KNOWN for kind in (*row.weather, *row.also)} & set(chaos.FOUNDATION)


def test_rough_day_is_hedged(subject):
    """1 % of the orders and 0.5 % of the answers are lost, links are cut: at least 97 % of the deals are flat within 2
    s."""
    flat = total = 0
    for seed in range(2):
        report = chaos.run(subject, seed, 40.0, profile="rough", kinds=chaos.FOUNDATION)
        assert not report.violations, str(report)
        total += sum(report.deals.values())
        flat += report.flat_in_time
    assert total > 100
    assert flat / total >= 0.97


def test_judges_are_silent_only_about_what_is_right(subject):
    """A world that is wrong is noticed: money appears at a venue, and nobody told of it."""

    def gift(run):
        site = run.world.sites["okx"]
        run._later(20_000_000_000, lambda: site.exchange.ledger.deposit("main", "BTC", 10**12))

    report = chaos.run(subject, 2, 30.0, faults=[], venues=("okx", "bybit"), prepare=gift)
    assert "told" in {one.judge for one in report.violations}
    assert not chaos.play(subject, replace(report.plan)).violations


def test_what_stays_naked_in_doubt_is_told(subject):
    """A venue removed the symbol of an order in doubt: its deal stays naked, and an alarm says so. Without the alarm
    the judge objects."""

    class Told(set):
        def __contains__(self, one):
            return True

    def mute(run):
        run.desk.engine._told_naked = Told()

    kinds = ("lose_request", "delist")
    assert "told" not in {one.judge for one in example(subject, 2, kinds).violations}
    assert "told" in {one.judge for one in chaos.run(subject, 2, kinds=kinds, prepare=mute).violations}
