"""Every key that a test uses is a canary: no captured output and no file of the test may hold it.

A pytest plugin for the whole suite. It learns the secrets of each signer of this process and of each process that a
test starts (``..._SECRET``, ``..._PASSPHRASE`` in its environment), and looks for them after each test.
"""

from __future__ import annotations

import subprocess
import zlib
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from struct import unpack_from
from typing import Any

import pytest

from arbkit.core.tape import MAGIC
from arbkit.core.types import Secret
from arbkit.core.venues.signer import LocalSigner

SHORTEST = 12
"""A shorter text may be an ordinary word."""
MOST = 64 << 20
"""Bytes of a file that are searched."""
SECRETS: set[bytes] = set()


def learn(*texts: str) -> None:
    for text in texts:
        plain = text.reveal() if isinstance(text, Secret) else text
        if len(plain) >= SHORTEST and plain != "x" * len(plain):
            SECRETS.add(plain.encode())


def pytest_configure() -> None:
    make, start = LocalSigner.__init__, subprocess.Popen.__init__

    def made(self: LocalSigner, key: str, secret: str, passphrase: str = "", **rest: Any) -> None:
        learn(secret, passphrase)
        make(self, key, secret, passphrase, **rest)

    def started(self: Any, *args: Any, **named: Any) -> None:
        env = named.get("env") or {}
        learn(*(str(env[name]) for name in env if str(name).endswith(("_SECRET", "_PASSPHRASE"))))
        start(self, *args, **named)

    LocalSigner.__init__ = made  # type: ignore[method-assign]
    subprocess.Popen.__init__ = started  # type: ignore[method-assign]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when == "call" and report.passed:
        shown = [(f"captured {name}", text.encode("utf-8", "replace")) for name, text in report.sections]
        folder = getattr(item, "funcargs", {}).get("tmp_path")
        found = sorted({where for where, data in [*shown, *files(folder)] if leaks(data)})
        if found:
            report.outcome = "failed"
            report.longrepr = f"a secret of this test is in: {', '.join(found)}"
    return report


GIVEN = frozenset({"signing.json", "vectors.json"})
"""Files that tests write for arbkit to read: signing vectors hold the made-up keys that they are signed with."""


def leaks(data: bytes) -> bool:
    """Whether a secret is in it. A file that holds nothing else is the key file that the test made."""
    return any(secret in data and data.strip() != secret for secret in SECRETS)


def files(folder: Path | None) -> Iterator[tuple[str, bytes]]:
    paths: Iterable[Path] = folder.rglob("*") if folder is not None else ()
    for path in paths:
        try:
            if path.name not in GIVEN and path.is_file() and not path.is_symlink() and path.stat().st_size <= MOST:
                data = path.read_bytes()
                packed = unpacked(data) if path.suffix == ".gz" else b""
                yield path.name, data + packed + (inflated(data) if data.startswith(MAGIC) else b"")
        except OSError:
            continue


def unpacked(data: bytes) -> bytes:
    """What a gzip file holds, as far as it can be read."""
    try:
        return zlib.decompressobj(wbits=31).decompress(data, MOST)
    except zlib.error:
        return b""


def inflated(tape: bytes) -> bytes:
    """All that a tape holds, up to its first damaged block, read without the code that wrote it."""
    at, raw = len(MAGIC), b""
    while at + 12 <= len(tape):
        packed, _, _ = unpack_from("<III", tape, at)
        try:
            raw += zlib.decompressobj().decompress(tape[at + 12 : at + 12 + packed], MOST)
        except zlib.error:
            break
        at += 12 + packed
    return raw
