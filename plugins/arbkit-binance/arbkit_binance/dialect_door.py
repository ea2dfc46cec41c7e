"""Who may call the simulated Binance, and how often: signatures, request weight, bans (limits.md)."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from arbkit import sim

from . import dialect_wire as wire
from .dialect_calls import WEIGHT
from .dialect_orders import limit_row

__all__ = ["Door"]

_IP: Final = "ip"
_S: Final = 1_000_000_000
_BAN_AFTER: Final = 20
"""Number of requests after a 429 that lead to a ban. The venue does not document a number."""


class Door:
    """The checks of REST and WS API. The methods raise the venue's errors."""

    def __init__(self, exchange: sim.SimExchange) -> None:
        self._exchange = exchange
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
        """Key, signature over the payload as sent (HMAC-SHA256 or Ed25519), then the time window."""
        if not key:
            raise sim.Problem(-2014, "API-key format invalid.", 401)
        account = self._exchange.by_key(key)
        if account is None:
            raise sim.Problem(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        for name in ("timestamp", "signature"):
            if not params.get(name):
                raise wire.wrong(name, "missing")
        if account.ed25519 is not None and key == account.ed25519.key:
            good = account.ed25519.good(payload, params["signature"])
        else:
            mine = hmac.new(account.secret.encode(), payload.encode(), "sha256").hexdigest()
            good = hmac.compare_digest(mine.encode(), params["signature"].encode())
        if not good:
            raise sim.Problem(-1022, "Signature for this request is not valid.", 400)
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
        if too_wide:
            raise sim.Problem(-1131, "recvWindow must be less than 60000.", 400)
        sent_ns = wire.stamp_ns(stamp)
        if sent_ns >= now_ns + 1000 * wire.MS:
            raise sim.Problem(-1021, "Timestamp for this request was 1000ms ahead of the server's time.", 400)
        if now_ns - sent_ns > window * wire.MS:
            raise sim.Problem(-1021, "Timestamp for this request is outside of the recvWindow.", 400)


def _known(route: sim.Route, call: sim.SimCall) -> None:
    """errors.md: -1105 for an empty parameter, -1104 for one that the call does not have."""
    if route.names is None:
        return
    for name, value in call.params.items():
        if not value:
            raise sim.Problem(-1105, f"Parameter '{name}' was empty.", 400)
    read, sent = sum(name in route.names.split() for name in call.params), len(call.params)
    if read < sent:
        said = f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'."
        raise sim.Problem(-1104, said, 400)


def _wait(until_ms: int, now_ns: int) -> dict[str, int]:
    return {"serverTime": now_ns // wire.MS, "retryAfter": until_ms}
