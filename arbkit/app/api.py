"""Connects the API to a run. ``app.launch`` uses it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from arbkit.app.metrics import sources
from arbkit.app.plan import RunPlan
from arbkit.app.recovery import code_version
from arbkit.app.status import Watch
from arbkit.core.desk import Desk
from arbkit.core.errors import ConfigError
from arbkit.core.runtime.files import open_own
from arbkit.core.runtime.supervisor import Runtime
from arbkit.monitor.api.access import Access
from arbkit.monitor.api.config import ApiConfig
from arbkit.monitor.board import Board
from arbkit.monitor.log_writer import LogWriter
from arbkit.monitor.metrics import exposition

if TYPE_CHECKING:
    from arbkit.monitor.api.server import ApiServer

__all__ = ["open_api", "token_files"]

_ENVIRONMENTS = {"prod": "production"}


async def open_api(
    config: ApiConfig,
    access: Access,
    *,
    desk: Desk,
    runtime: Runtime,
    watch: Watch,
    board: Board,
    log: LogWriter,
    plan: RunPlan,
    kind: Literal["live", "paper", "demo"],
    began_ns: int,
    folder: Path,
) -> ApiServer:
    """Start the server, on the running loop. Raises ``ConfigError`` if it cannot listen."""
    from arbkit.monitor.api.facts import RunFacts
    from arbkit.monitor.api.server import serve

    facts = RunFacts(
        desk=desk,
        now_ns=runtime.clock.now_ns,
        kind=kind,
        version=code_version(),
        began_ns=began_ns,
        environments={
            one.venue: "paper" if one.balances is not None else _ENVIRONMENTS.get(one.environment, one.environment)
            for one in plan.venues
        },
        board=board,
        why=watch.why,
        idle=lambda: watch.painter.reasons,
        stopping=lambda: bool(runtime.stops),
        ask=runtime.asked,
        folder=folder,
    )
    return await serve(facts, config, access, exposition(sources(desk, log)))


@contextmanager
def token_files(folder: Path, access: Access, *, wanted: bool) -> Iterator[None]:
    """Programs of the same user find the tokens of this run in ``api-read`` and ``api-trade`` of the state folder,
    which nobody else can read. They are removed at the end. Raises ``ConfigError`` if they cannot be written."""
    paths = {folder / f"api-{scope}": token for scope, token in access.tokens.items()} if wanted else {}
    try:
        for path, token in paths.items():
            try:
                handle = open_own(path, os.O_WRONLY | os.O_TRUNC)
            except OSError as error:
                raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
            with os.fdopen(handle, "w") as file:
                file.write(f"{token}\n")
        yield
    finally:
        for path in paths:
            path.unlink(missing_ok=True)
