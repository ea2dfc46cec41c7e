"""The private link: orders, fills, balances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from arbkit.adapters.wire import MS, json_text
from arbkit.core.errors import BadFrame, LocalProtocolError, RemoteProtocolError
from arbkit.core.types import NEVER, Ask, Command, Dial, HttpAnswer, NoAnswer, Notice, Output, Ready, Send, Wire
from arbkit_bybit import codes, login, reports, wire
from arbkit_bybit.public import PING, PING_NS
from arbkit_bybit.wire import VENUE

if TYPE_CHECKING:
    from arbkit.core.protocols import Signer
    from arbkit.core.types import Catalogue, LinkSpec

_SUBSCRIBE = Send(json_text({"req_id": "private", "op": "subscribe", "args": ["order", "execution", "wallet"]}))


class PrivateSession:
    """``order`` (states), ``execution`` (fills) and ``wallet``; rows of categories other than spot are ignored."""

    def __init__(self, link: LinkSpec, catalogue: Catalogue, signer: Signer, *, url: str) -> None:
        self.due_ns = NEVER
        self._link = link
        self._catalogue = catalogue
        self._signer = signer
        self._url = url

    def dial(self, now_ns: int) -> Dial | Ask:
        return Dial(self._url)

    def start(self, now_ns: int) -> Sequence[Output]:
        self.due_ns = now_ns + PING_NS
        return (login.frame(self._signer, now_ns),)

    def receive(self, data: str | bytes, now_ns: int) -> Sequence[Output]:
        frame = wire.private_frame(data)
        account, catalogue = self._link.account, self._catalogue
        match frame.topic.partition(".")[0]:
            case "":
                return self._reply(frame, now_ns)
            case "order":
                rows = wire.orders(frame.data)
                return [
                    reports.order_update(row, account, catalogue, "stream", now_ns)
                    for row in rows
                    if row.category in ("", "spot")
                ]
            case "execution":
                return reports.fills(wire.executions(frame.data), account, catalogue, "stream", now_ns)
            case "wallet":
                return reports.balances(wire.wallets(frame.data), account, False, frame.creation_time * MS, now_ns)
            case _:
                return ()

    def _reply(self, frame: wire.PrivateFrame, now_ns: int) -> Sequence[Output]:
        if frame.op in ("ping", "pong"):
            return ()
        failed = frame.success is False or frame.ret_code not in (None, 0, codes.ALREADY_AUTHED)
        match frame.op:
            case "auth" if not failed:
                return (_SUBSCRIBE,)
            case "auth":
                raise login.refused(frame.ret_code, frame.text) or RemoteProtocolError(
                    f"bybit refused the login: {frame.ret_code} {frame.text}"
                )
            case "subscribe" if not failed:
                return (Ready(self._link.link, now_ns),)
            case "":
                raise BadFrame("neither a reply nor a push")
            case _:
                return (Notice(VENUE, f"{frame.op}: {frame.ret_code or ''} {frame.text}".strip(), recv_ns=now_ns),)

    def answered(self, what: Ask | Command, answer: HttpAnswer | NoAnswer, now_ns: int) -> Sequence[Output]:
        return ()

    def tick(self, now_ns: int) -> Sequence[Output]:
        self.due_ns = now_ns + PING_NS
        return (PING,)

    def encode(self, what: Ask | Sequence[Command], now_ns: int) -> Sequence[Wire]:
        raise LocalProtocolError(f"{self._link.link} carries no {what!r}")
