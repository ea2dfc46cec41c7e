"""What Binance's error codes prove about an order.

Source: https://developers.binance.com/docs/binance-spot-api-docs/errors (2026-07-21), for the codes of the market
streams .../web-socket-streams. HTTP 429, 418, 403 and 5xx are not codes: they prove nothing, whatever code is inside.

Left out, because none of our calls can get them: -1033, -1035, -1169 to -1181 and -1183 to -1191 (FIX), -1152 to -1161
and -1221 (SBE), -1158, -1160, -1165, -1166, -1168 and -1196 to -1199 (OCO lists), -1210 and -1211 (pegged orders),
-1222 to -1225 (OPO lists), -3xxx and below (margin, wallet, futures, other products).
"""

from __future__ import annotations

from arbkit.venue import RejectReason, Saying, Verdicts

__all__ = ["VERDICTS"]

_AUTH = (-1002, -1022, -2014, -2015)

_PLACING = (-1010, -1013, -2010)
"""The codes that share the texts of the page's "Messages for -1010, -2010, ..." and "Filter failures"."""
_TEXTS = (
    ("insufficient balance", RejectReason.INSUFFICIENT_FUNDS, False),
    ("Duplicate order", RejectReason.DUPLICATE, False),
    ("immediately match", RejectReason.POST_ONLY, False),
    ("Market is closed", RejectReason.INSTRUMENT, True),
    ("symbol is not permitted", RejectReason.INSTRUMENT, True),
    ("symbol is restricted", RejectReason.INSTRUMENT, True),
    ("action is disabled", RejectReason.INSTRUMENT, True),
    ("account may not", RejectReason.AUTH, True),
    ("trading is not enabled", RejectReason.AUTH, True),  # the server of another environment
    ("supported for this symbol", RejectReason.OTHER, True),  # market, iceberg, stop, ... orders
    ("not support for this symbol", RejectReason.OTHER, True),  # as Binance spells it for quoteOrderQty
    ("Order book liquidity", RejectReason.NO_MATCH, False),  # it names LOT_SIZE too
    ("Price * QTY", RejectReason.MIN_NOTIONAL, False),
    ("NOTIONAL", RejectReason.MIN_NOTIONAL, False),
    ("LOT_SIZE", RejectReason.BAD_QTY, False),
    ("PRICE_FILTER", RejectReason.BAD_PRICE, False),
    ("PERCENT_PRICE", RejectReason.BAD_PRICE, False),
    ("Invalid quantity", RejectReason.BAD_QTY, False),  # these two are not on the page
    ("Invalid price", RejectReason.BAD_PRICE, False),
)

VERDICTS = Verdicts(
    ok=(0,),
    rejected={
        RejectReason.AUTH: _AUTH,
        RejectReason.CLOCK: (-1021,),
        RejectReason.INSTRUMENT: (-1121, -1220, -2016),
        RejectReason.OTHER: (
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
        *(Saying(code, *text) for code in _PLACING for text in _TEXTS),
        Saying(-1111, "quantity", RejectReason.BAD_QTY),
        Saying(-1111, "quoteOrderQty", RejectReason.BAD_QTY),
        Saying(-1111, "price", RejectReason.BAD_PRICE),
    ),
)
