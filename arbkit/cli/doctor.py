"""``arbkit doctor``."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from textwrap import wrap

import click

from arbkit.app.doctor import machine, packages, setup, state
from arbkit.app.doctor.finding import CREDENTIALS, SETUP, Finding, bad, exit_code, good, poor
from arbkit.cli import settings
from arbkit.cli.loop import loop_factory
from arbkit.cli.output import config_option, json_option
from arbkit.config.load import DEFAULT_FILE, BadConfig, Config, credentials
from arbkit.config.load import load as load_config
from arbkit.core.errors import ConfigError
from arbkit.core.runtime.clock import Clock
from arbkit.monitor.terminal import emit, show
from arbkit.plugins import registry as plugins

_MARKS = {"ok": "ok     ", "warning": "WARNING", "failure": "FAILURE"}
_WIDE = 58
"""Characters of a text beside its mark and area, on a terminal of 80."""


@click.command()
@click.option("--live", is_flag=True, help="Connect to the venues, log in with the keys, and wait for books.")
@config_option
@json_option
def command(live: bool, config_file: str | None, as_json: bool) -> int:
    """Look at this machine, the packages, the configuration, its keys, the state, and (--live) the venues.

    Each warning and failure has its remedy. Nothing is changed and no order is sent. Exit code 0: no failure; 2: the
    set-up; 3: only keys; 4: only venues.
    """
    found = []
    for one in _look(live, config_file):
        found.append(one)
        if not as_json:
            _tell(one)
    code = exit_code(found)
    counts = Counter(one.level for one in found)
    if as_json:
        emit({"ok": not code, "exit": code, "findings": found})
    else:
        warnings, failures = counts["warning"], counts["failure"]
        rest = f"{warnings} warning{'s' * (warnings != 1)}, {failures} failure{'s' * (failures != 1)}"
        show(f"\n{counts['ok']} ok, {rest}")
    return code


def _look(live: bool, config_file: str | None) -> Iterator[Finding]:
    yield from machine.python()
    yield from machine.clock()
    loaded, wrong = _loaded(config_file, live)
    yield from wrong
    config = Config() if loaded is None else loaded.config
    registry = plugins.load() if loaded is None else loaded.registry
    yield from packages.packages(registry, list(config.venues), _today())
    yield from machine.files(8 * len(config.venues))
    yield from machine.disk(config.state.path)
    yield from state.state(config.state.path)
    if loaded is None:
        return
    if not state.running(config.state.path / config.mode):
        if config.metrics.port:
            yield from machine.port("metrics", config.metrics.port)
        if config.api.port:
            yield from machine.port("api", config.api.port, config.api.bind)
    yield from setup.limits(config)
    strategy, told = setup.made(config, registry, signed=live or config.mode == "live")
    yield from told
    readable = list(setup.keys(config))
    yield from readable
    if not live:
        return
    from arbkit.app.doctor.live import venues  # imported late: it loads asyncio
    from arbkit.app.launch import account_locks

    wanted = {name: venue for name, venue in config.venues.items() if venue.key}
    broken = any(one.code == CREDENTIALS for one in readable)
    signers = {} if broken else {name: credentials(name, venue).signer() for name, venue in wanted.items()}
    try:
        locks = account_locks(wanted)
    except ConfigError as error:
        yield good("keys", f"no login: {error}")
        locks, signers = None, {}
    try:
        yield from venues(config, loaded.exchanges, strategy, signers, loop_factory())
    finally:
        if locks is not None:
            locks.close()


def _loaded(config_file: str | None, live: bool) -> tuple[settings.Loaded | None, list[Finding]]:
    """The configuration, and what is wrong with it."""
    if config_file is None and not os.path.lexists(DEFAULT_FILE):
        text = f"there is no {DEFAULT_FILE} in this folder"
        if live:
            return None, [bad("config", text, "go to the folder of the bot, or use --config")]
        return None, [poor("config", text, "go to the folder of the bot, or use --config")]
    try:
        has_keys = live and any(venue.key for venue in load_config(config_file).venues.values())
        loaded = settings.load(config_file, signed=has_keys)
    except BadConfig as error:
        codes = [CREDENTIALS if one.credentials else SETUP for one in error.mistakes]
        return None, [
            bad("config", str(one), "mend this line", code) for one, code in zip(error.mistakes, codes, strict=True)
        ]
    except ConfigError as error:
        return None, [bad("config", str(error), "mend it")]
    config = loaded.config
    text = f"{config.mode}, venues {', '.join(config.venues) or 'none'}"
    return loaded, [good("config", text) if config.venues else poor("config", text, "add [venues.binance]")]


def _today() -> date:
    return datetime.fromtimestamp(Clock().now_ns() / 1e9, UTC).date()


def _tell(one: Finding) -> None:
    first, *more = wrap(one.text, _WIDE, break_long_words=False, break_on_hyphens=False) or [""]
    show(f"{_MARKS[one.level]}  {one.area:<12} {first}")
    for line in more:
        show(f"{'':<22} {line}")
    for i, line in enumerate(wrap(one.remedy, _WIDE - 3, break_long_words=False, break_on_hyphens=False)):
        show(f"{'':<22} {'   ' if i else '-> '}{line}")
