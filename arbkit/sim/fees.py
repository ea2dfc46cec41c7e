"""The fees of a simulated exchange: rates by account and symbol, and what an execution costs."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from arbkit.sim.ledger import FEES, SimLedger
from arbkit.sim.pair import SCALE, Pair
from arbkit.sim.prices import SimPrices
from arbkit.sim.records import Account, Profile

__all__ = ["SimFees"]

_RATE = 10**8  # fee rates are stored in units of 1e-8


class SimFees:
    """Takes fees and taxes from accounts. ``SimExchange`` owns one."""

    __slots__ = ("_accounts", "_ledger", "_prices", "_profile", "_rates")

    def __init__(self, profile: Profile, accounts: Mapping[str, Account], ledger: SimLedger, prices: SimPrices) -> None:
        self._profile = profile
        self._accounts = accounts
        self._ledger = ledger
        self._prices = prices
        self._rates: dict[tuple[str, str], tuple[int, int]] = {}

    def open(self, account: str, symbol: str) -> None:
        """Fix the rates of an account for its executions in a symbol."""
        maker, taker = self.rates(account, symbol)
        self._rates[account, symbol] = int(maker * _RATE), int(taker * _RATE)

    def rates(self, account: str, symbol: str = "") -> tuple[Decimal, Decimal]:
        """(maker, taker) of an account, for a symbol or in general."""
        own, default = self._accounts[account], self._profile.rates(symbol)
        return default[0] if own.maker is None else own.maker, default[1] if own.taker is None else own.taker

    def charge(self, pair: Pair, account: str, get: str, got: int, quote: int, maker: bool) -> tuple[int, str, int]:
        """Take the fee of one execution, and a tax: (fee, its asset, tax). ``get``, ``got``: what was received;
        ``quote``: the value of the execution. Amounts are in ledger units."""
        owner, rate = self._accounts[account], self._rates[account, pair.symbol][0 if maker else 1]
        fee, asset = self._fee(got, rate), owner.fee_asset or self._profile.fee_asset or get
        if asset == "quote":
            fee, asset = self._fee(quote, rate), pair.quote
        elif asset != get:
            price, dollars = self._prices.dollars(asset), self._prices.dollars(get)
            own = self._rounded(int(fee * self._profile.fee_discount * dollars / price)) if price else 0
            asset, fee = (asset, own) if 0 < own <= self._ledger.free(account, asset) else (get, fee)
        if fee > self._ledger.free(account, asset):
            fee, asset = self._fee(got, rate), get
        extra = self._fee(got, int(owner.extra_fee * _RATE))
        for of, amount in ((asset, fee), (get, extra)):
            self._ledger.credit(account, of, -amount)
            self._ledger.credit(FEES, of, amount)
        return fee, asset, extra

    def _fee(self, received: int, rate: int) -> int:
        fee = self._rounded(received * abs(rate) // _RATE)
        return -fee if rate < 0 else fee

    def _rounded(self, amount: int) -> int:
        """Rounded down to the venue's fee decimals."""
        step: int = 10 ** (SCALE - self._profile.fee_decimals)
        return amount - amount % step
