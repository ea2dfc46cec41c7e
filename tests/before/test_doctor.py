"""``arbkit doctor``: what it finds, what it tells to do, and its exit code; each fault is made and must be found."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import shutil
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from arbkit.app.doctor import machine, packages, setup, state
from arbkit.app.doctor.finding import Finding, bad, exit_code, good, poor
from arbkit.app.recovery import open_journal
from arbkit.app.rehearsal import rehearse
from arbkit.app.remedies import remedy
from arbkit.config.load import Config, StrategyConfig, VenueConfig
from arbkit.core.money.gate import GateConfig
from arbkit.core.money.limits import LimitsConfig
from arbkit.core.orders.journal import DayBegan, encode
from arbkit.core.runtime.clock import Clock
from arbkit.core.runtime.journal_file import StateFolder
from arbkit.core.runtime.locks import AccountLocks
from arbkit.core.types import Capabilities
from arbkit.plugins.registry import Plugin, Registry
from arbkit.sim.world import World

Venues = tuple[World, dict[str, Any]]
Run = Callable[..., tuple[int, str]]
GIB = 1 << 30


def texts(found: Any, level: str = "") -> list[str]:
    return [one.text for one in found if not level or one.level == level]


def findings(said: str) -> list[Finding]:
    return [Finding(**row) for row in json.loads(said.splitlines()[-1])["findings"]]


@pytest.fixture
def keyed(config: Callable[..., None], venues: Venues, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration with keys of both venues."""
    given = {}
    for name, site in venues[1].items():
        given[name] = {field: f"env:{name.upper()}_{field.upper()}" for field in ("key", "secret", "passphrase")}
        for field in ("key", "secret", "passphrase"):
            monkeypatch.setenv(f"{name.upper()}_{field.upper()}", site[field])
    config(**given)


# --- the command


@pytest.mark.usefixtures("keyed")
def test_a_good_desk_has_no_failure(arbkit: Run, venues: Venues) -> None:
    """Live, on simulated venues: endpoints, clocks, books, keys with their rights and fees; no secret is shown."""
    code, said = arbkit("doctor", "--live", "--json")
    found = findings(said)
    assert code == 0, [one for one in found if one.level == "failure"]
    told = "\n".join(texts(found))
    for words in (
        "okx: REST answers in",
        "okx.main.private: connected",
        "binance:BTC-USDT: SYNCED",
        "okx: read_only, trade",
        "okx:BTC-USDT: taker fee 0.1 %",
        "okx: the venue's clock is",
        "binance: 9",  # % left of its weight
    ):
        assert words in told, words
    assert all(one.remedy for one in found if one.level != "ok")
    for site in venues[1].values():
        assert not [field for field in ("key", "secret", "passphrase") if site[field] in said]


@pytest.mark.usefixtures("keyed")
def test_what_is_wrong_with_keys_and_fees_is_told(arbkit: Run, venues: Venues, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that may withdraw and another fee at one venue, a wrong secret at the other: exit 3."""
    account = venues[0].sites["okx"].exchange.accounts["main"]
    account.settings["perm"] = "read_only,trade,withdraw"
    monkeypatch.setenv("BINANCE_SECRET", "CANARYdeadbeef0123456789")
    try:
        code, said = arbkit("doctor", "--live", "--json")
    finally:
        account.settings.clear()
    failures = [one for one in findings(said) if one.level == "failure"]
    assert code == 3
    assert any("okx: the key may withdraw money" in one.text for one in failures)
    assert any(one.text.startswith("binance: binance refused the key") for one in failures), failures
    assert "CANARY" not in said


@pytest.mark.usefixtures("keyed")
def test_venues_that_do_not_answer_are_exit_4(arbkit: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with the reason and what to do; the keys are not blamed."""
    monkeypatch.setitem(rehearse.__kwdefaults__, "most_s", 1.0)
    file = tmp_path / "arbkit.toml"
    file.write_text("\n".join(_elsewhere(line) for line in file.read_text().splitlines()))
    code, said = arbkit("doctor", "--live", "--json")
    failures = [one for one in findings(said) if one.level == "failure"]
    assert code == 4, failures
    assert {one.area for one in failures} == {"endpoints"}
    assert all("127.0.0.1:9: no connection" in one.text for one in failures)
    assert all("nothing listens there" in one.remedy for one in failures)


def _elsewhere(line: str) -> str:
    return line.partition("://")[0] + '://127.0.0.1:9"' if "endpoints" in line else line


@pytest.mark.usefixtures("keyed")
def test_a_run_at_work_is_left_alone(arbkit: Run, venues: Venues) -> None:
    """The account is locked by another process: no login, and that is said."""
    where = venues[1]["okx"]["rest"].partition("//")[2]
    locks = AccountLocks([f"okx.sim.main.{where}"])
    try:
        code, said = arbkit("doctor", "--live", "--json")
    finally:
        locks.close()
    assert code == 0
    assert any(f"no login: another arbkit (process {os.getpid()}) trades on" in text for text in texts(findings(said)))
    assert not any("private" in text for text in texts(findings(said)))


def test_mistakes_of_the_configuration_are_findings(arbkit: Run, tmp_path: Path) -> None:
    """All of them, each with its line; the machine is looked at in any case. The text fits 80 columns."""
    (tmp_path / "arbkit.toml").write_text('[venues.okex]\ntakr_fee = 1\n[limits]\nmax_order_notional = "much"\n')
    code, said = arbkit("doctor")
    assert code == 2
    words = " ".join(said.split())
    assert "arbkit.toml:1: venues.okex: no plugin registers this venue, did you mean 'okx'?" in words
    assert "arbkit.toml:2: venues.okex.takr_fee: is not a configuration key" in words
    assert "arbkit.toml:4: limits.max_order_notional: expected a number" in words
    assert "ok python" in words
    assert max(len(line) for line in said.splitlines() if str(tmp_path) not in line) <= 80


def test_without_a_configuration_it_looks_at_the_rest(arbkit: Run) -> None:
    code, said = arbkit("doctor", "--json")
    assert code == 0
    assert any("there is no arbkit.toml" in text for text in texts(findings(said), "warning"))


def test_exit_codes() -> None:
    """The set-up counts before keys, keys before venues; warnings do not count."""
    assert exit_code([good("a", ""), poor("a", "", "x")]) == 0
    assert exit_code([bad("a", "", "x", 4), bad("a", "", "x", 3)]) == 3
    assert exit_code([bad("a", "", "x", 3), bad("a", "", "x")]) == 2


# --- the machine


def test_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (100, 4096))
    (found,) = machine.files(80)
    assert (found.level, found.remedy) == ("failure", "ulimit -n 1024")


def test_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kernel says: synchronised, not synchronised, nothing."""
    levels = []
    for told in ((0, 1500), (0x40, 16_000_000), None):
        monkeypatch.setattr(machine, "_adjtimex", lambda told=told: told)
        levels += [one.level for one in machine.clock()]
    assert levels == ["ok", "warning", "ok"]


def test_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Room, kind, speed; the folder need not be there yet and is not made."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(GIB, GIB, 10 << 20))
    monkeypatch.setattr(machine, "_file_system", lambda _: "nfs4")
    monkeypatch.setattr(machine, "_sync_ms", lambda _: 80.0)
    found = list(machine.disk(tmp_path / "state" / "deep"))
    assert [one.level for one in found] == ["failure", "warning", "warning"]
    assert "10 MiB free" in found[0].text
    assert "nfs4" in found[1].text
    assert not (tmp_path / "state").exists()


def test_a_port_in_use() -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (found,) = machine.port("metrics", port)
        assert found.level == "warning"
        assert f"127.0.0.1:{port} cannot be opened: Address already in use" in found.text
        (found,) = machine.port("api", port, "127.0.0.1")
        assert found.text.startswith(f"api.port: 127.0.0.1:{port} cannot be opened")
    (found,) = machine.port("metrics", port)
    assert found.level == "ok"


# --- the packages


@pytest.mark.parametrize(
    ("has", "wants", "good"),
    [
        ("0.1.0", ">=0.1,<0.2", True),
        ("0.2.0", ">=0.1,<0.2", False),
        ("0.2.0.dev1", ">=0.1,<0.2", False),
        ("3.14.3", ">=3.14.3,<4", True),
        ("3.14.2", ">=3.14.3", False),
        ("1.4.5", "~=1.4", True),
        ("2.0", "~=1.4", False),
        ("1.0", "==1.0.0", True),
        ("1.0", "", True),
    ],
)
def test_versions(has: str, wants: str, good: bool) -> None:
    assert packages.fits(has, wants) is good


def test_packages_that_are_broken_old_or_about_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken one, one for another plugin interface, one that was not compared for long, announced changes."""

    class Old:
        capabilities = Capabilities(
            order_window_ns=1, checked="2026-01-01", changes={"2026-09-20": "soon", "2027-09-20": "later"}
        )

        def __init__(self, _: object) -> None: ...

    monkeypatch.setattr(packages, "requires", lambda name: ["arbkit>=9,<10"] if name == "arbkit-old" else [])
    monkeypatch.setattr(packages, "version", lambda _: "0.1.0")
    registry = Registry()
    old = Plugin(name="old", distribution="arbkit-old", version="0.1.0", module="old")
    registry.plugins = [old, Plugin(name="x", distribution="arbkit-x", version="1", module="x", error="No module 'x'")]
    registry.exchanges, registry.home = {"old": Old}, {"old": old}
    found = list(packages.packages(registry, [], date(2026, 9, 1)))
    assert texts(found, "failure") == [
        "arbkit-old needs the plugin interface >=9,<10, installed is 0.1.0",
        "arbkit-x: No module 'x'",
    ]
    assert texts(found, "warning") == [
        "arbkit-old 0.1.0: compared with old's documentation 243 days ago",
        "old, in 19 days (2026-09-20): soon",
    ]
    assert texts(found, "ok")[-1] == "old, in 384 days (2027-09-20): later"


# --- limits


@pytest.mark.parametrize(
    ("limits", "gate", "level", "words"),
    [
        ({"max_order_notional": 600}, {"max_order_notional": 700}, "warning", "max_order_notional 600 is over"),
        ({"max_deal_notional": 900}, {}, "warning", "over limits.max_asset_notional 500"),
        ({"max_loss_day": 200}, {}, "warning", "max_loss_day 200 is over limits.max_loss_run 100"),
        ({}, {"max_order_notional": 201}, "failure", "unwind allowance (202): hedges would be refused"),
        ({}, {"price_band": "0.001"}, "failure", "unwinds would be refused"),
        ({}, {"notional_per_minute": 900}, "failure", "900 is below two legs of 500"),
        ({"max_open_deals": 0}, {}, "warning", "max_open_deals is 0: nothing is traded"),
    ],
)
def test_limits_that_contradict_each_other(
    limits: dict[str, Any], gate: dict[str, Any], level: str, words: str
) -> None:
    made = Config(
        limits=LimitsConfig(**{name: Decimal(value) for name, value in limits.items()}),
        gate=GateConfig(**{name: Decimal(value) for name, value in gate.items()}),
    )
    assert [one.level for one in setup.limits(made) if words in one.text] == [level]


def test_the_defaults_fit_together() -> None:
    assert [one.level for one in setup.limits(Config())] == ["ok"]


def test_what_paper_cannot_trade_with() -> None:
    made = Config(venues={"okx": VenueConfig()}, strategy=StrategyConfig(params={"max_notional": 900.0}))
    assert [one.level for one in setup.limits(made)] == ["warning", "warning"]


# --- the state


def test_the_state_of_earlier_runs(tmp_path: Path) -> None:
    """A journal, a damaged one, one in use; a kill file; a history that is whole and one that is not."""
    root = tmp_path / "state"
    assert texts(state.state(root)) == [f"{root}: nothing yet; the first run makes it"]
    folder = StateFolder(root, "live")
    journal = open_journal(folder, Clock())[0]
    for at_ns in (1, 2, 3):
        journal.append(encode(DayBegan(at_ns=at_ns, asset="USDT", marked=Decimal(0))))
    journal.close()
    found = list(state.state(root))
    assert texts(found)[0] == f"{root}/live: a run is at work (process {os.getpid()}); arbkit status asks it"
    folder.close()
    assert [one.level for one in state.state(root)] == ["ok"]
    (root / "live" / "kill").touch()
    with closing(sqlite3.connect(root / "live" / "history.db")) as base:
        base.execute("CREATE TABLE t (a)")
    found = list(state.state(root))
    assert [one.level for one in found] == ["warning", "ok", "ok"]
    (root / "live" / "history.db").write_bytes(b"no database at all" * 100)
    data = bytearray(folder.journal.read_bytes())
    data[len(data) // 2] ^= 1
    folder.journal.write_bytes(bytes(data))
    found = list(state.state(root))
    assert [one.level for one in found] == ["warning", "failure", "warning"], found
    assert "move the file away" in found[1].remedy
    assert "arbkit journal rebuild" in found[2].remedy
    assert folder.journal.read_bytes() == bytes(data)


def test_a_state_folder_with_odd_files_is_told(tmp_path: Path) -> None:
    """No folder at all; a lock that is a pipe or not text; a name that means something in a URI."""
    (tmp_path / "file").touch()
    (found,) = state.state(tmp_path / "file")
    assert (found.level, found.text) == ("failure", f"{tmp_path}/file is no folder")
    root = tmp_path / "a?mode=rwc#b%41"
    (root / "paper").mkdir(parents=True, mode=0o700)
    with closing(sqlite3.connect(root / "paper" / "history.db")) as base:
        base.execute("CREATE TABLE t (a)")
    os.mkfifo(root / "paper" / "lock")
    assert [one.text.partition(": ")[2][:5] for one in state.state(root)] == ["whole"]
    assert not (tmp_path / "a").exists()
    (root / "paper" / "lock").unlink()
    with (root / "paper" / "lock").open("wb") as file:
        file.write(b"\xff\x1b[2J")
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        assert "a run is at work" in next(iter(state.state(root))).text


@pytest.mark.parametrize(
    ("why", "words"),
    [
        ("api.binance.com:443: HTTP 451", "does not serve the place"),
        ("api.x.com:443: HTTP 403", "refuses this address"),
        ("the handshake was refused with 407 Proxy: a proxy", "connect directly"),
        ("api.x.com:443: name not found", "/etc/resolv.conf"),
        ("api.x.com:443: TLS certificate refused: self-signed certificate", "ca_file"),
        ("api.x.com:443: TLS failed: WRONG_VERSION_NUMBER", "breaks TLS"),
        ("127.0.0.1:40745: no connection: Connection refused", "nothing listens there"),
        ("the handshake was refused with 451 Unavailable: {}", "does not serve the place"),
        ("api.x.com:443: no answer in time", "firewall"),
        ("something else", "look at the network"),
    ],
)
def test_what_to_do_about_a_connection(why: str, words: str) -> None:
    assert words in remedy(why)


def test_a_run_whose_port_is_in_use_ends_with_one_line(
    arbkit: Run, config: Callable[..., None], tmp_path: Path
) -> None:
    """Exit 2, and the port is named; ``arbkit doctor`` has warned of it."""
    config()
    with (tmp_path / "arbkit.toml").open("a") as file:
        file.write('\n[strategy]\ntarget = "spread"\nparams = { symbols = ["BTC-USDT"] }\n')
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, said = arbkit("run", "--metrics-port", port, "--state", str(tmp_path / "state"))
        assert (code, said.splitlines()[-1]) == (
            2,
            f"arbkit: metrics.port: 127.0.0.1:{port} cannot be opened: Address already in use",
        ), said
        assert "Traceback" not in said
