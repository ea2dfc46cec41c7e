"""Orders, fills and balances: rows and pushes with the documented fields, refusals, and unknown outcomes."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from arbkit_mexc.adapter import Mexc
from arbkit_mexc.dialect_pack import pack
from wires import instrument

import arbkit.venue as kit
from arbkit.core.venues.signer import LocalSigner

NOW = 1_750_000_000_000_000_000
ME = "mexc:main"
BTC = instrument("mexc", "BTCUSDT", "0.01", "0.000001")
ID = "a0000001z141z421"


class Account:
    """The REST session and the private stream of one account."""

    def __init__(self) -> None:
        adapter = Mexc(kit.VenueSettings())
        links = adapter.links([BTC], ME)
        catalogue, signer = kit.Catalogue([BTC]), LocalSigner("k", "s")
        made: dict[kit.Role, Any] = {one.role: adapter.session(one, catalogue, signer) for one in links}
        self.rest, self.stream = made[kit.Role.REST], made[kit.Role.PRIVATE]

    def answer(self, what: Any, body: Any, status: int = 200) -> list[Any]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return list(self.rest.answered(what, kit.HttpAnswer(status, {}, data, NOW, NOW), NOW))

    def push(self, name: str, channel: str, **row: Any) -> Any:
        head = {"channel": f"spot@private.{channel}.v3.api.pb", "symbol": "BTCUSDT", "sendTime": 9}
        (out,) = self.stream.receive(pack(json.dumps(head | {name: row}).encode()), NOW)
        return out


def order() -> kit.NewOrder:
    return kit.NewOrder(
        account=ME, instrument=BTC.id, cl_ord_id=ID, side=kit.Side.BUY, qty=Decimal("0.1"), px=Decimal(50000)
    )


def test_an_accepted_order_has_the_venues_id() -> None:
    row = {"symbol": "BTCUSDT", "orderId": "C02__7", "price": "1", "origQty": "1", "type": "LIMIT", "side": "BUY"}
    (out,) = Account().answer(order(), row | {"transactTime": 5})
    assert (out.ord_status, out.order_id, out.cl_ord_id, out.cum_qty) == (kit.OrdStatus.NEW, "C02__7", ID, None)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html></html>"),
        (200, b"{}"),
        (200, b'{"code":0}'),
        (400, b"nothing"),
        (403, b"<html>firewall</html>"),
        (418, b'{"code":418,"msg":"banned"}'),
        (429, b'{"code":30004,"msg":"Insufficient position"}'),
        (500, b'{"code":30004,"msg":"Insufficient position"}'),
        (400, b'{"code":603,"msg":"repeated request"}'),
        (400, b'{"code":604,"msg":"maintenance"}'),
        (504, b""),
    ],
)
def test_what_proves_nothing_leaves_the_order_unknown(status: int, body: bytes) -> None:
    (update,) = [out for out in Account().answer(order(), body, status) if isinstance(out, kit.OrderUpdate)]
    assert update.ord_status is kit.OrdStatus.UNKNOWN


def test_a_refused_order() -> None:
    (out,) = Account().answer(order(), {"code": 30016, "msg": "Trading disabled"}, 400)
    assert (out.ord_status, out.reason, out.lasting) == (kit.OrdStatus.REJECTED, kit.RejectReason.INSTRUMENT, True)


def test_a_cancel_is_accepted_and_not_final() -> None:
    """Its answer may still say NEW."""
    cancel = kit.CancelOrder(account=ME, instrument=BTC.id, cl_ord_id=ID)
    (out,) = Account().answer(cancel, {"symbol": "BTCUSDT", "orderId": "7", "status": "NEW"})
    assert not out.ord_status.terminal
    (gone,) = Account().answer(cancel, {"code": -2011, "msg": "Unknown order sent."}, 400)
    assert (gone.ord_status, gone.reason) == (kit.OrdStatus.UNKNOWN, kit.RejectReason.UNKNOWN_ORDER)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("NEW", kit.OrdStatus.NEW),
        ("PARTIALLY_FILLED", kit.OrdStatus.PARTIALLY_FILLED),
        ("FILLED", kit.OrdStatus.FILLED),
        ("CANCELED", kit.OrdStatus.CANCELED),
        ("PARTIALLY_CANCELED", kit.OrdStatus.CANCELED),
        ("TOMORROW", kit.OrdStatus.UNKNOWN),
    ],
)
def test_the_words_of_a_query(word: str, status: kit.OrdStatus) -> None:
    row = {"symbol": "BTCUSDT", "orderId": "7", "clientOrderId": ID, "status": word, "executedQty": "0.5", "price": "1"}
    query = kit.QueryOrder(account=ME, instrument=BTC.id, cl_ord_id=ID)
    (out,) = Account().answer(query, row)
    assert (out.ord_status, out.cum_qty, out.source) == (status, Decimal("0.5"), "poll")


@pytest.mark.parametrize(
    ("number", "kind", "cum", "status"),
    [
        (1, 1, "0", kit.OrdStatus.NEW),
        (2, 1, "1", kit.OrdStatus.FILLED),
        (3, 1, "0.4", kit.OrdStatus.PARTIALLY_FILLED),
        (4, 1, "0", kit.OrdStatus.CANCELED),
        (5, 1, "0.4", kit.OrdStatus.CANCELED),
        (4, 3, "0", kit.OrdStatus.EXPIRED),
        (5, 3, "0.4", kit.OrdStatus.EXPIRED),
        (9, 1, "0", kit.OrdStatus.UNKNOWN),
    ],
)
def test_an_order_on_the_stream(number: int, kind: int, cum: str, status: kit.OrdStatus) -> None:
    """5 is an end: cancelled after a part was filled."""
    row = {"id": "7", "clientId": ID, "orderType": kind, "tradeType": 2, "cumulativeQuantity": cum, "status": number}
    out = Account().push("privateOrders", "orders", **row)
    assert (out.ord_status, out.cum_qty, out.side, out.cl_ord_id) == (status, Decimal(cum), kit.Side.SELL, ID)


def test_a_fill_and_a_balance_on_the_stream() -> None:
    account = Account()
    deal = {"price": "2", "quantity": "3", "tradeType": 1, "tradeId": "t", "orderId": "7", "feeAmount": "0.01"}
    fill = account.push("privateDeals", "deals", **deal, clientOrderId=ID, feeCurrency="MX", time=8)
    found = (fill.last_px, fill.last_qty, fill.trade_id, fill.fee, fill.fee_asset, fill.maker, fill.side)
    assert found == (Decimal(2), Decimal(3), "t", Decimal("0.01"), "MX", False, kit.Side.BUY)
    money = account.push("privateAccount", "account", vcoinName="USDT", balanceAmount="5", frozenAmount="2", time=8)
    assert (money.asset, money.free, money.locked, money.snapshot) == ("USDT", Decimal(5), Decimal(2), False)


def test_open_orders_are_listed_where_something_is_locked() -> None:
    """One symbol at a time; without anything locked there is no open order."""
    account, what = Account(), kit.ListOpenOrders(account=ME)
    balances = [{"asset": "USDT", "free": "1", "locked": "0"}]
    (listing,) = account.answer(what, {"balances": balances})
    assert (listing.complete, list(listing.updates)) == (True, [])
    (page,) = account.answer(what, {"balances": [{"asset": "USDT", "free": "1", "locked": "3"}]})
    (request,) = account.rest.encode(page, NOW)
    assert "/api/v3/openOrders?symbol=BTCUSDT&" in request.url.reveal()
    row = {"symbol": "BTCUSDT", "orderId": "7", "clientOrderId": ID, "status": "NEW"}
    (listing,) = account.answer(page, [row])
    assert (listing.complete, [one.order_id for one in listing.updates]) == (True, ["7"])


def test_a_full_page_of_fills_is_followed_and_each_fill_counts_once() -> None:
    """The next page ends where this one begins, its millisecond included."""
    account, what = Account(), kit.ListFills(account=ME, instrument=BTC.id, since_ns=NOW - 10**12)

    def row(number: int) -> dict[str, Any]:
        at = 1_749_999_999_000 + number
        return {"symbol": "BTCUSDT", "id": f"t{number}", "orderId": "7", "price": "1", "qty": "1", "time": at}

    (page,) = account.answer(what, [row(number) for number in range(150, 50, -1)])
    (request,) = account.rest.encode(page, NOW)
    assert f"endTime={1_749_999_999_000 + 52}" in request.url.reveal()
    (listing,) = account.answer(page, [row(number) for number in range(52, 40, -1)])
    assert listing.complete
    assert len({one.trade_id for one in listing.updates}) == len(listing.updates) == 110


def test_an_account_that_may_not_trade_is_told() -> None:
    (out,) = Account().answer(kit.Ask(kind=kit.AskKind.ACCOUNT), {"canTrade": False, "balances": []})
    assert "may not trade" in out.problem


@pytest.mark.parametrize("body", [{"balances": None}, {"balances": [{"asset": "USDT", "free": "NaN"}]}, {"data": 1}])
def test_balances_that_cannot_be_read_are_no_balances(body: Any) -> None:
    (out,) = Account().answer(kit.Ask(kind=kit.AskKind.BALANCES), body)
    assert isinstance(out, kit.NoAnswer)
