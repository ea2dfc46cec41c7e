"""The balances of a simulated exchange, in integer units of 1e-12. ``SimExchange`` owns one."""

from __future__ import annotations

from typing import Final

__all__ = ["FEES", "SimLedger"]

FEES: Final = "fees"
"""The account that collects the venue's fees."""


class SimLedger:
    """Free and locked amounts by (account, asset).

    Only ``deposit`` adds money; all other calls move it. So the sum of an asset over all accounts (``total``) equals
    ``deposited``. A negative amount is a bug of the simulator and raises ``ArithmeticError``.
    """

    __slots__ = ("_rows", "deposited")

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], list[int]] = {}
        self.deposited: dict[str, int] = {}
        """Sum of all deposits, by asset."""

    def deposit(self, account: str, asset: str, amount: int) -> None:
        """Add money from outside the exchange."""
        self.credit(account, asset, amount)
        self.deposited[asset] = self.deposited.get(asset, 0) + amount

    def free(self, account: str, asset: str) -> int:
        return self._row(account, asset)[0]

    def locked(self, account: str, asset: str) -> int:
        return self._row(account, asset)[1]

    def credit(self, account: str, asset: str, amount: int) -> None:
        """Add to the free amount. The caller takes it from another account (``spend``)."""
        self._row(account, asset)[0] += amount

    def lock(self, account: str, asset: str, amount: int) -> None:
        """Move from free to locked; a negative amount moves back."""
        row = self._row(account, asset)
        row[0] -= amount
        row[1] += amount
        self._check(row, account, asset)

    def spend(self, account: str, asset: str, amount: int) -> None:
        """Take from the locked amount. The caller credits it to other accounts."""
        row = self._row(account, asset)
        row[1] -= amount
        self._check(row, account, asset)

    def rows(self, account: str = "") -> list[tuple[str, str, int, int]]:
        """(account, asset, free, locked), sorted, for one account or all."""
        return sorted((a, asset, row[0], row[1]) for (a, asset), row in self._rows.items() if account in ("", a))

    def total(self, asset: str) -> int:
        """The sum over all accounts."""
        return sum(row[0] + row[1] for (_, of), row in self._rows.items() if of == asset)

    @property
    def conserved(self) -> bool:
        """Whether the sum of each asset equals its deposits."""
        sums = dict.fromkeys(self.deposited, 0)
        for (_, asset), (free, locked) in self._rows.items():
            sums[asset] = sums.get(asset, 0) + free + locked
        return all(amount == self.deposited.get(asset, 0) for asset, amount in sums.items())

    def assets(self) -> list[str]:
        """Every asset that was ever held, sorted."""
        return sorted({asset for _, asset in self._rows})

    def _row(self, account: str, asset: str) -> list[int]:
        row = self._rows.get((account, asset))
        if row is None:
            row = self._rows[account, asset] = [0, 0]
        return row

    @staticmethod
    def _check(row: list[int], account: str, asset: str) -> None:
        if row[0] < 0 or row[1] < 0:
            raise ArithmeticError(f"simulated ledger of {account}, {asset}: free {row[0]}, locked {row[1]}")
