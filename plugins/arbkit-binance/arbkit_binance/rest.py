"""Binance over HTTP: all reads, and orders if no trade socket is ready.

https://developers.binance.com/docs/binance-spot-api-docs/rest-api
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec
from msgspec import Struct

from arbkit.adapters.no_socket import NoSocket
from arbkit.adapters.signing import ed25519_base64, hmac_hex
from arbkit.adapters.wire import MS, check_amount, query, read_json, time_sample
from arbkit.core.errors import LocalProtocolError
from arbkit.core.protocols import Signer
from arbkit.core.types import (
    Ask,
    AskKind,
    AssetStatus,
    Balance,
    CancelAll,
    CancelOrder,
    Catalogue,
    Command,
    FeeUpdate,
    HttpAnswer,
    HttpRequest,
    InstrumentUpdate,
    LinkSpec,
    ListFills,
    Listing,
    ListOpenOrders,
    NewOrder,
    NoAnswer,
    OrderUpdate,
    Output,
    QueryOrder,
    ReplaceOrder,
    Secret,
    Wire,
)
from arbkit_binance import limits
from arbkit_binance.catalogue import Commission, ExchangeInfo, Rates, instrument
from arbkit_binance.orders import (
    ApiError,
    MyTrade,
    Report,
    key_params,
    order_params,
    query_failed,
    refused,
    report,
    window_ms,
)

__all__ = ["RestSession", "signature"]

_MOST_FILLS = 1000


class ServerTime(Struct, gc=False, rename="camel"):
    server_time: int


class Held(Struct, gc=False):
    asset: str
    free: Decimal
    locked: Decimal

    def __post_init__(self) -> None:
        check_amount(self.free, self.locked)


class Account(Struct, gc=False, rename="camel"):
    balances: list[Held]
    update_time: int = 0
    commission_rates: Rates = Rates()


class Coin(Struct, gc=False, rename="camel"):
    coin: str
    deposit_all_enable: bool | None = None
    withdraw_all_enable: bool | None = None


class Cancelled(Struct, gc=False, rename="camel"):
    """An entry of a cancel-all answer: an order, or an order list with its orders inside."""

    symbol: str = ""
    order_id: int = 0
    status: str = ""
    client_order_id: str = ""
    orig_client_order_id: str = ""
    executed_qty: Decimal | None = None
    transact_time: int = 0
    order_reports: list[Report] = []


_INFO = msgspec.json.Decoder(ExchangeInfo)
_TIME = msgspec.json.Decoder(ServerTime)
_ACCOUNT = msgspec.json.Decoder(Account)
_COMMISSION = msgspec.json.Decoder(Commission)
_COINS = msgspec.json.Decoder(list[Coin])
_ERROR = msgspec.json.Decoder(ApiError)
_REPORT = msgspec.json.Decoder(Report)
_REPORTS = msgspec.json.Decoder(list[Report])
_CANCELLED = msgspec.json.Decoder(list[Cancelled])
_TRADES = msgspec.json.Decoder(list[MyTrade])


def signature(signer: Signer, text: str, key_type: str) -> str:
    """The signature of the text exactly as sent: hex for HMAC keys, base64 for Ed25519 keys."""
    return ed25519_base64(signer, text) if key_type == "ed25519" else hmac_hex(signer, text)


class RestSession(NoSocket):
    """The account's request channel; without a signer only public requests."""

    def __init__(
        self,
        link: LinkSpec,
        catalogue: Catalogue,
        signer: Signer | None,
        *,
        base: str,
        depth: int,
        key_type: str,
        window_ms: int,
    ) -> None:
        super().__init__(link, signer)
        self._account = link.account
        self._instruments = link.instruments
        self._catalogue = catalogue
        self._base = base
        self._depth = depth
        self._key_type = key_type
        self._window_ms = window_ms

    # --- requests

    def encode(self, what: Ask | Sequence[Command], now_ns: int) -> Sequence[Wire]:
        if isinstance(what, Ask):
            return [self._ask(what, now_ns)]
        return [self._command(command, now_ns) for command in what]

    def _ask(self, ask: Ask, now_ns: int) -> HttpRequest:
        match ask.kind:
            case AskKind.CATALOGUE:
                return self._open("/api/v3/exchangeInfo", [("showPermissionSets", "false")])
            case AskKind.SNAPSHOT:
                return self._open("/api/v3/depth", [("symbol", self._native(ask)), ("limit", str(self._depth))])
            case AskKind.TIME:
                return self._open("/api/v3/time", [])
            case AskKind.FEES if ask.instrument:
                return self._signed("GET", "/api/v3/account/commission", [("symbol", self._native(ask))], now_ns)
            case AskKind.FEES | AskKind.BALANCES:
                # include zero balances, so that an asset that left the account is reported as 0
                return self._signed("GET", "/api/v3/account", [], now_ns)
            case AskKind.ASSETS:
                return self._signed("GET", "/sapi/v1/capital/config/getall", [], now_ns)
        raise LocalProtocolError(f"Binance has no answer to {ask.kind}")

    def _command(self, command: Command, now_ns: int) -> HttpRequest:
        order = "/api/v3/order"
        match command:
            case NewOrder():
                window = window_ms(command, self._window_ms, now_ns)
                return self._signed("POST", order, order_params(command, self._native(command)), now_ns, window)
            case CancelOrder():
                return self._signed("DELETE", order, key_params(command, self._native(command)), now_ns)
            case QueryOrder():
                return self._signed("GET", order, key_params(command, self._native(command)), now_ns)
            case CancelAll() if command.instrument:
                return self._signed("DELETE", "/api/v3/openOrders", [("symbol", self._native(command))], now_ns)
            case ListOpenOrders():
                wanted = [("symbol", self._native(command))] if command.instrument else []
                return self._signed("GET", "/api/v3/openOrders", wanted, now_ns)
            case ListFills():
                params = [("symbol", self._native(command)), ("limit", str(_MOST_FILLS))]
                if command.order_id:
                    params.append(("orderId", command.order_id))
                elif command.since_ns:
                    params.append(("startTime", str(command.since_ns // MS)))
                return self._signed("GET", "/api/v3/myTrades", params, now_ns)
            case CancelAll() | ReplaceOrder():
                raise LocalProtocolError(f"Binance cannot do {type(command).__name__} like this: {command}")

    def _native(self, what: Ask | Command) -> str:
        return self._catalogue[what.instrument].native

    def _open(self, path: str, params: list[tuple[str, str]]) -> HttpRequest:
        text = query(params)
        return HttpRequest("GET", f"{self._base}{path}?{text}" if text else f"{self._base}{path}")

    def _signed(
        self, method: str, path: str, params: list[tuple[str, str]], now_ns: int, window: int = 0
    ) -> HttpRequest:
        """A signed request: all parameters in the query, in the signed order, the signature last."""
        signer = self._key
        stamp = ("timestamp", str(signer.venue_ns(now_ns) // MS))
        text = query([stamp, *params, ("recvWindow", str(window or self._window_ms))])
        proof = query([("signature", signature(signer, text, self._key_type))])
        return HttpRequest(
            method, Secret(f"{self._base}{path}?{text}&{proof}"), headers=(("X-MBX-APIKEY", signer.key),)
        )

    # --- answers

    def answered(self, what: Ask | Command, answer: HttpAnswer | NoAnswer, now_ns: int) -> Sequence[Output]:
        if isinstance(answer, NoAnswer):
            return ()
        reports: list[Output] = [*limits.from_headers(answer, self._account, now_ns)]
        if isinstance(what, Ask):
            return reports + self._asked(what, answer, now_ns)
        if answer.status == 200:
            return reports + self._done(what, answer.body, now_ns)
        error = read_json(_ERROR, answer.body)
        return reports if error is None else [*reports, *self._failed(what, error, answer.status, now_ns)]

    def _asked(self, ask: Ask, answer: HttpAnswer, now_ns: int) -> list[Output]:
        events = self._facts(ask, answer, now_ns) if answer.status == 200 else None
        if events is not None:
            return events
        return [
            NoAnswer(
                f"{ask.kind.value}: HTTP {answer.status} {answer.body[:120]!r}", True, answer.status, recv_ns=now_ns
            )
        ]

    def _facts(self, ask: Ask, answer: HttpAnswer, now_ns: int) -> list[Output] | None:
        body, account = answer.body, self._account
        match ask.kind:
            case AskKind.CATALOGUE:
                info = read_json(_INFO, body)
                if info is None:
                    return None
                found: list[Output] = [
                    InstrumentUpdate(instrument(one)) for one in info.symbols if not one.contract_type
                ]
                return found + limits.from_array(info.rate_limits, account, now_ns)
            case AskKind.TIME:
                said = read_json(_TIME, body)
                if said is None:
                    return None
                return [time_sample("binance", said.server_time * MS, MS, answer.sent_ns, answer.recv_ns)]
            case AskKind.FEES if ask.instrument:
                rates = read_json(_COMMISSION, body)
                return None if rates is None else [rates.update(account, ask.instrument)]
            case AskKind.FEES:
                holder = read_json(_ACCOUNT, body)
                if holder is None:
                    return None
                maker, taker = holder.commission_rates.fees()
                return [FeeUpdate(account, one, maker, taker) for one in self._instruments]
            case AskKind.BALANCES:
                holder = read_json(_ACCOUNT, body)
                if holder is None:
                    return None
                return [
                    Balance(
                        account=account,
                        asset=one.asset,
                        free=one.free,
                        locked=one.locked,
                        snapshot=True,
                        exch_ns=holder.update_time * MS,
                        recv_ns=now_ns,
                    )
                    for one in holder.balances
                ]
            case AskKind.ASSETS:
                coins = read_json(_COINS, body)
                if coins is None:
                    return None
                return [
                    AssetStatus("binance", one.coin, one.deposit_all_enable, one.withdraw_all_enable) for one in coins
                ]
        return None

    def _done(self, command: Command, body: bytes, now_ns: int) -> list[Output]:
        """A 200 answer. A body that cannot be read proves nothing."""
        account = self._account
        match command:
            case NewOrder() | CancelOrder() | QueryOrder():
                said = read_json(_REPORT, body)
                if said is None:
                    return []
                source = "poll" if isinstance(command, QueryOrder) else "ack"
                return [*report(said, account, command.instrument, now_ns, source, command.cl_ord_id)]
            case CancelAll():
                events: list[Output] = []
                for one in read_json(_CANCELLED, body) or ():
                    plain_one = Report(
                        one.symbol,
                        one.order_id,
                        one.status,
                        one.client_order_id,
                        one.orig_client_order_id,
                        executed_qty=one.executed_qty,
                        transact_time=one.transact_time,
                    )
                    for order in one.order_reports or [plain_one]:
                        events += report(order, account, command.instrument, now_ns, "ack")
                return events
            case ListOpenOrders():
                orders = read_json(_REPORTS, body)
                if orders is None:
                    return []
                updates = [one for order in orders for one in self._told(order, now_ns)]
                return [
                    Listing(
                        account=account,
                        kind="open_orders",
                        instrument=command.instrument,
                        updates=updates,
                        recv_ns=now_ns,
                    )
                ]
            case ListFills():
                trades = read_json(_TRADES, body)
                if trades is None:
                    return []
                return [
                    Listing(
                        account=account,
                        kind="fills",
                        instrument=command.instrument,
                        updates=[one.update(account, command.instrument, now_ns) for one in trades],
                        since_ns=command.since_ns,
                        complete=len(trades) < _MOST_FILLS,
                        recv_ns=now_ns,
                    )
                ]
        return []

    def _told(self, order: Report, now_ns: int) -> list[OrderUpdate]:
        known = self._catalogue.native("binance", order.symbol)
        return report(order, self._account, known.id if known else "", now_ns, "poll")

    def _failed(self, command: Command, error: ApiError, status: int, now_ns: int) -> Sequence[Output]:
        match command:
            case NewOrder() | CancelOrder():
                return refused(
                    type(command), self._account, command.instrument, command.cl_ord_id, error, status, now_ns
                )
            case QueryOrder():
                return query_failed(self._account, command.instrument, command.cl_ord_id, error, status, now_ns)
        return ()
