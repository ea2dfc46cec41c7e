"""Money: balances, exposure, the curve of the gain, limits."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from arbkit.core.money.limits import Used
from arbkit.core.types import plain
from arbkit.monitor.api import shapes
from arbkit.monitor.api.facts import RunFacts
from arbkit.monitor.api.samples import Samples, rounded, worth
from arbkit.monitor.api.shapes import Subscribe
from arbkit.monitor.api.table import Cell

__all__ = ["balances", "exposure", "limits", "pnl"]

_ZERO = Decimal(0)


def balances(facts: RunFacts, samples: Samples, ask: Subscribe) -> Iterator[Cell]:
    """Assets that an account holds, and those of its instruments."""
    desk = facts.desk
    asset = desk.setup.limits.asset

    def row(what: tuple[str, str, Decimal]) -> shapes.Balance:
        account, held, total = what
        return shapes.Balance(
            account=account,
            asset=held,
            total=plain(total),
            free=plain(desk.limits.free(account, held)),
            value=rounded(worth(desk, {held: total}, asset)),
        )

    for venue in desk.venues.values():
        used = {name for one in venue.instruments if one in desk.catalogue for name in _assets(facts, one)}
        for held, total in desk.ledger.totals(venue.account).items():
            if total or held in used:
                yield (venue.account, held), None, row, (venue.account, held, total)


def _assets(facts: RunFacts, instrument: str) -> tuple[str, str]:
    rules = facts.desk.catalogue[instrument]
    return rules.base, rules.quote


def exposure(facts: RunFacts, samples: Samples, ask: Subscribe) -> Iterator[Cell]:
    desk = facts.desk
    limits = desk.setup.limits
    opened: dict[str, Decimal] = {}
    for deal in list(desk.engine.deals.values()):
        for asset, over in deal.overs.items():
            opened[asset] = opened.get(asset, _ZERO) + over
    left = desk.leftovers

    def row(asset: str) -> shapes.Exposure:
        amount = opened.get(asset, _ZERO)
        return shapes.Exposure(
            asset=asset,
            open=plain(amount),
            left=plain(left.of(asset)),
            value=rounded(worth(desk, {asset: amount + left.of(asset)}, limits.asset)),
            cap=plain(limits.max_asset_notional),
        )

    for asset in sorted({*left.assets(), *(asset for asset, amount in opened.items() if amount)}):
        yield (asset,), None, row, asset


def pnl(facts: RunFacts, samples: Samples, ask: Subscribe) -> Iterator[Cell]:
    for point in samples.curve:
        yield (point.at_us,), point.at_us, _same, point


def _same(point: shapes.Gain) -> shapes.Gain:
    return point


def limits(facts: RunFacts, samples: Samples, ask: Subscribe) -> Iterator[Cell]:
    def row(used: Used) -> shapes.Limit:
        return shapes.Limit(name=used.rule, scope=used.scope, used=plain(round(used.used, 8)), most=plain(used.most))

    for used in facts.desk.limits.used(facts.now_ns()):
        yield (used.rule, used.scope), None, row, used
