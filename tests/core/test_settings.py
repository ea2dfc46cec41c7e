"""Settings of strategies: typed class attributes, and who outweighs whom."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest
from msgspec import Meta, Struct

from arbkit import ConfigError, Strategy, cli
from arbkit.app import target
from arbkit.config.load import StrategyConfig
from arbkit.core.settings import WrongSettings, settings_of, wrong
from arbkit.core.trading.hooks import check


class Way(Enum):
    UP = "up"
    DOWN = "down"


class Window(Struct):
    s: float
    least: int = 1


class Base(Strategy):
    def instruments(self, catalogue: Any) -> Any:
        return ()

    def decide(self, view: Any, touched: Any, now_ns: int) -> Any:
        return ()


class Mine(Base):
    LIMIT: ClassVar[int] = 5
    only_sell_on: str = "okx"
    ratio: Annotated[float, Meta(gt=1, le=20)] = 3.0
    count: int = 1
    on: bool = False
    side: Literal["buy", "sell", "both"] = "both"
    way: Way = Way.UP
    cash: Decimal = Decimal("0.5")
    symbols: Sequence[str] = ("BTC-USDT",)
    weights: Mapping[str, float] = {}
    window: Window = Window(s=1.0)
    _hidden: int = 3
    plain = 7


class Narrow(Mine):
    ratio = 2
    symbols = ["ETH-USDT"]
    deep: int = 2


def test_a_setting_is_a_public_name_with_a_type():
    """Of the class and its bases; nothing else."""
    names = ["only_sell_on", "ratio", "count", "on", "side", "way", "cash", "symbols", "weights", "window"]
    assert list(settings_of(Mine)) == names
    assert list(settings_of(Narrow)) == [*names, "deep"]
    assert settings_of(Base) == {}


def test_the_constructor_outweighs_the_class_and_the_class_its_base():
    """Each instance has converted values of its own."""
    made = Narrow(count=4)
    assert (made.ratio, made.symbols, made.count, made.deep, made.only_sell_on) == (2.0, ("ETH-USDT",), 4, 2, "okx")
    assert isinstance(made.ratio, float)
    assert (Mine().ratio, Mine.count) == (3.0, 1)


def test_text_of_variables_and_flags_stands_for_any_type():
    """As TOML scalars or as text; one name for a list of names."""
    made = Mine(
        only_sell_on=7, ratio="2.5", count="3", on="true", side="buy", way="down", cash="0.1", symbols="SOL-USDT"
    )
    assert (made.only_sell_on, made.ratio, made.count, made.on, made.side) == ("7", 2.5, 3, True, "buy")
    assert (made.way, made.cash, made.symbols) == (Way.DOWN, Decimal("0.1"), ("SOL-USDT",))
    made = Mine(cash=0.25, weights={"BTC": 1}, window={"s": 2, "least": 3})
    assert (made.cash, made.weights, made.window) == (Decimal("0.25"), {"BTC": 1.0}, Window(2.0, 3))


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"only_sel_on": "x"}, "only_sel_on: is no setting of Mine, did you mean 'only_sell_on'?"),
        ({"ratio": 1}, "ratio: expected a number > 1.0"),
        ({"ratio": float("inf")}, "ratio: expected a number <= 20.0"),
        ({"ratio": True}, "ratio: expected a number, got true or false"),
        ({"count": 1.5}, "count: expected a whole number, got a number"),
        ({"side": "none"}, "side: must be one of: buy, sell, both"),
        ({"way": "left"}, "way: must be one of: up, down"),
        ({"symbols": 5}, "symbols: expected a list, got a whole number"),
        ({"weights": {"BTC": "x"}}, "weights: expected a number, got text"),
        ({"window": {"least": 1}}, "window: object missing required field s"),
        ({"count": "x", "ratio": "y"}, "ratio: expected a number, got text; count: expected a whole number, got text"),
    ],
)
def test_all_wrong_settings_are_told(given: dict[str, Any], text: str):
    """By name, in words, without the value."""
    with pytest.raises(WrongSettings) as caught:
        Mine(**given)
    assert str(caught.value) == f"strategy Mine: {text}"
    assert wrong(Mine, given) == caught.value.mistakes


CLASSES: dict[str, tuple[dict[str, Any], str]] = {
    "a default of another type": ({"count": "many"}, "count: expected a whole number, got text"),
    "misspelt": ({"ratoi": 2}, "ratoi: is set in the class and is no setting, did you mean 'ratio'?"),
    "an attribute of arbkit": (
        {"executer": 2},
        "executer: is set in the class and is no setting, did you mean 'executor'",
    ),
    "without a value": ({"__annotations__": {"least": int}}, "least: must be set: it has a type and no value"),
    "not convertible": (
        {"__annotations__": {"book": Base}, "book": None},
        "book: expected Base, got NoneType (in the class; a name that is no setting begins with _: _book)",
    ),
    "a type that is not there": (
        {"__annotations__": {"a": "Nowhere"}, "a": 1},
        "the type of a, Nowhere, cannot be read",
    ),
}


@pytest.mark.parametrize(("body", "text"), CLASSES.values(), ids=CLASSES)
def test_a_wrong_class_is_told(body: dict[str, Any], text: str):
    """When it is made, and at the start for a class whose constructor does not call that of Strategy."""
    with pytest.raises(ConfigError) as caught:
        type("Own", (Mine,), body)()
    assert str(caught.value).startswith(f"strategy Own: {text}")
    with pytest.raises(ConfigError) as caught:
        check(type("Own", (Mine,), {**body, "__init__": lambda self: None})())
    assert str(caught.value).startswith(f"strategy Own: {text}")


def test_a_constructor_of_its_own_finds_its_settings_set():
    """Also one that takes none, or others: what it does not take is a setting."""

    class Own(Mine):
        def __init__(self, pause_s: float = 1.0) -> None:
            self.seen = (self.ratio, pause_s)

    made = target.make(Own, StrategyConfig(target="own", params={"ratio": 4, "pause_s": 2.0}))
    assert (made.seen, made.count) == ((4.0, 2.0), 1)
    assert target.wrong(Own, StrategyConfig(params={"ratoi": 4, "pause_s": 2.0})) == {
        "ratoi": "is no setting of Own, did you mean 'ratio'?"
    }
    with pytest.raises(ConfigError, match="strategy Own: ratoi: is no setting of Own, did you mean 'ratio'"):
        target.make(Own, StrategyConfig(target="own", params={"ratoi": 4}))


def test_a_duck_and_a_function_take_arguments_as_before():
    """Without ``Strategy`` among its bases, a class has no settings."""

    class Duck:
        ratio: float = 1.0

        def __init__(self, pause_s: float) -> None:
            self.pause_s = pause_s

        instruments, decide = Base.instruments, Base.decide

    config = StrategyConfig(target="duck", params={"pause_s": "soon"})
    assert target.wrong(Duck, config) == {}
    assert target.make(Duck, config).pause_s == "soon"
    with pytest.raises(ConfigError, match="unexpected keyword argument 'x'"):
        target.make(Duck, StrategyConfig(target="duck", params={"x": 1}))


STRATEGY = """
from arbkit import SpreadArb

class Mine(SpreadArb):
    symbols = ("BTC-USDT",)
    only_sell_on: str = "okx"
"""
CONFIG = """
[venues.binance]
[venues.okx]
[strategy]
target = "one_sided.py:Mine"

[strategy.params]
min_edge = 0.002
max_notinal = 10
"""


def test_wrong_settings_are_told_with_their_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """File and line, variable and flag, all at once, by ``run`` and ``config check``."""
    (tmp_path / "one_sided.py").write_text(STRATEGY)
    (tmp_path / "arbkit.toml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("ARBKIT_STRATEGY__PARAMS__SLIPPAGE", "much")

    def told(*words: str) -> list[str]:
        with pytest.raises(SystemExit) as ended:
            cli.main([*words])
        assert ended.value.code == 2
        return capsys.readouterr().err.splitlines()[1:]

    near = "arbkit.toml:9: strategy.params.max_notinal: is no setting of Mine, did you mean 'max_notional'?"
    variable = "ARBKIT_STRATEGY__PARAMS__SLIPPAGE: strategy.params.slippage: expected a number, got text"
    flag = "--param min_edge: strategy.params.min_edge: expected a number < 1.0"
    assert sorted(told("config", "check")) == sorted([f"  {near}", f"  {variable}"])
    assert sorted(told("run", "--param", "min_edge=5")) == sorted([f"  {near}", f"  {variable}", f"  {flag}"])
    assert told("run", "--param", "min_edge")[-1].endswith("write it as NAME=VALUE, for example --param min_edge=0.002")
