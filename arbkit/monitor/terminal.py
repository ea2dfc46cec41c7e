"""What the process prints: every text passes the redactor, and no text of others controls the terminal."""

from __future__ import annotations

import os
import sys
from typing import Any, TextIO

import click
import msgspec

from arbkit.monitor.redactor import PROCESS, safe

__all__ = ["clean", "emit", "filled", "last", "say", "show", "tell"]


def show(text: str) -> None:
    """Print a text on stdout."""
    click.echo(clean(text))


def say(text: str) -> None:
    """Print a message for the user on stderr."""
    click.echo(clean(text), err=True)


def emit(document: Any) -> None:
    """Print one JSON line on stdout."""
    click.echo(msgspec.json.encode(_struck(msgspec.to_builtins(document))).decode())


def tell(result: str | dict[str, Any]) -> None:
    """Print a result: a text for people, or a document as JSON."""
    show(result) if isinstance(result, str) else emit(result)


def last(result: str | dict[str, Any]) -> None:
    """Print the end of a run. That nobody reads it any more (``| head``, a terminal that was closed) changes nothing,
    also not the exit code."""
    try:
        tell(result if isinstance(result, dict) else filled(result, sys.stdout))
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def filled(text: str, stream: TextIO) -> str:
    """The text with its lines broken to the width of the terminal, further lines below the second column. In a pipe it
    stays as it is."""
    if not stream.isatty():
        return text
    from arbkit.monitor.header import folded, indent

    columns = os.get_terminal_size(stream.fileno()).columns or 80
    return "\n".join(part for one in text.split("\n") for part in folded(one, columns, indent(one)))


def clean(text: str) -> str:
    """A text as it is printed."""
    return "\n".join(safe(PROCESS.strike(line, sentence=True)) for line in PROCESS.known(text).split("\n"))


def _struck(value: Any) -> Any:
    if isinstance(value, str):
        return safe(PROCESS.known(value))
    if isinstance(value, list):
        return [_struck(item) for item in value]
    if isinstance(value, dict):
        return {_struck(name): _struck(item) for name, item in value.items()}
    return value
