"""Kraken's channels (WebSocket v2) for the dialect, public and private."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from arbkit import sim

from . import dialect_wire as wire

__all__ = ["PRIVATE", "Streams"]

PRIVATE: Final = ("executions", "balances")
_DEPTHS: Final = (10, 25, 100, 500, 1000)
_EVERY_NS: Final = 50 * wire.MS
_OF_PAIRS: Final = ("book", "trade")


class Streams:
    """The subscriptions. A key is (channel, symbol)."""

    def __init__(self, facts: sim.Facts, conns: sim.Conns) -> None:
        self._totals: dict[tuple[str, str], int] = {}
        """Total balances as last told."""
        self._subs = sim.Subs(conns)
        self._facts, self._exchange = facts, facts.exchange
        self._conns, self._timers = conns, conns.timers

    def change(self, conn: sim.Conn, op: str, params: Mapping[str, Any], answer: dict[str, Any], now_ns: int) -> None:
        """Subscribe or unsubscribe: one answer for each symbol, before the data. Raises ``Problem`` if the request as
        a whole is wrong."""
        channel = params.get("channel")
        if channel in PRIVATE:
            sim.refuse(conn.path != "private", "Private data and trading are unavailable on this endpoint", "")
            assert conn.account is not None
            self._one(conn, op, str(channel), "", conn.account.name, params, answer, now_ns)
        elif channel == "instrument":
            self._one(conn, op, channel, "", "", params, answer, now_ns)
        elif channel in _OF_PAIRS and conn.path == "public":
            names = params.get("symbol")
            if not isinstance(names, list) or not names:
                raise sim.Problem("Symbol(s) not found", "")
            if channel == "book" and params.get("depth", 10) not in _DEPTHS:
                raise sim.Problem("Book depth not supported", "")
            for native in names:
                symbol = self._facts.symbols.get(native, "") if isinstance(native, str) else ""
                if not symbol or self._exchange.halted.get(symbol) == sim.DELISTED:
                    failed = {"success": False, "error": f"Currency pair not supported {native}", "symbol": native}
                    conn.tell(answer | failed)
                    continue
                self._one(conn, op, str(channel), symbol, symbol, params, answer, now_ns)
        else:
            raise sim.Problem(f"Channel not supported {channel}", "")

    def _one(
        self,
        conn: sim.Conn,
        op: str,
        channel: str,
        symbol: str,
        topic: str,
        params: Mapping[str, Any],
        answer: dict[str, Any],
        now_ns: int,
    ) -> None:
        key = channel, symbol
        if op == "unsubscribe":
            if not self._subs.drop(conn.id, key):
                raise sim.Problem("Subscription Not Found", "")
            conn.tell(answer | {"success": True, "result": _result(params, self._facts, symbol)})
            return
        sub = self._subs.add(conn.id, key, (channel, topic), dict(params), now_ns)
        sim.refuse(sub is None, "Already subscribed", "")
        conn.tell(answer | {"success": True, "result": _result(params, self._facts, symbol)})
        assert sub is not None
        self._start(conn, sub, channel, symbol, params, now_ns)

    def has(self, conn: int, channel: str) -> bool:
        return self._subs.has(conn, (channel, ""))

    def busy(self, conn: int) -> bool:
        """Whether the connection has a subscription, so that it gets heartbeats."""
        return bool(self._subs.keys(conn))

    def _start(
        self, conn: sim.Conn, sub: sim.Sub, channel: str, symbol: str, params: Mapping[str, Any], now_ns: int
    ) -> None:
        whole = params.get("snapshot", channel != "trade")
        if channel == "book":
            sub.depth = sim.SimDepth(self._exchange.books[symbol], params.get("depth", 10))
            if whole:
                self._book(sub, symbol, "snapshot", sub.depth.bids, sub.depth.asks, now_ns)
            sub.timer = self._timers.every(_EVERY_NS, lambda now: self._delta(sub, symbol, now), now_ns)
        elif channel == "trade" and whole:
            newest = sorted(self._exchange.trades[symbol].newest, key=lambda one: one.id)[-50:]
            self._push(sub, "trade", "snapshot", [self._print(one) for one in newest], now_ns)
        elif channel == "instrument" and whole:
            pairs = self._exchange.listed
            assets = dict.fromkeys(name for one in self._exchange.pairs.values() for name in (one.base, one.quote))
            self._rules(sub, "snapshot", pairs, list(assets), now_ns)
        elif channel == "executions" and params.get("snap_orders", True):
            assert conn.account is not None
            rows = []
            for order in self._exchange.open_orders(conn.account.name):
                row = wire.whole_report(self._facts, order)
                rows.append(row | {"exec_type": "new", "order_status": "partially_filled" if order.cum else "new"})
            self._numbered(sub, "executions", "snapshot", rows, now_ns)
        elif channel == "balances":
            assert conn.account is not None
            self._wallets(sub, conn.account.name, whole, now_ns)

    def report(self, report: sim.Report, now_ns: int) -> None:
        """Tell a change to who subscribed it."""
        told = {sim.TradeReport: self._trade, sim.InstrumentReport: self._instrument, sim.OrderReport: self._order}
        tell: Any = (told | {sim.BalanceReport: self._balance}).get(type(report))
        if tell is not None:
            tell(report, now_ns)

    # --- public -----------------------------------------------------------------------------------------------------

    def _instrument(self, report: sim.InstrumentReport, now_ns: int) -> None:
        for sub in self._subs.of(("instrument", "")):
            self._rules(sub, "update", [report.symbol], [], now_ns)

    def _trade(self, report: sim.TradeReport, now_ns: int) -> None:
        for sub in self._subs.of(("trade", report.symbol)):
            self._push(sub, "trade", "update", [self._print(report)], now_ns, "trades", report.symbol)

    def _print(self, report: sim.TradeReport) -> dict[str, Any]:
        return wire.numbered(wire.PRINT.of(self._facts.trade(report), trade_id=report.id))

    def _rules(self, sub: sim.Sub, kind: str, pairs: list[str], assets: list[str], now_ns: int) -> None:
        rows = [wire.rules_row(self._facts, symbol) for symbol in pairs]
        known = {"precision": 10, "precision_display": 5, "borrowable": False, "collateral_value": 1.0}
        states = [{"id": name, "status": "enabled", **known, "margin_rate": 0.02} for name in assets]
        self._push(sub, "instrument", kind, {"assets": states, "pairs": rows}, now_ns)

    def _delta(self, sub: sim.Sub, symbol: str, now_ns: int) -> None:
        """Book: changed levels. Those that were pushed out of the depth by better ones are not deleted."""
        assert sub.depth is not None
        change = sub.depth.step()
        if change is None:
            return
        bids, asks = (
            [(px, lots) for px, lots in side if lots or not _outside(px, published, sub.depth.levels)]
            for side, published in ((change[2], sub.depth.bids), (change[3], sub.depth.asks))
        )
        if bids or asks:
            self._book(sub, symbol, "update", bids, asks, now_ns)

    def _book(self, sub: sim.Sub, symbol: str, kind: str, bids: sim.Levels, asks: sim.Levels, now_ns: int) -> None:
        assert sub.depth is not None
        pair = self._exchange.pairs[symbol]
        sides = {"bids": wire.side(pair, bids), "asks": wire.side(pair, asks)}
        checked = wire.checksum(pair, sub.depth.bids, sub.depth.asks)
        row = {"symbol": self._facts.native(symbol), **sides, "checksum": checked, "timestamp": wire.iso(now_ns)}
        self._push(sub, "book", kind, [row], now_ns, "book", symbol)

    # --- private ----------------------------------------------------------------------------------------------------

    def _order(self, report: sim.OrderReport, now_ns: int) -> None:
        for sub in self._subs.of(("executions", report.order.account)):
            for row in wire.reports(self._facts, report):
                self._numbered(sub, "executions", "update", [row], now_ns)

    def _balance(self, report: sim.BalanceReport, now_ns: int) -> None:
        """Balances: an entry of the account's ledger for each asset; what an order locks is none."""
        for asset, free, locked in report.balances:
            key, total = (report.account, asset), free + locked
            before = self._totals.get(key)
            self._totals[key] = total
            for sub in self._subs.of(("balances", report.account)):
                if before is None or before == total:
                    continue
                amounts = {"amount": self._facts.amount(total - before), "balance": self._facts.amount(total)}
                known = amounts | {"asset": asset, "timestamp": wire.iso(report.ns)}
                row = wire.ENTRY.of(known, ledger_id=f"L{report.seq}-{asset}", ref_id=f"T{report.seq}")
                self._numbered(sub, "balances", "update", [wire.numbered(row)], now_ns)

    def _wallets(self, sub: sim.Sub, account: str, whole: bool, now_ns: int) -> None:
        rows = []
        for asset, free, locked in self._exchange.balances(account):
            self._totals[account, asset] = free + locked
            total = wire.number(self._facts.amount(free + locked))
            wallet = {"type": "spot", "id": "main", "balance": total}
            rows.append({"asset": asset, "asset_class": "currency", "balance": total, "wallets": [wallet]})
        if whole:
            self._numbered(sub, "balances", "snapshot", rows, now_ns)

    def _numbered(self, sub: sim.Sub, channel: str, kind: str, rows: list[dict[str, Any]], now_ns: int) -> None:
        """``sequence``: "The subscription message sequence number"."""
        sub.last = (sub.last or 0) + 1
        self._push(sub, channel, kind, rows, now_ns, "user", sequence=sub.last)

    def _push(
        self,
        sub: sim.Sub,
        channel: str,
        kind: str,
        data: Any,
        now_ns: int,
        fault: str = "control",
        symbol: str = "",
        **more: Any,
    ) -> None:
        conn = self._conns[sub.conn]
        conn.alive_ns = sub.sent_ns = now_ns
        conn.tell({"channel": channel, "type": kind, "data": data, **more}, fault, symbol)


def _result(params: Mapping[str, Any], facts: sim.Facts, symbol: str) -> dict[str, Any]:
    """What is subscribed now."""
    shown = ("channel", "depth", "snapshot", "snap_orders", "snap_trades", "event_trigger")
    row = {name: params[name] for name in shown if name in params}
    if params["channel"] == "executions":
        row["maxratecount"] = 60
    return row | ({"symbol": facts.native(symbol)} if symbol else {})


def _outside(px: int, published: sim.Levels, depth: int) -> bool:
    """Whether a price is worse than all levels of a full window (``published``: best first)."""
    if len(published) < depth:
        return False
    best, worst = published[0][0], published[-1][0]
    return px < worst if best > worst else px > worst
