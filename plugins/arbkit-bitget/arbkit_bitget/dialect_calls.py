"""Bitget's REST calls for the dialect, by method and path (v2 spot, classic account)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from arbkit import sim
from arbkit.core.types import Side, Tif

from . import dialect_wire as wire

__all__ = ["Calls"]

_S: Final = 1_000_000_000
_HOUR: Final = 3600 * _S
_FORCES: Final = {"gtc": Tif.GTC, "post_only": Tif.GTC, "ioc": Tif.IOC, "fok": Tif.FOK}
_INFO: Final = {
    **sim.texts("inviterId: ips:127.0.0.1 traderType:not_trader channelCode: channel: regisTime:1600000000000"),
    "authorities": ["stor", "stow"],
    "parentId": 1,
}
_T = TypeVar("_T")


class Calls:
    """The calls of one exchange. A handler returns the reply's ``data``."""

    def __init__(self, facts: sim.Facts) -> None:
        self._exchange = facts.exchange
        self._facts = facts
        self.balance_ns: dict[tuple[str, str], int] = {}
        """(account, asset) -> when its balance last changed."""
        self._canceled: dict[int, int] = {}
        """Order id -> when its cancel was last asked for."""
        spot = "v2/spot/"
        public: list[tuple[str, Callable[[sim.SimCall], Any], int]] = [
            ("GET v2/public/time", lambda call: {"serverTime": call.now}, 20),
            (f"GET {spot}public/symbols", self._symbols, 20),
            (f"GET {spot}public/coins", self._coins, 3),
            ("GET v2/margin/currencies", lambda call: [], 10),
            (f"GET {spot}market/tickers", self._tickers, 20),
            (f"GET {spot}market/orderbook", self._book, 20),
            (f"GET {spot}market/fills", self._trades, 10),
            (f"GET {spot}market/candles", self._candles, 20),
        ]
        private: list[tuple[str, Callable[[sim.SimCall], Any], int]] = [
            (f"POST {spot}trade/place-order", self._place, 10),
            (f"POST {spot}trade/cancel-order", self._cancel, 10),
            (f"POST {spot}trade/cancel-symbol-order", self._cancel_symbol, 5),
            (f"GET {spot}trade/orderInfo", self._order, 20),
            (f"GET {spot}trade/unfilled-orders", self._open, 20),
            (f"GET {spot}trade/history-orders", self._history, 20),
            (f"GET {spot}trade/fills", self._fills, 10),
            (f"GET {spot}account/assets", self._assets, 10),
            (f"GET {spot}account/info", self._info, 1),
            (f"GET {spot}account/deduct-info", self._deduct, 5),
            ("GET v2/common/trade-rate", self._rate, 10),
            ("GET v3/account/settings", self._unified, 20),
        ]
        # each call has a limit of its own, by address or by user
        table = {path: sim.Route(call, limit=sim.Window(most, _S), by="ip") for path, call, most in public}
        table |= {path: sim.Route(call, limit=sim.Window(most, _S), signed=True) for path, call, most in private}
        self.routes = sim.routes("/api/", table)

    # --- market -----------------------------------------------------------------------------------------------------

    def _symbol(self, call: sim.SimCall) -> str:
        """The canonical symbol of the parameter ``symbol``."""
        known = self._facts.symbols.get(call.need("symbol").upper())
        if known is None:
            raise sim.Refused("symbol")
        return known

    def _some(self, call: sim.SimCall) -> list[str]:
        return [self._symbol(call)] if call.text("symbol") else self._exchange.listed

    def _symbols(self, call: sim.SimCall) -> list[dict[str, Any]]:
        return [wire.symbol_row(call.facts, symbol) for symbol in self._some(call)]

    def _coins(self, call: sim.SimCall) -> list[dict[str, Any]]:
        pairs = self._exchange.pairs.values()
        found = enumerate(dict.fromkeys(asset for pair in pairs for asset in (pair.base, pair.quote)), 1)
        return [wire.coin_row(call.facts, asset, number) for number, asset in found if call.text("coin") in ("", asset)]

    def _tickers(self, call: sim.SimCall) -> list[dict[str, Any]]:
        return [wire.ticker_row(call.facts, symbol, call.now_ns, "symbol") for symbol in self._some(call)]

    def _book(self, call: sim.SimCall) -> dict[str, Any]:
        """At most 150 levels, and no ``seq``. ``type`` other than step0 merges levels, which is not served."""
        symbol = self._symbol(call)
        call.choice("type", ("step0",), "step0")
        bids, asks = self._exchange.books[symbol].depth(call.limit(150, 150))
        return {
            "asks": call.facts.levels(symbol, asks),
            "bids": call.facts.levels(symbol, bids),
            "ts": call.now,
        }

    def _trades(self, call: sim.SimCall) -> list[dict[str, Any]]:
        """The newest first."""
        newest = self._exchange.trades[self._symbol(call)].newest
        rows, _ = sim.page(newest, lambda one: one.id, call.limit(100, 500))
        return [{"symbol": call.facts.native(one.symbol), **wire.TRADE.of(call.facts.trade(one))} for one in rows]

    def _candles(self, call: sim.SimCall) -> list[list[str]]:
        """The oldest first."""
        symbol, bar = self._symbol(call), call.choice("granularity", wire.BARS)
        since_ns, until_ns = (call.integer(name) * wire.MS for name in ("startTime", "endTime"))
        found = call.facts.candles(symbol, wire.BARS[bar], since_ns, call.now_ns, until_ns)
        return [wire.candle_row(one) for one in found][-call.limit(100, 1000) :]

    # --- orders -----------------------------------------------------------------------------------------------------

    def _may_trade(self, call: sim.SimCall) -> None:
        rights = call.settled(_INFO)["authorities"]
        sim.refuse(not {"stow", "trade"} & set(rights), "40014", "Incorrect permissions, need spot write", 403)

    def _place(self, call: sim.SimCall) -> dict[str, Any]:
        """``force`` is taken in capitals too, as some clients write it; of a market order it is ignored."""
        self._may_trade(call)
        symbol = self._symbol(call)
        side, kind = Side(call.choice("side", ("buy", "sell"))), call.choice("orderType", ("limit", "market"))
        force = call.text("force").lower() if kind == "limit" else "ioc"
        if force not in _FORCES:
            raise wire.wrong("force", "invalid" if force else "missing")
        name, mode, size = (
            call.match("clientOid", wire.ID),
            call.choice("stpMode", wire.STP, "none"),
            call.decimal("size"),
        )
        sim.refuse(len(name) > 50, "40304", "clientOid length cannot be greater than 50", 400)
        order: dict[str, Any] = {"qty": size}
        if kind == "limit":
            order["px"] = call.decimal("price")
        elif side is Side.BUY:
            order = {"quote_qty": size}
        placed = self._exchange.place(
            *(call.owner, symbol, side),
            tif=_FORCES[force],
            post_only=force == "post_only",
            kind="market" if kind == "market" else "limit",
            stp=wire.STP[mode],
            cl_ord_id=name or f"sim{self._exchange.accepted}",
            expire_ns=self._expires(call),
            now_ns=call.now_ns,
            **order,
        )
        return {"orderId": str(placed.id), "clientOid": placed.cl_ord_id}

    def _expires(self, call: sim.SimCall) -> int:
        """``requestTime`` and ``receiveWindow``: the order is valid only if it arrives within the window."""
        sent_ms, window_ms = call.integer("requestTime"), call.integer("receiveWindow")
        sim.refuse(window_ms >= 60_000, "40079", "receiveWindow must be less than 60s", 400)
        return (sent_ms + window_ms) * wire.MS if sent_ms and window_ms else 0

    def _find(self, call: sim.SimCall, symbol: str = "") -> sim.SimOrder | None:
        """By ``orderId`` or ``clientOid``; by ``orderId`` if both are given."""
        name = call.text("clientOid")
        if call.text("orderId"):
            return self._exchange.find(call.owner, order_id=call.integer("orderId"), symbol=symbol)
        sim.refuse(not name, "40924", "orderId and clientOid must have one", 400)
        return self._exchange.find(call.owner, cl_ord_id=name, symbol=symbol)

    def _cancel(self, call: sim.SimCall) -> dict[str, Any]:
        """Accepted, not final. The same order can be cancelled once a second."""
        self._may_trade(call)
        symbol = self._symbol(call)
        order = self._find(call, symbol)
        if order is None or order.status.terminal:
            raise sim.Refused("unknown_order")
        last_ns = self._canceled.get(order.id, -_S)
        sim.refuse(call.now_ns - last_ns < _S, "45129", "Cancel order is too frequent", 400)
        self._canceled[order.id] = call.now_ns
        self._exchange.cancel(call.owner, symbol, now_ns=call.now_ns, order_id=order.id)
        return {"orderId": str(order.id), "clientOid": order.cl_ord_id}

    def _cancel_symbol(self, call: sim.SimCall) -> dict[str, Any]:
        self._may_trade(call)
        symbol = self._symbol(call)
        self._exchange.cancel_all(call.owner, symbol, now_ns=call.now_ns)
        return {"symbol": call.facts.native(symbol)}

    def _order(self, call: sim.SimCall) -> list[dict[str, Any]]:
        """A list, empty if there is no such order; by ``clientOid`` only the orders of the last two hours."""
        order = self._find(call)
        early_ns = 0 if call.text("orderId") else call.now_ns - 2 * _HOUR
        return [] if order is None or order.ns < early_ns else [wire.order_row(call.facts, order)]

    def _some_orders(self, call: sim.SimCall, *, closed: bool) -> list[sim.SimOrder]:
        symbol = self._symbol(call) if call.text("symbol") else ""
        since_ns, until_ns = self._span(call)
        found = [
            order
            for order in self._exchange.orders_of(call.owner, symbol)
            if order.status.terminal is closed
            and since_ns <= order.ns <= until_ns
            and call.text("orderId") in ("", str(order.id))
        ]
        return _older(call, found, lambda order: order.id)

    def _span(self, call: sim.SimCall) -> tuple[int, int]:
        """``startTime`` and ``endTime``; the last 90 days are kept."""
        since_ns, until_ns = call.integer("startTime") * wire.MS, call.integer("endTime") * wire.MS or call.now_ns
        days = 90 * 24 * _HOUR
        sim.refuse(0 < since_ns < until_ns - days, "00001", "The interval cannot be greater than 90 days", 400)
        return max(since_ns, call.now_ns - days), until_ns

    def _open(self, call: sim.SimCall) -> list[dict[str, Any]]:
        return [wire.order_row(call.facts, order, listed=True) for order in self._some_orders(call, closed=False)]

    def _history(self, call: sim.SimCall) -> list[dict[str, Any]]:
        return [wire.order_row(call.facts, order) for order in self._some_orders(call, closed=True)]

    def _fills(self, call: sim.SimCall) -> list[dict[str, Any]]:
        symbol = self._symbol(call) if call.text("symbol") else ""
        since_ns, until_ns = self._span(call)
        found = self._exchange.fills_of(call.owner, symbol, call.integer("orderId"), since_ns)
        rows = _older(call, [fill for fill in found if fill.ns <= until_ns], lambda fill: fill.id)
        return [wire.fill_row(call.facts, fill, pushed=False) for fill in rows]

    # --- account ----------------------------------------------------------------------------------------------------

    def coins(self, facts: sim.Facts, owner: str, now_ns: int, only: str = "", *, every: bool = False) -> list[Any]:
        """The balances that are not zero, or of ``every`` coin."""
        rows = [row for row in self._exchange.balances(owner) if every or row[1] or row[2]]
        wanted = [row for row in rows if only.upper() in ("", row[0])]
        return [wire.money_row(facts, row, self.balance_ns.get((owner, row[0]), now_ns)) for row in wanted]

    def _assets(self, call: sim.SimCall) -> list[Any]:
        kind = call.choice("assetType", ("hold_only", "all"), "hold_only")
        return self.coins(call.facts, call.owner, call.now_ns, call.text("coin"), every=kind == "all")

    def _info(self, call: sim.SimCall) -> dict[str, Any]:
        assert call.account is not None
        return call.settled({"userId": str(call.account.uid), **_INFO})

    def _deduct(self, call: sim.SimCall) -> dict[str, Any]:
        return call.settled({"deduct": "off"})

    def _rate(self, call: sim.SimCall) -> dict[str, Any]:
        """``business``: so in the page's example, and so some clients write it."""
        name = "business" if call.text("business") else "businessType"
        call.choice(name, ("spot",))
        rates = call.facts.rates(call.owner, self._symbol(call))
        return {"makerFeeRate": rates["maker"], "takerFeeRate": rates["taker"]}

    def _unified(self, call: sim.SimCall) -> Any:
        raise sim.Problem("25245", "The account is not the unified account mode", 400)


def _older(call: sim.SimCall, rows: Sequence[_T], key: Callable[[_T], int]) -> list[_T]:
    """Newest first, at most 100; ``idLessThan`` = older than that id."""
    return sim.page(rows, key, call.limit(100, 100), call.integer("idLessThan"))[0]
