"""What Bitget's error codes prove about an order.

Source: https://www.bitget.com/api-doc/spot/error-code/restapi and .../websocket (as of 2025-11-30). The codes were
unified on 2025-10-14, "one code, one message"; some older ones still come. Codes of the page for parameters, prices,
sizes, keys and closed pairs are checks that are made before an order exists. Throttles prove nothing.

Left out, because none of our calls can get them (a code of these ranges that stands in the table counts): 11000 to
13999 (convert, withdrawals), 19000 and 31000 to 31999 (copy trading), 22002 to 22067 (positions), 40714 to 40939
(contracts), 43013 to 43137 (TP/SL, copy trading, withdrawals), 45003 to 45129 (positions), 47001 to 49999 (addresses,
custody), 50001 to 50063 (margin), 59000 to 90001 (savings, P2P, loans), 25000 to 25999 (v3, for unified accounts) and
95001 to 95014 (institutional loans).
"""

from __future__ import annotations

import arbkit.venue as kit

__all__ = ["VERDICTS"]

_KEY = (
    *("40001", "40002", "40003", "40006", "40009", "40011", "40012", "40036", "40037", "40041"),
    *("40014", "40018", "40025", "40038", "40040", "40061", "40068", "40199", "40301", "22010"),  # rights, addresses
    *("30005", "30011", "30012", "30015"),  # WebSocket: the login failed, key, passphrase, signature
)
_ACCOUNT = (
    *("40013", "40022", "40023", "40024", "40026", "40031", "40710", "40752", "40760", "70227"),
    *("50012", "50013", "50019", "50023", "50064"),
    *("40016", "40035", "40100", "40101", "40103", "40104", "40111"),  # identity, country
    "40085",  # a unified account: this is the API of classic accounts
)
_CLOSED = ("22004", "40102", "40309", "40845", "41104", "41113", "42016", "50024", "50028", "50065")
_MODE = ("40081", "40105", "40110", "40805", "40806", "40919")
"""What this environment or account does not offer."""

VERDICTS = kit.Verdicts(
    ok=("00000",),
    rejected={
        kit.RejectReason.INSUFFICIENT_FUNDS: ("40754", "40762", "43012", "43132", "45002", "45008", "50020"),
        kit.RejectReason.BAD_PRICE: (
            *("40706", "40748", "40815", "40816", "43008", "43009", "43028", "43039", "43040", "45035", "45115"),
            *("50018", "50046", "50047"),
        ),
        kit.RejectReason.BAD_QTY: (
            *("22034", "22038", "43006", "43007", "43037", "43038", "43041", "45111", "45112", "45113", "45114"),
            *("50016", "50017"),
        ),
        kit.RejectReason.MIN_NOTIONAL: ("43010", "43027", "43042", "45110"),
        kit.RejectReason.NO_MATCH: ("22045", "40721", "40824", "45123", "70220"),
        kit.RejectReason.INSTRUMENT: (
            *_CLOSED,
            *("40844", "41114", "43115", "43119", "43120", "45043", "50025", "50026", "50027", "50029", "50030"),
        ),
        kit.RejectReason.CLOCK: ("40004", "40005", "40008", "40078", "30013", "30014"),
        kit.RejectReason.AUTH: (*_KEY, *_ACCOUNT),
        kit.RejectReason.OTHER: (
            *_MODE,
            # parameters
            *("00001", "00171", "00172", "01001", "01002", "01003", "20001", "20002", "25100", "40007", "40017"),
            *("40019", "40020", "40034", "40053", "40054", "40057", "40058", "40059", "40064", "40079", "40303"),
            *("40304", "40305", "40306", "40402", "40404", "40408", "40409", "40704", "40705", "40707", "40724"),
            *("40808", "40811", "40812", "40813", "40902", "40912", "40913", "40924", "41002", "41100", "41101"),
            *("41103", "42072", "43011", "43048", "43058", "43111", "43123", "43125", "43130", "48001", "48002"),
            *("50011", "50061", "50063", "70006", "70101", "400172"),
            # too many open orders
            *("40723", "40761", "43005", "43128", "45118", "50048", "70223"),
            # quotas of an account or a coin
            *("13007", "13008", "13009", "43122", "46013", "50068", "50081", "70221", "70222", "70224", "70225"),
            *("40930", "45009", "45056", "45129"),
            *("30001", "30002", "30003", "30004", "30016"),  # WebSocket: requests, not orders
        ),
    },
    lasting=(*_KEY, *_ACCOUNT, *_CLOSED, *_MODE),
    duplicate=("40708", "40786", "43118", "45034", "50060"),
    gone=("22001", "43004", "45031", "45055", "50062", "80011"),
    absent=("40109", "40768", "43001", "45057"),
    throttled=("429", "30006", "30007", "70228"),
    ambiguous=(
        *("40010", "40910", "40908"),  # timed out, or a concurrent operation
        *("40015", "40200", "40725", "40846", "40847", "40856", "43059", "45001", "50031", "80002"),
        *("43002", "43003", "45023", "45024", "70229"),  # "pending order failed" and the like do not say when
    ),
    # one code for every parameter: a price or a size that our rules let pass, so the rules are read again
    sayings=(
        kit.Saying("40808", "price", kit.RejectReason.BAD_PRICE),
        kit.Saying("40808", "size", kit.RejectReason.BAD_QTY),
    ),
)
