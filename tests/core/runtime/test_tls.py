"""TLS certificates are always verified: a bad one ends the attempt before we send a byte."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from arbkit.core.runtime.dialing import tls_context
from arbkit.core.types import Dial, HttpRequest, NoAnswer

SECOND = 1_000_000_000
YEAR = datetime.timedelta(days=365)
TODAY = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def certificate(folder: Path, *, address: str = "127.0.0.1", expired: bool = False) -> tuple[Path, Path]:
    """A self-signed certificate for ``address`` and its key, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "venue")])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(TODAY - 30 * YEAR)
        .not_valid_after(TODAY - 20 * YEAR if expired else TODAY + 50 * YEAR)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "cert.pem", folder / "key.pem"
    files[0].write_bytes(built.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return files


@asynccontextmanager
async def venue(cert: Path, key: Path, heard: list[bytes], newest: ssl.TLSVersion | None = None) -> AsyncIterator[int]:
    """An HTTPS server that answers anything; yields its port."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            heard.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    if newest is not None:
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.minimum_version = newest
        context.maximum_version = newest
    server = await asyncio.start_server(handler, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("unknown", "self-signed certificate"),
        ("other", "not valid for"),
        ("expired", "expired; check the date of this machine"),
        ("none", ""),
    ],
)
async def test_certificates_are_verified(running: Any, tmp_path: Path, fault: str, words: str) -> None:
    """Only a valid certificate of a known authority for this name is accepted, for WebSocket and HTTP."""
    cert, key = certificate(
        tmp_path, address="127.0.0.2" if fault == "other" else "127.0.0.1", expired=fault == "expired"
    )
    tls = tls_context(None if fault == "unknown" else str(cert))
    heard: list[bytes] = []
    async with venue(cert, key, heard) as port, running(tls=tls) as (desk, runtime):
        runtime.dial("a", Dial(f"wss://127.0.0.1:{port}/"))
        (closed,) = await desk.until("closed")
        runtime.request("rest", 1, HttpRequest("POST", f"https://127.0.0.1:{port}/"), 60 * SECOND)
        ((_, answer),) = await desk.until("answered")
        if fault == "none":
            assert "refused with 200" in closed[1]
            assert answer.body == b"ok"
            assert len(heard) == 2
        else:
            assert "TLS certificate refused" in closed[1]
            assert words in closed[1]
            assert isinstance(answer, NoAnswer)
            assert not answer.sent
            assert "TLS certificate refused" in answer.reason
            assert heard == []


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
async def test_old_tls_is_refused(running: Any, tmp_path: Path) -> None:
    """Below 1.2 there is no connection."""
    cert, key = certificate(tmp_path)
    heard: list[bytes] = []
    async with (
        venue(cert, key, heard, ssl.TLSVersion.TLSv1_1) as port,
        running(tls=tls_context(str(cert))) as (desk, runtime),
    ):
        runtime.dial("a", Dial(f"wss://127.0.0.1:{port}/"))
        (closed,) = await desk.until("closed")
        assert closed[1].startswith("ConnectFailed")
        assert heard == []


def test_the_context_verifies() -> None:
    """Verification cannot be switched off."""
    context = tls_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_the_session_keys_are_written_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SSLKEYLOGFILE in the environment is for debugging: whoever reads the file reads all traffic."""
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    assert tls_context().keylog_filename is None
