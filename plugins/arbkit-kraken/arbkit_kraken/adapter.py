"""The Kraken spot adapter (WebSocket v2, REST): endpoints, capabilities, limits, links. https://docs.kraken.com/api/"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import arbkit.venue as kit
from arbkit_kraken import sockets, tables

_REST = "https://api.kraken.com"
HOSTS = kit.Hosts(
    "kraken",
    {
        ("prod", "primary"): kit.site(_REST, "wss://ws.kraken.com", "wss://ws-auth.kraken.com", trade=True),
        # newer API software before the same engine; there is no test environment for spot
        ("prod", "beta"): kit.site(_REST, "wss://beta-ws.kraken.com", "wss://beta-ws-auth.kraken.com", trade=True),
    },
)
_OPTIONS = {"depth": ("10", "25", "100", "500", "1000"), "api": ("primary", "beta")}
"""Allowed values, the default first. Only the best 10 levels are under the checksum, so a deeper book is checked where
it is used first."""
BOOKS_PER_LINK = 50
"""Kraken states no limit; assumed to be moderate."""


class Kraken:
    """The venue adapter. Raises ``ConfigError`` for an unknown option or environment."""

    venue = "kraken"
    capabilities = kit.Capabilities(
        order_window_ns=tables.ORDER_WINDOW_NS,  # deadline, set on every order
        order_window_source="https://docs.kraken.com/api/docs/websocket-v2/add_order (deadline)",
        least_deadline_ns=tables.SOONEST_NS["rest"],
        account_status=True,
        fills_by_account=True,  # TradesHistory takes no pair
        answers_named=False,  # a request has a number, and an answer comes on its own socket only
        end_reasons=False,  # no page lists the reasons
        streams_balances=False,  # the channel "balances" has no locked amounts
        book_check="checksum",
        checked="2026-11-30",
    )
    rate_limits: Sequence[kit.RateLimit] = (
        # by pair, over WebSocket and REST together: up to 60, less 1 each second (the lowest tier)
        kit.RateLimit("trading", 60, 60 * kit.S, decays=True),
        kit.RateLimit("calls", tables.CALLS_MOST, 40 * kit.S, decays=True),  # by key: up to 20, less 0.5 each second
        kit.RateLimit("public", 1, kit.S),
        kit.RateLimit("connections", 150, 600 * kit.S),  # above it the address is banned for 10 minutes
    )

    def __init__(self, settings: kit.VenueSettings) -> None:
        chosen = kit.options(settings, _OPTIONS, self.venue)
        self._urls = HOSTS.urls(settings, chosen.get("api", "primary"))
        self._depth = int(chosen.get("depth", "10"))
        self.cost = tables.CALLS.cost

    def links(self, instruments: kit.Instruments, account: str, trades: kit.Instruments = ()) -> Sequence[kit.LinkSpec]:
        # each socket has a heartbeat a second
        alive = {"silence_ns": 10 * kit.S}
        return kit.usual_links(
            self.venue,
            instruments,
            account,
            trades,
            most=BOOKS_PER_LINK,
            public=alive,
            sockets=dict.fromkeys((kit.Role.PRIVATE, kit.Role.TRADE), alive),
        )

    def session(self, link: kit.LinkSpec, catalogue: kit.Catalogue, signer: kit.Signer | None) -> kit.Session:
        context = kit.Context(link, catalogue, signer, lambda symbol: symbol.replace("-", "/"))
        beat = kit.Heartbeat(sockets.ping, sockets.PING_NS)
        if link.role is kit.Role.REST:
            sign = partial(tables.sign, url=self._urls["rest"])
            return kit.RestSession(context, tables.CALLS, sign=sign, unwrap=tables.unwrap, usage=tables.usage)
        if link.role is kit.Role.PUBLIC:
            return kit.BookSocket(
                context,
                url=self._urls["ws_public"] + "/v2",
                read=sockets.Public().read,
                feeds=sockets.feeds(self._depth),
                streams=sockets.streams,
                write=partial(sockets.write, depth=self._depth),
                also=[sockets.RULES],
                prints=sockets.PRINTS,
                heartbeat=beat,
            )
        trade = link.role is kit.Role.TRADE
        private = sockets.Private(trade)
        return kit.AccountSocket(
            context,
            calls=tables.CALLS,
            url=self._urls["ws_trade" if trade else "ws_private"] + "/v2",
            read=private.read,
            token=private.token,
            channels=private.channels,
            write=private.write if trade else None,
            heartbeat=beat,
        )

    def route(self, command: kit.Command) -> Sequence[kit.Role]:
        """Empty for commands that this adapter does not support (replace, cancel-all)."""
        return tables.CALLS.route(command, (kit.NewOrder, kit.CancelOrder))
