"""HTX's REST calls for the dialect, by method and path (spot v1 and v2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from arbkit import sim

from . import dialect_wire as wire

__all__ = ["ACCOUNTS", "Calls"]

_T = TypeVar("_T")
_DAY: Final = 86_400 * wire.S
ACCOUNTS: Final = 10_000_000
"""Added to a user's number it gives that of the spot account."""
_PLACED: Final = "account-id symbol type amount price source client-order-id self-match-prevent stop-price operator"
_UNKNOWN: Final = ("base-record-invalid", "record invalid")


class Calls:
    """The calls of one exchange. A handler returns the reply's ``data``."""

    def __init__(self, facts: sim.Facts) -> None:
        self._exchange = facts.exchange
        self._facts = facts
        other = sim.Window(120, 3 * wire.S)
        market = sim.Window(800, wire.S)
        shared: dict[str, tuple[Callable[[sim.SimCall], Any], sim.Window]] = {
            "v1/common/timestamp": (lambda call: call.now, other),
            "v1/common/symbols": (self._pairs(wire.old_symbol_row), other),
            "v1/settings/common/market-symbols": (self._pairs(wire.symbol_row), other),
            "v2/reference/currencies": (self._currencies, other),
            "v2/market-status": (lambda call: {"marketStatus": 1}, other),
            "market/depth": (self._depth, market),
            "market/detail/merged": (lambda call: wire.ticker(call.facts, self._symbol(call)), market),
        }
        own: dict[str, tuple[Callable[[sim.SimCall], Any], int]] = {
            "GET v1/account/accounts": (self._accounts, 100),
            "GET v2/reference/transact-fee-rate": (self._rates, 50),
            "POST v1/order/orders/place": (self._place, 100),
            "POST v1/order/orders/submitCancelClientOrder": (self._cancel_client, 100),
            "POST v1/order/orders/batchCancelOpenOrders": (self._cancel_open, 50),
            "GET v1/order/orders/getClientOrder": (self._by_client, 50),
            "GET v1/order/openOrders": (self._open, 50),
            "GET v1/order/history": (self._history, 20),
            "GET v1/order/orders": (self._history, 50),
            "GET v1/order/matchresults": (self._fills, 20),
        }
        table = {f"GET {path}": sim.Route(call, limit=limit, by="ip") for path, (call, limit) in shared.items()}
        for path, (call, most) in own.items():
            table[path] = sim.Route(call, limit=sim.Window(most, 2 * wire.S), signed=True)
        self._routes = sim.routes("/", table)
        numbered: dict[tuple[str, str, str], tuple[Callable[[sim.SimCall], Any], int]] = {
            ("GET", "/v1/account/accounts/", "/balance"): (self._balance, 100),
            ("POST", "/v1/order/orders/", "/submitcancel"): (self._cancel, 100),
            ("GET", "/v1/order/orders/", "/matchresults"): (self._order_fills, 50),
            ("GET", "/v1/order/orders/", ""): (self._order, 50),
        }
        self._numbered = [
            (*key, sim.Route(call, limit=sim.Window(most, 2 * wire.S), signed=True))
            for key, (call, most) in numbered.items()
        ]

    def route(self, method: str, path: str) -> tuple[sim.Route | None, str]:
        """The call of a path, and the number in the path."""
        if (known := self._routes.get((method, path))) is not None:
            return known, ""
        for each, head, tail, route in self._numbered:
            number = path[len(head) : len(path) - len(tail)]
            if method == each and path.startswith(head) and path.endswith(tail) and number.isdecimal():
                return route, number
        return None, ""

    # --- market -----------------------------------------------------------------------------------------------------

    def _symbol(self, call: sim.SimCall) -> str:
        known = self._facts.symbols.get(call.need("symbol"))
        return sim.found(known, "invalid-parameter", "invalid symbol")

    def _asked(self, call: sim.SimCall) -> str:
        """The symbol if there is one."""
        return self._symbol(call) if call.text("symbol") else ""

    def _pairs(self, row: Callable[[sim.Facts, str], dict[str, Any]]) -> Callable[[sim.SimCall], Any]:
        exchange = self._exchange
        return lambda call: [row(call.facts, symbol) for symbol in exchange.listed]

    def _currencies(self, call: sim.SimCall) -> list[dict[str, Any]]:
        known = {asset: None for pair in self._exchange.pairs.values() for asset in (pair.base, pair.quote)}
        wanted = call.text("currency").upper()
        return [wire.currency_row(call.facts, asset) for asset in known if wanted in ("", asset)]

    def _depth(self, call: sim.SimCall) -> dict[str, Any]:
        """``type`` step0 only: the other steps merge levels."""
        symbol = self._symbol(call)
        call.choice("type", ("step0",))
        book = self._exchange.books[symbol]
        bids, asks = (wire.levels(call.facts, symbol, side) for side in book.depth(call.integer("depth") or 150))
        return {"ts": call.now, "version": book.seq, "bids": bids, "asks": asks}

    # --- orders -----------------------------------------------------------------------------------------------------

    def account(self, call: sim.SimCall) -> int:
        assert call.account is not None
        return ACCOUNTS + call.account.uid

    def _own(self, call: sim.SimCall) -> None:
        """``account-id`` is that of the caller's spot account."""
        known = str(call.params.get("account-id", "")) == str(self.account(call))
        sim.refuse(not known, "account-get-accounts-inexistent-error", "account for id does not exist")

    def _place(self, call: sim.SimCall) -> str:
        strange = set(call.params).difference(_PLACED.split())
        sim.refuse(bool(strange), "validation-format-error", f"unknown parameter: {', '.join(sorted(strange))}")
        may_trade = call.settled({"trade": True})["trade"]
        sim.refuse(not may_trade, "api-not-support-temp-addr", "API key has no permission")
        self._own(call)
        symbol, name = self._symbol(call), call.match("client-order-id", wire.ID)
        try:
            side, word = wire.side_of(call.need("type"))
            tif, post_only = wire.KINDS[word]
        except (ValueError, KeyError):
            raise wire.wrong("type", "invalid") from None
        spent = word == "market" and side.value == "buy"  # its amount is in the quote asset
        amounts: dict[str, Any] = {"quote_qty" if spent else "qty": call.decimal("amount")}
        if word != "market":
            amounts["px"] = call.decimal("price")
        order = self._exchange.place(
            call.owner,
            symbol,
            side,
            now_ns=call.now_ns,
            kind="market" if word == "market" else "limit",
            tif=tif,
            post_only=post_only,
            cl_ord_id=name or f"sim{self._exchange.accepted}",
            **amounts,
        )
        return str(order.id)

    def _find(self, call: sim.SimCall) -> sim.SimOrder:
        order = self._exchange.find(call.owner, order_id=int(call.need("number")))
        return sim.found(order, *_UNKNOWN)

    def _cancel(self, call: sim.SimCall) -> str:
        """Accepted, not final. What matches at once or not at all cannot be cancelled."""
        order = self._exchange.orders.get(int(call.need("number")))
        if order is None or order.account != call.owner:
            raise sim.Problem(*_UNKNOWN)
        self._exchange.cancel(call.owner, order.symbol, now_ns=call.now_ns, order_id=order.id)
        return str(order.id)

    def _cancel_client(self, call: sim.SimCall) -> int:
        """The answer is a state: 0 = not found, -1 = ended long ago, 10 = being cancelled."""
        order = self._exchange.find(call.owner, cl_ord_id=call.need("client-order-id"))
        if order is None or order.status.terminal:
            return 0 if order is None else -1
        self._exchange.cancel(call.owner, order.symbol, now_ns=call.now_ns, order_id=order.id)
        return 10

    def _cancel_open(self, call: sim.SimCall) -> dict[str, int]:
        """The oldest orders of some symbols, at most 100; ``next-id`` is -1 when none is left."""
        if "account-id" in call.params:
            self._own(call)
        names = call.text("symbol").split(",") if call.text("symbol") else []
        wanted = [sim.found(self._facts.symbols.get(name), "invalid-parameter", "invalid symbol") for name in names]
        found = [one for one in self._exchange.open_orders(call.owner) if not wanted or one.symbol in wanted]
        size = min(call.item({"size": str(call.params.get("size", ""))}).integer("size") or 100, 100)
        for order in found[:size]:
            self._exchange.cancel(call.owner, order.symbol, now_ns=call.now_ns, order_id=order.id)
        left = found[size:]
        return {"success-count": len(found[:size]), "failed-count": 0, "next-id": left[0].id if left else -1}

    def _order(self, call: sim.SimCall) -> dict[str, Any]:
        return wire.order_row(call.facts, self._find(call), self.account(call))

    def _by_client(self, call: sim.SimCall) -> dict[str, Any]:
        """Open orders of eight hours, finished ones of two."""
        order = self._exchange.find(call.owner, cl_ord_id=call.need("clientOrderId"))
        hours = 2 if order is None or order.status.terminal else 8
        if order is None or call.now_ns - order.ns > hours * _DAY // 24:
            raise sim.Problem(*_UNKNOWN)
        return wire.order_row(call.facts, order, self.account(call))

    def _open(self, call: sim.SimCall) -> list[dict[str, Any]]:
        """Account and symbol are given both or not at all."""
        symbol = self._asked(call)
        if symbol or call.text("account-id"):
            self._own(call)
        found = self._exchange.open_orders(call.owner, symbol)
        number = self.account(call)
        rows = _page(call, found, lambda order: order.id, 500)
        return [wire.order_row(call.facts, order, number, listed=True) for order in rows]

    def _history(self, call: sim.SimCall) -> list[dict[str, Any]]:
        """Orders that have ended, of the last two days."""
        found = [
            order
            for order in self._exchange.orders_of(call.owner, self._asked(call))
            if order.status.terminal and order.ns > call.now_ns - 2 * _DAY
        ]
        number = self.account(call)
        return [wire.order_row(call.facts, one, number) for one in _page(call, found, lambda order: order.id, 1000)]

    def _order_fills(self, call: sim.SimCall) -> list[dict[str, Any]]:
        return [wire.fill_row(call.facts, fill) for fill in self._find(call).fills]

    def _fills(self, call: sim.SimCall) -> list[dict[str, Any]]:
        """A window of two days, which ends now if nothing else is said."""
        until_ns = call.integer("end-time") * wire.MS or call.now_ns
        since_ns = max(call.integer("start-time") * wire.MS, until_ns - 2 * _DAY)
        made = self._exchange.fills_of(call.owner, self._asked(call), since_ns=since_ns)
        rows = _page(call, [fill for fill in made if fill.ns <= until_ns], lambda fill: fill.id, 500)
        return [wire.fill_row(call.facts, fill) for fill in rows]

    # --- account ----------------------------------------------------------------------------------------------------

    def _accounts(self, call: sim.SimCall) -> list[dict[str, Any]]:
        state = call.settled({"state": "working"})
        return [
            {"id": self.account(call), "type": "spot", "subtype": "", **state},
            {"id": self.account(call) + 1_000_000, "type": "otc", "subtype": "", "state": "working"},
        ]

    def _balance(self, call: sim.SimCall) -> dict[str, Any]:
        self._own(call.item({"account-id": call.need("number")}))
        rows = [one for row in self._exchange.balances(call.owner) for one in wire.money_rows(call.facts, row)]
        return {"id": self.account(call), "type": "spot", "state": "working", "list": rows}

    def _rates(self, call: sim.SimCall) -> list[dict[str, Any]]:
        """At most ten symbols."""
        names = call.need("symbols").split(",")
        sim.refuse(len(names) > 10, "2002", "invalid field value in `symbols`")
        found = []
        for name in names:
            symbol = sim.found(self._facts.symbols.get(name), "2002", "invalid field value in `symbols`")
            rates = call.facts.rates(call.owner, symbol)
            sides = {"makerFeeRate": rates["maker"], "takerFeeRate": rates["taker"]}
            found.append(
                {"symbol": name, **sides, "actualMakerRate": rates["maker"], "actualTakerRate": rates["taker"]}
            )
        return found


def _page(call: sim.SimCall, rows: Sequence[_T], key: Callable[[_T], int], most: int) -> list[_T]:
    """Newest first, from the id ``from``, which is part of the page."""
    begin, size = call.integer("from"), min(call.integer("size") or 100, most)
    sim.refuse(bool(begin) and not call.text("direct"), "validation-constraints-required", "direct")
    return sim.page(rows, key, size, begin + 1 if begin else 0)[0]
