"""The terminal of a run, seen on the model of a screen."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import ROUND_UP, Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
from captures import NOON, SECOND, VENUES, capture, picture, terminal
from hypothesis import given, settings
from hypothesis import strategies as some
from rich.cells import cell_len
from screens import Terminal

from arbkit.monitor import words
from arbkit.monitor.board import Board
from arbkit.monitor.face import Face
from arbkit.monitor.header import header, lines
from arbkit.monitor.picture import ClosedDeal, Shown
from arbkit.monitor.words import Words, line

ARBKIT = Path(sys.executable).parent / "arbkit"
PAGES = Path(__file__).parent.parent.parent / "docs"


@pytest.fixture
def made() -> Iterator[Callable[..., tuple[Terminal, Face]]]:
    """Makes a terminal and a face on it."""
    opened: list[Terminal] = []

    def make(columns: int = 80, rows: int = 24, now: Callable[[], int] = lambda: NOON, **env: str) -> Any:
        made, face = terminal(columns, rows, now, **env)
        opened.append(made)
        return made, face

    yield make
    for each in opened:
        each.close()


@pytest.mark.parametrize("columns", [80, 120])
def test_the_page_shows_what_a_terminal_shows(columns: int) -> None:
    """The captures of docs/terminal.md are these screens (``python tests/captures.py`` writes them)."""
    page = (PAGES / "terminal.md").read_text()
    assert f"```text\n{capture(columns)}\n```" in page


def test_lines_scroll_and_the_header_stays_below_them(made: Callable[..., Any]) -> None:
    """Every line once, in its order; one header, the newest; nothing of it is left at the end."""
    now = [NOON]
    screen, face = made(now=lambda: now[0])
    board = Board(face)
    for i in range(60):
        now[0] += SECOND
        board.show(picture(at_ns=now[0], marked=f"{i}"))
        board(now[0], "venue.notice", {"venue": "okx", "text": f"line {i}."})
        screen.until(lambda text, i=i: f"line {i}." in text)
    text = screen.until(lambda text: "+59.00 USDT" in text)
    assert text.count("-- paper") == 1
    assert screen.shown[-8].startswith("-- paper active")
    face.close()
    while screen.read():
        pass
    assert re.findall(r"line (\d+)\.", screen.text) == [str(i) for i in range(60)]
    assert "-- paper" not in screen.text
    assert screen.screen.cursor.x == 0
    assert not screen.shown[screen.screen.cursor.y]


@pytest.mark.parametrize("sizes", [[(120, 40), (60, 20)], [(60, 12), (120, 40)], [(45, 10), (20, 4), (80, 24)]])
def test_a_terminal_may_change_its_size(made: Callable[..., Any], sizes: list[tuple[int, int]]) -> None:
    """Wider, narrower, too small for a header, and back: one header at most, on a screen that it fits."""
    screen, face = made()
    board = Board(face)
    board.show(picture())
    screen.until(lambda text: "-- paper" in text)
    for number, (columns, rows) in enumerate(sizes):
        screen.resize(columns, rows)
        board(NOON, "venue.notice", {"venue": "okx", "text": f"size {number}"})
        screen.until(lambda text, number=number: f"size {number}" in text)
        while screen.read():
            pass
        heads = [shown for shown in screen.shown if shown.startswith("-- paper")]
        assert len(heads) == (columns >= 40)
        assert all(len(head) == columns - 1 for head in heads)
    face.close()


@pytest.mark.parametrize(
    ("env", "escapes"),
    [({}, {b"\x1b[33m", b"\x1b[0m"}), ({"NO_COLOR": "1"}, set()), ({"TERM": "dumb"}, set())],
    ids=["colours", "NO_COLOR", "dumb"],
)
def test_colours_only_where_they_are_wanted(made: Callable[..., Any], env: dict[str, str], escapes: set[bytes]) -> None:
    """NO_COLOR takes the colours, not the header; a dumb terminal gets lines and no control sequence at all."""
    screen, face = made(**env)
    board = Board(face)
    board.show(picture())
    board(NOON, "link.down", {"link": "okx.public.0", "why": "gone", "retry_ms": 34.0})
    screen.until(lambda text: "okx.public.0 down" in text)
    face.close()
    while screen.read():
        pass
    colours = set(re.findall(rb"\x1b\[[0-9;]*m", screen.raw))
    assert colours >= escapes if escapes else not colours
    if env.get("TERM") == "dumb":
        assert b"\x1b" not in screen.raw


def test_a_terminal_that_is_stopped_costs_lines_and_no_time() -> None:
    """Nobody reads: to add a line never waits, what does not fit is counted, and the end comes."""
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        face = Face(stream, lambda: NOON, tick_s=0.01)
        for _ in range(10_000):
            face.add(Shown(NOON, "note", "x" * 100))
        assert face.lost > 5_000
        os.close(reader)  # whoever waits in a write is woken
        face.close()


def test_a_terminal_that_is_gone_stops_nobody() -> None:
    """``| head``: the reader has left."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        face = Face(stream, lambda: NOON, tick_s=0.01)
        for _ in range(10):
            face.add(Shown(NOON, "note", "x"))
        face.close()
        assert face.lost == 10


def test_a_pipe_gets_plain_lines_and_a_sign_of_life(tmp_path: Path) -> None:
    """No header and no width, but once a minute that the run lives."""
    now = [NOON]
    with (tmp_path / "out").open("w") as stream:
        face = Face(stream, lambda: now[0], tick_s=0.01)
        board = Board(face)
        board.show(picture(marked="1.5"))
        board(NOON, "venue.notice", {"venue": "okx", "text": "word " * 60})
        now[0] += 61 * SECOND
        face.close()
    notice, alive = (tmp_path / "out").read_text().splitlines()
    assert notice.endswith("word word ")
    assert alive.endswith("12:01:01 paper active, up 0:01:01: 13 deals, gain +1.50 USDT")


def test_a_desk_that_is_silent_is_told() -> None:
    """The face has a clock of its own: a picture that is not renewed is no sign of life."""
    fresh = header(picture(), NOON + 2 * SECOND, 80, 12)
    old = header(picture(), NOON + 7 * SECOND, 80, 12)
    assert not any("no sign of life" in text for _, text in fresh)
    assert ("alarm", "desk     no sign of life for 7.0 s") in old


@settings(max_examples=30, deadline=None)
@given(
    names=some.lists(some.text("abcdefghijklmnop", min_size=1, max_size=30), min_size=1, max_size=25, unique=True),
    width=some.integers(40, 200),
)
def test_no_name_is_cut_in_the_header(names: list[str], width: int) -> None:
    """However many venues: each stands there whole, and no line is wider than the screen."""
    venues = [VENUES[0].__class__(name) for name in names]
    shown = header(picture(venues=venues, idle="x" * 500), NOON, width, 100)
    said = " ".join(text for _, text in shown).split()
    assert set(names) <= set(said)
    assert all(cell_len(text) < width for _, text in shown if "x" * 99 not in text)


@settings(max_examples=60, deadline=None)
@given(
    venues=some.lists(some.text("abcdefghi", min_size=2, max_size=9), min_size=2, max_size=2, unique=True),
    symbol=some.tuples(some.text("ABC1", min_size=2, max_size=7), some.sampled_from(["USDT", "USD", "FDUSD"])),
    prices=some.lists(some.decimals("0.00000001", "199999", places=8), min_size=2, max_size=2),
    gain=some.decimals("-9999", "9999", places=8),
    ms=some.floats(0, 99_999),
    outcome=some.sampled_from(["hedged", "completed", "reversed", "left"]),
)
def test_a_deal_is_one_line_of_80_columns(
    venues: list[str], symbol: tuple[str, str], prices: list[Any], gain: Any, ms: float, outcome: str
) -> None:
    """With its time, symbol, both venues and prices (at least four digits), gain and duration."""
    name = "-".join(symbol)
    legs = [
        {"side": side, "instrument": f"{venue}:{name}", "qty": "0.00123456", "px": f"{px:f}"}
        for side, venue, px in zip(("sell", "buy"), venues, prices, strict=True)
    ]
    deal = ClosedDeal(legs, {symbol[1]: f"{gain:f}"}, outcome, ms)
    told = Shown(NOON, "deal", deal=deal)
    shown = line(told, 80)
    assert len(shown) <= 80
    assert shown.startswith("12:00:00 ")
    said = shown.split()
    assert name in said
    assert said.index(venues[1]) < said.index(venues[0])  # bought, then sold
    for venue, px in zip(venues, prices, strict=True):
        assert abs(float(said[said.index(venue) + 1]) - float(px)) <= float(px) * 1e-3
    assert f"{gain:+.2f}" in said or "+0.00" in said
    assert outcome in said or outcome == "hedged" or len(line(told, 200)) > 80  # the next line names it too
    assert line(told, 200).count("0.00123456") == 2


def test_what_was_bought_goes_before_words_that_the_next_line_has() -> None:
    legs = [
        {"side": "buy", "instrument": "binance:BTC-USDT", "qty": "0.00486", "px": "61701.93"},
        {"side": "sell", "instrument": "okx:BTC-USDT", "qty": "0.00485", "px": "61828.61"},
    ]
    told = Shown(NOON, "deal", deal=ClosedDeal(legs, {"USDT": "0.0077"}, "completed", 166.0))
    assert lines(told, 80) == ["12:00:00 BTC-USDT buy binance 61701.9 sell okx 61828.6 +0.01 USDT 166ms"]


NAMES = ("binance", "cryptocom", "bitstamp", "coinbase", "okx")


@settings(max_examples=80, deadline=None)
@given(
    venues=some.lists(some.sampled_from(NAMES), min_size=2, max_size=5),
    around=some.booleans(),
    symbols=some.lists(
        some.sampled_from(["BTC-USDT", "ETH-BTC", "1000SHIB-USDT", "USDC-USDT"]), min_size=5, max_size=5
    ),
    prices=some.lists(some.decimals("0.00000001", "199999", places=12), min_size=5, max_size=5),
    gain=some.decimals("-99999999", "99999999", places=8),
)
def test_a_deal_of_many_legs_and_long_names_is_readable_on_80_columns(
    venues: list[str], around: bool, symbols: list[str], prices: list[Any], gain: Any
) -> None:
    """No line is wider, and each leg is whole on one line with its side, venue, symbol and price."""
    if around:
        venues = venues[:1] * len(venues)
    legs = [
        {"side": "sell" if i % 2 else "buy", "instrument": f"{venue}:{symbol}", "qty": "123456.789", "px": f"{px:f}"}
        for i, (venue, symbol, px) in enumerate(zip(venues, symbols, prices, strict=False))
    ]
    told = Shown(NOON, "deal", deal=ClosedDeal(legs, {"USDT": f"{gain:f}"}, "completed", 812.0))
    shown = lines(told, 80)
    assert max(map(len, shown)) <= 80
    assert shown[0].startswith("12:00:00 ")
    if len(shown) == 1:
        said = shown[0].split()
        assert {word for leg in legs for word in leg["instrument"].split(":")} <= set(said)
        if len(legs) > 2 and len(set(venues)) > 1:
            assert [said.count(side) for side in ("buy", "sell")] == [-(-len(legs) // 2), len(legs) // 2]
    else:
        assert f"{len(legs)} legs:" in shown[0]
        for text, leg in zip(shown[1:], legs, strict=True):
            assert text.split() == [
                leg["side"],
                leg["qty"],
                *leg["instrument"].split(":"),
                words._short(leg["px"], 10, tiny=False),
            ]


def test_the_page_shows_deals_of_three_legs_as_they_are() -> None:
    """``docs/terminal.md``, on 80 columns."""
    around = [
        ("buy", "okx:BTC-USDT", "0.0016", "61705.12"),
        ("buy", "okx:ETH-BTC", "0.04", "0.038913"),
        ("sell", "okx:ETH-USDT", "0.04", "2406.25"),
    ]
    across = [
        ("buy", "cryptocom:BTC-USDT", "0.0016", "61705.12"),
        ("sell", "bitstamp:BTC-USDT", "0.0008", "61712.1"),
        ("sell", "coinbase:BTC-USDT", "0.0008", "61722.5"),
    ]
    shown = []
    for at, legs, net, outcome, ms in (
        (130, around, "0.30", "hedged", 81.0),
        (134, across, "0.21", "completed", 812.0),
    ):
        fields = [dict(zip(("side", "instrument", "qty", "px"), leg, strict=True)) for leg in legs]
        deal = ClosedDeal(fields, {"USDT": net}, outcome, ms)
        shown += lines(Shown(NOON + at * SECOND, "deal", deal=deal), 80)
    page = (PAGES / "terminal.md").read_text()
    assert page.partition("<!-- legs -->\n```text\n")[2].partition("\n```")[0].split("\n") == shown


def test_a_triangle_names_its_venue_once() -> None:
    """Its legs stay in the order in which they were traded."""
    legs = [
        {"side": side, "instrument": f"cryptocom:{symbol}", "qty": "0.5", "px": px}
        for side, symbol, px in (
            ("sell", "BTC-USDT", "61705.12"),
            ("buy", "ETH-USDT", "2406.25"),
            ("sell", "ETH-BTC", "0.038913"),
        )
    ]
    told = Shown(NOON, "deal", deal=ClosedDeal(legs, {"USDT": "0.3012"}, "hedged", 81.0))
    (shown,) = lines(told, 80)
    assert shown == "12:00:00 cryptocom BTC-USDT 61705 > ETH-USDT 2406 > ETH-BTC 0.03891 +0.30 81ms"


def test_the_sentences_use_what_the_log_has() -> None:
    """A sentence has only fields that docs/log.md promises, and only events that it lists."""

    class Value(str):
        """A field that is a number and a text, a list and a table."""

        __slots__ = ()

        def __format__(self, _: str) -> str:
            return str(self)

        def items(self) -> tuple[()]:
            return ()

    rows = re.findall(r"^\| `([a-z_.]+)` \|([^|]*)\|", (PAGES / "log.md").read_text(), re.M)
    assert len(rows) > 50
    unsaid = []
    assert words._SAID.keys() | words._SPECIAL.keys() <= {event for event, _ in rows}
    for event, names in rows:
        fields = {name: Value("1.5") for name in re.findall(r"[a-z_]+", names) if name != "or"}
        unsaid += [event for told in Words()(NOON, event, fields) if told.text.startswith(f"{event}:")]
    assert not words._SAID.keys() & set(unsaid)


def test_a_link_that_stays_down_is_told_when_the_reason_changes() -> None:
    """Not at each try: ten links of a venue that is away are not a screen full of lines."""
    board = Board()
    for second, why in enumerate(["gone", "refused", "refused", "refused"]):
        board(NOON + second * SECOND, "link.down", {"link": "okx.public.0", "why": why, "retry_ms": 34.0 * second})
    board(NOON + 9 * SECOND, "link.ready", {"link": "okx.public.0"})
    board(NOON + 10 * SECOND, "link.down", {"link": "okx.public.0", "why": "refused", "retry_ms": 5.0})
    assert [told.text for told in board.watched(0).lines] == [
        "okx.public.0 down: gone; dialled again in 0 ms",
        "okx.public.0 down: refused; dialled again in 34 ms",
        "okx.public.0 is back, 9.0 s",
        "okx.public.0 down: refused; dialled again in 5 ms",
    ]


def test_no_name_is_cut_in_a_table() -> None:
    """On 80 columns every word of `arbkit adapters list` stands whole, as in a pipe."""
    piped = subprocess.run([ARBKIT, "adapters", "list"], capture_output=True, text=True, check=True).stdout
    screen = Terminal()
    try:
        with screen.start([ARBKIT, "adapters", "list"]) as process:
            while process.poll() is None or screen.read():
                screen.read()
        rows = [row for row in piped.splitlines() if " arbkit-" in row]
        assert len(rows) > 5
        assert {word for row in rows for word in row.split()} <= set(screen.text.split())
        assert all(len(shown) <= 80 for shown in screen.text.splitlines())
    finally:
        screen.close()


@given(
    qty=some.decimals(min_value=0, max_value=100, places=8),
    px=some.decimals(min_value="0.01", max_value=100_000, places=8),
)
def test_amounts_do_not_depend_on_the_decimal_context(qty: Decimal, px: Decimal) -> None:
    """What other code set, six digits and rounding away from zero, changes no amount that is shown."""
    leg = {"side": "buy", "instrument": "v:BTC-USDT", "qty": str(qty), "px": format(px, "f")}
    deal = ClosedDeal([leg], {"BTC": str(qty), "USDT": "-1234567.12345678"}, "hedged", 7.0)

    def shown() -> list[str]:
        gain = words.net_of(deal)
        return [line(Shown(NOON, "deal", deal=deal), width) for width in (0, 40)] + [
            words.amounts(gain),
            words.amounts({"BTC": str(qty)}, small=True),
        ]

    usual = shown()
    with localcontext(prec=6, rounding=ROUND_UP):
        assert shown() == usual
