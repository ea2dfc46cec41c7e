"""``arbkit keys``: keys in the vault, and what the venues say of them. No secret is an argument or is printed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from decimal import Decimal
from itertools import chain, repeat
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import click
import msgspec

from arbkit.cli import CREDENTIALS, INTERRUPTED, OK, UNREACHABLE, settings
from arbkit.cli.loop import loop_factory
from arbkit.cli.output import config_option, json_option, table
from arbkit.config import vault as vaults
from arbkit.config.load import DEFAULT_FILE, Credentials, VenueConfig, credentials
from arbkit.config.load import load as load_config
from arbkit.config.secrets import resolve, source
from arbkit.config.unlock import hidden, known, opened, passphrase
from arbkit.core.errors import ConfigError, CredentialsError
from arbkit.core.types import Secret, plain
from arbkit.monitor.terminal import emit, say, show

if TYPE_CHECKING:
    from arbkit.app.keys import Judged

FIELDS = ("key", "secret", "passphrase")
_WIDE = 64
"""Characters of a text beside its name, on a terminal of 80."""

_vault_option = click.option(
    "--vault",
    "vault_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The vault; default ~/.config/arbkit/vault.",
)
_environment_option = click.option(
    "--environment",
    type=click.Choice(["prod", "testnet", "demo", "sim"]),
    help="What the key belongs to, if the configuration has no such venue; default prod.",
)
_untested_option = click.option("--no-test", "untested", is_flag=True, help="Do not log in at the venue.")


@click.group()
def command() -> None:
    """Keys of venues: store them in the vault, and ask the venues what they may do."""


@command.command()
@click.argument("venue")
@_environment_option
@_untested_option
@_vault_option
@config_option
def add(venue: str, environment: str | None, untested: bool, vault_file: Path | None, config_file: str | None) -> int:
    """Ask for the key of VENUE, log in with it, and store it in the vault.

    Without a terminal, the key, the secret and the passphrase (may be empty) are read from stdin, one a line. A key
    that the venue refuses, or that may withdraw, is not stored.
    """
    return _store(venue, environment, untested, vault_file, config_file, replace=False)


@command.command()
@click.argument("venue")
@_environment_option
@_untested_option
@_vault_option
@config_option
def rotate(
    venue: str, environment: str | None, untested: bool, vault_file: Path | None, config_file: str | None
) -> int:
    """As add, for a venue whose key is in the vault: the new key takes the place of the old one.

    The old key stays if the venue refuses the new one.
    """
    return _store(venue, environment, untested, vault_file, config_file, replace=True)


def _store(
    venue: str,
    environment: str | None,
    untested: bool,
    vault_file: Path | None,
    config_file: str | None,
    *,
    replace: bool,
) -> int:
    loaded, name = _of_venue(venue, environment, config_file), venue
    setup = loaded.config.venues[name]
    path, entry = vault_file or vaults.default_path(), _entry(name, setup)
    with vaults.editing(path):
        vault = _vault(path, new=not replace)
        if replace and f"{entry}.key" not in vault.entries:
            raise CredentialsError(f"the vault {path} has no key {entry}: arbkit keys add {venue}")
        if not replace and f"{entry}.key" in vault.entries:
            raise ConfigError(f"the vault {path} has a key {entry} already: arbkit keys rotate {venue} exchanges it")
        given = Credentials(
            hidden(f"Key of {venue}"),
            hidden("Secret"),
            hidden("Passphrase of the key (Enter if there is none)"),
            setup.encoding,
        )
        if not given.key or not given.secret:
            raise CredentialsError("a key and a secret are needed: nothing was stored")
        signer = given.signer()
        if not untested:
            from arbkit.app.keys import judge  # imported late: it loads asyncio

            (found,) = judge(loaded.config, loaded.exchanges, {name: signer}, loop_factory())
            _tell(found)
            if found.problem:
                say(f"{venue}: nothing was {'changed' if replace else 'stored'}{_hint(found)}")
                return CREDENTIALS if found.reached else UNREACHABLE
        for field in FIELDS:
            text: Secret = getattr(given, field)
            if text:
                vault.put(f"{entry}.{field}", text)
            else:
                vault.entries.pop(f"{entry}.{field}", None)
        vault.save()
    if replace:
        show(f"{entry}: exchanged in {path}. Start runs anew, then delete the old key at the venue.")
        return OK
    lines = [f'{field} = "{_reference(vault_file, entry, field)}"' for field in FIELDS if getattr(given, field)]
    if setup.environment != "prod":
        lines.insert(0, f'environment = "{setup.environment}"')
    show(f"{entry}: stored in {path}. For arbkit.toml:\n\n[venues.{venue}]\n" + "\n".join(lines))
    return OK


def _hint(found: Judged) -> str:
    return "" if found.reached else "; --no-test stores a key without asking the venue"


@command.command("list")
@_vault_option
@config_option
@json_option
def listing(vault_file: Path | None, config_file: str | None, as_json: bool) -> int:
    """Show where the configuration has its keys, whether they can be read, and what the vault holds."""
    config = load_config(config_file)
    path, held, used, locked = vault_file or vaults.default_path(), list[str](), set[str](), ""
    rows = []
    for name, venue in config.venues.items():
        for field in FIELDS:
            if reference := getattr(venue, field):
                used.add(reference)
                rows.append({"venue": name, "field": field, "from": _shown(reference), "problem": _problem(reference)})
    if path.exists():
        try:
            held = sorted(opened(path).entries)
        except CredentialsError as error:
            locked = str(error)
    forms = ("vault:{}", f"vault:{path}#{{}}", f"vault:{path.absolute()}#{{}}")
    unused = [entry for entry in held if not used & {form.format(entry) for form in forms}]
    if as_json:
        emit({"keys": rows, "vault": str(path), "entries": held, "unused": unused, "locked": locked})
    elif rows:
        table(
            ("venue", "field", "from", "state"),
            [(row["venue"], row["field"], row["from"], row["problem"] or "ok") for row in rows],
        )
    else:
        show("the configuration names no keys")
    if locked and not as_json:
        say(f"\narbkit: {locked}")
    if held and not as_json:
        show(f"\nvault {path}: {', '.join(held)}" + (f"; not in the configuration: {', '.join(unused)}" * bool(unused)))
    return CREDENTIALS if any(row["problem"] for row in rows) else OK


@command.command()
@click.argument("venues", nargs=-1)
@config_option
@json_option
def test(venues: tuple[str, ...], config_file: str | None, as_json: bool) -> int:
    """Log in with the keys of the configuration (of VENUES, or of all), and show what they may do.

    No order is sent. Exit code 3: a key is refused, expired or may withdraw; 4: a venue did not answer.
    """
    loaded = settings.load(config_file, signed=True)
    config = loaded.config
    unknown = [name for name in venues if name not in config.venues]
    if unknown:
        raise ConfigError(f"no [venues.{unknown[0]}] in the configuration; it has {', '.join(config.venues)}")
    names = list(venues) or [name for name, venue in config.venues.items() if venue.key]
    if not names:
        raise CredentialsError("the configuration names no keys: arbkit keys add VENUE stores one")
    signers = {name: _whole(name, config.venues[name]).signer() for name in names}
    from arbkit.app.keys import judge
    from arbkit.app.launch import account_locks

    locks = account_locks({name: config.venues[name] for name in names})
    try:
        found = judge(config, loaded.exchanges, signers, loop_factory())
    finally:
        locks.close()
    if as_json:
        emit({"keys": found})
    else:
        for one in found:
            _tell(one)
    if any(one.problem and one.reached for one in found):
        return CREDENTIALS
    return UNREACHABLE if any(one.problem for one in found) else OK


@command.command()
@click.argument("venue")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_environment_option
@_vault_option
@config_option
def remove(venue: str, yes: bool, environment: str | None, vault_file: Path | None, config_file: str | None) -> int:
    """Take the key of VENUE out of the vault."""
    setup = load_config(config_file).venues.get(venue) or VenueConfig()
    if environment is not None:
        setup = msgspec.structs.replace(setup, environment=environment)
    path, entry = vault_file or vaults.default_path(), _entry(venue, setup)
    with vaults.editing(path):
        vault = opened(path)
        names = [f"{entry}.{field}" for field in FIELDS if f"{entry}.{field}" in vault.entries]
        if not names:
            there = ", ".join(sorted(vault.entries)) or "nothing"
            raise CredentialsError(f"the vault {path} has no key {entry}; it has {there}")
        if not yes and not click.confirm(f"Remove {', '.join(names)} from {path}?", err=True):
            say("nothing was removed")
            return INTERRUPTED
        for name in names:
            del vault.entries[name]
        vault.save()
    show(f"{entry}: removed from {path}. Delete the key at the venue too.")
    return OK


@command.command("passphrase")
@_vault_option
def change(vault_file: Path | None) -> int:
    """Change the passphrase of the vault."""
    path = vault_file or vaults.default_path()
    with vaults.editing(path):
        vault = opened(path)
        vault.save(passphrase(path, new=True, typed=True))
    show(f"{path}: encrypted anew. Copies of the old file still open with the old passphrase.")
    return OK


def _of_venue(venue: str, environment: str | None, config_file: str | None) -> settings.Loaded:
    """Configuration and plugins with this venue in it. Without a configuration only the package that registers the
    venue is loaded."""
    flags: dict[str, Any] = {}
    there = config_file is not None or os.path.lexists(DEFAULT_FILE)
    config = load_config(config_file) if there else None
    if config is None or venue not in config.venues:
        from arbkit.plugins import registry
        from arbkit.plugins.distributions import found as installed

        plugins = registry.load(config.distributions or None if config is not None else None)
        if config is None or all(one.name != f"arbkit-{venue}" for one in installed()):
            plugins.exchange(venue)  # raises with the nearest name; what distributions leaves out is told below
        flags[f"venues.{venue}.environment"] = environment or "prod"
    elif environment is not None:
        raise ConfigError(f"--environment: [venues.{venue}] of the configuration says it")
    if config is None:
        flags["distributions"] = [plugins.home[venue].distribution]
    return settings.load(config_file, flags, signed=True)


def _vault(path: Path, *, new: bool) -> vaults.Vault:
    if path.exists() or not new:
        return opened(path)
    return known(vaults.Vault(path, passphrase(path, new=True)))


def _entry(name: str, venue: VenueConfig) -> str:
    environment = () if venue.environment == "prod" else (venue.environment,)
    return ".".join((name, *environment, venue.account))


def _reference(vault_file: Path | None, entry: str, field: str) -> str:
    where = "" if vault_file is None else f"{vault_file.absolute()}#"
    return f"vault:{where}{entry}.{field}"


def _whole(name: str, venue: VenueConfig) -> Credentials:
    for field in ("key", "secret"):
        if not getattr(venue, field):
            raise CredentialsError(f"venues.{name}.{field}: is missing: arbkit keys add {name} stores one")
    return credentials(name, venue)


def _shown(reference: str) -> str:
    """A reference without the arguments of a command."""
    return reference.split()[0] + " ..." if source(reference) == "exec" else reference


def _problem(reference: str) -> str:
    try:
        resolve(reference)
    except CredentialsError as error:
        return str(error)
    return ""


def _tell(found: Judged) -> None:
    """Print what the venue said, one thing a line."""
    withdraw = "the venue does not tell" if found.withdraw is None else "YES" if found.withdraw else "no"
    if found.problem and found.withdraw is None:
        withdraw = ""  # it has told nothing of a key that it refuses
    taker = "; ".join(f"{plain(Decimal(fee) * 100)} % taker on {one}" for one, fee in found.taker.items())
    clock = "" if found.clock_ms is None else f"{found.clock_ms:+.1f} ms against this machine"
    rows: Mapping[str, str] = {
        "permissions": ", ".join(found.rights),
        "withdraw": withdraw,
        "holds": ", ".join(f"{amount} {asset}" for asset, amount in found.holds.items()),
        "fees": taker,
        "clock": clock,
    }
    show(f"{found.venue}: {found.problem or 'ok'}")
    for name, text in (*rows.items(), *(("note", warning) for warning in found.warnings)):
        for head, line in zip(chain([name], repeat("")), wrap(text, _WIDE), strict=False):
            show(f"  {head:<11}  {line}")
