"""The database of a run: what the journal and the diary say is in it, whatever happens to the process, disk or file."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from arbkit import SpreadArb
from arbkit.core.errors import ConfigError
from arbkit.core.money.limits import LimitsConfig
from arbkit.core.orders.carried import Carried
from arbkit.core.orders.journal import encode
from arbkit.core.orders.records import DealOpened
from arbkit.core.runtime.clock import Clock
from arbkit.core.runtime.journal_file import JournalFile, past_files
from arbkit.history import read, rebuild, schema, writer
from arbkit.history.diary import Ended, Marked, Owned, Told
from arbkit.history.schema import open_to_read, open_to_write
from arbkit.history.views import Span
from arbkit.history.writer import History
from arbkit.plugins import registry as plugins
from arbkit.sim.faults import Fault
from arbkit.testing.simulated import simulate

S = 1_000_000_000
T0 = 1_780_000_000 * S


@pytest.fixture
def told() -> list[tuple[str, dict[str, Any]]]:
    return []


@pytest.fixture
def begin(folder: Path, told: list[tuple[str, dict[str, Any]]]) -> Callable[[], History]:
    """A history thread on the folder; what it logs goes to ``told``."""
    size = (folder / "journal").stat().st_size if (folder / "journal").exists() else 0
    return lambda: History(folder, size, lambda event, /, **fields: told.append((event, fields)))


@contextmanager
def journal(folder: Path) -> Iterator[JournalFile]:
    file = JournalFile(folder / "journal", Clock(), Carried())
    try:
        yield file
    finally:
        file.close()


def until(done: Callable[[], bool], seconds: float = 60.0) -> None:
    """The bound only catches what hangs."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.005)):
        if done():
            return
        pause.wait(0.005)
    pytest.fail("it did not happen")


def there(folder: Path) -> list[Any]:
    """Its deals; none while the database is being made."""
    try:
        return read_all(folder)
    except ConfigError:
        return []


def read_all(folder: Path, span: Span | None = None) -> list[Any]:
    with read.open_history(folder) as history:
        return read.deals(history, span or Span())


def fresh(folder: Path) -> dict[str, str]:
    """The contents of a database that is made anew."""
    rebuild.rebuild(folder, into=folder / "made")
    with closing(open_to_read(folder / "made")) as database:
        return rebuild.contents(database)


def present(folder: Path) -> dict[str, str]:
    with closing(open_to_read(folder / "history.db")) as database:
        return rebuild.contents(database)


def test_what_the_journal_says_is_in_the_database(folder: Path, writes: Any, begin: Callable[[], History]) -> None:
    """Deals, orders and fills with their amounts, to the last digit; one deal is open."""
    with journal(folder) as file:
        file.append(writes.start())
        for count in range(20):
            file.append(writes.whole(T0 + count * S))
        file.append(writes.opened(T0 + 20 * S))
        begin().close()
    with read.open_history(folder) as history:
        (run,) = read.runs(history)
        assert (run.mode, run.accounts, run.ended_ns) == ("live", {"v:main": "prod", "w:main": "prod"}, None)
        *ended, last = read.deals(history, Span())
        assert [deal.id for deal in ended] == list(range(1, 21))
        assert {deal.realised for deal in ended} == {Decimal("0.1")}
        assert {deal.expected for deal in ended} == {Decimal("0.05")}
        assert (last.outcome, last.realised, last.closed_ns) == (None, None, None)
        assert ended[0].instruments == ["v:BTC-USDT", "w:BTC-USDT"]
        bought, sold = read.orders(history, Span(), deal=3)
        assert (bought.side, bought.paid, bought.fees) == ("buy", Decimal("600.03"), (("USDT", Decimal("0.1")),))
        assert (sold.side, sold.paid, sold.status) == ("sell", Decimal("600.33"), "filled")
        assert len(read.fills(history, Span())) == 40
        (total,) = read.deal_sums(history, Span())
        assert (total.deals, total.realised, total.unvalued) == (21, Decimal(2), 1)
        (day,) = read.gains(history, Span())
        assert (day.deals, day.realised) == (20, Decimal(2))


def test_windows(folder: Path, writes: Any, begin: Callable[[], History]) -> None:
    """Since, until, symbol, venue and limit, also together."""
    with journal(folder) as file:
        file.append(writes.start() + b"".join(writes.whole(T0 + count * S) for count in range(10)))
        begin().close()
    assert [deal.id for deal in read_all(folder, Span(since_ns=T0 + 3 * S, until_ns=T0 + 5 * S))] == [4, 5]
    assert [deal.id for deal in read_all(folder, Span(limit=2))] == [9, 10]
    assert len(read_all(folder, Span(venue="v", symbol="BTC-USDT"))) == 10
    assert read_all(folder, Span(venue="v", symbol="BTC-USD")) == []
    assert read_all(folder, Span(venue="x")) == []
    with read.open_history(folder) as history:
        assert len(read.orders(history, Span(venue="w"))) == 10
        assert len(read.fills(history, Span(venue="w", limit=3))) == 3


def test_a_late_fill_opens_a_deal_again(folder: Path, writes: Any, begin: Callable[[], History]) -> None:
    """Its parts are worked out anew when it is over."""
    with journal(folder) as file:
        file.append(writes.start() + writes.whole(T0))
        file.append(encode(DealOpened(at_ns=T0 + S, deal=1, strategy="s", instruments=["v:BTC-USDT", "w:BTC-USDT"])))
        history = begin()
        until(lambda: [one.closed_ns for one in there(folder)] == [None])
        file.append(writes.closed(T0 + 2 * S))
        history.close()
    (deal,) = read_all(folder)
    assert (deal.closed_ns, deal.expected, deal.realised) == (T0 + 2 * S, Decimal("0.05"), Decimal("0.1"))


def test_the_diary(folder: Path, writes: Any, begin: Callable[[], History]) -> None:
    """Alarms, balances, marks and the end of the run are read back, and are in a database that is made anew."""
    with journal(folder) as file:
        file.append(writes.start() + writes.whole(T0))
        history = begin()
        history.tell(Told(at_ns=T0 + S, event="alarm.deal_held", fields={"deal": 1, "pair": "v:A-B+w:A-B"}))
        history.tell(Told(at_ns=T0 + S, event="venue.waiting", fields={"venue": "v", "why": "no connection"}))
        history.tell(Told(at_ns=T0 + S, event="pairs.idle", fields={"pairs": {"v:A-B>w:A-B": "edge: too small"}}))
        for day, amount in enumerate(("10", "11.5")):
            at_ns = T0 + day * 86_400 * S
            history.tell(Owned(at_ns=at_ns, account="v:main", totals={"USDT": Decimal(amount)}))
            history.tell(Marked(at_ns=at_ns, asset="USDT", gain=Decimal(amount), run=None))
        history.tell(Ended(at_ns=T0 + 9 * S, run_ns=T0, ending="idle", exit=0))
        history.close()
    with read.open_history(folder) as history_of:
        assert [alarm.event for alarm in read.alarms(history_of, Span())] == ["alarm.deal_held"]
        assert read.alarms(history_of, Span(venue="x")) == []
        assert len(read.alarms(history_of, Span(venue="w", symbol="A-B"))) == 1
        (row,) = read.balances(history_of, Span(since_ns=T0 + S))
        assert (row.total, row.before) == (Decimal("11.5"), Decimal(10))
        assert [day.change for day in read.gains(history_of, Span())] == [None, Decimal("1.5")]
        assert [one.name for one in read.reasons(history_of, Span())] == ["v", "v:A-B>w:A-B"]
        assert read.runs(history_of)[0].ending == "idle"
    assert fresh(folder) == present(folder)


@contextmanager
def standing_still(database: Path) -> Iterator[None]:
    """Nobody writes the database while its files are copied one after the other: a crash leaves them of one moment."""
    until(database.exists)
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def test_a_killed_process_loses_nothing(folder: Path, writes: Any, begin: Callable[[], History]) -> None:
    """At each moment the files are copied as a crash leaves them, also in the middle of a piece and with a torn last
    record: the next run has all that the journal has, once."""
    with journal(folder) as file:
        file.append(writes.start())
        history = begin()
        copies = []
        for moment in range(6):
            for count in range(20):
                file.append(writes.whole(T0 + (20 * moment + count) * S))
            if moment % 2:
                threading.Event().wait(0.01 * moment)
            copy = folder.parent / f"copy{moment}"
            with standing_still(folder / "history.db"):
                shutil.copytree(folder, copy)
            copies.append((copy, writes.number))
        history.close()
    for copy, deals in copies:
        with open(copy / "journal", "ab") as torn:
            torn.write(b"\x02\x50\0\0\0torn")
        again = History(copy, (copy / "journal").stat().st_size, lambda event, /, **fields: pytest.fail(event))
        again.close()
        assert [deal.id for deal in read_all(copy)] == list(range(1, deals + 1))
        assert fresh(copy) == present(copy)


def test_rebuild_is_equal_also_of_what_the_journal_dropped(
    folder: Path, writes: Any, begin: Callable[[], History], renew: Callable[..., None]
) -> None:
    """The journal is made anew under the run several times; its old files are packed; the history has all of it, and
    one that is made anew is the same."""
    with journal(folder) as file:
        file.append(writes.start())
        history = begin()
        for count in range(600):
            file.append(writes.opened(T0 + count * S))
            if count % 120 == 60:
                renew(file, writes.closed(T0 + count * S))
            else:
                file.append(writes.closed(T0 + count * S))
        history.close()
    assert [path.name for _, path in past_files(folder / "journal")] == [f"journal.{n:06d}.gz" for n in range(5)]
    assert [deal.id for deal in read_all(folder)] == list(range(1, 601))
    assert {deal.realised for deal in read_all(folder)} == {Decimal("0.1")}
    before = present(folder)
    done = rebuild.rebuild(folder)
    assert (done.deals, done.orders, done.fills, done.problems) == (600, 1200, 1200, [])
    assert present(folder) == before


def test_the_comparison_sees_a_difference(folder: Path, writes: Any, begin: Callable[[], History]) -> None:
    """One digit of one fill."""
    with journal(folder) as file:
        file.append(writes.start() + writes.whole(T0))
        begin().close()
    with closing(sqlite3.connect(folder / "history.db")) as database:
        database.execute("UPDATE fills SET px = '60001.00000001' WHERE px = '60001'")
        database.commit()
    different = {table for table, digest in present(folder).items() if digest != fresh(folder)[table]}
    assert different == {"fills"}


# --- trouble


@pytest.mark.parametrize("how", ["text", "cut", "bytes"])
def test_a_damaged_database_is_made_anew(
    folder: Path, writes: Any, begin: Callable[[], History], told: list[Any], how: str
) -> None:
    """By the next run, which tells it and keeps the damaged file; a reader says what to do."""
    with journal(folder) as file:
        file.append(writes.start() + b"".join(writes.whole(T0 + count * S) for count in range(200)))
        begin().close()
    path = folder / "history.db"
    data = bytearray(path.read_bytes())
    if how == "text":
        data[:] = b"this is no database at all" * 100
    elif how == "cut":
        del data[len(data) // 2 :]
    else:
        data[100:8192] = b"\xff" * 8092
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=r"(?s)history\.db .*arbkit journal rebuild"):
        read_all(folder)
    with journal(folder) as file:
        file.append(writes.whole(T0 + 300 * S))
        history = begin()
        until(lambda: "history.anew" in {event for event, _ in told})
        until(lambda: path.exists() and "alarm.history" not in {event for event, _ in told})
        history.close()
    History(folder, (folder / "journal").stat().st_size, lambda event, /, **fields: None).close()
    assert [deal.id for deal in read_all(folder)] == list(range(1, 202))
    assert (folder / "history.db.damaged").exists()


def test_a_locked_database_costs_only_time(
    folder: Path, writes: Any, begin: Callable[[], History], told: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program holds it: it is told once, and goes on when it is free."""
    monkeypatch.setattr(schema, "_BUSY_S", 0.05)
    monkeypatch.setattr(writer, "RETRY_S", 0.02)
    with journal(folder) as file:
        file.append(writes.start() + writes.whole(T0))
        begin().close()
        with closing(sqlite3.connect(folder / "history.db", isolation_level=None)) as holder:
            holder.execute("BEGIN EXCLUSIVE")
            file.append(writes.whole(T0 + S))
            history = begin()
            until(lambda: bool(told))
            threading.Event().wait(0.2)
            assert [event for event, _ in told] == ["alarm.history"]
            assert "is locked by another program" in told[0][1]["why"]
        until(lambda: told[-1][0] == "history.back")
        history.close()
    assert len(read_all(folder)) == 2


def test_a_full_disk_costs_only_time(
    folder: Path, writes: Any, begin: Callable[[], History], told: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither rows nor entries of the diary are lost."""
    monkeypatch.setattr(writer, "RETRY_S", 0.02)
    full = [True]
    real_write, real_open = os.write, writer.open_to_write

    def limited(path: Path) -> sqlite3.Connection:
        database = real_open(path)
        if full[0]:
            pages = database.execute("PRAGMA page_count").fetchone()[0]
            database.execute(f"PRAGMA max_page_count = {pages}")
        return database

    def write(handle: int, data: bytes) -> int:
        if full[0] and b'"type":"owned"' in data:
            return real_write(handle, data[:10])
        return real_write(handle, data)

    monkeypatch.setattr(writer, "open_to_write", limited)
    monkeypatch.setattr(os, "write", write)
    with journal(folder) as file:
        file.append(writes.start() + b"".join(writes.whole(T0 + count * S) for count in range(100)))
        history = begin()
        until(lambda: bool(told))
        assert "full" in told[0][1]["why"]
        history.tell(Owned(at_ns=T0, account="v:main", totals={"USDT": Decimal(1)}))
        threading.Event().wait(0.1)
        full[0] = False
        until(lambda: told[-1][0] == "history.back")
        history.close()
    assert len(read_all(folder)) == 100
    with read.open_history(folder) as history_of:
        assert [row.total for row in read.balances(history_of, Span())] == [Decimal(1)]


def test_an_older_database_goes_through_the_steps(folder: Path, writes: Any, begin: Callable[[], History]) -> None:
    """One that has only the first step's tables: its rows stay, and the others come."""
    path = folder / "history.db"
    with closing(open_to_write(path, steps=schema.STEPS[:1])) as old:
        old.execute("INSERT INTO runs (at_ns, mode, code, accounts) VALUES (5, 'live', '0', '{}')")
    with pytest.raises(ConfigError, match="written by an older arbkit"):
        read_all(folder)
    with journal(folder) as file:
        file.append(writes.start() + writes.whole(T0))
        begin().close()
    with read.open_history(folder) as history:
        assert [run.at_ns for run in read.runs(history)] == [5, T0]
        assert len(read.deals(history, Span())) == 1


def test_a_newer_database_is_left_alone(
    folder: Path, writes: Any, begin: Callable[[], History], told: list[Any]
) -> None:
    path = folder / "history.db"
    with closing(open_to_write(path)) as newer:
        newer.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    data = path.read_bytes()
    with pytest.raises(ConfigError, match="written by a newer arbkit"):
        read_all(folder)
    with journal(folder) as file:
        file.append(writes.start())
        history = begin()
        until(lambda: bool(told))
        history.close()
    assert "newer arbkit" in told[0][1]["why"]
    assert path.read_bytes() == data


def test_reading_changes_nothing(folder: Path, writes: Any, begin: Callable[[], History]) -> None:
    """Of a stopped desk, of a killed one and in a folder that may not be written: no file is made, none is changed."""

    def files(place: Path) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in place.iterdir()}

    with journal(folder) as file:
        file.append(writes.start() + b"".join(writes.whole(T0 + count * S) for count in range(10)))
        history = begin()
        until(lambda: len(there(folder)) == 10)
        killed = folder.parent / "killed"
        shutil.copytree(folder, killed)
        history.close()
    for place in (folder, killed):
        before = files(place)
        assert len(read_all(place)) == 10
        assert files(place) == before


def test_a_rebuild_does_not_drop_what_the_journal_has_no_more(
    folder: Path, writes: Any, begin: Callable[[], History]
) -> None:
    """The files of the past were removed for room: only ``force`` makes a shorter history."""
    with journal(folder) as file:
        file.append(writes.start() + writes.whole(T0))
        begin().close()
    (folder / "journal").unlink()
    with journal(folder) as file:
        file.append(writes.start(T0 + 900 * S))
    with pytest.raises(ConfigError, match="has 1 runs that the journal has no more"):
        rebuild.rebuild(folder)
    assert len(read_all(folder)) == 1
    rebuild.rebuild(folder, force=True)
    assert read_all(folder) == []


# --- a whole desk


def test_the_history_is_what_the_venues_say(folder: Path) -> None:
    """A desk on two simulated venues, with fills cut short and acknowledgements lost. Every balance at
    the venues is the first one plus what the fills of the history moved, exactly; the orders of the history are those
    that the venues have; what the deals realised is what the desk's ledger gained."""
    registry = plugins.load(dialects=True)
    run = simulate(
        SpreadArb(symbols=("BTC-USDT", "ETH-USDT"), min_edge=0.0003, max_notional=150.0),
        {registry.exchange(name): registry.dialect(name) for name in ("binance", "okx")},
        seed=5,
        edge_every_s=1.0,
        faults=[
            Fault(kind="partial", every_s=5.0, count=0, fraction=0.4),
            Fault(kind="lose_ack", at_s=10.0, count=2),
        ],
        limits=LimitsConfig(max_deals_per_minute=600, cooldown_ns=0, max_broken=100),
    )
    first = run.world.ledger()
    run.run_for(40)
    assert run.stop()
    with journal(folder) as file:
        file.append(b"".join(run.records))
    assert rebuild.rebuild(folder).problems == []
    with read.open_history(folder) as history:
        fills, orders = read.fills(history, Span()), read.orders(history, Span())
        deals = read.deals(history, Span())
    moved: dict[tuple[str, str], Decimal] = {}
    for fill in fills:
        venue, _, symbol = fill.instrument.partition(":")
        base, _, quote = symbol.partition("-")
        sign = 1 if fill.side == "buy" else -1
        for asset, amount in ((base, sign * fill.qty), (quote, -sign * fill.qty * fill.px)):
            moved[venue, asset] = moved.get((venue, asset), Decimal(0)) + amount
        for asset, fee in fill.fees:
            moved[venue, asset] = moved.get((venue, asset), Decimal(0)) - fee
    last = run.world.ledger()
    for venue in ("binance", "okx"):
        for asset, row in last[venue]["accounts"]["main"].items():
            began = first[venue]["accounts"]["main"][asset]
            change = sum((Decimal(row[part]) - Decimal(began[part]) for part in ("free", "locked")), Decimal(0))
            assert moved.get((venue, asset), Decimal(0)) == change, (venue, asset)
    theirs = {order["cl_ord_id"] for venue in run.world.orders().values() for order in venue}
    assert theirs <= {order.cl_ord_id for order in orders}
    outcomes = {deal.outcome for deal in deals}
    assert "hedged" in outcomes
    assert len(outcomes) > 1
    assert all(deal.closed_ns is not None for deal in deals)
    gained = run.desk.ledger.marked(run.desk.prices.last, "USDT")
    assert gained is not None
    assert abs(sum(deal.realised or 0 for deal in deals) - gained) < Decimal("0.05")
    for deal in deals:
        assert deal.realised is not None
        assert deal.expected is not None
        parts = (deal.slippage, deal.fees, deal.latency, deal.unwind, deal.leftovers)
        assert sum(part or Decimal(0) for part in parts) == deal.realised - deal.expected
