"""How long a frame of the dashboard takes with 12 venues x 50 symbols at 10 updates a second.

``make browser`` prints the figures. They are CPU time of the page's thread, from a trace of the browser: what else the
machine does is not in them. The time between frames by the clock is told too; it has the painting by software in it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from dashboards import Process, Watched, go, synthetic
from playwright.sync_api import Browser, expect

pytestmark = [pytest.mark.browser, pytest.mark.quiet]
SECONDS = 5
MOST_MS = 16.0
COUNTS = "[arbkit.frame.frames, arbkit.feed.read, arbkit.feed.readMs]"
BETWEEN = """seconds => new Promise((done) => {
    const between = [], began = performance.now();
    let last = began;
    const tick = (now) => {
        if (now > last) between.push(now - last);
        last = now;
        if (now - began < seconds * 1000) return requestAnimationFrame(tick);
        done(between);
    };
    requestAnimationFrame(tick);
})"""
STEPS = {"UpdateLayoutTree", "Layout", "PrePaint", "Paint", "Layerize", "Commit"}
"""What the browser does after our code to show a frame, on the same thread."""


class Frames(NamedTuple):
    """Milliseconds of CPU time of each frame, in our code and on the thread of the page altogether."""

    ours: list[float]
    whole: list[float]


def frames_of(trace: bytes) -> Frames:
    events = [one for one in json.loads(trace)["traceEvents"] if "tdur" in one]
    threads = Counter((one["pid"], one["tid"]) for one in events if one["name"] == "FireAnimationFrame")
    page = threads.most_common(1)[0][0]
    mine = sorted((one for one in events if (one["pid"], one["tid"]) == page), key=lambda one: one["ts"])
    ours: list[float] = []
    whole: list[float] = []
    for one in mine:
        ms = one["tdur"] / 1000
        if one["name"] == "FireAnimationFrame":
            ours.append(ms)
            whole.append(ms)
        elif one["name"] in STEPS and whole:
            whole[-1] += ms
    return Frames(ours, whole)


@pytest.fixture(scope="module")
def fast() -> Iterator[Process]:
    made = synthetic("--port", "0", "--every", "0.1")
    yield made
    made.kill()


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@pytest.mark.parametrize("path", ["overview", "spreads/BTC-USDT/okx/bybit", "books/BTC-USDT", "deals", "latency"])
def test_a_frame_takes_less_than_16_ms(browser: Browser, watched: Watched, fast: Process, path: str) -> None:
    """95% of the frames, by the CPU time of the thread of the page."""
    page = watched(f"{fast.site}#token=trade")
    expect(page.locator(".top")).to_contain_text("connected")
    go(page, path)
    page.wait_for_timeout(1500)
    before = page.evaluate(COUNTS)
    browser.start_tracing(page=page, categories=["devtools.timeline", "disabled-by-default-devtools.timeline"])
    page.wait_for_timeout(SECONDS * 1000)
    ours, whole = frames_of(browser.stop_tracing())
    drawn, read, read_ms = (now - then for now, then in zip(page.evaluate(COUNTS), before, strict=True))
    between = page.evaluate(BETWEEN, SECONDS)
    told = [
        f"our code p50 {quantile(ours, 0.5):.1f} p95 {quantile(ours, 0.95):.1f}",
        f"with style, layout and paint p50 {quantile(whole, 0.5):.1f} p95 {quantile(whole, 0.95):.1f}",
        f"{drawn} frames and {read} messages in {SECONDS} s",
        f"by the clock {read_ms / max(1, read):.1f} to read a message",
        f"by the clock between frames p50 {quantile(between, 0.5):.1f} p95 {quantile(between, 0.95):.1f}",
    ]
    print(f"\n{path}, ms of CPU a frame: {'; '.join(told)}")
    assert drawn > SECONDS
    assert quantile(whole, 0.95) < MOST_MS
