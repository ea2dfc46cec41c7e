"""The Binance spot dialect of the simulator: REST, market streams and the WS API over a ``SimExchange``.

Rules name the page of the venue's documentation (github.com/binance/binance-spot-api-docs).
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl

import msgspec

from arbkit.sim.calls import Problem, Route, SimCall
from arbkit.sim.dialect import DepthRows, Rows
from arbkit.sim.limits import Window
from arbkit.sim.timers import Timers
from arbkit.sim.venue import (
    Account,
    BalanceReport,
    Band,
    OrderReport,
    Profile,
    Report,
    SimExchange,
    TopReport,
    TradeReport,
)
from arbkit.sim.wire import Reply, Request, SimWire

from .dialect_calls import WEIGHT, Calls
from .dialect_streams import Streams
from .dialect_wire import decimal8, execution_report, wrong

__all__ = ["BinanceDialect"]

_encode: Final = msgspec.json.Encoder().encode
_IP: Final = "ip"
_MS: Final = 1_000_000
_S: Final = 1_000_000_000
_JSON: Final = {"content-type": "application/json;charset=UTF-8"}
_BAN_AFTER: Final = 20
"""Number of requests after a 429 that lead to a ban. The venue does not document a number."""


class _Api:
    """One WS API connection."""

    __slots__ = ("account", "conn", "div", "limits", "logon_ns", "next_id", "opened_ns", "users")

    def __init__(self, conn: int, div: int, limits: bool, now_ns: int) -> None:
        self.conn = conn
        self.account: Account | None = None
        """The account that logged on."""
        self.opened_ns = now_ns
        self.logon_ns = 0
        self.div = div
        self.limits = limits
        """Whether replies contain ``rateLimits``."""
        self.users: dict[int, str] = {}
        """Subscription id -> account whose events are sent."""
        self.next_id = 0


class BinanceDialect:
    """See ``arbkit.sim.dialect.Dialect``."""

    venue: ClassVar[str] = "binance"
    # rest-api.md, "newClientOrderId": unique among open orders only. Fees: tier 0, off the received asset.
    profile: ClassVar[Profile] = Profile(
        maker=Decimal("0.001"),
        taker=Decimal("0.001"),
        special={"USDC": (Decimal("0.001"), Decimal("0.00095"))},
        fee_decimals=8,
        client_ids="open",
        ed25519=True,
        band=Band(Decimal(5), Decimal("0.2"), Decimal("0.2"), Decimal(5)),
        fee_discount=Decimal("0.75"),
        first_order_id=30_000_000_000,
        first_trade_id=4_000_000_000,
    )

    def __init__(self, exchange: SimExchange, wire: SimWire) -> None:
        self._exchange = exchange
        self._wire = wire
        self._timers = Timers()
        self._calls = Calls(exchange)
        self._streams = Streams(exchange, wire, self._timers)
        self._apis: dict[int, _Api] = {}
        self._alive: set[int] = set()  # asked for membership only
        self._weight = Window(WEIGHT[2], WEIGHT[3])
        self._attempts = Window(300, 300 * _S)
        self._defied = 0
        self._banned_until_ns = 0

    @staticmethod
    def read_depth(message: dict[str, Any]) -> DepthRows | None:
        """A diff depth event, combined or raw."""
        data = message.get("data", message)
        if not isinstance(data, dict) or data.get("e") != "depthUpdate":
            return None
        return data["s"], False, data["b"], data["a"]

    @staticmethod
    def write_depth(native: str, number: int, bids: Rows, asks: Rows, ms: int) -> str:
        """A combined diff depth event with one update id."""
        levels = ",".join(
            f'"{side}":{json.dumps(rows, separators=(",", ":"))}' for side, rows in (("b", bids), ("a", asks))
        )
        head = f'"e":"depthUpdate","E":{ms},"s":"{native}","U":{number},"u":{number}'
        return f'{{"stream":"{native.lower()}@depth@100ms","data":{{{head},{levels}}}}}'

    @staticmethod
    def write_snapshot(number: int, bids: Rows, asks: Rows) -> str:
        """The answer of the REST depth endpoint."""
        return json.dumps({"lastUpdateId": number, "bids": bids, "asks": asks})

    @staticmethod
    def endpoints(http: str, ws: str) -> Mapping[str, str | None]:
        """One host; market streams use the paths ``/ws`` and ``/stream``, the WS API ``/ws-api/v3``."""
        return {"rest": http, "ws_public": ws, "ws_private": ws, "ws_trade": ws}

    @property
    def due_ns(self) -> int:
        return self._timers.due_ns

    def tick(self, now_ns: int) -> None:
        self._timers.tick(now_ns)

    # --- REST -------------------------------------------------------------------------------------------------------

    def http(self, request: Request, now_ns: int) -> Reply:
        div = 1000 if request.headers.get("x-mbx-time-unit", "").upper() == "MICROSECOND" else _MS
        route = self._calls.rest.get((request.method, request.path))
        account: Account | None = None
        try:
            if request.path == "/api/v3/userDataStream":
                # CHANGELOG 2026-02-20: listen keys of spot were removed
                raise Problem(-1000, "This endpoint has been retired; use the WebSocket API.", 410)
            if route is None:
                raise Problem(-1000, "No such endpoint.", 404)
            self._check_limits(now_ns)
            form = request.body.decode(errors="replace")
            given = parse_qsl(f"{request.query}&{form}", keep_blank_values=True)
            params = dict(given)
            if len(params) < len(given):
                raise Problem(-1101, "Duplicate values for a parameter detected.", 400)
            if route.signed:
                payload = _unsigned(request.query) + _unsigned(form)
                account = self._signed(request.headers.get("x-mbx-apikey", ""), params, payload, now_ns)
            call = SimCall(params, account, now_ns, wrong, div=div)
            body = self._run(route, call)
        except Problem as problem:
            reply = Reply(problem.status, _encode({"code": problem.code, "msg": problem.msg}), dict(_JSON))
            if "retryAfter" in problem.more:
                reply = self._retry(reply, problem.more["retryAfter"] * _MS - now_ns)
        else:
            reply = Reply(200, _encode(body), dict(_JSON))
        return self._counted(reply, account if route is not None and route.trade else None, now_ns)

    def limited(self, now_ns: int, retry_ns: int) -> Reply:
        body = _encode({"code": -1003, "msg": "Too many requests; current limit is 6000 request weight per 1 MINUTE."})
        return self._counted(self._retry(Reply(429, body, dict(_JSON)), retry_ns), None, now_ns)

    def busy(self, now_ns: int) -> Reply:
        """errors.md: -1008 with HTTP 503."""
        said = "Server is currently overloaded with other requests. Please try again in a few minutes."
        return self._counted(Reply(503, _encode({"code": -1008, "msg": said}), dict(_JSON)), None, now_ns)

    def banned(self, now_ns: int, retry_ns: int) -> Reply:
        """limits.md: 418 with the time when the ban ends."""
        said = f"Way too much request weight used; IP banned until {(now_ns + retry_ns) // _MS}."
        return self._retry(Reply(418, _encode({"code": -1003, "msg": said}), dict(_JSON)), retry_ns)

    def _retry(self, reply: Reply, retry_ns: int) -> Reply:
        """limits.md: ``Retry-After`` in seconds."""
        return Reply(reply.status, reply.body, {**reply.headers, "retry-after": str(-(-retry_ns // _S))})

    def _counted(self, reply: Reply, account: Account | None, now_ns: int) -> Reply:
        used = str(self._weight.used(_IP, now_ns))
        headers = {**reply.headers, "x-mbx-used-weight": used, "x-mbx-used-weight-1m": used}
        if account is not None:
            ten, day = (str(window.used(account.name, now_ns)) for window in self._calls.order_counts)
            headers |= {"x-mbx-order-count-10s": ten, "x-mbx-order-count-1d": day}
        return Reply(reply.status, reply.body, headers)

    # --- both APIs --------------------------------------------------------------------------------------------------

    def _run(self, route: Route, call: SimCall) -> Any:
        _known(route, call)
        if route.trade and call.account is not None:
            # a key without the permission, and an account that was disabled (errors.md, "Messages for -2010")
            if not call.account.settings.get("enableSpotAndMarginTrading", True):
                raise Problem(-2015, "Invalid API-key, IP, or permissions for action.", 401)
            if not call.account.settings.get("canTrade", True):
                raise Problem(-2010, "This action is disabled on this account.", 400)
        weight = route.cost if isinstance(route.cost, int) else route.cost(call)
        if not route.trade:
            self._spend(weight, call.now_ns)
        try:
            return route.handler(call)
        except Problem:
            if route.trade:
                # CHANGELOG 2026-04-02: order writes that succeed cost nothing, those that fail their weight
                self._spend(weight, call.now_ns)
            raise

    def _spend(self, weight: int, now_ns: int) -> None:
        if not self._weight.add(_IP, weight, now_ns):
            raise self._too_many(now_ns)

    def _check_limits(self, now_ns: int) -> None:
        """limits.md: 429 over the limit; further requests lead to an IP ban (418)."""
        if now_ns < self._banned_until_ns:
            until = self._banned_until_ns // _MS
            raise Problem(
                -1003, f"Way too much request weight used; IP banned until {until}.", 418, **_wait(until, now_ns)
            )
        if self._weight.used(_IP, now_ns) >= WEIGHT[2]:
            self._defied += 1
            if self._defied > _BAN_AFTER:
                self._defied = 0
                self._banned_until_ns = now_ns + 120 * _S
            raise self._too_many(now_ns)

    def _too_many(self, now_ns: int, retry_ns: int = 0) -> Problem:
        until = (now_ns + (retry_ns or self._weight.wait_ns(now_ns))) // _MS + 1
        said = "Too much request weight used; current limit is 6000 request weight per 1 MINUTE."
        return Problem(-1003, said, 429, **_wait(until, now_ns))

    def _signed(self, key: str, params: Mapping[str, str], payload: str, now_ns: int) -> Account:
        """request-security.md: key, HMAC-SHA256 over the payload as sent, then the time window."""
        if not key:
            raise Problem(-2014, "API-key format invalid.", 401)
        account = self._exchange.by_key(key)
        if account is None:
            raise Problem(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        for name in ("timestamp", "signature"):
            if not params.get(name):
                raise wrong(name, "missing")
        if account.ed25519 is not None and key == account.ed25519.key:
            good = account.ed25519.good(payload, params["signature"])
        else:
            mine = hmac.new(account.secret.encode(), payload.encode(), "sha256").hexdigest()
            good = hmac.compare_digest(mine.encode(), params["signature"].encode())
        if not good:
            raise Problem(-1022, "Signature for this request is not valid.", 400)
        self._check_time(params, now_ns)
        return account

    def _check_time(self, params: Mapping[str, str], now_ns: int) -> None:
        """request-security.md, "Timing security"."""
        try:
            stamp, window = int(params["timestamp"]), Decimal(params.get("recvWindow") or "5000")
            too_wide = window > 60_000
        except (ValueError, ArithmeticError):
            raise Problem(-1100, "Illegal characters found in parameter 'timestamp' or 'recvWindow'.", 400) from None
        if too_wide:
            raise Problem(-1131, "recvWindow must be less than 60000.", 400)
        # a timestamp is in milliseconds or in microseconds, told apart by its size
        sent_ns = stamp * (1000 if stamp >= 10**14 else _MS)
        if sent_ns >= now_ns + 1000 * _MS:
            raise Problem(-1021, "Timestamp for this request was 1000ms ahead of the server's time.", 400)
        if now_ns - sent_ns > window * _MS:
            raise Problem(-1021, "Timestamp for this request is outside of the recvWindow.", 400)

    # --- WebSocket --------------------------------------------------------------------------------------------------

    def connect(self, conn: int, target: str, headers: Mapping[str, str], now_ns: int) -> Reply | None:
        # web-socket-streams.md: 300 connection attempts in 5 minutes from one address
        if not self._attempts.add(_IP, 1, now_ns):
            return self.limited(now_ns, self._attempts.wait_ns(now_ns))
        path, _, query = target.partition("?")
        options = dict(parse_qsl(query, keep_blank_values=True))
        div = 1000 if options.get("timeUnit", "").upper() == "MICROSECOND" else _MS
        if path == "/ws-api/v3":
            try:
                self._check_limits(now_ns)
                self._spend(2, now_ns)  # general-information.md: opening a connection costs 2
            except Problem:
                return self.limited(now_ns, self._weight.wait_ns(now_ns))
            self._apis[conn] = _Api(conn, div, options.get("returnRateLimits") != "false", now_ns)
        elif path == "/ws" or path.startswith("/ws/"):
            if not self._streams.connect(conn, path[4:], False, div, now_ns):
                return Reply(400, b"")
        elif path == "/stream":
            if not self._streams.connect(conn, options.get("streams", ""), True, div, now_ns):
                return Reply(400, b"")
        else:
            return Reply(404, b"")
        self._alive.add(conn)
        # web-socket-streams.md: a ping every 20 seconds, a pong within a minute, and the connection ends after 24 hours
        self._timers.at(now_ns + 20 * _S, lambda now: self._ping(conn, now))
        self._timers.at(now_ns + 86_400 * _S, lambda now: self._wire.close(conn, 1001, "24 hours"))
        return None

    def closed(self, conn: int, now_ns: int) -> None:
        self._alive.discard(conn)
        self._apis.pop(conn, None)
        self._streams.closed(conn)

    def frame(self, conn: int, text: str, now_ns: int) -> None:
        if conn in self._streams:
            self._streams.frame(conn, text, now_ns)
        elif conn in self._apis:
            self._request(self._apis[conn], text, now_ns)

    def _ping(self, conn: int, now_ns: int) -> None:
        if conn in self._alive:
            self._wire.ping(conn, 60 * _S)
            self._timers.at(now_ns + 20 * _S, lambda now: self._ping(conn, now))

    def _request(self, api: _Api, text: str, now_ns: int) -> None:
        """One request of the WS API (web-socket-api.md, "Request format")."""
        ref: Any = None
        account: Account | None = None
        route: Route | None = None
        params: dict[str, str] = {}
        try:
            try:
                message = msgspec.json.decode(text)
                ref, method, given = message.get("id"), message["method"], message.get("params") or {}
                params = {name: _raw(value) for name, value in given.items()}
                route = self._calls.ws.get(method)
                session = method.startswith(("userDataStream.", "session."))
            except (msgspec.DecodeError, KeyError, AttributeError, TypeError):
                raise Problem(-1135, "JSON request is invalid or malformed.", 400) from None
            limited_ns = self._exchange.limited_until_ns - now_ns
            if limited_ns > 0:
                raise self._too_many(now_ns, limited_ns)
            self._check_limits(now_ns)
            if session:
                result = self._session(api, method, params, now_ns)
            elif route is None:
                raise Problem(-1000, f"Unknown method {method}.", 400)
            else:
                if route.signed:
                    account = self._signed_ws(api, params, now_ns)
                result = self._run(route, SimCall(params, account, now_ns, wrong, div=api.div))
            if method == "order.place" and self._exchange.strikes("overrun", method):
                raise self._too_many(now_ns)
            reply: dict[str, Any] = {"id": ref, "status": 200, "result": result}
        except Problem as problem:
            error: dict[str, Any] = {"code": problem.code, "msg": problem.msg}
            if problem.more:
                error["data"] = problem.more
            reply = {"id": ref, "status": problem.status, "error": error}
        if api.limits and params.get("returnRateLimits") != "false":
            reply["rateLimits"] = self._limits(account if route is not None and route.trade else None, now_ns)
        self._wire.send(api.conn, _encode(reply).decode(), "reply")

    def _limits(self, account: Account | None, now_ns: int) -> list[dict[str, Any]]:
        kind, num, limit, _ = WEIGHT
        used = self._weight.used(_IP, now_ns)
        orders = self._calls.order_limits(account.name, now_ns) if account is not None else []
        return [
            *orders,
            {"rateLimitType": "REQUEST_WEIGHT", "interval": kind, "intervalNum": num, "limit": limit, "count": used},
        ]

    def _signed_ws(self, api: _Api, params: Mapping[str, str], now_ns: int) -> Account:
        """request-security.md: all parameters but the signature, sorted by name, as raw text. After a log-on neither
        key nor signature is needed."""
        if api.account is not None and "apiKey" not in params and "signature" not in params:
            if not params.get("timestamp"):
                raise wrong("timestamp", "missing")
            self._check_time(params, now_ns)
            return api.account
        payload = "&".join(f"{name}={value}" for name, value in sorted(params.items()) if name != "signature")
        return self._signed(params.get("apiKey", ""), params, payload, now_ns)

    def _session(self, api: _Api, method: str, params: Mapping[str, str], now_ns: int) -> Any:
        """session-authentication and user-data-stream requests. Only Ed25519 keys can log on."""
        self._spend(2, now_ns)
        if method == "userDataStream.subscribe.signature" or (method == "userDataStream.subscribe" and api.account):
            account = api.account if method == "userDataStream.subscribe" else None
            account = account or self._signed_ws(api, params, now_ns)
            if self._exchange.strikes("login"):
                raise Problem(-2015, "Invalid API-key, IP, or permissions for action.", 401)
            if account.name in api.users.values():
                raise Problem(-2035, "User Data Stream subscription already active.", 400)
            number, api.next_id = api.next_id, api.next_id + 1
            api.users[number] = account.name
            return {"subscriptionId": number}
        if method == "userDataStream.unsubscribe":
            named = params.get("subscriptionId")
            gone = [number for number in api.users if named in (None, str(number))]
            if not gone:
                raise Problem(-2036, "User Data Stream subscription not active.", 400)
            for number in gone:
                del api.users[number]
            return {}
        if method in ("userDataStream.start", "userDataStream.ping", "userDataStream.stop"):
            raise Problem(-1000, "This method has been retired.", 410)
        if method == "session.logon":
            account = self._signed_ws(api, {"apiKey": "", **params}, now_ns)
            if account.ed25519 is None or params["apiKey"] != account.ed25519.key:
                raise Problem(-4056, "HMAC_SHA256 API key is not supported.", 400)
            api.account, api.logon_ns = account, now_ns
        if method == "session.logout":
            api.account, api.logon_ns = None, 0
        if method in ("session.logon", "session.logout", "session.status"):
            key = api.account.ed25519.key if api.account and api.account.ed25519 else None
            return {
                "apiKey": key,
                "authorizedSince": api.logon_ns // api.div or None,
                "connectedSince": api.opened_ns // api.div,
                "returnRateLimits": api.limits,
                "serverTime": now_ns // api.div,
                "userDataStream": bool(api.users),
            }
        raise Problem(-2015, "Invalid API-key, IP, or permissions for action.", 401)

    # --- events -----------------------------------------------------------------------------------------------------

    def reports(self, reports: Sequence[Report], now_ns: int) -> None:
        self._streams.trades([report for report in reports if isinstance(report, TradeReport)], now_ns)
        for report in reports:
            match report:
                case TopReport():
                    self._streams.top(report, now_ns)
                case OrderReport():
                    cancel_id = self._calls.cancel_ids.get(report.order.id, report.order.cl_ord_id)
                    for api, number in self._users(report.order.account):
                        event = execution_report(self._exchange, report, now_ns // api.div, api.div, cancel_id)
                        self._event(api, number, event)
                case BalanceReport():
                    rows = [
                        {"a": asset, "f": decimal8(free), "l": decimal8(locked)}
                        for asset, free, locked in report.balances
                    ]
                    for api, number in self._users(report.account):
                        event = {
                            "e": "outboundAccountPosition",
                            "E": now_ns // api.div,
                            "u": report.ns // api.div,
                            "B": rows,
                        }
                        self._event(api, number, event)

    def _users(self, account: str) -> list[tuple[_Api, int]]:
        return [(api, n) for api in self._apis.values() for n, name in api.users.items() if name == account]

    def _event(self, api: _Api, number: int, event: dict[str, Any]) -> None:
        self._wire.send(api.conn, _encode({"subscriptionId": number, "event": event}).decode(), "user")


def _known(route: Route, call: SimCall) -> None:
    """errors.md: -1105 for an empty parameter, -1104 for one that the call does not have."""
    if route.names is None:
        return
    for name, value in call.params.items():
        if not value:
            raise Problem(-1105, f"Parameter '{name}' was empty.", 400)
    read = sum(name in route.names.split() for name in call.params)
    if read < len(call.params):
        said = f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{len(call.params)}'."
        raise Problem(-1104, said, 400)


def _unsigned(raw: str) -> str:
    """A query or body without its signature, which is the last parameter (request-security.md)."""
    head, found, _ = raw.rpartition("signature=")
    if not found:
        return raw
    return head.removesuffix("&")


def _raw(value: Any) -> str:
    """A parameter as it is signed: text as it is, other values as their JSON."""
    return value if isinstance(value, str) else _encode(value).decode()


def _wait(until_ms: int, now_ns: int) -> dict[str, int]:
    return {"serverTime": now_ns // _MS, "retryAfter": until_ms}
