"""Prints a package of uv.lock as a line for ``pip install --require-hashes -r``, with the hash of each of its files."""

import re
import sys
from pathlib import Path

name = sys.argv[1]
lock = (Path(__file__).parent.parent / "uv.lock").read_text()
(entry,) = (part for part in lock.split("[[package]]\n") if part.startswith(f'name = "{name}"\n'))
version = re.search(r'^version = "(.*)"$', entry, re.M)
assert version is not None
hashes = " ".join(f"--hash={one}" for one in re.findall(r'hash = "(sha256:[0-9a-f]+)"', entry))
print(f"{name}=={version[1]} {hashes}")  # noqa: T201 - read by make
