"""``arbkit adapters list``, ``arbkit adapters test`` and ``arbkit adapters check``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from msgspec import Struct

from arbkit.app.installed import installed
from arbkit.cli import BUG, OK, UNREACHABLE, checked
from arbkit.cli.loop import loop_factory
from arbkit.cli.output import config_option, json_option, table
from arbkit.config.load import DEFAULT_FILE, Config, VenueConfig
from arbkit.config.load import load as load_config
from arbkit.core.errors import PluginError
from arbkit.core.runtime.clock import Clock
from arbkit.core.types import Capabilities, NewOrder, Role, Side, VenueSettings
from arbkit.monitor.terminal import emit, show
from arbkit.plugins import registry as plugins

_OLD_DAYS = 180
_ORDER = NewOrder(account="", instrument="", cl_ord_id="", side=Side.BUY, qty=Decimal(1), px=Decimal(1))
"""To ask an adapter how it sends orders."""


class Row(Struct, kw_only=True):
    """One venue, or one broken distribution."""

    venue: str = ""
    distribution: str
    version: str
    author: str = ""
    source: str = ""
    """Where it was installed from: ``index`` (or unknown), ``editable``, ``git``, ``file``, ``url``."""
    location: str = ""
    """The folder that holds it."""
    client_id: str = ""
    order_expiry_s: float | None = None
    """The gateway refuses an order that arrives later than this after signing."""
    order_window_source: str = ""
    order_timeout_s: float | None = None
    """An order that passed the gateway is executed or refused within this time."""
    order_timeout_source: str = ""
    book_check: str = ""
    ws_orders: bool | None = None
    checked: str = ""
    changes: Mapping[str, str] = {}
    """Announced changes of the venue, by ISO date."""
    unchecked_days: int | None = None
    """Days since ``checked``; None = it is no date."""
    status: str = "ok"
    reason: str = ""


@click.group()
def command() -> None:
    """The installed venues and their guarantees."""


@command.command("list")
@json_option
def listing(as_json: bool) -> None:
    """List all installed adapters; a broken one with its error."""
    rows = _rows(installed())
    if as_json:
        emit({"adapters": rows})
        return
    columns = (
        "venue",
        "distribution",
        "version",
        "author",
        "from",
        "client id",
        "order window",
        "engine timeout",
        "book check",
        "WS orders",
        "checked",
        "status",
    )
    table(columns, [_cells(row) for row in rows])
    for row in rows:
        for day, text in sorted(row.changes.items()):
            show(f"{row.venue} changes on {day}: {text}")
        days = row.unchecked_days
        if days is not None and days > _OLD_DAYS:
            show(f"{row.venue} was compared with its documentation {days} days ago: look for a newer package")
    good = sum(row.status == "ok" for row in rows)
    show(f"\n{good} adapter{'' if good == 1 else 's'}" + (f", {len(rows) - good} broken" if good < len(rows) else ""))


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_NOTE = 160
"""Characters of a note in the table; the JSON has all of it."""


@command.command("test")
@click.argument("name")
@click.option("--recording", type=_FILE, help="Recorded frames of the venue.")
@click.option("--vectors", type=_FILE, help="Signed requests of an independent client.")
@json_option
def test(name: str, recording: Path | None, vectors: Path | None, as_json: bool) -> int:
    """Check the installed adapter NAME against the conformance rules (docs/conformance.md)."""
    from arbkit.app.conformance import subject
    from arbkit.testing.conformance import run

    results = run(subject(name, recording, vectors))
    counts = {outcome: sum(result.outcome == outcome for result in results) for outcome in ("pass", "FAIL", "not run")}
    if as_json:
        emit({"adapter": name, "passed": counts["pass"], "failed": counts["FAIL"], "rules": results})
    else:
        rows = [(result.rule, result.kind, result.outcome, _short(result.note)) for result in results]
        table(("rule", "kind", "result", "note"), rows)
        show(f"\n{counts['pass']} passed, {counts['FAIL']} failed, {counts['not run']} not run")
    return BUG if counts["FAIL"] else OK


@command.command("check")
@click.argument("name")
@click.option("--live", is_flag=True, help="Against the venue itself: public endpoints only, no keys are read.")
@click.option(
    "--seconds", type=click.FloatRange(min=1), default=60.0, show_default=True, help="How long to hold books."
)
@click.option("--symbol", "symbols", multiple=True, help="Hold this book, as BTC-USDT; may be repeated.")
@click.option(
    "--environment",
    type=click.Choice(["prod", "testnet", "demo", "sim"]),
    help="Of the venue, if the configuration has none; default prod.",
)
@config_option
@json_option
def check(
    name: str,
    live: bool,
    seconds: float,
    symbols: tuple[str, ...],
    environment: str | None,
    config_file: str | None,
    as_json: bool,
) -> int:
    """Compare what the adapter NAME claims with its simulator, or with --live with the venue itself.

    It reads the catalogue, holds books, compares them, measures clock, transit and cadence, and reports what does not
    match. The report names nothing of yours: you can send it to the adapter's author. Exit code 0: all matches; 1: not
    all; 4: the venue could not be reached.
    """
    from arbkit.app.check import live as real
    from arbkit.app.check import simulated
    from arbkit.app.check.subject import Subject

    configured = load_config(config_file) if config_file or os.path.lexists(DEFAULT_FILE) else Config()
    registry = plugins.load(configured.distributions or None, dialects=not live)
    registry.exchange(name)  # raises with the nearest name
    venue = configured.venues.get(name) or VenueConfig(environment=environment or "prod")  # type: ignore[arg-type]  # click checks it
    subject = Subject(name, registry, venue, symbols)
    report = (
        real.check(subject, seconds, loop_factory(), configured.ca_file) if live else simulated.check(subject, seconds)
    )
    if as_json:
        emit(report)
    else:
        checked.show_report(report)
    return UNREACHABLE if not report.reached else BUG if report.mismatches else OK


def _short(note: str) -> str:
    return note if len(note) <= _NOTE else f"{note[:_NOTE]} ..."


def _rows(registry: plugins.Registry) -> list[Row]:
    rows = []
    for venue, cls in sorted(registry.exchanges.items()):
        plugin = registry.home[venue]
        row = _row(plugin, venue=venue)
        try:
            _guarantees(row, cls)
        except Exception as error:
            row.status, row.reason = "broken", plugins.raised_at(error)
        rows.append(row)
    rows += [_row(plugin, status="broken", reason=plugin.error) for plugin in registry.plugins if plugin.error]
    return rows


def _row(plugin: plugins.Plugin, **more: Any) -> Row:
    return Row(
        distribution=plugin.distribution,
        version=plugin.version,
        author=plugin.author,
        source=plugin.source,
        location=plugin.location,
        **more,
    )


def _guarantees(row: Row, cls: type[Any]) -> None:
    exchange = cls(VenueSettings())
    found = exchange.capabilities
    if not isinstance(found, Capabilities):
        raise PluginError(f"{cls.__name__}.capabilities is not an arbkit.Capabilities")
    row.client_id = found.client_id_scope.value
    row.order_expiry_s, row.order_window_source = found.order_window_ns / 1e9, found.order_window_source
    row.order_timeout_s, row.order_timeout_source = found.order_timeout_ns / 1e9, found.order_timeout_source
    row.book_check = found.book_check
    row.ws_orders = Role.TRADE in exchange.route(_ORDER)
    row.checked = found.checked
    row.changes = found.changes
    with suppress(ValueError):
        row.unchecked_days = (_today() - date.fromisoformat(found.checked)).days


def _today() -> date:
    return datetime.fromtimestamp(Clock().now_ns() / 1e9, UTC).date()


def _cells(row: Row) -> list[str]:
    ws_orders = "" if row.ws_orders is None else "yes" if row.ws_orders else "no"
    status = row.status if not row.reason else f"{row.status}: {row.reason}"
    return [
        row.venue or "-",
        row.distribution,
        row.version,
        row.author or "-",
        row.source,
        row.client_id.replace("_", " "),
        _seconds(row.order_expiry_s),
        _seconds(row.order_timeout_s),
        row.book_check,
        ws_orders,
        row.checked,
        status,
    ]


def _seconds(value: float | None) -> str:
    """ "" = broken; a time of 0 = the venue promises none."""
    return "" if value is None else f"{value:g} s" if value else "none"
