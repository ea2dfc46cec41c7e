"""The Bybit v5 spot adapter: endpoints, capabilities, limits, links. https://bybit-exchange.github.io/docs/v5/intro"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import arbkit.venue as kit
from arbkit_bybit import sockets, tables


def _site(rest: str, stream: str = "stream.bybit.com") -> dict[str, str]:
    """Most sites share the global stream host."""
    return kit.site(f"https://{rest}", f"wss://{stream}", trade=True)


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
HOSTS = kit.Hosts(
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
    capabilities = kit.Capabilities(
        order_window_ns=tables.WINDOW_NS,
        order_window_source="https://bybit-exchange.github.io/docs/v5/guide (X-BAPI-RECV-WINDOW)",
        account_status=True,
        fees_at_once=True,
        checked="2026-11-29",
    )
    rate_limits: Sequence[kit.RateLimit] = (
        kit.RateLimit("ip", 600, 5 * kit.S),  # all REST calls; above it HTTP 403 for ten minutes
        kit.RateLimit("ws", 3000, kit.S),
        kit.RateLimit("create", 20, kit.S),  # WebSocket and REST together
        kit.RateLimit("cancel", 20, kit.S),
        kit.RateLimit("cancel_all", 20, kit.S),
        kit.RateLimit("realtime", 50, kit.S),
        kit.RateLimit("history", 50, kit.S),
        kit.RateLimit("executions", 50, kit.S),
        kit.RateLimit("wallet", 50, kit.S),
        kit.RateLimit("fee", 5, kit.S),
        kit.RateLimit("key", 10, kit.S),
        kit.RateLimit("assets", 5, kit.S),
        kit.RateLimit("connections", 500, 300 * kit.S),
    )

    def __init__(self, settings: kit.VenueSettings) -> None:
        chosen = kit.options(settings, _OPTIONS, self.venue)
        self._urls = HOSTS.urls(settings, chosen.get("domain", "bybit.com"))
        self._depth = chosen.get("depth", "50")
        self._feeds = sockets.feeds(chosen.get("gap_check", "on") == "on")
        self.cost = tables.CALLS.cost

    def links(self, instruments: kit.Instruments, account: str, trades: kit.Instruments = ()) -> Sequence[kit.LinkSpec]:
        return kit.usual_links(
            self.venue,
            instruments,
            account,
            trades,
            most_chars=CHARS_PER_LINK,
            topics=(f"orderbook.{self._depth}.", f"{sockets.PRINTS}."),
            sockets={role: {} for role in (kit.Role.PRIVATE, kit.Role.TRADE) if self._urls[f"ws_{role.value}"]},
        )

    def session(self, link: kit.LinkSpec, catalogue: kit.Catalogue, signer: kit.Signer | None) -> kit.Session:
        context = kit.Context(link, catalogue, signer)
        beat = kit.Heartbeat(sockets.PING, sockets.PING_NS)
        if link.role is kit.Role.REST:
            return kit.RestSession(
                context,
                tables.CALLS,
                sign=partial(tables.sign, url=self._urls["rest"]),
                unwrap=tables.unwrap,
                usage=lambda context, buckets, answer, now_ns: tables.usage(context, buckets, answer.headers, now_ns),
            )
        if link.role is kit.Role.PUBLIC:
            return kit.BookSocket(
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
        trade = link.role is kit.Role.TRADE
        return kit.AccountSocket(
            context,
            calls=tables.CALLS,
            url=self._urls["ws_trade"] + "/v5/trade" if trade else self._urls["ws_private"] + "/v5/private",
            read=sockets.read_trade if trade else sockets.read_private,
            login=tables.login,
            channels=None if trade else sockets.channels,
            write=sockets.write_order if trade else None,
            ids=kit.RequestIds(context, 36, counted=True),
            heartbeat=beat,
        )

    def route(self, command: kit.Command) -> Sequence[kit.Role]:
        """Empty for commands that this adapter does not support (replace). Demo has no trade socket."""
        return tables.CALLS.route(command, (kit.NewOrder, kit.CancelOrder) if self._urls["ws_trade"] else ())
