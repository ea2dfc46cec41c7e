"""The search for canaries finds what it must (``canaries``)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAD = """
import os, subprocess, sys
from arbkit.core.tape import MAGIC, TapeHead, TapeWriter
from arbkit.core.venues.signer import LocalSigner
KEY = "canary-0123456789"
"""

TAPE = """LocalSigner('k', KEY); tape = TapeWriter(TapeHead(began_ns=1, code=KEY, seed=1))
    (tmp_path / 'run.tape').write_bytes(MAGIC + tape.pack(tape.take()))"""
PACKED = """LocalSigner('k', KEY); import gzip
    (tmp_path / 'journal.000000.gz').write_bytes(gzip.compress(b'it was ' + KEY.encode()))"""
CHILD = """subprocess.run([sys.executable, '-c', 'pass'], env={'MY_SECRET': KEY})
    (tmp_path / 'log').write_text('it was ' + KEY)"""


@pytest.mark.parametrize(
    ("body", "leaks"),
    [
        ("LocalSigner('k', KEY); print('it was', KEY)", True),
        ("LocalSigner('k', KEY); (tmp_path / 'log').write_text('it was ' + KEY)", True),
        ("LocalSigner('k', 'another', KEY); (tmp_path / 'log').write_text('it was ' + KEY)", True),
        (TAPE, True),
        (PACKED, True),
        (CHILD, True),
        ("LocalSigner('k', KEY); (tmp_path / 'key').write_text(KEY + '\\n')", False),
        ("LocalSigner('k', KEY); print('nothing')", False),
    ],
)
def test_a_key_that_a_test_leaves_behind_fails_it(tmp_path: Path, body: str, leaks: bool) -> None:
    """In what it prints, in a file, in a tape that is compressed; of this process or of one that it starts."""
    (tmp_path / "test_it.py").write_text(f"{HEAD}\ndef test_it(tmp_path):\n    {body}\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "canaries", "-p", "no:cacheprovider", str(tmp_path)],
        env={"PYTHONPATH": str(Path(__file__).parent), "PATH": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode == 1) is leaks, done.stdout
    assert ("a secret of this test is in" in done.stdout) is leaks
