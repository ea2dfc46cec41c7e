"""The Crypto.com spot adapter (Exchange v1): endpoints, capabilities, limits, links.

https://exchange-developer.crypto.com/exchange/v1/docs
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import arbkit.venue as kit
from arbkit_cryptocom import sockets, tables

HOSTS = kit.Hosts(
    "cryptocom",
    {
        ("prod", ""): kit.site("https://api.crypto.com", "wss://stream.crypto.com", trade=True),
        ("testnet", ""): kit.site("https://uat-api.3ona.co", "wss://uat-stream.3ona.co", trade=True),
    },
)
_OPTIONS = {"channel": tuple(sockets.FEEDS)}
"""Allowed values, the default first."""
BOOKS_PER_LINK = 100
"""The venue allows 400 channels on one connection: books and trades. The snapshots of 400 books take 15 s."""
_MARKET = {
    "send_limit": kit.RateLimit("requests", 90, kit.S),  # of 100
    "quiet_ns": 20 * kit.S,  # a book without changes has an empty one every 5 s
}
_USER = {"send_limit": kit.RateLimit("requests", 140, kit.S)}  # of 150
"""Of one connection."""


class Cryptocom:
    """The venue adapter. Raises ``ConfigError`` for an unknown option or environment."""

    venue = "cryptocom"
    rate_limits: Sequence[kit.RateLimit] = (
        *(kit.RateLimit(call, most, window_ns) for call, (most, window_ns) in tables.LIMITS.items()),
        kit.RateLimit("connections", 2, kit.S),  # no limit is stated: assumed
    )
    capabilities = kit.Capabilities(
        checked="2026-11-30",
        order_window_ns=tables.WINDOW_NS,
        order_window_source="https://exchange-developer.crypto.com/exchange/v1/docs (nonce, code 40102); "
        "assumed for orders over WebSocket, which carry a nonce and no signature",
        keeps_deadlines=False,
        answers_named=False,  # a request has a number, and an answer comes on its own socket only
        streams_balances=False,  # user.balance has no time, so it cannot be ordered against the listing
        clock_step_ns=kit.S,
    )

    def __init__(self, settings: kit.VenueSettings) -> None:
        self._urls = HOSTS.urls(settings)
        self._channel = kit.options(settings, _OPTIONS, self.venue).get("channel", "book.50")
        self.cost = tables.CALLS.cost

    def links(self, instruments: kit.Instruments, account: str, trades: kit.Instruments = ()) -> Sequence[kit.LinkSpec]:
        users = dict.fromkeys((kit.Role.PRIVATE, kit.Role.TRADE), _USER)
        return kit.usual_links(
            self.venue, instruments, account, trades, most=BOOKS_PER_LINK, public=_MARKET, sockets=users
        )

    def session(self, link: kit.LinkSpec, catalogue: kit.Catalogue, signer: kit.Signer | None) -> kit.Session:
        context = kit.Context(link, catalogue, signer, lambda symbol: symbol.replace("-", "_"))
        if link.role is kit.Role.REST:
            rest = partial(tables.sign, url=self._urls["rest"])
            return kit.RestSession(context, tables.CALLS, unwrap=tables.unwrap, sign=rest, refuses_by_5xx=True)
        if link.role is kit.Role.PUBLIC:
            return kit.BookSocket(
                context,
                url=f"{self._urls['ws_public']}{tables.BASE}market",
                feeds=sockets.FEEDS,
                streams=sockets.streams(self._channel),
                prints=sockets.PRINTS,
                most=sockets.CHANNELS,
                write=sockets.write,
                read=sockets.read_public,
                wait_ns=sockets.WAIT_NS,
            )
        user, trade = sockets.Private(), link.role is kit.Role.TRADE
        return kit.AccountSocket(
            context,
            url=f"{self._urls['ws_trade' if trade else 'ws_private']}{tables.BASE}user",
            login=user.login,
            channels=None if trade else user.channels,
            read=user.read,
            write=user.write if trade else None,
            calls=tables.CALLS,
            wait_ns=sockets.WAIT_NS,
        )

    def route(self, command: kit.Command) -> Sequence[kit.Role]:
        """Empty for commands that this adapter does not support (replace, cancel-all)."""
        return tables.CALLS.route(command, (kit.NewOrder, kit.CancelOrder))
