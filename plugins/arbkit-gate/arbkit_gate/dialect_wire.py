"""Gate's rows for the dialect: errors, pairs, orders, fills, balances and market data as JSON (docs of API v4)."""

from __future__ import annotations

from typing import Any, Final

from arbkit import sim
from arbkit.core.types import OrdStatus, Side

MS: Final = 1_000_000
S: Final = 1_000 * MS
_SAID: Final = {"tick": "Invalid price precision", "min_notional": "Your order size is too small"}
"""The texts that a client must read, as users report them; the others are ours."""
_STATUS: Final = dict.fromkeys((OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED), "open") | {OrdStatus.FILLED: "closed"}
"""All others are ``cancelled``, also after a partial fill."""
# "Order details": finish_as
_FINISH: Final = sim.texts(
    "user:cancelled ioc:ioc fok:fok stp:stp post_only:poc no_liquidity:depth_not_enough venue:trader_not_enough"
)
_LABELS: Final = {
    rule: label
    for label, rules in sim.texts(
        "INVALID_CURRENCY_PAIR:symbol TRADE_RESTRICTED:halted INVALID_PRECISION:tick,lot AMOUNT_TOO_LITTLE:min_qty"
        " INVALID_PARAM_VALUE:min_notional AMOUNT_TOO_MUCH:max_qty BALANCE_NOT_ENOUGH:balance"
        " POC_FILL_IMMEDIATELY:post_only REQUEST_EXPIRED:expired ORDER_NOT_FOUND:unknown_order"
        " PRICE_THRESHOLD_EXCEEDED:band_high,band_low"
    ).items()
    for rule in rules.split(",")
}
"""By the rule of the exchange that an order breaks. ``duplicate`` cannot happen: a text is not reserved."""
NOTATION: Final = sim.Notation(
    native=lambda symbol: symbol.replace("-", "_"),
    side=lambda side: side.value,
    digits=10,
)

# --- rows: each field with the fact that it shows, and fields that have no value on the simulated venue ---------------

_PAIR: Final = sim.RowType(
    "id=native base quote base_name=base quote_name=quote fee:0.2 min_base_amount=min_qty max_base_amount=max_qty"
    " min_quote_amount=min_notional max_quote_amount:10000000 type:normal up_rate:0.05 down_rate:0.05 slippage:0.05",
    {"sell_start": 1516378650, "buy_start": 1516378650, "delisting_time": 0, "st_tag": False},
)
_TICKER: Final = sim.RowType(
    "currency_pair=native last lowest_ask=ask lowest_size=ask_qty highest_bid=bid highest_size=bid_qty"
    " change_percentage=percent base_volume=qty quote_volume=turnover high_24h=high low_24h=low"
)
_TOP: Final = sim.RowType("u=seq s=native b=bid B=bid_qty a=ask A=ask_qty")
_TRADE: Final = sim.RowType("id currency_pair=native side amount=qty price=px")
_ORDER: Final = sim.RowType(
    "id currency_pair=native side filled_total=cum_value fill_price=cum_value account:spot iceberg:0 amend_text:-"
    " stp_act:-",
    {"stp_id": 0},
)
_FEES: Final = sim.RowType("point_fee:0 gt_fee:0 gt_maker_fee:0 gt_taker_fee:0 rebated_fee:0", {"gt_discount": False})
_FILL: Final = sim.RowType(
    "id order_id currency_pair=native side amount=qty price=px fee fee_currency=fee_asset point_fee:0 gt_fee:0"
    " amend_text:-"
)
_ASSET: Final = sim.RowType("currency=asset name=asset chain=asset fixed_rate:", {"delisted": False})


def problem(error: sim.Problem | sim.Refused) -> sim.Problem:
    """The venue's error for a rejection of the exchange."""
    if isinstance(error, sim.Problem):
        return error
    label = _LABELS[error.rule]
    text = _SAID.get(error.rule) or label.replace("_", " ").capitalize()
    return sim.Problem(label, text, 404 if error.rule == "unknown_order" else 400)


def wrong(name: str, why: sim.Why) -> sim.Problem:
    """The error for a parameter."""
    if why == "missing":
        return sim.Problem("MISSING_REQUIRED_PARAM", f"Missing required param: {name}", 400)
    return sim.Problem("INVALID_PARAM_VALUE", f"Invalid param value: {name}", 400)


def pair_row(facts: sim.Facts, symbol: str) -> dict[str, Any]:
    """Query all supported currency pairs. The precisions are numbers of decimals; ``fee`` is out of use."""
    known = facts.pair(symbol)
    return _PAIR.of(
        known,
        precision=_places(known["tick"]),
        amount_precision=_places(known["lot"]),
        trade_status="untradable" if symbol in facts.exchange.halted else "tradable",
    )


def _places(step: str) -> int:
    """The decimals of a step, which is a power of ten."""
    return len(step.partition(".")[2])


def ticker_row(facts: sim.Facts, symbol: str) -> dict[str, Any]:
    """Retrieve ticker information, and the Tickers Channel."""
    return _TICKER.of(facts.day(symbol))


def top_row(facts: sim.Facts, top: sim.TopReport, ns: int) -> dict[str, Any]:
    """Best bid or ask price."""
    return {"t": ns // MS} | _TOP.of(facts.top(top))


def trade_row(facts: sim.Facts, trade: sim.TradeReport, *, pushed: bool) -> dict[str, Any]:
    """Query market transaction records, and the Public Trades Channel, whose ids and seconds are numbers."""
    row = _TRADE.of(facts.trade(trade), create_time_ms=_precise(trade.ns))
    number = int if pushed else str
    return row | {"id": number(trade.id), "create_time": number(trade.ns // S)}


def _precise(ns: int) -> str:
    """Milliseconds with decimals."""
    return f"{ns // MS}.{ns % MS // 1000:03d}"


def depth(facts: sim.Facts, symbol: str, bids: sim.Levels, asks: sim.Levels) -> dict[str, Any]:
    """The sides of an incremental push; one without change is absent."""
    sides = {"b": facts.levels(symbol, bids), "a": facts.levels(symbol, asks)}
    return {name: side for name, side in sides.items() if side}


def named(cl_ord_id: str) -> str:
    """``text``: the client's own, or how the order was placed."""
    return f"t-{cl_ord_id}" if cl_ord_id else "apiv4"


def order_row(
    facts: sim.Facts, order: sim.SimOrder, report: sim.OrderReport | None = None, *, fees: bool = True
) -> dict[str, Any]:
    """Order details, as it is now or as it was at ``report``. The amount of a market buy is in quote. Without ``fees``
    as ``action_mode`` RESULT and the channels ``_v2`` have it."""
    known, pair, market = facts.order(order, report), facts.exchange.pairs[order.symbol], order.kind == "market"
    now: sim.OrderState = known["state"]
    got, gave = (pair.base, pair.quote) if order.side is Side.BUY else (pair.quote, pair.base)
    paid = {got: 0} | now.fees()
    asset = max(paid, key=lambda name: abs(paid[name]))
    amount, left = (known["budget"], sim.text(order.quote_qty - now.cum_quote)) if order.quote_qty else ("", "")
    row = _ORDER.of(
        known,
        text=named(order.cl_ord_id),
        create_time=str(order.ns // S),
        update_time=str(now.ns // S),
        create_time_ms=known["at"],
        update_time_ms=known["updated_at"],
        status=_STATUS.get(now.status, "cancelled"),
        type="market" if market else "limit",
        amount=amount or known["qty"],
        left=left or known["left"],
        filled_amount=known["cum"],
        price="0" if market else known["px"],
        avg_deal_price=known["average"] or "0",
        time_in_force="poc" if order.post_only else order.tif.name.lower(),
        finish_as=_finish(order, now),
    )
    return row | _FEES.of({}, fee=sim.text(paid[asset]), fee_currency=asset, rebated_fee_currency=gave) if fees else row


def _finish(order: sim.SimOrder, now: sim.OrderState) -> str:
    if not now.status.terminal:
        return "open"
    if now.status is OrdStatus.FILLED:
        return "filled"
    return "cancelled" if now.status is OrdStatus.CANCELED and order.reason == "venue" else _FINISH[order.reason]


def order_push(facts: sim.Facts, report: sim.OrderReport, uid: int, *, fees: bool) -> dict[str, Any]:
    """Orders Channel: what happened is ``event``, there is no ``status``, and times are texts."""
    row = order_row(facts, report.order, report, fees=fees)
    ended = report.status.terminal
    row |= {name: str(row[name]) for name in ("create_time_ms", "update_time_ms")}
    row |= {"event": "finish" if ended else "put" if report.kind == "new" else "update", "user": uid}
    del row["status"], row["fill_price"]
    return row


def fill_row(facts: sim.Facts, fill: sim.SimFill) -> dict[str, Any]:
    """Query personal trading records."""
    return _FILL.of(
        facts.fill(fill),
        create_time=str(fill.ns // S),
        create_time_ms=_precise(fill.ns),
        role="maker" if fill.maker else "taker",
        text=named(fill.cl_ord_id),
        sequence_id=str(fill.id % 10**9),
    )


def fill_push(facts: sim.Facts, fill: sim.SimFill, uid: int, *, fees: bool) -> dict[str, Any]:
    """User Trades Channel: the ids of trades and users are numbers. ``_v2`` has no fees."""
    row = fill_row(facts, fill) | {"id": fill.id, "id_market": fill.id, "user_id": uid, "create_time": fill.ns // S}
    del row["sequence_id"]
    if not fees:
        for name in ("fee", "fee_currency", "point_fee", "gt_fee"):
            del row[name]
    return row


def asset_row(facts: sim.Facts, asset: str) -> dict[str, Any]:
    """Query all currency information."""
    known = facts.asset(asset)
    ways = {"withdraw_disabled": not known["withdraw"], "withdraw_delayed": False}
    ways |= {"deposit_disabled": not known["deposit"]}
    return _ASSET.of(known, **ways, trade_disabled=False, chains=[{"name": asset, "addr": ""} | ways])
