"""Bybit v5 messages as typed structures for msgspec."""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import UNSET, Raw, Struct, UnsetType, field
from msgspec.json import Decoder

from arbkit.core.types import Level

VENUE = "bybit"
T = TypeVar("T")


class BookRow(Struct, gc=False):
    """``data`` of an ``orderbook`` push; other topics are not read."""

    s: str = ""
    bids: list[Level] | UnsetType = field(default=UNSET, name="b")
    asks: list[Level] | UnsetType = field(default=UNSET, name="a")
    u: int = 0
    seq: int = 0
    """The engine's number, which no restart of the feed resets."""


class FullBook(Struct, gc=False):
    """``result`` of ``market/full_orderbook``; times in ms."""

    b: list[Level]
    a: list[Level]
    u: int
    seq: int = 0
    ts: int = 0
    cts: int = 0


class PublicFrame(Struct, gc=False):
    """Any message of a public link; ``ts`` and ``cts`` (of the matching engine) are in ms."""

    topic: str = ""
    type: str = ""
    ts: int = 0
    cts: int = 0
    data: BookRow | list[Raw] | None = None
    op: str = ""
    success: bool | None = None
    ret_msg: str = ""
    req_id: str = ""


class OrderRow(Struct, rename="camel", gc=False):
    """One order of the ``order`` topic, ``order/realtime`` or ``order/history``. Only the topic has a category."""

    symbol: str
    order_id: str
    order_status: str
    category: str = ""
    order_link_id: str = ""
    side: str = ""
    price: str = ""
    qty: str = ""
    cum_exec_qty: str = ""
    time_in_force: str = ""
    cancel_type: str = ""
    reject_reason: str = ""
    updated_time: str = ""


class ExecutionRow(Struct, rename="camel", gc=False):
    """One fill of the ``execution`` topic or ``execution/list``."""

    symbol: str
    exec_id: str
    order_id: str
    exec_price: str
    exec_qty: str
    side: str
    category: str = ""
    order_link_id: str = ""
    exec_fee: str = ""
    fee_currency: str = ""
    exec_type: str = "Trade"
    is_maker: bool = False
    exec_time: str = ""


class CoinRow(Struct, rename="camel", gc=False):
    coin: str
    wallet_balance: str = ""
    locked: str = ""
    spot_borrow: str = ""


class WalletRow(Struct, rename="camel", gc=False):
    account_type: str = "UNIFIED"
    coin: list[CoinRow] = []


class PrivateFrame(Struct, rename="camel", gc=False):
    """Any message of a private or trade link; the type of ``data`` depends on the topic or operation.

    The private link uses ``ret_msg`` and ``req_id``, the trade link ``retMsg`` and ``reqId``.
    """

    topic: str = ""
    creation_time: int = 0
    data: Raw = Raw(b"")
    op: str = ""
    success: bool | None = None
    ret_code: int | None = None
    ret_msg: str = ""
    snake_msg: str = field(default="", name="ret_msg")
    req_id: str = ""
    header: dict[str, object] = {}

    @property
    def text(self) -> str:
        return self.ret_msg or self.snake_msg


class Ids(Struct, rename="camel", gc=False):
    """The result of an accepted order or cancel."""

    order_id: str = ""
    order_link_id: str = ""


class Reply(Struct, rename="camel", gc=False):
    """A REST answer; the type of ``result`` depends on the request."""

    ret_code: int
    ret_msg: str = ""
    result: Raw = Raw(b"{}")
    time: int = 0


class Page(Struct, Generic[T], rename="camel", gc=False):
    rows: list[T] = field(default_factory=list, name="list")
    category: str = ""
    next_page_cursor: str = ""


class LotFilter(Struct, rename="camel", frozen=True, gc=False):
    base_precision: str = ""
    qty_step: str = ""
    min_order_amt: str = ""
    max_limit_order_qty: str = ""
    max_order_qty: str = ""
    min_order_qty: str = ""
    min_notional_value: str = ""


class PriceFilter(Struct, rename="camel", frozen=True, gc=False):
    tick_size: str = ""


class InstrumentRow(Struct, rename="camel", gc=False):
    symbol: str
    base_coin: str
    quote_coin: str
    status: str = ""
    lot_size_filter: LotFilter = LotFilter()
    price_filter: PriceFilter = PriceFilter()
    contract_type: str = ""
    settle_coin: str = ""


class FeeRow(Struct, rename="camel", gc=False):
    symbol: str
    maker_fee_rate: str
    taker_fee_rate: str


class ChainRow(Struct, rename="camel", gc=False):
    chain_deposit: str = ""
    chain_withdraw: str = ""


class CoinInfoRow(Struct, rename="camel", gc=False):
    coin: str
    chains: list[ChainRow] = []


class CoinInfo(Struct, gc=False):
    rows: list[CoinInfoRow] = []


class Time(Struct, rename="camel", gc=False):
    time_nano: int


public_frame = Decoder(PublicFrame, strict=False).decode
private_frame = Decoder(PrivateFrame).decode
orders = Decoder(list[OrderRow]).decode
executions = Decoder(list[ExecutionRow]).decode
wallets = Decoder(list[WalletRow]).decode
IDS = Decoder(Ids)
REPLY = Decoder(Reply)
FULL_BOOK = Decoder(FullBook, strict=False)
order_page = Decoder(Page[OrderRow]).decode
execution_page = Decoder(Page[ExecutionRow]).decode
wallet_page = Decoder(Page[WalletRow]).decode
instrument_page = Decoder(Page[InstrumentRow]).decode
fee_page = Decoder(Page[FeeRow]).decode
coin_info = Decoder(CoinInfo).decode
time = Decoder(Time, strict=False).decode
