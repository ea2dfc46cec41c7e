"""The error tables of the venues against ccxt's, which other people wrote.

Of a venue's facts, ``CODES`` explains each code that has another meaning here, and ``CODES_LEFT_OUT`` each code of ccxt
that the table lacks: reason -> codes (a range covers the codes of another product). An explanation that explains
nothing any more fails too.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Iterable
from functools import cache
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
_NUMBER, _LABEL = re.compile(r"-?\d+"), re.compile(r"[A-Za-z]+(_[A-Za-z]+)+")
"""How codes look: a number, or (of some venues) a label such as ``ORDER_NOT_FOUND``. Anything else is a text."""
TABLE = "verdicts"
"""The module of a venue's package that holds its table."""


def test_a_venue_with_a_table_explains_its_differences(venue: Any) -> None:
    """A venue whose package has ``verdicts`` has ``CODES`` among its facts, so that the comparison runs."""
    has_table = importlib.util.find_spec(f"{venue.package}.{TABLE}") is not None
    assert has_table == hasattr(venue.facts, "CODES")


@pytest.mark.needs("CODES", "CODES_LEFT_OUT")
def test_the_table_differs_from_ccxts_only_where_it_is_explained(venue: Any) -> None:
    """Each code of ccxt is in the table with a meaning that agrees, or has a reason among the facts."""
    for facts, differences in _differences(venue).items():
        entries = _entries(venue, facts)
        unexplained = {
            code: why for code, why in differences.items() if not any(_names(entry, code) for entry in entries)
        }
        assert unexplained == {}, facts


@pytest.mark.needs("CODES", "CODES_LEFT_OUT")
def test_no_explanation_is_out_of_date(venue: Any) -> None:
    """A single code still differs; a range holds such a code and no other of ccxt; no code has two reasons."""
    for facts, differences in _differences(venue).items():
        others = set(_theirs(venue.name)) - set(differences)
        for reason, codes in getattr(venue.facts, facts).items():
            for entry in codes:
                assert any(_names(entry, code) for code in differences), f"{reason}: {entry} is no difference any more"
                assert not [code for code in others if _names(entry, code)], f"{reason}: {entry}"
        for code in differences:
            assert sum(_names(entry, code) for entry in _entries(venue, facts)) <= 1, code


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


@cache  # a client is slow to make
def _theirs(name: str) -> dict[str, type[Exception]]:
    """What ccxt makes of each code or text of this venue's spot API."""
    errors = getattr(ccxt, name)().exceptions
    found: dict[str, type[Exception]] = {}
    for part in (errors, errors.get("spot", {})):
        for kind in ("broad", "exact"):
            found |= part.get(kind, {})
    return found


def _differences(venue: Any) -> dict[str, dict[str, str]]:
    """Name of the facts that explain it -> code -> how the two tables differ."""
    table = _table(venue)
    ours = {str(code): {_meaning(table, code)} for code in table.codes}
    labels = any(_LABEL.fullmatch(code) for code in ours)

    def is_code(code: str) -> bool:
        return bool(_NUMBER.fullmatch(code) or (labels and _LABEL.fullmatch(code)))

    found: dict[str, dict[str, str]] = {"CODES": {}, "CODES_LEFT_OUT": {}}
    for code, error in _theirs(venue.name).items():
        wanted = next(MEANINGS[base.__name__] for base in error.__mro__ if base.__name__ in MEANINGS)
        here = ours.get(code) or (set() if is_code(code) else _meanings_of(table, code))
        if not here:
            found["CODES_LEFT_OUT"][code] = f"ccxt: {error.__name__}"
        elif not here <= wanted:
            found["CODES"][code] = f"ccxt: {error.__name__}, here: {', '.join(sorted(here))}"
    return found


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


def _entries(venue: Any, facts: str) -> list[int | str | range]:
    return [entry for codes in getattr(venue.facts, facts).values() for entry in codes]


def _names(entry: int | str | range, code: str) -> bool:
    """Whether an entry names the code."""
    if isinstance(entry, range):
        return bool(_NUMBER.fullmatch(code)) and str(int(code)) == code and int(code) in entry
    return str(entry) == code
