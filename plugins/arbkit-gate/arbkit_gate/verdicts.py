"""What Gate's error labels prove about an order.

Source: https://www.gate.com/docs/developers/apiv4/en/#label-list (REST v4.106.90, 2026-06-02), and the labels of
ccxt's table that are not on the page. The same labels stand in answers of the order socket; the numbers are those of
refused subscriptions (https://www.gate.com/docs/developers/apiv4/ws/en/#error).

Left out, because none of our calls can get them: labels of futures, loans, withdrawals and transfers.
"""

from __future__ import annotations

import arbkit.venue as kit

__all__ = ["OK", "VERDICTS"]

OK = "ok"
"""Stands for success, which has no label."""
_AUTH = (
    *("INVALID_KEY", "INVALID_SIGNATURE", "INVALID_CREDENTIALS", "AUTHENTICATION_FAILED", "MISSING_REQUIRED_HEADER"),
    *("IP_FORBIDDEN", "READ_ONLY", "FORBIDDEN"),
    *("ACCOUNT_LOCKED", "SUB_ACCOUNT_LOCKED", "SUB_ACCOUNT_NOT_FOUND", "USER_NOT_FOUND"),
    *("4", "6", "11"),  # a subscription without right
)
_CLOSED = ("INVALID_CURRENCY", "INVALID_CURRENCY_PAIR", "TRADE_RESTRICTED")

VERDICTS = kit.Verdicts(
    ok=(OK,),
    rejected={
        kit.RejectReason.INSUFFICIENT_FUNDS: ("BALANCE_NOT_ENOUGH", "MARGIN_BALANCE_NOT_ENOUGH"),
        kit.RejectReason.BAD_PRICE: ("PRICE_TOO_DEVIATED", "PRICE_THRESHOLD_EXCEEDED"),
        kit.RejectReason.BAD_QTY: ("INVALID_PRECISION", "AMOUNT_TOO_LITTLE", "AMOUNT_TOO_MUCH", "QUANTITY_NOT_ENOUGH"),
        kit.RejectReason.POST_ONLY: ("POC_FILL_IMMEDIATELY",),
        kit.RejectReason.NO_MATCH: ("FOK_NOT_FILL", "ORDER_BOOK_NOT_FOUND"),
        kit.RejectReason.INSTRUMENT: _CLOSED,
        kit.RejectReason.CLOCK: ("REQUEST_EXPIRED",),
        kit.RejectReason.AUTH: _AUTH,
        kit.RejectReason.OTHER: (
            *("INVALID_PARAM_VALUE", "INVALID_PROTOCOL", "INVALID_ARGUMENT", "INVALID_REQUEST_BODY", "BAD_REQUEST"),
            *("MISSING_REQUIRED_PARAM", "INVALID_CONTENT_TYPE", "NOT_ACCEPTABLE", "METHOD_NOT_ALLOWED", "NOT_FOUND"),
            *("TOO_MANY_ORDERS", "TOO_MANY_CURRENCY_PAIRS", "MIXED_ACCOUNT_TYPE", "MARGIN_NOT_SUPPORTED", "TOO_BIG"),
        ),
    },
    lasting=(*_AUTH, *_CLOSED),
    duplicate=("REPEATED_CREATION", "ORDER_EXISTS", "DUPLICATE_REQUEST"),
    gone=("ORDER_CLOSED", "ORDER_CANCELLED", "ORDER_FINISHED", "CANCEL_FAIL"),
    absent=("ORDER_NOT_FOUND", "CLIENT_ID_NOT_FOUND"),
    throttled=("TOO_MANY_REQUESTS", "TOO_FAST"),
    ambiguous=("TOO_BUSY", "SERVER_ERROR", "INTERNAL", "INTERNAL_SERVER_ERROR", "SERVER_TIMEOUT"),
    # what is wrong stands in the text, such as "Your order size 0.6 USDT is too small. The minimum is 3 USDT"
    sayings=(
        kit.Saying("INVALID_PARAM_VALUE", "your order size", kit.RejectReason.MIN_NOTIONAL),
        kit.Saying("INVALID_PRECISION", "price", kit.RejectReason.BAD_PRICE),
        kit.Saying("INVALID_PARAM_VALUE", "price", kit.RejectReason.BAD_PRICE),
        kit.Saying("INVALID_PARAM_VALUE", "amount", kit.RejectReason.BAD_QTY),
        kit.Saying("AUTHENTICATION_FAILED", "not login", kit.RejectReason.OTHER),  # the key is good: log in again
        kit.Saying("4", "REQUEST_EXPIRED", kit.RejectReason.CLOCK),
    ),
)
