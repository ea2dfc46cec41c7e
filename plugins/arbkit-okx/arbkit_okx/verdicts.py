"""What OKX's error codes prove about an order.

Source: https://www.okx.com/docs-v5/en/#error-code, sections "REST API: Public" (2026-06-15) and "WebSocket: Public".
An order's own code is the ``sCode`` of its row; the ``code`` of the whole answer ("1", "2") proves nothing.

Left out, because none of our calls can get them (a code of these ranges that stands in the table counts):
50023, 50044 to 50058, 50063 to 50069, 50116 and 50118 (derivatives, demo money, loans, brokers); 51002 to 51108 and
51112 to 51195 (contracts, options, positions, TP/SL, lead trades); 51207 to 51399, 51415 and 51416 (bots, algo orders);
51500 to 51543 (amending); 51604 to 51999 (statements, affiliates, simple trade); 54005 to 54092 (contracts, collateral
of margin, RPI orders); 55000 to 59999 (futures, funding, sub-accounts, settings of the account); 1009 and 4xxx (close
frames of the socket, not messages).
"""

from __future__ import annotations

import arbkit.venue as kit

__all__ = ["VERDICTS"]

_AUTH = (
    *("50007", "50008", "50012", "50027", "50028", "50029", "50030", "50035", "50059", "50060"),  # the account
    "51010",  # not in this account mode
    *("50100", "50101", "50103", "50104", "50105", "50106", "50107", "50108", "50109", "50110"),
    *("50111", "50113", "50114", "50119", "50120", "50121"),
    *("60005", "60007", "60009", "60024", "60026"),
)
_CLOSED = (
    *("50032", "50033", "50051", "50052", "50075"),  # currency, instrument, country
    *("51001", "51009", "51012", "51015", "51021", "51022", "51024", "51087", "51155"),
    *("54000", "54007", "54072"),
    *("59113", "59114"),  # no margin in this region
)
"""Closed to this account, or to all, until somebody changes something."""
_MODE = (
    *("50031", "50038", "50041", "50053", "50067", "50072"),
    *("51128", "51133", "51139", "51411", "54001", "54008"),
    "64003",  # fee tier
)
"""What this account, mode or environment does not offer."""

VERDICTS = kit.Verdicts(
    ok=("0",),
    rejected={
        kit.RejectReason.INSUFFICIENT_FUNDS: ("51008", "51017", "51127", "51131", "59200", "59201"),
        kit.RejectReason.BAD_PRICE: ("51006", "51116", "51122", "51137", "51138", "51204"),
        kit.RejectReason.BAD_QTY: (
            *("50122", "51005", "51020", "51033", "51120", "51121", "51185", "51201", "51202", "51203"),
            *("54018", "54019"),
        ),
        kit.RejectReason.MIN_NOTIONAL: ("54051",),
        kit.RejectReason.NO_MATCH: ("51109", "51140"),
        kit.RejectReason.INSTRUMENT: (
            *_CLOSED,
            *("51110", "51124", "51196", "51197", "51505", "51507"),  # phases of an auction or a new listing
            *("54012", "54073", "54094"),  # no depth, depegging, cool-off period
        ),
        kit.RejectReason.CLOCK: ("50036", "50037", "50102", "50112", "60004", "60006"),
        kit.RejectReason.AUTH: _AUTH,
        kit.RejectReason.OTHER: (
            *_MODE,
            *("50000", "50002", "50006", "50010", "50014", "50015", "50016", "50024", "50025", "50039"),
            *("50076", "50077", "50115"),
            *("50009", "50017", "50018", "50019", "50020", "50021", "50022"),  # frozen by a liquidation; it passes
            *("51000", "51003", "51025", "51102", "51111", "51123", "51129", "51130", "51150", "51174"),
            *("51175", "51176", "51180", "51205", "51206"),
            *("51037", "51038", "51209", "51210", "51211", "51212", "51213", "54035"),  # only what lowers the risk
            *("51403", "51404", "51406", "51407", "51408", "51409", "51413", "54048"),  # refused cancels
            *("51600", "51601", "51602", "52000"),
            *("54009", "54029", "54036", "59110"),
            "60011",  # not logged in any more
            *("60008", "60012", "60013", "60018", "60019", "60027", "60028", "60033"),
            *("64000", "64001", "64002", "64004"),
        ),
    },
    lasting=(*_AUTH, *_CLOSED, *_MODE),
    duplicate=("50071", "51011", "51016"),
    # 51401, 51402, 51509 and 51510 are listed for spread trading; after 51410 (canceling) and 51412 (the cancel timed
    # out) the order may still be open.
    gone=("51063", "51400", "51401", "51402", "51405", "51410", "51412", "51503", "51509", "51510"),
    absent=("51603",),
    throttled=("50011", "50040", "50061", "51113", "60014", "60023"),
    ambiguous=(
        *("1", "2"),  # see the rows
        *("50001", "50004", "50005", "50013", "50026", "50046", "50062", "51054", "51149"),
        "50042",  # repeated request: the first one may have been executed
        "54004",  # another order of the batch failed
        "64007",
        "64008",  # notice before a planned disconnect
    ),
    # the text names the parameter: a price or a size that our rules let pass, so the rules are read again
    sayings=(
        kit.Saying("51000", "parameter px", kit.RejectReason.BAD_PRICE),
        kit.Saying("51000", "parameter sz", kit.RejectReason.BAD_QTY),
    ),
    login={
        "60031": "the key belongs to another region or environment, or this connection is logged in already: check "
        "'environment' and the option 'region'",
        "60032": "this region and environment do not know the key: check 'environment' and the option 'region', or "
        "make a new key",
        "63999": "OKX could not log the key in: start again later; if it happens again, check the key on OKX's website",
    },
)
