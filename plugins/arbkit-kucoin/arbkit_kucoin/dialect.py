"""The KuCoin spot dialect of the simulator: REST of a Classic account (HF), the Pro socket and the Classic private one.

Rules name the section of the venue's documentation (www.kucoin.com/docs-new).
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl

import msgspec

from arbkit import sim

from . import dialect_wire as wire
from .dialect_calls import Calls
from .dialect_streams import Streams

__all__ = ["KucoinDialect"]

_S: Final = 1_000_000_000
_DIGITS: Final = re.compile(r"[0-9]{1,16}", re.ASCII)
_SKEW_NS: Final = 5 * _S
_DAY_NS: Final = 86_400 * _S
_HEADERS: Final = ("key", "sign", "timestamp", "passphrase")
_REFUSED: Final = {"key": ("400003", "KC-API-KEY not exists"), "sign": ("400005", "Invalid KC-API-SIGN")}
_TOO_MANY: Final = ("429000", "Too many requests. System-level rate limit exceeded.")


def _pair(base: str, quote: str, tick: str, lot: str, least: str, funds: str) -> sim.Pair:
    """The largest size is no limit."""
    return sim.Pair(
        f"{base}-{quote}",
        base,
        quote,
        tick=Decimal(tick),
        lot=Decimal(lot),
        min_qty=Decimal(least),
        min_notional=Decimal(funds),
        max_qty=Decimal("10000000000"),
    )


class KucoinDialect(sim.BaseDialect):
    """See ``arbkit.sim.dialect.Dialect``."""

    venue: ClassVar[str] = "kucoin"
    # fees of level 0, in the quote coin. A post-only order that would take is accepted and then cancelled here: no page
    # says more than that it is "rejected fully". A limit price may be 10 % off (priceLimitRate).
    profile: ClassVar[sim.Profile] = sim.Profile(
        fee_decimals=12,
        fee_asset="quote",
        client_ids="open",
        post_only_reports=True,
        band=sim.Band(buy_most=Decimal("1.1"), sell_least=Decimal("0.9")),
        first_order_id=690_000_000_000_000,
        first_trade_id=11_067_996_711_960,
        pairs=(
            _pair("BTC", "USDT", "0.1", "0.00000001", "0.00001", "1"),
            _pair("ETH", "USDT", "0.01", "0.0000001", "0.0001", "1"),
            _pair("SOL", "USDT", "0.001", "0.0001", "0.01", "3"),
            _pair("ETH", "BTC", "0.00001", "0.0000001", "0.0001", "0.000001"),
        ),
    )

    def __init__(self, exchange: sim.SimExchange, out: sim.SimWire) -> None:
        super().__init__(exchange, out, wire.NOTATION)
        self._streams = streams = Streams(self._facts, self._conns)
        self._tells = {
            sim.TradeReport: streams.trade,
            sim.OrderReport: streams.order,
            sim.BalanceReport: streams.balance,
        }
        self._calls = Calls(self._facts, self._token)
        self._door = sim.Door(exchange, "base64", _REFUSED)
        self._tokens: dict[str, tuple[sim.Account | None, int]] = {}
        """Token -> its account (None: public topics only), and when it was given."""
        self._messages = {"pro": sim.Rolling(300, 10 * _S), "classic": sim.Rolling(100, 10 * _S)}

    @staticmethod
    def read_depth(message: dict[str, Any]) -> sim.DepthRows | None:
        """A push of the channel ``obu``."""
        if message.get("T") != "obu.SPOT":
            return None
        row = message["d"]
        return row["s"], message["t"] == "snapshot", row["b"], row["a"]

    @staticmethod
    def endpoints(http: str, ws: str) -> Mapping[str, str | None]:
        """The Classic socket has a token in its address, the Pro socket none; orders go over REST."""
        return {"rest": http, "ws_public": ws, "ws_private": ws, "ws_trade": None}

    # --- REST -------------------------------------------------------------------------------------------------------

    def http(self, request: sim.Request, now_ns: int) -> sim.Reply:
        headers: dict[str, str] = {}
        try:
            route, inside = self._calls.route(request.method, request.path)
            route = sim.found(route, "404000", "URL Not Found")
            account = self._signed(request, now_ns) if route.signed else None
            if isinstance(route.limit, sim.Window) and isinstance(route.cost, int):
                name = account.name if account else "ip"
                fits = route.limit.add(name, route.cost, now_ns)
                headers = _budget(route.limit, name, now_ns)
                sim.refuse(not fits, *_TOO_MANY, 429)
            params = _body(request) if request.method == "POST" else dict(parse_qsl(request.query))
            data = route.handler(sim.SimCall(params | inside, account, now_ns, self._facts, wire.wrong))
        except sim.Refused as refused:
            return _problem(wire.problem(refused), headers)
        except sim.Problem as problem:
            return _problem(problem, headers)
        return _reply(200, {"code": "200000", "data": data}, headers)

    def limited(self, now_ns: int, retry_ns: int) -> sim.Reply:
        """HTTP 429 with the rest of the window in ms."""
        reset = str(max(retry_ns // wire.MS, 1))
        left = {"gw-ratelimit-limit": "4000", "gw-ratelimit-remaining": "0", "gw-ratelimit-reset": reset}
        return _problem(sim.Problem(*_TOO_MANY, 429), left)

    def busy(self, now_ns: int) -> sim.Reply:
        """500000 says nothing about the request."""
        return _problem(sim.Problem("500000", "Internal Server Error", 500), {})

    def banned(self, now_ns: int, retry_ns: int) -> sim.Reply:
        """The firewall in front blocks an address for 30 s (error 1015)."""
        return sim.Reply(403, b"<html><h1>Error 1015</h1>You are being rate limited</html>", {})

    def _signed(self, request: sim.Request, now_ns: int) -> sim.Account:
        """Authentication: time, method, path with the query as sent, and body; the passphrase is signed too."""
        given = {name: request.headers.get(f"kc-api-{name}", "") for name in _HEADERS}
        sim.refuse(not all(given.values()), "400001", "Please check the header of your request for KC-API-KEY, ...")
        stamp = given["timestamp"]
        late = not _DIGITS.fullmatch(stamp) or abs(int(stamp) * wire.MS - now_ns) > _SKEW_NS
        sim.refuse(late, "400002", "KC-API-TIMESTAMP Invalid")
        text = f"{stamp}{request.method}{request.target}".encode() + request.body
        known = sim.found(self._exchange.by_key(given["key"]), *_REFUSED["key"])
        mac = base64.b64encode(hmac.digest(known.secret.encode(), known.passphrase.encode(), "sha256")).decode()
        sim.refuse(not hmac.compare_digest(given["passphrase"], mac), "400004", "Invalid KC-API-PASSPHRASE")
        return self._door.account(given["key"], text, given["sign"])

    def _token(self, call: sim.SimCall) -> dict[str, Any]:
        """Get Private Token, Get Public Token. The host here is the one that the client was told."""
        if self._exchange.strikes("login"):
            raise sim.Problem(*_TOO_MANY, 429)
        token = f"sim-token-{len(self._tokens)}-{call.account.uid if call.account else 'public'}"
        self._tokens[token] = call.account, call.now_ns
        server = {"endpoint": "wss://ws-api-spot.kucoin.com/", "encrypt": True, "protocol": "websocket"}
        return {"token": token, "instanceServers": [server | {"pingInterval": 18_000, "pingTimeout": 10_000}]}

    # --- WebSocket --------------------------------------------------------------------------------------------------

    def connect(self, conn: int, target: str, headers: Mapping[str, str], now_ns: int) -> sim.Reply | None:
        path, _, query = target.partition("?")
        if path not in ("", "/"):
            return sim.Reply(404, b"")
        given = dict(parse_qsl(query))
        classic = "token" in given
        account, since_ns = self._tokens.get(given.get("token", ""), (None, -_DAY_NS))
        state = self._conns.open(conn, "classic" if classic else "pro", self._facts, now_ns)
        # closed at about a minute without a message of the client
        self._conns.cut_idle(state, 60 * _S, now_ns, 1000 if classic else 1006)
        if not classic:
            state.pack = bytes  # each message is a binary frame
            state.tell({"message": "welcome", "pingInterval": 18_000}, "control")
        elif now_ns - since_ns >= _DAY_NS:
            state.tell({"id": given.get("connectId", ""), "type": "error", "code": 401, "data": "token is invalid"})
            self._wire.close(conn, 1000, "token is invalid")
        else:
            state.account = account
            state.tell({"id": given.get("connectId", ""), "type": "welcome"}, "control")
        return None

    def frame(self, conn: int, text: str, now_ns: int) -> None:
        state = self._conns[conn]
        state.alive_ns = now_ns
        pro = state.path == "pro"
        try:
            message = msgspec.json.decode(text, type=dict[str, Any])
        except msgspec.DecodeError:
            if not pro:  # the Pro socket ignores it
                state.tell({"id": "", "type": "error", "code": 400, "data": "message is not json"})
            return
        if not self._messages[state.path].add(str(conn), 1, now_ns):
            self._refuse(state, message, sim.Problem(509, "exceed max permits per second"))
        elif message.get("type") == "ping":
            pong = {"id": str(message.get("id", "")), "type": "pong"}
            state.tell(pong | {"ts": str(now_ns)} if pro else pong)
        else:
            self._request(state, message, now_ns)

    def _request(self, state: sim.Conn, message: dict[str, Any], now_ns: int) -> None:
        try:
            if now_ns < self._exchange.limited_until_ns:
                raise sim.Problem(509, "exceed max permits per second")
            asked = str(message.get("action", message.get("type", ""))).lower()
            if asked == "subscribe" and self._exchange.strikes("refuse", str(message)):
                raise sim.Problem(404, "topic is not found")
            if state.path == "pro":
                self._streams.change(state, message, now_ns)
            elif asked in ("subscribe", "unsubscribe"):
                self._streams.topic(state, message, now_ns)
            else:
                raise sim.Problem(400, f"type {asked} is not supported")
        except sim.Problem as problem:
            self._refuse(state, message, problem)

    def _refuse(self, state: sim.Conn, message: dict[str, Any], problem: sim.Problem) -> None:
        told: dict[str, Any] = {"id": str(message.get("id", ""))}
        if state.path == "pro":
            state.tell(told | {"result": False, "message": problem.msg})
        else:
            state.tell(told | {"type": "error", "code": problem.code, "data": problem.msg})

    # --- events -----------------------------------------------------------------------------------------------------


def _budget(window: sim.Window, name: str, now_ns: int) -> dict[str, str]:
    left = max(window.limit - window.used(name, now_ns), 0)
    told = {"limit": window.limit, "remaining": left, "reset": window.wait_ns(now_ns) // wire.MS}
    return {f"gw-ratelimit-{field}": str(value) for field, value in told.items()}


def _body(request: sim.Request) -> dict[str, Any]:
    if not request.body:
        return {}
    kind = request.headers.get("content-type", "")
    sim.refuse(not kind.startswith("application/json"), "415000", "Unsupported Media Type")
    try:
        return msgspec.json.decode(request.body, type=dict[str, Any])
    except msgspec.DecodeError:
        raise sim.Problem("400100", "the body is not json") from None


def _problem(problem: sim.Problem, headers: Mapping[str, str]) -> sim.Reply:
    return _reply(problem.status, {"code": problem.code, "msg": problem.msg}, headers)


def _reply(status: int, body: dict[str, Any], headers: Mapping[str, str]) -> sim.Reply:
    return sim.Reply(status, sim.encode(body), {"content-type": "application/json", **headers})
