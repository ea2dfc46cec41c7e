"""Crypto.com's formats for the dialect: errors, orders, fills, balances and pairs as JSON.

https://exchange-developer.crypto.com/exchange/v1/docs. A row type has each field with the fact that it shows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from arbkit import sim
from arbkit.core.types import OrdStatus, Side

MS: Final = 1_000_000
S: Final = 1_000_000_000
ID: Final = re.compile(r"[0-9A-Za-z_\-]{1,36}", re.ASCII)
"""Client order ids; the page has only the length."""
TIFS: Final = sim.texts("GTC:GOOD_TILL_CANCEL IOC:IMMEDIATE_OR_CANCEL FOK:FILL_OR_KILL")
"""By the names of ``Tif``."""
STP: Final[Mapping[str, sim.Stp]] = {"M": "maker", "T": "taker", "B": "both"}
_STATES: Final = {OrdStatus.NEW: "ACTIVE", OrdStatus.PARTIALLY_FILLED: "ACTIVE", OrdStatus.FILLED: "FILLED"}
_ENDS: Final = {"ioc": 43004, "no_liquidity": 43004, "fok": 43003, "post_only": 43005, "stp": 43012, "venue": 224}
"""Why an order ended -> its ``reason``."""
# "Response and Reason Codes"
_CODES: Final = sim.texts(
    "symbol:209/INVALID_INSTRUMENT halted:309/MARKET_IS_NOT_OPEN tick:308/INVALID_PRICE lot:213/INVALID_ORDERQTY"
    " min_qty:415/BELOW_MIN_ORDER_SIZE max_qty:314/EXCEEDS_MAX_ORDER_SIZE min_notional:415/BELOW_MIN_ORDER_SIZE"
    " balance:306/INSUFFICIENT_AVAILABLE_BALANCE duplicate:204/DUPLICATE_CLORDID unknown_order:316/NO_ACTIVE_ORDER"
)
_STATUS: Final = {42901: 429, 40801: 408, 40401: 200, 50001: 400}
"""HTTP statuses that are not those of their range."""
NOTATION: Final = sim.Notation(
    lambda symbol: symbol.replace("-", "_"), lambda side: side.value.upper(), str, lambda ns: ns // MS, digits=12
)


def problem(code: int, text: str) -> sim.Problem:
    """An error with its HTTP status, which misleads: refusals for risk and balance have 500."""
    plain = 401 if 40101 <= code <= 40104 else 400 if 40000 <= code < 43000 else 500
    return sim.Problem(code, text, _STATUS.get(code, plain))


def refused(error: sim.Refused) -> sim.Problem:
    """The venue's error for a rejection of the exchange."""
    if str(error) == sim.DELISTED:
        return problem(208, "INSTRUMENT_NOT_TRADABLE")
    code, _, text = _CODES[error.rule].partition("/")
    return problem(int(code), text)


def wrong(name: str, why: sim.Why) -> sim.Problem:
    return problem(40004, f"Missing or invalid argument: {name}")


def _day(ns: int) -> str:
    return datetime.fromtimestamp(ns // S, UTC).date().isoformat()


def _account(facts: sim.Facts, name: str) -> str:
    return f"{facts.exchange.accounts[name].uid:08x}-0000-4000-8000-000000000000"


def bps(rate: str) -> str:
    """A rate as a fraction, in hundredths of a percent."""
    return f"{(Decimal(rate).scaleb(4)).normalize():f}"


_SYMBOL: Final = sim.RowType(
    "symbol=native inst_type:CCY_PAIR base_ccy=base quote_ccy=quote price_tick_size=tick"
    " qty_tick_size=lot max_leverage:0",
    {"expiry_timestamp_ms": 0, "beta_product": False, "margin_buy_enabled": False, "margin_sell_enabled": False},
)


def symbol_row(facts: sim.Facts, symbol: str) -> dict[str, Any]:
    """public/get-instruments."""
    known = facts.pair(symbol)
    digits = {
        f"{name}_decimals": len(known[step].partition(".")[2])
        for name, step in (("quote", "tick"), ("quantity", "lot"))
    }
    names = {"display_name": f"{known['base']}/{known['quote']}", "tradable": symbol not in facts.exchange.halted}
    return _SYMBOL.of(known, **digits, **names)


_TICKER: Final = sim.RowType(
    "h=high l=low a=last i=native v=qty vv=turnover c=fraction b=bid bs=bid_qty k=ask ks=ask_qty oi:0"
)


def ticker_row(facts: sim.Facts, symbol: str, now_ns: int) -> dict[str, Any]:
    return _TICKER.of(facts.day(symbol), t=now_ns // MS)


TRADE: Final = sim.RowType("d=id t=at p=px q=qty s=side i=native m=id")


def levels(facts: sim.Facts, symbol: str, bids: sim.Levels, asks: sim.Levels) -> dict[str, Any]:
    """Price, size, and the number of orders, which the simulator does not count."""
    return {
        name: [[px, qty, "1"] for px, qty in facts.levels(symbol, side)]
        for name, side in (("asks", asks), ("bids", bids))
    }


_COIN: Final = sim.RowType(
    "instrument_name=asset quantity=total market_value=usd collateral_eligible:true haircut:1.0 collateral_amount=usd"
    " max_withdrawal_balance=free reserved_qty=locked"
)
_WORTH: Final = "total_available_balance total_margin_balance total_cash_balance total_collateral_value"
_NONE: Final = (
    "total_initial_margin total_position_im total_haircut total_maintenance_margin total_position_cost"
    " total_session_unrealized_pnl total_session_realized_pnl total_effective_leverage used_position_limit"
)


def wallet_row(facts: sim.Facts, rows: list[tuple[str, int, int]]) -> dict[str, Any]:
    """private/user-balance and user.balance: totals in USD, and the coins."""
    known = [facts.money(*row) for row in rows]
    worth = str(sum((Decimal(row["usd"]) for row in known), Decimal(0)))
    totals = sim.fields(_WORTH, worth) | sim.fields(_NONE, "0.00000000")
    fixed = {"instrument_name": "USD", "is_liquidating": False, "position_limit": "3000000.00000000"}
    return {**totals, **fixed, "position_balances": [_COIN.of(row) for row in known]}


_ORDER: Final = sim.RowType(
    "order_id=id client_oid=cl_ord_id side quantity=qty limit_price=px cumulative_quantity=cum"
    " cumulative_value=cum_value instrument_name=native create_time=at update_time=updated_at"
)


def order_row(facts: sim.Facts, order: sim.SimOrder, report: sim.OrderReport | None = None) -> dict[str, Any]:
    """An order of queries and of user.order. ``reason`` only if the venue ended it."""
    known, pair = facts.order(order, report), facts.exchange.pairs[order.symbol]
    now: sim.OrderState = known["state"]
    fees = now.fees() or {pair.base if order.side is Side.BUY else pair.quote: 0}
    rates, ended = facts.rates(order.account, order.symbol), now.status not in _STATES
    rejected = order.reason == "post_only" or now.status is OrdStatus.REJECTED
    status = _STATES.get(now.status, "REJECTED" if rejected else "CANCELED")
    row = _ORDER.of(
        known,
        account_id=_account(facts, order.account),
        order_type=order.kind.upper(),
        time_in_force=TIFS[order.tif.name],
        exec_inst=["POST_ONLY"] if order.post_only else [],
        order_value=known["budget"] if order.quote_qty else sim.text(order.qty * order.px * pair.unit),
        maker_fee_rate=rates["maker"],
        taker_fee_rate=rates["taker"],
        avg_price=known["average"] or "0",
        cumulative_fee=sim.text(sum(fees.values())),
        status=status,
        update_user_id=_account(facts, order.account),
        order_date=_day(order.ns),
        fee_instrument_name=next(iter(fees)),
        create_time_ns=str(order.ns),
    )
    reason = _ENDS.get(order.reason) if ended else None
    return row if reason is None else row | {"reason": str(reason)}


_FILL: Final = sim.RowType(
    "journal_type:TRADING side instrument_name=native trade_id=id trade_match_id=id create_time=at traded_price=px"
    " traded_quantity=qty fee_instrument_name=fee_asset client_oid=cl_ord_id order_id"
)


def fill_row(facts: sim.Facts, fill: sim.SimFill) -> dict[str, Any]:
    """private/get-trades and user.trade. Negative fees are charged."""
    return _FILL.of(
        facts.fill(fill),
        account_id=_account(facts, fill.account),
        event_date=_day(fill.ns),
        fees=sim.text(-fill.fee) if fill.fee else "0",
        taker_side="MAKER" if fill.maker else "TAKER",
        create_time_ns=str(fill.ns),
    )


def network_row(facts: sim.Facts, asset: str) -> dict[str, Any]:
    """private/get-currency-networks: one network each."""
    known = facts.asset(asset)
    open_ = {"withdraw_enabled": known["withdraw"], "deposit_enabled": known["deposit"]}
    network = {"network_id": asset, "withdrawal_fee": 0, "min_withdrawal_amount": 0, "confirmation_required": 1}
    return {"full_name": asset, "default_network": asset, "network_list": [network | open_]}
