"""What Kraken's error texts prove about an order.

Source: https://docs.kraken.com/api/docs/guides/spot-errors (2026-05-27). Kraken has no codes: a code here is the
beginning of a text, and what follows it (a parameter, an explanation in brackets) is the text. All texts of that page
are in a class, except those that only margin orders and withdrawals can get: ``EOrder:Cannot open opposing position``,
``EOrder:Cannot open position``, ``EOrder:Margin ...``, ``EOrder:Positions limit exceeded``, ``EOrder:Reduce only:...``,
``EOrder:Unknown position``, ``EFunding:Max fee exceeded``. Not on that page, and seen by others: the texts of ccxt
4.5.90, ``EOrder:Post only order`` and ``cl_ord_id not unique``.
"""

from __future__ import annotations

import arbkit.venue as kit

__all__ = ["VERDICTS", "coded"]

_AUTH = (
    *("EAPI:Invalid key", "EAPI:Invalid signature", "EGeneral:Permission denied", "EAccount:Invalid permissions"),
    *("EAuth:Account temporary disabled", "EAuth:Account unconfirmed", "ETrade:User Locked"),
    "EOrder:Trading agreement required",
)
_UNKNOWN_PAIR = ("EQuery:Unknown asset pair", "EQuery:Invalid asset pair", "EQuery:Unknown asset")

VERDICTS = kit.Verdicts(
    ok=("ok",),
    rejected={
        kit.RejectReason.INSUFFICIENT_FUNDS: ("EOrder:Insufficient funds", "EOrder:Insufficient margin"),
        kit.RejectReason.BAD_PRICE: (
            *("EOrder:Tick size check failed", "EOrder:Invalid price", "EGeneral:Invalid arguments:price"),
        ),
        kit.RejectReason.BAD_QTY: ("EOrder:Order minimum not met", "EGeneral:Invalid arguments:volume"),
        kit.RejectReason.MIN_NOTIONAL: ("EOrder:Cost minimum not met",),
        kit.RejectReason.POST_ONLY: ("EOrder:Post only order",),
        kit.RejectReason.INSTRUMENT: (
            *_UNKNOWN_PAIR,
            "EService:Market in",  # cancel_only, post_only or limit_only mode
            "EBM:limit exceeded:CAL",  # purchases of this asset by a Canadian account
        ),
        # refused before the request is read; the next one has a higher nonce
        kit.RejectReason.CLOCK: ("EAPI:Invalid nonce",),
        kit.RejectReason.AUTH: _AUTH,
        kit.RejectReason.OTHER: (
            *("EGeneral:Invalid arguments", "ETrade:Invalid request", "ESession:Invalid session"),
            *("EOrder:Orders limit exceeded", "EOrder:Scheduled orders limit exceeded"),
        ),
    },
    lasting=(*_AUTH, *_UNKNOWN_PAIR, "EBM:limit exceeded:CAL"),
    duplicate=("EGeneral:Invalid arguments:cl_ord_id not unique",),
    gone=("EOrder:Unknown order", "EOrder:Invalid order", "EOrder:Cancel pending"),
    throttled=(
        *("EAPI:Rate limit exceeded", "EOrder:Rate limit exceeded", "EOrder:Domain rate limit exceeded"),
        *("EService:Throttled", "EGeneral:Too many requests", "EAuth:Too many requests", "EAuth:Rate limit exceeded"),
        "EGeneral:Temporary lockout",  # after wrong keys: not even this says that the order does not exist
    ),
    ambiguous=(
        *("EService:Unavailable", "EService:Busy", "EGeneral:Internal error", "EDatabase:Internal error"),
        # "the engine should reject" an order after its deadline; no page says that it had none of it before
        "EService:Deadline elapsed",
    ),
    # an asset that the account's country may not trade: the key is good
    sayings=(
        kit.Saying("EAccount:Invalid permissions", "trading restricted", kit.RejectReason.INSTRUMENT, lasting=True),
    ),
)
_LONGEST_FIRST = sorted((code for code in VERDICTS.codes if isinstance(code, str)), key=len, reverse=True)


def coded(error: str) -> tuple[str, str]:
    """The code that an error text begins with, and the rest of it. An unknown text is its own code."""
    error = error.replace(": ", ":", 1)
    code = next((code for code in _LONGEST_FIRST if error.startswith(code)), error)
    return code, error[len(code) :].strip()
