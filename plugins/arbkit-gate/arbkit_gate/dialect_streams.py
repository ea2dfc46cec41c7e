"""Gate's channels for the dialect, public and private."""

from __future__ import annotations

from typing import Any, Final

from arbkit import sim

from . import dialect_wire as wire

__all__ = ["PRIVATE", "Streams"]

PRIVATE: Final = ("spot.orders", "spot.orders_v2", "spot.usertrades", "spot.usertrades_v2", "spot.balances")
_SILENT: Final = ("spot.priceorders", "spot.margin_balances", "spot.cross_balances", "spot.funding_balances")
"""Channels that have nothing to say of a spot account."""
_OBU: Final = {"50": 20 * wire.MS, "400": 100 * wire.MS}
"""Levels of ``spot.obu`` -> how often it is pushed."""
_UPDATE: Final = {"100ms": (100, 100 * wire.MS), "20ms": (20, 20 * wire.MS)}
_POLL_NS: Final = 1_000 * wire.MS


class Streams:
    """Spot WebSocket v4."""

    def __init__(self, facts: sim.Facts, conns: sim.Conns) -> None:
        self._facts, self._exchange = facts, facts.exchange
        self._conns, self._timers, self._subs = conns, conns.timers, sim.Subs(conns)
        self._totals: dict[tuple[str, str], tuple[int, int]] = {}
        """(account, asset) -> free and locked as last pushed."""

    # --- subscriptions ----------------------------------------------------------------------------------------------

    def subscribe(self, conn: sim.Conn, channel: str, payload: list[str], now_ns: int) -> list[sim.Sub]:
        """The new subscriptions; ``begin`` sends what they start with. Raises ``Problem`` if the venue refuses."""
        topics = self._topics(conn, channel, payload)
        for key, _ in topics:
            if self._subs.has(conn.id, key) and channel == "spot.obu":
                raise sim.Problem(2, f"Alert sub {key[1]}")
        made = [self._subs.add(conn.id, key, topic, (channel, *key[1:]), now_ns) for key, topic in topics]
        return [sub for sub in made if sub is not None]

    def unsubscribe(self, conn: sim.Conn, channel: str, payload: list[str]) -> None:
        for key, _ in self._topics(conn, channel, payload):
            self._subs.drop(conn.id, key)

    def _topics(
        self, conn: sim.Conn, channel: str, payload: list[str]
    ) -> list[tuple[tuple[str, ...], tuple[str, str]]]:
        """Key and topic of each subscription. ``spot.obu`` accepts any name, and is silent if it does not exist."""
        if channel in PRIVATE or channel in _SILENT:
            assert conn.account is not None
            names = ["!all"] if channel not in PRIVATE[:4] else payload
            for name in names:
                self._known(name, every=True)
            return [((channel, name), (channel, conn.account.name)) for name in names]
        if channel == "spot.obu":
            return [((channel, name), (channel, name)) for name in payload]
        if channel == "spot.order_book_update":
            sim.refuse(len(payload) != 2 or payload[1] not in _UPDATE, 2, f"invalid argument: {payload}")
            self._known(payload[0])
            return [((channel, *payload), (channel, payload[0]))]
        sim.refuse(channel not in ("spot.trades", "spot.tickers", "spot.book_ticker"), 2, f"unknown channel {channel}")
        for name in payload:
            self._known(name)
        return [((channel, name), (channel, name)) for name in payload]

    def _known(self, name: str, *, every: bool = False) -> None:
        sim.refuse(
            name not in self._facts.symbols and not (every and name == "!all"), 2, f"unknown currency pair: {name}"
        )

    def begin(self, sub: sim.Sub, now_ns: int) -> None:
        """The first push, and the pushes by time."""
        channel, *args = sub.arg
        if channel == "spot.obu":
            self._begin_obu(sub, args[0], now_ns)
        elif channel == "spot.order_book_update":
            levels, every_ns = _UPDATE[args[1]]
            sub.depth = sim.SimDepth(self._exchange.books[self._facts.symbols[args[0]]], levels)
            sub.timer = self._timers.every(every_ns, lambda now: self._update(sub, args, now), now_ns)
        elif channel == "spot.book_ticker":
            symbol = self._facts.symbols[args[0]]
            book = self._exchange.books[symbol]
            self._top(sub, sim.TopReport(symbol, book.seq, *book.top()), now_ns)
        elif channel == "spot.tickers":
            sub.timer = self._timers.every(_POLL_NS, lambda now: self._ticker(sub, args[0], now), now_ns)

    # --- books ------------------------------------------------------------------------------------------------------

    def _begin_obu(self, sub: sim.Sub, name: str, now_ns: int) -> None:
        """Order Book V2: the whole book, then its changes."""
        parts = name.split(".")
        symbol = self._facts.symbols.get(parts[1]) if len(parts) == 3 and parts[0] == "ob" else None
        if symbol is None or parts[2] not in _OBU:
            return  # acknowledged, and silent
        sub.depth = depth = sim.SimDepth(self._exchange.books[symbol], int(parts[2]))
        whole = {"full": True, "s": name, "u": depth.seq, **wire.depth(self._facts, symbol, depth.bids, depth.asks)}
        self._obu(sub, symbol, whole, now_ns)
        sub.timer = self._timers.every(_OBU[parts[2]], lambda now: self._delta(sub, symbol, name, now), now_ns)

    def _delta(self, sub: sim.Sub, symbol: str, name: str, now_ns: int) -> None:
        """``U`` is the id after the last ``u``, also where no level within the depth changed."""
        assert sub.depth is not None
        change = sub.depth.step()
        if change is not None:
            _, first, bids, asks = change
            sides = wire.depth(self._facts, symbol, bids, asks)
            self._obu(sub, symbol, {"s": name, "U": first, "u": sub.depth.seq, **sides}, now_ns)

    def _obu(self, sub: sim.Sub, symbol: str, result: dict[str, Any], now_ns: int) -> None:
        body = {"channel": "spot.obu", "result": {"t": now_ns // wire.MS, **result}, "time_ms": now_ns // wire.MS}
        self._conns[sub.conn].tell(body, "book", symbol)

    def _update(self, sub: sim.Sub, args: list[str], now_ns: int) -> None:
        """Changed order book levels: without a snapshot, which is a REST call."""
        assert sub.depth is not None
        change = sub.depth.step()
        if change is None:
            return
        _, first, bids, asks = change
        symbol = self._facts.symbols[args[0]]
        sides = {"b": self._facts.levels(symbol, bids), "a": self._facts.levels(symbol, asks)}
        at = {"t": now_ns // wire.MS, "e": "depthUpdate", "E": now_ns // wire.S, "s": args[0]}
        level = args[1].removesuffix("ms")
        self._push(sub, at | {"l": level, "U": first, "u": sub.depth.seq} | sides, now_ns, "book", symbol)

    # --- other market data ------------------------------------------------------------------------------------------

    def top(self, report: sim.TopReport, now_ns: int) -> None:
        """Best bid or ask price: pushed when it changes."""
        for sub in self._subs.of(("spot.book_ticker", self._facts.native(report.symbol))):
            self._top(sub, report, now_ns)

    def _top(self, sub: sim.Sub, report: sim.TopReport, now_ns: int) -> None:
        self._push(sub, wire.top_row(self._facts, report, now_ns), now_ns, "top", report.symbol)

    def trade(self, report: sim.TradeReport, now_ns: int) -> None:
        """Public Trades Channel; ``side`` is the taker's."""
        for sub in self._subs.of(("spot.trades", self._facts.native(report.symbol))):
            row = wire.trade_row(self._facts, report, pushed=True)
            self._push(sub, row, now_ns, "trades", report.symbol)

    def _ticker(self, sub: sim.Sub, name: str, now_ns: int) -> None:
        """Tickers Channel: pushed when it changed."""
        row = wire.ticker_row(self._facts, self._facts.symbols[name])
        if sub.news(row):
            self._push(sub, row, now_ns)

    # --- private ----------------------------------------------------------------------------------------------------

    def order(self, report: sim.OrderReport, now_ns: int) -> None:
        """Orders Channel: one push a change. User Trades Channel: one a fill."""
        order, fill = report.order, report.fill
        for channel in PRIVATE[:4]:
            for sub in self._subs.of((channel, order.account)):
                if sub.arg[1] not in ("!all", self._facts.native(order.symbol)):
                    continue
                fees, uid = not channel.endswith("_v2"), self._uid(sub)
                if channel.startswith("spot.orders"):
                    self._push(sub, [wire.order_push(self._facts, report, uid, fees=fees)], now_ns, "user")
                elif fill is not None:
                    self._push(sub, [wire.fill_push(self._facts, fill, uid, fees=fees)], now_ns, "user")

    def balance(self, report: sim.BalanceReport, now_ns: int) -> None:
        """Spot Balance Channel: the currencies that one event changed."""
        rows = []
        for asset, free, locked in report.balances:
            known = self._facts.money(asset, free, locked)
            old = self._totals.get((report.account, asset), (free, locked))
            self._totals[report.account, asset] = free, locked
            at = {"timestamp": str(report.ns // wire.S), "timestamp_ms": str(report.ns // wire.MS)}
            amounts = {"total": known["total"], "available": known["free"], "freeze": known["locked"]}
            moved = {"change": sim.text(free + locked - sum(old)), "freeze_change": sim.text(locked - old[1])}
            rows.append(at | {"currency": asset} | moved | amounts | {"change_type": "order-update"})
        for sub in self._subs.of(("spot.balances", report.account)):
            user = {"user": str(self._uid(sub))}
            self._push(sub, [row | user for row in rows], now_ns, "user")

    def _uid(self, sub: sim.Sub) -> int:
        account = self._conns[sub.conn].account
        assert account is not None
        return account.uid

    def _push(self, sub: sim.Sub, result: Any, now_ns: int, kind: str = "control", symbol: str = "") -> None:
        head = {"time": now_ns // wire.S, "time_ms": now_ns // wire.MS, "channel": sub.arg[0], "event": "update"}
        self._conns[sub.conn].tell(head | {"result": result}, kind, symbol)
