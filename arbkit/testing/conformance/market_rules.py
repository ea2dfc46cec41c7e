"""Rules about what an adapter reads without trading: rules, books, clock, facts of the account."""

from __future__ import annotations

from datetime import date
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
)
from arbkit.core.venues.throttle import Throttle
from arbkit.sim.faults import Fault
from arbkit.sim.pair import UNIT, units
from arbkit.sim.world import ACCOUNT
from arbkit.testing.conformance.rig import LATENCY_NS, SECOND, Rig
from arbkit.testing.conformance.rules import VenueUnderTest, must, rule, same

__all__: list[str] = []

_PUBLIC = (Role.PUBLIC, Role.REST)


@rule
def declared(subject: VenueUnderTest) -> None:
    """Guarantees are dated, orders expire, and every cost falls under a declared limit that can be granted at once."""
    solo = subject.rig().boot(roles=(Role.REST,))
    exchange = solo.exchange
    guarantees = exchange.capabilities
    must(guarantees.order_window_ns > 0, "order_window_ns is 0: an unknown order could never be proved absent")
    must(guarantees.lookup_lag_ns > 0, "lookup_lag_ns is 0: no venue's replicas are that fast")
    try:
        date.fromisoformat(guarantees.checked)
    except ValueError:
        must(False, f"capabilities.checked is no ISO date: {guarantees.checked!r}")
    me, one = solo.account, solo.instrument("BTC-USDT").id
    commands: tuple[Ask | Command, ...] = (
        solo.order(),
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
            throttle = Throttle(exchange.rate_limits)
            try:
                ready_ns = throttle.ready_ns(exchange.cost(what, role), lane_of(what), 0)
            except LocalProtocolError as error:
                must(False, str(error))
            must(ready_ns == 0, f"{what!r} over {role.value} can never be granted: {exchange.cost(what, role)}")


@rule
def catalogue(subject: VenueUnderTest) -> None:
    """Every pair of the venue is listed with its exact rules; a halted one is not tradable."""
    solo = subject.rig()
    solo.truth.halted["ETH-USDT"] = "for the test"
    solo.boot(roles=(Role.REST,))
    for symbol, pair in solo.truth.pairs.items():
        known = solo.catalogue.get(f"{solo.venue}:{symbol}")
        if symbol in solo.truth.halted:
            must(known is None or not known.tradable, f"{symbol} is halted, and tradable to the adapter")
            continue
        if known is None:
            must(False, f"{symbol} is missing")
            continue
        same((known.tick, known.lot), (pair.tick, pair.lot), f"tick and lot of {symbol}")
        same((known.base, known.quote, known.symbol), (pair.base, pair.quote, symbol), f"names of {symbol}")
        same(known.min_notional, pair.min_notional, f"minimum notional of {symbol}")
        same(known.max_qty, pair.max_qty, f"largest size of {symbol}")
        must(max(known.min_qty, known.lot) == pair.min_qty, f"smallest size of {symbol}: {known.min_qty}")
        must(known.tradable and known.kind == "spot", f"{symbol} is not tradable spot")
        rules = (known.tick, known.lot, known.min_qty, known.min_notional)
        must(all(isinstance(value, Decimal) for value in rules), f"{symbol}: a rule that is no Decimal")


def _books(solo: Rig, least: int) -> None:
    """The books are true now, and were each time."""
    must(not solo.judge.wrong, f"books that the venue did not have: {solo.judge.wrong}")
    must(solo.judge.compared >= least, f"only {solo.judge.compared} books to compare")
    for book in solo.books.values():
        must(book.state is BookState.SYNCED, f"{book.instrument} is {book.state.value}: {book.reason}")


@rule
def book(subject: VenueUnderTest) -> None:
    """Snapshot and deltas give the venue's true book, 20 levels deep, after each update of 30 seconds."""
    solo = subject.rig().boot(("BTC-USDT", "ETH-USDT"), _PUBLIC)
    solo.run_for(30)
    _books(solo, 200)


@rule
def book_faults(subject: VenueUnderTest) -> None:
    """Holes, drops, repeats, swaps and cut frames: the book is lost and heals, and is never wrong in between."""
    kinds = ("skip", "drop", "duplicate", "reorder", "corrupt")
    faults = tuple(
        Fault(kind=kind, at_s=3 + 11 * number, count=4, every_s=2, symbol="BTC-USDT")  # type: ignore[arg-type]  # kinds
        for number, kind in enumerate(kinds)
    )
    solo = subject.rig(faults=faults).boot(("BTC-USDT", "ETH-USDT"), _PUBLIC)
    solo.run_for(150)
    fired = solo.world.faults()["counts"]
    must(all(fired.get(kind, 0) == 4 for kind in kinds), f"faults that fired: {fired}")
    must(solo.outs(BookLost), "no book was declared lost")
    _books(solo, 500)


@rule
def book_reconnect(subject: VenueUnderTest) -> None:
    """A cut connection: the new one brings every book back, from a snapshot of its own."""
    solo = subject.rig().boot(("BTC-USDT", "ETH-USDT"), _PUBLIC)
    for _ in range(3):
        link = solo.line(Role.PUBLIC).spec.link
        solo.cut(link)
        must(all(b.state is BookState.LOST for b in solo.books.values()), "a book outlived its connection")
        solo.run_for(20)
        must(solo.lines[link].ready, f"{link} did not come back")
        _books(solo, 1)


@rule
def top(subject: VenueUnderTest) -> str | None:
    """A faster best bid and ask, where the adapter fuses one, is the venue's own at that very update id."""
    solo = subject.rig().boot(("BTC-USDT",), _PUBLIC)
    solo.run_for(10)
    tops = solo.outs(TopUpdate)
    if not tops:
        return "not fused"
    checked = 0
    for each in tops:
        want = solo.judge.top(each.instrument.partition(":")[2], each.seq)
        if want is None:
            continue
        same((each.bid.px, each.bid.qty, each.ask.px, each.ask.qty), want, f"top at {each.seq}")
        checked += 1
    must(checked >= 10, f"only {checked} tops to compare")
    return None


@rule
def clock(subject: VenueUnderTest) -> None:
    """A venue's clock that is five seconds off is measured within the error that the sample admits."""
    for skew_ns in (5 * SECOND, -5 * SECOND, 0):
        solo = subject.rig(skew_ns=skew_ns).boot()
        samples = solo.outs(ClockSample)
        must(samples, "no clock sample")
        for sample in samples:
            off = abs(sample.offset_ns - skew_ns)
            must(off <= sample.error_ns, f"offset {sample.offset_ns} at a skew of {skew_ns}, error {sample.error_ns}")
            must(sample.error_ns <= LATENCY_NS + 1_000_000, f"an error of {sample.error_ns} ns at {LATENCY_NS} ns away")
        must(all(line.ready for line in solo.lines.values()), f"not ready at a skew of {skew_ns}")
        bought = solo.order()
        solo.do(bought)
        must(solo.true_order(bought.cl_ord_id), f"no order arrived at a skew of {skew_ns}")


@rule
def balances(subject: VenueUnderTest) -> None:
    """The listing is whole, marked as a snapshot, exact, and tells what is locked."""
    solo = subject.rig().boot()
    resting = solo.order(px=solo.best("BTC-USDT", ask=False) / 2 // 1, tif=Tif.GTC)
    solo.do(resting)
    said = solo.outs(Balance, solo.ask(Ask(kind=AskKind.BALANCES)))
    must(all(balance.snapshot for balance in said), "a listed balance is not marked as part of a snapshot")
    must(all(balance.account == solo.account for balance in said), "a balance of another account")
    have = {balance.asset: (units(balance.free), units(balance.locked)) for balance in said}
    want = {asset: (free, locked) for asset, free, locked in solo.truth.balances(ACCOUNT) if free or locked}
    same({asset: both for asset, both in have.items() if any(both)}, want, "balances")
    must(want["USDT"][1] >= UNIT, "nothing was locked: no judge")


@rule
def fees(subject: VenueUnderTest) -> None:
    """The account's own rates are exact fractions, positive where the venue charges."""
    solo = subject.rig()
    own = solo.truth.accounts[ACCOUNT]
    own.maker, own.taker = Decimal("-0.00005"), Decimal("0.00075")
    solo.boot()
    for symbol in ("BTC-USDT", "ETH-USDT"):
        one = solo.instrument(symbol).id
        said = solo.outs(FeeUpdate, solo.ask(Ask(kind=AskKind.FEES, instrument=one)))
        must([fee for fee in said if fee.instrument == one], f"no rates of {symbol}")
        for fee in said:
            same((fee.maker, fee.taker), (own.maker, own.taker), f"rates of {fee.instrument}")


@rule
def assets(subject: VenueUnderTest) -> None:
    """An asset that cannot be deposited or withdrawn is told so, each way by itself."""
    solo = subject.rig()
    solo.truth.immovable.update({"BTC": (False, True), "USDT": (True, False)})
    solo.boot()
    said = {
        each.asset: (each.deposit, each.withdraw) for each in solo.outs(AssetStatus, solo.ask(Ask(kind=AskKind.ASSETS)))
    }
    want = {"BTC": (False, True), "USDT": (True, False), "ETH": (True, True)}
    same({asset: said.get(asset) for asset in want}, want, "deposits and withdrawals open")


@rule
def quiet(subject: VenueUnderTest) -> None:
    """Ten minutes without data: every link stays up, or is dialled again and serves; nothing is cut as idle."""
    solo = subject.rig().boot()
    solo.freeze()
    solo.run_for(660)
    for line in solo.lines.values():
        must(line.ready, f"{line.spec.link} is down after ten quiet minutes: {line.ends}")
        must(not line.ends, f"{line.spec.link} was cut: {line.ends}")
    bought = solo.order()
    solo.do(bought)
    must(any(update.ord_status.terminal for update in solo.updates(bought.cl_ord_id)), "no order after the silence")
