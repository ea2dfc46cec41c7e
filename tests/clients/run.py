"""``make clients``: clients that nobody here wrote, against the simulated venues. Needs the package index.

    python tests/clients/run.py [CLIENT ...]

Each client has a folder with its pinned requirements and a script that prints one line per check: OK, FAIL, or MISS for
what the simulators leave out. A client's environment is ``.clients/NAME``; it is made once, and again when the pins
change. Each script gets a simulator of its own. Exit code 1 if a check failed or did not run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any, NamedTuple

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
ARBKIT = Path(sys.executable).parent / "arbkit"
HANGS_S = 400.0
VERDICTS = ("OK ", "MISS ", "FAIL ")
TRUST = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")


class Round(NamedTuple):
    """One run of a client's script."""

    client: str
    argument: str = ""
    python: tuple[int, int] = (3, 11)
    """The oldest Python that the client runs on."""
    tls: bool = True
    """False for a client that trusts the CAs that are compiled into it and no others."""

    @property
    def name(self) -> str:
        return f"{self.client} {self.argument}".rstrip()


ROUNDS = (
    Round("python-binance"),
    Round("python-okx"),
    Round("pybit"),
    *(Round("nautilus_trader", venue, (3, 12), tls=False) for venue in ("binance", "okx", "bybit")),
)


def main(only: list[str]) -> int:
    if unknown := [name for name in only if name not in {one.client for one in ROUNDS}]:
        print(f"no such client: {', '.join(unknown)}; there are {', '.join(dict.fromkeys(r.client for r in ROUNDS))}")
        return 2
    rounds = [one for one in ROUNDS if not only or one.client in only]
    results = [_run(one) for one in rounds]
    width = max(len(one.name) for one in rounds)
    print(f"\n{'client':{width}}  {'version':>8}    OK  MISS  FAIL")
    for one, result in zip(rounds, results, strict=True):
        version = _pins(one).split("==")[1].split()[0]
        print(f"{one.name:{width}}  {version:>8}  {result['OK']:4}  {result['MISS']:4}  {result['FAIL']:4}")
    return int(any(result["FAIL"] for result in results))


def _pins(one: Round) -> str:
    return (HERE / one.client / "requirements.txt").read_text()


def _run(one: Round) -> Counter[str]:
    """Run the script, repeat its lines, and count them by their first word."""
    print(f"\n== {one.name}", flush=True)
    count: Counter[str] = Counter()
    try:
        python = _environment(one)
        with _simulator(one.tls) as (where, said):
            _judge(one, python, where, count)
        if said:
            raise OSError(f"the simulator wrote: {said[-1]}")
    except (OSError, subprocess.CalledProcessError) as error:
        _tell(f"FAIL {error}", count)
    return count


def _judge(one: Round, python: Path, where: dict[str, Any], count: Counter[str]) -> None:
    """Raises ``OSError`` if the script does not come to its end."""
    env = {**os.environ, "ARBKIT_SIM": json.dumps(where), "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
    if one.tls:
        env |= dict.fromkeys(TRUST, where["ca_file"])
    command = [str(python), str(HERE / one.client / "check.py"), *one.argument.split()]
    with (
        tempfile.TemporaryFile("w+") as noise,
        subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=noise, text=True) as process,
    ):
        assert process.stdout is not None
        watch = Timer(HANGS_S, process.kill)
        watch.start()
        ended = False
        for line in process.stdout:
            ended |= line == "END\n"
            if line.startswith(VERDICTS):
                _tell(line.rstrip(), count)
        watch.cancel()
        process.wait()
        if not ended:
            noise.seek(0)
            last = (noise.read().strip() or "it said nothing").splitlines()[-1]
            raise OSError(f"the script did not come to its end (status {process.returncode}): {last}")


def _tell(line: str, count: Counter[str]) -> None:
    print(line, flush=True)
    count[line.split()[0]] += 1


@contextmanager
def _simulator(tls: bool) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """``arbkit sim`` without planted edges: what it announced, and a list that has the lines of its stderr at the
    end. Raises ``OSError`` if it does not start."""
    command = [str(ARBKIT), "sim", "binance", "okx", "bybit", "--edge-every", "0", "--json"] + ["--tls"] * tls
    said: list[str] = []
    with tempfile.TemporaryFile("w+") as errors:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
            assert process.stdout is not None
            try:
                if not (line := process.stdout.readline()):
                    raise OSError("the simulator did not start; run arbkit sim binance okx bybit")
                yield json.loads(line), said
            finally:
                process.terminate()
        errors.seek(0)
        said += errors.read().splitlines()


def _environment(one: Round) -> Path:
    """The interpreter of the client's environment, which has its requirements."""
    home = ROOT / ".clients" / one.client
    python = home / "bin" / "python"
    made = home / "requirements.txt"
    if made.is_file() and made.read_text() == _pins(one):
        return python
    print(f"installing into {home.relative_to(ROOT)}", flush=True)
    subprocess.run([_python(one.python), "-m", "venv", "--clear", home], check=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]
    done = subprocess.run(
        [*pip, str(HERE / one.client / "requirements.txt")], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise OSError(f"cannot be installed: {(done.stderr.strip() or 'pip said nothing').splitlines()[-1]}")
    made.write_text(_pins(one))
    return python


def _python(oldest: tuple[int, int]) -> str:
    """An interpreter that is new enough: our own, one on PATH, or one of pyenv. Raises ``OSError`` if there is none."""
    names = [f"python3.{minor}" for minor in (13, 12, 11, 14)]
    versions = Path.home() / ".pyenv" / "versions"
    found = [str(file) for name in names for file in versions.glob(f"{name.removeprefix('python')}.*/bin/python")]
    fits = f"import sys, venv; sys.exit(not {oldest} <= sys.version_info[:2] < (3, 15))"
    for python in (sys.executable, *names, *found):
        try:
            if subprocess.run([python, "-c", fits], capture_output=True, check=False).returncode == 0:
                return python
        except OSError:
            continue
    raise OSError(f"it needs Python {oldest[0]}.{oldest[1]} or newer, and there is none")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
