"""The links and the hosts of a venue, out of tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeAlias

from arbkit.core.errors import ConfigError
from arbkit.core.types import Instrument, LinkSpec, Role, VenueSettings, rest_link

__all__ = ["Hosts", "Instruments", "site", "usual_links"]

Instruments: TypeAlias = Sequence[Instrument]

_NAMES = ("rest", "ws_public", "ws_private", "ws_trade")


def site(rest: str, public: str, account: str = "", *, trade: bool = False) -> dict[str, str]:
    """The base URLs of one site of a venue, for ``Hosts``. ``account``: of the sockets with a key, where these have a
    host of their own. ``trade``: orders go over such a socket too."""
    account = account or public
    return {"rest": rest, "ws_public": public, "ws_private": account} | ({"ws_trade": account} if trade else {})


class Hosts:
    """Base URLs by environment and region: ``{("prod", ""): site(...), ("demo", "eea"): ...}``.

    A missing name, or "", means that the environment has no such endpoint; one that no environment has is not asked
    for. Raises ``ValueError`` for a name that is not one of ``rest``, ``ws_public``, ``ws_private``, ``ws_trade``.
    """

    def __init__(self, venue: str, table: Mapping[tuple[str, str], Mapping[str, str]]) -> None:
        if strange := sorted({name for urls in table.values() for name in urls}.difference(_NAMES)):
            raise ValueError(
                f"hosts of {venue}: no endpoint is called {', '.join(strange)}; known: {', '.join(_NAMES)}"
            )
        self._venue = venue
        self._table = table

    def urls(self, settings: VenueSettings, region: str = "") -> dict[str, str]:
        """All base URLs, those of ``settings.endpoints`` before the table's. Raises ``ConfigError`` for an unknown
        endpoint name, and for an environment or region without URLs (``sim`` has none: its endpoints must be given)."""
        given = {name: url.rstrip("/") for name, url in settings.endpoints.items() if url}
        for name in settings.endpoints:
            if name not in _NAMES:
                near = get_close_matches(name, _NAMES, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(_NAMES)}"
                raise ConfigError(f"venues.{self._venue}.endpoints.{name}: no such endpoint; {hint}")
        known = self._table.get((settings.environment, region))
        if known is None:
            where = f"environment {settings.environment!r}" + (f", region {region!r}," if region else "")
            used = {name for urls in self._table.values() for name, url in urls.items() if url}
            missing = [name for name in _NAMES if name in used and name not in given]
            if missing:
                built_in = ", ".join(dict.fromkeys(environment for environment, _ in self._table))
                raise ConfigError(
                    f"venues.{self._venue}: {where} needs endpoints {', '.join(missing)} "
                    f"(environments with built-in endpoints: {built_in})"
                )
            known = {}
        return {name: given.get(name) or known.get(name, "") for name in _NAMES}


def usual_links(
    venue: str,
    instruments: Sequence[Instrument],
    account: str,
    trades: Sequence[Instrument] = (),
    *,
    most: int = 0,
    most_chars: int = 0,
    topics: tuple[str, str] = ("", ""),
    public: Mapping[str, Any] | None = None,
    public_login: bool = False,
    sockets: Mapping[Role, Mapping[str, Any]] | None = None,
    life_ns: int = 0,
) -> list[LinkSpec]:
    """Public links for the books and trades, the account's sockets, and the REST link.

    A public link has at most ``most`` instruments, whose topics have at most ``most_chars`` characters (0 = no limit);
    ``topics``: what stands before the native name in the topic of a book and of trades. ``public`` and ``sockets`` (by
    role) are further fields of ``LinkSpec``, and ``life_ns`` is that of all sockets. ``public_login``: public sockets
    log in too. Without an account: public links and the REST link without key.
    """
    books = {one.id for one in instruments if one.venue == venue}
    prints = {one.id for one in trades if one.venue == venue}
    links: list[LinkSpec] = []
    shares: list[list[str]] = []
    room = 0
    for one in {each.id: each for each in (*instruments, *trades) if each.venue == venue}.values():
        own = [topic for topic, names in zip(topics, (books, prints), strict=True) if one.id in names]
        size = sum(len(topic) + len(one.native) for topic in own) if most_chars else 0
        if not shares or len(shares[-1]) == most or size > room:
            shares.append([])
            room = most_chars
        shares[-1].append(one.id)
        room -= size
    for number, share in enumerate(shares):
        links.append(
            LinkSpec(
                link=f"{venue}.public.{number}",
                venue=venue,
                role=Role.PUBLIC,
                account=account if public_login else "",
                instruments=[name for name in share if name in books],
                trades=[name for name in share if name in prints],
                life_ns=life_ns,
                **(public or {}),
            )
        )
    if account:
        name = account.replace(":", ".")
        links += [
            LinkSpec(link=f"{name}.{role.value}", venue=venue, role=role, account=account, life_ns=life_ns, **fields)
            for role, fields in (sockets or {}).items()
        ]
    return [*links, rest_link(venue, account)]
