"""All links of a desk: when each is dialled, what waits to be sent on it, and what its end means for it.

The desk calls it. What arrives on a link is the desk's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from msgspec.structs import replace

from arbkit.core.alarms import Alarms
from arbkit.core.counters import Counters
from arbkit.core.execution.requests import Requests
from arbkit.core.log import Log
from arbkit.core.market.books import Books
from arbkit.core.market.watchdog import Watchdog
from arbkit.core.port import Port
from arbkit.core.protocols import Session
from arbkit.core.types import NEVER, Ask, Dial, Lane, LinkSpec, Role, Send
from arbkit.core.venues.guard import Guard, brief, dialled
from arbkit.core.venues.link import Link, Phase
from arbkit.core.venues.throttle import ConnectLimiter, Throttle
from arbkit.core.venues.venue import Venue

__all__ = ["GOING_AWAY", "Dialer"]

_ACCOUNT_MOST = 1 << 20
"""Bytes of a message on a link of an account: it carries no snapshots of books."""
GOING_AWAY = "going away"
"""The venue announced the end of a connection: the next one is dialled at once."""
_CONNECTION = (("connections", 1),)
"""What a dial costs at a venue that counts connections."""


class Dialer:
    """Links by id in ``links``. A link of this dict is its own; the desk reads its phase.

    ``alarms``: when each link wants something. Whoever changes that calls ``settle``."""

    def __init__(
        self,
        port: Port,
        venues: Mapping[str, Venue],
        requests: Requests,
        guard: Guard,
        watchdog: Watchdog,
        market: Books,
        rng: Random,
        counters: Counters,
        log: Log,
    ) -> None:
        self.links: dict[str, Link] = {}
        self.alarms = Alarms()
        self._port = port
        self._venues = venues
        self._requests = requests
        self.guard = guard
        self._watchdog = watchdog
        self._market = market
        self._rng = rng
        self._counters = counters
        self._log = log
        self._connects = ConnectLimiter()
        self._waiting: dict[str, list[Send]] = {}
        self._throttles: dict[str, Throttle] = {}

    def add(self, spec: LinkSpec, now_ns: int, session: Session | None = None, books: Books | None = None) -> Link:
        """A link to hold from now on. A REST link comes with its session, a socket gets one when it is dialled.
        ``books``: what it fills, if not the desk's."""
        watch, counted = self._watchdog.add(spec), self._counters.link(spec.link)
        link = Link(spec, session, watch, counted, self._market if books is None else books, now_ns)
        self.links[spec.link] = link
        if spec.send_limit is not None:
            limits = [limit for limit in (spec.send_limit, spec.send_burst) if limit is not None]
            self._throttles[spec.link] = Throttle(limits)
        self.settle(link, now_ns)
        return link

    def remove(self, link: Link) -> None:
        """Forget a link whose connection has ended, or was never made."""
        name = link.spec.link
        link.counted.up = 0
        link.watch.closed()
        self.alarms.cancel(name)
        self._watchdog.remove(name)
        self._waiting.pop(name, None)
        self._throttles.pop(name, None)
        self.links.pop(name, None)

    def opened(self, link: Link, now_ns: int) -> None:
        """Its connection is made."""
        link.opened(now_ns)
        self.settle(link, now_ns)

    def wake(self, link: Link, now_ns: int) -> None:
        """Dial what is due, send what may go now."""
        if link.phase is Phase.WAITING and link.dial_ns <= now_ns:
            self._dial(link, now_ns)
        elif link.phase is Phase.UP:
            self._flush(link, now_ns)
        self.settle(link, now_ns)

    def _dial(self, link: Link, now_ns: int) -> None:
        """A new connection gets a new session."""
        ready = self._may_connect(link, now_ns)
        if ready > now_ns:
            link.dial_ns = ready
            return
        session = self.guard.run(link, self._venues[link.spec.venue].session, link.spec)
        dial = None
        if session is not None:
            link.session = session
            dial = self.guard.run(link, dialled, session, now_ns)
        if dial is None:
            link.lost(brief(self.guard.raised[-1].error), now_ns, self._rng)
        elif isinstance(dial, Ask):
            link.phase = Phase.ASKING
            self._requests.ask(link, dial, now_ns)
        else:
            self._connect(link, dial, now_ns)

    def _connect(self, link: Link, dial: Dial, now_ns: int) -> None:
        throttle = self._venues[link.spec.venue].throttle
        self._connects.take(now_ns)
        if throttle.limits("connections"):
            throttle.take(_CONNECTION, Lane.CANCEL, now_ns)
        link.phase = Phase.DIALING
        if link.spec.role is not Role.PUBLIC:
            dial = replace(dial, most=min(dial.most, _ACCOUNT_MOST))
        self._port.dial(link.spec.link, dial)

    def _may_connect(self, link: Link, now_ns: int) -> int:
        """When all venues together, and this one by its own limit, allow another connection."""
        throttle = self._venues[link.spec.venue].throttle
        ready = self._connects.ready_ns(now_ns)
        if throttle.limits("connections"):
            ready = max(ready, throttle.ready_ns(_CONNECTION, Lane.CANCEL, now_ns))
        return ready

    def token(self, link: Link, now_ns: int) -> None:
        """The token that a dial needed was answered: dial with it, or try again later."""
        dial = self.guard.run(link, dialled, link.session, now_ns)
        if isinstance(dial, Dial):
            self._connect(link, dial, now_ns)
        else:
            link.lost("no token", now_ns, self._rng)
        self.settle(link, now_ns)

    def send(self, link: Link, send: Send, now_ns: int) -> None:
        """As soon as the venue's per-connection message limit allows."""
        self._waiting.setdefault(link.spec.link, []).append(send)
        self._flush(link, now_ns)
        self.settle(link, now_ns)

    def _flush(self, link: Link, now_ns: int) -> None:
        waiting = self._waiting.get(link.spec.link)
        limit = link.spec.send_limit
        while waiting:
            if limit is not None:
                throttle = self._throttles[link.spec.link]
                if not throttle.take(((limit.bucket, waiting[0].cost),), Lane.CANCEL, now_ns):
                    return
            if not self._port.send(link.spec.link, waiting[0].data):
                waiting.clear()  # its end is about to be told, and the next connection begins anew
                return
            link.counted.sent += 1
            del waiting[0]

    def settle(self, link: Link, now_ns: int) -> None:
        """Something happened on the link: set its alarm to when it wants something next."""
        if link.phase is Phase.WAITING:
            self.alarms.by(link.spec.link, link.dial_ns)
        elif link.phase is Phase.UP:
            link.due_ns = link.session.due_ns
            self.alarms.by(link.spec.link, min(link.due_ns, link.leave_ns))
            waiting = self._waiting.get(link.spec.link)
            limit = link.spec.send_limit
            if waiting and limit is not None:
                cost = ((limit.bucket, waiting[0].cost),)
                self.alarms.by(link.spec.link, self._throttles[link.spec.link].ready_ns(cost, Lane.CANCEL, now_ns))

    def drop(self, link: Link, reason: str) -> None:
        """End the connection; it is dialled again."""
        if link.spec.role is not Role.REST and link.phase is Phase.UP:
            self._log("link.drop", link=link.spec.link, why=reason)
            link.phase = Phase.CLOSING
            self._port.drop(link.spec.link, reason)

    def retire(self, link: Link, phase: Phase, reason: str) -> None:
        """End it for good: refused credentials, a broken plugin."""
        link.phase = phase
        link.ready = False
        link.reason = reason
        link.dial_ns = NEVER
        if link.spec.role is not Role.REST:
            self._port.drop(link.spec.link, reason)

    def closed(self, link: Link, reason: str, now_ns: int) -> None:
        """It is down, or could not be dialled. Ignored for a link that waits already."""
        if link.phase in (Phase.WAITING, Phase.ASKING):
            return
        if link.phase in (Phase.QUARANTINED, Phase.CLOSED):
            reason = link.reason
        else:
            link.lost(reason, now_ns, self._rng, planned=link.reason == GOING_AWAY)
        link.counted.up = 0
        link.counted.reconnects += 1
        link.watch.closed()
        self._waiting.pop(link.spec.link, None)
        self.settle(link, now_ns)
        if link.dial_ns < NEVER:  # else why it stays down was told
            retry_ms = max(0, link.dial_ns - now_ns) / 1e6
            self._log("link.down", link=link.spec.link, why=reason, retry_ms=retry_ms)
