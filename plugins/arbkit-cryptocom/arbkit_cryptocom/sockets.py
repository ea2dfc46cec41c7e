"""What Crypto.com's sockets send: books and trades on the market one; orders and fills on the user one.

https://exchange-developer.crypto.com/exchange/v1/docs
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import arbkit.venue as kit
from arbkit_cryptocom import rows, tables
from arbkit_cryptocom.verdicts import VERDICTS

FEEDS = {"book.50": kit.BookFeed(50, kit.Chained), "book.10": kit.BookFeed(10, kit.Chained)}
PRINTS = "trade"
WAIT_NS = kit.S
"""Requests are counted by calendar second, and those that come right after connecting are refused."""
CHANNELS = 100
"""In one request; so many were accepted."""
_PRIVATE = ("user.order", "user.trade")
"""Not user.balance: its rows have no time."""
_AUTH, _SUBSCRIBE, _FIRST = 1, 2, 10
"""Ids of requests on the user socket; orders and cancels are counted from the last one."""


def _name(stream: kit.Stream) -> str:
    """``("book.50", "BTC_USDT")`` -> ``book.BTC_USDT.50``."""
    kind, _, depth = stream[0].partition(".")
    return f"{kind}.{stream[1]}.{depth}" if depth else f"{kind}.{stream[1]}"


def _stream(name: str) -> kit.Stream:
    kind, _, rest = name.partition(".")
    native, _, depth = rest.partition(".")
    return (f"{kind}.{depth}" if depth else kind, native)


def write(op: str, wanted: Sequence[kit.Stream], number: int) -> str:
    """The parameters of books apply to all books of the request. A change comes every 10 ms at most."""
    params: dict[str, Any] = {"channels": [_name(stream) for stream in wanted]}
    if op == "subscribe":
        params |= {"book_subscription_type": "SNAPSHOT_AND_UPDATE", "book_update_frequency": 10}
    return kit.json_text({"id": number, "method": op, "params": params})


def streams(channel: str) -> Callable[[str], Sequence[kit.Stream]]:
    return lambda native: [(channel, native)]


def _alive(number: int) -> Sequence[kit.Output]:
    """Each heartbeat is answered at once with its id."""
    return (kit.Send(kit.json_text({"id": number, "method": "public/respond-heartbeat"}), 0),)


def read_public(socket: kit.BookSocket, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
    frame = rows.public_frame(data)
    result = frame.result
    if result is None or not result.subscription:
        return _public_event(socket, frame, now_ns)
    name = result.subscription
    try:
        book = socket.books[name]
    except KeyError:
        book = socket.open(name, *_stream(name))
    out: list[kit.Output] = []
    if frame.id > 0:  # the first data of some channels stand for the answer
        out += socket.confirmed(socket.subscriptions.number(_stream(name)), now_ns)
    if book is None:
        return [*out, *_trades(socket, result, data, now_ns)]
    for row in result.data:
        out += _row(book, name, row, now_ns)
    return out


def _row(book: Any, name: str, row: rows.BookRow, now_ns: int) -> Sequence[kit.Output]:
    """Without ``update`` it is a whole book, whatever came before."""
    update, bids, asks = row.update, row.bids, row.asks
    out: Sequence[kit.Output]
    if update is kit.UNSET:
        if bids is kit.UNSET or asks is kit.UNSET:
            raise kit.BadFrame(f"{name}: a book without bids or asks")
        out = book.snapshot(kit.Depth(bids, asks, row.u, 0, row.t * kit.MS), now_ns)
    elif row.pu is kit.UNSET:
        out = book.lose("an update without pu", now_ns)
    else:
        out = book.update(kit.Depth(update.bids, update.asks, row.u, row.pu, row.t * kit.MS), now_ns)
    return out


def _trades(socket: kit.BookSocket, result: rows.BookResult, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
    """The newest row is the first."""
    if result.channel != PRINTS:
        return ()
    return socket.printed(result.instrument_name, rows.trades_frame(data).result.data[::-1], now_ns)


def _public_event(socket: kit.BookSocket, frame: rows.PublicFrame, now_ns: int) -> Sequence[kit.Output]:
    """A subscription is answered once for each channel, with the channel; the page shows one answer without it."""
    if frame.method == "public/heartbeat":
        return _alive(frame.id)
    text = f"{frame.code} {frame.message}".strip()
    number = socket.subscriptions.number(_stream(frame.channel)) if frame.channel else max(frame.id, 0)
    if frame.code:
        return socket.refused(number, text, now_ns)
    if frame.method == "subscribe":
        return socket.confirmed(number, now_ns)
    if not frame.method:
        raise kit.BadFrame("neither an answer nor a push")
    return ()


# --- the account ---


class Private:
    """Reads and writes the user socket: the stream of the account, or order entry. Requests have numbers, and an answer
    comes on the socket of its request only."""

    def __init__(self) -> None:
        self._asked: dict[int, tuple[type[kit.Command], kit.Asked]] = {}
        """Requests without an answer."""
        self._count = _FIRST

    def login(self, context: kit.Context, now_ns: int) -> kit.Send:
        signed = tables.signed(context, "public/auth", {}, now_ns, _AUTH)
        return kit.Send(kit.Secret(kit.json_text(signed)))

    def channels(self, context: kit.Context, now_ns: int) -> tuple[Sequence[kit.Send], Sequence[str]]:
        nonce = context.signer.venue_ns(now_ns) // kit.MS
        request = {"id": _SUBSCRIBE, "method": "subscribe", "params": {"channels": _PRIVATE}, "nonce": nonce}
        return [kit.Send(kit.json_text(request))], _PRIVATE

    def write(self, socket: kit.AccountSocket, what: kit.Command, now_ns: int) -> kit.Send:
        context = socket.context
        if not isinstance(what, kit.NewOrder | kit.CancelOrder):
            raise kit.LocalProtocolError(f"{context.link.link} carries no {what!r}")
        if isinstance(what, kit.NewOrder):
            method, params = tables.PLACE, tables.order(context, what)
        else:
            method, params = tables.CANCEL, tables.which(what)
        nonce = context.signer.venue_ns(now_ns) // kit.MS
        request = {"id": self._count + 1, "method": method, "params": dict(params), "nonce": nonce}
        self._count += 1
        self._asked[self._count] = type(what), kit.Asked("", what.cl_ord_id, what.instrument)
        return kit.Send(kit.json_text(request))

    def read(self, socket: kit.AccountSocket, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
        frame = rows.private_frame(data)
        result, context = frame.result, socket.context
        if frame.method == "public/heartbeat":
            return _alive(frame.id)
        if frame.method == "public/auth":
            return self._logged_in(socket, frame, now_ns)
        if frame.method in (tables.PLACE, tables.CANCEL):
            return self._answer(socket, frame, result or rows.PrivateResult(), now_ns)
        if result is None or not result.channel:
            return self._event(socket, frame, now_ns)
        match result.channel:
            case "user.order":
                return [tables.state(context, row, "stream", now_ns) for row in kit.rows(result.data)]
            case "user.trade":
                return [tables.fill(context, row, "stream", now_ns) for row in kit.rows(result.data)]
        return ()

    def _logged_in(self, socket: kit.AccountSocket, frame: rows.PrivateFrame, now_ns: int) -> Sequence[kit.Output]:
        if not frame.code:
            return socket.logged_in(now_ns)
        error = VERDICTS.refused_login("cryptocom", frame.code, frame.message)
        raise error or kit.RemoteProtocolError(f"cryptocom refused the login: {frame.code} {frame.message}")

    def _event(self, socket: kit.AccountSocket, frame: rows.PrivateFrame, now_ns: int) -> Sequence[kit.Output]:
        """An error without an id (-1) does not say which request it is about: the order is queried in time."""
        text = f"{frame.code} {frame.message}".strip()
        if frame.code and not socket.is_ready:
            error = VERDICTS.refused_login("cryptocom", frame.code, frame.message)
            raise error or kit.RemoteProtocolError(f"cryptocom refused a channel: {text}")
        if frame.method == "subscribe" and not frame.code:
            names = (frame.channel,) if frame.channel else _PRIVATE
            return [out for name in names for out in socket.confirmed(name, now_ns)]
        if not frame.method:
            raise kit.BadFrame("neither an answer nor a push")
        return (kit.Notice("cryptocom", f"{frame.method} {frame.id}: {text}", recv_ns=now_ns),)

    def _answer(
        self, socket: kit.AccountSocket, frame: rows.PrivateFrame, result: rows.PrivateResult, now_ns: int
    ) -> Sequence[kit.Output]:
        """Success means accepted; the state comes by the stream."""
        kind, asked = self._asked.pop(frame.id, (None, None))
        text = f"{frame.code} {frame.message}".strip()
        if kind is None or asked is None:
            return (kit.Notice("cryptocom", f"{frame.method} {frame.id}: {text}", recv_ns=now_ns),)
        empty = kind is kit.NewOrder and not frame.code and not result.order_id
        code = None if empty else frame.code  # success without an order proves nothing
        return socket.ordered(kind, asked, code, frame.message, now_ns, order_id=result.order_id)
