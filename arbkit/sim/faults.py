"""Fault scripts: which faults happen at a simulated venue, when and how often. Seeded. Fired faults are recorded."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Literal, TypeAlias, get_args

from msgspec import DecodeError, Struct, ValidationError, json

from arbkit.core.errors import ConfigError

__all__ = ["Fault", "FaultKind", "Fired", "Script", "default_script", "read_script"]

FaultKind: TypeAlias = Literal[
    "skip",
    "drop",
    "duplicate",
    "reorder",
    "corrupt",
    "close",
    "mute",
    "throttle",
    "status",
    "delay",
    "blind",
    "lose_ack",
    "lose_request",
    "partial",
    "ban",
    "maintenance",
    "halt",
    "delist",
    "rules",
    "late",
    "silent",
    "clock",
    "trade",
    "deposit",
    "restart",
    "ghost",
    "reject",
    "login",
    "refuse",
    "overrun",
    "fee",
    "withdraw",
    "foreign",
    "lag",
    "late_fill",
]
"""The kinds of fault:

- ``skip``: the changes since the last book frame are lost, and the venue's sequence numbers have a gap;
- ``drop``, ``duplicate``, ``reorder`` (sent after the next frame of its symbol), ``corrupt`` (truncated): a book frame;
- ``close``: a connection is cut; ``on`` selects one that carries ``book``, ``user``, ``reply`` frames, or ``any``;
- ``mute``: such a connection stays open and carries no frames of that kind for ``for_s`` (``any``: also no pings);
- ``throttle``: everything is refused as "too many requests" for ``for_s``;
- ``status``: an HTTP request gets ``status`` with a JSON or HTML ``body``; with ``applied`` it was executed before;
- ``delay``: all frames and answers of the venue arrive ``for_s`` later, in order;
- ``blind``: from now on queries and listings do not show the last ``for_s`` (a lagging replica);
- ``lose_ack``: an order is accepted and its answer is lost; ``cut`` also closes the socket (a REST call is always cut);
- ``lose_request``: an order does not arrive and gets no answer;
- ``ban``: HTTP requests and handshakes are refused for ``for_s`` in the venue's words for a banned address;
- ``maintenance``: all connections are cut and everything is answered 503 for ``for_s``; then prices are moved by
  ``amount`` (a fraction) for 10 seconds;
- ``halt``: a symbol cannot be traded for ``for_s``; with ``on`` "reply" it begins when an order has been accepted;
- ``delist``: a symbol is removed, and its orders are cancelled;
- ``rules``: price and size steps and the minimum size of a symbol become ten times as large;
- ``late``: book frames come later and later, by ``fraction`` of the time that has passed, for ``for_s``;
- ``silent``: no book, top or trade frame of a symbol for ``for_s``, while its subscription stays;
- ``clock``: the venue's clock jumps by ``amount`` seconds;
- ``trade``: the account's owner buys for ``amount`` of the quote asset by hand; ``deposit``: receives ``amount``
  of ``asset``;
- ``restart``: the update ids of a book begin at a low number again; no change is lost;
- ``ghost``: the deletion of the present best bid is not told for ``for_s``;
- ``reject``: an order is accepted, and ``for_s`` later the venue rejects it;
- ``login``: a login is refused although the key is good (OKX 60032; Bybit's trade socket 10003: too many sessions);
- ``refuse``: a subscription is refused for a passing reason;
- ``overrun``: an order over a WebSocket is accepted, and its answer says "too many requests" (over HTTP: ``status``
  with ``body`` "limited" and ``applied``);
- ``fee``: from now on the account pays its fees in ``asset`` ("" = as before), and the rate ``amount`` as a taker if it
  is not 0;
- ``withdraw``: the account's owner takes ``amount`` of ``asset`` away, if it is free;
- ``foreign``: another program buys for ``amount`` of the quote asset: a limit order at the best bid, with an id of
  its own, cancelled after ``for_s``;
- ``lag``: market data frames come ``amount`` seconds late, always the same, for ``for_s``;
- ``late_fill``: the report of a fill comes ``for_s`` after the end of its order;
- ``partial``: before an order matches, all of its matching liquidity except ``fraction`` is removed.
"""


class Fault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of a script. It is armed ``at_s`` seconds after the start, and fires at the next possible moment."""

    kind: FaultKind
    venue: str = ""
    """"" = every venue, each with its own count."""
    at_s: float = 0.0
    count: int = 1
    """How often it fires; 0 = no limit."""
    every_s: float = 0.0
    """Seconds from one firing until it is armed again."""
    chance: float = 1.0
    """Probability of firing at each possible moment."""
    symbol: str = ""
    """Book faults: only this canonical symbol; "" = all."""
    on: Literal["any", "book", "user", "reply"] = "any"
    for_s: float = 1.0
    path: str = ""
    """``status``: requests whose method and path contain this, such as ``POST /api/v3/order``."""
    status: int = 503
    body: Literal["json", "html", "busy", "limited"] = "json"
    """``status``: the body of the answer; "busy" and "limited" are the venue's own answers, with their own status."""
    applied: bool = False
    fraction: float = 0.5
    cut: bool = False
    amount: float = 0.0
    asset: str = "USDT"


class Fired(Struct, frozen=True):
    """A fault that fired."""

    kind: FaultKind
    venue: str
    ns: int
    detail: str = ""


class _Armed:
    __slots__ = ("fault", "left", "next_ns")

    def __init__(self, fault: Fault, start_ns: int) -> None:
        self.fault = fault
        self.left = fault.count or (1 << 62)
        self.next_ns = start_ns + round(fault.at_s * 1e9)


class Script:
    """One venue's faults."""

    def __init__(self, faults: Sequence[Fault], venue: str, start_ns: int, rng: Random) -> None:
        self.fired: list[Fired] = []
        """The faults that fired, in order."""
        self._venue = venue
        self._rng = rng
        self._armed: dict[str, list[_Armed]] = {}
        for fault in faults:
            if fault.venue in ("", venue):
                self._armed.setdefault(fault.kind, []).append(_Armed(fault, start_ns))

    def take(self, kind: FaultKind, now_ns: int, symbol: str = "", detail: str = "", on: str = "any") -> Fault | None:
        """The fault of this kind that fires now, or None. ``detail`` describes the request or connection."""
        for armed in self._armed.get(kind, ()):
            fault = armed.fault
            if now_ns < armed.next_ns or fault.symbol not in ("", symbol) or fault.on != on:
                continue
            if fault.path and fault.path not in detail:
                continue
            if fault.chance < 1 and self._rng.random() >= fault.chance:
                continue
            armed.left -= 1
            armed.next_ns = now_ns + round(fault.every_s * 1e9)
            if not armed.left:
                self._armed[kind].remove(armed)
            self.fired.append(Fired(kind, self._venue, now_ns, detail or symbol))
            return fault
        return None

    @property
    def armed(self) -> bool:
        """Whether any fault may still fire."""
        return any(self._armed.values())

    def has(self, kind: FaultKind) -> bool:
        """Whether any fault of this kind may still fire."""
        return bool(self._armed.get(kind))

    def disarm(self) -> None:
        """No fault fires any more."""
        self._armed.clear()

    def due_ns(self, *kinds: FaultKind) -> int:
        """When the next fault of these kinds is armed; ``1 << 62`` if there is none."""
        return min((armed.next_ns for kind in kinds for armed in self._armed.get(kind, ())), default=1 << 62)


def default_script(venues: Sequence[str], seconds: float) -> list[Fault]:
    """The five faults of a demo run, distributed over the venues and over the first two thirds of the run."""
    plan: list[Fault] = []
    kinds: list[FaultKind] = ["skip", "partial", "lose_ack", "throttle", "close"]
    for i, kind in enumerate(kinds):
        at_s = seconds * (0.1 + 0.55 * i / len(kinds))
        on: Literal["any", "book"] = "book" if kind == "close" else "any"
        plan.append(Fault(kind=kind, venue=venues[i % len(venues)], at_s=round(at_s, 3), on=on, fraction=0.4))
    return plan


def read_script(text: bytes) -> list[Fault]:
    """Read a script: a JSON list of objects with the fields of ``Fault``. Raises ``ConfigError``."""
    try:
        return json.decode(text, type=list[Fault])
    except (ValidationError, DecodeError) as error:
        kinds = ", ".join(get_args(FaultKind))
        raise ConfigError(f"fault script: {error}. It must be a JSON list of objects. The kinds are {kinds}.") from None
