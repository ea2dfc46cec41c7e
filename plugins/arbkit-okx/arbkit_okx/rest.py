"""The REST link: all reads, and orders if the trade link is not ready."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from arbkit.adapters.no_socket import NoSocket
from arbkit.adapters.wire import MS, S, is_complete, json_text, number, query, read_json, time_sample
from arbkit.core.errors import LocalProtocolError
from arbkit.core.types import (
    Ask,
    AskKind,
    AssetStatus,
    CancelOrder,
    Command,
    FeeUpdate,
    HttpAnswer,
    HttpRequest,
    Instrument,
    InstrumentUpdate,
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
from arbkit_okx import codes, login, reports, wire
from arbkit_okx.private import LIMIT_WINDOW_NS, ORDER_WINDOW_NS
from arbkit_okx.wire import VENUE

if TYPE_CHECKING:
    from msgspec import Raw

    from arbkit.core.protocols import Signer
    from arbkit.core.types import Catalogue, LinkSpec

_FILLS_NS = 3 * 86_400 * S
"""The history of ``trade/fills``."""
_PAGE = 100
"""Rows of a full page. A listing with as many rows may be incomplete."""


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
        demo: bool = False,
        trade_mode: str = "cash",
    ) -> None:
        super().__init__(link, signer)
        self._catalogue = catalogue
        self._url = url
        self._cost = cost
        self._demo = demo
        self._trade_mode = trade_mode

    # --- out ---

    def encode(self, what: Ask | Sequence[Command], now_ns: int) -> Sequence[Wire]:
        if isinstance(what, Ask):
            return [self._ask(what, now_ns)]
        return [self._command(command, now_ns) for command in what]

    def _ask(self, what: Ask, now_ns: int) -> HttpRequest:
        match what.kind:
            case AskKind.CATALOGUE:
                return self._public("/api/v5/public/instruments?instType=SPOT")
            case AskKind.TIME:
                return self._public("/api/v5/public/time")
            case AskKind.FEES:
                one = [("instId", reports.native(self._catalogue, what.instrument))] if what.instrument else []
                return self._get("/api/v5/account/trade-fee", [("instType", "SPOT"), *one], now_ns)
            case AskKind.BALANCES:
                return self._get("/api/v5/account/balance", [], now_ns)
            case AskKind.ASSETS:
                return self._get("/api/v5/asset/currencies", [], now_ns)
            case _:
                raise LocalProtocolError(f"okx has no {what.kind.value} to ask for")

    def _command(self, what: Command, now_ns: int) -> HttpRequest:
        match what:
            case NewOrder():
                body = {
                    "instId": self._catalogue[what.instrument].native,
                    **reports.order_params(what, self._trade_mode),
                }
                return self._post("/api/v5/trade/order", body, now_ns, what.deadline_ns or now_ns + ORDER_WINDOW_NS)
            case CancelOrder():
                body = {"instId": reports.native(self._catalogue, what.instrument), **reports.cancel_params(what)}
                return self._post("/api/v5/trade/cancel-order", body, now_ns)
            case QueryOrder():
                which = ("ordId", what.order_id) if what.order_id else ("clOrdId", what.cl_ord_id)
                native = reports.native(self._catalogue, what.instrument)
                return self._get("/api/v5/trade/order", [("instId", native), which], now_ns)
            case ListOpenOrders():
                one = (
                    ("instId", reports.native(self._catalogue, what.instrument))
                    if what.instrument
                    else ("instType", "SPOT")
                )
                return self._get("/api/v5/trade/orders-pending", [one], now_ns)
            case ListFills():
                params = [("instType", "SPOT"), ("instId", reports.native(self._catalogue, what.instrument))]
                if what.order_id:
                    params.append(("ordId", what.order_id))
                if what.since_ns:
                    params.append(("begin", str(what.since_ns // MS)))
                return self._get("/api/v5/trade/fills", params, now_ns)
            case _:
                raise LocalProtocolError(f"okx takes no {type(what).__name__}: Okx.route names no link for it")

    def _public(self, path: str) -> HttpRequest:
        return HttpRequest("GET", self._url + path, self._environment())

    def _get(self, path: str, params: list[tuple[str, str]], now_ns: int) -> HttpRequest:
        path = f"{path}?{query(params)}" if params else path
        headers = login.headers(self._key, "GET", path, "", now_ns)
        return HttpRequest("GET", self._url + path, [*headers, *self._environment()])

    def _post(self, path: str, body: object, now_ns: int, expires_ns: int = 0) -> HttpRequest:
        text = json_text(body)
        signer = self._key
        headers = login.headers(signer, "POST", path, text, now_ns)
        headers.append(("Content-Type", "application/json"))
        if expires_ns:
            headers.append(("expTime", str(signer.venue_ns(expires_ns) // MS)))
        return HttpRequest("POST", self._url + path, [*headers, *self._environment()], text.encode())

    def _environment(self) -> list[tuple[str, str]]:
        return [("x-simulated-trading", "1")] if self._demo else []

    # --- in ---

    def answered(self, what: Ask | Command, answer: HttpAnswer | NoAnswer, now_ns: int) -> Sequence[Output]:
        if isinstance(answer, NoAnswer):
            return self._throttled(what, now_ns) if answer.status == 429 else ()
        reply = read_json(wire.REPLY, answer.body) if answer.status < 500 else None
        code = reply.code if reply is not None else ""
        if answer.status == 429:
            code = code if codes.REJECTS.get(code) is RejectReason.THROTTLED else "50011"
        out: list[Output] = []
        if codes.REJECTS.get(code) is RejectReason.THROTTLED:
            out += self._throttled(what, now_ns)
        msg = reply.msg if reply is not None else f"HTTP {answer.status}"
        # with HTTP 429, a row says nothing about the order
        data = reply.data if reply is not None and answer.status != 429 else None
        if isinstance(what, NewOrder | CancelOrder):
            rows = (read_json(wire.ACKS, data) if data is not None else None) or []
            about = reports.order_answer if isinstance(what, NewOrder) else reports.cancel_answer
            out.append(about(what.account, what.instrument, what.cl_ord_id, code, msg, rows, now_ns))
        elif isinstance(what, QueryOrder) and code == codes.ORDER_UNKNOWN:
            out.append(OrderAbsent(what.account, what.instrument, what.cl_ord_id, now_ns))
        elif code == "0" and data is not None:
            try:
                out += self._read(what, data, answer, now_ns)
            except (ValueError, LookupError, RecursionError) as error:
                out.append(NoAnswer(f"unreadable: {error}", status=answer.status, recv_ns=now_ns))
        else:
            out.append(NoAnswer(f"{code} {msg}".strip(), status=answer.status, recv_ns=now_ns))
        return out

    def _throttled(self, what: Ask | Command, now_ns: int) -> list[Output]:
        return [
            RateReport(venue=VENUE, bucket=bucket, until_ns=now_ns + LIMIT_WINDOW_NS, recv_ns=now_ns)
            for bucket, _ in self._cost(what, Role.REST)
        ]

    def _read(self, what: Ask | Command, data: Raw, answer: HttpAnswer, now_ns: int) -> Sequence[Output]:
        account = self._link.account
        match what:
            case QueryOrder():
                return [
                    reports.order_update(row, account, self._catalogue, "poll", now_ns) for row in wire.orders(data)
                ]
            case ListOpenOrders():
                orders = [
                    reports.order_update(row, account, self._catalogue, "poll", now_ns) for row in wire.orders(data)
                ]
                return (
                    Listing(
                        account=account,
                        kind="open_orders",
                        instrument=what.instrument,
                        updates=orders,
                        complete=len(orders) < _PAGE,
                        recv_ns=now_ns,
                    ),
                )
            case ListFills():
                fills = [reports.fill_update(row, account, self._catalogue, now_ns) for row in wire.fills(data)]
                return (
                    Listing(
                        account=account,
                        kind="fills",
                        instrument=what.instrument,
                        updates=fills,
                        since_ns=what.since_ns,
                        recv_ns=now_ns,
                        complete=is_complete(len(fills), _PAGE, what.since_ns, _FILLS_NS, now_ns),
                    ),
                )
            case Ask(kind=AskKind.CATALOGUE):
                return [InstrumentUpdate(instrument(row)) for row in wire.instruments(data)]
            case Ask(kind=AskKind.TIME):
                return (time_sample(VENUE, wire.times(data)[0].ts * MS, MS, answer.sent_ns, answer.recv_ns),)
            case Ask(kind=AskKind.FEES):
                return self._fees(what.instrument, wire.fees(data))
            case Ask(kind=AskKind.BALANCES):
                return reports.balances(wire.accounts(data), account, self._trade_mode != "cash", True, now_ns)
            case Ask(kind=AskKind.ASSETS):
                return assets(wire.currencies(data))
            case _:
                return ()

    def _fees(self, instrument_id: str, rows: Sequence[wire.FeeRow]) -> list[FeeUpdate]:
        """Fee rates by the instrument's fee group; without a group the highest rates. OKX gives charges as negative
        numbers."""
        groups = {group.group_id: group for row in rows for group in row.fee_group}
        if not groups:
            return []
        dearest = min(groups.values(), key=lambda group: number(group.taker))
        one = self._catalogue.get(instrument_id)
        updates = []
        for known in [one] if one is not None else self._catalogue.venue(VENUE):
            group = groups.get(known.fee_group, dearest)
            updates.append(FeeUpdate(self._link.account, known.id, -number(group.maker), -number(group.taker)))
        return updates


def assets(rows: Sequence[wire.CurrencyRow]) -> list[AssetStatus]:
    """One row per chain. An asset can be moved if one of its chains is open."""
    deposit: dict[str, bool] = {}
    withdraw: dict[str, bool] = {}
    for row in rows:
        deposit[row.ccy] = deposit.get(row.ccy, False) or row.can_dep
        withdraw[row.ccy] = withdraw.get(row.ccy, False) or row.can_wd
    return [AssetStatus(VENUE, asset, deposit[asset], withdraw[asset]) for asset in deposit]


def instrument(row: wire.InstrumentRow) -> Instrument:
    """A row of the instruments list. Swaps become perpetuals; dated contracts keep OKX's name."""
    base, quote = row.base_ccy, row.quote_ccy
    if not base:
        base, _, quote = row.uly.partition("-")
    perpetual = row.inst_type == "SWAP"
    return Instrument(
        venue=VENUE,
        symbol=f"{base}-{quote}-PERP" if perpetual else row.inst_id,
        native=row.inst_id,
        base=base,
        quote=quote,
        tick=number(row.tick_sz),
        lot=number(row.lot_sz),
        min_qty=number(row.min_sz),
        max_qty=number(row.max_lmt_sz) or None,
        tradable=row.state == "live",
        status=row.state,
        venue_ref="" if row.inst_id_code is None else str(row.inst_id_code),
        fee_group=row.group_id,
        kind="spot" if row.inst_type == "SPOT" else "perp" if perpetual else row.inst_type.lower(),
        multiplier=number(row.ct_val) or Decimal(1),
        settle=row.settle_ccy,
        inverse=row.ct_type == "inverse",
    )
