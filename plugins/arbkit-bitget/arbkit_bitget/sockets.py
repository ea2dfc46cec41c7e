"""What Bitget's sockets send: books and trades on the public one; orders, fills and balances on the private one.

https://www.bitget.com/api-doc/common/websocket-intro
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import arbkit.venue as kit
from arbkit_bitget import rows, tables
from arbkit_bitget.verdicts import VERDICTS

FEEDS = {
    "books": kit.BookFeed(200, kit.Chained),
    "books15": kit.BookFeed(15, kit.Chained),
    "books5": kit.BookFeed(5, kit.Chained),
    "books1": kit.BookFeed(1, kit.Chained),
}
"""One family for all: each message says by ``action`` whether it is a whole book. ``books`` has 500 levels a side, on
some markets 200."""
PRINTS = "trade"
PING_NS = 20 * kit.S
"""Bitget asks for a text ``ping`` every 30 s, and closes a connection after two minutes without one."""
ARGS = 50
"""Channels in one request; the request has at most ``BYTES``."""
BYTES = 4096
_ALL = {"orders": "instId", "fill": "instId", "account": "coin"}
"""The private channels, and the name of the argument that is ``default`` for all instruments or coins."""
_STREAM = re.compile(r"channel:(\w+),\s*instId:(\w+)")


def streams(channel: str) -> Callable[[str], Sequence[kit.Stream]]:
    return lambda native: [(channel, native)]


def write(op: str, wanted: Sequence[kit.Stream], number: int) -> str:
    """There is no id: the answers name the channel."""
    args = [{"instType": "SPOT", "channel": channel, "instId": native} for channel, native in wanted]
    return kit.json_text({"op": op, "args": args})


def read_public(socket: kit.BookSocket, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
    if data == "pong":
        return ()
    frame = rows.public_frame(data)
    arg = frame.arg
    if frame.event or frame.op:
        return _public_event(socket, frame, now_ns)
    if arg is None:
        raise kit.BadFrame("neither an event nor a push")
    try:
        book = socket.books[arg.channel, arg.inst_id]
    except KeyError:
        book = socket.open((arg.channel, arg.inst_id), arg.channel, arg.inst_id)
    if book is None:
        return _trades(socket, arg, data, now_ns)
    out: list[kit.Output] = []
    for row in frame.data:
        bids, asks, pseq = row.bids, row.asks, row.pseq
        if bids is kit.UNSET or asks is kit.UNSET:
            raise kit.BadFrame(f"{arg.channel} {arg.inst_id}: a book without bids or asks")
        if frame.action == "snapshot":
            out += book.snapshot(kit.Depth(bids, asks, row.seq, 0, row.ts * kit.MS), now_ns)
        elif frame.action != "update":
            raise kit.BadFrame(f"{arg.channel} {arg.inst_id}: unknown action {frame.action!r}")
        elif pseq is kit.UNSET:
            out += book.lose("an update without pseq", now_ns)
        else:
            out += book.update(kit.Depth(bids, asks, row.seq, pseq, row.ts * kit.MS), now_ns)
    return out


def _trades(socket: kit.BookSocket, arg: rows.Arg, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
    """The newest row is the first."""
    if arg.channel != PRINTS:
        return ()
    return socket.printed(arg.inst_id, rows.trades_frame(data).data[::-1], now_ns)


def _public_event(socket: kit.BookSocket, frame: rows.PublicFrame, now_ns: int) -> Sequence[kit.Output]:
    if frame.event == "subscribe" and frame.arg is not None:
        return socket.confirmed(socket.subscriptions.number((frame.arg.channel, frame.arg.inst_id)), now_ns)
    if frame.event != "error":
        return ()
    text = f"{frame.code} {frame.msg}"
    said = _STREAM.search(frame.msg)
    stream = (said[1], said[2]) if said else ("", "")
    if frame.arg is not None:
        stream = (frame.arg.channel, frame.arg.inst_id)
    return socket.refused(socket.subscriptions.number(stream), text, now_ns)


# --- the account ---


def channels(context: kit.Context, now_ns: int) -> tuple[Sequence[kit.Send], Sequence[str]]:
    args = [{"instType": "SPOT", "channel": channel, name: "default"} for channel, name in _ALL.items()]
    return [kit.Send(kit.json_text({"op": "subscribe", "args": args}))], list(_ALL)


def read_private(socket: kit.AccountSocket, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
    """``action`` is always "snapshot" here, and means an event."""
    if data == "pong":
        return ()
    frame = rows.private_frame(data)
    channel = frame.arg.channel if frame.arg is not None else ""
    if frame.event or frame.op:
        return _private_event(socket, channel, frame, now_ns)
    found, context = kit.rows(frame.data), socket.context
    match channel:
        case "orders":
            return [tables.pushed(context, row, now_ns) for row in found]
        case "fill":
            return [tables.pushed_fill(context, row, now_ns) for row in found]
        case "account":
            return tables.balances(context, found, False, now_ns)
        case "":
            raise kit.BadFrame("neither an event nor a push")
    return ()


def _private_event(
    socket: kit.AccountSocket, channel: str, frame: rows.PrivateFrame, now_ns: int
) -> Sequence[kit.Output]:
    code = str(frame.code)
    if frame.event == "login" and code in ("0", ""):
        return socket.logged_in(now_ns)
    if frame.event == "subscribe":
        return socket.confirmed(channel, now_ns)
    if frame.event in ("error", "login"):
        error = VERDICTS.refused_login("bitget", code, frame.msg)
        if error is not None:
            raise error
        if not socket.is_ready:
            raise kit.RemoteProtocolError(f"bitget refused the login or a channel: {code} {frame.msg}")
    return (kit.Notice("bitget", f"{frame.event or frame.op} {code} {frame.msg}".strip(), recv_ns=now_ns),)
