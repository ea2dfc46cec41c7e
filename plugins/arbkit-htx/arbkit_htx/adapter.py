"""The HTX (formerly Huobi) spot adapter: endpoints, capabilities, limits, links. https://www.htx.com/en-us/opend/"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from msgspec.structs import replace

import arbkit.venue as kit
from arbkit_htx import sockets, tables

_DOCS = "https://www.htx.com/en-us/opend/newApiPages/"
HOSTS = kit.Hosts(
    "htx",
    {
        ("prod", region): kit.site(f"https://{host}", f"wss://{host}")
        for region, host in (("global", "api.huobi.pro"), ("aws", "api-aws.huobi.pro"))
    },
)
"""``aws``: for programs on AWS. The host is signed, so a key works with each of them."""
_OPTIONS = {"channel": tuple(sockets.FEEDS), "region": ("global", "aws")}
"""Allowed values, the default first."""
BOOKS_PER_LINK = 20
"""HTX documents no limit of topics on a connection, and warns of too many."""
_PUBLIC = {
    "send_limit": kit.RateLimit("requests", 40, kit.S),
    "send_burst": kit.RateLimit("requests", 1, 100 * kit.MS),  # between two requests for a whole book
}
_PRIVATE = {"send_limit": kit.RateLimit("requests", 50, kit.S)}


class Htx:
    """The venue adapter. Raises ``ConfigError`` for an unknown option, environment or region."""

    venue = "htx"
    rate_limits: Sequence[kit.RateLimit] = (
        *(kit.RateLimit(name, most, seconds * kit.S) for name, (most, seconds) in tables.LIMITS.items()),
        kit.RateLimit("connections", 2, kit.S),  # assumed: none is documented
    )
    capabilities = kit.Capabilities(
        checked="2026-11-30",
        client_id_scope=kit.ClientIdScope.WINDOW,  # 24 hours
        order_window_ns=tables.WINDOW_NS,
        order_window_source=f"{_DOCS} (authentication: Timestamp within 5 minutes)",
        keeps_deadlines=False,
        end_reasons=False,  # no report says why a post-only order was cancelled
        account_status=True,
    )

    def __init__(self, settings: kit.VenueSettings) -> None:
        chosen = kit.options(settings, _OPTIONS, "htx")
        self._urls = HOSTS.urls(settings, chosen.get("region", "global"))
        self._channel = chosen.get("channel", "mbp.150")
        self._spot = tables.Spot()
        self._calls = self._spot.calls()
        self.cost = self._calls.cost

    def links(self, instruments: kit.Instruments, account: str, trades: kit.Instruments = ()) -> Sequence[kit.LinkSpec]:
        """Trades have another socket than books."""
        cut = partial(kit.usual_links, self.venue, most=BOOKS_PER_LINK, public=_PUBLIC)
        prints = [
            replace(link, link=link.link.replace(".public.", ".trades."))
            for link in cut((), "", trades)
            if link.role is kit.Role.PUBLIC
        ]
        return [*cut(instruments, account, sockets={kit.Role.PRIVATE: _PRIVATE}), *prints]

    def session(self, link: kit.LinkSpec, catalogue: kit.Catalogue, signer: kit.Signer | None) -> kit.Session:
        context = kit.Context(link, catalogue, signer, lambda symbol: symbol.replace("-", "").lower())
        if link.role is kit.Role.REST:
            sign = partial(tables.sign, url=self._urls["rest"])
            return kit.RestSession(context, self._calls, sign=sign, unwrap=tables.unwrap)
        if link.role is kit.Role.PUBLIC:
            path = "/ws" if link.trades and not link.instruments else "/feed"
            return kit.BookSocket(
                context,
                feeds=sockets.FEEDS,
                prints=sockets.PRINTS,
                read=sockets.read_public,
                url=self._urls["ws_public"] + path,
                write=sockets.write,
                streams=lambda native: [(self._channel, native)],
            )
        url = self._urls["ws_private"] + sockets.PATH
        return kit.AccountSocket(
            context,
            calls=self._calls,
            url=url,
            login=sockets.login(url),
            channels=sockets.channels,
            read=sockets.reader(self._spot),
        )

    def route(self, command: kit.Command) -> Sequence[kit.Role]:
        """Orders go over REST. Empty for commands that this adapter does not have (replace, cancel-all)."""
        return self._calls.route(command)
