"""The command line. Each command is a separate module that is imported when the command is called."""

from __future__ import annotations

import os
import sys
import threading
from importlib import import_module
from io import StringIO
from traceback import format_exception
from types import TracebackType
from typing import Any

import click

from arbkit.core.errors import (
    ArbkitError,
    ConfigError,
    CredentialsError,
    LocalProtocolError,
    RemoteProtocolError,
    TransportError,
)

__all__ = ["main"]

OK, BUG, USAGE, CREDENTIALS, UNREACHABLE, RISK_STOP, UNRESOLVED, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 130
"""Exit codes; see the README."""

_COMMANDS = {
    "adapters": ("arbkit.cli.adapters", "The installed venues and their guarantees."),
    "alarms": ("arbkit.cli.alarms", "What an operator must know."),
    "api": ("arbkit.cli.api", "The OpenAPI document of the API of a desk."),
    "balances": ("arbkit.cli.balances", "The balances, now and then."),
    "bench": ("arbkit.cli.bench", "Measure this machine: frame, tick-to-order or floats."),
    "chaos": ("arbkit.cli.chaos", "Judge a desk in bad weather, in virtual time: no network."),
    "config": ("arbkit.cli.config", "Check a configuration without running it."),
    "dashboard": ("arbkit.cli.dashboard", "Make a link to the dashboard of a running desk."),
    "deals": ("arbkit.cli.deals", "The deals, expected against realised."),
    "demo": ("arbkit.cli.demo", "Trade on simulated venues: no keys, no network."),
    "doctor": ("arbkit.cli.doctor", "What is wrong with machine, packages, configuration, keys, state and venues."),
    "fills": ("arbkit.cli.fills", "The fills, with their fees."),
    "init": ("arbkit.cli.init", "Write a first configuration and strategy into a folder."),
    "instruments": ("arbkit.cli.instruments", "What the venues list, and what can be traded against what."),
    "journal": ("arbkit.cli.journal", "Show, check and rebuild what the journal holds."),
    "keys": ("arbkit.cli.keys", "Keys of venues: the vault, and what the keys may do."),
    "mode": ("arbkit.cli.mode", "Show or set the mode of a running desk: active, reducing, halted."),
    "new": ("arbkit.cli.new", "Make the package of a new strategy or venue."),
    "orders": ("arbkit.cli.orders", "The orders of the deals."),
    "pnl": ("arbkit.cli.pnl", "The gain of each day."),
    "replay": ("arbkit.cli.replay", "Replay recorded frames, or a captured run."),
    "run": ("arbkit.cli.run", "Run a strategy, on paper by default."),
    "sim": ("arbkit.cli.sim", "Serve simulated venues on this machine."),
    "status": ("arbkit.cli.status", "The modes of a running desk, and why each pair is not traded now."),
    "top": ("arbkit.cli.top", "Watch a running desk: what its terminal would show."),
    "strategies": ("arbkit.cli.strategies", "The installed strategies."),
}


class _Lazy(click.Group):
    """Lists the commands from ``_COMMANDS``, and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(_COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name][1]) for name in sorted(_COMMANDS)])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # The reader of the pipe (`| head`) has closed it. That is no error. Redirect stdout, so that the flush at
            # interpreter exit does not fail either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return OK

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], _COMMANDS, 1)
            hint = f" Did you mean {near[0]!r}?" if near else f" The commands are: {', '.join(sorted(_COMMANDS))}."
            raise click.UsageError(f"No such command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)


def _version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        click.echo(f"arbkit {version('arbkit')}")
        ctx.exit()


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
def group() -> None:
    """Arbitrage between crypto exchanges."""


def main(args: list[str] | None = None) -> None:
    """The entry point: runs a command and exits with its code. A user error is printed as text, without a traceback."""
    _show_faults()
    sys.exit(_run(args))


def _run(args: list[str] | None) -> int:
    try:
        code = group.main(args, prog_name="arbkit", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        shown = StringIO()
        error.show(shown)
        _say(shown.getvalue().rstrip("\n"))
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except LocalProtocolError:
        raise
    except ArbkitError as error:
        _say(f"arbkit: {error}")
        return _code(error)
    return code if isinstance(code, int) else OK


def _say(text: str) -> None:
    from arbkit.monitor.terminal import say  # imported late: `arbkit --help` needs none of it

    say(text)


def _show_faults() -> None:
    """Tracebacks can hold what a venue said or a plugin knows: they pass the redactor, as all that is printed."""

    def told(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        _say("".join(format_exception(kind, error, trace)).rstrip())

    sys.excepthook = told
    threading.excepthook = lambda thrown: told(thrown.exc_type, thrown.exc_value, thrown.exc_traceback)
    sys.unraisablehook = lambda thrown: told(thrown.exc_type, thrown.exc_value, thrown.exc_traceback)


def _code(error: ArbkitError) -> int:
    if isinstance(error, CredentialsError):
        return CREDENTIALS
    if isinstance(error, ConfigError):
        return USAGE
    if isinstance(error, (TransportError, RemoteProtocolError)):
        return UNREACHABLE
    return BUG
