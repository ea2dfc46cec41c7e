"""The wheels, alone: three of the four packages in an empty environment, and a stranger's strategy on them."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).parent / "uv"
PACKAGES = ("arbkit", "arbkit-binance", "arbkit-okx")


def site_of(environment: Path) -> Path:
    return environment / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"


@pytest.fixture(scope="module")
def arbkit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of an environment that holds the built wheels and, linked, what they depend on; no index is asked."""
    folder = tmp_path_factory.mktemp("wheels")
    for package in PACKAGES:
        build = [
            UV,
            "build",
            "--quiet",
            "--offline",
            "--wheel",
            "--no-build-isolation",
            "--package",
            package,
            "--out-dir",
            folder / "dist",
            "--python",
            sys.executable,
        ]
        subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    environment = folder / "env"
    venv.create(environment)
    for entry in site_of(Path(sys.prefix)).iterdir():
        if "arbkit" not in entry.name and entry.suffix != ".pth":
            (site_of(environment) / entry.name).symlink_to(entry)
    wheels = sorted((folder / "dist").glob("*.whl"))
    assert len(wheels) == len(PACKAGES)
    install = [
        UV,
        "pip",
        "install",
        "--quiet",
        "--offline",
        "--no-index",
        "--no-deps",
        "--python",
        environment / "bin" / "python",
        *wheels,
    ]
    subprocess.run(install, check=True, capture_output=True)
    return environment / "bin" / "arbkit"


def test_three_wheels_list_exactly_two_venues(arbkit: Path, tmp_path: Path) -> None:
    """Nothing of the workspace leaks in: the venue whose wheel is missing is not there; there are no recordings."""
    done = subprocess.run(
        [arbkit, "adapters", "list", "--json"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["adapters"]
    assert [(row["venue"], row["status"]) for row in rows] == [("binance", "ok"), ("okx", "ok")]
    assert [row["distribution"] for row in rows] == ["arbkit-binance", "arbkit-okx"]
    package = site_of(arbkit.parents[1]) / "arbkit"
    assert (package / "py.typed").is_file()
    templates, dashboard = package / "app" / "templates", package / "monitor" / "dashboard"
    assert (dashboard / "index.html").is_file()
    others = [path for path in package.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")]
    assert [path.name for path in others if {templates, dashboard}.isdisjoint(path.parents)] == ["py.typed"]
    assert not (package.parent / "tests").exists()


def test_the_wheel_can_make_packages(arbkit: Path, tmp_path: Path) -> None:
    """The wheel has every file of the templates, also those that begin with a dot."""
    source = ROOT / "arbkit" / "app" / "templates"
    tracked = subprocess.run(["git", "ls-files", source], cwd=ROOT, capture_output=True, text=True, check=True)
    files = [(ROOT / name).relative_to(source).parts for name in tracked.stdout.split()]
    for kind, folder in (("strategy", "mine"), ("adapter", "arbkit-mine")):
        subprocess.run([arbkit, "new", kind, "mine"], cwd=tmp_path, capture_output=True, check=True)
        made = [path for path in (tmp_path / folder).rglob("*") if path.is_file()]
        assert made
        assert len(made) == sum(parts[0] == f"new-{kind}" for parts in files)


def test_a_strategy_runs_on_them_on_paper_and_live(arbkit: Path, tmp_path: Path, serving: Any, desk_of: Any) -> None:
    """One ``strategy.py`` of at most 15 lines and one ``arbkit.toml`` a mode: both make deals."""
    with serving(arbkit, "binance", "okx") as venues:
        runs = {}
        for mode in ("paper", "live"):
            (tmp_path / mode).mkdir()
            desk = desk_of(tmp_path / mode, venues, arbkit)
            desk.write(mode)
            flags = ["--live"] if mode == "live" else []
            runs[mode] = desk.run("run", "strategy:Mine", "--json", *flags, until=['"deal.closed"'])
        for mode, (code, out, err) in runs.items():
            assert code == 0, err
            line = json.loads(out)
            assert line["deals"] >= 1, (mode, line, err)
            assert (line["unresolved"], line["open_orders"], line["held"]) == (0, 0, 0)
