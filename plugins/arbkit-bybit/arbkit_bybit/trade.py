"""The trade link: order entry. Its answers mean "accepted"; states and fills come on the private link."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from arbkit.adapters.wire import MS, json_text, ms_ns, own_id, read_json
from arbkit.core.errors import BadFrame, LocalProtocolError, RemoteProtocolError
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
    Ready,
    RejectReason,
    Send,
    Wire,
)
from arbkit_bybit import codes, login, reports, wire
from arbkit_bybit.public import PING, PING_NS
from arbkit_bybit.wire import VENUE

if TYPE_CHECKING:
    from arbkit.core.protocols import Signer
    from arbkit.core.types import Catalogue, LinkSpec

_OPS = {"order.create": "create", "order.cancel": "cancel"}
"""Operations and their rate-limit buckets."""


class TradeSession:
    """Order entry. A request id is client order id, counter (Bybit refuses a repeated id) and symbol, so that every
    session can read every answer."""

    def __init__(self, link: LinkSpec, catalogue: Catalogue, signer: Signer, *, url: str) -> None:
        self.due_ns = NEVER
        self._link = link
        self._catalogue = catalogue
        self._signer = signer
        self._url = url
        self._count = 0

    def dial(self, now_ns: int) -> Dial | Ask:
        return Dial(self._url)

    def start(self, now_ns: int) -> Sequence[Output]:
        self.due_ns = now_ns + PING_NS
        return (login.frame(self._signer, now_ns),)

    def receive(self, data: str | bytes, now_ns: int) -> Sequence[Output]:
        frame = wire.private_frame(data)
        code, text = frame.ret_code, frame.text
        if frame.op in _OPS:
            return self._answer(frame, now_ns)
        match frame.op:
            case "ping" | "pong":
                return ()
            case "auth" if code in (0, codes.ALREADY_AUTHED):
                return (Ready(self._link.link, now_ns),)
            case "auth":
                raise login.refused(code, text) or RemoteProtocolError(f"bybit refused the login: {code} {text}")
            case "" if code is None:
                raise BadFrame("not an answer")
            case _:
                return (Notice(VENUE, f"{frame.op} {code} {text}".strip(), code == codes.RESTARTING, now_ns),)

    def _answer(self, frame: wire.PrivateFrame, now_ns: int) -> Sequence[Output]:
        ids = read_json(wire.IDS, bytes(frame.data)) or wire.Ids()
        name, _, rest = frame.req_id.partition("-")
        cl_ord_id = ids.order_link_id or name
        if not cl_ord_id:
            return (Notice(VENUE, f"{frame.op} {frame.ret_code} {frame.text}", recv_ns=now_ns),)
        instrument = self._catalogue.native(VENUE, rest.partition("-")[2])
        about = reports.order_answer if frame.op == "order.create" else reports.cancel_answer
        answer = about(
            self._link.account,
            instrument.id if instrument else "",
            cl_ord_id,
            frame.ret_code,
            frame.text,
            ids,
            ms_ns(str(frame.header.get("Timenow", ""))),
            now_ns,
        )
        out: list[Output] = [answer]
        exceeded = answer.reason is RejectReason.THROTTLED
        report = reports.rate_report(frame.header, _OPS[frame.op], exceeded, now_ns)
        if report is not None:
            out.append(report)
        if frame.ret_code == codes.RESTARTING:
            out.append(Notice(VENUE, frame.text, True, now_ns))
        return out

    def answered(self, what: Ask | Command, answer: HttpAnswer | NoAnswer, now_ns: int) -> Sequence[Output]:
        return ()

    def tick(self, now_ns: int) -> Sequence[Output]:
        self.due_ns = now_ns + PING_NS
        return (PING,)

    def encode(self, what: Ask | Sequence[Command], now_ns: int) -> Sequence[Wire]:
        if isinstance(what, Ask):
            raise LocalProtocolError(f"{self._link.link} carries no {what!r}")
        return [Send(self._text(command, now_ns), 0) for command in what]

    def _text(self, what: Command, now_ns: int) -> str:
        if not isinstance(what, NewOrder | CancelOrder):
            raise LocalProtocolError(f"{self._link.link} carries no {what!r}")
        symbol = reports.native(self._catalogue, what.instrument)
        if isinstance(what, NewOrder):
            op, deadline_ns, params = "order.create", what.deadline_ns, reports.order_params(what, symbol)
        else:
            op, deadline_ns, params = "order.cancel", 0, reports.cancel_params(what, symbol)
        self._count += 1
        return json_text(
            {
                # a foreign id may use the whole length
                "reqId": f"{own_id(what.cl_ord_id)}-{self._count}-{symbol}"[:36],
                "header": {
                    "X-BAPI-TIMESTAMP": str(self._signer.venue_ns(now_ns) // MS),
                    "X-BAPI-RECV-WINDOW": login.window_ms(deadline_ns, now_ns),
                },
                "op": op,
                "args": [params],
            }
        )
