"""The Kraken spot dialect of the simulator: REST, public and private WebSocket v2 over a ``SimExchange``.

Rules name the page of the venue's documentation (docs.kraken.com/api/docs).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from decimal import Decimal
from hashlib import sha256
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl

import msgspec

from arbkit import sim

from . import dialect_wire as wire
from .dialect_calls import Calls
from .dialect_orders import Orders
from .dialect_streams import PRIVATE, Streams

__all__ = ["KrakenDialect"]

_JSON: Final = {"content-type": "application/json"}
_PATHS: Final = {"/v2": "public", "/auth/v2": "private"}
_REFUSED: Final = {"key": ("EAPI:Invalid key", ""), "sign": ("EAPI:Invalid signature", "")}
_INFINITE: Final = Decimal("Infinity")
"""AssetPairs has no largest size."""
_METHODS: Final = ("add_order", "cancel_order", "cancel_all")


class _Message(msgspec.Struct):
    """A client's frame."""

    method: str
    params: dict[str, Any] = {}
    req_id: int | None = None


_message: Final = msgspec.json.Decoder(_Message, float_hook=str)


def _pair(symbol: str, tick: str, lot: str, ordermin: str, costmin: str) -> sim.Pair:
    base, _, quote = symbol.partition("-")
    return sim.Pair(symbol, base, quote, Decimal(tick), Decimal(lot), Decimal(ordermin), Decimal(costmin), _INFINITE)


_PAIRS: Final = (
    _pair("BTC-USDT", "0.1", "0.00000001", "0.00001", "1"),
    _pair("ETH-USDT", "0.01", "0.00000001", "0.001", "0.5"),
    _pair("SOL-USDT", "0.01", "0.00000001", "0.02", "0.5"),
    _pair("ETH-BTC", "0.00001", "0.0000001", "0.001", "0.00002"),
)


class KrakenDialect(sim.BaseDialect):
    """See ``arbkit.sim.dialect.Dialect``."""

    venue: ClassVar[str] = "kraken"
    # Guide "spot-clordid": unique among open orders. add_order: stp_type is cancel_newest. The rates are the first ones
    # of the schedule of 2026-07-09 for stablecoin pairs (20 bps on both sides); others pay 40 and 80.
    profile: ClassVar[sim.Profile] = sim.Profile(
        Decimal("0.002"),
        Decimal("0.002"),
        dict.fromkeys(("BTC", "ETH"), (Decimal("0.004"), Decimal("0.008"))),
        fee_decimals=10,
        fee_asset="quote",
        stp="taker",
        first_order_id=7_000_000_001,
        first_trade_id=62_000_001,
        pairs=_PAIRS,
    )

    def __init__(self, exchange: sim.SimExchange, out: sim.SimWire) -> None:
        super().__init__(exchange, out, wire.NOTATION)
        self._door = sim.Door(exchange, "base64", _REFUSED, algorithm="sha512", decode=base64.b64decode)
        self._orders = Orders(exchange)
        self._calls = Calls(self._facts, self._orders)
        self._streams = Streams(self._facts, self._conns)
        self._nonces: dict[str, int] = {}
        # "Spot Websockets Introduction": about 150 connections in ten minutes from one address
        self._dials = sim.Rolling(150, 600 * wire.S)

    @staticmethod
    def read_depth(message: dict[str, Any]) -> sim.DepthRows | None:
        """A push of the ``book`` channel."""
        if message.get("channel") != "book" or "data" not in message:
            return None
        row = message["data"][0]
        bids, asks = ([[str(one["price"]), str(one["qty"])] for one in row[side]] for side in ("bids", "asks"))
        return row["symbol"], message.get("type") == "snapshot", bids, asks

    @staticmethod
    def endpoints(http: str, ws: str) -> Mapping[str, str | None]:
        """One host: ``/0/...`` is REST, ``/v2`` the public socket, ``/auth/v2`` the authenticated one."""
        private = f"{ws}/auth"
        return {"rest": http, "ws_public": ws, "ws_private": private, "ws_trade": private}

    # --- REST -------------------------------------------------------------------------------------------------------

    def http(self, request: sim.Request, now_ns: int) -> sim.Reply:
        try:
            result = self._run(request, now_ns)
        except (sim.Problem, sim.Refused) as error:
            return _reply({"error": [wire.refusal(error)]})
        return _reply({"error": [], "result": result})

    def _run(self, request: sim.Request, now_ns: int) -> Any:
        kind, _, name = request.path.removeprefix("/0/").partition("/")
        if kind == "public" and name in self._calls.public:
            params = dict(parse_qsl(request.query))
            return self._calls.public[name](sim.SimCall(params, None, now_ns, self._facts, wire.wrong))
        if kind != "private" or name not in self._calls.private or request.method != "POST":
            raise sim.Problem("EGeneral:Unknown method", "")
        handler, cost, permission = self._calls.private[name]
        params = _params(request)
        account = self._signed(request, str(params.get("nonce", "")))
        call = sim.SimCall(params, account, now_ns, self._facts, wire.wrong)
        self._calls.admit(call, cost, permission)
        return handler(call)

    def _signed(self, request: sim.Request, nonce: str) -> sim.Account:
        """Guide "spot-rest-auth": the path, and the SHA-256 of nonce and body. The nonce must rise."""
        key = request.headers.get("api-key", "")
        sim.refuse(self._exchange.by_key(key) is None, "EAPI:Invalid key", "")
        sim.refuse(not (nonce.isascii() and nonce.isdigit() and len(nonce) < 21), "EAPI:Invalid nonce", "")
        payload = request.path.encode() + sha256(nonce.encode() + request.body).digest()
        account = self._door.account(key, payload, request.headers.get("api-sign", ""))
        sim.refuse(int(nonce) <= self._nonces.get(key, 0), "EAPI:Invalid nonce", "")
        self._nonces[key] = int(nonce)
        return account

    def limited(self, now_ns: int, retry_ns: int) -> sim.Reply:
        """Spot REST Rate Limits: HTTP 200, without a waiting time."""
        return _reply({"error": ["EAPI:Rate limit exceeded"]})

    def busy(self, now_ns: int) -> sim.Reply:
        """Spot Error Messages: the engine or the API does not work."""
        return _reply({"error": ["EService:Unavailable"]})

    def banned(self, now_ns: int, retry_ns: int) -> sim.Reply:
        """The documentation knows a ban by Cloudflare only, in front of the venue."""
        return sim.Reply(429, b"<html>error code: 1015</html>", {"content-type": "text/html"})

    # --- WebSocket --------------------------------------------------------------------------------------------------

    def connect(self, conn: int, target: str, headers: Mapping[str, str], now_ns: int) -> sim.Reply | None:
        path = _PATHS.get(target.partition("?")[0])
        if path is None:
            return sim.Reply(404, b"")
        if not self._dials.add("ip", 1, now_ns):
            return self.banned(now_ns, 0)
        state = self._conns.open(conn, path, self._facts, now_ns)
        self._conns.cut_idle(state, 60 * wire.S, now_ns, 1000, "idle")
        row = {"version": "2.0.10", "system": "online", "api_version": "v2", "connection_id": conn}
        state.tell({"channel": "status", "type": "update", "data": [row]}, "control")
        self.timers.every(wire.S, lambda now: self._beat(state, now), now_ns)
        return None

    def _beat(self, state: sim.Conn, now_ns: int) -> None:
        """Heartbeat: about once a second, in the absence of other updates."""
        if self._conns.get(state.id) is state and self._streams.busy(state.id) and now_ns - state.alive_ns >= wire.S:
            state.alive_ns = now_ns
            state.tell({"channel": "heartbeat"}, "control")

    def frame(self, conn: int, text: str, now_ns: int) -> None:
        state = self._conns[conn]
        at = {"time_in": wire.iso(now_ns), "time_out": wire.iso(now_ns)}
        try:
            message = _message.decode(text)
        except (msgspec.DecodeError, msgspec.ValidationError):
            state.tell({"error": "Malformed request", "success": False, **at})
            return
        answer: dict[str, Any] = {"method": message.method, **at}
        if message.req_id is not None:
            answer["req_id"] = message.req_id
        try:
            if message.method == "ping":
                state.alive_ns = now_ns
                state.tell(answer | {"method": "pong"})
            elif message.method in ("subscribe", "unsubscribe"):
                self._subscribe(state, message, answer, now_ns)
            elif message.method in _METHODS:
                self._trade(state, message, answer, now_ns)
            else:
                raise sim.Problem("Unsupported method", "")
        except (sim.Problem, sim.Refused) as error:
            state.tell(answer | {"success": False, "error": wire.refusal(error)})

    def _subscribe(self, state: sim.Conn, message: _Message, answer: dict[str, Any], now_ns: int) -> None:
        sim.refuse(now_ns < self._exchange.limited_until_ns, "EGeneral:Too many requests", "")
        wanted = message.params
        if message.method == "subscribe" and self._exchange.strikes("refuse", str(wanted)):
            raise sim.Problem("EService:Busy", "")
        if wanted.get("channel") in PRIVATE and state.path == "private":
            self._enter(state, wanted, now_ns)
        self._streams.change(state, message.method, wanted, answer, now_ns)

    def _enter(self, state: sim.Conn, params: Mapping[str, Any], now_ns: int) -> None:
        """Guide "spot-ws-auth": each request has the token."""
        kept = any(self._streams.has(state.id, channel) for channel in PRIVATE)
        account = self._calls.holder(str(params.get("token", "")), now_ns, kept)
        state.account = sim.found(account, "ESession:Invalid session", "")

    def _trade(self, state: sim.Conn, message: _Message, answer: dict[str, Any], now_ns: int) -> None:
        sim.refuse(state.path != "private", "Private data and trading are unavailable on this endpoint", "")
        self._enter(state, message.params, now_ns)
        sim.refuse(now_ns < self._exchange.limited_until_ns, "EOrder:Rate limit exceeded", "")
        state.alive_ns = now_ns
        params = {name: str(one) if type(one) is int else one for name, one in message.params.items()}
        call = sim.SimCall(params, state.account, now_ns, self._facts, wire.wrong)
        if message.method == "add_order":
            order = self._orders.message(call)
            if self._exchange.strikes("overrun", message.method):
                raise sim.Problem("EOrder:Rate limit exceeded", "")
            result = {"order_id": str(order.id)} if order is not None else {}
            if call.text("cl_ord_id"):
                result["cl_ord_id"] = call.text("cl_ord_id")
            state.tell(answer | {"success": True, "result": result})
        elif message.method == "cancel_all":
            state.tell(answer | {"success": True, "result": {"count": self._orders.cancel_all(call)}})
        else:
            self._cancel(state, call, answer)

    def _cancel(self, state: sim.Conn, call: sim.SimCall, answer: dict[str, Any]) -> None:
        """cancel_order: one answer for each order."""
        given = [(name, one) for name in ("order_id", "cl_ord_id") for one in call.params.get(name) or ()]
        sim.refuse(not given, "EGeneral:Invalid arguments", "")
        for name, one in given:
            try:
                order = self._orders.cancel(call, *((str(one), "") if name == "order_id" else ("", str(one))))
            except (sim.Problem, sim.Refused) as error:
                state.tell(answer | {"success": False, "error": wire.refusal(error)})
                continue
            ids = {"order_id": str(order.id)} | ({"cl_ord_id": order.cl_ord_id} if name == "cl_ord_id" else {})
            state.tell(answer | {"success": True, "result": ids})

    # --- events -----------------------------------------------------------------------------------------------------

    def reports(self, reports: Sequence[sim.Report], now_ns: int) -> None:
        for report in reports:
            self._streams.report(report, now_ns)


def _reply(body: dict[str, Any]) -> sim.Reply:
    return sim.Reply(200, sim.encode(body), dict(_JSON))


def _params(request: sim.Request) -> dict[str, Any]:
    """A form, or JSON."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        return dict(parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True))
    try:
        body = msgspec.json.decode(request.body, type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise sim.Problem("EGeneral:Invalid arguments", "") from None
    return {name: str(one).lower() if isinstance(one, bool) else str(one) for name, one in body.items()}
