"""Who may call a simulated venue: the key, the passphrase and the signature of a request."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Mapping
from typing import Any, Literal

from arbkit.sim.calls import Problem, found, refuse
from arbkit.sim.records import Account
from arbkit.sim.venue import SimExchange

__all__ = ["Door"]


class Door:
    """The check of one kind of signed request: an HMAC with the account's secret, or its Ed25519 key."""

    __slots__ = ("_algorithm", "_decode", "_digits", "_exchange", "_refused")

    def __init__(
        self,
        exchange: SimExchange,
        digits: Literal["hex", "base64"],
        refused: Mapping[str, tuple[Any, ...]],
        *,
        algorithm: str = "sha256",
        decode: Callable[[str], bytes] = str.encode,
    ) -> None:
        """``digits``: how the venue writes an HMAC. ``refused``: the arguments of ``Problem`` by what is wrong:
        ``key``, ``passphrase`` (where the venue has one), ``sign``. ``decode``: makes the bytes of a secret."""
        self._exchange = exchange
        self._algorithm = algorithm
        self._decode = decode
        self._digits = digits
        self._refused = refused

    def account(self, key: str, payload: bytes, sign: str, passphrase: str = "") -> Account:
        """The account that signed ``payload``. Raises the venue's error for what is wrong first."""
        account = found(self._exchange.by_key(key), *self._refused["key"])
        if "passphrase" in self._refused:
            refuse(not _same(passphrase, account.passphrase), *self._refused["passphrase"])
        if account.ed25519 is not None and key == account.ed25519.key:
            good = account.ed25519.good(payload.decode(), sign)
        else:
            mac = hmac.digest(self._decode(account.secret), payload, self._algorithm)
            good = _same(sign, mac.hex() if self._digits == "hex" else base64.b64encode(mac).decode())
        if not good:
            raise Problem(*self._refused["sign"])
        return account


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(errors="replace"), other.encode(errors="replace"))
