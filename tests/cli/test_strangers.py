"""A stranger's package through the real command line, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

VENUE = """
import arbkit
from arbkit import Capabilities
from arbkit.core.types import ClientIdScope

class Zeta:
    venue = "zeta"
    capabilities = Capabilities(client_id_scope=ClientIdScope.ALWAYS, order_window_ns=2 * 10**9, checked="2026-01-01")
    rate_limits = ()
    def __init__(self, settings): ...
    def links(self, instruments, account): return ()
    def session(self, link, catalogue, signer): ...
    def route(self, command): return ()

class Calm(arbkit.Strategy):
    "Does nothing, well."

@arbkit.hookimpl
def register_exchanges(register): register(Zeta)

@arbkit.hookimpl
def register_strategies(register): register("calm", Calm)
"""


def install(folder: Path, name: str, code: str) -> None:
    module = name.replace("-", "_")
    (folder / f"{module}.py").write_text(code)
    info = folder / f"{module}-2.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.5\n")
    (info / "entry_points.txt").write_text(f"[arbkit]\nmain = {module}\n")


def arbkit(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(folder)}
    command = [Path(sys.executable).parent / "arbkit", *args]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)


def test_a_strangers_venue_and_strategy_are_listed_and_a_broken_one_stops_nobody(tmp_path: Path) -> None:
    """Found without touching our files; the broken neighbour is listed with its reason and its place; exit 0."""
    install(tmp_path, "arbkit-zeta", VENUE)
    install(tmp_path, "arbkit-broken", "import arbkit\nimport no_such_module\n")
    done = arbkit(tmp_path, "adapters", "list", "--json")
    assert done.returncode == 0, done.stderr
    rows = {row["distribution"]: row for row in json.loads(done.stdout)["adapters"]}
    assert rows["arbkit-zeta"]["status"] == "ok"
    assert (rows["arbkit-zeta"]["venue"], rows["arbkit-zeta"]["version"]) == ("zeta", "2.5")
    assert (rows["arbkit-zeta"]["client_id"], rows["arbkit-zeta"]["order_expiry_s"]) == ("always", 2.0)
    assert rows["arbkit-broken"]["status"] == "broken"
    assert "No module named 'no_such_module'" in rows["arbkit-broken"]["reason"]
    assert "arbkit_broken.py:2" in rows["arbkit-broken"]["reason"]
    assert rows["arbkit-binance"]["status"] == "ok"
    strategies = json.loads(arbkit(tmp_path, "strategies", "list", "--json").stdout)["strategies"]
    assert ("calm", "Does nothing, well.") in [(row["name"], row["about"]) for row in strategies]


def test_two_packages_with_one_venue_are_both_shown_as_refused(tmp_path: Path) -> None:
    """A package that takes over a venue's name takes nothing: both are named."""
    install(tmp_path, "arbkit-zeta", VENUE)
    install(tmp_path, "arbkit-zeta-fast", VENUE.replace('"calm"', '"calmer"'))
    rows = json.loads(arbkit(tmp_path, "adapters", "list", "--json").stdout)["adapters"]
    assert "zeta" not in [row["venue"] for row in rows]
    broken = {row["distribution"]: row["reason"] for row in rows if row["status"] == "broken"}
    assert {"arbkit-zeta", "arbkit-zeta-fast"} <= broken.keys()
    assert "arbkit-zeta 2.5 and arbkit-zeta-fast 2.5 both register it" in broken["arbkit-zeta"]
