"""The installed packages: whether they load, fit together, and are up to date with their venues."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from importlib.metadata import PackageNotFoundError, requires, version

from arbkit.app.doctor.finding import Finding, bad, good, poor
from arbkit.core.types import Capabilities, VenueSettings
from arbkit.plugins.registry import Registry, raised_at

__all__ = ["fits", "packages"]

OLD_DAYS = 180
SOON_DAYS = 30
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*\(?([^;)]*)\)?\s*(?:;(.*))?\Z")
_PART = re.compile(r"(~=|==|!=|<=|>=|<|>)\s*([0-9.]+)")


def packages(registry: Registry, wanted: list[str], today: date) -> Iterator[Finding]:
    """``wanted``: the venues of the configuration; empty = all that are installed."""
    yield good("packages", f"arbkit {version('arbkit')}")
    for name in ("arbkit", *dict.fromkeys(plugin.distribution for plugin in registry.plugins)):
        yield from _fitting(name)
    for plugin in registry.plugins:
        if plugin.error:
            yield bad("packages", f"{plugin.distribution}: {plugin.error}", "install it anew, or remove it")
    for venue, cls in sorted(registry.exchanges.items()):
        if not wanted or venue in wanted:
            yield from _venue(venue, registry.home[venue].distribution, cls, today)


def _fitting(distribution: str) -> Iterator[Finding]:
    """Whether what a package requires is installed. The requirement of arbkit is the version of the plugin interface
    that it was made for."""
    try:
        needs = requires(distribution) or []
    except PackageNotFoundError:
        return
    for need in needs:
        found = _REQUIREMENT.match(need.strip())
        if found is None or "extra" in (found[3] or "") or "sys_platform" in (found[3] or ""):
            continue
        name, wants = found[1], found[2].strip()
        try:
            has = version(name)
        except PackageNotFoundError:
            yield bad(
                "packages", f"{distribution} needs {name}, which is not installed", f"pip install '{name}{wants}'"
            )
            continue
        if not fits(has, wants):
            what = f"the plugin interface {wants}" if name == "arbkit" else f"{name} {wants}"
            yield bad(
                "packages", f"{distribution} needs {what}, installed is {has}", f"pip install -U {distribution} {name}"
            )


def fits(has: str, wants: str) -> bool:
    """Whether a version meets a requirement such as ``>=0.1,<0.2``. Pre-releases count as their release."""
    mine = _numbers(has)
    for sign, text in _PART.findall(wants):
        theirs = _numbers(text)
        size = max(len(mine), len(theirs))
        one, other = (numbers + (0,) * (size - len(numbers)) for numbers in (mine, theirs))
        near = one >= other and mine[: len(theirs) - 1] == theirs[:-1]
        held = {
            "~=": near,
            "==": one == other,
            "!=": one != other,
            "<=": one <= other,
            ">=": one >= other,
            "<": one < other,
            ">": one > other,
        }
        if not held[sign]:
            return False
    return True


def _numbers(text: str) -> tuple[int, ...]:
    head = re.match(r"[0-9.]*", text)
    return tuple(int(part) for part in (head[0] if head else "").split(".") if part)


def _venue(venue: str, distribution: str, cls: type, today: date) -> Iterator[Finding]:
    """When the package was last compared with the venue's documentation, and what the venue has announced."""
    try:
        told: Capabilities = cls(VenueSettings()).capabilities
        days = (today - date.fromisoformat(told.checked)).days
    except Exception as error:  # a broken adapter must not end the look at the others
        yield bad("packages", f"{distribution}: {raised_at(error)}", "install it anew, or tell its author")
        return
    text = f"{distribution} {version(distribution)}: compared with {venue}'s documentation {days} days ago"
    if days > OLD_DAYS:
        yield poor(
            "packages", text, f"look for a newer {distribution}; arbkit adapters check {venue} --live compares it"
        )
    else:
        yield good("packages", text)
    for day, change in sorted(told.changes.items()):
        left = (date.fromisoformat(day) - today).days
        when = f"since {day}" if left <= 0 else f"in {left} days ({day})"
        if left <= SOON_DAYS:
            yield poor("venue change", f"{venue}, {when}: {change}", f"look for a newer {distribution} before that day")
        else:
            yield good("venue change", f"{venue}, {when}: {change}")
