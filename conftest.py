"""For all tests.

Examples in the documentation are tests: Python blocks run, ``arbkit.toml`` blocks are read by the real loader. Tests of
recordings run if their files are there (``arbkit.testing.corpus``), tests of the compiled code if arbkit-speed is
installed, tests of the dashboard if chromium is; otherwise one line at the end counts them.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from msgspec import Struct
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser

from arbkit.config import load as config
from arbkit.core.errors import ConfigError
from arbkit.testing import corpus

sys.path.append(str(Path(__file__).parent / "tests"))
pytest_plugins = ["lazy_ccxt", "canaries", "ccxt_rig"]  # the first one before anything that imports ccxt


class ConfigParser(CodeBlockParser):
    """A ``toml`` block that begins with ``# arbkit.toml`` is a configuration without mistakes."""

    language = "toml"

    def evaluate(self, example: Example) -> None:
        text = str(example.parsed)
        if text.startswith("# arbkit.toml"):
            with TemporaryDirectory() as folder:
                file = Path(folder) / "arbkit.toml"
                file.write_text(text)
                config.load(file, env={})


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), ConfigParser(), SkipParser()],
    patterns=["*.md"],
    excludes=[".venv/**", "CHANGELOG.md"],
).pytest()

NOT_RUN = pytest.StashKey[dict[str, int]]()
"""How many tests lack their recordings, how many the compiled code, and how many a browser."""
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SPEED = find_spec("arbkit_speed") is not None


def pytest_configure(config: pytest.Config) -> None:
    """A wrong folder ends the run with one line."""
    config.stash[NOT_RUN] = {}
    try:
        corpus.folder()
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests that lack something."""
    lacks = {item: lack for item in items if (lack := _lack(item))}
    if lacks:
        items[:] = [item for item in items if item not in lacks]
        config.hook.pytest_deselected(items=list(lacks))
        config.stash[NOT_RUN] = dict(Counter(lacks.values()))


def _lack(item: pytest.Item) -> str:
    if not SPEED and item.get_closest_marker("compiled"):
        return "compiled"
    if not CHROMIUM and item.get_closest_marker("browser"):
        return "browser"
    for mark in item.iter_markers("recordings"):
        venue, *files = mark.args
        if any(corpus.find(venue, file) is None for file in files):
            return "recordings"
    return ""


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Every worker of xdist collects all tests; it tells its count."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["not_run"] = session.config.stash[NOT_RUN]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take the count of a worker."""
    node.config.stash[NOT_RUN] |= getattr(node, "workeroutput", {}).get("not_run", {})


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """A line about each kind of tests that did not run."""
    if count := config.stash[NOT_RUN].get("compiled"):
        terminalreporter.write_line(
            f"tests of the compiled ladder and rows that did not run: {count} (arbkit-speed is not installed; "
            "make speed builds it with a C compiler)"
        )
    if count := config.stash[NOT_RUN].get("browser"):
        terminalreporter.write_line(
            f"tests of the dashboard that did not run: {count} (chromium was not found; apt-get install chromium)"
        )
    if count := config.stash[NOT_RUN].get("recordings"):
        lack = "has no files for them" if corpus.folder() else "is not set"
        terminalreporter.write_line(
            f"recording tests that did not run: {count} ({corpus.VARIABLE} {lack}; recordings are made with a recorder "
            "of your own, in the format that CONTRIBUTING.md describes)"
        )


class CcxtRequest(Struct):
    """What ccxt would send over HTTP. ``headers``: those that it sets itself."""

    method: str
    url: str
    headers: dict[str, str]
    body: str


class _Sent(Exception):
    """Carries what a client would have sent."""


class Ccxt:
    """A ccxt client that sends nothing, with a clock that stands still and one market, BTC/USDT."""

    def __init__(self, client: Any, native: str, now_ms: int) -> None:
        self.client = client
        client.milliseconds = client.nonce = lambda: now_ms
        client.seconds = lambda: now_ms // 1000
        client.fetch = self._fetch
        client.watch = self._watch
        market = {
            "id": native,
            "symbol": "BTC/USDT",
            "base": "BTC",
            "baseId": "BTC",
            "quote": "USDT",
            "quoteId": "USDT",
            "type": "spot",
            "spot": True,
            "active": True,
            "precision": {"amount": 0.00001, "price": 0.01, "base": 0.00001, "quote": 0.01},
            "limits": {"amount": {}, "price": {}, "cost": {}},
            "info": {"orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"]},
        }
        client.set_markets([client.safe_market_structure(market)])

    @staticmethod
    def _fetch(url: str, method: str = "GET", headers: Any = None, body: str | None = None) -> Any:
        raise _Sent(CcxtRequest(method, url, headers or {}, body or ""))

    @staticmethod
    def _watch(url: str, message_hash: str, message: Any = None, *more: Any) -> Any:
        raise _Sent(message)

    def signed(self, method: str, path: str, **params: Any) -> CcxtRequest:
        """A private request that it signs, without a call of its own around it."""
        made = self.client.sign(path, ["private"], method, params)
        return CcxtRequest(made["method"], made["url"], made["headers"], made["body"] or "")

    def request(self, call: str, *args: Any) -> CcxtRequest:
        """The first HTTP request of a call of a synchronous client."""
        try:
            getattr(self.client, call)(*args)
        except _Sent as sent:
            request: CcxtRequest = sent.args[0]
            return request
        raise AssertionError(f"{call} sent nothing")

    def frame(self, call: str, *args: Any) -> dict[str, Any]:
        """The first frame of a call of a ``ccxt.pro`` client."""

        async def run() -> None:
            try:
                await getattr(self.client, call)(*args)
            finally:
                await self.client.close()

        try:
            asyncio.run(run())
        except _Sent as sent:
            frame: dict[str, Any] = sent.args[0]
            return frame
        raise AssertionError(f"{call} sent nothing")


@pytest.fixture
def ccxt_client() -> type[Ccxt]:
    """Makes an independent signer: ``ccxt_client(ccxt.okx({"apiKey": ...}), "BTC-USDT", now_ms).request(...)``."""
    return Ccxt
