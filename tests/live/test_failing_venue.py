"""One venue fails in every way there is; two others trade on as if nothing had happened."""

from __future__ import annotations

import base64
import hashlib
import json
import signal
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from arbkit.core.runtime.clock import Clock

CLOCK = Clock()

HERE = Path(__file__).parent


def free_ports() -> int:
    """The first of two neighbouring free ports."""
    for first in range(23_000, 30_000, 11):
        taken: list[socket.socket] = []
        with suppress(OSError):
            taken += [socket.create_server(("127.0.0.1", first))]
            taken += [socket.create_server(("127.0.0.1", first + 1))]
        for one in taken:
            one.close()
        if len(taken) == 2:
            return first
    raise AssertionError("no free ports")


class Slammer:
    """Accepts, shakes hands and closes at once."""

    def __init__(self, port: int) -> None:
        self.dials: list[str] = []
        self._server = socket.create_server(("127.0.0.1", port))
        self._server.settimeout(0.1)
        self._over = False
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while not self._over:
            with suppress(OSError):
                peer, _ = self._server.accept()
                with peer:
                    peer.settimeout(1)
                    head = peer.recv(4096).decode("latin-1")
                    keys = [
                        line[19:].strip() for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key")
                    ]
                    if keys:
                        self.dials.append(head.split(" ", 2)[1])
                        accept = base64.b64encode(
                            hashlib.sha1(keys[0].encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
                        ).decode()
                        peer.sendall(
                            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            + f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
                        )

    def end(self) -> None:
        self._over = True
        self._thread.join()
        self._server.close()


def untouched(run: Any) -> None:
    """The other two venues' links never went down, and their books were never lost."""
    for event in ("link.down", "link.drop", "link.quarantined", "link.refused", "link.bad_frame"):
        assert [fact for fact in run.facts(event) if not fact["link"].startswith("bybit.")] == []
    for event in ("book.lost",):
        assert [fact for fact in run.facts(event) if not fact["instrument"].startswith("bybit:")] == []
    metrics = run.metrics()
    counted = [
        value for name, value in metrics.items() if name.startswith("arbkit_reconnects_total") and "bybit" not in name
    ]
    assert not any(counted)


def trusted(run: Any, venue: str) -> int:
    """How many of a venue's two books are synchronised."""
    prefix = f'arbkit_book_state{{instrument="{venue}:'
    states: dict[str, float] = run.metrics()
    return round(sum(value for name, value in states.items() if name.startswith(prefix) and '"synced"' in name))


def test_a_venue_that_freezes_dies_slams_doors_and_returns(stage: Any, until: Any) -> None:
    """Frozen (SIGSTOP: sockets open, nothing read or written): its books stale, the link given up. Dead: links down.
    Slamming: dials with growing delay. Back: books whole again. How soon is judged in virtual time elsewhere."""
    port = free_ports()
    healthy = stage.sim("binance", "okx", "--edge-every", "0.3")
    sick = stage.sim("bybit", "--edge-every", "0", "--port", str(port))
    run = stage.run(healthy, sick)
    run.wait("deal.closed", 2)
    until(lambda: trusted(run, "bybit") == 2, "bybit's books")
    until(lambda: run.metrics()['arbkit_messages_received_total{link="bybit.public.0"}'] > 300, "a usual rate")

    sick.process.send_signal(signal.SIGSTOP)
    frozen_ns = CLOCK.now_ns()
    until(lambda: not trusted(run, "bybit"), "both books stale")
    stale_s = (CLOCK.now_ns() - frozen_ns) / 1e9
    run.wait("link.drop", 1, link="bybit.public.0")
    dropped_s = (CLOCK.now_ns() - frozen_ns) / 1e9
    print(f"frozen: stale after {stale_s:.1f} s, given up after {dropped_s:.1f} s")
    untouched(run)

    sick.end()
    before = len(run.facts("deal.closed"))
    run.wait("link.down", 1, link="bybit.main.private")
    slammer = Slammer(port + 1)
    begun_ns = CLOCK.now_ns()
    until(lambda: slammer.dials, "a dial")
    time.sleep(4)
    dials = len(slammer.dials)
    slammer_s = (CLOCK.now_ns() - begun_ns) / 1e9
    slammer.end()
    print(f"dials of three links in {slammer_s:.1f} s: {dials}")
    assert dials <= 3 * 6 * max(1, slammer_s / 4)
    run.wait("deal.closed", before + 3)
    untouched(run)

    again = stage.sim("bybit", "--edge-every", "0", "--port", str(port))
    until(lambda: trusted(run, "bybit") == 2, "bybit's books")
    untouched(run)
    run.stop()
    code, out = run.ended()
    assert code == 0, run.text
    assert json.loads(out)["unresolved"] == 0
    assert again


def test_nonsense_on_a_stream_is_counted_and_costs_no_more_than_that_link(stage: Any, until: Any) -> None:
    """Binary, cut, empty, absurdly nested frames and numbers that are none: each counted, the link dropped after too
    many and whole again afterwards; nobody else notices, nothing crashes."""
    healthy = stage.sim("binance", "okx", "--edge-every", "0.3")
    sick = stage.sim("bybit", "--edge-every", "0")
    proxy = stage.script(str(HERE / "rough_proxy.py"), sick.venues["bybit"]["ws_public"], "3")
    sick.venues["bybit"]["ws_public"] = proxy.admin
    run = stage.run(healthy, sick)
    run.wait("link.bad_frame", 5)
    run.wait("link.drop", link="bybit.public.0")
    name = 'arbkit_bad_frames_total{link="bybit.public.0"}'
    until(lambda: run.metrics()[name] >= 9 and trusted(run, "bybit") == 2, "nonsense counted, books whole")
    deals = len(run.facts("deal.closed"))
    run.wait("deal.closed", deals + 2)
    untouched(run)
    run.stop()
    code, _ = run.ended()
    assert code == 0, run.text
    assert not run.facts("link.quarantined")
    assert "Traceback" not in run.text
