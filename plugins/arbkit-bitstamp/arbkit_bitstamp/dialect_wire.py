"""Bitstamp's rows for the dialect: errors, markets, orders, trades and balances as JSON (www.bitstamp.net/api)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from arbkit import sim
from arbkit.core.types import OrdStatus, Side

S: Final = 1_000_000_000
FORM: Final = "application/x-www-form-urlencoded"
LIMITED: Final = ("400.002", "Request rate limit exceeded", 429)
NOTATION: Final = sim.Notation(
    native=lambda symbol: symbol.replace("-", "").lower(),
    side=lambda side: "0" if side is Side.BUY else "1",
    time=lambda ns: str(ns // 1000),
    pad=8,
)
"""Sizes and prices of books have eight decimals where a pair has fewer; a time is in microseconds."""
_STATUS: Final = dict.fromkeys((OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED), "Open") | {OrdStatus.FILLED: "Finished"}
"""All others are ``Canceled``, also an IOC that found no match."""
_MARKET: Final = sim.RowType(
    "market_symbol=native base_currency=base counter_currency=quote minimum_order_value=min_notional"
    " instant_and_market_orders:Enabled market_type:SPOT",
    {"instant_order_counter_decimals": 2},
)
_TICKER: Final = sim.RowType("market=native last high low open volume=qty bid ask percent_change_24=percent side:0")
_BALANCE: Final = sim.RowType("total available=free reserved=locked")
_FILL: Final = sim.RowType("price=px fee")
_ORDER: Final = sim.RowType("id client_order_id=cl_ord_id type=side")
_CANCELED: Final = sim.RowType("price=px amount=left")
_CODES: Final = sim.texts(
    "symbol:404.003 tick:400.021 lot:400.020 min_qty:400.020 max_qty:400.037 min_notional:400.046 balance:400.009"
    " duplicate:400.019 unknown_order:404.002"
)
"""By the rule of the exchange that an order breaks. A halt and the price band have a text only."""
_TEXTS: Final = {
    "symbol": "Invalid currency pair.",
    "halted": "Order could not be placed.",
    **{
        f"band_{way}": f"Price is more than 20% {where} market price."
        for way, where in (("high", "above"), ("low", "below"))
    },
    "duplicate": "Order with this client order id exists.",
    "unknown_order": "Order not found.",
    "max_qty": "Maximum order size exceeded.",
}
"""Another rule is that of the balance, which names the asset."""


def problem(error: sim.Refused, pair: sim.Pair | None) -> sim.Problem:
    """The venue's error for a rejection of the exchange; the texts are those that clients read."""
    step = None
    if pair is not None and error.rule in ("tick", "lot", "min_qty"):
        name, step = ("price", pair.rule_tick) if error.rule == "tick" else ("amount", pair.rule_lot)
    if step is not None:
        text = f"Ensure that there are no more than {places(step)} decimal places."
        return sim.Problem(_CODES[error.rule], text, 400, field=name)
    text = _TEXTS.get(error.rule, f"You have only 0 {error} available. Check your account balance for details.")
    if pair is not None and error.rule == "min_notional":
        text = f"Minimum order size is {pair.min_notional:f} {pair.quote}."
    return sim.Problem(_CODES.get(error.rule, ""), text, 404 if error.rule == "unknown_order" else 400)


def wrong(name: str, why: sim.Why) -> sim.Problem:
    """The error for a parameter."""
    text = "This field is required." if why == "missing" else "Enter a valid value."
    return sim.Problem("400.004" if why == "missing" else "400.001", text, 400, field=name)


def body(error: sim.Problem) -> dict[str, Any]:
    """Errors of the authentication have ``code``; the others have ``response_code`` or only their text, which stands
    under the name of a parameter or under ``__all__``."""
    if str(error.code).startswith("API"):
        return {"status": "error", "reason": error.msg, "code": error.code}
    reason = {error.more.get("field", "__all__"): [error.msg]}
    return {"status": "error", "reason": reason} | ({"response_code": error.code} if error.code else {})


def places(step: Any) -> int:
    """The decimals of a step."""
    return len(f"{step.normalize():f}".partition(".")[2])


def stamp(ns: int) -> str:
    """``2026-08-09 21:05:48.228568``, UTC."""
    return f"{datetime.fromtimestamp(ns // S, UTC):%Y-%m-%d %H:%M:%S}.{ns % S // 1000:06d}"


def market(facts: sim.Facts, symbol: str) -> str:
    """``BTC/USDT``"""
    pair = facts.exchange.pairs[symbol]
    return f"{pair.base}/{pair.quote}"


def market_row(facts: sim.Facts, symbol: str) -> dict[str, Any]:
    """``markets/``"""
    pair = facts.exchange.pairs[symbol]
    return _MARKET.of(
        facts.pair(symbol),
        name=market(facts, symbol),
        base_decimals=places(pair.rule_lot),
        counter_decimals=places(pair.rule_tick),
        trading="Disabled" if symbol in facts.exchange.halted else "Enabled",
        description=f"{pair.base} / {pair.quote}",
    )


def ticker_row(facts: sim.Facts, symbol: str, now_ns: int) -> dict[str, Any]:
    """``ticker/``"""
    return _TICKER.of(facts.day(symbol), timestamp=str(now_ns // S), vwap="0", open_24="0", pair=market(facts, symbol))


def trade_row(facts: sim.Facts, trade: sim.TradeReport) -> dict[str, Any]:
    """``transactions/``"""
    known = facts.trade(trade)
    kind = "1" if known["sold"] else "0"
    return {
        "date": str(trade.ns // S),
        "tid": known["id"],
        "price": known["px"],
        "type": kind,
        "amount": known["qty"],
    }


def trade_push(facts: sim.Facts, trade: sim.TradeReport) -> dict[str, Any]:
    """``live_trades_``: ids and amounts are numbers; the amounts stand as texts beside them."""
    known = facts.trade(trade)
    amounts = {"amount": float(known["qty"]), "amount_str": known["qty"]}
    prices = {"price": float(known["px"]), "price_str": known["px"]}
    times = {"timestamp": str(trade.ns // S), "microtimestamp": known["at"]}
    orders = {"buy_order_id": 2 * trade.id, "sell_order_id": 2 * trade.id + 1}
    return {"id": trade.id, **times, **amounts, **prices, "type": int(known["sold"]), **orders}


def order_row(facts: sim.Facts, order: sim.SimOrder) -> dict[str, Any]:
    """The answer to a new order, which tells nothing of fills, and a row of ``open_orders/``."""
    known, name = facts.order(order), market(facts, order.symbol)
    more = {"datetime": stamp(order.ns), "market": name, "currency_pair": name, "price": known["px"]}
    return _ORDER.of(known, amount=known["qty"], **more)


def open_row(facts: sim.Facts, order: sim.SimOrder) -> dict[str, Any]:
    """``amount`` is what remains."""
    known = facts.order(order)
    return order_row(facts, order) | {"amount": known["left"], "amount_at_create": known["qty"], "limit_price": None}


def status_row(facts: sim.Facts, order: sim.SimOrder, *, fills: bool) -> dict[str, Any]:
    """``order_status/``: the amounts of a fill stand under the names of the currencies."""
    known = facts.order(order)
    rows = [
        _FILL.of(facts.fill(fill), tid=fill.id, datetime=stamp(fill.ns), type=2, **_amounts(facts, fill, signed=False))
        for fill in order.fills
    ]
    more = {"datetime": stamp(order.ns), "market": market(facts, order.symbol), "amount_remaining": known["left"]}
    row = _ORDER.of(known, status=_STATUS.get(order.status, "Canceled"), **more) | {"id": order.id}
    return row | ({"transactions": rows} if fills else {})


def canceled_row(facts: sim.Facts, order: sim.SimOrder) -> dict[str, Any]:
    """``cancel_order/``"""
    return _CANCELED.of(
        facts.order(order), id=order.id, type=int(order.side is Side.SELL), market=market(facts, order.symbol)
    )


def _amounts(facts: sim.Facts, fill: sim.SimFill, *, signed: bool) -> dict[str, str]:
    known, pair = facts.fill(fill), facts.exchange.pairs[fill.symbol]
    base, quote = ("", "-") if known["bought"] else ("-", "")
    signs = (base, quote) if signed else ("", "")
    return {pair.base.lower(): signs[0] + known["qty"], pair.quote.lower(): signs[1] + known["value"]}


def fill_row(facts: sim.Facts, fill: sim.SimFill) -> dict[str, Any]:
    """``user_transactions/``: the sign tells the side, and the price stands under the names of both currencies."""
    known, pair = facts.fill(fill), facts.exchange.pairs[fill.symbol]
    price = {f"{pair.base.lower()}_{pair.quote.lower()}": float(known["px"])}
    names = {"id": fill.id, "order_id": fill.order_id, "datetime": stamp(fill.ns), "type": "2", "fee": known["fee"]}
    return {**names, **_amounts(facts, fill, signed=True), **price, "self_trade": False}


def fill_push(facts: sim.Facts, fill: sim.SimFill) -> dict[str, Any]:
    """``private-my_trades_``"""
    known = facts.fill(fill)
    return {
        "id": fill.id,
        "amount": known["qty"],
        "price": known["px"],
        "microtimestamp": known["at"],
        "fee": known["fee"],
        "order_id": known["order_id"],
        "client_order_id": fill.cl_ord_id,
        "trade_account_id": 0,
        "side": "buy" if known["bought"] else "sell",
    }


def order_push(facts: sim.Facts, report: sim.OrderReport) -> dict[str, Any]:
    """``private-my_orders_``: what remains, what was traded and what it was, also as texts."""
    order = report.order
    known = facts.order(order, report)
    px = "999999999.00" if order.kind == "market" else known["px"]
    return {
        "id": order.id,
        "id_str": known["id"],
        "order_type": int(order.side is Side.SELL),
        "order_subtype": 2 if order.kind == "market" else 0,
        "datetime": str(report.ns // S),
        "microtimestamp": str(report.ns // 1000),
        "amount": float(known["left"]),
        "amount_str": known["left"],
        "amount_traded": known["cum"],
        "amount_at_create": known["qty"],
        "price": float(px),
        "price_str": px,
        "is_liquidation": False,
        "trade_account_id": 0,
        "client_order_id": order.cl_ord_id,
    }


def balance_row(facts: sim.Facts, asset: str, free: int, locked: int) -> dict[str, Any]:
    """``account_balances/``"""
    return {"currency": asset.lower(), **_BALANCE.of(facts.money(asset, free, locked))}


def currency_row(facts: sim.Facts, asset: str) -> dict[str, Any]:
    """``currencies/``"""
    known = facts.asset(asset)
    ways = {"deposit": known["deposit"], "withdrawal": known["withdraw"]}
    moves = {name: "Enabled" if on else "Disabled" for name, on in ways.items()}
    network = {"network": asset.lower(), "withdrawal_minimum_amount": "0.1", "withdrawal_decimals": 8, **moves}
    names = {"name": asset, "currency": asset, "type": "crypto", "symbol": asset, "decimals": 8}
    return {**names, "logo": "", "available_supply": "0", **moves, "networks": [network]}
