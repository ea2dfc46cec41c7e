"""``arbkit sim``."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from shlex import quote
from tempfile import TemporaryDirectory
from typing import Any, get_args

import click

from arbkit.app.installed import installed
from arbkit.cli import OK
from arbkit.cli.loop import loop_factory
from arbkit.cli.output import json_option, table
from arbkit.core.errors import ConfigError
from arbkit.core.runtime.clock import Clock
from arbkit.monitor.terminal import emit
from arbkit.sim import shell
from arbkit.sim.faults import Fault, FaultKind, read_script
from arbkit.sim.market import Divergence
from arbkit.sim.world import MARKET, World

_LOOK_S = 1.0
_FAULTS = f"""\b
A fault script is a JSON list of objects. Each is armed at_s seconds after the start, and fires when it next applies:
  [{{"kind": "lose_ack", "venue": "okx", "at_s": 5}}, {{"kind": "throttle", "at_s": 9, "for_s": 2}}]
\b
kinds   {", ".join(get_args(FaultKind)[:10])},
        {", ".join(get_args(FaultKind)[10:20])},
        {", ".join(get_args(FaultKind)[20:])}
fields  {", ".join(Fault.__struct_fields__[:9])},
        {", ".join(Fault.__struct_fields__[9:])}
"""


@click.command(epilog=_FAULTS)
@click.argument("venues", nargs=-1, required=True)
@click.option(
    "--port",
    type=click.IntRange(0, 65000),
    default=0,
    show_default=True,
    help="Port of the admin pages; the venues use the next ports; 0 = any.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of prices, edges, faults and keys.")
@click.option(
    "--faults", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A fault script, see below."
)
@click.option(
    "--edge-every",
    type=click.FloatRange(min=0),
    default=3.0,
    show_default=True,
    help="Mean seconds between two edges on a symbol; 0 = none.",
)
@click.option(
    "--cycle-every",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="The same for edges around three pairs of one venue (strategy triangular).",
)
@click.option("--tls", is_flag=True, help="Serve HTTPS and WSS, with a new certificate in a temporary folder.")
@click.option("--with-parent", is_flag=True, hidden=True, help="Stop when the process that started it has ended.")
@json_option
def command(
    venues: tuple[str, ...],
    port: int,
    seed: int,
    faults: Path | None,
    edge_every: float,
    cycle_every: float,
    tls: bool,
    with_parent: bool,
    as_json: bool,
) -> int:
    """Serve simulated VENUES on this machine, each with its own protocol, until stopped.

    It prints an admin URL that answers GET /ledger, /orders and /faults with the simulator's records (JSON).
    """
    registry = installed(dialects=True)
    dialects = [registry.dialect(venue) for venue in dict.fromkeys(venues)]
    script = read_script(faults.read_bytes()) if faults else []
    clock = Clock()
    edges = Divergence(edge_every_s=edge_every, cycle_every_s=cycle_every)
    world = World(dialects, seed=seed, start_ns=clock.now_ns(), prices=MARKET, faults=script, divergence=edges)
    with (
        asyncio.Runner(loop_factory=loop_factory()) as runner,
        TemporaryDirectory(prefix="arbkit-sim-") if tls else nullcontext() as folder,
    ):
        context, trust = None, {}
        if folder is not None:
            context, ca_file = _certificate(Path(folder), clock)
            trust = {"ca_file": str(ca_file)}
        show = emit if as_json else _show
        parent = os.getppid() if with_parent else None
        runner.run(_serve(world, clock, port, context, parent, lambda where: show({**where, **trust})))
    return OK


def _certificate(folder: Path, clock: Clock) -> tuple[ssl.SSLContext, Path]:
    """The context for the servers, and the file that clients must trust."""
    try:
        from arbkit.sim import certificate
    except ImportError:
        raise ConfigError("--tls needs the package 'cryptography': pip install cryptography") from None
    return certificate.make(folder, clock.now_ns()), folder / certificate.CA_FILE


async def _serve(
    world: World,
    clock: Clock,
    port: int,
    tls: ssl.SSLContext | None,
    parent: int | None,
    show: Callable[[dict[str, Any]], None],
) -> None:
    """Serve until Ctrl-C or SIGTERM, or until ``parent`` has ended."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        async with shell.serve(world, now_ns=clock.now_ns, port=port, tls=tls) as where:
            show(where)
            while not stop.is_set() and parent in (None, os.getppid()):
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_S):
                        await stop.wait()
    except OSError as error:
        raise ConfigError(f"--port {port}: cannot be opened: {error.strerror}") from None


def _show(where: dict[str, Any]) -> None:
    rows = [
        (venue, name, value or "-")
        for venue, values in where["venues"].items()
        for name, value in values.items()
        if name not in _SECOND
    ]
    table(("venue", "what", "value"), rows)
    click.echo(f"\nFor the shell:\n\n{_exports(where)}\nFor arbkit.toml:\n\n{_toml(where)}")
    click.echo(f"\nadmin {where['admin']}: /ledger /orders /faults; Ctrl-C stops")


_KEYS = ("key", "secret", "passphrase")
_TRUST = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
"""Variables that name a file of CAs: for OpenSSL and most clients, for the Python package requests, for Node.js."""
_SECOND = ("ed25519_key", "ed25519_pem")


def _exports(where: dict[str, Any]) -> str:
    """The keys as variables, one a line; the configuration names them. With TLS also those that make clients trust the
    certificate."""
    rows = [(venue, name, values[name]) for venue, values in where["venues"].items() for name in _KEYS if values[name]]
    keys = "".join(f"export {_variable(venue, name)}={_quoted(value)}\n" for venue, name, value in rows)
    return keys + "".join(f"export {name}={where['ca_file']}\n" for name in _TRUST if "ca_file" in where)


def _quoted(value: str) -> str:
    """A private key has several lines; on one, its line breaks are a backslash and n."""
    return quote(value.replace("\n", "\\n"))


def _toml(where: dict[str, Any]) -> str:
    """The venues as a configuration file."""
    text = f'ca_file = "{where["ca_file"]}"\n\n' if "ca_file" in where else ""
    for venue, values in where["venues"].items():
        keys = "".join(f'{name} = "env:{_variable(venue, name)}"\n' for name in _KEYS if values[name])
        urls = "".join(
            f'{name} = "{value}"\n' for name, value in values.items() if value and name not in (*_KEYS, *_SECOND)
        )
        text += f'[venues.{venue}]\nenvironment = "sim"\n{keys}\n[venues.{venue}.endpoints]\n{urls}\n'
    return text.rstrip() + "\n"


def _variable(venue: str, name: str) -> str:
    return f"SIM_{venue}_{name}".upper()
