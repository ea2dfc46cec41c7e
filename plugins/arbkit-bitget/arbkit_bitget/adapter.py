"""The Bitget spot adapter (v2, classic account): endpoints, capabilities, limits, links. https://www.bitget.com/api-doc"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import arbkit.venue as kit
from arbkit_bitget import sockets, tables

_REST = "https://api.bitget.com"
HOSTS = kit.Hosts(
    "bitget",
    {
        ("prod", ""): kit.site(_REST, "wss://ws.bitget.com"),
        ("demo", ""): kit.site(_REST, "wss://wspap.bitget.com"),
    },
)
_OPTIONS = {"channel": tuple(sockets.FEEDS)}
"""Allowed values, the default first."""
BOOKS_PER_LINK = 24
"""Bitget recommends fewer than 50 channels on one connection: books and trades."""
_LIMITS = {
    "send_limit": kit.RateLimit("requests", 240, 3600 * kit.S),
    "send_burst": kit.RateLimit("requests", 9, kit.S),  # of ten messages; one is left for the ping
}
"""Of one connection. More messages end it, and may block the address."""


class Bitget:
    """The venue adapter. Raises ``ConfigError`` for an unknown option or environment."""

    venue = "bitget"
    rate_limits: Sequence[kit.RateLimit] = (
        *(kit.RateLimit(call, most, kit.S) for call, most in tables.EACH_SECOND.items()),
        kit.RateLimit("ip", 6000, 60 * kit.S),  # all REST calls
        kit.RateLimit("connections", 300, 300 * kit.S),
    )
    capabilities = kit.Capabilities(
        checked="2026-11-30",
        changes={"2026-12-01": "v3 `books50` sends updates in place of whole books: not used, books go by `action`"},
        order_window_ns=tables.WINDOW_NS,
        order_window_source="https://www.bitget.com/api-doc/spot/trade/Place-Order (requestTime, receiveWindow)",
        end_reasons=False,  # a query has no time in force, and no report says why a post-only order was cancelled
        account_status=True,
    )

    def __init__(self, settings: kit.VenueSettings) -> None:
        self._urls = HOSTS.urls(settings)
        self._channel = kit.options(settings, _OPTIONS, "bitget").get("channel", "books")
        self._demo = settings.environment == "demo"
        self.cost = tables.CALLS.cost

    def links(self, instruments: kit.Instruments, account: str, trades: kit.Instruments = ()) -> Sequence[kit.LinkSpec]:
        private = {kit.Role.PRIVATE: _LIMITS}
        return kit.usual_links(
            "bitget",
            instruments,
            account,
            trades,
            most=BOOKS_PER_LINK,
            public=_LIMITS,
            sockets=private,
            life_ns=kit.DAY,
        )

    def session(self, link: kit.LinkSpec, catalogue: kit.Catalogue, signer: kit.Signer | None) -> kit.Session:
        context = kit.Context(link, catalogue, signer)
        if link.role is kit.Role.REST:
            rest = partial(tables.sign, url=self._urls["rest"], demo=self._demo)
            return kit.RestSession(context, tables.CALLS, unwrap=tables.unwrap, sign=rest)
        beat = kit.Heartbeat("ping", sockets.PING_NS)
        if link.role is kit.Role.PUBLIC:
            return kit.BookSocket(
                context,
                feeds=sockets.FEEDS,
                streams=sockets.streams(self._channel),
                prints=sockets.PRINTS,
                most=sockets.ARGS,
                most_bytes=sockets.BYTES,
                url=f"{self._urls['ws_public']}/v2/ws/public",
                heartbeat=beat,
                write=sockets.write,
                read=sockets.read_public,
            )
        return kit.AccountSocket(
            context,
            url=f"{self._urls['ws_private']}/v2/ws/private",
            heartbeat=beat,
            login=tables.login,
            channels=sockets.channels,
            read=sockets.read_private,
            calls=tables.CALLS,
        )

    def route(self, command: kit.Command) -> Sequence[kit.Role]:
        """Orders go over REST: order entry over WebSocket needs a permission that not every account has. Empty for
        commands that this adapter does not support (replace, cancel-all)."""
        return tables.CALLS.route(command)
