"""Reads the configuration: TOML file, ``ARBKIT_*`` variables and flags become one ``Config``. The CLI calls ``load``.

All mistakes are reported at once. Precedence: flags, then environment, then file, then default.
``ARBKIT_VENUES__BINANCE__TAKER_FEE=0.001`` sets ``venues.binance.taker_fee``. Keys of venues are given by reference
(``config.secrets.FORMS``), never as text.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from arbkit.config.api import check_api
from arbkit.config.reader import Mistake, Place, Reader, find_lines
from arbkit.config.secrets import FORMS, is_reference, resolve
from arbkit.core.errors import ConfigError, CredentialsError
from arbkit.core.money.gate import GateConfig
from arbkit.core.money.limits import LimitsConfig
from arbkit.core.runtime.files import check_folder, check_unwritable
from arbkit.core.types import Secret, VenueSettings
from arbkit.core.venues.signer import LocalSigner
from arbkit.core.venues.venue import WORST_FEE
from arbkit.monitor.api.config import ApiConfig

__all__ = [
    "BadConfig",
    "BadCredentials",
    "Config",
    "Credentials",
    "LogConfig",
    "MetricsConfig",
    "Mistake",
    "StateConfig",
    "StrategyConfig",
    "VenueConfig",
    "credentials",
    "distributions",
    "fail",
    "load",
    "schema",
    "wants_live",
]

PREFIX = "ARBKIT_"
NO_KEYS = ("ARBKIT_CONFIG", "ARBKIT_RECORDINGS", "ARBKIT_SPEED", "ARBKIT_VAULT_FD")
"""Variables that are no keys: the configuration file, the folder of the recordings for tests, and where the passphrase
of the vault is read."""
DEFAULT_FILE = "arbkit.toml"
_SECRETS = ("key", "secret", "passphrase")
_ENDPOINTS = ("rest", "ws_public", "ws_private", "ws_trade")


class VenueConfig(Struct, frozen=True, kw_only=True):
    """The table ``[venues.NAME]``."""

    environment: Literal["prod", "testnet", "demo", "sim"] = "prod"
    account: str = "main"
    key: str = ""
    """A reference (``config.secrets.FORMS``); likewise ``secret`` and ``passphrase``."""
    secret: str = ""
    passphrase: str = ""
    encoding: Literal["utf-8", "base64", "hex", "pem"] = "utf-8"
    """How the secret's text encodes its bytes."""
    taker_fee: Decimal = WORST_FEE
    """A fraction (0.001 = 10 bps). Used for paper fills, and in live mode until the venue reports the fees."""
    maker_fee: Decimal = WORST_FEE
    balances: Mapping[str, Decimal] = {}
    """Initial balances of a paper account, by asset."""
    latency_ms: float = 50.0
    """Latency of paper orders."""
    movable: Mapping[str, bool] = {}
    """By asset: true = you know that its deposits and withdrawals are open (used where the venue does not tell); false
    = you do not move it."""
    endpoints: Mapping[str, str] = {}
    """Base URLs that replace the venue's own: ``rest``, ``ws_public``, ``ws_private``, ``ws_trade``."""
    options: Mapping[str, str] = {}
    """Venue-specific options; listed in the README of the venue's plugin."""
    i_trust_host: tuple[str, ...] = ()
    """Hosts other than the venue's own to which live orders may be sent."""

    @property
    def settings(self) -> VenueSettings:
        """The constructor argument of the exchange class."""
        return VenueSettings(environment=self.environment, endpoints=self.endpoints, options=self.options)


class StrategyConfig(Struct, frozen=True, kw_only=True):
    """The table ``[strategy]``."""

    target: str = ""
    """``module:Class``, ``file.py:Class`` or a registered name. ``arbkit run TARGET`` overrides it."""
    params: Mapping[str, Any] = {}
    """The settings of the class, or arguments of its constructor."""


class MetricsConfig(Struct, frozen=True, kw_only=True):
    """The table ``[metrics]``: Prometheus metrics on the loopback interface."""

    port: int | None = None
    """None = no endpoint; 0 = any free port, which is logged (``run.metrics``)."""


class LogConfig(Struct, frozen=True, kw_only=True):
    """The table ``[log]``: the log as JSON lines in a file."""

    file: str = ""
    """"" = ``log.jsonl`` in the state folder if the run is on a terminal, else none: the lines are on stderr."""
    most_mb: int = 20
    """When the file has so many megabytes it is renamed, and a new one begins."""
    keep: int = 5
    """So many renamed files are kept."""


class StateConfig(Struct, frozen=True, kw_only=True):
    """The table ``[state]``."""

    folder: str = ""
    """Folder of journal, id block and lock; "" = ``$XDG_STATE_HOME/arbkit``."""
    durability: Literal["process", "power"] = "process"
    """``process``: before an order is sent, its intent survives a crash of the process. ``power``: it also survives a
    power failure."""

    @property
    def path(self) -> Path:
        if self.folder:
            return Path(self.folder).expanduser()
        return Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / "arbkit"


class Config(Struct, frozen=True, kw_only=True):
    """The whole ``arbkit.toml``."""

    mode: Literal["paper", "live"] = "paper"
    """Orders are sent only with ``mode = "live"`` and the flag ``--live``."""
    venues: Mapping[str, VenueConfig] = {}
    strategy: StrategyConfig = StrategyConfig()
    limits: LimitsConfig = LimitsConfig()
    gate: GateConfig = GateConfig()
    executor: Mapping[str, Any] = {}
    """Settings of the executor."""
    same: Mapping[str, tuple[str, ...]] = {}
    """By asset: the venues on which you know it to be one and the same asset."""
    metrics: MetricsConfig = MetricsConfig()
    api: ApiConfig = ApiConfig()
    log: LogConfig = LogConfig()
    state: StateConfig = StateConfig()
    distributions: tuple[str, ...] = ()
    """The only plugin distributions that are loaded, by every command; () = all, but none in live mode."""
    ca_file: str = ""
    """A PEM file with the CAs that all connections trust in place of the system's; "" = the system's."""


class Credentials(Struct, frozen=True):
    """The resolved key of one account. Prints as ``***``."""

    key: Secret
    secret: Secret
    passphrase: Secret
    encoding: str = "utf-8"

    def signer(self) -> LocalSigner:
        """A signer with this key. Raises ``CredentialsError`` if the secret does not match its encoding."""
        return LocalSigner(self.key.reveal(), self.secret.reveal(), self.passphrase.reveal(), encoding=self.encoding)


class BadConfig(ConfigError):
    """All mistakes of a configuration."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = mistakes
        head = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        super().__init__("\n".join([f"{head} in the configuration:", *(f"  {mistake}" for mistake in mistakes)]))


class BadCredentials(BadConfig, CredentialsError):
    """All mistakes of a configuration in which only keys are wrong."""


def load(
    path: str | Path | None = None,
    *,
    env: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
    live: bool = False,
    params: Mapping[str, str] | None = None,
    signed: bool = False,
    also: Callable[[Config, Reader], Collection[str]] | None = None,
) -> Config:
    """Read and check the configuration.

    ``path``: the file; None = ``arbkit.toml`` in the current folder, if it exists. ``flags``: dotted key -> value.
    ``params``: name -> text, as ``strategy.params``.
    ``live``: also check keys, distributions and hosts. ``signed``: keys are used but no order is sent: check
    distributions, hosts and files as for a live run, neither the mode nor the keys. ``also`` records the mistakes that
    only plugins know, and returns the existing venues; if given, unknown venues are mistakes.
    Raises ``BadConfig`` (``BadCredentials`` if only keys are wrong).
    """
    signed = signed or live
    reader = _reader(path, os.environ if env is None else env, signed)
    for dotted, value in (flags or {}).items():
        reader.value(dotted.split("."), value, Place("--" + dotted.rpartition(".")[2].replace("_", "-")))
    for name, text in (params or {}).items():
        reader.text(["strategy", "params", name], text, Place(f"--param {name}"))
    config = reader.build(Config)
    _check(config, reader, live, signed)
    if also is not None:
        there = also(config, reader)
        if live or config.distributions or not signed:  # else none is loaded, which is told already
            _check_venues(config, reader, there)
    fail(reader.mistakes)
    return config


def distributions(env: Mapping[str, str] | None = None) -> Collection[str] | None:
    """The plugins that may be loaded, for commands that need nothing else of a configuration; None = all. Raises
    ``BadConfig`` if that key is wrong, ``ConfigError`` for a file that cannot be read."""
    env = os.environ if env is None else env
    reader = _reader(env.get("ARBKIT_CONFIG"), env, signed=False)
    named = reader.build(Config).distributions
    fail([mistake for mistake in reader.mistakes if mistake.path.startswith("distributions")])
    return named or None


def wants_live(path: str | Path | None = None) -> bool:
    """Whether the configuration says ``mode = "live"``, whatever is wrong in it. Raises ``ConfigError`` for a file that
    cannot be read."""
    return _reader(path, os.environ, signed=False).build(Config).mode == "live"


def schema() -> dict[str, Any]:
    """The JSON Schema of ``arbkit.toml``. Amounts may be written as numbers."""
    found = msgspec.json.schema(Config)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_with_numbers(found)}


def _with_numbers(part: Any) -> Any:
    """msgspec writes a ``Decimal`` as text only; TOML has numbers."""
    if isinstance(part, list):
        return [_with_numbers(item) for item in part]
    if not isinstance(part, dict):
        return part
    if part.get("format") == "decimal":
        return {**{name: item for name, item in part.items() if name != "format"}, "type": ["number", "string"]}
    return {name: _with_numbers(item) for name, item in part.items()}


def _reader(path: str | Path | None, env: Mapping[str, str], signed: bool) -> Reader:
    """File and variables."""
    reader = Reader(secrets=_SECRETS)
    file = _file(path)
    if file is not None:
        reader.file(file, *_read(file, signed))
    for name in sorted(env):
        if name.startswith(PREFIX) and name not in NO_KEYS:
            reader.text(name.removeprefix(PREFIX).lower().split("__"), env[name], Place(name))
    return reader


def fail(mistakes: Collection[Mistake]) -> None:
    """Raise ``BadConfig`` or ``BadCredentials`` with the mistakes in the order of the file, if there are any."""
    if mistakes:
        only_keys = all(mistake.credentials for mistake in mistakes)
        raise (BadCredentials if only_keys else BadConfig)(sorted(set(mistakes), key=lambda mistake: mistake.order))


def credentials(name: str, venue: VenueConfig) -> Credentials:
    """Resolve the venue's key, secret and passphrase. Raises ``CredentialsError``; the text names the field."""
    read = {}
    for field in _SECRETS:
        reference = getattr(venue, field)
        try:
            read[field] = resolve(reference) if reference else Secret("")
        except CredentialsError as error:
            raise CredentialsError(f"venues.{name}.{field}: {error}") from None
    return Credentials(read["key"], read["secret"], read["passphrase"], venue.encoding)


def _file(path: str | Path | None) -> Path | None:
    if path is not None:
        return Path(path)
    default = Path(DEFAULT_FILE)
    if default.exists() and not default.is_file():
        raise ConfigError(f"{default}: is not a regular file")
    return default if os.path.lexists(default) else None


def _read(file: Path, signed: bool) -> tuple[dict[str, Any], dict[tuple[str, ...], int]]:
    try:
        with file.open(encoding="utf-8") as opened:
            if signed:
                check_unwritable(opened.fileno(), file)
                check_folder(file.absolute().parent)
            text = opened.read()
    except FileNotFoundError:
        raise ConfigError(f"{file}: there is no such file") from None
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: cannot be read: it is not UTF-8 text") from None
    try:
        return tomllib.loads(text, parse_float=Decimal), find_lines(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_not_toml(file, str(error))) from None
    except (RecursionError, ValueError):
        raise ConfigError(f"{file}: not TOML that can be read: brackets too deep, or a number too long") from None


def _not_toml(file: Path, told: str) -> str:
    """The error of the parser with its line first, and what usually is the mistake."""
    hint = next((text for start, text in _TOML if told.startswith(start)), "")
    if placed := re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", told):
        what, line, column = placed.groups()
        return f"{file}:{line}: not TOML: {what} (column {column}){hint}"
    return f"{file}: not TOML: {told}{hint}"


_TOML = (
    ("Invalid value", '; text is written in quotes, as mode = "paper"'),
    ("Cannot overwrite a value", ": a key is there twice"),
    ("Cannot declare", ": a table is there twice"),
)


def _check(config: Config, reader: Reader, live: bool, signed: bool) -> None:
    for section, caps in (("limits", config.limits), ("gate", config.gate)):
        for cap in caps.__struct_fields__:
            value = getattr(caps, cap)
            if isinstance(value, (int, Decimal)) and value < 0:
                reader.wrong((section, cap), "must not be negative")
    for section, cap, value in (
        ("limits", "unwind_allowance", config.limits.unwind_allowance),
        ("gate", "price_band", config.gate.price_band),
    ):
        if value >= 1:
            reader.wrong((section, cap), "must be a fraction below 1 (0.01 is 1 %)")
    for key in config.limits.max_stock:
        name, _, asset = key.partition(":")
        if not asset:
            reader.wrong(("limits", "max_stock", key), 'must be "venue:ASSET", as "binance:BTC"')
        elif config.venues and name not in config.venues:
            reader.wrong(("limits", "max_stock", key), f"names {name!r}; the venues are {', '.join(config.venues)}")
    if config.ca_file:
        _check_ca_file(config.ca_file, reader, signed)
    if config.metrics.port is not None and not 0 <= config.metrics.port < 65536:
        reader.wrong(("metrics", "port"), "must be 0 to 65535")
    check_api(config.api, reader)
    for field, least in (("most_mb", 1), ("keep", 0)):
        if getattr(config.log, field) < least:
            reader.wrong(("log", field), f"must be {least} or more")
    for asset, venues in config.same.items():
        if len(set(venues)) < 2:
            reader.wrong(("same", asset), 'must name two venues or more, as ["binance", "okx"]')
        for name in venues:
            if name not in config.venues:
                reader.wrong(("same", asset), f"names {name!r}; the venues are {', '.join(config.venues) or 'none'}")
    unread: dict[str, list[tuple[str, ...]]] = {}
    for name, venue in config.venues.items():
        for asset, amount in venue.balances.items():
            if amount < 0:
                reader.wrong(("venues", name, "balances", asset), "must not be negative")
        if venue.latency_ms < 0:
            reader.wrong(("venues", name, "latency_ms"), "must not be negative")
        for field in ("taker_fee", "maker_fee"):
            fee = getattr(venue, field)
            if not -Decimal("0.01") <= fee < Decimal("0.05"):
                reader.wrong(("venues", name, field), "must be a fraction from -0.01 to below 0.05 (0.001 is 0.1 %)")
        secrets = []
        for field in _SECRETS:
            reference = getattr(venue, field)
            if reference and not is_reference(reference):
                continue
            if live and (found := _check_secret(reader, name, field, reference, unread)):
                secrets.append(found)
        for field, url in venue.endpoints.items():
            if field not in _ENDPOINTS:
                reader.unknown(("venues", name, "endpoints", field), _ENDPOINTS, "no such endpoint")
                continue
            _check_url(reader, ("venues", name, "endpoints", field), url, venue, signed, secrets)
    for text, paths in unread.items():
        also = f" (also {', '.join('.'.join(path) for path in paths[1:])})" if paths[1:] else ""
        reader.wrong(paths[0], text + also, credentials=True)
    if live and config.mode != "live":
        reader.wrong(("mode",), 'is "paper": --live needs mode = "live" in the configuration too')
    if signed and not config.distributions:
        what = "to load in live mode" if live else "that may see keys"
        reader.wrong(("distributions",), f'is empty: name the plugins {what}, as ["arbkit-binance"]')
    if signed and not config.venues:
        reader.wrong(("venues",), "is empty: name the venues to trade on, as [venues.binance]")


def _check_ca_file(file: str, reader: Reader, signed: bool) -> None:
    from arbkit.core.runtime.dialing import tls_context  # imported late: it loads asyncio, and most files have no CA

    try:
        tls_context(file)
        if signed:
            with Path(file).expanduser().open("rb") as opened:
                check_unwritable(opened.fileno(), Path(file))
    except ConfigError as error:
        reader.wrong(("ca_file",), str(error))


def _check_secret(
    reader: Reader, name: str, field: str, reference: str, unread: dict[str, list[tuple[str, ...]]]
) -> str:
    """The secret; "" = there is none. ``unread``: by the reason, the keys that cannot be read. A vault that does not
    open is one mistake, not one for each key."""
    path = ("venues", name, field)
    if not reference:
        if field != "passphrase":
            reader.wrong(path, f"is missing: live mode needs {FORMS}", credentials=True)
        return ""
    try:
        return resolve(reference).reveal()
    except CredentialsError as error:
        unread.setdefault(str(error), []).append(path)
        return ""


def _check_url(
    reader: Reader, path: tuple[str, ...], url: str, venue: VenueConfig, signed: bool, secrets: Sequence[str]
) -> None:
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https", "ws", "wss") or not host:
        reader.wrong(path, "is not a URL: write https://HOST or wss://HOST")
    elif parts.username or parts.password:
        reader.wrong(path, "contains a user or password: remove it, because URLs are printed and logged")
    elif parts.query or parts.fragment or any(len(secret) >= 6 and secret in url for secret in secrets):
        reader.wrong(path, "contains a query or a key: remove it, because URLs are printed and logged")
    elif _link_local(host):
        reader.wrong(path, "is an address of this network segment (the metadata of a cloud machine, say), no venue")
    elif parts.scheme in ("http", "ws") and not _loopback(host):
        reader.wrong(path, f"is not encrypted: use {parts.scheme}s ({parts.scheme} is allowed for this machine only)")
    elif signed and not _loopback(host) and host not in venue.i_trust_host:
        reader.wrong(
            path,
            f"sends live orders to {host} instead of the venue's own host: "
            f'to allow it, set i_trust_host = ["{host}"] in [{".".join(path[:2])}]',
        )


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _link_local(host: str) -> bool:
    try:
        return ip_address(host).is_link_local
    except ValueError:
        return False


def _check_venues(config: Config, reader: Reader, known: Collection[str]) -> None:
    for name in config.venues:
        if name not in known:
            reader.unknown(("venues", name), known, "no plugin registers this venue")
