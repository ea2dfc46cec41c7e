"""The installed distributions that register plugins: who made them, where they are from, which are not what they say.

What a distribution is called is the only thing that the configuration trusts, and any package can carry files with
another one's name. So a name counts only if its files agree on it, nobody else installed them, and no second one has
it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from msgspec import Struct

__all__ = ["GROUP", "Found", "found", "normal_name"]

GROUP = "arbkit"


class Found(Struct, kw_only=True):
    """A distribution with entry points of ours."""

    name: str
    """As it is written in its METADATA; "?" = there is none."""
    version: str
    author: str
    source: str
    """``index`` (or unknown), ``editable``, ``git``, ``file``, ``url``."""
    location: str
    """The folder that holds it; of an editable one, its own."""
    entries: Sequence[EntryPoint]
    problem: str = ""
    """Why nothing of it is loaded; "" = it is what it says."""


def found() -> list[Found]:
    """All of them by name, arbkit's own first."""
    everything = list(distributions())
    ours = list(_once((dist, entries) for dist in everything if (entries := _entries(dist))))
    homes = {normal_name(_name(dist)): home for dist, _ in ours if (home := _editable(dist)) is not None}
    foreign = _foreign([_folder(dist) for dist, _ in ours], everything)
    made = []
    for dist, entries in ours:
        home = homes.get(normal_name(_name(dist)))
        if _folder(dist).suffix == ".egg-info" and home is not None and _folder(dist).is_relative_to(home):
            continue  # the build folder of one that is installed from there
        made.append(_described(dist, entries, foreign.get(_folder(dist), "")))
    named: dict[str, list[Found]] = {}
    for one in made:
        if not one.problem:
            named.setdefault(normal_name(one.name), []).append(one)
    for twins in named.values():
        if len(twins) > 1:
            where = ", ".join(one.location for one in twins)
            for one in twins:
                one.problem = f"is there more than once ({where}): none is loaded, uninstall one"
    return sorted(made, key=lambda one: (one.name != GROUP, normal_name(one.name), one.location))


def normal_name(distribution: str) -> str:
    """The normalized name of a distribution: ``Arbkit_Binance`` becomes ``arbkit-binance``."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _entries(dist: Distribution) -> list[EntryPoint]:
    return [entry for entry in dist.entry_points if entry.group == GROUP]


def _once(
    ours: Iterable[tuple[Distribution, list[EntryPoint]]],
) -> Iterator[tuple[Distribution, list[EntryPoint]]]:
    """Each once, although its folder may be on the path twice."""
    seen = set()
    for dist, entries in ours:
        folder = _folder(dist).resolve()
        if folder not in seen:
            seen.add(folder)
            yield dist, entries


def _folder(dist: Distribution) -> Path:
    """Its ``.dist-info`` folder. The standard library has no public name for it."""
    return Path(str(getattr(dist, "_path", "?.none")))


def _metadata(dist: Distribution) -> dict[str, str]:
    """Its METADATA. A field that is missing would read as None, or raise ``KeyError`` where ``importlib_metadata`` is
    installed: that package puts finders of its own beside those of the standard library."""
    return {name: dist.metadata[name] for name in dist.metadata}


def _name(dist: Distribution) -> str:
    return _metadata(dist).get("Name", "")


def _described(dist: Distribution, entries: Sequence[EntryPoint], owner: str) -> Found:
    about, home = _metadata(dist), _editable(dist)
    source = "index" if home is None else "editable"
    if home is None and (url := _direct_url(dist)):
        source = "git" if "vcs_info" in url else "file" if str(url.get("url", "")).startswith("file:") else "url"
    return Found(
        name=about.get("Name", "?"),
        version=about.get("Version", "?"),
        author=about.get("Author") or about.get("Author-email", ""),
        source=source,
        location=str(home or _folder(dist).parent),
        entries=entries,
        problem=_problem(dist, owner),
    )


def _problem(dist: Distribution, owner: str) -> str:
    folder = _folder(dist)
    name = _name(dist)
    if not name:
        return f"{folder}: its METADATA has no name"
    if folder.suffix != ".dist-info":
        return f"{folder}: is no installed package: pip install it"
    called = folder.name.removesuffix(".dist-info").rpartition("-")[0]
    if normal_name(called) != normal_name(name):
        return f"{folder}: its METADATA says {name}: they must agree"
    if folder.parent.resolve() == Path.cwd():
        return f"{folder}: lies in the current folder, where anybody may have put it: pip install it"
    if owner:
        return f"{folder}: was installed by {owner}, which is another package: uninstall that"
    return ""


def _foreign(folders: Sequence[Path], everything: Sequence[Distribution]) -> dict[Path, str]:
    """By folder: the distribution that installed files into it although it is another one's."""
    owners = {}
    for dist in everything:
        mine = _folder(dist)
        others = [folder for folder in folders if folder != mine and folder.parent == mine.parent]
        record = "\n" + (dist.read_text("RECORD") or "") if others else ""
        for folder in others:
            if f"\n{folder.name}/" in record or f'\n"{folder.name}/' in record:
                owners[folder] = _name(dist) or "?"
    return owners


def _editable(dist: Distribution) -> Path | None:
    """The folder of an editable installation."""
    url = _direct_url(dist)
    editable = isinstance(info := url.get("dir_info"), dict) and info.get("editable")
    return Path(unquote(urlsplit(str(url.get("url", ""))).path)) if editable else None


def _direct_url(dist: Distribution) -> dict[str, Any]:
    """What pip notes about the origin of what is not from an index (PEP 610)."""
    try:
        noted = json.loads(dist.read_text("direct_url.json") or "{}")
    except ValueError:
        return {}
    return noted if isinstance(noted, dict) else {}
