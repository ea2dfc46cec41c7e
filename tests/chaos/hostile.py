"""Venues that lie: every message and answer can be mutated on its way to the desk, for sessions and desk together.

``make chaos`` calls it for 150 seeds. A seed fails if the desk raises or is due without end, if its journal cannot be
read back, if a scrape, a log line or the last words cannot be made, if one of them holds a key or a control character,
or if the books are not back a while after the lies ended. Whether a lying venue's fills are true is not asked.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import traceback
from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any

from arbkit.app.ending import last_words
from arbkit.app.metrics import sources
from arbkit.core.money.gate import GateConfig
from arbkit.core.money.limits import LimitsConfig
from arbkit.core.orders.journal import decode
from arbkit.core.runtime.supervisor import Ending
from arbkit.core.types import BookState, HttpAnswer, NoAnswer
from arbkit.core.venues.link import Phase
from arbkit.monitor.log_writer import LogWriter
from arbkit.monitor.metrics import exposition
from arbkit.monitor.terminal import clean
from arbkit.plugins import registry as plugins
from arbkit.strategies import SpreadArb
from arbkit.testing.simulated import simulate
from arbkit.testing.virtual import VirtualRun

__all__ = ["judge"]

QUIET_S, LIES_S, AFTER_S = 3, 12, 45
STEPS = 200_000
"""More steps than this at one moment: the desk is due without end."""
LIMITS = LimitsConfig(cooldown_ns=100_000_000, max_broken=10_000, max_deals_per_minute=6000, max_loss_run=10**9)
GATE = GateConfig()
PRICES = {"BTC-USDT": Decimal(60_000), "ETH-USDT": Decimal(3_000)}

LONG = "x" * 100_000
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**53, 2**63, 2**64, -(2**63), 10**30, 10**400, -(10**400)),
    *(0.0, -0.0, 1e-300, 1e300, 1.5, [], {}, [[]], [{}], [None], {"": None}, ""),
    *(
        "0",
        "-0",
        "-1",
        "1e400",
        "-1e400",
        "NaN",
        "sNaN",
        "Infinity",
        "-Infinity",
        "1e-999999",
        "0e999999",
        "1_000",
        " 1 ",
    ),
    *("\u00b2", "\u0663", "0x10", "9" * 19, "9" * 20, "9" * 400, "9" * 5000, "0." + "1" * 5000, "1" + "0" * 310),
    *(
        "\x00",
        "\x1b]0;title\x07\x1b[2J",
        "\u202eevil\u2028",
        "a\nb\r\nc",
        "\ud800",
        "../../etc/passwd",
        "${x}%s{0}",
        LONG,
    ),
    *("null", "true", "FILLED", "filled", "Filled", "closed", "error", "1000", "BTC-USDT", "BTCUSDT", "buy", "SELL"),
)
STATUSES = (100, 200, 200, 200, 204, 301, 400, 401, 403, 404, 418, 429, 451, 500, 502, 503, 599, 0, -1, 10**6)


def changed(value: Any, rng: Random) -> Any:
    """A JSON value with one to three of its parts replaced, left out, doubled or renamed."""
    for _ in range(rng.randint(1, 3)):
        value = _changed(value, rng)
    return value


def _changed(value: Any, rng: Random) -> Any:
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        kind = rng.random()
        if kind < 0.75:
            return {**value, key: _changed(value[key], rng)}
        rest = {name: item for name, item in value.items() if name != key}
        return rest if kind < 0.9 else {**rest, rng.choice(list(value)): value[key]}
    if isinstance(value, list) and value and rng.random() < 0.9:
        at = rng.randrange(len(value))
        kind = rng.random()
        if kind < 0.75:
            return [*value[:at], _changed(value[at], rng), *value[at + 1 :]]
        return value[:at] + value[at + 1 :] if kind < 0.85 else value * 2 if kind < 0.95 else value[::-1]
    if isinstance(value, str) and value and rng.random() < 0.3:
        at = rng.randrange(len(value))
        return value[:at] + rng.choice(("", "-", ".", "e", "\x1b", "0" * 30, "\u0663")) + value[at + 1 :]
    return rng.choice(VALUES)


def lie(text: str, before: list[str], rng: Random) -> str | bytes:
    """Another message in the place of this one."""
    kind = rng.random()
    if kind < 0.8:
        try:
            return json.dumps(changed(json.loads(text), rng))
        except ValueError:
            pass
    at = rng.randrange(len(text) + 1)
    if kind < 0.84:
        return text[:at]
    if kind < 0.88:
        return text[:at] + chr(rng.randrange(1, 0x2FFF)) + text[at + 1 :]
    if kind < 0.91:
        return text.encode()
    if kind < 0.93:
        return rng.randbytes(rng.randrange(200))
    if kind < 0.95:
        return rng.choice(("", "{}", "[]", "null", "1", '"x"', "[" * 5000, '{"a":' * 3000, "<html>", "pong", LONG))
    return rng.choice(before) if before else text


class Liar:
    """Stands between the world and the desk of a run."""

    def __init__(self, run: VirtualRun, rng: Random) -> None:
        self.share = 0.0
        """Of the messages and answers that are changed."""
        self.told = 0
        self._rng = rng
        self._before: list[str] = []
        self._frame, self._answered = run.desk.frame, run.desk.answered
        run.desk.frame = self.frame  # type: ignore[method-assign]
        run.desk.answered = self.answered  # type: ignore[method-assign]

    def frame(self, link: str, data: str | bytes, now_ns: int) -> None:
        if self._rng.random() < self.share and isinstance(data, str):
            self.told += 1
            said = lie(data, self._before, self._rng)
            self._before = [*self._before[-40:], data]
            data = said
        self._frame(link, data, now_ns)

    def answered(self, ref: int, answer: HttpAnswer | NoAnswer, now_ns: int) -> None:
        rng = self._rng
        if rng.random() < self.share and isinstance(answer, HttpAnswer):
            self.told += 1
            said = lie(answer.body.decode(), self._before, rng)
            headers = {
                name: str(rng.choice(VALUES)) if rng.random() < 0.3 else value for name, value in answer.headers.items()
            }
            if rng.random() < 0.3:
                headers["retry-after"] = str(rng.choice(VALUES))[:5000]
            status = rng.choice(STATUSES) if rng.random() < 0.3 else answer.status
            body = said.encode("utf-8", "replace") if isinstance(said, str) else said
            answer = HttpAnswer(status, headers, body, answer.sent_ns, answer.recv_ns)
        self._answered(ref, answer, now_ns)


def judge(seed: int) -> str:
    """What is wrong after this seed; "" = nothing."""
    rng = Random(seed)
    registry = plugins.load(dialects=True)
    names = rng.sample(sorted(registry.dialects), 2)
    stream = io.StringIO()
    strategy = SpreadArb(symbols=("BTC-USDT", "ETH-USDT"), min_edge=0.0003, max_notional=200.0)
    venues = {registry.exchange(name): registry.dialect(name) for name in names}
    keys: list[str] = []
    log = LogWriter(lambda: 0, stream, most_waiting=10**6, most_bytes=10**9)
    try:
        run = simulate(strategy, venues, seed=seed, edge_every_s=0.3, limits=LIMITS, gate=GATE, log=log, prices=PRICES)
        for site in run.world.sites.values():
            one = site.exchange.accounts["main"]
            keys += [text for text in (one.secret, one.passphrase) if text]
        liar = Liar(run, rng)
        liar.share = rng.choice((0.0, 0.3))  # lies from the first answer on, or later
        run.run_for(QUIET_S, steps(run))
        liar.share = rng.choice((0.02, 0.1, 0.5))
        run.run_for(LIES_S, steps(run))
        shown = [exposition(sources(run.desk, log))().decode()]
        liar.share = 0.0
        run.run_for(AFTER_S, steps(run))
        shown += [exposition(sources(run.desk, log))().decode()]
        shown += [clean(str(last_words(run.desk, Ending.IDLE, 0, {}, as_json=as_json))) for as_json in (False, True)]
        run.stop(60)
    except Exception:
        return f"{'+'.join(names)}: {traceback.format_exc()}"
    finally:
        log.close()
    problems = []
    found = decode(b"".join(run.records))
    if found.torn or found.damaged:
        problems.append(f"the journal cannot be read back: {found.text}")
    written = stream.getvalue()
    if max(map(len, written.splitlines()), default=0) > 20_000:
        problems.append("a log line of over 20,000 characters")
    if log.dropped:
        problems.append(f"{log.dropped} log lines could not be written")
    for text in (written, *shown):
        if any(key in text for key in keys):
            problems.append("a key was shown")
        if any(not (char.isprintable() or char in "\n\t") for char in text):
            problems.append("a control character was shown")
    for name, link in run.desk.links.items():
        if link.phase is Phase.QUARANTINED:
            problems.append(f"{name} is quarantined: {link.reason}")
    # a venue that says "banned for an hour", or that a limit is used up, is left alone, and is not back
    settled_ns = run.now_ns - 25 * 10**9
    banned = set()
    for name, venue in run.desk.venues.items():
        closed_ns = max(venue.throttle._closed.values(), default=0)
        if closed_ns > settled_ns or 0.0 in venue.throttle.headroom(run.now_ns).values():
            banned.add(name)
    books = {name: book for name, book in run.desk.books.items() if name.partition(":")[0] not in banned}
    lost = [name for name, book in books.items() if book.state is not BookState.SYNCED]
    if lost and liar.told:
        problems.append(f"not SYNCED {AFTER_S} s after the last lie: {', '.join(lost)}")
    return f"{'+'.join(names)}: {'; '.join(problems)}" if problems else ""


def steps(run: VirtualRun) -> Callable[[], bool]:
    """Never done, and counts the steps at one moment."""
    at, count = 0, 0

    def one() -> bool:
        nonlocal at, count
        at, count = run.now_ns, count + 1 if at == run.now_ns else 0
        if count > STEPS:
            raise AssertionError(f"the desk is due without end at {run.now_ns}")
        return False

    return one


def main() -> int:
    """Prints what each bad seed did; 1 if there was one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0..149")
    first, _, last = parser.parse_args().seeds.partition("..")
    bad = 0
    seeds = range(int(first), int(last or first) + 1)
    for seed in seeds:
        said = judge(seed)
        if said:
            bad += 1
            print(f"seed {seed}: {said}", flush=True)
    print(f"hostile venues: {len(seeds)} seeds, {bad} bad")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
