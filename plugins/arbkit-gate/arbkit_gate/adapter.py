"""The Gate spot adapter: endpoints, capabilities, limits, links. https://www.gate.com/docs/developers/apiv4/en/"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import arbkit.venue as kit
from arbkit_gate import sockets, tables

HOSTS = kit.Hosts(
    "gate",
    {
        key: kit.site(f"https://{rest}", f"wss://{ws}", trade=True)
        for key, rest, ws in (
            (("prod", "global"), "api.gateio.ws", "api.gateio.ws"),
            (("prod", "eu"), "api.gateeu.com", "api.gateeu.com"),
            (("testnet", "global"), "api-testnet.gateapi.io", "ws-testnet.gate.com"),
        )
    },
)
"""``eu`` is an exchange of its own, with its own keys and books, and without ``spot.obu``."""
_OPTIONS = {"channel": tuple(sockets.FEEDS), "region": ("global", "eu")}
"""Allowed values. Defaults: ``obu.50`` (in the region eu ``order_book_update``), ``global``."""
BOOKS_PER_LINK = 100
"""Gate documents no limit of streams on a connection; 150 were seen."""
_DOCS = "https://www.gate.com/docs/developers/apiv4/en"


class Gate:
    """The venue adapter. Raises ``ConfigError`` for an unknown option, endpoint, environment or region."""

    venue = "gate"
    capabilities = kit.Capabilities(
        client_id_scope=kit.ClientIdScope.NONE,  # a second order with the same text is accepted
        order_window_ns=tables.ORDER_WINDOW_NS,  # x-gate-exptime, set on every order
        order_window_source=f"{_DOCS}/#x-gate-exptime",
        checked="2026-11-30",
    )
    rate_limits: Sequence[kit.RateLimit] = (
        kit.RateLimit("place", 10, kit.S),  # per pair
        kit.RateLimit("cancel", 200, kit.S),
        *(
            kit.RateLimit(name, 200, 10 * kit.S)  # per endpoint
            for name in ("order", "orders", "open", "fills", "balances", "pairs", "time", "book", "currencies")
        ),
        kit.RateLimit("fee", 80, 10 * kit.S),  # as the other wallet calls whose limit is named
        kit.RateLimit("connections", 3, kit.S),  # assumed: documented are 300 open ones from one address
    )

    def __init__(self, settings: kit.VenueSettings) -> None:
        chosen = kit.options(settings, _OPTIONS, self.venue)
        region = chosen.get("region", "global")
        self._urls = HOSTS.urls(settings, region)
        self._channel = chosen.get("channel", sockets.UPDATES if region == "eu" else "obu.50")
        if region == "eu" and self._channel != sockets.UPDATES:
            raise kit.ConfigError(
                f"venues.gate.options.channel: {self._channel!r} does not exist in the region eu; "
                f"use {sockets.UPDATES!r}, or leave it out"
            )
        self._path = "/v4/ws/spot" if settings.environment == "testnet" else "/ws/v4/"
        self.cost = tables.CALLS.cost

    def links(self, instruments: kit.Instruments, account: str, trades: kit.Instruments = ()) -> Sequence[kit.LinkSpec]:
        return kit.usual_links(
            self.venue,
            instruments,
            account,
            trades,
            most=BOOKS_PER_LINK,
            sockets={role: {} for role in (kit.Role.PRIVATE, kit.Role.TRADE)},
        )

    def session(self, link: kit.LinkSpec, catalogue: kit.Catalogue, signer: kit.Signer | None) -> kit.Session:
        context = kit.Context(link, catalogue, signer, lambda symbol: symbol.replace("-", "_"))
        beat = kit.Heartbeat(sockets.ping, sockets.PING_NS)
        if link.role is kit.Role.REST:
            sign = partial(tables.sign, url=self._urls["rest"])
            return kit.RestSession(context, tables.CALLS, sign=sign, unwrap=tables.unwrap, usage=tables.usage)
        if link.role is kit.Role.PUBLIC:
            return kit.BookSocket(
                context,
                url=self._urls["ws_public"] + self._path,
                read=sockets.read_public,
                feeds=sockets.FEEDS,
                streams=lambda native: [(self._channel, native)],
                write=lambda op, wanted, number: sockets.write(op, wanted, number, beat.now_ns),
                prints=sockets.PRINTS,
                heartbeat=beat,
                rest=sockets.SNAPSHOTS,
            )
        trade = link.role is kit.Role.TRADE
        return kit.AccountSocket(
            context,
            calls=tables.CALLS,
            url=self._urls["ws_trade" if trade else "ws_private"] + self._path,
            read=sockets.read_trade if trade else sockets.read_private,
            login=sockets.login if trade else None,
            channels=None if trade else sockets.channels,
            write=sockets.write_order if trade else None,
            ids=kit.RequestIds(context, 32),
            heartbeat=beat,
        )

    def route(self, command: kit.Command) -> Sequence[kit.Role]:
        """Empty for commands that this adapter does not have (replace)."""
        return tables.CALLS.route(command, (kit.NewOrder, kit.CancelOrder))
