"""docs/history.md: its commands are run on the history of an afternoon, and print what it shows."""

from __future__ import annotations

import re
import shlex
from decimal import Decimal
from pathlib import Path

import pytest

from arbkit import cli
from arbkit.core.orders.carried import Carried
from arbkit.core.orders.ids import format_cl_ord_id
from arbkit.core.orders.journal import encode
from arbkit.core.orders.records import DealClosed, DealOpened, Filled, Intent, OrderOutcome, Record, RunStart
from arbkit.core.runtime.clock import Clock
from arbkit.core.runtime.journal_file import JournalFile
from arbkit.core.types import NewOrder, OrdStatus, Purpose, Side
from arbkit.history.diary import Ended, Marked, Owned, Told
from arbkit.history.writer import History

PAGE = (Path(__file__).parents[2] / "docs/history.md").read_text()
S = 1_000_000_000
RUN_NS = 1_796_047_200 * S
"""2026-11-30 14:00:00 UTC."""
EXPECTED = {"asset": "USDT", "expected": 0.7, "fees": 1.202, "slippage": 0.06, "penalty": 0.038}
D = Decimal


class Afternoon:
    """Three deals: one as it was seen, one completed by a hedge, one reversed because its sale was refused."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._order = RUN_NS // S << 32
        self._deal = RUN_NS // S << 20

    def order(
        self,
        at_ns: int,
        name: str,
        side: Side,
        px: str,
        filled: str,
        *,
        qty: str = "0.01",
        got: str = "",
        purpose: Purpose = Purpose.ENTRY,
        text: str = "",
    ) -> list[Record]:
        """An order that is sent, and its end 30 ms later."""
        self._order += 1
        cl_ord_id, account = format_cl_ord_id(self._order), f"{name}:main"
        paid = D(filled) * D(got or px)
        fees = (("USDT", paid / 1000),) if paid else ()
        wanted = NewOrder(
            account=account,
            instrument=f"{name}:BTC-USDT",
            cl_ord_id=cl_ord_id,
            side=side,
            qty=D(qty),
            px=D(px),
            deal=self._deal,
            purpose=purpose,
        )
        self.records.append(Intent(at_ns=at_ns, order=wanted, channel="trade", link=f"{name}.main.trade"))
        status = OrdStatus.REJECTED if text else OrdStatus.FILLED if D(filled) == D(qty) else OrdStatus.EXPIRED
        late = at_ns + 30_000_000
        ended: list[Record] = []
        if D(filled):
            trade = str(self._order % 100_000)
            ended.append(
                Filled(
                    at_ns=late,
                    cl_ord_id=cl_ord_id,
                    trade_id=trade,
                    qty=D(filled),
                    px=D(got or px),
                    fees=fees,
                    exch_ns=late,
                )
            )
        outcome = OrderOutcome(
            at_ns=late,
            account=account,
            cl_ord_id=cl_ord_id,
            status=status,
            filled=D(filled),
            text=text,
            paid=paid,
            fees=fees,
        )
        return [*ended, outcome]

    def deal(self, at_s: int, kind: str) -> None:
        at_ns = RUN_NS + at_s * S
        self._deal += 1
        names = ["okx:BTC-USDT", "binance:BTC-USDT"]
        self.records.append(
            DealOpened(at_ns=at_ns, deal=self._deal, strategy="SpreadArb", instruments=names, **EXPECTED)  # type: ignore[arg-type]
        )
        if kind == "reversed":
            sale = self.order(at_ns, "binance", Side.SELL, "60195", "0", text="Account has insufficient balance")
        elif kind == "completed":
            sale = self.order(at_ns, "binance", Side.SELL, "60195", "0.005", got="60200")
        else:
            sale = self.order(at_ns, "binance", Side.SELL, "60195", "0.01", got="60200")
        bought = self.order(at_ns, "okx", Side.BUY, "60006", "0.01", got="60000" if kind != "reversed" else "60001")
        self.records += [*bought, *sale]
        end_ns, why = at_ns + 31_000_000, "both legs filled equally"
        if kind == "completed":
            later, why = at_ns + 80_000_000, "0.005 completed"
            self.records += self.order(
                later, "binance", Side.SELL, "60150", "0.005", qty="0.005", got="60160", purpose=Purpose.HEDGE
            )
            end_ns = later + 30_000_000
        elif kind == "reversed":
            later, why = at_ns + 90_000_000, "0.01 reversed"
            self.records += self.order(later, "okx", Side.SELL, "59940", "0.01", got="59950", purpose=Purpose.UNWIND)
            end_ns = later + 30_000_000
        prices = (("BTC", D(60100)),)
        self.records.append(DealClosed(at_ns=end_ns, deal=self._deal, outcome=kind, why=why, prices=prices))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with ``arbkit.toml`` and the state of that afternoon."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "state" / "live"
    folder.mkdir(parents=True, mode=0o700)
    folder.parent.chmod(0o700)
    (tmp_path / "arbkit.toml").write_text('state.folder = "state"\n')
    (tmp_path / "arbkit.toml").chmod(0o644)
    afternoon = Afternoon()
    for account, environment in (("binance:main", "prod"), ("okx:main", "prod")):
        afternoon.records.append(
            RunStart(at_ns=RUN_NS, mode="live", account=account, environment=environment, code="0.1.0")
        )
    afternoon.deal(61, "hedged")
    afternoon.deal(200, "completed")
    afternoon.deal(3_900, "reversed")
    journal = JournalFile(folder / "journal", Clock(), Carried())
    journal.append(b"".join(map(encode, afternoon.records)))
    history = History(folder, 0, lambda event, /, **fields: pytest.fail(event))
    history.tell(
        Told(
            at_ns=RUN_NS + 3_901 * S,
            event="side.refused",
            fields={
                "instrument": "binance:BTC-USDT",
                "side": "sell",
                "s": 30,
                "why": "Account has insufficient balance",
            },
        )
    )
    for at_s, binance, okx, gain in ((5, "1000", "1000", "0"), (3_960, "1600.6", "399.3", "-0.3033")):
        at_ns = RUN_NS + at_s * S
        history.tell(Owned(at_ns=at_ns, account="binance:main", totals={"USDT": D(binance)}))
        history.tell(Owned(at_ns=at_ns, account="okx:main", totals={"USDT": D(okx)}))
        history.tell(Marked(at_ns=at_ns, asset="USDT", gain=D(gain), run=D(gain)))
    history.tell(Ended(at_ns=RUN_NS + 4_000 * S, run_ns=RUN_NS, ending="idle", exit=0))
    history.close()
    journal.close()
    return tmp_path


def shown() -> list[tuple[str, str]]:
    """(command, output) of the page's ``console`` blocks."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output.strip("\n")))
    return found


def test_the_page_shows_what_the_commands_print(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command of the page, in its order, in one folder; no line is wider than 80 columns."""
    commands = shown()
    assert len(commands) >= 8
    for command, output in commands:
        cli._run(shlex.split(command)[1:])
        told = capsys.readouterr()
        printed = (told.out + told.err).strip("\n")
        assert printed == output, command
        assert max(map(len, printed.splitlines())) <= 80 or "journal show" in command
