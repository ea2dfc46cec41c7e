"""The signer signs and does not reveal its secret."""

from __future__ import annotations

import base64
import builtins
import copy
import sys
import traceback
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

from arbkit.core.errors import CredentialsError
from arbkit.core.protocols import Signer
from arbkit.core.venues.signer import LocalSigner

CANARY = "canary-7f3a-secret"


def pem(key: Any) -> str:
    text: bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return text.decode()


def test_it_is_a_signer() -> None:
    """It has the protocol's members; the key is public, the desk can set the offset."""
    signer = LocalSigner("key", CANARY, "phrase")
    assert isinstance(signer, Signer)
    assert signer.key == "key"
    signer.offset_ns = -5
    assert signer.venue_ns(100) == 95


def test_hmac_equals_the_published_vectors() -> None:
    """RFC 4231, case 2, three algorithms; text, hex and base64 secrets give the same key bytes."""
    secrets = [("Jefe", "utf-8"), (b"Jefe".hex(), "hex"), (base64.b64encode(b"Jefe").decode(), "base64")]
    for secret, encoding in secrets:
        signer = LocalSigner("k", secret, encoding=encoding)
        payload = b"what do ya want for nothing?"
        assert signer.hmac("sha256", payload).hex().startswith("5bdcc146bf60754e6a04")
        assert signer.hmac("sha384", payload).hex().startswith("af45d2e376484031617f")
        assert signer.hmac("sha512", payload).hex().startswith("164b7a7bfcf819e2e395")


def test_the_venues_encoding_counts_where_the_configuration_names_none() -> None:
    """RFC 4231, case 2: one secret as the venue shows it, with and without ``encoding`` in the configuration. A secret
    of another form is told, without its text."""
    payload = b"what do ya want for nothing?"
    secret = base64.b64encode(b"Jefe").decode()
    for signer in (LocalSigner("k", secret), LocalSigner("k", secret, encoding="base64")):
        for _ in range(2):
            assert signer.hmac("sha512", payload, "base64").hex().startswith("164b7a7bfcf819e2e395")
    assert LocalSigner("k", "Jefe").hmac("sha512", payload).hex().startswith("164b7a7bfcf819e2e395")
    with pytest.raises(CredentialsError, match="the secret is not base64 text") as told:
        LocalSigner("k", CANARY).hmac("sha512", payload, "base64")
    assert CANARY not in str(told.value)


def test_ed25519_equals_the_published_vector() -> None:
    """RFC 8032, test 2; raw, base64 and PEM forms of one key. Base64 needs no entry in the configuration, a public key
    may follow the seed, and the line breaks of a PEM may be written as in a variable of the environment."""
    seed = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    wanted = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    key = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    plain, pair = base64.b64encode(seed).decode(), base64.b64encode(seed + key.public_key().public_bytes_raw()).decode()
    forms = [(seed.hex(), "hex"), (plain, "base64"), (plain, "utf-8"), (pair, "base64"), (pair, "utf-8")]
    forms += [(pem(key), "pem"), (pem(key), "utf-8"), (pem(key).replace("\n", "\\n"), "utf-8")]
    for secret, encoding in forms:
        assert LocalSigner("k", secret, encoding=encoding).ed25519(b"\x72").hex().startswith(wanted)


def test_ecdsa_verifies_and_has_a_fixed_length() -> None:
    """ES256: 64 bytes, r and s; the same each time, and that of RFC 6979 (A.2.5, message "sample")."""
    rfc = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
    sample = LocalSigner("k", pem(ec.derive_private_key(rfc, ec.SECP256R1()))).ecdsa(b"sample")
    assert sample.hex().upper().startswith("EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716F7CB1C94")
    key = ec.derive_private_key(4711, ec.SECP256R1())
    signature = LocalSigner("k", pem(key), encoding="pem").ecdsa(b"payload")
    assert len(signature) == 64
    der = utils.encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    key.public_key().verify(der, b"payload", ec.ECDSA(hashes.SHA256()))


def test_nonces_rise() -> None:
    """Also when the clock does not advance or goes back."""
    signer = LocalSigner("k", CANARY)
    assert [signer.nonce(now) for now in (10, 10, 5, 100)] == [10, 11, 12, 100]


@pytest.mark.parametrize(
    ("secret", "encoding", "text"),
    [
        ("", "utf-8", "empty"),
        (CANARY, "hex", "not hex"),
        (CANARY + "!", "base64", "not base64"),
        (CANARY, "rot13", "unknown secret encoding"),
    ],
)
def test_bad_secrets_are_refused_without_being_quoted(secret: str, encoding: str, text: str) -> None:
    """The error names the problem, not the secret."""
    with pytest.raises(CredentialsError, match=text) as caught:
        LocalSigner("k", secret, encoding=encoding)
    shown = "".join(traceback.format_exception(caught.value))
    assert not secret or secret not in shown.replace(f'("k", "{secret}"', "")


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_unreadable_private_keys_are_refused_without_being_quoted(kind: str) -> None:
    """Not a key at all, and a key of the other kind."""
    other = ec.derive_private_key(7, ec.SECP256R1()) if kind == "ed25519" else ed25519.Ed25519PrivateKey.generate()
    mismatch = base64.b64encode(bytes(range(64))).decode()
    for secret in (CANARY, mismatch, f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----", pem(other)):
        signer = LocalSigner("publickey", secret, encoding="pem")
        with pytest.raises(CredentialsError, match=f"not a.*{kind}") as caught:
            getattr(signer, kind)(b"x")
        assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """HMAC works without it; the message says what to install."""
    real = builtins.__import__

    def fake(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("cryptography"):
            raise ImportError(name)
        return real(name, *rest, **more)

    for name in [name for name in sys.modules if name.startswith("cryptography")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", fake)
    signer = LocalSigner("k", "00" * 32, encoding="hex")
    assert len(signer.hmac("sha256", b"x")) == 32
    with pytest.raises(CredentialsError, match="pip install cryptography"):
        signer.ed25519(b"x")


def test_the_secret_is_never_shown() -> None:
    """repr, str, format, passphrase, vars, pickling, copying."""
    signer = LocalSigner("publickey", CANARY, CANARY)
    shown = [
        repr(signer),
        str(signer),
        f"{signer}",
        f"{signer.passphrase()}",
        repr(signer.passphrase()),
        repr([signer]),
    ]
    assert all(CANARY not in text for text in shown)
    assert not hasattr(signer, "__dict__")
    for attempt in (copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="contains a secret"):
            attempt(signer)
    assert signer.passphrase() == CANARY
