"""``arbkit api``."""

from __future__ import annotations

import click

from arbkit.monitor.terminal import emit


@click.group()
def command() -> None:
    """The API of a running desk: see docs/api.md."""


@command.command("schema")
def schema() -> int:
    """Print its OpenAPI document, for programs that make clients."""
    from arbkit.app.recovery import code_version
    from arbkit.monitor.api.schema import document

    emit(document(code_version()))
    return 0
