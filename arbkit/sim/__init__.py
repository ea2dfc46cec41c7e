"""Simulated exchanges that speak each venue's real protocol, with their own matching, ledger and market data.

A dialect (the venue's side of a plugin) needs one import: ``from arbkit import sim``. All modules except ``shell`` are
synchronous and do no I/O: messages and ``now_ns`` in, messages and times out. The package does not import the code that
is tested with it (orders, ledger, executor, adapters).

- ``pair``, ``matching``, ``ledger``, ``fees``, ``records``, ``reports``, ``rules``, ``prices``, ``trades``, ``keys``,
  ``venue``: one exchange, in integer units;
- ``wire``, ``dialect``: the interfaces that a venue's dialect uses;
- ``door``, ``calls``, ``conns``, ``subs``, ``depth``, ``rows``, ``facts``, ``timers``, ``limits``: what
  dialects are made of;
- ``price``, ``flow``, ``market``: a model of prices and order flow, different on each venue, with planted edges;
- ``faults``, ``site``, ``trouble``, ``world``: several venues in one market, with injected faults;
- ``dump``: the exchanges' records as plain data;
- ``shell``: a world on loopback sockets.
"""

from arbkit.sim.calls import Problem, Route, SimCall, Why, found, refuse, routes
from arbkit.sim.conns import Conn, Conns
from arbkit.sim.depth import Levels, SimDepth
from arbkit.sim.dialect import BaseDialect, DepthRows, Dialect, Rows
from arbkit.sim.door import Door
from arbkit.sim.facts import Facts, Notation
from arbkit.sim.limits import Rolling, Window
from arbkit.sim.matching import Stp
from arbkit.sim.pair import UNIT, Pair, text
from arbkit.sim.rows import OrderState, RowType, fields, page, texts
from arbkit.sim.subs import Sub, Subs
from arbkit.sim.timers import Timer, Timers
from arbkit.sim.trades import MINUTE, Candle
from arbkit.sim.venue import (
    DELISTED,
    Account,
    BalanceReport,
    Band,
    InstrumentReport,
    OrderReport,
    Profile,
    Refused,
    Report,
    SimExchange,
    SimFill,
    SimOrder,
    TopReport,
    TradeReport,
)
from arbkit.sim.wire import Reply, Request, SimWire, encode

__all__ = [
    "Account",
    "BalanceReport",
    "Band",
    "BaseDialect",
    "Candle",
    "Conn",
    "Conns",
    "DELISTED",
    "DepthRows",
    "Dialect",
    "Door",
    "Facts",
    "InstrumentReport",
    "Levels",
    "MINUTE",
    "Notation",
    "OrderReport",
    "OrderState",
    "Pair",
    "Problem",
    "Profile",
    "Refused",
    "Reply",
    "Report",
    "Request",
    "Rolling",
    "Route",
    "RowType",
    "Rows",
    "SimCall",
    "SimDepth",
    "SimExchange",
    "SimFill",
    "SimOrder",
    "SimWire",
    "Stp",
    "Sub",
    "Subs",
    "Timer",
    "Timers",
    "TopReport",
    "TradeReport",
    "UNIT",
    "Why",
    "Window",
    "encode",
    "fields",
    "found",
    "page",
    "refuse",
    "routes",
    "text",
    "texts",
]
