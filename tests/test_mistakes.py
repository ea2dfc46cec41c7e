"""A user's mistakes, each with the message that it gives where it was made: never a traceback, never silence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from arbkit_binance.adapter import Binance
from arbkit_binance.dialect import BinanceDialect
from arbkit_okx.adapter import Okx
from arbkit_okx.dialect import OkxDialect
from msgspec.structs import replace

from arbkit import ConfigError, Leg, Opportunity, Side, SpreadArb, Strategy, cli
from arbkit.core.types import Catalogue
from arbkit.strategies import TakerExecutor
from arbkit.testing import simulate

VENUES: Any = {Binance: BinanceDialect, Okx: OkxDialect}
ONE = Opportunity(
    legs=(
        Leg(instrument="binance:BTC-USDT", side=Side.BUY, qty=0.001, px=70000.0),
        Leg(instrument="okx:BTC-USDT", side=Side.SELL, qty=0.001, px=50000.0),
    ),
    expected_net=1.0,
    asset="USDT",
    edge=0.01,
    seen_ns=0,
)


def legs(**change: Any) -> Opportunity:
    return replace(ONE, legs=[replace(ONE.legs[0], **change), ONE.legs[1]])


class Asks(Strategy):
    """Asks for a symbol and answers each decision with ``answer``."""

    symbol = "BTC-USDT"

    def __init__(self, answer: Any = (), symbol: str = "BTC-USDT", asked: Any = None) -> None:
        self.answer, self.symbol, self.asked = answer, symbol, asked

    def instruments(self, catalogue: Catalogue) -> Any:
        return catalogue.symbol(self.symbol) if self.asked is None else self.asked

    def decide(self, *_: Any) -> Any:
        return self.answer


class Silent(Strategy):
    def instruments(self, catalogue: Catalogue) -> Any:
        return catalogue.symbol("BTC-USDT")


class Blind(Strategy):
    def decide(self, *_: Any) -> Any:
        return ()


class Forgets(Asks):
    def instruments(self, catalogue: Catalogue) -> Any:
        catalogue.symbol("BTC-USDT")


class Raises(Asks):
    def decide(self, *_: Any) -> Any:
        return 1 / 0


@dataclass
class Mistake:
    made: Callable[[], Any]
    """Makes the strategy, or the mistake itself."""
    text: str
    kind: type[Exception] = ConfigError


STRATEGIES = {
    "no decide": Mistake(
        Silent,
        "strategy Silent: it has no decide(); write def decide(self, view, touched, now_ns) that returns the trades it "
        "proposes, () for none",
    ),
    "no instruments": Mistake(
        Blind,
        "strategy Blind: it has no instruments(); write def instruments(self, catalogue) that returns the instruments "
        "whose books it needs",
    ),
    "instruments() returns None": Mistake(
        Forgets,
        "strategy Forgets: instruments() returned None; return instruments of the catalogue, as "
        'catalogue.symbol("BTC-USDT")',
    ),
    "instruments() returns names": Mistake(
        lambda: Asks(asked=["BTC-USDT"]),
        "strategy Asks: instruments() returned 'BTC-USDT' in its list; return instruments of the catalogue, as "
        'catalogue.symbol("BTC-USDT")',
    ),
    "no instrument": Mistake(
        lambda: Asks(asked=[]),
        "strategy Asks: instruments() names no instrument: return instruments of the catalogue, as "
        'catalogue.symbol("BTC-USDT")',
    ),
    "a symbol without its hyphen": Mistake(
        lambda: Asks(symbol="BTCUSDT"),
        "strategy Asks: instruments() names no instrument: no venue lists BTCUSDT, did you mean BTC-USDT?",
    ),
    "a symbol that is misspelt": Mistake(
        lambda: SpreadArb(symbols=("btc/usdt",)),
        "strategy SpreadArb: btc/usdt needs two venues, no loaded venue has it (did you mean BTC-USDT?)",
    ),
    "decide() returns None": Mistake(
        lambda: Asks(None),
        "decide() returned None; return the trades that it proposes, () for none",
        TypeError,
    ),
    "decide() returns one Opportunity": Mistake(
        lambda: Asks(ONE),
        "decide() returned one Opportunity; return a sequence of them, as [opportunity]",
        TypeError,
    ),
    "decide() returns a bool": Mistake(
        lambda: Asks(True),
        "decide() returned True; return a sequence of Opportunity, () for none",
        TypeError,
    ),
    "decide() returns texts": Mistake(
        lambda: Asks(["buy"]),
        "decide() returned a sequence with 'buy' in it; return a sequence of Opportunity",
        TypeError,
    ),
    "a size that is no number": Mistake(
        lambda: Asks([legs(qty=float("nan"))]),
        "an Opportunity has a leg binance:BTC-USDT with qty nan: it must be above 0",
        ValueError,
    ),
    "a negative price": Mistake(
        lambda: Asks([legs(px=-1.0)]),
        "an Opportunity has a leg binance:BTC-USDT with px -1.0: it must be above 0",
        ValueError,
    ),
    "decide() raises": Mistake(Raises, "division by zero", ZeroDivisionError),
    "no venues": Mistake(
        lambda: simulate(SpreadArb(symbols=("BTC-USDT",)), {}),
        'simulate: no venues; pass their names, as ["binance", "okx"]',
    ),
    "a time that is no number": Mistake(
        lambda: TakerExecutor(spacing_s=float("nan")), "executor: tries and times must be numbers"
    ),
    "a setting that is negative": Mistake(
        lambda: SpreadArb(symbols=("BTC-USDT",), standing_s=-1.0),
        "strategy SpreadArb: standing_s: expected a number >= 0.0",
    ),
}


@pytest.mark.parametrize("mistake", STRATEGIES.values(), ids=STRATEGIES)
def test_a_mistake_in_a_strategy(mistake: Mistake) -> None:
    """Told by ``simulate`` or by the run that it makes, before or at the first decision."""
    with pytest.raises(mistake.kind) as caught:
        simulate(mistake.made(), VENUES).run_for(20)
    assert str(caught.value) == mistake.text


def test_what_a_strategy_raised_is_raised() -> None:
    """With the file and line of the strategy, for the author of the test; the run can go on without it."""
    run = simulate(Raises(), VENUES)
    with pytest.raises(ZeroDivisionError) as caught:
        run.run_for(20)
    assert Path(caught.traceback[-1].path).name == "test_mistakes.py"
    run.run_for(5)
    assert run.stop()


def test_one_misspelt_symbol_of_several_is_told() -> None:
    """The strategy runs with the others."""

    class Both(Asks):
        def instruments(self, catalogue: Catalogue) -> Any:
            return [*catalogue.symbol("BTC-USDT"), *catalogue.symbol("ETHUSDT")]

    rows: list[tuple[str, dict[str, Any]]] = []

    def log(event: str, /, **fields: Any) -> None:
        rows.append((event, fields))

    simulate(Both(), VENUES, log=log).run_for(5)
    assert [fields["why"] for event, fields in rows if event == "strategy.missed"] == [
        "no venue lists ETHUSDT, did you mean ETH-USDT?"
    ]


CONFIG = """
[venues.binance]
{venue}
[venues.okx]
[limits]
{limits}
"""
KEYS = {
    "venue: taker_fee = nan": "venues.binance.taker_fee: must be a number, not nan or inf",
    "venue: latency_ms = inf": "venues.binance.latency_ms: must be a number, not nan or inf",
    "venue: latency_ms = -5": "venues.binance.latency_ms: must not be negative",
    "venue: balances = { USDT = nan }": "venues.binance.balances.USDT: must be a number, not nan or inf",
    "venue: balances = { USDT = -1 }": "venues.binance.balances.USDT: must not be negative",
    'venue: movable = { BTC = "yes" }': "venues.binance.movable.BTC: expected true or false, got text",
    "venue: endpoint.rest = 'https://a.b'": "venues.binance.endpoint: is not a configuration key, did you mean "
    "'endpoints'?",
    "venue: endpoints.ws_pubilc = 'wss://a.b'": "venues.binance.endpoints.ws_pubilc: no such endpoint, "
    "did you mean 'ws_public'?",
    "limits: max_order_notinal = 3": "limits.max_order_notinal: is not a configuration key, did you mean "
    "'max_order_notional'?",
    "limits: max_deal_notional = nan": "limits.max_deal_notional: must be a number, not nan or inf",
    "limits: max_open_notional = -1": "limits.max_open_notional: must not be negative",
    "limits: unwind_allowance = 2": "limits.unwind_allowance: must be a fraction below 1 (0.01 is 1 %)",
    'limits: max_stock = { "okxx:BTC" = 3 }': "limits.max_stock.okxx:BTC: names 'okxx'; the venues are binance, okx",
    "limits: max_stock = { BTC = 3 }": 'limits.max_stock.BTC: must be "venue:ASSET", as "binance:BTC"',
    'limits: [same]\nPEPE = ["binance"]': 'same.PEPE: must name two venues or more, as ["binance", "okx"]',
    'limits: [same]\nPEPE = ["binance", "okxx"]': "same.PEPE: names 'okxx'; the venues are binance, okx",
}


@pytest.mark.parametrize("line", KEYS)
def test_a_mistake_in_the_configuration(line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``arbkit config check`` tells it and exits with 2."""
    where, _, text = line.partition(": ")
    file = tmp_path / "arbkit.toml"
    file.write_text(CONFIG.format(**{"venue": "", "limits": "", where: text}))
    with pytest.raises(SystemExit) as ended:
        cli.main(["config", "check", "--config", str(file)])
    assert ended.value.code == 2
    (told,) = capsys.readouterr().err.splitlines()[1:]
    assert told.partition(f"{file}")[2].lstrip("0123456789:") == f" {KEYS[line]}" or told == f"  {KEYS[line]}"


def test_one_mistake_hides_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A venue that cannot be made for its endpoints tells each of them, its missing passphrase and its unset key; a
    number that may be left out is called a number."""
    file = tmp_path / "arbkit.toml"
    file.write_text(
        'mode = "live"\ndistributions = ["arbkit-okx"]\napi.port = "x"\n'
        '[venues.okx]\nkey = "env:K"\nsecret = "env:K"\n'
        '[venues.okx.endpoints]\nrset = "https://a.b"\nws_pubic = "wss://a.b"\n'
    )
    file.chmod(0o600)
    monkeypatch.delenv("K", raising=False)
    with pytest.raises(SystemExit):
        cli.main(["config", "check", "--live", "--config", str(file)])
    told = [text.partition(f"{file}:")[2] for text in capsys.readouterr().err.splitlines()[1:]]
    assert told.pop(2) == "5: venues.okx.key: the variable K is not set (also venues.okx.secret)"
    assert told == [
        "3: api.port: expected a whole number, got text",
        "4: venues.okx.passphrase: is missing: this venue signs with one",
        "8: venues.okx.endpoints.rset: no such endpoint, did you mean 'rest'?",
        "9: venues.okx.endpoints.ws_pubic: no such endpoint, did you mean 'ws_public'?",
    ]


def test_a_run_without_venues_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``arbkit run`` and ``arbkit instruments`` alike."""
    file = tmp_path / "arbkit.toml"
    file.write_text('[strategy]\ntarget = "spread"\nparams = { symbols = ["BTC-USDT"] }\n')
    for command in ("run", "instruments"):
        with pytest.raises(SystemExit) as ended:
            cli.main([command, "--config", str(file)])
        assert ended.value.code == 2
        assert capsys.readouterr().err == "arbkit: no venues: add them to arbkit.toml, as [venues.binance]\n"


def test_a_capture_does_not_write_over_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It may be the only record of a run, or another run writes it now. Nothing of it is changed."""
    tape = tmp_path / "run.tape"
    tape.write_bytes(b"earlier")
    file = tmp_path / "arbkit.toml"
    file.write_text(
        f'state.folder = "{tmp_path}/state"\n[venues.binance]\n[venues.okx]\n'
        '[strategy]\ntarget = "spread"\nparams = { symbols = ["BTC-USDT"] }\n'
    )
    with pytest.raises(SystemExit) as ended:
        cli.main(["run", "--config", str(file), "--capture", str(tape), "--seconds", "0"])
    assert ended.value.code == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert told == f"arbkit: --capture {tape}: the file exists; name another one, or remove it first"
    assert tape.read_bytes() == b"earlier"
