"""The dashboard of a real run: ``arbkit demo --dashboard``, one process for all tests of this file.

What a page shows is compared with what the REST API says, what an action does with the journal and the next deals.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dashboards import Process, Watched, go
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser
ARBKIT = Path(sys.executable).parent / "arbkit"
TRIES = 300
"""To agree in one moment with rows that change ten times a second."""


class Demo(Process):
    """A running demo. Its state folder is below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.opened = folder / "opened"
        """What the browser of the desktop was given."""
        browser = folder / "browser"
        browser.write_text(f'#!/bin/sh\ncp "${{1#file://}}" {self.opened}\n')
        browser.chmod(0o700)
        env = {**os.environ, "TMPDIR": str(folder), "COLUMNS": "200", "BROWSER": str(browser), "DISPLAY": ":99"}
        super().__init__(str(ARBKIT), "demo", "--dashboard", "--seconds", "900", "--venues", "binance,okx", env=env)

    @property
    def state(self) -> Path:
        return next(self._folder.glob("arbkit-demo-*"))

    def ask(self, *args: str) -> str:
        """What a command of arbkit prints about this run."""
        command = [str(ARBKIT), *args, "--state", str(self.state)]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    made = Demo(tmp_path_factory.mktemp("demo"))
    yield made
    made.kill()


@pytest.fixture(scope="module")
def shared(browser: Browser, demo: Demo) -> Iterator[Watched]:
    """One page, logged in by the address that the demo printed: it works once."""
    pages = Watched(browser)
    page = pages(demo.url)
    expect(page.locator(".top")).to_contain_text("connected")
    yield pages
    pages.close()


@pytest.fixture
def desk(shared: Watched) -> Iterator[Page]:
    yield shared.page
    assert shared.errors() == []


def rest(page: Page, path: str) -> Any:
    """Rows of the REST API, with the session of the page."""
    return page.evaluate("path => fetch(`/api/v1/${path}`).then((answer) => answer.json())", path)["rows"]


def deals_closed(page: Page) -> int:
    return sum(rest(page, "status")[0]["deals"].values())


HELP = """
    const rest = async (path) => (await (await fetch(`/api/v1/${path}`)).json()).rows;
    const number = (text) => Number(text.replace("\u2212", "-").replaceAll(/[,+]/g, ""));
    const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
"""


def agrees(page: Page, judge: str, arg: Any = None) -> None:
    """Waits until the page and the API agree: ``judge`` is the body of a function of JavaScript of ``given``. It reads
    both in one turn, but the page may have newer rows than the API or the other way round, or may not have drawn what
    is asked for: one moment is enough. What the last try raised is told."""
    agreed = f"await (async () => {{ {HELP} {judge} }})()"
    attempt = f"try {{ return Boolean({agreed}); }} catch (error) {{ return `${{error}}`; }}"
    said: Any = None
    for _ in range(TRIES):
        said = page.evaluate(f"async (given) => {{ {attempt} }}", arg)
        if said is True:
            return
        page.wait_for_timeout(150)
    pytest.fail(f"the page and the API did not agree ({said}): {judge}")


# --- login


def test_the_address_of_the_demo_logs_in_once_and_leaves_no_token(desk: Page, demo: Demo, watched: Watched) -> None:
    """A second browser is refused with what to do; a reload keeps the session of the first."""
    token = demo.url.partition("=")[2]
    assert token not in desk.url
    desk.reload()
    expect(desk.locator(".top")).to_contain_text("connected")
    assert desk.evaluate("document.cookie") == ""
    assert token not in desk.evaluate("JSON.stringify([localStorage, sessionStorage, history.state])")
    watched.expected.append("401")
    again = watched(demo.url)
    expect(again.get_by_role("heading")).to_have_text("Not logged in")


def test_who_may_only_read_has_no_button_that_acts(demo: Demo, watched: Watched) -> None:
    """With the address of ``arbkit dashboard --read``; the server refuses the action too."""
    link = json.loads(demo.ask("dashboard", "--read", "--json"))["link"]
    page = watched(link)
    expect(page.locator(".top")).to_contain_text("connected")
    expect(page.locator(".nav")).to_contain_text("Read only")
    acts = re.compile("Kill switch|Only finish|Resume|Take .* out")
    assert page.get_by_role("button", name=acts).count() == 0
    watched.expected.append("403")
    asked = """() => fetch("/api/v1/actions/kill", { method: "POST", body: "{}",
        headers: { "X-Arbkit": "1", "Content-Type": "application/json" } }).then((answer) => answer.status)"""
    assert page.evaluate(asked) == 403


def test_the_browser_of_the_desktop_gets_a_link_of_its_own(desk: Page, demo: Demo) -> None:
    """In a file: every user of a machine can see the arguments of a process."""
    assert desk.url
    page = demo.opened.read_text()
    assert f"{demo.site}#token=" in page
    assert demo.url not in page


# --- each page shows what the API says


def test_overview(desk: Page, shoot: Callable[[Page, str], None]) -> None:
    """Deals, venues, books, mode; deals are made while it is looked at."""
    go(desk, "overview")
    before = deals_closed(desk)
    agrees(desk, "return number(all('.tile-value')[1].textContent) > given", before)
    expect(desk.locator(".lights li")).to_have_count(2)
    for venue in rest(desk, "venues"):
        expect(desk.locator(".lights")).to_contain_text(venue["name"])
    assert rest(desk, "status")[0]["kind"] == "demo"
    expect(desk.locator(".badge.kind")).to_have_text("demo")
    expect(desk.locator(".uplot").first).to_be_visible()
    line = rest(desk, "log")[-1]["text"].split()[-1]
    expect(desk.locator(".lines").last).to_contain_text(line)
    shoot(desk, "demo-overview")


def test_books(desk: Page, shoot: Callable[[Page, str], None]) -> None:
    """The table has all books; the best prices of a ladder are those of the API at a moment."""
    go(desk, "books", "ETH-USDT")
    grid = desk.get_by_role("grid", name="Best prices of all books")
    expect(grid).to_have_attribute("aria-rowcount", str(len(rest(desk, "books")) + 1))
    agrees(
        desk,
        """
            const row = (await rest("books?symbols=ETH-USDT")).find((one) => one.instrument === "okx:ETH-USDT");
            const ladder = all(".ladder").find((one) => one.querySelector("h2").textContent === "okx");
            const [asks, bids] = all(".ladder-side", ladder).map((side) => side.children[1].textContent.split("\\n"));
            return number(asks.at(-1)) === row.ask_px && number(bids[0]) === row.bid_px;
        """,
    )
    shoot(desk, "demo-books")


def test_spreads(desk: Page, shoot: Callable[[Page, str], None]) -> None:
    """The matrix is that of the API at a moment."""
    go(desk, "spreads", "BTC-USDT", "okx", "binance")
    agrees(
        desk,
        """
            const rows = await rest("spreads?symbols=BTC-USDT");
            const cell = (row) => all(`.heat [data-buy="${row.buy}"][data-sell="${row.sell}"]`)[0].textContent;
            const same = (row) => row.net !== null && Math.abs(number(cell(row)) - row.net * 1e4) < 0.051;
            return rows.length === 2 && rows.every(same);
        """,
    )
    expect(desk.get_by_role("grid", name="Best pair of each symbol")).to_contain_text("ETH-USDT")
    shoot(desk, "demo-spreads")


def test_deals_and_the_parts_of_their_gain(desk: Page, shoot: Callable[[Page, str], None]) -> None:
    """A closed deal: its orders, the time of their stages, and what the history says of expected and earned."""
    agrees(desk, "return (await rest('deals')).some((one) => one.outcome === 'hedged' && one.realised)")
    rows = [one for one in rest(desk, "deals") if one["outcome"] == "hedged" and one["realised"]]
    deal = rows[-1]
    go(desk, "deals", deal["id"])
    detail = desk.locator(".panel.span-7")
    expect(detail).to_contain_text(f"deal {deal['id']}")
    for order in deal["orders"]:
        expect(detail.locator(".plain").last).to_contain_text(order["instrument"])
    names = detail.locator(".split dt").all_inner_texts
    expect(detail.locator(".split dt")).to_have_count(7)
    assert names() == ["Expected", "Slippage", "Fees", "Latency", "Unwind", "Leftovers", "Earned"]
    values = [float(text.replace("\u2212", "-")) for text in detail.locator(".split dd").all_inner_texts()]
    assert sum(values[:-1]) == pytest.approx(values[-1], abs=4e-4)
    assert values[-1] == pytest.approx(float(deal["realised"]), abs=6e-5)
    expect(detail.locator(".lane i[data-stage=ack]").first).to_be_visible()
    shoot(desk, "demo-deals")


def test_account(desk: Page, shoot: Callable[[Page, str], None]) -> None:
    """Orders, fills, balances, limits, links: as many rows as the API has, or more by now."""
    for tab in ("orders", "fills", "balances", "limits"):
        least = len(rest(desk, tab))
        go(desk, "account", tab)
        count = "return all(`[aria-label=${given[0]}] .grid`)[0]?.ariaRowCount > given[1]"
        agrees(desk, count, [tab.capitalize(), min(least, 50)])
    go(desk, "account", "venues")
    links = sum(len(venue["links"]) for venue in rest(desk, "venues"))
    expect(desk.locator(".plain tbody tr")).to_have_count(links)
    shoot(desk, "demo-account")


def test_latency(desk: Page, shoot: Callable[[Page, str], None]) -> None:
    """A histogram for each stage, with the median of the API at a moment."""
    go(desk, "latency")
    stages = {row["stage"] for row in rest(desk, "latency")}
    assert {"decode", "tick_to_order", "ack"} <= stages
    agrees(
        desk,
        """
            const row = (await rest("latency")).find((one) => one.stage === "tick_to_order");
            const shown = all(".histogram").find((one) => one.textContent.startsWith("Tick to order"));
            return shown.textContent.includes(`${row.count.toLocaleString("en-US")} measured`);
        """,
    )
    shoot(desk, "demo-latency")


def test_history(desk: Page, shoot: Callable[[Page, str], None]) -> None:
    """The deals of the database: the rows of the API, the newest first; and the filter by venue. The page asks once,
    so the database must have the rows by then."""
    for kind in ("deals", "orders?venue=okx"):
        agrees(desk, "return (await rest(`history/${given}`)).length > 0", kind)
    go(desk, "history", "deals")
    grid = desk.get_by_role("table", name="Deals")
    expect(grid.locator(".grid-row").first).to_be_visible()
    newest = rest(desk, "history/deals?limit=1")[0]["opened_us"]
    assert newest > 0
    go(desk, "history", "orders")
    desk.get_by_label("Venue").fill("okx")
    desk.get_by_role("button", name="Show").click()
    orders = desk.get_by_role("table", name="Orders")
    expect(desk.locator(".panel-head [role=status]")).not_to_have_text("Loading")
    agrees(
        desk,
        "return !all('[aria-label=Orders] .grid-row:not([hidden])').some((row) => !row.textContent.includes('okx:'))",
    )
    expect(orders.locator(".grid-row").first).to_contain_text("okx:")
    for kind in ("fills", "balances", "pnl", "alarms", "runs"):
        go(desk, "history", kind)
        expect(desk.locator(".panel-head [role=status]")).to_contain_text("rows")
    shoot(desk, "demo-history")


# --- actions


def test_the_kill_switch_by_keyboard_halts_the_desk_and_is_in_the_journal(
    desk: Page, demo: Demo, shoot: Callable[[Page, str], None]
) -> None:
    """Tab to the button, Enter, a reason, Enter. No deal begins after it, until somebody resumes."""
    go(desk, "overview")
    for _ in range(40):
        desk.keyboard.press("Tab")
        if desk.evaluate("document.activeElement.id") == "kill":
            break
    desk.keyboard.press("Enter")
    dialog = desk.get_by_role("dialog", name="Stop all trading?")
    expect(dialog).to_contain_text("no new deal, and no new order")
    shoot(desk, "demo-kill")
    desk.keyboard.press("Shift+Tab")
    desk.keyboard.type("numbers look wrong")
    desk.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    expect(desk.locator(".top .badge[data-state=bad]")).to_have_text("halted")
    expect(desk.locator(".notice")).to_contain_text("numbers look wrong")
    assert rest(desk, "status")[0]["mode"] == "halted"
    newest = max(one["opened_us"] for one in rest(desk, "deals"))
    desk.wait_for_timeout(1500)
    assert max(one["opened_us"] for one in rest(desk, "deals")) == newest
    shoot(desk, "demo-halted")
    journal = demo.ask("journal", "show")
    line = next(line for line in journal.splitlines()[::-1] if "halted" in line.lower())
    assert "numbers look wrong" in line
    assert "api" in line
    desk.get_by_role("button", name="Resume").first.click()
    desk.get_by_role("dialog").get_by_role("button", name="Resume").click()
    expect(desk.locator(".top .badge[data-state=good]").first).to_have_text("active")
    agrees(desk, "return (await rest('deals')).some((one) => one.opened_us > given)", newest)


def test_a_venue_is_taken_out_and_comes_back(desk: Page) -> None:
    """Its light and the server's word agree."""
    go(desk, "account", "venues")
    desk.get_by_role("button", name="Take okx out").click()
    desk.get_by_role("dialog").get_by_role("button", name="Take it out").click()
    expect(desk.locator(".lights li", has_text="okx")).to_contain_text("reducing")
    assert [one["mode"] for one in rest(desk, "venues") if one["name"] == "okx"] == ["reducing"]
    expect(desk.locator(".notice")).to_contain_text("Restricted: okx")
    desk.get_by_role("button", name="Trade at okx again").click()
    desk.get_by_role("dialog").get_by_role("button", name="Trade there").click()
    expect(desk.get_by_role("button", name="Take okx out")).to_be_visible()
    assert [one["mode"] for one in rest(desk, "venues") if one["name"] == "okx"] == ["active"]


# --- the end


def test_when_the_run_dies_the_page_says_so(demo: Demo, shared: Watched, shoot: Callable[[Page, str], None]) -> None:
    """The last test of this file: it kills the run."""
    page = shared.page
    go(page, "overview")
    shared.expected += ["ERR_CONNECTION", "WebSocket", "ERR_EMPTY"]
    demo.kill()
    expect(page.locator(".notice")).to_contain_text("Connection lost since")
    assert "grayscale(1)" in page.locator("main").evaluate("node => getComputedStyle(node).filter")
    shoot(page, "demo-lost")
    assert [text for text in shared.errors() if "failed:" not in text] == []
