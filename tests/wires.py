"""The wire side of an account without any network: what a session sends for a command, and what it makes of an answer.

For tests of a venue's orders: ``OKX = Wires(Okx, BTC)``, then ``session, told = OKX.session, OKX.told``.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from arbkit.core.orders.ids import format_cl_ord_id
from arbkit.core.types import (
    Ask,
    AskKind,
    CancelOrder,
    Catalogue,
    HttpAnswer,
    Instrument,
    LinkSpec,
    ListFills,
    NewOrder,
    QueryOrder,
    Role,
    Side,
    VenueSettings,
)
from arbkit.core.venues.signer import LocalSigner

MS = 1_000_000
S = 1_000 * MS
NOW_NS = 1_700_000_000_000 * MS
ID = format_cl_ord_id(7)
ROUND_TRIP_NS = 4 * MS


def instrument(venue: str, native: str, tick: str, lot: str, symbol: str = "BTC-USDT", **more: Any) -> Instrument:
    base, _, quote = symbol.partition("-")
    rules = {"tick": Decimal(tick), "lot": Decimal(lot)}
    return Instrument(venue=venue, symbol=symbol, native=native, base=base, quote=quote, **rules, **more)


def spot(venue: str, native: str, number: int) -> Instrument:
    """The invented pair COIN1-USDT. ``native``: the venue's name of it with ``{}`` for the number."""
    return instrument(venue, native.format(number), "1", "1", f"COIN{number}-USDT")


def buy(venue: str, pair: Instrument) -> NewOrder:
    """An order for one of a pair."""
    return NewOrder(
        account=f"{venue}:main", instrument=pair.id, cl_ord_id="a", side=Side.BUY, qty=Decimal(1), px=Decimal(1)
    )


class Wires:
    """The main account at one venue. ``buy``, ``cancel``, ``query``, ``look`` and ``fills`` are about one order of the
    first instrument, whose client id is ``cl_ord_id``."""

    def __init__(
        self,
        exchange: type[Any],
        *instruments: Instrument,
        secret: str = "secret",
        passphrase: str = "",
        now_ns: int = NOW_NS,
        cl_ord_id: str = ID,
        order_id: str = "",
        qty: str = "0.00000001",
    ) -> None:
        self.make = exchange
        self.exchange = exchange(VenueSettings())
        self.venue: str = self.exchange.venue
        self.me = f"{self.venue}:main"
        self.now_ns = now_ns
        self._instruments = instruments
        self._proof = (secret, passphrase)
        of: dict[str, Any] = {"account": self.me, "instrument": instruments[0].id}
        self.buy = NewOrder(cl_ord_id=cl_ord_id, side=Side.BUY, qty=Decimal(qty), px=Decimal(50000), **of)
        self.cancel = CancelOrder(cl_ord_id=cl_ord_id, order_id=order_id, **of)
        self.query = QueryOrder(cl_ord_id=cl_ord_id, order_id=order_id, **of)
        self.look = Ask(kind=AskKind.ORDER, instrument=instruments[0].id, ref=cl_ord_id)
        self.fills = ListFills(since_ns=now_ns, **of)

    def session(self, role: Role, **options: str) -> Any:
        """A new session of the account's link of this role."""
        exchange = self.make(VenueSettings(options=options)) if options else self.exchange
        link = LinkSpec(link=f"{self.venue}.main.{role.value}", venue=self.venue, role=role, account=self.me)
        return exchange.session(link, Catalogue(self._instruments), LocalSigner("key", *self._proof))

    def told(self, link: Any, frame: object) -> list[Any]:
        """What a session makes of a frame."""
        return list(link.receive(frame if isinstance(frame, str) else json.dumps(frame), self.now_ns))

    def answer(self, body: object, status: int = 200, headers: dict[str, str] | None = None) -> HttpAnswer:
        """An answer that took 4 ms. ``body``: what JSON holds, or text."""
        text = body if isinstance(body, str) else json.dumps(body)
        return HttpAnswer(status, headers or {}, text.encode(), self.now_ns - ROUND_TRIP_NS, self.now_ns)

    def answered(
        self, what: Any, body: object, status: int = 200, headers: dict[str, str] | None = None, rest: Any = None
    ) -> list[Any]:
        """What a REST session makes of the answer to a request or command."""
        session = rest or self.session(Role.REST)
        return list(session.answered(what, self.answer(body, status, headers), self.now_ns))
