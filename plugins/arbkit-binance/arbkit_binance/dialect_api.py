"""Binance's WS API for the dialect: connections, sessions, and the events of the user data stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from arbkit import sim

from . import dialect_wire as wire
from .dialect_calls import Calls
from .dialect_door import Door
from .dialect_orders import Orders

__all__ = ["Api"]


class _Conn:
    """One WS API connection."""

    __slots__ = ("account", "facts", "limits", "logon_ns", "next_id", "opened_ns", "users")

    def __init__(self, facts: sim.Facts, limits: bool, now_ns: int) -> None:
        self.facts = facts
        self.limits = limits
        """Whether replies contain ``rateLimits``."""
        self.account: sim.Account | None = None
        """The account that logged on."""
        self.opened_ns = now_ns
        self.logon_ns = 0
        self.users: dict[int, str] = {}
        """Subscription id -> account whose events are sent."""
        self.next_id = 0


class Api:
    """web-socket-api.md: requests, session authentication, user data stream."""

    def __init__(self, exchange: sim.SimExchange, out: sim.SimWire, door: Door, calls: Calls, orders: Orders) -> None:
        self._exchange = exchange
        self._wire = out
        self._door = door
        self._calls = calls
        self._orders = orders
        self._conns: dict[int, _Conn] = {}

    def connect(self, conn: int, facts: sim.Facts, limits: bool, now_ns: int) -> None:
        self._conns[conn] = _Conn(facts, limits, now_ns)

    def closed(self, conn: int) -> None:
        self._conns.pop(conn, None)

    def __contains__(self, conn: int) -> bool:
        return conn in self._conns

    def frame(self, conn: int, text: str, now_ns: int) -> None:
        """ "Request format"."""
        state = self._conns[conn]
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
                result = self._session(state, method, params, now_ns)
            elif route is None:
                raise sim.Problem(-1000, f"Unknown method {method}.", 400)
            else:
                signer = self._signed(state, params, now_ns) if route.signed else None
                account = signer if route.trade else None
                result = self._door.run(route, sim.SimCall(params, signer, now_ns, state.facts, wire.wrong))
            if method == "order.place" and self._exchange.strikes("overrun", method):
                raise self._door.too_many(now_ns)
            reply: dict[str, Any] = {"id": ref, "status": 200, "result": result}
        except sim.Problem as problem:
            error = {"code": problem.code, "msg": problem.msg} | ({"data": problem.more} if problem.more else {})
            reply = {"id": ref, "status": problem.status, "error": error}
        if state.limits and params.get("returnRateLimits") != "false":
            counts = self._orders.counts(account.name, now_ns) if account is not None else []
            reply["rateLimits"] = [*counts, self._door.weight(now_ns)]
        self._wire.tell(conn, reply)

    def _signed(self, state: _Conn, params: Mapping[str, str], now_ns: int) -> sim.Account:
        """request-security.md: all parameters but the signature, sorted by name, as raw text. After a log-on neither
        key nor signature is needed."""
        if state.account is not None and "apiKey" not in params and "signature" not in params:
            if not params.get("timestamp"):
                raise wire.wrong("timestamp", "missing")
            self._door.check_time(params, now_ns)
            return state.account
        payload = "&".join(f"{name}={value}" for name, value in sorted(params.items()) if name != "signature")
        return self._door.signed(params.get("apiKey", ""), params, payload, now_ns)

    def _session(self, state: _Conn, method: str, params: Mapping[str, str], now_ns: int) -> Any:
        """session-authentication and user-data-stream requests."""
        self._door.spend(2, now_ns)
        match method:
            case "userDataStream.subscribe.signature":
                return self._subscribe(state, self._signed(state, params, now_ns))
            case "userDataStream.subscribe" if state.account is not None:
                return self._subscribe(state, state.account)
            case "userDataStream.unsubscribe":
                named = params.get("subscriptionId")
                gone = [number for number in state.users if named in (None, str(number))]
                if not gone:
                    raise sim.Problem(-2036, "User Data Stream subscription not active.", 400)
                for number in gone:
                    del state.users[number]
                return {}
            case "userDataStream.start" | "userDataStream.ping" | "userDataStream.stop":
                raise sim.Problem(-1000, "This method has been retired.", 410)
            case "session.logon":  # only Ed25519 keys can log on
                account = self._signed(state, {"apiKey": "", **params}, now_ns)
                if account.ed25519 is None or params["apiKey"] != account.ed25519.key:
                    raise sim.Problem(-4056, "HMAC_SHA256 API key is not supported.", 400)
                state.account, state.logon_ns = account, now_ns
            case "session.logout":
                state.account, state.logon_ns = None, 0
            case "session.status":
                pass
            case _:
                raise sim.Problem(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        key = state.account.ed25519.key if state.account and state.account.ed25519 else None
        return {
            "apiKey": key,
            "authorizedSince": state.facts.time(state.logon_ns) or None,
            "connectedSince": state.facts.time(state.opened_ns),
            "returnRateLimits": state.limits,
            "serverTime": state.facts.time(now_ns),
            "userDataStream": bool(state.users),
        }

    def _subscribe(self, state: _Conn, account: sim.Account) -> dict[str, int]:
        if self._exchange.strikes("login"):
            raise sim.Problem(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        if account.name in state.users.values():
            raise sim.Problem(-2035, "User Data Stream subscription already active.", 400)
        number, state.next_id = state.next_id, state.next_id + 1
        state.users[number] = account.name
        return {"subscriptionId": number}

    # --- events -----------------------------------------------------------------------------------------------------

    def order(self, report: sim.OrderReport, now_ns: int) -> None:
        cancel_id = self._orders.cancel_ids.get(report.order.id, report.order.cl_ord_id)
        for conn, number, facts in self._users(report.order.account):
            self._event(conn, number, wire.execution_report(facts, report, now_ns, cancel_id))

    def balance(self, report: sim.BalanceReport, now_ns: int) -> None:
        for conn, number, facts in self._users(report.account):
            rows = [wire.POSITION.of(facts.money(*row)) for row in report.balances]
            event = {"e": "outboundAccountPosition", "E": facts.time(now_ns), "u": facts.time(report.ns), "B": rows}
            self._event(conn, number, event)

    def _users(self, account: str) -> Iterator[tuple[int, int, sim.Facts]]:
        for conn, state in self._conns.items():
            for number, name in state.users.items():
                if name == account:
                    yield conn, number, state.facts

    def _event(self, conn: int, number: int, event: dict[str, Any]) -> None:
        self._wire.tell(conn, {"subscriptionId": number, "event": event}, "user")


def _raw(value: Any) -> str:
    """A parameter as it is signed: text as it is, other values as their JSON."""
    return value if isinstance(value, str) else sim.encode(value).decode()
