"""``arbkit chaos``."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click
import msgspec

from arbkit.app import chaos as app
from arbkit.cli.output import json_option
from arbkit.core.errors import ConfigError
from arbkit.monitor.terminal import emit, say, show
from arbkit.testing import chaos
from arbkit.testing.chaos.known import known
from arbkit.testing.chaos.report import SeedReport

_SHRUNK = 3
"""So many failing seeds are shrunk: each takes some dozens of runs."""


def _range(_ctx: click.Context, _param: click.Parameter, text: str) -> range:
    first, _, last = text.partition("..")
    if not first.isdecimal() or not (last or first).isdecimal():
        raise click.BadParameter(f"{text!r} is no range of seeds, such as 0..99")
    seeds = range(int(first), int(last or first) + 1)
    if not seeds:
        raise click.BadParameter(f"{text!r} has no seed: write the smaller number first")
    return seeds


def _names(_ctx: click.Context, _param: click.Parameter, text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


@click.command()
@click.option("--seeds", default="0..9", callback=_range, metavar="A..B", show_default=True, help="Both included.")
@click.option("--profile", type=click.Choice(chaos.PROFILES), default="storm", show_default=True)
@click.option(
    "--kinds", default="", callback=_names, help="Only this weather, by commas; foundation = the oldest kinds."
)
@click.option("--venues", default="", callback=_names, help="Only these, by commas; default: all installed.")
@click.option(
    "--deals",
    type=click.Choice(get_args(chaos.Deals)),
    default="pair",
    show_default=True,
    help="What it trades: pair and triangle at once, staged and chain in waves.",
)
@click.option("--seconds", type=click.FloatRange(min=1), default=60.0, show_default=True, help="Virtual, of each seed.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes.")
@click.option("--log", type=click.Path(dir_okay=False, path_type=Path), help="Write each seed here, and go on from it.")
@click.option("--plan", "plan_text", default="", help="Play this plan (JSON, or @FILE) instead of seeds.")
@json_option
def command(
    seeds: range,
    profile: chaos.Profile,
    kinds: tuple[str, ...],
    venues: tuple[str, ...],
    deals: chaos.Deals,
    seconds: float,
    jobs: int,
    log: Path | None,
    plan_text: str,
    as_json: bool,
) -> int:
    """Run a desk in virtual time against simulated venues with bad weather, and judge it by the venues' ledgers.

    The exit code is 1 if there is a violation that is not known. A failing seed prints the command that plays it again,
    with fewer faults.
    """
    tested = app.subject(venues)
    if plan_text:
        reports = [app.play_plan(tested, _plan(plan_text))]
        _show(reports[0])
    else:
        names = chaos.FOUNDATION if kinds == ("foundation",) else kinds or chaos.ALL
        try:
            chaos.swarm(0, tested.venues, names, profile)
        except ValueError as error:
            raise ConfigError(f"--kinds: {error}") from None
        task = app.Task(profile=profile, kinds=names, venues=tested.venues, seconds=seconds, deals=deals)
        reports = []
        for report in app.seeds(task, seeds, jobs=jobs, log=log):
            reports.append(report)
            _show(report)
        for report in [one for one in reports if _new(one)][:_SHRUNK]:
            say(f"smaller: {app.shrunk(tested, report)}")
    line = app.line_of(reports)
    if as_json:
        emit(line)
    else:
        _print(line)
    return 1 if any(map(_new, reports)) else 0


def _plan(text: str) -> chaos.ChaosPlan:
    try:
        return chaos.read_plan(Path(text[1:]).read_text() if text.startswith("@") else text)
    except OSError as error:
        raise ConfigError(f"--plan {text}: it cannot be read: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise ConfigError(f"--plan: {error}") from None


def _new(report: SeedReport) -> bool:
    return any(not known(report.plan, one) for one in report.violations)


def _show(report: SeedReport) -> None:
    if _new(report):
        say(str(report))


def _print(line: dict[str, object]) -> None:
    """The summary for a person, a line for each part."""
    for name, value in line.items():
        if name != "violations":
            said = ", ".join(f"{key} {n}" for key, n in value.items()) if isinstance(value, dict) else str(value)
            show(f"{name.replace('_', ' ')}: {said or 'none'}")
    found = line["violations"]
    assert isinstance(found, list)
    kinds: dict[str, list[int]] = {}
    for one in found:
        kinds.setdefault(f"{one['judge']} ({one.get('known', 'new')})", []).append(one["seed"])
    for kind, seeds in sorted(kinds.items()):
        show(f"violations: {kind}: {len(seeds)}, seeds {', '.join(map(str, sorted(set(seeds))[:12]))}")
    if not found:
        show("violations: none")
