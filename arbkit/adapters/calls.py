"""A venue's REST calls as a table: path, parameters, cost, row type, reader and pages of each read and command.

``RestSession`` (``arbkit.adapters.rest``) makes the calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from msgspec import Raw, Struct

from arbkit.adapters.context import Context
from arbkit.adapters.pauses import Pauses
from arbkit.adapters.verdicts import Code, Verdicts
from arbkit.core.errors import LocalProtocolError
from arbkit.core.types import Ask, AskKind, Command, HttpAnswer, OrderUpdate, Output, Role

__all__ = ["Call", "CallTable", "Got", "Pages", "Params", "RestReply", "RestRequest", "What", "by_socket", "name_of"]

What: TypeAlias = Ask | Command
Params: TypeAlias = Sequence[tuple[str, Any]]
"""Names and values of a query or a body, in the order in which they are sent."""
Cost: TypeAlias = tuple[str, "int | Callable[[Any], int]", str]
"""(bucket, units or a function of the request, what the bucket is counted by: "", "instrument" or "account")."""


class RestRequest(Struct, frozen=True, gc=False):
    """A call with its parameters, before the venue's own signing."""

    method: str
    path: str
    params: Params
    signed: bool
    deadline_ns: int = 0
    """An order must not be executed after this time (0 = the venue's usual window)."""


class RestReply(Struct, frozen=True, gc=False):
    """An answer without its envelope."""

    code: Code
    text: str
    data: bytes | Raw
    exch_ns: int = 0


class Got(Struct, frozen=True, gc=False):
    """What the reader of a call is given."""

    context: Context
    what: Any
    """The ``Ask`` or command."""
    rows: Any
    """Decoded as the call says."""
    answer: HttpAnswer
    reply: RestReply
    now_ns: int
    verdicts: Verdicts
    before: Sequence[Output] = ()
    """What earlier pages, and the calls that this one was made after (``Call.then``), gave."""

    def acknowledged(
        self, order_id: str, exch_ns: int = 0, code: Code | None = None, text: str = ""
    ) -> list[OrderUpdate]:
        """The report that answers a new order or a cancel. ``code`` and ``text``: where the order has its own beside
        the reply's."""
        code, text = (code, text) if code is not None else (self.reply.code, self.reply.text)
        about, kind = self.what, type(self.what)
        return [
            self.verdicts.answer(self.context, kind, about, code, text, self.now_ns, order_id=order_id, exch_ns=exch_ns)
        ]


def by_socket(got: Got) -> Sequence[Output]:
    """For calls whose answer goes to the socket that asked: a snapshot, a token. There is nothing to read here."""
    return ()


class Pages(Struct, frozen=True, gc=False):
    """How the next page is asked for."""

    param: str
    """The parameter that carries the cursor."""
    cursor: Callable[[Any], str]
    """The cursor after these rows; "" = they are the last."""
    instead_of: str = ""
    """A parameter of the first page that the cursor replaces."""
    numbered: bool = False
    """Pages are asked for by their number, from 1: any text as cursor means that there is one more."""
    size: int = 0
    """Pages are asked for by the number of rows before them, so many a page; the cursor as with ``numbered``."""


def no_params(context: Context, what: Any) -> Params:
    return ()


class Call(Struct, frozen=True):
    """One call of the REST API. The first three are usually given by position, the others by name."""

    path: str
    """``{name}`` in it stands for the parameter of that name, which is then not sent elsewhere."""
    read: Callable[[Got], Sequence[Output]]
    cost: str | Sequence[Cost] = ()
    """The name of a bucket stands for one unit of it."""
    rows: Any = list[dict[str, Any]]
    """The type of the reply's data."""
    params: Callable[[Context, Any], Params] = no_params
    """Called with the context and the ask or command."""
    method: str = "GET"
    signed: bool = True
    pages: Pages | None = None
    then: Call | None = None
    """A second call that is made with a key only; the core gets what both say. Without its answer, the first counts."""
    memory_ns: int = 0
    """The venue lists fills of so long (0 = of all time)."""
    elsewhere: bool = False
    """An order that is not found here is looked for by ``AskKind.ORDER``."""
    among: Call | None = None
    """For ``ListOpenOrders`` where the venue lists one instrument at a time: the call that tells which instruments have
    orders. Its reader gives an ``Ask`` of kind PAGE for each; then this call is made for each of them."""
    lookup: Call | None = None
    """For cancels and queries where the venue wants its own id of the order: how the order is found by ours. Its pages
    are followed until the order is there; then a cancel is sent, and a query is answered."""


class CallTable:
    """The calls by what they are made for, and what their answers mean: the venue's codes, and its pauses after a
    throttle or a ban. ``every``: the cost of any request on a role, beside the call's own."""

    def __init__(
        self,
        venue: str,
        calls: Mapping[AskKind | type[Any], Call],
        *,
        verdicts: Verdicts,
        pauses: Pauses,
        every: Mapping[Role, Sequence[tuple[str, int]]] | None = None,
    ) -> None:
        self.venue = venue
        self.verdicts = verdicts
        self.pauses = pauses
        self._calls = dict(calls)
        self._every = {role: tuple(costs) for role, costs in (every or {}).items()}
        self._names = {name_of(key): key for key in self._calls}
        self._fixed: dict[tuple[AskKind | type[Any], str, str], Sequence[tuple[str, int]]] = {}
        """Own costs that were worked out before, by key of the call, account and instrument."""
        self._whole: dict[tuple[type[Any], str, str, Role], Sequence[tuple[str, int]]] = {}
        """The same with ``every``, of commands."""

    def of(self, what: What) -> Call:
        """Raises ``LocalProtocolError`` for what the venue does not have."""
        call = self._calls.get(what.kind if isinstance(what, Ask) else type(what))
        if call is None:
            name = what.kind.value if isinstance(what, Ask) else type(what).__name__
            raise LocalProtocolError(f"{self.venue} has no call for {name}")
        return call

    def cost(self, what: What, role: Role) -> Sequence[tuple[str, int]]:
        """What ``Exchange.cost`` returns."""
        if isinstance(what, Ask):
            return (*self.own(what), *self._every.get(role, ()))
        key = type(what), what.account, what.instrument, role
        known = self._whole.get(key)
        if known is None:
            known = (*self.own(what), *self._every.get(role, ()))
            if key[:3] in self._fixed:
                self._whole[key] = known
        return known

    def own(self, what: What) -> Sequence[tuple[str, int]]:
        """The cost without ``every``."""
        key: AskKind | type[Any] | None
        if not isinstance(what, Ask):
            key, account = type(what), what.account
        else:
            key, account = what.kind, ""
            if key is AskKind.PAGE:
                key = self._names.get(what.ref.partition(" ")[0])
        if key is None:
            return ()
        known = self._fixed.get((key, account, what.instrument))
        if known is not None:
            return known
        costs = self._named(key, account, what.instrument)
        own = tuple((bucket, units if isinstance(units, int) else units(what)) for bucket, units in costs)
        if all(isinstance(units, int) for _, units in costs):
            self._fixed[key, account, what.instrument] = own
        return own

    def route(self, command: Command, on_socket: tuple[type[Any], ...] = ()) -> Sequence[Role]:
        """What ``Exchange.route`` returns: the trade socket first for ``on_socket``, REST for the rest of the table."""
        if type(command) not in self._calls:
            return ()
        return (Role.TRADE, Role.REST) if isinstance(command, on_socket) else (Role.REST,)

    def buckets(self, kind: type[Any], account: str, instrument: str) -> Sequence[str]:
        """The buckets of a command's own costs."""
        return [bucket for bucket, _ in self._named(kind, account, instrument)]

    def _named(
        self, key: AskKind | type[Any], account: str, instrument: str
    ) -> Sequence[tuple[str, int | Callable[[Any], int]]]:
        """The costs of a call with the names of their buckets."""
        call = self._calls.get(key)
        if call is None:
            return ()
        costs: Sequence[Cost] = [(call.cost, 1, "")] if isinstance(call.cost, str) else call.cost
        by_key = {"instrument": instrument, "account": account}
        return [(f"{bucket}:{name}" if (name := by_key.get(by)) else bucket, units) for bucket, units, by in costs]


def name_of(key: AskKind | type[Any]) -> str:
    """How a call is named in texts and in the ``ref`` of its pages."""
    return key.value if isinstance(key, AskKind) else key.__name__
