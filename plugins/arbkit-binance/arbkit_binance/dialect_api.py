"""Who may call the simulated Binance and how often, and the WS API with its sessions and user data stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import msgspec

from arbkit import sim

from . import dialect_wire as wire
from .dialect_calls import WEIGHT, Calls
from .dialect_orders import Orders, limit_row

__all__ = ["Api", "Door"]

_IP: Final = "ip"
_S: Final = 1_000_000_000
_BAN_AFTER: Final = 20
"""Number of requests after a 429 that lead to a ban. The venue does not document a number."""


# request-security.md
_REFUSED: Final = {
    "key": (-2015, "Invalid API-key, IP, or permissions for action.", 401),
    "sign": (-1022, "Signature for this request is not valid.", 400),
}


class Door:
    """The checks of REST and WS API. The methods raise the venue's errors."""

    def __init__(self, exchange: sim.SimExchange) -> None:
        self._door = sim.Door(exchange, "hex", _REFUSED)
        self._weight = sim.Window(WEIGHT[2], WEIGHT[3])
        self._defied = 0
        self._banned_until_ns = 0

    def run(self, route: sim.Route, call: sim.SimCall) -> Any:
        """Check the parameters and the permission, count the weight, and do the call."""
        _known(route, call)
        if route.trade and call.account is not None:
            # a key without the permission, and an account that was disabled (errors.md, "Messages for -2010")
            if not call.account.settings.get("enableSpotAndMarginTrading", True):
                raise sim.Problem(-2015, "Invalid API-key, IP, or permissions for action.", 401)
            if not call.account.settings.get("canTrade", True):
                raise sim.Problem(-2010, "This action is disabled on this account.", 400)
        weight = route.cost if isinstance(route.cost, int) else route.cost(call)
        if not route.trade:
            self.spend(weight, call.now_ns)
        try:
            return route.handler(call)
        except (sim.Problem, sim.Refused) as error:
            if route.trade:
                # CHANGELOG 2026-04-02: order writes that succeed cost nothing, those that fail their weight
                self.spend(weight, call.now_ns)
            raise wire.problem(error) from None

    # --- weight -----------------------------------------------------------------------------------------------------

    def used(self, now_ns: int) -> int:
        """The weight that was used in this minute."""
        return self._weight.used(_IP, now_ns)

    def weight(self, now_ns: int) -> dict[str, Any]:
        """The weight limit with its count."""
        return limit_row("REQUEST_WEIGHT", WEIGHT) | {"count": self.used(now_ns)}

    def spend(self, weight: int, now_ns: int) -> None:
        if not self._weight.add(_IP, weight, now_ns):
            raise self.too_many(now_ns)

    def enter(self, now_ns: int) -> None:
        """429 over the limit; further requests lead to an IP ban (418)."""
        if now_ns < self._banned_until_ns:
            until = self._banned_until_ns // wire.MS
            said = f"Way too much request weight used; IP banned until {until}."
            raise sim.Problem(-1003, said, 418, **_wait(until, now_ns))
        if self.used(now_ns) >= WEIGHT[2]:
            self._defied += 1
            if self._defied > _BAN_AFTER:
                self._defied = 0
                self._banned_until_ns = now_ns + 120 * _S
            raise self.too_many(now_ns)

    def too_many(self, now_ns: int, retry_ns: int = 0) -> sim.Problem:
        until = (now_ns + (retry_ns or self._weight.wait_ns(now_ns))) // wire.MS + 1
        said = "Too much request weight used; current limit is 6000 request weight per 1 MINUTE."
        return sim.Problem(-1003, said, 429, **_wait(until, now_ns))

    # --- request-security.md ----------------------------------------------------------------------------------------

    def signed(self, key: str, params: Mapping[str, str], payload: str, now_ns: int) -> sim.Account:
        """Key, signature over the payload as sent, then the time window."""
        sim.refuse(not key, -2014, "API-key format invalid.", 401)
        for name in ("timestamp", "signature"):
            if not params.get(name):
                raise wire.wrong(name, "missing")
        account = self._door.account(key, payload.encode(), params["signature"])
        self.check_time(params, now_ns)
        return account

    def check_time(self, params: Mapping[str, str], now_ns: int) -> None:
        """ "Timing security"."""
        try:
            stamp, window = int(params["timestamp"]), Decimal(params.get("recvWindow") or "5000")
            too_wide = window > 60_000
        except (ValueError, ArithmeticError):
            said = "Illegal characters found in parameter 'timestamp' or 'recvWindow'."
            raise sim.Problem(-1100, said, 400) from None
        sim.refuse(too_wide, -1131, "recvWindow must be less than 60000.", 400)
        sent_ns = wire.stamp_ns(stamp)
        if sent_ns >= now_ns + 1000 * wire.MS:
            raise sim.Problem(-1021, "Timestamp for this request was 1000ms ahead of the server's time.", 400)
        if now_ns - sent_ns > window * wire.MS:
            raise sim.Problem(-1021, "Timestamp for this request is outside of the recvWindow.", 400)


@dataclass(slots=True)
class _Session:
    """What the WS API knows of a connection."""

    limits: bool
    """Whether replies contain ``rateLimits``."""
    logon_ns: int = 0
    next_id: int = 0


class Api:
    """web-socket-api.md: requests, session authentication, user data stream."""

    def __init__(self, exchange: sim.SimExchange, conns: sim.Conns, door: Door, calls: Calls, orders: Orders) -> None:
        self._exchange = exchange
        self._conns = conns
        self._door = door
        self._calls = calls
        self._orders = orders
        self._sessions: dict[int, _Session] = {}
        conns.on_close(lambda conn: self._sessions.pop(conn, None))
        self._users = sim.Subs(conns)
        """Subscriptions of user data streams: the topic is the account's name."""

    def connect(self, conn: int, limits: bool) -> None:
        self._sessions[conn] = _Session(limits)

    def frame(self, conn: sim.Conn, text: str, now_ns: int) -> None:
        """ "Request format"."""
        ref: Any = None
        account: sim.Account | None = None
        params: dict[str, str] = {}
        try:
            try:
                message = msgspec.json.decode(text)
                ref, method, given = message.get("id"), message["method"], message.get("params") or {}
                params = {name: _raw(value) for name, value in given.items()}
                route = self._calls.ws.get(method)
                session = method.startswith(("userDataStream.", "session."))
            except (msgspec.DecodeError, KeyError, AttributeError, TypeError):
                raise sim.Problem(-1135, "JSON request is invalid or malformed.", 400) from None
            limited_ns = self._exchange.limited_until_ns - now_ns
            if limited_ns > 0:
                raise self._door.too_many(now_ns, limited_ns)
            self._door.enter(now_ns)
            if session:
                result = self._session(conn, method, params, now_ns)
            elif route is None:
                raise sim.Problem(-1000, f"Unknown method {method}.", 400)
            else:
                signer = self._signed(conn, params, now_ns) if route.signed else None
                account = signer if route.trade else None
                result = self._door.run(route, sim.SimCall(params, signer, now_ns, conn.facts, wire.wrong))
            if method == "order.place" and self._exchange.strikes("overrun", method):
                raise self._door.too_many(now_ns)
            reply: dict[str, Any] = {"id": ref, "status": 200, "result": result}
        except sim.Problem as problem:
            error = {"code": problem.code, "msg": problem.msg} | ({"data": problem.more} if problem.more else {})
            reply = {"id": ref, "status": problem.status, "error": error}
        if self._sessions[conn.id].limits and params.get("returnRateLimits") != "false":
            counts = self._orders.counts(account.name, now_ns) if account is not None else []
            reply["rateLimits"] = [*counts, self._door.weight(now_ns)]
        conn.tell(reply)

    def _signed(self, conn: sim.Conn, params: Mapping[str, str], now_ns: int) -> sim.Account:
        """request-security.md: all parameters but the signature, sorted by name, as raw text. After a log-on neither
        key nor signature is needed."""
        if conn.account is not None and "apiKey" not in params and "signature" not in params:
            if not params.get("timestamp"):
                raise wire.wrong("timestamp", "missing")
            self._door.check_time(params, now_ns)
            return conn.account
        payload = "&".join(f"{name}={value}" for name, value in sorted(params.items()) if name != "signature")
        return self._door.signed(params.get("apiKey", ""), params, payload, now_ns)

    def _session(self, conn: sim.Conn, method: str, params: Mapping[str, str], now_ns: int) -> Any:
        """session-authentication and user-data-stream requests."""
        self._door.spend(2, now_ns)
        session = self._sessions[conn.id]
        match method:
            case "userDataStream.subscribe.signature":
                return self._subscribe(conn, self._signed(conn, params, now_ns))
            case "userDataStream.subscribe" if conn.account is not None:
                return self._subscribe(conn, conn.account)
            case "userDataStream.unsubscribe":
                named = params.get("subscriptionId")
                gone = [number for number in self._users.keys(conn.id) if named in (None, str(number))]
                sim.refuse(not gone, -2036, "User Data Stream subscription not active.", 400)
                for number in gone:
                    self._users.drop(conn.id, number)
                return {}
            case "userDataStream.start" | "userDataStream.ping" | "userDataStream.stop":
                raise sim.Problem(-1000, "This method has been retired.", 410)
            case "session.logon":  # only Ed25519 keys can log on
                account = self._signed(conn, {"apiKey": "", **params}, now_ns)
                if account.ed25519 is None or params["apiKey"] != account.ed25519.key:
                    raise sim.Problem(-4056, "HMAC_SHA256 API key is not supported.", 400)
                conn.account, session.logon_ns = account, now_ns
            case "session.logout":
                conn.account, session.logon_ns = None, 0
            case "session.status":
                pass
            case _:
                raise sim.Problem(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        key = conn.account.ed25519.key if conn.account and conn.account.ed25519 else None
        return {
            "apiKey": key,
            "authorizedSince": conn.facts.time(session.logon_ns) or None,
            "connectedSince": conn.facts.time(conn.opened_ns),
            "returnRateLimits": session.limits,
            "serverTime": conn.facts.time(now_ns),
            "userDataStream": bool(self._users.keys(conn.id)),
        }

    def _subscribe(self, conn: sim.Conn, account: sim.Account) -> dict[str, int]:
        sim.refuse(self._exchange.strikes("login"), -2015, "Invalid API-key, IP, or permissions for action.", 401)
        active = any(sub.conn == conn.id for sub in self._users.of(account.name))
        sim.refuse(active, -2035, "User Data Stream subscription already active.", 400)
        session = self._sessions[conn.id]
        number, session.next_id = session.next_id, session.next_id + 1
        self._users.add(conn.id, number, account.name)
        return {"subscriptionId": number}

    # --- events -----------------------------------------------------------------------------------------------------

    def order(self, report: sim.OrderReport, now_ns: int) -> None:
        cancel_id = self._orders.cancel_ids.get(report.order.id, report.order.cl_ord_id)
        for sub in self._users.of(report.order.account):
            self._event(sub, wire.execution_report(self._conns[sub.conn].facts, report, now_ns, cancel_id))

    def balance(self, report: sim.BalanceReport, now_ns: int) -> None:
        for sub in self._users.of(report.account):
            facts = self._conns[sub.conn].facts
            rows = [wire.POSITION.of(facts.money(*row)) for row in report.balances]
            event = {"e": "outboundAccountPosition", "E": facts.time(now_ns), "u": facts.time(report.ns), "B": rows}
            self._event(sub, event)

    def _event(self, sub: sim.Sub, event: dict[str, Any]) -> None:
        self._conns[sub.conn].tell({"subscriptionId": sub.key, "event": event}, "user")


def _raw(value: Any) -> str:
    """A parameter as it is signed: text as it is, other values as their JSON."""
    return value if isinstance(value, str) else sim.encode(value).decode()


def _known(route: sim.Route, call: sim.SimCall) -> None:
    """errors.md: -1105 for an empty parameter, -1104 for one that the call does not have."""
    if route.names is None:
        return
    for name, value in call.params.items():
        sim.refuse(not value, -1105, f"Parameter '{name}' was empty.", 400)
    read, sent = sum(name in route.names.split() for name in call.params), len(call.params)
    if read < sent:
        said = f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'."
        raise sim.Problem(-1104, said, 400)


def _wait(until_ms: int, now_ns: int) -> dict[str, int]:
    return {"serverTime": now_ns // wire.MS, "retryAfter": until_ms}
