"""The OKX v5 spot adapter: endpoints, capabilities, limits, links. https://www.okx.com/docs-v5/en/"""

from __future__ import annotations

from collections.abc import Sequence

from arbkit.adapters.wire import S, base_url, options
from arbkit.core.errors import ConfigError, CredentialsError
from arbkit.core.protocols import Session, Signer
from arbkit.core.types import (
    Ask,
    AskKind,
    CancelOrder,
    Capabilities,
    Catalogue,
    ClientIdScope,
    Command,
    Instrument,
    LinkSpec,
    ListFills,
    ListOpenOrders,
    NewOrder,
    QueryOrder,
    RateLimit,
    Role,
    VenueSettings,
    rest_link,
)
from arbkit_okx.private import LIMIT_WINDOW_NS, ORDER_WINDOW_NS, AccountSession
from arbkit_okx.public import CHANNELS, PublicSession
from arbkit_okx.rest import RestSession
from arbkit_okx.wire import VENUE


def _hosts(rest: str, ws: str) -> dict[str, str]:
    return {"rest": rest, **dict.fromkeys(("ws_public", "ws_private", "ws_trade"), ws)}


_REGIONS = {
    "global": {
        "prod": _hosts("https://openapi.okx.com", "wss://ws.okx.com:443"),
        "demo": _hosts("https://openapi.okx.com", "wss://wspap.okx.com:443"),
    },
    "us": {
        "prod": _hosts("https://us.okx.com", "wss://wsus.okx.com:443"),
        "demo": _hosts("https://us.okx.com", "wss://wsuspap.okx.com:443"),
    },
    "eea": {
        "prod": _hosts("https://eea.okx.com", "wss://wseea.okx.com:443"),
        "demo": _hosts("https://eea.okx.com", "wss://wseeapap.okx.com:443"),
    },
}
"""Base URLs by region and environment. A demo account has the REST host of its region."""
_OPTIONS = {
    "channel": tuple(CHANNELS),
    "region": tuple(_REGIONS),
    "trade_mode": ("cash", "cross"),
}
"""Allowed values. Defaults: ``books``, ``global``, ``cash`` (``cross`` = spot orders in the margin account modes)."""

BOOKS_PER_LINK = 29
"""OKX recommends fewer than 30 deep channels on one connection."""
_REQUESTS = RateLimit("requests", 480, 3600 * S)
"""Subscribe, unsubscribe and login requests on one connection; orders and pings are not counted."""
_BUCKETS = {
    NewOrder: "place",
    CancelOrder: "cancel",
    QueryOrder: "query",
    ListOpenOrders: "pending",
    ListFills: "fills",
    AskKind.CATALOGUE: "instruments",
    AskKind.TIME: "time",
    AskKind.FEES: "fee",
    AskKind.BALANCES: "balance",
    AskKind.ASSETS: "currencies",
}


class Okx:
    """The venue adapter. Raises ``ConfigError`` for an unknown option or environment."""

    venue = VENUE
    capabilities = Capabilities(
        client_id_scope=ClientIdScope.OPEN_ONLY,  # a duplicate of a finished order may be accepted
        order_window_ns=ORDER_WINDOW_NS,  # expTime, set on every order
        order_window_source="https://www.okx.com/docs-v5/en/#order-book-trading-trade-post-place-order (expTime)",
        order_timeout_ns=10 * S,
        order_timeout_source="assumed: the venue states none; 10 s as at Binance",
        lookup_lag_ns=2 * S,
        book_check="sequence",
        checked="2026-06-27",
    )
    rate_limits: Sequence[RateLimit] = (
        RateLimit("place", 60, LIMIT_WINDOW_NS),  # per instrument; WebSocket and REST together
        RateLimit("cancel", 60, LIMIT_WINDOW_NS),  # per instrument
        RateLimit("query", 60, LIMIT_WINDOW_NS),
        RateLimit("pending", 60, LIMIT_WINDOW_NS),
        RateLimit("fills", 60, LIMIT_WINDOW_NS),
        RateLimit("balance", 10, LIMIT_WINDOW_NS),
        RateLimit("fee", 5, LIMIT_WINDOW_NS),
        RateLimit("currencies", 6, S),
        RateLimit("instruments", 20, LIMIT_WINDOW_NS),
        RateLimit("time", 10, LIMIT_WINDOW_NS),
        RateLimit("connections", 3, S),
    )

    def __init__(self, settings: VenueSettings) -> None:
        chosen = options(settings, _OPTIONS, VENUE)
        self._channel = chosen.get("channel", "books")
        self._trade_mode = chosen.get("trade_mode", "cash")
        self._demo = settings.environment == "demo"
        hosts = _REGIONS[chosen.get("region", "global")]
        self._endpoints = {name: base_url(settings, hosts, name, VENUE) for name in hosts["prod"]}

    def links(
        self, instruments: Sequence[Instrument], account: str, trades: Sequence[Instrument] = ()
    ) -> Sequence[LinkSpec]:
        if trades:
            raise ConfigError("okx: this adapter does not subscribe trades yet")
        name = account.partition(":")[2] or account
        ids = [instrument.id for instrument in instruments if instrument.venue == VENUE]
        links = [
            LinkSpec(
                link=f"{VENUE}.public.{number}",
                venue=VENUE,
                role=Role.PUBLIC,
                account=account if self._channel.endswith("l2-tbt") else "",
                instruments=ids[start : start + BOOKS_PER_LINK],
                send_limit=_REQUESTS,
                # books and the tbt channels push an empty update after 60 s without a change
                quiet_ns=0 if self._channel in ("bbo-tbt", "books5") else 90 * S,
            )
            for number, start in enumerate(range(0, len(ids), BOOKS_PER_LINK))
        ]
        if account:
            links += [
                LinkSpec(
                    link=f"{VENUE}.{name}.{role.value}", venue=VENUE, role=role, account=account, send_limit=_REQUESTS
                )
                for role in (Role.PRIVATE, Role.TRADE)
            ]
        return [*links, rest_link(VENUE, account)]

    def session(self, link: LinkSpec, catalogue: Catalogue, signer: Signer | None) -> Session:
        if link.role is Role.PUBLIC:
            url = self._endpoints["ws_public"] + "/ws/v5/public"
            return PublicSession(link, catalogue, url=url, channel=self._channel, signer=signer)
        if link.role is Role.REST:
            return RestSession(
                link,
                catalogue,
                signer,
                url=self._endpoints["rest"],
                cost=self.cost,
                demo=self._demo,
                trade_mode=self._trade_mode,
            )
        if signer is None:
            raise CredentialsError(f"{link.link} needs a key: set venues.{VENUE}.key, secret and passphrase")
        url = self._endpoints["ws_trade" if link.role is Role.TRADE else "ws_private"] + "/ws/v5/private"
        return AccountSession(link, catalogue, signer, url=url, trade_mode=self._trade_mode)

    def replay_session(self, link: LinkSpec, catalogue: Catalogue, signer: Signer | None) -> Session:
        """The session for ``arbkit replay``: it also reads the frames of 2022."""
        return PublicSession(link, catalogue, url="", channel=self._channel, recorded=True)

    def route(self, command: Command) -> Sequence[Role]:
        """Empty for commands that OKX spot does not have (cancel-all). In demo, orders use REST, because demo refuses
        the instIdCode that it publishes."""
        match command:
            case NewOrder() | CancelOrder():
                return (Role.REST,) if self._demo else (Role.TRADE, Role.REST)
            case QueryOrder() | ListOpenOrders() | ListFills():
                return (Role.REST,)
            case _:
                return ()

    def cost(self, what: Ask | Command, role: Role) -> Sequence[tuple[str, int]]:
        if isinstance(what, NewOrder | CancelOrder):
            return ((f"{_BUCKETS[type(what)]}:{what.instrument}", 1),)
        bucket = _BUCKETS.get(what.kind if isinstance(what, Ask) else type(what))
        return ((bucket, 1),) if bucket else ()
