"""``arbkit replay``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from arbkit.app.installed import installed
from arbkit.cli import BUG, OK, USAGE
from arbkit.cli.output import json_option
from arbkit.core.types import VenueSettings
from arbkit.monitor.redactor import safe
from arbkit.monitor.terminal import emit, say, show


@click.command()
@click.argument("recording", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("strategy", metavar="[TARGET]", required=False)
@click.option("--venue", help="The venue of the recording (not for a .tape).")
@click.option("--top", type=click.IntRange(1, 1000), default=5, show_default=True, help="Levels per side to print.")
@click.option("--fused", is_flag=True, help="Also use the venue's best bid-ask stream.")
@json_option
def command(recording: Path, strategy: str | None, venue: str | None, top: int, fused: bool, as_json: bool) -> int:
    """Print the book after each frame that changed it; or, for a run's .tape, the hash of its commands.

    TARGET is the strategy of the tape's run, as for arbkit run; not needed if it has a registered name.

    Frames that cannot be read and books that are lost are told on stderr, with the line and the reason.
    """
    if recording.suffix == ".tape":
        return _tape(recording, strategy, as_json)
    if strategy is not None:
        raise click.UsageError("TARGET is for a run's .tape; recorded frames have no strategy")
    if venue is None:
        raise click.UsageError("give the venue of the recording: --venue NAME")
    from arbkit.testing.recording import print_books

    exchange = installed().exchange(venue)(VenueSettings())
    show = _as_is if as_json else _for_people
    summary = print_books(
        recording,
        exchange,
        top=top,
        fused=fused,
        out=lambda line: sys.stdout.write(show(line) + "\n"),
        warn=lambda text: say(f"{recording}: {text}"),
    )
    if summary.torn is not None:
        say(f"{recording}: line {summary.torn + 1} cannot be read; the lines before it were used")
    if not summary.frames:
        say(f"{recording}: contains no frames; expected one JSON object per line, with t, dir, kind, url and data")
    return OK if summary.frames else USAGE


def _tape(recording: Path, strategy: str | None, as_json: bool) -> int:
    """Replay a captured run. The commands must be identical, byte for byte."""
    from arbkit.app.replay import replay

    found = replay(str(recording), installed(), strategy)
    if as_json:
        emit(found)
    else:
        show("\n".join(f"{name:<14}  {value}" for name, value in found.items()))
    if found.get("recorded_hash") == "":
        say("the tape ends before its run did (a full disk, a killed process): there is no hash to compare with")
        return USAGE
    if not found["same"]:
        say("the commands differ from those of the run: different code, a different strategy, or a bug")
    return OK if found["same"] else BUG


def _as_is(line: str) -> str:
    return line


def _for_people(line: str) -> str:
    found = json.loads(line)
    if "summary" in found:
        return ", ".join(f"{name} {count}" for name, count in found["summary"].items())
    bid, ask = (" x ".join(side) if side else "-" for side in (found["bid"], found["ask"]))
    return safe(f"{found['i']:>8}  {found['symbol']:<12}  {bid:>32}  |  {ask}")
