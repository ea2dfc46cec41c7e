"""What the process prints: every text passes the redactor, and no text of others controls the terminal."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from arbkit.monitor.redactor import PROCESS, safe

__all__ = ["clean", "emit", "say", "show", "tell"]


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
