"""Writes the first files of a user's folder: configuration, strategy and .gitignore. ``arbkit init`` calls it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from arbkit.core.errors import ConfigError
from arbkit.plugins.registry import Registry

__all__ = ["begin"]

TEMPLATES = Path(__file__).parent / "templates" / "init"
_FILES = {"arbkit.toml": "arbkit.toml", "strategy.py": "strategy.py", ".gitignore": "gitignore"}
_VENUE = """[venues.{name}]
taker_fee = 0.001           # yours, as a fraction: 0.001 is 0.1 %
balances = {{ USDT = 1000, BTC = 0.02, ETH = 0.3 }}
movable = {{ BTC = true, ETH = true }}   # deposits and withdrawals are open: with keys the venue tells it

"""


def begin(folder: Path, venues: Sequence[str], registry: Registry) -> tuple[list[Path], list[Path]]:
    """Write what is not there yet. Returns the written files, and those that were there and stay as they are.

    Raises ``ConfigError`` for fewer than two venues, one that is not installed, and a folder that cannot be written.
    """
    chosen = [registry.home[name] for name in venues if registry.exchange(name)]
    if len(chosen) < 2:
        raise ConfigError(
            f"arbitrage needs two venues; installed: {', '.join(registry.exchanges) or 'none'}; "
            "pip install arbkit-binance arbkit-okx"
        )
    filled = {
        "@distributions@": ", ".join(f'"{name}"' for name in dict.fromkeys(plugin.distribution for plugin in chosen)),
        "@venues@": "".join(_VENUE.format(name=name) for name in venues).rstrip("\n") + "\n",
    }
    written, kept = [], []
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        for name, template in _FILES.items():
            text = (TEMPLATES / template).read_text(encoding="utf-8")
            for mark, value in filled.items():
                text = text.replace(mark, value)
            file = folder / name
            try:
                with open(file, "x", encoding="utf-8", opener=_ours) as opened:
                    opened.write(text)
                written.append(file)
            except FileExistsError:
                kept.append(file)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written: {error.strerror}") from None
    return written, kept


def _ours(path: str, flags: int) -> int:
    """Others may read it, whatever the umask says, and not write it: a live run refuses that."""
    return os.open(path, flags, 0o644)
