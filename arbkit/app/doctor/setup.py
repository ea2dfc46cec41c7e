"""The configuration: limits that contradict each other, keys that cannot be read, a strategy that cannot be made."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from arbkit.app import target
from arbkit.app.doctor.finding import CREDENTIALS, Finding, bad, good, poor
from arbkit.config.load import Config, credentials
from arbkit.config.secrets import source
from arbkit.core.errors import ConfigError
from arbkit.core.money.gate import GateConfig
from arbkit.core.money.limits import LimitsConfig
from arbkit.core.protocols import Strategy
from arbkit.core.types import plain
from arbkit.plugins.registry import Registry

__all__ = ["keys", "limits", "made"]


def made(config: Config, registry: Registry, *, signed: bool) -> tuple[Strategy | None, Iterator[Finding]]:
    """The strategy, and what was found. ``signed``: see ``target.load``."""
    name = config.strategy.target
    if not name:
        remedy = "set target in [strategy], or name it: arbkit run TARGET"
        return None, iter([poor("strategy", "the configuration names none", remedy)])
    try:
        strategy = target.make(target.load(name, registry, signed=signed), config.strategy)
    except ConfigError as error:
        return None, iter([bad("strategy", str(error), "mend it: a run does not start")])
    return strategy, iter([good("strategy", name)])


def keys(config: Config) -> Iterator[Finding]:
    """Where each key is, and whether it can be read."""
    seen: dict[str, str] = {}
    for name, venue in config.venues.items():
        if not venue.key:
            if config.mode == "live":
                yield bad("keys", f"{name}: no key", f"arbkit keys add {name}", CREDENTIALS)
            continue
        try:
            found = credentials(name, venue)
            found.signer()
        except ConfigError as error:
            yield bad("keys", str(error), "arbkit keys list shows where each key is read", CREDENTIALS)
            continue
        kinds = dict.fromkeys(source(one) for one in (venue.key, venue.secret, venue.passphrase) if one)
        yield good("keys", f"{name} ({venue.environment}, account {venue.account}): from {', '.join(kinds)}")
        if (other := seen.setdefault(found.key.reveal(), name)) != name:
            yield poor(
                "keys", f"{name} and {other} have the same key", "a key belongs to one venue and one environment"
            )


def limits(config: Config) -> Iterator[Finding]:
    """Limits of which one makes another useless or impossible, and what can never be traded with."""
    caps = config.limits
    found = [*_never_reached(caps), *_refusing(caps, config.gate)]
    zero = [one for one in ("max_order_notional", "max_deal_notional", "max_open_deals") if not getattr(caps, one)]
    found += [poor("limits", f"limits.{name} is 0: nothing is traded", "raise it") for name in zero]
    wanted = config.strategy.params.get("max_notional")
    if isinstance(wanted, int | float) and Decimal(str(wanted)) > caps.max_order_notional:
        text = f"strategy.params.max_notional {wanted} is over limits.max_order_notional {caps.max_order_notional}"
        found.append(poor("limits", f"{text}: deals are cut to it", _SPREAD))
    for name, venue in config.venues.items():
        if config.mode == "paper" and not any(venue.balances.values()):
            remedy = f"balances = {{ USDT = 1000 }} in [venues.{name}]"
            found.append(poor("limits", f"{name}: a paper account that holds nothing", remedy))
    fine = f"order {caps.max_order_notional}, deal {caps.max_deal_notional}, open {caps.max_open_notional} {caps.asset}"
    yield from found or [good("limits", f"{fine}: they fit together")]


_SPREAD = "lower the first, or raise the second"
_ORDER = (
    ("max_order_notional", "max_deal_notional"),
    ("max_deal_notional", "max_open_notional"),
    ("max_deal_notional", "max_venue_notional"),
    ("max_deal_notional", "max_asset_notional"),
    ("max_loss_day", "max_loss_run"),
)
"""Of each pair the first limit is of no use if it is over the second."""


def _never_reached(caps: LimitsConfig) -> Iterator[Finding]:
    for first, second in _ORDER:
        one, other = getattr(caps, first), getattr(caps, second)
        if one > other:
            yield poor("limits", f"limits.{first} {one} is over limits.{second} {other}: it is never reached", _SPREAD)


def _refusing(caps: LimitsConfig, gate: GateConfig) -> Iterator[Finding]:
    """Where the gate refuses what the limits allow."""
    most = caps.max_order_notional * (1 + caps.unwind_allowance)
    if gate.asset == caps.asset and gate.max_order_notional < most:
        text = (
            f"gate.max_order_notional {gate.max_order_notional} is below limits.max_order_notional with its unwind "
            f"allowance ({plain(most)}): hedges would be refused"
        )
        yield bad("limits", text, "raise it, or lower limits.max_order_notional")
    if gate.price_band < caps.unwind_allowance:
        text = f"gate.price_band {gate.price_band} is below limits.unwind_allowance {caps.unwind_allowance}"
        yield bad("limits", f"{text}: unwinds would be refused", "raise gate.price_band")
    if gate.asset == caps.asset and gate.notional_per_minute < 2 * caps.max_deal_notional:
        text = f"gate.notional_per_minute {gate.notional_per_minute} is below two legs of {caps.max_deal_notional}"
        yield bad("limits", f"{text}: the second would be refused", "raise it, or lower limits.max_deal_notional")
