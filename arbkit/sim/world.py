"""Several simulated venues in one market: requests, frames and time in; replies and frames out. No I/O.

A caller (``arbkit.testing.virtual`` in virtual time, ``arbkit.sim.shell`` on real sockets) passes in the clients'
messages, calls ``tick`` when ``due_ns`` is reached, and after each call delivers what ``drain`` returns. All venues
share one clock, the argument ``now_ns``, which must not go back. The same seed and calls give the same answers.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any, Final

from msgspec import to_builtins

from arbkit.core.errors import ConfigError
from arbkit.sim import dump, keys
from arbkit.sim.dialect import Dialect
from arbkit.sim.faults import Fault, Script
from arbkit.sim.flow import Flow
from arbkit.sim.market import MAKER, Divergence, Market, PlantedEdge
from arbkit.sim.pair import Pair
from arbkit.sim.site import Site
from arbkit.sim.timers import NEVER, Timers
from arbkit.sim.trouble import ACCOUNT, Trouble
from arbkit.sim.venue import Account, Lost, OrderReport, Report, SimExchange
from arbkit.sim.wire import Answer, Close, Out, Ping, Reply, Request, SimFrame

__all__ = ["ACCOUNT", "MARKET", "PAIRS", "PRICES", "Site", "World"]

PRICES: Final[Mapping[str, Decimal]] = {"BTC-USDT": Decimal(61800), "ETH-USDT": Decimal(2400)}
"""Symbols of a default world, and the price at which the flow starts."""
PAIRS: Final[Mapping[str, Pair]] = {
    pair.symbol: pair
    for pair in (
        Pair("BTC-USDT", "BTC", "USDT", Decimal("0.01"), Decimal("0.00001"), Decimal("0.00001"), Decimal(5)),
        Pair("ETH-USDT", "ETH", "USDT", Decimal("0.01"), Decimal("0.0001"), Decimal("0.0001"), Decimal(5)),
        Pair("SOL-USDT", "SOL", "USDT", Decimal("0.01"), Decimal("0.001"), Decimal("0.001"), Decimal(5)),
        Pair("ETH-BTC", "ETH", "BTC", Decimal("0.00001"), Decimal("0.0001"), Decimal("0.0001"), Decimal("0.0001")),
        Pair("BNB-USDT", "BNB", "USDT", Decimal("0.01"), Decimal("0.001"), Decimal("0.001"), Decimal(5)),
        Pair("XRP-USDT", "XRP", "USDT", Decimal("0.0001"), Decimal("0.1"), Decimal("0.1"), Decimal(5), Decimal(10**6)),
        Pair("DOGE-USDT", "DOGE", "USDT", Decimal("0.00001"), Decimal(1), Decimal(1), Decimal(1), Decimal(10**7)),
        Pair("BTC-USDC", "BTC", "USDC", Decimal("0.01"), Decimal("0.00001"), Decimal("0.00001"), Decimal(5)),
        Pair("ETH-USDC", "ETH", "USDC", Decimal("0.01"), Decimal("0.0001"), Decimal("0.0001"), Decimal(5)),
        Pair("SOL-BTC", "SOL", "BTC", Decimal("0.0000001"), Decimal("0.001"), Decimal("0.001"), Decimal("0.0001")),
        Pair("SOL-ETH", "SOL", "ETH", Decimal("0.00001"), Decimal("0.001"), Decimal("0.001"), Decimal("0.001")),
        Pair("SOL-BNB", "SOL", "BNB", Decimal("0.0001"), Decimal("0.001"), Decimal("0.001"), Decimal("0.02")),
    )
}
"""The symbols that a world can have, with tick and lot. A venue's profile can replace them."""
MARKET: Final[Mapping[str, Decimal]] = {
    **PRICES,
    "SOL-USDT": Decimal(150),
    "BNB-USDT": Decimal(620),
    "XRP-USDT": Decimal("2.2"),
    "DOGE-USDT": Decimal("0.17"),
    "BTC-USDC": Decimal(61800),
    "ETH-USDC": Decimal(2400),
    "ETH-BTC": Decimal(2400) / Decimal(61800),
    "SOL-BTC": Decimal(150) / Decimal(61800),
    "SOL-ETH": Decimal(150) / Decimal(2400),
    "SOL-BNB": Decimal(150) / Decimal(620),
}
"""Twelve symbols over five quotes, with prices that agree: the market of ``arbkit sim``."""
_STOCK: Final = Decimal(10**6)
_PURSE: Final[Mapping[str, Decimal]] = {
    "USDT": Decimal(200_000),
    "BTC": Decimal(3),
    "ETH": Decimal(80),
    "USDC": Decimal(100_000),
    "SOL": Decimal(600),
    "BNB": Decimal(150),
    "XRP": Decimal(40_000),
    "DOGE": Decimal(500_000),
}
_MARKET: Final = ("book", "top", "trades")
_KEY_CHARS: Final = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


class World:
    """``World([BinanceDialect, OkxDialect], seed=1, start_ns=now)``.

    Every venue lists the symbols of ``prices``. It has one client account, ``main``, with the balances of ``purse`` (or
    its own in ``purses``), the venue's default fee rates (or its own (maker, taker) in ``fees``) and keys made from the
    seed, and one synthetic account that quotes the order flow.
    """

    def __init__(
        self,
        dialects: Sequence[type[Dialect]],
        *,
        seed: int,
        start_ns: int,
        prices: Mapping[str, Decimal] = PRICES,
        purse: Mapping[str, Decimal] = _PURSE,
        purses: Mapping[str, Mapping[str, Decimal]] = {},
        fees: Mapping[str, tuple[Decimal, Decimal]] = {},
        divergence: Divergence | None = None,
        faults: Sequence[Fault] = (),
    ) -> None:
        self.start_ns = start_ns
        self.sites: dict[str, Site] = {}
        self._venue_of: dict[int, Site] = {}
        self._out: list[Out] = []
        self._later: list[tuple[int, int, Out]] = []
        self._timers = Timers()
        self._count = 0
        known = [dialect.venue for dialect in dialects]
        for fault in faults:
            if fault.venue and fault.venue not in known:
                raise ConfigError(
                    f"fault script: no venue {fault.venue!r} in this run; the venues are {', '.join(known)}"
                )
        divergence = divergence or Divergence()
        flows = {}
        for dialect in dialects:
            venue, rng = dialect.venue, Random(f"{seed}:{dialect.venue}")
            own = {pair.symbol: pair for pair in dialect.profile.pairs}
            pairs = [own.get(symbol) or PAIRS[symbol] for symbol in prices]
            exchange = SimExchange(venue, dialect.profile, pairs)
            assets = list(dict.fromkeys(asset for pair in pairs for asset in (pair.base, pair.quote)))
            maker = Account(MAKER, synthetic=True, maker=Decimal(0), taker=Decimal(0))
            exchange.open(maker, [(asset, _STOCK * 1000) for asset in assets])
            es256 = keys.Es256(f"{seed}:{venue}:es256") if dialect.profile.es256 else None
            maker_fee, taker_fee = fees.get(venue, (None, None))
            mine = purses.get(venue, purse)
            main = Account(
                ACCOUNT,
                maker=maker_fee,
                taker=taker_fee,
                key=_text(rng, 32),
                secret=_text(rng, 48) if es256 is None else es256.pem,
                passphrase=_text(rng, 12),
                uid=rng.randrange(10**7, 10**8),
                ed25519=keys.make(f"{seed}:{venue}:ed25519") if dialect.profile.ed25519 else None,
                es256=es256,
            )
            exchange.open(main, [(asset, mine[asset]) for asset in assets if asset in mine])
            site = Site(exchange, dialect, Script(faults, venue, start_ns, Random(f"{seed}:{venue}:faults")))
            self.sites[venue] = site
            for pair in pairs:
                flow = Flow(
                    pair, prices[pair.symbol], str(seed), venue, divergence.noise, divergence.step_s, divergence.pace
                )
                flows[venue, pair.symbol] = flow
        exchanges = {venue: site.exchange for venue, site in self.sites.items()}
        self._now_ns = start_ns
        self.market = Market(exchanges, flows, start_ns, divergence, Random(f"{seed}:market"))
        self._troubles = {
            venue: Trouble(site, self.market, self._timers, lambda: self._now_ns, partial(self._cut, site))
            for venue, site in self.sites.items()
        }
        for trouble in self._troubles.values():
            trouble.hook()
        self._sites = tuple(zip(self.sites.values(), self._troubles.values(), strict=True))
        self._stirred = False
        """Something was changed that has not been told yet."""
        for site in self.sites.values():
            site.exchange.take_reports()

    # --- in ---------------------------------------------------------------------------------------------------------

    def http(self, venue: str, request: Request, ref: int, now_ns: int) -> None:
        """An HTTP request arrived. ``drain`` will return an ``Answer`` with the caller's ``ref``."""
        self._begin(now_ns)
        site = self.sites[venue]
        reply = self._http(site, request, now_ns)
        self._flush(site)
        delay_ns = reply.delay_ns if reply is not None else 0
        self._emit(site, Answer(ref, reply), now_ns + delay_ns)

    def connect(self, venue: str, target: str, headers: Mapping[str, str], now_ns: int) -> tuple[int, Reply | None]:
        """A WebSocket handshake. Returns the connection's number, and the reply that refuses it (None = accepted)."""
        self._begin(now_ns)
        site = self.sites[venue]
        self._count += 1
        conn = self._count
        refused = self._troubles[site.exchange.name].door(now_ns)
        refused = refused or site.dialect.connect(conn, target, headers, now_ns + site.skew_ns)
        if refused is None:
            site.conns[conn] = set()
            self._venue_of[conn] = site
        self._flush(site)
        return conn, refused

    def frame(self, conn: int, text: str, now_ns: int) -> None:
        """A text frame from a client. Frames on a closed connection are ignored."""
        site = self._venue_of.get(conn)
        if site is None:
            return
        self._begin(now_ns)
        accepted = site.exchange.accepted
        site.exchange.visible_ns = now_ns + site.skew_ns - site.blind_ns
        try:
            site.dialect.frame(conn, text, now_ns + site.skew_ns)
        except Lost:
            self._flush(site)
            return
        self._troubles[site.exchange.name].accepted(accepted, now_ns)
        lost = site.exchange.accepted > accepted and site.faults.take("lose_ack", now_ns, detail="ws")
        if not lost:
            self._flush(site)
        elif lost.cut:
            # All frames to this socket are lost, private events too.
            self._flush(site, mute=conn)
            self._cut(site, conn)
        else:
            self._flush(site, mute=conn, only="reply")

    def closed(self, conn: int, now_ns: int) -> None:
        """The client closed a connection. An unknown one is ignored."""
        site = self._venue_of.pop(conn, None)
        if site is not None:
            self._begin(now_ns)
            site.conns.pop(conn, None)
            site.muted.pop(conn, None)
            site.dialect.closed(conn, now_ns)
            self._flush(site)

    @property
    def due_ns(self) -> int:
        """When ``tick`` should be called next. Timed faults fire at the first tick after their time; each venue
        has ten steps of the order flow per second."""
        due = min(self.market.due_ns, self._timers.due_ns, self._later[0][0] if self._later else NEVER)
        for site, _ in self._sites:
            site_ns = site.timers.due_ns - site.skew_ns
            if site_ns < due:
                due = site_ns
        return due

    def tick(self, now_ns: int) -> None:
        """Do everything that is due: change quotes, send depth frames and pings, fire faults."""
        self._begin(now_ns)
        stirred, self._stirred = self._stirred or min(self.market.due_ns, self._timers.due_ns) <= now_ns, False
        if stirred:
            self.market.tick(now_ns)
            self._timers.tick(now_ns)
        for site, trouble in self._sites:
            if fires := trouble.due_ns <= now_ns:
                trouble.tick(now_ns)
            if (stirred or fires) and site.stirred:
                self._flush(site)
            if site.timers.due_ns <= now_ns + site.skew_ns:
                site.timers.tick(now_ns + site.skew_ns)
                if site.stirred:
                    self._flush(site)

    def heal(self) -> None:
        """End all faults, also those in progress. Frames that are already delayed still come late, in order."""
        for trouble in self._troubles.values():
            trouble.heal()
        self._stirred = True

    # --- out --------------------------------------------------------------------------------------------------------

    def drain(self) -> list[Out]:
        """The messages to deliver now, in order. Connection numbers and refs are unique over all venues."""
        outs, self._out = self._out, []
        return outs

    def endpoints(self, venue: str, http: str, ws: str) -> dict[str, str | None]:
        """The venue's base URLs for a server's origins, with the client account's key, secret and passphrase."""
        site = self.sites[venue]
        main = site.exchange.accounts[ACCOUNT]
        return {
            **site.dialect.endpoints(http, ws),
            "key": main.key,
            "secret": main.secret,
            "passphrase": main.passphrase,
        }

    def second_key(self, venue: str) -> dict[str, str]:
        """The client account's Ed25519 key, if the venue knows such keys: its name, and the private key as PEM."""
        second = self.sites[venue].exchange.accounts[ACCOUNT].ed25519
        return {} if second is None else {"ed25519_key": second.key, "ed25519_pem": second.pem}

    def plant(
        self, symbol: str, buy_venue: str, sell_venue: str, net: float, start_ns: int, duration_ns: int
    ) -> PlantedEdge:
        """See ``Market.plant``."""
        return self.market.plant(symbol, buy_venue, sell_venue, net, start_ns, duration_ns)

    def plant_cycle(
        self, venue: str, symbol: str, net: float, start_ns: int, duration_ns: int, *, up: bool = True
    ) -> PlantedEdge:
        """See ``Market.plant_cycle``."""
        return self.market.plant_cycle(venue, symbol, net, start_ns, duration_ns, up=up)

    def ledger(self) -> dict[str, Any]:
        """The balances of each venue; see ``dump.ledger``."""
        return {venue: dump.ledger(site.exchange) for venue, site in self.sites.items()}

    def orders(self) -> dict[str, list[dict[str, Any]]]:
        """All orders that each venue accepted, with their fills; see ``dump.orders``."""
        return {venue: dump.orders(site.exchange) for venue, site in self.sites.items()}

    def faults(self) -> dict[str, Any]:
        """The fired faults, as counts by kind and as a list, and the planted edges."""
        fired = sorted((f for site in self.sites.values() for f in site.faults.fired), key=lambda f: (f.ns, f.venue))
        counts: dict[str, int] = {}
        for one in fired:
            counts[one.kind] = counts.get(one.kind, 0) + 1
        return {"counts": counts, "fired": to_builtins(fired), "edges": to_builtins(self.market.edges)}

    # --- inside -----------------------------------------------------------------------------------------------------

    def _begin(self, now_ns: int) -> None:
        """Start a call at ``now_ns``: send delayed messages that are due before anything newer."""
        self._now_ns = now_ns
        while self._later and self._later[0][0] <= now_ns:
            self._out.append(heapq.heappop(self._later)[2])

    def _http(self, site: Site, request: Request, now_ns: int) -> Reply | None:
        exchange, faults = site.exchange, site.faults
        exchange.visible_ns = now_ns + site.skew_ns - site.blind_ns
        if door := self._troubles[site.exchange.name].door(now_ns):
            return door
        if now_ns < exchange.limited_until_ns:
            return site.dialect.limited(now_ns, exchange.limited_until_ns - now_ns)
        fault = faults.take("status", now_ns, detail=f"{request.method} {request.path}")
        if fault and not fault.applied:
            return self._troubles[site.exchange.name].broken(fault, now_ns)
        accepted = exchange.accepted
        try:
            reply = site.dialect.http(request, now_ns + site.skew_ns)
        except Lost:
            return None
        self._troubles[site.exchange.name].accepted(accepted, now_ns)
        if fault:
            return self._troubles[site.exchange.name].broken(fault, now_ns)
        if exchange.accepted > accepted and faults.take("lose_ack", now_ns, detail="http"):
            return None
        return reply

    def _cut(self, site: Site, conn: int) -> None:
        site.conns.pop(conn, None)
        site.muted.pop(conn, None)
        self._venue_of.pop(conn, None)
        site.dialect.closed(conn, self._now_ns)
        self._emit(site, Close(conn, 1006), self._now_ns)

    def _flush(self, site: Site, mute: int = 0, only: str = "") -> None:
        """Turn the exchange's reports into frames, apply book faults, and send.

        ``mute``: frames to this connection are lost; with ``only``, just the frames of that kind.
        """
        now_ns, dialect = self._now_ns, site.dialect
        self.market.eaten(site.exchange, now_ns)
        reports = site.exchange.take_reports()
        if reports and site.faults.has("late_fill"):
            reports = self._in_time(site, reports, now_ns)
        if reports:
            dialect.reports(reports, now_ns + site.skew_ns)
        for out in site.wire.take():
            if site.muted and not isinstance(out, Answer) and self._is_muted(site, out, now_ns):
                continue
            if isinstance(out, SimFrame):
                if mute == out.conn and only in ("", out.kind):
                    continue
                kinds = site.conns.get(out.conn)
                if kinds is None:
                    continue
                kinds.add(out.kind)
                if site.silent and out.kind in _MARKET and now_ns < site.silent.get(out.symbol, 0):
                    continue
                if out.kind == "book":
                    self._book(site, out, now_ns)
                    continue
                if out.kind == "top":
                    self.market.shown(site.exchange.name, out.symbol, now_ns)
            elif isinstance(out, Close):
                if out.conn not in site.conns:
                    continue
                self._emit(site, out, now_ns)
                site.conns.pop(out.conn)
                self._venue_of.pop(out.conn, None)
                dialect.closed(out.conn, now_ns)
                continue
            self._emit(site, out, now_ns)

    def _in_time(self, site: Site, reports: Sequence[Report], now_ns: int) -> list[Report]:
        """The reports without fills that come late."""

        def late(report: Report) -> bool:
            if not isinstance(report, OrderReport) or report.fill is None:
                return False
            fault = site.faults.take("late_fill", now_ns, report.order.symbol)
            if fault is not None:
                due_ns = now_ns + round(fault.for_s * 1e9)
                self._timers.at(due_ns, lambda now: site.dialect.reports([report], now + site.skew_ns))
            return fault is not None

        return [report for report in reports if not late(report)]

    @staticmethod
    def _is_muted(site: Site, out: SimFrame | Ping | Close, now_ns: int) -> bool:
        until_ns, on = site.muted.get(out.conn, (0, ""))
        return now_ns < until_ns and not isinstance(out, Close) and (on == "any" or getattr(out, "kind", "") == on)

    def _book(self, site: Site, frame: SimFrame, now_ns: int) -> None:
        """Apply the book faults to one frame and send it."""
        faults, symbol = site.faults, frame.symbol
        if faults.take("drop", now_ns, symbol):
            return
        if faults.take("corrupt", now_ns, symbol):
            frame = SimFrame(frame.conn, frame.text[: len(frame.text) * 2 // 3], frame.kind, symbol, frame.pack)
        key = (frame.conn, symbol)
        if key not in site.reordered and faults.take("reorder", now_ns, symbol):
            site.reordered[key] = frame
            return
        self._emit(site, frame, now_ns)
        self.market.shown(site.exchange.name, symbol, now_ns)
        if (earlier := site.reordered.pop(key, None)) is not None:
            self._emit(site, earlier, now_ns)
        if faults.take("duplicate", now_ns, symbol):
            self._emit(site, frame, now_ns)

    def _emit(self, site: Site, out: Out, at_ns: int) -> None:
        """Send at ``at_ns``, or at the end of the present delay if it is later. The order is kept."""
        if site.late_ns and isinstance(out, SimFrame) and out.kind in _MARKET:
            since, until, share = site.late
            at_ns += site.lag_ns
            if at_ns < until:
                at_ns += round((at_ns - since) * share)
            at_ns = site.late_ns = max(at_ns, site.late_ns)
        if at_ns < site.held:
            at_ns = site.held
        if at_ns <= self._now_ns:
            self._out.append(out)
        else:
            self._count += 1
            heapq.heappush(self._later, (at_ns, self._count, out))


def _text(rng: Random, length: int) -> str:
    return "".join(rng.choices(_KEY_CHARS, k=length))
