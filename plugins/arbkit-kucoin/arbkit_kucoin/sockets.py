"""What KuCoin's sockets send: books and trades on the Pro socket; orders and balances on the Classic private one.

https://www.kucoin.com/docs-new/websocket-api/base-info/introduction
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import arbkit.venue as kit
from arbkit_kucoin import rows, tables

INCREMENT = "increment@10ms"
FEEDS = {
    INCREMENT: kit.BookFeed(500, kit.Chained),
    "50": kit.BookFeed(50, kit.Chained),
    "5": kit.BookFeed(5, kit.Chained),
}
"""The depths of the channel ``obu``. One family for all: each message says by ``t`` whether it is a whole book."""
PRINTS = "trade"
PING_NS = 15 * kit.S
"""The welcome asks for a ping every 18 s. Both sockets are closed after about 60 s without one."""
_ORDERS = "/spotMarket/tradeOrdersV2"
_BALANCES = "/account/balance"
_SPOT = ("trade.", "trade_hf.")
"""The events of the account that trades; others are of the funding account."""


def ping(now_ns: int) -> kit.Send:
    return kit.Send(kit.json_text({"id": str(now_ns // kit.MS), "type": "ping"}), 0)


def silent(context: kit.Context, now_ns: int) -> None:
    """KuCoin speaks first: nothing may be sent before its welcome."""


# --- public ---


def streams(depth: str) -> Callable[[str], Sequence[kit.Stream]]:
    return lambda native: [(depth, native)]


def write(op: str, wanted: Sequence[kit.Stream], number: int) -> str:
    """One pair a request: a list of them is refused for books."""
    channel, native = wanted[0]
    book = channel in FEEDS
    request: dict[str, Any] = {"id": str(number), "action": op, "channel": "obu" if book else channel}
    request |= {"tradeType": "SPOT", "symbol": native}
    return kit.json_text(request | ({"depth": channel, "rpiFilter": 0} if book else {}))


def read_public(socket: kit.BookSocket, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
    """Each message is a binary frame that holds JSON. A book is found by its depth and its pair."""
    frame = rows.public_frame(data)
    row = frame.data
    if row is None:
        return _answer(socket, frame, now_ns)
    if frame.topic != "obu.SPOT":
        if frame.topic != "trade.SPOT":
            return ()
        trade = rows.trade_frame(data).data
        return socket.printed(trade.native, [trade], now_ns)
    key = frame.depth, row.native
    try:
        book = socket.books[key]
    except KeyError:
        book = socket.open(key, *key)
    if book is None:
        return ()
    bids, asks = row.bids, row.asks
    if bids is kit.UNSET or asks is kit.UNSET or not 0 < row.first <= row.last:
        raise kit.BadFrame(f"{row.native}: a book without bids, asks or numbers")
    out: Sequence[kit.Output]
    if frame.kind == "delta":
        out = book.update(kit.Depth(bids, asks, row.last, row.first - 1, row.engine_ns), now_ns)
    elif frame.kind == "snapshot":
        out = book.snapshot(kit.Depth(bids, asks, row.last, 0, row.engine_ns), now_ns)
    else:
        raise kit.BadFrame(f"{row.native}: unknown type {frame.kind!r}")
    return out


def _answer(socket: kit.BookSocket, frame: rows.PublicFrame, now_ns: int) -> Sequence[kit.Output]:
    if frame.result is not None:
        if frame.result:
            return socket.confirmed(frame.id, now_ns)
        return socket.refused(frame.id, frame.message or frame.reason, now_ns)
    if frame.message == "welcome":
        return socket.subscribe(now_ns)
    if frame.type == "pong":
        return ()
    if not frame.message and not frame.type:
        raise kit.BadFrame("neither an answer nor a push")
    return (kit.Notice("kucoin", f"{frame.type} {frame.message}".strip(), recv_ns=now_ns),)


# --- the account ---


def channels(context: kit.Context, now_ns: int) -> tuple[Sequence[kit.Send], Sequence[str]]:
    """The answers repeat the id, so the topic is the id."""
    sends = []
    for topic in (_ORDERS, _BALANCES):
        request = {"id": topic, "type": "subscribe", "topic": topic, "privateChannel": True, "response": True}
        sends.append(kit.Send(kit.json_text(request)))
    return sends, [_ORDERS, _BALANCES]


def read_private(socket: kit.AccountSocket, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
    frame = rows.private_frame(data)
    match frame.type:
        case "message":
            (row,) = kit.rows(b"[%b]" % bytes(frame.data))
            if frame.topic == _ORDERS:
                return [tables.pushed(socket.context, row, now_ns)]
            if frame.topic == _BALANCES and kit.text(row, "relationEvent").startswith(_SPOT):
                return [tables.PUSHED_BALANCE.read(socket.context, row, False, now_ns)]
            return ()
        case "welcome":
            return socket.logged_in(now_ns)
        case "ack":
            return socket.confirmed(frame.id, now_ns)
        case "pong":
            return ()
        case "error":
            text = f"{frame.code} {bytes(frame.data).decode()}"
            if not socket.is_ready:
                raise kit.RemoteProtocolError(f"kucoin refused the token or a channel: {text}")
            return (kit.Notice("kucoin", text, recv_ns=now_ns),)
    if not frame.type:
        raise kit.BadFrame("neither an answer nor a push")
    return (kit.Notice("kucoin", frame.type, recv_ns=now_ns),)
