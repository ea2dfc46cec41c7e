"""The Bitstamp spot adapter: endpoints, capabilities, limits, links. https://www.bitstamp.net/api/"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import arbkit.venue as kit
from arbkit_bitstamp import sockets, tables

HOSTS = kit.Hosts("bitstamp", {("prod", ""): kit.site("https://www.bitstamp.net", "wss://ws.bitstamp.net")})
"""There is no test environment."""


class Bitstamp:
    """The venue adapter. Raises ``ConfigError`` for an unknown option, endpoint or environment."""

    venue = "bitstamp"
    capabilities = kit.Capabilities(
        order_window_ns=tables.ORDER_WINDOW_NS,
        order_window_source="https://www.bitstamp.net/api/#section/Authentication (X-Auth-Timestamp)",
        keeps_deadlines=False,  # orders have no deadline of their own
        lookup_lag_ns=5 * kit.S,  # assumed: no page says how soon an order is found
        fees_at_once=True,
        tells_maker=False,
        clock_step_ns=kit.S,  # the header Date
        end_reasons=False,  # an IOC that found no match reads as cancelled
        streams_fills=False,  # they are listed: see sockets.Private
        streams_balances=False,
        book_check="none",  # neither a number nor a checksum
        checked="2026-11-30",
    )
    rate_limits: Sequence[kit.RateLimit] = (
        kit.RateLimit("requests", 160, 10 * kit.S),  # documented: 400 a second, and 10,000 in 600 s
        kit.RateLimit("connections", 1, kit.S),  # assumed: no limit is documented
    )

    def __init__(self, settings: kit.VenueSettings) -> None:
        kit.options(settings, {}, self.venue)
        self._urls = HOSTS.urls(settings)
        self.cost = tables.CALLS.cost

    def links(self, instruments: kit.Instruments, account: str, trades: kit.Instruments = ()) -> Sequence[kit.LinkSpec]:
        """The private channels are by market, so the private link names those that are traded."""
        limit = {"send_limit": sockets.SUBSCRIBES}
        own = [one.id for one in instruments if one.venue == self.venue]
        return kit.usual_links(
            self.venue,
            instruments,
            account,
            trades,
            most=sockets.BOOKS_PER_LINK,
            public=limit,
            sockets={kit.Role.PRIVATE: {**limit, "trades": own}},
        )

    def session(self, link: kit.LinkSpec, catalogue: kit.Catalogue, signer: kit.Signer | None) -> kit.Session:
        context = kit.Context(link, catalogue, signer, lambda symbol: symbol.replace("-", "").lower())
        beat = kit.Heartbeat(sockets.PING, sockets.PING_NS)
        if link.role is kit.Role.REST:
            sign = partial(tables.sign, url=self._urls["rest"])
            return kit.RestSession(context, tables.CALLS, sign=sign, unwrap=tables.unwrap)
        if link.role is kit.Role.PUBLIC:
            return kit.BookSocket(
                context,
                url=self._urls["ws_public"],
                read=sockets.Public().read,
                feeds=sockets.FEEDS,
                streams=sockets.streams,
                write=sockets.write,
                prints=sockets.PRINTS,
                heartbeat=beat,
                rest=sockets.SNAPSHOTS,
            )
        private = sockets.Private()
        return kit.AccountSocket(
            context,
            calls=tables.CALLS,
            url=self._urls["ws_private"],
            read=private.read,
            token=private.token,
            channels=private.channels,
            heartbeat=beat,
        )

    def route(self, command: kit.Command) -> Sequence[kit.Role]:
        """Orders go over REST: there is no other way. Empty for commands that this adapter does not support (replace,
        cancel-all)."""
        return tables.CALLS.route(command)
