"""Journals as runs write them, and what is known of their deals without the code that reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec import Struct

from arbkit.core.orders.carried import Carried
from arbkit.core.orders.ids import IntentIds, format_cl_ord_id
from arbkit.core.orders.journal import encode
from arbkit.core.orders.records import Booked, DealClosed, DealOpened, Filled, Intent, OrderOutcome, RunStart
from arbkit.core.runtime.journal_file import JournalFile
from arbkit.core.types import NewOrder, OrdStatus, Purpose, Side, Tif

S = 1_000_000_000
T0 = 1_780_000_000 * S
QTY = Decimal("0.01")


class Deals(Struct):
    """Writes deals of two legs: bought on v at ``60000 + n % 7``, sold on w 30 higher, fee 0.1 USDT each."""

    ids: IntentIds
    number: int = 0

    def start(self, at_ns: int = T0, mode: str = "live") -> bytes:
        return b"".join(
            encode(RunStart(at_ns=at_ns, mode=mode, account=f"{venue}:main", environment="prod", code="1"))
            for venue in ("v", "w")
        )

    def opened(self, at_ns: int) -> bytes:
        """A deal and its orders, on their way."""
        self.number += 1
        deal = self.number
        data = encode(
            DealOpened(
                at_ns=at_ns,
                deal=deal,
                strategy="s",
                instruments=["v:BTC-USDT", "w:BTC-USDT"],
                asset="USDT",
                expected=0.05,
                fees=0.2,
                slippage=0.04,
                penalty=0.01,
            )
        )
        for leg, (venue, side, px) in enumerate(self.legs(deal)):
            order = NewOrder(
                account=f"{venue}:main",
                instrument=f"{venue}:BTC-USDT",
                cl_ord_id=format_cl_ord_id(self.ids.next()),
                side=side,
                qty=QTY,
                px=px,
                tif=Tif.IOC,
                deal=deal,
                leg=leg,
                purpose=Purpose.ENTRY,
            )
            data += encode(Intent(at_ns=at_ns, order=order, channel="trade", link=f"{venue}.trade"))
        return data

    def ended(self, at_ns: int, order: int, px: Decimal, venue: str) -> bytes:
        cl_ord_id = format_cl_ord_id(order)
        fees = (("USDT", Decimal("0.1")),)
        return encode(
            Filled(at_ns=at_ns, cl_ord_id=cl_ord_id, trade_id=f"t{order}", qty=QTY, px=px, fees=fees, exch_ns=at_ns)
        ) + encode(
            OrderOutcome(
                at_ns=at_ns,
                account=f"{venue}:main",
                cl_ord_id=cl_ord_id,
                status=OrdStatus.FILLED,
                filled=QTY,
                order_id=f"o{order}",
                paid=QTY * px,
                fees=fees,
            )
        )

    def closed(self, at_ns: int) -> bytes:
        """The end of the deal that was opened last."""
        deal = self.number
        last = self.ids.block << 32
        data = b""
        for leg, (venue, _, px) in enumerate(self.legs(deal)):
            data += self.ended(at_ns, last + 2 * (deal - 1) + leg, px, venue)
        booked = (Booked(at_ns=at_ns, account="v:main", flows={"USDT": Decimal(1)}, left={}),)
        prices = (("BTC", Decimal(60010)),)
        return data + encode(
            DealClosed(at_ns=at_ns, deal=deal, outcome="hedged", why="both filled", booked=booked, prices=prices)
        )

    def whole(self, at_ns: int) -> bytes:
        return self.opened(at_ns) + self.closed(at_ns + S // 50)

    @staticmethod
    def legs(deal: int) -> Iterator[tuple[str, Side, Decimal]]:
        px = Decimal(60000 + deal % 7)
        yield "v", Side.BUY, px
        yield "w", Side.SELL, px + 30

    @staticmethod
    def realised(deal: int) -> Decimal:
        """Of each whole deal: 30 on 0.01, less two fees."""
        return Decimal("0.3") - Decimal("0.2")


def make_anew(file: JournalFile, late: bytes = b"") -> None:
    """As the thread and the loop do it; ``late`` is written when the fresh file is on the disk, and not yet taken."""
    carried = Carried()
    file._carried = carried
    file._known = file.position
    file.scan(carried.take)
    file._prepare()
    if late:
        file.append(late)
    file._exchange()
    file._clean_up()


@pytest.fixture(scope="session")
def renew() -> Callable[..., None]:
    """``renew(file, late)``: the journal is made anew."""
    return make_anew


@pytest.fixture
def writes() -> Deals:
    return Deals(IntentIds(T0 // S))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty state folder of a live run."""
    made = tmp_path / "state" / "live"
    made.mkdir(parents=True, mode=0o700)
    made.parent.chmod(0o700)
    return made
