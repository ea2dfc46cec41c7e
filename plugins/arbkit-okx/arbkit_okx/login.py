"""Signatures of OKX requests: REST headers and the login message.

https://www.okx.com/docs-v5/en/#overview-rest-authentication and #overview-websocket-login
"""

from __future__ import annotations

from datetime import UTC, datetime

from arbkit.adapters.signing import hmac_base64
from arbkit.adapters.wire import MS, S, json_text
from arbkit.core.errors import CredentialsError
from arbkit.core.protocols import Signer
from arbkit.core.types import RejectReason, Secret, Send
from arbkit_okx import codes


def headers(signer: Signer, method: str, path: str, body: str, now_ns: int) -> list[tuple[str, str]]:
    """The headers of a signed request. ``path``: with its query, exactly as sent."""
    stamp = iso(signer.venue_ns(now_ns))
    return [
        ("OK-ACCESS-KEY", signer.key),
        ("OK-ACCESS-PASSPHRASE", signer.passphrase()),
        ("OK-ACCESS-TIMESTAMP", stamp),
        ("OK-ACCESS-SIGN", Secret(hmac_base64(signer, f"{stamp}{method}{path}{body}"))),
    ]


def frame(signer: Signer, now_ns: int) -> Send:
    stamp = str(signer.venue_ns(now_ns) // S)
    arg = {
        "apiKey": signer.key,
        "passphrase": "".join(signer.passphrase()),
        "timestamp": stamp,
        "sign": hmac_base64(signer, f"{stamp}GET/users/self/verify"),
    }
    return Send(Secret(json_text({"op": "login", "args": [arg]})))


def refused(code: str, msg: str) -> CredentialsError | None:
    """The error if the code refuses the key; None for other codes (clock, rate limit)."""
    if codes.REJECTS.get(code) is not RejectReason.AUTH:
        return None
    return CredentialsError(f"okx refused the key: {code} {msg} (key, passphrase, permissions, IP list, environment?)")


def iso(ns: int) -> str:
    """``2025-06-15T15:06:40.125Z``"""
    seconds, rest = divmod(ns, S)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // MS:03d}Z"
