"""The adapter of Coinbase Advanced Trade, spot: hosts, capabilities, limits, links.

https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/overview
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import arbkit.venue as kit
from arbkit_coinbase import sockets, tables

HOSTS = kit.Hosts(
    "coinbase",
    {
        ("prod", ""): kit.site(
            "https://api.coinbase.com",
            "wss://advanced-trade-ws.coinbase.com",
            "wss://advanced-trade-ws-user.coinbase.com",
        )
    },
)
_DOCS = "https://docs.cdp.coinbase.com"
_SILENCE_NS = 6 * kit.S
"""``heartbeats`` sends a message each second."""


class Coinbase:
    """The venue adapter. Raises ``ConfigError`` for an unknown option, endpoint or environment."""

    venue = "coinbase"
    capabilities = kit.Capabilities(
        order_window_ns=tables.TOKEN_S * kit.S,  # a token that is older is refused, and so is its request
        order_window_source=f"{_DOCS}/coinbase-app/authentication-authorization/api-key-authentication (2 minutes)",
        keeps_deadlines=False,
        account_status=True,
        fees_at_once=True,
        streams_fills=False,
        streams_balances=False,
        book_check="connection",
        checked="2026-11-30",
    )
    rate_limits: Sequence[kit.RateLimit] = (
        kit.RateLimit("public", 10, kit.S),  # by address
        kit.RateLimit("private", 25, kit.S),  # by user; 27 to 30 are said to be allowed
        kit.RateLimit("connections", 2, kit.S),  # 8 a second; each sends up to four messages, of which 8 are allowed
    )

    def __init__(self, settings: kit.VenueSettings) -> None:
        chosen = kit.options(settings, {"key_type": tuple(tables.KEY_TYPES)}, self.venue)
        self._urls = HOSTS.urls(settings)
        self._key_type = chosen.get("key_type", "ecdsa")
        self.cost = tables.CALLS.cost

    def links(self, instruments: kit.Instruments, account: str, trades: kit.Instruments = ()) -> Sequence[kit.LinkSpec]:
        return kit.usual_links(
            self.venue,
            instruments,
            account,
            trades,
            most=sockets.BOOKS_PER_LINK,
            public={"send_limit": sockets.MESSAGES, "silence_ns": _SILENCE_NS},
            sockets={kit.Role.PRIVATE: {"silence_ns": _SILENCE_NS}},
        )

    def session(self, link: kit.LinkSpec, catalogue: kit.Catalogue, signer: kit.Signer | None) -> kit.Session:
        context = kit.Context(link, catalogue, signer, str)
        if link.role is kit.Role.REST:
            sign = partial(tables.sign, url=self._urls["rest"], key_type=self._key_type)
            return kit.RestSession(context, tables.CALLS, sign=sign, unwrap=tables.unwrap)
        if link.role is kit.Role.PUBLIC:
            public = sockets.Public(context)
            return kit.BookSocket(
                context,
                url=self._urls["ws_public"],
                read=public.read,
                feeds=sockets.FEEDS,
                streams=lambda native: [("level2", native)],
                write=public.write,
                most=sockets.BOOKS_PER_LINK,
                one_channel=True,
                also=[sockets.BEAT],
                prints="market_trades",
            )
        private = sockets.Private(self._key_type)
        return kit.AccountSocket(
            context,
            calls=tables.CALLS,
            url=self._urls["ws_private"],
            read=private.read,
            login=None,
            channels=private.channels,
        )

    def route(self, command: kit.Command) -> Sequence[kit.Role]:
        """Orders go over REST. Empty for commands that Coinbase does not have (replace, cancel-all)."""
        return tables.CALLS.route(command)
