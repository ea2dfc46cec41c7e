"""Crypto.com's calls for the dialect, by method: the same over REST and on the user socket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from arbkit import sim
from arbkit.core.types import Side, Tif

from . import dialect_wire as wire

__all__ = ["BASE", "Calls"]

BASE: Final = "/exchange/v1/"
_WEEK: Final = 7 * 86_400 * wire.S
_TIFS: Final = {name: Tif[tif] for tif, name in wire.TIFS.items()}


class Calls:
    """The calls of one exchange. A handler returns the reply's ``result``; None = there is none."""

    def __init__(self, facts: sim.Facts) -> None:
        self._exchange = facts.exchange
        self._facts = facts
        tenth = 100 * wire.MS
        public: dict[str, Callable[[sim.SimCall], Any]] = {
            "get-instruments": lambda call: {"data": [wire.symbol_row(facts, one) for one in self._exchange.listed]},
            "get-book": self._book,
            "get-tickers": self._tickers,
            "get-trades": self._trades,
        }
        private: dict[str, tuple[Callable[[sim.SimCall], Any], int, int]] = {
            "create-order": (self._place, 15, tenth),
            "cancel-order": (self._cancel, 15, tenth),
            "cancel-all-orders": (self._cancel_all, 15, tenth),
            "get-open-orders": (lambda call: self._orders(call, closed=False), 3, tenth),
            "user-balance": (self._balance, 3, tenth),
            "get-fee-rate": (self._rates, 3, tenth),
            "get-instrument-fee-rate": (self._rate, 3, tenth),
            "get-currency-networks": (self._networks, 3, tenth),
            "get-order-detail": (self._order, 30, tenth),
            "get-order-history": (lambda call: self._orders(call, closed=True), 1, wire.S),
            "get-trades": (self._fills, 1, wire.S),
        }
        # "Rate Limits": public calls by address and method, private ones by key and method, on both ways
        self.table = {f"public/{name}": sim.Route(call, limit=sim.Window(100, wire.S)) for name, call in public.items()}
        self.table |= {
            f"private/{name}": sim.Route(call, limit=sim.Window(most, time_ns), signed=True)
            for name, (call, most, time_ns) in private.items()
        }
        self.on_socket = [
            f"private/{name}" for name in private if name not in ("get-order-detail", "get-order-history", "get-trades")
        ]

    def run(self, method: str, call: sim.SimCall) -> Any:
        """Raises ``Problem`` for the venue's errors."""
        route = self.table[method]
        assert route.limit is not None
        key = call.account.name if call.account else "ip"
        if not route.limit.add(key, 1, call.now_ns):
            raise wire.problem(42901, "TOO_MANY_REQUESTS")
        try:
            return route.handler(call)
        except sim.Refused as error:
            raise wire.refused(error) from None

    # --- market -----------------------------------------------------------------------------------------------------

    def _some(self, call: sim.SimCall) -> str:
        return call.symbol("instrument_name") if call.text("instrument_name") else ""

    def _book(self, call: sim.SimCall) -> dict[str, Any]:
        """At most 150 levels, and no number that could join it to the stream."""
        symbol, depth = call.symbol("instrument_name"), min(call.integer("depth") or 150, 150)
        row = wire.levels(call.facts, symbol, *self._exchange.books[symbol].depth(depth))
        return {"instrument_name": call.facts.native(symbol), "depth": depth, "data": [row | {"t": call.now}]}

    def _tickers(self, call: sim.SimCall) -> dict[str, Any]:
        symbols = [call.symbol("instrument_name")] if call.text("instrument_name") else self._exchange.listed
        return {"data": [wire.ticker_row(call.facts, symbol, call.now_ns) for symbol in symbols]}

    def _trades(self, call: sim.SimCall) -> dict[str, Any]:
        """The newest first."""
        newest = self._exchange.trades[call.symbol("instrument_name")].newest
        rows, _ = sim.page(newest, lambda one: one.id, min(call.integer("count") or 25, 150))
        return {"data": [wire.TRADE.of(call.facts.trade(one)) for one in rows]}

    # --- orders -----------------------------------------------------------------------------------------------------

    def _place(self, call: sim.SimCall) -> dict[str, Any]:
        """Accepted, not final: what becomes of it is told by user.order."""
        symbol, side = call.symbol("instrument_name"), Side(call.choice("side", ("BUY", "SELL")).lower())
        kind = call.choice("type", ("LIMIT", "MARKET"))
        tif = call.choice("time_in_force", _TIFS, wire.TIFS["GTC"])
        flags = call.params.get("exec_inst") or []
        if not isinstance(flags, list) or not set(flags) <= {"POST_ONLY"}:
            raise wire.problem(219, "INVALID_EXECINST")
        if flags and (kind != "LIMIT" or _TIFS[tif] is not Tif.GTC):
            raise wire.problem(221, "INVALID_TIF")
        call.choice("spot_margin", ("SPOT",), "SPOT")
        stp = wire.STP[call.choice("stp_inst", wire.STP)] if call.text("stp_inst") else "none"
        amount: dict[str, Any] = {}
        if kind == "MARKET" and side is Side.BUY and call.text("notional"):
            amount["quote_qty"] = call.decimal("notional")
        else:
            amount["qty"] = call.decimal("quantity")
        if kind == "LIMIT":
            amount["px"] = call.decimal("price")
        placed = self._exchange.place(
            *(call.owner, symbol, side),
            now_ns=call.now_ns,
            kind="limit" if kind == "LIMIT" else "market",
            tif=_TIFS[tif] if kind == "LIMIT" else Tif.IOC,
            post_only=bool(flags),
            cl_ord_id=call.match("client_oid", wire.ID) or f"{call.now}{self._exchange.accepted}",
            stp=stp,
            **amount,
        )
        return {"client_oid": placed.cl_ord_id, "order_id": str(placed.id)}

    def _find(self, call: sim.SimCall) -> sim.SimOrder | None:
        """By ``order_id`` or ``client_oid``."""
        if call.text("order_id"):
            return self._exchange.find(call.owner, order_id=call.integer("order_id"))
        return self._exchange.find(call.owner, cl_ord_id=call.need("client_oid"))

    def _cancel(self, call: sim.SimCall) -> dict[str, Any]:
        order = self._find(call)
        if order is None:
            raise wire.problem(212, "INVALID_ORDERID")
        self._exchange.cancel(call.owner, order.symbol, now_ns=call.now_ns, order_id=order.id)
        return {"client_oid": order.cl_ord_id, "order_id": str(order.id)}

    def _cancel_all(self, call: sim.SimCall) -> None:
        call.choice("type", ("LIMIT", "ALL"), "ALL")
        self._exchange.cancel_all(call.owner, self._some(call), now_ns=call.now_ns)

    def _order(self, call: sim.SimCall) -> dict[str, Any]:
        order = self._find(call)
        if order is None:
            raise wire.problem(40401, "NOT_FOUND")
        return wire.order_row(call.facts, order)

    def _span(self, call: sim.SimCall) -> tuple[int, int]:
        """``start_time`` is part of it and ``end_time`` is not; in ns, or in ms if they are short. A week at most."""
        until_ns = _ns(call.integer("end_time")) or call.now_ns + 1
        since_ns = _ns(call.integer("start_time")) or until_ns - _WEEK // 7
        if until_ns - since_ns > _WEEK:
            raise wire.problem(40004, "The time range is limited to 7 days")
        return since_ns, until_ns

    def _orders(self, call: sim.SimCall, *, closed: bool) -> dict[str, Any]:
        """The open ones at once, the newest of the closed ones by time."""
        since_ns, until_ns = self._span(call) if closed else (0, call.now_ns + 1)
        found = [
            order
            for order in self._exchange.orders_of(call.owner, self._some(call))
            if order.status.terminal is closed and since_ns <= order.ns < until_ns
        ]
        rows, _ = sim.page(found, lambda order: order.id, call.limit(100, 100) if closed else 1000)
        return {"data": [wire.order_row(call.facts, order) for order in rows]}

    def _fills(self, call: sim.SimCall) -> dict[str, Any]:
        """The newest before ``end_time``."""
        since_ns, until_ns = self._span(call)
        found = self._exchange.fills_of(call.owner, self._some(call), 0, since_ns)
        rows, _ = sim.page([one for one in found if one.ns < until_ns], lambda one: one.id, call.limit(100, 100))
        return {"data": [wire.fill_row(call.facts, fill) for fill in rows]}

    # --- account ----------------------------------------------------------------------------------------------------

    def _balance(self, call: sim.SimCall) -> dict[str, Any]:
        rows = [row for row in self._exchange.balances(call.owner) if row[1] or row[2]]
        return {"data": [wire.wallet_row(call.facts, rows)]}

    def _rates(self, call: sim.SimCall) -> dict[str, Any]:
        maker, taker = (wire.bps(str(rate)) for rate in self._exchange.rates(call.owner))
        tiers = {"spot_tier": "1", "deriv_tier": "1"}
        own = {"effective_spot_maker_rate_bps": maker, "effective_spot_taker_rate_bps": taker}
        return tiers | own | {"effective_deriv_maker_rate_bps": "1.5", "effective_deriv_taker_rate_bps": "3.8"}

    def _rate(self, call: sim.SimCall) -> dict[str, Any]:
        symbol = call.symbol("instrument_name")
        rates = call.facts.rates(call.owner, symbol)
        own = {f"effective_{side}_rate_bps": wire.bps(rates[side]) for side in ("maker", "taker")}
        return {"instrument_name": call.facts.native(symbol)} | own

    def _networks(self, call: sim.SimCall) -> dict[str, Any]:
        pairs = self._exchange.pairs.values()
        assets = dict.fromkeys(asset for pair in pairs for asset in (pair.base, pair.quote))
        return {"currency_map": {asset: wire.network_row(call.facts, asset) for asset in assets}}


def _ns(time: int) -> int:
    return time * wire.MS if 0 < time < 10**15 else time
