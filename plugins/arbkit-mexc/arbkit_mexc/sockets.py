"""What MEXC's sockets carry: books and trades on the public one; orders, fills and balances on the account's.

https://www.mexc.com/api-docs/spot-v3/websocket-market-streams and .../websocket-user-data-streams
Data is binary (protocol buffers), answers are text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import arbkit.venue as kit
from arbkit_mexc import rows, tables
from arbkit_mexc.push_pb2 import Push
from arbkit_mexc.verdicts import VERDICTS

BOOKS = "spot@public.aggre.depth.v3.api.pb@100ms"
FASTER = "spot@public.aggre.depth.v3.api.pb@10ms"
PRINTS = "spot@public.aggre.deals.v3.api.pb@100ms"
TOPICS = 30
"""On one connection."""
MOST_BYTES = 1_024
"""Of a request, as long as other clients send; no page has a limit."""
PING = kit.json_text({"method": "PING"})
PING_NS = 10 * kit.S
"""A socket is closed 60 s after the last message of the client, also while data comes."""
RENEW_NS = 1_500 * kit.S
"""A listen key lives 60 minutes; MEXC advises to renew it each 30, and refuses when it is done each few seconds."""
_ORDERS, _DEALS, _ACCOUNT = _PRIVATE = [f"spot@private.{name}.v3.api.pb" for name in ("orders", "deals", "account")]
_KEY = re.compile(r"[A-Za-z0-9*]+")
"""A listen key; of stars on a tape, which has no secrets."""
_TOPIC = re.compile(r"spot@[\w.@]+")
SNAPSHOTS = kit.snapshots(rows.WHOLE, tables.PAUSES)
"""Of ``GET /api/v3/depth``."""


def feeds(depth: int) -> dict[str, kit.BookFeed]:
    """``depth``: levels a side of a snapshot."""
    return {channel: kit.BookFeed(depth, kit.joined) for channel in (BOOKS, FASTER)}


def write(op: str, wanted: Sequence[kit.Stream], number: int) -> str:
    topics = [f"{channel}@{native}" for channel, native in wanted]
    method = "SUBSCRIPTION" if op == "subscribe" else "UNSUBSCRIPTION"
    return kit.json_text({"id": number, "method": method, "params": topics})


# --- public ---


def read_public(socket: kit.BookSocket, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
    if isinstance(data, str):
        return _answered(socket, rows.said(data), now_ns)
    frame = rows.push(data)
    topic, body = frame.channel, frame.WhichOneof("body")
    if body == "depths":
        book = socket.books[topic] if topic in socket.books else socket.open(topic, *_stream(topic))
        out: Sequence[kit.Output] = () if book is None else book.update(rows.depths(frame), now_ns)
        return out
    if body == "deals":
        return socket.printed(_stream(topic)[1], rows.prints(frame), now_ns)
    if not topic:
        raise kit.BadFrame("a message without a channel")
    return ()


def _stream(topic: str) -> kit.Stream:
    channel, _, native = topic.rpartition("@")
    return channel, native


def _answered(socket: kit.BookSocket, said: rows.Said, now_ns: int) -> Sequence[kit.Output]:
    """Code 0 also stands for failures, and the number may be 0: the text names the topics that it is about. Those of a
    request that it does not name wait on, and are asked for again. An answer to UNSUBSCRIPTION names topics too; its
    number is that of no waiting request."""
    if said.msg == "PONG":
        return ()
    subscriptions = socket.subscriptions
    streams = [_stream(topic) for topic in _TOPIC.findall(said.msg)]
    failed = said.code != 0 or said.msg.startswith("Not ")
    if said.id and not subscriptions.streams(said.id):
        return socket.refused(said.id, said.msg, now_ns) if failed else ()
    if failed and not streams:
        return socket.refused(said.id or subscriptions.oldest, f"{said.code} {said.msg}", now_ns)
    out: list[kit.Output] = []
    for stream in streams:
        number = subscriptions.number(stream)
        out += socket.refused(number, said.msg, now_ns) if failed else socket.confirmed(number, now_ns)
    return out


# --- the account ---


class Private:
    """The account's stream. Its listen key is in the URL."""

    __slots__ = ("_key", "_url")

    def __init__(self, url: str) -> None:
        self._url = url
        self._key = ""

    def address(self, answer: kit.HttpAnswer) -> kit.Dial:
        """The answer to a request for a listen key, or to its renewal."""
        reply = tables.unwrap(answer)
        if reply is None or reply.code not in VERDICTS.ok:
            code, text = (None, "") if reply is None else (reply.code, reply.text)
            refused = VERDICTS.refused_login("mexc", code, text)
            raise refused or kit.RemoteProtocolError(f"mexc gave no listen key: HTTP {answer.status} {text}")
        self._key = kit.text(rows.row(bytes(reply.data)), "listenKey")
        if not _KEY.fullmatch(self._key):
            raise kit.RemoteProtocolError("mexc gave no listen key: the answer has none")
        return kit.Dial(kit.Secret(f"{self._url}?listenKey={self._key}"))

    def renew(self, now_ns: int) -> kit.Ask:
        return kit.Ask(kind=kit.AskKind.TOKEN, ref=kit.Secret(self._key), lane=kit.Lane.QUERY)

    def channels(self, context: kit.Context, now_ns: int) -> tuple[Sequence[kit.Send], Sequence[str]]:
        return [kit.Send(kit.json_text({"id": 1, "method": "SUBSCRIPTION", "params": _PRIVATE}))], _PRIVATE

    def read(self, socket: kit.AccountSocket, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
        if isinstance(data, bytes):
            return _pushed(socket.context, rows.push(data), now_ns)
        if "listen key" in data.lower():
            raise kit.RemoteProtocolError("mexc: the listen key of this socket is not valid (any more)")
        said = rows.said(data)
        if said.msg == "PONG":
            return ()
        if said.code or said.msg.startswith("Not "):
            raise kit.RemoteProtocolError(f"mexc refused the account's stream: {said.code} {said.msg}")
        return [out for name in _TOPIC.findall(said.msg) for out in socket.confirmed(name, now_ns)]


def _pushed(context: kit.Context, frame: Push, now_ns: int) -> Sequence[kit.Output]:
    match frame.WhichOneof("body"):
        case "order":
            return [tables.pushed_order(context, rows.pushed(frame, frame.order), now_ns)]
        case "deal":
            return [tables.PUSHED_FILL.read(context, rows.pushed(frame, frame.deal), "stream", now_ns)]
        case "account":
            return [tables.PUSHED_BALANCE.read(context, rows.pushed(frame, frame.account), False, now_ns)]
    if not frame.channel:
        raise kit.BadFrame("a message without a channel")
    return ()
