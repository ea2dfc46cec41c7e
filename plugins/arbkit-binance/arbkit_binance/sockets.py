"""Binance's WebSocket API: the account's event stream and order entry.

https://developers.binance.com/docs/binance-spot-api-docs/websocket-api

Request ids contain all that is needed to read an answer: a letter for the request, our client order id (16 characters),
and the symbol. Letters: ``n`` new order, ``c`` cancel, ``q`` query, ``t`` clock; also the two words below.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec
from msgspec import Raw, Struct, field

from arbkit.adapters.wire import MS, NOTHING, S, check_amount, is_present, json_text, time_sample
from arbkit.core.errors import CredentialsError, LocalProtocolError, RemoteProtocolError
from arbkit.core.protocols import Signer
from arbkit.core.types import (
    NEVER,
    Ask,
    Balance,
    CancelOrder,
    Catalogue,
    Command,
    Dial,
    HttpAnswer,
    LinkSpec,
    NewOrder,
    NoAnswer,
    Notice,
    Output,
    QueryOrder,
    RateReport,
    Ready,
    RejectReason,
    Secret,
    Send,
    Wire,
)
from arbkit_binance import limits
from arbkit_binance.limits import LimitSaid
from arbkit_binance.orders import (
    ApiError,
    Execution,
    Report,
    execution,
    key_params,
    order_params,
    query_failed,
    refused,
    reject_reason,
    report,
    window_ms,
)
from arbkit_binance.rest import ServerTime, signature

__all__ = ["PrivateSession", "TradeSession"]

_LOGON = "logon"
_SUBSCRIBE = "subscribe"
_PATIENCE_NS = 10 * S
_CLOCK_EVERY_NS = 300 * S
_MOST_ID = 36
_FOREIGN = "-" * 16


class Frame(Struct, gc=False):
    """An answer, or an event (wrapped in ``event``; not wrapped on Binance.US)."""

    id: int | str | None = None
    status: int = 0
    result: Raw = NOTHING
    error: ApiError | None = None
    limits: list[LimitSaid] = field(default=[], name="rateLimits")
    event: Raw = NOTHING
    data: Raw = NOTHING
    e: str = ""


class Kind(Struct, gc=False):
    e: str


class Asset(Struct, gc=False):
    a: str
    f: Decimal
    l: Decimal  # noqa: E741 - the venue's letter

    def __post_init__(self) -> None:
        check_amount(self.f, self.l)


class Position(Struct, gc=False):
    """``outboundAccountPosition``: absolute balances of the changed assets only."""

    B: list[Asset]
    u: int = 0


_FRAME = msgspec.json.Decoder(Frame)
_KIND = msgspec.json.Decoder(Kind)
_EXECUTION = msgspec.json.Decoder(Execution)
_POSITION = msgspec.json.Decoder(Position)
_REPORT = msgspec.json.Decoder(Report)
_TIME = msgspec.json.Decoder(ServerTime)


class _Caller:
    """Signs requests on this socket; after ``session.logon`` (Ed25519 keys) they are not signed."""

    __slots__ = ("_key_type", "_signer", "_window_ms", "logged_on")

    def __init__(self, signer: Signer, key_type: str, window: int) -> None:
        self._signer = signer
        self._key_type = key_type
        self._window_ms = window
        self.logged_on = False

    @property
    def wants_logon(self) -> bool:
        return self._key_type == "ed25519"

    def call(self, request: str, method: str, params: Sequence[tuple[str, str]], now_ns: int, window: int = 0) -> Send:
        """A request. The signed payload: all parameters sorted by name, not percent-encoded."""
        signer = self._signer
        full: dict[str, str | int] = dict(params)
        full["recvWindow"] = window or self._window_ms
        full["timestamp"] = signer.venue_ns(now_ns) // MS
        if not self.logged_on:
            full["apiKey"] = signer.key
            text = "&".join([f"{name}={full[name]}" for name in sorted(full)])
            full["signature"] = signature(signer, text, self._key_type)
        return Send(Secret(json_text({"id": request, "method": method, "params": full})))

    def logon(self, now_ns: int) -> Send:
        return self.call(_LOGON, "session.logon", (), now_ns)


class PrivateSession:
    """The event stream of orders, fills and balances. If the venue ends the stream, the link is dropped, and after the
    reconnect the desk lists what was missed."""

    __slots__ = ("_caller", "_catalogue", "_link", "_url", "due_ns")

    def __init__(
        self, link: LinkSpec, catalogue: Catalogue, signer: Signer, *, url: str, key_type: str, window: int
    ) -> None:
        self.due_ns = NEVER
        self._link = link
        self._catalogue = catalogue
        self._url = url
        self._caller = _Caller(signer, key_type, window)

    def dial(self, now_ns: int) -> Dial:
        return Dial(self._url)

    def start(self, now_ns: int) -> Sequence[Output]:
        self.due_ns = now_ns + _PATIENCE_NS
        if self._caller.wants_logon:
            return (self._caller.logon(now_ns),)
        return (self._caller.call(_SUBSCRIBE, "userDataStream.subscribe.signature", (), now_ns),)

    def receive(self, data: str | bytes, now_ns: int) -> Sequence[Output]:
        frame = _FRAME.decode(data)
        for payload in (frame.event, frame.data):
            if is_present(payload):
                return self._event(payload, now_ns)
        if frame.e:
            return self._event(data, now_ns)
        if frame.id == _LOGON:
            _must(frame, "session.logon")
            self._caller.logged_on = True
            return (Send(json_text({"id": _SUBSCRIBE, "method": "userDataStream.subscribe"})),)
        if frame.id == _SUBSCRIBE:
            _must(frame, "userDataStream.subscribe")
            self.due_ns = NEVER
            return (Ready(self._link.link, now_ns),)
        return _strange(frame, self._link.venue, now_ns)

    def answered(self, what: Ask | Command, answer: HttpAnswer | NoAnswer, now_ns: int) -> Sequence[Output]:
        return ()

    def tick(self, now_ns: int) -> Sequence[Output]:
        raise RemoteProtocolError(f"{self._link.link}: the event stream was not confirmed within 10 s")

    def encode(self, what: Ask | Sequence[Command], now_ns: int) -> Sequence[Wire]:
        raise LocalProtocolError(f"{self._link.link} carries no requests")

    def _event(self, payload: Raw | str | bytes, now_ns: int) -> Sequence[Output]:
        account = self._link.account
        match _KIND.decode(payload).e:
            case "executionReport":
                said = _EXECUTION.decode(payload)
                instrument = self._catalogue.native(self._link.venue, said.s)
                return (execution(said, account, instrument.id if instrument else "", now_ns),)
            case "outboundAccountPosition":
                position = _POSITION.decode(payload)
                return [
                    Balance(
                        account=account, asset=one.a, free=one.f, locked=one.l, exch_ns=position.u * MS, recv_ns=now_ns
                    )
                    for one in position.B
                ]
            case "eventStreamTerminated":
                raise RemoteProtocolError(f"{self._link.link}: the venue ended the event stream")
            case "serverShutdown":
                return (_going(self._link.venue, now_ns),)
        return ()


class TradeSession:
    """Order entry. With an HMAC key every request is signed and the link is ready immediately."""

    __slots__ = ("_caller", "_catalogue", "_link", "_url", "_window_ms", "due_ns")

    def __init__(
        self, link: LinkSpec, catalogue: Catalogue, signer: Signer, *, url: str, key_type: str, window: int
    ) -> None:
        self.due_ns = NEVER
        self._link = link
        self._catalogue = catalogue
        self._url = url
        self._window_ms = window
        self._caller = _Caller(signer, key_type, window)

    def dial(self, now_ns: int) -> Dial:
        return Dial(self._url)

    def start(self, now_ns: int) -> Sequence[Output]:
        if self._caller.wants_logon:
            self.due_ns = now_ns + _PATIENCE_NS
            return (self._caller.logon(now_ns),)
        return (*self._ask_clock(now_ns), Ready(self._link.link, now_ns))

    def tick(self, now_ns: int) -> Sequence[Output]:
        if self._caller.wants_logon and not self._caller.logged_on:
            raise RemoteProtocolError(f"{self._link.link}: the log-on was not answered within 10 s")
        return self._ask_clock(now_ns)

    def answered(self, what: Ask | Command, answer: HttpAnswer | NoAnswer, now_ns: int) -> Sequence[Output]:
        return ()

    def encode(self, what: Ask | Sequence[Command], now_ns: int) -> Sequence[Wire]:
        if isinstance(what, Ask):
            raise LocalProtocolError(f"{self._link.link} answers no {what.kind}")
        return [self._command(command, now_ns) for command in what]

    def _command(self, command: Command, now_ns: int) -> Send:
        if not isinstance(command, (NewOrder, CancelOrder, QueryOrder)):
            raise LocalProtocolError(f"{self._link.link} carries no {type(command).__name__}")
        native = self._catalogue[command.instrument].native
        call = self._caller.call
        match command:
            case NewOrder():
                window = window_ms(command, self._window_ms, now_ns)
                name = _request_id("n", command.cl_ord_id, native)
                return call(name, "order.place", order_params(command, native), now_ns, window)
            case CancelOrder():
                name = _request_id("c", command.cl_ord_id, native)
                return call(name, "order.cancel", key_params(command, native), now_ns)
            case QueryOrder():
                name = _request_id("q", command.cl_ord_id, native)
                return call(name, "order.status", key_params(command, native), now_ns)

    def receive(self, data: str | bytes, now_ns: int) -> Sequence[Output]:
        frame = _FRAME.decode(data)
        account = self._link.account
        outputs: list[Output] = [*limits.from_array(frame.limits, account, now_ns)]
        if frame.status in (418, 429) and frame.error is not None:
            outputs.append(_stop(frame.error, frame.status, self._link.venue, now_ns))
        if frame.id == _LOGON:
            _must(frame, "session.logon")
            self._caller.logged_on = True
            return [*outputs, *self._ask_clock(now_ns), Ready(self._link.link, now_ns)]
        kind, cl_ord_id, instrument = self._asked(frame.id)
        if is_present(frame.event) and _KIND.decode(frame.event).e == "serverShutdown":
            return [*outputs, _going(self._link.venue, now_ns)]
        if kind == "t":
            if is_present(frame.result):
                server_ms = _TIME.decode(frame.result).server_time
                outputs.append(time_sample(self._link.venue, server_ms * MS, MS, int(str(frame.id)[1:]), now_ns))
            return outputs
        if kind not in ("n", "c", "q"):
            return [*outputs, *_strange(frame, self._link.venue, now_ns)]
        if frame.error is not None:
            if kind == "q":
                return [*outputs, *query_failed(account, instrument, cl_ord_id, frame.error, frame.status, now_ns)]
            sort = NewOrder if kind == "n" else CancelOrder
            return [*outputs, *refused(sort, account, instrument, cl_ord_id, frame.error, frame.status, now_ns)]
        if frame.status == 200 and is_present(frame.result):
            said = _REPORT.decode(frame.result)
            source = "poll" if kind == "q" else "ack"
            outputs += report(said, account, instrument, now_ns, source, cl_ord_id)
        return outputs

    def _asked(self, request: int | str | None) -> tuple[str, str, str]:
        """(what, client id, instrument) of the request that this answers."""
        if not isinstance(request, str) or not request:
            return "", "", ""
        known = self._catalogue.native(self._link.venue, request[17:])
        cl_ord_id = request[1:17]
        return request[0], "" if cl_ord_id == _FOREIGN else cl_ord_id, known.id if known else ""

    def _ask_clock(self, now_ns: int) -> tuple[Send, ...]:
        self.due_ns = now_ns + _CLOCK_EVERY_NS
        return (Send(json_text({"id": f"t{now_ns}", "method": "time"})),)


def _request_id(letter: str, cl_ord_id: str, native: str) -> str:
    """A request id. It does not contain the id of a foreign order, nor a symbol that would make it too long."""
    name = f"{letter}{cl_ord_id if len(cl_ord_id) == 16 else _FOREIGN}{native}"
    return name if len(name) <= _MOST_ID else name[:17]


def _must(frame: Frame, what: str) -> None:
    """Raise if a login or subscription failed: ``CredentialsError`` or ``RemoteProtocolError``."""
    if frame.error is None and frame.status == 200:
        return
    error = frame.error or ApiError(0, "no reason given")
    text = f"binance {what} refused: {error.code} {error.msg}"
    if reject_reason(error) is RejectReason.AUTH:
        raise CredentialsError(f"{text}; check the key, its permissions, its address list and the environment")
    raise RemoteProtocolError(text)


def _strange(frame: Frame, venue: str, now_ns: int) -> Sequence[Output]:
    if frame.error is None:
        return ()
    return (Notice(venue, f"request {frame.id} refused: {frame.error.code} {frame.error.msg}", recv_ns=now_ns),)


def _going(venue: str, now_ns: int) -> Notice:
    return Notice(venue, "the venue announces its shutdown", going_away=True, recv_ns=now_ns)


def _stop(error: ApiError, status: int, venue: str, now_ns: int) -> RateReport:
    """After 429 and 418: send nothing until ``retryAfter`` (epoch ms)."""
    until = (error.data or {}).get("retryAfter")
    default = now_ns + (60 if status == 429 else 120) * S
    until_ns = until * MS if isinstance(until, int) and 0 < until < 1 << 43 else default
    return RateReport(venue=venue, bucket="*", until_ns=until_ns, recv_ns=now_ns)
