"""What HTX's sockets send: books on ``/feed``, trades on ``/ws``; orders, fills and balances on ``/ws/v2``.

https://www.htx.com/en-us/opend/newApiPages/ (market data by WebSocket; asset and order WebSocket)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import arbkit.venue as kit
from arbkit_htx import rows, tables
from arbkit_htx.verdicts import VERDICTS

PRINTS = "trade.detail"
PATH = "/ws/v2"
_ORDERS, _FILLS, _BALANCES = "orders#*", "trade.clearing#*#0", "accounts.update#2"
_PUSHES = ("orders#", "trade.clearing#", "accounts.update#")


def topic(stream: kit.Stream) -> str:
    channel, native = stream
    return f"market.{native}.{channel}"


def request(stream: kit.Stream) -> str:
    """Asks for the whole book. The answer, or the refusal, repeats the id: the topic."""
    return kit.json_text({"req": topic(stream), "id": topic(stream)})


_WINDOW = partial(kit.Requested, window=True)
FEEDS = {f"mbp.{levels}": kit.BookFeed(levels, _WINDOW, request) for levels in (150, 20, 5)}
"""``mbp.150``: each 100 ms, of every pair. ``mbp.20`` (of some pairs) and ``mbp.5``: each change."""


def write(op: str, wanted: Sequence[kit.Stream], number: int) -> str:
    """One topic a request. The answer has the id and the topic."""
    ((channel, native),) = wanted or [(PRINTS, "")]
    return kit.json_text({"sub" if op == "subscribe" else "unsub": topic((channel, native)), "id": str(number)})


def read_public(socket: kit.BookSocket, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
    text = rows.inflate(data) if isinstance(data, bytes) else data
    frame = rows.public_frame(text)
    tick, name = frame.tick, frame.ch
    if tick is None:
        return _answer(socket, frame, now_ns)
    try:
        book = socket.books[name]
    except KeyError:
        book = _open(socket, name)
    if book is None:
        return _prints(socket, name, text, now_ns)
    if tick.before is kit.UNSET:
        raise kit.BadFrame(f"{name}: a change without prevSeqNum")
    tick.exch_ns = frame.ts * kit.MS
    out: Sequence[kit.Output] = book.update(tick, now_ns)
    return out


def _open(socket: kit.BookSocket, name: str) -> kit.Requested | None:
    """The book of a topic; None for one that carries none."""
    _, _, rest = name.partition(".")
    native, _, channel = rest.partition(".")
    found: kit.Requested | None = socket.open(name, channel, native)
    return found


def _prints(socket: kit.BookSocket, name: str, text: str | bytes, now_ns: int) -> Sequence[kit.Output]:
    """The newest row is the first."""
    native = name.removeprefix("market.").removesuffix(f".{PRINTS}")
    if name != topic((PRINTS, native)):
        return ()
    return socket.printed(native, rows.print_frame(text).tick.data[::-1], now_ns)


def _answer(socket: kit.BookSocket, frame: rows.PublicFrame, now_ns: int) -> Sequence[kit.Output]:
    """A ping, the answer to a subscription, a whole book, or a refusal of one of them."""
    if frame.ping is not None:
        return (kit.Send(kit.json_text({"pong": frame.ping}), 0),)
    if frame.status == "error":
        book = socket.books.get(frame.id)
        text = f"{frame.err_code} {frame.err_msg}"
        return socket.refused(frame.id, text, now_ns) if book is None else book.refused(now_ns)
    if frame.subbed:
        book = socket.books.get(frame.subbed) or _open(socket, frame.subbed)
        return [*socket.confirmed(frame.id, now_ns), *(() if book is None else book.begin(now_ns))]
    if frame.rep and frame.data is not None:
        book = socket.books.get(frame.rep) or _open(socket, frame.rep)
        frame.data.exch_ns = frame.ts * kit.MS
        return () if book is None else book.snapshot(frame.data, now_ns)
    if frame.unsubbed or frame.status:
        return ()
    raise kit.BadFrame("neither an answer nor a push")


# --- the account ---


def login(url: str) -> Callable[[kit.Context, int], kit.Send]:
    """The signed text has the host and the path of the socket. ``authType`` is not in it."""

    def write_login(context: kit.Context, now_ns: int) -> kit.Send:
        signer = context.signer
        given = {
            "accessKey": signer.key,
            "signatureMethod": "HmacSHA256",
            "signatureVersion": "2.1",
            "timestamp": tables.stamp(signer.venue_ns(now_ns)),
        }
        _, signature = tables.proof(context, "GET", url, given)
        params = {"authType": "api", **given, "signature": signature}
        return kit.Send(kit.Secret(kit.json_text({"action": "req", "ch": "auth", "params": params})))

    return write_login


def channels(context: kit.Context, now_ns: int) -> tuple[Sequence[kit.Send], Sequence[str]]:
    names = (_ORDERS, _FILLS, _BALANCES)
    return [kit.Send(kit.json_text({"action": "sub", "ch": name})) for name in names], names


def reader(spot: tables.Spot) -> Callable[[kit.AccountSocket, str | bytes, int], Sequence[kit.Output]]:
    def read(socket: kit.AccountSocket, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
        frame = rows.private_frame(data)
        context = socket.context
        if frame.action == "ping":
            return (kit.Send(f'{{"action":"pong","data":{bytes(frame.data).decode()}}}', 0),)
        if frame.op == "ping":
            return (kit.Send(kit.json_text({"op": "pong", "ts": frame.ts}), 0),)
        if frame.action in ("req", "sub"):
            return _private_answer(socket, frame, now_ns)
        if not frame.ch.startswith(_PUSHES):
            if not frame.action and not frame.op:
                raise kit.BadFrame("neither an answer nor a push")
            return ()
        (row,) = kit.rows(b"[" + bytes(frame.data) + b"]")
        if frame.ch.startswith("orders#"):
            return (tables.pushed(context, row, now_ns),)
        if frame.ch.startswith("accounts.update#"):
            return spot.pushed(context, row, now_ns)
        return (tables.cleared(context, row, now_ns),) if kit.text(row, "eventType") == "trade" else ()

    return read


def _private_answer(socket: kit.AccountSocket, frame: rows.PrivateFrame, now_ns: int) -> Sequence[kit.Output]:
    if frame.code == 200:
        return socket.logged_in(now_ns) if frame.ch == "auth" else socket.confirmed(frame.ch, now_ns)
    error = VERDICTS.refused_login("htx", str(frame.code), frame.message)
    raise error or kit.RemoteProtocolError(f"htx refused {frame.ch}: {frame.code} {frame.message}")
