"""A history of a million deals: how large it is, how long a rebuild takes, and how fast `arbkit deals --since 1d` is.

`make history` runs it (``DEALS=100000`` for fewer). It writes a journal as a desk leaves it: the deals of 100 days, the
last one just now, in files of 32 MB of which all but the newest are packed. Then it makes the database with the
command, times the commands, each in a process of its own, and compares it with one that is made in the small pieces of
a run's thread. It ends with 1 if `deals --since 1d` takes 0.5 s or more, if the comparison takes a minute or more, or
if anything differs.
"""

from __future__ import annotations

import argparse
import gzip
import random
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from arbkit.core.orders.ids import format_cl_ord_id
from arbkit.core.orders.journal import JournalStart, encode
from arbkit.core.orders.records import Booked, DealClosed, DealOpened, Filled, Intent, OrderOutcome, RunStart
from arbkit.core.types import NewOrder, OrdStatus, Purpose, Side, Tif
from arbkit.history.intake import Intake
from arbkit.history.rebuild import contents
from arbkit.history.schema import open_to_read, open_to_write

ARBKIT = Path(sys.executable).parent / "arbkit"
S = 1_000_000_000
DAYS = 100
FULL = 32 << 20
BOUND_S = 0.5
COMPARED_S = 60.0
TABLES = ("deals", "orders", "fills")
SYMBOLS = ("BTC-USDT", "ETH-USDT", "SOL-USDT", "XRP-USDT", "DOGE-USDT")
VENUES = ("binance", "okx", "bybit", "kraken")


class Desk:
    """Writes deals as a desk does: mostly hedged, some completed by a hedge, some with nothing filled."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._order = 1_790_000_000 << 32
        self._deal = 1_790_000_000 << 20

    def start(self, at_ns: int) -> bytes:
        return b"".join(
            encode(RunStart(at_ns=at_ns, mode="live", account=f"{venue}:main", environment="prod", code="0.1.0"))
            for venue in VENUES
        )

    def deal(self, at_ns: int) -> bytes:
        pick = self._random
        self._deal += 1
        symbol = pick.choice(SYMBOLS)
        buy, sell = pick.sample(VENUES, 2)
        px = Decimal(pick.randrange(100_000, 9_000_000)) / 100
        qty = Decimal(pick.randrange(100, 50_000)) / 100_000
        kind = pick.random()
        names = [f"{venue}:{symbol}" for venue in (buy, sell)]
        edge = pick.random()
        records: list[bytes] = [
            encode(
                DealOpened(
                    at_ns=at_ns,
                    deal=self._deal,
                    strategy="SpreadArb",
                    instruments=names,
                    asset="USDT",
                    expected=edge,
                    fees=float(2 * qty * px) * 0.001,
                    slippage=edge / 13,
                    penalty=edge / 17,
                )
            )
        ]
        late = at_ns + pick.randrange(5, 80) * 1_000_000
        high = px + Decimal("12.34")
        legs = [(names[0], Side.BUY, px, qty, Purpose.ENTRY), (names[1], Side.SELL, high, qty, Purpose.ENTRY)]
        outcome = "hedged"
        filled = [qty, qty]
        if kind < 0.06:
            outcome, filled = "nothing", [Decimal(0), Decimal(0)]
        elif kind < 0.12:
            outcome, filled = "completed", [qty, qty / 2]
            legs.append((names[1], Side.SELL, high - 5, qty / 2, Purpose.HEDGE))
            filled.append(qty / 2)
        ended = []
        for leg, ((name, side, at, size, purpose), got) in enumerate(zip(legs, filled, strict=True)):
            self._order += 1
            cl_ord_id = format_cl_ord_id(self._order)
            account = f"{name.partition(':')[0]}:main"
            order = NewOrder(
                account=account,
                instrument=name,
                cl_ord_id=cl_ord_id,
                side=side,
                qty=size,
                px=at,
                tif=Tif.IOC,
                deadline_ns=at_ns + S,
                deal=self._deal,
                leg=leg,
                purpose=purpose,
            )
            records.append(encode(Intent(at_ns=at_ns, order=order, channel="trade", link=f"{account}.trade")))
            fees = (("USDT", got * at / 1000),) if got else ()
            if got:
                ended.append(
                    encode(
                        Filled(
                            at_ns=late,
                            cl_ord_id=cl_ord_id,
                            trade_id=str(self._order % 10**10),
                            qty=got,
                            px=at,
                            fees=fees,
                            exch_ns=late,
                        )
                    )
                )
            ended.append(
                encode(
                    OrderOutcome(
                        at_ns=late,
                        account=account,
                        cl_ord_id=cl_ord_id,
                        status=OrdStatus.FILLED if got == size else OrdStatus.EXPIRED,
                        filled=got,
                        order_id=str(self._order % 10**15),
                        paid=got * at,
                        fees=fees,
                    )
                )
            )
        base = symbol.partition("-")[0]
        booked = tuple(
            Booked(at_ns=late, account=f"{venue}:main", flows={base: qty, "USDT": -qty * px}, left={base: qty})
            for venue in (buy, sell)
        )
        end = DealClosed(
            at_ns=late,
            deal=self._deal,
            outcome=outcome,
            why="both legs filled equally",
            booked=booked,
            prices=((base, px),),
        )
        return b"".join([*records, *ended, encode(end)])


def write(folder: Path, deals: int, now_ns: int) -> int:
    """The journal of so many deals; its bytes before packing."""
    (folder / "past").mkdir(parents=True, mode=0o700)
    desk = Desk(1)
    step = DAYS * 86_400 * S // deals
    at_ns = now_ns - deals * step
    total = number = until = 0
    data = bytearray(encode(JournalStart(at_ns=at_ns)) + desk.start(at_ns))
    for _ in range(deals):
        at_ns += step
        data += desk.deal(at_ns)
        if len(data) >= FULL:
            with gzip.open(folder / "past" / f"journal.{number:06d}.gz", "wb", compresslevel=1) as file:
                file.write(data)
            number, until, total = number + 1, len(data), total + len(data)
            data = bytearray(encode(JournalStart(at_ns=at_ns, file=number, until=until)))
    journal = folder / "journal"
    journal.touch(0o600)
    journal.write_bytes(data)
    return total + len(data)


def timed(state: Path, *args: str) -> tuple[float, float]:
    """The fastest of seven calls of a command, each a process of its own: seconds, and seconds of processor time."""
    took, used = [], []
    for _ in range(7):
        began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)  # noqa: TID251
        subprocess.run([ARBKIT, *args, "--state", state], check=True, capture_output=True)
        took.append(time.perf_counter() - began)  # noqa: TID251
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(took), min(used)


def threaded(folder: Path) -> Path:
    """A database that is written in the small pieces of a run's thread."""
    path = folder / "threaded.db"
    with closing(open_to_write(path)) as database:
        intake = Intake(folder, database)
        more = True
        while more:
            database.execute("BEGIN")
            more = intake.step(16 * 1024)
            database.execute("COMMIT")
        intake.close()
    return path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deals", type=int, default=1_000_000)
    deals = parser.parse_args().deals
    ok = True
    with tempfile.TemporaryDirectory(prefix="arbkit-million-") as place:
        state = Path(place)
        folder = state / "live"
        began = time.perf_counter()  # noqa: TID251
        size = write(folder, deals, time.time_ns())  # noqa: TID251
        past = sum(path.stat().st_size for path in (folder / "past").iterdir())
        print(
            f"journal   {size / deals:.0f} bytes a deal, {past / deals:.0f} packed; "
            f"written in {time.perf_counter() - began:.0f} s",  # noqa: TID251
            flush=True,
        )
        began = time.perf_counter()  # noqa: TID251
        done = subprocess.run(
            [ARBKIT, "journal", "rebuild", "--state", state], check=True, capture_output=True, text=True
        )
        took = time.perf_counter() - began  # noqa: TID251
        print(f"rebuild   {took:.0f} s, {took / deals * 1e6:.0f} us a deal: {done.stdout.strip()}", flush=True)
        for args in (("deals", "--since", "1d"), ("deals", "--since", "1d", "--limit", "0"), ("deals",), ("pnl",)):
            seconds, used = timed(state, *args)
            print(f"{' '.join(args):<27} {seconds:.2f} s ({used:.2f} s of processor time)", flush=True)
            ok = ok and (args != ("deals", "--since", "1d") or seconds < BOUND_S)
        began = time.perf_counter()  # noqa: TID251
        other = threaded(folder)
        print(f"pieces    {time.perf_counter() - began:.0f} s: the same as a run's thread makes it", flush=True)  # noqa: TID251
        began = time.perf_counter()  # noqa: TID251
        with closing(open_to_read(folder / "history.db")) as made, closing(open_to_read(other)) as piecewise:
            one, same = contents(made), contents(piecewise)
            differ = [table for table in one if one[table] != same[table]]
            rows = sum(made.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES)  # noqa: S608
        took = time.perf_counter() - began  # noqa: TID251
        told = f"differ: {', '.join(differ)}" if differ else "equal"
        print(f"compared  {took:.0f} s: {rows} rows of the two databases: {told}")
        ok = ok and not differ and took < COMPARED_S
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
