"""What is wrong with the table ``[api]``. ``load`` calls it."""

from __future__ import annotations

import os
import re
import ssl
import stat
from ipaddress import ip_address
from pathlib import Path

from arbkit.config.reader import Reader
from arbkit.monitor.api.config import ApiConfig

__all__ = ["check_api"]

_HOST = re.compile(r"([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?", re.IGNORECASE)
_TLS = "other machines can reach this address, so the server needs TLS: set tls_cert and tls_key (PEM files)"


def check_api(config: ApiConfig, reader: Reader) -> None:
    """Record each mistake with its key."""
    if config.port is not None and not 0 <= config.port < 65536:
        reader.wrong(("api", "port"), "must be 0 to 65535")
    try:
        address = ip_address(config.bind)
    except ValueError:
        reader.wrong(("api", "bind"), 'must be an IP address of this machine, as "127.0.0.1" or "0.0.0.0"')
    else:
        if not address.is_loopback and not (config.tls_cert and config.tls_key):
            reader.wrong(("api", "bind"), f"{_TLS}, or bind it to 127.0.0.1 and use a tunnel (ssh -L)")
        elif not address.is_loopback and not config.hosts:
            reader.wrong(("api", "hosts"), 'name the server as browsers do, as ["desk.example.com"]')
    for host in config.hosts:
        if not _HOST.fullmatch(host):
            reader.wrong(("api", "hosts"), f"{host!r} is no name: write it as desk.example.com, or with a port")
    if bool(config.tls_cert) is not bool(config.tls_key):
        missing = "tls_key" if config.tls_cert else "tls_cert"
        reader.wrong(("api", missing), "is missing: a certificate and its key belong together")
    elif config.tls_cert:
        _check_files(config, reader)


def _check_files(config: ApiConfig, reader: Reader) -> None:
    try:
        if os.stat(Path(config.tls_key).expanduser()).st_mode & stat.S_IRWXO:
            reader.wrong(("api", "tls_key"), "every user of this machine may read it: chmod o= it")
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            Path(config.tls_cert).expanduser(), Path(config.tls_key).expanduser(), password=""
        )
    except ssl.SSLError:
        reader.wrong(("api", "tls_cert"), "and tls_key are no PEM certificate and its key without a passphrase")
    except OSError as error:
        reader.wrong(("api", "tls_cert"), f"or tls_key cannot be read: {error.strerror}")
