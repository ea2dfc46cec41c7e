"""What Bitstamp's error codes and texts prove about an order.

Source: https://www.bitstamp.net/api/ (sections "Error codes" and "Authentication", 2026-11-29), and the texts of ccxt
4.5.90 for errors that come without a code. An error has a code (``API0004``, ``400.009``), or only a text: then its
code here is ``TEXT``, and the words decide. Words that are on no list prove nothing.
"""

from __future__ import annotations

import arbkit.venue as kit

__all__ = ["ABSENT", "OK", "TEXT", "VERDICTS"]

OK = "ok"
"""Stands for success, which has no code."""
TEXT = "text"
"""Stands for an error that has no code."""
ABSENT = "404.002"
"""An order that is not there; the text "Order not found" alone means the same."""
_KEY = ("API0001", "API0002", "API0003", "API0005", "API0006", "API0011", "403.004")
_SYMBOL = ("400.003", "404.003")


def _words(reason: kit.RejectReason, *words: str, lasting: bool = False) -> list[kit.Saying]:
    return [kit.Saying(TEXT, each, reason, lasting) for each in words]


VERDICTS = kit.Verdicts(
    ok=(OK,),
    rejected={
        kit.RejectReason.INSUFFICIENT_FUNDS: ("400.009", "400.075"),
        kit.RejectReason.BAD_QTY: ("400.005", "400.020", "400.037", "400.038", "400.039", "400.046"),
        kit.RejectReason.BAD_PRICE: ("400.006", "400.021"),
        kit.RejectReason.INSTRUMENT: _SYMBOL,
        # both are refused before the order is read; the next request has another nonce and time
        kit.RejectReason.CLOCK: ("API0004", "API0017"),
        kit.RejectReason.AUTH: _KEY,
        kit.RejectReason.OTHER: ("400.001", "400.004", "400.014", "400.015", "400.016", "400.017", "API0020"),
    },
    lasting=(*_KEY, *_SYMBOL),
    duplicate=("400.019",),
    absent=("404.001", ABSENT),
    throttled=("400.002", "400.067", "400.068"),
    ambiguous=("500.001", "500.002", "500.003"),
    sayings=(
        *_words(kit.RejectReason.INSUFFICIENT_FUNDS, "check your account balance"),
        *_words(kit.RejectReason.MIN_NOTIONAL, "minimum order size is"),
        kit.Saying("400.046", "minimum order size is", kit.RejectReason.MIN_NOTIONAL),
        # the name of the parameter stands before its text
        *_words(kit.RejectReason.BAD_PRICE, "price: ensure that there are no more than", "price is more than"),
        *_words(kit.RejectReason.BAD_QTY, "amount: ensure that there are no more than"),
        *_words(
            kit.RejectReason.AUTH,
            *("api key not found", "wrong api key format", "invalid signature", "authentication failed"),
            *("missing key, signature and nonce", "no permission found", "ip address not allowed"),
            *("your account is frozen", "update your profile with your fatca"),
            "trading is currently unavailable for your account",
            lasting=True,
        ),
        *_words(kit.RejectReason.CLOCK, "invalid nonce"),
    ),
)
"""Texts that are left out on purpose: "Order could not be placed." (a halt, or an internal error) and the notice of a
maintenance prove nothing; "Invalid offset." and "Ensure this value has at least" answer no call about an order."""
