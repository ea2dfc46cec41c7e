"""Records of the journal and entries of the diary, as rows of the database. ``writer`` and ``rebuild`` call it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct

from arbkit.core.orders.ids import parse_cl_ord_id
from arbkit.core.orders.records import (
    Control,
    DealClosed,
    DealOpened,
    Filled,
    Intent,
    OrderOutcome,
    PersonAsked,
    Record,
    RunStart,
    Settled,
)
from arbkit.core.types import Purpose, Side, plain
from arbkit.history.diary import Ended, Entry, Marked, Owned, Told
from arbkit.history.schema import units
from arbkit.history.split import Expectation, Traded, split

__all__ = ["Rows", "order_number"]

_PARTS = ("realised", "fees", "slippage", "latency", "unwind", "leftovers")
_CUT = "cut off"
"""Outcome of a deal that was open when its paper run ended."""


@lru_cache(maxsize=1024)
def order_number(cl_ord_id: str) -> int | None:
    """The number of an order of ours, as the database has it (signed); None for another id."""
    number = parse_cl_ord_id(cl_ord_id)
    return None if number is None else number - (1 << 64 if number >= 1 << 63 else 0)


class Rows:
    """Writes to one open database, within the caller's transaction."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database
        self._names: dict[str, int] = {}
        self._run = 0
        self._handlers: Mapping[type[Struct], Callable[[Any, bool], None]] = {
            RunStart: self._run_start,
            DealOpened: self._opened,
            Intent: self._intent,
            OrderOutcome: self._outcome,
            Filled: self._filled,
            DealClosed: self._closed,
            Control: self._control,
            PersonAsked: self._asked,
            Settled: self._settled,
        }

    def cursor(self, source: str) -> bytes:
        """How far a source was read; empty if nothing of it was."""
        found = self._db.execute("SELECT at FROM cursors WHERE source = ?", (source,)).fetchone()
        return found[0].encode() if found else b""

    def move(self, source: str, at: bytes) -> None:
        """How far a source is read now."""
        self._db.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", (source, at.decode()))

    def take(self, record: Record, *, repeated: bool = False) -> None:
        """The next record of the journal. ``repeated``: it is at the head of a fresh file, where those that a later
        run needs are repeated: it only counts if the file that had it is lost."""
        handler = self._handlers.get(type(record))
        if handler is not None:
            handler(record, repeated)

    def enter(self, entry: Entry) -> None:
        """The next entry of the diary."""
        if isinstance(entry, Told):
            fields = msgspec.json.encode(entry.fields).decode()
            self._db.execute("INSERT INTO events VALUES (?, ?, ?)", (entry.at_ns, entry.event, fields))
        elif isinstance(entry, Owned):
            account = self._name(entry.account)
            self._db.executemany(
                "INSERT OR REPLACE INTO balances VALUES (?, ?, ?, ?)",
                [(entry.at_ns, account, self._name(asset), plain(amount)) for asset, amount in entry.totals.items()],
            )
        elif isinstance(entry, Marked):
            self._db.execute(
                "INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?)",
                (entry.at_ns, self._name(entry.asset), _plain(entry.gain), _plain(entry.run)),
            )
        elif isinstance(entry, Ended):
            self._db.execute(
                "INSERT OR REPLACE INTO ends VALUES (?, ?, ?, ?)",
                (entry.run_ns, entry.at_ns, entry.ending, entry.exit),
            )

    # --- the journal

    def _run_start(self, start: RunStart, repeated: bool) -> None:
        self._run = start.at_ns
        account = {start.account: start.environment}
        found = self._db.execute("SELECT accounts FROM runs WHERE at_ns = ?", (start.at_ns,)).fetchone()
        if found:
            accounts = {**msgspec.json.decode(found[0]), **account}
            self._db.execute(
                "UPDATE runs SET accounts = ? WHERE at_ns = ?", (msgspec.json.encode(accounts).decode(), start.at_ns)
            )
            return
        if start.mode == "paper" and not repeated:  # the deals of a paper run end with it
            self._db.execute("UPDATE deals SET outcome = ?, closed_ns = ? WHERE closed_ns IS NULL", (_CUT, start.at_ns))
        self._db.execute(
            "INSERT INTO runs (at_ns, mode, code, accounts) VALUES (?, ?, ?, ?)",
            (start.at_ns, start.mode, start.code, msgspec.json.encode(account).decode()),
        )

    def _opened(self, deal: DealOpened, repeated: bool) -> None:
        told = bool(deal.asset)
        done = self._db.execute(
            "INSERT OR IGNORE INTO deals (id, run, opened_ns, strategy, pair, asset, expected, fees, slippage, penalty)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                deal.deal,
                self._present_run(),
                deal.at_ns,
                self._name(deal.strategy),
                self._name("+".join(deal.instruments)),
                self._name(deal.asset),
                *((deal.expected, deal.fees, deal.slippage, deal.penalty) if told else (None,) * 4),
            ),
        )
        if not done.rowcount and not repeated:  # a fill came after its end
            self._db.execute("UPDATE deals SET outcome = NULL, closed_ns = NULL WHERE id = ?", (deal.deal,))

    def _present_run(self) -> int:
        if not self._run:
            self._run = self._db.execute("SELECT coalesce(max(at_ns), 0) FROM runs").fetchone()[0]
        return self._run

    def _intent(self, intent: Intent, repeated: bool) -> None:
        order = intent.order
        number = order_number(order.cl_ord_id)
        if number is None:
            return
        self._db.execute(
            """INSERT OR IGNORE INTO orders
            (id, deal, account, instrument, purpose, side, qty, px, tif, channel, sent_ns)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            (
                number,
                order.deal,
                self._name(order.account),
                self._name(order.instrument),
                order.purpose.value,
                order.side.value,
                plain(order.qty),
                plain(order.px),
                order.tif.value,
                intent.channel,
                intent.at_ns,
            ),
        )

    def _outcome(self, outcome: OrderOutcome, repeated: bool) -> None:
        number = order_number(outcome.cl_ord_id)
        row = self._db.execute(
            "SELECT deal, closed_ns FROM orders LEFT JOIN deals ON deals.id = deal WHERE orders.id = ?", (number,)
        ).fetchone()
        if row is None:
            return
        deal, closed_ns = row
        self._db.execute(
            "UPDATE orders SET ended_ns = ?, status = ?, filled = ?, paid = ?, fees = ?, order_id = ?, text = ?"
            " WHERE id = ?",
            (
                outcome.at_ns,
                "absent" if outcome.absent else outcome.status.value,
                plain(outcome.filled),
                plain(outcome.paid),
                _fees(outcome.fees),
                outcome.order_id or None,
                outcome.text or None,
                number,
            ),
        )
        if closed_ns is not None:
            self._split(deal)

    def _filled(self, fill: Filled, repeated: bool) -> None:
        number = order_number(fill.cl_ord_id)
        if number is not None:
            self._db.execute(
                "INSERT OR IGNORE INTO fills VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    number,
                    fill.trade_id,
                    fill.at_ns,
                    plain(fill.qty),
                    plain(fill.px),
                    _fees(fill.fees),
                    fill.maker,
                    fill.exch_ns,
                ),
            )

    def _closed(self, closed: DealClosed, repeated: bool) -> None:
        prices = {asset: plain(price) for asset, price in closed.prices}
        self._db.execute(
            "UPDATE deals SET closed_ns = ?, outcome = ?, why = ?, prices = ? WHERE id = ?",
            (
                closed.at_ns,
                closed.outcome,
                closed.why or None,
                msgspec.json.encode(prices).decode() if prices else None,
                closed.deal,
            ),
        )
        self._split(closed.deal)

    def _split(self, deal: int) -> None:
        """Work out anew what a closed deal brought."""
        row = self._db.execute(
            "SELECT expected, fees, slippage, penalty, names.name, prices FROM deals JOIN names ON names.id = asset"
            " WHERE deals.id = ?",
            (deal,),
        ).fetchone()
        if row is None or row[0] is None:
            return
        *told, asset, prices = row
        net, fees, slippage, penalty = (Decimal(repr(amount)) for amount in told)
        orders = [
            Traded(
                account=account,
                instrument=instrument,
                purpose=Purpose(purpose),
                side=Side(side),
                qty=Decimal(qty),
                filled=Decimal(filled or 0),
                paid=Decimal(paid or 0),
                fees=fees_of(paid_fees),
            )
            for account, instrument, purpose, side, qty, filled, paid, paid_fees in self._db.execute(
                "SELECT a.name, i.name, purpose, side, qty, filled, paid, fees FROM orders"
                " JOIN names a ON a.id = account JOIN names i ON i.id = instrument WHERE deal = ? ORDER BY orders.id",
                (deal,),
            )
        ]
        known = {} if prices is None else msgspec.json.decode(prices, type=dict[str, Decimal])
        found = split(Expectation(net=net, fees=fees, slippage=slippage, penalty=penalty), asset, orders, known)
        amounts = [None if found is None else units(getattr(found, part)) for part in _PARTS]
        columns = ", ".join(f"{part}_amount = ?" for part in _PARTS)
        self._db.execute(f"UPDATE deals SET {columns} WHERE id = ?", (*amounts, deal))  # noqa: S608 - our own words

    def _control(self, control: Control, repeated: bool) -> None:
        if not repeated:
            scope = control.scope or control.venue
            self._db.execute(
                "INSERT INTO controls VALUES (?, ?, ?, ?, ?, ?)",
                (control.at_ns, scope, control.mode.value, control.rule, control.who, control.why),
            )

    def _asked(self, asked: PersonAsked, repeated: bool) -> None:
        if asked.what in ("resolve", "release"):  # a mode has its own record
            self._db.execute(
                "INSERT INTO controls VALUES (?, ?, ?, 'person', ?, ?)",
                (asked.at_ns, asked.scope, asked.what, asked.who, asked.why),
            )

    def _settled(self, settled: Settled, repeated: bool) -> None:
        self._db.execute(
            "INSERT INTO controls VALUES (?, '', 'settled', 'settled', '', ?)",
            (settled.at_ns, "a person has settled what earlier runs left"),
        )

    def _name(self, name: str) -> int:
        known = self._names.get(name)
        if known is None:
            self._db.execute("INSERT OR IGNORE INTO names (name) VALUES (?)", (name,))
            known = self._names[name] = self._db.execute("SELECT id FROM names WHERE name = ?", (name,)).fetchone()[0]
        return known


def _plain(amount: Decimal | None) -> str | None:
    return None if amount is None else plain(amount)


def _fees(fees: Sequence[tuple[str, Decimal]]) -> str | None:
    """``USDT 0.1`` or ``USDT 0.1;BNB 0.002``."""
    return ";".join(f"{asset} {plain(amount)}" for asset, amount in fees) or None


def fees_of(text: str | None) -> tuple[tuple[str, Decimal], ...]:
    """The inverse of ``_fees``."""
    found = []
    for part in text.split(";") if text else ():
        asset, _, amount = part.rpartition(" ")
        found.append((asset, Decimal(amount)))
    return tuple(found)
