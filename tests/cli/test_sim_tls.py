"""``arbkit sim --tls`` as a user meets it: what it prints is pasted, and ``arbkit run`` trades over HTTPS and WSS."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from msgspec import Struct

from arbkit import cli

ARBKIT = Path(sys.executable).parent / "arbkit"
TRUST = {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"}
ASK = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=60).status)"
"""A client that knows nothing of arbkit."""


class Printed(Struct):
    """What a simulator printed for a person."""

    exports: dict[str, str]
    toml: str
    admin: str

    @property
    def ca_file(self) -> Path:
        return Path(self.exports["SSL_CERT_FILE"])


@pytest.fixture(scope="module")
def simulator() -> Iterator[tuple[subprocess.Popen[str], Printed]]:
    """Binance and OKX, an edge on each symbol about every half second."""
    command = [ARBKIT, "sim", "binance", "okx", "--tls", "--edge-every", "0.5"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as process:
        assert process.stdout is not None
        try:
            text = ""
            while not (line := process.stdout.readline()).startswith("admin"):
                assert line, "the simulator did not start"
                text += line
            exports = dict(re.findall(r"^export (\w+)=(\S+)$", text, re.MULTILINE))
            yield process, Printed(exports, text.partition("For arbkit.toml:")[2], line.split()[1].rstrip(":"))
        finally:
            process.kill()


@pytest.fixture
def live(tmp_path: Path, desk_of: Any, simulator: tuple[subprocess.Popen[str], Printed]) -> Any:
    """A folder with what was printed, pasted after the settings of a live run. Of the exports the keys only: the
    variables that make other clients trust the certificate would work for arbkit too."""
    printed = simulator[1]
    desk = desk_of(tmp_path, {}, ARBKIT)
    head = 'mode = "live"\ndistributions = ["arbkit-binance", "arbkit-okx"]\nstate = { folder = "state" }\n'
    (tmp_path / "arbkit.toml").write_text(head + printed.toml)
    desk.env = {name: value for name, value in desk.env.items() if name not in TRUST}
    desk.env |= {name: value for name, value in printed.exports.items() if name not in TRUST}
    return desk


def test_what_it_prints_trades(live: Any, simulator: tuple[subprocess.Popen[str], Printed]) -> None:
    """Every address is encrypted, and a run on the pasted configuration makes deals and ends cleanly."""
    printed = simulator[1]
    urls = re.findall(r'^(?:rest|ws_\w+) = "(\w+):', printed.toml, re.MULTILINE)
    assert set(urls) == {"https", "wss"}
    assert len(urls) == 8
    code, out, err = live.run("run", "strategy:Mine", "--live", until=['"deal.closed"'])
    assert code == 0, err
    assert int(out.splitlines()[-1].split()[0]) >= 1, out


def test_without_the_switch_it_is_refused_in_a_sentence(live: Any) -> None:
    """Nothing is sent, and the sentence says what is wrong, where, and what to do."""
    file = live.folder / "arbkit.toml"
    file.write_text(re.sub(r"(?m)^ca_file = .*\n", "", file.read_text()))
    code, out, err = live.run("run", "strategy:Mine", "--live", until=['"venue.waiting"', '"venue.waiting"'])
    assert code == 4, err
    told = [json.loads(line)["why"] for line in err.splitlines() if '"venue.waiting"' in line]
    sentence = (
        r"127\.0\.0\.1:\d+: TLS certificate refused: unable to get local issuer certificate; "
        r"if the certificate is your own, set ca_file to its CA"
    )
    assert len(told) == 2
    assert all(re.fullmatch(sentence, why) for why in told), told
    assert re.search(rf"okx did not trade: {sentence}\n", out), out


def test_other_clients_trust_it_by_the_printed_variables(simulator: tuple[subprocess.Popen[str], Printed]) -> None:
    """Each variable names the CA. A client that reads one is served; without it, or unencrypted, it is not."""
    printed = simulator[1]
    assert {printed.exports[name] for name in TRUST} == {str(printed.ca_file)}
    env = {name: value for name, value in os.environ.items() if name not in TRUST}
    command = [sys.executable, "-c", ASK, f"{printed.admin}/ledger"]
    served = subprocess.run(
        command, env=env | printed.exports, capture_output=True, text=True, timeout=120, check=False
    )
    assert (served.returncode, served.stdout) == (0, "200\n"), served.stderr
    refused = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert "certificate verify failed" in refused.stderr
    with pytest.raises(OSError, match=r"reset|closed|disconnected"):
        urlopen(f"{printed.admin.replace('https', 'http')}/ledger", timeout=60)


def test_its_folder_is_private_and_goes_with_it() -> None:
    """Only the owner can enter it, and a stop removes it. JSON names the CA file."""
    command = [ARBKIT, "sim", "binance", "--tls", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        where = json.loads(process.stdout.readline())
        folder = Path(where["ca_file"]).parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        trusting = ssl.create_default_context(cafile=where["ca_file"])
        with urlopen(f"{where['venues']['binance']['rest']}/api/v3/time", timeout=60, context=trusting) as answer:
            assert "serverTime" in json.load(answer)
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
    assert not folder.exists()


def test_without_cryptography_it_is_exit_2() -> None:
    """The package is optional; the sentence names it."""
    program = "import sys; sys.modules['cryptography'] = None; from arbkit.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "sim", "binance", "--tls"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert done.stderr == "arbkit: --tls needs the package 'cryptography': pip install cryptography\n"


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (None, "cannot be read: No such file or directory"),
        ("folder", "cannot be read: Is a directory"),
        ("text", "contains no certificate in PEM format"),
    ],
)
def test_a_ca_file_that_cannot_be_used_is_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], made: str | None, words: str
) -> None:
    """The line of the configuration, the file and the reason, before anything is dialled."""
    ca = tmp_path / "ca.pem"
    if made == "folder":
        ca.mkdir()
    elif made == "text":
        ca.write_text("no certificate\n")
    file = tmp_path / "arbkit.toml"
    file.write_text(f'mode = "paper"\nca_file = "{ca}"\n[venues.binance]\n')
    assert cli._run(["config", "check", "--config", str(file)]) == 2
    assert f"{file}:2: ca_file: {ca}: {words}\n" in capsys.readouterr().err
