"""What to do about a connection that fails, by the text of its reason. ``arbkit doctor`` and ``adapters check``."""

from __future__ import annotations

import re

__all__ = ["remedy"]


def remedy(why: str) -> str:
    """What to do about a connection that fails, by its text."""
    return next((what for words, what in _REMEDIES if re.search(words, why)), "look at the network of this machine")


_STATUS = r"(?:HTTP|refused with) "
"""Before the status: of a request, of a WebSocket's handshake. A port can have the same digits."""
_REMEDIES = (
    (_STATUS + "451", "the venue does not serve the place of this machine: use one where you may trade there"),
    (_STATUS + "407", "a proxy wants authentication: arbkit uses none; connect directly"),
    ("HTML page", "a proxy, a firewall or a block page answers in place of the venue: connect directly"),
    (_STATUS + "403", "the venue, or a firewall before it, refuses this address: ask it, or use another one"),
    (_STATUS + "429", "too many requests from this address: wait, and stop what else asks"),
    (_STATUS + "418", "the address is banned for a while: wait, and stop what else asks"),
    (_STATUS + "5", "the venue has trouble: look at its status page, try again"),
    ("name not found", "no such name, or no DNS: look at /etc/resolv.conf, and at endpoints"),
    ("certificate", "a proxy that opens TLS needs its CA in ca_file; else do not trust this network"),
    ("TLS", "something between here and the venue breaks TLS"),
    ("[Rr]efused", "nothing listens there: look at endpoints and the firewall"),
    ("in time", "a firewall drops it, or the venue is down: look at its status page"),
)
