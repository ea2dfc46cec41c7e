"""The session of a REST link: makes the calls of a table, follows their pages, and reads what answers prove."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec.structs import replace

from arbkit.adapters.calls import Call, CallTable, Got, Params, RestReply, RestRequest, What, name_of
from arbkit.adapters.context import Context
from arbkit.adapters.pauses import words
from arbkit.adapters.verdicts import Code
from arbkit.adapters.wire import query
from arbkit.core.errors import LocalProtocolError
from arbkit.core.types import (
    NEVER,
    AccountStatus,
    Ask,
    AskKind,
    CancelOrder,
    Command,
    Dial,
    HttpAnswer,
    HttpRequest,
    Lane,
    ListFills,
    Listing,
    ListOpenOrders,
    NewOrder,
    NoAnswer,
    Notice,
    OrderAbsent,
    OrderUpdate,
    OrdStatus,
    Output,
    QueryOrder,
    RateReport,
    RejectReason,
    Role,
    Wire,
)

__all__ = ["RestSession", "bare", "unsigned"]

_MOST_PAGES = 100
_UNREADABLE = (
    *(ValueError, LookupError, ArithmeticError, RecursionError, msgspec.MsgspecError),
    # what a row of unknown fields raises when the venue sends a list or a number where an object or a text belongs
    *(AttributeError, TypeError),
)


@cache
def _decoder(rows: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(rows, strict=False, float_hook=Decimal)


def unsigned(url: str) -> Callable[[Context, RestRequest, int], HttpRequest]:
    """``sign`` of a venue that is used without a key: the parameters stand in the query. ``url``: the REST host."""

    def sign(context: Context, request: RestRequest, now_ns: int) -> HttpRequest:
        params = query((name, str(value)) for name, value in request.params)
        return HttpRequest(request.method, f"{url}{request.path}?{params}" if params else url + request.path)

    return sign


def bare(answer: HttpAnswer) -> RestReply:
    """``unwrap`` of a venue without an envelope: the code is the HTTP status, the data is the body."""
    return RestReply(answer.status, "" if answer.status == 200 else words(answer.body), answer.body)


class _Listed:
    """A listing of several pages, or an answer of two calls, until it is whole."""

    __slots__ = ("call", "cursor", "first_ns", "left", "outputs", "pages", "part", "what")

    def __init__(self, what: Any, call: Call, first_ns: int) -> None:
        self.what = what
        self.call = call
        self.first_ns = first_ns
        self.cursor = ""
        self.outputs: list[Output] = []
        self.pages = 0
        self.part = what
        """What is asked for now: the same for one instrument of it, if the venue lists them one by one."""
        self.left: list[str] = []
        """The instruments that follow."""


class RestSession:
    """The account's request channel; without a key only calls that are not signed. It has no socket.

    ``sign(context, request, now_ns)`` makes the wire request, ``unwrap(answer)`` removes the envelope (None: not
    readable), ``usage(context, buckets, answer, now_ns)`` reads what the headers tell of rate limits.
    ``refuses_by_5xx``: the venue gives a status from 500 to its own refusals too. In its envelope such an answer counts
    where its code is a listed refusal, but not as the refusal of a new order: that is UNKNOWN, as with any venue.
    """

    def __init__(
        self,
        context: Context,
        calls: CallTable,
        *,
        sign: Callable[[Context, RestRequest, int], HttpRequest],
        unwrap: Callable[[HttpAnswer], RestReply | None],
        usage: Callable[[Context, Sequence[str], HttpAnswer, int], Sequence[RateReport]] | None = None,
        refuses_by_5xx: bool = False,
    ) -> None:
        self.due_ns = NEVER
        self._context = context
        self._calls = calls
        self._verdicts = calls.verdicts
        self._sign = sign
        self._unwrap = unwrap
        self._pauses = calls.pauses
        self._usage = usage
        self._readable = 600 if refuses_by_5xx else 500
        """An answer with a lower status is read."""
        self._listed: dict[str, _Listed] = {}
        self._count = 0
        self._bans = 0
        self._banned_until_ns = 0
        self._status = 200

    # --- there is no socket

    def dial(self, now_ns: int) -> Dial:
        raise LocalProtocolError(f"{self._context.link.link} has no socket")

    def start(self, now_ns: int) -> Sequence[Output]:
        return ()

    def receive(self, data: str | bytes, now_ns: int) -> Sequence[Output]:
        raise LocalProtocolError(f"{self._context.link.link} has no socket")

    def tick(self, now_ns: int) -> Sequence[Output]:
        return ()

    # --- out

    def encode(self, what: Ask | Sequence[Command], now_ns: int) -> Sequence[Wire]:
        wanted: Sequence[What] = [what] if isinstance(what, Ask) else what
        return [self._request(one, now_ns) for one in wanted]

    def _request(self, what: What, now_ns: int) -> HttpRequest:
        listed = self._listed.get(what.ref) if isinstance(what, Ask) and what.kind is AskKind.PAGE else None
        if listed is not None:
            what, call = listed.part, listed.call
        else:
            call = self._call(what)
        params = call.params(self._context, what)
        if listed is not None and listed.cursor and call.pages is not None:
            dropped = {call.pages.param, call.pages.instead_of}
            params = [*(one for one in params if one[0] not in dropped), (call.pages.param, listed.cursor)]
        deadline_ns = what.deadline_ns if isinstance(what, NewOrder) else 0
        path, params = _placed(call.path, params)
        return self._sign(self._context, RestRequest(call.method, path, params, call.signed, deadline_ns), now_ns)

    def _call(self, what: What) -> Call:
        """The call of a request; its lookup if the command lacks the venue's id that the call needs, and the one that
        tells the instruments if it lacks the instrument."""
        call = self._calls.of(what)
        if call.among is not None and isinstance(what, ListOpenOrders) and not what.instrument:
            return call.among
        nameless = isinstance(what, CancelOrder | QueryOrder) and not what.order_id
        return call.lookup if nameless and call.lookup is not None else call

    # --- back

    def answered(self, what: What, answer: HttpAnswer | NoAnswer, now_ns: int) -> Sequence[Output]:
        listed = self._listed.get(what.ref) if isinstance(what, Ask) and what.kind is AskKind.PAGE else None
        if listed is None and isinstance(what, Ask) and what.kind is AskKind.PAGE:
            return ()  # its answer was here before
        origin: What = what if listed is None else listed.what
        reply = self._unwrap(answer) if isinstance(answer, HttpAnswer) and answer.status < self._readable else None
        if reply is not None and answer.status >= 500 and not self._counts(origin, reply):
            reply = None
        limited = self._pauses.limits(answer.status, reply is not None)
        if listed is not None:
            if isinstance(answer, HttpAnswer) and (answer.status >= 500 or limited):
                return self._limits(origin, answer, reply, None, "", now_ns)  # the core repeats it
            del self._listed[what.ref]  # type: ignore[union-attr]  # a page is an Ask
        if isinstance(answer, NoAnswer):
            out = self._limits(origin, answer, None, None, "", now_ns)
            return [*out, *self._cut_short(listed, answer.reason, now_ns)] if listed is not None else out
        call = self._call(origin) if listed is None else listed.call
        code = reply.code if reply is not None else None
        text = reply.text if reply is not None else f"HTTP {answer.status} {words(answer.body)}".strip()
        out = self._limits(origin, answer, reply, code, text, now_ns)
        fine = reply is not None and not limited and code in self._verdicts.ok
        if isinstance(origin, NewOrder | CancelOrder | QueryOrder) and not fine:
            return [*out, *self._refused(origin, call, None if limited else code, text, answer.status, now_ns, limited)]
        if not fine or reply is None:
            if listed is not None:
                return [*out, *self._cut_short(listed, f"{code or ''} {text}".strip(), now_ns)]
            return [*out, NoAnswer(f"{code or ''} {text}".strip(), status=answer.status, recv_ns=now_ns)]
        try:
            rows = _decoder(call.rows).decode(reply.data)
            before = () if listed is None else listed.outputs
            outputs = call.read(Got(self._context, origin, rows, answer, reply, now_ns, self._verdicts, before))
            cursor = call.pages.cursor(rows) if call.pages is not None else ""
        except _UNREADABLE as error:
            if isinstance(origin, NewOrder | CancelOrder):
                return [*out, *self._refused(origin, call, None, f"unreadable: {error}", 200, now_ns)]
            if listed is not None:
                return [*out, *self._cut_short(listed, f"unreadable: {error}", now_ns)]
            return [*out, NoAnswer(f"unreadable: {error}", status=answer.status, recv_ns=now_ns)]
        if isinstance(origin, CancelOrder | QueryOrder) and call is self._calls.of(origin).lookup:
            whole = listed or _Listed(origin, call, answer.sent_ns)
            return [*out, *self._looked_up(whole, outputs, cursor, now_ns)]
        if isinstance(origin, NewOrder | CancelOrder):
            return [*out, *outputs]
        if isinstance(origin, QueryOrder) or (isinstance(origin, Ask) and origin.kind is AskKind.ORDER):
            return [*out, *(outputs or self._not_found(origin, call, now_ns))]
        return [*out, *self._page(listed or _Listed(origin, call, answer.sent_ns), outputs, cursor, now_ns)]

    def _refused(
        self,
        what: NewOrder | CancelOrder | QueryOrder,
        call: Call,
        code: Code | None,
        text: str,
        status: int,
        now_ns: int,
        limited: bool = False,
    ) -> Sequence[Output]:
        """What an error proves about the order of this command."""
        if isinstance(what, QueryOrder):
            found = self._verdicts.queried(self._context, what, code, text, now_ns)
            if isinstance(found, OrderAbsent):
                return self._not_found(what, call, now_ns)
            said = f"{code or ''} {text}".strip()
            return (NoAnswer(said, status=status, recv_ns=now_ns),) if found is None else (found,)
        return (self._verdicts.answer(self._context, type(what), what, code, text, now_ns, limited=limited),)

    def _not_found(self, what: QueryOrder | Ask, call: Call, now_ns: int) -> Sequence[Output]:
        name = what.ref if isinstance(what, Ask) else what.cl_ord_id or what.order_id
        if call.elsewhere:
            return (Ask(kind=AskKind.ORDER, instrument=what.instrument, ref=name, lane=Lane.QUERY),)
        return (OrderAbsent(self._context.account, what.instrument, name, now_ns),)

    def _looked_up(self, listed: _Listed, outputs: Sequence[Output], cursor: str, now_ns: int) -> Sequence[Output]:
        """The order is found, may be on the next page, or is not there. A cancel goes on with the venue's id."""
        what = listed.what
        found = next((out for out in outputs if isinstance(out, OrderUpdate)), None)
        if found is None and cursor:
            return self._page(listed, (), cursor, now_ns)
        if isinstance(what, QueryOrder):
            return outputs or self._not_found(what, listed.call, now_ns)
        if found is not None and not found.ord_status.terminal:
            named = _Listed(replace(what, order_id=found.order_id), self._calls.of(what), now_ns)
            return [*outputs, self._later(named, Lane.CANCEL)]
        gone = OrderUpdate(
            account=self._context.account,
            instrument=what.instrument,
            cl_ord_id=what.cl_ord_id,
            ord_status=OrdStatus.UNKNOWN,
            reason=RejectReason.UNKNOWN_ORDER,
            about_cancel=True,
            text="not found by our id" if found is None else "it has ended",
            source="ack",
            recv_ns=now_ns,
        )
        return [*outputs, gone]

    # --- pages

    def _later(self, listed: _Listed, lane: Lane = Lane.READ) -> Ask:
        """Ask for the next call of something that takes several."""
        self._count += 1
        what = listed.what
        ref = f"{name_of(what.kind if isinstance(what, Ask) else type(what))} {self._count}"
        self._listed[ref] = listed
        return Ask(kind=AskKind.PAGE, instrument=what.instrument, ref=ref, lane=lane)

    def _counts(self, what: What, reply: RestReply) -> bool:
        """Whether a refusal with a status from 500 is read (``refuses_by_5xx``): a duplicate is no proof anyway."""
        verdict = self._verdicts.of(reply.code, reply.text)
        if isinstance(what, NewOrder):
            return verdict.reason is not None and not verdict.proved
        return verdict.proved or (isinstance(what, CancelOrder) and reply.code in self._verdicts.gone)

    def _page(self, listed: _Listed, outputs: Sequence[Output], cursor: str, now_ns: int) -> Sequence[Output]:
        """Ask for what follows, or return the whole."""
        listed.pages += 1
        if isinstance(listed.what, ListOpenOrders) and listed.call is self._calls.of(listed.what).among:
            listed.left = [one.instrument for one in outputs if isinstance(one, Ask)]
            listed.call = self._calls.of(listed.what)
        else:
            listed.outputs += outputs
        if cursor and cursor == listed.cursor and not (listed.call.pages and listed.call.pages.numbered):
            return self._cut_short(listed, f"the page after {cursor} is followed by itself", now_ns)
        if cursor and listed.pages >= _MOST_PAGES:
            return self._cut_short(listed, f"more than {_MOST_PAGES} pages", now_ns)
        if not cursor and listed.left:
            listed.part = replace(listed.what, instrument=listed.left.pop(0))
        elif not cursor and listed.call.then is not None and self._context.has_key:
            listed.call = listed.call.then
            listed.pages = 0
        elif not cursor:
            return self._whole(listed, True, now_ns)
        pages = listed.call.pages
        if cursor and pages is not None and (pages.numbered or pages.size):
            cursor = str(listed.pages * pages.size if pages.size else listed.pages + 1)
        listed.cursor = cursor
        return (self._later(listed),)

    def _cut_short(self, listed: _Listed, why: str, now_ns: int) -> Sequence[Output]:
        """A page, or the second call, is missing."""
        what = listed.what
        name = name_of(what.kind if isinstance(what, Ask) else type(what))
        notice = Notice(self._context.venue, f"{name}: incomplete: {why}", recv_ns=now_ns)
        second = listed.pages == 0
        if second or not isinstance(what, Ask):
            return (notice, *self._whole(listed, second, now_ns))
        return (notice, NoAnswer(f"{name}: incomplete: {why}", recv_ns=now_ns))

    def _whole(self, listed: _Listed, complete: bool, now_ns: int) -> Sequence[Output]:
        what = listed.what
        if isinstance(what, Ask):
            return _joined_status(listed.outputs) if what.kind is AskKind.ACCOUNT else listed.outputs
        updates = [out for out in listed.outputs if isinstance(out, OrderUpdate)]
        if not isinstance(what, ListOpenOrders | ListFills):
            return updates
        since_ns = what.since_ns if isinstance(what, ListFills) else 0
        memory_ns = listed.call.memory_ns
        return (
            Listing(
                account=self._context.account,
                kind="fills" if isinstance(what, ListFills) else "open_orders",
                instrument=what.instrument,
                updates=updates,
                since_ns=since_ns,
                complete=complete and (not memory_ns or since_ns > self._context.signer.venue_ns(now_ns) - memory_ns),
                sent_ns=listed.first_ns,
                recv_ns=now_ns,
            ),
        )

    # --- limits

    def _limits(
        self,
        what: What,
        answer: HttpAnswer | NoAnswer,
        reply: RestReply | None,
        code: Code | None,
        text: str,
        now_ns: int,
    ) -> list[Output]:
        """What the answer says about rate limits, bans and maintenance."""
        out: list[Output] = []
        venue, status = self._context.venue, answer.status
        buckets = [bucket for bucket, _ in self._calls.cost(what, Role.REST)]
        in_flight = now_ns < self._banned_until_ns  # it was sent before the ban, so it tells of the same one
        repeated = max(self._bans - in_flight, 0)
        own = reply is not None
        bucket, until_ns = self._pauses.end(answer, self._verdicts.is_throttle(code, text), repeated, now_ns, own)
        closed = [bucket] if bucket else [name for name, _ in self._calls.own(what)] or buckets
        if until_ns:
            out += [RateReport(venue=venue, bucket=name, until_ns=until_ns, recv_ns=now_ns) for name in closed]
        if isinstance(answer, HttpAnswer):
            if self._pauses.ban(status, own)[1] and not in_flight:
                self._bans += 1
                self._banned_until_ns = until_ns
            elif status < 400:
                self._bans = 0
            if self._usage is not None:
                out += self._usage(self._context, buckets, answer, now_ns)
            if status != self._status and (status in (403, 418, 451) or status >= 500):
                out.append(Notice(venue, f"HTTP {status}: {words(answer.body)}", recv_ns=now_ns))
            self._status = status
        return out


def _placed(path: str, params: Params) -> tuple[str, Params]:
    """The path with the parameters that it names, and the other ones."""
    if "{" not in path:
        return path, params
    inside = {name: quote(str(value), safe="") for name, value in params if f"{{{name}}}" in path}
    return path.format_map(inside), [one for one in params if one[0] not in inside]


def _joined_status(outputs: Sequence[Output]) -> Sequence[Output]:
    """One status out of those of all calls: every problem, every warning and every right counts."""
    said = [out for out in outputs if isinstance(out, AccountStatus)]
    if len(said) < 2:
        return outputs
    problem = "; ".join(one.problem for one in said if one.problem)
    warnings = [text for one in said for text in one.warnings]
    others = [out for out in outputs if not isinstance(out, AccountStatus)]
    told = [one.withdraw for one in said if one.withdraw is not None]
    rights = [right for one in said for right in one.rights]
    return [*others, AccountStatus(said[0].account, problem, warnings, any(told) if told else None, rights)]
