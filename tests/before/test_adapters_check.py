"""``arbkit adapters check``: good packages match, those that lie do not, a venue that refuses is told as such."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from arbkit_binance.adapter import Binance
from msgspec.structs import replace

from arbkit.app.check import simulated
from arbkit.app.check.live import _equal
from arbkit.app.check.report import Report
from arbkit.app.check.subject import Subject
from arbkit.app.check.watcher import Seen
from arbkit.cli.checked import show_report
from arbkit.config.load import VenueConfig
from arbkit.core.market import ladder
from arbkit.core.market.book import Book
from arbkit.core.types import BookUpdate, Level
from arbkit.plugins import registry as plugins
from arbkit.sim.world import World

Venues = tuple[World, dict[str, Any]]
Run = Callable[..., tuple[int, str]]
REGISTRY = plugins.load(dialects=True)


def checked(cls: type[Any] | None = None, name: str = "binance", symbols: Sequence[str] = ("BTC-USDT",)) -> Report:
    """The report of eight virtual seconds; ``cls`` takes the place of the venue's class."""
    registry = plugins.Registry()
    registry.exchanges = REGISTRY.exchanges | ({name: cls} if cls is not None else {})
    registry.dialects, registry.home = REGISTRY.dialects, REGISTRY.home
    return simulated.check(Subject(name, registry, VenueConfig(), symbols), 8.0)


@pytest.mark.parametrize("name", sorted(set(REGISTRY.exchanges) & set(REGISTRY.dialects)))
def test_every_installed_package_matches_its_simulator(name: str) -> None:
    """Its books are those of the simulator, update by update; clock and cadence are measured."""
    report = checked(name=name)
    assert report.reached
    assert report.mismatches == []
    assert report.clock_ms is not None
    (book,) = report.books
    assert (book.state, book.lost) == ("SYNCED", 0)
    assert book.updates > 5
    assert book.compared.to == "simulator"
    assert book.compared.equal >= 0.9 * book.compared.compared > 0


class _Altered:
    """A session whose outputs of ``receive`` and ``answered`` are changed."""

    def __init__(self, session: Any, change: Callable[[Any], Any]) -> None:
        self._session, self._change = session, change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def receive(self, data: Any, now_ns: int) -> list[Any]:
        return [self._change(one) for one in self._session.receive(data, now_ns)]

    def answered(self, what: Any, answer: Any, now_ns: int) -> list[Any]:
        return [self._change(one) for one in self._session.answered(what, answer, now_ns)]


def lying(change: Callable[[Any], Any]) -> type[Any]:
    class Lying(Binance):
        def session(self, *args: Any) -> Any:
            return _Altered(super().session(*args), change)

    return Lying


def ghost(out: Any) -> Any:
    """Bids that are gone stay in the book."""
    if not isinstance(out, BookUpdate):
        return out
    return replace(out, bids=[level for level in out.bids if level.qty])


def unnumbered(out: Any) -> Any:
    return replace(out, seq=0) if isinstance(out, BookUpdate) else out


def unreadable(out: Any) -> Any:
    if isinstance(out, BookUpdate) and not out.snapshot:
        raise ValueError("what is this?")
    return out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (unnumbered, "checks books by sequence numbers, and there were none"),
        (unreadable, "messages could not be read"),
    ],
)
def test_a_package_that_lies_is_found(change: Callable[[Any], Any], words: str) -> None:
    """What it says of its book check, and what it cannot read."""
    report = checked(lying(change))
    assert any(words in text for text in report.mismatches), report.mismatches


def test_a_wrong_book_is_found() -> None:
    """Levels that are gone but stay in the book: it equals the simulator's book only until the first of them."""
    book = checked(lying(ghost)).books[0]
    assert book.compared.equal < 0.5 * book.compared.compared


def test_a_symbol_that_is_not_listed_is_named(arbkit: Run) -> None:
    code, said = arbkit("adapters", "check", "binance", "--seconds", "2", "--symbol", "BTC-USDX")
    assert (code, "--symbol BTC-USDX: binance does not list it, did you mean BTC-USDT?" in said) == (2, True), said


# --- against a venue, over sockets


@pytest.mark.parametrize(("name", "to"), [("binance", "REST snapshot"), ("okx", "fresh connection")])
def test_books_are_held_and_compared(arbkit: Run, config: Callable[..., None], name: str, to: str) -> None:
    """On a simulated venue, as if it were the real one; the keys of the configuration are not even read."""
    config(**{name: {"key": "env:NOT_SET", "secret": "env:NOT_SET"}})
    code, said = arbkit("adapters", "check", name, "--live", "--seconds", "8", "--symbol", "BTC-USDT", "--json")
    report = json.loads(said)
    assert report["reached"], report
    (book,) = report["books"]
    assert book["updates"] > 0
    assert book["compared"]["to"] in (to, "")  # "": the machine was so busy that the second connection came too late
    assert code == (1 if report["mismatches"] else 0)
    assert report["answer_ms"] > 0
    assert not [text for text in report["mismatches"] if "equals no state" in text]


def test_a_held_book_is_compared_with_one_that_began_anew() -> None:
    """By states, not by times: a book that kept a level too long equals none."""
    held, fresh, wrong = Seen(), Seen(), Seen()
    book = Book("okx:BTC-USDT")
    for at in range(1, 41):
        bids = [Level(100.0 - one - at / 100, 1.0) for one in range(5)]
        for seen, more in ((held, []), (fresh, []), (wrong, [Level(100.5, 7.0)])):
            if seen is held or at > 10:
                ladder.replace(book.bids, [*more, *bids])
                seen.note(book, at * 10**8)
    assert _equal(held, fresh) == {"compared": 30, "equal": 30}
    assert _equal(held, wrong) == {"compared": 30, "equal": 0}


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """A host that gives every request this answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (451, b'{"msg":"Service unavailable from a restricted location"}', "does not serve the place of this machine"),
        (403, b"<html>blocked</html>", "refuses this address"),
        (503, b"", "has trouble: look at its status page"),
    ],
)
def test_a_venue_that_refuses_is_told_as_such(
    arbkit: Run, tmp_path: Path, status: int, body: bytes, words: str
) -> None:
    """Exit 4, the status and what to do; nothing is called a mismatch of the package."""
    with answering(status, body) as at:
        (tmp_path / "arbkit.toml").write_text(
            f'[venues.okx.endpoints]\nrest = "http://{at}"\nws_public = "ws://{at}"\n'
        )
        code, said = arbkit("adapters", "check", "okx", "--live", "--seconds", "3")
    told = " ".join(said.split())
    assert code == 4, said
    assert f"HTTP {status}" in told
    assert words in told
    assert "MISMATCH" not in said
    assert "nothing was compared" in told


def test_a_host_that_speaks_no_tls_and_a_name_that_is_none(arbkit: Run, tmp_path: Path) -> None:
    """Each in a clear sentence, without a traceback."""
    with answering(200, b"{}") as at:
        (tmp_path / "arbkit.toml").write_text(f'[venues.okx.endpoints]\nrest = "https://{at}"\n')
        code, said = arbkit("adapters", "check", "okx", "--live", "--seconds", "2")
    told = " ".join(said.split())
    assert (code, "breaks TLS" in told, "not permitted" in told) == (4, True, False), said
    (tmp_path / "arbkit.toml").write_text('[venues.okx.endpoints]\nrest = "https://no.such.host.invalid"\n')
    code, said = arbkit("adapters", "check", "okx", "--live", "--seconds", "2")
    assert (code, "name not found" in said, "no DNS" in " ".join(said.split())) == (4, True, True), said


def test_the_text_fits_a_terminal_and_names_nothing_of_the_user(capsys: pytest.CaptureFixture[str]) -> None:
    """80 columns; the report has no path, host name or address of this machine."""
    report = checked()
    show_report(report)
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 80
    assert str(Path.home()) not in said
    assert "all that was looked at matches the claims of arbkit-binance" in " ".join(said.split())
