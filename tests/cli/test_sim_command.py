"""``arbkit sim``: one line with addresses and keys, then served until stopped."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args
from urllib.request import urlopen

import pytest

from arbkit import cli
from arbkit.cli.sim import _exports
from arbkit.config.load import load
from arbkit.core.venues.signer import LocalSigner
from arbkit.sim.faults import Fault, FaultKind, read_script
from arbkit.sim.keys import Es256

ARBKIT = Path(sys.executable).parent / "arbkit"


@contextmanager
def serving(*args: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    command = [ARBKIT, "sim", *args, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_one_line_serves_and_stops_with_0(stop: signal.Signals, tmp_path: Path) -> None:
    """Addresses by name and a key a venue; the admin pages answer; Ctrl-C and SIGTERM are clean ends."""
    faults = tmp_path / "faults.json"
    faults.write_text('[{"kind": "skip", "venue": "binance"}]')
    with serving("binance", "--seed", "3", "--faults", str(faults)) as (process, where):
        assert set(where) == {"venues", "admin"}
        names = {"rest", "ws_public", "ws_private", "ws_trade", "key", "secret", "passphrase"}
        assert set(where["venues"]["binance"]) == names | {"ed25519_key", "ed25519_pem"}
        assert where["venues"]["binance"]["rest"].startswith("http://127.0.0.1:")
        for page in ("ledger", "orders", "faults"):
            with urlopen(f"{where['admin']}/{page}", timeout=60) as answer:
                json.load(answer)
        process.send_signal(stop)
        out, err = process.communicate(timeout=120)
        assert (process.returncode, out, err) == (0, "", "")


def test_it_prints_a_configuration_to_paste(tmp_path: Path) -> None:
    """Without --json: lines for the shell and for arbkit.toml, which `arbkit doctor`'s loader accepts as they are."""
    command = [ARBKIT, "sim", "binance", "okx", "bybit"]
    environment = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("admin"):
                break
        process.kill()
    exports = dict(re.findall(r"^export (\w+)=(\S+)$", "".join(lines), re.MULTILINE))
    text = "".join(lines).partition("For arbkit.toml:")[2].partition("\nadmin")[0]
    file = tmp_path / "arbkit.toml"
    file.write_text(text)
    config = load(file, env=exports)
    assert set(config.venues) == {"binance", "okx", "bybit"}
    for venue in config.venues.values():
        assert venue.environment == "sim"
        assert set(venue.endpoints) == {"rest", "ws_public", "ws_private", "ws_trade"}
    assert set(exports) >= {"SIM_OKX_KEY", "SIM_OKX_SECRET", "SIM_OKX_PASSPHRASE", "SIM_BYBIT_KEY"}


def test_a_private_key_is_one_line_for_the_shell() -> None:
    """A shell reads it as it was, with line breaks that the signer knows: the key signs."""
    key = Es256("for the shell")
    (line,) = _exports({"venues": {"x": {"key": "k", "secret": key.pem, "passphrase": ""}}}).splitlines()[1:]
    word, text = shlex.split(line)
    name, _, secret = text.partition("=")
    assert (word, name) == ("export", "SIM_X_SECRET")
    assert key.good(b"payload", LocalSigner("k", secret).ecdsa(b"payload"))


def test_an_unknown_venue_or_a_bad_script_is_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is served before everything is understood."""
    assert cli._run(["sim", "binanc"]) == 2
    assert "did you mean 'binance'?" in capsys.readouterr().err
    script = tmp_path / "faults.json"
    script.write_text('[{"kind": "explode"}]')
    assert cli._run(["sim", "binance", "--faults", str(script)]) == 2
    assert "fault script" in capsys.readouterr().err
    script.write_text('[{"kind": "skip", "venue": "krakn"}]')
    assert cli._run(["sim", "binance", "--faults", str(script)]) == 2
    assert "krakn" in capsys.readouterr().err


def test_a_taken_port_is_exit_2() -> None:
    """The admin port of a running simulator is not to be had twice."""
    with serving("binance") as (_, where):
        port = where["admin"].rpartition(":")[2]
        command = [ARBKIT, "sim", "binance", "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 2
        assert f"--port {port}: cannot be opened" in done.stderr
        assert "Traceback" not in done.stderr


def test_help_tells_how_a_fault_script_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    """Every kind and every field is there, and the example is a script."""
    assert cli._run(["sim", "--help"]) == 0
    said = capsys.readouterr().out
    for name in (*get_args(FaultKind), *Fault.__struct_fields__):
        assert re.search(rf"\b{name}\b", said), name
    (example,) = [line for line in said.splitlines() if line.lstrip().startswith("[{")]
    assert [fault.kind for fault in read_script(example.strip().encode())] == ["lose_ack", "throttle"]
