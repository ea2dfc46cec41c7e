"""The kit is a judge: an adapter that is made to violate a rule fails it; without that change it keeps the rule."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import ccxt
import ccxt.pro
import pytest
from arbkit_okx.adapter import Okx
from arbkit_okx.dialect import OkxDialect
from msgspec.structs import replace
from mutants import BooksOnly, Reference, RestOnly, declared, mutants

from arbkit.adapters.chained import Chained
from arbkit.core.types import ClientIdScope, VenueSettings
from arbkit.testing.conformance import KINDS, RULES, Nonconforming, NotRun, VenueUnderTest, run
from arbkit.testing.recorder import record, write_frames
from arbkit.testing.recording import print_books

NOW_MS = 1_750_000_000_000
KEYS = {"apiKey": "arbkit-test-key", "secret": "arbkit-test-secret", "password": "arbkit-pass"}
LIMIT = ("create_order", "BTC/USDT", "limit", "buy", 0.0123, 65000.5)
CALLS: dict[str, tuple[Any, ...]] = {
    "balances": ("fetch_balance",),
    "order": (*LIMIT, {"timeInForce": "IOC", "clientOrderId": "byhand1"}),
    "cancel": ("cancel_order", "1234567890", "BTC/USDT"),
    "query": ("fetch_order", "1234567890", "BTC/USDT"),
    "open orders": ("fetch_open_orders", "BTC/USDT"),
}
MUTANTS = mutants()
BY_HAND = {"pure", "recording_faults"}
"""Rules whose mutants have tests of their own below."""


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seconds of the simulated venue, and the books after its frames, as the unchanged adapter reads them."""
    folder = tmp_path_factory.mktemp("recording")
    write_frames(folder / "frames.jsonl", record(Reference, OkxDialect, 5))
    lines: list[str] = []
    print_books(folder / "frames.jsonl", Reference(VenueSettings()), out=lines.append)
    (folder / "expected.jsonl").write_text("\n".join(lines[:-1]) + "\n")
    return folder / "frames.jsonl"


@pytest.fixture
def vectors(tmp_path: Path, ccxt_client: Any) -> Path:
    """What ccxt, an independent client, signs."""
    client = ccxt_client(ccxt.okx(KEYS), "BTC-USDT", NOW_MS)
    rest = []
    for name, call in CALLS.items():
        made = client.request(*call)
        request = {"method": made.method, "url": made.url, "headers": made.headers, "body": made.body or None}
        rest.append({"name": name, "requests": [request]})
    frame = ccxt_client(ccxt.pro.okx(KEYS), "BTC-USDT", NOW_MS).frame("authenticate")
    document = {
        "clock_ms": NOW_MS,
        "credentials": KEYS,
        "market": {"id": "BTC-USDT", "symbol": "BTC/USDT", "base": "BTC", "quote": "USDT"},
        "rest": rest,
        "ws": [{"name": "login", "frames": [{"url": "wss://ws.okx.com:8443/ws/v5/private", "frame": frame}]}],
    }
    (tmp_path / "signing.json").write_text(json.dumps(document))
    return tmp_path / "signing.json"


@pytest.mark.parametrize("name", MUTANTS)
def test_a_violation_fails_its_rule(name: str, recording: Path, vectors: Path) -> None:
    """The rule that is about it notices it."""
    rule, adapter = MUTANTS[name]
    with pytest.raises(Nonconforming):
        RULES[rule](VenueUnderTest(adapter, OkxDialect, recording=recording, vectors=vectors))


@pytest.mark.parametrize("rule", sorted(rule for rule in RULES if {"recording", "vectors"} & {*RULES[rule].needs}))
def test_the_reference_keeps_the_rule(rule: str, recording: Path, vectors: Path) -> None:
    """So it is the violation that a mutant fails for. ``test_rule`` has the other rules: the reference is the OKX
    adapter."""
    assert Reference.__bases__ == (Okx,)
    assert vars(Reference).keys() == vars(type("Same", (Okx,), {"__doc__": "."})).keys()
    RULES[rule](VenueUnderTest(Reference, OkxDialect, recording=recording, vectors=vectors))


@pytest.mark.parametrize("adapter", [RestOnly, BooksOnly])
def test_an_adapter_that_does_less_is_no_violation(adapter: type[Reference]) -> None:
    """Without order entry over WebSocket, and without orders: no rule takes for granted that these links exist."""
    about_links = ("links", "quiet", "clock", "venue_restart", "reborn", "reconnect", "login_refused", "secrets")
    rules = (*about_links, "endpoints", "frame_garbage", "same_twice", "unlisted_code", "lost_answers", "exact_numbers")
    results = run(VenueUnderTest(adapter, OkxDialect), rules)
    assert [(result.rule, result.note) for result in results if result.outcome == "FAIL"] == []
    assert {result.note for result in results if result.outcome == "not run"} <= {"the adapter routes no orders"}


def test_each_kind_of_rule_has_a_violation() -> None:
    """No kind is only believed."""
    caught = {RULES[rule].kind for rule, _ in MUTANTS.values()} | {RULES[rule].kind for rule in BY_HAND}
    assert caught == set(KINDS)


def test_an_exception_of_the_adapter_fails_the_rule_with_its_place() -> None:
    """The author finds the line: file and number of where it was raised."""

    class Bug(BooksOnly):
        def links(self, *args: Any) -> Any:
            raise TypeError("no")

    (result,) = run(VenueUnderTest(Bug), ["links"])
    line = Bug.links.__code__.co_firstlineno + 1
    assert (result.outcome, result.note) == ("FAIL", f"TypeError: no ({__file__}:{line})")


def test_a_book_that_ignores_gaps_fails_on_a_recording(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recorded frame is dropped, and the next one is applied all the same."""
    update = Chained.update

    def trusting(self: Any, message: Any, now_ns: int) -> Any:
        self._seq = message.prev
        return update(self, message, now_ns)

    subject = VenueUnderTest(Reference, OkxDialect, recording=recording)
    monkeypatch.setattr(Chained, "update", trusting)
    with pytest.raises(Nonconforming, match="is SYNCED and wrong after line"):
        RULES["recording_faults"](subject)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("import asyncio", "imports asyncio; .*loads asyncio"),
        ("def late():\n    from time import time", "imports time"),
        ("from arbkit_okx.dialect import OkxDialect", "loads arbkit.sim"),
    ],
)
def test_an_impure_module_fails(line: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also an import inside a function; also one of the simulator."""
    (tmp_path / "impure_venue.py").write_text(f"from arbkit_okx.adapter import Okx\n{line}\nclass Mine(Okx): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("impure_venue", None)
    import impure_venue  # type: ignore[import-not-found]  # written above

    with pytest.raises(Nonconforming, match=words):
        RULES["pure"](VenueUnderTest(impure_venue.Mine))


def test_ids_declared_as_taken_for_ever_are_tried_again() -> None:
    """``client_id_scope`` is judged: this venue takes the id of an order that has ended."""
    with pytest.raises(Nonconforming, match="was reused"):
        RULES["duplicate"](VenueUnderTest(declared(client_id_scope=ClientIdScope.ALWAYS), OkxDialect))
    with pytest.raises(NotRun, match="client_id_scope"):
        RULES["duplicate"](VenueUnderTest(declared(client_id_scope=ClientIdScope.NONE), OkxDialect))


def test_a_book_without_a_check_is_not_expected_to_notice_gaps(recording: Path) -> None:
    """``book_check`` says whether lost frames can be noticed at all."""
    subject = VenueUnderTest(declared(book_check="none"), OkxDialect, recording=recording)
    for rule in ("book_faults", "recording_faults"):
        with pytest.raises(NotRun, match="book_check"):
            RULES[rule](replace(subject))
