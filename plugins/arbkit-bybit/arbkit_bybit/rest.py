"""The REST link: all reads, and orders if the trade link is not ready."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from arbkit.adapters.no_socket import NoSocket
from arbkit.adapters.wire import MS, S, is_complete, json_text, number, query, read_json, time_sample
from arbkit.core.errors import LocalProtocolError
from arbkit.core.types import (
    Ask,
    AskKind,
    AssetStatus,
    CancelAll,
    CancelOrder,
    Command,
    FeeUpdate,
    HttpAnswer,
    HttpRequest,
    Instrument,
    InstrumentUpdate,
    Lane,
    ListFills,
    Listing,
    ListOpenOrders,
    NewOrder,
    NoAnswer,
    OrderAbsent,
    Output,
    QueryOrder,
    RateReport,
    RejectReason,
    Role,
    Wire,
)
from arbkit_bybit import codes, login, reports, wire
from arbkit_bybit.wire import VENUE

if TYPE_CHECKING:
    from msgspec import Raw

    from arbkit.core.protocols import Signer
    from arbkit.core.types import Catalogue, LinkSpec

_BLOCKED_NS = 600 * S
"""HTTP 403 "access too frequent": nothing is sent for ten minutes."""
_FILLS_NS = 7 * 86_400 * S
"""The time span of a fills listing without an end time."""
_SPOT = ("category", "spot")
_USUAL_MS = str(login.WINDOW_NS // MS)


class RestSession(NoSocket):
    """The account's request channel; without a signer only public requests."""

    def __init__(
        self,
        link: LinkSpec,
        catalogue: Catalogue,
        signer: Signer | None,
        *,
        url: str,
        cost: Callable[[Ask | Command, Role], Sequence[tuple[str, int]]],
    ) -> None:
        super().__init__(link, signer)
        self._catalogue = catalogue
        self._url = url
        self._cost = cost

    # --- out ---

    def encode(self, what: Ask | Sequence[Command], now_ns: int) -> Sequence[Wire]:
        if isinstance(what, Ask):
            return [self._ask(what, now_ns)]
        return [self._command(command, now_ns) for command in what]

    def _symbol(self, instrument_id: str) -> list[tuple[str, str]]:
        return [("symbol", reports.native(self._catalogue, instrument_id))] if instrument_id else []

    def _ask(self, what: Ask, now_ns: int) -> HttpRequest:
        match what.kind:
            case AskKind.CATALOGUE:
                return HttpRequest("GET", f"{self._url}/v5/market/instruments-info?category=spot")
            case AskKind.TIME:
                return HttpRequest("GET", f"{self._url}/v5/market/time")
            case AskKind.SNAPSHOT:
                payload = query([_SPOT, *self._symbol(what.instrument)])
                return HttpRequest("GET", f"{self._url}/v5/market/full_orderbook?{payload}")
            case AskKind.FEES:
                return self._get("/v5/account/fee-rate", [_SPOT, *self._symbol(what.instrument)], now_ns)
            case AskKind.BALANCES:
                return self._get("/v5/account/wallet-balance", [("accountType", "UNIFIED")], now_ns)
            case AskKind.ASSETS:
                return self._get("/v5/asset/coin/query-info", [], now_ns)
            case AskKind.ORDER:
                params = [_SPOT, *self._symbol(what.instrument), ("orderLinkId", what.ref)]
                return self._get("/v5/order/history", params, now_ns)
            case _:
                raise LocalProtocolError(f"bybit has no {what.kind.value} to ask for")

    def _command(self, what: Command, now_ns: int) -> HttpRequest:
        match what:
            case NewOrder():
                body = reports.order_params(what, self._catalogue[what.instrument].native)
                return self._post("/v5/order/create", body, now_ns, login.window_ms(what.deadline_ns, now_ns))
            case CancelOrder():
                body = reports.cancel_params(what, reports.native(self._catalogue, what.instrument))
                return self._post("/v5/order/cancel", body, now_ns, _USUAL_MS)
            case CancelAll():
                body = {"category": "spot", **dict(self._symbol(what.instrument))}
                return self._post("/v5/order/cancel-all", body, now_ns, _USUAL_MS)
            case QueryOrder():
                which = ("orderLinkId", what.cl_ord_id) if what.cl_ord_id else ("orderId", what.order_id)
                return self._get("/v5/order/realtime", [_SPOT, *self._symbol(what.instrument), which], now_ns)
            case ListOpenOrders():
                params = [_SPOT, *self._symbol(what.instrument), ("openOnly", "0"), ("limit", "50")]
                return self._get("/v5/order/realtime", params, now_ns)
            case ListFills():
                params = [_SPOT, *self._symbol(what.instrument), ("limit", "100")]
                if what.order_id:
                    params.append(("orderId", what.order_id))
                if what.since_ns:
                    params.append(("startTime", str(what.since_ns // MS)))
                return self._get("/v5/execution/list", params, now_ns)
            case _:
                raise LocalProtocolError(f"bybit takes no {type(what).__name__}: Bybit.route names no link for it")

    def _get(self, path: str, params: list[tuple[str, str]], now_ns: int) -> HttpRequest:
        payload = query(params)
        url = f"{self._url}{path}?{payload}" if payload else self._url + path
        return HttpRequest("GET", url, login.headers(self._key, payload, now_ns, _USUAL_MS))

    def _post(self, path: str, body: object, now_ns: int, window: str) -> HttpRequest:
        text = json_text(body)
        headers = login.headers(self._key, text, now_ns, window)
        return HttpRequest("POST", self._url + path, [*headers, ("Content-Type", "application/json")], text.encode())

    # --- in ---

    def answered(self, what: Ask | Command, answer: HttpAnswer | NoAnswer, now_ns: int) -> Sequence[Output]:
        if isinstance(answer, NoAnswer):
            return self._limits(what, None, answer.status, {}, now_ns)
        reply = read_json(wire.REPLY, answer.body) if answer.status < 500 and answer.status != 403 else None
        code = reply.ret_code if reply is not None else None
        if answer.status == 429 and (code is None or codes.REJECTS.get(code) is not RejectReason.THROTTLED):
            code = 10429
        msg = reply.ret_msg if reply is not None else f"HTTP {answer.status}"
        out = self._limits(what, code, answer.status, answer.headers, now_ns)
        account, ids = self._link.account, wire.Ids()
        if isinstance(what, NewOrder | CancelOrder):
            if reply is not None:
                ids = read_json(wire.IDS, bytes(reply.result)) or ids
            about = reports.order_answer if isinstance(what, NewOrder) else reports.cancel_answer
            exch_ns = reply.time * MS if reply is not None else 0
            return [about(account, what.instrument, what.cl_ord_id, code, msg, ids, exch_ns, now_ns), *out]
        if reply is not None and code == 0:
            try:
                return [*self._read(what, reply.result, answer, now_ns), *out]
            except (ValueError, LookupError, RecursionError) as error:
                return [NoAnswer(f"unreadable: {error}", status=answer.status, recv_ns=now_ns), *out]
        if isinstance(what, QueryOrder) and what.cl_ord_id and code in codes.UNKNOWN_ORDER:
            return [self._elsewhere(what), *out]
        return [NoAnswer(f"{code or ''} {msg}".strip(), status=answer.status, recv_ns=now_ns), *out]

    def _limits(
        self, what: Ask | Command, code: int | None, status: int, headers: Mapping[str, str], now_ns: int
    ) -> list[Output]:
        if status == 403:
            return [RateReport(venue=VENUE, bucket="ip", until_ns=now_ns + _BLOCKED_NS, recv_ns=now_ns)]
        exceeded = status == 429 or (code is not None and codes.REJECTS.get(code) is RejectReason.THROTTLED)
        buckets = [bucket for bucket, _ in self._cost(what, Role.REST) if bucket != "ip"]
        found = [reports.rate_report(headers, bucket, exceeded, now_ns) for bucket in buckets]
        return [report for report in found if report is not None]

    def _elsewhere(self, what: QueryOrder) -> Ask:
        """Query ``order/history``: ``order/realtime`` knows only open orders and the last 500 closed ones, until a
        restart."""
        return Ask(kind=AskKind.ORDER, instrument=what.instrument, ref=what.cl_ord_id, lane=Lane.QUERY)

    def _read(self, what: Ask | Command, result: Raw, answer: HttpAnswer, now_ns: int) -> Sequence[Output]:
        account, catalogue = self._link.account, self._catalogue
        match what:
            case QueryOrder() | ListOpenOrders() | Ask(kind=AskKind.ORDER):
                page = wire.order_page(result)
                orders = [reports.order_update(row, account, catalogue, "poll", now_ns) for row in page.rows]
                if isinstance(what, ListOpenOrders):
                    return (
                        Listing(
                            account=account,
                            kind="open_orders",
                            instrument=what.instrument,
                            updates=orders,
                            complete=not page.next_page_cursor or len(orders) < 50,
                            recv_ns=now_ns,
                        ),
                    )
                if orders:
                    return orders
                if isinstance(what, QueryOrder):
                    # only our ids are queried there: an empty id would match every order
                    return (self._elsewhere(what),) if what.cl_ord_id else ()
                return (OrderAbsent(account, what.instrument, what.ref, now_ns),)
            case ListFills():
                fill_page = wire.execution_page(result)
                fills = reports.fills(fill_page.rows, account, catalogue, "poll", now_ns)
                return (
                    Listing(
                        account=account,
                        kind="fills",
                        instrument=what.instrument,
                        updates=fills,
                        since_ns=what.since_ns,
                        recv_ns=now_ns,
                        complete=is_complete(len(fill_page.rows), 100, what.since_ns, _FILLS_NS, now_ns),
                    ),
                )
            case Ask(kind=AskKind.CATALOGUE):
                instruments = wire.instrument_page(result)
                if instruments.category != "spot":
                    return ()
                return [InstrumentUpdate(instrument(row)) for row in instruments.rows]
            case Ask(kind=AskKind.TIME):
                return (time_sample(VENUE, wire.time(result).time_nano, 0, answer.sent_ns, answer.recv_ns),)
            case Ask(kind=AskKind.FEES):
                return [
                    FeeUpdate(account, known.id, number(row.maker_fee_rate), number(row.taker_fee_rate))
                    for row in wire.fee_page(result).rows
                    if (known := catalogue.native(VENUE, row.symbol)) is not None
                ]
            case Ask(kind=AskKind.BALANCES):
                return reports.balances(wire.wallet_page(result).rows, account, True, 0, now_ns)
            case Ask(kind=AskKind.ASSETS):
                return [
                    AssetStatus(
                        VENUE,
                        coin.coin,
                        any(chain.chain_deposit == "1" for chain in coin.chains),
                        any(chain.chain_withdraw == "1" for chain in coin.chains),
                    )
                    for coin in wire.coin_info(result).rows
                ]
            case _:
                return ()


def instrument(row: wire.InstrumentRow) -> Instrument:
    """A row of the spot list; ``minOrderQty`` and ``maxOrderQty`` are ignored, because Bybit no longer checks them."""
    lots = row.lot_size_filter
    return Instrument(
        venue=VENUE,
        symbol=f"{row.base_coin}-{row.quote_coin}",
        native=row.symbol,
        base=row.base_coin,
        quote=row.quote_coin,
        tick=number(row.price_filter.tick_size),
        lot=number(lots.base_precision),
        min_notional=number(lots.min_order_amt),
        max_qty=number(lots.max_limit_order_qty) or None,
        tradable=row.status == "Trading",
        status=row.status,
    )
