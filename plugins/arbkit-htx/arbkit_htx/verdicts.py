"""What HTX's error codes prove about an order.

Source: the sections "Error Code" of https://www.htx.com/en-us/opend/newApiPages/ (trading, and the asset and order
WebSocket), and the codes of ccxt's table that are not there. Codes of v1 are labels, those of v2 and of sockets are
numbers. Left out, because none of our calls can get them: codes of withdrawals, of conditional orders and of contracts.
"""

from __future__ import annotations

import arbkit.venue as kit

__all__ = ["OK", "VERDICTS"]

OK = "ok"
_KEY = (
    *("api-signature-not-valid", "api-signature-check-failed", "login-required", "403", "1003", "gateway-key-invalid"),
    *("api-not-support-temp-addr", "account-get-accounts-inexistent-error", "account-account-id-inexistent"),
    *("2000", "2002", "forbidden"),  # WebSocket: the address, the login
)
_CLOSED = (*("base-symbol-error", "invalid symbol", "invalid-symbol", "base-currency-error", "not-found-symbol"),)
_PAUSED = (
    *("symbol trade not open now", "forbidden-trade-for-open-protect", "cancel-disabled", "order-disabled"),
    *("market-orders-not-support-during-limit-price-trading", "base-symbol-trade-disabled"),
)

VERDICTS = kit.Verdicts(
    ok=(OK,),
    rejected={
        kit.RejectReason.INSUFFICIENT_FUNDS: (
            *("account-frozen-balance-insufficient-error", "order-accountbalance-error"),
        ),
        kit.RejectReason.BAD_PRICE: (
            *("order-orderprice-precision-error", "order-invalid-price", "order-etp-nav-price-max-error"),
            *(
                f"order-limitorder-price-{what}-error"
                for what in ("max", "min", "buy-max", "buy-min", "sell-max", "sell-min")
            ),
        ),
        kit.RejectReason.BAD_QTY: (
            *("invalid-amount", "order-orderamount-precision-error", "order-amount-over-limit"),
            *("order-limitorder-amount-min-error", "order-limitorder-amount-max-error"),
            *("order-marketorder-amount-min-error", "order-marketorder-amount-buy-max-error"),
            *("order-marketorder-amount-sell-max-error", "order-holding-limit-failed"),
        ),
        kit.RejectReason.MIN_NOTIONAL: ("order-value-min-error",),
        kit.RejectReason.INSTRUMENT: (*_CLOSED, *_PAUSED),
        kit.RejectReason.AUTH: _KEY,
        kit.RejectReason.OTHER: (
            *("bad-request", "validation-format-error", "validation-constraints-required", "base-argument-unsupported"),
            *("invalid-command", "require-symbol", "base-date-limit-error", "invalid-type", "2001"),
        ),
    },
    lasting=(*_KEY, *_CLOSED),
    duplicate=("invalid-client-order-id",),  # in use within 24 h: the first copy arrived
    gone=("order-orderstate-error", "order-user-cancel-forbidden"),
    absent=("base-record-invalid", "order-queryorder-invalid", "not-found", "base-not-found"),
    throttled=(
        *("rate-too-many-requests", "base-request-exceed-frequency-limit", "too-many-requests", "request limit"),
        *("510", "429", "4000"),
    ),
    ambiguous=(
        *("system-maintenance", "base-system-error", "timeout", "gateway-internal-error", "order-update-error"),
        *("500", "2003"),
    ),
    sayings=(
        kit.Saying("2002", "invalid.auth.state", kit.RejectReason.OTHER),  # not logged in yet: dial again
        # the code is also that of a wrong time; if its text says so, the key is not at fault
        kit.Saying("api-signature-not-valid", "timestamp", kit.RejectReason.CLOCK),
    ),
)
