"""What Coinbase's sockets send: books and trades on the public one, the states of orders on the private one.

https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-overview
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import arbkit.venue as kit
from arbkit_coinbase import rows, tables

FEEDS = {"level2": kit.BookFeed(0, partial(kit.Chained, check=False))}
"""All levels. The numbers count the messages of the connection, so the reader checks them, not the book."""
BEAT = ("heartbeats", "heartbeats")
"""One message a second; without it, quiet subscriptions are closed after 60 to 90 s."""
MESSAGES = kit.RateLimit("messages", 4, kit.S)
"""Of the 8 messages a second that one address may send without a key: a connection uses half of them at most."""
BOOKS_PER_LINK = 16
"""About 30 are accepted; above that the venue closes the connection."""
_CAPACITY = "too many L2 streams"
_KEY_WORDS = ("authenticat", "unauthorized", "jwt", "permission", "api key")


class Public:
    """Reads one public connection.

    Messages are numbered from 0, over all channels. A jump means that a message is missing, of whatever book, so all
    are lost; a number that is too low, that messages came in the wrong order, so all are lost too. A message that is
    repeated changes nothing.

    The USDC pairs have no book of their own: BTC-USDC is the book of BTC-USD, and messages carry that name.
    """

    __slots__ = ("_books", "_context", "_last", "_natives", "_printed")

    def __init__(self, context: kit.Context) -> None:
        self._context = context
        self._last = -1
        self._books: dict[str, Sequence[Any]] = {}
        """The books that a name in messages feeds."""
        self._natives = self._named(context.link.instruments)
        self._printed = self._named(context.link.trades)

    def _named(self, instruments: Sequence[str]) -> dict[str, list[str]]:
        """Our products by the name that their messages carry."""
        found: dict[str, list[str]] = {}
        for native in map(self._context.native, instruments):
            found.setdefault(self._name(native), []).append(native)
        return found

    def _name(self, native: str) -> str:
        known = self._context.known(native)
        return (known.venue_ref if known is not None else "") or native

    def write(self, op: str, wanted: Sequence[kit.Stream], number: int) -> str:
        channel = wanted[0][0]
        message: dict[str, Any] = {"type": op, "channel": channel}
        if channel != BEAT[0]:
            message["product_ids"] = list(dict.fromkeys(self._name(native) for _, native in wanted))
        return kit.json_text(message)

    def read(self, socket: kit.BookSocket, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
        frame = rows.frame(data)
        if not frame.channel:
            return self._refused(socket, frame.message, now_ns) if frame.type == "error" else ()
        number, last = frame.sequence_num, self._last
        out: list[kit.Output] = []
        if number != last + 1 and last >= 0:
            if number == last:
                return ()
            out += socket.lose_all(f"sequence gap: message {number} follows {last}", now_ns)
            if 0 < number < last:
                return out
        self._last = number
        if frame.channel == "l2_data":
            for event in frame.events:
                books = self._books.get(event.product_id) or self._open(socket, event.product_id)
                for book in books:
                    out += _change(book, event, frame, now_ns)
        elif frame.channel == "market_trades":
            out += self._trades(socket, frame, now_ns)
        elif frame.channel == "subscriptions":
            out += self._confirmed(socket, frame, now_ns)
        return out

    def _open(self, socket: kit.BookSocket, product: str) -> Sequence[Any]:
        natives = self._natives.get(product, [product])
        found = [socket.open(native, "level2", native) for native in natives]
        self._books[product] = books = [book for book in found if book is not None]
        return books

    def _trades(self, socket: kit.BookSocket, frame: rows.Frame, now_ns: int) -> list[kit.Trade]:
        """A snapshot repeats trades of before the subscription."""
        fresh = [row for event in frame.events if event.type == "update" for row in event.trades]
        return [
            trade
            for row in fresh
            for native in self._printed.get(row.product_id, ())
            for trade in socket.printed(native, [row], now_ns)
        ]

    def _confirmed(self, socket: kit.BookSocket, frame: rows.Frame, now_ns: int) -> list[kit.Output]:
        """The message names all that is subscribed now."""
        out: list[kit.Output] = []
        for channel, names in ((one, two) for event in frame.events for one, two in event.subscriptions.items()):
            ours = self._printed if channel == "market_trades" else self._natives
            for native in (native for name in names for native in ours.get(name, [name])):
                out += socket.confirmed(socket.subscriptions.number((channel, native)), now_ns)
        return out

    def _refused(self, socket: kit.BookSocket, text: str, now_ns: int) -> Sequence[kit.Output]:
        """An error names no request: it is the answer to the one that has waited longest."""
        if _CAPACITY.lower() in text.lower():
            raise kit.RemoteProtocolError(f"coinbase takes fewer than {BOOKS_PER_LINK} books on a connection: {text}")
        return socket.refused(socket.subscriptions.oldest, text, now_ns)


def _change(book: Any, event: rows.Event, frame: rows.Frame, now_ns: int) -> Sequence[kit.Output]:
    updates = event.updates
    bids = [change for change in updates if change.side == "bid"]
    asks = [change for change in updates if change.side == "offer"]
    at_ns = kit.iso_ns(updates[-1].event_time) if updates else 0  # a snapshot may have no time of the engine
    depth = kit.Depth(bids, asks, frame.sequence_num, 0, at_ns or kit.iso_ns(frame.timestamp))
    if event.type not in ("update", "snapshot"):
        raise kit.BadFrame(f"level2 {event.product_id}: unknown type {event.type!r}")
    out: Sequence[kit.Output] = (book.update if event.type == "update" else book.snapshot)(depth, now_ns)
    return out


class Private:
    """Reads one connection of the account. Its messages are numbered as those of a public one: after a gap, the state
    of an order may be missing, so the link is dialled again, and the core lists the orders."""

    __slots__ = ("_key_type", "_last")

    def __init__(self, key_type: str) -> None:
        self._key_type = key_type
        self._last = -1

    def channels(self, context: kit.Context, now_ns: int) -> tuple[Sequence[kit.Send], Sequence[str]]:
        """Without product names: the orders of all products."""
        names = ("user", "heartbeats")
        messages = [
            {"type": "subscribe", "channel": name, "jwt": tables.token(context, self._key_type, now_ns)}
            for name in names
        ]
        return [kit.Send(kit.Secret(kit.json_text(message))) for message in messages], names

    def read(self, socket: kit.AccountSocket, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
        frame = rows.frame(data)
        if not frame.channel:
            return self._error(socket, frame.message, now_ns) if frame.type == "error" else ()
        number, last = frame.sequence_num, self._last
        if number == last >= 0:
            return ()
        if number != last + 1 and last >= 0:
            raise kit.RemoteProtocolError(f"coinbase: user messages are missing: {number} follows {last}")
        self._last = number
        out: list[kit.Output] = []
        for event in frame.events:
            for name in event.subscriptions:
                out += socket.confirmed(name, now_ns)
            if frame.channel == "user":
                out += [tables.pushed(socket.context, row, frame.timestamp, now_ns) for row in event.orders]
        return out

    def _error(self, socket: kit.AccountSocket, text: str, now_ns: int) -> Sequence[kit.Output]:
        if any(word in text.lower() for word in _KEY_WORDS):
            raise kit.CredentialsError(f"coinbase refused the key: {text} (key name, secret, key_type, permissions?)")
        if not socket.is_ready:
            raise kit.RemoteProtocolError(f"coinbase refused a channel: {text}")
        return (kit.Notice("coinbase", text, recv_ns=now_ns),)
