"""What Gate's socket carries: books and trades; orders, fills and balances of the account; order entry.

https://www.gate.com/docs/developers/apiv4/ws/en/ (spot WebSocket v4)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import ValidationError

import arbkit.venue as kit
from arbkit_gate import rows, tables
from arbkit_gate.verdicts import OK, VERDICTS

UPDATES = "order_book_update"
PRINTS = "trades"
FEEDS = {
    "obu.50": kit.BookFeed(50, kit.Chained),  # every 20 ms
    "obu.400": kit.BookFeed(400, kit.Chained),  # every 100 ms
    UPDATES: kit.BookFeed(tables.UPDATES_LEVELS, kit.joined),  # every 100 ms, joined to a snapshot over REST
}
"""Channels of books, after ``spot.``; the number is that in the name of a stream, ``ob.<pair>.50``."""
PING_NS = 10 * kit.S
"""A socket without a subscription is closed after about 30 s. The server documents pings of its own; none was seen."""
_OBU = "spot.obu"
_BOOKS = (_OBU, f"spot.{UPDATES}")
_SUBSCRIBED_TWICE = "Alert sub"
"""The text of a refusal: the stream is subscribed already, and lives on."""
_PRIVATE = ("spot.orders", "spot.usertrades", "spot.balances")
_LOGIN = "spot.login"
_SESSION = "session"
"""The id of the request to log in."""
_ENTRY: dict[str, tuple[str, type[kit.Command]]] = {
    "n": ("spot.order_place", kit.NewOrder),
    "c": ("spot.order_cancel", kit.CancelOrder),
}
"""Channel and command by the letter of a request."""
SNAPSHOTS = kit.snapshots(rows.WHOLE, tables.PAUSES, bucket="book", usage=tables.usage)
"""Of ``GET /spot/order_book``."""


def ping(now_ns: int) -> kit.Send:
    return kit.Send(kit.json_text({"time": now_ns // kit.S, "channel": "spot.ping"}), 0)


def write(op: str, wanted: Sequence[kit.Stream], number: int, now_ns: int) -> str:
    """One stream a request. The venue takes a ``time`` that is up to 60 s off."""
    ((channel, native),) = wanted or [(PRINTS, "")]
    name, _, levels = channel.partition(".")
    payload = [f"ob.{native}.{levels}"] if levels else [native, "100ms"] if name == UPDATES else [native]
    return kit.json_text(
        {"time": now_ns // kit.S, "id": number, "channel": f"spot.{name}", "event": op, "payload": payload}
    )


# --- public ---


def read_public(socket: kit.BookSocket, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
    try:
        frame = rows.public_frame(data)
    except ValidationError:
        if rows.loose(data).get("channel") in _BOOKS:
            raise
        return ()  # another channel, whose fields have the same names
    found, channel = frame.result, frame.channel
    if found is None or not found.name or frame.event not in ("", "update"):
        return _others(socket, frame, data, now_ns)
    try:
        book = socket.books[channel, found.name]
    except KeyError:
        book = _open(socket, channel, found.name)
    if book is None:
        return ()
    out: Sequence[kit.Output]
    if channel == _OBU:
        depth = kit.Depth(found.bids, found.asks, found.last, found.first - 1, found.exch_ns)
        out = book.snapshot(depth, now_ns) if found.full else book.update(depth, now_ns)
        return out
    if found.full:  # it replaces the book, as the answer to a request does
        book.state = kit.BookState.SYNCING
        out = book.snapshot(found, now_ns)
        return out
    out = book.update(found, now_ns)
    return out


def _open(socket: kit.BookSocket, channel: str, name: str) -> Any:
    """The book of a push; None for a channel that carries none."""
    feed, native = channel.removeprefix("spot."), name
    if channel == _OBU:
        native, _, levels = name.removeprefix("ob.").rpartition(".")
        feed = f"obu.{levels}"
    return socket.open((channel, name), feed, native)


def _others(socket: kit.BookSocket, frame: rows.PublicFrame, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
    """Answers to requests, trades, and notices."""
    if frame.type:
        return (_notice(frame.type, frame.msg, now_ns),)
    error, channel = frame.error, frame.channel
    if frame.event in ("subscribe", "unsubscribe"):
        if error is None:
            return socket.confirmed(frame.id, now_ns)
        if _SUBSCRIBED_TWICE in error.message and len(socket.subscriptions.streams(frame.id)) == 1:
            return socket.confirmed(frame.id, now_ns)
        return socket.refused(frame.id, f"{error.code} {error.message}", now_ns)
    if channel == f"spot.{PRINTS}" and frame.event == "update":
        one = rows.print_frame(data).result
        name, side = socket.context.instrument(one.pair), kit.Side(one.side)
        return (kit.Trade(name, side, one.px, one.qty, str(one.id), int(one.ms) * kit.MS, now_ns),)
    if error is not None:
        return (kit.Notice("gate", f"{channel}: {error.code} {error.message}", recv_ns=now_ns),)
    if not channel or (channel in _BOOKS and frame.result is not None):
        raise kit.BadFrame("neither a push nor an answer")
    return ()


def _notice(kind: str, text: str, now_ns: int) -> kit.Notice:
    """``upgrade``: the connection will be closed soon."""
    return kit.Notice("gate", f"{kind}: {text}", kind == "upgrade", now_ns)


# --- the account ---


def channels(context: kit.Context, now_ns: int) -> tuple[Sequence[kit.Send], Sequence[str]]:
    """Each subscription is signed; there is no login for them."""
    signer, sends = context.signer, []
    stamp = signer.venue_ns(now_ns) // kit.S
    for number, channel in enumerate(_PRIVATE, 1):
        proof = kit.hmac_hex(signer, f"channel={channel}&event=subscribe&time={stamp}", "sha512")
        auth = {"method": "api_key", "KEY": signer.key, "SIGN": proof}
        request = {"time": stamp, "id": number, "channel": channel, "event": "subscribe", "auth": auth}
        if channel != "spot.balances":
            request["payload"] = ["!all"]
        sends.append(kit.Send(kit.Secret(kit.json_text(request))))
    return sends, _PRIVATE


def read_private(socket: kit.AccountSocket, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
    frame = rows.frame(data)
    if frame.type:
        return (_notice(frame.type, frame.msg, now_ns),)
    channel, error, context = frame.channel, frame.error, socket.context
    if error is not None:
        refused = VERDICTS.refused_login("gate", str(error.code), error.message)
        raise refused or kit.RemoteProtocolError(f"gate refused {channel}: {error.code} {error.message}")
    if frame.event == "subscribe":
        return socket.confirmed(channel, now_ns)
    if frame.event == "update":
        pushed = kit.rows(frame.result) if channel in _PRIVATE else []
        if channel == "spot.orders":
            return [tables.order(context, row, "stream", now_ns) for row in pushed]
        if channel == "spot.usertrades":
            return [tables.fill(context, row, "stream", now_ns) for row in pushed]
        return [tables.PUSHED_BALANCE.read(context, row, False, now_ns) for row in pushed]
    if not channel:
        raise kit.BadFrame("neither an answer nor a push")
    return ()


# --- order entry ---


def login(context: kit.Context, now_ns: int) -> kit.Send:
    """Once a connection. The signed text contains the parameters as they are sent: none."""
    signer = context.signer
    stamp = str(signer.venue_ns(now_ns) // kit.S)
    proof = kit.hmac_hex(signer, f"api\n{_LOGIN}\n{{}}\n{stamp}", "sha512")
    payload = {"req_id": _SESSION, "api_key": signer.key, "signature": proof, "timestamp": stamp, "req_param": {}}
    return kit.Send(
        kit.Secret(kit.json_text({"time": int(stamp), "channel": _LOGIN, "event": "api", "payload": payload}))
    )


def write_order(socket: kit.AccountSocket, what: kit.Command, now_ns: int) -> kit.Send:
    """An order carries the time after which it is refused."""
    if not isinstance(what, kit.NewOrder | kit.CancelOrder):
        raise kit.LocalProtocolError(f"{socket.context.link.link} carries no {what!r}")
    context = socket.context
    native, venue_ns = context.native(what.instrument), context.signer.venue_ns(now_ns)
    payload: dict[str, Any]
    if isinstance(what, kit.NewOrder):
        letter, payload = "n", {"req_param": dict(tables.order_params(what, native))}
        payload["req_header"] = {"x-gate-exptime": tables.expires(venue_ns, what.deadline_ns, now_ns)}
    else:
        letter, payload = "c", {"req_param": dict(tables.key_params(what, native))}
    payload["req_id"] = socket.ids.make(letter, what.cl_ord_id, native)
    request = {"time": venue_ns // kit.S, "channel": _ENTRY[letter][0], "event": "api", "payload": payload}
    return kit.Send(kit.json_text(request), 0)


def read_trade(socket: kit.AccountSocket, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
    """``ack`` only means that the gateway has the request: the answer has the same ``request_id``."""
    frame = rows.frame(data)
    if frame.type:
        return (_notice(frame.type, frame.msg, now_ns),)
    if not frame.request_id:
        if not frame.channel:
            raise kit.BadFrame("neither an answer nor a push")
        return ()
    status, error = frame.header.status, frame.data.errs
    if error is None and status not in ("200", "201"):
        error = rows.Refusal("", f"status {status}")
    if frame.request_id == _SESSION:
        if error is None:
            return socket.logged_in(now_ns)
        refused = VERDICTS.refused_login("gate", error.label, error.message)
        raise refused or kit.RemoteProtocolError(f"gate refused the login: {error.label} {error.message}")
    asked = socket.ids.read(frame.request_id)
    _, kind = _ENTRY.get(asked.letter, ("", None))
    if frame.ack:
        return ()
    if kind is None or not asked.cl_ord_id:
        said = f"{error.label} {error.message}" if error is not None else "done"
        return (kit.Notice("gate", f"request {frame.request_id}: {said}", recv_ns=now_ns),)
    if error is None:
        return _ordered(socket, frame, kind, asked, now_ns)
    limited = tables.PAUSES.limits(int(status)) if status.isdecimal() else False
    silent = status.startswith("5") or not error.label
    code = None if limited or silent else error.label
    out = socket.ordered(kind, asked, code, f"{error.message}", now_ns, limited=limited)
    return [*out, *(_stop(socket, frame.header, kind, asked, now_ns) if limited else ())]


def _ordered(
    socket: kit.AccountSocket, frame: rows.Frame, kind: type[kit.Command], asked: kit.Asked, now_ns: int
) -> Sequence[kit.Output]:
    """Success: the answer is the order."""
    row = rows.loose(frame.data.result)
    if kit.text(row, "status"):
        return [tables.answered(socket.context, row, asked, now_ns)]
    code = OK if kit.text(row, "id") else None  # success without an order proves nothing
    return socket.ordered(kind, asked, code, "", now_ns, order_id=kit.text(row, "id"))


def _stop(
    socket: kit.AccountSocket, header: rows.Header, kind: type[kit.Command], asked: kit.Asked, now_ns: int
) -> list[kit.RateReport]:
    """After a 429: the next window begins at the time in the header, here in ms (over REST in seconds)."""
    reset_ms = header.x_gate_ratelimit_reset_timestamp or header.x_gat_ratelimit_reset_timestamp
    until_ns = reset_ms * kit.MS if 0 < reset_ms < 1 << 43 else now_ns + tables.PAUSES.window_ns
    buckets = tables.CALLS.buckets(kind, socket.context.account, asked.instrument)
    return [kit.RateReport(venue="gate", bucket=name, until_ns=until_ns, recv_ns=now_ns) for name in buckets]
