"""Metrics: a Prometheus parser reads what was counted, from this machine only."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from arbkit.core.counters import BOUNDS_US, Counters, Histogram
from arbkit.core.errors import ConfigError
from arbkit.core.types import BookState
from arbkit.monitor.metrics import METRICS, BookFact, Headroom, Sources, exposition
from arbkit.monitor.server import serve

ROOT = Path(__file__).parent.parent.parent


def busy() -> Sources:
    """Counters of every kind with some values."""
    counters = Counters()
    link = counters.link("binance.public.0")
    link.messages, link.bytes, link.gaps, link.reconnects, link.bad_frames, link.up = 5, 1234, 2, 1, 3, 1
    link.transit_ns = 1_500_000
    counters.link('odd"name\\').messages = 1
    for us in (0.5, 12.0, 150.0, 2e7):
        counters.tick_to_order.observe(us)
    counters.opportunities_seen, counters.opportunities_taken = 7, 4
    counters.deals["hedged"] += 3
    counters.orders["okx", "filled"] += 6
    counters.refused["max_open_deals"] += 1
    return Sources(
        counters=counters,
        books=lambda: [BookFact("binance:BTC-USDT", BookState.SYNCED, 250_000_000)],
        headroom=lambda: [Headroom("okx", "orders", 0.75)],
        pnl=lambda: {"USDT": Decimal("12.5"), "BTC": Decimal("-0.001")},
        marked_pnl=lambda: ("USDT", Decimal("-48.25")),
        open_deals=lambda: 2,
        unresolved=lambda: 1,
        mode=lambda: "reducing",
        log_dropped=lambda: 9,
    )


def parsed(sources: Sources) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(exposition(sources)().decode())}


def samples(sources: Sources) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in parsed(sources).values()
        for sample in family.samples
    }


def test_a_scrape_reads_back_as_what_was_counted() -> None:
    """With prometheus_client's own parser, every number is that of the counters."""
    found = samples(busy())
    assert found["arbkit_messages_received_total", ("binance.public.0",)] == 5
    assert found["arbkit_messages_received_total", ('odd"name\\',)] == 1
    assert found["arbkit_book_gaps_total", ("binance.public.0",)] == 2
    assert found["arbkit_reconnects_total", ("binance.public.0",)] == 1
    assert found["arbkit_bad_frames_total", ("binance.public.0",)] == 3
    assert found["arbkit_transit_excess_seconds", ("binance.public.0",)] == 0.0015
    assert found["arbkit_link_up", ("binance.public.0",)] == 1
    assert found["arbkit_opportunities_seen_total", ()] == 7
    assert found["arbkit_opportunities_taken_total", ()] == 4
    assert found["arbkit_deals_total", ("hedged",)] == 3
    assert found["arbkit_orders_total", ("filled", "okx")] == 6
    assert found["arbkit_commands_refused_total", ("max_open_deals",)] == 1
    assert found["arbkit_book_state", ("binance:BTC-USDT", "synced")] == 1
    assert found["arbkit_book_state", ("binance:BTC-USDT", "stale")] == 0
    assert found["arbkit_book_age_seconds", ("binance:BTC-USDT",)] == 0.25
    assert found["arbkit_rate_headroom_ratio", ("orders", "okx")] == 0.75
    assert found["arbkit_pnl", ("BTC",)] == -0.001
    assert found["arbkit_pnl_marked", ("USDT",)] == -48.25
    assert found["arbkit_gate_mode", ("reducing",)] == 1
    assert found["arbkit_open_deals", ()] == 2
    assert found["arbkit_orders_unresolved", ()] == 1
    assert found["arbkit_log_dropped_total", ()] == 9


def test_histograms_are_cumulative_and_in_seconds() -> None:
    """Buckets increase, the last is +Inf = count; the sum is in seconds."""
    family = parsed(busy())["arbkit_tick_to_order_seconds"]
    buckets = [(sample.labels["le"], sample.value) for sample in family.samples if sample.name.endswith("_bucket")]
    counts = [value for _, value in buckets]
    assert counts == sorted(counts)
    assert dict(buckets)["1e-06"] == 1
    assert dict(buckets)["1.6e-05"] == 2
    assert dict(buckets)["10"] == 3
    assert buckets[-1] == ("+Inf", 4)
    by_name = {sample.name: sample.value for sample in family.samples if not sample.name.endswith("_bucket")}
    assert by_name["arbkit_tick_to_order_seconds_count"] == 4
    assert by_name["arbkit_tick_to_order_seconds_sum"] == pytest.approx(20.0001625)


def test_every_metric_is_in_the_list_with_its_labels() -> None:
    """``METRICS`` has the names, kinds and labels of all metrics of a scrape."""
    listed = {info.name.removesuffix("_total") if info.kind == "counter" else info.name: info for info in METRICS}
    found = parsed(busy())
    assert found.keys() == listed.keys()
    for name, family in found.items():
        assert family.type == listed[name].kind
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(listed[name].labels)


def test_the_page_lists_every_metric() -> None:
    """docs/metrics.md has one row per metric: name, kind, labels and meaning as in the code."""
    page = (ROOT / "docs/metrics.md").read_text()
    for info in METRICS:
        labels = ", ".join(info.labels) or "-"
        assert f"| `{info.name}` | {info.kind} | {labels} | {info.help} |" in page
    assert page.count("| `arbkit_") == len(METRICS)


def test_an_idle_engine_has_a_scrape_too() -> None:
    """Nothing counted yet: valid text, and no series with labels."""
    found = samples(Sources(counters=Counters()))
    assert found["arbkit_decisions_total", ()] == 0
    assert not [name for name, _ in found if name.startswith(("arbkit_book_state", "arbkit_pnl", "arbkit_gate"))]


@given(st.lists(st.floats(min_value=0.0, max_value=2e7), min_size=1), st.floats(min_value=0.01, max_value=1.0))
def test_a_quantile_is_within_one_bucket_of_the_exact_one(values: list[float], share: float) -> None:
    """Log-spaced buckets bound the error: the estimate shares a bucket with the exact rank, or is the last bound."""
    histogram = Histogram()
    for value in values:
        histogram.observe(value)
    rank = sorted(values)[min(len(values) - 1, max(0, -int(-share * len(values) // 1) - 1))]
    bound = next((bound for bound in BOUNDS_US if rank <= bound), BOUNDS_US[-1])
    assert histogram.quantile(share) <= bound
    assert histogram.count == len(values)


def test_bounds_rise_over_seven_decades() -> None:
    """1 us to 10 s, five per decade."""
    assert list(BOUNDS_US) == sorted(set(BOUNDS_US))
    assert (BOUNDS_US[0], BOUNDS_US[-1], len(BOUNDS_US)) == (1.0, 1e7, 36)


async def get(url: str, host: str | None = None, path: str = "") -> tuple[int, str]:
    headers = {} if host is None else {"Host": host}
    async with aiohttp.ClientSession() as session, session.get(url + path, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_the_endpoint_answers_this_machine_only() -> None:
    """A rebound DNS name, a foreign host or a forged port gets nothing; other paths do not exist."""
    server = await serve(exposition(busy()))
    try:
        for good in (None, f"127.0.0.1:{server.port}", f"localhost:{server.port}", "LOCALHOST", "[::1]:9"):
            status, text = await get(server.url, good)
            assert status == 200
            assert "arbkit_messages_received_total" in text
        for bad in (
            "evil.example",
            f"evil.example:{server.port}",
            "127.0.0.1.evil.example",
            "localhost:80:90",
            "127.0.0.1:x",
        ):
            status, text = await get(server.url, bad)
            assert status == 421, bad
            assert "arbkit_" not in text
        assert (await get(server.url, path="x"))[0] == 404
    finally:
        await server.close()


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}],
    ids=str,
)
async def test_a_web_page_gets_nothing(headers: dict[str, str]) -> None:
    """A browser sends another site's request to this machine, and says so."""
    server = await serve(exposition(busy()))
    try:
        async with aiohttp.ClientSession() as session, session.get(server.url, headers=headers) as answer:
            assert answer.status == 403
            assert "arbkit_" not in await answer.text()
    finally:
        await server.close()


async def test_a_scrape_is_made_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks a thousand times a second gets the same text; later a new one."""
    made = 0

    def text() -> bytes:
        nonlocal made
        made += 1
        return b"%d" % made

    loop = asyncio.get_running_loop()
    late = 0.0
    now = loop.time
    monkeypatch.setattr(loop, "time", lambda: now() + late)
    server = await serve(text)
    try:
        assert {(await get(server.url))[1] for _ in range(20)} <= {"1", "2"}
        late = 1000.0
        assert (await get(server.url))[1] == str(made)
        assert 1 < made <= 3
    finally:
        await server.close()


def test_a_label_cannot_drive_a_terminal() -> None:
    """What a venue or a plugin named is escaped."""
    sources = Sources(counters=Counters(), pnl=lambda: {"X\x1b[2J": Decimal(1)})
    sources.counters.deals["a\x9b"] += 1
    text = exposition(sources)().decode()
    assert "\x1b" not in text
    assert "\x9b" not in text
    assert "X\\\\x1b[2J" in text


async def test_nothing_can_be_changed_through_the_endpoint() -> None:
    """It is read-only: other methods are refused."""
    server = await serve(lambda: b"")
    try:
        async with aiohttp.ClientSession() as session, session.post(server.url, data=b"x") as answer:
            assert answer.status == 405
    finally:
        await server.close()


async def test_a_taken_port_is_a_config_error() -> None:
    """The text names the key and the port."""
    server = await serve(lambda: b"")
    try:
        with pytest.raises(ConfigError, match=rf"metrics\.port: 127\.0\.0\.1:{server.port} cannot be opened"):
            await serve(lambda: b"", server.port)
    finally:
        await server.close()
