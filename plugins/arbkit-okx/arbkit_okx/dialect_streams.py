"""OKX's channels for the dialect, public and private, and the connections that subscribe them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from arbkit.sim.calls import Problem
from arbkit.sim.depth import Levels, SimDepth
from arbkit.sim.limits import Window
from arbkit.sim.subs import Sub, Subs
from arbkit.sim.timers import Timers
from arbkit.sim.venue import Account, BalanceReport, OrderReport, SimExchange, TopReport, TradeReport
from arbkit.sim.wire import SimWire

from .dialect_calls import TYPES, Calls
from .dialect_wire import account_row, balance_row, levels, limit_row, ms, order_push, ticker_row

__all__ = ["Conn", "Streams"]

Key = tuple[str, str, str, str, str]
"""The key of a subscription: channel, instType, instFamily, instId, ccy."""

_encode: Final = msgspec.json.Encoder().encode
_MS: Final = 1_000_000
_QUIET_NS: Final = 60_000 * _MS
_EVERY_NS: Final = 5_000 * _MS
_ANY: Final = (*TYPES, "ANY")


class Conn:
    """One WebSocket connection."""

    __slots__ = ("account", "conn", "id", "last_ns", "path", "requests", "wire")

    def __init__(self, conn: int, path: str, wire: SimWire, now_ns: int) -> None:
        self.conn = conn
        self.id = f"{conn:08x}"
        self.path = path
        """``public``, ``private`` or ``business``."""
        self.wire = wire
        self.account: Account | None = None
        """The account that logged in."""
        self.last_ns = now_ns
        """When something was last sent to the client."""
        # "Connection": the total of subscribe, unsubscribe and login requests is 480 an hour
        self.requests = Window(480, 3600 * 1_000 * _MS)

    def send(self, text: str, kind: str, now_ns: int, symbol: str = "") -> None:
        self.last_ns = now_ns
        self.wire.send(self.conn, text, kind, symbol)

    def event(self, name: str, ref: str, now_ns: int, **more: Any) -> None:
        """An answer to login, subscribe or unsubscribe."""
        body = ({"id": ref} if ref else {}) | {"event": name, **more, "connId": self.id}
        self.send(_encode(body).decode(), "reply", now_ns)

    def error(self, problem: Problem, ref: str, now_ns: int) -> None:
        self.event("error", ref, now_ns, code=problem.code, msg=problem.msg)


class Streams:
    """Market data channels, Instruments channel, Order channel, Account channel. Channels that have nothing to say of a
    spot account are accepted and silent."""

    def __init__(self, calls: Calls, timers: Timers, conns: Mapping[int, Conn]) -> None:
        self._calls = calls
        self._exchange = calls.exchange
        self._timers = timers
        self._conns = conns
        self._subs = Subs()
        self._polled: dict[str, tuple[int, Callable[[SimExchange, str], Any]]] = {
            "books5": (100 * _MS, _five),
            "tickers": (100 * _MS, ticker_row),
            "price-limit": (200 * _MS, limit_row),
        }
        """Channel -> how often it is pushed, if it changed, and what."""

    # --- subscriptions ----------------------------------------------------------------------------------------------

    def change(self, conn: Conn, op: str, ref: str, given: Mapping[str, Any], now_ns: int) -> None:
        """Subscribe, Unsubscribe: the answer comes before the data; a repeated subscription changes nothing. Raises
        ``Problem`` if the venue refuses it."""
        arg = {name: value for name, value in given.items() if value is not None}
        if not all(isinstance(value, str) for value in arg.values()):
            raise Problem("60012", f"Invalid request: {_encode(given).decode()}")
        (self._check_private if conn.path == "private" else self._check_public)(conn, arg)
        conn.event(op, ref, now_ns, arg=arg)
        channel, kind, family, name, ccy = (
            arg.get(k, "") for k in ("channel", "instType", "instFamily", "instId", "ccy")
        )
        key: Key = (channel, kind, family, name, ccy)
        if op == "unsubscribe":
            self._subs.drop(conn.conn, key)
            return
        if conn.account is not None:
            name = conn.account.name
        sub = self._subs.add(conn.conn, key, (channel, name), arg, now_ns)
        if sub is not None:
            self._start(conn, sub, channel, now_ns)

    def closed(self, conn: int) -> None:
        self._subs.closed(conn)

    def _check_public(self, conn: Conn, arg: Mapping[str, str]) -> None:
        channel, known = arg.get("channel"), arg.get("instId") in self._exchange.pairs
        if channel in ("books-l2-tbt", "books50-l2-tbt") and known and conn.path == "public":
            raise Problem("64003", "Your trading fee tier doesn't meet the requirement to access this channel")
        served = channel in ("books", "bbo-tbt", "trades", *self._polled) and known
        listed = channel == "status" or (channel == "instruments" and arg.get("instType") in TYPES)
        if conn.path != "public" or not (served or listed):
            raise _missing(arg)

    def _check_private(self, conn: Conn, arg: Mapping[str, str]) -> None:
        channel = arg.get("channel")
        if conn.account is None:
            raise Problem("60011", "Please log in")
        if channel == "fills":
            raise Problem("64003", "Your trading fee tier doesn't meet the requirement to access this channel")
        if channel == "account":
            _interval(arg)
        elif channel in ("orders", "positions"):
            if arg.get("instType") not in _ANY or arg.get("instId", "") not in ("", *self._exchange.pairs):
                raise _missing(arg)
        elif channel not in ("balance_and_position", "liquidation-warning", "account-greeks"):
            raise _missing(arg)

    def _start(self, conn: Conn, sub: Sub, channel: str, now_ns: int) -> None:
        name = sub.arg.get("instId", "")
        if channel in ("orders", "account") and conn.account is not None:
            # Connection count limit: both channels report the number of their connections
            count = len(self._subs.of(sub.topic))
            conn.event("channel-conn-count", "", now_ns, channel=channel, connCount=str(count))
        if channel == "account":
            self._account(sub, "snapshot", now_ns)
            if _interval(sub.arg) != "0":
                # Account channel: by events, and at a fixed interval unless updateInterval is 0
                sub.timer = self._timers.at(
                    now_ns + _EVERY_NS, lambda now: self._account(sub, "interval_update", now), _EVERY_NS
                )
        elif channel == "bbo-tbt":
            self._top(sub, TopReport(name, self._exchange.books[name].seq, *self._exchange.books[name].top()), now_ns)
        elif channel == "books":
            sub.depth = depth = SimDepth(self._exchange.books[name], 400)
            sub.last = depth.seq
            self._book(sub, "snapshot", list(depth.bids.items()), list(depth.asks.items()), -1, now_ns)
            self._every(sub, 100 * _MS, self._delta, now_ns)
        elif channel in self._polled:
            self._poll(sub, now_ns)
            self._every(sub, self._polled[channel][0], self._poll, now_ns)

    def _every(self, sub: Sub, period_ns: int, send: Callable[[Sub, int], None], now_ns: int) -> None:
        sub.timer = self._timers.at((now_ns // period_ns + 1) * period_ns, lambda now: send(sub, now), period_ns)

    # --- public -----------------------------------------------------------------------------------------------------

    def top(self, report: TopReport, now_ns: int) -> None:
        """bbo-tbt: pushed when the best level changes; ``seqId`` uses the numbers of the book channels."""
        for sub in self._subs.of(("bbo-tbt", report.symbol)):
            self._top(sub, report, now_ns)

    def instrument(self, symbol: str, now_ns: int) -> None:
        """Instruments channel: no list at first, only rows that changed."""
        for sub in self._subs.of(("instruments", "")):
            if sub.arg["instType"] == "SPOT":
                self._push(sub, now_ns, "control", data=[self._calls.instrument(symbol)])

    def trade(self, report: TradeReport, now_ns: int) -> None:
        """Trades channel; ``side`` is the taker's."""
        pair = self._exchange.pairs[report.symbol]
        for sub in self._subs.of(("trades", report.symbol)):
            row = {
                "instId": report.symbol,
                "tradeId": str(report.id),
                "px": pair.px_text(report.px),
                "sz": pair.qty_text(report.qty),
                "side": report.side.value,
                "ts": ms(report.ns),
                "count": "1",
                "source": "0",
                "seqId": self._exchange.books[report.symbol].seq,
            }
            self._push(sub, now_ns, "trades", data=[row])

    def _poll(self, sub: Sub, now_ns: int) -> None:
        """A channel that is pushed when it changed."""
        channel, name = sub.arg["channel"], sub.arg["instId"]
        row = self._polled[channel][1](self._exchange, name)
        if row != sub.last:
            sub.last = row
            more = {"seqId": self._exchange.books[name].seq} if channel == "books5" else {}
            kind = "book" if channel == "books5" else "control"
            self._push(sub, now_ns, kind, data=[row | {"ts": ms(now_ns)} | more])

    def _top(self, sub: Sub, report: TopReport, now_ns: int) -> None:
        pair = self._exchange.pairs[report.symbol]
        bids = levels(pair, [(report.bid_px, report.bid_qty)] if report.bid_qty else ())
        asks = levels(pair, [(report.ask_px, report.ask_qty)] if report.ask_qty else ())
        self._raw(sub, "", f'"asks":{asks},"bids":{bids},"ts":"{ms(now_ns)}","seqId":{report.seq}', now_ns)

    def _delta(self, sub: Sub, now_ns: int) -> None:
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

    def _book(self, sub: Sub, action: str, bids: Levels, asks: Levels, previous: int, now_ns: int) -> None:
        """``checksum`` is 0 since 2026."""
        sub.sent_ns = now_ns
        pair = self._exchange.pairs[sub.arg["instId"]]
        sides = f'"asks":{levels(pair, asks)},"bids":{levels(pair, bids)}'
        ids = f'"checksum":0,"prevSeqId":{previous},"seqId":{sub.last}'
        self._raw(sub, f',"action":"{action}"', f'{sides},"ts":"{ms(now_ns)}",{ids}', now_ns)

    def _raw(self, sub: Sub, head: str, row: str, now_ns: int) -> None:
        channel, name = sub.arg["channel"], sub.arg["instId"]
        arg = f'"arg":{{"channel":"{channel}","instId":"{name}"}}'
        self._conns[sub.conn].send(f'{{{arg}{head},"data":[{{{row}}}]}}', "book", now_ns, name)

    # --- private ----------------------------------------------------------------------------------------------------

    def order(self, report: OrderReport, now_ns: int) -> None:
        """One push per change, one for each fill."""
        order, exchange = report.order, self._exchange
        row: dict[str, Any] | None = None
        for sub in self._subs.of(("orders", order.account)):
            kind = self._calls.orders.mark(order.id).kind
            if sub.arg["instType"] not in (kind, "ANY") or sub.arg.get("instId", "") not in ("", order.symbol):
                continue
            if row is None:
                pair = exchange.pairs[order.symbol]
                value = report.fill.quote if report.fill else order.quote_qty or order.qty * order.px * pair.unit
                usd = exchange.prices.worth(pair.quote, value)
                row = order_push(self._calls.orders.row(order, report), report.fill, pair, usd)
            self._push(sub, now_ns, "user", data=[row])

    def balance(self, report: BalanceReport, now_ns: int) -> None:
        """The currencies that one event changed."""
        for asset, _, _ in report.balances:
            self._calls.balance_ns[report.account, asset] = report.ns
        for sub in self._subs.of(("account", report.account)):
            only = sub.arg.get("ccy", "")
            rows = [balance_row(self._exchange, *row, report.ns) for row in report.balances if only in ("", row[0])]
            if rows:
                data = [
                    account_row(rows, self._exchange.prices.total(self._exchange.balances(report.account)), report.ns)
                ]
                self._push(sub, now_ns, "user", eventType="event_update", data=data)

    def _account(self, sub: Sub, event: str, now_ns: int) -> None:
        account = self._conns[sub.conn].account
        assert account is not None
        details = self._calls.details(account.name, now_ns, sub.arg.get("ccy", ""))
        row = account_row(details, self._exchange.prices.total(self._exchange.balances(account.name)), now_ns)
        self._push(sub, now_ns, "user", eventType=event, curPage=1, lastPage=True, data=[row])

    def _push(self, sub: Sub, now_ns: int, kind: str, **more: Any) -> None:
        conn = self._conns[sub.conn]
        arg = {name: value for name, value in sub.arg.items() if name != "extraParams"}
        if conn.account is not None:
            arg["uid"] = str(conn.account.uid)
        conn.send(_encode({"arg": arg, **more}).decode(), kind, now_ns, sub.arg.get("instId", ""))


def _missing(arg: Mapping[str, Any]) -> Problem:
    """60018: unknown channel or instrument."""
    wanted = ",".join(f"{name}:{value}" for name, value in arg.items())
    return Problem(
        "60018",
        f"Wrong URL or {wanted} doesn't exist. Please use the correct URL, channel and parameters referring to API"
        " document.",
    )


def _five(exchange: SimExchange, symbol: str) -> dict[str, Any]:
    """books5: the five best levels."""
    bids, asks = (
        msgspec.Raw(levels(exchange.pairs[symbol], side).encode()) for side in exchange.books[symbol].depth(5)
    )
    return {"asks": asks, "bids": bids, "instId": symbol}


def _interval(arg: Mapping[str, Any]) -> str:
    """``updateInterval`` of ``extraParams``, which is JSON text inside JSON."""
    try:
        return str(msgspec.json.decode(arg.get("extraParams") or "{}", type=dict[str, Any]).get("updateInterval", ""))
    except msgspec.DecodeError:
        raise Problem("60012", "Invalid request: extraParams") from None
