"""The Bitstamp spot dialect of the simulator: REST v2 and WebSocket v2 over a ``SimExchange``.

Rules are those of www.bitstamp.net/api and www.bitstamp.net/websocket/v2.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from email.utils import formatdate
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl

import msgspec

from arbkit import sim
from arbkit.core.types import RejectReason

from . import dialect_wire as wire
from .dialect_calls import Calls
from .dialect_streams import Streams

__all__ = ["BitstampDialect"]

_JSON: Final = "application/json"
_HOST: Final = "www.bitstamp.net"
_WINDOW_NS: Final = 150 * wire.S
_PING_NS: Final = 54 * wire.S
_LONGEST: Final = 512
"""Bytes of a client's frame."""
_NONCE: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII)
_REFUSED: Final = {"key": ("API0001", "API key not found", 403), "sign": ("API0005", "Invalid signature", 403)}


def _pair(symbol: str, tick: str, lot: str, least: str) -> sim.Pair:
    """The smallest size is one step; there is no largest one."""
    base, _, quote = symbol.partition("-")
    return sim.Pair(symbol, base, quote, Decimal(tick), Decimal(lot), Decimal(lot), Decimal(least), Decimal("Infinity"))


class _Data(msgspec.Struct):
    channel: str = ""
    auth: str = ""


class _Message(msgspec.Struct):
    """A client's frame."""

    event: str
    data: _Data = msgspec.field(default_factory=_Data)


class BitstampDialect(sim.BaseDialect):
    """See ``arbkit.sim.dialect.Dialect``."""

    venue: ClassVar[str] = "bitstamp"
    # The first rates of the schedule, off the quote asset. A client order id may not be used twice; no page says for
    # how long. A maker-or-cancel order that would take is accepted, and cancelled.
    profile: ClassVar[sim.Profile] = sim.Profile(
        maker=Decimal("0.003"),
        taker=Decimal("0.004"),
        fee_asset="quote",
        client_ids="always",
        post_only_reports=True,
        vague=frozenset({RejectReason.INSTRUMENT}),
        band=sim.Band(buy_most=Decimal("1.2"), sell_least=Decimal("0.8")),
        first_order_id=2_050_558_851_342_339,
        first_trade_id=635_698_396,
        pairs=(
            _pair("BTC-USDT", "1", "0.00000001", "10"),
            _pair("ETH-USDT", "0.1", "0.00000001", "10"),
            _pair("SOL-USDT", "0.01", "0.00000001", "10"),
            _pair("ETH-BTC", "0.00001", "0.0000001", "0.0002"),
        ),
    )

    def __init__(self, exchange: sim.SimExchange, out: sim.SimWire) -> None:
        super().__init__(exchange, out, wire.NOTATION)
        self._door = sim.Door(exchange, "hex", _REFUSED)
        self._streams = Streams(self._facts, self._conns)
        self._calls = Calls(self._facts, self._streams.stamp)
        self._limits = (sim.Window(400, wire.S), sim.Window(10_000, 600 * wire.S))
        self._nonces: dict[str, int] = {}
        """When each nonce was used."""

    @staticmethod
    def read_depth(message: dict[str, Any]) -> sim.DepthRows | None:
        """A push of ``diff_order_book_`` or ``order_book_``."""
        kind, _, native = str(message.get("channel", "")).rpartition("_")
        if message.get("event") != "data" or kind not in ("diff_order_book", "order_book"):
            return None
        return native, kind == "order_book", message["data"]["bids"], message["data"]["asks"]

    @staticmethod
    def endpoints(http: str, ws: str) -> Mapping[str, str | None]:
        """One host for REST, one socket for the rest; orders go over REST only."""
        return {"rest": http, "ws_public": ws, "ws_private": ws, "ws_trade": None}

    # --- REST -------------------------------------------------------------------------------------------------------

    def http(self, request: sim.Request, now_ns: int) -> sim.Reply:
        headers = {"content-type": _JSON, "date": formatdate(now_ns // wire.S, usegmt=True)}
        account, status = None, 200
        try:
            route, named = self._calls.route(request.method, request.path)
            sim.refuse(not all(limit.add("ip", 1, now_ns) for limit in self._limits), *wire.LIMITED)
            params = dict(parse_qsl(request.query))
            if route.signed:
                account = self._signed(request, now_ns)
                params |= dict(parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True))
                may = not (route.trade and account.settings.get("read_only"))
                sim.refuse(not may, "API0003", "No permission found", 403)
            data = sim.encode(route.handler(sim.SimCall(params | named, account, now_ns, self._facts, wire.wrong)))
        except sim.Problem as problem:
            data, status = sim.encode(wire.body(problem)), problem.status if problem.status >= 400 else 400
        if account is not None:
            proof = "".join(request.headers[name] for name in ("x-auth-nonce", "x-auth-timestamp")) + _JSON
            mac = hmac.digest(account.secret.encode(), proof.encode() + data, "sha256")
            headers["x-server-auth-signature"] = mac.hex()
        return sim.Reply(status, data, headers)

    def _signed(self, request: sim.Request, now_ns: int) -> sim.Account:
        """Authentication: the time within 150 s, a nonce that was not used within 150 s, and a content type if, and
        only if, there is a body."""
        names = ("x-auth", "x-auth-signature", "x-auth-nonce", "x-auth-timestamp", "x-auth-version")
        auth, sign, nonce, stamp, version = (request.headers.get(name, "") for name in names)
        given = auth.startswith("BITSTAMP ") and sign and nonce and stamp and version == "v2"
        sim.refuse(not given, "", "Missing key, signature and nonce parameters", 403)
        kind = request.headers.get("content-type", "")
        sim.refuse(kind != (wire.FORM if request.body else ""), "API0020", "Invalid content type", 400)
        timely = stamp.isascii() and stamp.isdigit() and len(stamp) < 15
        timely = timely and abs(int(stamp) * 1_000_000 - now_ns) <= _WINDOW_NS
        sim.refuse(not timely, "API0017", "X-Auth-Timestamp header is out of range", 403)
        used = now_ns - self._nonces.get(nonce, -_WINDOW_NS) < _WINDOW_NS
        sim.refuse(used or not _NONCE.fullmatch(nonce), "API0004", "Invalid nonce", 403)
        query = f"?{request.query}" if request.query else ""
        text = f"{auth}{request.method}{_HOST}{request.path}{query}{kind}{nonce}{stamp}{version}"
        account = self._door.account(auth.removeprefix("BITSTAMP "), text.encode() + request.body, sign)
        self._nonces = {one: ns for one, ns in self._nonces.items() if now_ns - ns < _WINDOW_NS} | {nonce: now_ns}
        sim.refuse(bool(account.settings.get("frozen")), "API0006", "Your account is frozen", 403)
        return account

    def limited(self, now_ns: int, retry_ns: int) -> sim.Reply:
        """Without a waiting time."""
        return _reply(429, wire.body(sim.Problem(*wire.LIMITED)))

    def busy(self, now_ns: int) -> sim.Reply:
        return _reply(500, wire.body(sim.Problem("500.001", "Internal server error")))

    def banned(self, now_ns: int, retry_ns: int) -> sim.Reply:
        """No ban is documented: the page of the firewall in front."""
        return sim.Reply(403, b"<html><h1>Request unsuccessful</h1></html>", {"content-type": "text/html"})

    # --- WebSocket --------------------------------------------------------------------------------------------------

    def connect(self, conn: int, target: str, headers: Mapping[str, str], now_ns: int) -> sim.Reply | None:
        if target.partition("?")[0] not in ("", "/"):
            return sim.Reply(404, b"")
        state = self._conns.open(conn, "", self._facts, now_ns)
        self.timers.every(_PING_NS, lambda now: self._ping(state), now_ns)
        return None

    def _ping(self, state: sim.Conn) -> None:
        if self._conns.get(state.id) is state:
            self._wire.ping(state.id)

    def frame(self, conn: int, text: str, now_ns: int) -> None:
        state = self._conns[conn]
        if len(text.encode()) > _LONGEST:
            self._wire.close(conn, 1009, "read limited at 513 bytes")
            return
        try:
            self._answer(state, msgspec.json.decode(text, type=_Message), now_ns)
        except sim.Problem as problem:
            self._error(state, problem)
        except msgspec.ValidationError:
            self._error(state, sim.Problem("", "Bad subscription string."))
        except msgspec.DecodeError:
            self._error(state, sim.Problem("", "Incorrect JSON format."))

    def _answer(self, state: sim.Conn, message: _Message, now_ns: int) -> None:
        channel = message.data.channel
        if message.event == "bts:heartbeat":
            state.tell({"event": message.event, "channel": "", "data": {"status": "success"}}, "control")
        elif message.event == "bts:subscribe":
            if self._streams.full(state.id):
                self._wire.close(state.id, 1006)
                return
            busy = now_ns < self._exchange.limited_until_ns or self._exchange.strikes("refuse", channel)
            sim.refuse(busy, "", "Internal error.")
            self._streams.subscribe(state, channel, message.data.auth, self._calls, now_ns)
            state.tell({"event": "bts:subscription_succeeded", "channel": channel, "data": {}})
        elif message.event == "bts:unsubscribe":
            self._streams.unsubscribe(state, channel)
            state.tell({"event": "bts:unsubscription_succeeded", "channel": channel, "data": {}})
        else:
            raise sim.Problem("", "Bad subscription string.")

    @staticmethod
    def _error(state: sim.Conn, problem: sim.Problem) -> None:
        """It does not name the channel."""
        code = problem.code or None
        state.tell({"event": "bts:error", "channel": "", "data": {"code": code, "message": problem.msg}})

    # --- events -----------------------------------------------------------------------------------------------------

    def reports(self, reports: Sequence[sim.Report], now_ns: int) -> None:
        """Balances, halts and changed rules are told by no channel."""
        for report in reports:
            if isinstance(report, sim.OrderReport):
                self._streams.order(report)
            elif isinstance(report, sim.TradeReport):
                self._streams.trade(report)


def _reply(status: int, body: Any) -> sim.Reply:
    return sim.Reply(status, sim.encode(body), {"content-type": _JSON})
