"""What Binance's error codes prove about an order.

Source: https://developers.binance.com/docs/binance-spot-api-docs/errors (2026-07-21), for the codes of the market
streams .../web-socket-streams. HTTP 429, 418, 403 and 5xx are not codes: they prove nothing, whatever code is inside.

Left out, because none of our calls can get them: -1033, -1035, -1169 to -1181 and -1183 to -1191 (FIX), -1152 to -1161
and -1221 (SBE), -1158, -1160, -1165, -1166, -1168 and -1196 to -1199 (OCO lists), -1210 and -1211 (pegged orders),
-1222 to -1225 (OPO lists), -3xxx and below (margin, wallet, futures, other products).
"""

from __future__ import annotations

import arbkit.venue as kit

__all__ = ["VERDICTS"]

_AUTH = (-1002, -1022, -2014, -2015)

_PLACING = (-1010, -1013, -2010)
"""The codes that share the texts of the page's "Messages for -1010, -2010, ..." and "Filter failures"."""
_TEXTS = (
    ("insufficient balance", kit.RejectReason.INSUFFICIENT_FUNDS, False),
    ("Duplicate order", kit.RejectReason.DUPLICATE, False),
    ("immediately match", kit.RejectReason.POST_ONLY, False),
    ("Market is closed", kit.RejectReason.INSTRUMENT, True),
    ("symbol is not permitted", kit.RejectReason.INSTRUMENT, True),
    ("symbol is restricted", kit.RejectReason.INSTRUMENT, True),
    ("action is disabled", kit.RejectReason.INSTRUMENT, True),
    ("account may not", kit.RejectReason.AUTH, True),
    ("trading is not enabled", kit.RejectReason.AUTH, True),  # the server of another environment
    ("supported for this symbol", kit.RejectReason.OTHER, True),  # market, iceberg, stop, ... orders
    ("not support for this symbol", kit.RejectReason.OTHER, True),  # as Binance spells it for quoteOrderQty
    ("Order book liquidity", kit.RejectReason.NO_MATCH, False),  # it names LOT_SIZE too
    ("Price * QTY", kit.RejectReason.MIN_NOTIONAL, False),
    ("NOTIONAL", kit.RejectReason.MIN_NOTIONAL, False),
    ("LOT_SIZE", kit.RejectReason.BAD_QTY, False),
    ("PRICE_FILTER", kit.RejectReason.BAD_PRICE, False),
    ("PERCENT_PRICE", kit.RejectReason.BAD_PRICE, False),
    ("Invalid quantity", kit.RejectReason.BAD_QTY, False),  # these two are not on the page
    ("Invalid price", kit.RejectReason.BAD_PRICE, False),
)

VERDICTS = kit.Verdicts(
    ok=(0,),
    rejected={
        kit.RejectReason.AUTH: _AUTH,
        kit.RejectReason.CLOCK: (-1021,),
        kit.RejectReason.INSTRUMENT: (-1121, -1220, -2016),
        kit.RejectReason.OTHER: (
            -1013,  # refused before the matching engine, with a text that is not in _TEXTS
            -1014,
            -1020,
            *(-1100, -1101, -1102, -1103, -1104, -1105, -1106, -1108, -1111),
            *(-1114, -1115, -1116, -1117, -1118, -1119, -1120, -1122, -1125, -1127, -1128, -1130),
            -1131,  # recvWindow; on the page of margin only
            *(-1134, -1135, -1139, -1145, -1151, -1182, -1194),
            -2010,
            *(-2035, -2036, -2042),  # subscription to the user data stream
            -2039,  # a cancel or query with two ids that do not belong together
            -2043,
            *(1, 2, 3),  # a market stream's answer to a malformed SUBSCRIBE
        ),
    },
    lasting=(*_AUTH, -1121),
    gone=(-2011,),
    absent=(-2013,),
    ended=(-2026,),
    throttled=(-1003, -1015, -1034),
    ambiguous=(
        *(-1000, -1001, -1006, -1007),
        -1008,  # overloaded; no word on execution
        -1010,  # from the matching engine, with a text that is not in _TEXTS
        -1016,  # shutting down; no word on execution
        -1112,
        *(-2021, -2022, -2038),  # cancel-replace and amend (not used): part of it may have been executed
    ),
    sayings=(
        *(kit.Saying(code, *text) for code in _PLACING for text in _TEXTS),
        kit.Saying(-1111, "quantity", kit.RejectReason.BAD_QTY),
        kit.Saying(-1111, "quoteOrderQty", kit.RejectReason.BAD_QTY),
        kit.Saying(-1111, "price", kit.RejectReason.BAD_PRICE),
    ),
)
