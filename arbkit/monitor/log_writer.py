"""Writes log events: JSON lines to a file or pipe, coloured text to a terminal. ``app`` creates it.

A call only appends to a queue; a separate thread writes. If the queue is full, lines are dropped and counted, so the
caller never waits.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Callable, Collection, Mapping, MutableMapping
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Any, TextIO

import msgspec

from arbkit.core.types import Secret

__all__ = ["LogWriter", "Redactor", "capture_libraries"]

Event = MutableMapping[str, Any]
_HIDDEN = "***"
_SECRET_NAME = re.compile(
    r"secret|passphrase|password|passwd|authorization|signature|listen_?key|api_?key|private_?key|token(?!s)|\Akey\Z|cookie",
    re.I,
)
_IN_TEXT = re.compile(
    r"((?:signature|sign|secret|passphrase|password|token(?!s)|listenKey|apiKey|api_key|api-key|authorization)"
    r"[\"']?\s*[=:]\s*[\"']?)(?:Bearer\s+)?[^&\s\"',}]+",
    re.I,
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class Redactor:
    """Removes secrets from an event: by field name, by pattern (``signature=...``), and by their known texts."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        texts = [secret.reveal() if isinstance(secret, Secret) else secret for secret in secrets]
        self._known = [text for text in texts if len(text) >= 6]

    def __call__(self, logger: object, method: str, event: Event) -> Event:
        """The structlog processor."""
        return {self._text(str(key)): self._field(str(key), value) for key, value in event.items()}

    def _field(self, name: str, value: object) -> object:
        return _HIDDEN if value not in (None, "") and _SECRET_NAME.search(name) else self._value(value)

    def _value(self, value: object) -> object:
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, Secret):
            return _HIDDEN
        if isinstance(value, bytes):
            return self._text(value.decode("utf-8", "backslashreplace"))
        if isinstance(value, Mapping):
            return {self._text(str(key)): self._field(str(key), item) for key, item in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self._value(item) for item in value]
        return self._text(str(value))

    def _text(self, text: str) -> str:
        for known in self._known:
            text = text.replace(known, _HIDDEN)
        text = _IN_TEXT.sub(rf"\1{_HIDDEN}", text)
        return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class LogWriter:
    """The ``core.log.Log`` of a run. ``now_ns`` is the run's clock."""

    def __init__(
        self,
        now_ns: Callable[[], int],
        stream: TextIO | None = None,
        *,
        secrets: Collection[str] = (),
        most_waiting: int = 10_000,
        human: bool | None = None,
    ) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._now_ns = now_ns
        self._most = most_waiting
        self._queue: SimpleQueue[tuple[int, str, dict[str, object]] | None] = SimpleQueue()
        self._redact = Redactor(secrets)
        self._render = _human() if (self._stream.isatty() if human is None else human) else _json
        self._overflowed = 0
        self._failed = 0
        self._reported = 0
        self._thread = threading.Thread(target=self._run, name="arbkit-log", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Number of lost lines: the queue was full, or writing failed."""
        return self._overflowed + self._failed

    def __call__(self, event: str, /, **fields: object) -> None:
        """Log one event; see ``core.log.Log``."""
        if self._queue.qsize() >= self._most:
            self._overflowed += 1
        else:
            self._queue.put((self._now_ns(), event, fields))

    def close(self) -> None:
        """Write the queued lines, for at most 2 s, and stop."""
        self._queue.put(None)
        self._thread.join(2.0)

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            if not self._write(*item):
                self._failed += 1
            dropped = self.dropped
            if dropped > self._reported and self._write(item[0], "log.dropped", {"count": dropped - self._reported}):
                self._reported = dropped

    def _write(self, now_ns: int, event: str, fields: dict[str, object]) -> bool:
        """False if writing failed (a full disk, a closed pipe, a field whose ``str`` raises)."""
        try:
            line = self._render({"t": _iso(now_ns), "event": event, **self._redact(None, "", fields)})
            self._stream.write(line + "\n")
            self._stream.flush()
        except Exception:
            return False
        return True


def capture_libraries(log: Callable[..., None]) -> logging.Handler:
    """Pass warnings of standard ``logging`` (aiohttp, websockets, asyncio) to ``log``. Returns the handler."""
    handler = _Forward(log)
    root = logging.getLogger()
    root.addHandler(handler)
    return handler


class _Forward(logging.Handler):
    def __init__(self, log: Callable[..., None]) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, object] = {
            "logger": record.name,
            "level": record.levelname.lower(),
            "text": record.getMessage(),
        }
        if record.exc_info and record.exc_info[1] is not None:
            fields["error"] = f"{type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
        self._log("library", **fields)


def _iso(now_ns: int) -> str:
    seconds, rest = divmod(now_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"


def _json(event: Event) -> str:
    return msgspec.json.encode(event).decode()


def _human() -> Callable[[Event], str]:
    from structlog.dev import ConsoleRenderer  # imported here because it takes 250 ms and JSON does not need it

    console = ConsoleRenderer(timestamp_key="t", pad_event_to=16, sort_keys=False)

    def render(event: Event) -> str:
        return str(console(None, "", event))

    return render
