"""What Crypto.com's codes prove about an order: of answers, and of the ``reason`` of a rejected order.

Source: https://exchange-developer.crypto.com/exchange/v1/docs ("Response and Reason Codes", as of 2026-08-11). The HTTP
status misleads: most refusals for risk and balance have 500, and the internal error 50001 has 400. So only the code
counts. Throttles prove nothing: no page says that such a request was not executed.

Left out, because none of our calls can get them: the codes from 301 that are about margin and positions.
"""

from __future__ import annotations

import arbkit.venue as kit

__all__ = ["VERDICTS"]

_KEY = (202, 40101, 40103, 40104)
_CLOSED = (208, 209)
_USER = (406, 410)

VERDICTS = kit.Verdicts(
    ok=(0,),
    rejected={
        kit.RejectReason.INSUFFICIENT_FUNDS: (302, 306, 320, 321),
        kit.RejectReason.BAD_PRICE: (308, 312, 313, 315),
        kit.RejectReason.BAD_QTY: (213, 314, 415, 30024),
        kit.RejectReason.NO_MATCH: (43003, 43004),
        kit.RejectReason.POST_ONLY: (43005,),
        kit.RejectReason.INSTRUMENT: (*_CLOSED, 206, 309),
        kit.RejectReason.CLOCK: (40102,),
        kit.RejectReason.AUTH: _KEY,
        kit.RejectReason.OTHER: (
            *_USER,
            *(203, 207, 210, 211, 214, 215, 216, 217, 218, 219, 220, 221, 222, 223, 224),
            *(225, 226, 227, 228, 229, 230, 307, 318),
            *(40001, 40002, 40003, 40004, 40005, 40107),
            43012,  # self-trade prevention
        ),
    },
    lasting=(*_KEY, *_CLOSED, *_USER),
    duplicate=(204, 205, 40006),
    gone=(212, 316),
    absent=(40401,),
    throttled=(42901,),
    ambiguous=(40801, 50001, 120009, 9010001),  # timeout, internal error, upstream, maintenance
)
