"""Signs requests without giving the secret to the adapter. ``config.load`` creates the signer; sessions use it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any

from arbkit.core.errors import CredentialsError
from arbkit.core.types import Secret

__all__ = ["AnyKey", "LocalSigner"]

_ENCODINGS = ("utf-8", "base64", "hex", "pem")


class LocalSigner:
    """Signs in this process with a secret in memory (``core.protocols.Signer``).

    ``encoding`` says how the text of the secret is converted to key bytes: ``utf-8`` (as is), ``base64``, ``hex``, or
    ``pem`` (a private key, only for ed25519 and ecdsa). Raises ``CredentialsError`` if the secret does not have this
    encoding; error texts never contain the secret. ``offset_ns`` is measured by the desk: venue clock minus our clock.
    """

    __slots__ = ("_begun", "_encoding", "_key", "_nonce", "_passphrases", "_private", "_secret", "offset_ns")

    def __init__(self, key: str, secret: str, passphrase: str = "", *, encoding: str = "utf-8") -> None:
        self._key = key
        self._secret = _secret_bytes(secret, encoding)
        self._encoding = encoding
        self._begun: dict[tuple[str, str], hmac.HMAC] = {}
        """With the secret and no payload yet, by algorithm and the encoding of the venue."""
        self._passphrases = {"": Secret(passphrase)}
        """As it is, and signed, by the algorithm."""
        self._private: Any = None
        self._nonce = 0
        self.offset_ns = 0

    def __repr__(self) -> str:
        return f"LocalSigner(key={self._key[:4]}***)"

    def __reduce__(self) -> str:
        raise TypeError("a signer cannot be pickled or copied: it contains a secret")

    @property
    def key(self) -> str:
        return self._key

    def passphrase(self, signed: str = "") -> str:
        """As it is, or the base64 HMAC of it by the algorithm ``signed``, made once."""
        found = self._passphrases.get(signed)
        if found is None:
            digest = self.hmac(signed, self._passphrases[""].reveal().encode())
            found = self._passphrases[signed] = Secret(base64.b64encode(digest).decode())
        return found

    def hmac(self, algorithm: str, payload: bytes, encoding: str = "") -> bytes:
        """Raw HMAC digest of ``payload``. The venue's ``encoding`` counts if the configuration names none."""
        begun = self._begun.get((algorithm, encoding))
        if begun is None:
            own = not encoding or self._encoding != "utf-8"
            secret = self._secret if own else _secret_bytes(self._secret.decode(), encoding)
            begun = self._begun[algorithm, encoding] = hmac.new(secret, digestmod=algorithm)
        made = begun.copy()
        made.update(payload)
        return made.digest()

    def ed25519(self, payload: bytes) -> bytes:
        """64 raw bytes. The secret is a PEM key, or its 32 bytes (as base64 or hex), also with the public key's 32
        bytes behind them."""
        signature: bytes = self._load("ed25519").sign(payload)
        return signature

    def ecdsa(self, payload: bytes) -> bytes:
        """SHA-256 and ECDSA on the key's curve, as ``r || s`` (as in JWT; ES256 for P-256). The secret is a PEM key.
        The same payload gives the same signature (RFC 6979): no random number leaks it, a run can be replayed."""
        key = self._load("ecdsa")
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, utils

        r, s = utils.decode_dss_signature(key.sign(payload, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
        size = (key.curve.key_size + 7) // 8
        return bytes(r.to_bytes(size, "big") + s.to_bytes(size, "big"))

    def nonce(self, now_ns: int) -> int:
        """Increases with each call and is at least ``now_ns``."""
        self._nonce = max(now_ns, self._nonce + 1)
        return self._nonce

    def venue_ns(self, now_ns: int) -> int:
        """``now_ns`` converted to the venue's clock."""
        return now_ns + self.offset_ns

    def _load(self, kind: str) -> Any:
        """The private key object, created once, because parsing takes longer than signing."""
        if self._private is not None:
            return self._private
        try:
            from cryptography.hazmat.primitives import serialization
            from cryptography.hazmat.primitives.asymmetric import ec, ed25519
        except ImportError as missing:
            raise CredentialsError(
                f"{kind} keys need the package 'cryptography': pip install cryptography"
            ) from missing
        try:
            if self._secret.lstrip().startswith(b"-----BEGIN"):
                # in a variable of the environment, a line break is often written as a backslash and n
                private: Any = serialization.load_pem_private_key(self._secret.replace(rb"\n", b"\n"), password=None)
            elif kind == "ed25519":
                seed = self._secret if self._encoding != "utf-8" else _secret_bytes(self._secret.decode(), "base64")
                private = ed25519.Ed25519PrivateKey.from_private_bytes(seed[:32])
                if len(seed) > 32 and private.public_key().public_bytes_raw() != seed[32:]:
                    raise ValueError
            else:
                raise ValueError
        except (ValueError, TypeError, CredentialsError):
            # "from None": the library's error text may contain the key
            raise CredentialsError(f"key {self._key[:4]}***: the secret is not a readable {kind} private key") from None
        wanted = ed25519.Ed25519PrivateKey if kind == "ed25519" else ec.EllipticCurvePrivateKey
        if not isinstance(private, wanted):
            raise CredentialsError(f"key {self._key[:4]}***: the secret is not a {kind} key")
        self._private = private
        return private


class AnyKey(LocalSigner):
    """Signs in every way without a real key, where nobody checks the signature: replays, rules of the kit."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("key", "secret", "passphrase")

    def ed25519(self, payload: bytes) -> bytes:
        return hashlib.sha512(payload).digest()

    ecdsa = ed25519

    def hmac(self, algorithm: str, payload: bytes, encoding: str = "") -> bytes:
        return super().hmac(algorithm, payload)


def _secret_bytes(secret: str, encoding: str) -> bytes:
    text = secret.reveal() if isinstance(secret, Secret) else secret
    if not text:
        raise CredentialsError("the secret is empty")
    try:
        match encoding:
            case "utf-8" | "pem":
                return text.encode()
            case "base64":
                return base64.b64decode(text, validate=True)
            case "hex":
                return binascii.unhexlify(text)
    except (ValueError, binascii.Error):
        raise CredentialsError(f"the secret is not {encoding} text") from None
    raise CredentialsError(f"unknown secret encoding {encoding!r}; one of {', '.join(_ENCODINGS)}")
