"""Conformance rules about what does not come: an answer, a snapshot, a symbol, the venue itself."""

from __future__ import annotations

from arbkit.core.types import (
    Ask,
    AskKind,
    BookLost,
    BookState,
    CancelOrder,
    Instrument,
    Listing,
    ListOpenOrders,
    Notice,
    OrderUpdate,
    OrdStatus,
    QueryOrder,
    Role,
    Secret,
    Send,
    Tif,
)
from arbkit.sim.wire import SimFrame
from arbkit.testing.conformance.rig import SECOND, Rig
from arbkit.testing.conformance.rules import NotRun, VenueUnderTest, must, rule

__all__: list[str] = []

_PUBLIC = (Role.PUBLIC, Role.REST)
_DATA = ("book", "top")
_BOTH = ("BTC-USDT", "ETH-USDT")
_HEALS_S = 90.0
"""Time for a book to be read again after the venue has become normal: the longest growing delay, and some."""


def _about(rig: Rig, one: Instrument, since_ns: int) -> list[object]:
    """The requests that the adapter made for the book of ``one`` after ``since_ns``."""
    found: list[object] = []
    for spoken in rig.said:
        out = spoken.out
        if spoken.ns <= since_ns:
            continue
        if isinstance(out, Send):
            text = out.data.reveal() if isinstance(out.data, Secret) else out.data
            if one.native.lower() in text.lower():
                found.append(text)
        elif isinstance(out, Ask) and out.kind is AskKind.SNAPSHOT and out.instrument == one.id:
            found.append(out)
    return found


def _healed(rig: Rig, symbol: str) -> bool:
    return rig.books[rig.instrument(symbol).id].state is BookState.SYNCED


def _must_heal(rig: Rig, what: str) -> None:
    """Check that all books come back, and that none was wrong."""
    rig.run_for(_HEALS_S, lambda: all(_healed(rig, symbol) for symbol in _BOTH))
    for book in rig.books.values():
        must(book.state is BookState.SYNCED, f"{book.instrument} is {book.state.value} {_HEALS_S:g} s after {what}")
    rig.run_for(5)
    must(not rig.judge.wrong, f"books that the venue did not have: {rig.judge.wrong}")


@rule("overdue snapshots", "dialect")
def overdue_subscription(subject: VenueUnderTest) -> None:
    """The answer to a subscription and the data never come, while the connection lives: the adapter asks again, and the
    books are right when the venue answers."""
    rig = subject.rig()
    rig.lost = lambda frame: frame.kind in ("reply", *_DATA)
    rig.boot(_BOTH, _PUBLIC)
    rig.run_for(40)
    rig.lost = lambda frame: False
    _must_heal(rig, "40 s without answers to the subscriptions")


@rule("overdue snapshots", "dialect")
def overdue_snapshot(subject: VenueUnderTest) -> None:
    """The first book frames of a symbol (its snapshot) never come, later ones do: the adapter asks for the snapshot
    again, and the book is right."""
    rig = subject.rig()
    first: dict[str, int] = {}

    def lost(frame: SimFrame) -> bool:
        return frame.kind == "book" and rig.now_ns < first.setdefault(frame.symbol, rig.now_ns) + SECOND

    rig.lost = lost
    rig.boot(_BOTH, _PUBLIC)
    rig.run_for(3)
    must(first, "no book frame was sent, so the rule cannot be tested")
    _must_heal(rig, "the loss of the first book frames")


@rule("overdue snapshots", "dialect")
def overdue_rest_snapshot(subject: VenueUnderTest) -> None:
    """If snapshots come over HTTP: a request that is not answered is made again, with growing delay, and the book is
    right when the venue answers."""
    rig = subject.rig()
    rig.unanswered = lambda what: isinstance(what, Ask) and what.kind is AskKind.SNAPSHOT
    rig.boot(_BOTH, _PUBLIC)
    rig.run_for(3)
    if not any(ask.kind is AskKind.SNAPSHOT for ask in rig.outs(Ask)):
        raise NotRun("the adapter asks for no snapshot over HTTP")
    rig.run_for(30)
    asked = len([ask for ask in rig.outs(Ask) if ask.instrument == rig.instrument("BTC-USDT").id])
    must(2 <= asked <= 30, f"{asked} requests for one snapshot in 30 s without an answer")
    rig.unanswered = lambda what: False
    _must_heal(rig, "30 s without an answer to the snapshot request")


@rule("silent symbols", "dialect")
def silent_symbol(subject: VenueUnderTest) -> None:
    """A symbol whose subscription was confirmed never sends: within a minute there is a ``BookLost`` or a ``Notice``
    that names it, and it is asked for again; the other books of the connection stay as they are. Where messages are
    numbered by connection (``Capabilities.book_check``), the lost ones of the symbol spoil the others too."""
    rig = subject.rig()
    if rig.exchange.capabilities.book_check == "connection":
        raise NotRun("capabilities.book_check is connection: one symbol's messages cannot be lost alone")
    rig.lost = lambda frame: frame.kind in _DATA and frame.symbol == "ETH-USDT"
    rig.boot(_BOTH, _PUBLIC)
    good, silent = (rig.instrument(symbol) for symbol in ("BTC-USDT", "ETH-USDT"))
    rig.run_for(2)
    started_ns, epoch = rig.now_ns, rig.books[good.id].epoch
    must(_healed(rig, "BTC-USDT"), "the other book is not SYNCED")
    rig.run_for(60)
    lost = [out for out in rig.outs(BookLost) if out.instrument == silent.id]
    words = (silent.symbol, silent.native, silent.id)
    told = [out for out in rig.outs(Notice) if any(word in out.text for word in words)]
    must(lost or told, "after a minute without data neither BookLost nor a Notice names the symbol")
    must(_about(rig, silent, started_ns), "the symbol was not asked for again within a minute")
    must(rig.books[good.id].epoch == epoch, "the other book of the connection was read anew")
    rig.lost = lambda frame: False
    _must_heal(rig, "a minute without data for one symbol")


@rule("restarts", "dialect")
def venue_restart(subject: VenueUnderTest) -> None:
    """All connections end at the same time, three times: each link comes back, the books are right, an order that
    rested before is found by query and listing, and can be cancelled."""
    rig = subject.rig().boot(_BOTH)
    order = None
    if rig.trades:
        order = rig.order(tif=Tif.GTC, px=rig.best("BTC-USDT", ask=False) / 2 // 1)
        rig.do(order)
    for _ in range(3):
        for link, line in rig.lines.items():
            if line.conn:
                rig.cut(link)
        rig.run_for(20, lambda: all(line.ready for line in rig.lines.values()))
        for line in rig.lines.values():
            must(line.ready, f"{line.spec.link} did not come back: {line.ends[-3:]} {rig.faults[-1:]}")
        _must_heal(rig, "the end of all connections")
    if order is None:
        return
    query = QueryOrder(account=order.account, instrument=order.instrument, cl_ord_id=order.cl_ord_id)
    found = [update for update in rig.outs(OrderUpdate, rig.do(query)) if update.cl_ord_id == order.cl_ord_id]
    must(found and found[-1].ord_status is OrdStatus.NEW, f"a resting order, reported as {found}")
    listed = rig.outs(Listing, rig.do(ListOpenOrders(account=rig.account)))
    ids = [update.cl_ord_id for listing in listed for update in listing.updates]
    must(order.cl_ord_id in ids, f"a resting order is not listed: {ids}")
    rig.do(CancelOrder(account=order.account, instrument=order.instrument, cl_ord_id=order.cl_ord_id))
    ends = [u for u in rig.updates(order.cl_ord_id) if u.source == "stream" and u.ord_status is OrdStatus.CANCELED]
    must(ends, "the stream did not report the end of an order that was placed before the restart")
