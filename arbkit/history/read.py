"""Reads the history of a running or stopped desk. Commands and servers use it; nothing is made or changed.

Open it once, ask it as often as you like: ``with open_history(folder) as history: deals(history, Span())``. Each
function raises ``ConfigError`` for a damaged or locked database. Amounts are exact; times are in ns.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import msgspec

from arbkit.core.errors import ConfigError
from arbkit.core.orders.ids import format_cl_ord_id
from arbkit.core.types.exact import EXACT
from arbkit.history import schema
from arbkit.history.rows import fees_of
from arbkit.history.schema import decimal, open_to_read, units
from arbkit.history.views import (
    ALARMS,
    REASONS,
    Alarm,
    BalanceRow,
    DealRow,
    DealSum,
    FillRow,
    GainRow,
    OrderRow,
    ReasonRow,
    RunRow,
    Span,
)

__all__ = [
    "Past",
    "alarms",
    "balances",
    "deal",
    "deal_sums",
    "deals",
    "fills",
    "gains",
    "open_history",
    "orders",
    "reasons",
    "runs",
    "traded",
]

DAY_NS = 86_400_000_000_000
_ZERO = Decimal(0)


class Past:
    """An open history."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._db = open_to_read(path)
        except FileNotFoundError:
            raise ConfigError(_missing(path)) from None
        self._names: dict[int, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def rows(self, sql: str, given: Sequence[object] = ()) -> list[Any]:
        """The rows of a question. Raises ``ConfigError`` if the database cannot answer it."""
        try:
            return self._db.execute(sql, given).fetchall()
        except sqlite3.Error as error:
            raise schema.told(self.path, error) from None

    def name(self, number: int) -> str:
        known = self._names.get(number)
        if known is None:
            self._names.update(self.rows("SELECT id, name FROM names"))
            known = self._names[number]
        return known

    def named(self, wanted: Callable[[str], bool]) -> list[int]:
        """The numbers of the names that are wanted."""
        return [number for number, name in self.rows("SELECT id, name FROM names") if wanted(name)]


def _missing(path: Path) -> str:
    folder = path.parent
    if not folder.exists():
        return f"{folder}: there is no such state folder: no run has used it yet, or --state names another one"
    if not (folder / "journal").exists():
        return f"{folder}: holds no journal, so it is no state folder of arbkit"
    return f"{folder}: has a journal and no history yet: `arbkit journal rebuild` makes it"


def open_history(folder: Path) -> Past:
    """The history in a state folder (``STATE/live``). Raises ``ConfigError``: there is none, it is damaged, locked or
    of another version."""
    return Past(folder / schema.NAME)


# --- deals, orders, fills


def _where(past: Past, span: Span, time: str, column: str, deal: int | None = None) -> tuple[str, list[object]]:
    """The condition of a span on a table; of one deal if it is given."""
    text, given = f"{time} >= ? AND {time} < ?", [span.since_ns, span.until_ns]
    if deal is not None:
        text, given = f"{text} AND deal = ?", [*given, deal]
    if span.symbol or span.venue:
        wanted = past.named(lambda name: any(span.has(one) for one in name.split("+")))
        text += f" AND {column} IN ({', '.join(map(str, wanted))})"
    return text, list(given)


def _limited(span: Span, order: str) -> str:
    return f" ORDER BY {order}" + (f" LIMIT {span.limit}" if span.limit else "")


_DEAL = (
    "id, run, opened_ns, closed_ns, strategy, pair, asset, outcome, why, expected, realised_amount, slippage_amount,"
    " fees_amount, latency_amount, unwind_amount, leftovers_amount"
)


def deals(past: Past, span: Span) -> list[DealRow]:
    """Those that began in the span, the oldest first."""
    where, given = _where(past, span, "opened_ns", "pair")
    sql = f"SELECT {_DEAL} FROM deals WHERE {where}{_limited(span, 'opened_ns DESC, id DESC')}"  # noqa: S608 - ours
    return [_deal(past, row) for row in reversed(past.rows(sql, given))]


def deal(past: Past, number: int) -> DealRow | None:
    """The deal with this id; None = there is none."""
    found = past.rows(f"SELECT {_DEAL} FROM deals WHERE id = ?", (number,))  # noqa: S608 - our own words
    return _deal(past, found[0]) if found else None


def _deal(past: Past, row: Sequence[Any]) -> DealRow:
    number, run, opened, closed, strategy, pair, asset, outcome, why, expected, *amounts = row
    realised, slippage, fees, latency, unwind, leftovers = map(decimal, amounts)
    return DealRow(
        id=number,
        run_ns=run,
        opened_ns=opened,
        closed_ns=closed,
        strategy=past.name(strategy),
        instruments=past.name(pair).split("+"),
        asset=past.name(asset),
        outcome=outcome,
        why=why,
        expected=None if expected is None else decimal(units(Decimal(repr(expected)))),
        realised=realised,
        slippage=slippage,
        fees=fees,
        latency=latency,
        unwind=unwind,
        leftovers=leftovers,
    )


def deal_sums(past: Past, span: Span) -> list[DealSum]:
    """The deals that began in the span, by asset."""
    where, given = _where(past, span, "opened_ns", "pair")
    sql = (
        "SELECT asset, count(*), total(CASE WHEN realised_amount IS NULL THEN 0 ELSE expected END),"  # noqa: S608
        f" sum(realised_amount), sum(realised_amount IS NULL) FROM deals WHERE {where} GROUP BY asset"
    )
    return [
        DealSum(
            asset=past.name(asset) or "?",
            deals=count,
            expected=decimal(units(Decimal(repr(expected)))) or _ZERO,
            realised=decimal(realised) or _ZERO,
            unvalued=unvalued,
        )
        for asset, count, expected, realised, unvalued in past.rows(sql, given)
    ]


_ORDER = (
    "orders.id, deal, account, instrument, purpose, side, qty, px, tif, channel, sent_ns, ended_ns, status, filled,"
    " paid, fees, order_id, text"
)


def orders(past: Past, span: Span, deal: int | None = None) -> list[OrderRow]:
    """Those that were sent in the span, the oldest first; of one deal if it is given."""
    where, given = _where(past, span, "sent_ns", "instrument", deal)
    sql = f"SELECT {_ORDER} FROM orders WHERE {where}{_limited(span, 'sent_ns DESC, id DESC')}"  # noqa: S608 - ours
    return [_order(past, row) for row in reversed(past.rows(sql, given))]


def _order(past: Past, row: Sequence[Any]) -> OrderRow:
    number, deal, account, instrument, purpose, side, qty, px, tif, channel, sent, ended, status, *rest = row
    filled, paid, fees, order_id, text = rest
    return OrderRow(
        cl_ord_id=_cl_ord_id(number),
        deal=deal,
        account=past.name(account),
        instrument=past.name(instrument),
        purpose=purpose,
        side=side,
        qty=Decimal(qty),
        px=Decimal(px),
        tif=tif,
        channel=channel,
        sent_ns=sent,
        ended_ns=ended,
        status=status,
        filled=None if filled is None else Decimal(filled),
        paid=None if paid is None else Decimal(paid),
        fees=fees_of(fees),
        order_id=order_id,
        text=text,
    )


def fills(past: Past, span: Span, deal: int | None = None) -> list[FillRow]:
    """Those that were booked in the span, the oldest first; of one deal if it is given."""
    where, given = _where(past, span, "at_ns", "instrument", deal)
    sql = (
        'SELECT at_ns, "order", deal, account, instrument, side, trade_id, fills.qty, fills.px, fills.fees, maker,'  # noqa: S608
        f' exch_ns FROM fills JOIN orders ON orders.id = "order" WHERE {where}'
        f"{_limited(span, 'at_ns DESC, trade_id DESC')}"
    )
    return [
        FillRow(
            at_ns=at_ns,
            cl_ord_id=_cl_ord_id(order),
            deal=deal,
            account=past.name(account),
            instrument=past.name(instrument),
            side=side,
            trade_id=trade_id,
            qty=Decimal(qty),
            px=Decimal(px),
            fees=fees_of(fees),
            maker=bool(maker),
            exch_ns=exch_ns,
        )
        for at_ns, order, deal, account, instrument, side, trade_id, qty, px, fees, maker, exch_ns in reversed(
            past.rows(sql, given)
        )
    ]


def _cl_ord_id(number: int) -> str:
    return format_cl_ord_id(number + (1 << 64 if number < 0 else 0))


def traded(past: Past) -> set[str]:
    """The instruments of all deals."""
    found = past.rows("SELECT DISTINCT name FROM deals JOIN names ON names.id = pair")
    return {one for (name,) in found for one in name.split("+")}


# --- runs, balances, gains


def runs(past: Past, limit: int = 0) -> list[RunRow]:
    """The newest last."""
    sql = "SELECT at_ns, mode, code, accounts, ended_ns, ending, exit FROM runs LEFT JOIN ends ON run = at_ns"
    sql += _limited(Span(limit=limit), "at_ns DESC")
    return [
        RunRow(
            at_ns=at_ns,
            mode=mode,
            code=code,
            accounts=msgspec.json.decode(accounts, type=dict[str, str]),
            ended_ns=ended_ns,
            ending=ending,
            exit=code_,
        )
        for at_ns, mode, code, accounts, ended_ns, ending, code_ in reversed(past.rows(sql))
    ]


def balances(past: Past, span: Span) -> list[BalanceRow]:
    """By account and asset, as of the span's end."""
    at = "SELECT total FROM balances b WHERE b.account = p.account AND b.asset = p.asset AND at_ns"
    rows = past.rows(
        f"SELECT account, asset, max(at_ns), ({at} < ? ORDER BY at_ns DESC LIMIT 1),"  # noqa: S608 - our own words
        f" ({at} < ? ORDER BY at_ns DESC LIMIT 1) FROM balances p WHERE at_ns < ? GROUP BY account, asset",
        (span.until_ns, span.since_ns, span.until_ns),
    )
    found = [
        BalanceRow(
            account=past.name(account),
            asset=past.name(asset),
            at_ns=at_ns,
            total=Decimal(total),
            before=None if before is None else Decimal(before),
        )
        for account, asset, at_ns, total, before in rows
    ]
    return sorted(
        (
            row
            for row in found
            if span.venue in ("", row.account.partition(":")[0])
            and (not span.symbol or row.asset in span.symbol.split("-"))
        ),
        key=lambda row: (row.account, row.asset),
    )


def gains(past: Past, span: Span) -> list[GainRow]:
    """By day and asset, the oldest first. The marked gain is of all venues and symbols, so it is left out for a span
    with one of them."""
    where, given = _where(past, span, "closed_ns", "pair")
    sums = past.rows(
        f"SELECT closed_ns / {DAY_NS}, asset, count(*), sum(realised_amount) FROM deals"  # noqa: S608 - our own words
        f" WHERE {where} GROUP BY 1, 2",
        given,
    )
    found: dict[tuple[int, str], list[Any]] = {
        (day, past.name(asset)): [count, decimal(realised) or _ZERO, None, None] for day, asset, count, realised in sums
    }
    last: dict[str, Decimal] = {}
    for asset_id, day, gain in () if span.symbol or span.venue else _marks(past, span):
        asset = past.name(asset_id)
        row = found.setdefault((day, asset), [0, _ZERO, None, None])
        row[2] = gain
        row[3] = EXACT.subtract(gain, last[asset]) if asset in last else None
        last[asset] = gain
    limited = sorted(found.items())[-span.limit if span.limit else 0 :]
    return [
        GainRow(day_ns=day * DAY_NS, asset=asset, deals=count, realised=realised, marked=marked, change=change)
        for (day, asset), (count, realised, marked, change) in limited
    ]


def _marks(past: Past, span: Span) -> Iterable[tuple[int, int, Decimal]]:
    """The last gain of each day, by asset, with that of the day before the span."""
    rows = past.rows(
        f"SELECT asset, at_ns / {DAY_NS}, gain, max(at_ns) FROM marks WHERE gain IS NOT NULL AND at_ns < ?"  # noqa: S608
        f" AND at_ns >= ? GROUP BY 1, 2 ORDER BY 1, 2",
        (span.until_ns, span.since_ns),
    )
    return [(asset, day, Decimal(gain)) for asset, day, gain, _ in rows]


# --- alarms and reasons


def _events(past: Past, span: Span, condition: str, names: Iterable[str]) -> list[Alarm]:
    wanted = sorted(names)
    rows = past.rows(
        f"SELECT at_ns, event, fields FROM events WHERE at_ns >= ? AND at_ns < ?"  # noqa: S608 - our own words
        f" AND ({condition} event IN ({', '.join('?' * len(wanted))})) ORDER BY at_ns DESC",
        (span.since_ns, span.until_ns, *wanted),
    )
    found = []
    for at_ns, event, fields in rows:
        alarm = Alarm(at_ns=at_ns, event=event, fields=msgspec.json.decode(fields))
        if _about(alarm.fields, span):
            found.append(alarm)
            if len(found) == span.limit:
                break
    return found[::-1]


def _about(fields: Mapping[str, Any], span: Span) -> bool:
    """Whether an event is about the venue and the symbol. One that names neither is about all."""
    if not span.venue and not span.symbol:
        return True
    names = [name for key in ("instrument", "pair", "scope") for name in str(fields.get(key) or "").split("+") if name]
    named = [name for name in names if ":" in name]
    if named:
        return any(span.has(name) for name in named)
    venue = fields.get("venue") or str(fields.get("account") or fields.get("link") or "").partition(":")[0]
    venue = str(venue).partition(".")[0]
    return not span.symbol and venue in ("", span.venue)


def alarms(past: Past, span: Span) -> list[Alarm]:
    """What an operator must know, the oldest first."""
    return _events(past, span, "event LIKE 'alarm.%' OR", ALARMS)


def reasons(past: Past, span: Span) -> list[ReasonRow]:
    """Why each pair was not traded and each venue could not be used, as it was told last in the span."""
    found: dict[str, ReasonRow] = {}
    for told in _events(past, msgspec.structs.replace(span, limit=0), "", REASONS):
        if told.event == "pairs.idle":
            found = {name: row for name, row in found.items() if ":" not in name}
            for name, text in told.fields.get("pairs", {}).items():
                found[name] = ReasonRow(at_ns=told.at_ns, name=name, text=text)
        elif told.event == "venue.waiting":
            name = str(told.fields["venue"])
            found[name] = ReasonRow(at_ns=told.at_ns, name=name, text=str(told.fields["why"]))
        elif told.event == "venue.ready":
            found.pop(str(told.fields["venue"]), None)
    return [found[name] for name in sorted(found)]
