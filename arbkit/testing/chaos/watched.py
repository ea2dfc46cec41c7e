"""A run in virtual time that can crash, whose disk and clock have weather too, and that lets judges watch."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial

from msgspec.structs import replace

from arbkit.core.desk import Desk, Setup
from arbkit.core.orders.carried import Carried
from arbkit.core.orders.deals import Deal
from arbkit.core.orders.ids import parse_cl_ord_id
from arbkit.core.orders.journal import Intent, JournalStart, OrderOutcome, decode, encode, scan
from arbkit.core.orders.orders import Order
from arbkit.core.recovery import resume
from arbkit.core.types import NEVER, HttpRequest
from arbkit.sim.site import Site
from arbkit.sim.wire import Answer, SimFrame
from arbkit.sim.world import World
from arbkit.testing.chaos.disk import Disk
from arbkit.testing.chaos.truth import Truth
from arbkit.testing.chaos.weather import Upset
from arbkit.testing.virtual import VirtualRun, reveal

__all__ = ["START_NS", "MakeSetup", "Watched", "client_ids"]

START_NS = 1_763_000_000_000_000_000
_SECOND = 1_000_000_000
_FRESH_AT = 16_000
"""A journal of so many bytes is made anew at a start, so that most runs that crash have that too."""
_STOPS_S = 12.0
"""How long a run that stops because of its disk is given to finish its deals."""

MakeSetup = Callable[[], Setup]
"""Makes the setup of a process that has no past."""
_IDS = re.compile(r"(?<![0-9a-z])a[0-9a-z]{15}(?![0-9a-z])")


def client_ids(text: str) -> list[str]:
    """Our client order ids in a sent text, each once."""
    return [found for found in dict.fromkeys(_IDS.findall(text)) if parse_cl_ord_id(found) is not None]


class _Died(BaseException):
    """The process dies here. No guard of the desk may catch it."""


class Watched(VirtualRun):
    """See the module. ``seen`` is called with each order when its first byte leaves, ``second`` once a second."""

    def __init__(
        self,
        world: World,
        setup: MakeSetup,
        log: Callable[..., None],
        *,
        upsets: tuple[Upset, ...] = (),
        seen: Callable[[Watched, Order, str], None] = lambda run, order, link: None,
        second: Callable[[Watched], None] = lambda run: None,
        filled: Callable[[Watched], None] = lambda run: None,
    ) -> None:
        self.truth = Truth(world)
        self.disk = Disk()
        self.left: dict[str, str] = {}
        """The link on which each client order id was sent."""
        self.sent_ns: dict[str, int] = {}
        """When each client order id was sent."""
        self.unheard: dict[str, int] = {}
        """Sent orders of which no text has come back yet, with the deal of each."""
        self.deals: dict[int, Deal] = {}
        """Every deal that sent an order."""
        self.lost_deals: set[int] = set()
        """Deals of processes that died."""
        self.written: dict[str, int] = {}
        """The journal's position after the intent of each client order id."""
        self.intents: dict[str, Intent] = {}
        self.outcomes: dict[str, OrderOutcome] = {}
        """What the journal said last of each order that ended."""
        self.too_many: set[str] = set()
        """Orders that were answered as too many requests, without a word of the order itself."""
        self._asked: dict[int, list[str]] = {}
        """The client order ids in each HTTP request, by its ref."""
        self._answers: dict[int, tuple[SimFrame, list[str]]] = {}
        """The frames that answer a text with new orders, by their identity, with these orders."""
        self._refused: set[str] = set()
        """Those that arrived while the venue answered everything as too many requests."""
        self.knocked: dict[tuple[str, int], tuple[int, int]] = {}
        """By venue and end of a ban: when the first request reached it, and how many did."""
        self.paused_ns = 0
        """Until when a venue that told so is asked nothing."""
        self.healed_ns = NEVER
        """When the weather ended."""
        self._looked_ns = 0
        self._idle = list(world.sites)
        self.stopped_ns, self.stopped_by_disk = NEVER, False
        self.frames = 0
        """Frames that reached a desk."""
        self.crashes = 0
        self.boots_ns: list[int] = []
        self.wrong: list[str] = []
        """What went wrong in the machinery of restarts, as sentences."""
        self._setup = setup
        self._log = log
        self._seen = seen
        self._second = second
        self._filled = filled
        self._skew_ns = 0
        self._syncing = False
        self._doom: Upset | None = None
        """The crash that waits for its point."""
        for upset in upsets:
            if upset.kind == "skew":
                self._skew_ns = round(upset.amount * 1e9)
        for site in world.sites.values():
            self._overhear(site)
        super().__init__(world, self._desk, START_NS, own_ns=self._skew_ns)
        for upset in upsets:
            if upset.kind != "skew":
                self._later(round(upset.at_s * 1e9), partial(self._happens, upset))
        self._later(_SECOND, self._each_second)

    @property
    def at_s(self) -> float:
        """Seconds since the start."""
        return (self.now_ns - START_NS) / 1e9

    @property
    def dead(self) -> bool:
        """No process lives now."""
        return self.blocked_ns >= NEVER

    # --- boot: as ``arbkit run`` does it

    def _desk(self, port: VirtualRun, now_ns: int) -> Desk:
        self.boots_ns.append(self.now_ns)
        self._syncing = False
        carried = Carried()
        found = scan([bytes(self.disk.data)], carried.take)
        if found.damaged:
            self.wrong.append(f"{self.at_s:.3f} s: the journal is damaged after a crash: {found.text}")
        if found.torn:
            self.disk.cut(found.good_until)
        if len(self.disk.data) >= _FRESH_AT:
            fresh = [JournalStart(at_ns=now_ns), *carried.records()]
            self.disk.replace(b"".join(map(encode, fresh)))
            carried = Carried()
            scan([bytes(self.disk.data)], carried.take)
        setup = self._setup()
        accounts = dict.fromkeys([venue.account for venue in setup.venues], "sim")
        resumed = resume(carried, accounts, mode="live", code="chaos", now_ns=now_ns)
        for record in resumed.starts:
            self.disk.append(record)
        self.disk.flush()
        setup = replace(
            setup,
            seed=setup.seed + len(self.boots_ns),
            block=resumed.block,
            first=resumed.first,
            unresolved=resumed.left.unresolved,
            interrupted=resumed.left.interrupted,
            booked=resumed.left.booked,
            kept=resumed.left.kept,
        )
        return Desk(setup, port, now_ns, log=self._log)

    @property
    def owes(self) -> bool:
        """Whether the journal says that something is open."""
        left = decode(bytes(self.disk.data)).left()
        return bool(left.unresolved or left.interrupted)

    # --- the port, watched

    def send(self, link: str, text: str) -> bool:
        plain = reveal(text)
        fresh = self._fresh(plain)
        if fresh and self._doomed("before_send"):
            raise _Died
        if fresh:
            ids = [order.cl_ord_id for order in fresh]
            self._later(self.latency_ns, partial(self._limited, link.partition(".")[0], ids))
        found = super().send(link, text)
        if found and fresh:
            self._leaves(link, fresh)
        return found

    def request(self, link: str, ref: int, request: HttpRequest, timeout_ns: int) -> None:
        fresh = self._fresh(f"{reveal(request.url)} {request.body.decode()}")
        if fresh and self._doomed("before_send"):
            raise _Died
        ids = [order.cl_ord_id for order in fresh]
        if ids:
            self._asked[ref] = ids
        self._later(self.latency_ns, partial(self._knocks, link.partition(".")[0], ids))
        super().request(link, ref, request, timeout_ns)
        if fresh:
            self._leaves(link, fresh)

    def journal(self, record: bytes) -> int:
        if record and self._doom is not None and self._doom.point.endswith("_write"):
            if self._doom.point != "before_write":
                written = record[: len(record) * 2 // 3] if self._doom.point == "torn_write" else record
                self._note(written, self.disk.append(written))
            raise _Died
        position = self.disk.append(record)
        if record:
            self._note(record, position)
            self._sync()
        return position

    def _note(self, written: bytes, position: int) -> None:
        """What the journal says now; of a torn record, what is whole."""
        for one in decode(written).records:
            if isinstance(one, Intent):
                self.written[one.order.cl_ord_id] = position
                self.intents[one.order.cl_ord_id] = one
            elif isinstance(one, OrderOutcome):
                self.outcomes[one.cl_ord_id] = one

    def _overhear(self, site: Site) -> None:
        """Note the venue's answers to texts with orders on a socket: what it says while it reads the text."""
        reads = site.dialect.frame

        def heard(conn: int, text: str, now_ns: int) -> None:
            said = site.wire.outs
            before = len(said)
            reads(conn, text, now_ns)
            if ids := client_ids(text):
                for out in said[before:]:
                    if isinstance(out, SimFrame) and out.kind == "reply" and out.conn == conn:
                        self._answers[id(out)] = out, ids

        site.dialect.frame = heard  # type: ignore[method-assign]  # a log around the venue's own door

    def _limited(self, venue: str, ids: list[str]) -> None:
        """New orders arrive: a venue that is overrun or has banned us says so, perhaps without their ids."""
        site = self.world.sites[venue]
        if self.now_ns < max(site.banned, site.exchange.limited_until_ns):
            self._refused.update(ids)

    def _knocks(self, venue: str, ids: list[str]) -> None:
        """An HTTP request with these new orders arrives."""
        site = self.world.sites[venue]
        until_ns = site.banned
        self._limited(venue, ids)
        if self.now_ns < until_ns:
            since_ns, count = self.knocked.get((venue, until_ns), (self.now_ns, 0))
            self.knocked[venue, until_ns] = since_ns, count + 1

    def _sync(self) -> None:
        """The writer's thread: one sync at a time, for all that was written."""
        if not self._syncing:
            self._syncing = True
            self._tell(self.disk.sync_ns, partial(self._synced, len(self.disk.data)))

    def _synced(self, position: int) -> None:
        self._syncing = False
        self.disk.sync(position)
        if len(self.disk.data) > position:
            self._sync()
        self.desk.durable(position, self.clock_ns)

    def _drain(self) -> None:
        if self.truth.look(self.now_ns):
            self._filled(self)
        super()._drain()

    def _frame(self, frame: SimFrame) -> None:
        self.frames += 1
        if self.unheard and frame.kind not in ("book", "top", "trades"):
            self._hear(frame.text)
        if (answered := self._answers.pop(id(frame), None)) is not None:
            self._answered(answered[1])
        super()._frame(frame)

    def _answer(self, out: Answer) -> None:
        if self.unheard and out.reply is not None:
            self._hear(out.reply.body.decode(errors="replace"))
            flight = self._refs.get(out.ref)
            self._answered(self._asked.get(flight[0], ()) if flight else ())
        super()._answer(out)

    def _answered(self, cl_ord_ids: Sequence[str]) -> None:
        """The answer to a text with these new orders came back. An error may not repeat an order's id."""
        self.too_many.update(self._refused.intersection(cl_ord_ids))
        for cl_ord_id in self.truth.refused.intersection(cl_ord_ids):
            self.unheard.pop(cl_ord_id, None)

    def _hear(self, text: str) -> None:
        for cl_ord_id in [one for one in self.unheard if one in text]:
            del self.unheard[cl_ord_id]

    # --- orders that leave

    def _fresh(self, text: str) -> list[Order]:
        """The orders in a text that were not sent before."""
        found = []
        for cl_ord_id in client_ids(text):
            if cl_ord_id not in self.left:
                for table in self.desk.orders.values():
                    order = table.get(cl_ord_id)
                    if order is not None and not order.sent_ns:
                        found.append(order)
        return found

    def _leaves(self, link: str, orders: list[Order]) -> None:
        for order in orders:
            cl_ord_id = order.cl_ord_id
            deal = self.desk.engine.deals.get(order.intent.deal)
            if deal is not None:
                self.deals[deal.id] = deal
            self._seen(self, order, link)
            self.left[cl_ord_id] = link
            self.sent_ns[cl_ord_id] = self.now_ns
            self.unheard[cl_ord_id] = order.intent.deal
        if self._doomed("after_send"):
            raise _Died

    # --- upsets

    def _doomed(self, point: str) -> bool:
        return self._doom is not None and self._doom.point == point

    def _happens(self, upset: Upset) -> None:
        until_ns = round(upset.for_s * 1e9)
        match upset.kind:
            case "crash":
                if self._doom is None and not self.dead:
                    self._doom = upset
                    if upset.point == "now":
                        raise _Died
            case "drift":
                self._drift(round(upset.amount * 1e8), self.now_ns + until_ns)
            case "jump":
                self._tell(0, lambda: self.desk.jumped(self.clock_ns))
            case "stall":
                if not self.dead:
                    self.blocked_ns = self.now_ns + until_ns
                    self._tell(until_ns, lambda: self.desk.late(until_ns, self.clock_ns))
            case "slow_disk":
                self.disk.sync_ns = round(upset.amount * 1e9)
                self._later(until_ns, self.disk.repaired)
            case "slow_line":
                self.latency_ns = round(upset.amount * 1e9)
            case "disk_full" | "disk_dead":
                self.disk.broken = upset.kind == "disk_dead"
                self.stopped_by_disk = True
                self._tell(0, self.stop_desk)
                self._tell(round(_STOPS_S * 1e9), partial(self._happens, Upset(kind="crash", for_s=upset.for_s)))

    def _drift(self, step_ns: int, until_ns: int) -> None:
        """Ten steps a second: each is far below what a desk can see as a jump."""
        self.own_ns += step_ns
        if self.now_ns < until_ns:
            self._later(_SECOND // 10, partial(self._drift, step_ns, until_ns))

    def _die(self) -> None:
        upset = self._doom or Upset(kind="crash")
        self._doom = None
        self.crashes += 1
        self.lost_deals.update(self.desk.engine.deals)
        self.crash()
        if upset.power:
            self.disk.lose_power()
        if upset.forget:
            self.disk.forget()
            self.truth.forget(self.left)
            self.unheard.clear()
        self._later(round(upset.for_s * 1e9), partial(self._again, upset))

    def _again(self, upset: Upset) -> None:
        self.disk.repaired()
        self.own_ns = self._skew_ns
        self.stopped_ns, self.stopped_by_disk = NEVER, False
        self.boot(self._desk)
        if upset.every_s and upset.count > 1:
            left = Upset(
                kind="crash", every_s=upset.every_s, count=upset.count - 1, for_s=upset.for_s, point=upset.point
            )
            self._later(round(upset.every_s * 1e9), partial(self._happens, left))

    def stop_desk(self) -> None:
        """Ask the desk to stop, as Ctrl-C does."""
        self.stopped_ns = self.clock_ns
        self.desk.stop(self.clock_ns)

    def heal(self) -> None:
        """End the weather, that of our own machine too."""
        self._doom = None
        self.disk.repaired()
        self.world.heal()
        self.healed_ns = self.now_ns

    @property
    def fair_edges(self) -> int:
        """How many edges the venues showed after the weather ended."""
        return sum(self.healed_ns < edge.start_ns < self.now_ns for edge in self.world.market.edges)

    def trades_everywhere(self) -> bool:
        """Whether each venue got an order of ours since the weather ended."""
        return not self.idle_venues()

    def idle_venues(self) -> list[str]:
        """Venues without an order of ours since the weather ended."""
        since_ns = self.healed_ns
        if self.now_ns - self._looked_ns > _SECOND // 2:
            self._looked_ns = self.now_ns
            served = {
                self.left[cl_ord_id].partition(".")[0]
                for cl_ord_id, sent_ns in self.sent_ns.items()
                if sent_ns > since_ns
            }
            self._idle = [venue for venue in self.world.sites if venue not in served]
        return self._idle

    # --- the loop

    def _each_second(self) -> None:
        if not self.dead:
            self._second(self)
        self._later(_SECOND, self._each_second)

    def run(self, until_ns: int, done: Callable[[], bool] = lambda: False) -> None:
        """As ``VirtualRun.run``; the process may die and start again in it."""
        while True:
            try:
                super().run(until_ns, lambda: not self.dead and done())
                return
            except _Died:
                self._die()
