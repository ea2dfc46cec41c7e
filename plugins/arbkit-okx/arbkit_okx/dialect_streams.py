"""OKX's public channels for the dialect, and the connections shared by all channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from arbkit.core.types import Side
from arbkit.sim.limits import Window
from arbkit.sim.matching import Feed
from arbkit.sim.pair import Pair
from arbkit.sim.timers import Timer, Timers
from arbkit.sim.venue import SimExchange, TopReport, TradeReport
from arbkit.sim.wire import SimWire

from .dialect_wire import Problem, level, ms

__all__ = ["TYPES", "Conn", "Key", "Streams", "Sub", "channel_key"]

Key = tuple[str, str, str, str, str]
"""The key of a subscription: channel, instType, instFamily, instId, ccy."""

TYPES: Final = ("SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION")
_encode: Final = msgspec.json.Encoder().encode
_PUSH_NS: Final = 100_000_000
_QUIET_NS: Final = 60_000_000_000
_DEPTH: Final = 400


class Sub:
    """One subscription of one connection."""

    __slots__ = ("arg", "feed", "sent_ns", "seq", "shown", "taken", "timer")

    def __init__(self, arg: Mapping[str, Any], now_ns: int) -> None:
        self.arg = dict(arg)
        self.feed: Feed | None = None
        self.timer: Timer | None = None
        self.seq = 0
        """The last ``seqId`` sent."""
        self.taken = 0
        """The book's update id up to which changes were sent."""
        self.shown: tuple[dict[int, int], dict[int, int]] = ({}, {})
        """The levels that a correct client has now."""
        self.sent_ns = now_ns

    def end(self) -> None:
        if self.feed is not None:
            self.feed.close()
        if self.timer is not None:
            self.timer.cancel()


class Conn:
    """One WebSocket connection."""

    __slots__ = ("account", "conn", "id", "last_ns", "path", "requests", "subs", "uid", "wire")

    def __init__(self, conn: int, path: str, wire: SimWire, now_ns: int) -> None:
        self.conn = conn
        self.id = f"{conn:08x}"
        self.path = path
        """``public``, ``private`` or ``business``."""
        self.wire = wire
        self.account = ""
        """The account that logged in, or ""."""
        self.uid = ""
        self.subs: dict[Key, Sub] = {}
        self.last_ns = now_ns
        """When something was last sent to the client."""
        # "Connection": the total of subscribe, unsubscribe and login requests is 480 an hour
        self.requests = Window(480, 3600 * 1_000_000_000)

    def send(self, text: str, kind: str, now_ns: int, symbol: str = "") -> None:
        self.last_ns = now_ns
        self.wire.send(self.conn, text, kind, symbol)

    def event(self, name: str, ref: str, now_ns: int, **fields: Any) -> None:
        """An answer to login, subscribe or unsubscribe."""
        body = {"id": ref} if ref else {}
        body |= {"event": name, **fields, "connId": self.id}
        self.send(_encode(body).decode(), "reply", now_ns)

    def error(self, problem: Problem, ref: str, now_ns: int) -> None:
        self.event("error", ref, now_ns, code=problem.code, msg=problem.msg)


def channel_key(arg: Mapping[str, Any]) -> Key:
    """The key of a subscription argument. Equivalent arguments have the same key."""
    channel, kind, family, name, ccy = (
        str(arg.get(k, "")) for k in ("channel", "instType", "instFamily", "instId", "ccy")
    )
    return channel, kind, family, name, ccy


class Streams:
    """Order book, best bid and offer, and trades channels (Order Book Trading > Market Data)."""

    def __init__(self, exchange: SimExchange, timers: Timers, instrument: Callable[[str], dict[str, Any]]) -> None:
        self._exchange = exchange
        self._timers = timers
        self._instrument = instrument
        self._subs: dict[tuple[str, str], dict[tuple[int, Key], tuple[Conn, Sub]]] = {}
        """(channel, instId) -> connection number and key -> subscription."""

    def check(self, arg: Mapping[str, Any]) -> None:
        """Raises ``Problem`` if the venue refuses the subscription."""
        channel, name = arg.get("channel"), arg.get("instId")
        if channel == "instruments" and arg.get("instType") in TYPES:
            return
        if channel in ("books-l2-tbt", "books50-l2-tbt") and name in self._exchange.pairs:
            raise Problem("64003", "Your trading fee tier doesn't meet the requirement to access this channel")
        if channel not in ("books", "books5", "bbo-tbt", "trades") or name not in self._exchange.pairs:
            raise missing(arg)

    def subscribe(self, conn: Conn, arg: Mapping[str, Any], now_ns: int) -> None:
        """Subscribe; a snapshot comes first if the channel has one. A repeated subscription changes nothing."""
        key = channel_key(arg)
        if key in conn.subs:
            return
        sub = conn.subs[key] = Sub(arg, now_ns)
        channel, name = key[0], key[3]
        self._subs.setdefault((channel, name), {})[conn.conn, key] = conn, sub
        if channel in ("instruments", "trades"):
            return
        book = self._exchange.books[name]
        if channel == "bbo-tbt":
            self._top(conn, sub, TopReport(name, book.seq, *book.top()), now_ns)
            return
        send = self._five
        if channel == "books":
            send = self._delta
            sub.feed = book.feed()
            sub.seq = sub.taken = book.seq
            bids, asks = book.depth(_DEPTH)
            sub.shown = dict(bids), dict(asks)
            self._book(conn, sub, "snapshot", bids, asks, -1, now_ns)
        else:
            self._five(conn, sub, now_ns)
        due_ns = (now_ns // _PUSH_NS + 1) * _PUSH_NS
        sub.timer = self._timers.at(due_ns, lambda now: send(conn, sub, now), _PUSH_NS)

    def forget(self, conn: Conn, key: Key) -> None:
        """Stop sending."""
        sub = conn.subs.pop(key, None)
        if sub is not None:
            sub.end()
            self._subs.get((key[0], key[3]), {}).pop((conn.conn, key), None)

    def top(self, report: TopReport, now_ns: int) -> None:
        """bbo-tbt: pushed when the best level changes; ``seqId`` uses the numbers of the book channels."""
        for conn, sub in self._of("bbo-tbt", report.symbol):
            self._top(conn, sub, report, now_ns)

    def instrument(self, symbol: str, now_ns: int) -> None:
        """Instruments channel: no list at first, only rows that changed."""
        for conn, sub in self._of("instruments", ""):
            if sub.arg["instType"] == "SPOT":
                conn.send(_encode({"arg": sub.arg, "data": [self._instrument(symbol)]}).decode(), "control", now_ns)

    def trade(self, report: TradeReport, now_ns: int) -> None:
        """Trades channel; ``side`` is the taker's."""
        pair = self._exchange.pairs[report.symbol]
        side = "buy" if report.side is Side.BUY else "sell"
        for conn, _ in self._of("trades", report.symbol):
            conn.send(
                (
                    f'{{"arg":{{"channel":"trades","instId":"{report.symbol}"}},"data":[{{"instId":"{report.symbol}"'
                    f',"tradeId":"{report.id}","px":"{pair.px_text(report.px)}","sz":"{pair.qty_text(report.qty)}"'
                    f',"side":"{side}","ts":"{ms(report.ns)}","count":"1","source":"0"'
                    f',"seqId":{self._exchange.books[report.symbol].seq}}}]}}'
                ),
                "trades",
                now_ns,
                report.symbol,
            )

    def _of(self, channel: str, name: str) -> list[tuple[Conn, Sub]]:
        return list(self._subs.get((channel, name), {}).values())

    def _top(self, conn: Conn, sub: Sub, report: TopReport, now_ns: int) -> None:
        pair = self._exchange.pairs[report.symbol]
        bids = level(pair, report.bid_px, report.bid_qty) if report.bid_qty else ""
        asks = level(pair, report.ask_px, report.ask_qty) if report.ask_qty else ""
        conn.send(
            (
                f'{{"arg":{{"channel":"bbo-tbt","instId":"{report.symbol}"}},"data":[{{"asks":[{asks}],"bids":[{bids}]'
                f',"ts":"{ms(now_ns)}","seqId":{report.seq}}}]}}'
            ),
            "book",
            now_ns,
            report.symbol,
        )

    def _five(self, conn: Conn, sub: Sub, now_ns: int) -> None:
        """books5: a snapshot of the five best levels, when they changed."""
        name = sub.arg["instId"]
        book = self._exchange.books[name]
        bids, asks = book.depth(5)
        shown = dict(bids), dict(asks)
        if shown == sub.shown:
            return
        sub.shown = shown
        pair = self._exchange.pairs[name]
        conn.send(
            (
                f'{{"arg":{{"channel":"books5","instId":"{name}"}},"data":[{{"asks":{_levels(pair, asks)}'
                f',"bids":{_levels(pair, bids)},"instId":"{name}","ts":"{ms(now_ns)}","seqId":{book.seq}}}]}}'
            ),
            "book",
            now_ns,
            name,
        )

    def _delta(self, conn: Conn, sub: Sub, now_ns: int) -> None:
        """Order book channel: the changes within 400 levels. ``prevSeqId`` is the ``seqId`` of the previous message;
        ids are not consecutive. After 60 seconds without a change, an update without levels and with two equal ids is
        sent.
        """
        assert sub.feed is not None
        book = self._exchange.books[sub.arg["instId"]]
        if not sub.feed.pending:
            if now_ns - sub.sent_ns >= _QUIET_NS:
                self._book(conn, sub, "update", [], [], sub.seq, now_ns)
            return
        first, last, bids, asks = sub.feed.take()
        hole = first != sub.taken + 1
        sub.taken = last
        now = tuple(dict(side) for side in book.depth(_DEPTH))
        if hole:  # a fault: earlier changes are lost, and prevSeqId shows the gap
            previous = first - 1
        else:
            previous = sub.seq
            bids, asks = (_changes(old, new) for old, new in zip(sub.shown, now, strict=True))
        sub.shown = now[0], now[1]
        if bids or asks or hole:
            sub.seq = last
            self._book(conn, sub, "update", bids, asks, previous, now_ns)

    def _book(
        self,
        conn: Conn,
        sub: Sub,
        action: str,
        bids: list[tuple[int, int]],
        asks: list[tuple[int, int]],
        previous: int,
        now_ns: int,
    ) -> None:
        """``checksum`` is 0 since 2026."""
        sub.sent_ns = now_ns
        name = sub.arg["instId"]
        pair = self._exchange.pairs[name]
        conn.send(
            (
                f'{{"arg":{{"channel":"books","instId":"{name}"}},"action":"{action}","data":[{{'
                f'"asks":{_levels(pair, asks)},"bids":{_levels(pair, bids)},"ts":"{ms(now_ns)}"'
                f',"checksum":0,"prevSeqId":{previous},"seqId":{sub.seq}}}]}}'
            ),
            "book",
            now_ns,
            name,
        )


def missing(arg: Mapping[str, Any]) -> Problem:
    """60018: unknown channel or instrument."""
    wanted = ",".join(f"{name}:{value}" for name, value in arg.items())
    return Problem(
        "60018",
        f"Wrong URL or {wanted} doesn't exist. Please use the correct URL, channel and parameters referring to API"
        " document.",
    )


def _changes(old: Mapping[int, int], new: Mapping[int, int]) -> list[tuple[int, int]]:
    """Levels that were added, removed (0 lots) or changed."""
    return [(px, 0) for px in old if px not in new] + [(px, lots) for px, lots in new.items() if old.get(px) != lots]


def _levels(pair: Pair, levels: list[tuple[int, int]]) -> str:
    return "[" + ",".join([level(pair, px, lots) for px, lots in levels]) + "]"
