"""A live run of a process whose keys come from every source: no key is in anything that it shows or writes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from arbkit.config import vault
from arbkit.config.vault import Vault
from arbkit.core.types import Secret
from arbkit.sim.world import World
from tests.canaries import inflated

ARBKIT = Path(sys.executable).parent / "arbkit"
WATCH = """
from arbkit import Strategy

class Watch(Strategy):
    def instruments(self, catalogue):
        return catalogue.symbol("BTC-USDT")
    def decide(self, view, touched, now_ns):
        return ()
"""


def test_no_key_of_any_source_is_shown_or_written(
    tmp_path: Path, venues: tuple[World, dict[str, Any]], config: Callable[..., None]
) -> None:
    """Key, secret and passphrase from the vault (unlocked by a descriptor), a file, a command and a variable: log,
    metrics, tape, journal, and what the run prints at its end."""
    okx, binance = venues[1]["okx"], venues[1]["binance"]
    kept = Vault(tmp_path / "config" / "arbkit" / "vault", Secret("correct horse battery"))
    kept.put("okx.key", Secret(okx["key"]))
    kept.put("okx.secret", Secret(okx["secret"]))
    with vault.editing(kept.path):
        kept.save()
    file = tmp_path / "k"
    file.write_text(binance["secret"])
    file.chmod(0o600)
    config(
        okx={"key": "vault:okx.key", "secret": "vault:okx.secret", "passphrase": "env:OKX_PASSPHRASE"},
        binance={"key": "exec:printenv B", "secret": f"file:{file}"},
    )
    settings = tmp_path / "arbkit.toml"
    settings.write_text(f'mode = "live"\nstate.folder = "{tmp_path}/state"\nmetrics.port = 0\n{settings.read_text()}')
    (tmp_path / "strategy.py").write_text(WATCH)
    (tmp_path / "phrase").write_text("correct horse battery\n")
    env = {**os.environ, "OKX_PASSPHRASE": okx["passphrase"], "B": binance["key"]}
    command = [ARBKIT, "run", "strategy:Watch", "--live", "--capture", str(tmp_path / "run.tape")]
    with (
        open(tmp_path / "phrase") as phrase,
        subprocess.Popen(
            command,
            cwd=tmp_path,
            env={**env, "ARBKIT_VAULT_FD": str(phrase.fileno())},
            pass_fds=[phrase.fileno()],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert process.stderr is not None
        shown, ready = "", set()
        for line in process.stderr:
            shown += line
            ready |= set(re.findall(r'"venue.ready".*"venue":"(\w+)"', line))
            if ready == {"okx", "binance"}:
                break
        found = re.search(r"http://127\.0\.0\.1:\d+/metrics", shown)
        assert found, shown
        with urlopen(found[0], timeout=60) as answer:
            shown += answer.read().decode()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, shown + err
    tape = (tmp_path / "run.tape").read_bytes()
    written = {path.name: path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file()}
    everything = {"shown": (shown + out + err).encode(), "tape": tape + inflated(tape), **written}
    assert "journal" in everything
    for name, site in venues[1].items():
        for field in ("key", "secret", "passphrase"):
            if name == "okx" or field != "passphrase":
                holders = [where for where, data in everything.items() if site[field].encode() in data]
                assert not holders, (name, field)
    assert not [where for where, data in everything.items() if b"correct horse" in data]
