"""``arbkit run`` in its own process against ``arbkit sim`` in another: keys, metrics, a clean stop."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

ARBKIT = Path(sys.executable).parent / "arbkit"
CANARY = "CANARYdeadbeef0123456789"
WATCH = """
from arbkit import Strategy

class Watch(Strategy):
    def instruments(self, catalogue):
        return catalogue.symbol("BTC-USDT")
    def decide(self, view, touched, now_ns):
        return ()
"""


@pytest.fixture(scope="module")
def venue() -> Iterator[dict[str, Any]]:
    """A simulated Binance on loopback."""
    command = [ARBKIT, "sim", "binance", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["venues"]["binance"]
        finally:
            process.kill()


def begin(folder: Path, venue: dict[str, Any], secret: str) -> subprocess.Popen[str]:
    """A live run on it, with the metrics endpoint on any free port."""
    endpoints = "".join(
        f'endpoints.{name} = "{venue[name]}"\n' for name in ("rest", "ws_public", "ws_private", "ws_trade")
    )
    (folder / "strategy.py").write_text(WATCH)
    (folder / "arbkit.toml").write_text(
        f'mode = "live"\ndistributions = ["arbkit-binance"]\nstate.folder = "{folder}/state"\nmetrics.port = 0\n'
        f'[venues.binance]\nenvironment = "sim"\nkey = "env:SIM_KEY"\nsecret = "env:SIM_SECRET"\n{endpoints}'
    )
    env = {**os.environ, "SIM_KEY": venue["key"], "SIM_SECRET": secret, "HOME": str(folder)}
    command = [ARBKIT, "run", "strategy:Watch", "--live"]
    return subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_run_serves_metrics_and_stops_cleanly(tmp_path: Path, venue: dict[str, Any]) -> None:
    """Books synchronise, the endpoint tells it, SIGTERM ends it with 0 and a last line; no secret is printed."""
    with begin(tmp_path, venue, venue["secret"]) as process:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if '"link.ready"' in line and "public" in line:
                break
        found = re.search(r"http://127\.0\.0\.1:\d+/metrics", said)
        assert found, said
        for _ in range(2000):
            with urlopen(found[0], timeout=60) as answer:
                text = answer.read().decode()
            if 'arbkit_book_state{instrument="binance:BTC-USDT",state="synced"} 1.0' in text:
                break
            time.sleep(0.05)
        else:
            pytest.fail(f"no synchronised book in\n{text}")
        assert 'arbkit_link_up{link="binance.public.0"} 1.0' in text
        process.send_signal(signal.SIGTERM)
        out, rest = process.communicate(timeout=120)
    assert process.returncode == 0, said + rest
    assert out.splitlines()[-1].endswith("Left: 0 open orders, 0 unresolved, 0 deals held.")
    assert said.startswith("LIVE - real orders, no real money (sim)\n")
    assert venue["secret"] not in said + rest + out


def test_a_wrong_secret_is_exit_3_and_never_printed(tmp_path: Path, venue: dict[str, Any]) -> None:
    """The venue refuses the signature: the run ends, says so, and quotes nothing."""
    with begin(tmp_path, venue, CANARY) as process:
        out, said = process.communicate(timeout=120)
    assert process.returncode == 3, said
    assert "link.refused" in said
    assert CANARY not in said + out
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or CANARY.encode() not in file.read_bytes()
