"""The subscriptions of a dialect's connections."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Any

from arbkit.sim.conns import Conns
from arbkit.sim.depth import SimDepth
from arbkit.sim.facts import Facts
from arbkit.sim.matching import Feed
from arbkit.sim.timers import Timer

__all__ = ["Sub", "Subs"]


class Sub:
    """One subscription of one connection."""

    __slots__ = ("arg", "conn", "depth", "feed", "key", "last", "sent_ns", "timer", "topic")

    def __init__(self, conn: int, key: Hashable, topic: Any, arg: Any, now_ns: int) -> None:
        self.conn = conn
        self.key = key
        self.topic = topic
        self.arg = arg
        """What the client asked for."""
        self.depth: SimDepth | None = None
        self.feed: Feed | None = None
        self.timer: Timer | None = None
        self.last: Any = None
        """What was last sent, where the next message depends on it."""
        self.sent_ns = now_ns
        """When something was last sent."""

    def news(self, value: Any) -> bool:
        """Whether the value differs from the last one. It is then the last one."""
        changed: bool = value != self.last
        self.last = value
        return changed

    def candles(self, facts: Facts, symbol: str, period_ns: int, now_ns: int) -> Iterator[dict[str, Any]]:
        """The facts of the present candle if it changed, and of the one before when it has closed."""
        since_ns = self.last["ns"] if self.last else now_ns // period_ns * period_ns
        for known in facts.candles(symbol, period_ns, since_ns, now_ns):
            if self.news(known):
                yield known


class Subs:
    """Who subscribed what. A key is a subscription's identity on a connection; subscriptions of one topic get the same
    events. They end with their connection."""

    __slots__ = ("_by_conn", "_by_topic")

    def __init__(self, conns: Conns) -> None:
        conns.on_close(self.closed)
        self._by_conn: dict[int, dict[Hashable, Sub]] = {}
        self._by_topic: dict[Hashable, dict[tuple[int, Hashable], Sub]] = {}

    def add(self, conn: int, key: Hashable, topic: Hashable, arg: Any = None, now_ns: int = 0) -> Sub | None:
        """A new subscription; None if the connection has it."""
        mine = self._by_conn.setdefault(conn, {})
        if key in mine:
            return None
        sub = mine[key] = Sub(conn, key, topic, arg, now_ns)
        self._by_topic.setdefault(topic, {})[conn, key] = sub
        return sub

    def has(self, conn: int, key: Hashable) -> bool:
        return key in self._by_conn.get(conn, {})

    def keys(self, conn: int) -> list[Any]:
        """The keys of a connection, oldest first."""
        return list(self._by_conn.get(conn, {}))

    def of(self, topic: Hashable) -> Sequence[Sub]:
        """The subscriptions of a topic, oldest first."""
        subs = self._by_topic.get(topic)
        return list(subs.values()) if subs else ()

    def drop(self, conn: int, key: Hashable) -> bool:
        """End a subscription. False if there is none."""
        sub = self._by_conn.get(conn, {}).pop(key, None)
        if sub is None:
            return False
        del self._by_topic[sub.topic][conn, key]
        if sub.depth is not None:
            sub.depth.close()
        if sub.feed is not None:
            sub.feed.close()
        if sub.timer is not None:
            sub.timer.cancel()
        return True

    def closed(self, conn: int) -> None:
        """End all subscriptions of a connection."""
        for key in self.keys(conn):
            self.drop(conn, key)
        self._by_conn.pop(conn, None)
