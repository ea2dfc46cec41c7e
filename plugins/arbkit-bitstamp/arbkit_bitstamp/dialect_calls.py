"""Bitstamp's REST calls for the dialect, by method and path. Each path ends with a slash."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from arbkit import sim
from arbkit.core.types import Side, Tif

from . import dialect_wire as wire

__all__ = ["Calls"]

_CACHE_NS: Final = wire.S
"""The server in front answers a book with the same URL out of its cache for so long."""
_TOKEN_NS: Final = 60 * wire.S
_TIFS: Final = {"ioc_order": Tif.IOC, "fok_order": Tif.FOK, "moc_order": Tif.GTC, "": Tif.GTC}
_YES: Final = ("True", "true")


class Calls:
    """The calls of one exchange. A handler returns the reply's body; ``stamp`` is the time of a book's last change, in
    microseconds."""

    def __init__(self, facts: sim.Facts, stamp: Callable[[str, int], int]) -> None:
        self._exchange = facts.exchange
        self._stamp = stamp
        self._cached: dict[str, tuple[int, Any]] = {}
        self._tokens: dict[str, tuple[str, int]] = {}
        public = {
            "markets/": self._markets,
            "ticker/{pair}/": lambda call: wire.ticker_row(facts, self._symbol(call), call.now_ns),
            "order_book/{pair}/": self._book,
            "transactions/{pair}/": self._trades,
            "currencies/": self._currencies,
            "eur_usd/": lambda call: {"sell": "1.08", "buy": "1.09"},
        }
        private = {
            "account_balances/": self._balances,
            "account_balances/{asset}/": self._balances,
            "fees/trading/": self._fees,
            "fees/trading/{pair}/": lambda call: self._fees(call)[0],
            "websockets_token/": self._token,
            "order_status/": self._status,
            "open_orders/all/": self._open,
            "open_orders/{pair}/": self._open,
            "user_transactions/": self._fills,
            "user_transactions/{pair}/": self._fills,
        }
        trade = {
            "{side}/{pair}/": self._limit,
            "{side}/market/{pair}/": self._market,
            "{side}/instant/{pair}/": self._instant,
            "cancel_order/": self._cancel,
            "cancel_all_orders/": self._cancel_all,
            "cancel_all_orders/{pair}/": self._cancel_all,
        }
        self._routes = {f"GET {path}": sim.Route(handler) for path, handler in public.items()}
        for trades, table in ((False, private), (True, trade)):
            for path, handler in table.items():
                self._routes[f"POST {path}"] = sim.Route(handler, signed=True, trade=trades)

    def route(self, method: str, path: str) -> tuple[sim.Route, dict[str, str]]:
        """The call of a path, which is not case-sensitive, and the parameters that stand in it. Exact names go before
        names that stand for something; ``buy`` and ``sell`` are the sides."""
        parts = path.lower().removeprefix("/api/v2/").split("/")
        for pattern in sorted(self._routes, key=lambda key: key.count("{")):
            verb, _, rest = pattern.partition(" ")
            names = rest.split("/")
            if verb != method or len(names) != len(parts):
                continue
            pairs = list(zip(names, parts, strict=True))
            if all(name == part or (part and name.startswith("{")) for name, part in pairs):
                found = {name.strip("{}"): part for name, part in pairs if name.startswith("{")}
                if found.get("side", "buy") in ("buy", "sell"):
                    return self._routes[pattern], found
        raise sim.Problem("404.001", "Not found.", 404)

    def holder(self, token: str, now_ns: int) -> sim.Account | None:
        """The account of a token, as long as it is valid."""
        name, until_ns = self._tokens.get(token, ("", 0))
        return self._exchange.accounts.get(name) if now_ns < until_ns else None

    def _symbol(self, call: sim.SimCall) -> str:
        """The pair that the path names."""
        symbol = call.facts.symbols.get(call.need("pair"), "")
        if self._exchange.halted.get(symbol) == sim.DELISTED or not symbol:
            raise wire.problem(sim.Refused("symbol"), None)
        return symbol

    # --- market -----------------------------------------------------------------------------------------------------

    def _markets(self, call: sim.SimCall) -> list[dict[str, Any]]:
        listed = self._exchange.listed
        return [wire.market_row(call.facts, symbol) for symbol in listed]

    def _book(self, call: sim.SimCall) -> dict[str, Any]:
        """The whole book. The same URL gives the same answer for a second."""
        key = str(sorted(call.params.items()))
        at_ns, held = self._cached.get(key, (0, None))
        if held is not None and call.now_ns - at_ns < _CACHE_NS:
            answer: dict[str, Any] = held
            return answer
        symbol = self._symbol(call)
        bids, asks = (call.facts.levels(symbol, side) for side in self._exchange.books[symbol].depth(1 << 20))
        us = self._stamp(symbol, call.now_ns)
        made = {"timestamp": str(us // 1_000_000), "microtimestamp": str(us), "bids": bids, "asks": asks}
        self._cached = {one: old for one, old in self._cached.items() if call.now_ns - old[0] < _CACHE_NS}
        self._cached[key] = call.now_ns, made
        return made

    def _trades(self, call: sim.SimCall) -> list[dict[str, Any]]:
        """Public trades, the newest first."""
        return [wire.trade_row(call.facts, one) for one in reversed(self._exchange.trades[self._symbol(call)].newest)]

    def _currencies(self, call: sim.SimCall) -> list[dict[str, Any]]:
        assets = {asset for pair in self._exchange.pairs.values() for asset in (pair.base, pair.quote)}
        return [wire.currency_row(call.facts, asset) for asset in sorted(assets)]

    # --- account ----------------------------------------------------------------------------------------------------

    def _balances(self, call: sim.SimCall) -> Any:
        rows = [wire.balance_row(call.facts, *row) for row in self._exchange.balances(call.owner)]
        if wanted := call.text("asset"):
            return next((row for row in rows if row["currency"] == wanted), {})
        return rows

    def _fees(self, call: sim.SimCall) -> list[dict[str, Any]]:
        """In percent."""
        symbols = [self._symbol(call)] if call.text("pair") else list(self._exchange.pairs)
        rows = []
        for symbol in symbols:
            maker, taker = self._exchange.rates(call.owner, symbol)
            native = call.facts.native(symbol)
            fees = {"maker": f"{maker * 100:.5f}", "taker": f"{taker * 100:.5f}"}
            rows.append({"currency_pair": native, "market": native, "fees": fees})
        return rows

    def _token(self, call: sim.SimCall) -> dict[str, Any]:
        assert call.account is not None
        sim.refuse(self._exchange.strikes("login"), "API0001", "API key not found", 403)
        token = f"tk{len(self._tokens):08d}{call.account.uid}"
        self._tokens[token] = call.owner, call.now_ns + _TOKEN_NS
        return {"valid_sec": _TOKEN_NS // wire.S, "token": token, "user_id": call.account.uid}

    def _fills(self, call: sim.SimCall) -> list[dict[str, Any]]:
        """Newest first, or by ``sort``; a page by ``offset`` and ``limit``."""
        symbol = self._symbol(call) if call.text("pair") else ""
        fills = self._exchange.fills_of(call.owner, symbol, since_ns=call.integer("since_timestamp") * wire.S)
        if call.choice("sort", ("asc", "desc"), "desc") == "desc":
            fills = fills[::-1]
        offset, limit = call.integer("offset"), call.integer("limit", 100)
        if not 1 <= limit <= 1000:
            raise wire.wrong("limit", "invalid")
        return [wire.fill_row(call.facts, fill) for fill in fills[offset : offset + limit]]

    # --- orders -----------------------------------------------------------------------------------------------------

    def _limit(self, call: sim.SimCall) -> dict[str, Any]:
        """At most one of the flags for the time in force."""
        flags = [name for name in _TIFS if name and call.text(name) in _YES]
        if len(flags) > 1:
            raise wire.wrong(flags[1], "invalid")
        flag = flags[0] if flags else ""
        given = {"qty": call.decimal("amount"), "px": call.decimal("price")}
        return self._place(call, tif=_TIFS[flag], post_only=flag == "moc_order", **given)

    def _market(self, call: sim.SimCall) -> dict[str, Any]:
        return self._place(call, kind="market", tif=Tif.IOC, qty=call.decimal("amount"))

    def _instant(self, call: sim.SimCall) -> dict[str, Any]:
        """A purchase has its amount in quote; so has a sale with ``amount_in_counter``."""
        quote = call.text("side") == "buy" or call.text("amount_in_counter") in _YES
        return self._place(
            call, kind="market", tif=Tif.IOC, **{"quote_qty" if quote else "qty": call.decimal("amount")}
        )

    def _place(self, call: sim.SimCall, **order: Any) -> dict[str, Any]:
        symbol = self._symbol(call)
        try:
            placed = self._exchange.place(
                call.owner,
                symbol,
                Side(call.text("side")),
                now_ns=call.now_ns,
                cl_ord_id=call.text("client_order_id"),
                **order,
            )
        except sim.Refused as refused:
            raise wire.problem(refused, self._exchange.pairs[symbol]) from None
        return wire.order_row(call.facts, placed)

    def _named(self, call: sim.SimCall) -> sim.SimOrder:
        """The order of ``id`` or ``client_order_id``."""
        number, name = call.integer("id"), call.text("client_order_id")
        if not number and not name:
            raise wire.wrong("id", "missing")
        order = self._exchange.find(call.owner, order_id=number, cl_ord_id=name)
        if order is None:
            raise wire.problem(sim.Refused("unknown_order"), None)
        return order

    def _status(self, call: sim.SimCall) -> dict[str, Any]:
        return wire.status_row(call.facts, self._named(call), fills=call.text("omit_transactions") not in _YES)

    def _open(self, call: sim.SimCall) -> list[dict[str, Any]]:
        symbol = self._symbol(call) if call.text("pair") else ""
        return [wire.open_row(call.facts, order) for order in self._exchange.open_orders(call.owner, symbol)]

    def _cancel(self, call: sim.SimCall) -> dict[str, Any]:
        order = self._named(call)
        try:
            self._exchange.cancel(call.owner, order.symbol, now_ns=call.now_ns, order_id=order.id)
        except sim.Refused as refused:
            raise wire.problem(refused, None) from None
        return wire.canceled_row(call.facts, order)

    def _cancel_all(self, call: sim.SimCall) -> dict[str, Any]:
        symbol = self._symbol(call) if call.text("pair") else ""
        ended = self._exchange.cancel_all(call.owner, symbol, now_ns=call.now_ns)
        return {"success": True, "canceled": [wire.canceled_row(call.facts, order) for order in ended]}
