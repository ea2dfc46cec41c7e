"""The Binance spot adapter: endpoints, capabilities, limits, links. https://developers.binance.com/docs/binance-spot-api-docs"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import arbkit.venue as kit
from arbkit_binance import sockets, tables

__all__ = ["Binance"]


HOSTS = kit.Hosts(
    "binance",
    {
        ("prod", ""): kit.site(
            "https://api.binance.com", "wss://stream.binance.com:9443", "wss://ws-api.binance.com:443", trade=True
        ),
        ("testnet", ""): kit.site(
            "https://testnet.binance.vision",
            "wss://stream.testnet.binance.vision",
            "wss://ws-api.testnet.binance.vision",
            trade=True,
        ),
        ("demo", ""): kit.site(
            "https://demo-api.binance.com",
            "wss://demo-stream.binance.com",
            "wss://demo-ws-api.binance.com",
            trade=True,
        ),
    },
)
_OPTIONS: dict[str, tuple[str, ...]] = {"depth": (), "key_type": ("hmac", "ed25519"), "recv_window_ms": ()}
_SYMBOLS_PER_LINK = 200
"""Two streams per symbol: 400 of the 1024 allowed per connection, so that a lost socket affects fewer books."""
_DOCS = "https://developers.binance.com/docs/binance-spot-api-docs/rest-api"


class Binance:
    """Options: ``depth`` (levels per side in a snapshot, up to 5000; the request weight depends on it), ``key_type``
    (``hmac`` or ``ed25519``), ``recv_window_ms`` (1 to 60000: how long after signing an order may still be executed).

    Raises ``ConfigError`` for an unknown option, endpoint or environment."""

    venue = "binance"
    rate_limits: Sequence[kit.RateLimit] = tables.LIMITS

    def __init__(self, settings: kit.VenueSettings) -> None:
        chosen = kit.options(settings, _OPTIONS, self.venue)
        self._urls = HOSTS.urls(settings)
        self._depth = _number(chosen, "depth", 1000, 5000)
        self._window_ms = _number(chosen, "recv_window_ms", 5000, 60_000)
        self._key_type = chosen.get("key_type", "hmac")
        self._calls = tables.calls(self._depth, settings.environment not in ("testnet", "demo"))
        self.capabilities = kit.Capabilities(
            order_window_ns=self._window_ms * kit.MS,
            order_window_source=f"{_DOCS}/request-security",
            order_timeout_ns=10 * kit.S,
            order_timeout_source=f"{_DOCS}/general-api-information (the API answers -1007 after 10 s)",
            account_status=True,
            checked="2026-11-29",
        )
        self.cost = self._calls.cost

    def links(self, instruments: kit.Instruments, account: str, trades: kit.Instruments = ()) -> Sequence[kit.LinkSpec]:
        return kit.usual_links(
            self.venue,
            instruments,
            account,
            trades,
            most=_SYMBOLS_PER_LINK,
            public={"send_limit": sockets.MESSAGES, "silence_ns": 60 * kit.S, "quiet_ns": 120 * kit.S},
            sockets={role: {"silence_ns": 60 * kit.S} for role in (kit.Role.PRIVATE, kit.Role.TRADE)},
            life_ns=kit.DAY,
        )

    def session(self, link: kit.LinkSpec, catalogue: kit.Catalogue, signer: kit.Signer | None) -> kit.Session:
        context = kit.Context(link, catalogue, signer)
        if link.role is kit.Role.PUBLIC:
            return kit.BookSocket(
                context,
                url=self._urls["ws_public"] + "/stream",
                read=sockets.Public().read,
                feeds=sockets.feeds(self._depth),
                streams=sockets.streams,
                write=sockets.write,
                most=sockets.MOST_STREAMS,
                most_bytes=sockets.MOST_BYTES,
                prints="trade",
                rest=sockets.SNAPSHOTS,
            )
        if link.role is kit.Role.REST:
            sign = partial(tables.sign, url=self._urls["rest"], key_type=self._key_type, window_ms=self._window_ms)
            return kit.RestSession(
                context,
                self._calls,
                sign=sign,
                unwrap=tables.unwrap,
                usage=tables.usage,
            )
        trade = link.role is kit.Role.TRADE
        api = sockets.Api(context.signer, self._key_type, self._window_ms, private=not trade)
        return kit.AccountSocket(
            context,
            calls=self._calls,
            url=self._urls["ws_trade" if trade else "ws_private"] + "/ws-api/v3",
            read=api.read,
            login=api.logon if self._key_type == "ed25519" else None,
            channels=api.channels,
            write=api.write if trade else None,
            heartbeat=kit.Heartbeat(sockets.clock, sockets.CLOCK_EVERY_NS) if trade else None,
        )

    def route(self, command: kit.Command) -> Sequence[kit.Role]:
        """Empty for commands that the venue does not have: replace, and cancel-all over all symbols."""
        if isinstance(command, kit.CancelAll) and not command.instrument:
            return ()
        return self._calls.route(command, (kit.NewOrder, kit.CancelOrder, kit.QueryOrder))


def _number(chosen: dict[str, str], name: str, usual: int, high: int) -> int:
    text = chosen.get(name, str(usual))
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= high):
        raise kit.ConfigError(f"venues.binance.options.{name}: {text!r} is not a whole number from 1 to {high}")
    return int(text)
