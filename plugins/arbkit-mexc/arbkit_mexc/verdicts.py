"""What MEXC's error codes prove about an order.

Source: https://www.mexc.com/api-docs/spot-v3/general-info (error codes), and codes of the same host that clients met.
Checks of parameters, prices, sizes, funds, keys and closed pairs are made before an order exists. Throttles, "repeated
request", internal errors and maintenance prove nothing.
"""

from __future__ import annotations

import arbkit.venue as kit

__all__ = ["VERDICTS"]

_KEY = (
    *(400, 401, 402, 403, 406, 511, 602, 701, 702, 703, 704, 1000, 10001, 10072, 30020, 700001, 700002, 700006, 700007),
    *(60005, 70011, 140002),  # restricted by risk control; identity
    10098,
)
_CLOSED = (10007, -1121, 1001, 30014, 30016, 30021, 26)

VERDICTS = kit.Verdicts(
    ok=(0, 200),
    rejected={
        kit.RejectReason.INSUFFICIENT_FUNDS: (2005, 10101, 30004, 30005, 88004, 88015),
        kit.RejectReason.BAD_PRICE: (30010, 30087, 2003),
        kit.RejectReason.BAD_QTY: (10095, 10096, 10097, 10102),
        kit.RejectReason.MIN_NOTIONAL: (30002,),
        kit.RejectReason.NO_MATCH: (30025,),
        kit.RejectReason.INSTRUMENT: (*_CLOSED, 30000, 30001),
        kit.RejectReason.CLOCK: (10073, 700003),
        kit.RejectReason.AUTH: _KEY,
        kit.RejectReason.OTHER: (
            30003,  # above the greatest notional
            *(30018, 30019, 30041),  # a type of order that the pair does not have
            *(30027, 30028, 30029, 30032),  # too many open orders, or too much of a coin
            *(
                513,
                1002,
                2009,
                600,
                601,
                -1128,
                2011,
                10015,
                10099,
                10100,
                10200,
                10201,
                10202,
                10206,
                10211,
                10212,
                10222,
            ),
            *(10232, 10268, 22222, 33333, 44444, 88013, 140001, 700004, 700005, 700008, 700013),
            *(730001, 730002, 730101, 730600, 730601, 730602, 730700, 730701, 730702, 730703, 730704, 730705),
            *(730706, 730707, 730708),
        ),
    },
    lasting=(*_KEY, *_CLOSED, 30018, 30019, 30041),
    duplicate=(603,),  # "repeated request": whether the first one was executed is asked for
    gone=(-2011, 30026),
    absent=(-2013,),
    throttled=(429, 418, 510),
    ambiguous=(
        *(500, 501, 503, 504, 20001, 20002),
        *(604, 801, 11444),  # maintenance: no word on execution
        *(10103, 10216, 10219, 10259, 10265, 88009, 730000, 730003, 730100),  # "try again", without a reason
    ),
)
