"""Every rule of the conformance kit for every installed venue."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from arbkit_binance.adapter import Binance
from arbkit_okx.adapter import Okx
from arbkit_okx.dialect import OkxDialect
from msgspec.structs import replace

from arbkit.core.protocols import Exchange
from arbkit.core.types import BookState, RejectReason, Role, VenueSettings
from arbkit.plugins import registry as plugins
from arbkit.sim.faults import Fault, FaultKind
from arbkit.testing.conformance import KINDS, RULES, NotRun, VenueUnderTest, run
from arbkit.testing.conformance.vector_rules import _payloads

INSTALLED = plugins.load(dialects=True)
SUBJECTS = {
    venue: VenueUnderTest(INSTALLED.exchange(venue), dialect) for venue, dialect in sorted(INSTALLED.dialects.items())
}


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if not {"recording", "vectors"} & {*rule.needs}])
@pytest.mark.parametrize("venue", SUBJECTS)
def test_rule(venue: str, name: str, record_property: Callable[[str, object], None]) -> None:
    """The adapter keeps the rule; its docstring says which. A rule that cannot be tested says why."""
    try:
        record_property("note", RULES[name](SUBJECTS[venue]) or "")
    except NotRun as reason:
        record_property("note", f"not run: {reason}")


FEEDS = [
    ("binance", {"depth": "100"}),
    ("binance", {"depth": "5000"}),
    ("okx", {"channel": "bbo-tbt"}),
    ("okx", {"channel": "books5"}),
    ("okx", {"channel": "books-l2-tbt"}),
    ("bybit", {"depth": "1"}),
    ("bybit", {"depth": "200"}),
    ("bybit", {"depth": "1000"}),
]


@pytest.mark.parametrize(("venue", "options"), FEEDS, ids=[f"{v}-{'-'.join(o.values())}" for v, o in FEEDS])
def test_other_feeds_are_as_true(venue: str, options: dict[str, str]) -> None:
    """Each book channel that can be chosen, also one that this account's tier refuses, gives the venue's true book."""
    RULES["book_reconnect"](replace(SUBJECTS[venue], options=options))


@pytest.mark.parametrize("channel", ["bbo-tbt", "books5"])
def test_okx_feeds_without_a_keep_alive_stay_up(channel: str) -> None:
    """These push nothing while nothing changes: our pings alone keep the link from being cut after 30 s."""
    RULES["quiet"](replace(SUBJECTS["okx"], options={"channel": channel}))


@pytest.mark.parametrize(("venue", "options"), FEEDS, ids=[f"{v}-{'-'.join(o.values())}" for v, o in FEEDS])
def test_other_feeds_survive_faults(venue: str, options: dict[str, str]) -> None:
    """Holes, drops, repeats, swaps and cut frames leave no book that was never the venue's, and none unhealed."""
    kinds: tuple[FaultKind, ...] = ("skip", "drop", "duplicate", "reorder", "corrupt")
    faults = tuple(Fault(kind=kind, at_s=3 + 8 * n, count=3, every_s=2) for n, kind in enumerate(kinds))
    solo = replace(SUBJECTS[venue], options=options).rig(faults=faults).boot(roles=(Role.PUBLIC, Role.REST))
    solo.run_for(120)  # healing again and again waits longer each time
    assert solo.judge.wrong == []
    assert solo.judge.compared > 100
    assert {book.state for book in solo.books.values()} == {BookState.SYNCED}


def test_every_rule_states_itself_and_has_a_kind() -> None:
    """A rule without a docstring would be one that nobody can read; each kind of the kit has a rule."""
    assert [name for name, rule in RULES.items() if not rule.about] == []
    assert {rule.kind for rule in RULES.values()} == set(KINDS)


def test_a_run_reports_each_rule_and_stops_at_none() -> None:
    """A rule that fails is a line of the table, with what was seen; the others still run. A rule that lacks something
    says what."""
    results = run(VenueUnderTest(Binance, OkxDialect), ["catalogue", "declared", "recording"])
    assert [(result.rule, result.outcome) for result in results] == [
        ("catalogue", "FAIL"),
        ("declared", "pass"),
        ("recording", "not run"),
    ]
    assert results[0].note
    assert results[2].note == "no --recording given"


VAGUE = [name for name in INSTALLED.dialects if not INSTALLED.exchange(name)(VenueSettings()).capabilities.end_reasons]


@pytest.mark.parametrize("name", VAGUE)
def test_reasons_of_an_end_that_are_declared_must_be_told(name: str) -> None:
    """``end_reasons`` is what the venue's reports say, not a wish."""

    def boastful(settings: VenueSettings) -> Exchange:
        made = INSTALLED.exchange(name)(settings)
        made.capabilities = replace(made.capabilities, end_reasons=True)
        return made

    results = run(VenueUnderTest(boastful, INSTALLED.dialect(name)), ["post_only", "query", "round_trips"])
    assert "FAIL" in {result.outcome for result in results}


def test_what_a_venue_cannot_tell_must_be_declared_as_it_is() -> None:
    """``tells_maker`` and ``vague`` excuse only a venue that tells less: OKX tells who was the maker, and that a
    pair is halted."""

    class Blind(Okx):
        capabilities = replace(Okx.capabilities, tells_maker=False)

    class Vague(OkxDialect):
        profile = dataclasses.replace(OkxDialect.profile, vague=frozenset({RejectReason.INSTRUMENT}))

    (maker,) = run(VenueUnderTest(Blind, OkxDialect), ["maker"])
    assert (maker.outcome, "'maker': False" in maker.note) == ("FAIL", True)
    (rejects,) = run(VenueUnderTest(Okx, Vague), ["rejects"])
    assert (rejects.outcome, "UNKNOWN" in rejects.note) == ("FAIL", True)


def test_an_id_that_is_a_part_of_the_vectors_time_is_no_difference() -> None:
    """The vector's id takes the place of the adapter's own, 1234567, and not of these digits in the time."""
    request = {"method": "GET", "path": "/o", "header time": "1781234567123"}
    own, theirs = (request | {"query": f"id={number}", "param id": number} for number in ("1234567", "99"))
    made = next(_payloads(b"1781234567123GET/o?id=1234567", own, theirs, "header "))
    assert made == b"1781234567123GET/o?id=99"


def test_rules_that_need_a_simulated_venue_say_so() -> None:
    """Without a dialect the market rules run, and every other rule names the reason."""
    results = run(VenueUnderTest(INSTALLED.exchange("okx")))
    assert {result.note for result in results if result.outcome == "not run"} == {
        "no simulated venue is registered",
        "no --recording given",
        "no --vectors given",
    }
    assert {result.rule for result in results if result.outcome != "not run"} == {
        "declared",
        "capability_card",
        "links",
        "options",
        "endpoints",
        "pure",
        "same_twice",
        "catalogue_garbage",
        "frame_garbage",
        "subscriptions",
        "pings",
    }
