"""The MEXC v3 spot dialect of the simulator: REST and binary WebSocket over a ``SimExchange``.

Rules name the section of the venue's documentation (www.mexc.com/api-docs/spot-v3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl

import msgspec

from arbkit import sim

from . import dialect_wire as wire
from .dialect_calls import Calls
from .dialect_streams import Streams

__all__ = ["MexcDialect"]

_S: Final = 1_000_000_000
_REFUSED: Final = {
    "key": (10072, "Api key info invalid", 400),
    "sign": (700002, "Signature for this request is not valid.", 400),
}
_TOO_MANY: Final = (429, "Too many requests")


class _Message(msgspec.Struct):
    """A client's message."""

    method: str
    params: list[str] = []
    id: int = 0


def _pair(base: str, quote: str, price: int, size: int, least: str) -> sim.Pair:
    """With so many decimals; the least size is one step, and there is no greatest one."""
    tick, lot = (Decimal(1).scaleb(-digits) for digits in (price, size))
    return sim.Pair(f"{base}-{quote}", base, quote, tick, lot, lot, Decimal(least), Decimal("Infinity"))


class MexcDialect(sim.BaseDialect):
    """See ``arbkit.sim.dialect.Dialect``."""

    venue: ClassVar[str] = "mexc"
    # Fees as exchangeInfo shows them. No page says what becomes of a second order with the same client id (accepted
    # here), or of a LIMIT_MAKER that would take (accepted and cancelled here).
    profile: ClassVar[sim.Profile] = sim.Profile(
        maker=Decimal(0),
        taker=Decimal("0.0005"),
        fee_decimals=12,
        client_ids="none",
        post_only_reports=True,
        band=sim.Band(buy_most=Decimal(5), sell_least=Decimal("0.2")),
        first_order_id=505_979_017_439_002_624,
        first_trade_id=698_165_549_569_396_736,
        pairs=(
            *(_pair(coin, "USDT", 2, digits, "1") for coin, digits in (("BTC", 6), ("ETH", 5), ("SOL", 3))),
            _pair("ETH", "BTC", 6, 4, "0.00001"),
        ),
    )

    def __init__(self, exchange: sim.SimExchange, out: sim.SimWire) -> None:
        super().__init__(exchange, out, wire.NOTATION)
        self._calls = Calls(self._facts)
        self._streams = Streams(self._facts, self._conns)
        self._door = sim.Door(exchange, "hex", _REFUSED)
        self._messages = sim.Rolling(100, _S)  # "WebSocket": 100 a second, above it is disconnected

    @staticmethod
    def read_depth(message: dict[str, Any]) -> sim.DepthRows | None:
        """A push of changes, as JSON."""
        body = message.get("publicAggreDepths")
        if not isinstance(body, dict):
            return None
        bids, asks = ([[one["price"], one["quantity"]] for one in body.get(side, ())] for side in ("bids", "asks"))
        return message["symbol"], False, bids, asks

    @staticmethod
    def endpoints(http: str, ws: str) -> Mapping[str, str | None]:
        """One host for REST and one for the sockets; orders go over REST."""
        return {"rest": http, "ws_public": ws, "ws_private": ws, "ws_trade": None}

    # --- REST -------------------------------------------------------------------------------------------------------

    def http(self, request: sim.Request, now_ns: int) -> sim.Reply:
        try:
            route = sim.found(self._calls.routes.get((request.method, request.path)), 404, "Not Found", 404)
            form = request.body.decode(errors="replace")
            params = dict(parse_qsl(f"{form}&{request.query}", keep_blank_values=True))  # the query is used first
            account, expire_ns = self._signed(request, form, params, now_ns) if route.signed else (None, 0)
            if route.limit is not None:
                cost = route.cost if isinstance(route.cost, int) else 1
                if not route.limit.add(account.name if account else "ip", cost, now_ns):
                    return self.limited(now_ns, 10 * _S)
            call = sim.SimCall(params, account, now_ns, self._facts, wire.wrong, expire_ns=expire_ns)
            if route.trade:
                may = account is not None and account.settings.get("canTrade") is not False
                sim.refuse(not may, 700007, "No permission to access the endpoint.", 400)
            return _reply(200, route.handler(call))
        except sim.Refused as refused:
            problem = wire.problem(refused)
        except sim.Problem as found:
            problem = found
        return _reply(problem.status, {"code": problem.code, "msg": problem.msg})

    def limited(self, now_ns: int, retry_ns: int) -> sim.Reply:
        """HTTP 429 with ``Retry-After`` in seconds."""
        return _reply(429, dict(zip(("code", "msg"), _TOO_MANY, strict=True)), retry_ns)

    def busy(self, now_ns: int) -> sim.Reply:
        """5xx: the execution state is unknown."""
        return _reply(503, {"code": 503, "msg": "Service not available, please try again"})

    def banned(self, now_ns: int, retry_ns: int) -> sim.Reply:
        """HTTP 418: an address that went on after 429."""
        return _reply(418, {"code": 418, "msg": "Your IP is temporarily banned"}, retry_ns)

    def _signed(
        self, request: sim.Request, form: str, params: Mapping[str, str], now_ns: int
    ) -> tuple[sim.Account, int]:
        """Query and body as sent, concatenated, without the signature; the account, and when the request ends."""
        kind = request.headers.get("content-type", "")
        if request.method != "GET":
            fits = kind.startswith(("application/json", "application/x-www-form-urlencoded"))
            sim.refuse(not fits, 700013, "Invalid content Type.", 400)
        key, given = request.headers.get("x-mexc-apikey", ""), params.get("signature", "")
        sim.refuse(not key, 400, "api key required", 400)
        sim.refuse(
            not given, 700004, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.", 400
        )
        account = self._door.account(key, f"{_unsigned(request.query)}{_unsigned(form)}".encode(), given)
        stamp, window = params.get("timestamp", ""), params.get("recvWindow", "") or "5000"
        for name, text in (("timestamp", stamp), ("recvWindow", window)):
            if not (text.isascii() and text.isdecimal() and len(text) < 17):
                raise wire.wrong(name, "invalid" if text else "missing")
        sim.refuse(int(window) > 60_000, 700005, "recvWindow must less than 60000", 400)
        end_ns = (int(stamp) + int(window)) * wire.MS
        fresh = int(stamp) * wire.MS < now_ns + _S and now_ns <= end_ns
        sim.refuse(not fresh, 700003, "Timestamp for this request is outside of the recvWindow.", 400)
        return account, end_ns

    # --- WebSocket --------------------------------------------------------------------------------------------------

    def connect(self, conn: int, target: str, headers: Mapping[str, str], now_ns: int) -> sim.Reply | None:
        path, _, query = target.partition("?")
        if path != "/ws":
            return sim.Reply(404, b"")
        state = self._conns.open(conn, "private" if query else "public", self._facts, now_ns)
        if query:
            key = dict(parse_qsl(query)).get("listenKey", "")
            state.account, _ = self._calls.holder(key, now_ns)
            if state.account is None or self._exchange.strikes("login"):
                self._invalid(conn)
                return None
            self._watch(conn, key, now_ns)
        # it ends after 30 s without a subscription, 60 s after the client's last message, and after 24 hours
        self._conns.cut_idle(state, 60 * _S, now_ns, 1000, "no message")
        self.timers.at(now_ns + 30 * _S, lambda now: self._unused(conn))
        self.timers.at(now_ns + 86_400 * _S, lambda now: self._wire.close(conn, 1001, "24 hours"))
        return None

    def _invalid(self, conn: int) -> None:
        self._wire.send(conn, "Invalid listen key")
        self._wire.close(conn, 1000, "Invalid listen key")

    def _watch(self, conn: int, key: str, now_ns: int) -> None:
        """A connection ends with its key. It is looked at when the key would end, and each second for a DELETE."""
        account, until_ns = self._calls.holder(key, now_ns)
        if account is not None:
            self.timers.at(min(until_ns, now_ns + _S), lambda now: self._watch(conn, key, now))
        elif self._conns.get(conn) is not None:
            self._invalid(conn)

    def _unused(self, conn: int) -> None:
        if self._conns.get(conn) is not None and not self._streams.count(conn):
            self._wire.close(conn, 1000, "no subscription")

    def frame(self, conn: int, text: str, now_ns: int) -> None:
        state = self._conns[conn]
        if not self._messages.add(str(conn), 1, now_ns):
            self._wire.close(conn, 1008, "too many messages")
            return
        state.alive_ns = now_ns
        try:
            message = msgspec.json.decode(text, type=_Message)
        except msgspec.DecodeError:
            return  # an unknown message gets no answer
        if message.method in ("PING", "ping"):  # the page has PING; ccxt lives on the venue's sockets with ping
            state.tell({"id": 0, "code": 0, "msg": "PONG"})
        elif message.method in ("SUBSCRIPTION", "UNSUBSCRIPTION"):
            self._streams.change(state, message.method, message.params, message.id, now_ns)

    # --- events -----------------------------------------------------------------------------------------------------

    def reports(self, reports: Sequence[sim.Report], now_ns: int) -> None:
        self._streams.trades([report for report in reports if isinstance(report, sim.TradeReport)], now_ns)
        for report in reports:
            if isinstance(report, sim.OrderReport):
                self._streams.order(report, now_ns)
            elif isinstance(report, sim.BalanceReport):
                self._streams.balance(report, now_ns)


def _unsigned(raw: str) -> str:
    """A query or body without the signature, which is the last parameter."""
    head, found, _ = raw.rpartition("signature=")
    return head.removesuffix("&") if found else raw


def _reply(status: int, body: Any, retry_ns: int = 0) -> sim.Reply:
    headers = {"content-type": "application/json"}
    if retry_ns:
        headers["retry-after"] = str(-(-retry_ns // _S))
    return sim.Reply(status, sim.encode(body), headers)
