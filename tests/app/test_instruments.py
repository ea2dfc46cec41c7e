"""``arbkit instruments``: what matches between venues, and why the rest does not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from arbkit.app.instruments import matches, symbols
from arbkit.core.market.identity import Identity
from arbkit.core.types import Catalogue, Instrument

ARBKIT = Path(sys.executable).parent / "arbkit"
STEP = Decimal("0.01")


def one(venue: str, symbol: str, **rest: Any) -> Instrument:
    base, _, quote = symbol.removesuffix("-PERP").partition("-")
    made = {"venue": venue, "symbol": symbol, "native": symbol, "base": base, "quote": quote, **rest}
    return Instrument(tick=STEP, lot=STEP, **made)


def desk(*instruments: Instrument, same: Any = None) -> Any:
    identity = Identity(same)
    venue = SimpleNamespace(movable=lambda asset, direction: {"deposit": False}.get(direction))
    return SimpleNamespace(
        catalogue=Catalogue(instruments),
        view=SimpleNamespace(unlike=identity.unlike),
        venues={instrument.venue: venue for instrument in instruments},
    )


def rows(of: Any, symbol: str) -> dict[str, tuple[list[str], list[str]]]:
    return {row.instrument: (list(row.against), list(row.why)) for row in matches(of, symbol)}


def test_what_matches_and_what_is_only_related() -> None:
    """The symbol on each venue, then units, wrapped coins, other quotes and other contracts, each with its reason; what
    has nothing to do with it is left out."""
    found = rows(
        desk(
            one("aa", "PEPE-USDT"),
            one("bb", "PEPE-USDT"),
            one("cc", "PEPE-USDT", tradable=False, status="halted"),
            one("aa", "1000PEPE-USDT"),
            one("bb", "PEPE-USDC"),
            one("bb", "PEPE-USDT-PERP", kind="perp"),
            one("aa", "BTC-USDT"),
            one("aa", "PEPE-BTC"),
        ),
        "PEPE-USDT",
    )
    assert found == {
        "aa:PEPE-USDT": (["bb"], ["cc:PEPE-USDT is halted"]),
        "bb:PEPE-USDT": (["aa"], ["cc:PEPE-USDT is halted"]),
        "cc:PEPE-USDT": ([], ["cc:PEPE-USDT is halted"]),
        "aa:1000PEPE-USDT": ([], ["one 1000PEPE is 1000 PEPE: another unit"]),
        "bb:PEPE-USDC": ([], ["another quote asset: USDC is not USDT"]),
        "bb:PEPE-USDT-PERP": ([], ["another kind of contract: perp"]),
    }
    assert rows(desk(one("aa", "BTC-USDT"), one("aa", "WBTC-USDT")), "BTC-USDT")["aa:WBTC-USDT"] == (
        [],
        ["WBTC is a wrapped BTC: another asset"],
    )


def test_a_strange_ticker_is_shown_with_its_reason_until_it_is_confirmed() -> None:
    """In the list of one symbol, and in that of all."""
    listed = (one("aa", "XYZ-USDT"), one("bb", "XYZ-USDT"), one("aa", "BTC-USDT"), one("bb", "BTC-USDT"))
    against, (why,) = rows(desk(*listed), "XYZ-USDT")["aa:XYZ-USDT"]
    assert against == []
    assert 'set XYZ = ["aa", "bb"] in [same]' in why
    all_of = {row.symbol: (list(row.tradable), len(row.why)) for row in symbols(desk(*listed, one("aa", "ETH-USDT")))}
    assert all_of == {"BTC-USDT": (["aa", "bb"], 0), "XYZ-USDT": ([], 1)}
    assert rows(desk(*listed, same={"XYZ": ["aa", "bb"]}), "XYZ-USDT")["aa:XYZ-USDT"] == (["bb"], [])


def test_what_is_known_of_movability_is_shown() -> None:
    """Closed is not the same as not known."""
    (row, _) = matches(desk(one("aa", "BTC-USDT"), one("bb", "BTC-USDT")), "BTC-USDT")
    assert (row.deposit, row.withdraw) == (False, None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """A configuration for two simulated venues on loopback, and one that cannot be reached; and the keys."""
    path = tmp_path_factory.mktemp("listed")
    with subprocess.Popen([ARBKIT, "sim", "binance", "okx", "--json"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            venues = json.loads(process.stdout.readline())["venues"]
            text, env = 'mode = "live"\ndistributions = ["arbkit-binance", "arbkit-okx"]\n', {}
            for name, site in venues.items():
                text += f'[venues.{name}]\nenvironment = "sim"\n'
                for part in ("key", "secret", "passphrase"):
                    if site[part]:
                        env[f"{name}_{part}".upper()] = site[part]
                        text += f'{part} = "env:{f"{name}_{part}".upper()}"\n'
                urls = {key: url for key, url in site.items() if url and key.startswith(("rest", "ws_"))}
                text += "".join(f'endpoints.{key} = "{url}"\n' for key, url in urls.items())
            (path / "arbkit.toml").write_text(text)
            yield path, {**env, "PATH": "", "HOME": str(path)}
        finally:
            process.kill()


def listed(folder: tuple[Path, dict[str, str]], *words: str) -> tuple[int, str, str]:
    path, env = folder
    done = subprocess.run(
        [ARBKIT, "instruments", *words], cwd=path, env=env, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_the_command_reads_the_catalogues(folder: Any) -> None:
    """Without keys it is not known what can be moved; with them it is. A misspelt symbol gets the right one."""
    code, out, err = listed(folder, "--symbol", "BTC-USDT", "--json")
    assert (code, err) == (0, "")
    found = {row["instrument"]: row for row in json.loads(out)["instruments"]}
    assert found["binance:BTC-USDT"]["against"] == ["okx"]
    assert found["binance:BTC-USDT"]["deposit"] is None
    assert found["okx:BTC-USDC"]["why"] == ["another quote asset: USDC is not USDT"]
    code, out, err = listed(folder, "--symbol", "BTC-USDT", "--json", "--live")
    assert (code, err) == (0, "")
    assert {row["deposit"] for row in json.loads(out)["instruments"]} == {True}
    code, out, err = listed(folder, "--symbol", "BTCUSDT")
    assert (code, out, err) == (2, "", "no venue lists BTCUSDT; did you mean BTC-USDT?\n")
    code, out, _ = listed(folder)
    assert code == 0
    assert out.splitlines()[-1] == "12 symbols on two venues or more; 12 can be traded, 0 are watched only"
