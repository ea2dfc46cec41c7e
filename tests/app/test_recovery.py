"""What a run takes over from the journals of earlier runs, on the disk."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec
import pytest

from arbkit.app.plan import RunPlan, VenuePlan
from arbkit.app.recovery import open_journal, recover
from arbkit.core.errors import ConfigError
from arbkit.core.orders.carried import Left
from arbkit.core.orders.ids import IntentIds, format_cl_ord_id, parse_cl_ord_id
from arbkit.core.orders.journal import decode, encode
from arbkit.core.orders.records import DealOpened, Intent, StrategyState
from arbkit.core.runtime import journal_file
from arbkit.core.runtime.clock import Clock
from arbkit.core.runtime.journal_file import JournalFile, StateFolder
from arbkit.core.types import NewOrder, Side, Tif

S = 1_000_000_000
T0 = 1_780_000_000 * S


def plan(environment: str = "prod", venues: tuple[str, ...] = ("v", "w"), paper: bool = False) -> RunPlan:
    balances = {"USDT": Decimal(1000)} if paper else None
    return RunPlan(
        venues=[
            VenuePlan(venue=name, account=f"{name}:main", environment=environment, balances=balances) for name in venues
        ],
        target="spread",
    )


def begin(root: Path, plan: RunPlan, now_ns: int = T0, mode: str = "live") -> tuple[RunPlan, Left, JournalFile]:
    """What the start of a run does; the run is then killed: nothing is closed but the lock, by the system."""
    folder = StateFolder(root, mode)
    try:
        journal, carried = open_journal(folder, Clock(wall=lambda: now_ns))
        made, left = recover(plan, journal, carried, now_ns)
    finally:
        folder.close()
    return made, left, journal


def order(deal: int, number: int, venue: str = "v") -> NewOrder:
    return NewOrder(
        account=f"{venue}:main",
        instrument=f"{venue}:BTC-USDT",
        cl_ord_id=format_cl_ord_id(number),
        side=Side.BUY,
        qty=Decimal("0.01"),
        px=Decimal(60000),
        tif=Tif.IOC,
        deal=deal,
    )


def leave_open(journal: JournalFile, deal: int, *orders: NewOrder) -> None:
    """A deal with orders and no end of anything."""
    instruments = [one.instrument for one in orders]
    data = encode(DealOpened(at_ns=1, deal=deal, strategy="s", instruments=instruments))
    for one in orders:
        data += encode(Intent(at_ns=1, order=one, channel="trade", link="x.trade"))
    journal.append(data)


def sent(plan: RunPlan) -> list[str]:
    return [intent.order.cl_ord_id for intent in plan.unresolved]


def test_a_killed_run_is_taken_over(tmp_path: Path) -> None:
    """Its orders and its deal go to the next run; testnet and production do not see each other's, nor does another mix
    of venues that has none of its accounts."""
    first, _, journal = begin(tmp_path, plan())
    ids = IntentIds(first.block, first=first.first)
    mine = [order(5, ids.next(), "v"), order(5, ids.next(), "w")]
    leave_open(journal, 5, *mine)
    testnet, told, journal = begin(tmp_path, plan("testnet"), T0 + 60 * S)
    assert (sent(testnet), testnet.interrupted) == ([], [])
    assert told.elsewhere == ["deal 5 (v:BTC-USDT+w:BTC-USDT) on v:main (prod), w:main (prod)"]
    leave_open(journal, 6, order(6, testnet.block << 32), order(6, (testnet.block << 32) + 1, "w"))
    others, _, _ = begin(tmp_path, plan(venues=("x", "y")), T0 + 61 * S)
    assert sent(others) == []
    again, told, _ = begin(tmp_path, plan(), T0 + 120 * S)
    assert sent(again) == [one.cl_ord_id for one in mine]
    assert [deal.deal.deal for deal in again.interrupted] == [5]
    assert len(told.elsewhere) == 1
    with pytest.raises(ConfigError, match="deal 5"):
        begin(tmp_path, plan(venues=("v", "x")), T0 + 121 * S)


def test_paper_needs_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    """A killed paper run leaves nothing to the next one, in whatever environment and with whatever venues."""
    first, _, journal = begin(tmp_path, plan(paper=True), mode="paper")
    leave_open(journal, 5, order(5, first.block << 32), order(5, (first.block << 32) + 1, "w"))
    again, told, _ = begin(tmp_path, plan("testnet", venues=("v", "x"), paper=True), T0 + S, mode="paper")
    assert (sent(again), again.interrupted, told.elsewhere) == ([], (), ())
    live, _, _ = begin(tmp_path, plan("testnet"), T0 + S)
    assert sent(live) == []


def test_a_lost_folder_repeats_no_id(tmp_path: Path) -> None:
    """A new disk at every start, also several in one second, while each run sends 100,000 orders a second: no number
    comes twice, and they rise."""
    last = 0
    for start, now_ns in enumerate(T0 + step * S // 5 for step in range(40)):
        made, _, _ = begin(tmp_path / str(start), plan(), now_ns)
        ids = IntentIds(made.block, first=made.first)
        first = ids.next()
        assert first > last
        last = first + 20_000


def test_a_folder_that_is_there_repeats_no_id_although_the_clock_went_back(tmp_path: Path) -> None:
    """The journal outweighs the clock."""
    blocks = [begin(tmp_path, plan(), now_ns)[0].block for now_ns in (T0, T0 - 3600 * S, T0 - 3600 * S, T0 + S)]
    assert blocks == sorted(set(blocks))


def old_record(fields: Mapping[str, Any]) -> bytes:
    """A record as the version before wrote it."""
    body = msgspec.msgpack.encode(fields)
    start = struct.pack("<BI", 1, len(body))
    return start + struct.pack("<I", crc32(body, crc32(start))) + body


def old_journal(environment: str, deal: int) -> bytes:
    """A journal of the version before, of a run that was killed."""
    data = b""
    for venue in ("v", "w"):
        run = {"type": "run", "at_ns": 1, "mode": "live", "account": f"{venue}:main", "environment": environment}
        data += old_record(run | {"code": "0.0"})
        data += old_record({"type": "block", "at_ns": 1, "account": f"{venue}:main", "block": deal})
    pair = ["v:BTC-USDT", "w:BTC-USDT"]
    data += old_record({"type": "deal", "at_ns": 2, "deal": deal, "strategy": "s", "instruments": pair})
    for number, venue in enumerate(("v", "w")):
        sent = msgspec.to_builtins(order(deal, (deal << 32) + number, venue))
        link = f"{venue}.main.trade"
        data += old_record({"type": "intent", "at_ns": 3, "order": sent, "channel": "trade", "link": link})
    return data


def test_journals_of_the_version_before_are_taken_over(tmp_path: Path) -> None:
    """One for each set of environments, one with a torn tail: what is open in them is found, once, and the version
    before does not begin its ids anew there: it refuses what it finds."""
    files = {}
    for environment, deal in (("prod", 5), ("testnet", 7)):
        files[environment] = tmp_path / "live" / environment / "journal"
        files[environment].parent.mkdir(parents=True)
        files[environment].touch(0o600)
        files[environment].write_bytes(old_journal(environment, deal) + b"\1\2\3")
    made, told, journal = begin(tmp_path, plan())
    assert [parse_cl_ord_id(one) for one in sent(made)] == [5 << 32, (5 << 32) + 1]
    assert [deal.deal.deal for deal in made.interrupted] == [5]
    assert len(told.elsewhere) == 1
    assert journal.read()[0] == 2
    for file in files.values():
        assert file.read_bytes()[0] == 2
        assert len(decode(file.read_bytes()).records) == 1
    size = journal.size
    again, _, journal = begin(tmp_path, plan("testnet"), T0 + S)
    assert [deal.deal.deal for deal in again.interrupted] == [7]
    assert journal.size > size  # the history stays where nothing is to be taken over


def test_a_journal_that_has_grown_is_made_anew_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is open is kept."""
    made, _, journal = begin(tmp_path, plan())
    leave_open(journal, 5, order(5, made.block << 32), order(5, (made.block << 32) + 1, "w"))
    monkeypatch.setattr(journal_file, "FRESH_AT", 10)
    monkeypatch.setattr("arbkit.app.recovery.FRESH_AT", 10)
    for count in range(20):
        again, _, journal = begin(tmp_path, plan(), T0 + count * S)
        assert len(sent(again)) == 2
        assert journal.size < 2500


def test_a_journal_that_cannot_be_made_anew_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk without room: what, where, why. The old journal stays."""
    file = tmp_path / "live" / "prod" / "journal"
    file.parent.mkdir(parents=True)
    file.touch(0o600)
    file.write_bytes(old_journal("prod", 5))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ConfigError, match=r"live/journal cannot be made anew: No space left"):
        begin(tmp_path, plan())
    assert file.read_bytes() == old_journal("prod", 5)


@pytest.mark.parametrize("place", ["prod/journal", "journal"])
def test_a_damaged_journal_is_named(tmp_path: Path, place: str) -> None:
    """Of this version or the one before."""
    file = tmp_path / "live" / place
    file.parent.mkdir(parents=True)
    data = bytearray(old_journal("prod", 5))
    data[40] ^= 1
    file.touch(0o600)
    file.write_bytes(data)
    with pytest.raises(ConfigError, match=f"the journal .*live/{place} is damaged"):
        begin(tmp_path, plan())
    assert file.read_bytes() == data


@pytest.mark.parametrize("paper", [False, True], ids=["live", "paper"])
def test_a_strategy_finds_what_it_saved(tmp_path: Path, paper: bool) -> None:
    """By its name and in the same environment, also in a fresh file and on paper. Another strategy finds nothing."""
    mode = "paper" if paper else "live"
    _, _, journal = begin(tmp_path, plan(paper=paper), mode=mode)
    journal.append(encode(StrategyState(at_ns=T0, strategy="spread", state=b"first")))
    journal.append(encode(StrategyState(at_ns=T0, strategy="spread", state=b"second")))
    journal.renew()
    journal.close()
    for at, (one, state) in enumerate(
        [
            (plan(paper=paper), b"second"),
            (msgspec.structs.replace(plan(paper=paper), target="mine.py:Other"), b""),
            (plan("testnet", paper=paper), b""),
            (msgspec.structs.replace(plan(paper=paper), target="mine:spread"), b"second"),
        ]
    ):
        made, _, journal = begin(tmp_path, one, T0 + at * S, mode=mode)
        journal.close()
        assert made.state == state, one.target
