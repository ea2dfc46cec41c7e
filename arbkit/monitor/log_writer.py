"""Writes log events as JSON lines, and passes them to who shows them to a person. ``app`` creates it.

A call only appends to a queue; a separate thread strikes secrets, once for all readers, and writes. If the queue is
full, lines are dropped and counted, so the caller never waits.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TextIO

import msgspec

from arbkit.core.log import Log
from arbkit.monitor.redactor import LONGEST, Redactor

__all__ = ["LogFile", "LogWriter", "Sink", "capture_libraries"]

Sink = Callable[[int, str, dict[str, Any]], None]
"""Gets each event with its time, its fields struck. It runs on the writer's thread, and must not wait."""


class LogFile:
    """A file of lines that is renamed (``NAME.1``, ``NAME.2``...) when it has ``most_bytes``; ``keep`` old ones stay.
    Only its owner can read it. Raises ``OSError`` if it cannot be opened or written: then the line is not there, also
    not in part."""

    def __init__(self, path: Path, most_bytes: int, keep: int) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._handler = _Private(path, maxBytes=most_bytes, backupCount=keep)

    def write(self, text: str) -> None:
        handler = self._handler
        if handler.shouldRollover(logging.makeLogRecord({"msg": text})):
            handler.doRollover()
        file, data = handler.stream, memoryview(text.encode())
        size = file.seek(0, os.SEEK_END)
        try:
            while data:
                data = data[file.write(data) :]
        except OSError:
            with suppress(OSError):
                file.truncate(size)
            raise

    def flush(self) -> None:
        """Nothing waits: see ``_Private``."""

    def close(self) -> None:
        self._handler.close()


class _Private(RotatingFileHandler):
    """Without a buffer: what a full disk does not take is lost at once, and does not come back in the middle of a later
    line or as an error of ``close``."""

    stream: Any

    def _open(self) -> Any:
        return open(self.baseFilename, "ab", buffering=0, opener=_for_the_owner)


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class LogWriter:
    """The ``core.log.Log`` of a run. ``now_ns`` is the run's clock. ``stream`` None = nothing is written, the events
    only go to ``sinks``. ``ids``: fields that every line has, as the number of the run. ``spare`` gets the alarm that
    ``stream`` cannot be written, where no sink shows it to a person."""

    def __init__(
        self,
        now_ns: Callable[[], int],
        stream: TextIO | LogFile | None = None,
        *,
        secrets: Collection[str] = (),
        ids: Mapping[str, object] | None = None,
        sinks: Sequence[Sink] = (),
        spare: TextIO | None = None,
        most_waiting: int = 10_000,
        most_bytes: int = 8 << 20,
    ) -> None:
        self._stream = stream
        self._ids = dict(ids or {})
        self._sinks = [*sinks]
        self._spare = spare
        self._now_ns = now_ns
        self._most = most_waiting
        self._most_bytes = most_bytes
        self._queued = 0
        """Characters of all texts that were put into the queue, and of those that were taken out."""
        self._written = 0
        self._queue: SimpleQueue[tuple[int, str, dict[str, object], int] | threading.Event | None] = SimpleQueue()
        self._redactor = Redactor(secrets)
        self._overflowed = 0
        self._failed = 0
        self._reported = 0
        self._full = False
        """The last line could not be written."""
        self._thread = threading.Thread(target=self._run, name="arbkit-log", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Number of lost lines: the queue was full, or writing failed."""
        return self._overflowed + self._failed

    def __call__(self, event: str, /, **fields: object) -> None:
        """Log one event; see ``core.log.Log``."""
        size = 0
        for name, value in fields.items():
            if isinstance(value, (str, bytes)):
                if len(value) > 2 * LONGEST:
                    fields[name] = value = value[: 2 * LONGEST]
                size += len(value)
        if self._queue.qsize() >= self._most or self._queued - self._written + size > self._most_bytes:
            self._overflowed += 1
        else:
            self._queued += size
            self._queue.put((self._now_ns(), event, fields, size))

    def pass_to(self, sink: Sink) -> None:
        """Pass later events to one more."""
        self._sinks.append(sink)

    def flush(self) -> None:
        """Wait until the queued lines are written, for at most 2 s."""
        written = threading.Event()
        self._queue.put(written)
        written.wait(2.0)

    def close(self) -> None:
        """Write the queued lines, for at most 2 s, and stop."""
        self._queue.put(None)
        self._thread.join(2.0)

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            if isinstance(item, threading.Event):
                item.set()
                continue
            now_ns, event, fields, size = item
            self._failed += not self._write(now_ns, event, fields)
            self._written += size
            lost = {"count": self.dropped - self._reported}
            if lost["count"] and not self._full and self._line(now_ns, "log.dropped", lost):
                self._reported += lost["count"]
                self._tell(now_ns, "log.dropped", lost)

    def _write(self, now_ns: int, event: str, fields: dict[str, object]) -> bool:
        """False if the line is lost: writing failed, or a field whose ``str`` raises."""
        try:
            struck = self._redactor.event(fields)
        except Exception:
            return False
        self._tell(now_ns, event, struck)
        return self._line(now_ns, event, struck)

    def _tell(self, now_ns: int, event: str, struck: dict[str, Any]) -> None:
        for sink in self._sinks:
            with suppress(Exception):
                sink(now_ns, event, struck)

    def _line(self, now_ns: int, event: str, struck: dict[str, Any]) -> bool:
        """False if writing failed (a full disk, a closed pipe), which is told once."""
        if self._stream is None:
            return True
        try:
            self._put(self._stream, now_ns, event, struck)
        except Exception as error:
            told = {"why": getattr(error, "strerror", None) or str(error)}
            if not self._full:
                self._full = True
                self._tell(now_ns, "alarm.log", told)
                if self._spare is not None:
                    with suppress(Exception):
                        self._put(self._spare, now_ns, "alarm.log", told)
            return False
        self._full = False
        return True

    def _put(self, stream: TextIO | LogFile, now_ns: int, event: str, struck: dict[str, Any]) -> None:
        stream.write(msgspec.json.encode({"t": _iso(now_ns), "event": event, **self._ids, **struck}).decode() + "\n")
        stream.flush()


@contextmanager
def capture_libraries(log: Log) -> Iterator[None]:
    """Pass warnings of standard ``logging`` (aiohttp, websockets, asyncio) to ``log`` as the event ``library``, and to
    nobody else."""
    handler, root = _Forward(log), logging.getLogger()
    others, root.handlers = root.handlers, [handler]
    try:
        yield
    finally:
        root.handlers = others


class _Forward(logging.Handler):
    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except Exception:  # arguments that do not fit the format
            text = str(record.msg)
        fields: dict[str, object] = {"logger": record.name, "level": record.levelname.lower(), "text": text}
        if record.exc_info and record.exc_info[1] is not None:
            fields["error"] = f"{type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
        self._log("library", **fields)


def _iso(now_ns: int) -> str:
    seconds, rest = divmod(now_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"
