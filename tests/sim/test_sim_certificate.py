"""The certificate of ``arbkit sim --tls``, judged by OpenSSL at its strictest."""

from __future__ import annotations

import asyncio
import ssl
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

from arbkit.core.runtime.clock import Clock
from arbkit.sim import certificate

DAY_NS = 86_400_000_000_000


async def handshake(server: ssl.SSLContext, ca_file: Path, host: str) -> None:
    """One connection to 127.0.0.1 that expects the certificate of ``host``; raises what the client says of it."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    trusting = ssl.create_default_context(cafile=str(ca_file))
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT
    async with await asyncio.start_server(handler, "127.0.0.1", 0, ssl=server) as listening:
        port = listening.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname=host)
        writer.close()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
async def test_a_client_that_trusts_the_ca_accepts_it(tmp_path: Path, host: str) -> None:
    """By each name of this machine."""
    server = certificate.make(tmp_path, Clock().now_ns())
    await handshake(server, tmp_path / certificate.CA_FILE, host)


async def test_it_is_valid_for_nothing_else(tmp_path: Path) -> None:
    """Not for another name, not after its 30 days, not with the CA of another simulator."""
    for name in ("one", "two", "old"):
        (tmp_path / name).mkdir()
    now_ns = Clock().now_ns()
    one = certificate.make(tmp_path / "one", now_ns)
    certificate.make(tmp_path / "two", now_ns)
    old = certificate.make(tmp_path / "old", now_ns - 31 * DAY_NS)
    for server, ca, host, words in (
        (one, "one", "api.binance.com", "Hostname mismatch"),
        (one, "two", "localhost", "certificate"),
        (old, "old", "localhost", "expired"),
    ):
        with pytest.raises(ssl.SSLCertVerificationError, match=words):
            await handshake(server, tmp_path / ca / certificate.CA_FILE, host)


def test_only_the_server_has_a_key_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    """The CA's key is in no file, so nobody can issue a second certificate."""
    certificate.make(tmp_path, Clock().now_ns())
    keys = [file for file in tmp_path.iterdir() if b"PRIVATE KEY" in file.read_bytes()]
    assert [(file.name, stat.S_IMODE(file.stat().st_mode)) for file in keys] == [("server.key", 0o600)]
    ca = load_pem_x509_certificate((tmp_path / certificate.CA_FILE).read_bytes())
    assert load_pem_private_key(keys[0].read_bytes(), None).public_key() != ca.public_key()
