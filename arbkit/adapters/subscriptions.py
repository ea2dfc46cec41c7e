"""The subscriptions of one socket: cut into requests, confirmed, and asked for again when refused or unanswered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from msgspec import Struct

from arbkit.adapters.wire import S
from arbkit.core.types import NEVER, BookLost, Notice, Ready, Send

__all__ = ["Stream", "Subscriptions"]

Stream: TypeAlias = tuple[str, str]
"""(channel, the venue's name of the instrument)."""

_PATIENCE_NS = 10 * S
"""A request without answer is sent again after this, then with growing delay."""
_FIRST_DELAY_NS = S
_LONGEST_DELAY_NS = 300 * S


class _Asked(Struct):
    streams: Sequence[Stream]
    due_ns: int
    tries: int


class Subscriptions:
    """What is subscribed on one socket.

    ``write(op, streams, number)`` makes the text of a request; ``op`` is ``subscribe`` or ``unsubscribe``. The answer
    carries ``number``, or names its stream (see ``number``). A request holds at most ``most`` streams and
    ``most_bytes`` bytes (0 = no limit). ``lose(stream, reason, now_ns)`` tells what a refused stream costs.

    The link is ready when each stream was confirmed or refused once. A refused stream is asked for again with growing
    delay (1 s to 5 min): the reason may pass. From the second time on it is unsubscribed first, because some venues
    refuse what they believe to be subscribed already.
    """

    __slots__ = (
        "_asked",
        "_confirmed",
        "_count",
        "_delays",
        "_link",
        "_lose",
        "_most",
        "_most_bytes",
        "_one_channel",
        "_refused",
        "_venue",
        "_write",
        "due_ns",
        "ready",
    )

    def __init__(
        self,
        link: str,
        venue: str,
        write: Callable[[str, Sequence[Stream], int], str],
        lose: Callable[[Stream, str, int], Sequence[BookLost]],
        *,
        most: int = 1,
        most_bytes: int = 0,
        one_channel: bool = False,
    ) -> None:
        self._link = link
        self._venue = venue
        self._write = write
        self._lose = lose
        self._most = most
        self._most_bytes = most_bytes
        self._one_channel = one_channel
        self._asked: dict[int, _Asked] = {}
        """Requests without an answer, by number."""
        self._refused: dict[Stream, int] = {}
        """Refused streams, and when they are asked for again."""
        self._delays: dict[Stream, int] = {}
        self._confirmed: dict[Stream, int] = {}
        self._count = 0
        self.ready = False
        self.due_ns = NEVER

    def ask(self, streams: Sequence[Stream], now_ns: int, tries: int = 0) -> list[Send]:
        """Subscribe these streams."""
        sends = []
        for batch in self._batches(streams):
            self._count += 1
            for stream in batch:
                self._confirmed.pop(stream, None)
            self._asked[self._count] = _Asked(batch, now_ns + (_PATIENCE_NS << min(tries, 3)), tries)
            sends.append(Send(self._write("subscribe", batch, self._count)))
        self._schedule()
        return sends

    def again(self, stream: Stream, now_ns: int) -> list[Send]:
        """Unsubscribe and subscribe one stream, to get a new snapshot."""
        return self.again_all([stream], now_ns)

    def again_all(self, streams: Sequence[Stream], now_ns: int) -> list[Send]:
        """Unsubscribe and subscribe these streams, in as few requests as for subscribing them."""
        sends = []
        for batch in self._batches(streams):
            self._count += 1
            sends.append(Send(self._write("unsubscribe", batch, self._count)))
        return [*sends, *self.ask(streams, now_ns)]

    @property
    def oldest(self) -> int:
        """The number of the request that has waited longest, 0 = none waits: where a refusal names nothing, and
        answers come in the order of the requests."""
        return next(iter(self._asked), 0)

    def number(self, stream: Stream) -> int:
        """The number for ``confirmed`` and ``refused`` where the venue's answer names one stream and has no number; 0 =
        it was not asked for. The stream becomes a request of its own: the others of its request still wait."""
        number, asked = next((each for each in self._asked.items() if stream in each[1].streams), (0, None))
        if asked is not None and len(asked.streams) > 1:
            asked.streams = [one for one in asked.streams if one != stream]
            self._count = number = self._count + 1
            self._asked[number] = _Asked([stream], asked.due_ns, asked.tries)
        return number

    def streams(self, number: int) -> Sequence[Stream]:
        """The streams of a request that was not answered yet."""
        asked = self._asked.get(number)
        return asked.streams if asked is not None else ()

    def confirmed(self, number: int, now_ns: int) -> list[Ready]:
        """The venue accepted the request."""
        asked = self._asked.pop(number, None)
        if asked is None:
            return []
        for stream in asked.streams:
            self._confirmed[stream] = now_ns
            self._delays.pop(stream, None)
        return self._settled(now_ns)

    def refused(self, number: int, why: str, now_ns: int) -> list[Send | Notice | BookLost | Ready]:
        """The venue refused the request. One bad stream may be the reason, so its streams are asked for one by one."""
        asked = self._asked.pop(number, None)
        if asked is None:
            return [Notice(self._venue, f"refused: {why}", recv_ns=now_ns)]
        if len(asked.streams) > 1:
            return [send for stream in asked.streams for send in self.ask([stream], now_ns)]
        out: list[Send | Notice | BookLost | Ready] = []
        for stream in asked.streams:
            delay = min(2 * self._delays.get(stream, _FIRST_DELAY_NS // 2), _LONGEST_DELAY_NS)
            self._delays[stream] = delay
            self._refused[stream] = now_ns + delay
            text = f"subscription of {' '.join(stream)} refused: {why}; again in {delay // S} s"
            out += [Notice(self._venue, text, recv_ns=now_ns), *self._lose(stream, text, now_ns)]
        return [*out, *self._settled(now_ns)]

    def forget(self) -> None:
        """Nothing is subscribed any more: another channel takes over."""
        self._asked.clear()
        self._refused.clear()
        self._schedule()

    def silent_since(self, stream: Stream) -> int:
        """When the stream was confirmed; ``NEVER`` if it is not."""
        return self._confirmed.get(stream, NEVER)

    def tick(self, now_ns: int) -> list[Send]:
        """Ask again for what was not answered in time, and for what was refused some time ago."""
        sends: list[Send] = []
        for number in [number for number, asked in self._asked.items() if asked.due_ns <= now_ns]:
            asked = self._asked.pop(number)
            sends += self.ask(asked.streams, now_ns, asked.tries + 1)
        due = [stream for stream, at_ns in self._refused.items() if at_ns <= now_ns]
        for stream in due:
            del self._refused[stream]
            twice = self._delays[stream] > _FIRST_DELAY_NS
            sends += self.again(stream, now_ns) if twice else self.ask([stream], now_ns)
        self._schedule()
        return sends

    def _settled(self, now_ns: int) -> list[Ready]:
        self._schedule()
        if self.ready or self._asked:
            return []
        self.ready = True
        return [Ready(self._link, now_ns)]

    def _schedule(self) -> None:
        self.due_ns = min(
            min((asked.due_ns for asked in self._asked.values()), default=NEVER),
            min(self._refused.values(), default=NEVER),
        )

    def _batches(self, streams: Sequence[Stream]) -> Iterator[list[Stream]]:
        """The streams in requests within the limits of count, bytes and channels."""
        if self._one_channel:
            channels = dict.fromkeys(channel for channel, _ in streams)
            streams = [stream for channel in channels for stream in streams if stream[0] == channel]
        bare = len(self._write("subscribe", (), 1 << 53).encode()) if self._most_bytes else 0
        batch: list[Stream] = []
        size = bare
        for stream in streams:
            more = len(self._write("subscribe", (stream,), 1 << 53).encode()) - bare + 1 if self._most_bytes else 0
            full = len(batch) == self._most or (self._most_bytes and size + more > self._most_bytes)
            if batch and (full or (self._one_channel and stream[0] != batch[0][0])):
                yield batch
                batch, size = [], bare
            batch.append(stream)
            size += more
        if batch:
            yield batch
