"""Makes the package of a new strategy or venue from ``templates/``.

A template is a working package with the name ``new-name``, checked by ruff and mypy like any code. To make a package,
the three spellings of that name are replaced in paths and texts: ``new-name`` (distribution), ``new_name`` (module,
venue) and ``NewName`` (class).
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from arbkit.core.errors import ConfigError
from arbkit.plugins.registry import Registry

__all__ = ["Kind", "make"]

Kind = Literal["strategy", "adapter"]
TEMPLATES = Path(__file__).parent / "templates"
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*\Z")


def make(kind: Kind, name: str, into: Path, registry: Registry) -> list[Path]:
    """Write the package ``name`` as a new folder in ``into``. Returns the written files; the first path is the folder.

    Raises ``ConfigError`` if the name cannot be used or the folder exists; then nothing is written.
    """
    spellings = {"new-name": name, "new_name": name.replace("-", "_"), "NewName": name.title().replace("-", "")}
    texts = dict(_template(kind))
    _check(kind, name, spellings, texts, registry)
    folder = into / (name if kind == "strategy" else f"arbkit-{name}")
    try:
        folder.mkdir()
        written = [folder]
        for path, text in texts.items():
            file = folder / _renamed(path, spellings)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(_renamed(text, spellings), encoding="utf-8")
            written.append(file)
    except FileExistsError:
        raise ConfigError(f"{folder} exists already, nothing was written; take another name or folder") from None
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written: {error.strerror}") from None
    return written


def _template(kind: Kind) -> Iterator[tuple[str, str]]:
    """Path and text of each file."""
    root = TEMPLATES / f"new-{kind}"
    for file in sorted(root.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            yield file.relative_to(root).as_posix(), file.read_text(encoding="utf-8")


def _renamed(text: str, spellings: dict[str, str]) -> str:
    for old, new in spellings.items():
        text = text.replace(old, new)
    return text


def _check(kind: Kind, name: str, spellings: dict[str, str], texts: dict[str, str], registry: Registry) -> None:
    """Raises ``ConfigError`` for a name that cannot be a distribution, a module, a class or a new name for plugins."""
    if not _NAME.match(name):
        raise ConfigError(
            f"the name {name!r}: use small letters, digits and single hyphens, a letter first: wide-spread"
        )
    if kind == "adapter" and name.startswith("arbkit-"):
        raise ConfigError(f"the name {name!r}: leave out arbkit-, the package gets it")
    taken: Collection[str] = registry.strategies if kind == "strategy" else registry.exchanges
    module = spellings["new_name"] if kind == "strategy" else f"arbkit_{spellings['new_name']}"
    if name in taken or spellings["new_name"] in taken:
        raise ConfigError(f"the name {name!r}: an installed plugin registers this {kind}; take another name")
    if keyword.iskeyword(module) or find_spec(module) is not None:
        raise ConfigError(f"the name {name!r}: Python has a module or keyword {module!r} already; take another name")
    if any(re.search(rf"\b{spellings['NewName']}\b", text) for path, text in texts.items() if path.endswith(".py")):
        raise ConfigError(f"the name {name!r}: the template uses the class {spellings['NewName']}; take another name")
