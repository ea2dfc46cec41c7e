"""OKX v5 messages as typed structures for msgspec."""

from __future__ import annotations

from msgspec import UNSET, Raw, Struct, UnsetType
from msgspec.json import Decoder

from arbkit.core.types import Level

VENUE = "okx"


class Arg(Struct, rename="camel", gc=False):
    """The argument of a subscription or a push."""

    channel: str = ""
    inst_id: str = ""


class BookRow(Struct, rename="camel", gc=False):
    """The data of a book push. Fields that a channel does not have stay unset; ``ts`` is in ms."""

    bids: list[Level] | UnsetType = UNSET
    asks: list[Level] | UnsetType = UNSET
    ts: int = 0
    seq_id: int = 0
    prev_seq_id: int | UnsetType = UNSET


class PublicFrame(Struct, gc=False):
    """Any message of a public link except ``pong``."""

    arg: Arg | None = None
    action: str = ""
    data: list[BookRow] = []
    event: str = ""
    code: str = ""
    msg: str = ""
    id: str = ""


class TextRow(Struct, gc=False):
    """A book row of 2022: without sequence ids, with a CRC32 of the levels' text."""

    bids: list[list[str]]
    asks: list[list[str]]
    ts: int
    checksum: int


class TextFrame(Struct, gc=False):
    data: list[TextRow]
    action: str = ""


class OrderRow(Struct, rename="camel", gc=False):
    """One order of the ``orders`` channel, ``trade/order`` or ``trade/orders-pending``."""

    inst_id: str
    ord_id: str
    state: str
    cl_ord_id: str = ""
    side: str = ""
    ord_type: str = ""
    px: str = ""
    sz: str = ""
    acc_fill_sz: str = ""
    fill_px: str = ""
    fill_sz: str = ""
    trade_id: str = ""
    exec_type: str = ""
    fill_fee: str = ""
    fill_fee_ccy: str = ""
    cancel_source: str = ""
    u_time: str = ""


class FillRow(Struct, rename="camel", gc=False):
    """One row of ``trade/fills``."""

    inst_id: str
    ord_id: str
    trade_id: str
    side: str
    fill_px: str
    fill_sz: str
    cl_ord_id: str = ""
    exec_type: str = ""
    fee: str = ""
    fee_ccy: str = ""
    ts: str = ""


class BalanceRow(Struct, rename="camel", gc=False):
    ccy: str
    avail_bal: str = ""
    avail_eq: str = ""
    frozen_bal: str = ""
    u_time: str = ""


class AccountRow(Struct, rename="camel", gc=False):
    details: list[BalanceRow] = []


class AckRow(Struct, rename="camel", gc=False):
    """One item of an answer to order entry."""

    ord_id: str = ""
    cl_ord_id: str = ""
    s_code: str = ""
    s_msg: str = ""
    sub_code: str = ""
    ts: str = ""


class PrivateFrame(Struct, gc=False):
    """Any message of a private link except ``pong``; the type of ``data`` depends on the channel or operation."""

    arg: Arg | None = None
    op: str = ""
    data: Raw = Raw(b"[]")
    event: str = ""
    code: str = ""
    msg: str = ""
    id: str = ""


class Reply(Struct, gc=False):
    """A REST answer; the type of ``data`` depends on the request."""

    code: str
    msg: str = ""
    data: Raw = Raw(b"[]")


class InstrumentRow(Struct, rename="camel", gc=False):
    inst_type: str
    inst_id: str
    tick_sz: str = ""
    lot_sz: str = ""
    min_sz: str = ""
    base_ccy: str = ""
    quote_ccy: str = ""
    settle_ccy: str = ""
    ct_type: str = ""
    ct_val: str = ""
    uly: str = ""
    max_lmt_sz: str = ""
    group_id: str = ""
    inst_id_code: int | str | None = None
    state: str = ""


class FeeGroupRow(Struct, rename="camel", gc=False):
    group_id: str
    maker: str
    taker: str


class FeeRow(Struct, rename="camel", gc=False):
    fee_group: list[FeeGroupRow] = []
    maker: str = ""
    taker: str = ""


class CurrencyRow(Struct, rename="camel", gc=False):
    """One asset on one chain."""

    ccy: str
    can_dep: bool = False
    can_wd: bool = False


class TimeRow(Struct, gc=False):
    ts: int


public_frame = Decoder(PublicFrame, strict=False).decode
text_frame = Decoder(TextFrame, strict=False).decode
private_frame = Decoder(PrivateFrame).decode
REPLY = Decoder(Reply)
ACKS = Decoder(list[AckRow])
orders = Decoder(list[OrderRow]).decode
accounts = Decoder(list[AccountRow]).decode
acks = ACKS.decode
fills = Decoder(list[FillRow]).decode
instruments = Decoder(list[InstrumentRow]).decode
fees = Decoder(list[FeeRow]).decode
currencies = Decoder(list[CurrencyRow]).decode
times = Decoder(list[TimeRow], strict=False).decode
