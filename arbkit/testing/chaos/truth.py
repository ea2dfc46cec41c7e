"""What the venues know: their books, ledgers and logs, in a form that judges can ask. It reads nothing of arbkit."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol, runtime_checkable

from msgspec import Struct

from arbkit.core.orders.ids import parse_cl_ord_id
from arbkit.core.types import Side
from arbkit.sim.limits import Rolling, Window
from arbkit.sim.matching import SimBook
from arbkit.sim.pair import SCALE, Pair
from arbkit.sim.site import Site
from arbkit.sim.venue import DELISTED, Lost, Refused, SimExchange, SimFill, SimOrder
from arbkit.sim.world import ACCOUNT, World

__all__ = ["Arrival", "Top", "Truth"]

Top = tuple[int, tuple[float, float, float, float]]
"""When, and (bid, its size, ask, its size)."""
_ZERO = Decimal(0)


class Arrival(Struct, frozen=True):
    """An order that reached a venue, and what the venue made of it."""

    now_ns: int
    venue: str
    symbol: str
    cl_ord_id: str
    refused: str
    """The rule that refused it; "" = accepted; "lost" = a fault lost it before the venue read it."""

    @property
    def ours(self) -> bool:
        return parse_cl_ord_id(self.cl_ord_id) is not None


class _Followed(Struct):
    """The best prices of one book, and when it had them."""

    tops: deque[Top]
    book: SimBook
    tick: float
    lot: float
    seq: int = 0

    def follow(self, now_ns: int) -> None:
        self.seq = self.book.seq
        bid, bid_lots, ask, ask_lots = self.book.top()
        tick, lot = self.tick, self.lot
        self.tops.append((now_ns, (bid * tick, bid_lots * lot, ask * tick, ask_lots * lot)))


class Truth:
    """Follows the venues of a world. ``look`` after everything that may have changed one."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.arrivals: list[Arrival] = []
        self.refused: set[str] = set()
        """Client order ids of orders that a venue refused: it has none of them."""
        self.gains: dict[str, Decimal] = {}
        """By asset, over all venues: what our own orders brought, fees included, but those of ``forgotten``."""
        self.forgotten: set[str] = set()
        """Client order ids of which a journal said something that is lost: nothing can know what they bring."""
        self.lost: dict[str, Decimal] = {}
        """What they brought."""
        self.outside: Counter[tuple[str, str]] = Counter()
        """By (venue, asset): what foreign orders, deposits and withdrawals brought."""
        self.filled: dict[str, Decimal] = {}
        """By client order id: the base quantity that our own orders filled."""
        self.fills = 0
        """Fills of our own orders."""
        self._books = [
            _Followed(deque(maxlen=4_000), book, float(pair.tick), float(pair.lot))
            for site in world.sites.values()
            for pair, book in zip(site.exchange.pairs.values(), site.exchange.books.values(), strict=True)
        ]
        keys = [f"{venue}:{symbol}" for venue, site in world.sites.items() for symbol in site.exchange.books]
        self.tops = {key: book.tops for key, book in zip(keys, self._books, strict=True)}
        """By instrument id, the oldest first."""
        self._seen = dict.fromkeys(world.sites, 0)
        self._paid_in = {venue: dict(site.exchange.ledger.deposited) for venue, site in world.sites.items()}
        self.began = {venue: self.totals(venue) for venue in world.sites}
        for venue, site in world.sites.items():
            self._log(venue, site.exchange)

    def _log(self, venue: str, exchange: SimExchange) -> None:
        """Keep a log of all orders that arrive."""
        place = exchange.place

        def logged(account: str, symbol: str, side: Side, *, now_ns: int, **more: Any) -> SimOrder:
            said = ""
            try:
                return place(account, symbol, side, now_ns=now_ns, **more)
            except Refused as refused:
                said = refused.rule
                self.refused.add(more.get("cl_ord_id", ""))
                raise
            except Lost:
                said = "lost"
                raise
            finally:
                at_ns = now_ns - self.world.sites[venue].skew_ns
                self.arrivals.append(Arrival(at_ns, venue, symbol, more.get("cl_ord_id", ""), said))

        exchange.place = logged  # type: ignore[method-assign]  # a log around the venue's own door

    # --- what changes

    def look(self, now_ns: int) -> bool:
        """Note what changed. True if one of our orders was filled."""
        before, moved = self.fills, False
        for book in self._books:
            if book.seq != book.book.seq:
                book.follow(now_ns)
                moved = True
        if not moved:
            return False
        for venue, site in self.world.sites.items():
            exchange = site.exchange
            fills = exchange.fills
            if len(fills) != self._seen[venue]:
                for fill in fills[self._seen[venue] :]:
                    self._fill(venue, exchange.pairs[fill.symbol], fill)
                self._seen[venue] = len(fills)
        return self.fills != before

    def _fill(self, venue: str, pair: Pair, fill: SimFill) -> None:
        base, quote = fill.qty * pair.lot, _amount(fill.quote)
        sign = 1 if fill.side is Side.BUY else -1
        received = pair.base if fill.side is Side.BUY else pair.quote
        rows = (
            (pair.base, sign * base),
            (pair.quote, -sign * quote),
            (fill.fee_asset, -_amount(fill.fee)),
            (received, -_amount(fill.extra_fee)),
        )
        ours = parse_cl_ord_id(fill.cl_ord_id) is not None
        self.fills += ours
        if ours:
            self.filled[fill.cl_ord_id] = self.filled.get(fill.cl_ord_id, _ZERO) + base
        gains = self.lost if fill.cl_ord_id in self.forgotten else self.gains
        for asset, change in rows:
            if ours:
                gains[asset] = gains.get(asset, _ZERO) + change
            else:
                self.outside[venue, asset] += change  # type: ignore[assignment]  # amounts, not counts

    def forget(self, cl_ord_ids: Iterable[str]) -> None:
        """The journal is lost: these are all orders that have left so far."""
        self.forgotten.update(cl_ord_ids)
        for asset, change in self.gains.items():
            self.lost[asset] = self.lost.get(asset, _ZERO) + change
        self.gains.clear()

    # --- questions

    def totals(self, venue: str) -> dict[str, Decimal]:
        """The account's balances, free and locked together."""
        rows = self.world.sites[venue].exchange.balances(ACCOUNT)
        return {asset: _amount(free + locked) for asset, free, locked in rows}

    def moved(self, venue: str) -> dict[str, Decimal]:
        """By asset: what came from outside (deposits, withdrawals, foreign orders), without zeros."""
        paid_in, began = self.world.sites[venue].exchange.ledger.deposited, self._paid_in[venue]
        found = {asset: _amount(units - began.get(asset, 0)) for asset, units in paid_in.items()}
        for (of, asset), change in self.outside.items():
            if of == venue:
                found[asset] = found.get(asset, _ZERO) + Decimal(change)
        return {asset: change for asset, change in found.items() if change}

    def listed(self, asset: str, quote: str) -> bool:
        """Whether some venue still lists a pair of the two: else nobody knows the price."""
        symbol = f"{asset}-{quote}"
        venues = [site.exchange for site in self.world.sites.values()]
        return asset == quote or any(symbol in one.books and one.halted.get(symbol) != DELISTED for one in venues)

    def middle(self, asset: str, quote: str) -> Decimal | None:
        """The mean price of an asset over the venues."""
        if asset == quote:
            return Decimal(1)
        found = []
        for venue in self.world.sites:
            tops = self.tops.get(f"{venue}:{asset}-{quote}")
            if tops and tops[-1][1][0] and tops[-1][1][2]:
                found.append((tops[-1][1][0] + tops[-1][1][2]) / 2)
        return Decimal(sum(found) / len(found)) if found else None

    def worth(self, quote: str, *, lost: bool = False) -> Decimal:
        """What our orders gained so far (with ``lost``: what the others did), at the present prices; an asset without
        a price counts 0."""
        gains = self.lost if lost else self.gains
        return sum((change * (self.middle(asset, quote) or _ZERO) for asset, change in gains.items() if change), _ZERO)

    def naked(self, asset: str, quote: str) -> Decimal:
        """The value of what we hold more (or less, negative) of an asset than before our orders."""
        change = self.gains.get(asset, _ZERO)
        return change * (self.middle(asset, quote) or _ZERO) if change else _ZERO

    def open_for_us(self, venue: str, symbol: str, now_ns: int) -> bool:
        """Whether the venue takes orders on a symbol and shows us its true book now."""
        site = self.world.sites[venue]
        exchange = site.exchange
        return not (
            now_ns < max(site.banned, site.down, site.held, exchange.limited_until_ns, site.silent.get(symbol, 0))
            or now_ns < site.late[1]
            or site.lag_ns
            or site.muted
            or symbol in exchange.halted
            or exchange.books[symbol].ghost
        )

    def rests(self, cl_ord_id: str, venue: str) -> bool:
        """Whether the order is open at the venue."""
        orders = self.world.sites[venue].exchange.orders.values()
        return any(order.cl_ord_id == cl_ord_id and not order.status.terminal for order in orders)

    def over_limits(self) -> dict[str, tuple[int, int]]:
        """How often each venue's counters were over their limit: windows of requests, and counters of its own kind."""
        found = {}
        for venue, site in self.world.sites.items():
            counters = _counters(site)
            windows = sum(one.refused for one in counters if isinstance(one, Window | Rolling))
            found[venue] = windows, sum(one.refused for one in counters) - windows
        return found

    def rejected(self, rules: Sequence[str]) -> list[Arrival]:
        """Our orders that a venue refused by one of these rules."""
        return [one for one in self.arrivals if one.ours and one.refused in rules]


def _amount(units: int) -> Decimal:
    """Ledger units of a venue as an amount."""
    return Decimal(units).scaleb(-SCALE)


@runtime_checkable
class _Counter(Protocol):
    """A rate limit of a venue: ``sim.Window``, ``sim.Rolling``, or a dialect's own."""

    refused: int

    def add(self, key: str, cost: int, now_ns: int) -> bool: ...


def _counters(site: Site) -> list[_Counter]:
    """All counters of rate limits that a venue's dialect has, wherever it keeps them."""
    found: dict[int, _Counter] = {}
    seen: set[int] = set()

    def walk(what: object, depth: int) -> None:
        if id(what) in seen or isinstance(what, str | bytes | int | float | Decimal | SimExchange):
            return
        if isinstance(what, _Counter):
            found[id(what)] = what
            return
        if depth == 0:
            return
        seen.add(id(what))
        if isinstance(what, Mapping):
            inside: list[object] = list(what.values())
        elif isinstance(what, list | tuple):
            inside = list(what)
        else:
            inside = list(getattr(what, "__dict__", {}).values())
            inside += [getattr(what, name, None) for name in getattr(type(what), "__slots__", ())]
        for one in inside:
            walk(one, depth - 1)

    walk(site.dialect, 6)
    return list(found.values())
