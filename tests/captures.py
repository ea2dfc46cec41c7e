"""A run on a terminal, as docs/terminal.md shows it: the same events on a screen of any width.

``python tests/captures.py`` writes the captures into the page.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from screens import Terminal

from arbkit.monitor.board import Board
from arbkit.monitor.face import Face
from arbkit.monitor.picture import Picture, VenueLine

SECOND = 1_000_000_000
NOON = 1_700_049_600 * SECOND
VENUES = [VenueLine("binance"), VenueLine("okx"), VenueLine("bybit", "own fees unknown")]
EVENTS: list[tuple[float, str, dict[str, Any]]] = [
    (
        1,
        "venue.account",
        {"venue": "okx", "warning": "the key has no address list: it expires after 14 days without use"},
    ),
    (
        2,
        "venue.ready",
        {
            "venue": "binance",
            "holds": {"USDT": "2500", "BTC": "0.05"},
            "taker": "0.1 %",
            "maker": "0.1 %",
            "least_order": "5 USDT",
        },
    ),
    (2, "venue.ready", {"venue": "okx", "holds": {"USDT": "2480.5"}, "taker": "0.1 %", "maker": "0.08 %"}),
    (
        65,
        "deal.closed",
        ("binance", "61653.73", "okx", "61703.6", {"USDT": "0.42", "BTC": "-0.00000001"}, "hedged", 14),
    ),
    (71, "book.lost", {"instrument": "binance:BTC-USDT", "why": "sequence gap: 1942 then 1945..1981"}),
    (72, "book.synced", {"instrument": "binance:BTC-USDT", "s": 0.9}),
    (80, "deal.closed", ("okx", "61648.1", "binance", "61705.02", {"USDT": "0.48"}, "hedged", 9)),
    (84, "venue.throttled", {"venue": "binance", "bucket": "*", "ms": 950.0}),
    (85, "venue.resumed", {"venue": "binance"}),
    (90, "order.unknown", {"cl_ord_id": "a1mlv09lco96nki1", "instrument": "okx:BTC-USDT"}),
    (93, "order.proved", {"cl_ord_id": "a1mlv09lco96nki1", "instrument": "okx:BTC-USDT", "status": "filled"}),
    (93, "deal.closed", ("okx", "61640", "binance", "61702.5", {"USDT": "0.44"}, "hedged", 3012)),
    (
        97,
        "link.down",
        {"link": "okx.public.0", "why": "the connection ended without a close frame (1006)", "retry_ms": 34},
    ),
    (97.1, "link.ready", {"link": "okx.public.0"}),
    (99, "deal.closed", ("binance", "61661.4", "okx", "61699.2", {"USDT": "0.09"}, "completed", 84)),
]
_WHY = "0.0031 completed; 0.0000002 BTC left, too little to trade"


def picture(**changed: Any) -> Picture:
    """A run after a minute."""
    made: dict[str, Any] = {
        "at_ns": NOON,
        "began_ns": NOON,
        "kind": "paper",
        "mode": "active",
        "venues": VENUES,
        "marked": "1.43",
        "deals": {"completed": 1, "hedged": 12},
        "idle": "2 of 2 pairs: fees, as binance:BTC-USDT>okx:BTC-USDT: the edge is 0.061% at the best prices, after "
        "fees and slippage; it needs 0.100%",
        "books": (4, 6),
    }
    return Picture(**{**made, **changed})


def terminal(columns: int, rows: int, now: Callable[[], int], **env: str) -> tuple[Terminal, Face]:
    """A terminal, and a face that draws on it often."""
    made = Terminal(columns, rows)
    return made, Face(made.stream, now, env={"TERM": "xterm", **env}, tick_s=0.01)


def play(board: Board) -> int:
    """Tell all events. Returns the time after the last one."""
    at_ns = NOON
    for at_s, event, fields in EVENTS:
        at_ns = NOON + round(at_s * SECOND)
        if isinstance(fields, tuple):
            bought, low, sold, high, net, outcome, ms = fields
            legs = [
                {"side": "buy", "instrument": f"{bought}:BTC-USDT", "qty": "0.00812", "px": low},
                {"side": "sell", "instrument": f"{sold}:BTC-USDT", "qty": "0.00811", "px": high},
            ]
            why = "" if outcome == "hedged" else _WHY
            fields = {"legs": legs, "net": net, "outcome": outcome, "ms": ms, "why": why, "pair": ""}
        board(at_ns, event, fields)
    return at_ns + SECOND


def capture(columns: int) -> str:
    """The screen after the events."""
    now = [NOON]
    made, face = terminal(columns, 34, lambda: now[0], NO_COLOR="1")
    try:
        board = Board(face)
        now[0] = play(board)
        board.show(picture(at_ns=now[0]))
        made.until(lambda text: "-- paper" in text and "completed; 0.0000002" in re.sub(r"\s+", " ", text))
        while made.read():
            pass
        return "\n".join(made.shown).rstrip()
    finally:
        face.close()
        made.close()


if __name__ == "__main__":
    page = Path(__file__).parent.parent / "docs/terminal.md"
    text = page.read_text()
    for columns in (80, 120):
        text = re.sub(
            rf"(<!-- {columns} columns -->\n```text\n).*?(\n```)",
            lambda found, columns=columns: found[1] + capture(columns) + found[2],
            text,
            flags=re.S,
        )
    page.write_text(text)
