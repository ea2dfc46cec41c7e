"""docs/conformance.md says what the kit does."""

from __future__ import annotations

import hmac
import re
from itertools import pairwise
from pathlib import Path

import pytest
from arbkit_okx.adapter import Okx

from arbkit.core.types import RejectReason
from arbkit.testing.conformance import KINDS, RULES, VenueUnderTest, run
from arbkit.testing.conformance.vectors import read_vectors

PAGE = (Path(__file__).parents[2] / "docs/conformance.md").read_text()
NEEDS = {
    "dialect": "simulated venue",
    "orders": "orders",
    "trades": "public trades",
    "recording": "`--recording`",
    "vectors": "`--vectors`",
}


def test_each_rule_is_described_under_its_kind() -> None:
    """Name, what it checks, what it needs; no rule is left out, and none is invented."""
    kinds = re.split(r"^### ", PAGE.partition("## The rules")[2].partition("## The kit")[0], flags=re.MULTILINE)[1:]
    assert [kind.partition("\n")[0].lower() for kind in kinds] == list(KINDS)
    for kind in kinds:
        rows = re.findall(r"^\| `(\w+)` \| (.*) \| (.*) \|$", kind, re.MULTILINE)
        assert rows == [
            (rule.name, rule.about.replace("``", "`"), ", ".join(NEEDS[need] for need in rule.needs) or "-")
            for rule in RULES.values()
            if rule.kind == kind.partition("\n")[0].lower()
        ]


def test_the_shown_results_are_real() -> None:
    """The three lines, for an adapter without a simulated venue."""
    block = PAGE.partition("```text\n")[2].partition("```")[0].splitlines()
    columns = [block[0].index(word) for word in ("rule", "kind", "result", "note")] + [None]
    shown = [[row[a:b].strip() for a, b in pairwise(columns)] for row in block[1:]]
    results = run(VenueUnderTest(Okx), [row[0] for row in shown])
    assert shown == [[result.rule, result.kind, result.outcome, result.note] for result in results]


def test_the_example_of_vectors_is_read_and_is_signed(tmp_path: Path) -> None:
    """With the key that it shows, in the way that an author would guess from it."""
    file = tmp_path / "signing.json"
    file.write_text(PAGE.partition("```json\n")[2].partition("```")[0])
    vectors = read_vectors(file)
    secret, stamp = vectors.credentials.secret.encode(), str(vectors.clock_ms)
    for call in vectors.rest:
        for request in call.requests:
            target = request.url.removeprefix("https://api.venue.example")
            payload = f"{stamp}{request.method}{target}{request.body or ''}"
            assert request.headers["X-SIGN"] == hmac.digest(secret, payload.encode(), "sha256").hex()
    (login,) = vectors.ws[0].frames
    assert login.frame["sign"] == hmac.digest(secret, f"{stamp}login".encode(), "sha256").hex()
    assert "made-up-secret" not in repr(vectors)


@pytest.mark.parametrize("reason", [reason for reason in RejectReason if reason is not RejectReason.GATE])
def test_each_reason_of_a_rejection_has_a_rule(reason: RejectReason) -> None:
    """The table names one for every class of refusal but our own gate's."""
    rows = re.findall(r"^\| (.*`[A-Z_]+`.*) \| (.*) \|$", PAGE.partition("Reason of a rejection")[2], re.MULTILINE)
    found = [name for reasons, rules in rows if f"`{reason.name}`" in reasons for name in re.findall(r"`(\w+)`", rules)]
    assert found
    assert set(found) <= set(RULES)
