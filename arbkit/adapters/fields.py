"""A venue's rows as events, by tables of field names: orders, fills, balances, instruments.

A row is a JSON object as decoded by ``rows`` (numbers with a fraction are ``Decimal``). The defaults are the names that
most venues use; the name "" stands for a field that the venue does not have. A field of the wrong kind raises
``ValueError``. Books are not read this way: they are decoded straight into typed structures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from arbkit.adapters.calls import Got
from arbkit.adapters.context import Context
from arbkit.adapters.wire import MS, S, iso_ns, number, time_sample, whole
from arbkit.core.types import (
    AssetStatus,
    Balance,
    ClockSample,
    FeeUpdate,
    Instrument,
    OrderUpdate,
    OrdStatus,
    Side,
)

__all__ = [
    "BalanceFields",
    "FillFields",
    "InstrumentFields",
    "OrderFields",
    "Row",
    "amount",
    "assets",
    "clock",
    "dated",
    "each",
    "fees",
    "filled",
    "inner",
    "movable",
    "rows",
    "statuses",
    "text",
]

Row: TypeAlias = Mapping[str, Any]

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DECODER = msgspec.json.Decoder(list[dict[str, Any]], float_hook=Decimal)


def rows(data: bytes | str | msgspec.Raw) -> list[dict[str, Any]]:
    """The JSON array of objects. Raises ``msgspec.DecodeError`` for anything else."""
    return _DECODER.decode(data)


def text(row: Row, name: str) -> str:
    """The field as text; "" if it is missing or null. ``a.b`` is the field ``b`` of the object ``a``."""
    value: Any = row
    for part in name.split(".") if name else ():
        value = value.get(part) if isinstance(value, Mapping) else None
    if value is None or value is row:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError(f"{name} is not a text or a number: {value!r:.40}")
    return value if isinstance(value, str) else str(value)


def amount(row: Row, name: str) -> Decimal | None:
    """The field as an amount; None if it is missing or empty."""
    found = text(row, name)
    return number(found) if found else None


def inner(row: Row, name: str) -> list[dict[str, Any]]:
    """The field as rows; empty if it is missing or null. ``ValueError`` if it is not an array of objects."""
    return msgspec.convert(row.get(name) or [], list[dict[str, Any]])


def _ms_ns(row: Row, name: str) -> int:
    found = text(row, name)
    return int(found) * MS if found.isascii() and found.isdecimal() and len(found) <= 19 else 0


def _side(row: Row, name: str) -> Side | None:
    return {"buy": Side.BUY, "sell": Side.SELL}.get(text(row, name).lower())


def statuses(**words: str) -> dict[str, OrdStatus]:
    """The venue's words for an order's state, by our name of it: ``statuses(new="live open", filled="filled")``."""
    return {word: OrdStatus(name) for name, text in words.items() for word in text.split()}


class OrderFields(Struct, frozen=True, kw_only=True):
    """An order's row. ``statuses``: the venue's words; another word is UNKNOWN, and the order is queried."""

    native: str = "symbol"
    order_id: str
    status: str = "status"
    statuses: Mapping[str, OrdStatus]
    cl_ord_id: str
    side: str = "side"
    px: str = "price"
    qty: str
    cum_qty: str
    exch_ms: str = ""

    def read(self, context: Context, row: Row, source: str, now_ns: int) -> OrderUpdate:
        """The state of the order, without a fill."""
        return OrderUpdate(
            account=context.account,
            instrument=context.instrument(text(row, self.native)),
            cl_ord_id=text(row, self.cl_ord_id),
            order_id=text(row, self.order_id),
            ord_status=self.statuses.get(text(row, self.status), OrdStatus.UNKNOWN),
            side=_side(row, self.side),
            px=amount(row, self.px),
            qty=amount(row, self.qty),
            cum_qty=amount(row, self.cum_qty),
            source=source,
            exch_ns=_ms_ns(row, self.exch_ms),
            recv_ns=now_ns,
        )

    def fill(
        self,
        *,
        order_id: str | None = None,
        side: str | None = None,
        trade_id: str,
        px: str = "price",
        qty: str,
        fee: str = "",
        fee_asset: str = "",
        maker: tuple[str, object],
        exch_ms: str = "",
        charged: int = 1,
    ) -> FillFields:
        """The row of a fill that names its order as this row does; None = as here. ``maker``: (field, its value if we
        were the maker); ``charged``: -1 if the venue writes a charge as a negative number."""
        return FillFields(
            native=self.native,
            order_id=self.order_id if order_id is None else order_id,
            cl_ord_id=self.cl_ord_id,
            side=self.side if side is None else side,
            trade_id=trade_id,
            px=px,
            qty=qty,
            fee=fee,
            fee_asset=fee_asset,
            maker=maker,
            exch_ms=exch_ms,
            charged=charged,
        )


class FillFields(Struct, frozen=True, kw_only=True):
    """A fill's row, made by ``OrderFields.fill``."""

    native: str
    order_id: str
    cl_ord_id: str
    side: str
    trade_id: str
    px: str
    qty: str
    fee: str
    fee_asset: str
    maker: tuple[str, object]
    exch_ms: str
    charged: int = 1

    def read(self, context: Context, row: Row, source: str, now_ns: int) -> OrderUpdate:
        fee = amount(row, self.fee)
        field, value = self.maker
        return OrderUpdate(
            account=context.account,
            instrument=context.instrument(text(row, self.native)),
            cl_ord_id=text(row, self.cl_ord_id),
            order_id=text(row, self.order_id),
            ord_status=OrdStatus.PARTIALLY_FILLED,
            side=_side(row, self.side),
            last_px=amount(row, self.px) or Decimal(0),
            last_qty=amount(row, self.qty) or Decimal(0),
            trade_id=text(row, self.trade_id),
            fee=None if fee is None else self.charged * fee,
            fee_asset="" if fee is None else text(row, self.fee_asset),
            maker=row.get(field) == value,
            source=source,
            exch_ns=_ms_ns(row, self.exch_ms),
            recv_ns=now_ns,
        )


class BalanceFields(Struct, frozen=True, kw_only=True):
    """An asset's row."""

    asset: str
    free: str
    locked: str
    exch_ms: str = ""

    def read(self, context: Context, row: Row, snapshot: bool, now_ns: int, exch_ns: int = 0) -> Balance:
        """``exch_ns``: where the time stands outside of the row."""
        return Balance(
            account=context.account,
            asset=text(row, self.asset),
            free=amount(row, self.free) or Decimal(0),
            locked=amount(row, self.locked) or Decimal(0),
            snapshot=snapshot,
            exch_ns=exch_ns or _ms_ns(row, self.exch_ms),
            recv_ns=now_ns,
        )


class InstrumentFields(Struct, frozen=True, kw_only=True):
    """A spot pair's row. It is tradable in one of the ``trading`` states, if it has a tick and a lot, and no rule is
    negative."""

    native: str = "symbol"
    base: str
    quote: str
    tick: str
    lot: str
    status: str = "status"
    trading: Sequence[str]
    min_qty: str = ""
    max_qty: str = ""
    min_notional: str = ""
    max_notional: str = ""
    venue_ref: str = ""
    fee_group: str = ""

    def read(self, venue: str, row: Row, **more: Any) -> Instrument:
        """``more``: further fields of ``Instrument``, or other values for these."""
        base, quote, status = text(row, self.base), text(row, self.quote), text(row, self.status)
        tick, lot = amount(row, self.tick) or Decimal(0), amount(row, self.lot) or Decimal(0)
        fields: dict[str, Any] = {
            "symbol": f"{base}-{quote}",
            "native": text(row, self.native),
            "base": base,
            "quote": quote,
            "tick": tick,
            "lot": lot,
            "min_qty": amount(row, self.min_qty) or Decimal(0),
            "max_qty": amount(row, self.max_qty) or None,
            "min_notional": amount(row, self.min_notional) or Decimal(0),
            "max_notional": amount(row, self.max_notional) or None,
            "tradable": status in self.trading and tick > 0 and lot > 0,
            "status": status,
            "venue_ref": text(row, self.venue_ref),
            "fee_group": text(row, self.fee_group),
        }
        if not fields["native"].isprintable():
            raise ValueError(f"{self.native} is no name: {fields['native']!r:.40}")
        rules = (fields[name] for name in ("min_qty", "max_qty", "min_notional", "max_notional"))
        if any(rule is not None and rule < 0 for rule in rules):
            fields["tradable"] = False
        return Instrument(venue=venue, **(fields | more))


def each(read: Callable[[Context, Row, str, int], OrderUpdate | None]) -> Callable[[Got], list[OrderUpdate]]:
    """A reader of listed rows: ``read`` for each of them; None leaves a row out. A row of an instrument that the
    catalogue lacks gets the name by which it was asked for."""

    def listed(got: Got) -> list[OrderUpdate]:
        found = [read(got.context, row, "poll", got.now_ns) for row in got.rows]
        known, asked = got.context.catalogue, got.what.instrument
        return [
            replace(one, instrument=asked) if asked and known.get(one.instrument) is None else one
            for one in found
            if one is not None
        ]

    return listed


def clock(name: str, step_ns: int) -> Callable[[Got], list[ClockSample]]:
    """A reader of the venue's time: the field ``name``, a whole number of ``step_ns``."""

    def read(got: Got) -> list[ClockSample]:
        row: Row = got.rows[0] if isinstance(got.rows, list) else got.rows
        venue_ns = whole(text(row, name)) * step_ns
        return [time_sample(got.context.venue, venue_ns, step_ns, got.answer.sent_ns, got.answer.recv_ns)]

    return read


def dated(got: Got) -> list[ClockSample]:
    """The venue's time by the header ``Date`` of an answer, in whole seconds (RFC 9110): for venues without a call for
    it. An answer from a cache, which has an ``Age``, says nothing: ``ValueError``."""
    headers = got.answer.headers
    if headers.get("age", "0") != "0":
        raise ValueError("the answer comes from a cache: its date is old")
    day, month, year, clock = headers.get("date", "")[5:].split()[:4]
    venue_ns = iso_ns(f"{year}-{_MONTHS.index(month) + 1:02}-{day}T{clock}Z")
    if not venue_ns:
        raise ValueError("not a date")
    return [time_sample(got.context.venue, venue_ns, S, got.answer.sent_ns, got.answer.recv_ns)]


def fees(maker: str, taker: str, native: str = "symbol") -> Callable[[Got], list[FeeUpdate]]:
    """A reader of fee rates. Of listed rows each names its instrument; one row is of the instrument that was asked for.
    ``ValueError`` if a rate is missing: it is not 0."""

    def read(got: Got) -> list[FeeUpdate]:
        listed = isinstance(got.rows, list)
        updates = []
        for row in got.rows if listed else [got.rows]:
            rates = [number(text(row, name) or f"no {name}") for name in (maker, taker)]
            instrument = got.context.instrument(text(row, native)) if listed else got.what.instrument
            updates.append(FeeUpdate(got.context.account, instrument, *rates))
        return updates

    return read


def filled(state: OrderUpdate, fill: OrderUpdate) -> OrderUpdate:
    """The state of an order together with the fill that caused it."""
    return replace(
        state,
        last_px=fill.last_px,
        last_qty=fill.last_qty,
        trade_id=fill.trade_id,
        fee=fill.fee,
        fee_asset=fill.fee_asset,
        maker=fill.maker,
    )


def movable(
    venue: str, asset: str, chains: Sequence[Row], deposit: str, withdraw: str, contract: str = ""
) -> AssetStatus:
    """An asset can be moved if one of its chains is open. The fields hold ``true``, ``1`` or "1". ``contract``: the
    field of the contract address; "" = the venue has none."""
    opened = (True, 1, "1")
    return AssetStatus(
        venue,
        asset,
        any(chain.get(deposit) in opened for chain in chains),
        any(chain.get(withdraw) in opened for chain in chains),
        tuple(address for chain in chains if isinstance(address := chain.get(contract), str) and address),
    )


def assets(
    asset: str, chains: str, deposit: str, withdraw: str, contract: str = ""
) -> Callable[[Got], list[AssetStatus]]:
    """A reader of assets, a row each, with their ``chains``: see ``movable``."""

    def read(got: Got) -> list[AssetStatus]:
        venue = got.context.venue
        return [movable(venue, text(row, asset), inner(row, chains), deposit, withdraw, contract) for row in got.rows]

    return read
