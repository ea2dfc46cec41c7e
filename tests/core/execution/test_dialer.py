"""Links are dialled no faster than their own venue takes connections."""

from __future__ import annotations

from random import Random
from typing import Any

from arbkit.core.counters import Counters
from arbkit.core.execution.dialer import Dialer
from arbkit.core.log import no_log
from arbkit.core.market.books import Books
from arbkit.core.market.watchdog import Watchdog
from arbkit.core.types import Dial, LinkSpec, RateLimit, Role, Send
from arbkit.core.venues.guard import Guard
from arbkit.core.venues.link import Phase
from arbkit.core.venues.throttle import Throttle

SECOND = 1_000_000_000


class Port:
    """Counts what is dialled."""

    def __init__(self) -> None:
        self.dialled: list[str] = []
        self.sent = 0

    def send(self, link: str, data: str) -> bool:
        self.sent += 1
        return True

    def dial(self, link: str, dial: Dial) -> None:
        self.dialled.append(link)


class Session:
    """A session that only has to be dialled."""

    due_ns = 1 << 62

    def dial(self, now_ns: int) -> Dial:
        return Dial("wss://venue.example")


class Venue:
    """The attributes of a venue that the dialer uses."""

    def __init__(self, throttle: Throttle) -> None:
        self.throttle = throttle

    def session(self, spec: LinkSpec) -> Session:
        return Session()


def test_a_venue_that_takes_three_connections_a_second_gets_three() -> None:
    """Six links of one venue: three at once, the others a second later; another venue's link does not wait for it."""
    venues: Any = {
        "slow": Venue(Throttle([RateLimit("connections", 3, SECOND)])),
        "quick": Venue(Throttle([])),
    }
    port: Any = Port()
    requests: Any = None  # no session in this test sends a request
    lines = Dialer(
        port,
        venues,
        requests,
        Guard(),
        Watchdog(),
        Books(),
        Random(1),
        Counters(),
        no_log,
    )
    specs = [LinkSpec(link=f"slow.{n}", venue="slow", role=Role.PUBLIC) for n in range(6)]
    specs.append(LinkSpec(link="quick.0", venue="quick", role=Role.PUBLIC))
    links = [lines.add(spec, 0) for spec in specs]
    assert lines.alarms.take(0) == [link.spec.link for link in sorted(links, key=lambda link: link.spec.link)]
    for link in links:
        lines.wake(link, 0)
    assert port.dialled == ["slow.0", "slow.1", "slow.2", "quick.0"]
    due_ns = lines.alarms.due_ns
    assert SECOND <= due_ns <= 2 * SECOND
    for name in lines.alarms.take(due_ns):
        lines.wake(lines.links[name], due_ns)
    assert port.dialled[4:] == ["slow.3", "slow.4", "slow.5"]


def test_messages_keep_a_long_and_a_short_limit() -> None:
    """Ten messages of one socket, of which five may go in a second and eight in an hour: five, three, none; a ping
    counts as nothing."""
    venues: Any = {"slow": Venue(Throttle([]))}
    port: Any = Port()
    requests: Any = None
    lines = Dialer(port, venues, requests, Guard(), Watchdog(), Books(), Random(1), Counters(), no_log)
    hour, second = RateLimit("messages", 8, 3600 * SECOND), RateLimit("messages", 5, SECOND)
    link = lines.add(LinkSpec(link="slow.0", venue="slow", role=Role.PUBLIC, send_limit=hour, send_burst=second), 0)
    lines.wake(link, 0)
    link.phase = Phase.UP
    sent = []
    for now_ns in (0, 2 * SECOND, 60 * SECOND):
        for _ in range(10 if not now_ns else 0):
            lines.send(link, Send("subscribe"), now_ns)
        lines.wake(link, now_ns)
        sent.append(port.sent)
    assert sent == [5, 8, 8]
    lines.send(link, Send("ping", 0), 61 * SECOND)
    lines.wake(link, 3700 * SECOND)
    assert port.sent == 11
