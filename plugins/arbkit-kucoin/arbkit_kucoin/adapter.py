"""The KuCoin spot adapter (Classic account, HF; books of the Pro socket). https://www.kucoin.com/docs-new/"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import arbkit.venue as kit
from arbkit_kucoin import sockets, tables

HOSTS = kit.Hosts(
    "kucoin",
    {("prod", ""): kit.site("https://api.kucoin.com", "wss://x-push-spot.kucoin.com", "wss://ws-api-spot.kucoin.com")},
)
"""There is no test environment."""
_OPTIONS = {"depth": tuple(sockets.FEEDS)}
"""Allowed values, the default first."""
BOOKS_PER_LINK = 90
"""200 topics are safe on one connection: books and trades."""
_LINKS: dict[str, Any] = {
    "most": BOOKS_PER_LINK,
    "public": {"send_limit": kit.RateLimit("requests", 250, 10 * kit.S)},
    "sockets": {kit.Role.PRIVATE: {"send_limit": kit.RateLimit("requests", 90, 10 * kit.S)}},
    "life_ns": kit.DAY,
}
"""Of one connection: 300 and 100 messages in 10 s; some are left for pings."""


class Kucoin:
    """The venue adapter. Raises ``ConfigError`` for an unknown option or environment."""

    venue = "kucoin"
    rate_limits: Sequence[kit.RateLimit] = (
        # weights in 30 s, of the lowest level: by account, by account, by address
        kit.RateLimit("spot", 4000, tables.WINDOW_30_NS),
        kit.RateLimit("management", 2000, tables.WINDOW_30_NS),
        kit.RateLimit("public", 2000, tables.WINDOW_30_NS),
        kit.RateLimit("connections", 30, 60 * kit.S),
    )
    capabilities = kit.Capabilities(
        checked="2026-11-30",
        order_window_ns=tables.WINDOW_NS,
        order_window_source="https://www.kucoin.com/docs-new/rest/spot-trading/orders/add-order (allowMaxTimeWindow)",
        end_reasons=False,  # no report says why an order was cancelled
        streams_fees=False,  # the order topic has no fees
        account_status=True,
    )

    def __init__(self, settings: kit.VenueSettings) -> None:
        self._urls = HOSTS.urls(settings)
        self._private = self._urls["ws_private"] if settings.endpoints.get("ws_private") else ""
        self._depth = kit.options(settings, _OPTIONS, self.venue).get("depth", sockets.INCREMENT)
        self.cost = tables.CALLS.cost

    def links(self, instruments: kit.Instruments, account: str, trades: kit.Instruments = ()) -> Sequence[kit.LinkSpec]:
        return kit.usual_links("kucoin", instruments, account, trades, **_LINKS)

    def session(self, link: kit.LinkSpec, catalogue: kit.Catalogue, signer: kit.Signer | None) -> kit.Session:
        context = kit.Context(link, catalogue, signer, str)
        if link.role is kit.Role.REST:
            sign = partial(tables.sign, url=self._urls["rest"])
            return kit.RestSession(context, tables.CALLS, unwrap=tables.unwrap, sign=sign, usage=tables.usage)
        beat = kit.Heartbeat(sockets.ping, sockets.PING_NS)
        if link.role is kit.Role.PUBLIC:
            return kit.BookSocket(
                context,
                feeds=sockets.FEEDS,
                streams=sockets.streams(self._depth),
                prints=sockets.PRINTS,
                url=self._urls["ws_public"],
                heartbeat=beat,
                write=sockets.write,
                read=sockets.read_public,
                login=sockets.silent,
            )
        return kit.AccountSocket(
            context,
            address=partial(tables.address, own=self._private),
            heartbeat=beat,
            login=sockets.silent,
            channels=sockets.channels,
            read=sockets.read_private,
            calls=tables.CALLS,
        )

    def route(self, command: kit.Command) -> Sequence[kit.Role]:
        """Orders go over REST. Empty for commands that this adapter does not support (replace, cancel-all)."""
        return tables.CALLS.route(command)
