"""A strategy that trades nothing: the best bid and ask of one symbol on every venue.

``arbkit run watch_books.py:Watch`` shows the real books, ``python watch_books.py`` simulated ones in virtual time.
"""

import sys
from collections.abc import Iterable, Sequence

from arbkit import Catalogue, Instrument, Opportunity, Strategy, View


class Watch(Strategy):
    """Prints one line per second: each venue's best bid and ask, or "no trusted book"."""

    symbol = "BTC-USDT"

    def __init__(self) -> None:
        self.listed: list[Instrument] = []
        self.next_ns = 0

    def instruments(self, catalogue: Catalogue) -> Iterable[Instrument]:
        self.listed = catalogue.symbol(self.symbol)
        return self.listed

    def decide(self, view: View, touched: Sequence[str], now_ns: int) -> Sequence[Opportunity]:
        if now_ns >= self.next_ns:
            self.next_ns = now_ns + 1_000_000_000
            print("   ".join(self.line(view, instrument) for instrument in self.listed))
        return ()

    @staticmethod
    def line(view: View, instrument: Instrument) -> str:
        book = view.book(instrument.id)
        bid, ask = (book.best_bid(), book.best_ask()) if book is not None else (None, None)
        if bid is None or ask is None:
            return f"{instrument.venue}: no trusted book"
        return f"{instrument.venue}: {bid[0]:.2f} | {ask[0]:.2f}"


def main(seconds: float = 5.0) -> None:
    from arbkit.testing.simulated import simulate
    from arbkit_binance.adapter import Binance
    from arbkit_binance.dialect import BinanceDialect
    from arbkit_okx.adapter import Okx
    from arbkit_okx.dialect import OkxDialect

    simulate(Watch(), {Binance: BinanceDialect, Okx: OkxDialect}).run_for(seconds)


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
