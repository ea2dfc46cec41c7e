"""Wire-level simulated exchanges: matching, ledger and market tape behind each venue's real protocol.

Pure and synchronous but for ``shell``: bytes and ``now_ns`` in, bytes and times out. It imports nothing of what it
judges (orders, ledger, executor, adapters).

- ``pair``, ``matching``, ``ledger``, ``records``, ``venue``: one exchange, in integers;
- ``wire``, ``dialect``, ``timers``, ``limits``: what a venue's own protocol is written against;
- ``tape``, ``market``: recorded quotes, a little apart on each venue, with edges planted on order;
- ``faults``, ``world``: several venues in one market, and what goes wrong there;
- ``shell``: a world on loopback sockets.
"""
