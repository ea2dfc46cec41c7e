"""Private keys of simulated accounts: Ed25519, and P-256 for ES256. They need the package ``cryptography``."""

from __future__ import annotations

import base64
import binascii
from random import Random
from typing import Final

__all__ = ["Ed25519", "Es256", "make"]

_CHARS: Final = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Ed25519:
    """A key pair: the API key that names it, the private key as the client has it, and the check of signatures."""

    __slots__ = ("_public", "key", "pem")

    def __init__(self, rng: Random) -> None:
        """Raises ``ImportError`` if ``cryptography`` is not installed."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        private = Ed25519PrivateKey.from_private_bytes(rng.randbytes(32))
        self._public = private.public_key()
        self.key = "".join(rng.choices(_CHARS, k=64))
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.pem = pem.decode()
        """PKCS#8, not encrypted."""

    def good(self, payload: str, signature: str) -> bool:
        """Whether ``signature`` (base64) is that of ``payload``."""
        from cryptography.exceptions import InvalidSignature

        try:
            self._public.verify(base64.b64decode(signature, validate=True), payload.encode())
        except (InvalidSignature, binascii.Error):
            return False
        return True


class Es256:
    """A P-256 key: the private key as the client has it, and the check of signatures as in JWT."""

    __slots__ = ("_public", "pem")

    def __init__(self, seed: str) -> None:
        """Raises ``ImportError`` if ``cryptography`` is not installed."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        private = ec.derive_private_key(Random(seed).getrandbits(255) + 1, ec.SECP256R1())
        self._public = private.public_key()
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        self.pem = pem.decode()
        """SEC 1, not encrypted."""

    def good(self, payload: bytes, signature: bytes) -> bool:
        """Whether ``signature`` (r and s, 32 bytes each) is that of ``payload``."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, utils

        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        try:
            self._public.verify(utils.encode_dss_signature(r, s), payload, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return len(signature) == 64


def make(seed: str) -> Ed25519 | None:
    """The key of a seed; None if ``cryptography`` is not installed."""
    try:
        return Ed25519(Random(seed))
    except ImportError:
        return None
