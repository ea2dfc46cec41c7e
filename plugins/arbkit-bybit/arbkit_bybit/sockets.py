"""What Bybit's sockets send: books and trades on the public one; orders, fills and balances on the private one; answers
to orders on the trade one.

https://bybit-exchange.github.io/docs/v5/ws/connect
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import arbkit.venue as kit
from arbkit_bybit import rows, tables
from arbkit_bybit.verdicts import VERDICTS

PING_NS = 20_000_000_000
"""Bybit recommends a ping every 20 s on every socket."""
PING = kit.json_text({"req_id": "ping", "op": "ping"})
TOPICS_PER_REQUEST = 10
PRINTS = "publicTrade"
_SUBSCRIBE = kit.Send(kit.json_text({"req_id": "private", "op": "subscribe", "args": ["order", "execution", "wallet"]}))
_ALREADY_LOGGED_IN = 20001
_RESTARTING = (10016, 10019)
"""This node of the venue is shutting down; dial a new connection."""
_TOO_MANY_SESSIONS = 10003
"""On the trade socket alone; elsewhere it is a bad key."""
_KINDS: dict[str, type[kit.Command]] = {"order.create": kit.NewOrder, "order.cancel": kit.CancelOrder}


def feeds(gap_check: bool) -> Mapping[str, kit.BookFeed]:
    """``orderbook.1`` of spot sends only whole books and repeats their ``u``, so it is not checked."""
    return {
        f"orderbook.{levels}": kit.BookFeed(levels, partial(kit.Chained, check=gap_check and levels > 1))
        for levels in (1, 50, 200, 1000)
    }


def streams(depth: str) -> Callable[[str], Sequence[kit.Stream]]:
    return lambda native: [(f"orderbook.{depth}", native)]


def write(op: str, wanted: Sequence[kit.Stream], number: int) -> str:
    return kit.json_text(
        {"req_id": str(number), "op": op, "args": [f"{channel}.{native}" for channel, native in wanted]}
    )


def read_public(socket: kit.BookSocket, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
    frame = rows.public_frame(data)
    topic = frame.topic
    if not topic:
        return _public_reply(socket, frame, now_ns)
    try:
        book = socket.books[topic]
    except KeyError:
        channel, _, native = topic.rpartition(".")
        book = socket.open(topic, channel, native)
    if book is None:
        return _trades(socket, topic, data, now_ns)
    row = frame.data
    if not isinstance(row, rows.BookRow):
        raise kit.BadFrame(f"{topic}: no book in it")
    bids, asks, u = row.bids, row.asks, row.u
    if bids is kit.UNSET or asks is kit.UNSET or not u:
        raise kit.BadFrame(f"{topic}: a book without b, a or u")
    exch_ns = (frame.cts or row.cts or frame.ts) * kit.MS
    out: Sequence[kit.Output]
    if frame.type == "snapshot" or u == 1:
        # u = 1: the service restarted, and the message is a full book whatever its type
        out = book.snapshot(kit.Depth(bids, asks, u, 0, exch_ns), now_ns)
    elif frame.type == "delta":
        out = book.update(kit.Depth(bids, asks, u, u - 1, exch_ns), now_ns)
    else:
        raise kit.BadFrame(f"{topic}: unknown type {frame.type!r}")
    return out


def _trades(socket: kit.BookSocket, topic: str, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
    channel, _, native = topic.rpartition(".")
    if channel != PRINTS:
        return ()
    return socket.printed(native, rows.trades_frame(data).data, now_ns)


def _public_reply(socket: kit.BookSocket, frame: rows.PublicFrame, now_ns: int) -> Sequence[kit.Output]:
    if frame.op in ("ping", "pong", "unsubscribe"):
        return ()
    if not frame.op and frame.success is None:
        raise kit.BadFrame("neither a reply nor a push")
    if frame.success is False:
        return socket.refused(frame.req_id, frame.ret_msg, now_ns)
    return socket.confirmed(frame.req_id, now_ns)


# --- the account ---


def channels(context: kit.Context, now_ns: int) -> tuple[Sequence[kit.Send], Sequence[str]]:
    return [_SUBSCRIBE], ["private"]


def read_private(socket: kit.AccountSocket, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
    """``order`` (states), ``execution`` (fills) and ``wallet``; rows of categories other than spot are left out."""
    frame = rows.private_frame(data)
    context = socket.context
    match frame.topic.partition(".")[0]:
        case "":
            return _private_reply(socket, frame, now_ns)
        case "order":
            states = [tables.order(context, row, "stream", now_ns) for row in kit.rows(frame.data)]
            return [state for state in states if state is not None]
        case "execution":
            fills = [tables.fill(context, row, "stream", now_ns) for row in kit.rows(frame.data)]
            return [fill for fill in fills if fill is not None]
        case "wallet":
            return tables.balances(context, kit.rows(frame.data), False, now_ns, frame.creation_time * kit.MS)
    return ()


def _private_reply(socket: kit.AccountSocket, frame: rows.PrivateFrame, now_ns: int) -> Sequence[kit.Output]:
    code = frame.ret_code
    match frame.op:
        case "ping" | "pong":
            return ()
        case "auth" if not frame.failed or code == _ALREADY_LOGGED_IN:
            return socket.logged_in(now_ns)
        case "auth":
            raise VERDICTS.refused_login("bybit", code, frame.text) or _refused("the login", frame)
        case "subscribe" if not frame.failed:
            return socket.confirmed("private", now_ns)
        case "subscribe":
            raise _refused("a channel", frame)
        case "":
            raise kit.BadFrame("neither a reply nor a push")
    return (_notice(frame, now_ns),)


def read_trade(socket: kit.AccountSocket, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
    """An answer means "accepted"; states and fills come on the private socket."""
    frame = rows.private_frame(data)
    code = frame.ret_code
    if frame.op in _KINDS:
        return _answer(socket, frame, now_ns)
    match frame.op:
        case "ping" | "pong":
            return ()
        case "auth" if code == _TOO_MANY_SESSIONS:
            raise kit.RemoteProtocolError(
                f"bybit: {code} {frame.text}: too many trade sockets of this account are open; close other programs"
            )
        case "auth":
            return _private_reply(socket, frame, now_ns)
        case "" if code is None:
            raise kit.BadFrame("not an answer")
    return (_notice(frame, now_ns),)


def _answer(socket: kit.AccountSocket, frame: rows.PrivateFrame, now_ns: int) -> Sequence[kit.Output]:
    ids = kit.read_json(rows.IDS, bytes(frame.data)) or rows.Ids()
    asked, kind = socket.ids.read(frame.req_id, ids.order_link_id), _KINDS[frame.op]
    if not asked.cl_ord_id:
        return (_notice(frame, now_ns),)
    code, text = frame.ret_code, frame.text
    if code == _TOO_MANY_SESSIONS:
        code, text = None, f"{code} {text}: too many trade sockets of this account"  # says nothing about the order
    buckets = tables.CALLS.buckets(kind, socket.context.account, asked.instrument)
    exch_ns = kit.ms_ns(str(frame.header.get("Timenow", "")))
    out = [
        *socket.ordered(kind, asked, code, text, now_ns, order_id=ids.order_id, exch_ns=exch_ns),
        *tables.usage(socket.context, buckets, frame.header, now_ns),
    ]
    return [*out, _notice(frame, now_ns)] if code in _RESTARTING else out


def _notice(frame: rows.PrivateFrame, now_ns: int) -> kit.Notice:
    code = frame.ret_code
    return kit.Notice("bybit", f"{frame.op}: {code or ''} {frame.text}".strip(), code in _RESTARTING, now_ns)


def _refused(what: str, frame: rows.PrivateFrame) -> kit.RemoteProtocolError:
    return kit.RemoteProtocolError(f"bybit refused {what}: {frame.ret_code} {frame.text}")


def write_order(socket: kit.AccountSocket, what: kit.Command, now_ns: int) -> kit.Send:
    context = socket.context
    if not isinstance(what, kit.NewOrder | kit.CancelOrder):
        raise kit.LocalProtocolError(f"{context.link.link} carries no {what!r}")
    native = context.native(what.instrument)
    if isinstance(what, kit.NewOrder):
        op, letter, deadline_ns, params = "order.create", "n", what.deadline_ns, tables.order_params(what, native)
    else:
        op, letter, deadline_ns, params = "order.cancel", "c", 0, tables.key_params(what, native)
    request = {
        "reqId": socket.ids.make(letter, what.cl_ord_id, native),
        "header": {
            "X-BAPI-TIMESTAMP": str(context.signer.venue_ns(now_ns) // kit.MS),
            "X-BAPI-RECV-WINDOW": tables.window_ms(deadline_ns, now_ns),
        },
        "op": op,
        "args": [dict(params)],
    }
    return kit.Send(kit.json_text(request), 0)
