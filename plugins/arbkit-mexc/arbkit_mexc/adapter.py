"""The MEXC spot adapter: endpoints, capabilities, limits, links. https://www.mexc.com/api-docs/spot-v3"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import arbkit.venue as kit
from arbkit_mexc import sockets, tables

HOSTS = kit.Hosts("mexc", {("prod", ""): kit.site("https://api.mexc.com", "wss://wbs-api.mexc.com")})
"""There is no test environment."""
_OPTIONS: dict[str, tuple[str, ...]] = {"depth": ("1000", "2000", "5000", "500", "100"), "speed": ("100ms", "10ms")}
"""Allowed values, the default first. Levels beyond a snapshot that never change stay unknown."""
_BOOKS_PER_LINK = sockets.TOPICS // 2
"""Each may need a topic for its trades too."""
_DOCS = "https://www.mexc.com/api-docs/spot-v3"


class Mexc:
    """The venue adapter. Raises ``ConfigError`` for an unknown option, endpoint or environment."""

    venue = "mexc"
    capabilities = kit.Capabilities(
        client_id_scope=kit.ClientIdScope.NONE,  # no page says what happens to a second order with the same id
        order_window_ns=tables.WINDOW_MS * kit.MS,
        order_window_source=f"{_DOCS}/general-info (timing security)",
        account_status=True,
        end_reasons=False,  # no page says how a post-only order that would match ends
        checked="2026-11-30",
    )
    rate_limits: Sequence[kit.RateLimit] = tables.LIMITS

    def __init__(self, settings: kit.VenueSettings) -> None:
        chosen = kit.options(settings, _OPTIONS, self.venue)
        self._urls = HOSTS.urls(settings)
        self._depth = int(chosen.get("depth", "1000"))
        self._channel = sockets.FASTER if chosen.get("speed") == "10ms" else sockets.BOOKS
        self._traded: list[kit.Instrument] = []
        self._calls = tables.calls(self._depth, lambda: self._traded)
        self.cost = self._calls.cost

    def links(self, instruments: kit.Instruments, account: str, trades: kit.Instruments = ()) -> Sequence[kit.LinkSpec]:
        self._traded = [one for one in instruments if one.venue == self.venue]
        return kit.usual_links(
            self.venue,
            instruments,
            account,
            trades,
            most=_BOOKS_PER_LINK,
            public={"send_limit": kit.RateLimit("mexc.messages", 90, kit.S)},  # above 100 it is disconnected
            sockets={kit.Role.PRIVATE: {}},
            life_ns=kit.DAY,
        )

    def session(self, link: kit.LinkSpec, catalogue: kit.Catalogue, signer: kit.Signer | None) -> kit.Session:
        context = kit.Context(link, catalogue, signer)
        beat = kit.Heartbeat(sockets.PING, sockets.PING_NS)
        if link.role is kit.Role.REST:
            sign = partial(tables.sign, url=self._urls["rest"])
            return kit.RestSession(context, self._calls, sign=sign, unwrap=tables.unwrap)
        if link.role is kit.Role.PUBLIC:
            return kit.BookSocket(
                context,
                url=self._urls["ws_public"] + "/ws",
                read=sockets.read_public,
                feeds=sockets.feeds(self._depth),
                streams=lambda native: [(self._channel, native)],
                write=sockets.write,
                most=sockets.TOPICS,
                most_bytes=sockets.MOST_BYTES,
                prints=sockets.PRINTS,
                heartbeat=beat,
                rest=sockets.SNAPSHOTS,
            )
        private = sockets.Private(self._urls["ws_private"] + "/ws")
        return kit.AccountSocket(
            context,
            calls=self._calls,
            read=private.read,
            address=private.address,
            renewal=kit.Heartbeat(private.renew, sockets.RENEW_NS),
            channels=private.channels,
            heartbeat=beat,
        )

    def route(self, command: kit.Command) -> Sequence[kit.Role]:
        """Empty for commands that the venue does not have: replace, and cancel-all over all symbols."""
        if isinstance(command, kit.CancelAll) and not command.instrument:
            return ()
        return self._calls.route(command)
