"""The Bybit v5 spot adapter: endpoints, capabilities, limits, links. https://bybit-exchange.github.io/docs/v5/intro"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from arbkit.venue import (
    AccountSocket,
    Ask,
    BookSocket,
    CancelOrder,
    Capabilities,
    Catalogue,
    ClientIdScope,
    Command,
    Context,
    CredentialsError,
    Heartbeat,
    Hosts,
    Instrument,
    LinkSpec,
    NewOrder,
    RateLimit,
    RequestIds,
    RestSession,
    Role,
    S,
    Session,
    Signer,
    VenueSettings,
    options,
    usual_links,
)
from arbkit_bybit import sockets, tables
from arbkit_bybit.verdicts import VERDICTS


def _site(rest: str, stream: str = "stream.bybit.com") -> dict[str, str]:
    """Most sites share the global stream host."""
    sockets = dict.fromkeys(("ws_public", "ws_private", "ws_trade"), f"wss://{stream}")
    return {"rest": f"https://{rest}", **sockets}


_SITES = {
    "bybit.com": _site("api.bybit.com"),
    "bytick.com": _site("api.bytick.com"),
    "bybit.nl": _site("api.bybit.nl"),
    "bybit.ae": _site("api.bybit.ae"),
    "bybit.eu": _site("api.bybit.eu", "stream.bybit.eu"),  # a company of its own, with its own keys
    "bybit.tr": _site("api.bybit.tr", "stream.bybit.tr"),
    "bybit.kz": _site("api.bybit.kz", "stream.bybit.kz"),
    "bybit.id": _site("api.bybit.id", "stream.bybit.id"),
    "bybitgeorgia.ge": _site("api.bybitgeorgia.ge", "stream.bybitgeorgia.ge"),
    "manepa.jp": _site("api.manepa.jp", "stream.manepa.jp"),
}
"""The hosts of the pages "guide" and "ws/connect"; those of bybit.eu as ccxt has them."""
# demo has no order entry over WebSocket, and uses the real market data
_DEMO = {"rest": "https://api-demo.bybit.com", "ws_private": "wss://stream-demo.bybit.com", "ws_trade": ""}
HOSTS = Hosts(
    "bybit",
    {
        **{("prod", site): urls for site, urls in _SITES.items()},
        ("testnet", "bybit.com"): _site("api-testnet.bybit.com", "stream-testnet.bybit.com"),
        ("demo", "bybit.com"): _SITES["bybit.com"] | _DEMO,
    },
)
_OPTIONS = {
    "depth": ("50", "1", "200", "1000"),
    "gap_check": ("on", "off"),
    "domain": tuple(_SITES),
}
"""Allowed values, the default first. ``domain``: the site on which the account was opened."""
CHARS_PER_LINK = 21_000
"""Characters of all topics that one public connection may subscribe."""


class Bybit:
    """The venue adapter. Raises ``ConfigError`` for an unknown option or environment."""

    venue = "bybit"
    capabilities = Capabilities(
        client_id_scope=ClientIdScope.OPEN_ONLY,  # the page says "always unique"; the weaker guarantee is assumed
        order_window_ns=tables.WINDOW_NS,
        order_window_source="https://bybit-exchange.github.io/docs/v5/guide (X-BAPI-RECV-WINDOW)",
        order_timeout_ns=10 * S,
        order_timeout_source="assumed: the venue states none; 10 s as at Binance",
        lookup_lag_ns=2 * S,
        account_status=True,
        fees_at_once=True,
        book_check="sequence",
        checked="2026-11-29",
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
        RateLimit("key", 10, S),
        RateLimit("assets", 5, S),
        RateLimit("connections", 500, 300 * S),
    )

    def __init__(self, settings: VenueSettings) -> None:
        chosen = options(settings, _OPTIONS, self.venue)
        self._urls = HOSTS.urls(settings, chosen.get("domain", "bybit.com"))
        self._depth = chosen.get("depth", "50")
        self._feeds = sockets.feeds(chosen.get("gap_check", "on") == "on")

    def links(
        self, instruments: Sequence[Instrument], account: str, trades: Sequence[Instrument] = ()
    ) -> Sequence[LinkSpec]:
        channels = [
            (f"orderbook.{self._depth}.", {one.id for one in instruments}),
            (f"{sockets.PRINTS}.", {one.id for one in trades}),
        ]

        def chars(one: Instrument) -> int:
            return sum(len(channel) + len(one.native) for channel, names in channels if one.id in names)

        roles = (Role.PRIVATE, Role.TRADE) if self._urls["ws_trade"] else (Role.PRIVATE,)
        return usual_links(
            self.venue,
            instruments,
            account,
            trades,
            most=0,
            most_chars=CHARS_PER_LINK,
            chars=chars,
            sockets={role: {} for role in roles},
        )

    def session(self, link: LinkSpec, catalogue: Catalogue, signer: Signer | None) -> Session:
        context = Context(link, catalogue, signer)
        beat = Heartbeat(sockets.PING, sockets.PING_NS)
        if link.role is Role.REST:
            return RestSession(
                context,
                tables.CALLS,
                VERDICTS,
                sign=partial(tables.sign, url=self._urls["rest"]),
                unwrap=tables.unwrap,
                pauses=tables.PAUSES,
                usage=lambda context, buckets, answer, now_ns: tables.usage(context, buckets, answer.headers, now_ns),
            )
        if link.role is Role.PUBLIC:
            return BookSocket(
                context,
                url=self._urls["ws_public"] + "/v5/public/spot",
                read=sockets.read_public,
                feeds=self._feeds,
                streams=sockets.streams(self._depth),
                write=sockets.write,
                most=sockets.TOPICS_PER_REQUEST,
                prints=sockets.PRINTS,
                heartbeat=beat,
            )
        if signer is None:
            raise CredentialsError(f"{link.link} needs a key: set venues.bybit.key and secret")
        trade = link.role is Role.TRADE
        return AccountSocket(
            context,
            url=self._urls["ws_trade"] + "/v5/trade" if trade else self._urls["ws_private"] + "/v5/private",
            read=sockets.read_trade if trade else sockets.read_private,
            login=tables.login,
            channels=None if trade else sockets.channels,
            write=sockets.write_order if trade else None,
            ids=RequestIds(context, 36, counted=True),
            heartbeat=beat,
        )

    def route(self, command: Command) -> Sequence[Role]:
        """Empty for commands that this adapter does not support (replace). Demo has no trade socket."""
        return tables.CALLS.route(command, (NewOrder, CancelOrder) if self._urls["ws_trade"] else ())

    def cost(self, what: Ask | Command, role: Role) -> Sequence[tuple[str, int]]:
        return tables.CALLS.cost(what, role)
