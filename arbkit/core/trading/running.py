"""One strategy at work: what it wants, why it was taken out of service, and its author's mistakes in words."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

from msgspec import Struct

from arbkit.core.errors import ConfigError
from arbkit.core.protocols import Executor, Strategy
from arbkit.core.types import Catalogue, Instrument, Opportunity

__all__ = ["RunningStrategy", "misproposed", "misreturned", "read", "wanted", "where"]


class RunningStrategy(Struct):
    """One strategy at work."""

    name: str
    strategy: Strategy
    executor: Executor
    failed: str = ""
    """Why it was taken out of service; its open deals are finished all the same."""
    placed: bool = False
    """It has named its instruments."""
    error: Exception | None = None
    """What it raised when it failed."""
    state: bytes = b""
    """What its ``save`` returned last, in this run or an earlier one."""
    saved_ns: int = 0
    """When ``save`` was last asked."""
    listens: bool = False
    """It has ``on_deal`` or ``save``: what happens to its deals is noted for it."""


def misreturned(proposed: object, error: Exception) -> Exception:
    """What ``decide`` returned could not be read: the mistake in words. Another error is returned as it is."""
    if proposed is None:
        text = "decide() returned None; return the trades that it proposes, () for none"
    elif isinstance(proposed, Opportunity):
        text = "decide() returned one Opportunity; return a sequence of them, as [opportunity]"
    elif not isinstance(proposed, Iterable):
        text = f"decide() returned {proposed!r:.60}; return a sequence of Opportunity, () for none"
    else:
        odd = (
            [one for one in proposed if not isinstance(one, Opportunity)] if isinstance(proposed, list | tuple) else []
        )
        if not odd:
            return error
        text = f"decide() returned a sequence with {odd[0]!r:.60} in it; return a sequence of Opportunity"
    return TypeError(text)


def misproposed(opportunity: Opportunity) -> Exception | None:
    """What is wrong with an opportunity of which no deal could be planned, in words; None = its numbers are good."""
    for leg in opportunity.legs:
        for name, value in (("qty", leg.qty), ("px", leg.px)):
            if not isfinite(value) or value <= 0:
                return ValueError(f"an Opportunity has a leg {leg.instrument} with {name} {value}: it must be above 0")
    return None


def wanted(running: RunningStrategy, catalogue: Catalogue) -> list[str]:
    """The ids of the instruments that a strategy asks for. Raises ``ConfigError`` for one that is not there."""
    return _known(running, "instruments", running.strategy.instruments(catalogue), catalogue)


def read(running: RunningStrategy, catalogue: Catalogue) -> list[str]:
    """The ids of the instruments whose trades a strategy reads (its hook ``trades``). Raises ``ConfigError`` for one
    that is not there, or for a strategy that asks for trades and cannot be told."""
    trades = getattr(running.strategy, "trades", None)
    if trades is None:
        return []
    asked = _known(running, "trades", trades(catalogue), catalogue)
    if asked and not callable(getattr(running.strategy, "on_trade", None)):
        raise ConfigError(f"strategy {running.name}: trades() needs on_trade(trade, view, now_ns) beside it")
    return asked


def _known(
    running: RunningStrategy, method: str, asked: Iterable[Instrument] | None, catalogue: Catalogue
) -> list[str]:
    if asked is None:
        raise ConfigError(f"strategy {running.name}: {method}() returned None; {_INSTEAD}")
    asked = list(asked)
    for one in asked:
        if not isinstance(one, Instrument):
            raise ConfigError(f"strategy {running.name}: {method}() returned {one!r:.60} in its list; {_INSTEAD}")
    ids = [instrument.id for instrument in asked]
    unknown = [name for name in ids if name not in catalogue]
    if unknown:
        raise ConfigError(
            f"strategy {running.name}: {method}() returned what the catalogue lacks: {', '.join(unknown)}"
        )
    return ids


_INSTEAD = 'return instruments of the catalogue, as catalogue.symbol("BTC-USDT")'


def where(error: BaseException, strategy: Strategy, hook: str = "decide") -> str:
    """File and line of the innermost frame; of ``hook`` where the error has none."""
    trace = error.__traceback__
    where = ""
    while trace is not None:
        where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    code = getattr(getattr(strategy, hook, None), "__code__", None)
    return where or (f"{code.co_filename}:{code.co_firstlineno}" if code is not None else "")
