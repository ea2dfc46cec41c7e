"""The dashboard against made-up rows: states that a demo shows too seldom, and what must hold for all pages."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from dashboards import PAGES, SCREENS, Process, Watched, go, synthetic
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser
LOADED = "connected"
WAIT_MS = 1500 if SCREENS else 150
"""For rows to come; a picture wants some more of them."""


@pytest.fixture(scope="module")
def server() -> Iterator[Process]:
    made = synthetic("--port", "0", "--venues", "4", "--symbols", "40", "--every", "0.5")
    yield made
    made.kill()


@pytest.fixture(scope="module")
def large() -> Iterator[Process]:
    made = synthetic("--port", "0", "--every", "0.5")
    yield made
    made.kill()


@pytest.fixture(scope="module")
def shared(browser: Browser, large: Process) -> Iterator[Watched]:
    """One page for the tests that leave no trace: a page costs a second."""
    pages = Watched(browser)
    opened(pages, large)
    yield pages
    pages.close()


@pytest.fixture
def desk(shared: Watched) -> Iterator[Page]:
    """A desk of 12 venues and 50 symbols, by somebody who may trade. It says no error."""
    go(shared.page, "overview")
    yield shared.page
    assert shared.errors() == []


def opened(watched: Watched, server: Process, token: str = "trade", **more: Any) -> Page:
    page = watched(f"{server.site}#token={token}", **more)
    expect(page.locator(".top")).to_contain_text(LOADED)
    return page


def test_a_token_is_no_longer_in_the_address_nor_in_the_history_and_the_session_outlives_a_reload(
    watched: Watched, server: Process
) -> None:
    """The login by fragment."""
    page = opened(watched, server)
    assert page.url == f"{server.site}#/overview"
    page.go_back()
    assert "token" not in page.url
    page.go_forward()
    page.reload()
    expect(page.locator(".top")).to_contain_text(LOADED)
    assert page.evaluate("document.cookie") == ""


def test_an_unknown_token_is_refused_with_what_to_do(watched: Watched, server: Process) -> None:
    """The words of the server, and the command."""
    watched.expected.append("401")
    page = watched(f"{server.site}#token=wrong")
    expect(page.get_by_role("heading")).to_have_text("Not logged in")
    expect(page.get_by_role("alert")).to_contain_text("make one anew")
    expect(page.locator("pre")).to_have_text("arbkit dashboard")
    assert "wrong" not in page.url


def test_log_out_ends_the_session(watched: Watched, server: Process) -> None:
    """After it the page asks for a login."""
    watched.expected.append("401")
    page = opened(watched, server)
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Not logged in")).to_be_visible()  # the page before has many headings


def test_who_may_only_read_sees_no_button_that_acts(watched: Watched, server: Process) -> None:
    """On every page. The same search finds them for who may trade."""
    acts = "Kill switch|Resume|Only finish|Ask for|Take .* out|Trade at|Release"
    found = {}
    places = ("overview", "account/venues", "deals/3999")
    for token, paths in (("read", (*PAGES, *places)), ("trade", places)):
        page = opened(watched, server, token)
        buttons = []
        for path in paths:
            go(page, path)
            expect(page.locator("main h1")).to_be_visible()
            page.evaluate("() => new Promise(requestAnimationFrame)")
            names = page.get_by_role("button").evaluate_all("all => all.map(b => b.ariaLabel || b.textContent)")
            buttons += [name for name in names if re.search(acts, name)]
        found[token] = buttons
        page.keyboard.press("k")
        assert page.locator("dialog").count() == (0 if token == "read" else 1)
    assert found["read"] == []
    assert {"Kill switch", "Only finish", "Take okx out", "Release"} <= set(found["trade"])


def test_every_action_says_what_will_happen_and_shows_what_the_server_refuses(
    watched: Watched, server: Process
) -> None:
    """What was done closes the dialog. A refused action leaves it open, with the words of the server: the second
    release finds nothing held. The button for unresolved orders is there because one is."""
    watched.expected.append("400")
    page = opened(watched, server)
    page.get_by_role("button", name="Ask for unresolved").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("asked for at its venue now")
    dialog.get_by_role("button", name="Ask now").click()
    expect(dialog).to_have_count(0)
    go(page, "deals", "3999")
    for again in (False, True):
        page.get_by_role("button", name="Release").click()
        expect(dialog).to_contain_text("may send orders at present prices")
        dialog.get_by_role("button", name="Release").click()
        if not again:
            expect(dialog).to_have_count(0)
    expect(dialog.get_by_role("alert")).to_have_text("scope: this pair has no held deal")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_the_legend_of_a_chart_has_the_newest_value(desk: Page) -> None:
    """Without a mouse on it: as the tile of the gain."""
    go(desk, "overview")
    marked = desk.locator(".u-legend .u-series", has_text="Marked").locator(".u-value")
    expect(marked).to_have_text(re.compile(r"^[+\u2212]?[\d,]+\.\d\d$"))
    expect(desk.locator(".u-legend .u-value").first).to_contain_text("UTC")


def test_a_dialog_keeps_the_focus_and_gives_it_back(desk: Page) -> None:
    """The kill switch with the keyboard only: Cancel has the focus first, Tab stays inside, Escape changes nothing."""
    page = desk
    page.locator("#kill").focus()
    page.keyboard.press("Enter")
    focused = "document.activeElement.textContent"
    assert page.evaluate(focused) == "Cancel"
    inside = (
        "document.querySelector('dialog').contains(document.activeElement) || document.activeElement === document.body"
    )
    for _ in range(8):
        page.keyboard.press("Tab")
        assert page.evaluate(inside)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.evaluate("document.activeElement.id") == "kill"
    expect(page.locator(".top")).to_contain_text("active")


def test_a_text_of_a_venue_is_never_markup(desk: Page) -> None:
    """The log has a line that would run a script."""
    page = desk
    line = page.locator(".line-text", has_text="<img src=x").first
    expect(line).to_be_visible()
    assert page.locator("main .line-text img, main .line-text b").count() == 0
    assert page.title() == "Overview, arbkit"


def test_keys_lead_to_every_page(desk: Page) -> None:
    """1 to 7, and ? lists them; a key in a field is only text."""
    page = desk
    for number, name in enumerate(PAGES, 1):
        page.keyboard.press(str(number))
        expect(page.locator("main h1")).to_have_text(name.capitalize())
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Kill switch")
    page.keyboard.press("Escape")
    page.keyboard.press("4")
    page.get_by_role("searchbox").focus()
    page.keyboard.press("1")
    expect(page.locator("main h1")).to_have_text("Books")


def test_a_skip_link_leads_to_the_content(watched: Watched, server: Process) -> None:
    """It is the first that Tab reaches, and is seen then."""
    page = opened(watched, server)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    expect(page.locator("main h1")).to_have_text("Overview")


def test_a_long_table_has_few_rows_in_the_page_and_all_by_the_keyboard(desk: Page) -> None:
    """600 books: the rows that exist are few, and End leads to the last one by the order of the column."""
    page = desk
    go(page, "books")
    grid = page.get_by_role("grid", name="Best prices of all books")
    expect(grid).to_have_attribute("aria-rowcount", "601")
    assert grid.locator(".grid-row").count() < 40
    by_symbol = page.get_by_role("button", name=re.compile("^Symbol"))
    by_symbol.click()
    expect(grid.locator("[aria-sort=descending]")).to_have_text(re.compile("Symbol"))
    grid.focus()
    page.keyboard.press("End")
    expect(grid.locator(".grid-row.active")).to_contain_text("AAVE-USDT")
    assert grid.locator(".grid-row").count() < 40
    assert grid.get_attribute("aria-activedescendant") == grid.locator(".grid-row.active").get_attribute("id")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#/books/AAVE-USDT$"))


def test_a_table_is_sorted_by_value_and_not_by_text(desk: Page) -> None:
    """The best pairs by their net edge, and by size the other way round."""
    page = desk
    go(page, "spreads")
    grid = page.get_by_role("grid", name="Best pair of each symbol")
    expect(grid).to_have_attribute("aria-rowcount", "51")
    rows = """rows => rows.filter((row) => !row.hidden).sort((a, b) => a.ariaRowIndex - b.ariaRowIndex)
        .map((row) => row.lastChild.textContent)"""
    page.wait_for_timeout(200)
    net = [float(text.replace("\u2212", "-")) for text in grid.locator(".grid-row").evaluate_all(rows)]
    assert net == sorted(net, reverse=True)
    assert len(net) > 10


def test_the_matrix_is_the_same_as_the_rows(desk: Page) -> None:
    """Every cell of the heat matrix has the net edge of its pair, in basis points; a pair without a book has none."""
    page = desk
    go(page, "spreads", "BTC-USDT", "okx", "kraken")
    expect(page.locator(".heat button[aria-pressed=true]")).to_have_count(1)
    found = page.evaluate("""async () => {
        for (let i = 0; i < 50; i++) {
            await new Promise(requestAnimationFrame);
            const rows = arbkit.feed.table("spreads").list();
            const bad = rows.filter((row) => {
                const at = `.heat [data-buy="${row.buy}"][data-sell="${row.sell}"]`;
                const cell = document.querySelector(at).textContent;
                const value = Number(cell.replace("\u2212", "-").replace("+", ""));
                return row.net === null ? cell !== "\u2013" : Math.abs(value - row.net * 1e4) > 0.051;
            });
            if (rows.length === 132 && !bad.length) return [rows.length, rows.filter((row) => row.net === null).length];
        }
        return null;
    }""")
    assert found == [132, 22]
    page.locator(".heat button[aria-pressed=true]").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#/spreads/BTC-USDT/okx/kucoin$"))


def test_a_lost_connection_is_said_the_data_is_grey_and_the_page_comes_back(watched: Watched) -> None:
    """The server dies and comes back at the same port; the cookie still counts."""
    watched.expected += ["ERR_CONNECTION_REFUSED", "WebSocket", "failed: .*/api/v1/", "ERR_CONNECTION_RESET"]
    server = synthetic("--port", "0", "--venues", "3", "--symbols", "4")
    page = opened(watched, server)
    server.kill()
    notice = page.locator(".notice")
    expect(notice).to_contain_text("Connection lost since")
    expect(notice).to_contain_text("data below is old")
    expect(page.locator(".top")).to_contain_text("connection lost")
    assert "grayscale(1)" in page.locator("main").evaluate("node => getComputedStyle(node).filter")
    again = synthetic("--port", server.site.rpartition(":")[2].strip("/"), "--venues", "3", "--symbols", "4")
    try:
        expect(page.locator(".top")).to_contain_text(LOADED)
        expect(page.get_by_text("Connection lost since")).to_be_hidden()
        assert page.locator("main").evaluate("node => getComputedStyle(node).filter") == "none"
    finally:
        again.kill()


def test_every_page_of_a_large_desk_fits_a_phone_and_every_control_has_a_name(
    watched: Watched, large: Process, shoot: Callable[[Page, str], None]
) -> None:
    """12 venues, 50 symbols, 390 pixels: no page scrolls sideways, no value is missing; controls, pictures and ids are
    as the checkers of accessibility want them. For pictures also on a wide screen, dark and light."""
    looks = [("phone", 390, 844, "dark"), ("dark", 1440, 900, "dark"), ("light", 1440, 900, "light")]
    for name, width, height, scheme in looks if SCREENS else looks[:1]:
        page = opened(watched, large, width=width, height=height, scheme=scheme)
        for path in [*PAGES, "account/venues", "account/limits", "deals/3997"]:
            go(page, path)
            expect(page.locator("main h1")).to_be_visible()
            page.wait_for_timeout(WAIT_MS)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            assert page.evaluate(UNNAMED) == [], path
            assert not re.search(r"undefined|NaN|\[object", page.inner_text("main")), path
            shoot(page, f"{name}-{path.replace('/', '-')}")


UNNAMED = """() => {
    const wrong = [];
    const seen = (node) => node.checkVisibility();
    const text = (id) => document.getElementById(id)?.textContent.trim();
    const named = "a, button, input, select, [role=grid], [role=table], [role=img], dialog, nav";
    for (const node of document.querySelectorAll(named)) {
        const label = node.labels?.[0]?.textContent;
        const name = node.ariaLabel || text(node.getAttribute("aria-labelledby")) || label || node.textContent.trim();
        if (seen(node) && !name) wrong.push(`no name: ${node.outerHTML.slice(0, 80)}`);
    }
    for (const node of document.querySelectorAll("img:not([alt])")) wrong.push(`no alt: ${node.src}`);
    const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
    for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) wrong.push(`two of one id: ${id}`);
    const main = document.querySelectorAll("main").length, heads = document.querySelectorAll("h1").length;
    if (main !== 1 || heads !== 1) wrong.push(`${main} main, ${heads} h1`);
    for (const node of document.querySelectorAll("[style]")) {
        if (node.hasAttribute("onclick")) wrong.push(`inline handler: ${node.outerHTML.slice(0, 80)}`);
    }
    return wrong;
}"""


def test_the_theme_is_that_of_the_system_until_somebody_chooses_and_is_remembered(
    watched: Watched, server: Process
) -> None:
    """By the colour of the page."""
    ground = "getComputedStyle(document.body).backgroundColor"
    light = opened(watched, server, scheme="light").evaluate(ground)
    page = opened(watched, server, scheme="dark")
    dark = page.evaluate(ground)
    assert light != dark
    page.get_by_role("button", name="Dark or light").click()
    assert page.evaluate(ground) == light
    page.reload()
    assert page.evaluate(ground) == light


def test_history_has_pages_and_filters(desk: Page) -> None:
    """500 deals: 200, 200, 100; a time that cannot be read is said."""
    page = desk
    go(page, "history", "deals")
    about = page.locator(".panel-head [role=status]")
    expect(about).to_have_text("200 rows, there are older ones")
    older, newer = page.get_by_role("button", name="Older"), page.get_by_role("button", name="Newer")
    older.click()
    older.click()
    expect(about).to_have_text("100 rows")
    expect(older).to_be_disabled()
    newer.click()
    newer.click()
    expect(about).to_have_text("200 rows, there are older ones")
    expect(newer).to_be_disabled()
    page.get_by_label("Since, UTC").fill("yesterday")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("alert")).to_have_text(re.compile('Since: "yesterday" is no time. Write it as'))


def test_csv_is_what_is_seen_exact_and_no_formula(desk: Page) -> None:
    """Read by Python's csv. A text that a spreadsheet would run is a text."""
    page = desk
    go(page, "history", "deals")
    expect(page.get_by_role("button", name="CSV")).to_be_enabled()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    with download.value.path().open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 200
    assert (rows[0]["id"], rows[0]["slippage"]) == ("4000", "-0.05")
    text = page.evaluate("""async () => (await import("/js/parts/csv.js")).csv(
        [{ a: "=1+1", b: 'say "no", twice', c: null }, { a: "-0.00000001", d: "@cmd", c: "-x" }])""")
    assert list(csv.reader(io.StringIO(text))) == [
        ["a", "b", "c", "d"],
        ["'=1+1", 'say "no", twice', "", ""],
        ["-0.00000001", "", "'-x", "'@cmd"],
    ]


FORMATS = [
    ("signed", [0.004, 2], "0.00"),
    ("signed", ["-0.30", 2], "\u22120.30"),
    ("signed", ["1234.5", 2], "+1,234.50"),
    ("exact", ["-1234567.00000001"], "-1,234,567.00000001"),
    ("exact", ["0.1234567"], "0.1234567"),
    ("exact", ["61953.43000000"], "61,953.43"),
    ("exact", ["-3.0958E-7"], "-0.00000030958"),
    ("exact", ["1.2E+4"], "12,000"),
    ("exact", ["0E-8"], "0"),
    ("price", [61902.44], "61,902.44"),
    ("price", [0.00001234], "0.00001234"),
    ("bps", [0.0012], "+12.0"),
    ("bps", [None], "\u2013"),
    ("span", [0.4], "0.4 µs"),
    ("span", [999.6], "1.0 ms"),
    ("span", [99_960], "100 ms"),
    ("span", [61_000_000], "61 s"),
    ("span", [7_500_000_000], "2 h 05 min"),
    ("span", [-1500], "\u22121.5 ms"),
    ("clock", [1_796_064_291_373_464], "18:44:51"),
    ("moment", [1_796_064_291_373_464], "2026-11-30 18:44:51"),
    ("pairName", ["okx:BTC-USDT+bybit:BTC-USDT"], "BTC-USDT okx / bybit"),
    ("pairName", ["okx:BTC-USDT+okx:ETH-BTC"], "okx BTC-USDT / ETH-BTC"),
]


def test_numbers_and_times_are_written_as_they_are(desk: Page) -> None:
    """Signs, commas, digits, units and UTC."""
    page = desk
    said = page.evaluate(
        """async (asked) => {
            const format = await import("/js/format.js");
            return asked.map(([name, given]) => format[name](...given));
        }""",
        [[name, given] for name, given, _ in FORMATS],
    )
    assert said == [text for _, _, text in FORMATS]
