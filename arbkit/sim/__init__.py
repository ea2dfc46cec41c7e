"""Simulated exchanges that speak each venue's real protocol, with their own matching, ledger and market data.

All modules except ``shell`` are synchronous and do no I/O: messages and ``now_ns`` in, messages and times out. The
package does not import the code that is tested with it (orders, ledger, executor, adapters).

- ``pair``, ``matching``, ``ledger``, ``records``, ``rules``, ``prices``, ``keys``, ``venue``: one exchange, in integer
  units;
- ``wire``, ``dialect``: the interfaces that a venue's dialect uses;
- ``calls``, ``subs``, ``depth``, ``rows``, ``timers``, ``limits``: what dialects are made of;
- ``price``, ``flow``, ``market``: a model of prices and order flow, different on each venue, with planted edges;
- ``faults``, ``site``, ``trouble``, ``world``: several venues in one market, with injected faults;
- ``dump``: the exchanges' records as plain data;
- ``shell``: a world on loopback sockets.
"""
