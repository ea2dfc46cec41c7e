"""Coinbase's formats for the dialect: products, orders, fills, accounts and messages as JSON.

The rows are those of docs.cdp.coinbase.com/api-reference/advanced-trade-api, whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from arbkit import sim
from arbkit.core.types import OrdStatus, Side, Tif

S: Final = 1_000_000_000
MS: Final = 1_000_000
KINDS: Final[Mapping[str, tuple[Tif, str]]] = {
    "limit_limit_gtc": (Tif.GTC, "limit"),
    "sor_limit_ioc": (Tif.IOC, "limit"),
    "limit_limit_fok": (Tif.FOK, "limit"),
    "market_market_ioc": (Tif.IOC, "market"),
}
"""The order configurations that are served: not those with an end time, a stop or a bracket."""
_TIF: Final = {Tif.GTC: "GOOD_UNTIL_CANCELLED", Tif.IOC: "IMMEDIATE_OR_CANCEL", Tif.FOK: "FILL_OR_KILL"}
_STATUS: Final = sim.texts("NEW:OPEN PARTIALLY_FILLED:OPEN FILLED:FILLED REJECTED:FAILED")
"""By the names of our own; all others are ``CANCELLED``."""
_WHY: Final = sim.texts(
    "user:User_requested_cancel ioc:IOC fok:FOK no_liquidity:IOC stp:Self_trade venue:Internal_error"
)
# NewOrderFailureReason, and PreviewFailureReason, which has a field of its own
_REFUSED: Final = sim.texts(
    "symbol:INVALID_PRODUCT_ID halted:PRODUCT_TRADING_HALTED tick:INVALID_PRICE_PRECISION lot:INVALID_SIZE_PRECISION"
    " min_qty:PREVIEW_INVALID_BASE_SIZE_TOO_SMALL min_notional:PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL"
    " max_qty:PREVIEW_INVALID_BASE_SIZE_TOO_LARGE balance:INSUFFICIENT_FUND post_only:INVALID_LIMIT_PRICE_POST_ONLY"
)
_SAID: Final = {"balance": "Insufficient balance in source account", "tick": "Too many decimals in order price"}


def uuid(number: int) -> str:
    """An id of a person, a portfolio or a wallet."""
    digits = f"{number:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def number(text: str) -> int:
    """The number of an order's id; 0 if it is none. The ids are opaque texts."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0


def iso(at_ns: int, digits: int = 6) -> str:
    """A UTC time with decimals."""
    seconds, rest = divmod(at_ns, S)
    return f"{_second(seconds)}.{f'{rest:09d}'[:digits]}Z"


@lru_cache(maxsize=16)
def _second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


NOTATION: Final = sim.Notation(native=str, side=lambda side: side.name, time=iso, digits=12)

_PRODUCT: Final = sim.RowType(
    "product_id=native price=last base_increment=lot quote_increment=tick price_increment=tick base_min_size=min_qty"
    " base_max_size=max_qty quote_min_size=min_notional base_name=base quote_name=quote base_display_symbol=base"
    " quote_display_symbol=quote base_currency_id=base quote_currency_id=quote display_name=symbol"
    " volume_24h=qty price_percentage_change_24h=percent best_bid_price=bid best_ask_price=ask"
    " approximate_quote_24h_volume=turnover volume_percentage_change_24h:0 quote_max_size:150000000 product_type:SPOT"
    " product_venue:CBE",
    sim.fields("mid_market_price alias new_at market_cap icon_color icon_url display_name_overwrite about_description"),
    sim.fields("watched new cancel_only limit_only post_only auction_mode view_only is_alpha_testing", False),
    {"alias_to": [], "fcm_trading_session_details": None, "future_product_details": None},
)
_PUSHED: Final = sim.RowType(
    "order_id=id product_id=native client_order_id=cl_ord_id order_side=side cumulative_quantity=cum"
    " leaves_quantity=left filled_value=cum_value limit_price=px creation_time=at product_type:SPOT stop_price:"
    " contract_expiry_type:UNKNOWN_CONTRACT_EXPIRY_TYPE risk_managed_by:UNKNOWN_RISK_MANAGEMENT_TYPE"
    " trigger_status:INVALID_ORDER_TYPE end_time:0001-01-01T00:00:00Z start_time:0001-01-01T00:00:00Z",
)
_FILL: Final = sim.RowType(
    "trade_id=id order_id product_id=native price=px size=qty commission=fee side trade_time=at"
    " sequence_timestamp=at trade_type:FILL fillSource:FILL_SOURCE_CLOB",
    {"size_in_quote": False},
)


def problem(error: sim.Problem) -> tuple[Any, int]:
    """The body and the status of an HTTP error. A refused signature has no JSON."""
    if error.status == 429:
        return {"errors": [{"id": error.code, "message": error.msg}]}, 429
    return {"error": error.code, "error_details": error.msg, "message": error.msg}, error.status


def wrong(name: str, why: sim.Why) -> sim.Problem:
    """The error for a parameter."""
    return sim.Problem("INVALID_ARGUMENT", f"{name} is {'missing' if why == 'missing' else 'invalid'}", 400)


def refusal(error: sim.Refused) -> dict[str, Any]:
    """``error_response`` of a new order."""
    code = _REFUSED[error.rule]
    fields = {
        "error": code,
        "message": _SAID.get(error.rule, ""),
        "error_details": "",
        "new_order_failure_reason": code,
    }
    fields["preview_failure_reason"] = "UNKNOWN_PREVIEW_FAILURE_REASON"
    if code.startswith("PREVIEW_"):
        unknown = "UNKNOWN_FAILURE_REASON"
        fields |= {"error": unknown, "new_order_failure_reason": unknown, "preview_failure_reason": code}
    elif error.rule == "balance":
        fields["preview_failure_reason"] = "PREVIEW_INSUFFICIENT_FUND"
    return fields


def product(facts: sim.Facts, symbol: str) -> dict[str, Any]:
    """List products. A halted one is listed with flags; a delisted one has another status."""
    halted = facts.exchange.halted.get(symbol)
    stopped = {"is_disabled": halted == sim.DELISTED, "trading_disabled": halted is not None}
    known = facts.day(symbol) | facts.pair(symbol)
    return _PRODUCT.of(known, status="delisted" if halted == sim.DELISTED else "online", **stopped)


def configuration(facts: sim.Facts, order: sim.SimOrder) -> dict[str, Any]:
    """``order_configuration``."""
    known = facts.order(order)
    size = {"quote_size": known["budget"]} if order.quote_qty else {"base_size": known["qty"]}
    kind = next(name for name, one in KINDS.items() if one == (order.tif, order.kind))
    price = {"limit_price": known["px"]} if order.kind == "limit" else {}
    more = {"post_only": order.post_only} if kind == "limit_limit_gtc" else {}
    return {kind: {**size, **price, **more}}


def _money(
    facts: sim.Facts, order: sim.SimOrder, report: sim.OrderReport | None
) -> tuple[dict[str, Any], dict[str, str]]:
    """The facts of an order, and what both rows say of its fees and its end."""
    known = facts.order(order, report)
    now: sim.OrderState = known["state"]
    fees = sum(now.fees().values())
    value = now.cum_quote + (fees if order.side is Side.BUY else -fees)
    ended = now.status.terminal
    held = 0 if ended else order.locked
    return known, {
        "status": _STATUS.get(now.status.name, "CANCELLED"),
        "time_in_force": _TIF[order.tif],
        "completion_percentage": f"{Decimal(100 * now.cum) / order.qty:.2f}" if order.qty else "0",
        "number_of_fills": str(len(now.fills)),
        "total_fees": sim.text(fees),
        "total_value_after_fees": sim.text(value),
        "outstanding_hold_amount": sim.text(held),
    }


_ORDER: Final = sim.RowType(
    "order_id=id product_id=native side client_order_id=cl_ord_id created_time=at filled_size=cum"
    " filled_value=cum_value last_update_time=updated_at trigger_status:INVALID_ORDER_TYPE"
    " product_type:SPOT order_placement_source:RETAIL_ADVANCED"
    " cost_basis_method:COST_BASIS_METHOD_UNSPECIFIED displayed_order_config:UNKNOWN_DISPLAYED_ORDER_CONFIG"
    " equity_trading_session:UNKNOWN_EQUITY_TRADING_SESSION prediction_side:PREDICTION_SIDE_UNKNOWN",
    sim.fields("fee reject_message leverage margin_type originating_order_id attached_order_id workable_size"),
    sim.fields("pending_cancel size_inclusive_of_fees is_liquidation", False),
    sim.fields("attached_order_configuration current_pending_replace product_details"),
    {"edit_history": [], "workable_size_completion_pct": ""},
)


def order_row(facts: sim.Facts, order: sim.SimOrder, uid: int) -> dict[str, Any]:
    """Get order, List orders."""
    known, money = _money(facts, order, None)
    now: sim.OrderState = known["state"]
    parts = sim.fields("client_commission venue_commission regulatory_commission clearing_commission", "0")
    total = {"total_commission": money["total_fees"], "gst_commission": "0", "withholding_commission": "0", **parts}
    return _ORDER.of(
        known,
        **money,
        user_id=uuid(uid),
        retail_portfolio_id=uuid(uid),
        order_configuration=configuration(facts, order),
        order_type=order.kind.upper(),
        average_filled_price=known["average"] or "0",
        size_in_quote=bool(order.quote_qty),
        settled=now.status is OrdStatus.FILLED,
        last_fill_time=iso(now.fills[-1].ns) if now.fills else None,
        cancel_message=_why(order) if money["status"] == "CANCELLED" else "",
        reject_reason="REJECT_REASON_UNSPECIFIED",
        commission_detail_total=total,
    )


def _why(order: sim.SimOrder) -> str:
    return _WHY.get(order.reason, "").replace("_", " ")


def pushed(facts: sim.Facts, order: sim.SimOrder, uid: int, report: sim.OrderReport | None = None) -> dict[str, Any]:
    """User channel: the order as it was at ``report``."""
    known, money = _money(facts, order, report)
    return _PUSHED.of(
        known,
        **money,
        avg_price=known["average"] or "0",
        order_type=order.kind.capitalize(),
        post_only=str(order.post_only).lower(),
        cancel_reason=_why(order) if money["status"] == "CANCELLED" else "",
        reject_reason="",
        retail_portfolio_id=uuid(uid),
    )


def fill_row(facts: sim.Facts, fill: sim.SimFill, uid: int) -> dict[str, Any]:
    """List fills. Ids of trades are not those of the market's trades."""
    known = facts.fill(fill)
    parts = sim.fields("client_commission venue_commission regulatory_commission clearing_commission", "0")
    total = {"total_commission": known["fee"], "gst_commission": "0", "withholding_commission": "0", **parts}
    return _FILL.of(
        known,
        entry_id=uuid(2 * fill.id + fill.maker),
        liquidity_indicator="MAKER" if fill.maker else "TAKER",
        user_id=uuid(uid),
        retail_portfolio_id=uuid(uid),
        commission_detail_total=total,
    )


_TRADE: Final = sim.RowType("product_id=native price=px size=qty time=at")


def trade_row(facts: sim.Facts, trade: sim.TradeReport) -> dict[str, Any]:
    """Market trades: ``side`` is the maker's."""
    return _TRADE.of(facts.trade(trade), trade_id=str(trade.id), side="BUY" if trade.side is Side.SELL else "SELL")


_CANDLE: Final = sim.RowType("low high open close=last volume=qty")


def candle_row(known: Mapping[str, Any]) -> dict[str, Any]:
    return {"start": str(known["ns"] // S)} | _CANDLE.of(known)


_TICKER: Final = sim.RowType(
    "product_id=native price=last volume_24_h=qty low_24_h=low high_24_h=high low_52_w=low high_52_w=high"
    " price_percent_chg_24_h=percent best_bid=bid best_bid_quantity=bid_qty best_ask=ask best_ask_quantity=ask_qty"
    " type:ticker"
)


def ticker_row(facts: sim.Facts, symbol: str) -> dict[str, Any]:
    return _TICKER.of(facts.day(symbol))


def book_row(facts: sim.Facts, symbol: str, size: int, now_ns: int) -> dict[str, Any]:
    """``pricebook`` of Get product book and of Get best bid/ask."""
    sides = zip(("bids", "asks"), facts.exchange.books[symbol].depth(size), strict=True)
    levels = {name: [{"price": px, "size": qty} for px, qty in facts.levels(symbol, side)] for name, side in sides}
    return {"product_id": symbol, **levels, "time": iso(now_ns)}


def updates(facts: sim.Facts, symbol: str, bids: sim.Levels, asks: sim.Levels, now_ns: int) -> list[dict[str, Any]]:
    """The levels of a level2 message; size 0 deletes."""
    at = iso(now_ns)
    return [
        {"side": side, "event_time": at, "price_level": px, "new_quantity": qty}
        for side, levels in (("bid", bids), ("offer", asks))
        for px, qty in facts.levels(symbol, levels)
    ]


def account_row(facts: sim.Facts, row: tuple[str, int, int], uid: int, now_ns: int) -> dict[str, Any]:
    """List accounts."""
    known = facts.money(*row)
    asset = known["asset"]
    amounts = {
        name: {"value": known[fact], "currency": asset}
        for name, fact in (("available_balance", "free"), ("hold", "locked"))
    }
    return {
        "uuid": uuid(wallet(asset)),
        "name": f"{asset} Wallet",
        "currency": asset,
        **amounts,
        **sim.fields("default active ready", True),
        "created_at": iso(0),
        "updated_at": iso(now_ns),
        "deleted_at": None,
        "type": "ACCOUNT_TYPE_FIAT" if asset in ("USD", "EUR", "GBP") else "ACCOUNT_TYPE_CRYPTO",
        "retail_portfolio_id": uuid(uid),
        "platform": "ACCOUNT_PLATFORM_CONSUMER",
    }


def wallet(asset: str) -> int:
    """The number of an asset's wallet."""
    return int.from_bytes(asset.encode(), "big")


def app_account(facts: sim.Facts, row: tuple[str, int, int]) -> dict[str, Any]:
    """``/v2/accounts`` of the Coinbase App."""
    asset = row[0]
    known, money = facts.asset(asset), facts.money(*row)
    currency = {"code": asset, "name": asset, "color": "", "sort_index": 1, "exponent": 8, "type": "crypto"}
    return {
        "id": uuid(wallet(asset)),
        "name": f"{asset} Wallet",
        "primary": False,
        "type": "wallet",
        "currency": currency | {"address_regex": "", "asset_id": uuid(wallet(asset)), "slug": asset.lower()},
        "balance": {"amount": money["total"], "currency": asset},
        **sim.fields("created_at updated_at", iso(0)),
        "resource": "account",
        "resource_path": f"/v2/accounts/{uuid(wallet(asset))}",
        "allow_deposits": known["deposit"],
        "allow_withdrawals": known["withdraw"],
    }


def cut(rows: Sequence[Any], cursor: str, limit: int) -> tuple[list[Any], str]:
    """A page, and the cursor of the next one; "" = there is none."""
    first = int(cursor) if cursor.isascii() and cursor.isdigit() else 0
    more = first + limit < len(rows)
    return list(rows[first : first + limit]), str(first + limit) if more else ""


def newest(rows: Iterable[Any]) -> list[Any]:
    return list(rows)[::-1]
