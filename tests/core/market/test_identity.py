"""Which assets of two venues are one and the same, and what is said where that is not known."""

from __future__ import annotations

from decimal import Decimal

import pytest

from arbkit.core.market.identity import Identity, relative
from arbkit.core.market.majors import MAJORS, WRAPPED
from arbkit.core.types import Instrument

D = Decimal("0.01")
ONE, OTHER, THIRD = (f"0x{digit * 40}" for digit in "abc")


def on(venue: str, symbol: str) -> Instrument:
    base, quote = symbol.split("-")
    return Instrument(venue=venue, symbol=symbol, native=symbol, base=base, quote=quote, tick=D, lot=D)


def unlike(identity: Identity, symbol: str) -> str:
    return identity.unlike(on("aa", symbol), on("bb", symbol))


def test_majors_are_the_same_everywhere() -> None:
    """Base and quote are both judged; one unknown asset is enough."""
    identity = Identity()
    assert unlike(identity, "BTC-USDT") == ""
    assert unlike(identity, "ETH-EUR") == ""
    assert "XYZ is the same asset on aa and bb" in unlike(identity, "XYZ-USDT")
    assert "XYZ is the same asset on aa and bb" in unlike(identity, "BTC-XYZ")


def test_on_one_venue_there_is_no_question() -> None:
    """A ticker means one asset there, so a triangle on it needs no proof."""
    assert Identity().unlike(on("aa", "XYZ-USDT"), on("aa", "XYZ-BTC")) == ""


def test_only_what_both_name_is_compared() -> None:
    """Two instruments without a common asset can be in one deal."""
    assert Identity().unlike(on("aa", "XYZ-USDT"), on("bb", "ABC-EUR")) == ""
    assert "XYZ" in Identity().unlike(on("aa", "XYZ-USDT"), on("bb", "ABC-XYZ"))


def test_the_text_says_what_to_do() -> None:
    """The line that it asks for makes the asset known, on these venues only."""
    text = unlike(Identity(), "XYZ-USDT")
    assert 'set XYZ = ["aa", "bb"] in [same]' in text
    identity = Identity({"XYZ": ["aa", "bb"]})
    assert unlike(identity, "XYZ-USDT") == ""
    assert identity.unlike(on("aa", "XYZ-USDT"), on("cc", "XYZ-USDT")) != ""


@pytest.mark.parametrize(
    ("mine", "theirs", "known"),
    [
        ([ONE], [ONE.upper().replace("X", "x")], True),
        ([ONE, OTHER], [THIRD, OTHER], True),
        ([ONE], ["aaaaaa"], True),
        ([ONE], ["aaaaa"], False),
        ([ONE], ["bbbbbb"], False),
        ([ONE], [OTHER], False),
        ([ONE], [], False),
        ([], [], False),
    ],
    ids=["same", "one of several", "its end", "too short an end", "another end", "another", "one tells", "none tells"],
)
def test_contracts_prove_that_an_asset_is_the_same(mine: list[str], theirs: list[str], known: bool) -> None:
    """One common address is enough; a venue may tell only the end of it (six characters)."""
    identity = Identity()
    assert unlike(identity, "XYZ-USDT")  # what was asked before the venues told counts no more
    identity.told("aa", "XYZ", mine)
    identity.told("bb", "XYZ", theirs)
    assert (unlike(identity, "XYZ-USDT") == "") is known


def test_a_clash_names_both_contracts() -> None:
    """So that a person can look them up."""
    identity = Identity()
    identity.told("aa", "XYZ", [ONE])
    identity.told("bb", "XYZ", [OTHER])
    text = unlike(identity, "XYZ-USDT")
    assert ONE in text
    assert OTHER in text


def test_a_token_of_another_project_under_a_major_ticker() -> None:
    """The issuer's contracts are in the table: a venue that tells only others means another asset, or a version that
    cannot be moved to the rest. The user can overrule it."""
    text = (
        f"PEPE is perhaps another asset: bb tells the contract {THIRD}, which is none of Pepe (pepe.vip); "
        'if you know that it is, set PEPE = ["aa", "bb"] in [same]'
    )
    for identity, said in ((Identity(), text), (Identity({"PEPE": ["aa", "bb"]}), "")):
        identity.told("aa", "PEPE", MAJORS["PEPE"].contracts)
        identity.told("bb", "PEPE", [THIRD])
        assert unlike(identity, "PEPE-USDT") == said
        identity.told("bb", "PEPE", [THIRD, MAJORS["PEPE"].contracts[0][-6:]])
        assert unlike(identity, "PEPE-USDT") == ""


def test_a_coin_of_its_own_chain_may_be_a_token_elsewhere() -> None:
    """Venues list BTC on other chains too; that proves nothing against it."""
    identity = Identity()
    identity.told("aa", "BTC", [ONE])
    identity.told("bb", "BTC", [OTHER])
    assert unlike(identity, "BTC-USDT") == ""


@pytest.mark.parametrize(
    ("asset", "other", "text"),
    [
        ("PEPE", "1000PEPE", "one 1000PEPE is 1000 PEPE: another unit"),
        ("BABYDOGE", "1MBABYDOGE", "one 1MBABYDOGE is 1000000 BABYDOGE: another unit"),
        ("kSHIB", "SHIB", "one kSHIB is 1000 SHIB: another unit"),
        ("BTC", "WBTC", "WBTC is a wrapped BTC: another asset"),
        ("STETH", "ETH", "STETH is a wrapped ETH: another asset"),
        ("BTC", "BTC", ""),
        ("BTC", "BCH", ""),
        ("INCH", "1INCH", ""),
        ("AVA", "KAVA", ""),
    ],
)
def test_units_and_wrapped_coins_are_named(asset: str, other: str, text: str) -> None:
    """They have tickers of their own, so they are never traded against each other; the reason can be shown."""
    assert relative(asset, other) == relative(other, asset) == text


def test_the_table_is_consistent() -> None:
    """Each entry has its evidence; addresses are whole; a wrapped coin is no major."""
    for asset, major in MAJORS.items():
        assert asset == asset.upper()
        assert major.name
        assert major.evidence
        for address in major.contracts:
            assert (address.startswith("0x") and len(address) == 42) or 32 <= len(address) <= 44
    assert not WRAPPED.keys() & MAJORS.keys()
    assert set(WRAPPED.values()) <= MAJORS.keys()
