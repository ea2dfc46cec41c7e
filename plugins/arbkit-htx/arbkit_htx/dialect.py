"""The HTX spot dialect of the simulator: REST, market sockets (gzip) and the account's socket over a ``SimExchange``.

Rules name the section of the venue's documentation (www.htx.com/en-us/opend/newApiPages).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, quote

import msgspec

from arbkit import sim

from . import dialect_wire as wire
from .dialect_calls import Calls
from .dialect_streams import Streams

__all__ = ["HtxDialect"]

_S: Final = wire.S
_WINDOW_NS: Final = 300 * _S
_STAMP: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}", re.ASCII)
_PATHS: Final = {"/feed": "feed", "/ws": "ws", "/ws/v2": "own"}
_INVALID: Final = ("api-signature-not-valid", "Signature not valid: Verification failure")
_REST: Final = {"key": ("api-signature-not-valid", "Signature not valid: Incorrect Access key"), "sign": _INVALID}
_LOGIN: Final = dict.fromkeys(("key", "sign"), (2002, "auth.fail"))
_TOO_MANY: Final = ("rate-too-many-requests", "too many requests")
_HOST: Final = "htx.sim"
"""The name of the host where a request does not say it."""


def _pair(base: str, quote: str, price: int, size: int, least: str) -> sim.Pair:
    """With so many decimals; ``least``: the smallest notional."""
    lot = Decimal(1).scaleb(-size)
    return sim.Pair(f"{base}-{quote}", base, quote, Decimal(1).scaleb(-price), lot, lot, Decimal(least))


class HtxDialect(sim.BaseDialect):
    """See ``arbkit.sim.dialect.Dialect``."""

    venue: ClassVar[str] = "htx"
    # 20 bps for all, off the received coin. A limit buy is at most 1.1 times the last price, a sale at least 0.9 times
    # (blmlt, slmgt). A limit-maker order that would take is accepted and cancelled here; no page shows its answer.
    profile: ClassVar[sim.Profile] = sim.Profile(
        maker=Decimal("0.002"),
        taker=Decimal("0.002"),
        fee_decimals=12,
        client_ids="window",
        client_id_window_ns=24 * 3600 * _S,
        post_only_reports=True,
        band=sim.Band(buy_most=Decimal("1.1"), sell_least=Decimal("0.9")),
        first_order_id=357_632_718_898_331,
        first_trade_id=102_523_573_486,
        pairs=(
            *(_pair(coin, "USDT", 2, digits, "10") for coin, digits in (("BTC", 6), ("ETH", 4), ("SOL", 4))),
            _pair("ETH", "BTC", 6, 4, "0.0001"),
        ),
    )

    def __init__(self, exchange: sim.SimExchange, out: sim.SimWire) -> None:
        super().__init__(exchange, out, wire.NOTATION)
        self._calls = Calls(self._facts)
        self._streams = Streams(self._facts, self._conns)
        self._rest, self._own = (sim.Door(exchange, "base64", refused) for refused in (_REST, _LOGIN))
        self._hosts: dict[int, str] = {}
        self._conns.on_close(lambda conn: self._hosts.pop(conn, None))
        self._subscribed = sim.Rolling(40, _S)  # subscriptions of a market connection
        self._requests = sim.Rolling(50, _S)  # requests of an account's connection

    @staticmethod
    def read_depth(message: dict[str, Any]) -> sim.DepthRows | None:
        """A change of a book, or the whole book."""
        name, body = message.get("ch") or message.get("rep", ""), message.get("tick") or message.get("data")
        if ".mbp." not in name or body is None:
            return None
        bids, asks = ([[str(px), str(qty)] for px, qty in body[side]] for side in ("bids", "asks"))
        return name.split(".")[1], "rep" in message, bids, asks

    @staticmethod
    def endpoints(http: str, ws: str) -> Mapping[str, str | None]:
        """One host; orders go over REST."""
        return {"rest": http, "ws_public": ws, "ws_private": ws, "ws_trade": None}

    # --- REST -------------------------------------------------------------------------------------------------------

    def http(self, request: sim.Request, now_ns: int) -> sim.Reply:
        new = request.path.startswith("/v2/")
        try:
            route, number = self._calls.route(request.method, request.path)
            route = sim.found(route, "bad-request", "no such path", 404)
            account = self._signed(request, now_ns) if route.signed else None
            key = "ip" if account is None else account.name
            if route.limit is not None and not route.limit.add(key, 1, now_ns):
                return self.limited(now_ns, 2 * _S)
            given = _body(request) if request.method == "POST" else dict(parse_qsl(request.query))
            params = {name: str(value) for name, value in given.items() if value is not None}
            call = sim.SimCall(
                params | {"number": number} if number else params, account, now_ns, self._facts, wire.wrong
            )
            data = route.handler(call)
        except sim.Refused as refused:
            return _problem(wire.problem(refused), new)
        except sim.Problem as problem:
            return _problem(problem, new)
        if new:
            return _reply(200, {"code": 200, "data": data, "success": True})
        name = "tick" if request.path.startswith("/market/") else "data"
        return _reply(200, {"status": "ok", name: data, "ts": now_ns // wire.MS})

    def limited(self, now_ns: int, retry_ns: int) -> sim.Reply:
        """HTTP 429; the headers tell when the window ends."""
        told = {"x-hb-ratelimit-requests-remain": "0"}
        told["x-hb-ratelimit-requests-expire"] = str((now_ns + retry_ns) // wire.MS)
        return _reply(429, _error(sim.Problem(*_TOO_MANY)), told)

    def busy(self, now_ns: int) -> sim.Reply:
        """A gateway's error says nothing about the request."""
        return _reply(200, _error(sim.Problem("gateway-internal-error", "system is busy")))

    def banned(self, now_ns: int, retry_ns: int) -> sim.Reply:
        """No page says what a blocked address gets: 403 of the web server in front."""
        return sim.Reply(403, b"<html><h1>403 Forbidden</h1></html>", {"content-type": "text/html"})

    def _signed(self, request: sim.Request, now_ns: int) -> sim.Account:
        """Authentication: method, host, path and the query in the order of its names, without the signature."""
        given = dict(parse_qsl(request.query, keep_blank_values=True))
        sign = given.pop("Signature", "")
        fixed = given.get("SignatureMethod") == "HmacSHA256" and given.get("SignatureVersion") == "2"
        sim.refuse(not fixed or not sign, *_INVALID)
        _in_time(given.get("Timestamp", ""), now_ns, *_INVALID)
        sim.refuse(request.method == "GET" and bool(request.body), "403", "Forbidden", 403)
        host = request.headers.get("host", _HOST)
        text = f"{request.method}\n{host.lower()}\n{request.path}\n{_query(given)}"
        return self._rest.account(given.get("AccessKeyId", ""), text.encode(), sign)

    # --- WebSocket --------------------------------------------------------------------------------------------------

    def connect(self, conn: int, target: str, headers: Mapping[str, str], now_ns: int) -> sim.Reply | None:
        path = _PATHS.get(target)
        if path is None:
            return sim.Reply(404, b"")
        state = self._conns.open(conn, path, self._facts, now_ns)
        self._hosts[conn] = headers.get("host", _HOST)
        state.pack = None if path == "own" else wire.pack
        # a ping each 5 s (20 s); without an answer to two of them the third does not come
        every = 20 * _S if path == "own" else 5 * _S
        self._ping(state, every, now_ns)
        self._conns.cut_idle(state, 3 * every - _S, now_ns, 1000, "ping check expired")
        return None

    def _ping(self, state: sim.Conn, every: int, now_ns: int) -> None:
        def ping(now_ns: int) -> None:
            if self._conns.get(state.id) is state:
                stamp = now_ns // wire.MS
                state.tell({"action": "ping", "data": {"ts": stamp}} if state.path == "own" else {"ping": stamp})
                self.timers.at(now_ns + every, ping)

        self.timers.at(now_ns + every, ping)

    def frame(self, conn: int, text: str, now_ns: int) -> None:
        state = self._conns[conn]
        try:
            message = msgspec.json.decode(text, type=dict[str, Any])
        except msgspec.DecodeError:
            message = {}
        if state.path == "own":
            self._own_request(state, message, now_ns)
        elif "pong" in message:
            state.alive_ns = now_ns
        else:
            self._market_request(state, message, now_ns)

    def _market_request(self, state: sim.Conn, message: dict[str, Any], now_ns: int) -> None:
        acts = {
            "sub": self._streams.subscribe,
            "unsub": self._streams.unsubscribe,
            "req": self._streams.request,
        }
        op = next((name for name in acts if name in message), "")
        topic, name = str(message.get(op, "")), str(message.get("id", ""))
        try:
            sim.refuse(not op, "bad-request", "unknown command")
            late = now_ns < self._exchange.limited_until_ns or (
                op == "sub" and not self._subscribed.add(str(state.id), 1, now_ns)
            )
            sim.refuse(late, "bad-request", "429 too many request")
            sim.refuse(op == "sub" and self._exchange.strikes("refuse", topic), "bad-request", f"invalid topic {topic}")
            acts[op](state, topic, name, now_ns)
        except sim.Problem as problem:
            error = {"status": "error", "err-code": problem.code, "err-msg": problem.msg, "id": name}
            state.tell({"ts": now_ns // wire.MS, **error})

    def _own_request(self, state: sim.Conn, message: dict[str, Any], now_ns: int) -> None:
        action, channel = str(message.get("action", "")), str(message.get("ch", ""))
        if action == "pong":
            state.alive_ns = now_ns
            return
        try:
            busy = now_ns < self._exchange.limited_until_ns or not self._requests.add(str(state.id), 1, now_ns)
            sim.refuse(busy, 4000, "too.many.request")
            if (action, channel) == ("req", "auth"):
                self._log_in(state, message.get("params"), now_ns)
            elif action in ("sub", "unsub"):
                refused = action == "sub" and self._exchange.strikes("refuse", channel)
                sim.refuse(refused, 500, "system error")
                self._streams.own(state, action, channel, now_ns)
            else:
                raise sim.Problem(2001, "invalid.action")
        except sim.Problem as problem:
            state.tell({"action": action, "code": problem.code, "ch": channel, "message": problem.msg})

    def _log_in(self, state: sim.Conn, params: Any, now_ns: int) -> None:
        """Authentication of the asset and order socket: ``authType`` is not signed."""
        given = {name: str(value) for name, value in (params if isinstance(params, dict) else {}).items()}
        sim.refuse(self._exchange.strikes("login"), 4000, "too.many.request")
        sign = given.pop("signature", "")
        fixed = given.pop("authType", "") == "api" and given.get("signatureVersion") == "2.1"
        sim.refuse(not fixed or given.get("signatureMethod") != "HmacSHA256", 2002, "auth.fail")
        _in_time(given.get("timestamp", ""), now_ns, 2002, "auth.fail")
        text = f"GET\n{self._hosts[state.id].lower()}\n/ws/v2\n{_query(given)}"
        state.account = self._own.account(given.get("accessKey", ""), text.encode(), sign)
        state.tell({"action": "req", "code": 200, "ch": "auth", "data": {}})

    # --- events -----------------------------------------------------------------------------------------------------

    def reports(self, reports: Sequence[sim.Report], now_ns: int) -> None:
        streams = self._streams
        for one in reports:
            match one:
                case sim.TradeReport():
                    streams.trade(one, now_ns)
                case sim.OrderReport():
                    streams.order(one)
                case sim.BalanceReport():
                    streams.balance(one)


def _query(given: Mapping[str, str]) -> str:
    """In the order of the names, percent-encoded."""
    return "&".join(f"{quote(name, safe='')}={quote(given[name], safe='')}" for name in sorted(given))


def _in_time(stamp: str, now_ns: int, code: Any, msg: str) -> None:
    """UTC, to the second, at most five minutes off."""
    sim.refuse(not _STAMP.fullmatch(stamp), code, msg)
    at = datetime.fromisoformat(stamp).replace(tzinfo=UTC).timestamp()
    sim.refuse(abs(int(at) * _S - now_ns) > _WINDOW_NS, code, msg)


def _body(request: sim.Request) -> dict[str, Any]:
    try:
        return msgspec.json.decode(request.body, type=dict[str, Any])
    except msgspec.DecodeError:
        raise sim.Problem("invalid-command", "the body is no JSON object") from None


def _error(problem: sim.Problem) -> dict[str, Any]:
    return {"status": "error", "err-code": problem.code, "err-msg": problem.msg, "data": None}


def _problem(problem: sim.Problem, new: bool) -> sim.Reply:
    """v1 has labels, v2 numbers, where the error is its own."""
    if new and problem.code.isdecimal():
        return _reply(problem.status, {"code": int(problem.code), "message": problem.msg})
    return _reply(problem.status, _error(problem))


def _reply(status: int, body: Any, headers: Mapping[str, str] | None = None) -> sim.Reply:
    return sim.Reply(status, sim.encode(body), {"content-type": "application/json", **(headers or {})})
