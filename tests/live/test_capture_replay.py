"""A captured run gives the same commands again in another process; what it leaves behind holds no secret; its metrics
and log tell what happened."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import zlib
from pathlib import Path
from random import Random
from struct import unpack_from
from typing import Any
from urllib.parse import urlsplit

import pytest

from arbkit.core.tape import MAGIC
from arbkit.plugins import registry as plugins
from arbkit.sim.world import World

ARBKIT = str(Path(sys.executable).parent / "arbkit")
VENUES = sorted(plugins.load(dialects=True).dialects)


def inflated(tape: bytes) -> bytes:
    """All that a tape holds, read without the code that wrote it."""
    assert tape.startswith(MAGIC)
    at, raw = len(MAGIC), b""
    while at < len(tape):
        packed, _, _ = unpack_from("<III", tape, at)
        raw += zlib.decompress(tape[at + 12 : at + 12 + packed])
        at += 12 + packed
    return raw


def replayed(tape: Path, cwd: Path) -> dict[str, Any]:
    """In a process of its own, with another order of hashing."""
    env = {**os.environ, "PYTHONHASHSEED": str(Random(str(tape)).randrange(1, 10_000))}
    done = subprocess.run(
        [ARBKIT, "replay", str(tape), "--json"],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def no_secret(secrets: list[str], folder: Path, *texts: str) -> None:
    """In no file, tapes inflated, and no text."""
    seen = 0
    for file in (file for file in folder.rglob("*") if file.is_file()):
        data = file.read_bytes()
        data += inflated(data) if data.startswith(MAGIC) else b""
        seen += len(data)
        for secret in secrets:
            assert secret.encode() not in data, file
    for text in texts:
        for secret in secrets:
            assert secret not in text
    assert seen


def test_a_captured_demo_replays_to_the_same_commands(tmp_path: Path) -> None:
    """The demo, captured: another process with another PYTHONHASHSEED gives the same hash of commands; no key, secret
    or passphrase is on the tape or was printed."""
    tape = tmp_path / "run.tape"
    done = subprocess.run(
        [ARBKIT, "demo", "--seconds", "9", "--seed", "11", "--capture", str(tape), "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout)
    said = replayed(tape, tmp_path)
    assert said["same"]
    assert said["commands_hash"] == said["recorded_hash"] == line["commands_hash"]
    assert said["commands"] >= line["legs"] > 0
    registry = plugins.load(dialects=True)
    world = World([registry.dialect(venue) for venue in VENUES], seed=11, start_ns=1)
    accounts = [site.exchange.accounts["main"] for site in world.sites.values()]
    secrets = [text for one in accounts for text in (one.key, one.secret, one.passphrase)]
    no_secret(secrets, tmp_path, done.stdout, done.stderr)


@pytest.mark.parametrize("live", [True, False], ids=["live", "paper"])
def test_a_captured_run_tells_all_but_its_secrets(stage: Any, until: Any, tmp_path: Path, live: bool) -> None:
    """Live and paper: figures other than zero on the metrics endpoint, which answers to its own name only; JSON lines
    with the facts of links and deals; a tape that replays; no secret anywhere."""
    venues = stage.sim(*VENUES, "--edge-every", "0.3")
    secrets = [said[part] for said in venues.venues.values() for part in ("key", "secret", "passphrase") if said[part]]
    tape = tmp_path / "run.tape"
    extra = "" if live else ", min_edge_immovable = 0.0003, max_stock_immovable = 1e9"
    run = stage.run(
        venues,
        live=live,
        args=("--capture", str(tape)),
        params=f'symbols = ["BTC-USDT", "ETH-USDT"], min_edge = 0.0003, max_notional = 500.0{extra}',
    )
    run.wait("deal.closed", 12)

    url = run.wait("run.metrics")[0]["url"]
    for venue in VENUES:
        received = f'arbkit_messages_received_total{{link="{venue}.public.0"}}'
        until(lambda received=received: run.metrics().get(received, 0) > 0, received)
        for symbol in ("BTC-USDT", "ETH-USDT"):
            name = f'arbkit_book_state{{instrument="{venue}:{symbol}",state="synced"}}'
            until(lambda name=name: run.metrics()[name] == 1, name)
    seen = run.metrics()
    assert seen['arbkit_deals_total{outcome="hedged"}'] > 0
    assert seen["arbkit_opportunities_taken_total"] >= 12
    for name in ("tick_to_order", "decode", "book", "decision"):
        assert seen[f"arbkit_{name}_seconds_count"] > 0
        assert seen[f"arbkit_{name}_seconds_sum"] > 0
    assert seen['arbkit_pnl{asset="USDT"}'] != 0
    assert any(name.startswith("arbkit_pnl_marked") and value for name, value in seen.items())
    if live:
        assert seen["arbkit_ack_seconds_count"] > 0
        assert any(name.startswith("arbkit_orders_total") and 'status="filled"' in name for name in seen)
        assert any(name.startswith("arbkit_rate_headroom_ratio") and 0 < value <= 1 for name, value in seen.items())
    for host, status in ((None, 200), ("127.0.0.1", 200), ("evil.example", 421), ("127.0.0.1.evil.example", 421)):
        where = urlsplit(url)
        caller = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
        caller.request("GET", "/metrics", headers={} if host is None else {"Host": host})
        assert caller.getresponse().status == status
        caller.close()

    run.stop(signal.SIGTERM)
    code, out = run.ended()
    assert code == 0, run.text
    line = json.loads(out)
    said = replayed(tape, tmp_path)
    assert said["same"]
    assert said["commands_hash"] == line["commands_hash"]
    logged = [json.loads(text) for text in run.lines if text.startswith("{")]
    assert {"link.up", "link.ready", "deal.closed", "desk.stopping"} <= {fact["event"] for fact in logged}
    assert all(fact["t"].endswith("Z") for fact in logged)
    no_secret(secrets, tmp_path, out, run.text)
    assert "signature" not in run.text
