"""``arbkit strategies list``."""

from __future__ import annotations

import inspect

import click

from arbkit.app.installed import installed
from arbkit.cli.output import json_option, table
from arbkit.monitor.terminal import emit


@click.group()
def command() -> None:
    """The installed strategies."""


@command.command("list")
@json_option
def listing(as_json: bool) -> None:
    """List the registered names; ``arbkit run NAME`` runs one."""
    registry = installed()
    rows = []
    for plugin in registry.plugins:
        for name in sorted(plugin.strategies):
            about = inspect.cleandoc(registry.strategies[name].__doc__ or "").partition("\n")[0]
            rows.append((name, plugin.distribution, plugin.version, "ok", about))
        if plugin.error:
            rows.append(("", plugin.distribution, plugin.version, "broken", plugin.error))
    if as_json:
        keys = ("name", "distribution", "version", "status", "about")
        emit({"strategies": [dict(zip(keys, row, strict=True)) for row in rows]})
        return
    table(("name", "distribution", "version", "status", "about"), [(row[0] or "-", *row[1:]) for row in rows])
