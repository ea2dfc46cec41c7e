"""The private link (orders, fills, balances) and the trade link (order entry): OKX has one endpoint for both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from arbkit.adapters.wire import MS, json_text
from arbkit.core.errors import BadFrame, LocalProtocolError, RemoteProtocolError
from arbkit.core.orders.ids import parse_cl_ord_id
from arbkit.core.types import (
    NEVER,
    Ask,
    CancelOrder,
    Command,
    Dial,
    HttpAnswer,
    NewOrder,
    NoAnswer,
    Notice,
    Output,
    RateReport,
    Ready,
    RejectReason,
    Role,
    Send,
    Wire,
)
from arbkit_okx import codes, login, reports, wire
from arbkit_okx.public import PING_NS
from arbkit_okx.wire import VENUE

if TYPE_CHECKING:
    from arbkit.core.protocols import Signer
    from arbkit.core.types import Catalogue, LinkSpec

ORDER_WINDOW_NS = 5_000_000_000
"""``expTime`` of orders without a deadline. OKX has no default window."""
LIMIT_WINDOW_NS = 2_000_000_000
"""Trading limits are counted over 2 s; OKX sends no Retry-After."""
_ID = 16
"""Characters of our client order ids."""
_FOREIGN = "0" * _ID
"""Used in its place if a foreign order is cancelled."""
_SUBSCRIBE = json_text(
    {
        "id": "private",
        "op": "subscribe",
        "args": [
            {"channel": "orders", "instType": "SPOT"},
            {"channel": "account", "extraParams": json_text({"updateInterval": "0"})},
        ],
    }
)


class AccountSession:
    """Logs in; then a PRIVATE link subscribes ``orders`` and ``account``, and a TRADE link takes orders.

    Instruments are sent as ``instIdCode``. The answer to an order means "accepted"; the stream reports the rest. A
    request id is the client order id and the instrument name, so that every session can read every answer.
    """

    def __init__(
        self, link: LinkSpec, catalogue: Catalogue, signer: Signer, *, url: str, trade_mode: str = "cash"
    ) -> None:
        self.due_ns = NEVER
        self._link = link
        self._catalogue = catalogue
        self._signer = signer
        self._url = url
        self._trade_mode = trade_mode
        self._heard_ns = 0
        self._awaited = {"orders", "account"}
        self._letters: dict[str, str] = {}
        """Instrument ids by the part of their names that a request id contains."""

    def dial(self, now_ns: int) -> Dial | Ask:
        return Dial(self._url)

    def start(self, now_ns: int) -> Sequence[Output]:
        self._heard_ns = now_ns
        self.due_ns = now_ns + PING_NS
        return (login.frame(self._signer, now_ns),)

    def receive(self, data: str | bytes, now_ns: int) -> Sequence[Output]:
        self._heard_ns = now_ns
        if data == "pong":
            return ()
        frame = wire.private_frame(data)
        channel = frame.arg.channel if frame.arg is not None else ""
        match frame.event:
            case "":
                return self._answer(frame, now_ns) if frame.op else self._push(channel, frame, now_ns)
            case "login":
                return (Send(_SUBSCRIBE),) if self._link.role is Role.PRIVATE else (Ready(self._link.link, now_ns),)
            case "subscribe":
                if channel in self._awaited:
                    self._awaited.discard(channel)
                    if not self._awaited:
                        return (Ready(self._link.link, now_ns),)
                return ()
            case "channel-conn-count" | "unsubscribe":
                return ()
            case _:
                return self._event(frame, now_ns)

    def _event(self, frame: wire.PrivateFrame, now_ns: int) -> Sequence[Output]:
        """A refused key raises ``CredentialsError``, a wrong clock or a lost login ends the link, other events become
        notices."""
        code, msg = frame.code, frame.msg
        if frame.event == "error":
            error = login.refused(code, msg)
            if error is not None:
                raise error
            if code == codes.NOT_LOGGED_IN or codes.REJECTS.get(code) is RejectReason.CLOCK:
                raise RemoteProtocolError(f"okx refused the login: {code} {msg}")
        return (Notice(VENUE, f"{frame.event} {code} {msg}".strip(), code == "64008", now_ns),)

    def _push(self, channel: str, frame: wire.PrivateFrame, now_ns: int) -> Sequence[Output]:
        account = self._link.account
        if channel == "orders":
            rows = wire.orders(frame.data)
            return [reports.order_update(row, account, self._catalogue, "stream", now_ns) for row in rows]
        if channel == "account":
            margin = self._trade_mode != "cash"
            return reports.balances(wire.accounts(frame.data), account, margin, False, now_ns)
        if not channel:
            raise BadFrame("neither an event, an answer nor a push")
        return ()

    def _answer(self, frame: wire.PrivateFrame, now_ns: int) -> Sequence[Output]:
        rows = wire.acks(frame.data)
        cl_ord_id = rows[0].cl_ord_id if rows else ""
        if not cl_ord_id and parse_cl_ord_id(frame.id[:_ID]) is not None:
            cl_ord_id = frame.id[:_ID]
        if not cl_ord_id or frame.op not in ("order", "cancel-order"):
            return (Notice(VENUE, f"{frame.op} {frame.id}: {frame.code} {frame.msg}", recv_ns=now_ns),)
        placed = frame.op == "order"
        instrument = self._instrument(frame.id[_ID:])
        answer = (reports.order_answer if placed else reports.cancel_answer)(
            self._link.account, instrument, cl_ord_id, frame.code, frame.msg, rows, now_ns
        )
        if answer.reason is RejectReason.THROTTLED:
            bucket = ("place:" if placed else "cancel:") + instrument
            return (answer, RateReport(venue=VENUE, bucket=bucket, until_ns=now_ns + LIMIT_WINDOW_NS, recv_ns=now_ns))
        return (answer,)

    def _instrument(self, letters: str) -> str:
        if letters not in self._letters:
            self._letters = {_letters(known.native): known.id for known in self._catalogue.venue(VENUE)}
        return self._letters.get(letters, "")

    def answered(self, what: Ask | Command, answer: HttpAnswer | NoAnswer, now_ns: int) -> Sequence[Output]:
        return ()

    def tick(self, now_ns: int) -> Sequence[Output]:
        quiet = now_ns - self._heard_ns >= PING_NS
        if quiet:
            self._heard_ns = now_ns
        self.due_ns = self._heard_ns + PING_NS
        return (Send("ping", 0),) if quiet else ()

    def encode(self, what: Ask | Sequence[Command], now_ns: int) -> Sequence[Wire]:
        if isinstance(what, Ask) or self._link.role is not Role.TRADE:
            raise LocalProtocolError(f"{self._link.link} carries no {what!r}")
        return [Send(self._text(command, now_ns), 0) for command in what]

    def _text(self, what: Command, now_ns: int) -> str:
        if not isinstance(what, NewOrder | CancelOrder):
            raise LocalProtocolError(f"{self._link.link} carries no {what!r}")
        known = self._catalogue.get(what.instrument)
        native = reports.native(self._catalogue, what.instrument)
        ref = known.venue_ref if known is not None else ""
        args: dict[str, str | int] = {"instIdCode": int(ref)} if ref else {"instId": native}
        request_id = (what.cl_ord_id if len(what.cl_ord_id) == _ID else _FOREIGN) + _letters(native)
        if isinstance(what, CancelOrder):
            args.update(reports.cancel_params(what))
            return json_text({"id": request_id, "op": "cancel-order", "args": [args]})
        args.update(reports.order_params(what, self._trade_mode))
        expires = self._signer.venue_ns(what.deadline_ns or now_ns + ORDER_WINDOW_NS) // MS
        return json_text({"id": request_id, "op": "order", "args": [args], "expTime": str(expires)})


def _letters(native: str) -> str:
    """The part of the name that fits into a request id: letters and digits, at most 32 together with the client id."""
    return native.replace("-", "")[:16]
