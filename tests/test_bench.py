"""``arbkit bench``: the fields others read, and two ways that end with the same book."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from arbkit import cli
from arbkit.bench import frame as bench_frame
from arbkit.bench import live as bench_live
from arbkit.bench import order as bench_order
from arbkit.bench import peer as bench_peer
from arbkit.bench import peers as bench_peers
from arbkit.bench import saturate as bench_saturate
from arbkit.bench import scale as bench_scale
from arbkit.plugins import registry as plugins
from arbkit.testing import corpus
from arbkit.testing.recorder import record, write_frames

Bench = Callable[..., list[dict[str, Any]]]
VENUES = sorted(plugins.load(dialects=True).dialects)
PACKED = ("htx", "mexc")
"""Venues whose frames are no text."""
TEXT = [name for name in VENUES if name not in PACKED]
RECORDED = [
    pytest.param(venue, name, marks=pytest.mark.recordings(venue, name))
    for venue, name in (("binance", "frames-small2021"), ("okx", "frames-transcoded-seq"), ("bybit", "frames"))
]


@pytest.fixture
def frames(tmp_path: Path) -> Callable[[str], str]:
    """A file with some seconds of a simulated venue."""

    def made(venue: str) -> str:
        registry = plugins.load(dialects=True)
        write_frames(tmp_path / "frames.jsonl.gz", record(registry.exchange(venue), registry.dialects[venue], 10))
        return str(tmp_path / "frames.jsonl.gz")

    return made


@pytest.fixture
def bench(capsys: pytest.CaptureFixture[str]) -> Callable[..., list[dict[str, Any]]]:
    """Runs ``arbkit bench ... --json`` and gives its results."""

    def run(*words: str) -> list[dict[str, Any]]:
        assert cli._run(["bench", *words, "--json"]) == 0
        line = json.loads(capsys.readouterr().out)
        assert set(line) == {"machine", "results"}
        rows: list[dict[str, Any]] = line["results"]
        return rows

    return run


def test_frame_prints_one_line_with_every_field(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One JSON line; per row what was measured, on what, and the ratio to the usual way of the same run."""
    monkeypatch.setattr(bench_frame, "SEEDED_FRAMES", 150)

    rows = bench("frame")

    assert [row["levels"] for row in rows] == [2, 10, 40]
    for row in rows:
        assert {"venue", "levels", "book_levels", "median_us", "p99_us", "usual_us", "ratio", "frames"} <= set(row)
        assert 380 <= row["book_levels"] <= 420
        assert row["ratio"] == pytest.approx(row["usual_us"] / row["median_us"], abs=0.01)


def test_live_frames_take_the_way_of_a_run(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every frame passes the transport and reaches the book: it ends where the bare desk's ends, and the bare path is
    measured beside it."""
    monkeypatch.setattr(bench_frame, "SEEDED_FRAMES", 300)
    ends: dict[bool, set[tuple[float, float, int]]] = {True: set(), False: set()}
    frames = bench_live._Run.frames

    def seen(run: Any, count: int) -> Any:
        took = frames(run, count)
        book = run._desk.books[f"binance:{run._native}"]
        ends[run._socket is not None].add((book.bid_px, book.ask_px, book.updates))
        return took

    monkeypatch.setattr(bench_live._Run, "frames", seen)
    rows = bench("frame", "--live")

    assert [row["changes"] for row in rows] == [2, 10, 40]
    assert all(row["median_us"] > 0 < row["bare_us"] and row["calibration_us"] > 0 for row in rows)
    assert ends[True] == ends[False]


def test_scale_measures_desks_of_several_sizes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row for each size, with its links and books, and its ratio to the first of its kind."""
    monkeypatch.setattr(bench_scale, "SIZES", ((2, 1), (3, 2)))
    monkeypatch.setattr(bench_scale, "LINKS", (2, 3))
    monkeypatch.setattr(bench_scale, "FRAMES", 50)
    monkeypatch.setattr(bench_scale, "WAKES", 20)
    rows = bench("scale")

    assert [(row["what"], row["venues"], row["links"], row["books"]) for row in rows] == [
        ("frame", 2, 4, 1),
        ("frame", 3, 6, 6),
        ("wake", 2, 4, 2),
        ("wake", 3, 6, 3),
    ]
    assert [row["ratio"] for row in rows][0::2] == [1.0, 1.0]


def test_order_shows_each_step(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Warm, cold, and the steps of the warm way; every decision that is measured sends two orders, else it fails."""
    monkeypatch.setattr(bench_order, "BURSTS", 1)
    monkeypatch.setattr(bench_order, "COLD", 1)
    monkeypatch.setattr(bench_order, "ROUNDS", 1)
    rows = {row["what"]: row for row in bench("order")}

    assert list(rows)[:3] == ["warm", "cold", "plan"]
    assert rows["send"]["median_us"] > rows["send: encode and sign"]["median_us"] > 0
    assert rows["warm"]["samples"] == bench_order.BURST - bench_order.WARM_UP


def benched(bench: Bench, venue: str, path: str) -> None:
    """Both ways read the frames and end with the same best bid (else the bench itself fails)."""
    (row,) = bench("frame", "--frames", path)

    assert row["venue"] == venue
    assert row["frames"] > 20
    assert row["usual_us"] > 0
    assert row["median_us"] > 0


@pytest.mark.parametrize("venue", PACKED)
def test_packed_frames_are_refused(
    frames: Callable[[str], str], capsys: pytest.CaptureFixture[str], venue: str
) -> None:
    """The usual way would have to unpack them first."""
    assert cli._run(["bench", "frame", "--frames", frames(venue)]) == 2
    assert "the benchmark reads text only" in capsys.readouterr().err


@pytest.mark.parametrize("venue", TEXT)
def test_a_file_of_frames_is_benched(bench: Bench, frames: Callable[[str], str], venue: str) -> None:
    """``--frames``, for each venue."""
    benched(bench, venue, frames(venue))


@pytest.mark.parametrize(("venue", "name"), RECORDED)
def test_a_recording_of_each_venue_is_benched(bench: Bench, venue: str, name: str) -> None:
    """The same for frames of the real venues."""
    benched(bench, venue, str(corpus.find(venue, name)))


@pytest.mark.quiet
@pytest.mark.parametrize("venue", TEXT)
def test_frames_of_each_venue_are_read_faster_than_the_usual_way(
    bench: Bench, frames: Callable[[str], str], venue: str
) -> None:
    """The reason why there is a way of our own."""
    (row,) = bench("frame", "--frames", frames(venue))

    assert row["usual_us"] > row["median_us"] > 0


@pytest.mark.quiet
@pytest.mark.parametrize(("venue", "name"), RECORDED)
def test_a_recording_of_each_venue_is_read_faster_than_the_usual_way(bench: Bench, venue: str, name: str) -> None:
    """Also for frames of the real venues."""
    (row,) = bench("frame", "--frames", str(corpus.find(venue, name)))

    assert row["usual_us"] > row["median_us"] > 0


def test_a_file_without_frames_is_the_users_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 and a sentence."""
    (tmp_path / "none.jsonl").write_text("{}\n")

    assert cli._run(["bench", "frame", "--frames", str(tmp_path / "none.jsonl")]) == 2
    assert "contains no frames of" in capsys.readouterr().err


def test_floats_compares_typed_decoding_with_the_usual_ways(bench: Bench) -> None:
    """Every way has its time and its ratio to the first, which is the usual one."""
    rows = bench("floats")

    assert [row["way"] for row in rows][0::4] == ["json + float()", "msgspec typed, bounded (ours)"]
    assert all(row["us"] > 0 for row in rows)
    assert rows[0]["ratio"] == 1


@pytest.mark.quiet
def test_typed_decoding_is_the_fastest_way(bench: Bench) -> None:
    """Ours is the fastest of the ways shown."""
    rows = bench("floats")

    assert max(rows, key=lambda row: row["ratio"])["way"].startswith("msgspec typed")


def test_peers_end_with_the_same_book_and_a_ratio_to_the_better(monkeypatch: pytest.MonkeyPatch) -> None:
    """arbkit and ccxt.pro read the same frames to the same best prices; an end that differs is an error."""
    monkeypatch.setattr(bench_frame, "SEEDED_FRAMES", 150)
    monkeypatch.setattr(bench_peer, "CHANGES", (10,))
    monkeypatch.setattr(bench_peers, "ROUNDS", 1)
    ways: dict[str, Any] = {name: Way(bench_peer.WAYS[name]) for name in ("arbkit", "ccxt.pro")}
    (Way.source,) = bench_peer.sources(None)
    ours, theirs = bench_peers._compare(0, Way.source, ways)
    assert (ours.what, theirs.what, theirs.faster, ours.changes) == ("arbkit", "ccxt.pro", 1.0, 10)
    assert ours.faster == pytest.approx(theirs.median_us / ours.median_us, abs=0.01)
    ways["arbkit"] = Way(lambda source: replace(bench_peer.WAYS["arbkit"](source), bid=1.0))
    with pytest.raises(AssertionError, match="best prices at the end differ"):
        bench_peers._compare(0, Way.source, ways)


class Way:
    """A way in this process."""

    source: bench_peer.PeerSource

    def __init__(self, read: Callable[[bench_peer.PeerSource], bench_peer.PeerRound]) -> None:
        self._read = read

    def round(self, number: int) -> bench_peer.PeerRound:
        return self._read(self.source)


def test_peers_that_are_not_installed_are_told(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """Nothing to compare with: a usage error that says how to get it."""
    monkeypatch.setattr(bench_peers, "find_spec", lambda name: None)
    assert cli._run(["bench", "peers"]) == 2
    assert "make peers" in capsys.readouterr().err


def test_ages_keep_quantiles_without_keeping_each() -> None:
    """Quantiles in ms to a hundredth; ages before the epoch of the sender and very old ones count at the ends."""
    ages = bench_saturate.Ages()
    assert ages.at(0.5) is None
    for ms in (3, 1, 2, 40_000):
        ages.add(ms * 1_000_000 + 4_000)
    ages.add(-5)
    assert [ages.at(share) for share in (0.0, 0.25, 0.5, 0.99, 1.0)] == [0.0, 1.0, 2.0, 10_000.0, 10_000.0]
    ages.clear()
    assert ages.at(1.0) is None
