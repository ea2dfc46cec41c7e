"""OKX's channels for the dialect, public and private, and the connections that subscribe them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from arbkit import sim

from . import dialect_wire as wire
from .dialect_calls import TYPES, Calls
from .dialect_orders import Orders

__all__ = ["Streams", "error", "event"]

Key = tuple[str, str, str, str, str]
"""The key of a subscription: channel, instType, instFamily, instId, ccy."""

_QUIET_NS: Final = 60_000 * wire.MS
_EVERY_NS: Final = 5_000 * wire.MS
_ANY: Final = (*TYPES, "ANY")
_POLLED: Final[Mapping[str, tuple[int, Callable[[sim.Facts, str], dict[str, Any]]]]] = {
    "books5": (100 * wire.MS, wire.five_row),
    "tickers": (100 * wire.MS, wire.ticker_row),
    "price-limit": (200 * wire.MS, wire.limit_row),
}
"""Channel -> how often it is pushed, if it changed, and what."""


def event(conn: sim.Conn, name: str, ref: str, now_ns: int, **more: Any) -> None:
    """Answer a login, subscribe or unsubscribe."""
    body = {"id": ref} if ref else {}
    conn.alive_ns = now_ns
    conn.tell(body | {"event": name, **more, "connId": f"{conn.id:08x}"})


def error(conn: sim.Conn, problem: sim.Problem, ref: str, now_ns: int) -> None:
    event(conn, "error", ref, now_ns, code=problem.code, msg=problem.msg)


class Streams:
    """Market data channels, Instruments channel, Order channel, Account channel. Channels that have nothing to say of a
    spot account are accepted and silent."""

    def __init__(self, facts: sim.Facts, calls: Calls, orders: Orders, conns: sim.Conns) -> None:
        self._facts, self._exchange = facts, facts.exchange
        self._calls = calls
        self._orders = orders
        self._conns, self._timers = conns, conns.timers
        self._subs = sim.Subs(conns)

    # --- subscriptions ----------------------------------------------------------------------------------------------

    def change(self, conn: sim.Conn, op: str, ref: str, given: Mapping[str, Any], now_ns: int) -> None:
        """Subscribe, Unsubscribe: the answer comes before the data; a repeated subscription changes nothing. Raises
        ``Problem`` if the venue refuses it."""
        arg = {name: value for name, value in given.items() if value is not None}
        if not all(isinstance(value, str) for value in arg.values()):
            raise sim.Problem("60012", f"Invalid request: {sim.encode(given).decode()}")
        (self._check_private if conn.path == "private" else self._check_public)(conn, arg)
        event(conn, op, ref, now_ns, arg=arg)
        key: Key = tuple(arg.get(k, "") for k in ("channel", "instType", "instFamily", "instId", "ccy"))
        channel, name = key[0], key[3]
        if op == "unsubscribe":
            self._subs.drop(conn.id, key)
            return
        if conn.account is not None:
            name = conn.account.name
        sub = self._subs.add(conn.id, key, (channel, name), arg, now_ns)
        if sub is not None:
            self._start(conn, sub, channel, now_ns)

    def _check_public(self, conn: sim.Conn, arg: Mapping[str, str]) -> None:
        channel, known = arg.get("channel"), arg.get("instId") in self._exchange.pairs
        if channel in ("books-l2-tbt", "books50-l2-tbt") and known and conn.path == "public":
            raise sim.Problem("64003", "Your trading fee tier doesn't meet the requirement to access this channel")
        if conn.path == "business" and str(channel).removeprefix("candle") in wire.BARS and known:
            return
        served = channel in ("books", "bbo-tbt", "trades", *_POLLED) and known
        listed = channel == "status" or (channel == "instruments" and arg.get("instType") in TYPES)
        if conn.path != "public" or not (served or listed):
            raise _missing(arg)

    def _check_private(self, conn: sim.Conn, arg: Mapping[str, str]) -> None:
        channel = arg.get("channel")
        if conn.account is None:
            raise sim.Problem("60011", "Please log in")
        if channel == "fills":
            raise sim.Problem("64003", "Your trading fee tier doesn't meet the requirement to access this channel")
        if channel == "account":
            _interval(arg)
        elif channel in ("orders", "positions"):
            if arg.get("instType") not in _ANY or arg.get("instId", "") not in ("", *self._exchange.pairs):
                raise _missing(arg)
        elif channel not in ("balance_and_position", "liquidation-warning", "account-greeks"):
            raise _missing(arg)

    def _start(self, conn: sim.Conn, sub: sim.Sub, channel: str, now_ns: int) -> None:
        name = sub.arg.get("instId", "")
        if channel in ("orders", "account") and conn.account is not None:
            # Connection count limit: both channels report the number of their connections
            count = len(self._subs.of(sub.topic))
            event(conn, "channel-conn-count", "", now_ns, channel=channel, connCount=str(count))
        if channel == "account":
            self._account(sub, "snapshot", now_ns)
            if _interval(sub.arg) != "0":
                # Account channel: by events, and at a fixed interval unless updateInterval is 0
                sub.timer = self._timers.at(
                    now_ns + _EVERY_NS, lambda now: self._account(sub, "interval_update", now), _EVERY_NS
                )
        elif channel == "bbo-tbt":
            book = self._exchange.books[name]
            self._top(sub, sim.TopReport(name, book.seq, *book.top()), now_ns)
        elif channel == "books":
            sub.depth = depth = sim.SimDepth(self._exchange.books[name], 400)
            sub.last = depth.seq
            self._book(sub, "snapshot", depth.bids, depth.asks, -1, now_ns)
            sub.timer = self._timers.every(100 * wire.MS, lambda now: self._delta(sub, now), now_ns)
        elif channel.startswith("candle"):
            # Candlesticks channel: at most once a second
            sub.timer = self._timers.every(1_000 * wire.MS, lambda now: self._candle(sub, now), now_ns)
        elif channel in _POLLED:
            self._poll(sub, now_ns)
            sub.timer = self._timers.every(_POLLED[channel][0], lambda now: self._poll(sub, now), now_ns)

    # --- public -----------------------------------------------------------------------------------------------------

    def top(self, report: sim.TopReport, now_ns: int) -> None:
        """bbo-tbt: pushed when the best level changes; ``seqId`` uses the numbers of the book channels."""
        for sub in self._subs.of(("bbo-tbt", report.symbol)):
            self._top(sub, report, now_ns)

    def instrument(self, symbol: str, now_ns: int) -> None:
        """Instruments channel: no list at first, only rows that changed."""
        row = wire.instrument_row(self._facts, symbol, self._orders.codes[symbol])
        for sub in self._subs.of(("instruments", "")):
            if sub.arg["instType"] == "SPOT":
                self._push(sub, now_ns, "control", data=[row])

    def trade(self, report: sim.TradeReport, now_ns: int) -> None:
        """Trades channel; ``side`` is the taker's."""
        seq = self._exchange.books[report.symbol].seq
        for sub in self._subs.of(("trades", report.symbol)):
            row = wire.TRADE.of(self._facts.trade(report), count="1", seqId=seq)
            self._push(sub, now_ns, "trades", data=[row])

    def _poll(self, sub: sim.Sub, now_ns: int) -> None:
        """A channel that is pushed when it changed."""
        channel, name = sub.arg["channel"], sub.arg["instId"]
        row = _POLLED[channel][1](self._facts, name)
        if sub.news(row):
            more = {"seqId": self._exchange.books[name].seq} if channel == "books5" else {}
            kind = "book" if channel == "books5" else "control"
            self._push(sub, now_ns, kind, data=[row | {"ts": self._facts.time(now_ns)} | more])

    def _candle(self, sub: sim.Sub, now_ns: int) -> None:
        """The present candle if it changed, and the last one when it closes."""
        bar, name = sub.arg["channel"].removeprefix("candle"), sub.arg["instId"]
        for known in sub.candles(self._facts, name, wire.BARS[bar], now_ns):
            self._push(sub, now_ns, "control", data=[wire.candle_row(known)])

    def _top(self, sub: sim.Sub, report: sim.TopReport, now_ns: int) -> None:
        bids, asks = [(report.bid_px, report.bid_qty)], [(report.ask_px, report.ask_qty)]
        sides = wire.levels(self._facts, report.symbol, bids[: report.bid_qty], asks[: report.ask_qty])
        self._raw(sub, {**sides, "ts": self._facts.time(now_ns), "seqId": report.seq}, now_ns)

    def _delta(self, sub: sim.Sub, now_ns: int) -> None:
        """Order book channel: the changes within 400 levels. ``prevSeqId`` is the ``seqId`` of the previous message;
        ids are not consecutive. After 60 seconds without a change, an update without levels and with two equal ids is
        sent."""
        assert sub.depth is not None
        change = sub.depth.step()
        if change is None:
            if now_ns - sub.sent_ns >= _QUIET_NS:
                self._book(sub, "update", [], [], sub.last, now_ns)
            return
        lost, first, bids, asks = change
        if bids or asks or lost:
            # a fault: earlier changes are lost, and prevSeqId shows the gap
            previous, sub.last = first - 1 if lost else sub.last, sub.depth.seq
            self._book(sub, "update", bids, asks, previous, now_ns)

    def _book(self, sub: sim.Sub, action: str, bids: sim.Levels, asks: sim.Levels, previous: int, now_ns: int) -> None:
        """``checksum`` is 0 since 2026."""
        sub.sent_ns = now_ns
        sides = wire.levels(self._facts, sub.arg["instId"], bids, asks)
        ids = {"checksum": 0, "prevSeqId": previous, "seqId": sub.last}
        self._raw(sub, {**sides, "ts": self._facts.time(now_ns), **ids}, now_ns, action=action)

    def _raw(self, sub: sim.Sub, row: dict[str, Any], now_ns: int, **more: Any) -> None:
        channel, name = sub.arg["channel"], sub.arg["instId"]
        body = {"arg": {"channel": channel, "instId": name}, **more, "data": [row]}
        self._send(sub, body, "book", now_ns, name)

    # --- private ----------------------------------------------------------------------------------------------------

    def order(self, report: sim.OrderReport, now_ns: int) -> None:
        """One push per change, one for each fill."""
        order, mark = report.order, self._orders.mark(report.order.id)
        subs = [
            sub
            for sub in self._subs.of(("orders", order.account))
            if sub.arg["instType"] in (mark.kind, "ANY") and sub.arg.get("instId", "") in ("", order.symbol)
        ]
        if subs:
            pair = self._exchange.pairs[order.symbol]
            value = report.fill.quote if report.fill else order.quote_qty or order.qty * order.px * pair.unit
            row, usd = wire.order_row(self._facts, order, mark, report), self._exchange.prices.worth(pair.quote, value)
            push = wire.order_push(self._facts, row, report.fill, usd)
            for sub in subs:
                self._push(sub, now_ns, "user", data=[push])

    def balance(self, report: sim.BalanceReport, now_ns: int) -> None:
        """The currencies that one event changed."""
        account = report.account
        for asset, _, _ in report.balances:
            self._calls.balance_ns[account, asset] = report.ns
        for sub in self._subs.of(("account", account)):
            only = sub.arg.get("ccy", "")
            if details := self._calls.details(self._facts, account, report.balances, report.ns, only):
                row = wire.account_row(self._facts, account, details, report.ns)
                self._push(sub, now_ns, "user", eventType="event_update", data=[row])

    def _account(self, sub: sim.Sub, event: str, now_ns: int) -> None:
        account = self._conns[sub.conn].account
        assert account is not None
        row = self._calls.account(self._facts, account.name, now_ns, sub.arg.get("ccy", ""))
        self._push(sub, now_ns, "user", eventType=event, curPage=1, lastPage=True, data=[row])

    def _push(self, sub: sim.Sub, now_ns: int, kind: str, **more: Any) -> None:
        conn = self._conns[sub.conn]
        arg = {name: value for name, value in sub.arg.items() if name != "extraParams"}
        if conn.account is not None:
            arg["uid"] = str(conn.account.uid)
        self._send(sub, {"arg": arg, **more}, kind, now_ns, sub.arg.get("instId", ""))

    def _send(self, sub: sim.Sub, body: dict[str, Any], kind: str, now_ns: int, symbol: str) -> None:
        conn = self._conns[sub.conn]
        conn.alive_ns = now_ns
        conn.tell(body, kind, symbol)


def _missing(arg: Mapping[str, Any]) -> sim.Problem:
    """60018: unknown channel or instrument."""
    wanted = ",".join(f"{name}:{value}" for name, value in arg.items())
    return sim.Problem(
        "60018",
        f"Wrong URL or {wanted} doesn't exist. Please use the correct URL, channel and parameters referring to API"
        " document.",
    )


def _interval(arg: Mapping[str, Any]) -> str:
    """``updateInterval`` of ``extraParams``, which is JSON text inside JSON."""
    try:
        return str(msgspec.json.decode(arg.get("extraParams") or "{}", type=dict[str, Any]).get("updateInterval", ""))
    except msgspec.DecodeError:
        raise sim.Problem("60012", "Invalid request: extraParams") from None
