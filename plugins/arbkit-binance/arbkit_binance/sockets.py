"""What Binance's sockets send: books, best bid and ask and trades on the public one; answers and events of the account
on the WebSocket API.

https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams and .../websocket-api
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from msgspec import Raw

import arbkit.venue as kit
from arbkit_binance import rows, tables
from arbkit_binance.verdicts import VERDICTS

MESSAGES = kit.RateLimit("binance.messages", 4, kit.S)
"""The venue closes a socket with more than 5 messages per second, pongs included; one is left for pongs."""
MOST_STREAMS = 200
"""Streams in one SUBSCRIBE. The venue documents no limit; a small value limits the effect of a lost answer."""
MOST_BYTES = 4_000
"""The venue does not answer a SUBSCRIBE of more than about 4,090 bytes."""
CLOCK_EVERY_NS = 300 * kit.S
_DIFFS = ("depth", "depth@100ms", "depth@1000ms", "depth@0ms", "depth@250ms", "depth@500ms")
_WHOLE = {f"depth{n}{speed}": n for n in (5, 10, 20) for speed in ("", "@100ms", "@250ms", "@500ms", "@1000ms")}
_KINDS = {
    **dict.fromkeys(_DIFFS, "diff"),
    **dict.fromkeys(_WHOLE, "whole"),
    "bookTicker": "top",
    "trade": "print",
    "aggTrade": "print",
}
_BARE = {"depthUpdate": "depth", "bookTicker": "bookTicker", "trade": "trade", "aggTrade": "aggTrade"}
"""Channels of raw streams by event."""
_LETTERS: dict[str, type[kit.NewOrder | kit.CancelOrder | kit.QueryOrder]] = {
    "n": kit.NewOrder,
    "c": kit.CancelOrder,
    "q": kit.QueryOrder,
}
_LOGON = "logon"
_SUBSCRIBE = "subscribe"
SNAPSHOTS = kit.snapshots(rows.WHOLE, tables.PAUSES, usage=tables.usage)
"""Of ``GET /api/v3/depth``."""


def feeds(depth: int) -> Mapping[str, kit.BookFeed]:
    """``depth`` is the number of levels of a snapshot. Whole books are read in recordings, not subscribed."""
    whole = {channel: kit.BookFeed(levels, kit.SnapshotOnly) for channel, levels in _WHOLE.items()}
    return {**whole, **dict.fromkeys(_DIFFS, kit.BookFeed(depth, kit.joined))}


def streams(native: str) -> Sequence[kit.Stream]:
    return [("depth@100ms", native), ("bookTicker", native)]


def write(op: str, wanted: Sequence[kit.Stream], number: int) -> str:
    params = [f"{native.lower()}@{channel}" for channel, native in wanted]
    return kit.json_text({"method": op.upper(), "params": params, "id": number})


class Public:
    """Reads a combined stream. The books of changes are kept by stream name, which is cut out of the text of a usual
    frame; those of whole books by (channel, symbol)."""

    __slots__ = ("_diffs", "_ids", "_last")

    def __init__(self) -> None:
        self._diffs: dict[str, tuple[str, Any]] = {}
        """By stream name: the symbol, to check that a frame carries its own, and the book. Found again after a book was
        opened, because a deeper channel takes an instrument over."""
        self._ids: dict[str, str] = {}
        """Instrument ids by symbol; of known ones."""
        self._last: dict[str, int] = {}
        """Last ``lastUpdateId`` of whole books, by symbol."""

    def read(self, socket: kit.BookSocket, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
        start = data if isinstance(data, str) else data[:96].decode("latin-1")
        stream = start[11 : start.find('"', 11)]
        known = self._diffs.get(stream)
        if known is None:
            if start[:11] != '{"stream":"':
                return self._loose(socket, data, now_ns)
            return self._other(socket, stream.partition("@")[2], data, now_ns)
        native, book = known
        diff = rows.diff_frame(data).data
        if diff.s != native:
            raise kit.BadFrame(f"{stream} carries {diff.s}")
        out: Sequence[kit.Output] = book.update(diff, now_ns)
        return out

    def _other(self, socket: kit.BookSocket, channel: str, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
        """Any frame but the usual changes of a known book."""
        kind = _KINDS.get(channel)
        if kind == "top":
            top = rows.top_frame(data).data
            name = self._ids.get(top.s) or self._id(socket.context, top.s)
            if not name or not top.b or not top.a:
                return ()
            return (
                kit.TopUpdate(name, kit.Level(top.b, top.B), kit.Level(top.a, top.A), top.u, top.E * kit.MS, now_ns),
            )
        if kind == "diff":
            return self._diff(socket, channel, rows.diff_frame(data).data, now_ns)
        if kind == "print":
            one = rows.print_frame(data).data
            name = self._ids.get(one.s) or self._id(socket.context, one.s)
            side = kit.Side.SELL if one.m else kit.Side.BUY
            return (kit.Trade(name, side, one.p, one.q, str(one.t or one.a), one.T * kit.MS, now_ns),) if name else ()
        if kind == "whole":
            return self._whole(socket, channel, rows.whole_frame(data), now_ns)
        if channel.startswith("depth"):
            raise kit.BadFrame(f"unknown depth channel {channel!r}")
        return self._loose(socket, data, now_ns)

    def _diff(self, socket: kit.BookSocket, channel: str, diff: rows.Diff, now_ns: int) -> Sequence[kit.Output]:
        key = f"{diff.s.lower()}@{channel}"
        book = self._book(socket, key, channel, diff.s)
        if book is None:
            return ()
        self._diffs[key] = diff.s, book
        out: Sequence[kit.Output] = book.update(diff, now_ns)
        return out

    def _whole(self, socket: kit.BookSocket, channel: str, frame: rows.WholeFrame, now_ns: int) -> Sequence[kit.Output]:
        native, whole = frame.stream.partition("@")[0].upper(), frame.data
        key = (channel, native)
        book = self._book(socket, key, channel, native)
        if book is None or whole.last <= self._last.get(native, -1):
            return ()
        self._last[native] = whole.last
        out: Sequence[kit.Output] = book.snapshot(
            kit.Depth(whole.bids, whole.asks, whole.last, 0, whole.exch_ns), now_ns
        )
        return out

    def _book(self, socket: kit.BookSocket, key: Hashable, channel: str, native: str) -> Any:
        if key not in socket.books:
            self._diffs.clear()
            socket.open(key, channel, native)
        return socket.books[key]

    def _id(self, context: kit.Context, native: str) -> str:
        known = context.known(native)
        if known is None:
            return ""
        self._ids[native] = known.id
        return known.id

    def _loose(self, socket: kit.BookSocket, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
        """Answers, errors, notices of the venue, and frames in other forms."""
        said = rows.loose(data)
        number = said.id if isinstance(said.id, int) else 0
        if said.e == "serverShutdown" or said.stream == "!serverShutdown":
            return (_going(now_ns),)
        if said.stream:
            channel = said.stream.partition("@")[2]
            if not kit.is_present(said.data) or channel not in _KINDS or data[:11] in ('{"stream":"', b'{"stream":"'):
                return ()
            return self._other(socket, channel, _envelope(said.stream, bytes(said.data)), now_ns)
        error = said.error or rows.Error(said.code or 0, said.msg)
        if said.code is not None or said.error is not None:
            return socket.refused(number, f"{error.code} {error.msg}", now_ns)
        if said.id is not None:
            return socket.confirmed(number, now_ns)
        channel = _BARE.get(said.e, "bookTicker" if said.u is not None and not said.e else "")
        if not channel:
            return ()
        raw = data.encode() if isinstance(data, str) else bytes(data)
        return self._other(socket, channel, _envelope(f"{said.s.lower()}@{channel}", raw), now_ns)


def _envelope(stream: str, data: bytes) -> bytes:
    return b'{"stream":"%b","data":%b}' % (stream.encode(), data)


def _going(now_ns: int) -> kit.Notice:
    return kit.Notice("binance", "the venue announces its shutdown", going_away=True, recv_ns=now_ns)


# --- the account ---


class Api:
    """One socket of the WebSocket API: the event stream, or order entry. With an HMAC key each request is signed; with
    an Ed25519 key the socket logs on once. If the venue ends the event stream, the link is dropped."""

    __slots__ = ("_key_type", "_logged_on", "_private", "_signer", "_window_ms")

    def __init__(self, signer: kit.Signer, key_type: str, window_ms: int, private: bool) -> None:
        self._signer = signer
        self._key_type = key_type
        self._window_ms = window_ms
        self._private = private
        self._logged_on = False

    def call(
        self, name: str, method: str, params: Sequence[tuple[str, str]], now_ns: int, deadline_ns: int = 0
    ) -> kit.Send:
        """A request. The signed text: all parameters sorted by name, not percent-encoded."""
        signer = self._signer
        left_ms = (deadline_ns - now_ns) // kit.MS if deadline_ns else self._window_ms
        window, stamp = max(1, min(left_ms, self._window_ms)), signer.venue_ns(now_ns) // kit.MS
        full: list[tuple[str, str | int]] = [*params, ("recvWindow", window), ("timestamp", stamp)]
        if not self._logged_on:
            full.append(("apiKey", signer.key))
            full.sort()
            signed = "&".join([f"{name}={value}" for name, value in full])
            full.append(("signature", tables.SIGNATURES[self._key_type](signer, signed)))
        return kit.Send(kit.Secret(rows.encode({"id": name, "method": method, "params": dict(full)}).decode()))

    def logon(self, context: kit.Context, now_ns: int) -> kit.Send:
        return self.call(_LOGON, "session.logon", (), now_ns)

    def channels(self, context: kit.Context, now_ns: int) -> tuple[Sequence[kit.Send], Sequence[str]]:
        """The event stream must be confirmed; the trade socket only asks for the time."""
        if not self._private:
            return (clock(now_ns),), ()
        if self._logged_on:
            subscribe = kit.Send(kit.json_text({"id": _SUBSCRIBE, "method": "userDataStream.subscribe"}))
        else:
            subscribe = self.call(_SUBSCRIBE, "userDataStream.subscribe.signature", (), now_ns)
        return (subscribe,), (_SUBSCRIBE,)

    def write(self, socket: kit.AccountSocket, what: kit.Command, now_ns: int) -> kit.Send:
        context = socket.context
        native = context.native(what.instrument)
        match what:
            case kit.NewOrder():
                letter, method, params = "n", "order.place", tables.order_params(what, native)
            case kit.CancelOrder():
                letter, method, params = "c", "order.cancel", tables.key_params(what, native)
            case kit.QueryOrder():
                letter, method, params = "q", "order.status", tables.key_params(what, native)
            case _:
                raise kit.LocalProtocolError(f"{context.link.link} carries no {what!r}")
        name = socket.ids.make(letter, what.cl_ord_id, native)
        deadline_ns = what.deadline_ns if isinstance(what, kit.NewOrder) else 0
        return self.call(name, method, params, now_ns, deadline_ns)

    def read(self, socket: kit.AccountSocket, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
        frame = rows.frame(data)
        for payload in (frame.event, frame.data):
            if kit.is_present(payload):
                return _event(socket.context, payload, now_ns)
        if frame.e:
            return _event(socket.context, data, now_ns)
        out: list[kit.Output] = [*tables.counted(socket.context, frame.rate_limits, now_ns)]
        if frame.error is not None and frame.status in (418, 429):
            out.append(_stop(frame.error, frame.status, now_ns))
        return [*out, *self._answer(socket, frame, str(frame.id or ""), now_ns)]

    def _answer(self, socket: kit.AccountSocket, frame: rows.Frame, name: str, now_ns: int) -> Sequence[kit.Output]:
        if name == _LOGON:
            _must(frame, "session.logon")
            self._logged_on = True
            return socket.logged_in(now_ns)
        if name == _SUBSCRIBE:
            _must(frame, "userDataStream.subscribe")
            return socket.confirmed(_SUBSCRIBE, now_ns)
        if name[:1] == "t" and name[1:].isdecimal() and kit.is_present(frame.result):
            server_ms = rows.numbers(frame.result)["serverTime"]
            return (kit.time_sample("binance", server_ms * kit.MS, kit.MS, int(name[1:]), now_ns),)
        asked = socket.ids.read(name)
        kind = _LETTERS.get(asked.letter)
        if kind is not None:
            return _ordered(socket, frame, kind, asked, now_ns)
        if frame.error is None:
            return ()
        return (kit.Notice("binance", f"request {name} refused: {frame.error.code} {frame.error.msg}", recv_ns=now_ns),)


def clock(now_ns: int) -> kit.Send:
    """A request for the venue's time. Its id tells when it was sent."""
    return kit.Send(kit.json_text({"id": f"t{now_ns}", "method": "time"}))


def _ordered(
    socket: kit.AccountSocket,
    frame: rows.Frame,
    kind: type[kit.NewOrder | kit.CancelOrder | kit.QueryOrder],
    asked: kit.Asked,
    now_ns: int,
) -> Sequence[kit.Output]:
    """The answer to a command about an order. 5xx, rate limits, bans and the firewall prove nothing."""
    error = frame.error
    if error is None:
        if frame.status != 200 or not kit.is_present(frame.result):
            return ()
        source = "poll" if kind is kit.QueryOrder else "ack"
        return tables.report(socket.context, rows.row(frame.result), source, now_ns, asked)
    limited = tables.PAUSES.limits(frame.status)
    code = None if limited or frame.status >= 500 else error.code
    if kind is kit.QueryOrder:
        found = VERDICTS.queried(socket.context, asked, code, error.msg, now_ns)
        return () if found is None else (found,)
    return socket.ordered(kind, asked, code, error.msg, now_ns, limited=limited)


def _event(context: kit.Context, data: Raw | str | bytes, now_ns: int) -> Sequence[kit.Output]:
    row = rows.row(data)
    match row.get("e"):
        case "executionReport":
            return (tables.execution(context, row, now_ns),)
        case "outboundAccountPosition":
            return tables.position(context, row, now_ns)
        case "eventStreamTerminated":
            raise kit.RemoteProtocolError(f"{context.link.link}: the venue ended the event stream")
        case "serverShutdown":
            return (_going(now_ns),)
    return ()


def _must(frame: rows.Frame, what: str) -> None:
    """Raise if a login or a subscription failed: ``CredentialsError`` or ``RemoteProtocolError``."""
    if frame.error is None and frame.status == 200:
        return
    error = frame.error or rows.Error(0, "no reason given")
    refusal = VERDICTS.refused_login("binance", error.code, error.msg)
    raise refusal or kit.RemoteProtocolError(f"binance refused {what}: {error.code} {error.msg}")


def _stop(error: rows.Error, status: int, now_ns: int) -> kit.RateReport:
    """After 429 and 418: send nothing until ``retryAfter`` (epoch ms)."""
    until = (error.data or {}).get("retryAfter")
    bucket, pause_ns = tables.PAUSES.statuses[status]
    until_ns = until * kit.MS if isinstance(until, int) and 0 < until < 1 << 43 else now_ns + pause_ns
    return kit.RateReport(venue="binance", bucket=bucket, until_ns=until_ns, recv_ns=now_ns)
