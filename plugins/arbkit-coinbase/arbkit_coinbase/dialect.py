"""The Coinbase Advanced Trade dialect of the simulator: REST, public and private WebSocket over a ``SimExchange``.

Rules name the page of docs.cdp.coinbase.com.
"""

from __future__ import annotations

import binascii
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl

import msgspec

from arbkit import sim

from . import dialect_wire as wire
from .dialect_calls import Calls, params
from .dialect_streams import Streams

__all__ = ["CoinbaseDialect"]

_JSON: Final = {"content-type": "application/json"}
_TEXT: Final = {"content-type": "text/plain"}
_ISSUERS: Final = ("cdp", "coinbase-cloud")
"""The second one is in older pages and samples, and in ccxt."""
_LEEWAY_S: Final = 1
"""Of the times in a token; the pages name none."""
_LIFE_S: Final = 120
_BASES: Final = ("BTC", "ETH")
_LOT: Final = Decimal("0.00000001")
_PATHS: Final = {"/ws/market": "market", "/ws/user": "user"}


class _Message(msgspec.Struct):
    """A client's message."""

    type: str
    channel: str = ""
    product_ids: list[str] = []
    jwt: str = ""


class CoinbaseDialect(sim.BaseDialect):
    """See ``arbkit.sim.dialect.Dialect``."""

    venue: ClassVar[str] = "coinbase"
    # the lowest tier of 2026; fees in the quote currency. Create order: an id that is not unique makes no order.
    profile: ClassVar[sim.Profile] = sim.Profile(
        pairs=tuple(sim.Pair(f"{base}-USDT", base, "USDT", Decimal("0.01"), _LOT, _LOT, Decimal(1)) for base in _BASES),
        maker=Decimal("0.006"),
        taker=Decimal("0.012"),
        fee_asset="quote",
        fee_decimals=12,
        es256=True,
        ed25519=True,
        client_ids="always",
        stp="taker",
        first_trade_id=833_140_000,
        first_order_id=7_204_000_000_000_000,
    )

    def __init__(self, exchange: sim.SimExchange, out: sim.SimWire) -> None:
        super().__init__(exchange, out, wire.NOTATION)
        self._calls = Calls(self._facts)
        self._streams = Streams(self._facts, self._conns)
        # balances are not told, and what changed of products neither
        self._tells = {sim.TradeReport: self._streams.trade, sim.OrderReport: self._streams.order}
        # WebSocket Rate Limits: both by address
        self._dials, self._messages = sim.Window(8, wire.S), sim.Window(8, wire.S)

    @staticmethod
    def read_depth(message: dict[str, Any]) -> sim.DepthRows | None:
        """A message of ``level2``."""
        if message.get("channel") != "l2_data":
            return None
        event = message["events"][0]
        sides: dict[str, list[list[str]]] = {"bid": [], "offer": []}
        for level in event["updates"]:
            sides[level["side"]].append([level["price_level"], level["new_quantity"]])
        return event["product_id"], event["type"] == "snapshot", sides["bid"], sides["offer"]

    @staticmethod
    def endpoints(http: str, ws: str) -> Mapping[str, str | None]:
        """Two hosts of sockets, here two paths; orders go over REST."""
        return {"rest": http, "ws_public": f"{ws}/ws/market", "ws_private": f"{ws}/ws/user", "ws_trade": None}

    # --- REST -------------------------------------------------------------------------------------------------------

    def http(self, request: sim.Request, now_ns: int) -> sim.Reply:
        try:
            route, inside = sim.found(self._calls.route(request.method, request.path), "NOT_FOUND", "Not Found", 404)
            account = self._signed(request, now_ns) if route.signed else None
            if route.trade and account is not None and not account.settings.get("can_trade", True):
                raise sim.Problem("PERMISSION_DENIED", "Missing required scopes", 403)
            given = {**params(parse_qsl(request.query, keep_blank_values=True)), **inside}
            call = sim.SimCall(given, account, now_ns, self._facts, wire.wrong, body=_body(request))
            key = "ip" if route.by == "ip" else call.owner
            throttled = route.limit is not None and not route.limit.add(key, 1, now_ns)
            sim.refuse(throttled, "rate_limit_exceeded", "Too many requests", 429)
            return sim.Reply(200, sim.encode(route.handler(call)), dict(_JSON))
        except sim.Problem as problem:
            if problem.status == 401:
                return sim.Reply(401, b"Unauthorized\n", dict(_TEXT))
            body, status = wire.problem(problem)
            return sim.Reply(status, sim.encode(body), dict(_JSON))

    def limited(self, now_ns: int, retry_ns: int) -> sim.Reply:
        """Without a waiting time."""
        body, status = wire.problem(sim.Problem("rate_limit_exceeded", "Too many requests", 429))
        return sim.Reply(status, sim.encode(body), dict(_JSON))

    def busy(self, now_ns: int) -> sim.Reply:
        """The web server in front."""
        return sim.Reply(503, b"<html><h1>503 Service Unavailable</h1></html>", {"content-type": "text/html"})

    def banned(self, now_ns: int, retry_ns: int) -> sim.Reply:
        """The pages know no ban: 403 of the web server in front."""
        return sim.Reply(403, b"<html><h1>403 Forbidden</h1></html>", {"content-type": "text/html"})

    def _signed(self, request: sim.Request, now_ns: int) -> sim.Account:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        sim.refuse(kind != "Bearer", "", "Unauthorized", 401)
        account, claims = self._bearer(token, now_ns)
        # "uri": method, host and path without the query
        method, _, target = str(claims.get("uri", "")).partition(" ")
        sim.refuse(method != request.method or not target.endswith(request.path), "", "Unauthorized", 401)
        return account

    def _bearer(self, token: str, now_ns: int) -> tuple[sim.Account, dict[str, Any]]:
        """The account whose key signed the token, and what the token claims (API key authentication)."""
        try:
            head, claims, sign = token.split(".")
            header, said = (msgspec.json.decode(_decoded(part), type=dict[str, Any]) for part in (head, claims))
            signature = _decoded(sign)
            begins, ends = int(said["nbf"]), int(said["exp"])
        except (ValueError, KeyError, TypeError, binascii.Error, msgspec.MsgspecError):
            raise sim.Problem("", "Unauthorized", 401) from None
        key, payload = str(header.get("kid", "")), f"{head}.{claims}"
        account = sim.found(self._exchange.by_key(key), "", "Unauthorized", 401)
        second = account.ed25519
        if second is not None and key == second.key:
            good = header.get("alg") == "EdDSA" and second.good(payload, b64encode(signature).decode())
        else:
            es256 = account.es256
            good = header.get("alg") == "ES256" and es256 is not None and es256.good(payload.encode(), signature)
        now = now_ns / wire.S
        timely = begins - _LEEWAY_S <= now <= ends + _LEEWAY_S and ends - begins <= _LIFE_S
        known = said.get("iss") in _ISSUERS and said.get("sub") == key and bool(header.get("nonce"))
        sim.refuse(not (good and timely and known), "", "Unauthorized", 401)
        return account, said

    # --- WebSocket --------------------------------------------------------------------------------------------------

    def connect(self, conn: int, target: str, headers: Mapping[str, str], now_ns: int) -> sim.Reply | None:
        limited = not self._dials.add("ip", 1, now_ns)
        name = _PATHS.get(target.partition("?")[0])
        if limited or name is None:
            return sim.Reply(429 if limited else 404, b"")
        state = self._conns.open(conn, name, self._facts, now_ns)
        # WebSocket Overview: closed if nothing is subscribed within 5 s; Channels: closed after 60 to 90 s without data
        self.timers.at(now_ns + 5 * wire.S, lambda now: self._idle(state))
        self._conns.cut_idle(state, 90 * wire.S, now_ns, 1000)
        return None

    def _idle(self, state: sim.Conn) -> None:
        if self._conns.get(state.id) is state and not self._streams.used(state.id):
            self._wire.close(state.id, 1008, "no subscribe message")

    def frame(self, conn: int, text: str, now_ns: int) -> None:
        state = self._conns[conn]
        try:
            message = msgspec.json.decode(text, type=_Message)
            sim.refuse(message.type not in ("subscribe", "unsubscribe"), "", "invalid message type")
            limited = now_ns < self._exchange.limited_until_ns
            if not message.jwt:
                limited = not self._messages.add("ip", 1, now_ns) or limited
            sim.refuse(limited, "", "rate limit exceeded")
            self._authenticate(state, message, now_ns)
            if message.type == "subscribe" and self._exchange.strikes("refuse", text):
                raise sim.Problem("", "internal error")
            self._streams.change(state, message.type, message.channel, message.product_ids, now_ns)
        except (msgspec.DecodeError, msgspec.ValidationError):
            state.tell({"type": "error", "message": "malformed message"})
        except sim.Problem as problem:
            state.tell({"type": "error", "message": problem.msg})
            if problem.code == "close":
                self._wire.close(conn, 1008, problem.msg)

    def _authenticate(self, state: sim.Conn, message: _Message, now_ns: int) -> None:
        """A token counts for its message. Only ``user`` needs one; its endpoint has no channels of the market."""
        public = message.channel not in ("user", "futures_balance_summary", "heartbeats")
        sim.refuse(state.path == "user" and public, "", f"channel {message.channel} is not supported")
        if not message.jwt and message.channel == "user":
            raise sim.Problem("close", "authentication failure: a jwt is required")
        if message.jwt:
            try:
                sim.refuse(message.channel == "user" and self._exchange.strikes("login"), "", "")
                state.account, _ = self._bearer(message.jwt, now_ns)
            except sim.Problem:
                raise sim.Problem("close", "authentication failure") from None

    # --- events -----------------------------------------------------------------------------------------------------


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _body(request: sim.Request) -> Any:
    if request.method != "POST":
        return None
    try:
        return msgspec.json.decode(request.body)
    except msgspec.DecodeError:
        raise sim.Problem("INVALID_ARGUMENT", "invalid JSON", 400) from None
