"""Texts for network failures, without secrets."""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Sequence

from websockets.exceptions import InvalidHandshake, InvalidStatus
from websockets.frames import CLOSE_CODE_EXPLANATIONS

from arbkit.core.types import Secret

__all__ = ["cause", "close_text", "pieces", "refusal", "reveal", "scrub"]


_UNKNOWN_CA = (18, 19, 20, 21)
"""OpenSSL's verify codes for a certificate whose CA is not trusted: self-signed, or its issuer is not found."""
_OUT_OF_DATE = (9, 10)
"""Not valid yet, and expired."""


def reveal(text: str) -> str:
    """The text for the wire."""
    return text.reveal() if isinstance(text, Secret) else text


def pieces(secret: str) -> list[str]:
    """The parts of a secret text that must not be shown: all of it, and the parts of a URL that may be tokens."""
    text = reveal(secret)
    return [text, *re.findall(r"=([^&\s]{8,})", text), *re.findall(r"[\w-]{16,}", text)] if text else []


def scrub(text: str, secrets: Sequence[str], limit: int = 300) -> str:
    """External text made safe to display: no secrets, no control characters, one line of at most ``limit`` chars."""
    for secret in secrets:
        if isinstance(secret, Secret):
            for piece in pieces(secret):
                text = text.replace(piece, "***")
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


def cause(error: BaseException) -> str:
    """The text of a network error, without our addresses."""
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = ""
        if error.verify_code in _UNKNOWN_CA:
            hint = "; if the certificate is your own, set ca_file to its CA"
        elif error.verify_code in _OUT_OF_DATE:
            hint = "; check the date of this machine"
        return f"TLS certificate refused: {error.verify_message}{hint}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or 'no reason given'}"
    if isinstance(error, socket.gaierror):
        return f"name not found ({error.strerror})"
    if isinstance(error, OSError) and error.errno and error.errno > 0:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__


def refusal(error: Exception, secrets: Sequence[str]) -> str:
    """Why a WebSocket handshake failed, as text for the user."""
    if not isinstance(error, InvalidStatus):
        cause = error.__cause__
        if isinstance(cause, EOFError):
            return "the connection ended during the handshake"
        words = str(cause or error) if isinstance(error, InvalidHandshake) else "not an HTTP answer"
        return scrub(f"the handshake failed: {words}", secrets)
    response = error.response
    status = response.status_code
    text = f"the handshake was refused with {status} {response.reason_phrase}"
    if status == 407:
        return f"{text}: a proxy between here and the venue wants authentication"
    if 300 <= status < 400:
        return f"{text}: redirects are not followed (to {response.headers.get('Location', 'nowhere')})"
    body = bytes(response.body[:2000]).decode("utf-8", "replace")
    if body.lstrip()[:1] == "<":
        return f"{text}: an HTML page, so a proxy, firewall or block page rather than the venue's own answer"
    return scrub(f"{text}: {body}" if body.strip() else text, secrets)


def close_text(code: int, reason: str) -> str:
    name = CLOSE_CODE_EXPLANATIONS.get(code, "")
    return f"{code}" + (f" ({name})" if name else "") + (f": {reason}" if reason else "")
