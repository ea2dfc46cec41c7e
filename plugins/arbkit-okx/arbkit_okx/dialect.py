"""The OKX v5 spot dialect of the simulator: REST, public and private WebSocket over a ``SimExchange``.

Rules name the section of the venue's documentation (www.okx.com/docs-v5/en).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl

import msgspec

from arbkit import sim

from . import dialect_wire as wire
from .dialect_calls import Calls
from .dialect_orders import OPS, Orders
from .dialect_streams import Streams, error, event

__all__ = ["OkxDialect"]

_S: Final = 1_000_000_000
_JSON: Final = {"content-type": "application/json"}
_STAMP: Final = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WINDOW_NS: Final = 30 * _S
"""REST Authentication and Login: a timestamp may be 30 seconds off."""
_REST: Final = {
    "key": ("50111", "Invalid OK-ACCESS-KEY", 401),
    "passphrase": ("50105", "Request header OK-ACCESS-PASSPHRASE incorrect.", 401),
    "sign": ("50113", "Invalid Sign", 401),
}
_LOGIN: Final = {
    "key": ("60005", "Invalid apiKey"),
    "passphrase": ("60024", "Wrong passphrase"),
    "sign": ("60007", "Invalid sign"),
}
_PATHS: Final = {f"/ws/v5/{name}": name for name in ("public", "private", "business")}


class _Message(msgspec.Struct, rename={"expire": "expTime"}):
    """A client's frame."""

    op: str
    args: list[dict[str, Any]] = []
    id: str = ""
    expire: str = ""


class OkxDialect(sim.BaseDialect):
    """See ``arbkit.sim.dialect.Dialect``."""

    venue: ClassVar[str] = "okx"
    # Get fee rates: Lv1, off the received asset. Place order: clOrdId is unique among live orders; post_only that
    # would take is accepted and canceled; stpMode is cancel_maker. Get instruments: no minimum notional on spot.
    profile: ClassVar[sim.Profile] = sim.Profile(
        maker=Decimal("0.0008"),
        taker=Decimal("0.001"),
        special={quote: (Decimal("0.001"), Decimal("0.0015")) for quote in ("BNB", "ETH")},  # "special" pairs
        fee_decimals=12,
        client_ids="open",
        post_only_reports=True,
        stp="maker",
        band=sim.Band(buy_most=Decimal("1.05"), sell_least=Decimal("0.95")),
        first_order_id=2_510_789_768_709_120_000,
        first_trade_id=600_000_000,
        pairs=(
            sim.Pair("BTC-USDT", "BTC", "USDT", Decimal("0.1"), Decimal("0.00000001"), Decimal("0.00001")),
            sim.Pair("ETH-USDT", "ETH", "USDT", Decimal("0.01"), Decimal("0.000001"), Decimal("0.001")),
            sim.Pair("SOL-USDT", "SOL", "USDT", Decimal("0.01"), Decimal("0.000001"), Decimal("0.01")),
            sim.Pair("ETH-BTC", "ETH", "BTC", Decimal("0.00001"), Decimal("0.000001"), Decimal("0.001")),
        ),
    )

    def __init__(self, exchange: sim.SimExchange, out: sim.SimWire) -> None:
        super().__init__(exchange, out, wire.NOTATION)
        self._rest, self._private = (sim.Door(exchange, "base64", refused) for refused in (_REST, _LOGIN))
        self._orders = Orders(exchange)
        self._calls = Calls(self._facts, self._orders, self.timers)
        self._streams = Streams(self._facts, self._calls, self._orders, self._conns)
        self._dials = sim.Window(3, _S)
        # "Connection": the total of subscribe, unsubscribe and login requests is 480 an hour, by connection
        self._requests = sim.Window(480, 3600 * _S)

    @staticmethod
    def read_depth(message: dict[str, Any]) -> sim.DepthRows | None:
        """A push of a ``books`` channel."""
        if not str(message.get("arg", {}).get("channel", "")).startswith("books") or "data" not in message:
            return None
        row = message["data"][0]
        return message["arg"]["instId"], message.get("action") == "snapshot", row["bids"], row["asks"]

    @staticmethod
    def endpoints(http: str, ws: str) -> Mapping[str, str | None]:
        """One host with the paths ``/api/v5/...``, ``/ws/v5/public`` and ``/ws/v5/private``. Orders use the private
        socket."""
        return {"rest": http, "ws_public": ws, "ws_private": ws, "ws_trade": ws}

    # --- REST -------------------------------------------------------------------------------------------------------

    def http(self, request: sim.Request, now_ns: int) -> sim.Reply:
        try:
            route = sim.found(self._calls.routes.get((request.method, request.path)), "404", "Not Found", 404)
            account = self._signed(request, now_ns) if route.signed else None
            params = dict(parse_qsl(request.query, keep_blank_values=True))
            expire_ns = _expiry(request.headers.get("exptime", ""))
            call = sim.SimCall(
                params, account, now_ns, self._facts, wire.wrong, body=_body(request), expire_ns=expire_ns
            )
            self._count(route, call)
            data = route.handler(call)
        except sim.Problem as problem:
            body = sim.encode({"code": problem.code, "data": [], "msg": problem.msg})
            return sim.Reply(problem.status, body, dict(_JSON))
        body = sim.encode(data if isinstance(data, dict) else {"code": "0", "data": data, "msg": ""})
        return sim.Reply(200, body, dict(_JSON))

    def limited(self, now_ns: int, retry_ns: int) -> sim.Reply:
        """Error Code: 50011 with HTTP 429, without a waiting time."""
        return sim.Reply(429, sim.encode({"code": "50011", "data": [], "msg": "Too Many Requests"}), dict(_JSON))

    def busy(self, now_ns: int) -> sim.Reply:
        """Error Code: 50013 with HTTP 429, systems are busy."""
        return sim.Reply(429, sim.encode({"code": "50013", "data": [], "msg": "Systems are busy."}), dict(_JSON))

    def banned(self, now_ns: int, retry_ns: int) -> sim.Reply:
        """The documentation knows no ban: 403 of the web server in front."""
        return sim.Reply(403, b"<html><h1>403 Forbidden</h1></html>", {"content-type": "text/html"})

    def _count(self, route: sim.Route, call: sim.SimCall) -> None:
        """Rate limits: per IP address for public calls, per user (some per user and instrument) for private ones."""
        if route.limit is None:
            return
        key = "ip" if route.by == "ip" else call.owner
        if route.by == "instrument":
            key += f":{call.text('instId')}"
        sim.refuse(not route.limit.add(key, 1, call.now_ns), "50011", "Too Many Requests", 429)

    def _signed(self, request: sim.Request, now_ns: int) -> sim.Account:
        """REST Authentication: signed are timestamp, method, path with query, and body."""
        given = {}
        for code, name in (("50103", "key"), ("50104", "passphrase"), ("50106", "sign"), ("50107", "timestamp")):
            given[name] = request.headers.get(f"ok-access-{name}", "")
            sim.refuse(not given[name], code, f'Request header "OK-ACCESS-{name.upper()}" can not be empty.', 401)
        stamp, sent = given["timestamp"], None
        if _STAMP.match(stamp):
            with suppress(ValueError):
                sent = datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%f%z")
        sent = sim.found(sent, "50112", "Invalid OK-ACCESS-TIMESTAMP", 401)
        off_ns = (sent - _EPOCH) // timedelta(milliseconds=1) * wire.MS - now_ns
        sim.refuse(abs(off_ns) > _WINDOW_NS, "50102", "Timestamp request expired", 401)
        # Demo Trading Services: its keys are others
        demo = request.headers.get("x-simulated-trading") == "1" and self._exchange.by_key(given["key"]) is not None
        sim.refuse(demo, "50101", "APIKey does not match current environment.", 401)
        payload = f"{stamp}{request.method}{request.target}".encode() + request.body
        return self._rest.account(given["key"], payload, given["sign"], given["passphrase"])

    # --- WebSocket --------------------------------------------------------------------------------------------------

    def connect(self, conn: int, target: str, headers: Mapping[str, str], now_ns: int) -> sim.Reply | None:
        path = _PATHS.get(target.partition("?")[0])
        if path is None:
            return sim.Reply(404, b"")
        if not self._dials.add("ip", 1, now_ns):  # Connect: 3 connections a second from one address
            return sim.Reply(429, b"")
        # Connect: closed if nothing was sent to the client for 30 seconds; "ping" is answered by "pong"
        state = self._conns.open(conn, path, self._facts, now_ns)
        self._conns.cut_idle(state, 30 * _S, now_ns, 4004, "No data received in 30s")
        return None

    def frame(self, conn: int, text: str, now_ns: int) -> None:
        state = self._conns[conn]
        if text == "ping":
            state.alive_ns = now_ns
            self._wire.send(conn, "pong")
            return
        ref = ""
        try:
            loose = msgspec.json.decode(text)
            if isinstance(loose, dict) and isinstance(loose.get("id"), str):
                ref = loose["id"]
            message = msgspec.convert(loose, _Message)
        except (msgspec.DecodeError, msgspec.ValidationError):
            message = None
        if message is None or (ref and not wire.ID.fullmatch(ref)) or len(text) > 65_536:
            error(state, sim.Problem("60012", f"Invalid request: {text}"), ref, now_ns)
        elif message.op in OPS:
            self._trade(state, message, now_ns)
        elif message.op in ("login", "subscribe", "unsubscribe") and message.args:
            self._control(state, message, now_ns)
        else:
            error(state, sim.Problem("60012", f"Invalid request: {text}"), ref, now_ns)

    def _control(self, state: sim.Conn, message: _Message, now_ns: int) -> None:
        try:
            if now_ns < self._exchange.limited_until_ns or not self._requests.add(str(state.id), 1, now_ns):
                raise sim.Problem("60014", "Requests too frequent.")
            if message.op == "login":
                self._login(state, message.args, now_ns)
                event(state, "login", message.id, now_ns, code="0", msg="")
                return
        except sim.Problem as problem:
            error(state, problem, message.id, now_ns)
            if message.op == "login" and state.account is None:
                self._wire.close(state.id, 4001, "Login failed")
            return
        for arg in message.args:  # one answer to each
            try:
                if message.op == "subscribe" and self._exchange.strikes("refuse", str(arg)):
                    raise sim.Problem("63999", "Internal system error")
                self._streams.change(state, message.op, message.id, arg, now_ns)
            except sim.Problem as problem:
                error(state, problem, message.id, now_ns)

    def _login(self, state: sim.Conn, args: Sequence[Mapping[str, Any]], now_ns: int) -> None:
        """Login: the timestamp in seconds; signed is timestamp + ``GET/users/self/verify``."""
        sim.refuse(state.account is not None, "60031", "This connection has already logged in.")
        names = ("apiKey", "passphrase", "timestamp", "sign")
        key, passphrase, stamp, sign = (str(args[0].get(name) or "") for name in names)
        sim.refuse(len(args) != 1 or not (key and passphrase and stamp and sign), "60009", "Login failed.")
        sim.refuse(not re.fullmatch(r"\d{10}", stamp, re.ASCII), "60004", "Invalid timestamp")
        sim.refuse(abs(int(stamp) * _S - now_ns) > _WINDOW_NS, "60006", "Timestamp request expired")
        sim.refuse(self._exchange.strikes("login"), "60032", "API key doesn't exist")
        state.account = self._private.account(key, f"{stamp}GET/users/self/verify".encode(), sign, passphrase)

    def _trade(self, state: sim.Conn, message: _Message, now_ns: int) -> None:
        """WS / Place order and similar: one answer with the client's id; the orders channel reports the changes."""
        body: dict[str, Any] = {"id": message.id, "op": message.op}
        try:
            sim.refuse(state.path != "private", "60018", "Wrong URL: orders go to the private channel.")
            if state.account is None:
                raise sim.Problem("60011", "Please log in")
            sim.refuse(now_ns < self._exchange.limited_until_ns, "60014", "Requests too frequent.")
            many = message.op.startswith("batch-")
            if not message.id or not message.args or (len(message.args) != 1 and not many):
                raise sim.Problem("60013", "Invalid args")
            expire_ns = 0 if "cancel" in message.op else _expiry(message.expire)
            call = sim.SimCall({}, state.account, now_ns, self._facts, wire.wrong, expire_ns=expire_ns)
            code, rows = self._orders.run(message.op, call, message.args, coded=True)
            if code != "1" and "cancel" not in message.op and self._exchange.strikes("overrun", message.op):
                raise sim.Problem("50011", "Too Many Requests", 429)
            body |= {"data": rows, "code": code, "msg": ""}
        except sim.Problem as problem:
            code = "60014" if problem.code == "50011" else problem.code
            body |= {"data": [], "code": code, "msg": problem.msg}
        at = str(now_ns // 1000)
        state.alive_ns = now_ns
        state.tell(body | {"inTime": at, "outTime": at})

    # --- events -----------------------------------------------------------------------------------------------------

    def reports(self, reports: Sequence[sim.Report], now_ns: int) -> None:
        for report in reports:
            match report:
                case sim.TopReport():
                    self._streams.top(report, now_ns)
                case sim.TradeReport():
                    self._streams.trade(report, now_ns)
                case sim.InstrumentReport():
                    self._streams.instrument(report.symbol, now_ns)
                case sim.OrderReport():
                    self._streams.order(report, now_ns)
                case sim.BalanceReport():
                    self._streams.balance(report, now_ns)


def _body(request: sim.Request) -> Any:
    if request.method != "POST":
        return None
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise sim.Problem("50006", "Invalid Content-Type, please use the application/json format", 400)
    try:
        return msgspec.json.decode(request.body)
    except msgspec.DecodeError:
        raise sim.Problem("50002", "JSON syntax error", 400) from None


def _expiry(value: str) -> int:
    """expTime in milliseconds; the request is dropped if the venue's clock is later."""
    if not value:
        return 0
    sim.refuse(not (value.isascii() and value.isdigit()), "51000", "Parameter expTime error", 400)
    return int(value) * wire.MS
