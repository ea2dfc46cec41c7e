"""Kraken's REST calls for the dialect (docs.kraken.com/api/docs/rest-api)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any, Final

from arbkit import sim

from . import dialect_wire as wire
from .dialect_orders import Counter, Orders

__all__ = ["PERMISSIONS", "Calls"]

PERMISSIONS: Final = (
    *("query-funds", "query-open-trades", "query-closed-trades", "modify-trades", "close-trades", "query-ledger"),
    "create-ws-token",
)
_TOKEN_NS: Final = 900 * wire.S
_PAGE: Final = 50


class Calls:
    """The calls of one exchange. A handler returns ``result``."""

    def __init__(self, facts: sim.Facts, orders: Orders) -> None:
        self._exchange = facts.exchange
        self._orders = orders
        self._tokens: dict[str, tuple[sim.Account, int]] = {}
        # "Spot REST Rate Limits", Intermediate: by key, 20, less 0.5 a second
        self._counter = Counter(20, 0.5)
        self.public: dict[str, Callable[[sim.SimCall], Any]] = {
            "Time": lambda call: {"unixtime": call.now_ns // wire.S, "rfc1123": wire.iso(call.now_ns)},
            "SystemStatus": lambda call: {"status": "online", "timestamp": wire.iso(call.now_ns // wire.S * wire.S)},
            "Assets": self._assets,
            "AssetPairs": self._pairs,
            "Ticker": self._ticker,
            "Depth": self._depth,
        }
        self.private: dict[str, tuple[Callable[[sim.SimCall], Any], int, str]] = {
            "BalanceEx": (self._balances, 1, "query-funds"),
            "Balance": (self._totals, 1, "query-funds"),
            "TradeVolume": (self._volume, 1, "query-funds"),
            "OpenOrders": (self._open, 1, "query-open-trades"),
            "ClosedOrders": (self._closed, 1, "query-closed-trades"),
            "QueryOrders": (self._query, 1, "query-closed-trades"),
            "TradesHistory": (self._history, 4, "query-closed-trades"),
            "GetWebSocketsToken": (self._token, 1, "create-ws-token"),
            "GetApiKeyInfo": (self._key, 1, ""),
            "AddOrder": (self._add, 0, ""),  # its permission is checked with the order
            "CancelOrder": (self._cancel, 0, ""),
            "CancelAll": (lambda call: {"count": orders.cancel_all(call)}, 1, ""),
        }
        """Handler, what it adds to the counter, and the permission that it needs."""

    def admit(self, call: sim.SimCall, cost: int, permission: str) -> None:
        assert call.account is not None
        has = call.account.settings.get("permissions", PERMISSIONS)
        sim.refuse(bool(permission) and permission not in has, "EGeneral:Permission denied", permission)
        fits = not cost or self._counter.add(call.account.key, cost, call.now_ns)
        sim.refuse(not fits, "EAPI:Rate limit exceeded", "")

    # --- market -----------------------------------------------------------------------------------------------------

    def _listed(self, call: sim.SimCall) -> list[str]:
        """The pairs that the call names, by any of their names; all if it names none."""
        given = [name for name in call.text("pair").split(",") if name]
        if given:
            return [self._orders.named(name) for name in given]
        return self._exchange.listed

    def _keyed(self, symbols: Iterable[str], row: Callable[[str], Any]) -> dict[str, Any]:
        """Rows by the REST ids of their pairs."""
        return {wire.pair_names(self._exchange.pairs[symbol])[0]: row(symbol) for symbol in symbols}

    def _one(self, call: sim.SimCall) -> str:
        return self._orders.named(call.need("pair"))

    def _pairs(self, call: sim.SimCall) -> dict[str, Any]:
        return self._keyed(self._listed(call), lambda symbol: wire.pair_row(call.facts, symbol))

    def _assets(self, call: sim.SimCall) -> dict[str, Any]:
        rows = {}
        for asset in dict.fromkeys(name for pair in self._exchange.pairs.values() for name in (pair.base, pair.quote)):
            known = call.facts.asset(asset)
            states = {(True, True): "enabled", (True, False): "deposit_only", (False, True): "withdrawal_only"}
            status = states.get((known["deposit"], known["withdraw"]), "funding_temporarily_disabled")
            names = {"aclass": "currency", "altname": wire.alt(asset), "decimals": 10, "display_decimals": 5}
            rows[wire.rest_id(asset)] = {**names, "collateral_value": 1.0, "status": status}
        return rows

    def _ticker(self, call: sim.SimCall) -> dict[str, Any]:
        def row(symbol: str) -> dict[str, Any]:
            day = call.facts.day(symbol, call.now_ns)
            twice = {name: [day[fact], day[fact]] for name, fact in (("v", "qty"), ("p", "average"))}
            twice |= {name: [day[fact], day[fact]] for name, fact in (("l", "low"), ("h", "high"))}
            best = {name: [day[fact], "1", day[f"{fact}_qty"]] for name, fact in (("a", "ask"), ("b", "bid"))}
            count = {"t": [day["count"], day["count"]], "o": day["open"]}
            return {**best, "c": [day["last"], day["last_qty"]], **twice, **count}

        return self._keyed(self._listed(call), row)

    def _depth(self, call: sim.SimCall) -> dict[str, Any]:
        """Get Order Book: at most 500 levels; ``[price, volume, unix time]``."""
        symbol, count = self._one(call), call.integer("count", 100)
        if not 1 <= count <= 500:
            raise wire.wrong("count", "invalid")
        at, sides = call.now_ns // wire.S, self._exchange.books[symbol].depth(count)
        rows = [[[px, qty, at] for px, qty in call.facts.levels(symbol, side)] for side in sides]
        return self._keyed([symbol], lambda _: {"asks": rows[1], "bids": rows[0]})

    # --- orders -----------------------------------------------------------------------------------------------------

    def _add(self, call: sim.SimCall) -> dict[str, Any]:
        order = self._orders.rest(call)
        if order is None:
            return {"descr": {"order": f"{call.text('type')} {call.text('volume')} {call.text('pair')}"}}
        words = wire.order_row(call.facts, order)["descr"]["order"]
        return {"descr": {"order": words}, "txid": [str(order.id)]}

    def _cancel(self, call: sim.SimCall) -> dict[str, Any]:
        self._orders.cancel(call, call.text("txid"), call.text("cl_ord_id"))
        return {"count": 1}

    def _rows(self, call: sim.SimCall, terminal: bool) -> dict[str, Any]:
        """Newest first."""
        wanted = call.text("cl_ord_id")
        found = [
            order
            for order in reversed(self._exchange.orders_of(call.owner))
            if order.status.terminal is terminal and wanted in ("", order.cl_ord_id)
        ]
        return {str(order.id): wire.order_row(call.facts, order) for order in found}

    def _open(self, call: sim.SimCall) -> dict[str, Any]:
        return {"open": self._rows(call, False)}

    def _closed(self, call: sim.SimCall) -> dict[str, Any]:
        rows, at = self._rows(call, True), call.integer("ofs")
        return {"closed": dict(list(rows.items())[at : at + _PAGE]), "count": len(rows)}

    def _query(self, call: sim.SimCall) -> dict[str, Any]:
        given = call.need("txid").split(",")
        sim.refuse(len(given) > 50, "EGeneral:Invalid arguments", "")
        rows = {}
        for txid in given:
            number = int(txid) if txid.isascii() and txid.isdigit() else 0
            order = self._exchange.find(call.owner, order_id=number) if number else None
            rows[txid] = wire.order_row(call.facts, sim.found(order, "EOrder:Unknown order", txid))
        return rows

    def _history(self, call: sim.SimCall) -> dict[str, Any]:
        """50 trades, newest first. ``start`` is exclusive, ``end`` inclusive; each is a time or a trade's id."""
        fills = self._exchange.fills_of(call.owner)
        since, until = (self._time(fills, call.text(name)) for name in ("start", "end"))
        wanted = [fill for fill in reversed(fills) if since < fill.ns <= (until or fill.ns)]
        page = wanted[call.integer("ofs") :][:_PAGE]
        return {"trades": {str(fill.id): wire.trade_row(call.facts, fill) for fill in page}, "count": len(wanted)}

    def _time(self, fills: Iterable[sim.SimFill], given: str) -> int:
        number = int(given.partition(".")[0] or 0)
        return next((fill.ns for fill in fills if fill.id == number), number * wire.S)

    # --- account ----------------------------------------------------------------------------------------------------

    def _money(self, call: sim.SimCall) -> list[tuple[str, dict[str, Any]]]:
        owned = [call.facts.money(*row) for row in self._exchange.balances(call.owner)]
        return [(wire.rest_id(row["asset"]), row) for row in owned]

    def _balances(self, call: sim.SimCall) -> dict[str, Any]:
        none = {"credit": "0.0000", "credit_used": "0.0000"}
        return {name: {"balance": row["total"], **none, "hold_trade": row["locked"]} for name, row in self._money(call)}

    def _totals(self, call: sim.SimCall) -> dict[str, Any]:
        return {name: row["total"] for name, row in self._money(call)}

    def _volume(self, call: sim.SimCall) -> dict[str, Any]:
        """Get Trade Volume: rates in percent; none without ``pair``."""
        symbols = self._listed(call) if call.text("pair") else []
        sides: list[dict[str, Any]] = []
        for at in (1, 0):

            def row(symbol: str, at: int = at) -> dict[str, Any]:
                rate = f"{self._exchange.rates(call.owner, symbol)[at] * 100:f}"
                least = {"min_fee": "0.0500" if at else "0.0000", "max_fee": rate}
                return {"fee": rate, **least, "next_fee": None, "next_volume": None, "tier_volume": "0.0000"}

            sides.append(self._keyed(symbols, row))
        return {"currency": "ZUSD", "volume": "0.0000", "fees": sides[0], "fees_maker": sides[1]}

    def _token(self, call: sim.SimCall) -> dict[str, Any]:
        assert call.account is not None
        sim.refuse(self._exchange.strikes("login"), "EAPI:Invalid key", "")
        made = hashlib.sha256(f"{call.account.key} {len(self._tokens)} {call.now_ns}".encode()).hexdigest()
        self._tokens[made] = call.account, call.now_ns
        return {"token": made, "expires": _TOKEN_NS // wire.S}

    def holder(self, token: str, now_ns: int, kept: bool) -> sim.Account | None:
        """Whose token it is: used within 15 minutes, or kept alive by a subscription of the connection."""
        account, made_ns = self._tokens.get(token, (None, 0))
        return account if kept or now_ns - made_ns < _TOKEN_NS else None

    def _key(self, call: sim.SimCall) -> dict[str, Any]:
        assert call.account is not None
        times = dict.fromkeys(("validUntil", "queryFrom", "queryTo"), "0")
        times |= dict.fromkeys(("createdTime", "modifiedTime", "lastUsed"), str(call.now_ns // wire.S))
        key = sim.texts("apiKeyName:simulated iban:AA12") | {"apiKey": call.account.key, "nonce": call.text("nonce")}
        rights = {"permissions": list(PERMISSIONS), "ipAllowlist": ["127.0.0.1"], "nonceWindow": 0}
        return call.settled(key | rights | times)
