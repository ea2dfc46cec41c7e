"""Which instruments of the configured venues can be traded against each other, and why the others cannot.

``arbkit instruments`` uses it. It reads catalogues, with keys also what can be moved and contracts, and sends no order.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from arbkit.app.plan import plan_of
from arbkit.app.rehearsal import WAIT_S, rehearse
from arbkit.config.load import Config
from arbkit.core.desk import Desk
from arbkit.core.errors import ConnectFailed
from arbkit.core.market.identity import relative
from arbkit.core.protocols import Exchange
from arbkit.core.types import AskKind, Instrument
from arbkit.core.venues.signer import LocalSigner
from arbkit.core.venues.venue import Venue

__all__ = ["ListedInstrument", "ListedSymbol", "matches", "read", "symbols"]


class ListedInstrument(Struct, frozen=True, kw_only=True):
    """One instrument, and what it can be traded against."""

    instrument: str
    native: str
    status: str
    deposit: bool | None
    """Whether the base asset can be deposited; likewise ``withdraw``. None = not known."""
    withdraw: bool | None
    against: Sequence[str] = ()
    """Venues with an instrument that it can be traded against."""
    why: Sequence[str] = ()
    """Why not against the others."""


class ListedSymbol(Struct, frozen=True, kw_only=True):
    """One canonical symbol on all venues."""

    symbol: str
    venues: Sequence[str]
    tradable: Sequence[str]
    """The venues on which it can be traded against another one."""
    why: Sequence[str] = ()


def read(
    config: Config,
    exchanges: Mapping[str, Exchange],
    signers: Mapping[str, LocalSigner],
    loop_factory: Callable[[], AbstractEventLoop],
) -> tuple[Desk, dict[str, str]]:
    """A desk that knows the catalogues, and why a venue's is missing, by venue. Raises ``ConnectFailed`` if no venue
    answers."""
    plan = plan_of(config, False, 0)
    held = rehearse(plan, exchanges, None, signers, loop_factory, ca_file=config.ca_file, enough=_all_known)
    desk = held.desk
    missing = {
        name: held.trouble(name) or f"no catalogue within {WAIT_S:g} s"
        for name, venue in desk.venues.items()
        if not venue.catalogued
    }
    if len(missing) == len(desk.venues):
        raise ConnectFailed("; ".join(f"{name}: {why}" for name, why in missing.items()))
    return desk, missing


def _all_known(desk: Desk) -> bool:
    return all(map(_known, desk.venues.values()))


def _known(venue: Venue) -> bool:
    assets = venue.polls.get(AskKind.ASSETS)
    return venue.catalogued and (venue.setup.signer is None or (assets is not None and assets.known))


def matches(desk: Desk, symbol: str) -> list[ListedInstrument]:
    """The instruments of this symbol, then those that are about the same assets in another way. Empty: no venue lists
    anything of the kind."""
    listed = desk.catalogue.symbol(symbol)
    rows = []
    for one in listed:
        others = [other for other in listed if other.venue != one.venue]
        why = {other.venue: _unlike(desk, one, other) for other in others}
        rows.append(
            _match(desk, one, [venue for venue, text in why.items() if not text], [*filter(None, why.values())])
        )
    base, _, quote = symbol.removesuffix("-PERP").partition("-")
    rows += [
        _match(desk, one, [], [text])
        for one in sorted(desk.catalogue, key=lambda one: one.id)
        if one.symbol != symbol and (text := _related(one, base, quote))
    ]
    return rows


def _match(desk: Desk, one: Instrument, against: Sequence[str], why: Sequence[str]) -> ListedInstrument:
    venue = desk.venues[one.venue]
    return ListedInstrument(
        instrument=one.id,
        native=one.native,
        status=one.status or ("trading" if one.tradable else "not tradable"),
        deposit=venue.movable(one.base, "deposit"),
        withdraw=venue.movable(one.base, "withdraw"),
        against=against,
        why=list(dict.fromkeys(why)),
    )


def _unlike(desk: Desk, one: Instrument, other: Instrument) -> str:
    if one.kind != other.kind or one.multiplier != other.multiplier or one.settle != other.settle:
        return f"{one.id} and {other.id} are different contracts"
    for each in (one, other):
        if not each.tradable:
            return f"{each.id} is {each.status or 'not tradable'}"
    return desk.view.unlike(one, other)


def _related(one: Instrument, base: str, quote: str) -> str:
    """What an instrument of another symbol has to do with these assets."""
    if one.quote == quote and (text := relative(base, one.base)):
        return text
    if one.base == base and one.quote == quote:
        return f"another kind of contract: {one.kind}"
    if one.base == base and {one.quote, quote} <= _DOLLARS:
        return f"another quote asset: {one.quote} is not {quote}"
    return ""


_DOLLARS = frozenset({"USD", "USDT", "USDC", "FDUSD", "TUSD", "DAI", "USDE", "PYUSD", "RLUSD"})


def symbols(desk: Desk) -> list[ListedSymbol]:
    """The symbols that two venues or more list."""
    found: dict[str, list[Instrument]] = {}
    for one in desk.catalogue:
        found.setdefault(one.symbol, []).append(one)
    rows = []
    for symbol, listed in sorted(found.items()):
        if len({one.venue for one in listed}) > 1:
            good, why = set(), []
            for i, one in enumerate(listed):
                for other in listed[i + 1 :]:
                    if text := _unlike(desk, one, other):
                        why.append(text)
                    else:
                        good |= {one.venue, other.venue}
            venues = [one.venue for one in listed]
            tradable = [venue for venue in venues if venue in good]
            rows.append(ListedSymbol(symbol=symbol, venues=venues, tradable=tradable, why=why))
    return rows
