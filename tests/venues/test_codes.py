"""The error tables of the venues against ccxt's, which other people wrote.

``CODES`` of a venue's facts explains each difference: reason -> codes (a range covers the codes of another product). An
explanation that explains nothing any more fails too.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Iterable, Iterator
from typing import Any

import ccxt
import pytest

from arbkit.venue import RejectReason, Verdicts

NOTHING = "ambiguous"
"""What a listed code means that proves nothing."""
REFUSED = frozenset(reason.value for reason in RejectReason if reason.definite)
MEANINGS = {
    "InsufficientFunds": {"insufficient_funds"},
    "OrderImmediatelyFillable": {"post_only"},
    "DuplicateOrderId": {"duplicate"},
    "OrderNotFound": {"unknown_order"},
    "CancelPending": {"unknown_order"},
    "ContractUnavailable": {"instrument"},
    "InvalidOrder": {"bad_price", "bad_qty", "min_notional", "post_only", "no_match", "other"},
    "RateLimitExceeded": {"throttled"},
    "DDoSProtection": {"throttled"},
    "InvalidNonce": {"clock"},
    "RequestTimeout": {NOTHING},
    "OnMaintenance": {NOTHING},
    "NetworkError": {NOTHING},
    "RestrictedLocation": {"auth", "instrument"},
    "AuthenticationError": {"auth", "login"},
    "MarketClosed": {"instrument"},
    "OperationFailed": {NOTHING},
    "OperationRejected": REFUSED,
    "BadSymbol": {"instrument"},
    "ArgumentsRequired": {"other"},
    "NotSupported": {"other", "instrument"},
    "BadRequest": {"other"},
    "ExchangeError": {"other", NOTHING},
}
"""An error class of ccxt -> our meanings that agree with it. A class that is not here means what its base class means:
``PermissionDenied`` and ``AccountSuspended`` are AuthenticationErrors, ``ExchangeNotAvailable`` is a NetworkError."""
TABLE = "verdicts"


def test_a_venue_with_a_table_explains_its_differences(venue: Any) -> None:
    """A venue whose package has ``verdicts`` has ``CODES`` among its facts, so that the comparison runs."""
    has_table = importlib.util.find_spec(f"{venue.package}.{TABLE}") is not None
    assert has_table == hasattr(venue.facts, "CODES")


@pytest.mark.needs("CODES")
def test_the_table_differs_from_ccxts_only_where_it_is_explained(venue: Any) -> None:
    """Each code of ccxt is in the table with a meaning that agrees, or has a reason in ``CODES``."""
    differences = dict(_differences(_table(venue), venue.name))
    explained = set(_explained(venue))
    assert {code: why for code, why in differences.items() if code not in explained} == {}


@pytest.mark.needs("CODES")
def test_no_explanation_is_out_of_date(venue: Any) -> None:
    """A single code still differs; a range holds a difference, and no code that agrees; no code has two reasons."""
    differences = dict(_differences(_table(venue), venue.name))
    agreed = set(_theirs(venue.name)) - set(differences)
    for reason, codes in venue.facts.CODES.items():
        for entry in codes:
            spread = _spread(entry)
            assert differences.keys() & spread, f"{entry} ({reason}) does not differ from ccxt any more"
            assert not agreed & spread, f"{entry} ({reason}) covers codes that agree with ccxt"
    everything = [code for code in _explained(venue) if code in differences]
    assert len(everything) == len(set(everything))


@pytest.mark.needs("CODES")
def test_only_a_proof_is_lasting(venue: Any) -> None:
    """A code or text that is marked as lasting is a definitive refusal, and no throttle and no duplicate is one."""
    table = _table(venue)
    verdicts = [*table.by_code.values(), *(table.of(code, text) for code, text in _sayings(table))]
    assert any(verdict.lasting for verdict in verdicts)
    for verdict in verdicts:
        assert verdict.proved or not verdict.lasting
        assert verdict.proved == (verdict.reason is not None and verdict.reason.definite)


def _table(venue: Any) -> Verdicts:
    table: Verdicts = importlib.import_module(f"{venue.package}.{TABLE}").VERDICTS
    return table


def _theirs(name: str) -> dict[str, type[Exception]]:
    """What ccxt makes of each code or text of this venue's spot API."""
    errors = getattr(ccxt, name)().exceptions
    found: dict[str, type[Exception]] = {}
    for part in (errors, errors.get("spot", {})):
        for kind in ("broad", "exact"):
            found |= part.get(kind, {})
    return found


def _differences(table: Verdicts, name: str) -> Iterator[tuple[str, str]]:
    """(code, how the two tables differ)"""
    ours: dict[str, set[str]] = {str(code): {_meaning(table, code)} for code in table.codes}
    for code, error in _theirs(name).items():
        wanted = next(MEANINGS[base.__name__] for base in error.__mro__ if base.__name__ in MEANINGS)
        found = ours.get(code) if re.fullmatch(r"-?\d+", code) else _meanings_of(table, code)
        if not found:
            yield code, f"ccxt: {error.__name__}, not in the table"
        elif not found <= wanted:
            yield code, f"ccxt: {error.__name__}, here: {', '.join(sorted(found))}"


def _meaning(table: Verdicts, code: int | str) -> str:
    if code in table.ok:
        return "ok"
    if code in table.login:
        return "login"
    if code in table.gone or code in table.absent or code in table.ended:
        return RejectReason.UNKNOWN_ORDER.value
    reason = table.of(code).reason
    return NOTHING if reason is None else reason.value


def _meanings_of(table: Verdicts, text: str) -> set[str]:
    """What a text means with the codes whose text decides."""
    fits = {code for code, words in _sayings(table) if words.lower() in text.lower()}
    reasons = {table.of(code, text).reason for code in fits}
    return {reason.value for reason in reasons if reason is not None}


def _sayings(table: Verdicts) -> Iterable[tuple[int | str, str]]:
    return [(code, saying.words) for code, sayings in table.sayings.items() for saying in sayings]


def _explained(venue: Any) -> Iterator[str]:
    for codes in venue.facts.CODES.values():
        for entry in codes:
            yield from _spread(entry)


def _spread(entry: int | str | range) -> set[str]:
    """The codes that an entry names."""
    return {str(code) for code in entry} if isinstance(entry, range) else {str(entry)}
