"""The journal's files in their order: each record once, also while the journal is made anew under the reader."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbkit.core.orders.carried import Carried
from arbkit.core.orders.journal import decode, encode
from arbkit.core.orders.records import BlockReserved, DealOpened
from arbkit.core.runtime import journal_file
from arbkit.core.runtime.clock import Clock
from arbkit.core.runtime.journal_file import JournalFile, past_files
from arbkit.history import chain as chain_file
from arbkit.history.chain import Chain, Cursor
from arbkit.history.intake import pack

S = 1_000_000_000
T0 = 1_780_000_000 * S
Renew = Callable[..., None]


def journal_of(path: Path) -> JournalFile:
    carried = Carried()
    file = JournalFile(path, Clock(), carried)
    file.scan(carried.take)
    return file


def blocks(records: list[Any]) -> list[int]:
    return [record.block for record in records if isinstance(record, BlockReserved) and record.account == "x"]


def block(number: int) -> bytes:
    """A record that no later run needs as it is."""
    return encode(BlockReserved(at_ns=number, account="x", block=number))


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(st.sampled_from(["write", "read", "renew", "late", "pack", "again"]), max_size=40))
def test_each_record_once_whatever_happens_meanwhile(
    tmp_path_factory: pytest.TempPathFactory, renew: Renew, steps: list[str]
) -> None:
    """Records are written, the journal is made anew (with records that arrive meanwhile), old files are packed, the
    reader dies and begins at its cursor: in any order, every record comes once, in order."""
    path = tmp_path_factory.mktemp("state") / "journal"
    file = journal_of(path)
    file.append(encode(DealOpened(at_ns=1, deal=7, strategy="s", instruments=["v:A-B"])))
    chain, cursor = Chain(path), Cursor()
    seen: list[Any] = []
    written = 0
    for step in [*steps, "read"]:
        if step == "write":
            written += 1
            file.append(block(written))
        elif step == "renew":
            renew(file)
        elif step == "late":
            written += 1
            renew(file, block(written))
        elif step == "again":
            chain.close()
            chain = Chain(path)
        elif step == "pack":
            for number, past in past_files(path):
                if number < cursor.file and past.suffix != ".gz":
                    pack(past)
            chain.close()
        else:
            while True:
                found, after = chain.read(cursor, 100)
                seen += [record for record, repeated in found if not repeated]
                if after == cursor:
                    break
                cursor = after
    assert blocks(seen) == list(range(1, written + 1))
    assert [record.deal for record in seen if isinstance(record, DealOpened)] == [7]
    with closing(Chain(path)) as whole:
        assert blocks(list(whole.records())) == blocks(seen)
    assert not chain.problems
    chain.close()
    file.close()


def test_what_the_journal_drops_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: Any) -> None:
    """Two thousand deals through a journal of 64 kB: its file has the last ones, the chain has all."""
    monkeypatch.setattr(journal_file, "FRESH_AT", 64 * 1024)
    path = tmp_path / "journal"
    file = journal_of(path)
    asked = threading.Event()
    file.start(lambda _: None, pytest.fail, asked.set)
    file.append(writes.start())
    for count in range(2_000):
        file.append(writes.whole(T0 + count * S))
        if asked.is_set():
            asked.clear()
            file.take_fresh()
        if count % 50 == 0:
            while file.durable < file.position:
                if asked.is_set():
                    asked.clear()
                    file.take_fresh()
                threading.Event().wait(0.0005)
    file.close()
    assert sum(isinstance(record, DealOpened) for record in decode(path.read_bytes()).records) < 1_000
    chain = Chain(path)
    assert [one.deal for one in chain.records() if isinstance(one, DealOpened)] == list(range(1, 2_001))
    assert len(chain.paths) > 4
    chain.close()


def test_a_packed_file_is_unpacked_once_however_small_the_pieces(
    tmp_path: Path, renew: Renew, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run whose history is behind catches up in pieces of some kilobytes, each from where the last record ended. A
    packed file that is to go back is unpacked from its beginning: a million deals took hours."""
    path = tmp_path / "journal"
    file = journal_of(path)
    for number in range(1, 3_001):
        file.append(block(number))
    renew(file)
    file.close()
    ((_, past),) = past_files(path)
    size = past.stat().st_size
    pack(past)
    unpacked = 0

    class Counted(gzip.GzipFile):
        def read(self, most: int | None = -1) -> bytes:
            nonlocal unpacked
            data = super().read(most)
            unpacked += len(data)
            return data

        def seek(self, offset: int, whence: int = 0) -> int:
            nonlocal unpacked
            unpacked += offset if offset < self.tell() else 0
            return super().seek(offset, whence)

    monkeypatch.setattr(chain_file.gzip, "GzipFile", Counted)
    chain = Chain(path)
    assert blocks(list(chain.records(1000))) == list(range(1, 3_001))
    assert unpacked < 1.1 * size
    chain.close()


def test_a_lost_file_of_the_past_is_told_and_costs_only_itself(tmp_path: Path, renew: Renew) -> None:
    """Somebody removed one: what is in the others is read."""
    path = tmp_path / "journal"
    file = journal_of(path)
    for number in range(1, 6):
        file.append(block(number))
        renew(file)
    file.append(block(6))
    past_files(path)[2][1].unlink()
    chain = Chain(path)
    assert blocks(list(chain.records())) == [1, 2, 4, 5, 6]
    assert "files 2 to 2 before" in chain.problems[0]
    chain.close()
    file.close()


def test_a_damaged_file_of_the_past_is_told(tmp_path: Path, renew: Renew) -> None:
    path = tmp_path / "journal"
    file = journal_of(path)
    for number in (1, 2, 3):
        file.append(block(number))
    renew(file)
    file.append(block(4))
    past = past_files(path)[0][1]
    data = bytearray(past.read_bytes())
    data[len(data) // 2] ^= 1
    past.write_bytes(data)
    chain = Chain(path)
    found = blocks(list(chain.records()))
    assert found[0] == 1
    assert found[-1] == 4
    assert len(found) < 4
    assert "journal.000000 is damaged" in chain.problems[0]
    chain.close()
    file.close()


def test_a_journal_that_was_moved_away_begins_a_new_chain(tmp_path: Path, renew: Renew) -> None:
    """What the reader had is not read again, and the new journal is."""
    path = tmp_path / "journal"
    file = journal_of(path)
    file.append(block(1))
    renew(file)
    file.append(block(2))
    chain, cursor, seen = Chain(path), Cursor(), []
    for _ in range(6):
        found, cursor = chain.read(cursor, 1 << 16)
        seen += [record for record, repeated in found if not repeated]
    file.close()
    path.rename(tmp_path / "aside")
    file = journal_of(path)
    renew(file)
    file.append(block(3))
    for _ in range(6):
        found, cursor = chain.read(cursor, 1 << 16)
        seen += [record for record, repeated in found if not repeated]
    assert blocks(seen) == [1, 2, 3]
    chain.close()
    file.close()
