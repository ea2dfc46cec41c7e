"""Kraken's order entry for the dialect: the same orders over REST and WebSocket, and the trading rate counter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from arbkit import sim
from arbkit.core.types import Side, Tif

from . import dialect_wire as wire

__all__ = ["Counter", "Orders"]

_TIF: Final = {"gtc": Tif.GTC, "ioc": Tif.IOC, "fok": Tif.FOK}
_STP: Final[dict[str, sim.Stp]] = {"cancel_newest": "taker", "cancel_oldest": "maker", "cancel_both": "both"}
_STAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", re.ASCII)
_OFFSETS: Final = {"ws": wire.S // 2, "rest": 2 * wire.S}
"""``deadline``: the nearest that is valid."""
_DEFAULT_NS: Final = 5 * wire.S
_AGES: Final = ((5, 8), (10, 6), (15, 5), (45, 4), (90, 2), (300, 1))
"""Guide "spot-ratelimits": what a cancel adds, by the age of the order in seconds."""


_TOGETHER_NS: Final = 20 * wire.MS
"""Nobody has an answer sooner."""


class Counter:
    """A counter that goes down by ``decay`` each second. A request that would lift it over ``most`` is refused."""

    def __init__(self, most: float, decay: float) -> None:
        self._most = most
        self._decay = decay
        self._levels: dict[str, tuple[int, float]] = {}
        self._refused_ns = -_TOGETHER_NS
        self.refused = 0
        """How often it refused; requests that came together are one."""

    def add(self, key: str, cost: float, now_ns: int) -> bool:
        at_ns, level = self._levels.get(key, (now_ns, 0.0))
        level = max(0.0, level - (now_ns - at_ns) / wire.S * self._decay)
        fits = level + cost <= self._most
        self._levels[key] = now_ns, level + cost if fits else level
        if not fits:
            self.refused += now_ns - self._refused_ns >= _TOGETHER_NS
            self._refused_ns = now_ns
        return fits


class Orders:
    """Place and cancel."""

    def __init__(self, exchange: sim.SimExchange) -> None:
        self._exchange = exchange
        # "Spot Trading Limits": of the lowest tier; by client and pair, whatever the API
        self._counter = Counter(60, 1)
        self._names = {
            name: symbol for symbol, pair in exchange.pairs.items() for name in wire.pair_names(pair) if "/" not in name
        }

    def named(self, name: str) -> str:
        """The symbol of a REST name of a pair."""
        symbol = self._names.get(name, "")
        if not symbol or self._exchange.halted.get(symbol) == sim.DELISTED:
            raise sim.Problem("EQuery:Unknown asset pair", name)
        return symbol

    def rest(self, call: sim.SimCall) -> sim.SimOrder | None:
        """AddOrder; None if it was only to be validated."""
        flags = call.text("oflags").split(",")
        stp = call.choice("stptype", [name.replace("_", "-") for name in _STP], "cancel-newest").replace("-", "_")
        order: dict[str, Any] = {
            "symbol": self.named(call.need("pair")),
            "side": call.choice("type", ("buy", "sell")),
            "kind": call.choice("ordertype", ("limit", "market")),
            "tif": call.choice("timeinforce", [name.upper() for name in _TIF], "GTC").lower(),
            "post_only": "post" in flags,
            "cl_ord_id": call.match("cl_ord_id", wire.CL_ORD_ID),
            "expire_ns": self._deadline(call, "rest"),
            "stp": _STP[stp],
        }
        amount = call.decimal("volume")
        order |= {"quote_qty": amount} if "viqc" in flags else {"qty": amount}
        if order["kind"] == "limit":
            order["px"] = call.decimal("price")
        return self._place(call, order, call.text("validate") == "true")

    def message(self, call: sim.SimCall) -> sim.SimOrder | None:
        """add_order."""
        native = call.need("symbol")
        symbol = call.facts.symbols.get(native, "")
        if not symbol or self._exchange.halted.get(symbol) == sim.DELISTED:
            raise sim.Problem(f"Currency pair not supported {native}", "")
        order: dict[str, Any] = {
            "symbol": symbol,
            "side": call.choice("side", ("buy", "sell")),
            "kind": call.choice("order_type", ("limit", "market")),
            "tif": call.choice("time_in_force", _TIF, "gtc"),
            "post_only": call.params.get("post_only") is True,
            "cl_ord_id": call.match("cl_ord_id", wire.CL_ORD_ID),
            "expire_ns": self._deadline(call, "ws"),
            "stp": _STP[call.choice("stp_type", _STP, "cancel_newest")],
        }
        call.choice("fee_preference", ("base", "quote"), "quote")
        order |= {"quote_qty": call.decimal("cash_order_qty")} if call.text("cash_order_qty") else {}
        if "quote_qty" not in order:
            order["qty"] = call.decimal("order_qty")
        if order["kind"] == "limit":
            order["px"] = call.decimal("limit_price")
        return self._place(call, order, call.params.get("validate") is True)

    def _deadline(self, call: sim.SimCall, way: str) -> int:
        """``deadline``: from half a second (REST: two) to 60 seconds ahead; 5 by default."""
        text = call.match("deadline", _STAMP)
        if not text:
            return call.now_ns + _DEFAULT_NS
        at = datetime.fromisoformat(text).astimezone(UTC)
        at_ns = int(at.timestamp()) * wire.S + at.microsecond * 1000
        if not _OFFSETS[way] - wire.S // 5 <= at_ns - call.now_ns <= 60 * wire.S:  # it was under way for a while
            sim.refuse(at_ns <= call.now_ns, "EService:Deadline elapsed", "")
            raise wire.wrong("deadline", "invalid")
        return at_ns

    def _place(self, call: sim.SimCall, order: Mapping[str, Any], validate: bool) -> sim.SimOrder | None:
        self._may(call, "modify-trades")
        symbol, side = order["symbol"], Side(order["side"])
        self._count(call, symbol, 1)
        more = {name: order[name] for name in ("qty", "px", "quote_qty", "kind") if name in order}
        if validate:
            self._exchange.check(symbol, side, **more)
            return None
        return self._exchange.place(
            call.owner,
            symbol,
            side,
            now_ns=call.now_ns,
            tif=_TIF[order["tif"]],
            post_only=order["post_only"],
            cl_ord_id=order["cl_ord_id"],
            stp=order["stp"],
            expire_ns=order["expire_ns"],
            **more,
        )

    def cancel(self, call: sim.SimCall, order_id: str, cl_ord_id: str) -> sim.SimOrder:
        """An open order by one of its ids."""
        self._may(call, "modify-trades")
        number = int(order_id) if order_id.isascii() and order_id.isdigit() else 0
        sim.refuse(not (order_id or cl_ord_id), "EGeneral:Invalid arguments", "")
        open_orders = self._exchange.open_orders(call.owner)
        for order in open_orders:
            if order.id == number or (cl_ord_id and order.cl_ord_id == cl_ord_id):
                age_s = (call.now_ns - order.ns) / wire.S
                self._count(call, order.symbol, next((cost for below, cost in _AGES if age_s < below), 0))
                return self._exchange.cancel(call.owner, order.symbol, now_ns=call.now_ns, order_id=order.id)
        raise sim.Refused("unknown_order")

    def cancel_all(self, call: sim.SimCall) -> int:
        self._may(call, "modify-trades")
        return len(self._exchange.cancel_all(call.owner, now_ns=call.now_ns))

    def _may(self, call: sim.SimCall, permission: str) -> None:
        assert call.account is not None
        has = call.account.settings.get("permissions", (permission,))
        sim.refuse(permission not in has, "EGeneral:Permission denied", permission)

    def _count(self, call: sim.SimCall, symbol: str, cost: int) -> None:
        fits = self._counter.add(f"{call.owner}:{symbol}", cost, call.now_ns)
        sim.refuse(not fits, "EOrder:Rate limit exceeded", symbol)
