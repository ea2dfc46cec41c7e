"""Wire-level simulated exchanges: matching, ledger and market tape behind each venue's real protocol.

The core is pure (bytes and time in, bytes and times out); ``arbkit.sim.shell`` puts it on loopback sockets.
"""
