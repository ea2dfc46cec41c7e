"""Rules about what goes wrong: refusals, limits, broken answers, lost connections, secrets."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from arbkit.core.errors import CredentialsError
from arbkit.core.orders.orders import Orders
from arbkit.core.types import (
    Ask,
    AskKind,
    Balance,
    CancelOrder,
    Command,
    HttpAnswer,
    HttpRequest,
    Lane,
    ListFills,
    Listing,
    ListOpenOrders,
    NewOrder,
    NoAnswer,
    OrderAbsent,
    OrderUpdate,
    OrdStatus,
    Output,
    QueryOrder,
    RateReport,
    Ready,
    RejectReason,
    Role,
    Secret,
    Send,
    Tif,
)
from arbkit.core.venues.resolver import ProvedAbsent, Resolver, Unresolved
from arbkit.core.venues.throttle import Throttle
from arbkit.sim.faults import Fault
from arbkit.testing.conformance.rig import SECOND, UNREADABLE, Rig
from arbkit.testing.conformance.rules import VenueUnderTest, must, rule, same

__all__: list[str] = []


def _refused(solo: Rig, order: NewOrder, role: Role, reason: RejectReason) -> None:
    placed = len(solo.truth.orders)
    solo.do(order, role)
    said = solo.updates(order.cl_ord_id)
    must(said, f"no answer to an order that breaks {reason.value}")
    last = said[-1]
    same((last.ord_status, last.reason), (OrdStatus.REJECTED, reason), f"{role.value}: {last.text}")
    same(last.instrument, order.instrument, "instrument of the refusal")
    same(len(solo.truth.orders), placed, "orders that the venue took")


@rule
def rejects(subject: VenueUnderTest) -> None:
    """Each definite "no" is told with its reason, on every way in."""
    for role in _ways(subject):
        solo = subject.rig()
        solo.truth.halted["ETH-USDT"] = "for the test"
        solo.boot()
        one = solo.instrument("BTC-USDT")
        eth = "ETH-USDT"
        bid = solo.best("BTC-USDT", ask=False)
        _refused(solo, solo.order(qty=Decimal(50)), role, RejectReason.INSUFFICIENT_FUNDS)
        _refused(solo, solo.order(qty=Decimal("0.01") + one.lot / 10), role, RejectReason.BAD_QTY)
        if one.min_notional:
            least = max(one.min_qty, one.lot)
            must(least * bid < one.min_notional, "the least size is worth enough: no judge")
            _refused(solo, solo.order(qty=least), role, RejectReason.MIN_NOTIONAL)
        else:
            _refused(solo, solo.order(qty=one.min_qty - one.lot), role, RejectReason.BAD_QTY)
        off = solo.order(px=bid + one.tick / 10)
        placed = len(solo.truth.orders)
        solo.do(off, role)
        last = solo.updates(off.cl_ord_id)[-1]
        # some venues call it a bad parameter and no more
        must(last.ord_status is OrdStatus.REJECTED, f"off the tick: {last}")
        must(last.reason in (RejectReason.BAD_PRICE, RejectReason.OTHER), f"off the tick: {last}")
        same(len(solo.truth.orders), placed, "orders that the venue took")
        if solo.catalogue.get(f"{solo.venue}:{eth}") is not None:
            px = solo.best(eth, ask=True)
            halted = solo.order(instrument=f"{solo.venue}:{eth}", px=px, qty=Decimal("0.1"))
            _refused(solo, halted, role, RejectReason.INSTRUMENT)


def _ways(subject: VenueUnderTest) -> Sequence[Role]:
    probe = subject.rig().boot(roles=(Role.REST,))
    return probe.exchange.route(probe.order())


@rule
def duplicate(subject: VenueUnderTest) -> None:
    """A client id that is taken says nothing against the first order: never REJECTED, never ended."""
    for role in _ways(subject):
        solo = subject.rig().boot()
        order = solo.order(tif=Tif.GTC, px=solo.best("BTC-USDT", ask=False) - 500)
        solo.do(order, role)
        before = len(solo.updates(order.cl_ord_id))
        solo.do(order, role)
        said = solo.updates(order.cl_ord_id)[before:]
        must(said, "no answer to a second order of one id")
        for update in said:
            same((update.ord_status, update.reason), (OrdStatus.UNKNOWN, RejectReason.DUPLICATE), update.text)
        true = solo.true_order(order.cl_ord_id)
        must(true is not None and not true.status.terminal, "the first order is gone")


@rule
def deadline(subject: VenueUnderTest) -> None:
    """An order that arrives after its deadline is not executed, and told so."""
    for role in _ways(subject):
        solo = subject.rig(skew_ns=3_000_000_000).boot()
        _refused(solo, solo.order(deadline_ns=solo.now_ns + 1_000_000), role, RejectReason.CLOCK)
        solo.signer.offset_ns -= 60_000_000_000
        _refused(solo, solo.order(deadline_ns=solo.now_ns + 1_000_000), role, RejectReason.CLOCK)


@rule
def login_refused(subject: VenueUnderTest) -> None:
    """A wrong key or secret is told as such, no link of it is ready, and nothing quotes the secret."""
    for wrong in ({"secret": "not-the-secret-at-all"}, {"key": "notTheKeyAtAll"}):
        solo = subject.rig(**wrong).boot()  # type: ignore[arg-type]  # secret or key
        private = solo.line(Role.PRIVATE)
        must(not private.ready and private.closed, f"{private.spec.link} is open with wrong {list(wrong)}")
        errors = [error for link, error in solo.faults if link == private.spec.link]
        must(isinstance(errors[-1], CredentialsError), f"told as {errors}")
        must("not-the-secret" not in str(errors), "the error quotes the secret")
        must(solo.line(Role.PUBLIC).ready, "public books stopped with it")
        order = solo.order()
        for role in solo.exchange.route(order):
            if solo.line(role).up:
                _refused(solo, solo.order(), role, RejectReason.AUTH)


@rule
def throttled(subject: VenueUnderTest) -> None:
    """ "Too many requests" closes the buckets of what was asked until a time to come, and ends no order: a new one is
    UNKNOWN until its absence is proved."""
    probe = subject.rig().boot()
    asked: tuple[Ask | Command, ...] = (
        probe.order(),
        _cancel(probe.order()),
        _query(probe.order()),
        ListOpenOrders(account=probe.account),
        Ask(kind=AskKind.BALANCES),
    )
    for what in asked:
        for role in (Role.REST,) if isinstance(what, Ask) else probe.exchange.route(what):
            solo = subject.rig(faults=(Fault(kind="throttle", at_s=5, for_s=3),)).boot()
            solo.run_for(5.2)
            before = len(solo.said)
            solo.put(what, role)
            solo.run_for(0.3)
            said = [spoken.out for spoken in solo.said[before:]]
            throttle = Throttle(solo.exchange.rate_limits)
            for report in solo.outs(RateReport, said):
                throttle.report(report, solo.now_ns)
            ready_ns = throttle.ready_ns(solo.exchange.cost(what, role), Lane.CANCEL, solo.now_ns)
            must(ready_ns > solo.now_ns, f"{type(what).__name__} over {role.value} closed no bucket: {said}")
            for update in solo.outs(OrderUpdate, said):
                must(update.reason in (None, RejectReason.THROTTLED), f"told as {update.reason}")
                must(update.ord_status is OrdStatus.UNKNOWN, f"ends an order: {update}")
            must(
                not solo.outs(OrderAbsent, said) and not solo.outs(Listing, said),
                f"a refusal told as an answer: {said}",
            )
            same(len(solo.truth.orders), 0, "orders that the venue took")
            if isinstance(what, NewOrder):
                must(_proved_absent(solo, what, role), "no proof of absence after the throttle")


def _proved_absent(solo: Rig, order: NewOrder, role: Role) -> bool:
    """Ask about an order sent just now as a desk does, until its absence is proved."""
    orders = Orders(solo.account)
    resolver = Resolver(solo.account, solo.exchange.capabilities)
    orders.add(order, solo.now_ns)
    orders.sent(order.cl_ord_id, role, "", solo.now_ns)
    known = orders.timed_out(order.cl_ord_id, solo.now_ns)
    assert known is not None
    resolver.see(known, solo.now_ns)
    until_ns = solo.now_ns + 60 * SECOND
    while solo.now_ns < until_ns:
        for question in resolver.tick(solo.now_ns):
            if isinstance(question, ProvedAbsent):
                return True
            if isinstance(question, Unresolved):
                continue
            sent_ns = solo.now_ns
            said = solo.do(question)
            for out in said:
                if isinstance(out, OrderAbsent):
                    resolver.absent(out, sent_ns, solo.now_ns)
                elif isinstance(out, Listing):
                    resolver.listed(out, sent_ns, solo.now_ns)
            if not any(isinstance(out, OrderAbsent | Listing) for out in said):
                resolver.failed(question, solo.now_ns)
        solo.run_for(0.1)
    return False


def _cancel(order: NewOrder) -> CancelOrder:
    return CancelOrder(account=order.account, instrument=order.instrument, cl_ord_id=order.cl_ord_id)


def _query(order: NewOrder) -> QueryOrder:
    return QueryOrder(account=order.account, instrument=order.instrument, cl_ord_id=order.cl_ord_id)


_HTML = b"<html><head><title>502 Bad Gateway</title></head></html>"
_BROKEN = (
    *((status, body) for status in (500, 502, 503, 504) for body in (b"", _HTML, b'{"error":"internal"}')),
    *((200, body) for body in (b"", _HTML, b"{", b"{}", b"[{}]", b"null", b"0", b'""', b"\xff\xfe", b"[" * 100_000)),
    (403, _HTML),
    (404, _HTML),
    (408, b""),
    (301, b""),
    (204, b""),
)
"""Answers that prove nothing."""


def _proofs(outputs: Sequence[Output]) -> list[Output]:
    """What would be taken for the end of an order, or for its absence."""
    return [
        out
        for out in outputs
        if (isinstance(out, OrderUpdate) and (out.ord_status.terminal or out.last_qty))
        or (isinstance(out, Listing) and out.complete)
        or isinstance(out, OrderAbsent | Balance)
    ]


@rule
def broken_answers(subject: VenueUnderTest) -> None:
    """5xx, HTML, empty, cut or strange answers: an order is never REJECTED by them, nor absent, nor ended."""
    solo = subject.rig().boot()
    order = solo.order(tif=Tif.GTC, px=solo.best("BTC-USDT", ask=False) - 500)
    one = order.instrument
    asked: tuple[Ask | Command, ...] = (
        order,
        _query(order),
        _query(solo.order()),
        ListOpenOrders(account=solo.account),
        ListFills(account=solo.account, instrument=one),
        _cancel(order),
        Ask(kind=AskKind.BALANCES),
    )
    rest = solo.line(Role.REST)
    for what in asked:
        seen = len(solo.bodies)
        if isinstance(what, Ask):
            solo.ask(what)
        else:
            solo.do(what, Role.REST)
        same(len(solo.bodies) > seen, True, f"{type(what).__name__} was answered")
        for asked_of, good in solo.bodies[seen:]:
            whole = good.body
            cut = [(good.status, whole[:end]) for end in range(0, len(whole), max(1, len(whole) // 150))]
            also = [(500, whole), (503, whole)]
            for status, body in (*_BROKEN, *cut, *also):
                answer = HttpAnswer(status, {}, body, solo.now_ns, solo.now_ns)
                try:
                    said = rest.session.answered(asked_of, answer, solo.now_ns)
                except UNREADABLE:
                    said = ()
                must(not _proofs(said), f"{type(asked_of).__name__} answered HTTP {status} {body[:60]!r}: {said}")
        for sent in (True, False):
            said = rest.session.answered(what, NoAnswer("timed out", sent=sent), solo.now_ns)
            must(not _proofs(said), f"{type(what).__name__} without an answer: {said}")


@rule
def broken_frames(subject: VenueUnderTest) -> None:
    """A frame that is cut short is refused as unreadable: no other error, no order ended by it."""
    solo = subject.rig().boot()
    for order in (solo.order(), solo.order(qty=Decimal(50)), solo.order(tif=Tif.GTC, px=Decimal(1000))):
        solo.do(order)
        solo.do(_cancel(order))
    for link, text in solo.frames:
        session = solo.reborn(link)
        for end in range(0, len(text), max(1, len(text) // 12)):
            try:
                said = session.receive(text[:end], solo.now_ns)
            except UNREADABLE:
                continue
            must(not _proofs(said), f"{link}: {text[:end]!r} told {said}")


@rule
def server_errors(subject: VenueUnderTest) -> None:
    """An order whose answer is lost behind a 5xx may live: UNKNOWN until the venue is asked, and then found."""
    for body in ("json", "html"):
        for status in (500, 503, 504):
            fault = Fault(kind="status", path="POST", status=status, body=body, applied=True)
            solo = subject.rig(faults=(fault,)).boot()
            order = solo.order(tif=Tif.GTC, px=solo.best("BTC-USDT", ask=False) - 500)
            said = solo.do(order, Role.REST)
            must(solo.world.faults()["counts"].get("status"), "no order was posted: no judge")
            acks = [u for u in solo.outs(OrderUpdate, said) if u.source == "ack"]
            must(all(update.ord_status is OrdStatus.UNKNOWN for update in acks), f"HTTP {status} told as {acks}")
            found = solo.outs(OrderUpdate, solo.do(_query(order)))
            must(found and found[-1].ord_status is OrdStatus.NEW, f"not found after HTTP {status}: {found}")


@rule
def reconnect(subject: VenueUnderTest) -> None:
    """Private and trade links come back after a cut, and trade as before; what ended meanwhile can be found."""
    solo = subject.rig().boot()
    order = solo.order(tif=Tif.GTC, px=solo.best("BTC-USDT", ask=False) - 500)
    solo.do(order)
    for role in (Role.PRIVATE, Role.TRADE):
        solo.cut(solo.line(role).spec.link)
    solo.do(_cancel(order), Role.REST)
    solo.run_for(10)
    for role in (Role.PRIVATE, Role.TRADE):
        must(solo.line(role).ready, f"{role.value} did not come back: {solo.faults}")
    found = solo.outs(OrderUpdate, solo.do(_query(order)))
    must(found and found[-1].ord_status is OrdStatus.CANCELED, f"cancelled while cut off, told as {found}")
    again = solo.order()
    solo.do(again)
    must(any(u.ord_status is OrdStatus.FILLED and u.source == "stream" for u in solo.updates(again.cl_ord_id)), "deaf")


@rule
def secrets(subject: VenueUnderTest) -> None:
    """Nothing that is said or sent shows a secret, a passphrase or a signature where it is printed; ids are unique."""
    solo = subject.rig().boot()
    order = solo.order(tif=Tif.GTC, px=solo.best("BTC-USDT", ask=False) - 500)
    for role in solo.exchange.route(order):
        order = solo.order(tif=Tif.GTC, px=solo.best("BTC-USDT", ask=False) - 500)
        solo.do(order, role)
        solo.do(_query(order))
        solo.do(_cancel(order), role)
        solo.do(solo.order(), role)
    for kind in (AskKind.BALANCES, AskKind.FEES, AskKind.ASSETS):
        solo.ask(Ask(kind=kind, instrument=order.instrument))
    shown = [repr(each) for _, _, each in solo.sent] + [repr(spoken.out) for spoken in solo.said]
    shown += [repr(line.session) + str(line.spec) for line in solo.lines.values()] + [repr(solo.signer)]
    must(solo.signer.made, "nothing was signed: no judge")
    for word in (*solo.secrets, *solo.signer.made):
        must(not any(word in text for text in shown), f"shown: {next((t for t in shown if word in t), '')[:200]}")
    ids: set[tuple[str, object, object]] = set()
    for _, link, sent in solo.sent:
        if isinstance(sent, Send):
            text = sent.data.reveal() if isinstance(sent.data, Secret) else sent.data
            said = msgspec.json.decode(text) if text.startswith("{") else {}
            name = next((said[key] for key in ("id", "reqId") if key in said), None)
            if name is not None and solo.line(Role.TRADE).spec.link == link:
                one = (link, said.get("op") or said.get("method"), name)
                must(one not in ids, f"a request id was used twice: {one}")
                ids.add(one)
    must(all(isinstance(sent, (Send, HttpRequest)) or sent.url for _, _, sent in solo.sent), "a wire of no kind")
    must(len({spoken.link for spoken in solo.said if isinstance(spoken.out, Ready)}) >= 3, "links told ready")
