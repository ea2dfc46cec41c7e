"""The life of a venue's sockets: public books and trades, private streams, order entry.

A venue gives a reader: a function that decodes one message and tells the socket what it is. The socket does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from arbkit.adapters.calls import CallTable
from arbkit.adapters.context import Context
from arbkit.adapters.heartbeat import Heartbeat
from arbkit.adapters.request_ids import RequestIds
from arbkit.adapters.subscriptions import Stream, Subscriptions
from arbkit.adapters.verdicts import About, Code
from arbkit.adapters.wire import MS, S
from arbkit.core.errors import LocalProtocolError, RemoteProtocolError
from arbkit.core.types import (
    NEVER,
    Ask,
    AskKind,
    BookLost,
    BookState,
    Command,
    Dial,
    HttpAnswer,
    Lane,
    NoAnswer,
    Notice,
    Output,
    RateReport,
    Ready,
    RejectReason,
    Send,
    Side,
    Trade,
    Wire,
)

__all__ = ["AccountSocket", "BookSocket", "Family", "BookFeed"]

_SILENT_NS = 10 * S
"""A subscription that is confirmed and has sent nothing for so long is asked for again, then with growing delay."""
_LONGEST_SILENCE_NS = 120 * S
_WHOLE_BOOK = 16 << 20
"""A message of a book of unlimited depth has 3 MB, and more on a busy day."""
_ALL = 1 << 31
_PATIENCE_NS = 10 * S
"""A login and the private subscriptions must be confirmed within this time."""


class Family(Protocol):
    """A ``BookNormalizer`` of ``arbkit.adapters``, as far as a socket needs it."""

    instrument: str
    state: BookState

    @property
    def due_ns(self) -> int: ...
    def snapshot(self, message: Any, now_ns: int) -> Sequence[Output]: ...
    def lose(self, reason: str, now_ns: int) -> Sequence[Output]: ...
    def update(self, message: Any, now_ns: int) -> Sequence[Output]: ...
    def tick(self, now_ns: int) -> Sequence[Output]: ...


class Print(Protocol):
    """A decoded row of a trades channel."""

    @property
    def px(self) -> float: ...
    @property
    def qty(self) -> float: ...
    @property
    def side(self) -> str:
        """The taker's: buy or sell, in any case."""

    @property
    def trade_id(self) -> str: ...
    @property
    def ms(self) -> int: ...


class BookFeed(Struct, frozen=True):
    """A channel that carries books."""

    levels: int
    """Levels per side that it keeps up to date, 0 = all. Of several channels of an instrument the deepest feeds its
    book."""
    family: Callable[..., Any]
    """Called as ``family(instrument, again, wake, depth=levels)``."""
    request: Callable[[Stream], str] | None = None
    """Writes the message that asks for a snapshot; None = the venue has none, so the stream is subscribed again."""


class BookSocket:
    """A public socket. ``books``: by whatever key a message gives quickly; None = known and ignored.

    ``read(socket, data, now_ns)``  decodes a message and calls the book, ``open``, or ``subscriptions``
    ``streams(native)``             what is subscribed for the book of an instrument; the first carries the book
    ``one_channel``                 a subscription request names one channel
    ``also``                        what is subscribed once for the whole link
    ``prints``                      the channel of trades
    ``rest(socket, ask, answer, now_ns)`` reads the answer to a snapshot request
    ``login(context, now_ns)``      for channels that need a key: sent first; the reader then calls ``subscribe``. None:
                                    the venue speaks first
    ``wait_ns``                     the venue takes no message before so long after the connection
    """

    __slots__ = (
        "_also",
        "_begin_ns",
        "_depths",
        "_feeds",
        "_heartbeat",
        "_login",
        "_prints",
        "_read",
        "_rest",
        "_silent",
        "_streams",
        "_url",
        "_wait_ns",
        "_wanted",
        "books",
        "context",
        "due_ns",
        "subscriptions",
    )

    def __init__(
        self,
        context: Context,
        *,
        url: str,
        read: Callable[[BookSocket, Any, int], Sequence[Output]],
        feeds: Mapping[str, BookFeed],
        streams: Callable[[str], Sequence[Stream]],
        write: Callable[[str, Sequence[Stream], int], str],
        most: int = 1,
        most_bytes: int = 0,
        one_channel: bool = False,
        also: Sequence[Stream] = (),
        prints: str = "",
        heartbeat: Heartbeat | None = None,
        rest: Callable[[BookSocket, Ask, HttpAnswer | NoAnswer, int], Sequence[Output]] | None = None,
        login: Callable[[Context, int], Send | None] | None = None,
        wait_ns: int = 0,
    ) -> None:
        self.context = context
        self.due_ns = NEVER
        self.books: dict[Hashable, Any] = {}
        self.subscriptions = Subscriptions(
            context.link.link,
            context.venue,
            write,
            self._lost,
            most=most,
            most_bytes=most_bytes,
            one_channel=one_channel,
        )
        self._url = url
        self._read = read
        self._feeds = feeds
        self._streams = streams
        self._also = also
        self._prints = prints
        self._heartbeat = heartbeat
        self._rest = rest
        self._login = login
        self._wait_ns = wait_ns
        self._begin_ns = NEVER
        self._depths: dict[str, tuple[int, Hashable]] = {}
        """Levels and key of the channel that feeds each instrument, by its native name."""
        self._silent: dict[Stream, tuple[int, int]] = {}
        """Streams of books that have sent nothing yet: (when to ask again, the delay)."""
        self._wanted: list[Stream] | None = None
        """Streams to ask for again by one request, while several books are handled; else None."""

    def dial(self, now_ns: int) -> Dial:
        whole = self._rest is None and not all(feed.levels for feed in self._feeds.values())
        return Dial(self._url, most=_WHOLE_BOOK) if whole else Dial(self._url)

    def start(self, now_ns: int) -> Sequence[Output]:
        if self._heartbeat is not None:
            self._heartbeat.start(now_ns)
            self.wake(self._heartbeat.due_ns)
        if self._wait_ns:
            self._begin_ns = now_ns + self._wait_ns
            self.wake(self._begin_ns)
            return ()
        return self._begin(now_ns)

    def _begin(self, now_ns: int) -> Sequence[Output]:
        if self._login is not None:
            return _first(self._login, self.context, now_ns)
        return self.subscribe(now_ns)

    def subscribe(self, now_ns: int) -> list[Output]:
        """Subscribe all that the link is for."""
        streams: list[Stream] = []
        for instrument in self.context.link.instruments:
            native = self.context.native(instrument)
            own = self._streams(native)
            if own[0][0] not in self._feeds:
                raise LocalProtocolError(
                    f"{self.context.link.link}: the first stream of {native} is {own[0][0]!r}, "
                    f"which is no channel of its feeds: {', '.join(self._feeds)}"
                )
            self._silent[own[0]] = (now_ns + _SILENT_NS, _SILENT_NS)
            streams += own
        if self._prints:
            streams += [(self._prints, self.context.native(instrument)) for instrument in self.context.link.trades]
        if streams:
            streams += self._also
        sends = self.subscriptions.ask(list(dict.fromkeys(streams)), now_ns)
        self._schedule()
        return [*sends] if sends else [Ready(self.context.link.link, now_ns)]

    def receive(self, data: str | bytes, now_ns: int) -> Sequence[Output]:
        return self._read(self, data, now_ns)

    def open(self, key: Hashable, channel: str, native: str) -> Any:
        """The book of a stream that sends for the first time; None if it is ignored. It is kept as ``books[key]``."""
        self._silent.pop((channel, native), None)
        feed = self._feeds.get(channel)
        instrument = self.context.known(native)
        book = None
        if feed is not None and instrument is not None:
            deepest, feeding = self._depths.get(native, (0, None))
            depth = feed.levels or _ALL
            if depth > deepest:
                if feeding is not None:
                    self.books[feeding] = None
                self._depths[native] = depth, key
                stream = (channel, native)
                request = feed.request
                book = feed.family(
                    instrument.id,
                    (lambda now_ns: self._again(stream, now_ns))
                    if request is None
                    else (lambda now_ns: [Send(request(stream))]),
                    self.wake,
                    depth=feed.levels,
                )
        self.books[key] = book
        return book

    def lose_all(self, reason: str, now_ns: int) -> list[Output]:
        """A message of the connection is missing, so each book may be wrong: all are lost, and asked for again by one
        request. For families with ``lose``."""
        books = [book for book in self.books.values() if book is not None]
        return self._together(lambda: [out for book in books for out in book.lose(reason, now_ns)], now_ns)

    def _again(self, stream: Stream, now_ns: int) -> list[Send]:
        if self._wanted is None:
            return self.subscriptions.again(stream, now_ns)
        self._wanted.append(stream)
        return []

    def _together(self, act: Callable[[], list[Output]], now_ns: int) -> list[Output]:
        """What ``act`` gives, and one request for all that it wants subscribed again."""
        wanted: list[Stream] = []
        self._wanted = wanted
        try:
            out = act()
        finally:
            self._wanted = None
        return [*out, *self.subscriptions.again_all(wanted, now_ns)]

    def book(self, instrument: str) -> Any:
        """The book of an instrument, if it has one yet."""
        _, key = self._depths.get(self.context.native(instrument), (0, None))
        return self.books.get(key) if key is not None else None

    def resync(self, instrument: str, reason: str, now_ns: int) -> Sequence[Output]:
        """The book is wrong though its sequence is whole: lose it and ask for a snapshot."""
        book = self.book(instrument)
        return () if book is None else book.lose(reason, now_ns)

    def printed(self, native: str, rows: Sequence[Print], now_ns: int) -> list[Trade]:
        """The trades of an instrument."""
        name = self.context.instrument(native)
        return [Trade(name, Side(row.side.lower()), row.px, row.qty, row.trade_id, row.ms * MS, now_ns) for row in rows]

    def fall_back(self, streams: Callable[[str], Sequence[Stream]], now_ns: int) -> list[Output]:
        """Use another channel: the venue does not allow this one."""
        self._streams = streams
        self.books.clear()
        self._depths.clear()
        self._silent.clear()
        self.subscriptions.forget()
        return self.subscribe(now_ns)

    def confirmed(self, number: int | str, now_ns: int) -> Sequence[Output]:
        """The venue accepted a request; the number may come as text."""
        out = self.subscriptions.confirmed(_whole(number), now_ns)
        self.wake(self.subscriptions.due_ns)
        return out

    def refused(self, number: int | str, why: str, now_ns: int) -> Sequence[Output]:
        """The venue refused a request."""
        out = self.subscriptions.refused(_whole(number), why, now_ns)
        self.wake(self.subscriptions.due_ns)
        return out

    def _lost(self, stream: Stream, reason: str, now_ns: int) -> Sequence[BookLost]:
        channel, native = stream
        if channel not in self._feeds:
            return ()
        self._silent.pop(stream, None)
        return (BookLost(self.context.instrument(native), reason, now_ns),)

    def answered(self, what: Ask | Command, answer: HttpAnswer | NoAnswer, now_ns: int) -> Sequence[Output]:
        if self._rest is None or not isinstance(what, Ask):
            return ()
        return self._rest(self, what, answer, now_ns)

    def tick(self, now_ns: int) -> Sequence[Output]:
        out: list[Output] = [] if self._heartbeat is None else [*self._heartbeat.tick(now_ns)]
        if self._begin_ns <= now_ns:
            self._begin_ns = NEVER
            out += self._begin(now_ns)
        out += self._together(lambda: [*self._overdue(now_ns), *self._unheard(now_ns)], now_ns)
        out += self.subscriptions.tick(now_ns)
        self._schedule()
        return out

    def _overdue(self, now_ns: int) -> list[Output]:
        """Books that have waited long enough for a snapshot."""
        due = [book for book in self.books.values() if book is not None and book.due_ns <= now_ns]
        return [out for book in due for out in book.tick(now_ns)]

    def _unheard(self, now_ns: int) -> list[Output]:
        """Subscriptions that are confirmed and silent: tell it, and ask for them again."""
        out: list[Output] = []
        for stream, (due_ns, delay_ns) in list(self._silent.items()):
            if due_ns > now_ns:
                continue
            since_ns = self.subscriptions.silent_since(stream)
            if since_ns > now_ns - _SILENT_NS:  # not confirmed, or not long ago
                self._silent[stream] = (min(since_ns, now_ns) + _SILENT_NS, delay_ns)
                continue
            longer = min(2 * delay_ns, _LONGEST_SILENCE_NS)
            self._silent[stream] = (now_ns + longer, longer)
            text = f"{' '.join(stream)}: subscribed, but nothing came for {(now_ns - since_ns) // S} s"
            out.append(Notice(self.context.venue, text, recv_ns=now_ns))
            out.append(BookLost(self.context.instrument(stream[1]), text, now_ns))
            out += self._again(stream, now_ns)
        return out

    def wake(self, due_ns: int) -> None:
        """``tick`` is wanted at ``due_ns`` at the latest."""
        if due_ns < self.due_ns:
            self.due_ns = due_ns

    def _schedule(self) -> None:
        books = min((book.due_ns for book in self.books.values() if book is not None), default=NEVER)
        silent = min((due_ns for due_ns, _ in self._silent.values()), default=NEVER)
        beat = NEVER if self._heartbeat is None else self._heartbeat.due_ns
        self.due_ns = min(books, silent, beat, self.subscriptions.due_ns, self._begin_ns)

    def encode(self, what: Ask | Sequence[Command], now_ns: int) -> Sequence[Wire]:
        raise LocalProtocolError(f"{self.context.link.link} carries no requests")


def _first(login: Callable[[Context, int], Send | None], context: Context, now_ns: int) -> Sequence[Output]:
    sent = login(context, now_ns)
    return () if sent is None else (sent,)


def _whole(number: int | str) -> int:
    if isinstance(number, int):
        return number
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 10 else 0


class AccountSocket:
    """A private stream, or order entry, or both.

    ``read(socket, data, now_ns)``  decodes a message; calls ``logged_in`` and ``confirmed``
    ``login(context, now_ns)``      the login message; without it requests are signed one by one. If it gives None, the
                                    venue speaks first. In place of it, or beside ``address``:
    ``token(answer)``               reads the answer to ``AskKind.TOKEN``, which then is asked for in place of a login.
                                    Raises ``CredentialsError``, or ``RemoteProtocolError`` to dial again
    ``address(answer)``             the same, where the token is part of the address: asked for before the dial
    ``renewal``                     asks for ``AskKind.TOKEN`` with a ``ref`` from time to time, to keep the token of an
                                    ``address`` alive; ``address`` reads the answer too, whose absence is nothing
    ``channels(context, now_ns)``   what is sent after the login, and the names that must be ``confirmed`` before the
                                    link is ready; () = it is ready at once
    ``write(socket, command, now_ns)``  the text of a command on this socket
    ``ids``                         how requests are named
    ``calls``                       for ``ordered``: what an answer to a command proves, which buckets a throttle closes
    ``wait_ns``                     the venue takes no message before so long after the connection
    """

    __slots__ = (
        "_address",
        "_awaited",
        "_begin_ns",
        "_calls",
        "_channels",
        "_dial",
        "_heartbeat",
        "_login",
        "_patience_ns",
        "_read",
        "_renewal",
        "_token",
        "_wait_ns",
        "_write",
        "context",
        "due_ns",
        "ids",
    )

    def __init__(
        self,
        context: Context,
        *,
        url: str = "",
        calls: CallTable,
        read: Callable[[AccountSocket, Any, int], Sequence[Output]],
        login: Callable[[Context, int], Send | None] | None = None,
        token: Callable[[HttpAnswer], None] | None = None,
        address: Callable[[HttpAnswer], Dial] | None = None,
        renewal: Heartbeat | None = None,
        channels: Callable[[Context, int], tuple[Sequence[Send], Sequence[str]]] | None = None,
        write: Callable[[AccountSocket, Command, int], Send] | None = None,
        ids: RequestIds | None = None,
        heartbeat: Heartbeat | None = None,
        wait_ns: int = 0,
    ) -> None:
        self.context = context
        self.due_ns = NEVER
        self._dial = None if address is not None else Dial(url)
        self._address = address
        self._renewal = renewal
        self._wait_ns = wait_ns
        self._begin_ns = NEVER
        self._calls = calls
        self._read = read
        self._login = login
        self._token = token
        self._channels = channels
        self._write = write
        self.ids = ids or RequestIds(context, 36)
        self._heartbeat = heartbeat
        self._awaited: set[str] = set()
        self._patience_ns = NEVER

    def dial(self, now_ns: int) -> Dial | Ask:
        return self._dial or Ask(kind=AskKind.TOKEN, lane=Lane.QUERY)

    def start(self, now_ns: int) -> Sequence[Output]:
        for beat in (self._heartbeat, self._renewal):
            if beat is not None:
                beat.start(now_ns)
        self._patience_ns = now_ns + self._wait_ns + _PATIENCE_NS
        self._begin_ns = now_ns + self._wait_ns if self._wait_ns else NEVER
        self._schedule()
        return () if self._wait_ns else self._begin(now_ns)

    def _begin(self, now_ns: int) -> Sequence[Output]:
        if self._token is not None:
            return (Ask(kind=AskKind.TOKEN, lane=Lane.QUERY),)
        return self.logged_in(now_ns) if self._login is None else _first(self._login, self.context, now_ns)

    def logged_in(self, now_ns: int) -> Sequence[Output]:
        """The login was accepted: subscribe, or be ready."""
        sends, names = ((), ()) if self._channels is None else self._channels(self.context, now_ns)
        self._awaited.update(names)
        return [*sends, *([] if self._awaited else self._ready(now_ns))]

    def confirmed(self, name: str, now_ns: int) -> Sequence[Output]:
        """A subscription was accepted; the last one makes the link ready."""
        if name not in self._awaited:
            return ()
        self._awaited.discard(name)
        return () if self._awaited else self._ready(now_ns)

    def ordered(
        self,
        kind: type[Command],
        about: About,
        code: Code | None,
        text: str,
        now_ns: int,
        *,
        order_id: str = "",
        exch_ns: int = 0,
        limited: bool = False,
    ) -> list[Output]:
        """The answer to a command about an order: ``Verdicts.answer``. A throttle code closes the command's buckets;
        after a ``limited`` status the venue's reader says what is closed, and until when."""
        update = self._calls.verdicts.answer(
            self.context, kind, about, code, text, now_ns, order_id=order_id, exch_ns=exch_ns, limited=limited
        )
        if update.reason is not RejectReason.THROTTLED or limited:
            return [update]
        until_ns = now_ns + self._calls.pauses.window_ns
        buckets = self._calls.buckets(kind, self.context.account, about.instrument)
        venue = self.context.venue
        return [update, *(RateReport(venue=venue, bucket=name, until_ns=until_ns, recv_ns=now_ns) for name in buckets)]

    @property
    def is_ready(self) -> bool:
        return self._patience_ns == NEVER

    def _ready(self, now_ns: int) -> Sequence[Output]:
        self._patience_ns = NEVER
        self._schedule()
        return (Ready(self.context.link.link, now_ns),)

    def receive(self, data: str | bytes, now_ns: int) -> Sequence[Output]:
        return self._read(self, data, now_ns)

    def answered(self, what: Ask | Command, answer: HttpAnswer | NoAnswer, now_ns: int) -> Sequence[Output]:
        if not isinstance(what, Ask) or (self._token is None and self._address is None):
            return ()
        if what.ref and (isinstance(answer, NoAnswer) or answer.status == 429 or answer.status >= 500):
            return ()  # a renewal that says nothing about the token: the next one may succeed
        if isinstance(answer, NoAnswer):
            raise RemoteProtocolError(f"{self.context.link.link}: no token: {answer.reason}")
        if self._address is not None and (self._dial is None or what.ref):
            self._dial = self._address(answer)
            return ()
        if self._token is None:
            return ()
        self._token(answer)
        return self.logged_in(now_ns)

    def tick(self, now_ns: int) -> Sequence[Output]:
        if now_ns >= self._patience_ns:
            raise RemoteProtocolError(
                f"{self.context.link.link}: login or subscription not confirmed within {_PATIENCE_NS // S} s"
            )
        beats = [beat for beat in (self._heartbeat, self._renewal) if beat is not None]
        out: list[Output] = [one for beat in beats for one in beat.tick(now_ns)]
        if self._begin_ns <= now_ns:
            self._begin_ns = NEVER
            out += self._begin(now_ns)
        self._schedule()
        return out

    def _schedule(self) -> None:
        beats = [beat.due_ns for beat in (self._heartbeat, self._renewal) if beat is not None]
        self.due_ns = min([self._patience_ns, self._begin_ns, *beats])

    def encode(self, what: Ask | Sequence[Command], now_ns: int) -> Sequence[Wire]:
        if isinstance(what, Ask) or self._write is None:
            raise LocalProtocolError(f"{self.context.link.link} carries no {what!r}")
        write = self._write
        return [write(self, command, now_ns) for command in what]
