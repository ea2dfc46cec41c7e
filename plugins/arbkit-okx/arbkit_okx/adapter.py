"""The OKX v5 spot adapter: endpoints, capabilities, limits, links. https://www.okx.com/docs-v5/en/"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import arbkit.venue as kit
from arbkit_okx import sockets, tables

HOSTS = kit.Hosts(
    "okx",
    {
        ("prod", "global"): kit.site("https://openapi.okx.com", "wss://ws.okx.com:443", trade=True),
        ("prod", "us"): kit.site("https://us.okx.com", "wss://wsus.okx.com:443", trade=True),
        ("prod", "eea"): kit.site("https://eea.okx.com", "wss://wseea.okx.com:443", trade=True),
        ("demo", "global"): kit.site("https://openapi.okx.com", "wss://wspap.okx.com:443", trade=True),
        ("demo", "us"): kit.site("https://us.okx.com", "wss://wsuspap.okx.com:443", trade=True),
        ("demo", "eea"): kit.site("https://eea.okx.com", "wss://wseeapap.okx.com:443", trade=True),
    },
)
_OPTIONS = {
    "channel": tuple(sockets.FEEDS),
    "region": ("global", "us", "eea"),
    "trade_mode": ("cash", "cross"),
}
"""Allowed values. Defaults: ``books``, ``global``, ``cash`` (``cross`` = spot orders in the margin account modes)."""
BOOKS_PER_LINK = 29
"""OKX recommends fewer than 30 deep channels on one connection."""
_REQUESTS = kit.RateLimit("requests", 480, 3600 * kit.S)
"""Subscribe, unsubscribe and login requests on one connection; orders and pings are not counted."""


class Okx:
    """The venue adapter. Raises ``ConfigError`` for an unknown option or environment."""

    venue = "okx"
    capabilities = kit.Capabilities(
        order_window_ns=tables.ORDER_WINDOW_NS,  # expTime, set on every order
        order_window_source="https://www.okx.com/docs-v5/en/#order-book-trading-trade-post-place-order (expTime)",
        account_status=True,
        checked="2026-11-29",
    )
    rate_limits: Sequence[kit.RateLimit] = (
        kit.RateLimit("place", 60, 2 * kit.S),  # per instrument; WebSocket and REST together
        kit.RateLimit("cancel", 60, 2 * kit.S),  # per instrument
        kit.RateLimit("query", 60, 2 * kit.S),
        kit.RateLimit("pending", 60, 2 * kit.S),
        kit.RateLimit("fills", 60, 2 * kit.S),
        kit.RateLimit("balance", 10, 2 * kit.S),
        kit.RateLimit("config", 5, 2 * kit.S),
        kit.RateLimit("fee", 5, 2 * kit.S),
        kit.RateLimit("currencies", 6, kit.S),
        kit.RateLimit("instruments", 20, 2 * kit.S),
        kit.RateLimit("time", 10, 2 * kit.S),
        kit.RateLimit("connections", 3, kit.S),
    )

    def __init__(self, settings: kit.VenueSettings) -> None:
        chosen = kit.options(settings, _OPTIONS, self.venue)
        self._urls = HOSTS.urls(settings, chosen.get("region", "global"))
        self._channel = chosen.get("channel", "books")
        self._trade_mode = chosen.get("trade_mode", "cash")
        self._demo = settings.environment == "demo"
        self._login = self._channel.endswith("l2-tbt")
        """Public sockets log in: for the channels of the higher tiers."""
        self._calls = tables.calls(self._trade_mode)
        self.cost = self._calls.cost

    def links(self, instruments: kit.Instruments, account: str, trades: kit.Instruments = ()) -> Sequence[kit.LinkSpec]:
        # books and the tbt channels push an empty update after 60 s without a change
        quiet_ns = 0 if self._channel in ("bbo-tbt", "books5") else 90 * kit.S
        return kit.usual_links(
            self.venue,
            instruments,
            account,
            trades,
            most=BOOKS_PER_LINK,
            public={"send_limit": _REQUESTS, "quiet_ns": quiet_ns},
            public_login=self._login,
            sockets={role: {"send_limit": _REQUESTS} for role in (kit.Role.PRIVATE, kit.Role.TRADE)},
        )

    def session(self, link: kit.LinkSpec, catalogue: kit.Catalogue, signer: kit.Signer | None) -> kit.Session:
        context = kit.Context(link, catalogue, signer, str)
        beat = kit.Heartbeat("ping", sockets.PING_NS)
        if link.role is kit.Role.REST:
            sign = partial(tables.sign, url=self._urls["rest"], demo=self._demo)
            return kit.RestSession(context, self._calls, sign=sign, unwrap=tables.unwrap)
        if link.role is kit.Role.PUBLIC:
            return self._public(context, beat, sockets.read_public)
        private = sockets.Private(self._trade_mode)
        trade = link.role is kit.Role.TRADE
        return kit.AccountSocket(
            context,
            calls=self._calls,
            url=self._urls["ws_trade" if trade else "ws_private"] + "/ws/v5/private",
            read=private.read,
            login=tables.login,
            channels=None if trade else private.channels,
            write=private.write if trade else None,
            ids=kit.RequestIds(context, 32),
            heartbeat=beat,
        )

    def _public(self, context: kit.Context, beat: kit.Heartbeat | None, read: sockets.Reader) -> kit.BookSocket:
        return kit.BookSocket(
            context,
            url=self._urls["ws_public"] + "/ws/v5/public",
            read=read,
            feeds=sockets.FEEDS,
            streams=sockets.streams(self._channel),
            write=sockets.write,
            also=[sockets.RULES],
            prints="trades",
            heartbeat=beat,
            login=tables.login if self._login and context.has_key else None,
        )

    def replay_session(self, link: kit.LinkSpec, catalogue: kit.Catalogue, signer: kit.Signer | None) -> kit.Session:
        """The session for ``arbkit replay``: it also reads the frames of 2022."""
        return self._public(kit.Context(link, catalogue, None, str), None, sockets.read_recorded)

    def route(self, command: kit.Command) -> Sequence[kit.Role]:
        """Empty for commands that OKX spot does not have (cancel-all). In demo, orders use REST, because demo refuses
        the instIdCode that it publishes."""
        return self._calls.route(command, () if self._demo else (kit.NewOrder, kit.CancelOrder))
