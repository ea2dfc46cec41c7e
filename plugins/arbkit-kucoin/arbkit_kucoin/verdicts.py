"""What KuCoin's error codes prove about an order.

KuCoin has no page with all codes: these are of the pages of the calls, of its changes, and of clients that met them
(2026-11-30). Checks of parameters, prices, sizes, keys and closed pairs are made before an order exists. Throttles
prove nothing: 429000 is also the answer of an overloaded system, and no page says that the order was not taken. Errors
have the HTTP status 200 mostly.

400100 is the code of every parameter and of some states, so its text decides; without a known text it proves nothing.
"""

from __future__ import annotations

import arbkit.venue as kit

__all__ = ["VERDICTS", "coded"]

_KEY = ("400001", "400003", "400004", "400005", "400006", "400007", "400401")
_ACCOUNT = ("400303", "400500", "400700", "411100", "112010", "126047", "126048")
"""Identity, country, frozen, risk, a unified account."""
_CLOSED = ("400000", "400200", "400600", "900001", "126004", "126006", "126015")
_PARAMETER = "400100"

VERDICTS = kit.Verdicts(
    ok=("200000",),
    rejected={
        kit.RejectReason.INSUFFICIENT_FUNDS: ("200004", "210021", "230003", "126013"),
        kit.RejectReason.BAD_PRICE: ("300011", "400330", "400370", "400760", "126029", "126030", "126022"),
        kit.RejectReason.MIN_NOTIONAL: ("600100", "600101", "126003"),
        kit.RejectReason.INSTRUMENT: (*_CLOSED, "200001", "126007", "126009"),
        kit.RejectReason.CLOCK: ("400002", "126041"),
        kit.RejectReason.AUTH: (*_KEY, *_ACCOUNT),
        kit.RejectReason.OTHER: (
            *("404000", "415000", "400008", "400400", "401000"),  # path, content type, parameters
            *("200003", "126011"),  # too many active orders
            "400350",  # the most that may be held of a coin
        ),
    },
    lasting=(*_KEY, *_ACCOUNT, *_CLOSED),
    duplicate=("126033", "126044"),
    gone=("100004", "order_not_exist_or_not_allow_to_cancel", "Order not exist or not allow to be cancelled"),
    absent=("126043", "100001", "order_not_exist", "order not exist", "order not exist.", "The order does not exist."),
    # 200002: the page has "cancels are suspended", older ones "too many requests, blocked for 10 s"
    throttled=("429000", "200002"),
    ambiguous=("500000", "408000", "300000", "126038", "126039"),
    sayings=(
        kit.Saying(_PARAMETER, "clientOidDuplicated", kit.RejectReason.DUPLICATE),
        kit.Saying(_PARAMETER, "price", kit.RejectReason.BAD_PRICE),
        *(
            kit.Saying(code, words, kit.RejectReason.BAD_QTY)
            for code in (_PARAMETER, "600100")
            for words in ("order size", "quantity")
        ),
        kit.Saying(_PARAMETER, "unsupported trading pair", kit.RejectReason.INSTRUMENT, lasting=True),
    ),
)


def coded(code: str, text: str) -> str:
    """What stands in the table: the text where it is a code of its own, mostly beside 400100."""
    return text if text in VERDICTS.codes else code
