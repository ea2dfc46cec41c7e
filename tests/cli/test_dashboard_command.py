"""The API of a real run on simulated venues: the link, the kill switch, the journal, and what the run leaves behind."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from arbkit.app.simulated import admin

ARBKIT = Path(sys.executable).parent / "arbkit"
HANGS_S = 120.0


class Client:
    """The API by the standard library."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.token = url, token

    def call(self, path: str, body: Any = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.token}", "X-Arbkit": "1", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, data, headers), timeout=30) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def rows(self, topic: str) -> list[dict[str, Any]]:
        status, told = self.call(f"/api/v1/{topic}")
        assert status == 200, told
        rows: list[dict[str, Any]] = told["rows"]
        return rows

    def until(self, what: Any) -> None:
        """A bound that only catches what hangs."""
        for _ in range(int(HANGS_S / 0.1)):
            if what():
                return
            time.sleep(0.1)
        pytest.fail("it did not come")


@pytest.fixture(scope="module")
def site() -> Iterator[dict[str, Any]]:
    """A simulated Binance and OKX, and their admin pages."""
    command = [ARBKIT, "sim", "binance", "okx", "--edge-every", "0.5", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.kill()


def test_a_run_with_a_dashboard(desk_of: Any, site: dict[str, Any], tmp_path: Path) -> None:
    """A link is made by the command, used once, and is in no file; stages and history agree with the rows; after kill
    no venue gets an order; who and why are in the journal; at the end the tokens are gone."""
    desk = desk_of(tmp_path, site["venues"], ARBKIT)
    desk.write("live")
    with (desk.folder / "arbkit.toml").open("r+") as file:
        text = file.read()
        file.seek(0)
        file.write(f"api.port = 0\n{text}")
    state = desk.folder / "state" / "live"
    with desk.start("run", "strategy:Mine", "--live") as process:
        try:
            assert process.stderr is not None
            told = ""
            while "run.api" not in told:
                told = process.stderr.readline()
                assert told, process.stdout
            url = json.loads(told)["url"].rstrip("/")
            files = {scope: state / f"api-{scope}" for scope in ("read", "trade")}
            assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}
            reads, acts = (Client(url, files[scope].read_text().strip()) for scope in ("read", "trade"))

            code, said, _ = desk.run("dashboard")
            link = re.fullmatch(rf"{url}/#token=([\w-]+)\n", said)
            assert code == 0
            assert link, said
            assert reads.call("/api/v1/login", {"token": link[1]}) == (200, {"scope": "trade"})
            assert reads.call("/api/v1/login", {"token": link[1]})[0] == 401

            reads.until(lambda: len([one for one in reads.rows("deals") if one["outcome"] == "hedged"]) >= 2)
            assert reads.call("/api/v1/actions/kill", {})[0] == 403
            status, told_mode = acts.call("/api/v1/actions/kill", {"why": "the test wants it"})
            assert (status, told_mode["mode"]) == (200, "halted")
            time.sleep(0.05)
            before = accepted(site)
            time.sleep(2.5)  # edges come every second or two
            assert accepted(site) == before

            deals, orders = reads.rows("deals"), {row["cl_ord_id"]: row for row in reads.rows("orders")}
            for row in orders.values():
                if row["purpose"] == "entry" and row["acked_us"]:
                    stages = row["stages"]
                    parts = [stages[name] or 0.0 for name in ("decode", "book", "decide", "gate", "sign", "wire_out")]
                    assert min(stages[name] for name in ("gate", "sign", "ack")) > 0, stages
                    assert sum(parts) + stages["ack"] == pytest.approx(row["acked_us"] - row["sent_us"], abs=5)
            closed = [deal for deal in deals if deal["state"] == "closed"]
            reads.until(lambda: len(reads.call("/api/v1/history/deals?limit=500")[1]["rows"]) >= len(deals))
            past = {row["id"]: row for row in reads.call("/api/v1/history/deals?limit=500")[1]["rows"]}
            for deal in closed:
                assert past[deal["id"]]["realised"] == deal["realised"], deal
                assert past[deal["id"]]["expected"] == deal["expected"]
            newest = reads.call("/api/v1/history/orders?limit=1")[1]
            assert newest["more"] is True
            assert newest["rows"][0]["cl_ord_id"] in orders
        finally:
            process.terminate()
            _, rest = process.communicate(timeout=HANGS_S)
    secrets = [link[1].encode(), reads.token.encode(), acts.token.encode()]
    assert not any(path.exists() for path in files.values())
    for path in desk.folder.rglob("*"):
        assert not path.is_file() or not any(secret in path.read_bytes() for secret in secrets), path
    assert not any(secret.decode() in rest for secret in secrets)
    code, shown, _ = desk.run("journal", "show")
    assert code == 0
    assert re.search(r"asked +who='api:trade 127\.0\.0\.1' what=halted why='the test wants it'", shown), shown[-2000:]


def accepted(site: dict[str, Any]) -> int:
    """Orders, by the venues."""
    return sum(len(rows) for rows in admin(site["admin"], "orders").values())


def test_nobody_answers(desk_of: Any, site: dict[str, Any], tmp_path: Path) -> None:
    """Exit code 4, as of the other commands that ask a run."""
    desk = desk_of(tmp_path, site["venues"], ARBKIT)
    desk.write("paper")
    code, _, told = desk.run("dashboard")
    assert code == 4
    assert "no run answers" in told
