"""The Bitget v2 spot dialect of the simulator: REST, public and private WebSocket over a ``SimExchange``.

Rules name the section of the venue's documentation (www.bitget.com/api-doc).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, unquote

import msgspec

from arbkit import sim

from . import dialect_wire as wire
from .dialect_calls import Calls
from .dialect_streams import Streams

__all__ = ["BitgetDialect"]

_S: Final = 1_000_000_000
_DIGITS: Final = re.compile(r"[0-9]{1,16}", re.ASCII)
_WINDOW_NS: Final = 30 * _S
"""A timestamp may be 30 seconds off, of a request and of a login."""
_WRONG: Final = (("key", "40006", "key"), ("passphrase", "40012", "apikey/password"), ("sign", "40009", "signature"))
_REST: Final = {name: (code, f"{what} is incorrect", 400) for name, code, what in _WRONG}
_LOGIN: Final = {"key": ("30011", "no such key"), "passphrase": ("30012", "wrong passphrase"), "sign": ("30015", "no")}
_HEADERS: Final = (("40001", "key"), ("40002", "sign"), ("40011", "passphrase"), ("40005", "timestamp"))
_PATHS: Final = {"/v2/ws/public": "public", "/v2/ws/private": "private"}
_TOO_MANY: Final = ("429", "Too many requests")


def _pair(base: str, quote: str, price: int, size: int, least: int) -> sim.Pair:
    """With so many decimals; the least size is one step, the least notional ``least``."""
    tick, lot = (Decimal(1).scaleb(-digits) for digits in (price, size))
    return sim.Pair(f"{base}-{quote}", base, quote, tick, lot, lot, Decimal(least))


class BitgetDialect(sim.BaseDialect):
    """See ``arbkit.sim.dialect.Dialect``."""

    venue: ClassVar[str] = "bitget"
    # fees of VIP 0, off the received coin. No page says what becomes of a post_only order that would take: accepted and
    # cancelled here. A limit order may deviate by 5 % from the market (buyLimitPriceRatio, sellLimitPriceRatio).
    profile: ClassVar[sim.Profile] = sim.Profile(
        fee_decimals=12,
        client_ids="open",
        post_only_reports=True,
        band=sim.Band(buy_most=Decimal("1.05"), sell_least=Decimal("0.95")),
        first_order_id=1_148_903_850_000_000_000,
        first_trade_id=1_149_103_068_000_000_000,
        pairs=(
            *(_pair(coin, "USDT", 2, digits, 1) for coin, digits in (("BTC", 6), ("ETH", 4), ("SOL", 4))),
            _pair("ETH", "BTC", 5, 4, 0),
        ),
    )

    def __init__(self, exchange: sim.SimExchange, out: sim.SimWire) -> None:
        super().__init__(exchange, out, wire.NOTATION)
        self._calls = Calls(self._facts)
        self._streams = streams = Streams(self._facts, self._calls, self._conns)
        self._tells = {
            sim.TradeReport: streams.trade,
            sim.OrderReport: streams.order,
            sim.BalanceReport: streams.balance,
        }
        self._rest, self._private = (sim.Door(exchange, "base64", refused) for refused in (_REST, _LOGIN))
        self._address = sim.Window(6000, 60 * _S)  # "Rate Limits": all REST calls of an address
        # "Websocket API": connections of an address, messages and subscription requests of a connection
        self._dials = sim.Window(300, 300 * _S)
        self._messages = sim.Rolling(10, _S)
        self._requests = sim.Rolling(240, 3600 * _S)

    @staticmethod
    def read_depth(message: dict[str, Any]) -> sim.DepthRows | None:
        """A push of a ``books`` channel."""
        arg = message.get("arg", {})
        if "action" not in message or not str(arg.get("channel", "")).startswith("books"):
            return None
        row = message["data"][0]
        return arg["instId"], message["action"] == "snapshot", row["bids"], row["asks"]

    @staticmethod
    def endpoints(http: str, ws: str) -> Mapping[str, str | None]:
        """One host for REST and one for both sockets; orders go over REST."""
        return {"rest": http, "ws_public": ws, "ws_private": ws, "ws_trade": None}

    # --- REST -------------------------------------------------------------------------------------------------------

    def http(self, request: sim.Request, now_ns: int) -> sim.Reply:
        try:
            sim.refuse(not self._address.add("ip", 1, now_ns), *_TOO_MANY, 429)
            route = sim.found(self._calls.routes.get((request.method, request.path)), "40404", "Not Found", 404)
            account = self._signed(request, now_ns) if route.signed else None
            if route.limit is not None:
                key = account.name if account else "ip"
                sim.refuse(not route.limit.add(key, 1, now_ns), *_TOO_MANY, 429)
            params = _body(request) if request.method == "POST" else dict(parse_qsl(request.query))
            data = route.handler(sim.SimCall(params, account, now_ns, self._facts, wire.wrong))
        except sim.Refused as refused:
            return _problem(wire.problem(refused), now_ns)
        except sim.Problem as problem:
            return _problem(problem, now_ns)
        return _reply(200, "00000", "success", data, now_ns)

    def limited(self, now_ns: int, retry_ns: int) -> sim.Reply:
        """HTTP 429, without a waiting time."""
        return _reply(429, *_TOO_MANY, None, now_ns)

    def busy(self, now_ns: int) -> sim.Reply:
        """40015 says nothing about the request."""
        return _reply(400, "40015", "System is abnormal, please try again later", None, now_ns)

    def banned(self, now_ns: int, retry_ns: int) -> sim.Reply:
        """The documentation says only that an address may be blocked: 403 of the web server in front."""
        return sim.Reply(403, b"<html><h1>403 ERROR</h1>Request blocked.</html>", {"content-type": "text/html"})

    def _signed(self, request: sim.Request, now_ns: int) -> sim.Account:
        """Signature: time, method, path with the query as it reads before it was encoded, and body."""
        given = {}
        for code, name in _HEADERS:
            given[name] = request.headers.get(f"access-{name}", "")
            sim.refuse(not given[name], code, f"ACCESS_{name.upper()} cannot be empty", 400)
        stamp = given["timestamp"]
        sim.refuse(not _DIGITS.fullmatch(stamp), "40005", "Invalid ACCESS_TIMESTAMP", 400)
        sim.refuse(abs(int(stamp) * wire.MS - now_ns) > _WINDOW_NS, "40008", "Request timestamp expired", 400)
        text = f"{stamp}{request.method}{unquote(request.target)}".encode() + request.body
        account = self._rest.account(given["key"], text, given["sign"], given["passphrase"])
        v2 = request.path.startswith("/api/v2/")
        unified = account.settings.get("unified") and v2
        sim.refuse(bool(unified), "40085", "Unified account mode: the API of classic accounts is not supported", 400)
        return account

    # --- WebSocket --------------------------------------------------------------------------------------------------

    def connect(self, conn: int, target: str, headers: Mapping[str, str], now_ns: int) -> sim.Reply | None:
        if target not in _PATHS or not self._dials.add("ip", 1, now_ns):
            return sim.Reply(404 if target not in _PATHS else 429, b"")
        # closed after two minutes without a ping, though data was flowing
        self._conns.cut_idle(self._conns.open(conn, _PATHS[target], self._facts, now_ns), 120 * _S, now_ns, 1000)
        return None

    def frame(self, conn: int, text: str, now_ns: int) -> None:
        state = self._conns[conn]
        if not self._messages.add(str(conn), 1, now_ns):  # more than ten messages a second
            self._wire.close(conn, 1008, "too many messages")
        elif text == "ping":
            state.alive_ns = now_ns
            self._wire.send(conn, "pong")
        else:
            self._request(state, text, now_ns)

    def _request(self, state: sim.Conn, text: str, now_ns: int) -> None:
        try:
            message = msgspec.json.decode(text)
            op, args = message["op"], message["args"]
        except (msgspec.DecodeError, KeyError, TypeError):
            op, args = "", None
        if not isinstance(args, list) or not args or len(text) > 4096:
            _error(state, sim.Problem("30002", "Illegal request"))
        elif op == "login":
            self._log_in(state, args[0], now_ns)
        elif op not in ("subscribe", "unsubscribe"):
            _error(state, sim.Problem("30003", "Invalid op"))
        elif now_ns < self._exchange.limited_until_ns:
            _error(state, sim.Problem("30006", "Too many requests"))
        elif not self._requests.add(str(state.id), 1, now_ns):
            _error(state, sim.Problem("30007", "Request over limit, connection close"))
            self._wire.close(state.id, 1008, "over limit")
        else:
            for arg in args:  # one answer to each
                try:
                    if op == "subscribe" and self._exchange.strikes("refuse", str(arg)):
                        raise sim.Problem("30016", "Param error")
                    self._streams.change(state, op, arg, now_ns)
                except sim.Problem as problem:
                    _error(state, problem, arg)

    def _log_in(self, state: sim.Conn, arg: Any, now_ns: int) -> None:
        """Login: the time in seconds; signed is time + ``GET/user/verify``. After a refusal the socket is closed."""
        given = arg if isinstance(arg, dict) else {}
        key, passphrase, stamp, sign = (
            str(given.get(name) or "") for name in ("apiKey", "passphrase", "timestamp", "sign")
        )
        try:
            sim.refuse(self._exchange.strikes("login"), "30006", "Too many requests")
            sim.refuse(state.path != "private" or not (key and sign), "30005", "Login failed")
            sim.refuse(not re.fullmatch(r"[0-9]{10}", stamp, re.ASCII), "30013", "Invalid ACCESS_TIMESTAMP")
            sim.refuse(abs(int(stamp) * _S - now_ns) > _WINDOW_NS, "30014", "Request timestamp expired")
            state.account = self._private.account(key, f"{stamp}GET/user/verify".encode(), sign, passphrase)
        except sim.Problem as problem:
            _error(state, problem)
            self._wire.close(state.id, 1000, "login failed")
            return
        state.tell({"event": "login", "code": 0, "msg": ""})


def _error(state: sim.Conn, problem: sim.Problem, arg: Any = None) -> None:
    told = {"event": "error", "code": int(problem.code), "msg": problem.msg}
    state.tell(told if arg is None else {"event": "error", "arg": arg} | told)


def _body(request: sim.Request) -> dict[str, Any]:
    kind = request.headers.get("content-type", "")
    sim.refuse(not kind.startswith("application/json"), "40007", "Invalid Content_Type", 400)
    try:
        return msgspec.json.decode(request.body, type=dict[str, Any])
    except msgspec.DecodeError:
        raise sim.Problem("40017", "Parameter verification failed", 400) from None


def _problem(problem: sim.Problem, now_ns: int) -> sim.Reply:
    return _reply(problem.status, problem.code, problem.msg, None, now_ns)


def _reply(status: int, code: str, msg: str, data: Any, now_ns: int) -> sim.Reply:
    body = {"code": code, "msg": msg, "requestTime": now_ns // wire.MS, "data": data}
    return sim.Reply(status, sim.encode(body), {"content-type": "application/json"})
