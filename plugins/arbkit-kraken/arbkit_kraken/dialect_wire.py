"""Kraken's formats for the dialect: names, numbers, errors and rows as JSON (docs.kraken.com/api/docs)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain
from typing import Any, Final
from zlib import crc32

from msgspec import Raw

from arbkit import sim
from arbkit.core.types import OrdStatus

S: Final = 1_000_000_000
MS: Final = 1_000_000
CL_ORD_ID: Final = re.compile(r"[!-~]{1,18}|[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
"""Guide "spot-clordid": free text of up to 18 characters, or a UUID with or without dashes."""
_NAMES: Final = {"BTC": ("XBT", "XXBT"), "ETH": ("ETH", "XETH"), "DOGE": ("XDG", "XXDG"), "USD": ("USD", "ZUSD")}
"""Assets whose REST names are others: ``altname`` and id."""
_REFUSED: Final = {
    "symbol": "EQuery:Unknown asset pair",
    "halted": "EService:Market in cancel_only mode",
    "tick": "EOrder:Tick size check failed",
    "lot": "EGeneral:Invalid arguments:volume",
    "min_qty": "EOrder:Order minimum not met",
    "max_qty": "EGeneral:Invalid arguments:volume",
    "min_notional": "EOrder:Cost minimum not met",
    "balance": "EOrder:Insufficient funds",
    "duplicate": "EGeneral:Invalid arguments:cl_ord_id not unique",
    "post_only": "EOrder:Post only order",
    "expired": "EService:Deadline elapsed",
    "unknown_order": "EOrder:Unknown order",
}
"""Guide "spot-errors", by the exchange's rule."""
_PUSHED: Final = {
    OrdStatus.NEW: "new",
    OrdStatus.PARTIALLY_FILLED: "partially_filled",
    OrdStatus.FILLED: "filled",
    OrdStatus.EXPIRED: "canceled",
    OrdStatus.CANCELED: "canceled",
    OrdStatus.REJECTED: "canceled",
}
"""``executions``: what the engine ends (an IOC, self-trade prevention) is ``canceled`` too."""
_LISTED: Final = {OrdStatus.NEW: "open", OrdStatus.PARTIALLY_FILLED: "open", OrdStatus.FILLED: "closed"}
"""REST; all others are ``canceled``."""
_REASONS: Final = {
    "user": "User requested",
    "stp": "Self trade prevention",
    "venue": "Ended by the exchange",
}
"""``reason``: the words are ours, except "User requested". An IOC and a FOK have none."""


def alt(asset: str) -> str:
    """``altname`` of an asset: ``XBT``."""
    return _NAMES.get(asset, (asset, asset))[0]


def rest_id(asset: str) -> str:
    """REST id of an asset: ``XXBT``."""
    return _NAMES.get(asset, (asset, asset))[1]


def pair_names(pair: sim.Pair) -> tuple[str, str, str]:
    """REST id, ``altname`` and ``wsname`` of a pair. An id has prefixes only if both of its assets have one."""
    base, quote = alt(pair.base), alt(pair.quote)
    ids = rest_id(pair.base), rest_id(pair.quote)
    prefixed = ids[0] != pair.base and ids[1] != pair.quote
    return "".join(ids) if prefixed else base + quote, base + quote, f"{base}/{quote}"


def iso(ns: int) -> str:
    """RFC 3339 with microseconds."""
    seconds, rest = divmod(ns, S)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"


def seconds(ns: int) -> Raw:
    """Unix time with fractions, as REST writes it."""
    return Raw(f"{ns // S}.{ns % S // 10_000:05d}".encode())


def number(text: str) -> Raw:
    """A JSON number with the digits of ``text``."""
    return Raw(text.encode())


NOTATION: Final = sim.Notation(
    native=lambda symbol: symbol.replace("-", "/"), side=lambda side: side.value, time=iso, digits=10
)


_NUMBERS: Final = sim.fields(
    "bid bid_qty ask ask_qty last volume vwap low high change change_pct qty price order_qty cum_qty cum_cost avg_price"
    " limit_price stop_price last_qty last_price cost fee_usd_equiv amount balance fee price_increment qty_increment"
    " cost_min qty_min"
)
"""Fields of WebSocket rows that are JSON numbers; REST writes amounts as texts."""


def numbered(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with its amounts as numbers."""
    return {
        name: number(value) if name in _NUMBERS and isinstance(value, str) else value for name, value in row.items()
    }


def decimals(step: Decimal) -> int:
    return max(0, -int(step.normalize().as_tuple().exponent))


def wrong(name: str, why: sim.Why) -> sim.Problem:
    """ "The request payload is malformed, incorrect or ambiguous"."""
    return sim.Problem(f"EGeneral:Invalid arguments:{name}", why)


def refusal(error: sim.Problem | sim.Refused) -> str:
    """The venue's text."""
    return str(error.code) if isinstance(error, sim.Problem) else _REFUSED[error.rule]


# --- books ------------------------------------------------------------------------------------------------------------


def _texts(pair: sim.Pair, levels: sim.Levels) -> list[tuple[str, str]]:
    """Price and size with all decimals of the pair."""
    px, qty = decimals(pair.tick), decimals(pair.lot)
    return [(pair.px_text(at, px), pair.qty_text(lots, qty)) for at, lots in levels]


def side(pair: sim.Pair, levels: sim.Levels) -> list[dict[str, Raw]]:
    return [{"price": number(px), "qty": number(qty)} for px, qty in _texts(pair, levels)]


def checksum(pair: sim.Pair, bids: sim.Levels, asks: sim.Levels) -> int:
    """Guide "spot-ws-book-v2": ten asks and then ten bids, digits only, without zeros in front."""
    words = chain.from_iterable(_texts(pair, asks[:10]) + _texts(pair, bids[:10]))
    return crc32("".join(word.replace(".", "").lstrip("0") for word in words).encode())


# --- rows: each field with the fact that it shows, and fields that have no value for spot -----------------------------

_PAIR: Final = sim.RowType(
    "altname wsname base=base_id quote=quote_id ordermin=min_qty costmin=min_notional tick_size=tick status"
    " aclass_base:currency aclass_quote:currency lot:unit fee_volume_currency:ZUSD execution_venue:international",
    {"cost_decimals": 5, "lot_multiplier": 1, "leverage_buy": [], "leverage_sell": [], "margin_call": 80},
    # the first steps of the schedule of 2026-07-09
    {"margin_stop": 40, "fees": [[0, 0.8], [2500, 0.6]], "fees_maker": [[0, 0.4], [2500, 0.3]]},
)
_RULES: Final = sim.RowType(
    "symbol=native base quote status qty_increment=lot price_increment=tick cost_min=min_notional qty_min=min_qty",
    {"cost_precision": 5, "marginable": False, "has_index": True},
)
PRINT: Final = sim.RowType("symbol=native side qty price=px timestamp=at ord_type:limit")
_ORDER: Final = sim.RowType(
    "vol=qty vol_exec=cum cost=cum_value stopprice:0.00000 limitprice:0.00000 misc:",
    {"refid": None, "userref": 0, "starttm": 0, "expiretm": 0},
)
_DESCR: Final = sim.RowType("pair type=side price price2:0 leverage:none close:")
_ROWS: Final = {
    "trade": sim.RowType(
        "ordertxid=order_id type=side price=px cost=value fee vol=qty postxid:TKH2SE-M7IF5-CFI7LT ordertype:limit"
        " margin:0.00000 leverage:0 misc:"
    ),
    "whole": sim.RowType(
        "order_id=id symbol=native order_qty=qty cum_cost=cum_value cum_qty=cum side limit_price=px"
        " timestamp=updated_at limit_price_type:static stop_price:0.0 fee_usd_equiv:0.0 fee_ccy_pref:fciq"
    ),
    "made": sim.RowType(
        "exec_id=id symbol=native side last_qty=qty last_price=px cost=value exec_type:trade fee_usd_equiv:0.0"
        " order_status:partially_filled",
        {"order_userref": 0},
    ),
}
ENTRY: Final = sim.RowType(
    "asset amount balance timestamp type:trade asset_class:currency category:trade wallet_type:spot wallet_id:main"
    " fee:0"
)


def status(exchange: sim.SimExchange, symbol: str) -> str:
    return "cancel_only" if symbol in exchange.halted else "online"


def pair_row(facts: sim.Facts, symbol: str) -> dict[str, Any]:
    """AssetPairs."""
    pair = facts.exchange.pairs[symbol]
    _, altname, wsname = pair_names(pair)
    names = {"altname": altname, "wsname": wsname, "base_id": rest_id(pair.base), "quote_id": rest_id(pair.quote)}
    known = facts.pair(symbol) | names | {"status": status(facts.exchange, symbol)}
    return _PAIR.of(known, pair_decimals=decimals(pair.tick), lot_decimals=decimals(pair.rule_lot))


def rules_row(facts: sim.Facts, symbol: str) -> dict[str, Any]:
    """A pair of the ``instrument`` channel; small steps come with an exponent."""
    pair = facts.exchange.pairs[symbol]
    known = facts.pair(symbol) | {"status": status(facts.exchange, symbol), "lot": f"{pair.rule_lot:E}"}
    precision = {"qty_precision": decimals(pair.rule_lot), "price_precision": decimals(pair.tick)}
    return numbered(_RULES.of(known, **precision))


def order_row(facts: sim.Facts, order: sim.SimOrder) -> dict[str, Any]:
    """OpenOrders, ClosedOrders, QueryOrders."""
    known, limit = facts.order(order), order.kind == "limit"
    altname = pair_names(facts.exchange.pairs[order.symbol])[1]
    px = known["px"] if limit else "0"
    words = f"{known['side']} {known['qty']} {altname} @ {order.kind}{f' {px}' if limit else ''}"
    descr = _DESCR.of(known | {"pair": altname, "price": px}, ordertype=order.kind, order=words)
    fees = sum(fill.fee for fill in order.fills)
    more: dict[str, Any] = {"opentm": seconds(order.ns), "oflags": "post,fciq" if order.post_only else "fciq"}
    if order.status.terminal:
        more |= {"closetm": seconds(order.updated_ns), "reason": _REASONS.get(order.reason)}
    return _ORDER.of(
        known,
        cl_ord_id=order.cl_ord_id or None,
        status=_LISTED.get(order.status, "canceled"),
        descr=descr,
        fee=facts.amount(fees),
        price=known["average"] or "0",
        **more,
    )


def trade_row(facts: sim.Facts, fill: sim.SimFill) -> dict[str, Any]:
    """TradesHistory."""
    name = pair_names(facts.exchange.pairs[fill.symbol])[0]
    return _ROWS["trade"].of(facts.fill(fill), pair=name, time=seconds(fill.ns), trade_id=fill.id, maker=fill.maker)


def whole_report(facts: sim.Facts, order: sim.SimOrder, report: sim.OrderReport | None = None) -> dict[str, Any]:
    """An execution report with all that is known of an order: the first one, and those of a snapshot."""
    row = _ROWS["whole"].of(facts.order(order, report), order_type=order.kind, time_in_force=order.tif.value.upper())
    name = {"cl_ord_id": order.cl_ord_id} if order.cl_ord_id else {"order_userref": 0}
    return numbered(row | name | {"post_only": order.post_only})


def reports(facts: sim.Facts, report: sim.OrderReport) -> list[dict[str, Any]]:
    """The reports of one change. Only the first one of an order is whole."""
    order, fill = report.order, report.fill
    known = facts.order(order, report)
    rest = {"order_id": known["id"], "timestamp": iso(report.ns), "order_status": _PUSHED[report.status]}
    if report.kind == "new":
        first = whole_report(facts, order, report)
        return [first | {"exec_type": "pending_new", "order_status": "pending_new"}, rest | {"exec_type": "new"}]
    done = {"cum_qty": known["cum"], "cum_cost": known["cum_value"], "avg_price": known["average"] or "0"}
    rest = numbered(rest | done)
    if fill is None:
        why = _REASONS.get(order.reason)
        return [rest | {"exec_type": "canceled"} | ({"reason": why} if why else {})]
    made = facts.fill(fill)
    fee = numbered({"asset": made["fee_asset"], "qty": made["fee"]})
    more = {"trade_id": fill.id, "liquidity_ind": "m" if fill.maker else "t", "order_type": order.kind, "fees": [fee]}
    out = [rest | numbered(_ROWS["made"].of(made, **more))]
    return [*out, rest | {"exec_type": "filled"}] if report.status is OrdStatus.FILLED else out
