"""Conformance rules about reading: declarations, instruments, books, clock, balances, fees and asset status."""

from __future__ import annotations

from decimal import Decimal

from arbkit.core.errors import LocalProtocolError
from arbkit.core.execution.requests import lane_of
from arbkit.core.types import (
    Ask,
    AskKind,
    AssetStatus,
    Balance,
    BookLost,
    BookState,
    CancelAll,
    CancelOrder,
    ClockSample,
    Command,
    FeeUpdate,
    ListFills,
    ListOpenOrders,
    QueryOrder,
    Role,
    Tif,
    TopUpdate,
    Trade,
)
from arbkit.core.venues.throttle import Throttle
from arbkit.sim.faults import Fault
from arbkit.sim.pair import UNIT, units
from arbkit.sim.world import ACCOUNT
from arbkit.testing.conformance.invented import an_order, invented
from arbkit.testing.conformance.rig import LATENCY_NS, SECOND, Rig
from arbkit.testing.conformance.rules import NotRun, VenueUnderTest, must, rule, same

__all__: list[str] = []

_PUBLIC = (Role.PUBLIC, Role.REST)


@rule("capability card")
def declared(subject: VenueUnderTest) -> None:
    """Each request and command has a cost that names a declared rate limit, and the limit is large enough for it."""
    exchange = subject.made()
    me, one = f"{exchange.venue}:main", invented(exchange.venue, 1)[0].id
    commands: tuple[Ask | Command, ...] = (
        an_order(exchange.venue),
        CancelOrder(account=me, instrument=one, cl_ord_id="a"),
        CancelAll(account=me, instrument=one),
        QueryOrder(account=me, instrument=one, cl_ord_id="a"),
        ListOpenOrders(account=me),
        ListOpenOrders(account=me, instrument=one),
        ListFills(account=me, instrument=one),
        *(Ask(kind=kind, instrument=one) for kind in AskKind if kind is not AskKind.TOKEN),
    )
    for what in commands:
        roles = (Role.REST,) if isinstance(what, Ask) else exchange.route(what)
        for role in roles:
            cost = exchange.cost(what, role)
            needed = not isinstance(what, Ask) or what.kind is AskKind.CATALOGUE  # not every venue has the other reads
            must(cost or not needed, f"{what!r} over {role.value} costs nothing: no rate limit would hold it back")
            throttle = Throttle(exchange.rate_limits)
            try:
                ready_ns = throttle.ready_ns(cost, lane_of(what), 0)
            except LocalProtocolError as error:
                must(False, str(error))
            must(ready_ns == 0, f"{what!r} over {role.value} can never be granted: {cost}")


@rule("catalogue and rounding", "dialect")
def catalogue(subject: VenueUnderTest) -> None:
    """Each pair of the venue is in the catalogue with its exact order rules; a halted pair is not tradable."""
    rig = subject.rig()
    rig.truth.halted["ETH-USDT"] = "for the test"
    rig.boot(roles=(Role.REST,))
    for symbol, pair in rig.truth.pairs.items():
        known = rig.catalogue.get(f"{rig.venue}:{symbol}")
        if symbol in rig.truth.halted:
            must(known is None or not known.tradable, f"{symbol} is halted, but tradable in the adapter's catalogue")
            continue
        if known is None:
            must(False, f"{symbol} is missing")
            continue
        same((known.tick, known.lot), (pair.tick, pair.lot), f"tick and lot of {symbol}")
        same((known.base, known.quote, known.symbol), (pair.base, pair.quote, symbol), f"names of {symbol}")
        same(known.min_notional, pair.min_notional, f"minimum notional of {symbol}")
        same(known.max_qty, pair.max_qty if pair.max_qty.is_finite() else None, f"largest size of {symbol}")
        must(max(known.min_qty, known.lot) == pair.min_qty, f"smallest size of {symbol}: {known.min_qty}")
        must(known.tradable and known.kind == "spot", f"{symbol} is not tradable spot")
        rules = (known.tick, known.lot, known.min_qty, known.min_notional)
        must(all(isinstance(value, Decimal) for value in rules), f"{symbol}: an order rule is not a Decimal")


def _books(rig: Rig, least: int) -> None:
    """Check that the books are SYNCED, and that every compared book was a true one."""
    must(not rig.judge.wrong, f"books that the venue did not have: {rig.judge.wrong}")
    must(rig.judge.compared >= least, f"only {rig.judge.compared} books to compare")
    for book in rig.books.values():
        must(book.state is BookState.SYNCED, f"{book.instrument} is {book.state.value}: {book.reason}")


@rule("book sync", "dialect")
def book(subject: VenueUnderTest) -> None:
    """Snapshot and deltas give the venue's true book, 20 levels deep, after each update during 30 seconds."""
    rig = subject.rig().boot(("BTC-USDT", "ETH-USDT"), _PUBLIC)
    rig.run_for(30)
    _books(rig, 200)


@rule("book sync", "dialect")
def book_faults(subject: VenueUnderTest) -> None:
    """Sequence gaps and dropped, repeated, reordered and truncated frames: a book that the venue lets us check
    (``Capabilities.book_check``) is lost and recovers, and is never wrong while it is SYNCED."""
    kinds = ("skip", "drop", "duplicate", "reorder", "corrupt")
    faults = tuple(
        Fault(kind=kind, at_s=3 + 11 * number, count=4, every_s=2, symbol="BTC-USDT")  # type: ignore[arg-type]  # kinds
        for number, kind in enumerate(kinds)
    )
    rig = subject.rig(faults=faults).boot(("BTC-USDT", "ETH-USDT"), _PUBLIC)
    rig.run_for(150)
    fired = rig.world.faults()["counts"]
    must(all(fired.get(kind, 0) == 4 for kind in kinds), f"faults that fired: {fired}")
    if rig.exchange.capabilities.book_check == "none":
        raise NotRun("capabilities.book_check is none: the venue gives nothing to check a book by")
    must(rig.outs(BookLost), "no book was declared lost")
    _books(rig, 500)


@rule("restarts", "dialect")
def book_reconnect(subject: VenueUnderTest) -> None:
    """After a cut connection, the new one restores every book from a new snapshot."""
    rig = subject.rig().boot(("BTC-USDT", "ETH-USDT"), _PUBLIC)
    for _ in range(3):
        link = rig.line(Role.PUBLIC).spec.link
        rig.cut(link)
        must(
            all(b.state is BookState.LOST for b in rig.books.values()),
            "a book stayed trusted after its connection was cut",
        )
        rig.run_for(20)
        must(rig.lines[link].ready, f"{link} did not come back")
        _books(rig, 1)


@rule("book sync", "dialect")
def top(subject: VenueUnderTest) -> None:
    """If the adapter uses a best bid-ask stream, each update equals the venue's best prices at that update id."""
    rig = subject.rig().boot(("BTC-USDT",), _PUBLIC)
    rig.run_for(10)
    tops = rig.outs(TopUpdate)
    if not tops:
        raise NotRun("the adapter sends no TopUpdate")
    checked = 0
    for each in tops:
        want = rig.judge.top(each.instrument.partition(":")[2], each.seq)
        if want is None:
            continue
        same((each.bid.px, each.bid.qty, each.ask.px, each.ask.qty), want, f"top at {each.seq}")
        checked += 1
    must(checked >= 10, f"only {checked} tops to compare")


@rule("clock skew", "dialect")
def clock(subject: VenueUnderTest) -> None:
    """A venue clock that is wrong by five seconds is measured within the error stated in each sample, and sharply by
    the best of them: a venue may tell whole seconds over REST, and more on its sockets."""
    for skew_ns in (5 * SECOND, -5 * SECOND, 0):
        rig = subject.rig(skew_ns=skew_ns).boot()
        sharp_ns = LATENCY_NS + max(1_000_000, rig.exchange.capabilities.clock_step_ns)
        if all(sample.error_ns > sharp_ns for sample in rig.outs(ClockSample)):
            rig.run_for(10)
        samples = rig.outs(ClockSample)
        must(samples, "no clock sample")
        for sample in samples:
            off = abs(sample.offset_ns - skew_ns)
            must(off <= sample.error_ns, f"offset {sample.offset_ns} at a skew of {skew_ns}, error {sample.error_ns}")
        best_ns = min(sample.error_ns for sample in samples)
        must(best_ns <= sharp_ns, f"an error of {best_ns} ns at {LATENCY_NS} ns away")
        must(all(line.ready for line in rig.lines.values()), f"not ready at a skew of {skew_ns}")
        if rig.trades:
            bought = rig.order()
            rig.do(bought)
            must(rig.true_order(bought.cl_ord_id), f"no order arrived at a skew of {skew_ns}")


@rule("public trades", "dialect", "trades")
def prints(subject: VenueUnderTest) -> None:
    """Each public trade of an instrument whose trades are wanted is reported once, exactly, with the taker's side; none
    of another instrument is."""
    rig = subject.rig().boot(("BTC-USDT", "ETH-USDT"), _PUBLIC, trades=("ETH-USDT",))
    rig.run_for(30)
    wanted, pair = rig.instrument("ETH-USDT").id, rig.truth.pairs["ETH-USDT"]
    reported = rig.outs(Trade)
    must(len(reported) >= 5, f"only {len(reported)} trades in 30 s")
    same({trade.instrument for trade in reported}, {wanted}, "instruments with trades")
    true = {str(trade.id): trade for trade in rig.truth.trades["ETH-USDT"].newest}
    ids = [trade.trade_id for trade in reported]
    must(ids[0] in true, f"the venue has no trade {ids[0]!r}")
    known = list(true)[list(true).index(ids[0]) :]
    same(ids, known[: len(ids)], "trade ids")
    must(len(known) - len(ids) <= 1, f"{len(known) - len(ids)} trades were not reported")
    for trade in reported:
        fact = true[trade.trade_id]
        want = (fact.side, float(pair.px_text(fact.px)), float(pair.qty_text(fact.qty)))
        same((trade.side, trade.px, trade.qty), want, f"side, price and size of trade {trade.trade_id}")
        must(abs(trade.exch_ns - fact.ns) < 1_000_000, f"time of trade {trade.trade_id}: {trade.exch_ns}")


@rule("account", "dialect", "orders")
def balances(subject: VenueUnderTest) -> None:
    """The balance listing is complete, exact, marked as a snapshot, and contains the locked amounts."""
    rig = subject.rig().boot()
    resting = rig.order(px=rig.best("BTC-USDT", ask=False) / 2 // 1, tif=Tif.GTC)
    rig.do(resting)
    reported = rig.outs(Balance, rig.ask(Ask(kind=AskKind.BALANCES)))
    must(all(balance.snapshot for balance in reported), "a listed balance is not marked as part of a snapshot")
    must(all(balance.account == rig.account for balance in reported), "a balance of another account")
    have = {balance.asset: (units(balance.free), units(balance.locked)) for balance in reported}
    want = {asset: (free, locked) for asset, free, locked in rig.truth.balances(ACCOUNT) if free or locked}
    same({asset: both for asset, both in have.items() if any(both)}, want, "balances")
    must(want["USDT"][1] >= UNIT, "nothing was locked, so the rule cannot be tested")


@rule("account", "dialect", "orders")
def fees(subject: VenueUnderTest) -> None:
    """The account's own fee rates are exact fractions; positive = the venue charges, negative = rebate."""
    rig = subject.rig()
    own = rig.truth.accounts[ACCOUNT]
    own.maker, own.taker = Decimal("-0.00005"), Decimal("0.00075")
    rig.boot()
    for symbol in ("BTC-USDT", "ETH-USDT"):
        one = rig.instrument(symbol).id
        reported = rig.outs(FeeUpdate, rig.ask(Ask(kind=AskKind.FEES, instrument=one)))
        must([fee for fee in reported if fee.instrument == one], f"no rates of {symbol}")
        for fee in reported:
            same((fee.maker, fee.taker), (own.maker, own.taker), f"rates of {fee.instrument}")


@rule("account", "dialect", "orders")
def assets(subject: VenueUnderTest) -> None:
    """Closed deposits and closed withdrawals of an asset are reported separately."""
    rig = subject.rig()
    rig.truth.immovable.update({"BTC": (False, True), "USDT": (True, False)})
    rig.boot()
    reported = {
        each.asset: (each.deposit, each.withdraw) for each in rig.outs(AssetStatus, rig.ask(Ask(kind=AskKind.ASSETS)))
    }
    want = {"BTC": (False, True), "USDT": (True, False), "ETH": (True, True)}
    same({asset: reported.get(asset) for asset in want}, want, "deposits and withdrawals open")


@rule("heartbeats", "dialect")
def quiet(subject: VenueUnderTest) -> None:
    """During eleven minutes without market data no link is cut as idle, and trading works afterwards."""
    rig = subject.rig().boot()
    rig.freeze()
    rig.run_for(660)
    for line in rig.lines.values():
        must(line.ready, f"{line.spec.link} is down after eleven minutes without data: {line.ends}")
        must(not line.ends, f"{line.spec.link} was cut: {line.ends}")
    if rig.trades:
        bought = rig.order()
        rig.do(bought)
        must(any(update.ord_status.terminal for update in rig.updates(bought.cl_ord_id)), "no order after the silence")
