"""A simulated exchange's records as plain data. Tests and the demo compare arbkit's ledger with them."""

from __future__ import annotations

from typing import Any

from arbkit.sim.pair import Pair, text
from arbkit.sim.venue import SimExchange, SimOrder

__all__ = ["ledger", "orders"]


def ledger(exchange: SimExchange) -> dict[str, Any]:
    """Balances of all accounts as decimal text. ``conserved``: the sum of each asset equals the deposits."""
    accounts: dict[str, Any] = {}
    for account, asset, free, locked in exchange.ledger.rows():
        accounts.setdefault(account, {})[asset] = {"free": text(free), "locked": text(locked)}
    return {"conserved": exchange.ledger.conserved, "accounts": accounts}


def orders(exchange: SimExchange) -> list[dict[str, Any]]:
    """All orders that were accepted, oldest first, with their fills."""
    return [_order(exchange.pairs[order.symbol], order) for order in exchange.orders.values()]


def _order(pair: Pair, order: SimOrder) -> dict[str, Any]:
    return {
        "order_id": str(order.id),
        "cl_ord_id": order.cl_ord_id,
        "account": order.account,
        "symbol": order.symbol,
        "side": order.side.value,
        "kind": order.kind,
        "tif": order.tif.value,
        "px": pair.px_text(order.px),
        "qty": pair.qty_text(order.qty),
        "cum_qty": pair.qty_text(order.cum),
        "cum_quote": text(order.cum_quote),
        "status": order.status.value,
        "reason": order.reason,
        "ns": order.ns,
        "fills": [
            {
                "trade_id": str(fill.id),
                "px": pair.px_text(fill.px),
                "qty": pair.qty_text(fill.qty),
                "quote": text(fill.quote),
                "fee": text(fill.fee),
                "fee_asset": fill.fee_asset,
                "maker": fill.maker,
                "ns": fill.ns,
            }
            for fill in order.fills
        ],
    }
