"""The Crypto.com Exchange v1 spot dialect of the simulator: REST, market and user WebSocket over a ``SimExchange``.

https://exchange-developer.crypto.com/exchange/v1/docs
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from email.utils import formatdate
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl

import msgspec

from arbkit import sim
from arbkit.core.types import RejectReason

from . import dialect_wire as wire
from .dialect_calls import BASE, Calls
from .dialect_streams import Streams

__all__ = ["CryptocomDialect"]

_WINDOW_NS: Final = 60 * wire.S
_REFUSED: Final = dict.fromkeys(("key", "sign"), (40101, "UNAUTHORIZED", 401))
_PATHS: Final = {f"{BASE}market": ("market", 100), f"{BASE}user": ("user", 150)}
"""The sockets, and how many requests a second each takes."""
_BEAT: Final = 30 * wire.S
_SILENT: Final = 70 * wire.S
"""The socket is closed at the third heartbeat without an answer."""
_WHOLE: Final = msgspec.json.Decoder(dict[str, Any])


def _pair(base: str, quote: str, price: int, size: int) -> sim.Pair:
    """With so many decimals; the least size is one step."""
    tick, lot = (Decimal(1).scaleb(-digits) for digits in (price, size))
    return sim.Pair(f"{base}-{quote}", base, quote, tick, lot, lot, max_qty=Decimal("Infinity"))


class CryptocomDialect(sim.BaseDialect):
    """See ``arbkit.sim.dialect.Dialect``."""

    venue: ClassVar[str] = "cryptocom"
    # fees of tier 1, off the received coin. Order Management: a post-only order that would take is accepted and then
    # REJECTED. For how long a client_oid is taken no page says. There is no least notional in public/get-instruments.
    profile: ClassVar[sim.Profile] = sim.Profile(
        maker=Decimal("0.0025"),
        taker=Decimal("0.005"),
        fee_decimals=12,
        client_ids="open",
        post_only_reports=True,
        vague=frozenset(RejectReason) - {RejectReason.AUTH},  # with HTTP 500
        first_order_id=6_142_909_895_036_000_000,
        first_trade_id=6_142_909_898_247_000_000,
        pairs=(
            *(_pair(coin, "USDT", 2, digits) for coin, digits in (("BTC", 5), ("ETH", 4), ("SOL", 3))),
            _pair("ETH", "BTC", 5, 4),
        ),
    )

    def __init__(self, exchange: sim.SimExchange, out: sim.SimWire) -> None:
        super().__init__(exchange, out, wire.NOTATION)
        self._calls = Calls(self._facts)
        self._streams = Streams(self._facts, self._conns)
        self._door = sim.Door(exchange, "hex", _REFUSED)
        self._requests = {name: sim.Window(most, wire.S) for name, most in _PATHS.values()}

    @staticmethod
    def read_depth(message: dict[str, Any]) -> sim.DepthRows | None:
        """A push of a ``book`` channel."""
        result = message.get("result") or {}
        if not str(result.get("channel", "")).startswith("book"):
            return None
        row = result["data"][0]
        sides = row.get("update", row)
        return (
            result["instrument_name"],
            "update" not in row,
            *([level[:2] for level in sides[side]] for side in ("bids", "asks")),
        )

    @staticmethod
    def endpoints(http: str, ws: str) -> Mapping[str, str | None]:
        """One host for REST and one for the sockets; orders use the user socket."""
        return {"rest": http, "ws_public": ws, "ws_private": ws, "ws_trade": ws}

    # --- REST -------------------------------------------------------------------------------------------------------

    def http(self, request: sim.Request, now_ns: int) -> sim.Reply:
        """The path is the method; the body of a private call repeats it."""
        method, number = request.path.removeprefix(BASE), -1
        route = self._calls.table.get(method)
        if route is None or (request.method == "POST") is not route.signed:
            body = sim.encode({"code": 10004, "msg": "Not Found"})  # another shape than that of errors
            return sim.Reply(404, body, _headers(now_ns))
        try:
            if route.signed:
                message = _decoded(request.body.decode())
                number = _whole(message.get("id"))
                if message.get("method") != method:
                    raise wire.problem(40003, "INVALID_REQUEST")
                call = self._call(message, self._signed(message, now_ns), now_ns)
            else:
                call = self._call({"params": dict(parse_qsl(request.query))}, None, now_ns)
            told = {"code": 0, "result": self._calls.run(method, call)}
        except sim.Problem as problem:
            return _reply(problem.status, {"id": number, "method": method} | _error(problem), now_ns)
        return _reply(200, {"id": number, "method": method} | told, now_ns)

    def limited(self, now_ns: int, retry_ns: int) -> sim.Reply:
        """HTTP 429 with code 42901, without a waiting time."""
        return _reply(429, {"id": -1, "code": 42901, "message": "TOO_MANY_REQUESTS"}, now_ns)

    def busy(self, now_ns: int) -> sim.Reply:
        """ERR_INTERNAL has HTTP 400, and says nothing about the request."""
        return _reply(400, {"id": -1, "code": 50001, "message": "ERR_INTERNAL"}, now_ns)

    def banned(self, now_ns: int, retry_ns: int) -> sim.Reply:
        """The documentation knows no ban: 403 of the web server in front."""
        return sim.Reply(403, b"<html><h1>403 Forbidden</h1></html>", {"content-type": "text/html"})

    def _call(self, message: Mapping[str, Any], account: sim.Account | None, now_ns: int) -> sim.SimCall:
        params = message.get("params") or {}
        if not isinstance(params, dict):
            raise wire.problem(40004, "Missing or invalid argument: params")
        return sim.SimCall(params, account, now_ns, self._facts, wire.wrong)

    def _signed(self, message: Mapping[str, Any], now_ns: int) -> sim.Account:
        """Digital Signature: method, id, key, parameters by their sorted names, and nonce."""
        nonce = str(message.get("nonce", ""))
        if not nonce.isdecimal() or abs(int(nonce) * wire.MS - now_ns) > _WINDOW_NS:
            raise wire.problem(40102, "INVALID_NONCE")
        key, sign = str(message.get("api_key", "")), str(message.get("sig", ""))
        text = f"{message.get('method')}{message.get('id', '')}{key}{_flat(message.get('params') or {})}{nonce}"
        return self._door.account(key, text.encode(), sign)

    # --- WebSocket --------------------------------------------------------------------------------------------------

    def connect(self, conn: int, target: str, headers: Mapping[str, str], now_ns: int) -> sim.Reply | None:
        if target not in _PATHS:
            return sim.Reply(404, b"")
        state = self._conns.open(conn, _PATHS[target][0], self._facts, now_ns)
        self._conns.cut_idle(state, _SILENT, now_ns, 1000)

        def repeat(every_ns: int, act: Any) -> None:
            def look(now: int) -> None:
                if self._conns.get(conn) is state:
                    act(now)
                    self.timers.at(now + every_ns, look)

            self.timers.at(now_ns + every_ns, look)

        beat = {"method": "public/heartbeat", "code": 0}
        repeat(_BEAT, lambda now: state.tell({"id": now // wire.MS} | beat, "control"))
        repeat(5 * wire.S, lambda now: self._wire.ping(conn))
        # "the websocket rate limits are pro-rated based on the calendar-second": what has passed of it is used
        most = self._requests[state.path].limit
        self._requests[state.path].add(str(conn), most * (now_ns % wire.S) // wire.S, now_ns)
        return None

    def frame(self, conn: int, text: str, now_ns: int) -> None:
        """What is no JSON object gets no reply."""
        state = self._conns[conn]
        try:
            message = _WHOLE.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        method, number = str(message.get("method", "")), _whole(message.get("id"))
        if method == "public/respond-heartbeat":
            state.alive_ns = now_ns
            return
        try:
            if now_ns < self._exchange.limited_until_ns or not self._requests[state.path].add(str(conn), 1, now_ns):
                raise wire.problem(42901, "TOO_MANY_REQUESTS")
            self._request(state, method, number, message, now_ns)
        except sim.Problem as problem:
            state.tell({"id": number, "method": method} | _error(problem))

    def _request(self, state: sim.Conn, method: str, number: int, message: Mapping[str, Any], now_ns: int) -> None:
        if method in ("subscribe", "unsubscribe"):
            call = self._call(message, state.account, now_ns)
            for name in call.params.get("channels") or ():
                self._change(state, method, number, str(name), dict(call.params), now_ns)
        elif method == "public/auth" and state.path == "user":
            if self._exchange.strikes("login"):
                raise wire.problem(42901, "TOO_MANY_REQUESTS")
            state.account = self._signed(message, now_ns)
            state.tell({"id": number, "method": method, "code": 0})
        elif method in self._calls.on_socket and state.path == "user":
            if state.account is None:
                raise wire.problem(40101, "UNAUTHORIZED")
            result = self._calls.run(method, self._call(message, state.account, now_ns))
            if method == "private/create-order" and self._exchange.strikes("overrun", method):
                raise wire.problem(42901, "TOO_MANY_REQUESTS")
            state.tell({"id": number, "method": method, "code": 0, "result": result})
        else:
            raise wire.problem(40003, "INVALID_REQUEST")

    def _change(self, state: sim.Conn, op: str, number: int, name: str, params: dict[str, Any], now_ns: int) -> None:
        """One channel of a request; a refusal names it."""
        try:
            if op == "subscribe" and self._exchange.strikes("refuse", name):
                raise wire.problem(50001, "ERR_INTERNAL")
            self._streams.change(state, op, number, name, params, now_ns)
        except sim.Problem as problem:
            state.tell({"id": number, "method": op, "channel": name} | _error(problem))

    # --- events -----------------------------------------------------------------------------------------------------

    def reports(self, reports: Sequence[sim.Report], now_ns: int) -> None:
        for report in reports:
            match report:
                case sim.TradeReport():
                    self._streams.trade(report)
                case sim.OrderReport():
                    self._streams.order(report)
                case sim.BalanceReport():
                    self._streams.balance(report)


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"{key}{_flat(value[key])}" for key in sorted(value))
    if isinstance(value, list):
        return "".join(map(_flat, value))
    return "null" if value is None else str(value)


def _whole(value: Any) -> int:
    """An id: a number, or its digits as text."""
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else -1


def _decoded(text: str) -> dict[str, Any]:
    try:
        return _WHOLE.decode(text)
    except msgspec.DecodeError:
        raise wire.problem(40003, "INVALID_REQUEST") from None


def _error(problem: sim.Problem) -> dict[str, Any]:
    return {"code": problem.code, "message": problem.msg}


def _headers(now_ns: int) -> dict[str, str]:
    return {"content-type": "application/json", "date": formatdate(now_ns // wire.S, usegmt=True)}


def _reply(status: int, body: dict[str, Any], now_ns: int) -> sim.Reply:
    return sim.Reply(status, sim.encode(body), _headers(now_ns))
