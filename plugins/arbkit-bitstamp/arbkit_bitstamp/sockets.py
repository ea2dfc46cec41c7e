"""What Bitstamp's socket sends: books and trades, and on a private link the account's orders and fills.

https://www.bitstamp.net/websocket/v2/
"""

from __future__ import annotations

from collections.abc import Sequence

import arbkit.venue as kit
from arbkit_bitstamp import rows, tables
from arbkit_bitstamp.verdicts import OK, VERDICTS

BOOK = "diff_order_book"
PRINTS = "live_trades"
FEEDS = {BOOK: kit.BookFeed(0, kit.joined)}
"""The changes of all levels, joined to a snapshot over REST."""
PING = '{"event":"bts:heartbeat"}'
PING_NS = 10 * kit.S
SUBSCRIBES = kit.RateLimit("subscribes", 20, kit.S)
"""The venue states no limit of messages; so many at once were seen to be taken."""
BOOKS_PER_LINK = 50
"""1,024 channels are documented. A link must be subscribed within 20 s, so it has fewer."""
_BOOK = f"{BOOK}_"
_PRINTS = f"{PRINTS}_"
_ORDERS = "private-my_orders_"
SNAPSHOTS = kit.snapshots(rows.WHOLE, tables.PAUSES, read=rows.snapshot)
"""Of ``order_book/``."""


def streams(native: str) -> Sequence[kit.Stream]:
    return [(BOOK, native)]


def write(op: str, wanted: Sequence[kit.Stream], number: int) -> str:
    """One channel a request; the answer names it. A request must be shorter than 512 bytes."""
    channel, native = wanted[0]
    return kit.json_text({"event": f"bts:{op}", "data": {"channel": f"{channel}_{native}"}})


class Public:
    """Reads one public connection.

    A push has no number, only the time of the book. So it is taken for all that changed since the push before it: a
    snapshot that is older than the first push is refused (it came out of a cache), one that is newer takes the place of
    the pushes before it. A push that is lost cannot be noticed."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        """The time of the last push, by channel."""

    def read(self, socket: kit.BookSocket, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
        frame = rows.frame(data)
        channel = frame.channel
        if frame.event != "data" or not channel.startswith(_BOOK):
            return self._others(socket, frame, now_ns)
        found = rows.book(frame.data)
        try:
            book = socket.books[channel]
        except KeyError:
            book = socket.open(channel, BOOK, channel.removeprefix(_BOOK))
        if book is None:
            return ()
        last = self._last.get(channel, 0)
        found.first = (last or found.us) + 1  # what the first push tells must be in the snapshot
        self._last[channel] = max(last, found.us)
        out: Sequence[kit.Output] = book.update(found, now_ns)
        return out

    def _others(self, socket: kit.BookSocket, frame: rows.Frame, now_ns: int) -> Sequence[kit.Output]:
        channel, event = frame.channel, frame.event
        if event == "trade" and channel.startswith(_PRINTS):
            one = rows.print_(frame.data)
            name, side = socket.context.instrument(channel.removeprefix(_PRINTS)), _taker(one.type)
            return (kit.Trade(name, side, one.px, one.qty, str(one.trade_id), one.us * 1000, now_ns),)
        if event == "bts:subscription_succeeded":
            return socket.confirmed(socket.subscriptions.number(_stream(channel)), now_ns)
        if event == "bts:error":
            said = rows.refusal(frame.data)
            # an error of a request may name no channel: then it answers the one that has waited longest
            number = socket.subscriptions.number(_stream(channel)) if channel else socket.subscriptions.oldest
            return socket.refused(number, f"{said.code or ''} {said.message}".strip(), now_ns)
        return _notices(frame)


def _taker(kind: int) -> kit.Side:
    return (kit.Side.BUY, kit.Side.SELL)[kind == 1]


def _stream(channel: str) -> kit.Stream:
    name, _, native = channel.rpartition("_")
    return name, native


def _notices(frame: rows.Frame) -> Sequence[kit.Output]:
    """A server that will close soon asks for another connection."""
    if frame.event == "bts:request_reconnect":
        raise kit.RemoteProtocolError("bitstamp asks to connect again (maintenance of a server)")
    if not frame.event:
        raise kit.BadFrame("a message without event")
    return ()


# --- the account ---


class Private:
    """Reads a private link. Its channels are by market; each subscription carries the token, which is valid for 60 s,
    and the account's number is part of the channel's name.

    The channels of the account's trades are not used: no page says that their ids are those of ``user_transactions/``,
    and a fill with two ids would be booked twice."""

    __slots__ = ("_token",)

    def __init__(self) -> None:
        self._token = rows.Token("", 0)

    def token(self, answer: kit.HttpAnswer) -> None:
        reply = tables.unwrap(answer) if answer.status < 500 else None
        if reply is not None and reply.code != OK:
            error = VERDICTS.refused_login("bitstamp", reply.code, reply.text)
            raise error or kit.RemoteProtocolError(f"bitstamp gave no token: {reply.code} {reply.text}")
        found = kit.read_json(rows.TOKEN, answer.body) if reply is not None else None
        if found is None:
            raise kit.RemoteProtocolError(f"bitstamp gave no token: HTTP {answer.status}")
        self._token = found

    def channels(self, context: kit.Context, now_ns: int) -> tuple[Sequence[kit.Send], Sequence[str]]:
        natives = [context.native(instrument) for instrument in context.link.trades]
        names = [f"{_ORDERS}{native}-{self._token.user_id}" for native in natives]
        requests = ({"event": "bts:subscribe", "data": {"channel": name, "auth": self._token.token}} for name in names)
        return [kit.Send(kit.Secret(kit.json_text(request))) for request in requests], names

    def read(self, socket: kit.AccountSocket, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
        frame = rows.frame(data)
        channel, event = frame.channel, frame.event
        if event == "bts:subscription_succeeded":
            return socket.confirmed(channel, now_ns)
        if event == "bts:error":
            said = rows.refusal(frame.data)
            text = f"{said.code or ''} {said.message}".strip()
            if not socket.is_ready:
                raise kit.RemoteProtocolError(f"bitstamp refused a channel: {text}")
            return (kit.Notice("bitstamp", text, recv_ns=now_ns),)
        if channel.startswith(_ORDERS) and event.startswith("order_"):
            native = channel.removeprefix(_ORDERS).rpartition("-")[0]
            return (tables.pushed(socket.context, native, event, kit.rows(b"[%b]" % bytes(frame.data))[0], now_ns),)
        return _notices(frame)
