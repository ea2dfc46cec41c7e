"""The lock, the Makefile and its check of Python."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCK = (ROOT / "uv.lock").read_text()
INDEX = "https://pypi.org/simple"
FILES = "https://files.pythonhosted.org/packages/"
LOCAL = ({"registry": INDEX}, {"editable": "."}, {"directory": "plugins/arbkit-speed"})
"""Sources of packages beside the venues. arbkit-speed is not editable: it is compiled."""


def test_the_lock_names_the_public_index_and_nothing_else() -> None:
    """A clone installs from where everybody does: no mirror, no folder, no other host."""
    locked = tomllib.loads(LOCK)
    for package in locked["package"]:
        source = package["source"]
        assert source in LOCAL or re.fullmatch(r"plugins/arbkit-[a-z0-9-]+", source.get("editable", "")), package[
            "name"
        ]
        for file in [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]:
            assert file["url"].startswith(FILES)
            assert file["hash"].startswith("sha256:")
    assert set(re.findall(r"\b[a-z]+://[^/\"]+", LOCK)) == {"https://pypi.org", "https://files.pythonhosted.org"}


def test_every_package_of_the_workspace_is_locked_and_tested() -> None:
    """A new plugin folder is a member and an editable of the lock (``make lock``), and its tests are collected."""
    members = {folder.name for folder in (ROOT / "plugins").iterdir() if (folder / "pyproject.toml").is_file()}
    assert members <= set(re.findall(r'^name = "(arbkit-[a-z0-9-]+)"$', LOCK, re.MULTILINE))
    for member in members:
        facts = tomllib.loads((ROOT / "plugins" / member / "pyproject.toml").read_text())
        ours = [name for name in facts["project"]["dependencies"] if name.startswith("arbkit")]
        assert ours == ["arbkit>=0.1,<0.2"], f"{member} depends on core only"
        assert facts["project"]["license"] == "Apache-2.0"


def fake_python(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


OLD = 'case "$1" in -V) echo "Python 3.9.2";; *) exit 1;; esac'


def test_an_unfit_python_is_refused_with_one_line(tmp_path: Path) -> None:
    """``PYTHON=`` that is too old: one clear line, make fails, no .venv appears."""
    old = fake_python(tmp_path / "bin", "python3", OLD)
    env = {**os.environ, "PYTHON": str(old)}
    done = subprocess.run([ROOT / ".ci/python"], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "needs Python 3.11 or newer" in done.stderr
    assert "Python 3.9.2" in done.stderr


def test_a_fit_python_is_found_behind_an_old_one(tmp_path: Path) -> None:
    """``python3`` is old, ``python3.12`` is there: it is taken."""
    tools = tmp_path / "bin"
    fake_python(tools, "python3", OLD)
    good = fake_python(tools, "python3.12", "exit 0")
    for tool in ("sh", "tail", "env"):
        (tools / tool).symlink_to(f"/bin/{tool}" if Path(f"/bin/{tool}").exists() else f"/usr/bin/{tool}")
    env = {"PATH": str(tools)}
    done = subprocess.run(["/bin/sh", ROOT / ".ci/python"], env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, str(good))


def test_the_check_of_everything_is_the_readme_command(tmp_path: Path) -> None:
    """``.ci/run`` is executable and does ``make test``, with a browser where that can be had. Recordings beside the
    checkout are used, others are kept."""
    script = (ROOT / ".ci/run").read_text()
    assert os.access(ROOT / ".ci/run", os.X_OK)
    assert script.splitlines()[-1] == "exec make test"
    beside = re.findall(r"-d (\S+) ", script)
    assert len(beside) == 1
    copy = tmp_path / "clone/.ci/run"
    copy.parent.mkdir(parents=True)
    shutil.copy(ROOT / ".ci/run", copy)
    fake_python(tmp_path / "bin", "make", 'echo "$@ with ${ARBKIT_RECORDINGS:-none}"')
    env = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}

    def said(**more: str) -> str:
        done = subprocess.run([copy], env=env | more, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    assert said() == "chromium with none\ntest with none"
    folder = tmp_path / "clone" / beside[0]
    folder.mkdir(parents=True)
    assert said().splitlines()[-1] == f"test with {tmp_path / 'clone'}/{beside[0]}"
    assert said(ARBKIT_RECORDINGS="/mine").splitlines()[-1] == "test with /mine"


def test_no_recording_and_no_large_file_is_tracked() -> None:
    """Recordings stay outside (CONTRIBUTING.md). The lock file is the only one over 100 kB."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    files = {name for name in done.stdout.split("\0") if (ROOT / name).is_file()}
    assert files
    assert [name for name in files if name.endswith((".jsonl", ".jsonl.gz"))] == []
    assert [name for name in files if (ROOT / name).stat().st_size > 100_000] == ["uv.lock"]


@pytest.mark.parametrize("gate", ["ruff format --check", "ruff check", "mypy", ".ci/floors.py", "pytest"])
def test_make_test_runs_every_gate(gate: str) -> None:
    """A gate that is dropped from the Makefile is noticed."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(["make", "-n", "test"], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert gate in done.stdout


def test_every_client_is_pinned_and_none_is_installed_with_us() -> None:
    """A client of ``make clients`` has a script and exact versions; its packages are not in our lock."""
    done = subprocess.run(["make", "-n", "clients"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "tests/clients/run.py" in done.stdout
    folders = [folder for folder in (ROOT / "tests/clients").iterdir() if (folder / "check.py").is_file()]
    assert len(folders) >= 4
    rounds = (ROOT / "tests/clients/run.py").read_text()
    for folder in folders:
        assert f'Round("{folder.name}"' in rounds
        for pin in (folder / "requirements.txt").read_text().splitlines():
            name, exact, version = pin.partition("==")
            assert exact
            assert re.fullmatch(r"[\d.]+", version)
            assert f'name = "{name}"' not in LOCK


def recorded_books(env: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    """A run of the tests that compare recorded books."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *options,
        "tests/venues/test_recordings.py",
    ]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ARBKIT_", "PYTEST_"))}
    return subprocess.run(command, cwd=ROOT, env=clean | env, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("workers", ["0", "1"])
def test_without_recordings_one_line_counts_what_did_not_run(workers: str) -> None:
    """No list of skipped tests; the line names the variable and the page, also with workers."""
    done = recorded_books({}, "-n", workers)
    lines = [line for line in done.stdout.splitlines() if "did not run" in line]
    assert len(lines) == 1
    assert re.match(
        r"recording tests that did not run: \d+ \(ARBKIT_RECORDINGS is not set;.*CONTRIBUTING\.md", lines[0]
    )
    assert "skipped" not in done.stdout


def test_a_wrong_folder_of_recordings_ends_the_tests_with_one_line(tmp_path: Path) -> None:
    """A typing mistake must not look like a run without recordings."""
    done = recorded_books({"ARBKIT_RECORDINGS": str(tmp_path / "none")})
    assert done.returncode == 4
    assert done.stderr.split("\n") == [f"ERROR: ARBKIT_RECORDINGS: {tmp_path / 'none'} is not a folder", "", ""]


def test_the_tool_that_installs_is_pinned_by_hash() -> None:
    """The line for pip has the version and the hashes of the lock, so that pip installs nothing else."""
    done = subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "pinned.py"), "uv"], capture_output=True, text=True, check=True, timeout=60
    )
    (locked,) = (package for package in tomllib.loads(LOCK)["package"] if package["name"] == "uv")
    name, *hashes = done.stdout.split()
    assert name == f"uv=={locked['version']}"
    files = [*locked["wheels"], locked["sdist"]]
    assert sorted(hashes) == sorted(f"--hash={file['hash']}" for file in files)
    assert "--require-hashes" in (ROOT / "Makefile").read_text()


SBOM = "--quiet --frozen --offline --no-dev --all-packages --format cyclonedx1.5"


def test_the_bill_of_materials_names_all_that_users_get() -> None:
    """Made from the lock, without network: our packages, and every dependency with its version; no test tool."""
    uv, options = Path(sys.executable).parent / "uv", SBOM.split()
    done = subprocess.run(
        [uv, "export", *options, "--project", str(ROOT)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found = {part["name"]: part.get("version") for part in json.loads(done.stdout)["components"]}
    locked = {package["name"]: package["version"] for package in tomllib.loads(LOCK)["package"]}
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    for name in (re.split(r"[<>=; ]", one)[0] for one in wanted):
        assert found[name] == locked[name]
    assert "arbkit-okx" in found
    assert not {"pytest", "ccxt", "structlog"} & set(found)
    recipe = (ROOT / "Makefile").read_text().split("\nsbom:")[1].split("\n\n")[0]
    assert SBOM in recipe
