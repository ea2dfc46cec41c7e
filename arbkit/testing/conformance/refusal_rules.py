"""Conformance rules about failures: rejections, rate limits, unreadable answers, lost connections, secrets."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from urllib.parse import urlsplit

import msgspec

from arbkit.core.errors import CredentialsError
from arbkit.core.orders.orders import Orders
from arbkit.core.types import (
    Ask,
    AskKind,
    Balance,
    CancelOrder,
    ClientIdScope,
    ClockSample,
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
from arbkit.core.venues.clock import VenueClock
from arbkit.core.venues.resolver import ProvedAbsent, Resolver, Unresolved
from arbkit.core.venues.throttle import Throttle
from arbkit.sim.faults import Fault
from arbkit.sim.keys import Es256
from arbkit.testing.conformance.bent import BODIES
from arbkit.testing.conformance.rig import SECOND, UNREADABLE, Rig
from arbkit.testing.conformance.rules import NotRun, VenueUnderTest, must, rule, same

__all__: list[str] = []


def _refused(rig: Rig, order: NewOrder, role: Role, *reasons: RejectReason) -> None:
    """The order breaks a rule, and the venue's answer is read as such: with one of these reasons."""
    placed = len(rig.truth.orders)
    rig.do(order, role)
    reported = rig.updates(order.cl_ord_id)
    must(reported, f"no answer to an order that breaks {reasons[0].value}")
    last = reported[-1]
    if role is Role.REST and not rig.truth.profile.vague.isdisjoint(reasons):
        same((last.ord_status, last.reason), (OrdStatus.UNKNOWN, None), f"{role.value}: {last.text}")
    elif last.reason not in reasons:
        same((last.ord_status, last.reason), (OrdStatus.REJECTED, reasons[0]), f"{role.value}: {last.text}")
    else:
        same(last.ord_status, OrdStatus.REJECTED, f"{role.value}: {last.text}")
    same(last.instrument, order.instrument, "instrument of the refusal")
    same(len(rig.truth.orders), placed, "orders that the venue took")


@rule("refusals", "dialect", "orders")
def rejects(subject: VenueUnderTest) -> None:
    """Each definitive rejection is reported with its reason, on each role. Where the venue's answer proves
    nothing (``Profile.vague``), the order is UNKNOWN."""
    for role in _ways(subject):
        rig = subject.rig()
        rig.truth.halted["ETH-USDT"] = "for the test"
        rig.boot()
        one = rig.instrument("BTC-USDT")
        eth = "ETH-USDT"
        bid = rig.best("BTC-USDT", ask=False)
        _refused(rig, rig.order(qty=Decimal(50)), role, RejectReason.INSUFFICIENT_FUNDS)
        _refused(rig, rig.order(qty=Decimal("0.01") + one.lot / 10), role, RejectReason.BAD_QTY)
        if one.min_notional:
            least = max(one.min_qty, one.lot)
            must(
                least * bid < one.min_notional,
                "the smallest size is above the minimum notional, so the rule cannot be tested",
            )
            _refused(rig, rig.order(qty=least), role, RejectReason.MIN_NOTIONAL)
        else:
            _refused(rig, rig.order(qty=one.min_qty - one.lot), role, RejectReason.BAD_QTY)
        # some venues answer only "bad parameter"
        _refused(rig, rig.order(px=bid + one.tick / 10), role, RejectReason.BAD_PRICE, RejectReason.OTHER)
        if rig.catalogue.get(f"{rig.venue}:{eth}") is not None:
            px = rig.best(eth, ask=True)
            halted = rig.order(instrument=f"{rig.venue}:{eth}", px=px, qty=Decimal("0.1"))
            _refused(rig, halted, role, RejectReason.INSTRUMENT)


def _ways(subject: VenueUnderTest) -> Sequence[Role]:
    probe = subject.rig().boot(roles=(Role.REST,))
    return probe.exchange.route(probe.order())


@rule("refusals", "dialect", "orders")
def duplicate(subject: VenueUnderTest) -> str | None:
    """A duplicate client order id is reported as UNKNOWN with reason DUPLICATE, or the venue answers with the first
    order; it does not end that. Where ids stay taken (``Capabilities.client_id_scope``), also after the first order has
    ended."""
    scope = subject.rig().exchange.capabilities.client_id_scope
    if scope is ClientIdScope.NONE:
        raise NotRun("capabilities.client_id_scope is none: the venue has no client order ids")
    for role in _ways(subject):
        rig = subject.rig().boot()
        order = rig.order(tif=Tif.GTC, px=rig.best("BTC-USDT", ask=False) - 500)
        rig.do(order, role)
        before = len(rig.updates(order.cl_ord_id))
        rig.do(order, role)
        reported = rig.updates(order.cl_ord_id)[before:]
        must(reported, "no answer to a second order of one id")
        true = rig.true_order(order.cl_ord_id)
        must(true is not None and not true.status.terminal, "the first order is gone")
        assert true is not None
        same(len(rig.truth.orders), 1, "orders at the venue")
        for update in reported:
            if update.ord_status is not OrdStatus.NEW or update.order_id != str(true.id):
                same((update.ord_status, update.reason), (OrdStatus.UNKNOWN, RejectReason.DUPLICATE), update.text)
        if scope in (ClientIdScope.ALWAYS, ClientIdScope.WINDOW):
            rig.do(_cancel(order), Role.REST)
            before = len(rig.updates(order.cl_ord_id))
            rig.do(order, role)
            again = rig.updates(order.cl_ord_id)[before:]
            must(
                any(one.reason is RejectReason.DUPLICATE for one in again),
                f"ids declared {scope.value}, one was reused",
            )
    return f"ids: {scope.value}"


@rule("clock skew", "dialect", "orders")
def deadline(subject: VenueUnderTest) -> None:
    """An order that arrives after its deadline (or ``Capabilities.least_deadline_ns``) is not executed, where a venue
    keeps deadlines (``Capabilities.keeps_deadlines``). It is rejected with reason CLOCK, or UNKNOWN where the venue's
    words do not prove it."""
    if not subject.made().capabilities.keeps_deadlines:
        raise NotRun("capabilities.keeps_deadlines is false: an order cannot be limited in time")
    for role in _ways(subject):
        rig = subject.rig(skew_ns=3_000_000_000).boot()
        if not rig.exchange.capabilities.least_deadline_ns:
            _late(rig, role)
        rig.signer.offset_ns -= 60_000_000_000
        _late(rig, role)


def _late(rig: Rig, role: Role) -> None:
    order = rig.order(deadline_ns=rig.now_ns + 1_000_000)
    rig.do(order, role)
    must(rig.true_order(order.cl_ord_id) is None, f"{role.value}: executed after its deadline")
    reported = rig.updates(order.cl_ord_id)
    must(reported, f"{role.value}: no answer to an order that came too late")
    for update in reported:
        outcomes = (OrdStatus.REJECTED, RejectReason.CLOCK), (OrdStatus.UNKNOWN, None)
        must((update.ord_status, update.reason) in outcomes, f"{role.value}: {update}")


@rule("refusals", "dialect", "orders")
def login_refused(subject: VenueUnderTest) -> None:
    """A wrong key or secret raises ``CredentialsError``; the private link is not ready; no text contains the secret."""
    assert subject.dialect is not None
    secret = Es256("another key").pem if subject.dialect.profile.es256 else "not+the+secret+at+all+++"
    for wrong in ({"secret": secret}, {"key": "notTheKeyAtAll"}):
        rig = subject.rig(**wrong).boot()  # type: ignore[arg-type]  # secret or key
        private = rig.line(Role.PRIVATE)
        must(not private.ready and private.closed, f"{private.spec.link} is open with wrong {list(wrong)}")
        errors = [error for link, error in rig.faults if link == private.spec.link]
        must(isinstance(errors[-1], CredentialsError), f"reported as {errors}")
        must(secret[-40:] not in str(errors), "the error contains the secret")
        must(rig.line(Role.PUBLIC).ready, "public books stopped with it")
        order = rig.order()
        for role in rig.exchange.route(order):
            if rig.line(role).up:
                _refused(rig, rig.order(), role, RejectReason.AUTH)


@rule("throttle feedback", "dialect", "orders")
def throttled(subject: VenueUnderTest) -> None:
    """After "too many requests" the buckets of the request are closed until a later time, and no order is ended: a new
    order is UNKNOWN until its absence is proved."""
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
            rig = subject.rig(faults=(Fault(kind="throttle", at_s=5, for_s=3),)).boot()
            rig.run_for(5.2)
            before = len(rig.said)
            rig.put(what, role)
            rig.run_for(0.3)
            reported = [spoken.out for spoken in rig.said[before:]]
            throttle = Throttle(rig.exchange.rate_limits)
            for report in rig.outs(RateReport, reported):
                throttle.report(report, rig.now_ns)
            ready_ns = throttle.ready_ns(rig.exchange.cost(what, role), Lane.CANCEL, rig.now_ns)
            must(ready_ns > rig.now_ns, f"{type(what).__name__} over {role.value} closed no bucket: {reported}")
            for update in rig.outs(OrderUpdate, reported):
                must(update.reason in (None, RejectReason.THROTTLED), f"reported as {update.reason}")
                must(update.ord_status is OrdStatus.UNKNOWN, f"ends an order: {update}")
            must(
                not rig.outs(OrderAbsent, reported) and not rig.outs(Listing, reported),
                f"a refusal reported as an answer: {reported}",
            )
            same(len(rig.truth.orders), 0, "orders that the venue took")
            if isinstance(what, NewOrder):
                must(_proved_absent(rig, what, role), "no proof of absence after the throttle")


def _proved_absent(rig: Rig, order: NewOrder, role: Role) -> bool:
    """Query an order that was just sent, as a desk does, until its absence is proved."""
    orders = Orders(rig.account)
    clock = VenueClock()
    clock.sample(ClockSample(rig.venue, rig.signer.offset_ns, 0), rig.now_ns)
    resolver = Resolver(rig.account, rig.exchange.capabilities, clock=clock)
    orders.add(order, rig.now_ns)
    orders.sent(order.cl_ord_id, role, "", rig.now_ns)
    known = orders.timed_out(order.cl_ord_id, rig.now_ns)
    assert known is not None
    resolver.see(known, rig.now_ns)
    able = rig.exchange.capabilities
    until_ns = rig.now_ns + 60 * SECOND + able.order_window_ns + able.order_timeout_ns
    while rig.now_ns < until_ns:
        for question in resolver.tick(rig.now_ns):
            if isinstance(question, ProvedAbsent):
                return True
            if isinstance(question, Unresolved):
                continue
            sent_ns = rig.now_ns
            reported = rig.do(question)
            for out in reported:
                if isinstance(out, OrderAbsent):
                    resolver.absent(out, sent_ns, rig.now_ns)
                elif isinstance(out, Listing):
                    resolver.listed(out, sent_ns, rig.now_ns)
            if not any(isinstance(out, OrderAbsent | Listing) for out in reported):
                resolver.failed(question, rig.now_ns)
        rig.run_for(0.1)
    return False


def _cancel(order: NewOrder) -> CancelOrder:
    return CancelOrder(account=order.account, instrument=order.instrument, cl_ord_id=order.cl_ord_id)


def _query(order: NewOrder) -> QueryOrder:
    return QueryOrder(account=order.account, instrument=order.instrument, cl_ord_id=order.cl_ord_id)


def _proofs(outputs: Sequence[Output]) -> list[Output]:
    """The outputs that would prove the end or the absence of an order."""
    return [
        out
        for out in outputs
        if (isinstance(out, OrderUpdate) and (out.ord_status.terminal or out.last_qty))
        or (isinstance(out, Listing) and out.complete)
        or isinstance(out, OrderAbsent | Balance)
    ]


@rule("unknown outcomes", "dialect", "orders")
def broken_answers(subject: VenueUnderTest) -> None:
    """5xx, HTML, empty, truncated or unexpected answers prove nothing: no rejection, no end, no absence."""
    rig = subject.rig().boot()
    order = rig.order(tif=Tif.GTC, px=rig.best("BTC-USDT", ask=False) - 500)
    one = order.instrument
    asked: tuple[Ask | Command, ...] = (
        order,
        _query(order),
        _query(rig.order()),
        ListOpenOrders(account=rig.account),
        ListFills(account=rig.account, instrument=one),
        _cancel(order),
        Ask(kind=AskKind.BALANCES),
    )
    rest = rig.line(Role.REST)
    for what in asked:
        seen = len(rig.bodies)
        if isinstance(what, Ask):
            rig.ask(what)
        else:
            rig.do(what, Role.REST)
        same(len(rig.bodies) > seen, True, f"{type(what).__name__} was answered")
        for asked_of, good in rig.bodies[seen:]:
            whole = good.body
            cut = [(good.status, whole[:end]) for end in range(0, len(whole), max(1, len(whole) // 150))]
            also = [(500, whole), (503, whole)]
            for status, body in (*BODIES, *cut, *also):
                answer = HttpAnswer(status, {}, body, rig.now_ns, rig.now_ns)
                try:
                    reported = rest.session.answered(asked_of, answer, rig.now_ns)
                except UNREADABLE:
                    reported = ()
                must(
                    not _proofs(reported), f"{type(asked_of).__name__} answered HTTP {status} {body[:60]!r}: {reported}"
                )
        for sent in (True, False):
            reported = rest.session.answered(what, NoAnswer("timed out", sent=sent), rig.now_ns)
            must(not _proofs(reported), f"{type(what).__name__} without an answer: {reported}")


@rule("garbage", "dialect", "orders")
def broken_frames(subject: VenueUnderTest) -> None:
    """A truncated frame raises only what counts as unreadable, and ends no order."""
    rig = subject.rig().boot()
    for order in (rig.order(), rig.order(qty=Decimal(50)), rig.order(tif=Tif.GTC, px=Decimal(1000))):
        rig.do(order)
        rig.do(_cancel(order))
    for link, text in rig.frames:
        session = rig.reborn(link)
        for end in range(0, len(text), max(1, len(text) // 12)):
            try:
                reported = session.receive(text[:end], rig.now_ns)
            except UNREADABLE:
                continue
            except Exception as error:
                must(False, f"{link}: {type(error).__name__} for {text[:end]!r}: {error}"[:300])
                continue
            must(not _proofs(reported), f"{link}: {text[:end]!r} gave {reported}")


@rule("unknown outcomes", "dialect", "orders")
def server_errors(subject: VenueUnderTest) -> None:
    """An order answered with a 5xx may have been accepted: it is UNKNOWN, and a query finds it."""
    path = _order_path(subject)
    for body in ("json", "html"):
        for status in (500, 503, 504):
            fault = Fault(kind="status", path=path, status=status, body=body, applied=True)
            rig = subject.rig(faults=(fault,)).boot()
            order = rig.order(tif=Tif.GTC, px=rig.best("BTC-USDT", ask=False) - 500)
            reported = rig.do(order, Role.REST)
            must(rig.world.faults()["counts"].get("status"), "no order was posted, so the rule cannot be tested")
            acks = [u for u in rig.outs(OrderUpdate, reported) if u.source == "ack"]
            must(all(update.ord_status is OrdStatus.UNKNOWN for update in acks), f"HTTP {status} reported as {acks}")
            found = rig.outs(OrderUpdate, rig.do(_query(order)))
            must(found and found[-1].ord_status is OrdStatus.NEW, f"not found after HTTP {status}: {found}")


def _order_path(subject: VenueUnderTest) -> str:
    """Method and path of an order over REST. Other calls of a venue may be posted too."""
    rig = subject.rig().boot(roles=(Role.REST,))
    (request,) = rig.line(Role.REST).session.encode([rig.order()], rig.now_ns)
    assert isinstance(request, HttpRequest)
    url = request.url
    return f"{request.method} {urlsplit(url.reveal() if isinstance(url, Secret) else url).path}"


@rule("restarts", "dialect", "orders")
def reconnect(subject: VenueUnderTest) -> None:
    """Private and trade links recover after a cut and work as before; orders that ended meanwhile can be queried."""
    rig = subject.rig().boot()
    order = rig.order(tif=Tif.GTC, px=rig.best("BTC-USDT", ask=False) - 500)
    rig.do(order)
    links = [line for line in rig.lines.values() if line.spec.role in (Role.PRIVATE, Role.TRADE)]
    for line in links:
        rig.cut(line.spec.link)
    rig.do(_cancel(order), Role.REST)
    rig.run_for(10)
    for line in links:
        must(line.ready, f"{line.spec.link} did not come back: {rig.faults}")
    found = rig.outs(OrderUpdate, rig.do(_query(order)))
    must(found and found[-1].ord_status is OrdStatus.CANCELED, f"cancelled during the cut, reported as {found}")
    again = rig.order()
    rig.do(again)
    must(
        any(u.ord_status is OrdStatus.FILLED and u.source == "stream" for u in rig.updates(again.cl_ord_id)), "no fill"
    )


@rule("secrets", "dialect", "orders")
def secrets(subject: VenueUnderTest) -> None:
    """The repr of outputs and requests contains no secret, passphrase or signature; request ids are unique."""
    rig = subject.rig().boot()
    order = rig.order(tif=Tif.GTC, px=rig.best("BTC-USDT", ask=False) - 500)
    for role in rig.exchange.route(order):
        order = rig.order(tif=Tif.GTC, px=rig.best("BTC-USDT", ask=False) - 500)
        rig.do(order, role)
        rig.do(_query(order))
        rig.do(_cancel(order), role)
        rig.do(rig.order(), role)
    for kind in (AskKind.BALANCES, AskKind.FEES, AskKind.ASSETS):
        rig.ask(Ask(kind=kind, instrument=order.instrument))
    shown = [repr(each) for _, _, each in rig.sent] + [repr(spoken.out) for spoken in rig.said]
    shown += [repr(line.session) + str(line.spec) for line in rig.lines.values()] + [repr(rig.signer)]
    must(rig.signer.made, "nothing was signed, so the rule cannot be tested")
    for word in (*rig.secrets, *rig.signer.made):
        must(not any(word in text for text in shown), f"shown: {next((t for t in shown if word in t), '')[:200]}")
    ids: set[tuple[str, object, object]] = set()
    for _, link, sent in rig.sent:
        if isinstance(sent, Send):
            text = sent.data.reveal() if isinstance(sent.data, Secret) else sent.data
            message = msgspec.json.decode(text) if text.startswith("{") else {}
            name = next((message[key] for key in ("id", "reqId") if key in message), None)
            if name is not None and rig.lines[link].spec.role is Role.TRADE:
                one = (link, message.get("op") or message.get("method"), name)
                must(one not in ids, f"a request id was used twice: {one}")
                ids.add(one)
    must(all(isinstance(sent, (Send, HttpRequest)) or sent.url for _, _, sent in rig.sent), "a wire of an unknown type")
    sockets = {link for link, line in rig.lines.items() if line.spec.role is not Role.REST}
    same({spoken.link for spoken in rig.said if isinstance(spoken.out, Ready)}, sockets, "links that became ready")
