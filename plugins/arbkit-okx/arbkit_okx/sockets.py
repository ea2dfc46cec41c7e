"""What OKX's sockets send: books, trades and rules on the public one; orders, fills and balances on the private one.

https://www.okx.com/docs-v5/en/#overview-websocket
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import arbkit.venue as kit
from arbkit_okx import rows, tables
from arbkit_okx.verdicts import VERDICTS

Reader: TypeAlias = Callable[[kit.BookSocket, Any, int], Sequence[kit.Output]]

FEEDS = {
    "bbo-tbt": kit.BookFeed(1, kit.SnapshotOnly),
    "books5": kit.BookFeed(5, kit.SnapshotOnly),
    "books50-l2-tbt": kit.BookFeed(50, kit.Chained),
    "books": kit.BookFeed(400, kit.Chained),
    "books-l2-tbt": kit.BookFeed(400, kit.Chained),
}
PING_NS = 20_000_000_000
"""OKX closes a link after 30 s without data; it recommends a text ``ping`` after 20 to 25 s."""
RULES = ("instruments", "SPOT")
"""Pushes each change of an instrument's rules and state."""
_TIER = ("64003", "64004")
"""The channel needs a higher tier, or conflicts with another one."""
_SHUTDOWN = "64008"
"""The connection will be closed for an upgrade in about 60 s."""
_NOT_LOGGED_IN = "60011"
_KINDS: dict[str, type[kit.Command]] = {"order": kit.NewOrder, "cancel-order": kit.CancelOrder}


def streams(channel: str) -> Any:
    return lambda native: [(channel, native)]


def write(op: str, wanted: Sequence[kit.Stream], number: int) -> str:
    args = [{"channel": name, "instType" if name == "instruments" else "instId": native} for name, native in wanted]
    return kit.json_text({"id": str(number), "op": op, "args": args})


def read_public(socket: kit.BookSocket, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
    if data == "pong":
        return ()
    frame = rows.public_frame(data)
    arg = frame.arg
    if frame.event:
        return _public_event(socket, frame, now_ns)
    if arg is None:
        raise kit.BadFrame("neither an event nor a push")
    try:
        book = socket.books[arg.channel, arg.inst_id]
    except KeyError:
        book = socket.open((arg.channel, arg.inst_id), arg.channel, arg.inst_id)
    if book is None:
        return _others(socket, arg, data, now_ns)
    if len(frame.data) == 1:
        return _row(book, arg, frame.action, frame.data[0], now_ns)
    return [out for row in frame.data for out in _row(book, arg, frame.action, row, now_ns)]


def _row(book: Any, arg: rows.Arg, action: str, row: rows.BookRow, now_ns: int) -> Sequence[kit.Output]:
    bids, asks, prev = row.bids, row.asks, row.prev_seq_id
    if bids is kit.UNSET or asks is kit.UNSET:
        raise kit.BadFrame(f"{arg.channel} {arg.inst_id}: a book without bids or asks")
    if prev is kit.UNSET:
        if FEEDS[arg.channel].family is kit.Chained:
            lost: Sequence[kit.Output] = book.lose("a frame without prevSeqId", now_ns)
            return lost
        action, prev = "snapshot", 0
    depth = kit.Depth(bids, asks, row.seq_id, prev, row.ts * kit.MS)
    if action not in ("update", "snapshot"):
        raise kit.BadFrame(f"{arg.channel} {arg.inst_id}: unknown action {action!r}")
    out: Sequence[kit.Output] = book.update(depth, now_ns) if action == "update" else book.snapshot(depth, now_ns)
    return out


def _others(socket: kit.BookSocket, arg: rows.Arg, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
    """Trades, and changed rules of instruments."""
    if arg.channel == "instruments":
        return tables.instruments(kit.rows(rows.envelope(data).data))
    if arg.channel != "trades":
        return ()
    return socket.printed(arg.inst_id, rows.trades_frame(data).data, now_ns)


def _public_event(socket: kit.BookSocket, frame: rows.PublicFrame, now_ns: int) -> Sequence[kit.Output]:
    code, text = frame.code, f"{frame.code} {frame.msg}"
    match frame.event:
        case "login":
            return socket.subscribe(now_ns)
        case "subscribe":
            return socket.confirmed(frame.id, now_ns)
        case "error" if code in _TIER:
            notice = kit.Notice("okx", f"{text}; reading books", recv_ns=now_ns)
            return [notice, *socket.fall_back(streams("books"), now_ns)]
        case "error":
            error = VERDICTS.refused_login("okx", code, frame.msg)
            if error is not None:
                raise error
            return socket.refused(frame.id, text, now_ns)
        case "notice":
            return (kit.Notice("okx", text, code == _SHUTDOWN, now_ns),)
    return ()


def read_recorded(socket: kit.BookSocket, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
    """Also frames of 2022, which have a checksum instead of sequence ids. A live link refuses them."""
    if data == "pong":
        return ()
    frame = rows.public_frame(data)
    arg = frame.arg
    if arg is None or arg.channel not in FEEDS or not frame.data or frame.data[0].prev_seq_id is not kit.UNSET:
        return read_public(socket, data, now_ns)
    if FEEDS[arg.channel].family is not kit.Chained:
        return read_public(socket, data, now_ns)
    key = (arg.channel, arg.inst_id)
    book = socket.books.get(key) or socket.open(key, *key)
    if isinstance(book, kit.Chained):
        book = socket.books[key] = kit.Checksummed(book.instrument, lambda now_ns: (), depth=FEEDS[arg.channel].levels)
    if book is None:
        return ()
    out: list[kit.Output] = []
    texts = rows.text_frame(data)
    for row in texts.data:
        depth = kit.CheckedDepth(row.bids, row.asks, row.checksum, 0, row.ts * kit.MS)
        out += (book.snapshot if texts.action == "snapshot" else book.update)(depth, now_ns)
    return out


# --- the account ---


class Private:
    """Reads and writes the account's sockets: OKX has one endpoint for the private stream and for order entry.

    An order is sent by ``instIdCode``. Its answer means "accepted"; the ``orders`` channel tells the rest.
    """

    def __init__(self, trade_mode: str) -> None:
        self._trade_mode = trade_mode

    def channels(self, context: kit.Context, now_ns: int) -> tuple[Sequence[kit.Send], Sequence[str]]:
        """Under ``cross``, spot orders are of the type MARGIN, so the orders of all types are subscribed."""
        args = [
            {"channel": "orders", "instType": "SPOT" if self._trade_mode == "cash" else "ANY"},
            {"channel": "account", "extraParams": kit.json_text({"updateInterval": "0"})},
        ]
        return [kit.Send(kit.json_text({"id": "private", "op": "subscribe", "args": args}))], ("orders", "account")

    def read(self, socket: kit.AccountSocket, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
        if data == "pong":
            return ()
        frame = rows.envelope(data)
        channel = frame.arg.channel if frame.arg is not None else ""
        context = socket.context
        if frame.event:
            return self._event(socket, channel, frame, now_ns)
        if frame.op:
            return self._answer(socket, frame, now_ns)
        if channel == "orders":
            return [tables.order(context, row, "stream", now_ns) for row in kit.rows(frame.data)]
        if channel == "account":
            return tables.balances(context, kit.rows(frame.data), self._trade_mode, False, now_ns)
        if not channel:
            raise kit.BadFrame("neither an event, an answer nor a push")
        return ()

    def _event(
        self, socket: kit.AccountSocket, channel: str, frame: rows.Envelope, now_ns: int
    ) -> Sequence[kit.Output]:
        code, text = frame.code, f"{frame.event} {frame.code} {frame.msg}".strip()
        match frame.event:
            case "login":
                return socket.logged_in(now_ns)
            case "subscribe":
                return socket.confirmed(channel, now_ns)
            case "channel-conn-count" | "unsubscribe":
                return ()
            case "channel-conn-count-error":
                raise kit.CredentialsError(
                    f"okx: {text}: too many connections of this account subscribe {channel}; close other programs"
                )
            case "error":
                error = VERDICTS.refused_login("okx", code, frame.msg)
                if error is not None:
                    raise error
                if code == _NOT_LOGGED_IN or VERDICTS.of(code).reason is kit.RejectReason.CLOCK or not socket.is_ready:
                    raise kit.RemoteProtocolError(f"okx refused the login or a channel: {code} {frame.msg}")
        return (kit.Notice("okx", text, code == _SHUTDOWN, now_ns),)

    def _answer(self, socket: kit.AccountSocket, frame: rows.Envelope, now_ns: int) -> Sequence[kit.Output]:
        ack = next(iter(rows.acks(frame.data)), rows.Ack())
        asked = socket.ids.read(frame.id, ack.cl_ord_id)
        kind = _KINDS.get(frame.op)
        if kind is None or not asked.cl_ord_id:
            return (kit.Notice("okx", f"{frame.op} {frame.id}: {frame.code} {frame.msg}", recv_ns=now_ns),)
        code = ack.s_code or (frame.code if frame.code != "0" else None)  # success without an item proves nothing
        text = ack.s_msg or frame.msg
        return socket.ordered(kind, asked, code, text, now_ns, order_id=ack.ord_id, exch_ns=kit.ms_ns(ack.ts))

    def write(self, socket: kit.AccountSocket, what: kit.Command, now_ns: int) -> kit.Send:
        if not isinstance(what, kit.NewOrder | kit.CancelOrder):
            raise kit.LocalProtocolError(f"{socket.context.link.link} carries no {what!r}")
        context = socket.context
        known = context.catalogue.get(what.instrument)
        native, ref = (known.native, known.venue_ref) if known is not None else (context.native(what.instrument), "")
        args: dict[str, Any] = {"instIdCode": int(ref)} if ref else {"instId": native}
        if isinstance(what, kit.CancelOrder):
            args.update(tables.key_params(what))
            name = socket.ids.make("c", what.cl_ord_id, native)
            return kit.Send(kit.json_text({"id": name, "op": "cancel-order", "args": [args]}), 0)
        args.update(tables.order_params(context, what, self._trade_mode))
        name = socket.ids.make("n", what.cl_ord_id, native)
        order = {
            "id": name,
            "op": "order",
            "args": [args],
            "expTime": tables.expires(context, what.deadline_ns, now_ns),
        }
        return kit.Send(kit.json_text(order), 0)
