"""What Coinbase's error codes prove about an order.

Sources: https://docs.cdp.coinbase.com/api-reference/advanced-trade-api/rest-api/orders/create-order (the enumeration
``NewOrderFailureReason``), .../orders/preview-orders (``PreviewFailureReason``, the same words after ``PREVIEW_``),
.../orders/cancel-order (``CancelOrderFailureReason``), read on 2026-11-30; codes of HTTP errors as in
https://docs.cdp.coinbase.com/coinbase-app/api-architecture/error-messages. A refusal comes with HTTP 200 and
``success: false``; a new order is refused as a whole, so each of its codes proves that there is no order.

Left out, because none of our calls can get them (a code of these kinds that stands in the table counts): orders with
brackets, attached orders, stops, pegs, scaled and TWAP orders, quotes on request (RFQ), icebergs, editing, margin and
futures, equities and prediction markets.
"""

from __future__ import annotations

import arbkit.venue as kit

__all__ = ["VERDICTS"]


def _both(*codes: str) -> tuple[str, ...]:
    """Reasons that a new order and a preview have."""
    return (*codes, *(f"PREVIEW_{code}" for code in codes))


_AUTH = (
    401,
    *("PERMISSION_DENIED", "UNAUTHENTICATED", "unauthorized", "authentication_error", "invalid_token"),
    *("revoked_token", "expired_token", "invalid_scope", "invalid_authentication_method", "two_factor_required"),
    *("unverified_email", "personal_details_required", "identity_verification_required"),
    *("jumio_verification_required", "jumio_face_match_verification_required"),
)
"""The key, its permissions or its address list, or the person behind it."""
_CLOSED = (
    *_both("INVALID_PRODUCT_ID", "UNTRADABLE_PRODUCT", "GEOFENCING_RESTRICTION", "TRADING_DISABLED"),
    *_both("INVALID_UNSUPPORTED_INSTRUMENT", "CLOSE_ONLY_FAILURE"),
    "INELIGIBLE_PAIR",
)
"""Closed to this account, or to all, until somebody changes something."""
_MODE = (
    *_both("FOK_DISABLED", "FOK_ONLY_ALLOWED_ON_LIMIT_ORDERS", "POST_ONLY_NOT_ALLOWED_WITH_FOK"),
    *_both("INVALID_SETTLEMENT_CURRENCY", "FRACTIONAL_ORDERS_NOT_ALLOWED_FOR_PRODUCT"),
    *("UNSUPPORTED_ORDER_CONFIGURATION", "PREVIEW_INVALID_ORDER_CONFIG", "PREVIEW_INVALID_COMMISSION_CONFIGURATION"),
)
"""What this venue or account does not offer."""

VERDICTS = kit.Verdicts(
    ok=(200,),
    rejected={
        kit.RejectReason.INSUFFICIENT_FUNDS: (
            *_both("INSUFFICIENT_FUND", "INVALID_LEDGER_BALANCE"),
            *("INSUFFICIENT_FUNDS", "PREVIEW_INSUFFICIENT_LEDGER_BALANCE"),
            *("HOLD_FAILURE", "REJECT_REASON_INSUFFICIENT_FUNDS"),  # of an order that failed later
        ),
        kit.RejectReason.BAD_PRICE: (
            *_both("INVALID_PRICE_PRECISION", "INVALID_LIMIT_PRICE", "INVALID_LIMIT_PRICE_PRECISION"),
            *_both("LIMIT_PRICE_TOO_FAR_FROM_MARKET"),
            *_both("LIMIT_ORDER_PRICE_EXCEEDS_PRICE_BAND_ON_BUY", "LIMIT_ORDER_PRICE_EXCEEDS_PRICE_BAND_ON_SELL"),
            *("PREVIEW_INVALID_PRICE_TOO_LARGE", "PREVIEW_BREACHED_PRICE_LIMIT"),
        ),
        kit.RejectReason.BAD_QTY: (
            *_both("INVALID_SIZE_PRECISION"),
            *("PREVIEW_INVALID_BASE_SIZE_TOO_SMALL", "PREVIEW_INVALID_BASE_SIZE_TOO_LARGE"),
            *("PREVIEW_INVALID_QUOTE_SIZE_TOO_LARGE", "PREVIEW_INVALID_QUOTE_SIZE_PRECISION"),
            "PREVIEW_NON_NUMERIC_ORDER_SIZE",
        ),
        kit.RejectReason.MIN_NOTIONAL: (
            "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL",
            *_both("NOTIONAL_SIZE_BREACHES_FRACTIONAL_MINIMUM"),
        ),
        kit.RejectReason.POST_ONLY: _both("INVALID_LIMIT_PRICE_POST_ONLY"),
        kit.RejectReason.NO_MATCH: _both("INVALID_NO_LIQUIDITY"),
        kit.RejectReason.INSTRUMENT: (
            *_CLOSED,
            "ORDER_ENTRY_DISABLED",  # for all products, for the time of a maintenance
            *_both("PRODUCT_TRADING_HALTED", "NOT_ALLOWED_BY_MARKET_STATE", "MISSING_MARKET_TRADE_DATA"),
            "PREVIEW_MISSING_PRODUCT_PRICE_BOOK",
        ),
        kit.RejectReason.AUTH: _AUTH,
        kit.RejectReason.OTHER: (
            *_MODE,
            *_both("INVALID_SIDE", "BREACHED_RISK_LIMIT", "MAX_DAILY_VOLUME_NOTIONAL_BREACHED"),
            *("PREVIEW_COMPLIANCE_PURCHASE_LIMIT_EXCEEDED", "PREVIEW_MISSING_COMMISSION_RATE"),
            *("INVALID_REQUEST", "INVALID_ARGUMENT", "COMMANDER_REJECTED_NEW_ORDER"),
            *("invalid_request", "param_required", "validation_error"),
            *("TOO_MANY_OPEN_ORDERS", "RATE_LIMIT_EXCEEDED"),  # of an order that failed later
        ),
    },
    lasting=(*_AUTH, *_CLOSED, *_MODE),
    duplicate=("DUPLICATE_CLIENT_ORDER_ID",),
    # after the others the order may still be open, or it is said to have ended: it is queried
    gone=(
        *("UNKNOWN_CANCEL_ORDER", "DUPLICATE_CANCEL_REQUEST", "COMMANDER_REJECTED_CANCEL_ORDER"),
        *("ORDER_IS_FULLY_FILLED", "NOT_ALLOWED_TO_CANCEL", "INVALID_CANCEL_PRODUCT_ID", "INVALID_CANCEL_REQUEST"),
    ),
    absent=("NOT_FOUND",),
    throttled=("rate_limit_exceeded", "resource_exhausted", "RESOURCE_EXHAUSTED"),
    ambiguous=(
        *("UNKNOWN_FAILURE_REASON", "UNKNOWN_PREVIEW_FAILURE_REASON", "UNKNOWN_CANCEL_FAILURE_REASON"),
        *("REJECT_REASON_UNSPECIFIED", "PREVIEW_RISK_PROXY_FAILURE", "ORDER_IS_BEING_REPLACED"),
        "not_found",  # of the Coinbase App: also a wrong address
        *("internal_server_error", "INTERNAL", "UNAVAILABLE", "DEADLINE_EXCEEDED", "ABORTED", "unknown"),
    ),
    sayings=(kit.Saying(401, "timestamp expired", kit.RejectReason.CLOCK),),  # in ccxt's table
)
