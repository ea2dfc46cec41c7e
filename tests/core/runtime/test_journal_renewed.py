"""A journal that is made anew: it stays small, and at every moment there is one good file."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from arbkit.core.orders.carried import Carried
from arbkit.core.orders.ids import IntentIds, format_cl_ord_id
from arbkit.core.orders.journal import JournalStart, Recovery, decode, encode
from arbkit.core.orders.records import DealClosed, DealOpened, Intent, OrderOutcome, RunStart
from arbkit.core.runtime import journal_file
from arbkit.core.runtime.clock import Clock
from arbkit.core.runtime.journal_file import JournalFile, clear, past_files
from arbkit.core.types import NewOrder, OrdStatus, Side, Tif

IDS = IntentIds(7)
START = encode(RunStart(at_ns=1, mode="live", account="v:main", environment="prod", code="1"))


def opened(deal: int) -> bytes:
    return encode(DealOpened(at_ns=1, deal=deal, strategy="s", instruments=["v:BTC-USDT"]))


def intent(deal: int) -> tuple[str, bytes]:
    """(its id, the record)"""
    order = NewOrder(
        account="v:main",
        instrument="v:BTC-USDT",
        cl_ord_id=format_cl_ord_id(IDS.next()),
        side=Side.BUY,
        qty=Decimal("0.01"),
        px=Decimal(60000),
        tif=Tif.IOC,
        deal=deal,
    )
    return order.cl_ord_id, encode(Intent(at_ns=1, order=order, channel="trade", link="v.trade"))


def over(deal: int) -> bytes:
    """All records of a deal that is over."""
    cl_ord_id, sent = intent(deal)
    ended = OrderOutcome(
        at_ns=1, account="v:main", cl_ord_id=cl_ord_id, status=OrdStatus.FILLED, filled=Decimal("0.01")
    )
    return opened(deal) + sent + encode(ended) + encode(DealClosed(at_ns=1, deal=deal, outcome="hedged"))


def left(path: Path) -> tuple[list[str], list[int]]:
    """(unresolved client ids, deals that are open) by the file."""
    found: Recovery = decode(path.read_bytes())
    assert not found.damaged
    return [one.order.cl_ord_id for one in found.unresolved()], [deal.deal.deal for deal in found.interrupted()]


def journal_of(path: Path, fresh_at: int, monkeypatch: pytest.MonkeyPatch) -> JournalFile:
    monkeypatch.setattr(journal_file, "FRESH_AT", fresh_at)
    carried = Carried()
    file = JournalFile(path, Clock(), carried)
    file.scan(carried.take)
    return file


class Loop:
    """Carries out what the journal's thread asks for between two appends, as the event loop does."""

    def __init__(self, file: JournalFile, on_durable: Callable[[int], object] = lambda _: None) -> None:
        self.file = file
        self.asked = threading.Event()
        file.start(on_durable, pytest.fail, self.asked.set)

    def append(self, record: bytes) -> int:
        self.turn()
        return self.file.append(record)

    def turn(self) -> None:
        if self.asked.is_set():
            self.asked.clear()
            self.file.take_fresh()

    def settle(self) -> None:
        """Until the thread has come after."""
        while self.file.durable < self.file.position:
            self.turn()
            threading.Event().wait(0.0005)


def test_it_stays_small_over_many_deals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand deals, and one that stays open from the first: the file never grows far over its bound, and the open
    deal is in it at the end. Positions go on rising, and the last one is reported durable."""
    path = tmp_path / "journal"
    file = journal_of(path, 64 * 1024, monkeypatch)
    durable: list[int] = []
    loop = Loop(file, durable.append)
    loop.append(START)
    cl_ord_id, sent = intent(1)
    loop.append(opened(1) + sent)
    largest, position = 0, 0
    for deal in range(2, 10_000):
        last, position = position, loop.append(over(deal))
        assert position > last
        largest = max(largest, path.stat().st_size)
        if deal % 100 == 0:
            loop.settle()
    file.close()
    assert durable == sorted(set(durable))
    assert file.durable == position
    assert position > 4_000_000
    assert largest < 1_000_000
    assert left(path) == ([cl_ord_id], [1])
    assert sorted(os.listdir(tmp_path)) == ["journal", "past"]
    start = decode(path.read_bytes()).records[0]
    assert isinstance(start, JournalStart)
    assert [number for number, _ in past_files(path)] == list(range(start.file))


class Died(BaseException):
    """The process ends here."""


STEPS = ("open", "write", "fdatasync", "pread", "link", "replace", "close", "fsync")


@pytest.mark.parametrize("renewing", ["renew", "clear"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", range(1, 14))
def test_a_death_at_any_step_leaves_one_good_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, after: bool, renewing: str
) -> None:
    """Before or after each call to the system while a file is made anew: what is open can be read from the journal, the
    next run makes it anew all the same, and a record that was written meanwhile is in it."""
    path = tmp_path / "journal"
    carried = Carried()
    file = JournalFile(path, Clock(), carried)
    file.append(START + over(2) + opened(3))
    file.flush()
    file.scan(carried.take)
    file._known = file.position
    cl_ord_id, sent = intent(3)
    file.append(sent)  # ``carried`` has not seen it yet
    want = ([cl_ord_id], [3])
    assert left(path) == want
    calls = [0]

    def dying(real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **kwargs: object) -> object:
            calls[0] += 1
            if calls[0] == step and not after:
                raise Died
            done = real(*args, **kwargs)
            if calls[0] == step:
                raise Died
            return done

        return call

    with monkeypatch.context() as patch:
        for name in STEPS:
            patch.setattr(os, name, dying(getattr(os, name)))
        try:
            if renewing == "renew":
                file.renew()
            else:
                clear(path, 1)
        except Died:
            pass
        died = calls[0] >= step
    if renewing == "clear":  # of a journal that was taken over: it is whole or without records
        assert left(path) in (want, ([], []))
    else:
        assert left(path) == want
        again = Carried()
        second = JournalFile(path, Clock(), again)
        second.scan(again.take)
        second.renew()
        second.close()
        assert left(path) == want
        assert path.stat().st_size < file.position or not died


def test_what_is_written_while_it_is_made_anew_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records that arrive while the fresh file goes to the disk are copied into it, in order."""
    path = tmp_path / "journal"
    file = journal_of(path, 1, monkeypatch)
    file.append(START + over(1))
    file.flush()
    real = os.fdatasync
    late: list[str] = []

    def slow(fd: int) -> None:
        if not late:
            cl_ord_id, sent = intent(2)
            file.append(opened(2) + sent)
            late.append(cl_ord_id)
        real(fd)

    monkeypatch.setattr(os, "fdatasync", slow)
    assert file._carried is not None
    file.renew()
    assert left(path) == (late, [2])
    position = file.position
    assert file.append(over(3)) == position + len(over(3))
    assert file.size == path.stat().st_size
    file.close()


@pytest.mark.parametrize("step", ["write", "fdatasync", "replace"])
def test_a_file_that_cannot_be_made_anew_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """A disk without room for a second file: the old one goes on, without an alarm, and it is tried again later."""
    path = tmp_path / "journal"
    file = journal_of(path, 4096, monkeypatch)
    opens = os.open
    fresh: set[int] = set()
    tries = [0]

    def remember(target: object, *args: object, **kwargs: object) -> int:
        fd: int = opens(target, *args, **kwargs)  # type: ignore[arg-type]  # passed on as it came
        if str(target).endswith(".new"):
            tries[0] += 1
            fresh.add(fd)
        return fd

    real: Callable[..., object] = getattr(os, step)

    def full(first: object, *args: object) -> object:
        if first in fresh or str(first).endswith(".new"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(first, *args)

    monkeypatch.setattr(os, "open", remember)
    monkeypatch.setattr(os, step, full)
    loop = Loop(file)
    loop.append(START)
    for deal in range(1, 200):
        loop.append(over(deal))
        loop.settle()
    cl_ord_id, sent = intent(500)
    loop.append(opened(500) + sent)
    file.close()
    assert file.failure == ""
    assert 1 <= tries[0] < 12
    assert left(path) == ([cl_ord_id], [500])


def test_a_close_waits_for_no_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run ends while a fresh file waits to be taken: the old one stays, and the fresh one is removed."""
    path = tmp_path / "journal"
    file = journal_of(path, 1, monkeypatch)
    asked = threading.Event()
    file.start(lambda _: None, pytest.fail, asked.set)
    cl_ord_id, sent = intent(1)
    file.append(START + opened(1) + sent)
    assert asked.wait(60)
    position = file.append(over(2))
    file.close()
    assert file.durable == position == path.stat().st_size
    assert left(path) == ([cl_ord_id], [1])
    assert os.listdir(tmp_path) == ["journal"]


def test_a_full_disk_after_a_fresh_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that is cut off is undone at its place in the fresh file, not at its position since the start."""
    path = tmp_path / "journal"
    file = journal_of(path, 1, monkeypatch)
    file.append(START + over(1) + over(2))
    file.scan(file._carried.take)  # type: ignore[union-attr]  # made above
    file._known = file.position
    file.renew()
    size = path.stat().st_size
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[: len(data) // 2]))
    with pytest.raises(journal_file.JournalFailed):
        file.append(over(3))
    assert path.stat().st_size == size
    assert not decode(path.read_bytes()).torn
    file.close()
