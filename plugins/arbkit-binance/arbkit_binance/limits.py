"""Binance's rate limits: bucket names, the cost of each call, and the usage that answers report.

https://developers.binance.com/docs/binance-spot-api-docs/rest-api/limits
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from arbkit.adapters.wire import S, retry_ns
from arbkit.core.types import (
    Ask,
    AskKind,
    CancelAll,
    CancelOrder,
    Command,
    HttpAnswer,
    ListFills,
    ListOpenOrders,
    NewOrder,
    QueryOrder,
    RateLimit,
    RateReport,
    ReplaceOrder,
)

__all__ = ["LIMITED", "LIMITS", "SOCKET_MESSAGES", "LimitSaid", "cost", "from_array", "from_headers", "snapshot_weight"]

VENUE = "binance"

LIMITS = (
    RateLimit("weight", 6000, 60 * S),
    RateLimit("orders_10s", 50, 10 * S),
    RateLimit("orders_1d", 160_000, 86_400 * S),
    RateLimit("connections", 300, 300 * S),
)
"""The smallest of the documented values; ``exchangeInfo`` and each answer report the real ones."""
SOCKET_MESSAGES = RateLimit("binance.messages", 4, S)
"""The venue closes a socket with more than 5 messages per second, pongs included; one is left for pongs."""

LIMITED = (403, 418, 429)
"""HTTP statuses of the firewall, a ban and a limit: they say nothing of the request itself."""

_WEIGHTS = {
    AskKind.CATALOGUE: 20,
    AskKind.TIME: 1,
    AskKind.FEES: 20,
    AskKind.BALANCES: 20,
    AskKind.ASSETS: 10,
}
_HEADERS = {
    "x-mbx-used-weight-1m": "weight",
    "x-mbx-order-count-10s": "orders_10s",
    "x-mbx-order-count-1d": "orders_1d",
}
_ARRAY = {
    ("REQUEST_WEIGHT", "MINUTE", 1): "weight",
    ("ORDERS", "SECOND", 10): "orders_10s",
    ("ORDERS", "DAY", 1): "orders_1d",
}


class LimitSaid(Struct, gc=False, rename="camel"):
    """An entry of ``rateLimits``."""

    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int
    count: int | None = None


def snapshot_weight(depth: int) -> int:
    """The weight of ``GET /api/v3/depth``."""
    return 5 if depth <= 100 else 25 if depth <= 500 else 50 if depth <= 1000 else 250


def cost(what: Ask | Command, depth: int) -> tuple[tuple[str, int], ...]:
    """Since April 2026 an order or cancel has weight 0 if it succeeds and 1 if it fails; 1 is counted."""
    match what:
        case Ask():
            weight = snapshot_weight(depth) if what.kind is AskKind.SNAPSHOT else _WEIGHTS.get(what.kind, 1)
            return (("weight", weight),)
        case NewOrder() | ReplaceOrder():
            account = what.account
            return (("weight", 1), (f"orders_10s:{account}", 1), (f"orders_1d:{account}", 1))
        case CancelOrder() | CancelAll():
            return (("weight", 1),)
        case QueryOrder():
            return (("weight", 4),)
        case ListOpenOrders():
            return (("weight", 6 if what.instrument else 80),)
        case ListFills():
            return (("weight", 5 if what.order_id else 20),)


def _bucket(name: str, account: str) -> str:
    return name if name == "weight" or not account else f"{name}:{account}"


def from_array(said: Iterable[LimitSaid], account: str, now_ns: int) -> list[RateReport]:
    """The reports in ``rateLimits`` (of ``exchangeInfo`` and of each answer over the WebSocket API)."""
    reports = []
    for one in said:
        name = _ARRAY.get((one.rate_limit_type, one.interval, one.interval_num))
        if name:
            reports.append(
                RateReport(venue=VENUE, bucket=_bucket(name, account), used=one.count, limit=one.limit, recv_ns=now_ns)
            )
    return reports


def from_headers(answer: HttpAnswer, account: str, now_ns: int) -> list[RateReport]:
    """Used weight and order counts of an HTTP answer. After 429, 418 and 403 (the firewall, which gives no time)
    nothing is sent to the venue until the reported time."""
    reports = []
    for header, name in _HEADERS.items():
        text = answer.headers.get(header, "")
        if text.isascii() and text.isdigit():
            reports.append(RateReport(venue=VENUE, bucket=_bucket(name, account), used=int(text), recv_ns=now_ns))
    if answer.status in LIMITED:
        until = retry_ns(answer, now_ns, 60.0 if answer.status == 429 else 120.0)
        reports.append(RateReport(venue=VENUE, bucket="*", until_ns=until, recv_ns=now_ns))
    return reports
