"""The commands that read the history, as a user meets them: formats, filters, mistakes, exit codes."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from arbkit import cli
from arbkit.core.orders.carried import Carried
from arbkit.core.orders.journal import encode
from arbkit.core.orders.records import DealClosed, DealOpened, RunStart
from arbkit.core.runtime.clock import Clock
from arbkit.core.runtime.journal_file import JournalFile, StateFolder
from arbkit.history import schema
from arbkit.history.diary import Owned, Told
from arbkit.history.writer import History

S = 1_000_000_000
T0 = 1_780_000_000 * S
Run = Callable[..., tuple[int, str, str]]
LISTS = ("deals", "orders", "fills", "balances", "pnl", "alarms")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """``run("deals", "--json")`` in a folder with a configuration: code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "arbkit.toml"
    config.write_text('state.folder = "state"\n')
    config.chmod(0o644)

    def called(*args: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = cli._run(list(args))
        told = capsys.readouterr()
        return code, told.out, told.err

    return called


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A live state with 120 deals of two days on venues with long names, and an alarm."""
    folder = tmp_path / "state" / "live"
    folder.mkdir(parents=True, mode=0o700)
    folder.parent.chmod(0o700)
    file = JournalFile(folder / "journal", Clock(), Carried())
    file.append(encode(RunStart(at_ns=T0, mode="live", account="okx:main", environment="prod", code="1")))
    for deal in range(1, 121):
        at_ns = T0 + deal * 1_000 * S
        venues = ("okx", "binance") if deal % 2 else ("coinbase", "cryptocom")
        symbol = "BTC-USDT" if deal % 2 else "1000SATS-USDT"
        file.append(
            encode(
                DealOpened(
                    at_ns=at_ns,
                    deal=deal,
                    strategy="s",
                    instruments=[f"{venue}:{symbol}" for venue in venues],
                    asset="USDT",
                    expected=1.5,
                    fees=0.1,
                )
            )
            + encode(DealClosed(at_ns=at_ns + S, deal=deal, outcome="nothing", why="=1+1 is no formula"))
        )
    history = History(folder, 0, lambda event, /, **fields: pytest.fail(event))
    history.tell(
        Told(at_ns=T0, event="alarm.deal_naked", fields={"pair": "okx:BTC-USDT+binance:BTC-USDT", "why": "x " * 90})
    )
    history.close()
    file.close()
    return folder


def test_the_three_formats_say_the_same(run: Run, state: Path) -> None:
    """Of 120 deals a table shows the newest 50; JSON and CSV have all, with the same values."""
    code, table, told = run("deals")
    assert code == 0
    assert table.count("1000SATS-USDT") + table.count(" BTC-USDT") == 50
    assert "120 deals" in told
    assert "the newest 50 of 120 are shown" in told
    rows = json.loads(run("deals", "--json")[1])
    lines = list(csv.DictReader(run("deals", "--csv")[1].splitlines()))
    assert [row["id"] for row in rows] == [int(line["id"]) for line in lines] == list(range(1, 121))
    assert {row["expected"] for row in rows} == {line["expected"] for line in lines} == {"1.5"}
    assert {Decimal(row["latency"]) for row in rows} == {Decimal("-1.5")}
    assert lines[0]["why"] == "'=1+1 is no formula"


def test_names_are_whole_and_lines_fit(run: Run, state: Path) -> None:
    """Long names do not make a line longer than 80 columns, and are not cut."""
    for args in (("deals",), ("deals", "--split"), ("alarms",), ("pnl",)):
        _, table, _ = run(*args)
        assert max(map(len, table.splitlines())) <= 80, table
        assert args[0] != "deals" or "1000SATS-USDT coinbase>cryptocom" in table
    assert run("alarms")[1].split().count("x") == 90


def test_filters(run: Run, state: Path) -> None:
    def ids(*args: str) -> list[int]:
        return [row["id"] for row in json.loads(run("deals", "--json", *args)[1])]

    assert ids("--venue", "okx", "--limit", "2") == [117, 119]
    assert ids("--symbol", "1000SATS-USDT", "--limit", "1") == ids("--symbol", "1000sats-usdt", "--limit", "1") == [120]
    assert ids("--venue", "okx", "--symbol", "1000SATS-USDT") == []
    assert ids("--since", "2026-05-29", "--until", "2026-05-29T00:30") == [13, 14]
    assert len(ids("--since", "2026-05-29T00:00+00:00")) == 108
    assert ids("--since", "1d") == []
    assert json.loads(run("alarms", "--json", "--venue", "kraken")[1]) == []
    assert run("deals", "last")[1].startswith("deal      120: nothing (=1+1 is no formula)")


def test_what_is_not_there_is_named(run: Run, state: Path) -> None:
    """A mistyped venue is told with the nearest one, and the number of a deal that there is not. Without ``--since``
    no balance has a change, so there is no such column."""
    assert "okex is not in this history; did you mean okx?" in run("balances", "--venue", "okex")[1]
    assert run("orders", "--deal", "77777")[1] == "no orders of a deal 77777\n"
    assert run("fills", "--deal", "77777")[1] == "no fills of a deal 77777\n"
    history = History(state, 0, lambda event, /, **fields: None)
    history.tell(Owned(at_ns=T0, account="okx:main", totals={"USDT": Decimal(7)}))
    history.close()
    assert run("balances")[1].splitlines()[0].split() == ["account", "asset", "total", "as", "of", "(UTC)"]
    assert "change" in run("balances", "--since", "2026-05-29")[1]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("deals", "--since", "gestern"), "'gestern' is no time: write 30m, 12h"),
        (("orders", "--since", "today", "--until", "2020-01-01"), "--since is not before --until"),
        (("fills", "--csv", "--json"), "choose one"),
        (("pnl", "--limit", "-1"), "-1 is not in the range"),
        (("deals", "zwei"), "'zwei' is no id of a deal"),
        (("deals", "77777"), "there is no deal 77777"),
        (("journal", "shwo"), "No such command 'shwo'"),
        (("deal",), "Did you mean 'deals'?"),
    ],
)
def test_mistakes_are_told(run: Run, state: Path, args: tuple[str, ...], words: str) -> None:
    """In words, with exit code 2."""
    code, out, err = run(*args)
    assert (code, out) == (2, "")
    assert words in err


def test_a_folder_that_is_none(run: Run, tmp_path: Path) -> None:
    """No state, a folder of somebody else's things, a journal without a history: each says what to do, and nothing is
    made there."""
    code, _, err = run("deals")
    assert (code, not (tmp_path / "state").exists()) == (2, True)
    assert "there is no such state folder" in err
    foreign = tmp_path / "photos" / "live"
    foreign.mkdir(parents=True)
    for command in (*LISTS, "journal verify", "journal rebuild", "journal show"):
        code, _, err = run(*command.split(), "--state", "photos")
        assert code == 2
        assert "holds no journal" in err
    assert list(foreign.iterdir()) == []
    (foreign / "journal").touch(0o600)
    code, _, err = run("orders", "--state", "photos")
    assert code == 2
    assert "`arbkit journal rebuild` makes it" in err


def test_a_damaged_or_locked_database(run: Run, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command says so in one line; a rebuild heals it, and everything is there again."""
    monkeypatch.setattr(schema, "_BUSY_S", 0.01)
    before = run("deals", "--json")
    path = state / "history.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("PRAGMA journal_mode = DELETE")
        holder.execute("BEGIN EXCLUSIVE")
        (state / "history.db-wal").touch()  # as beside a database in use
        code, _, err = run("deals")
        assert code == 2
        assert "is locked by another program" in err
        assert len(err.splitlines()) == 1
        (state / "history.db-wal").unlink()
    path.write_bytes(b"\0" * 5000)
    for command in LISTS:
        code, _, err = run(command)
        assert code == 2
        assert "`arbkit journal rebuild` makes it" in err
        assert len(err.splitlines()) == 1
    assert run("journal", "verify")[0] == 2
    code, out, _ = run("journal", "rebuild")
    assert code == 0
    assert "120 deals" in out
    assert run("deals", "--json") == before
    code, out, _ = run("journal", "verify")
    assert code == 0, out


def test_verify_sees_a_changed_journal_and_a_changed_history(run: Run, state: Path) -> None:
    with closing(sqlite3.connect(state / "history.db")) as database:
        database.execute("UPDATE deals SET expected = 1.6 WHERE id = 5")
        database.commit()
    code, out, _ = run("journal", "verify")
    assert code == 2
    assert "the table deals is not what the journal says" in out
    data = bytearray((state / "journal").read_bytes())
    data[len(data) // 2] ^= 1
    (state / "journal").write_bytes(data)
    code, out, _ = run("journal", "verify", "--json")
    assert code == 2
    assert any("damaged" in problem for problem in json.loads(out)["problems"])


def test_no_rebuild_under_a_run(run: Run, state: Path) -> None:
    """The folder is locked: it is told, and the history stays."""
    data = (state / "history.db").read_bytes()
    held = StateFolder(state.parent, "live")
    try:
        code, _, err = run("journal", "rebuild")
    finally:
        held.close()
    assert code == 2
    assert f"process {os.getpid()}" in err
    assert (state / "history.db").read_bytes() == data


def test_a_rebuild_on_a_full_disk_keeps_the_old_one(run: Run, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = (state / "history.db").read_bytes()
    real = sqlite3.connect

    def small(path: Any, **named: Any) -> sqlite3.Connection:
        database = real(path, **named)
        if str(path).endswith(".new"):
            database.execute("PRAGMA max_page_count = 20")
        return database

    monkeypatch.setattr(sqlite3, "connect", small)
    code, _, err = run("journal", "rebuild")
    assert code == 2
    assert "disk is full" in err
    assert (state / "history.db").read_bytes() == data
    assert sorted(path.name for path in state.iterdir()) == ["diary", "history.db", "journal", "lock"]


def test_status_of_a_stopped_desk(run: Run, state: Path) -> None:
    """What the history knows, and exit code 4 because no run answers."""
    code, out, err = run("status")
    assert code == 4
    assert out.startswith("run: live, began 2026-05-28 ")
    assert "no run answers" in err
    code, out, _ = run("status", "--json")
    assert code == 4
    assert json.loads(out)["running"] is False


def test_show_prints_each_record(run: Run, state: Path) -> None:
    code, out, _ = run("journal", "show", "--since", "2026-05-29")
    assert code == 0
    assert [line.split()[2] for line in out.splitlines()] == ["deal", "closed"] * 108
    newest = json.loads(run("journal", "show", "--json", "--limit", "1")[1])
    assert (newest["type"], newest["deal"]) == ("closed", 120)
