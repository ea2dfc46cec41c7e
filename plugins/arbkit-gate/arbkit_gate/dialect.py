"""The Gate spot dialect of the simulator: REST v4 and the spot WebSocket v4 over a ``SimExchange``.

Rules name the section of the venue's documentation (www.gate.com/docs/developers/apiv4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from hashlib import sha512
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, unquote

import msgspec

from arbkit import sim

from . import dialect_wire as wire
from .dialect_calls import Calls
from .dialect_orders import Orders
from .dialect_streams import PRIVATE, Streams

__all__ = ["GateDialect"]

_JSON: Final = {"content-type": "application/json"}
_WINDOW_NS: Final = 60 * wire.S
"""A timestamp may be 60 seconds off."""
_IDLE_NS: Final = 30 * wire.S
_PATHS: Final = ("/ws/v4", "/v4/ws/spot")
_REST: Final = {
    "key": ("INVALID_KEY", "Invalid key provided", 401),
    "sign": ("INVALID_SIGNATURE", "Signature mismatch", 401),
}
_NOT_LOGGED_IN: Final = ("AUTHENTICATION_FAILED", "Not login", 400)
_THROTTLED: Final = ("TOO_MANY_REQUESTS", "Request Rate limit Exceeded (211)", 429)


def _pair(symbol: str, tick: str, lot: str, least: str, most: int) -> sim.Pair:
    base, _, quote = symbol.partition("-")
    return sim.Pair(symbol, base, quote, Decimal(tick), Decimal(lot), Decimal(lot), Decimal(least), Decimal(most))


class _Auth(msgspec.Struct):
    """The proof of a private subscription."""

    key: str = msgspec.field(default="", name="KEY")
    sign: str = msgspec.field(default="", name="SIGN")


class _Entry(msgspec.Struct):
    """The payload of a request of the API."""

    req_id: str = ""
    api_key: str = ""
    signature: str = ""
    timestamp: str = ""
    req_param: msgspec.Raw = msgspec.Raw(b"")
    req_header: dict[str, Any] = {}


class _Message(msgspec.Struct):
    """A client's frame."""

    time: int
    channel: str
    id: int | str | None = None
    event: str = ""
    payload: msgspec.Raw = msgspec.Raw(b"[]")
    auth: _Auth = msgspec.field(default_factory=_Auth)


class GateDialect(sim.BaseDialect):
    """See ``arbkit.sim.dialect.Dialect``."""

    venue: ClassVar[str] = "gate"
    # VIP 0, off the received asset. A text is not reserved; a post-only order that would take is refused.
    profile: ClassVar[sim.Profile] = sim.Profile(
        maker=Decimal("0.001"),
        taker=Decimal("0.001"),
        fee_decimals=12,
        client_ids="none",
        band=sim.Band(buy_most=Decimal("1.05"), sell_least=Decimal("0.95")),
        first_order_id=1_700_664_330_000,
        first_trade_id=6_068_000_000,
        pairs=(
            _pair("BTC-USDT", "0.1", "0.00001", "3", 1000),
            _pair("ETH-USDT", "0.01", "0.0001", "3", 10000),
            _pair("SOL-USDT", "0.01", "0.001", "3", 100_000),
            _pair("ETH-BTC", "0.00001", "0.0001", "0.0001", 10000),
        ),
    )

    def __init__(self, exchange: sim.SimExchange, out: sim.SimWire) -> None:
        super().__init__(exchange, out, wire.NOTATION)
        self._door = sim.Door(exchange, "hex", _REST, algorithm="sha512")
        facts = self._facts
        self._orders = Orders(exchange)
        self._calls = Calls(facts, self._orders)
        self._streams = Streams(facts, self._conns)
        # there is no channel that tells of changed rules or halts
        self._tells = {
            sim.TopReport: self._streams.top,
            sim.TradeReport: self._streams.trade,
            sim.OrderReport: self._streams.order,
            sim.BalanceReport: self._streams.balance,
        }
        self._entries: dict[str, Callable[[sim.SimCall], Any]] = {
            "spot.order_place": self._place,
            "spot.order_cancel": lambda call: wire.order_row(facts, self._orders.cancel(call)),
            "spot.order_cancel_cp": lambda call: self._rows(self._orders.cancel_all(call)),
            "spot.order_status": lambda call: wire.order_row(facts, self._orders.find(call)),
            "spot.order_list": lambda call: self._rows(self._orders.listed(call)),
        }

    @staticmethod
    def read_depth(message: dict[str, Any]) -> sim.DepthRows | None:
        """A push of ``spot.obu``."""
        result = message.get("result")
        if message.get("channel") != "spot.obu" or not isinstance(result, dict) or "s" not in result:
            return None
        name = str(result["s"]).split(".")[1]
        return name, bool(result.get("full")), result.get("b", []), result.get("a", [])

    @staticmethod
    def endpoints(http: str, ws: str) -> Mapping[str, str | None]:
        """One host; one socket for everything."""
        return {"rest": http, "ws_public": ws, "ws_private": ws, "ws_trade": ws}

    # --- REST -------------------------------------------------------------------------------------------------------

    def http(self, request: sim.Request, now_ns: int) -> sim.Reply:
        headers: dict[str, str] = {}
        try:
            route, named = self._calls.route(request.method, request.path)
            account = self._signed(request, now_ns) if route.signed else None
            params = dict(parse_qsl(request.query, keep_blank_values=True)) | named
            call = sim.SimCall(params, account, now_ns, self._facts, wire.wrong, body=_json(request.body))
            call.expire_ns = _expires(request.headers)
            self._count(route, call, headers)
            data = route.handler(call)
        except sim.Problem as problem:
            return _refused(problem, headers | _reset(problem, now_ns))
        status = 201 if (request.method, request.path) == ("POST", "/api/v4/spot/orders") else 200
        return sim.Reply(status, sim.encode(data), _JSON | headers)

    def limited(self, now_ns: int, retry_ns: int) -> sim.Reply:
        """Rate limit: 429, and the time of the next window in seconds."""
        until = {"x-gate-ratelimit-reset-timestamp": str(-(-(now_ns + retry_ns) // wire.S))}
        return _refused(sim.Problem(*_THROTTLED), until)

    def busy(self, now_ns: int) -> sim.Reply:
        return _refused(sim.Problem("TOO_BUSY", "System is too busy at the moment", 503), {})

    def banned(self, now_ns: int, retry_ns: int) -> sim.Reply:
        """The documentation knows no ban: 403 of the web server in front."""
        return sim.Reply(403, b"<html><h1>403 Forbidden</h1></html>", {"content-type": "text/html"})

    def _count(self, route: sim.Route, call: sim.SimCall, headers: dict[str, str]) -> None:
        if route.limit is None or not isinstance(route.limit, sim.Window):
            return
        key = "ip" if route.by == "ip" else call.owner
        fits = route.limit.add(key, 1, call.now_ns)
        left = max(0, route.limit.limit - route.limit.used(key, call.now_ns))
        headers["x-gate-ratelimit-limit"] = str(route.limit.limit)
        headers["x-gate-ratelimit-requests-remain"] = str(left)
        if not fits:
            raise sim.Problem(*_THROTTLED, wait=route.limit.wait_ns(call.now_ns))

    def _signed(self, request: sim.Request, now_ns: int) -> sim.Account:
        """APIv4 signed request: method, path, query without URL encoding, SHA-512 of the body, and time, one a line."""
        key, stamp, sign = (request.headers.get(name, "") for name in ("key", "timestamp", "sign"))
        if not (key and stamp and sign):
            raise sim.Problem("MISSING_REQUIRED_HEADER", "Missing required header: KEY, Timestamp or SIGN", 400)
        self._timely(stamp, now_ns)
        digest = sha512(request.body).hexdigest()
        lines = (request.method, request.path, unquote(request.query), digest, stamp)
        return self._door.account(key, "\n".join(lines).encode(), sign)

    def _timely(self, stamp: str, now_ns: int) -> None:
        good = stamp.isascii() and stamp.isdigit() and len(stamp) < 12
        if not good or abs(int(stamp) * wire.S - now_ns) > _WINDOW_NS:
            raise sim.Problem("REQUEST_EXPIRED", "gap between request Timestamp and server time exceeds 60", 403)

    # --- WebSocket --------------------------------------------------------------------------------------------------

    def connect(self, conn: int, target: str, headers: Mapping[str, str], now_ns: int) -> sim.Reply | None:
        path, _, _ = target.partition("?")
        known = path.rstrip("/") in _PATHS
        if known:
            # a socket without a subscription is closed after 30 seconds without a ping
            self._conns.cut_idle(self._conns.open(conn, path, self._facts, now_ns), _IDLE_NS, now_ns, 1006)
        return None if known else sim.Reply(404, b"")

    def frame(self, conn: int, text: str, now_ns: int) -> None:
        state = self._conns[conn]
        try:
            message = msgspec.json.decode(text, type=_Message)
        except msgspec.DecodeError:
            wrong = {"code": 1, "message": "invalid request body format"}
            state.tell(_head("", "", now_ns) | {"error": wrong, "result": None})
            return
        if message.channel == "spot.ping":
            state.alive_ns = max(now_ns, state.alive_ns)
            state.tell(_head("spot.pong", "", now_ns) | {"error": None, "result": None}, "control")
        elif message.event == "api":
            self._api(state, message, now_ns)
        else:
            self._subscription(state, message, now_ns)

    def _subscription(self, state: sim.Conn, message: _Message, now_ns: int) -> None:
        """Subscribe, unsubscribe: one answer to all streams of a request, then their data."""
        head = _head(message.channel, message.event, now_ns) | {"id": message.id, "conn_id": f"{state.id:016x}"}
        begun: list[sim.Sub] = []
        payload: list[str] = []
        try:
            payload = _payload(message)
            off = abs(message.time * wire.S - now_ns) > _WINDOW_NS
            sim.refuse(off, 1, "invalid time: it is more than 60 s off")
            sim.refuse(now_ns < self._exchange.limited_until_ns, 3, "too many requests")
            sim.refuse(message.event not in ("subscribe", "unsubscribe"), 2, f"unknown event {message.event!r}")
            private = message.channel in PRIVATE or message.channel.endswith(("_balances", ".priceorders"))
            if private:
                self._authorize(state, message)
            if message.event == "unsubscribe":
                self._streams.unsubscribe(state, message.channel, payload)
            else:
                struck = self._exchange.strikes("refuse", f"{message.channel} {payload}")
                sim.refuse(struck, 3, "internal error")
                begun = self._streams.subscribe(state, message.channel, payload, now_ns)
        except sim.Problem as problem:
            state.tell(head | {"payload": payload, "error": _error(problem), "result": {"status": "fail"}})
            return
        if begun:
            state.alive_ns = 1 << 62  # a subscribed socket is not closed
        state.tell(head | {"payload": payload, "error": None, "result": {"status": "success"}})
        for sub in begun:
            self._streams.begin(sub, now_ns)

    def _authorize(self, state: sim.Conn, message: _Message) -> None:
        """Authentication: signed are channel, event and time. The text of the error is the JSON of the REST error."""
        auth, text = message.auth, f"channel={message.channel}&event={message.event}&time={message.time}"
        try:
            state.account = self._door.account(auth.key, text.encode(), auth.sign)
        except sim.Problem as problem:
            raise sim.Problem(4, sim.encode({"label": problem.code, "message": problem.msg}).decode()) from None

    # --- WebSocket API ----------------------------------------------------------------------------------------------

    def _api(self, state: sim.Conn, message: _Message, now_ns: int) -> None:
        """Spot API: the gateway confirms an order (``ack``), and the answer follows; both have the client's id."""
        ref, limits = "", {}
        try:
            entry = msgspec.json.decode(message.payload, type=_Entry)
            ref = entry.req_id
            if message.channel == "spot.login":
                result: Any = self._login(state, entry, now_ns)
            else:
                sim.refuse(not ref, "INVALID_ARGUMENT", "req_id is missing", 400)
                handler = sim.found(self._entries.get(message.channel), "NOT_FOUND", "unknown channel", 404)
                account = sim.found(state.account, *_NOT_LOGGED_IN)
                params = _json(entry.req_param)
                sim.refuse(not isinstance(params, dict), "INVALID_ARGUMENT", "req_param is no object", 400)
                if message.channel == "spot.order_place":
                    echo = {"result": {"req_id": ref, "req_param": params}}
                    state.tell(
                        {"request_id": ref, "ack": True, "header": self._header(message, 200, now_ns), "data": echo}
                    )
                sim.refuse(now_ns < self._exchange.limited_until_ns, *_THROTTLED)
                call = sim.SimCall(params, account, now_ns, self._facts, wire.wrong)
                call.expire_ns = _expires(entry.req_header)
                result = handler(call)
                struck = message.channel == "spot.order_place" and self._exchange.strikes("overrun", message.channel)
                sim.refuse(struck, *_THROTTLED)
            data, status = {"result": result}, 200
        except sim.Problem as problem:
            data, status = {"errs": {"label": problem.code, "message": problem.msg}}, problem.status
            if status == 429:
                limits = {"x_gate_ratelimit_reset_timestamp": (now_ns // wire.S + 1) * 1000}
        except msgspec.DecodeError:
            data, status = {"errs": {"label": "INVALID_REQUEST_BODY", "message": "Invalid request body"}}, 400
        state.tell({"request_id": ref, "header": self._header(message, status, now_ns) | limits, "data": data})

    def _header(self, message: _Message, status: int, now_ns: int) -> dict[str, Any]:
        names = {"channel": message.channel, "event": message.event, "client_id": "127.0.0.1"}
        return {"response_time": str(now_ns // wire.MS), "status": str(status), **names}

    def _login(self, state: sim.Conn, entry: _Entry, now_ns: int) -> dict[str, Any]:
        """Login: signed are ``api``, the channel, the parameters as sent, and the time in seconds, one a line."""
        self._timely(entry.timestamp, now_ns)
        sim.refuse(self._exchange.strikes("login"), *_REST["key"])
        text = b"api\nspot.login\n" + bytes(entry.req_param) + f"\n{entry.timestamp}".encode()
        state.account = self._door.account(entry.api_key, text, entry.signature)
        return {"api_key": entry.api_key, "uid": str(state.account.uid)}

    def _place(self, call: sim.SimCall) -> dict[str, Any]:
        return self._orders.placed(call, self._orders.place(call, "ws"))

    def _rows(self, orders: Sequence[sim.SimOrder]) -> list[dict[str, Any]]:
        return [wire.order_row(self._facts, order) for order in orders]

    # --- events -----------------------------------------------------------------------------------------------------


def _head(channel: str, event: str, now_ns: int) -> dict[str, Any]:
    return {"time": now_ns // wire.S, "time_ms": now_ns // wire.MS, "channel": channel, "event": event}


def _error(problem: sim.Problem) -> dict[str, Any]:
    return {"code": problem.code, "message": problem.msg}


def _refused(problem: sim.Problem, headers: Mapping[str, str]) -> sim.Reply:
    body = sim.encode({"label": problem.code, "message": problem.msg})
    return sim.Reply(problem.status if problem.status >= 400 else 400, body, {**_JSON, **headers})


def _reset(problem: sim.Problem, now_ns: int) -> dict[str, str]:
    """When the next window begins, after a 429."""
    if problem.status != 429:
        return {}
    return {"x-gate-ratelimit-reset-timestamp": str(-(-(now_ns + problem.more.get("wait", wire.S)) // wire.S))}


def _payload(message: _Message) -> list[str]:
    try:
        return msgspec.json.decode(message.payload, type=list[str])
    except msgspec.DecodeError:
        raise sim.Problem(1, "invalid payload: a list of texts is expected") from None


def _json(data: bytes | msgspec.Raw, status: int = 400) -> Any:
    """The value of a body or of parameters; None if it is empty."""
    try:
        return msgspec.json.decode(data) if bytes(data) else None
    except msgspec.DecodeError as error:
        raise sim.Problem("INVALID_REQUEST_BODY", f"Invalid request body: {error}", status) from None


def _expires(headers: Mapping[str, Any]) -> int:
    """``x-gate-exptime``: the request is refused after this time; 0 = never."""
    text = str(headers.get("x-gate-exptime") or "0")
    if not text.isdecimal():
        raise wire.wrong("x-gate-exptime", "invalid")
    return int(text) * wire.MS
