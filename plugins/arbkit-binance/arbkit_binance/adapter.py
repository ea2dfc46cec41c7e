"""The Binance spot adapter: capabilities, rate limits, links and sessions. ``register_exchanges`` registers it."""

from __future__ import annotations

from collections.abc import Sequence

from arbkit.adapters.wire import MS, S, base_url, options
from arbkit.core.errors import ConfigError, CredentialsError
from arbkit.core.protocols import Session, Signer
from arbkit.core.types import (
    Ask,
    CancelAll,
    CancelOrder,
    Capabilities,
    Catalogue,
    ClientIdScope,
    Command,
    Instrument,
    LinkSpec,
    NewOrder,
    QueryOrder,
    RateLimit,
    ReplaceOrder,
    Role,
    VenueSettings,
    rest_link,
)
from arbkit_binance import limits
from arbkit_binance.public import PublicSession
from arbkit_binance.rest import RestSession
from arbkit_binance.sockets import PrivateSession, TradeSession

__all__ = ["Binance"]

_ENVIRONMENTS = {
    "prod": {
        "rest": "https://api.binance.com",
        "ws_public": "wss://stream.binance.com:9443",
        "ws_private": "wss://ws-api.binance.com:443",
        "ws_trade": "wss://ws-api.binance.com:443",
    },
    "testnet": {
        "rest": "https://testnet.binance.vision",
        "ws_public": "wss://stream.testnet.binance.vision",
        "ws_private": "wss://ws-api.testnet.binance.vision",
        "ws_trade": "wss://ws-api.testnet.binance.vision",
    },
    "demo": {
        "rest": "https://demo-api.binance.com",
        "ws_public": "wss://demo-stream.binance.com",
        "ws_private": "wss://demo-ws-api.binance.com",
        "ws_trade": "wss://demo-ws-api.binance.com",
    },
}
_STREAM = "/stream"
_SOCKET_API = "/ws-api/v3"
_OPTIONS: dict[str, tuple[str, ...]] = {"depth": (), "key_type": ("hmac", "ed25519"), "recv_window_ms": ()}
_DEFAULTS = {"depth": "1000", "key_type": "hmac", "recv_window_ms": "5000"}
_SYMBOLS_PER_LINK = 200
"""Two streams per symbol: 400 of the 1024 allowed per connection, so that a lost socket affects fewer books."""


class Binance:
    """Options: ``depth`` (levels per side in a snapshot, up to 5000; the request weight depends on it), ``key_type``
    (``hmac`` or
    ``ed25519``), ``recv_window_ms`` (1 to 60000: how long after signing an order may still be executed)."""

    venue = "binance"
    rate_limits: Sequence[RateLimit] = limits.LIMITS

    def __init__(self, settings: VenueSettings) -> None:
        chosen = _DEFAULTS | options(settings, _OPTIONS, self.venue)
        self._settings = settings
        self._depth = _number(chosen, "depth", 1, 5000)
        self._window_ms = _number(chosen, "recv_window_ms", 1, 60_000)
        self._key_type = chosen["key_type"]
        self._rest = self._base("rest")
        self.capabilities = Capabilities(
            client_id_scope=ClientIdScope.OPEN_ONLY,
            order_window_ns=self._window_ms * MS,
            order_window_source="https://developers.binance.com/docs/binance-spot-api-docs/rest-api/request-security",
            order_timeout_ns=10 * S,
            order_timeout_source="https://developers.binance.com/docs/binance-spot-api-docs/rest-api/general-api-information"
            " (the API answers -1007 after 10 s)",
            lookup_lag_ns=2 * S,
            checked="2026-07-21",
        )

    def links(
        self, instruments: Sequence[Instrument], account: str, trades: Sequence[Instrument] = ()
    ) -> Sequence[LinkSpec]:
        if trades:
            raise ConfigError("binance: this adapter does not subscribe trades yet")
        ids = [one.id for one in instruments]
        found = [
            LinkSpec(
                link=f"binance.public.{number}",
                venue=self.venue,
                role=Role.PUBLIC,
                instruments=ids[start : start + _SYMBOLS_PER_LINK],
                send_limit=limits.SOCKET_MESSAGES,
                silence_ns=60 * S,
                quiet_ns=120 * S,
            )
            for number, start in enumerate(range(0, len(ids), _SYMBOLS_PER_LINK))
        ]
        if not account:
            return [*found, rest_link(self.venue)]
        name = account.replace(":", ".")
        sockets = [
            LinkSpec(
                link=f"{name}.{role.value}",
                venue=self.venue,
                role=role,
                account=account,
                instruments=ids,
                silence_ns=60 * S,
            )
            for role in (Role.PRIVATE, Role.TRADE)
        ]
        return [*found, *sockets, rest_link(self.venue, account)]

    def session(self, link: LinkSpec, catalogue: Catalogue, signer: Signer | None) -> Session:
        if link.role is Role.PUBLIC:
            return PublicSession(link, catalogue, self._base("ws_public") + _STREAM, self._depth)
        if link.role is Role.REST:
            return RestSession(
                link,
                catalogue,
                signer,
                base=self._rest,
                depth=self._depth,
                key_type=self._key_type,
                window_ms=self._window_ms,
            )
        if signer is None:
            raise CredentialsError(f"{link.link} needs a key: set venues.binance.key and secret")
        name, session = ("ws_trade", TradeSession) if link.role is Role.TRADE else ("ws_private", PrivateSession)
        url = self._base(name) + _SOCKET_API
        return session(link, catalogue, signer, url=url, key_type=self._key_type, window=self._window_ms)

    def route(self, command: Command) -> Sequence[Role]:
        """Empty for commands that the venue does not have: replace, and cancel-all over all symbols."""
        match command:
            case NewOrder() | CancelOrder() | QueryOrder():
                return (Role.TRADE, Role.REST)
            case ReplaceOrder():
                return ()
            case CancelAll():
                return (Role.REST,) if command.instrument else ()
            case _:
                return (Role.REST,)

    def cost(self, what: Ask | Command, role: Role) -> Sequence[tuple[str, int]]:
        return limits.cost(what, self._depth)

    def _base(self, name: str) -> str:
        return base_url(self._settings, _ENVIRONMENTS, name, self.venue)


def _number(chosen: dict[str, str], name: str, low: int, high: int) -> int:
    text = chosen[name]
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise ConfigError(f"venues.binance.options.{name}: {text!r} is not a whole number from {low} to {high}")
    return int(text)
