"""Conformance rules about orders whose outcome is not known: lost answers, and answers that are on no list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from arbkit.core.types import (
    CancelOrder,
    Catalogue,
    HttpAnswer,
    ListFills,
    Listing,
    ListOpenOrders,
    NewOrder,
    OrderAbsent,
    OrderUpdate,
    OrdStatus,
    Output,
    QueryOrder,
    Role,
    Tif,
)
from arbkit.sim.faults import Fault
from arbkit.testing.conformance.rig import UNREADABLE, Rig
from arbkit.testing.conformance.rules import NotRun, VenueUnderTest, must, rule, same

__all__: list[str] = []

_TEXT = "a text that no page has"
_LOST = (
    Fault(kind="lose_ack", at_s=5),
    Fault(kind="lose_ack", at_s=5, cut=True),
    Fault(kind="lose_request", at_s=5),
)


def _claims(rig: Rig, order: NewOrder, outputs: Sequence[Output]) -> list[Output]:
    """The outputs that say that the order has ended or never was."""
    return [
        out
        for out in outputs
        if (isinstance(out, OrderUpdate) and out.cl_ord_id == order.cl_ord_id and out.ord_status.terminal)
        or (isinstance(out, OrderAbsent) and out.cl_ord_id == order.cl_ord_id)
    ]


@rule("unknown outcomes", "dialect", "orders")
def lost_answers(subject: VenueUnderTest) -> None:
    """An order whose answer is lost (with the connection or without), and an order that never arrives: nothing says
    that it has ended. Later a query finds the first kind, and reports the second kind as absent."""
    probe = subject.rig().boot()
    for role in probe.exchange.route(probe.order()):
        for fault in _LOST:
            rig = subject.rig(faults=(fault,)).boot()
            rig.run_for(5.2)
            order = rig.order(tif=Tif.GTC, px=rig.best("BTC-USDT", ask=False) / 2 // 1)
            what = f"{fault.kind}{' and connection' if fault.cut else ''} over {role.value}"
            claims = _claims(rig, order, rig.do(order, role, wait_s=2))
            must(rig.world.faults()["counts"].get(fault.kind), f"{what}: the fault did not fire")
            must(not claims, f"{what}: {claims}"[:300])
            rig.run_for(10)
            must(all(line.ready for line in rig.lines.values()), f"{what}: a link did not come back")
            query = QueryOrder(account=order.account, instrument=order.instrument, cl_ord_id=order.cl_ord_id)
            for way in rig.exchange.route(query):
                reported = rig.do(query, way)
                if fault.kind == "lose_request":
                    same(len(rig.outs(OrderAbsent, reported)), 1, f"{what}: reports of absence")
                    must(not rig.outs(OrderUpdate, reported), f"{what}: {reported}"[:300])
                else:
                    found = rig.outs(OrderUpdate, reported)
                    must(found and found[-1].ord_status is OrdStatus.NEW, f"{what}: found as {reported}"[:300])


def _unheard(text: str | bytes) -> Iterator[str]:
    """A refusal with all its codes replaced by codes that no venue has, and its messages by a text that none has."""
    try:
        whole = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return
    if _replace(whole):
        yield msgspec.json.encode(whole).decode()


def _is_text(value: object) -> bool:
    """Whether it is a text, or a list of texts."""
    texts = value if isinstance(value, list) else [value]
    return bool(texts) and all(isinstance(one, str) and one for one in texts)


def _replace(node: Any) -> int:
    """Replace codes and messages in place; the number of replaced codes."""
    replaced = 0
    for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
        name = str(key).lower()
        if (name == "error" or name.endswith("reason")) and _is_text(value):  # the text is the code (Kraken, Coinbase)
            node[key] = _TEXT if isinstance(value, str) else [_TEXT]
            replaced += 1
        elif isinstance(value, dict | list):
            replaced += _replace(value)
        elif name.endswith("code") and str(value).lstrip("-").isdecimal() and int(value):
            new = 987_654 if int(value) > 0 else -987_654
            node[key] = str(new) if isinstance(value, str) else new
            replaced += 1
        elif name.endswith(("msg", "message")) and isinstance(value, str):
            node[key] = _TEXT
    return replaced


@rule("unknown outcomes", "dialect", "orders")
def unlisted_code(subject: VenueUnderTest) -> None:
    """A refusal with a code that is on no list of the venue proves nothing: the order is UNKNOWN, not REJECTED."""
    rig = subject.rig().boot()
    judged = 0
    for role in rig.exchange.route(rig.order()):
        order = rig.order(qty=Decimal(50))
        link, bodies, frames = rig.line(role), len(rig.bodies), len(rig.frames)
        rig.do(order, role)
        must(rig.updates(order.cl_ord_id), f"{role.value}: no answer to an order that is too large")
        answers = (
            [answer.body for _, answer in rig.bodies[bodies:]]
            if role is Role.REST
            else [text.encode() for name, text in rig.frames[frames:] if name == link.spec.link]
        )
        for text in (unheard for answer in answers for unheard in _unheard(answer)):
            judged += 1
            for status in (200, 400) if role is Role.REST else (0,):
                try:
                    outputs = (
                        link.session.answered(order, HttpAnswer(status, {}, text.encode()), rig.now_ns)
                        if role is Role.REST
                        else link.session.receive(text, rig.now_ns)
                    )
                except UNREADABLE:
                    continue
                claims = _claims(rig, order, outputs)
                must(not claims, f"{role.value}: {text[:150]} gave {claims}"[:400])
    if not judged:
        raise NotRun("the venue's refusals have no field whose name ends with 'code'")


@rule("unknown outcomes", "dialect", "orders")
def delisted(subject: VenueUnderTest) -> None:
    """An instrument is missing from the catalogue (the venue has delisted it since the last run): its orders can still
    be queried, listed and cancelled, over REST."""
    rig = subject.rig().boot()
    order = rig.order(tif=Tif.GTC, px=rig.best("BTC-USDT", ask=False) / 2 // 1)
    rig.do(order)
    rest = rig.line(Role.REST)
    rest.session = rig.exchange.session(rest.spec, Catalogue(), rig.signer)
    me, one = order.account, order.instrument
    for command in (
        QueryOrder(account=me, instrument=one, cl_ord_id=order.cl_ord_id),
        ListOpenOrders(account=me),
        ListOpenOrders(account=me, instrument=one),
        ListFills(account=me, instrument=one, since_ns=rig.now_ns),
        CancelOrder(account=me, instrument=one, cl_ord_id=order.cl_ord_id),
    ):
        what = f"{type(command).__name__} for an instrument that is not in the catalogue"
        try:
            reported = rig.do(command, Role.REST)
        except LookupError as error:
            must(False, f"{what}: {type(error).__name__}: {error}")
            return
        listed = [update for listing in rig.outs(Listing, reported) for update in listing.updates]
        found = {update.cl_ord_id: update.instrument for update in (*rig.outs(OrderUpdate, reported), *listed)}
        if isinstance(command, ListFills):
            same([listing.kind for listing in rig.outs(Listing, reported)], ["fills"], what)
        else:
            must(order.cl_ord_id in found, f"{what}: {reported}"[:300])
        if isinstance(command, QueryOrder):
            same(found[order.cl_ord_id], one, f"{what}: the instrument")
    true = rig.true_order(order.cl_ord_id)
    must(true is not None and true.status is OrdStatus.CANCELED, "the order was not cancelled")
