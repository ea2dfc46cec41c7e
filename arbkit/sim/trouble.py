"""Performs the faults of one venue of a simulated world; ``World`` applies those of single frames and answers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from arbkit.core.types import Side, Tif
from arbkit.sim.faults import Fault, FaultKind
from arbkit.sim.market import Market
from arbkit.sim.pair import Pair, units
from arbkit.sim.site import Site
from arbkit.sim.timers import Timers
from arbkit.sim.venue import Lost, Refused, SimOrder
from arbkit.sim.wire import Reply

__all__ = ["ACCOUNT", "Trouble"]

ACCOUNT: Final = "main"
"""The client's account at each venue."""
_HALTED: Final = "HALT"
_EVENTS: Final[tuple[FaultKind, ...]] = ("ban", "maintenance", "late", "lag", "clock", "deposit", "withdraw", "fee")
_SYMBOLS: Final[tuple[FaultKind, ...]] = ("halt", "delist", "rules", "silent", "trade", "foreign", "restart", "ghost")
_TIMED: Final[tuple[FaultKind, ...]] = ("skip", "throttle", "delay", "blind", "close", "mute", *_EVENTS, *_SYMBOLS)
"""The kinds that ``tick`` fires."""
_HTML: Final = b"<html><head><title>502 Bad Gateway</title></head><body><center>nginx</center></body></html>\r\n"


class Trouble:
    """The faults of one venue that depend on time, on a request, or on an order."""

    def __init__(
        self, site: Site, market: Market, timers: Timers, now_ns: Callable[[], int], cut: Callable[[int], None]
    ) -> None:
        """``cut``: ends a connection without a closing handshake."""
        self._site = site
        self._market = market
        self._timers = timers
        self._now_ns = now_ns
        self._cut = cut
        self.due_ns = 0
        """When the next of the timed faults is armed."""

    def heal(self) -> None:
        """End everything, also what is in progress."""
        site = self._site
        site.faults.disarm()
        site.muted.clear()
        site.silent.clear()
        site.blind_ns = site.banned = site.down = site.skew_ns = site.exchange.limited_until_ns = site.lag_ns = 0
        site.late = (0, 0, 0.0)
        site.exchange.on_arrival = site.exchange.on_match = None
        site.exchange.on_hold = site.exchange.on_fault = None
        for symbol, book in site.exchange.books.items():
            book.ghost = None
            self.resume(symbol)

    def broken(self, fault: Fault, now_ns: int) -> Reply:
        """The answer of the fault ``status``."""
        match fault.body:
            case "busy":
                return self._site.dialect.busy(now_ns)
            case "limited":
                return self._site.dialect.limited(now_ns, round(fault.for_s * 1e9))
            case "html":
                return Reply(fault.status, _HTML, {"content-type": "text/html"})
            case "json":
                return Reply(fault.status, b'{"error":"internal"}', {"content-type": "application/json"})

    def door(self, now_ns: int) -> Reply | None:
        """The reply to everything during a maintenance or a ban."""
        if now_ns < self._site.down:
            return Reply(503, _HTML, {"content-type": "text/html"})
        return self._site.dialect.banned(now_ns, self._site.banned - now_ns) if now_ns < self._site.banned else None

    def accepted(self, before: int, now_ns: int) -> None:
        """A call may have placed an order: halt its symbol, if a fault says so."""
        if self._site.exchange.accepted > before and self._site.faults.has("halt"):
            symbol = next(reversed(self._site.exchange.orders.values())).symbol
            if fault := self._site.faults.take("halt", now_ns, symbol, on="reply"):
                self._halt(symbol, fault, now_ns)

    def _halt(self, symbol: str, fault: Fault, now_ns: int) -> None:
        self._site.exchange.halted[symbol] = _HALTED
        self._timers.at(now_ns + round(fault.for_s * 1e9), lambda now: self.resume(symbol))

    def resume(self, symbol: str) -> None:
        """End a halt that a fault began."""
        if self._site.exchange.halted.get(symbol) == _HALTED:
            del self._site.exchange.halted[symbol]

    def hook(self) -> None:
        """Let the exchange ask for the faults that its own actions meet."""
        exchange, faults = self._site.exchange, self._site.faults

        def hold(order: SimOrder) -> bool:
            fault = faults.take("reject", self._now_ns(), order.symbol)
            if fault is not None:
                due_ns = self._now_ns() + round(fault.for_s * 1e9)
                self._timers.at(due_ns, lambda now: exchange.reject(order, now))
            return fault is not None

        def strikes(kind: FaultKind, detail: str) -> bool:
            return faults.take(kind, self._now_ns(), detail=detail) is not None

        def arrival() -> None:
            if faults.take("lose_request", self._now_ns()):
                raise Lost

        def match(pair: Pair, buy: bool, px: int | None, lots: int) -> None:
            if not faults.has("partial"):
                return
            met = exchange.books[pair.symbol].makers(buy, px, lots)
            have = sum(qty for _, qty in met)
            if have < 2 or any(not exchange.accounts[resting.owner].synthetic for resting, _ in met):
                return
            fault = faults.take("partial", self._now_ns(), pair.symbol)
            if fault is None:
                return
            keep = min(have - 1, max(1, int(have * fault.fraction)))
            # Remove everything that the order could match beyond ``keep``, on all levels.
            reach = exchange.books[pair.symbol].makers(buy, px, 1 << 62)
            for resting, _ in reach:
                stay = min(keep, resting.qty)
                keep -= stay
                if resting.qty > stay and exchange.accounts[resting.owner].synthetic:
                    exchange.pull(pair, resting, resting.qty - stay)

        if faults.has("lose_request"):
            exchange.on_arrival = arrival
        if faults.has("partial"):
            exchange.on_match = match
        if faults.has("reject"):
            exchange.on_hold = hold
        if faults.has("login") or faults.has("refuse") or faults.has("overrun"):
            exchange.on_fault = strikes

    def tick(self, now_ns: int) -> None:
        """Fire the faults that depend on time only."""
        if now_ns < self.due_ns:
            return
        faults, exchange = self._site.faults, self._site.exchange
        if faults.has("skip"):
            for symbol, book in exchange.books.items():
                if book.feeds and faults.take("skip", now_ns, symbol):
                    book.skip()
        if faults.has("throttle") and (fault := faults.take("throttle", now_ns)):
            exchange.limited_until_ns = now_ns + round(fault.for_s * 1e9)
        if faults.has("delay") and (fault := faults.take("delay", now_ns)):
            self._site.held = now_ns + round(fault.for_s * 1e9)
        if faults.has("blind") and (fault := faults.take("blind", now_ns)):
            self._site.blind_ns = round(fault.for_s * 1e9)
        for kind in _EVENTS:
            if faults.has(kind) and (fault := faults.take(kind, now_ns)):
                self._event(fault, now_ns)
        for kind in _SYMBOLS:
            for symbol in exchange.pairs if faults.has(kind) else ():
                if fault := faults.take(kind, now_ns, symbol):
                    self._change(symbol, fault, now_ns)
        if faults.has("close") or faults.has("mute"):
            for conn, kinds in list(self._site.conns.items()):
                for on in ("any", *sorted(kinds)):
                    if fault := faults.take("mute", now_ns, detail=f"conn {conn}", on=on):
                        self._site.muted[conn] = (now_ns + round(fault.for_s * 1e9), on)
                    if faults.take("close", now_ns, detail=f"conn {conn}", on=on):
                        self._cut(conn)
                        break
        self.due_ns = faults.due_ns(*_TIMED)

    def _event(self, fault: Fault, now_ns: int) -> None:
        """A fault of a whole venue."""
        exchange, until_ns = self._site.exchange, now_ns + round(fault.for_s * 1e9)
        match fault.kind:
            case "ban":
                self._site.banned = until_ns
            case "maintenance":
                self._site.down = until_ns
                for conn in list(self._site.conns):
                    self._cut(conn)
                move = fault.amount
                self._timers.at(until_ns, lambda now: self._market.shock(exchange.name, move, now, 10 * 10**9))
            case "late":
                self._site.late, self._site.late_ns = (now_ns, until_ns, fault.fraction), now_ns
            case "lag":
                self._site.lag_ns, self._site.late_ns = round(fault.amount * 1e9), now_ns
                self._timers.at(until_ns, lambda now: setattr(self._site, "lag_ns", 0))
            case "clock":
                self._site.skew_ns += round(fault.amount * 1e9)
            case "deposit":
                exchange.deposit(ACCOUNT, fault.asset, Decimal(str(fault.amount)), now_ns)
            case "withdraw":
                amount = Decimal(str(fault.amount))
                if exchange.ledger.free(ACCOUNT, fault.asset) >= units(amount):
                    exchange.deposit(ACCOUNT, fault.asset, -amount, now_ns)
            case "fee":
                exchange.accounts[ACCOUNT].fee_asset = fault.asset
                if fault.amount:
                    exchange.charge(ACCOUNT, Decimal(str(fault.amount)))

    def _change(self, symbol: str, fault: Fault, now_ns: int) -> None:
        """A fault of one symbol."""
        exchange, until_ns = self._site.exchange, now_ns + round(fault.for_s * 1e9)
        match fault.kind:
            case "halt":
                self._halt(symbol, fault, now_ns)
            case "delist":
                exchange.delist(symbol, now_ns)
            case "rules":
                pair = exchange.pairs[symbol]
                exchange.pairs[symbol] = replace(
                    pair, px_step=10 * pair.px_step, qty_step=10 * pair.qty_step, min_qty=10 * pair.min_qty
                )
            case "silent":
                self._site.silent[symbol] = until_ns
            case "trade":
                amount = Decimal(str(fault.amount or 100))
                order: dict[str, Any] = {"quote_qty": amount, "kind": "market", "tif": Tif.IOC}
                with suppress(Refused, Lost):
                    exchange.place(ACCOUNT, symbol, Side.BUY, now_ns=now_ns, **order)
            case "foreign":
                self._foreign(symbol, Decimal(str(fault.amount or 100)), until_ns, now_ns)
            case "restart":
                exchange.books[symbol].restart()
            case "ghost":
                book = exchange.books[symbol]
                book.ghost = (True, book.top()[0])
                self._timers.at(until_ns, lambda now: setattr(book, "ghost", None))

    def _foreign(self, symbol: str, amount: Decimal, until_ns: int, now_ns: int) -> None:
        """An order of another program on the client's account."""
        exchange = self._site.exchange
        pair, bid = exchange.pairs[symbol], exchange.books[symbol].top()[0]
        px, step = bid // pair.px_step * pair.px_step * pair.tick, pair.qty_step * pair.lot
        qty = amount / px // step * step
        cl_ord_id = f"other{exchange.accepted}"
        with suppress(Refused, Lost):
            exchange.place(ACCOUNT, symbol, Side.BUY, now_ns=now_ns, qty=qty, px=px, cl_ord_id=cl_ord_id)

        def cancel(now: int) -> None:
            with suppress(Refused):
                exchange.cancel(ACCOUNT, symbol, now_ns=now, cl_ord_id=cl_ord_id)

        self._timers.at(until_ns, cancel)
