"""``arbkit`` that is killed at a chosen point: ``crash.py WHERE NTH ARGS...``.

``written``: the intent is in the journal, nothing has left. ``sent``: an order has been handed to its socket.
SIGKILL: no handler runs, nothing is flushed that was not.
"""

from __future__ import annotations

import os
import signal
import sys

from arbkit.cli import main
from arbkit.core.orders.journal import Intent, decode
from arbkit.core.runtime.supervisor import Runtime

where, nth, args = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
left = {where: nth}
ORDER = ('"order.place"', '"op":"order"', '"op":"batch-orders"', '"order.create"')


def met(point: str) -> None:
    """Die at the nth time."""
    if point in left:
        left[point] -= 1
        if not left[point]:
            os.kill(os.getpid(), signal.SIGKILL)


def journal(self: Runtime, record: bytes, call=Runtime.journal) -> int:  # type: ignore[no-untyped-def]
    position: int = call(self, record)
    if any(isinstance(one, Intent) for one in decode(record).records):
        met("written")
    return position


def send(self: Runtime, link: str, text: str, call=Runtime.send) -> bool:  # type: ignore[no-untyped-def]
    sent: bool = call(self, link, text)
    if any(word in text for word in ORDER):
        met("sent")
    return sent


Runtime.journal = journal  # type: ignore[method-assign]
Runtime.send = send  # type: ignore[method-assign]
main(args)
