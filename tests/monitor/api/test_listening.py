"""Where the server listens: what the configuration must say, a port that is taken, TLS, and the page of the docs."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from api_rig import CLOCK, Rig, serving

from arbkit.config.load import BadConfig, load
from arbkit.core.errors import ConfigError
from arbkit.sim.certificate import CA_FILE, make


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 and its key."""
    folder = tmp_path_factory.mktemp("tls")
    make(folder, CLOCK.now_ns())
    return folder / "server.pem", folder / "server.key"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("port = 70000", "api.port: must be 0 to 65535"),
        ('bind = "0.0.0.0"', "api.bind: other machines can reach this address, so the server needs TLS"),
        ('bind = "::"', "api.bind: other machines can reach this address"),
        ('bind = "localhost"', "api.bind: must be an IP address of this machine"),
        ('bind = "0.0.0.0"\ntls_cert = "CERT"\ntls_key = "KEY"', "api.hosts: name the server as browsers do"),
        ('tls_cert = "CERT"', "api.tls_key: is missing"),
        ('tls_key = "KEY"', "api.tls_cert: is missing"),
        ('tls_cert = "KEY"\ntls_key = "KEY"', "api.tls_cert: and tls_key are no PEM certificate and its key"),
        ('tls_cert = "nowhere"\ntls_key = "KEY"', "api.tls_cert: or tls_key cannot be read: No such file or directory"),
        ('hosts = ["https://desk"]', "api.hosts: 'https://desk' is no name"),
        ("prot = 1", "api.prot: is not a configuration key, did you mean 'port'?"),
    ],
)
def test_mistakes_name_their_key(tmp_path: Path, pem: tuple[Path, Path], text: str, told: str) -> None:
    file = tmp_path / "arbkit.toml"
    file.write_text("[api]\n" + text.replace("CERT", str(pem[0])).replace("KEY", str(pem[1])))
    with pytest.raises(BadConfig) as wrong:
        load(file, env={})
    assert told in str(wrong.value)
    assert len(wrong.value.mistakes) == 1, wrong.value


def test_a_wide_address_with_all_it_needs_is_taken(tmp_path: Path, pem: tuple[Path, Path]) -> None:
    file = tmp_path / "arbkit.toml"
    file.write_text(
        f'[api]\nport = 8790\nbind = "0.0.0.0"\ntls_cert = "{pem[0]}"\ntls_key = "{pem[1]}"\nhosts = ["desk.example"]\n'
    )
    assert load(file, env={}).api.hosts == ("desk.example",)
    pem[1].chmod(0o644)
    try:
        with pytest.raises(BadConfig, match="every user of this machine may read it"):
            load(file, env={})
    finally:
        pem[1].chmod(0o600)


async def test_a_port_that_is_taken_is_told(rig: Rig, traded: Any, tmp_path: Path) -> None:
    """With the key of the configuration."""
    with pytest.raises(ConfigError, match=r"api\.port: 127\.0\.0\.1:\d+ cannot be opened: Address already in use"):
        async with serving(*traded, tmp_path, port=rig.server.port):
            pass


async def test_over_tls(traded: Any, tmp_path: Path, pem: tuple[Path, Path], http: aiohttp.ClientSession) -> None:
    """The link says https, the cookie is for https only, and plain http is no way in: neither spoken nor as an
    origin."""
    trusted = ssl.create_default_context(cafile=str(pem[0].with_name(CA_FILE)))
    async with serving(*traded, tmp_path, tls_cert=str(pem[0]), tls_key=str(pem[1])) as rig:
        link = rig.access.link("read")
        assert link.startswith(f"https://127.0.0.1:{rig.server.port}/#token=")
        given = {"json": {"token": link.partition("=")[2]}, "headers": {"X-Arbkit": "1"}, "ssl": trusted}
        async with http.post(f"{rig.url}/api/v1/login", **given) as answer:
            assert answer.status == 200
            (cookie,) = answer.cookies.values()
            assert cookie["secure"]
        plain = rig.url.replace("https", "http")
        with pytest.raises(aiohttp.ClientError):
            await http.get(f"{plain}/healthz")
        async with http.get(f"{rig.url}/api/v1/status", headers=rig.headers(Origin=plain), ssl=trusted) as answer:
            assert answer.status == 403


async def test_the_client_of_the_page_works(rig: Rig) -> None:
    """docs/api.md: its fifteen lines follow the books."""
    page = (Path(__file__).parents[3] / "docs/api.md").read_text()
    code = page.partition("```python\n")[2].partition("```")[0]
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - our own page
    shown: list[dict[str, Any]] = []

    def show(rows: dict[str, Any]) -> bool:
        shown.append(rows)
        return False

    await names["follow"](rig.url, rig.access.tokens["read"], "books", show)
    assert set(shown[0]) == set(rig.run.desk.books)
