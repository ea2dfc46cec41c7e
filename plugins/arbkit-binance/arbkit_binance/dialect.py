"""The Binance spot dialect of the simulator: REST, market streams and the WS API over a ``SimExchange``.

Rules name the page of the venue's documentation (github.com/binance/binance-spot-api-docs).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl

from arbkit import sim

from . import dialect_wire as wire
from .dialect_api import Api, Door
from .dialect_calls import Calls
from .dialect_orders import Orders
from .dialect_streams import Streams

__all__ = ["BinanceDialect"]

_IP: Final = "ip"
_S: Final = 1_000_000_000


class BinanceDialect:
    """See ``arbkit.sim.dialect.Dialect``."""

    venue: ClassVar[str] = "binance"
    # rest-api.md, "newClientOrderId": unique among open orders only. Fees: tier 0, off the received asset.
    profile: ClassVar[sim.Profile] = sim.Profile(
        maker=Decimal("0.001"),
        taker=Decimal("0.001"),
        special={"USDC": (Decimal("0.001"), Decimal("0.00095"))},
        fee_decimals=8,
        client_ids="open",
        ed25519=True,
        band=sim.Band(Decimal(5), Decimal("0.2"), Decimal("0.2"), Decimal(5)),
        fee_discount=Decimal("0.75"),
        first_order_id=30_000_000_000,
        first_trade_id=4_000_000_000,
    )

    def __init__(self, exchange: sim.SimExchange, out: sim.SimWire) -> None:
        self.timers = sim.Timers()
        self._wire = out
        self._facts = {div: sim.Facts(exchange, wire.notation(div)) for div in (wire.MS, 1000)}
        """By nanoseconds per unit of time: milliseconds or microseconds."""
        self._orders = Orders(exchange)
        self._calls = Calls(exchange, self._orders)
        self._door = Door(exchange)
        self._conns = sim.Conns(out, self.timers)
        self._api = Api(exchange, self._conns, self._door, self._calls, self._orders)
        self._streams = Streams(exchange, self._conns)
        self._attempts = sim.Window(300, 300 * _S)

    @staticmethod
    def read_depth(message: dict[str, Any]) -> sim.DepthRows | None:
        """A diff depth event, combined or raw."""
        data = message.get("data", message)
        if not isinstance(data, dict) or data.get("e") != "depthUpdate":
            return None
        return data["s"], False, data["b"], data["a"]

    @staticmethod
    def write_depth(native: str, number: int, bids: sim.Rows, asks: sim.Rows, ms: int) -> str:
        """A combined diff depth event with one update id."""
        data = {"e": "depthUpdate", "E": ms, "s": native, "U": number, "u": number, "b": bids, "a": asks}
        return json.dumps({"stream": f"{native.lower()}@depth@100ms", "data": data}, separators=(",", ":"))

    @staticmethod
    def write_snapshot(number: int, bids: sim.Rows, asks: sim.Rows) -> str:
        """The answer of the REST depth endpoint."""
        return json.dumps({"lastUpdateId": number, "bids": bids, "asks": asks})

    @staticmethod
    def endpoints(http: str, ws: str) -> Mapping[str, str | None]:
        """One host; market streams use the paths ``/ws`` and ``/stream``, the WS API ``/ws-api/v3``."""
        return {"rest": http, "ws_public": ws, "ws_private": ws, "ws_trade": ws}

    # --- REST -------------------------------------------------------------------------------------------------------

    def http(self, request: sim.Request, now_ns: int) -> sim.Reply:
        facts = self._facts[_div(request.headers.get("x-mbx-time-unit", ""))]
        route = self._calls.rest.get((request.method, request.path))
        account: sim.Account | None = None
        retry_ns = 0
        try:
            if request.path == "/api/v3/userDataStream":
                # CHANGELOG 2026-02-20: listen keys of spot were removed
                raise sim.Problem(-1000, "This endpoint has been retired; use the WebSocket API.", 410)
            if route is None:
                raise sim.Problem(-1000, "No such endpoint.", 404)
            self._door.enter(now_ns)
            form = request.body.decode(errors="replace")
            given = parse_qsl(f"{request.query}&{form}", keep_blank_values=True)
            params = dict(given)
            sim.refuse(len(params) < len(given), -1101, "Duplicate values for a parameter detected.", 400)
            if route.signed:
                payload = _unsigned(request.query) + _unsigned(form)
                account = self._door.signed(request.headers.get("x-mbx-apikey", ""), params, payload, now_ns)
            status, body = 200, self._door.run(route, sim.SimCall(params, account, now_ns, facts, wire.wrong))
        except sim.Problem as problem:
            status, body = problem.status, {"code": problem.code, "msg": problem.msg}
            if "retryAfter" in problem.more:
                retry_ns = problem.more["retryAfter"] * wire.MS - now_ns
        return self._reply(status, body, now_ns, retry_ns, account if route is not None and route.trade else None)

    def limited(self, now_ns: int, retry_ns: int) -> sim.Reply:
        said = "Too many requests; current limit is 6000 request weight per 1 MINUTE."
        return self._reply(429, {"code": -1003, "msg": said}, now_ns, retry_ns)

    def busy(self, now_ns: int) -> sim.Reply:
        """errors.md: -1008 with HTTP 503."""
        said = "Server is currently overloaded with other requests. Please try again in a few minutes."
        return self._reply(503, {"code": -1008, "msg": said}, now_ns)

    def banned(self, now_ns: int, retry_ns: int) -> sim.Reply:
        """limits.md: 418 with the time when the ban ends."""
        said = f"Way too much request weight used; IP banned until {(now_ns + retry_ns) // wire.MS}."
        return self._reply(418, {"code": -1003, "msg": said}, now_ns, retry_ns)

    def _reply(
        self, status: int, body: Any, now_ns: int, retry_ns: int = 0, account: sim.Account | None = None
    ) -> sim.Reply:
        """limits.md: the used weight, the unfilled orders of an order write, and ``Retry-After`` in seconds."""
        used = str(self._door.used(now_ns))
        headers = {"content-type": "application/json;charset=UTF-8"}
        headers |= {"x-mbx-used-weight": used, "x-mbx-used-weight-1m": used}
        if retry_ns:
            headers["retry-after"] = str(-(-retry_ns // _S))
        if account is not None:
            ten, day = (str(window.used(account.name, now_ns)) for window in self._orders.windows)
            headers |= {"x-mbx-order-count-10s": ten, "x-mbx-order-count-1d": day}
        return sim.Reply(status, sim.encode(body), headers)

    # --- WebSocket --------------------------------------------------------------------------------------------------

    def connect(self, conn: int, target: str, headers: Mapping[str, str], now_ns: int) -> sim.Reply | None:
        # web-socket-streams.md: 300 connection attempts in 5 minutes from one address
        if not self._attempts.add(_IP, 1, now_ns):
            return self.limited(now_ns, self._attempts.wait_ns(now_ns))
        path, _, query = target.partition("?")
        options = dict(parse_qsl(query, keep_blank_values=True))
        facts = self._facts[_div(options.get("timeUnit", ""))]
        if path == "/ws-api/v3":
            try:
                self._door.enter(now_ns)
                self._door.spend(2, now_ns)  # general-information.md: opening a connection costs 2
            except sim.Problem as problem:
                return self.limited(now_ns, problem.more["retryAfter"] * wire.MS - now_ns)
            self._conns.open(conn, "api", facts, now_ns)
            self._api.connect(conn, options.get("returnRateLimits") != "false")
        elif path in ("/ws", "/stream") or path.startswith("/ws/"):
            combined = path == "/stream"
            state = self._conns.open(conn, "combined" if combined else "raw", facts, now_ns)
            if not self._streams.connect(state, options.get("streams", "") if combined else path[4:], now_ns):
                self._conns.closed(conn)
                return sim.Reply(400, b"")
        else:
            return sim.Reply(404, b"")
        # web-socket-streams.md: a ping every 20 seconds, a pong within a minute, and the connection ends after 24 hours
        self.timers.at(now_ns + 20 * _S, lambda now: self._ping(conn, now))
        self.timers.at(now_ns + 86_400 * _S, lambda now: self._wire.close(conn, 1001, "24 hours"))
        return None

    def closed(self, conn: int, now_ns: int) -> None:
        self._conns.closed(conn)

    def frame(self, conn: int, text: str, now_ns: int) -> None:
        state = self._conns[conn]
        (self._api if state.path == "api" else self._streams).frame(state, text, now_ns)

    def _ping(self, conn: int, now_ns: int) -> None:
        if self._conns.get(conn) is not None:
            self._wire.ping(conn, 60 * _S)
            self.timers.at(now_ns + 20 * _S, lambda now: self._ping(conn, now))

    def reports(self, reports: Sequence[sim.Report], now_ns: int) -> None:
        self._streams.trades([report for report in reports if isinstance(report, sim.TradeReport)], now_ns)
        for report in reports:
            match report:
                case sim.TopReport():
                    self._streams.top(report)
                case sim.OrderReport():
                    self._api.order(report, now_ns)
                case sim.BalanceReport():
                    self._api.balance(report, now_ns)


def _div(unit: str) -> int:
    """Nanoseconds per unit of time, by the word with which a client asks for microseconds."""
    return 1000 if unit.upper() == "MICROSECOND" else wire.MS


def _unsigned(raw: str) -> str:
    """A query or body without its signature, which is the last parameter (request-security.md)."""
    head, found, _ = raw.rpartition("signature=")
    return head.removesuffix("&") if found else raw
