"""What Bybit's return codes prove about an order.

Source: https://bybit-exchange.github.io/docs/v5/error (2026-07-24), sections "WS OE General code", "UTA" and "Spot
Trade". On the trade socket 10003 means "too many sessions under the same UID"; the session of that socket knows it.

Left out, because none of our calls can get them (a code of these ranges that stands in the table counts):
110005 to 110062 and 110064 to 110093 (positions, leverage, risk limits, triggers, TP/SL, amending), 110095 to 110107
(pre-market and inverse contracts), 110110 to 110119 (spreads, RPI orders), 110131 to 110137 (perpetuals, events),
170202 to 170206 (triggers), 170310 to 170313 (amending), 170355 (RPI orders), 301xx (loans), 30035 and 32xxxxx
(options), 3100xxx and 34xxxxx (upgrades and settings of the account), 34040, 181017, 182xxx, 5000xx; and every other
section of the page (spot margin, assets, loans, brokers, earn, RFQ, strategies).
"""

from __future__ import annotations

import arbkit.venue as kit

__all__ = ["VERDICTS"]

_AUTH = (
    *(10003, 10004, 10005, 10007, 10010, -2015, 33004),
    *(10008, 10009, 10027),  # the account is banned, or its region
    *(10028, 100028, 110067, 110069, 110088),  # not with this kind of account
    170348,  # the account belongs to another site
)
_CLOSED = (
    *(10024, 10029, 30228, 110050, 110070, 110074, 110132),
    *(110123, 110125, 170241),  # a person must agree to terms first
    *(170037, 170121, 170151, 170157, 170209, 170219, 170221, 170224),
    *(170344, 170346, 170358, 170359, 170360, 170709),
)
"""Closed to this account, or to all, until somebody changes something."""
_MODE = (110068, 170036, 170227, 3200403)
"""What this account mode does not offer."""

VERDICTS = kit.Verdicts(
    ok=(0,),
    rejected={
        kit.RejectReason.INSUFFICIENT_FUNDS: (
            *(30256, 110004, 110006, 110007, 110012, 110044, 110045, 110051, 110052, 110053),
            *(170033, 170034, 170131, 170207),
        ),
        kit.RejectReason.BAD_PRICE: (
            *(30208, 30209, 110003, 110120, 110121),
            *(170132, 170133, 170134, 170192, 170193, 170194, 170371, 170372),
        ),
        kit.RejectReason.BAD_QTY: (
            *(110017, 170010, 170011, 170019, 170124, 170136, 170137, 170148, 170228, 170229),
            *(170341, 170381, 170382),
        ),
        kit.RejectReason.MIN_NOTIONAL: (110094, 170140),
        kit.RejectReason.POST_ONLY: (110103, 170217, 170218),
        kit.RejectReason.NO_MATCH: (110118,),
        kit.RejectReason.INSTRUMENT: (
            *_CLOSED,
            *(110063, 110066, 110124, 170159),  # settlement, not now, cooling-off, the first minutes of a pair
        ),
        kit.RejectReason.CLOCK: (-1, 10002),
        kit.RejectReason.AUTH: _AUTH,
        kit.RejectReason.OTHER: (
            *_MODE,
            *(10001, 10017, 10404, 110018, 110019, 110020, 110032, 110108, 110109, 110122),
            *(170105, 170115, 170116, 170117, 170130, 170145, 170201, 170210, 170810),
            *(170215, 170216, 170220, 170223, 170226, 170230),  # limits of a loan, liquidation
            3100197,  # the account is being upgraded
        ),
    },
    lasting=(*_AUTH, *_CLOSED, *_MODE),
    duplicate=(10014, 110030, 110072, 170141),
    gone=(110008, 110010, 170139, 170142, 170190),
    absent=(110001, 170143, 170213),
    throttled=(429, 10006, 10018, 10403, 10429, 20003, 170005, 170222),
    ambiguous=(
        *(10000, 10016, 3400214, 170001, 170007, 170032, 170146, 170147, 170149, 170150, 170234),
        10019,  # this node restarts; an order in flight may have been taken
        20001,  # not on the page: the socket is logged in already
        20006,  # reqId in use: the first request may have been executed
        40004,
        *(110079, 170035, 170144, 170191, 170212),  # still processing
        170031,  # suspended; no word on execution
        *(170195, 170196, 170197, 170198, 170199, 170200),  # worded as a warning
    ),
)
