"""Pages of the history: what is not known yet is null, and no error."""

from __future__ import annotations

from pathlib import Path

import msgspec

from arbkit.core.orders.journal import encode
from arbkit.core.orders.records import DealOpened, RunStart
from arbkit.history.rebuild import rebuild
from arbkit.monitor.api.past import PAGES, PastPages, span_of


async def test_a_deal_that_is_open(tmp_path: Path) -> None:
    """It has no end and no parts yet; its id is text, because it is too large for JavaScript."""
    began = RunStart(at_ns=1_000, mode="sim", account="okx:main", environment="sim", code="1")
    opened = DealOpened(at_ns=2_000, deal=1 << 60, strategy="spread", instruments=["okx:BTC-USDT", "bybit:BTC-USDT"])
    (tmp_path / "journal").write_bytes(encode(began) + encode(opened))
    rebuild(tmp_path)
    page = msgspec.json.decode(await PastPages(tmp_path).page("deals", span_of({}, PAGES["deals"].takes)))
    assert page["more"] is False
    (row,) = page["rows"]
    assert (row["id"], row["opened_us"], row["closed_us"]) == (str(1 << 60), 2, None)
    parts = ("outcome", "realised", "slippage", "fees", "latency", "unwind", "leftovers")
    assert {row[part] for part in parts} == {None}
