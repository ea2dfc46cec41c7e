"""KuCoin's REST calls for the dialect, by method and path (Classic account, HF)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from arbkit import sim
from arbkit.core.types import Side, Tif

from . import dialect_wire as wire

__all__ = ["Calls"]

_S: Final = 1_000_000_000
_DAY: Final = 86_400 * _S
_TIFS: Final = {"GTC": Tif.GTC, "IOC": Tif.IOC, "FOK": Tif.FOK}
_KEY: Final = sim.texts("remark:arbkit permission:General,Spot ipWhitelist:127.0.0.1")
_NAMED: Final = re.compile(r"(/api/v1/hf/orders/(?:sync/)?)(client-order/)?([0-9A-Za-z_\-]+)", re.ASCII)
_FIXED: Final = ("active", "done", "multi", "sync", "test", "cancelAll")
_DUMMY: Final = {"timestamp": 0, "items": []}


class Calls:
    """The calls of one exchange. A handler returns the reply's ``data``."""

    def __init__(self, facts: sim.Facts, token: Callable[[sim.SimCall], dict[str, Any]]) -> None:
        self._exchange = facts.exchange
        self._facts = facts
        spot, management, public = (sim.Window(most, 30 * _S) for most in (4000, 2000, 2000))
        orders = "v1/hf/orders"
        # method, path: handler, weight, budget
        public_calls: dict[str, tuple[Callable[[sim.SimCall], Any], int]] = {
            "GET v1/timestamp": (lambda call: call.now, 3),
            "GET v1/status": (lambda call: {"status": "open", "msg": ""}, 3),
            "GET v2/symbols": (self._symbols, 4),
            "GET v3/currencies": (self._coins, 3),
            "GET v1/market/allTickers": (self._tickers, 15),
            "GET v1/market/stats": (self._stats, 15),
            "GET v1/market/orderbook/level2_100": (lambda call: self._book(call, 100), 4),
            "GET v1/market/orderbook/level2_20": (lambda call: self._book(call, 20), 2),
            "POST v1/bullet-public": (token, 10),
        }
        private_calls: dict[str, tuple[Callable[[sim.SimCall], Any], int]] = {
            f"POST {orders}": (self._place, 1),
            f"POST {orders}/sync": (self._place_sync, 1),
            f"DELETE {orders}": (self._cancel_symbol, 2),
            f"DELETE {orders}/one": (self._cancel, 1),
            f"GET {orders}/one": (self._order, 2),
            f"GET {orders}/active": (self._open, 2),
            f"GET {orders}/active/symbols": (self._open_symbols, 2),
            f"GET {orders}/done": (self._done, 2),
            "GET v1/hf/fills": (self._fills, 2),
            "POST v1/bullet-private": (token, 10),
            "GET v1/trade-fees": (self._fees, 3),
            "GET v3/market/orderbook/level2": (lambda call: self._book(call, 1000), 3),
        }
        managed_calls: dict[str, tuple[Callable[[sim.SimCall], Any], int]] = {
            "GET v1/accounts": (self._accounts, 5),
            "GET v1/user/api-key": (self._key, 20),
            "GET ua/v1/account/mode": (lambda call: call.settled({"selfAccountMode": "CLASSIC"}), 60),
            "GET v1/hf/accounts/opened": (lambda call: True, 2),
            "GET v3/margin/symbols": (lambda call: _DUMMY, 3),
            "GET v1/isolated/symbols": (lambda call: [], 20),
        }
        table = {path: sim.Route(call, cost, public, by="ip") for path, (call, cost) in public_calls.items()}
        for window, calls in ((spot, private_calls), (management, managed_calls)):
            table |= {path: sim.Route(call, cost, window, signed=True) for path, (call, cost) in calls.items()}
        self._routes = sim.routes("/api/", table)

    def route(self, method: str, path: str) -> tuple[sim.Route | None, dict[str, str]]:
        """The call, and the parameters that stand in its path."""
        named = _NAMED.fullmatch(path)
        if named is None or (named[2] is None and named[3] in _FIXED):
            return self._routes.get((method, path)), {}
        params = {"clientOid" if named[2] else "orderId": named[3], "sync": "1" if named[1].endswith("sync/") else ""}
        return self._routes.get((method, "/api/v1/hf/orders/one")), params

    # --- market -----------------------------------------------------------------------------------------------------

    def _symbols(self, call: sim.SimCall) -> list[dict[str, Any]]:
        return [wire.symbol_row(call.facts, symbol) for symbol in self._exchange.listed]

    def _coins(self, call: sim.SimCall) -> list[dict[str, Any]]:
        pairs = self._exchange.pairs.values()
        found = dict.fromkeys(asset for pair in pairs for asset in (pair.base, pair.quote))
        return [wire.coin_row(call.facts, asset) for asset in found]

    def _tickers(self, call: sim.SimCall) -> dict[str, Any]:
        return {"time": call.now, "ticker": [wire.ticker_row(call.facts, symbol) for symbol in self._exchange.listed]}

    def _stats(self, call: sim.SimCall) -> dict[str, Any]:
        """One pair of 24 hours."""
        row = wire.ticker_row(call.facts, call.symbol())
        return {"time": call.now} | {name: row[name] for name in row if name not in wire.LISTED}

    def _book(self, call: sim.SimCall, levels: int) -> dict[str, Any]:
        """Nothing for an unknown pair."""
        symbol = call.symbol()
        book = self._exchange.books[symbol]
        bids, asks = (call.facts.levels(symbol, side) for side in book.depth(levels))
        return {"time": call.now, "sequence": str(book.seq), "bids": bids, "asks": asks}

    # --- orders -----------------------------------------------------------------------------------------------------

    def _may_trade(self, call: sim.SimCall) -> None:
        rights = call.settled(dict(_KEY))["permission"].split(",")
        sim.refuse("Spot" not in rights, "400007", "Access denied, require more permission.")

    def _placed(self, call: sim.SimCall) -> sim.SimOrder:
        self._may_trade(call)
        symbol = call.symbol()
        side, kind = Side(call.choice("side", ("buy", "sell"))), call.choice("type", ("limit", "market"), "limit")
        tif = call.choice("timeInForce", tuple(_TIFS), "GTC") if kind == "limit" else "IOC"
        name, mode = call.match("clientOid", wire.ID), call.choice("stp", tuple(wire.STP), "")
        post_only = call.params.get("postOnly") is True
        sim.refuse(post_only and tif != "GTC", "400100", "postOnly is invalid with this timeInForce")
        order: dict[str, Any] = {"px": call.decimal("price")} if kind == "limit" else {}
        if kind == "market" and call.text("funds"):
            order["quote_qty"] = call.decimal("funds")
        else:
            order["qty"] = call.decimal("size")
        sent_ms, window_ms = (_whole(call, field) for field in ("clientTimestamp", "allowMaxTimeWindow"))
        return self._exchange.place(
            *(call.owner, symbol, side),
            tif=_TIFS[tif],
            post_only=post_only,
            kind="market" if kind == "market" else "limit",
            stp=wire.STP[mode],
            cl_ord_id=name or f"sim{self._exchange.accepted}",
            expire_ns=(sent_ms + window_ms) * wire.MS if sent_ms and window_ms else 0,
            now_ns=call.now_ns,
            **order,
        )

    def _place(self, call: sim.SimCall) -> dict[str, Any]:
        placed = self._placed(call)
        return {"orderId": str(placed.id), "clientOid": placed.cl_ord_id}

    def _place_sync(self, call: sim.SimCall) -> dict[str, Any]:
        return wire.outcome(call.facts, self._placed(call))

    def _which(self, call: sim.SimCall) -> dict[str, Any]:
        """By the venue's id or by the client's."""
        name = call.text("orderId")
        sim.refuse(bool(name) and not name.isdecimal(), "400100", "order_not_exist_or_not_allow_to_cancel")
        return {"order_id": int(name)} if name else {"cl_ord_id": call.text("clientOid")}

    def _cancel(self, call: sim.SimCall) -> dict[str, Any]:
        """Accepted, not final; the ``sync`` form waits for the end."""
        self._may_trade(call)
        order = self._exchange.cancel(call.owner, call.symbol(), now_ns=call.now_ns, **self._which(call))
        if call.text("sync"):
            return wire.outcome(call.facts, order)
        return {"clientOid": order.cl_ord_id} if call.text("clientOid") else {"orderId": str(order.id)}

    def _cancel_symbol(self, call: sim.SimCall) -> str:
        self._may_trade(call)
        self._exchange.cancel_all(call.owner, call.symbol(), now_ns=call.now_ns)
        return "success"

    def _order(self, call: sim.SimCall) -> dict[str, Any] | None:
        """``null`` for an order that is not known."""
        order = self._exchange.find(call.owner, symbol=call.symbol(), **self._which(call))
        return None if order is None else wire.order_row(call.facts, order)

    def _orders(self, call: sim.SimCall, *, closed: bool) -> list[sim.SimOrder]:
        symbol = call.symbol()
        return [one for one in self._exchange.orders_of(call.owner, symbol) if one.status.terminal is closed]

    def _open(self, call: sim.SimCall) -> list[dict[str, Any]] | None:
        """All of a pair on one page; ``null`` without one."""
        return [wire.order_row(call.facts, one) for one in self._orders(call, closed=False)][::-1] or None

    def _open_symbols(self, call: sim.SimCall) -> dict[str, Any] | None:
        found = [one.symbol for one in self._exchange.orders_of(call.owner) if not one.status.terminal]
        names = [call.facts.native(symbol) for symbol in dict.fromkeys(found)]
        return {"symbols": names} if names else None

    def _done(self, call: sim.SimCall) -> dict[str, Any]:
        """Newest first, of the last seven days."""
        early = [one for one in self._orders(call, closed=True) if one.ns >= call.now_ns - 7 * _DAY]
        rows, _ = sim.page(early, lambda one: one.id, call.limit(20, 100), call.integer("lastId"))
        return {"lastId": rows[-1].id if rows else 0, "items": [wire.order_row(call.facts, one) for one in rows]}

    def _fills(self, call: sim.SimCall) -> dict[str, Any]:
        """Newest first, of the last seven days; ``lastId`` is the id of the last row."""
        symbol, name = call.symbol(), call.text("orderId")
        since_ns = max(call.integer("startAt") * wire.MS, call.now_ns - 7 * _DAY)
        until_ns = call.integer("endAt") * wire.MS or call.now_ns
        found = self._exchange.fills_of(call.owner, symbol, int(name) if name.isdecimal() else 0, since_ns)
        rows, _ = sim.page(
            [fill for fill in found if fill.ns <= until_ns],
            lambda fill: fill.id,
            call.limit(20, 100),
            call.integer("lastId"),
        )
        return {"items": [wire.fill_row(call.facts, fill) for fill in rows], "lastId": rows[-1].id if rows else 0}

    # --- account ----------------------------------------------------------------------------------------------------

    def _accounts(self, call: sim.SimCall) -> list[dict[str, Any]]:
        """The trading account has all the money; the others have none."""
        kind = call.choice("type", ("main", "trade", "trade_hf", "margin"), "trade")
        mine = kind in ("trade", "trade_hf")
        rows = self._exchange.balances(call.owner) if mine else []
        return [wire.money_row(call.facts, row, kind) for row in rows if call.text("currency") in ("", row[0])]

    def _key(self, call: sim.SimCall) -> dict[str, Any]:
        assert call.account is not None
        more: dict[str, Any] = {"apiKey": call.account.key, "apiVersion": 3, "isMaster": True}
        return call.settled({**_KEY}) | more | {"uid": call.account.uid, "createdAt": 1_600_000_000_000}

    def _fees(self, call: sim.SimCall) -> list[dict[str, Any]]:
        names = call.need("symbols").split(",")
        sim.refuse(len(names) > 10, "400100", "symbols is invalid")
        rows = []
        for name in names:
            if name not in self._facts.symbols:
                raise sim.Refused("symbol")
            rates = call.facts.rates(call.owner, self._facts.symbols[name])
            rows.append({"symbol": name, "takerFeeRate": rates["taker"], "makerFeeRate": rates["maker"]})
        return rows


def _whole(call: sim.SimCall, name: str) -> int:
    """A JSON number."""
    value = call.params.get(name, 0)
    sim.refuse(type(value) is not int or value < 0, "400100", f"{name} is invalid")
    return int(value)
