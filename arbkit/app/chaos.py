"""Plays many seeds of chaos, in several processes, and writes each result to a log from which it can go on."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec
from msgspec import Struct

from arbkit.app.installed import installed
from arbkit.core.errors import ConfigError
from arbkit.testing import chaos
from arbkit.testing.chaos.known import known
from arbkit.testing.chaos.plan import ChaosPlan
from arbkit.testing.chaos.report import SeedReport
from arbkit.testing.chaos.shrink import shrink
from arbkit.testing.chaos.weather import Profile

__all__ = ["Task", "line_of", "play_plan", "seeds", "shrunk", "subject"]


class Task(Struct, frozen=True, kw_only=True):
    """What is the same for all seeds of one call. It is the first line of a log."""

    profile: Profile
    kinds: Sequence[str]
    venues: Sequence[str]
    seconds: float
    deals: chaos.Deals = "pair"


def subject(venues: Sequence[str] = ()) -> chaos.DeskUnderTest:
    """``SpreadArb`` on the installed venues that have a simulated side. Raises ``ConfigError`` for an unknown one."""
    registry = installed(dialects=True)
    names = sorted(venues or registry.dialects)
    exchanges: list[Any] = [registry.exchange(name) for name in names]
    return chaos.DeskUnderTest(exchanges=exchanges, dialects=[registry.dialect(name) for name in names])


def seeds(task: Task, numbers: Sequence[int], *, jobs: int, log: Path | None) -> Iterator[SeedReport]:
    """The reports of these seeds as they become known: those of the log first. Raises ``ConfigError`` for a log of
    other settings."""
    done: dict[int, SeedReport] = {}
    file: IO[bytes] | None = None
    if log is not None:
        done = _read(log, task)
        file = _opened(log, task)
    wanted = set(numbers)
    yield from (report for seed, report in done.items() if seed in wanted)
    left = [(task, seed) for seed in numbers if seed not in done]
    try:
        for line in _lines(left, jobs):
            if file is not None:
                file.write(line + b"\n")
                file.flush()
            yield msgspec.json.decode(line, type=SeedReport)
    finally:
        if file is not None:
            file.close()


def _lines(left: Sequence[tuple[Task, int]], jobs: int) -> Iterator[bytes]:
    if jobs < 2 or len(left) < 2:
        yield from map(_played, left)
        return
    with multiprocessing.get_context("spawn").Pool(min(jobs, len(left))) as pool:
        yield from pool.imap_unordered(_played, left)


def _played(one: tuple[Task, int]) -> bytes:
    """One seed, as a line of the log."""
    task, seed = one
    tested = subject(task.venues)
    plan = chaos.draw(seed, task.profile, tested.venues, kinds=task.kinds, seconds=task.seconds, deals=task.deals)
    return msgspec.json.encode(play_plan(tested, plan))


def play_plan(tested: chaos.DeskUnderTest, plan: ChaosPlan) -> SeedReport:
    """Play a plan and measure it."""
    began = time.process_time()
    report = chaos.play(tested, plan)
    report.cpu_s = time.process_time() - began
    return report


def shrunk(tested: chaos.DeskUnderTest, report: SeedReport) -> SeedReport:
    """The report of a smaller plan with a violation of the same judge: of the first one that is not known."""
    found = report.violations
    judge = next((one for one in found if not known(report.plan, one)), found[0]).judge
    return chaos.play(tested, shrink(report.plan, judge, lambda plan: chaos.play(tested, plan)))


def _read(log: Path, task: Task) -> dict[int, SeedReport]:
    """The seeds of a log. A last line that was cut off is ignored."""
    if not log.exists():
        return {}
    lines = log.read_bytes().split(b"\n")
    try:
        if lines[0] != msgspec.json.encode(task):
            raise ConfigError(f"--log {log}: it belongs to other settings; choose another file or remove it")
        found = [msgspec.json.decode(line, type=SeedReport) for line in lines[1:-1] if line]
    except msgspec.DecodeError as error:
        raise ConfigError(f"--log {log}: it cannot be read: {error}; choose another file or remove it") from None
    return {report.seed: report for report in found}


def _opened(log: Path, task: Task) -> IO[bytes]:
    try:
        if not log.exists():
            log.write_bytes(msgspec.json.encode(task) + b"\n")
        whole = log.read_bytes().rfind(b"\n") + 1
        with log.open("r+b") as file:
            file.truncate(whole)
        return log.open("ab")
    except OSError as error:
        raise ConfigError(f"--log {log}: it cannot be written: {error.strerror}") from None


def line_of(reports: Sequence[SeedReport]) -> dict[str, Any]:
    """The summary, with the reason of each violation that is known."""
    plans = {(report.seed, report.plan.profile): report.plan for report in reports}
    line = chaos.summed(reports)
    for one in line["violations"]:
        if reason := known(plans[one["seed"], one["profile"]], chaos.Violation(one["judge"], one["text"])):
            one["known"] = reason
    return line
