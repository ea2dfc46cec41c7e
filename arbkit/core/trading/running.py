"""One strategy at work: what it wants, and why it was taken out of service."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from arbkit.core.errors import ConfigError
from arbkit.core.protocols import Executor, Strategy
from arbkit.core.types import Catalogue, Instrument

__all__ = ["RunningStrategy", "read", "wanted", "where"]


class RunningStrategy(Struct):
    """One strategy at work."""

    name: str
    strategy: Strategy
    executor: Executor
    failed: str = ""
    """Why it was taken out of service; its open deals are finished all the same."""
    placed: bool = False
    """It has named its instruments."""


def wanted(running: RunningStrategy, catalogue: Catalogue) -> list[str]:
    """The ids of the instruments that a strategy asks for. Raises ``ConfigError`` for one that is not there."""
    return _known(running, "instruments", running.strategy.instruments(catalogue), catalogue)


def read(running: RunningStrategy, catalogue: Catalogue) -> list[str]:
    """The ids of the instruments whose trades a strategy reads (``protocols.TradeReader``). Raises ``ConfigError`` for
    one that is not there, or for a strategy that asks for trades and cannot be told."""
    trades = getattr(running.strategy, "trades", None)
    if trades is None:
        return []
    asked = _known(running, "trades", trades(catalogue), catalogue)
    if asked and not callable(getattr(running.strategy, "on_trade", None)):
        raise ConfigError(f"strategy {running.name}: trades() needs on_trade(trade, view, now_ns) beside it")
    return asked


def _known(running: RunningStrategy, method: str, asked: Iterable[Instrument], catalogue: Catalogue) -> list[str]:
    ids = [instrument.id for instrument in asked]
    unknown = [name for name in ids if name not in catalogue]
    if unknown:
        raise ConfigError(
            f"strategy {running.name}: {method}() returned what the catalogue lacks: {', '.join(unknown)}"
        )
    return ids


def where(error: BaseException) -> str:
    """File and line of the innermost frame."""
    trace = error.__traceback__
    where = ""
    while trace is not None:
        where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    return where
