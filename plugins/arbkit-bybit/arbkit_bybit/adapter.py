"""The Bybit v5 spot adapter: endpoints, capabilities, limits, links. https://bybit-exchange.github.io/docs/v5/intro"""

from __future__ import annotations

from collections.abc import Sequence

from arbkit.adapters.wire import S, base_url, options
from arbkit.core.errors import ConfigError, CredentialsError
from arbkit.core.protocols import Session, Signer
from arbkit.core.types import (
    Ask,
    AskKind,
    CancelAll,
    CancelOrder,
    Capabilities,
    Catalogue,
    ClientIdScope,
    Command,
    Instrument,
    LinkSpec,
    ListFills,
    ListOpenOrders,
    NewOrder,
    QueryOrder,
    RateLimit,
    Role,
    VenueSettings,
    rest_link,
)
from arbkit_bybit.login import WINDOW_NS
from arbkit_bybit.private import PrivateSession
from arbkit_bybit.public import PublicSession
from arbkit_bybit.rest import RestSession
from arbkit_bybit.trade import TradeSession
from arbkit_bybit.wire import VENUE

_PROD = {
    "rest": "https://api.bybit.com",
    "ws_public": "wss://stream.bybit.com",
    "ws_private": "wss://stream.bybit.com",
    "ws_trade": "wss://stream.bybit.com",
}
_TESTNET = {
    "rest": "https://api-testnet.bybit.com",
    "ws_public": "wss://stream-testnet.bybit.com",
    "ws_private": "wss://stream-testnet.bybit.com",
    "ws_trade": "wss://stream-testnet.bybit.com",
}
# demo has no order entry over WebSocket, and uses the real market data
_DEMO = {**_PROD, "rest": "https://api-demo.bybit.com", "ws_private": "wss://stream-demo.bybit.com", "ws_trade": ""}
ENVIRONMENTS = {"prod": _PROD, "testnet": _TESTNET, "demo": _DEMO}
_OPTIONS = {
    "depth": ("50", "1", "200", "1000", "full"),
    "gap_check": ("on", "off"),
    "domain": (
        "bybit.com",
        "bytick.com",
        "bybit.nl",
        "bybit.tr",
        "bybit.kz",
        "bybit.ae",
        "bybit.eu",
        "bybit.id",
        "bybitgeorgia.ge",
        "manepa.jp",
    ),
}
"""Allowed values, the default first. ``domain``: the site on which the account was opened."""

ARGS_PER_LINK = 21_000
"""Characters of all topics that one public connection may subscribe."""
_BUCKETS = {
    NewOrder: "create",
    CancelOrder: "cancel",
    CancelAll: "cancel_all",
    QueryOrder: "realtime",
    ListOpenOrders: "realtime",
    ListFills: "executions",
    AskKind.FEES: "fee",
    AskKind.BALANCES: "wallet",
    AskKind.ASSETS: "assets",
    AskKind.ORDER: "history",
}


class Bybit:
    """The venue adapter. Raises ``ConfigError`` for an unknown option or environment."""

    venue = VENUE
    capabilities = Capabilities(
        client_id_scope=ClientIdScope.OPEN_ONLY,  # the page says "always unique"; the weaker guarantee is assumed
        order_window_ns=WINDOW_NS,
        order_window_source="https://bybit-exchange.github.io/docs/v5/guide (X-BAPI-RECV-WINDOW)",
        order_timeout_ns=10 * S,
        order_timeout_source="assumed: the venue states none; 10 s as at Binance",
        lookup_lag_ns=2 * S,
        book_check="sequence",
        checked="2026-07-24",
    )
    rate_limits: Sequence[RateLimit] = (
        RateLimit("ip", 600, 5 * S),  # all REST calls; above it HTTP 403 for ten minutes
        RateLimit("ws", 3000, S),
        RateLimit("create", 20, S),  # WebSocket and REST together
        RateLimit("cancel", 20, S),
        RateLimit("cancel_all", 20, S),
        RateLimit("realtime", 50, S),
        RateLimit("history", 50, S),
        RateLimit("executions", 50, S),
        RateLimit("wallet", 50, S),
        RateLimit("fee", 5, S),
        RateLimit("assets", 5, S),
        RateLimit("connections", 500, 300 * S),
    )

    def __init__(self, settings: VenueSettings) -> None:
        chosen = options(settings, _OPTIONS, VENUE)
        self._depth = chosen.get("depth", "50")
        self._gap_check = chosen.get("gap_check", "on") == "on"
        self._endpoints = {name: base_url(settings, ENVIRONMENTS, name, VENUE) for name in _PROD}
        domain = chosen.get("domain")
        if domain is not None and settings.environment == "prod":
            for name in self._endpoints:
                own = f"https://api.{domain}" if name == "rest" else f"wss://stream.{domain}"
                self._endpoints[name] = settings.endpoints.get(name, own).rstrip("/")

    def links(
        self, instruments: Sequence[Instrument], account: str, trades: Sequence[Instrument] = ()
    ) -> Sequence[LinkSpec]:
        if trades:
            raise ConfigError("bybit: this adapter does not subscribe trades yet")
        name = account.partition(":")[2] or account
        shares: list[list[str]] = []
        room = 0
        for instrument in instruments:
            if instrument.venue != VENUE:
                continue
            size = len(f"orderbook.{self._depth}.{instrument.native}")
            if size > room:
                shares.append([])
                room = ARGS_PER_LINK
            shares[-1].append(instrument.id)
            room -= size
        links = [
            LinkSpec(link=f"{VENUE}.public.{number}", venue=VENUE, role=Role.PUBLIC, instruments=share)
            for number, share in enumerate(shares)
        ]
        if account:
            links.append(LinkSpec(link=f"{VENUE}.{name}.private", venue=VENUE, role=Role.PRIVATE, account=account))
            if self._endpoints["ws_trade"]:
                links.append(LinkSpec(link=f"{VENUE}.{name}.trade", venue=VENUE, role=Role.TRADE, account=account))
        return [*links, rest_link(VENUE, account)]

    def session(self, link: LinkSpec, catalogue: Catalogue, signer: Signer | None) -> Session:
        if link.role is Role.PUBLIC:
            url = self._endpoints["ws_public"] + "/v5/public/spot"
            return PublicSession(link, catalogue, url=url, depth=self._depth, gap_check=self._gap_check)
        if link.role is Role.REST:
            return RestSession(link, catalogue, signer, url=self._endpoints["rest"], cost=self.cost)
        if signer is None:
            raise CredentialsError(f"{link.link} needs a key: set venues.{VENUE}.key and secret")
        if link.role is Role.PRIVATE:
            return PrivateSession(link, catalogue, signer, url=self._endpoints["ws_private"] + "/v5/private")
        return TradeSession(link, catalogue, signer, url=self._endpoints["ws_trade"] + "/v5/trade")

    def route(self, command: Command) -> Sequence[Role]:
        """Empty for commands that this adapter does not support (replace)."""
        match command:
            case NewOrder() | CancelOrder():
                return (Role.TRADE, Role.REST) if self._endpoints["ws_trade"] else (Role.REST,)
            case CancelAll() | QueryOrder() | ListOpenOrders() | ListFills():
                return (Role.REST,)
            case _:
                return ()

    def cost(self, what: Ask | Command, role: Role) -> Sequence[tuple[str, int]]:
        channel = ("ip" if role is Role.REST else "ws", 1)
        bucket = _BUCKETS.get(what.kind if isinstance(what, Ask) else type(what))
        return ((bucket, 1), channel) if bucket else (channel,)
