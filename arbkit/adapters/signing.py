"""Signature encodings that several venues use. The ``Signer`` makes the raw digest; these functions encode it."""

from __future__ import annotations

from base64 import b64encode

from arbkit.core.protocols import Signer

__all__ = ["hmac_base64", "hmac_hex", "ed25519_base64"]


def hmac_hex(signer: Signer, text: str, algorithm: str = "sha256") -> str:
    """Lower-case hex HMAC of the text's UTF-8 (Binance, Bybit)."""
    return signer.hmac(algorithm, text.encode()).hex()


def hmac_base64(signer: Signer, text: str, algorithm: str = "sha256") -> str:
    """Base64 HMAC of the text's UTF-8 (OKX)."""
    return b64encode(signer.hmac(algorithm, text.encode())).decode()


def ed25519_base64(signer: Signer, text: str) -> str:
    """Base64 Ed25519 signature of the text's UTF-8."""
    return b64encode(signer.ed25519(text.encode())).decode()
