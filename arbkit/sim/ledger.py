"""Who owns what, in integer units of 1e-12, and the proof that nothing appears or vanishes."""

from __future__ import annotations

__all__ = ["Ledger"]


class Ledger:
    """Free and locked amounts by (account, asset)."""
