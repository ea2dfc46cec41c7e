"""Signatures of Bybit requests: REST headers and the auth message. https://bybit-exchange.github.io/docs/v5/guide"""

from __future__ import annotations

from arbkit.adapters.signing import hmac_hex
from arbkit.adapters.wire import MS, json_text
from arbkit.core.errors import CredentialsError
from arbkit.core.protocols import Signer
from arbkit.core.types import RejectReason, Secret, Send
from arbkit_bybit import codes

WINDOW_NS = 5_000_000_000
"""recv_window: Bybit refuses a request that arrives later than this after its timestamp."""
_AUTH_NS = 10_000_000_000


def window_ms(deadline_ns: int, now_ns: int) -> str:
    """The recv_window in ms as text; it ends at the deadline if that is earlier than ``WINDOW_NS``."""
    if not deadline_ns:
        return str(WINDOW_NS // MS)
    return str(max(1, min(deadline_ns - now_ns, WINDOW_NS) // MS))


def headers(signer: Signer, payload: str, now_ns: int, window: str) -> list[tuple[str, str]]:
    """The headers of a signed request. ``payload``: the query string or the body, exactly as sent."""
    stamp = str(signer.venue_ns(now_ns) // MS)
    return [
        ("X-BAPI-API-KEY", signer.key),
        ("X-BAPI-TIMESTAMP", stamp),
        ("X-BAPI-RECV-WINDOW", window),
        ("X-BAPI-SIGN", Secret(hmac_hex(signer, f"{stamp}{signer.key}{window}{payload}"))),
    ]


def frame(signer: Signer, now_ns: int) -> Send:
    expires = (signer.venue_ns(now_ns) + _AUTH_NS) // MS
    args = [signer.key, expires, hmac_hex(signer, f"GET/realtime{expires}")]
    return Send(Secret(json_text({"req_id": "auth", "op": "auth", "args": args})))


def refused(code: int | None, msg: str) -> CredentialsError | None:
    """The error if the code refuses the key; None for other codes (clock, rate limit)."""
    if code is None or codes.REJECTS.get(code) is not RejectReason.AUTH:
        return None
    return CredentialsError(f"bybit refused the key: {code} {msg} (key, permissions, IP list, environment?)")
