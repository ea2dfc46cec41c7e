"""Finds the mistakes of a configuration that only its plugins and its strategy can tell. ``cli.settings`` calls it.

``arbkit.config`` checks the file; here each venue is made with its settings, and the strategy and its executor with
theirs. Every mistake is recorded at its key, so that all are reported at once with their lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from contextlib import suppress
from difflib import get_close_matches
from typing import Any

from arbkit.app import target
from arbkit.app.plan import check_executor
from arbkit.config.load import Config, VenueConfig, credentials
from arbkit.config.reader import Reader
from arbkit.core.errors import ConfigError, CredentialsError
from arbkit.core.protocols import Exchange
from arbkit.core.types import Ask, AskKind, Catalogue, VenueSettings, rest_link
from arbkit.core.venues.signer import AnyKey, LocalSigner
from arbkit.plugins.distributions import found, normal_name
from arbkit.plugins.registry import Registry

__all__ = ["distributions", "params", "strategy", "venues"]

_PLACED = re.compile(r"((?:venues|strategy|executor)(?:\.[\w-]+)+): (.*)", re.S)
"""An error text that begins with the key that it is about."""


def distributions(named: Collection[str], reader: Reader) -> Collection[str]:
    """Those of ``named`` that are installed; the others are mistakes."""
    installed = [one.name for one in found()]
    normal = {normal_name(name) for name in installed}
    there = [name for name in named if normal_name(name) in normal]
    texts = []
    for name in named:
        if name not in there:
            near = get_close_matches(normal_name(name), normal, 1, 0.8)
            texts.append(f"{name} is not installed, {f'did you mean {near[0]!r}?' if near else f'pip install {name}'}")
    if texts:
        reader.wrong(("distributions",), "; ".join(texts))
    return there


def venues(config: Config, reader: Reader, registry: Registry, *, live: bool) -> dict[str, Exchange]:
    """Each venue made with its settings, and with ``live`` its key tried; those that cannot be made are mistakes."""
    made: dict[str, Exchange] = {}
    for name, venue in config.venues.items():
        if name not in registry.exchanges:
            _not_loaded(name, config, reader)
            continue
        exchange = None
        try:
            made[name] = exchange = registry.exchange(name)(venue.settings)
        except ConfigError as error:
            _wrong(reader, ("venues", name), error)
            with suppress(ConfigError):  # its keys are told at once too
                exchange = registry.exchange(name)(VenueSettings())
        if live and exchange is not None:
            _key(name, venue, exchange, reader)
    return made


def strategy(config: Config, reader: Reader, registry: Registry, *, signed: bool) -> None:
    """The strategy of the configuration made with its params, and its executor. ``signed``: see ``target.load``."""
    if config.strategy.target:
        try:
            cls = target.load(config.strategy.target, registry, signed=signed)
            if not params(cls, config, reader):
                target.make(cls, config.strategy)
        except ConfigError as error:
            key = "params" if "with params" in str(error) else "target"
            _wrong(reader, ("strategy", key), error, f"{config.strategy.target}: ")
    for name, text in check_executor(config.executor).items():
        reader.wrong(("executor", name) if name else ("executor",), text)


def params(cls: Callable[..., Any], config: Config, reader: Reader) -> bool:
    """The settings of the strategy that can be seen to be wrong without making it. Returns whether there are any."""
    wrong = target.wrong(cls, config.strategy)
    for name, why in wrong.items():
        reader.wrong(("strategy", "params", name), why)
    return bool(wrong)


def _not_loaded(name: str, config: Config, reader: Reader) -> None:
    """An installed plugin that ``distributions`` does not name."""
    likely = f"arbkit-{name}"
    named = {normal_name(one) for one in config.distributions}
    if likely not in named and any(normal_name(one.name) == likely for one in found()):
        reader.wrong(("venues", name), f"its plugin {likely} is installed, but distributions does not name it")


def _key(name: str, venue: VenueConfig, exchange: Exchange, reader: Reader) -> None:
    """There is a passphrase if the venue signs with one, also where no key can be read yet; the secret has its
    encoding."""
    probe = _Probe()
    _sign(name, venue, exchange, probe)
    if probe.asked and not venue.passphrase:
        reader.wrong(("venues", name, "passphrase"), "is missing: this venue signs with one", credentials=True)
    try:
        keys = credentials(name, venue)
    except CredentialsError:
        return  # told already, at its line
    try:
        _sign(name, venue, exchange, keys.signer())
    except CredentialsError as error:
        reader.wrong(("venues", name, "secret"), _PLACED.sub(r"\2", str(error)), credentials=True)


def _sign(name: str, venue: VenueConfig, exchange: Exchange, signer: LocalSigner) -> None:
    """Sign one request, which is sent nowhere. Raises ``CredentialsError``."""
    try:
        session = exchange.session(rest_link(exchange.venue, f"{name}:{venue.account}"), Catalogue(), signer)
        session.encode(Ask(kind=AskKind.BALANCES), 1)
    except CredentialsError:
        raise
    except Exception:  # a plugin that needs more than this shows it in the run
        return


class _Probe(AnyKey):
    """Notes whether the passphrase was asked for."""

    __slots__ = ("asked",)

    def __init__(self) -> None:
        super().__init__()
        self.asked = False

    def passphrase(self, signed: str = "") -> str:
        self.asked = True
        return super().passphrase(signed)


def _wrong(reader: Reader, path: tuple[str, ...], error: ConfigError, named: str = "") -> None:
    """Record an error at the key that it names, else at ``path``. ``named``: how the text begins that needs no
    repetition there."""
    text = str(error).removeprefix(named)
    while placed := _PLACED.match(text):
        path, text = tuple(placed[1].split(".")), placed[2]
    if text.startswith("environment "):
        path = (*path, "environment")
    reader.wrong(path, text, credentials=isinstance(error, CredentialsError))
