"""The Bybit spot dialect of the simulator: the v5 REST API and its three sockets over a ``SimExchange``.

Rules name the page of the venue's documentation (bybit-exchange.github.io/docs).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl

import msgspec

from arbkit import sim

from . import dialect_wire as wire
from .dialect_calls import Calls, orders_of
from .dialect_streams import Private, Streams

__all__ = ["BybitDialect"]

_S: Final = 1_000_000_000
_IP: Final = "ip"
_JSON: Final = {"content-type": "application/json; charset=utf-8"}
_PATHS: Final = {"/v5/public/spot": "public", "/v5/private": "private", "/v5/trade": "trade"}
_SECONDS: Final = {"s": _S, "m": 60 * _S}
_DIGITS: Final = re.compile(r"^[0-9]{1,15}$", re.ASCII)
_SIGN: Final = (10004, "Error sign, please check your signature generation algorithm.")
_TOO_MANY: Final = "Too many visits. Exceeded the API Rate Limit."


def _pair(symbol: str, tick: str, lot: str, most: int) -> sim.Pair:
    """A pair with a minimum of 5 of the quote."""
    base, _, quote = symbol.partition("-")
    return sim.Pair(symbol, base, quote, Decimal(tick), Decimal(lot), Decimal(lot), Decimal(5), Decimal(most))


class BybitDialect(sim.BaseDialect):
    """See ``arbkit.sim.dialect.Dialect``."""

    venue: ClassVar[str] = "bybit"
    # v5/order/create-order: orderLinkId is always unique, and an accepted post-only order may still be rejected.
    # Fees: tier 0, off the received asset. The grids are those of v5/market/instrument.
    profile: ClassVar[sim.Profile] = sim.Profile(
        maker=Decimal("0.001"),
        taker=Decimal("0.001"),
        special={"DOGE-USDT": (Decimal("0.002"), Decimal("0.002"))},  # as the adventure zone
        fee_decimals=10,
        client_ids="always",
        post_only_reports=True,
        band=sim.Band(buy_most=Decimal("1.01"), sell_least=Decimal("0.99")),
        pairs=(
            _pair("BTC-USDT", "0.1", "0.000001", 230),
            _pair("ETH-USDT", "0.01", "0.00001", 4000),
        ),
        first_order_id=1_726_025_498_520_715_008,
        first_trade_id=2_290_000_001_189_048_101,
    )

    def __init__(self, exchange: sim.SimExchange, out: sim.SimWire) -> None:
        super().__init__(exchange, out, wire.NOTATION)
        # v5/guide "Authentication" and v5/ws/connect "Authentication"
        self._rest = sim.Door(exchange, "hex", {"key": (10003, "API key is invalid."), "sign": _SIGN})
        self._login = sim.Door(exchange, "hex", {"key": (10003, "Invalid apikey"), "sign": _SIGN})
        self._streams = Streams(self._facts, self._conns)
        self._private = Private(self._facts, out, self._conns)
        self._calls = Calls(self._facts, self._streams, self._private)
        # v5/rate-limit "IP": 600 requests in 5 s; v5/ws/connect: 500 connections in 5 min
        self._requests = sim.Rolling(600, 5 * _S)
        self._dials = sim.Window(500, 300 * _S)
        self._banned_until_ns = 0

    @staticmethod
    def read_depth(message: dict[str, Any]) -> sim.DepthRows | None:
        """A push of an ``orderbook`` topic."""
        if not str(message.get("topic", "")).startswith("orderbook.") or "data" not in message:
            return None
        data = message["data"]
        return data["s"], message["type"] == "snapshot", data["b"], data["a"]

    @staticmethod
    def endpoints(http: str, ws: str) -> Mapping[str, str | None]:
        """One host; the sockets are ``/v5/public/spot``, ``/v5/private`` and ``/v5/trade``."""
        return {"rest": http, "ws_public": ws, "ws_private": ws, "ws_trade": ws}

    # --- REST -------------------------------------------------------------------------------------------------------

    def http(self, request: sim.Request, now_ns: int) -> sim.Reply:
        """v5/guide: errors are normally HTTP 200 with a ``retCode``."""
        if now_ns >= self._banned_until_ns and not self._requests.add(_IP, 1, now_ns):
            # v5/rate-limit "IP": 403, and all requests are refused for 10 minutes
            self._banned_until_ns = now_ns + 600 * _S
        if now_ns < self._banned_until_ns:
            return sim.Reply(403, b"access too frequent", {"content-type": "text/plain"})
        route = self._calls.rest.get((request.method, request.path))
        if route is None:
            return sim.Reply(404, b"404 page not found", {"content-type": "text/plain"})
        if request.method == "GET" and request.body:
            return sim.Reply(403, b"", {"content-type": "text/html"})
        headers: dict[str, str] = {}
        try:
            account = self._signed(request, now_ns) if route.signed else None
            params = _params(request)
            if account is not None:
                headers = self._count(route, account, params, now_ns)
            return _reply(now_ns, headers, result=self._run(route, account, params, now_ns))
        except sim.Problem as problem:
            return _reply(now_ns, problem.more or headers, problem.code, problem.msg)

    def _run(
        self, route: sim.Route, account: sim.Account | None, params: Mapping[str, Any], now_ns: int
    ) -> tuple[Any, Any]:
        """Do a call: its ``result`` and its ``retExtInfo``."""
        try:
            result = route.handler(sim.SimCall(params, account, now_ns, self._facts, wire.wrong))
        except sim.Refused as refused:
            raise wire.problem(refused) from None
        return result if route.batch else (result, {})

    def limited(self, now_ns: int, retry_ns: int) -> sim.Reply:
        """v5/rate-limit: 10006 with the time when the limit ends."""
        return _reply(now_ns, _limits(20, 0, now_ns + retry_ns), 10006, _TOO_MANY)

    def busy(self, now_ns: int) -> sim.Reply:
        """v5/error: 10016, the service is restarting."""
        return _reply(now_ns, {}, 10016, "Server error.")

    def banned(self, now_ns: int, retry_ns: int) -> sim.Reply:
        """v5/rate-limit "IP": 403 for 10 minutes."""
        return sim.Reply(403, b"access too frequent", {"content-type": "text/plain"})

    def _signed(self, request: sim.Request, now_ns: int) -> sim.Account:
        """v5/guide "Authentication": signed are timestamp, key, window and the raw query or body."""
        headers = request.headers
        key, stamp = headers.get("x-bapi-api-key", ""), headers.get("x-bapi-timestamp", "")
        window, sign = headers.get("x-bapi-recv-window", ""), headers.get("x-bapi-sign", "")
        sim.refuse(not (key and stamp and sign), 10001, "empty value: apiTimestamp[] apiKey[] apiSignature[]")
        if request.method == "POST" and "application/json" not in headers.get("content-type", ""):
            raise sim.Problem(10001, "Content-Type must be application/json.")
        payload = request.body if request.method == "POST" else request.query.encode()
        account = self._rest.account(key, f"{stamp}{key}{window}".encode() + payload, sign)
        self._check_time(stamp, window, now_ns)
        return account

    def _check_time(self, stamp: str, window: str, now_ns: int) -> None:
        """v5/guide: ``server - window <= timestamp < server + 1000``; the default window is 5000."""
        window = window or "5000"
        if not (_DIGITS.match(stamp) and _DIGITS.match(window)):
            raise sim.Problem(10001, "params error: timestamp or recv_window invalid.")
        sent, wide, now = int(stamp), int(window), now_ns // wire.MS
        if not now - wide <= sent < now + 1000:
            said = "invalid request, please check your server timestamp or recv_window param."
            raise sim.Problem(10002, f"{said} req_timestamp[{sent}],server_timestamp[{now}],recv_window[{wide}]")

    def _count(self, route: sim.Route, account: sim.Account, params: Mapping[str, Any], now_ns: int) -> dict[str, str]:
        """Count a call against its limit and return the limit headers. Raises the venue's error: 10006, or
        10005 if the key may not trade."""
        rights = account.settings.get("permissions", {"Spot": ["SpotTrade"]})
        if route.trade and (account.settings.get("readOnly") or "SpotTrade" not in rights.get("Spot", ())):
            raise sim.Problem(10005, "Permission denied, please check your API key permissions.")
        limit = route.limit
        if not isinstance(limit, sim.Rolling):
            return {}
        cost = len(orders_of(params)) if route.batch else 1
        taken = limit.add(account.name, cost, now_ns)
        reset_ns = now_ns if taken else limit.reset_ns(account.name, now_ns)
        headers = _limits(limit.limit, limit.left(account.name), reset_ns)
        if not taken:
            raise sim.Problem(10006, _TOO_MANY, 200, **headers)
        return headers

    # --- WebSocket --------------------------------------------------------------------------------------------------

    def connect(self, conn: int, target: str, headers: Mapping[str, str], now_ns: int) -> sim.Reply | None:
        path, _, query = target.partition("?")
        kind = _PATHS.get(path)
        if kind is None:
            return sim.Reply(404, b"404 page not found")
        if not self._dials.add(_IP, 1, now_ns):
            return sim.Reply(403, b"access too frequent")
        state = self._conns.open(conn, kind, self._facts, now_ns)
        if kind != "public":
            # v5/ws/connect: private sockets end after 10 minutes of silence, or max_active_time; checked every 30 s
            given = dict(parse_qsl(query)).get("max_active_time", "600s")
            number, unit = given[:-1], _SECONDS.get(given[-1:], 0)
            idle_ns = min(max(int(number) * unit, 30 * _S), 600 * _S) if _DIGITS.match(number) and unit else 600 * _S
            self._conns.cut_idle(state, idle_ns, now_ns, 1006, look_ns=30 * _S)
        return None

    def frame(self, conn: int, text: str, now_ns: int) -> None:
        state = self._conns[conn]
        try:
            message = msgspec.json.decode(text)
            op = str(message.get("op", ""))
        except (msgspec.DecodeError, AttributeError):
            message, op = {}, ""
        if op == "ping":
            state.alive_ns = now_ns
            self._pong(state, message, now_ns)
        elif op == "auth" and state.path != "public":
            self._auth(state, message, now_ns)
        elif state.path == "trade":
            self._trade(state, message, op, now_ns)
        elif op in ("subscribe", "unsubscribe"):
            self._subscription(state, message, op, now_ns)
        else:
            state.tell({"success": False, "ret_msg": "error:invalid op", "conn_id": _name(state), "op": op})

    def _pong(self, state: sim.Conn, message: dict[str, Any], now_ns: int) -> None:
        """v5/ws/connect "heartbeat": each socket has its own format; the public one keeps op ``ping``."""
        now, ref = str(now_ns // wire.MS), _echo(message, "req_id")
        if state.path == "public":
            state.tell({"success": True, "ret_msg": "pong", "conn_id": _name(state), **ref, "op": "ping"})
        elif state.path == "private":
            state.tell({**ref, "op": "pong", "args": [now], "conn_id": _name(state)})
        else:
            state.tell({"retCode": 0, "retMsg": "OK", "op": "pong", "data": [now], "connId": _name(state)})

    def _auth(self, state: sim.Conn, message: dict[str, Any], now_ns: int) -> None:
        """v5/ws/connect "Authentication": signed are ``GET/realtime`` and the expiry, a future time."""
        trade, name = state.path == "trade", _name(state)
        ref = _echo(message, "reqId" if trade else "req_id")
        try:
            args = message.get("args")
            sim.refuse(state.account is not None, 20001, "Repeat auth")
            if not isinstance(args, list) or len(args) != 3 or not _DIGITS.match(str(args[1])):
                raise sim.Problem(10001, "Params Error")
            sim.refuse(trade and self._exchange.strikes("login"), 10003, "Too many sessions under the same UID.")
            account = self._login.account(str(args[0]), f"GET/realtime{args[1]}".encode(), str(args[2]))
            sim.refuse(int(args[1]) <= now_ns // wire.MS, 10001, "Params Error: expires is in the past")
        except sim.Problem as problem:
            body: dict[str, Any] = {"retCode": problem.code, "retMsg": problem.msg, "connId": name}
            state.tell({**ref, "op": "auth", "success": False, **body})
            return
        state.account = account
        if trade:
            state.tell({**ref, "retCode": 0, "retMsg": "OK", "op": "auth", "connId": name})
        else:
            state.tell({"success": True, "ret_msg": "", "op": "auth", **ref, "conn_id": name})

    def _subscription(self, state: sim.Conn, message: dict[str, Any], op: str, now_ns: int) -> None:
        """v5/ws/connect "How to Subscribe": one answer per request, before the first frame of its topics."""
        args, why = message.get("args"), ""
        streams: Streams | Private = self._streams if state.path == "public" else self._private
        if not isinstance(args, list) or not args or not all(isinstance(name, str) for name in args):
            why = "error:args invalid"
        elif op == "subscribe":
            why = streams.refuses(state, args)
            if self._exchange.strikes("refuse", str(args)):
                why = "error:service is busy, try again"
        said = why or (op if state.path == "public" else "")
        head = {"success": not why, "ret_msg": said, "conn_id": _name(state)}
        state.tell({**head, **_echo(message, "req_id"), "op": op})
        if isinstance(args, list) and not why:
            (streams.subscribe if op == "subscribe" else streams.unsubscribe)(state, args, now_ns)

    def _trade(self, state: sim.Conn, message: dict[str, Any], op: str, now_ns: int) -> None:
        """v5/websocket/trade/guideline: an answer means that the request was accepted; the stream reports the order."""
        ref, code, said = message.get("reqId", ""), 0, "OK"
        data: Any = {}
        extra: Any = {}
        head: Mapping[str, Any] = {}
        try:
            account, route, params = self._request(state, message, op, ref, now_ns)
            head = self._count(route, account, params, now_ns)
            data, extra = self._run(route, account, params, now_ns)
            if op.startswith("order.create") and self._exchange.strikes("overrun", op):
                raise sim.Problem(10006, _TOO_MANY, 200, **_limits(20, 0, now_ns + _S))
        except sim.Problem as problem:
            head, code, said = problem.more or head, problem.code, problem.msg
        head = {**head, "Traceid": f"{now_ns:032x}", "Timenow": str(now_ns // wire.MS)}
        told = {"retCode": code, "retMsg": said, "op": op, "data": data, "retExtInfo": extra, "header": head}
        state.tell({**({"reqId": ref} if ref else {}), **told, "connId": _name(state)})

    def _request(
        self, state: sim.Conn, message: dict[str, Any], op: str, ref: Any, now_ns: int
    ) -> tuple[sim.Account, sim.Route, Mapping[str, Any]]:
        """Check a trade socket's request: login, reqId, op, time, one order."""
        if state.account is None:
            raise sim.Problem(10005, "Permission denied: auth first.")
        if not isinstance(ref, str) or len(ref) > 36:
            raise sim.Problem(10001, "params error: reqId invalid.")
        sim.refuse(ref in state.refs, 20006, "reqId is duplicated")
        if ref:
            state.refs.add(ref)
        route = sim.found(self._calls.ws.get(op), 10404, "op type is not found")
        header, args = message.get("header"), message.get("args")
        if not isinstance(header, dict) or "X-BAPI-TIMESTAMP" not in header:
            raise sim.Problem(10001, "params error: header X-BAPI-TIMESTAMP missing.")
        self._check_time(str(header["X-BAPI-TIMESTAMP"]), str(header.get("X-BAPI-RECV-WINDOW") or ""), now_ns)
        if not isinstance(args, list) or len(args) != 1 or not isinstance(args[0], dict):
            raise sim.Problem(10001, "params error: args must hold one request.")
        wait_ns = self._exchange.limited_until_ns - now_ns
        if wait_ns > 0:
            raise sim.Problem(10006, _TOO_MANY, 200, **_limits(20, 0, now_ns + wait_ns))
        return state.account, route, args[0]

    # --- events -----------------------------------------------------------------------------------------------------

    def reports(self, reports: Sequence[sim.Report], now_ns: int) -> None:
        self._streams.trades([report for report in reports if isinstance(report, sim.TradeReport)], now_ns)
        private = [report for report in reports if isinstance(report, sim.OrderReport | sim.BalanceReport)]
        if not private:
            return
        for state in self._conns:
            if state.path == "private" and state.account is not None:
                state.alive_ns = now_ns
        self._private.reports(private, now_ns)


def _limits(limit: int, left: int, reset_ns: int) -> dict[str, str]:
    """v5/rate-limit: the remaining requests, and when the limit ends (now, if it is not reached)."""
    return {
        "X-Bapi-Limit": str(limit),
        "X-Bapi-Limit-Status": str(left),
        "X-Bapi-Limit-Reset-Timestamp": str(-(-reset_ns // wire.MS)),
    }


def _params(request: sim.Request) -> Mapping[str, Any]:
    if request.method == "GET":
        return dict(parse_qsl(request.query, keep_blank_values=True))
    try:
        params = msgspec.json.decode(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        params = None
    if not isinstance(params, dict):
        raise sim.Problem(10001, "params error: the body must be a JSON object.")
    return params


def _reply(
    now_ns: int, headers: Mapping[str, str], code: int = 0, said: str = "OK", result: tuple[Any, Any] = ({}, {})
) -> sim.Reply:
    """A reply with HTTP 200. ``result``: ``result`` and ``retExtInfo``."""
    body = {"retCode": code, "retMsg": said, "result": result[0], "retExtInfo": result[1], "time": now_ns // wire.MS}
    return sim.Reply(200, sim.encode(body), _JSON | {name.lower(): value for name, value in headers.items()})


def _name(conn: sim.Conn) -> str:
    return f"sim{conn.id:06d}-{conn.path[:2]}"


def _echo(message: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {name: message[name]} if name in message else {}
