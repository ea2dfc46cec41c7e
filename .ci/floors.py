#!/usr/bin/env python3
"""Checks the import layers with import-linter. In .importlinter, a line ``arbkit_*`` stands for all venue packages.

A venue package is a folder ``plugins/*/arbkit_*`` with an ``adapter.py``. import-linter has no pattern for such names.
"""

import re
import subprocess
import sys
from pathlib import Path
from tempfile import NamedTemporaryFile

ROOT = Path(__file__).parent.parent


def contracts(text: str, venues: list[str]) -> str:
    """The text of .importlinter with the names of the venue packages."""
    return re.sub(r"(?m)^( +)arbkit_\*$", lambda line: "\n".join(line[1] + name for name in venues), text)


def main() -> int:
    """Returns the exit code of import-linter: 1 = a broken contract."""
    venues = sorted(file.parent.name for file in ROOT.glob("plugins/*/arbkit_*/adapter.py"))
    with NamedTemporaryFile("w", suffix=".importlinter") as config:
        config.write(contracts((ROOT / ".importlinter").read_text(), venues))
        config.flush()
        command = [Path(sys.executable).parent / "lint-imports", "--no-cache", "--config", config.name]
        return subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603 - our own tool


if __name__ == "__main__":
    sys.exit(main())
