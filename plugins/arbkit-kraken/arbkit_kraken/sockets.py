"""What Kraken's sockets (v2) send: books, trades and rules on the public one; orders and fills on the private one.

https://docs.kraken.com/api/docs/guides/spot-ws-intro
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from itertools import chain, islice
from typing import Any
from zlib import crc32

import arbkit.venue as kit
from arbkit_kraken import rows, tables
from arbkit_kraken.verdicts import VERDICTS, coded

PING_NS = 5 * kit.S
"""Kraken closes a socket after about 60 s without traffic. It sends a heartbeat each second, so the pings are for the
measure of its clock too."""
BOOK = "book"
PRINTS = "trade"
RULES = ("instrument", "")
"""Pushes each change of an instrument's rules and state."""
_CHECKED = 10
"""Levels a side under the checksum, whatever the depth."""


# --- public ---


def checksum(bids: Iterator[kit.TextLevel], asks: Iterator[kit.TextLevel]) -> int:
    """The CRC32 of the digits of the best ten asks and then bids (guide "spot-ws-book-v2"). ``TextLevel`` has them as
    third element."""
    levels = chain(islice(asks, _CHECKED), islice(bids, _CHECKED))
    return crc32("".join([level[2] for level in levels]).encode())


def _digits(text: str, decimals: int) -> str:
    """Without the point and the zeros before the first digit. Numbers come with all their zeros at the end; where they
    were cut off (as in samples of the documentation), those of the instrument's ``decimals`` are put back."""
    if "e" in text or "E" in text:
        text = f"{kit.number(text):f}"
    whole, _, fraction = text.partition(".")
    return (whole + fraction.ljust(decimals, "0")).lstrip("0")


def _decimals(step: Decimal) -> int:
    exponent = step.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def feeds(depth: int) -> Mapping[str, kit.BookFeed]:
    return {BOOK: kit.BookFeed(depth, partial(kit.Checksummed, checksum=checksum, window=True))}


def streams(native: str) -> Sequence[kit.Stream]:
    return [(BOOK, native)]


def write(op: str, wanted: Sequence[kit.Stream], number: int, *, depth: int) -> str:
    """One stream a request: it is confirmed or refused alone."""
    channel, native = wanted[0]
    params: dict[str, Any] = {"channel": channel, "snapshot": channel == BOOK}
    if native:
        params["symbol"] = [native]
    if channel == BOOK:
        params["depth"] = depth
    return kit.json_text({"method": op, "params": params, "req_id": number})


def ping(now_ns: int) -> kit.Send:
    """The number of the request is the time in us, so that the pong measures Kraken's clock."""
    return kit.Send(kit.json_text({"method": "ping", "req_id": now_ns // 1000}), 0)


def _pong(frame: rows.Frame, now_ns: int) -> Sequence[kit.Output]:
    venue_ns = kit.iso_ns(frame.time_in)
    return (kit.time_sample("kraken", venue_ns, 1000, frame.req_id * 1000, now_ns),) if venue_ns else ()


class Public:
    """Reads a public socket. ``decimals``: of prices and sizes, by symbol, as of the last snapshot."""

    def __init__(self) -> None:
        self._decimals: dict[str, tuple[int, int]] = {}

    def read(self, socket: kit.BookSocket, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
        frame = rows.public_frame(data)
        if frame.channel == BOOK:
            found = frame.data
            if not isinstance(found, list) or not found:
                raise kit.BadFrame("a book push without rows")
            if len(found) == 1:
                return self._book(socket, found[0], frame.type, now_ns)
            return [out for row in found for out in self._book(socket, row, frame.type, now_ns)]
        if frame.channel == PRINTS:
            return [row.trade(socket.context, now_ns) for row in rows.trades_frame(data).data]
        if frame.channel == RULES[0] and isinstance(frame.data, dict):
            return tables.pushed_rules(socket.context, frame.data)
        if frame.method == "subscribe":
            if frame.success:
                return socket.confirmed(frame.req_id, now_ns)
            return socket.refused(frame.req_id, frame.error, now_ns)
        if frame.method == "pong":
            return _pong(frame, now_ns)
        if frame.channel == "status" and isinstance(frame.data, list):
            states = [row.system for row in frame.data if row.system != "online"]
            return [kit.Notice("kraken", f"system: {state}", recv_ns=now_ns) for state in states]
        if not frame.channel and not frame.method:
            raise kit.BadFrame("neither an answer nor a push")
        return ()

    def _book(self, socket: kit.BookSocket, row: rows.BookRow, kind: str, now_ns: int) -> Sequence[kit.Output]:
        symbol = row.symbol
        try:
            book = socket.books[symbol]
        except KeyError:
            book = socket.open(symbol, BOOK, symbol)
        if book is None:
            return ()
        if row.checksum is None:
            lost: Sequence[kit.Output] = book.lose("a frame without checksum", now_ns)
            return lost
        if kind == "snapshot":
            known = socket.context.known(symbol)
            self._decimals[symbol] = (_decimals(known.tick), _decimals(known.lot)) if known is not None else (0, 0)
        elif kind != "update":
            raise kit.BadFrame(f"{symbol}: unknown type {kind!r}")
        px, qty = self._decimals.get(symbol, (0, 0))
        bids, asks = (
            [
                (price := str(level.price), size := str(level.qty), _digits(price, px) + _digits(size, qty))
                for level in side
            ]
            for side in (row.bids, row.asks)
        )
        depth = kit.CheckedDepth(bids, asks, row.checksum, 0, kit.iso_ns(row.timestamp))
        out: Sequence[kit.Output] = (book.snapshot if kind == "snapshot" else book.update)(depth, now_ns)
        return out


# --- the account ---


class Private:
    """Reads and writes an authenticated socket: the stream of orders, or order entry (``trade``)."""

    def __init__(self, trade: bool) -> None:
        self._trade = trade
        self._token = ""
        self._sequence = 0
        self._orders: dict[str, kit.Row] = {}
        """What stays the same of an open order, by its ``order_id``: the pushes after the first leave it out."""
        self._asked: dict[int, tuple[type[kit.Command], kit.Asked]] = {}
        """Requests without an answer. An answer comes on the socket of its request only."""
        self._count = 0

    def token(self, answer: kit.HttpAnswer) -> None:
        """https://docs.kraken.com/api/docs/guides/spot-ws-auth: for 15 minutes, or as long as a private subscription
        of the connection lasts."""
        reply = tables.unwrap(answer)
        if reply is None:
            raise kit.RemoteProtocolError(f"kraken gave no token: HTTP {answer.status}")
        if reply.code != "ok":
            error = VERDICTS.refused_login("kraken", reply.code, reply.text)
            raise error or kit.RemoteProtocolError(f"kraken gave no token: {reply.code} {reply.text}")
        self._token = kit.text(kit.rows(b"[%b]" % bytes(reply.data))[0], "token")

    def channels(self, context: kit.Context, now_ns: int) -> tuple[Sequence[kit.Send], Sequence[str]]:
        """Order entry subscribes to something too, because its token and its connection live as long as that."""
        channel = "balances" if self._trade else "executions"
        params = {"channel": channel, "snapshot": False} if self._trade else {"channel": channel, "snap_orders": True}
        return [self._send("subscribe", params, 0)], [channel]

    def _send(self, method: str, params: Mapping[str, Any], number: int) -> kit.Send:
        """The text holds the token."""
        if not self._token:
            raise kit.LocalProtocolError("kraken: no token yet")
        request = {"method": method, "params": {**params, "token": self._token}, "req_id": number}
        return kit.Send(kit.Secret(kit.json_text(request)), 0)

    def read(self, socket: kit.AccountSocket, data: str | bytes, now_ns: int) -> Sequence[kit.Output]:
        frame = rows.private_frame(data)
        if frame.method in ("add_order", "cancel_order"):
            return self._answer(socket, frame, now_ns)
        if frame.method == "subscribe":
            if frame.success:
                return socket.confirmed(frame.result.channel, now_ns)
            code, text = coded(frame.error)
            error = VERDICTS.refused_login("kraken", code, text)
            raise error or kit.RemoteProtocolError(f"kraken refused a channel: {frame.error}")
        if frame.channel == "executions":
            return self._executions(socket.context, frame, now_ns)
        if frame.method == "pong":
            return _pong(frame, now_ns)
        return () if frame.channel else (kit.Notice("kraken", f"{frame.method}: {frame.error}", recv_ns=now_ns),)

    def _executions(self, context: kit.Context, frame: rows.PrivateFrame, now_ns: int) -> Sequence[kit.Output]:
        if frame.type != "snapshot" and self._sequence and frame.sequence != self._sequence + 1:
            raise kit.RemoteProtocolError(f"executions: sequence {frame.sequence} after {self._sequence}")
        self._sequence = frame.sequence
        out: list[kit.Output] = []
        for row in kit.rows(frame.data):
            name = kit.text(row, "order_id")
            whole = {**self._orders.get(name, {}), **row}
            if not kit.text(whole, "symbol"):
                out.append(kit.Notice("kraken", f"executions: order {name} was not announced", recv_ns=now_ns))
                continue
            update = tables.execution(context, whole, row, now_ns)
            if update.ord_status.terminal:
                self._orders.pop(name, None)
            else:
                self._orders[name] = {key: whole[key] for key in tables.KEPT if key in whole}
            out.append(update)
        return out

    def _answer(self, socket: kit.AccountSocket, frame: rows.PrivateFrame, now_ns: int) -> Sequence[kit.Output]:
        """Success means that the engine has the order, or cancelled it; its states come by the stream."""
        kind, asked = self._asked.pop(frame.req_id, (None, None))
        code: str | None = "ok"
        text = ""
        if not frame.success:
            code, text = coded(frame.error)
        if kind is None or asked is None:
            return (kit.Notice("kraken", f"{frame.method} {frame.req_id}: {frame.error}", recv_ns=now_ns),)
        if frame.success and kind is kit.NewOrder and not frame.result.order_id:
            code = None  # success without an order proves nothing
        out = socket.ordered(
            kind, asked, code, text, now_ns, order_id=frame.result.order_id, exch_ns=kit.iso_ns(frame.time_out)
        )
        if code == tables.NO_SESSION:
            out.append(kit.Notice("kraken", f"{code}: the token of this socket ended", True, now_ns))
        return out

    def write(self, socket: kit.AccountSocket, what: kit.Command, now_ns: int) -> kit.Send:
        context = socket.context
        if not isinstance(what, kit.NewOrder | kit.CancelOrder):
            raise kit.LocalProtocolError(f"{context.link.link} carries no {what!r}")
        if isinstance(what, kit.NewOrder):
            method, params = "add_order", tables.order_message(context, what, now_ns)
        else:
            method = "cancel_order"
            params = {"order_id": [what.order_id]} if what.order_id else {"cl_ord_id": [what.cl_ord_id]}
        send = self._send(method, params, self._count + 1)
        self._count += 1
        self._asked[self._count] = type(what), kit.Asked("", what.cl_ord_id, what.instrument)
        return send
