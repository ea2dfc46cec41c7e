"""arbkit: cross-exchange arbitrage. The public names for strategies and venue plugins.

Names are imported on first use. So importing a plugin is fast and does not load asyncio, ssl or socket.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from arbkit.core.errors import ArbkitError as ArbkitError
    from arbkit.core.errors import BadFrame as BadFrame
    from arbkit.core.errors import ConfigError as ConfigError
    from arbkit.core.errors import RemoteProtocolError as RemoteProtocolError
    from arbkit.core.market.book import Book as Book
    from arbkit.core.orders.deals import Deal as Deal
    from arbkit.core.orders.deals import DealLeg as DealLeg
    from arbkit.core.orders.deals import DealState as DealState
    from arbkit.core.orders.deals import Outcome as Outcome
    from arbkit.core.orders.reports import DealReport as DealReport
    from arbkit.core.protocols import Exchange as Exchange
    from arbkit.core.protocols import Executor as Executor
    from arbkit.core.protocols import Session as Session
    from arbkit.core.protocols import Signer as Signer
    from arbkit.core.protocols import Strategy as Strategy
    from arbkit.core.protocols import View as View
    from arbkit.core.types import NEVER as NEVER
    from arbkit.core.types import BookUpdate as BookUpdate
    from arbkit.core.types import CancelOrder as CancelOrder
    from arbkit.core.types import Capabilities as Capabilities
    from arbkit.core.types import Catalogue as Catalogue
    from arbkit.core.types import Idle as Idle
    from arbkit.core.types import Instrument as Instrument
    from arbkit.core.types import Leg as Leg
    from arbkit.core.types import Level as Level
    from arbkit.core.types import NewOrder as NewOrder
    from arbkit.core.types import Opportunity as Opportunity
    from arbkit.core.types import OrderUpdate as OrderUpdate
    from arbkit.core.types import Purpose as Purpose
    from arbkit.core.types import Side as Side
    from arbkit.core.types import Trade as Trade
    from arbkit.core.types import VenueSettings as VenueSettings
    from arbkit.plugins.hooks import hookimpl as hookimpl
    from arbkit.strategies import SpreadArb as SpreadArb
    from arbkit.strategies import TriangularArb as TriangularArb

__all__ = [
    "ArbkitError",
    "BadFrame",
    "Book",
    "BookUpdate",
    "CancelOrder",
    "Capabilities",
    "Catalogue",
    "ConfigError",
    "Deal",
    "DealLeg",
    "DealReport",
    "DealState",
    "Exchange",
    "Executor",
    "Idle",
    "Instrument",
    "Leg",
    "Level",
    "NEVER",
    "NewOrder",
    "Opportunity",
    "OrderUpdate",
    "Outcome",
    "Purpose",
    "RemoteProtocolError",
    "Session",
    "Side",
    "Signer",
    "SpreadArb",
    "Strategy",
    "Trade",
    "TriangularArb",
    "VenueSettings",
    "View",
    "hookimpl",
]

_HOMES = {
    "arbkit.core.market.book": "Book",
    "arbkit.core.orders.deals": "Deal DealLeg DealState Outcome",
    "arbkit.core.orders.reports": "DealReport",
    "arbkit.core.errors": "ArbkitError BadFrame ConfigError RemoteProtocolError",
    "arbkit.core.protocols": "Exchange Executor Session Signer Strategy View",
    "arbkit.core.types": "BookUpdate CancelOrder Capabilities Catalogue Idle Instrument Leg Level NEVER NewOrder "
    "Opportunity OrderUpdate Purpose Side Trade VenueSettings",
    "arbkit.plugins.hooks": "hookimpl",
    "arbkit.strategies": "SpreadArb TriangularArb",
}
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'arbkit' has no attribute {name!r}")
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
