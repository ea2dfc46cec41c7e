"""The public API as a user types it: mypy --strict must accept this file and refuse what it marks as wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import assert_type

import arbkit
from arbkit import Book, Catalogue, DealReport, Instrument, Leg, Opportunity, Side, SpreadArb, Strategy, Trade, View
from arbkit.core.protocols import TradeReader
from arbkit.testing import simulate


class Mine(SpreadArb):
    """A subclass that only sets names."""

    symbols = ("BTC-USDT",)
    min_edge = 0.002


class Own(Strategy):
    """A strategy from nothing."""

    def instruments(self, catalogue: Catalogue) -> Iterable[Instrument]:
        return catalogue.symbol("BTC-USDT")

    def decide(self, view: View, touched: Sequence[str], now_ns: int) -> Sequence[Opportunity]:
        book = view.book(touched[0])
        assert_type(book, Book | None)
        if book is None:
            return ()
        best = book.best_bid()
        assert_type(best, tuple[float, float] | None)
        leg = Leg(instrument=touched[0], side=Side.BUY, qty=1.0, px=1.0)
        return [Opportunity(legs=[leg], expected_net=1.0, asset="USDT", edge=0.001, seen_ns=now_ns)]


class Duck:
    """No base class: the methods are enough."""

    def instruments(self, catalogue: Catalogue) -> Iterable[Instrument]:
        return ()

    def decide(self, view: View, touched: Sequence[str], now_ns: int) -> Sequence[Opportunity]:
        return ()


class Reads(Strategy):
    """A strategy that reads trades."""

    def instruments(self, catalogue: Catalogue) -> Iterable[Instrument]:
        return ()

    def trades(self, catalogue: Catalogue) -> Iterable[Instrument]:
        return catalogue.symbol("BTC-USDT")

    def on_trade(self, trade: Trade, view: View, now_ns: int) -> None:
        assert_type(trade.px, float)


class Told(Strategy):
    """A strategy with settings and the other hooks."""

    only_sell_on: str = "okx"
    due_ns = 0

    def instruments(self, catalogue: Catalogue) -> Iterable[Instrument]:
        return ()

    def decide(self, view: View, touched: Sequence[str], now_ns: int) -> Sequence[Opportunity]:
        rate = view.price("BTC", "USDT")
        assert_type(rate.px if rate is not None else None, float | None)
        assert_type(view.limits().loss_day, Decimal | None)
        return ()

    def on_deal(self, deal: DealReport, view: View, now_ns: int) -> None:
        assert_type(deal.net, Mapping[str, Decimal])
        assert_type(deal.legs[0].side, Side)

    def on_timer(self, view: View, now_ns: int) -> None:
        assert_type([deal.why for deal in view.deals(self)], list[str])


class Half:
    """Not a strategy."""

    def instruments(self, catalogue: Catalogue) -> Iterable[Instrument]:
        return ()


one: Strategy = Mine()
two: Strategy = Own()
three: Strategy = Duck()
reads: TradeReader = Reads()
told: Strategy = Told(only_sell_on="binance")
assert_type(simulate(told, ["binance"]).deals, list[DealReport])
four: Strategy = Half()  # type: ignore[assignment]  # it lacks decide

_ = Leg(instrument="x", side="buy", qty=1.0, px=1.0)  # type: ignore[arg-type]  # a side is no text


@arbkit.hookimpl
def register_strategies(register: Callable[[str, type[Strategy]], None]) -> None:
    """As a plugin writes it."""
    register("mine", Mine)
